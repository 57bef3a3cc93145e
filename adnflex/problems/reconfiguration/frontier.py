"""The best topology of every number of operations: one search after another, each knowing what those before it found.

A state of few operations is allowed where more are, so that values fall with the number of operations and what is
proven of a wider budget holds for a narrower one.  The widest comes first: its bound holds for all.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from adnflex.grid.model import Grid
from adnflex.grid.topology import must_close
from adnflex.knobs import Effort
from adnflex.problems.clock import Deadline, Progress
from adnflex.problems.reconfiguration.answer import SearchedTopology
from adnflex.problems.reconfiguration.meshed import nearest_tree
from adnflex.problems.reconfiguration.objective import Objective, operations
from adnflex.problems.reconfiguration.solve import solve_reconfiguration

Rows = dict[int, SearchedTopology]


@dataclasses.dataclass(frozen=True)
class Budgets:
    """Numbers of operations that radial states can have.

    Attributes
    ----------
    least, most : int
        Fewest and most of any radial state that supplies every node; all have as many as one of them, or a multiple of
        two more.
    """

    least: int
    most: int

    @classmethod
    def of(cls, grid: Grid) -> Budgets:
        """Count them for a grid."""
        required, present = must_close(grid), frozenset(np.flatnonzero(~grid.closed).tolist())
        near, far = (nearest_tree(grid, required, far=far) for far in (False, True))
        return cls(len(near ^ present), len(far ^ present))

    def listed(self) -> list[int]:
        """All of them."""
        return list(range(self.least, self.most + 1, 2))


@dataclasses.dataclass(frozen=True)
class Frontier:
    """What was found.

    Attributes
    ----------
    budgets : tuple of int
        Numbers of operations that are allowed, rising.
    answers : dict of int to SearchedTopology
        By budget, as far as they were reached.
    ended : str
        Why the others were not: ``time_limit``, ``interrupted``; empty where all were.
    whole : bool
        Whether more operations than those of the last row are proven to gain no more than the gap.
    """

    budgets: tuple[int, ...]
    answers: Rows
    ended: str
    whole: bool


def solve_frontier(
    grid: Grid, objective: Objective, effort: Effort, clock: Deadline, wanted: Sequence[int] | None
) -> Frontier:
    """Find the best topology within each budget, and prove how good each is.

    Parameters
    ----------
    grid, objective, effort
        See `solve_reconfiguration`; the gap holds for each budget.
    clock : Deadline
        Of all budgets together.
    wanted : sequence of int or None
        Budgets, rising; None: all that there can be, until more gain nothing.
    """
    known = Budgets.of(grid)
    budgets = known.listed() if wanted is None else list(wanted)
    search = _RowSearch(grid, objective, effort, clock, budgets)
    for budget in [budgets[-1], *budgets[:-1]]:
        if (wanted is None and search.enough) or not search.row(budget):
            break
    whole = budgets[-1] >= known.most and search.nothing_beyond
    if wanted is None:
        budgets = search.cut(budgets)
    return Frontier(tuple(budgets), search.settled(budgets), search.ended, whole)


class _RowSearch:
    """Rows so far, and what they mean for each other."""

    def __init__(
        self, grid: Grid, objective: Objective, effort: Effort, clock: Deadline, budgets: Sequence[int]
    ) -> None:
        self.grid, self.objective, self.effort, self.clock = grid, objective, effort, clock
        self.budgets, self.widest = budgets, budgets[-1]
        self.rows: Rows = {}
        self.ended = ""
        self.done = 0

    def row(self, budget: int) -> bool:
        """Solve one row; False where the time is over or the user does not want to wait."""
        if self.rows and self.clock.spent:
            self.ended = "time_limit"
            return False
        if self._bound(budget) == math.inf:
            # what no wider budget can have, no narrower one can
            self.rows[budget] = self.rows[self.widest]
            return True
        self.done += 1
        if self._near(min(map(self._value, self._within(budget)), default=math.inf), self._bound(budget)):
            # what wider and narrower budgets found and proved is enough
            return True
        parts = max(len(self.budgets) - self.done + 1, 1)
        # the widest proves for all: it may take half of the time
        seconds = self.clock.share(parts if self.rows else min(parts, 2))
        try:
            self.rows[budget] = solve_reconfiguration(
                self.grid,
                self.objective,
                self.effort,
                clock=Deadline(seconds, self._tell, self.clock.time_of),
                max_operations=budget,
                known=[a.flow.closed for a in self._within(budget) if a.flow is not None],
                floor=self._bound(budget),
            )
        except KeyboardInterrupt:
            if not self.rows:
                raise
            self.ended = "interrupted"
            return False
        if self.rows[budget].status == "interrupted":
            self.ended = "interrupted"
        return not self.ended

    def _tell(self, row: Progress) -> None:
        if self.clock.tell is not None:
            self.clock.tell(row._replace(seconds=self.clock.now, done=self.done - 1, wanted=len(self.budgets)))

    def _used(self, answer: SearchedTopology) -> float:
        return math.inf if answer.flow is None else operations(self.grid, answer.flow.closed)

    def _value(self, answer: SearchedTopology) -> float:
        return math.inf if answer.flow is None else self.objective.of_flow(self.grid, answer.flow)

    def _within(self, budget: int) -> list[SearchedTopology]:
        """Answers whose state a budget allows."""
        return [answer for answer in self.rows.values() if self._used(answer) <= budget]

    def _bound(self, budget: int) -> float:
        """Return what is proven of a budget by those that are at least as wide."""
        return max((a.bound for b, a in self.rows.items() if b >= budget), default=0.0)

    def _near(self, value: float, target: float) -> bool:
        return math.isfinite(value) and value - target <= self.effort.gap * abs(value)

    @property
    def enough(self) -> bool:
        """Whether a narrower row is as good as the widest, up to the gap; or nothing at all meets every limit."""
        if self.widest not in self.rows:
            return False
        narrow = min((self._value(a) for b, a in self.rows.items() if b < self.widest), default=math.inf)
        target = self._value(self.rows[self.widest])
        return self.rows[self.widest].bound == math.inf if math.isinf(narrow) else self._near(narrow, target)

    @property
    def nothing_beyond(self) -> bool:
        """Whether the best that was found is proven to be the best of all budgets, up to the gap."""
        best = min(map(self._value, self.rows.values()), default=math.inf)
        return self._near(best, self._bound(self.widest))

    def cut(self, budgets: list[int]) -> list[int]:
        """Leave out budgets beyond the first that is as good as any."""
        best = min(map(self._value, self.rows.values()), default=math.inf)
        if math.isinf(best):
            return budgets[:1]
        # a state may need fewer operations than its row allows
        last = min(self._used(answer) for answer in self.rows.values() if self._near(self._value(answer), best))
        return [budget for budget in budgets if budget <= last]

    def settled(self, budgets: Sequence[int]) -> Rows:
        """Let every row have the best state and the best bound that others give it."""
        found: Rows = {}
        for budget in budgets:
            own = self.rows.get(budget)
            # of one state that several rows found, the answer that says most of it
            inside = sorted(self._within(budget), key=lambda a: (self._value(a), a.relaxed is None, a is not own))
            if inside:
                found[budget] = self._settled(budget, inside[0], own)
            elif own is not None:
                found[budget] = own
        return found

    def _settled(self, budget: int, best: SearchedTopology, own: SearchedTopology | None) -> SearchedTopology:
        """Give an answer the bound of a row, and the status that follows."""
        value = self._value(best)
        bound = min(self._bound(budget), value)
        status = self.ended if own is None else own.status
        if self._near(value, bound):
            status = "optimal"
        return dataclasses.replace(best, bound=bound, status=status, proof="" if own is None else own.proof)
