"""Many radial states of a grid as trees side by side, whatever their topologies, and sums over them.

Every state is a column with its own tree.  In preorder all nodes below a branch stand side by side, so that sums over a
tree are differences of cumulated sums, which differ between columns only by where they are taken.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adnflex.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from adnflex.grid.model import Grid


@dataclass(frozen=True)
class Trees:
    """Trees of some states; arrays by node and state (n, B).

    Attributes
    ----------
    levels : list of three arrays of int
        Nodes from the roots down, depth by depth: nodes, the nodes above them, and their states.
    branch : array of int
        Branch above a node; 0 at roots.
    turn : array
        Factor of the current above a node that makes it that of its branch, from-to behind the ratio.
    scale : array
        Product of the ratios between the root and a node.
    z : complex array
        Impedance of the branch above, referred to the roots; 0 at roots.
    start : array
        Voltage of the root [pu].
    place, below : array of int
        Place of a node in preorder, and how many nodes hang below it.
    depth : array of int
        Branches to the root.
    radial : (B,) array of bool
        Which states are trees.
    lit : (n, B) array of bool
        Which nodes a root reaches.
    closed : (B, m) array of bool
        States of all branches.
    """

    levels: list[tuple[IntArray, IntArray, IntArray]]
    branch: IntArray
    turn: FloatArray
    scale: FloatArray
    z: ComplexArray
    start: FloatArray
    place: IntArray
    below: IntArray
    depth: IntArray
    radial: BoolArray
    lit: BoolArray
    closed: BoolArray


class Walk:
    """Walks radial states of a grid from their roots.

    Parameters
    ----------
    grid : Grid
        The grid.
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        ends = np.concatenate([grid.f, grid.t])
        order = np.argsort(ends, kind="stable")
        # by node: its branches, the nodes at their other ends, and whether each points away from it
        self._branch = np.tile(np.arange(grid.m), 2)[order]
        self._other = np.concatenate([grid.t, grid.f])[order]
        self._away = np.repeat([True, False], grid.m)[order]
        self._first = np.searchsorted(ends[order], np.arange(grid.n + 1))
        self.has_ratios = bool(np.any(grid.ratio != 1.0))

    def __call__(self, closed: BoolArray, partly: bool = False) -> Trees:
        """Walk all states (B, m) from their roots at once; `partly`: nodes may be without supply."""
        g, count = self.grid, len(closed)
        shape = g.n, count
        branch, depth = np.zeros(shape, dtype=np.int64), np.full(shape, -1)
        turn, scale, z = np.ones(shape), np.ones(shape), np.zeros(shape, dtype=complex)
        start = np.repeat(np.sqrt(np.nan_to_num(g.root_v, nan=1.0))[:, None], count, axis=1)
        nodes, columns = np.repeat(g.roots, count), np.tile(np.arange(count), len(g.roots))
        depth[nodes, columns] = 0
        levels = []
        while len(nodes):
            number = self._first[nodes + 1] - self._first[nodes]
            entry = np.repeat(self._first[nodes] - np.cumsum(number) + number, number) + np.arange(int(number.sum()))
            above, state = np.repeat(nodes, number), np.repeat(columns, number)
            k, far = self._branch[entry], self._other[entry]
            new = closed[state, k] & (depth[far, state] < 0)
            k, far, above, state, away = k[new], far[new], above[new], state[new], self._away[entry[new]]
            if not len(k):
                break
            branch[far, state] = k
            depth[far, state] = depth[above, state] + 1
            start[far, state] = start[above, state]
            up = scale[above, state]
            here = up * np.where(away, g.ratio[k], 1 / g.ratio[k]) if self.has_ratios else up
            scale[far, state] = here
            # a branch that points to the root has its ratio on the far side: refer it there
            side = np.where(away, here, up)
            z[far, state] = (g.r + 1j * g.x)[k] * side**2
            turn[far, state] = np.where(away, side, -side)
            levels.append((far, above, state))
            nodes, columns = far, state
        lit = depth >= 0
        radial = np.count_nonzero(closed, axis=1) == np.count_nonzero(lit, axis=0) - len(g.roots)
        if not partly:
            radial &= lit.all(axis=0)
        place, below = _preorder(g.roots, levels, shape)
        if partly and not lit.all():
            # what no root reaches is a tree of its own, one node each, behind all others
            depth[~lit] = 0
            place[~lit] = (np.cumsum(~lit, axis=0) + np.count_nonzero(lit, axis=0) - 1)[~lit]
        return Trees(levels, branch, turn, scale, z, start, place, below, depth, np.asarray(radial), lit, closed)


def _preorder(
    roots: IntArray, levels: list[tuple[IntArray, IntArray, IntArray]], shape: tuple[int, int]
) -> tuple[IntArray, IntArray]:
    """Place of every node in preorder, and how many hang below it; what no root reaches stands anywhere."""
    below, place = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for far, above, state in reversed(levels):
        np.add.at(below, (above, state), below[far, state] + 1)
    size = below[roots] + 1
    place[roots] = np.cumsum(size, axis=0) - size
    for far, above, state in levels:
        # nodes with the same one above stand side by side, as those above were walked one by one
        size = below[far, state] + 1
        before = np.cumsum(size) - size
        fresh = np.ones(len(far), dtype=bool)
        fresh[1:] = (above[1:] != above[:-1]) | (state[1:] != state[:-1])
        before -= np.maximum.accumulate(np.where(fresh, before, 0))
        place[far, state] = place[above, state] + 1 + before
    return place, below


class TreeSums:
    """Sums over some trees, of values by place in preorder and tree: where they are taken, in flat places.

    Parameters
    ----------
    trees : Trees
        The trees.
    live : array of int
        Which of them.
    """

    def __init__(self, trees: Trees, live: IntArray) -> None:
        n, self.count, self.live = trees.place.shape[0], len(live), live
        place, column = trees.place[:, live], np.arange(self.count)
        self.back = np.empty_like(place)
        self.back[place, column] = np.arange(n)[:, None]
        below, depth = self.placed(trees.below), self.placed(trees.depth)
        here = np.arange(n)[:, None]
        self._end = (here + below + 1) * self.count + column
        enter = 2 * here - depth
        self._enter, self._leave = enter * self.count + column, (enter + 2 * below + 1) * self.count + column
        self._total = np.zeros((n + 1, self.count), dtype=complex)
        self._tour = np.empty((2 * n, self.count), dtype=complex)

    def placed(self, values: np.ndarray) -> np.ndarray:
        """Put values by node and state (n, B) in preorder."""
        return np.asarray(np.take_along_axis(values[:, self.live], self.back, axis=0))

    def below(self, values: np.ndarray) -> ComplexArray:
        """Sum values at and below every place."""
        np.cumsum(values, axis=0, out=self._total[1:])
        return np.asarray(self._total.ravel()[self._end] - self._total[:-1])

    def along(self, values: np.ndarray) -> ComplexArray:
        """Sum values along the paths from the roots."""
        flat = self._tour.ravel()
        flat[self._enter], flat[self._leave] = values, -values
        np.cumsum(self._tour, axis=0, out=self._tour)
        return np.asarray(flat[self._enter])
