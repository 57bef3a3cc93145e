r"""What losses are worth to a dispatch, point by point, and what it costs where nothing is lost.

Where switches are all that is decided, the import of every point is what is drawn there, :math:`d`, and the losses
:math:`\ell` of the topology :math:`z`.  The cost :math:`c` of an import is convex, so that with its slope
:math:`w = c'(d^+)`

.. math:: C(z) = \sum_h c_h(d_h + \ell_h(z)) \ge \sum_h c_h(d_h) + \sum_h w_h \ell_h(z),

an equation where the slope stays the same.  So what is proven of the weighted losses of many periods holds of the
dispatch.
"""

from __future__ import annotations

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.devices import Supplies, able
from adnflex.problems.dispatch.model import Dispatch
from adnflex.problems.dispatch.state import DispatchState
from adnflex.problems.multi_period.points import Points

# In the objective of a dispatch for least emissions money counts so much.
_MONEY_BESIDE_CARBON = 1e-6


def money_factor(dispatch: Dispatch) -> float:
    """Return what money counts in the objective."""
    return 1.0 if dispatch.costs.minimise == "cost" else _MONEY_BESIDE_CARBON


def worth_of_losses(dispatch: Dispatch, drawn_mw: FloatArray) -> FloatArray:
    """Objective of one MW more lost at each point (S, T); of several sources the least, NaN where a price is a curve.

    Parameters
    ----------
    dispatch : Dispatch
        The model.
    drawn_mw : (S, T) array
        What is drawn there without losses [MW].
    """
    h, costs = dispatch.horizon, dispatch.costs
    found = []
    for source in able(dispatch.devices, Supplies):
        money = source.slope(drawn_mw) + costs.loss_per_mwh + costs.carbon_per_kg * source.carbon
        mass = source.carbon if costs.minimise == "carbon" else 0.0
        found.append(h.probabilities[:, None] * h.hours * (money_factor(dispatch) * money + mass))
    return np.asarray(np.min(found, axis=0))


def points_at(dispatch: Dispatch, state: DispatchState) -> Points:
    """Return the operating points of a state, ordered by period, weighted by what losses are worth; never below 0.

    Positions and root voltages that differ from point to point are their means: good enough to look for topologies.
    """
    h, grids = dispatch.horizon, state.grids
    order = [(s, t) for t in range(h.periods) for s in range(h.scenarios)]
    p, q, y = (np.stack([getattr(grids[key], name) for key in order]) for name in ("p", "q", "y"))
    ratio, root_v = (np.mean([getattr(g, name) for g in grids.values()], axis=0) for name in ("ratio", "root_v"))
    grid = dispatch.points.grid.replace(ratio=ratio, root_v=root_v)
    drawn = p.sum(axis=1).reshape(h.periods, h.scenarios).T * grid.base_mva
    worth = worth_of_losses(dispatch, drawn)
    # where a price is a curve every hour counts the same
    worth = np.where(np.isnan(worth), h.probabilities[:, None] * h.hours, np.maximum(worth, 0.0)).T.reshape(-1)
    window = np.repeat([dispatch.topology.span_of(t) for t in range(h.periods)], h.scenarios)
    return Points(grid, p, q, y, worth, window)


def without_losses(dispatch: Dispatch) -> float | None:
    """Cost of what is drawn, where switches are all that is decided and losses add their worth; else None.

    Loads of constant impedance draw what the voltage makes of them, a cost table may be curved, several sources may
    have several prices, losses may be welcome: then nothing is said.
    """
    h, costs, points = dispatch.horizon, dispatch.costs, dispatch.points
    sources = able(dispatch.devices, Supplies)
    drawn = points.p.sum(axis=2) * points.grid.base_mva
    first, far = sources[0], np.full(drawn.shape, 1.0)
    alike = all(
        np.array_equal(s.slope(far), first.slope(far))
        and np.array_equal(s.slope(-far), s.slope(far))
        and np.array_equal(s.carbon, first.carbon)
        for s in sources
    )
    plain = (
        len(sources) == len(dispatch.devices)
        and (alike or len(sources) == 1)
        and not points.y.real.any()
        and dispatch.formulation.bounds_ac
        and bool((worth_of_losses(dispatch, drawn) >= 0).all())  # not where one is NaN
    )
    if not plain:
        return None
    kg = (first.carbon * drawn).sum(axis=1) * h.hours
    money = float(h.probabilities @ (first.purchase(drawn, h.hours) + costs.carbon_per_kg * kg))
    mass = float(h.probabilities @ kg) if costs.minimise == "carbon" else 0.0
    return money_factor(dispatch) * money + mass
