r"""Soft open point: a converter between two buses, pandapower's ``dcline``, as one file of a device with two terminals.

Active power goes from one end to the other and loses a share and a constant on the way; reactive power is free at
both ends, each within its limits and the circle of its rating.  With a power ``p`` that is positive from the first
end to the second, the ends withdraw (see ``pandapower.auxiliary._add_dcline_gens``)

.. math::

    p > 0: &\quad p, \quad c - (1 - k) p \\
    p \le 0: &\quad c - (1 - k) |p|, \quad |p|

The model has a power for each way and the share ``w`` of each; a binary only in the periods of ``Frame.modes``:

.. math::

    0 \le f \le F w, \quad 0 \le b \le F w', \quad w + w' = 1 \\
    p_1 = f - (1 - k) b + c w', \quad p_2 = b - (1 - k) f + c w
"""

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
    Contradiction,
    Frame,
    NoDecisions,
    Place,
    Reach,
    Schedule,
    Withdrawal,
    assign,
    table_of,
)
from adnflex.devices.contradictions import inverter_contradiction
from adnflex.devices.cost_curve import NO_COST, CostCurve
from adnflex.devices.cost_tables import cost_curve
from adnflex.devices.inputs import Inputs
from adnflex.devices.inverter import Inverter, exceeding, read
from adnflex.devices.inverter_resource import inverter_resource
from adnflex.devices.resource import EFFORT, Resource, linked
from adnflex.devices.terminals import controllable_links
from adnflex.devices.timeline import Timeline
from adnflex.grid.model import Grid

# A power that says which end bears the constant loss where nothing is carried [MW]; what the ends of a relaxation may
# differ from those of its power, as a share of the largest.
_SIGN, _APART = 1e-9, 1e-5
_ENDS = ("from", "to")


@dataclass(frozen=True)
class SoftOpenPoint(NoDecisions):
    """A converter between two buses.

    Attributes
    ----------
    place : Place
        The pandapower dcline; bus and node are those of its first end.
    to_node : int
        The grid's node of its second end.
    largest : float
        Largest power at the sending end [MW].
    loss_share, loss_mw : float
        What is lost of the power, and always [MW].
    inverters : (Inverter, Inverter)
        What the reactive injection of both ends may do.
    present : float
        Power in the net as it is [MW].
    curve : CostCurve
        What pandapower's cost tables say of the withdrawal at its first end.
    """

    place: Place
    to_node: int
    largest: float
    loss_share: float
    loss_mw: float
    inverters: tuple[Inverter, Inverter]
    present: float
    curve: CostCurve = NO_COST

    @property
    def carries(self) -> str:
        """Nothing is carried from one period to the next."""
        return ""

    @property
    def nodes(self) -> tuple[int, int]:
        """Nodes of both ends."""
        return self.place.node, self.to_node

    def unpriced(self) -> SoftOpenPoint:
        """Return it with everything for nothing."""
        return replace(self, curve=NO_COST)

    def at_rest(self, periods: int) -> dict[str, float]:
        """Return nothing: its way follows its power."""
        return {}

    def reactive_fixed(self) -> SoftOpenPoint:
        """Return it without reactive power."""
        first, second = (replace(i, q_min=math.nan, q_max=math.nan) for i in self.inverters)
        return replace(self, inverters=(first, second))

    def ends(self, p: Any) -> tuple[FloatArray, FloatArray]:
        """Withdrawal of both ends for a power from the first to the second [MW].

        Examples
        --------
        >>> link = SoftOpenPoint(Place("soft open point", "dcline", 0, "", 1, 1), 2, 1.0, 0.1, 0.02, (), 0.0)
        >>> [[round(float(x), 3) for x in link.ends(p)] for p in (0.5, -0.5)]
        [[0.5, -0.43], [-0.43, 0.5]]
        """
        p = np.asarray(p, dtype=float)
        size = np.abs(p)
        other = self.loss_mw - (1 - self.loss_share) * size
        return np.where(p > 0, p, other), np.where(p > 0, other, size)

    def withdrawn(self, setpoints: Callable[[str], Any]) -> tuple[Withdrawal, ...]:
        """Withdrawal of both ends at values written into the net, by column."""
        active, reactive = self.ends(setpoints("p_mw")), (setpoints(f"q_{end}_mvar") for end in _ENDS)
        return tuple(Withdrawal(n, p, q) for n, p, q in zip(self.nodes, active, reactive, strict=True))

    @property
    def range_mw(self) -> tuple[float, float]:
        """Lowest and highest withdrawal at an end [MW]."""
        return -(1 - self.loss_share) * self.largest, max(self.largest, self.loss_mw)

    def reach(self) -> tuple[Reach, ...]:
        """Range of the withdrawal at both ends."""
        low, high = self.range_mw
        q = [i.reach() for i in self.inverters]
        return tuple(Reach(n, low, high, -most, -least) for n, (least, most) in zip(self.nodes, q, strict=True))

    def declare(self, block: pyo.Block, frame: Frame) -> None:
        """Declare powers ``forth`` and ``back``, their ways, at each ``end`` withdrawal ``p`` and injection ``q``."""
        base, points = frame.base_mva, frame.horizon.points
        most, kept, lost = self.largest / base, 1 - self.loss_share, self.loss_mw / base
        binary = [t for t in range(frame.horizon.periods) if (self.place.table, self.place.index, t) in frame.modes]
        block.forth, block.back = (pyo.Var(points, bounds=(0, most)) for _ in range(2))
        block.way = pyo.Var(
            points, bounds=(0, 1), domain=lambda _, s, t: pyo.Binary if t in binary else pyo.NonNegativeReals
        )
        block.way_back = pyo.Var(points, bounds=(0, 1))
        block.one_way = pyo.ConstraintList()
        block.end = pyo.Block(range(2))
        low, high = (x / base for x in self.range_mw)
        for k in range(2):
            block.end[k].p = pyo.Var(points, bounds=(low, high))
            self.inverters[k].declare(block.end[k], frame)
        for s, t in points:
            forth, back = block.forth[s, t], block.back[s, t]
            way, way_back = block.way[s, t], block.way_back[s, t]
            block.one_way.add(way + way_back == 1)
            block.one_way.add(forth <= most * way)
            block.one_way.add(back <= most * way_back)
            block.one_way.add(block.end[0].p[s, t] == forth - kept * back + lost * way_back)
            block.one_way.add(block.end[1].p[s, t] == back - kept * forth + lost * way)
            for k, node in enumerate(self.nodes):
                frame.at[s, t].withdraw(node, block.end[k].p[s, t], -block.end[k].q[s, t])
        self.curve.declare(block, frame, lambda s, t: block.end[0].p[s, t], *self.range_mw)

    def stay(self, block: pyo.Block, frame: Frame) -> None:
        """Carry what it carries in the net, without reactive power, as far as its limits allow."""
        base, h = frame.base_mva, frame.horizon
        p = np.full((h.scenarios, h.periods), np.clip(self.present, -self.largest, self.largest))
        way = (p > 0).astype(float)
        for variable, values in ((block.forth, np.maximum(p, 0)), (block.back, np.maximum(-p, 0))):
            assign(variable, table_of(values, base))
        assign(block.way, table_of(way))
        assign(block.way_back, table_of(1 - way))
        for k, drawn in enumerate(self.ends(p)):
            assign(block.end[k].p, table_of(drawn, base))
            self.inverters[k].stay(block.end[k], frame, -drawn)
        self.curve.stay(block, frame, self.ends(p)[0])

    def costs(self, block: pyo.Block, frame: Frame) -> dict[str, list[Any]]:
        """Cost of the withdrawal at its first end."""
        if self.curve.nothing:
            return {}
        return {"soft open points": self.curve.costs(block, frame, lambda s, t: block.end[0].p[s, t])}

    def lost(self, block: pyo.Block, s: int, t: int) -> Any:
        """Loss of the declared block at a point [pu]."""
        return block.end[0].p[s, t] + block.end[1].p[s, t]

    def _power(self, block: pyo.Block, frame: Frame) -> FloatArray:
        """Power of a solved block (S, T) [MW], never 0 where its sign says which end bears the constant loss."""
        p = np.clip(read(block.forth, frame) - read(block.back, frame), -self.largest, self.largest)
        if not self.loss_mw:
            return p
        forward = read(block.way, frame) >= read(block.way_back, frame)
        return np.where(np.abs(p) > _SIGN, p, np.where(forward, _SIGN, -_SIGN))

    def _apart(self, block: pyo.Block, frame: Frame) -> FloatArray:
        """How far the ends of a solved block are from what its power makes of them (S, T) [MW]."""
        exact = self.ends(self._power(block, frame))
        off = [np.abs(read(block.end[k].p, frame) - exact[k]) for k in range(2)]
        return np.asarray(np.maximum(*off))

    def conflicts(self, block: pyo.Block, frame: Frame) -> set[tuple[str, int, int]]:
        """Periods in which a relaxation carries power both ways, or bears the constant loss at both ends."""
        mixed = (self._apart(block, frame) > _APART * self.largest).any(axis=0)
        return {(self.place.table, self.place.index, int(t)) for t in np.flatnonzero(mixed)}

    def other_side(self, block: pyo.Block, frame: Frame) -> list[Any]:
        """Variables that have to be nothing so that it carries power one way only where it mixes both."""
        p, apart = self._power(block, frame), self._apart(block, frame)
        return [
            (block.way_back if p[s, t] > 0 else block.way)[s, t]
            for s, t in frame.horizon.points
            if apart[s, t] > _APART * self.largest
        ]

    def schedule(self, block: pyo.Block, frame: Frame) -> Schedule:
        """Power, reactive power of both ends, and what they withdraw by the very formula of pandapower."""
        i, table = self.place.index, self.place.table
        p = self._power(block, frame)
        setpoints = {(table, "p_mw", i): p}
        for k, end in enumerate(_ENDS):
            setpoints[table, f"q_{end}_mvar", i] = -self.inverters[k].values(block.end[k], frame)
        drawn = self.withdrawn(lambda column: setpoints[table, column, i])
        rows = {
            (f"{name}_{end}_{unit}", i): value
            for w, end in zip(drawn, _ENDS, strict=True)
            for name, unit, value in (("p", "mw", w.p_mw), ("q", "mvar", w.q_mvar))
        }
        facts = {"initial": self.present, "low": -self.largest, "high": self.largest}
        lost = drawn[0].p_mw + drawn[1].p_mw
        return Schedule(drawn, setpoints, {"converters": {**rows, ("loss_mw", i): lost}}, facts=facts, losses_mw=lost)

    def bill(self, setpoints: Callable[[str], FloatArray], horizon: Timeline, v2: FloatArray) -> dict[str, FloatArray]:
        """Price the withdrawal at its first end."""
        if self.curve.nothing:
            return {}
        return {"soft open points": self.curve.bill(self.ends(setpoints("p_mw"))[0], horizon.hours)}

    def contradictions(self, horizon: Timeline) -> list[Contradiction]:
        """Ratings that leave no room beside the least reactive power and the constant loss."""
        shape = (horizon.scenarios, horizon.periods)
        low, high = self.range_mw
        found = [
            inverter_contradiction(i, self.place, np.full(shape, -high), np.full(shape, -low)) for i in self.inverters
        ]
        return [f for f in found if f is not None][:1]

    def audit(self, setpoints: Callable[[str], FloatArray], horizon: Timeline) -> list[BrokenLimit]:
        """Power, and at both ends reactive limits and rating."""
        found = exceeding("power", self.place, np.abs(setpoints("p_mw")), self.largest, "MW")
        for w, end, inverter in zip(self.withdrawn(setpoints), _ENDS, self.inverters, strict=True):
            faults = inverter.audit(self.place, -w.p_mw, -w.q_mvar)
            found += [f._replace(kind=f"{f.kind} at {end}_bus") for f in faults]
        return found

    def resource(self, horizon: Timeline, sides: int) -> Resource:
        """Power as two columns at the first end and one at the second, without losses; those are in `exact`.

        The circle is smaller by the constant loss, which an end may draw beside what the columns say.
        """
        one = np.ones((horizon.periods, 1))
        most, now = self.largest * one, float(np.clip(self.present, -self.largest, self.largest))
        here, there = (replace(i, s_mva=i.s_mva - self.loss_mw).columns(-most, most, sides) for i in self.inverters)
        ways = np.array([[1.0, -1.0]])
        forth_and_back = (
            ("forth", "back"),
            0 * most * abs(ways),
            most * abs(ways),
            ways,
            np.maximum(now * ways, 0) * one,
        )
        far = ("far",), -most, most, np.eye(1), -now * one
        first = inverter_resource(self.place, forth_and_back, here, consumer=True, scaling=1.0)
        second = inverter_resource(self.place, far, there, consumer=True, scaling=1.0)
        i, table = self.place.index, self.place.table
        joined = linked(first, second)
        own, nothing = np.arange(len(joined.names)) < len(first.names), np.zeros(horizon.periods)
        written = {
            (table, "p_mw", i): (joined.p * own, nothing),
            (table, "q_from_mvar", i): (joined.q * own, nothing),
            (table, "q_to_mvar", i): (joined.q * ~own, nothing),
        }
        return replace(
            joined,
            written=written,
            effort=np.concatenate([[EFFORT, EFFORT], joined.effort[2:]]),
            nodes=np.where(own, *self.nodes),
            exact=self.withdrawn,
            linear=replace(self, loss_share=0.0, loss_mw=0.0).withdrawn,
            opposite=((0, 1),) if self.loss_share or self.loss_mw else (),
        )


def read_soft_open_points(inputs: Inputs, grid: Grid) -> list[SoftOpenPoint]:
    """Read the controllable dclines in service."""
    found = []
    for place, to_node, row in controllable_links(inputs, grid, "dcline", "soft open point"):
        before = len(inputs.faults)
        spec = _read_one(inputs, place, to_node, row)
        if len(inputs.faults) == before:
            found.append(spec)
    return found


def _read_one(inputs: Inputs, place: Place, to_node: int, row: pd.Series) -> SoftOpenPoint:
    rating = inputs.number(place, row, "sn_mva", math.inf, 0)
    largest = min(inputs.number(place, row, "max_p_mw", math.inf, 0), rating)
    share = inputs.number(place, row, "loss_percent", None, 0, 100) / 100
    lost = inputs.number(place, row, "loss_mw", None, 0)
    inputs.require(
        0 < largest < math.inf, place, f"its largest power is {largest:g} MW; give max_p_mw or sn_mva above 0."
    )
    inputs.require(share < 1, place, "loss_percent is 100, so nothing arrives; give less.")
    inputs.require(lost < rating, place, f"loss_mw {lost:g} is not below sn_mva {rating:g}; correct one of them.")
    inverters = tuple(_inverter(inputs, place, row, end, rating) for end in _ENDS)
    present = inputs.number(place, row, "p_mw")
    text = "vm_from_pu and vm_to_pu of the net do not count; written are those that give the reactive powers decided."
    inputs.notes.append(f"{place}: {text}")
    spec = SoftOpenPoint(place, to_node, largest, share, lost, (inverters[0], inverters[1]), present)
    return replace(spec, curve=cost_curve(inputs, place, [], spec.range_mw))


def _inverter(inputs: Inputs, place: Place, row: pd.Series, end: str, rating: float) -> Inverter:
    """Read the reactive limits of an end; pandapower counts them as those of a generator."""
    names = f"min_q_{end}_mvar", f"max_q_{end}_mvar"
    given = [inputs.number(place, row, c, math.nan) for c in names]
    inputs.require(
        math.isnan(given[0]) == math.isnan(given[1]),
        place,
        f"only one of {names[0]} and {names[1]} is given; give both, or neither where sn_mva alone limits it.",
    )
    inputs.require(not given[0] > given[1], place, f"{names[0]} {given[0]:g} is above {names[1]} {given[1]:g}.")
    if math.isnan(sum(given)):
        inputs.require(
            rating < math.inf, place, f"{names[0]} and {names[1]} are missing and no sn_mva limits them; give either."
        )
        given = [-rating, rating]
    shape = (inputs.horizon.scenarios, inputs.horizon.periods)
    return Inverter(given[0], given[1], np.zeros(shape), rating if rating < math.inf else math.nan, math.nan)
