"""Vehicles that are known one by one: the table ``net.ev``, read once for all verbs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from adnflex.arrays import FloatArray, IntArray

COLUMNS = ("load", "vehicle", "arrival", "departure", "need_kwh", "max_kwh", "p_max_mw")

# An energy this small is rounding [MWh].
TOLERANCE_MWH = 1e-9


@dataclass(frozen=True, eq=False)
class Stays:
    """Stays of vehicles at chargers, arrays of length k.

    Attributes
    ----------
    load : (k,) int array
        Index of the fleet in ``net.load``.
    vehicle : (k,) array
        Number or name.
    arrival, departure : (k,) array
        When they come and go, in rows of the profiles and parts of them.
    there : (T, k) array
        Share of each period in which each is there, 0 to 1: it charges at most so much of its power.
    need, most : (k,) array
        Energy that each must and may take [MWh].
    p_max : (k,) array
        Power of the charger [MW].
    """

    load: IntArray
    vehicle: NDArray[np.object_]
    arrival: FloatArray
    departure: FloatArray
    there: FloatArray
    need: FloatArray
    most: FloatArray
    p_max: FloatArray


def part_there(arrival: FloatArray, departure: FloatArray, rows: IntArray) -> FloatArray:
    """Share of each row (T,) of the profiles in which vehicles (k,) are there, (T, k).

    Examples
    --------
    >>> part_there(np.array([0.5, 1.0]), np.array([1.25, 3.0]), np.arange(3)).T.tolist()
    [[0.5, 0.25, 0.0], [0.0, 1.0, 1.0]]
    """
    at = rows[:, None]
    return np.asarray(np.clip(np.minimum(at + 1, departure) - np.maximum(at, arrival), 0.0, 1.0))


def read_stays(
    table: pd.DataFrame, rows: IntArray, hours: float, faults: list[str], *, night: bool = False
) -> Stays | None:
    """Read vehicles, and collect what is wrong with them; None where something is.

    A vehicle that is there for a part of a period charges for that part.

    Parameters
    ----------
    table : pandas.DataFrame
        In the form of ``net.ev``.
    rows : (T,) array of int
        Rows of the profiles that are scheduled.
    hours : float
        Length of a period [h].
    faults : list of str
        Gets a sentence a fault.
    night : bool
        Whether one that stays beyond the last row must get by then only what it can get.
    """
    missing = [column for column in COLUMNS if column not in table.columns]
    if missing:
        faults.append(f"net.ev: {', '.join(missing)} missing; it needs {', '.join(COLUMNS)}.")
        return None
    before = len(faults)
    numbers = table[list(COLUMNS[2:])].apply(pd.to_numeric, errors="coerce").to_numpy(float)
    arrival, departure, need, most, p_max = numbers.T
    who = [f"net.ev load {load} vehicle {name}" for load, name in zip(table["load"], table["vehicle"], strict=True)]
    known = np.isfinite(numbers).all(axis=1)
    known &= pd.notna(table["vehicle"]).to_numpy() & pd.notna(table["load"]).to_numpy()
    faults += [f"{who[k]}: a number is missing; fill in {', '.join(COLUMNS)}." for k in np.flatnonzero(~known)]
    if not known.all():
        return None
    there = part_there(arrival, departure, rows)
    reach = p_max * 1e3 * hours * there.sum(axis=0)
    if night:
        need = np.where((departure > rows[-1] + 1) & (reach > 0), np.minimum(need, reach), need)
    for k in range(len(table)):
        if not 0 <= arrival[k] < departure[k]:
            faults.append(
                f"{who[k]}: arrival {arrival[k]:g} and departure {departure[k]:g}; give periods with 0 <= arrival < "
                "departure (it may charge in between; a departure on the next day is above the periods of the first)."
            )
        elif not 0 <= numbers[k, 2] <= most[k] or p_max[k] < 0:
            faults.append(
                f"{who[k]}: need_kwh {numbers[k, 2]:g}, max_kwh {most[k]:g}, p_max_mw {p_max[k]:g}; "
                "give 0 <= need_kwh <= max_kwh and a power of 0 or more."
            )
        elif need[k] > reach[k] * (1 + 1e-9) + 1e3 * TOLERANCE_MWH:
            faults.append(
                f"{who[k]}: need_kwh {need[k]:g} cannot be met, as {p_max[k] * 1e3:g} kW in the "
                f"{there[:, k].sum():g} periods of its stay give {reach[k]:g} kWh; lower the need or lengthen the stay."
            )
    if len(faults) > before:
        return None
    loads = table["load"].to_numpy(np.int64)
    return Stays(loads, table["vehicle"].to_numpy(object), arrival, departure, there, need / 1e3, most / 1e3, p_max)
