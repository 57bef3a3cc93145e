"""Answers of one verb side by side: one table, whatever it is that is compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from adnflex.arguments import public
from adnflex.arguments.kinds import several, text
from adnflex.errors import InputError
from adnflex.results.base import Result
from adnflex.results.dispatch import DispatchPlan
from adnflex.results.flexibility import Flexibility
from adnflex.results.reconfiguration import Plan
from adnflex.results.region import Region
from adnflex.results.rolling import RollingRun


@public(also={"names": several("names, one a plan", text())})
def compare_plans(*plans: Result, names: list[str] | None = None) -> pd.DataFrame:
    """Compare answers of one verb: one row an answer, the same figures for all, changes against the first.

    Parameters
    ----------
    *plans : Plan, DispatchPlan, Flexibility, Region or RollingRun
        Two or more, all of one kind; a `Plan` may also come from `adnflex.plan_from`.
    names : list of str, optional
        What they are called; by default the study of a dispatch, the policy of a rolling schedule, else the net,
        numbered where two are alike.

    Returns
    -------
    pandas.DataFrame
        Index ``plan``; columns ``status``, the objective with its ``bound`` and ``gap`` where it has one, figures of
        the kind, ``change_percent`` (of the objective, against the first). `adnflex.report` of the same plans draws
        them.

    Raises
    ------
    InputError
        If there are fewer than two, or they are of different kinds or valued by different objectives.

    Examples
    --------
    >>> import adnflex
    >>> import pandapower.networks as pn
    >>> net = pn.case33bw()
    >>> present = adnflex.plan_from(net)
    >>> table = compare_plans(present, adnflex.plan_from(net, open_lines=[6, 8, 13, 31, 36]), names=["now", "planned"])
    >>> table["losses_kw"].round(2).to_dict()
    {'now': 202.68, 'planned': 139.55}
    """
    if len(plans) < 2:
        raise InputError(f"plans: there {'is one' if plans else 'are none'}; give two or more to compare.")
    kinds = {type(plan).__name__: plan for plan in plans}
    rows = _ROWS.get(type(plans[0]))
    if len(kinds) > 1 or rows is None:
        known = ", ".join(kind.__name__ for kind in _ROWS)
        raise InputError(f"plans: are of the kinds {', '.join(kinds)}, give all of one kind: {known}.")
    if names is not None and len(names) != len(plans):
        raise InputError(f"names: there are {len(names)} for {len(plans)} plans; give one for each.")
    found = [rows(plan) for plan in plans]
    goals = list(dict.fromkeys(goal for goal, _, _ in found))
    if len(goals) > 1:
        raise InputError(f"plans: are valued by different objectives ({'; '.join(goals)}); compare those of the same.")
    table = pd.DataFrame([row for _, _, row in found], index=pd.Index(_names(plans, names), name="plan"))
    value = pd.Series([v for _, v, _ in found], index=table.index)
    first = float(value.iloc[0])
    return table.assign(change_percent=100 * (value - first) / abs(first) if first else float("nan"))


def _names(plans: tuple[Result, ...], names: list[str] | None) -> list[str]:
    told = [_name(plan) for plan in plans] if names is None else [str(n) for n in names]
    if len(set(told)) == len(told):
        return told
    return [f"{name} ({k})" if told.count(name) > 1 else name for k, name in enumerate(told, start=1)]


def _name(plan: Any) -> str:
    if isinstance(plan, RollingRun):
        return f"{plan.policy}, day {plan.day}"
    study = plan.options.get("study")
    return f"study {study}" if study is not None else str(plan.net_name)


# What a plan is valued by, its value, its row.
_Row = tuple[str, float, Mapping[str, Any]]


def _plan_row(plan: Plan) -> _Row:
    scale, unit = (1e3, "kw") if plan.unit == "MW" else (1.0, plan.unit)
    name = f"{plan.objective_name}_{unit}"
    row = {"status": plan.status, name: plan.objective * scale, f"bound_{unit}": plan.bound * scale, "gap": plan.gap}
    row |= {"losses_kw": plan.losses_mw * 1e3, "operations": plan.operations}
    row |= {"vm_min_pu": float(plan.buses["vm_pu"].min()), "open_lines": ", ".join(map(str, plan.open_lines))}
    return f"{plan.objective_name} {sorted(plan.weights.items())}", plan.objective, row


def _dispatch_row(plan: DispatchPlan) -> _Row:
    goal = f"{plan.options.get('objective', 'cost')} [{plan.currency}]"
    row = {"status": plan.status, "objective": plan.objective, "bound": plan.bound, "gap": plan.gap}
    row |= {str(item): float(cost) for item, cost in plan.costs["cost"].items()}
    row |= {f"{name}_mwh": float(plan.energy.at[name, "mwh"]) for name in ("imported", "losses")}
    return goal, plan.objective, {**row, "carbon_kg": plan.carbon_kg, "seconds": plan.seconds}


def _flexibility_row(flex: Flexibility) -> _Row:
    row = {"status": flex.status, "total_mwh": flex.total_mwh, "linear_mwh": flex.linear.total_mwh}
    row |= {"lower_mw": float(flex.lower_mw.min()), "upper_mw": float(flex.upper_mw.max())}
    return "size of the box", flex.total_mwh, {**row, "operations": flex.operations, "seconds": flex.seconds}


def _region_row(region: Region) -> _Row:
    inner, outer = (float(region.areas[c].sum()) for c in ("inner", "outer"))
    row = {"status": region.status, "inner_mva2": inner, "outer_mva2": outer, "periods": len(region.areas)}
    return "verified area", inner, {**row, "points": len(region.points), "seconds": region.seconds}


def _rolling_row(run: RollingRun) -> _Row:
    row = {"policy": run.policy, "day": run.day, "objective": run.objective}
    row |= {str(item): float(cost) for item, cost in run.costs["cost"].items()}
    return f"cost [{run.currency}]", run.objective, {**row, "stored_value": run.stored_value}


_ROWS: dict[type, Any] = {
    Plan: _plan_row,
    DispatchPlan: _dispatch_row,
    Flexibility: _flexibility_row,
    Region: _region_row,
    RollingRun: _rolling_row,
}
