"""What solving a reconfiguration gave, and what the relaxation says of the answer."""

from __future__ import annotations

import dataclasses

import numpy as np

from adnflex.algorithms.branch_and_bound import Outcome
from adnflex.formulations import FORMULATIONS
from adnflex.formulations.directed import DIRECTED
from adnflex.formulations.exactness import cone_is_exact
from adnflex.formulations.formulation import Bounding
from adnflex.grid.model import Grid
from adnflex.grid.state import Flow, GridState, losses
from adnflex.problems.clock import Deadline, Progress
from adnflex.problems.reconfiguration.directed import DirectedReconfiguration
from adnflex.problems.reconfiguration.model import Reconfiguration, build_reconfiguration
from adnflex.solvers.clarabel import solve_relaxation

# What the relaxation of the answer may take where the limit is reached [s].
LEAST_SECONDS = 0.5


@dataclasses.dataclass(frozen=True)
class SearchedTopology:
    """What solving gave.

    Attributes
    ----------
    status : str
        ``optimal``, ``gap``, ``infeasible``, ``time_limit``, ``interrupted`` or ``unproven`` (the solver gave up).
    flow : Flow or None
        Exact state of the best topology that meets every limit.
    relaxed : GridState or None
        What the relaxation says of that topology.
    least_violating : Flow or None
        Where none meets every limit: the state of the least violating topology found.
    bound : float
        Proven lower bound of the objective.
    progress : tuple of Progress
        How incumbent and bound went.
    solver : str
        What did it.
    formulation : Bounding
        What the bound rests on.
    notes : tuple of str
        Why this formulation; what happened to the workers.
    proof : str
        What the bound rests on, where it is no formulation.
    """

    status: str
    flow: Flow | None
    relaxed: GridState | None
    least_violating: Flow | None
    bound: float
    progress: tuple[Progress, ...]
    solver: str
    formulation: Bounding
    notes: tuple[str, ...] = ()
    proof: str = ""


def solver_name(name: str, outcome: Outcome) -> str:
    """Say what solved, for the plan."""
    if name == "clarabel":
        return f"conic branch and bound (Clarabel), {outcome.nodes} nodes"
    if name == "few operations":
        return "exchanges of the present state, each by exact power flow"
    if name == "all states":
        which = f"all {outcome.nodes} radial states" if outcome.nodes > 1 else "the only radial state"
        return f"{which} of so few operations, by exact power flow"
    return {"highs": "outer approximation (HiGHS, Clarabel)"}.get(name, name)


def relaxed_or_none(
    grid: Grid, problem: Reconfiguration | DirectedReconfiguration | None, flow: Flow, clock: Deadline
) -> GridState | None:
    """Return what the relaxation says of a topology; None where it was not solved or Ctrl-C came."""
    cones = problem is None or problem.formulation in (DIRECTED, FORMULATIONS["distflow"])
    try:
        if cones and cone_is_exact(grid, flow):
            return flow
        if problem is None:
            return None
        if isinstance(problem, DirectedReconfiguration):
            problem = build_reconfiguration(grid, problem.objective, strengthen=False)
        return _relaxed_state(problem, flow, max(clock.left, LEAST_SECONDS))
    except KeyboardInterrupt:
        return None


def _relaxed_state(problem: Reconfiguration, flow: Flow, seconds: float) -> GridState | None:
    """Ask what the relaxation says where the topology is fixed and loss is priced: its cone may be tight or not.

    Objectives without loss leave the currents free, so that the point itself would say nothing.
    """
    form = problem.form
    cost = np.zeros(len(form.c))
    form.put(cost, problem.model.l, problem.grid.r)
    form = dataclasses.replace(form, c=cost, c0=0.0)
    low, high = form.low.copy(), form.high.copy()
    column = form.columns_of(problem.model.z[int(k)] for k in problem.free)
    low[column] = high[column] = flow.closed[problem.free].astype(float)
    answer = solve_relaxation(form, low, high, seconds)
    if answer.x is None:
        return None
    x = answer.x
    m, g = problem.model, problem.grid
    # a root next to fixed voltages only is no column of the model
    v = np.where(np.isnan(g.root_v), form.get(x, m.v, g.n), g.root_v)
    p, q, l = (form.get(x, part, g.m) for part in (m.p, m.q, m.l))  # noqa: E741
    return GridState(flow.closed, v, p, q, l, float(losses(g, flow.closed, v, l)))
