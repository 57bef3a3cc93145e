r"""Cheapest sequences of spanning trees, over all trees of a graph, whatever their number of exchanges.

Spanning trees are the bases of a matroid: between two of them that differ in 2k edges there is a way of k exchanges
over other trees.  So the least of a value within some exchanges is found by as many steps from trees to their
neighbours, and the neighbours need no list: trees that leave out the same edges but one are all neighbours of each
other, so that one step is a minimum over groups for each edge that is left out.
"""

from __future__ import annotations

import numpy as np

from adnflex.arrays import BoolArray, FloatArray, IntArray


class ExchangeSequences:
    """Sequences of trees, one a window, with a price or a budget of changed edges.

    Parameters
    ----------
    left_out : (N, j) array of int
        Edges that each tree leaves out, in rising order; all trees of the graph.
    m : int
        Number of edges.
    first : (N,) array of int
        Changes that each tree takes as the first one.
    price : float
        Of a change.

    Examples
    --------
    The trees of a triangle leave out one edge each. To change costs two changes.

    >>> sequences = ExchangeSequences(np.array([[0], [1], [2]]), 3, np.zeros(3, dtype=int), 0.25)
    >>> costs = np.array([[1.0, 2.0, 3.0], [3.0, 2.5, 1.0]])
    >>> sequences.solve(costs)
    (2.5, [0, 2])
    >>> sequences.solve(costs, 1)
    (4.0, [0, 0])
    """

    def __init__(self, left_out: IntArray, m: int, first: IntArray, price: float) -> None:
        self.first, self.price = first, price
        self.has: BoolArray = np.zeros((len(left_out), m), dtype=bool)
        np.put_along_axis(self.has, left_out, True, axis=1)
        count, size = left_out.shape
        # a tree is in one group for each edge that it leaves out: the other ones name the group
        others = [np.delete(left_out, i, axis=1) for i in range(size)]
        group = np.zeros(0, dtype=np.int64)
        if size:
            _, group = np.unique(np.concatenate(others), axis=0, return_inverse=True)
        order = np.argsort(group.ravel(), kind="stable")
        self._groups = group.reshape(size, count)
        self._members = order % count
        self._begins = np.flatnonzero(np.diff(group.ravel()[order], prepend=-1))

    def solve(self, costs: FloatArray, most: int | None = None) -> tuple[float, list[int]]:
        """Return the least value and a tree a window (empty where there is none), with so many changes at most.

        Parameters
        ----------
        costs : (W, N) array
            Of each tree in each window; inf where it cannot be.
        most : int, optional
            Largest number of changes, the first ones among them; by default any.
        """
        steps = self._steps(costs, most)
        return self._back(steps, len(steps[-1]) - 1, most is not None)

    def solve_each(self, costs: FloatArray, most: int) -> list[tuple[float, list[int]]]:
        """Return the same with 0, 1 ... `most` changes at most."""
        steps = self._steps(costs, most)
        return [self._back(steps, left, True) for left in range(most + 1)]

    def _back(self, steps: list[FloatArray], left: int, counted: bool) -> tuple[float, list[int]]:
        """Walk from the cheapest last tree to the first one."""
        last = steps[-1][left]
        tree = int(last.argmin())
        if not np.isfinite(last[tree]):
            return float("inf"), []
        chosen = [tree]
        for before in reversed(steps[:-1]):
            tree, left = self._origin(before, self._apart(tree), left, counted)
            chosen.append(tree)
        return float(last.min()), chosen[::-1]

    def _steps(self, costs: FloatArray, most: int | None) -> list[FloatArray]:
        """Least values up to each window, by largest number of changes (one row where any will do) and tree."""
        found: list[FloatArray] = []
        for cost in costs:
            found.append(self._after(found[-1] if found else None, cost, most))
        return found

    def _after(self, before: FloatArray | None, cost: FloatArray, most: int | None) -> FloatArray:
        """Least values up to a window from those up to the one before it."""
        if before is None:
            begin = np.repeat((self.price * self.first)[None], 1 if most is None else most + 1, axis=0)
            if most is not None:
                begin[self.first[None] > np.arange(most + 1)[:, None]] = np.inf
            return np.asarray(begin + cost)
        if most is None:
            return np.asarray(self._spread(before) + cost)
        reached = before.copy()
        for k in range(2, most + 1):
            np.minimum(reached[k], self._near(reached[k - 2]) + 2 * self.price, out=reached[k])
        return reached + cost

    def _spread(self, values: FloatArray) -> FloatArray:
        """Least of values and prices of the changes from there."""
        if self.price == 0:
            return np.full_like(values, values.min())
        while True:
            found = np.minimum(values, self._near(values[0])[None] + 2 * self.price)
            if not (found < values).any():
                return values
            values = found

    def _near(self, values: FloatArray) -> FloatArray:
        """Least value within one exchange (N,)."""
        if not len(self._groups):
            return values
        return np.asarray(np.minimum.reduceat(values[self._members], self._begins)[self._groups].min(axis=0))

    def _apart(self, tree: int) -> IntArray:
        """Count the edges in which trees differ from one."""
        return np.asarray(np.count_nonzero(self.has != self.has[tree], axis=1), dtype=np.int64)

    def _origin(self, before: FloatArray, apart: IntArray, left: int, counted: bool) -> tuple[int, int]:
        """From which tree another one is reached best, and how many changes are left before it."""
        rows = np.maximum(left - apart, 0) if counted else np.zeros_like(apart)
        values = before[rows, np.arange(len(apart))] + self.price * apart
        if counted:
            values[apart > left] = np.inf
        # of equally good ones the nearest
        good = np.flatnonzero(values <= values.min() * (1 + 1e-12))
        tree = int(good[apart[good].argmin()])
        return tree, left - int(apart[tree]) if counted else 0
