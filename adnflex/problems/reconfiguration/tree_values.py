"""What radial states are worth, by exact power flow of many at once."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property

import numpy as np

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.formulations.bounds import compute_bounds
from adnflex.grid.flow import RadialFlow
from adnflex.grid.model import Grid
from adnflex.grid.topology import Adjacency, closed_of, closed_of_each
from adnflex.grid.tree_flows import TreeFlows
from adnflex.problems.reconfiguration.exchange import limit_violations
from adnflex.problems.reconfiguration.objective import Objective

# What rounding may add to a bound (share) or to a squared voltage [pu].
_ROUNDING, _CLEAR = 1e-6, 4e-6


# States that are run rather than relaxed further: all of them take about as long as one or two relaxations.
_FEW = 400


class TreeValues:
    """Values states of a grid; holds arrays only, so that it travels to other processes.

    Parameters
    ----------
    grid : Grid
        The grid.
    objective : Objective
        What to minimise.
    max_operations : float
        Largest number of branches whose state changes.
    """

    few = _FEW

    def __init__(self, grid: Grid, objective: Objective, max_operations: float = math.inf) -> None:
        self.grid, self.objective, self.max_operations = grid, objective, max_operations
        self.flows, self.adjacency = TreeFlows(grid), Adjacency(grid)

    def __call__(self, opened: IntArray, cutoff: float = math.inf) -> FloatArray:
        """Return the objective of states; inf beyond a limit or the budget, NaN where no power flow was found.

        Parameters
        ----------
        opened : (B, j) array of int
            Open branches of radial states.
        cutoff : float
            What costs more is of no interest; all states are valued together all the same.
        """
        return np.concatenate([np.zeros(0), *(values for _, values in self.blocks(opened))])

    def blocks(self, opened: IntArray) -> Iterator[tuple[slice, FloatArray]]:
        """Value states some at a time: which ones, and what they are worth."""
        width = self.flows.width
        for part in [slice(k, k + width) for k in range(0, len(opened), width)]:
            yield part, self._values(closed_of_each(self.grid, opened[part]))

    def _values(self, closed: BoolArray) -> FloatArray:
        grid = self.grid
        over = np.count_nonzero(closed != grid.closed, axis=1) > self.max_operations
        found = np.full(len(closed), np.inf)
        states = self.flows.solve(closed[~over])
        with np.errstate(invalid="ignore"):
            violated = limit_violations(grid, states) > 0
        found[~over] = np.where(violated, np.inf, self.objective.of_states(grid, states))
        return found

    def refuted(self, opened: IntArray, cutoff: float) -> bool:
        """Whether a state without power flow is shown to be no better answer, by its flows without losses.

        Where power only flows downwards and voltages only fall, losses add to flows and take from voltages.
        """
        g, goal = self.grid, self.objective
        if not self._falling:
            return False
        forest = self.adjacency.forest(closed_of(g, opened))
        assert forest is not None
        v, flow = RadialFlow(g, forest).lossless(g.p + 1j * g.q)
        if (v < g.v_min - _CLEAR).any():
            return True
        loss = float(np.sum(g.r * np.abs(flow) ** 2) / np.nanmax(g.root_v)) * g.base_mva
        return goal.losses * loss * (1 - _ROUNDING) > cutoff

    @cached_property
    def _falling(self) -> bool:
        return bool(compute_bounds(self.grid).falling.all())
