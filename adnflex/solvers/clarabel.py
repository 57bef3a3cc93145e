"""Continuous conic problems with Clarabel (interior point)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import clarabel
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from adnflex.solvers.conic import ConicForm

__all__ = ["ConicAnswer", "column_units", "least_violating", "solve_relaxation", "standard_form"]


@dataclass(frozen=True)
class ConicAnswer:
    """A continuous optimum.

    Attributes
    ----------
    status : str
        ``optimal``, ``infeasible`` or what the solver said otherwise.
    x : (n,) array
        The point; meaningless unless optimal.
    objective : float
        Primal objective.
    bound : float
        Dual objective: a proven lower bound; -inf unless optimal.
    """

    status: str
    x: NDArray[np.float64]
    objective: float
    bound: float


def solve_relaxation(
    form: ConicForm,
    low: NDArray[np.float64] | None = None,
    high: NDArray[np.float64] | None = None,
    time_limit: float = 60.0,
) -> ConicAnswer:
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
    >>> from adnflex.formulations.cones import Cone, record_cone
    >>> from adnflex.solvers.conic import compile_model
    >>> m = pyo.ConcreteModel()
    >>> m.p, m.q = pyo.Var(bounds=(3, 3)), pyo.Var(bounds=(4, 4))
    >>> m.l, m.w = pyo.Var(bounds=(0, None)), pyo.Var(bounds=(0, 1))
    >>> record_cone(m, Cone(m.p, m.q, m.l, m.w))
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
    # without refinement a solve takes half the time; the bound is safe either way
    for refine in (False, True):
        answer = _run(cost / scale, a, b, cones, refine, time_limit)
        name = str(answer.status)
        if name in ("Solved", "AlmostSolved", "PrimalInfeasible"):
            break
    if name == "PrimalInfeasible":
        # the certificate is believed only if it still proves something after its residual is paid for
        proof = _safe_bound(np.zeros(len(cost)), a, b, np.array(answer.z), low / unit, high / unit)
        status = "infeasible" if proof > 0 else "unproven infeasible"
        return ConicAnswer(status, np.full(len(cost), np.nan), np.inf, np.inf if proof > 0 else -np.inf)
    x = np.array(answer.x) * unit
    if name not in _USEFUL or not np.all(np.isfinite(x)):
        return ConicAnswer(name, np.full(len(cost), np.nan), np.inf, -np.inf)
    safe = _safe_bound(cost / scale, a, b, np.array(answer.z), low / unit, high / unit) * scale + form.c0
    status = "optimal" if name in ("Solved", "AlmostSolved") else name
    return ConicAnswer(status, x, form.objective(x), safe)


def least_violating(form: ConicForm, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64] | None:
    """Return where an infeasible problem comes nearest to its cones: ``p² + q² <= (l + s) w`` with the least sum of s.

    The tangents at ``(p, q, l + s, w)`` are what an outer approximation needs to know of these bounds (Fletcher and
    Leyffer 1994, doi:10.1007/BF01581153).

    Parameters
    ----------
    form : ConicForm
        The problem.
    low, high : (n,) array
        Its variable bounds, integers fixed.

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
    answer = solve_relaxation(wide)
    if answer.status != "optimal":
        return None
    x = answer.x[:n].copy()
    x[l] = answer.x[n + k :]
    return x


# Ends after which the dual point is worth evaluating: its bound is safe whatever the status.
_USEFUL = ("Solved", "AlmostSolved", "InsufficientProgress", "MaxIterations", "MaxTime", "NumericalError")


def _run(
    cost: NDArray[np.float64],
    a: sparse.csc_matrix,
    b: NDArray[np.float64],
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
    return clarabel.DefaultSolver(sparse.csc_matrix((n, n)), cost, a, b, cones, settings).solve()


def column_units(form: ConicForm) -> NDArray[np.float64]:
    """Units in which all variables are of order one and every cone keeps its form.

    A cone ``p² + q² <= l w`` is unchanged where the units of p and q are the root of those of l times w; in a
    feeder currents span six orders of magnitude, and without this the solver loses as many digits.
    """
    size = np.maximum(np.abs(form.low), np.abs(form.high))
    unit = np.where(np.isfinite(size) & (size > 0), size, 1.0)
    for p, q, l, w in form.cones:  # noqa: E741
        unit[p] = unit[q] = np.sqrt(unit[l] * unit[w])
    return unit


def _safe_bound(
    c: NDArray[np.float64],
    a: sparse.csc_matrix,
    b: NDArray[np.float64],
    z: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
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
    form: ConicForm, low: NDArray[np.float64], high: NDArray[np.float64], unit: NDArray[np.float64]
) -> tuple[sparse.csc_matrix, NDArray[np.float64], list[object]]:
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
