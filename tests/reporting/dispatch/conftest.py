"""Dispatches that the tests of their report share."""

from __future__ import annotations

from dataclasses import replace

import pytest

from adnflex.results import DispatchCheck, DispatchPlan

from .example import example

Dispatch = tuple[DispatchPlan, DispatchCheck]


@pytest.fixture(scope="session")
def day() -> Dispatch:
    """Twenty-four hours of a small feeder."""
    return example()


@pytest.fixture(scope="session")
def fan() -> Dispatch:
    """The same with four scenarios."""
    return example(scenarios=4)


@pytest.fixture(scope="session")
def quarters() -> Dispatch:
    """Ninety-six quarters of an hour on 130 buses."""
    return example(periods=96, hours=0.25, buses=130)


@pytest.fixture(scope="session")
def failing() -> Dispatch:
    """A day that violates its voltage limits."""
    return example(vm_limits=(0.98, 1.02))


@pytest.fixture(scope="session")
def three() -> tuple[list[DispatchPlan], list[DispatchCheck]]:
    """Three studies."""
    found = [example(load_mw=load) for load in (3.6, 3.3, 3.0)]
    plans = [replace(plan, options={"study": str(k)}) for k, (plan, _) in enumerate(found, start=1)]
    return plans, [check for _, check in found]
