"""Validate a restoration: every state written into a fresh copy of the net, run in pandapower and judged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.grid.write import one_state
from adnflex.powerflow.limits import VIOLATION_COLUMNS, NetLimits, compare, limits_of, stacked
from adnflex.powerflow.states import Measured, measure
from adnflex.powerflow.structure import source_rows, unsupplied
from adnflex.problems.restoration.emergency import emergency
from adnflex.problems.restoration.flows import TOLERANCE
from adnflex.problems.restoration.islands import unit_of
from adnflex.results.restoration import Restoration, RestorationCheck

# Voltages of a new run may differ from the stored ones by this [pu], load from what was summed otherwise [MW], and a
# limit that was broken before may be broken by this more, of itself; powers of islands [MW] are by another kernel.
_SAME, _SAME_MW, _NO_WORSE, _SAME_ISLAND = 1e-7, 1e-9, 1e-6, 1e-6


def validate_restoration(found: Restoration, net: pandapowerNet) -> RestorationCheck:
    """Run every state of a restoration in pandapower and judge it.

    Parameters
    ----------
    found : Restoration
        The restoration.
    net : pandapowerNet
        The net before the outage; it is not changed.

    Raises
    ------
    InputError
        If the net is another one.
    """
    standing = found.before(net)
    limits = limits_of(emergency(standing, float(found.options.get("emergency_factor", 1.0))), found.asked_limits)
    before = measure(standing, one_state())
    worst = {(v[0], v[1], v[2]): float(v[5]) for v in compare(before, limits).violations[VIOLATION_COLUMNS].to_numpy()}
    already = set(before.dark.iloc[0])
    rows, broken, faults = [], [], []
    for step in range(found.operations + 1):
        row, violations = _state(found, net, limits, already, step)
        rows.append(row)
        broken.append(violations.assign(step=step))
        faults += _faults(found, row, step)
    states = pd.DataFrame(rows).set_index("step")
    violations = stacked(broken, ["step", *VIOLATION_COLUMNS])
    places = violations[["kind", "element", "index"]].itertuples(index=False, name=None)
    allowed = np.array([worst.get(place, -np.inf) for place in places], dtype=float)
    slack = _NO_WORSE * np.maximum(violations["limit"].to_numpy(dtype=float), 1.0)
    violations["before"] = violations["excess"].to_numpy(dtype=float) <= allowed + slack
    faults += _figures(found, standing, rows)
    last = violations[(violations["step"] == found.operations) & ~violations["before"]]
    return RestorationCheck(
        passed=not faults and not len(last),
        verdict=_verdict(found, states, last, faults),
        states=states,
        violations=violations,
        power_flows=len(states),
        by_pandapower=len(states),
    )


def _state(
    found: Restoration, net: pandapowerNet, limits: NetLimits, already: set[int], step: int
) -> tuple[dict[str, Any], pd.DataFrame]:
    """Run one state: its row, and the limits that it breaks."""
    state = found.apply(net, step)
    on = net.bus.index[net.bus["in_service"].to_numpy(dtype=bool)]
    gone = [int(b) for b in on if not state.bus.at[b, "in_service"]]
    if not source_rows(state):
        row = {"step": step, "converged": False, "dark_buses": sorted({*map(int, on)} - already), "margin": np.nan}
        values = dict.fromkeys(("vm_min_pu", "vm_max_pu", "loading_percent"), np.nan)
        return {**row, **values}, pd.DataFrame(columns=VIOLATION_COLUMNS)
    dark = sorted({*gone, *unsupplied(state, on)} - already)
    measured = measure(state, one_state())
    compared = compare(measured, limits)
    extremes = measured.extremes().iloc[0]
    row = {"step": step, "converged": bool(measured.converged.iloc[0]), "dark_buses": dark}
    row |= {name: float(extremes[name]) for name in ("vm_min_pu", "vm_max_pu", "loading_percent")}
    held = _of_islands(row, found, measured, step)
    violations = pd.concat([compared.violations[VIOLATION_COLUMNS], held]) if len(held) else compared.violations
    return {**row, "margin": float(compared.margin[0])}, violations


def _of_islands(row: dict[str, Any], found: Restoration, measured: Measured, step: int) -> pd.DataFrame:
    """List limits that the powers of the started units break; note in the row what is not as it is said."""
    units, rows, off = found.started(step), [], [0.0]
    active, reactive = measured.of_sources("p_mw"), measured.of_sources("q_mvar")
    # their external grids were put last
    places = [place for place in active.columns if place[0] == "ext_grid"]
    for unit, place in zip(units, places[len(places) - len(units) :], strict=True):
        p, q = float(active[place].iloc[0]), float(reactive[place].iloc[0])
        off += [abs(p - unit.p_mw), abs(q - unit.q_mvar)]
        rows += [(kind, unit.table, unit.index_, *more) for kind, *more in unit_of(unit).broken(p, q, TOLERANCE)]
    row["islands_off_mw"] = max(off) if step == found.operations else 0.0
    return pd.DataFrame(rows, columns=VIOLATION_COLUMNS)


def _faults(found: Restoration, row: dict[str, Any], step: int) -> list[str]:
    """Name what a state is that the restoration does not say."""
    if not step:
        same = row["dark_buses"] == sorted(found.buses.index)
        return [] if same else ["other buses are without supply after the fault is parted than it says"]
    told = found.steps.loc[step]
    # without a voltage anywhere there is no source yet, and nothing to run
    none = bool(np.isnan(told["vm_min_pu"]))
    if not row["converged"] and not none:
        return [f"power flow has no solution after step {step}"] if told["converged"] else []
    faults = []
    if not row.get("islands_off_mw", 0.0) <= _SAME_ISLAND:
        faults.append("units that hold islands give other powers in the end than it says")
    if set(row["dark_buses"]) != set(told["dark_buses"]):
        faults.append(f"other buses are without supply after step {step} than it says")
    if not none and not max(abs(row[c] - told[c]) for c in ("vm_min_pu", "vm_max_pu")) <= _SAME:
        faults.append(f"voltages after step {step} are not those that it says")
    return faults


def _figures(found: Restoration, net: pandapowerNet, rows: list[dict[str, Any]]) -> list[str]:
    """Compare the power that is restored with the loads at the buses that have supply again."""
    load = net.load[net.load["in_service"].to_numpy(dtype=bool)]
    power = (load["p_mw"] * load["scaling"]).groupby(load["bus"]).sum()
    dark, left = rows[0]["dark_buses"], rows[-1]["dark_buses"]
    back = sorted(set(dark) - set(left))
    if back != sorted(found.buses.index[found.buses["restored"].astype(bool)]):
        return ["other buses are supplied in the end than it says"]
    part = float(found.curtailed["left_out_mw"].sum()) if len(found.curtailed) else 0.0
    sums = {"dark": (dark, found.dark_mw), "restored": (back, found.restored_mw + part)}
    return [
        f"{name} load is {power.reindex(buses).sum():.6g} MW, not {told:.6g} MW"
        for name, (buses, told) in sums.items()
        if abs(power.reindex(buses).sum() - told) > _SAME_MW * max(1.0, told)
    ]


def _verdict(found: Restoration, states: pd.DataFrame, last: pd.DataFrame, faults: list[str]) -> str:
    """One sentence for the reader."""
    if faults:
        return "; ".join(faults)
    if len(last):
        worst = last.iloc[0]
        return (
            f"{len(last)} limits are broken in the end: {worst['kind']} at {worst['element']} {worst['index']}: "
            f"{worst['value']:.5g} against {worst['limit']:.5g} {worst['unit']}"
        )
    left = found.dark_mw - found.restored_mw
    rest = f", {left:.3f} MW wait for the repair" if left > _SAME_MW else ""
    run = f"{len(states)} {'state' if len(states) == 1 else 'states'} by pandapower"
    return f"{run}, {found.restored_mw:.3f} MW restored{rest}, no limit broken in the end"
