r"""The best sequence of topologies of all that there are, where a grid has few enough of them.

What each radial state costs in each window is exact where a window is one point, and else bounded by the window's mean
(Jensen, where its multipliers prove that its cones are exact).  The cheapest sequence over all states
(`adnflex.algorithms.exchange_sequences`) is a bound; its states are run at every point, and so on until it holds.
"""

from __future__ import annotations

import math
import time
from itertools import product
from typing import Self

import numpy as np

from adnflex.algorithms.exchange_sequences import ExchangeSequences
from adnflex.algorithms.spanning_trees import count_spanning_trees, spanning_trees
from adnflex.algorithms.workers import worker_pool
from adnflex.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from adnflex.formulations.bounds import compute_bounds
from adnflex.formulations.modes import openable
from adnflex.formulations.tree_multipliers import cones_are_exact
from adnflex.grid.core import contract
from adnflex.grid.model import Grid
from adnflex.grid.topology import closed_of_each
from adnflex.grid.tree_flows import TreeFlows, TreesAt
from adnflex.grid.trees import Trees, TreeSums
from adnflex.knobs import Effort
from adnflex.problems.clock import Deadline
from adnflex.problems.multi_period.points import Points
from adnflex.problems.multi_period.search import WindowSearch
from adnflex.problems.multi_period.sequence import Sequence
from adnflex.problems.reconfiguration.exchange import limit_violations

Open = frozenset[int]

# States that are listed, states times windows that are valued, and numbers that a backtracking keeps.
_STATES, _VALUES, _KEPT = 100_000, 4_000_000, 40_000_000

# States times points that are looked at to say how far limits are from what can be.
_LOOKED_AT = 50_000

# Numbers of operations that are bounded one by one.
_TOLD = 20

# Part of the time left that valuing them may take, as foreseen by the first ones.
_SHARE = 0.6

# Change of a voltage and steps at which a power flow ends that only bounds [pu]; what that may add to losses (share);
# violations that it shows clearly.
_ENOUGH, _STEPS, _ROUNDING, _CLEAR = 1e-9, 60, 1e-7, 1e-6

# Seconds for which one process works alone.
_PATIENCE = 0.5


def all_states(grid: Grid, required: BoolArray, most: int) -> IntArray | None:
    """Open branches of every radial state (N, j), each row in order; None where they are more than so many.

    Parameters
    ----------
    grid : Grid
        The grid.
    required : (m,) array of bool
        Branches that stay closed.
    most : int
        How many are listed at most.
    """
    core, roots = contract(grid), set(grid.roots.tolist())
    names = {j: k + 1 for k, j in enumerate(core.junctions)}
    ends = [tuple(0 if v in roots else names[v] for v in (c.nodes[0], c.nodes[-1])) for c in core.chains]
    able = openable(core, np.flatnonzero(~required).tolist())
    edges = [(a, b) for a, b in ends]
    closed = [c for c, part in enumerate(able) if not part]
    # a chain left out counts as often as it may be open; one that stays closed joins its ends
    merged = _merged(len(names) + 1, [edges[c] for c in closed])
    free = [c for c, part in enumerate(able) if part]
    reduced = [(merged[edges[c][0]], merged[edges[c][1]]) for c in free]
    counts = [float(len(able[c])) for c in free]
    nodes = max(merged, default=0) + 1
    number = math.exp(sum(math.log(k) for k in counts)) * count_spanning_trees(nodes, reduced, [1 / k for k in counts])
    if number > most + 0.5:
        return None
    found = []
    for out in spanning_trees(len(names) + 1, edges, closed):
        found += list(product(*([core.chains[c].branches[i] for i in able[c]] for c in out)))
    return np.sort(np.array(found, dtype=np.int64).reshape(len(found), -1), axis=1)


def _merged(n: int, joined: list[tuple[int, int]]) -> list[int]:
    """Join nodes by edges, and number what is left."""
    group = list(range(n))
    for a, b in joined:
        old, new = group[a], group[b]
        group = [new if g == old else g for g in group]
    names = {g: k for k, g in enumerate(dict.fromkeys(group))}
    return [names[g] for g in group]


class AllSequences:
    """Bounds of sequences over all radial states.

    Parameters
    ----------
    search : WindowSearch
        What was seen, with price and budget; what is found is added to its pool.
    opened : (N, j) array of int
        All radial states.
    costs : (W, N) array
        What each costs at least in each window.
    """

    def __init__(self, search: WindowSearch, opened: IntArray, costs: FloatArray) -> None:
        self.search, self.opened, self.costs = search, opened, costs
        self.known = np.zeros(len(opened), dtype=bool)
        self._by_operations: list[float] = []
        switching, grid = search.switching, search.points.grid
        closed = closed_of_each(grid, opened)
        free = switching.start == "free"
        first = np.zeros(len(opened), np.int64) if free else np.count_nonzero(closed != grid.closed, axis=1)
        self.sequences = ExchangeSequences(opened, grid.m, first, switching.switching_cost)

    @classmethod
    def of(cls, search: WindowSearch, effort: Effort, clock: Deadline) -> Self | None:
        """Value all states; None where they are too many for the time that is left."""
        windows = search.points.windows
        opened = all_states(search.points.grid, search.required, min(_STATES, _VALUES // windows))
        costs = None if opened is None or not len(opened) else _Costs(search.points).by_window(opened, effort, clock)
        return None if opened is None or costs is None else cls(search, opened, costs)

    def solved(self, most: int | None, clock: Deadline, gap: float) -> tuple[float, Sequence | None]:
        """Return the bound with so many operations, and the best sequence that was run at every point."""
        best: Sequence | None = None
        bound, fresh = 0.0, True
        while fresh and not clock.spent:
            bound, path = self.sequences.solve(self.costs, self._layers(most))
            fresh = self._run(path)
            if path and np.isfinite(self.costs[range(len(path)), path]).all():
                found = self.search.sequence([frozenset(self.opened[k].tolist()) for k in path])
                within = most is None or found.operations <= most
                best = found if within and (best is None or found.objective < best.objective) else best
            if best is not None and best.objective - bound <= gap * abs(best.objective):
                break
        return bound, best

    def _run(self, path: list[int]) -> bool:
        """Run the states of a sequence at every point; False where all of them were."""
        fresh = [k for k in dict.fromkeys(path) if not self.known[k]]
        for k in fresh:
            state = frozenset(self.opened[k].tolist())
            self.search.favoured[state] = None
            exact = self.search.costs(self.search.exact, state)
            self.costs[:, k], self.known[k] = np.maximum(self.costs[:, k], exact), True
        return bool(fresh)

    def _layers(self, most: int | None) -> int | None:
        """Operations that are counted; not more than any sequence has, and than there is room for."""
        windows, (count, ties) = len(self.costs), self.opened.shape
        if most is None or most >= 2 * ties * (windows - 1) + int(self.sequences.first.max(initial=0)):
            return None
        return None if (most + 1) * windows * count > _KEPT else most

    def tell(self) -> None:
        """Bound sequences of few operations too, and give the best of each to the search."""
        if self._layers(_TOLD) == _TOLD:
            found = self.sequences.solve_each(self.costs, _TOLD)
            for _, path in found:
                self._run(path)
            self._by_operations = [value for value, _ in found]

    def least(self, most: int | None) -> float:
        """Return the bound with at most so many operations; that of any number where it is not told apart."""
        if most is not None and most < len(self._by_operations):
            return self._by_operations[most]
        return self.sequences.solve(self.costs)[0]

    def fewest(self, clock: Deadline) -> int | None:
        """Return the least number of operations that keeps every limit; None where there is none, or no time."""
        if self.solved(None, clock, math.inf)[1] is None:
            return None
        most = 0
        while (most + 1) * self.costs.size <= _KEPT and not clock.spent:
            if self.solved(most, clock, math.inf)[1] is not None:
                return most
            most += 1
        return None


def least_violations(points: Points, required: BoolArray) -> tuple[FloatArray, int] | None:
    """Least sum of violations of all radial states at every point (T,), and how many these are.

    None where they are many; inf where no state has a power flow.
    """
    opened = all_states(points.grid, required, _LOOKED_AT // len(points))
    if opened is None or not len(opened):
        return None
    closed = closed_of_each(points.grid, opened)
    flows = TreeFlows(points.grid)
    least = np.full(len(points), np.inf)
    for at in range(0, len(opened), flows.width):
        trees = flows.grown(closed[at : at + flows.width])
        for t in range(len(points)):
            state = flows.at(trees, points.p[t], points.q[t], points.y[t]).state
            with np.errstate(invalid="ignore"):
                found = limit_violations(points.grid, state)
            least[t] = min(least[t], np.where(np.isfinite(state.loss), found, np.inf).min())
    return least, len(opened)


class _Costs:
    """What states cost at least in every window; holds arrays only, so that it travels to other processes.

    Parameters
    ----------
    points : Points
        The points.
    """

    def __init__(self, points: Points) -> None:
        self.points = points
        self.flows = TreeFlows(points.grid, _ENOUGH, _STEPS)
        limits = points.grid.v_min, points.grid.v_max
        self.low, self.high = (np.sqrt(part)[:, None] for part in limits)

    def by_window(self, opened: IntArray, effort: Effort, clock: Deadline) -> FloatArray | None:
        """Return them (W, N); None as soon as it is foreseen that the time will not be enough."""
        width = self.flows.width
        tasks = [opened[at : at + width] for at in range(0, len(opened), width)]
        begin, share = time.monotonic(), _SHARE * clock.left
        found: list[FloatArray] = []
        with worker_pool(self, effort.executor, effort.workers, _PATIENCE) as crew:
            for part in crew.in_order(tasks):
                found.append(part)
                spent = time.monotonic() - begin
                left = len(tasks) - len(found)
                if clock.spent or (left and len(found) > 1 and spent + left * spent / len(found) > share):
                    return None
        return np.concatenate(found, axis=1)

    def __call__(self, opened: IntArray) -> FloatArray:
        """Return what some states cost at least in every window (W, B)."""
        trees = self.flows.grown(closed_of_each(self.points.grid, opened))
        rows = [np.flatnonzero(self.points.window == w) for w in range(self.points.windows)]
        return np.stack([self._window(trees, part) for part in rows])

    def _window(self, trees: Trees, rows: IntArray) -> FloatArray:
        points, weight = self.points, self.points.weight[rows]
        worth = float(weight.sum()) * points.grid.base_mva
        if len(rows) > 1 and (worth == 0 or (points.y[rows] != points.y[rows[0]]).any()):
            return np.zeros(len(trees.closed))
        share = weight / weight.sum() if worth > 0 else np.ones(1)
        p, q, y = share @ points.p[rows], share @ points.q[rows], points.y[rows[0]]
        at = self.flows.at(trees, p, q, y)
        lost = at.loss * (1 - _ROUNDING)
        exact = np.isfinite(lost) if len(rows) == 1 else cones_are_exact(at)
        if not exact.all():
            lost = np.where(exact, lost, self._lossless(at, p, q, y))
        if len(rows) == 1:
            return np.where(self._broken(at), np.inf, worth * lost)
        return np.asarray(worth * lost)

    def _broken(self, at: TreesAt) -> BoolArray:
        """Whether states break a limit, clearly; one that was not solved is not said to."""
        with np.errstate(invalid="ignore"):
            if self._may_overload(at):
                total = limit_violations(self.points.grid, at.state)
            else:
                vm = at.vm
                total = (np.maximum(self.low - vm, 0) + np.maximum(vm - self.high, 0)).sum(axis=0)
            return np.asarray(total > _CLEAR)

    def _may_overload(self, at: TreesAt) -> bool:
        """Whether all that nodes draw together, which no branch exceeds, is more than the smallest rating."""
        limits = self.points.grid.ratings.limit
        if not len(limits):
            return False
        drawn = np.nansum(np.abs(at.power / at.volt) + np.abs(at.shunt * at.volt), axis=0)
        return bool(drawn.max() * np.abs(at.trees.turn).max() >= limits.min())

    def _lossless(self, at: TreesAt, p: FloatArray, q: FloatArray, y: ComplexArray) -> FloatArray:
        """Losses of flows without losses, which bound them where power only flows down and voltages only fall."""
        grid = self.points.grid.replace(p=p, q=q, y=y)
        sums = TreeSums(at.trees, np.arange(len(at.trees.closed)))
        if not compute_bounds(grid).falling.all():
            return np.zeros(sums.count)
        flow = sums.below(sums.placed(np.broadcast_to(at.power, at.volt.shape)))
        series = sums.placed(at.trees.z).real * np.abs(flow) ** 2 / sums.placed(at.trees.start) ** 2
        return np.asarray(series.sum(axis=0) * (1 - _ROUNDING))
