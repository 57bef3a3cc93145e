"""The second stage: reactive power of an hour over scenarios, solved, checked, and recovered where it has to be."""

from __future__ import annotations

import logging
import time
import weakref
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from adnflex.errors import InputError, SolverError
from adnflex.grid.flow import RadialFlow
from adnflex.problems.dispatch.reactive import Answer, ReactiveProblem, Sites, Weights, build_reactive, deviation
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.expectation import expected_hours
from adnflex.problems.rolling.hours import Hours, Spread, antithetic, sites_of
from adnflex.problems.rolling.positions import Positions
from adnflex.problems.rolling.reactive_stage import ActiveDecision, ReactiveAnswer, ReactiveStage
from adnflex.solvers.local import search_locally
from adnflex.study import study_facts

__all__ = ["ScenarioReactive", "reactive_of"]

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]

# An answer is the truth where its cones invent less than this, absolutely [kW] and relative to the losses.
_INVENTED_KW, _INVENTED = 0.05, 2e-3


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
    load_sd, generation_sd : float, optional
        Standard deviations, relative to what is expected; by default those in ``net.study["reactive"]``, else 0.05
        and 0.1.
    loss_weight_per_mw, deviation_weight_per_pu, limit_weight_per_pu, move_weight_per_mvar : float, optional
        Weights of the objective, see `adnflex.problems.dispatch.reactive.Weights`; by default those in
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
    load_factor : array_like of (H,), optional
        As for `Hours.of`.

    Examples
    --------
    >>> from adnflex.problems.rolling import RollingCase, schedule_rolling
    >>> case = RollingCase.load("rolling33")
    >>> run = schedule_rolling(case, "pool", reactive=ScenarioReactive(scenarios=4))
    >>> run.reactive.columns.tolist(), bool(run.reactive.to_numpy().max() <= 1.0)
    ([6, 7, 8], True)
    """

    scenarios: int = 20
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
    load_factor: ArrayLike | None = None
    _ready: tuple[weakref.ref[RollingCase], _Ready] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        findings = []
        if isinstance(self.scenarios, bool) or not isinstance(self.scenarios, int | np.integer) or self.scenarios < 1:
            findings.append(f"scenarios is {self.scenarios!r}; give an integer of at least 1.")
        if isinstance(self.horizon, bool) or not isinstance(self.horizon, int | np.integer) or self.horizon < 1:
            findings.append(f"horizon is {self.horizon!r}; give an integer of at least 1.")
        for name in ("load_sd", "generation_sd", "position_weight", "seconds", *_WEIGHTS):
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
        names = ("scenarios", "load_sd", "generation_sd", *_WEIGHTS, "position_weight", "horizon", "seed")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}

    def prepare(self, case: RollingCase) -> _Ready:
        """Build the programme of a case, or find it built."""
        if self._ready is None or self._ready[0]() is not case:
            self._ready = (weakref.ref(case), _Ready(self, case))
        return self._ready[1]

    def __call__(self, decision: ActiveDecision) -> ReactiveAnswer:
        """Decide an hour."""
        begin = time.perf_counter()
        ready = self.prepare(decision.case)
        hours, sites = ready.hours, ready.sites
        known = (decision.hour, *powers_of(decision))
        p, q = hours.withdrawals(*known, ready.draws, ready.spread)
        low, high = ready.limits(known[1])
        last = decision.previous
        before = None
        if last is not None and set(sites.index.tolist()) <= set(last.q_mvar):
            before = np.array([last.q_mvar[int(k)] for k in sites.index])
        ahead_p, ahead_q = self._ahead(ready, decision, p, q)
        stood = None if last is None else last.facts
        solved: Answer | None = None
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
        )

    def _ahead(self, ready: _Ready, decision: ActiveDecision, p: Floats, q: Floats) -> tuple[Floats, Floats]:
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


_WEIGHTS = {
    "loss_weight_per_mw": "loss",
    "deviation_weight_per_pu": "deviation",
    "limit_weight_per_pu": "limit",
    "move_weight_per_mvar": "move",
}


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
    if not _has_sites(case):
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


def _has_sites(case: RollingCase) -> bool:
    """Whether a net has sites, without reading all of it."""
    rows = case.net.sgen
    if not {"controllable", "min_q_mvar", "max_q_mvar"} <= set(rows.columns):
        return False
    able = rows["in_service"].astype(bool) & rows["controllable"].map(lambda value: value is True or value == 1)
    return bool((able & (rows["max_q_mvar"].astype(float) > rows["min_q_mvar"].astype(float))).any())


def powers_of(decision: ActiveDecision) -> tuple[Floats, Floats, Floats]:
    """Active power of generators, fleets and storages in the order of the case [MW]."""
    case = decision.case
    return (
        np.array([decision.generation_mw[int(k)] for k in case.generators.index]),
        np.array([decision.ev_mw[k] for k in sorted(case.fleets)]),
        np.array([decision.storage_mw[int(k)] for k in case.storages.index]),
    )


class _Ready:
    """What is built once for a case: grid, scenarios, programme, exact power flow."""

    def __init__(self, stage: ScenarioReactive, case: RollingCase) -> None:
        chosen = study_facts(case.net).get("reactive", {})

        def setting(name: str, default: float) -> float:
            own = getattr(stage, name)
            return float(chosen.get(name, default) if own is None else own)

        plain = Weights()
        self.weights = Weights(**{to: setting(name, getattr(plain, to)) for name, to in _WEIGHTS.items()})
        self.spread = Spread(setting("load_sd", 0.05), setting("generation_sd", 0.1))
        known = (case.generators.index.tolist(), sorted(case.fleets), case.storages.index.tolist())
        self.hours = Hours.of(case.net, case.hours, *known, stage.load_factor)
        grid = self.hours.grid
        self.sites: Sites = sites_of(case.net, grid)
        if not len(self.sites):
            raise InputError(
                "the net has no site of reactive power; give at least one row of net.sgen controllable True, "
                "min_q_mvar and max_q_mvar, or reactive=None."
            )
        rng = np.random.default_rng(stage.seed)
        shape = (len(self.hours.load_index), len(case.generators.index))
        self.draws = antithetic(int(stage.scenarios), *shape, rng)
        power = np.maximum(case.storages.charge, case.storages.discharge) / 1e3
        self.reach = self.hours.reach(case.generators.rated_mw, power, self.spread)
        self.positions = Positions.of(case.net, grid)
        self._problems: dict[int, ReactiveProblem] = {}
        self.flows = RadialFlow(grid)
        rows = case.net.sgen.loc[self.sites.index]
        self._rating = rows.get("sn_mva", rows["p_mw"] * np.nan).to_numpy(float)
        place = {int(k): j for j, k in enumerate(case.generators.index)}
        self._generator = [place.get(int(k), -1) for k in self.sites.index]
        self._fixed_p = rows["p_mw"].to_numpy(float) * rows["scaling"].to_numpy(float)

    def problem_of(self, p: Floats, q: Floats, before: Mapping[str, float] | None, weight: float) -> ReactiveProblem:
        """Programme for withdrawals (S, H, n): built once for each number of hours, or anew where positions begin."""
        scenarios, periods, _ = p.shape
        options: dict[str, Any] = {"scenarios": scenarios, "periods": periods, "weights": self.weights}
        if len(self.positions):
            sizes = [(part.min(axis=(0, 1)), part.max(axis=(0, 1))) for part in (p, q)]
            devices = self.positions.now(before, weight)
            return build_reactive(self.positions.grid, self.sites, p=sizes[0], q=sizes[1], devices=devices, **options)
        if periods not in self._problems:
            p_size, q_size = self.reach
            self._problems[periods] = build_reactive(self.hours.grid, self.sites, p=p_size, q=q_size, **options)
        return self._problems[periods]

    def limits(self, generation: Floats) -> tuple[Floats, Floats]:
        """Limits of the sites in an hour, those of an inverter within the circle of its rating [Mvar]."""
        active = np.array(
            [generation[j] if j >= 0 else p for j, p in zip(self._generator, self._fixed_p, strict=True)], dtype=float
        )
        room = np.sqrt(np.maximum(self._rating**2 - active**2, 0.0))
        room = np.where(np.isnan(room), np.inf, room)
        return np.maximum(self.sites.low, -room), np.minimum(self.sites.high, room)

    def with_sites(self, q: Floats, injected: Floats) -> Floats:
        """Withdrawals (S, n) with the sites' injections (k,) [pu]."""
        at_node = np.bincount(self.sites.node, weights=injected, minlength=q.shape[1])
        return q - at_node / self.hours.grid.base_mva

    def exact(
        self, flows: RadialFlow, p: Floats, q: Floats, injected: Floats, before: Floats | None
    ) -> tuple[float, float, Floats]:
        """Objective, mean loss [MW] and voltages of injections in all scenarios, by exact power flow."""
        states = flows.solve_many(p, self.with_sites(q, injected))
        mean = float(np.mean(states.loss)) * flows.grid.base_mva
        moved = 0.0 if before is None else float(np.abs(injected - before).sum())
        value = self.weights.loss * mean + float(deviation(states.v, self.hours.grid, self.weights).mean())
        return (value + self.weights.move * moved) if np.isfinite(value) else np.inf, mean, np.sqrt(states.v)

    def judged(
        self,
        flows: RadialFlow,
        solved: Answer,
        p: Floats,
        q: Floats,
        low: Floats,
        high: Floats,
        before: Floats | None,
    ) -> tuple[Floats, dict[str, float]]:
        """Compare an answer with exact power flow, and search on where its cones are not tight."""
        injected = np.clip(solved.q_mvar, low, high)
        value, loss, vm = self.exact(flows, p, q, injected, before)
        off = float(np.nanmax(np.abs(np.sqrt(solved.v[:, 0]) - vm)))
        facts = {
            "loss_mw": loss,
            "objective": value,
            "model_objective": solved.objective,
            "gap": solved.gap,
            "invented_kw": solved.invented_kw,
            "residual": solved.residual,
            "model_error_pu": off,
            "recovered": 0.0,
            "unsolved": 0.0,
        }
        if solved.invented_kw <= max(_INVENTED_KW, _INVENTED * 1e3 * loss):
            return injected, facts
        log.info(
            "the cones invent %.3g kW of loss (relative gap %.2g); searching with exact power flow",
            solved.invented_kw, solved.gap,
        )  # fmt: skip
        found, best = self._searched(flows, p, q, injected, low, high, before, value)
        _, loss, _ = self.exact(flows, p, q, found, before)
        return found, {**facts, "loss_mw": loss, "objective": best, "recovered": 1.0}

    def searched(
        self, flows: RadialFlow, p: Floats, q: Floats, low: Floats, high: Floats, before: Floats | None
    ) -> tuple[Floats, dict[str, float]]:
        """Search with exact power flow alone, where the programme was not solved."""
        start = np.clip(np.zeros(len(low)) if before is None else before, low, high)
        value = self.exact(flows, p, q, start, before)[0]
        found, best = self._searched(flows, p, q, start, low, high, before, value)
        loss = self.exact(flows, p, q, found, before)[1]
        unknown = dict.fromkeys(("model_objective", "gap", "invented_kw", "residual", "model_error_pu"), np.nan)
        return found, {"loss_mw": loss, "objective": best, **unknown, "recovered": 1.0, "unsolved": 1.0}

    def _searched(
        self,
        flows: RadialFlow,
        p: Floats,
        q: Floats,
        start: Floats,
        low: Floats,
        high: Floats,
        before: Floats | None,
        value: float,
    ) -> tuple[Floats, float]:
        """Search by exact power flow, from the relaxed answer and from both ends of the limits."""
        best, cost = start, value
        for first in (start, low, high, 0.5 * (low + high)):
            found = search_locally(lambda x: min(self.exact(flows, p, q, x, before)[0], 1e6), first, low, high)
            for point in (first, *([] if found is None else [found])):
                value = self.exact(flows, p, q, point, before)[0]
                if value < cost:
                    best, cost = point, value
        return best, cost
