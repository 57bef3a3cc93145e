"""Plans after which no outage is harder to restore than today: against all radial states of small nets."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandapower as pp
import pytest

import adnflex
from adnflex.errors import AdnflexError, Infeasible, InputError

LINES = ((0, 1), (1, 2), (0, 3), (3, 4), (4, 5), (2, 5), (2, 4))


def two_feeders(seed: int, opened: tuple[int, int] = (5, 6)) -> Any:
    """Two feeders and two ties, whose ratings decide what may be taken over."""
    rng = np.random.default_rng(seed)
    net = pp.create_empty_network(name="two feeders")
    buses = pp.create_buses(net, 6, 20.0)
    pp.create_ext_grid(net, buses[0])
    for a, b in LINES:
        pp.create_line_from_parameters(net, buses[a], buses[b], 2.0, 0.3, 0.3, 10.0, rng.uniform(0.06, 0.14))
    net.line.loc[list(opened), "in_service"] = False
    net.line["max_loading_percent"], net.bus["min_vm_pu"], net.bus["max_vm_pu"] = 100.0, 0.9, 1.1
    for bus in buses[1:]:
        pp.create_load(net, bus, rng.uniform(0.4, 1.2), 0.2)
    return net


def best_of_all(net: Any) -> float:
    """Least losses [MW] of all radial states that meet every limit and make no outage harder to restore."""
    found = []
    for opened in itertools.combinations(range(len(LINES)), 2):
        try:
            plan = adnflex.plan_from(net, open_lines=opened)
            if adnflex.validate(plan, net).passed:
                found.append((plan.objective, plan))
        except AdnflexError:  # not radial, or no power flow
            continue
    for value, plan in sorted(found, key=lambda pair: pair[0]):
        if not adnflex.contingencies(plan.apply(net), before=net).harder:
            return value
    return float("inf")


@pytest.mark.parametrize("seed", [4, 33])
def test_the_best_plan_of_all_that_make_no_outage_harder(seed):
    net = two_feeders(seed)
    free = adnflex.reconfigure(net, workers=1)
    assert adnflex.contingencies(free.apply(net), before=net).harder
    plan = adnflex.reconfigure(net, workers=1, restorable="as present")
    assert plan.objective == pytest.approx(best_of_all(net), rel=1e-9)
    assert (plan.status, plan.bound_kind) == ("optimal", "all states")
    assert "is ruled out by line" in plan.notes[-1]
    assert plan.objective > free.objective
    assert adnflex.validate(plan, net).passed


def test_where_too_many_states_are_left_the_bound_is_that_without_the_condition(monkeypatch):
    monkeypatch.setattr("adnflex.problems.reconfiguration.near_states._FEW", 0)
    net = two_feeders(4)
    plan = adnflex.reconfigure(net, workers=1, restorable="as present")
    free = adnflex.reconfigure(net, workers=1)
    assert plan.objective == pytest.approx(best_of_all(net), rel=1e-9)
    assert plan.bound == pytest.approx(free.bound, rel=1e-4)
    assert (plan.status, plan.gap > 1e-3) == ("unproven", True)
    assert plan.notes[-1].endswith("the bound is that of the problem without this condition.")


def test_what_cannot_be_had():
    net = two_feeders(0)
    with pytest.raises(Infeasible, match="no other state meets every limit") as refusal:
        adnflex.reconfigure(net, workers=1, restorable="as present")
    assert refusal.value.proven
    with pytest.raises(InputError, match="restorable"):
        adnflex.reconfigure(net, restorable="better")
    with pytest.raises(InputError, match="stands in no model"):
        adnflex.model(net, "reconfigure", restorable="as present")
    with pytest.raises(InputError, match="restorable: outages are compared at one operating point"):
        adnflex.reconfigure(net, restorable="as present", situations={"a": net, "b": net})
    net.line["in_service"] = True
    with pytest.raises(InputError, match="not radial"):
        adnflex.reconfigure(net, workers=1, restorable="as present")
