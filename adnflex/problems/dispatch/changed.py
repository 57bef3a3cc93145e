"""A dispatch whose model its caller has changed: solved as it stands, run in exact power flow, and valued there."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import BoolArray
from adnflex.devices import Supplies
from adnflex.problems.clock import Deadline
from adnflex.problems.dispatch.charge_modes import Modes, all_modes
from adnflex.problems.dispatch.model import Dispatch, build_dispatch
from adnflex.problems.dispatch.problem import DispatchProblem
from adnflex.problems.dispatch.recover import recover_dispatch
from adnflex.problems.dispatch.relaxed import looseness, relaxed_state
from adnflex.problems.dispatch.solve import DispatchAnswer
from adnflex.problems.dispatch.state import DispatchState, evaluate
from adnflex.problems.own_model import ROUNDING, Change, OwnObjective, apply_change, least_beside, nothing_found
from adnflex.solvers.conic import compile_model
from adnflex.solvers.gate import solve_form


def solve_changed(
    problem: DispatchProblem, change: Change, gap: float, clock: Deadline, solver: str
) -> tuple[DispatchAnswer, OwnObjective]:
    """Solve a model that its caller changes, and make the answer hold in exact power flow.

    Parameters
    ----------
    problem : DispatchProblem
        What is asked.
    change : callable
        Changes the model; its objective and constraints stay linear, or cones.
    gap : float
        Relative gap of its objective at which the search may end.
    clock : Deadline
        Time limit; told incumbent, bound and seconds.
    solver : str
        See `adnflex.solvers.capability.pick`.

    Raises
    ------
    InputError
        If the change fails, or leaves no objective that is minimised.
    Infeasible
        If the changed model has no point.
    SolverError
        If the model is none that can be solved, or the solver fails.
    """
    known: set[str] = set()

    def built(modes: Modes) -> Dispatch:
        dispatch = build_dispatch(problem, modes)
        known.update(apply_change(dispatch.model, change))
        return replace(dispatch, form=compile_model(dispatch.model))

    # no charge mode may be missing: what shows that one is needed knows the old objective only
    dispatch = built(all_modes(problem.horizon, problem.devices))
    solved = solve_form(dispatch.form, solver, gap=gap, seconds=clock.left, report=clock.report)
    proven = problem.formulation.bounds_ac
    if solved.x is None:
        raise nothing_found(solved.status, proven, clock, f"{solved.solver} ({solved.words})")
    state, method = evaluate(dispatch, solved.x), ""
    first = state
    if not state.feasible:
        found = recover_dispatch(dispatch, solved.x, lambda s: s.feasible, lambda: max(clock.left, 1.0), built)
        state, method = found.answer or state, found.method
    gaps, invented = looseness(dispatch, solved.x)
    answer = DispatchAnswer(
        "unproven" if state.feasible else "not recovered",
        dispatch,
        state,
        solved.x,
        -math.inf,
        gaps,
        invented,
        method,
        sorted(state.excess, key=lambda e: -e.share),
        clock.rows,
        solved.solver,
        relaxed_state(dispatch, first, solved.x),
    )
    value = _in_power_flow(dispatch, state, known) if state.feasible else None
    bound = solved.bound if proven and math.isfinite(solved.bound) else None
    if value is not None and bound is not None and value > bound - ROUNDING * (1 + abs(bound)):
        bound = min(bound, value)  # rounding, and a lower bound is one still
    return answer, OwnObjective(value, bound)


def _in_power_flow(dispatch: Dispatch, state: DispatchState, known: Collection[str]) -> float | None:
    """Return the least objective at the voltages and flows of exact power flow, over what the caller added.

    Decisions stay; imports, and what follows voltages in taps and banks, are what the rows of the model make of them.
    """
    form, columns = dispatch.form, dispatch.form.columns()
    x, held = state.x.copy(), _decided(dispatch)
    for (s, t), flow in state.flows.items():
        if flow is None:
            return None
        at = dispatch.model.at[s, t]
        for variable, values in ((at.v, flow.v), (at.p, flow.p), (at.q, flow.q), (at.l, flow.l)):
            form.put(x, variable, np.asarray(values, dtype=float))
            held[[columns[id(v)] for v in variable.values() if id(v) in columns]] = True
    found = least_beside(form, x, held, known)
    return None if found.x is None else float(found.objective)


def _decided(dispatch: Dispatch) -> BoolArray:
    """Columns that decisions hold: integers, and devices whose set-points are their own variables."""
    form, columns = dispatch.form, dispatch.form.columns()
    held = form.integer.copy()
    for i, device in enumerate(dispatch.devices):
        block = dispatch.model.device[i]
        if isinstance(device, Supplies) or hasattr(block, "u"):
            continue
        own = [columns[id(v)] for v in block.component_data_objects(pyo.Var) if id(v) in columns]
        held[own] = True
    return held
