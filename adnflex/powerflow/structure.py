"""Is a pandapower net radial and supplied?  Asked of the net itself, with pandapower's own graph."""

from __future__ import annotations

from collections import Counter

import networkx as nx
import pandapower.topology as top
import pandas as pd
from pandapower import pandapowerNet


def closed_graph(net: pandapowerNet) -> nx.MultiGraph:
    """Graph of all that is in service and closed; converters make no voltage, and are no part of it."""
    return top.create_nxgraph(net, multi=True, include_out_of_service=False, include_dclines=False)


def is_radial(net: pandapowerNet, switches: pd.DataFrame, graph: nx.MultiGraph | None = None) -> bool:
    """Whether no closed path remains, and none joins two external grids.

    Parameters
    ----------
    net : pandapowerNet
        The pushed-back net.
    switches : pandas.DataFrame
        `Plan.switches`: parallel branches between the same two buses count as one branch, unless one of them
        could have been opened.
    graph : networkx graph, optional
        That of `closed_graph`, where it is at hand.
    """
    graph = closed_graph(net) if graph is None else graph
    fused = nx.utils.UnionFind(graph.nodes)
    chosen = set(zip(switches["element"], switches["index"], strict=True))
    for s in net.switch.index[(net.switch["et"] == "b") & net.switch["closed"].astype(bool)]:
        if ("switch", s) not in chosen and _ideal(net, s):
            fused.union(int(net.switch.at[s, "bus"]), int(net.switch.at[s, "element"]))
    edges: Counter[tuple[int, int]] = Counter()
    free: set[tuple[int, int]] = set()
    for a, b, key in graph.edges(keys=True):
        u, v = fused[a], fused[b]
        if u == v:
            continue
        edges[min(u, v), max(u, v)] += 1
        if _name(key) in chosen:
            free.add((min(u, v), max(u, v)))
    if any(edges[pair] > 1 for pair in free):
        return False
    trees = nx.utils.UnionFind()
    for u, v in edges:
        if trees[u] == trees[v]:
            return False
        trees.union(u, v)
    roots = {fused[int(b)] for b in root_buses(net)}
    return len({trees[root] for root in roots}) == len(roots)


def _ideal(net: pandapowerNet, switch: int) -> bool:
    return "z_ohm" not in net.switch.columns or not net.switch.at[switch, "z_ohm"] > 0


def _name(key: object) -> tuple[str, int]:
    """Element of an edge of pandapower's graph, whose keys are ``(element, index)``."""
    element, index = key if isinstance(key, tuple) else ("", -1)
    return str(element), int(index)


def source_rows(net: pandapowerNet) -> list[tuple[str, int]]:
    """List the sources in service, table and index: external grids and slack generators."""
    found = []
    for table in ("ext_grid", "gen"):
        rows = net[table][net[table]["in_service"].to_numpy(dtype=bool)] if len(net[table]) else net[table]
        if table == "gen" and len(rows):
            rows = rows[rows["slack"].fillna(False).to_numpy(dtype=bool)]
        found += [(table, int(i)) for i in rows.index]
    return found


def root_buses(net: pandapowerNet) -> list[int]:
    """Buses of the sources in service."""
    return list(dict.fromkeys(int(net[table].at[i, "bus"]) for table, i in source_rows(net)))


def unsupplied(net: pandapowerNet, buses: pd.Index, graph: nx.MultiGraph | None = None) -> list[int]:
    """Which of the given buses no external grid reaches; for `graph` see `is_radial`."""
    watched = set(buses)
    dark = top.unsupplied_buses(net, mg=closed_graph(net) if graph is None else graph)
    return sorted(int(b) for b in dark if b in watched)
