"""Vehicles that drive from node to node: their stays are possible, and a rolling schedule serves them."""

from __future__ import annotations

import numpy as np
import pytest

from adnflex import schedule_rolling, validate
from adnflex.errors import InputError
from adnflex.problems.rolling import RollingCase
from adnflex.scenarios import TravellingFleet

P = 6.6


def law_of(rng, places):
    """Draw a law over these places."""
    rows = rng.dirichlet(np.ones(len(places)), len(places) + 1)
    rows[:, -1] = 1.0 - rows[:, :-1].sum(axis=1)
    stays = tuple((float(rng.uniform(0.5, 9)), float(rng.uniform(0, 3))) for _ in places)
    return TravellingFleet(
        tuple(places), 40.0, tuple(rows[0]), tuple(map(tuple, rows[1:])), stay_h=stays, trip_kwh=(8.0, 10.0)
    )


@pytest.mark.parametrize("seed", range(6))
def test_whatever_the_law_every_stay_is_possible(seed):
    rng = np.random.default_rng(seed)
    table = law_of(rng, list(range(7, 7 + int(rng.integers(1, 6))))).sample_days(rng, 10)
    assert (table["need_kwh"] <= table["max_kwh"] + 1e-9).all()
    assert (table["max_kwh"] <= P * (table["departure"] - table["arrival"]) + 1e-9).all()
    assert table["arrival"].between(0, 24).all()
    assert table["departure"].between(0, 24).all()
    assert not table.duplicated(["run", "load", "vehicle"]).any()
    for _, stays in table.groupby(["run", "traveller"]):
        assert stays["arrival"].iloc[0] == 0
        assert (stays["arrival"].to_numpy()[1:] >= stays["departure"].to_numpy()[:-1]).all()


def test_places_follow_the_law_and_needs_the_way():
    law = TravellingFleet(
        (1, 2), 300.0, (1.0, 0.0), ((0.25, 0.75), (1.0, 0.0)),
        first_departure_h=(8.0, 0.0), stay_h=((3.0, 0.0), (3.0, 0.0)),
        drive_h=(1.0, 0.0), trip_kwh=(9.0, 0.0), soc_at_start=(0.8, 0.8),
    )  # fmt: skip
    table = law.sample_days(np.random.default_rng(1), 10)
    second = table[table["arrival"] == 9.0]
    assert second["load"].eq(2).mean() == pytest.approx(0.75, abs=0.03)
    # full at the start, 9 kWh on the way, and 90 % of what the grid gives arrives
    assert second["need_kwh"].to_numpy() == pytest.approx(10.0)
    assert table[table["arrival"] == 0.0]["need_kwh"].max() == 0.0


def test_a_rolling_schedule_serves_them():
    law = law_of(np.random.default_rng(5), range(32, 40))
    case = RollingCase.load("rolling33", arrivals=law, library_days=10)
    run = schedule_rolling(case, "mpc:mean", reactive=None)
    assert len(run.vehicles) > 60
    assert (run.vehicles["arrival"] % 1 > 0).any()
    assert run.vehicles["unmet_kwh"].max() == pytest.approx(0.0, abs=1e-6)
    assert validate(run, case.net).faults.empty


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"start": (0.5, 0.4)}, "start is (0.5, 0.4); give probabilities"),
        ({"moves": ((1.0, 0.0),)}, "moves 1 rows"),
        ({"moves": ((1.2, -0.2), (1.0, 0.0))}, "moves[0] is (1.2, -0.2)"),
        ({"stay_h": ((3.0, -1.0), (3.0, 0.0))}, "stay_h[0] is (3.0, -1.0)"),
        ({"charger_kw": 0.0}, "charger_kw is 0.0"),
        ({"soc_needed": 0.95}, "soc_needed 0.95"),
    ],
)
def test_laws_that_cannot_be_are_told(change, words):
    good = {"loads": (1, 2), "per_day": 3.0, "start": (1.0, 0.0), "moves": ((0.0, 1.0), (1.0, 0.0))}
    with pytest.raises(InputError) as error:
        TravellingFleet(**{**good, "stay_h": ((3.0, 0.0), (3.0, 0.0)), **change})
    assert words in str(error.value)
