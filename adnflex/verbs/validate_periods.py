"""Validate a plan for many periods: every period run in full AC power flow, or by the exact kernel beside it."""

from __future__ import annotations

from concurrent.futures import Executor

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.grid.identity import require_same
from adnflex.powerflow.judge import judge
from adnflex.powerflow.limits import VIOLATION_COLUMNS, limits_of, stacked
from adnflex.powerflow.states import Measured
from adnflex.powerflow.verdict import flaw, violated
from adnflex.problems.multi_period.worth import worth_by_period
from adnflex.results import MultiPeriodCheck, MultiPeriodPlan
from adnflex.results.certificate import certificate_of
from adnflex.study.audit import too_many

_FAULTS = ["period", *VIOLATION_COLUMNS]


def validate_periods(
    plan: MultiPeriodPlan, net: pandapowerNet, executor: Executor | None = None, engine: str = "auto"
) -> MultiPeriodCheck:
    """Run every period and judge the plan.

    Parameters
    ----------
    plan : MultiPeriodPlan
        The plan.
    net : pandapowerNet
        The net that it was made for; it is not changed.
    executor, engine
        See `adnflex.powerflow.judge`.

    Raises
    ------
    InputError
        If the net is another one.
    """
    require_same(net, plan.fingerprint)
    limits = limits_of(net, plan.asked_limits)
    judged = judge(net, plan.setpoints, limits, plan.switches, engine=engine, executor=executor)
    measured, found = judged.measured, judged.found
    budget = too_many(_operations(plan), plan.options.get("max_operations"), "operations")
    faults = pd.DataFrame([(plan.periods.index[-1], *row) for row in budget], columns=_FAULTS)
    violations = stacked([found.violations, faults], _FAULTS)
    wrong = flaw(measured)
    passed = not wrong and violations.empty
    hours = plan.periods["weight"].to_numpy(dtype=float) * plan.hours_per_period
    losses = measured.losses_mw.to_numpy(dtype=float)
    worth = worth_by_period(plan.periods, str(plan.options.get("objective", "losses")))
    energy = float(hours @ losses)
    objective = float((hours * worth) @ losses) + float(plan.options.get("switching_cost") or 0.0) * _operations(plan)
    absolute, relative, notes = certificate_of(objective, plan.bound, plan.unit) if passed else (None, None, ())
    off = np.abs(losses - plan.periods["loss_mw"].to_numpy(dtype=float))
    good = (
        f"all {len(plan.periods):,} periods radial, everything supplied, all {int(found.limits['checked'].sum()):,} "
        "limits met in AC power flow"
    )
    return MultiPeriodCheck(
        passed=passed,
        verdict=judged.told(wrong or violated(violations) or good),
        energy_mwh=energy,
        objective=objective,
        certificate=relative,
        certificate_absolute=absolute,
        violations=violations,
        limits=found.limits,
        periods=_periods(plan, measured, violations).assign(judge=judged.judges),
        deviation_mwh=float(np.nanmax(off, initial=0.0)) * plan.hours_per_period,
        notes=(*notes, *judged.notes),
        **judged.record,
    )


def _operations(plan: MultiPeriodPlan) -> int:
    """Branches that change over the horizon, counted anew from the switch tables."""
    last: np.ndarray | None = None
    count = 0
    for _, rows in plan.switches.groupby("first_period", sort=True):
        after = rows["closed_after"].to_numpy(dtype=bool)
        if last is None and plan.options.get("start") != "free":
            last = rows["closed_before"].to_numpy(dtype=bool)
        count += 0 if last is None else int((after != last).sum())
        last = after
    return count


def _periods(plan: MultiPeriodPlan, measured: Measured, violations: pd.DataFrame) -> pd.DataFrame:
    """One row a period: AC beside the plan."""
    counts = violations.groupby("period").size()
    return measured.extremes().assign(
        converged=measured.converged,
        losses_mw=measured.losses_mw,
        losses_model_mw=plan.periods["loss_mw"],
        violations=counts.reindex(measured.labels).fillna(0).astype(int),
    )
