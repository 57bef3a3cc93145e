"""How good one topology for all points can be: branch and bound over joint models, exact leaves, few trees at once."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np

from adnflex.algorithms.branch_and_bound import Alternative, Outcome, Relaxed
from adnflex.algorithms.branch_exchange import ExchangeSearch, Score
from adnflex.arrays import IntArray
from adnflex.grid.topology import must_close
from adnflex.knobs import Effort
from adnflex.problems.clock import Deadline
from adnflex.problems.multi_period.directed import JointDirected, ModeTrees
from adnflex.problems.multi_period.joint import COPIES, build_chosen_joint
from adnflex.problems.multi_period.points import Points, grouped
from adnflex.problems.multi_period.search import WindowSearch
from adnflex.problems.reconfiguration.directed_search import DirectedSearch
from adnflex.problems.reconfiguration.meshed import nearest_tree
from adnflex.problems.reconfiguration.probing import Expansion, ModeNode, Probing
from adnflex.problems.reconfiguration.proof import prove
from adnflex.problems.reconfiguration.radial_search import Incumbent, RadialSearch

Open = frozenset[int]

# Radial states of a node that are evaluated one by one instead of splitting it further.
_FEW = 300

# Copies of the network beyond which nothing is proven in useful time.
_MOST_COPIES = 60


class _FewProbing(Probing):
    """Leaves nodes as they are that are enumerated anyway."""

    def __call__(self, task: tuple[ModeNode, float]) -> Relaxed:
        """Expand a node, unless it is marked by shares that are empty."""
        node, cutoff = task
        if node.depth < 0:
            return Relaxed(node.bound, Expansion(node.bound, math.inf, (), [], 0), solves=0)
        return super().__call__((node, cutoff))


class FewTreesSearch(DirectedSearch):
    """Branch and bound over modes that enumerates a node as soon as few radial states are left in it.

    Parameters
    ----------
    problem, search, incumbent
        See `DirectedSearch`.
    few : int
        How many are few.
    """

    def __init__(self, problem: JointDirected, search: ExchangeSearch, incumbent: Incumbent, few: int = _FEW) -> None:
        super().__init__(problem, search, incumbent)
        self.relax = _FewProbing(problem)
        self.trees, self.few = ModeTrees(problem), few

    def brief(self, node: ModeNode, cutoff: float) -> tuple[ModeNode, float]:
        """Return what a worker is told: a node that is enumerated needs no relaxation."""
        known = self.trees.few(node.allowed, self.few) is not None
        return (node._replace(depth=-1, shares=None) if known else node), cutoff

    def split(self, node: ModeNode, point: Expansion | None) -> list[Alternative]:
        """Children of a node, unless it is enumerated."""
        if self.trees.few(node.allowed, self.few) is not None:
            return []
        return super().split(node, point)

    def leaf(self, node: ModeNode) -> float:
        """Least exact value of the radial states of a node; inf where all break a limit."""
        least = math.inf
        for state in self.trees.few(node.allowed, math.inf) or []:
            score = self.search.score(state)
            self.best.offer(state, score)
            if score is not None and score.violation == 0:
                least = min(least, score.objective)
        return least


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
        groups = grouped(self.points, tree, COPIES, effort.seed).guarded(self.points, self.guards)
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
        finder: FewTreesSearch | RadialSearch
        if isinstance(problem, JointDirected):
            finder, name = FewTreesSearch(problem, valued, best), "directed chain hull"
        else:
            finder, name = RadialSearch(problem, valued, best), "chain hull"
        # workers have their own steady clocks, but the same day
        finder.relax.until = time.time() + clock.left
        outcome, _ = prove(finder, clock, effort)
        what = f"joint model of {len(groups)} means ({name})"
        return outcome, f"{what}, conic branch and bound (Clarabel), {outcome.nodes} solves"

    def _only_one(self, best: Incumbent) -> Outcome:
        """Value the only radial state of a grid without loops."""
        grid = self.points.grid
        best.offer(only := nearest_tree(grid, must_close(grid)), self.score(only))
        found = best.state is not None
        return Outcome("optimal" if found else "infeasible", best.state, best.value, best.value, 0)
