"""Every order of some switch operations, each state run by pandapower: an oracle that imports nothing of adnflex."""

from __future__ import annotations

import itertools
from copy import deepcopy
from functools import cache
from typing import NamedTuple

import networkx as nx
import numpy as np
import pandapower as pp
import pandapower.topology as top
from pandapower.auxiliary import pandapowerNet

from tests.brute_force import RUNPP


class Seen(NamedTuple):
    """What is seen of one state."""

    dark_mw: float
    loops: int
    margin: float
    line_ka: dict[int, float]


class Orders:
    """Operations between two states of a net: every switch that differs; only line switches may."""

    def __init__(self, net: pandapowerNet, wanted: pandapowerNet) -> None:
        self.net = net
        moved = net.switch.index[net.switch.closed.astype(bool) != wanted.switch.closed.astype(bool)]
        assert (net.switch.loc[moved, "et"] == "l").all()
        # switches of a line are one operation; by line is how ties are broken
        by_line = {
            int(i): [int(s) for s in rows] for i, rows in net.switch.loc[moved].groupby("element").groups.items()
        }
        self.lines = sorted(by_line)
        self.switches = [by_line[i] for i in self.lines]
        self.closing = [not bool(net.switch.at[s[0], "closed"]) for s in self.switches]
        self.state = cache(self._state)

    def _state(self, done: frozenset[int]) -> Seen:
        net = deepcopy(self.net)
        for j in done:
            net.switch.loc[self.switches[j], "closed"] = self.closing[j]
        graph = top.create_nxgraph(net, multi=True, include_out_of_service=False)
        roots = set(net.ext_grid.bus[net.ext_grid.in_service])
        graph.add_edges_from(("source", int(b)) for b in roots)
        live = nx.node_connected_component(graph, "source")
        load = net.load[net.load.in_service]
        dark = float((load.p_mw * load.scaling)[~load.bus.isin(live)].sum())
        loops = graph.number_of_edges() - graph.number_of_nodes() + nx.number_connected_components(graph)
        pp.runpp(net, **RUNPP)
        vm = net.res_bus.vm_pu.drop(list(roots))
        margins = [np.inf]
        if "min_vm_pu" in net.bus:
            margins += [(vm - net.bus.min_vm_pu).min(), (net.bus.max_vm_pu - vm).min()]
        for table in ("line", "trafo"):
            if "max_loading_percent" in net[table]:
                margins.append(((net[table].max_loading_percent - net[f"res_{table}"].loading_percent) / 100).min())
        current = {int(i): float(x) for i, x in net.res_line.i_ka.items()}
        return Seen(dark, loops, float(np.nanmin(margins)), current)

    def value(self, order: tuple[int, ...]) -> tuple[float, ...]:
        """What is minimised, one after the other, rounded to what power flow knows."""
        sets = [frozenset(order[:k]) for k in range(len(order) + 1)]
        states = [self.state(s) for s in sets]
        worst = max(0.0, -states[0].margin, -states[-1].margin)
        stations = [int(self.net.switch.at[self.switches[j][0], "bus"]) for j in order]
        closing = [
            after.line_ka[self.lines[j]] / self._rating(j)
            for j, after in zip(order, states[1:], strict=True)
            if self.closing[j]
        ]
        return (
            round(sum(s.dark_mw for s in states[:-1]), 9),
            round(max(max(0.0, -s.margin - worst) for s in states), 6),
            max(s.loops for s in states),
            round(max(closing, default=0.0), 6),
            sum(a != b for a, b in itertools.pairwise(stations)),
            *order,
        )

    def _rating(self, j: int) -> float:
        line = self.net.line.loc[self.lines[j]]
        return float(line.max_i_ka * line.parallel * line.get("df", 1.0))

    def best(self) -> tuple[float, ...]:
        return min(map(self.value, itertools.permutations(range(len(self.switches)))))
