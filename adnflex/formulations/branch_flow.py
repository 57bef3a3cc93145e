"""What every branch flow formulation has: voltages, switched voltages, balances, cones, current limits.

A formulation adds its law: what the squared current `l` of a branch takes from the balances and gives to the voltage.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyomo.environ as pyo

from adnflex.formulations.attachments import Attachments
from adnflex.formulations.bounds import Bounds
from adnflex.formulations.law import Law
from adnflex.grid.model import Grid
from adnflex.solvers.cones import mark_relaxed


def declare_voltages(block: pyo.Block, grid: Grid, bounds: Bounds) -> None:
    """Declare the squared voltages ``v`` of all nodes, which devices and branch flow share."""
    block.v = pyo.Var(
        range(grid.n),
        bounds=lambda _, j: (bounds.v_min[j], bounds.v_max[j]),
        doc="squared voltage of a node [pu]",
    )


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
        (free branches), constraints, among them ``voltage_drop``, ``p_balance``, ``q_balance`` and ``cone``,
        and expressions ``loss`` and ``at_from``, ``at_to`` (squared voltage seen by the ends of a branch, 0 where
        it is open).
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
    b = block
    is_free = set(free)
    m = grid.m
    tau2, s_max = grid.ratio**2, bounds.s_max
    within = [(-s, s) for s in s_max.tolist()]
    b.p = pyo.Var(range(m), bounds=lambda _, k: within[k], doc="active power into a branch at its from end [pu]")
    b.q = pyo.Var(range(m), bounds=lambda _, k: within[k], doc="reactive power into a branch at its from end [pu]")
    ideal = (grid.r == 0) & (grid.x == 0)
    most = np.where(ideal, 0.0, bounds.i_max**2).tolist()
    b.l = pyo.Var(range(m), bounds=lambda _, k: (0, most[k]), doc="squared series current of a branch [pu]")
    _declare_switched_voltages(b, states, grid, bounds, free)
    at_from = [b.w_f[k] if k in is_free else b.v[int(grid.f[k])] / tau2[k] for k in range(m)]
    for k, seen in more.behind.items():
        at_from[k] = seen
    at_to = [b.w_t[k] if k in is_free else b.v[int(grid.t[k])] for k in range(m)]
    b.at_from, b.at_to = (
        pyo.Expression(range(m), rule=lambda _, k: at_from[k]),
        pyo.Expression(range(m), rule=lambda _, k: at_to[k]),
    )
    b.voltage_drop = pyo.Constraint(
        range(m),
        rule=lambda _, k: at_to[k] == at_from[k] - 2 * (grid.r[k] * b.p[k] + grid.x[k] * b.q[k]) + law.v[k] * b.l[k],
        doc="voltage along a branch",
    )
    _declare_state_bounds(b, states, free, bounds)
    _declare_balances(b, grid, is_free, at_from, at_to, law, more)
    _declare_cones(b, grid, bounds, is_free, ideal, at_from, more)
    _declare_current_limits(b, grid, bounds, at_from, at_to, law, more)
    for r in rated_open_ends(grid, free):
        b.current_limit.add(open_end_overload(b, states, grid, r) <= 0)


def _declare_switched_voltages(
    b: pyo.Block, states: pyo.Block, grid: Grid, bounds: Bounds, free: Sequence[int]
) -> None:
    """``w = z v`` at both ends of every free branch, exactly, by its McCormick rows."""
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
            b.mccormick.add(v - w <= high * (1 - z))
            b.mccormick.add(v - w >= low * (1 - z))


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


def _declare_balances(
    b: pyo.Block,
    grid: Grid,
    is_free: set[int],
    at_from: list[Any],
    at_to: list[Any],
    law: Law,
    more: Attachments,
) -> None:
    active: list[list[Any]] = [[] for _ in range(grid.n)]
    reactive: list[list[Any]] = [[] for _ in range(grid.n)]
    lost: list[Any] = []
    for k in range(grid.m):
        f, t = int(grid.f[k]), int(grid.t[k])
        active[t].append(b.p[k] - law.p[k] * b.l[k])
        reactive[t].append(b.q[k] - law.q[k] * b.l[k])
        active[f].append(-b.p[k])
        reactive[f].append(-b.q[k])
        lost.append(grid.r[k] * b.l[k])
        ends = (
            (
                f,
                at_from[k],
                None if k in more.behind else b.v[f] / grid.ratio[k] ** 2,
                grid.y_from[k],
                grid.open_from[k],
            ),
            (t, at_to[k], b.v[t], grid.y_to[k], grid.open_to[k]),
        )
        for node, seen, full, y_closed, y_open in ends:
            parts = [(y_closed, seen), (y_open, full - seen)] if k in is_free else [(y_closed, seen)]
            for y, voltage in parts:
                if y.real:
                    active[node].append(-y.real * voltage)
                    lost.append(y.real * voltage)
                if y.imag:
                    reactive[node].append(y.imag * voltage)
    for flows, supplied, withdrawn in ((active, more.supply_p, more.p), (reactive, more.supply_q, more.q)):
        for j, incoming in supplied.items():
            flows[j].append(incoming)
        for j, outgoing in withdrawn.items():
            flows[j].extend(-part for part in outgoing)
    for j in range(grid.n):
        if grid.y[j].real:
            active[j].append(-float(grid.y[j].real) * b.v[j])
        if grid.y[j].imag:
            reactive[j].append(float(grid.y[j].imag) * b.v[j])
    balanced = [j for j in range(grid.n) if np.isnan(grid.root_v[j]) or j in more.supply_p]
    b.p_balance = pyo.Constraint(
        balanced, rule=lambda _, j: pyo.quicksum(active[j]) == float(grid.p[j]), doc="active power of a node"
    )
    b.q_balance = pyo.Constraint(
        balanced, rule=lambda _, j: pyo.quicksum(reactive[j]) == float(grid.q[j]), doc="reactive power of a node"
    )
    b.loss = pyo.Expression(expr=pyo.quicksum(lost), doc="losses [pu]")


def _declare_cones(
    b: pyo.Block,
    grid: Grid,
    bounds: Bounds,
    is_free: set[int],
    ideal: np.ndarray,
    at_from: list[Any],
    more: Attachments,
) -> None:
    scaled = {k for k in range(grid.m) if k not in is_free and (grid.ratio[k] != 1.0 or k in more.behind)}
    b.u = pyo.Var(
        sorted(scaled),
        bounds=lambda _, k: (0, bounds.v_max[grid.f[k]] / bounds.ratio_min[k] ** 2),
        doc="squared voltage behind the ratio of a branch [pu]",
    )
    b.behind_ratio = pyo.Constraint(sorted(scaled), rule=lambda _, k: b.u[k] == at_from[k])
    w = [b.w_f[k] if k in is_free else b.u[k] if k in scaled else b.v[int(grid.f[k])] for k in range(grid.m)]
    b.cone = pyo.Constraint(
        np.flatnonzero(~ideal).tolist(),
        rule=lambda _, k: b.p[k] ** 2 + b.q[k] ** 2 <= b.l[k] * w[k],
        doc="the current of a branch carries its power, relaxed",
    )
    mark_relaxed(b, b.cone)


def _declare_current_limits(
    b: pyo.Block, grid: Grid, bounds: Bounds, at_from: list[Any], at_to: list[Any], law: Law, more: Attachments
) -> None:
    """Terminal currents are linear in the variables: ``|s I + y V|² = |s|² l + |y|² v + 2 (g P - b Q)``.

    A limit that no admissible flow reaches is left out: ratings such as 99999 kA only spoil the numbers.
    """
    b.current_limit = pyo.ConstraintList(doc="ratings at the ends of branches")
    rated, vm = grid.ratings, np.sqrt(bounds.v_max)
    reach = rated.reach(bounds.i_max, vm[grid.f] / bounds.ratio_min, vm[grid.t])
    lowest = np.where(
        rated.at_from, rated.limit * bounds.ratio_min[rated.branch] / grid.ratio[rated.branch], rated.limit
    )
    for r in np.flatnonzero(lowest < reach).tolist():
        k, share, y = int(rated.branch[r]), complex(rated.share[r]), complex(rated.y[r])
        from_end = bool(rated.at_from[r])
        p = b.p[k] if from_end else b.p[k] - law.p[k] * b.l[k]
        q = b.q[k] if from_end else b.q[k] - law.q[k] * b.l[k]
        own_p, own_q = share.real * p + share.imag * q, share.real * q - share.imag * p
        charging = (2 if from_end else -2) * (y.real * own_p - y.imag * own_q)
        voltage = at_from[k] if from_end else at_to[k]
        current = abs(share) ** 2 * b.l[k] + abs(y) ** 2 * voltage + charging
        limit: Any = float(rated.limit[r]) ** 2
        if from_end and k in more.squared_ratio:
            # the terminal current is that behind the ratio divided by the ratio
            limit = limit / float(grid.ratio[k]) ** 2 * more.squared_ratio[k]
        b.current_limit.add(current <= limit)


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
