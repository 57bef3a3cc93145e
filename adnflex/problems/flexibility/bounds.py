r"""What a topology can be worth at most, period by period.

Energy limits are the only rows of the outer program that couple periods.  With prices on them the program falls
apart,

.. math:: V(z) \le c(\pi) + \sum_t g_t(z; \pi),

into one small linear program a period and side; any non-negative prices give a bound, those of the best topology
found give a close one.  Without a network, :math:`g_t` is at most its value for the devices alone, so that most
topologies are refuted by the one or two periods in which they are narrow.
"""

from __future__ import annotations

import logging
import math

import numpy as np
from scipy import sparse

from adnflex.arrays import FloatArray
from adnflex.errors import SolverError
from adnflex.problems.flexibility.model import BoxProblem, PeriodRows
from adnflex.problems.flexibility.program import build_program
from adnflex.problems.flexibility.program_rows import ENERGY
from adnflex.problems.flexibility.rows import solve_box, solved
from adnflex.solvers.conic import linear_form
from adnflex.solvers.highs import LinearSolver

log = logging.getLogger(__name__)


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
        # what was not solved has no bound and says nothing of the order
        narrow = np.argsort(np.nan_to_num(self.own - self.free, nan=0.0, posinf=0.0, neginf=0.0).reshape(-1))
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
            -inf where it is proven that a period has no dispatch at all; inf where nothing is proven.
        """
        worth = self.free.copy() if self.alike else np.full_like(self.free, np.inf)
        solvers: dict[int, _SmallProgram] = {}
        total = self.constant + float(worth.sum())
        for t, side in self.order:
            if t not in solvers:
                solvers[t] = _SmallProgram(problem.rows(0, t), *(b[t] for b in problem.bounds()))
            # a program that was not solved has no bound: what holds without a network stays in force
            worth[t, side] = min(worth[t, side], self._side(problem, t, side, solvers[t]))
            if worth[t, side] == -math.inf:
                return -math.inf
            total = self.constant + float(worth.sum())
            if total <= enough:
                break
        return total

    def _prices(self, problem: BoxProblem, seconds: float) -> None:
        """Read the prices of the energy limits off the outer program, and put each where it acts."""
        ends = [np.zeros(problem.periods), np.ones(problem.periods)]
        try:
            found = solve_box(problem, ends, seconds, effort=False)
        except SolverError as error:
            log.info("no prices: %s", error)  # without prices the bounds hold, but are wide
            return
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
    program = build_program(problem, ends, effort=False, rows_of=lambda side, t: problem.device_rows(t))
    try:
        found = solved(program, seconds)
    except SolverError as error:
        log.info("no bound without a network: %s", error)
        return math.inf
    return math.inf if found is None else -found.bound


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
        count, size = rows.a.shape
        sides = np.full(count, -np.inf), rows.rhs
        form = linear_form(np.zeros(size), sparse.csr_matrix(rows.a), sides, (low, high))
        self._solver = LinearSolver(form, presolve=False)

    def maximise(self, gain: FloatArray) -> float:
        """Upper bound of a gain; -inf where the rows are proven to contradict each other, inf without a proof."""
        self._solver.set_cost(-gain)
        return -self._solver.solve(_SECONDS).bound


# A program of a few dozen columns takes milliseconds; one that takes so long has no bound [s].
_SECONDS = 10.0
