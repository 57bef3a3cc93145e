"""A day, a comparison and an AC check for the examples in docstrings and for tests: ``rolling33``, quickly made."""

from __future__ import annotations

import functools

from adnflex import compare_policies, schedule_rolling
from adnflex.problems.rolling.case import RollingCase
from adnflex.results.common_days import Comparison
from adnflex.results.rolling import RollingCheck, RollingRun
from adnflex.verbs.validate_rolling import validate_rolling

__all__ = ["example", "example_case"]


@functools.cache
def example_case() -> RollingCase:
    """Return the case."""
    return RollingCase.load("rolling33", library_days=20)


@functools.cache
def example() -> tuple[RollingRun, Comparison, RollingCheck]:
    """Return a day with a small second stage, policies over four days, and the AC check of the day."""
    case = example_case()
    run = schedule_rolling(case, "rollout", simulations=3, seed=1, scenarios=2)
    comparison = compare_policies(
        case, ["pool", "rollout", "floor"], check=False, days=4, seed=1, simulations=3, workers=1
    )
    return run, comparison, validate_rolling(run, case.net)
