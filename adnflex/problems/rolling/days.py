"""Days to simulate: what really comes, the same for every policy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.errors import InputError
from adnflex.problems.rolling.arrivals import vehicles_of
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.renewables import drawn_day
from adnflex.problems.rolling.vehicles import Vehicles

# What random numbers are for; each purpose has streams of its own.
_DAY, _POLICY, _REACTIVE = 0, 1, 2


@dataclass(frozen=True, eq=False)
class Day:
    """A realised day.

    Attributes
    ----------
    number : int
        Number of the day in its run.
    generation_mw : (H, G) array
        Sun and wind of each generator [MW].
    weather : list of length H
        State of the source of futures at each hour.
    vehicles : Vehicles
        All vehicles of the day.
    """

    number: int
    generation_mw: FloatArray
    weather: list[Any]
    vehicles: Vehicles


def draw_day(case: RollingCase, seed: int, number: int = 0) -> Day:
    """Draw a day.

    Parameters
    ----------
    case : RollingCase
        The case.
    seed : int
        Seed of the run.
    number : int
        Which of its days; a day does not depend on which others are drawn.

    Examples
    --------
    >>> case = RollingCase.load("rolling33")
    >>> one, again = draw_day(case, 1, 5), draw_day(case, 1, 5)
    >>> len(one.vehicles), bool((one.generation_mw == again.generation_mw).all())
    (299, True)
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InputError(f"seed is {seed!r}; give an integer of 0 or more.")
    rng = np.random.default_rng([int(seed), number, _DAY])
    generation, weather = drawn_day(case.renewables, rng, case.hours, case.generators.index)
    vehicles = vehicles_of(case.arrivals.sample(rng), case.fleets, case.hours)
    return Day(number, generation, weather, vehicles)


def stream(seed: int, day: int, hour: int, reactive: bool = False) -> np.random.Generator:
    """Random generator of an hour: the same for every policy, and anew each time, so that it needs no saving."""
    return np.random.default_rng([int(seed), day, _REACTIVE if reactive else _POLICY, hour])
