"""Many operations in parts: each closing goes with the opening that takes its loop away again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import networkx as nx
import pandapower.topology as top
from pandapower import pandapowerNet

from adnflex.grid.write import write
from adnflex.powerflow.structure import root_buses
from adnflex.problems.switching.operations import Operation, switch_table

# The node that joins all sources.
_SOURCE = -1


def in_parts(
    net: pandapowerNet, operations: Sequence[Operation], most: int
) -> Iterator[tuple[pandapowerNet, pandapowerNet]]:
    """Yield the net before and after every part of the operations, none with more than `most`.

    Pairs stay together; what finds no partner is closed in the first part, or opened in the last.

    Parameters
    ----------
    net : pandapowerNet
        The net before; it is not changed.
    operations : sequence of Operation
        All operations.
    most : int
        Operations of a part, at least 2.
    """
    before, done, part = net, set[int](), list[int]()
    groups = _groups(net, operations)
    for k, group in enumerate(groups):
        part += group
        if k + 1 < len(groups) and len(part) + len(groups[k + 1]) <= most:
            continue
        done |= set(part)
        after = write(net, switches=switch_table(operations, [j in done for j in range(len(operations))]))
        yield before, after
        before, part = after, []


def _groups(net: pandapowerNet, operations: Sequence[Operation]) -> list[list[int]]:
    """Pairs of operations in an order that leaves nobody without supply, if there is one; others alone."""
    graph = top.create_nxgraph(net, multi=True, include_out_of_service=False, include_dclines=False)
    graph.add_edges_from((_SOURCE, bus, ("source", bus)) for bus in root_buses(net))
    opening = {(o.element, o.index): j for j, o in enumerate(operations) if not o.close}
    alone, pairs = [], []
    for j, o in enumerate(operations):
        if not o.close:
            continue
        partner = _on_loop(graph, o, opening)
        graph.add_edge(o.from_bus, o.to_bus, (o.element, o.index))
        if partner is None:
            alone.append([j])
            continue
        pairs.append([j, opening.pop(partner)])
        other = operations[pairs[-1][1]]
        graph.remove_edge(other.from_bus, other.to_bus, partner)
    return [*alone, *pairs, *([j] for j in opening.values())]


def _on_loop(graph: nx.MultiGraph, operation: Operation, opening: dict[tuple[str, int], int]) -> tuple[str, int] | None:
    """Find an opening on the way between the ends of a closing."""
    ends = operation.from_bus, operation.to_bus
    if not all(end in graph for end in ends) or not nx.has_path(graph, *ends):
        return None
    way = nx.shortest_path(graph, *ends)
    keys = [(str(e), int(i)) for a, b in pairwise(way) for e, i in graph[a][b]]
    return next((key for key in keys if key in opening), None)
