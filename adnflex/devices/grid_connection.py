"""The connection to the upstream grid: what is bought and sold, its carbon, its limits."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyomo.environ as pyo

from adnflex.arrays import FloatArray
from adnflex.devices.base import BrokenLimit, Frame, NoDecisions, Place, Reach, Schedule, scenario_sums
from adnflex.devices.capabilities import Supplies
from adnflex.devices.capability import refuse_capability
from adnflex.devices.cost_curve import NO_COST, CostCurve
from adnflex.devices.cost_tables import cost_curve
from adnflex.devices.inputs import Inputs
from adnflex.devices.inverter import read
from adnflex.devices.timeline import Timeline


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
    extra : CostCurve
        What pandapower's cost tables say of the import beyond a straight `price`.
    carbon_given : bool
        Whether the emission factor is written down in every period; otherwise it is taken as 0.
    """

    place: Place
    p_min: float
    p_max: float
    q_min: float
    q_max: float
    price: FloatArray
    sell_price: FloatArray
    carbon: FloatArray
    extra: CostCurve = NO_COST
    carbon_given: bool = True

    @property
    def priced(self) -> bool:
        """Whether an import costs anything."""
        return bool(self.price.any() or self.sell_price.any()) or self.extra.varies

    @property
    def carries(self) -> str:
        """What it carries from one period to the next."""
        return ""

    @property
    def two_prices(self) -> bool:
        """Whether selling pays less than buying costs."""
        return bool(np.any(self.sell_price < self.price - 1e-9))

    def reach(self) -> tuple[Reach, ...]:
        """Return nothing: it is the root."""
        return ()

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
        self.extra.declare(block, frame, lambda s, t: block.p[s, t], self.p_min, self.p_max)
        for s, t in points:
            frame.at[s, t].supply_p[self.place.node] = block.p[s, t]
            frame.at[s, t].supply_q[self.place.node] = block.q[s, t]

    def stay(self, block: pyo.Block, frame: Frame) -> None:
        """Nothing to say: power flow decides the import."""

    def costs(self, block: pyo.Block, frame: Frame) -> dict[str, list[Any]]:
        """Cost of energy bought less income from energy sold."""
        base = frame.base_mva
        if not self.two_prices:
            paid = scenario_sums(frame, self.price * base, lambda s, t: block.p[s, t])
            more = self.extra.costs(block, frame, lambda s, t: block.p[s, t])
            return {"purchase": [a + b for a, b in zip(paid, more, strict=True)]}
        bought = scenario_sums(frame, self.price * base, lambda s, t: block.buy[s, t])
        sold = scenario_sums(frame, self.sell_price * base, lambda s, t: block.sell[s, t])
        return {"purchase": [b - x for b, x in zip(bought, sold, strict=True)]}

    def unlimited(self) -> GridConnection:
        """Return it without limits of its import."""
        return replace(self, p_min=-math.inf, p_max=math.inf, q_min=-math.inf, q_max=math.inf)

    def unpriced(self) -> GridConnection:
        """Return it with everything for nothing."""
        nothing = np.zeros_like(self.price)
        return replace(self, price=nothing, sell_price=nothing, carbon=nothing, extra=NO_COST)

    def emissions(self, block: pyo.Block, frame: Frame) -> list[Any]:
        """Emissions by scenario [kg]."""
        return scenario_sums(frame, self.carbon * frame.base_mva, lambda s, t: block.p[s, t])

    def purchase(self, p_mw: FloatArray, hours: float) -> FloatArray:
        """Cost of an import (S, T) by scenario [money]."""
        rate = np.where(p_mw > 0, self.price, self.sell_price) if self.two_prices else self.price
        return np.asarray((rate * p_mw).sum(axis=1) * hours) + self.extra.bill(p_mw, hours)

    def slope(self, p_mw: FloatArray) -> FloatArray:
        """Cost of a little more import (S, T) [money/MWh]; NaN where its curve is no straight price."""
        if not self.extra.nothing:
            return np.full(self.price.shape, np.nan)
        return np.where(p_mw >= 0, self.price, self.sell_price) if self.two_prices else self.price

    def schedule(self, block: pyo.Block, frame: Frame) -> Schedule:
        """Return nothing: power flow decides the import."""
        return Schedule(())

    def imported(self, block: pyo.Block, frame: Frame) -> tuple[FloatArray, FloatArray]:
        """Import (S, T) of the solved block [MW, Mvar]."""
        return read(block.p, frame), read(block.q, frame)

    def bill(self, setpoints: Callable[[str], FloatArray], horizon: Timeline, v2: FloatArray) -> dict[str, FloatArray]:
        """Return nothing: the import is known after power flow only (see `purchase`)."""
        return {}

    def audit(self, setpoints: Callable[[str], FloatArray], horizon: Timeline) -> list[BrokenLimit]:
        """Nothing to check before power flow."""
        return []


def _bound(value: float) -> float | None:
    return value if math.isfinite(value) else None


def read_grid_connections(inputs: Inputs) -> list[GridConnection]:
    """Read the external grids and slack generators, one a root."""
    found: dict[int, GridConnection] = {}
    silent: list[Place] = []
    for row, place in _sources(inputs):
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
        refuse_capability(inputs, place, row)
        price, sell, carbon, extra = _prices(inputs, place, (ends[0], ends[1]), silent)
        inputs.require(
            bool(np.all(sell <= price + 1e-9)),
            place,
            "sell_price_per_mwh is above price_per_mwh in some period, which would pay for buying and selling at once.",
        )
        found[place.node] = GridConnection(
            place,
            ends[0],
            ends[1],
            ends[2],
            ends[3],
            price,
            sell,
            np.nan_to_num(carbon),
            extra,
            not np.isnan(carbon).any(),
        )
    if inputs.prices and len(silent) < len(found):
        # no price at all is for the verb to judge; one beside another's would be bought without end
        inputs.faults += [
            f"{place}: has no price while another source has; its energy would be free: give it price_per_mwh (or a "
            "row of poly_cost or pwl_cost), 0 if that is meant."
            for place in silent
        ]
    return list(found.values())


def _sources(inputs: Inputs) -> list[tuple[pd.Series, Place]]:
    net = inputs.net
    found = []
    for table in ("ext_grid", "gen"):
        rows = net[table][net[table]["in_service"].astype(bool)] if len(net[table]) else net[table]
        for index, row in rows.iterrows():
            node = inputs.node_of.get(int(row["bus"]))
            if node is not None and (table == "ext_grid" or bool(row["slack"])):
                name = str(row.get("name") or "")
                found.append((row, Place("grid connection", table, int(str(index)), name, int(row["bus"]), node)))
    return found


def _prices(
    inputs: Inputs, place: Place, range_mw: tuple[float, float], silent: list[Place]
) -> tuple[FloatArray, FloatArray, FloatArray, CostCurve]:
    """Read price, selling price, emission and what a cost table says beyond a straight price; list those without."""
    shape = (inputs.horizon.scenarios, inputs.horizon.periods)
    missing = np.full(shape, np.nan)
    series = [
        inputs.series(place.table, c, place.index) if (place.table, c) in inputs.values else missing
        for c in ("price_per_mwh", "sell_price_per_mwh", "co2_kg_per_mwh")
    ]
    curve = cost_curve(inputs, place, ["price_per_mwh", "sell_price_per_mwh"], range_mw)
    known, straight = ~np.isnan(series[0]), curve.price()
    if not known.all() and (place.table, place.index) not in inputs.curves:
        silent.append(place)
    price = np.where(known, series[0], straight)
    sell = np.where(np.isnan(series[1]), price, series[1])
    return price, sell, series[2], curve.beyond(straight) if not curve.nothing else NO_COST


def source_limits(devices: Iterable[Any]) -> pd.DataFrame:
    """Limits of the import at every source (see `adnflex.powerflow.limits.Limits.sources`)."""
    rows = {
        (d.place.table, d.place.index): (d.p_min, d.p_max, d.q_min, d.q_max) for d in devices if isinstance(d, Supplies)
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["min_p_mw", "max_p_mw", "min_q_mvar", "max_q_mvar"])
