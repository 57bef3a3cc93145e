"""No state that costs no more than the known one has a voltage above those that the model is limited to."""

from __future__ import annotations

import math

import numpy as np
import pytest

from adnflex.knobs import Effort
from adnflex.problems.clock import Deadline
from adnflex.problems.reconfiguration.directed import build_directed
from adnflex.problems.reconfiguration.highest_voltages import limit_voltages
from adnflex.solvers.clarabel import solve_relaxation
from tests.problems.test_directed import searchable


def limited(goal, grid, near, cutoff, problem, clock=None):
    """The limited model, and the bounds that were told."""
    told = []

    def build(below):
        return build_directed(below, goal, near=near, cap=cutoff)

    effort = Effort(workers=1, gap=1e-6)
    return limit_voltages(problem, build, cutoff, effort, clock or Deadline(300.0), told.append), told


def test_every_state_that_costs_no_more_stays_a_point_of_the_limited_model():
    lower = kept = 0
    for seed, goal, grid, good, start, problem in searchable(8, 8000):
        known = goal.of_flow(grid, good[start])
        cutoff = known * 1.0001 + 1e-9
        found, told = limited(goal, grid, good[start].v, cutoff, problem)
        before, after = (p.planes.bounds for p in (problem, found))
        lower += bool((after.v_max < before.v_max - 1e-6).any())
        values = {state: goal.of_flow(grid, flow) for state, flow in good.items()}
        for state, flow in good.items():
            if values[state] > known:
                continue
            assert (flow.v <= found.grid.v_max + 1e-9).all(), (seed, goal)
            modes = found.modes_in(flow.closed, flow.forest)
            assert set(modes) <= set(found.modes), (seed, goal)
            point = found.point_of(flow)
            assert found.form.residual(point) < 1e-7, (seed, goal)
            kept += 1
        best = min(values.values())
        for bound in [*told, solve_relaxation(found.form).bound]:
            assert bound <= best + 1e-7 * (1 + abs(best)), (seed, goal)
    assert lower > 1
    assert kept > 5


@pytest.mark.parametrize("cutoff", [math.inf, None])
def test_without_a_known_state_or_time_the_model_stays_as_it_is(cutoff):
    _, goal, grid, good, start, problem = next(searchable(4, 8000))
    value = goal.of_flow(grid, good[start]) * 1.0001 if cutoff is None else cutoff
    clock = Deadline(0.0) if cutoff is None else None
    found, _ = limited(goal, grid, good[start].v, value, problem, clock)
    assert np.array_equal(found.grid.v_max, grid.v_max)
