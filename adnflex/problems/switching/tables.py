"""The tables of a sequence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.problems.switching.sequence import FieldSequence

STEP_COLUMNS = [
    *("first_period", "action", "element", "index", "name", "from_bus", "to_bus", "from_name", "to_name"),
    *("switches", "switch_name", "by_service", "station", "station_name"),
    *("switch_type", "breaks_load", "remote", "minutes"),
    *("joins_sources", "closing_current_a", "closing_percent", "vm_step_pu", "vm_step_bus"),
    *("loops", "dark_buses", "dark_mw", "converged", "vm_min_pu", "vm_min_bus", "vm_max_pu", "vm_max_bus"),
    *("loading_percent", "loading_element", "loading_index", "losses_kw", "margin"),
    *("ikss_ka", "ikss_bus", "ikss_rise_percent"),
]
ORDER_COLUMNS = [
    *("first_period", "operations", "states", "status", "dark_mw_min", "loops", "closing_percent", "visits"),
    *("margin_before", "margin", "margin_after"),
]


def step_rows(net: pandapowerNet, found: FieldSequence, first_period: int) -> list[dict[str, Any]]:
    """One row an operation, in their order, as `SwitchingSequence.steps` has them.

    Parameters
    ----------
    net : pandapowerNet
        The net before; it is only read.
    found : FieldSequence
        The operations in their order.
    first_period : int
        Of the topology.
    """
    sets = found.sets
    measured = found.states.together(sets)
    extremes = measured.extremes()
    order = () if found.order is None else found.order.operations
    rows = []
    for k, j in enumerate(order, start=1):
        rows.append(
            {
                "first_period": first_period,
                **_deed(net, found, j),
                **_event(found, sets[k - 1], sets[k], j),
                **_change(measured.vm_pu.iloc[k - 1], measured.vm_pu.iloc[k]),
                "loops": int(found.subsets.loops[sets[k]]),
                "dark_buses": list(found.subsets.dark_buses(sets[k])),
                "dark_mw": float(found.subsets.dark_mw[sets[k]]),
                "converged": bool(measured.converged.iloc[k]),
                **extremes.iloc[k].to_dict(),
                "losses_kw": float(measured.losses_mw.iloc[k]) * 1e3,
                "margin": found.states.margin[sets[k]],
            }
        )
    return rows


def _deed(net: pandapowerNet, found: FieldSequence, j: int) -> dict[str, Any]:
    """Say what a person does, and where."""
    o = found.operations[j]
    names = [_name(net, "switch", switch) for switch in o.switches]
    return {
        "action": "close" if o.close else "open",
        "element": o.element,
        "index": o.index,
        "name": o.name,
        "from_bus": o.from_bus,
        "to_bus": o.to_bus,
        "from_name": _name(net, "bus", o.from_bus),
        "to_name": _name(net, "bus", o.to_bus),
        "switches": list(o.switches),
        "switch_name": ", ".join(name for name in names if name),
        "by_service": o.by_service,
        "station": o.station,
        "station_name": _name(net, "bus", o.station) or f"bus {o.station}",
        "switch_type": o.kind,
        "breaks_load": o.breaks_load,
        "remote": o.remote,
        "minutes": o.minutes,
    }


def _name(net: pandapowerNet, table: str, index: int) -> str:
    """Name of an element, empty where it has none."""
    name = net[table].at[index, "name"] if "name" in net[table].columns else None
    return "" if name is None or pd.isna(name) else str(name)


def _event(found: FieldSequence, before: int, after: int, j: int) -> dict[str, Any]:
    """Say what happens at the switch."""
    o = found.operations[j]
    current = found.states.current_ka(after, j) if o.close else float("nan")
    return {
        "joins_sources": bool(found.subsets.joins[before, j]),
        "closing_current_a": current * 1e3,
        "closing_percent": 100 * current / o.rated_ka,
    }


def _change(before: pd.Series, after: pd.Series) -> dict[str, Any]:
    """Largest change of a voltage among the buses that have supply before and after."""
    change = (after - before).abs().dropna()
    if not len(change):
        return {"vm_step_pu": float("nan"), "vm_step_bus": -1}
    worst = change.idxmax()
    return {"vm_step_pu": float(after[worst] - before[worst]), "vm_step_bus": int(worst)}


def order_row(found: FieldSequence, first_period: int, parted: bool) -> dict[str, Any]:
    """One row of `SwitchingSequence.orders`; `parted`: the operations are one part of several."""
    sets, order = found.sets, () if found.order is None else found.order.operations
    stations = [found.operations[j].station for j in order]
    minutes = [found.operations[j].minutes for j in order]
    margins = [found.states.margin[s] for s in sets]
    closing = [
        100 * found.states.current_ka(s, j) / found.operations[j].rated_ka
        for s, j in zip(sets[1:], order, strict=True)
        if found.operations[j].close
    ]
    return {
        "first_period": first_period,
        "operations": len(order),
        "states": len(found.states.measured),
        "status": ("unproven" if parted else "optimal") if found.order and found.order.proven else "time_limit",
        "dark_mw_min": float(sum(m * found.subsets.dark_mw[s] for m, s in zip(minutes, sets, strict=False))),
        "loops": int(max(found.subsets.loops[s] for s in sets)),
        "closing_percent": float(np.nanmax(closing)) if closing and not np.isnan(closing).all() else float("nan"),
        "visits": sum(a != b for a, b in zip([None, *stations], stations, strict=False)),
        "margin_before": margins[0],
        "margin": min(margins),
        "margin_after": margins[-1],
    }
