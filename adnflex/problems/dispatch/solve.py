"""Solve a dispatch: relaxation and integers first, exact power flow next, recovery where they disagree.

Whatever is returned as a plan is a `DispatchState` without excess: exact power flow has measured it and the devices
have audited it.  The present state is the first one, so that no end of the search can lose it.
"""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from adnflex.algorithms.recovery import Recovered
from adnflex.arrays import FloatArray
from adnflex.errors import SolverError
from adnflex.problems.clock import Deadline, Progress
from adnflex.problems.dispatch.charge_modes import first_modes
from adnflex.problems.dispatch.explain import least_violation
from adnflex.problems.dispatch.fewer_moves import within_gap
from adnflex.problems.dispatch.limits import LimitViolation
from adnflex.problems.dispatch.loss_certificate import Goal, Losses, least_losses_mwh, loss_value
from adnflex.problems.dispatch.model import Dispatch
from adnflex.problems.dispatch.other_decisions import next_best
from adnflex.problems.dispatch.present import present_point
from adnflex.problems.dispatch.problem import DispatchProblem
from adnflex.problems.dispatch.recover import recover_dispatch
from adnflex.problems.dispatch.relaxed import looseness, relaxed_state
from adnflex.problems.dispatch.search import Search
from adnflex.problems.dispatch.state import DispatchState, evaluate
from adnflex.problems.dispatch.topologies import TOPOLOGIES, FirstTopologies
from adnflex.solvers.capability import pick
from adnflex.solvers.clarabel import solve_relaxation
from adnflex.solvers.ending import Ending

log = logging.getLogger(__name__)

# Up to this relative difference of the objective a bound above it is rounding.
_SAME = 1e-6

# The way by which the present state becomes an answer.
PRESENT = "present state"


@dataclass(frozen=True)
class DispatchAnswer:
    """What solving gave.

    Attributes
    ----------
    status : str
        ``optimal``, ``gap``, ``infeasible``, ``not recovered``, ``unproven``, ``time_limit`` or ``interrupted``.
    dispatch : Dispatch
        The model of `relaxed`.
    state : DispatchState or None
        The dispatch as it runs; where no limit-abiding one was found, the least violating one.
    relaxed : (N,) array or None
        The point of the plain relaxation; None where it gave none.
    bound : float
        Proven lower bound of the objective.
    gap_of, invented_kw : (S, T, m) array
        Tightness of the plain relaxation; NaN where it gave no point.
    method : str
        What recovered, or `PRESENT`; empty where nothing had to.
    excess : list of LimitViolation
        Where nothing meets every limit: what the least violating dispatch breaks, worst first.
    by_relaxation : DispatchState or None
        What the plain relaxation itself says of its point.
    losses : Losses or None
        What is proven of the losses.
    progress : list of Progress
        How incumbent and bound went.
    solver : str
        What did it.
    spared_moves : int
        Moves of the first plan found that the gap made meaningless.
    """

    status: str
    dispatch: Dispatch
    state: DispatchState | None
    relaxed: FloatArray | None
    bound: float
    gap_of: FloatArray
    invented_kw: FloatArray
    method: str
    excess: list[LimitViolation]
    progress: list[Progress]
    solver: str
    by_relaxation: DispatchState | None = None
    losses: Losses | None = None
    spared_moves: int = 0


def solve_dispatch(
    problem: DispatchProblem, *, goal: Goal, clock: Deadline, solver: str = "auto", exact: bool = False
) -> DispatchAnswer:
    """Solve a dispatch and make it hold in exact power flow.

    Parameters
    ----------
    problem : DispatchProblem
        What is asked. Of a formulation that does not bound AC the set-points are taken; the bound is that of DistFlow
        beside it, without integers.
    goal : Goal
        When the search may end.
    clock : Deadline
        Time limit; told incumbent, bound and seconds.
    solver : str
        See `adnflex.solvers.capability.pick`.
    exact : bool
        The exact equations by spatial branch and bound (SCIP, Gurobi) instead of the relaxation.

    Raises
    ------
    SolverError
        If the solver fails and the present state is no answer.
    """
    if solver != "auto":  # one that is not there is said, however little time there is
        pick(solver, integers=False, cones=False, exact=exact)
    clock.report(math.inf, -math.inf, "building")
    modes = first_modes(problem.horizon, problem.devices)
    search = Search(problem, goal.gap, solver, clock, modes, exact)
    dispatch = search.build()
    present = evaluate(dispatch, present_point(dispatch))
    search.gap = goal.relative(dispatch, present)
    best = _Best(None, "").or_better(present, PRESENT)
    if best.state is not None:
        clock.report(best.value, -math.inf, PRESENT)
    if clock.spent:
        # building took all the time: no search, but what can be said at once
        late = Ending("time_limit", None, math.inf, -math.inf, 0.0, solver)
        return _without_point(search, dispatch, late, best)
    first = FirstTopologies(search, dispatch, goal)
    try:
        if not search.problem.formulation.bounds_ac and (beside := search.bound_beside()).status == "infeasible":
            return _without_point(search, dispatch, beside, best)
        first.run(present)
        if first.solved is not None and first.solved.status == "optimal":
            solved = first.solved
        else:
            known = None if first.solved is None else first.solved.x
            dispatch, solved = search.one_way(built=dispatch, start=known)
        best = best.or_better(first.found, TOPOLOGIES)
    except KeyboardInterrupt:
        best = best.or_better(first.found, TOPOLOGIES)
        if best.state is None:
            raise
        solved = Ending("interrupted", None, math.inf, search.bound, 0.0, solver)
    if solved.x is None:
        return _without_point(search, dispatch, solved, best)
    return _from_point(search, dispatch, solved, best, goal)


# Status of a plan where a solver ended so.
_STATUS = {"time_limit": "time_limit", "interrupted": "interrupted", "optimal": "optimal"}


class _Best(NamedTuple):
    """The best answer that holds, and the way it came."""

    state: DispatchState | None
    method: str

    @property
    def value(self) -> float:
        return math.inf if self.state is None else self.state.objective

    def or_better(self, state: DispatchState | None, method: str) -> _Best:
        """Take another answer if it holds and is no worse."""
        if state is None or not state.feasible or state.objective > self.value:
            return self
        return _Best(state, method)


def _without_point(search: Search, dispatch: Dispatch, solved: Ending, best: _Best) -> DispatchAnswer:
    """Answer where the relaxation gave no point: with what is known, else with the reason."""
    clock, nan = search.clock, np.full((*search.problem.points.p.shape[:2], search.problem.points.grid.m), np.nan)
    status, bound = solved.status, solved.bound
    if best.state is None and status != "infeasible":
        best = _at_rest(search, dispatch)
    excess: list[LimitViolation] = []
    if best.state is not None:
        # an answer that runs refutes what a solver calls infeasible within its tolerances
        bound = search.bound if status == "infeasible" else bound
        status = _STATUS.get(status, "unproven")
        if status == "time_limit":
            bound = max(bound, search.bound, _relaxed_bound(search, dispatch))
        bound = min(bound, best.value)
    else:
        if status not in ("infeasible", "time_limit", "interrupted"):
            raise SolverError(
                f"{solved.solver} ended without an answer ({solved.words}); nothing is proven, neither a dispatch nor "
                "that there is none. Try another solver, or scale the data."
            )
        if status == "infeasible":
            clock.report(math.inf, math.inf, "infeasible; looking for the reason")
            excess = least_violation(search.problem, clock.left) or []
    clock.report(best.value, bound, "exact power flow")
    losses = _losses(search, dispatch, best.state)
    return DispatchAnswer(
        *(status, dispatch, best.state, None, bound, nan, nan, best.method, excess, clock.rows, solved.solver),
        losses=losses,
    )


# Seconds after the time limit in which an answer is still looked for where there is none.
_GRACE = 1.0


def _relaxed_bound(search: Search, dispatch: Dispatch) -> float:
    """Return the bound of the relaxation without integers: what the time allowed may be far from it."""
    if not search.clock.grace or not search.problem.formulation.bounds_ac:
        return -math.inf
    found = solve_relaxation(dispatch.form, time_limit=search.clock.grace)
    return found.bound if found.status in ("optimal", "time_limit") else -math.inf


def _left(clock: Deadline, grace: float) -> float:
    return max(clock.left, grace)


def _at_rest(search: Search, dispatch: Dispatch) -> _Best:
    """Look for what the continuous devices can do while the discrete ones stay as they are."""
    form, clock = dispatch.form, search.clock
    low, high = form.low.copy(), form.high.copy()
    low[form.integer] = high[form.integer] = np.round(present_point(dispatch)[form.integer])
    clock.report(math.inf, search.bound, "positions and switches as they are")
    answer = solve_relaxation(form, low, high, _left(clock, _GRACE))
    if answer.x is None:
        return _Best(None, "")
    state = evaluate(dispatch, answer.x)
    if state.feasible:
        return _Best(state, "positions as they are")
    found = recover_dispatch(dispatch, answer.x, lambda _: True, lambda: _left(clock, _GRACE), search.build)
    return _Best(found.answer, found.method)


def _closer(search: Search, dispatch: Dispatch, solved: Ending, goal: Goal) -> tuple[Dispatch, Ending, DispatchState]:
    """Solve again where the gap that a solver was asked for turns out too wide for the losses at hand."""
    assert solved.x is not None
    state = evaluate(dispatch, solved.x)
    for _ in range(_AGAIN):
        if not goal.of_losses or solved.status != "optimal" or search.clock.spent:
            break
        wanted = goal.relative(dispatch, state)
        if wanted >= search.gap or solved.objective - search.bound <= goal.room(dispatch, state):
            break
        search.gap = wanted
        try:
            more, again = search.one_way()
        except KeyboardInterrupt:  # what was found first is an answer
            return dispatch, replace(solved, status="interrupted"), state
        if again.x is None:
            break
        dispatch, solved, state = more, again, evaluate(more, again.x)
    return dispatch, solved, state


# How often a gap that was too wide for the losses is made narrower.
_AGAIN = 2


def _from_point(search: Search, dispatch: Dispatch, solved: Ending, best: _Best, goal: Goal) -> DispatchAnswer:
    """Make the point of the relaxation hold, or find one near it that does."""
    dispatch, solved, state = _closer(search, dispatch, solved, goal)
    assert solved.x is not None
    clock, first = search.clock, dispatch
    gaps, invented = looseness(dispatch, solved.x)
    by_relaxation = relaxed_state(dispatch, state, solved.x)
    best = best.or_better(state, "")
    status, relaxed = _STATUS.get(solved.status, "unproven"), solved.x

    def enough(state: DispatchState | None) -> bool:
        return state is not None and state.objective <= search.bound + goal.room(first, state)

    refuted, spared = False, 0
    try:
        if not enough(best.state) and (status != "interrupted" or best.state is None):
            clock.report(best.value, search.bound, "recovery")
            if not search.problem.topology.spans and search.problem.formulation.bounds_ac:
                dispatch, relaxed, refuted = _with_secants(search, dispatch, relaxed)
            if refuted and best.state is None:
                # no AC state meets every limit
                return _without_point(search, first, replace(solved, status="infeasible", x=None), best)
            grace = _GRACE if best.state is None else 0.0
            left = partial(_left, clock, grace)
            found: Recovered[DispatchState] = recover_dispatch(dispatch, relaxed, enough, left, search.build)
            if found.answer is None and best.state is None and search.problem.formulation.bounds_ac:
                found = next_best(search, dispatch, relaxed, enough)
            best = best.or_better(found.answer, found.method)
        few, spared = within_gap(search, (dispatch, first), best.state, goal)
        best = best._replace(state=few)
    except KeyboardInterrupt:
        if best.state is None:
            raise
        status = "interrupted"
    if status in ("optimal", "unproven"):
        status = "optimal" if enough(best.state) else "gap" if math.isfinite(search.bound) else "unproven"
    bound = search.bound
    if bound <= best.value + _SAME * abs(best.value):
        bound = min(bound, best.value)  # rounding, and a lower bound is one still
    clock.report(best.value, bound, "exact power flow")
    shown = state if best.state is None else best.state
    excess = sorted(shown.excess, key=lambda e: -e.share)
    return DispatchAnswer(
        status if best.state is not None else "not recovered",
        first,
        shown,
        solved.x,
        bound,
        gaps,
        invented,
        best.method,
        excess,
        clock.rows,
        solved.solver,
        by_relaxation,
        _losses(search, first, best.state),
        spared,
    )


def _losses(search: Search, dispatch: Dispatch, state: DispatchState | None) -> Losses | None:
    """Say what is proven of the losses, where switches are decided."""
    if state is None or not search.problem.topology.spans:
        return None
    # it is compiled anew, which takes about as long as building it
    seconds = search.clock.grace - search.building
    bounds = search.problem.formulation.bounds_ac and seconds > 0
    least = least_losses_mwh(dispatch, seconds) if bounds else -math.inf
    return Losses(loss_value(dispatch, state), least)


def _with_secants(search: Search, dispatch: Dispatch, relaxed: FloatArray) -> tuple[Dispatch, FloatArray, bool]:
    """Solve again with squared currents bounded from above: a better bound and a point nearer to the truth.

    Also tells whether this refutes that any AC state meets every limit.
    """
    better, again = search.one_way(secants=True)
    if again.x is None:
        return dispatch, relaxed, again.status == "infeasible"
    return better, again.x, False
