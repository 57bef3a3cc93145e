r"""Storages of the nodes as arrays: room to charge, room to discharge, energy after an hour.

With charge :math:`u^+` and discharge :math:`u^-` of one hour,

.. math::

    e' = e + \eta_c u^+ - u^- / \eta_d, \qquad
    u^+ \le \min\{C, (\overline e - e) / \eta_c\}, \quad u^- \le \min\{D, (e - \underline e)\, \eta_d\}.

References
----------
Xu et al., doi:10.3390/wevj16090515, section 2.2 (dynamics of the storage), with losses in both directions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Storages"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Storages:
    """Storages as arrays of length k; each node has at most one.

    Attributes
    ----------
    index : (k,) int array
        Index in ``net.storage``.
    node : (k,) int array
        Position of their node in the case, ascending.
    low, high, start : (k,) array
        Least, most and first energy [kWh].
    charge, discharge : (k,) array
        Largest powers [kW].
    charging, discharging : (k,) array
        Efficiencies, 0 to 1.

    Examples
    --------
    >>> one = np.ones(1)
    >>> box = Storages(np.zeros(1, int), np.zeros(1, int), 120 * one, 1080 * one, 600 * one, 300 * one, 300 * one,
    ...                0.95 * one, 0.95 * one)
    >>> box.clip(np.array([150.0]), np.array([-400.0])), box.after(np.array([150.0]), np.array([-28.5]))
    (array([-28.5]), array([120.]))
    """

    index: NDArray[np.int64]
    node: NDArray[np.int64]
    low: Floats
    high: Floats
    start: Floats
    charge: Floats
    discharge: Floats
    charging: Floats
    discharging: Floats

    def __len__(self) -> int:
        return len(self.index)

    def room(self, energy: Floats) -> tuple[Floats, Floats]:
        """Largest charge and discharge from an energy, (k,) or (k, B) [kW]."""
        wide = (slice(None), *(None for _ in energy.shape[1:]))
        most = np.minimum(self.charge[wide], (self.high[wide] - energy) / self.charging[wide])
        least = np.minimum(self.discharge[wide], (energy - self.low[wide]) * self.discharging[wide])
        return np.maximum(most, 0.0), np.maximum(least, 0.0)

    def clip(self, energy: Floats, power: Floats) -> Floats:
        """Bring powers into their limits, (k,) or (k, B) [kW]."""
        most, least = self.room(energy)
        return np.minimum(np.maximum(power, -least), most)

    def after(self, energy: Floats, power: Floats) -> Floats:
        """Energy after an hour of a power within its limits, (k,) or (k, B) [kWh]."""
        wide = (slice(None), *(None for _ in energy.shape[1:]))
        gained = np.where(power > 0, power * self.charging[wide], power / self.discharging[wide])
        result: Floats = energy + gained
        return result
