r"""The other side of the cone: how much squared current a branch can carry at most, given where its flow can be.

The exact ``l w = P² + Q²`` lies below the secants of its right side over the flow's interval, and above the
McCormick planes of its left side:

.. math::

    \underline w\, l + \underline l\, w - \underline l\,\underline w
        &\le (\underline P + \overline P) P - \underline P\,\overline P
           + (\underline Q + \overline Q) Q - \underline Q\,\overline Q \\
    \overline w\, l + \overline l\, w - \overline l\,\overline w &\le \text{the same}

Both hold for every AC state, and both are equalities at the ends of the intervals.  At an upper voltage limit, with
generation near what is available, that is just where the plain relaxation invents loss.

References
----------
McCormick, Mathematical Programming 10, 1976, doi:10.1007/BF01580665; Nick et al., "An exact convex formulation of the
optimal power flow in radial distribution networks including transverse components", IEEE Trans. Automatic Control
63(3), 2018, doi:10.1109/TAC.2017.2722100 (on why the plain cone fails at upper voltage limits).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.formulations.bounds import Bounds
from adnflex.formulations.ends import BranchEnds
from adnflex.grid.model import Grid
from adnflex.grid.topology import forest
from adnflex.solvers.rows import Rows, declare_rows


@dataclass(frozen=True)
class FlowIntervals:
    """Where the flows of a radial grid can be, at every point.

    Attributes
    ----------
    p, q : (2, S, T, m) array
        Lowest and highest series power at the from end, behind the ratio [pu].
    l : (2, S, T, m) array
        Lowest and highest squared series current [pu].
    w : (2, m) array
        Squared voltage at the from end, behind the ratio [pu].
    """

    p: FloatArray
    q: FloatArray
    l: FloatArray  # noqa: E741 (the symbol of the field)
    w: FloatArray


def flow_intervals(
    grid: Grid, bounds: Bounds, ratio: FloatArray, p: FloatArray, q: FloatArray, g: FloatArray, b: FloatArray
) -> FlowIntervals | None:
    """Add up what can be drawn below every branch, losses included.

    Parameters
    ----------
    grid : Grid
        A grid whose branches are all closed.
    bounds : Bounds
        Voltages.
    ratio : (2, m) array
        Lowest and highest ratios.
    p, q, g, b : (2, S, T, n) array
        Lowest and highest withdrawal of constant power, and of constant impedance ``g + jb``, of every node.

    Returns
    -------
    FlowIntervals or None
        None where the grid is not radial.
    """
    closed: BoolArray = np.ones(grid.m, dtype=np.bool_)
    tree = forest(grid, closed)
    if tree is None:
        return None
    v = np.stack([bounds.v_min, bounds.v_max])
    w = np.stack([v[0, grid.f] / ratio[1] ** 2, v[1, grid.f] / ratio[0] ** 2])
    need_p, need_q = p + _product(g, v), q + _product(-b[::-1], v)
    _add_shunts(grid, need_p, need_q, v, w)
    flow_p, flow_q, current = (np.zeros((2, *p.shape[1:3], grid.m)) for _ in range(3))
    for node in tree.order[::-1].tolist():
        k = int(tree.branch[node])
        if k < 0:
            continue
        away = bool(tree.away[node])
        # the voltage at the end of the impedance where the power arrives
        arrives = v[:, node] if away else w[:, k]
        down_p, down_q = need_p[..., node], need_q[..., node]
        most = np.maximum(np.abs(down_p).max(axis=0) ** 2 + np.abs(down_q).max(axis=0) ** 2, 0) / arrives[0]
        most = np.minimum(most, bounds.i_max[k] ** 2)
        least = (_least_square(down_p) + _least_square(down_q)) / arrives[1]
        current[0, ..., k], current[1, ..., k] = np.minimum(least, most), most
        up_p = np.stack([down_p[0] + grid.r[k] * least, down_p[1] + grid.r[k] * most])
        reactive = np.stack([grid.x[k] * least, grid.x[k] * most])
        up_q = down_q + np.sort(reactive, axis=0)
        flow_p[..., k], flow_q[..., k] = (up_p, up_q) if away else (-down_p[::-1], -down_q[::-1])
        parent = int(tree.parent[node])
        need_p[..., parent] += up_p
        need_q[..., parent] += up_q
    return FlowIntervals(flow_p, flow_q, current, w)


def _least_square(interval: FloatArray) -> FloatArray:
    """Smallest square of anything in an interval."""
    inside = (interval[0] <= 0) & (interval[1] >= 0)
    return np.asarray(np.where(inside, 0.0, np.minimum(interval[0] ** 2, interval[1] ** 2)))


def _product(interval: FloatArray, v: FloatArray) -> FloatArray:
    """Interval of a product with a positive interval that broadcasts."""
    low = np.minimum(interval[0] * v[0], interval[0] * v[1])
    high = np.maximum(interval[1] * v[0], interval[1] * v[1])
    return np.stack([low, high])


def _add_shunts(grid: Grid, need_p: FloatArray, need_q: FloatArray, v: FloatArray, w: FloatArray) -> None:
    """Add the shunts of the branches to their end nodes."""
    for ends, y, voltage in ((grid.f, grid.y_from, w), (grid.t, grid.y_to, v[:, grid.t])):
        active = _product(np.stack([y.real, y.real]), voltage)
        reactive = _product(np.stack([-y.imag, -y.imag]), voltage)
        for side in (0, 1):
            for need, values in ((need_p, active), (need_q, reactive)):
                total = np.zeros(grid.n)
                np.add.at(total, ends, values[side])
                need[side] += total


def declare_secants(block: pyo.Block, grid: Grid, flows: FlowIntervals, s: int, t: int, branches: IntArray) -> None:
    """Declare the upper limits of the squared currents at one point.

    Parameters
    ----------
    block : pyomo Block
        Has the variables of a branch flow formulation; gets ``secant``.
    grid : Grid
        The grid.
    flows : FlowIntervals
        Where its flows can be.
    s, t : int
        The point.
    branches : (k,) array of int
        Branches with a cone.
    """
    number, ends = np.arange(len(branches)), BranchEnds(block, grid)
    p, q, l = (a[:, s, t, branches] for a in (flows.p, flows.q, flows.l))  # noqa: E741
    w = flows.w[:, branches]
    most = l * w - p[0] * p[1] - q[0] * q[1]
    rows = Rows(np.full(2 * len(branches), -np.inf), most.ravel())
    for side in (0, 1):
        row = number + side * len(branches)
        for variable, value in ((block.l, w[side]), (block.p, -p.sum(axis=0)), (block.q, -q.sum(axis=0))):
            rows.add(variable, row, branches, value)
        ends.add(rows, True, row, branches, l[side])
    declare_rows(block, "secant", rows, doc="how large the current of a branch can be")
