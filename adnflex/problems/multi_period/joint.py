"""The joint model of several points: by the directed chain hull wherever that is proven, else by DistFlow."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo

from adnflex.errors import InputError
from adnflex.formulations.connection import declare_connection
from adnflex.formulations.directed_planes import Unproven
from adnflex.grid.flow import RadialFlow
from adnflex.grid.topology import must_close
from adnflex.problems.multi_period.directed import JointDirected, build_joint_directed
from adnflex.problems.multi_period.evaluation import Evaluator
from adnflex.problems.multi_period.model import JointReconfiguration, build_joint
from adnflex.problems.multi_period.points import Groups, Points, grouped
from adnflex.problems.reconfiguration.meshed import meshed_start

# Means of a joint model, each a copy of the network: as few as do.
COPIES = (3, 6, 10, 20)


def build_chosen_joint(
    points: Points,
    groups: Groups,
    tree: RadialFlow,
    *,
    price: float = 0.0,
    most: int | None = None,
    cap: float = np.inf,
    formulation: str = "auto",
) -> JointDirected | JointReconfiguration:
    """Declare the model by a formulation; the arguments are those of `build_joint_directed`.

    Raises
    ------
    InputError
        If the formulation has no such model, or a premise of it does not hold.
    """
    if formulation not in ("auto", "directed", "distflow"):
        raise InputError(f"formulation is {formulation!r}; of many periods there are 'directed' and 'distflow'.")
    if formulation != "distflow":
        try:
            return build_joint_directed(points, groups, tree, price=price, most=most, cap=cap)
        except Unproven as why:
            if formulation == "directed":
                raise InputError(f"formulation is 'directed', which is not proven here: {why}; give 'auto'.") from why
    return build_joint(points, groups, price=price, most=most)


def joint_model(points: Points, formulation: str, price: float, most: int | None) -> pyo.ConcreteModel:
    """Return the Pyomo model of one topology for some points, before anything is known of good ones."""
    required = must_close(points.grid)
    tree = Evaluator(points, required).tree(meshed_start(points.mean(), required))
    assert tree is not None  # opening loops one by one ends in a tree
    groups = grouped(points, tree, COPIES[0])
    problem = build_chosen_joint(points, groups, tree, price=price, most=most, formulation=formulation)
    if isinstance(problem, JointDirected):
        # a search looks at states itself; whoever solves the model alone needs them to be trees
        declare_connection(problem.model, groups.means.at(0), problem.core, problem.modes)
    return problem.model
