"""What one-way power flow implies for the branches of loops."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyomo.environ as pyo

from adnflex.formulations.bounds import Bounds
from adnflex.formulations.ends import BranchEnds
from adnflex.formulations.law import Law
from adnflex.grid.model import Grid


def declare_direction_cuts(
    block: pyo.Block,
    grid: Grid,
    bounds: Bounds,
    branches: Sequence[int],
    law: Law,
    states: pyo.Block | None = None,
) -> None:
    """Declare what one-way power flow implies: a branch carries at least the load of the bus it feeds.

    Parameters
    ----------
    block : pyomo Block
        Has the variables of `declare_branch_flow`.
    grid, bounds : Grid, Bounds
        The grid and its bounds, which say where power can flow one way only.
    branches : sequence of int
        Branches in loops; the others have their direction anyway.
    law : Law
        That of the formulation.
    states : pyomo Block, optional
        Has ``beta_f``, ``beta_t``, where several operating points share them; by default `block`.
    """
    b, ends = block, BranchEnds(block, grid)
    beta_f, beta_t = (block if states is None else states).beta_f, (block if states is None else states).beta_t
    s_max = bounds.s_max
    # the power at the to end is bounded by the voltage there, not by that at the from end
    s_to = bounds.i_max * np.sqrt(bounds.v_max[grid.t])
    b.direction = pyo.ConstraintList(doc="what one-way power flow implies")
    for k in branches:
        f, t = int(grid.f[k]), int(grid.t[k])
        for one_way, flow, loss, need in (
            (bounds.one_way_p[k], b.p[k], law.p[k] * b.l[k], grid.p),
            (bounds.one_way_q[k], b.q[k], law.q[k] * b.l[k], grid.q),
        ):
            if one_way:
                b.direction.add(flow - loss >= need[t] * beta_f[k] - s_to[k] * beta_t[k])
                b.direction.add(-flow >= need[f] * beta_t[k] - s_max[k] * beta_f[k])
        if bounds.falling[k]:
            span_up = bounds.v_max[t] - bounds.v_min[f]
            span_down = bounds.v_max[f] - bounds.v_min[t]
            if span_up > 0:
                b.direction.add(ends.at_to(k) - ends.at_from(k) <= span_up * beta_t[k])
            if span_down > 0:
                b.direction.add(ends.at_from(k) - ends.at_to(k) <= span_down * beta_f[k])
