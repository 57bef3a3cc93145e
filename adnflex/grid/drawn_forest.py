"""Spanning forests of a drawn network: who is fed from where, by which branch and over what distance."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from adnflex.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True)
class DrawnForest:
    """One tree a root, and one a part that no root reaches.

    Attributes
    ----------
    order : numpy.ndarray
        Nodes in breadth-first order: a parent always comes before its children.
    parent, via : numpy.ndarray
        Parent node and position of the edge to it; -1 at the top of a tree.
    top : numpy.ndarray
        The node at the top of each node's tree.
    supplied : numpy.ndarray
        Whether a root reaches the node.
    """

    order: IntArray
    parent: IntArray
    via: IntArray
    top: IntArray
    supplied: BoolArray

    def cumulated(self, lengths: FloatArray) -> FloatArray:
        """Sum of the edge lengths from the top of its tree to each node.

        Parameters
        ----------
        lengths : numpy.ndarray
            Length of each edge, in the order in which the forest was grown.
        """
        total = np.zeros(len(self.parent))
        for node in self.order:
            if self.parent[node] >= 0:
                total[node] = total[self.parent[node]] + lengths[self.via[node]]
        return total


def grow(count: int, edges: Iterable[tuple[int, int]], roots: Sequence[int]) -> DrawnForest:
    """Grow a forest over `count` nodes from the roots, breadth first and deterministic.

    Parameters
    ----------
    count : int
        Number of nodes, named 0 … count − 1.
    edges : iterable of (int, int)
        Closed edges; one that would close a loop is left out.
    roots : sequence of int
        Where supply comes from. Parts without a root grow from their first node and are not supplied.

    Examples
    --------
    >>> grow(4, [(0, 1), (2, 1)], roots=[0]).parent.tolist()
    [-1, 0, 1, -1]
    """
    neighbours: list[list[tuple[int, int]]] = [[] for _ in range(count)]
    for position, (a, b) in enumerate(edges):
        neighbours[a].append((b, position))
        neighbours[b].append((a, position))
    order: list[int] = []
    parent, via, top = (np.full(count, -1, dtype=np.int64) for _ in range(3))
    for start in [*roots, *range(count)]:
        if top[start] < 0:
            # All roots start together, so that in a meshed net each root keeps what is nearest to it.
            starts = [r for r in roots if top[r] < 0] if start in roots else [start]
            top[starts] = starts
            _spread(starts, neighbours, order, parent, via, top)
    supplied = np.isin(top, np.asarray(roots, dtype=np.int64))
    return DrawnForest(np.asarray(order, dtype=np.int64), parent, via, top, supplied)


def _spread(
    starts: list[int],
    neighbours: list[list[tuple[int, int]]],
    order: list[int],
    parent: IntArray,
    via: IntArray,
    top: IntArray,
) -> None:
    """Breadth-first search from `starts`, written into the arrays."""
    queue = deque(starts)
    while queue:
        node = queue.popleft()
        order.append(node)
        for other, position in neighbours[node]:
            if top[other] < 0:
                parent[other], via[other], top[other] = node, position, top[node]
                queue.append(other)


def heavy_paths(forest: DrawnForest) -> list[list[int]]:
    """Cut the forest into paths, each going on to the deepest child; a path starts at its parent node.

    Examples
    --------
    >>> heavy_paths(grow(5, [(0, 1), (1, 2), (2, 3), (1, 4)], roots=[0]))
    [[0, 1, 2, 3], [1, 4]]
    """
    heavy = deepest_children(forest)
    paths = []
    for node in forest.order.tolist():
        above = int(forest.parent[node])
        if above >= 0 and heavy[above] == node:
            continue
        path = [node] if above < 0 else [above, node]
        while heavy[path[-1]] >= 0:
            path.append(int(heavy[path[-1]]))
        paths.append(path)
    return paths


def deepest_children(forest: DrawnForest) -> IntArray:
    """Child with the deepest subtree of each node (-1 where none); ties go to the larger subtree."""
    count = len(forest.parent)
    height, size = np.zeros(count, dtype=np.int64), np.ones(count, dtype=np.int64)
    best = np.full(count, -1, dtype=np.int64)
    for node in forest.order[::-1].tolist():
        above = int(forest.parent[node])
        if above < 0:
            continue
        size[above] += size[node]
        height[above] = max(height[above], height[node] + 1)
    for node in forest.order.tolist():
        above = int(forest.parent[node])
        if above < 0:
            continue
        rival = int(best[above])
        if rival < 0 or (height[node], size[node]) > (height[rival], size[rival]):
            best[above] = node
    return best


def trunk_first(forest: DrawnForest) -> list[int]:
    """Nodes depth first, towards the deepest child first, so that what hangs together stays together.

    Examples
    --------
    >>> trunk_first(grow(5, [(0, 1), (0, 2), (2, 3), (2, 4)], roots=[0]))
    [0, 2, 3, 4, 1]
    """
    heavy = deepest_children(forest)
    children: list[list[int]] = [[] for _ in forest.parent]
    tops: list[int] = []
    for node in forest.order.tolist():
        above = int(forest.parent[node])
        (tops if above < 0 else children[above]).append(node)
    found, waiting = [], tops[::-1]
    while waiting:
        node = waiting.pop()
        found.append(node)
        # What is put last is taken first: the trunk, then the laterals in their own order.
        trunk = int(heavy[node])
        waiting += [child for child in children[node][::-1] if child != trunk]
        waiting += [trunk] if trunk >= 0 else []
    return found


def bus_forest(topology: pd.DataFrame, coordinates: pd.DataFrame, state: str) -> tuple[DrawnForest, pd.DataFrame]:
    """DrawnForest of the closed branches of a plan's drawing tables, and those branches in the edges' order.

    Parameters
    ----------
    topology, coordinates : pandas.DataFrame
        As in `adnflex.Plan`; nodes are the rows of `coordinates`.
    state : str
        ``before`` or ``after``.
    """
    closed = topology[topology[f"closed_{state}"].astype(bool)].reset_index(drop=True)
    position = pd.Series(np.arange(len(coordinates)), index=coordinates.index)
    ends = zip(position[closed["from_bus"]].tolist(), position[closed["to_bus"]].tolist(), strict=True)
    roots = np.flatnonzero((coordinates["kind"] == "root").to_numpy()).tolist()
    return grow(len(coordinates), ends, roots), closed
