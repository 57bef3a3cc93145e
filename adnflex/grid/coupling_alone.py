"""One coupling point among several: its own tree alone, with what other sources of that tree exchange held."""

from __future__ import annotations

from dataclasses import replace

import networkx as nx
import pandapower as pp
from pandapower import pandapowerNet
from pandapower.topology import create_nxgraph

from adnflex.errors import InputError
from adnflex.grid.ac import run_ac
from adnflex.grid.coupling import Coupling, sources_of, switch_off
from adnflex.grid.private_copy import private_copy


def alone(coupling: Coupling) -> Coupling:
    """Take what another source feeds out of the net of a coupling point.

    What is not connected to the coupling point, with the switches as they are, neither helps nor hinders it. A source
    that is connected to it holds its exchange of the net as given, as a constant power: the slack node of a net cannot,
    so that this is a promise for as long as somebody there holds it.

    Parameters
    ----------
    coupling : Coupling
        The coupling point; its net is not changed.

    Raises
    ------
    InputError
        If a source has to hold its exchange and the power flow of the net as given does not converge.
    """
    net = coupling.net
    others = [source for source in sources_of(net) if source != coupling.source]
    if not others:
        return coupling
    graph = nx.Graph(create_nxgraph(net, include_out_of_service=False, include_dclines=False))
    mine = nx.node_connected_component(graph, _bus(net, coupling.source))
    if links := _links(net, mine):
        note = f"{', '.join(links)}: couples what other sources feed; what they exchange is not held, only limited."
        return replace(coupling, notes=(*coupling.notes, note))
    new = private_copy(net)
    if outside := {int(bus) for bus in net.bus.index} - {int(bus) for bus in mine}:
        switch_off(new, outside, min(outside), ("", 0))
    notes = _held(net, new, [source for source in others if _bus(net, source) in mine])
    if away := [f"{t} {i}" for t, i in others if _bus(net, (t, i)) not in mine]:
        notes.append(
            f"what {', '.join(away)} feeds is not connected to {coupling.name}: it is left out, and what it "
            "promises on its own holds as well."
        )
    return replace(coupling, net=new, notes=(*coupling.notes, *notes))


def _bus(net: pandapowerNet, source: tuple[str, int]) -> int:
    return int(net[source[0]].at[source[1], "bus"])


def _links(net: pandapowerNet, mine: set[int]) -> list[str]:
    """Name links in service between the part looked at and the rest: no path of power flow, and yet they couple."""
    inside = net.dcline[["from_bus", "to_bus"]].isin(mine)
    crossing = net.dcline["in_service"].astype(bool) & (inside.sum(axis=1) == 1)
    return [f"dcline {i}" for i in net.dcline.index[crossing]]


def _held(net: pandapowerNet, new: pandapowerNet, sources: list[tuple[str, int]]) -> list[str]:
    """Put constant powers in the place of sources; say which."""
    if not sources:
        return []
    there = private_copy(net)
    if not run_ac(there):
        raise InputError(
            "pcc: power flow of the net as given does not converge, so that what other sources exchange is not known; "
            "put an sgen or load of the exchange to be held in the place of each."
        )
    notes = []
    for table, index in sources:
        row = there[f"res_{table}"].loc[index]
        p, q = float(row["p_mw"]), float(row["q_mvar"])
        new[table].loc[index, "in_service"] = False
        # what feeds in is a generator, what takes is a load: neither has a negative power
        create, sign = (pp.create_sgen, 1.0) if p >= 0 else (pp.create_load, -1.0)
        create(new, _bus(net, (table, index)), sign * p, sign * q, name=f"exchange of {table} {index}")
        notes.append(
            f"{table} {index} is connected to the coupling point: it holds its import of the net as given, {p:.6g} MW "
            f"and {q:.6g} Mvar, in every period; what is promised here holds while something there keeps "
            "that, and not beside a promise there."
        )
    return notes
