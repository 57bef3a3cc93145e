"""One time limit for many dispatches: whatever each of them takes, the sum holds it, and what is missing is named."""

from __future__ import annotations

import dataclasses
import functools
import math
import sys
import time

import numpy as np
import pandas as pd
import pytest

import adnflex
from adnflex import networks
from adnflex.errors import Infeasible, TimeExpired
from adnflex.scenarios import ScenarioSet

EVENING = {"periods": range(17, 19)}
COUNT = 4


@pytest.fixture(scope="module")
def net():
    return networks.load("ieee33_dispatch")


@pytest.fixture(scope="module")
def plans(net):
    """Real answers, which the fakes below give again."""
    found = {
        objective: adnflex.dispatch(net, objective=objective, gap=0.05, **EVENING) for objective in ("cost", "carbon")
    }
    # the cheapest plan may be the cleanest one as well
    assert found["cost"].carbon_kg >= found["carbon"].carbon_kg - 1e-6
    return found


@pytest.fixture
def scenarios(net):
    shares = np.linspace(0.9, 1.1, COUNT)[:, None, None]
    loads = net.load.index[:1]
    values = shares * net.load.loc[loads, "p_mw"].to_numpy()[None, None, :] * np.ones((1, 2, 1))
    return ScenarioSet(np.full(COUNT, 1 / COUNT), {("load", "p_mw"): values}, {("load", "p_mw"): tuple(loads)})


class Fake:
    """A dispatch that uses up its limit, and keeps what it was given."""

    def __init__(self, plans, slow=1.0, error=None):
        self.plans, self.slow, self.error, self.limits = plans, slow, error, []

    def put(self, monkeypatch, module):
        # the package shows a verb under the name of its module
        module = sys.modules[f"adnflex.verbs.{module}"]

        @functools.wraps(module.dispatch)  # the arguments that it takes are read from it
        def fake(net, **arguments):
            limit = arguments["time_limit"]
            assert limit > 0
            self.limits.append(limit)
            time.sleep(self.slow * limit)
            if self.error is not None and len(self.limits) > 1:
                raise self.error
            return self.plans[arguments.get("objective", "cost")]

        monkeypatch.setattr(module, "dispatch", fake)
        return self


@pytest.mark.parametrize("slow", [1.0, 1.5])
def test_the_sum_of_a_sweep_holds_the_limit(monkeypatch, net, plans, slow):
    fake = Fake(plans, slow).put(monkeypatch, "pareto")
    begin = time.monotonic()
    sweep = adnflex.pareto(net, 4, time_limit=0.5, **EVENING)
    took = time.monotonic() - begin
    # each may be late by its own; nothing is begun after the end
    assert took < 0.5 + slow * max(fake.limits) + 0.5
    assert fake.limits[0] == pytest.approx(0.1, rel=0.3)
    assert len(sweep.table) == 4
    assert (sweep.table["status"] != "not_reached").sum() == len(sweep.plans)
    assert sweep.table.loc[sweep.table["status"] == "not_reached", "cost"].isna().all()


def test_a_sweep_without_time_gives_what_it_has(net, caplog):
    sweep = adnflex.pareto(net, 3, time_limit=1e-9, **EVENING)
    assert sweep.table["status"].tolist() == ["time_limit", "not_reached", "not_reached"]
    assert sweep.table["budget_kg"].isna().all()
    assert len(sweep.plans) == 1
    assert adnflex.validate(sweep.plans[0], net).passed
    assert "2 of 3 points" in caplog.text


def test_the_cleanest_plan_stands_for_the_last_point(monkeypatch, net, plans):
    Fake(plans, slow=3.0).put(monkeypatch, "pareto")
    sweep = adnflex.pareto(net, 3, time_limit=0.3, **EVENING)
    assert sweep.table["status"].tolist()[1:] == ["not_reached", "time_limit"]
    last = sweep.table.iloc[-1]
    assert last["cost"] == pytest.approx(plans["carbon"].costs["cost"].sum())
    assert last["carbon_kg"] == plans["carbon"].carbon_kg
    assert last["bound"] == plans["cost"].bound
    assert plans["cost"].costs["cost"].sum() == pytest.approx(plans["cost"].objective)


def test_a_point_that_has_no_plan_in_time_is_named(monkeypatch, net, plans):
    real = plans
    fake = Fake(real, 0.0, TimeExpired("the time was over.")).put(monkeypatch, "pareto")
    sweep = adnflex.pareto(net, 3, time_limit=30.0, **EVENING)
    assert sweep.table["status"].tolist()[1:] == ["not_reached", "not_reached"]
    assert len(fake.limits) == 2


@pytest.mark.parametrize("error", [TimeExpired("the time was over."), Infeasible("none was found.", None, False)])
def test_a_scenario_that_is_not_solved_makes_the_value_unknown(monkeypatch, net, plans, scenarios, error):
    plan = plans["cost"]
    many = _with_scenarios(plan)
    Fake(plans, 0.0, error).put(monkeypatch, "information")
    found = adnflex.value_of_information(many, net, scenarios, time_limit=30.0, **EVENING)
    assert math.isnan(found.wait_and_see)
    assert math.isnan(found.expected_value_cost)
    assert any("3 of 4 scenarios" in note and "scenario 1, 2, 3" in note for note in found.notes)
    assert any(note.startswith("expected_value_cost is not known") for note in found.notes)


def test_what_is_proven_to_fail_is_told(monkeypatch, net, plans, scenarios):
    Fake(plans, 0.0, Infeasible("none exists.", None, True)).put(monkeypatch, "information")
    with pytest.raises(Infeasible):
        adnflex.value_of_information(_with_scenarios(plans["cost"]), net, scenarios, **EVENING)


@pytest.mark.parametrize("slow", [1.0, 2.0])
def test_the_sum_over_scenarios_holds_the_limit(monkeypatch, net, plans, scenarios, slow):
    fake = Fake(plans, slow).put(monkeypatch, "information")
    begin = time.monotonic()
    found = adnflex.value_of_information(_with_scenarios(plans["cost"]), net, scenarios, time_limit=0.6, **EVENING)
    assert time.monotonic() - begin < 0.6 + slow * max(fake.limits) + 0.5
    assert fake.limits[0] == pytest.approx(0.1, rel=0.3)
    if slow > 1:
        assert math.isnan(found.expected_value_cost)
        assert found.notes != plans["cost"].notes


def test_scenarios_that_were_not_reached_are_rows(net, plans, scenarios):
    fresh = adnflex.out_of_sample(plans["cost"], net, scenarios, time_limit=1e-9, **EVENING).out_of_sample
    assert len(fresh) == COUNT
    assert fresh["feasible"].isna().all()
    assert fresh["cost"].isna().all()
    assert fresh["verdict"].str.startswith("not_reached").all()
    assert not fresh["passed"].any()


def _with_scenarios(plan):
    """The plan as if it had been made for the scenarios; only their number is looked at."""
    table = pd.DataFrame({"probability": np.full(COUNT, 1 / COUNT)}, index=pd.RangeIndex(COUNT, name="scenario"))
    return dataclasses.replace(plan, scenarios=table)
