r"""Lower bound of a sequence of topologies, from bounds of runs of windows in which the topology stays.

A plan cuts the horizon into runs :math:`[a, b)`.  Within one it has a single topology, so it loses at least
:math:`LB(a, b)`, what one topology of that run is proven to lose; each cut is at least two operations.  The least sum
over all ways to cut is a bound,

.. math:: \min_{0 = b_0 < b_1 < \dots < b_c = W} \sum_i LB(b_{i-1}, b_i) + 2 \, price \, (c - 1) .

Where operations count from the present states, no state of a sequence is further from them than the budget, so that
only such states are asked for.  What is proven of a run is proven of every longer one too: bounds of its parts add up.
So single windows are proven first, then the runs that the best cut uses, as long as one proof there raises the bound.
"""

from __future__ import annotations

import math

import numpy as np

from adnflex.arrays import FloatArray, IntArray
from adnflex.knobs import Effort
from adnflex.problems.clock import Deadline
from adnflex.problems.multi_period.proof import OneProof
from adnflex.problems.multi_period.search import WindowSearch
from adnflex.problems.reconfiguration.radial_search import Incumbent

Open = frozenset[int]

# Operations that a change needs at least.
_OPERATIONS = 2

# Candidates that are run at every point before a run is proven.
_CANDIDATES = 8

# A run is proven to this part of its value, its gap being only one of the bound's.
_GAP = 1e-3


class RunBounds:
    """Bounds of runs, and what they make together.

    Parameters
    ----------
    search : WindowSearch
        What was seen, with price and budget.
    guards : array of int
        Points whose limits have to stand in a model by themselves.
    effort : Effort
        Workers and seed.
    clock : Deadline
        Time that is left.
    """

    def __init__(self, search: WindowSearch, guards: IntArray, effort: Effort, clock: Deadline) -> None:
        self.search, self.guards, self.effort, self.clock = search, guards, effort, clock
        self.windows = search.points.windows
        self.proven: dict[tuple[int, int], float] = {}
        self.proofs = 0
        self.interrupted = False
        # until something is proven, losses are not below zero
        self._least: FloatArray = np.zeros((self.windows + 1, self.windows + 1))

    def improved(self, value: float, gap: float) -> float:
        """Prove runs until the bound is near a value, nothing helps any more, the time is over or the user stops it."""
        try:
            return self._improved(value, gap)
        except KeyboardInterrupt:
            self.interrupted = True
            return self.least(self.search.switching.max_operations)

    def _improved(self, value: float, gap: float) -> float:
        for first in range(self.windows):
            if self.clock.spent:
                break
            self._prove(first, first + 1)
            if self._least[first, first + 1] == math.inf:
                return math.inf
        while True:
            bound, runs = self.best(self.search.switching.max_operations)
            self.clock.report_bests(value, min(bound, value), "runs of windows")
            left = [run for run in runs if run not in self.proven]
            if not left or value - bound <= gap * abs(value) or self.clock.spent:
                return bound
            # the run in which most can be hidden: the longest
            self._prove(*max(left, key=lambda run: run[1] - run[0]))

    def _prove(self, first: int, end: int) -> None:
        """Prove what one topology of a run loses at least."""
        whole, search = self.search.points, self.search
        rows = np.flatnonzero((whole.window >= first) & (whole.window < end))
        points = whole[rows]
        points = type(points)(points.grid, points.p, points.q, points.y, points.weight, np.zeros_like(points.window))
        place = {int(r): k for k, r in enumerate(rows)}
        guards = np.array([place[int(g)] for g in self.guards if int(g) in place], dtype=np.int64)
        proof = OneProof(points, search, guards, most=self._most, rows=rows)
        best = Incumbent()
        for state in self._promising(first, end):
            if self.clock.spent and best.state is not None:
                break
            best.offer(state, proof.score(state))
        effort = Effort(max(self.effort.gap / 2, _GAP), workers=self.effort.workers, executor=self.effort.executor)
        part = Deadline(self.clock.left, time_of=self.clock.time_of)
        outcome, _ = proof.run(best, effort, part)
        self.proofs += 1
        if best.state is not None:
            search.pool.setdefault(best.state)
        found = math.inf if outcome.status == "infeasible" else max(min(outcome.bound, best.value), 0.0)
        self.proven[first, end] = found
        self._raise(first, end, found)
        if outcome.status == "interrupted":  # what is proven of this run is kept, no other is begun
            raise KeyboardInterrupt

    def _promising(self, first: int, end: int) -> list[Open]:
        """Candidates that look best in a run of windows by their means."""
        search = self.search

        def worth(state: Open) -> float:
            return float(search.costs(search.estimate, state)[first:end].sum())

        return sorted(search.pool, key=worth)[:_CANDIDATES]

    @property
    def _most(self) -> int | None:
        """Operations that no state of a sequence is further from the present ones."""
        return self.search.switching.max_operations if self.search.switching.start == "present" else None

    def _raise(self, first: int, end: int, found: float) -> None:
        """Take a bound, and what it makes of longer runs."""
        least = self._least
        least[first, end] = max(least[first, end], found)
        for length in range(1, self.windows + 1):
            for a in range(self.windows + 1 - length):
                b = a + length
                inner = [least[a, k] + least[k, b] for k in range(a + 1, b)]
                least[a, b] = max([least[a, b], *inner])

    def least(self, most: int | None) -> float:
        """Return the bound with at most so many operations; -inf where they are more than runs were proven for."""
        if self._most is not None and (most is None or most > self._most):
            return -math.inf
        return self.best(most)[0]

    def best(self, most: int | None) -> tuple[float, list[tuple[int, int]]]:
        """Return the bound with at most so many operations, and the cheapest cut into runs."""
        switching, count = self.search.switching, self.windows
        price = _OPERATIONS * switching.switching_cost
        present = switching.start == "present"
        first = self._first_operations() if present else _OPERATIONS
        # the first change may take fewer operations than later ones
        changes = count if most is None else max((most - first) // _OPERATIONS + 1, 0)
        stay = self._present() if present else None
        # by number of changes and end
        value = np.full((changes + 1, count + 1), np.inf)
        origin: dict[tuple[int, int], tuple[int, int]] = {}
        for b in range(1, count + 1):
            if not present:
                self._offer(value, origin, (0, b), self._least[0, b], (0, 0))
                continue
            assert stay is not None
            self._offer(value, origin, (0, b), stay[b], (0, 0))
            if changes:
                begin = first * switching.switching_cost
                self._offer(value, origin, (1, b), self._least[0, b] + begin, (0, 0))
        for c in range(1, changes + 1):
            for b in range(2, count + 1):
                for a in range(1, b):
                    self._offer(value, origin, (c, b), value[c - 1, a] + self._least[a, b] + price, (c - 1, a))
        c = int(value[:, count].argmin())
        bound, runs, b = float(value[c, count]), list[tuple[int, int]](), count
        while b > 0 and (c, b) in origin:
            before, a = origin[c, b]
            # with the present topology nothing is left to prove
            if not (present and c == 0):
                runs.append((a, b))
            c, b = before, a
        return bound, runs

    @staticmethod
    def _offer(
        value: FloatArray,
        origin: dict[tuple[int, int], tuple[int, int]],
        at: tuple[int, int],
        new: float,
        source: tuple[int, int],
    ) -> None:
        if new < value[at]:
            value[at], origin[at] = new, source

    def _first_operations(self) -> int:
        """Count the operations that leaving the present states takes at least: fewer where these are not radial."""
        apart = min((abs(len(self.search.present) - len(s)) for s in self.search.pool), default=0)
        return apart or _OPERATIONS

    def _present(self) -> FloatArray:
        """Exact value of the present topology up to every window; inf from where it breaks a limit."""
        costs = self.search.costs(self.search.exact, self.search.present)
        return np.concatenate([[0.0], np.cumsum(costs)])
