"""Continuous conic problems with Clarabel (interior point)."""

from __future__ import annotations

import time
from dataclasses import replace
from functools import partial
from typing import Any

import clarabel
import numpy as np
from scipy import sparse

from adnflex.arrays import FloatArray
from adnflex.solvers.conic import ConicForm
from adnflex.solvers.ending import Ending, Said, believe, listen
from adnflex.solvers.stopping import STOPPING


def solve_relaxation(
    form: ConicForm,
    low: FloatArray | None = None,
    high: FloatArray | None = None,
    time_limit: float = 60.0,
) -> Ending:
    """Minimise without integrality.

    Parameters
    ----------
    form : ConicForm
        The problem.
    low, high : (n,) array, optional
        Other variable bounds, e.g. with integers fixed.
    time_limit : float
        Time limit [s].

    Examples
    --------
    >>> import pyomo.environ as pyo
    >>> from adnflex.solvers.conic import compile_model
    >>> m = pyo.ConcreteModel()
    >>> m.p, m.q = pyo.Var(bounds=(3, 3)), pyo.Var(bounds=(4, 4))
    >>> m.l, m.w = pyo.Var(bounds=(0, None)), pyo.Var(bounds=(0, 1))
    >>> m.cone = pyo.Constraint(expr=m.p**2 + m.q**2 <= m.l * m.w)
    >>> m.cost = pyo.Objective(expr=m.l)
    >>> answer = solve_relaxation(compile_model(m))
    >>> answer.status, round(answer.objective, 4)
    ('optimal', 25.0)
    """
    low = form.low if low is None else low
    high = form.high if high is None else high
    unit = column_units(form)
    a, b, cones = standard_form(form, low / unit, high / unit, unit)
    cost = form.c * unit
    scale = max(float(np.abs(cost).max(initial=0.0)), 1e-12)
    end = time.monotonic() + time_limit
    equations = int((form.row_low == form.row_high).sum() + (low / unit == high / unit).sum())

    def safe(weight: float, z: FloatArray) -> float:
        inside = into_dual_cone(z, equations, len(form.cones))
        return box_bound(weight * cost / scale, a, b, inside, low / unit, high / unit)

    # without refinement a solve takes half the time; the bound is safe either way
    for refine in (False, True):
        left = end - time.monotonic()
        data = (cost / scale, a, b, cones)
        said = listen("conic", "Clarabel", partial(_ask, data, refine, left, unit, scale, form.c0))
        answer = believe(
            said,
            "Clarabel",
            value=form.objective,
            residual=lambda x: form.violation(x, low, high),
            safe_bound=lambda z: safe(1.0, z) * scale + form.c0,
            # the certificate is believed only if it still proves something after its residual is paid for
            proof=lambda z: safe(0.0, z),
        )
        if answer.status != "failed":
            break
    return answer


def equation_prices(form: ConicForm, time_limit: float = 60.0) -> tuple[Ending, FloatArray | None]:
    """Minimise without integrality, and price the equations.

    Returns
    -------
    Ending, (m,) array or None
        The answer, and multipliers y of the rows, 0 for those that are no equation: ``min c x + y (A x - b)`` over the
        other rows, bounds and cones is as large as the optimum, and never larger, whatever y is. None without a point.
    """
    unit = column_units(form)
    a, b, cones = standard_form(form, form.low / unit, form.high / unit, unit)
    cost = form.c * unit
    scale = max(float(np.abs(cost).max(initial=0.0)), 1e-12)
    said = listen(
        "conic", "Clarabel", partial(_ask, (cost / scale, a, b, cones), True, time_limit, unit, scale, form.c0)
    )
    answer = believe(said, "Clarabel", value=form.objective, residual=form.residual)
    if answer.x is None or said.dual is None:
        return answer, None
    equal = form.row_low == form.row_high
    prices = np.zeros(len(equal))
    prices[equal] = scale * said.dual[: int(equal.sum())]
    return answer, prices


def least_violating(form: ConicForm, low: FloatArray, high: FloatArray, time_limit: float = 60.0) -> FloatArray | None:
    """Return where an infeasible problem comes nearest to its cones: ``p² + q² <= (l + s) w`` with the least sum of s.

    The tangents at ``(p, q, l + s, w)`` are what an outer approximation needs to know of these bounds (Fletcher and
    Leyffer 1994, doi:10.1007/BF01581153).

    Parameters
    ----------
    form : ConicForm
        The problem.
    low, high : (n,) array
        Its variable bounds, integers fixed.
    time_limit : float
        Time limit [s].

    Returns
    -------
    (n,) array or None
        The point, with ``l + s`` in the place of ``l``; None where even the linear part has none.
    """
    n, k = len(form.c), len(form.cones)
    l = form.cones[:, 2]  # noqa: E741
    one, rows = np.ones(k), np.arange(k)
    # two more columns a cone, s and l + s
    link = sparse.csr_matrix(
        (np.concatenate([one, one, -one]), (np.tile(rows, 3), np.concatenate([l, n + rows, n + k + rows]))),
        shape=(k, n + 2 * k),
    )
    old = sparse.hstack([form.a, sparse.csr_matrix((form.a.shape[0], 2 * k))], format="csr")
    cones = form.cones.copy()
    cones[:, 2] = n + k + rows
    reach = np.where(np.isfinite(high[l]), np.maximum(high[l], 1e-6), 1.0)
    zero, top = np.zeros(k), np.full(k, np.inf)
    wide = replace(
        form,
        c=np.concatenate([np.zeros(n), 1 / reach, zero]),
        c0=0.0,
        a=sparse.vstack([old, link], format="csr"),
        row_low=np.concatenate([form.row_low, zero]),
        row_high=np.concatenate([form.row_high, zero]),
        low=np.concatenate([low, zero, zero]),
        high=np.concatenate([high, top, top]),
        integer=np.zeros(n + 2 * k, dtype=bool),
        cones=cones,
    )
    answer = solve_relaxation(wide, time_limit=time_limit)
    if answer.x is None:
        return None
    x = answer.x[:n].copy()
    x[l] = answer.x[n + k :]
    return x


# What Clarabel's names mean; all others say that it gave up.
_MEANING = {
    "Solved": "optimal",
    "AlmostSolved": "optimal",
    "PrimalInfeasible": "infeasible",
    "AlmostPrimalInfeasible": "infeasible",
    "DualInfeasible": "unbounded",
    "MaxTime": "time_limit",
    "CallbackTerminated": "interrupted",
}


def said_by(answer: Any, unit: FloatArray, scale: float, c0: float) -> Said:
    """Return what a solution of Clarabel says, in the units of the form: those of columns and cost, and a constant."""
    name = str(answer.status)
    ending, z = _MEANING.get(name, "failed"), np.array(answer.z)
    if ending == "infeasible":
        return Said(ending, name, ray=z)
    # the bound of the dual point is safe whatever the status
    dual = z if np.isfinite(z).all() and ending != "unbounded" else None
    # only at the end is there a point; one on the way is none of the relaxation
    if ending != "optimal":
        return Said(ending, name, dual=dual)
    return Said(ending, name, np.array(answer.x) * unit, float(answer.obj_val) * scale + c0, dual=dual)


def _ask(
    data: tuple[FloatArray, sparse.csc_matrix, FloatArray, list[object]],
    refine: bool,
    time_limit: float,
    unit: FloatArray,
    scale: float,
    c0: float,
) -> Said:
    return said_by(_run(*data, refine, time_limit), unit, scale, c0)


def _run(
    cost: FloatArray,
    a: sparse.csc_matrix,
    b: FloatArray,
    cones: list[object],
    refine: bool,
    time_limit: float,
) -> Any:
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.time_limit = max(time_limit, 0.01)
    settings.max_threads = 1
    settings.iterative_refinement_enable = refine
    n = len(cost)
    return run_stoppable(clarabel.DefaultSolver(sparse.csc_matrix((n, n)), cost, a, b, cones, settings))


def run_stoppable(solver: Any) -> Any:
    """Run a Clarabel solver; a signal ends it after the iteration it is in."""
    with STOPPING.solver() as asked:
        if asked is not None:
            solver.set_termination_callback(lambda info: asked())
        return solver.solve()


def into_dual_cone(z: FloatArray, equations: int, cones: int) -> FloatArray:
    """Move multipliers of the rows of `standard_form` into the dual cone, where a bound may be built on them.

    An interior point method ends inside, unless something went wrong.
    """
    z = z.copy()
    first = len(z) - 4 * cones
    np.maximum(z[equations:first], 0.0, out=z[equations:first])
    cone = z[first:].reshape(-1, 4)
    cone[:, 0] = np.maximum(cone[:, 0], np.sqrt((cone[:, 1:] ** 2).sum(axis=1)))
    return z


def column_units(form: ConicForm) -> FloatArray:
    """Units in which all variables are of order one and every cone keeps its form.

    A cone ``p² + q² <= l w`` is unchanged where the units of p and q are the root of those of l times w; in a
    feeder currents span six orders of magnitude, and without this the solver loses as many digits.
    """
    size = np.maximum(np.abs(form.low), np.abs(form.high))
    unit = np.where(np.isfinite(size) & (size > 0), size, 1.0)
    for p, q, l, w in form.cones:  # noqa: E741
        unit[p] = unit[q] = np.sqrt(unit[l] * unit[w])
    return unit


def box_bound(
    c: FloatArray,
    a: sparse.csc_matrix,
    b: FloatArray,
    z: FloatArray,
    low: FloatArray,
    high: FloatArray,
) -> float:
    """Lower bound that holds however exact the dual point is.

    For ``z`` in the dual cone, ``c x >= -b z + (c + A' z) x`` for all feasible x, and the last term is at least its
    minimum over the variables' box (Neumaier and Shcherbina 2004, doi:10.1007/s10107-003-0433-3).  The interior
    point method keeps ``z`` inside the cone, so only the residual has to be paid for.
    """
    residual = c + a.T @ z
    at_box = np.where(residual > 0, low, high)
    free = ~np.isfinite(at_box)
    # a column without bound cannot be paid for: its residual has to be rounding
    if np.any(np.abs(residual[free]) > 1e-7):
        return -np.inf
    return float(-b @ z + residual[~free] @ at_box[~free])


def standard_form(
    form: ConicForm, low: FloatArray, high: FloatArray, unit: FloatArray
) -> tuple[sparse.csc_matrix, FloatArray, list[object]]:
    """Stack equations, inequalities, bounds and cones as ``A x + s = b``, ``s`` in a product of cones.

    `low` and `high` are already in units of the columns, as `x` is.
    """
    n = len(form.c)
    rows = form.a @ sparse.diags(unit, format="csr")
    eye = sparse.eye(n, format="csr")
    equal = form.row_low == form.row_high
    fixed = low == high
    upper, lower = ~equal & np.isfinite(form.row_high), ~equal & np.isfinite(form.row_low)
    top, bottom = ~fixed & np.isfinite(high), ~fixed & np.isfinite(low)
    blocks = [rows[equal], eye[fixed], rows[upper], -rows[lower], eye[top], -eye[bottom]]
    sides = [form.row_low[equal], low[fixed], form.row_high[upper], -form.row_low[lower], high[top], -low[bottom]]
    n_equal = int(equal.sum() + fixed.sum())
    n_other = int(upper.sum() + lower.sum() + top.sum() + bottom.sum())
    k = len(form.cones)
    cones: list[object] = [clarabel.ZeroConeT(n_equal), clarabel.NonnegativeConeT(n_other)]
    if k:
        p, q, l, w = form.cones.T  # noqa: E741
        row = 4 * np.arange(k)
        # s = (l + w, 2p, 2q, l - w); the units leave the cone as it is
        at = np.concatenate([row, row, row + 1, row + 2, row + 3, row + 3])
        columns = np.concatenate([l, w, p, q, l, w])
        one = np.ones(k)
        data = np.concatenate([-one, -one, -2 * one, -2 * one, -one, one])
        blocks.append(sparse.csr_matrix((data, (at, columns)), shape=(4 * k, n)))
        sides.append(np.zeros(4 * k))
        cones.extend(clarabel.SecondOrderConeT(4) for _ in range(k))
    return sparse.vstack(blocks, format="csc"), np.concatenate(sides), cones
