r"""Tighten the relaxation behind an outer bound, hour by hour, where it invents losses.

The relaxation of a horizon is tight where the flows of every branch lie in narrow intervals: then the secants of
`adnflex.formulations.secants` leave a current little room above the cone.  Only schedules that are worth more than
what is known matter, and those keep a cut-off in every period: with prices of the energy that periods hand on,

.. math::

    \sum_t r_t x_t + \text{const} \le V \quad\Rightarrow\quad r_t x_t \le b_t + (V - B), \qquad
    b_t = \min r_t x_t, \quad B = \sum_t b_t + \text{const}

for every period.  Within its cut-off a period is a small conic program, whose flows and voltages are bounded one by
one; the intervals hold for the whole horizon, which is solved again with them, and with new prices.

References
----------
Optimality-based bound tightening: Gleixner et al., J. Global Optimization 67, 2017, doi:10.1007/s10898-016-0450-4.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from adnflex.arrays import FloatArray, IntArray
from adnflex.solvers.clarabel import equation_prices, solve_relaxation
from adnflex.solvers.conic import ConicForm

# A cone whose sides differ by less invents no loss that matters [pu squared].
_TIGHT = 1e-5

# Cones of a period that are looked at in a round, the worst first, and rounds at most.
_CONES, _ROUNDS = 14, 6

# A round that closes less of what is open is the last.
_WORTHWHILE = 0.02


@dataclass(frozen=True)
class Apart:
    """A form whose periods hang together by some equations only.

    Attributes
    ----------
    period : (n,) array of int
        Period of every column; -1 where it belongs to all of them and is fixed.
    rows : (m,) array of int
        Period of every row; -1 where it couples periods.
    """

    period: IntArray
    rows: IntArray

    @classmethod
    def of(cls, form: ConicForm, period: IntArray) -> Apart:
        """Find the rows that couple periods."""
        a = sparse.coo_matrix(form.a)
        known = period[a.col] >= 0
        low, high = np.full(a.shape[0], np.iinfo(np.int64).max), np.full(a.shape[0], -1)
        np.minimum.at(low, a.row[known], period[a.col[known]])
        np.maximum.at(high, a.row[known], period[a.col[known]])
        return cls(period, np.where(low == high, high, -1))

    def part(self, form: ConicForm, cost: FloatArray, t: int) -> tuple[ConicForm, IntArray]:
        """Return a period alone at a given cost, and its columns."""
        columns = np.flatnonzero((self.period == t) | (self.period < 0))
        rows = np.flatnonzero(self.rows == t)
        at = np.full(len(self.period), -1)
        at[columns] = np.arange(len(columns))
        own = form.cones[self.period[form.cones[:, 0]] == t]
        part = ConicForm(
            np.where(self.period[columns] == t, cost[columns], 0.0),
            0.0,
            sparse.csr_matrix(form.a[rows][:, columns]),
            form.row_low[rows],
            form.row_high[rows],
            form.low[columns],
            form.high[columns],
            np.zeros(len(columns), dtype=bool),
            at[own],
            [],
        )
        return part, columns


def tightened(
    form: ConicForm, period: IntArray, start: float, ends: tuple[float, float], left: Callable[[], float]
) -> float:
    """Return a lower bound of a horizon's relaxation, tightened for what is worth more than is known.

    Parameters
    ----------
    form : ConicForm
        The relaxation; minimised.
    period : (n,) array of int
        Period of every column; -1 where it belongs to all of them and is fixed.
    start : float
        A bound that is known.
    ends : (float, float)
        The bound at which nothing more is looked for, and V: only schedules below V matter, and no bound above it is
        claimed.
    left : callable
        Seconds left.

    Returns
    -------
    float
        No schedule of the relaxation that AC power flow can follow is worth less, or less than V.
    """
    best, (enough, aim) = start, ends
    count = int(period.max()) + 1
    for _ in range(_ROUNDS):
        before = best
        if not math.isfinite(best) or best >= min(enough, aim) or left() <= 0:
            break
        whole = _with_secants(form)
        answer, prices = equation_prices(whole, left())
        if prices is None or answer.x is None:
            break
        apart = Apart.of(whole, period)
        prices = np.where(apart.rows < 0, prices, 0.0)
        cost = whole.c + whole.a.T @ prices
        shared = period < 0
        known = whole.c0 - float(prices @ np.where(prices != 0, whole.row_low, 0.0))
        known += float(cost[shared] @ whole.low[shared])
        parts = [apart.part(whole, cost, t) for t in range(count)]
        bounds = np.array([solve_relaxation(part, time_limit=max(left(), 0.1)).bound for part, _ in parts])
        best = max(best, min(known + float(bounds.sum()), aim))
        room = aim - known - float(bounds.sum())
        if not np.isfinite(bounds).all() or room <= 0:
            break
        low, high = form.low.copy(), form.high.copy()
        for t in np.argsort([-_invented(part, answer.x[columns]).sum() for part, columns in parts]).tolist():
            part, columns = parts[t]
            if left() <= 0:
                break
            narrow = _narrowed(part, answer.x[columns], float(bounds[t]) + room, left)
            if narrow is None:
                return aim  # nothing below the cut-off: no schedule is worth more than what is known
            low[columns], high[columns] = np.maximum(low[columns], narrow[0]), np.minimum(high[columns], narrow[1])
        form = replace(form, low=low, high=high)
        best = max(best, min(solve_relaxation(_with_secants(form), time_limit=max(left(), 1.0)).bound, aim))
        if best - before <= _WORTHWHILE * (aim - before):
            break
    return best


def _invented(form: ConicForm, x: FloatArray) -> FloatArray:
    """How far every cone is open; 0 for those that are no branch's."""
    p, q, l, w = form.cones.T  # noqa: E741
    return np.where(form.low[l] < form.high[l], np.maximum(x[l] * x[w] - x[p] ** 2 - x[q] ** 2, 0.0), 0.0)


def _narrowed(
    part: ConicForm, x: FloatArray, cut_off: float, left: Callable[[], float]
) -> tuple[FloatArray, FloatArray] | None:
    """Bound flows and voltages of the worst cones of a period below a cut-off; None where nothing lies below it."""
    low, high = part.low.copy(), part.high.copy()
    limited = replace(
        part,
        a=sparse.csr_matrix(sparse.vstack([part.a, sparse.csr_matrix(part.c[None])])),
        row_low=np.append(part.row_low, -np.inf),
        row_high=np.append(part.row_high, cut_off),
    )
    gaps = _invented(part, x)
    for k in np.argsort(-gaps)[:_CONES].tolist():
        if gaps[k] < _TIGHT or left() <= 0:
            break
        p, q, l, w = part.cones[k].tolist()  # noqa: E741
        for column in (p, q, w):
            if low[column] >= high[column]:
                continue
            for sign in (1.0, -1.0):
                cost = np.zeros(len(part.c))
                cost[column] = sign
                answer = solve_relaxation(replace(limited, c=cost, low=low, high=high), time_limit=max(left(), 0.1))
                if answer.status == "infeasible":
                    return None
                if sign > 0:
                    low[column] = min(max(low[column], answer.bound - _SPARE), high[column])
                else:
                    high[column] = max(min(high[column], -answer.bound + _SPARE), low[column])
        most = max(low[p] ** 2, high[p] ** 2) + max(low[q] ** 2, high[q] ** 2)
        if low[w] > 0 and math.isfinite(most):
            high[l] = max(min(high[l], most / low[w]), low[l])
    return low, high


# What an interval keeps beyond its computed end, for rounding [pu].
_SPARE = 1e-9


def _with_secants(form: ConicForm) -> ConicForm:
    """Add the other side of every branch's cone over the bounds of its columns."""
    cones = form.cones
    p, q, l, w = cones.T  # noqa: E741
    curved = (form.low[l] < form.high[l]) & np.isfinite(form.low[cones]).all(axis=1)
    cones = cones[curved & np.isfinite(form.high[cones]).all(axis=1)]
    p, q, l, w = cones.T  # noqa: E741
    low, high, rows = form.low, form.high, np.arange(len(cones))
    blocks, most = [form.a], [form.row_high]
    for at_w, at_l in ((high[w], low[l]), (low[w], high[l])):
        values = np.concatenate([at_w, at_l, -(low[p] + high[p]), -(low[q] + high[q])])
        place = np.tile(rows, 4), np.concatenate([l, w, p, q])
        blocks.append(sparse.csr_matrix((values, place), shape=(len(cones), len(form.c))))
        most.append(at_l * at_w - low[p] * high[p] - low[q] * high[q])
    return replace(
        form,
        a=sparse.csr_matrix(sparse.vstack(blocks)),
        row_low=np.concatenate([form.row_low, np.full(2 * len(cones), -np.inf)]),
        row_high=np.concatenate(most),
        rows=[],
    )
