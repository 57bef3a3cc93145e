"""Mixed-integer linear problems with HiGHS, kept between solves so that cuts are only added."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import highspy
import numpy as np
from scipy import sparse

from adnflex.arrays import FloatArray, IntArray
from adnflex.solvers.conic import ConicForm, beyond
from adnflex.solvers.ending import INFEASIBLE_OR_UNBOUNDED, Ending, Said, believe, listen
from adnflex.solvers.stopping import STOPPING

# What HiGHS' states mean; all others say that it gave up.
_MEANING = {
    highspy.HighsModelStatus.kOptimal: "optimal",
    highspy.HighsModelStatus.kModelEmpty: "optimal",
    highspy.HighsModelStatus.kInfeasible: "infeasible",
    highspy.HighsModelStatus.kUnboundedOrInfeasible: INFEASIBLE_OR_UNBOUNDED,
    highspy.HighsModelStatus.kUnbounded: "unbounded",
    highspy.HighsModelStatus.kTimeLimit: "time_limit",
    highspy.HighsModelStatus.kInterrupt: "interrupted",
}

# A reduced cost of a column without bound up to which it is rounding, in units of the largest cost.
_ROUNDING = 1e-7


class _Quiet(highspy.Highs):  # type: ignore[misc]
    """HiGHS that never writes; the only one that is made.

    HiGHS prints its banner once in a process, at the first call that can speak while its output is on. In highspy that
    is the constructor itself, which passes its callback; options that are set afterwards come too late.
    """

    def enableCallbacks(self) -> None:
        """Enable the callbacks, silenced first."""
        self.setOptionValue("output_flag", False)
        super().enableCallbacks()


class LinearSolver:
    """A HiGHS model of the linear part of a `ConicForm`.

    Parameters
    ----------
    form : ConicForm
        The problem; its cones are left out and have to be added as cuts.
    threads : int
        Number of threads.
    dual_tolerance : float
        Reduced costs below count as none, in units of the largest cost.
    presolve : bool
        Whether the program is made smaller first; many small ones are quicker without.
    """

    def __init__(self, form: ConicForm, threads: int = 1, dual_tolerance: float = 1e-8, presolve: bool = True) -> None:
        self.form = form
        self.cost, self.low, self.high = form.c, form.low.copy(), form.high.copy()
        self._rows = [(form.a, form.row_low, form.row_high)]
        self._presolve, self._method = "choose" if presolve else "off", "choose"
        h = _Quiet()
        # once more, for a highspy whose constructor passes no callback
        h.setOptionValue("output_flag", False)
        h.setOptionValue("threads", threads)
        h.setOptionValue("mip_feasibility_tolerance", 1e-7)
        h.setOptionValue("primal_feasibility_tolerance", 1e-8)
        h.setOptionValue("dual_feasibility_tolerance", dual_tolerance)
        h.setOptionValue("presolve", self._presolve)
        lp = highspy.HighsLp()
        a = form.a.tocsc()
        lp.num_col_, lp.num_row_ = len(form.c), a.shape[0]
        # objective in units of its largest coefficient: tolerances then mean the same in every net
        self.scale = _size(form.c)
        lp.col_cost_, lp.offset_ = form.c / self.scale, form.c0 / self.scale
        lp.col_lower_, lp.col_upper_ = form.low, form.high
        lp.row_lower_, lp.row_upper_ = form.row_low, form.row_high
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = a.indptr, a.indices, a.data
        if form.integer.any():
            kinds = highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger
            lp.integrality_ = [kinds[int(i)] for i in form.integer]
        h.passModel(lp)
        self.highs = h

    def add_rows(self, rows: sparse.csr_matrix, low: FloatArray, high: FloatArray) -> None:
        """Add rows, kept for all later solves."""
        if rows.shape[0]:
            self._rows.append((rows, low, high))
            self.highs.addRows(
                rows.shape[0], low, high, rows.nnz, rows.indptr[:-1].astype(np.int32), rows.indices, rows.data
            )

    def exclude(self, x: FloatArray) -> None:
        """Cut off one assignment of the binary variables, kept for all later solves."""
        k = np.flatnonzero(self.form.integer)
        one = x[k] > 0.5
        row = sparse.csr_matrix((np.where(one, -1.0, 1.0), (np.zeros(len(k), int), k)), shape=(1, len(x)))
        self.add_rows(row, np.array([1.0 - one.sum()]), np.array([np.inf]))

    def basis(self) -> Any:
        """Return the basis of the last linear solve."""
        return self.highs.getBasis()

    def begin_with(self, basis: Any, rows: IntArray) -> None:
        """Begin with the basis of another program of the same columns.

        Parameters
        ----------
        basis : HighsBasis
            That basis.
        rows : (m,) array of int
            For every row here its row there, -1 where it is new.
        """
        new = highspy.HighsBasis()
        new.col_status = list(basis.col_status)
        there = list(basis.row_status)
        free = highspy.HighsBasisStatus.kBasic
        new.row_status = [there[k] if k >= 0 else free for k in rows.tolist()]
        new.valid = True
        # one that is not square is repaired or refused by the solver, which then starts anew
        self.highs.setBasis(new)

    def use(self, method: str) -> None:
        """Choose how linear programs are solved: ``choose``, ``simplex`` or ``ipm`` (with crossover to a vertex)."""
        self._method = method
        self.highs.setOptionValue("solver", method)

    def set_bounds(self, columns: IntArray, low: FloatArray, high: FloatArray) -> None:
        """Change the bounds of some columns; the next solve begins from the last basis."""
        self.low[columns], self.high[columns] = low, high
        self.highs.changeColsBounds(len(columns), columns.astype(np.int32), low, high)

    def set_cost(self, cost: FloatArray) -> None:
        """Change the objective; the next solve begins from the last basis."""
        self.cost, self.scale = cost, _size(cost)
        every = np.arange(len(cost), dtype=np.int32)
        self.highs.changeColsCost(len(cost), every, cost / self.scale)

    def row_prices(self) -> FloatArray:
        """Change of the objective per unit of every row's limit, of the last linear solve."""
        return np.array(self.highs.getSolution().row_dual) * self.scale

    def reduced_costs(self) -> FloatArray:
        """Change of the objective per unit of every column, of the last linear solve."""
        return np.array(self.highs.getSolution().col_dual) * self.scale

    def solve(
        self,
        time_limit: float,
        gap: float = 0.0,
        start: FloatArray | None = None,
        heuristics: bool = True,
        on_bound: Callable[[float], bool] | None = None,
    ) -> Ending:
        """Solve as it stands; once more in another way where that gives nothing.

        Parameters
        ----------
        time_limit : float
            Time limit [s].
        gap : float
            Relative gap at which to stop.
        start : (n,) array, optional
            A feasible point to begin with.
        heuristics : bool
            Whether the solver looks for points by itself.
        on_bound : callable, optional
            Told the bound as it rises; returning True interrupts.
        """
        h, end = self.highs, time.monotonic() + time_limit
        h.setOptionValue("mip_rel_gap", float(gap))
        h.setOptionValue("mip_abs_gap", 0.0)
        h.setOptionValue("mip_heuristic_effort", 0.05 if heuristics else 0.0)
        answer = self._ask(time_limit, start, on_bound, False)
        if answer.status != "failed" or answer.x is not None or end - time.monotonic() <= 0:
            return answer
        # from nothing, without presolve, by the other method: what HiGHS cannot say one way it often says another
        h.clearSolver()
        h.setOptionValue("presolve", "off")
        h.setOptionValue("solver", "simplex")
        try:
            again = self._ask(end - time.monotonic(), start, on_bound, True)
        finally:
            h.setOptionValue("presolve", self._presolve)
            h.setOptionValue("solver", self._method)
        return again if again.bound >= answer.bound else answer

    def _ask(
        self,
        time_limit: float,
        start: FloatArray | None,
        on_bound: Callable[[float], bool] | None,
        again: bool,
    ) -> Ending:
        mixed = bool(self.form.integer.any())
        kind = "mixed-integer" if mixed else "linear"
        return believe(
            listen(kind, "HiGHS", lambda: self._run(time_limit, start, on_bound)),
            "HiGHS",
            value=lambda x: float(self.cost @ x + self.form.c0),
            residual=self._residual,
            safe_bound=None if mixed else lambda y: self._safe_bound(y, 1.0) + self.form.c0,
            proof=lambda y: self._safe_bound(y, 0.0),
            # said twice, in two ways, it is believed of a linear program without a certificate too
            infeasible_is_proven=mixed or again,
        )

    def _run(self, time_limit: float, start: FloatArray | None, on_bound: Callable[[float], bool] | None) -> Said:
        h = self.highs
        # HiGHS counts it anew in every run
        h.setOptionValue("time_limit", max(time_limit, 0.01))
        if start is not None:
            solution = highspy.HighsSolution()
            solution.col_value = start
            h.setSolution(solution)
        stopped = False

        def heard(event: object) -> None:
            nonlocal stopped
            # an exception must not fly through the solver's own code
            if asked is not None and asked():
                stopped = True
            try:
                data = event.data_out  # type: ignore[attr-defined]
                ends = on_bound is not None and on_bound(float(data.mip_dual_bound) * self.scale)
            except KeyboardInterrupt:
                ends = True
            if ends or stopped:
                stopped = True
                event.data_in.user_interrupt = True  # type: ignore[attr-defined]

        def waited(event: object) -> None:
            if asked is not None and asked():
                event.data_in.user_interrupt = True  # type: ignore[attr-defined]

        # what a mixed-integer search has proven by then is kept; a linear program that is cut short is worth nothing
        mixed = bool(self.form.integer.any())
        with STOPPING.solver(tells=mixed) as asked:
            pairs = [(h.cbMipInterrupt, heard)] if on_bound is not None or asked is not None else []
            if asked is not None and not mixed:
                pairs = [(h.cbSimplexInterrupt, waited), (h.cbIpmInterrupt, waited)]
            for callback, call in pairs:
                callback.subscribe(call)
            try:
                h.run()
            finally:
                for callback, call in pairs:
                    callback.unsubscribe(call)
        return self._said(stopped)

    def _said(self, stopped: bool) -> Said:
        h = self.highs
        found = h.getModelStatus()
        words = f"HiGHS: {h.modelStatusToString(found)}"
        ending = "interrupted" if stopped else _MEANING.get(found, "failed")
        if ending == "infeasible":
            return Said(ending, words, ray=self._ray())
        info, solution = h.getInfo(), h.getSolution()
        mixed = bool(self.form.integer.any())
        # a point of a linear program that is not at its end is a vertex on the way: feasible, nothing more
        x = np.array(solution.col_value) if _has_point(info) else None
        objective = info.objective_function_value * self.scale if x is not None else np.nan
        if mixed:
            return Said(ending, words, x, objective, info.mip_dual_bound * self.scale)
        dual = np.array(solution.row_dual) * self.scale if solution.dual_valid else None
        return Said(ending, words, x, objective, objective if ending == "optimal" else -np.inf, dual)

    def _ray(self) -> FloatArray | None:
        """Prices of the rows that prove infeasibility; None where HiGHS has none, as after its presolve."""
        known, there, ray = self.highs.getDualRay()
        if known != highspy.HighsStatus.kOk or not there:
            return None
        found = [y for y in (np.array(ray), -np.array(ray)) if self._safe_bound(y, 0.0) > 0]
        return found[0] if found else None

    def _residual(self, x: FloatArray) -> float:
        """Largest violation of any row or bound as they are now, and of the integers."""
        worst = [beyond(x, self.low, self.high), *(beyond(a @ x, low, high) for a, low, high in self._rows)]
        whole = x[self.form.integer]
        return max(0.0, float(np.abs(whole - np.round(whole)).max(initial=0.0)), *worst)

    def _safe_bound(self, prices: FloatArray, weight: float) -> float:
        """Lower bound of the weighted objective that holds for any prices of the rows.

        ``c x = y A x + (c - A' y) x``, and both parts are at least their minimum over the limits of the rows and over
        the variables' box (Neumaier and Shcherbina 2004, doi:10.1007/s10107-003-0433-3).
        """
        total, first, reduced = 0.0, 0, weight * self.cost
        for a, low, high in self._rows:
            y = prices[first : first + a.shape[0]].copy()
            first += a.shape[0]
            limit = np.where(y > 0, low, high)
            # a price of a side that has no limit is none
            y[~np.isfinite(limit)] = 0.0
            at = y != 0
            total += float(y[at] @ limit[at])
            reduced = reduced - a.T @ y
        at_box = np.where(reduced > 0, self.low, self.high)
        free = ~np.isfinite(at_box)
        # a column without bound cannot be paid for: its reduced cost has to be rounding
        unit = max(weight * self.scale, float(np.abs(prices).max(initial=0.0)))
        if np.any(np.abs(reduced[free]) > _ROUNDING * unit):
            return -np.inf
        return total + float(reduced[~free] @ at_box[~free])


def _size(cost: FloatArray) -> float:
    """Return the unit of an objective: its largest coefficient."""
    most = float(np.abs(cost).max(initial=0.0))
    return max(most, 1e-12) if most > 0 else 1.0


def _has_point(info: Any) -> bool:
    return bool(info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible)
