"""The directed chain hull for several operating points: a copy of the flow each, one set of modes."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyomo.environ as pyo

from adnflex.algorithms.spanning_trees import count_spanning_trees, spanning_trees
from adnflex.formulations.directed import declare_flows, declare_modes
from adnflex.formulations.directed_planes import find_planes
from adnflex.formulations.ledger import Ledger
from adnflex.formulations.modes import modes_of, openable
from adnflex.grid.core import contract
from adnflex.grid.flow import RadialFlow
from adnflex.grid.topology import must_close
from adnflex.problems.multi_period.model import bounds_of_means
from adnflex.problems.multi_period.points import Groups, Points
from adnflex.problems.reconfiguration.directed import DirectedReconfiguration
from adnflex.problems.reconfiguration.objective import Objective
from adnflex.solvers.conic import compile_model

Open = frozenset[int]


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
    planes, caps = [], []
    for k, rows in enumerate(groups.members):
        mean, good = means.at(k), near[k] if np.isfinite(near[k]).all() else None
        # nothing in the objective is negative, so that the losses of a point are at most what the whole costs
        caps.append(cap / weights[k] if weights[k] > 0 else np.inf)
        spread = bounds_of_means(mean, points, rows)
        planes.append(find_planes(mean, spread, core, openable(core, free.tolist()), caps[k], good))
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


class ModeTrees:
    """Radial states that some modes leave, or a few more: senses of closed chains are not looked at.

    Parameters
    ----------
    problem : DirectedReconfiguration
        The model.
    """

    def __init__(self, problem: DirectedReconfiguration) -> None:
        roots = set(problem.grid.roots.tolist())
        core = problem.core
        names = {j: k + 1 for k, j in enumerate(core.junctions)}
        self.n = len(names) + 1
        self.ends = [
            tuple(0 if j in roots else names[j] for j in (chain.nodes[0], chain.nodes[-1])) for chain in core.chains
        ]
        self.positions: list[list[tuple[int, int]]] = [[] for _ in core.chains]
        self.closable: list[list[int]] = [[] for _ in core.chains]
        for i, mode in enumerate(problem.modes):
            if mode.kind == 0:
                self.positions[mode.chain].append((i, core.chains[mode.chain].branches[mode.at]))
            else:
                self.closable[mode.chain].append(i)

    def few(self, allowed: np.ndarray, most: float) -> list[Open] | None:
        """Return the open branches of every state, where there are at most so many; else None."""
        left = [[k for i, k in part if allowed[i]] for part in self.positions]
        shut = [any(allowed[i] for i in part) for part in self.closable]
        always = [k for k, c in zip(left, shut, strict=True) if not c]
        either = [c for c in range(len(left)) if shut[c] and left[c]]
        never = [c for c in range(len(left)) if shut[c] and not left[c]]
        group = list(range(self.n))
        for c in never:
            a, b = (self._find(group, v) for v in self.ends[c])
            if a == b:
                return []
            group[a] = b
        edges = [(self._find(group, self.ends[c][0]), self._find(group, self.ends[c][1])) for c in either]
        names = {v: k for k, v in enumerate(dict.fromkeys(self._find(group, j) for j in range(self.n)))}
        edges = [(names[a], names[b]) for a, b in edges]
        if self._count(len(names), edges, [len(left[c]) for c in either], always) > most:
            return None
        return list(self._states(len(names), edges, [left[c] for c in either], always))

    @staticmethod
    def _find(group: list[int], node: int) -> int:
        while group[node] != node:
            node = group[node]
        return node

    @staticmethod
    def _count(n: int, edges: list[tuple[int, int]], sizes: list[int], always: list[list[int]]) -> float:
        """Count by the weighted matrix-tree theorem: an edge left out counts as often as it may be open."""
        product = float(np.prod([float(s) for s in sizes] + [float(len(part)) for part in always]))
        return product * count_spanning_trees(n, edges, [1.0 / s for s in sizes])

    @staticmethod
    def _states(n: int, edges: list[tuple[int, int]], left: list[list[int]], always: list[list[int]]) -> Iterator[Open]:
        for out in spanning_trees(n, edges):
            parts = [*always, *(left[e] for e in out)]
            for chosen in itertools.product(*parts):
                yield frozenset(chosen)
