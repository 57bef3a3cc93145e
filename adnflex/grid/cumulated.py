"""Few states of one tree: the iteration of `adnflex.grid.flow` by sums that are differences of cumulated sums.

In preorder all nodes below a branch stand side by side, so that both sums over a tree are a few calls, however many
nodes there are.  For many states `adnflex.grid.sweep` is faster.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np

from adnflex.arrays import ComplexArray, FloatArray
from adnflex.grid.sweep import STEPS, collapsed
from adnflex.grid.topology import Forest

# Largest change of a voltage in the last step [pu].
_TOLERANCE = 1e-12

# Up to so many nodes, and numbers in the product, Z is a matrix: half the calls, and BLAS starts no threads yet.
_SMALL, _SHORT = 64, 2**15


class CumulatedSums:
    """States of one tree, everything in preorder.

    Parameters
    ----------
    tree : Forest
        The tree.
    z : (n,) complex array
        Impedance of the branch above every node, referred to the roots' side [pu]; in the order of the nodes.
    """

    def __init__(self, tree: Forest, z: ComplexArray) -> None:
        here = np.arange(len(z))
        below = tree.below[tree.order]
        # the first place behind a subtree, and a tour that enters and leaves every node
        self._end = here + below + 1
        self._ends = np.column_stack([here, self._end]).ravel()
        self._enter = 2 * here - tree.depth[tree.order]
        self._leave = self._enter + 2 * below + 1
        self._z = z[tree.order, None]

    def below(self, drawn: np.ndarray) -> np.ndarray:
        """Sum subtrees, each by itself: where nothing is drawn it is exactly 0."""
        padded = np.concatenate([drawn, np.zeros_like(drawn[:1])])
        return np.asarray(np.add.reduceat(padded, self._ends, axis=0)[::2])

    def solve(
        self, p: FloatArray, q: FloatArray, y: ComplexArray, start: FloatArray
    ) -> tuple[ComplexArray, ComplexArray]:
        """Return voltages and the currents above the places (n, B); NaN where there is no solution.

        Parameters
        ----------
        p, q, y, start
            See `adnflex.grid.sweep.RadialSweep.solve`.
        """
        s = p + 1j * q
        v = self._iterated(s, y, start.astype(complex))
        with np.errstate(all="ignore"):
            return v, self.below(np.conj(s / v) + y * v)

    @cached_property
    def _matrix(self) -> ComplexArray:
        """``Z`` (n, n)."""
        return self._drop(np.eye(len(self._z), dtype=complex))

    def _iterated(self, s: ComplexArray, shunt: ComplexArray, start: ComplexArray) -> ComplexArray:
        found = np.full(s.shape, np.nan, dtype=complex)
        live = np.arange(s.shape[1])
        v = start
        small = len(self._z) <= _SMALL and len(self._z) ** 2 * len(live) <= _SHORT
        with np.errstate(all="ignore"):
            for _ in range(STEPS if len(live) else 0):
                current = np.conj(s / v) + shunt * v
                new = start - (self._matrix @ current if small else self._drop(current))
                change = np.abs(new - v).max(axis=0)
                good = change < _TOLERANCE
                over = good | ~np.isfinite(change)
                if change.max() > 1e-3:
                    over |= collapsed(np.abs(new).min(axis=0))
                v = new
                if over.any():
                    found[:, live[good]] = v[:, good]
                    left = np.flatnonzero(~over)
                    if not len(left):
                        break
                    if len(left) < len(live):
                        live, v, s = live[left], v[:, left], s[:, left]
                        shunt, start = (a if a.shape[1] == 1 else a[:, left] for a in (shunt, start))
        return found

    def _drop(self, current: ComplexArray) -> ComplexArray:
        """``Z current`` (n, B)."""
        n, count = current.shape
        total = np.zeros((n + 1, count), dtype=complex)
        np.cumsum(current, axis=0, out=total[1:])
        drop = self._z * (total[self._end] - total[:-1])
        tour = np.empty((2 * n, count), dtype=complex)
        tour[self._enter], tour[self._leave] = drop, -drop
        return np.asarray(np.cumsum(tour, axis=0, out=tour)[self._enter])
