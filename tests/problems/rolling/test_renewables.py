"""Sources of futures, and what is said about bad ones."""

from __future__ import annotations

import numpy as np
import pytest

from adnflex.errors import InputError
from adnflex.problems.rolling.renewables import checked_sample, drawn_day, known_state
from adnflex.scenarios import Forecast, LatentWeather, sun_shape
from tests.problems.rolling.small import Steady

INDEX = np.array([3, 5])


def weather(**options):
    return LatentWeather(np.array([0.2, 0.1]), np.array([True, False]), sun_shape(24), **options)


def test_energies_of_a_day_are_those_of_the_study(case):
    days = np.array([case.renewables.day(np.random.default_rng(k))[0].sum(axis=0) for k in range(300)])
    mean, sun = days.mean(axis=0), case.generators.sun
    assert mean[sun].sum() == pytest.approx(4.64, rel=0.02)
    assert mean[~sun].sum() == pytest.approx(1.287, rel=0.05)


def test_futures_go_on_from_the_state():
    source, rng = weather(), np.random.default_rng(0)
    high = source.sample(np.array([0.0, 0.0, 2.0]), 10, 2000, rng)[:, :, 1].mean(axis=0)
    mean = 0.1 * (0.268 + 0.15 * 2 * 0.9 ** np.arange(1, 14))
    assert high == pytest.approx(mean, rel=0.05)
    start = source.sample(None, -1, 4000, rng)[:, :, 1]
    assert start[:, 0].std() == pytest.approx(start[:, 12].std(), rel=0.1)


def test_state_from_measurements_explains_them():
    source = weather()
    generation, states = source.day(np.random.default_rng(4))
    state = None
    for hour in range(24):
        state = source.observe(state, hour, generation[hour])
        assert source._power(state[None, None], np.array([hour]))[0, 0, 1] == pytest.approx(generation[hour, 1])
        if source.shape[hour] > 0:
            assert source._power(state[None, None], np.array([hour]))[0, 0, 0] == pytest.approx(generation[hour, 0])
    assert state[2] == pytest.approx(states[-1][2])


def test_forecast_error_remembers():
    source = Forecast(np.full((5, 1), 0.1), sd=0.2, rho=0.9)
    state = known_state(source, None, 0, np.array([0.14]))
    assert state == pytest.approx([2.0])
    drawn = source.sample(state, 0, 4000, np.random.default_rng(0)).mean(axis=0)[:, 0]
    assert drawn == pytest.approx(0.1 * (1 + 0.2 * 2 * 0.9 ** np.arange(1, 5)), rel=0.02)


def test_a_source_with_sample_only_is_enough():
    source, rng = Steady(6, 2), np.random.default_rng(0)
    generation, states = drawn_day(source, rng, 6, INDEX)
    assert generation.shape == (6, 2)
    assert states[3].shape == (4, 2)
    assert checked_sample(source, states[3], 3, 7, rng, 6, INDEX).shape == (7, 2, 2)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (lambda n, t: np.zeros((t, n, 2)), ["shape (3, 4, 2)", "(4, 3, 2)"]),
        (lambda n, t: np.full((n, t, 2), np.nan), ["nan MW", "sgen 3", "hour 3"]),
        (lambda n, t: np.full((n, t, 2), -1.0), ["-1 MW", "sgen 3"]),
    ],
)
def test_bad_generators_are_named(answer, words):
    class Bad:
        def sample(self, state, hour, n, rng):
            return answer(n, 6 - hour - 1)

    with pytest.raises(InputError) as error:
        checked_sample(Bad(), None, 2, 4, np.random.default_rng(0), 6, INDEX)
    assert all(word in str(error.value) for word in ["Bad.sample at hour 2", *words])
