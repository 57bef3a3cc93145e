"""Other decisions where those of the relaxation cannot be made to hold in exact power flow."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyomo.environ as pyo

from adnflex.algorithms.recovery import Recovered
from adnflex.arrays import FloatArray
from adnflex.problems.dispatch.model import Dispatch
from adnflex.problems.dispatch.recover import network_cones, recover_dispatch
from adnflex.problems.dispatch.search import Search
from adnflex.problems.dispatch.state import DispatchState
from adnflex.solvers.conic import compile_model
from adnflex.solvers.gate import solve_model

# How many other decisions are tried where those of the relaxation do not hold in power flow.
_OTHERS = 8


def next_best(
    search: Search, dispatch: Dispatch, relaxed: FloatArray, enough: Callable[[DispatchState], bool]
) -> Recovered[DispatchState]:
    """Take decisions for which the cones have less to invent, then exclude what nothing could recover, one by one."""
    model, form, clock = dispatch.model, dispatch.form, search.clock
    found: Recovered[DispatchState] = Recovered(None, "", ())
    binaries = np.flatnonzero(form.integer)
    if not len(binaries):
        return found
    chosen = [form.variables[k] for k in binaries]
    clock.report(math.inf, search.bound, "recovery: other decisions")
    priced = _priced_decisions(search, dispatch)
    if priced is not None:
        found = recover_dispatch(dispatch, priced, enough, lambda: clock.left, search.build)
        if found.answer is not None:
            return found
    model.excluded = pyo.ConstraintList()
    values = np.round(relaxed[binaries])
    for _ in range(_OTHERS):
        if clock.spent:
            break
        ones = [v for v, x in zip(chosen, values, strict=True) if x > 0.5]
        zeros = [v for v, x in zip(chosen, values, strict=True) if x <= 0.5]
        model.excluded.add(sum(1 - v for v in ones) + sum(zeros) >= 1)
        x = _point_of(search, dispatch, max(search.gap, 1e-3))
        if x is None:
            break
        again = replace(dispatch, form=compile_model(model))
        point = np.array([float(v.value) for v in again.form.variables])
        values = np.round(point[again.form.columns_of(chosen)])
        found = recover_dispatch(again, point, enough, lambda: clock.left, search.build)
        if found.answer is not None:
            break
    return found


def _point_of(search: Search, dispatch: Dispatch, gap: float) -> FloatArray | None:
    """Solve a model that was changed; the point in the order of its first form, None where there is none."""
    solved = solve_model(dispatch.model, search.solver, gap=gap, seconds=search.clock.left, report=lambda *_: None)
    return None if solved.x is None else np.array([float(v.value) for v in dispatch.form.variables])


def _priced_decisions(search: Search, dispatch: Dispatch) -> FloatArray | None:
    """Solve with a price on what the cones may invent, decisions free."""
    model, form, cones = dispatch.model, dispatch.form, network_cones(dispatch)
    plain = model.objective.expr
    current = [form.variables[k] for k in form.cones[cones.cone, 2]]
    extra = pyo.quicksum(_INVENTED * float(w) * v for w, v in zip(cones.price, current, strict=True))
    model.objective.set_value(plain + extra)
    try:
        return _point_of(search, dispatch, search.gap)
    finally:
        model.objective.set_value(plain)


# How many times over a loss is priced when decisions are taken that leave the cones nothing to invent.
_INVENTED = 10.0
