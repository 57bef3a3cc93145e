"""All radial states within a budget of operations, each by exact power flow: a proof where they are few.

The states are counted before they are run, and no model is needed. A state whose power flow has no solution that was
found is no answer, but also no proof: it counts as refuted only where what it loses without losses, or the voltage that
it has without them, shows so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import islice

import numpy as np

from adnflex.algorithms.branch_and_bound import Outcome
from adnflex.algorithms.near_trees import exchanges
from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.grid.model import Grid
from adnflex.grid.topology import Forest
from adnflex.problems.reconfiguration.exchange import ExchangeProblem, loop_of
from adnflex.problems.reconfiguration.meshed import nearest_tree
from adnflex.problems.reconfiguration.radial_search import Incumbent
from adnflex.problems.reconfiguration.tree_values import TreeValues

Open = frozenset[int]

# States times nodes that are run rather than searched: about as long as building a model and a few relaxations.
_FEW = 400_000


def loops_beside(grid: Grid, forest: Forest, ties: Open, required: BoolArray) -> dict[int, list[int]]:
    """By each open branch: the branches on the loop that it would close which may be opened instead."""
    may = grid.switchable & ~required
    return {tie: [k for k in loop_of(grid, forest, tie)[0].tolist() if may[k]] for tie in sorted(ties)}


def states_near(grid: Grid, forest: Forest, state: Open, required: BoolArray, most: int) -> Iterator[Open]:
    """Yield every radial state that is at most so many exchanges from a radial one, each once, the nearest first.

    Parameters
    ----------
    grid : Grid
        The grid.
    forest : Forest
        That of `state`.
    state : frozenset of int
        Its open branches.
    required : (m,) array of bool
        Branches that stay closed.
    most : int
        Exchanges of one open against one closed branch.
    """
    loops = loops_beside(grid, forest, state, required)
    for count in range(min(most, len(loops)) + 1):
        for ties, out in exchanges(loops, count):
            yield (state - set(ties)) | set(out)


def list_near(
    grid: Grid, forest: Forest, nearest: Open, required: BoolArray, budget: int, most: int
) -> IntArray | None:
    """Open branches (N, j) of every state within so many operations and some beyond; None where they are many.

    Parameters
    ----------
    grid, required
        As in `states_near`.
    forest : Forest
        That of `nearest`.
    nearest : frozenset of int
        Open branches of a radial state as near to the present ones as any.
    budget : int
        Operations from the present states.
    most : int
        How many are listed at most.
    """
    present = frozenset(np.flatnonzero(~grid.closed).tolist())
    # a state of so many operations is at most so many exchanges from the nearest one
    states = states_near(grid, forest, nearest, required, (budget + len(nearest ^ present)) // 2)
    found = [sorted(state) for state in islice(states, most + 1)]
    return None if len(found) > most else np.array(found, dtype=np.int64).reshape(len(found), -1)


class NearStates:
    """The radial states of a grid by their number of operations.

    Parameters
    ----------
    exchange : ExchangeProblem
        The problem, with its budget.

    Attributes
    ----------
    nearest : frozenset of int
        Open branches of a radial state as near to the present one as any.
    least : int
        Its operations: no radial state that supplies every node has fewer.
    """

    def __init__(self, exchange: ExchangeProblem) -> None:
        self.exchange, self.grid = exchange, exchange.grid
        self.present = frozenset(np.flatnonzero(~self.grid.closed).tolist())
        radial = exchange.radial(self.present)
        self.nearest = self.present if radial else nearest_tree(self.grid, exchange.required)
        self.least = len(self.nearest ^ self.present)

    @cached_property
    def most(self) -> int:
        """Operations of a radial state as far from the present one as any."""
        return len(nearest_tree(self.grid, self.exchange.required, far=True) ^ self.present)

    def fewest(self, best: Incumbent, stop: Callable[[], bool]) -> tuple[int, Outcome | None]:
        """Return how many operations no state has that meets every limit, and the best one of the next number.

        None where the states of that number are many, time is over or one is not decided.
        """
        for budget in range(self.least, self.most + 1, 2):
            outcome = self.run(best, stop, budget)
            if outcome is None or (best.state is not None and len(best.state ^ self.present) <= budget):
                return budget, outcome
        return self.most, Outcome("infeasible", None, np.inf, np.inf, 0)

    def run(self, best: Incumbent, stop: Callable[[], bool], budget: float | None = None) -> Outcome | None:
        """Run every state within the budget; None where they are many, time is over or one is not decided.

        Parameters
        ----------
        best : Incumbent
            The best state so far; improved.
        stop : callable
            Asked now and then.
        budget : int, optional
            By default that of the problem.
        """
        most = self.exchange.max_operations if budget is None else budget
        if most < self.least:
            return Outcome("infeasible", None, np.inf, np.inf, 0)
        if not np.isfinite(most):
            return None
        states = self._states(int(most))
        if states is None:
            return None
        values = TreeValues(self.grid, self.exchange.objective, most)
        odd = list[IntArray]()
        for part, found in values.blocks(states):
            # the first state is the nearest one
            if part.start and stop():
                return None
            self._offer(states[part], found, best)
            odd += list(states[part][np.isnan(found)])
        if not all(values.refuted(state, best.value) for state in odd):
            return None
        done = len(states)
        return Outcome("infeasible" if best.state is None else "optimal", best.state, best.value, best.value, done)

    def ranked(self, cutoff: float, stop: Callable[[], bool]) -> tuple[list[Open], FloatArray, bool] | None:
        """Return all states that meet every limit and the budget by their values, the least first; None where many.

        Parameters
        ----------
        cutoff : float
            States without power flow that are shown to be worth more than this are none.
        stop : callable
            Asked now and then.

        Returns
        -------
        (list of frozenset of int, array, bool)
            Open branches, values, and whether there is certainly no other state that is worth less than the cutoff.
        """
        most = self.exchange.max_operations
        states = self._states(int(most) if np.isfinite(most) else self.most)
        if states is None or not len(states):
            return None
        values = TreeValues(self.grid, self.exchange.objective, most)
        found = np.full(len(states), np.inf)
        for part, worth in values.blocks(states):
            if stop():
                return None
            found[part] = worth
        whole = all(values.refuted(state, cutoff) for state in states[np.isnan(found)])
        order = [k for k in np.argsort(found, kind="stable").tolist() if found[k] < np.inf]
        return [frozenset(states[k].tolist()) for k in order], found[order], whole

    def _offer(self, states: IntArray, values: FloatArray, best: Incumbent) -> None:
        """Let the best of some states be the incumbent, if it is one."""
        first = int(np.nan_to_num(values, nan=np.inf).argmin())
        if values[first] < best.value:
            state = frozenset(states[first].tolist())
            best.offer(state, self.exchange.evaluate(state))

    def _states(self, most: int) -> IntArray | None:
        """Open branches of every state within so many operations and some beyond, a row each; None where many."""
        forest = self.exchange.adjacency.forest(self.exchange.closed(self.nearest))
        assert forest is not None  # the nearest tree is one
        return list_near(self.grid, forest, self.nearest, self.exchange.required, most, _FEW // self.grid.n)
