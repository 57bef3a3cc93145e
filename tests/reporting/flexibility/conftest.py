"""Boxes that the tests of their report share."""

from __future__ import annotations

import pytest

from adnflex.results.flexibility import Flexibility
from adnflex.results.flexibility_check import FlexibilityCheck
from adnflex.results.region import Region

from .example import example
from .example_region import example_region

Promise = tuple[Flexibility, Flexibility, FlexibilityCheck]


@pytest.fixture(scope="session")
def day() -> Promise:
    """Twenty-four hours: the present topology, the best one, and the check of the latter."""
    return example()


@pytest.fixture(scope="session")
def quarters() -> Promise:
    """Ninety-six quarters of an hour."""
    return example(periods=96, hours=0.25)


@pytest.fixture(scope="session")
def two() -> Promise:
    """Two hours from ten o'clock on."""
    return example(periods=2, start_hour=10.0)


@pytest.fixture(scope="session")
def failing() -> Promise:
    """A day that violates the voltage limits of its check."""
    return example(vm_limits=(0.98, 1.05))


@pytest.fixture(scope="session")
def region() -> Region:
    """Region of each of the twenty-four hours."""
    return example_region()
