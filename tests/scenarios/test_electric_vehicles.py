"""Vehicles within their limits, exact energy, midnight, and the mean load of the study case."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from adnflex.errors import InputError
from adnflex.scenarios import LogNormal, VehicleLaw, WrappedNormal, charging_load, sample_fleet, sample_vehicles

# Mean load of 300 vehicles of the dispatch study, one run of 30 days by the default parameters [MW].
CASE_MEAN_MW = np.array(
    [
        0.097,
        0.0722,
        0.0492,
        0.0295,
        0.0188,
        0.0121,
        0.0081,
        0.0065,
        0.0065,
        0.0071,
        0.0119,
        0.025,
        0.0438,
        0.0708,
        0.1121,
        0.1527,
        0.1962,
        0.2272,
        0.2393,
        0.2395,
        0.2278,
        0.205,
        0.1712,
        0.1314,
    ]
)


@dataclass(frozen=True)
class Fixed:
    """A distribution that gives what it was given; users may bring such objects."""

    values: tuple[float, ...]

    def sample(self, rng: np.random.Generator, n: int) -> list[float]:
        return list(self.values)


def table(arrival: list[float], need_kwh: list[float], p_max_mw: float = 0.004) -> pd.DataFrame:
    arrival_, need = np.array(arrival, dtype=float), np.array(need_kwh, dtype=float)
    return pd.DataFrame(
        {"arrival": arrival_, "departure": arrival_ + need / 1e3 / p_max_mw, "need_kwh": need, "p_max_mw": p_max_mw}
    )


class TestSampleVehicles:
    def test_follows_the_laws(self):
        drawn = sample_vehicles(np.random.default_rng(3), 20_000)
        assert stats.kstest(np.log(drawn["daily_km"]), "norm", args=(3.2, 0.88)).pvalue > 0.01
        wrapped = (drawn["arrival"] - 17.6 + 12) % 24 - 12
        assert stats.kstest(wrapped, "norm", args=(0, 3.4)).pvalue > 0.01

    def test_need_from_distance_battery_and_efficiency(self):
        drawn = sample_vehicles(
            np.random.default_rng(0),
            3,
            VehicleLaw(daily_km=Fixed((0.0, 90.0, 1000.0)), arrival_hour=Fixed((1.0, 23.0, 12.0))),
            load=7,
        )
        assert drawn["need_kwh"].tolist() == pytest.approx([0.0, 20.0, 70 / 0.9])
        assert drawn["departure"].tolist() == pytest.approx([1.0, 28.0, 12 + 70 / 0.9 / 4])
        assert drawn["load"].tolist() == [7, 7, 7]
        assert list(drawn.columns[:7]) == [
            "load",
            "vehicle",
            "arrival",
            "departure",
            "need_kwh",
            "max_kwh",
            "p_max_mw",
        ]

    def test_stay_limits_the_energy_and_sets_the_departure(self):
        drawn = sample_vehicles(
            np.random.default_rng(0),
            3,
            VehicleLaw(Fixed((90.0, 90.0, 90.0)), Fixed((20.0, 20.0, 20.0)), Fixed((2.0, 10.0, 100.0))),
        )
        assert drawn["need_kwh"].tolist() == pytest.approx([8.0, 20.0, 20.0])
        assert drawn["departure"].tolist() == [22.0, 30.0, 44.0]
        charging_load(drawn)

    def test_a_charge_takes_a_day_at_most(self):
        drawn = sample_vehicles(np.random.default_rng(0), 1, VehicleLaw(Fixed((400.0,)), charger_kw=2.0))
        assert drawn["need_kwh"].tolist() == [48.0]

    def test_arrivals_stay_on_the_clock(self):
        law = VehicleLaw(arrival_hour=Fixed((-1e-17, 25.0, -2.0)))
        hours = sample_vehicles(np.random.default_rng(0), 3, law)["arrival"]
        assert hours.tolist() == [0.0, 1.0, 22.0]

    def test_the_generator_fixes_everything(self):
        one, two = (sample_vehicles(np.random.default_rng(9), 50) for _ in range(2))
        pd.testing.assert_frame_equal(one, two)

    def test_all_faults_at_once(self):
        with pytest.raises(InputError) as caught:
            VehicleLaw(charger_efficiency=90, battery_kwh=np.nan, charger_kw=-4)
        text = str(caught.value)
        assert len(caught.value.findings) == 3
        assert "charger_efficiency is 90" in text
        assert "battery_kwh is nan" in text
        assert "charger_kw is -4" in text
        with pytest.raises(InputError, match="vehicles is 0"):
            sample_vehicles(np.random.default_rng(0), 0)

    def test_faults_of_distributions_name_them(self):
        law = VehicleLaw(Fixed((5.0, -3.0)), Fixed((1.0,)), Fixed((np.inf, 1)))
        with pytest.raises(InputError) as caught:
            sample_vehicles(np.random.default_rng(0), 2, law)
        km, arrival, stay = caught.value.findings
        assert "daily_km: 1 of 2 numbers" in km
        assert "-3 (vehicle 1)" in km
        assert "arrival_hour" in arrival
        assert "shape (1,) for 2 vehicles" in arrival
        assert "stay_hours" in stay
        assert "inf (vehicle 0)" in stay

    @pytest.mark.parametrize(
        "wrong",
        [
            lambda: LogNormal(np.nan, 1),
            lambda: LogNormal(0, -1),
            lambda: WrappedNormal(0, 1, 0),
            lambda: WrappedNormal(np.inf, 1),
        ],
    )
    def test_parameters_of_distributions(self, wrong):
        with pytest.raises(InputError, match=r"(LogNormal|WrappedNormal): .* give a"):
            wrong()


def load_by_the_minute(vehicles: pd.DataFrame, periods: int, minutes: int, start_minute: int) -> np.ndarray:
    """The same load by switching each charger on and off; exact where all times are whole minutes."""
    day = np.zeros(24 * 60)
    for row in vehicles.itertuples():
        for minute in range(round(row.need_kwh / row.p_max_mw / 1e3 * 60)):
            day[(round(row.arrival * 60) + minute) % day.size] += row.p_max_mw
    clock = (start_minute + np.arange(periods * minutes)) % day.size
    return day[clock].reshape(periods, minutes).mean(axis=1)


class TestChargingLoad:
    @settings(max_examples=60, deadline=None)
    @given(
        cars=st.lists(st.tuples(st.integers(0, 1439), st.integers(0, 1440)), min_size=1, max_size=6),
        minutes=st.sampled_from([5, 15, 60, 90]),
        periods=st.integers(1, 40),
        start=st.integers(-600, 3000),
    )
    def test_against_the_minute(self, cars, minutes, periods, start):
        vehicles = table([a / 60 for a, _ in cars], [m / 60 * 4 for _, m in cars])
        load = charging_load(vehicles, periods, minutes / 60, start / 60)
        assert load == pytest.approx(load_by_the_minute(vehicles, periods, minutes, start), abs=1e-12)

    @settings(max_examples=60, deadline=None)
    @given(
        seed=st.integers(0, 2**32 - 1),
        parts=st.sampled_from([1, 2, 4, 12]),
        start=st.floats(-50, 50),
        days=st.integers(1, 3),
    )
    def test_energy_is_exact(self, seed, parts, start, days):
        vehicles = sample_vehicles(np.random.default_rng(seed), 40)
        load = charging_load(vehicles, 24 * parts * days, 1 / parts, start)
        assert load.min() >= 0
        assert load.sum() / parts == pytest.approx(days * vehicles["need_kwh"].sum() / 1e3, rel=1e-9)

    def test_past_midnight(self):
        load = charging_load(table([23.5], [8.0]))
        assert load[[23, 0, 1]].tolist() == pytest.approx([0.002, 0.004, 0.002])
        assert np.count_nonzero(load > 1e-12) == 3

    def test_no_vehicle_no_load(self):
        assert charging_load(table([], []), 4).tolist() == [0.0] * 4

    def test_faults_name_the_vehicle(self):
        vehicles = table([18.0, 18.0, 18.0], [4.0, 12.0, 100.0])
        vehicles.loc[1, "departure"] = 19.0
        with pytest.raises(InputError, match=r"vehicles row 1 \(and 1 more\): 12 kWh at 4 kW take 3 h.*there for 1 h"):
            charging_load(vehicles)
        with pytest.raises(InputError, match=r"vehicles row 2: 100 kWh at 4 kW take 25 h"):
            charging_load(vehicles.drop(index=1))

    def test_a_charger_without_power_cannot_deliver(self):
        vehicles = table([18.0], [4.0])
        vehicles["p_max_mw"] = 0.0
        with pytest.raises(InputError, match="take inf h"):
            charging_load(vehicles)

    def test_all_faults_at_once(self):
        vehicles = table([18.0, np.nan], [-4.0, 2.0]).drop(columns="departure")
        with pytest.raises(InputError, match="column departure is missing"):
            charging_load(vehicles)
        vehicles["departure"] = 20.0
        with pytest.raises(InputError) as caught:
            charging_load(vehicles, 0, -1.0, np.nan)
        text = str(caught.value)
        assert len(caught.value.findings) == 5
        for part in (
            "periods is 0",
            "hours_per_period is -1.0",
            "start_hour is nan",
            "row 1: arrival is nan",
            "row 0: need_kwh is -4",
        ):
            assert part in text


class TestSampleFleet:
    def test_runs_are_those_of_their_vehicles(self):
        fleet = sample_fleet(
            np.random.default_rng(4), 20, runs=3, periods=96, hours_per_period=0.25, start_hour=12, load=5
        )
        assert fleet.load_mw.shape == (3, 96)
        for run in range(3):
            vehicles = fleet.vehicles_of(run)
            assert vehicles["load"].eq(5).all()
            assert charging_load(vehicles, 96, 0.25, 12) == pytest.approx(fleet.load_mw[run], abs=0)
        assert fleet.mean_mw == pytest.approx(fleet.load_mw.mean(axis=0))
        with pytest.raises(ValueError, match="read-only"):
            fleet.load_mw[0, 0] = 1.0
        with pytest.raises(InputError, match="run 3 does not exist; give one from 0 to 2"):
            fleet.vehicles_of(3)

    def test_a_longer_sample_begins_as_a_shorter_one(self):
        short, long = (sample_fleet(np.random.default_rng(4), 20, runs=runs) for runs in (2, 5))
        assert (long.load_mw[:2] == short.load_mw).all()

    def test_standard_error_shrinks_with_the_root_of_the_runs(self):
        few, many = (sample_fleet(np.random.default_rng(4), 100, runs=runs) for runs in (100, 400))
        assert (few.standard_error_mw / many.standard_error_mw).mean() == pytest.approx(2, rel=0.1)
        assert np.isnan(sample_fleet(np.random.default_rng(4), 5, runs=1).standard_error_mw).all()

    def test_needs_a_run(self):
        with pytest.raises(InputError, match="runs is 0"):
            sample_fleet(np.random.default_rng(0), 5, runs=0)

    def test_mean_energy_is_that_of_the_law(self):
        # E[min(d, 350 km)] of the log-normal law, in closed form
        mu, sigma, cap = 3.2, 0.88, 350.0
        z = (np.log(cap) - mu) / sigma
        km = np.exp(mu + sigma**2 / 2) * stats.norm.cdf(z - sigma) + cap * stats.norm.sf(z)
        fleet = sample_fleet(np.random.default_rng(6), 300, runs=400)
        energy = fleet.load_mw.sum(axis=1)
        error = energy.std(ddof=1) / np.sqrt(len(energy))
        assert energy.mean() == pytest.approx(300 * km * 0.2 / 0.9 / 1e3, abs=3 * error)

    def test_study_case(self):
        # The case's curve is one run of 30 days, its own error is up to 5 kW; docs/theory/scenarios.md discusses it.
        fleet = sample_fleet(np.random.default_rng(2), 300, runs=400)
        assert np.abs(fleet.mean_mw - CASE_MEAN_MW).max() < 8e-3
        assert fleet.mean_mw.sum() == pytest.approx(CASE_MEAN_MW.sum(), rel=0.03)
