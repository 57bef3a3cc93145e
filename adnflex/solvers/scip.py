"""SCIP for small exact problems given as arrays; and, there as behind Pyomo, let it hear signals.

It keeps Python from running at all unless it calls back.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from adnflex.arrays import BoolArray
from adnflex.solvers.conic import ConicForm
from adnflex.solvers.ending import Ending, Said, believe, listen
from adnflex.solvers.stopping import STOPPING


def hear_signals(solver: Any, asked: Callable[[], bool]) -> None:
    """Let Pyomo's direct interface to SCIP ask at every node and relaxation whether to end.

    Parameters
    ----------
    solver : object
        A solver of Pyomo; one of another kind is left as it is.
    asked : callable
        Whether it shall end.
    """
    make = getattr(solver, "_create_solver_model", None)
    if make is None or "scip" not in type(solver).__module__:
        return

    def made(*arguments: Any, **options: Any) -> Any:
        parts = make(*arguments, **options)
        parts[0].includeEventhdlr(_ear(asked), "adnflex_signals", "ends the search where a signal asks for it")
        return parts

    solver._create_solver_model = made


def _ear(asked: Callable[[], bool]) -> Any:
    import pyscipopt

    kinds = pyscipopt.SCIP_EVENTTYPE
    heard = kinds.PRESOLVEROUND | kinds.NODEFOCUSED | kinds.FIRSTLPSOLVED | kinds.LPSOLVED

    class Ear(pyscipopt.Eventhdlr):  # type: ignore[misc]
        def eventinit(self) -> None:
            self.model.catchEvent(heard, self)

        def eventexit(self) -> None:
            self.model.dropEvent(heard, self)

        def eventexec(self, event: Any) -> None:
            if asked():
                self.model.interruptSolve()

    return Ear()


def solve_exact(form: ConicForm, equations: BoolArray, seconds: float, gap: float) -> Ending:
    """Minimise a form, some of whose cones are equations, by spatial branch and bound.

    Parameters
    ----------
    form : ConicForm
        The problem.
    equations : (k,) array of bool
        Cones that are ``p² + q² == l w``.
    seconds : float
        Time limit [s].
    gap : float
        Absolute gap at which to stop.

    Examples
    --------
    >>> import pyomo.environ as pyo
    >>> from adnflex.solvers.conic import compile_model
    >>> m = pyo.ConcreteModel()
    >>> m.p, m.q = pyo.Var(bounds=(3, 3)), pyo.Var(bounds=(4, 4))
    >>> m.l, m.w = pyo.Var(bounds=(0, 99)), pyo.Var(bounds=(1, 1))
    >>> m.cone = pyo.Constraint(expr=m.p**2 + m.q**2 <= m.l * m.w)
    >>> m.cost = pyo.Objective(expr=-m.l)
    >>> round(solve_exact(compile_model(m), np.array([True]), 10.0, 1e-6).objective, 4)
    -25.0
    """
    with STOPPING.solver(tells=True) as asked:
        said = listen("exact hour", "SCIP", partial(_run, form, equations, seconds, gap, asked))
    return believe(said, "SCIP", value=form.objective, residual=form.residual, infeasible_is_proven=False)


def _run(form: ConicForm, equations: BoolArray, seconds: float, gap: float, asked: Callable[[], bool] | None) -> Said:
    import pyscipopt

    model = pyscipopt.Model()
    model.hideOutput()
    model.setParam("limits/time", max(seconds, 0.0))
    model.setParam("limits/absgap", max(gap, 0.0))
    if asked is not None:
        model.includeEventhdlr(_ear(asked), "adnflex_signals", "ends the search where a signal asks for it")
    bounds = zip(form.low.tolist(), form.high.tolist(), form.c.tolist(), form.integer.tolist(), strict=True)
    x = [
        model.addVar(
            lb=low if math.isfinite(low) else None,
            ub=high if math.isfinite(high) else None,
            obj=cost,
            vtype="I" if integer else "C",
        )
        for low, high, cost, integer in bounds
    ]
    for i in range(form.a.shape[0]):
        part = slice(form.a.indptr[i], form.a.indptr[i + 1])
        terms = zip(form.a.data[part].tolist(), form.a.indices[part].tolist(), strict=True)
        body = pyscipopt.quicksum(k * x[j] for k, j in terms)
        low, high = float(form.row_low[i]), float(form.row_high[i])
        if part.start < part.stop and math.isfinite(low):
            model.addCons(body == low if low == high else body >= low)
        if part.start < part.stop and math.isfinite(high) and low != high:
            model.addCons(body <= high)
    for (p, q, l, w), equation in zip(form.cones.tolist(), equations.tolist(), strict=True):  # noqa: E741
        left, right = x[p] * x[p] + x[q] * x[q], x[l] * x[w]
        model.addCons(left == right if equation else left <= right)
    model.optimize()
    words = str(model.getStatus())
    ending = {"optimal": "optimal", "gaplimit": "optimal", "infeasible": "infeasible", "userinterrupt": "interrupted"}
    bound = float(model.getDualbound()) + form.c0
    point = np.array([model.getVal(v) for v in x]) if model.getNSols() else None
    value = math.nan if point is None else form.objective(point)
    return Said(ending.get(words, "time_limit"), words, point, value, bound if abs(bound) < 1e19 else -math.inf)
