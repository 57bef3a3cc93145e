"""The AC truth about a day: the reference day, and tampered days that must not pass."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from adnflex import RollingCheck, networks, schedule_rolling, validate
from adnflex.errors import InputError
from adnflex.grid.ac import run_ac


@pytest.fixture(scope="module")
def run(case):
    return schedule_rolling(case, "rollout", seed=1)


@pytest.fixture(scope="module")
def check(run, case):
    return validate(run, case.net)


def test_reference_day(check):
    assert check.violating_bus_hours_without > 200
    assert check.violating_bus_hours <= 0.05 * check.violating_bus_hours_without
    assert check.passed, check.verdict
    assert check.hours["loss_mw"].sum() < 0.87 * check.hours["loss_without_mw"].sum()
    assert check.hours["vm_min_pu"].min() > 0.949
    assert check.faults.empty


def test_model_and_power_flow_agree(check):
    off = check.deviations.set_index("quantity")
    assert off.at["voltage", "max_abs"] < 1e-8
    assert off.at["losses", "max_abs"] < 1e-8
    assert off.at["voltage of the relaxation in its scenarios", "max_abs"] < 1e-4


def test_costs_to_the_last_cent(check, run):
    assert check.costs["difference"].abs().max() < 1e-6
    assert check.costs.at["total", "recomputed"] == pytest.approx(run.total, abs=1e-6)


def test_limits_have_their_place(check):
    low = check.limits.set_index("kind").loc["voltage low"]
    assert low["index"] == 17
    assert low["hour"] in (18, 19)
    assert low["value"] == pytest.approx(check.vm_pu[17].min())


def test_saved_and_read_again(check, run, case, tmp_path):
    check.save(tmp_path / "check.json")
    again = RollingCheck.load(tmp_path / "check.json")
    assert again.summary() == check.summary()
    run.save(tmp_path / "run.json")
    assert validate(type(run).load(tmp_path / "run.json"), case.net).verdict == check.verdict


def test_without_a_second_stage_the_day_fails(case):
    result = validate(schedule_rolling(case, "pool", seed=1, reactive=None), case.net)
    assert not result.passed
    assert "limits violated; worst: voltage low at bus 17" in result.verdict
    assert result.deviations.empty
    assert result.notes


def test_another_net_is_refused(run):
    other = networks.load("rolling33")
    other.load.loc[0, "p_mw"] += 0.01
    with pytest.raises(InputError, match="is not the one that the plan was made for"):
        validate(run, other)


def _changed(run, name, column, hour, value):
    table = getattr(run, name).copy()
    table.loc[hour, column] = value
    return dataclasses.replace(run, **{name: table})


WRONG = [
    ("storage", ("p_mw", 0), 3, 0.5, "charge"),
    ("storage", ("e_mwh", 1), 5, 1.2, "energy does not follow from power"),
    ("exchange", ("import_mw", 7), 12, 0.4, "import above its limit"),
    ("reactive", 7, 2, 1.3, "q high"),
    ("ev", ("p_mw", 32), 10, 0.9, "fleet not the sum of its vehicles"),
]


@pytest.mark.parametrize("wrong", [WRONG[:1], WRONG[1:]], ids=["a power, and all energy after it", "all others"])
def test_wrong_set_points_are_found(run, case, wrong):
    changed = run
    for name, column, hour, value, _ in wrong:
        changed = _changed(changed, name, column, hour, value)
    result = validate(changed, case.net)
    assert not result.passed
    for *_, hour, _, kind in wrong:
        assert set(result.faults.loc[result.faults["kind"] == kind, "hour"]) == {hour}, kind


def test_a_vehicle_that_gets_too_little_is_found(run, case):
    row = run.vehicles[run.vehicles["need_kwh"] > 10].iloc[0]
    key = (int(row["load"]), int(row["vehicle"]))
    charging = run.charging.copy()
    charging[key] = 0.0
    result = validate(dataclasses.replace(run, charging=charging), case.net)
    assert any("gets too little" in kind for kind in result.faults["kind"])
    assert not result.passed


def test_a_vehicle_that_draws_more_than_its_charger_gives_is_found(run, case):
    row = run.vehicles.iloc[0]
    key = (int(row["load"]), int(row["vehicle"]))
    charging = run.charging.copy()
    charging.loc[int(row["arrival"]), key] = 2 * row["p_max_mw"]
    faults = validate(dataclasses.replace(run, charging=charging), case.net).faults
    assert f"vehicle {key[1]} of load draws too much" in set(faults["kind"])


def test_a_wrong_bill_is_found(run, case):
    costs = run.costs.copy()
    costs.loc["purchase", "cost"] += 0.01
    result = validate(dataclasses.replace(run, costs=costs), case.net)
    assert not result.passed
    assert result.verdict.startswith("purchase is")
    assert np.isclose(result.costs.at["purchase", "difference"], 0.01)


def test_an_hour_applied_is_the_hour_as_expected(run, case):
    """All set-points of loads, vehicles, storages, sun and wind, and reactive power reach the net."""
    new = run.apply(case.net, 12)
    np.testing.assert_allclose(
        new.storage.loc[run.storage["p_mw"].columns, "p_mw"] * new.storage["scaling"], run.storage["p_mw"].loc[12]
    )
    np.testing.assert_allclose(new.sgen.loc[run.generation.columns, "p_mw"], run.generation.loc[12])
    np.testing.assert_allclose(new.load.loc[run.ev["p_mw"].columns, "p_mw"], run.ev["p_mw"].loc[12])
    assert run_ac(new)
    np.testing.assert_allclose(new.res_bus["vm_pu"].reindex(run.vm_pu.columns), run.vm_pu.loc[12], atol=1e-6)
    with pytest.raises(InputError, match="hour 99: there are 24, 0 to 23"):
        run.apply(case.net, 99)
    with pytest.raises(InputError, match="days of a comparison"):
        dataclasses.replace(run, setpoints=run.setpoints.iloc[:0]).apply(case.net, 3)
