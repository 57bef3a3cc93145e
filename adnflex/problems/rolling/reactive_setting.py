"""What the second stage of a case is built from once: grid, scenarios, programme, exact power flow."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.errors import InputError
from adnflex.grid.flow import RadialFlow
from adnflex.problems.dispatch.reactive import ReactiveProblem, ReactiveSolution, build_reactive
from adnflex.problems.dispatch.reactive_model import Sites, Weights, deviation
from adnflex.problems.rolling.case import RollingCase
from adnflex.problems.rolling.hours import Hours, Spread, antithetic, require_limits, sites_of
from adnflex.problems.rolling.positions import Positions
from adnflex.scenarios import reduce_scenarios
from adnflex.solvers.local import search_locally
from adnflex.study import study_facts

if TYPE_CHECKING:
    from adnflex.problems.rolling.reactive import ScenarioReactive


log = logging.getLogger(__name__)


# An answer is the truth where its cones invent less than this, absolutely [MW] and relative to the losses.
_INVENTED_KW, _INVENTED = 0.05, 2e-3

WEIGHTS = {
    "loss_weight_per_mw": "loss",
    "deviation_weight_per_pu": "deviation",
    "limit_weight_per_pu": "limit",
    "move_weight_per_mvar": "move",
}


class ReactiveSetting:
    """What is built once for a case: grid, scenarios, programme, exact power flow."""

    def __init__(self, stage: ScenarioReactive, case: RollingCase) -> None:
        chosen = study_facts(case.net).get("reactive", {})

        def setting(name: str, default: float) -> float:
            own = getattr(stage, name)
            return float(chosen.get(name, default) if own is None else own)

        plain = Weights()
        self.weights = Weights(**{to: setting(name, getattr(plain, to)) for name, to in WEIGHTS.items()})
        self.spread = Spread(setting("load_sd", 0.05), setting("generation_sd", 0.1))
        require_limits(case.found)
        self.hours = Hours.of(case.found)
        grid = self.hours.grid
        self._generators = case.generators
        self.sites: Sites = sites_of(case.found)
        if not len(self.sites):
            raise InputError(
                "the net has no site of reactive power; give at least one row of net.sgen controllable True, "
                "min_q_mvar and max_q_mvar, or reactive=None."
            )
        rng = np.random.default_rng(stage.seed)
        shape = (len(self.hours.load_index), len(case.generators.index))
        self.draws, self.probabilities = self._scenarios(stage, shape, rng)
        power = np.maximum(case.storages.charge, case.storages.discharge)
        self.reach = self.hours.reach(case.generators.rated_mw, power, self.spread)
        self.positions = Positions.of(case.found)
        self._problems: dict[int, ReactiveProblem] = {}
        self.flows = RadialFlow(grid)
        self._inverters = [site.inverter for site in case.found.sites]
        place = {int(k): j for j, k in enumerate(case.generators.index)}
        self._generator = [place.get(int(k), -1) for k in self.sites.index]

    def _scenarios(
        self, stage: ScenarioReactive, shape: tuple[int, int], rng: np.random.Generator
    ) -> tuple[tuple[FloatArray, FloatArray], FloatArray]:
        """Draw scenarios, and keep those that stand for all where more are drawn than are wanted."""
        keep = int(stage.scenarios)
        drawn = antithetic(keep if stage.drawn is None else int(stage.drawn), *shape, rng)
        if len(drawn[0]) == keep:
            return drawn, np.full(keep, 1.0 / keep)
        # what a draw moves, in MVA, so that a large load counts for more than a small one
        load = self.spread.load * np.abs(self.hours.load_mva).mean(axis=0)
        sizes = np.concatenate([load, self.spread.generation * self._generators.rated_mw])
        reduced = reduce_scenarios(np.hstack(drawn), keep=keep, scale=sizes)
        return (drawn[0][reduced.kept], drawn[1][reduced.kept]), reduced.probabilities

    def problem_of(
        self, p: FloatArray, q: FloatArray, before: Mapping[str, float] | None, weight: float
    ) -> ReactiveProblem:
        """Programme for withdrawals (S, H, n): built once for each number of hours, or anew where positions begin."""
        periods = p.shape[1]
        options: dict[str, Any] = {"probabilities": self.probabilities, "periods": periods, "weights": self.weights}
        if len(self.positions):
            sizes = [(part.min(axis=(0, 1)), part.max(axis=(0, 1))) for part in (p, q)]
            devices = self.positions.now(before, weight)
            return build_reactive(self.positions.grid, self.sites, p=sizes[0], q=sizes[1], devices=devices, **options)
        if periods not in self._problems:
            p_size, q_size = self.reach
            self._problems[periods] = build_reactive(self.hours.grid, self.sites, p=p_size, q=q_size, **options)
        return self._problems[periods]

    def limits(self, hour: int, generation: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Limits of the sites in an hour, within what rating and power factor leave of an inverter [Mvar]."""
        expected = self.hours.site_mw[hour]
        active = [generation[j] if j >= 0 else p for j, p in zip(self._generator, expected, strict=True)]
        room = np.array([i.room(np.array([p]))[0] for i, p in zip(self._inverters, active, strict=True)])
        return np.maximum(self.sites.low, -room), np.minimum(self.sites.high, room)

    def gaps_of(self, solved: ReactiveSolution) -> dict[str, float]:
        """Cone gap by element; of several in parallel each has that of their branch."""
        branches = zip(self.hours.grid.branches, solved.gaps.tolist(), strict=True)
        return {f"{m.element} {m.index}": gap for branch, gap in branches for m in branch.members}

    def with_sites(self, q: FloatArray, injected: FloatArray) -> FloatArray:
        """Withdrawals (S, n) with the sites' injections (k,) [pu]."""
        at_node = np.bincount(self.sites.node, weights=injected, minlength=q.shape[1])
        return q - at_node / self.hours.grid.base_mva

    def exact(
        self, flows: RadialFlow, p: FloatArray, q: FloatArray, injected: FloatArray, before: FloatArray | None
    ) -> tuple[float, float, FloatArray]:
        """Objective, mean loss [MW] and voltages of injections in all scenarios, by exact power flow."""
        states = flows.solve_many(p, self.with_sites(q, injected))
        mean = float(self.probabilities @ states.loss) * flows.grid.base_mva
        moved = 0.0 if before is None else float(np.abs(injected - before).sum())
        value = self.weights.loss * mean + float(
            self.probabilities @ deviation(states.v, self.hours.grid, self.weights)
        )
        return (value + self.weights.move * moved) if np.isfinite(value) else np.inf, mean, np.sqrt(states.v)

    def judged(
        self,
        flows: RadialFlow,
        solved: ReactiveSolution,
        p: FloatArray,
        q: FloatArray,
        low: FloatArray,
        high: FloatArray,
        before: FloatArray | None,
    ) -> tuple[FloatArray, dict[str, float]]:
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
        self,
        flows: RadialFlow,
        p: FloatArray,
        q: FloatArray,
        low: FloatArray,
        high: FloatArray,
        before: FloatArray | None,
    ) -> tuple[FloatArray, dict[str, float]]:
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
        p: FloatArray,
        q: FloatArray,
        start: FloatArray,
        low: FloatArray,
        high: FloatArray,
        before: FloatArray | None,
        value: float,
    ) -> tuple[FloatArray, float]:
        """Search by exact power flow, from the relaxed answer and from both ends of the limits."""
        best, cost = start, value
        for first in (start, low, high, 0.5 * (low + high)):
            found = search_locally(lambda x: min(self.exact(flows, p, q, x, before)[0], 1e6), first, low, high)
            for point in (first, *([] if found is None else [found])):
                value = self.exact(flows, p, q, point, before)[0]
                if value < cost:
                    best, cost = point, value
        return best, cost
