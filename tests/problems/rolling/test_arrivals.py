"""Vehicles that arrive, and what is said about bad ones."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from adnflex.errors import InputError
from adnflex.knobs import Horizon, Limits
from adnflex.problems.rolling.arrivals import Library, RecordedDays, vehicles_of
from adnflex.problems.rolling.vehicles import can
from adnflex.study import read_study
from tests.problems.rolling.small import ev
from tests.problems.rolling.small import net as small_net


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ((4, 9, 8, 1, 1), ["load 0 vehicle 4", "arrival 9", "departure 8"]),
        ((4, 9, 11, 20, 20), ["load 0 vehicle 4", "need_kwh 20", "2 periods", "13.2 kWh"]),
        ((4, 9, 11, 5, 4), ["load 0 vehicle 4", "max_kwh 4", "need_kwh 5"]),
        ((4, 9, 11, np.nan, 4), ["load 0 vehicle 4", "a number is missing", "need_kwh"]),
    ],
)
def test_bad_vehicles_are_named(row, words):
    with pytest.raises(InputError) as error:
        vehicles_of(ev(row), {0: 0}, 24)
    assert all(word in str(error.value) for word in words)


def test_unknown_fleet_and_missing_column():
    with pytest.raises(InputError, match="load 3 is no fleet"):
        vehicles_of(ev((0, 1, 3, 1, 1), load=3), {0: 0}, 24)
    with pytest.raises(InputError, match="p_max_mw missing"):
        vehicles_of(ev((0, 1, 3, 1, 1)).drop(columns="p_max_mw"), {0: 0}, 24)


def test_parts_of_hours_count_and_the_night_belongs_to_tomorrow():
    seen = vehicles_of(ev((0, 8.5, 12.7, 10, 40), (1, 20, 31, 50, 60)), {0: 2}, 24)
    assert seen.arrival.tolist() == [8.5, 20]
    assert seen.departure.tolist() == [12.7, 24]
    assert seen.need.tolist() == pytest.approx([0.01, 0.0264])
    assert seen.limit.tolist() == pytest.approx([6.6e-3 * 4.2, 0.0264])
    assert seen.node.tolist() == [2, 2]


def test_laws_of_the_study(case):
    days = case.arrivals.sample_days(np.random.default_rng(0), 200)
    assert len(days) / 200 == pytest.approx(8 * 37, rel=0.02)
    assert (days["departure"] > days["arrival"]).all()
    assert (days["max_kwh"] <= 6.6 * (days["departure"] - days["arrival"]) + 1e-9).all()
    assert days.groupby(["run", "load"])["vehicle"].apply(lambda v: list(v) == list(range(len(v)))).all()


def test_library_has_what_arrives_later():
    table = pd.concat([ev((0, 1, 4, 5, 15)), ev((1, 2, 5, 6.6, 6.6))])
    library = Library(RecordedDays(table), np.random.default_rng(0), 2, {0: 0}, 1, 6)
    everyone = vehicles_of(table, {0: 0}, 6)
    assert library.later[0, 0, :, 0].sum() == pytest.approx(0.0216)
    assert library.later[1, 1, :, 0].tolist() == pytest.approx([0, 0, 0.0066, 0, 0, 0])
    assert library.later[5].sum() == 0
    first = library.envelopes.arrival == 1
    assert library.envelopes.high[first].tolist() == pytest.approx([0.0066, 0.0132, 0.015])
    assert library.envelopes.low[first].tolist() == pytest.approx([0, 0, 0.005])
    assert [can(everyone, hour)[k] for k, hour in enumerate((1, 2))] == pytest.approx([0.0066, 0.0066])


def test_dispatch_and_rolling_read_one_table_alike():
    """A vehicle that leaves within a period: as much energy in both, and the same refusal a hair above."""
    for need, fits in ((4.2 * 6.6, True), (4.21 * 6.6, False)):
        net = small_net()
        net["ev"] = ev((0, 0.5, 4.7, need, need))
        for read in (
            lambda n: vehicles_of(n.ev, {0: 0}, 6),
            lambda n: read_study(n, Horizon(hours_per_period=1.0), Limits(vm_limits=(0.9, 1.1))),
        ):
            if fits:
                read(net)
            else:
                with pytest.raises(InputError, match=r"load 0 vehicle 0: need_kwh 27.786 cannot be met.*4.2 periods"):
                    read(net)
