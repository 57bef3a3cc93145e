"""The point of common coupling: a source, or a transformer or line below which the network is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

import networkx as nx
import numpy as np
import pandapower as pp
from pandapower import pandapowerNet
from pandapower.topology import create_nxgraph

from adnflex.errors import InputError
from adnflex.grid.ac import run_ac
from adnflex.grid.identity import fingerprint
from adnflex.grid.private_copy import private_copy


@dataclass(frozen=True)
class Coupling:
    """A coupling point and the network behind it.

    Attributes
    ----------
    name : str
        ``ext_grid 0``, ``trafo 3`` ...
    net : pandapowerNet
        The caller's net, or a copy in which everything upstream is out of service and a source stands in for it.
    source : (str, int)
        Table and index of the source in `net`.
    fingerprint : str
        Of the caller's net.
    notes : tuple of str
        What was assumed.
    """

    name: str
    net: pandapowerNet
    source: tuple[str, int]
    fingerprint: str
    notes: tuple[str, ...] = ()


def coupling_of(net: pandapowerNet, pcc: tuple[str, int] | None) -> Coupling:
    """Find the coupling point.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is not changed.
    pcc : (str, int) or None
        ``("ext_grid", i)``, ``("gen", i)`` (a slack generator), ``("trafo", i)`` or ``("line", i)``: import is then
        what enters the element from upstream.  None: the only source of the net.

    Raises
    ------
    InputError
        If it is no root: there are several sources, no such element, or it does not part the network in two.
    """
    sources = sources_of(net)
    if pcc is None:
        if len(sources) != 1:
            names = ", ".join(f"{t} {i}" for t, i in sources) or "none"
            raise InputError(f"pcc is not given and the net has {len(sources)} sources ({names}); name one of them.")
        return Coupling(f"{sources[0][0]} {sources[0][1]}", net, sources[0], fingerprint(net))
    known = ("ext_grid", "gen", "trafo", "line")
    if not (isinstance(pcc, tuple | list) and len(pcc) == 2 and pcc[0] in known and isinstance(pcc[1], Integral)):
        raise InputError(f"pcc is {pcc!r}; give ('ext_grid', 0), ('trafo', 0) or ('line', 0).")
    table, index = str(pcc[0]), int(pcc[1])
    if index not in net[table].index:
        raise InputError(f"pcc: net.{table} has no index {index}; it has {list(net[table].index[:10])}.")
    if table in ("ext_grid", "gen"):
        if (table, index) not in sources:
            raise InputError(
                f"pcc: {table} {index} is no root of the network (out of service, or a generator without slack); the "
                f"sources are {', '.join(f'{t} {i}' for t, i in sources) or 'none'}."
            )
        return Coupling(f"{table} {index}", net, (table, index), fingerprint(net))
    return _below(net, table, index, sources)


def sources_of(net: pandapowerNet) -> list[tuple[str, int]]:
    """List external grids and slack generators in service."""
    found = [("ext_grid", int(i)) for i in net.ext_grid.index[net.ext_grid["in_service"].astype(bool)]]
    if len(net.gen):
        slack = net.gen["in_service"].astype(bool) & net.gen["slack"].astype(bool)
        found += [("gen", int(i)) for i in net.gen.index[slack]]
    return found


def _below(net: pandapowerNet, table: str, index: int, sources: list[tuple[str, int]]) -> Coupling:
    """Cut the network above a transformer or line and let a source at its upstream bus stand in."""
    row = net[table].loc[index]
    ends = [int(row[c]) for c in (("hv_bus", "lv_bus") if table == "trafo" else ("from_bus", "to_bus"))]
    graph = nx.Graph(create_nxgraph(net, include_out_of_service=False, include_dclines=False))
    if not bool(row["in_service"]) or not graph.has_edge(*ends):
        raise InputError(f"pcc: {table} {index} is open or out of service; give one that carries the import.")
    multi = create_nxgraph(net, include_out_of_service=False, include_dclines=False)
    if multi.number_of_edges(*ends) == 1:
        graph.remove_edge(*ends)
    roots = {int(net[t].at[i, "bus"]) for t, i in sources}
    sides = [nx.node_connected_component(graph, end) for end in ends]
    fed = [bool(side & roots) for side in sides]
    if sides[0] == sides[1] or fed[0] == fed[1]:
        raise InputError(
            f"pcc: {table} {index} is no root of a network: "
            + ("it lies in a closed path" if sides[0] == sides[1] else "both or none of its sides have a source")
            + "; give an element through which alone the part behind it is fed."
        )
    upstream = 0 if fed[0] else 1
    new = private_copy(net)
    vm = _upstream_voltage(new, ends[upstream])
    outside = sides[upstream] - {ends[upstream]}
    for part in ("ext_grid", "gen"):
        new[part].loc[[i for t, i in sources if t == part], "in_service"] = False
    switch_off(new, outside, ends[upstream], (table, index))
    source = int(pp.create_ext_grid(new, ends[upstream], vm_pu=vm, name=f"upstream of {table} {index}"))
    note = (
        f"the network above {table} {index} is replaced by a source of {vm:.5g} pu at bus {ends[upstream]}, "
        "its voltage in the net as given."
    )
    return Coupling(f"{table} {index}", new, ("ext_grid", source), fingerprint(net), (note,))


def _upstream_voltage(net: pandapowerNet, bus: int) -> float:
    if not run_ac(net):
        raise InputError("pcc: power flow of the net as given does not converge, so the voltage upstream is not known.")
    return float(np.round(net.res_bus.at[bus, "vm_pu"], 6))


def switch_off(net: pandapowerNet, outside: set[int], boundary: int, keep: tuple[str, int]) -> None:
    """Take all outside out of service, and what stands at the boundary bus itself, but for one branch."""
    gone = outside | {boundary}
    net.bus.loc[sorted(outside), "in_service"] = False
    for table in ("load", "sgen", "storage", "shunt", "ward", "xward", "motor", "gen", "ext_grid"):
        if len(net[table]):
            net[table].loc[net[table]["bus"].isin(gone), "in_service"] = False
    for table, columns in (
        ("line", ("from_bus", "to_bus")),
        ("trafo", ("hv_bus", "lv_bus")),
        ("dcline", ("from_bus", "to_bus")),
    ):
        rows = net[table]
        if not len(rows):
            continue
        ends = rows[list(columns)].isin(gone)
        off = ends.all(axis=1) | rows[list(columns)].isin(outside).any(axis=1)
        if table == keep[0]:
            off[keep[1]] = False
        # parallel branches from the boundary into the part looked at would be a second way in
        rows.loc[off, "in_service"] = False
    if len(net.switch):
        couplers = (net.switch["et"] == "b") & (net.switch["bus"].isin(outside) | net.switch["element"].isin(outside))
        net.switch.loc[couplers, "closed"] = False
