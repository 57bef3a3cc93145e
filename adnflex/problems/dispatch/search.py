"""The search of a dispatch: time, the model with its charge modes, and the best bound of all that was solved."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import FloatArray
from adnflex.formulations import FORMULATIONS
from adnflex.problems.clock import Deadline
from adnflex.problems.dispatch.charge_modes import Modes, conflicts_at
from adnflex.problems.dispatch.model import Dispatch, build_dispatch
from adnflex.problems.dispatch.present import present_point
from adnflex.problems.dispatch.problem import DispatchProblem
from adnflex.solvers.clarabel import solve_relaxation
from adnflex.solvers.ending import Ending
from adnflex.solvers.gate import solve_form, solve_model

log = logging.getLogger(__name__)

# Share of the time after which a search without any answer is given an easy one to start from.
_PATIENCE = 0.25

# What the bound beside a formulation may take where the time is over [s].
_LEAST_SECONDS = 0.5


@dataclass
class Search:
    """What is asked, with the charge modes and the bound that are known so far.

    Parameters
    ----------
    problem : DispatchProblem
        What is asked.
    gap : float
        Relative gap of the objective at which a solve ends.
    solver : str
        See `adnflex.solvers.capability.pick`.
    clock : Deadline
        Time limit and progress.
    modes : frozenset of (int, int)
        Charge modes to begin with.
    exact : bool
        Whether the exact equations are solved by spatial branch and bound, not the relaxation.
    bound : float
        Best bound of all models that were solved and bound AC.
    building : float
        Seconds that the last model took to be built.
    """

    problem: DispatchProblem
    gap: float
    solver: str
    clock: Deadline
    modes: Modes
    exact: bool = False
    bound: float = -math.inf
    building: float = 0.0

    def build(self, modes: Modes | None = None, secants: bool = False) -> Dispatch:
        """Declare the model with some charge modes, by default those that are known to be needed."""
        modes = self.modes if modes is None else modes
        begin = self.clock.now
        built = build_dispatch(self.problem, modes, secants)
        self.building = self.clock.now - begin
        return built

    def bound_beside(self) -> Ending:
        """Bound AC by the relaxation of DistFlow without integers, where the formulation itself bounds nothing."""
        cone = build_dispatch(replace(self.problem, formulation=FORMULATIONS["distflow"]), self.modes)
        found = solve_relaxation(cone.form, time_limit=max(self.clock.left, _LEAST_SECONDS))
        if found.status in ("optimal", "time_limit"):
            self.bound = max(self.bound, found.bound)
        return found

    def _report(self, value: float, bound: float, event: str) -> None:
        """Tell the clock; of a formulation that does not bound AC neither value nor bound is one of the dispatch."""
        if self.problem.formulation.bounds_ac:
            self.clock.report(value, bound, event)
        else:
            self.clock.report(math.inf, self.bound, f"{self.problem.formulation.name}: {event}")

    def one_way(
        self, secants: bool = False, built: Dispatch | None = None, start: FloatArray | None = None
    ) -> tuple[Dispatch, Ending]:
        """Solve, and again with the charge modes that the solution shows to be needed, until none is missing.

        Every model on the way is a relaxation of the same problem, so the best of their bounds holds. Where the time
        ends before a point that does one thing at a time is found, the last one comes back: recovery repairs it.

        Parameters
        ----------
        secants : bool
            Whether squared currents are bounded from above too.
        built : Dispatch, optional
            The model with the modes known so far, where it is there already.
        start : (N,) array, optional
            A point of `built` to begin with.
        """
        last: tuple[Dispatch, Ending] | None = None
        while True:
            dispatch, built = self.build(secants=secants) if built is None else built, None
            exact = self.exact and not secants
            solved, start = self._solve(dispatch, exact, start), None
            if exact and solved.x is None and solved.status in ("infeasible", "failed"):
                # spatial branch and bound was seen to call feasible models infeasible: only the relaxation may say so
                log.warning("the solver of the exact equations found nothing; the relaxation decides")
                self.exact = False
                continue
            if solved.x is None and solved.status == "infeasible":
                return dispatch, solved if self.problem.formulation.bounds_ac else self._refutes_nothing(solved)
            if self.problem.formulation.bounds_ac:
                self.bound = max(self.bound, solved.bound)
            solved = replace(solved, bound=self.bound)
            if solved.x is None:
                return (dispatch, solved) if last is None else (last[0], replace(last[1], status=solved.status))
            needed = conflicts_at(dispatch, solved.x)
            if needed <= self.modes or solved.status == "interrupted":
                return dispatch, solved
            log.info("%d charge modes are needed", len(needed))
            self.modes = self.modes | needed
            last = dispatch, solved

    def _refutes_nothing(self, solved: Ending) -> Ending:
        """Take "infeasible" as an answer of the formulation only: AC may well have a state."""
        words = (
            f"{self.problem.formulation.name} has no point, which says nothing of AC; formulation='distflow' can refute"
        )
        return replace(solved, status="failed", bound=self.bound, words=words)

    def _solve(self, dispatch: Dispatch, exact: bool, start: FloatArray | None = None) -> Ending:
        """Solve the model; where nothing is found for long, start again from positions that never change."""
        form, clock, gap, solver = dispatch.form, self.clock, self.gap, self.solver
        positions = [block.u for block in dispatch.model.device.values() if hasattr(block, "u")]
        if exact or not positions:
            return solve_form(form, solver, exact=exact, gap=gap, seconds=clock.left, start=start, report=self._report)
        first = solve_form(form, solver, gap=gap, seconds=_PATIENCE * clock.left, start=start, report=self._report)
        if first.status != "time_limit" or clock.spent:
            return first
        if first.x is None:
            self._report(math.inf, first.bound, "looking for positions that never change")
            start = self._steady(dispatch)
        else:
            start = first.x
        if clock.spent:
            return first
        again = solve_form(form, solver, gap=gap, seconds=clock.left, start=start, report=self._report)
        return replace(again, bound=max(first.bound, again.bound))

    def _steady(self, dispatch: Dispatch) -> np.ndarray | None:
        """Return a point at which no position changes, at those before the horizon where that can be."""
        form, low, high = dispatch.form, dispatch.form.low.copy(), dispatch.form.high.copy()
        low[form.integer] = high[form.integer] = np.round(present_point(dispatch)[form.integer])
        # one conic programme, where the search below is one of integers still
        at_rest = solve_relaxation(form, low, high, max(_PATIENCE * self.clock.left, _LEAST_SECONDS))
        if at_rest.x is not None:
            return at_rest.x
        model = dispatch.model
        model.steady = pyo.ConstraintList()
        for block in model.device.values():
            for t, k in getattr(block, "u", ()):
                if t:
                    model.steady.add(block.u[t, k] == block.u[0, k])
        try:
            easy = solve_model(
                model, self.solver, gap=1e-2, seconds=_PATIENCE * self.clock.left, report=lambda *_: None
            )
        finally:
            model.del_component(model.steady)
        return None if easy.x is None else np.array([float(v.value) for v in dispatch.form.variables])
