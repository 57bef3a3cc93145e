r"""What many topologies are worth at some points: a few means drop most of them, the rest is run at every point.

By Jensen's inequality (see `adnflex.problems.multi_period.points`) what a topology loses at means is less than what it
loses at the points, where its cones are exact at the means: that is shown for each by its multipliers
(`adnflex.formulations.tree_multipliers`).  What reaches the cutoff by its means is no better, whatever its limits.
"""

from __future__ import annotations

import numpy as np

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.formulations.tree_multipliers import cones_are_exact
from adnflex.grid.topology import closed_of_each
from adnflex.grid.tree_flows import TreeFlows
from adnflex.grid.trees import Trees
from adnflex.problems.multi_period.evaluation import Evaluator
from adnflex.problems.multi_period.levels import ROUNDING, Levels
from adnflex.problems.multi_period.points import Points
from adnflex.problems.reconfiguration.exchange import limit_violations

Open = frozenset[int]

# Topologies that are valued rather than relaxed further, with means and without.
_FEW, _FEW_ALONE = 5000, 400

# From so many topologies on, and up to so many points, they are run side by side, one point after the other; fewer
# topologies are run one after the other, all points side by side.
_TOGETHER, _POINTS = 6, 60


class PointValues:
    """Values of topologies, for `adnflex.problems.reconfiguration.few_trees`; holds arrays only.

    Parameters
    ----------
    points : Points
        The points.
    required : (m,) array of bool
        Branches that stay closed.
    price : float
        Of an operation, counted from the present states.
    most : int, optional
        Largest number of operations.
    levels : Levels, optional
        Means that tell topologies from good ones; without them all are run at every point.
    """

    def __init__(
        self,
        points: Points,
        required: BoolArray,
        price: float = 0.0,
        most: int | None = None,
        levels: Levels | None = None,
    ) -> None:
        self.points, self.price, self.most = points, price, np.inf if most is None else most
        self.evaluator, self.flows = Evaluator(points, required), TreeFlows(points.grid)
        self.levels = levels
        self.few = _FEW if levels is not None and levels.coarse else _FEW_ALONE

    def __call__(self, opened: IntArray, cutoff: float) -> FloatArray:
        """Return values of topologies (B, j); inf beyond a limit or the budget, NaN where power flow was not solved.

        From the cutoff on a value may be a lower bound.
        """
        width = self.flows.width
        parts = [self._block(opened[at : at + width], cutoff) for at in range(0, len(opened), width)]
        return np.concatenate([np.zeros(0), *parts])

    def _block(self, opened: IntArray, cutoff: float) -> FloatArray:
        grid = self.points.grid
        closed = closed_of_each(grid, opened)
        away = np.count_nonzero(closed != grid.closed, axis=1)
        found = np.where(away > self.most, np.inf, self.price * away)
        live = np.flatnonzero(found < cutoff)
        for groups in () if self.levels is None else self.levels.coarse:
            if np.isfinite(cutoff) and len(live) >= _TOGETHER:
                least = self._least(self.flows.grown(closed[live]), groups.means)
                found[live] = np.maximum(found[live], least + self.price * away[live])
                live = live[found[live] < cutoff]
        if len(live) >= _TOGETHER and len(self.points) <= _POINTS:
            exact = self._together(self.flows.grown(closed[live]))
        else:
            left = (cutoff - self.price * away[live]).tolist()
            rows = zip(opened[live].tolist(), left, strict=True)
            exact = np.array([self._alone(frozenset(row), most) for row, most in rows])
        found[live] = exact + self.price * away[live]
        return found

    def _least(self, trees: Trees, means: Points) -> FloatArray:
        """Bound what topologies lose, by those of the means at which their cones are exact."""
        least = np.zeros(len(trees.closed))
        for t in np.flatnonzero(means.weight > 0).tolist():
            at = self.flows.at(trees, means.p[t], means.q[t], means.y[t])
            lost = float(means.weight[t]) * at.loss * self.points.grid.base_mva
            least += np.where(cones_are_exact(at), lost, 0.0)
        return least * (1 - ROUNDING)

    def _together(self, trees: Trees) -> FloatArray:
        """Run topologies at one point after the other; those that break a limit are left out from then on."""
        points, grid = self.points, self.points.grid
        found = np.zeros(len(trees.closed))
        for t in range(len(points)):
            at = self.flows.at(trees, points.p[t], points.q[t], points.y[t])
            state = at.state
            with np.errstate(invalid="ignore"):
                broken = limit_violations(grid, state) > 0
                lost = points.weight[t] * state.loss * grid.base_mva
            found += np.where(broken, np.inf, lost)
        return found

    def _alone(self, state: Open, cutoff: float) -> float:
        """Losses of one topology, or a lower bound of them from the cutoff on."""
        if self.levels is not None and self.levels.fine and np.isfinite(cutoff):
            least = self.levels.least(state, cutoff)
            if least >= cutoff:
                return least
        found = self.evaluator.fresh(state)
        if found is None or found.violation[np.isfinite(found.violation)].any():
            return np.inf
        if not np.isfinite(found.loss_mw).all():
            return np.nan
        return float(self.points.weight @ found.loss_mw)

    def refuted(self, opened: IntArray, cutoff: float) -> bool:
        """Whether a topology without power flow at a point is shown to be no better; that is not looked for."""
        return False
