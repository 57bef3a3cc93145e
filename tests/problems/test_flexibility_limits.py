"""Boxes where the time ends early: what was found by then holds, and nothing is said beyond it."""

from __future__ import annotations

import itertools
import math
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import adnflex
from adnflex import networks
from adnflex.errors import TimeExpired
from adnflex.knobs import Horizon
from adnflex.problems.clock import Deadline
from adnflex.problems.flexibility.one_state import solve_state
from adnflex.problems.flexibility.shrunk import shrunk
from adnflex.problems.flexibility.study import read_flexibility_study
from adnflex.problems.flexibility.wishes import Wishes
from adnflex.solvers.ending import Ending
from adnflex.solvers.highs import LinearSolver
from tests.region_nets import feeder


@given(st.lists(st.lists(st.sampled_from([True, False, None]), min_size=5, max_size=5), min_size=1, max_size=4))
def test_what_is_left_of_a_box_has_good_states_only_and_is_the_widest(rows):
    shares = np.linspace(0.0, 1.0, 5)
    excess = {True: 0.0, False: 0.1, None: np.nan}
    voltage = np.array([[excess[good] for good in row] for row in rows])
    sampled = SimpleNamespace(shares=shares, excess=SimpleNamespace(voltage=voltage, loading=0 * voltage))
    lower, upper = np.zeros((len(rows), 1)), np.ones((len(rows), 1))
    found = shrunk(lower, upper, sampled, 1e-6, 1e-6)
    runs = [
        [(a, b) for a in range(5) for b in range(a, 5) if all(row[k] is True for k in range(a, b + 1))] for row in rows
    ]
    if not all(runs):
        assert found is None
        return
    low, high = (part[:, 0] for part in found)
    for t, mine in enumerate(runs):
        here = round(low[t] * 4), round(high[t] * 4)
        assert here in mine
        assert here[1] - here[0] == max(b - a for a, b in mine)


@pytest.fixture
def by_the_clock(monkeypatch):
    """A linear program is solved where any time is left, and is not where none is, however busy the machine is."""
    solve = LinearSolver.solve

    def solved(self, seconds, *args, **options):
        if seconds <= 0:
            return Ending("time_limit", None, math.inf, -math.inf, math.inf, "HiGHS")
        return solve(self, 1e6, *args, **options)

    monkeypatch.setattr(LinearSolver, "solve", solved)


def ended_after(looks):
    """Box of two hours whose clock is over after so many looks at it."""
    study = read_flexibility_study(networks.load("park33_flexibility"), Wishes(), Horizon(periods=[10, 14]))
    clock = Deadline(float(looks), time_of=itertools.count().__next__)
    return solve_state(study, study.study.grid.closed, clock, rest=True)


def test_wherever_the_time_ends_the_box_holds(by_the_clock):
    sizes = []
    with pytest.raises(TimeExpired, match="nothing is proven"):
        ended_after(2)  # no linear program yet, and where nothing moves a limit is broken
    for looks in (4, 9, 15, 10_000):
        solved = ended_after(looks)
        answer = solved.answer
        assert answer.holds
        assert max(answer.sampled.worst) <= 1e-5
        assert np.all(answer.upper >= answer.lower - 1e-9)
        assert solved.boxes.bound >= solved.boxes.separable.worth
        sizes.append(float((answer.upper - answer.lower).sum()))
    whole = sizes[-1]
    assert max(sizes) <= whole * (1 + 1e-3)
    # before the model has met power flow a part of its box is there
    assert 0.5 * whole < min(sizes) < 0.99 * whole


@pytest.fixture
def late(monkeypatch):
    """The first linear program takes all the time, however fast the machine is."""

    def no_time(*_, **__):
        raise TimeExpired("the time was over")

    monkeypatch.setattr(sys.modules["adnflex.problems.flexibility.one_state"], "linear_boxes", no_time)


def quiet():
    net = feeder(tap=False, bank=False, storage=True)
    net["study"] = {"hours_per_period": 1.0}
    return net


def test_where_nothing_moves_is_the_least_answer(tmp_path, late):
    net = quiet()
    flex = adnflex.flexibility(net, time_limit=1e-9)
    assert flex.status == flex.linear.status == "time_limit"
    assert flex.total_mwh == pytest.approx(0.0, abs=1e-9)
    assert flex.linear.bound == math.inf
    assert adnflex.validate(flex, net).passed
    flex.save(tmp_path / "box.json")
    assert type(flex).load(tmp_path / "box.json").total_mwh == flex.total_mwh


@pytest.mark.parametrize("asked", [{"required_mw": (0.1, 0.1)}, {"direction": "up", "base_mw": 9.0}])
def test_where_nothing_moves_is_no_answer_to_more(asked, late):
    with pytest.raises(TimeExpired, match="nothing is proven"):
        adnflex.flexibility(quiet(), time_limit=1e-9, **asked)


def test_where_no_switch_states_were_looked_at_the_present_ones_are_the_answer(late):
    net = quiet()
    flex = adnflex.reconfigure_for_flexibility(net, switchable_lines="all", workers=1, time_limit=1e-9)
    assert flex.status == "time_limit"
    assert flex.operations == 0
    assert adnflex.validate(flex, net).passed


@pytest.mark.parametrize("limit", [0.01, 0.5, 3.0])
def test_any_limit_has_a_box_and_says_what_none_exceeds(limit):
    net = networks.load("park33_flexibility")
    flex = adnflex.flexibility(net, periods=[9, 10, 14], time_limit=limit)
    assert flex.status in ("complete", "time_limit")
    # at rest the voltages of this case are too high: the box comes out of the grace after the limit
    assert 0 < flex.useful_mwh <= flex.outer_mwh < 16.0
    assert adnflex.validate(flex, net, trajectories=3, levels=3).passed
