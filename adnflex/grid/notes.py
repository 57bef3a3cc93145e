"""What a reader of the plan has to know about the net: taps and voltage dependence as power flow has them."""

from __future__ import annotations

from collections.abc import Container, Iterable

import pandas as pd
from pandapower import pandapowerNet

from adnflex.errors import InputError
from adnflex.grid.checks import shorten

__all__ = ["coupler_faults", "dead_notes", "tap_notes", "zip_notes"]


def tap_notes(net: pandapowerNet) -> list[str]:
    """Warn of tap positions that pandapower ignores for want of a `tap_changer_type`."""
    trafo = net.trafo
    if not len(trafo) or "tap_pos" not in trafo.columns:
        return []
    off = trafo["tap_pos"].notna() & trafo["tap_neutral"].notna() & (trafo["tap_pos"] != trafo["tap_neutral"])
    if "tap_changer_type" in trafo.columns:
        off &= trafo["tap_changer_type"].isna() | (trafo["tap_changer_type"].astype(str) == "None")
        off &= ~trafo.get("tap_dependency_table", pd.Series(False, index=trafo.index)).fillna(False).astype(bool)
    rows = trafo.index[off.to_numpy()]
    if not len(rows):
        return []
    return [
        f"trafo {shorten(rows)}: tap_pos differs from tap_neutral but tap_changer_type is missing, so pandapower "
        "power flow ignores the tap, and so does this plan; set tap_changer_type='Ratio' if the tap is real."
    ]


def zip_notes(net: pandapowerNet) -> list[str]:
    """Warn where pandapower spreads a load's voltage dependence over everything at its bus."""
    load = net.load[net.load["in_service"].to_numpy(dtype=bool)]
    share = load[[c for c in ("const_z_p_percent", "const_z_q_percent") if c in load.columns]].fillna(0.0)
    if not (share.to_numpy() != 0).any():
        return []
    mixed = set(share.groupby(load["bus"]).nunique().max(axis=1).loc[lambda n: n > 1].index)
    dependent = set(load.loc[(share.to_numpy() != 0).any(axis=1), "bus"])
    for table in ("sgen", "storage", "ward", "motor"):
        rows = net[table]
        mixed |= dependent & set(rows.loc[rows["in_service"].to_numpy(dtype=bool), "bus"]) if len(rows) else set()
    if not mixed:
        return []
    return [
        f"bus {shorten(sorted(mixed))}: pandapower power flow applies the average constant-impedance share of the "
        "loads to everything at the bus; the plan does the same, so that both agree."
    ]


def coupler_faults(net: pandapowerNet, couplers: Iterable[int]) -> list[str]:
    """Refuse couplers as decisions beside voltage-dependent loads.

    Pandapower gives fused buses the voltage dependence of one of them, so that the loads themselves would
    change with the state of the coupler.
    """
    columns = [c for c in ("const_z_p_percent", "const_z_q_percent") if c in net.load.columns]
    dependent = (net.load[columns].fillna(0.0).to_numpy(dtype=float) != 0).any(axis=1)
    buses = set(net.load.loc[dependent & net.load["in_service"].to_numpy(dtype=bool), "bus"])
    return [
        f"switch {s} cannot be a decision: loads with a constant-impedance share stand at bus "
        f"{shorten(sorted(near))}, and pandapower mixes the shares of fused buses; leave the switch "
        "as it is, or make the loads constant power."
        for s in couplers
        if (near := buses & {net.switch.at[s, "bus"], net.switch.at[s, "element"]})
    ]


def dead_notes(net: pandapowerNet, supplied: Container[int]) -> list[str]:
    """Refuse isolated buses with something on them, mention the empty ones."""
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
        raise InputError(faults)
    return [f"bus {shorten(dead)}: not connected to any external grid and empty; left out."]
