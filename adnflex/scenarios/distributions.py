"""Distributions that the laws of a fleet take: anything that draws numbers, and two that are often needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike

from adnflex.arrays import FloatArray
from adnflex.errors import InputError
from adnflex.scenarios._checks import not_negative, positive

DAY = 24.0


class Distribution(Protocol):
    """Anything that draws `n` numbers with a random generator."""

    def sample(self, rng: np.random.Generator, n: int, /) -> ArrayLike:
        """Draw `n` numbers."""


@dataclass(frozen=True)
class LogNormal:
    """Log-normal distribution.

    Parameters
    ----------
    mu, sigma : float
        Mean and standard deviation of the natural logarithm.

    Examples
    --------
    >>> LogNormal(3.2, 0.0).sample(np.random.default_rng(0), 2).round(2)
    array([24.53, 24.53])
    """

    mu: float
    sigma: float

    def __post_init__(self) -> None:
        findings = not_negative(sigma=self.sigma)
        if not np.isfinite(self.mu):
            findings.append(f"mu is {self.mu}; give a finite number.")
        if findings:
            raise InputError([f"LogNormal: {finding}" for finding in findings])

    def sample(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw `n` numbers, all above 0."""
        return rng.lognormal(self.mu, self.sigma, n)


@dataclass(frozen=True)
class WrappedNormal:
    """Normal distribution on a circle, by default the clock.

    Parameters
    ----------
    mean, sd : float
        Mean and standard deviation before wrapping [h].
    period : float
        Length of the circle [h].

    Notes
    -----
    The two-piece density often printed for the start of charging cuts the tails at 12 h from the mean. Wrapping keeps
    them; for a standard deviation of 3.4 h they hold 0.04 % of the vehicles.

    Examples
    --------
    >>> WrappedNormal(25.0, 0.0).sample(np.random.default_rng(0), 2)
    array([1., 1.])
    """

    mean: float
    sd: float
    period: float = DAY

    def __post_init__(self) -> None:
        findings = not_negative(sd=self.sd) + positive(period=self.period)
        if not np.isfinite(self.mean):
            findings.append(f"mean is {self.mean}; give a finite number.")
        if findings:
            raise InputError([f"WrappedNormal: {finding}" for finding in findings])

    def sample(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw `n` numbers in [0, period)."""
        return wrap(rng.normal(self.mean, self.sd, n), self.period)


def wrap(hours: FloatArray, period: float = DAY) -> FloatArray:
    """Put hours on a circle, [0, period)."""
    wrapped = np.mod(hours, period)
    # -1e-17 modulo 24 is 24.0 in floating point
    return np.where(wrapped >= period, 0.0, wrapped)
