"""What topologies are worth at many operating points, by exact radial power flow; nothing is worked out twice."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from adnflex.algorithms.branch_exchange import Move
from adnflex.arrays import BoolArray, FloatArray
from adnflex.grid.flow import RadialFlow
from adnflex.grid.state import Flow
from adnflex.grid.topology import Adjacency, closed_of
from adnflex.problems.multi_period.points import Points
from adnflex.problems.reconfiguration.exchange import limit_violations, loop_of

Open = frozenset[int]


@dataclass(frozen=True)
class Evaluation:
    """What a topology is at every point.

    Attributes
    ----------
    loss_mw : (T,) array
        Active losses [MW]; inf where power flow has no solution.
    violation : (T,) array
        Sum of violated voltage limits [pu] and relative overloads; 0 where every limit is met.
    """

    loss_mw: FloatArray
    violation: FloatArray


class Evaluator:
    """Evaluates topologies at some points.

    Parameters
    ----------
    points : Points
        The points.
    required : (m,) array of bool
        Branches that stay closed.
    """

    def __init__(self, points: Points, required: BoolArray) -> None:
        self.points, self.required = points, required
        self.grid = points.grid
        self._adjacency = Adjacency(self.grid)
        self._known: dict[Open, Evaluation | None] = {}
        self._moves: dict[Open, tuple[list[tuple[int, int]], FloatArray]] = {}

    def seen(self) -> list[Open]:
        """List the states that were evaluated."""
        return list(self._known)

    def tree(self, state: Open) -> RadialFlow | None:
        """Return the tree of a state, None where it is none."""
        forest = self._adjacency.forest(closed_of(self.grid, state))
        return None if forest is None else RadialFlow(self.grid, forest)

    def __call__(self, state: Open) -> Evaluation | None:
        """Evaluate a state; None where it is not radial."""
        if state not in self._known:
            self._known[state] = self.fresh(state)
        return self._known[state]

    def fresh(self, state: Open) -> Evaluation | None:
        """Evaluate a state that nobody asks for again; None where it is not radial."""
        tree = self.tree(state)
        if tree is None:
            return None
        losses, violations = [], []
        for _, flow in self.flows(tree):
            with np.errstate(invalid="ignore"):
                violated = limit_violations(self.grid, flow)
            solved = np.isfinite(flow.loss)
            losses.append(np.where(solved, flow.loss * self.grid.base_mva, np.inf))
            violations.append(np.where(solved, violated, np.inf))
        return Evaluation(np.concatenate(losses), np.concatenate(violations))

    def flows(self, tree: RadialFlow) -> Iterator[tuple[slice, Flow]]:
        """Solve the points of a tree, some at a time; NaN where there is no solution."""
        return tree.blocks(self.points.p, self.points.q, self.points.y)

    def moves(self, state: Open, weight: FloatArray) -> list[Move]:
        """List every exchange of one open against one closed branch of its loop, with what it is expected to change.

        The estimate is that of `adnflex.problems.reconfiguration.exchange.ExchangeProblem.moves`, summed over the
        points by their weights.
        """
        if state not in self._moves:
            self._moves[state] = self._exchanges(state)
        pairs, change = self._moves[state]
        return [Move(float(e), close, open_) for e, (close, open_) in zip(weight @ change, pairs, strict=True)]

    def _exchanges(self, state: Open) -> tuple[list[tuple[int, int]], FloatArray]:
        """Branches to close and to open, and what each exchange changes at each point (T, moves)."""
        tree, points, g = self.tree(state), self.points, self.grid
        pairs: list[tuple[int, int]] = []
        changes: list[FloatArray] = []
        if tree is None:
            return pairs, np.zeros((len(points), 0))
        flow = tree.solve_many(points.p, points.q, points.y)
        currents = np.nan_to_num(flow.current)
        for tie in sorted(state):
            loop, sign = loop_of(g, tree.forest, tie)
            shifted = currents[:, loop] * sign
            total = g.r[loop].sum() + g.r[tie]
            drop = (g.r[loop] * shifted).sum(axis=1, keepdims=True)
            change = total * np.abs(shifted) ** 2 - 2 * (np.conj(shifted) * drop).real
            allowed = np.flatnonzero(g.switchable[loop] & ~self.required[loop])
            pairs += [(tie, int(loop[k])) for k in allowed]
            changes.append(change[:, allowed])
        return pairs, np.concatenate(changes, axis=1) if changes else np.zeros((len(points), 0))
