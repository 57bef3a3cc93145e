"""Every set of some operations after an outage, each run by pandapower: an oracle that imports nothing of adnflex.

What it shares with the product is the rules alone: what no switch parts from the fault is lost, the switches around it
are held open; nobody who has supply loses it; the state in the end is radial, fed by sources only, within its limits
(or no worse than before the outage); most load, then fewest operations, then least losses.
"""

from __future__ import annotations

import itertools
from copy import deepcopy
from dataclasses import dataclass, field

import networkx as nx
import numpy as np
import pandapower as pp
import pandapower.topology as top
import pandas as pd
from pandapower.auxiliary import pandapowerNet

from tests.brute_force import RUNPP

_ENDS = {"line": ("from_bus", "to_bus"), "trafo": ("hv_bus", "lv_bus")}
_LETTER = {"line": "l", "trafo": "t"}
_EPS = 1e-6


@dataclass
class Best:
    """The best of at most so many operations; `mw` is None where nothing meets every limit.

    `alone_mw` is what closings alone restore at most, None where they were not asked for.
    """

    dark_mw: float
    mw: float | None = None
    operations: int = 0
    loss_mw: float = np.nan
    sheds: bool = False
    transfers: bool = False
    alone_mw: float | None = None


@dataclass
class Oracle:
    """A net and what its lines may do: those in service with a line switch, or all where there are no switches."""

    net: pandapowerNet
    vm_limits: tuple[float, float]
    lines: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        with_switch = set(self.net.switch.loc[self.net.switch.et == "l", "element"])
        on = [int(i) for i in self.net.line.index[self.net.line.in_service.astype(bool)]]
        alive = set(self.net.bus.index[self.net.bus.in_service.astype(bool)])
        self.lines = (
            [i for i in on if i in with_switch] if len(self.net.switch) else [int(i) for i in self.net.line.index]
        )
        self.lines = [i for i in self.lines if {*self.net.line.loc[i, ["from_bus", "to_bus"]]} <= alive]
        self.by_service = not len(self.net.switch)
        before = _run(self.net)
        assert before is not None
        self.worst_vm, self.worst_loading = before

    def isolated(self, element: str, index: int) -> tuple[pandapowerNet, set[int], set[int]]:
        """The net with the fault parted, buses lost with it, and lines that cannot be used any more."""
        net = deepcopy(self.net)
        if element in ("ext_grid", "switch"):
            if element == "switch":
                net.switch.loc[index, "closed"] = False
            else:
                net.ext_grid.loc[index, "in_service"] = False
            return net, set(), set()
        touching = nx.Graph()
        touching.add_node((element, index))
        for table, ends in _ENDS.items():
            for i, row in net[table][net[table].in_service.astype(bool)].iterrows():
                for end in ends:
                    switched = (
                        (net.switch.et == _LETTER[table]) & (net.switch.element == i) & (net.switch.bus == row[end])
                    ).any()
                    if not switched and not (table == "line" and self.by_service):
                        touching.add_edge((table, int(i)), ("bus", int(row[end])))
        zone = nx.node_connected_component(touching, (element, index))
        buses = {i for table, i in zone if table == "bus"}
        lost = {i for table, i in zone if table == "line"}
        for s, row in net.switch.iterrows():
            table = {"l": "line", "t": "trafo", "b": "bus"}[row.et]
            if int(row.bus) in buses or (table, int(row.element)) in zone:
                net.switch.loc[s, "closed"] = False
                if table == "line":
                    lost.add(int(row.element))
        for table, i in zone:
            net[table].loc[i, "in_service"] = False
        if self.by_service:
            near = net.line.index[net.line.from_bus.isin(buses) | net.line.to_bus.isin(buses)]
            net.line.loc[near, "in_service"] = False
            lost |= {int(i) for i in near}
        net.ext_grid.loc[net.ext_grid.bus.isin(buses), "in_service"] = False
        return net, buses, lost

    def closed(self, net: pandapowerNet, line: int) -> bool:
        mine = net.switch[(net.switch.et == "l") & (net.switch.element == line)]
        return bool(net.line.at[line, "in_service"]) and bool(mine.closed.all())

    def operate(self, net: pandapowerNet, line: int) -> bool:
        """Close an open line, or open a closed one at its to end if that has a switch; whether it is closed now."""
        mine = net.switch[(net.switch.et == "l") & (net.switch.element == line)]
        if not len(mine):
            net.line.loc[line, "in_service"] = not net.line.at[line, "in_service"]
            return bool(net.line.at[line, "in_service"])
        if not mine.closed.all():
            net.switch.loc[mine.index, "closed"] = True
            return True
        at_to = mine.index[mine.bus == net.line.at[line, "to_bus"]]
        net.switch.loc[at_to[0] if len(at_to) else mine.index[0], "closed"] = False
        return False

    def best(self, element: str, index: int, most: int, alone: bool = False) -> Best:
        """Decide all sets of at most so many operations; `alone`: also what closings alone restore."""
        net, _, lost = self.isolated(element, index)
        load = _load(self.net)
        lit_before, lit = _supplied(self.net), _supplied(net)
        found = Best(dark_mw=float(load.reindex(sorted(lit_before - lit)).sum()))
        if not net.ext_grid.in_service.any():
            found.mw = 0.0
            return found
        usable = [i for i in self.lines if i not in lost]
        states = []
        blocks = self._blocks(net, usable)
        ends = {i: (int(net.line.at[i, "from_bus"]), int(net.line.at[i, "to_bus"])) for i in usable}
        present = {i: self.closed(net, i) for i in usable}
        root = blocks[int(net.ext_grid.bus[net.ext_grid.in_service.astype(bool)].iloc[0])]
        for count in range(most + 1):
            for chosen in itertools.combinations(usable, count):
                shut_now = [ends[i] for i in usable if present[i] != (i in chosen)]
                supplied = self._forest(blocks, shut_now, root)
                if supplied is None or not lit <= supplied:
                    continue
                back = float(load.reindex(sorted(supplied & (lit_before - lit))).sum())
                states.append((-round(back, 9), count, chosen))
        states.sort()
        for _, group in itertools.groupby(states, key=lambda s: s[:2]):
            good = [(loss, *one) for one in group if (loss := self._loss(net, one[2])) is not None]
            if good:
                found.loss_mw, worth, found.operations, chosen = min(good)
                found.mw = -worth
                opened = [set(ends[i]) for i in chosen if present[i]]
                found.sheds, found.transfers = any(not s <= lit for s in opened), any(s <= lit for s in opened)
                break
        if alone and found.mw is not None and (found.sheds or found.transfers):
            ties = [one for one in states if not any(present[i] for i in one[2])]
            found.alone_mw = next((-one[0] for one in ties if self._loss(net, one[2]) is not None), -1.0)
        return found

    def _loss(self, net: pandapowerNet, chosen: tuple[int, ...]) -> float | None:
        """Losses with some lines operated, or None where a limit is broken; the net stays as it is."""
        before = net.line.in_service.copy(), net.switch.closed.copy()
        for i in chosen:
            self.operate(net, i)
        seen = _run(net)
        good = seen is not None and self._within(net, *seen)
        net.line["in_service"], net.switch["closed"] = before
        return float(net.res_line.pl_mw.sum() + net.res_trafo.pl_mw.sum()) if good else None

    def _within(self, net: pandapowerNet, vm: pd.Series, loading: dict[tuple[str, int], float]) -> bool:
        low, high = self.vm_limits
        free = vm.drop(index=[b for b in set(net.ext_grid.bus[net.ext_grid.in_service.astype(bool)]) if b in vm.index])
        was = self.worst_vm.reindex(free.index)
        good = (free >= np.fmin(low, was) - _EPS) & (free <= np.fmax(high, was) + _EPS)
        if not good.all():
            return False
        for (table, i), value in loading.items():
            limit = net[table].max_loading_percent.get(i, np.nan) if "max_loading_percent" in net[table] else np.nan
            if np.isfinite(limit) and value > max(limit, self.worst_loading.get((table, i), 0.0)) + 1e-4:
                return False
        return True

    def _blocks(self, net: pandapowerNet, usable: list[int]) -> dict[int, int]:
        """A label of every bus in service: all that hangs together whatever the usable lines do, sources as one."""
        fixed = deepcopy(net)
        fixed.line.loc[usable, "in_service"] = False
        graph = top.create_nxgraph(fixed, respect_switches=True, include_out_of_service=False)
        roots = [int(b) for b in net.ext_grid.bus[net.ext_grid.in_service.astype(bool)]]
        graph.add_edges_from((roots[0], r) for r in roots[1:])
        return {int(b): k for k, part in enumerate(nx.connected_components(graph)) for b in part}

    def _forest(self, blocks: dict[int, int], closed: list[tuple[int, int]], root: int) -> set[int] | None:
        """Buses that the sources reach, or None where what they reach has a loop."""
        graph = nx.MultiGraph()
        graph.add_node(root)
        graph.add_edges_from((blocks[a], blocks[b]) for a, b in closed if a in blocks and b in blocks)
        part = nx.node_connected_component(graph, root)
        if graph.subgraph(part).number_of_edges() != len(part) - 1:
            return None
        return {bus for bus, block in blocks.items() if block in part}


def _load(net: pandapowerNet) -> pd.Series:
    load = net.load[net.load.in_service.astype(bool)]
    return (load.p_mw * load.scaling).groupby(load.bus).sum()


def _supplied(net: pandapowerNet) -> set[int]:
    on = set(net.bus.index[net.bus.in_service.astype(bool)])
    if not net.ext_grid.in_service.any():
        return set()
    return {int(b) for b in on - set(top.unsupplied_buses(net))}


def _run(net: pandapowerNet) -> tuple[pd.Series, dict[tuple[str, int], float]] | None:
    """Voltages and loadings; None where power flow has no solution."""
    try:
        pp.runpp(net, **RUNPP)
    except pp.LoadflowNotConverged:
        return None
    loading = {
        (table, int(i)): float(value)
        for table in _ENDS
        for i, value in net[f"res_{table}"].loading_percent.items()
        if net[table].at[i, "in_service"] and np.isfinite(value)
    }
    return net.res_bus.vm_pu.dropna(), loading
