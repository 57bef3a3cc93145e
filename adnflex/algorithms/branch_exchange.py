"""Branch exchange: local search over spanning trees by closing one branch and opening another.

References
----------
Civanlar et al., "Distribution feeder reconfiguration for loss reduction", IEEE Trans. Power Delivery 3(3),
1988, doi:10.1109/61.193906 (branch exchange).  Lourenço, Martin and Stützle, "Iterated local search", Handbook of
Metaheuristics, 2003, doi:10.1007/0-306-48056-5_11 (what a perturbed search is).
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

# Exchanges of a kick: from the first to the second number, one more after every fruitless round of so many restarts.
_KICKS, _ROUND = (2, 6), 20

# Branches in all the states that are remembered; beyond, the worse half is forgotten.
_REMEMBERED = 1_000_000

# Exchanges that are drawn for one that leads to a state without a power flow, before the kick goes on without it.
_DRAWS = 4


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

    def of(self, state: Open) -> Open:
        """Return the state that it leads to."""
        return (state - {self.close}) | {self.open}


@dataclass
class ExchangeSearch:
    """The callables of a search, and what it has seen.

    Parameters
    ----------
    evaluate : callable
        Maps a set of open branches to its `Score`, or None where the state has no solution.
    moves : callable
        Maps a set of open branches to the exchanges that may improve it.
    stop : callable
        Asked between evaluations; True ends the search with the best so far.
    kick : callable, optional
        Draws an exchange of a state by a random generator, near some branches that were exchanged before (anywhere, if
        there are none); None where there is none. By default one of `moves`, the promising ones more often.
    tell : callable, optional
        Told every state that was not met before, with its score: whatever ends the search, what it found is known.

    Attributes
    ----------
    seen : dict
        Scores of states, of as many as memory allows, the best ones among them.
    evaluated : int
        Number of evaluations.
    """

    evaluate: Callable[[Open], Score | None]
    moves: Callable[[Open], Iterable[Move]]
    stop: Callable[[], bool] = lambda: False
    kick: Callable[[Open, np.random.Generator, Open], Move | None] | None = None
    tell: Callable[[Open, Score | None], object] = lambda state, score: None
    seen: dict[Open, Score | None] = field(default_factory=dict)
    evaluated: int = 0

    def score(self, state: Open) -> Score | None:
        """Evaluate a state once, as long as it is remembered."""
        if state not in self.seen:
            found = self.evaluate(state)
            self.evaluated += 1
            self.tell(state, found)
            if len(self.seen) * len(state) > _REMEMBERED:
                self._forget()
            self.seen[state] = found
        return self.seen[state]

    def _forget(self) -> None:
        """Forget the states without a solution and the worse half of the others."""
        known = [(score, state) for state, score in self.seen.items() if score is not None]
        known.sort(key=lambda entry: entry[0])
        self.seen = {state: score for score, state in known[: len(known) // 2]}

    def drawn(self, state: Open, rng: np.random.Generator, near: Open) -> Move | None:
        """Draw an exchange to perturb a state with."""
        if self.kick is not None:
            return self.kick(state, rng, near)
        moves = sorted(self.moves(state))
        if not moves:
            return None
        return moves[min(int(rng.exponential(len(moves) / 6)), len(moves) - 1)]


def branch_exchange(search: ExchangeSearch, start: Open, batch: int = 1) -> tuple[Open, Score] | None:
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
        candidate = move.of(state)
        found = search.score(candidate)
        if found is not None and found.better(score if best is None else best[1]):
            best = candidate, found
        if (best is not None and count % batch == 0) or search.stop():
            break
    return best


class Perturbed:
    """A search that leaves its best state by random exchanges and improves again, restart after restart.

    A restart that leads nowhere (no exchange to draw, no power flow, nothing better) is followed by the next one from
    the best state; kicks grow while nothing is found.

    Parameters
    ----------
    search : ExchangeSearch
        The callables.
    start : (frozenset of int, Score)
        A local optimum.
    rng : numpy.random.Generator
        The random generator.
    batch : int
        As in `branch_exchange`.

    Attributes
    ----------
    best : (frozenset of int, Score)
        The best local optimum so far.
    """

    def __init__(
        self, search: ExchangeSearch, start: tuple[Open, Score], rng: np.random.Generator, batch: int = 1
    ) -> None:
        self.search, self.best, self.rng, self.batch = search, start, rng, batch
        self._fruitless = self._known = 0

    @property
    def exhausted(self) -> bool:
        """Whether nothing new has been met for a while: where few states exist, all of them are soon known."""
        return self._known >= _STALE

    def restart(self) -> bool:
        """Kick, improve, and keep what is better; whether it was."""
        known = self.search.evaluated
        few, many = _KICKS
        kicks = few + (self._fruitless // _ROUND) % (many - few + 1)
        state = self._kicked(int(self.rng.integers(few, kicks + 1)))
        found = None if state == self.best[0] else branch_exchange(self.search, state, self.batch)
        better = found is not None and found[1].better(self.best[1])
        if found is not None and better:
            self.best = found
        self._fruitless = 0 if better else self._fruitless + 1
        self._known = 0 if self.search.evaluated > known else self._known + 1
        return better

    def _kicked(self, kicks: int) -> Open:
        """Exchange some branches near each other; an exchange that leads to no power flow is drawn again."""
        state, near = self.best[0], frozenset[int]()
        for _ in range(kicks):
            for _ in range(_DRAWS):
                if self.search.stop():
                    return state
                move = self.search.drawn(state, self.rng, near)
                if move is not None and self.search.score(move.of(state)) is not None:
                    state, near = move.of(state), near | {move.close, move.open}
                    break
        return state


def perturbed_search(
    search: ExchangeSearch,
    start: tuple[Open, Score],
    seconds: float,
    rng: np.random.Generator,
    restarts: int | None = None,
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
    restarts : int, optional
        Largest number of restarts.

    Returns
    -------
    (frozenset of int, Score)
        The best local optimum found.

    Examples
    --------
    A path of 20 branches with two valleys, at 4 and at 15: one exchange moves the open branch by one.

    >>> depth = [5, 3, 2, 1, 0, 1, 2, 3, 4, 5, 6, 5, 4, 3, 1, -1, 1, 2, 3, 4]
    >>> toy = ExchangeSearch(
    ...     evaluate=lambda s: Score(0.0, float(depth[min(s)])),
    ...     moves=lambda s: [Move(0.0, min(s), k) for k in (min(s) - 1, min(s) + 1) if 0 <= k < 20],
    ...     kick=lambda s, rng, near: Move(0.0, min(s), int(rng.integers(20))),
    ... )
    >>> near = branch_exchange(toy, frozenset({6}))
    >>> far = perturbed_search(toy, near, 5.0, np.random.default_rng(0), restarts=20)
    >>> near[0], far[0]
    (frozenset({4}), frozenset({15}))
    """
    perturbed = Perturbed(search, start, rng)
    end = time.monotonic() + seconds
    done = 0
    while not (search.stop() or perturbed.exhausted or time.monotonic() >= end or done == restarts):
        perturbed.restart()
        done += 1
    return perturbed.best
