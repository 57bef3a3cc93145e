"""Dispatch over scenarios and periods as a mixed-integer second-order cone programme."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.devices import Device, Frame, Lossy, Supplies, Timeline
from adnflex.devices.footprint import add_reach, voltage_ranges
from adnflex.formulations import Formulation
from adnflex.formulations.attachments import Attachments
from adnflex.formulations.bounds import Bounds, Ranges, compute_bounds
from adnflex.formulations.branch_flow import declare_voltages
from adnflex.formulations.positions import pin
from adnflex.formulations.radiality import declare_radiality
from adnflex.formulations.secants import declare_secants, flow_intervals
from adnflex.garbage import without_garbage_search
from adnflex.grid.model import Grid
from adnflex.grid.operating_points import OperatingPoints
from adnflex.grid.topology import must_close
from adnflex.problems.dispatch.naming import doc_of
from adnflex.problems.dispatch.problem import Costs, DispatchProblem, Topology
from adnflex.solvers.conic import ConicForm, compile_model


@dataclass(frozen=True)
class Dispatch:
    """The model, its conic form and where its variables stand.

    Attributes
    ----------
    points : OperatingPoints
        The grid and what follows its profile.
    devices : list of Device
        What is dispatched.
    frame : Frame
        Time axis, voltages, attachments.
    topology : Topology
        What may be switched when.
    free : (k,) array of int
        Branches that may be open.
    bounds : Bounds
        Of all points together.
    model : pyomo ConcreteModel
        The model; ``at[s, t]`` is a point, ``device[i]`` a device.
    form : ConicForm
        Its arrays.
    costs : Costs
        Prices that belong to no device.
    items : dict of str to list
        Cost expressions by item and scenario.
    emissions : list
        Emission expressions by scenario [kg].
    formulation : Formulation
        Of the branch flow.
    """

    points: OperatingPoints
    devices: list[Device]
    frame: Frame
    topology: Topology
    free: IntArray
    bounds: Bounds
    model: pyo.ConcreteModel
    form: ConicForm
    costs: Costs
    items: dict[str, list[Any]]
    emissions: list[Any]
    formulation: Formulation

    @property
    def horizon(self) -> Timeline:
        """The time axis."""
        return self.frame.horizon

    def closed_at(self, x: FloatArray, t: int) -> BoolArray:
        """States of all branches in a period at a point of the model."""
        closed = np.asarray(self.points.grid.closed).copy()
        if self.topology.spans:
            states = self.model.states[self.topology.span_of(t)]
            closed[:] = True
            closed[self.free] = x[self.form.columns_of(states.z[k] for k in self.free)] > 0.5
        return closed

    def operations(self, closed: Mapping[int, BoolArray]) -> int:
        """Count the switching operations over the horizon, by the states of periods."""
        count, before = 0, np.asarray(self.points.grid.closed)
        for i, span in enumerate(self.topology.spans):
            count += 0 if i == 0 and self.topology.free_start else int(np.count_nonzero(closed[span.start] != before))
            before = closed[span.start]
        return count

    def lost(self, s: int, t: int) -> Any:
        """Active losses of the network and its converters at a point, an expression [pu]."""
        return losses_at(self.model, self.devices, s, t)

    def variable(self, name: str, size: int) -> IntArray:
        """Columns (S, T, size) of an indexed variable of every point; -1 for members that are no column."""
        h = self.horizon
        columns = np.full((h.scenarios, h.periods, size), -1, dtype=np.int64)
        for s, t in h.points:
            index, column = self.form.places_of(getattr(self.model.at[s, t], name))
            columns[s, t, index] = column
        return columns


@without_garbage_search()
def build_dispatch(
    problem: DispatchProblem, modes: frozenset[tuple[str, int, int]] = frozenset(), secants: bool = False
) -> Dispatch:
    """Declare the model: voltages, devices, branch flow at every point, the objective.

    Parameters
    ----------
    problem : DispatchProblem
        What is asked.
    modes : frozenset of (str, int, int)
        Table, index and period of devices with a binary mode (see `adnflex.devices.TwoWays`).
    secants : bool
        Also bound the squared currents from above (see `adnflex.formulations.secants`); only where switch states are
        given.
    """
    points, horizon, devices, costs = problem.points, problem.horizon, problem.devices, problem.costs
    topology, pins, formulation = problem.topology, problem.pins, problem.formulation
    grid = points.grid
    free = np.flatnonzero(~must_close(grid)) if topology.spans else np.array([], dtype=np.int64)
    if not topology.spans and not grid.closed.all():
        # states are given: what is open is no branch, and its charging stays at its ends
        raise ValueError("open branches need a topology; give a grid of closed branches.")
    ranges = _ranges(points, devices)
    bounds = compute_bounds(grid, ranges)
    model = pyo.ConcreteModel(name=f"dispatch_{formulation.name}", doc=doc_of(devices))
    model.at = pyo.Block(range(horizon.scenarios), range(horizon.periods))
    for s, t in horizon.points:
        declare_voltages(model.at[s, t], grid, bounds)
    frame = Frame(
        horizon,
        grid.base_mva,
        lambda s, t, node: model.at[s, t].v[node],
        bounds.v_min,
        bounds.v_max,
        {point: Attachments() for point in horizon.points},
        modes,
    )
    model.device = pyo.Block(range(len(devices)))
    for i, device in enumerate(devices):
        device.declare(model.device[i], frame)
        if pins is not None:
            device.pin(model.device[i], frame, pins.devices.get((device.place.table, device.place.index), {}))
    _declare_states(model, grid, bounds, topology, free)
    for i, closed in enumerate(pins.closed if pins is not None and topology.spans else ()):
        for k in free.tolist():
            pin(model.states[i].z[k], float(closed[k]))
    for s, t in horizon.points:
        states = model.states[topology.span_of(t)] if topology.spans else None
        formulation.declare(model.at[s, t], points.at(s, t), bounds, free.tolist(), frame.at[s, t], states)
    if secants and not topology.spans:
        _declare_upper_sides(model, points, devices, bounds, ranges.ratio)
    items, emissions = _items(model, devices, frame, costs, grid, topology)
    expected = _expectation(horizon, emissions)
    total = pyo.quicksum(_expectation(horizon, parts) for parts in items.values())
    if costs.carbon_budget_kg is not None:
        model.carbon_budget = pyo.Constraint(expr=expected <= costs.carbon_budget_kg)
    model.objective = pyo.Objective(expr=total if costs.minimise == "cost" else expected + 1e-6 * total)
    return Dispatch(
        points,
        list(devices),
        frame,
        topology,
        free,
        bounds,
        model,
        compile_model(model),
        costs,
        items,
        emissions,
        formulation,
    )


def losses_at(model: pyo.ConcreteModel, devices: Sequence[Device], s: int, t: int) -> Any:
    """Active losses of branches and converters at a point, an expression [pu]."""
    lost = [d.lost(model.device[i], s, t) for i, d in enumerate(devices) if isinstance(d, Lossy)]
    return pyo.quicksum([model.at[s, t].loss, *lost])


def _expectation(horizon: Timeline, parts: Sequence[Any]) -> Any:
    return pyo.quicksum(float(w) * part for w, part in zip(horizon.probabilities, parts, strict=True))


def _ranges(points: OperatingPoints, devices: Sequence[Device]) -> Ranges:
    """Intervals of everything that varies between points."""
    grid = points.grid
    p, q, g, b = (
        np.stack([a.min(axis=(0, 1)), a.max(axis=(0, 1))]) for a in (points.p, points.q, points.y.real, points.y.imag)
    )
    add_reach(devices, p, q, grid.base_mva)
    return Ranges(p, q, g, b, *voltage_ranges(devices, grid.root_v, grid.ratio))


def _declare_upper_sides(
    model: pyo.ConcreteModel, points: OperatingPoints, devices: Sequence[Device], bounds: Bounds, ratio: FloatArray
) -> None:
    """Declare secants at every point, over what the devices can do there."""
    grid = points.grid
    p, q, g, b = (np.stack([a, a]) for a in (points.p, points.q, points.y.real, points.y.imag))
    add_reach(devices, p, q, grid.base_mva)
    flows = flow_intervals(grid, bounds, ratio, p, q, g, b)
    if flows is None:
        return
    curved = np.flatnonzero((grid.r != 0) | (grid.x != 0))
    for s, t in np.ndindex(points.p.shape[:2]):
        declare_secants(model.at[s, t], grid, flows, s, t, curved)


def _declare_states(model: pyo.ConcreteModel, grid: Grid, bounds: Bounds, topology: Topology, free: IntArray) -> None:
    """Switch states of every span, radial and connected, and the operations between spans."""
    if not topology.spans:
        return
    spans = range(len(topology.spans))
    model.states = pyo.Block(spans)
    for i in spans:
        declare_radiality(model.states[i], grid, free.tolist(), bounds.direction)
    if not topology.cost and topology.budget is None:
        return
    model.operated = pyo.Var(spans, free.tolist(), bounds=(0, 1))
    model.operations = pyo.ConstraintList()
    for i in spans:
        if i == 0 and topology.free_start:
            continue
        for k in free.tolist():
            before = model.states[i - 1].z[k] if i else float(grid.closed[k])
            now = model.states[i].z[k]
            model.operations.add(model.operated[i, k] >= now - before)
            model.operations.add(model.operated[i, k] >= before - now)
    if topology.budget is not None:
        model.operations.add(sum(model.operated.values()) <= topology.budget)


def _items(
    model: pyo.ConcreteModel,
    devices: Sequence[Device],
    frame: Frame,
    costs: Costs,
    grid: Grid,
    topology: Topology,
) -> tuple[dict[str, list[Any]], list[Any]]:
    """Cost expressions by item and scenario, and emissions by scenario."""
    h = frame.horizon
    items: dict[str, list[Any]] = {}
    emissions: list[Any] = [0.0] * h.scenarios
    for i, device in enumerate(devices):
        for item, parts in device.costs(model.device[i], frame).items():
            old = items.get(item, [0.0] * h.scenarios)
            items[item] = [a + b for a, b in zip(old, parts, strict=True)]
        if isinstance(device, Supplies):
            more = device.emissions(model.device[i], frame)
            emissions = [a + b for a, b in zip(emissions, more, strict=True)]
    if costs.loss_per_mwh:
        rate = costs.loss_per_mwh * grid.base_mva * h.hours
        items["losses"] = [
            rate * pyo.quicksum(losses_at(model, devices, s, t) for t in range(h.periods)) for s in range(h.scenarios)
        ]
    if costs.carbon_per_kg:
        items["carbon"] = [costs.carbon_per_kg * part for part in emissions]
    if topology.spans and topology.cost:
        items["switching"] = [topology.cost * pyo.quicksum(model.operated.values())] * h.scenarios
    return items, emissions
