"""What scenarios are worth: value of the stochastic solution, value of perfect information, tests out of sample."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple, TypeVar

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.algorithms.workers import worker_pool
from adnflex.arguments import public
from adnflex.arguments.kinds import of_class
from adnflex.errors import Infeasible, InputError, SolverError
from adnflex.grid.checks import shorten
from adnflex.problems.clock import Deadline
from adnflex.results import DispatchPlan
from adnflex.results.status import status_words
from adnflex.scenarios import ScenarioSet
from adnflex.verbs.dispatch import dispatch
from adnflex.verbs.validate import validate

log = logging.getLogger(__name__)

R = TypeVar("R")


@public(options=lambda: [dispatch], also={"plan": of_class("DispatchPlan")})
def value_of_information(
    plan: DispatchPlan,
    net: pandapowerNet,
    scenarios: ScenarioSet,
    executor: Executor | None = None,
    *,
    workers: int = 1,
    time_limit: float = 300.0,
    **options: Any,
) -> DispatchPlan:
    """Add the value of the stochastic solution and the expected value of perfect information to a plan.

    The expected-value solution takes its first-stage decisions for the mean of the scenarios and lives with them in
    all of them (Birge and Louveaux, Introduction to Stochastic Programming, section 4.2,
    doi:10.1007/978-1-4614-0237-4).

    Parameters
    ----------
    plan : DispatchPlan
        The stochastic dispatch.
    net : pandapowerNet
        Its net.
    scenarios : ScenarioSet
        Its scenarios.
    executor : concurrent.futures.Executor, optional
        Runs the scenarios side by side.
    workers : int
        Number of processes, where there is no executor.
    time_limit : float
        Time limit of all dispatches together [s]; each has an equal part of what is left.
    **options
        The further arguments that the plan was made with.

    Returns
    -------
    DispatchPlan
        The same plan with ``wait_and_see``, ``expected_value_cost`` and both values; where the expected-value solution
        is proven not to work in some scenario its cost is inf, where that was not settled NaN. Where a scenario has no
        dispatch of its own by the time limit ``wait_and_see`` is NaN too; a note says which, and why.
    """
    clock = Deadline(time_limit)
    if len(plan.scenarios) != scenarios.count:
        raise InputError(f"scenarios: are {scenarios.count}, the plan has {len(plan.scenarios)}; give the same set.")
    if options.get("change") is not None:
        raise InputError("change: the values are differences of cost, of which a changed model proves nothing.")
    if options.get("carbon_budget_kg") is not None:
        raise InputError(
            "carbon_budget_kg bounds the expected emission, which a single scenario knows nothing of; value it by "
            "carbon_price_per_kg instead."
        )
    single = partial(_single, net, scenarios, options, time.time() + clock.left)
    alone = _each(single, scenarios.count, executor, workers, after=2)
    wait_and_see = float(scenarios.probabilities @ np.array([a.cost for a in alone]))
    expected = _expected_value(net, scenarios, clock, options)
    return replace(
        plan,
        wait_and_see=wait_and_see,
        expected_value_cost=expected.cost,
        value_of_perfect_information=plan.objective - wait_and_see,
        value_of_stochastic_solution=expected.cost - plan.objective,
        notes=(*plan.notes, *_notes(alone, expected)),
    )


class _ScenarioSolve(NamedTuple):
    """A scenario, and in how many equal parts the time from its start on is divided."""

    scenario: int
    parts: int


class _Cost(NamedTuple):
    """Cost of a dispatch, how it ended, and what stands in the way where the cost is NaN."""

    cost: float
    status: str
    why: str = ""


def _each(
    job: Callable[[_ScenarioSolve], R], count: int, executor: Executor | None, workers: int, after: int = 0
) -> list[R]:
    """Run a job for each scenario, in turns as wide as the executor; `after`: dispatches that follow."""
    with worker_pool(job, executor, None if executor is not None else workers) as crew:
        wide = max(crew.count, 1)
        return list(crew.in_order(_ScenarioSolve(s, -(-(count - s) // wide) + after) for s in range(count)))


def _single(
    net: pandapowerNet, scenarios: ScenarioSet, options: dict[str, Any], until: float, task: _ScenarioSolve
) -> _Cost:
    """Dispatch a scenario alone; `until`: time of the day, which all processes share."""
    left = until - time.time()
    if left <= 0:
        return _NOT_REACHED
    try:
        alone = _as_scenario(scenarios, task.scenario)
        plan = dispatch(net, scenarios=alone, time_limit=left / task.parts, **options)
    except (Infeasible, SolverError) as error:
        if isinstance(error, Infeasible) and error.proven:
            raise
        return _Cost(math.nan, "unproven", str(error))
    return _Cost(plan.objective, plan.status)


_NOT_REACHED = _Cost(math.nan, "not_reached", status_words("not_reached"))


def _expected_value(net: pandapowerNet, scenarios: ScenarioSet, clock: Deadline, options: dict[str, Any]) -> _Cost:
    """Cost of the decisions for the mean in all scenarios."""
    if clock.spent:
        return _NOT_REACHED
    try:
        mean = dispatch(net, scenarios=_as_scenario(scenarios, None), time_limit=clock.share(2), **options)
    except (Infeasible, SolverError) as error:
        if isinstance(error, Infeasible) and error.proven:
            raise
        return _Cost(math.nan, "unproven", str(error))
    if clock.spent:
        return _NOT_REACHED
    try:
        plan = dispatch(net, scenarios=scenarios, follow=mean, time_limit=clock.share(1), **options)
    except Infeasible as error:
        # what is not proven to fail has no cost yet, neither a finite nor an infinite one
        return _Cost(math.inf if error.proven else math.nan, "unproven", "" if error.proven else str(error))
    except SolverError as error:
        return _Cost(math.nan, "unproven", str(error))
    return _Cost(plan.objective, plan.status)


def _notes(alone: list[_Cost], expected: _Cost) -> list[str]:
    """Say what is not known, and what is no optimum."""
    lost = [s for s, a in enumerate(alone) if math.isnan(a.cost)]
    late = [s for s, a in enumerate(alone) if a.status == "time_limit"]
    notes = []
    if lost:
        notes.append(
            f"wait_and_see is not known (NaN): {len(lost)} of {len(alone)} scenarios have no dispatch of their own "
            f"(scenario {shorten(lost)}; the first: {alone[lost[0]].why.rstrip('.')}). Give more time_limit."
        )
    elif late:
        notes.append(
            f"scenario {shorten(late)} alone ended at the time limit: wait_and_see may be too high, and the value of "
            "perfect information too low."
        )
    if math.isnan(expected.cost):
        notes.append(f"expected_value_cost is not known (NaN): {expected.why.rstrip('.')}.")
    elif expected.status == "time_limit":
        notes.append(
            "the expected-value solution ended at the time limit: its cost, and the value of the stochastic solution, "
            "may be too high."
        )
    for note in notes:
        log.warning("%s", note)
    return notes


def _as_scenario(scenarios: ScenarioSet, s: int | None) -> ScenarioSet:
    """One scenario, or the mean of all, as a certain one."""
    weight = scenarios.probabilities if s is None else np.eye(scenarios.count)[s]
    values = {key: np.tensordot(weight, array, axes=1)[None] for key, array in scenarios.profiles.items()}
    return ScenarioSet(np.ones(1), values, scenarios.elements)


@public(options=lambda: [dispatch], also={"plan": of_class("DispatchPlan")})
def out_of_sample(
    plan: DispatchPlan,
    net: pandapowerNet,
    scenarios: ScenarioSet,
    executor: Executor | None = None,
    *,
    workers: int = 1,
    time_limit: float = 300.0,
    **options: Any,
) -> DispatchPlan:
    """Keep a plan's first-stage decisions in scenarios that it has not seen, decide the rest anew, check in AC.

    Parameters
    ----------
    plan : DispatchPlan
        The plan.
    net : pandapowerNet
        Its net.
    scenarios : ScenarioSet
        Fresh scenarios.
    executor : concurrent.futures.Executor, optional
        Runs them side by side.
    workers : int
        Number of processes, where there is no executor.
    time_limit : float
        Time limit of all scenarios together [s]; each has an equal part of what is left. The rows that were reached by
        then are returned.
    **options
        The further arguments that the plan was made with.

    Returns
    -------
    DispatchPlan
        The same plan with ``out_of_sample``, one row a scenario; one that was not reached in time says so in its
        verdict.
    """
    job = partial(_fresh, plan, net, scenarios, options, time.time() + time_limit)
    rows = _each(job, scenarios.count, executor, workers)
    frame = pd.DataFrame(rows, index=pd.RangeIndex(scenarios.count, name="scenario"))
    frame = frame.assign(probability=scenarios.probabilities)
    return replace(plan, out_of_sample=frame[["probability", "feasible", "passed", "cost", "violations", "verdict"]])


# Of a scenario without a dispatch.
_NOTHING: dict[str, Any] = {"passed": False, "cost": math.nan, "violations": 0}


def _fresh(
    plan: DispatchPlan,
    net: pandapowerNet,
    scenarios: ScenarioSet,
    options: dict[str, Any],
    until: float,
    task: _ScenarioSolve,
) -> dict[str, Any]:
    left = until - time.time()
    if left <= 0:
        verdict = f"{_NOT_REACHED.status}: {_NOT_REACHED.why}; nothing is known of it, give more time_limit"
        return {"feasible": None, **_NOTHING, "verdict": verdict}
    try:
        alone = _as_scenario(scenarios, task.scenario)
        again = dispatch(net, scenarios=alone, follow=plan, time_limit=left / task.parts, **options)
    except (Infeasible, SolverError) as error:
        refuted = isinstance(error, Infeasible) and error.proven
        return {"feasible": False if refuted else None, **_NOTHING, "verdict": str(error)}
    check = validate(again, net)
    return {
        "feasible": True,
        "passed": check.passed,
        "cost": check.objective,
        "violations": len(check.violations),
        "verdict": check.verdict,
    }
