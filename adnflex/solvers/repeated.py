"""One conic problem solved many times with other right-hand sides; Clarabel keeps its plan of the factorisation."""

from __future__ import annotations

import logging
from typing import Any

import clarabel
import numpy as np
from scipy import sparse

from adnflex.arrays import BoolArray, FloatArray
from adnflex.errors import SolverError
from adnflex.solvers.clarabel import column_units, run_stoppable, said_by, standard_form
from adnflex.solvers.conic import ConicForm
from adnflex.solvers.ending import Ending, Said, believe, listen

log = logging.getLogger(__name__)


class RepeatedConic:
    """A continuous conic problem whose sides and bounds change from solve to solve.

    Which rows are equations, which bounds are finite and which variables are fixed has to stay as it is in `form`.

    Parameters
    ----------
    form : ConicForm
        The problem; its integers are relaxed.
    unbounded : (n,) array of bool, optional
        Variables whose bounds only say how large they are: they scale the columns and are then left out, because
        every bound is a row to the solver and the cones bound these variables anyway.

    Examples
    --------
    >>> import pyomo.environ as pyo
    >>> from adnflex.solvers.conic import compile_model
    >>> m = pyo.ConcreteModel()
    >>> m.p, m.q = pyo.Var(bounds=(-9, 9)), pyo.Var(bounds=(-9, 9))
    >>> m.l, m.w = pyo.Var(bounds=(0, 99)), pyo.Var(bounds=(0, 1))
    >>> m.cone = pyo.Constraint(expr=m.p**2 + m.q**2 <= m.l * m.w)
    >>> m.least = pyo.Constraint(expr=m.p == 3)
    >>> m.cost = pyo.Objective(expr=m.l)
    >>> form = compile_model(m)
    >>> problem = RepeatedConic(form)
    >>> round(form.objective(problem.solve(form.row_low, form.row_high, form.low, form.high)), 4)
    9.0
    >>> round(form.objective(problem.solve(form.row_low * 2, form.row_high * 2, form.low, form.high)), 4)
    36.0
    """

    def __init__(self, form: ConicForm, unbounded: BoolArray | None = None) -> None:
        self.form = form
        self.unit = column_units(form)
        self._free = np.zeros(len(form.c), dtype=bool) if unbounded is None else unbounded & (form.low < form.high)
        low, high = self._bounds(form.low, form.high)
        cost = form.c * self.unit
        self.scale = max(float(np.abs(cost).max(initial=0.0)), 1e-12)
        self._cost = cost / self.scale
        self._a, b, self._cones = standard_form(form, low, high, self.unit)
        self._equal = form.row_low == form.row_high
        self._fixed = low == high
        self._upper = ~self._equal & np.isfinite(form.row_high)
        self._lower = ~self._equal & np.isfinite(form.row_low)
        self._top, self._bottom = ~self._fixed & np.isfinite(high), ~self._fixed & np.isfinite(low)
        self._tail = np.zeros(4 * len(form.cones))
        self._solver = self._new(b, refine=False)

    def _bounds(self, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Bounds in units of the columns, without those that only give a size."""
        return np.where(self._free, -np.inf, low / self.unit), np.where(self._free, np.inf, high / self.unit)

    def _new(self, b: FloatArray, refine: bool) -> Any:
        settings = clarabel.DefaultSettings()
        settings.verbose = False
        settings.max_threads = 1
        settings.iterative_refinement_enable = refine
        # data can only be exchanged where nothing was taken out of it
        settings.presolve_enable = False
        settings.chordal_decomposition_enable = False
        settings.input_sparse_dropzeros = False
        n = len(self._cost)
        return clarabel.DefaultSolver(sparse.csc_matrix((n, n)), self._cost, self._a, b, self._cones, settings)

    def solve(self, row_low: FloatArray, row_high: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
        """Minimise with these limits of rows and bounds of variables.

        Returns
        -------
        (n,) array
            The point.

        Raises
        ------
        SolverError
            If no optimum is found.
        """
        low, high = self._bounds(low, high)
        b = np.concatenate(
            [
                row_low[self._equal],
                low[self._fixed],
                row_high[self._upper],
                -row_low[self._lower],
                high[self._top],
                -low[self._bottom],
                self._tail,
            ]
        )
        answer = self._heard(b, (low * self.unit, high * self.unit), (row_low, row_high), refine=False)
        if answer.x is None:
            # refinement costs time and is hardly ever needed
            log.debug("solved again with refinement after %s", answer.words)
            answer = self._heard(b, (low * self.unit, high * self.unit), (row_low, row_high), refine=True)
        if answer.status != "optimal" or answer.x is None:
            raise SolverError(
                f"the conic programme ended as {answer.status} ({answer.words or 'with a certificate'}); check that "
                "powers and limits have the units of the net (MW, Mvar, pu)."
            )
        return answer.x

    def _heard(
        self, b: FloatArray, bounds: tuple[FloatArray, FloatArray], rows: tuple[FloatArray, FloatArray], refine: bool
    ) -> Ending:
        """Solve with the sides `b`; what comes back is measured against these bounds and rows."""

        def ask() -> Said:
            if refine:
                return said_by(run_stoppable(self._new(b, refine=True)), self.unit, self.scale, self.form.c0)
            self._solver.update(b=b)
            return said_by(run_stoppable(self._solver), self.unit, self.scale, self.form.c0)

        return believe(
            listen("conic", "Clarabel", ask),
            "Clarabel",
            value=self.form.objective,
            residual=lambda x: self.form.violation(x, *bounds, rows),
        )
