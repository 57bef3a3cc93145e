"""Arriving vehicles: recorded days, the table ``net.ev``, and the sample days that policies look ahead with."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import pandas as pd

from adnflex.arrays import FloatArray, IntArray
from adnflex.devices.vehicles import read_stays
from adnflex.errors import InputError
from adnflex.problems.rolling.vehicles import Vehicles


class Arrivals(Protocol):
    """A source of days of vehicles."""

    def sample(self, rng: np.random.Generator, /) -> pd.DataFrame:
        """Draw the vehicles of one day, in the form of ``net.ev``."""


@dataclass(frozen=True, eq=False)
class RecordedDays:
    """Days of vehicles drawn from records, each as likely as the others.

    Attributes
    ----------
    vehicles : pandas.DataFrame
        In the form of ``net.ev``; with a column ``run`` each of its values is a day (as `FleetSample.vehicles` has
        it), without it all rows are one day, which is then certain. Vehicles with a name get the number of their
        name in alphabetical order.
    names : tuple of str
        The names in that order; empty where vehicles have numbers.
    """

    vehicles: pd.DataFrame
    names: tuple[str, ...] = field(init=False, default=())

    def __post_init__(self) -> None:
        column = self.vehicles.get("vehicle")
        if column is None or not any(isinstance(v, str) for v in column):
            return
        names = tuple(sorted({str(v) for v in column if pd.notna(v)}))
        number = {name: k for k, name in enumerate(names)}
        numbered = [number[str(v)] if pd.notna(v) else math.nan for v in column]
        object.__setattr__(self, "vehicles", self.vehicles.assign(vehicle=numbered))
        object.__setattr__(self, "names", names)

    def sample(self, rng: np.random.Generator) -> pd.DataFrame:
        """Draw one of the days."""
        if "run" not in self.vehicles.columns:
            return self.vehicles
        run = rng.choice(self.vehicles["run"].unique())
        chosen: pd.DataFrame = self.vehicles[self.vehicles["run"] == run]
        return chosen


def vehicles_of(table: pd.DataFrame, node_of_load: dict[int, int], hours: int) -> Vehicles:
    """Read vehicles from a table in the form of ``net.ev``.

    One that stays past the end of the day is scheduled until then and must get what it can get by then.

    Parameters
    ----------
    table : pandas.DataFrame
        With ``load``, ``vehicle``, ``arrival``, ``departure`` [h], ``need_kwh``, ``max_kwh`` [kWh], ``p_max_mw`` [MW].
    node_of_load : dict of int to int
        Node of each fleet.
    hours : int
        Hours of the day.

    Raises
    ------
    InputError
        For missing columns or values, a vehicle that leaves before it arrives, or a need that its stay cannot meet;
        one sentence a fault.
    """
    findings: list[str] = []
    texts = [v for v in table.get("vehicle", ()) if isinstance(v, str)]
    if texts:
        findings.append(
            f"vehicles: vehicle is {texts[0]!r}, which is text; give its number (names in net.ev and in recorded days "
            "are numbered in alphabetical order)."
        )
    findings += [
        f"vehicles: their load {load} is no fleet of the case; give one of {sorted(node_of_load)} (a load of type "
        "'ev'), or add the fleet to net.load."
        for load in sorted(set(table.get("load", pd.Series(dtype=int)).dropna()) - set(node_of_load))
    ]
    stays = read_stays(table, np.arange(hours), 1.0, findings, night=True)
    if findings or stays is None:
        raise InputError(findings)
    departure = np.minimum(stays.departure, hours)
    limit = np.minimum(stays.most, stays.p_max * stays.there.sum(axis=0))
    everyone = Vehicles(
        np.array([node_of_load[int(k)] for k in stays.load], dtype=np.int64),
        stays.load,
        stays.vehicle.astype(np.int64),
        stays.arrival,
        departure,
        stays.need,
        np.maximum(limit, stays.need),
        stays.p_max,
    )
    return everyone.take(stays.arrival < departure)


@dataclass(frozen=True, eq=False)
class Envelopes:
    """Mean bounds of what cohorts (vehicles of a node that arrive in one hour) draw; an outer set, for forecasts only.

    One entry for every cohort and hour, cohort by cohort and hour by hour.

    Attributes
    ----------
    node, arrival, hour : (K,) int array
        Node and hour of arrival of the cohort, and the hour.
    low, high : (K,) array
        Energy drawn by the end of the hour, at least and at most [MWh].
    power : (K,) array
        Power at most [MW].
    """

    node: IntArray
    arrival: IntArray
    hour: IntArray
    low: FloatArray
    high: FloatArray
    power: FloatArray


class Library:
    """Sample days of vehicles, and what they draw if each charges as soon as possible.

    Parameters
    ----------
    arrivals : Arrivals
        Where the days come from.
    rng : numpy.random.Generator
        The random generator.
    days : int
        Number of days D.
    node_of_load : dict of int to int
        Node of each fleet.
    nodes, hours : int
        Numbers n of nodes and H of hours.

    Attributes
    ----------
    later : (H, D, H, n) array
        ``later[t, d, τ]``: load in hour τ of those vehicles of day d that arrive after hour t [MW].
    envelopes : Envelopes
        Mean bounds of the vehicles by node and hour of arrival.
    """

    def __init__(
        self,
        arrivals: Arrivals,
        rng: np.random.Generator,
        days: int,
        node_of_load: dict[int, int],
        nodes: int,
        hours: int,
    ) -> None:
        self.days = days
        if hasattr(arrivals, "sample_days"):
            table = arrivals.sample_days(rng, days)
        else:
            table = pd.concat([arrivals.sample(rng).assign(run=day) for day in range(days)], ignore_index=True)
        day = table["run"].to_numpy(np.int64)
        everyone = vehicles_of(table, node_of_load, hours)
        since = np.maximum(np.arange(hours)[:, None] - everyone.arrival, 0.0)
        power = everyone.power * everyone.there(np.arange(hours))
        soon = np.clip(everyone.limit - since * everyone.power, 0.0, power).T
        # by hour of arrival first, so that a sum from the back gives who arrives later
        by_arrival = np.zeros((hours, days, nodes, hours))
        np.add.at(by_arrival, (everyone.first_hour, day, everyone.node), soon)
        after = np.cumsum(by_arrival[::-1], axis=0)[::-1]
        self.later: FloatArray = np.zeros((hours, days, hours, nodes))
        self.later[:-1] = after[1:].transpose(0, 1, 3, 2)
        self.mean_later: FloatArray = self.later.mean(axis=1)
        self.envelopes = _envelopes(everyone, days, hours)


def _envelopes(everyone: Vehicles, days: int, hours: int) -> Envelopes:
    parts: list[list[IntArray | FloatArray]] = [[] for _ in range(6)]
    for arrival in range(hours):
        arriving = everyone.at(arrival)
        for node in np.unique(arriving.node):
            some = arriving.take(arriving.node == node)
            at = np.arange(arrival, math.ceil(some.departure.max()))
            there = np.minimum(at[:, None] + 1, some.departure)
            high = np.minimum(some.limit, some.power * (there - some.arrival))
            low = np.minimum(np.maximum(some.need - some.power * (some.departure - there), 0.0), some.need)
            power = some.power * some.there(at)
            same = np.ones_like(at)
            means = (a.sum(axis=1) / days for a in (low, high, power))
            for part, value in zip(parts, (same * node, same * arrival, at, *means), strict=True):
                part.append(value)
    kinds: tuple[type, ...] = (np.int64, np.int64, np.int64, float, float, float)
    return Envelopes(*(np.concatenate([np.zeros(0, k), *p]).astype(k) for p, k in zip(parts, kinds, strict=True)))
