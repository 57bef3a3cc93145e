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
from adnflex.problems.rolling.observations import Observation, arriving_of, energy_of, generation_of, present_of
from adnflex.problems.rolling.policies import Action, BasePolicy, Policy, State, by_node
from adnflex.problems.rolling.policy_names import OPTIONS, base_name, policy_of
from adnflex.problems.rolling.reactive_stage import ActiveDecision, ReactiveStage
from adnflex.problems.rolling.renewables import known_state
from adnflex.problems.rolling.saving import read_state, write_state
from adnflex.problems.rolling.settlement import settle
from adnflex.problems.rolling.vehicles import Vehicles, can, concatenate, empty, must, split

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

    def setpoints(self, decision: Decision) -> pd.DataFrame:
        """Active power to write into the net, consumer sign as in its tables.

        Returns
        -------
        pandas.DataFrame
            ``table`` (``load``, ``storage``, ``sgen``), ``index``, ``p_mw``.
        """
        fleets = sorted(self.case.fleets)
        at = np.searchsorted(fleets, decision.vehicles.load)
        drawn = np.bincount(at, weights=decision.vehicle_mw, minlength=len(fleets))
        parts = (
            ("load", fleets, drawn),
            ("storage", self.case.storages.index.tolist(), decision.storage_mw),
            ("sgen", self.case.generators.index.tolist(), decision.generation_mw),
        )
        rows = [(table, k, float(p)) for table, index, power in parts for k, p in zip(index, power, strict=True)]
        return pd.DataFrame(rows, columns=["table", "index", "p_mw"])

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
        drawn = _split(action, vehicles, state.hour, n)
        ev = by_node(drawn, vehicles, n)
        storage = case.storages.clip(state.energy, action.storage, state.hour)
        self._check(action, vehicles, drawn, low, high, ev, storage)
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

    def _check(
        self,
        action: Action,
        vehicles: Vehicles,
        drawn: FloatArray,
        low: FloatArray,
        high: FloatArray,
        ev: FloatArray,
        storage: FloatArray,
    ) -> None:
        """See that a policy's action is one that the devices can follow."""
        who = f"policy {self.policy.name} at hour {self.hour}"
        findings = []
        outside = ~((drawn >= low - 1e-9) & (drawn <= high + 1e-9))
        for k in np.flatnonzero(outside)[:3]:
            findings.append(
                f"{who}: vehicle {vehicles.number[k]} of load {vehicles.load[k]} draws {drawn[k]:g} MW, outside "
                f"{low[k]:g} and {high[k]:g}; decide within its elastic capacity."
            )
        for i in np.flatnonzero(~(np.abs(ev - action.ev) <= 1e-6 * (1e-3 + np.abs(ev)))):
            findings.append(
                f"{who}: {action.ev[i]:g} MW at bus {self.case.buses[i]} can be split to {ev[i]:g} MW; decide "
                "within the elastic capacity of the node."
            )
        for k in np.flatnonzero(~(np.abs(storage - action.storage) <= 1e-6 * (1e-3 + np.abs(storage)))):
            findings.append(
                f"{who}: storage {self.case.storages.index[k]} cannot run at {action.storage[k]:g} MW, at most at "
                f"{storage[k]:g}; decide within its power, its energy and what it has to end with."
            )
        if findings:
            raise InputError(findings)


def _split(action: Action, vehicles: Vehicles, hour: int, nodes: int) -> FloatArray:
    """Power of each vehicle (J,) [MW]."""
    if action.vehicles is not None:
        return action.vehicles
    drawn = np.zeros(len(vehicles))
    for i in range(nodes):
        mine = np.flatnonzero(vehicles.node == i)
        if len(mine):
            drawn[mine] = split(vehicles.take(mine), hour, action.ev[i : i + 1])[0]
    return drawn


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
