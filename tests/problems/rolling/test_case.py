"""Reading a case from a net."""

from __future__ import annotations

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

from adnflex import compare_policies, dispatch, networks, schedule_rolling
from adnflex.errors import InputError
from adnflex.problems.rolling import RollingCase
from adnflex.problems.rolling.hours import Hours
from adnflex.scenarios import Forecast
from tests.problems.rolling.small import Steady, ev, net


def test_loads_by_name_and_from_a_file(tmp_path, case):
    import pandapower as pp

    path = tmp_path / "mine.json"
    pp.to_json(networks.load("rolling33"), str(path))
    again = RollingCase.load(path)
    assert again.name == "mine"
    assert again.fingerprint == case.fingerprint
    with pytest.raises(InputError, match="no such file"):
        RollingCase.load(tmp_path / "other.json")


def test_facts_of_the_study(case):
    s = case.storages
    assert s.low.tolist() == pytest.approx([0.12] * 3)
    assert s.start.tolist() == pytest.approx([0.6] * 3)
    assert s.high.tolist() == pytest.approx([1.08] * 3)
    assert case.buses[s.node].tolist() == [12, 23, 29]
    assert (case.exchange_mw == 0.3).all()
    assert RollingCase.load("rolling33", tariff="time of use").prices.buy.max() == pytest.approx(800)
    assert RollingCase.load("rolling33", weather="cloudy").renewables.mean == 0.75


def test_a_users_net_with_the_users_generator():
    case = RollingCase.from_net(net(), renewables=Steady())
    for policy in ("own", "pool", "rollout", "rollout:own/full+plans+mpc", "mpc:mean", "mpc:3", "floor"):
        run = schedule_rolling(case, policy, simulations=4)
        assert run.vehicles["unmet_kwh"].max() < 1e-6
        assert run.vehicles["given_kwh"].between(run.vehicles["need_kwh"] - 1e-6, run.vehicles["max_kwh"] + 1e-6).all()
        assert run.costs.at["ev_subsidy", "cost"] == 2.0


def test_storage_outside_its_limits():
    bad = net()
    bad.storage.loc[0, "soc_percent"] = 5.0
    with pytest.raises(InputError) as error:
        RollingCase.from_net(bad, renewables=Steady())
    assert all(word in str(error.value) for word in ("storage 0", "soc_percent 5", "0.005 MWh", "min_e_mwh 0.01"))


def test_all_faults_at_once():
    bad = net()
    bad.storage.loc[0, "max_p_mw"] = np.nan
    with pytest.raises(InputError) as error:
        RollingCase.from_net(bad, exchange_limit_mw=-1.0, tariff="flaat")
    text = str(error.value)
    assert "storage 0: max_p_mw is missing" in text
    assert "did you mean 'flat'" in text
    assert "exchange_limit_mw is -1.0" in text
    assert "nothing says what they will generate" in text


def test_nothing_to_schedule():
    with pytest.raises(InputError, match="nothing to schedule"):
        RollingCase.from_net(networks.load("baran_wu_69"))


def test_recorded_days_are_drawn_from():
    table = ev((0, 0, 3, 5, 5)).assign(run=0)
    other = ev((0, 1, 4, 6, 6), (1, 1, 4, 6, 6)).assign(run=1)
    case = RollingCase.from_net(net(), renewables=Steady(), arrivals=pd.concat([table, other]), library_days=20)
    counts = {len(schedule_rolling(case, "pool", day=day).vehicles) for day in range(8)}
    assert counts == {1, 2}


def test_a_case_is_known_by_its_laws_too():
    cases = [RollingCase.load("rolling33", weather=w) for w in ("sunny", "cloudy")]
    assert cases[0].fingerprint != cases[1].fingerprint
    assert cases[0].fingerprint == RollingCase.load("rolling33").fingerprint


def test_exchange_may_be_limited_hour_by_hour():
    limit = np.full((24, 8), 0.3)
    limit[12] = 0.0
    case = RollingCase.load("rolling33", exchange_limit_mw=limit)
    for policy in ("pool", "rollout", "mpc:mean"):
        run = schedule_rolling(case, policy, simulations=3)
        assert run.exchange["import_mw"].loc[12].sum() == 0
        assert run.exchange["import_mw"].loc[11].sum() > 0


@pytest.mark.parametrize("without", ["load", "storage", "sgen"])
def test_any_kind_of_device_may_be_missing(without):
    less = net()
    less[without] = less[without].iloc[:0]
    if without == "load":
        del less["ev"]
    case = RollingCase.from_net(less, renewables=Steady(count=len(less.sgen)))
    for policy in ("own", "rollout:pool/full+plans+mpc", "mpc:2", "floor"):
        run = schedule_rolling(case, policy, simulations=2)
        assert run.costs.at["total", "cost"] == pytest.approx(run.costs["cost"].iloc[:-1].sum())


def test_a_forecast_of_the_user_is_enough():
    forecast = Forecast(np.array([[0.0], [0.01], [0.03], [0.05], [0.03], [0.0]]), sd=0.3)
    case = RollingCase.from_net(net(), renewables=forecast)
    compared = compare_policies(
        case, ["floor", "own", "rollout", "mpc:2"], check=False, days=3, simulations=3, workers=1
    )
    assert (compared.days.ge(compared.days["floor"] - 1e-6, axis=0)).all(axis=None)


def test_a_generator_without_a_rating():
    bad = networks.load("rolling33")
    bad.sgen.loc[2, "p_mw"] = 0.0
    with pytest.raises(InputError, match="sgen 2: its rating"):
        RollingCase.from_net(bad)


def test_a_larger_feeder():
    case = RollingCase.load("rolling69")
    assert len(case.net.bus) == 69
    assert schedule_rolling(case, "rollout", simulations=2).vehicles["unmet_kwh"].max() < 1e-6


@pytest.mark.parametrize(("percent", "words"), [(0.95, "fraction; give 95"), (0.0, "percent above 0"), (120.0, "120")])
def test_an_efficiency_that_is_no_percentage_is_refused_as_in_a_dispatch(percent, words):
    feeder = net()
    feeder.storage["efficiency_percent"] = percent
    with pytest.raises(InputError, match=f"storage 0: .*{words}"):
        RollingCase.from_net(feeder, renewables=Steady())
    feeder.load["controllable"] = False
    with pytest.raises(InputError, match=f"storage 0: .*{words}"):
        dispatch(feeder, vm_limits=(0.9, 1.1), hours_per_period=1.0)


def test_vehicles_with_names_are_numbered_in_the_order_of_their_names():
    numbered, feeder = net(), net()
    feeder["ev"] = feeder["ev"].assign(vehicle=["car A", "car B"])
    case, same = (RollingCase.from_net(n, renewables=Steady()) for n in (feeder, numbered))
    run, twin = (schedule_rolling(c, "pool", seed=1) for c in (case, same))
    assert run.costs["cost"].to_dict() == twin.costs["cost"].to_dict()
    assert run.vehicles.index.tolist() == twin.vehicles.index.tolist()
    assert "vehicles are numbered in the order of their names: 0 car A, 1 car B." in run.notes


def test_a_net_is_refused_where_every_verb_refuses_it():
    meshed, soft, dark = net(), net(), net()
    pp.create_line_from_parameters(meshed, 0, 2, 1.0, 0.1, 0.1, 0.0, 1.0)
    soft.load["const_z_p_percent"] = 10.0
    soft.load["const_z_q_percent"] = 10.0
    dark.line.loc[1, "in_service"] = False
    cases = (meshed, "a closed path"), (soft, "constant power"), (dark, "bus 2 with load 0 cannot be supplied")
    for bad, words in cases:
        with pytest.raises(InputError, match=words):
            RollingCase.from_net(bad, renewables=Steady())


def test_what_is_not_scheduled_follows_its_profile():
    found = net()
    pp.create_sgen(found, 2, 0.2, q_mvar=0.1, type="hydro")
    shape = np.array([0.0, 1.0, 0.5, 0.25, 1.0, 0.0])
    found.sgen["profile"] = [None, "river"]
    found.profiles["renewables"] = pd.DataFrame({"river": shape})
    case = RollingCase.from_net(found, renewables=Steady())
    rest = Hours.of(case.found).rest * case.found.study.grid.base_mva
    assert rest[:, 2].real == pytest.approx(-0.2 * shape)
    assert rest[:, 1] == pytest.approx(np.zeros(6))
