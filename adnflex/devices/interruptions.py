"""Interruptions of a load: the periods in which it may be reduced, how long a run of them lasts, how many there are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import BoolArray
from adnflex.devices.base import BrokenLimit, Place


@dataclass(frozen=True)
class Interruptions:
    """Rules of interruptions, which are runs of periods.

    Attributes
    ----------
    periods : tuple of int
        When the load may be reduced.
    shortest, longest : int
        Least and largest length of a run [periods].
    most : float
        Largest number of runs; NaN: no limit.
    """

    periods: tuple[int, ...]
    shortest: int
    longest: int
    most: float

    def declare(self, block: pyo.Block) -> None:
        """Declare the reductions ``cut`` of a block, one a period, and keep their runs within the rules."""
        allowed = set(self.periods)
        block.cut = pyo.Var(self.periods, domain=pyo.Binary)
        block.begins = pyo.Var(self.periods, bounds=(0, 1))
        block.run = pyo.ConstraintList()
        for t in self.periods:
            before = block.cut[t - 1] if t - 1 in allowed else 0
            block.run.add(block.begins[t] >= block.cut[t] - before)
            for u in range(t + 1, t + self.shortest):
                block.run.add((block.cut[u] if u in allowed else 0) >= block.begins[t])
            span = [block.cut[u] for u in range(t, t + self.longest + 1) if u in allowed]
            if len(span) > self.longest:
                block.run.add(sum(span) <= self.longest)
        if not math.isnan(self.most) and self.periods:
            block.run.add(sum(block.begins.values()) <= self.most)

    def audit(self, place: Place, cut: BoolArray) -> list[BrokenLimit]:
        """Check reductions (T,)."""
        edges = np.flatnonzero(np.diff(np.concatenate([[0], cut.astype(int), [0]])))
        runs = [(int(a), int(b - a)) for a, b in zip(edges[::2], edges[1::2], strict=True)]
        faults = [
            BrokenLimit("EV interruption", "load", place.index, 0, begin, float(length), float(limit), "periods")
            for begin, length in runs
            if length != (limit := min(max(length, self.shortest), self.longest))
        ]
        if not math.isnan(self.most) and len(runs) > self.most:
            begin, number = runs[-1][0], float(len(runs))
            faults.append(BrokenLimit("EV interruptions", "load", place.index, 0, begin, number, self.most, ""))
        return faults
