r"""Sun and wind of a day: what they may still bring, given what is known now.

The process of the study: latent states :math:`x`, one common to all sun and one for each generator, follow

.. math::

    x_0 \sim N(0, I), \qquad x_{t+1} = \rho \circ x_t + \sqrt{1 - \rho^2} \circ \varepsilon_t, \quad
    \varepsilon_t \sim N(0, I),

and with :math:`z_i = \sqrt{c}\, x_0 + \sqrt{1 - c}\, x_i` a generator of rating :math:`P_i` gives

.. math::

    \text{sun: } P_i \min\{1,\; b_t\, \mathrm{clip}(m (1 + \sigma z_i), 0, 1.3)\}, \qquad
    \text{wind: } P_i\, \mathrm{clip}(\mu + \sigma_w x_i, 0, 1)

with the clear profile :math:`b_t = \sin^{1.3}` between sunrise and sunset, scaled to a number of full-load hours.

References
----------
Xu et al., doi:10.3390/wevj16090515, section 2.1 (wind and sun as Markov processes; the law is not printed and chosen
here so that their energies of a day come out).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.errors import InputError


def sun_shape(
    hours: int, rise: float = 6.0, fall: float = 19.0, exponent: float = 1.3, equivalent: float = 5.8
) -> FloatArray:
    """Clear profile of the sun, one value an hour.

    Parameters
    ----------
    hours : int
        Number H of hours from midnight.
    rise, fall : float
        Sunrise and sunset [h].
    exponent : float
        Of the sine between them.
    equivalent : float
        Sum of the profile, hours at the rating [h].

    Returns
    -------
    ndarray, shape (H,)
        Share of the rating; each value is that of the middle of the hour.

    Examples
    --------
    >>> shape = sun_shape(24)
    >>> round(float(shape.sum()), 9), float(shape[5]), round(float(shape[12]), 3)
    (5.8, 0.0, 0.762)
    """
    middle = np.arange(hours) + 0.5
    phase = np.clip((middle - rise) / (fall - rise), 0.0, 1.0)
    raw = np.maximum(np.sin(np.pi * phase), 0.0) ** exponent
    raw[(middle <= rise) | (middle >= fall)] = 0.0
    result: FloatArray = raw * equivalent / raw.sum()
    return result


@dataclass(frozen=True, eq=False)
class LatentWeather:
    """Sun and wind of the study, with one weather for all sun.

    Attributes
    ----------
    rated_mw : (G,) array
        Ratings [MW].
    sun : (G,) bool array
        Which of them are sun; the others are wind.
    shape : (H,) array
        Clear profile, share of the rating.
    mean, sd, rho : float
        Of the factor on the clear profile: mean, relative standard deviation, correlation from hour to hour.
    common : float
        Share of the variance that all sun has in common.
    most : float
        Largest factor on the clear profile.
    wind_mean, wind_sd, wind_rho : float
        Of the wind, as share of the rating.

    Examples
    --------
    >>> weather = LatentWeather(np.array([0.2, 0.1]), np.array([True, False]), sun_shape(24))
    >>> generation, states = weather.day(np.random.default_rng(0))
    >>> generation.shape, states[3].shape, weather.sample(states[3], 3, 30, np.random.default_rng(1)).shape
    ((24, 2), (3,), (30, 20, 2))
    """

    rated_mw: FloatArray
    sun: BoolArray
    shape: FloatArray
    mean: float = 1.0
    sd: float = 0.1
    rho: float = 0.8
    common: float = 0.8
    most: float = 1.3
    wind_mean: float = 0.268
    wind_sd: float = 0.15
    wind_rho: float = 0.9

    def __post_init__(self) -> None:
        rho = np.concatenate([[self.rho], np.where(self.sun, self.rho, self.wind_rho)])
        object.__setattr__(self, "_rho", rho)
        object.__setattr__(self, "_noise", np.sqrt(1.0 - rho**2))

    def sample(self, state: Any, hour: int, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw n futures from the latent state (1 + G,); see `adnflex.rolling.Renewables`."""
        hours = len(self.shape) - hour - 1
        rho, noise = self._rho, self._noise  # type: ignore[attr-defined]
        path = rng.standard_normal((hours, n, len(rho)))
        if state is None:
            path[:1] /= noise  # the first state has the stationary variance
        else:
            path[:1] += np.asarray(state, dtype=float) * (rho / noise)
        path *= noise
        for t in range(1, hours):
            path[t] += rho * path[t - 1]
        return self._power(path, np.arange(hour + 1, hour + 1 + hours)).transpose(1, 0, 2)

    def _power(self, x: FloatArray, hours: IntArray) -> FloatArray:
        """Compute the generation (T, n, G) [MW] of latent states (T, n, 1 + G)."""
        z = np.sqrt(self.common) * x[:, :, :1] + np.sqrt(1.0 - self.common) * x[:, :, 1:]
        clear = self.shape[hours][:, None, None]
        factor = np.minimum(np.maximum(self.mean * (1.0 + self.sd * z), 0.0), self.most)
        wind = np.minimum(np.maximum(self.wind_mean + self.wind_sd * x[:, :, 1:], 0.0), 1.0)
        result: FloatArray = self.rated_mw * np.where(self.sun, np.minimum(clear * factor, 1.0), wind)
        return result

    def day(self, rng: np.random.Generator) -> tuple[FloatArray, list[FloatArray]]:
        """Draw a day, generation (H, G) [MW] and latent states (1 + G,)."""
        hours = len(self.shape)
        rho, noise = self._rho, self._noise  # type: ignore[attr-defined]
        path = rng.standard_normal((hours, 1, len(rho)))
        for t in range(1, hours):
            path[t] = rho * path[t - 1] + noise * path[t]
        return self._power(path, np.arange(hours))[:, 0], list(path[:, 0])

    def observe(self, state: Any, hour: int, generation_mw: ArrayLike) -> FloatArray:
        """Latent state from measurements: read where the generation shows it, else what the last hour lets expect.

        One measurement of the sun cannot tell the common state from a generator's own, so that the deviation of all
        from the expected one is shared as their variances are.
        """
        g = np.asarray(generation_mw, dtype=float) / self.rated_mw
        rho = self._rho  # type: ignore[attr-defined]
        x: FloatArray = np.zeros(len(rho)) if state is None else rho * np.asarray(state, dtype=float)
        inside = (g > 1e-9) & (g < 1.0 - 1e-9)
        wind = ~self.sun & inside
        if self.wind_sd > 0:
            x[1:][wind] = (g[wind] - self.wind_mean) / self.wind_sd
        clear = self.shape[hour]
        lit = self.sun & inside & (g < clear * self.most * (1.0 - 1e-9)) if clear > 0 else np.zeros_like(self.sun)
        if lit.any() and self.mean * self.sd > 0:
            z = (g[lit] / (clear * self.mean) - 1.0) / self.sd
            a, b = np.sqrt(self.common), np.sqrt(1.0 - self.common)
            off = z - a * x[0] - b * x[1:][lit]
            # Least squares of x ~ N(expected, I) under z = a x_0 + b x_i.
            change = a * off.sum() / (lit.sum() * a**2 + b**2)
            x[0] += change
            if b > 0:
                x[1:][lit] = (z - a * x[0]) / b
        return x


@dataclass(frozen=True, eq=False)
class Forecast:
    r"""A forecast, and a relative error that remembers: :math:`f_t (1 + \sigma x_t)`, cut off at the ratings.

    Attributes
    ----------
    mean_mw : (H, G) array
        Forecast [MW].
    sd : float
        Standard deviation of the error, relative to the forecast.
    rho : float
        Correlation of the error from hour to hour.
    rated_mw : (G,) array or None
        Ratings [MW]; None: no upper limit.

    Examples
    --------
    >>> sun = Forecast(np.array([[0.0], [0.1], [0.2], [0.1]]), sd=0.2)
    >>> sun.sample(None, 1, 1000, np.random.default_rng(0)).mean(axis=0).round(2)
    array([[0.2],
           [0.1]])
    """

    mean_mw: FloatArray
    sd: float = 0.1
    rho: float = 0.8
    rated_mw: FloatArray | None = None

    def __post_init__(self) -> None:
        mean = np.asarray(self.mean_mw, dtype=float)
        findings = []
        if mean.ndim != 2 or not (np.isfinite(mean) & (mean >= 0)).all():
            findings.append(
                f"mean_mw has shape {mean.shape}, or a number in it is negative or not finite; give one row an hour "
                "and one column a generator, in MW."
            )
        if not (np.isfinite(self.sd) and self.sd >= 0):
            findings.append(f"sd is {self.sd}; give 0 or more, 0.1 for 10 % of the forecast.")
        if not 0 <= self.rho < 1:
            findings.append(f"rho is {self.rho}; give a number from 0 to below 1.")
        if findings:
            raise InputError([f"Forecast: {finding}" for finding in findings])
        object.__setattr__(self, "mean_mw", mean)

    def sample(self, state: Any, hour: int, n: int, rng: np.random.Generator) -> FloatArray:
        """Draw n futures; the state is the error of this hour (G,), None: unknown."""
        hours, count = self.mean_mw.shape[0] - hour - 1, self.mean_mw.shape[1]
        x = rng.standard_normal((n, count)) if state is None else np.broadcast_to(np.asarray(state, float), (n, count))
        noise = np.sqrt(1.0 - self.rho**2)
        result = np.empty((n, hours, count))
        for k in range(hours):
            x = self.rho * x + noise * rng.standard_normal((n, count))
            result[:, k] = self.mean_mw[hour + 1 + k] * (1.0 + self.sd * x)
        return np.clip(result, 0.0, self.rated_mw)

    def observe(self, state: Any, hour: int, generation_mw: ArrayLike) -> FloatArray:
        """Error of the hour, where there is a forecast to compare with; elsewhere what the last hour lets expect."""
        mean = self.mean_mw[hour]
        x: FloatArray = np.zeros(len(mean)) if state is None else self.rho * np.asarray(state, dtype=float)
        seen = (mean > 0) & (self.sd > 0)
        if seen.any():
            x[seen] = (np.asarray(generation_mw, dtype=float)[seen] / mean[seen] - 1.0) / self.sd
        return x
