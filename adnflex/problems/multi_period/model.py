"""One set of switch states for several operating points: the joint model, whose optimum bounds all topologies."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import BoolArray, IntArray
from adnflex.formulations import FORMULATIONS, Formulation
from adnflex.formulations.bounds import Bounds, Ranges, compute_bounds
from adnflex.formulations.branch_flow import declare_voltages
from adnflex.formulations.radiality import declare_radiality
from adnflex.grid.model import Grid
from adnflex.grid.topology import Chain, chains, must_close
from adnflex.problems.multi_period.points import Groups, Points
from adnflex.problems.reconfiguration.model import needs_connection, operations_of
from adnflex.solvers.conic import ConicForm, compile_model


@dataclass(frozen=True)
class JointReconfiguration:
    """The model, its conic form and where its switch states stand.

    Attributes
    ----------
    grid : Grid
        The grid.
    required : (m,) array of bool
        Branches that stay closed.
    free : (k,) array of int
        Branches that may be open.
    paths : list of Chain
        The chains that the model knows.
    model : pyomo ConcreteModel
        The model; ``at[k]`` is a point.
    form : ConicForm
        Its arrays.
    """

    grid: Grid
    required: BoolArray
    free: IntArray
    paths: list[Chain]
    model: pyo.ConcreteModel
    form: ConicForm


def build_joint(
    points: Points,
    groups: Groups,
    *,
    formulation: Formulation | None = None,
    price: float = 0.0,
    most: int | None = None,
) -> JointReconfiguration:
    """Declare the model: a copy of the flow for every group of points, one set of switch states.

    Parameters
    ----------
    points : Points
        All operating points.
    groups : Groups
        Groups of them; together they are every point with a weight.
    formulation : Formulation, optional
        Of the branch flow; by default DistFlow.
    price : float
        Of an operation, counted from the present states.
    most : int, optional
        Largest number of operations.
    """
    formulation = FORMULATIONS["distflow"] if formulation is None else formulation
    grid = points.grid
    required = must_close(grid)
    free = np.flatnonzero(~required)
    paths = [c for c in chains(grid) if sum(not required[k] for k in c.branches) > 1]
    grids = [groups.means.at(k) for k in range(len(groups))]
    bounds = [bounds_of_means(g, points, rows) for g, rows in zip(grids, groups.members, strict=True)]
    model = pyo.ConcreteModel(name=f"many_periods_{formulation.name}", doc=_DOC)
    declare_radiality(
        model,
        grid,
        free.tolist(),
        bounds[0].direction,
        chains=[[k for k in c.branches if not required[k]] for c in paths],
        # one point without rings is enough, as all share their states
        connection=all(needs_connection(g, b) for g, b in zip(grids, bounds, strict=True)),
    )
    model.at = pyo.Block(range(len(groups)))
    for k, (g, b) in enumerate(zip(grids, bounds, strict=True)):
        declare_voltages(model.at[k], g, b)
        formulation.declare(model.at[k], g, b, free.tolist(), states=model)
        formulation.strengthen(model.at[k], g, b, paths, free.tolist(), model)
    if most is not None and len(free):
        model.max_operations = pyo.Constraint(expr=operations_of(model, grid, free) <= most)
    weights = groups.means.weight * grid.base_mva
    terms = [float(w) * model.at[k].loss for k, w in enumerate(weights) if w > 0]
    if price:
        terms.append(price * operations_of(model, grid, free))
    model.objective = pyo.Objective(expr=pyo.quicksum(terms))
    return JointReconfiguration(grid, required, free, paths, model, compile_model(model))


_DOC = """One set of switch states for several operating points, each a mean of periods.

z: 1 where a branch is closed. at[k]: voltages, flows and squared currents of a point, as in the model of one operating
point. The objective is the losses of the points times the hours (or money) that each stands for, and the price of
operations.
"""


def bounds_of_means(grid: Grid, points: Points, rows: IntArray) -> Bounds:
    """Return bounds that the mean of the states of some points obeys, in every radial state that meets their limits.

    A squared current is at most the largest of those of which it is the mean, which the mean of the withdrawals does
    not bound: currents are bounded over the range of the points.  What follows from balances, which are linear, holds
    for the mean by itself: the directions of flow, and how high voltages rise.

    Parameters
    ----------
    grid : Grid
        The grid at the mean.
    points : Points
        All operating points.
    rows : array of int
        Those that it is the mean of.
    """
    mean = compute_bounds(grid)
    if len(rows) == 1:
        return mean
    p, q, g, b = (
        np.stack([a.min(axis=0), a.max(axis=0)])
        for a in (points.p[rows], points.q[rows], points.y[rows].real, points.y[rows].imag)
    )
    fixed = np.stack([grid.root_v, grid.root_v]), np.stack([grid.ratio, grid.ratio])
    spread = compute_bounds(grid, Ranges(p, q, g, b, *fixed))
    # with a negative reactance, how high voltages rise follows from currents too
    v_max = spread.v_max if (grid.x < 0).any() else mean.v_max
    return replace(
        mean,
        v_max=v_max,
        i_max=spread.i_max,
        s_max=spread.i_max * np.sqrt(v_max[grid.f]) / spread.ratio_min,
        node_current=spread.node_current,
        withdrawn=spread.withdrawn,
    )
