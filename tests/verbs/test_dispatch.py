"""The case of the paper, real nets, costs, moves and scenarios of a dispatch."""

from __future__ import annotations

import copy
import os

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pandas as pd
import pytest

import adnflex
from adnflex import networks
from adnflex.errors import Infeasible
from adnflex.scenarios import ScenarioSet
from tests.brute_force import RUNPP
from tests.dispatch_nets import require_unchanged

SOAK = float(os.environ.get("ADNFLEX_SOAK", "1"))


#: Sun, the evening's peak, and hours in which vehicles may be moved.
HOURS = range(14, 22)


def case(study: str):
    return networks.study(networks.load("ieee33_dispatch"), study)


def require_sound(plan, net) -> adnflex.DispatchCheck:
    """What has to hold of any plan: sums, gap, and AC power flow."""
    assert plan.costs["cost"].sum() == pytest.approx(plan.objective, rel=1e-6, abs=1e-6)
    expected = plan.scenarios["probability"].to_numpy() @ plan.scenario_costs.to_numpy()
    np.testing.assert_allclose(expected, plan.costs.loc[plan.scenario_costs.columns, "cost"], rtol=1e-6, atol=1e-6)
    assert plan.scenarios["probability"].sum() == pytest.approx(1)
    assert plan.bound <= plan.objective + 1e-6 * abs(plan.objective)
    assert plan.gap == pytest.approx((plan.objective - plan.bound) / abs(plan.objective), abs=1e-9)
    before = copy.deepcopy(net)
    check = adnflex.validate(plan, net)
    require_unchanged(before, net)
    assert check.passed, check.verdict
    assert check.objective == pytest.approx(plan.objective, rel=1e-5)
    assert check.costs["cost"].sum() == pytest.approx(check.objective, rel=1e-9)
    assert len(check.periods) == len(plan.periods) * len(plan.scenarios)
    return check


# ------------------------------------------------------- the case


@pytest.mark.parametrize(
    ("study", "low", "high", "mwh"),
    [("1", 36950, 36952, 58.31), ("2", 13759, 13761, 13.44), ("3", 13144.1, 13144.7, 11.74)],
)
def test_the_reference_figures(study, low, high, mwh):
    net = case(study)
    before = copy.deepcopy(net)
    plan = adnflex.dispatch(net, gap=1e-3)
    require_unchanged(before, net)
    assert plan.status == "optimal"
    assert low <= plan.objective <= high * (1 + 1e-3)
    assert plan.bound <= high
    assert plan.energy.at["imported", "mwh"] == pytest.approx(mwh, rel=2e-3)
    assert plan.carbon_kg == pytest.approx(581 * plan.energy.at["imported", "mwh"], rel=1e-6)
    check = require_sound(plan, net)
    assert check.certificate <= 2e-3


def test_a_carbon_budget_binds():
    net = case("3")
    free = adnflex.dispatch(net, periods=HOURS)
    plan = adnflex.dispatch(net, carbon_budget_kg=0.985 * free.carbon_kg, gap=2e-3, periods=HOURS)
    assert plan.carbon_kg <= 0.985 * free.carbon_kg * (1 + 1e-6)
    assert plan.objective > free.bound
    require_sound(plan, net)
    with pytest.raises(Infeasible):
        adnflex.dispatch(net, carbon_budget_kg=0.5 * free.carbon_kg, periods=HOURS)


# ------------------------------------------------------------ moves


def stressed(**ext_grid: float):
    net = case("3-stressed")
    for column, value in ext_grid.items():
        net.ext_grid[column] = value
    return net


def test_limits_on_moves_bind_and_cost():
    """A tariff on reactive import would be clumsy; a narrow voltage band makes the mains tap and the banks work."""
    band, found = (0.97, 1.03), {}
    for most in (5, 0):
        net = stressed(max_moves_per_day=most, cost_per_move=1.0)
        net.shunt["max_moves_per_day"] = most
        try:
            plan = adnflex.dispatch(net, vm_limits=band, gap=2e-3, time_limit=60)
        except Infeasible:
            found[most] = np.inf, np.inf
            continue
        moves = (np.diff(np.concatenate([[net.ext_grid.tap_pos[0]], plan.taps["ext_grid", 0]])) != 0).sum()
        assert moves <= most
        devices = plan.devices.set_index(["table", "index"])
        assert devices.at[("ext_grid", 0), "moves"] == moves
        assert devices.at[("ext_grid", 0), "max_moves"] == most
        for i in net.shunt.index:
            steps = np.concatenate([[net.shunt.step[i]], plan.capacitor_steps[i]])
            assert (np.diff(steps) != 0).sum() == devices.at[("shunt", i), "moves"] <= most
        assert plan.costs["cost"].get("tap moves", 0.0) == pytest.approx(moves, abs=1e-3)
        require_sound(plan, net)
        found[most] = plan.objective, plan.bound
    assert found[0][0] >= found[5][0] * (1 - 4e-3)
    # the limit costs something: no move at all is dearer than five are, beyond any gap
    assert found[0][1] > found[5][0]


# ------------------------------------------------------- real nets


def oberrhein():
    net = pn.mv_oberrhein()
    net.trafo["controllable"] = True
    net.ext_grid["price_per_mwh"] = 50.0
    return net


def test_oberrhein_takes_the_best_of_all_tap_positions():
    """The two substations feed separate trees, so the best is that of each by itself."""
    net, band = oberrhein(), (0.97, 1.03)
    plan = adnflex.dispatch(net, vm_limits=band, gap=1e-5)
    require_sound(plan, net)
    work, free = copy.deepcopy(net), ~net.bus.index.isin(net.ext_grid.bus)
    graph = pp.topology.create_nxgraph(net)
    trees = {
        t: net.bus.index.isin(list(pp.topology.connected_component(graph, net.trafo.hv_bus[t]))) & free
        for t in net.trafo.index
    }
    total = 0.0
    for t in net.trafo.index:
        source = net.ext_grid.index[net.ext_grid.bus == net.trafo.hv_bus[t]][0]
        best = np.inf
        for position in range(-9, 10):
            work.trafo["tap_pos"] = net.trafo["tap_pos"]
            work.trafo.loc[t, "tap_pos"] = position
            pp.runpp(work, **RUNPP)
            vm = work.res_bus.vm_pu[trees[t]]
            if vm.min() >= band[0] and vm.max() <= band[1] and work.res_trafo.loading_percent[t] <= 100:
                best = min(best, 50 * float(work.res_ext_grid.p_mw[source]))
        total += best
    assert np.isfinite(total)
    assert plan.objective == pytest.approx(total, rel=2e-5)
    assert plan.bound <= total * (1 + 1e-7)


def test_oberrhein_over_a_few_quarters_of_an_hour():
    net = oberrhein()
    for column, value in (("max_moves_per_day", 1), ("cost_per_move", 2.0)):
        net.trafo[column] = value
    scale = [0.4, 1.0, 0.7, 1.1]
    load = pd.DataFrame(np.outer(scale, net.load.p_mw), columns=net.load.index)
    plan = adnflex.dispatch(net, profiles={("load", "p_mw"): load}, hours_per_period=0.25, vm_limits=(0.96, 1.04))
    check = require_sound(plan, net)
    assert check.certificate <= 2e-3
    for t in net.trafo.index:
        assert (np.diff(np.concatenate([[net.trafo.tap_pos[t]], plan.taps["trafo", t]])) != 0).sum() <= 1


# ------------------------------------------------------- scenarios


def windy(values: list[float], probabilities: list[float]) -> ScenarioSet:
    """Scenarios of the wind, by factors on its profile."""
    net = case("3")
    base = 1.5 * net.profiles["renewables"]["WP"].to_numpy()[:, None].repeat(2, axis=1)
    key = ("sgen", "p_mw")
    return ScenarioSet(probabilities, {key: np.stack([v * base for v in values])}, {key: (2, 3)})


def stochastic_case():
    net = case("3")
    net.load["scaling"] = net.load["scaling"].where(net.load.index == 32, 1.3)
    return net


def test_a_stochastic_dispatch_between_wait_and_see_and_a_fixed_decision():
    net, factors, chances = stochastic_case(), [0.3, 1.3], [0.3, 0.7]
    several = windy(factors, chances)
    plan = adnflex.dispatch(net, scenarios=several, gap=1e-3, periods=HOURS)
    require_sound(plan, net)
    assert list(plan.scenarios["probability"]) == pytest.approx(chances)
    # taps, steps, blocks and modes are taken before the scenario is known
    first = plan.of(plan.setpoints, plan.scenarios.index[0])
    here = [c for c in first.columns if c[1] in ("tap_pos", "step")]
    assert here
    for s in plan.scenarios.index:
        other = plan.of(plan.setpoints, s)
        pd.testing.assert_frame_equal(other[here], first[here])
        np.testing.assert_allclose(plan.of(plan.ev, s)["block_mw", 32], plan.of(plan.ev, 0)["block_mw", 32], atol=1e-9)
        charge = [plan.of(plan.storage, k)["charge_mw"] > 1e-4 for k in (0, s)]
        discharge = [plan.of(plan.storage, k)["discharge_mw"] > 1e-4 for k in (0, s)]
        assert not (charge[0] & discharge[1]).any(axis=None)
        assert not (charge[1] & discharge[0]).any(axis=None)
    alone = [adnflex.dispatch(net, scenarios=windy([f], [1.0]), gap=1e-3, periods=HOURS) for f in factors]
    wait_and_see = float(np.dot(chances, [p.objective for p in alone]))
    assert plan.objective >= wait_and_see * (1 - 1e-3)
    assert plan.bound <= plan.objective


@pytest.fixture(scope="module")
def calm_or_windy():
    net, several = stochastic_case(), windy([0.3, 1.3], [0.5, 0.5])
    return net, several, adnflex.dispatch(net, scenarios=several, gap=1e-3, periods=HOURS)


def test_the_values_of_information_have_their_signs(calm_or_windy):
    net, several, plan = calm_or_windy
    plan = adnflex.value_of_information(plan, net, several, gap=1e-3, periods=HOURS)
    slack = 3e-3 * abs(plan.objective)
    assert plan.wait_and_see <= plan.objective + slack
    assert plan.expected_value_cost >= plan.objective - slack
    assert plan.value_of_perfect_information == pytest.approx(plan.objective - plan.wait_and_see, abs=1e-6)
    assert plan.value_of_stochastic_solution == pytest.approx(plan.expected_value_cost - plan.objective, abs=1e-6)


def test_out_of_sample_keeps_what_was_decided(calm_or_windy):
    net, _, plan = calm_or_windy
    fresh = adnflex.out_of_sample(plan, net, windy([0.5, 0.9], [0.5, 0.5]), gap=1e-3, periods=HOURS).out_of_sample
    assert fresh["passed"].all()
    again = adnflex.dispatch(net, scenarios=windy([0.5], [1.0]), follow=plan, gap=1e-3, periods=HOURS)
    pd.testing.assert_frame_equal(again.taps, plan.taps)
    pd.testing.assert_frame_equal(again.capacitor_steps, plan.capacitor_steps)
    assert fresh.at[0, "cost"] == pytest.approx(again.objective, rel=1e-4)
    free = adnflex.dispatch(net, scenarios=windy([0.5], [1.0]), gap=1e-3, periods=HOURS)
    assert free.bound <= again.objective * (1 + 1e-6)


def test_equal_scenarios_cost_what_one_costs():
    net = stochastic_case()
    one = adnflex.dispatch(net, gap=1e-5, periods=HOURS)
    two = adnflex.dispatch(net, scenarios=windy([1.0, 1.0], [0.4, 0.6]), gap=1e-5, periods=HOURS)
    assert two.objective == pytest.approx(one.objective, rel=5e-5)


# ------------------------------------- a root voltage that is a decision


def test_a_tap_at_the_root_keeps_to_the_limits_of_its_bus():
    net = case("1")
    net.ext_grid["controllable"] = True
    net.ext_grid["cost_per_move"] = 0.0
    net.bus.loc[0, "max_vm_pu"] = 1.03
    plan = adnflex.dispatch(net)
    assert adnflex.validate(plan, net).vm_pu[0].max() <= 1.03 + 1e-6


def test_chosen_periods_keep_their_clock_hours():
    """The evening alone: vehicles may be reduced at 21 h, which is the fourth period of it."""
    net = adnflex.networks.load("ieee33_dispatch")
    plan = adnflex.dispatch(net, periods=range(18, 24), gap=1e-2)
    assert plan.start_hour == 18.0
    assert set(plan.decisions.loc[plan.decisions["name"].str.startswith("cut"), "name"]) == {"cut:3"}
    assert adnflex.validate(plan, net).passed
