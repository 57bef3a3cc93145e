r"""Charging load of electric vehicles by Monte Carlo: how far they drove, when they plug in, what they then draw.

A vehicle that drove :math:`d` km needs, at the charger,

.. math::

    E = \min(d\,e,\; B)\,/\,\eta, \qquad 0 \le E \le P \min(L, 24)

with consumption :math:`e`, battery :math:`B`, charger efficiency :math:`\eta`, charger power :math:`P` and stay
:math:`L`. It draws :math:`P` from the moment it arrives until it has :math:`E`.  The day is a circle: who charges
past midnight charges in the first hours of the day.

References
----------
Qian, Zhou, Allan and Yuan, "Modeling of load demand due to EV battery charging in distribution systems", IEEE
Trans. Power Systems 26(2), 2011, doi:10.1109/TPWRS.2010.2057456. The default laws are the usual fit to the
US national household travel survey.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypedDict, Unpack

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from adnflex.errors import InputError
from adnflex.scenarios._checks import at_least_one, not_negative, positive

__all__ = [
    "Distribution",
    "FleetSample",
    "LogNormal",
    "VehicleOptions",
    "WrappedNormal",
    "charging_load",
    "sample_fleet",
    "sample_vehicles",
]

Floats = NDArray[np.float64]

_DAY = 24.0
# Rounding of arrival + need / power - arrival; far below a second.
_HOURS_TOLERANCE = 1e-9


class Distribution(Protocol):
    """Anything that draws `n` numbers with a random generator."""

    def sample(self, rng: np.random.Generator, n: int, /) -> ArrayLike:
        """Draw `n` numbers."""


@dataclass(frozen=True)
class LogNormal:
    """Log-normal distribution.

    Parameters
    ----------
    mu, sigma : float
        Mean and standard deviation of the natural logarithm.

    Examples
    --------
    >>> LogNormal(3.2, 0.0).sample(np.random.default_rng(0), 2).round(2)
    array([24.53, 24.53])
    """

    mu: float
    sigma: float

    def __post_init__(self) -> None:
        findings = not_negative(sigma=self.sigma)
        if not np.isfinite(self.mu):
            findings.append(f"mu is {self.mu}; give a finite number.")
        if findings:
            raise InputError([f"LogNormal: {finding}" for finding in findings])

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        """Draw `n` numbers, all above 0."""
        return rng.lognormal(self.mu, self.sigma, n)


@dataclass(frozen=True)
class WrappedNormal:
    """Normal distribution on a circle, by default the clock.

    Parameters
    ----------
    mean, sd : float
        Mean and standard deviation before wrapping [h].
    period : float
        Length of the circle [h].

    Notes
    -----
    The two-piece density often printed for the start of charging cuts the tails at 12 h from the mean. Wrapping keeps
    them; for a standard deviation of 3.4 h they hold 0.04 % of the vehicles.

    Examples
    --------
    >>> WrappedNormal(25.0, 0.0).sample(np.random.default_rng(0), 2)
    array([1., 1.])
    """

    mean: float
    sd: float
    period: float = _DAY

    def __post_init__(self) -> None:
        findings = not_negative(sd=self.sd) + positive(period=self.period)
        if not np.isfinite(self.mean):
            findings.append(f"mean is {self.mean}; give a finite number.")
        if findings:
            raise InputError([f"WrappedNormal: {finding}" for finding in findings])

    def sample(self, rng: np.random.Generator, n: int) -> Floats:
        """Draw `n` numbers in [0, period)."""
        return _wrap(rng.normal(self.mean, self.sd, n), self.period)


def _wrap(hours: Floats, period: float = _DAY) -> Floats:
    wrapped = np.mod(hours, period)
    # -1e-17 modulo 24 is 24.0 in floating point
    return np.where(wrapped >= period, 0.0, wrapped)


_DAILY_KM = LogNormal(3.2, 0.88)
_ARRIVAL_HOUR = WrappedNormal(17.6, 3.4)


class VehicleOptions(TypedDict, total=False):
    """Keyword arguments of `sample_vehicles`."""

    daily_km: Distribution
    arrival_hour: Distribution
    stay_hours: Distribution | None
    kwh_per_km: float
    battery_kwh: float
    charger_kw: float
    charger_efficiency: float
    load: int


def sample_vehicles(
    rng: np.random.Generator,
    vehicles: int,
    *,
    daily_km: Distribution = _DAILY_KM,
    arrival_hour: Distribution = _ARRIVAL_HOUR,
    stay_hours: Distribution | None = None,
    kwh_per_km: float = 0.2,
    battery_kwh: float = 70.0,
    charger_kw: float = 4.0,
    charger_efficiency: float = 0.9,
    load: int = 0,
) -> pd.DataFrame:
    """Draw the vehicles of one day.

    Parameters
    ----------
    rng : numpy.random.Generator
        The random generator. Distances are drawn first, then arrivals, then stays.
    vehicles : int
        Number of vehicles.
    daily_km : Distribution
        Distance since the last charge [km].
    arrival_hour : Distribution
        Clock hour at which the vehicle plugs in and charging begins [h]; taken modulo 24.
    stay_hours : Distribution or None
        Time at the charger [h]; above 24 it counts as 24. None: the vehicle leaves when it is charged, which leaves
        nothing to shift.
    kwh_per_km : float
        Consumption [kWh/km].
    battery_kwh : float
        Battery; more cannot have been used [kWh].
    charger_kw : float
        Power drawn from the grid while charging [kW].
    charger_efficiency : float
        Energy into the battery over energy from the grid, in (0, 1].
    load : int
        Index of the fleet's row in ``net.load``.

    Returns
    -------
    pandas.DataFrame
        One row a vehicle, in the form of ``net.ev``: ``load``, ``vehicle``, ``arrival`` and ``departure`` [h] (a
        departure on the next day is above 24), ``need_kwh`` and ``max_kwh`` [kWh], ``p_max_mw`` [MW], and
        ``daily_km`` [km]. ``need_kwh`` is energy from the grid, capped by the battery, the stay and 24 h at
        the charger. A vehicle leaves as full as it can, so ``max_kwh`` is the same.

    Raises
    ------
    InputError
        For arguments out of range, or a distribution that gives too few, infinite or negative numbers.

    Examples
    --------
    >>> sample = sample_vehicles(np.random.default_rng(0), 3, load=21)
    >>> sample[["load", "arrival", "departure", "need_kwh"]].round(2)
       load  arrival  departure  need_kwh
    0    21    17.96      19.48      6.09
    1    21    15.78      16.99      4.85
    2    21    18.83      21.22      9.58
    """
    findings = at_least_one(vehicles=vehicles) + positive(
        kwh_per_km=kwh_per_km, battery_kwh=battery_kwh, charger_kw=charger_kw, charger_efficiency=charger_efficiency
    )
    if charger_efficiency > 1:
        findings.append(f"charger_efficiency is {charger_efficiency}; give a number in (0, 1], 0.9 for 90 %.")
    if findings:
        raise InputError(findings)
    km = _draw("daily_km", daily_km, rng, vehicles, findings)
    arrival = _draw("arrival_hour", arrival_hour, rng, vehicles, findings, signed=True)
    stay = None if stay_hours is None else _draw("stay_hours", stay_hours, rng, vehicles, findings)
    if findings:
        raise InputError(findings)

    arrival = _wrap(arrival)
    stay = np.full(vehicles, _DAY) if stay is None else np.minimum(stay, _DAY)
    need = np.minimum(np.minimum(km * kwh_per_km, battery_kwh) / charger_efficiency, charger_kw * stay)
    departure = arrival + (need / charger_kw if stay_hours is None else stay)
    return pd.DataFrame(
        {
            "load": load,
            "vehicle": np.arange(vehicles),
            "arrival": arrival,
            "departure": departure,
            "need_kwh": need,
            "max_kwh": need,
            "p_max_mw": charger_kw / 1e3,
            "daily_km": km,
        }
    )


def _draw(
    name: str, law: Distribution, rng: np.random.Generator, n: int, findings: list[str], signed: bool = False
) -> Floats:
    drawn = np.asarray(law.sample(rng, n), dtype=float)
    if drawn.shape != (n,):
        findings.append(f"{name}: {law!r} gave shape {drawn.shape} for {n} vehicles; return one number a vehicle.")
        return drawn
    wrong = ~np.isfinite(drawn) if signed else ~(np.isfinite(drawn) & (drawn >= 0))
    if wrong.any():
        limit = "finite" if signed else "finite and 0 or more"
        findings.append(
            f"{name}: {int(wrong.sum())} of {n} numbers of {law!r} are not {limit}, the first is "
            f"{drawn[wrong][0]:g} (vehicle {int(wrong.argmax())}); cut the distribution off."
        )
    return drawn


def charging_load(
    vehicles: pd.DataFrame, periods: int = 24, hours_per_period: float = 1.0, start_hour: float = 0.0
) -> Floats:
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
    days = np.floor(since / _DAY)
    charged = days * hours[:, None] + np.minimum(since - _DAY * days, hours[:, None])
    # a difference of equal sums can come out at -1e-17
    load: Floats = np.maximum(power @ np.diff(charged, axis=1) / hours_per_period, 0.0)
    return load


def _charging_hours(vehicles: pd.DataFrame) -> Floats:
    need, power = (vehicles[column].to_numpy(float) for column in ("need_kwh", "p_max_mw"))
    hours: Floats = np.divide(need / 1e3, power, out=np.where(need > 0, np.inf, 0.0), where=power > 0)
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
    window = np.minimum(value["departure"] - value["arrival"], _DAY)
    late = hours > window + _HOURS_TOLERANCE
    if late.any():
        k = int(late.argmax())
        findings.append(
            f"{_rows(vehicles, late)}: {value['need_kwh'][k]:.6g} kWh at {value['p_max_mw'][k] * 1e3:.6g} kW take "
            f"{hours[k]:.6g} h, and the vehicle is there for {window[k]:.6g} h (24 h count at most); lower need_kwh, "
            "or let it leave later (a departure on the next day is above 24)."
        )
    return findings


def _rows(vehicles: pd.DataFrame, wrong: NDArray[np.bool_]) -> str:
    """Name the first of the wrong rows, and how many more there are."""
    more = int(wrong.sum()) - 1
    return f"vehicles row {vehicles.index[int(wrong.argmax())]}" + (f" (and {more} more)" if more else "")


@dataclass(frozen=True, eq=False)
class FleetSample:
    """Monte Carlo runs of a fleet.

    Attributes
    ----------
    load_mw : ndarray, shape (runs, T)
        Load of each run if the vehicles charge as they arrive [MW]; read-only.
    vehicles : pandas.DataFrame
        The vehicles of all runs, as `sample_vehicles` gives them, with the column ``run`` in front.
    """

    load_mw: Floats
    vehicles: pd.DataFrame

    @property
    def mean_mw(self) -> Floats:
        """Mean load over the runs, shape (T,) [MW]."""
        mean: Floats = self.load_mw.mean(axis=0)
        return mean

    @property
    def standard_error_mw(self) -> Floats:
        """Standard error of `mean_mw`, shape (T,) [MW]; NaN for a single run."""
        runs, periods = self.load_mw.shape
        if runs == 1:
            return np.full(periods, np.nan)
        error: Floats = self.load_mw.std(axis=0, ddof=1) / np.sqrt(runs)
        return error

    def vehicles_of(self, run: int) -> pd.DataFrame:
        """Vehicles of one run, ready to be ``net.ev``."""
        if not 0 <= run < len(self.load_mw):
            raise InputError(f"run {run} does not exist; give one from 0 to {len(self.load_mw) - 1}.")
        table = self.vehicles
        chosen: pd.DataFrame = table[table["run"] == run].drop(columns="run").reset_index(drop=True)
        return chosen


def sample_fleet(
    rng: np.random.Generator,
    vehicles: int,
    *,
    runs: int = 30,
    periods: int = 24,
    hours_per_period: float = 1.0,
    start_hour: float = 0.0,
    **options: Unpack[VehicleOptions],
) -> FleetSample:
    """Draw the vehicles of a day again and again, and add up what they draw from the grid.

    Parameters
    ----------
    rng : numpy.random.Generator
        The random generator; the first runs of a longer sample are those of a shorter one.
    vehicles : int
        Number of vehicles of a run.
    runs : int
        Number of Monte Carlo runs.
    periods, hours_per_period, start_hour
        The horizon, as in `charging_load`.
    **options
        Keyword arguments of `sample_vehicles`.

    Returns
    -------
    FleetSample
        Load of every run, its mean with standard error, and all vehicles.

    Raises
    ------
    InputError
        As `sample_vehicles` and `charging_load` do.

    Examples
    --------
    >>> fleet = sample_fleet(np.random.default_rng(0), 300, runs=30)
    >>> fleet.load_mw.shape, len(fleet.vehicles)
    ((30, 24), 9000)
    >>> fleet.mean_mw[[6, 18]].round(2), round(float(fleet.mean_mw.sum()), 1)
    (array([0.01, 0.24]), 2.4)
    """
    findings = at_least_one(runs=runs)
    if findings:
        raise InputError(findings)
    loads, tables = [], []
    for run in range(runs):
        table = sample_vehicles(rng, vehicles, **options)
        loads.append(charging_load(table, periods, hours_per_period, start_hour))
        table.insert(0, "run", run)
        tables.append(table)
    load_mw = np.array(loads)
    load_mw.setflags(write=False)
    return FleetSample(load_mw, pd.concat(tables, ignore_index=True))
