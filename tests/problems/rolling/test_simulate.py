"""A day, its balance and its bill."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from adnflex import schedule_rolling
from adnflex.errors import InputError
from adnflex.problems.rolling import RollingCase, draw_day
from adnflex.results.rolling import ITEMS, RollingRun


@pytest.fixture(scope="module")
def run(case):
    return schedule_rolling(case, "rollout", simulations=5, seed=2)


def test_items_add_up_and_follow_from_the_tables(case, run):
    costs = run.costs["cost"]
    assert costs["total"] == math.fsum(costs[item] for item in ITEMS)
    day = draw_day(case, 2)
    energy = day.generation_mw.sum(axis=0)
    assert costs["purchase"] == pytest.approx(500 * run.exchange["buy_mw"].to_numpy().sum())
    assert costs["ev_profit"] == pytest.approx(-500 * run.ev["p_mw"].to_numpy().sum())
    assert costs["ev_subsidy"] == 5 * len(day.vehicles)
    assert costs["solar"] == pytest.approx(350 * energy[case.generators.sun].sum())
    assert costs["wind"] == pytest.approx(350 * energy[~case.generators.sun].sum())


def test_every_node_balances_in_every_hour(run):
    a, x = run.actions, run.exchange
    left = a["generation_mw"] - a["ev_mw"] - a["storage_mw"] + x["import_mw"] - x["export_mw"]
    assert np.allclose(left + x["buy_mw"] - x["spill_mw"], 0, atol=1e-12)
    assert np.allclose(x["import_mw"].sum(axis=1), x["export_mw"].sum(axis=1))


def test_storage_follows_its_powers(case, run):
    p, e = run.storage["p_mw"].to_numpy(), run.storage["e_mwh"].to_numpy()
    before = np.vstack([case.storages.start, e[:-1]])
    assert np.allclose(e, before + np.where(p > 0, 0.95 * p, p / 0.95), atol=1e-12)
    assert e.min() >= 0.12 - 1e-9
    assert e.max() <= 1.08 + 1e-9


def test_vehicles_get_what_they_need_while_they_are_there(run):
    v = run.vehicles.set_index(["load", "vehicle"])
    assert v["unmet_kwh"].max() < 1e-6
    assert (v["given_kwh"] >= v["need_kwh"] - 1e-6).all()
    assert (v["given_kwh"] <= v["max_kwh"] + 1e-6).all()
    hours = run.charging.index.to_numpy()[:, None]
    there = (v["arrival"].to_numpy() <= hours) & (hours < v["departure"].to_numpy())
    power = run.charging[v.index].to_numpy()
    assert (power[~there] == 0).all()
    assert power.max() <= 0.0066 + 1e-12
    by_load = run.charging.T.groupby(level="load").sum().T
    assert np.allclose(by_load, run.ev["p_mw"])
    assert (run.ev["p_mw"] >= run.ev["must_mw"] - 1e-9).all(axis=None)
    assert (run.ev["p_mw"] <= run.ev["can_mw"] + 1e-9).all(axis=None)


def test_saved_and_loaded(run, tmp_path):
    path = tmp_path / "run.json"
    run.save(path)
    again = RollingRun.load(path)
    assert again.summary() == run.summary()
    assert again.charging.equals(run.charging)
    assert again.options == run.options
    path.write_text("{}")
    with pytest.raises(InputError, match="is not a plan of format"):
        RollingRun.load(path)


def test_stored_value_is_beside_the_total():
    case = RollingCase.load("rolling33", stored_value_per_mwh=450)
    run = schedule_rolling(case, "pool")
    left = run.storage["e_mwh"].iloc[-1].sum() - 0.36
    assert run.stored_value == pytest.approx(450 * left)
    assert run.objective == pytest.approx(run.total - 450 * left)


def test_a_seed_has_to_be_one(case):
    with pytest.raises(InputError, match="seed is -1"):
        schedule_rolling(case, "pool", seed=-1)


def test_a_stopped_day_goes_on_with_the_identical_result(case, tmp_path):
    """Ctrl-C after any hour leaves the state of that hour; the same call then finishes the day."""
    path = tmp_path / "state.json"
    heard = []

    def stop(row):
        heard.append(row.done)
        if row.done == 9:
            raise KeyboardInterrupt

    arguments = {"policy": "rollout", "simulations": 4, "seed": 3, "scenarios": 2}
    with pytest.raises(KeyboardInterrupt):
        schedule_rolling(case, **arguments, state=path, progress=stop)
    assert heard == list(range(1, 10))
    resumed = schedule_rolling(case, **arguments, state=path, progress=lambda row: heard.append(row.done))
    assert heard == list(range(1, case.hours + 1))
    whole = schedule_rolling(case, **arguments)
    for name in ("costs", "actions", "storage", "ev", "exchange", "reactive"):
        pd.testing.assert_frame_equal(getattr(resumed, name), getattr(whole, name), check_exact=True)
    # the file of a finished day gives the day at once
    again = schedule_rolling(case, **arguments, state=path)
    pd.testing.assert_frame_equal(again.costs, whole.costs, check_exact=True)


def test_a_state_of_another_run_is_refused(case, tmp_path):
    path = tmp_path / "state.json"
    schedule_rolling(case, "pool", seed=3, reactive=None, state=path)
    before = path.read_bytes()
    for other in ({"policy": "own", "seed": 3}, {"policy": "pool", "seed": 4}, {"policy": "pool", "seed": 3, "day": 1}):
        with pytest.raises(InputError, match="ask for the same run"):
            schedule_rolling(case, **other, reactive=None, state=path)
    assert path.read_bytes() == before
