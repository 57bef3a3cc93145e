r"""Rollout in charge: the candidates of each node, and their cost over common futures.

The cost of a candidate of node :math:`i`, all others fixed, over M futures :math:`\omega` that are the same for all
candidates and nodes of the hour (common random numbers):

.. math::

    Q(p_i, u_i) = \lambda_t b_t + w |u| - \lambda^{EV}_t p_i - \sum_{\tau > t} \lambda^{EV}_\tau F_{i\tau}(p_i)
    + \frac1M \sum_\omega \Bigl[ \sum_{\tau > t} \bigl( \lambda_\tau b^\pi_\tau(\omega)
    + w |u^\pi_\tau(\omega)| \bigr) - v_T \sum e_T(\omega) \Bigr]

with purchase :math:`b`, wear :math:`w` of the storages, the base policy :math:`\pi` from the next hour on, and
:math:`F` the load of the vehicles that are there if they charge as soon as possible afterwards. The load of vehicles is
additive, because charging as soon as possible does not look at storage; only storage and settlement are simulated.

Candidates of a node, always with the action in force:

* vehicles: what they must draw, what they may draw, and half way between;
* storage: *match*, the power that brings the sum of what is spilled less what is bought to zero (of the own node where
  there is no exchange); *full*, also -1, -1/2, 0, 1/2, 1 times its power;
* *plans*: vehicles get what they must until some later hour, and then all as soon as possible;
* *mpc*: the action of the linear programme over the mean future, which competes with the base action beforehand.

Where stored energy is worth nothing to the simulation many candidates cost the same, and the first of them is taken;
*match* is tried before the other powers because of that.

More candidates can do harm: the simulation sees stored energy with the eyes of its base policy, so that under *own* a
node without demand of its own empties its storage for a few kWh at once.  *match* cannot do this.

References
----------
Xu et al., doi:10.3390/wevj16090515, section 3.1 and algorithm 1. Bertsekas, doi:10.1109/JAS.2021.1003814.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from adnflex.algorithms.rollout import one_at_a_time
from adnflex.arrays import FloatArray
from adnflex.problems.clock import Deadline
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.policies import BASES, BUY_LESS, Action, Policy, State, by_node, simulate
from adnflex.problems.rolling.sampling import futures, mean_future
from adnflex.problems.rolling.settlement import bought
from adnflex.problems.rolling.storages import split_among
from adnflex.problems.rolling.vehicles import Vehicles, can, deferred_profiles, must, soon_profile, split

_LEVELS = (0.0, 0.5, 1.0)
_POWERS = (-1.0, -0.5, 0.0, 0.5, 1.0)
# Powers closer than this are the same candidate [MW].
_SAME = 1e-9


class Part(NamedTuple):
    """One node in a joint action: power of vehicles and of its storages [MW], and the load that follows (T,) [MW]."""

    ev: float
    storage: float
    later: FloatArray


Joint = tuple[Part, ...]


@dataclass(frozen=True)
class Rollout:
    """Rollout of a base policy, one node at a time.

    Attributes
    ----------
    case : RollingCase
        The case.
    base : str
        ``own`` or ``pool``.
    candidates : str
        ``match`` or ``full``.
    plans : bool
        Whether charging may be put off to any later hour.
    lead : Policy or None
        A policy whose action competes with the base action beforehand.
    simulations : int
        Number M of futures.
    future : str
        ``sample``, or ``mean``: the one expected future.
    common : bool
        Whether all candidates meet the same futures. Without it far more simulations are needed; it is there to show
        this.
    sweeps : int
        How often all nodes have their turn.
    """

    case: RollingCase
    base: str = "pool"
    candidates: str = "match"
    plans: bool = False
    lead: Policy | None = None
    simulations: int = 30
    future: str = "sample"
    common: bool = True
    sweeps: int = 1

    @property
    def name(self) -> str:
        """As in `adnflex.schedule_rolling`."""
        more = ("+plans" if self.plans else "") + ("+mpc" if self.lead is not None else "")
        return f"rollout:{self.base}/{self.candidates}{more}"

    def prepare(self) -> None:
        """Draw the library of sample days before the first hour."""
        _ = self.case.library

    def decide(self, state: State, rng: np.random.Generator) -> Action:
        """Improve the base action."""
        clock = Deadline(state.seconds)
        moment = _Moment(self, state, rng)
        start = moment.reference()
        if self.lead is not None:
            lead = moment.joint(self.lead.decide(replace(state, seconds=clock.left), rng))
            cost = moment.costs(None, [start, lead])
            start = lead if cost[1] < cost[0] - 1e-7 else start
        best = one_at_a_time(
            start, moment.agents, moment.choices, moment.costs, sweeps=self.sweeps, stop=lambda: clock.spent
        )
        return Action(np.array([part.ev for part in best]), moment.storages_of([best])[:, 0])


class _Moment:
    """One hour's decision: the futures, and the cost of joint actions in them."""

    def __init__(self, policy: Rollout, state: State, rng: np.random.Generator) -> None:
        self.policy, self.state, self.rng = policy, state, rng
        self.case = case = policy.case
        self.n, self.later = len(case.buses), case.hours - state.hour - 1
        self.vehicles = [state.vehicles.take(state.vehicles.node == i) for i in range(self.n)]
        low, high = must(state.vehicles, state.hour), can(state.vehicles, state.hour)
        self.low, self.high = (by_node(part, state.vehicles, self.n) for part in (low, high))
        self.place = {int(i): k for k, i in enumerate(case.storages.sites)}
        self.agents = [i for i in range(self.n) if i in self.place or self.high[i] > self.low[i] + _SAME]
        self.base = BASES[policy.base]
        self.buy = case.prices.buy + BUY_LESS
        self.futures = self._draw(1) if policy.common else None
        self.limit = case.exchange_mw[state.hour]
        self.exchange = bool(self.limit.any())
        low, high = case.storages.powers(state.energy[:, None], state.hour)
        self.powers = low, high
        self.site_powers = tuple(case.storages.of_sites(part)[:, 0] for part in (low, high))
        most = case.storages.charge, case.storages.discharge
        self.ratings = tuple(case.storages.of_sites(part) for part in most)

    def _draw(self, times: int) -> FloatArray:
        """Futures (T, n, M) [MW], or as many again for each of several candidates."""
        if self.policy.future == "mean":
            return np.repeat(mean_future(self.case, self.state, self.rng), times, axis=2)
        return futures(self.case, self.state, self.policy.simulations * times, self.rng)

    def reference(self) -> Joint:
        """Return the action of the base policy."""
        residual = (self.state.generation - self.high)[:, None]
        storages = self.case.storages
        power = self.base(residual, self.powers, storages.node, self.limit[:, None])
        return self.joint(Action(self.high, power[:, 0]))

    def joint(self, action: Action) -> Joint:
        """Give an action the form of the search."""
        ev = np.minimum(np.maximum(action.ev, self.low), self.high)
        storage = np.zeros(self.n)
        storage[self.case.storages.sites] = self.case.storages.of_sites(action.storage)
        return tuple(
            Part(float(ev[i]), float(storage[i]), self._soon(self.vehicles[i], ev[i : i + 1])[0]) for i in range(self.n)
        )

    def _soon(self, vehicles: Vehicles, ev: FloatArray) -> FloatArray:
        """Compute the loads (L, T) that follow powers (L,) of a node's vehicles [MW]."""
        given = split(vehicles, self.state.hour, ev)
        return soon_profile(vehicles, self.state.hour, np.maximum(vehicles.limit - given, 0.0), self.later)

    def choices(self, i: int, joint: Joint) -> list[Joint]:
        """Candidates of a node."""
        now = joint[i]
        levels = self.low[i] + np.array(_LEVELS) * (self.high[i] - self.low[i])
        levels = levels[np.abs(levels - now.ev) > _SAME]
        levels = levels[np.concatenate([[True], np.diff(levels) > _SAME])] if len(levels) else levels
        options = [(now.ev, now.later)]
        if len(levels):
            options += list(zip(levels.tolist(), self._soon(self.vehicles[i], levels), strict=True))
        if self.policy.plans and len(self.vehicles[i]) and self.later:
            plans = np.unique(deferred_profiles(self.vehicles[i], self.state.hour, self.later).round(9), axis=0)
            options += [(float(self.low[i]), plan) for plan in plans]
        parts = [Part(ev, u, later) for ev, later in options for u in self._storage(i, joint, ev)]
        return [joint, *(_with(joint, i, part) for part in parts[1:])]

    def _storage(self, i: int, joint: Joint, ev: float) -> list[float]:
        """Storage powers to try, that in force first [MW]."""
        now = joint[i]
        if i not in self.place:
            return [now.storage]
        who = range(self.n) if self.exchange else (i,)
        residual = sum(self.state.generation[j] - joint[j].ev - joint[j].storage for j in who)
        wanted = [residual + now.ev - ev + now.storage]
        k = self.place[i]
        if self.policy.candidates == "full":
            charge, discharge = self.ratings
            wanted += [f * (charge[k] if f > 0 else discharge[k]) for f in _POWERS]
        low, high = (part[k] for part in self.site_powers)
        found = [now.storage]
        for power in wanted:
            power = float(min(max(power, low), high))
            if all(abs(power - other) > _SAME for other in found):
                found.append(power)
        return found

    def storages_of(self, joints: Sequence[Joint]) -> FloatArray:
        """Powers of the storages (k, C) in joint actions [MW]."""
        s = self.case.storages
        total = np.array([[joint[j].storage for joint in joints] for j in s.sites]).reshape(len(s.sites), len(joints))
        return split_among(total, s.node, self.powers)

    def costs(self, i: int | None, joints: Sequence[Joint]) -> FloatArray:
        """Mean cost of joint actions over the futures (C,) [money]; `i`: the node in which they differ, if only one."""
        case, hour, count = self.case, self.state.hour, len(joints)
        ev = np.array([[part.ev for part in joint] for joint in joints]).T
        power = self.storages_of(joints)
        residual = self.state.generation[:, None] - ev
        case.storages.taken(residual, power)
        cost = self.buy[hour] * bought(residual, self.limit[:, None]) - case.prices.ev[hour] * ev.sum(axis=0)
        cost = cost + case.storages.cost(power)
        energy = case.storages.after(np.repeat(self.state.energy[:, None], count, axis=1), power)
        if not self.later:
            return np.asarray(cost - case.prices.stored * energy.sum(axis=0))
        load = np.array([[part.later for part in joint] for joint in joints]).transpose(2, 1, 0)
        cost = cost - case.prices.ev[hour + 1 :] @ load.sum(axis=1)
        drawn = self._draw(count) if self.futures is None else self.futures
        drawn = drawn.reshape(self.later, self.n, count if self.futures is None else 1, -1)
        many = drawn.shape[3]
        after = (drawn - load[:, :, :, None]).reshape(self.later, self.n, count * many)
        cost_later = simulate(case, self.base, hour + 1, after, np.repeat(energy, many, axis=1), self.buy)
        return np.asarray(cost + cost_later.reshape(count, many).mean(axis=1))


def _with(joint: Joint, i: int, part: Part) -> Joint:
    return (*joint[:i], part, *joint[i + 1 :])
