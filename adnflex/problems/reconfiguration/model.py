"""Radial reconfiguration as a mixed-integer second-order cone programme."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.formulations import FORMULATIONS, Formulation
from adnflex.formulations.bounds import Bounds, compute_bounds
from adnflex.formulations.branch_flow import declare_voltages
from adnflex.formulations.radiality import declare_radiality
from adnflex.grid.model import Grid
from adnflex.grid.state import Flow
from adnflex.grid.topology import Chain, chains, must_close
from adnflex.problems.reconfiguration.objective import Objective, measured
from adnflex.solvers.conic import ConicForm, compile_model


@dataclass(frozen=True)
class Reconfiguration:
    """The model, its conic form and where its variables stand.

    Attributes
    ----------
    grid, objective, bounds : Grid, Objective, Bounds
        What it was built from.
    required : (m,) array of bool
        Branches that stay closed.
    free : (k,) array of int
        Branches that may be open.
    paths : list of Chain
        The chains that the model knows.
    model : pyomo ConcreteModel
        The model.
    form : ConicForm
        Its arrays.
    formulation : Formulation
        Of the branch flow.
    """

    grid: Grid
    objective: Objective
    bounds: Bounds
    required: BoolArray
    free: IntArray
    paths: list[Chain]
    model: pyo.ConcreteModel
    form: ConicForm
    formulation: Formulation

    def closed_of(self, x: FloatArray) -> BoolArray:
        """States of all branches at a point."""
        closed = np.ones(self.grid.m, dtype=bool)
        closed[self.free] = x[self.form.columns_of(self.model.z[k] for k in self.free)] > 0.5
        return closed

    def exclude(self, state: frozenset[int]) -> None:
        """Cut off the topology with these open branches."""
        model = self.model
        if not hasattr(model, "excluded"):
            model.excluded = pyo.ConstraintList()
        model.excluded.add(pyo.quicksum(model.z[k] for k in state) >= 1)

    def point_of(self, flow: Flow) -> FloatArray:
        """Return the point of the model that an exact power flow is."""
        m, g, form = self.model, self.grid, self.form
        x = np.zeros(len(form.c))

        closed = flow.closed
        seen_f, seen_t = closed * flow.v[g.f] / g.ratio**2, closed * flow.v[g.t]
        tree = flow.forest
        down, feeds_t = np.zeros(g.m), np.zeros(g.m)
        fed = np.flatnonzero(tree.branch >= 0)
        down[tree.branch[fed]] = np.where(tree.away[fed], 1.0, -1.0) * (tree.below[fed] + 1)
        feeds_t[tree.branch[fed]] = tree.away[fed]
        form.put(x, m.z, closed.astype(float))
        form.put(x, m.feeds_to, closed * feeds_t)
        if hasattr(m, "phi"):
            form.put(x, m.phi, down / (g.n - len(g.roots)))
        form.put(x, m.v, flow.v)
        form.put(x, m.p, flow.p)
        form.put(x, m.q, flow.q)
        form.put(x, m.l, np.where((g.r == 0) & (g.x == 0), 0.0, flow.l))
        form.put(x, m.w_f, seen_f)
        form.put(x, m.w_t, seen_t)
        form.put(x, m.u, seen_f)
        whole = self._none_open(closed)
        if hasattr(m, "p0"):
            form.put(x, m.p0, flow.p * whole)
            form.put(x, m.q0, flow.q * whole)
            form.put(x, m.l0, flow.l * whole)
            form.put(x, m.w0, seen_f * whole)
        if hasattr(m, "off"):
            form.put(x, m.off, np.abs(flow.v - 1))
        return x

    def _none_open(self, closed: BoolArray) -> FloatArray:
        """1 for the branches of chains in which every branch is closed, else 0."""
        whole = np.zeros(self.grid.m)
        for chain in self.paths:
            whole[list(chain.branches)] = float(closed[list(chain.branches)].all())
        return whole


def build_reconfiguration(
    grid: Grid,
    objective: Objective,
    *,
    formulation: Formulation | None = None,
    strengthen: bool = True,
    operations: tuple[int, int | None] = (0, None),
) -> Reconfiguration:
    """Declare the model.

    Parameters
    ----------
    grid : Grid
        The grid, with its limits and its switchable branches.
    objective : Objective
        What to minimise.
    formulation : Formulation, optional
        Of the branch flow; by default DistFlow.
    strengthen : bool
        Add the valid inequalities (chains, direction of flow); without them it is the textbook model.
    operations : (int, int or None)
        How many every admissible state is known to need (only where they are priced), and how many it may have.
    """
    formulation = FORMULATIONS["distflow"] if formulation is None else formulation
    required = must_close(grid)
    free = np.flatnonzero(~required)
    bounds = compute_bounds(grid)
    # a chain with fewer than two branches that may be open has nothing to choose
    paths = [c for c in chains(grid) if sum(not required[k] for k in c.branches) > 1] if strengthen else []
    model = pyo.ConcreteModel(name=f"reconfiguration_{formulation.name}", doc=_DOC)
    declare_radiality(
        model,
        grid,
        free.tolist(),
        bounds.direction,
        chains=[[k for k in c.branches if not required[k]] for c in paths],
        connection=needs_connection(grid, bounds),
    )
    declare_voltages(model, grid, bounds)
    formulation.declare(model, grid, bounds, free.tolist())
    if strengthen:
        formulation.strengthen(model, grid, bounds, paths, free.tolist())
    # where nothing can be chosen their number is what it is
    least, most = operations
    if objective.switching and least and len(free):
        model.few_operations = pyo.Constraint(expr=operations_of(model, grid, free) >= least)
    if most is not None and len(free):
        model.max_operations = pyo.Constraint(expr=operations_of(model, grid, free) <= most)
    model.objective = pyo.Objective(expr=_objective(model, grid, objective, free))
    return Reconfiguration(grid, objective, bounds, required, free, paths, model, compile_model(model), formulation)


_DOC = """Switch states of one operating point.

z: 1 where a branch is closed. v: squared voltage of a node; p, q: power into a branch at its from end; l: squared
current; all per unit on the base power of the net (net.sn_mva). The objective is in the unit of the verb: MW for
losses. Nodes and branches count from 0, as `adnflex.grid.read_grid` has them: its `buses` and `branches` name them.
"""


def needs_connection(grid: Grid, bounds: Bounds) -> bool:
    """Tell whether the fictitious flow is needed.

    A closed ring without source is impossible where every node in a loop draws active power.
    """
    inner = np.isnan(grid.root_v)
    in_loop = bounds.in_loop
    touched = np.zeros(grid.n, dtype=bool)
    touched[grid.f[in_loop]] = touched[grid.t[in_loop]] = True
    return not (bounds.one_way_p[in_loop].all() and bool(np.all(grid.p[touched & inner] > 0)))


def operations_of(model: pyo.ConcreteModel, grid: Grid, free: IntArray) -> Any:
    """Count the branches whose state differs from the present one, an expression."""
    changes = [1 - model.z[k] if grid.closed[k] else model.z[k] for k in free.tolist()]
    # a bridge that is open now has to be closed whatever is chosen
    forced = int(np.count_nonzero(~grid.closed)) - int(np.count_nonzero(~grid.closed[free]))
    return pyo.quicksum(changes) + forced


def _objective(model: pyo.ConcreteModel, grid: Grid, objective: Objective, free: IntArray) -> Any:
    terms: list[Any] = []
    if objective.losses:
        terms.append(objective.losses * grid.base_mva * model.loss)
    if objective.switching:
        terms.append(objective.switching * operations_of(model, grid, free))
    if objective.voltage:
        nodes = np.flatnonzero(measured(grid)).tolist()
        model.off = pyo.Var(nodes, bounds=(0, 2))
        model.off_up = pyo.Constraint(nodes, rule=lambda b, j: b.off[j] >= b.v[j] - 1)
        model.off_down = pyo.Constraint(nodes, rule=lambda b, j: b.off[j] >= 1 - b.v[j])
        terms.append(objective.voltage / (2 * len(nodes)) * pyo.quicksum(model.off.values()))
    return pyo.quicksum(terms)
