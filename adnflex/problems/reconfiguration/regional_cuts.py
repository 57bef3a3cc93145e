"""Cuts of regions before the tree: round after round with larger regions, side by side, as long as they pay."""

from __future__ import annotations

import math
import time
from typing import NamedTuple

import numpy as np

from adnflex.algorithms.workers import worker_pool
from adnflex.arrays import BoolArray, FloatArray
from adnflex.knobs import Effort
from adnflex.problems.clock import Deadline
from adnflex.problems.reconfiguration.directed import DirectedReconfiguration
from adnflex.problems.reconfiguration.probing import ModeNode, Probing
from adnflex.problems.reconfiguration.regions import Gained, Places, RegionalBounds, balls
from adnflex.solvers.regional import Cut, with_cuts
from adnflex.solvers.shrinking import Shrunk

# Junctions of a region, round by round.
_SIZES = (4, 8, 12)

# Choices that are left at the root, and part of the objective that is not proven yet, from which on regions are looked
# at: with less the tree is faster alone (118 buses, 160 choices, 3.3 %: 2.7 CPU s against 9). Chosen by that network
# and by one of 533 buses at two loads.
_MODES, _WIDE = 300, 0.01

# Part of the time that is left which they may take, and part of the gap that a round has to close for another one.
_SHARE, _WORTH = 0.3, 0.1

# Gains below this part of the gap are not worth a row.
_LEAST = 1e-4

# Multipliers below this part of the largest one are those of cuts that say nothing any more.
_SLACK = 1e-7

# Seconds for which one process works alone.
_PATIENCE = 0.3


class Strengthened(NamedTuple):
    """What is known before the tree.

    Attributes
    ----------
    root : ModeNode
        The root, with the modes that are left.
    bound : float
        Proven lower bound of everything in it.
    closed : float
        Smallest bound of what was cut off at the cutoff, inf where nothing was.
    solves : int
        Relaxations of the whole.
    interrupted : bool
        Whether somebody asked to stop.
    notes : list of str
        What happened to workers.
    """

    root: ModeNode
    bound: float
    closed: float
    solves: int
    interrupted: bool
    notes: list[str]


def strengthen(
    problem: DirectedReconfiguration,
    probing: Probing,
    best: tuple[BoolArray | None, float],
    effort: Effort,
    clock: Deadline,
) -> Strengthened:
    """Bound the root and, where the grid is large and the gap wide, cut it by what its regions cost.

    Parameters
    ----------
    problem : DirectedReconfiguration
        The model.
    probing : Probing
        Its relaxation; gets the cuts.
    best : ((k,) array of bool or None, float)
        Modes of the best state, and what it is worth; None and inf where there is none.
    effort : Effort
        Gap, workers.
    clock : Deadline
        Told of the bound.
    """
    return _CutRounds(problem, probing, best, effort, clock).run()


class _CutRounds:
    def __init__(
        self,
        problem: DirectedReconfiguration,
        probing: Probing,
        best: tuple[BoolArray | None, float],
        effort: Effort,
        clock: Deadline,
    ) -> None:
        self.problem, self.probing, self.effort, self.clock = problem, probing, effort, clock
        known, value = best
        self.value, self.base, self.cuts = value, probing.conic, list[Cut]()
        self.cutoff = value - effort.gap * abs(value) if math.isfinite(value) else math.inf
        self.allowed = np.ones(len(problem.modes), dtype=bool)
        self.known = self.allowed & False if known is None else known
        self.bound, self.closed, self.solves = -math.inf, math.inf, 0
        self.shares: FloatArray | None = None
        self.carried: FloatArray | None = None
        self.notes: list[str] = []
        self.until = time.time() + _SHARE * clock.left

    def run(self) -> Strengthened:
        interrupted = False
        try:
            self._rounds()
        except KeyboardInterrupt:
            interrupted = True
        root = ModeNode(self.allowed, self.bound, self.shares, 0, self.carried)
        return Strengthened(root, self.bound, self.closed, self.solves, interrupted, self.notes)

    def _rounds(self) -> None:
        answer = self._relaxed()
        for size in _SIZES:
            if answer is None or not self._worth_it():
                break
            before = self.bound
            if not self._cut(answer, size):
                break
            answer = self._relaxed()
            if self.bound - before < _WORTH * (self.cutoff - before):
                break

    def _worth_it(self) -> bool:
        choices = int(self.allowed.sum()) - len(self.probing.of_chain)
        wide = math.isfinite(self.cutoff) and self.cutoff - self.bound >= _WIDE * abs(self.value)
        return choices >= _MODES and wide and time.time() < self.until

    def _relaxed(self) -> Shrunk | None:
        """Solve the relaxation and exclude the modes that cost too much; None where nothing more is to be had."""
        self.solves += 1
        answer = self.probing.conic.solve(self.allowed, max(self.clock.left, 0.01))
        bound = answer.bound if self.probing.lift is None else self.probing.lift(answer.bound)
        self.bound = max(self.bound, bound)
        if answer.shares is None or answer.prices is None or answer.dual is None or self.bound >= self.cutoff:
            return None
        self.shares, self.carried = answer.shares, answer.carried
        least = answer.bound + answer.prices
        dear = self.allowed & (least >= self.cutoff)
        self.closed = min(self.closed, float(least[dear].min(initial=math.inf)))
        left = self.probing.rules.follow(self.allowed & ~dear)
        if left is None:
            self.bound = self.closed
            return None
        self.allowed = left
        self.clock.report_bests(self.value, min(self.bound, self.closed, self.value), "relaxation")
        return answer

    def _cut(self, answer: Shrunk, size: int) -> bool:
        """Bound the regions of a size and take their cuts; False where none says anything new."""
        assert answer.dual is not None
        dual = self._without_slack(answer.dual)
        places = Places.of(self.problem)
        job = RegionalBounds(self.probing.conic, self.probing.sets, places, dual, self.allowed, self.known, self.until)
        regions = list(balls(self.problem.core, size, self._undecided(answer, places)))
        found: list[Gained] = []
        with worker_pool(job, self.effort.executor, self.effort.workers, _PATIENCE) as crew:
            for _, gained in crew.each(regions):
                if gained is not None and gained.gain > _LEAST * (self.cutoff - self.bound):
                    found.append(gained)
            self.notes += [note for note in crew.notes if note not in self.notes]
        self.cuts += [g.cut for g in found]
        self.probing.conic = with_cuts(self.base, self.cuts)
        return bool(found)

    def _without_slack(self, dual: FloatArray) -> FloatArray:
        """Drop cuts that say nothing any more, and their multipliers."""
        rows = len(self.base.sides)
        of_cuts = dual[rows:]
        tight = of_cuts > _SLACK * of_cuts.max(initial=0.0)
        self.cuts = [c for c, t in zip(self.cuts, tight.tolist(), strict=True) if t]
        self.probing.conic = with_cuts(self.base, self.cuts)
        return np.concatenate([dual[:rows], of_cuts[tight]])

    def _undecided(self, answer: Shrunk, places: Places) -> FloatArray:
        """How far the chains at each junction are from being open or closed."""
        assert answer.shares is not None
        splits = self.probing.splits
        opened, here = np.zeros(len(places.ends)), splits.kind == 0
        np.add.at(opened, splits.chain[here], answer.shares[here])
        loose = np.minimum(opened, 1 - opened).clip(0.0)
        loose[loose < _LEAST] = 0.0
        weight = np.zeros(len(self.problem.core.junctions) + 1)
        for end in (0, 1):
            np.add.at(weight, places.ends[:, end], loose)
        return weight[:-1]
