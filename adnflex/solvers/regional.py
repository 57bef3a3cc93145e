r"""A part of a conic problem, and what its optimum says of the whole: cuts that hold whatever their multipliers are.

Take some columns and the rows and cones that hold these columns only; price all other rows by any multipliers
:math:`y`, so that the columns cost :math:`f = c + A_y^T y`.  Every point of the whole problem is, in these columns, a
point of the part.  So with the least value :math:`\theta` of :math:`f x` over the part,

.. math:: f x \ge \theta

holds for the whole.  No condition is on :math:`y`: multipliers near the optimum make the cut deep, others make it
useless.  Where integers of the part are kept, :math:`\theta` is more than a relaxation knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from scipy import sparse

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.solvers.shrinking import ShrinkingConic

# What rounding may come to in a bound of a part, whose costs are of order one.
_ROUNDING = 1e-11


class Cut(NamedTuple):
    """``values @ y[columns] >= side`` for columns in their units.

    Attributes
    ----------
    columns, values : array of int, array
        What is summed.
    side : float
        Its least value.
    """

    columns: IntArray
    values: FloatArray
    side: float


class ConicPart(NamedTuple):
    """Some columns of a conic problem, without their links to others.

    Attributes
    ----------
    conic : ShrinkingConic
        The part; it costs what the links are priced at.
    modes : array of int
        Its modes.
    columns : array of int
        Its columns.
    """

    conic: ShrinkingConic
    modes: IntArray
    columns: IntArray

    def cut(self, bound: float) -> Cut:
        """Return what a proven bound of the part says of the whole."""
        values = self.conic.cost * self.conic.scale
        return Cut(self.columns, values, bound - _ROUNDING * self.conic.scale)


def part_of(whole: ShrinkingConic, inside: BoolArray, dual: FloatArray) -> ConicPart:
    """Take the part of some columns.

    Parameters
    ----------
    whole : ShrinkingConic
        The problem.
    inside : (n,) array of bool
        The columns; of a mode all of them or none.
    dual : (m,) array
        Multipliers of all rows.
    """
    rows = sparse.csr_matrix(whole.rows)
    touched = np.zeros(len(whole.sides), dtype=bool)
    outside = touched.copy()
    here = inside[rows.indices]
    row_of = np.repeat(np.arange(len(touched)), np.diff(rows.indptr))
    touched[row_of[here]], outside[row_of[~here]] = True, True
    own, link = touched & ~outside, touched & outside
    columns = np.flatnonzero(inside)
    cost = (whole.cost + rows.T @ np.where(link, dual, 0.0))[columns]
    scale = max(float(np.abs(cost).max(initial=0.0)), 1e-12)
    column, row = np.cumsum(inside) - 1, np.cumsum(own) - 1
    modes = np.flatnonzero(inside[whole.shares])
    mode = np.full(len(whole.shares) + 1, -1)
    mode[modes] = np.arange(len(modes))
    part = replace(
        whole,
        owner=mode[whole.owner[columns]],
        shares=column[whole.shares[modes]],
        unit=whole.unit[columns],
        low=whole.low[columns],
        high=whole.high[columns],
        cost=cost / scale,
        scale=scale,
        c0=0.0,
        rows=sparse.csc_matrix(rows[own][:, columns]),
        sides=whole.sides[own],
        row_scale=whole.row_scale[own],
        equations=int(own[: whole.equations].sum()),
        cones=column[whole.cones[inside[whole.cones[:, 2]]]],
        nonnegative=row[whole.nonnegative[modes]],
    )
    return ConicPart(part, modes, columns)


def with_cuts(whole: ShrinkingConic, cuts: Sequence[Cut]) -> ShrinkingConic:
    """Return a problem with some cuts as rows, behind all others."""
    if not cuts:
        return whole
    size = np.array([float(np.abs(c.values).max()) for c in cuts])
    lengths = [len(c.columns) for c in cuts]
    at = np.repeat(np.arange(len(cuts)), lengths), np.concatenate([c.columns for c in cuts])
    values = np.concatenate([c.values for c in cuts]) / np.repeat(size, lengths)
    more = sparse.csr_matrix((-values, at), shape=(len(cuts), len(whole.owner)))
    return replace(
        whole,
        rows=sparse.vstack([whole.rows, more], format="csc"),
        sides=np.concatenate([whole.sides, [-c.side for c in cuts] / size]),
        row_scale=np.concatenate([whole.row_scale, 1 / size]),
    )
