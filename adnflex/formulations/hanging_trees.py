r"""Many trees that hang on a grid, linearised and eliminated from their leaves.

The equations of branch flow are linear but for the current, which is replaced by its tangent
:math:`l = a P + b Q - c s` at a state; the flow into every branch is then affine in the squared voltage that it sees at
its near end, a 2 x 2 system a branch.  Linearising again at the state just found is Newton's method for the exact flow.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from adnflex.arrays import FloatArray, IntArray
from adnflex.grid.core import Step
from adnflex.grid.model import Grid

# Newton's steps, and the change of a state [pu] after which there is none worth taking.
_STEPS, _CLOSE = 12, 1e-11


class Tree(NamedTuple):
    """A tree to be looked at: its branches, every one after the one above it, and branches that are open at its nodes.

    Attributes
    ----------
    steps : tuple of Step
        Its branches; the first leaves the entry.
    opened : tuple of (int, int)
        Open branch and the node of the tree (or the entry) where its open end hangs.
    entry : int
        The node where it hangs.
    """

    steps: tuple[Step, ...]
    opened: tuple[tuple[int, int], ...]
    entry: int


class Level(NamedTuple):
    """Copies of branches that are as far from their entries.

    Attributes
    ----------
    here : slice
        Their places.
    first : bool
        Whether they hang on the entries.
    parents, starts : array of int
        Places of the copies above them, and where in the level those below each of them begin.
    """

    here: slice
    first: bool
    parents: IntArray
    starts: IntArray

    def to_parents(self, total: np.ndarray, parts: np.ndarray) -> None:
        """Add values (..., k) of these copies to those of the copies above them; entries get nothing."""
        if not self.first:
            total[..., self.parents] += np.add.reduceat(parts, self.starts, axis=-1)


class HangingTrees:
    """Many trees side by side, each a copy of its branches.

    Parameters
    ----------
    grid : Grid
        The grid.
    trees : sequence of Tree
        The trees.

    Examples
    --------
    A feeder of case33bw hangs on bus 1; voltages at its two buses.

    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> grid = read_grid(pn.case33bw())
    >>> feeder = Tree((Step(1, 18, 17, True), Step(18, 19, 18, True)), (), 1)
    >>> trees = HangingTrees(grid, [feeder])
    >>> trees.touch(np.full((1, 1), 0.99))
    >>> np.sqrt(trees.v).round(4).tolist()
    [[0.9947, 0.9935]]
    """

    def __init__(self, grid: Grid, trees: Sequence[Tree]) -> None:
        self.grid, self.count = grid, len(trees)
        self.tree, self.parent, self.levels, place = _copied(trees)
        steps = [s for t in trees for s in t.steps]
        k = self.branch = np.array([s.branch for s in steps], dtype=np.int64)[place]
        away = self.away = np.array([s.away for s in steps], dtype=bool)[place]
        self.entries = np.array([t.entry for t in trees], dtype=np.int64)
        self.far = np.array([s.far for s in steps], dtype=np.int64)[place]
        ratio2 = grid.ratio[k] ** 2
        self.r, self.x = grid.r[k], grid.x[k]
        self.z2 = self.r**2 + self.x**2
        # what the impedance sees of the voltages at its two ends
        self.near_scale, self.far_scale = np.where(away, 1 / ratio2, 1.0), np.where(away, 1.0, 1 / ratio2)
        near_y = np.where(away, grid.y_from[k], grid.y_to[k]) * self.near_scale
        far_y = np.where(away, grid.y_to[k], grid.y_from[k]) * self.far_scale
        # constant impedances of nodes and entries, those of branches apart
        shunt, entry = far_y.astype(complex), np.zeros(self.count, dtype=complex)
        inner = self.parent >= 0
        np.add.at(shunt, self.parent[inner], near_y[inner])
        np.add.at(entry, self.tree[~inner], near_y[~inner])
        self._open_ends(trees, shunt, entry, np.argsort(place))
        self.shunt, self.entry = shunt, entry
        self.y = shunt + grid.y[self.far]
        self.p, self.q = grid.p[self.far], grid.q[self.far]

    def _open_ends(self, trees: Sequence[Tree], shunt: np.ndarray, entry: np.ndarray, number: IntArray) -> None:
        g, first = self.grid, 0
        for t, tree in enumerate(trees):
            at = {s.far: first + i for i, s in enumerate(tree.steps)} if tree.opened else {}
            for branch, node in tree.opened:
                y = g.open_from[branch] / g.ratio[branch] ** 2 if g.f[branch] == node else g.open_to[branch]
                if node in at:
                    shunt[number[at[node]]] += y
                else:
                    entry[t] += y
            first += len(tree.steps)

    @property
    def base(self) -> np.ndarray:
        """Constant power of all nodes of every tree, entry not included: (T,) complex."""
        total = np.zeros(self.count, dtype=complex)
        np.add.at(total, self.tree, self.p + 1j * self.q)
        return total

    # -- the state at which the tangents touch ---------------------------------------------------------------

    def touch(self, v: FloatArray) -> None:
        """Linearise at the exact states for squared voltages (B, T) at the entries.

        Where power flow has no solution, at a state without losses.
        """
        none = np.zeros((len(v), len(self.branch)))
        self._linearise(none, none, none + 1)
        start = self._state(v)
        live, last = start, start
        for _ in range(_STEPS):
            self._linearise(last[0], last[1], last[3])
            new = self._state(v)
            sound = np.isfinite(new[3]) & (new[3] > 0) & np.isfinite(new[0])
            # a tree whose state is none goes back to where it has no losses, for good
            lost = np.zeros((len(v), self.count), dtype=bool)
            np.logical_or.at(lost.T, self.tree, ~sound.T)
            back = lost[:, self.tree]
            live = tuple(np.where(back, a, b) for a, b in zip(start, new, strict=True))
            change = max((float(np.abs(a - b).max(initial=0.0)) for a, b in zip(live, last, strict=True)), default=0.0)
            last = live
            if change < _CLOSE:
                break
        self._linearise(last[0], last[1], last[3])
        self.v = last[4]

    def _linearise(self, p: FloatArray, q: FloatArray, s: FloatArray) -> None:
        """Take the tangents at flows and voltages seen by the impedances (B, M), and eliminate upwards."""
        self.touched = p, q, s
        # a coupler carries any current at no cost
        carries = (self.z2 > 0) * np.ones_like(p)
        self.a, self.b, self.c = carries * 2 * p / s, carries * 2 * q / s, carries * (p**2 + q**2) / s**2
        batch = len(self.a)
        # what every node draws with all below it: constant and slope in its voltage
        slope_p, slope_q = np.tile(self.y.real, (batch, 1)), np.tile(-self.y.imag, (batch, 1))
        const_p, const_q = np.tile(self.p, (batch, 1)), np.tile(self.q, (batch, 1))
        self.node = const_p, slope_p, const_q, slope_q
        shape = (batch, len(self.branch))
        self.k11, self.k12, self.k21, self.k22, self.rho, self.sigma = (np.empty(shape) for _ in range(6))
        self.p0, self.p1, self.q0, self.q1 = (np.empty(shape) for _ in range(4))
        for level in reversed(self.levels):
            at = level.here
            self._eliminate(at)
            near = self.near_scale[at]
            for total, share in (
                (const_p, self.p0[:, at]),
                (slope_p, self.p1[:, at] * near),
                (const_q, self.q0[:, at]),
                (slope_q, self.q1[:, at] * near),
            ):
                level.to_parents(total, share)

    def _eliminate(self, at: slice) -> None:
        """Express the flow of some branches by the voltage that they see at their near end, s."""
        const_p, slope_p, const_q, slope_q = (a[:, at] for a in self.node)
        r, x, z2, far = self.r[at], self.x[at], self.z2[at], self.far_scale[at]
        a, b, c = self.a[:, at], self.b[:, at], self.c[:, at]
        per_p, per_q = slope_p / far, slope_q / far
        rho, sigma = r + per_p * z2, x + per_q * z2
        m11, m12 = 1 + 2 * r * per_p - a * rho, 2 * x * per_p - b * rho
        m21, m22 = 2 * r * per_q - a * sigma, 1 + 2 * x * per_q - b * sigma
        with np.errstate(all="ignore"):
            det = m11 * m22 - m12 * m21
            k11, k12, k21, k22 = m22 / det, -m12 / det, -m21 / det, m11 / det
        self.k11[:, at], self.k12[:, at], self.k21[:, at], self.k22[:, at] = k11, k12, k21, k22
        self.rho[:, at], self.sigma[:, at] = rho, sigma
        in_p, in_q = per_p - rho * c, per_q - sigma * c
        self.p0[:, at], self.p1[:, at] = k11 * const_p + k12 * const_q, k11 * in_p + k12 * in_q
        self.q0[:, at], self.q1[:, at] = k21 * const_p + k22 * const_q, k21 * in_p + k22 * in_q

    def _state(self, v: FloatArray) -> tuple[FloatArray, ...]:
        """P, Q, l, s and far squared voltage of every branch (B, M) of the linear tree for entry voltages (B, T)."""
        shape = self.a.shape
        u, p, q, l, s = (np.empty(shape) for _ in range(5))  # noqa: E741
        for one in self.levels:
            level = one.here
            above = v[:, self.tree[level]] if one.first else u[:, self.parent[level]]
            seen = above * self.near_scale[level]
            s[:, level] = seen
            p[:, level] = self.p0[:, level] + self.p1[:, level] * seen
            q[:, level] = self.q0[:, level] + self.q1[:, level] * seen
            l[:, level] = self.a[:, level] * p[:, level] + self.b[:, level] * q[:, level] - self.c[:, level] * seen
            drop = 2 * (self.r[level] * p[:, level] + self.x[level] * q[:, level]) - self.z2[level] * l[:, level]
            u[:, level] = (seen - drop) / self.far_scale[level]
        return p, q, l, s, u


def _copied(trees: Sequence[Tree]) -> tuple[IntArray, IntArray, list[Level], IntArray]:
    """Tree and place of the branch above (-1 at the entry) of every copy, the levels, and which copy stands where."""
    owner: list[int] = []
    parent: list[int] = []
    depth: list[int] = []
    first = 0
    for t, tree in enumerate(trees):
        at: dict[int, int] = {}
        for i, step in enumerate(tree.steps):
            up = at.get(step.near, -1)
            at[step.far] = first + i
            owner.append(t)
            parent.append(up)
            depth.append(depth[up] + 1 if up >= 0 else 0)
        first += len(tree.steps)
    return _by_level(*(np.array(a, dtype=np.int64) for a in (owner, parent, depth)))


def _by_level(owner: IntArray, parent: IntArray, depth: IntArray) -> tuple[IntArray, IntArray, list[Level], IntArray]:
    """Put copies level by level, and those below one copy side by side: all is slices and sums of slices."""
    place, levels, start = np.full(len(owner), -1, dtype=np.int64), list[Level](), 0
    order: list[IntArray] = []
    for members in np.split(np.argsort(depth, kind="stable"), np.cumsum(np.bincount(depth))[:-1]) if len(depth) else []:
        above = place[parent[members]] if levels else np.full(len(members), -1, dtype=np.int64)
        sorting = np.argsort(above, kind="stable")
        here, above = members[sorting], above[sorting]
        place[here] = start + np.arange(len(here))
        starts = np.flatnonzero(np.diff(above, prepend=-2))
        levels.append(Level(slice(start, start + len(here)), not levels, above[starts], starts))
        order.append(here)
        start += len(here)
    which = np.concatenate(order) if order else np.zeros(0, dtype=np.int64)
    above = np.where(parent >= 0, place[parent], -1)[which] if order else which
    return owner[which], above, levels, which
