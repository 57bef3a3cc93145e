"""A conic relaxation whose columns belong to modes: where modes are excluded, it is solved without their columns."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import clarabel
import numpy as np
from scipy import sparse

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.solvers.clarabel import box_bound, column_units, into_dual_cone, run_stoppable, said_by
from adnflex.solvers.conic import ConicForm
from adnflex.solvers.ending import Said, believe, listen

# Accuracy of the interior point method: the bound is safe whatever it is, and loses about as much.
_TOLERANCE = 1e-7


class Shrunk(NamedTuple):
    """Answer for some modes.

    Attributes
    ----------
    bound : float
        Proven lower bound; inf where nothing is feasible, -inf where nothing is proven.
    shares : (k,) array or None
        The share of every mode at the optimum.
    prices : (k,) array or None
        By how much the bound rises at least where a mode is used whole; inf for excluded ones.
    dual : (m,) array or None
        Multipliers of all rows, those of inequalities not negative; 0 for rows without a column that is left.
    point : (n,) array or None
        The optimum, in the units of the form's variables.
    carried : (k,) array or None
        The largest ``|(p, q)|`` of the cones of every mode there.
    """

    bound: float
    shares: FloatArray | None
    prices: FloatArray | None
    dual: FloatArray | None = None
    point: FloatArray | None = None
    carried: FloatArray | None = None


@dataclass(frozen=True)
class ShrinkingConic:
    """Solves a form with some modes excluded; all in units in which columns and rows are of order one.

    Attributes
    ----------
    owner : (n,) array of int
        Mode that a column belongs to, -1 where it belongs to none; a column is 0 where its mode is excluded.
    shares : (k,) array of int
        Column of every mode's share, which lies in [0, 1].
    unit, low, high : (n,) array
        Units of the columns, and their bounds in them.
    cost, scale, c0 : (n,) array, float, float
        Objective ``scale * cost @ y + c0`` of columns in their units.
    rows, sides, row_scale : (m, n) sparse matrix, (m,) array, (m,) array
        Rows ``rows @ y = sides``, then ``rows @ y <= sides``, and what they were multiplied by.
    equations : int
        How many are equations.
    cones : (c, 4) array of int
        Columns of p, q, l, w in ``p² + q² <= l w``.
    nonnegative : (k,) array of int
        The row that keeps a share from falling below 0.
    """

    owner: IntArray
    shares: IntArray
    unit: FloatArray
    low: FloatArray
    high: FloatArray
    cost: FloatArray
    scale: float
    c0: float
    rows: sparse.csc_matrix
    sides: FloatArray
    row_scale: FloatArray
    equations: int
    cones: IntArray
    nonnegative: IntArray

    @classmethod
    def of(cls, form: ConicForm, owner: IntArray, shares: IntArray, bounded: BoolArray) -> ShrinkingConic:
        """Take the arrays of a form; rules of its Pyomo model are no arrays and could not travel.

        Parameters
        ----------
        form : ConicForm
            The problem; integers are relaxed.
        owner : (n,) array of int
            See above.
        shares : (k,) array of int
            See above.
        bounded : (n,) array of bool
            Columns of which both bounds are rows; of the others only a lower bound of 0 is, unless a cone implies it.
        """
        unit = column_units(form)
        low, high, cost = form.low / unit, form.high / unit, form.c * unit
        scale = max(float(np.abs(cost).max(initial=0.0)), 1e-12)
        equal = form.row_low == form.row_high
        upper, lower = ~equal & np.isfinite(form.row_high), ~equal & np.isfinite(form.row_low)
        eye = sparse.eye(len(form.c), format="csr")
        a = form.a @ sparse.diags(unit, format="csr")
        in_cone = np.zeros(len(form.c), dtype=bool)
        if len(form.cones):
            in_cone[form.cones[:, 2:].ravel()] = True
        bottom = np.isfinite(form.low) & (bounded | ((form.low == 0) & ~in_cone))
        # the multiplier of a share's own bound is its price
        bottom[shares] = True
        top = np.isfinite(form.high) & bounded
        rows = sparse.vstack([a[equal], a[upper], -a[lower], -eye[bottom], eye[top]], format="csr")
        sides = np.concatenate(
            [form.row_low[equal], form.row_high[upper], -form.row_low[lower], -low[bottom], high[top]]
        )
        size = np.abs(rows).max(axis=1).toarray().ravel()
        row_scale = 1 / np.where(size > 0, size, 1.0)
        place = np.full(len(form.c), -1)
        place[bottom] = int(equal.sum() + upper.sum() + lower.sum()) + np.arange(int(bottom.sum()))
        return cls(
            owner,
            shares,
            unit,
            low,
            high,
            cost / scale,
            scale,
            form.c0,
            sparse.csc_matrix(sparse.diags(row_scale) @ rows),
            sides * row_scale,
            row_scale,
            int(equal.sum()),
            form.cones,
            place[shares],
        )

    def towards(self, c: FloatArray) -> ShrinkingConic:
        """Return the same with another objective, in the units of the form's variables."""
        cost = c * self.unit
        scale = max(float(np.abs(cost).max(initial=0.0)), 1e-12)
        return replace(self, cost=cost / scale, scale=scale, c0=0.0)

    def solve(self, allowed: BoolArray, seconds: float = 60.0) -> Shrunk:
        """Solve with the allowed modes.

        Parameters
        ----------
        allowed : (k,) array of bool
            The modes.
        seconds : float
            Time limit [s].
        """
        live = np.ones(len(self.owner), dtype=bool)
        owned = self.owner >= 0
        live[owned] = allowed[self.owner[owned]]
        columns = np.flatnonzero(live)
        body = self.rows[:, columns].tocsr()
        kept = np.diff(body.indptr) > 0
        # a row without columns says 0 = side or 0 <= side
        empty = self.sides[~kept]
        false = np.where(np.flatnonzero(~kept) < self.equations, np.abs(empty), -empty)
        if len(false) and false.max() > 1e-9:
            return Shrunk(np.inf, None, None)
        number = np.cumsum(live) - 1
        cones = number[self.cones[live[self.cones[:, 2]]]] if len(self.cones) else self.cones
        a, cone_list = _stacked(body[kept], cones, int(kept[: self.equations].sum()))
        b = np.concatenate([self.sides[kept], np.zeros(4 * len(cones))])
        return self._believed(allowed, columns, kept, a, b, cone_list, len(cones), seconds)

    def _believed(
        self,
        allowed: BoolArray,
        columns: IntArray,
        kept: BoolArray,
        a: sparse.csc_matrix,
        b: FloatArray,
        cone_list: list[object],
        cones: int,
        seconds: float,
    ) -> Shrunk:
        cost, low, high, unit = self.cost[columns], self.low[columns], self.high[columns], self.unit[columns]
        equations = int(kept[: self.equations].sum())
        end = time.monotonic() + seconds
        heard: list[Said] = []

        def safe(weight: float, z: FloatArray) -> float:
            return box_bound(weight * cost, a, b, into_dual_cone(z, equations, cones), low, high)

        def ask(refine: bool) -> Said:
            heard.append(
                said_by(_run(cost, a, b, cone_list, refine, end - time.monotonic()), unit, self.scale, self.c0)
            )
            return heard[-1]

        answer = None
        for refine in (False, True):
            answer = believe(
                listen("conic", "Clarabel", lambda refine=refine: ask(refine)),  # type: ignore[misc]
                "Clarabel",
                value=lambda x: float(cost @ (x / unit)) * self.scale + self.c0,
                residual=lambda x: self._off(x / unit, a, b, equations, cones),
                safe_bound=lambda z: safe(1.0, z) * self.scale + self.c0,
                proof=lambda z: safe(0.0, z),
            )
            if answer.status != "failed":
                break
        if answer is None or answer.x is None:
            return Shrunk(-np.inf if answer is None else answer.bound, None, None)
        x = np.zeros(len(self.owner))
        x[columns] = answer.x
        dual = self._dual(heard[-1].dual, kept)
        return Shrunk(answer.bound, x[self.shares], self._prices(dual, allowed), dual, x, self._carried(x))

    def _carried(self, x: FloatArray) -> FloatArray:
        """Largest left side of the cones of every mode."""
        p, q, l, _ = self.cones.T  # noqa: E741
        mode, found = self.owner[l], np.zeros(len(self.shares))
        here = mode >= 0
        np.maximum.at(found, mode[here], np.hypot(x[p], x[q])[here])
        return found

    def _dual(self, dual: FloatArray | None, kept: BoolArray) -> FloatArray | None:
        """Multipliers of all rows."""
        if dual is None:
            return None
        found = np.zeros(len(kept))
        found[kept] = dual[: int(kept.sum())]
        np.maximum(found[self.equations :], 0.0, out=found[self.equations :])
        return found

    def _prices(self, dual: FloatArray | None, allowed: BoolArray) -> FloatArray | None:
        """Multipliers of ``share >= 0``, in units of the objective."""
        if dual is None:
            return None
        price = dual[self.nonnegative] * self.row_scale[self.nonnegative] * self.scale
        return np.where(allowed, price, np.inf)

    def _off(self, y: FloatArray, a: sparse.csc_matrix, b: FloatArray, equations: int, cones: int) -> float:
        """Largest violation of rows and cones at a point in units of the columns."""
        slack = b - a @ y
        linear = slack[: len(slack) - 4 * cones]
        off = max(float(np.abs(linear[:equations]).max(initial=0.0)), float(-linear[equations:].min(initial=0.0)))
        if cones:
            cone = slack[len(linear) :].reshape(-1, 4)
            outside = np.sqrt((cone[:, 1:] ** 2).sum(axis=1)) - cone[:, 0]
            off = max(off, float(outside.max()))
        return off


def _stacked(rows: sparse.csr_matrix, cones: IntArray, equations: int) -> tuple[sparse.csc_matrix, list[object]]:
    n, k = rows.shape[1], len(cones)
    kinds: list[object] = [clarabel.ZeroConeT(equations), clarabel.NonnegativeConeT(rows.shape[0] - equations)]
    if not k:
        return sparse.csc_matrix(rows), kinds
    p, q, l, w = cones.T  # noqa: E741
    row, one = 4 * np.arange(k), np.ones(k)
    at = np.concatenate([row, row, row + 1, row + 2, row + 3, row + 3])
    data = np.concatenate([-one, -one, -2 * one, -2 * one, -one, one])
    lower = sparse.csr_matrix((data, (at, np.concatenate([l, w, p, q, l, w]))), shape=(4 * k, n))
    return sparse.vstack([rows, lower], format="csc"), kinds + [clarabel.SecondOrderConeT(4)] * k


def _run(
    cost: FloatArray, a: sparse.csc_matrix, b: FloatArray, cones: list[object], refine: bool, seconds: float
) -> Any:
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.time_limit = max(seconds, 0.01)
    settings.max_threads = 1
    settings.iterative_refinement_enable = refine
    settings.presolve_enable = False
    settings.tol_gap_abs = settings.tol_gap_rel = settings.tol_feas = _TOLERANCE
    n = len(cost)
    return run_stoppable(clarabel.DefaultSolver(sparse.csc_matrix((n, n)), cost, a, b, cones, settings))
