"""Solve a reconfiguration: local search for a good topology, branch and bound for the proof."""

from __future__ import annotations

import dataclasses
import logging
import math
import time
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

import numpy as np
import pyomo.environ as pyo

from adnflex.algorithms.branch_and_bound import Outcome, branch_and_bound
from adnflex.algorithms.branch_exchange import Search, branch_exchange, perturbed_search
from adnflex.algorithms.workers import worker_pool
from adnflex.grid.model import Grid
from adnflex.grid.sweep import Flow
from adnflex.grid.tables import State
from adnflex.grid.topology import must_close
from adnflex.problems.clock import Deadline, Progress
from adnflex.problems.reconfiguration.exchange import ExchangeProblem, meshed_start
from adnflex.problems.reconfiguration.few_operations import operation_count, try_few_operations
from adnflex.problems.reconfiguration.model import Reconfiguration, build_reconfiguration
from adnflex.problems.reconfiguration.objective import Objective
from adnflex.problems.reconfiguration.radial_search import Incumbent, RadialSearch
from adnflex.solvers.clarabel import solve_relaxation
from adnflex.solvers.gate import pick, solve_model

__all__ = ["Answer", "Progress", "solve_reconfiguration"]

log = logging.getLogger(__name__)

Open = frozenset[int]

# Part of the time limit that local search may take before the proof begins.
_SEARCH_SHARE = 0.25


@dataclasses.dataclass(frozen=True)
class Answer:
    """What solving gave.

    Attributes
    ----------
    status : str
        ``optimal``, ``infeasible``, ``time_limit``, ``interrupted`` or ``unproven`` (the solver gave up).
    flow : Flow or None
        Exact state of the best topology that meets every limit.
    relaxed : State or None
        What the relaxation says of that topology.
    least_violating : Flow or None
        Where none meets every limit: the state of the least violating topology found.
    bound : float
        Proven lower bound of the objective.
    progress : tuple of Progress
        How incumbent and bound went.
    solver : str
        What did it.
    notes : tuple of str
        What happened to the workers.
    """

    status: str
    flow: Flow | None
    relaxed: State | None
    least_violating: Flow | None
    bound: float
    progress: tuple[Progress, ...]
    solver: str
    notes: tuple[str, ...] = ()


def solve_reconfiguration(
    grid: Grid,
    objective: Objective,
    *,
    gap: float = 1e-4,
    clock: Deadline | None = None,
    solver: str = "auto",
    executor: Executor | None = None,
    workers: int | None = None,
    seed: int = 0,
) -> Answer:
    """Find the best topology of a grid and prove how good it is.

    Parameters
    ----------
    grid : Grid
        The grid.
    objective : Objective
        What to minimise.
    gap : float
        Relative gap at which to stop.
    clock : Deadline, optional
        Time limit, told of every step; by default 300 s from now.
    solver : str
        See `adnflex.reconfigure`.
    executor : concurrent.futures.Executor, optional
        Runs relaxations side by side.
    workers : int, optional
        How many at once.
    seed : int
        Seed of the local search.
    """
    clock = Deadline(300.0) if clock is None else clock
    report = clock.report_bests
    exchange = ExchangeProblem(grid, objective, must_close(grid))
    best = Incumbent()
    # whatever the local search finds, most of the time belongs to the proof
    pause = clock.part(_SEARCH_SHARE)
    search = Search(exchange.evaluate, exchange.moves, stop=lambda: pause.spent)
    name = "clarabel" if solver in ("auto", "clarabel") else pick(solver, integers=True, cones=True)
    present = frozenset(np.flatnonzero(~grid.closed).tolist())
    # the first incumbent: whatever happens later, a present state that meets every limit is an answer
    best.offer(present, search.score(present))
    count = operation_count(exchange, present)
    problem: Reconfiguration | None = None
    notes: list[str] = []
    outcome = Outcome("interrupted", best.state, best.value, -math.inf, 0)
    try:
        count = try_few_operations(exchange, search, best, count, report)
        floor = count.lift(objective, 0.0)
        if best.state is not None and best.value - floor <= gap * abs(best.value):
            # no model is needed, which on ten thousand buses takes a minute to build
            name, outcome = "few operations", Outcome("optimal", best.state, best.value, floor, 0)
        elif best.state is not None and clock.spent:
            # no time for a model: what is known is the answer
            name, outcome = "few operations", Outcome("time_limit", best.state, best.value, floor, 0)
        else:
            problem = build_reconfiguration(grid, objective, least_operations=count.least)
            if _local_search(grid, problem, search, best, clock, seed):
                search.stop = lambda: clock.spent
                lift = partial(count.lift, objective)
                if name == "clarabel":
                    tree = RadialSearch(problem, exchange, search, best, lift)
                    # workers have their own steady clocks, but the same day
                    tree.relax.until = time.time() + clock.left
                    outcome, notes = _prove(tree, clock, gap, executor, workers)
                else:
                    outcome = _prove_by_model(problem, exchange, search, best, clock, gap, name, lift)
    except KeyboardInterrupt:
        if best.state is None:
            raise
    # nothing in the objective can be negative
    bound = math.inf if outcome.status == "infeasible" else count.lift(objective, max(outcome.bound, 0.0))
    flow = exchange.flow(best.state) if best.state is not None else None
    report(best.value, bound, outcome.status)
    return Answer(
        status=outcome.status,
        flow=flow,
        relaxed=None if flow is None or problem is None else _relaxed_or_none(problem, flow, clock),
        least_violating=_least_violating(exchange, search) if flow is None else None,
        bound=min(bound, best.value),
        progress=tuple(clock.rows),
        solver=_solver_name(name, outcome),
        notes=tuple(notes),
    )


def _solver_name(name: str, outcome: Outcome) -> str:
    if name == "clarabel":
        return f"conic branch and bound (Clarabel), {outcome.nodes} nodes"
    if name == "few operations":
        return "exchanges of the present state, each by exact power flow"
    return {"highs": "outer approximation (HiGHS, Clarabel)"}.get(name, name)


def _local_search(
    grid: Grid,
    problem: Reconfiguration,
    search: Search,
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


def _prove(
    tree: RadialSearch,
    clock: Deadline,
    gap: float,
    executor: Executor | None,
    workers: int | None,
) -> tuple[Outcome, list[str]]:
    with worker_pool(tree.relax, executor, workers) as crew:
        outcome = branch_and_bound(
            tree.root,
            tree.relax,
            tree.split,
            tree.leaf,
            tree.heuristic,
            tree.incumbent,
            gap=gap,
            seconds=clock.left,
            workers=crew,
            report=clock.report_bests,
        )
    return outcome, crew.notes


def _prove_by_model(
    problem: Reconfiguration,
    exchange: ExchangeProblem,
    search: Search,
    best: Incumbent,
    clock: Deadline,
    gap: float,
    name: str,
    lift: Callable[[float], float],
) -> Outcome:
    """Hand the whole model to a solver; exclude a topology that the relaxation accepts and AC does not."""
    model = problem.model
    model.excluded = pyo.ConstraintList()
    bound, rounds, status = -math.inf, 0, "time_limit"
    excluded: set[Open] = set()
    while not clock.spent:
        flow = exchange.flow(best.state) if best.state is not None else None
        start = problem.point_of(flow) if flow is not None else None
        # the points near the incumbent give tangent planes where they are needed
        near = [f for s in _best_seen(search, 20) if (f := exchange.flow(s)) is not None]
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
            model.excluded.add(pyo.quicksum(model.z[k] for k in state) >= 1)
        clock.report_bests(best.value, min(bound, best.value), name)
        if status != "optimal" or bound >= best.value - gap * abs(best.value):
            break
    return Outcome(status, best.state, best.value, min(bound, best.value), rounds)


def _best_seen(search: Search, most: int) -> list[Open]:
    scored = sorted((score, sorted(state)) for state, score in search.seen.items() if score is not None)
    return [frozenset(state) for _, state in scored[:most]]


def _least_violating(exchange: ExchangeProblem, search: Search) -> Flow | None:
    seen = _best_seen(search, 1)
    return exchange.flow(seen[0]) if seen else None


def _relaxed_or_none(problem: Reconfiguration, flow: Flow, clock: Deadline) -> State | None:
    try:
        return _relaxed_state(problem, flow, max(clock.left, _LEAST_SECONDS))
    except KeyboardInterrupt:
        return None


# What the relaxation of the answer may take where the limit is reached [s].
_LEAST_SECONDS = 0.5


def _relaxed_state(problem: Reconfiguration, flow: Flow, seconds: float) -> State | None:
    """Ask what the relaxation says where the topology is fixed and loss is priced: its cone may be tight or not.

    Objectives without loss leave the currents free, so that the point itself would say nothing.
    """
    form = problem.form
    cost = np.zeros(len(form.c))
    form.put(cost, problem.model.l, problem.grid.r)
    form = dataclasses.replace(form, c=cost, c0=0.0)
    low, high = form.low.copy(), form.high.copy()
    column = form.columns_of(problem.model.z[int(k)] for k in problem.free)
    low[column] = high[column] = flow.closed[problem.free].astype(float)
    answer = solve_relaxation(form, low, high, seconds)
    if answer.x is None:
        return None
    x = answer.x
    m, g = problem.model, problem.grid
    # a root next to fixed voltages only is no column of the model
    v = np.where(np.isnan(g.root_v), form.get(x, m.v, g.n), g.root_v)
    return State(flow.closed, v, form.get(x, m.p, g.m), form.get(x, m.q, g.m), form.get(x, m.l, g.m))
