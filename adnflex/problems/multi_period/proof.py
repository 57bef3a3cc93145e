"""How good one topology for all points can be: branch and bound over joint models, exact leaves, few trees at once."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from adnflex.algorithms.branch_and_bound import Outcome
from adnflex.algorithms.branch_exchange import ExchangeSearch, Score
from adnflex.arrays import IntArray
from adnflex.grid.topology import must_close
from adnflex.knobs import Effort
from adnflex.problems.clock import Deadline
from adnflex.problems.multi_period.directed import JointDirected
from adnflex.problems.multi_period.evaluation import Evaluator
from adnflex.problems.multi_period.joint import COPIES, build_chosen_joint
from adnflex.problems.multi_period.levels import Levels
from adnflex.problems.multi_period.point_values import PointValues
from adnflex.problems.multi_period.points import Groups, Points, grouped, split
from adnflex.problems.multi_period.search import WindowSearch
from adnflex.problems.reconfiguration.directed_search import DirectedSearch
from adnflex.problems.reconfiguration.meshed import nearest_tree
from adnflex.problems.reconfiguration.proof import prove
from adnflex.problems.reconfiguration.radial_search import Incumbent, RadialSearch

Open = frozenset[int]

# Copies of the network beyond which nothing is proven in useful time.
_MOST_COPIES = 60


@dataclass
class OneProof:
    """Proves how good one topology can be for some points.

    Parameters
    ----------
    points : Points
        The points.
    search : WindowSearch
        What values topologies, at these points among others.
    guards : array of int
        Points whose limits have to stand in the model by themselves.
    price : float
        Of an operation, counted from the present states.
    most : int, optional
        Largest number of operations.
    rows : array of int, optional
        Which points of the search these are; by default all.
    """

    points: Points
    search: WindowSearch
    guards: IntArray
    price: float = 0.0
    most: int | None = None
    rows: IntArray | None = None

    def score(self, state: Open) -> Score | None:
        """Value a topology at the points, with the price of its operations."""
        found = self.search.exact(state)
        if found is None:
            return None
        here = slice(None) if self.rows is None else self.rows
        loss, violation = found.loss_mw[here], found.violation[here]
        if not np.isfinite(loss).all():
            return None
        away = len(state ^ self.search.present)
        beyond = max(away - self.most, 0) if self.most is not None else 0
        return Score(float(violation.sum()) + beyond, float(self.points.weight @ loss) + self.price * away)

    def run(self, best: Incumbent, effort: Effort, clock: Deadline) -> tuple[Outcome, str]:
        """Search and prove; also by what. The best topology so far is improved."""
        weight = np.zeros(len(self.search.points))
        weight[slice(None) if self.rows is None else self.rows] = self.points.weight
        moves = self.search.exact.moves
        valued = ExchangeSearch(self.score, lambda state: moves(state, weight), lambda: clock.spent)
        tree = self.search.good_tree(best.state)
        levels = Levels(self.points, tree, effort.seed)
        groups = self._groups(levels, best, effort).guarded(self.points, self.guards)
        if len(groups) > _MOST_COPIES:
            told = f"no bound: loads of constant impedance differ between periods, which takes {len(groups)} copies"
            return Outcome("unproven", best.state, best.value, 0.0, 0), told
        problem = build_chosen_joint(
            self.points,
            groups,
            tree,
            price=self.price,
            most=self.most,
            cap=best.value,
            formulation=self.search.formulation,
        )
        if isinstance(problem, JointDirected) and not problem.core.chains:
            return self._only_one(best), "the only radial state, by exact power flow"
        finder: DirectedSearch | RadialSearch
        if isinstance(problem, JointDirected):
            values = PointValues(self.points, self.search.required, self.price, self.most, levels)
            guide = self._guide(levels, clock)
            finder, name = DirectedSearch(problem, valued, best, values=values, guide=guide), "directed chain hull"
        else:
            finder, name = RadialSearch(problem, valued, best), "chain hull"
        # workers have their own steady clocks, but the same day
        finder.relax.until = time.time() + clock.left
        outcome, _ = prove(finder, clock, effort)
        what = f"joint model of {len(groups)} means ({name})"
        return outcome, f"{what}, conic branch and bound (Clarabel), {outcome.nodes} solves"

    def _groups(self, levels: Levels, best: Incumbent, effort: Effort) -> Groups:
        """Means of the model: more of them where the fewest leave more than half of the gap asked for to the mean."""
        groups = grouped(self.points, levels.tree, COPIES[0], effort.seed, flows=levels.flows)
        if levels.search is None or best.state is None:
            return groups
        for count in COPIES[1:]:
            means = groups.means
            loss = levels.tree.solve_many(means.p, means.q, means.y).loss
            least = float(means.weight @ loss) * self.points.grid.base_mva
            if not best.value - least > effort.gap / 2 * abs(best.value):
                break
            groups = split(self.points, levels.flows, groups, count, effort.seed)
        return groups

    def _guide(self, levels: Levels, clock: Deadline) -> ExchangeSearch | None:
        """Return a search on means, where there are many points."""
        groups = levels.search
        if groups is None:
            return None
        means = Evaluator(groups.guarded(self.points, self.guards).means, self.search.required)

        def score(state: Open) -> Score | None:
            found = means(state)
            if found is None or not np.isfinite(found.loss_mw).all():
                return None
            away = len(state ^ self.search.present)
            beyond = max(away - self.most, 0) if self.most is not None else 0
            value = float(means.points.weight @ found.loss_mw) + self.price * away
            return Score(float(found.violation.sum()) + beyond, value)

        return ExchangeSearch(score, lambda state: means.moves(state, means.points.weight), lambda: clock.spent)

    def _only_one(self, best: Incumbent) -> Outcome:
        """Value the only radial state of a grid without loops."""
        grid = self.points.grid
        best.offer(only := nearest_tree(grid, must_close(grid)), self.score(only))
        found = best.state is not None
        return Outcome("optimal" if found else "infeasible", best.state, best.value, best.value, 0)
