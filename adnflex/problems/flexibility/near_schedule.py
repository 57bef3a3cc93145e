"""The horizon around a schedule that is known: the currents' equations are their tangents there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import sparse

from adnflex.grid.state import Flow
from adnflex.problems.dispatch.model import Dispatch
from adnflex.solvers.conic import ConicForm


def near_schedule(dispatch: Dispatch, form: ConicForm, flow: Flow) -> ConicForm:
    """Return a form whose equations have the prices of a schedule, where that is the best one near itself.

    Parameters
    ----------
    dispatch : Dispatch
        The horizon.
    form : ConicForm
        Its form as it is bounded; rows are added behind its own.
    flow : Flow
        States of the schedule (T,).
    """
    grid = dispatch.points.grid
    currents = dispatch.variable("l", grid.m)[0]
    place = {int(c): (t, k) for t, row in enumerate(currents) for k, c in enumerate(row.tolist()) if c >= 0}
    equation = np.array([c in place and form.low[c] < form.high[c] for c in form.cones[:, 2].tolist()], dtype=bool)
    cones = form.cones[equation]
    t, k = np.array([place[c] for c in cones[:, 2].tolist()], dtype=np.int64).reshape(-1, 2).T
    p, q, l = flow.p[t, k], flow.q[t, k], flow.l[t, k]  # noqa: E741
    w = flow.v[t, grid.f[k]] / grid.ratio[k] ** 2
    values = np.concatenate([np.ones(len(cones)), -2 * p / w, -2 * q / w, l / w])
    columns = np.concatenate([cones[:, 2], cones[:, 0], cones[:, 1], cones[:, 3]])
    shape = (len(cones), len(form.c))
    rows = sparse.csr_matrix((values, (np.tile(np.arange(len(cones)), 4), columns)), shape=shape)
    # homogeneous of degree one in (p, q, w): the tangent goes through the origin
    right = np.zeros(len(cones))
    return replace(
        form,
        a=sparse.csr_matrix(sparse.vstack([form.a, rows])),
        row_low=np.concatenate([form.row_low, right]),
        row_high=np.concatenate([form.row_high, right]),
        cones=form.cones[~equation],
        rows=[],
    )
