"""Whether the cones of DistFlow are tight at a radial state where losses are priced, proven by duality."""

from __future__ import annotations

import numpy as np

from adnflex.formulations.hanging_trees import HangingTrees, Tree
from adnflex.formulations.supporting_planes import Functional, supporting_plane
from adnflex.grid.core import Step
from adnflex.grid.model import Grid
from adnflex.grid.state import Flow


def cone_is_exact(grid: Grid, flow: Flow) -> bool:
    """Whether the relaxation of DistFlow has nothing cheaper than an exact state with the same open branches.

    The whole feeder is a tree that hangs on its root: where every multiplier of its tangents is of the right sign, its
    exact losses are the least of the relaxation (see `adnflex.formulations.supporting_planes`), limits or not.

    Parameters
    ----------
    grid : Grid
        The grid.
    flow : Flow
        An exact state that meets every limit.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> from adnflex.grid.flow import flow_of
    >>> grid = read_grid(pn.case33bw())
    >>> cone_is_exact(grid, flow_of(grid, grid.closed))
    True
    """
    forest = flow.forest
    root = np.arange(grid.n)
    steps: dict[int, list[Step]] = {int(r): [] for r in grid.roots}
    for node in forest.order.tolist():
        near = int(forest.parent[node])
        if near >= 0:
            root[node] = root[near]
            steps[int(root[node])].append(Step(near, node, int(forest.branch[node]), bool(forest.away[node])))
    opened: dict[int, list[tuple[int, int]]] = {r: [] for r in steps}
    for k in np.flatnonzero(~flow.closed).tolist():
        for node in (int(grid.f[k]), int(grid.t[k])):
            opened[int(root[node])].append((k, node))
    trees = [Tree(tuple(s), tuple(opened[r]), r) for r, s in steps.items() if s]
    if not trees:
        return True
    whole = HangingTrees(grid, trees)
    whole.touch(flow.v[None, [t.entry for t in trees]])
    same = bool(np.allclose(whole.v[0], flow.v[whole.far], atol=1e-7))
    return same and bool(supporting_plane(whole, Functional(current=grid.r)).proven.all())
