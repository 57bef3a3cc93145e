"""Policies by linear programme: model predictive control, and perfect foresight as the floor that nothing beats.

The aggregate of a node that a programme plans for later hours need not be one that its vehicles can follow; the first
hour of the vehicles that are there is, and only that is carried out.

References
----------
See `adnflex.rolling.planning`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.errors import InputError, SolverError, TimeExpired
from adnflex.problems.clock import Deadline
from adnflex.problems.rolling.arrivals import Envelopes
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.planning import DayPlan, plan
from adnflex.problems.rolling.policies import Action, State, by_node
from adnflex.problems.rolling.sampling import expected_generation, generation_futures
from adnflex.problems.rolling.vehicles import Vehicles, can, must

# The floor is a bound, so that its ties are broken so gently that their cost is below 0.02 a MWh.
_GENTLE = 0.01
# Time limit of the programme of an hour [s].
_SECONDS = 60.0


# The arguments of `plan`, in their order.
Asked = tuple[RollingCase, int, FloatArray, Vehicles, FloatArray, Envelopes]


@dataclass(frozen=True)
class Mpc:
    """Plan the rest of the day anew every hour, and carry the first hour out.

    Attributes
    ----------
    case : RollingCase
        The case.
    scenarios : int
        Number of branches of sun and wind after this hour; 0: the mean future. Vehicles to come are mean envelopes.
    """

    case: RollingCase
    scenarios: int = 0

    @property
    def name(self) -> str:
        """As in `adnflex.schedule_rolling`."""
        return f"mpc:{self.scenarios or 'mean'}"

    def prepare(self) -> None:
        """Draw the library of sample days before the first hour."""
        _ = self.case.library

    def asked(self, state: State, rng: np.random.Generator) -> Asked:
        """Return what the programme of an hour is made of: the arguments of `plan`, in their order."""
        if self.scenarios:
            later = generation_futures(self.case, state, self.scenarios, rng).transpose(2, 0, 1)
        else:
            later = expected_generation(self.case, state, rng)[None]
        now = np.broadcast_to(state.generation, (len(later), 1, len(state.generation)))
        generation = np.concatenate([now, later], axis=1)
        return self.case, state.hour, state.energy, state.vehicles, generation, self.case.library.envelopes

    def decide(self, state: State, rng: np.random.Generator) -> Action:
        """Plan, and take the first hour."""
        planned = plan(*self.asked(state, rng), seconds=min(_SECONDS, state.seconds))
        return _first(self.case, state, planned.vehicles[0], planned.storage[0])


@dataclass
class PerfectForesight:
    """Plan the day once, knowing all of it.

    Attributes
    ----------
    case : RollingCase
        The case.
    """

    case: RollingCase
    name: str = "floor"
    _plan: DayPlan | None = field(default=None, repr=False)
    _everyone: Vehicles | None = field(default=None, repr=False)

    def foresee(self, generation: FloatArray, vehicles: Vehicles, seconds: float = math.inf) -> None:
        """Be told the day, (H, n) [MW] and all vehicles, and plan it within a time limit [s].

        Raises
        ------
        TimeExpired
            If the time was over before the plan was solved.
        SolverError
            If it was not solved for another reason.
        """
        clock, case = Deadline(seconds), self.case
        self._everyone = vehicles
        try:
            found = plan(case, 0, case.storages.start, vehicles, generation[None], ties=_GENTLE, seconds=seconds)
        except SolverError as error:
            if not clock.spent:
                raise
            raise TimeExpired(
                "the plan of the floor was not solved within the time limit, and what is no optimum is no floor; give "
                "more time_limit."
            ) from error
        self._plan = found

    def decide(self, state: State, rng: np.random.Generator) -> Action:
        """Return the hour's part of the plan."""
        if self._plan is None or self._everyone is None:
            raise InputError("policy floor: knows the future and cannot be put in charge; simulate a day with it.")
        hour, who = state.hour, self._everyone
        planned = {
            (int(load), int(number)): power
            for load, number, power in zip(who.load, who.number, self._plan.vehicles[hour], strict=True)
        }
        here = state.vehicles
        drawn = np.array([planned[int(a), int(b)] for a, b in zip(here.load, here.number, strict=True)])
        return _first(self.case, state, drawn, self._plan.storage[hour])


def _first(case: RollingCase, state: State, drawn: FloatArray, storage: FloatArray) -> Action:
    """Make an action of planned powers, rounding of the solver taken out."""
    vehicles = state.vehicles
    drawn = np.minimum(np.maximum(drawn, must(vehicles, state.hour)), can(vehicles, state.hour))
    power = case.storages.clip(state.energy, storage, state.hour)
    return Action(by_node(drawn, vehicles, len(case.buses)), power, drawn)
