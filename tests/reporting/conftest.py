"""Plans and checks that the tests of the reports share."""

from __future__ import annotations

import pandapower.networks as pn
import pytest

from adnflex.results import Check, Plan

from .studies import oberrhein_plan, study


@pytest.fixture(scope="session")
def case33() -> tuple[Plan, Check]:
    """Thirty-three buses with the best known open lines."""
    return study(pn.case33bw(), [6, 8, 13, 31, 36])


@pytest.fixture(scope="session")
def case33_tree() -> tuple[Plan, Check]:
    """The same without a map."""
    net = pn.case33bw()
    net.bus["geo"] = None
    return study(net, [6, 8, 13, 31, 36])


@pytest.fixture(scope="session")
def oberrhein() -> tuple[Plan, Check]:
    """A real map with transformers, two supplies and line switches."""
    net = pn.mv_oberrhein()
    return study(net, oberrhein_plan(net))


@pytest.fixture(scope="session")
def failing() -> tuple[Plan, Check]:
    """A plan that violates its voltage limits."""
    return study(pn.case33bw(), [6, 8, 13, 31, 36], vm=(0.95, 1.05))
