"""Junctions, chains and hanging trees of a grid: every branch in exactly one place, on random nets."""

from __future__ import annotations

from collections import Counter

import networkx as nx
import numpy as np
import pytest

from adnflex.grid.core import contract
from tests.problems.test_bounds import random_grid, random_spec


@pytest.mark.parametrize("seed", range(25))
def test_every_branch_stands_in_one_chain_or_one_tree(seed):
    rng = np.random.default_rng(seed)
    grid = random_grid(random_spec(rng), rng)
    core = contract(grid)
    places = Counter(k for chain in core.chains for k in chain.branches)
    places.update(step.branch for tree in core.hanging.values() for step in tree)
    assert places == Counter(range(grid.m))
    for chain in core.chains:
        for step in chain.steps():
            ends = (grid.f[step.branch], grid.t[step.branch])
            assert ends == ((step.near, step.far) if step.away else (step.far, step.near))
        assert [s.branch for s in chain.steps(forward=False)] == list(reversed(chain.branches))


@pytest.mark.parametrize("seed", range(25))
def test_what_hangs_has_no_loop_and_a_chain_no_side_branch_in_one(seed):
    rng = np.random.default_rng(100 + seed)
    grid = random_grid(random_spec(rng), rng)
    core = contract(grid)
    merged = np.where(np.isnan(grid.root_v), np.arange(grid.n), -1)
    graph = nx.MultiGraph([(merged[f], merged[t]) for f, t in zip(grid.f, grid.t, strict=True)])
    loops = graph.number_of_edges() - graph.number_of_nodes() + 1
    # contracting keeps the number of loops
    assert len(core.chains) - len(core.junctions) == loops
    inner = {v for chain in core.chains for v in chain.nodes[1:-1]}
    assert not inner & {*core.junctions, *grid.roots.tolist()}
    for node, tree in core.hanging.items():
        reached = {node}
        for step in tree:
            assert step.near in reached
            assert step.far not in reached
            reached.add(step.far)
