"""What a dispatch breaks: limits of the network in exact power flow, and every device's own."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.devices import Device, Schedule, Supplies, able
from adnflex.grid.model import Grid
from adnflex.grid.state import GridState
from adnflex.problems.dispatch.model import Dispatch

if TYPE_CHECKING:
    from adnflex.problems.dispatch.state import DispatchState


# Rounding that no limit minds: voltage [pu], loading and import relative (the latter to the base power).
_VM, _LOADING, _IMPORT = 5e-7, 1e-5, 2e-6


@dataclass(frozen=True)
class LimitViolation:
    """The worst violation of a kind of limit at a point.

    Attributes
    ----------
    kind : str
        ``voltage low``, ``voltage high``, ``loading``, ``import low`` ... or ``no power flow``.
    s, t : int
        The point.
    where : int
        Node or branch; -1: none.
    value, limit : float
        In the unit of the kind; a loading is a terminal's current and its limit [pu].
    share : float
        Violation relative to the limit.
    element, index, unit : str, int, str
        Which device breaks its own limit, or which line or transformer is overloaded, and the unit; else empty.
    """

    kind: str
    s: int
    t: int
    where: int
    value: float
    limit: float
    share: float
    element: str = ""
    index: int = -1
    unit: str = ""


def excess_of(dispatch: Dispatch, state: DispatchState) -> list[LimitViolation]:
    """Return the limits of a dispatch that a state breaks, the worst of each kind at each point.

    Parameters
    ----------
    dispatch : Dispatch
        Its grid, sources and budget are the limits.
    state : DispatchState
        The state.
    """
    grid = dispatch.points.grid
    named = np.array([bool(b) for b in grid.buses]) & np.isnan(grid.root_v)
    found: list[LimitViolation] = []
    found += _operated(dispatch, state)
    for (s, t), flow in state.flows.items():
        if flow is None:
            found.append(LimitViolation("no power flow", s, t, -1, math.nan, math.nan, math.inf))
            continue
        vm = np.sqrt(flow.v)
        for kind, over, bound in (
            ("voltage low", np.sqrt(grid.v_min) - vm, np.sqrt(grid.v_min)),
            ("voltage high", vm - np.sqrt(grid.v_max), np.sqrt(grid.v_max)),
        ):
            over = np.where(named, over, -np.inf)
            j = int(np.argmax(over))
            if over[j] > _VM:
                found.append(LimitViolation(kind, s, t, j, float(vm[j]), float(bound[j]), float(over[j] / bound[j])))
        found += _overload(state.grids[s, t], grid, flow, s, t)
    connections = able(dispatch.devices, Supplies)
    for k, d in enumerate(connections):
        for kind, value, limit, sign in (
            ("import low", state.grid_mw[:, :, k], d.p_min, -1.0),
            ("import high", state.grid_mw[:, :, k], d.p_max, 1.0),
            ("reactive import low", state.grid_mvar[:, :, k], d.q_min, -1.0),
            ("reactive import high", state.grid_mvar[:, :, k], d.q_max, 1.0),
        ):
            beyond = sign * (value - limit)
            for s, t in np.argwhere(beyond > _IMPORT * grid.base_mva):
                share = float(beyond[s, t]) / max(abs(limit), grid.base_mva)
                found.append(LimitViolation(kind, int(s), int(t), d.place.node, float(value[s, t]), limit, share))
    budget = dispatch.costs.carbon_budget_kg
    expected = float(dispatch.horizon.probabilities @ state.carbon_kg)
    if budget is not None and expected > budget + 1e-4 * max(1.0, abs(budget)):
        found.append(LimitViolation("carbon", 0, 0, -1, expected, budget, (expected - budget) / max(abs(budget), 1.0)))
    return found


def _operated(dispatch: Dispatch, state: DispatchState) -> list[LimitViolation]:
    """Compare the operations over the horizon with their budget."""
    budget, count = dispatch.topology.budget, dispatch.operations(state.closed)
    if budget is None or count <= budget:
        return []
    place = "operations", 0, dispatch.horizon.periods - 1, -1
    return [LimitViolation(*place, float(count), float(budget), 1.0, unit="operations")]


def _overload(now: Grid, base: Grid, flow: GridState, s: int, t: int) -> list[LimitViolation]:
    rated = base.ratings
    if not len(rated.limit):
        return []
    # ratings at a tapped end are kept behind the ratio of the net as it is
    stretch = np.where(rated.at_from, now.ratio[rated.branch] / base.ratio[rated.branch], 1.0)
    current = flow.currents_at(now, rated)
    loading = current / np.maximum(rated.limit * stretch, 1e-12)
    r = int(np.argmax(loading))
    if loading[r] <= 1 + _LOADING:
        return []
    k = int(rated.branch[r])
    member = base.branches[k].members[int(rated.member[r])]
    limit = float(rated.limit[r] * stretch[r])
    place = member.element, member.index, "pu"
    return [LimitViolation("loading", s, t, k, float(current[r]), limit, float(loading[r] - 1), *place)]


def written_by(device: Device, schedule: Schedule, shape: tuple[int, int]) -> Callable[[str], FloatArray]:
    """Return what gives the values (S, T) that a schedule writes for a device, by column."""

    def value(column: str) -> FloatArray:
        table = device.place.table
        if column.startswith("constant_q:"):
            table, column = "constant_q", column.removeprefix("constant_q:")
        found = schedule.setpoints.get((table, column, device.place.index))
        return np.zeros(shape) if found is None else np.broadcast_to(np.asarray(found, dtype=float), shape)

    return value


def faults_of(dispatch: Dispatch, schedules: Sequence[Schedule]) -> list[LimitViolation]:
    """Let every device audit what its schedule writes: power, energy and its end, moves, circle, steps.

    Parameters
    ----------
    dispatch : Dispatch
        The devices and their time axis.
    schedules : sequence of Schedule
        One a device.
    """
    h, found = dispatch.horizon, []
    for device, schedule in zip(dispatch.devices, schedules, strict=True):
        for fault in device.audit(written_by(device, schedule, (h.scenarios, h.periods)), h):
            share = abs(fault.value - fault.limit) / max(abs(fault.limit), 1e-3)
            place = fault.kind, fault.scenario, fault.period, device.place.node
            found.append(LimitViolation(*place, fault.value, fault.limit, share, fault.table, fault.place, fault.unit))
    return found
