"""Reconfiguration by a formulation that does not bound AC: its best topology, bounded by DistFlow beside it."""

from __future__ import annotations

import dataclasses
import math
import time
from functools import partial

import numpy as np

from adnflex.algorithms.branch_and_bound import Outcome
from adnflex.algorithms.branch_exchange import ExchangeSearch, Score
from adnflex.formulations import Formulation
from adnflex.grid.model import Grid
from adnflex.grid.topology import must_close
from adnflex.knobs import Effort
from adnflex.problems.clock import Deadline
from adnflex.problems.reconfiguration.answer import LEAST_SECONDS, SearchedTopology, relaxed_or_none, solver_name
from adnflex.problems.reconfiguration.exchange import ExchangeProblem
from adnflex.problems.reconfiguration.model import Reconfiguration, build_reconfiguration
from adnflex.problems.reconfiguration.objective import Objective
from adnflex.problems.reconfiguration.proof import least_violating, proof_solver, prove, prove_by_model
from adnflex.problems.reconfiguration.radial_search import Incumbent, RadialSearch
from adnflex.solvers.clarabel import solve_relaxation

Open = frozenset[int]


def solve_approximately(
    grid: Grid,
    objective: Objective,
    formulation: Formulation,
    effort: Effort,
    clock: Deadline,
    max_operations: int | None = None,
) -> SearchedTopology:
    """Take the best topology of a formulation that does not bound AC; the relaxation of DistFlow bounds it.

    Of the topologies that keep every limit in exact power flow the one is taken that the formulation itself values
    most. Where the time ends before one is found, the present state is the answer if it holds.

    Parameters
    ----------
    grid, objective, effort, clock, max_operations
        See `solve_reconfiguration`.
    formulation : Formulation
        Of the branch flow.
    """
    exchange = ExchangeProblem(grid, objective, must_close(grid), max_operations)
    within = 0, max_operations
    cone = build_reconfiguration(grid, objective, operations=within)
    beside = solve_relaxation(cone.form, time_limit=max(clock.left, LEAST_SECONDS))
    problem = build_reconfiguration(grid, objective, formulation=formulation, operations=within)
    best, outcome = Incumbent(), Outcome(beside.status, None, math.inf, math.inf, 0)
    notes: list[str] = []
    search = ExchangeSearch(partial(_by_model, problem, exchange, clock), exchange.moves)
    name = proof_solver(effort.solver)
    # neither its values nor its bounds are those of the answer: nobody is told of them
    quiet = clock.part(1.0)
    try:
        if beside.status == "infeasible":
            pass
        elif name == "clarabel":
            tree = RadialSearch(problem, search, best, improve=False)
            tree.relax.until = time.time() + clock.left
            outcome, notes = prove(tree, quiet, effort)
        else:
            outcome = prove_by_model(problem, exchange, search, best, quiet, effort.gap, name, lambda bound: bound)
    except KeyboardInterrupt:
        outcome = dataclasses.replace(outcome, status="interrupted")
    state = best.state
    if state is None and beside.status != "infeasible":
        present = frozenset(np.flatnonzero(~grid.closed).tolist())
        state = present if (score := exchange.evaluate(present)) is not None and not score.violation else None
    flow = None if state is None else exchange.flow(state)
    value = math.inf if flow is None else objective.of_flow(grid, flow)
    bound = min(max(beside.bound, 0.0), value)
    status = outcome.status
    if flow is None:
        # that the formulation has no topology refutes nothing in AC
        status = "infeasible" if beside.status == "infeasible" else "unproven" if status == "infeasible" else status
    elif status in ("optimal", "infeasible"):
        status = "optimal" if value - bound <= effort.gap * abs(value) else "gap"
    clock.report_bests(value, bound, status)
    return SearchedTopology(
        status=status,
        flow=flow,
        relaxed=None if flow is None else relaxed_or_none(grid, problem, flow, clock),
        least_violating=least_violating(exchange, search) if flow is None else None,
        bound=bound,
        progress=tuple(clock.rows),
        solver=f"{formulation.name}: {solver_name(name, outcome)}",
        formulation=formulation,
        notes=tuple(notes),
    )


def _by_model(problem: Reconfiguration, exchange: ExchangeProblem, clock: Deadline, state: Open) -> Score | None:
    """Value a topology by the model, its violations by exact power flow."""
    exact = exchange.evaluate(state)
    if exact is None:
        return None
    form = problem.form
    low, high = form.low.copy(), form.high.copy()
    column = form.columns_of(problem.model.z[int(k)] for k in problem.free)
    low[column] = high[column] = exchange.closed(state)[problem.free].astype(float)
    found = solve_relaxation(form, low, high, max(clock.left, LEAST_SECONDS))
    return None if found.x is None else Score(exact.violation, found.objective)
