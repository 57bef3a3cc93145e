"""Indices of reliability from outages, on plain arrays: rate, hours until repair and switching, and who is dark."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adnflex.arrays import BoolArray, FloatArray

_HOURS_A_YEAR = 8760.0


@dataclass(frozen=True)
class OutageSet:
    """Outages (o) and what each does to the load points (p).

    Attributes
    ----------
    rate : (o,) array
        Failures a year.
    repair_h, switching_h : (o,) array
        Hours until the element is repaired or replaced, and until the fault is parted and supply taken over.
    interrupted : (o, p) array of bool
        Whether a load point loses supply.
    waits : (o, p) array of bool
        Whether it does so until the repair; else until the switching is done.
    """

    rate: FloatArray
    repair_h: FloatArray
    switching_h: FloatArray
    interrupted: BoolArray
    waits: BoolArray

    @property
    def hours(self) -> FloatArray:
        """Hours without supply an outage (o, p); nobody waits longer than the repair takes."""
        switched = np.minimum(self.switching_h, self.repair_h)[:, None]
        return np.where(self.interrupted, np.where(self.waits, self.repair_h[:, None], switched), 0.0)

    @property
    def interruptions_a_year(self) -> FloatArray:
        """Interruptions of every load point a year (p,)."""
        return np.asarray(self.rate @ self.interrupted.astype(float))

    @property
    def hours_a_year(self) -> FloatArray:
        """Hours without supply of every load point a year (p,)."""
        return np.asarray(self.rate @ self.hours)


@dataclass(frozen=True)
class SystemIndices:
    """Indices of a system (IEEE 1366).

    Attributes
    ----------
    saifi : float
        Interruptions a customer and year.
    saidi : float
        Hours without supply a customer and year.
    caidi : float
        Hours an interruption; NaN where there is none.
    asui : float
        Share of the time without supply.
    ens : float
        Energy not supplied [MWh a year].
    aens : float
        The same a customer [kWh a year].
    """

    saifi: float
    saidi: float
    caidi: float
    asui: float
    ens: float
    aens: float


def system_indices(
    interruptions: FloatArray, hours: FloatArray, customers: FloatArray, average_mw: FloatArray
) -> SystemIndices:
    """Weight load points by their customers; energy by their average power.

    Parameters
    ----------
    interruptions, hours : (p,) array
        A year, by load point.
    customers : (p,) array
        Their number; not all 0.
    average_mw : (p,) array
        Average power [MW].

    Examples
    --------
    Two load points; one is interrupted twice a year, for 3 h in all:

    >>> found = system_indices(np.array([2.0, 0.0]), np.array([3.0, 0.0]), np.array([10.0, 30.0]), np.ones(2))
    >>> found.saifi, found.saidi, found.caidi, found.ens, found.aens
    (0.5, 0.75, 1.5, 3.0, 75.0)
    """
    count = float(customers.sum())
    saifi, saidi = float(customers @ interruptions) / count, float(customers @ hours) / count
    ens = float(average_mw @ hours)
    caidi = saidi / saifi if saifi > 0 else float("nan")
    return SystemIndices(saifi, saidi, caidi, saidi / _HOURS_A_YEAR, ens, ens / count * 1e3)
