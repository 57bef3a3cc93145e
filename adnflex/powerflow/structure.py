"""Is a pandapower net radial and supplied?  Asked of the net itself, with pandapower's own graph."""

from __future__ import annotations

from collections import Counter

import networkx as nx
import numpy as np
import pandapower.topology as top
import pandas as pd
from pandapower import pandapowerNet
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components


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
    place = {bus: k for k, bus in enumerate(graph.nodes)}
    chosen = set(zip(switches["element"], switches["index"], strict=True))
    ideal = [
        (int(net.switch.at[s, "bus"]), int(net.switch.at[s, "element"]))
        for s in net.switch.index[(net.switch["et"] == "b") & net.switch["closed"].astype(bool)]
        if ("switch", s) not in chosen and _ideal(net, s)
    ]
    count, fused = _parts([(place[a], place[b]) for a, b in ideal if a in place and b in place], len(place))
    edges: Counter[tuple[int, int]] = Counter()
    free: set[tuple[int, int]] = set()
    node = dict(zip(place, fused.tolist(), strict=True))
    for a, b, key in graph.edges(keys=True):
        u, v = node[a], node[b]
        if u == v:
            continue
        pair = (u, v) if u < v else (v, u)
        edges[pair] += 1
        if chosen and _name(key) in chosen:
            free.add(pair)
    if any(edges[pair] > 1 for pair in free):
        return False
    trees, tree = _parts(list(edges), count)
    if len(edges) != count - trees:
        return False
    roots = {node[b] for b in root_buses(net) if b in node}  # one that is out of service joins nothing
    return len({int(tree[root]) for root in roots}) == len(roots)


def _parts(pairs: list[tuple[int, int]], count: int) -> tuple[int, np.ndarray]:
    """Return the number of parts that pairs of so many nodes form, and the part of each."""
    a, b = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    found = connected_components(csr_matrix((np.ones(len(a)), (a, b)), shape=(count, count)), directed=False)
    return int(found[0]), np.asarray(found[1])


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
