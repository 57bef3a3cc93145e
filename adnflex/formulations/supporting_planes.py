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

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from adnflex.arrays import BoolArray, FloatArray
from adnflex.formulations.hanging_trees import HangingTrees


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
    copies : (M,) or (B, M) array
        Weight of the squared voltage at the far end of every copy of a branch, for every state apart if there are B.
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


def supporting_plane(trees: HangingTrees, functional: Functional, misses: FloatArray | None = None) -> Plane:
    """Return the plane of a functional where the tangents are, and whether it is proven.

    Parameters
    ----------
    trees : HangingTrees
        The trees, linearised.
    functional : Functional
        What is bounded.
    misses : (B, M) array, optional
        The most by which a current can be above its tangent: what a negative multiplier costs.

    Examples
    --------
    A feeder of case33bw hangs on bus 1; what it draws falls with the voltage there.

    >>> import pandapower.networks as pn
    >>> from adnflex.formulations.hanging_trees import Tree
    >>> from adnflex.grid import read_grid
    >>> from adnflex.grid.core import Step
    >>> grid = read_grid(pn.case33bw())
    >>> trees = HangingTrees(grid, [Tree((Step(1, 18, 17, True), Step(18, 19, 18, True)), (), 1)])
    >>> trees.touch(np.full((1, 1), 0.99))
    >>> plane = supporting_plane(trees, Functional(p=1.0))
    >>> bool(plane.proven[0, 0]), bool(plane.slope[0, 0] < 0)
    (True, True)
    """
    batch = len(trees.a)
    weight_l = np.zeros(len(trees.branch)) if functional.current is None else functional.current[trees.branch]
    weight_u = np.zeros(len(trees.branch)) if functional.voltage is None else functional.voltage[trees.far]
    if functional.copies is not None:
        weight_u = weight_u + functional.copies
    if functional.shunt:
        weight_u = weight_u + trees.shunt.real
    const, slope, per_u = _value(trees, weight_l, weight_u)
    top = np.flatnonzero(trees.parent < 0)
    total = np.zeros((batch, trees.count)), np.zeros((batch, trees.count))
    for sums, parts in (
        (total[0], const[:, top] + functional.p * trees.p0[:, top] + functional.q * trees.q0[:, top]),
        (total[1], (slope + functional.p * trees.p1 + functional.q * trees.q1)[:, top] * trees.near_scale[top]),
    ):
        np.add.at(sums.T, trees.tree[top], parts.T)
    y = trees.entry
    total[1][:] += functional.p * y.real - functional.q * y.imag + (y.real if functional.shunt else 0.0)
    multiplier, rounding = _multipliers(trees, functional, weight_l, per_u)
    if misses is not None:
        np.add.at(total[0].T, trees.tree, (np.minimum(multiplier, 0.0) * misses).T)
    proven = np.isfinite(total[0]) & np.isfinite(total[1])
    if misses is None:
        np.logical_and.at(proven.T, trees.tree, (multiplier >= -rounding).T)
    return Plane(*total, proven)


def _value(t: HangingTrees, weight_l: FloatArray, weight_u: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Constant and slope in s of the functional below every branch, and its slope in the far voltage."""
    shape = t.a.shape
    const, slope = np.zeros(shape), np.zeros(shape)
    const_u, per_u = np.zeros(shape), np.broadcast_to(weight_u, shape).copy()
    for one in reversed(t.levels):
        level = one.here
        p0, p1, q0, q1 = (a[:, level] for a in (t.p0, t.p1, t.q0, t.q1))
        a, b, c = t.a[:, level], t.b[:, level], t.c[:, level]
        l0, l1 = a * p0 + b * q0, a * p1 + b * q1 - c
        r, x, z2, far = t.r[level], t.x[level], t.z2[level], t.far_scale[level]
        u0, u1 = (-2 * (r * p0 + x * q0) + z2 * l0) / far, (1 - 2 * (r * p1 + x * q1) + z2 * l1) / far
        const[:, level] = weight_l[level] * l0 + const_u[:, level] + per_u[:, level] * u0
        slope[:, level] = weight_l[level] * l1 + per_u[:, level] * u1
        one.to_parents(const_u, const[:, level])
        one.to_parents(per_u, slope[:, level] * t.near_scale[level])
    return const, slope, per_u


def _multipliers(
    t: HangingTrees, functional: Functional, weight_l: FloatArray, per_u: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Multiplier of the tangent of every branch, and the size of its rounding (B, M)."""
    shape = t.a.shape
    # worth of one more unit drawn at the far node of a branch
    worth_p, worth_q = np.empty(shape), np.empty(shape)
    multipliers, rounding = np.zeros(shape), np.zeros(shape)
    for one in t.levels:
        level = one.here
        above_p = np.array(functional.p) if one.first else worth_p[:, t.parent[level]]
        above_q = np.array(functional.q) if one.first else worth_q[:, t.parent[level]]
        a, b = t.a[:, level], t.b[:, level]
        k11, k12, k21, k22 = (k[:, level] for k in (t.k11, t.k12, t.k21, t.k22))
        r, x, z2, far = t.r[level], t.x[level], t.z2[level], t.far_scale[level]
        rho, sigma = t.rho[:, level], t.sigma[:, level]

        def worth(dp: FloatArray, dq: FloatArray, dl: FloatArray) -> FloatArray:
            du = (-2 * (r * dp + x * dq) + z2 * dl) / far  # noqa: B023
            return above_p * dp + above_q * dq + weight_l[level] * dl + per_u[:, level] * du  # noqa: B023

        worth_p[:, level] = worth(k11, k21, a * k11 + b * k21)
        worth_q[:, level] = worth(k12, k22, a * k12 + b * k22)
        dp, dq = k11 * rho + k12 * sigma, k21 * rho + k22 * sigma
        # a coupler has no tangent
        multipliers[:, level] = np.where(z2 > 0, worth(dp, dq, 1 + a * dp + b * dq), 0.0)
        size = np.abs(above_p) * r + np.abs(above_q) * np.abs(x) + np.abs(weight_l[level]) + z2
        rounding[:, level] = 1e-12 * size
    return multipliers, rounding
