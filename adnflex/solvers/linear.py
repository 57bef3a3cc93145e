"""Single linear programs with HiGHS."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import sparse

from adnflex.arrays import FloatArray
from adnflex.solvers.conic import ConicForm, linear_form
from adnflex.solvers.ending import Ending
from adnflex.solvers.highs import LinearSolver


def minimise_linear(form: ConicForm, time_limit: float = 60.0, dual_tolerance: float = 1e-8) -> Ending:
    """Solve one linear program.

    Parameters
    ----------
    form : ConicForm
        Without cones, e.g. of `adnflex.solvers.conic.linear_form`.
    time_limit : float
        Time limit [s].
    dual_tolerance : float
        As in `LinearSolver`.

    Examples
    --------
    >>> rows = sparse.csr_matrix([[1.0, 2.0]])
    >>> nothing, much = np.zeros(2), np.full(2, np.inf)
    >>> form = linear_form(np.array([1.0, 1.0]), rows, (np.array([3.0]), np.array([np.inf])), (nothing, much))
    >>> answer = minimise_linear(form)
    >>> answer.status, answer.objective, answer.bound, answer.x.tolist()
    ('optimal', 1.5, 1.5, [0.0, 1.5])
    """
    return LinearSolver(form, dual_tolerance=dual_tolerance).solve(time_limit)


def minimise_below(
    cost: FloatArray,
    a: FloatArray,
    b: FloatArray,
    bounds: Sequence[tuple[float, float | None]],
    time_limit: float = 60.0,
) -> Ending:
    """Minimise ``cost x`` over ``a x <= b`` and bounds, all dense.

    Parameters
    ----------
    cost : (n,) array
        Objective.
    a, b : (m, n), (m,) array
        Rows.
    bounds : sequence of (float, float or None)
        Of every variable; None is no bound.
    time_limit : float
        Time limit [s].

    Examples
    --------
    >>> minimise_below(np.array([-1.0]), np.array([[2.0]]), np.array([3.0]), [(0.0, None)]).x.tolist()
    [1.5]
    """
    low = np.array([least for least, _ in bounds], dtype=float)
    high = np.array([np.inf if most is None else most for _, most in bounds], dtype=float)
    rows = np.full(len(b), -np.inf), np.asarray(b, dtype=float)
    return minimise_linear(linear_form(cost, sparse.csr_matrix(a), rows, (low, high)), time_limit)
