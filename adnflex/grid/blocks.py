"""Bridges and groups of branches that share loops, seen from the roots, as arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from adnflex.arrays import BoolArray, IntArray
from adnflex.grid.model import Grid


@dataclass(frozen=True)
class Blocks:
    """The biconnected blocks of a grid, every one after that through which it is fed.

    Attributes
    ----------
    entry : (b,) array of int
        Node through which everything in a block is fed; -1: the roots.
    parent : (b,) array of int
        Block in which that node lies; -1 for the roots.
    of_node : (n,) array of int
        Block in which a node lies and is not the entry; -1 for the roots.
    of_branch : (m,) array of int
        Block of every branch.
    size : (b,) array of int
        Number of branches.
    feeds : (b,) array of bool
        Whether it has nodes beyond its entry; a branch between two roots has none.
    """

    entry: IntArray
    parent: IntArray
    of_node: IntArray
    of_branch: IntArray
    size: IntArray
    feeds: BoolArray

    @property
    def is_bridge(self) -> BoolArray:
        """Whether each is a single branch that must be closed."""
        return np.asarray((self.size == 1) & self.feeds)

    def below_nodes(self, values: NDArray[Any]) -> NDArray[Any]:
        """Sum values (n,) of nodes over all that can hang below the branches of each block, whatever the states."""
        return self._below(self.of_node, values)

    def below_branches(self, values: NDArray[Any]) -> NDArray[Any]:
        """Sum values (m,) of branches over those at and below each block."""
        return self._below(self.of_branch, values)

    def within(self, values: NDArray[Any]) -> NDArray[Any]:
        """Sum values (m,) of branches over those of each block."""
        return self._own(self.of_branch, values)

    def _own(self, block: IntArray, values: NDArray[Any]) -> NDArray[Any]:
        own = np.zeros(len(self.entry), dtype=complex if np.iscomplexobj(values) else float)
        inside = block >= 0
        np.add.at(own, block[inside], values[inside])
        return own

    def _below(self, block: IntArray, values: NDArray[Any]) -> NDArray[Any]:
        total = self._own(block, values).tolist()
        for c, above in zip(range(len(total) - 1, -1, -1), reversed(self.parent.tolist()), strict=True):
            if above >= 0:
                total[above] += total[c]
        return np.array(total)


def blocks(grid: Grid) -> Blocks:
    """Group the branches by biconnected block.

    Seen from the root, each block is entered at one node; whatever the switch states, only the nodes behind
    that node can be below a branch of the block.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> found = blocks(read_grid(pn.case33bw()))
    >>> found.size.tolist(), int(found.is_bridge.sum())
    ([1, 36], 1)
    """
    root = grid.n
    merged = np.where(np.isnan(grid.root_v), np.arange(grid.n), root)
    ends = list(zip(merged[grid.f].tolist(), merged[grid.t].tolist(), strict=True))
    hanging = _stripped(ends, root)
    outer = {branch for branch, _, _ in hanging}
    found = _core([(k, a, b) for k, (a, b) in enumerate(ends) if k not in outer], root)
    # what was stripped last hangs highest
    found += [(entry, [node], [branch]) for branch, node, entry in reversed(hanging)]
    of_node = np.full(grid.n + 1, -1, dtype=np.int64)
    of_branch = np.full(grid.m, -1, dtype=np.int64)
    for c, (_, nodes, branches) in enumerate(found):
        of_node[nodes], of_branch[branches] = c, c
    entry = np.array([top for top, _, _ in found], dtype=np.int64)
    return Blocks(
        entry=np.where(entry == root, -1, entry),
        parent=of_node[entry],
        of_node=of_node[:-1],
        of_branch=of_branch,
        size=np.array([len(branches) for _, _, branches in found], dtype=np.int64),
        feeds=np.array([bool(nodes) for _, nodes, _ in found], dtype=bool),
    )


def _stripped(ends: list[tuple[int, int]], root: int) -> list[tuple[int, int, int]]:
    """Take hanging trees off leaf by leaf: branch, leaf, and the node that it hangs on."""
    degree, known = [0] * (root + 1), [0] * (root + 1)
    for k, (a, b) in enumerate(ends):
        # where one branch is left at a node, the sum of its branches is that one
        for node in (a, b):
            degree[node] += 1
            known[node] += k
    leaves = [node for node in range(root) if degree[node] == 1]
    found = []
    while leaves:
        node = leaves.pop()
        if degree[node] != 1:
            continue
        k = known[node]
        a, b = ends[k]
        other = b if a == node else a
        found.append((k, node, other))
        for end in (node, other):
            degree[end] -= 1
            known[end] -= k
        if degree[other] == 1 and other != root:
            leaves.append(other)
    return found


def _core(branches: list[tuple[int, int, int]], root: int) -> list[tuple[int, list[int], list[int]]]:
    """Blocks of what has loops: entry, nodes beyond it, branches; every one after that through which it is fed."""
    graph = nx.Graph()
    graph.add_node(root)
    between: dict[tuple[int, int], list[int]] = {}
    for k, a, b in branches:
        if a != b:
            graph.add_edge(a, b)
        between.setdefault((min(a, b), max(a, b)), []).append(k)
    depth = nx.single_source_shortest_path_length(graph, root)
    found = []
    for edges in nx.biconnected_component_edges(graph):
        pairs = list(edges)
        nodes = {v for e in pairs for v in e}
        top = min(nodes, key=lambda v: depth.get(v, 0))
        mine = [k for a, b in pairs for k in between[min(a, b), max(a, b)]]
        found.append((top, sorted(nodes - {top}), mine))
    found.sort(key=lambda block: depth.get(block[0], 0))
    if (root, root) in between:
        # a branch between two roots feeds nobody and can only be open
        found.append((root, [], between[root, root]))
    return found
