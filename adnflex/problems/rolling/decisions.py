"""What is done in an hour."""

from __future__ import annotations

from dataclasses import dataclass

from adnflex.arrays import FloatArray
from adnflex.problems.rolling.reactive_stage import ReactiveAnswer
from adnflex.problems.rolling.vehicles import Vehicles


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
    vehicle_mw : (J,) array
        What each draws [MW].
    must_mw, can_mw : (n,) array
        Elastic capacity of the hour at each node [MW].
    ev_mw : (n,) array
        What the vehicles of each node draw [MW].
    storage_mw : (k,) array
        Charge of the storages, discharge negative [MW].
    before_mwh, after_mwh : (k,) array
        Their energy at the start and at the end of the hour [MWh].
    import_mw, export_mw, buy_mw, spill_mw : (n,) array
        Settlement of the hour [MW].
    arrived : int
        Number of vehicles that arrived with the hour.
    unmet_mwh : float
        Needs that can no longer be met, because vehicles got less than was decided or left [MWh].
    seconds : float
        Time that the policy took [s].
    reactive : ReactiveAnswer or None
        Answer of the second stage.
    fallback : str
        Why the base policy decided the hour and not the policy in charge; empty where the policy did.
    """

    day: int
    hour: int
    generation_mw: FloatArray
    vehicles: Vehicles
    vehicle_mw: FloatArray
    must_mw: FloatArray
    can_mw: FloatArray
    ev_mw: FloatArray
    storage_mw: FloatArray
    before_mwh: FloatArray
    after_mwh: FloatArray
    import_mw: FloatArray
    export_mw: FloatArray
    buy_mw: FloatArray
    spill_mw: FloatArray
    arrived: int
    unmet_mwh: float
    seconds: float
    reactive: ReactiveAnswer | None = None
    fallback: str = ""
