"""How good a topology can be: branch and bound over relaxations, or the whole model by a solver."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from adnflex.algorithms.branch_and_bound import Outcome, SearchTree, branch_and_bound
from adnflex.algorithms.branch_exchange import ExchangeSearch
from adnflex.algorithms.workers import worker_pool
from adnflex.grid.state import Flow
from adnflex.knobs import Effort
from adnflex.problems.clock import Deadline
from adnflex.problems.reconfiguration.directed import DirectedReconfiguration
from adnflex.problems.reconfiguration.directed_search import DirectedSearch
from adnflex.problems.reconfiguration.exchange import ExchangeProblem
from adnflex.problems.reconfiguration.model import Reconfiguration
from adnflex.problems.reconfiguration.radial_search import Incumbent
from adnflex.solvers.capability import pick
from adnflex.solvers.gate import solve_model

Open = frozenset[int]

# Seconds for which one process works alone: to start others takes about as long as a small proof.
_PATIENCE = 0.3


def proof_solver(wanted: str) -> str:
    """Choose what proves: Clarabel under our own branch and bound, unless another solver is asked for."""
    return "clarabel" if wanted in ("auto", "clarabel") else pick(wanted, integers=True, cones=True)


def prove(
    tree: SearchTree, clock: Deadline, effort: Effort, beside: Callable[[], bool] | None = None
) -> tuple[Outcome, list[str]]:
    """Prove by branch and bound over conic relaxations; also what happened to the workers.

    `beside` is what goes on meanwhile, see `branch_and_bound`.
    """
    known, solves, notes = (-math.inf, math.inf), 0, list[str]()
    if isinstance(tree, DirectedSearch):
        before = tree.strengthen(effort, clock)
        known, solves, notes = (before.bound, before.closed), before.solves, before.notes
        if before.interrupted:
            best, value = tree.incumbent()
            return Outcome("interrupted", best, value, min(*known, value), solves), notes
    with worker_pool(tree.relax, effort.executor, effort.workers, _PATIENCE) as crew:
        outcome = branch_and_bound(
            tree,
            gap=effort.gap,
            seconds=clock.left,
            workers=crew,
            report=clock.report_bests,
            beside=beside,
            known=known,
        )
    notes += [note for note in crew.notes if note not in notes]
    return replace(outcome, nodes=outcome.nodes + solves), notes


def prove_by_model(
    problem: Reconfiguration | DirectedReconfiguration,
    exchange: ExchangeProblem,
    search: ExchangeSearch,
    best: Incumbent,
    clock: Deadline,
    gap: float,
    name: str,
    lift: Callable[[float], float],
) -> Outcome:
    """Hand the whole model to a solver; exclude a topology that the relaxation accepts and AC does not."""
    model = problem.model
    bound, rounds, status = -math.inf, 0, "time_limit"
    excluded: set[Open] = set()
    while not clock.spent:
        flow = exchange.flow(best.state) if best.state is not None else None
        start = problem.point_of(flow) if flow is not None and problem.formulation.bounds_ac else None
        # the points near the incumbent give tangent planes where they are needed
        near = [f for s in best_seen(search, 20) if (f := exchange.flow(s)) is not None]
        try:
            solved = solve_model(
                model,
                name,
                gap=gap / 2,
                seconds=max(clock.left, 0.1),
                start=start,
                points=[problem.point_of(f) for f in near],
                report=clock.report_bests,
            )
        except KeyboardInterrupt:
            status = "interrupted"
            break
        rounds += 1
        status = solved.status
        if status == "infeasible":
            if best.state is None:
                bound = math.inf
            elif best.state in excluded:
                # all that was not excluded is infeasible, so what is known is the best
                status, bound = "optimal", best.value
            else:
                # a state that meets every limit by exact power flow refutes the solver
                status = "unproven"
            break
        status = status if status in ("optimal", "time_limit", "interrupted") else "unproven"
        bound = max(bound, lift(solved.bound))
        if solved.x is not None:
            state = frozenset(np.flatnonzero(~problem.closed_of(solved.x)).tolist())
            excluded.add(state)
            best.offer(state, search.score(state))
            problem.exclude(state)
        clock.report_bests(best.value, min(bound, best.value), name)
        if status != "optimal" or bound >= best.value - gap * abs(best.value):
            break
    return Outcome(status, best.state, best.value, min(bound, best.value), rounds)


def best_seen(search: ExchangeSearch, most: int) -> list[Open]:
    """Return the states with the best scores, best first."""
    scored = sorted((score, sorted(state)) for state, score in search.seen.items() if score is not None)
    return [frozenset(state) for _, state in scored[:most]]


def least_violating(exchange: ExchangeProblem, search: ExchangeSearch) -> Flow | None:
    """Return the state of the least violating topology that was seen."""
    seen = best_seen(search, 1)
    return exchange.flow(seen[0]) if seen else None
