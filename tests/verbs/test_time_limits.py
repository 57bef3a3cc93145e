"""A dispatch without time: what is known at once leaves with a bound that says something, and nothing is refuted."""

from __future__ import annotations

import sys

import pytest

import adnflex
from adnflex import networks
from adnflex.errors import TimeExpired


@pytest.mark.parametrize("windows", ["fixed", None])
def test_without_time_there_is_a_plan_with_a_bound_near_it(windows):
    net = networks.load("ieee33_dispatch")
    plan = adnflex.dispatch(net, periods=range(17, 19), windows=windows, time_limit=1e-9)
    assert plan.status == "time_limit"
    assert 0.8 * plan.objective < plan.bound <= plan.objective
    assert adnflex.validate(plan, net).passed


def test_without_time_nothing_is_refuted():
    net = networks.load("ieee33_dispatch")
    net.load[["p_mw", "q_mvar"]] *= 0.9
    net.bus["min_vm_pu"] = 1.04
    net.bus["max_vm_pu"] = 1.05
    with pytest.raises(TimeExpired, match="not proven that there are none"):
        adnflex.dispatch(net, periods=range(17, 19), time_limit=1e-9)


def test_the_search_leaves_time_to_a_long_check(monkeypatch):
    """A check that takes half of the limit ends the search at the other half; a short one takes nothing from it."""
    module = sys.modules["adnflex.verbs.dispatch"]
    seen = []

    def solve(*args, clock, **more):
        seen.append(clock.seconds)
        raise TimeExpired("seen.")

    monkeypatch.setattr(module, "solve_dispatch", solve)
    net = networks.load("ieee33_dispatch")
    for check, limit, search in ((50.0, 100.0, 51.25), (1.0, 100.0, 100.0), (0.2, 2.0, 2.0), (9.0, 2.0, -6.75)):
        monkeypatch.setattr(module, "auditing_seconds", lambda *_, seconds=check: seconds)
        with pytest.raises(TimeExpired):
            adnflex.dispatch(net, periods=range(17, 19), time_limit=limit)
        assert seen.pop() == pytest.approx(search)
