r"""Exact AC power flow of many radial states of different topologies, solved together.

Every state is a column with its own tree.  In preorder all nodes below a branch stand side by side, so that both sums
of `adnflex.grid.flow` over a tree are differences of cumulated sums, which differ between columns only by where they
are taken.  A step is then a few calls for all states, whatever their trees are.

References
----------
Shirmohammadi et al., IEEE Trans. Power Systems 3(2), 1988, doi:10.1109/59.192932 (the iteration).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from adnflex.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from adnflex.grid.model import Grid
from adnflex.grid.state import GridState, losses, squared
from adnflex.grid.sweep import STEPS, collapsed

# Largest change of a voltage in the last step [pu].
_TOLERANCE = 1e-12

# Numbers in an array of voltages that are iterated at a time, as fits the processor's cache.
_CACHED = 2**15


class TreeFlows:
    """Power flow of the radial states of a grid.

    Parameters
    ----------
    grid : Grid
        The grid.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> grid = read_grid(pn.case33bw())
    >>> closed = np.stack([grid.closed] * 2)
    >>> closed[1, [32, 6]] = True, False
    >>> (TreeFlows(grid).solve(closed).loss * grid.base_mva * 1e3).round(3).tolist()
    [202.677, 158.391]
    """

    def __init__(self, grid: Grid) -> None:
        self.grid = grid
        ends = np.concatenate([grid.f, grid.t])
        order = np.argsort(ends, kind="stable")
        # by node: its branches, the nodes at their other ends, and whether each points away from it
        self.branch = np.tile(np.arange(grid.m), 2)[order]
        self.other = np.concatenate([grid.t, grid.f])[order]
        self.away = np.repeat([True, False], grid.m)[order]
        self.first = np.searchsorted(ends[order], np.arange(grid.n + 1))
        self.has_ratios = bool(np.any(grid.ratio != 1.0))
        rows, columns = np.concatenate([grid.f, grid.t]), np.tile(np.arange(grid.m), 2)
        more = np.concatenate([(grid.y_from - grid.open_from) / grid.ratio**2, grid.y_to - grid.open_to])
        # what branches add to the shunts of their nodes by being closed; most lines of a feeder add nothing
        self.more = sparse.csr_matrix((more, (rows, columns)), shape=(grid.n, grid.m)) if more.any() else None
        self.open_y = grid.shunts(np.zeros(grid.m, dtype=bool))

    def solve(self, closed: BoolArray, *, partly: bool = False) -> GridState:
        """Return the states; NaN where one is not radial or has no solution.

        Parameters
        ----------
        closed : (B, m) array of bool
            States of all branches.
        partly : bool
            Whether nodes may be without supply: they draw nothing, and their voltage is 0. Their branches are open.
        """
        parts = [self._state(closed[at : at + self.width], partly) for at in range(0, max(len(closed), 1), self.width)]
        if len(parts) == 1:
            return parts[0]
        joined = (np.concatenate([getattr(s, name) for s in parts]) for name in ("closed", "v", "p", "q", "l", "loss"))
        return GridState(*joined)

    @property
    def width(self) -> int:
        """How many states are solved at a time."""
        return max(_CACHED // self.grid.n, 1)

    def _state(self, closed: BoolArray, partly: bool) -> GridState:
        g, trees = self.grid, _grown(self, closed, partly)
        drawn = (g.p + 1j * g.q)[:, None]
        shunt = np.repeat(self.open_y[:, None], len(closed), axis=1)
        if self.more is not None:
            shunt += self.more @ closed.T.astype(float)
        if partly:
            drawn, shunt = drawn * trees.lit, shunt * trees.lit
        with np.errstate(all="ignore"):
            volt = _iterated(trees, np.conj(drawn), shunt)
            volt[:, ~trees.radial] = np.nan
            current = np.zeros((g.m, len(closed)), dtype=complex)
            # sums branch by branch: where nothing is drawn, nothing flows
            through = np.conj(drawn / volt) + shunt / trees.scale**2 * volt
            volt = volt / trees.scale
            if partly:
                volt *= trees.lit
            for nodes, above, columns in reversed(trees.levels):
                current[trees.branch[nodes, columns], columns] = (trees.turn * through)[nodes, columns]
                np.add.at(through, (above, columns), through[nodes, columns])
            power = volt[g.f] / g.ratio[:, None] * np.conj(current)
            v2, l2 = squared(volt).T, squared(current).T
            return GridState(closed, v2, power.real.T, power.imag.T, l2, losses(g, closed, v2, l2))


@dataclass(frozen=True)
class _Trees:
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


def _grown(flows: TreeFlows, closed: BoolArray, partly: bool) -> _Trees:
    """Walk all states from their roots at once."""
    g, count = flows.grid, len(closed)
    shape = g.n, count
    branch, depth = np.zeros(shape, dtype=np.int64), np.full(shape, -1)
    turn, scale, z = np.ones(shape), np.ones(shape), np.zeros(shape, dtype=complex)
    start = np.repeat(np.sqrt(np.nan_to_num(g.root_v, nan=1.0))[:, None], count, axis=1)
    nodes, columns = np.repeat(g.roots, count), np.tile(np.arange(count), len(g.roots))
    depth[nodes, columns] = 0
    levels = []
    while len(nodes):
        number = flows.first[nodes + 1] - flows.first[nodes]
        entry = np.repeat(flows.first[nodes] - np.cumsum(number) + number, number) + np.arange(int(number.sum()))
        above, state = np.repeat(nodes, number), np.repeat(columns, number)
        k, far = flows.branch[entry], flows.other[entry]
        new = closed[state, k] & (depth[far, state] < 0)
        k, far, above, state, away = k[new], far[new], above[new], state[new], flows.away[entry[new]]
        if not len(k):
            break
        branch[far, state] = k
        depth[far, state] = depth[above, state] + 1
        start[far, state] = start[above, state]
        up = scale[above, state]
        here = up * np.where(away, g.ratio[k], 1 / g.ratio[k]) if flows.has_ratios else up
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
    return _Trees(levels, branch, turn, scale, z, start, place, below, depth, np.asarray(radial), lit)


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


class _Columns:
    """The trees that are still iterated, in preorder, with the flat places where their sums are taken."""

    def __init__(self, trees: _Trees, s: ComplexArray, shunt: ComplexArray, live: IntArray) -> None:
        n, self.count = trees.place.shape[0], len(live)
        place, column = trees.place[:, live], np.arange(self.count)
        back = np.empty_like(place)
        back[place, column] = np.arange(n)[:, None]
        below, depth = (np.take_along_axis(a[:, live], back, axis=0) for a in (trees.below, trees.depth))
        here = np.arange(n)[:, None]
        self.back = back
        self.z = np.take_along_axis(trees.z[:, live], back, axis=0)
        self.s = np.take_along_axis(s[:, live], back, axis=0) if s.shape[1] > 1 else s[back, 0]
        y = shunt[:, live] / trees.scale[:, live] ** 2
        self.shunt = np.take_along_axis(y, back, axis=0) if y.any() else None
        self.start = np.take_along_axis(trees.start[:, live], back, axis=0)
        self.end = (here + below + 1) * self.count + column
        enter = 2 * here - depth
        self.enter, self.leave = enter * self.count + column, (enter + 2 * below + 1) * self.count + column
        self.total = np.zeros((n + 1, self.count), dtype=complex)
        self.tour = np.empty((2 * n, self.count), dtype=complex)

    def step(self, v: ComplexArray) -> ComplexArray:
        """Return the voltages that the currents at some voltages leave."""
        current = self.s / np.conj(v)
        if self.shunt is not None:
            current += self.shunt * v
        np.cumsum(current, axis=0, out=self.total[1:])
        drop = self.z * (self.total.ravel()[self.end] - self.total[:-1])
        flat = self.tour.ravel()
        flat[self.enter], flat[self.leave] = drop, -drop
        np.cumsum(self.tour, axis=0, out=self.tour)
        return np.asarray(self.start - flat[self.enter])


def _iterated(trees: _Trees, s: ComplexArray, shunt: ComplexArray) -> ComplexArray:
    """Voltages referred to the roots (n, B); NaN where there is no solution. `s` is ``P - jQ`` (n, B or 1)."""
    found = np.full(trees.place.shape, np.nan, dtype=complex)
    live = np.flatnonzero(trees.radial)
    if not len(live):
        return found
    columns = _Columns(trees, s, shunt, live)
    v = columns.start.astype(complex)
    over = np.zeros(len(live), dtype=bool)
    for _ in range(STEPS):
        new = columns.step(v)
        change = np.abs(new - v).max(axis=0)
        good = ~over & (change < _TOLERANCE)
        bad = ~np.isfinite(change) | ((change > 1e-3) & collapsed(np.abs(new).min(axis=0)))
        found[columns.back[:, good], live[good]] = new[:, good]
        over, v = over | good | bad, new
        if over.all():
            break
        # what is left is put together again only where that is worth it
        if 2 * over.sum() > len(over):
            v = v[:, ~over]
            live = live[~over]
            columns, over = _Columns(trees, s, shunt, live), np.zeros(len(live), dtype=bool)
    return found
