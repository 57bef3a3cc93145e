"""Spanning trees near a spanning tree: all that so many exchanges of branches make of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from itertools import combinations, product


def exchanges(loops: Mapping[int, Collection[int]], count: int) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield all sets of so many closings and as many openings that leave a spanning tree, each once.

    Closed together, the branches beside a tree make loops. Openings leave a tree where their rows in the incidence of
    branches and loops are independent; as that matrix is totally unimodular, it is enough to look at it modulo two, and
    branches in the same loops are alike.

    Parameters
    ----------
    loops : mapping of int to collection of int
        By each branch beside the tree: the branches of the tree on the loop that it closes, as far as they may be
        opened.
    count : int
        How many are closed.

    Examples
    --------
    A ring of 0 1 2 with a branch 3 beside it, and a ring of 2 4 with a branch 5.

    >>> list(exchanges({3: [0, 1, 2], 5: [2, 4]}, 1))
    [((3,), (0,)), ((3,), (1,)), ((3,), (2,)), ((5,), (2,)), ((5,), (4,))]
    >>> len(list(exchanges({3: [0, 1, 2], 5: [2, 4]}, 2)))
    5
    """
    for closed in combinations(sorted(loops), count):
        alike: dict[int, list[int]] = {}
        for branch, mask in _masks([loops[tie] for tie in closed]).items():
            alike.setdefault(mask, []).append(branch)
        for chosen in _independent(sorted(alike), count, 0, ()):
            for opened in product(*(alike[mask] for mask in chosen)):
                yield closed, opened


def _masks(loops: Sequence[Collection[int]]) -> dict[int, int]:
    """By branch: the loops that it is in, a bit each."""
    found: dict[int, int] = {}
    for bit, loop in enumerate(loops):
        for branch in loop:
            found[branch] = found.get(branch, 0) | 1 << bit
    return dict(sorted(found.items()))


def _independent(masks: list[int], count: int, start: int, basis: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
    """Yield all choices of so many rows, independent modulo two, from `start` on; `basis` spans those before."""
    if count == 0:
        yield ()
        return
    for at in range(start, len(masks) - count + 1):
        rest = masks[at]
        for row in basis:
            rest = min(rest, rest ^ row)
        if rest:
            for more in _independent(masks, count - 1, at + 1, (*basis, rest)):
                yield masks[at], *more
