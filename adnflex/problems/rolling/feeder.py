r"""What the feeder can carry: bounds on exchange, and a policy that stays within the feeder.

Exchange between nodes is a settlement. What the feeder sees is what each node draws and feeds in, whoever is paid for
it; energy that is not imported is bought, and comes over the same lines. So there are two bounds:

*exchange limits* (``exchange_limit_mw="feeder"``)
    See `adnflex.problems.rolling.feeder_limits`.
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

from adnflex.errors import SolverError
from adnflex.problems.clock import Deadline
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.feeder_limits import ROUNDS, LinearFeeder
from adnflex.problems.rolling.hours import Spread
from adnflex.problems.rolling.policies import Action, Policy, State, by_node
from adnflex.problems.rolling.vehicles import can, must
from adnflex.solvers.linear import minimise_below

log = logging.getLogger(__name__)


# A limit that is broken weighs this much more than a MW that is moved [MW/pu].
_BROKEN = 1e3
# Time limit of one programme [s].
_SECONDS = 60.0


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
    _linear: LinearFeeder | None = field(default=None, init=False, repr=False)

    @property
    def name(self) -> str:
        """As in `adnflex.schedule_rolling`."""
        return f"feeder:{self.policy.name}"

    def prepare(self) -> None:
        """Prepare the policy, and read the feeder."""
        if hasattr(self.policy, "prepare"):
            self.policy.prepare()
        if self._linear is None:
            self._linear = LinearFeeder(self.case, self.sites)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_linear": None}

    def decide(self, state: State, rng: np.random.Generator) -> Action:
        """Decide as the policy does, then move the action as little as the feeder asks for."""
        clock = Deadline(state.seconds)
        wanted = self.policy.decide(state, rng)
        if self._linear is None:
            self._linear = LinearFeeder(self.case, self.sites)
        return _moved(self.case, self._linear, state, wanted, 2.0 * self.margin_pu, clock)


def _moved(
    case: RollingCase, linear: LinearFeeder, state: State, wanted: Action, margin: float, clock: Deadline
) -> Action:
    """Nearest action within the feeder."""
    n, k, base = len(case.buses), len(case.storages), linear.grid.base_mva
    low, high = (by_node(bound(state.vehicles, state.hour), state.vehicles, n) for bound in (must, can))
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
    for k_round in range(ROUNDS):
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
