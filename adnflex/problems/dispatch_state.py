"""What a dispatch does, once its decisions are chosen: exact power flow, costs and limits at every point."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray

from adnflex.devices import GridConnection, Place, Schedule, TapChanger
from adnflex.grid.model import BoolArray, FloatArray, Grid
from adnflex.grid.sweep import Flow, RadialFlow
from adnflex.problems.dispatch import Dispatch

__all__ = ["Excess", "State", "evaluate", "excess_of"]

# Rounding that no limit minds: voltage [pu], loading and import relative (the latter to the base power).
_VM, _LOADING, _IMPORT = 5e-7, 1e-5, 2e-6


@dataclass(frozen=True)
class Excess:
    """The worst violation of a kind of limit at a point.

    Attributes
    ----------
    kind : str
        ``voltage low``, ``voltage high``, ``loading``, ``import low`` ... or ``no power flow``.
    s, t : int
        The point.
    where : int
        Node or branch.
    value, limit : float
        In the unit of the kind.
    share : float
        Violation relative to the limit.
    """

    kind: str
    s: int
    t: int
    where: int
    value: float
    limit: float
    share: float


@dataclass(frozen=True)
class State:
    """A dispatch as it runs.

    Attributes
    ----------
    x : (N,) array
        The point of the model.
    schedules : list of Schedule
        Of every device.
    decisions : list of dict
        Of every device, what is decided for all scenarios (see `Device.decisions`).
    closed : dict of int to (m,) array of bool
        Branch states of every period.
    grids : dict
        Grid of every point with all withdrawals, ratios and root voltages.
    flows : dict
        Exact power flow of every point; None where there is none.
    grid_mw, grid_mvar : (S, T, R) array
        Import of every root.
    items : dict of str to (S,) array
        Costs by item and scenario [money].
    carbon_kg : (S,) array
        Emissions.
    objective : float
        Expected cost (or emission, where that is minimised).
    excess : list of Excess
        Violated limits.
    """

    x: NDArray[np.float64]
    schedules: list[Schedule]
    decisions: list[dict[str, float]]
    closed: dict[int, BoolArray]
    grids: dict[tuple[int, int], Grid]
    flows: dict[tuple[int, int], Flow | None]
    grid_mw: FloatArray
    grid_mvar: FloatArray
    items: dict[str, FloatArray]
    carbon_kg: FloatArray
    objective: float
    excess: list[Excess]

    @property
    def feasible(self) -> bool:
        """Whether every limit is met."""
        return not self.excess

    @property
    def worst(self) -> float:
        """Largest relative violation."""
        return max((e.share for e in self.excess), default=0.0)


def evaluate(dispatch: Dispatch, x: NDArray[np.float64]) -> State:
    """Run the decisions of a model's point through exact radial power flow.

    Parameters
    ----------
    dispatch : Dispatch
        The model.
    x : (N,) array
        A point of its conic form; flows and voltages in it are not used.
    """
    x = x.copy()
    x[dispatch.form.integer] = np.round(x[dispatch.form.integer])
    dispatch.form.load(x)
    schedules = [d.schedule(dispatch.model.device[i], dispatch.frame) for i, d in enumerate(dispatch.devices)]
    decisions = [d.decisions(dispatch.model.device[i], dispatch.frame) for i, d in enumerate(dispatch.devices)]
    grids = _grids(dispatch, schedules)
    closed = {t: dispatch.closed_at(x, t) for t in range(dispatch.horizon.periods)}
    flows = _flows(grids, closed)
    grid_mw, grid_mvar = _imports(dispatch, grids, flows)
    items, carbon = _costs(dispatch, schedules, grid_mw, flows)
    weights = dispatch.horizon.probabilities
    cost = float(sum(weights @ part for part in items.values()))
    objective = cost if dispatch.costs.minimise == "cost" else float(weights @ carbon) + 1e-6 * cost
    state = State(x, schedules, decisions, closed, grids, flows, grid_mw, grid_mvar, items, carbon, objective, [])
    return replace(state, excess=excess_of(dispatch, state))


def _grids(dispatch: Dispatch, schedules: list[Schedule]) -> dict[tuple[int, int], Grid]:
    points = dispatch.points
    base = points.grid
    p, q, y = points.p.copy(), points.q.copy(), points.y.copy()
    shape = p.shape[:2]
    ratio = np.broadcast_to(base.ratio, (*shape, base.m)).copy()
    root_v = np.broadcast_to(base.root_v, (*shape, base.n)).copy()
    for i, (device, plan) in enumerate(zip(dispatch.devices, schedules, strict=True)):
        if isinstance(device, GridConnection):
            continue
        node = device.place.node
        p[:, :, node] += plan.p_mw / base.base_mva
        q[:, :, node] += plan.q_mvar / base.base_mva
        # a withdrawal P + jQ at 1 pu is the admittance P - jQ
        y[:, :, node] += np.conj(plan.shunt_mva) / base.base_mva
        if isinstance(device, TapChanger):
            step = _steps(dispatch, i, device)
            if device.branch is None:
                root_v[:, :, node] = device.factor[step]
            else:
                ratio[:, :, device.branch] = 1 / np.sqrt(device.factor[step])
    return {
        (s, t): base.replace(
            p=p[s, t].copy(), q=q[s, t].copy(), y=y[s, t].copy(), ratio=ratio[s, t].copy(), root_v=root_v[s, t].copy()
        )
        for s, t in dispatch.horizon.points
    }


def _steps(dispatch: Dispatch, i: int, device: TapChanger) -> NDArray[np.int64]:
    from adnflex.formulations.positions import picked

    return np.array(picked(dispatch.model.device[i], dispatch.horizon.periods, len(device.factor)))


def _flows(grids: dict[tuple[int, int], Grid], closed: dict[int, BoolArray]) -> dict[tuple[int, int], Flow | None]:
    adjacency = None
    flows: dict[tuple[int, int], Flow | None] = {}
    for (s, t), grid in grids.items():
        solver = RadialFlow(grid, adjacency=adjacency)
        adjacency = solver.adjacency
        flows[s, t] = solver.solve(closed[t])
    return flows


def _imports(
    dispatch: Dispatch, grids: dict[tuple[int, int], Grid], flows: dict[tuple[int, int], Flow | None]
) -> tuple[FloatArray, FloatArray]:
    h = dispatch.horizon
    roots = [d.place.node for d in dispatch.devices if isinstance(d, GridConnection)]
    found = np.full((h.scenarios, h.periods, len(roots)), np.nan, dtype=complex)
    for (s, t), flow in flows.items():
        if flow is not None:
            found[s, t] = flow.supplied(grids[s, t])[roots] * dispatch.points.grid.base_mva
    return found.real, found.imag


def _billed(
    dispatch: Dispatch, schedules: list[Schedule], flows: dict[tuple[int, int], Flow | None]
) -> dict[str, FloatArray]:
    """Price what every device does, not what the model says it costs: an epigraph may lie above the cost."""
    h = dispatch.horizon
    items: dict[str, FloatArray] = {}
    for device, plan in zip(dispatch.devices, schedules, strict=True):
        v2 = np.array(
            [[np.nan if (f := flows[s, t]) is None else f.v[device.place.node] for t in range(h.periods)]
             for s in range(h.scenarios)]
        )  # fmt: skip
        place = device.place

        def written(column: str, plan: Schedule = plan, place: Place = place) -> FloatArray:
            table = "constant_q" if column.startswith("constant_q:") else place.table
            return plan.setpoints[table, column.removeprefix("constant_q:"), place.index]

        for item, cost in device.bill(written, h, v2).items():
            items[item] = items.get(item, np.zeros(h.scenarios)) + cost
    return items


def _costs(
    dispatch: Dispatch, schedules: list[Schedule], grid_mw: FloatArray, flows: dict[tuple[int, int], Flow | None]
) -> tuple[dict[str, FloatArray], FloatArray]:
    """Items of what the devices do and, by exact power flow, of the network."""
    h, base = dispatch.horizon, dispatch.points.grid.base_mva
    items = {item: np.array([float(pyo.value(e)) for e in parts]) for item, parts in dispatch.items.items()}
    billed = _billed(dispatch, schedules, flows)
    items.update({item: billed[item] for item in items if item in billed})
    connections = [d for d in dispatch.devices if isinstance(d, GridConnection)]
    carbon = np.zeros(h.scenarios)
    items["purchase"] = np.zeros(h.scenarios)
    for k, d in enumerate(connections):
        items["purchase"] = items["purchase"] + d.purchase(grid_mw[:, :, k], h.hours)
        carbon = carbon + (d.carbon * grid_mw[:, :, k]).sum(axis=1) * h.hours
    if "carbon" in items:
        items["carbon"] = dispatch.costs.carbon_per_kg * carbon
    if "losses" in items:
        loss = np.full((h.scenarios, h.periods), np.nan)
        for (s, t), flow in flows.items():
            loss[s, t] = np.nan if flow is None else flow.loss * base
        items["losses"] = dispatch.costs.loss_per_mwh * loss.sum(axis=1) * h.hours
    return items, carbon


def excess_of(dispatch: Dispatch, state: State) -> list[Excess]:
    """Return the limits of a dispatch that a state breaks, the worst of each kind at each point.

    Parameters
    ----------
    dispatch : Dispatch
        Its grid, sources and budget are the limits.
    state : State
        The state.
    """
    grid = dispatch.points.grid
    named = np.array([bool(b) for b in grid.buses]) & np.isnan(grid.root_v)
    found: list[Excess] = []
    for (s, t), flow in state.flows.items():
        if flow is None:
            found.append(Excess("no power flow", s, t, -1, math.nan, math.nan, math.inf))
            continue
        vm = np.sqrt(flow.v)
        for kind, over, bound in (
            ("voltage low", np.sqrt(grid.v_min) - vm, np.sqrt(grid.v_min)),
            ("voltage high", vm - np.sqrt(grid.v_max), np.sqrt(grid.v_max)),
        ):
            over = np.where(named, over, -np.inf)
            j = int(np.argmax(over))
            if over[j] > _VM:
                found.append(Excess(kind, s, t, j, float(vm[j]), float(bound[j]), float(over[j] / bound[j])))
        found += _overload(state.grids[s, t], grid, flow, s, t)
    connections = [d for d in dispatch.devices if isinstance(d, GridConnection)]
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
                found.append(Excess(kind, int(s), int(t), d.place.node, float(value[s, t]), limit, share))
    budget = dispatch.costs.carbon_budget_kg
    expected = float(dispatch.horizon.probabilities @ state.carbon_kg)
    if budget is not None and expected > budget + 1e-4 * max(1.0, abs(budget)):
        found.append(Excess("carbon", 0, 0, -1, expected, budget, (expected - budget) / max(abs(budget), 1.0)))
    return found


def _overload(now: Grid, base: Grid, flow: Flow, s: int, t: int) -> list[Excess]:
    rated = base.ratings
    if not len(rated.limit):
        return []
    # ratings at a tapped end are kept behind the ratio of the net as it is
    stretch = np.where(rated.at_from, now.ratio[rated.branch] / base.ratio[rated.branch], 1.0)
    loading = flow.currents_at(now, rated) / np.maximum(rated.limit * stretch, 1e-12)
    r = int(np.argmax(loading))
    if loading[r] <= 1 + _LOADING:
        return []
    return [Excess("loading", s, t, int(rated.branch[r]), float(100 * loading[r]), 100.0, float(loading[r] - 1))]
