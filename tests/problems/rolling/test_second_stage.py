"""The second stage in a schedule: what it is told, what it answers, and what it does where its cones are not tight."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace

import numpy as np
import pandapower as pp
import pytest

from adnflex import compare_policies, networks, schedule_rolling, validate
from adnflex.errors import InputError
from adnflex.problems.rolling import RollingCase, RollingScheduler, ScenarioReactive, draw_day
from adnflex.problems.rolling.hours import Hours, Spread, antithetic
from adnflex.problems.rolling.reactive import reactive_of
from adnflex.problems.rolling.scheduler import observation_of
from adnflex.solvers.injection import injected
from tests.problems.rolling.small import Steady, net, with_site


def small(**options):
    """Case of a small net with a site at the bus of the vehicles."""
    return RollingCase.from_net(with_site(0.9), renewables=Steady(), **options)


def test_scenarios_are_the_default_where_there_are_sites():
    case = small()
    run = schedule_rolling(case, "pool")
    assert run.reactive.shape == (6, 1)
    assert run.reactive_facts["recovered"].sum() == 0
    assert schedule_rolling(RollingCase.from_net(net(), renewables=Steady()), "pool").reactive.shape[1] == 0
    assert schedule_rolling(case, "pool", reactive=None).reactive.shape[1] == 0


def test_costs_and_actions_do_not_depend_on_it():
    case = small()
    one, other = (schedule_rolling(case, "rollout", simulations=3, reactive=r) for r in ("scenarios", None))
    assert one.costs.equals(other.costs)
    assert one.actions.equals(other.actions)


def test_wrong_arguments_are_told():
    with pytest.raises(InputError, match="reactive is 'scenario'; give 'auto', 'scenarios', 'mean', None"):
        schedule_rolling(small(), "pool", reactive="scenario")
    with pytest.raises(InputError, match="the net has no site"):
        schedule_rolling(RollingCase.from_net(net(), renewables=Steady()), "pool", reactive="scenarios")
    with pytest.raises(InputError) as caught:
        ScenarioReactive(scenarios=0, load_sd=-1.0, horizon=0)
    assert len(caught.value.findings) == 3


def test_pickled_it_answers_the_same():
    case = small()
    stage = ScenarioReactive(scenarios=6)
    first = schedule_rolling(case, "pool", reactive=stage)
    again = schedule_rolling(case, "pool", reactive=pickle.loads(pickle.dumps(stage)))
    assert first.reactive.to_numpy() == pytest.approx(again.reactive.to_numpy(), abs=1e-9)


def test_in_processes():
    case = small()
    compared = compare_policies(case, ["pool"], days=2, workers=2, check=False, reactive="scenarios")
    assert len(compared.days) == 2


def test_what_is_built_is_used_again():
    case = small()
    assert reactive_of(case, "scenarios", 4) is reactive_of(case, "scenarios", 4)
    assert reactive_of(case, "mean") is not reactive_of(case, "scenarios", 4)


def test_scenarios_do_not_shift_the_expected_hour():
    hours = Hours.of(small().found)
    draws = antithetic(8, 1, 1, np.random.default_rng(0))
    p, q = hours.withdrawals(5, np.array([0.05]), np.array([0.0132]), np.array([0.02]), draws, Spread(0.05, 0.1))
    assert p.mean(axis=0) * hours.grid.base_mva == pytest.approx([0, 0.02 - 0.05, 0.4 + 0.0132])
    assert q.mean(axis=0) * hours.grid.base_mva == pytest.approx([0, 0, 0.3])


@pytest.mark.parametrize(("column", "value"), [("sn_mva", 0.05), ("min_cos_phi", 0.8)])
def test_rating_and_power_factor_bound_the_reactive_power(column, value):
    found = net()
    found.bus["min_vm_pu"], found.bus["max_vm_pu"] = 0.9, 1.1
    found.sgen["controllable"], found.sgen[column] = True, value
    found.sgen["min_q_mvar"], found.sgen["max_q_mvar"], found.sgen["min_p_mw"] = -0.05, 0.05, 0.0
    pp.create_load(found, 2, 0.4, 0.3)

    class Full:
        def sample(self, state, hour, n, rng):
            return np.full((n, 6 - hour - 1, 1), 0.04)

    run = schedule_rolling(RollingCase.from_net(found, renewables=Full()), "pool")
    assert run.reactive.to_numpy() == pytest.approx(0.03, abs=1e-4)
    assert validate(run, found).faults.empty
    broken = validate(replace(run, reactive=run.reactive + 0.015), found).faults
    assert set(broken["kind"]) == {"rating" if column == "sn_mva" else "power factor"}


def test_where_cones_are_not_tight_power_flow_decides():
    # fourteen times the sun and wind lifts the voltages to their limit, where losses help the relaxation
    found = copy.deepcopy(networks.load("rolling33"))
    rows = found.sgen["type"].isin(["PV", "WP"])
    found.sgen.loc[rows, "p_mw"] *= 14
    case = RollingCase.from_net(found, name="much sun")
    stage = ScenarioReactive(scenarios=2)
    run = schedule_rolling(case, "pool", reactive=stage)
    facts = run.reactive_facts
    hours = facts.index[facts["recovered"] == 1]
    assert len(hours) > 0
    assert run.cone_gap.max(axis=1).to_numpy() == pytest.approx(facts["gap"].to_numpy())
    assert set(run.cone_gap.columns) == {("line", i) for i in found.line.index[found.line["in_service"]]}
    assert run.cone_gap.loc[hours].max(axis=1).min() > 1e-3
    assert (facts.loc[hours, "invented_kw"] > 0.05).all()
    # the relaxation is a bound that the truth cannot beat
    assert (facts["objective"] >= facts["model_objective"] - 1e-5).all()
    ready = stage.prepare(case)
    hour = int(facts["invented_kw"].idxmax())
    active = (run.generation.loc[hour], run.ev["p_mw"].loc[hour], run.storage["p_mw"].loc[hour])
    p, q = ready.hours.withdrawals(hour, *(a.to_numpy(float) for a in active), ready.draws, ready.spread)
    solved = ready.problem_of(p[:, None], q[:, None], None, 0.0).solve(
        p[:, None], q[:, None], ready.sites.low, ready.sites.high
    )
    relaxed, _, _ = ready.exact(ready.flows, p, q, solved.q_mvar, None)
    assert facts.at[hour, "objective"] <= relaxed + 1e-9


@pytest.mark.parametrize("options", [{}, {"move_weight_per_mvar": 0.05, "horizon": 2}])
def test_few_scenarios_stand_for_many(options):
    """What is minimised and what exact power flow makes of it weigh the scenarios alike."""
    case = RollingCase.load("rolling33")
    stage = ScenarioReactive(scenarios=3, drawn=40, **options)
    ready = stage.prepare(case)
    assert ready.probabilities.sum() == pytest.approx(1.0)
    assert ready.probabilities.max() > 1.5 * ready.probabilities.min()
    assert ready.draws[0].shape[0] == 3
    control = RollingScheduler(case, "pool", reactive=stage)
    for hour in range(2):
        facts = control.step(observation_of(draw_day(case, 1), hour)).reactive.facts
    if not options:
        assert facts["objective"] == pytest.approx(facts["model_objective"], rel=1e-5)
    assert facts["recovered"] == 0
    with pytest.raises(InputError, match="drawn is 2; give an integer of at least scenarios"):
        ScenarioReactive(scenarios=3, drawn=2)


def test_moves_that_cost_are_fewer_and_looking_ahead_helps():
    case = RollingCase.load("rolling33")
    moved, value = {}, {}
    for horizon, weight in ((1, 0.0), (1, 0.05), (3, 0.05)):
        stage = ScenarioReactive(scenarios=2, move_weight_per_mvar=weight, horizon=horizon)
        run = schedule_rolling(case, "pool", reactive=stage)
        moved[horizon, weight] = float(run.reactive.diff().abs().sum().sum())
        value[horizon, weight] = float(run.reactive_facts["objective"].sum())
    assert moved[1, 0.05] < moved[1, 0.0]
    assert value[3, 0.05] < value[1, 0.05]


def test_a_bank_keeps_its_budget_over_the_hours():
    found = copy.deepcopy(networks.load("rolling33"))
    pp.create_shunt(found, 5, q_mvar=-0.3, p_mw=0.0, step=0, max_step=3)
    found.shunt["controllable"], found.shunt["max_moves_per_day"] = True, 1.0
    stage = ScenarioReactive(scenarios=2, position_weight=0.0)
    run = schedule_rolling(RollingCase.from_net(found, name="bank"), "pool", reactive=stage)
    steps = run.reactive_facts["shunt 0 step"]
    assert int((steps.diff().fillna(steps.iloc[0]) != 0).sum()) == 1
    assert run.reactive_facts["shunt 0 moves"].max() == 1.0


@pytest.mark.parametrize("fault", ["unknown", "exception", "time limit"])
def test_reactive_power_that_was_not_solved_is_searched_for_with_exact_power_flow(fault):
    case = small()
    run = schedule_rolling(case, "pool", reactive="mean")
    with injected(fault, share=1.0):
        lost = schedule_rolling(case, "pool", reactive="mean")
    assert (lost.reactive_facts["unsolved"] == 1).all()
    assert (run.reactive_facts["unsolved"] == 0).all()
    assert any("reactive power of 6 of 6 hours was not solved" in note for note in lost.notes)
    # what the programme proves is the least, and a search comes near it
    assert (lost.reactive_facts["objective"] >= run.reactive_facts["objective"] * (1 - 1e-4)).all()
    assert lost.reactive_facts["objective"].sum() <= 1.05 * run.reactive_facts["objective"].sum()
