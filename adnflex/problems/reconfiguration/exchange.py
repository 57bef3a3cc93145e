"""Reconfiguration for branch exchange: what a state is worth, and which exchanges look good."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from adnflex.algorithms.branch_exchange import Move, Score
from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.grid.flow import flow_of
from adnflex.grid.model import Grid
from adnflex.grid.state import Flow, GridState
from adnflex.grid.topology import Adjacency, Forest, closed_of
from adnflex.problems.reconfiguration.feeder_flow import Feeder, FeederTree
from adnflex.problems.reconfiguration.feeders import Feeders
from adnflex.problems.reconfiguration.loops import Loops
from adnflex.problems.reconfiguration.objective import Objective, measured

Open = frozenset[int]

# Twice what the AC check forgives: a voltage [pu] and a loading [-] beyond a limit by more are no matter of rounding.
_CLEAR_PU = 2e-6
_CLEAR_LOADING = 2e-5

# Violations below the accuracy of power flow are none.
_ACCURACY = 1e-8

# A voltage that no state has [pu]: an open branch whose charging is within its limit there is always within it.
_HIGHEST = 1.5


class ExchangeProblem:
    """Evaluates topologies of a grid by exact radial power flow, feeder by feeder.

    Parameters
    ----------
    grid : Grid
        The grid.
    objective : Objective
        What to minimise.
    required : (m,) array of bool
        Branches that stay closed.
    max_operations : int, optional
        Largest number of branches whose state changes.
    """

    def __init__(
        self, grid: Grid, objective: Objective, required: BoolArray, max_operations: int | None = None
    ) -> None:
        self.max_operations = math.inf if max_operations is None else max_operations
        self.grid = grid
        self.objective = objective
        self.required = required
        self.adjacency = Adjacency(grid)
        counted = measured(grid)
        self.feeders = Feeders(grid, self.adjacency, counted)
        self.present = frozenset(np.flatnonzero(~grid.closed).tolist())
        self._counted = max(int(counted.sum()), 1)
        self._loops = Loops(grid, self.feeders, required)
        self._idle_limits = _idle_limits(grid)
        self._last: tuple[Open, Flow | None] | None = None

    def closed(self, state: Open) -> BoolArray:
        """States of all branches, from the open ones."""
        return closed_of(self.grid, state)

    def flow(self, state: Open) -> Flow | None:
        """Exact power flow of a state; the last one is kept."""
        if self._last is None or self._last[0] != state:
            self._last = state, flow_of(self.grid, self.closed(state), self.adjacency)
        return self._last[1]

    def radial(self, state: Open) -> bool:
        """Whether a state supplies every node without a loop."""
        return self.feeders.of(state) is not None

    def beyond(self, state: Open) -> float:
        """How many operations a state needs beyond those that are allowed."""
        return max(len(state ^ self.present) - self.max_operations, 0.0)

    def refuted(self, state: Open) -> bool:
        """Whether a state is shown to be no answer: not radial, or beyond a limit by more than the AC check forgives.

        A radial state whose power flow was not solved is not refuted.
        """
        if self.beyond(state):
            return True
        parts = self._parts(state)
        if parts is None:
            return True
        clearly = any(f.worst_pu > _CLEAR_PU or f.worst_loading > _CLEAR_LOADING for f in parts)
        return clearly and all(f.solved for f in parts)

    def evaluate(self, state: Open) -> Score | None:
        """Violation of limits and objective, or None where there is no radial solution."""
        parts = self._parts(state)
        if parts is None or not all(f.solved for f in parts):
            return None
        # sums that do not depend on the order of the feeders
        loss, off, violation = (math.fsum(a) for a in zip(*((f.loss, f.off, f.violation) for f in parts), strict=True))
        count = len(state ^ self.present)
        value = self.objective.value(loss * self.grid.base_mva, count, off / self._counted / 2)
        return Score((violation if violation > _ACCURACY else 0.0) + self.beyond(state), value)

    def _parts(self, state: Open) -> list[Feeder] | None:
        """Feeders of a state and the roots; None where it is not radial."""
        found = self.feeders.of(state)
        if found is None:
            return None
        if self._idle_limits:
            return [_as_one(self.grid, self.flow(state))]
        return [*found.values(), self.feeders.roots]

    # -- exchanges -----------------------------------------------------------------------------------------------

    def moves(self, state: Open) -> Iterator[Move]:
        """Exchanges of one open against one closed switchable branch of its loop that may improve a state.

        The estimate is the change of the objective if all load currents stayed as they are (see `Loops`), with the
        operations as they are; with a weight on the voltage it orders, and nothing is left out by it.  Where limits are
        violated, an exchange between feeders without violation cannot mend that.
        """
        now = self.feeders.move_to(state)
        if now is None or not all(f.solved for f in now.values()):
            return
        weight = self.objective.losses * self.grid.base_mva or 1.0
        for tie in sorted(state):
            loop = self._loops.of(tie)
            if loop is None:
                continue
            every = self.objective.voltage > 0 or loop.violation > 0 or not self.objective.losses
            some = np.arange(len(loop.branch)) if every or self.objective.switching else loop.promising
            if not len(some):
                continue
            branch, able = loop.branch[some], self._allowed(state, tie, loop.branch[some])
            change = weight * loop.change[some] + self._operations(tie, branch)
            for k in np.flatnonzero(able).tolist():
                yield Move(float(change[k]), tie, int(branch[k]))

    def kick(self, state: Open, rng: np.random.Generator, near: Open) -> Move | None:
        """Draw any exchange between feeders that some branches have changed (of all, if none), the better ones rather.

        Returns None where the drawn branch has no exchange.
        """
        now = self.feeders.move_to(state)
        if now is None or not all(f.solved for f in now.values()):
            return None
        places = self.feeders.near(near)
        ties = [k for k in sorted(state) if not places or places & self.feeders.near([k])]
        if not ties:
            return None
        tie = ties[int(rng.integers(len(ties)))]
        loop = self._loops.of(tie)
        if loop is None:
            return None
        able = np.flatnonzero(self._allowed(state, tie, loop.branch))
        if not len(able):
            return None
        ranked = able[np.argsort(loop.change[able], kind="stable")]
        k = int(ranked[min(int(rng.exponential(len(ranked) / 3)), len(ranked) - 1)])
        return Move(float(loop.change[k]), tie, int(loop.branch[k]))

    def _operations(self, tie: int, branches: IntArray) -> FloatArray:
        """Change of the cost of operations by closing a branch and opening others."""
        closing = -1.0 if self.grid.closed[tie] else 1.0
        return np.asarray(self.objective.switching * (closing + np.where(self.grid.closed[branches], 1.0, -1.0)))

    def _allowed(self, state: Open, tie: int, branches: IntArray) -> BoolArray:
        """Whether exchanges keep the number of operations, or come closer to it."""
        left = self.max_operations - len(state ^ self.present)
        more = (-1 if self.grid.closed[tie] else 1) + np.where(self.grid.closed[branches], 1, -1)
        return np.asarray((more <= left) | (more < 0))


def loop_of(grid: Grid, tree: Forest, tie: int) -> tuple[np.ndarray, FloatArray]:
    """Branches of the loop that a tie closes, with +1 where they point along it (through the tie from f to t)."""
    a, b = int(grid.t[tie]), int(grid.f[tie])
    branches: list[int] = []
    signs: list[float] = []
    # walk both ends up to their common ancestor (or to their roots)
    depth, parent, up, away = tree.depth, tree.parent, tree.branch, tree.away
    while a != b:
        if depth[a] == 0 and depth[b] == 0:
            break
        if depth[a] >= depth[b]:
            # from t towards the root: along the loop, against the branch if it points away from the root
            branches.append(int(up[a]))
            signs.append(-1.0 if away[a] else 1.0)
            a = int(parent[a])
        else:
            branches.append(int(up[b]))
            signs.append(1.0 if away[b] else -1.0)
            b = int(parent[b])
    return np.array(branches, dtype=np.int64), np.array(signs)


def _idle_limits(grid: Grid) -> bool:
    """Whether the charging of a branch that is open may be beyond a limit, which is a matter of no feeder alone."""
    rated = grid.ratings
    idle = np.where(
        rated.at_from, np.abs(grid.open_from / grid.ratio)[rated.branch], np.abs(grid.open_to)[rated.branch]
    )
    return bool(np.any(idle * _HIGHEST > rated.limit))


def _as_one(grid: Grid, flow: Flow | None) -> Feeder:
    """Measure a whole state as if it were one feeder."""
    nothing = FeederTree((), [], [], [], [])
    if flow is None:
        return Feeder(nothing, False, np.zeros(0, dtype=complex))
    vm = np.sqrt(flow.v)
    beyond = np.maximum(np.sqrt(grid.v_min) - vm, vm - np.sqrt(grid.v_max))
    over = flow.loadings(grid) - 1
    return Feeder(
        nothing,
        True,
        flow.current,
        loss=float(flow.loss),
        violation=limit_violation(grid, flow),
        worst_pu=float(beyond.max()),
        worst_loading=float(over.max(initial=-1.0)),
        off=float(np.abs(flow.v - 1)[measured(grid)].sum()),
    )


def limit_violation(grid: Grid, flow: GridState) -> float:
    """Sum of all violated voltage limits [pu] and relative overloads [-]; 0 where every limit is met."""
    return float(limit_violations(grid, flow))


def limit_violations(grid: Grid, states: GridState) -> FloatArray:
    """Of each of many states: the sum of all violated voltage limits [pu] and relative overloads [-]."""
    vm = np.sqrt(states.v)
    total = (np.maximum(np.sqrt(grid.v_min) - vm, 0) + np.maximum(vm - np.sqrt(grid.v_max), 0)).sum(axis=-1)
    if len(grid.ratings.limit):
        total = total + np.maximum(states.loadings(grid) - 1, 0).sum(axis=-1)
    # differences below the accuracy of power flow are no violation; without a state there is no number
    return np.where(total <= _ACCURACY, 0.0, total)
