"""Blocks and the branches between them: what is supplied, and what sets of operations could supply.

Nodes that no branch which may be switched separates are a block, supplied as a whole or not at all; all roots are one.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.errors import InputError
from adnflex.grid.checks import shorten
from adnflex.grid.model import Grid
from adnflex.grid.remaining import joined
from adnflex.grid.topology import present_loops


class Supply:
    """The blocks of a grid whose fault is parted from it.

    Parameters
    ----------
    grid : Grid
        The grid; every node can be supplied if enough is closed.
    weight : (n,) array
        What supplying a node is worth.

    Raises
    ------
    InputError
        If what is closed has loops.

    Attributes
    ----------
    block : (n,) array of int
        Block of every node; that of the roots is 0.
    part : (b,) array of int
        Which blocks hang together by what is closed; 0: they are supplied.
    worth : (b,) array
        What supplying a block is worth.
    between : (m,) array of bool
        Branches between two blocks that may be switched.
    open : tuple of int
        Those that could be closed.
    """

    def __init__(self, grid: Grid, weight: FloatArray) -> None:
        self.grid = grid
        roots = grid.roots
        links = np.full(len(roots) - 1, roots[0])
        fixed = ~grid.switchable
        self.block = _first(
            joined(grid.n, np.append(grid.f[fixed], links), np.append(grid.t[fixed], roots[1:])), roots[0]
        )
        count = int(self.block.max()) + 1
        self.a, self.b = self.block[grid.f], self.block[grid.t]
        closed = grid.closed & grid.switchable
        self.part = _first(joined(count, self.a[closed], self.b[closed]), 0)
        self._require_radial()
        self.worth = np.bincount(self.block, weight, count)
        self.between = between = grid.switchable & (self.a != self.b)
        self.open = tuple(np.flatnonzero(between & ~grid.closed).tolist())
        self.of_part = np.bincount(self.part, self.worth)
        self.ends = list(zip(self.part[self.a].tolist(), self.part[self.b].tolist(), strict=True))
        self.around: list[list[tuple[int, int]]] = [[] for _ in range(count)]
        for k in np.flatnonzero(between & closed).tolist():
            self.around[self.a[k]].append((k, int(self.b[k])))
            self.around[self.b[k]].append((k, int(self.a[k])))

    def _require_radial(self) -> None:
        g = self.grid
        links = g.n - (len(g.roots) - 1) - (int(self.part.max()) + 1)
        if int(g.closed.sum()) > links:
            loops = present_loops(g, g.closed)
            names = shorten(", ".join(str(g.branches[k]) for k in loop[:8]) for loop in loops[:3])
            raise InputError(f"the net is not radial: a loop of {names}; open a switch in every loop.")

    @property
    def lit(self) -> BoolArray:
        """Nodes that are supplied without any operation (n,)."""
        return np.asarray(self.part[self.block] == 0)

    @cached_property
    def most(self) -> float:
        """What supplying all that is dark is worth: no number of operations restores more."""
        return float(self.of_part[1:].sum())

    def reached(self, operations: int) -> float:
        """Return what so many operations supply at most, by how many dark parts they can reach."""
        return float(np.sort(self.of_part[1:])[::-1][:operations].sum())


def _first(labels: IntArray, member: int) -> IntArray:
    """Exchange labels so that those of a member are 0."""
    mine = labels[member]
    turned = labels.copy()
    turned[labels == 0], turned[labels == mine] = mine, 0
    return turned
