"""The directed chain hull for several operating points: a copy of the flow each, one set of modes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyomo.environ as pyo

from adnflex.formulations.directed import declare_flows, declare_modes
from adnflex.formulations.directed_planes import find_planes
from adnflex.formulations.ledger import Ledger
from adnflex.formulations.modes import modes_of, openable
from adnflex.grid.core import contract
from adnflex.grid.flow import RadialFlow
from adnflex.grid.topology import must_close
from adnflex.problems.multi_period.mean_planes import mean_planes, parts_of
from adnflex.problems.multi_period.model import bounds_of_means
from adnflex.problems.multi_period.points import Groups, Points, weighted_flows
from adnflex.problems.reconfiguration.directed import DirectedReconfiguration
from adnflex.problems.reconfiguration.objective import Objective
from adnflex.solvers.conic import compile_model

# Points of a group beyond which its trees have planes of parts of it.
_MANY = 16


@dataclass(frozen=True)
class JointDirected(DirectedReconfiguration):
    """The model of several points; ``model.at[k]`` has the flows of one."""

    @property
    def flows(self) -> list[pyo.Block]:
        """Blocks with the flows of an operating point."""
        return list(self.model.at.values())


def build_joint_directed(
    points: Points,
    groups: Groups,
    tree: RadialFlow,
    *,
    price: float = 0.0,
    most: int | None = None,
    cap: float = np.inf,
) -> JointDirected:
    """Declare the model.

    Parameters
    ----------
    points, groups
        As in `adnflex.problems.multi_period.model.build_joint`.
    tree : RadialFlow
        A good topology, near whose voltages planes shall be tight.
    price : float
        Of an operation, counted from the present states.
    most : int, optional
        Largest number of operations.
    cap : float
        Objective of a known state; what costs more may be cut off.

    Raises
    ------
    Unproven
        If a premise of the hull does not hold for this grid.
    """
    grid = points.grid
    free, core = np.flatnonzero(~must_close(grid)), contract(grid)
    means, weights = groups.means, groups.means.weight * grid.base_mva
    near = tree.solve_many(means.p, means.q, means.y).v
    planes, caps, may_open = [], [], openable(core, free.tolist())
    many = max(len(rows) for rows in groups.members) > _MANY
    flows = weighted_flows(points, tree) if many else np.zeros((len(points), 0))
    for k, rows in enumerate(groups.members):
        mean, good = means.at(k), near[k] if np.isfinite(near[k]).all() else None
        # nothing in the objective is negative, so that the losses of a point are at most what the whole costs
        caps.append(cap / weights[k] if weights[k] > 0 else np.inf)
        spread = bounds_of_means(mean, points, rows)
        known = find_planes(mean, spread, core, may_open, caps[k], good)
        if weights[k] > 0 and len(rows) > _MANY:
            parts = parts_of(points, rows, flows, len(groups))
            whole = cap / grid.base_mva
            known = mean_planes(known, points, parts, core=core, openable=may_open, tree=tree, cap=whole)
        planes.append(known)
    # what one point rules out is ruled out for all
    able = [sorted(set.intersection(*(set(p.able[c]) for p in planes))) for c in range(len(core.chains))]
    modes = modes_of(grid, planes[0].bounds, core, able)
    model = pyo.ConcreteModel(name="many_periods_directed", doc=__doc__)
    declare_modes(model, planes, core, modes)
    model.at = pyo.Block(range(len(groups)))
    for k, known in enumerate(planes):
        block = model.at[k]
        block.open_at, block.feed = _shared(model.open_at), _shared(model.feed)
        declare_flows(block, Ledger(block, means.at(k), core, known, caps[k], False), modes)
    changes = [(1 if grid.closed[core.chains[c].branches[i]] else -1) * v for (c, i), v in model.open_at.items()]
    count = pyo.quicksum(changes) + int(np.count_nonzero(~grid.closed))
    if most is not None and changes:
        model.max_operations = pyo.Constraint(expr=count <= most)
    terms = [float(w) * model.at[k].loss for k, w in enumerate(weights) if w > 0]
    model.objective = pyo.Objective(expr=pyo.quicksum(terms) + price * count)
    goal = Objective(losses=1.0, switching=price)
    return JointDirected(grid, goal, planes[0], core, free, modes, model, compile_model(model))


def _shared(variable: pyo.Var) -> pyo.Var:
    """Return a reference to a variable; one without members cannot be referred to."""
    return pyo.Reference(variable) if len(variable) else pyo.Var([])
