"""What is measured at the start of an hour, read and checked."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from adnflex.arrays import FloatArray, IntArray
from adnflex.devices.vehicles import TOLERANCE_MWH
from adnflex.errors import InputError
from adnflex.problems.rolling.arrivals import vehicles_of
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.decisions import Decision
from adnflex.problems.rolling.vehicles import Vehicles, empty

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Observation:
    """What is measured at the start of an hour.

    Attributes
    ----------
    generation_mw : array_like of (G,), or mapping by index in ``net.sgen``
        Sun and wind of the hour [MW].
    arrivals : pandas.DataFrame or Vehicles, optional
        Vehicles that arrive with this hour, in the form of ``net.ev``.
    storage_mwh : array_like of (k,), or mapping by index in ``net.storage``, optional
        Energy of the storages [MWh]; by default what the last decisions led to.
    delivered_mwh : mapping of (load, vehicle) to float, optional
        What vehicles really got in the hour before [MWh]; by default as decided.
    left : iterable of (load, vehicle)
        Vehicles that left before their time.
    hour : int, optional
        The hour, as a check that none was missed.
    weather : object, optional
        State of the source of futures where it is known; by default it follows from the measured generation.
    """

    generation_mw: ArrayLike | Mapping[int, float] | pd.Series[Any]
    arrivals: pd.DataFrame | Vehicles | None = None
    storage_mwh: ArrayLike | Mapping[int, float] | pd.Series[Any] | None = None
    delivered_mwh: Mapping[tuple[int, int], float] | None = None
    left: Iterable[tuple[int, int]] = ()
    hour: int | None = None
    weather: Any = None


def generation_of(case: RollingCase, given: Any, findings: list[str]) -> FloatArray:
    """Read the generation of the hour (G,) [MW]."""
    index = case.generators.index
    values = _values("generation_mw", "sgen", given, index, findings)
    for k in np.flatnonzero(~(np.isfinite(values) & (values >= 0))):
        findings.append(
            f"sgen {index[k]}: generation_mw is {values[k]:g}; give a finite power of 0 or more [MW], 0 where "
            "nothing was measured."
        )
    return values


def energy_of(case: RollingCase, given: Any, believed: FloatArray, findings: list[str]) -> FloatArray:
    """Read the energy of the storages (k,) [MWh]."""
    s = case.storages
    if given is None:
        return believed
    values = _values("storage_mwh", "storage", given, s.index, findings)
    slack = 1e-6 * s.high + 1e-9
    for k in np.flatnonzero(~((values >= s.low - slack) & (values <= s.high + slack))):
        findings.append(
            f"storage {s.index[k]}: storage_mwh is {values[k]:g}, outside min_e_mwh {s.low[k]:g} and "
            f"max_e_mwh {s.high[k]:g}; check the measurement, or give the case the limits that hold."
        )
    return np.clip(values, s.low, s.high)


def present_of(
    vehicles: Vehicles, last: Decision | None, hour: int, observation: Observation, findings: list[str]
) -> tuple[Vehicles, float]:
    """Correct vehicles that are believed to be there by what was measured; also the need that can no longer be met."""
    unmet = 0.0
    place = _by_key(vehicles)
    if observation.delivered_mwh:
        before = {} if last is None else _by_key(last.vehicles)
        need, limit = vehicles.need.copy(), vehicles.limit.copy()
        for key, value in observation.delivered_mwh.items():
            who = f"vehicle {key[1]} of load {key[0]}"
            if not (np.isfinite(value) and value >= 0):
                findings.append(f"{who}: delivered_mwh is {value:g}; give a finite energy of 0 or more.")
            elif last is None or key not in before:
                findings.append(
                    f"{who}: delivered_mwh is given and it was not there in the hour before; give vehicles that were."
                )
            elif key in place:
                need[place[key]] = last.vehicles.need[before[key]] - value
                limit[place[key]] = last.vehicles.limit[before[key]] - value
            else:
                # it has left with the end of the hour
                unmet += max(float(last.vehicles.need[before[key]]) - value, 0.0)
        most = vehicles.power * (vehicles.departure - np.maximum(hour, vehicles.arrival))
        short = np.maximum(need - most, 0.0)
        unmet += float(short.sum())
        vehicles = Vehicles(
            vehicles.node,
            vehicles.load,
            vehicles.number,
            vehicles.arrival,
            vehicles.departure,
            np.clip(need, 0.0, most),
            np.maximum(np.clip(limit, 0.0, None), np.clip(need, 0.0, most)),
            vehicles.power,
        )
    gone = [(int(a), int(b)) for a, b in observation.left]
    findings += [
        f"vehicle {b} of load {a}: has left and was not there; give vehicles that were."
        for a, b in gone
        if (a, b) not in place
    ]
    if gone and not findings:
        stays = np.ones(len(vehicles), dtype=bool)
        stays[[place[key] for key in gone]] = False
        unmet += float(vehicles.need[~stays].sum())
        vehicles = vehicles.take(stays)
    if unmet > TOLERANCE_MWH:
        log.warning("hour %d: %.4g kWh that vehicles need can no longer be met", hour, 1e3 * unmet)
    return vehicles, unmet


def _by_key(vehicles: Vehicles) -> dict[tuple[int, int], int]:
    """Position of each (load, vehicle)."""
    keys = zip(vehicles.load.tolist(), vehicles.number.tolist(), strict=True)
    return {key: k for k, key in enumerate(keys)}


def arriving_of(case: RollingCase, hour: int, given: Any, present: Vehicles, findings: list[str]) -> Vehicles:
    """Read the vehicles that arrive with the hour."""
    if given is None:
        return empty()
    if isinstance(given, Vehicles):
        return given
    try:
        vehicles = vehicles_of(given, case.fleets, case.hours)
    except InputError as error:
        findings.extend(error.findings)
        return empty()
    there = set(zip(present.load.tolist(), present.number.tolist(), strict=True))
    for k, key in enumerate(zip(vehicles.load.tolist(), vehicles.number.tolist(), strict=True)):
        who = f"vehicle {key[1]} of load {key[0]}"
        if key in there:
            findings.append(f"{who}: arrives and is there already; give every vehicle of a fleet its own number.")
        there.add(key)
        if vehicles.first_hour[k] != hour:
            findings.append(
                f"{who}: it arrives at {vehicles.arrival[k]:g} h; give it with the observation of that hour."
            )
    return vehicles


def _values(name: str, table: str, given: Any, index: IntArray, findings: list[str]) -> FloatArray:
    """Read one number an element, by position or by index."""
    if isinstance(given, Mapping | pd.Series):
        missing = [int(k) for k in index if k not in given]
        if missing:
            findings.append(f"{name}: {table} {missing} is missing; give a number for each of {index.tolist()}.")
            return np.zeros(len(index))
        return np.array([float(given[int(k)]) for k in index])
    values = np.asarray(given, dtype=float)
    if values.shape != (len(index),):
        findings.append(
            f"{name}: has shape {values.shape}; give one number for each of {table} {index.tolist()}, in this order."
        )
        return np.zeros(len(index))
    return values
