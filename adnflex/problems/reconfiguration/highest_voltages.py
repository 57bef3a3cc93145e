"""How high the voltages of junctions can be in a state that is better than a known one, found one by one.

Where voltages can rise above those of the roots, a relaxation mixes states so that a junction is high in the ways in
which it feeds and low in the others, which saves losses that no state saves.  How high it can be in a state that costs
no more than the known one is one relaxation for each junction; they are independent of each other, and what they find
makes the next round tighter.  The low ends would cost as much and bring little.

References
----------
Gleixner, Berthold, Müller and Weltge, "Three enhancements for optimization-based bound tightening", J. Global
Optimization 67, 2017, doi:10.1007/s10898-016-0450-4.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy import sparse

from adnflex.algorithms.workers import worker_pool
from adnflex.arrays import BoolArray, IntArray
from adnflex.grid.model import Grid
from adnflex.knobs import Effort
from adnflex.problems.clock import Deadline
from adnflex.problems.reconfiguration.directed import DirectedReconfiguration
from adnflex.solvers.shrinking import ShrinkingConic

# Rounds end where one of them closes less than this part of the gap of the root, and after so many.
_WORTH, _ROUNDS = 0.5, 5

# Part of the time that is left which a round may take.
_SHARE = 0.2

# What rounding may take from a squared voltage [pu].
_CLEAR = 1e-8

# Junctions are asked that the relaxation raises above the roots by so much, in units of the mode's share [pu]: less
# saves about as small a part of the losses of one chain.
_RAISED = 1e-4


class _Junction(NamedTuple):
    """A junction by its place, and the modes that states of interest have."""

    junction: int
    allowed: BoolArray


class HighestVoltage:
    """Bounds the voltages of junctions from above; holds arrays only, so that it travels to other processes.

    Parameters
    ----------
    problem : DirectedReconfiguration
        The model.
    cutoff : float
        Value that states of interest do not exceed.
    """

    def __init__(self, problem: DirectedReconfiguration, cutoff: float) -> None:
        form = problem.form
        capped = dataclasses.replace(
            form,
            a=sparse.vstack([form.a, sparse.csr_matrix(form.c)], format="csr"),
            row_low=np.append(form.row_low, -np.inf),
            row_high=np.append(form.row_high, cutoff - form.c0),
            variables=[],
            rows=[],
            model=None,
        )
        self.cutoff, self.until = cutoff, math.inf
        self.column = form.columns_of(problem.model.v[j] for j in problem.core.junctions)
        self.top, self.copies = float(np.nanmax(problem.grid.root_v)), _copies(problem)
        self.conic = ShrinkingConic.of(capped, problem.owner, problem.shares, problem.bounded)

    def root(self) -> tuple[float, BoolArray, list[int]]:
        """Bound of the relaxation, the modes that can be better than the cutoff, and the junctions that it raises."""
        everything = np.ones(len(self.conic.shares), dtype=bool)
        answer = self.conic.solve(everything, self._left)
        if answer.prices is None or answer.point is None or not math.isfinite(answer.bound):
            return answer.bound, everything, []
        junction, column, mode = self.copies
        above = answer.point[column] - self.top * answer.point[self.conic.shares[mode]]
        raised = np.unique(junction[above > _RAISED]).tolist()
        return answer.bound, answer.bound + answer.prices < self.cutoff, raised

    @property
    def _left(self) -> float:
        return max(self.until - time.time(), 0.01)

    def __call__(self, asked: _Junction) -> float:
        """Return how high a squared voltage can be [pu]; not finite where nothing is proven."""
        goal = np.zeros(len(self.conic.owner))
        goal[self.column[asked.junction]] = -1.0
        return -self.conic.towards(goal).solve(asked.allowed, self._left).bound


def limit_voltages(
    problem: DirectedReconfiguration,
    build: Callable[[Grid], DirectedReconfiguration],
    cutoff: float,
    effort: Effort,
    clock: Deadline,
    tell: Callable[[float], None],
) -> DirectedReconfiguration:
    """Return the model below lower voltages, round after round while that closes its gap.

    Parameters
    ----------
    problem : DirectedReconfiguration
        The model.
    build : callable
        Builds it for a grid with other limits of voltages.
    cutoff : float
        Value of a known state; what costs more may be cut off.
    effort, clock
        Gap and workers; the time limit.
    tell : callable
        Told the bound of every root.
    """
    before = -math.inf
    for _ in range(_ROUNDS if _can_rise(problem) and math.isfinite(cutoff) else 0):
        highest = HighestVoltage(problem, cutoff)
        highest.until = time.time() + clock.left
        begin = time.monotonic()
        bound, allowed, raised = highest.root()
        lasts = time.monotonic() - begin
        tell(bound)
        if not raised:
            break
        tasks = [_Junction(k, allowed) for k in raised]
        with worker_pool(highest, effort.executor, effort.workers) as crew:
            gone = cutoff - bound < effort.gap * abs(cutoff)
            slow = math.isfinite(before) and bound - before < _WORTH * (cutoff - before)
            late = lasts * len(tasks) / crew.count > _SHARE * clock.left
            if gone or slow or late or not math.isfinite(bound):
                break
            found = dict(zip(raised, crew.in_order(tasks, lambda: clock.left), strict=False))
        problem, before = build(_below(problem, found)), bound
    return problem


def _can_rise(problem: DirectedReconfiguration) -> bool:
    """Whether a junction can be above all roots."""
    top, junctions = np.nanmax(problem.grid.root_v), list(problem.core.junctions)
    return bool((problem.planes.bounds.v_max[junctions] > top * (1 + 1e-6)).any())


def _copies(problem: DirectedReconfiguration) -> tuple[IntArray, IntArray, IntArray]:
    """Find the copies of the voltages of junctions: the junction by its place, the column, the mode."""
    b, number, columns = problem.model, {j: k for k, j in enumerate(problem.core.junctions)}, problem.form.columns()
    found = []
    for i, mode in enumerate(problem.modes):
        chain = problem.core.chains[mode.chain]
        for end, node in ((0, chain.nodes[0]), (1, chain.nodes[-1])):
            if node in number:
                passed = len(chain.branches) if (end == 1) == (mode.kind == 1) else 0
                copy = b.w[mode.chain, mode.kind, passed] if mode.kind else b.end_v[mode.chain, mode.at, end]
                found.append((number[node], columns[id(copy)], i))
    junction, column, mode_of = np.array(found, dtype=np.int64).reshape(-1, 3).T
    return junction, column, mode_of


def _below(problem: DirectedReconfiguration, found: dict[int, float]) -> Grid:
    """Limit the voltages of junctions, given by their places, by what was found."""
    high = problem.grid.v_max.copy()
    for k, top in found.items():
        j = problem.core.junctions[k]
        if math.isfinite(top):
            high[j] = min(problem.planes.bounds.v_max[j], top + _CLEAR)
    return problem.grid.replace(v_max=high)
