"""Futures of an hour: sun, wind and the load of vehicles that are still to come."""

from __future__ import annotations

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.policies import State
from adnflex.problems.rolling.renewables import checked_sample

# Samples behind an expectation.
MEAN_OF = 100


def generation_futures(case: RollingCase, state: State, count: int, rng: np.random.Generator) -> FloatArray:
    """Draw sun and wind of the later hours (T, n, M) [MW]."""
    index = case.generators.index
    drawn = checked_sample(case.renewables, state.weather, state.hour, count, rng, case.hours, index)
    return np.ascontiguousarray((drawn @ case.to_nodes).transpose(1, 2, 0))


def expected_generation(case: RollingCase, state: State, rng: np.random.Generator) -> FloatArray:
    """Conditional mean of sun and wind (T, n) [MW], out of `MEAN_OF` samples."""
    mean: FloatArray = generation_futures(case, state, MEAN_OF, rng).mean(axis=2)
    return mean


def futures(case: RollingCase, state: State, count: int, rng: np.random.Generator) -> FloatArray:
    """Draw generation less the vehicles that are still to come, if they charge as soon as possible.

    Sun and wind follow their law from the present state; the vehicles are those of a sample day that arrive later.

    Returns
    -------
    ndarray, shape (T, n, M)
        Of the hours after this one [MW].
    """
    generation = generation_futures(case, state, count, rng)
    days = rng.integers(case.library.days, size=count)
    later = case.library.later[state.hour][days, state.hour + 1 :]
    result: FloatArray = generation - later.transpose(1, 2, 0)
    return result


def mean_future(case: RollingCase, state: State, rng: np.random.Generator) -> FloatArray:
    """Return the one future that is expected, (T, n, 1) [MW]: the certainty-equivalent case."""
    mean = expected_generation(case, state, rng) - case.library.mean_later[state.hour, state.hour + 1 :]
    return mean[:, :, None]
