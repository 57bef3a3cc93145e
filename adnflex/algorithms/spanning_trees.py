"""All spanning trees of a small multigraph: how many there are, and one after the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

Edge = tuple[int, int]


def count_spanning_trees(n: int, edges: Sequence[Edge], weights: Sequence[float] | None = None) -> float:
    """Count them by Kirchhoff's theorem.

    Parameters
    ----------
    n : int
        Number of nodes, 0 to n - 1.
    edges : sequence of (int, int)
        Edges; parallel ones count, loops do not.
    weights : sequence of float, optional
        Of the edges: a tree counts as much as the product of its own; by default 1.

    Examples
    --------
    >>> round(count_spanning_trees(4, [(0, 1), (1, 2), (2, 3), (3, 0), (0, 2)]))
    8
    """
    if n < 2:
        return 1.0
    laplacian = np.zeros((n, n))
    a, b = np.array(edges, dtype=np.int64).reshape(-1, 2).T
    # a loop adds and takes the same
    for row, column, sign in ((a, a, 1.0), (b, b, 1.0), (a, b, -1.0), (b, a, -1.0)):
        np.add.at(laplacian, (row, column), sign * (np.ones(len(a)) if weights is None else np.array(weights)))
    sign, logarithm = np.linalg.slogdet(laplacian[1:, 1:])
    return float(np.exp(logarithm)) if sign > 0 else 0.0


def spanning_trees(n: int, edges: Sequence[Edge], required: Sequence[int] = ()) -> Iterator[tuple[int, ...]]:
    """Yield the edges left out by every spanning tree.

    Parameters
    ----------
    n : int
        Number of nodes, 0 to n - 1.
    edges : sequence of (int, int)
        Edges; parallel ones count, loops are always left out.
    required : sequence of int
        Edges that every tree has to have.

    Examples
    --------
    >>> sorted(spanning_trees(3, [(0, 1), (1, 2), (2, 0)]))
    [(0,), (1,), (2,)]
    >>> sorted(spanning_trees(3, [(0, 1), (1, 2), (2, 0)], required=[1]))
    [(0,), (2,)]
    """
    group = list(range(n))
    for e in required:
        a, b = (_find(group, v) for v in edges[e])
        if a == b:
            return
        group[a] = b
    held = set(required)
    free = [e for e in range(len(edges)) if e not in held]
    yield from _extend(edges, free, 0, group, ())


def _find(group: list[int], node: int) -> int:
    while group[node] != node:
        node = group[node]
    return node


def _extend(
    edges: Sequence[Edge], free: list[int], at: int, group: list[int], left_out: tuple[int, ...]
) -> Iterator[tuple[int, ...]]:
    """Decide edge `at`: take it where it joins two groups, leave it out where the rest still connects everything."""
    while at < len(free):
        a, b = (_find(group, v) for v in edges[free[at]])
        if a != b:
            break
        left_out = (*left_out, free[at])
        at += 1
    else:
        roots = {_find(group, v) for v in range(len(group))}
        if len(roots) == 1:
            yield left_out
        return
    if _connects(edges, free[at + 1 :], group):
        yield from _extend(edges, free, at + 1, group.copy(), (*left_out, free[at]))
    joined = group.copy()
    joined[a] = b
    yield from _extend(edges, free, at + 1, joined, left_out)


def _connects(edges: Sequence[Edge], rest: list[int], group: list[int]) -> bool:
    """Whether the edges that remain join all groups."""
    trial = group.copy()
    parts = len({_find(trial, v) for v in range(len(trial))})
    for e in rest:
        a, b = (_find(trial, v) for v in edges[e])
        if a != b:
            trial[a] = b
            parts -= 1
    return parts == 1
