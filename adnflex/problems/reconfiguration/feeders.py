"""States of a grid feeder by feeder: what hangs on one branch of a root is a power flow of its own.

The roots hold their voltages, so that an exchange changes the feeders at the two ends of the closed branch and nothing
else.  Only these are walked and solved; what a feeder loses and violates is kept by its branches, for whatever other
states it is a part of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from adnflex.arrays import BoolArray
from adnflex.grid.model import Grid
from adnflex.grid.topology import Adjacency
from adnflex.problems.reconfiguration.feeder_flow import Feeder, FeederFlow, FeederTree

Open = frozenset[int]
# feeders of a state by the branch through which each hangs on a root
State = dict[int, Feeder]

# Numbers of nodes that are kept in all solved feeders together.
_KEPT = 1_000_000


class Feeders:
    """Splits states of a grid into feeders and solves those that were not met before.

    Parameters
    ----------
    grid : Grid
        The grid.
    adjacency : Adjacency
        Its neighbour lists.
    counted : (n,) array of bool
        Nodes whose voltage counts in `Feeder.off`.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> grid = read_grid(pn.case33bw())
    >>> feeders = Feeders(grid, Adjacency(grid), np.ones(grid.n, dtype=bool))
    >>> state = feeders.of(frozenset(np.flatnonzero(~grid.closed).tolist()))
    >>> [round(f.loss * grid.base_mva * 1e3, 3) for f in state.values()]
    [202.677]
    """

    def __init__(self, grid: Grid, adjacency: Adjacency, counted: BoolArray) -> None:
        self.grid = grid
        self.at = adjacency.at
        root = ~np.isnan(grid.root_v)
        self.is_root: list[bool] = root.tolist()
        # branches at one root: the node they feed, and whether they point to it; branches between roots feed nobody
        self.heads: dict[int, tuple[int, bool]] = {}
        for k in np.flatnonzero(root[grid.f] != root[grid.t]).tolist():
            away = bool(root[grid.f[k]])
            self.heads[k] = int(grid.t[k] if away else grid.f[k]), away
        self.between_roots = frozenset(np.flatnonzero(root[grid.f] & root[grid.t]).tolist())
        self._ends: list[tuple[int, int]] = list(zip(grid.f.tolist(), grid.t.tolist(), strict=True))
        self.base: Open | None = None
        self.present: State = {}
        self._head: list[int] = [-1] * grid.n
        self._place: list[int] = [-1] * grid.n
        self._solved: dict[tuple[int, ...], Feeder] = {}
        self._size = 0
        self._flow = FeederFlow(grid, counted)
        self.roots = self._flow.roots

    def of(self, state: Open) -> State | None:
        """Return the feeders of a state; None where it is not radial or leaves a node without supply."""
        trees = self._changed(state)
        if trees is None:
            return None
        walked, gone = trees
        found = {head: f for head, f in self.present.items() if head not in gone}
        found.update((f.tree.branches[0], f) for f in self._solve(walked))
        return found

    def move_to(self, state: Open) -> State | None:
        """Make a state the one that others are compared with."""
        found = self.of(state)
        if found is None or state == self.base:
            return found
        for head, feeder in found.items():
            if self.present.get(head) is not feeder:
                for place, node in enumerate(feeder.tree.nodes):
                    self._head[node], self._place[node] = head, place
        self.base, self.present = state, found
        return found

    def near(self, branches: Iterable[int]) -> set[int]:
        """Feeders of the base state at the ends of some branches."""
        return {self._head[v] for k in branches for v in self._ends[k]} - {-1}

    def hangs(self, node: int) -> tuple[Feeder, int] | None:
        """Feeder of the base state that a node is in, and its place there; None for a root."""
        head = self._head[node]
        return None if head < 0 else (self.present[head], self._place[node])

    # -- walking -------------------------------------------------------------------------------------------------

    def _changed(self, state: Open) -> tuple[list[FeederTree], set[int]] | None:
        """Trees of a state that are not in the base state, and the heads of the feeders that they replace."""
        if self.between_roots and not self.between_roots <= state:
            return None
        if self.base is None:
            gone, heads = set(), {k for k in self.heads if k not in state}
            nodes = len(self.is_root) - sum(self.is_root)
        else:
            other = state ^ self.base
            gone = self.near(other)
            heads = {k for k in (gone | (other & self.heads.keys())) if k not in state}
            nodes = sum(len(self.present[head].tree.nodes) for head in gone)
        seen: set[int] = set()
        trees = []
        for head in sorted(heads):
            tree = self._walk(head, state, seen)
            if tree is None:
                return None
            trees.append(tree)
        return (trees, gone) if len(seen) == nodes else None

    def _walk(self, head: int, state: Open, seen: set[int]) -> FeederTree | None:
        """Walk a feeder in preorder; None where a node is met twice."""
        first, forward = self.heads[head]
        if first in seen:
            return None
        seen.add(first)
        at, is_root = self.at, self.is_root
        branches: list[int] = []
        nodes: list[int] = []
        above: list[int] = []
        away: list[bool] = []
        depth: list[int] = []
        stack = [(first, head, forward, -1, 0)]
        while stack:
            node, up, forward, place, deep = stack.pop()
            here = len(nodes)
            nodes.append(node)
            branches.append(up)
            away.append(forward)
            above.append(place)
            depth.append(deep)
            for k, other, leaves in at[node]:
                if k != up and k not in state:
                    if other in seen or is_root[other]:
                        return None
                    seen.add(other)
                    stack.append((other, k, leaves, here, deep + 1))
        return FeederTree(tuple(branches), nodes, above, away, depth)

    def _solve(self, trees: Sequence[FeederTree]) -> list[Feeder]:
        """Solve what was not met before, side by side."""
        found = [self._solved.get(t.branches) for t in trees]
        new = self._flow.solve([t for t, f in zip(trees, found, strict=True) if f is None])
        for feeder in new:
            self._solved[feeder.tree.branches] = feeder
            self._size += len(feeder.tree.nodes)
        while self._size > _KEPT:
            oldest = next(iter(self._solved))
            self._size -= len(self._solved.pop(oldest).tree.nodes)
        rest = iter(new)
        return [next(rest) if f is None else f for f in found]
