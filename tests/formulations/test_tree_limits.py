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


def signs(functional):
    """Both signs, but of losses, which are only asked for from below."""
    return (1.0,) if functional.shunt else (1.0, -1.0)


def plane_of(sign, functional, trees, misses):
    """The proven plane below a functional, or below its negative."""
    voltage = None if functional.voltage is None else sign * functional.voltage
    turned = dataclasses.replace(functional, p=sign * functional.p, q=sign * functional.q, voltage=voltage)
    plane = supporting_plane(trees, turned, misses)
    assert plane.proven.all()
    return plane


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
        for sign in signs(functional):
            plane = plane_of(sign, functional, trees, misses)
            for v, state in good.items():
                value = sign * truth(grid, state, tree)[which]
                found = plane.constant[:, 0] + plane.slope[:, 0] * v
                assert (found <= value + 1e-8 * (1 + abs(value))).all()


@pytest.mark.parametrize("seed", range(10))
def test_the_mean_of_states_within_the_limits_is_not_outside_however_they_differ(seed):
    """The mean of squared currents is more than the square of the mean: generation by day, load by night."""
    rng = np.random.default_rng(seed)
    grid = random_grid(random_spec(rng), rng)
    if seed % 2:
        grid = with_negative_reactances(grid, rng)
    closed = next(iter(states(grid)), None)
    if closed is None:
        pytest.skip("no radial state")
    root, factors = int(grid.roots[0]), rng.uniform(-3, 3, (3, grid.n))
    grid = grid.replace(ratings=dataclasses.replace(grid.ratings, limit=np.full_like(grid.ratings.limit, np.inf)))
    points = [grid.replace(p=grid.p * f, q=grid.q * f) for f in factors]
    flows = [flow_at(point, closed, root, 1.0) for point in points]
    if any(f is None for f in flows):
        pytest.skip("no power flow")
    tree = hanging_from(grid, flows[0], root)
    # limits that the three states just meet
    room = 1e-9
    v = np.stack([f.v for f in flows])
    tight = {"v_min": v.min(axis=0) * (1 - room), "v_max": v.max(axis=0) * (1 + room)}
    p, q = (np.stack([getattr(g, name) for g in points]) for name in ("p", "q"))
    mean = alone(grid.replace(p=p.mean(axis=0), q=q.mean(axis=0), **tight), tree)
    ranges = ranges_of(mean)
    root_v = np.stack([mean.root_v, mean.root_v])
    root_v[:, root] = VOLTAGES[0], VOLTAGES[-1]
    spread = [np.stack([a.min(axis=0), a.max(axis=0)]) for a in (p, q)]
    bounds = compute_bounds(mean, dataclasses.replace(ranges, p=spread[0], q=spread[1], root_v=root_v))
    trees = HangingTrees(mean, [tree])
    trees.touch(np.array([[0.9], [1.0], [1.1]]))
    misses = largest_misses(trees, bounds, bounds.i_max**2)
    low, high = within_limits(trees, bounds, misses, (np.full(1, VOLTAGES[0]), np.full(1, VOLTAGES[-1])))
    assert low[0] <= 1.0 <= high[0]
    # the plane of what squared currents add, of either sign, is a bound of the mean
    for which, functional in enumerate(cases(mean)):
        for sign in signs(functional):
            plane = plane_of(sign, functional, trees, misses)
            value = sign * float(np.mean([truth(g, f, tree)[which] for g, f in zip(points, flows, strict=True)]))
            found = plane.constant[:, 0] + plane.slope[:, 0]
            assert (found <= value + 1e-8 * (1 + abs(value))).all()
