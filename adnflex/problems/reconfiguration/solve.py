"""Solve a reconfiguration: local search for a good topology, branch and bound for the proof."""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Sequence
from functools import partial

import numpy as np

from adnflex.algorithms.branch_and_bound import Outcome
from adnflex.algorithms.branch_exchange import ExchangeSearch
from adnflex.arrays import BoolArray
from adnflex.formulations import FORMULATIONS
from adnflex.grid.model import Grid
from adnflex.grid.topology import must_close
from adnflex.knobs import Effort
from adnflex.problems.clock import Deadline
from adnflex.problems.reconfiguration.answer import SearchedTopology, relaxed_or_none, solver_name
from adnflex.problems.reconfiguration.approximate import solve_approximately
from adnflex.problems.reconfiguration.choice import build_chosen, require_formulation
from adnflex.problems.reconfiguration.directed import DirectedReconfiguration, Known, build_directed
from adnflex.problems.reconfiguration.directed_search import DirectedSearch
from adnflex.problems.reconfiguration.exchange import ExchangeProblem
from adnflex.problems.reconfiguration.few_operations import OperationCount, operation_count, try_few_operations
from adnflex.problems.reconfiguration.highest_voltages import limit_voltages
from adnflex.problems.reconfiguration.local_search import LocalSearch
from adnflex.problems.reconfiguration.model import Reconfiguration
from adnflex.problems.reconfiguration.near_states import NearStates
from adnflex.problems.reconfiguration.objective import Objective
from adnflex.problems.reconfiguration.proof import least_violating, proof_solver, prove, prove_by_model
from adnflex.problems.reconfiguration.radial_search import Incumbent, RadialSearch
from adnflex.problems.reconfiguration.tree_values import TreeValues

log = logging.getLogger(__name__)

Open = frozenset[int]

# Part of the time limit that local search may take before the proof begins.
_SEARCH_SHARE = 0.25

# Seconds that building a model takes, by branch: 5 to 10 s for 10,000 of them.
_BUILDING = 1e-3

# Share of a value, and value, that rounding may come to.
_ROUNDING = 1e-9

# Seconds that the search for a budget that works has at least.
_LEAST_TO_EXPLAIN = 10.0

_USUAL = Effort()


def solve_reconfiguration(
    grid: Grid,
    objective: Objective,
    effort: Effort = _USUAL,
    *,
    clock: Deadline | None = None,
    formulation: str = "auto",
    max_operations: int | None = None,
    known: Sequence[BoolArray] = (),
    floor: float = 0.0,
) -> SearchedTopology:
    """Find the best topology of a grid and prove how good it is.

    Parameters
    ----------
    grid : Grid
        The grid.
    objective : Objective
        What to minimise.
    effort : Effort
        Gap, solver, workers, seed.
    clock : Deadline, optional
        Time limit, told of every step; by default one of `effort` from now.
    formulation : str
        See `build_chosen`. One that does not bound AC is handed to `solve_approximately`.
    max_operations : int, optional
        Largest number of branches whose state changes.
    known : sequence of (m,) array of bool
        States that are known to be good: closed branches.
    floor : float
        Lower bound of the objective that is proven already.
    """
    clock = Deadline(effort.time_limit) if clock is None else clock
    require_formulation(formulation)
    named = FORMULATIONS.get(formulation)
    if named is not None and not named.bounds_ac:
        return solve_approximately(grid, objective, named, effort, clock, max_operations)
    exchange = ExchangeProblem(grid, objective, must_close(grid), max_operations)
    task = _Task(exchange, effort, clock, formulation, floor)
    for closed in known:
        task.offer(frozenset(np.flatnonzero(~closed).tolist()))
    # whatever the local search finds, most of the time belongs to the proof
    pause = clock.part(_SEARCH_SHARE)
    task.search.stop = lambda: pause.spent
    try:
        task.run()
    except KeyboardInterrupt:
        if task.best.state is None:
            raise
    if task.problem is not None and not task.problem.formulation.bounds_ac:
        assert isinstance(task.problem, Reconfiguration)
        answer = solve_approximately(grid, objective, task.problem.formulation, effort, clock, max_operations)
        return dataclasses.replace(answer, notes=(*task.notes, *answer.notes))
    return task.answer()


class _Task:
    """A reconfiguration on its way: what is known so far, whatever interrupts it."""

    def __init__(
        self, exchange: ExchangeProblem, effort: Effort, clock: Deadline, formulation: str, floor: float
    ) -> None:
        self.exchange, self.effort, self.clock = exchange, effort, clock
        self.grid, self.objective = exchange.grid, exchange.objective
        self.formulation, self.floor, self.best = formulation, floor, Incumbent()
        self.search = ExchangeSearch(exchange.evaluate, exchange.moves)
        self.local = LocalSearch(exchange, self.search, self.best, effort.seed)
        self.name = proof_solver(effort.solver)
        self.problem: Reconfiguration | DirectedReconfiguration | None = None
        self.notes: list[str] = []
        self.count = OperationCount(0)
        # the first incumbent: whatever happens later, a present state that meets every limit is an answer
        self.offer(frozenset(np.flatnonzero(~exchange.grid.closed).tolist()))

    def offer(self, state: Open) -> None:
        """Take a state that is known."""
        self.best.offer(state, self.search.score(state))
        self.outcome = Outcome("interrupted", self.best.state, self.best.value, -math.inf, 0)

    def run(self) -> None:
        best, clock = self.best, self.clock
        enough = self.effort.gap, self.floor
        self.count, early = _without_model(self.exchange, self.search, best, clock, enough)
        if early is not None:
            self.name, self.outcome = early
            return
        self.local.run(clock.report_bests)
        self.search.stop = lambda: clock.spent
        if clock.left < _BUILDING * self.grid.m:
            # a model could not be built in time: all of it is for the search
            while not clock.spent and self.local.restart():
                pass
            floor = max(self.floor, self.count.lift(self.objective, 0.0))
            self.outcome = Outcome("time_limit", best.state, best.value, floor, 0)
            return
        self._build()
        if self.problem is not None and self.problem.formulation.bounds_ac:
            self.outcome, notes = self._prove(self.problem)
            self.notes += notes

    def _build(self) -> None:
        self.problem, why = build_chosen(
            self.grid, self.objective, self.formulation, whole=self.name != "clarabel", **self._known()
        )
        if why:
            self.notes.append(why)

    def _known(self) -> Known:
        """Gather what the model is told of states that are known."""
        flow = self.exchange.flow(self.best.state) if self.best.state is not None else None
        most = None if math.isinf(self.exchange.max_operations) else int(self.exchange.max_operations)
        near = None if flow is None else flow.v
        return {"operations": (self.count.least, most), "near": near, "cap": self._cap}

    @property
    def _cap(self) -> float:
        """Value of the incumbent; a state that is worth as much but for rounding is not cut off."""
        return self.best.value * (1 + _ROUNDING) + _ROUNDING

    def _limited(self, problem: DirectedReconfiguration) -> DirectedReconfiguration:
        """Limit the voltages of junctions; bounds on the way are told and kept."""
        known = self._known()

        def tell(bound: float) -> None:
            self.floor = max(self.floor, min(bound, self.best.value))
            self.clock.report_bests(self.best.value, self.floor, "highest voltages")

        def build(grid: Grid) -> DirectedReconfiguration:
            return build_directed(grid, self.objective, **known)

        return limit_voltages(problem, build, known["cap"], self.effort, self.clock, tell)

    def _prove(self, problem: Reconfiguration | DirectedReconfiguration) -> tuple[Outcome, list[str]]:
        lift = partial(self.count.lift, self.objective)
        if self.name != "clarabel":
            gap = self.effort.gap
            return prove_by_model(problem, self.exchange, self.search, self.best, self.clock, gap, self.name, lift), []
        tree: DirectedSearch | RadialSearch
        if isinstance(problem, DirectedReconfiguration):
            problem = self.problem = self._limited(problem)
            values = TreeValues(self.grid, self.objective, self.exchange.max_operations)
            tree = DirectedSearch(problem, self.search, self.best, lift, values)
        else:
            tree = RadialSearch(problem, self.search, self.best, lift)
        # workers have their own steady clocks, but the same day
        tree.relax.until = time.time() + self.clock.left
        return prove(tree, self.clock, self.effort, self.local.restart)

    def answer(self) -> SearchedTopology:
        """Gather what is known."""
        outcome, best, problem = self.outcome, self.best, self.problem
        # nothing in the objective can be negative
        lifted = self.count.lift(self.objective, max(outcome.bound, self.floor, 0.0))
        bound = math.inf if outcome.status == "infeasible" else lifted
        flow = self.exchange.flow(best.state) if best.state is not None else None
        self.clock.report_bests(best.value, bound, outcome.status)
        shown = None if flow is None else relaxed_or_none(self.grid, problem, flow, self.clock)
        return SearchedTopology(
            status=outcome.status,
            flow=flow,
            relaxed=shown,
            least_violating=least_violating(self.exchange, self.search) if flow is None else None,
            bound=min(bound, best.value),
            progress=tuple(self.clock.rows),
            solver=solver_name(self.name, outcome),
            formulation=FORMULATIONS["distflow"] if problem is None else problem.formulation,
            notes=tuple(self.notes),
            proof=solver_name(self.name, outcome) if self.name == "all states" else "",
        )


def fewest_operations(
    grid: Grid, answer: SearchedTopology, effort: Effort, clock: Deadline, most: int | None
) -> SearchedTopology | None:
    """Find how few operations are enough where a budget is proven to be too small, as far as time is left.

    Parameters
    ----------
    grid, effort, clock
        See `solve_reconfiguration`.
    answer : SearchedTopology
        Of the search within the budget.
    most : int or None
        The budget.
    """
    if most is None or answer.status != "infeasible" or clock.spent:
        return None
    # an explanation may take twice as long as what it explains
    seconds = min(clock.left, max(2 * clock.now, _LEAST_TO_EXPLAIN))
    return solve_reconfiguration(grid, Objective(switching=1.0), effort, clock=Deadline(seconds), floor=most + 1.0)


def _without_model(
    exchange: ExchangeProblem, search: ExchangeSearch, best: Incumbent, clock: Deadline, enough: tuple[float, float]
) -> tuple[OperationCount, tuple[str, Outcome] | None]:
    """Answer without a model, which on ten thousand buses takes a minute to build, where that is possible.

    `enough` is the relative gap at which to stop, and a bound that is proven already.
    """
    gap, floor = enough
    objective, near = exchange.objective, NearStates(exchange)
    count = operation_count(exchange, near.present)

    def settled(bound: float) -> bool:
        return best.state is not None and best.value - bound <= gap * abs(best.value)

    whole = near.run(best, lambda: clock.spent)
    if whole is None and objective.name == "switching" and math.isinf(exchange.max_operations):
        # beginning with the fewest, the first number that has a state is the answer
        least, whole = near.fewest(best, lambda: clock.spent)
        count = OperationCount(max(least, count.least))
    if whole is not None:
        search.score(near.nearest)
        return count, ("all states", whole)
    count = try_few_operations(exchange, search, best, count, clock.report_bests)
    floor = max(floor, count.lift(objective, 0.0))
    if settled(floor):
        return count, ("few operations", Outcome("optimal", best.state, best.value, floor, 0))
    if not (~exchange.required).any():
        # the only radial state there is has been run
        only = near.nearest
        status = "optimal" if best.state is not None else "infeasible" if exchange.refuted(only) else "unproven"
        return count, ("all states", Outcome(status, best.state, best.value, best.value, 1))
    if best.state is not None and clock.spent:
        # no time for a model: what is known is the answer
        return count, ("few operations", Outcome("time_limit", best.state, best.value, floor, 0))
    return count, None
