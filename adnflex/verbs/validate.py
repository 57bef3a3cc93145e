"""Validate: push a plan back into a copy of the net and let full AC power flow judge it."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import overload

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arguments import public
from adnflex.devices import Device, MovesVoltages, Supplies, able
from adnflex.errors import InputError
from adnflex.grid.apply import require_same
from adnflex.grid.model import FloatArray
from adnflex.powerflow import check_plan
from adnflex.powerflow.check_dispatch import check_dispatch
from adnflex.powerflow.limits import voltage_limits
from adnflex.powerflow.periods import measure_periods
from adnflex.problems.dispatch.study import Study, read_again
from adnflex.problems.rolling.check import check_run
from adnflex.results import (
    Check,
    DispatchCheck,
    DispatchPlan,
    Flexibility,
    FlexibilityCheck,
    Plan,
    Region,
    RegionCheck,
    RollingCheck,
    RollingRun,
)
from adnflex.study import TimeAxis
from adnflex.verbs.region import validate_region
from adnflex.verbs.validate_flexibility import validate_flexibility

__all__ = ["validate"]


@overload
def validate(plan: Plan, net: pandapowerNet, executor: Executor | None = None) -> Check: ...
@overload
def validate(plan: DispatchPlan, net: pandapowerNet, executor: Executor | None = None) -> DispatchCheck: ...
@overload
def validate(plan: Region, net: pandapowerNet, executor: Executor | None = None) -> RegionCheck: ...
@overload
def validate(plan: RollingRun, net: pandapowerNet, executor: Executor | None = None) -> RollingCheck: ...
@overload
def validate(
    plan: Flexibility,
    net: pandapowerNet,
    executor: Executor | None = None,
    *,
    trajectories: int = 1000,
    levels: int | None = 20,
    seed: int = 0,
) -> FlexibilityCheck: ...
@public()
def validate(
    plan: Plan | DispatchPlan | Flexibility | Region | RollingRun,
    net: pandapowerNet,
    executor: Executor | None = None,
    *,
    trajectories: int = 1000,
    levels: int | None = 20,
    seed: int = 0,
) -> Check | DispatchCheck | FlexibilityCheck | RegionCheck | RollingCheck:
    """Push a plan into a copy of the net, run full AC power flow and judge it.

    Parameters
    ----------
    plan : Plan, DispatchPlan, Flexibility, Region or RollingRun
        The plan, the box of a flexibility, a P-Q region, or the day of a rolling schedule.
    net : pandapowerNet
        The net that it was made for; it is not changed.
    executor : concurrent.futures.Executor, optional
        Runs the scenarios of a dispatch, or the periods of a box, side by side.
    trajectories : int
        Of a box: random trajectories and vertices to follow.
    levels : int or None
        Of a box: different values of every period (each is one power flow), which the trajectories combine, as a
        period's dispatch depends on its own value alone; None: every trajectory has values of its own.
    seed : int
        Of the trajectories.

    Returns
    -------
    Check, DispatchCheck, FlexibilityCheck, RegionCheck or RollingCheck
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
    if isinstance(plan, Region):
        return validate_region(plan, net)
    if isinstance(plan, Flexibility):
        return validate_flexibility(plan, net, executor, trajectories, levels, seed)
    if isinstance(plan, RollingRun):
        return check_run(plan, net)
    if not isinstance(plan, DispatchPlan):
        raise InputError(
            f"plan is a {type(plan).__name__}; give what reconfigure, dispatch, flexibility, pq_region or "
            "schedule_rolling returned."
        )
    require_same(net, plan.fingerprint)
    study = read_again(
        net,
        plan.inputs,
        plan.scenarios["probability"].to_numpy(),
        _axis(plan),
        vm_limits=plan.vm_limits,
        switches=plan.switches,
    )
    connections = able(study.devices, Supplies)

    measured = measure_periods(plan, net, executor)
    written = _written(plan, net, study)

    def items(imports: pd.DataFrame, losses: FloatArray) -> tuple[pd.DataFrame, FloatArray]:
        vm = np.array([m.vm_pu.reindex([d.place.bus for d in study.devices]).to_numpy() for m in measured])
        return _ac_costs(plan, study, written, vm, imports, losses)

    return check_dispatch(
        plan,
        measured,
        _faults(plan, net, study, written),
        _source_limits(connections),
        items,
        voltage_limits(net, plan.vm_limits),
        _loading_limits(net),
    )


def _axis(plan: DispatchPlan) -> TimeAxis:
    """Return the periods that a plan was made for."""
    counted = TimeAxis.counted(plan.periods, plan.hours_per_period, plan.start_hour)
    if not len(plan.times):
        return counted
    return replace(counted, clock=tuple(plan.times["clock_hour"]), begins=tuple(plan.times["begins"]))


Written = Callable[[Device, str], FloatArray]


def _written(plan: DispatchPlan, net: pandapowerNet, study: Study) -> Written:
    """Values (S, T) that the plan writes for a device, or the net's own where it writes none."""
    shape = (study.horizon.scenarios, study.horizon.periods)

    def value(device: Device, column: str) -> FloatArray:
        table, place = device.place.table, device.place.index
        if column.startswith("constant_q:"):
            table, column = "constant_q", column.removeprefix("constant_q:")
        key = (table, column, place)
        if key in plan.setpoints.columns:
            return np.asarray(plan.setpoints[key].to_numpy(dtype=float).reshape(shape))
        if table == "constant_q":
            return np.zeros(shape)
        return np.full(shape, float(net[table].at[place, column]))

    return value


_FAULTS = ["scenario", "period", "kind", "element", "index", "value", "limit", "excess", "unit"]


def _faults(plan: DispatchPlan, net: pandapowerNet, study: Study, written: Written) -> pd.DataFrame:
    """Limits of devices that the set-points break, and set-points that are not what the profiles say."""
    rows = []
    for device in study.devices:
        for fault in device.audit(partial(written, device), study.horizon):
            period = plan.periods[fault.period]
            entry = {**fault._asdict(), "element": fault.table, "index": fault.place, "period": period}
            rows.append({**entry, "excess": abs(fault.value - fault.limit)})
    for device in study.devices:
        if isinstance(device, MovesVoltages):
            rows += _apart(plan, device)
    most, count = plan.options.get("max_operations"), _operations(plan)
    if most is not None and count > int(most):
        place = {"scenario": 0, "period": plan.periods[-1], "element": "net", "index": -1, "kind": "operations"}
        rows.append({**place, "value": count, "limit": int(most), "excess": count - int(most), "unit": "operations"})
    return pd.DataFrame([*rows, *_unserved(plan, net, study)], columns=_FAULTS)


def _apart(plan: DispatchPlan, device: MovesVoltages) -> list[dict[str, object]]:
    """List transformers in parallel that do not move together."""
    rows: list[dict[str, object]] = []
    steps = device.positions - device.positions[0]
    for e, element in enumerate(device.elements[1:], start=1):
        keys = [(device.place.table, "tap_pos", i) for i in (device.elements[0], element)]
        first, other = (plan.setpoints[key].to_numpy(dtype=float) for key in keys)
        for row in np.flatnonzero(other - first != steps[e, 0]).tolist():
            s, t = divmod(row, len(plan.periods))
            place = {"scenario": s, "period": plan.periods[t], "element": "trafo", "index": element}
            value, limit = float(other[row]), float(first[row] + steps[e, 0])
            numbers = {"value": value, "limit": limit, "excess": abs(value - limit)}
            rows.append({**place, **numbers, "kind": "tap apart from its parallel", "unit": ""})
    return rows


def _unserved(plan: DispatchPlan, net: pandapowerNet, study: Study) -> list[dict[str, object]]:
    """List elements that are no decision and yet do not follow their series."""
    rows: list[dict[str, object]] = []
    controlled = study.controlled
    for (table, column), array in study.values.items():
        if table == "ext_grid":
            continue
        unit = "MW" if column == "p_mw" else "Mvar"
        for place, index in enumerate(net[table].index):
            if (table, int(index)) in controlled or not net[table]["in_service"].iloc[place]:
                continue
            wanted = array[:, :, place]
            key = (table, column, int(index))
            if key in plan.setpoints.columns:
                given = plan.setpoints[key].to_numpy(dtype=float).reshape(wanted.shape)
            else:
                given = np.full(wanted.shape, float(net[table][column].iloc[place]))
            off = np.abs(given - wanted)
            for s, t in np.argwhere(off > 1e-9):
                numbers = {"value": float(given[s, t]), "limit": float(wanted[s, t]), "excess": float(off[s, t])}
                where = {"scenario": int(s), "period": plan.periods[int(t)], "element": table, "index": int(index)}
                rows.append({**where, **numbers, "kind": f"{column} of its profile", "unit": unit})
    return rows


def _source_limits(connections: list[Supplies]) -> pd.DataFrame:
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
    plan: DispatchPlan, study: Study, written: Written, vm: FloatArray, imports: pd.DataFrame, losses: FloatArray
) -> tuple[pd.DataFrame, FloatArray]:
    """Price what is written and what power flow gives, without a look at the plan's own costs."""
    shape = (len(plan.scenarios), len(plan.periods))
    hours = plan.hours_per_period
    items: dict[str, FloatArray] = {}

    def add(item: str, cost: FloatArray) -> None:
        items[item] = items.get(item, np.zeros(shape[0])) + cost

    carbon = np.zeros(shape[0])
    for k, d in enumerate(study.devices):
        for item, cost in d.bill(partial(written, d), study.horizon, (vm[:, k] ** 2).reshape(shape)).items():
            add(item, cost)
        if isinstance(d, Supplies):
            p = imports[(d.place.table, d.place.index)].to_numpy().reshape(shape)
            add("purchase", d.purchase(p, hours))
            carbon = carbon + (d.carbon * p).sum(axis=1) * hours
    add("carbon", float(plan.options["carbon_price_per_kg"]) * carbon)
    add("losses", float(plan.options["loss_cost_per_mwh"]) * losses.reshape(shape).sum(axis=1) * hours)
    add("switching", np.full(shape[0], float(plan.options["switching_cost"]) * _operations(plan)))
    known = [i for i in plan.scenario_costs.columns if i in items]
    more = [i for i in items if i not in known and np.any(items[i] != 0)]
    table = pd.DataFrame({i: items[i] for i in [*known, *more]}, index=plan.scenarios.index)
    return table, carbon


def _operations(plan: DispatchPlan) -> int:
    """Switching operations over the horizon, counted from block to block."""
    if not len(plan.switches):
        return 0
    count = 0
    last = None
    for _, rows in plan.switches.groupby("first_period", sort=True):
        before = rows["closed_before"].astype(bool).to_numpy() if last is None else last
        last = rows["closed_after"].astype(bool).to_numpy()
        count += int((before != last).sum())
    return count
