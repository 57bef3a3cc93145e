r"""Supporting planes of what a hanging tree draws, as functions of the voltage where it hangs.

The state of a radial tree without choice depends on one number, the squared voltage :math:`s` at its entry.  With the
branch equations (linear but for the current) and the tangent of the convex function
:math:`l \ge (P^2 + Q^2) / s` at any point,

.. math::

    l_k \ge a_k P_k + b_k Q_k - c_k s_k, \quad
    a = 2 \hat P / \hat s, \; b = 2 \hat Q / \hat s, \; c = (\hat P^2 + \hat Q^2) / \hat s^2,

everything that the tree draws is the solution of a linear programme with one right-hand side that moves.  Where all
tangents are taken as equations its value is affine in :math:`s`; by duality that plane lies below the truth for *every*
voltage if the multipliers :math:`m_k` of all tangents are not negative, which is computed here, not assumed: no word on
convexity is needed, and generation, ratios, charging and constant impedances are no exception.  One pass up the tree
eliminates it (a 2 x 2 system a branch), one pass down gives its state, another the multipliers; relaxing, linearising
again at the state just found is Newton's method for the exact flow, so that the planes touch it.

References
----------
Rockafellar, Convex Analysis, 1970, section 28 (Lagrange multipliers as proof of a bound).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from adnflex.grid.core import Step
from adnflex.grid.model import BoolArray, FloatArray, Grid, IntArray

__all__ = ["Functional", "HangingTrees", "Plane", "Tree"]

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


@dataclass(frozen=True)
class Functional:
    """What is bounded from below: a sum over a tree.

    Attributes
    ----------
    p, q : float
        Weight of the power drawn at the entry.
    current : (m,) array
        Weight of the squared current of every branch of the grid.
    voltage : (n,) array
        Weight of the squared voltage of every node of the grid.
    copies : (M,) array
        Weight of the squared voltage at the far end of every copy of a branch.
    shunt : bool
        Whether the active power of all shunts of branches counts, as it does in losses.
    """

    p: float = 0.0
    q: float = 0.0
    current: FloatArray | None = None
    voltage: FloatArray | None = None
    copies: FloatArray | None = None
    shunt: bool = False


class Plane(NamedTuple):
    """Lower bounds ``constant + slope s``, (B, T) for B states of linearisation and T trees.

    Attributes
    ----------
    constant, slope : (B, T) array
        The plane [pu].
    proven : (B, T) array of bool
        Whether every multiplier is of the sign that makes it a bound.
    """

    constant: FloatArray
    slope: FloatArray
    proven: BoolArray


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
    A feeder of case33bw hangs on bus 1; what it draws falls with the voltage there.

    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> grid = read_grid(pn.case33bw())
    >>> feeder = Tree((Step(1, 18, 17, True), Step(18, 19, 18, True)), (), 1)
    >>> trees = HangingTrees(grid, [feeder])
    >>> trees.touch(np.full((1, 1), 0.99))
    >>> plane = trees.bound(Functional(p=1.0))
    >>> bool(plane.proven[0, 0]), bool(plane.slope[0, 0] < 0)
    (True, True)
    """

    def __init__(self, grid: Grid, trees: Sequence[Tree]) -> None:
        self.grid, self.count = grid, len(trees)
        self.tree, self.parent, self.level = _copied(trees)
        steps = [s for t in trees for s in t.steps]
        k = self.branch = np.array([s.branch for s in steps], dtype=np.int64)
        away = np.array([s.away for s in steps], dtype=bool)
        self.far = np.array([s.far for s in steps], dtype=np.int64)
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
        self._open_ends(trees, shunt, entry)
        self.shunt, self.entry = shunt, entry
        self.y = shunt + grid.y[self.far]
        self.p, self.q = grid.p[self.far], grid.q[self.far]
        order = np.argsort(self.level, kind="stable")
        ends = np.concatenate([[0], np.cumsum(np.bincount(self.level))]).tolist() if len(order) else [0]
        self.levels = [order[a:b] for a, b in pairwise(ends)]

    def _open_ends(self, trees: Sequence[Tree], shunt: np.ndarray, entry: np.ndarray) -> None:
        g, first = self.grid, 0
        for t, tree in enumerate(trees):
            at = {s.far: first + i for i, s in enumerate(tree.steps)}
            for branch, node in tree.opened:
                y = g.open_from[branch] / g.ratio[branch] ** 2 if g.f[branch] == node else g.open_to[branch]
                if node in at:
                    shunt[at[node]] += y
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
            self._eliminate(level)
            inner = level[self.parent[level] >= 0]
            up, near = self.parent[inner], self.near_scale[inner]
            for total, share in (
                (const_p, self.p0[:, inner]),
                (slope_p, self.p1[:, inner] * near),
                (const_q, self.q0[:, inner]),
                (slope_q, self.q1[:, inner] * near),
            ):
                np.add.at(total.T, up, share.T)

    def _eliminate(self, at: IntArray) -> None:
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
        for level in self.levels:
            up = self.parent[level]
            above = np.where(up >= 0, u[:, np.maximum(up, 0)], v[:, self.tree[level]])
            seen = above * self.near_scale[level]
            s[:, level] = seen
            p[:, level] = self.p0[:, level] + self.p1[:, level] * seen
            q[:, level] = self.q0[:, level] + self.q1[:, level] * seen
            l[:, level] = self.a[:, level] * p[:, level] + self.b[:, level] * q[:, level] - self.c[:, level] * seen
            drop = 2 * (self.r[level] * p[:, level] + self.x[level] * q[:, level]) - self.z2[level] * l[:, level]
            u[:, level] = (seen - drop) / self.far_scale[level]
        return p, q, l, s, u

    # -- planes ------------------------------------------------------------------------------------------------

    def bound(self, functional: Functional) -> Plane:
        """Return the plane of a functional where the tangents are, and whether it is proven."""
        batch = len(self.a)
        weight_l = np.zeros(len(self.branch)) if functional.current is None else functional.current[self.branch]
        weight_u = np.zeros(len(self.branch)) if functional.voltage is None else functional.voltage[self.far]
        if functional.copies is not None:
            weight_u = weight_u + functional.copies
        if functional.shunt:
            weight_u = weight_u + self.shunt.real
        const, slope, per_u = self._value(weight_l, weight_u)
        top = np.flatnonzero(self.parent < 0)
        total = np.zeros((batch, self.count)), np.zeros((batch, self.count))
        for sums, parts in (
            (total[0], const[:, top] + functional.p * self.p0[:, top] + functional.q * self.q0[:, top]),
            (total[1], (slope + functional.p * self.p1 + functional.q * self.q1)[:, top] * self.near_scale[top]),
        ):
            np.add.at(sums.T, self.tree[top], parts.T)
        y = self.entry
        total[1][:] += functional.p * y.real - functional.q * y.imag + (y.real if functional.shunt else 0.0)
        least = self._multipliers(functional, weight_l, per_u)
        proven = np.isfinite(total[0]) & np.isfinite(total[1])
        np.logical_and.at(proven.T, self.tree, least.T)
        return Plane(*total, proven)

    def _value(self, weight_l: FloatArray, weight_u: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Constant and slope in s of the functional below every branch, and its slope in the far voltage."""
        shape = self.a.shape
        const, slope = np.zeros(shape), np.zeros(shape)
        const_u, per_u = np.zeros(shape), np.tile(weight_u, (shape[0], 1))
        for level in reversed(self.levels):
            p0, p1, q0, q1 = (a[:, level] for a in (self.p0, self.p1, self.q0, self.q1))
            a, b, c = self.a[:, level], self.b[:, level], self.c[:, level]
            l0, l1 = a * p0 + b * q0, a * p1 + b * q1 - c
            r, x, z2, far = self.r[level], self.x[level], self.z2[level], self.far_scale[level]
            u0, u1 = (-2 * (r * p0 + x * q0) + z2 * l0) / far, (1 - 2 * (r * p1 + x * q1) + z2 * l1) / far
            const[:, level] = weight_l[level] * l0 + const_u[:, level] + per_u[:, level] * u0
            slope[:, level] = weight_l[level] * l1 + per_u[:, level] * u1
            inner = level[self.parent[level] >= 0]
            up = self.parent[inner]
            np.add.at(const_u.T, up, const[:, inner].T)
            np.add.at(per_u.T, up, (slope[:, inner] * self.near_scale[inner]).T)
        return const, slope, per_u

    def _multipliers(self, functional: Functional, weight_l: FloatArray, per_u: FloatArray) -> BoolArray:
        """Tell of every branch whether the multiplier of its tangent is not negative (B, M)."""
        shape = self.a.shape
        # worth of one more unit drawn at the far node of a branch
        worth_p, worth_q = np.empty(shape), np.empty(shape)
        sound = np.empty(shape, dtype=bool)
        for level in self.levels:
            up = self.parent[level]
            above_p = np.where(up >= 0, worth_p[:, np.maximum(up, 0)], functional.p)
            above_q = np.where(up >= 0, worth_q[:, np.maximum(up, 0)], functional.q)
            a, b = self.a[:, level], self.b[:, level]
            k11, k12, k21, k22 = (k[:, level] for k in (self.k11, self.k12, self.k21, self.k22))
            r, x, z2, far = self.r[level], self.x[level], self.z2[level], self.far_scale[level]
            rho, sigma = self.rho[:, level], self.sigma[:, level]

            def worth(dp: FloatArray, dq: FloatArray, dl: FloatArray) -> FloatArray:
                du = (-2 * (r * dp + x * dq) + z2 * dl) / far  # noqa: B023
                return above_p * dp + above_q * dq + weight_l[level] * dl + per_u[:, level] * du  # noqa: B023

            worth_p[:, level] = worth(k11, k21, a * k11 + b * k21)
            worth_q[:, level] = worth(k12, k22, a * k12 + b * k22)
            dp, dq = k11 * rho + k12 * sigma, k21 * rho + k22 * sigma
            multiplier = worth(dp, dq, 1 + a * dp + b * dq)
            size = np.abs(above_p) * r + np.abs(above_q) * np.abs(x) + np.abs(weight_l[level]) + z2
            sound[:, level] = (multiplier >= -1e-12 * size) | (z2 == 0)
        return sound


def _copied(trees: Sequence[Tree]) -> tuple[IntArray, IntArray, IntArray]:
    """Tree, position of the branch above (-1 at the entry) and depth of every copy of a branch."""
    owner: list[int] = []
    parent: list[int] = []
    level: list[int] = []
    first = 0
    for t, tree in enumerate(trees):
        at: dict[int, int] = {}
        for i, step in enumerate(tree.steps):
            up = at.get(step.near, -1)
            at[step.far] = first + i
            owner.append(t)
            parent.append(up)
            level.append(level[up] + 1 if up >= 0 else 0)
        first += len(tree.steps)
    return tuple(np.array(a, dtype=np.int64) for a in (owner, parent, level))  # type: ignore[return-value]
