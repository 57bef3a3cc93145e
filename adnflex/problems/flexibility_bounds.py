r"""What a topology can be worth at most, period by period.

Energy limits are the only rows of the outer program that couple periods.  With prices on them the program falls
apart,

.. math:: V(z) \le c(\pi) + \sum_t g_t(z; \pi),

into one small linear program a period and side; any non-negative prices give a bound, those of the best topology
found give a close one.  Without a network, :math:`g_t` is at most its value for the devices alone, so that most
topologies are refuted by the one or two periods in which they are narrow.
"""

from __future__ import annotations

import highspy
import numpy as np

from adnflex.grid.model import FloatArray
from adnflex.problems.flexibility import BoxProblem, PeriodRows, build_program
from adnflex.problems.solve_flexibility import solved

__all__ = ["PeriodBounds"]


class PeriodBounds:
    """Bounds of topologies of one grid, with prices taken from one of them.

    Parameters
    ----------
    problem : BoxProblem
        The linear model of the topology that the prices come from.
    seconds : float
        Time limit [s].
    """

    def __init__(self, problem: BoxProblem, seconds: float) -> None:
        periods, width = problem.periods, len(problem.columns.place)
        self.price = np.zeros((2, periods, width))
        self.constant = 0.0
        self._prices(problem, seconds)
        # g_t of the devices alone, and of the topology itself
        self.free = np.array([self._period(problem, t, network=False) for t in range(periods)])
        self.own = np.array([self._period(problem, t) for t in range(periods)])
        self.order = np.argsort(self.own - self.free)

    @property
    def networkless(self) -> float:
        """Bound of every topology."""
        return self.constant + float(self.free.sum())

    def bound(self, problem: BoxProblem, enough: float = -np.inf) -> float:
        """Bound of a topology; it is not looked at further once it is at most `enough`.

        Returns
        -------
        float
            -inf where a period has no dispatch at all.
        """
        total = self.networkless
        for t in self.order.tolist():
            total += self._period(problem, t) - self.free[t]
            self.last = t
            if total <= enough:
                break
        return total

    def _prices(self, problem: BoxProblem, seconds: float) -> None:
        """Read the prices of the energy limits off the outer program, and put each where it acts."""
        program = build_program(problem, [np.zeros(problem.periods), np.ones(problem.periods)], effort=False)
        found = solved(program, seconds)
        if found is None:
            return
        prices = found[1].row_prices()
        first = int(np.flatnonzero(program.label[:, 0] == 4)[0]) if np.any(program.label[:, 0] == 4) else 0
        offset, row = 0, first
        for r in problem.resources:
            columns = slice(offset, offset + len(r.names))
            for level in r.accumulators:
                for side in range(2):
                    own = _admissible(prices[row : row + problem.periods], level.keep, level.limit)
                    self.price[side, :, columns] += own[:, None] * level.part
                    ahead = np.append(own[1:], 0.0)
                    tight = np.where(np.isfinite(level.limit), level.limit, 0.0)
                    # as a maximisation: what the limit itself is worth, less what was there at the start
                    self.constant += float((own - level.keep * ahead) @ tight) - level.keep * level.start * float(
                        own[0]
                    )
                    row += problem.periods
            offset += len(r.names)

    def _period(self, problem: BoxProblem, t: int, network: bool = True) -> float:
        """Return g_t: the two ends of a period, each as far out as its prices let it."""
        worth = problem.weights[t] * problem.hours
        fixed = problem.operating[0][t].import_p * problem.grid.base_mva
        rows = problem.rows(0, t) if network else problem.device_rows(t)
        solver = _SmallProgram(rows, *(b[t] for b in problem.bounds()))
        reach = worth * problem.imports(t)
        total = 0.0
        for side, sign in ((0, -1.0), (1, 1.0)):
            held = (problem.direction == "up" and side == 0) or (problem.direction == "down" and side == 1)
            value = solver.maximise((0.0 if held else sign) * reach - self.price[side, t])
            total += value + sign * worth * (float(problem.base[t]) if held else fixed)
        return total


def _admissible(prices: FloatArray, keep: float, limit: FloatArray) -> FloatArray:
    """Nearest prices that give a finite bound: a level without limit has none of its own."""
    own = np.maximum(prices, 0.0)
    ahead = 0.0
    for t in range(len(own) - 1, -1, -1):
        own[t] = max(own[t], keep * ahead) if np.isfinite(limit[t]) else keep * ahead
        ahead = float(own[t])
    return own


class _SmallProgram:
    """One set of rows, several objectives."""

    def __init__(self, rows: PeriodRows, low: FloatArray, high: FloatArray) -> None:
        h = highspy.Highs()
        h.setOptionValue("output_flag", False)
        h.setOptionValue("threads", 1)
        h.setOptionValue("presolve", "off")
        lp = highspy.HighsLp()
        count, size = rows.a.shape
        lp.num_col_, lp.num_row_ = size, count
        lp.col_cost_ = np.zeros(size)
        lp.col_lower_, lp.col_upper_ = low, high
        lp.row_lower_, lp.row_upper_ = np.full(count, -np.inf), rows.rhs
        i, j = np.nonzero(rows.a)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.concatenate([[0], np.cumsum(np.bincount(i, minlength=count))]).astype(np.int32)
        lp.a_matrix_.index_, lp.a_matrix_.value_ = j.astype(np.int32), rows.a[i, j]
        h.passModel(lp)
        self.highs, self.size = h, size

    def maximise(self, gain: FloatArray) -> float:
        """Largest value of a gain; -inf where the rows contradict each other."""
        h = self.highs
        h.changeColsCost(self.size, np.arange(self.size, dtype=np.int32), -gain)
        h.run()
        if h.getModelStatus() != highspy.HighsModelStatus.kOptimal:
            return -np.inf
        return -float(h.getInfo().objective_function_value)
