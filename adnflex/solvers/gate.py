"""The one gate: what a model needs, which solver can, and an answer that was measured before it is believed."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import Any

import numpy as np
import pyomo.environ as pyo
from scipy import sparse

from adnflex.algorithms.outer_approximation import Master, Settled, outer_approximation
from adnflex.arrays import FloatArray
from adnflex.errors import SolverError
from adnflex.solvers.capability import capability_of, pick, pyomo_solver
from adnflex.solvers.clarabel import least_violating, solve_relaxation
from adnflex.solvers.cones import as_equations
from adnflex.solvers.conic import ConicForm, compile_model
from adnflex.solvers.ending import Ending, Said, believe, listen
from adnflex.solvers.highs import LinearSolver
from adnflex.solvers.scip import hear_signals
from adnflex.solvers.stopping import STOPPING

log = logging.getLogger(__name__)


def solve_model(
    model: pyo.ConcreteModel,
    wanted: str = "auto",
    *,
    exact: bool = False,
    gap: float = 1e-4,
    seconds: float = 300.0,
    start: FloatArray | None = None,
    points: Sequence[FloatArray] = (),
    report: Callable[[float, float, str], None] = lambda incumbent, bound, event: None,
) -> Ending:
    """Solve a Pyomo model whose constraints are linear or cones, as it stands; see `solve_form`."""
    form = compile_model(model)
    return solve_form(form, wanted, exact=exact, gap=gap, seconds=seconds, start=start, points=points, report=report)


def solve_form(
    form: ConicForm,
    wanted: str = "auto",
    *,
    exact: bool = False,
    gap: float = 1e-4,
    seconds: float = 300.0,
    start: FloatArray | None = None,
    points: Sequence[FloatArray] = (),
    report: Callable[[float, float, str], None] = lambda incumbent, bound, event: None,
) -> Ending:
    """Solve a model that was compiled.

    Parameters
    ----------
    form : ConicForm
        A minimisation, of `compile_model`; its model has not changed since.
    wanted : str
        See `adnflex.solvers.capability.pick`.
    exact : bool
        Cones that relax an equation are that equation: the true physics, not convex.
    gap, seconds : float
        Relative gap and time limit [s].
    start : (n,) array, optional
        A feasible point.
    points : sequence of (n,) array
        Points at which outer approximation begins with tangent planes.
    report : callable
        Told incumbent, bound and event.

    Returns
    -------
    Ending
        Status, point, bound and the measured residual; the point is written into the model. A solver that gave up, or
        whose answer did not stand the measurement, ends as ``failed``.

    Raises
    ------
    SolverError
        If a solver of Pyomo is wanted for arrays that are of no model.
    SolverUnavailable
        If no solver can.
    """
    integers, cones = bool(form.integer.any()), bool(len(form.cones))
    name = pick(wanted, integers=integers, cones=cones, exact=exact)
    if capability_of(name).pyomo:
        if form.model is None:
            raise SolverError(f"{name} solves Pyomo models, and these arrays are of none; use auto.")
        solved = _by_pyomo(form.model, form, name, exact, gap, seconds)
    elif name == "clarabel":
        solved = _by_clarabel(form, seconds)
    else:
        solved = _by_highs(form, gap, seconds, start, points, report)
    if solved.x is not None:
        form.load(solved.x)
    return solved


def tangents(form: ConicForm, x: FloatArray) -> sparse.csr_matrix:
    """Tangent planes of all cones at a point, as rows ``row x <= 0`` that hold everywhere in the cones.

    With ``N = ‖(2p, 2q, l - w)‖`` and ``u`` its direction: ``2 u₁ p + 2 u₂ q + u₃ (l - w) <= l + w``; left out where
    N is nearly zero.
    """
    p, q, l, w = (x[form.cones[:, k]] for k in range(4))  # noqa: E741
    size = np.sqrt(4 * p**2 + 4 * q**2 + (l - w) ** 2)
    k = np.flatnonzero(size > 1e-7)
    u1, u2, u3 = 2 * p[k] / size[k], 2 * q[k] / size[k], (l - w)[k] / size[k]
    data = np.concatenate([2 * u1, 2 * u2, u3 - 1, -u3 - 1])
    rows = np.tile(np.arange(len(k)), 4)
    return sparse.csr_matrix((data, (rows, form.cones[k].T.ravel())), shape=(len(k), len(form.c)))


def _by_clarabel(form: ConicForm, seconds: float) -> Ending:
    return solve_relaxation(form, time_limit=seconds)


def _by_highs(
    form: ConicForm,
    gap: float,
    seconds: float,
    start: FloatArray | None,
    points: Sequence[FloatArray],
    report: Callable[[float, float, str], None],
) -> Ending:
    """HiGHS alone where there is no cone, else outer approximation with Clarabel."""
    if not len(form.cones):
        return LinearSolver(form).solve(seconds, gap, start)
    begin = time.monotonic()
    first = solve_relaxation(form, time_limit=seconds)
    if first.status == "infeasible":
        return first
    rounds = _Rounds(form, first, gap, begin + seconds, start, report)
    rounds.cut([*([first.x] if first.x is not None else []), *points])
    status, point, value, bound = outer_approximation(
        rounds.master,
        rounds.settle,
        gap=gap,
        seconds=seconds - (time.monotonic() - begin),
        value=form.objective(start) if start is not None else math.inf,
        point=start,
        report=report,
        stop=lambda: rounds.stopped,
    )
    residual = form.residual(point) if point is not None else 0.0
    name = "outer approximation (HiGHS, Clarabel)"
    # what is proven without any master is the bound of the first relaxation
    bound = bound if status == "infeasible" else min(max(bound, first.bound), value)
    words = "" if status in ("optimal", "infeasible") else "; ".join(dict.fromkeys(rounds.doubts))
    return Ending(status, point, value, bound, residual, name, words)


class _Rounds:
    """Master and settlement of outer approximation, with what they share."""

    def __init__(
        self,
        form: ConicForm,
        first: Ending,
        gap: float,
        end: float,
        best: FloatArray | None,
        report: Callable[[float, float, str], None],
    ) -> None:
        self.form, self.first, self.gap, self.end, self.best, self.report = form, first, gap, end, best, report
        self.linear = LinearSolver(form)
        self.stopped = False
        self.doubts: list[str] = []

    def cut(self, points: Sequence[FloatArray]) -> None:
        """Add the tangent planes at some points."""
        for x in points:
            rows = tangents(self.form, x)
            self.linear.add_rows(rows, np.full(rows.shape[0], -np.inf), np.zeros(rows.shape[0]))

    def _listening(self) -> Callable[[float], bool]:
        last = time.monotonic()

        def heard(found: float) -> bool:
            nonlocal last
            if time.monotonic() - last > _TELL_EVERY:
                last = time.monotonic()
                value = math.inf if self.best is None else self.form.objective(self.best)
                self.report(value, min(max(found, self.first.bound), value), "outer approximation")
            return False

        return heard

    def master(self, left: float) -> Master:
        """Solve the linear master."""
        answer = self.linear.solve(left, self.gap / 2, self.best, on_bound=self._listening())
        self.stopped = self.stopped or answer.status == "interrupted"
        gave_up = {"failed": "failed", "unbounded": "failed", "time_limit": "time_limit"}.get(answer.status, "")
        if gave_up:
            self.doubts.append(f"master: {answer.words}")
        return Master(answer.x, max(answer.bound, self.first.bound), answer.status == "infeasible", gave_up)

    def settle(self, x: FloatArray) -> Settled:
        """Fix the integers, solve, and cut."""
        form = self.form
        low, high = form.low.copy(), form.high.copy()
        low[form.integer] = high[form.integer] = np.round(x[form.integer])
        answer = solve_relaxation(form, low, high, max(self.end - time.monotonic(), 0.01))
        if answer.status == "infeasible":
            nearest = least_violating(form, low, high, max(self.end - time.monotonic(), 0.01))
            self.cut([x] if nearest is None else [x, nearest])
            # proven: no point has these integers
            self.linear.exclude(np.round(x))
            return Settled(math.inf, None)
        if answer.x is None:
            # not solved is not refuted: the integers stay, only what the cones know of the point is added
            self.doubts.append(f"integers fixed: {answer.words or answer.status}")
            self.cut([x])
            return Settled(math.inf, None)
        self.cut([x, answer.x])
        if self.best is None or answer.objective < form.objective(self.best):
            self.best = answer.x
        return Settled(answer.objective, answer.x)


# Seconds between reports while HiGHS branches.
_TELL_EVERY = 0.5


# Status words of both of Pyomo's solver interfaces, the first that is found in the name counts.
_PYOMO = {
    "infeasibleorunbounded": "failed",
    "infeasible_or_unbounded": "failed",
    "infeasible": "infeasible",
    "unbounded": "unbounded",
    "time": "time_limit",
    "interrupt": "interrupted",
    "optimal": "optimal",
    "convergence": "optimal",
}


def _by_pyomo(model: pyo.ConcreteModel, form: ConicForm, name: str, exact: bool, gap: float, seconds: float) -> Ending:
    """Hand the model to a solver that Pyomo knows."""
    solver = pyomo_solver(capability_of(name).pyomo)
    # what it has found by then comes with its answer
    with as_equations(model) if exact else nullcontext(), STOPPING.solver(tells=True) as asked:
        if asked is not None:
            hear_signals(solver, asked)
        said = listen("whole model", name, lambda: _run_pyomo(solver, model, form, gap, seconds))
    return believe(
        said,
        name,
        value=form.objective,
        residual=form.residual,
        # spatial branch and bound was seen to call feasible models infeasible: of a convex model it is believed
        infeasible_is_proven=not exact,
    )


def _run_pyomo(solver: Any, model: pyo.ConcreteModel, form: ConicForm, gap: float, seconds: float) -> Said:
    """Ask a solver behind either of Pyomo's two interfaces; its point is loaded into the model."""
    from pyomo.contrib.solver.common.base import SolverBase
    from pyomo.opt import TerminationCondition as Old

    for v in model.component_data_objects(pyo.Var):
        v.set_value(None, skip_validation=True)
    if isinstance(solver, SolverBase):
        result = solver.solve(
            model,
            time_limit=seconds,
            rel_gap=gap,
            load_solutions=False,
            raise_exception_on_nonoptimal_result=False,
        )
        text = str(result.termination_condition).lower()
        if result.incumbent_objective is not None:
            result.solution_loader.load_vars()
        bound = result.objective_bound
    else:
        solver.options["mipgap"] = gap
        result = solver.solve(model, timelimit=seconds, load_solutions=False)
        text = str(result.solver.termination_condition).lower()
        if result.solver.termination_condition in (Old.optimal, Old.maxTimeLimit) and len(result.solution):
            model.solutions.load_from(result)
        bound = result.problem.lower_bound
    ending = next((meaning for part, meaning in _PYOMO.items() if part in text), "failed")
    values = [v.value for v in form.variables]
    x = None if any(v is None for v in values) else np.array(values, dtype=float)
    if x is not None:
        x[form.integer] = np.round(x[form.integer])
    objective = math.nan if x is None else form.objective(x)
    return Said(ending, text, x, objective, -math.inf if bound is None else float(bound))
