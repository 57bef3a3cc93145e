"""Graph facts of a `Grid`: trees, loops, bridges and chains, on the arrays.

All roots count as one: a closed path between two roots is a loop like any other.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import networkx as nx
import numpy as np

from adnflex.arrays import BoolArray, IntArray
from adnflex.grid.blocks import blocks
from adnflex.grid.model import Grid


def closed_of(grid: Grid, opened: Iterable[int]) -> BoolArray:
    """States of all branches (m,), from the open ones."""
    closed = np.ones(grid.m, dtype=bool)
    closed[list(opened)] = False
    return closed


def closed_of_each(grid: Grid, opened: IntArray) -> BoolArray:
    """States of all branches (B, m), from the open ones (B, j) of each of B states."""
    closed = np.ones((len(opened), grid.m), dtype=bool)
    np.put_along_axis(closed, opened, False, axis=1)
    return closed


@dataclass(frozen=True)
class Forest:
    """A radial state: every node but the roots hangs from one parent.

    Attributes
    ----------
    order : (n,) array of int
        Nodes, every one directly before all that hangs below it (preorder).
    below : (n,) array of int
        Number of nodes that hang below a node.
    parent : (n,) array of int
        Parent node, -1 at roots.
    branch : (n,) array of int
        Branch to the parent, -1 at roots.
    away : (n,) array of bool
        Whether that branch points (from, to) away from the root.
    depth : (n,) array of int
        Number of branches to the root.
    """

    order: IntArray
    below: IntArray
    parent: IntArray
    branch: IntArray
    away: BoolArray
    depth: IntArray

    @property
    def root(self) -> IntArray:
        """Root of the tree of every node (n,)."""
        first = np.where(self.parent[self.order] < 0, np.arange(len(self.order)), 0)
        found = np.empty(len(self.order), dtype=np.int64)
        found[self.order] = self.order[np.maximum.accumulate(first)]
        return found

    def closed(self, m: int) -> BoolArray:
        """States of all m branches: those of the forest are closed."""
        found = np.zeros(m, dtype=np.bool_)
        found[self.branch[self.branch >= 0]] = True
        return found


class Adjacency:
    """Neighbour lists of a grid, made once and filtered by state when walked."""

    def __init__(self, grid: Grid) -> None:
        self.roots = [int(r) for r in grid.roots]
        self.n = grid.n
        # both ends of a branch beside each other, so that the neighbours of a node stand in the order of branches
        ends = np.stack([grid.f, grid.t], axis=1)
        order = np.argsort(ends.ravel(), kind="stable")
        other = ends[:, ::-1].ravel()[order]
        lists = zip((order // 2).tolist(), other.tolist(), (order % 2 == 0).tolist(), strict=True)
        neighbours: list[tuple[int, int, bool]] = list(lists)
        first = np.concatenate([[0], np.cumsum(np.bincount(ends.ravel(), minlength=grid.n))]).tolist()
        self.at = [neighbours[a:b] for a, b in pairwise(first)]

    def forest(self, closed: BoolArray) -> Forest | None:
        """Return the forest of the closed branches, or None where they are no spanning forest."""
        parent = [-1] * self.n
        branch = [-1] * self.n
        away = [False] * self.n
        depth = [-1] * self.n
        is_closed = closed.tolist()
        for r in self.roots:
            depth[r] = 0
        order: list[int] = []
        stack = self.roots[::-1]
        while stack:
            node = stack.pop()
            order.append(node)
            up, deeper = branch[node], depth[node] + 1
            for k, other, forward in self.at[node]:
                if k == up or not is_closed[k]:
                    continue
                if depth[other] >= 0:
                    return None
                parent[other], branch[other], away[other], depth[other] = node, k, forward, deeper
                stack.append(other)
        if len(order) < self.n:
            return None
        below = [0] * self.n
        for node in reversed(order):
            if parent[node] >= 0:
                below[parent[node]] += below[node] + 1
        return Forest(
            np.array(order, dtype=np.int64),
            np.array(below, dtype=np.int64),
            np.array(parent, dtype=np.int64),
            np.array(branch, dtype=np.int64),
            np.array(away, dtype=bool),
            np.array(depth, dtype=np.int64),
        )


def forest(grid: Grid, closed: BoolArray) -> Forest | None:
    """Return the spanning forest that the closed branches make, or None where they make none.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> grid = read_grid(pn.case33bw())
    >>> int(forest(grid, grid.closed).depth.max())
    17
    """
    return Adjacency(grid).forest(closed)


def _graph(grid: Grid, closed: BoolArray) -> nx.MultiGraph:
    """Multigraph of the closed branches with all roots merged into node -1."""
    merged = np.where(np.isnan(grid.root_v), np.arange(grid.n), -1)
    graph = nx.MultiGraph()
    graph.add_nodes_from(merged.tolist())
    graph.add_edges_from((int(merged[grid.f[k]]), int(merged[grid.t[k]]), int(k)) for k in np.flatnonzero(closed))
    return graph


def present_loops(grid: Grid, closed: BoolArray) -> list[list[int]]:
    """One closed path (as branches) for every independent loop among the closed branches."""
    if forest(grid, closed) is not None:
        return []
    graph = _graph(grid, closed)
    tree = nx.Graph()
    tree.add_nodes_from(graph.nodes)
    loops = []
    for a, b, k in sorted(graph.edges(keys=True), key=lambda e: e[2]):
        if a == b:
            loops.append([k])
        elif a in tree and b in tree and nx.has_path(tree, a, b):
            path = nx.shortest_path(tree, a, b)
            loops.append([k, *(tree.edges[u, w]["branch"] for u, w in pairwise(path))])
        else:
            tree.add_edge(a, b, branch=k)
    return loops


def must_close(grid: Grid) -> BoolArray:
    """Branches that every supplied state has closed: the fixed ones and the bridges of the whole graph."""
    graph = _graph(grid, np.ones(grid.m, dtype=bool))
    required = ~grid.switchable
    simple = nx.Graph(graph)
    simple.remove_edges_from(list(nx.selfloop_edges(simple)))
    for a, b in nx.bridges(simple):
        keys = list(graph[a][b])
        if len(keys) == 1:
            required[keys[0]] = True
    return required


@dataclass(frozen=True)
class Chain:
    """A path of branches in loops through nodes of degree two.

    Attributes
    ----------
    branches : tuple of int
        Branches in order.
    nodes : tuple of int
        The nodes between them, one fewer.
    along : tuple of bool
        Whether a branch points (from, to) along the path.
    """

    branches: tuple[int, ...]
    nodes: tuple[int, ...]
    along: tuple[bool, ...]


def chains(grid: Grid) -> list[Chain]:
    """Maximal chains of at least two branches; at most one branch of each may be open.

    Opening two would leave the nodes between them without supply.  What hangs on a node of a chain by
    bridges does not count towards its degree.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> sorted(len(c.branches) for c in chains(read_grid(pn.case33bw())))
    [2, 2, 3, 3, 3, 3, 4, 4, 8]
    """
    core = _graph(grid, np.ones(grid.m, dtype=bool))
    simple = nx.Graph(core)
    simple.remove_edges_from(list(nx.selfloop_edges(simple)))
    for a, b in list(nx.bridges(simple)):
        if core.number_of_edges(a, b) == 1:
            core.remove_edge(a, b)
    # a block is fed through its entry: what comes in there by a bridge is no withdrawal of a chain's node
    found_blocks = blocks(grid)
    fed_here = set(found_blocks.entry[~found_blocks.is_bridge].tolist())
    through = {v for v in core if v != -1 and v not in fed_here and core.degree(v) == 2 and not core.has_edge(v, v)}
    found, seen = [], set()
    for node in sorted(through):
        if node in seen:
            continue
        (_, left, first), (_, right, second) = core.edges(node, keys=True)
        path_l, nodes_l = _walk(core, through, node, left, first)
        if nodes_l and nodes_l[-1] == node:
            seen.update(nodes_l)
            continue  # a ring without any junction cannot occur in a supplied net
        path_r, nodes_r = _walk(core, through, node, right, second)
        branches = [*reversed(path_l), *path_r]
        nodes = [*reversed(nodes_l), node, *nodes_r]
        seen.update(nodes)
        found.append(Chain(tuple(branches), tuple(nodes), _along(grid, branches, nodes)))
    return found


def _walk(core: nx.MultiGraph, through: set[int], start: int, node: int, branch: int) -> tuple[list[int], list[int]]:
    """Follow a chain from `start` over `branch` to `node` and on, as far as the degree is two."""
    branches, nodes = [branch], []
    while node in through:
        nodes.append(node)
        if node == start:
            break
        node, branch = next((w, e) for _, w, e in core.edges(node, keys=True) if e != branches[-1])
        branches.append(branch)
    return branches, nodes


def _along(grid: Grid, branches: list[int], nodes: list[int]) -> tuple[bool, ...]:
    first = grid.t[branches[0]] == nodes[0]
    return (bool(first), *(bool(grid.f[k] == j) for k, j in zip(branches[1:], nodes, strict=True)))
