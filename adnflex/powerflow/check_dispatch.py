"""The verdict on a dispatch: every period pushed back, run in full AC, compared with every claim and limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from adnflex.powerflow.limits import LIMIT_COLUMNS, VIOLATION_COLUMNS
from adnflex.powerflow.periods import Measured
from adnflex.powerflow.run import not_converged
from adnflex.results import DispatchCheck, DispatchPlan

__all__ = ["check_dispatch"]

FloatArray = NDArray[np.float64]

# Import beyond its limit that is rounding of the conic solver, relative to the largest power in the plan.
_SOURCE_TOLERANCE = 1e-5


def check_dispatch(
    plan: DispatchPlan,
    measured: Sequence[Measured],
    faults: pd.DataFrame,
    source_limits: pd.DataFrame,
    items: Callable[[pd.DataFrame, FloatArray], tuple[pd.DataFrame, FloatArray]],
    voltage_limits: pd.DataFrame,
    loading_limit: pd.Series,
) -> DispatchCheck:
    """Judge a plan by its power flows.

    Parameters
    ----------
    plan : DispatchPlan
        The plan.
    measured : sequence of Measured
        Power flow of every period of every scenario.
    faults : pandas.DataFrame
        Device limits that the set-points break, in the form of `DispatchCheck.violations`.
    source_limits : pandas.DataFrame
        Index (table, index) of the sources; ``min_p_mw``, ``max_p_mw``, ``min_q_mvar``, ``max_q_mvar``.
    items : callable
        Costs by scenario and item, and emissions by scenario [kg], given AC imports (index (scenario, period), columns
        (table, index)) and losses.
    voltage_limits : pandas.DataFrame
        Index: bus; ``vm_min_pu``, ``vm_max_pu``.
    loading_limit : pandas.Series
        Index (element, index) [%].
    """
    periods = _periods(plan, measured)
    costs, objective, carbon = _costs(plan, measured, items)
    faults = _stacked([faults, _over_budget(plan, carbon)], _VIOLATIONS)
    largest = float(plan.balance.drop(columns="price").abs().to_numpy().max())
    source_limit_rows, source_violations = _sources(measured, source_limits, _SOURCE_TOLERANCE * largest)
    violations = _stacked([_violations(measured), source_violations, faults], _VIOLATIONS)
    counts = violations.groupby(["scenario", "period"]).size()
    periods["violations"] = counts.reindex(periods.index).fillna(0).astype(int)
    limits = _stacked([_limits(measured), source_limit_rows], _LIMITS)
    structural = _structure(measured)
    passed = not structural and violations.empty
    minimised = objective if plan.options.get("objective", "cost") == "cost" else carbon + 1e-6 * objective
    absolute, relative, notes = _certificate(plan, minimised) if passed else (None, None, ())
    vm = _by_period(plan, {(m.scenario, m.period): m.vm_pu for m in measured}, "bus")
    loading = _by_period(plan, {(m.scenario, m.period): m.loading_percent for m in measured}, None)
    return DispatchCheck(
        passed=passed,
        verdict=structural or _verdict(plan, violations, limits),
        objective=objective,
        costs=costs,
        certificate=relative,
        certificate_absolute=absolute,
        periods=periods,
        violations=violations,
        limits=limits,
        vm_pu=vm,
        loading_percent=loading,
        loading_limit_percent=loading_limit,
        vm_min_pu=voltage_limits["vm_min_pu"],
        vm_max_pu=voltage_limits["vm_max_pu"],
        deviations=_deviations(plan, periods, vm, loading),
        notes=notes,
        certificate_losses=_in_losses(plan, absolute),
    )


def _in_losses(plan: DispatchPlan, absolute: float | None) -> float | None:
    """Measure the certificate by the value of the losses, which the plan's two gaps tell."""
    left = plan.objective - plan.bound
    if absolute is None or plan.loss_gap is None:
        return None
    # a plan at its bound has a gap of nothing in both
    return plan.loss_gap if left <= 0 or plan.loss_gap <= 0 else plan.loss_gap * absolute / left


_VIOLATIONS = ["scenario", "period", *VIOLATION_COLUMNS]
_LIMITS = [*LIMIT_COLUMNS[:2], "scenario", "period", *LIMIT_COLUMNS[2:]]


def _stacked(parts: Sequence[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """Put tables one below the other; pandas minds empty ones."""
    filled = [part for part in parts if len(part)]
    return pd.concat(filled, ignore_index=True)[columns] if filled else pd.DataFrame(columns=columns)


def _structure(measured: Sequence[Measured]) -> str:
    for m in measured:
        where = f"in period {m.period}" + (f" of scenario {m.scenario}" if m.scenario else "")
        if not m.converged:
            return not_converged(where)
        if not m.radial:
            return f"a closed path remains {where}: the net is not radial"
        if m.dark:
            return f"bus {', '.join(map(str, m.dark[:5]))} would be without supply {where}"
    return ""


def _verdict(plan: DispatchPlan, violations: pd.DataFrame, limits: pd.DataFrame) -> str:
    if len(violations):
        share = violations["excess"].abs() / violations["limit"].abs().clip(lower=1e-9)
        v = violations.loc[share.idxmax()]
        return (
            f"{len(violations)} limit{'s' if len(violations) > 1 else ''} violated; worst: {v['kind']} at "
            f"{v['element']} {v['index']} in period {v['period']}, {v['value']:.5g} {v['unit']} "
            f"against {v['limit']:.5g} {v['unit']}"
        )
    runs = len(plan.periods) * len(plan.scenarios)
    flows = f"all {runs} power flows" if runs > 1 else "power flow"
    return f"{flows} converged, radial, everything supplied, all {int(limits['checked'].sum())} limits met"


def _periods(plan: DispatchPlan, measured: Sequence[Measured]) -> pd.DataFrame:
    rows = {}
    for m in measured:
        model = plan.of(plan.balance, m.scenario).loc[m.period]
        tight = plan.of(plan.recovery, m.scenario).loc[m.period]
        row: dict[str, object] = {
            "converged": m.converged,
            "losses_mw": m.losses_mw,
            "losses_model_mw": model["losses_mw"],
            "grid_mw": float(m.sources["p_mw"].sum()) if len(m.sources) else np.nan,
            "grid_model_mw": model["grid_mw"],
            "grid_mvar": float(m.sources["q_mvar"].sum()) if len(m.sources) else np.nan,
            "grid_model_mvar": model["grid_mvar"],
            "cone_gap": tight["gap"],
            "invented_kw": tight["invented_kw"],
            "method": tight["method"],
        }
        vm = m.vm_pu.dropna()
        off = (vm - plan.of(plan.vm_pu, m.scenario).loc[m.period]).abs().dropna()
        for name, series, pick in (("vm_min", vm, "idxmin"), ("vm_max", vm, "idxmax"), ("vm_deviation", off, "idxmax")):
            place = getattr(series, pick)() if len(series) else -1
            row[f"{name}_pu"] = float(series[place]) if len(series) else np.nan
            row[f"{name}_bus"] = int(place)
        loading = m.loading_percent.dropna()
        worst = loading.idxmax() if len(loading) else ("", -1)
        row["loading_percent"] = float(loading[worst]) if len(loading) else np.nan
        row["loading_element"], row["loading_index"] = worst[0], int(worst[1])
        rows[m.scenario, m.period] = row
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index = pd.MultiIndex.from_tuples(list(rows), names=["scenario", "period"])
    return frame


def _violations(measured: Sequence[Measured]) -> pd.DataFrame:
    parts = [m.violations.assign(scenario=m.scenario, period=m.period) for m in measured if len(m.violations)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=_VIOLATIONS)


def _limits(measured: Sequence[Measured]) -> pd.DataFrame:
    """Worst place and hour of every kind of limit."""
    parts = [m.limits.assign(scenario=m.scenario, period=m.period) for m in measured if len(m.limits)]
    if not parts:
        return pd.DataFrame(columns=_LIMITS)
    every = pd.concat(parts, ignore_index=True)
    rows = []
    for _, group in every.groupby(["kind", "element"], sort=False):
        worst = group.loc[group["margin"].idxmin()].copy()
        worst["checked"] = int(group["checked"].sum())
        rows.append(worst)
    return pd.DataFrame(rows).reset_index(drop=True)


def _sources(measured: Sequence[Measured], limits: pd.DataFrame, tolerance: float) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Import of every source against its limits."""
    rows: list[dict[str, object]] = []
    bad: list[dict[str, object]] = []
    for (table, index), limit in limits.iterrows():
        for kind, quantity, column, sign, unit in (
            ("import low", "p_mw", "min_p_mw", -1.0, "MW"),
            ("import high", "p_mw", "max_p_mw", 1.0, "MW"),
            ("reactive import low", "q_mvar", "min_q_mvar", -1.0, "Mvar"),
            ("reactive import high", "q_mvar", "max_q_mvar", 1.0, "Mvar"),
        ):
            most = float(limit[column])
            if not np.isfinite(most):
                continue
            found = [
                (sign * (float(m.sources.at[(table, index), quantity]) - most), m) for m in measured if len(m.sources)
            ]
            if not found:
                continue
            place = {"element": table, "index": index, "limit": most, "unit": unit, "kind": kind}
            for excess, m in found:
                entry = {**place, "scenario": m.scenario, "period": m.period, "value": most + sign * excess}
                if excess > tolerance:
                    bad.append({**entry, "excess": excess})
            excess, m = max(found, key=lambda pair: pair[0])
            worst = {"scenario": m.scenario, "period": m.period, "value": most + sign * excess, "margin": -excess}
            rows.append({**place, **worst, "checked": len(found)})
    return pd.DataFrame(rows, columns=_LIMITS), pd.DataFrame(bad, columns=_VIOLATIONS)


def _costs(
    plan: DispatchPlan,
    measured: Sequence[Measured],
    items: Callable[[pd.DataFrame, FloatArray], tuple[pd.DataFrame, FloatArray]],
) -> tuple[pd.DataFrame, float, float]:
    index = pd.MultiIndex.from_tuples([(m.scenario, m.period) for m in measured], names=["scenario", "period"])
    if not all(m.converged for m in measured):
        costs = pd.DataFrame({"cost": np.nan, "model": plan.costs["cost"]})
        return costs, np.nan, np.nan
    imports = pd.DataFrame(
        [m.sources["p_mw"].to_numpy() for m in measured], index=index, columns=measured[0].sources.index
    )
    by_scenario, carbon = items(imports, np.array([m.losses_mw for m in measured]))
    weights = plan.scenarios["probability"].to_numpy()
    expected = weights @ by_scenario.to_numpy()
    costs = pd.DataFrame(
        {"cost": expected, "model": plan.costs["cost"].reindex(by_scenario.columns)}, index=by_scenario.columns
    )
    costs.index.name = "item"
    return costs, float(expected.sum()), float(weights @ carbon)


def _over_budget(plan: DispatchPlan, carbon: float) -> pd.DataFrame:
    """Compare the expected emission of power flow with the plan's budget."""
    budget = plan.options.get("carbon_budget_kg")
    if budget is None or not carbon > float(budget) + max(1e-5 * abs(float(budget)), 1e-2):
        return pd.DataFrame(columns=_VIOLATIONS)
    most = float(budget)
    row = (-1, plan.periods[-1], "carbon budget", "net", -1, carbon, most, carbon - most, "kg")
    return pd.DataFrame([row], columns=_VIOLATIONS)


def _certificate(plan: DispatchPlan, objective: float) -> tuple[float | None, float | None, tuple[str, ...]]:
    difference = objective - plan.bound
    if difference < -1e-5 * max(abs(objective), 1e-6):
        note = (
            f"the bound {plan.bound:.8g} lies above the AC objective {objective:.8g} {plan.currency}: the two "
            "disagree, so there is no certificate; please report this."
        )
        return None, None, (note,)
    absolute = max(difference, 0.0)
    return absolute, absolute / abs(objective) if abs(objective) > 1e-9 else None, ()


def _by_period(plan: DispatchPlan, parts: dict[tuple[int, int], pd.Series], name: str | None) -> pd.DataFrame:
    frame = pd.DataFrame(list(parts.values()))
    frame.index = pd.MultiIndex.from_tuples(list(parts), names=["scenario", "period"])
    if name is None and len(frame.columns):
        frame.columns = pd.MultiIndex.from_tuples(list(frame.columns), names=["element", "index"])
    else:
        frame.columns.name = name
    return frame.droplevel("scenario") if len(plan.scenarios) == 1 else frame


def _deviations(plan: DispatchPlan, periods: pd.DataFrame, vm: pd.DataFrame, loading: pd.DataFrame) -> pd.DataFrame:
    """Compare what the plan's tables say with AC, then what the relaxation said; worst place and hour."""
    columns = ["model", "quantity", "max_abs", "unit", "scenario", "period", "element", "index"]
    rows = _against("exact power flow", plan, periods, (vm, plan.vm_pu), (loading, plan.loading_percent), plan.balance)
    if len(plan.relaxation_vm_pu):
        voltages, loadings = (vm, plan.relaxation_vm_pu), (loading, plan.relaxation_loading_percent)
        rows += _against("relaxation", plan, periods, voltages, loadings, plan.relaxation_balance)
    return pd.DataFrame(rows, columns=columns)


Pair = tuple[pd.DataFrame, pd.DataFrame]


def _against(
    model: str, plan: DispatchPlan, periods: pd.DataFrame, vm: Pair, loading: Pair, balance: pd.DataFrame
) -> list[tuple[object, ...]]:
    """Largest differences between AC and one model; pairs are AC first."""
    rows: list[tuple[object, ...]] = []
    for quantity, unit, (real, said) in (("voltage", "pu", vm), ("loading", "%", loading)):
        both = real.columns.intersection(said.columns) if len(said.columns) else said.columns
        if not len(both):
            continue
        off = (real[both].astype(float) - said[both].astype(float)).abs()
        off = off.stack(list(range(both.nlevels)), future_stack=True).dropna()
        if len(off):
            where = off.idxmax()
            s, t = (0, where[0]) if real.index.nlevels == 1 else where[:2]
            element = where[-2] if both.nlevels > 1 else "bus"
            rows.append((model, quantity, float(off.max()), unit, s, t, element, int(where[-1])))
    said_by = {"losses": ("losses_mw", "MW"), "import": ("grid_mw", "MW"), "reactive import": ("grid_mvar", "Mvar")}
    for quantity, (column, unit) in said_by.items():
        parts = {s: plan.of(balance, int(s))[column] for s in plan.scenarios.index}
        told = pd.Series([float(parts[s].loc[t]) for s, t in periods.index], index=periods.index)
        difference = (periods[column].astype(float) - told).abs().dropna()
        if len(difference):
            s, t = difference.idxmax()
            rows.append((model, quantity, float(difference.max()), unit, s, t, "net", ""))
    return rows
