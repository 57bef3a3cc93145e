"""What planning with scenarios was worth, and what the decisions did on fresh ones, in figures and words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from adnflex.results.dispatch import DispatchPlan


class FreshScenarios(NamedTuple):
    """A table `DispatchPlan.out_of_sample` in figures.

    `tried`: how many; `undecided`: neither a dispatch was found, nor is it proven that there is none. Costs are of
    those that hold in AC, weighed by their probabilities [currency]; NaN where there is none.
    """

    tried: int
    passed: int
    failed: int
    infeasible: int
    undecided: int
    mean: float
    deviation: float
    lowest: float
    highest: float


def fresh_scenarios(table: pd.DataFrame) -> FreshScenarios:
    """Count what became of fresh scenarios.

    Examples
    --------
    >>> rows = {"probability": 0.5, "feasible": [True, None], "passed": [True, False], "cost": [3.0, math.nan]}
    >>> found = fresh_scenarios(pd.DataFrame(rows))
    >>> found.passed, found.undecided, found.mean
    (1, 1, 3.0)
    """
    passed = table["passed"].astype(bool).to_numpy()
    there = table["feasible"].eq(True).to_numpy()
    cost = table.loc[passed, "cost"].to_numpy(dtype=float)
    weights = table.loc[passed, "probability"].to_numpy(dtype=float)
    known = bool(len(cost)) and weights.sum() > 0
    mean = float(np.average(cost, weights=weights)) if known else math.nan
    spread = float(np.sqrt(np.average((cost - mean) ** 2, weights=weights))) if known else math.nan
    ends = (float(cost.min()), float(cost.max())) if len(cost) else (math.nan, math.nan)
    return FreshScenarios(
        len(table),
        int(passed.sum()),
        int((there & ~passed).sum()),
        int(table["feasible"].eq(False).sum()),
        int(table["feasible"].isna().sum()),
        mean,
        spread,
        *ends,
    )


def fresh_words(table: pd.DataFrame) -> str:
    """Say how many fresh scenarios hold, and how the others ended."""
    found = fresh_scenarios(table)
    others = {
        "break a limit in AC power flow": found.failed,
        "have no dispatch (proven)": found.infeasible,
        "were not decided": found.undecided,
    }
    told = [f"{n} {words}" for words, n in others.items() if n]
    return ", ".join([f"{found.passed} of {found.tried} hold in AC power flow", *told])


def uncertainty_lines(plan: DispatchPlan) -> list[str]:
    """Lines of a summary; none where nothing was asked for."""
    lines, money = [], plan.currency
    if plan.wait_and_see is not None and plan.value_of_perfect_information is not None:
        lines.append(
            f"wait and see {plan.wait_and_see:,.2f} {money}, value of perfect information "
            f"{plan.value_of_perfect_information + 0.0:,.2f} {money}"
        )
    if plan.expected_value_cost is not None and plan.value_of_stochastic_solution is not None:
        lines.append(
            f"decided for the mean {plan.expected_value_cost:,.2f} {money}, value of the stochastic solution "
            f"{plan.value_of_stochastic_solution + 0.0:,.2f} {money}"
        )
    if lines:
        lines.append("each of these costs is known to its gap, no better; a value below that is not told from zero")
    if len(plan.out_of_sample):
        found = fresh_scenarios(plan.out_of_sample)
        spread = f"standard deviation {found.deviation:,.2f}, {found.lowest:,.2f} to {found.highest:,.2f}"
        lines.append(f"out of sample: {fresh_words(plan.out_of_sample)}")
        lines.append(f"mean cost of these {found.mean:,.2f} {money} ({spread})")
    return lines
