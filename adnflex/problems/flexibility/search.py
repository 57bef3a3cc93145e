"""Switch states that enlarge the box: branch exchange, then a bound over every tree."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice

import numpy as np

from adnflex.algorithms.branch_exchange import ExchangeSearch, Move, Open, Score, branch_exchange, perturbed_search
from adnflex.algorithms.spanning_trees import count_spanning_trees, spanning_trees
from adnflex.algorithms.workers import worker_pool
from adnflex.arrays import BoolArray
from adnflex.errors import SolverError
from adnflex.grid.model import Grid
from adnflex.grid.topology import Adjacency, closed_of
from adnflex.problems.clock import Deadline
from adnflex.problems.flexibility.bounds import PeriodBounds
from adnflex.problems.flexibility.least_loss import exchanges
from adnflex.problems.flexibility.linear_boxes import outer_box, separable_box
from adnflex.problems.flexibility.model import BoxProblem
from adnflex.problems.reconfiguration.meshed import nearest_tree
from adnflex.problems.reconfiguration.near_states import states_near

log = logging.getLogger(__name__)

# Trees that are looked at before the clock is asked again.
_CHUNK = 10

# More trees than this are not listed: a bound takes milliseconds.
_MOST_TREES = 2e6

# Of those within a budget of operations so many are listed at once.
_MOST_NEAR = 200_000


@dataclass(frozen=True)
class Found:
    """What a search over topologies leaves.

    Attributes
    ----------
    states : list of frozenset of int
        Open branches of the best topologies, best first.
    values : list of float
        Worth of their boxes in the linear model.
    bound : float
        No topology is worth more.
    kind : str
        How the bound was proven.
    looked_at : int
        Topologies whose box was computed.
    interrupted : bool
        Whether Ctrl-C, or a lack of memory, ended the search or the proof.
    notes : tuple of str
        What happened to the workers.
    """

    states: list[Open]
    values: list[float]
    bound: float
    kind: str
    looked_at: int
    interrupted: bool = False
    notes: tuple[str, ...] = ()


@dataclass
class TopologySearch:
    """Search over the radial states of a grid.

    Parameters
    ----------
    grid : Grid
        The grid.
    required : (m,) array of bool
        Branches that stay closed.
    problem_of : callable
        Maps a radial state to its linear problem.
    clock : Deadline
        Time limit and progress.
    max_operations : int or None
        Largest number of branches whose state changes.
    gap : float
        Relative gap at which to stop.
    seed : int
        Of the perturbations.
    """

    grid: Grid
    required: BoolArray
    problem_of: Callable[[BoolArray], BoxProblem]
    clock: Deadline
    max_operations: int | None = None
    gap: float = 1e-4
    seed: int = 0
    best: tuple[Open, float] | None = None
    bounds: PeriodBounds | None = None
    looked_at: int = 0
    interrupted: bool = False
    notes: list[str] = field(default_factory=list)
    until: float = math.inf
    unsolved: int = 0
    values: dict[Open, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.adjacency = Adjacency(self.grid)
        self.present = frozenset(np.flatnonzero(~self.grid.closed).tolist())

    # -- local search --------------------------------------------------------------------------------------

    def run(
        self,
        starts: Iterable[Open],
        seconds: float,
        workers: int | None = None,
        executor: Executor | None = None,
        between: Callable[[Open], float] | None = None,
    ) -> Found:
        """Search from some states, then prove.

        Parameters
        ----------
        starts : iterable of frozenset of int
            Open branches of the states to begin with.
        seconds : float
            Time for the local search [s].
        workers : int, optional
            Processes for the proof.
        executor : concurrent.futures.Executor, optional
            Who does the proof in their place.
        between : callable, optional
            Told the best state before the proof; returns the clock time at which the proof has to end [s].
        """
        try:
            self._local(starts, seconds)
            if between is not None and self.best is not None:
                self.until = between(self.best[0])
        except KeyboardInterrupt:
            self.interrupted = True
        if self.best is None:
            if self.interrupted:
                raise KeyboardInterrupt
            return Found([], [], math.inf, "", self.looked_at)
        bound, kind = self._prove(workers, executor)
        ranked = sorted(self.values, key=lambda s: -self.values[s])
        worth = [self.values[s] for s in ranked]
        return Found(ranked, worth, bound, kind, self.looked_at, self.interrupted, tuple(self.notes))

    def _local(self, starts: Iterable[Open], seconds: float) -> None:
        search = ExchangeSearch(self._evaluate, self._moves, lambda: self.clock.now > seconds)
        # every start is looked at before one of them is improved: the best leads, and its prices bound the others
        allowed = (state for state in dict.fromkeys(starts) if self._allowed(state))
        known = {state: search.score(state) for state in allowed if not search.stop()}
        ranked = sorted((score, rank, state) for rank, (state, score) in enumerate(known.items()) if score is not None)
        for _, _, state in ranked:
            if not search.stop():
                branch_exchange(search, state, batch=40)
        if self.best is None:
            return
        self._tell("branch exchange of boxes")
        if not self._proven(self._networkless()):
            top = self.best[0], Score(0.0, -self.best[1])
            effort = min(0.25 * self.clock.seconds, max(seconds - self.clock.now, 0.0))
            perturbed_search(search, top, effort, np.random.default_rng(self.seed))
            self._tell("perturbed search")

    def _tell(self, event: str) -> None:
        value = -math.inf if self.best is None else self.best[1]
        self.clock.report(value, self._networkless(), event)

    def _networkless(self) -> float:
        return math.inf if self.bounds is None else self.bounds.networkless

    def _proven(self, bound: float) -> bool:
        return self.best is not None and bound - self.best[1] <= self.gap * abs(self.best[1])

    def _allowed(self, state: Open) -> bool:
        return self.max_operations is None or len(state ^ self.present) <= self.max_operations

    def _evaluate(self, state: Open) -> Score | None:
        """Worth of a state; one that cannot beat the best is scored by its bound, which is no better either."""
        closed = closed_of(self.grid, state)
        if self.adjacency.forest(closed) is None:
            return None
        problem = self.problem_of(closed)
        if self.bounds is not None and self.best is not None:
            most = self.bounds.bound(problem, self.best[1])
            if most <= self.best[1]:
                return None if most == -math.inf else Score(0.0, -most)
        self.looked_at += 1
        try:
            box = separable_box(problem, self.clock.left)
        except SolverError as error:
            log.info("topology %s: %s", sorted(state), error)
            return None
        if box is None:
            return None
        self.values[state] = box.worth
        if self.best is None or box.worth > self.best[1]:
            self.best = state, box.worth
            # prices of the best topology give the closest bounds
            before = None if self.bounds is None else self.bounds.devices_only
            self.bounds = PeriodBounds(problem, self.clock.left, before)
            self._tell("better topology")
        return Score(0.0, -box.worth)

    def _moves(self, state: Open) -> Iterator[Move]:
        for move in exchanges(self.grid, self.required, self.adjacency, state):
            if self._allowed((state - {move.close}) | {move.open}):
                yield move

    # -- proof ---------------------------------------------------------------------------------------------

    def _prove(self, workers: int | None, executor: Executor | None) -> tuple[float, str]:
        """Bound every topology: by the devices alone, or tree by tree where there are not too many."""
        bound = self._networkless()
        kind = "no topology offers more than the devices would without a network, in LinDistFlow"
        if self._proven(bound) or self.interrupted or self.best is None or self.bounds is None:
            return bound, kind
        wanted, count, which = self._trees()
        if count > _MOST_TREES:
            return bound, kind
        try:
            finished = self._enumerate(wanted, count, workers, executor)
        except MemoryError:
            self.notes.append("the memory ran out and ended the proof; fewer workers need less: workers=1.")
            self.interrupted, finished = True, None
        except KeyboardInterrupt:
            self.interrupted, finished = True, None
        if finished is None:
            return bound, kind
        kind = f"all {round(count):,} radial topologies{which}, by Lagrangian bounds period by period, in LinDistFlow"
        if self.unsolved:
            kind += f"; {self.unsolved} of them were not solved, and count with the bound known before"
        return min(finished, bound), kind

    def _trees(self) -> tuple[Iterator[Open], float, str]:
        """Return the radial states that are allowed, how many are listed, and which these are, in words."""
        if self.max_operations is not None:
            near = list(islice(self._near(self.max_operations), _MOST_NEAR + 1))
            if len(near) <= _MOST_NEAR:
                return iter(near), len(near), f" of at most {self.max_operations} operations"
        size, edges = self._merged()
        trees = spanning_trees(size, edges, np.flatnonzero(self.required).tolist())
        return filter(self._allowed, map(frozenset, trees)), count_spanning_trees(size, edges), ""

    def _near(self, most: int) -> Iterator[Open]:
        """Yield the radial states of so many operations at most, from the one that is nearest to the present."""
        state = self.present
        if self.adjacency.forest(closed_of(self.grid, state)) is None:
            state = nearest_tree(self.grid, self.required)
        forest = self.adjacency.forest(closed_of(self.grid, state))
        assert forest is not None  # the nearest tree is one
        exchanged = (most + len(state ^ self.present)) // 2
        return filter(self._allowed, states_near(self.grid, forest, state, self.required, exchanged))

    def _merged(self) -> tuple[int, list[tuple[int, int]]]:
        """Return the graph of the branches, all roots being one node: its size and edges."""
        group = np.where(np.isnan(self.grid.root_v), np.arange(self.grid.n), self.grid.roots[0])
        names, place = np.unique(group, return_inverse=True)
        ends = zip(place[self.grid.f].tolist(), place[self.grid.t].tolist(), strict=True)
        return len(names), list(ends)

    def _enumerate(
        self,
        wanted: Iterator[Open],
        count: float,
        workers: int | None,
        executor: Executor | None,
    ) -> float | None:
        """Bound tree after tree; what is not refuted is solved. None where time ran out."""
        assert self.best is not None
        assert self.bounds is not None
        end = min(self.until, self.clock.seconds)
        # what is below this cannot matter
        cutoff = self.best[1] * (1 + self.gap / 2)
        job = partial(_bound_chunk, self.grid, self.problem_of, self.bounds, cutoff)
        seen, worst = 0, self.best[1]
        with worker_pool(job, executor, workers) as crew:
            self.notes = crew.notes
            for left in crew.in_order(_chunks(wanted, _CHUNK), lambda: end - self.clock.now):
                seen += _CHUNK
                for state, most in left:
                    worst = max(worst, self._settle(state, most))
                    if self.clock.now > end:
                        return None
                if seen % (100 * _CHUNK) == 0:
                    self.clock.report(
                        self.best[1], self._networkless(), f"{min(seen, count):,.0f} of {count:,.0f} trees"
                    )
        if self.clock.now > end:
            return None
        # trees that were refuted are worth at most the cut-off
        return max(worst, self.best[1], cutoff)

    def _settle(self, state: Open, most: float) -> float:
        """Return what a topology can be worth at most, by its own outer program; keep its separable box.

        Where that is not solved, what was proven before stays in force.
        """
        problem = self.problem_of(closed_of(self.grid, state))
        left = max(min(self.until, self.clock.seconds) - self.clock.now, 0.0)
        ends = [np.zeros(problem.periods), np.ones(problem.periods)]
        box = None
        self.looked_at += 1
        try:
            outer = outer_box(problem, ends, left)
            most = -math.inf if outer is None else min(most, outer.bound)
            box = separable_box(problem, left)
        except SolverError as error:
            log.info("topology %s: %s", sorted(state), error)
            self.unsolved += 1
        if box is not None:
            self.values[state] = box.worth
            if self.best is None or box.worth > self.best[1]:
                self.best = state, box.worth
        return most


def _chunks(states: Iterator[Open], size: int) -> Iterator[list[Open]]:
    while chunk := list(islice(states, size)):
        yield chunk


def _bound_chunk(
    grid: Grid,
    problem_of: Callable[[BoolArray], BoxProblem],
    bounds: PeriodBounds,
    enough: float,
    chunk: list[Open],
) -> list[tuple[Open, float]]:
    """States of a chunk that the bounds do not refute."""
    found = []
    for state in chunk:
        most = bounds.bound(problem_of(closed_of(grid, state)), enough)
        if most > enough:
            found.append((state, most))
    return found
