"""One node of the search over modes: reduced costs fix, probing fixes, and what is left is split.

A node is a set of allowed modes of every chain.  Its relaxation prices every mode: one that would lift the bound to the
cutoff is excluded.  Then the children of several splits are solved (open or closed, one sense or the other, one half of
the positions or the other); a child that reaches the cutoff fixes the other one for good, a mode that is gone in both
is gone, and the split whose children rise most is taken.  Where few radial states are left, in a node or in a child,
all of them are run instead (`adnflex.problems.reconfiguration.few_trees`).  Holds arrays only, so that nodes travel to
other processes.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from adnflex.algorithms.branch_and_bound import Alternative, Relaxed
from adnflex.algorithms.exactly_one import ExactlyOne
from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.problems.reconfiguration.directed import DirectedReconfiguration
from adnflex.problems.reconfiguration.few_trees import FewTrees, StateValues
from adnflex.problems.reconfiguration.mode_sets import ModeSets
from adnflex.problems.reconfiguration.splits import Splits
from adnflex.solvers.shrinking import ShrinkingConic, Shrunk

Open = frozenset[int]

# Reduced costs are looked at again while a solve excludes so large a part of the modes.
_WORTH = 0.08

# Splits that are probed, by depth of the node; more at the root cost more solves than they save.
_ROOT, _UPPER, _MIDDLE, _LOWER = 8, 8, 6, 4


class ModeNode(NamedTuple):
    """Allowed modes, with what is known of them.

    Attributes
    ----------
    allowed : (k,) array of bool
        The modes.
    bound : float
        Proven lower bound.
    shares : (k,) array or None
        Shares at the optimum of the relaxation.
    depth : int
        Splits above it.
    carried : (k,) array or None
        Power that every mode carries there.
    """

    allowed: BoolArray
    bound: float
    shares: FloatArray | None
    depth: int
    carried: FloatArray | None = None


class Expansion(NamedTuple):
    """What came of a node.

    Attributes
    ----------
    bound : float
        Proven lower bound of the node; inf where nothing in it is better than the cutoff, which `closed` tells apart.
    closed : float
        Smallest bound of what was cut off at the cutoff, inf where nothing was.
    children : tuple of ModeNode
        What is left; empty where nothing is.
    points : list of (k,) array
        Shares of relaxations on the way, for a heuristic.
    solves : int
        Relaxations solved.
    found : list of frozenset of int
        Open branches of states that are better than the cutoff.
    """

    bound: float
    closed: float
    children: tuple[ModeNode, ...]
    points: list[FloatArray]
    solves: int
    found: list[Open]


class Expander:
    """Expands nodes.

    Parameters
    ----------
    conic : ShrinkingConic
        The relaxation.
    sets : ModeSets
        Its modes.
    lift : callable, optional
        Raises a bound to the next value that the objective can have; picklable.
    few : FewTrees, optional
        Enumerates nodes in which few radial states are left.
    """

    def __init__(
        self,
        conic: ShrinkingConic,
        sets: ModeSets,
        lift: Callable[[float], float] | None = None,
        few: FewTrees | None = None,
    ) -> None:
        self.conic, self.sets, self.lift, self.few = conic, sets, lift, few
        self.until = math.inf
        self.splits = Splits(sets.modes, sets.chains)
        self.chain, self.of_chain = self.splits.chain, self.splits.of_chain
        self.rules = ExactlyOne([*(s.tolist() for s in self.of_chain), *sets.feeding], len(sets.modes))

    @property
    def root(self) -> ModeNode:
        """The node where everything is allowed."""
        return ModeNode(np.ones(len(self.sets.modes), dtype=bool), -math.inf, None, 0)

    def decided(self, allowed: BoolArray) -> bool:
        """Whether every chain has one mode left."""
        return int(allowed.sum()) == len(self.of_chain)

    def __call__(self, task: tuple[ModeNode, float]) -> Relaxed:
        """Expand a node below a cutoff; the point is its `Expansion`."""
        grown = self.expand(*task)
        return Relaxed(grown.bound, grown, grown.closed, grown.solves)

    def expand(self, node: ModeNode, cutoff: float) -> Expansion:
        """Expand a node below a cutoff."""
        return _Expanding(self, node, cutoff).run()


class ModeTree:
    """What every search over modes tells `branch_and_bound` of a node: what is expanded, and the children found.

    Attributes
    ----------
    relax : Expander
        Expands nodes.
    """

    relax: Expander

    def brief(self, node: ModeNode, cutoff: float) -> tuple[ModeNode, float]:
        """Return what a worker is told."""
        return node, cutoff

    def split(self, node: ModeNode, point: Expansion | None) -> list[Alternative]:
        """Children of a node, unless every chain is decided."""
        if point is None or self.relax.decided(node.allowed):
            return []
        return [Alternative(0.5, point.children, tuple(c.bound for c in point.children))]


class Probing(Expander):
    """Expands nodes of a whole problem.

    Parameters
    ----------
    problem : DirectedReconfiguration
        The model.
    lift : callable, optional
        See `Expander`.
    values : StateValues, optional
        What radial states are worth; with it, nodes with few of them are enumerated.
    """

    def __init__(
        self,
        problem: DirectedReconfiguration,
        lift: Callable[[float], float] | None = None,
        values: StateValues | None = None,
    ) -> None:
        conic = ShrinkingConic.of(problem.form, problem.owner, problem.shares, problem.bounded)
        few = None if values is None else FewTrees(problem, values)
        super().__init__(conic, ModeSets.of(problem.core, problem.modes), lift, few)


class _Expanding:
    def __init__(self, probing: Expander, node: ModeNode, cutoff: float) -> None:
        self.p, self.node, self.cutoff = probing, node, cutoff
        self.points: list[FloatArray] = []
        self.closed = math.inf
        self.solves = 0
        self.found: list[Open] = []

    def run(self) -> Expansion:
        p, node = self.p, self.node
        # the bound of the root is told before its splits are probed, which on ten thousand buses takes minutes
        fresh = node.depth == 0 and node.shares is None
        relaxed = self.relaxed(node.allowed, rounds=1 if fresh else 5 if node.depth == 0 else 3)
        if relaxed is None:
            return self._end()
        now = relaxed._replace(bound=max(relaxed.bound, node.bound), depth=node.depth)
        if fresh and now.bound < self.cutoff and now.shares is not None:
            return self._end(now.bound, (now,))
        while now.bound < self.cutoff and not p.decided(now.allowed) and now.shares is not None:
            size, most = int(now.allowed.sum()), self._most(node.depth)
            probed = self._probe(now, most)
            if probed is None:
                return self._end()
            now, best = probed
            gone = size - int(now.allowed.sum())
            if best is not None and (node.depth > 0 or gone < 0.1 * size):
                children = [self._child(now, c) for c in best]
                return self._end(now.bound, tuple(c for c in children if c is not None))
            if gone == 0:
                break
            relaxed = self.relaxed(now.allowed, rounds=4)
            if relaxed is None:
                return self._end()
            now = relaxed._replace(bound=max(relaxed.bound, now.bound), depth=node.depth)
        if now.bound >= self.cutoff:
            self.closed = min(self.closed, now.bound)
            return self._end()
        return self._end(now.bound, self._unsolved(now))

    def _most(self, depth: int) -> int:
        return _ROOT if depth == 0 else _UPPER if depth < 3 else _MIDDLE if depth < 8 else _LOWER

    def _unsolved(self, node: ModeNode) -> tuple[ModeNode, ...]:
        """Return a leaf as it is; where no relaxation was solved, the two halves of the largest choice."""
        if self.p.decided(node.allowed):
            return (node,)
        sizes = [int(node.allowed[s].sum()) for s in self.p.of_chain]
        choice = self.p.of_chain[int(np.argmax(sizes))]
        left = choice[node.allowed[choice]]
        half = len(left) // 2
        found = []
        for kept in (left[:half], left[half:]):
            allowed = self.p.rules.follow(self._only(node.allowed, kept))
            if allowed is not None:
                found.append(ModeNode(allowed, node.bound, None, node.depth + 1))
        return tuple(found)

    def _end(self, bound: float = math.inf, children: tuple[ModeNode, ...] = ()) -> Expansion:
        points = self.points if children else []
        return Expansion(bound if children else math.inf, self.closed, children, points, self.solves, self.found)

    def _child(self, parent: ModeNode, child: ModeNode) -> ModeNode | None:
        allowed = self.p.rules.follow(child.allowed & parent.allowed)
        if allowed is None:
            return None
        return child._replace(allowed=allowed, bound=max(parent.bound, child.bound), depth=parent.depth + 1)

    def _only(self, allowed: BoolArray, kept: IntArray) -> BoolArray:
        """Only some modes of their chain."""
        found = allowed.copy()
        found[self.p.of_chain[self.p.chain[kept[0]]]] = False
        found[kept] = allowed[kept]
        return found

    # -- relaxations ---------------------------------------------------------------------------------------------

    def relaxed(self, allowed: BoolArray, rounds: int) -> ModeNode | None:
        """Bound of some modes, those excluded that cannot be better than the cutoff; None where none is left."""
        now = self.p.rules.follow(allowed)
        bound, shares, carried = -math.inf, None, None
        for _ in range(rounds):
            if now is None or self._enumerated(now):
                return None
            answer, value = self._solved(now)
            if value == math.inf:
                return None
            bound = max(bound, value)
            if answer.shares is None or answer.prices is None or answer.bound == -math.inf:
                break
            shares, carried = answer.shares, answer.carried
            if bound >= self.cutoff:
                break
            size = int(now.sum())
            now = self._priced(now, answer.bound + answer.prices)
            gone = size - (0 if now is None else int(now.sum()))
            if gone < max(1, _WORTH * size):
                break
        if now is None:
            return None
        if shares is not None and bound < self.cutoff:
            self.points.append(shares)
        return ModeNode(now, bound, shares, 0, carried)

    def _solved(self, allowed: BoolArray) -> tuple[Shrunk, float]:
        """Answer of the relaxation, and its bound."""
        self.solves += 1
        answer = self.p.conic.solve(allowed, max(self.p.until - time.time(), 0.01))
        return answer, answer.bound if self.p.lift is None else self.p.lift(answer.bound)

    def _enumerated(self, allowed: BoolArray) -> bool:
        """Whether few radial states are left and all of them are settled; the best one is kept."""
        here = None if self.p.few is None else self.p.few(allowed, self.cutoff)
        if here is None:
            return False
        self.closed = min(self.closed, here.least)
        if here.best is not None and here.least < self.cutoff:
            self.found.append(here.best)
        for modes in here.odd:
            # a state without a power flow that was found can be worth what its relaxation says
            one = self.p.rules.follow(modes)
            self.closed = min(self.closed, math.inf if one is None else self._solved(one)[1])
        return True

    def _priced(self, allowed: BoolArray, least: FloatArray) -> BoolArray | None:
        """Exclude the modes that cost the cutoff at least; what they may be worth is kept in mind."""
        dear = allowed & (least >= self.cutoff)
        self.closed = min(self.closed, float(least[dear].min(initial=math.inf)))
        return self.p.rules.follow(allowed & ~dear)

    # -- probing -------------------------------------------------------------------------------------------------

    def _probe(self, node: ModeNode, most: int) -> tuple[ModeNode, tuple[ModeNode, ModeNode] | None] | None:
        """Solve the children of splits; fix what is refuted, and return the best split that is left."""
        best: tuple[float, ModeNode, ModeNode] | None = None
        gap = max(self.cutoff - node.bound, 1e-12) if math.isfinite(self.cutoff) else max(abs(node.bound), 1e-12)
        rounds = 2 if node.depth == 0 else 1
        assert node.shares is not None
        for split in self.p.splits.of(node.allowed, node.shares, node.carried)[:most]:
            first, second = (s[node.allowed[s]] for s in (split.first, split.second))
            if not len(first) or not len(second) or time.time() > self.p.until:
                continue
            sides = [self.relaxed(self._only(node.allowed, side), rounds) for side in (first, second)]
            open_sides = [s for s in sides if s is not None and s.bound < self.cutoff]
            for side in sides:
                if side is not None and side.bound >= self.cutoff:
                    self.closed = min(self.closed, side.bound)
            if not open_sides:
                return None
            if len(open_sides) == 1:
                kept = open_sides[0]
                allowed = self.p.rules.follow(node.allowed & kept.allowed)
                if allowed is None:
                    return None
                node = kept._replace(allowed=allowed, bound=max(node.bound, kept.bound), depth=node.depth)
                continue
            a, b = open_sides
            either = self.p.rules.follow(node.allowed & (a.allowed | b.allowed))
            if either is None:
                return None
            node = node._replace(allowed=either)
            rise = [min(max(s.bound - node.bound, 1e-9 * gap), gap) for s in (a, b)]
            score = rise[0] * rise[1]
            if best is None or score > best[0]:
                best = score, a, b
        return node, None if best is None else (best[1], best[2])
