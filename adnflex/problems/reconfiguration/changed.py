"""A reconfiguration whose model its caller has changed: topologies of the model one by one, each valued in power flow.

The best topology of the changed model is run in exact power flow, where every limit and everything that was added is
judged and the objective valued; then it is excluded, and the next best is asked for, until what is left is proven to be
no better than the best so far.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields, replace
from functools import partial

import numpy as np

from adnflex.algorithms.branch_exchange import ExchangeSearch, Score
from adnflex.arrays import FloatArray
from adnflex.errors import InputError
from adnflex.grid.model import Grid
from adnflex.grid.state import Flow
from adnflex.grid.topology import must_close
from adnflex.knobs import Effort
from adnflex.problems.clock import Deadline
from adnflex.problems.own_model import Change, OwnObjective, apply_change, least_beside, nothing_found
from adnflex.problems.reconfiguration.answer import SearchedTopology, relaxed_or_none, solver_name
from adnflex.problems.reconfiguration.choice import require_formulation
from adnflex.problems.reconfiguration.exchange import ExchangeProblem
from adnflex.problems.reconfiguration.model import Reconfiguration, build_reconfiguration
from adnflex.problems.reconfiguration.objective import Objective
from adnflex.problems.reconfiguration.proof import prove_by_model
from adnflex.problems.reconfiguration.radial_search import Incumbent
from adnflex.solvers.capability import pick
from adnflex.solvers.conic import compile_model
from adnflex.solvers.ending import Ending

Open = frozenset[int]


def changed_model(
    grid: Grid, objective: Objective, change: Change, formulation: str, most: int | None
) -> tuple[Reconfiguration, frozenset[str]]:
    """Build the model and let the caller change it; also the names of the constraints that it had before.

    Parameters
    ----------
    grid, objective, formulation
        See `adnflex.problems.reconfiguration.solve.solve_reconfiguration`; ``auto`` is ``distflow`` here.
    change : callable
        Changes the model.
    most : int or None
        Largest number of branches whose state changes.
    """
    require_formulation(formulation)
    if formulation not in ("auto", "distflow"):
        raise InputError(
            f"formulation={formulation!r} and change: states are valued in the rows of 'distflow', which are those of "
            "power flow; 'directed' knows chains of branches only, 'lindistflow' no losses. Give 'distflow' or 'auto'."
        )
    problem = build_reconfiguration(grid, objective, operations=(0, most))
    known = apply_change(problem.model, change)
    return replace(problem, form=compile_model(problem.model)), known


def solve_changed_reconfiguration(
    grid: Grid,
    objective: Objective,
    change: Change,
    effort: Effort,
    clock: Deadline,
    *,
    formulation: str = "auto",
    max_operations: int | None = None,
) -> tuple[SearchedTopology, OwnObjective]:
    """Find the topology that is best by the objective of a changed model in exact power flow.

    Parameters
    ----------
    grid, objective, effort, clock, formulation, max_operations
        See `adnflex.problems.reconfiguration.solve.solve_reconfiguration`.
    change : callable
        Changes the model; its objective and constraints stay linear, or cones.

    Raises
    ------
    InputError
        If the change fails or leaves no objective that is minimised, or what is asked knows no changed model.
    Infeasible
        If the changed model has no topology that keeps every limit in exact power flow.
    TimeExpired
        If none was found in time.
    SolverError
        If the model is none that can be solved, or the solver fails.
    """
    if effort.solver == "clarabel":
        raise InputError(
            "solver='clarabel' and change: its branch and bound is made for the model as it is; give 'auto', 'highs' "
            "or 'scip'."
        )
    plain, known = changed_model(grid, objective, change, formulation, max_operations)
    problem = _Changed(**{f.name: getattr(plain, f.name) for f in fields(plain)}, known=known)
    exchange = ExchangeProblem(grid, objective, must_close(grid), max_operations)
    search, best = ExchangeSearch(partial(_own_value, problem, exchange), exchange.moves), Incumbent()
    best.offer(exchange.present, search.score(exchange.present))
    name = pick(effort.solver, integers=True, cones=True)
    outcome = prove_by_model(problem, exchange, search, best, clock, effort.gap, name, lambda bound: bound)
    if best.state is None:
        raise nothing_found(outcome.status, True, clock, name)
    flow = exchange.flow(best.state)
    assert flow is not None
    proven = math.isfinite(outcome.bound)
    clock.report_bests(best.value, outcome.bound, outcome.status)
    answer = SearchedTopology(
        # nothing is proven of the plan's own objective
        status=outcome.status if outcome.status in ("time_limit", "interrupted") else "unproven",
        flow=flow,
        # what losses the cones of this topology have is a matter of the model before the change
        relaxed=relaxed_or_none(grid, build_reconfiguration(grid, objective, strengthen=False), flow, clock),
        least_violating=None,
        bound=-math.inf,
        progress=tuple(clock.rows),
        solver=solver_name(name, outcome),
        formulation=problem.formulation,
    )
    return answer, OwnObjective(best.value, outcome.bound if proven else None)


@dataclass(frozen=True)
class _Changed(Reconfiguration):
    """A changed model, whose added variables are what suits its objective best beside a power flow.

    Attributes
    ----------
    known : frozenset of str
        Names of the constraints that it had before.
    found : dict
        What was found for the topologies that were asked for.
    """

    known: frozenset[str] = frozenset()
    found: dict[Open, Ending] = field(default_factory=dict)

    def beside(self, flow: Flow) -> Ending:
        """Return the least objective beside an exact power flow; no point where what was added breaks."""
        state = frozenset(np.flatnonzero(~flow.closed).tolist())
        if state not in self.found:
            columns, held, m = self.form.columns(), np.zeros(len(self.form.c), dtype=bool), self.model
            for part in (m.z, m.v, m.p, m.q, m.l, m.w_f, m.w_t, m.u):
                held[[columns[id(v)] for v in part.values() if id(v) in columns]] = True
            self.found[state] = least_beside(self.form, super().point_of(flow), held, self.known)
        return self.found[state]

    def point_of(self, flow: Flow) -> FloatArray:
        """Return the point of the model that an exact power flow is."""
        x = self.beside(flow).x
        return super().point_of(flow) if x is None else x


def _own_value(problem: _Changed, exchange: ExchangeProblem, state: Open) -> Score | None:
    """Value a topology by the changed objective in exact power flow; one that breaks what was added is no answer."""
    exact = exchange.evaluate(state)
    flow = None if exact is None else exchange.flow(state)
    if exact is None or flow is None:
        return None
    if exact.violation:
        return Score(exact.violation, math.inf)
    found = problem.beside(flow)
    return Score(1.0, math.inf) if found.x is None else Score(0.0, float(found.objective))
