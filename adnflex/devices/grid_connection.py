"""The connection to the upstream grid: what is bought and sold, its carbon, its limits."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyomo.environ as pyo

from adnflex.devices.base import Fault, FloatArray, Frame, Inputs, NoDecisions, Place, Reach, Schedule, scenario_sums
from adnflex.devices.generation import poly_costs
from adnflex.devices.horizon import Horizon
from adnflex.devices.inverter import read

__all__ = ["GridConnection", "read_grid_connections"]


@dataclass(frozen=True)
class GridConnection(NoDecisions):
    """A root of the network.

    Attributes
    ----------
    place : Place
        The external grid (or slack generator).
    p_min, p_max, q_min, q_max : float
        Limits of the import [MW, Mvar]; infinite: none.
    price, sell_price : (S, T) array
        Of imported and of exported energy [money/MWh].
    carbon : (S, T) array
        Emission of imported energy [kg/MWh]; exports count negative.
    """

    place: Place
    p_min: float
    p_max: float
    q_min: float
    q_max: float
    price: FloatArray
    sell_price: FloatArray
    carbon: FloatArray

    @property
    def two_prices(self) -> bool:
        """Whether selling pays less than buying costs."""
        return bool(np.any(self.sell_price < self.price - 1e-9))

    def reach(self) -> Reach:
        """Return nothing: it is the root."""
        return 0.0, 0.0, 0.0, 0.0

    def declare(self, block: pyo.Block, frame: Frame) -> None:
        """Declare import ``p``, ``q`` and, with two prices, ``buy`` and ``sell``."""
        base, points = frame.base_mva, frame.horizon.points
        block.p = pyo.Var(points, bounds=(_bound(self.p_min / base), _bound(self.p_max / base)))
        block.q = pyo.Var(points, bounds=(_bound(self.q_min / base), _bound(self.q_max / base)))
        if self.two_prices:
            block.buy, block.sell = pyo.Var(points, bounds=(0, None)), pyo.Var(points, bounds=(0, None))
            block.exchange = pyo.Constraint(
                points, rule=lambda _, s, t: block.p[s, t] == block.buy[s, t] - block.sell[s, t]
            )
        for s, t in points:
            frame.at[s, t].supply_p[self.place.node] = block.p[s, t]
            frame.at[s, t].supply_q[self.place.node] = block.q[s, t]

    def costs(self, block: pyo.Block, frame: Frame) -> dict[str, list[Any]]:
        """Cost of energy bought less income from energy sold."""
        base = frame.base_mva
        if not self.two_prices:
            return {"purchase": scenario_sums(frame, self.price * base, lambda s, t: block.p[s, t])}
        bought = scenario_sums(frame, self.price * base, lambda s, t: block.buy[s, t])
        sold = scenario_sums(frame, self.sell_price * base, lambda s, t: block.sell[s, t])
        return {"purchase": [b - x for b, x in zip(bought, sold, strict=True)]}

    def emissions(self, block: pyo.Block, frame: Frame) -> list[Any]:
        """Emissions by scenario [kg]."""
        return scenario_sums(frame, self.carbon * frame.base_mva, lambda s, t: block.p[s, t])

    def purchase(self, p_mw: FloatArray, hours: float) -> FloatArray:
        """Cost of an import (S, T) by scenario [money]."""
        rate = np.where(p_mw > 0, self.price, self.sell_price) if self.two_prices else self.price
        return np.asarray((rate * p_mw).sum(axis=1) * hours)

    def schedule(self, block: pyo.Block, frame: Frame) -> Schedule:
        """Import; nothing is written, as power flow decides it."""
        return Schedule(-read(block.p, frame), -read(block.q, frame))

    def bill(self, setpoints: Callable[[str], FloatArray], horizon: Horizon, v2: FloatArray) -> dict[str, FloatArray]:
        """Return nothing: the import is known after power flow only (see `purchase`)."""
        return {}

    def audit(self, setpoints: Callable[[str], FloatArray], horizon: Horizon) -> list[Fault]:
        """Nothing to check before power flow."""
        return []


def _bound(value: float) -> float | None:
    return value if math.isfinite(value) else None


def read_grid_connections(inputs: Inputs) -> list[GridConnection]:
    """Read the external grids and slack generators, one a root."""
    found: dict[int, GridConnection] = {}
    for table, row, place in _sources(inputs):
        if place.node in found:
            inputs.faults.append(f"{place}: stands at the same bus as {found[place.node].place}; keep one of them.")
            continue
        ends = [
            inputs.number(place, row, column, default)
            for column, default in (
                ("min_p_mw", -math.inf),
                ("max_p_mw", math.inf),
                ("min_q_mvar", -math.inf),
                ("max_q_mvar", math.inf),
            )
        ]
        inputs.require(
            ends[0] <= ends[1] and ends[2] <= ends[3], place, "a lower limit of p or q is above the upper one."
        )
        price, sell, carbon = _prices(inputs, table, place)
        inputs.require(
            bool(np.all(sell <= price + 1e-9)),
            place,
            "sell_price_per_mwh is above price_per_mwh in some period, which would pay for buying and selling at once.",
        )
        found[place.node] = GridConnection(place, ends[0], ends[1], ends[2], ends[3], price, sell, carbon)
    return list(found.values())


def _sources(inputs: Inputs) -> list[tuple[str, pd.Series, Place]]:
    net = inputs.net
    found = []
    for table in ("ext_grid", "gen"):
        rows = net[table][net[table]["in_service"].astype(bool)] if len(net[table]) else net[table]
        for index, row in rows.iterrows():
            node = inputs.node_of.get(int(row["bus"]))
            if node is not None and (table == "ext_grid" or bool(row["slack"])):
                name = str(row.get("name") or "")
                found.append(
                    (table, row, Place("grid connection", table, int(str(index)), name, int(row["bus"]), node))
                )
    return found


def _prices(inputs: Inputs, table: str, place: Place) -> tuple[FloatArray, FloatArray, FloatArray]:
    shape = (inputs.horizon.scenarios, inputs.horizon.periods)
    if table == "gen":
        zero = np.zeros(shape)
        return zero, zero, zero
    series = [inputs.series(table, c, place.index) for c in ("price_per_mwh", "sell_price_per_mwh", "co2_kg_per_mwh")]
    poly = poly_costs(inputs, table).get(place.index, 0.0)
    price = np.where(np.isnan(series[0]), poly, series[0])
    sell = np.where(np.isnan(series[1]), price, series[1])
    return price, sell, np.nan_to_num(series[2])
