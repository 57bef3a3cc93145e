"""Policies over common days: every policy meets the same sun, wind and vehicles."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from adnflex.algorithms.workers import worker_pool
from adnflex.arguments import public
from adnflex.arguments.kinds import whole
from adnflex.errors import InputError, TimeExpired
from adnflex.problems.clock import Deadline, Progress
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.policies import Policy
from adnflex.problems.rolling.policy_names import OPTIONS, policy_of
from adnflex.problems.rolling.reactive import reactive_of
from adnflex.problems.rolling.reactive_stage import ReactiveStage
from adnflex.problems.rolling.stored_days import PolicyDay, append_day, read_days, study_mark
from adnflex.results.common_days import Comparison
from adnflex.results.rolling import ITEMS, RollingCheck, RollingRun
from adnflex.verbs.schedule_rolling import schedule_rolling
from adnflex.verbs.validate_rolling import validate_rolling

log = logging.getLogger(__name__)

_FACTS = ("stored_value", "bought_mwh", "spilled_mwh", "unmet_kwh", "seconds", "slowest_seconds", "unsolved_hours")
_CHECKED = ("passed", "faults", "violations", "bus_hours", "bus_hours_without", "vm_min_pu", "vm_max_pu", "losses_mwh")


@public(options=lambda: OPTIONS, also={"scenarios": whole("an integer of at least 1", 1)})
def compare_policies(
    case: RollingCase,
    policies: Sequence[str | Policy],
    *,
    days: int = 30,
    seed: int = 1,
    simulations: int = 30,
    check: bool = True,
    reactive: str | ReactiveStage | None = "auto",
    scenarios: int = 20,
    executor: Executor | None = None,
    workers: int | None = None,
    store: str | Path | None = None,
    time_limit: float = math.inf,
    progress: Callable[[Progress], None] | None = None,
    **options: Any,
) -> Comparison:
    """Simulate policies over common days.

    Parameters
    ----------
    case : RollingCase
        The case.
    policies : sequence of str or Policy
        Names as for `adnflex.schedule_rolling`, or objects with ``name`` and ``decide``.
    days : int
        Number of days.
    seed : int
        Seed of the days and of the futures.
    simulations : int
        Futures M that a rollout looks at.
    check : bool
        Run every hour of every day in AC power flow, as `adnflex.validate` does: what passes, and what does not, stands
        in `Comparison.items` and `Comparison.checks`. It takes about two seconds a day; costs do not depend on it.
    reactive : {"auto", "scenarios", "mean"}, callable or None
        Second stage, as for `adnflex.schedule_rolling`; costs do not depend on it, so that without a check ``auto`` is
        none.
    scenarios : int
        Number of its scenarios.
    executor : concurrent.futures.Executor, optional
        Where the days are simulated; by default processes on this machine.
    workers : int, optional
        Number of those processes; 1: all in this one.
    store : str or pathlib.Path, optional
        A file to which each finished day is added at once, as a line of JSON; a later call with the same arguments
        goes on where it ends.
    time_limit : float
        Time limit [s]; by default none. The days that were finished by then are returned, and a note counts the others.
    progress : callable, optional
        Told every day of a policy that is finished (`done` of `wanted`).
    **options
        Further options of rollouts.

    Returns
    -------
    Comparison
        Costs by day and policy. After Ctrl-C, or at the time limit, it has the days that were finished, and says so.

    Raises
    ------
    InputError
        If a policy is not known, an argument is out of range, or the stored days are those of another study.

    Examples
    --------
    >>> case = RollingCase.load("rolling33")
    >>> comparison = compare_policies(case, ["pool", "floor"], days=3, check=False, workers=1)
    >>> bool((comparison.days["floor"] <= comparison.days["pool"] + 1e-6).all())
    True
    """
    clock = Deadline(time_limit)
    names = _checked(case, policies, days, simulations, options)
    objects = {p.name: p for p in policies if not isinstance(p, str)}
    stage = reactive_of(case, None if reactive == "auto" and not check else reactive, scenarios)
    same = {"simulations": simulations, "seed": seed, "reactive": stage, **options}
    job = partial(_one_day, case, objects, same, check, time.time() + clock.left)
    mark = study_mark(case, same, check)
    done = read_days(Path(store), mark) if store is not None else {}
    # day by day, so that after an interrupt the days that are there are common ones
    tasks = [PolicyDay(name, day) for day in range(days) for name in names if PolicyDay(name, day) not in done]
    wanted = days * len(names)

    def finished(task: PolicyDay, row: dict[str, float] | None) -> None:
        if row is None:  # the time was over before the day was
            return
        done[task] = row
        if store is not None:
            append_day(Path(store), mark, task, row)
        if progress is not None:
            ready = sum(t.policy in names and t.day < days for t in done)
            event = f"{ready} of {wanted} days of policies simulated"
            progress(Progress(clock.now, math.nan, math.nan, event, ready, wanted))

    for policy in policies if tasks else ():
        made = policy_of(policy, case, simulations=simulations, **options) if isinstance(policy, str) else policy
        if hasattr(made, "prepare"):
            made.prepare()  # once here, and not in every process that is forked
    interrupted = _run(job, tasks, executor, workers, finished)
    notes = _notes(tasks, done, clock)
    settings = {"simulations": simulations, **options}
    return replace(_comparison(case, names, days, seed, settings, done, interrupted or bool(notes)), notes=notes)


def _notes(tasks: list[PolicyDay], done: dict[PolicyDay, dict[str, float]], clock: Deadline) -> tuple[str, ...]:
    """Say what the time limit left out."""
    missing = sum(task not in done for task in tasks)
    if not (missing and clock.spent):
        return ()
    return (
        f"the time was over: {missing} of {len(tasks)} days of policies are missing; give more time_limit, or a store "
        "that a later call goes on with.",
    )


def _checked(
    case: RollingCase, policies: Sequence[str | Policy], days: int, simulations: int, options: dict[str, Any]
) -> list[str]:
    """Names of the policies; all faults at once."""
    findings = []
    names = [p if isinstance(p, str) else p.name for p in policies]
    if isinstance(policies, str) or not names:
        findings.append("policies: give a list of at least one name.")
        names = []
    findings += [
        f"policy {name!r} is given twice; give it once." for name in sorted({n for n in names if names.count(n) > 1})
    ]
    if isinstance(days, bool) or not isinstance(days, int) or days < 1:
        findings.append(f"days is {days!r}; give an integer of at least 1.")
    for policy in policies if names else ():
        if isinstance(policy, str):
            try:
                policy_of(policy, case, simulations=simulations, **options)
            except InputError as error:
                findings.extend(f for f in error.findings if f not in findings)
    if findings:
        raise InputError(findings)
    return names


def _run(
    job: Callable[[PolicyDay], dict[str, float] | None],
    tasks: list[PolicyDay],
    executor: Executor | None,
    workers: int | None,
    finished: Callable[[PolicyDay, dict[str, float] | None], None],
) -> bool:
    """Run all tasks; return whether it was interrupted. What is finished has been handed over by then."""
    left = len(tasks)

    def hand_over(task: PolicyDay, row: dict[str, float] | None) -> None:
        nonlocal left
        finished(task, row)
        left -= 1

    try:
        with worker_pool(job, executor, workers) as crew:
            try:
                for task, row in crew.each(tasks):
                    hand_over(task, row)
            except BaseException:
                for task, row in crew.rescued():
                    hand_over(task, row)
                raise
    except (KeyboardInterrupt, MemoryError) as error:
        why = "interrupted" if isinstance(error, KeyboardInterrupt) else "the memory ran out (workers=1 needs least)"
        log.warning("%s; %d days of policies are missing", why, left)
        return True
    return False


def _one_day(
    case: RollingCase,
    objects: dict[str, Policy],
    same: dict[str, Any],
    check: bool,
    until: float,
    task: PolicyDay,
) -> dict[str, float] | None:
    """Costs and a few figures of one policy on one day; None where the time, of day, is over before it is."""
    left = until - time.time()
    if left <= 0:
        return None
    policy = objects.get(task.policy, task.policy)
    try:
        run = schedule_rolling(case, policy, day=task.day, time_limit=left, **same)
    except TimeExpired:
        return None
    if run.status == "time_limit":
        return None
    return {**row_of(run), **(found_in(validate_rolling(run, case.net)) if check else {})}


def found_in(check: RollingCheck) -> dict[str, float]:
    """Row of `Comparison.items` of the AC check of a run."""
    h = check.hours
    values = (
        float(check.passed),
        float(len(check.faults)),
        float(len(check.violations)),
        float(check.violating_bus_hours),
        float(check.violating_bus_hours_without),
        float(h["vm_min_pu"].min()),
        float(h["vm_max_pu"].max()),
        float(h["loss_mw"].sum()),
    )
    return dict(zip(_CHECKED, values, strict=True))


def row_of(run: RollingRun) -> dict[str, float]:
    """Row of `Comparison.items` of a run."""
    seconds = run.decision_seconds["active"]
    return {
        **{str(item): float(cost) for item, cost in run.costs["cost"].items()},
        "stored_value": run.stored_value,
        "bought_mwh": float(run.exchange["buy_mw"].to_numpy().sum()),
        "spilled_mwh": float(run.exchange["spill_mw"].to_numpy().sum()),
        "unmet_kwh": float(run.vehicles["unmet_kwh"].sum()),
        "seconds": float(seconds.mean()),
        "slowest_seconds": float(seconds.max()),
        "unsolved_hours": float(len(run.fallbacks)),
    }


def _comparison(
    case: RollingCase,
    names: list[str],
    days: int,
    seed: int,
    options: dict[str, Any],
    done: dict[PolicyDay, dict[str, float]],
    interrupted: bool,
) -> Comparison:
    rows = {task: row for task, row in sorted(done.items()) if task.policy in names and task.day < days}
    index = (
        pd.MultiIndex.from_tuples(list(rows) or [], names=["policy", "day"])
        if rows
        else pd.MultiIndex.from_arrays([[], []], names=["policy", "day"])
    )
    items = pd.DataFrame(list(rows.values()), index=index, columns=[*ITEMS, "total", *_FACTS, *_CHECKED])
    cost = (items["total"] - items["stored_value"]).unstack("policy") if rows else pd.DataFrame()
    common = cost.reindex(columns=names).dropna().rename_axis("day")
    common.columns.name = "policy"
    return Comparison(
        case_name=case.name,
        seed=seed,
        currency=case.currency,
        days=common,
        items=items,
        interrupted=interrupted,
        options=options,
    )
