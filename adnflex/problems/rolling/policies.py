r"""What decides an hour: the interface of all policies, and the two base policies.

Both base policies charge vehicles as soon as possible and differ in what they do with storage. With
:math:`r_i = g_i - p_i`, generation less vehicles:

*own*
    A surplus goes into the node's own storage, then to other nodes. A shortfall is met by exchange, then by
    the node's own storage, then by purchase. This is the rule of the paper.
*pool*
    All storages serve all nodes: the net :math:`\sum_i r_i` charges them in proportion to what each can take, or
    discharges them in proportion to what each can give. Without exchange it is *own*.

All decisions value purchase a little above its price (0.1 money/MWh), because buying for charging that nobody needs
is otherwise neutral where vehicles pay the same price.

References
----------
Xu et al., doi:10.3390/wevj16090515, section 4.2 (the base policy in words).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from adnflex.arrays import FloatArray, IntArray
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.settlement import bought
from adnflex.problems.rolling.storages import split_among
from adnflex.problems.rolling.vehicles import Vehicles, can, must

# Lowest and highest power of the storages (k, B), charge positive [MW].
Powers = tuple[FloatArray, FloatArray]

# Purchase counts this much more than its price in every decision [money/MWh].
BUY_LESS = 0.1


@dataclass(frozen=True, eq=False)
class State:
    """What is known when an hour is decided, and nothing later.

    Attributes
    ----------
    hour : int
        The hour t.
    energy : (k,) array
        Energy of the storages at its start [MWh].
    vehicles : Vehicles
        The vehicles that are there, with what they must and may still get.
    generation : (n,) array
        Sun and wind of the hour at each node [MW].
    weather : object
        State of the source of futures.
    seconds : float
        Time that is left for the decision; a policy that improves an answer step by step ends by then [s].
    """

    hour: int
    energy: FloatArray
    vehicles: Vehicles
    generation: FloatArray
    weather: Any
    seconds: float = math.inf

    @property
    def must_mw(self) -> FloatArray:
        """What the vehicles of each node must draw in the hour, so that all needs can still be met (n,) [MW]."""
        return by_node(must(self.vehicles, self.hour), self.vehicles, len(self.generation))

    @property
    def can_mw(self) -> FloatArray:
        """What the vehicles of each node may draw in the hour (n,) [MW]."""
        return by_node(can(self.vehicles, self.hour), self.vehicles, len(self.generation))


@dataclass(frozen=True, eq=False)
class Action:
    """What is decided for an hour.

    Attributes
    ----------
    ev : (n,) array
        Power of the vehicles of each node [MW].
    storage : (k,) array
        Power of the storages, charge positive [MW].
    vehicles : (J,) array or None
        Power of each vehicle where the policy decides it; None: the least laxity first [MW].
    """

    ev: FloatArray
    storage: FloatArray
    vehicles: FloatArray | None = None


class Policy(Protocol):
    """Anything that decides an hour.

    A policy with a method ``foresee(generation, vehicles, seconds)`` is told the whole day, (H, n) [MW] and all
    vehicles, and the time that is left [s], before it begins; it can be simulated but not put in charge. A method
    ``prepare()`` is called before the first hour.
    """

    @property
    def name(self) -> str:
        """Its name."""

    def decide(self, state: State, rng: np.random.Generator, /) -> Action:
        """Decide the hour; `rng` is the same for every policy at this hour of this day."""


class Base(Protocol):
    """A rule for the storages that is fast enough to simulate with."""

    def __call__(self, residual: FloatArray, powers: Powers, node: IntArray, limit: FloatArray, /) -> FloatArray:
        """Power of the storages (k, B) for generation less vehicles (n, B) and what they can do [MW]."""


def own(residual: FloatArray, powers: Powers, node: IntArray, limit: FloatArray) -> FloatArray:
    """Serve the own node first.

    Examples
    --------
    A surplus of 80 MW without storage, a shortfall of 100 MW with one: 80 MW come by exchange, the rest from storage.

    >>> own(np.array([[80.0], [-100.0]]), (np.array([[-300.0]]), np.array([[300.0]])), np.array([1]),
    ...     np.array([[300.0], [300.0]]))
    array([[-20.]])
    """
    sites = np.unique(node)
    if len(sites) < len(node):
        starts = np.searchsorted(node, sites)
        low, high = (np.add.reduceat(part, starts, axis=0) for part in powers)
        return split_among(own(residual, (low, high), sites, limit), node, powers)
    low, high = powers
    mine = residual[node]
    charge = np.minimum(np.maximum(mine, 0.0), np.maximum(high, 0.0))
    rest = residual.copy()
    rest[node] -= charge
    within = np.clip(rest, -limit, limit)
    supply = np.maximum(within, 0.0).sum(axis=0)
    demand = supply - within.sum(axis=0)
    share = np.minimum(supply, demand) / np.maximum(demand, 1e-12)
    wanted = np.maximum(-within[node], 0.0)
    short = np.maximum(-mine, 0.0) - wanted * share
    return _within(charge - np.minimum(short, np.maximum(-low, 0.0)), powers)


def _within(power: FloatArray, powers: Powers) -> FloatArray:
    """Bring a power that a rule wants to what the storages must and can do."""
    result: FloatArray = np.minimum(np.maximum(power, powers[0]), powers[1])
    return result


def pool(residual: FloatArray, powers: Powers, node: IntArray, limit: FloatArray) -> FloatArray:
    """Serve all nodes together.

    Examples
    --------
    >>> powers = np.array([[-300.0], [-100.0]]), np.array([[300.0], [300.0]])
    >>> pool(np.array([[80.0], [-100.0]]), powers, np.arange(2), np.array([[300.0], [300.0]])).round(2)
    array([[-15.],
           [ -5.]])
    """
    if not limit.any():
        return own(residual, powers, node, limit)
    most, least = np.maximum(powers[1], 0.0), np.maximum(-powers[0], 0.0)
    net = residual.sum(axis=0)
    charge = np.minimum(np.maximum(net / np.maximum(most.sum(axis=0), 1e-12), 0.0), 1.0)
    discharge = np.minimum(np.maximum(-net / np.maximum(least.sum(axis=0), 1e-12), 0.0), 1.0)
    return _within(most * charge - least * discharge, powers)


BASES: dict[str, Base] = {"own": own, "pool": pool}


def by_node(values: FloatArray, vehicles: Vehicles, nodes: int) -> FloatArray:
    """Sum (J,) values of vehicles by node, (n,)."""
    # without vehicles the count has integers
    return np.bincount(vehicles.node, weights=values, minlength=nodes).astype(float)


def simulate(
    case: RollingCase, base: Base, hour: int, residual: FloatArray, energy: FloatArray, price: FloatArray
) -> FloatArray:
    """Cost of going on with a base policy: what is bought, what wears, less the value of what is left.

    Vehicles that charge as soon as possible do not look at storage, so that their load is part of the residual and
    all that is left to simulate is storage and settlement.

    Parameters
    ----------
    case : RollingCase
        The case.
    base : callable
        The base policy's rule for storages.
    hour : int
        The first hour.
    residual : ndarray, shape (T, n, B)
        Generation less vehicles in B futures, from that hour on [MW].
    energy : ndarray, shape (k, B)
        Energies at the start [MWh].
    price : ndarray, shape (H,)
        Price of purchase [money/MWh].

    Returns
    -------
    ndarray, shape (B,)
        Cost [money].
    """
    cost, storages = np.zeros(residual.shape[2]), case.storages
    priced, stored = storages.priced, case.prices.stored
    for t in range(len(residual)):
        wide = case.exchange_mw[hour + t][:, None]
        power = base(residual[t], storages.powers(energy, hour + t), storages.node, wide)
        rest = residual[t].copy()
        storages.taken(rest, power)
        cost += price[hour + t] * bought(rest, wide)
        if priced:
            cost += storages.cost(power)
        energy = storages.after(energy, power)
    return cost - stored * energy.sum(axis=0) if stored else cost


@dataclass(frozen=True)
class BasePolicy:
    """A base policy in charge.

    Attributes
    ----------
    name : str
        ``own`` or ``pool``.
    case : RollingCase
        The case.
    """

    name: str
    case: RollingCase

    def decide(self, state: State, rng: np.random.Generator) -> Action:
        """Charge all vehicles as soon as possible, then the rule for the storages."""
        case = self.case
        ev = state.can_mw
        residual = (state.generation - ev)[:, None]
        limit = case.exchange_mw[state.hour][:, None]
        powers = case.storages.powers(state.energy[:, None], state.hour)
        power = BASES[self.name](residual, powers, case.storages.node, limit)
        return Action(ev, power[:, 0])
