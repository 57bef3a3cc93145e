"""Finite limits of the import at a root, where the net gives none."""

from __future__ import annotations

import numpy as np

from adnflex.arrays import FloatArray, IntArray
from adnflex.problems.dispatch.model import Dispatch


def limited(dispatch: Dispatch, columns: IntArray, node: int) -> tuple[FloatArray, FloatArray]:
    """Return the bounds of all columns with finite ones for imports at a root [pu].

    A solver's bound is proven only where every variable has finite limits.

    Parameters
    ----------
    dispatch : Dispatch
        The model.
    columns : (k,) array of int
        Columns of active and reactive imports at that root.
    node : int
        The root.
    """
    low, high = dispatch.form.low.copy(), dispatch.form.high.copy()
    reach = _largest(dispatch, node)
    low[columns], high[columns] = np.maximum(low[columns], -reach), np.minimum(high[columns], reach)
    return low, high


def _largest(dispatch: Dispatch, node: int) -> float:
    """Bound the size of the import at any point by what its branches carry and what is drawn there [pu]."""
    grid, bounds, points = dispatch.points.grid, dispatch.bounds, dispatch.points
    at = (grid.f == node) | (grid.t == node)
    loss = np.hypot(grid.r, grid.x) * bounds.i_max**2
    shunts = np.hypot(np.abs(grid.y_from) / bounds.ratio_min**2, np.abs(grid.y_to))
    own = sum(
        float(np.max(np.abs(np.asarray(part))))
        for d in dispatch.devices
        for r in d.reach()
        if r.node == node
        for part in r[1:]
    )
    drawn = float(np.max(np.abs(points.p[..., node]) + np.abs(points.q[..., node]))) + own / grid.base_mva
    admittance = float(np.max(np.abs(points.y[..., node]))) + shunts[at].sum()
    return float((bounds.s_max + loss)[at].sum() + drawn + admittance * bounds.v_max[node]) * 1.01 + 1e-3
