r"""What the limits of a hanging tree say of the voltage where it hangs.

Along a tree without choice all voltages and currents are functions of one number, the squared voltage :math:`s` at the
entry.  Its equations with tangents (`adnflex.formulations.supporting_planes`) miss the exact ones by what a tangent
misses of the current,

.. math::

    \sigma_k = l_k - (a_k P_k + b_k Q_k - c_k s_k)
             = \frac{(P_k - \hat P s_k / \hat s)^2 + (Q_k - \hat Q s_k / \hat s)^2}{s_k} \;\ge 0,

which is convex and so largest at a corner of the box in which :math:`(P_k, Q_k, s_k)` lie.  Every voltage and current
is an affine function of :math:`s` and of all :math:`\sigma_k`; with :math:`0 \le \sigma_k \le \overline\sigma_k` each
limit becomes an inequality in :math:`s` alone, and all of them an interval.  It contains the voltage of every state
within the limits, because it is only of those that the box is true.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from adnflex.arrays import FloatArray, IntArray
from adnflex.formulations.bounds import Bounds
from adnflex.formulations.hanging_trees import HangingTrees

# What power flow forgives of a limit [pu], and the smallest slope that says anything of the entry's voltage.
_FORGIVEN, _FLAT = 1e-7, 1e-9


def largest_misses(trees: HangingTrees, bounds: Bounds, l_max: FloatArray) -> FloatArray:
    """Bound what the tangent of every copy of a branch misses of its squared current within the limits (B, M).

    Parameters
    ----------
    trees : HangingTrees
        The trees, linearised.
    bounds : Bounds
        Bounds of the grid.
    l_max : (m,) array
        Largest squared currents.
    """
    low, high, l_top = _carried(trees, bounds, l_max)
    near = np.where(trees.parent >= 0, trees.far[np.maximum(trees.parent, 0)], trees.entries[trees.tree])
    p, q, s = trees.touched
    worst = np.zeros(p.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        for seen in (bounds.v_min[near] * trees.near_scale, bounds.v_max[near] * trees.near_scale):
            for p_at in (low.real, high.real):
                for q_at in (low.imag, high.imag):
                    off = (p_at - p * seen / s) ** 2 + (q_at - q * seen / s) ** 2
                    worst = np.maximum(worst, off / seen)
    # the current itself is no more than its bound, and a tangent at no current is 0
    worst = np.where((p == 0) & (q == 0), np.minimum(worst, l_top), worst)
    return np.where(trees.z2 > 0, worst, 0.0)


def _carried(trees: HangingTrees, bounds: Bounds, l_max: FloatArray) -> tuple[np.ndarray, np.ndarray, FloatArray]:
    """Least and most power into every copy's impedance (complex), and its largest squared current (M,)."""
    far = trees.far
    v_low, v_high = bounds.v_min[far], bounds.v_max[far]
    shunt = [np.stack([y * v_low, y * v_high]) for y in (trees.y.real, -trees.y.imag)]
    # of the mean of operating points every one counts: its square is not that of the mean
    least, most = bounds.withdrawn[:, far]
    low = least + shunt[0].min(axis=0) + 1j * shunt[1].min(axis=0)
    high = most + shunt[0].max(axis=0) + 1j * shunt[1].max(axis=0)
    current = bounds.node_current[far].copy()
    l_top = np.empty(len(far))
    for one in reversed(trees.levels):
        level = one.here
        l_top[level] = np.minimum(l_max[trees.branch[level]], current[level] ** 2)
        low[level] += 1j * np.minimum(trees.x[level], 0) * l_top[level]
        high[level] += (trees.r[level] + 1j * np.maximum(trees.x[level], 0)) * l_top[level]
        for total in (low, high, current):
            one.to_parents(total, total[level])
    return low, high, l_top


class _Measure(NamedTuple):
    """Linear functionals of copies of branches: weights of P, Q, l, the voltage seen at the near end, the far one."""

    at: IntArray | slice
    p: FloatArray
    q: FloatArray
    l: FloatArray  # noqa: E741
    s: FloatArray
    u: FloatArray


class _Affine(NamedTuple):
    """``constant + slope s``, and how far the truth may be below and above it (B, K)."""

    constant: FloatArray
    slope: FloatArray
    below: FloatArray
    above: FloatArray


def within_limits(
    trees: HangingTrees, bounds: Bounds, misses: FloatArray, span: tuple[FloatArray, FloatArray]
) -> tuple[FloatArray, FloatArray]:
    """Range of the squared voltage at the entry of every tree in which no limit of the tree is violated.

    Parameters
    ----------
    trees : HangingTrees
        The trees, linearised.
    bounds : Bounds
        Bounds of the grid.
    misses : (B, M) array
        See `largest_misses`.
    span : pair of (T,) array
        Range within the limits of the entry itself.

    Returns
    -------
    low, high : (T,) array
        The range; empty (`low` above `high`) where no voltage will do.
    """
    found = span[0].copy(), span[1].copy()
    if not len(trees.branch):
        return found
    swept = _Swept(trees, misses)
    zero, one = np.zeros(len(trees.branch)), np.ones(len(trees.branch))
    volts = swept.measure(_Measure(slice(None), zero, zero, zero, zero, one))
    _at_most(found, trees, volts, np.arange(len(one)), bounds.v_max[trees.far])
    low = _Affine(-volts.constant, -volts.slope, volts.above, volts.below)
    _at_most(found, trees, low, np.arange(len(one)), -bounds.v_min[trees.far])
    rated, at, limit = _terminals(trees)
    if len(limit):
        _at_most(found, trees, swept.measure(rated), at, limit**2)
    return found


def _at_most(
    found: tuple[FloatArray, FloatArray], trees: HangingTrees, what: _Affine, at: IntArray, limit: FloatArray
) -> None:
    """Narrow the ranges of trees by ``constant + slope s - below <= limit``."""
    low, high = found
    room = limit + _FORGIVEN * (1 + np.abs(limit)) - what.constant + what.below
    owner = np.broadcast_to(trees.tree[at], room.shape)
    known = np.isfinite(room) & np.isfinite(what.slope)
    with np.errstate(divide="ignore", invalid="ignore"):
        edge = room / what.slope
    rising, falling = known & (what.slope > _FLAT), known & (what.slope < -_FLAT)
    np.minimum.at(high, owner[rising], edge[rising])
    np.maximum.at(low, owner[falling], edge[falling])
    # a flat one holds nowhere or says nothing
    reach = np.abs(what.slope) * np.maximum(np.abs(low), np.abs(high))[owner]
    never = known & ~rising & ~falling & (room < -reach)
    np.maximum.at(low, owner[never], np.inf)


def _terminals(trees: HangingTrees) -> tuple[_Measure, IntArray, FloatArray]:
    """Squared currents at all rated terminals of all copies, which copies these are, and the limits [pu]."""
    rated = trees.grid.ratings
    order = np.argsort(rated.branch, kind="stable")
    first = np.searchsorted(rated.branch[order], trees.branch)
    count = np.searchsorted(rated.branch[order], trees.branch, side="right") - first
    at = np.repeat(np.arange(len(trees.branch)), count)
    within = np.arange(len(at)) - np.repeat(np.cumsum(count) - count, count)
    r = order[np.repeat(first, count) + within]
    near = rated.at_from[r] == trees.away[at]
    share, y = rated.share[r], rated.y[r]
    # |s|² l + |y|² v ± 2 (g P - b Q) with the member's own part of P and Q, leaving the impedance at its far end
    turned = np.where(near, 2.0, -2.0) * np.conj(share * np.conj(y))
    p, q = turned.real, -turned.imag
    through = np.abs(share) ** 2 - np.where(near, 0.0, p * trees.r[at] + q * trees.x[at])
    volts = np.abs(y) ** 2
    seen, far = np.where(near, volts, 0.0), np.where(near, 0.0, volts * trees.far_scale[at])
    return _Measure(at, p, q, through, seen, far), at, rated.limit[r]


class _Swept:
    """Voltages of all copies as affine functions of the entry's, and how far misses can move them."""

    def __init__(self, trees: HangingTrees, misses: FloatArray) -> None:
        self.trees, self.misses = trees, misses
        shape = misses.shape
        # what is drawn at the far node moves by what the misses below add: an interval each for P and Q
        self.drawn = [np.zeros(shape) for _ in range(4)]
        self.seen = [np.zeros(shape) for _ in range(2)]
        # the voltage seen is ``offset + gain s``
        self.offset, self.gain = np.zeros(shape), np.zeros(shape)
        self._up()
        self._down()

    def _up(self) -> None:
        for level in reversed(self.trees.levels[1:]):
            one = np.ones(level.here.stop - level.here.start)
            for k, weights in enumerate(((one, 0 * one), (0 * one, one))):
                below, above = self._moved(_Measure(level.here, *weights, 0 * one, 0 * one, 0 * one), voltage=False)
                level.to_parents(self.drawn[2 * k], below)
                level.to_parents(self.drawn[2 * k + 1], above)

    def _down(self) -> None:
        t = self.trees
        for level in t.levels:
            at = level.here
            scale = t.near_scale[at]
            if level.first:
                self.gain[:, at] = scale
                continue
            # several hang on the same copy
            one, spread = np.ones(len(level.parents)), np.searchsorted(level.parents, t.parent[at])
            far = self.measure(_Measure(level.parents, 0 * one, 0 * one, 0 * one, 0 * one, one))
            self.offset[:, at], self.gain[:, at] = far.constant[:, spread] * scale, far.slope[:, spread] * scale
            self.seen[0][:, at], self.seen[1][:, at] = far.below[:, spread] * scale, far.above[:, spread] * scale

    def _weights(self, m: _Measure) -> tuple[FloatArray, ...]:
        """Replace the far voltage and the current by P, Q, the voltage seen and the miss."""
        t, k = self.trees, m.at
        per_u = m.u / t.far_scale[k]
        wl = m.l + per_u * t.z2[k]
        wp, wq, ws = m.p - 2 * per_u * t.r[k], m.q - 2 * per_u * t.x[k], m.s + per_u
        return wp + wl * t.a[:, k], wq + wl * t.b[:, k], ws - wl * t.c[:, k], wl

    def _moved(self, m: _Measure, voltage: bool = True) -> tuple[FloatArray, FloatArray]:
        """How far below and above its affine function a measure may be."""
        t, k = self.trees, m.at
        wp, wq, ws, wl = self._weights(m)
        per_p = wp * t.k11[:, k] + wq * t.k21[:, k]
        per_q = wp * t.k12[:, k] + wq * t.k22[:, k]
        per_miss = wl + per_p * t.rho[:, k] + per_q * t.sigma[:, k]
        parts = [
            (per_p, self.drawn[0][:, k], self.drawn[1][:, k]),
            (per_q, self.drawn[2][:, k], self.drawn[3][:, k]),
            (per_miss, np.zeros(wp.shape), self.misses[:, k]),
        ]
        if voltage:
            parts.append((ws + wp * t.p1[:, k] + wq * t.q1[:, k], self.seen[0][:, k], self.seen[1][:, k]))
        below, above = np.zeros(wp.shape), np.zeros(wp.shape)
        for weight, less, more in parts:
            below += np.where(weight > 0, weight * less, -weight * more)
            above += np.where(weight > 0, weight * more, -weight * less)
        return below, above

    def measure(self, m: _Measure) -> _Affine:
        """Express a measure by the voltage at the entry."""
        t, k = self.trees, m.at
        wp, wq, ws, _ = self._weights(m)
        per_s = ws + wp * t.p1[:, k] + wq * t.q1[:, k]
        constant = wp * t.p0[:, k] + wq * t.q0[:, k] + per_s * self.offset[:, k]
        return _Affine(constant, per_s * self.gain[:, k], *self._moved(m))
