"""Topologies of a dispatch, before its own model is searched: those that lose least at the set-points found so far.

Branch exchange looks for them at the operating points of the best dispatch, as for many periods; a dispatch with the
topology given says what each is worth, and gives the set-points for the next look.  Where switches are all that is
decided, the proof for many periods is one of the dispatch.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from adnflex.arrays import BoolArray, FloatArray
from adnflex.grid.topology import closed_of
from adnflex.knobs import Effort, Switching
from adnflex.problems.dispatch.loss_certificate import Goal
from adnflex.problems.dispatch.loss_worth import money_factor, points_at, without_losses
from adnflex.problems.dispatch.model import Dispatch
from adnflex.problems.dispatch.search import Search
from adnflex.problems.dispatch.state import DispatchState, evaluate
from adnflex.problems.multi_period.sequence import Sequence
from adnflex.problems.multi_period.solve import search_periods, solve_periods
from adnflex.solvers.ending import Ending
from adnflex.solvers.gate import solve_form

# Parts of the time left that a look for topologies, a dispatch with one, and the proof may take.
_LOOK, _GIVEN, _PROOF = 0.04, 0.08, 0.8

# Looks at most; each begins with the set-points of the one before.
_LOOKS = 4

#: The way by which an answer comes, as progress and recovery tell it.
TOPOLOGIES = "branch exchange"


@dataclass
class FirstTopologies:
    """Looks for good topologies, values each by a dispatch, and proves what can be.

    Parameters
    ----------
    search : Search
        Its bound is raised.
    dispatch : Dispatch
        The model, with switch states.
    goal : Goal
        When the search may end.
    state : DispatchState or None
        The best dispatch so far; whatever interrupts the search, it is one.
    solved : Ending or None
        The point of the model that it is of, where it was found here; ``optimal`` where the proof is near enough.
    """

    search: Search
    dispatch: Dispatch
    goal: Goal
    state: DispatchState | None = None
    solved: Ending | None = None

    def run(self, present: DispatchState) -> None:
        """Search from the set-points of a first state, whether it keeps all limits or not.

        Nothing is done where topologies are given, or where another formulation than the cone says what is good.
        """
        problem = self.search.problem
        given = problem.pins is not None and bool(problem.pins.closed)
        if not problem.topology.spans or given or self.search.exact or not problem.formulation.bounds_ac:
            return
        self.state = present if present.feasible else None
        clock, constant = self.search.clock, without_losses(self.dispatch)
        opened = frozenset(np.flatnonzero(~self.dispatch.points.grid.closed).tolist())
        states = (opened,) * len(problem.topology.spans)
        # devices first, with the topology as it is; their set-points are those at which others are looked for
        here = self.state if self._value(states) and self.state is not None else present
        tried = {states}
        for _ in range(_LOOKS):
            sequence = self._look(here)
            if sequence is None or sequence.states in tried or clock.spent:
                break
            tried.add(sequence.states)
            if not self._value(sequence.states) or constant is not None:
                break  # nothing better, or no set-points that follow the topology
            assert self.state is not None
            here = self.state
        if constant is not None and self.state is not None and not clock.spent:
            self._prove(self.state, constant)

    def _look(self, state: DispatchState) -> Sequence | None:
        """Return the topologies that lose least at the set-points of a state; those that break limits least, else."""
        points = points_at(self.dispatch, state)
        if not points.weight.any():
            return None
        return search_periods(points, self._switching, Effort(), self.search.clock.part(_LOOK))

    @property
    def found(self) -> DispatchState | None:
        """The best dispatch that was found here."""
        return None if self.solved is None else self.state

    @property
    def _switching(self) -> Switching:
        asked = self.dispatch.topology
        return Switching(
            max_operations=asked.budget,
            switching_cost=money_factor(self.dispatch) * asked.cost,
            start="free" if asked.free_start else "present",
        )

    def _value(self, states: tuple[frozenset[int], ...]) -> bool:
        """Dispatch with a topology given for every window; tell whether that is the best so far."""
        form, clock = self.dispatch.form, self.search.clock
        low, high = self._held([closed_of(self.dispatch.points.grid, state) for state in states])
        fixed = replace(form, low=low, high=high, integer=form.integer & (low < high))
        solved = solve_form(fixed, "auto", gap=self.search.gap, seconds=_GIVEN * clock.left)
        if solved.x is None:
            return False
        state = evaluate(self.dispatch, solved.x)
        if not state.feasible or (self.state is not None and not self._better(state, self.state)):
            return False
        # of the whole problem nothing is proven by a part of it
        self.state, self.solved = state, replace(solved, status="time_limit", bound=-math.inf)
        clock.report(state.objective, self.search.bound, TOPOLOGIES)
        return True

    def _better(self, state: DispatchState, best: DispatchState) -> bool:
        """Whether a state costs less; the first with a point of the model may cost the same."""
        rounding = _SAME * abs(best.objective) if self.solved is None else 0.0
        return state.objective < best.objective + rounding

    def _held(self, closed: list[BoolArray]) -> tuple[FloatArray, FloatArray]:
        """Bounds of the model with the states of all branches given."""
        form, columns = self.dispatch.form, self.dispatch.form.columns()
        low, high = form.low.copy(), form.high.copy()
        for i, states in enumerate(closed):
            for k in self.dispatch.free.tolist():
                column = columns.get(id(self.dispatch.model.states[i].z[k]))
                if column is not None:
                    low[column] = high[column] = float(states[k])
        return low, high

    def _prove(self, state: DispatchState, constant: float) -> None:
        """Prove by many periods, of which the dispatch is one; and take what that finds on the way."""
        clock, points = self.search.clock, points_at(self.dispatch, state)
        lost = float(points.weight @ state.losses_mw.T.reshape(-1))
        gap = _HALF * self.goal.room(self.dispatch, state) / max(lost, 1e-12)
        found = solve_periods(points, self._switching, Effort(gap=gap, workers=1), clock.part(_PROOF))
        if math.isfinite(found.bound):
            self.search.bound = max(self.search.bound, constant + found.bound)
        if found.status == "interrupted":
            raise KeyboardInterrupt
        if found.best is not None:
            self._value(found.best.states)
        best = state if self.state is None else self.state
        clock.report(best.objective, self.search.bound, "proof of many periods")
        near = best.objective <= self.search.bound + self.goal.room(self.dispatch, best)
        if self.solved is not None and near:
            solver = f"{found.solver}; {self.solved.solver}"
            self.solved = replace(self.solved, status="optimal", bound=self.search.bound, solver=solver)


# Objectives are equal up to this share.
_SAME = 1e-7

# Of the room that a goal leaves the proof takes so much; the conic solver's rounding has the rest.
_HALF = 0.5
