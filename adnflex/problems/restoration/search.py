"""The search for the best restoration: number by number of operations, the most valuable sets first.

A set is worth what it supplies, which the graph tells; only those that are worth more than the best answer of fewer
operations are run in power flow, from the most valuable down to the first that meets every limit. What is found so is
proven: every set that is worth more was run and breaks a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from adnflex.arrays import BoolArray
from adnflex.problems.restoration.flows import Evaluated, SetFlows
from adnflex.problems.restoration.sets import MOST_OPERATIONS, OperationSets, Sets
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
    listed : int
        Sets that were listed.
    over : bool
        Whether the time was over before all were decided.
    proven, asked : int
        So many operations restore no more than the best; so many were asked for.
    """

    supply: Supply
    flows: SetFlows
    stop: Callable[[], bool]
    none: Candidate = field(init=False)
    best: Candidate | None = None
    by_count: list[Candidate | None] = field(default_factory=list)
    beyond: Candidate | None = None
    listed: int = 0
    over: bool = False
    proven: int = 0
    asked: int = 0

    def __post_init__(self) -> None:
        self.none = self._answer(None, 0, self.flows.run([(None, 0)]), 0)
        self.nearest = self.none
        self._grain = _NOTHING * max(self.supply.most, 1e-300)
        if self.none.admissible:
            self.best = self.none
        self.by_count.append(self.best)

    @property
    def complete(self) -> bool:
        """Whether no set of as many operations as were asked for is better."""
        return not self.over and self.proven >= self.asked

    @property
    def whole(self) -> bool:
        """Whether the best supplies all that any number of operations could."""
        return self.best is not None and self.best.worth >= self.supply.most - self._grain

    def run(self, most: int) -> None:
        """Search all sets of at most so many operations."""
        sets = OperationSets(self.supply)
        self.asked = most
        for count in range(1, min(most, MOST_OPERATIONS) + 1):
            if self.whole or self.over:
                break
            above = -1.0 if self.best is None else self.best.worth + self._grain
            found = []
            for group in sets.of(count, above):
                found.append(group)
                if self.stop():
                    self.over = True
                    break
            self.listed += sum(len(group.worth) for group in found)
            self._decide(found)
            self.by_count.append(self.best)
            self.proven = self.proven if self.over else count

    def _decide(self, groups: list[Sets]) -> None:
        """Run sets from the most valuable down until some of the same worth meet every limit."""
        better: Candidate | None = None
        for part in self._classes(groups):
            evaluated = self.flows.run([(groups[g], row) for g, row, _ in part])
            self._remember(groups, part, evaluated)
            good = np.flatnonzero(evaluated.admissible).tolist()
            if good:
                # classes may have been run together: only the most valuable counts
                top = max(part[i][2] for i in good)
                same = [i for i in good if part[i][2] >= top]
                better = min((self._answer(groups[part[i][0]], part[i][1], evaluated, i) for i in same), key=_rank)
                break
            if self.stop():
                self.over = True
                break
        if better is not None:
            self.best = better
            if self.beyond is not None and self.beyond.worth <= better.worth + self._grain:
                self.beyond = None

    def _classes(self, groups: list[Sets]) -> Iterator[list[tuple[int, int, int]]]:
        """Yield group, row and worth (in grains) of sets, the most valuable first, those of one worth together."""
        if not groups:
            return
        worth = np.concatenate([np.round(g.worth / self._grain).astype(np.int64) for g in groups])
        group = np.repeat(np.arange(len(groups)), [len(g.worth) for g in groups])
        row = np.concatenate([np.arange(len(g.worth)) for g in groups])
        order = np.argsort(-worth, kind="stable")
        worth, group, row = worth[order], group[order], row[order]
        at, size = 0, _FIRST
        while at < len(order):
            end = min(at + size, len(order))
            while end < len(order) and worth[end] == worth[end - 1]:
                end += 1
            here = slice(at, end)
            yield list(zip(group[here].tolist(), row[here].tolist(), worth[here].tolist(), strict=True))
            at, size = end, min(2 * size, _MOST)

    def _remember(self, groups: list[Sets], part: list[tuple[int, int, int]], evaluated: Evaluated) -> None:
        """Keep what is nearest to its limits, of all and of the most valuable."""
        i = int(evaluated.excess.argmin())
        if evaluated.excess[i] < self.nearest.state.excess[0]:
            self.nearest = self._answer(groups[part[i][0]], part[i][1], evaluated, i)
        broken: BoolArray = ~evaluated.admissible
        if not broken.any():
            return
        first = max(w for (_, _, w), bad in zip(part, broken, strict=True) if bad)
        same = [i for i in np.flatnonzero(broken).tolist() if part[i][2] == first]
        i = min(same, key=lambda k: float(evaluated.excess[k]))
        mine = self._answer(groups[part[i][0]], part[i][1], evaluated, i)
        old = self.beyond
        if old is None or (mine.worth, -mine.state.excess[0]) > (old.worth + self._grain, -old.state.excess[0]):
            self.beyond = mine

    def _answer(self, group: Sets | None, row: int, evaluated: Evaluated, i: int) -> Candidate:
        """Take one set out of many."""
        s = evaluated.states
        state = type(s)(*(getattr(s, name)[i : i + 1] for name in ("closed", "v", "p", "q", "l", "loss")))
        one = Evaluated(state, evaluated.lit[i : i + 1], evaluated.excess[i : i + 1])
        if group is None:
            return Candidate((), (), 0.0, one)
        return Candidate(group.closings, tuple(sorted(group.openings[row].tolist())), float(group.worth[row]), one)


def _rank(answer: Candidate) -> tuple[float, tuple[int, ...]]:
    """Losses, then indices, of sets with the same worth and number of operations."""
    return round(answer.loss, 12), (*answer.closings, *answer.openings)
