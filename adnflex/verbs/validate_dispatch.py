"""Validate a dispatch: every period of every scenario run in full AC power flow, every device audited, all priced."""

from __future__ import annotations

from concurrent.futures import Executor
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import FloatArray
from adnflex.devices import MovesTogether, Supplies
from adnflex.devices.grid_connection import source_limits
from adnflex.garbage import without_garbage_search
from adnflex.grid.identity import require_same
from adnflex.powerflow.deviations import Pair, deviation_table
from adnflex.powerflow.judge import judge
from adnflex.powerflow.limits import VIOLATION_COLUMNS, limits_of, stacked
from adnflex.powerflow.states import Measured
from adnflex.powerflow.verdict import flaw, violated
from adnflex.results import DispatchCheck, DispatchPlan
from adnflex.results.certificate import certificate_of
from adnflex.study import Study, TimeAxis, read_again
from adnflex.study.audit import Row, Written, audited, off_series, too_many, violation, written_in

# Import beyond its limit that is rounding of the conic solver, relative to the largest power in the plan.
_SOURCE_TOLERANCE = 1e-5

_FAULTS = ["scenario", "period", *VIOLATION_COLUMNS]


@without_garbage_search()
def validate_dispatch(
    plan: DispatchPlan,
    net: pandapowerNet,
    executor: Executor | None = None,
    engine: str = "auto",
    study: Study | None = None,
) -> DispatchCheck:
    """Run every period of every scenario and judge the plan.

    Parameters
    ----------
    plan : DispatchPlan
        The plan.
    net : pandapowerNet
        The net that it was made for; it is not changed.
    executor, engine
        See `adnflex.powerflow.judge`.
    study : Study, optional
        What was read from this net for this plan, where that is at hand; by default the net is read again, with the
        series of the plan.

    Raises
    ------
    InputError
        If the net is another one.
    """
    if study is None:
        require_same(net, plan.fingerprint)
        study = read_again(
            net,
            plan.inputs,
            plan.scenarios["probability"].to_numpy(),
            _axis(plan),
            limits=plan.asked_limits,
            switches=plan.switches,
        )
    largest = float(plan.balance.drop(columns="price").abs().to_numpy().max())
    sources, rounding = source_limits(study.devices), _SOURCE_TOLERANCE * largest
    limits = replace(limits_of(net, plan.asked_limits), sources=sources, source_tolerance=rounding)
    table = _both_levels(plan, plan.setpoints)
    judged = judge(net, table, limits, plan.switches, supplied=plan.vm_pu.columns, engine=engine, executor=executor)
    measured, found = judged.measured, judged.found
    written = written_in(plan.setpoints, (study.horizon.scenarios, study.horizon.periods), net)
    costs, objective, carbon = _costs(plan, study, written, measured)
    faults = [*_faults(plan, net, study, written), *_over_budget(plan, carbon)]
    violations = stacked([found.violations, pd.DataFrame(faults, columns=_FAULTS)], _FAULTS)
    wrong = flaw(measured)
    passed = not wrong and violations.empty
    minimised = objective if plan.options.get("objective", "cost") == "cost" else carbon + 1e-6 * objective
    absolute, relative, notes = certificate_of(minimised, plan.bound, _unit(plan), 1e-5) if passed else (None, None, ())
    periods = _periods(plan, measured, violations).assign(judge=judged.judges)
    vm, loading, current = (
        _as_plan(plan, table) for table in (measured.vm_pu, measured.loading_percent, measured.i_ka)
    )
    return DispatchCheck(
        passed=passed,
        **judged.record,
        verdict=judged.told(wrong or violated(violations) or _praise(measured, found.limits)),
        objective=objective,
        costs=costs,
        certificate=relative,
        certificate_absolute=absolute,
        periods=periods,
        violations=violations,
        limits=found.limits,
        vm_pu=vm,
        loading_percent=loading,
        i_ka=current,
        loading_limit_percent=limits.loading_percent,
        vm_min_pu=limits.voltage["vm_min_pu"],
        vm_max_pu=limits.voltage["vm_max_pu"],
        deviations=_deviations(plan, periods, vm, loading),
        notes=(*notes, *judged.notes),
        certificate_losses=_in_losses(plan, absolute),
    )


def _unit(plan: DispatchPlan) -> str:
    return "kg" if plan.options.get("objective") == "carbon" else plan.currency


def _axis(plan: DispatchPlan) -> TimeAxis:
    """Return the periods that a plan was made for."""
    counted = TimeAxis.counted(plan.periods, plan.hours_per_period, plan.start_hour)
    if not len(plan.times):
        return counted
    return replace(counted, clock=tuple(plan.times["clock_hour"]), begins=tuple(plan.times["begins"]))


def _both_levels(plan: DispatchPlan, table: pd.DataFrame) -> pd.DataFrame:
    """Return a table by period under (scenario, period), also where there is one scenario."""
    if table.index.nlevels > 1:
        return table
    return pd.concat({plan.scenarios.index[0]: table}, names=["scenario", "period"])


def _as_plan(plan: DispatchPlan, table: pd.DataFrame) -> pd.DataFrame:
    """Return a table under the index of the plan's own."""
    return table.droplevel("scenario") if plan.setpoints.index.nlevels == 1 else table


def _faults(plan: DispatchPlan, net: pandapowerNet, study: Study, written: Written) -> list[Row]:
    """Limits of devices, series and budgets that the set-points break."""
    off = [*audited(study.devices, written, study.horizon), *off_series(study, net, plan.setpoints, "profile")]
    rows: list[Row] = [(s, plan.periods[t], *row) for s, t, row in off]
    for device in study.devices:
        if isinstance(device, MovesTogether):
            rows += _apart(plan, device)
    budget = too_many(_operations(plan), plan.options.get("max_operations"), "operations")
    return [*rows, *((0, plan.periods[-1], *row) for row in budget)]


def _apart(plan: DispatchPlan, device: MovesTogether) -> list[Row]:
    """List transformers in parallel that do not move together."""
    rows: list[Row] = []
    steps = device.positions - device.positions[0]
    for e, element in enumerate(device.elements[1:], start=1):
        keys = [(device.place.table, "tap_pos", i) for i in (device.elements[0], element)]
        first, other = (plan.setpoints[key].to_numpy(dtype=float) for key in keys)
        for row in np.flatnonzero(other - first != steps[e, 0]).tolist():
            s, t = divmod(row, len(plan.periods))
            values = float(other[row]), float(first[row] + steps[e, 0])
            rows.append(
                (s, plan.periods[t], *violation("tap apart from its parallel", ("trafo", element), *values, ""))
            )
    return rows


def _over_budget(plan: DispatchPlan, carbon: float) -> list[Row]:
    """Compare the expected emission of power flow with the plan's budget."""
    budget = plan.options.get("carbon_budget_kg")
    if budget is None or not carbon > float(budget) + max(1e-5 * abs(float(budget)), 1e-2):
        return []
    return [(-1, plan.periods[-1], *violation("carbon budget", ("net", -1), carbon, float(budget), "kg"))]


def _costs(plan: DispatchPlan, study: Study, written: Written, measured: Measured) -> tuple[pd.DataFrame, float, float]:
    """Price what is written and what power flow gives, without a look at the plan's own costs; also emissions [kg]."""
    if not measured.converged.all():
        return pd.DataFrame({"cost": np.nan, "model": plan.costs["cost"]}), np.nan, np.nan
    shape = (len(plan.scenarios), len(plan.periods))
    hours, imports = plan.hours_per_period, measured.of_sources("p_mw")
    items: dict[str, FloatArray] = {}

    def add(item: str, cost: FloatArray) -> None:
        items[item] = items.get(item, np.zeros(shape[0])) + cost

    carbon = np.zeros(shape[0])
    for d in study.devices:
        vm = measured.vm_pu[d.place.bus].to_numpy(dtype=float).reshape(shape)
        for item, cost in d.bill(partial(written, d), study.horizon, vm**2).items():
            add(item, cost)
        if isinstance(d, Supplies):
            p = imports[(d.place.table, d.place.index)].to_numpy(dtype=float).reshape(shape)
            add("purchase", d.purchase(p, hours))
            carbon = carbon + (d.carbon * p).sum(axis=1) * hours
    add("carbon", float(plan.options["carbon_price_per_kg"]) * carbon)
    lost = measured.losses_mw.to_numpy().reshape(shape).sum(axis=1)
    add("losses", float(plan.options["loss_cost_per_mwh"]) * lost * hours)
    add("switching", np.full(shape[0], float(plan.options["switching_cost"]) * _operations(plan)))
    known = [i for i in plan.scenario_costs.columns if i in items]
    names = [*known, *(i for i in items if i not in known and np.any(items[i] != 0))]
    weights = plan.scenarios["probability"].to_numpy()
    expected = np.array([weights @ items[i] for i in names])
    index = pd.Index(names, name="item")
    costs = pd.DataFrame({"cost": expected, "model": plan.costs["cost"].reindex(names).to_numpy()}, index=index)
    return costs, float(expected.sum()), float(weights @ carbon)


def _operations(plan: DispatchPlan) -> int:
    """Switching operations over the horizon, counted from block to block, from the present states on."""
    if not len(plan.switches):
        return 0
    count = 0
    last, free = None, plan.options.get("start") == "free"
    for _, rows in plan.switches.groupby("first_period", sort=True):
        before = rows["closed_before"].astype(bool).to_numpy() if last is None else last
        last = rows["closed_after"].astype(bool).to_numpy()
        count += 0 if free else int((before != last).sum())
        free = False
    return count


def _in_losses(plan: DispatchPlan, absolute: float | None) -> float | None:
    """Measure the certificate by the value of the losses, which the plan's two gaps tell."""
    left = plan.objective - plan.bound
    if absolute is None or plan.loss_gap is None:
        return None
    # a plan at its bound has a gap of nothing in both
    return plan.loss_gap if left <= 0 or plan.loss_gap <= 0 else plan.loss_gap * absolute / left


def _praise(measured: Measured, limits: pd.DataFrame) -> str:
    runs = len(measured.labels)
    flows = f"all {runs} power flows" if runs > 1 else "power flow"
    return f"{flows} converged, radial, everything supplied, all {int(limits['checked'].sum())} limits met"


def _periods(plan: DispatchPlan, measured: Measured, violations: pd.DataFrame) -> pd.DataFrame:
    """One row a state: AC beside the model."""
    model, tight = (_both_levels(plan, table) for table in (plan.balance, plan.recovery))
    off = (measured.vm_pu - _both_levels(plan, plan.vm_pu)).abs()
    apart, seen = off.fillna(-1.0), off.notna().any(axis=1)
    counts = violations.groupby(["scenario", "period"]).size()
    counts.index = pd.MultiIndex.from_tuples(counts.index.tolist(), names=measured.labels.names)
    ran = measured.converged
    return measured.extremes().assign(
        converged=ran,
        losses_mw=measured.losses_mw,
        losses_model_mw=model["losses_mw"],
        grid_mw=measured.of_sources("p_mw").sum(axis=1).where(ran),
        grid_model_mw=model["grid_mw"],
        grid_mvar=measured.of_sources("q_mvar").sum(axis=1).where(ran),
        grid_model_mvar=model["grid_mvar"],
        vm_deviation_pu=apart.max(axis=1).where(seen),
        vm_deviation_bus=apart.idxmax(axis=1).where(seen, -1).astype(int),
        cone_gap=tight["gap"],
        invented_kw=tight["invented_kw"],
        method=tight["method"],
        violations=counts.reindex(measured.labels).fillna(0).astype(int),
    )


def _deviations(plan: DispatchPlan, periods: pd.DataFrame, vm: pd.DataFrame, loading: pd.DataFrame) -> pd.DataFrame:
    """Compare what the plan's tables say with AC, then what the relaxation said."""
    models = [("exact power flow", plan.vm_pu, plan.loading_percent, plan.balance)]
    if len(plan.relaxation_vm_pu):
        said = plan.relaxation_vm_pu, plan.relaxation_loading_percent, plan.relaxation_balance
        models.append(("relaxation", *said))
    quantities = (("losses", "losses_mw", "MW"), ("import", "grid_mw", "MW"), ("reactive import", "grid_mvar", "Mvar"))
    pairs: list[Pair] = []
    for model, voltages, loadings, balance in models:
        told = _both_levels(plan, balance)
        pairs += [(model, "voltage", "pu", vm, voltages), (model, "loading", "%", loading, loadings)]
        pairs += [(model, name, unit, periods[column], told[column]) for name, column, unit in quantities]
    return deviation_table(pairs, ("scenario", "period"))
