"""The arrays of an hour's programme against its Pyomo model: the same optimum, on random days."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyomo.environ as pyo
import pytest

import adnflex
from adnflex.problems.rolling import hour_rows
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.days import draw_day
from adnflex.problems.rolling.mpc import Mpc
from adnflex.problems.rolling.planning import plan
from adnflex.problems.rolling.scheduler import RollingScheduler, observation_of
from adnflex.problems.rolling.vehicles import empty
from adnflex.problems.rolling.whole import declare_plan
from adnflex.solvers.gate import solve_model


@pytest.fixture(scope="module")
def case() -> RollingCase:
    return RollingCase.load("rolling33")


@pytest.mark.parametrize("scenarios", [0, 2])
def test_the_same_cost_in_every_part_of_a_random_day(case: RollingCase, scenarios: int) -> None:
    rng = np.random.default_rng(3)
    control, day = RollingScheduler(case, "pool", seed=4), draw_day(case, 4, 0)
    policy = Mpc(case, scenarios)
    policy.prepare()
    for hour in range(case.hours):
        observation = observation_of(day, hour)
        if hour in (0, 9, 18, case.hours - 1):
            state = control.observed(observation)[0]
            energy = rng.uniform(case.storages.floor[hour], case.storages.ceiling[hour])
            asked = policy.asked(replace(state, energy=energy), rng)
            arrays, whole = plan(*asked), solve_model(declare_plan(*asked))
            assert whole.status == "optimal"
            assert whole.objective == pytest.approx(arrays.cost, rel=1e-9, abs=1e-6)
        control.step(observation)


def test_the_price_of_a_storages_power_is_in_both(case: RollingCase) -> None:
    count = len(case.storages)
    priced = replace(case, storages=replace(case.storages, price=np.full(count, 30.0), wear=np.full(count, 10.0)))
    asked = (priced, 20, priced.storages.start, empty(), np.full((1, 4, len(priced.buses)), 0.01))
    arrays, whole = plan(*asked), solve_model(declare_plan(*asked))
    assert whole.objective == pytest.approx(arrays.cost, rel=1e-9, abs=1e-6)


def test_a_constraint_changes_what_a_policy_does(monkeypatch: pytest.MonkeyPatch) -> None:
    case = RollingCase.load("rolling33")
    """A row more in the model of an hour, and the verb's own storages obey it."""
    before = adnflex.schedule_rolling(case, "mpc:mean", seed=1, reactive=None)
    assert before.storage["p_mw"].to_numpy().min() < -0.01
    declare = hour_rows.declare_hour

    def idle(b: Any, case: RollingCase) -> None:
        declare(b, case)
        b.idle = pyo.Constraint(list(b.discharge), rule=lambda _, k: b.discharge[k] <= 0.0)

    monkeypatch.setattr(hour_rows, "declare_hour", idle)
    case = RollingCase.load("rolling33")
    after = adnflex.schedule_rolling(case, "mpc:mean", seed=1, reactive=None)
    assert after.storage["p_mw"].to_numpy().min() > -1e-6
