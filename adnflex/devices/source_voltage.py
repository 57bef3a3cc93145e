"""The voltage that a source holds, where it may be chosen: any value between two limits, anew in every period.

It is what pandapower's optimal power flow decides where ``ext_grid.controllable`` is true.  A source with tap positions
is a `adnflex.devices.TapChanger` instead.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyomo.environ as pyo

from adnflex.arrays import FloatArray
from adnflex.devices.base import BrokenLimit, Frame, NoDecisions, Place, Reach, Schedule
from adnflex.devices.inputs import Inputs, name_of, truth
from adnflex.devices.inverter import exceeding
from adnflex.devices.tap_changer import has_positions
from adnflex.devices.timeline import Timeline
from adnflex.grid.model import Grid


@dataclass(frozen=True)
class SourceVoltage(NoDecisions):
    """The voltage of a source as a decision.

    Attributes
    ----------
    place : Place
        The external grid (or slack generator).
    vm_min, vm_max : float
        Its limits [pu].
    vm_pu : float
        What it is if nobody asks anything of it [pu].
    """

    place: Place
    vm_min: float
    vm_max: float
    vm_pu: float

    @property
    def carries(self) -> str:
        """What it carries from one period to the next."""
        return ""

    def reach(self) -> tuple[Reach, ...]:
        """Return nothing: it withdraws no power."""
        return ()

    def voltages(self) -> tuple[dict[int, tuple[float, float]], dict[int, tuple[float, float]]]:
        """No ratio; the range of the squared voltage of its root [pu]."""
        return {}, {self.place.node: (self.vm_min**2, self.vm_max**2)}

    def declare(self, block: pyo.Block, frame: Frame) -> None:
        """Declare the squared voltage of the root."""
        points, node = frame.horizon.points, self.place.node
        block.v = pyo.Var(points, bounds=(self.vm_min**2, self.vm_max**2), doc="squared voltage of a source [pu]")
        block.tied = pyo.Constraint(points, rule=lambda _, s, t: block.v[s, t] == frame.voltage(s, t, node))

    def stay(self, block: pyo.Block, frame: Frame) -> None:
        """Hold the voltage of the net, as far as the limits allow."""
        for v in block.v.values():
            v.set_value(min(max(self.vm_pu, self.vm_min), self.vm_max) ** 2)

    def unpriced(self) -> SourceVoltage:
        """Return it; it costs nothing."""
        return self

    def costs(self, block: pyo.Block, frame: Frame) -> dict[str, list[Any]]:
        """Return nothing."""
        return {}

    def schedule(self, block: pyo.Block, frame: Frame) -> Schedule:
        """Read the voltages."""
        h = frame.horizon
        squared = np.zeros((h.scenarios, h.periods))
        for point in h.points:
            squared[point] = float(pyo.value(block.v[point]))
        vm = np.clip(np.sqrt(np.maximum(squared, 0.0)), self.vm_min, self.vm_max)
        return Schedule(
            (),
            {(self.place.table, "vm_pu", self.place.index): vm},
            {"source_vm_pu": {(self.place.table, self.place.index): vm}},
            facts={"initial": self.vm_pu, "low": self.vm_min, "high": self.vm_max},
            root_v={self.place.node: vm**2},
        )

    def bill(self, setpoints: Callable[[str], FloatArray], horizon: Timeline, v2: FloatArray) -> dict[str, FloatArray]:
        """Return nothing."""
        return {}

    def audit(self, setpoints: Callable[[str], FloatArray], horizon: Timeline) -> list[BrokenLimit]:
        """Check the voltages against their limits."""
        vm = setpoints("vm_pu")
        below = exceeding("voltage of a source low", self.place, -vm, -self.vm_min, "pu")
        return [
            *exceeding("voltage of a source high", self.place, vm, self.vm_max, "pu"),
            *(fault._replace(value=-fault.value, limit=-fault.limit) for fault in below),
        ]


def read_source_voltages(inputs: Inputs, grid: Grid) -> list[SourceVoltage]:
    """Read the sources whose voltage is a decision; where the verb takes it for none, a note says so."""
    found = []
    for place, row in _controllable(inputs):
        now = float(row["vm_pu"])
        if not inputs.source_voltages:
            inputs.notes.append(
                f"{place}: is controllable without tap positions, so its voltage stays at vm_pu {now:g} here; a "
                "dispatch chooses it."
            )
            continue
        ends = [
            (float(grid.v_min[place.node]) ** 0.5, float(grid.v_max[place.node]) ** 0.5),
            *([_own_limits(row)] if place.table == "gen" else []),
        ]
        low, high = max(a for a, _ in ends), min(b for _, b in ends)
        inputs.require(
            low <= high,
            place,
            f"its voltage is limited to at least {low:g} and at most {high:g} pu; widen one of them.",
        )
        found.append(SourceVoltage(place, low, high, now))
    return found


def _controllable(inputs: Inputs) -> Iterator[tuple[Place, pd.Series]]:
    """Yield sources that are controllable and have no tap positions."""
    for table in ("ext_grid", "gen"):
        rows = inputs.net[table]
        if not len(rows) or "controllable" not in rows.columns:
            continue
        chosen = rows["in_service"].astype(bool) & truth(rows["controllable"])
        if table == "gen":
            chosen &= truth(rows["slack"])
        for index, row in rows[chosen].iterrows():
            node = inputs.node_of.get(int(row["bus"]))
            if node is not None and not (table == "ext_grid" and has_positions(row)):
                place = Place("source voltage", table, int(str(index)), name_of(row), int(row["bus"]), node)
                yield place, row


def _own_limits(row: pd.Series) -> tuple[float, float]:
    """Limits that a generator has beside those of its bus; NaN is none."""
    low, high = (float(row.get(column, math.nan)) for column in ("min_vm_pu", "max_vm_pu"))
    return (0.0 if math.isnan(low) else low), (math.inf if math.isnan(high) else high)
