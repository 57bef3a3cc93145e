"""What every branch flow formulation has: voltages, switched voltages, balances, cones, current limits.

A formulation adds its law: what the squared current `l` of a branch takes from the balances and gives to the voltage.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.common.numeric_types import native_numeric_types
from pyomo.core.expr.numeric_expr import LinearExpression

from adnflex.arrays import BoolArray, ComplexArray, IntArray
from adnflex.formulations.attachments import Attachments
from adnflex.formulations.bounds import Bounds
from adnflex.formulations.ends import BranchEnds
from adnflex.formulations.law import Law
from adnflex.grid.model import Grid
from adnflex.solvers.cones import mark_relaxed
from adnflex.solvers.rows import RowConstraint, Rows, declare_cones, declare_rows, declare_variables


def declare_voltages(block: pyo.Block, grid: Grid, bounds: Bounds) -> None:
    """Declare the squared voltages ``v`` of all nodes, which devices and branch flow share."""
    declare_variables(block, "v", bounds.v_min, bounds.v_max, doc="squared voltage of a node [pu]")


def declare_branch_flow(
    block: pyo.Block,
    grid: Grid,
    bounds: Bounds,
    free: Sequence[int],
    law: Law,
    more: Attachments | None = None,
    states: pyo.Block | None = None,
) -> None:
    """Declare flows, balances and cones of one operating point.

    Parameters
    ----------
    block : pyomo Block
        Has ``v`` (see `declare_voltages`) and ``z`` over `free`; gets ``p``, ``q``, ``l`` (branches), ``w_f``, ``w_t``
        (free branches), ``u`` (behind a ratio), constraints, among them ``voltage_drop``, ``p_balance``, ``q_balance``
        and ``cone``, and an expression ``loss``.
    grid : Grid
        The grid.
    bounds : Bounds
        Its bounds.
    free : sequence of int
        Branches that may be open.
    law : Law
        What currents do to balances and voltages.
    more : Attachments, optional
        What devices add; roots that they supply get balances too.
    states : pyomo Block, optional
        Has ``z``, ``beta_f``, ``beta_t``, where several operating points share them; by default `block`.
    """
    more = Attachments() if more is None else more
    states = block if states is None else states
    b, s_max, every = block, bounds.s_max, np.arange(grid.m)
    is_free = np.isin(every, np.asarray(free, dtype=np.int64))
    ideal = (grid.r == 0) & (grid.x == 0)
    declare_variables(b, "p", -s_max, s_max, doc="active power into a branch at its from end [pu]")
    declare_variables(b, "q", -s_max, s_max, doc="reactive power into a branch at its from end [pu]")
    most = np.where(ideal, 0.0, bounds.i_max**2)
    declare_variables(b, "l", np.zeros(grid.m), most, doc="squared series current of a branch [pu]")
    _declare_switched_voltages(b, states, grid, bounds, free, more)
    _declare_behind_ratios(b, grid, bounds, is_free, more)
    ends = BranchEnds(b, grid)
    drop = Rows(np.zeros(grid.m), np.zeros(grid.m))
    ends.add(drop, False, every, every, 1.0)
    ends.add(drop, True, every, every, -1.0)
    for variable, value in ((b.p, 2 * grid.r), (b.q, 2 * grid.x), (b.l, -law.v)):
        drop.add(variable, every, every, value)
    declare_rows(b, "voltage_drop", drop, doc="voltage along a branch")
    _declare_state_bounds(b, states, free, bounds)
    _declare_balances(b, grid, is_free, ends, law, more)
    _declare_loss(b, grid, is_free, ends)
    curved = np.flatnonzero(~ideal).tolist()
    p, q, l = ([v[k] for k in curved] for v in (b.p, b.q, b.l))  # noqa: E741
    w = [ends.at_from(k) for k in curved]
    declare_cones(b, "cone", (p, q, l, w), curved, doc="the current of a branch carries its power, relaxed")
    mark_relaxed(b, b.cone)
    _declare_current_limits(b, grid, bounds, ends, law, more)
    b.open_end_limit = pyo.ConstraintList(doc="ratings of open branches that stay connected at an end")
    for r in rated_open_ends(grid, free):
        b.open_end_limit.add(open_end_overload(b, states, grid, r) <= 0)


def _declare_switched_voltages(
    b: pyo.Block, states: pyo.Block, grid: Grid, bounds: Bounds, free: Sequence[int], more: Attachments
) -> None:
    """``w = z v`` at both ends of every free branch, exactly, by its McCormick rows; without supply ``v`` is 0."""
    tau2 = grid.ratio**2
    b.w_f = pyo.Var(
        list(free),
        bounds=lambda _, k: (0, bounds.v_max[grid.f[k]] / tau2[k]),
        doc="squared voltage that the from end sees [pu]",
    )
    b.w_t = pyo.Var(
        list(free), bounds=lambda _, k: (0, bounds.v_max[grid.t[k]]), doc="squared voltage that the to end sees [pu]"
    )
    b.mccormick = pyo.ConstraintList(doc="voltages at the ends are those of the nodes, or 0 where a branch is open")
    for k in free:
        for w, node, scale in ((b.w_f[k], int(grid.f[k]), tau2[k]), (b.w_t[k], int(grid.t[k]), 1.0)):
            low, high, v, z = bounds.v_min[node] / scale, bounds.v_max[node] / scale, b.v[node] / scale, states.z[k]
            if low == high:
                b.mccormick.add(w == low * z)
                continue
            b.mccormick.add(w <= high * z)
            b.mccormick.add(w >= low * z)
            lit = more.supplied.get(node, 1)
            b.mccormick.add(v - w <= high * (lit - z))
            b.mccormick.add(v - w >= low * (lit - z))


def _declare_state_bounds(b: pyo.Block, states: pyo.Block, free: Sequence[int], bounds: Bounds) -> None:
    """Nothing flows through an open branch."""
    s_max = bounds.s_max
    b.open_state = pyo.ConstraintList(doc="nothing flows through an open branch")
    for k in free:
        one_p, one_q = bounds.one_way_p[k], bounds.one_way_q[k]
        for flow, one_way in ((b.p[k], one_p), (b.q[k], one_q)):
            b.open_state.add(flow <= s_max[k] * (states.beta_f[k] if one_way else states.z[k]))
            b.open_state.add(flow >= -s_max[k] * (states.beta_t[k] if one_way else states.z[k]))
        b.open_state.add(b.l[k] <= bounds.i_max[k] ** 2 * states.z[k])


def _declare_behind_ratios(b: pyo.Block, grid: Grid, bounds: Bounds, is_free: BoolArray, more: Attachments) -> None:
    """Declare the squared voltage behind every ratio, ``v / ratio²`` or what a device says."""
    scaled = [k for k in np.flatnonzero(~is_free).tolist() if grid.ratio[k] != 1.0 or k in more.behind]
    b.u = pyo.Var(
        scaled,
        bounds=lambda _, k: (0, bounds.v_max[grid.f[k]] / bounds.ratio_min[k] ** 2),
        doc="squared voltage behind the ratio of a branch [pu]",
    )
    b.behind_ratio = pyo.Constraint(
        scaled,
        rule=lambda _, k: b.u[k] == more.behind.get(k, b.v[int(grid.f[k])] / float(grid.ratio[k]) ** 2),
    )


def _shunts(grid: Grid, is_free: BoolArray) -> Iterator[tuple[bool, IntArray, ComplexArray, ComplexArray]]:
    """Shunts at the from ends, then at the to ends.

    Yields
    ------
    bool, (m,) array of int, (m,) complex array, (m,) complex array
        Whether these are the from ends, their nodes, what acts on the voltage that the end sees, and what acts on that
        of its node, as it is left when the branch is open.
    """
    for from_end, node, closed, left, scale in (
        (True, grid.f, grid.y_from, grid.open_from, grid.ratio**2),
        (False, grid.t, grid.y_to, grid.open_to, np.ones(grid.m)),
    ):
        remains = np.where(is_free, left, 0j)
        yield from_end, node, closed - remains, np.asarray(remains / scale, dtype=complex)


def _declare_balances(
    b: pyo.Block, grid: Grid, is_free: BoolArray, ends: BranchEnds, law: Law, more: Attachments
) -> None:
    every, nodes = np.arange(grid.m), np.arange(grid.n)
    balanced = np.isnan(grid.root_v)
    balanced[list(more.supply_p)] = True
    there = np.flatnonzero(balanced)
    for name, flow, lost, own, sign, supplied, withdrawn in (
        ("p_balance", b.p, law.p, grid.p, 1.0, more.supply_p, more.p),
        ("q_balance", b.q, law.q, grid.q, -1j, more.supply_q, more.q),
    ):
        rows = Rows(own, own)
        rows.add(flow, grid.t, every, 1.0)
        rows.add(b.l, grid.t, every, -lost)
        rows.add(flow, grid.f, every, -1.0)
        for from_end, node, seen, left in _shunts(grid, is_free):
            ends.add(rows, from_end, node, every, -(sign * np.conj(seen)).real)
            rows.add(b.v, node, node, -(sign * np.conj(left)).real)
        # an admittance g + jb withdraws g v and -b v
        rows.add(b.v, nodes, nodes, -(sign * np.conj(grid.y)).real)
        made = declare_rows(b, name, rows.only(there), there.tolist(), doc="power of a node")
        _add_parts(made, supplied, withdrawn)


def _add_parts(balance: RowConstraint, supplied: Mapping[int, Any], withdrawn: Mapping[int, Sequence[Any]]) -> None:
    """Put what devices supply and withdraw into the balances of their nodes."""
    parts: dict[int, list[Any]] = {j: [incoming] for j, incoming in supplied.items()}
    for j, outgoing in withdrawn.items():
        parts.setdefault(j, []).extend(-part for part in outgoing)
    for j, more in parts.items():
        told = [part for part in more if part.__class__ not in native_numeric_types or part]
        if told and j in balance:
            balance.extend(j, told)


def _declare_loss(b: pyo.Block, grid: Grid, is_free: BoolArray, ends: BranchEnds) -> None:
    variables, factors = list(b.l.values()), [grid.r]
    v = list(b.v.values())
    for from_end, node, seen, left in _shunts(grid, is_free):
        here, there = np.flatnonzero(seen.real), np.flatnonzero(left.real)
        variables += [ends.at_from(k) if from_end else ends.at_to(k) for k in here.tolist()]
        variables += [v[j] for j in node[there].tolist()]
        factors += [seen.real[here], left.real[there]]
    lost = LinearExpression(constant=0, linear_coefs=np.concatenate(factors).tolist(), linear_vars=variables)
    b.loss = pyo.Expression(expr=lost, doc="losses [pu]")


def _declare_current_limits(
    b: pyo.Block, grid: Grid, bounds: Bounds, ends: BranchEnds, law: Law, more: Attachments
) -> None:
    """Terminal currents are linear in the variables: ``|s I + y V|² = |s|² l + |y|² v + 2 (g P - b Q)``.

    A limit that no admissible flow reaches is left out: ratings such as 99999 kA only spoil the numbers.
    """
    rated, vm = grid.ratings, np.sqrt(bounds.v_max)
    reach = rated.reach(bounds.i_max, vm[grid.f] / bounds.ratio_min, vm[grid.t])
    lowest = np.where(
        rated.at_from, rated.limit * bounds.ratio_min[rated.branch] / grid.ratio[rated.branch], rated.limit
    )
    kept = np.flatnonzero(lowest < reach)
    k, share, y, at_from = rated.branch[kept], rated.share[kept], rated.y[kept], rated.at_from[kept]
    sign = np.where(at_from, 2.0, -2.0)
    # of the power in the impedance at that end, P and Q
    on_p = sign * (y.real * share.real + y.imag * share.imag)
    on_q = sign * (y.real * share.imag - y.imag * share.real)
    lost = np.where(at_from, 0.0, on_p * law.p[k] + on_q * law.q[k])
    number = np.arange(len(kept))
    rows = Rows(np.full(len(kept), -np.inf), rated.limit[kept] ** 2)
    for variable, value in ((b.l, np.abs(share) ** 2 - lost), (b.p, on_p), (b.q, on_q)):
        rows.add(variable, number, k, value)
    for from_end, here in ((True, at_from), (False, ~at_from)):
        ends.add(rows, from_end, number[here], k[here], np.abs(y[here]) ** 2)
    made = declare_rows(b, "current_limit", rows, doc="ratings at the ends of branches")
    for i in np.flatnonzero(at_from & np.isin(k, list(more.squared_ratio))).tolist():
        # the terminal current is that behind the ratio divided by the ratio
        limit, branch = float(rated.limit[kept[i]]) ** 2, int(k[i])
        made[i].set_value(made[i].body <= limit / float(grid.ratio[branch]) ** 2 * more.squared_ratio[branch])


def rated_open_ends(grid: Grid, free: Sequence[int]) -> list[int]:
    """Rows of `Grid.ratings` whose branch stays connected there while it is open, and charges through the terminal."""
    rated = grid.ratings
    charging = np.where(rated.at_from, grid.open_from[rated.branch], grid.open_to[rated.branch])
    able = np.isin(rated.branch, np.asarray(free, dtype=np.int64)) & (charging != 0) & np.isfinite(rated.limit)
    return [int(r) for r in np.flatnonzero(able)]


def open_end_overload(b: pyo.Block, states: pyo.Block, grid: Grid, r: int) -> Any:
    """Squared charging current of an open branch beyond its limit, ``|y|² (v - w) - I² (1 - z)``; exact for binary z.

    Parameters
    ----------
    b, states : pyomo Block
        See `declare_branch_flow`.
    grid : Grid
        The grid.
    r : int
        A row of its ratings (see `rated_open_ends`).
    """
    k, from_end = int(grid.ratings.branch[r]), bool(grid.ratings.at_from[r])
    y = complex(grid.open_from[k] if from_end else grid.open_to[k])
    whole = b.v[int(grid.f[k])] / float(grid.ratio[k]) ** 2 if from_end else b.v[int(grid.t[k])]
    seen = b.w_f[k] if from_end else b.w_t[k]
    return abs(y) ** 2 * (whole - seen) - float(grid.ratings.limit[r]) ** 2 * (1 - states.z[k])
