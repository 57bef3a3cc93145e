"""What a fault trips: everything up to the next breakers and fuses, and all that hangs behind.

A net is seen as buses, lines, transformers and couplers that touch each other; where they touch stands a switch, or
not. Cut at every closed breaker (``CB``) and fuse (``FUSE``) it falls into zones. A fault takes its whole zone, and
with it everything that no source reaches without that zone. Cut at every switch it falls into blocks: the block that
holds the fault waits for the repair. A feeder without a breaker at its head is taken to have one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd
from pandapower import pandapowerNet
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from adnflex.arrays import BoolArray, IntArray
from adnflex.grid.switching import FUSE
from adnflex.powerflow.structure import source_rows

#: Types of switches that part a fault by themselves.
PROTECTIVE = ("CB", FUSE)
_Place = tuple[int, int, bool, bool, tuple[int, ...]]
_ENDS = {"line": ("from_bus", "to_bus"), "trafo": ("hv_bus", "lv_bus")}


class Touching:
    """Buses, lines, transformers, couplers and sources of a net, and what stands where they touch.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is only read. Only what is in service takes part.
    """

    def __init__(self, net: pandapowerNet) -> None:
        self.net = net
        self.node: dict[tuple[str, int], int] = {}
        for table in ("bus", "line", "trafo"):
            on = net[table]["in_service"].to_numpy(dtype=bool)
            for index in net[table].index[on]:
                self.node[table, int(index)] = len(self.node)
        rows = [*self._ends(), *self._couplers(), *self._sources()]
        self.a, self.b = (np.array([row[k] for row in rows], dtype=np.int64) for k in (0, 1))
        self.closed, self.trips = (np.array([row[k] for row in rows], dtype=bool) for k in (2, 3))
        self.switches = [row[4] for row in rows]
        self.bus = np.array([node for (table, _), node in self.node.items() if table == "bus"], dtype=np.int64)
        self.buses = pd.Index([index for table, index in self.node if table == "bus"], name="bus")
        self.roots = [node for (table, _), node in self.node.items() if table in ("ext_grid", "gen")]
        #: Branches at whose head a breaker is assumed.
        self.assumed = self._heads()

    def _ends(self) -> list[_Place]:
        """Where lines and transformers touch buses: nodes, closed, has a breaker or fuse, switches."""
        at: dict[tuple[str, int, int], list[tuple[bool, str, int]]] = {}
        names = {"l": "line", "t": "trafo"}
        table = self.net.switch[self.net.switch["et"].isin(list(names))]
        kinds = table["type"] if "type" in table else pd.Series("", table.index)
        for switch, kind, index, bus, closed in table[["et", "element", "bus", "closed"]].itertuples():
            here = at.setdefault((names[kind], int(index), int(bus)), [])
            here.append((bool(closed), str(kinds[switch]), int(switch)))
        found = []
        for element, ends in _ENDS.items():
            for index, *buses in self.net[element][list(ends)].itertuples():
                for bus in buses:
                    if (element, int(index)) not in self.node or ("bus", int(bus)) not in self.node:
                        continue
                    here = at.get((element, int(index), int(bus)), [])
                    closed, trips = all(c for c, *_ in here), any(word in PROTECTIVE for _, word, _ in here)
                    nodes = self.node["bus", int(bus)], self.node[element, int(index)]
                    found.append((*nodes, closed, trips, tuple(switch for *_, switch in here)))
        return found

    def _couplers(self) -> list[_Place]:
        """Couplers, as nodes of their own between their buses."""
        found: list[_Place] = []
        for switch, row in self.net.switch[self.net.switch["et"] == "b"].iterrows():
            ends = [self.node.get(("bus", int(row[end]))) for end in ("bus", "element")]
            if ends[0] is None or ends[1] is None:
                continue
            own = self.node["switch", int(switch)] = len(self.node)
            here = bool(row["closed"]), row.get("type") in PROTECTIVE, (int(switch),)
            found += [(end, own, *here) for end in ends if end is not None]
        return found

    def _sources(self) -> list[_Place]:
        """List the sources, each behind a breaker of its own."""
        found: list[_Place] = []
        for table, index in source_rows(self.net):
            bus = self.node.get(("bus", int(self.net[table].at[index, "bus"])))
            if bus is not None:
                own = self.node[table, index] = len(self.node)
                found.append((bus, own, True, True, ()))
        return found

    def _labels(self, joined: BoolArray) -> IntArray:
        """Label the connected part of every node, by the touching places that join."""
        size = len(self.node)
        graph = coo_matrix((np.ones(int(joined.sum())), (self.a[joined], self.b[joined])), (size, size))
        return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)

    def _heads(self) -> list[tuple[str, int]]:
        """Take every branch at a busbar of a source, and both sides of its transformers, to have a breaker."""
        names = {node: key for key, node in self.node.items()}
        feeds = np.array([names[n][0] != "line" for n in range(len(names))])
        station = self._labels(self.closed & feeds[self.a] & feeds[self.b])
        sourced = np.isin(station, station[self.roots]) & feeds
        heads = sourced[self.a] & ~self.trips & np.isin(self.b, [n for n, key in names.items() if key[0] in _ENDS])
        self.trips |= heads
        return sorted({names[node] for node in self.b[heads] if names[node][0] == "line"})

    def supplied(self, without: IntArray | None = None) -> BoolArray:
        """Whether each node is reached by a source, where some nodes are out."""
        kept = np.ones(len(self.node), dtype=bool)
        if without is not None:
            kept[without] = False
        label = self._labels(self.closed & kept[self.a] & kept[self.b])
        roots = [root for root in self.roots if kept[root]]
        return np.asarray(np.isin(label, label[roots]) & kept)

    def after(self, elements: Iterable[tuple[str, int]], cut: Callable[[Touching], BoolArray]) -> BoolArray:
        """Whether each bus (columns) has supply when an element (rows) takes all that cannot be parted from it."""
        label = self._labels(self.closed & ~cut(self))
        failed = ([self.node[key], *(self._beside(key) if cut is tripped else [])] for key in elements)
        rows = [self.supplied(np.flatnonzero(np.isin(label, label[nodes])))[self.bus] for nodes in failed]
        return np.array(rows, dtype=bool).reshape(-1, len(self.bus))

    def _beside(self, key: tuple[str, int]) -> list[int]:
        """List both sides of a closed coupler: a breaker that fails trips nothing, the next ones around it do."""
        if key[0] != "switch":
            return []
        mine = self.closed & (self.b == self.node[key])
        return [int(node) for node in self.a[mine]]

    def border(self, element: tuple[str, int]) -> list[int]:
        """List the switches, closed now and no fuses, that part an element and all that cannot be parted from it."""
        cut = parted(self)
        label = self._labels(self.closed & ~cut)
        inside = label == label[self.node[element]]
        edge = np.flatnonzero(self.closed & cut & (inside[self.a] != inside[self.b]))
        fuses = set(self.net.switch.index[self.net.switch["type"] == FUSE]) if "type" in self.net.switch else set()
        return [switch for k in edge for switch in self.switches[k] if switch not in fuses]


def tripped(touching: Touching) -> BoolArray:
    """Where protection parts a fault: breakers and fuses."""
    return touching.trips


def parted(touching: Touching) -> BoolArray:
    """Where a fault can be parted afterwards: every switch."""
    return np.asarray(touching.trips | np.array([bool(switches) for switches in touching.switches], dtype=bool))
