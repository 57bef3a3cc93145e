r"""Stored energy: the one recursion of all storages, in numbers, arrays and expressions.

.. math::

    e' = k e + g c - r d, \qquad k = (1 - \sigma)^{\Delta t}, \quad g = \eta_c \Delta t, \quad r = \Delta t / \eta_d

with charge :math:`c`, discharge :math:`d` [MW] over a period :math:`\Delta t`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from adnflex.arrays import FloatArray

if TYPE_CHECKING:
    from adnflex.devices.capabilities import Stores
    from adnflex.devices.storage import Storage
    from adnflex.devices.timeline import Timeline


# Share of the energy left that counts as none, where one has to divide by it.
_NOTHING = 1e-12


@dataclass(frozen=True)
class EnergyStep:
    """What a period does to stored energy; numbers, or arrays of several storages.

    Attributes
    ----------
    kept : float or array
        Share of the energy that self-discharge leaves.
    gained, drawn : float or array
        Energy that a MW of charge adds and a MW of discharge takes [MWh/MW].

    Examples
    --------
    >>> step = EnergyStep.of(keep=1.0, charging=0.9, discharging=0.9, hours=2.0)
    >>> step.after(1.0, np.array([1.0, -0.45])).round(9).tolist()
    [2.8, 0.0]
    >>> round(float(step.power_to(1.0, 2.8)), 9)
    1.0
    """

    kept: Any
    gained: Any
    drawn: Any

    @classmethod
    def of(cls, keep: Any, charging: Any, discharging: Any, hours: float) -> EnergyStep:
        """Return the step of a period.

        Parameters
        ----------
        keep : float or array
            Share of the energy left after an hour.
        charging, discharging : float or array
            Efficiencies (0 to 1].
        hours : float
            Length of the period [h].
        """
        return cls(keep**hours, charging * hours, hours / discharging)

    def energy(self, before: Any, charge: Any, discharge: Any) -> Any:
        """Energy at the end of the period [MWh] for a charge and a discharge [MW]; linear, for expressions too."""
        return self.kept * before + self.gained * charge - self.drawn * discharge

    def after(self, before: Any, p: Any) -> Any:
        """Energy at the end of the period [MWh] for a power that charges or discharges, charge positive [MW]."""
        return self.kept * before + np.where(p > 0, self.gained * p, self.drawn * p)

    def power_to(self, before: Any, after: Any) -> Any:
        """Power that leads from one energy to another, charge positive [MW]."""
        missing = after - self.kept * before
        return missing / np.where(missing > 0, self.gained, self.drawn)

    def before_charge(self, after: Any, charge: Any) -> Any:
        """Energy from which a charge leads to another [MWh]."""
        return (after - self.gained * charge) / np.maximum(self.kept, _NOTHING)

    def before_discharge(self, after: Any, discharge: Any) -> Any:
        """Energy from which a discharge leads to another [MWh]."""
        return (after + self.drawn * discharge) / np.maximum(self.kept, _NOTHING)


def reachable(
    step: EnergyStep,
    limits: tuple[FloatArray, FloatArray],
    powers: tuple[FloatArray, FloatArray],
    end: FloatArray,
    periods: int,
) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest energy at the start of every period from which the energy at the end can be reached.

    Exact: whoever stays between the two keeps all limits and ends at `end`, whatever happens in the network.

    Parameters
    ----------
    step : EnergyStep
        Of k storages and one period.
    limits : (k,) array, (k,) array
        Lowest and highest energy [MWh].
    powers : (k,) array, (k,) array
        Largest discharge and charge [MW].
    end : (k,) array
        Energy at the end [MWh]; NaN: free.
    periods : int
        Number T of periods.

    Returns
    -------
    (T + 1, k) array, (T + 1, k) array
        Row t holds at the start of period t, the last row at the end [MWh].

    Examples
    --------
    >>> one = np.ones(1)
    >>> step = EnergyStep.of(one, one, one, 1.0)
    >>> low, high = reachable(step, (0 * one, 10 * one), (2 * one, 3 * one), 7 * one, 2)
    >>> low.ravel().tolist(), high.ravel().tolist()
    ([1.0, 4.0, 7.0], [10.0, 9.0, 7.0])
    """
    free = np.isnan(end)
    low = np.tile(np.where(free, limits[0], end), (periods + 1, 1))
    high = np.tile(np.where(free, limits[1], end), (periods + 1, 1))
    for t in range(periods - 1, -1, -1):
        low[t] = np.maximum(limits[0], step.before_charge(low[t + 1], powers[1]))
        high[t] = np.minimum(limits[1], step.before_discharge(high[t + 1], powers[0]))
    return low, high


def stored_energy(storage: Storage | Stores, p_mw: FloatArray, horizon: Timeline) -> FloatArray:
    """Energy at the end of each period (S, T) [MWh] for a withdrawal that never does both at once."""
    e, step = np.empty_like(p_mw), storage.step(horizon.hours)
    level = np.full(p_mw.shape[0], storage.e_start)
    for t in range(p_mw.shape[1]):
        e[:, t] = level = step.after(level, p_mw[:, t])
    return e


def efficiency_fault(percent: float) -> str:
    """Say what is wrong with an efficiency in percent; empty where nothing is.

    Examples
    --------
    >>> efficiency_fault(95.0), efficiency_fault(0.95)
    ('', 'an efficiency of 0.95 percent looks like a fraction; give 95 if that is meant.')
    """
    if percent == 0:
        return "an efficiency of 0 percent gives nothing back; give percent above 0, e.g. 95."
    if 0 < percent <= 1:
        return f"an efficiency of {percent:g} percent looks like a fraction; give {100 * percent:g} if that is meant."
    return ""
