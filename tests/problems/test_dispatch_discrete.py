"""Taps, banks and vehicles on tiny feeders against every schedule there is, each run in AC power flow.

Nothing here is continuous, so the best schedule is known to the last digit: a cut that is not valid, a limit that is
forgotten or a bound that lies shows at once. ``ADNFLEX_SOAK=20`` runs twenty times as many nets.
"""

from __future__ import annotations

import os
from copy import deepcopy

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings

import adnflex
from adnflex.errors import Infeasible
from adnflex.problems.dispatch import search
from adnflex.solvers.ending import Ending
from adnflex.solvers.gate import solve_form
from tests.dispatch_nets import DispatchSpec, require_unchanged, seeded, specs

SOAK = float(os.environ.get("ADNFLEX_SOAK", "1"))


def examine(spec: DispatchSpec) -> str:
    """Compare a dispatch with the enumeration; return how it ended."""
    case = spec.case()
    if len(case.states) > 40:
        return "too many states"
    before = deepcopy(case.net)
    # a limit met or missed by a hair is nobody's fault: the truth lies between the two
    strict, loose = case.best(-2e-6), case.best(2e-6)
    try:
        plan = adnflex.dispatch(case.net, **case.arguments, gap=1e-6)
    except Infeasible as error:
        missed, proven = str(error), error.proven
        plan = None
    finally:
        require_unchanged(before, case.net)
    if plan is None:
        assert not (proven and strict < np.inf), f"called infeasible, {strict} is possible: {missed}"
        assert strict == np.inf, f"not found: {strict} is possible: {missed}"
        return "infeasible"
    tolerance = 1e-6 * max(1.0, abs(plan.objective))
    assert loose < np.inf, "an answer to a problem that has none"
    assert plan.bound <= strict + tolerance, f"bound {plan.bound} above the best schedule {strict}"
    kept, cost = case.of_plan(plan)
    assert kept, "the schedule breaks a limit"
    assert plan.objective == pytest.approx(cost, abs=3 * tolerance)
    assert plan.objective >= loose - 3 * tolerance
    assert plan.costs["cost"].sum() == pytest.approx(plan.objective, abs=tolerance)
    # an import may pass its limit by 1 kW, and then cost less than the bound
    gap = (plan.objective - plan.bound) / abs(plan.objective)
    assert plan.gap == pytest.approx(max(gap, 0.0) if spec.source_limits else gap, abs=1e-9)
    if plan.status == "optimal":
        assert plan.gap <= 1e-6
        assert plan.objective <= strict + 3 * tolerance
    else:
        assert plan.status == "gap"
        # a gap is only left where the relaxation is loose, and says so
        assert not plan.tight
    check = adnflex.validate(plan, case.net)
    assert check.passed, check.verdict
    assert check.objective == pytest.approx(cost, abs=2 * tolerance)
    assert check.certificate_absolute >= -tolerance
    return plan.status


EXAMPLES = [
    DispatchSpec(seed=9, periods=3, buses=2, hours=12.0, bank=True, vehicles=True, generation=True,
                 source_limits=True, loading_limits=True, move_costs=True, negative_price=True, odd_indices=True),
    DispatchSpec(seed=1376, periods=3, buses=4, root_tap=True, trafo="fixed", bank=True, reactor=True,
                 constant_q=True, vehicles=True, negative_price=True),
    DispatchSpec(seed=1088, periods=1, hours=0.25, trafo="fixed", bank=True, reactor=True, generation=True,
                 charging=True, low_sell_price=True),
]  # fmt: skip


@settings(max_examples=max(1, int(3 * SOAK)), deadline=None, suppress_health_check=list(HealthCheck))
@example(EXAMPLES[0])
@example(EXAMPLES[1])
@example(EXAMPLES[2])
@given(specs(periods=2))
def test_any_feeder(spec: DispatchSpec) -> None:
    examine(spec)


@pytest.mark.parametrize(
    "options",
    [
        {"root_tap": True, "trafo": "none"},
        {"trafo": "hv"},
        {"trafo": "lv", "root_tap": False},
        {"bank": True, "constant_q": False, "reactor": False},
        {"bank": True, "reactor": True, "constant_q": True, "root_tap": False},
        {"vehicles": True, "periods": 3, "hours": 1.0},
        {"move_limits": True, "move_costs": False, "root_tap": True, "periods": 3},
        {"move_limits": True, "move_costs": True, "bank": True, "hours": 12.0, "periods": 3},
    ],
    ids=lambda o: "-".join(k if v is True else f"{k}={v}" for k, v in o.items() if v is not False),
)
def test_each_device(options) -> None:
    ended = [examine(seeded(500 + n, **options)) for n in range(max(1, int(SOAK)))]
    assert "optimal" in ended or SOAK < 5


def test_what_is_called_optimal_has_a_certificate() -> None:
    spec = DispatchSpec(
        seed=1005, buses=2, hours=0.25, trafo="hv", reactor=True, constant_q=True, vehicles=True, charging=True,
        source_limits=True, odd_indices=True, absolute=True,
    )  # fmt: skip
    case = spec.case()
    plan = adnflex.dispatch(case.net, **case.arguments, gap=1e-6)
    check = adnflex.validate(plan, case.net)
    assert plan.objective >= plan.bound - 1e-6 * abs(plan.bound)
    assert check.certificate is not None


@pytest.mark.parametrize(("formulation", "bound"), [("distflow", -np.inf), ("lindistflow", 1e9)])
def test_a_search_that_finds_nothing_goes_on_from_the_positions_as_they_are(monkeypatch, formulation, bound):
    """And what a formulation that bounds nothing in AC calls a bound is told to nobody."""
    starts = []

    def nothing_at_first(form, *asked, start=None, **more):
        starts.append(start)
        if len(starts) == 1:
            return Ending("time_limit", None, np.inf, bound, np.nan, "nobody")
        return solve_form(form, *asked, start=start, **more)

    monkeypatch.setattr(search, "solve_form", nothing_at_first)
    net = adnflex.networks.load("ieee33_dispatch")
    plan = adnflex.dispatch(net, periods=[19], formulation=formulation)
    assert starts[1] is not None
    assert adnflex.validate(plan, net).passed
    assert plan.progress["bound"].max() <= plan.objective * (1 + 1e-6)
