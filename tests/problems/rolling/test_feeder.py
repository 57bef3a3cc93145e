"""Bounds by the feeder: on exchange, and on actions."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandapower as pp
import pytest

from adnflex import networks, schedule_rolling
from adnflex.errors import InputError
from adnflex.grid.ac import run_ac
from adnflex.problems.rolling import RollingCase, WithinFeeder, exchange_limits
from adnflex.problems.rolling.policy_names import policy_of
from tests.problems.rolling.small import net


def weak(resistance=60.0):
    """The small net with so thin a line that vehicles at full power pull the voltage below 0.97."""
    found = net()
    found.bus["min_vm_pu"], found.bus["max_vm_pu"] = 0.97, 1.05
    found.line["r_ohm_per_km"] = found.line["x_ohm_per_km"] = resistance
    return found


def lowest(case, run):
    found = []
    new = copy.deepcopy(case.net)
    for hour in run.generation.index:
        new.load.loc[run.ev["p_mw"].columns, "p_mw"] = run.ev["p_mw"].loc[hour].to_numpy()
        new.sgen.loc[run.generation.columns, "p_mw"] = run.generation.loc[hour].to_numpy()
        new.storage.loc[run.storage["p_mw"].columns, "p_mw"] = run.storage["p_mw"].loc[hour].to_numpy()
        assert run_ac(new)
        found.append(float(new.res_bus.vm_pu.min()))
    return np.array(found)


class Dark:
    """Neither sun nor wind."""

    def sample(self, state, hour, n, rng):
        return np.zeros((n, 6 - hour - 1, 1))


def case_of(found, **options):
    return RollingCase.from_net(found, renewables=Dark(), **options)


def test_an_action_that_the_feeder_carries_is_left_alone():
    case = case_of(weak(1.0))
    for policy in ("pool", "rollout"):
        free, bound = (schedule_rolling(case, prefix + policy, simulations=3) for prefix in ("", "feeder:"))
        assert free.actions.equals(bound.actions)
        assert bound.policy == f"feeder:{free.policy}"


def test_actions_are_moved_to_what_the_feeder_carries():
    case = case_of(weak(400.0))
    free, bound = (schedule_rolling(case, policy) for policy in ("pool", "feeder:pool"))
    before, after = lowest(case, free), lowest(case, bound)
    assert before.min() < 0.969
    assert after.min() > 0.9699
    assert bound.vehicles["unmet_kwh"].max() < 1e-9
    assert (bound.vehicles["given_kwh"] >= bound.vehicles["need_kwh"] - 1e-6).all()


def test_pickled_and_named():
    case = case_of(weak())
    policy = pickle.loads(pickle.dumps(WithinFeeder(case, policy_of("pool", case), margin_pu=0.001)))
    assert policy.name == "feeder:pool"
    with pytest.raises(InputError, match="floor is planned at once"):
        policy_of("feeder:floor", case)


def test_exchange_limits_hold_in_power_flow():
    """All nodes at their limit at once, the sites at their best: no bus is outside."""
    case = RollingCase.load("rolling33", exchange_limit_mw="feeder")
    most = RollingCase.load("rolling33").exchange_mw
    assert (case.exchange_mw <= most + 1e-6).all()
    assert (case.exchange_mw[18] < 0.5 * most[18]).all()
    facts = case.net.profiles["load"]["base_pload"]
    for hour in (4, 12, 18):
        new = copy.deepcopy(networks.load("rolling33"))
        new.sgen["p_mw"] = 0.0
        new.sgen.loc[new.sgen["type"] == "svc", "q_mvar"] = 1.0
        base = new.load["type"] != "ev"
        new.load.loc[base, ["p_mw", "q_mvar"]] *= facts[hour]
        for bus, power in zip(case.buses, case.exchange_mw[hour], strict=True):
            pp.create_load(new, int(bus), power)
        assert run_ac(new)
        assert new.res_bus.vm_pu.min() > 0.95 - 2e-4


def test_no_exchange_where_the_load_alone_is_too_much():
    found = weak(60.0)
    pp.create_load(found, 2, 0.6, 0.3)
    assert (exchange_limits(case_of(found)) == 0).all()


def test_a_policy_knows_the_limits():
    free = RollingCase.load("rolling33")
    bound = RollingCase.load("rolling33", exchange_limit_mw="feeder")
    costs = [schedule_rolling(c, "pool", reactive=None).total for c in (free, bound)]
    assert costs[1] > costs[0]
    assert free.fingerprint != bound.fingerprint


def test_another_word_is_an_error():
    with pytest.raises(InputError, match="exchange_limit_mw is 'grid'"):
        RollingCase.load("rolling33", exchange_limit_mw="grid")
