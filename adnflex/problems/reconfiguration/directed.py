"""Reconfiguration over the directed chain hull: the model, its conic form, and the point that an exact state is."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TypedDict

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.formulations.bounds import compute_bounds
from adnflex.formulations.connection import declare_connection
from adnflex.formulations.directed import DIRECTED, DirectedHull, declare_directed
from adnflex.formulations.directed_planes import Planes, find_planes
from adnflex.formulations.modes import Mode, modes_of, openable
from adnflex.formulations.voltage_moments import moments_at
from adnflex.grid.core import Core, Step, contract
from adnflex.grid.model import Grid
from adnflex.grid.state import Flow
from adnflex.grid.topology import Forest, must_close
from adnflex.problems.reconfiguration.objective import Objective, measured
from adnflex.solvers.cones import Derived
from adnflex.solvers.conic import ConicForm, compile_model


@dataclass(frozen=True)
class DirectedReconfiguration:
    """The model, its conic form and its modes.

    Attributes
    ----------
    grid, objective, planes, core : Grid, Objective, Planes, Core
        What it was built from.
    free : (k,) array of int
        Branches that may be open.
    modes : list of Mode
        The ways in which chains are used.
    model : pyomo ConcreteModel
        The model.
    form : ConicForm
        Its arrays.
    """

    grid: Grid
    objective: Objective
    planes: Planes
    core: Core
    free: IntArray
    modes: list[Mode]
    model: pyo.ConcreteModel
    form: ConicForm

    @property
    def flows(self) -> list[pyo.Block]:
        """Blocks with the flows of an operating point."""
        return [self.model]

    @cached_property
    def shares(self) -> IntArray:
        """Column of every mode's share (k,)."""
        b = self.model
        return self.form.columns_of(
            b.open_at[m.chain, m.at] if m.kind == 0 else b.feed[m.chain, m.kind] for m in self.modes
        )

    @cached_property
    def owner(self) -> IntArray:
        """Mode that a column belongs to, -1 where it belongs to none (n,)."""
        b, found = self.model, np.full(len(self.form.c), -1)
        number = {m: i for i, m in enumerate(self.modes)}
        columns = self.form.columns()
        shared = [b.behind, b.need, b.pull, b.moment, b.product] if self.objective.voltage else []
        for variables in [b.feed, *(v for part in self.flows for v in (part.p, part.q, part.l, part.w)), *shared]:
            for key in variables:
                column = columns.get(id(variables[key]))
                if column is not None:
                    found[column] = number[Mode(key[0], key[1], -1)]
        for variables in [b.open_at, *(part.end_v for part in self.flows)]:
            for key in variables:
                column = columns.get(id(variables[key]))
                if column is not None:
                    found[column] = number[Mode(key[0], 0, key[1])]
        for column, variable in enumerate(self.form.variables):
            if isinstance(variable, Derived) and variable.variables:
                found[column] = found[columns[id(variable.variables[0])]]
        return found

    @property
    def bounded(self) -> BoolArray:
        """Columns whose bounds are rows: all others are bounded by rows and cones (n,)."""
        found = np.zeros(len(self.form.c), dtype=bool)
        columns = self.form.columns()
        for variables in [v for part in self.flows for v in (part.v, part.stub_p, part.stub_q)]:
            for key in variables:
                column = columns.get(id(variables[key]))
                if column is not None:
                    found[column] = True
        return found

    def closed_of(self, x: FloatArray) -> BoolArray:
        """States of all branches at a point."""
        closed = np.ones(self.grid.m, dtype=bool)
        for mode, column in zip(self.modes, self.shares, strict=True):
            if mode.kind == 0 and x[column] > 0.5:
                closed[self.core.chains[mode.chain].branches[mode.at]] = False
        return closed

    @property
    def formulation(self) -> DirectedHull:
        """What its bound rests on."""
        return DIRECTED

    def exclude(self, state: frozenset[int]) -> None:
        """Cut off the topology with these open branches."""
        model = self.model
        if not hasattr(model, "excluded"):
            model.excluded = pyo.ConstraintList()
        opened = {self.core.chains[c].branches[i]: model.open_at[c, i] for c, i in model.open_at}
        model.excluded.add(pyo.quicksum(1 - opened[k] for k in state if k in opened) >= 1)

    def modes_in(self, closed: BoolArray, tree: Forest) -> list[Mode]:
        """Mode of every chain in a radial state, and the tree that it is."""
        found = []
        for c, chain in enumerate(self.core.chains):
            opened = [i for i, k in enumerate(chain.branches) if not closed[k]]
            fed_last = tree.branch[chain.nodes[-1]] == chain.branches[-1]
            found.append(Mode(c, 0, opened[0]) if opened else Mode(c, 1 if fed_last else -1, -1))
        return found

    def point_of(self, flow: Flow) -> FloatArray:
        """Return the point of the model that an exact power flow is."""
        b, g = self.model, self.grid
        values = pyo.ComponentMap()
        modes = self.modes_in(flow.closed, flow.forest)
        for mode in modes:
            chain = self.core.chains[mode.chain]
            if mode.kind == 0:
                self._open_point(values, mode, flow)
                continue
            values[b.feed[mode.chain, mode.kind]] = 1.0
            if hasattr(b, "reach"):
                values[b.reach[mode.chain, mode.kind]] = self._fed_through(flow, mode)
            steps = chain.steps(mode.kind == 1)
            for i, step in enumerate(steps):
                key = (mode.chain, mode.kind, i)
                p, q = _into(g, flow, step)
                values[b.p[key]], values[b.q[key]] = p, q
                values[b.l[key]] = 0.0 if g.r[step.branch] == g.x[step.branch] == 0 else flow.l[step.branch]
                values[b.w[key]] = flow.v[step.near]
            values[b.w[mode.chain, mode.kind, len(steps)]] = flow.v[steps[-1].far]
        for j in self.core.junctions:
            values[b.v[j]] = flow.v[j]
        if self.objective.voltage:
            values[b.off] = float(np.abs(flow.v - 1)[measured(g)].sum())
            for variable, value in moments_at(b, g, self.core, self.planes, modes, flow):
                values[variable] = value
        x = np.zeros(len(self.form.c))
        columns = self.form.columns()
        for variable, value in values.items():
            if id(variable) in columns:
                x[columns[id(variable)]] = value
        self._derive(x, values)
        return x

    def _fed_through(self, flow: Flow, mode: Mode) -> float:
        """Count the junctions that a closed chain feeds."""
        chain, tree = self.core.chains[mode.chain], flow.forest
        first = int(np.flatnonzero(tree.order == chain.nodes[-1 if mode.kind == 1 else 0])[0])
        below = tree.order[first : first + int(tree.below[tree.order[first]]) + 1]
        return float(np.isin(below, self.core.junctions).sum())

    def _derive(self, x: FloatArray, values: pyo.ComponentMap) -> None:
        """Columns that follow from others: distances of voltages from 1, and multiples that stand in a cone."""
        b = self.model
        for column, variable in enumerate(self.form.variables):
            if isinstance(variable, Derived):
                inside = zip(variable.variables, variable.coefficients, strict=True)
                x[column] = variable.constant + sum(k * values.get(v, 0.0) for v, k in inside)
        if self.objective.voltage:
            self.form.load(x)
            for key in b.pull:
                b.pull[key].set_value(0.0)
                x[self.form.column_of(b.pull[key])] = abs(pyo.value(b.pulls[key].body))
            for c, d, t in b.moment:
                squares = [x[self.form.column_of(b.pull[c, d, part, t])] ** 2 for part in (0, 1)]
                x[self.form.column_of(b.moment[c, d, t])] = sum(squares)
                b.moment[c, d, t].set_value(sum(squares), skip_validation=True)
            for c, d in b.product:
                b.product[c, d].set_value(0.0)
            for c, d, t in b.moment:
                column = self.form.column_of(b.product[c, d])
                x[column] = max(x[column], abs(min(b.products[c, d, t].slack(), 0.0)))
        if hasattr(b, "above"):
            for k in b.above:
                inside = b.above_rows[2 * k - 1].body
                x[self.form.column_of(b.above[k])] = 0.0
                b.above[k].set_value(0.0)
                x[self.form.column_of(b.above[k])] = abs(pyo.value(inside))

    def _open_point(self, values: pyo.ComponentMap, mode: Mode, flow: Flow) -> None:
        b, g, chain = self.model, self.grid, self.core.chains[mode.chain]
        values[b.open_at[mode.chain, mode.at]] = 1.0
        for end in (0, 1):
            steps = chain.steps(end == 0)
            length = mode.at if end == 0 else len(steps) - 1 - mode.at
            key = (mode.chain, mode.at, end)
            if key in b.end_v:
                values[b.end_v[key]] = flow.v[steps[0].near]
            whole: list[Step] = []
            for step in steps[:length]:
                whole += [step, *self.core.hanging.get(step.far, ())]
            k, near = steps[length].branch, steps[length].near
            y = g.open_from[k] / g.ratio[k] ** 2 if g.f[k] == near else g.open_to[k]
            loss = float(y.real * flow.v[near]) + sum(_lost(g, flow, s.branch) for s in whole)
            nodes = [s.far for s in whole]
            drawn = -complex(g.p[nodes].sum(), g.q[nodes].sum())
            if length:
                first = steps[0]
                p, q = _into(g, flow, first)
                shunt = g.y_from[first.branch] / g.ratio[first.branch] ** 2 if first.away else g.y_to[first.branch]
                drawn += complex(p, q) + np.conj(shunt) * flow.v[first.near]
            else:
                drawn += np.conj(y) * flow.v[near]
            values[b.stub_loss[mode.chain, end]] = loss
            values[b.stub_p[mode.chain, end]], values[b.stub_q[mode.chain, end]] = drawn.real, drawn.imag
            if hasattr(b, "stub_off"):
                counted = measured(g)[nodes]
                values[b.stub_off[mode.chain, end]] = float(np.abs(flow.v[nodes] - 1)[counted].sum())


def _into(grid: Grid, flow: Flow, step: Step) -> tuple[float, float]:
    """Power into the impedance of a branch at its near end."""
    k = step.branch
    if step.away:
        return float(flow.p[k]), float(flow.q[k])
    return float(-(flow.p[k] - grid.r[k] * flow.l[k])), float(-(flow.q[k] - grid.x[k] * flow.l[k]))


def _lost(grid: Grid, flow: Flow, k: int) -> float:
    at_from = grid.y_from[k].real / grid.ratio[k] ** 2 * flow.v[grid.f[k]]
    return float(grid.r[k] * flow.l[k] + at_from + grid.y_to[k].real * flow.v[grid.t[k]])


class Known(TypedDict):
    """What a model is told of states that are known; see `build_directed`."""

    operations: tuple[int, int | None]
    near: FloatArray | None
    cap: float


def build_directed(
    grid: Grid,
    objective: Objective,
    *,
    operations: tuple[int, int | None] = (0, None),
    near: FloatArray | None = None,
    cap: float = np.inf,
    whole: bool = False,
) -> DirectedReconfiguration:
    """Declare the model.

    Parameters
    ----------
    grid : Grid
        The grid, with its limits and its switchable branches.
    objective : Objective
        What to minimise.
    operations : (int, int or None)
        How many every admissible state is known to need (only where they are priced), and how many it may have.
    near : (n,) array, optional
        Squared voltages of a good state, near which planes shall be tight.
    cap : float
        Objective of a known state; what costs more may be cut off.
    whole : bool
        Whether every choice of its integers is a radial state, as a solver needs it that knows nothing else. Our own
        search runs what it decides, and drops what is none.

    Raises
    ------
    Unproven
        If a premise of the hull does not hold for this grid.
    """
    free = np.flatnonzero(~must_close(grid))
    core = contract(grid)
    # nothing else in the objective is negative, so that losses are at most what the whole costs
    most = cap / (objective.losses * grid.base_mva) if objective.losses else np.inf
    planes = find_planes(grid, compute_bounds(grid), core, openable(core, free.tolist()), most, near)
    modes = modes_of(grid, planes.bounds, core, planes.able)
    model = pyo.ConcreteModel(name="reconfiguration_directed", doc=_DOC)
    declare_directed(model, grid, core, modes, planes, loss_cap=most, off=bool(objective.voltage))
    if whole:
        declare_connection(model, grid, core, modes)
    least, limit = operations
    if objective.switching and least and modes:
        model.few_operations = pyo.Constraint(expr=_operations(model, grid, core) >= least)
    if limit is not None and modes:
        model.max_operations = pyo.Constraint(expr=_operations(model, grid, core) <= limit)
    model.objective = pyo.Objective(expr=_objective(model, grid, objective, core))
    return DirectedReconfiguration(grid, objective, planes, core, free, modes, model, compile_model(model))


_DOC = """Switch states of one operating point, chain by chain of the contracted grid.

open_at: 1 where a chain is open at that one of its branches. feed: 1 where it is closed and feeds its last (1) or first
(-1) node. v: squared voltage of a junction; p, q, l, w: power into the branches of a chain, squared currents and
voltages, as it feeds, each zero where it does not; stub_p, stub_q, stub_loss: what the two ends of an open chain draw
beyond their loads, and lose; all per unit on the base power of the net (net.sn_mva). The objective is in the unit of
the verb: MW for losses. Nodes and branches count from 0, as `adnflex.grid.read_grid` has them, chains and junctions as
`adnflex.grid.core.contract` has them.
"""


def _objective(model: pyo.ConcreteModel, grid: Grid, objective: Objective, core: Core) -> pyo.Expression:
    terms = []
    if objective.losses:
        terms.append(objective.losses * grid.base_mva * model.loss)
    if objective.voltage:
        terms.append(objective.voltage / (2 * int(measured(grid).sum())) * model.off)
    if objective.switching:
        terms.append(objective.switching * _operations(model, grid, core))
    return pyo.quicksum(terms)


def _operations(model: pyo.ConcreteModel, grid: Grid, core: Core) -> pyo.Expression:
    """Count the branches whose state changes; what is open now and stays closed in every state is among them."""
    sign = {(c, i): 1 if grid.closed[core.chains[c].branches[i]] else -1 for c, i in model.open_at}
    return pyo.quicksum(sign[key] * model.open_at[key] for key in sign) + int(np.count_nonzero(~grid.closed))
