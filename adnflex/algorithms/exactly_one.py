"""Sets of choices of which exactly one is taken, and what follows where choices are excluded."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from adnflex.arrays import BoolArray


class ExactlyOne:
    """Unit propagation over sets that may overlap.

    Parameters
    ----------
    sets : sequence of sequence of int
        Choices of every set.
    count : int
        Number of choices.

    Examples
    --------
    >>> rules = ExactlyOne([[0, 1], [1, 2], [2, 3]], 4)
    >>> rules.follow(np.array([False, True, True, True])).tolist()
    [False, True, False, True]
    >>> rules.follow(np.array([False, True, True, False])) is None
    True
    """

    def __init__(self, sets: Sequence[Sequence[int]], count: int) -> None:
        self.sets = [np.array(s, dtype=np.int64) for s in sets]
        self.within: list[list[int]] = [[] for _ in range(count)]
        for i, members in enumerate(self.sets):
            for m in members.tolist():
                self.within[m].append(i)

    def follow(self, allowed: BoolArray) -> BoolArray | None:
        """Exclude what a single choice left in a set excludes; None where a set has none left."""
        allowed = allowed.copy()
        left = [int(allowed[s].sum()) for s in self.sets]
        waiting = [i for i, n in enumerate(left) if n <= 1]
        while waiting:
            i = waiting.pop()
            if left[i] == 0:
                return None
            if left[i] > 1:
                continue
            taken = int(self.sets[i][allowed[self.sets[i]]][0])
            for j in self.within[taken]:
                if left[j] == 1:
                    continue
                for m in self.sets[j][allowed[self.sets[j]]].tolist():
                    if m == taken:
                        continue
                    allowed[m] = False
                    for other in self.within[m]:
                        left[other] -= 1
                        if left[other] <= 1:
                            waiting.append(other)
        return allowed
