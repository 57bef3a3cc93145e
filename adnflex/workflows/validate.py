"""Validate: push a plan back into a copy of the net and let full AC power flow judge it."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import overload

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.devices import Device, GridConnection
from adnflex.errors import InputError
from adnflex.grid.apply import require_same
from adnflex.grid.model import FloatArray
from adnflex.powerflow import check_plan
from adnflex.powerflow.check_dispatch import check_dispatch
from adnflex.powerflow.limits import voltage_limits
from adnflex.powerflow.periods import measure_periods
from adnflex.results import Check, DispatchCheck, DispatchPlan, Plan
from adnflex.scenarios import ScenarioSet
from adnflex.workflows.dispatch_study import Study, read_study

__all__ = ["validate"]


@overload
def validate(plan: Plan, net: pandapowerNet, executor: Executor | None = None) -> Check: ...
@overload
def validate(plan: DispatchPlan, net: pandapowerNet, executor: Executor | None = None) -> DispatchCheck: ...
def validate(plan: Plan | DispatchPlan, net: pandapowerNet, executor: Executor | None = None) -> Check | DispatchCheck:
    """Push a plan into a copy of the net, run full AC power flow and judge it.

    Parameters
    ----------
    plan : Plan or DispatchPlan
        The plan.
    net : pandapowerNet
        The net that it was made for; it is not changed.
    executor : concurrent.futures.Executor, optional
        Runs the scenarios of a dispatch side by side.

    Returns
    -------
    Check or DispatchCheck
        Verdict, certificate, limits, violations, tightness, deviations.

    Raises
    ------
    InputError
        If the net is not the one that the plan was made for.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex import reconfigure
    >>> net = pn.case33bw()
    >>> check = validate(reconfigure(net, workers=1), net)
    >>> check.passed, check.certificate < 1e-4
    (True, True)
    """
    if isinstance(plan, Plan):
        return check_plan(plan, net)
    if not isinstance(plan, DispatchPlan):
        raise InputError(f"plan is a {type(plan).__name__}; give what reconfigure or dispatch returned.")
    require_same(net, plan.fingerprint)
    study = _study_of(plan, net)
    connections = [d for d in study.devices if isinstance(d, GridConnection)]

    def items(imports: pd.DataFrame, losses: FloatArray) -> pd.DataFrame:
        return _ac_costs(plan, connections, imports, losses)

    return check_dispatch(
        plan,
        measure_periods(plan, net, executor),
        _device_faults(plan, net, study),
        _source_limits(connections),
        items,
        voltage_limits(net, plan.vm_limits),
        _loading_limits(net),
    )


def _study_of(plan: DispatchPlan, net: pandapowerNet) -> Study:
    """Read the devices once more, with the series that the plan was made for."""
    periods = len(plan.periods)
    count = len(plan.scenarios)
    profiles: dict[tuple[str, str], FloatArray] = {}
    elements: dict[tuple[str, str], tuple[int, ...]] = {}
    if len(plan.inputs.columns):
        for (table, column), part in plan.inputs.T.groupby(level=["table", "column"], sort=False):
            profiles[table, column] = part.to_numpy(dtype=float).T.reshape(count, periods, -1)
            elements[table, column] = tuple(int(i) for i in part.index.get_level_values("index"))
    static = {("load", "p_mw"): pd.DataFrame(index=range(periods))}
    topology = bool(len(plan.switches))
    lines = plan.switches.loc[plan.switches["element"] == "line", "index"] if topology else []
    switches = plan.switches.loc[plan.switches["element"] != "line"] if topology else None
    return read_study(
        net,
        profiles=static,
        scenarios=ScenarioSet(plan.scenarios["probability"].to_numpy(), profiles, elements) if profiles else None,
        hours_per_period=plan.hours_per_period,
        start_hour=plan.start_hour,
        vm_limits=plan.vm_limits,
        topology=topology,
        switchable_lines=sorted({int(i) for i in lines}),
        switchable_switches=[] if switches is None else _bus_switches(switches),
    )


def _bus_switches(rows: pd.DataFrame) -> list[int]:
    found = set(rows.loc[rows["element"] == "switch", "index"].astype(int))
    for used in rows.loc[rows["element"] == "trafo", "switches"]:
        found.update(int(s) for s in used)
    return sorted(found)


def _device_faults(plan: DispatchPlan, net: pandapowerNet, study: Study) -> pd.DataFrame:
    """Limits of devices that the set-points break, and set-points that are not what the profiles say."""
    rows = []
    shape = (study.horizon.scenarios, study.horizon.periods)
    written = {key: plan.setpoints[key].to_numpy(dtype=float).reshape(shape) for key in plan.setpoints.columns}
    for device in study.devices:
        for fault in device.audit(lambda column, d=device: _value(written, net, d, column, shape), study.horizon):  # type: ignore[misc]
            period = plan.periods[fault.period]
            entry = {**fault._asdict(), "element": fault.table, "index": fault.place, "period": period}
            rows.append({**entry, "excess": abs(fault.value - fault.limit)})
    columns = ["scenario", "period", "kind", "element", "index", "value", "limit", "excess", "unit"]
    return pd.DataFrame(rows, columns=columns)


def _value(
    written: dict[tuple[str, str, int], FloatArray], net: pandapowerNet, d: Device, column: str, shape: tuple[int, int]
) -> FloatArray:
    key = (d.place.table, column, d.place.index)
    if key in written:
        return written[key]
    return np.full(shape, float(net[d.place.table].at[d.place.index, column]))


def _source_limits(connections: list[GridConnection]) -> pd.DataFrame:
    rows = {(d.place.table, d.place.index): (d.p_min, d.p_max, d.q_min, d.q_max) for d in connections}
    return pd.DataFrame.from_dict(rows, orient="index", columns=["min_p_mw", "max_p_mw", "min_q_mvar", "max_q_mvar"])


def _loading_limits(net: pandapowerNet) -> pd.Series:
    found = {
        (element, int(i)): float(x)
        for element in ("line", "trafo")
        if len(net[element]) and "max_loading_percent" in net[element].columns
        for i, x in net[element]["max_loading_percent"].items()
    }
    return pd.Series(found, dtype=float)


def _ac_costs(
    plan: DispatchPlan, connections: list[GridConnection], imports: pd.DataFrame, losses: FloatArray
) -> pd.DataFrame:
    """Items of the plan, with purchase, carbon and losses as AC power flow has them."""
    shape = (len(plan.scenarios), len(plan.periods))
    hours = plan.hours_per_period
    items = plan.scenario_costs.copy()
    items["purchase"] = 0.0
    carbon = np.zeros(shape[0])
    for d in connections:
        p = imports[(d.place.table, d.place.index)].to_numpy().reshape(shape)
        items["purchase"] += d.bill(p, hours)
        carbon += (d.carbon * p).sum(axis=1) * hours
    if "carbon" in items.columns:
        items["carbon"] = float(plan.options["carbon_price_per_kg"]) * carbon
    if "losses" in items.columns:
        items["losses"] = float(plan.options["loss_cost_per_mwh"]) * losses.reshape(shape).sum(axis=1) * hours
    return items
