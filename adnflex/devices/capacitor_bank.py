"""Switched capacitor bank or reactor: steps of a shunt, varying with the squared voltage as pandapower has it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyomo.environ as pyo

from adnflex.arrays import FloatArray, IntArray
from adnflex.devices.base import BrokenLimit, Frame, Place, Reach, Schedule, Withdrawal, scenario_sums
from adnflex.devices.inputs import Inputs, truth
from adnflex.devices.inverter import exceeding
from adnflex.devices.moves import FREE_MOVES, MoveRules, audit_moves, move_rules
from adnflex.devices.timeline import Timeline
from adnflex.formulations.positions import (
    declare_positions,
    declare_split,
    picked,
    pin_positions,
    positions_of,
    stay_at,
)


@dataclass(frozen=True)
class CapacitorBank:
    """A bank of equal steps.

    Attributes
    ----------
    place : Place
        The shunt.
    steps : (K,) array
        Steps in service at each position.
    p_mw, q_mvar : float
        Withdrawal of one step at 1 pu of its bus (a capacitor's q is negative).
    constant_q : bool
        Whether it is the same at any voltage.
    v_max : float
        Highest squared voltage at its node [pu].
    initial : int
        Position before the horizon.
    rules : MoveRules
        Limit and cost of moves.
    cost_per_mvarh : float
        Of reactive energy [money/Mvarh].
    """

    place: Place
    steps: FloatArray
    p_mw: float
    q_mvar: float
    constant_q: bool
    v_max: float
    initial: int
    rules: MoveRules
    cost_per_mvarh: float

    @property
    def carries(self) -> str:
        """What it carries from one period to the next."""
        return "moves that are counted" if self.rules.count else ""

    @property
    def count(self) -> int:
        """Number of positions."""
        return len(self.steps)

    @property
    def admitted(self) -> list[int]:
        """Positions that it may take."""
        return list(range(len(self.steps)))

    def position(self, step: int) -> float:
        """Return the steps in service at a position."""
        return float(self.steps[step])

    def written(self, step: int) -> dict[tuple[str, str, int], float]:
        """Return the steps in service."""
        return {(self.place.table, "step", self.place.index): float(self.steps[step])}

    def only(self, step: int) -> CapacitorBank:
        """Return it with one position."""
        return replace(self, steps=self.steps[[step]], initial=0, rules=FREE_MOVES)

    def at_rest(self, periods: int) -> dict[str, float]:
        """Return the decisions of standing still."""
        return {f"position:{t}": float(self.initial) for t in range(periods)}

    def unpriced(self) -> CapacitorBank:
        """Return it with everything for nothing."""
        return replace(self, cost_per_mvarh=0.0, rules=replace(self.rules, cost=0.0))

    def reach(self) -> tuple[Reach, ...]:
        """Range of its withdrawal, at the highest voltage."""
        top = 1.0 if self.constant_q else self.v_max
        p, q = self.p_mw * self.steps * top, self.q_mvar * self.steps * top
        ends = min(p.min(), 0.0), max(p.max(), 0.0), min(q.min(), 0.0), max(q.max(), 0.0)
        return (Reach(self.place.node, *ends),)

    def declare(self, block: pyo.Block, frame: Frame) -> None:
        """Declare steps and the withdrawal that they cause."""
        h, count = frame.horizon, len(self.steps)
        declare_positions(block, h.periods, count, self.initial, self.rules.count, self.rules.limits(h))
        block.size = pyo.Expression(range(h.scenarios), range(h.periods))
        node = self.place.node
        for s, t in h.points:
            u = [block.u[t, k] for k in range(count)]
            if self.constant_q:
                size = pyo.quicksum(n * x for n, x in zip(self.steps.tolist(), u, strict=True))
            else:
                low, high = float(frame.v_min[node]), float(frame.v_max[node])
                size = declare_split(block, (s, t), frame.voltage(s, t, node), low, high, u, self.steps.tolist())
            block.size[s, t] = size
            frame.at[s, t].withdraw(
                node, self.p_mw / frame.base_mva * block.size[s, t], self.q_mvar / frame.base_mva * block.size[s, t]
            )

    def stay(self, block: pyo.Block, frame: Frame) -> None:
        """Stay where it is."""
        stay_at(block, self.initial)

    def costs(self, block: pyo.Block, frame: Frame) -> dict[str, list[Any]]:
        """Cost of reactive energy and of moves."""
        found = self.rules.costs("capacitor moves", block, frame)
        if self.cost_per_mvarh:
            found["capacitors"] = scenario_sums(
                frame, self.cost_per_mvarh * abs(self.q_mvar), lambda s, t: block.size[s, t]
            )
        return found

    def schedule(self, block: pyo.Block, frame: Frame) -> Schedule:
        """Read the steps in service."""
        h = frame.horizon
        return self.at(np.array(picked(block, h.periods, len(self.steps))), h.scenarios)

    def at(self, positions: IntArray, scenarios: int) -> Schedule:
        """Return what positions (T,) do, the same in all scenarios."""
        steps = np.broadcast_to(self.steps[positions], (scenarios, len(positions))).astype(float)
        written = {("shunt", "step", self.place.index): steps}
        if self.constant_q:
            written["constant_q", "p_mw", self.place.index] = self.p_mw * steps
            written["constant_q", "q_mvar", self.place.index] = self.q_mvar * steps
        before = np.concatenate([[self.initial], positions[:-1]])
        constant = steps * self.constant_q
        shunt = 0.0 if self.constant_q else complex(self.p_mw, self.q_mvar) * steps
        return Schedule(
            (Withdrawal(self.place.node, self.p_mw * constant, self.q_mvar * constant, shunt),),
            written,
            {"capacitor_steps": {("", self.place.index): steps}},
            (positions != before).astype(float),
            {
                "initial": float(self.steps[self.initial]),
                "low": float(self.steps.min()),
                "high": float(self.steps.max()),
                "max_moves": self.rules.most,
            },
        )

    def decisions(self, block: pyo.Block, frame: Frame) -> dict[str, float]:
        """Return the position of every period."""
        return positions_of(block, frame.horizon.periods, len(self.steps))

    def pin(self, block: pyo.Block, frame: Frame, decisions: Mapping[str, float]) -> None:
        """Fix the position of every period that is named."""
        pin_positions(block, len(self.steps), decisions)

    def bill(self, setpoints: Callable[[str], FloatArray], horizon: Timeline, v2: FloatArray) -> dict[str, FloatArray]:
        """Price reactive energy and moves."""
        steps = setpoints("step")
        size = steps if self.constant_q else steps * v2
        energy = self.cost_per_mvarh * abs(self.q_mvar) * size.sum(axis=1) * horizon.hours
        return {"capacitors": energy, "capacitor moves": self.rules.bill(steps, float(self.steps[self.initial]))}

    def audit(self, setpoints: Callable[[str], FloatArray], horizon: Timeline) -> list[BrokenLimit]:
        """Check that steps are in their range and moves within their limit."""
        steps = setpoints("step")
        faults = audit_moves(self.place, steps, self.steps, float(self.steps[self.initial]), self.rules, horizon)
        if self.constant_q:
            for column, one in (("p_mw", self.p_mw), ("q_mvar", self.q_mvar)):
                off = np.abs(setpoints(f"constant_q:{column}") - one * steps)
                faults += exceeding(f"{column} of its step", self.place, off, 0.0, "MW" if column == "p_mw" else "Mvar")
        return faults


def read_capacitor_banks(inputs: Inputs, v_max: FloatArray) -> list[CapacitorBank]:
    """Read the controllable shunts."""
    found = []
    for place, row in inputs.controllable("shunt", "capacitor bank"):
        inputs.require(
            not truth(pd.Series([row.get("step_dependency_table")])).iloc[0],
            place,
            "step_dependency_table is True: steps of unequal size are not modelled as decisions; set it to False with "
            "q_mvar and p_mw of one step, or controllable to False.",
        )
        low = inputs.number(place, row, "min_step", 0.0, 0)
        high = inputs.number(place, row, "max_step", low=0)
        now = inputs.number(place, row, "step", low=0)
        if not low <= now <= high or any(v != round(v) for v in (low, high, now)):
            inputs.faults.append(
                f"{place}: step {now:g} has to be an integer from min_step {low:g} to max_step {high:g}."
            )
            continue
        constant = bool(row.get("constant_q") or False) and row.get("constant_q") == row.get("constant_q")
        # pandapower's shunt is rated at its own voltage
        scale = 1.0 if constant else (float(inputs.net.bus.at[place.bus, "vn_kv"]) / float(row["vn_kv"])) ** 2
        found.append(
            CapacitorBank(
                place,
                np.arange(round(low), round(high) + 1, dtype=float),
                float(row["p_mw"]) * scale,
                float(row["q_mvar"]) * scale,
                constant,
                float(v_max[place.node]),
                round(now) - round(low),
                move_rules(inputs, place, row),
                inputs.number(place, row, "cost_per_mvarh", 0.0, 0),
            )
        )
    if odd := [bank.place.index for bank in found if bank.constant_q]:
        inputs.notes.append(
            f"shunt {', '.join(map(str, odd))}: constant_q, the same reactive power at any voltage, is what no shunt "
            "of pandapower does: in a net with the plan a static generator stands in for it, and its own step only "
            "tells the position."
        )
    return found
