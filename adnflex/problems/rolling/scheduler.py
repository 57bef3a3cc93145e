"""A schedule hour by hour: observe, decide, go on; stop at any time and start again where it was."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from adnflex.arguments import public
from adnflex.arrays import FloatArray
from adnflex.errors import InputError, SolverError
from adnflex.problems.clock import Deadline
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.days import Day, stream
from adnflex.problems.rolling.decisions import Decision
from adnflex.problems.rolling.followed import drawn_by, require_answered, require_followed
from adnflex.problems.rolling.observations import Observation, arriving_of, energy_of, generation_of, present_of
from adnflex.problems.rolling.policies import Action, BasePolicy, Policy, State, by_node
from adnflex.problems.rolling.policy_names import OPTIONS, base_name, policy_of
from adnflex.problems.rolling.reactive_stage import ActiveDecision, ReactiveStage
from adnflex.problems.rolling.renewables import known_state
from adnflex.problems.rolling.saving import read_state, write_state
from adnflex.problems.rolling.settlement import settle
from adnflex.problems.rolling.vehicles import can, concatenate, empty, must
from adnflex.problems.rolling.written import active_values, reactive_values

log = logging.getLogger(__name__)


class RollingScheduler:
    """A policy in charge of a case, one hour at a time.

    Parameters
    ----------
    case : RollingCase
        The case.
    policy : str or Policy
        A name as for `adnflex.schedule_rolling`, or an object with ``name`` and ``decide(state, rng)``.
    simulations : int
        Futures that a rollout looks at.
    seed : int
        Of the random generator that policies look ahead with.
    day : int
        Number of the day.
    reactive : callable, optional
        Second stage, called after every decision.
    **options
        Further options of a rollout: ``future``, ``common``, ``sweeps``.

    Examples
    --------
    >>> case = RollingCase.load("rolling33")
    >>> control = RollingScheduler(case, "pool")
    >>> decision = control.step(Observation([0, 0, 0.05, 0, 0, 0.02]))
    >>> decision.hour, decision.storage_mw.round(4).tolist(), control.hour
    (0, [0.0233, 0.0233, 0.0233], 1)
    """

    @public(options=lambda: OPTIONS)
    def __init__(
        self,
        case: RollingCase,
        policy: str | Policy = "rollout",
        *,
        simulations: int = 30,
        seed: int = 1,
        day: int = 0,
        reactive: ReactiveStage | None = None,
        **options: Any,
    ) -> None:
        self.case = case
        self.settings: dict[str, Any] = {"simulations": simulations, "seed": int(seed), **options}
        self.policy = policy_of(policy, case, simulations=simulations, **options) if isinstance(policy, str) else policy
        if hasattr(self.policy, "prepare"):
            self.policy.prepare()
        self.seed, self.day, self.reactive = int(seed), day, reactive
        #: Time limit of the hours that are decided; there is none by default.
        self.clock = Deadline(math.inf)
        self.hour = 0
        self.energy = case.storages.start.copy()
        self.vehicles = empty()
        self.weather: Any = None
        self.history: list[Decision] = []

    def step(self, observation: Observation) -> Decision:
        """Decide an hour.

        Nothing changes unless the whole step succeeds: after an error or an interrupt the same hour can be decided
        again. Where a solver gives the policy no answer, its base policy decides the hour, and `Decision.fallback` says
        why.

        Parameters
        ----------
        observation : Observation
            What is measured at its start.

        Returns
        -------
        Decision
            What to do; `history` keeps it.

        Raises
        ------
        InputError
            If the observation is wrong, or the day is over; one sentence a fault.
        """
        state, generation, arrived, unmet = self.observed(observation)
        started = time.perf_counter()
        action, why = self._decided(state)
        seconds = time.perf_counter() - started
        decision = replace(self._carried_out(state, action, generation, arrived, unmet, seconds), fallback=why)
        # Everything has succeeded; only now does the schedule move on.
        self.history.append(decision)
        self.energy, self.weather, self.hour = decision.after_mwh, state.weather, state.hour + 1
        rest = state.vehicles.charged(decision.vehicle_mw)
        self.vehicles = rest.take(rest.departure > self.hour)
        return decision

    def observed(self, observation: Observation) -> tuple[State, FloatArray, int, float]:
        """Return what is known when the hour is decided: the state, generation [MW], arrivals, unmet needs [MWh].

        Raises
        ------
        InputError
            If the observation is wrong, or the day is over; one sentence a fault.
        """
        case, hour = self.case, self.hour
        if hour >= case.hours:
            raise InputError(f"hour {hour}: the day has {case.hours} hours and is over; call next_day() to go on.")
        if observation.hour is not None and observation.hour != hour:
            raise InputError(
                f"hour {observation.hour} is observed and hour {hour} is to be decided; give the observations in their "
                "order, each once."
            )
        findings: list[str] = []
        generation = generation_of(case, observation.generation_mw, findings)
        energy = energy_of(case, observation.storage_mwh, self.energy, findings)
        last = self.history[-1] if self.history else None
        present, unmet = present_of(self.vehicles, last, hour, observation, findings)
        arriving = arriving_of(case, hour, observation.arrivals, present, findings)
        if findings:
            raise InputError([f"hour {hour}: {finding}" for finding in findings])
        vehicles = concatenate(present, arriving)
        weather = observation.weather
        if weather is None:
            weather = known_state(case.renewables, self.weather, hour, generation)
        state = State(hour, energy, vehicles, generation @ case.to_nodes, weather, self.clock.left)
        return state, generation, len(arriving), unmet

    def setpoints(self, decision: Decision) -> pd.Series:
        """Everything that an hour's decision writes into the net, in the units of its tables.

        Returns
        -------
        pandas.Series
            Index ``(table, column, index)``, as a row of `RollingRun.setpoints` has it: active power of loads, storages
            and sgens [MW], and of a second stage reactive power [Mvar], tap positions, the voltage of a grid connection
            [pu], steps of banks.
        """
        case, reactive = self.case, decision.reactive
        drawn = dict.fromkeys(sorted(case.fleets), 0.0)
        for load, power in zip(decision.vehicles.load.tolist(), decision.vehicle_mw.tolist(), strict=True):
            drawn[load] += power
        stored = dict(zip(case.storages.index.tolist(), decision.storage_mw.tolist(), strict=True))
        measured = dict(zip(case.generators.index.tolist(), decision.generation_mw.tolist(), strict=True))
        values = active_values(case.net, drawn, stored, measured)
        if reactive is not None:
            values |= reactive_values(case.found, reactive.q_mvar, reactive.facts)
        index = pd.MultiIndex.from_tuples(list(values), names=["table", "column", "index"])
        return pd.Series(list(values.values()), index=index, name="value")

    def next_day(self) -> None:
        """Begin the next day with the energy that the storages have; vehicles do not stay overnight."""
        if self.hour < self.case.hours:
            raise InputError(f"hour {self.hour}: the day is not over; step through hour {self.case.hours - 1} first.")
        self.day, self.hour, self.vehicles, self.weather, self.history = self.day + 1, 0, empty(), None, []

    def save(self, path: str | Path) -> None:
        """Write the state as JSON; an older file stays whole until the new one is complete."""
        write_state(self, path)

    @classmethod
    def load(
        cls,
        path: str | Path,
        case: RollingCase,
        *,
        policy: Policy | None = None,
        reactive: ReactiveStage | None = None,
    ) -> RollingScheduler:
        """Go on where a schedule was saved.

        Parameters
        ----------
        path : str or pathlib.Path
            The file.
        case : RollingCase
            The same case.
        policy : Policy, optional
            Needed only where the saved one was no name.
        reactive : callable, optional
            Second stage.

        Raises
        ------
        InputError
            If the file is damaged, no such state, or that of another case.
        """
        return read_state(cls, path, case, policy, reactive)

    def _decided(self, state: State) -> tuple[Action, str]:
        """Ask the policy; where it is not solved, the base policy, with the reason."""
        try:
            return self.policy.decide(state, stream(self.seed, self.day, state.hour)), ""
        except SolverError as error:
            # not solved is not refuted: what needs no solver is always there
            log.warning("hour %d: %s", state.hour, error)
            rng = stream(self.seed, self.day, state.hour)
            return BasePolicy(base_name(self.policy.name), self.case).decide(state, rng), str(error)

    def _carried_out(
        self, state: State, action: Action, generation: FloatArray, arrived: int, unmet: float, seconds: float
    ) -> Decision:
        """Split and check an action, settle the hour, ask the second stage."""
        case, n, vehicles = self.case, len(self.case.buses), state.vehicles
        low, high = must(vehicles, state.hour), can(vehicles, state.hour)
        must_mw, can_mw = by_node(low, vehicles, n), by_node(high, vehicles, n)
        drawn = drawn_by(action, vehicles, state.hour, n)
        ev = by_node(drawn, vehicles, n)
        storage = case.storages.clip(state.energy, action.storage, state.hour)
        who = f"policy {self.policy.name} at hour {self.hour}"
        charging, nodes, stores = (drawn, low, high), (action.ev, ev), (action.storage, storage)
        require_followed(who, case, vehicles, charging, nodes, stores)
        residual = state.generation - ev
        case.storages.taken(residual, storage)
        settled = settle(residual, case.exchange_mw[state.hour])
        reactive = None
        if self.reactive is not None:
            by_load = dict.fromkeys(case.fleets, 0.0)
            for load, power in zip(vehicles.load.tolist(), drawn.tolist(), strict=True):
                by_load[load] += power
            told = ActiveDecision(
                case,
                self.day,
                state.hour,
                state,
                action,
                dict(zip(case.generators.index.tolist(), generation.tolist(), strict=True)),
                by_load,
                dict(zip(case.storages.index.tolist(), storage.tolist(), strict=True)),
                self.history[-1].reactive if self.history else None,
                stream(self.seed, self.day, state.hour, reactive=True),
                self.clock.left,
            )
            reactive = self.reactive(told)
            require_answered(f"second stage at hour {self.hour}", case, reactive)
        return Decision(
            day=self.day,
            hour=state.hour,
            generation_mw=generation,
            vehicles=vehicles,
            vehicle_mw=drawn,
            must_mw=must_mw,
            can_mw=can_mw,
            ev_mw=ev,
            storage_mw=storage,
            before_mwh=state.energy,
            after_mwh=np.clip(case.storages.after(state.energy, storage), case.storages.low, case.storages.high),
            import_mw=settled.imports,
            export_mw=settled.exports,
            buy_mw=settled.buys,
            spill_mw=settled.spills,
            arrived=arrived,
            unmet_mwh=unmet,
            seconds=seconds,
            reactive=reactive,
        )


def simulate_day(control: RollingScheduler, day: Day, after: Callable[[int], None] = lambda hour: None) -> None:
    """Lead a schedule through the rest of a day, as far as its time goes.

    Parameters
    ----------
    control : RollingScheduler
        The schedule; it begins with its own hour.
    day : Day
        What comes. The policy learns of it hour by hour, unless it has a method ``foresee``.
    after : callable
        Told every hour that is decided.
    """
    if hasattr(control.policy, "foresee"):
        control.policy.foresee(day.generation_mw @ control.case.to_nodes, day.vehicles, control.clock.left)
    for hour in range(control.hour, control.case.hours):
        if control.clock.spent:
            break
        control.step(observation_of(day, hour))
        after(hour)


def observation_of(day: Day, hour: int) -> Observation:
    """Return what a day lets be seen at the start of an hour."""
    return Observation(day.generation_mw[hour], arrivals=day.vehicles.at(hour), hour=hour, weather=day.weather[hour])
