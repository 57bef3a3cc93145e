"""The cheapest sequence of states over periods, where changes cost and are counted: dynamic programming."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from adnflex.arrays import FloatArray, IntArray


class SwitchingSequences:
    """Cheapest sequences of one state a period, for every number of changes up to a limit.

    Parameters
    ----------
    costs : (C, W) array
        Cost of every state in every period; inf where it is not admissible.
    changes : (C, C) array of int
        Number of changes from one state to another.
    first : (C,) array of int
        Number of changes before the first period.
    price : float
        Of one change.
    most : int or None
        Largest number of changes that is looked at; None: they are not counted.

    Examples
    --------
    Two states, of which each is good in one period:

    >>> costs = np.array([[1.0, 5.0], [4.0, 1.0]])
    >>> two = SwitchingSequences(costs, np.array([[0, 2], [2, 0]]), np.zeros(2, dtype=np.int64), 0.5, 4)
    >>> two.best(0), two.best(2), two.best(4)
    ((5.0, [1, 1]), (3.0, [0, 1]), (3.0, [0, 1]))
    """

    def __init__(self, costs: FloatArray, changes: IntArray, first: IntArray, price: float, most: int | None) -> None:
        self._changes, self._price, self._counted = changes, price, most is not None
        self._from: list[IntArray] = []
        # by number of changes so far (one row where they are not counted) and state
        best = np.full((1 if most is None else most + 1, len(costs)), np.inf)
        known = np.flatnonzero(first < np.inf if most is None else first <= most)
        best[first[known] if self._counted else 0, known] = costs[known, 0] + price * first[known]
        step = self._counting(most) if most is not None else self._plain
        for w in range(1, costs.shape[1]):
            best, origin = step(best)
            best += costs[:, w]
            self._from.append(origin)
        self._best = best

    def _plain(self, best: FloatArray) -> tuple[FloatArray, IntArray]:
        """Go to the next period, from wherever that is cheapest."""
        ways = best[0][:, None] + self._price * self._changes
        before = ways.argmin(axis=0)
        return np.take_along_axis(ways, before[None], axis=0), before[None]

    def _counting(self, most: int) -> Callable[[FloatArray], tuple[FloatArray, IntArray]]:
        """Return what goes to the next period with every number of changes."""
        steps = [int(d) for d in np.unique(self._changes) if d <= most]
        reach = {d: np.where(self._changes == d, 0.0, np.inf) for d in steps}
        every = np.arange(len(self._changes))

        def step(best: FloatArray) -> tuple[FloatArray, IntArray]:
            new, origin = np.full_like(best, np.inf), np.zeros(best.shape, dtype=np.int64)
            for used in range(most + 1):
                for d in (d for d in steps if d <= used and np.isfinite(best[used - d]).any()):
                    ways = best[used - d][:, None] + reach[d]
                    before = ways.argmin(axis=0)
                    value = ways[before, every] + self._price * d
                    better = value < new[used]
                    new[used, better], origin[used, better] = value[better], before[better]
            return new, origin

        return step

    def best(self, most: int | None = None) -> tuple[float, list[int]]:
        """Return the least cost with at most so many changes, and its states; inf and none where there is no way.

        Examples
        --------
        >>> costs = np.array([[np.inf, 1.0]])
        >>> SwitchingSequences(costs, np.zeros((1, 1), dtype=int), np.zeros(1, dtype=int), 0.0, None).best()
        (inf, [])
        """
        part = self._best if most is None else self._best[: most + 1]
        used, state = np.unravel_index(int(part.argmin()), part.shape)
        value = float(part[used, state])
        if not np.isfinite(value):
            return np.inf, []
        at, now = int(used), int(state)
        states = [now]
        for origin in reversed(self._from):
            before = int(origin[at, now])
            at -= int(self._changes[before, now]) if self._counted else 0
            now = before
            states.append(now)
        return value, states[::-1]
