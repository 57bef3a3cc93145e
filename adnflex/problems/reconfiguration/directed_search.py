"""Branch and bound over the modes of chains: what `branch_and_bound` asks for, in terms of topologies."""

from __future__ import annotations

from collections.abc import Callable

import networkx as nx
import numpy as np

from adnflex.algorithms.branch_exchange import ExchangeSearch, branch_exchange
from adnflex.arrays import BoolArray, FloatArray
from adnflex.grid.topology import closed_of, forest
from adnflex.knobs import Effort
from adnflex.problems.clock import Deadline
from adnflex.problems.reconfiguration.directed import DirectedReconfiguration
from adnflex.problems.reconfiguration.few_trees import StateValues
from adnflex.problems.reconfiguration.probing import Expansion, ModeNode, ModeTree, Probing
from adnflex.problems.reconfiguration.radial_search import Incumbent, exact_value
from adnflex.problems.reconfiguration.regional_cuts import Strengthened, strengthen

Open = frozenset[int]

# Rounded points that are improved by exchanges whatever they are worth.
_IMPROVED = 4


class DirectedSearch(ModeTree):
    """The callables of `branch_and_bound` over modes.

    Parameters
    ----------
    problem : DirectedReconfiguration
        The model.
    search : ExchangeSearch
        Local search, with what it has seen.
    incumbent : Incumbent
        The best topology, shared with whoever found it.
    lift : callable, optional
        Raises a bound to the next value that the objective can have; picklable.
    values : StateValues, optional
        What radial states are worth; with it, nodes with few of them are enumerated.
    guide : ExchangeSearch, optional
        Local search by an estimate, where values are dear: only what it finds better than the incumbent is valued.
    """

    relax: Probing

    def __init__(
        self,
        problem: DirectedReconfiguration,
        search: ExchangeSearch,
        incumbent: Incumbent,
        lift: Callable[[float], float] | None = None,
        values: StateValues | None = None,
        guide: ExchangeSearch | None = None,
    ) -> None:
        self.guide = guide
        self.problem, self.search, self.best = problem, search, incumbent
        self.relax = Probing(problem, lift, values)
        g = problem.grid
        self.merged = np.where(np.isnan(g.root_v), np.arange(g.n), -1)
        # branch that is open in a mode, -1 where none is
        self.opened = np.array(
            [problem.core.chains[m.chain].branches[m.at] if m.kind == 0 else -1 for m in problem.modes], dtype=np.int64
        )
        self.tried: set[Open] = set()
        # the node where everything is undecided
        self.root = self.relax.root

    def strengthen(self, effort: Effort, clock: Deadline) -> Strengthened:
        """Bound the root, on large grids by what their regions cost."""
        state, value = self.incumbent()
        found = strengthen(self.problem, self.relax, (self._modes_of(state), value), effort, clock)
        self.root = found.root
        return found

    def _modes_of(self, state: Open | None) -> BoolArray | None:
        """Modes of a known state."""
        grid = self.problem.grid
        closed = closed_of(grid, state or ())
        tree = None if state is None else forest(grid, closed)
        if tree is None:
            return None
        number = {m: i for i, m in enumerate(self.problem.modes)}
        found = np.zeros(len(number), dtype=bool)
        found[[number[m] for m in self.problem.modes_in(closed, tree) if m in number]] = True
        return found

    def incumbent(self) -> tuple[Open | None, float]:
        """Return the best topology and its value."""
        return self.best.state, self.best.value

    def leaf(self, node: ModeNode) -> float:
        """Exact value of the topology that a decided node is; inf where it is none or violates a limit.

        One whose power flow was not solved is worth what its bound says.
        """
        taken = self.opened[node.allowed]
        state = frozenset(taken[taken >= 0].tolist())
        return exact_value(self.problem.grid, self.search, self.best, state)

    def heuristic(self, point: Expansion, count: int) -> None:
        """Look at states that were found, round points to trees and look at them too; now and then improve one."""
        for state in point.found:
            self.best.offer(state, self.search.score(state))
        for shares in point.points:
            state = self._rounded(shares)
            if state in self.tried:
                continue
            self.tried.add(state)
            if self.guide is not None:
                self._guided(self.guide, state)
                continue
            score = self.search.score(state)
            if self.best.offer(state, score) or (score is not None and len(self.tried) <= _IMPROVED):
                found = branch_exchange(self.search, state)
                if found is not None:
                    self.best.offer(*found)

    def _guided(self, guide: ExchangeSearch, state: Open) -> None:
        """Improve a state by the estimate; value what that says is better than the incumbent."""
        found = branch_exchange(guide, state) if len(self.tried) <= _IMPROVED else (state, guide.score(state))
        best = None if self.best.state is None else guide.score(self.best.state)
        if found is not None and found[1] is not None and (best is None or found[1].better(best)):
            self.best.offer(found[0], self.search.score(found[0]))

    def _rounded(self, shares: FloatArray) -> Open:
        """Spanning tree of the branches that are least open."""
        g = self.problem.grid
        weight = np.full(g.m, 2.0)
        weight[self.problem.free] = 1.0
        able = self.opened >= 0
        np.subtract.at(weight, self.opened[able], shares[able])
        union, opened = nx.utils.UnionFind(self.merged.tolist()), set()
        for k in np.argsort(-weight, kind="stable").tolist():
            a, b = int(self.merged[g.f[k]]), int(self.merged[g.t[k]])
            if union[a] == union[b]:
                opened.add(k)
            else:
                union.union(a, b)
        return frozenset(opened)
