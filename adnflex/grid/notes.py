"""What a reader of the plan has to know about the net: voltage dependence as power flow has it, what is left out."""

from __future__ import annotations

from collections.abc import Container, Iterable

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import FloatArray
from adnflex.errors import InputError
from adnflex.grid.checks import shorten
from adnflex.grid.model import SwitchableBranch
from adnflex.grid.options import has_dependent_loads
from adnflex.grid.ppc import Matrices


def zip_notes(net: pandapowerNet, mats: Matrices, limits: tuple[FloatArray, FloatArray]) -> list[str]:
    """Say where pandapower's voltage dependence of a node is not that of its loads, and by how much it can matter.

    Power flow keeps one constant-impedance share a node, that of the loads at one of its buses, and applies it to
    everything there.

    Parameters
    ----------
    net : pandapowerNet
        The net.
    mats : Matrices
        What pandapower makes of it.
    limits : ((n,) array, (n,) array)
        Lowest and highest squared voltages of the nodes [pu]; 0 and inf where there is none.
    """
    if not has_dependent_loads(net):
        return []
    loads = _loads_of_nodes(net, mats.node_of)
    meant = np.zeros(len(mats.p), complex)
    np.add.at(meant, loads["node"].to_numpy(), loads["meant"].to_numpy())
    low = np.where(limits[0] > 0, limits[0], _USUAL[0] ** 2)
    high = np.where(np.isfinite(limits[1]), limits[1], _USUAL[1] ** 2)
    reach = np.maximum(np.abs(low - 1), np.abs(high - 1))
    off = (meant - mats.z_power * float(net.sn_mva)) * reach
    nodes = np.flatnonzero(np.abs(off) > 1e-9)
    nodes = nodes[np.argsort(-np.abs(off[nodes]), kind="stable")]
    found = [_zip_note(net, mats, loads, int(j), complex(off[j])) for j in nodes[:_MOST]]
    if len(nodes) > _MOST:
        rest = [b for b, j in mats.node_of.items() if j in set(nodes[_MOST:].tolist())]
        found.append(f"bus {shorten(sorted(rest))}: the same, by {np.abs(off[nodes[_MOST]]):.4g} MVA at most.")
    return found


# Voltages between which the size of an error is told where a node has no limits [pu].
_USUAL = (0.9, 1.1)

# Nodes that get a note of their own.
_MOST = 5


def _loads_of_nodes(net: pandapowerNet, node_of: dict[int, int]) -> pd.DataFrame:
    """Tabulate loads in service by node: own shares [%], and the constant-impedance power that they mean [MVA]."""
    load = net.load[net.load["in_service"].to_numpy(dtype=bool) & net.load["bus"].isin(node_of).to_numpy()]
    shares = load.reindex(columns=["const_z_p_percent", "const_z_q_percent"]).fillna(0.0).to_numpy(dtype=float)
    scale = load["scaling"].to_numpy(dtype=float)
    active, reactive = (load[c].to_numpy(dtype=float) * scale for c in ("p_mw", "q_mvar"))
    meant = (active * shares[:, 0] + 1j * reactive * shares[:, 1]) / 100
    nodes = np.array([node_of[int(b)] for b in load["bus"]], dtype=np.int64)
    return pd.DataFrame({"node": nodes, "p": shares[:, 0], "q": shares[:, 1], "meant": meant}, index=load.index)


def _zip_note(net: pandapowerNet, mats: Matrices, loads: pd.DataFrame, node: int, off: complex) -> str:
    buses = sorted(b for b, j in mats.node_of.items() if j == node)
    mine = loads[loads["node"] == node]
    names = [f"load {i} ({row.p:g} %, {row.q:g} %)" for i, row in zip(mine.index, mine.itertuples(), strict=True)]
    for table in ("sgen", "storage", "ward", "motor"):
        rows = net[table]
        if len(rows):
            here = rows["in_service"].to_numpy(dtype=bool) & rows["bus"].isin(buses).to_numpy()
            names += [f"{table} {i} (0 %, 0 %)" for i in rows.index[here]]
    return (
        f"bus {'/'.join(map(str, buses))}: pandapower power flow gives everything at a node one constant-impedance "
        f"share, here {100 * mats.z_share_p[node]:.4g} % of active and {100 * mats.z_share_q[node]:.4g} % of reactive "
        f"power, instead of {shorten(names)}; the plan does the same, so that both agree, but within the voltage "
        f"limits up to {abs(off.real):.4g} MW and {abs(off.imag):.4g} Mvar of the withdrawal are not what the loads "
        "say. A constant-impedance part that is written as a shunt is exact."
    )


def coupler_faults(net: pandapowerNet, couplers: Iterable[int], node_of: dict[int, int]) -> list[str]:
    """Refuse couplers as decisions beside voltage-dependent loads.

    Pandapower gives a node the voltage dependence of one of its buses, so that the loads themselves would change with
    the state of the coupler; what counts is what stands at the nodes that it joins, whatever other couplers fuse there.
    """
    if not has_dependent_loads(net):
        return []
    loads = _loads_of_nodes(net, node_of)
    dependent = loads[(loads["p"] != 0) | (loads["q"] != 0)]
    found = []
    for s in couplers:
        ends = {node_of.get(int(net.switch.at[s, column]), -1) for column in ("bus", "element")}
        near = net.load.loc[dependent.index[dependent["node"].isin(ends)], "bus"]
        if len(near):
            found.append(
                f"switch {s} cannot be a decision: loads with a constant-impedance share stand at bus "
                f"{shorten(sorted(set(near)))}, and pandapower mixes the shares of fused buses; leave the switch "
                "as it is, or make the loads constant power."
            )
    return found


def dead_notes(net: pandapowerNet, supplied: Container[int], locked: Iterable[SwitchableBranch] = ()) -> list[str]:
    """Refuse isolated buses with something on them, mention the empty ones.

    `locked` are open lines that the caller locks: where one leads to such a bus, it is named first.
    """
    alive = net.bus["in_service"].to_numpy(dtype=bool)
    dead = [int(b) for b in net.bus.index[alive] if int(b) not in supplied]
    if not dead:
        return []
    faults: list[str] = []
    for table in ("load", "sgen", "storage", "ward", "motor", "shunt"):
        rows = net[table]
        if len(rows):
            rows = rows[rows["in_service"].to_numpy(dtype=bool) & rows["bus"].isin(dead).to_numpy()]
        faults.extend(
            f"bus {int(b)} with {table} {i} cannot be supplied: no line or switch that may be closed leads to an "
            "external grid; widen switchable_lines, or take the element out of service."
            for i, b in rows["bus"].items()
        )
    if faults:
        held = [d.index for d in locked if {d.from_bus, d.to_bus} & set(dead)]
        way = f"line {shorten(held)}" if len(held) == 1 else f"one of line {shorten(held)}"
        cause = f"locked_lines: buses cannot be supplied unless {way} is closed, which is locked open; leave it out."
        raise InputError([*([cause] if held else []), *faults])
    return [f"bus {shorten(dead)}: not connected to any external grid and empty; left out."]


# Entry of a net that an adapter filled with sentences: what the import approximated or left out.
IMPORT_NOTES = "import_notes"


def import_notes(net: pandapowerNet) -> list[str]:
    """Return what an import said of the net."""
    told = net.get(IMPORT_NOTES)
    return [str(line) for line in told] if isinstance(told, list | tuple) else []
