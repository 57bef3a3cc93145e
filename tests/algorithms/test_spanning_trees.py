"""Spanning trees of multigraphs against all subsets of edges and against networkx."""

from __future__ import annotations

import itertools

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adnflex.algorithms.spanning_trees import count_spanning_trees, spanning_trees

Edges = list[tuple[int, int]]


def by_subsets(n: int, edges: Edges, required: tuple[int, ...] = ()) -> set[tuple[int, ...]]:
    """Edges left out by every tree: every subset of n - 1 edges is tried."""
    found = set()
    for kept in itertools.combinations(range(len(edges)), n - 1):
        graph = nx.MultiGraph()
        graph.add_nodes_from(range(n))
        graph.add_edges_from(edges[k] for k in kept)
        if nx.is_connected(graph) and set(required) <= set(kept):
            found.add(tuple(k for k in range(len(edges)) if k not in kept))
    return found


@st.composite
def multigraphs(draw: st.DrawFn) -> tuple[int, Edges]:
    n = draw(st.integers(1, 5))
    node = st.integers(0, n - 1)
    return n, draw(st.lists(st.tuples(node, node), max_size=8))


@settings(max_examples=60, deadline=None)
@given(multigraphs(), st.data())
def test_every_tree_once(graph: tuple[int, Edges], data: st.DataObject) -> None:
    n, edges = graph
    listed = list(spanning_trees(n, edges))
    assert len(listed) == len(set(listed))
    assert set(listed) == by_subsets(n, edges)
    assert count_spanning_trees(n, edges) == pytest.approx(len(listed), abs=1e-6)
    if edges:
        required = tuple(data.draw(st.sets(st.integers(0, len(edges) - 1), max_size=3)))
        assert set(spanning_trees(n, edges, required)) == by_subsets(n, edges, required)


def test_count_agrees_with_networkx() -> None:
    graph = nx.petersen_graph()
    assert count_spanning_trees(10, list(graph.edges)) == pytest.approx(2000)
    assert sum(1 for _ in spanning_trees(10, list(graph.edges))) == 2000
    assert count_spanning_trees(10, list(graph.edges)) == pytest.approx(nx.number_of_spanning_trees(graph))


def test_cayley() -> None:
    for n in range(2, 7):
        complete = list(itertools.combinations(range(n), 2))
        assert sum(1 for _ in spanning_trees(n, complete)) == n ** (n - 2)


def test_what_has_no_tree() -> None:
    assert list(spanning_trees(3, [(0, 1), (1, 1)])) == []
    assert count_spanning_trees(3, [(0, 1), (1, 1)]) == 0.0
    # a loop, or a closed path, cannot be required
    assert list(spanning_trees(2, [(0, 1), (1, 1)], required=[1])) == []
    assert list(spanning_trees(2, [(0, 1), (1, 0)], required=[0, 1])) == []


def test_a_single_node_is_a_tree_without_edges() -> None:
    assert list(spanning_trees(1, [])) == [()]
    assert list(spanning_trees(1, [(0, 0)])) == [(0,)]
    assert count_spanning_trees(1, [(0, 0)]) == 1.0


def test_trees_come_one_by_one() -> None:
    # a ladder of 30 rungs has more trees than could ever be listed
    rungs = 30
    edges = [(2 * k, 2 * k + 1) for k in range(rungs)]
    edges += [(2 * k + side, 2 * k + 2 + side) for k in range(rungs - 1) for side in (0, 1)]
    assert count_spanning_trees(2 * rungs, edges) > 1e15
    first = list(itertools.islice(spanning_trees(2 * rungs, edges), 50))
    assert len(set(first)) == 50
    assert all(len(left) == len(edges) - 2 * rungs + 1 for left in first)
