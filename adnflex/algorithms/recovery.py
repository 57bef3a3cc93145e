"""The ladder of recovery: one way after another, until an answer is good enough; the best good one is kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")


class Recovered(NamedTuple, Generic[T]):
    """The best answer that holds, and the way it came.

    Attributes
    ----------
    answer : T or None
        None where no way gave one that holds.
    method : str
        Name of the way.
    tried : tuple of str
        All that were tried, in order.
    """

    answer: T | None
    method: str
    tried: tuple[str, ...]


def recover(
    ways: Iterable[tuple[str, Callable[[T | None], Iterable[T]]]],
    holds: Callable[[T], bool],
    value: Callable[[T], float],
    enough: Callable[[T], bool],
    seconds: float,
) -> Recovered[T]:
    """Try ways in order.

    Parameters
    ----------
    ways : iterable of (str, callable)
        Name, and what gives candidates; told the best answer so far.
    holds : callable
        Whether a candidate is an answer at all.
    value : callable
        What is minimised.
    enough : callable
        Whether an answer is good enough to stop.
    seconds : float
        No further way is begun after so long.

    Examples
    --------
    >>> ways = [("halve", lambda best: [8, 4]), ("count", lambda best: range(best - 3, best))]
    >>> recover(ways, lambda x: x > 1, float, lambda x: x <= 2, 5.0)
    Recovered(answer=2, method='count', tried=('halve', 'count'))
    """
    end = time.monotonic() + seconds
    best: T | None = None
    method = ""
    tried: list[str] = []
    for name, way in ways:
        if time.monotonic() > end or (best is not None and enough(best)):
            break
        tried.append(name)
        for candidate in way(best):
            if holds(candidate) and (best is None or value(candidate) < value(best)):
                best, method = candidate, name
            if best is not None and enough(best):
                break
    return Recovered(best, method, tuple(tried))
