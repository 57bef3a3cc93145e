"""Solve a reconfiguration: local search for a good topology, branch and bound for the proof."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from functools import partial

import numpy as np

from adnflex.algorithms.branch_and_bound import Outcome
from adnflex.algorithms.branch_exchange import ExchangeSearch, branch_exchange, perturbed_search
from adnflex.formulations import FORMULATIONS, Formulation
from adnflex.grid.model import BoolArray, Grid
from adnflex.grid.topology import must_close
from adnflex.knobs import Effort
from adnflex.problems.clock import Deadline
from adnflex.problems.reconfiguration.answer import SearchedTopology, relaxed_or_none, solver_name
from adnflex.problems.reconfiguration.approximate import solve_approximately
from adnflex.problems.reconfiguration.exchange import ExchangeProblem, meshed_start
from adnflex.problems.reconfiguration.few_operations import OperationCount, operation_count, try_few_operations
from adnflex.problems.reconfiguration.model import Reconfiguration, build_reconfiguration
from adnflex.problems.reconfiguration.near_states import NearStates
from adnflex.problems.reconfiguration.objective import Objective
from adnflex.problems.reconfiguration.proof import least_violating, proof_solver, prove, prove_by_model
from adnflex.problems.reconfiguration.radial_search import Incumbent, RadialSearch

__all__ = ["solve_reconfiguration"]

log = logging.getLogger(__name__)

Open = frozenset[int]

# Part of the time limit that local search may take before the proof begins.
_SEARCH_SHARE = 0.25

_USUAL = Effort()


def solve_reconfiguration(
    grid: Grid,
    objective: Objective,
    effort: Effort = _USUAL,
    *,
    clock: Deadline | None = None,
    formulation: Formulation | None = None,
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
    formulation : Formulation, optional
        Of the branch flow; by default DistFlow. One that does not bound AC is handed to `solve_approximately`.
    max_operations : int, optional
        Largest number of branches whose state changes.
    known : sequence of (m,) array of bool
        States that are known to be good: closed branches.
    floor : float
        Lower bound of the objective that is proven already.
    """
    clock = Deadline(effort.time_limit) if clock is None else clock
    formulation = FORMULATIONS["distflow"] if formulation is None else formulation
    if not formulation.bounds_ac:
        return solve_approximately(grid, objective, formulation, effort, clock, max_operations)
    report = clock.report_bests
    exchange = ExchangeProblem(grid, objective, must_close(grid), max_operations)
    best = Incumbent()
    # whatever the local search finds, most of the time belongs to the proof
    pause = clock.part(_SEARCH_SHARE)
    search = ExchangeSearch(exchange.evaluate, exchange.moves, stop=lambda: pause.spent)
    name = proof_solver(effort.solver)
    present = frozenset(np.flatnonzero(~grid.closed).tolist())
    # the first incumbent: whatever happens later, a present state that meets every limit is an answer
    for state in (present, *(frozenset(np.flatnonzero(~closed).tolist()) for closed in known)):
        best.offer(state, search.score(state))
    count = OperationCount(0)
    problem: Reconfiguration | None = None
    notes: list[str] = []
    outcome = Outcome("interrupted", best.state, best.value, -math.inf, 0)
    try:
        count, early = _without_model(exchange, search, best, clock, (effort.gap, floor))
        if early is not None:
            name, outcome = early
        else:
            between = count.least, max_operations
            problem = build_reconfiguration(grid, objective, formulation=formulation, operations=between)
            if _local_search(grid, problem, search, best, clock, effort.seed):
                search.stop = lambda: clock.spent
                lift = partial(count.lift, objective)
                if name == "clarabel":
                    tree = RadialSearch(problem, exchange, search, best, lift)
                    # workers have their own steady clocks, but the same day
                    tree.relax.until = time.time() + clock.left
                    outcome, notes = prove(tree, clock, effort)
                else:
                    outcome = prove_by_model(problem, exchange, search, best, clock, effort.gap, name, lift)
    except KeyboardInterrupt:
        if best.state is None:
            raise
    # nothing in the objective can be negative
    bound = math.inf if outcome.status == "infeasible" else count.lift(objective, max(outcome.bound, floor))
    flow = exchange.flow(best.state) if best.state is not None else None
    report(best.value, bound, outcome.status)
    return SearchedTopology(
        status=outcome.status,
        flow=flow,
        relaxed=None if flow is None or problem is None else relaxed_or_none(problem, flow, clock),
        least_violating=least_violating(exchange, search) if flow is None else None,
        bound=min(bound, best.value),
        progress=tuple(clock.rows),
        solver=solver_name(name, outcome),
        formulation=formulation,
        notes=tuple(notes),
        proof=solver_name(name, outcome) if name == "all states" else "",
    )


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

    if floor > 0 and settled(floor):
        return count, ("known", Outcome("optimal", best.state, best.value, floor, 0))
    whole = near.run(best, lambda: clock.spent)
    if whole is not None:
        search.score(near.nearest)
        return count, ("all states", whole)
    count = try_few_operations(exchange, search, best, count, clock.report_bests)
    floor = max(floor, count.lift(objective, 0.0))
    if settled(floor):
        return count, ("few operations", Outcome("optimal", best.state, best.value, floor, 0))
    if best.state is not None and clock.spent:
        # no time for a model: what is known is the answer
        return count, ("few operations", Outcome("time_limit", best.state, best.value, floor, 0))
    return count, None


def _local_search(
    grid: Grid,
    problem: Reconfiguration,
    search: ExchangeSearch,
    best: Incumbent,
    clock: Deadline,
    seed: int,
) -> bool:
    """Branch exchange from the present state and from the meshed flow, then from perturbed states for a while.

    Returns False where Ctrl-C ended it.
    """
    report = clock.report_bests
    try:
        present = frozenset(np.flatnonzero(~grid.closed).tolist())
        # whatever takes long below, the present state is known by then
        best.offer(present, search.score(present))
        report(best.value, -math.inf, "present state")
        starts = [*([best.state] if best.state is not None else []), present]
        if best.state is None or not search.stop():
            starts.append(meshed_start(grid, problem.required))
        found = [r for s in starts if (r := branch_exchange(search, s)) is not None]
        for state, score in found:
            best.offer(state, score)
        report(best.value, -math.inf, "branch exchange")
        if found:
            top = min(found, key=lambda r: r[1])
            effort = min(0.02 * clock.seconds, 0.05 * len(problem.free))
            best.offer(*perturbed_search(search, top, effort, np.random.default_rng(seed)))
            report(best.value, -math.inf, "perturbed search")
    except KeyboardInterrupt:
        for state, seen in search.seen.items():
            best.offer(state, seen)
        return False
    return True
