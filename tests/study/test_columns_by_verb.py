"""Every column that docs/devices.md names, in every verb: honoured, refused by name, or noted.

`validation/faults/columns.py` runs the whole table; here are the columns that verbs once read differently.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.study.columns import EXPECTED, VALUES, VERBS, outcome

PAGE = Path(__file__).parents[2] / "docs" / "devices.md"
CHOSEN = [
    ("storage", "cost_per_mwh"),
    ("storage", "terminal_soc_percent"),
    ("storage", "self_discharge_percent_per_hour"),
    ("storage", "efficiency_percent"),
    ("ext_grid", "price_per_mwh"),
    ("ext_grid", "sell_price_per_mwh"),
    ("load", "transferable_share"),
    ("ev", "need_kwh"),
]


def test_every_column_of_the_page_is_in_the_table():
    text = PAGE.read_text(encoding="utf-8")
    pages = text[: text.index("## Profiles")]
    # columns of a soft open point are in tests/devices/test_soft_open_point.py, limits of buses in those of the grid
    rows = [line for line in pages.splitlines() if line.startswith("|") and "dcline" not in line]
    named = set(re.findall(r"`([a-z_0-9]+)`", " ".join(rows)))
    tables = {"sgen", "storage", "load", "trafo", "shunt", "ext_grid", "gen", "vehicle", "final_energy"}
    tables |= {"bus", "min_vm_pu", "max_vm_pu"}
    assert named - tables <= {column for _, column in EXPECTED}


@pytest.mark.parametrize(("table", "column"), CHOSEN)
@pytest.mark.parametrize("verb", VERBS)
def test_a_column_is_honoured_refused_or_noted(verb, table, column):
    wanted = EXPECTED[table, column][VERBS.index(verb)]
    assert outcome(verb, table, column, VALUES[table, column]) == wanted
