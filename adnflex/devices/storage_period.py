"""A storage in one period alone: the power range that its present energy allows, nothing asked of the energy after."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import fields

import pyomo.environ as pyo

from adnflex.arrays import FloatArray
from adnflex.devices.base import BrokenLimit, Contradiction, Frame
from adnflex.devices.contradictions import storage_contradictions
from adnflex.devices.storage import Storage
from adnflex.devices.timeline import Timeline

# What belongs to a whole horizon and is not asked of one period.
_OF_A_DAY = "energy at the end"


class PeriodStorage(Storage):
    """A storage whose energy is free at the end of its only period; `of_one_period` makes it.

    Its power limits are those that the energy at the start allows.  With them ``p = c - d`` covers exactly the powers
    that run without charging and discharging at once, so no charge mode is needed.
    """

    def declare(self, block: pyo.Block, frame: Frame) -> None:
        """Declare as a storage does, without the energy at the end."""
        super().declare(block, frame)
        block.end.deactivate()

    def contradictions(self, horizon: Timeline) -> list[Contradiction]:
        """Energies on the way; that at the end is free."""
        return storage_contradictions(self, horizon, (0.0, math.inf))

    def audit(self, setpoints: Callable[[str], FloatArray], horizon: Timeline) -> list[BrokenLimit]:
        """Power, energy and inverter."""
        return [fault for fault in super().audit(setpoints, horizon) if fault.kind != _OF_A_DAY]


def free_at_end(storage: Storage) -> PeriodStorage:
    """Return the storage without a wish for its energy at the end."""
    return PeriodStorage(**{item.name: getattr(storage, item.name) for item in fields(storage)})


def of_one_period(storage: Storage, hours: float) -> PeriodStorage:
    """Restrict the power of a storage to what its energy allows for so many hours.

    Parameters
    ----------
    storage : Storage
        The storage, with its energy at the start.
    hours : float
        Length of the period [h].

    Examples
    --------
    >>> from adnflex.devices.base import Place
    >>> from adnflex.devices.inverter import Inverter
    >>> import numpy as np
    >>> inverter = Inverter(0.0, 0.0, np.zeros((1, 1)), np.nan, np.nan)
    >>> place = Place("storage", "storage", 0, "", 1, 1)
    >>> full = Storage(place, 2.0, 2.0, 0.5, 4.0, 4.0, 4.0, 0.9, 0.9, 1.0, inverter, 1.0, 0.0)
    >>> one = of_one_period(full, 2.0)
    >>> one.charge_mw, round(one.discharge_mw, 3)
    (0.0, 1.575)
    """
    step = storage.step(hours)
    most, least = (float(step.power_to(storage.e_start, energy)) for energy in (storage.e_max, storage.e_min))
    values = {item.name: getattr(storage, item.name) for item in fields(storage)}
    values["charge_mw"] = min(storage.charge_mw, max(most, 0.0))
    values["discharge_mw"] = min(storage.discharge_mw, max(-least, 0.0))
    return PeriodStorage(**values)
