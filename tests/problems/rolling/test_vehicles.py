"""Elastic capacity of the hour, and its split."""

from __future__ import annotations

import numpy as np
import pytest

from adnflex.problems.rolling.vehicles import can, deferred_profiles, must, soon_profile, split
from tests.problems.rolling.small import P, vehicles


def test_summed_bounds_allow_what_vehicles_cannot_follow():
    """A in hours 0 to 3 and B in 2 and 3 need 13.2 kWh each: (6.6, 6.6, 0, 13.2) keeps every summed bound."""
    both = vehicles((0, 4, 13.2, 13.2), (2, 4, 13.2, 13.2))
    aggregate = np.array([6.6, 6.6, 0.0, 13.2])
    end = np.arange(1, 5)[:, None]
    there = np.clip(end, both.arrival, both.departure)
    low = np.clip(both.need - P * (both.departure - there), 0, both.need).sum(axis=1)
    high = np.minimum(both.limit, P * (there - both.arrival)).sum(axis=1)
    power = P * ((both.arrival < end) & (end <= both.departure)).sum(axis=1)
    total = np.cumsum(aggregate)
    assert (low <= total + 1e-9).all()
    assert (total <= high + 1e-9).all()
    assert (aggregate <= power).all()
    # hour by hour the exact capacity says no: in hour 2 vehicle B must draw
    now = both
    for hour in range(2):
        here = now.arrival <= hour
        drawn = np.zeros(2)
        drawn[here] = split(now.take(here), hour, [aggregate[hour]])[0]
        now = now.charged(drawn)
    assert must(now, 2).sum() == pytest.approx(P)
    assert aggregate[2] < must(now, 2).sum()


def test_any_aggregate_of_the_hour_splits_and_stays_feasible():
    rng = np.random.default_rng(0)
    for _ in range(40):
        # whole hours and parts of them
        arrival = rng.integers(0, 5, 12) + rng.choice([0.0, 0.3, 0.75], 12)
        departure = arrival + rng.integers(1, 6, 12) - rng.choice([0.0, 0.0, 0.6], 12)
        most = P * (departure - arrival)
        need = most * rng.uniform(0, 1, 12)
        limit = need + (most - need) * rng.uniform(0, 1, 12)
        now = vehicles(*zip(arrival, departure, need, limit, strict=True))
        for hour in range(10):
            here = np.flatnonzero(now.there(hour))
            some = now.take(here)
            low, high = must(some, hour), can(some, hour)
            assert (low <= high + 1e-9).all()
            total = rng.uniform(low.sum(), high.sum()) if rng.random() < 0.7 else low.sum()
            drawn = np.zeros(12)
            drawn[here] = split(some, hour, [total])[0]
            assert drawn.sum() == pytest.approx(total)
            assert (drawn[here] >= low - 1e-9).all()
            assert (drawn[here] <= high + 1e-9).all()
            now = now.charged(drawn)
        assert now.need.max() < 1e-9


def test_profile_of_charging_soon_is_what_charging_soon_does():
    now = vehicles((0, 4, 5, 20), (0.5, 2, 3, 13.2), (0, 6.25, 8, 30), (0, 3.5, 1, 40))
    planned = soon_profile(now, 0, (now.limit - can(now, 0))[None], 7)[0]
    now = now.charged(can(now, 0))
    for hour in range(1, 8):
        drawn = can(now, hour)
        assert planned[hour - 1] == pytest.approx(drawn.sum())
        now = now.charged(drawn)


def test_deferred_profiles_wait_and_then_charge_soon():
    start = vehicles((0, 4, 15, 20), (0.5, 2, 3, 13.2), (0, 6.25, 8, 30), (0, 3.5, 20, 40))
    rows = deferred_profiles(start, 0, 6)
    for begin in range(1, 7):
        now = start.charged(must(start, 0))
        for hour in range(1, 7):
            drawn = can(now, hour) if hour >= begin else must(now, hour)
            assert rows[begin - 1, hour - 1] == pytest.approx(drawn.sum())
            now = now.charged(drawn)
        assert now.need.max() < 1e-9
