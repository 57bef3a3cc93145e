"""What a dispatch does, once its decisions are chosen: exact power flow, costs and limits at every point."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from adnflex.arrays import BoolArray, FloatArray
from adnflex.devices import Schedule, Supplies, able
from adnflex.devices.footprint import Stamped, stamp
from adnflex.garbage import without_garbage_search
from adnflex.grid.flow import flows_of
from adnflex.grid.model import Grid
from adnflex.grid.state import Flow, GridState
from adnflex.problems.dispatch.limits import LimitViolation, excess_of, faults_of, written_by
from adnflex.problems.dispatch.model import Dispatch


@dataclass(frozen=True)
class DispatchState:
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
    excess : list of LimitViolation
        Violated limits.
    """

    x: FloatArray
    schedules: list[Schedule]
    decisions: list[dict[str, float]]
    closed: dict[int, BoolArray]
    grids: dict[tuple[int, int], Grid]
    flows: Mapping[tuple[int, int], GridState | None]
    grid_mw: FloatArray
    grid_mvar: FloatArray
    items: dict[str, FloatArray]
    carbon_kg: FloatArray
    objective: float
    excess: list[LimitViolation]

    @property
    def losses_mw(self) -> FloatArray:
        """Active losses of branches and converters (S, T) [MW]; NaN where there is no power flow."""
        return losses_of(self.grids, self.flows, self.schedules)

    @property
    def feasible(self) -> bool:
        """Whether every limit is met."""
        return not self.excess

    @property
    def worst(self) -> float:
        """Largest relative violation."""
        return max((e.share for e in self.excess), default=0.0)


@without_garbage_search()
def evaluate(dispatch: Dispatch, x: FloatArray) -> DispatchState:
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
    grids = grids_of(dispatch, schedules)
    closed = {t: dispatch.closed_at(x, t) for t in range(dispatch.horizon.periods)}
    found = flows_of(list(grids.values()), [closed[t] for _, t in grids])
    flows = dict(zip(grids, found, strict=True))
    grid_mw, grid_mvar = _imports(dispatch, flows)
    items, carbon = _costs(dispatch, schedules, closed, grid_mw, grids, flows)
    weights = dispatch.horizon.probabilities
    cost = float(sum(weights @ part for part in items.values()))
    objective = cost if dispatch.costs.minimise == "cost" else float(weights @ carbon) + 1e-6 * cost
    state = DispatchState(
        x, schedules, decisions, closed, grids, flows, grid_mw, grid_mvar, items, carbon, objective, []
    )
    # devices are asked only where the network has nothing to say: a fleet's audit is a programme of its own
    return replace(state, excess=excess_of(dispatch, state) or faults_of(dispatch, schedules))


def grids_of(dispatch: Dispatch, schedules: Sequence[Schedule]) -> dict[tuple[int, int], Grid]:
    """Return the grid of every point with what the devices do there, whose positions are those of the model."""
    points = dispatch.points
    base = points.grid
    p, q, y = points.p.copy(), points.q.copy(), points.y.copy()
    shape = p.shape[:2]
    ratio = np.broadcast_to(base.ratio, (*shape, base.m)).copy()
    root_v = np.broadcast_to(base.root_v, (*shape, base.n)).copy()
    stamp(schedules, Stamped(p, q, y, ratio, root_v), base.base_mva)
    return {
        (s, t): base.replace(
            p=p[s, t].copy(), q=q[s, t].copy(), y=y[s, t].copy(), ratio=ratio[s, t].copy(), root_v=root_v[s, t].copy()
        )
        for s, t in dispatch.horizon.points
    }


def _imports(dispatch: Dispatch, flows: dict[tuple[int, int], Flow | None]) -> tuple[FloatArray, FloatArray]:
    h = dispatch.horizon
    roots = [d.place.node for d in able(dispatch.devices, Supplies)]
    found = np.full((h.scenarios, h.periods, len(roots)), np.nan, dtype=complex)
    for (s, t), flow in flows.items():
        if flow is not None:
            found[s, t] = flow.supplied[roots] * dispatch.points.grid.base_mva
    return found.real, found.imag


def _costs(
    dispatch: Dispatch,
    schedules: list[Schedule],
    closed: dict[int, BoolArray],
    grid_mw: FloatArray,
    grids: dict[tuple[int, int], Grid],
    flows: dict[tuple[int, int], Flow | None],
) -> tuple[dict[str, FloatArray], FloatArray]:
    """Items of the model, as what is written and exact power flow make them."""
    h = dispatch.horizon
    items = {item: np.zeros(h.scenarios) for item in dispatch.items}
    for device, schedule in zip(dispatch.devices, schedules, strict=True):
        written = written_by(device, schedule, (h.scenarios, h.periods))
        for item, cost in device.bill(written, h, _voltages(dispatch, flows, device.place.node)).items():
            if item in items or np.any(cost):
                items[item] = items.get(item, np.zeros(h.scenarios)) + cost
    if "switching" in items:
        items["switching"] = np.full(h.scenarios, dispatch.topology.cost * dispatch.operations(closed))
    connections = able(dispatch.devices, Supplies)
    carbon = np.zeros(h.scenarios)
    items["purchase"] = np.zeros(h.scenarios)
    for k, d in enumerate(connections):
        items["purchase"] = items["purchase"] + d.purchase(grid_mw[:, :, k], h.hours)
        carbon = carbon + (d.carbon * grid_mw[:, :, k]).sum(axis=1) * h.hours
    if "carbon" in items:
        items["carbon"] = dispatch.costs.carbon_per_kg * carbon
    if "losses" in items:
        lost = losses_of(grids, flows, schedules)
        items["losses"] = dispatch.costs.loss_per_mwh * lost.sum(axis=1) * h.hours
    return items, carbon


def losses_of(
    grids: Mapping[tuple[int, int], Grid],
    flows: Mapping[tuple[int, int], GridState | None],
    schedules: Sequence[Schedule],
) -> FloatArray:
    """Active losses of branches and converters (S, T) [MW]; NaN where there is no power flow."""
    found = np.full(np.max(list(flows), axis=0) + 1, np.nan)
    for point, flow in flows.items():
        found[point] = np.nan if flow is None else flow.loss * grids[point].base_mva
    return np.asarray(found + sum(s.losses_mw for s in schedules))


def _voltages(dispatch: Dispatch, flows: dict[tuple[int, int], Flow | None], node: int) -> FloatArray:
    """Squared voltage of a node (S, T); NaN where there is no power flow."""
    v = np.full((dispatch.horizon.scenarios, dispatch.horizon.periods), np.nan)
    for point, flow in flows.items():
        if flow is not None:
            v[point] = flow.v[node]
    return v
