"""One case of every kind of the campaign ``validation/faults/dispatch.py``; ADNFLEX_SOAK multiplies them."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import numpy as np
import pytest

SOAK = int(float(os.environ.get("ADNFLEX_SOAK", "1")))
PATH = Path(__file__).resolve().parents[2] / "validation" / "faults" / "dispatch.py"


def campaign():
    spec = importlib.util.spec_from_file_location("faults_dispatch", PATH)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


CAMPAIGN = campaign()


@pytest.mark.parametrize("place", range(len(CAMPAIGN.KINDS)), ids=list(CAMPAIGN.KINDS))
@pytest.mark.parametrize("number", range(SOAK))
def test_a_plan_passes_or_says_why_not(place, number):
    case = CAMPAIGN.feeder(CAMPAIGN.KINDS[place], np.random.default_rng([2, place, number]))
    status, fault = CAMPAIGN.outcome(case)
    assert not fault, f"{status}: {fault}"
