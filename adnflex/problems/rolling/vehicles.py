r"""Vehicles at chargers: what they must and may draw this hour, how an aggregate is split, what follows.

A vehicle :math:`j` that is plugged in until :math:`d_j` with charger power :math:`P_j` has a need :math:`R_j` that must
be met before it leaves and a limit :math:`X_j \ge R_j` that it would take [MWh].  In hour :math:`t`, of which it is
there for the part :math:`\theta_j`, it must and may draw

.. math::

    \underline p_j = \min\{\max\{R_j - P_j \max\{d_j - t - 1, 0\}, 0\}, \theta_j P_j\}, \qquad
    \overline p_j = \min\{\theta_j P_j, X_j\}.

Every aggregate in :math:`[\sum_j \underline p_j, \sum_j \overline p_j]` can be split to the vehicles, and after any
such split every need can still be met: :math:`R_j \le P_j (d_j - t)` stays true.  This is the elastic capacity of
the hour, and it is exact.  A sum over later hours is not: two vehicles that need 13.2 kWh at 6.6 kW, one there in
hours 0 to 3, the other in hours 2 and 3, allow the *bounds* of (6.6, 6.6, 0, 13.2) kW in every hour and every sum, and
yet the second must charge in hour 2.  So plans are made with vehicles, and aggregates are used for the present hour
only.

References
----------
Xu, Ren, He, Dong and Zou, "Active and reactive power scheduling of distribution system based on two-stage stochastic
optimization", World Electric Vehicle Journal 16, 515, 2025, doi:10.3390/wevj16090515, section 2.2 (the aggregation;
its equations are restored here). Least laxity first: Dertouzos and Mok, IEEE Trans. Software Engineering 15(12), 1989,
doi:10.1109/32.58762.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import ArrayLike

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.devices.vehicles import part_there


@dataclass(frozen=True, eq=False)
class Vehicles:
    """Vehicles as arrays of length J.

    Attributes
    ----------
    node : (J,) int array
        Position of their node in the case.
    load, number : (J,) int array
        Index of their fleet in ``net.load``, and number of the vehicle in it.
    arrival, departure : (J,) array
        When they come and go, in hours and parts of them.
    need, limit : (J,) array
        Energy that they must and may still get from the grid [MWh].
    power : (J,) array
        Power of the charger, from the grid [MW].
    """

    node: IntArray
    load: IntArray
    number: IntArray
    arrival: FloatArray
    departure: FloatArray
    need: FloatArray
    limit: FloatArray
    power: FloatArray

    def __len__(self) -> int:
        return len(self.node)

    def take(self, chosen: BoolArray | IntArray) -> Vehicles:
        """Return some of them, by mask or position."""
        return Vehicles(**{f.name: getattr(self, f.name)[chosen] for f in fields(self)})

    @property
    def first_hour(self) -> IntArray:
        """Hours in which they arrive (J,)."""
        return np.floor(self.arrival).astype(np.int64)

    def at(self, hour: int) -> Vehicles:
        """Return those that arrive in an hour."""
        return self.take(self.first_hour == hour)

    def there(self, hours: ArrayLike) -> FloatArray:
        """Share of each hour (T,) in which they are there, (T, J); (J,) for one hour."""
        at = np.asarray(hours)
        shares = part_there(self.arrival, self.departure, np.atleast_1d(at))
        return shares if at.ndim else shares[0]

    def charged(self, energy: FloatArray) -> Vehicles:
        """Return them after they got some energy (J,) [MWh]."""
        same = {f.name: getattr(self, f.name) for f in fields(self)}
        rest = {"need": np.maximum(self.need - energy, 0.0), "limit": np.maximum(self.limit - energy, 0.0)}
        return Vehicles(**{**same, **rest})


def empty() -> Vehicles:
    """Return no vehicles."""
    whole, real = np.zeros(0, dtype=np.int64), np.zeros(0)
    return Vehicles(whole, whole, whole, real, real, real, real, real)


def concatenate(*parts: Vehicles) -> Vehicles:
    """Put vehicles together."""
    return Vehicles(**{f.name: np.concatenate([getattr(p, f.name) for p in parts]) for f in fields(Vehicles)})


def must(vehicles: Vehicles, hour: int) -> FloatArray:
    """Compute what each must draw in an hour, so that its need can still be met (J,) [MW].

    Examples
    --------
    An hour and a half of charging left, and two hours, then three:

    >>> one, none = np.ones(2, dtype=int), np.zeros(2, dtype=int)
    >>> pair = Vehicles(none, none, none, 0.0 * none, np.array([2.0, 3.0]), 9.9 * one, 13.2 * one, 6.6 * one)
    >>> must(pair, 0)
    array([3.3, 0. ])
    """
    later = vehicles.power * np.maximum(vehicles.departure - hour - 1, 0.0)
    return np.minimum(np.maximum(vehicles.need - later, 0.0), vehicles.power * vehicles.there(hour))


def can(vehicles: Vehicles, hour: int) -> FloatArray:
    """Compute what each may draw in an hour (J,) [MW]."""
    return np.minimum(vehicles.power * vehicles.there(hour), vehicles.limit)


def split(vehicles: Vehicles, hour: int, total: ArrayLike) -> FloatArray:
    """Split aggregates of one node to its vehicles, the least laxity first.

    Parameters
    ----------
    vehicles : Vehicles
        The J vehicles of the node that are there.
    hour : int
        The hour.
    total : array_like, shape (L,)
        Aggregates in ``[must.sum(), can.sum()]`` [MW].

    Returns
    -------
    ndarray, shape (L, J)
        Power of each vehicle; rows sum to `total` [MW].

    Examples
    --------
    >>> one, none = np.ones(2, dtype=int), np.zeros(2, dtype=int)
    >>> pair = Vehicles(none, none, none, 0.0 * none, np.array([2.0, 3.0]), 9.9 * one, 13.2 * one, 6.6 * one)
    >>> split(pair, 0, [3.3, 8.0, 13.2])
    array([[3.3, 0. ],
           [6.6, 1.4],
           [6.6, 6.6]])
    """
    low = must(vehicles, hour)
    laxity = (
        vehicles.departure
        - hour
        - np.divide(vehicles.need, vehicles.power, out=np.zeros_like(vehicles.need), where=vehicles.power > 0)
    )
    order = np.argsort(laxity, kind="stable")
    room = (can(vehicles, hour) - low)[order]
    before = np.cumsum(room) - room
    extra = np.asarray(total, dtype=float) - low.sum()
    given = np.empty((len(extra), len(order)))
    given[:, order] = np.minimum(np.maximum(extra[:, None] - before, 0.0), room)
    return given + low


def soon_profile(vehicles: Vehicles, hour: int, limit: FloatArray, hours: int) -> FloatArray:
    """Load of one node after an hour if its vehicles charge as soon as possible.

    Parameters
    ----------
    vehicles : Vehicles
        The J vehicles of the node.
    hour : int
        The profile begins with the hour after this one.
    limit : ndarray, shape (L, J)
        Energy that they may still get, in L alternatives [MWh].
    hours : int
        Length T of the profile.

    Returns
    -------
    ndarray, shape (L, T)
        Load [MW].
    """
    k = np.arange(hours)
    load: FloatArray = _soon(limit[:, None, :], k[:, None], vehicles.power, vehicles.there(hour + 1 + k)).sum(axis=2)
    return load


def _soon(limit: FloatArray, k: IntArray, power: FloatArray, there: FloatArray) -> FloatArray:
    """Power in the k-th hour of charging as soon as possible: what k full hours leave of the limit."""
    result: FloatArray = np.minimum(np.maximum(limit - k * power, 0.0), power * there)
    return result


def deferred_profiles(vehicles: Vehicles, hour: int, hours: int) -> FloatArray:
    """Compute loads of one node after an hour if vehicles get only what they must until some hour, and then all soon.

    Parameters
    ----------
    vehicles : Vehicles
        The J vehicles of the node, as they are before the hour; in the hour they get what they must.
    hour : int
        The present hour.
    hours : int
        Length T of the profiles, the first hour being ``hour + 1``.

    Returns
    -------
    ndarray, shape (T, T)
        Row k: charging begins with hour ``hour + 1 + k`` [MW].
    """
    times = hour + 1 + np.arange(hours)
    there = vehicles.there(times)
    # What has been drawn by the start of an hour if everything came as late as possible, (T + 1, J).
    starts = np.append(times, hour + 1 + hours)
    ahead = np.maximum(vehicles.departure - starts[:, None], 0)
    late = np.minimum(np.maximum(vehicles.need - vehicles.power * ahead, 0.0), vehicles.need)
    waiting = np.diff(late, axis=0).sum(axis=1)
    result = np.zeros((hours, hours))
    for k in range(hours):
        result[k, :k] = waiting[:k]
        rest = (vehicles.limit - late[k])[None, :]
        result[k, k:] = _soon(rest, np.arange(hours - k)[:, None], vehicles.power, there[k:]).sum(axis=1)
    return result
