"""Renewable generation that may be curtailed, and sources of reactive power alone (SVC)."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import FloatArray
from adnflex.devices.base import (
    BrokenLimit,
    Contradiction,
    Frame,
    NoDecisions,
    Place,
    Reach,
    Schedule,
    Withdrawal,
    assign,
    scenario_sums,
    table_of,
)
from adnflex.devices.contradictions import inverter_contradiction
from adnflex.devices.cost_curve import NO_COST, CostCurve
from adnflex.devices.cost_tables import cost_curve
from adnflex.devices.inputs import Inputs
from adnflex.devices.inverter import TOLERANCE, Inverter, exceeding, read, read_inverter
from adnflex.devices.inverter_resource import inverter_resource
from adnflex.devices.resource import Resource
from adnflex.devices.timeline import Timeline


@dataclass(frozen=True)
class Generation(NoDecisions):
    """A controllable static generator.

    Attributes
    ----------
    place : Place
        The sgen; its kind is ``reactive source`` where it has no active power.
    low, high, available : (S, T) array
        Limits of its injection, and what nature offers [MW].
    inverter : Inverter
        What its reactive power may do.
    scaling : float
        The table's own factor between ``p_mw`` and the injection.
    cost_per_mwh, cost_per_mvarh : float
        Of energy fed in, of reactive energy [money].
    curve : CostCurve
        What pandapower's cost tables say of its injection.
    """

    place: Place
    low: FloatArray
    high: FloatArray
    available: FloatArray
    inverter: Inverter
    scaling: float
    cost_per_mwh: float
    cost_per_mvarh: float
    curve: CostCurve = NO_COST

    @property
    def carries(self) -> str:
        """What it carries from one period to the next."""
        return ""

    def unpriced(self) -> Generation:
        """Return it with everything for nothing."""
        return replace(self, cost_per_mwh=0.0, cost_per_mvarh=0.0, curve=NO_COST)

    def reactive_fixed(self) -> Generation:
        """Return it with the reactive power of its profile."""
        return replace(self, inverter=replace(self.inverter, q_min=math.nan, q_max=math.nan))

    def reach(self) -> tuple[Reach, ...]:
        """Range of its withdrawal."""
        q_low, q_high = self.inverter.reach()
        return (Reach(self.place.node, -self.high, -self.low, -q_high, -q_low),)

    def declare(self, block: pyo.Block, frame: Frame) -> None:
        """Declare injection ``p``, ``q``."""
        base, points = frame.base_mva, frame.horizon.points
        block.p = pyo.Var(points, bounds=lambda _, s, t: (float(self.low[s, t]) / base, float(self.high[s, t]) / base))
        self.inverter.declare(block, frame)
        if self.cost_per_mvarh:
            self.inverter.declare_price(block, frame)
        low, high = float(self.low.min()), float(self.high.max())
        self.curve.declare(block, frame, lambda s, t: block.p[s, t], low, high)
        for s, t in points:
            frame.at[s, t].withdraw(self.place.node, -block.p[s, t], -block.q[s, t])

    def stay(self, block: pyo.Block, frame: Frame) -> None:
        """Feed in what nature offers, at the reactive power of the net as far as the inverter allows it."""
        p = self.inverter.within(np.clip(self.available, self.low, self.high))
        assign(block.p, table_of(p, frame.base_mva))
        self.inverter.stay(block, frame, p)
        self.curve.stay(block, frame, p)

    def resource(self, horizon: Timeline, sides: int) -> Resource:
        """Injection between its limits, and reactive power within the inverter."""
        low, high = self.low[0], self.high[0]
        columns = self.inverter.columns(low, high, sides)
        return inverter_resource(
            self.place,
            (("p",), low[:, None], high[:, None], np.array([[1.0]]), self.high[0][:, None]),
            columns,
            consumer=False,
            scaling=self.scaling,
        )

    def costs(self, block: pyo.Block, frame: Frame) -> dict[str, list[Any]]:
        """Cost of energy and of reactive energy."""
        base = frame.base_mva
        found = {}
        if self.cost_per_mwh:
            found["generation"] = scenario_sums(frame, self.cost_per_mwh * base, lambda s, t: block.p[s, t])
        elif not self.curve.nothing:
            found["generation"] = self.curve.costs(block, frame, lambda s, t: block.p[s, t])
        if self.cost_per_mvarh:
            item = "reactive sources"
            found[item] = scenario_sums(frame, self.cost_per_mvarh * base, lambda s, t: block.q_size[s, t])
        return found

    def schedule(self, block: pyo.Block, frame: Frame) -> Schedule:
        """Injection."""
        p = np.clip(read(block.p, frame), self.low, self.high)
        q = self.inverter.values(block, frame)
        i, table = self.place.index, self.place.table
        return Schedule(
            (Withdrawal(self.place.node, -p, -q),),
            {(table, "p_mw", i): p / self.scaling, (table, "q_mvar", i): q / self.scaling},
            {"generation": {("available_mw", i): self.available, ("p_mw", i): p, ("q_mvar", i): q}},
        )

    def bill(self, setpoints: Callable[[str], FloatArray], horizon: Timeline, v2: FloatArray) -> dict[str, FloatArray]:
        """Price energy and reactive energy."""
        p, q = setpoints("p_mw") * self.scaling, setpoints("q_mvar") * self.scaling
        return {
            "generation": self.cost_per_mwh * p.sum(axis=1) * horizon.hours + self.curve.bill(p, horizon.hours),
            "reactive sources": self.cost_per_mvarh * np.abs(q).sum(axis=1) * horizon.hours,
        }

    def contradictions(self, horizon: Timeline) -> list[Contradiction]:
        """Active and reactive limits that cannot go together."""
        found = inverter_contradiction(self.inverter, self.place, self.low, self.high)
        return [] if found is None else [found]

    def audit(self, setpoints: Callable[[str], FloatArray], horizon: Timeline) -> list[BrokenLimit]:
        """Within what is available, within the inverter."""
        p, q = setpoints("p_mw") * self.scaling, setpoints("q_mvar") * self.scaling
        return [
            *exceeding("p high", self.place, p, self.high, "MW"),
            *exceeding("p low", self.place, -p, -self.low, "MW"),
            *self.inverter.audit(self.place, p, q),
        ]


def read_generation(inputs: Inputs) -> list[Generation]:
    """Read the controllable sgens."""
    found = []
    for place, row in inputs.controllable("sgen", "generation"):
        scaling = float(row["scaling"])
        if scaling == 0:
            continue  # switched off by its own factor
        available = inputs.series("sgen", "p_mw", place.index)
        low = inputs.number(place, row, "min_p_mw", hint="0: may be curtailed to nothing")
        high = inputs.number(place, row, "max_p_mw", math.inf)
        if low > high:
            inputs.faults.append(f"{place}: min_p_mw {low:g} is above max_p_mw {high:g}; correct one of them.")
            continue
        top = np.minimum(available, high)
        short = np.argwhere(top < low - TOLERANCE)
        if len(short):
            s, t = short[0]
            inputs.faults.append(
                f"{place}: min_p_mw is {low:g} but only {top[s, t]:g} MW are available in period {t}; lower min_p_mw."
            )
            continue
        if high <= 0 or (float(row["p_mw"]) == 0 and not available.any()):
            place = replace(place, kind="reactive source")
        cost = inputs.number(place, row, "cost_per_mwh", 0.0)
        price = inputs.number(place, row, "cost_per_mvarh", 0.0, 0)
        bottom = np.minimum(np.full_like(top, low), top)
        curve = cost_curve(inputs, place, ["cost_per_mwh"], (float(bottom.min()), float(top.max())))
        inverter = read_inverter(inputs, place, row, p_range=(float(bottom.min()), float(top.max())))
        found.append(Generation(place, bottom, top, available, inverter, scaling, cost, price, curve))
    return found
