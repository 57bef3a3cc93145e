"""What is done in an hour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from adnflex.problems.rolling.reactive_stage import ReactiveAnswer
from adnflex.problems.rolling.vehicles import Vehicles

__all__ = ["Decision"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Decision:
    """What is done in an hour; arrays are by node (n,), storage (k,), generator (G,) or vehicle (J,) of the case.

    Attributes
    ----------
    day, hour : int
        Number of the day, and the hour.
    generation_mw : (G,) array
        Sun and wind [MW].
    vehicles : Vehicles
        The vehicles that are there, as they were at the start of the hour.
    vehicle_kw : (J,) array
        What each draws [kW].
    must_kw, can_kw : (n,) array
        Elastic capacity of the hour at each node [kW].
    ev_kw : (n,) array
        What the vehicles of each node draw [kW].
    storage_kw : (k,) array
        Charge of the storages, discharge negative [kW].
    before_kwh, after_kwh : (k,) array
        Their energy at the start and at the end of the hour [kWh].
    import_kw, export_kw, buy_kw, spill_kw : (n,) array
        Settlement of the hour [kW].
    arrived : int
        Number of vehicles that arrived with the hour.
    unmet_kwh : float
        Needs that can no longer be met, because vehicles got less than was decided or left [kWh].
    seconds : float
        Time that the policy took [s].
    reactive : ReactiveAnswer or None
        Answer of the second stage.
    fallback : str
        Why the base policy decided the hour and not the policy in charge; empty where the policy did.
    """

    day: int
    hour: int
    generation_mw: Floats
    vehicles: Vehicles
    vehicle_kw: Floats
    must_kw: Floats
    can_kw: Floats
    ev_kw: Floats
    storage_kw: Floats
    before_kwh: Floats
    after_kwh: Floats
    import_kw: Floats
    export_kw: Floats
    buy_kw: Floats
    spill_kw: Floats
    arrived: int
    unmet_kwh: float
    seconds: float
    reactive: ReactiveAnswer | None = None
    fallback: str = ""

    @property
    def vehicles_mw(self) -> pd.Series[Any]:
        """Power of each vehicle, by load and vehicle [MW]."""
        index = pd.MultiIndex.from_arrays([self.vehicles.load, self.vehicles.number], names=["load", "vehicle"])
        return pd.Series(self.vehicle_kw / 1e3, index, name="p_mw")
