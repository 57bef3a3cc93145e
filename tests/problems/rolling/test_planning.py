"""Linear programmes: hand numbers, the floor, and what is carried out."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from adnflex import compare_policies, schedule_rolling
from adnflex.errors import InputError
from adnflex.problems.rolling import RollingCase
from adnflex.problems.rolling.days import draw_day, stream
from adnflex.problems.rolling.planning import plan
from adnflex.problems.rolling.policies import State
from adnflex.problems.rolling.policy_names import policy_of
from tests.problems.rolling.small import Steady, ev, net, set_price, vehicles


def test_a_valley_is_used():
    case = RollingCase.from_net(
        net(), renewables=Steady(), arrivals=ev((0, 0, 3, 6.6, 6.6)), buy_price_per_mwh=[300, 200, 100, 300, 300, 300]
    )
    one = vehicles((0, 3, 6.6, 6.6), node=1)
    planned = plan(case, 0, case.storages.low, one, np.zeros((1, 6, 2)))
    assert planned.vehicles[:, 0] == pytest.approx([0, 0, 6.6, 0, 0, 0])
    assert planned.storage == pytest.approx(np.zeros((6, 1)), abs=1e-6)


def test_branches_share_their_first_hour_only():
    case = RollingCase.from_net(net(), renewables=Steady())
    generation = np.zeros((2, 3, 2))
    generation[0, 1:, 0] = 0.02
    one = vehicles((0, 3, 13.2, 13.2), node=1)
    planned = plan(case, 3, case.storages.low, one.take(one.departure > 9), generation)
    assert planned.storage.shape == (1, 1)
    assert planned.vehicles.shape == (1, 0)


def test_floor_is_the_best_of_a_grid_of_plans():
    """One vehicle with a fixed need and no storage energy: enumerate its plans."""
    bad = net(4)
    bad["ev"] = ev((0, 0, 4, 13.2, 13.2))
    set_price(bad, [50.0, 300.0, 100.0, 200.0])
    bad.storage.loc[0, ["min_p_mw", "max_p_mw"]] = 0.0
    case = RollingCase.from_net(bad, renewables=Steady(4))
    run = schedule_rolling(case, "floor")
    day = draw_day(case, 1)
    sun = day.generation_mw[:, 0]
    best = min(
        sum(price * max(p - g, 0) for price, p, g in zip([50, 300, 100, 200], plan_, sun, strict=True))
        for plan_ in itertools.product(np.linspace(0, 0.0066, 23), repeat=4)
        if abs(sum(plan_) - 0.0132) < 1e-9
    )
    assert run.costs.at["purchase", "cost"] == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize(
    ("options", "days"),
    [({}, 2), ({"exchange_limit_mw": 0}, 1), ({"tariff": "time of use"}, 1), ({"stored_value_per_mwh": 450}, 1)],
)
def test_nothing_beats_the_floor_on_any_day(options, days):
    case = RollingCase.load("rolling33", **options)
    compared = compare_policies(
        case, ["floor", "own", "pool", "rollout", "mpc:mean"], days=days, simulations=2, check=False, workers=1
    )
    for policy in compared.days.columns:
        assert (compared.days["floor"] <= compared.days[policy] + 0.01).all()


def test_perfect_foresight_cannot_be_put_in_charge(case):
    state = State(0, case.storages.start, draw_day(case, 1).vehicles.at(0), np.zeros(8), None)
    with pytest.raises(InputError, match="knows the future"):
        policy_of("floor", case).decide(state, stream(1, 0, 0))


def test_what_is_planned_for_each_vehicle_is_carried_out(case):
    run = schedule_rolling(case, "mpc:mean")
    assert run.vehicles["unmet_kwh"].max() < 1e-6
    assert (run.vehicles["given_kwh"] <= run.vehicles["max_kwh"] + 1e-6).all()
