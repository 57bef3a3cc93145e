"""The second stage: reactive power of an hour over scenarios, solved, checked, and recovered where it has to be."""

from __future__ import annotations

import logging
import time
import weakref
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.errors import InputError, SolverError
from adnflex.grid.flow import RadialFlow
from adnflex.problems.dispatch.reactive import ReactiveSolution
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.expectation import expected_hours
from adnflex.problems.rolling.reactive_setting import WEIGHTS, ReactiveSetting
from adnflex.problems.rolling.reactive_stage import ActiveDecision, ReactiveAnswer, ReactiveStage

log = logging.getLogger(__name__)


@dataclass(eq=False)
class ScenarioReactive:
    """Decide the reactive power of each hour over scenarios of load, sun and wind.

    Only a cost of moves, and the positions of tap changers and banks, link one hour to the next; without them one hour
    is decided at a time, whatever the horizon. Transformers and shunts that are ``controllable`` in the net are decided
    together with the sites, as a mixed-integer programme, which takes seconds.

    Parameters
    ----------
    scenarios : int
        Number of scenarios; 1: only the expected hour.
    drawn : int, optional
        Number of scenarios that are drawn, of which so many are kept by fast forward selection, with the probabilities
        of those that they stand for (`adnflex.scenarios.reduce_scenarios`). By default as many are drawn as are kept.
    load_sd, generation_sd : float, optional
        Standard deviations, relative to what is expected; by default those in ``net.study["reactive"]``, else 0.05
        and 0.1.
    loss_weight_per_mw, deviation_weight_per_pu, limit_weight_per_pu, move_weight_per_mvar : float, optional
        Weights of the objective, see `adnflex.problems.dispatch.reactive_model.Weights`; by default those in
        ``net.study["reactive"]``, else 1, 0.05, 10 and 0.
    position_weight : float
        Weight of a move of a tap changer or bank; 0.002 is that of 2 kW of loss.
    horizon : int
        Number of hours, of which the first is carried out. Later hours have the active power that is expected, and
        reactive power of their own in each scenario.
    seconds : float
        Time limit of a mixed-integer programme [s].
    seed : int
        Seed of the scenarios. They come in pairs of opposite sign, so that they do not shift the expected hour, and
        are the same in every hour, so that set-points follow the day and not the draw.

    Examples
    --------
    >>> from adnflex import schedule_rolling
    >>> from adnflex.problems.rolling import RollingCase
    >>> case = RollingCase.load("rolling33")
    >>> run = schedule_rolling(case, "pool", reactive=ScenarioReactive(scenarios=4))
    >>> run.reactive.columns.tolist(), bool(run.reactive.to_numpy().max() <= 1.0)
    ([6, 7, 8], True)
    """

    scenarios: int = 20
    drawn: int | None = None
    load_sd: float | None = None
    generation_sd: float | None = None
    loss_weight_per_mw: float | None = None
    deviation_weight_per_pu: float | None = None
    limit_weight_per_pu: float | None = None
    move_weight_per_mvar: float | None = None
    position_weight: float = 0.002
    horizon: int = 1
    seconds: float = 60.0
    seed: int = 20250916
    _ready: tuple[weakref.ref[RollingCase], ReactiveSetting] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        findings = []
        if isinstance(self.scenarios, bool) or not isinstance(self.scenarios, int | np.integer) or self.scenarios < 1:
            findings.append(f"scenarios is {self.scenarios!r}; give an integer of at least 1.")
        most = self.scenarios if not findings else 1
        whole = isinstance(self.drawn, int | np.integer) and not isinstance(self.drawn, bool)
        if self.drawn is not None and not (whole and self.drawn >= most):
            findings.append(f"drawn is {self.drawn!r}; give an integer of at least scenarios, or None.")
        if isinstance(self.horizon, bool) or not isinstance(self.horizon, int | np.integer) or self.horizon < 1:
            findings.append(f"horizon is {self.horizon!r}; give an integer of at least 1.")
        for name in ("load_sd", "generation_sd", "position_weight", "seconds", *WEIGHTS):
            value = getattr(self, name)
            if value is not None and not (np.isfinite(value) and value >= 0):
                findings.append(f"{name} is {value!r}; give a finite number of 0 or more.")
        if findings:
            raise InputError(findings)

    def __getstate__(self) -> dict[str, Any]:
        # the solver stays in its process; another one builds its own in a fraction of a second
        return {**self.__dict__, "_ready": None}

    def describe(self) -> dict[str, Any]:
        """Return what the answers depend on, as numbers and text."""
        names = ("scenarios", "drawn", "load_sd", "generation_sd", *WEIGHTS, "position_weight", "horizon", "seed")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def prepare(self, case: RollingCase) -> ReactiveSetting:
        """Build the programme of a case, or find it built."""
        if self._ready is None or self._ready[0]() is not case:
            self._ready = (weakref.ref(case), ReactiveSetting(self, case))
        return self._ready[1]

    def __call__(self, decision: ActiveDecision) -> ReactiveAnswer:
        """Decide an hour."""
        begin = time.perf_counter()
        ready = self.prepare(decision.case)
        hours, sites = ready.hours, ready.sites
        known = (decision.hour, *powers_of(decision))
        p, q = hours.withdrawals(*known, ready.draws, ready.spread)
        low, high = ready.limits(decision.hour, known[1])
        last = decision.previous
        before = None
        if last is not None and set(sites.index.tolist()) <= set(last.q_mvar):
            before = np.array([last.q_mvar[int(k)] for k in sites.index])
        ahead_p, ahead_q = self._ahead(ready, decision, p, q)
        stood = None if last is None else last.facts
        solved: ReactiveSolution | None = None
        try:
            problem = ready.problem_of(ahead_p, ahead_q, stood, self.position_weight)
            solved = problem.solve(ahead_p, ahead_q, low, high, before, min(self.seconds, max(decision.seconds, 1.0)))
            positions, grid = ready.positions.read(problem, stood)
        except SolverError as error:
            # not solved is not refuted: positions stay, and exact power flow needs no solver
            log.warning("hour %d, reactive power: %s", decision.hour, error)
            positions, grid = ready.positions.held(stood)
        flows = RadialFlow(grid) if len(ready.positions) else ready.flows
        if solved is None:
            injected, facts = ready.searched(flows, p, q, low, high, before)
        else:
            injected, facts = ready.judged(flows, solved, p, q, low, high, before)
        nothing = tuple(np.zeros((1, part.shape[1])) for part in ready.draws)
        expected_p, expected_q = hours.withdrawals(*known, (nothing[0], nothing[1]), ready.spread)
        expected = flows.solve_many(expected_p, ready.with_sites(expected_q, injected))
        vm = np.sqrt(expected.v[0])
        at_bus = {bus: float(vm[j]) for j, buses in enumerate(hours.grid.buses) for bus in buses}
        return ReactiveAnswer(
            q_mvar=dict(zip(sites.index.tolist(), injected.tolist(), strict=True)),
            vm_pu=dict(sorted(at_bus.items())),
            seconds=time.perf_counter() - begin,
            facts={**facts, "expected_loss_mw": float(expected.loss[0]) * hours.grid.base_mva, **positions},
            gaps={} if solved is None else ready.gaps_of(solved),
        )

    def _ahead(
        self, ready: ReactiveSetting, decision: ActiveDecision, p: FloatArray, q: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Withdrawals (S, H, n) of this hour and of those that it is linked to."""
        linked = ready.weights.move > 0 or len(ready.positions) > 0
        count = min(self.horizon, decision.case.hours - decision.hour) - 1 if linked else 0
        whole = [(p, q)]
        if count > 0:
            later = expected_hours(decision, count)
            for k in range(count):
                g, ev, u = (part[k] for part in later)
                whole.append(ready.hours.withdrawals(decision.hour + 1 + k, g, ev, u, ready.draws, ready.spread))
        return np.stack([a for a, _ in whole], axis=1), np.stack([b for _, b in whole], axis=1)


def reactive_of(case: RollingCase, reactive: str | ReactiveStage | None, scenarios: int = 20) -> ReactiveStage | None:
    """Choose the second stage.

    Parameters
    ----------
    case : RollingCase
        The case.
    reactive : {"auto", "scenarios", "mean"}, callable or None
        ``auto``: ``scenarios`` where the net has sites, else none.
    scenarios : int
        Number of scenarios.
    """
    if reactive is None or callable(reactive):
        return reactive
    if reactive not in ("auto", "scenarios", "mean"):
        raise InputError(f"reactive is {reactive!r}; give 'scenarios', 'mean', None, or a callable.")
    if not case.found.sites:
        if reactive == "auto":
            return None
        raise InputError(
            f"reactive is {reactive!r}, and the net has no site; give at least one row of net.sgen controllable True, "
            "min_q_mvar and max_q_mvar, or reactive=None."
        )
    count = 1 if reactive == "mean" else scenarios
    known = _SHARED.setdefault(case, {})
    if count not in known:
        known[count] = ScenarioReactive(scenarios=count)
    return known[count]


# What was built for a case is used again by the next run of it.
_SHARED: weakref.WeakKeyDictionary[RollingCase, dict[int, ScenarioReactive]] = weakref.WeakKeyDictionary()


def powers_of(decision: ActiveDecision) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Active power of generators, fleets and storages in the order of the case [MW]."""
    case = decision.case
    return (
        np.array([decision.generation_mw[int(k)] for k in case.generators.index]),
        np.array([decision.ev_mw[k] for k in sorted(case.fleets)]),
        np.array([decision.storage_mw[int(k)] for k in case.storages.index]),
    )
