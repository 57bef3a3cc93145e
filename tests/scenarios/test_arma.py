"""Errors with the variance of the process, within limits, dark nights, and no process without a stationary state."""

from __future__ import annotations

import logging

import numpy as np
import pytest
from statsmodels.tsa.arima_process import ArmaProcess

from adnflex.errors import InputError
from adnflex.scenarios import Arma, arma_scenarios

SUN = 1.5 * np.array([0, 0, 0.02, 0.24, 0.6, 0.83, 0.86, 0.72, 0.4, 0.08, 0, 0])
FREE = {"rated": 1.0, "limits": (-np.inf, np.inf)}


def errors(ar, ma, *, sigma_percent=100.0, count=40_000, periods=6, seed=1, allow_nonstationary=False, **options):
    return arma_scenarios(
        np.random.default_rng(seed),
        np.zeros(periods),
        Arma(ar, ma, allow_nonstationary),
        sigma_percent=sigma_percent,
        count=count,
        **{**FREE, **options},
    )


@pytest.mark.parametrize(
    ("ar", "ma"),
    [((0.8, 0.15, -0.15), (0.8, 0.2)), ((0.95,), ()), ((), (0.5,)), ((-0.6,), (0.3, 0.2, 0.1)), ((), ())],
)
def test_stationary_from_the_first_period(ar, ma):
    drawn = errors(ar, ma)
    theory = ArmaProcess.from_coeffs(list(ar), list(ma)).acovf(6)
    covariance = drawn.T @ drawn / len(drawn)
    expected = theory[np.abs(np.subtract.outer(range(6), range(6)))]
    assert covariance == pytest.approx(expected, abs=0.035 * theory[0])


def test_signs_are_those_of_the_equation():
    # A process without stationary state starts from zero, so that its recursion can be repeated by hand.
    ar, ma = (0.8, 0.5, -0.1), (0.4, -0.2)
    path = errors(ar, ma, count=1, periods=8, allow_nonstationary=True)[0]
    noise = np.random.default_rng(1).standard_normal(8)
    expected: list[float] = []
    for t in range(8):
        past = sum(c * expected[t - i] for i, c in enumerate(ar, 1) if t >= i)
        shocks = sum(c * noise[t - j] for j, c in enumerate(ma, 1) if t >= j)
        expected.append(past + noise[t] + shocks)
    assert path == pytest.approx(expected)


def test_noise_is_in_percent_of_the_rating():
    drawn = errors((), (), sigma_percent=2.5, rated=4.0)
    assert drawn.std() == pytest.approx(0.1, rel=0.02)


def test_proportional_errors_are_in_percent_of_the_forecast_and_leave_the_night_dark():
    rng = np.random.default_rng(5)
    drawn = arma_scenarios(rng, SUN, Arma((), ()), rated=1.5, sigma_percent=2.5, count=20_000, proportional=True)
    assert (drawn[:, SUN == 0] == 0).all()
    day = SUN > 0
    assert drawn[:, day].std(axis=0) / SUN[day] == pytest.approx(0.025, rel=0.05)


def test_clipped_to_the_limits():
    rng = np.random.default_rng(5)
    drawn = arma_scenarios(rng, SUN, rated=1.5, sigma_percent=20.0, count=500)
    assert drawn.shape == (500, 12)
    assert (drawn.min(), drawn.max()) == (0.0, 1.5)
    drawn = arma_scenarios(rng, SUN[3:9], rated=1.5, sigma_percent=20.0, count=500, limits=(0.1, 1.3))
    assert (drawn.min(), drawn.max()) == (0.1, 1.3)


def test_no_noise_gives_the_forecast():
    assert (arma_scenarios(np.random.default_rng(0), SUN, rated=1.5, sigma_percent=0.0, count=2) == SUN).all()


def test_columns_have_ratings_of_their_own_and_independent_errors():
    forecast = np.full((4, 2), 5.0)
    drawn = arma_scenarios(
        np.random.default_rng(2), forecast, Arma((), ()), rated=[10.0, 20.0], sigma_percent=1.0, count=20_000
    )
    assert drawn.shape == (20_000, 4, 2)
    assert drawn.std(axis=(0, 1)) == pytest.approx([0.1, 0.2], rel=0.03)
    assert abs(np.corrcoef(drawn[:, 0, 0], drawn[:, 0, 1])[0, 1]) < 0.03


def test_the_generator_fixes_everything():
    assert (errors((0.5,), (), count=3) == errors((0.5,), (), count=3)).all()
    assert (errors((0.5,), (), count=3) != errors((0.5,), (), count=3, seed=2)).all()


class TestWithoutStationaryState:
    def test_refused_with_the_reason(self):
        with pytest.raises(InputError) as caught:
            errors((0.8, 0.15, 0.15), (0.8, 0.2), periods=24)
        text = str(caught.value)
        for part in ("ar=(0.8, 0.15, 0.15)", "modulus 0.934", "sum to 1.10", "variance", "allow_nonstationary=True"):
            assert part in text

    def test_a_sum_below_one_is_not_enough(self):
        with pytest.raises(InputError, match=r"modulus 0\.9.* sum to -1\.05"):
            errors((-1.05,), ())

    @pytest.mark.parametrize("ar", [(1.0,), (0.5, 0.5), (0.9995,)])
    def test_a_unit_root_is_refused_on_either_side_of_rounding(self, ar):
        with pytest.raises(InputError, match="is not stationary"):
            errors(ar, ())

    def test_runs_from_zero_with_a_warning(self, caplog):
        with caplog.at_level(logging.WARNING, logger="adnflex.scenarios.arma"):
            drawn = errors((1.0,), (), sigma_percent=10.0, allow_nonstationary=True)
        assert drawn.std(axis=0) == pytest.approx(0.1 * np.sqrt(np.arange(1, 7)), rel=0.03)
        (record,) = caplog.records
        assert "after 6 periods its standard deviation is 24.5 %" in record.getMessage()

    def test_a_stationary_process_ignores_the_permission(self, caplog):
        assert (errors((0.5,), (), count=3) == errors((0.5,), (), count=3, allow_nonstationary=True)).all()
        assert not caplog.records


def test_moving_average_need_not_be_invertible():
    assert not ArmaProcess.from_coeffs([], [2.0]).isinvertible
    twin = errors((), (0.5,), sigma_percent=200.0, seed=3)
    drawn = errors((), (2.0,))
    assert drawn.T @ drawn / len(drawn) == pytest.approx(twin.T @ twin / len(twin), abs=0.15)


class TestFaults:
    def test_all_at_once(self):
        with pytest.raises(InputError) as caught:
            arma_scenarios(
                np.random.default_rng(0), [0.5, 2.0], Arma((np.nan,), (np.inf,)), rated=1.0, sigma_percent=-1.0, count=0
            )
        assert len(caught.value.findings) == 5
        text = str(caught.value)
        for part in (
            "count is 0",
            "sigma_percent is -1.0",
            "period 1: 2 is not within [0, 1]",
            "ar=(nan,)",
            "ma=(inf,)",
        ):
            assert part in text

    @pytest.mark.parametrize(
        ("forecast", "rated", "message"),
        [
            (np.zeros((2, 2, 2)), 1.0, "forecast has shape"),
            ([], 1.0, "forecast has shape"),
            ([0.1, 0.2], [1.0, 1.0], "rated has shape"),
            ([0.1, 0.2], 0.0, "rated is 0.0"),
            ([[0.1, 0.2], [0.1, np.nan]], 1.0, "period 1, column 1: nan"),
        ],
    )
    def test_forecast_and_rating(self, forecast, rated, message):
        with pytest.raises(InputError, match=message):
            arma_scenarios(np.random.default_rng(0), forecast, rated=rated, sigma_percent=1.0)
