"""Reconfigure so that no outage is harder to restore than today: what becomes of an answer without this condition."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from pandapower import pandapowerNet

from adnflex.errors import Infeasible
from adnflex.grid import Grid
from adnflex.grid.topology import must_close
from adnflex.knobs import Effort, Limits, Switching
from adnflex.problems.clock import Deadline
from adnflex.problems.reconfiguration.answer import SearchedTopology
from adnflex.problems.reconfiguration.exchange import ExchangeProblem
from adnflex.problems.reconfiguration.objective import Objective
from adnflex.problems.restoration.restorable import OPERATIONS, Restorability, RestorableSearch
from adnflex.results.certificate import relative_gap

# Whose outages are compared.
TABLES = ("line", "trafo", "switch", "ext_grid", "gen")


def as_restorable(
    net: pandapowerNet,
    grid: Grid,
    goal: Objective,
    answer: SearchedTopology,
    effort: Effort,
    clock: Deadline,
    limits: Limits,
    switching: Switching,
) -> SearchedTopology:
    """Return the best answer that makes no outage harder to restore; the arguments are those of `reconfigure`, read.

    Raises
    ------
    InputError
        If the present state is not radial, or has no power flow.
    Infeasible
        If no state was found.
    """
    assert answer.flow is not None
    most = switching.of_one_state.max_operations
    exchange = ExchangeProblem(grid, goal, must_close(grid), most)
    search = RestorableSearch(exchange, Restorability(net, limits, switching, TABLES), clock, answer.bound)
    first = frozenset(np.flatnonzero(~answer.flow.closed).tolist())
    search.run(first)
    if search.state == first:
        return answer
    why = _why(search, first)
    if search.state is None:
        all_of_them = "no other state meets every limit" if search.proven else "none was found among those tried"
        raise Infeasible(f"{why}; {all_of_them}. Leave restorable out, or widen limits.", None, search.proven)
    bound = search.value if search.proven else min(answer.bound, search.value)
    reached = relative_gap(search.value, bound) <= effort.gap
    status = "optimal" if reached else search.ended
    kept = "" if search.proven else "; the bound is that of the problem without this condition"
    return dataclasses.replace(
        answer,
        status=status,
        flow=exchange.flow(search.state),
        relaxed=None,
        bound=bound,
        progress=tuple(clock.rows),
        proof="all states" if search.proven else answer.proof,
        notes=(*answer.notes, f"{why}{kept}."),
    )


def _why(search: RestorableSearch, first: frozenset[int]) -> str:
    """Say what was ruled out, and why."""
    told = f"restorable='as present', after at most {OPERATIONS} operations: "
    found = search.ruled_out.get(first)
    if found is None:
        return f"{told}the time was over before the best state was compared with the present one"
    value = search.exchange.evaluate(first)
    worth = math.nan if value is None else value.objective
    others = len(search.ruled_out) - 1
    beside = f", {others} others as well" if others else ""
    unit = search.exchange.objective.unit
    return f"{told}the best state without this condition ({worth:.6g} {unit}) is ruled out by {found}{beside}"
