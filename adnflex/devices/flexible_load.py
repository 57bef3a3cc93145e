"""Flexible load: reduced against payment, or shifted within the horizon."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyomo.environ as pyo

from adnflex.arrays import FloatArray
from adnflex.devices.base import (
    BrokenLimit,
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
from adnflex.devices.cost_curve import NO_COST, CostCurve
from adnflex.devices.cost_tables import cost_curve
from adnflex.devices.inputs import Inputs
from adnflex.devices.inverter import TOLERANCE, exceeding, read
from adnflex.devices.resource import Accumulator, Resource
from adnflex.devices.timeline import Timeline


@dataclass(frozen=True)
class FlexibleLoad(NoDecisions):
    """A load that may vary between limits at the power factor of its profile.

    Attributes
    ----------
    place : Place
        The load.
    low, high : float
        Limits [MW].
    wanted, slope : (S, T) array
        Its profile [MW], and reactive per active power.
    scaling : float
        The table's own factor.
    keep_energy : bool
        Whether the energy of the horizon stays as it is.
    cost_per_mwh : float
        Of energy not served when it is wanted [money/MWh].
    curve : CostCurve
        What pandapower's cost tables say of its withdrawal; what it pays for energy is a negative price.
    """

    place: Place
    low: float
    high: float
    wanted: FloatArray
    slope: FloatArray
    scaling: float
    keep_energy: bool
    cost_per_mwh: float
    curve: CostCurve = NO_COST

    @property
    def carries(self) -> str:
        """What it carries from one period to the next."""
        return ""

    def unpriced(self) -> FlexibleLoad:
        """Return it with everything for nothing, and no energy to be made up for."""
        return replace(self, cost_per_mwh=0.0, curve=NO_COST, keep_energy=False)

    def reach(self) -> tuple[Reach, ...]:
        """Range of its withdrawal."""
        q = np.stack([self.slope * self.low, self.slope * self.high])
        return (Reach(self.place.node, self.low, self.high, float(q.min()), float(q.max())),)

    def declare(self, block: pyo.Block, frame: Frame) -> None:
        """Declare withdrawal ``p`` and what is not served, ``cut``."""
        h, base, points = frame.horizon, frame.base_mva, frame.horizon.points
        block.p = pyo.Var(points, bounds=(self.low / base, self.high / base))
        if self.cost_per_mwh:
            most = max(float(self.wanted.max()) - self.low, 0.0) / base
            block.cut = pyo.Var(points, bounds=(0, most))
            block.cutting = pyo.Constraint(
                points, rule=lambda _, s, t: block.cut[s, t] >= float(self.wanted[s, t]) / base - block.p[s, t]
            )
        if self.keep_energy:
            block.kept = pyo.Constraint(
                range(h.scenarios),
                rule=lambda _, s: sum(block.p[s, t] for t in range(h.periods)) == float(self.wanted[s].sum()) / base,
            )
        self.curve.declare(block, frame, lambda s, t: block.p[s, t], self.low, self.high)
        for s, t in points:
            frame.at[s, t].withdraw(self.place.node, block.p[s, t], float(self.slope[s, t]) * block.p[s, t])

    def stay(self, block: pyo.Block, frame: Frame) -> None:
        """Draw what its profile says, as far as its limits allow it."""
        p = np.clip(self.wanted, self.low, self.high)
        assign(block.p, table_of(p, frame.base_mva))
        self.curve.stay(block, frame, p)
        if self.cost_per_mwh:
            assign(block.cut, table_of(np.maximum(self.wanted - p, 0.0), frame.base_mva))

    def resource(self, horizon: Timeline, sides: int) -> Resource:
        """Withdrawal between its limits at the power factor of its profile; its energy where that is kept."""
        ones = np.ones((horizon.periods, 1))
        energy = float(self.wanted[0].sum()) * horizon.hours
        at_end = np.where(np.arange(horizon.periods) == horizon.periods - 1, 0.0, np.inf)
        kept = (
            Accumulator("energy kept, high", -energy, 1.0, (ones * horizon.hours,), at_end),
            Accumulator("energy kept, low", energy, 1.0, (-ones * horizon.hours,), at_end),
        )
        i, slope = self.place.index, self.slope[0][:, None]
        nothing = np.zeros(horizon.periods)
        return Resource(
            self.place,
            ("p",),
            self.low * ones,
            self.high * ones,
            ones,
            slope,
            nothing,
            nothing,
            np.clip(self.wanted[0], self.low, self.high)[:, None],
            np.zeros((0, 1)),
            np.zeros((horizon.periods, 0)),
            kept if self.keep_energy else (),
            {
                ("load", "p_mw", i): (ones / self.scaling, nothing),
                ("load", "q_mvar", i): (slope / self.scaling, nothing),
            },
            np.zeros(1),
            self.scaling,
        )

    def costs(self, block: pyo.Block, frame: Frame) -> dict[str, list[Any]]:
        """Payment for energy not served when it is wanted, or the cost of what is drawn."""
        if not self.curve.nothing:
            return {"flexible load": self.curve.costs(block, frame, lambda s, t: block.p[s, t])}
        if not self.cost_per_mwh:
            return {}
        rate = self.cost_per_mwh * frame.base_mva
        return {"flexible load": scenario_sums(frame, rate, lambda s, t: block.cut[s, t])}

    def schedule(self, block: pyo.Block, frame: Frame) -> Schedule:
        """Withdrawal."""
        p = np.clip(read(block.p, frame), self.low, self.high)
        i = self.place.index
        written = {("load", "p_mw", i): p / self.scaling, ("load", "q_mvar", i): self.slope * p / self.scaling}
        taken = Withdrawal(self.place.node, p, self.slope * p)
        return Schedule((taken,), written, facts={"low": self.low, "high": self.high})

    def bill(self, setpoints: Callable[[str], FloatArray], horizon: Timeline, v2: FloatArray) -> dict[str, FloatArray]:
        """Price energy not served when it is wanted."""
        p = setpoints("p_mw") * self.scaling
        cut = np.maximum(self.wanted - p, 0.0).sum(axis=1)
        return {"flexible load": self.cost_per_mwh * cut * horizon.hours + self.curve.bill(p, horizon.hours)}

    def audit(self, setpoints: Callable[[str], FloatArray], horizon: Timeline) -> list[BrokenLimit]:
        """Within its limits, energy kept."""
        p = setpoints("p_mw") * self.scaling
        off = np.zeros_like(p)
        if self.keep_energy:
            off[:, -1] = np.abs((p - self.wanted).sum(axis=1)) * horizon.hours
        return [
            *exceeding("p high", self.place, p, self.high, "MW"),
            *exceeding("p low", self.place, -p, -self.low, "MW"),
            *exceeding("energy kept", self.place, off - 1e-4, 0.0, "MWh"),
        ]


def _require_reactive(inputs: Inputs, place: Place, row: pd.Series, q: FloatArray) -> None:
    """Refuse limits of reactive power that the power factor of the profile does not keep by itself."""
    low = inputs.number(place, row, "min_q_mvar", -math.inf)
    high = inputs.number(place, row, "max_q_mvar", math.inf)
    inputs.require(
        low - TOLERANCE <= float(q.min()) and float(q.max()) <= high + TOLERANCE,
        place,
        f"its reactive power follows p_mw at the power factor of the profile, {float(q.min()):g} to {float(q.max()):g} "
        f"Mvar, outside min_q_mvar {low:g} and max_q_mvar {high:g}; the reactive power of a load is no decision: leave "
        "these columns empty (NaN), or narrow min_p_mw and max_p_mw.",
    )


def read_flexible_loads(inputs: Inputs) -> list[FlexibleLoad]:
    """Read the controllable loads that are no electric vehicles."""
    found = []
    for place, row in inputs.controllable("load", "flexible load"):
        if row.get("type") == "ev" or float(row["scaling"]) == 0:
            continue
        low = inputs.number(place, row, "min_p_mw", low=0)
        high = inputs.number(place, row, "max_p_mw", low=0)
        wanted = inputs.series("load", "p_mw", place.index)
        q = inputs.series("load", "q_mvar", place.index)
        slope = np.divide(q, wanted, out=np.zeros_like(q), where=np.abs(wanted) > TOLERANCE)
        keep = row.get("keep_energy")
        keep = bool(keep) if keep is not None and keep == keep else False
        inputs.require(low <= high, place, f"min_p_mw {low:g} is above max_p_mw {high:g}.")
        # in every scenario by itself
        means = wanted.mean(axis=1)
        mean = float(means[np.argmax(np.maximum(means - high, low - means))])
        inputs.require(
            not keep or low - TOLERANCE <= mean <= high + TOLERANCE,
            place,
            f"keep_energy needs {mean:g} MW on average, outside min_p_mw {low:g} and max_p_mw {high:g}.",
        )
        _require_reactive(inputs, place, row, np.stack([slope * low, slope * high]))
        cost = inputs.number(place, row, "cost_per_mwh", 0.0, 0)
        curve = cost_curve(inputs, place, ["cost_per_mwh"], (low, high))
        found.append(FlexibleLoad(place, low, high, wanted, slope, float(row["scaling"]), keep, cost, curve))
    return found
