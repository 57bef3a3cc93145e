"""Branch exchange: local search over spanning trees by closing one branch and opening another.

References
----------
Civanlar et al., "Distribution feeder reconfiguration for loss reduction", IEEE Trans. Power Delivery 3(3),
1988, doi:10.1109/61.193906.  Merlin and Back, 5th PSCC, 1975 (the start from the meshed flow).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

Open = frozenset[int]

# Restarts in a row without a state that was not seen before, after which a perturbed search ends.
_STALE = 30


class Score(NamedTuple):
    """What a state is worth; less violation comes first, then the smaller objective."""

    violation: float
    objective: float

    def better(self, other: Score, tolerance: float = 1e-9) -> bool:
        """Whether this score beats `other` by more than rounding."""
        if abs(self.violation - other.violation) > tolerance:
            return self.violation < other.violation
        return self.objective < other.objective - tolerance * max(1.0, abs(other.objective))


class Move(NamedTuple):
    """Close one open branch and open another; `estimate` is the expected change of the objective."""

    estimate: float
    close: int
    open: int


@dataclass
class ExchangeSearch:
    """The callables of a search, and what it has seen.

    Parameters
    ----------
    evaluate : callable
        Maps a set of open branches to its `Score`, or None where the state has no solution.
    moves : callable
        Maps a set of open branches to its exchanges.
    stop : callable
        Asked between evaluations; True ends the search with the best so far.
    """

    evaluate: Callable[[Open], Score | None]
    moves: Callable[[Open], Iterable[Move]]
    stop: Callable[[], bool] = lambda: False
    seen: dict[Open, Score | None] = field(default_factory=dict)

    def score(self, state: Open) -> Score | None:
        """Evaluate a state once."""
        if state not in self.seen:
            self.seen[state] = self.evaluate(state)
        return self.seen[state]


def branch_exchange(search: ExchangeSearch, start: Open, batch: int = 12) -> tuple[Open, Score] | None:
    """Improve a state by single exchanges until none helps.

    Moves are tried in order of their estimate, `batch` at a time; the best improving one of the first batch
    that holds one is taken.

    Parameters
    ----------
    search : ExchangeSearch
        The callables.
    start : frozenset of int
        Open branches of the first state.
    batch : int
        Number of moves evaluated before one is taken.

    Returns
    -------
    (frozenset of int, Score) or None
        The local optimum; None where the start has no solution.

    Examples
    --------
    A toy: any single branch of five may be open, and branch 3 is best.

    >>> toy = ExchangeSearch(
    ...     evaluate=lambda s: Score(0.0, float(abs(min(s) - 3))),
    ...     moves=lambda s: [Move(0.0, min(s), k) for k in range(5) if k not in s],
    ... )
    >>> branch_exchange(toy, frozenset({0}))
    (frozenset({3}), Score(violation=0.0, objective=0.0))
    """
    first = search.score(start)
    if first is None:
        return None
    state, score = start, first
    while not search.stop():
        improved = _best_exchange(search, state, score, batch)
        if improved is None:
            break
        state, score = improved
    return state, score


def _best_exchange(search: ExchangeSearch, state: Open, score: Score, batch: int) -> tuple[Open, Score] | None:
    best: tuple[Open, Score] | None = None
    for count, move in enumerate(sorted(search.moves(state)), start=1):
        candidate = (state - {move.close}) | {move.open}
        found = search.score(candidate)
        if found is not None and found.better(score if best is None else best[1]):
            best = candidate, found
        if (best is not None and count % batch == 0) or search.stop():
            break
    return best


def perturbed_search(
    search: ExchangeSearch,
    start: tuple[Open, Score],
    seconds: float,
    rng: np.random.Generator,
    kicks: int = 3,
) -> tuple[Open, Score]:
    """Leave a local optimum by random exchanges and improve again, until the time is over or nothing new is met.

    Parameters
    ----------
    search : ExchangeSearch
        The callables.
    start : (frozenset of int, Score)
        A local optimum.
    seconds : float
        Time to spend [s].
    rng : numpy.random.Generator
        The random generator.
    kicks : int
        Random exchanges a restart.

    Returns
    -------
    (frozenset of int, Score)
        The best local optimum found.
    """
    best = start
    end = time.monotonic() + seconds
    # where few states exist, all of them are soon known
    known, stale = len(search.seen), 0
    while time.monotonic() < end and not search.stop() and stale < _STALE:
        state = best[0]
        for _ in range(kicks):
            moves = sorted(search.moves(state))
            if not moves:
                return best
            # promising exchanges are drawn more often
            rank = min(int(rng.exponential(len(moves) / 6)), len(moves) - 1)
            state = (state - {moves[rank].close}) | {moves[rank].open}
        found = branch_exchange(search, state)
        if found is not None and found[1].better(best[1]):
            best = found
        stale = stale + 1 if len(search.seen) == known else 0
        known = len(search.seen)
    return best
