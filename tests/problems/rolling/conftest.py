"""The case, drawn once."""

from __future__ import annotations

import pytest

from adnflex.problems.rolling import RollingCase


@pytest.fixture(scope="session")
def case():
    case = RollingCase.load("rolling33")
    _ = case.library
    return case
