"""A branch that is open at one end still carries its charging current: held to its limit in the model, by enumeration.

Random nets of long cables, with line switches at one end or at both, limits near the charging currents.  Every radial
state is written into the net and run; the optimiser must find the best of those that meet all limits, or prove that
there is none, and no plan may fail its own check.
"""

from __future__ import annotations

import copy
import os

import numpy as np
import pandapower as pp
import pytest

import adnflex
from adnflex.errors import Infeasible
from adnflex.grid import read_grid
from adnflex.grid.flow import flow_of
from adnflex.knobs import Switching
from tests.brute_force import best, enumerate_configurations

SOAK = int(os.environ.get("ADNFLEX_SOAK", "1"))


def cables(rng: np.random.Generator) -> pp.pandapowerNet:
    """A ring of cables with a chord, limits of some lines near what they charge."""
    n = int(rng.integers(3, 6))
    net = pp.create_empty_network()
    for _ in range(n):
        pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1)
    pp.create_ext_grid(net, 0, vm_pu=float(rng.uniform(0.98, 1.04)))
    ends = [(k, (k + 1) % n) for k in range(n)]
    ends += [(0, 2)] if rng.random() < 0.5 else []
    for f, t in ends:
        cable = bool(rng.random() < 0.6)
        km = float(rng.uniform(5.0, 15.0))
        line = pp.create_line_from_parameters(net, f, t, km, 0.2, 0.15, 330.0 if cable else 5.0, 0.25)
        charging = 2 * np.pi * 50 * net.line.at[line, "c_nf_per_km"] * 1e-9 * km * 20 / np.sqrt(3)
        tight = cable and rng.random() < 0.5
        net.line.loc[line, "max_i_ka"] = float(rng.uniform(0.7, 1.6) * charging) if tight else 0.25
        net.line.loc[line, "max_loading_percent"] = 100.0
        where = rng.choice(["from", "to", "both"])
        if where != "to":
            pp.create_switch(net, f, line, "l", closed=bool(rng.random() < 0.8))
        if where != "from":
            pp.create_switch(net, t, line, "l", closed=bool(rng.random() < 0.8))
    for bus in range(1, n):
        pp.create_load(net, bus, float(rng.uniform(0.02, 0.2)), float(rng.uniform(0.0, 0.15)))
    return net


def charges_too_much(net: pp.pandapowerNet) -> bool:
    """Whether opening some line breaks a limit by its charging alone."""
    grid = read_grid(net)
    k, f = grid.ratings.branch, grid.ratings.at_from
    y = np.where(f, np.abs(grid.open_from[k]), np.abs(grid.open_to[k]))
    return bool((y > grid.ratings.limit).any())


def test_the_best_state_that_charges_within_its_limits() -> None:
    decided = 0
    for seed in range(4 * SOAK):
        net = cables(np.random.default_rng(seed))
        decided += charges_too_much(net)
        table = enumerate_configurations(net, check=False)
        if not table.feasible.any():
            with pytest.raises(Infeasible, match=r"\(proven\)"):
                adnflex.reconfigure(net, workers=1)
            continue
        plan = adnflex.reconfigure(net, workers=1)
        assert plan.losses_mw == pytest.approx(float(best(table).losses_mw), rel=1e-4), seed
        assert plan.bound <= float(best(table).losses_mw) * (1 + 1e-6)
        check = adnflex.validate(plan, net)
        assert check.passed, (seed, check.verdict)
    # else the enumeration would not tell a model with the limit from one without it
    assert decided >= 1


def transformer_ring(limit: float) -> pp.pandapowerNet:
    """Two transformers feed one busbar; the one that is opened at its lower side stays magnetised."""
    net = pp.create_empty_network()
    top, low = (pp.create_bus(net, kv, min_vm_pu=0.9, max_vm_pu=1.1) for kv in (110.0, 20.0))
    other = pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1)
    pp.create_ext_grid(net, top)
    for bus, most in ((low, limit), (other, 100.0)):
        trafo = pp.create_transformer_from_parameters(
            net, top, bus, 25.0, 110.0, 20.0, 0.4, 12.0, 100.0, 4.0, max_loading_percent=most
        )
        pp.create_switch(net, bus, trafo, "t", closed=True)
    line = pp.create_line_from_parameters(net, low, other, 1.0, 0.2, 0.1, 10.0, 1.0)
    pp.create_switch(net, low, line, "l", closed=False)
    pp.create_load(net, low, 0.2, 0.05)
    pp.create_load(net, other, 8.0, 2.0)
    return net


@pytest.mark.parametrize("limit", [3.0, 5.0])
def test_a_transformer_open_at_one_side_is_held_to_its_limit(limit: float) -> None:
    net = transformer_ring(limit)
    if limit < 4:
        with pytest.raises(Infeasible, match=r"\(proven\)"):
            adnflex.reconfigure(net, switchable_switches=[0, 1], workers=1)
    else:
        plan = adnflex.reconfigure(net, switchable_switches=[0, 1], workers=1)
        assert adnflex.validate(plan, net).passed
    grid = read_grid(net, switching=Switching(switchable_switches=[0, 1]))
    k = next(k for k, b in enumerate(grid.branches) if b.members[0].element == "trafo" and b.members[0].index == 0)
    closed = np.ones(grid.m, dtype=bool)
    closed[k] = False
    flow = flow_of(grid, closed)
    assert flow is not None
    work = copy.deepcopy(net)
    work.switch.loc[[0, 2], "closed"] = False, True
    pp.runpp(work, numba=False)
    loading = flow.loadings(grid)[grid.ratings.branch == k].max()
    assert 100 * loading == pytest.approx(work.res_trafo.loading_percent[0] / limit * 100, rel=1e-6)
    assert (loading > 1) == (limit < 4)


def test_a_dispatch_that_switches_keeps_the_charging_within_its_limit() -> None:
    net = pp.create_empty_network()
    for _ in range(4):
        pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1)
    pp.create_ext_grid(net, 0)
    net.ext_grid["price_per_mwh"] = 50.0
    for i, (f, t) in enumerate([(0, 1), (1, 2), (2, 3), (3, 0)]):
        line = pp.create_line_from_parameters(
            net, f, t, 10.0, 0.2, 0.2, 300.0 if i == 2 else 1.0, 0.2, max_loading_percent=100.0
        )
        pp.create_switch(net, f, line, et="l")
    for bus, p, q in ((1, 1.0, 0.3), (2, 0.1, 0.25), (3, 2.5, 0.3)):
        pp.create_load(net, bus, p, q)
    pp.create_sgen(net, 1, 0.2, controllable=True, min_p_mw=0.0, max_p_mw=0.2)
    # without this limit line 2 would be opened, which loses a little less
    net.line.loc[2, "max_i_ka"] = 0.009
    plan = adnflex.dispatch(net, windows=None, time_limit=60)
    check = adnflex.validate(plan, net)
    assert check.passed, check.verdict
    assert plan.switches.loc[~plan.switches["closed_after"].astype(bool), "index"].tolist() == [1]
