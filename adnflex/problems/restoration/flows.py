"""Exact power flow of sets of operations, many at a time, and how far each is beyond a limit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from adnflex.arrays import BoolArray, FloatArray
from adnflex.grid.model import Grid
from adnflex.grid.state import GridState
from adnflex.grid.tree_flows import TreeFlows
from adnflex.problems.restoration.islands import IslandUnit, Start, feeds_lit, island_excess, starts_of
from adnflex.problems.restoration.sets import OperationSet
from adnflex.problems.restoration.supply import Supply

# What a voltage [pu] or a loading [of the rating] may be beyond its limit.
TOLERANCE = 1e-6


@dataclass(frozen=True)
class Before:
    """What broke its limit before any outage: it may stay as it was, but not become worse.

    Attributes
    ----------
    vm_pu : mapping of int to float
        Voltages by bus [pu].
    loading : mapping of (str, int, bool) to float
        Loadings by element, index and whether it is the from end, relative to the rating.
    """

    vm_pu: Mapping[int, float] = field(default_factory=dict)
    loading: Mapping[tuple[str, int, bool], float] = field(default_factory=dict)

    @classmethod
    def of(cls, grid: Grid, state: GridState, lit: BoolArray) -> Before:
        """Take what breaks a limit in the one state of a grid before any outage."""
        limit, vm = Ceiling.of(grid), np.sqrt(state.v[0])
        off = lit[0] & ((vm < limit.vm_min - TOLERANCE) | (vm > limit.vm_max + TOLERANCE))
        loading = state.loadings(grid)[0] if len(limit.loading) else np.empty(0)
        places = np.flatnonzero(loading > 1 + TOLERANCE)
        return cls(
            {bus: float(vm[k]) for k in np.flatnonzero(off) for bus in grid.buses[k]},
            {terminal_of(grid, r): float(loading[r]) for r in places.tolist()},
        )


def terminal_of(grid: Grid, r: int) -> tuple[str, int, bool]:
    """Name a rated terminal."""
    t = grid.ratings
    member = grid.branches[t.branch[r]].members[t.member[r]]
    return member.element, member.index, bool(t.at_from[r])


@dataclass(frozen=True)
class Ceiling:
    """Limits that states are held against; of what broke one before, its own value.

    Attributes
    ----------
    vm_min, vm_max : (n,) array
        Voltages [pu]; 0 and inf where there is none, as at the roots, which no operation moves.
    loading : (r,) array
        Loadings of the rated terminals, relative to their ratings.
    starts : tuple of Start
        Units that may hold an island, whose powers have limits while they do.
    """

    vm_min: FloatArray
    vm_max: FloatArray
    loading: FloatArray
    starts: tuple[Start, ...] = ()

    @classmethod
    def of(cls, grid: Grid, before: Before | None = None, units: Mapping[int, IslandUnit] | None = None) -> Ceiling:
        """Limits of a grid, with units that may hold an island by their switches."""
        root = ~np.isnan(grid.root_v)
        low, high = np.where(root, 0.0, np.sqrt(grid.v_min)), np.where(root, np.inf, np.sqrt(grid.v_max))
        loading = np.ones(len(grid.ratings.limit))
        if before is not None:
            for bus, vm in before.vm_pu.items():
                if (node := grid.node_of.get(bus)) is not None:
                    low[node], high[node] = min(low[node], vm), max(high[node], vm)
            if before.loading:
                known = [before.loading.get(terminal_of(grid, r), 1.0) for r in range(len(loading))]
                loading = np.array(known)
        return cls(low, high, loading, starts_of(grid, units or {}))

    def excess(self, grid: Grid, states: GridState, lit: BoolArray) -> FloatArray:
        """How far each state is beyond the limit that it breaks most [pu, or of the rating]; inf without a solution."""
        vm = np.sqrt(states.v)
        beyond = np.maximum(self.vm_min - vm, vm - self.vm_max)
        found = np.where(lit, beyond, -np.inf).max(axis=1)
        if len(self.loading):
            found = np.maximum(found, (states.loadings(grid) - self.loading).max(axis=1))
        if self.starts:
            found = np.maximum(found, island_excess(self.starts, grid, states))
        return np.where(np.isnan(states.loss), np.inf, found)


@dataclass(frozen=True)
class Evaluated:
    """What power flow says of sets of operations, s of them.

    Attributes
    ----------
    states : GridState
        The states; NaN without a solution.
    lit : (s, n) array of bool
        Nodes that are supplied.
    excess : (s,) array
        How far each is beyond the limit that it breaks most; inf without a solution.
    """

    states: GridState
    lit: BoolArray
    excess: FloatArray

    @property
    def admissible(self) -> BoolArray:
        """Which break no limit (s,)."""
        return np.asarray(self.excess <= TOLERANCE)


class SetFlows:
    """Runs sets of operations.

    Parameters
    ----------
    supply : Supply
        The blocks.
    ceiling : Ceiling
        The limits.
    """

    def __init__(self, supply: Supply, ceiling: Ceiling) -> None:
        self.supply, self.grid, self.ceiling = supply, supply.grid, ceiling
        self.flows = TreeFlows(self.grid)
        self.count = 0

    def run(self, sets: Sequence[OperationSet]) -> Evaluated:
        """Run some sets."""
        g = self.grid
        closed = np.repeat(g.closed[None], len(sets), axis=0)
        lit = np.empty((len(sets), g.n), dtype=bool)
        for at, found in enumerate(sets):
            closed[at, list(found.closings)] = True
            closed[at, list(found.openings)] = False
            lit[at] = found.lit[self.supply.block]
        # what has no supply is open
        closed &= lit[:, g.f] & lit[:, g.t]
        self.count += len(sets)
        states = self.flows.solve(closed, partly=True)
        excess = self.ceiling.excess(g, states, lit)
        if starts := self.ceiling.starts:
            # what has supply without any operation is not handed to an island
            handed = [feeds_lit(starts, g, shut, self.supply.lit) for shut in closed]
            excess = np.where(handed, np.inf, excess)
        return Evaluated(states, lit, excess)
