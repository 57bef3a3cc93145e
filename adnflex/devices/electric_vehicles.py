r"""Flexible load of electric vehicles: a block that may move as a whole, and a part that may be reduced.

The block of a day, ``share · P`` over its periods, starts once, ``Σ_k y_k = 1`` with binary ``y``; moved to slot k it
keeps its shape.  A reduction takes ``share · reduction · P β_t`` with binary ``β``; every interruption lasts between
a least and a largest time, and there are at most N.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyomo.environ as pyo

from adnflex.arrays import BoolArray, FloatArray
from adnflex.devices.base import BrokenLimit, Frame, Place, Reach, Schedule, Withdrawal, assign
from adnflex.devices.cost_tables import refuse_cost
from adnflex.devices.fleet import vehicles_of
from adnflex.devices.inputs import Inputs
from adnflex.devices.interruptions import Interruptions
from adnflex.devices.inverter import TOLERANCE
from adnflex.devices.timeline import Timeline, parse_windows
from adnflex.formulations.positions import pin


@dataclass(frozen=True)
class ElectricVehicles:
    """The flexible load of a fleet.

    Attributes
    ----------
    place : Place
        The load.
    p, q : (S, T) array
        What it draws if left alone [MW, Mvar].
    scaling : float
        The table's own factor.
    share : float
        Part of the load in a block that moves with it.
    blocks : tuple of range
        Periods of the block, one a day.
    starts : tuple of tuple of int
        Periods at which each block may start.
    block_cost : float
        Paid for the energy of a block that moves [money/MWh].
    cut : float
        Part of the load that a reduction takes.
    interruptions : Interruptions
        When, how long and how often it may be reduced.
    cut_cost : float
        Paid for energy not delivered [money/MWh].
    """

    place: Place
    p: FloatArray
    q: FloatArray
    scaling: float
    share: float
    blocks: tuple[range, ...]
    starts: tuple[tuple[int, ...], ...]
    block_cost: float
    cut: float
    interruptions: Interruptions
    cut_cost: float

    @property
    def carries(self) -> str:
        """What it carries from one period to the next."""
        return "blocks and interruptions of charging"

    def at_rest(self, periods: int) -> dict[str, float]:
        """Return the decisions of charging as the profile says."""
        starts = {f"start:{d}": float(block.start) for d, block in enumerate(self.blocks)}
        return starts | {f"cut:{t}": 0.0 for t in self.interruptions.periods}

    def unpriced(self) -> ElectricVehicles:
        """Return it with everything for nothing."""
        return replace(self, block_cost=0.0, cut_cost=0.0)

    def reach(self) -> tuple[Reach, ...]:
        """Range of its withdrawal: nothing, to all of it with the largest block on top."""
        block = self.share * max((float(self.p[:, b.start : b.stop].max()) for b in self.blocks), default=0.0)
        reactive = float(np.abs(self.q).max())
        low = -2 * reactive if self.q.min() < 0 else 0.0
        return (Reach(self.place.node, 0.0, float(self.p.max()) + block, low, 2 * reactive),)

    def declare(self, block: pyo.Block, frame: Frame) -> None:
        """Declare the start of every block, ``start``, and the reductions, ``cut``."""
        days = range(len(self.blocks))
        block.start = pyo.Var([(d, k) for d in days for k in self.starts[d]], domain=pyo.Binary)
        block.once = pyo.Constraint(days, rule=lambda _, d: sum(block.start[d, k] for k in self.starts[d]) == 1)
        self.interruptions.declare(block)
        for s, t in frame.horizon.points:
            p, q = (self._power(block, wanted, s, t) for wanted in (self.p, self.q))
            frame.at[s, t].withdraw(self.place.node, p / frame.base_mva, q / frame.base_mva)

    def _power(self, block: Any, wanted: FloatArray, s: int, t: int) -> Any:
        """Withdrawal in a period: what it would be, the block taken out and put in, less the reduction."""
        total: Any = float(wanted[s, t])
        for d, now in enumerate(self.blocks):
            if t in now:
                total = total - self.share * float(wanted[s, t])
            for k in self.starts[d]:
                at = now.start + t - k
                if at in now:
                    total = total + self.share * float(wanted[s, at]) * block.start[d, k]
        if t in self.interruptions.periods:
            total = total - self.cut * float(wanted[s, t]) * block.cut[t]
        return total

    def stay(self, block: pyo.Block, frame: Frame) -> None:
        """Leave every block where it is, if it may start there, and reduce nothing."""
        stays = {}
        for d, now in enumerate(self.blocks):
            away = [abs(k - now.start) for k in self.starts[d]]
            stays[d, self.starts[d][away.index(min(away))]] = 1.0
        assign(block.start, stays)
        assign(block.cut, 0.0)
        assign(block.begins, 0.0)

    def costs(self, block: pyo.Block, frame: Frame) -> dict[str, list[Any]]:
        """Compensation for blocks that move and for energy not delivered."""
        h = frame.horizon
        moved, lost = [], []
        for s in range(h.scenarios):
            moved.append(
                pyo.quicksum(
                    self.block_cost * self._energy(s, d, h) * (1 - self._stays(block, d))
                    for d in range(len(self.blocks))
                )
            )
            lost.append(
                pyo.quicksum(
                    self.cut_cost * self.cut * float(self.p[s, t]) * h.hours * block.cut[t]
                    for t in self.interruptions.periods
                )
            )
        found = {}
        if self.blocks:
            found["EV transfer"] = moved
        if self.interruptions.periods:
            found["EV reduction"] = lost
        return found

    def _energy(self, s: int, d: int, horizon: Timeline) -> float:
        now = self.blocks[d]
        return self.share * float(self.p[s, now.start : now.stop].sum()) * horizon.hours

    def _stays(self, block: Any, d: int) -> Any:
        return block.start[d, self.blocks[d].start]

    def schedule(self, block: pyo.Block, frame: Frame) -> Schedule:
        """Withdrawal before and after, the block where it was and where it is, the reduction."""
        h = frame.horizon
        fixed = _Chosen(
            {key: round(pyo.value(v)) for key, v in block.start.items()},
            {t: round(pyo.value(v)) for t, v in block.cut.items()},
        )
        shape = (h.scenarios, h.periods)
        p, q, was, now, cut = (np.zeros(shape) for _ in range(5))
        for s, t in h.points:
            p[s, t], q[s, t] = self._power(fixed, self.p, s, t), self._power(fixed, self.q, s, t)
            was[s, t] = sum(self.share * self.p[s, t] for b in self.blocks if t in b)
            cut[s, t] = self.cut * self.p[s, t] * fixed.cut.get(t, 0)
            now[s, t] = p[s, t] - self.p[s, t] + was[s, t] + cut[s, t]
        i = self.place.index
        return Schedule(
            (Withdrawal(self.place.node, p, q),),
            {("load", "p_mw", i): p / self.scaling, ("load", "q_mvar", i): q / self.scaling},
            {
                "ev": {
                    ("before_mw", i): self.p,
                    ("after_mw", i): p,
                    ("block_before_mw", i): was,
                    ("block_mw", i): now,
                    ("reduced_mw", i): cut,
                }
            },
        )

    def decisions(self, block: pyo.Block, frame: Frame) -> dict[str, float]:
        """Return the start of every block and every reduction."""
        starts = {f"start:{d}": float(k) for (d, k), v in block.start.items() if pyo.value(v) > 0.5}
        return {**starts, **{f"cut:{t}": float(round(pyo.value(v))) for t, v in block.cut.items()}}

    def pin(self, block: pyo.Block, frame: Frame, decisions: Mapping[str, float]) -> None:
        """Fix the starts and reductions that are named."""
        for name, value in decisions.items():
            kind, _, number = name.partition(":")
            if kind == "cut":
                pin(block.cut[int(number)], value)
            else:
                for d, k in block.start:
                    if d == int(number):
                        pin(block.start[d, k], float(k == round(value)))

    def bill(self, setpoints: Callable[[str], FloatArray], horizon: Timeline, v2: FloatArray) -> dict[str, FloatArray]:
        """Price blocks that moved and energy not delivered, as far as the withdrawal tells."""
        starts, cut, _ = self._explained(setpoints("p_mw") * self.scaling)
        moved = np.zeros(self.p.shape[0])
        for d, k in enumerate(starts):
            if k != self.blocks[d].start:
                moved += [self._energy(s, d, horizon) for s in range(self.p.shape[0])]
        lost = self.cut * self.p[:, cut].sum(axis=1) * horizon.hours
        return {"EV transfer": self.block_cost * moved, "EV reduction": self.cut_cost * lost}

    def audit(self, setpoints: Callable[[str], FloatArray], horizon: Timeline) -> list[BrokenLimit]:
        """Check that an allowed start and allowed reductions explain the withdrawal in every scenario."""
        p = setpoints("p_mw") * self.scaling
        _, cut, off = self._explained(p)
        faults = [
            BrokenLimit(
                "EV load", "load", self.place.index, int(s), int(t), float(p[s, t]), float(p[s, t] - off[s, t]), "MW"
            )
            for s, t in np.argwhere(np.abs(off) > TOLERANCE)
        ]
        return [*faults, *self.interruptions.audit(self.place, cut)]

    def _explained(self, p: FloatArray) -> tuple[list[int], BoolArray, FloatArray]:
        """Find the starts and reductions that a withdrawal comes from, and what they leave unexplained."""
        rest = p - self.p
        starts = []
        for d in range(len(self.blocks)):
            moves = [self._moved(d, k) for k in self.starts[d]]
            best = int(np.argmin([self._misfit(rest - m) for m in moves]))
            starts.append(self.starts[d][best])
            rest = rest - moves[best]
        cut = np.zeros(p.shape[1], dtype=np.bool_)
        for t in self.interruptions.periods:
            taken = self.cut * self.p[:, t]
            cut[t] = bool(taken.max() > TOLERANCE and np.all(np.abs(rest[:, t] + taken) <= TOLERANCE))
        return starts, cut, rest + self.cut * self.p * cut

    def _moved(self, d: int, k: int) -> FloatArray:
        """Change of the load by moving a block to a slot."""
        now, change = self.blocks[d], np.zeros_like(self.p)
        shape = self.share * self.p[:, now.start : now.stop]
        change[:, now.start : now.stop] -= shape
        change[:, k : k + len(now)] += shape
        return change

    def _misfit(self, rest: FloatArray) -> float:
        """Sum up what no reduction explains."""
        taken = np.zeros_like(self.p)
        for t in self.interruptions.periods:
            taken[:, t] = self.cut * self.p[:, t]
        return float(np.minimum(np.abs(rest), np.abs(rest + taken)).sum())


@dataclass(frozen=True)
class _Chosen:
    """Solved binaries in the shape of the block."""

    start: dict[tuple[int, int], int]
    cut: dict[int, int]


def read_electric_vehicles(inputs: Inputs) -> list[ElectricVehicles]:
    """Read the controllable loads of type ``ev`` whose vehicles are not in ``net.ev`` (see `Fleet`)."""
    found = []
    known = set(vehicles_of(inputs)["load"])
    for place, row in inputs.controllable("load", "electric vehicles"):
        if row.get("type") == "ev" and place.index not in known and float(row["scaling"]) != 0:
            before = len(inputs.faults)
            refuse_cost(inputs, place, "use transfer_cost_per_mwh and reduce_cost_per_mwh")
            spec = _read_one(inputs, place, row)
            if len(inputs.faults) == before:
                found.append(spec)
    return found


def _read_one(inputs: Inputs, place: Place, row: pd.Series) -> ElectricVehicles:
    h = inputs.horizon
    share = inputs.number(place, row, "transferable_share", 0.0, 0, 1)
    reducible = inputs.number(place, row, "reducible_share", 0.0, 0, 1)
    blocks, starts = _blocks(inputs, place, row) if share > 0 else ((), ())
    windows = parse_windows(row.get("reduce_windows")) if reducible > 0 else []
    if windows is None:
        inputs.faults.append(f"{place}: reduce_windows is {row.get('reduce_windows')!r}; write e.g. '15-18, 21-22'.")
        windows = []
    cut_periods = tuple(h.within(windows)) if windows else ()
    inputs.require(
        not (set(cut_periods) & {t for b in blocks for t in b}) or share + reducible <= 1 + 1e-9,
        place,
        "transferable_share and reducible_share together exceed 1 where block and reduction overlap.",
    )
    reduction = inputs.number(place, row, "reduction", None if reducible > 0 else 0.0, 0, 1)
    shortest = inputs.number(place, row, "min_reduction_hours", h.hours, 0)
    longest = inputs.number(place, row, "max_reduction_hours", 1e6, 0)
    inputs.require(shortest <= longest, place, "min_reduction_hours is above max_reduction_hours.")
    return ElectricVehicles(
        place,
        inputs.series("load", "p_mw", place.index),
        inputs.series("load", "q_mvar", place.index),
        float(row["scaling"]),
        share,
        blocks,
        starts,
        inputs.number(place, row, "transfer_cost_per_mwh", 0.0, 0),
        reducible * reduction,
        Interruptions(
            cut_periods if reducible * reduction > 0 else (),
            max(1, math.ceil(shortest / h.hours - 1e-9)),
            min(h.periods, math.floor(longest / h.hours + 1e-9)),
            inputs.number(place, row, "max_reductions", math.nan, 0),
        ),
        inputs.number(place, row, "reduce_cost_per_mwh", 0.0, 0),
    )


def _blocks(inputs: Inputs, place: Place, row: pd.Series) -> tuple[tuple[range, ...], tuple[tuple[int, ...], ...]]:
    """Periods of the block of every day, and where it may start."""
    h = inputs.horizon
    block, window = parse_windows(row.get("transfer_block")), parse_windows(row.get("transfer_window"))
    for name, value in (("transfer_block", block), ("transfer_window", window)):
        if value is None or len(value) != 1:
            inputs.faults.append(f"{place}: {name} is {row.get(name)!r}; write one window, e.g. '18-21'.")
    if block is None or window is None or len(block) != 1 or len(window) != 1:
        return (), ()
    in_block, in_window = set(h.within(block)), set(h.within(window))
    blocks, starts = [], []
    for day in h.days():
        mine = sorted(in_block & set(day))
        if not mine:
            continue
        now = range(mine[0], mine[-1] + 1)
        if list(now) != mine:
            inputs.faults.append(
                f"{place}: transfer_block {row['transfer_block']} is cut in two by the end of a day of the horizon; "
                "begin the horizon at another hour."
            )
            continue
        slots = [k for k in day if all(t in in_window and t in day for t in range(k, k + len(now)))]
        blocks.append(now)
        starts.append(tuple(sorted({*slots, now.start})))
    return tuple(blocks), tuple(starts)
