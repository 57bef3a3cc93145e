"""Rollout: never worse than its base policy, common random numbers, candidates."""

from __future__ import annotations

import dataclasses
import time

import numpy as np
import pytest

from adnflex import compare_policies
from adnflex.errors import InputError
from adnflex.problems.rolling import RollingCase
from adnflex.problems.rolling.days import draw_day, stream
from adnflex.problems.rolling.policies import State
from adnflex.problems.rolling.policy_names import policy_of
from adnflex.problems.rolling.rollout import _Moment


def state_at(case, hour=12, seed=1):
    day = draw_day(case, seed)
    here = (day.vehicles.arrival <= hour) & (hour < day.vehicles.departure)
    return State(
        hour,
        case.storages.start,
        day.vehicles.take(here & (day.vehicles.arrival == hour)),
        day.generation_mw[hour] @ case.to_nodes,
        day.weather[hour],
    )


def test_the_reference_is_first_among_the_candidates(case):
    moment = _Moment(policy_of("rollout:own/full+plans", case, simulations=2), state_at(case), stream(1, 0, 12))
    joint = moment.reference()
    for i in moment.agents:
        choices = moment.choices(i, joint)
        assert choices[0] is joint
        assert all(other[:i] == joint[:i] for other in choices)


def test_costs_of_a_joint_action_do_not_depend_on_its_company(case):
    """Common random numbers: the same futures for every candidate."""
    moment = _Moment(policy_of("rollout", case, simulations=5), state_at(case), stream(1, 0, 12))
    joint = moment.reference()
    choices = moment.choices(moment.agents[0], joint)
    together = moment.costs(0, choices)
    alone = [moment.costs(0, [c])[0] for c in choices]
    assert together == pytest.approx(alone)


@pytest.mark.parametrize(("policy", "base"), [("rollout:own/match", "own"), ("rollout:pool/match", "pool")])
def test_paired_with_its_base_it_is_not_worse(case, policy, base):
    """Over common days; with M futures the guarantee is one on average."""
    compared = compare_policies(case, [base, policy], check=False, days=12, simulations=4, workers=1)
    row = compared.against(base).loc[policy]
    assert row["difference"] - row["ci95"] <= 0
    assert row["difference"] < (-300 if base == "own" else 0.5)


def test_common_random_numbers_are_worth_it(case):
    options = {"days": 3, "simulations": 1, "workers": 1}
    common = compare_policies(case, ["rollout:own/match"], check=False, **options).days.mean().iloc[0]
    fresh = compare_policies(case, ["rollout:own/match"], check=False, common=False, **options).days.mean().iloc[0]
    assert common < fresh - 100


def test_mean_future_is_one(case):
    policy = policy_of("rollout", case, future="mean")
    moment = _Moment(policy, state_at(case), stream(1, 0, 12))
    assert moment.futures.shape == (11, 8, 1)


def test_plans_see_a_tariff_hours_away():
    case = RollingCase.load("rolling33", tariff="time of use")
    policy = policy_of("rollout:pool/match+plans", case, simulations=3)
    moment = _Moment(policy, state_at(case, 18), stream(1, 0, 18))
    plain = _Moment(dataclasses.replace(policy, plans=False), state_at(case, 18), stream(1, 0, 18))
    i = next(i for i in moment.agents if len(moment.vehicles[i]))
    joint = moment.reference()
    assert len(moment.choices(i, joint)) > len(plain.choices(i, joint))
    best = moment.costs(i, moment.choices(i, joint)).min()
    assert best <= plain.costs(i, plain.choices(i, joint)).min() + 1e-9


@pytest.mark.parametrize(
    "name", ["rollot", "rollout:none/match", "rollout:pool/match+more", "mpc:0", "mpc:", "floor:1"]
)
def test_unknown_names(case, name):
    with pytest.raises(InputError, match="is not known"):
        policy_of(name, case)


@pytest.mark.parametrize("wrong", [{"simulations": 0}, {"simulations": 1.5}, {"sweeps": 0}, {"future": "none"}])
def test_bad_options(case, wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        policy_of("rollout", case, **wrong)


def test_decisions_take_a_few_milliseconds(case):
    begin = time.process_time()
    compare_policies(case, ["rollout"], check=False, days=2, simulations=30, workers=1)
    # 10 ms is promised on a quiet machine; the processor's own seconds do not know who else uses it
    assert (time.process_time() - begin) / 48 < 0.03


def test_no_sweep_changes_more_than_it_must(case):
    policy = policy_of("rollout", case, simulations=5, sweeps=3)
    once = policy_of("rollout", case, simulations=5)
    state = state_at(case, 23)
    a, b = policy.decide(state, stream(1, 0, 23)), once.decide(state, stream(1, 0, 23))
    assert np.allclose(a.storage.sum(), b.storage.sum(), atol=1e-3)
