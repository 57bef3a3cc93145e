"""All radial states within a budget of operations, each by exact power flow: a proof where they are few.

The states are counted before they are run, and no model is needed. A state whose power flow has no solution that was
found is no answer, but also no proof: it counts as refuted only where what it loses without losses, or the voltage that
it has without them, shows so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from itertools import groupby, islice

import numpy as np

from adnflex.algorithms.branch_and_bound import Outcome
from adnflex.algorithms.near_trees import exchanges
from adnflex.arrays import BoolArray, IntArray
from adnflex.formulations.bounds import compute_bounds
from adnflex.grid.flow import RadialFlow
from adnflex.grid.model import Grid
from adnflex.grid.near_flows import NearFlows
from adnflex.grid.state import GridState
from adnflex.grid.topology import Forest
from adnflex.problems.reconfiguration.exchange import ExchangeProblem, limit_violations, loop_of
from adnflex.problems.reconfiguration.meshed import nearest_tree
from adnflex.problems.reconfiguration.radial_search import Incumbent

Open = frozenset[int]

# States times nodes that are run rather than searched: about as long as building a model and a few relaxations.
_FEW = 400_000
# States that are run together.
_TOGETHER = 2048
# What rounding may add to a bound (share) or to a squared voltage [pu].
_ROUNDING, _CLEAR = 1e-6, 4e-6


def loops_beside(grid: Grid, forest: Forest, ties: Open, required: BoolArray) -> dict[int, list[int]]:
    """By each open branch: the branches on the loop that it would close which may be opened instead."""
    may = grid.switchable & ~required
    return {tie: [k for k in loop_of(grid, forest, tie)[0].tolist() if may[k]] for tie in sorted(ties)}


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
        groups = self._groups(int(most))
        if groups is None:
            return None
        near = NearFlows(self.grid, self._forest)
        done, odd = 0, list[BoolArray]()
        for ties, opened in groups:
            # the first group is the nearest state alone
            if done and stop():
                return None
            states = near.solve(ties, opened)
            within = np.count_nonzero(states.closed != self.grid.closed, axis=1) <= most
            self._offer(states, within, best)
            odd += list(states.closed[within & np.isnan(states.loss)])
            done += int(within.sum())
        if odd and not (compute_bounds(self.grid).falling.all() and all(self._refuted(o, best.value) for o in odd)):
            return None
        return Outcome("infeasible" if best.state is None else "optimal", best.state, best.value, best.value, done)

    def _offer(self, states: GridState, within: BoolArray, best: Incumbent) -> None:
        """Let the best of some states be the incumbent, if it is one."""
        with np.errstate(invalid="ignore"):
            good = within & (limit_violations(self.grid, states) == 0)
        values = np.where(good, self.exchange.objective.of_states(self.grid, states), np.inf)
        first = int(values.argmin())
        if values[first] < best.value:
            state = frozenset(np.flatnonzero(~states.closed[first]).tolist())
            best.offer(state, self.exchange.evaluate(state))

    @property
    def _forest(self) -> Forest:
        found = self.exchange.adjacency.forest(self.exchange.closed(self.nearest))
        assert found is not None  # the nearest tree is one
        return found

    def _groups(self, most: int) -> list[tuple[tuple[int, ...], IntArray]] | None:
        """List closings with all openings beside them; None where the states are many."""
        loops = loops_beside(self.grid, self._forest, self.nearest, self.exchange.required)
        left = _FEW // self.grid.n
        found: list[tuple[tuple[int, ...], IntArray]] = []
        # a state of so many operations is at most so many exchanges from the nearest one
        for count in range(min((most + self.least) // 2, len(loops)) + 1):
            rows = list(islice(exchanges(loops, count), left + 1))
            left -= len(rows)
            if left < 0:
                return None
            found += _grouped(rows, count)
        return found

    def _refuted(self, closed: BoolArray, cutoff: float) -> bool:
        """Whether a state without power flow is shown to be no better answer, by its flows without losses.

        Where power only flows downwards and voltages only fall, losses add to flows and take from voltages.
        """
        g, goal = self.grid, self.exchange.objective
        forest = self.exchange.adjacency.forest(closed)
        assert forest is not None
        v, flow = RadialFlow(g, forest).lossless(g.p + 1j * g.q)
        if (v < g.v_min - _CLEAR).any():
            return True
        loss = float(np.sum(g.r * np.abs(flow) ** 2) / np.nanmax(g.root_v)) * g.base_mva
        return goal.losses * loss * (1 - _ROUNDING) > cutoff


def _grouped(
    rows: list[tuple[tuple[int, ...], tuple[int, ...]]], count: int
) -> Iterator[tuple[tuple[int, ...], IntArray]]:
    """Put exchanges with the same closings together, so many at a time."""
    for ties, group in groupby(rows, key=lambda row: row[0]):
        outs = [out for _, out in group]
        opened = np.array(outs, dtype=np.int64).reshape(len(outs), count)
        for at in range(0, len(opened), _TOGETHER):
            yield ties, opened[at : at + _TOGETHER]
