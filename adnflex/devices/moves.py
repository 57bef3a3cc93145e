"""Limit and cost of changes of position, common to tap changers and capacitor banks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyomo.environ as pyo

from adnflex.arrays import FloatArray
from adnflex.devices.base import BrokenLimit, Frame, Place
from adnflex.devices.inputs import Inputs
from adnflex.devices.timeline import Timeline


@dataclass(frozen=True)
class MoveRules:
    """What moves are allowed.

    Attributes
    ----------
    most : float
        Moves in any 24 h of the horizon; NaN: no limit.
    cost : float
        Cost of one move [money].
    """

    most: float
    cost: float

    @property
    def count(self) -> bool:
        """Whether moves have to be counted at all."""
        return self.cost > 0 or not math.isnan(self.most)

    def limits(self, horizon: Timeline) -> list[tuple[range, float]]:
        """Periods, and the largest number of moves in them."""
        return [] if math.isnan(self.most) else [(day, self.most) for day in horizon.days()]

    def bill(self, values: FloatArray, initial: float) -> FloatArray:
        """Price the moves of positions (S, T), by scenario."""
        return np.full(values.shape[0], self.cost * float(_moved(values, initial).sum()))

    def costs(self, item: str, block: pyo.Block, frame: Frame) -> dict[str, list[Any]]:
        """Cost expressions, the same in every scenario."""
        if self.cost <= 0:
            return {}
        total = self.cost * pyo.quicksum(block.move[t] for t in range(frame.horizon.periods))
        return {item: [total] * frame.horizon.scenarios}


# As many moves as one likes, at no cost.
FREE_MOVES = MoveRules(math.nan, 0.0)


def _moved(values: FloatArray, initial: float) -> FloatArray:
    """Whether the position (S, T) changes, by the first scenario."""
    return np.asarray(values[0] != np.concatenate([[initial], values[0, :-1]]))


def move_rules(inputs: Inputs, place: Place, row: pd.Series) -> MoveRules:
    """Read ``max_moves_per_day`` and ``cost_per_move``."""
    return MoveRules(
        inputs.number(place, row, "max_moves_per_day", math.nan, 0),
        inputs.number(place, row, "cost_per_move", 0.0, 0),
    )


def audit_moves(
    place: Place, values: FloatArray, allowed: FloatArray, initial: float, rules: MoveRules, horizon: Timeline
) -> list[BrokenLimit]:
    """Check positions (S, T): allowed ones only, the same in every scenario, moves within the limit."""
    faults = []
    for s, t in horizon.points:
        if not np.any(np.abs(allowed - values[s, t]) < 1e-9):
            low, high = float(allowed.min()), float(allowed.max())
            faults.append(
                BrokenLimit(
                    "position", place.table, place.index, s, t, values[s, t], high if values[s, t] > high else low, ""
                )
            )
        elif values[s, t] != values[0, t]:
            faults.append(
                BrokenLimit("position differs", place.table, place.index, s, t, values[s, t], values[0, t], "")
            )
    if not math.isnan(rules.most):
        moved = _moved(values, initial)
        for day in horizon.days():
            count = int(moved[day.start : day.stop].sum())
            if count > rules.most:
                faults.append(
                    BrokenLimit("moves", place.table, place.index, 0, day.stop - 1, count, rules.most, "moves")
                )
    return faults
