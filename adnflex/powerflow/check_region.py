"""States of a region in full AC power flow: written into a private copy one after another, every limit measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.grid.setpoints import PushBack
from adnflex.powerflow.limits import LIMIT_COLUMNS, VIOLATION_COLUMNS, measure_limits
from adnflex.powerflow.run import run_ac

__all__ = ["POINT_COLUMNS", "SourceLimit", "measure_states", "push_back"]

POINT_COLUMNS = [
    "p_mw",
    "q_mvar",
    "vm_min_pu",
    "vm_min_bus",
    "vm_max_pu",
    "vm_max_bus",
    "loading_percent",
    "loading_element",
    "loading_index",
    "limit_kind",
    "limit_element",
    "limit_index",
    "limit_value",
    "limit",
    "limit_unit",
    "converged",
    "violations",
]

# A source: table, index, lowest and highest active and reactive import [MW, Mvar].
SourceLimit = tuple[str, int, float, float, float, float]

# Import beyond its limit that is rounding [MW, Mvar].
_SOURCE = 1e-5


def push_back(net: pandapowerNet, setpoints: pd.DataFrame) -> PushBack:
    """Return a private copy of a net, into which rows of set-points are written by their label.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is not changed.
    setpoints : pandas.DataFrame
        Columns ``(table, column, index)``.
    """
    # PushBack asks a plan for no more than this
    rows = SimpleNamespace(setpoints=setpoints, switches=pd.DataFrame(), of=lambda table, scenario=None: table)
    return PushBack(cast(Any, rows), net)


def measure_states(
    net: pandapowerNet,
    setpoints: pd.DataFrame,
    pcc: tuple[str, int],
    vm_limits: tuple[float, float] | None,
    sources: Sequence[SourceLimit],
    audit: Callable[[pd.Series], list[dict[str, Any]]],
    over: Callable[[int], bool] = lambda label: False,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run every row of set-points.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is not changed.
    setpoints : pandas.DataFrame
        Columns ``(table, column, index)``, one row a state.
    pcc : (str, int)
        Table and index of the source whose import it is.
    vm_limits : (float, float) or None
        Voltage limits given by the caller [pu].
    sources : sequence
        Limits of the sources.
    audit : callable
        Limits of devices that a row breaks, in the form of the violations.
    over : callable
        Told a row's label, says whether it is left out because the time is over.

    Returns
    -------
    points : pandas.DataFrame
        Columns `POINT_COLUMNS`, one row a state that was run.
    violations : pandas.DataFrame
        ``point`` and the columns of `Check.violations`.
    """
    copy = push_back(net, setpoints)
    rows, bad, run = [], [], []
    for label in setpoints.index:
        if over(label):
            continue
        run.append(label)
        new = copy.at(label)
        broken = audit(setpoints.loc[label])
        row, found = _measure(new, pcc, vm_limits, sources) if run_ac(new) else (_NOTHING, [_DIVERGED])
        broken = [*broken, *found]
        rows.append({**row, "violations": len(broken)})
        bad += [{"point": label, **entry} for entry in broken]
    points = pd.DataFrame(rows, index=pd.Index(run, name=setpoints.index.name), columns=POINT_COLUMNS)
    return points, pd.DataFrame(bad, columns=["point", *VIOLATION_COLUMNS])


_NOTHING: dict[str, Any] = {"converged": False}
_DIVERGED = dict(zip(VIOLATION_COLUMNS, ("power flow", "net", -1, np.nan, np.nan, np.nan, ""), strict=True))


def _measure(
    new: pandapowerNet, pcc: tuple[str, int], vm_limits: tuple[float, float] | None, sources: Sequence[SourceLimit]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    limits, violations, _ = measure_limits(new, vm_limits)
    found = _records(violations)
    nearest = _records(limits)
    for table, index, p_min, p_max, q_min, q_max in sources:
        row = new[f"res_{table}"].loc[index]
        for name, column, low, high in (("", "p_mw", p_min, p_max), ("reactive ", "q_mvar", q_min, q_max)):
            value, unit = float(row[column]), "Mvar" if name else "MW"
            for side, limit, sign in (("low", low, -1.0), ("high", high, 1.0)):
                if not np.isfinite(limit):
                    continue
                margin = sign * (limit - value)
                parts = (f"{name}import {side}", 1, table, index, value, limit, margin, unit)
                nearest.append(dict(zip(LIMIT_COLUMNS, parts, strict=True)))
                if margin < -_SOURCE:
                    place = (f"{name}import {side}", table, index, value, limit, -margin, unit)
                    found.append(dict(zip(VIOLATION_COLUMNS, place, strict=True)))
    at = new[f"res_{pcc[0]}"].loc[pcc[1]]
    row_out: dict[str, Any] = {"p_mw": float(at["p_mw"]), "q_mvar": float(at["q_mvar"]), "converged": True}
    return {**row_out, **_extremes(new), **_nearest(nearest, float(new.sn_mva))}, found


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


def _extremes(new: pandapowerNet) -> dict[str, Any]:
    vm = new.res_bus["vm_pu"].dropna()
    found: dict[str, Any] = {
        "vm_min_pu": float(vm.min()),
        "vm_min_bus": int(vm.idxmin()),
        "vm_max_pu": float(vm.max()),
        "vm_max_bus": int(vm.idxmax()),
    }
    top = -np.inf
    for element in ("line", "trafo"):
        loading = new[f"res_{element}"]["loading_percent"].dropna() if len(new[element]) else pd.Series(dtype=float)
        if len(loading) and float(loading.max()) > top:
            top = float(loading.max())
            found |= {"loading_percent": top, "loading_element": element, "loading_index": int(loading.idxmax())}
    return found


def _nearest(limits: list[dict[str, Any]], base: float) -> dict[str, Any]:
    """Return the limit with the smallest margin, relative to 1 pu, the rating or the base power."""
    if not limits:
        return {}
    whole = {"pu": 1.0, "%": 100.0}
    nearest = min(limits, key=lambda row: float(row["margin"]) / whole.get(str(row["unit"]), max(base, 1.0)))
    names = {"kind": "limit_kind", "element": "limit_element", "index": "limit_index", "value": "limit_value"}
    return {
        **{to: nearest[name] for name, to in names.items()},
        "limit": nearest["limit"],
        "limit_unit": nearest["unit"],
    }
