"""The arrays of an hour's programme against its Pyomo model: the same optimum, on random days."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.days import draw_day
from adnflex.problems.rolling.mpc import Mpc
from adnflex.problems.rolling.planning import plan
from adnflex.problems.rolling.scheduler import RollingScheduler, observation_of
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
