"""The example agrees with itself, so that what the report says of it can be checked."""

from __future__ import annotations

import numpy as np
import pytest

from adnflex.results import DispatchPlan

from .example import example

CASES = [{}, {"scenarios": 3}, {"periods": 96, "hours": 0.25, "buses": 40}]


@pytest.mark.parametrize("case", CASES)
def test_power_is_balanced_in_every_period(case):
    table = example(**case)[0].balance
    supply = table[["grid_mw", "must_take_mw", "used_mw", "discharge_mw"]].sum(axis=1)
    use = table[["load_mw", "ev_mw", "charge_mw", "losses_mw"]].sum(axis=1)
    assert np.allclose(supply, use, rtol=0, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_costs_add_up(case):
    plan, check = example(**case)
    assert plan.costs["cost"].sum() == pytest.approx(plan.objective, rel=1e-12)
    assert check.costs["cost"].sum() == pytest.approx(check.objective, rel=1e-12)
    expected = plan.scenarios["probability"] @ plan.scenario_costs.sum(axis=1)
    assert expected == pytest.approx(plan.objective, rel=1e-12)
    assert check.certificate == pytest.approx((check.objective - plan.bound) / check.objective)


def test_storage_follows_its_power_and_ends_as_it_began():
    plan = example()[0]
    facts = plan.devices.set_index("table").loc["storage"]
    flow = 0.9 * plan.storage["charge_mw", 0] - plan.storage["discharge_mw", 0] / 0.9
    energy = plan.storage["e_mwh", 0]
    assert np.allclose(energy, facts["initial"] + flow.cumsum())
    assert energy.iloc[-1] == pytest.approx(facts["initial"])
    assert energy.between(facts["low"], facts["high"]).all()


def test_plan_is_saved_and_loaded(tmp_path):
    plan = example(scenarios=2)[0]
    plan.save(tmp_path / "plan.json")
    loaded = DispatchPlan.load(tmp_path / "plan.json")
    assert np.allclose(loaded.vm_pu, plan.vm_pu)
    assert loaded.objective == plan.objective


def test_narrow_limits_fail():
    check = example(vm_limits=(0.98, 1.02))[1]
    assert not check.passed
    assert check.certificate is None
    assert check.periods["violations"].sum() == len(check.violations) > 0
