"""Load of vehicles that charge as soon as they arrive, in closed form."""

from __future__ import annotations

import numpy as np
import pandas as pd

from adnflex.arrays import BoolArray, FloatArray
from adnflex.errors import InputError
from adnflex.scenarios._checks import at_least_one, positive
from adnflex.scenarios.distributions import DAY

# Rounding of arrival + need / power - arrival; far below a second.
_HOURS_TOLERANCE = 1e-9


def charging_load(
    vehicles: pd.DataFrame, periods: int = 24, hours_per_period: float = 1.0, start_hour: float = 0.0
) -> FloatArray:
    r"""Load of vehicles that charge at full power as soon as they arrive.

    Periods that a vehicle charges in part count in part, so the energy is exact. Charging past midnight goes on in
    the first hours of the day; a horizon of several days repeats the day.

    Parameters
    ----------
    vehicles : pandas.DataFrame
        In the form of ``net.ev``; of its columns ``arrival``, ``departure`` [h], ``need_kwh`` [kWh] and
        ``p_max_mw`` [MW] are read. For one load of several, pass its rows.
    periods : int
        Number of periods T.
    hours_per_period : float
        Length of a period [h].
    start_hour : float
        Clock hour at which the first period begins [h].

    Returns
    -------
    ndarray, shape (T,)
        Mean power of each period [MW].

    Raises
    ------
    InputError
        For missing columns, negative or missing values, or a vehicle that cannot get its energy before it leaves
        or within 24 h.

    Notes
    -----
    A vehicle that charges for :math:`D = E/P` hours from :math:`a` has charged, between :math:`a` and :math:`t`,

    .. math::

        C(t) = D \lfloor (t-a)/24 \rfloor + \min\bigl((t-a) \bmod 24,\; D\bigr)

    hours, every day anew; its mean power from :math:`t` to :math:`t+\Delta` is :math:`P\,(C(t+\Delta)-C(t))/\Delta`.

    Examples
    --------
    Plugged in at 22:30 for 2 h at 4 kW:

    >>> one = pd.DataFrame({"arrival": [22.5], "departure": [24.5], "need_kwh": [8.0], "p_max_mw": [0.004]})
    >>> charging_load(one, start_hour=20)[:6]
    array([0.   , 0.   , 0.002, 0.004, 0.002, 0.   ])
    """
    findings = at_least_one(periods=periods) + positive(hours_per_period=hours_per_period)
    if not np.isfinite(start_hour):
        findings.append(f"start_hour is {start_hour}; give a clock hour.")
    findings += _table_findings(vehicles)
    if findings:
        raise InputError(findings)
    arrival, power = (vehicles[column].to_numpy(float) for column in ("arrival", "p_max_mw"))
    hours = _charging_hours(vehicles)
    edges = start_hour + hours_per_period * np.arange(periods + 1)
    since = edges[None, :] - arrival[:, None]
    days = np.floor(since / DAY)
    charged = days * hours[:, None] + np.minimum(since - DAY * days, hours[:, None])
    # a difference of equal sums can come out at -1e-17
    load: FloatArray = np.maximum(power @ np.diff(charged, axis=1) / hours_per_period, 0.0)
    return load


def _charging_hours(vehicles: pd.DataFrame) -> FloatArray:
    need, power = (vehicles[column].to_numpy(float) for column in ("need_kwh", "p_max_mw"))
    hours: FloatArray = np.divide(need / 1e3, power, out=np.where(need > 0, np.inf, 0.0), where=power > 0)
    return hours


def _table_findings(vehicles: pd.DataFrame) -> list[str]:
    needed = ("arrival", "departure", "need_kwh", "p_max_mw")
    missing = [column for column in needed if column not in vehicles.columns]
    if missing:
        return [f"vehicles: column {column} is missing; give a table in the form of net.ev." for column in missing]
    value = {column: vehicles[column].to_numpy(float) for column in needed}
    findings = []
    for column in needed:
        signed = column in ("arrival", "departure")
        wrong = ~np.isfinite(value[column]) if signed else ~(np.isfinite(value[column]) & (value[column] >= 0))
        if wrong.any():
            first = value[column][wrong.argmax()]
            limit = "a finite number" if signed else "a finite number of 0 or more"
            findings.append(f"{_rows(vehicles, wrong)}: {column} is {first:g}; give {limit}.")
    if findings:
        return findings
    hours = _charging_hours(vehicles)
    window = np.minimum(value["departure"] - value["arrival"], DAY)
    late = hours > window + _HOURS_TOLERANCE
    if late.any():
        k = int(late.argmax())
        findings.append(
            f"{_rows(vehicles, late)}: {value['need_kwh'][k]:.6g} kWh at {value['p_max_mw'][k] * 1e3:.6g} kW take "
            f"{hours[k]:.6g} h, and the vehicle is there for {window[k]:.6g} h (24 h count at most); lower need_kwh, "
            "or let it leave later (a departure on the next day is above 24)."
        )
    return findings


def _rows(vehicles: pd.DataFrame, wrong: BoolArray) -> str:
    """Name the first of the wrong rows, and how many more there are."""
    more = int(wrong.sum()) - 1
    return f"vehicles row {vehicles.index[int(wrong.argmax())]}" + (f" (and {more} more)" if more else "")
