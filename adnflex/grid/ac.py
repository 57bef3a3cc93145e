"""Full AC power flow as every validation runs it: with the options of the net, to the accuracy that numbers allow."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd
from pandapower import pandapowerNet
from pandapower.powerflow import LoadflowNotConverged
from pandapower.pypower.idx_brch import BR_STATUS, F_BUS, SHIFT, T_BUS, TAP
from pandapower.pypower.idx_bus import BUS_TYPE, REF, VA, VM
from scipy.sparse import csr_array
from scipy.sparse.csgraph import breadth_first_order

from adnflex.arrays import ComplexArray, FloatArray
from adnflex.grid.options import PowerFlowOptions, has_dependent_loads, power_flow_options

log = logging.getLogger(__name__)

# Mismatch [MVA] at which a solution counts, where rounding allows it.
_MISMATCH = 1e-9


def run_ac(net: pandapowerNet, options: PowerFlowOptions | None = None, recycled: bool = False) -> bool:
    """Run AC power flow on a private copy of the caller's net; return whether it converged.

    Controllers are left alone, or they would move what was optimised.  Options that a net brings along
    (``user_pf_options``) are those that the model was read with.

    Parameters
    ----------
    net : pandapowerNet
        The net; its result tables are written.
    options : PowerFlowOptions, optional
        What to compute; by default what the net carries.
    recycled : bool
        Whether nothing but powers at buses changed since the last run of this net, so that pandapower may keep its
        matrices, where that is exact; if it does not converge so, it is run again from the start.

    Raises
    ------
    UnsupportedElement
        If the net carries an option that no model here holds.
    """
    chosen = power_flow_options(net) if options is None else options
    carried = net.get("user_pf_options")
    # pandapower takes from the net whatever is passed with its default value
    net["user_pf_options"] = {}
    try:
        if recycled and _can_recycle(net, chosen) and _recycled(net):
            return True
        if any(_solved(net, chosen, tolerance, {"init": start}) for tolerance, start in _attempts(net)):
            return True
        start = _unloaded(net)
        return start is not None and any(_solved(net, chosen, t, start) for t, _ in _attempts(net))
    finally:
        net["user_pf_options"] = {} if carried is None else carried


def _can_recycle(net: pandapowerNet, options: PowerFlowOptions) -> bool:
    """Whether the last run left a solution whose matrices do not depend on the powers that changed."""
    # constant impedance shares stand in the admittance matrix, which is kept
    # and the generators that stand for dclines, in service or not, are gone after a run
    fixed = not len(net.dcline) and not (options.voltage_depend_loads and has_dependent_loads(net))
    if not fixed or not net.get("converged") or net.get("_ppc") is None:
        return False
    # where every bus is a source there was nothing to solve, and nothing is kept
    return {"J", "V", "Ybus", "Sbus"} <= set(net["_ppc"].get("internal", {}))


def _recycled(net: pandapowerNet) -> bool:
    """Solve for the powers that now stand in the tables, from the last solution and to its accuracy."""
    try:
        with np.errstate(divide="ignore", invalid="ignore"):
            pp.runpp(net, recycle={"bus_pq": True, "trafo": False, "gen": False})
    except LoadflowNotConverged:
        return False
    return bool(np.isfinite(net.res_bus["vm_pu"]).any())


def _attempts(net: pandapowerNet) -> list[tuple[float, str]]:
    """Tolerances [MVA] and starts, one after the other.

    A node's mismatch is a difference of currents as large as ``V |y|``, so it cannot be known better than their
    rounding: beside a branch of next to no impedance that is far more than elsewhere.
    """
    rounding = np.finfo(float).eps * float(_admittance_mva(net).max(initial=0.0))
    if rounding < _MISMATCH / 4:
        return [(_MISMATCH, "auto"), (_MISMATCH, "flat")]
    steps = [max(_MISMATCH, rounding * factor) for factor in (0.5, 4.0, 32.0)]
    return [(tolerance, start) for start in ("auto", "flat") for tolerance in steps]


def _solved(net: pandapowerNet, options: PowerFlowOptions, tolerance: float, start: dict[str, Any]) -> bool:
    if start.get("init") == "auto":
        start = {"init": "auto", "init_vm_pu": _start_pu(net)}
    try:
        with np.errstate(divide="ignore", invalid="ignore"):
            pp.runpp(
                net,
                algorithm="nr",
                **start,
                max_iteration=60,
                # pandapower compares it per unit of net.sn_mva
                tolerance_mva=tolerance / max(1.0, float(net.sn_mva)),
                enforce_p_lims=False,
                enforce_q_lims=False,
                check_connectivity=True,
                run_control=False,
                numba=False,
                **options.arguments,
            )
    except (LoadflowNotConverged, FloatingPointError):  # pandapower's DC start divides by a reactance of 0
        return False
    return bool(np.isfinite(net.res_bus["vm_pu"]).any())


def _unloaded(net: pandapowerNet) -> dict[str, Any] | None:
    """Return voltages without load as a start, from what the last run made of the net; None if it made nothing.

    Between buses that a transformer of next to no impedance joins (a regulator), Newton's method from equal voltages
    starts with a power without measure, and does not come back from it.
    """
    made, lookups = net.get("_ppc"), net.get("_pd2ppc_lookups")
    if not made or not lookups or len(net.dcline) or len(net.vsc):
        return None
    branch, bus = made["branch"], made["bus"]
    count = len(bus)
    start: ComplexArray = np.ones(count, dtype=np.complex128)
    on = branch[:, BR_STATUS].real > 0
    ends = branch[on][:, [F_BUS, T_BUS]].real.astype(np.int64)
    tap = branch[on, TAP].real
    ratio = np.where(tap == 0, 1.0, tap) * np.exp(1j * np.radians(branch[on, SHIFT].real))
    graph = csr_array((np.ones(len(ends)), (ends[:, 0], ends[:, 1])), shape=(count, count))
    drop = {(f, t): 1 / r for (f, t), r in zip(ends.tolist(), ratio.tolist(), strict=True)}
    for root in np.flatnonzero(bus[:, BUS_TYPE].real == REF):
        start[root] = bus[root, VM].real * np.exp(1j * np.radians(bus[root, VA].real))
        order, before = breadth_first_order(graph, root, directed=False)
        for node in order[1:].tolist():
            parent = int(before[node])
            there = drop[parent, node] if (parent, node) in drop else 1 / drop[node, parent]
            start[node] = start[parent] * there
    mine = start[lookups["bus"][net.bus.index.to_numpy()]]
    return {"init_vm_pu": np.abs(mine), "init_va_degree": np.degrees(np.angle(mine))}


def _start_pu(net: pandapowerNet) -> float | None:
    """Mean set-point of all voltage sources in service [pu], or None where pandapower has to say it.

    It is what pandapower starts from as well, but it asks for it by six queries of data frames, which take a quarter
    of the time of a power flow of a small net.
    """
    if len(net.vsc):
        return None
    on = [net[t].loc[net[t]["in_service"].to_numpy(dtype=bool), "vm_pu"].to_numpy(float) for t in ("ext_grid", "gen")]
    count = sum(map(len, on))
    return float((on[0].sum() + on[1].sum()) / count) if count else None


def _admittance_mva(net: pandapowerNet) -> FloatArray:
    """Power [MVA] that rated voltage would drive through every line, transformer and coupler in service."""
    parts = [_line_mva(net)]
    if len(net.trafo):
        t = net.trafo[net.trafo["in_service"].to_numpy(dtype=bool)]
        size = t["sn_mva"].to_numpy(float) * t["parallel"].to_numpy(float)
        parts.append(100 * size / np.abs(t["vk_percent"].to_numpy(float)))
    if len(net.switch) and "z_ohm" in net.switch.columns:
        z = net.switch["z_ohm"].to_numpy(float)
        on = (z > 0) & net.switch["closed"].to_numpy(dtype=bool) & (net.switch["et"] == "b").to_numpy()
        parts.append(net.bus["vn_kv"].reindex(net.switch.loc[on, "bus"]).to_numpy(float) ** 2 / z[on])
    found = np.concatenate(parts)
    return found[np.isfinite(found)]


def _line_mva(net: pandapowerNet) -> FloatArray:
    line = net.line
    z = np.hypot(line["r_ohm_per_km"].to_numpy(float), line["x_ohm_per_km"].to_numpy(float))
    z = z * line["length_km"].to_numpy(float) / line["parallel"].to_numpy(float)
    kv = net.bus["vn_kv"].reindex(line["from_bus"]).to_numpy(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(line["in_service"].to_numpy(dtype=bool), kv**2 / z, 0.0)


def branch_losses(net: pandapowerNet, element: str) -> pd.Series:
    """Active losses of every line or transformer [MW], from the result tables.

    Where a line is so short that the difference of the powers at its ends is rounding, they are those of its current.
    """
    losses: pd.Series = net[f"res_{element}"]["pl_mw"].astype(float)
    if element != "line" or not len(losses):
        return losses
    short = np.finfo(float).eps * _line_mva(net) > _MISMATCH / 4
    if short.any():
        line = net.line[short]
        ohm = line["r_ohm_per_km"] * line["length_km"] / line["parallel"]
        losses = losses.copy()
        losses[line.index] = 3 * ohm * net.res_line.loc[line.index, "i_ka"].astype(float) ** 2
    return losses


def losses_mw(net: pandapowerNet) -> float:
    """Active losses of lines, transformers, converters and couplers with an impedance [MW], from the result tables.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> net = pn.case33bw()
    >>> run_ac(net)
    True
    >>> round(losses_mw(net) * 1e3, 3)
    202.677
    """
    total = float(np.nansum(branch_losses(net, "line"))) if len(net.line) else 0.0
    if len(net.trafo):
        total += float(np.nansum(branch_losses(net, "trafo")))
    if len(net.dcline):
        total += float(net.res_dcline.loc[net.dcline["in_service"].to_numpy(dtype=bool), "pl_mw"].sum())
    if len(net.switch) and "p_from_mw" in net.res_switch.columns:
        total += float(np.nansum(net.res_switch["p_from_mw"] + net.res_switch["p_to_mw"]))
    return total
