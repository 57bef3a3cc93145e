"""On-load tap changer, of a transformer or of the grid connection.

At a transformer the squared voltage behind the ratio is ``Σ_k y_k / τ_k²`` with ``y`` split from the voltage of the
tapped side (see `adnflex.formulations.positions`); at the grid connection the position is the root voltage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyomo.environ as pyo

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.devices.base import BrokenLimit, Frame, Place, Reach, Schedule
from adnflex.devices.inputs import Inputs
from adnflex.devices.inverter import exceeding
from adnflex.devices.moves import FREE_MOVES, MoveRules, audit_moves, move_rules
from adnflex.devices.timeline import Timeline
from adnflex.formulations.positions import (
    declare_positions,
    declare_split,
    picked,
    pin,
    pin_positions,
    positions_of,
    stay_at,
)
from adnflex.grid.model import Grid


@dataclass(frozen=True)
class TapChanger:
    """A tap changer.

    Attributes
    ----------
    place : Place
        The transformer (the first of several in parallel) or external grid.
    branch : int or None
        Branch of the grid whose ratio moves; None at the grid connection.
    elements : tuple of int
        Pandapower elements that move together.
    positions : (E, K) array
        Tap position of each element at each step.
    factor : (K,) array
        Squared voltage behind the ratio for 1 pu before it; at the grid connection the squared voltage.
    allowed : (K,) array of bool
        Steps that its own bus's limits admit (at the grid connection), else all.
    initial : int
        Step before the horizon.
    rules : MoveRules
        Limit and cost of moves.
    """

    place: Place
    branch: int | None
    elements: tuple[int, ...]
    positions: FloatArray
    factor: FloatArray
    allowed: BoolArray
    initial: int
    rules: MoveRules

    @property
    def carries(self) -> str:
        """What it carries from one period to the next."""
        return "moves that are counted" if self.rules.count else ""

    @property
    def count(self) -> int:
        """Number of steps."""
        return len(self.factor)

    @property
    def admitted(self) -> list[int]:
        """Steps that it may take."""
        return [int(k) for k in np.flatnonzero(self.allowed)]

    def position(self, step: int) -> float:
        """Tap position of a step."""
        return float(self.positions[0, step])

    def written(self, step: int) -> dict[tuple[str, str, int], float]:
        """Return tap positions, at a grid connection its voltage too."""
        found: dict[tuple[str, str, int], float] = {}
        for e, element in enumerate(self.elements):
            found[self.place.table, "tap_pos", element] = float(self.positions[e, step])
            if self.branch is None:
                found[self.place.table, "vm_pu", element] = float(np.sqrt(self.factor[step]))
        return found

    def only(self, step: int) -> TapChanger:
        """Return it with one step."""
        one = np.ones(1, dtype=np.bool_)
        return replace(
            self,
            positions=self.positions[:, [step]],
            factor=self.factor[[step]],
            allowed=one,
            initial=0,
            rules=FREE_MOVES,
        )

    def at_rest(self, periods: int) -> dict[str, float]:
        """Return the decisions of standing still."""
        return {f"position:{t}": float(self.initial) for t in range(periods)}

    def unpriced(self) -> TapChanger:
        """Return it with everything for nothing."""
        return replace(self, rules=replace(self.rules, cost=0.0))

    def reach(self) -> tuple[Reach, ...]:
        """Return nothing: it withdraws no power."""
        return ()

    def voltages(self) -> tuple[dict[int, tuple[float, float]], dict[int, tuple[float, float]]]:
        """Range of the ratio of its branch, and of the squared voltage of its root [pu]."""
        factor = self.factor[self.allowed]
        if self.branch is None:
            return {}, {self.place.node: (float(factor.min()), float(factor.max()))}
        return {self.branch: (float(1 / np.sqrt(factor.max())), float(1 / np.sqrt(factor.min())))}, {}

    def declare(self, block: pyo.Block, frame: Frame) -> None:
        """Declare positions and tie voltages to them."""
        h, count = frame.horizon, len(self.factor)
        declare_positions(block, h.periods, count, self.initial, self.rules.count, self.rules.limits(h))
        for t, k in block.u:
            if not self.allowed[k]:
                pin(block.u[t, k], 0.0)
        block.tied = pyo.ConstraintList()
        for s, t in h.points:
            u = [block.u[t, k] for k in range(count)]
            v = frame.voltage(s, t, self.place.node)
            if self.branch is None:
                block.tied.add(v == pyo.quicksum(f * x for f, x in zip(self.factor.tolist(), u, strict=True)))
                continue
            low, high = float(frame.v_min[self.place.node]), float(frame.v_max[self.place.node])
            more = frame.at[s, t]
            more.behind[self.branch] = declare_split(block, (s, t), v, low, high, u, self.factor.tolist())
            more.squared_ratio[self.branch] = pyo.quicksum(x / f for f, x in zip(self.factor.tolist(), u, strict=True))

    def stay(self, block: pyo.Block, frame: Frame) -> None:
        """Stay where it is."""
        stay_at(block, self.initial)

    def costs(self, block: pyo.Block, frame: Frame) -> dict[str, list[Any]]:
        """Cost of moves."""
        return self.rules.costs("tap moves", block, frame)

    def schedule(self, block: pyo.Block, frame: Frame) -> Schedule:
        """Positions and what is written for them."""
        h = frame.horizon
        return self.at(np.array(picked(block, h.periods, len(self.factor))), h.scenarios)

    def at(self, steps: IntArray, scenarios: int) -> Schedule:
        """Return what steps (T,) do, the same in all scenarios."""
        shape = (scenarios, len(steps))
        written = {}
        tables = {}
        for e, element in enumerate(self.elements):
            taps = np.broadcast_to(self.positions[e, steps], shape).astype(float)
            written[self.place.table, "tap_pos", element] = taps
            tables[self.place.table, element] = taps
            if self.branch is None:
                written[self.place.table, "vm_pu", element] = np.broadcast_to(np.sqrt(self.factor[steps]), shape)
        before = np.concatenate([[self.initial], steps[:-1]])
        first = self.positions[0]
        squared = np.broadcast_to(self.factor[steps], shape)
        return Schedule(
            (),
            written,
            {"taps": tables},
            (steps != before).astype(float),
            {
                "initial": float(first[self.initial]),
                "low": float(first.min()),
                "high": float(first.max()),
                "max_moves": self.rules.most,
            },
            {} if self.branch is None else {self.branch: 1 / squared},
            {self.place.node: squared} if self.branch is None else {},
        )

    def decisions(self, block: pyo.Block, frame: Frame) -> dict[str, float]:
        """Return the position of every period."""
        return positions_of(block, frame.horizon.periods, len(self.factor))

    def pin(self, block: pyo.Block, frame: Frame, decisions: Mapping[str, float]) -> None:
        """Fix the position of every period that is named."""
        pin_positions(block, len(self.factor), decisions)

    def bill(self, setpoints: Callable[[str], FloatArray], horizon: Timeline, v2: FloatArray) -> dict[str, FloatArray]:
        """Price the moves."""
        before = float(self.positions[0, self.initial])
        return {"tap moves": self.rules.bill(setpoints("tap_pos"), before)}

    def audit(self, setpoints: Callable[[str], FloatArray], horizon: Timeline) -> list[BrokenLimit]:
        """Positions within their range, moves within their limit."""
        taps, first = setpoints("tap_pos"), self.positions[0]
        faults = audit_moves(self.place, taps, first[self.allowed], float(first[self.initial]), self.rules, horizon)
        if self.branch is None:
            of_position = np.sqrt(np.interp(taps, first, self.factor))
            faults += exceeding(
                "voltage of its position", self.place, np.abs(setpoints("vm_pu") - of_position), 0.0, "pu"
            )
        return faults


def controlled_trafos(inputs: Inputs) -> list[int]:
    """List the transformers whose tap is a decision."""
    from adnflex.devices.inputs import truth

    rows = inputs.net.trafo
    if "controllable" not in rows.columns:
        return []
    return [int(i) for i in rows.index[rows["in_service"].astype(bool) & truth(rows["controllable"])]]


def read_tap_changers(inputs: Inputs, grid: Grid) -> list[TapChanger]:
    """Read the tap changers of transformers (see `Grid.taps`) and of grid connections."""
    return [*_of_trafos(inputs, grid), *_of_connections(inputs, grid)]


def _of_trafos(inputs: Inputs, grid: Grid) -> list[TapChanger]:
    found = []
    for taps in grid.taps:
        first = taps.trafos[0]
        row = inputs.net.trafo.loc[first]
        node = int(grid.f[taps.branch])
        bus = int(row["lv_bus"] if grid.branches[taps.branch].flipped else row["hv_bus"])
        place = Place("tap changer", "trafo", first, str(row.get("name") or ""), bus, node)
        found.append(
            TapChanger(
                place,
                taps.branch,
                taps.trafos,
                np.array(taps.positions, dtype=float).T,
                1 / taps.ratios**2,
                np.ones(len(taps.ratios), dtype=np.bool_),
                taps.present,
                move_rules(inputs, place, row),
            )
        )
    return found


_COLUMNS = ("tap_pos", "tap_min", "tap_max", "tap_neutral", "tap_step_percent")


def has_positions(row: pd.Series) -> bool:
    """Whether the voltage of an external grid has tap positions: any of their columns is filled in."""
    return any(not np.isnan(float(row.get(column, np.nan))) for column in _COLUMNS)


def _of_connections(inputs: Inputs, grid: Grid) -> list[TapChanger]:
    found: list[TapChanger] = []
    for place, row in inputs.controllable("ext_grid", "tap changer"):
        if not has_positions(row):
            continue
        pos, low, high, neutral, step = (inputs.number(place, row, c) for c in _COLUMNS)
        positions = np.arange(round(low), round(high) + 1, dtype=float)
        vm = 1 + (positions - neutral) * step / 100
        if not (low <= pos <= high) or pos != round(pos):
            inputs.faults.append(f"{place}: tap_pos is {pos:g}; it has to be an integer from {low:g} to {high:g}.")
            continue
        if vm.min() <= 0:
            inputs.faults.append(
                f"{place}: its tap positions reach {vm.min():g} pu; correct tap_step_percent or tap_min."
            )
            continue
        within = (vm**2 >= grid.v_min[place.node] - 1e-9) & (vm**2 <= grid.v_max[place.node] + 1e-9)
        present = round(pos) - round(low)
        inputs.require(
            abs(vm[present] - float(row["vm_pu"])) < 1e-6,
            place,
            f"vm_pu is {row['vm_pu']:g} but tap_pos {pos:g} means {vm[present]:g}; set both to the same.",
        )
        if not within.any():
            inputs.faults.append(
                f"{place}: no tap position from {vm.min():g} to {vm.max():g} pu lies within the voltage limits of bus "
                f"{place.bus}; widen one of them."
            )
        rules = move_rules(inputs, place, row)
        found.append(TapChanger(place, None, (place.index,), positions[None, :], vm**2, within, present, rules))
    return found
