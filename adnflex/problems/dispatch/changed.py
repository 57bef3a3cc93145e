"""A dispatch whose model its caller has changed: solved as it stands, run in exact power flow, and valued there."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import BoolArray
from adnflex.devices import Supplies
from adnflex.errors import AdnflexError, Infeasible, InputError, SolverError, TimeExpired
from adnflex.problems.clock import Deadline
from adnflex.problems.dispatch.charge_modes import Modes, all_modes
from adnflex.problems.dispatch.model import Dispatch, build_dispatch
from adnflex.problems.dispatch.problem import DispatchProblem
from adnflex.problems.dispatch.recover import recover_dispatch
from adnflex.problems.dispatch.relaxed import looseness, relaxed_state
from adnflex.problems.dispatch.solve import DispatchAnswer
from adnflex.problems.dispatch.state import DispatchState, evaluate
from adnflex.solvers.clarabel import solve_relaxation
from adnflex.solvers.conic import compile_model
from adnflex.solvers.ending import Ending
from adnflex.solvers.gate import solve_form

#: What a caller does to a model.
Change = Callable[[pyo.ConcreteModel], object]

# Rounding of power flow that no row minds, relative to ``1 + |limit|``.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class OwnObjective:
    """What the objective of a changed model comes to.

    Attributes
    ----------
    value : float or None
        In exact power flow; None where the state is not known to keep what was added to the model.
    bound : float or None
        No admissible state has less (proven); None where nothing is proven.
    """

    value: float | None
    bound: float | None

    @property
    def words(self) -> str:
        """What a plan says of it."""
        value = "not known in AC power flow, where what was added to the model may not hold"
        if self.value is not None:
            value = f"{self.value:.6g} in AC power flow"
        least = "nothing is proven of it"
        if self.bound is not None:
            least = f"no admissible state has less than {self.bound:.6g} (proven)"
        return (
            f"the set-points are those of a model that its caller changed; its objective is {value}, {least}. Nothing "
            "is proven of the cost."
        )


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
        If the changed model has no objective that is minimised.
    Infeasible
        If the changed model has no point.
    SolverError
        If the model is none that can be solved, or the solver fails.
    """
    known: set[str] = set()

    def built(modes: Modes) -> Dispatch:
        dispatch = build_dispatch(problem, modes)
        known.update(c.name for c in dispatch.model.component_objects(pyo.Constraint))
        change(dispatch.model)
        _require_minimised(dispatch.model)
        # what only the old objective had is no column any more
        for variable in dispatch.model.component_data_objects(pyo.Var):
            if variable.value is None:
                variable.set_value(max(0.0, variable.lb or 0.0), skip_validation=True)
        return replace(dispatch, form=compile_model(dispatch.model))

    # no charge mode may be missing: what shows that one is needed knows the old objective only
    dispatch = built(all_modes(problem.horizon, problem.devices))
    solved = solve_form(dispatch.form, solver, gap=gap, seconds=clock.left, report=clock.report)
    if solved.x is None:
        raise _nothing(problem, solved, clock)
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
    bound = solved.bound if problem.formulation.bounds_ac and math.isfinite(solved.bound) else None
    if value is not None and bound is not None and value > bound - _ROUNDING * (1 + abs(bound)):
        bound = min(bound, value)  # rounding, and a lower bound is one still
    return answer, OwnObjective(value, bound)


def _require_minimised(model: pyo.ConcreteModel) -> None:
    """Refuse what is maximised: value and bound would stand the wrong way round."""
    found = list(model.component_data_objects(pyo.Objective, active=True))
    if len(found) != 1 or found[0].sense != pyo.minimize:
        how = ", maximised" if len(found) == 1 else ""
        raise InputError(
            f"change: leaves {len(found)} active objectives{how}; leave one that is minimised, e.g. by "
            "model.objective.set_value(...), with a minus where more is better."
        )


def _nothing(problem: DispatchProblem, solved: Ending, clock: Deadline) -> AdnflexError:
    """Say what is known where the changed model gave no point."""
    if solved.status == "infeasible":
        proven = problem.formulation.bounds_ac
        return Infeasible(
            f"the model as `change` leaves it has no point ({'proven' if proven else 'not proven'}): what was added, "
            "the limits and the devices contradict each other; leave change out to see whether there is a dispatch.",
            None,
            proven,
        )
    if solved.status in ("time_limit", "interrupted"):
        return TimeExpired(
            f"no set-points of the changed model were found within {clock.now:.2g} s; it is not proven that there are "
            "none. Give more time_limit."
        )
    return SolverError(f"{solved.solver} ended without an answer of the changed model ({solved.words}).")


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
    low, high = np.where(held, x, form.low), np.where(held, x, form.high)
    # power flow meets its own rows but for rounding; rows that say what an added variable is have none
    added = np.array([row is not None and row.parent_component().name not in known for row in form.rows])
    defining = added & (abs(form.a) @ (~held).astype(float) > 0)
    room = [
        np.where(defining, 0.0, _ROUNDING * (1 + np.where(np.isfinite(side), np.abs(side), 0.0)))
        for side in (form.row_low, form.row_high)
    ]
    free = form.cones[~held[form.cones].all(axis=1)]
    loose = replace(form, row_low=form.row_low - room[0], row_high=form.row_high + room[1], cones=free)
    found = solve_relaxation(loose, low, high)
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
