r"""Bound a horizon by exact hours: with prices of what periods hand on, each of them is solved in exact power flow.

Stored energy is all that couples the periods of a dispatch with given switch states.  With prices :math:`\pi` on those
equations the horizon falls apart, and whatever the prices,

.. math::

    V \ge \text{const}(\pi) + \sum_t \min_{x \in AC_t} r_t(\pi) \, x

with :math:`AC_t` the branch flow equations themselves and one way of every storage.  Each minimum is bounded by spatial
branch and bound; where it is not finished the relaxation's bound stands.  An hour's bound is also a cut,
:math:`r_t x \ge \beta_t`, that holds for every schedule; the horizon with its cuts has new prices.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from adnflex.arrays import FloatArray, IntArray
from adnflex.solvers.clarabel import equation_prices, solve_relaxation
from adnflex.solvers.conic import ConicForm
from adnflex.solvers.scip import solve_exact

# Rounds of prices at most; one that closes less of what is open is the last.
_ROUNDS, _WORTHWHILE = 4, 0.05

# Share of what is open that the hours together may leave to branch and bound.
_LEFT_OPEN = 0.02


@dataclass(frozen=True)
class Apart:
    """A form whose periods hang together by some equations only.

    Attributes
    ----------
    form : ConicForm
        The form; minimised.
    period : (n,) array of int
        Period of every column; -1 where it belongs to all of them and is fixed.
    rows : (m,) array of int
        Period of every row; -1 where it couples periods.
    equations : (n,) array of int
        Columns l of the cones that stand for an equation.
    """

    form: ConicForm
    period: IntArray
    rows: IntArray
    equations: IntArray

    @classmethod
    def of(cls, form: ConicForm, period: IntArray, equations: IntArray) -> Apart:
        """Find the rows that couple periods."""
        a = sparse.coo_matrix(form.a)
        known = period[a.col] >= 0
        low, high = np.full(a.shape[0], np.iinfo(np.int64).max), np.full(a.shape[0], -1)
        np.minimum.at(low, a.row[known], period[a.col[known]])
        np.maximum.at(high, a.row[known], period[a.col[known]])
        return cls(form, period, np.where(low == high, high, -1), equations)

    @property
    def count(self) -> int:
        """Number of periods."""
        return int(self.period.max()) + 1

    def priced(self, prices: FloatArray) -> tuple[FloatArray, float]:
        """Cost of the columns, and the constant, with prices (m,) of the rows that couple periods."""
        own = np.where(self.rows < 0, prices, 0.0)
        cost = self.form.c + self.form.a.T @ own
        known = self.form.c0 - float(own @ np.where(own != 0, self.form.row_low, 0.0))
        shared = self.period < 0
        return cost, known + float(cost[shared] @ self.form.low[shared])

    def part(self, cost: FloatArray, t: int) -> tuple[ConicForm, IntArray]:
        """Return a period alone at a given cost, and its columns."""
        form = self.form
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
            form.integer[columns],
            at[own],
            [],
        )
        return part, columns


def bound_by_hours(
    apart: Apart, start: float, enough: float, local: Sequence[ConicForm], left: Callable[[], float]
) -> float:
    """Return a lower bound of a horizon's exact schedules.

    Parameters
    ----------
    apart : Apart
        The horizon.
    start : float
        A bound that is known.
    enough : float
        The bound at which nothing more is looked for.
    local : sequence of ConicForm
        Horizons with the same first rows, whose prices are tried first: of the schedule that is known, for example.
    left : callable
        Seconds left.
    """
    best, whole, waiting = start, apart.form, list(local)
    for _ in range(_ROUNDS + len(local)):
        if best >= enough or left() <= 0:
            break
        before, near = best, bool(waiting)
        _, prices = equation_prices(waiting.pop(0) if near else whole, left())
        if prices is None:
            continue
        found, cuts = _priced(apart, prices[: apart.form.a.shape[0]], enough - best, left)
        best = max(best, found)
        if not cuts or (not near and best - before <= _WORTHWHILE * (enough - before)):
            break
        whole = _cut(whole, cuts)
        best = max(best, solve_relaxation(whole, time_limit=max(left(), 1.0)).bound)
    return best


Cut = tuple[IntArray, FloatArray, float]


def _priced(apart: Apart, prices: FloatArray, open_: float, left: Callable[[], float]) -> tuple[float, list[Cut]]:
    """Bound all periods at some prices; the cuts are of those whose relaxation is not exact."""
    cost, known = apart.priced(prices)
    total, cuts = known, []
    for t in range(apart.count):
        part, columns = apart.part(cost, t)
        relaxed = solve_relaxation(part, time_limit=max(left(), 0.1)).bound
        exact = relaxed
        if left() > 0:
            equations = np.isin(columns[part.cones[:, 2]], apart.equations)
            share = left() / (apart.count - t)
            exact = max(relaxed, solve_exact(part, equations, share, _LEFT_OPEN * open_ / apart.count).bound)
        total += exact
        if exact > relaxed + _ROUNDING:
            cuts.append((columns, part.c, exact - _ROUNDING))
    return total, cuts


# What a cut leaves to rounding [pu].
_ROUNDING = 1e-7


def _cut(form: ConicForm, cuts: Sequence[Cut]) -> ConicForm:
    """Add rows that no exact schedule breaks."""
    rows = np.zeros((len(cuts), len(form.c)))
    for row, (columns, c, _) in zip(rows, cuts, strict=True):
        row[columns] = c
    least = np.array([value for _, _, value in cuts])
    return replace(
        form,
        a=sparse.csr_matrix(sparse.vstack([form.a, sparse.csr_matrix(rows)])),
        row_low=np.concatenate([form.row_low, least]),
        row_high=np.concatenate([form.row_high, np.full(len(cuts), np.inf)]),
        rows=[],
    )
