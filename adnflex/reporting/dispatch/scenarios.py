"""What scenarios cost, and what planning with them is worth."""

from __future__ import annotations

import math

from adnflex.reporting import page
from adnflex.reporting.dispatch.view import DispatchView
from adnflex.reporting.page import Html
from adnflex.reporting.text import money, percent

__all__ = ["costs", "values"]


def costs(view: DispatchView) -> Html:
    """Cost of each scenario in the model, on a click."""
    plan = view.plan
    total = plan.scenario_costs.sum(axis=1).astype(float)
    rows = [
        [str(s), percent(100 * float(p)), money(float(total.get(s, math.nan)), plan.currency)]
        for s, p in plan.scenarios["probability"].items()
    ]
    columns = ["scenario", "probability", "cost of the model"]
    return page.details(f"Cost of the {len(rows)} scenarios", page.table(columns, rows, columns[1:]))


def values(view: DispatchView) -> list[Html]:
    """Tell what planning with scenarios is worth, and what knowing the future would be."""
    plan = view.plan
    values = [
        ("planned with the mean, met by the scenarios", plan.expected_value_cost),
        ("planned with all scenarios", plan.objective),
        ("each scenario known in advance (wait and see)", plan.wait_and_see),
        ("value of the stochastic solution (VSS)", plan.value_of_stochastic_solution),
        ("expected value of perfect information (EVPI)", plan.value_of_perfect_information),
    ]
    known = [[label, money(v, plan.currency, plan.objective)] for label, v in values if v is not None]
    if len(known) < 2:
        return []
    return [page.heading("What the scenarios are worth"), page.table(["expected cost", "value"], known, ["value"])]
