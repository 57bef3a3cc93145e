"""Branch and bound for radial reconfiguration: nodes, splits and leaves in terms of chains and switches.

First it is decided which chains are open, then where.  A node with nothing left to decide is a topology,
whose value is its exact power flow: the search is complete even where the cone is not tight.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable
from typing import NamedTuple, Protocol

import networkx as nx
import numpy as np
import pyomo.environ as pyo
from scipy import sparse

from adnflex.algorithms.branch_and_bound import Alternative, Relaxed
from adnflex.algorithms.branch_exchange import ExchangeSearch, Score, branch_exchange
from adnflex.arrays import FloatArray, IntArray
from adnflex.grid.model import Grid
from adnflex.grid.topology import Chain, closed_of, forest
from adnflex.solvers.clarabel import solve_relaxation
from adnflex.solvers.conic import ConicForm

Open = frozenset[int]
_TOLERANCE = 1e-5


class Node(NamedTuple):
    """Decisions so far: branches held closed, branches held open, chains that hold an open branch."""

    closed: frozenset[int]
    open: Open
    chains: frozenset[int]


class SwitchedModel(Protocol):
    """A model of one set of switch states, of one operating point or of several."""

    @property
    def grid(self) -> Grid:
        """The grid."""

    @property
    def free(self) -> IntArray:
        """Branches that may be open."""

    @property
    def paths(self) -> list[Chain]:
        """The chains that the model knows."""

    @property
    def model(self) -> pyo.ConcreteModel:
        """The model, with states ``z`` of the free branches."""

    @property
    def form(self) -> ConicForm:
        """Its arrays."""


class NodeRelaxation:
    """The conic relaxation of a node; holds arrays only, so that it can be sent to other processes.

    Parameters
    ----------
    problem : SwitchedModel
        The model.
    lift : callable, optional
        Raises a bound to the next value that the objective can have; picklable.
    """

    def __init__(self, problem: SwitchedModel, lift: Callable[[float], float] | None = None) -> None:
        self.lift = lift
        # time of day at which a relaxation gives up, as workers have no other clock in common [s]
        self.until = math.inf
        form = problem.form
        self.column = {int(k): form.column_of(problem.model.z[int(k)]) for k in problem.free}
        chains = [[self.column[k] for k in c.branches if k in self.column] for c in problem.paths]
        members = [(i, column) for i, chain in enumerate(chains) for column in chain]
        rows, columns = zip(*members, strict=True) if members else ((), ())
        extra = sparse.csr_matrix((np.ones(len(members)), (rows, columns)), shape=(len(chains), len(form.c)))
        self.size = np.array([len(chain) for chain in chains], dtype=float)
        self.first_row = form.a.shape[0]
        self.form: ConicForm = dataclasses.replace(
            form,
            a=sparse.vstack([form.a, extra], format="csr"),
            row_low=np.concatenate([form.row_low, self.size - 1]),
            row_high=np.concatenate([form.row_high, self.size]),
            # what belongs to the Pyomo model stays at home: its rules are no arrays and cannot travel
            variables=[],
            rows=[],
        )

    def __call__(self, node: Node) -> Relaxed:
        """Solve the relaxation of a node."""
        low, high = self.form.low.copy(), self.form.high.copy()
        low[[self.column[k] for k in node.closed]] = 1.0
        high[[self.column[k] for k in node.open]] = 0.0
        row_high = self.form.row_high.copy()
        chosen = sorted(node.chains)
        row_high[[self.first_row + c for c in chosen]] = self.size[chosen] - 1
        seconds = max(self.until - time.time(), 0.01)
        answer = solve_relaxation(dataclasses.replace(self.form, row_high=row_high), low, high, seconds)
        # inf only where a certificate shows that the node is empty; -inf where nothing is proven, so that the bound of
        # its parent stays in force and it is split further
        return Relaxed(answer.bound if self.lift is None else self.lift(answer.bound), answer.x)


@dataclasses.dataclass
class Incumbent:
    """The best topology so far."""

    state: Open | None = None
    value: float = math.inf

    def offer(self, state: Open, score: Score | None) -> bool:
        """Take a topology that meets every limit and is better."""
        if score is None or score.violation > 0 or score.objective >= self.value:
            return False
        self.state, self.value = state, score.objective
        return True


def exact_value(grid: Grid, search: ExchangeSearch, best: Incumbent, state: Open) -> float:
    """Offer a state and return its value: inf where it is not radial or violates a limit, -inf where not solved."""
    score = search.score(state)
    best.offer(state, score)
    if score is not None:
        return score.objective if score.violation == 0 else math.inf
    return math.inf if forest(grid, closed_of(grid, state)) is None else -math.inf


class RadialSearch:
    """The callables of `branch_and_bound` for a reconfiguration.

    Parameters
    ----------
    problem : SwitchedModel
        The model.
    search : ExchangeSearch
        Local search, with what it has seen.
    incumbent : Incumbent
        The best topology, shared with whoever found it.
    lift : callable, optional
        See `NodeRelaxation`.
    improve : bool
        Whether rounded points are now and then improved by branch exchange; not where a value takes long.
    """

    def __init__(
        self,
        problem: SwitchedModel,
        search: ExchangeSearch,
        incumbent: Incumbent,
        lift: Callable[[float], float] | None = None,
        improve: bool = True,
    ) -> None:
        self.improve = improve
        self.problem, self.search, self.best = problem, search, incumbent
        self.relax = NodeRelaxation(problem, lift)
        free = {int(k) for k in problem.free}
        self.chains: list[list[int]] = [[k for k in c.branches if k in free] for c in problem.paths]
        inside = {k for chain in self.chains for k in chain}
        self.single = [k for k in sorted(free) if k not in inside]
        self.tried: set[Open] = set()

    @property
    def root(self) -> Node:
        """The node where everything is undecided."""
        useless = [k for k in self.problem.free.tolist() if self.problem.model.z[k].ub == 0]
        return Node(frozenset(), frozenset(useless), frozenset())

    def incumbent(self) -> tuple[Open | None, float]:
        """Return the best topology and its value."""
        return self.best.state, self.best.value

    def brief(self, node: Node, cutoff: float) -> Node:
        """Return what a worker is told."""
        return node

    # -- splitting -----------------------------------------------------------------------------------------

    def split(self, node: Node, point: FloatArray | None) -> list[Alternative]:
        """Alternatives of a node: an undecided chain or switch, or the two halves of an open chain."""
        share = {k: 0.5 if point is None else float(np.clip(1 - point[c], 0, 1)) for k, c in self.relax.column.items()}
        whole = self._whole(node, share)
        fractional = [a for a in whole if _TOLERANCE < a.fraction < 1 - _TOLERANCE]
        if fractional:
            return fractional
        halves = self._halves(node, share)
        undecided = [a for a in halves if _TOLERANCE < a.fraction < 1 - _TOLERANCE]
        return undecided or whole[:1] or halves[:1]

    def _whole(self, node: Node, share: dict[int, float]) -> list[Alternative]:
        """Chains and single switches of which it is not decided whether they are open."""
        found = []
        for k in self.single:
            if k not in node.closed and k not in node.open:
                shut, opened = node._replace(closed=node.closed | {k}), node._replace(open=node.open | {k})
                found.append(Alternative(share[k], (shut, opened)))
        for i, chain in enumerate(self.chains):
            left = [k for k in chain if k not in node.closed]
            if i in node.chains or not left or any(k in node.open for k in chain):
                continue
            shut = node._replace(closed=node.closed | set(left))
            opened = node._replace(chains=node.chains | {i})
            found.append(Alternative(min(sum(share[k] for k in left), 1.0), (shut, opened)))
        return found

    def _halves(self, node: Node, share: dict[int, float]) -> list[Alternative]:
        """Open chains of which it is not decided where."""
        found = []
        for i in sorted(node.chains):
            left = [k for k in self.chains[i] if k not in node.closed]
            if len(left) < 2:
                continue
            total = max(sum(share[k] for k in left), 1e-9)
            parts = np.cumsum([share[k] / total for k in left])[:-1]
            cut = int(np.argmin(np.abs(parts - 0.5)))
            first, second = frozenset(left[: cut + 1]), frozenset(left[cut + 1 :])
            children = node._replace(closed=node.closed | first), node._replace(closed=node.closed | second)
            found.append(Alternative(float(np.clip(parts[cut], 0, 1)), children))
        return found

    # -- solutions -----------------------------------------------------------------------------------------

    def leaf(self, node: Node) -> float:
        """Exact value of the topology that a fully decided node is; inf where it is none or violates a limit.

        One whose power flow was not solved is worth what its bound says.
        """
        state = set(node.open)
        for i in node.chains:
            state.update(k for k in self.chains[i] if k not in node.closed)
        return exact_value(self.problem.grid, self.search, self.best, frozenset(state))

    def heuristic(self, point: FloatArray, count: int) -> None:
        """Round a point to a tree and look at it; now and then improve it by branch exchange."""
        state = self._rounded(point)
        if state in self.tried:
            return
        self.tried.add(state)
        score = self.search.score(state)
        self.best.offer(state, score)
        if self.improve and score is not None and (count <= 4 or count % 25 == 0):
            found = branch_exchange(self.search, state)
            if found is not None:
                self.best.offer(*found)

    def _rounded(self, point: FloatArray) -> Open:
        """Spanning tree of largest ``z``."""
        g = self.problem.grid
        merged = np.where(np.isnan(g.root_v), np.arange(g.n), -1)
        weight = np.full(g.m, 2.0)
        for k, column in self.relax.column.items():
            weight[k] = point[column]
        union = nx.utils.UnionFind(merged.tolist())
        opened = set()
        for k in np.argsort(-weight, kind="stable").tolist():
            a, b = int(merged[g.f[k]]), int(merged[g.t[k]])
            if union[a] == union[b]:
                opened.add(k)
            else:
                union.union(a, b)
        return frozenset(opened)
