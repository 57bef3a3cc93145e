"""The radial states that some modes leave: counted by the matrix-tree theorem, listed where they are few."""

from __future__ import annotations

from itertools import product

import numpy as np

from adnflex.algorithms.spanning_trees import Edge, count_spanning_trees, spanning_trees
from adnflex.arrays import BoolArray, IntArray
from adnflex.problems.reconfiguration.directed import DirectedReconfiguration


class ModeTrees:
    """Radial states that some modes leave, or a few more: senses of closed chains are not looked at.

    Parameters
    ----------
    problem : DirectedReconfiguration
        The model.
    """

    def __init__(self, problem: DirectedReconfiguration) -> None:
        roots, core, modes = set(problem.grid.roots.tolist()), problem.core, problem.modes
        names = {j: k + 1 for k, j in enumerate(core.junctions)}
        self.n, self.count = len(names) + 1, len(core.chains)
        self.ends = [
            (0 if a in roots else names[a], 0 if b in roots else names[b])
            for a, b in ((chain.nodes[0], chain.nodes[-1]) for chain in core.chains)
        ]
        self.chain = np.array([m.chain for m in modes], dtype=np.int64)
        # branch that is open in a mode, -1 where none is
        self.opened = np.array([core.chains[m.chain].branches[m.at] if m.kind == 0 else -1 for m in modes], np.int64)

    def few(self, allowed: BoolArray, most: float) -> IntArray | None:
        """Return the open branches of every state, where there are at most so many; else None.

        Parameters
        ----------
        allowed : (k,) array of bool
            The modes.
        most : float
            How many are few.

        Returns
        -------
        (B, j) array of int
            A row for each state.
        """
        is_open = self.opened >= 0
        able = np.bincount(self.chain[allowed & is_open], minlength=self.count)
        shut = np.bincount(self.chain[allowed & ~is_open], minlength=self.count) > 0
        joined = self._joined(np.flatnonzero(shut & (able == 0)).tolist())
        none = np.zeros((0, 0), dtype=np.int64)
        if joined is None or (~shut & (able == 0)).any():
            return none
        n, group = joined
        always, either = np.flatnonzero(~shut), np.flatnonzero(shut & (able > 0))
        edges = [(group[self.ends[c][0]], group[self.ends[c][1]]) for c in either.tolist()]
        # an edge left out counts as often as it may be open
        product_of_all = float(np.exp(np.log(able[able > 0]).sum()))
        count = product_of_all * count_spanning_trees(n, edges, (1.0 / able[either]).tolist())
        if count > most:
            return None
        return self._listed(n, edges, either, always, allowed & is_open) if count > 0.5 else none

    def modes_of(self, allowed: BoolArray, opened: IntArray) -> BoolArray:
        """Those of some modes that a state of theirs has, given by its open branches."""
        shown = allowed & np.isin(self.opened, opened)
        others = np.ones(self.count, dtype=bool)
        others[self.chain[shown]] = False
        return np.asarray(shown | (allowed & (self.opened < 0) & others[self.chain]))

    def _joined(self, closed: list[int]) -> tuple[int, list[int]] | None:
        """Junctions and roots that closed chains join, by number; None where these make a loop."""
        above = list(range(self.n))

        def find(node: int) -> int:
            while above[node] != node:
                above[node] = above[above[node]]
                node = above[node]
            return node

        for c in closed:
            a, b = (find(v) for v in self.ends[c])
            if a == b:
                return None
            above[a] = b
        names: dict[int, int] = {}
        return len(set(map(find, range(self.n)))), [names.setdefault(find(v), len(names)) for v in range(self.n)]

    def _listed(self, n: int, edges: list[Edge], either: IntArray, always: IntArray, able: BoolArray) -> IntArray:
        positions = [self.opened[able & (self.chain == c)] for c in range(self.count)]
        fixed = [positions[c] for c in always.tolist()]
        parts = []
        for out in spanning_trees(n, edges):
            chosen = [*fixed, *(positions[c] for c in either[list(out)].tolist())]
            parts.append(np.array(list(product(*(p.tolist() for p in chosen))), dtype=np.int64))
        return np.concatenate(parts) if parts else np.zeros((0, 0), dtype=np.int64)
