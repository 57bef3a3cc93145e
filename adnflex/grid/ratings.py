"""Current limits of a grid, one a rated terminal of a pandapower element.

Parallel elements merged to one branch keep their own limits: the current of a member is its share of the
series current plus its own charging, which is linear in the same variables as that of the whole branch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from adnflex.arrays import BoolArray, ComplexArray, FloatArray, IntArray

if TYPE_CHECKING:
    from adnflex.grid.model import Branch


@dataclass(frozen=True)
class Ratings:
    """Rated terminals, r of them.

    Attributes
    ----------
    branch : (r,) array of int
        Branch of the grid.
    member : (r,) array of int
        Position of the element among the members of the branch.
    at_from : (r,) array of bool
        Whether it is the from end (behind the ratio) or the to end.
    share : (r,) complex array
        Part of the series current.
    y : (r,) complex array
        The element's own shunt at that end [pu].
    limit : (r,) array
        Largest terminal current [pu].
    """

    branch: IntArray
    member: IntArray
    at_from: BoolArray
    share: ComplexArray
    y: ComplexArray
    limit: FloatArray

    def squared_current(self, p: FloatArray, q: FloatArray, l: FloatArray, v: FloatArray) -> FloatArray:  # noqa: E741
        """Squared terminal currents: ``|s|² l + |y|² v ± 2 (g P - b Q)`` with the member's own P and Q.

        Parameters
        ----------
        p, q : (r,) array
            Series power of the branch at that end, in from-to direction [pu].
        l : (r,) array
            Squared series current of the branch [pu].
        v : (r,) array
            Squared voltage of that end, behind the ratio [pu].
        """
        own = np.conj(self.share) * (p + 1j * q)
        sign = np.where(self.at_from, 2.0, -2.0)
        return np.asarray(
            np.abs(self.share) ** 2 * l
            + np.abs(self.y) ** 2 * v
            + sign * (self.y.real * own.real - self.y.imag * own.imag)
        )

    def reach(self, i_max: FloatArray, vm_from: FloatArray, vm_to: FloatArray) -> FloatArray:
        """Largest terminal currents, given those of the series impedances and the voltages at both ends [pu]."""
        vm = np.where(self.at_from, vm_from[self.branch], vm_to[self.branch])
        return np.asarray(np.abs(self.share) * i_max[self.branch] + np.abs(self.y) * vm)

    def series_limit(self, m: int, vm_from: FloatArray, vm_to: FloatArray) -> FloatArray:
        """Largest series current of each of m branches within all limits: the limit plus the charging [pu]."""
        vm = np.where(self.at_from, vm_from[self.branch], vm_to[self.branch])
        found = np.full(m, np.inf)
        np.minimum.at(found, self.branch, (self.limit + np.abs(self.y) * vm) / np.abs(self.share))
        return found


def collect_ratings(branches: Sequence[Branch], rated_only: bool = True) -> Ratings:
    """List the rated terminals of all branches, or all terminals.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> len(collect_ratings(read_grid(pn.case33bw()).branches).limit)
    74
    """
    rows = [
        (k, j, at_from, m.share, m.y_from if at_from else m.y_to, limit)
        for k, branch in enumerate(branches)
        for j, m in enumerate(branch.members)
        for at_from, limit in ((True, m.i_max_from), (False, m.i_max_to))
        if not rated_only or np.isfinite(limit)
    ]
    columns = list(zip(*rows, strict=True)) if rows else [()] * 6
    return Ratings(
        np.array(columns[0], dtype=np.int64),
        np.array(columns[1], dtype=np.int64),
        np.array(columns[2], dtype=np.bool_),
        np.array(columns[3], dtype=complex),
        np.array(columns[4], dtype=complex),
        np.array(columns[5], dtype=float),
    )
