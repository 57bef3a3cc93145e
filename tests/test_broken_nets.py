"""Nets broken on purpose: refused by table, column and index, or read as what they say; never a traceback.

The seeded part of the campaign `validation/faults/tables.py`.
"""

from __future__ import annotations

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

import adnflex
from adnflex.errors import InputError
from adnflex.grid import read_grid
from tests import broken_nets
from tests.dispatch_nets import require_unchanged

SEED = 20261127


@pytest.mark.parametrize("part", range(10))
def test_a_broken_net_is_refused_by_name(part) -> None:
    """Fifteen faults of other tables, columns and kinds in every part; early refusals, so all verbs are cheap."""
    rng = np.random.default_rng([SEED, part])
    verbs = list(broken_nets.VERBS)[:5]
    bad = []
    for _ in range(15):
        name, fault, net, index = broken_nets.draw(rng, broken_nets.BASES, 0.0)
        verb = str(rng.choice(verbs))
        if text := broken_nets.wrong(verb, name, fault, net, index):
            bad.append(f"{verb}, {name}, {fault}: {text}")
    assert not bad


def small() -> pp.pandapowerNet:
    """A ring of three buses with switches and a tie."""
    net = pp.create_empty_network()
    pp.create_buses(net, 3, 20.0, min_vm_pu=0.9, max_vm_pu=1.1)
    pp.create_ext_grid(net, 0)
    for k, (a, b) in enumerate(((0, 1), (1, 2), (2, 0))):
        pp.create_line_from_parameters(net, a, b, 1.0 + k, 0.3, 0.3, 0, 0.2, max_loading_percent=100.0)
        pp.create_switch(net, b, k, "l", closed=k != 1)
    for bus in (1, 2):
        pp.create_load(net, bus, 1.0, 0.2)
    return net


@pytest.fixture(scope="module")
def plan() -> adnflex.Plan:
    """The plan of the net as it is."""
    return adnflex.reconfigure(small(), workers=1)


SAME = {
    "0 and 1": lambda s: s.astype(int),
    "0.0 and 1.0": lambda s: s.astype(float),
    "nullable": lambda s: s.astype("boolean"),
    "objects": lambda s: s.astype(object),
    "numpy objects": lambda s: pd.Series([np.bool_(v) for v in s], s.index, dtype=object),
}


@pytest.mark.parametrize("kind", SAME)
def test_truth_of_a_spreadsheet_gives_the_same_plan_check_and_net(kind, plan) -> None:
    net = small()
    for table, column in (("switch", "closed"), ("line", "in_service"), ("load", "in_service"), ("bus", "in_service")):
        net[table][column] = SAME[kind](net[table][column])
    before = pp.pandapowerNet(net)
    same = adnflex.reconfigure(net, workers=1)
    assert same.open_lines == plan.open_lines
    assert same.objective == pytest.approx(plan.objective, rel=1e-9)
    assert same.fingerprint == plan.fingerprint
    check = adnflex.validate(plan, net)
    assert check.passed
    assert check.losses_mw == pytest.approx(plan.losses_mw, rel=1e-4)
    applied = same.apply(net)
    assert applied.switch["closed"].dtype == bool
    pp.runpp(applied, numba=False)
    require_unchanged(before, net)


@pytest.mark.parametrize("table", ["motor", "trafo3w", "svc", "shunt", "vsc", "poly_cost"])
def test_a_table_that_an_older_pandapower_did_not_have_is_empty(table, plan) -> None:
    net = small()
    del net[table]
    assert read_grid(net).fingerprint == plan.fingerprint
    assert adnflex.validate(plan, net).passed
    assert table not in net


@pytest.mark.parametrize("verb", ["reconfigure", "dispatch", "flexibility", "pq_region"])
@pytest.mark.parametrize("net", [{}, None, 3, pd.DataFrame(), [1], b"net", "", "no such net", "."], ids=repr)
def test_what_is_no_net_is_an_input_error(verb, net) -> None:
    with pytest.raises(InputError):
        getattr(adnflex, verb)(net)


def test_a_net_is_taken_by_its_name_and_by_its_path(tmp_path, plan) -> None:
    pp.to_json(small(), str(tmp_path / "small.json"))
    assert adnflex.reconfigure(tmp_path / "small.json", workers=1).fingerprint == plan.fingerprint
    assert adnflex.validate(plan, str(tmp_path / "small.json")).passed
    assert len(plan.apply(tmp_path / "small.json").line) == 3


@pytest.mark.parametrize(("name", "value"), [("sn_mva", None), ("sn_mva", "1"), ("f_hz", 0.0), ("f_hz", float("nan"))])
def test_a_fact_of_the_whole_net_that_is_wrong(name, value) -> None:
    net = small()
    net[name] = value
    with pytest.raises(InputError, match=f"net: {name} is"):
        adnflex.reconfigure(net, workers=1)


def test_a_switch_that_stands_at_no_end_of_its_line() -> None:
    net = small()
    net.switch.loc[0, "bus"] = 2
    with pytest.raises(InputError, match="switch 0: bus is 2, which is no end of line 0"):
        adnflex.reconfigure(net, workers=1)
