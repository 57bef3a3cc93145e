r"""Whether the exact losses of radial states are the least of the relaxation, by their multipliers, for many at once.

With everything referred to the roots, flows :math:`S_j = P_j + jQ_j` and squared currents :math:`l_j` into node j, the
relaxation of one tree is

.. math::
    \min \sum_j r_j l_j + g^c_j v_j, \quad S_j = s_j + \bar y_j v_j + \sum_{c} (S_c + z_c l_c), \quad
    v_i = v_j + 2 \Re(\bar z_j S_j) + |z_j|^2 l_j, \quad l_j v_j \ge |S_j|^2 .

Its exact state is stationary with multipliers :math:`\lambda` of the balances (:math:`\alpha + j\beta` for P and Q),
:math:`\gamma` of the voltages and :math:`\mu` of the cones,

.. math::
    \lambda_j = \lambda_i + 2 \mu_j S_j / v_j - 2 z_j \gamma_j, \quad
    \mu_j = r_j + \Re(\bar z_j \lambda_i) - |z_j|^2 \gamma_j, \quad
    \gamma_j = \sum_c \gamma_c + g^c_j + \Re(y_j \lambda_j) - \mu_j l_j / v_j ,

which is linear and iterated like the power flow itself.  Where no :math:`\mu` is negative the state is the least of the
relaxation: convex, so its multipliers prove it, and limits can only raise that.
"""

from __future__ import annotations

import numpy as np

from adnflex.arrays import BoolArray, ComplexArray
from adnflex.grid.state import squared
from adnflex.grid.tree_flows import TreesAt
from adnflex.grid.trees import TreeSums

# Change of a multiplier in the last step, and steps before nothing is said [pu].
_TOLERANCE, _STEPS = 1e-10, 60


def cones_are_exact(at: TreesAt) -> BoolArray:
    """Whether the losses of exact states (B,) are the least of the relaxation of their trees; False where not shown.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> from adnflex.grid.tree_flows import TreeFlows
    >>> grid = read_grid(pn.case33bw())
    >>> flows = TreeFlows(grid)
    >>> trees = flows.grown(grid.closed[None])
    >>> [bool(cones_are_exact(flows.at(trees, s * grid.p, s * grid.q, grid.y))[0]) for s in (1.0, -1.0)]
    [True, True]
    """
    found = np.zeros(at.volt.shape[1], dtype=bool)
    live = np.flatnonzero(np.isfinite(at.volt).all(axis=0))
    if not len(live):
        return found
    sums = TreeSums(at.trees, live)
    z, y, charging = (sums.placed(a) for a in (at.trees.z, at.shunt, at.charging))
    volt, through = sums.placed(at.volt), sums.below(sums.placed(at.drawn))
    v, size = squared(volt), squared(z)
    slope, share = 2 * np.conj(through / volt), squared(through) / v
    inner = size > 0
    if _falls(through * np.conj(volt), y):
        found[live] = True
        return found
    lam, gamma, mu = np.zeros_like(z), np.zeros_like(v), z.real.copy()
    change = np.full(len(live), np.inf)
    for _ in range(_STEPS):
        step = np.where(inner, slope * mu - 2 * z * gamma, 0)
        new = sums.along(step)
        mu = np.where(inner, z.real + (np.conj(z) * (new - step)).real - size * gamma, 0.0)
        below = sums.below(charging + (y * new).real - mu * share).real
        change = np.maximum(np.abs(new - lam).max(axis=0), np.abs(below - gamma).max(axis=0))
        lam, gamma = new, below
        if not (change > _TOLERANCE).any():
            break
    # a branch without impedance has no cone; one without resistance may have a multiplier of zero
    found[live] = (change <= _TOLERANCE) & (mu >= -1e-12).all(axis=0)
    return found


def _falls(flow: ComplexArray, shunt: ComplexArray) -> bool:
    """Whether power flows down everywhere and nothing hangs on voltages: all terms are of one sign."""
    return bool((flow.real >= 0).all() and (flow.imag <= 0).all() and not shunt.any())
