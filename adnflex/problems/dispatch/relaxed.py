"""The point of a relaxation as a state: its own voltages, flows and losses, beside those of exact power flow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.core.expr.numeric_expr import LinearExpression

from adnflex.arrays import FloatArray
from adnflex.devices import Supplies
from adnflex.garbage import without_garbage_search
from adnflex.grid.state import GridState
from adnflex.grid.topology import Adjacency
from adnflex.problems.dispatch.model import Dispatch
from adnflex.problems.dispatch.recover import network_cones
from adnflex.problems.dispatch.state import DispatchState


def _measured(dispatch: Dispatch, x: FloatArray) -> FloatArray:
    """Let the squared currents be what the flows say: where they act on nothing, a solver may leave them anywhere."""
    x = x.copy()
    p, q, l, w = dispatch.form.cones[network_cones(dispatch).cone].T  # noqa: E741
    x[l] = (x[p] ** 2 + x[q] ** 2) / np.maximum(x[w], 1e-6)
    return x


@without_garbage_search()
def relaxed_state(dispatch: Dispatch, state: DispatchState, x: FloatArray) -> DispatchState:
    """Return what the relaxation itself says at a point.

    Parameters
    ----------
    dispatch : Dispatch
        The model.
    state : DispatchState
        What exact power flow makes of the same point.
    x : (N,) array
        The point.
    """
    form, model, grid = dispatch.form, dispatch.model, dispatch.points.grid
    if not dispatch.formulation.bounds_ac:
        x = _measured(dispatch, x)
    form.load(x)
    adjacency = Adjacency(grid)
    flows: dict[tuple[int, int], GridState | None] = {}
    for (s, t), now in state.grids.items():
        at, closed = model.at[s, t], state.closed[t]
        # a root next to fixed voltages only is no column of the model
        v = np.where(np.isnan(now.root_v), form.get(x, at.v, grid.n), now.root_v)
        p, q, l = (form.get(x, part, grid.m) for part in (at.p, at.q, at.l))  # noqa: E741
        radial = adjacency.forest(closed) is not None
        flows[s, t] = GridState(closed, v, p, q, l, _lost(at.loss)) if radial else None
    imports = [
        device.imported(model.device[i], dispatch.frame)
        for i, device in enumerate(dispatch.devices)
        if isinstance(device, Supplies)
    ]
    p_mw, q_mvar = (np.stack([pair[k] for pair in imports], axis=2) for k in range(2))
    return replace(state, flows=flows, grid_mw=p_mw, grid_mvar=q_mvar)


def _lost(loss: Any) -> float:
    """Value of the losses at the point that the model holds."""
    lost = loss.expr
    if lost.__class__ is not LinearExpression:
        return float(pyo.value(lost))
    return float(lost.constant + np.dot(lost.linear_coefs, [v.value for v in lost.linear_vars]))


def looseness(dispatch: Dispatch, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return cone gaps and invented loss at a point; NaN where currents act on nothing and can invent nothing.

    Parameters
    ----------
    dispatch : Dispatch
        The model.
    x : (N,) array
        The point.
    """
    gaps, invented = network_cones(dispatch).gaps(dispatch, x)
    known = dispatch.formulation.bounds_ac
    return (gaps, invented) if known else (np.full_like(gaps, np.nan), np.full_like(invented, np.nan))
