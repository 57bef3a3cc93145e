r"""Vehicles that drive from one node to the next, and charge where they park.

Each vehicle begins the day parked at one of the places, with a state of charge from a uniform law. It leaves, drives,
uses :math:`E` kWh on the way, and parks at a place that is drawn from the row of the place it left: a Markov chain over
places, so that evening loads at home follow from mornings at work. At each place it must be charged to `soc_needed` and
may be charged to `soc_most`, as far as its stay lasts:

.. math::

    R = \min\{(q_R - q)^+ B / \eta,\; P (d - a)\}, \qquad X = \min\{(q_X - q)^+ B / \eta,\; P (d - a)\}, \qquad
    q' = (q + \eta R / B - E / B)^+

with the state of charge :math:`q` on arrival, :math:`q'` at the next place, battery :math:`B`, charger efficiency
:math:`\eta` and power :math:`P`, arrival :math:`a` and departure :math:`d`.

What it got beyond its need is not carried on: it arrives at the next place as if it had left with what it must have. So
days can be drawn before anything is decided, and no need is understated.

References
----------
Xu et al., doi:10.3390/wevj16090515, section 2.2, names the random and nonlinear mobility of charging demand and prints
no law of it; this one is ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from adnflex.arrays import FloatArray, IntArray
from adnflex.errors import InputError

# A stay that is shorter is none [h].
_SHORTEST = 0.25
_ROUNDING = 1e-9


@dataclass(frozen=True)
class TravellingFleet:
    """Law of vehicles that move between the fleets of a net.

    Attributes
    ----------
    loads : tuple of int
        The n places: indices of fleets in ``net.load``.
    per_day : float
        Mean number of vehicles a day (Poisson).
    start : tuple of float
        Probability of each place at the begin of the day.
    moves : tuple of tuple of float
        Row by row: the probability of each place after the one of the row.
    first_departure_h : (float, float)
        When the day's first trip begins: mean and standard deviation [h].
    stay_h : tuple of (float, float)
        Of each place: mean and standard deviation of later stays [h].
    drive_h, trip_kwh : (float, float)
        Time and energy of a trip: mean and standard deviation [h], [kWh].
    hours : int
        Hours H of a day.
    battery_kwh, charger_kw, charger_efficiency, soc_needed, soc_most
        As in `FleetLaw`.
    soc_at_start : (float, float)
        Range of a uniform law.

    Raises
    ------
    InputError
        For rows that do not sum to 1, lengths that differ, and numbers out of range; one sentence a fault.

    Examples
    --------
    >>> law = TravellingFleet((33, 34), 2.0, (1.0, 0.0), ((0.0, 1.0), (1.0, 0.0)), stay_h=((10.0, 1.0), (8.0, 1.0)))
    >>> day = law.sample(np.random.default_rng(1))
    >>> day[["traveller", "load"]].drop_duplicates().groupby("traveller")["load"].apply(list).tolist()
    [[33, 34], [33, 34]]
    """

    loads: tuple[int, ...]
    per_day: float
    start: tuple[float, ...]
    moves: tuple[tuple[float, ...], ...]
    first_departure_h: tuple[float, float] = (8.0, 1.0)
    stay_h: tuple[tuple[float, float], ...] = ()
    drive_h: tuple[float, float] = (0.5, 0.2)
    trip_kwh: tuple[float, float] = (5.0, 3.0)
    hours: int = 24
    battery_kwh: float = 66.0
    charger_kw: float = 6.6
    charger_efficiency: float = 0.9
    soc_at_start: tuple[float, float] = (0.3, 0.9)
    soc_needed: float = 0.8
    soc_most: float = 0.9

    def __post_init__(self) -> None:
        n, findings = len(self.loads), []
        if not n or len(self.start) != n or len(self.stay_h) != n or [len(row) for row in self.moves] != [n] * n:
            findings.append(
                f"loads, start and stay_h have {n}, {len(self.start)} and {len(self.stay_h)} entries, moves "
                f"{len(self.moves)} rows; give one of each for every place."
            )
        for name, row in (("start", self.start), *((f"moves[{k}]", row) for k, row in enumerate(self.moves))):
            if not (min(row, default=0.0) >= 0 and abs(sum(row) - 1.0) <= _ROUNDING):
                findings.append(f"{name} is {row}; give probabilities that sum to 1.")
        pairs = [("first_departure_h", self.first_departure_h), ("drive_h", self.drive_h), ("trip_kwh", self.trip_kwh)]
        findings += [
            f"{name} is {pair}; give a mean and a standard deviation of 0 or more."
            for name, pair in [*pairs, *((f"stay_h[{k}]", pair) for k, pair in enumerate(self.stay_h))]
            if not (len(pair) == 2 and min(pair) >= 0 and np.isfinite(pair).all())
        ]
        findings += [
            f"{name} is {getattr(self, name)}; give a number above 0."
            for name in ("hours", "battery_kwh", "charger_kw", "charger_efficiency")
            if not getattr(self, name) > 0
        ]
        low, high = self.soc_at_start
        if not 0 <= low <= high <= 1 or not 0 <= self.soc_needed <= self.soc_most <= 1 or not self.per_day >= 0:
            findings.append(
                f"soc_at_start is {self.soc_at_start}, soc_needed {self.soc_needed}, soc_most {self.soc_most}, per_day "
                f"{self.per_day}; give shares between 0 and 1 in order, and 0 or more vehicles."
            )
        if findings:
            raise InputError(findings)

    def sample(self, rng: np.random.Generator) -> pd.DataFrame:
        """Draw the stays of one day, in the form of ``net.ev``; ``traveller`` says which are of one vehicle."""
        return self.sample_days(rng, 1).drop(columns="run")

    def sample_days(self, rng: np.random.Generator, days: int) -> pd.DataFrame:
        """Draw several days at once, numbered in the column ``run``."""
        count = rng.poisson(self.per_day, days)
        run = np.repeat(np.arange(days), count)
        traveller = np.arange(len(run)) - np.repeat(np.cumsum(count) - count, count)
        n = len(run)
        at, arrival = self._places(rng, np.tile(np.array(self.start), (n, 1))), np.zeros(n)
        leaves = np.clip(rng.normal(*self.first_departure_h, n), _SHORTEST, self.hours)
        soc = rng.uniform(*self.soc_at_start, n)
        stays, law = np.array(self.stay_h, dtype=float), np.array(self.moves, dtype=float)
        parts: list[pd.DataFrame] = []
        while n:
            need, limit = self._wanted(soc, leaves - arrival)
            columns: dict[str, Any] = {
                "run": run,
                "traveller": traveller,
                "load": np.array(self.loads, dtype=np.int64)[at],
            }
            columns |= {"arrival": arrival, "departure": leaves, "need_kwh": need, "max_kwh": limit}
            parts.append(pd.DataFrame(columns))
            soc = soc + self.charger_efficiency * need / self.battery_kwh
            soc = np.maximum(soc - np.maximum(rng.normal(*self.trip_kwh, n), 0.0) / self.battery_kwh, 0.0)
            arrival = leaves + np.maximum(rng.normal(*self.drive_h, n), 0.0)
            at = self._places(rng, law[at])
            leaves = np.minimum(arrival + np.maximum(rng.normal(stays[at, 0], stays[at, 1]), _SHORTEST), self.hours)
            on = leaves - arrival >= _SHORTEST
            run, traveller, at, arrival, leaves, soc = (v[on] for v in (run, traveller, at, arrival, leaves, soc))
            n = len(run)
        return self._numbered(parts)

    def _places(self, rng: np.random.Generator, rows: FloatArray) -> IntArray:
        """Draw a place for each row of probabilities."""
        last = len(self.loads) - 1
        drawn = (rng.random(len(rows))[:, None] >= np.cumsum(rows, axis=1)).sum(axis=1)
        found: IntArray = np.minimum(drawn, last).astype(np.int64)
        return found

    def _wanted(self, soc: FloatArray, stay: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Energy from the grid that stays must and may bring [kWh]."""
        most, each = self.charger_kw * stay, self.battery_kwh / self.charger_efficiency
        need, limit = (np.minimum(np.maximum(to - soc, 0.0) * each, most) for to in (self.soc_needed, self.soc_most))
        return need, limit

    def _numbered(self, parts: list[pd.DataFrame]) -> pd.DataFrame:
        """Put stays together; each has a number of its own in its day, as a vehicle may come to a place again."""
        columns = ["run", "traveller", "load", "arrival", "departure", "need_kwh", "max_kwh"]
        table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=columns, dtype=float)
        table = table.sort_values(["run", "arrival", "traveller"], kind="stable", ignore_index=True)
        table["vehicle"] = table.groupby("run").cumcount()
        table["p_max_mw"] = self.charger_kw / 1e3
        kinds = dict.fromkeys(("run", "traveller", "load", "vehicle"), np.int64)
        return table.astype(kinds)
