"""A day, a comparison and an AC check that the tests of the report share."""

from __future__ import annotations

import dataclasses

import pytest

from .example import example, example_case


@pytest.fixture(scope="session")
def case():
    """Return the case."""
    return example_case()


@pytest.fixture(scope="session")
def run():
    """Return a day with its second stage."""
    return example()[0]


@pytest.fixture(scope="session")
def comparison():
    """Return pool, rollout and floor over four days."""
    return example()[1]


@pytest.fixture(scope="session")
def check():
    """Return the AC check of the day."""
    return example()[2]


@pytest.fixture(scope="session")
def failed(check):
    """Return a check with a violated limit, a wrong set-point, and costs that do not add up."""
    row = {"hour": 18, "kind": "voltage low", "element": "bus", "index": 17, "value": 0.93, "limit": 0.95}
    low = {**row, "excess": 0.02, "unit": "pu"}
    worse = {**row, "hour": 19, "value": 0.91, "excess": 0.04, "unit": "pu"}
    fault = {"hour": 3, "kind": "storage too full", "element": "storage", "index": 1, "value": 1200.0, "limit": 1080.0}
    costs = check.costs.copy()
    costs.loc["purchase", ["recomputed", "difference"]] = costs.at["purchase", "cost"] + 5.0, -5.0
    table = type(check.violations)
    return dataclasses.replace(
        check,
        passed=False,
        verdict="2 limits violated; worst: voltage low at bus 17",
        violations=table([low, worse]),
        faults=table([{**fault, "excess": 120.0, "unit": "MWh"}]),
        costs=costs,
    )
