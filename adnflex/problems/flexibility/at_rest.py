"""The least box there is: nothing moves, both ends are the schedule in which nothing is asked of any device."""

from __future__ import annotations

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.problems.clock import Deadline
from adnflex.problems.flexibility.linear_boxes import Ends
from adnflex.problems.flexibility.model import BoxProblem
from adnflex.problems.flexibility.proven_box import BoxAnswer, around_base, prove_states
from adnflex.problems.flexibility.states import Network

# What a limit of a device or of the import may be missed by [MW, Mvar, MWh].
_ROUNDING = 1e-9


def at_rest(problem: BoxProblem, network: Network, shares: FloatArray) -> BoxAnswer | None:
    """Return the box of width 0 in which no device moves; None where that breaks a limit, or is not what is asked.

    It needs power flow only, so that it is known where the time for linear programs is over.

    Parameters
    ----------
    problem : BoxProblem
        The linear model.
    network : Network
        The exact one.
    shares : (K,) array
        As in `adnflex.problems.flexibility.proven_box.prove_states`.
    """
    x = problem.columns.idle
    if not _devices_can(problem, x):
        return None
    here = [problem.imports(t) @ x[t] + _fixed(problem, t) for t in range(problem.periods)]
    ends = Ends(np.array(here), np.array(here), 0.0, x, x)
    # a clock without time: one round, nothing is corrected
    found = prove_states(problem, network, ends, Deadline(0.0), shares)
    good = found is not None and _import_can(problem, found) and around_base(problem, found)
    return found if good else None


def _fixed(problem: BoxProblem, t: int) -> float:
    return float(problem.operating[0][t].import_p * problem.grid.base_mva)


def _devices_can(problem: BoxProblem, x: FloatArray) -> bool:
    """Whether the columns keep every limit of the devices, their energy included."""
    low, high = problem.bounds()
    if np.any(x < low - _ROUNDING) or np.any(x > high + _ROUNDING):
        return False
    for t in range(problem.periods):
        rows = problem.device_rows(t)
        if np.any(rows.a @ x[t] > rows.rhs + _ROUNDING):
            return False
    for resource, own in zip(problem.resources, problem.split(x), strict=True):
        for accumulator in resource.accumulators:
            level = accumulator.start
            for t in range(problem.periods):
                level = accumulator.keep * level + max(float(part[t] @ own[t]) for part in accumulator.parts)
                if level > accumulator.limit[t] + _ROUNDING:
                    return False
    return True


def _import_can(problem: BoxProblem, found: BoxAnswer) -> bool:
    """Whether the import keeps its own limits, by exact power flow."""
    imports = found.sampled.imports
    for (low, high), value in zip(problem.limits, (imports.real, imports.imag), strict=True):
        if np.any(value < low - _ROUNDING) or np.any(value > high + _ROUNDING):
            return False
    return True
