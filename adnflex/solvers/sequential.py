r"""Sequential tightening: from a point of the cone relaxation to a local optimum of the exact equations.

The exact ``l = (P² + Q²)/w`` lacks ``l <= f(P, Q, w)`` with convex `f`.  Around a point it is replaced by the tangent
of `f` plus a slack that is paid for (the convex-concave procedure), which only needs linear rows:

.. math::

    l - \frac{2 \hat P}{\hat w} P - \frac{2 \hat Q}{\hat w} Q + \frac{\hat P^2 + \hat Q^2}{\hat w^2} w \le s,
    \quad s \ge 0

The penalised objective never rises from one round to the next at the same price.

References
----------
Lipp and Boyd, "Variations and extension of the convex-concave procedure", Optimization and Engineering 17, 2016,
doi:10.1007/s11081-015-9294-x; Wei et al., "Optimal power flow of radial networks and its variations: a sequential
convex optimization approach", IEEE Trans. Smart Grid 8(6), 2017, doi:10.1109/TSG.2017.2684183.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import sparse

from adnflex.arrays import FloatArray, IntArray
from adnflex.solvers.clarabel import solve_relaxation
from adnflex.solvers.conic import ConicForm


def tighten(
    form: ConicForm,
    start: FloatArray,
    cones: IntArray,
    price: FloatArray,
    accept: Callable[[FloatArray], bool],
    left: Callable[[], float],
    rounds: int = 25,
) -> FloatArray | None:
    """Tighten some cones of a problem round by round.

    Parameters
    ----------
    form : ConicForm
        The problem, integers fixed by their bounds.
    start : (n,) array
        A point of the relaxation.
    cones : (k,) array of int
        Which of its cones have to be tight.
    price : (k,) array
        Price of the slack of each, in the objective's unit.
    accept : callable
        Told the point of every round; True ends the procedure.
    left : callable
        Seconds that are left, asked before every round; none end the procedure with the last point.
    rounds : int
        At most so many.

    Returns
    -------
    (n,) array or None
        The last point; None where a round had no solution.
    """
    x, weight, last = start, 2.0, np.inf
    for _ in range(rounds):
        seconds = left()
        if seconds <= 0:
            break
        wide = _with_tangents(form, x, cones, weight * price)
        answer = solve_relaxation(wide, wide.low, wide.high, seconds)
        if answer.x is None:
            return None
        x = answer.x[: len(form.c)]
        slack = float(np.maximum(answer.x[len(form.c) :], 0) @ price)
        done = accept(x)
        value = form.objective(x)
        if done and abs(value - last) <= 1e-5 * max(1.0, abs(value)):
            return x
        last = value
        if not done and slack > 1e-9 * max(1.0, abs(value)):
            weight = min(weight * 2.5, 1e5)
    return x


def _with_tangents(form: ConicForm, x: FloatArray, cones: IntArray, price: FloatArray) -> ConicForm:
    n, k = len(form.c), len(cones)
    p, q, l, w = form.cones[cones].T  # noqa: E741
    at_w = np.maximum(x[w], 1e-6)
    ratio_p, ratio_q = x[p] / at_w, x[q] / at_w
    rows = np.arange(k)
    one = np.ones(k)
    data = np.concatenate([one, -2 * ratio_p, -2 * ratio_q, ratio_p**2 + ratio_q**2, -one])
    columns = np.concatenate([l, p, q, w, n + rows])
    tangents = sparse.csr_matrix((data, (np.tile(rows, 5), columns)), shape=(k, n + k))
    old = sparse.hstack([form.a, sparse.csr_matrix((form.a.shape[0], k))], format="csr")
    top = np.maximum(form.high[l], 1e-9)
    return replace(
        form,
        c=np.concatenate([form.c, price]),
        a=sparse.vstack([old, tangents], format="csr"),
        row_low=np.concatenate([form.row_low, np.full(k, -np.inf)]),
        row_high=np.concatenate([form.row_high, np.zeros(k)]),
        low=np.concatenate([form.low, np.zeros(k)]),
        high=np.concatenate([form.high, top]),
        integer=np.concatenate([form.integer, np.zeros(k, dtype=bool)]),
    )
