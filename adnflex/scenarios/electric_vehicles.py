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

import numpy as np
import pandas as pd

from adnflex.arrays import FloatArray
from adnflex.errors import InputError
from adnflex.scenarios._checks import at_least_one, positive
from adnflex.scenarios.charging import charging_load
from adnflex.scenarios.distributions import DAY, Distribution, LogNormal, WrappedNormal, wrap

_DAILY_KM = LogNormal(3.2, 0.88)
_ARRIVAL_HOUR = WrappedNormal(17.6, 3.4)


@dataclass(frozen=True)
class VehicleLaw:
    """How vehicles drive, when they plug in, and what they and their chargers are.

    Parameters
    ----------
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

    Raises
    ------
    InputError
        For a number out of range.

    Examples
    --------
    >>> VehicleLaw(battery_kwh=50.0, charger_kw=11.0, stay_hours=WrappedNormal(9.0, 2.0)).charger_efficiency
    0.9
    """

    daily_km: Distribution = _DAILY_KM
    arrival_hour: Distribution = _ARRIVAL_HOUR
    stay_hours: Distribution | None = None
    kwh_per_km: float = 0.2
    battery_kwh: float = 70.0
    charger_kw: float = 4.0
    charger_efficiency: float = 0.9

    def __post_init__(self) -> None:
        names = ("kwh_per_km", "battery_kwh", "charger_kw", "charger_efficiency")
        findings = positive(**{name: getattr(self, name) for name in names})
        if self.charger_efficiency > 1:
            findings.append(f"charger_efficiency is {self.charger_efficiency}; give a number in (0, 1], 0.9 for 90 %.")
        if findings:
            raise InputError(findings)


_USUAL = VehicleLaw()


def sample_vehicles(
    rng: np.random.Generator, vehicles: int, law: VehicleLaw = _USUAL, *, load: int = 0
) -> pd.DataFrame:
    """Draw the vehicles of one day.

    Parameters
    ----------
    rng : numpy.random.Generator
        The random generator. Distances are drawn first, then arrivals, then stays.
    vehicles : int
        Number of vehicles.
    law : VehicleLaw
        What they are drawn from.
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
        For no vehicle, or a distribution that gives too few, infinite or negative numbers.

    Examples
    --------
    >>> sample = sample_vehicles(np.random.default_rng(0), 3, load=21)
    >>> sample[["load", "arrival", "departure", "need_kwh"]].round(2)
       load  arrival  departure  need_kwh
    0    21    17.96      19.48      6.09
    1    21    15.78      16.99      4.85
    2    21    18.83      21.22      9.58
    """
    findings = at_least_one(vehicles=vehicles)
    if findings:
        raise InputError(findings)
    km = _draw("daily_km", law.daily_km, rng, vehicles, findings)
    arrival = _draw("arrival_hour", law.arrival_hour, rng, vehicles, findings, signed=True)
    stay = None if law.stay_hours is None else _draw("stay_hours", law.stay_hours, rng, vehicles, findings)
    if findings:
        raise InputError(findings)

    arrival = wrap(arrival)
    longest = np.full(vehicles, DAY) if stay is None else np.minimum(stay, DAY)
    need = np.minimum(
        np.minimum(km * law.kwh_per_km, law.battery_kwh) / law.charger_efficiency, law.charger_kw * longest
    )
    return pd.DataFrame(
        {
            "load": load,
            "vehicle": np.arange(vehicles),
            "arrival": arrival,
            "departure": arrival + (need / law.charger_kw if stay is None else longest),
            "need_kwh": need,
            "max_kwh": need,
            "p_max_mw": law.charger_kw / 1e3,
            "daily_km": km,
        }
    )


def _draw(
    name: str, law: Distribution, rng: np.random.Generator, n: int, findings: list[str], signed: bool = False
) -> FloatArray:
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

    load_mw: FloatArray
    vehicles: pd.DataFrame

    @property
    def mean_mw(self) -> FloatArray:
        """Mean load over the runs, shape (T,) [MW]."""
        mean: FloatArray = self.load_mw.mean(axis=0)
        return mean

    @property
    def standard_error_mw(self) -> FloatArray:
        """Standard error of `mean_mw`, shape (T,) [MW]; NaN for a single run."""
        runs, periods = self.load_mw.shape
        if runs == 1:
            return np.full(periods, np.nan)
        error: FloatArray = self.load_mw.std(axis=0, ddof=1) / np.sqrt(runs)
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
    law: VehicleLaw = _USUAL,
    *,
    load: int = 0,
    runs: int = 30,
    periods: int = 24,
    hours_per_period: float = 1.0,
    start_hour: float = 0.0,
) -> FleetSample:
    """Draw the vehicles of a day again and again, and add up what they draw from the grid.

    Parameters
    ----------
    rng : numpy.random.Generator
        The random generator; the first runs of a longer sample are those of a shorter one.
    vehicles : int
        Number of vehicles of a run.
    law, load
        What they are drawn from, and where they charge; as in `sample_vehicles`.
    runs : int
        Number of Monte Carlo runs.
    periods, hours_per_period, start_hour
        The horizon, as in `charging_load`.

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
        table = sample_vehicles(rng, vehicles, law, load=load)
        loads.append(charging_load(table, periods, hours_per_period, start_hour))
        table.insert(0, "run", run)
        tables.append(table)
    load_mw = np.array(loads)
    load_mw.setflags(write=False)
    return FleetSample(load_mw, pd.concat(tables, ignore_index=True))
