"""Supporting planes lie below what a tree draws at every voltage, and touch it where they were taken."""

from __future__ import annotations

import numpy as np
import pytest

from adnflex.formulations.hanging_trees import HangingTrees, Tree
from adnflex.formulations.supporting_planes import Functional, supporting_plane
from adnflex.grid.core import Step
from adnflex.grid.flow import flow_of
from tests.problems.test_bounds import random_grid, random_spec, states, with_negative_reactances

VOLTAGES = (0.8, 0.9, 0.97, 1.05, 1.2)


def hanging_from(grid, flow, root):
    """All that hangs on one root in a radial state, with the open branches at its nodes."""
    tree = flow.forest
    steps = [
        Step(int(tree.parent[j]), int(j), int(tree.branch[j]), bool(tree.away[j]))
        for j in tree.order
        if tree.parent[j] >= 0 and tree.root[j] == root
    ]
    inside = {root, *(s.far for s in steps)}
    opened = [
        (int(k), int(end)) for k in np.flatnonzero(~flow.closed) for end in (grid.f[k], grid.t[k]) if end in inside
    ]
    return Tree(tuple(steps), tuple(opened), root)


def truth(grid, flow, tree):
    """Active, reactive power, losses and the sum of squared voltages of a tree by exact power flow."""
    nodes = [s.far for s in tree.steps]
    branches = [s.branch for s in tree.steps]
    root = tree.entry
    shunt = grid.shunts(flow.closed) - grid.y
    drawn = flow.supplied[root] - grid.p[root] - 1j * grid.q[root] - np.conj(grid.y[root]) * flow.v[root]
    loss = float(
        (grid.r[branches] * flow.l[branches]).sum() + (shunt.real[[root, *nodes]] * flow.v[[root, *nodes]]).sum()
    )
    return drawn.real, drawn.imag, loss, -float(flow.v[nodes].sum())


def cases(grid):
    ones = np.ones(grid.n)
    return (
        Functional(p=1.0),
        Functional(q=1.0),
        Functional(current=grid.r, shunt=True),
        Functional(voltage=-ones),
    )


def flow_at(grid, closed, root, v):
    return flow_of(grid.replace(root_v=np.where(np.arange(grid.n) == root, v, grid.root_v)), closed)


@pytest.mark.parametrize("seed", range(30))
def test_proven_planes_are_below_exact_power_flow_and_touch_it(seed):
    rng = np.random.default_rng(seed)
    grid = random_grid(random_spec(rng), rng)
    if seed % 5 == 0:
        grid = with_negative_reactances(grid, rng)
    closed = next(iter(states(grid)), None)
    flow = None if closed is None else flow_of(grid, closed)
    if flow is None:
        pytest.skip("no radial state")
    root = int(grid.roots[0])
    tree = hanging_from(grid, flow, root)
    trees = HangingTrees(grid, [tree])
    trees.touch(np.array(VOLTAGES)[:, None])
    exact = [flow_at(grid, closed, root, v) for v in VOLTAGES]
    proven = 0
    for which, functional in enumerate(cases(grid)):
        plane = supporting_plane(trees, functional)
        for b, touched in enumerate(VOLTAGES):
            for v, state in zip(VOLTAGES, exact, strict=True):
                if state is None:
                    continue
                value = truth(grid, state, tree)[which]
                found = plane.constant[b, 0] + plane.slope[b, 0] * v
                if plane.proven[b, 0]:
                    assert found <= value + 1e-9 * (1 + abs(value))
                    proven += 1
                if v == touched:
                    assert found == pytest.approx(value, abs=1e-8)
    # without negative reactances every plane of these nets is proven
    assert proven or seed % 5 == 0


def test_a_negative_reactance_is_not_called_proven():
    rng = np.random.default_rng(5)
    unproven = 0
    for _ in range(20):
        grid = with_negative_reactances(random_grid(random_spec(rng), rng), rng)
        closed = next(iter(states(grid)), None)
        flow = None if closed is None else flow_of(grid, closed)
        if flow is None or not (grid.x < 0).any():
            continue
        tree = hanging_from(grid, flow, int(grid.roots[0]))
        trees = HangingTrees(grid, [tree])
        trees.touch(np.ones((1, 1)))
        unproven += not supporting_plane(trees, Functional(q=1.0)).proven.all()
    assert unproven
