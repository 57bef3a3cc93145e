"""The one gate: what a model needs, which solver can, and an answer that was measured before it is believed."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray
from scipy import sparse

from adnflex.algorithms.outer_approximation import Master, Settled, outer_approximation
from adnflex.errors import SolverError, SolverUnavailable
from adnflex.formulations.cones import materialise
from adnflex.solvers.clarabel import least_violating, solve_relaxation
from adnflex.solvers.conic import ConicForm, compile_model
from adnflex.solvers.highs import LinearSolver

__all__ = ["SOLVERS", "Capability", "Solved", "installed", "pick", "solve_model", "tangents"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Capability:
    """What a solver can do, as data.

    Attributes
    ----------
    integers, cones, exact : bool
        Whether it takes integers, convex cones, and the nonconvex equality of the cone.
    pyomo : str
        Its name in Pyomo's solver factory; empty where it is called directly.
    """

    integers: bool
    cones: bool
    exact: bool
    pyomo: str = ""


# Adding a solver is one line here.
SOLVERS: dict[str, Capability] = {
    "highs": Capability(integers=True, cones=True, exact=False),
    "clarabel": Capability(integers=False, cones=True, exact=False),
    "scip": Capability(integers=True, cones=True, exact=True, pyomo="scip_direct"),
    "gurobi": Capability(integers=True, cones=True, exact=True, pyomo="gurobi_direct_minlp"),
    "cplex": Capability(integers=True, cones=True, exact=False, pyomo="cplex_direct"),
    "xpress": Capability(integers=True, cones=True, exact=False, pyomo="xpress_direct"),
    "mosek": Capability(integers=True, cones=True, exact=False, pyomo="mosek_direct"),
}

# Residual, relative to 1 + |limit|, up to which an answer is believed.
_RESIDUAL = 1e-5


@dataclass(frozen=True)
class Solved:
    """A measured answer.

    Attributes
    ----------
    status : str
        ``optimal``, ``infeasible``, ``time_limit`` or ``interrupted``.
    x : (n,) array or None
        The point in the order of the conic form.
    objective, bound : float
        Its value and the proven lower bound.
    residual : float
        Largest violation of any row, bound or cone at the point.
    solver : str
        What solved it.
    """

    status: str
    x: NDArray[np.float64] | None
    objective: float
    bound: float
    residual: float
    solver: str


def installed(name: str) -> bool:
    """Whether a solver of the table can be used here.

    Examples
    --------
    >>> installed("highs"), installed("scip")
    (True, True)
    """
    return _pyomo_solver(SOLVERS[name].pyomo) is not None if SOLVERS[name].pyomo else True


def _pyomo_solver(name: str) -> Any:
    """Pyomo's solver object, of its new interface where there is one; None where it is not usable."""
    from pyomo.contrib.solver.common.factory import SolverFactory as NewFactory

    noisy = logging.getLogger("pyomo")
    level = noisy.level
    noisy.setLevel(logging.ERROR)  # Pyomo warns of every optional module that is not there
    try:
        for factory in (NewFactory, pyo.SolverFactory):
            try:
                solver = factory(name)
                if solver is not None and solver.available():
                    return solver
            except Exception as error:  # unknown name or missing licence: every plug-in fails in its own way
                log.debug("solver %s: %s", name, error)
    finally:
        noisy.setLevel(level)
    return None


def pick(wanted: str, *, integers: bool, cones: bool, exact: bool = False) -> str:
    """Choose a solver for what a model needs.

    Parameters
    ----------
    wanted : str
        ``auto`` or a name of `SOLVERS`.
    integers, cones, exact : bool
        What the model needs.

    Raises
    ------
    SolverUnavailable
        If the name is unknown, not installed or cannot do it.

    Examples
    --------
    >>> pick("auto", integers=False, cones=True), pick("auto", integers=True, cones=True)
    ('clarabel', 'highs')
    >>> pick("clarabel", integers=True, cones=False)
    Traceback (most recent call last):
    ...
    adnflex.errors.SolverUnavailable: solver 'clarabel' cannot take integers; use auto or one of: highs, scip.
    """
    needs = {"integers": integers, "cones": cones, "exact": exact}
    able = [n for n, c in SOLVERS.items() if all(getattr(c, k) for k, v in needs.items() if v)]
    ready = [n for n in able if installed(n)]
    choices = f"use auto or one of: {', '.join(ready) or 'none is installed'}."
    if wanted == "auto":
        preferred = [n for n in (("clarabel",) if cones and not integers else ()) if n in ready] + ready
        if preferred:
            return preferred[0]
        raise SolverUnavailable(f"no installed solver can take {_words(needs)}; install one of: {', '.join(able)}.")
    if wanted not in SOLVERS:
        raise SolverUnavailable(f"solver {wanted!r} is unknown; {choices}")
    if wanted not in able:
        lacking = [k for k, v in needs.items() if v and not getattr(SOLVERS[wanted], k)]
        raise SolverUnavailable(f"solver {wanted!r} cannot take {_words(dict.fromkeys(lacking, True))}; {choices}")
    if wanted not in ready:
        raise SolverUnavailable(f"solver {wanted!r} is not installed or has no licence here; {choices}")
    return wanted


def _words(needs: dict[str, bool]) -> str:
    words = {"integers": "integers", "cones": "cones", "exact": "the exact (nonconvex) branch flow equations"}
    return ", ".join(words[k] for k, v in needs.items() if v) or "linear problems"


def solve_model(
    model: pyo.ConcreteModel,
    wanted: str = "auto",
    *,
    exact: bool = False,
    gap: float = 1e-4,
    seconds: float = 300.0,
    start: NDArray[np.float64] | None = None,
    points: Sequence[NDArray[np.float64]] = (),
    report: Callable[[float, float, str], None] = lambda incumbent, bound, event: None,
) -> Solved:
    """Solve a Pyomo model with recorded cones.

    Parameters
    ----------
    model : pyomo ConcreteModel
        A minimisation.
    wanted : str
        ``auto`` or a name of `SOLVERS`.
    exact : bool
        Cones as equalities: the true physics, not convex.
    gap, seconds : float
        Relative gap and time limit [s].
    start : (n,) array, optional
        A feasible point, in the order of `compile_model`.
    points : sequence of (n,) array
        Points at which outer approximation begins with tangent planes.
    report : callable
        Told incumbent, bound and event.

    Returns
    -------
    Solved
        Status, point, bound and the measured residual; the point is written into the model.

    Raises
    ------
    SolverUnavailable
        If no solver can.
    SolverError
        If the answer has no proven status or fails the residual check.
    """
    form = compile_model(model)
    integers, cones = bool(form.integer.any()), bool(len(form.cones))
    name = pick(wanted, integers=integers, cones=cones, exact=exact)
    if SOLVERS[name].pyomo:
        solved = _by_pyomo(model, form, name, exact, gap, seconds)
    elif name == "clarabel":
        solved = _by_clarabel(form, seconds)
    else:
        solved = _by_highs(form, gap, seconds, start, points, report)
    if solved.x is not None:
        if solved.residual > _RESIDUAL:
            raise SolverError(
                f"{solved.solver} returned a point that violates its own model by {solved.residual:.2g} (allowed: "
                f"{_RESIDUAL:g}); try another solver or scale the data."
            )
        form.load(solved.x)
    return solved


def tangents(form: ConicForm, x: NDArray[np.float64]) -> sparse.csr_matrix:
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


def _by_clarabel(form: ConicForm, seconds: float) -> Solved:
    answer = solve_relaxation(form, time_limit=seconds)
    if answer.status not in ("optimal", "infeasible"):
        raise SolverError(f"Clarabel ended with {answer.status}; scale the data or try solver='scip'.")
    x = answer.x if answer.status == "optimal" else None
    residual = form.residual(x) if x is not None else 0.0
    return Solved(answer.status, x, answer.objective, answer.bound, residual, "Clarabel")


def _by_highs(
    form: ConicForm,
    gap: float,
    seconds: float,
    start: NDArray[np.float64] | None,
    points: Sequence[NDArray[np.float64]],
    report: Callable[[float, float, str], None],
) -> Solved:
    """HiGHS alone where there is no cone, else outer approximation with Clarabel."""
    linear = LinearSolver(form)
    if not len(form.cones):
        answer = linear.solve(seconds, gap, start)
        if answer.status not in ("optimal", "infeasible", "time_limit", "interrupted"):
            raise SolverError(f"HiGHS ended with {answer.status}; check the model's bounds.")
        residual = form.residual(answer.x) if answer.x is not None else 0.0
        return Solved(answer.status, answer.x, answer.objective, answer.bound, residual, "HiGHS")
    first = solve_relaxation(form, time_limit=seconds)
    if first.status == "infeasible":
        return Solved("infeasible", None, math.inf, math.inf, 0.0, "Clarabel")
    begin = time.monotonic()
    _cut(linear, form, [*([first.x] if first.status == "optimal" else []), *points])
    best = start

    stopped = False

    def listening() -> Callable[[float], bool]:
        last = time.monotonic()

        def heard(found: float) -> bool:
            nonlocal last
            if time.monotonic() - last > _TELL_EVERY:
                last = time.monotonic()
                value = math.inf if best is None else form.objective(best)
                report(value, min(max(found, first.bound), value), "outer approximation")
            return False

        return heard

    def master(left: float) -> Master:
        nonlocal stopped
        answer = linear.solve(left, gap / 2, best, on_bound=listening())
        stopped = stopped or answer.status == "interrupted"
        return Master(answer.x, max(answer.bound, first.bound), answer.status == "infeasible")

    def settle(x: NDArray[np.float64]) -> Settled:
        nonlocal best
        low, high = form.low.copy(), form.high.copy()
        low[form.integer] = high[form.integer] = np.round(x[form.integer])
        answer = solve_relaxation(form, low, high)
        if answer.status == "infeasible":
            nearest = least_violating(form, low, high)
            _cut(linear, form, [x] if nearest is None else [x, nearest])
            linear.exclude(np.round(x))
            return Settled(math.inf, None)
        _cut(linear, form, [x, answer.x] if answer.status == "optimal" else [x])
        if answer.status == "optimal" and (best is None or answer.objective < form.objective(best)):
            best = answer.x
        return Settled(answer.objective, answer.x) if answer.status == "optimal" else Settled(math.inf, None)

    status, point, value, bound = outer_approximation(
        master,
        settle,
        gap=gap,
        seconds=seconds - (time.monotonic() - begin),
        value=form.objective(start) if start is not None else math.inf,
        point=start,
        report=report,
        stop=lambda: stopped,
    )
    residual = form.residual(point) if point is not None else 0.0
    return Solved(status, point, value, bound, residual, "outer approximation (HiGHS, Clarabel)")


# Seconds between reports while HiGHS branches.
_TELL_EVERY = 0.5


def _cut(linear: LinearSolver, form: ConicForm, points: Sequence[NDArray[np.float64]]) -> None:
    for x in points:
        rows = tangents(form, x)
        linear.add_rows(rows, np.full(rows.shape[0], -np.inf), np.zeros(rows.shape[0]))


def _by_pyomo(model: pyo.ConcreteModel, form: ConicForm, name: str, exact: bool, gap: float, seconds: float) -> Solved:
    """Hand the model, cones written out, to a solver that Pyomo knows."""
    solver = _pyomo_solver(SOLVERS[name].pyomo)
    materialise(model, exact)
    try:
        status, bound = _run_pyomo(solver, model, gap, seconds)
    finally:
        model.del_component(model.quadratic_cones)
        if model.component("quadratic_cones_index") is not None:
            model.del_component("quadratic_cones_index")
    if status == "infeasible":
        return Solved(status, None, math.inf, math.inf, 0.0, name)
    values = [v.value for v in form.variables]
    if any(v is None for v in values):
        return Solved(status, None, math.inf, bound, 0.0, name)
    x = np.array(values, dtype=float)
    x[form.integer] = np.round(x[form.integer])
    return Solved(status, x, form.objective(x), bound, form.residual(x), name)


def _run_pyomo(solver: Any, model: pyo.ConcreteModel, gap: float, seconds: float) -> tuple[str, float]:
    """Status and bound from either of Pyomo's two solver interfaces; the point is loaded into the model."""
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
    known = -math.inf if bound is None else float(bound)
    if "infeasible" in text:
        return "infeasible", math.inf
    if "time" in text:
        return "time_limit", known
    if "interrupt" in text:
        return "interrupted", known
    if "optimal" in text or "convergence" in text:
        return "optimal", known
    raise SolverError(f"the solver ended with {text}; its answer has no proven status.")
