r"""Scenarios of wind and sun: a forecast, and an error that remembers (ARMA).

.. math::

    e_t = \sum_{i=1}^p \phi_i e_{t-i} + \varepsilon_t + \sum_{j=1}^q \theta_j \varepsilon_{t-j}, \qquad
    \varepsilon_t \sim N(0, \sigma^2)

A scenario is :math:`x_t = f_t + e_t r / 100` with forecast :math:`f` and rating :math:`r`, cut off at its limits;
or :math:`x_t = f_t (1 + e_t / 100)`, which leaves the night dark. So :math:`\sigma` is in percent of the rating, or
of the forecast.

Signs: `ar` and `ma` are :math:`\phi` and :math:`\theta` of this equation, as papers print them. The polynomials of
statsmodels, :math:`1 - \phi_1 z - \dots` and :math:`1 + \theta_1 z + \dots`, have the opposite sign in the
AR part; `ArmaProcess.from_coeffs` does the change.

The process is stationary if all roots of the AR polynomial are outside the unit circle. It need not be invertible:
roots of the MA polynomial inside the circle matter for estimation, not for drawing; the same errors have an
invertible twin with another sigma.

References
----------
Box, Jenkins, Reinsel and Ljung, "Time Series Analysis", 5th ed., 2015, chapter 3. For wind power: Soeder,
"Simulation of wind speed forecast errors for operation planning of multiarea power systems", PMAPS 2004.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from adnflex.arrays import FloatArray
from adnflex.errors import InputError
from adnflex.scenarios._checks import at_least_one, not_negative

if TYPE_CHECKING:
    from statsmodels.tsa.arima_process import ArmaProcess

log = logging.getLogger(__name__)


# A root closer to the circle takes thousands of periods to settle, and rounding hides on which side it is.
_SMALLEST_ROOT = 1.001
# Share of the variance that may still be missing when the sample begins.
_UNSETTLED = 1e-6


@dataclass(frozen=True)
class Arma:
    """Coefficients of the process, signs as in the equation of this module.

    Parameters
    ----------
    ar, ma : sequence of float
        Of the earlier errors and of the earlier noise.
    allow_nonstationary : bool
        Run a process without stationary state all the same, from an error of zero, with a warning in the log.

    Examples
    --------
    >>> Arma(ar=(0.9,), ma=())
    Arma(ar=(0.9,), ma=(), allow_nonstationary=False)
    """

    ar: Sequence[float] = (0.8, 0.15, -0.15)
    ma: Sequence[float] = (0.8, 0.2)
    allow_nonstationary: bool = False

    def faults(self) -> list[str]:
        """Return a sentence for each of the two that is no sequence of numbers."""
        return [
            f"{name}={tuple(given)} has to be a sequence of finite numbers."
            for name, given in (("ar", self.ar), ("ma", self.ma))
            if not all(math.isfinite(c) for c in given)
        ]


_USUAL = Arma()


def arma_scenarios(
    rng: np.random.Generator,
    forecast: ArrayLike,
    process: Arma = _USUAL,
    *,
    rated: ArrayLike,
    sigma_percent: float,
    count: int = 1000,
    limits: tuple[float, ArrayLike] | None = None,
    proportional: bool = False,
) -> FloatArray:
    """Draw scenarios around a forecast.

    Parameters
    ----------
    rng : numpy.random.Generator
        The random generator.
    forecast : array_like, shape (T,) or (T, E)
        Forecast of one series, or of several whose errors are independent [MW or any unit]. Sites that see the
        same weather share one series: draw it once and scale it.
    process : Arma
        How an error remembers those before it.
    rated : array_like, shape () or (E,)
        Rating, of which `sigma_percent` is a percentage [as forecast].
    sigma_percent : float
        Standard deviation of the white noise, not of the error, which is larger [% of `rated`; with `proportional`,
        % of the forecast].
    count : int
        Number of scenarios S.
    limits : (float, array_like of shape () or (E,)), optional
        Lowest and highest value; by default 0 and `rated` [as forecast].
    proportional : bool
        Errors are relative to the forecast of the period, so that a forecast of 0 stays 0: the choice for sun.

    Returns
    -------
    ndarray, shape (S, T) or (S, T, E)
        Scenarios of equal probability. Errors of a stationary process are in their stationary state from the
        first period on.

    Raises
    ------
    InputError
        For arguments out of range, a forecast outside its limits, or a process that is not stationary.

    Examples
    --------
    >>> sun = [0.0, 0.6, 1.2, 0.6, 0.0]
    >>> drawn = arma_scenarios(
    ...     np.random.default_rng(0), sun, rated=1.5, sigma_percent=2.5, count=500, proportional=True
    ... )
    >>> drawn.shape, float(drawn[:, 0].max()), bool((drawn <= 1.5).all())
    ((500, 5), 0.0, True)

    Coefficients as one paper prints them have no stationary state:

    >>> arma_scenarios(np.random.default_rng(0), sun, Arma((0.8, 0.15, 0.15), ()), rated=1.5, sigma_percent=2.5)
    Traceback (most recent call last):
    ...
    adnflex.errors.InputError: ar=(0.8, 0.15, 0.15) is not stationary: ...
    """
    values, rating = np.asarray(forecast, dtype=float), np.asarray(rated, dtype=float)
    lower, top = (0.0, rating) if limits is None else (limits[0], np.asarray(limits[1], dtype=float))
    findings = at_least_one(count=count) + not_negative(sigma_percent=sigma_percent)
    findings += _forecast_findings(values, rating, lower, top) + process.faults()
    if findings:
        raise InputError(findings)
    from statsmodels.tsa.arima_process import ArmaProcess  # a quarter of a second that only a drawing of errors needs

    errors = ArmaProcess.from_coeffs(list(process.ar), list(process.ma))
    growth = _growth(errors, process.ar, len(values), sigma_percent)
    if growth and not process.allow_nonstationary:
        raise InputError(
            f"{growth} Check the signs, take smaller coefficients, or give the process allow_nonstationary=True to run "
            "it from an error of zero."
        )
    if growth:
        log.warning("%s Runs from an error of zero, as allow_nonstationary asks.", growth)
    error: FloatArray = errors.generate_sample(
        (count, *values.shape),
        scale=sigma_percent / 100,
        distrvs=rng.standard_normal,
        axis=1,
        burnin=0 if growth else _settling_periods(errors),
    )
    drawn: FloatArray = np.clip(values + error * (values if proportional else rating), lower, top)
    return drawn


def _forecast_findings(values: FloatArray, rating: FloatArray, lower: float, top: FloatArray) -> list[str]:
    if values.ndim not in (1, 2) or values.size == 0:
        return [f"forecast has shape {values.shape}; give (periods,) or (periods, elements), none of them empty."]
    findings = [
        f"{name} has shape {limit.shape}, and the forecast {values.shape}; give one number, or one a column."
        for name, limit in (("rated", rating), ("upper", top))
        if limit.shape not in ((), values.shape[1:])
    ]
    if not (np.isfinite(rating) & (rating > 0)).all():
        findings.append(f"rated is {rating.tolist()}; give finite numbers above 0.")
    if findings:
        return findings
    wrong = ~(np.isfinite(values) & (values >= lower) & (values <= top))
    if wrong.any():
        place = np.unravel_index(int(wrong.argmax()), values.shape)
        column = f", column {place[1]}" if values.ndim == 2 else ""
        limit = float(np.broadcast_to(top, values.shape)[place])
        findings.append(
            f"forecast, period {place[0]}{column}: {values[place]:g} is not within [{lower:g}, {limit:g}] "
            f"({int(wrong.sum())} such values); correct the forecast or the limits."
        )
    return findings


def _growth(process: ArmaProcess, ar: Sequence[float], periods: int, sigma_percent: float) -> str | None:
    """Say why a process is not stationary; None if it is."""
    roots = np.abs(process.arroots)
    if roots.size == 0 or roots.min() > _SMALLEST_ROOT:
        return None
    deviation = sigma_percent * float(np.sqrt((process.arma2ma(lags=periods) ** 2).sum()))
    return (
        f"ar={tuple(ar)} is not stationary: the smallest root of its polynomial has modulus {roots.min():.3f} (it has "
        f"to exceed {_SMALLEST_ROOT}) and the coefficients sum to {sum(ar):.2f}. The variance of the error grows "
        f"without limit; after {periods} periods its standard deviation is {deviation:.1f} %."
    )


def _settling_periods(process: ArmaProcess) -> int:
    """Periods to be thrown away until the errors do not remember that they began at zero."""
    roots = np.abs(process.arroots)
    order = len(process.arcoefs) + len(process.macoefs)
    if roots.size == 0:
        return order
    return order + math.ceil(math.log(_UNSETTLED) / (-2 * math.log(float(roots.min()))))
