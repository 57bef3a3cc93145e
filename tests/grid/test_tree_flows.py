"""Radial states of different topologies, solved together, are those that each of them is by itself."""

from __future__ import annotations

import itertools

import numpy as np
import pandapower.networks as pn
import pytest

from adnflex.algorithms.near_trees import exchanges
from adnflex.algorithms.spanning_trees import spanning_trees
from adnflex.errors import AdnflexError
from adnflex.grid import read_grid
from adnflex.grid.flow import flow_of
from adnflex.grid.topology import Adjacency, must_close
from adnflex.grid.tree_flows import TreeFlows
from adnflex.knobs import Switching
from adnflex.problems.reconfiguration.meshed import nearest_tree
from adnflex.problems.reconfiguration.near_states import loops_beside
from tests.problems.test_reconfiguration import with_switch
from tests.strategies import random_spec


def grids(count: int):
    """Grids of every kind: ratios in loops, charging, two sources of unequal voltage, generation, parallel lines."""
    found = 0
    for seed in itertools.count(300):
        net = random_spec(seed).net()
        try:
            grid = read_grid(net, switching=Switching(switchable_lines=with_switch(net)))
        except AdnflexError:
            continue
        yield seed, grid
        found += 1
        if found == count:
            return


def test_exchanges_reach_every_spanning_tree_once_and_the_flows_are_those_of_each_state():
    states, ratios = 0, 0
    for seed, grid in grids(6):
        required = must_close(grid)
        base = nearest_tree(grid, required)
        adjacency = Adjacency(grid)
        start = np.ones(grid.m, dtype=bool)
        start[list(base)] = False
        forest = adjacency.forest(start)
        loops = loops_beside(grid, forest, base, required)
        seen = list[frozenset[int]]()
        for count in range(len(loops) + 1):
            seen += [(base - set(ties)) | set(out) for ties, out in exchanges(loops, count)]
        assert len(set(seen)) == len(seen)
        closed = np.ones((len(seen), grid.m), dtype=bool)
        for row, state in enumerate(seen):
            closed[row, list(state)] = False
        together = TreeFlows(grid).solve(closed)
        assert (together.closed == closed).all()
        for row in range(len(seen)):
            flow = flow_of(grid, closed[row], adjacency)
            if flow is None:
                assert np.isnan(together.loss[row]), seed
                continue
            assert together.loss[row] == pytest.approx(flow.loss, abs=1e-9), seed
            for name in ("v", "p", "q", "l"):
                found, right = getattr(together, name)[row], getattr(flow, name)
                assert found == pytest.approx(right, abs=1e-8), (seed, name)
            assert together.loadings(grid)[row] == pytest.approx(flow.loadings(grid), abs=1e-7)
        merged = np.where(np.isnan(grid.root_v), np.arange(grid.n), grid.roots[0])
        edges = [(int(merged[a]), int(merged[b])) for a, b in zip(grid.f, grid.t, strict=True)]
        names = {int(v): k for k, v in enumerate(sorted(set(merged.tolist())))}
        trees = spanning_trees(len(names), [(names[a], names[b]) for a, b in edges], np.flatnonzero(required).tolist())
        assert set(seen) == {frozenset(left) for left in trees}, seed
        states += len(seen)
        ratios += bool((grid.ratio != 1).any())
    assert states > 30
    assert ratios


def test_all_trees_of_a_feeder_are_counted():
    grid = read_grid(pn.case33bw())
    required = must_close(grid)
    base = nearest_tree(grid, required)
    loops = loops_beside(grid, Adjacency(grid).forest(grid.closed), base, required)
    counts = [sum(1 for _ in exchanges(loops, k)) for k in range(6)]
    assert (counts[:4], sum(counts)) == ([1, 59, 1134, 8264], 50751)


def test_a_state_without_a_solution_spoils_no_other():
    grid = read_grid(pn.case33bw())
    heavy = grid.replace(p=2.4 * grid.p, q=2.4 * grid.q)
    closed = np.repeat(heavy.closed[None], 6, axis=0)
    closed[:, 32] = True
    closed[range(4), [2, 5, 6, 18]] = False
    # two states that are no trees: a loop, and a part without supply beside one
    closed[5, 0] = False
    together = TreeFlows(heavy).solve(closed)
    for row in range(6):
        flow = flow_of(heavy, closed[row])
        assert np.isnan(together.loss[row]) == (flow is None)
        if flow is not None:
            assert together.loss[row] == pytest.approx(flow.loss)
    assert np.isnan(together.loss[:4]).any()
    assert not np.isnan(together.loss[:4]).all()
