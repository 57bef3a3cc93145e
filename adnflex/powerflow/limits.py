"""Every limit of a net against an AC power flow, with its worst place."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.powerflow.structure import root_buses

__all__ = ["LIMIT_COLUMNS", "VIOLATION_COLUMNS", "measure_limits", "voltage_limits"]

VIOLATION_COLUMNS = ["kind", "element", "index", "value", "limit", "excess", "unit"]
LIMIT_COLUMNS = ["kind", "checked", "element", "index", "value", "limit", "margin", "unit"]

# A state on its limit is no violation: half of the last digit that matters.
_TOLERANCE = {"pu": 1e-6, "%": 1e-3}


def measure_limits(
    net: pandapowerNet, vm_limits: tuple[float, float] | None
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Compare a net's results with all its limits.

    Parameters
    ----------
    net : pandapowerNet
        The net, after power flow.
    vm_limits : (float, float) or None
        Limits for all buses [pu]; None: the net's own.

    Returns
    -------
    limits : pandas.DataFrame
        One row a kind of limit with its worst place (see `Check.limits`).
    violations : pandas.DataFrame
        Every violated limit, worst first (see `Check.violations`).
    voltage : pandas.DataFrame
        ``vm_min_pu`` and ``vm_max_pu`` of every bus.
    """
    voltage = voltage_limits(net, vm_limits)
    # no switch moves the set-point of a source; with limits of its own it would hide the worst bus
    vm = net.res_bus["vm_pu"].reindex(net.bus.index).drop(root_buses(net))
    found = [
        _compare("voltage low", "bus", vm, voltage["vm_min_pu"].reindex(vm.index), -1.0, "pu"),
        _compare("voltage high", "bus", vm, voltage["vm_max_pu"].reindex(vm.index), 1.0, "pu"),
    ]
    for element in ("line", "trafo"):
        table = net[element]
        if len(table) and "max_loading_percent" in table.columns:
            loading = net[f"res_{element}"]["loading_percent"].reindex(table.index)
            loading = loading.where(table["in_service"].astype(bool))
            limit = table["max_loading_percent"].astype(float)
            found.append(_compare("loading", element, loading, limit, 1.0, "%"))
    limits = pd.DataFrame([row for row, _ in found if row is not None], columns=LIMIT_COLUMNS)
    parts = [v for _, v in found if len(v)]
    violations = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=VIOLATION_COLUMNS)
    order = (violations["excess"] / violations["limit"].abs()).sort_values(ascending=False).index
    return limits, violations.loc[order].reset_index(drop=True), voltage


def voltage_limits(net: pandapowerNet, vm_limits: tuple[float, float] | None) -> pd.DataFrame:
    """Voltage limits of every bus, ``vm_min_pu`` and ``vm_max_pu`` [pu]; NaN where there is none."""
    if vm_limits is not None:
        low, high = float(vm_limits[0]), float(vm_limits[1])
        return pd.DataFrame({"vm_min_pu": low, "vm_max_pu": high}, index=net.bus.index)
    nothing = pd.Series(np.nan, index=net.bus.index)
    return pd.DataFrame(
        {"vm_min_pu": net.bus.get("min_vm_pu", nothing), "vm_max_pu": net.bus.get("max_vm_pu", nothing)},
        index=net.bus.index,
        dtype=float,
    )


def _compare(
    kind: str, element: str, value: pd.Series, limit: pd.Series, sign: float, unit: str
) -> tuple[tuple[object, ...] | None, pd.DataFrame]:
    """Worst place of a limit, and its violations; `sign` is 1 for an upper limit, -1 for a lower one."""
    excess = (sign * (value - limit)).dropna()
    if not len(excess):
        return None, pd.DataFrame(columns=VIOLATION_COLUMNS)
    worst = int(excess.idxmax())
    row = (kind, len(excess), element, worst, float(value[worst]), float(limit[worst]), -float(excess[worst]), unit)
    bad = excess[excess > _TOLERANCE[unit]].index
    table = pd.DataFrame(
        {
            "kind": kind,
            "element": element,
            "index": [int(i) for i in bad],
            "value": value[bad].to_numpy(dtype=float),
            "limit": limit[bad].to_numpy(dtype=float),
            "excess": excess[bad].to_numpy(dtype=float),
            "unit": unit,
        },
        columns=VIOLATION_COLUMNS,
    )
    return row, table
