"""The search for the best restoration: number by number of operations, the most valuable sets first.

A set is worth what it supplies, which the graph tells; only those that are worth more than the best answer of fewer
operations are run in power flow, from the most valuable down to the first that meets every limit. What is found so is
proven: every set that is worth more was run and breaks a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from adnflex.arrays import BoolArray
from adnflex.problems.restoration.flows import Evaluated, SetFlows
from adnflex.problems.restoration.sets import OperationSet, OperationSets, nothing
from adnflex.problems.restoration.supply import Supply

# Worth that is none, as a share of all that could be supplied.
_NOTHING = 1e-9

# Sets that are run together, at first and at most.
_FIRST, _MOST = 8, 2048


@dataclass(frozen=True)
class Candidate:
    """One set of operations and its state.

    Attributes
    ----------
    closings, openings : tuple of int
        Branches.
    worth : float
        What it supplies that is dark otherwise.
    state : Evaluated
        Of this one set.
    """

    closings: tuple[int, ...]
    openings: tuple[int, ...]
    worth: float
    state: Evaluated

    @property
    def operations(self) -> int:
        """Number of operations."""
        return len(self.closings) + len(self.openings)

    @property
    def admissible(self) -> bool:
        """Whether it breaks no limit."""
        return bool(self.state.admissible[0])

    @property
    def loss(self) -> float:
        """Losses [pu]."""
        return float(self.state.states.loss[0])


@dataclass
class RestorationSearch:
    """The best set of at most so many operations.

    Parameters
    ----------
    supply : Supply
        The blocks.
    flows : SetFlows
        Power flow and limits.
    stop : callable
        Asked whether the time is over.

    Attributes
    ----------
    none : Candidate
        No operation at all.
    best : Candidate or None
        The best; None where none meets every limit.
    by_count : list of Candidate or None
        The best of at most so many operations, from 0.
    beyond : Candidate or None
        Of all that are worth more than the best, that of the largest worth that breaks limits least.
    nearest : Candidate
        Of all that were run, the one that breaks limits least.
    over : bool
        Whether the time was over before all were decided.
    proven : int
        So many operations restore no more than the best.
    """

    supply: Supply
    flows: SetFlows
    stop: Callable[[], bool]
    none: Candidate = field(init=False)
    best: Candidate | None = None
    by_count: list[Candidate | None] = field(default_factory=list)
    beyond: Candidate | None = None
    over: bool = False
    proven: int = 0

    def __post_init__(self) -> None:
        self._grain = _NOTHING * max(self.supply.most, 1e-300)
        empty = nothing(self.supply)
        self.none = self._answer(empty, self.flows.run([empty]), 0)
        self.nearest = self.none
        if self.none.admissible:
            self.best = self.none
        self.by_count.append(self.best)
        self._open = 0.0

    @property
    def most(self) -> int:
        """No set has more operations."""
        return int(self.supply.between.sum())

    @property
    def whole(self) -> bool:
        """Whether the best supplies all that any number of operations could."""
        return self.best is not None and self.best.worth >= self.supply.most - self._grain

    @property
    def bound(self) -> float:
        """Worth that no set of as many operations as were asked for exceeds."""
        best = 0.0 if self.best is None else self.best.worth
        return max(best, self._open) if self.over else best

    def run(self, asked: int | None) -> None:
        """Search all sets of at most so many operations; None: of any number."""
        most = self.most if asked is None else min(asked, self.most)
        for count in range(1, most + 1):
            if self.whole or self.over:
                break
            above = -1 if self.best is None else round(self.best.worth / self._grain)
            sets = OperationSets(self.supply, count, above, self._grain, self.stop)
            self._decide(sets)
            if self.over:
                # of sets of more operations nothing is known but what they reach
                later = self.supply.reached(most) if count < most else 0.0
                self._open = max(sets.top, later)
            self.by_count.append(self.best)
            self.proven = self.proven if self.over else count

    def _decide(self, sets: OperationSets) -> None:
        """Run sets from the most valuable down until all of the same worth as one that meets every limit are run."""
        better: Candidate | None = None
        grains = -1
        for part in _parts(sets):
            if better is not None:
                # of those with as many operations, only the losses of equal worth are open
                part = [one for one in part if one.grains == grains]
                if not part:
                    break
            evaluated = self.flows.run(part)
            self._remember(part, evaluated)
            good = np.flatnonzero(evaluated.admissible).tolist()
            if good:
                grains = max(part[i].grains for i in good)
                found = [self._answer(part[i], evaluated, i) for i in good if part[i].grains == grains]
                better = min([*found, *([better] if better is not None else [])], key=self._rank)
            if self.stop():
                self.over = True
                break
        self.over |= sets.stopped
        if better is not None:
            self.best = better
            if self.beyond is not None and self.beyond.worth <= better.worth + self._grain:
                self.beyond = None

    def _rank(self, answer: Candidate) -> tuple[int, float, tuple[int, ...]]:
        """Islands, losses, then indices, of sets with the same worth and number of operations."""
        islands = sum(start.branch in answer.closings for start in self.flows.ceiling.starts)
        return islands, round(answer.loss, 12), (*answer.closings, *answer.openings)

    def _remember(self, part: list[OperationSet], evaluated: Evaluated) -> None:
        """Keep what is nearest to its limits, of all and of the most valuable."""
        i = int(evaluated.excess.argmin())
        if evaluated.excess[i] < self.nearest.state.excess[0]:
            self.nearest = self._answer(part[i], evaluated, i)
        broken: BoolArray = ~evaluated.admissible
        if not broken.any():
            return
        first = max(one.grains for one, bad in zip(part, broken, strict=True) if bad)
        same = [i for i in np.flatnonzero(broken).tolist() if part[i].grains == first]
        i = min(same, key=lambda k: float(evaluated.excess[k]))
        mine = self._answer(part[i], evaluated, i)
        old = self.beyond
        if old is None or (mine.worth, -mine.state.excess[0]) > (old.worth + self._grain, -old.state.excess[0]):
            self.beyond = mine

    def _answer(self, one: OperationSet, evaluated: Evaluated, i: int) -> Candidate:
        """Take one set out of many."""
        s = evaluated.states
        state = type(s)(*(getattr(s, name)[i : i + 1] for name in ("closed", "v", "p", "q", "l", "loss")))
        worth = float(self.supply.worth[one.lit & (self.supply.part > 0)].sum())
        kept = Evaluated(state, evaluated.lit[i : i + 1], evaluated.excess[i : i + 1])
        return Candidate(one.closings, tuple(sorted(one.openings)), worth, kept)


def _parts(sets: Iterable[OperationSet]) -> Iterator[list[OperationSet]]:
    """Yield sets some at a time, more and more."""
    left, size = iter(sets), _FIRST
    while part := list(islice(left, size)):
        yield part
        size = min(2 * size, _MOST)
