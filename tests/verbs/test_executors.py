"""Whatever a verb sends to an executor can travel, and comes back as if it had stayed at home."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandapower as pp
import pandapower.networks
import pandas as pd
import pytest

import adnflex
from adnflex import compare_policies
from adnflex.scenarios import ScenarioSet
from tests.flexibility_nets import FlexSpec
from tests.travelling import Travelling


@pytest.fixture
def travelling():
    executor = Travelling()
    yield executor
    assert executor.tasks > 0


def ring(hours: int = 2) -> tuple[pp.pandapowerNet, dict]:
    """Four buses in a ring with a generator, priced import and profiles."""
    net = pp.create_empty_network()
    buses = [pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1) for _ in range(4)]
    pp.create_ext_grid(net, buses[0], min_p_mw=-9, max_p_mw=9, min_q_mvar=-9, max_q_mvar=9)
    for a, b in ((0, 1), (1, 2), (2, 3), (3, 0)):
        pp.create_line_from_parameters(net, buses[a], buses[b], 5.0, 0.2 + 0.1 * a, 0.3, 0.0, 0.3)
    net.line.loc[3, "in_service"] = False
    pp.create_load(net, buses[2], 2.0, 0.5)
    pp.create_load(net, buses[3], 1.0, 0.2)
    pp.create_sgen(net, buses[3], 1.5, min_p_mw=0, max_p_mw=1.5, min_q_mvar=0, max_q_mvar=0, controllable=True)
    pp.create_poly_cost(net, 0, "ext_grid", cp1_eur_per_mw=100.0)
    frame = pd.DataFrame({0: np.linspace(2.0, 1.0, hours), 1: np.linspace(0.5, 1.5, hours)})
    return net, {("load", "p_mw"): frame}


def windy(values: list[float], hours: int) -> ScenarioSet:
    wind = np.stack([np.full((hours, 1), v) for v in values])
    return ScenarioSet(np.full(len(values), 1 / len(values)), {("sgen", "p_mw"): wind}, {("sgen", "p_mw"): (0,)})


def test_reconfiguration(travelling):
    # a ring has few radial states, which are run at once, at home
    net = pp.networks.case33bw()
    here, there = adnflex.reconfigure(net, workers=1), adnflex.reconfigure(net, executor=travelling)
    assert (there.status, there.open_lines) == ("optimal", here.open_lines)
    assert there.objective == pytest.approx(here.objective, rel=1e-12)


def test_reconfiguration_for_flexibility_and_its_check(travelling):
    case = FlexSpec(seed=3, buses=5, periods=2, loops=1, tight_lines=True).feeder()
    options = {**case.arguments, "search_time": 1.0, "time_limit": 60.0}
    here = adnflex.reconfigure_for_flexibility(case.net(), workers=1, **options)
    there = adnflex.reconfigure_for_flexibility(case.net(), executor=travelling, **options)
    assert there.open_lines == here.open_lines
    assert there.linear.bound == pytest.approx(here.linear.bound, rel=1e-9)
    pd.testing.assert_frame_equal(there.box, here.box)
    check = adnflex.validate(there, case.net(), executor=travelling, trajectories=2, levels=2)
    assert check.passed, check.verdict


OPTIONS = {"hours_per_period": 1.0, "gap": 1e-4}


@pytest.fixture(scope="module")
def stochastic():
    net, profiles = ring(1)
    few = windy([0.4, 1.2], 1)
    return net, profiles, few, adnflex.dispatch(net, profiles=profiles, scenarios=few, **OPTIONS)


def test_scenarios(travelling, stochastic):
    net, profiles, few, plan = stochastic
    values = adnflex.value_of_information(plan, net, few, executor=travelling, profiles=profiles, **OPTIONS)
    assert values.wait_and_see <= plan.objective * (1 + 1e-4)
    check = adnflex.validate(plan, net, travelling)
    assert check.passed, check.verdict
    assert travelling.tasks >= 4


def test_scenarios_out_of_sample_in_threads_are_those_of_one_process(stochastic):
    net, profiles, _, plan = stochastic
    fresh = windy([0.2, 0.8, 1.4], 1)
    here = adnflex.out_of_sample(plan, net, fresh, profiles=profiles, **OPTIONS).out_of_sample
    with ThreadPoolExecutor(3) as executor:
        there = adnflex.out_of_sample(plan, net, fresh, executor, profiles=profiles, **OPTIONS).out_of_sample
    pd.testing.assert_frame_equal(there, here)


def test_days_of_policies(travelling):
    from adnflex.problems.rolling import RollingCase

    case = RollingCase.load("rolling33")
    here = compare_policies(case, ["pool", "floor"], check=False, days=1, workers=1)
    there = compare_policies(case, ["pool", "floor"], check=False, days=1, executor=travelling)
    pd.testing.assert_frame_equal(there.days, here.days)
