"""What means of many points bound, beside the exact value at every point."""

from __future__ import annotations

import numpy as np
import pytest

from adnflex.algorithms.spanning_trees import spanning_trees
from adnflex.formulations.exactness import cone_is_exact, losses_are_least
from adnflex.grid import read_grid
from adnflex.grid.flow import RadialFlow
from adnflex.grid.topology import Adjacency, must_close
from adnflex.problems.multi_period.directed import build_joint_directed
from adnflex.problems.multi_period.evaluation import Evaluator
from adnflex.problems.multi_period.levels import Levels
from adnflex.problems.multi_period.point_values import PointValues
from adnflex.problems.multi_period.points import Points, grouped, split, weighted_flows
from adnflex.problems.reconfiguration.mode_trees import ModeTrees
from adnflex.problems.reconfiguration.probing import Probing
from tests.nets import random_net

HOURS = 404


def wild_points(rng: np.random.Generator, **options: object) -> Points:
    """Nights, peaks and surplus of a random net."""
    net = random_net(rng, n_bus=(5, 8), n_loops=(1, 2), generation=True, present="radial", **options)
    grid = read_grid(net, need_limits=False)
    change = rng.uniform(-1.0, 1.5, (HOURS, grid.n)) * rng.choice([0.1, 0.6, 1.0], (HOURS, 1))
    y = np.broadcast_to(grid.y, (HOURS, grid.n)).copy()
    weight = rng.uniform(0.5, 2.0, HOURS)
    return Points(grid, grid.p * change, grid.q * change, y, weight, np.zeros(HOURS, dtype=np.int64))


def states_of(points: Points) -> list[frozenset[int]]:
    grid = points.grid
    merged = np.where(np.isnan(grid.root_v), np.arange(grid.n), int(grid.roots[0]))
    edges = list(zip(merged[grid.f].tolist(), merged[grid.t].tolist(), strict=True))
    return [frozenset(out) for out in spanning_trees(grid.n, edges, np.flatnonzero(must_close(grid)).tolist())]


def test_means_bound_every_topology() -> None:
    told = []
    for seed in range(5):
        points = wild_points(np.random.default_rng(seed))
        exact = Evaluator(points, must_close(points.grid))
        states = states_of(points)
        tree = exact.tree(states[0])
        assert tree is not None
        levels = Levels(points, tree)
        assert levels.search is not None
        for state in states[:20]:
            found = exact(state)
            assert found is not None
            value = float(points.weight @ found.loss_mw)
            least = levels.least(state, np.inf)
            assert least <= value * (1 + 1e-9) + 1e-12
            told.append(least > 0.7 * value)
    # where cones are not shown to be exact nothing is said
    assert np.mean(told) > 0.5


@pytest.mark.parametrize("seed", range(3))
def test_values_below_a_cutoff_are_exact_and_no_other_is(seed: int) -> None:
    points = wild_points(np.random.default_rng(100 + seed), limits="none")
    required = must_close(points.grid)
    states = np.array([sorted(s) for s in states_of(points)])
    plain = PointValues(points, required)(states, np.inf)
    tree = Evaluator(points, required).tree(frozenset(states[0].tolist()))
    assert tree is not None
    cutoff = float(np.quantile(plain, 0.4))
    bounded = PointValues(points, required, levels=Levels(points, tree))(states, cutoff)
    np.testing.assert_allclose(bounded[plain < cutoff], plain[plain < cutoff], rtol=1e-12)
    assert (bounded[plain >= cutoff] >= cutoff).all()
    assert (bounded <= plain * (1 + 1e-9) + 1e-12).all()


def test_split_groups_are_parts_of_the_groups() -> None:
    points = wild_points(np.random.default_rng(3))
    tree = Evaluator(points, must_close(points.grid)).tree(states_of(points)[0])
    assert tree is not None
    groups = grouped(points, tree, 6)
    finer = split(points, weighted_flows(points, tree), groups, 20)
    assert len(groups) < len(finer) <= 30
    assert sorted(np.concatenate(finer.members).tolist()) == list(range(len(points)))
    for rows in finer.members:
        assert sum(bool(np.isin(rows, whole).all()) for whole in groups.members) == 1
    np.testing.assert_allclose(finer.means.weight @ finer.means.p, points.weight @ points.p, atol=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_losses_that_are_said_to_be_least_are_so(seed: int) -> None:
    """The quick bound of all multipliers never says more than the multipliers themselves."""
    rng = np.random.default_rng(200 + seed)
    points = wild_points(rng)
    grid = points.grid
    # up to far beyond what a feeder carries, where the bound has to give up
    told = 0
    for factor in (0.3, 1.0, 3.0, 8.0):
        for state in states_of(points)[:2]:
            closed = np.ones(grid.m, dtype=bool)
            closed[list(state)] = False
            forest = Adjacency(grid).forest(closed)
            assert forest is not None
            tree = RadialFlow(grid, forest)
            states = tree.solve_many(factor * points.p[:4], factor * points.q[:4], points.y[:4])
            for k in range(4):
                flow = states.one(k)
                if flow is None or not losses_are_least(tree, states[[k]], points.y[[k]]):
                    continue
                here = grid.replace(p=factor * points.p[k], q=factor * points.q[k], y=points.y[k].copy())
                assert cone_is_exact(here, flow)
                told += 1
    assert told


@pytest.mark.parametrize("seed", range(4))
def test_the_joint_model_bounds_every_topology_by_planes_of_parts(seed: int) -> None:
    """With all modes decided its bound is below the exact value at all points, and above that of planes at means."""
    points = wild_points(np.random.default_rng(300 + seed))
    exact = Evaluator(points, must_close(points.grid))
    states = states_of(points)[:12]
    values = {}
    for state in states:
        found = exact(state)
        assert found is not None
        if np.isfinite(found.loss_mw).all() and not found.violation.any():
            values[state] = float(points.weight @ found.loss_mw)
    if not values:
        return
    tree = exact.tree(min(values, key=values.__getitem__))
    assert tree is not None
    problem = build_joint_directed(points, grouped(points, tree, 3), tree)
    probing, trees = Probing(problem), ModeTrees(problem)
    assert probing.conic.solve(probing.root.allowed).bound <= min(values.values()) * (1 + 1e-6)
    for state, value in values.items():
        allowed = probing.rules.follow(trees.modes_of(probing.root.allowed, np.array(sorted(state))))
        assert allowed is not None
        bound = probing.conic.solve(allowed).bound
        assert 0 < bound <= value * (1 + 1e-6)
