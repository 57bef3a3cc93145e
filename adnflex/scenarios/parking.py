r"""Vehicles that park: laws of when they come, how long they stay and what they need.

The law of the study: a fleet has a Poisson number of vehicles a day; each arrives at hour
:math:`a = \mathrm{clip}(\lfloor N_a \rfloor, 0, H - 2)`, stays :math:`L = \max(1, \mathrm{round}\, N_L)` hours and
leaves at :math:`d = \min(a + L, H)`. With the state of charge :math:`q` on arrival, uniform, battery :math:`B`, charger
efficiency :math:`\eta` and power :math:`P` it must and may draw

.. math::

    R = \min\{(q_R - q) B / \eta,\; P (d - a)\}, \qquad X = \min\{(q_X - q) B / \eta,\; P (d - a)\}

from the grid. The difference is what makes the demand elastic.

References
----------
Xu et al., doi:10.3390/wevj16090515, section 2.2 (aggregation of random charging demand; battery, charger and efficiency
are printed, the laws are not).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from adnflex.arrays import FloatArray


@dataclass(frozen=True)
class FleetLaw:
    """Law of one fleet.

    Attributes
    ----------
    load : int
        Index of the fleet in ``net.load``.
    per_day : float
        Mean number of vehicles a day.
    arrival_h, stay_h : (float, float)
        Mean and standard deviation of normal laws [h].
    battery_kwh : float
        Size of a battery [kWh].
    charger_kw : float
        Power drawn from the grid [kW].
    charger_efficiency : float
        Energy into the battery over energy from the grid.
    soc_on_arrival : (float, float)
        Range of a uniform law.
    soc_needed, soc_most : float
        What a vehicle must and may leave with.
    """

    load: int
    per_day: float
    arrival_h: tuple[float, float]
    stay_h: tuple[float, float]
    battery_kwh: float = 66.0
    charger_kw: float = 6.6
    charger_efficiency: float = 0.9
    soc_on_arrival: tuple[float, float] = (0.3, 0.7)
    soc_needed: float = 0.8
    soc_most: float = 0.9


@dataclass(frozen=True)
class FleetLaws:
    """Days of vehicles from laws of fleets.

    Attributes
    ----------
    fleets : tuple of FleetLaw
        One a fleet.
    hours : int
        Hours H of a day.

    Examples
    --------
    >>> laws = FleetLaws((FleetLaw(32, 2.0, (17.5, 1.5), (6.0, 1.0)),))
    >>> laws.sample(np.random.default_rng(2)).round(2)
       load  vehicle  arrival  departure  need_kwh  max_kwh  p_max_mw
    0    32        0       16         20     19.06     26.4      0.01
    """

    fleets: tuple[FleetLaw, ...]
    hours: int = 24

    def sample(self, rng: np.random.Generator) -> pd.DataFrame:
        """Draw the vehicles of one day."""
        return self.sample_days(rng, 1).drop(columns="run")

    def sample_days(self, rng: np.random.Generator, days: int) -> pd.DataFrame:
        """Draw several days at once, numbered in the column ``run``."""
        count = rng.poisson([law.per_day for law in self.fleets], (days, len(self.fleets)))
        run = np.repeat(np.arange(days), count.sum(axis=1))
        fleet = np.repeat(np.tile(np.arange(len(self.fleets)), days), count.ravel())
        n = len(fleet)

        def each(name: str) -> FloatArray:
            return np.array([getattr(law, name) for law in self.fleets], dtype=float)[fleet]

        arrival_law, stay_law, soc_law = each("arrival_h"), each("stay_h"), each("soc_on_arrival")
        arrival = np.clip(np.floor(rng.normal(arrival_law[:, 0], arrival_law[:, 1])), 0, self.hours - 2)
        stay = np.maximum(np.rint(rng.normal(stay_law[:, 0], stay_law[:, 1])), 1)
        departure = np.minimum(arrival + stay, self.hours)
        soc = rng.uniform(soc_law[:, 0], soc_law[:, 1])
        most = each("charger_kw") * (departure - arrival)
        grid_kwh = each("battery_kwh") / each("charger_efficiency")
        starts = np.concatenate([[0], np.cumsum(count.ravel())[:-1]])
        return pd.DataFrame(
            {
                "run": run,
                "load": np.array([law.load for law in self.fleets], dtype=np.int64)[fleet],
                "vehicle": np.arange(n) - np.repeat(starts, count.ravel()),
                "arrival": arrival.astype(np.int64),
                "departure": departure.astype(np.int64),
                "need_kwh": np.minimum(np.maximum(each("soc_needed") - soc, 0.0) * grid_kwh, most),
                "max_kwh": np.minimum(np.maximum(each("soc_most") - soc, 0.0) * grid_kwh, most),
                "p_max_mw": each("charger_kw") / 1e3,
            }
        )
