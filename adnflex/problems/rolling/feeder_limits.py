r"""Voltages and flows of the feeder, linear around an exact power flow, and the exchange that it carries.

For each hour the largest exchange :math:`X_i \le \overline X_i` that the feeder carries beside the expected load, if
all nodes import as much at once, and if all export as much at once. The smallest :math:`X_i / \overline X_i` is
maximised first, then :math:`\sum X_i`. These limits are known beforehand, and every policy reckons with them.
Voltages are LinDistFlow, :math:`v = v^0 - 2 R (p - p^0) - 2 X (q - q^0)`, around an exact power flow, three times, so
that the losses are not lost.

References
----------
Baran and Wu, doi:10.1109/61.19266 (LinDistFlow).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.grid.flow import RadialFlow
from adnflex.problems.rolling.hours import Hours, Spread, require_limits, sites_of
from adnflex.solvers.linear import minimise_below

if TYPE_CHECKING:
    from adnflex.problems.rolling.case import RollingCase


# Times that the voltages are linearised, each around the exact power flow of the answer before.
ROUNDS = 3


class LinearFeeder:
    """LinDistFlow of a case: voltages and flows around an exact power flow."""

    def __init__(self, case: RollingCase, sites: bool) -> None:
        require_limits(case.found)
        self.hours = Hours.of(case.found)
        grid = self.hours.grid
        self.grid, self.flows = grid, RadialFlow(grid)
        found = sites_of(case.found)
        self.low, self.high = (found.low, found.high) if sites else (found.low[:0], found.high[:0])
        self.sites = found.node if sites else found.node[:0]
        self.given = case.net.sgen.loc[found.index, "q_mvar"].to_numpy(float)
        self.given_at = found.node
        self.slopes = self.flows.slopes()
        self.nodes = np.array([grid.node_of[int(bus)] for bus in case.buses])
        self.counted = np.flatnonzero(np.isnan(grid.root_v) & np.array([bool(b) for b in grid.buses]))
        rated = grid.ratings.series_limit(grid.m, np.ones(grid.m), np.ones(grid.m))
        self.rated = np.flatnonzero(rated < 50.0 * np.abs(self.hours.load_mva).sum(axis=1).max() / grid.base_mva)
        self.limit = rated[self.rated]

    def point(self, p: FloatArray, q: FloatArray, injected: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Squared voltages (n,), flows and their limits (rated,) at withdrawals (n,) and the sites' injections."""
        q = q.copy()
        if len(self.sites):
            np.subtract.at(q, self.sites, injected / self.grid.base_mva)
        else:
            np.subtract.at(q, self.given_at, self.given / self.grid.base_mva)
        state, slopes = self.flows.solve(p, q), self.slopes
        linear = self.grid.root_v[self.grid.roots].mean() + slopes.v_p @ p + slopes.v_q @ q
        v = linear if state is None else state.v
        reactive = slopes.flow[self.rated] @ q
        room = np.sqrt(np.maximum(self.limit**2 - reactive**2, 0.0))
        return v, slopes.flow[self.rated] @ p, room

    def rows(
        self, p: FloatArray, q: FloatArray, active: FloatArray, margin: float, injected: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Rows ``A x <= b + σ`` of all limits for changes of active power and of the sites' injections.

        Parameters
        ----------
        p, q : (n,) array
            Withdrawals around which is linearised, without the sites [pu].
        active : (n, a) array
            Withdrawal [pu] of each of the `a` changes.
        margin : float
            Of the squared voltages [pu].
        injected : (k,) array
            Injections of the sites there [Mvar].

        Returns
        -------
        (rows, a), (rows, k), (rows,) array
            Coefficients of the changes and of the sites' changes [1, 1/Mvar], and right-hand sides.
        """
        g, c = self.grid, self.counted
        v, flow, room = self.point(p, q, injected)
        by_p = self.slopes.v_p @ active
        by_q = -self.slopes.v_q[:, self.sites] / g.base_mva
        by_flow = self.slopes.flow[self.rated] @ active
        still = np.zeros((len(self.rated), len(self.sites)))
        low, high = g.v_min[c] + margin, g.v_max[c] - margin
        return (
            np.concatenate([-by_p[c], by_p[c], by_flow, -by_flow]),
            np.concatenate([-by_q[c], by_q[c], still, still]),
            np.concatenate([v[c] - low, high - v[c], room - flow, room + flow]),
        )


def exchange_limits(case: RollingCase, *, margin_pu: float = 0.0) -> FloatArray:
    """Exchange of each hour and node that the feeder carries beside the expected load.

    Parameters
    ----------
    case : RollingCase
        The case, with its own limits as the most.
    margin_pu : float
        Distance of the voltages from their limits [pu].

    Returns
    -------
    ndarray, shape (H, n)
        For `RollingCase.exchange_mw` [MW].
    """
    linear = LinearFeeder(case, sites=True)
    n, base = len(case.buses), linear.grid.base_mva
    unit = np.zeros((linear.grid.n, n))
    unit[linear.nodes, np.arange(n)] = 1.0 / base
    nothing = (np.zeros((1, len(linear.hours.load_index))), np.zeros((1, len(case.generators.index))))
    result = np.zeros((case.hours, n))
    for hour in range(case.hours):
        zeros = (np.zeros(len(case.generators.index)), np.zeros(len(case.fleets)), np.zeros(len(case.storages)))
        p, q = linear.hours.withdrawals(hour, *zeros, nothing, Spread(0.0, 0.0))
        most = case.exchange_mw[hour]
        found = [_largest(linear, p[0], q[0], sign * unit, most, 2.0 * margin_pu) for sign in (1.0, -1.0)]
        result[hour] = np.minimum(*found)
    return result


def _largest(
    linear: LinearFeeder, p: FloatArray, q: FloatArray, unit: FloatArray, most: FloatArray, margin: float
) -> FloatArray:
    """Largest simultaneous change of all nodes (n,) [MW] within the limits; 0 where the load alone breaks them."""
    n, k = unit.shape[1], len(linear.sites)
    found, injected = np.zeros(n), 0.5 * (linear.low + linear.high)
    for _ in range(ROUNDS):
        by_x, by_q, b = linear.rows(p + unit @ found, q, unit, margin, injected)
        # columns: X (n), share, injections (k); X >= share * most
        a = np.concatenate([by_x, np.zeros((len(b), 1)), by_q], axis=1)
        fair = np.concatenate([-np.eye(n), most[:, None], np.zeros((n, k))], axis=1)
        whole = np.concatenate([a, fair])
        side = np.concatenate([b + by_x @ found + by_q @ injected, np.zeros(n)])
        bounds = [*((0.0, x) for x in most), (0.0, 1.0), *zip(linear.low, linear.high, strict=True)]
        cost = np.zeros(n + 1 + k)
        cost[n] = -1.0
        first = minimise_below(cost, whole, side, bounds)
        if first.x is None:
            # proven impossible, or not solved: nothing more is taken than must be
            return np.zeros(n)
        bounds[n] = (float(first.x[n]) - 1e-9, 1.0)
        cost[:n], cost[n] = -1.0, 0.0
        second = minimise_below(cost, whole, side, bounds)
        answer = first.x if second.x is None else second.x
        found, injected = np.clip(answer[:n], 0.0, most), answer[n + 1 :]
    return np.asarray(found)
