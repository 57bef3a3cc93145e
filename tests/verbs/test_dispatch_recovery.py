"""No plan leaves a dispatch that its own audit fails; no end of the search loses an admissible present state."""

from __future__ import annotations

import itertools
import math
import sys

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

import adnflex
from adnflex.errors import InputError
from adnflex.problems.dispatch import other_decisions, topologies
from adnflex.problems.dispatch import recover as recover_dispatch
from adnflex.problems.dispatch import search as search_dispatch
from adnflex.solvers.ending import Ending
from adnflex.solvers.injection import injected


def weak_feeder(seed: int):
    """Sun that may be curtailed and a lossy storage on a weak feeder at its upper limit: doing both pays there."""
    rng = np.random.default_rng(seed)
    net = pp.create_empty_network()
    bus = [pp.create_bus(net, 0.4, min_vm_pu=0.9, max_vm_pu=1.05) for _ in range(5)]
    for a, b in itertools.pairwise(bus):
        pp.create_line_from_parameters(net, a, b, 0.15, 0.32, 0.08, 0, 0.27, max_loading_percent=100.0)
    pp.create_ext_grid(net, bus[0], vm_pu=1.02)
    sun = {
        pp.create_sgen(net, bus[k], 0.1, 0.0, controllable=True, min_p_mw=0.0): np.round(rng.uniform(0.04, 0.1, 2), 4)
        for k in (2, 3, 4)
    }
    net.sgen["cost_per_mwh"] = [0.0, 45.0, 20.0]
    pp.create_storage(
        net, bus[3], 0.0, 0.2, soc_percent=80, min_e_mwh=0.02, controllable=True, min_p_mw=-0.1, max_p_mw=0.1
    )
    net.storage["efficiency_percent"] = 90.0
    prices = pd.DataFrame({0: np.round(rng.uniform(60, 120, 2), 2)})
    return net, {("sgen", "p_mw"): pd.DataFrame(sun), ("ext_grid", "price_per_mwh"): prices}


def quiet_feeder(**storage):
    """A feeder whose present state meets every limit, with much to decide."""
    net = pp.create_empty_network()
    bus = [pp.create_bus(net, 20.0, min_vm_pu=0.95, max_vm_pu=1.05) for _ in range(4)]
    for a, b in ((0, 1), (1, 2), (2, 3), (3, 1)):
        pp.create_line_from_parameters(net, bus[a], bus[b], 2.0, 0.3, 0.3, 200.0, 0.3, max_loading_percent=100.0)
    pp.create_switch(net, bus[3], 3, et="l", closed=False)
    pp.create_ext_grid(net, bus[0], vm_pu=1.01)
    net.ext_grid["price_per_mwh"] = 50.0
    for b in bus[1:]:
        pp.create_load(net, b, 0.8, 0.2)
    pp.create_sgen(net, bus[3], 0.6, controllable=True, min_p_mw=0.0, min_q_mvar=-0.2, max_q_mvar=0.2, sn_mva=0.7)
    pp.create_shunt(net, bus[2], q_mvar=-0.1, step=1, max_step=3)
    net.shunt["controllable"], net.shunt["cost_per_move"] = True, 5.0
    given = {"max_e_mwh": 1.0, "min_e_mwh": 0.1, "soc_percent": 50.0} | storage
    pp.create_storage(net, bus[2], 0.0, controllable=True, min_p_mw=-0.3, max_p_mw=0.3, **given)
    net.storage["efficiency_percent"] = 92.0
    prices = pd.DataFrame({0: [40.0, 90.0, 60.0]})
    return net, {("ext_grid", "price_per_mwh"): prices}


@pytest.mark.parametrize("seed", [6, 21])
def test_a_recovered_storage_does_one_thing_at_a_time(seed):
    net, profiles = weak_feeder(seed)
    plan = adnflex.dispatch(net, profiles=profiles, hours_per_period=1.0, gap=1e-5, time_limit=60)
    check = adnflex.validate(plan, net)
    assert check.passed, check.verdict
    assert plan.status != "not_passed"
    assert plan.bound <= check.objective + 1e-6
    assert plan.recovery["method"].ne("none needed").all()


def test_every_candidate_of_recovery_is_audited(monkeypatch):
    """A way that gives back a point with both at once is not taken, whatever it saves."""
    net, profiles = weak_feeder(6)
    seen = []
    plain = recover_dispatch.evaluate

    def spy(dispatch, x):
        state = plain(dispatch, x)
        seen.append((state.feasible, [e.kind for e in state.excess], state.objective))
        return state

    monkeypatch.setattr(recover_dispatch, "evaluate", spy)
    plan = adnflex.dispatch(net, profiles=profiles, hours_per_period=1.0, gap=1e-5, time_limit=60)
    rejected = [value for feasible, kinds, value in seen if not feasible and "energy at the end" in kinds]
    assert rejected, "the case no longer shows what it was made for"
    assert min(rejected) < plan.objective


# ------------------------------------------------------------------ the present state


def present_cost(net, profiles) -> float:
    """Cost of doing nothing, by power flow."""
    pp.runpp(net, tolerance_mva=1e-10)
    return float(net.res_ext_grid.p_mw.sum() * profiles["ext_grid", "price_per_mwh"].to_numpy().sum())


ENDS = {
    "time is out": lambda *_, **__: Ending("time_limit", None, math.inf, -math.inf, 0.0, "none"),
    "interrupted": lambda *_, **__: Ending("interrupted", None, math.inf, -math.inf, 0.0, "none"),
    "failing": lambda *_, **__: Ending("failed", None, math.inf, -math.inf, 0.0, "none", "it gave up"),
    "called infeasible": lambda *_, **__: Ending("infeasible", None, math.inf, math.inf, 0.0, "none"),
}


@pytest.mark.parametrize("windows", ["fixed", None])
@pytest.mark.parametrize("end", ENDS)
def test_a_present_state_that_meets_every_limit_is_an_answer(monkeypatch, windows, end):
    net, profiles = quiet_feeder()
    for module in (search_dispatch, other_decisions, recover_dispatch):
        monkeypatch.setattr(module, "solve_model", ENDS[end])
    for module in (search_dispatch, topologies):
        monkeypatch.setattr(module, "solve_form", ENDS[end])
    options = {} if windows else {"windows": None, "switchable_lines": "all"}
    plan = adnflex.dispatch(net, profiles=profiles, hours_per_period=1.0, time_limit=5, **options)
    assert plan.status == {"time is out": "time_limit", "interrupted": "interrupted"}.get(end, "unproven")
    # the time of a search may be over, that of a relaxation is short
    assert (plan.bound > 0) if end == "time is out" else (plan.bound == -math.inf)
    assert plan.bound <= plan.objective
    assert (plan.recovery["method"] == "present state").all()
    assert plan.objective == pytest.approx(present_cost(net, profiles), rel=1e-6)
    check = adnflex.validate(plan, net)
    assert check.passed, check.verdict
    assert any("present state" in note for note in plan.notes)


@pytest.mark.parametrize("windows", ["fixed", None])
def test_a_tiny_time_limit_is_no_reason_to_call_it_infeasible(windows):
    net, profiles = quiet_feeder()
    options = {} if windows else {"windows": None, "switchable_lines": "all"}
    plan = adnflex.dispatch(net, profiles=profiles, hours_per_period=1.0, time_limit=1e-3, **options)
    assert adnflex.validate(plan, net).passed
    assert plan.objective <= present_cost(net, profiles) + 1e-6
    assert plan.bound <= plan.objective


def test_a_storage_that_has_to_end_elsewhere_still_has_a_present_state(monkeypatch):
    net, profiles = quiet_feeder()
    net.storage["terminal_soc_percent"] = 65.0
    for module in (search_dispatch, other_decisions, recover_dispatch):
        monkeypatch.setattr(module, "solve_model", ENDS["time is out"])
    monkeypatch.setattr(search_dispatch, "solve_form", ENDS["time is out"])
    plan = adnflex.dispatch(net, profiles=profiles, hours_per_period=1.0, time_limit=5)
    assert adnflex.validate(plan, net).passed
    assert plan.storage["e_mwh", 0].iloc[-1] == pytest.approx(0.65)


def test_a_plan_that_its_own_check_fails_says_so(monkeypatch):
    net, profiles = quiet_feeder()
    module = sys.modules["adnflex.verbs.dispatch"]
    plain = module.plan_tables

    def spoilt(*args):
        tables = plain(*args)
        tables["setpoints"]["storage", "p_mw", 0] += 0.01
        return tables

    monkeypatch.setattr(module, "plan_tables", spoilt)
    plan = adnflex.dispatch(net, profiles=profiles, hours_per_period=1.0, time_limit=20)
    assert plan.status == "not_passed"
    assert "energy at the end" in plan.notes[-1]
    assert not adnflex.validate(plan, net).passed


# ------------------------------------------------------------------ the certificate in losses


def ring():
    """A ring of equal lines: opened at the wrong place it loses a third more, which is next to nothing of the bill."""
    net = pp.create_empty_network()
    bus = [pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1) for _ in range(6)]
    for k in range(6):
        pp.create_line_from_parameters(net, bus[k], bus[(k + 1) % 6], 3.0, 0.4, 0.35, 0.0, 0.3)
        pp.create_switch(net, bus[k], k, et="l", closed=k != 0)
    pp.create_ext_grid(net, bus[0], vm_pu=1.0)
    net.ext_grid["price_per_mwh"] = 60.0
    for b, p in zip(bus[1:], (0.3, 0.5, 0.9, 0.2, 0.6), strict=True):
        pp.create_load(net, b, p, 0.2 * p)
    return net


def least_losses(net) -> float:
    """Losses of the best opened line, by power flow of each [MW]."""
    found = []
    for k in net.line.index:
        net.switch["closed"] = net.switch["element"] != k
        pp.runpp(net, tolerance_mva=1e-10)
        found.append(float(net.res_line.pl_mw.sum()))
    net.switch["closed"] = net.switch["element"] != 0
    return min(found)


def test_the_gap_of_a_switching_plan_is_in_losses_by_default():
    net = ring()
    least = least_losses(net)
    plan = adnflex.dispatch(net, windows=None, switchable_lines="all", hours_per_period=2.0, gap=1e-3)
    assert plan.options["gap_in"] == "losses"
    assert plan.energy.at["losses", "mwh"] == pytest.approx(2 * least, rel=1e-3)
    # the money in the gap, as a share of what the losses are worth
    value = 60.0 * plan.energy.at["losses", "mwh"]
    assert plan.loss_gap == pytest.approx((plan.objective - plan.bound) / value, rel=1e-6, abs=1e-12)
    assert plan.loss_gap <= 1e-3
    assert plan.loss_bound_mwh <= 2 * least + 1e-9
    assert "gap in losses" in plan.summary()
    check = adnflex.validate(plan, net)
    assert check.certificate_losses == pytest.approx(plan.loss_gap, abs=1e-5)


def test_a_gap_in_cost_says_what_it_leaves_of_the_losses(tmp_path):
    net = ring()
    least = least_losses(net)
    plan = adnflex.dispatch(net, windows=None, switchable_lines="all", hours_per_period=2.0, gap=1e-2, gap_in="cost")
    value = 60.0 * plan.energy.at["losses", "mwh"]
    assert plan.loss_gap == pytest.approx((plan.objective - plan.bound) / value, rel=1e-6, abs=1e-12)
    # what is left to save in losses is never more than the certificate says
    assert 1 - 2 * least / plan.energy.at["losses", "mwh"] <= plan.loss_gap + 1e-9
    plan.save(tmp_path / "plan.json")
    again = adnflex.DispatchPlan.load(tmp_path / "plan.json")
    assert (again.loss_gap, again.loss_bound_mwh) == (plan.loss_gap, plan.loss_bound_mwh)
    pd.testing.assert_frame_equal(again.relaxation_balance, plan.relaxation_balance)


def test_a_gap_in_something_else_is_refused():
    with pytest.raises(InputError, match="gap_in is 'energy'"):
        adnflex.dispatch(ring(), gap_in="energy")


# ------------------------------------------------------------------ the relaxation beside the truth


def test_the_relaxation_is_shown_beside_the_truth():
    net, profiles = weak_feeder(6)
    plan = adnflex.dispatch(net, profiles=profiles, hours_per_period=1.0, time_limit=60)
    off = adnflex.validate(plan, net).deviations.set_index(["model", "quantity"])["max_abs"]
    assert off["exact power flow"].max() < 1e-6
    assert off["relaxation", "losses"] > 1e-4
    # what the relaxation says is its own: voltages within its limits, losses that its cones invent
    assert plan.relaxation_vm_pu.to_numpy().max() <= 1.05 + 1e-6
    invented = 1e3 * (plan.relaxation_balance["losses_mw"].sum()) - plan.recovery["invented_kw"].sum()
    assert invented > 0
    assert plan.relaxation_loading_percent.columns.equals(plan.loading_percent.columns)


def test_a_reconfiguration_keeps_what_its_relaxation_says(tmp_path):
    net = ring()
    plan = adnflex.reconfigure(net, switchable_lines="all", workers=1, time_limit=20)
    off = adnflex.validate(plan, net).deviations
    assert set(off["model"]) == {"exact power flow", "relaxation"}
    assert plan.relaxation_losses_mw == pytest.approx(plan.losses_mw, rel=1e-4)
    plan.save(tmp_path / "plan.json")
    again = adnflex.Plan.load(tmp_path / "plan.json")
    assert again.relaxation_losses_mw == plan.relaxation_losses_mw
    assert again.relaxation_buses["vm_pu"].tolist() == pytest.approx(plan.relaxation_buses["vm_pu"].tolist())


@pytest.mark.parametrize("fault", ["unknown", "time limit", "wrong bound", "exception"])
def test_a_present_state_is_the_first_answer_of_a_reconfiguration(monkeypatch, fault):
    """It is known before the search for a start, which takes minutes in a large net, and whatever solvers do."""
    net = ring()
    monkeypatch.setattr(
        "adnflex.problems.reconfiguration.local_search.meshed_start", lambda *_: pytest.fail("no time left")
    )
    with injected(fault):
        plan = adnflex.reconfigure(net, switchable_lines="all", workers=1, time_limit=1e-9)
    assert plan.open_lines == [0]
    assert plan.bound <= plan.objective
    assert adnflex.validate(plan, net).passed
