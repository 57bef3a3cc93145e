"""A storage is the same device in a rolling schedule as in a dispatch."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from adnflex import dispatch, schedule_rolling, validate
from adnflex.errors import InputError
from adnflex.problems.rolling import Observation, RollingCase, RollingScheduler
from tests.problems.rolling.small import Steady, ev, net, set_price

POLICIES = ("own", "pool", "rollout", "rollout:pool/full+plans+mpc", "mpc:mean", "mpc:2", "floor", "feeder:pool")
PRICES = [50.0, 300.0, 100.0, 200.0, 80.0, 250.0]


def case_of(**storage):
    feeder = net()
    feeder.bus["min_vm_pu"], feeder.bus["max_vm_pu"] = 0.9, 1.1
    set_price(feeder, PRICES)
    for column, value in storage.items():
        feeder.storage[column] = value
    return RollingCase.from_net(feeder, renewables=Steady(), library_days=5)


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("percent", [10.0, 90.0])
def test_every_policy_ends_with_the_energy_that_is_asked_for(policy, percent):
    case = case_of(terminal_soc_percent=percent, self_discharge_percent_per_hour=1.0, efficiency_percent=90.0)
    run = schedule_rolling(case, policy, simulations=2, reactive=None)
    assert run.storage["e_mwh"].iloc[-1, 0] == pytest.approx(percent / 100 * 0.1, abs=1e-9)
    assert policy != "pool" or validate(run, case.net).faults.empty


@pytest.mark.parametrize("policy", POLICIES)
def test_wear_is_paid_and_recomputed(policy):
    case = case_of(cost_per_mwh=40.0)
    run = schedule_rolling(case, policy, simulations=2, reactive=None)
    moved = run.storage["p_mw"].abs().to_numpy().sum()
    assert run.costs.at["storage", "cost"] == pytest.approx(40.0 * moved)
    assert run.costs.at["total", "cost"] == pytest.approx(run.costs["cost"].iloc[:-1].sum())
    assert policy != "pool" or validate(run, case.net).costs["difference"].abs().max() < 1e-9


def with_storages(*rows):
    feeder = case_of(self_discharge_percent_per_hour=1.0, efficiency_percent=90.0, cost_per_mwh=2.0).net
    feeder.storage = pd.concat([feeder.storage.assign(**row) for row in rows], ignore_index=True)
    return RollingCase.from_net(feeder, renewables=Steady(), library_days=5)


@pytest.mark.parametrize("policy", ["own", "rollout:own/full", "mpc:mean", "feeder:pool"])
def test_two_storages_of_a_bus_are_two_halves_of_one(policy):
    whole = {"min_p_mw": -0.02, "max_p_mw": 0.03, "min_e_mwh": 0.01, "max_e_mwh": 0.1}
    half = {column: value / 2 for column, value in whole.items()}
    one, two = (
        schedule_rolling(with_storages(*rows), policy, simulations=2, reactive=None) for rows in ([whole], [half, half])
    )
    assert two.objective == pytest.approx(one.objective, abs=1e-6)
    assert two.storage["p_mw"].shape == (6, 2)


@pytest.mark.parametrize("policy", ["own", "pool", "rollout:pool/full+plans+mpc", "floor"])
def test_storages_of_a_bus_keep_limits_of_their_own(policy):
    case = with_storages(
        {"soc_percent": 90.0, "max_p_mw": 0.001, "terminal_soc_percent": 30.0},
        {"soc_percent": 20.0, "efficiency_percent": 80.0},
        {"min_p_mw": 0.0, "terminal_soc_percent": 60.0},
    )
    run = schedule_rolling(case, policy, simulations=2, reactive=None)
    check = validate(run, case.net)
    assert check.faults.empty
    assert check.costs["difference"].abs().max() < 1e-9
    # a rule lets no storage of a bus fill another, unless one has to charge or discharge
    for hour, energy in enumerate(np.vstack([case.storages.start, run.storage["e_mwh"].to_numpy()[:-1]])):
        low, high = case.storages.powers(energy, hour)
        p = run.storage["p_mw"].to_numpy()[hour]
        forced = (low > 0).any() or (high < 0).any()
        assert policy not in ("own", "pool") or forced or not (p.max() > 1e-12 and p.min() < -1e-12)


@pytest.mark.parametrize("policy", ["mpc:mean", "floor"])
def test_what_wears_more_than_it_earns_stands_still(policy):
    idle = schedule_rolling(case_of(cost_per_mwh=1e4), policy, simulations=3, reactive=None)
    used = schedule_rolling(case_of(cost_per_mwh=0.0), policy, simulations=3, reactive=None)
    assert idle.storage["p_mw"].abs().to_numpy().max() < 1e-9
    assert used.storage["p_mw"].abs().to_numpy().max() > 1e-3


def test_self_discharge_is_made_good_where_the_lower_limit_asks_for_it():
    case = case_of(soc_percent=10.0, self_discharge_percent_per_hour=5.0)
    run = schedule_rolling(case, "own", reactive=None)
    e = run.storage["e_mwh"].iloc[:, 0]
    assert e.min() >= 0.01 - 1e-12
    assert run.storage["p_mw"].iloc[:, 0].max() > 0
    check = validate(run, case.net)
    assert check.faults.empty
    broken = run.storage.copy()
    broken.loc[:, ("p_mw", 0)] = 0.0
    faults = validate(type(run)(**{**run.__dict__, "storage": broken}), case.net).faults
    assert {"energy low", "energy does not follow from power"} <= set(faults["kind"])


def test_an_energy_that_cannot_be_reached_is_refused_as_in_a_dispatch():
    with pytest.raises(InputError, match=r"storage 0: its energy at the end is to be 0.1 MWh.*at most"):
        case_of(terminal_soc_percent=100.0, max_p_mw=0.001)


def test_an_efficiency_that_is_missing_is_refused_as_in_a_dispatch():
    feeder = net()
    del feeder.storage["efficiency_percent"]
    with pytest.raises(InputError, match="storage 0: efficiency_charge_percent is missing") as rolling:
        RollingCase.from_net(feeder, renewables=Steady())
    feeder.load["controllable"] = False
    with pytest.raises(InputError) as dispatched:
        dispatch(feeder, vm_limits=(0.9, 1.1), hours_per_period=1.0)
    assert set(rolling.value.findings) <= set(dispatched.value.findings)


def test_a_battery_that_is_found_empty_comes_as_near_as_it_can():
    case = case_of(terminal_soc_percent=90.0)
    for policy in ("own", "mpc:mean", "rollout"):
        control = RollingScheduler(case, policy, simulations=2)
        for hour in range(6):
            measured = [0.02] if hour == 4 else None
            control.step(Observation([0.0], storage_mwh=measured))
        assert control.energy == pytest.approx([0.02 + 2 * 0.03])


@pytest.mark.parametrize("seed", [0])
def test_dispatch_and_the_floor_find_the_same_cost(seed):
    """On lines that lose nothing, where what is left over earns nothing, the two are one problem."""
    rng = np.random.default_rng(seed)
    facts = {
        "soc_percent": rng.uniform(20, 90), "cost_per_mwh": rng.uniform(0, 40),
        "efficiency_percent": rng.uniform(80, 100),
        "self_discharge_percent_per_hour": rng.uniform(0, 3), "terminal_soc_percent": rng.uniform(30, 60),
    }  # fmt: skip
    feeder = net()
    feeder.line["r_ohm_per_km"] = feeder.line["x_ohm_per_km"] = 1e-4
    feeder.bus["min_vm_pu"], feeder.bus["max_vm_pu"] = 0.9, 1.1
    feeder.sgen = feeder.sgen.iloc[:0]
    feeder["ev"] = ev((0, 0, 3, 13.2, 13.2), (1, 2, 5, 6.6, 6.6))
    for column, value in facts.items():
        feeder.storage[column] = value
    set_price(feeder, PRICES)
    feeder.ext_grid["sell_price_per_mwh"] = 0.0
    feeder.study.update({"ev_price_per_mwh": 0.0, "ev_subsidy_per_vehicle": 0.0})
    floor = schedule_rolling(RollingCase.from_net(feeder), "floor", reactive=None)
    plan = dispatch(feeder, hours_per_period=1.0)
    assert floor.total == pytest.approx(plan.objective, rel=1e-3)
    assert plan.storage["e_mwh"].iloc[-1, 0] == pytest.approx(floor.storage["e_mwh"].iloc[-1, 0], abs=1e-6)
