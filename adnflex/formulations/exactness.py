"""Whether the cones of DistFlow are tight at a radial state where losses are priced, proven by duality."""

from __future__ import annotations

import numpy as np

from adnflex.arrays import ComplexArray
from adnflex.formulations.hanging_trees import HangingTrees, Tree
from adnflex.formulations.supporting_planes import Functional, supporting_plane
from adnflex.grid.core import Step
from adnflex.grid.flow import RadialFlow
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


def losses_are_least(tree: RadialFlow, states: Flow, y: ComplexArray) -> bool:
    r"""Whether the losses of exact states of a tree are the least of the relaxation, by a bound of all multipliers.

    Sums along paths bound what one more unit of squared current in a branch draws above, how far it moves voltages,
    and what that changes elsewhere (derived in ``docs/theory/many_periods.md``); where that is less than its own loss
    in every branch, no multiplier is negative.  Much cheaper than `cone_is_exact`, and sometimes False where that is
    True.

    Parameters
    ----------
    tree : RadialFlow
        The tree.
    states : Flow
        Its exact states (B, ...).
    y : (B, n) complex array
        Constant-impedance withdrawals of the states, as in `Grid.y` [pu].

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> grid = read_grid(pn.case33bw())
    >>> tree = RadialFlow(grid)
    >>> states = tree.solve_many(grid.p[None], grid.q[None])
    >>> losses_are_least(tree, states, grid.y[None])
    True
    """
    below = np.flatnonzero(tree.forest.parent >= 0)
    if not len(below):
        return True
    above, parent = tree.forest.branch[below], tree.forest.parent[below]
    size, r = np.zeros(tree.grid.n), np.zeros(tree.grid.n)
    size[below], r[below] = np.abs(tree.z[below]), tree.z[below].real
    # |a|, current by voltage at the near end, all referred to the roots (n, B)
    a = np.zeros((tree.grid.n, len(states.loss)))
    current = np.sqrt(states.l[:, above].T) / np.abs(tree.carrying[below])[:, None]
    a[below] = current / np.sqrt(states.v[:, parent].T * tree.scale[parent, None] ** 2)
    shunt = np.abs(tree.charging + y) / tree.scale**2
    iron = float(np.abs(tree.charging.real / tree.scale**2).sum())
    path_r = tree.along(r[:, None] * a)
    g, g_r = tree.along(size[:, None] * a).max(axis=0), path_r.max(axis=0)
    reach = float(tree.along(size[:, None]).max())
    drawn = shunt.sum(axis=1)
    worth = (size[:, None] * a**2).sum(axis=0)
    # D: sum of |z| times the change of squared currents, V: largest change of squared voltages, per |z| of the branch;
    # D = d0 + d1 D + d2 V, V = v0 + v1 D + v2 V
    d1, d2 = 2 * g, 2 * g * drawn + worth
    v1, v2 = 2 * reach + size.max(), 2 * reach * drawn
    d0, v0 = 2 * g, size[below, None] + 2 * reach
    determinant = (1 - d1) * (1 - v2) - d2 * v1
    if not ((d1 < 1) & (v2 < 1) & (determinant > 0)).all():
        return False
    change = (d0 * (1 - v2) + d2 * v0) / determinant
    volts = ((1 - d1) * v0 + v1 * d0) / determinant
    lost = 2 * (path_r[below] + g_r * (change + drawn * volts)) + ((r[:, None] * a**2).sum(axis=0) + iron) * volts
    return bool((r[below, None] >= size[below, None] * lost).all())
