"""Limits of hanging trees as limits of the voltage where they hang, against exact power flow at many voltages."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from adnflex.formulations.bounds import compute_bounds, ranges_of
from adnflex.formulations.hanging_trees import HangingTrees
from adnflex.formulations.supporting_planes import supporting_plane
from adnflex.formulations.tree_limits import largest_misses, within_limits
from adnflex.grid.flow import flow_of
from adnflex.problems.reconfiguration.exchange import limit_violation
from tests.formulations.test_supporting_planes import cases, flow_at, hanging_from, truth
from tests.problems.test_bounds import hugged, random_grid, random_spec, states, with_negative_reactances

VOLTAGES = np.linspace(0.8, 1.25, 10)


def hanging(seed):
    """A random radial state, limits drawn around it with some room, and the tree on its first root."""
    rng = np.random.default_rng(seed)
    grid = random_grid(random_spec(rng), rng)
    if seed % 4 == 0:
        grid = with_negative_reactances(grid, rng)
    closed = next(iter(states(grid)), None)
    flow = None if closed is None else flow_of(grid, closed)
    if flow is None:
        pytest.skip("no radial state")
    root, room = int(grid.roots[0]), rng.uniform(0.001, 0.05)
    tight = hugged(grid, flow, currents=True)
    grid = tight.replace(v_min=tight.v_min * (1 - room), v_max=tight.v_max * (1 + room))
    # the voltage of the root is what is asked for
    root_v = np.stack([grid.root_v, grid.root_v])
    root_v[:, root] = VOLTAGES[0], VOLTAGES[-1]
    bounds = compute_bounds(grid, dataclasses.replace(ranges_of(grid), root_v=root_v))
    trees = HangingTrees(grid, [hanging_from(grid, flow, root)])
    trees.touch(np.array([[0.9], [float(flow.v[root])], [1.1]]))
    exact = {float(v): state for v in VOLTAGES if (state := flow_at(grid, closed, root, v)) is not None}
    return grid, bounds, trees, hanging_from(grid, flow, root), exact | {float(flow.v[root]): flow}


def alone(grid, tree):
    """The grid with limits in the tree only."""
    inside = np.zeros(grid.n, dtype=bool)
    inside[[s.far for s in tree.steps]] = True
    carried = np.isin(grid.ratings.branch, [s.branch for s in tree.steps])
    limit = np.where(carried, grid.ratings.limit, np.inf)
    ratings = dataclasses.replace(grid.ratings, limit=limit)
    return grid.replace(
        v_min=np.where(inside, grid.v_min, 0.0), v_max=np.where(inside, grid.v_max, np.inf), ratings=ratings
    )


@pytest.mark.parametrize("seed", range(10))
def test_no_state_within_the_limits_is_outside_and_some_beyond_them_are(seed):
    grid, bounds, trees, tree, exact = hanging(seed)
    misses = largest_misses(trees, bounds, bounds.i_max**2)
    low, high = within_limits(trees, bounds, misses, (np.full(1, VOLTAGES[0]), np.full(1, VOLTAGES[-1])))
    limited = alone(grid, tree)
    good = [v for v, state in exact.items() if limit_violation(limited, state) == 0]
    assert all(low[0] <= v <= high[0] for v in good)
    # at a voltage far from all that is allowed, the tree says so
    if tree.steps and (limited.v_max[[s.far for s in tree.steps]] < 1.3).any():
        assert low[0] > VOLTAGES[0] or high[0] < VOLTAGES[-1]


@pytest.mark.parametrize("seed", range(10))
def test_planes_that_count_what_tangents_miss_are_bounds_of_either_sign(seed):
    grid, bounds, trees, tree, exact = hanging(seed)
    misses = largest_misses(trees, bounds, bounds.i_max**2)
    limited = alone(grid, tree)
    good = {v: state for v, state in exact.items() if limit_violation(limited, state) == 0}
    for which, functional in enumerate(cases(grid)):
        for sign in (1.0, -1.0):
            # losses are only asked for from below
            if functional.shunt and sign < 0:
                continue
            turned = dataclasses.replace(
                functional,
                p=sign * functional.p,
                q=sign * functional.q,
                voltage=None if functional.voltage is None else sign * functional.voltage,
            )
            plane = supporting_plane(trees, turned, misses)
            assert plane.proven.all()
            for v, state in good.items():
                value = sign * truth(grid, state, tree)[which]
                found = plane.constant[:, 0] + plane.slope[:, 0] * v
                assert (found <= value + 1e-8 * (1 + abs(value))).all()
