r"""Convex cost of a device's power: straight pieces, a quadratic term, a constant.

.. math::

    C(p) = c_0 + c_1 p + \sum_k (s_k - s_{k-1}) \max(p - b_k, 0) + c_2 p^2, \quad s_k \ge s_{k-1},\; c_2 \ge 0

Every term of the sum is a variable ``above >= p - b_k``, ``above >= 0``; the square is a cone.  Both are exact where
the cost is minimised.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import FloatArray
from adnflex.devices.base import Frame, assign, table_of


@dataclass(frozen=True)
class CostCurve:
    """Cost of a power in the sign of its own table.

    Attributes
    ----------
    slope : float
        Of the first piece [money/MWh].
    constant : float
        Cost of the first piece at no power [money/h].
    kinks, rises : tuple of float
        Where a further piece begins [MW], and by how much it is steeper [money/MWh]; rises are positive.
    quadratic : float
        [money/MW²h].

    Examples
    --------
    >>> import numpy as np
    >>> curve = CostCurve(20.0, 0.0, (0.0,), (70.0,))  # sold at 20, bought at 90
    >>> curve.rate(np.array([-2.0, 1.0])).tolist()
    [-40.0, 90.0]
    """

    slope: float = 0.0
    constant: float = 0.0
    kinks: tuple[float, ...] = ()
    rises: tuple[float, ...] = ()
    quadratic: float = 0.0

    @property
    def nothing(self) -> bool:
        """Whether no power costs anything, whatever it is."""
        return not (self.slope or self.constant or self.rises or self.quadratic)

    @property
    def varies(self) -> bool:
        """Whether the cost depends on the power."""
        return bool(self.slope or self.rises or self.quadratic)

    def price(self, p: float = 0.0) -> float:
        """Cost of a little more power than `p` [money/MWh]."""
        more = sum(rise for kink, rise in zip(self.kinks, self.rises, strict=True) if kink <= p)
        return self.slope + more + 2 * self.quadratic * p

    def beyond(self, price: float) -> CostCurve:
        """Return what it costs more than a straight price."""
        return replace(self, slope=self.slope - price)

    def rate(self, p: FloatArray) -> FloatArray:
        """Cost of a power [money/h]."""
        cost = self.constant + self.slope * p + self.quadratic * p**2
        for kink, rise in zip(self.kinks, self.rises, strict=True):
            cost = cost + rise * np.maximum(p - kink, 0.0)
        return np.asarray(cost, dtype=float)

    def bill(self, p: FloatArray, hours: float) -> FloatArray:
        """Cost of powers (S, T) by scenario [money]."""
        return np.asarray(self.rate(p).sum(axis=1) * hours)

    def declare(
        self, block: pyo.Block, frame: Frame, power: Callable[[int, int], Any], low: float, high: float
    ) -> None:
        """Declare what bends.

        Parameters
        ----------
        block : pyomo Block
            The device's.
        frame : Frame
            Time axis and base power.
        power : callable
            Power at (scenario, period) [pu], in the sign of the curve.
        low, high : float
            Its range [MW]; infinite where it has none.
        """
        base, points = frame.base_mva, frame.horizon.points
        if self.rises:
            pieces = range(len(self.rises))
            tops = [max(high - kink, 0.0) / base for kink in self.kinks]
            block.above = pyo.Var(
                points, pieces, bounds=lambda _, s, t, k: (0, tops[k] if tops[k] < math.inf else None)
            )
            block.over = pyo.Constraint(
                points,
                pieces,
                rule=lambda _, s, t, k: block.above[s, t, k] >= power(s, t) - self.kinks[k] / base,
            )
        if self.quadratic:
            most = (max(abs(low), abs(high)) / base) ** 2
            block.square = pyo.Var(points, bounds=(0, most if most < math.inf else None))
            block.own = pyo.Var(points)
            block.same = pyo.Constraint(points, rule=lambda _, s, t: block.own[s, t] == power(s, t))
            block.squared = pyo.Constraint(points, rule=lambda _, s, t: block.own[s, t] ** 2 <= block.square[s, t])

    def stay(self, block: pyo.Block, frame: Frame, p_mw: FloatArray) -> None:
        """Give what bends the values that go with a power (S, T) [MW]."""
        base = frame.base_mva
        if self.rises:
            above = {
                (s, t, k): max(float(p) - kink, 0.0) / base
                for (s, t), p in np.ndenumerate(p_mw)
                for k, kink in enumerate(self.kinks)
            }
            assign(block.above, above)
        if self.quadratic:
            assign(block.own, table_of(p_mw, base))
            assign(block.square, table_of(np.square(p_mw), base**2))

    def costs(self, block: pyo.Block, frame: Frame, power: Callable[[int, int], Any]) -> list[Any]:
        """Cost of a declared block, one expression a scenario."""
        h, base = frame.horizon, frame.base_mva

        def rate(s: int, t: int) -> Any:
            bent = [base * rise * block.above[s, t, k] for k, rise in enumerate(self.rises)]
            square = self.quadratic * base**2 * block.square[s, t] if self.quadratic else 0.0
            return self.constant + self.slope * base * power(s, t) + pyo.quicksum(bent) + square

        return [h.hours * pyo.quicksum(rate(s, t) for t in range(h.periods)) for s in range(h.scenarios)]


NO_COST = CostCurve()
