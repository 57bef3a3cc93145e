"""Reconfiguration for branch exchange: what a state is worth, which exchanges look good, where to start."""

from __future__ import annotations

import math
from collections.abc import Iterator

import networkx as nx
import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from adnflex.algorithms.branch_exchange import Move, Score
from adnflex.arrays import BoolArray, FloatArray
from adnflex.grid.flow import flow_of
from adnflex.grid.model import Grid
from adnflex.grid.state import Flow, GridState
from adnflex.grid.topology import Adjacency, Forest
from adnflex.problems.reconfiguration.objective import Objective, operations

Open = frozenset[int]

# Twice what the AC check forgives: a voltage [pu] and a loading [-] beyond a limit by more are no matter of rounding.
_CLEAR_PU = 2e-6
_CLEAR_LOADING = 2e-5


class ExchangeProblem:
    """Evaluates topologies of a grid by exact radial power flow.

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
        self._last: tuple[Open, Flow | None] | None = None

    def closed(self, state: Open) -> BoolArray:
        """States of all branches, from the open ones."""
        closed = np.ones(self.grid.m, dtype=bool)
        closed[list(state)] = False
        return closed

    def flow(self, state: Open) -> Flow | None:
        """Exact power flow of a state; the last one is kept."""
        if self._last is None or self._last[0] != state:
            self._last = state, flow_of(self.grid, self.closed(state), self.adjacency)
        return self._last[1]

    def radial(self, state: Open) -> bool:
        """Whether a state supplies every node without a loop."""
        return self.adjacency.forest(self.closed(state)) is not None

    def beyond(self, state: Open) -> float:
        """How many operations a state needs beyond those that are allowed."""
        return max(operations(self.grid, self.closed(state)) - self.max_operations, 0.0)

    def refuted(self, state: Open) -> bool:
        """Whether a state is shown to be no answer: not radial, or beyond a limit by more than the AC check forgives.

        A radial state whose power flow was not solved is not refuted.
        """
        if self.beyond(state):
            return True
        flow = self.flow(state)
        return not self.radial(state) if flow is None else _clearly_violates(self.grid, flow)

    def evaluate(self, state: Open) -> Score | None:
        """Violation of limits and objective, or None where there is no radial solution."""
        flow = self.flow(state)
        if flow is None:
            return None
        return Score(limit_violation(self.grid, flow) + self.beyond(state), self.objective.of_flow(self.grid, flow))

    def moves(self, state: Open) -> Iterator[Move]:
        """Every exchange of one open against one closed switchable branch of its loop.

        The estimate is the change of the losses if all load currents stayed as they are: shifting the loop
        current by the current of the opened branch changes them by ``R |I|² - 2 Re(I* Σ r I)``.
        """
        flow = self.flow(state)
        if flow is None:
            return
        g = self.grid
        for tie in sorted(state):
            loop, sign = loop_of(g, flow.forest, tie)
            shifted = flow.current[loop] * sign
            resistance = g.r[loop]
            total = resistance.sum() + g.r[tie]
            drop = (resistance * shifted).sum()
            # opening branch e moves the loop current by minus its own
            change = total * np.abs(shifted) ** 2 - 2 * (np.conj(shifted) * drop).real
            for k, branch in enumerate(loop.tolist()):
                if g.switchable[branch] and not self.required[branch]:
                    yield Move(float(change[k]), tie, branch)


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
    return np.where(total <= 1e-8, 0.0, total)


def _clearly_violates(grid: Grid, flow: Flow) -> bool:
    vm = np.sqrt(flow.v)
    volts = max(float(np.max(np.sqrt(grid.v_min) - vm)), float(np.max(vm - np.sqrt(grid.v_max))))
    over = float(np.max(flow.loadings(grid) - 1, initial=0.0)) if len(grid.ratings.limit) else 0.0
    return volts > _CLEAR_PU or over > _CLEAR_LOADING


def meshed_start(grid: Grid, required: BoolArray) -> Open:
    """Open the branch of least current in every loop of the meshed net, one after the other (Merlin and Back).

    The meshed flow is that of constant load currents through the resistances alone, which is the flow of
    least loss; after each opening it is solved again.
    """
    g = grid
    merged = np.where(np.isnan(g.root_v), np.arange(g.n), -1)
    unknown = np.flatnonzero(merged >= 0)
    position = np.full(g.n, -1)
    position[unknown] = np.arange(len(unknown))
    graph = nx.MultiGraph()
    graph.add_nodes_from(merged.tolist())
    graph.add_edges_from((int(merged[a]), int(merged[b]), k) for k, (a, b) in enumerate(zip(g.f, g.t, strict=True)))
    conductance = 1 / np.maximum(g.r, 1e-9 + 1e-3 * np.median(g.r[g.r > 0]) if (g.r > 0).any() else 1.0)
    load = (g.p - 1j * g.q)[unknown] + g.y[unknown]
    opened: set[int] = set()
    bridges = _bridge_keys(graph)
    while True:
        candidates = [k for k in range(g.m) if k not in opened and not required[k] and k not in bridges]
        if not candidates:
            return frozenset(opened)
        current = _resistive_flow(g, position, conductance, load, opened)
        best = min(candidates, key=lambda k: (abs(current[k]), k))
        opened.add(best)
        graph.remove_edge(int(merged[g.f[best]]), int(merged[g.t[best]]), best)
        bridges = _bridge_keys(graph)


def _bridge_keys(graph: nx.MultiGraph) -> set[int]:
    simple = nx.Graph(graph)
    simple.remove_edges_from(list(nx.selfloop_edges(simple)))
    found: set[int] = set()
    for a, b in nx.bridges(simple):
        keys = list(graph[a][b])
        if len(keys) == 1:
            found.add(keys[0])
    return found


def _resistive_flow(
    g: Grid, position: np.ndarray, conductance: FloatArray, load: np.ndarray, opened: set[int]
) -> np.ndarray:
    keep = np.ones(g.m)
    keep[list(opened)] = 0
    value = conductance * keep
    f, t = position[g.f], position[g.t]
    inside = (f >= 0) & (t >= 0)
    rows = np.concatenate([f[f >= 0], t[t >= 0], f[inside], t[inside]])
    cols = np.concatenate([f[f >= 0], t[t >= 0], t[inside], f[inside]])
    data = np.concatenate([value[f >= 0], value[t >= 0], -value[inside], -value[inside]])
    lu = splu(sparse.csc_matrix((data, (rows, cols)), shape=(len(load), len(load))))
    both = lu.solve(np.column_stack([load.real, load.imag]))
    potential = np.append(-(both[:, 0] + 1j * both[:, 1]), 0)
    return np.asarray(value * (potential[f] - potential[t]))
