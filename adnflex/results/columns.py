"""What the tables and numbers of a saved result have to hold, so that whatever reads them finds what it reads.

Types and names of the fields themselves follow from the annotations; here stands what annotations cannot say: the
columns of tables, and numbers that contradict each other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

# class -> table -> columns with their kind: i whole, f number, b truth, - anything. A table with ? may be empty.
_COLUMNS: dict[str, dict[str, str]] = {
    "Plan": {
        "switches?": "element- indexi closed_beforeb closed_afterb operatedb",
        "buses": "vm_puf",
        "branches?": "element- indexi closedb loss_mwf cone_gapf cone_loss_mwf",
        "progress?": "secondsf incumbentf boundf event-",
        "topology?": "element- indexi from_busi to_busi closed_beforeb closed_afterb",
        "coordinates?": "xf yf name- vn_kvf kind-",
    },
    "OperationsFrontier": {
        "table": "operationsi usedi objectivef savedf saved_percentf gainf close- open- boundf gapf provenb status-",
        "topology?": "element- indexi from_busi to_busi closed_beforeb closed_afterb",
        "coordinates?": "xf yf name- vn_kvf kind-",
    },
    "FrontierCheck": {"table": "operationsi passedb objectivef certificatef verdict-"},
    "MultiPeriodPlan": {
        "switches": "element- indexi closed_beforeb closed_afterb operatedb first_periodi",
        "topologies": "last_periodi periodsi hoursf operationsi energy_mwhf open-",
        "periods": "begins- weightf loss_mwf loss_before_mwf violationf topologyi",
        "critical_periods?": "kind- element- indexi valuef limitf marginf unit-",
        "value_of_switching?": "objectivef energy_mwhf saving_mwhf savingf boundf saving_at_mostf",
        "progress?": "secondsf incumbentf boundf event-",
        "topology?": "element- indexi from_busi to_busi closed_beforeb closed_afterb",
        "coordinates?": "xf yf name- vn_kvf kind-",
    },
    "Sweep": {
        "table": "net- variant- status- passedb periodsi losses_beforef losses_afterf objectivef boundf gapf "
        "violated_beforei violated_afteri cpu_sf file- note-"
    },
    "MultiPeriodCheck": {"periods": "losses_mwf vm_min_puf vm_max_puf"},
    "DispatchPlan": {
        "scenarios": "probabilityf",
        "costs": "costf",
        "energy": "mwhf",
        "balance": "grid_mwf grid_mvarf load_mwf losses_mwf pricef",
        "recovery": "gapf invented_kwf method-",
        "switches?": "element- indexi closed_beforeb closed_afterb operatedb first_periodi",
        "devices?": "kind- table- indexi",
        "progress?": "secondsf incumbentf boundf event-",
        "topology?": "element- indexi from_busi to_busi closed_beforeb closed_afterb",
        "coordinates?": "xf yf name- vn_kvf kind-",
    },
    "Flexibility": {
        "box": "lower_mwf upper_mwf base_mwf",
        "binding?": "periodi side- kind- element- valuef limitf unit-",
        "ac?": "import_mwf import_mvarf losses_mwf vm_min_puf vm_max_puf loading_percentf",
        "switches?": "element- indexi closed_beforeb closed_afterb operatedb",
        "storages?": "start_mwhf chargingf dischargingf keepf",
        "topology?": "element- indexi from_busi to_busi closed_beforeb closed_afterb",
    },
    "Region": {
        "areas": "outerf innerf ratiof",
        "halfplanes?": "normal_pf normal_qf support_mvaf",
        "outer?": "p_mwf q_mvarf",
        "inner?": "p_mwf q_mvarf pointi",
        "points?": "role- p_mwf q_mvarf vm_min_puf vm_max_puf",
    },
    "RollingRun": {
        "costs": "costf",
        "vehicles?": "load- vehicle- arrivalf departuref need_kwhf max_kwhf p_max_mwf given_kwhf unmet_kwhf",
        "decision_seconds?": "activef",
    },
    "RollingCheck": {"hours?": "loss_mwf vm_min_puf vm_max_puf", "costs?": "costf recomputedf differencef"},
    "DrawnScenarios": {
        "kept": "drawni probabilityf",
        "nearest": "kepti",
        "sources?": "name- type- rated_mwf sigma_percentf proportionalb",
        "vehicles?": "name- vehiclesi mwhf",
    },
    "Comparison": {"items?": "totalf stored_valuef"},
}
# A bound may be beyond the value it bounds by what solvers round.
_ROUNDING = 1e-4


def faults_of(result: Any) -> list[str]:
    """Say what a result that was read cannot be; a few words each.

    Parameters
    ----------
    result : object
        A result whose fields have the types of their annotations.
    """
    found: list[str] = []
    for name, columns in _COLUMNS.get(type(result).__name__, {}).items():
        found += _table_faults(name.rstrip("?"), getattr(result, name.rstrip("?")), columns, name.endswith("?"))
    for name, rows in getattr(result, "_rows", {}).items():
        index = getattr(result, name).index
        found += [f"table {name} has not one row {row}" for row in rows if (index == row).sum() != 1]
    for name, value in vars(result).items():
        parts = value if isinstance(value, tuple) else ()
        found += [f"in {name}[{k}]: {fault}" for k, part in enumerate(parts) for fault in _inner_faults(part)]
    return [*found, *_number_faults(vars(result))]


def _inner_faults(part: Any) -> list[str]:
    """Look at a result within another."""
    return faults_of(part) if type(part).__name__ in _COLUMNS else []


def _table_faults(name: str, table: pd.DataFrame, columns: str, may_be_empty: bool) -> Iterator[str]:
    if may_be_empty and not len(table):
        return
    for word in columns.split():
        column, kind = word[:-1], word[-1]
        if table.columns.nlevels > 1 or column not in table.columns:
            yield f"table {name} has no column {column}"
        elif not table.columns.is_unique:
            yield f"table {name} has a column twice"
        elif not _is_kind(table[column], kind):
            what = {"i": "whole numbers", "f": "numbers", "b": "truth"}[kind]
            yield f"column {column} of table {name} is of the type {table[column].dtype}, not of {what}"


def _is_kind(column: pd.Series, kind: str) -> bool:
    if kind == "-":
        return True
    if column.dtype != object:
        return column.dtype.kind in {"i": "iu", "f": "fiu", "b": "b"}[kind]
    if kind == "b":
        return all(isinstance(value, bool) for value in column)
    return all(value is None or (isinstance(value, int | float) and not isinstance(value, bool)) for value in column)


def _number_faults(values: Mapping[str, Any]) -> Iterator[str]:
    linear = values.get("linear")  # of a box: what is known of the linear model
    if linear is not None:
        values = {**values, "objective": linear.worth, "bound": linear.bound, "gap": linear.gap}
    for name in ("objective", "bound", "gap", "hours_per_period", "start_hour"):
        if isinstance(values.get(name), float) and math.isnan(values[name]):
            yield f"{name} is not a number"
    hours = values.get("hours_per_period")
    if isinstance(hours, float) and not 0 < hours < math.inf:
        yield f"hours_per_period is {hours:g}, not above 0"
    asked = values.get("asked_limits")
    if asked is not None and (odd := asked.odd):
        yield odd
    yield from _bound_faults(values)


def _bound_faults(values: Mapping[str, Any]) -> Iterator[str]:
    """Find a bound on the wrong side of what it bounds, which would certify anything."""
    value, bound = values.get("objective"), values.get("bound")
    if not isinstance(value, float) or not isinstance(bound, float) or not math.isfinite(value - bound):
        return
    largest = "linear" in values  # a box is made large, everything else small
    beyond = value - bound if largest else bound - value
    if beyond > _ROUNDING * max(abs(value), abs(bound)) + 1e-6:
        side = "below" if largest else "above"
        yield f"bound {bound:g} is {side} the objective {value:g} that it bounds"
