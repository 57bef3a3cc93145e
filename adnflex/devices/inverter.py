"""Reactive power of an inverter: its own limits, the circle of its rating, a power factor."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyomo.environ as pyo

from adnflex.arrays import FloatArray
from adnflex.devices.base import BrokenLimit, Frame, Place, assign, table_of
from adnflex.devices.capability import CapabilityCurve, read_capability, refuse_capability
from adnflex.devices.inputs import Inputs
from adnflex.devices.resource import polygon

# Slack of an audit [MW, Mvar], above the residual of a conic solver and below what anyone sets.
TOLERANCE = 1e-5


@dataclass(frozen=True)
class InverterColumns:
    """Reactive power for a `Resource`: 0 or 2 columns beside the active power.

    Attributes
    ----------
    count : int
        2 where it is a decision (``q_up - q_down``), else 0.
    fixed : (T,) array
        Injection that is always there [Mvar].
    ends : (2,) array
        Lowest and highest injection of the decision [Mvar].
    rows, limits : list
        Rows over (active power, columns), and their limits by period.
    """

    count: int
    fixed: FloatArray
    ends: FloatArray
    rows: list[list[float]]
    limits: list[FloatArray]

    def bounds(self, periods: int) -> tuple[FloatArray, FloatArray]:
        """Bounds (T, count) of the columns; an injection that must not be zero moves the bound of one of them."""
        low, high = self.ends
        bottom = np.array([max(low, 0.0), max(-high, 0.0)])[: self.count]
        top = np.array([max(high, 0.0), max(-low, 0.0)])[: self.count]
        return np.tile(bottom, (periods, 1)), np.tile(top, (periods, 1))


@dataclass(frozen=True)
class Inverter:
    """What reactive power may do beside an active power.

    Attributes
    ----------
    q_min, q_max : float
        Limits of the injection [Mvar]; NaN both: fixed at `q_fixed`.
    q_fixed : (S, T) array
        Injection where it is fixed [Mvar].
    s_mva : float
        Rating; NaN: no circle.
    min_cos_phi : float
        Least power factor; NaN: none.
    capability : CapabilityCurve or None
        What reactive injection goes with which active injection, beside `q_min` and `q_max`.
    """

    q_min: float
    q_max: float
    q_fixed: FloatArray
    s_mva: float
    min_cos_phi: float
    capability: CapabilityCurve | None = None

    @property
    def free(self) -> bool:
        """Whether reactive power is a decision."""
        return not math.isnan(self.q_min)

    def reach(self) -> tuple[float, float]:
        """Lowest and highest injection [Mvar]."""
        if self.free:
            return self.q_min, self.q_max
        return float(self.q_fixed.min()), float(self.q_fixed.max())

    def declare(self, block: pyo.Block, frame: Frame) -> None:
        """Declare injection ``q`` per (s, t), its limits; the block has ``p``, the active power (either sign)."""
        h, base = frame.horizon, frame.base_mva
        points = h.points
        if not self.free:
            block.q = pyo.Param(points, initialize={(s, t): float(self.q_fixed[s, t]) / base for s, t in points})
        else:
            block.q = pyo.Var(points, bounds=(self.q_min / base, self.q_max / base))
        if not math.isnan(self.min_cos_phi) and self.free:
            tan = math.tan(math.acos(self.min_cos_phi))
            block.factor_up = pyo.Constraint(points, rule=lambda _, s, t: block.q[s, t] <= tan * block.p[s, t])
            block.factor_down = pyo.Constraint(points, rule=lambda _, s, t: block.q[s, t] >= -tan * block.p[s, t])
        if self.capability is not None:
            rows = self.capability.rows()
            block.capability = pyo.Constraint(
                points,
                range(len(rows)),
                rule=lambda _, s, t, k: (
                    rows[k][0] * block.p[s, t] + rows[k][1] * block.q[s, t] <= rows[k][2] / base
                    if rows[k][0] or self.free
                    else pyo.Constraint.Feasible
                ),
            )
        if not math.isnan(self.s_mva):
            self._declare_circle(block, points, base)

    def _declare_circle(self, block: pyo.Block, points: list[tuple[int, int]], base: float) -> None:
        size = self.s_mva / base
        if not self.free:
            block.inside = pyo.ConstraintList()
            for s, t in points:
                room = math.sqrt(max(size**2 - (float(self.q_fixed[s, t]) / base) ** 2, 0.0))
                block.inside.add(pyo.inequality(-room, block.p[s, t], room))
            return
        reach = math.hypot(self._largest_p(block), max(abs(self.q_min), abs(self.q_max)) / base)
        if reach <= size:
            return
        block.circle = pyo.Constraint(points, rule=lambda _, s, t: block.p[s, t] ** 2 + block.q[s, t] ** 2 <= size**2)

    @staticmethod
    def _largest_p(block: pyo.Block) -> float:
        return float(max(max(abs(x.lb), abs(x.ub)) for x in block.p.values()))

    def declare_price(self, block: pyo.Block, frame: Frame) -> None:
        """Declare ``q_size >= |q|`` for a price on reactive energy."""
        points = frame.horizon.points
        block.q_size = pyo.Var(points, bounds=(0, max(abs(v) for v in self.reach()) / frame.base_mva))
        block.q_size_up = pyo.Constraint(points, rule=lambda _, s, t: block.q_size[s, t] >= block.q[s, t])
        block.q_size_down = pyo.Constraint(points, rule=lambda _, s, t: block.q_size[s, t] >= -block.q[s, t])

    def within(self, p: FloatArray) -> FloatArray:
        """Cut an active power (S, T) down to what the rating leaves beside the least reactive power [MW]."""
        if math.isnan(self.s_mva):
            return p
        least = max(self.q_min, -self.q_max, 0.0) if self.free else self.q_fixed
        room = np.sqrt(np.maximum(self.s_mva**2 - np.square(least), 0.0))
        return np.asarray(np.clip(p, -room, room))

    def room(self, p: FloatArray) -> FloatArray:
        """Largest reactive power that rating and power factor leave beside an active power [Mvar].

        Examples
        --------
        >>> Inverter(-1.0, 1.0, np.zeros((1, 1)), 1.0, 0.9).room(np.array([0.6, 0.9, 1.2])).round(3).tolist()
        [0.291, 0.436, 0.0]
        """
        room = np.full(p.shape, math.inf)
        if not math.isnan(self.s_mva):
            room = np.sqrt(np.maximum(self.s_mva**2 - p**2, 0.0))
        if not math.isnan(self.min_cos_phi):
            room = np.minimum(room, math.tan(math.acos(self.min_cos_phi)) * np.abs(p))
        return room

    def stay(self, block: pyo.Block, frame: Frame, p: FloatArray) -> None:
        """Give ``q`` the value of the net, as near as the limits allow beside an active power (S, T) [MW]."""
        if not self.free:
            q = np.broadcast_to(self.q_fixed, p.shape)
        else:
            room = self.room(p)
            q = np.clip(np.clip(self.q_fixed, -room, room), self.q_min, self.q_max)
            if self.capability is not None:
                q = np.clip(q, *self.capability.limits(p))
            assign(block.q, table_of(q, frame.base_mva))
        if hasattr(block, "q_size"):
            assign(block.q_size, table_of(np.abs(q), frame.base_mva))

    def values(self, block: pyo.Block, frame: Frame) -> FloatArray:
        """Injection of the solved block (S, T) [Mvar]."""
        return read(block.q, frame)

    def columns(self, p_low: FloatArray, p_high: FloatArray, sides: int) -> InverterColumns:
        """Reactive injection as two columns beside the active one, with rows ``(p, q_up, q_down)``.

        Parameters
        ----------
        p_low, p_high : (T,) array
            Range of the active power [MW].
        sides : int
            Sides of the polygon inscribed in the circle of the rating.
        """
        fixed = self.q_fixed[0]
        rows: list[list[float]] = []
        limits: list[FloatArray] = []
        if not math.isnan(self.s_mva) and not self.free:
            room = np.sqrt(np.maximum(self.s_mva**2 - fixed**2, 0.0))
            rows, limits = [[1.0], [-1.0]], [room, room]
        for a, b, c in () if self.capability is None else self.capability.rows():
            rows.append([a, b, -b] if self.free else [a])
            limits.append(c - (np.zeros(len(fixed)) if self.free else b * fixed))
        if not self.free:
            return InverterColumns(0, fixed, np.zeros(2), rows, limits)
        widest = max(float(np.abs(p_low).max()), float(np.abs(p_high).max()))
        if not math.isnan(self.s_mva) and math.hypot(widest, max(abs(self.q_min), abs(self.q_max))) > self.s_mva:
            for (a, b), limit in zip(*polygon(self.s_mva, sides), strict=True):
                rows.append([a, b, -b])
                limits.append(np.full(len(fixed), limit))
        if not math.isnan(self.min_cos_phi):
            tan = math.tan(math.acos(self.min_cos_phi))
            rows += [[-tan, 1.0, -1.0], [-tan, -1.0, 1.0]]
            limits += [np.zeros(len(fixed))] * 2
        return InverterColumns(2, np.zeros(len(fixed)), np.array([self.q_min, self.q_max]), rows, limits)

    def audit(self, place: Place, p: FloatArray, q: FloatArray) -> list[BrokenLimit]:
        """Check injections (S, T) [MW, Mvar]."""
        checks: list[tuple[str, FloatArray, FloatArray | float, str]] = []
        if self.free:
            checks.append(("q low", -q, -self.q_min, "Mvar"))
            checks.append(("q high", q, self.q_max, "Mvar"))
            if not math.isnan(self.min_cos_phi):
                tan = math.tan(math.acos(self.min_cos_phi))
                checks.append(("power factor", np.abs(q), tan * np.abs(p), "Mvar"))
        else:
            checks.append(("q fixed", np.abs(q - self.q_fixed), 0.0, "Mvar"))
        if self.capability is not None:
            low, high = self.capability.limits(p)
            checks.append(("q below its capability curve", -q, -low, "Mvar"))
            checks.append(("q above its capability curve", q, high, "Mvar"))
        if not math.isnan(self.s_mva):
            checks.append(("rating", np.hypot(p, q), self.s_mva, "MVA"))
        return [f for kind, value, limit, unit in checks for f in exceeding(kind, place, value, limit, unit)]


def exceeding(kind: str, place: Place, value: FloatArray, limit: FloatArray | float, unit: str) -> list[BrokenLimit]:
    """List where values (S, T) exceed an upper limit by more than rounding."""
    top = np.broadcast_to(np.asarray(limit, dtype=float), value.shape)
    return [
        BrokenLimit(kind, place.table, place.index, int(s), int(t), float(value[s, t]), float(top[s, t]), unit)
        for s, t in np.argwhere(value > top + TOLERANCE)
    ]


def read(variable: Any, frame: Frame) -> FloatArray:
    """Values of a variable over (s, t), in MW or Mvar."""
    h = frame.horizon
    return np.array(
        [[float(pyo.value(variable[s, t])) * frame.base_mva for t in range(h.periods)] for s in range(h.scenarios)]
    )


def read_inverter(
    inputs: Inputs,
    place: Place,
    row: pd.Series,
    sign: float = 1.0,
    p_range: tuple[float, float] | None = None,
) -> Inverter:
    """Read the reactive limits; `sign` -1 where q counts consumption; `p_range` [MW] of what may have a curve."""
    ends = [inputs.number(place, row, c, math.nan) for c in ("min_q_mvar", "max_q_mvar")]
    inputs.require(
        math.isnan(ends[0]) == math.isnan(ends[1]),
        place,
        "only one of min_q_mvar and max_q_mvar is given; give both, or neither for a fixed q_mvar.",
    )
    inputs.require(not ends[0] > ends[1], place, f"min_q_mvar {ends[0]:g} is above max_q_mvar {ends[1]:g}.")
    low, high = sorted(sign * e for e in ends) if not math.isnan(ends[0]) else (math.nan, math.nan)
    fixed = sign * inputs.series(place.table, "q_mvar", place.index)
    rating = inputs.number(place, row, "sn_mva", math.nan, 0)
    if not math.isnan(rating):
        inputs.require(
            float(np.abs(fixed).max(initial=0.0)) <= rating + TOLERANCE or not math.isnan(low),
            place,
            f"its fixed q_mvar exceeds sn_mva {rating:g}.",
        )
    factor = inputs.number(place, row, "min_cos_phi", math.nan, 1e-3, 1.0)
    if p_range is None:
        refuse_capability(inputs, place, row)
        # |q| <= tan |p| is not convex where the power has either sign
        inputs.require(
            math.isnan(factor),
            place,
            f"min_cos_phi {factor:g} of a {place.kind} is not modelled; give min_q_mvar and max_q_mvar, or sn_mva.",
        )
        return Inverter(low, high, fixed, rating, factor)
    curve = read_capability(inputs, place, row, *p_range)
    if curve is None:
        return Inverter(low, high, fixed, rating, factor)
    # both hold; pandapower itself lets a curve stand in the place of the columns
    bottom, top = curve.ends()
    low, high = (bottom, top) if math.isnan(low) else (max(low, bottom), min(high, top))
    inputs.require(
        low <= high,
        place,
        f"min_q_mvar and max_q_mvar lie outside its capability curve, which spans {bottom:g} to {top:g} Mvar.",
    )
    return Inverter(low, high, fixed, rating, factor, curve)
