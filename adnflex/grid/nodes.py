"""Node data of a grid: what is there, which voltage is fixed, which is allowed."""

from __future__ import annotations

import numpy as np
from pandapower import pandapowerNet

from adnflex.arrays import BoolArray, FloatArray
from adnflex.errors import InputError

NodeOf = dict[int, int]


def bus_groups(node_of: NodeOf, n: int) -> tuple[tuple[int, ...], ...]:
    """Pandapower buses of each node."""
    groups: list[list[int]] = [[] for _ in range(n)]
    for bus, node in sorted(node_of.items()):
        groups[node].append(bus)
    return tuple(tuple(g) for g in groups)


def has_injection(net: pandapowerNet, node_of: NodeOf, n: int) -> BoolArray:
    """Whether anything in service withdraws or injects at a node."""
    found = np.zeros(n, dtype=np.bool_)
    for table in ("load", "sgen", "storage", "ward", "motor", "shunt"):
        rows = net[table]
        if len(rows):
            buses = rows.loc[rows["in_service"].to_numpy(dtype=bool), "bus"]
            found[[node_of[int(b)] for b in buses if int(b) in node_of]] = True
    ends = net.dcline.loc[net.dcline["in_service"].to_numpy(dtype=bool), ["from_bus", "to_bus"]]
    found[[node_of[int(b)] for b in ends.to_numpy().ravel() if int(b) in node_of]] = True
    return found


def root_voltages(net: pandapowerNet, node_of: NodeOf, n: int) -> FloatArray:
    """Squared set-points of external grids and slack generators, NaN elsewhere.

    Raises
    ------
    InputError
        If two sources at one node have different set-points.
    """
    root = np.full(n, np.nan)
    faults: list[str] = []
    gens = net.gen
    slack = gens[gens["slack"].fillna(False).to_numpy(dtype=bool)] if len(gens) else gens
    for table, rows in (("ext_grid", net.ext_grid), ("gen", slack)):
        for i, row in rows[rows["in_service"].to_numpy(dtype=bool)].iterrows():
            node = node_of.get(int(row["bus"]))
            if node is None:
                continue
            v = float(row["vm_pu"]) ** 2
            if not np.isnan(root[node]) and abs(root[node] - v) > 1e-9:
                faults.append(
                    f"{table} {i}: vm_pu is {row['vm_pu']:g} but another source at the same bus {int(row['bus'])} "
                    f"has {np.sqrt(root[node]):g}; give both the same set-point."
                )
            root[node] = v
    if faults:
        raise InputError(faults)
    return root


def voltage_limits(net: pandapowerNet, node_of: NodeOf, n: int) -> tuple[FloatArray, FloatArray]:
    """Limits of the squared voltages, the tightest of the buses at a node; 0 and inf where there is none."""
    low, high = np.zeros(n), np.full(n, np.inf)
    buses = list(node_of)
    nodes = np.array([node_of[b] for b in buses], dtype=np.int64)
    if {"min_vm_pu", "max_vm_pu"} <= set(net.bus.columns):
        limits = net.bus.loc[buses, ["min_vm_pu", "max_vm_pu"]].to_numpy(dtype=float)
        np.maximum.at(low, nodes, np.nan_to_num(limits[:, 0], nan=0.0) ** 2)
        np.minimum.at(high, nodes, np.nan_to_num(limits[:, 1], nan=np.inf) ** 2)
    return low, high
