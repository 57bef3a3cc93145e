"""Every radial, fully supplied configuration of a small pandapower net, each run in the AC power flow.

An oracle for the optimiser. It must be able to disagree with adnflex, so it imports nothing of it: only
pandapower, networkx and a union-find of its own.

Meaning of the words
    node           in-service buses joined by closed bus-bus switches with ``z_ohm`` = 0
    edge           a conducting branch between two nodes: a line, a transformer, a closed bus-bus switch with
                   ``z_ohm`` > 0. Fixed branches in parallel are one edge (no topology decision lies in them);
                   two switchable lines in parallel are two edges, and closing both is a loop.
    root           a node with an ``ext_grid``
    radial         no loop, and no path from one root to another: a forest with one root to a tree
    fully supplied every node that the roots reach with all switchable branches closed is reached
"""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import networkx as nx
import numpy as np
import pandapower as pp
import pandapower.topology as top
import pandas as pd
from pandapower.auxiliary import pandapowerNet

Node = Hashable
Edge = tuple[Node, Node]

#: ``tolerance_mva`` is compared with a mismatch in per unit of ``net.sn_mva``. numba gains nothing on nets of
#: this size and costs seconds of compilation in every test process; a start that is given spares six queries of data
#: frames, a quarter of the time of a run.
RUNPP: dict[str, Any] = {
    "run_control": False,
    "voltage_depend_loads": True,
    "tolerance_mva": 1e-10,
    "trafo_model": "t",
    "init": "auto",
    "init_vm_pu": 1.0,
    "max_iteration": 30,
    "numba": False,
}

#: Tables whose elements connect buses in ways this oracle does not follow.
_REFUSED = ("trafo3w", "impedance", "dcline", "tcsc", "vsc")
#: What an element's ``p_mw`` does to the power that the branches carry.
_SIGNS = {"load": -1, "storage": -1, "shunt": -1, "sgen": 1}
#: Tables whose elements make a bus one that has to be supplied.
_INJECTIONS = ("load", "sgen", "gen", "storage", "shunt", "motor", "ward", "xward")


# ----------------------------------------------- combinatorics


class _UnionFind:
    def __init__(self) -> None:
        self._parent: dict[Node, Node] = {}

    def find(self, a: Node) -> Node:
        self._parent.setdefault(a, a)
        while self._parent[a] != a:
            self._parent[a] = self._parent[self._parent[a]]
            a = self._parent[a]
        return a

    def union(self, a: Node, b: Node) -> bool:
        """Join two sets; False where they were one already, that is where an edge a-b closes a loop."""
        a, b = self.find(a), self.find(b)
        if a == b:
            return False
        self._parent[a] = b
        return True

    def copy(self) -> _UnionFind:
        other = _UnionFind()
        other._parent = dict(self._parent)
        return other


def radial_choices(
    nodes: Iterable[Node], roots: Iterable[Node], fixed: Iterable[Edge], candidates: Sequence[Edge]
) -> Iterator[frozenset[int]]:
    """Positions in ``candidates`` of the edges to OPEN, for every spanning forest with one root to a tree.

    A multigraph: parallel candidates are separate edges. ``fixed`` edges are always closed.
    """
    nodes, roots = list(nodes), list(roots)
    base = _UnionFind()
    for root in roots[1:]:  # one super-root: a path between two roots is then a loop like any other
        if not base.union(roots[0], root):
            raise ValueError(f"root {root} is listed twice")
    if not all(base.union(a, b) for a, b in fixed):
        return  # the fixed part alone is no forest
    n_open = len(candidates) - (len({base.find(n) for n in nodes}) - 1)
    if n_open < 0:
        return
    for opened in itertools.combinations(range(len(candidates)), n_open):
        sets, out = base.copy(), set(opened)
        # as many edges as a spanning tree has and none that closes a loop: it spans
        if all(sets.union(a, b) for i, (a, b) in enumerate(candidates) if i not in out):
            yield frozenset(opened)


# ---------------------------------------- reading the topology


def default_switchable(net: pandapowerNet) -> list[int]:
    """Every line in service with a line switch; without any switch row every line (ties are out of service)."""
    if net.switch.empty:
        return [int(i) for i in net.line.index]
    with_switch = set(net.switch.element[net.switch.et == "l"])
    return [int(i) for i in net.line.index[net.line.in_service] if i in with_switch]


def line_switches(net: pandapowerNet, line: int) -> pd.DataFrame:
    """Rows of ``net.switch`` that stand at this line."""
    return net.switch[(net.switch.et == "l") & (net.switch.element == line)]


def is_closed(net: pandapowerNet, line: int) -> bool:
    """Whether the line is in service with all its switches closed."""
    return bool(net.line.at[line, "in_service"]) and bool(line_switches(net, line).closed.all())


@dataclass(frozen=True)
class _Operable:
    """How a switchable line or bus-bus switch stands and is operated."""

    closed: bool
    close: tuple[int, ...]
    """switches that closing closes"""
    open: int | None
    """the one switch that opening opens; None: ``in_service`` is what opens"""


def _operable(net: pandapowerNet, table: str, index: int) -> _Operable:
    if table == "switch":
        return _Operable(bool(net.switch.at[index, "closed"]), (index,), index)
    rows = line_switches(net, index)
    # one named end opens, the `to` end where it has a switch: the line keeps its charging at the other
    at_to = rows.index[rows.bus == net.line.at[index, "to_bus"]]
    named = at_to if len(at_to) else rows.index
    return _Operable(is_closed(net, index), tuple(rows.index), int(named[0]) if len(named) else None)


@dataclass
class Topology:
    """What may be joined with what; ``candidates[i]`` is the edge of ``keys[i]``: (table, index)."""

    node_of: dict[int, Node]
    roots: list[Node]
    supplied: set[Node]
    fixed: list[Edge]
    keys: list[tuple[str, int]]
    candidates: list[Edge]
    operable: dict[tuple[str, int], _Operable] = field(default_factory=dict)
    hopeless: list[int] = field(default_factory=list)
    """Buses that hold an element and cannot be reached by any switching."""

    def choices(self) -> Iterator[frozenset[tuple[str, int]]]:
        """The keys to open, for every radial, fully supplied configuration."""
        if not self.roots or self.hopeless:
            return
        for opened in radial_choices(self.supplied, self.roots, self.fixed, self.candidates):
            yield frozenset(self.keys[i] for i in opened)

    def count(self) -> int:
        """How many configurations there are by Kirchhoff's matrix tree theorem: a check on ``choices``."""
        if not self.roots or self.hopeless:
            return 0
        merged = _UnionFind()
        for root in self.roots[1:]:
            merged.union(self.roots[0], root)
        if not all(merged.union(a, b) for a, b in self.fixed):
            return 0
        graph = nx.MultiGraph()
        graph.add_nodes_from({merged.find(n) for n in self.supplied})
        graph.add_edges_from((merged.find(a), merged.find(b)) for a, b in self.candidates)
        graph.remove_edges_from(list(nx.selfloop_edges(graph, keys=True)))
        if len(graph) == 1:
            return 1
        return round(float(np.linalg.det(nx.laplacian_matrix(graph).toarray()[1:, 1:].astype(float))))


def read_topology(
    net: pandapowerNet, switchable: Iterable[int] | None = None, bus_switches: Iterable[int] = ()
) -> Topology:
    """Nodes, roots, fixed edges, candidates; ``bus_switches`` are bus-bus switches to operate as well."""
    for table in _REFUSED:
        if table in net and len(net[table]) and net[table].get("in_service", pd.Series(True)).any():
            raise NotImplementedError(f"the oracle does not follow net.{table}")
    lines = default_switchable(net) if switchable is None else list(switchable)
    free = set(bus_switches)
    alive = set(net.bus.index[net.bus.in_service.astype(bool)])

    fused = _UnionFind()
    bb = net.switch[net.switch.et == "b"]
    bb = bb[bb.bus.isin(alive) & bb.element.isin(alive)]
    for i, row in bb.iterrows():
        if row.closed and row.z_ohm <= 0 and i not in free:
            fused.union(row.bus, row.element)
    node_of = {bus: fused.find(bus) for bus in alive}

    fixed: set[frozenset[Node]] = set()  # a set of pairs: parallel fixed branches become one edge
    keys: list[tuple[str, int]] = []
    candidates: list[Edge] = []
    for i, row in net.line.iterrows():
        if row.from_bus not in alive or row.to_bus not in alive:
            continue  # hangs in the air at one end, whatever its state
        edge = (node_of[row.from_bus], node_of[row.to_bus])
        if i in lines:
            keys.append(("line", int(i)))
            candidates.append(edge)
        elif is_closed(net, i):
            fixed.add(frozenset(edge))
    open_t = set(net.switch.element[(net.switch.et == "t") & ~net.switch.closed.astype(bool)])
    for i, row in net.trafo.iterrows():
        if row.in_service and i not in open_t and row.hv_bus in alive and row.lv_bus in alive:
            fixed.add(frozenset((node_of[row.hv_bus], node_of[row.lv_bus])))
    for i, row in bb.iterrows():
        edge = (node_of[row.bus], node_of[row.element])
        if i in free:
            keys.append(("switch", int(i)))
            candidates.append(edge)
        elif row.closed and row.z_ohm > 0:
            fixed.add(frozenset(edge))

    grid = net.ext_grid[net.ext_grid.in_service.astype(bool)]
    roots = list(dict.fromkeys(node_of[b] for b in grid.bus if b in alive))
    fixed_edges = [(min(e, key=str), max(e, key=str)) for e in fixed]  # a self-loop has one member: (a, a)

    everything = nx.Graph()
    everything.add_nodes_from(node_of.values())
    everything.add_edges_from([*fixed_edges, *candidates])
    supplied: set[Node] = set()
    for root in roots:
        supplied |= nx.node_connected_component(everything, root)
    used = {
        bus
        for table in _INJECTIONS
        if table in net and len(net[table])
        for bus in net[table].bus[net[table].in_service.astype(bool)]
        if bus in alive
    }
    inside = [i for i, (a, _) in enumerate(candidates) if a in supplied]
    return Topology(
        node_of=node_of,
        roots=roots,
        supplied=supplied,
        fixed=[e for e in fixed_edges if e[0] in supplied],
        keys=[keys[i] for i in inside],
        candidates=[candidates[i] for i in inside],
        operable={keys[i]: _operable(net, *keys[i]) for i in inside},
        hopeless=sorted(b for b in used if node_of[b] not in supplied),
    )


# -------------------------------------------- writing switches


def _write(
    net: pandapowerNet, base: pandapowerNet, topology: Topology, opened: frozenset[tuple[str, int]]
) -> tuple[int, int]:
    """Put the keys into the wanted state, all else as in ``base``; return branches changed, operations."""
    closed, in_service = base.switch.closed.astype(bool).copy(), base.line.in_service.astype(bool).copy()
    changed = 0
    for (table, i), how in topology.operable.items():
        close = (table, i) not in opened
        if close == how.closed:
            continue  # also where both ends are open already: nothing moves
        changed += 1
        if close:
            closed[list(how.close)] = True
            if table == "line":
                in_service[i] = True
        elif how.open is None:
            in_service[i] = False
        else:
            closed[how.open] = False
    operations = int((closed != base.switch.closed.astype(bool)).sum())
    operations += int((in_service != base.line.in_service.astype(bool)).sum())
    net.switch["closed"], net.line["in_service"] = closed, in_service
    return changed, operations


def apply_configuration(
    net: pandapowerNet,
    open_lines: Iterable[int],
    switchable: Iterable[int] | None = None,
    *,
    open_bus_switches: Iterable[int] = (),
    bus_switches: Iterable[int] = (),
) -> pandapowerNet:
    """Return a copy of ``net`` with exactly these of the switchable lines open, by the opening rule."""
    out = deepcopy(net)
    topology = read_topology(net, switchable, bus_switches)
    opened = {("line", int(i)) for i in open_lines} | {("switch", int(i)) for i in open_bus_switches}
    if unknown := opened - set(topology.keys):
        raise ValueError(f"not switchable: {sorted(unknown)}")
    _write(out, net, topology, frozenset(opened))
    return out


# -------------------------------------------------- evaluation


def _excess(value: pd.Series, low: pd.Series | None, high: pd.Series | None) -> pd.Series:
    """How far each value lies outside its limits; 0 inside, and where there is no limit or no value."""
    out = pd.Series(0.0, index=value.index)
    if low is not None:
        out = np.maximum(out, (low - value).fillna(0.0))
    if high is not None:
        out = np.maximum(out, (value - high).fillna(0.0))
    return out


def evaluate(net: pandapowerNet, *, node_of: dict[int, Node] | None = None, **runpp: Any) -> dict[str, Any]:
    """Run the AC power flow on ``net`` as it stands (its result tables are overwritten) and measure it.

    losses_mw
        sum of ``pl_mw`` over lines (open-ended ones too) and transformers (iron losses included), and of the
        loss in closed bus-bus switches with ``z_ohm`` > 0. The p of shunts is consumption, not loss
    import_mw
        losses plus all that loads, storage and shunts take less what sgens give. Not ``res_ext_grid.p_mw``,
        which forgets that a load at the slack bus varies with the voltage
    voltage_deviation, voltage_deviation_nodes
        mean of |vm² − 1|/2 over the energised buses, and over the energised nodes (fused buses counted once)
    voltage_high_violation
        largest of vm_pu − max_vm_pu alone
    voltage_violation
        largest of min_vm_pu − vm_pu and vm_pu − max_vm_pu over all energised buses, 0 if none is positive
    loading_violation
        the same of loading_percent − max_loading_percent over lines and transformers
    """
    try:
        pp.runpp(net, **{**RUNPP, **runpp})
    except pp.LoadflowNotConverged:
        return {"converged": False, "feasible": False}

    losses = net.res_line.pl_mw.sum() + net.res_trafo.pl_mw.sum()
    if "p_from_mw" in net.res_switch:
        losses += (net.res_switch.p_from_mw + net.res_switch.p_to_mw)[net.switch.et == "b"].sum()

    vm = net.res_bus.vm_pu
    v_excess = _excess(vm, net.bus.get("min_vm_pu"), net.bus.get("max_vm_pu"))
    l_excess = pd.concat(
        {
            t: _excess(net[f"res_{t}"].loading_percent, None, net[t].get("max_loading_percent"))
            for t in ("line", "trafo")
            if len(net[t])
        }
    )
    live = vm.dropna()
    deviation = (live**2 - 1).abs() / 2
    if node_of is None:
        node_of = read_topology(net, []).node_of
    loading = pd.concat([net.res_line.loading_percent, net.res_trafo.loading_percent])
    return {
        "converged": True,
        "feasible": bool(v_excess.max() <= 1e-9 and l_excess.max() <= 1e-7),
        "losses_mw": float(losses),
        "import_mw": float(losses - sum(net[f"res_{t}"].p_mw.sum() * sign for t, sign in _SIGNS.items())),
        "min_vm_pu": float(live.min()),
        "max_vm_pu": float(live.max()),
        "max_loading_percent": float(loading.max()),
        "voltage_violation": float(v_excess.max()),
        "voltage_high_violation": float(_excess(vm, None, net.bus.get("max_vm_pu")).max()),
        "voltage_worst_bus": int(v_excess.idxmax()) if v_excess.max() > 0 else None,
        "loading_violation": float(l_excess.max()),
        "loading_worst": l_excess.idxmax() if l_excess.max() > 0 else None,
        "voltage_deviation": float(deviation.mean()),
        "voltage_deviation_nodes": float(deviation.groupby(node_of).first().mean()),
    }


def enumerate_configurations(
    net: pandapowerNet,
    switchable: Iterable[int] | None = None,
    *,
    bus_switches: Iterable[int] = (),
    max_configurations: int = 3000,
    check: bool = True,
    **runpp: Any,
) -> pd.DataFrame:
    """Run every radial, fully supplied configuration.

    One row each: ``open_lines`` (frozenset of the switchable lines that are open, without those that can
    supply nothing, being out of reach or ending at a bus out of service; they stay as they are),
    ``open_bus_switches``, ``switched_branches`` (those whose on/off state differs from the present one),
    ``operations`` (single switches moved and ``in_service`` flags written), and all that ``evaluate``
    measures. With ``check``, ``pandapower.topology`` confirms that nothing is unsupplied and no loop closed.
    """
    topology = read_topology(net, switchable, bus_switches)
    if (n := topology.count()) > max_configurations:
        raise ValueError(f"{n} configurations, more than {max_configurations}")
    free = [key for key in topology.keys if key[0] == "switch"]  # these fuse buses in one configuration or another
    work = deepcopy(net)
    rows = []
    for opened in topology.choices():
        changed, operations = _write(work, net, topology, opened)
        if check:
            confirm(work, topology)
        rows.append(
            {
                "open_lines": frozenset(i for t, i in opened if t == "line"),
                "open_bus_switches": frozenset(i for t, i in opened if t == "switch"),
                "switched_branches": changed,
                "operations": operations,
                **evaluate(work, node_of=None if free else topology.node_of, **runpp),
            }
        )
    if len(rows) != n:
        raise AssertionError(f"{len(rows)} configurations enumerated, {n} by Kirchhoff's theorem")
    return pd.DataFrame(rows)


def confirm(net: pandapowerNet, topology: Topology) -> None:
    """Let pandapower's own topology package say that the net as it stands is radial and fully supplied."""
    dark = {b for b in top.unsupplied_buses(net) if net.bus.at[b, "in_service"]}
    expected = {b for b, node in topology.node_of.items() if node not in topology.supplied}
    if dark != expected:
        raise AssertionError(f"pandapower finds {sorted(dark)} unsupplied, expected {sorted(expected)}")
    # contract what is fused, merge parallel branches that are fixed, count what can be switched one by one
    graph = top.create_nxgraph(net, multi=True, include_out_of_service=False)
    of = topology.node_of
    edges = [(of[a], of[b], k) for a, b, k in graph.edges(keys=True) if of[a] != of[b] and of[a] in topology.supplied]
    lines = {i for t, i in topology.keys if t == "line"}
    free = {i for t, i in topology.keys if t == "switch"}
    single = {
        (
            frozenset((a, b)),
            k if (k[0] == "line" and k[1] in lines) or (k[0] == "switch" and k[1] in free) else None,
        )
        for a, b, k in edges
    }
    trees = len({of[b] for b in net.ext_grid.bus[net.ext_grid.in_service.astype(bool)]})
    if len(single) != len(topology.supplied) - trees:
        raise AssertionError(f"pandapower finds {len(single)} edges over {len(topology.supplied)} nodes")


def best(df: pd.DataFrame, objective: str = "losses_mw", *, feasible_only: bool = True) -> pd.Series:
    """Return the row of least ``objective``, any column of the table; ties go to the fewest operations."""
    rows = df[df.feasible] if feasible_only else df[df.converged]
    if rows.empty:
        raise ValueError(f"none of the {len(df)} configurations is {'feasible' if feasible_only else 'solvable'}")
    return rows.sort_values([objective, "operations"], kind="stable").iloc[0]


def optima(
    df: pd.DataFrame, objective: str = "losses_mw", *, tolerance: float = 1e-7, feasible_only: bool = True
) -> set[frozenset[int]]:
    """Return ``open_lines`` of all configurations within ``tolerance`` of the best: equal lines tie."""
    rows = df[df.feasible] if feasible_only else df[df.converged]
    return set(rows.open_lines[rows[objective] <= rows[objective].min() + tolerance])
