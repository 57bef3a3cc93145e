"""What scenarios are worth: value of the stochastic solution, value of perfect information, tests out of sample."""

from __future__ import annotations

import logging
import math
from concurrent.futures import Executor
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.algorithms.workers import run_each
from adnflex.arguments import keywords_of, public
from adnflex.arguments.kinds import of_class
from adnflex.errors import Infeasible, InputError, SolverError
from adnflex.results import DispatchPlan
from adnflex.scenarios import ScenarioSet
from adnflex.verbs.dispatch import dispatch
from adnflex.verbs.validate import validate

__all__ = ["out_of_sample", "value_of_information"]

log = logging.getLogger(__name__)


@public(options=lambda: keywords_of(dispatch), also={"plan": of_class("DispatchPlan")})
def value_of_information(
    plan: DispatchPlan, net: pandapowerNet, scenarios: ScenarioSet, executor: Executor | None = None, **options: Any
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
    **options
        The further arguments that the plan was made with.

    Returns
    -------
    DispatchPlan
        The same plan with ``wait_and_see``, ``expected_value_cost`` and both values; where the expected-value solution
        is proven not to work in some scenario its cost is inf,
        where that was not settled NaN.
    """
    if len(plan.scenarios) != scenarios.count:
        raise InputError(f"scenarios: are {scenarios.count}, the plan has {len(plan.scenarios)}; give the same set.")
    if options.get("carbon_budget_kg") is not None:
        raise InputError(
            "carbon_budget_kg bounds the expected emission, which a single scenario knows nothing of; value it by "
            "carbon_price_per_kg instead."
        )
    single = partial(_single, net, scenarios, options)
    alone = np.array(run_each(single, range(scenarios.count), executor))
    wait_and_see = float(scenarios.probabilities @ alone)
    mean = dispatch(net, scenarios=_as_scenario(scenarios, None), **options)
    try:
        expected = dispatch(net, scenarios=scenarios, follow=mean, **options).objective
    except Infeasible as error:
        # what is not proven to fail has no cost yet, neither a finite nor an infinite one
        expected = math.inf if error.proven else math.nan
    except SolverError as error:
        log.warning("expected-value solution: %s", error)
        expected = math.nan
    return replace(
        plan,
        wait_and_see=wait_and_see,
        expected_value_cost=expected,
        value_of_perfect_information=plan.objective - wait_and_see,
        value_of_stochastic_solution=expected - plan.objective,
    )


def _single(net: pandapowerNet, scenarios: ScenarioSet, options: dict[str, Any], s: int) -> float:
    return dispatch(net, scenarios=_as_scenario(scenarios, s), **options).objective


def _as_scenario(scenarios: ScenarioSet, s: int | None) -> ScenarioSet:
    """One scenario, or the mean of all, as a certain one."""
    weight = scenarios.probabilities if s is None else np.eye(scenarios.count)[s]
    values = {key: np.tensordot(weight, array, axes=1)[None] for key, array in scenarios.profiles.items()}
    return ScenarioSet(np.ones(1), values, scenarios.elements)


@public(options=lambda: keywords_of(dispatch), also={"plan": of_class("DispatchPlan")})
def out_of_sample(
    plan: DispatchPlan, net: pandapowerNet, scenarios: ScenarioSet, executor: Executor | None = None, **options: Any
) -> pd.DataFrame:
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
    **options
        The further arguments that the plan was made with.

    Returns
    -------
    pandas.DataFrame
        One row a scenario: ``probability``, ``feasible`` (None where neither a dispatch was found nor it is proven that
        there is none), ``passed`` (AC), ``cost`` (AC), ``violations``, ``verdict``.
    """
    rows = run_each(partial(_fresh, plan, net, scenarios, options), range(scenarios.count), executor)
    frame = pd.DataFrame(rows, index=pd.RangeIndex(scenarios.count, name="scenario"))
    return frame.assign(probability=scenarios.probabilities)[
        ["probability", "feasible", "passed", "cost", "violations", "verdict"]
    ]


def _fresh(
    plan: DispatchPlan, net: pandapowerNet, scenarios: ScenarioSet, options: dict[str, Any], s: int
) -> dict[str, Any]:
    try:
        again = dispatch(net, scenarios=_as_scenario(scenarios, s), follow=plan, **options)
    except (Infeasible, SolverError) as error:
        refuted = isinstance(error, Infeasible) and error.proven
        nothing = {"passed": False, "cost": math.nan, "violations": 0, "verdict": str(error)}
        return {"feasible": False if refuted else None, **nothing}
    check = validate(again, net)
    return {
        "feasible": True,
        "passed": check.passed,
        "cost": check.objective,
        "violations": len(check.violations),
        "verdict": check.verdict,
    }
