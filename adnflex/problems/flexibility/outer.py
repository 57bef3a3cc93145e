r"""What no box in AC can exceed: the useful width of the cone relaxation over all periods.

Useful is what the devices make of the import: import less what is lost in the network, in converters and in storages.

.. math::

    u_t = p_t - \text{loss}_t - \sum_s \left(p_{s,t} - \frac{e_{s,t} - e_{s,t-1}}{\Delta t}\right)

Whatever policy follows a box, it has a dispatch for the trajectory that asks for the upper end in every period, and one
for that which asks for the lower end.  Both are points of the relaxation (exact branch flow with its cones opened,
exact device limits, stored energy carried along), so that

.. math::

    \sum_t w_t \Delta t \, (u^{up}_t - u^{lo}_t) \le \max \sum_t w_t \Delta t \, u_t - \min \sum_t w_t \Delta t \, u_t .

Both are bounded by the dual point, checked by `adnflex.solvers.ending`.  What couples the two ends beyond that,
mixed trajectories for example, is left out: the bound stays valid.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import FloatArray, IntArray
from adnflex.devices import Device, Stores, Supplies
from adnflex.devices.storage_period import free_at_end
from adnflex.problems.clock import Deadline
from adnflex.problems.dispatch.charge_modes import all_modes
from adnflex.problems.dispatch.imports import limited
from adnflex.problems.dispatch.model import Dispatch, build_dispatch, losses_at
from adnflex.problems.dispatch.problem import DispatchProblem, Topology
from adnflex.problems.flexibility.exact_hours import Apart, bound_by_hours
from adnflex.problems.flexibility.near_schedule import near_schedule
from adnflex.problems.flexibility.proven_box import CURRENT_TOLERANCE, IMPORT_TOLERANCE, VOLTAGE_TOLERANCE, BoxAnswer
from adnflex.problems.flexibility.study import FlexibilityStudy
from adnflex.problems.flexibility.useful import without_network
from adnflex.results.boxes import UNKNOWN_OUTER, OuterFlexibility
from adnflex.solvers.clarabel import solve_relaxation
from adnflex.solvers.cones import Derived
from adnflex.solvers.conic import ConicForm, compile_model

log = logging.getLogger(__name__)

_FIXED = "cone relaxation of AC power flow over all periods, switch states as they are, any policy"
_ALONE = "what the devices could do without a network, any policy"
_FREE = "cone relaxation of AC power flow over all periods, all switch states at once, any policy"


def outer_flexibility(
    study: FlexibilityStudy,
    base: FloatArray | None,
    clock: Deadline,
    topology: Topology | None = None,
    known: tuple[BoxAnswer, float] | None = None,
) -> OuterFlexibility:
    """Bound the useful width of every box that AC power flow can follow.

    Parameters
    ----------
    study : FlexibilityStudy
        What is asked, its grid with the closed branches alone where no topology is given.
    base : (T,) array or None
        Base schedule, which is one end of a box that goes up or down only [MW]; None: not known, both ends are free.
    clock : Deadline
        Time limit; the bound may take some of the grace after it.
    topology : Topology, optional
        What may be switched; by default nothing.
    known : (BoxAnswer, float), optional
        A box, and the certificate at which nothing more is looked for: the bound is tightened by exact hours, in half
        of the time that is left at most.
    """
    if len(study.study.grid.roots) > 1:
        return replace(UNKNOWN_OUTER, kind="not computed: what other sources feed in is not bounded")
    weights = np.ones(study.study.horizon.periods)
    wanted = [weights, study.weights] if np.any(study.weights != weights) else [weights]
    alone = [without_network(study, w) for w in wanted]
    widths, kind = alone, _ALONE
    # over all switch states the relaxation is too large to be begun late
    if (clock.grace if topology is None else clock.left) > 0:
        dispatch = _relaxation(study, topology or Topology())
        found = [_width(study, dispatch, w, base, clock, known if w is wanted[-1] else None) for w in wanted]
        widths = [min(pair) for pair in zip(found, alone, strict=True)]
        if found[0] < alone[0]:
            kind = _FREE if dispatch.topology.spans else _FIXED
    return OuterFlexibility(widths[0], widths[-1], kind)


def _relaxation(study: FlexibilityStudy, topology: Topology) -> Dispatch:
    sources = [d for d in study.study.devices if isinstance(d, Supplies)]
    devices: Sequence[Device] = [*sources, *(free_at_end(d) if isinstance(d, Stores) else d for d in study.devices)]
    problem = DispatchProblem(study.study.points, study.study.horizon, devices, topology=topology)
    # the relaxation is the same with modes or without; exact hours have them
    modes = frozenset() if topology.spans else all_modes(problem.horizon, devices)
    return build_dispatch(problem, modes, secants=True)


def _width(
    study: FlexibilityStudy,
    dispatch: Dispatch,
    weights: FloatArray,
    base: FloatArray | None,
    clock: Deadline,
    known: tuple[BoxAnswer, float] | None,
) -> float:
    """Bound the weighted useful width [MWh, weighted]; inf where no bound is proven."""
    dispatch.model.objective.set_value(_useful(study, dispatch, weights))
    form = compile_model(dispatch.model)
    imports = dispatch.model.device[0]
    periods = range(dispatch.horizon.periods)
    active = form.columns_of([imports.p[0, t] for t in periods])
    reactive = form.columns_of([imports.q[0, t] for t in periods])
    low, high = limited(replace(dispatch, form=form), np.concatenate([active, reactive]), study.connection.place.node)
    form = _as_checked(replace(dispatch, form=replace(form, low=low, high=high)), np.concatenate([active, reactive]))
    ends = {"lower": form, "upper": replace(form, c=-form.c, c0=-form.c0)}
    held = {"up": "lower", "down": "upper"}.get(study.wishes.direction)
    if held is not None and base is not None:
        ends[held] = _at_base(
            ends[held], active, base / study.study.grid.base_mva, IMPORT_TOLERANCE / study.study.grid.base_mva
        )
    bounds = {side: solve_relaxation(end, time_limit=clock.grace / 2).bound for side, end in ends.items()}
    width = -sum(bounds.values())
    if not math.isfinite(width):
        return math.inf
    if known is not None and not dispatch.topology.spans:
        (box, gap), part = known, clock.part(0.5)
        currents = dispatch.variable("l", study.study.grid.m)
        for k, (side, other) in enumerate((("lower", "upper"), ("upper", "lower"))):
            enough = -bounds[other] - box.worth * (1 + gap)
            if bounds[side] < enough - 1e-9 * max(abs(enough), 1.0) and part.left > 0:
                apart = Apart.of(ends[side], _periods_of(ends[side]), currents[currents >= 0])
                near = near_schedule(dispatch, ends[side], box.sampled.flow[:, -k])
                bounds[side] = bound_by_hours(apart, bounds[side], enough, [near], lambda: part.left)
    return -sum(bounds.values())


def _periods_of(form: ConicForm) -> IntArray:
    """Period of every column of a dispatch; -1 for what all periods share."""
    return np.array([_period_of(variable) for variable in form.variables], dtype=np.int64)


def _period_of(variable: Any) -> int:
    if isinstance(variable, Derived):
        return _period_of(variable.variables[0]) if variable.variables else -1
    block = variable.parent_block()
    while block is not None:
        if block.parent_component().local_name == "at":
            return int(block.index()[1])
        block = block.parent_block()
    index = variable.index()
    # a charge mode has a period, what belongs to a point a scenario before it
    return int(index if isinstance(index, int) else index[1])


def _as_checked(dispatch: Dispatch, imports: IntArray) -> ConicForm:
    """Widen limits by what counts as kept where a box is run in AC, so that no box lies outside by that alone."""
    form, grid = dispatch.form, dispatch.points.grid
    low, high = form.low.copy(), form.high.copy()
    wider = (
        (dispatch.variable("v", grid.n).ravel(), VOLTAGE_TOLERANCE),
        (imports, IMPORT_TOLERANCE / grid.base_mva),
    )
    for columns, tolerance in wider:
        free = columns[columns >= 0]
        free = free[low[free] < high[free]]
        low[free] -= tolerance
        high[free] += tolerance
    currents = dispatch.variable("l", grid.m).ravel()
    high[currents[currents >= 0]] *= 1 + 2 * CURRENT_TOLERANCE
    return replace(form, low=low, high=high)


def _at_base(form: ConicForm, columns: Any, base: FloatArray, met: float) -> ConicForm:
    """Hold the import at the base schedule [pu]."""
    low, high = form.low.copy(), form.high.copy()
    low[columns], high[columns] = base - met, base + met
    return replace(form, low=low, high=high)


def _useful(study: FlexibilityStudy, dispatch: Dispatch, weights: FloatArray) -> Any:
    """Return the useful import, weighted, an expression [MWh, weighted]."""
    horizon, model = dispatch.horizon, dispatch.model
    worth = weights * horizon.hours * dispatch.frame.base_mva
    parts = []
    for t in range(horizon.periods):
        made = model.device[0].p[0, t] - losses_at(model, dispatch.devices, 0, t)
        for i, device in enumerate(dispatch.devices):
            if isinstance(device, Stores):
                made -= _burnt(model.device[i], device, t, dispatch)
        parts.append(float(worth[t]) * made)
    return pyo.quicksum(parts)


def _burnt(block: pyo.Block, storage: Any, t: int, dispatch: Dispatch) -> Any:
    """Power that a storage draws and does not store in a period, an expression [pu]."""
    before = block.e[0, t - 1] if t else storage.e_start / dispatch.frame.base_mva
    return block.p[0, t] - (block.e[0, t] - before) / dispatch.horizon.hours
