r"""The best sequence of topologies of all that there are, where a grid has few enough of them.

Where the present states are the first ones, a sequence of so many operations never is further from them than that: then
only the radial states within the budget are listed, which are few on large grids too.

What each radial state costs in each window is exact where a window is one point, and else bounded by the window's mean
(Jensen, where its multipliers prove that its cones are exact).  The cheapest sequence over all states
(`adnflex.algorithms.exchange_sequences`) is a bound; its states are run at every point, and so on until it holds.
"""

from __future__ import annotations

import math
import time
from typing import NamedTuple, Self

import numpy as np

from adnflex.algorithms.exchange_sequences import ExchangeSequences
from adnflex.algorithms.workers import worker_pool
from adnflex.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from adnflex.formulations.bounds import compute_bounds
from adnflex.formulations.tree_multipliers import cones_are_exact
from adnflex.grid.topology import closed_of_each
from adnflex.grid.tree_flows import TreeFlows, TreesAt
from adnflex.grid.trees import Trees, TreeSums
from adnflex.knobs import Effort
from adnflex.problems.clock import Deadline
from adnflex.problems.multi_period.listed_states import all_states, states_within
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
    budget : int, optional
        Operations that no state listed is further from the present ones; None: all states are listed.
    """

    def __init__(self, search: WindowSearch, opened: IntArray, costs: FloatArray, budget: int | None = None) -> None:
        self.search, self.opened, self.costs, self.budget = search, opened, costs, budget
        self.known = np.zeros(len(opened), dtype=bool)
        self._by_operations: list[float] = []
        switching, grid = search.switching, search.points.grid
        closed = closed_of_each(grid, opened)
        free = switching.start == "free"
        first = np.zeros(len(opened), np.int64) if free else np.count_nonzero(closed != grid.closed, axis=1)
        self.sequences = ExchangeSequences(opened, grid.m, first, switching.switching_cost)

    @classmethod
    def of(cls, search: WindowSearch, effort: Effort, clock: Deadline, *, whole: bool = False) -> Self | None:
        """Value all states that may be in a sequence; None where they are too many for the time that is left.

        Parameters
        ----------
        search : WindowSearch
            What was seen, with price and budget.
        effort, clock : Effort, Deadline
            Workers, and the time that is left.
        whole : bool
            Whether states beyond the budget are wanted too.
        """
        grid, most = search.points.grid, min(_STATES, _VALUES // search.points.windows)
        opened = all_states(grid, search.required, most)
        switching, budget = search.switching, None
        if switching.start == "present" and switching.max_operations is not None and not whole:
            budget = switching.max_operations
            opened = states_within(grid, search.required, budget, most, opened)
        costs = None if opened is None or not len(opened) else _Costs(search.points).by_window(opened, effort, clock)
        return None if opened is None or costs is None else cls(search, opened, costs, budget)

    @property
    def what(self) -> str:
        """What the states are, in words."""
        within = "" if self.budget is None else f" within {self.budget} operations"
        return f"all {len(self.opened):,} radial states{within}"

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
        told = _TOLD if self.budget is None else min(_TOLD, self.budget)
        if self._layers(told) == told:
            found = self.sequences.solve_each(self.costs, told)
            for _, path in found:
                self._run(path)
            self._by_operations = [value for value, _ in found]

    def least(self, most: int | None) -> float:
        """Return the bound with at most so many operations; that of any number where it is not told apart.

        -inf where states are left out that so many operations reach.
        """
        if self.budget is not None and (most is None or most > self.budget):
            return -math.inf
        if most is not None and most < len(self._by_operations):
            return self._by_operations[most]
        return self.sequences.solve(self.costs)[0]

    def fewest(self, clock: Deadline) -> int | None:
        """Return the least number of operations that keeps every limit; None where there is none, or no time.

        Of all states only: within a budget none may be enough.
        """
        if self.solved(None, clock, math.inf)[1] is None:
            return None
        most = 0
        while (most + 1) * self.costs.size <= _KEPT and not clock.spent:
            if self.solved(most, clock, math.inf)[1] is not None:
                return most
            most += 1
        return None


class LeastViolations(NamedTuple):
    """Which radial states break limits least.

    Attributes
    ----------
    sums : (T,) array
        Least sum of violations at every point; inf where no state has a power flow.
    states : list of frozenset of int
        A state that has it, at every point.
    number : int
        How many states were looked at: all that there are.
    """

    sums: FloatArray
    states: list[Open]
    number: int


def least_violations(points: Points, required: BoolArray) -> LeastViolations | None:
    """Look which of all radial states breaks limits least at every point; None where these are many."""
    opened = all_states(points.grid, required, _LOOKED_AT // len(points))
    if opened is None or not len(opened):
        return None
    closed = closed_of_each(points.grid, opened)
    flows = TreeFlows(points.grid)
    least, which = np.full(len(points), np.inf), np.zeros(len(points), dtype=np.int64)
    for at in range(0, len(opened), flows.width):
        trees = flows.grown(closed[at : at + flows.width])
        for t in range(len(points)):
            state = flows.at(trees, points.p[t], points.q[t], points.y[t]).state
            with np.errstate(invalid="ignore"):
                found = limit_violations(points.grid, state)
            found = np.where(np.isfinite(state.loss), found, np.inf)
            if found.min() < least[t]:
                least[t], which[t] = found.min(), at + int(found.argmin())
    return LeastViolations(least, [frozenset(row) for row in opened[which].tolist()], len(opened))


class _Costs:
    """What states cost at least in every window; holds arrays only, so that it travels to other processes.

    Parameters
    ----------
    points : Points
        The points.
    """

    def __init__(self, points: Points) -> None:
        self.points = points
        self.flows, self.patient = TreeFlows(points.grid, _ENOUGH, _STEPS), TreeFlows(points.grid)
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
            return np.where(self._broken(at) | self._without(at, p, q, y), np.inf, worth * lost)
        return np.asarray(worth * lost)

    def _without(self, at: TreesAt, p: FloatArray, q: FloatArray, y: ComplexArray) -> BoolArray:
        """Whether states have no power flow however long it is iterated, as `WindowSearch.costs` has it too."""
        found = ~np.isfinite(at.loss)
        odd = np.flatnonzero(found)
        if len(odd):
            again = self.patient.at(self.patient.grown(at.trees.closed[odd]), p, q, y)
            found[odd] = ~np.isfinite(again.loss)
        return found

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
