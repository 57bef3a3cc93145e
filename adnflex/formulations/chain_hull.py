r"""The convex hull of "which branch of a chain is open", by disaggregation.

In a chain of branches through nodes of degree two at most one branch is open.  Where branch `i` is open the
flows of all others are known but for losses and voltage-dependent parts: the chain then hangs from its two
ends in two stubs.  So every flow splits into a part for each branch that can be open, which lies between
known constants times :math:`\lambda_i = 1 - z_i`, and a part for "none is open" with weight
:math:`\mu = 1 - \sum \lambda_i`:

.. math::

    P_k = P^0_k + P^c_k, \quad
    \sum_i \lambda_i \underline D^i_k \le P^c_k \le \sum_i \lambda_i \overline D^i_k, \quad
    {P^0_k}^2 + {Q^0_k}^2 \le l^0_k \, (\mu v), \quad
    l_k \ge l^0_k + \sum_i \lambda_i \, \underline l^i_k

Without it the relaxation may open every branch of a loop a little and pay almost nothing.  All constants
are bounds that each AC state within the voltage limits obeys, so nothing is cut off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo
from numpy.typing import NDArray

from adnflex.arrays import ComplexArray, FloatArray, IntArray
from adnflex.formulations.bounds import Bounds
from adnflex.grid.model import Grid
from adnflex.grid.topology import Chain
from adnflex.solvers.cones import mark_relaxed


@dataclass(frozen=True)
class StubFlows:
    """Bounds of the flows of a chain of c branches, row: the open branch, column: the branch.

    Attributes
    ----------
    p_low, p_high, q_low, q_high : (c, c) array
        Flow into the impedance at the branch's from end [pu]; 0 on the diagonal.
    l_low : (c, c) array
        Squared current, from below [pu].
    """

    p_low: FloatArray
    p_high: FloatArray
    q_low: FloatArray
    q_high: FloatArray
    l_low: FloatArray


@dataclass(frozen=True)
class WithdrawalBounds:
    """What a node draws with all that hangs on it by bridges: bounds [pu]."""

    low: ComplexArray
    high: ComplexArray
    current: FloatArray


def withdrawals(grid: Grid, bounds: Bounds) -> WithdrawalBounds:
    """Bound the withdrawal ``p + jq`` of every node with its bridge subtrees, losses included."""
    v_low, v_high = bounds.v_min, bounds.v_max
    low, high = _shunt_range(grid.y, v_low, v_high)
    low, high = low + grid.p + 1j * grid.q, high + grid.p + 1j * grid.q
    for node, ratio, y_closed, y_open in (
        (grid.f, grid.ratio, grid.y_from, grid.open_from),
        (grid.t, np.ones(grid.m), grid.y_to, grid.open_to),
    ):
        closed_low, closed_high = _shunt_range(y_closed / ratio**2, v_low[node], v_high[node])
        open_low, open_high = _shunt_range(y_open / ratio**2, v_low[node], v_high[node])
        np.add.at(low, node, _each(np.minimum, closed_low, open_low))
        np.add.at(high, node, _each(np.maximum, closed_high, open_high))
    current = bounds.node_current.copy()
    groups, most = bounds.groups, bounds.i_max**2
    below = {name: groups.below_nodes(values) for name, values in (("low", low), ("high", high), ("i", current))}
    lost_least = groups.below_branches(1j * np.minimum(grid.x, 0) * most)
    lost_most = groups.below_branches((grid.r + 1j * np.maximum(grid.x, 0)) * most)
    # what hangs on the roots is nobody's
    hangs = groups.is_bridge & (groups.entry >= 0)
    entry = groups.entry[hangs]
    np.add.at(low, entry, (below["low"] + lost_least)[hangs])
    np.add.at(high, entry, (below["high"] + lost_most)[hangs])
    np.add.at(current, entry, below["i"][hangs])
    return WithdrawalBounds(low, high, current)


def _loss_range(grid: Grid, branches: IntArray, most: FloatArray) -> tuple[complex, complex]:
    """Bounds of the series losses ``(r + jx) l`` of some branches, given their largest squared currents."""
    x = grid.x[branches]
    return complex(0, (np.minimum(x, 0) * most).sum()), complex(
        (grid.r[branches] * most).sum(), (np.maximum(x, 0) * most).sum()
    )


def _each(pick: np.ufunc, a: NDArray[Any], b: NDArray[Any]) -> ComplexArray:
    """Apply minimum or maximum to real and imaginary parts."""
    return np.asarray(pick(a.real, b.real) + 1j * pick(a.imag, b.imag), dtype=complex)


def _shunt_range(y: ComplexArray, v_low: FloatArray, v_high: FloatArray) -> tuple[ComplexArray, ComplexArray]:
    """Range of ``conj(y) v``: real and imaginary part each."""
    at_low, at_high = np.conj(y) * v_low, np.conj(y) * v_high
    return _each(np.minimum, at_low, at_high), _each(np.maximum, at_low, at_high)


def stub_flows(grid: Grid, bounds: Bounds, drawn: WithdrawalBounds, chain: Chain) -> StubFlows:
    """Bound all flows of a chain for each of its branches being the open one."""
    c = len(chain.branches)
    nodes = np.array(chain.nodes, dtype=np.int64)
    along = np.array(chain.branches, dtype=np.int64)
    low, high = np.zeros((c, c), complex), np.zeros((c, c), complex)
    for i in range(c):
        for k in range(c):
            if k == i:
                continue
            between = nodes[k:i] if k < i else nodes[i:k]
            inner = range(k, i) if k < i else range(i + 1, k + 1)
            # the current falls towards the open branch; each branch carries at most what is below it
            carried = [drawn.current[nodes[j:i] if k < i else nodes[i:j]].sum() ** 2 for j in inner]
            least, most = _loss_range(grid, along[list(inner)], np.array(carried))
            # whether the branch's own loss counts depends on which end is measured: take it into the range
            span_low = drawn.low[between].sum() + least
            span_high = drawn.high[between].sum() + most
            downstream = (k < i) == chain.along[k]
            low[i, k], high[i, k] = (span_low, span_high) if downstream else (-span_high, -span_low)
    nearest: FloatArray = np.where(low.real > 0, low.real, np.where(high.real < 0, high.real, 0.0)) ** 2
    nearest += np.where(low.imag > 0, low.imag, np.where(high.imag < 0, high.imag, 0.0)) ** 2
    branches = list(chain.branches)
    v_top = bounds.v_max[grid.f[branches]] / grid.ratio[branches] ** 2
    return StubFlows(low.real, high.real, low.imag, high.imag, nearest / v_top)


def declare_chain_hull(
    block: pyo.Block,
    grid: Grid,
    bounds: Bounds,
    chains: Sequence[Chain],
    free: Sequence[int],
    states: pyo.Block | None = None,
) -> None:
    """Declare the disaggregation of every chain.

    Parameters
    ----------
    block : pyomo Block
        Has the variables of branch flow and ``z``; gets ``p0``, ``q0``, ``l0``, ``w0`` for the branches of
        the chains (the part in which no branch of its chain is open) with ``chain_cone``.
    grid, bounds : Grid, Bounds
        The grid and its bounds.
    chains : sequence of Chain
        The chains.
    free : sequence of int
        Branches that may be open.
    states : pyomo Block, optional
        Has ``z``, where several operating points share it; by default `block`.
    """
    b, z = block, (block if states is None else states).z
    is_free = set(free)
    drawn = withdrawals(grid, bounds)
    used = [chain for chain in chains if sum(k in is_free for k in chain.branches) >= 2]
    members = [k for chain in used for k in chain.branches]
    s_max = bounds.i_max * np.sqrt(bounds.v_max[grid.f]) / grid.ratio
    v_top = bounds.v_max[grid.f] / grid.ratio**2
    whole = "the part of {} in which no branch of the chain is open [pu]"
    flow = [(-s, s) for s in s_max.tolist()]
    b.p0 = pyo.Var(members, bounds=lambda _, k: flow[k], doc=whole.format("p"))
    b.q0 = pyo.Var(members, bounds=lambda _, k: flow[k], doc=whole.format("q"))
    b.l0 = pyo.Var(members, bounds=lambda _, k: (0, bounds.i_max[k] ** 2), doc=whole.format("l"))
    b.w0 = pyo.Var(members, bounds=lambda _, k: (0, v_top[k]), doc=whole.format("the voltage"))
    b.chain_hull = pyo.ConstraintList(doc="which branch of a chain is open, by disaggregation")
    rows = b.chain_hull
    for chain in used:
        flows = stub_flows(grid, bounds, drawn, chain)
        opened = [(i, 1 - z[k]) for i, k in enumerate(chain.branches) if k in is_free]
        none_open = 1 - pyo.quicksum(share for _, share in opened)
        for k, branch in enumerate(chain.branches):
            for flow, part, low, high in (
                (b.p[branch], b.p0[branch], flows.p_low, flows.p_high),
                (b.q[branch], b.q0[branch], flows.q_low, flows.q_high),
            ):
                rows.add(flow - part >= pyo.quicksum(float(low[i, k]) * share for i, share in opened))
                rows.add(flow - part <= pyo.quicksum(float(high[i, k]) * share for i, share in opened))
                rows.add(part <= s_max[branch] * none_open)
                rows.add(part >= -s_max[branch] * none_open)
            if grid.r[branch] == 0 and grid.x[branch] == 0:
                continue  # an ideal coupler has no current variable
            rows.add(
                b.l[branch] >= b.l0[branch] + pyo.quicksum(float(flows.l_low[i, k]) * share for i, share in opened)
            )
            node, tau2 = int(grid.f[branch]), float(grid.ratio[branch]) ** 2
            v_low, v_high = bounds.v_min[node] / tau2, bounds.v_max[node] / tau2
            rows.add(b.w0[branch] <= v_high * none_open)
            rows.add(b.w0[branch] <= b.v[node] / tau2 - v_low * (1 - none_open))
    b.chain_cone = pyo.Constraint(
        [k for k in members if grid.r[k] or grid.x[k]],
        rule=lambda _, k: b.p0[k] ** 2 + b.q0[k] ** 2 <= b.l0[k] * b.w0[k],
        doc="the cone of that part, relaxed",
    )
    mark_relaxed(b, b.chain_cone)
