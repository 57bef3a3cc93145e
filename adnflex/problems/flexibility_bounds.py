r"""What a topology can be worth at most, period by period.

Energy limits are the only rows of the outer program that couple periods.  With prices on them the program falls
apart,

.. math:: V(z) \le c(\pi) + \sum_t g_t(z; \pi),

into one small linear program a period and side; any non-negative prices give a bound, those of the best topology
found give a close one.  Without a network, :math:`g_t` is at most its value for the devices alone, so that most
topologies are refuted by the one or two periods in which they are narrow.
"""

from __future__ import annotations

import math

import highspy
import numpy as np

from adnflex.grid.model import FloatArray
from adnflex.problems.flexibility import ENERGY, BoxProblem, PeriodRows, build_program
from adnflex.problems.flexibility_rows import solve_box, solved

__all__ = ["PeriodBounds"]


class PeriodBounds:
    """Bounds of topologies of one grid, with prices taken from one of them.

    Parameters
    ----------
    problem : BoxProblem
        The linear model of the topology that the prices come from.
    seconds : float
        Time limit [s].
    devices_only : float, optional
        What the devices are worth without a network, if it is known.
    """

    def __init__(self, problem: BoxProblem, seconds: float, devices_only: float | None = None) -> None:
        periods, width = problem.periods, len(problem.columns.place)
        self.price = np.zeros((2, periods, width))
        self.constant = 0.0
        self.alike = problem.alike
        self._prices(problem, seconds)
        self.devices_only = _devices_only(problem, seconds) if devices_only is None else devices_only
        # g_t of the devices alone, and of the topology itself, by period and side
        self.free, self.own = np.zeros((2, periods, 2))
        for t in range(periods):
            for found, rows in ((self.free, problem.device_rows(t)), (self.own, problem.rows(0, t))):
                solver = _SmallProgram(rows, *(b[t] for b in problem.bounds()))
                found[t] = [self._side(problem, t, side, solver) for side in range(2)]
        narrow = np.argsort((self.own - self.free).reshape(-1))
        # the ends in which the topology of the prices is held back most are likely to refute another one
        self.order = [(int(k) // 2, int(k) % 2) for k in narrow]

    @property
    def networkless(self) -> float:
        """Bound of every topology; inf where what is imported anyway depends on the topology."""
        if not self.alike:
            return math.inf
        return min(self.constant + float(self.free.sum()), self.devices_only)

    def bound(self, problem: BoxProblem, enough: float = -np.inf) -> float:
        """Bound of a topology; it is not looked at further once it is at most `enough`.

        Returns
        -------
        float
            -inf where a period has no dispatch at all.
        """
        total = self.constant + float(self.free.sum())
        solvers: dict[int, _SmallProgram] = {}
        for t, side in self.order:
            if t not in solvers:
                solvers[t] = _SmallProgram(problem.rows(0, t), *(b[t] for b in problem.bounds()))
            total += self._side(problem, t, side, solvers[t]) - self.free[t, side]
            if self.alike and total <= enough:
                break
        return total

    def _prices(self, problem: BoxProblem, seconds: float) -> None:
        """Read the prices of the energy limits off the outer program, and put each where it acts."""
        found = solve_box(problem, [np.zeros(problem.periods), np.ones(problem.periods)], seconds, effort=False)
        if found is None:
            return
        energy = found.program.label[:, 0] == ENERGY
        prices, first = found.row_prices[energy], 0
        offset, row = 0, first
        for r in problem.resources:
            columns = slice(offset, offset + len(r.names))
            for level in r.accumulators:
                for side in range(2):
                    count = len(level.parts)
                    own = prices[row : row + count * problem.periods].reshape(count, problem.periods)
                    own = _admissible(own, level.keep, level.limit)
                    for price, part in zip(own, level.parts, strict=True):
                        self.price[side, :, columns] += price[:, None] * part
                    total = own.sum(axis=0)
                    tight = np.where(np.isfinite(level.limit), level.limit, 0.0)
                    # as a maximisation: what the limit itself is worth, less what was there at the start
                    self.constant += float((total - level.keep * np.append(total[1:], 0.0)) @ tight)
                    self.constant -= level.keep * level.start * float(total[0])
                    row += count * problem.periods
            offset += len(r.names)

    def _side(self, problem: BoxProblem, t: int, side: int, solver: _SmallProgram) -> float:
        """Return how far out the prices let an end of a period be: its part of g_t."""
        worth = problem.weights[t] * problem.hours
        fixed = problem.operating[0][t].import_p * problem.grid.base_mva
        sign = 1.0 if side else -1.0
        held = problem.direction == ("down" if side else "up")
        reach = worth * problem.imports(t)
        value = solver.maximise((0.0 if held else sign) * reach - self.price[side, t])
        return float(value + sign * worth * (problem.base[t] if held else fixed))


def _devices_only(problem: BoxProblem, seconds: float) -> float:
    """Worth of the box that the devices would have without a network."""
    ends = [np.zeros(problem.periods), np.ones(problem.periods)]
    found = solved(build_program(problem, ends, effort=False, rows_of=lambda side, t: problem.device_rows(t)), seconds)
    return math.inf if found is None else -found.program.form.objective(found.x)


def _admissible(prices: FloatArray, keep: float, limit: FloatArray) -> FloatArray:
    """Nearest prices (parts, T) that give a finite bound: a level without limit has none of its own."""
    own = np.maximum(prices, 0.0)
    ahead = 0.0
    for t in range(own.shape[1] - 1, -1, -1):
        total = float(own[:, t].sum())
        wanted = max(total, keep * ahead) if np.isfinite(limit[t]) else keep * ahead
        if total > 0:
            own[:, t] *= wanted / total
        else:
            own[0, t] = wanted
        ahead = wanted
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
