r"""Means of many points at ever finer levels, and what a topology loses at least by the finer ones.

By Jensen's inequality (see `adnflex.problems.multi_period.points`) the losses at the means of groups are below those of
the points, where the cones are exact at the means.  A few means tell most topologies from good ones, many of them side
by side (`adnflex.problems.multi_period.point_values`); those that are near the best known are worth hundreds of means
each before they are run at every point.
"""

from __future__ import annotations

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.formulations.exactness import losses_are_least
from adnflex.grid.flow import RadialFlow
from adnflex.grid.topology import Adjacency, closed_of
from adnflex.problems.multi_period.points import Groups, Points, grouped, split, weighted_flows

Open = frozenset[int]

# Means for many topologies side by side, where there are more than twice as many points: two leave one in a hundred of
# those that a search has to look at, and cost less than a tenth of a relaxation each.
_COARSE = (2, 6, 20)

# Means for one topology; more than this part of the points save nothing.
_FINE, _WORTH = (100, 400, 1600), 0.25

# Part of a bound by means that rounding may have added.
ROUNDING = 1e-8


class Levels:
    """Means, coarse and fine, and lower bounds by them.

    Parameters
    ----------
    points : Points
        All points.
    tree : RadialFlow
        A good topology: points are grouped by its flows.
    seed : int
        Of the grouping.

    Attributes
    ----------
    coarse, fine : list of Groups
        The means, fewest first; points of different constant impedances share none.
    flows : (T, axes) array
        See `adnflex.problems.multi_period.points.weighted_flows`.
    """

    def __init__(self, points: Points, tree: RadialFlow, seed: int = 0) -> None:
        self.points, self.tree = points, tree
        self._adjacency = Adjacency(points.grid)
        self.coarse: list[Groups] = []
        self.fine: list[Groups] = []
        self.flows: FloatArray = weighted_flows(points, tree)
        for count in _COARSE:
            if len(points) > 2 * count:
                groups = grouped(points, tree, count, seed, flows=self.flows)
                self.coarse += [groups] if len(groups) <= 2 * count else []
        last = self.coarse[-1] if self.coarse else None
        for count in _FINE:
            if last is not None and count <= _WORTH * len(points):
                last = split(points, self.flows, last, count, seed)
                self.fine.append(last)

    @property
    def search(self) -> Groups | None:
        """Means for a search; None where the points are so few that these save little."""
        return self.coarse[-1] if self.fine else None

    def least(self, state: Open, cutoff: float) -> float:
        """Return what a state is proven to lose at least, no more closely than the cutoff asks; -inf where nothing is.

        Limits are not looked at: a state that breaks them may be bounded too.
        """
        forest = self._adjacency.forest(closed_of(self.points.grid, state))
        if forest is None:
            return np.inf
        found, flow = -np.inf, RadialFlow(self.points.grid, forest)
        for groups in self.fine:
            means = groups.means
            states = flow.solve_many(means.p, means.q, means.y)
            if not np.isfinite(states.loss).all() or not losses_are_least(flow, states, means.y):
                break
            lost = float(means.weight @ states.loss) * self.points.grid.base_mva
            found = max(found, lost * (1 - ROUNDING))
            if found >= cutoff:
                break
        return found
