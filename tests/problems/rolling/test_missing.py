"""What is missing of a day: hours after the time limit, and hours whose programme was not solved."""

from __future__ import annotations

import dataclasses
import time
from types import SimpleNamespace
from typing import ClassVar

import pytest

import adnflex
from adnflex import compare_policies, schedule_rolling
from adnflex.errors import SolverError, TimeExpired
from adnflex.problems.clock import Deadline
from adnflex.problems.rolling import (
    Observation,
    RollingScheduler,
    draw_day,
    run_of,
    simulate_day,
)
from adnflex.problems.rolling.policies import BasePolicy
from adnflex.results import RollingRun
from adnflex.solvers.injection import FAULTS, injected
from adnflex.solvers.linear import minimise_below


class Lost:
    """The policy pool, which is not solved in some hours."""

    name = "rollout:own/match"

    def __init__(self, case, hours):
        self.case, self.hours = case, hours

    def decide(self, state, rng):
        if state.hour in self.hours:
            raise SolverError(f"hour {state.hour} was not solved.")
        return BasePolicy("pool", self.case).decide(state, rng)


class Slow(BasePolicy):
    """A base policy that takes its time, and knows how much there is."""

    seen: ClassVar[list[float]] = []

    def decide(self, state, rng):
        self.seen.append(state.seconds)
        time.sleep(0.05)
        return super().decide(state, rng)


def test_hours_that_were_not_solved_are_those_of_the_base_policy(case):
    hours = {0, 3, 4, 23}
    run = schedule_rolling(case, Lost(case, hours), reactive=None)
    assert run.status == "complete"
    assert set(run.fallbacks.index) == hours
    assert set(run.fallbacks["policy"]) == {"own"}
    assert run.fallbacks["why"].tolist() == [f"hour {h} was not solved." for h in sorted(hours)]
    assert any(note.startswith(f"{len(hours)} of 24 hours were not solved") for note in run.notes)
    assert any(note.startswith("AC check of the day with these hours: ") for note in run.notes)
    check = adnflex.validate(run, case.net)
    assert check.faults.empty
    assert check.costs["difference"].abs().max() < 0.005


def test_a_day_that_was_solved_says_nothing(case):
    run = schedule_rolling(case, Lost(case, set()), reactive=None)
    assert run.fallbacks.empty
    assert run.notes == case.notes


@pytest.mark.parametrize("policy", ["mpc:mean", "mpc:2", "rollout:pool/match+mpc", "feeder:mpc:mean", "feeder:pool"])
@pytest.mark.parametrize("fault", ["unknown", "exception"])
def test_no_fault_of_a_solver_stops_an_hour(case, policy, fault):
    control = RollingScheduler(case, policy, simulations=2, seed=1)
    control.hour = 21
    day = draw_day(case, 1, 0)
    for hour in (21, 22, 23):
        with injected(fault, share=float(hour != 22)) as done:
            decision = control.step(Observation(day.generation_mw[hour], arrivals=day.vehicles.at(hour)))
        assert bool(decision.fallback) == (hour != 22)
        assert sum(done.faults.values()) > 0 or hour == 22
    run = run_of(control)
    assert run.fallbacks.index.tolist() == [21, 23]
    # the last plain hour is what the base policy itself would do
    assert set(run.fallbacks["policy"]) == {"pool"}


@pytest.mark.parametrize("fault", sorted(FAULTS))
def test_every_fault_leaves_set_points_that_devices_can_follow(case, fault):
    control = RollingScheduler(case, "mpc:mean", seed=1)
    control.hour = 22
    with injected(fault, share=1.0, seed=2):
        simulate_day(control, draw_day(case, 1, 0))
    run = run_of(control)
    assert len(run.generation) == 2
    assert adnflex.validate(run, case.net).costs["difference"].abs().max() < 0.005


def test_a_floor_that_was_not_solved_is_no_floor(case):
    with injected("unknown"), pytest.raises(SolverError):
        schedule_rolling(case, "floor", reactive=None)


def test_the_reason_is_kept_on_disk(case, tmp_path):
    control = RollingScheduler(case, "mpc:mean", seed=1)
    day = draw_day(case, 1, 0)
    with injected("unknown"):
        control.step(Observation(day.generation_mw[0], arrivals=day.vehicles.at(0)))
    control.save(tmp_path / "state.json")
    again = RollingScheduler.load(tmp_path / "state.json", case)
    assert again.history[0].fallback == control.history[0].fallback != ""
    run = run_of(again)
    run.save(tmp_path / "run.json")
    assert RollingRun.load(tmp_path / "run.json").fallbacks.equals(run.fallbacks)


def test_hours_beyond_the_time_limit_are_named_and_can_be_decided_later(case, tmp_path):
    whole = schedule_rolling(case, "pool", reactive=None)
    state = tmp_path / "day.json"
    Slow.seen.clear()
    part = schedule_rolling(case, Slow("pool", case), reactive=None, state=state, time_limit=0.3)
    reached = len(part.generation)
    assert 0 < reached < 24
    assert part.status == "time_limit"
    assert f"hours {reached} to 23 are not decided" in " ".join(part.notes)
    assert "time_limit" in part.summary()
    assert "time_limit" in repr(part)
    # each hour was told what was left
    assert Slow.seen == sorted(Slow.seen, reverse=True)
    assert Slow.seen[0] <= 0.3
    rest = schedule_rolling(case, Slow("pool", case), reactive=None, state=state)
    assert rest.status == "complete"
    assert rest.total == pytest.approx(whole.total)


def test_a_day_cut_short_is_judged_by_its_decided_hours(case):
    control = RollingScheduler(case, "pool", seed=1)
    day = draw_day(case, 1, 0)
    for hour in range(2):
        control.step(Observation(day.generation_mw[hour], arrivals=day.vehicles.at(hour)))
    check = adnflex.validate(run_of(control), case.net)
    assert check.verdict.startswith("2 of 24 hours decided, and in every decided hour as it came all limits met")
    assert "in every hour" not in check.verdict
    control.hour = 19  # the peak, without reactive power
    control.step(Observation(day.generation_mw[19]))
    assert adnflex.validate(run_of(control), case.net).verdict.startswith("3 of 24 hours decided, and in them ")


def test_the_plan_of_the_floor_and_the_programmes_of_the_feeder_keep_the_time(case, monkeypatch):
    with pytest.raises(TimeExpired, match="the plan of the floor was not solved within the time limit"):
        schedule_rolling(case, "floor", reactive=None, time_limit=1e-6)
    given = []

    def told(*asked):
        given.append(asked[-1])
        return minimise_below(*asked)

    monkeypatch.setattr("adnflex.problems.rolling.feeder.minimise_below", told)
    control = RollingScheduler(case, "feeder:pool", seed=1)
    control.clock = Deadline(5.0)
    day = draw_day(case, 1, 0)
    control.step(Observation(day.generation_mw[0], arrivals=day.vehicles.at(0)))
    assert len(given) == 3
    assert 5.0 > given[0] > given[1] > given[2]


def test_without_time_no_hour_is_decided(case):
    with pytest.raises(TimeExpired, match="no hour was decided"):
        schedule_rolling(case, "pool", reactive=None, time_limit=1e-9)


@pytest.mark.parametrize("policy", ["rollout", "mpc:mean", "rollout:pool/full+mpc"])
def test_a_decision_without_time_is_one_that_devices_can_follow(case, policy):
    control = RollingScheduler(case, policy, simulations=2, seed=1)
    hands = iter([0.0])
    control.clock = Deadline(1e-6, time_of=lambda: next(hands, 1.0))
    day = draw_day(case, 1, 0)
    decision = control.step(Observation(day.generation_mw[0], arrivals=day.vehicles.at(0)))
    assert decision.hour == 0
    assert adnflex.validate(run_of(control), case.net).faults.empty


def test_days_beyond_the_time_limit_are_counted(case):
    found = compare_policies(case, [Slow("pool", case)], check=False, days=3, workers=1, time_limit=1.8)
    assert found.interrupted
    assert len(found.days) == 1
    assert "2 of 3 days of policies are missing" in found.notes[0]
    assert found.notes[0] in found.summary()
    assert (found.items["unsolved_hours"] == 0).all()


def test_days_with_unsolved_hours_are_counted(case, monkeypatch):
    # what power flow says is another test
    judge = "adnflex.verbs.schedule_rolling.validate_rolling"
    monkeypatch.setattr(judge, lambda run, net: SimpleNamespace(verdict="not asked"))
    found = compare_policies(case, [Lost(case, {5, 6})], check=False, days=1, workers=1)
    assert found.items["unsolved_hours"].tolist() == [2.0]
    assert dataclasses.asdict(found)["interrupted"] is False
