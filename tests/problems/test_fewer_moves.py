"""What moves back and forth for nothing is left out of a plan; what is worth its move stays."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

import adnflex
from adnflex.knobs import Horizon, Limits, Switching
from adnflex.problems.clock import Deadline
from adnflex.problems.dispatch.charge_modes import first_modes
from adnflex.problems.dispatch.fewer_moves import _tries, _with_positions, fewer_moves, moves_of
from adnflex.problems.dispatch.problem import Costs, DispatchProblem
from adnflex.problems.dispatch.search import Search
from adnflex.problems.dispatch.state import evaluate
from adnflex.study import read_study

LOAD = [0.2, 1.0, 0.2, 1.0, 0.2, 1.0]


def feeder(price: float = 50.0, **columns: float) -> pp.pandapowerNet:
    """Two buses, a load that wants 1 Mvar every other hour, and a bank of five steps of 0.2 Mvar."""
    net = pp.create_empty_network(sn_mva=1.0)
    buses = [pp.create_bus(net, 10.0, min_vm_pu=0.9, max_vm_pu=1.1) for _ in range(2)]
    pp.create_ext_grid(net, buses[0])
    net.ext_grid["price_per_mwh"] = price
    pp.create_line_from_parameters(net, *buses, 5.0, 0.4, 0.4, 0.0, 0.4)
    pp.create_load(net, buses[1], 2.0, 1.0, controllable=False)
    pp.create_shunt(net, buses[1], q_mvar=-0.2, step=0, max_step=5)
    net.shunt["controllable"], net.shunt["min_step"] = True, 0
    for name, value in columns.items():
        net.shunt[name] = value
    net.load["profile"] = "day"
    net["profiles"] = {"load": pd.DataFrame({"day_pload": [1.0] * len(LOAD), "day_qload": LOAD})}
    return net


def searched(net: pp.pandapowerNet):
    """A search, its model, and the state that its relaxation gives."""
    study = read_study(net, Horizon(hours_per_period=1.0), Limits(), Switching(windows="fixed"))
    problem = DispatchProblem(study.points, study.horizon, study.devices, Costs())
    search = Search(problem, 1e-6, "auto", Deadline(60.0, None), first_modes(study.horizon, study.devices))
    dispatch, solved = search.one_way()
    return search, dispatch, evaluate(dispatch, solved.x)


@pytest.fixture(scope="module")
def moving():
    return searched(feeder())


def steps_of(state) -> list[int]:
    bank = next(s for s in state.schedules if s.moves is not None)
    return bank.setpoints["shunt", "step", 0][0].astype(int).tolist()


def test_moves_that_are_worth_their_cost_stay(moving):
    search, dispatch, state = moving
    quiet, busy = steps_of(state)[:2]
    assert steps_of(state) == [quiet, busy] * 3
    assert quiet < busy
    assert fewer_moves(search, dispatch, state, state.objective * (1 + 1e-9)) is None


def test_moves_within_the_ceiling_are_left_out_as_far_as_it_allows(moving):
    search, dispatch, state = moving
    still = {
        k: evaluate(dispatch, _with_positions(dispatch, state.x, t)).objective for k, t in _constant(dispatch, state)
    }
    best = min(still.values())
    found = fewer_moves(search, dispatch, state, best * (1 + 1e-9))
    assert moves_of(found) <= 1
    assert found.objective <= best * (1 + 1e-9)
    middle = (state.objective + best) / 2
    some = fewer_moves(search, dispatch, state, middle)
    assert moves_of(found) <= moves_of(some) < moves_of(state)
    assert some.objective <= middle
    assert some.feasible


def _constant(dispatch, state):
    tries = [t for t in _tries(dispatch, state) if np.ptp(t.positions) == 0]
    return [(int(t.positions[0]), t) for t in tries]


def test_what_breaks_a_limit_is_not_left_out(moving):
    search, dispatch, state = moving
    bounds = dispatch.points.grid
    # with the bank standing still the voltage of an hour of much load is below this
    lowest = min(f.v[1] for f in state.flows.values())
    tight = dataclasses.replace(dispatch, points=dataclasses.replace(dispatch.points, grid=bounds.replace(
        v_min=np.array([bounds.v_min[0], lowest - 1e-6]))))  # fmt: skip
    for _, one in _constant(tight, state):
        if one.positions[0] < 5:
            assert not evaluate(tight, _with_positions(tight, state.x, one)).feasible
    found = fewer_moves(search, tight, state, math.inf)
    assert found is None or found.feasible


@pytest.mark.parametrize("limit", [math.nan, 6.0])
def test_a_plan_has_no_moves_that_its_gap_makes_meaningless(limit):
    net = feeder(max_moves_per_day=limit)
    near = adnflex.dispatch(net, hours_per_period=1.0, gap=1e-6)
    wide = adnflex.dispatch(net, hours_per_period=1.0, gap=5e-2)
    moves = [p.devices.set_index("table").at["shunt", "moves"] for p in (near, wide)]
    assert moves[0] == 6
    assert moves[1] <= 1
    assert wide.gap <= 5e-2
    assert wide.status == "optimal"
    assert adnflex.validate(wide, net).passed


def test_decisions_that_are_taken_already_are_not_touched():
    net = feeder()
    near = adnflex.dispatch(net, hours_per_period=1.0, gap=1e-6)
    again = adnflex.dispatch(net, hours_per_period=1.0, gap=5e-2, follow=near)
    assert again.capacitor_steps.equals(near.capacitor_steps)
