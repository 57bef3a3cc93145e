"""Mixed-integer linear problems with HiGHS, kept between solves so that cuts are only added."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import highspy
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from adnflex.solvers.conic import ConicForm

__all__ = ["LinearAnswer", "LinearSolver"]


@dataclass(frozen=True)
class LinearAnswer:
    """Answer of a (mixed-integer) linear problem.

    Attributes
    ----------
    status : str
        ``optimal``, ``infeasible``, ``time_limit``, ``interrupted`` or what the solver said otherwise.
    x : (n,) array or None
        The best point, if there is one.
    objective, bound : float
        Its value and the proven lower bound.
    """

    status: str
    x: NDArray[np.float64] | None
    objective: float
    bound: float


class LinearSolver:
    """A HiGHS model of the linear part of a `ConicForm`.

    Parameters
    ----------
    form : ConicForm
        The problem; its cones are left out and have to be added as cuts.
    threads : int
        Number of threads.
    """

    def __init__(self, form: ConicForm, threads: int = 1) -> None:
        self.form = form
        h = highspy.Highs()
        h.setOptionValue("output_flag", False)
        h.setOptionValue("threads", threads)
        h.setOptionValue("mip_feasibility_tolerance", 1e-7)
        h.setOptionValue("primal_feasibility_tolerance", 1e-8)
        h.setOptionValue("dual_feasibility_tolerance", 1e-8)
        lp = highspy.HighsLp()
        a = form.a.tocsc()
        lp.num_col_, lp.num_row_ = len(form.c), a.shape[0]
        # objective in units of its largest coefficient: tolerances then mean the same in every net
        self.scale = max(float(np.abs(form.c).max(initial=0.0)), 1e-12)
        lp.col_cost_, lp.offset_ = form.c / self.scale, form.c0 / self.scale
        lp.col_lower_, lp.col_upper_ = form.low, form.high
        lp.row_lower_, lp.row_upper_ = form.row_low, form.row_high
        lp.a_matrix_.format_ = highspy.MatrixFormat.kColwise
        lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = a.indptr, a.indices, a.data
        self._integrality = [
            highspy.HighsVarType.kInteger if i else highspy.HighsVarType.kContinuous for i in form.integer
        ]
        lp.integrality_ = self._integrality
        h.passModel(lp)
        self.highs = h

    def add_rows(self, rows: sparse.csr_matrix, low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
        """Add rows, kept for all later solves."""
        if rows.shape[0]:
            self.highs.addRows(
                rows.shape[0], low, high, rows.nnz, rows.indptr[:-1].astype(np.int32), rows.indices, rows.data
            )

    def exclude(self, x: NDArray[np.float64]) -> None:
        """Cut off one assignment of the binary variables, kept for all later solves."""
        k = np.flatnonzero(self.form.integer)
        one = x[k] > 0.5
        row = sparse.csr_matrix((np.where(one, -1.0, 1.0), (np.zeros(len(k), int), k)), shape=(1, len(x)))
        self.add_rows(row, np.array([1.0 - one.sum()]), np.array([np.inf]))

    def basis(self) -> Any:
        """Return the basis of the last linear solve."""
        return self.highs.getBasis()

    def begin_with(self, basis: Any, rows: NDArray[np.int64]) -> None:
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
        self.highs.setOptionValue("solver", method)

    def set_bounds(self, columns: NDArray[np.int64], low: NDArray[np.float64], high: NDArray[np.float64]) -> None:
        """Change the bounds of some columns; the next solve begins from the last basis."""
        self.highs.changeColsBounds(len(columns), columns.astype(np.int32), low, high)

    def row_prices(self) -> NDArray[np.float64]:
        """Change of the objective per unit of every row's limit, of the last linear solve."""
        return np.array(self.highs.getSolution().row_dual) * self.scale

    def reduced_costs(self) -> NDArray[np.float64]:
        """Change of the objective per unit of every column, of the last linear solve."""
        return np.array(self.highs.getSolution().col_dual) * self.scale

    def solve(
        self,
        time_limit: float,
        gap: float = 0.0,
        start: NDArray[np.float64] | None = None,
        heuristics: bool = True,
        on_bound: Callable[[float], bool] | None = None,
    ) -> LinearAnswer:
        """Solve as it stands.

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
        h = self.highs
        # HiGHS counts it anew in every run
        h.setOptionValue("time_limit", max(time_limit, 0.05))
        h.setOptionValue("mip_rel_gap", float(gap))
        h.setOptionValue("mip_abs_gap", 0.0)
        h.setOptionValue("mip_heuristic_effort", 0.05 if heuristics else 0.0)
        if start is not None:
            solution = highspy.HighsSolution()
            solution.col_value = start
            h.setSolution(solution)
        stopped = False

        def heard(event: object) -> None:
            nonlocal stopped
            # an exception must not fly through the solver's own code
            try:
                data = event.data_out  # type: ignore[attr-defined]
                ends = on_bound is not None and on_bound(float(data.mip_dual_bound) * self.scale)
            except KeyboardInterrupt:
                ends = True
            if ends or stopped:
                stopped = True
                event.data_in.user_interrupt = True  # type: ignore[attr-defined]

        if on_bound is not None:
            h.cbMipInterrupt += heard
        try:
            h.run()
        finally:
            if on_bound is not None:
                h.cbMipInterrupt -= heard
        return self._answer(stopped)

    def _answer(self, stopped: bool) -> LinearAnswer:
        h = self.highs
        names = {
            highspy.HighsModelStatus.kOptimal: "optimal",
            highspy.HighsModelStatus.kInfeasible: "infeasible",
            highspy.HighsModelStatus.kTimeLimit: "time_limit",
            highspy.HighsModelStatus.kInterrupt: "interrupted",
        }
        found = h.getModelStatus()
        status = "interrupted" if stopped else names.get(found, h.modelStatusToString(found))
        info = h.getInfo()
        has_point = info.primal_solution_status == highspy.SolutionStatus.kSolutionStatusFeasible
        x = np.array(h.getSolution().col_value) if has_point else None
        objective = info.objective_function_value * self.scale if has_point else np.inf
        bound = np.inf if status == "infeasible" else info.mip_dual_bound * self.scale
        if not self.form.integer.any():
            bound = objective if status == "optimal" else bound
        return LinearAnswer(status, x, objective, bound)
