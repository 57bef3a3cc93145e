"""Where the relaxation is loose: how much, where, when, why; and one vocabulary for how a search ended."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pandapower as pp
import pandapower.networks as pn
import pandas as pd
import pytest

import adnflex
from adnflex.reporting.dispatch import KIND
from adnflex.reporting.dispatch.looseness import belief_words, causes, loose_hours
from adnflex.reporting.dispatch.view import views
from adnflex.reporting.dispatch.words import key_cards
from adnflex.results.status import STATUSES

from ..reader import section
from .example import example

DOCS = Path(adnflex.__file__).parents[1] / "docs"


def view_of(plan, check):
    return views([plan], [check])[0]


@pytest.fixture(scope="module")
def loose():
    """Sun at the end of a feeder that the upper voltage limit holds back."""
    net = pn.case33bw()
    net.poly_cost = net.poly_cost.iloc[:0]
    net.bus["min_vm_pu"], net.bus["max_vm_pu"] = 0.9, 1.05
    net.ext_grid["price_per_mwh"] = 1.0
    net.ext_grid[["min_p_mw", "min_q_mvar"]], net.ext_grid[["max_p_mw", "max_q_mvar"]] = -10.0, 10.0
    net.load["controllable"] = False
    for bus in (17, 32):
        pp.create_sgen(net, bus, p_mw=2.0, controllable=True, min_p_mw=0.0, max_p_mw=2.0, min_q_mvar=0, max_q_mvar=0)
    plan = adnflex.dispatch(net, hours_per_period=1.0, gap=1e-2)
    return plan, adnflex.validate(plan, net)


def test_the_report_says_what_the_relaxation_invents_where_and_why(loose, tmp_path):
    plan, check = loose
    study = view_of(*loose)
    table = loose_hours(study)
    invented = float(plan.recovery["invented_kw"].sum())
    assert invented > 1
    assert table["invented_kw"].tolist() == pytest.approx([invented])
    assert table.at[0, "branch"] == plan.cone_gap.loc[0].idxmax()
    assert table.at[0, "causes"].startswith("upper voltage limit")
    said = 1e3 * plan.relaxation_balance["losses_mw"].sum(), 1e3 * check.periods["losses_mw"].sum()
    assert abs(said[0] - said[1]) > 1
    html = adnflex.report(plan, check, tmp_path / "r.html").read_text(encoding="utf-8")
    for words in ("When and why the relaxation is loose", belief_words(study), "“relaxation” is what the optimiser"):
        assert words in html


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [("price", -5.0, "at which loss costs nothing"), ("must_take_mw", 1e3, "must be taken"), (None, 0, "none of")],
)
def test_every_known_cause_is_named(column, value, words):
    plan, check = example()
    balance = plan.balance.assign(**({column: value} if column else {}))
    plan = dataclasses.replace(plan, balance=balance, relaxation_vm_pu=pd.DataFrame())
    assert words in causes(view_of(plan, check), plan.periods[0])


def test_open_lines_that_are_locked_are_marked():
    plan, check = example()
    rows = {
        "element": "line", "index": [1, 2], "name": "", "closed_before": [True, False], "closed_after": [True, False],
        "operated": False, "locked": [False, True], "first_period": 0, "how": ["in_service", "locked"],
    }  # fmt: skip
    plan = dataclasses.replace(plan, switches=pd.DataFrame(rows), loss_gap=0.02)
    check = dataclasses.replace(check, certificate_losses=0.03)
    made = section(KIND, "switching", view_of(plan, check))
    assert "line 2 (locked)" in str(made.blocks)
    cards = {card.label: f"{card.value} {card.below}" for card in key_cards(view_of(plan, check))}
    assert re.search(r"2.%.*3.%", cards["Gap in losses"])


@pytest.mark.parametrize("status", sorted(STATUSES))
def test_a_status_has_the_same_words_everywhere(status):
    plan, check = example()
    plan = dataclasses.replace(plan, status=status)
    study = view_of(plan, check)
    assert STATUSES[status] in {card.below for card in key_cards(study)}
    assert STATUSES[status] in str(section(KIND, "details", study).blocks)
    told = (DOCS / "read_a_report.md").read_text(encoding="utf-8")
    assert f"| `{status}` | {STATUSES[status]} |" in told
    if status not in ("optimal", "complete"):
        assert STATUSES[status] in plan.summary()


def test_a_power_flow_that_does_not_converge_is_said_in_one_way():
    """No judge has its own sentence: what did not converge is neither confirmed nor refuted."""
    package = Path(adnflex.__file__).parent
    judges = [
        *package.glob("powerflow/*.py"),
        *package.glob("verbs/validate*.py"),
        *package.glob("problems/*/check.py"),
    ]
    text = {path.stem: path.read_text(encoding="utf-8") for path in judges}
    assert "not_converged(" in text["verdict"]
    own = r'(verdict|return).*"AC power flow does not converge'
    assert [name for name, source in text.items() if re.search(own, source)] == []
