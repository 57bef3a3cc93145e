"""Lists of radial states: all of a grid, or those within some operations of the present ones."""

from __future__ import annotations

import math
from itertools import product

import numpy as np

from adnflex.algorithms.spanning_trees import count_spanning_trees, spanning_trees
from adnflex.arrays import BoolArray, IntArray
from adnflex.formulations.modes import openable
from adnflex.grid.core import contract
from adnflex.grid.model import Grid
from adnflex.grid.topology import Adjacency, closed_of, closed_of_each
from adnflex.problems.reconfiguration.meshed import nearest_tree
from adnflex.problems.reconfiguration.near_states import list_near


def all_states(grid: Grid, required: BoolArray, most: int) -> IntArray | None:
    """Open branches of every radial state (N, j), each row in order; None where they are more than so many.

    Parameters
    ----------
    grid : Grid
        The grid.
    required : (m,) array of bool
        Branches that stay closed.
    most : int
        How many are listed at most.
    """
    core, roots = contract(grid), set(grid.roots.tolist())
    names = {j: k + 1 for k, j in enumerate(core.junctions)}
    ends = [tuple(0 if v in roots else names[v] for v in (c.nodes[0], c.nodes[-1])) for c in core.chains]
    able = openable(core, np.flatnonzero(~required).tolist())
    edges = [(a, b) for a, b in ends]
    closed = [c for c, part in enumerate(able) if not part]
    # a chain left out counts as often as it may be open; one that stays closed joins its ends
    merged = _merged(len(names) + 1, [edges[c] for c in closed])
    free = [c for c, part in enumerate(able) if part]
    reduced = [(merged[edges[c][0]], merged[edges[c][1]]) for c in free]
    counts = [float(len(able[c])) for c in free]
    nodes = max(merged, default=0) + 1
    number = math.exp(sum(math.log(k) for k in counts)) * count_spanning_trees(nodes, reduced, [1 / k for k in counts])
    if number > most + 0.5:
        return None
    found = []
    for out in spanning_trees(len(names) + 1, edges, closed):
        found += list(product(*([core.chains[c].branches[i] for i in able[c]] for c in out)))
    return np.sort(np.array(found, dtype=np.int64).reshape(len(found), -1), axis=1)


def _merged(n: int, joined: list[tuple[int, int]]) -> list[int]:
    """Join nodes by edges, and number what is left."""
    group = list(range(n))
    for a, b in joined:
        old, new = group[a], group[b]
        group = [new if g == old else g for g in group]
    names = {g: k for k, g in enumerate(dict.fromkeys(group))}
    return [names[g] for g in group]


def states_within(
    grid: Grid, required: BoolArray, budget: int, most: int, every: IntArray | None = None
) -> IntArray | None:
    """Open branches of the radial states within some operations of the present ones; None where they are many.

    Parameters
    ----------
    grid, required, most
        As in `all_states`.
    budget : int
        Branches that may differ from the present states.
    every : (N, j) array of int, optional
        All radial states, where they are known.
    """
    if every is None:
        adjacency = Adjacency(grid)
        forest, start = adjacency.forest(grid.closed), frozenset(np.flatnonzero(~grid.closed).tolist())
        if forest is None:
            start = nearest_tree(grid, required)
            forest = adjacency.forest(closed_of(grid, start))
        assert forest is not None  # the nearest tree is one
        every = list_near(grid, forest, start, required, budget, most)
        if every is None:
            return None
    away = np.count_nonzero(closed_of_each(grid, every) != grid.closed, axis=1)
    return np.asarray(every[away <= budget])
