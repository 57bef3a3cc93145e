r"""What the feeder can carry: bounds on exchange, and a policy that stays within the feeder.

Exchange between nodes is a settlement. What the feeder sees is what each node draws and feeds in, whoever is paid for
it; energy that is not imported is bought, and comes over the same lines. So there are two bounds:

*exchange limits* (``exchange_limit_mw="feeder"``)
    For each hour the largest exchange :math:`X_i \le \overline X_i` that the feeder carries beside the expected load,
    if all nodes import as much at once, and if all export as much at once. The smallest :math:`X_i / \overline X_i` is
    maximised first, then :math:`\sum X_i`. They are known beforehand, and every policy reckons with them.
*actions* (policy ``feeder:<policy>``)
    The action of a policy is moved to the nearest one that the feeder carries in the expected hour:

.. math::

    \min \sum_i |p_i - p_i^*| + \sum_k |u_k - u_k^*| + M \sum_j \sigma_j, \quad
    \underline v_j + m - \sigma_j \le v_j \le \overline v_j - m + \sigma_j, \quad |P_k| \le \overline P_k + \sigma_k

with :math:`p` within the elastic capacity, :math:`u` within what the storages can do, and the sites' reactive power
free within its limits. Voltages are LinDistFlow,

.. math:: v = v^0 - 2 R (p - p^0) - 2 X (q - q^0)

around an exact power flow, first of the policy's action, then of the answer, three times, so that the losses are not
lost. The limits are soft: where the load
alone breaks them, the bound does what it can.

References
----------
Baran and Wu, doi:10.1109/61.19266 (LinDistFlow). That the exchange of Xu et al., doi:10.3390/wevj16090515, section
2.2, does not know the network is the reason for this module.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from adnflex.errors import SolverError
from adnflex.grid.flow import RadialFlow
from adnflex.problems.clock import Deadline
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.hours import Hours, Spread, sites_of
from adnflex.problems.rolling.policies import Action, Policy, State, by_node
from adnflex.problems.rolling.vehicles import can, must
from adnflex.solvers.linear import minimise_below

__all__ = ["WithinFeeder", "exchange_limits"]

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]

# A limit that is broken weighs this much more than a MW that is moved [MW/pu].
_BROKEN = 1e3
# Time limit of one programme [s].
_SECONDS = 60.0
# Times that the voltages are linearised, each around the exact power flow of the answer before.
_ROUNDS = 3


class _Linear:
    """LinDistFlow of a case: voltages and flows around an exact power flow."""

    def __init__(self, case: RollingCase, sites: bool) -> None:
        known = (case.generators.index.tolist(), sorted(case.fleets), case.storages.index.tolist())
        self.hours = Hours.of(case.net, case.hours, *known)
        grid = self.hours.grid
        self.grid, self.flows = grid, RadialFlow(grid)
        found = sites_of(case.net, grid)
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

    def point(self, p: Floats, q: Floats, injected: Floats) -> tuple[Floats, Floats, Floats]:
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
        self, p: Floats, q: Floats, active: Floats, margin: float, injected: Floats
    ) -> tuple[Floats, Floats, Floats]:
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


def exchange_limits(case: RollingCase, *, margin_pu: float = 0.0) -> Floats:
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
    linear = _Linear(case, sites=True)
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


def _largest(linear: _Linear, p: Floats, q: Floats, unit: Floats, most: Floats, margin: float) -> Floats:
    """Largest simultaneous change of all nodes (n,) [MW] within the limits; 0 where the load alone breaks them."""
    n, k = unit.shape[1], len(linear.sites)
    found, injected = np.zeros(n), 0.5 * (linear.low + linear.high)
    for _ in range(_ROUNDS):
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


@dataclass(eq=False)
class WithinFeeder:
    """A policy whose actions are moved to what the feeder carries.

    Parameters
    ----------
    case : RollingCase
        The case.
    policy : Policy
        The policy.
    margin_pu : float
        Distance of the voltages of the expected hour from their limits [pu].
    sites : bool
        Whether the sites' reactive power helps; else it is as in the net.

    Examples
    --------
    >>> from adnflex import schedule_rolling
    >>> from adnflex.problems.rolling import RollingCase
    >>> case = RollingCase.load("rolling33")
    >>> schedule_rolling(case, "feeder:pool", reactive=None).policy
    'feeder:pool'
    """

    case: RollingCase
    policy: Policy
    margin_pu: float = 0.0
    sites: bool = True
    _linear: _Linear | None = field(default=None, init=False, repr=False)

    @property
    def name(self) -> str:
        """As in `adnflex.schedule_rolling`."""
        return f"feeder:{self.policy.name}"

    def prepare(self) -> None:
        """Prepare the policy, and read the feeder."""
        if hasattr(self.policy, "prepare"):
            self.policy.prepare()
        if self._linear is None:
            self._linear = _Linear(self.case, self.sites)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_linear": None}

    def decide(self, state: State, rng: np.random.Generator) -> Action:
        """Decide as the policy does, then move the action as little as the feeder asks for."""
        clock = Deadline(state.seconds)
        wanted = self.policy.decide(state, rng)
        if self._linear is None:
            self._linear = _Linear(self.case, self.sites)
        return _moved(self.case, self._linear, state, wanted, 2.0 * self.margin_pu, clock)


def _moved(case: RollingCase, linear: _Linear, state: State, wanted: Action, margin: float, clock: Deadline) -> Action:
    """Nearest action within the feeder."""
    n, k, base = len(case.buses), len(case.storages), linear.grid.base_mva
    low, high = (by_node(part, state.vehicles, n) for part in (must(state.vehicles, state.hour), can(state.vehicles)))
    least, most = case.storages.powers(state.energy, state.hour)
    # the case knows generation by node; only the sums at the nodes matter
    nothing = np.zeros((1, len(linear.hours.load_index))), np.zeros((1, len(case.generators.index)))
    zeros = (np.zeros(len(case.generators.index)), np.zeros(len(case.fleets)), np.zeros(k))
    p, q = (part[0] for part in linear.hours.withdrawals(state.hour, *zeros, nothing, Spread(0.0, 0.0)))
    drawn = wanted.ev - state.generation
    np.add.at(drawn, case.storages.node, wanted.storage)
    np.add.at(p, linear.nodes, drawn / base)
    unit = np.zeros((linear.grid.n, n + k))
    unit[linear.nodes, np.arange(n)] = 1.0 / base
    unit[linear.nodes[case.storages.node], n + np.arange(k)] = 1.0 / base
    now, bottom, top = (np.concatenate(parts) for parts in ((wanted.ev, wanted.storage), (low, least), (high, most)))
    change, injected = np.zeros(n + k), 0.5 * (linear.low + linear.high)
    for k_round in range(_ROUNDS):
        by_x, by_q, b = linear.rows(p + unit @ change, q, unit, margin, injected)
        rows, a = len(b), n + k
        # columns: changes up, changes down, injections, slack of every row
        matrix = np.concatenate([by_x, -by_x, by_q, -np.eye(rows)], axis=1)
        bounds = [
            *((0.0, max(float(x), 0.0)) for x in top - now),
            *((0.0, max(float(x), 0.0)) for x in now - bottom),
            *zip(linear.low, linear.high, strict=True),
            *((0.0, None) for _ in range(rows)),
        ]
        cost = np.concatenate([np.ones(2 * a), np.zeros(len(linear.sites)), np.full(rows, _BROKEN)])
        side = b + by_x @ change + by_q @ injected
        answer = minimise_below(cost, matrix, side, bounds, min(_SECONDS, clock.left))
        if answer.x is None:
            if k_round and clock.spent:
                break  # an earlier round has an answer
            raise SolverError(
                f"the bound of the feeder at hour {state.hour} was not solved ({answer.status}: {answer.words}); use "
                "the policy without 'feeder:'."
            )
        change = answer.x[:a] - answer.x[a : 2 * a]
        injected = answer.x[2 * a : 2 * a + len(linear.sites)]
    if np.abs(change).max(initial=0.0) < 1e-9:
        return wanted
    log.debug("hour %d: %.4g MW moved for the feeder", state.hour, np.abs(change).sum())
    ev = np.clip(wanted.ev + change[:n], low, high)
    same = wanted.vehicles is not None and np.abs(change[:n]).max(initial=0.0) < 1e-9
    return Action(
        wanted.ev if same else ev,
        case.storages.clip(state.energy, wanted.storage + change[n:], state.hour),
        wanted.vehicles if same else None,
    )
