"""The best order of some operations, by a search over the sets of those that are done.

What is minimised, the first before the second and so on: load without supply [MW min]; limits broken beyond what start
and end have; loops at once; the largest current that a switch closes on, by its rating; visits to stations; numbers.
Each criterion leaves of the graph of all sets (nodes) and operations (edges) only what lies on its best ways, so that
the next one chooses among those. States are run only where the best way so far passes: what is not known counts as if
it were perfect, hence a way whose states are all known is best among all orders (a lazy shortest path).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_EPS = 1e-9


@dataclass(frozen=True)
class Order:
    """An order of operations.

    Attributes
    ----------
    operations : tuple of int
        Their numbers, the first first.
    proven : bool
        Whether no order is better.
    looked_at : int
        States that were run.
    """

    operations: tuple[int, ...]
    proven: bool
    looked_at: int


class Ways:
    """Sets of operations as nodes 0 … 2^k − 1, and the ways from none to all of them.

    Parameters
    ----------
    count : int
        Number of operations, at most 16.
    allowed : (2^k, k) array of bool
        Which operation may be done from which set.
    """

    def __init__(self, count: int, allowed: BoolArray) -> None:
        self.count, self.size = count, 1 << count
        nodes = np.arange(self.size)
        self.after = nodes[:, None] | (1 << np.arange(count))[None, :]
        self.edges = allowed & ((nodes[:, None] >> np.arange(count)[None, :] & 1) == 0)
        members = np.array([node.bit_count() for node in range(self.size)])
        self.layers = [np.flatnonzero(members == layer) for layer in range(count + 1)]
        self._prune()

    @property
    def possible(self) -> bool:
        """Whether any way is left."""
        return self.count == 0 or bool(self.edges[0].any())

    @property
    def nodes(self) -> BoolArray:
        """Sets that lie on a way that is left."""
        found = np.zeros(self.size, dtype=bool)
        found[0] = True
        found[self.after[self.edges]] = True
        return found

    def copy(self) -> Ways:
        """Return the same, to be narrowed on its own."""
        new = object.__new__(Ways)
        new.__dict__ = {**self.__dict__, "edges": self.edges.copy()}
        return new

    def _prune(self) -> None:
        """Leave the edges that lie on a way from start to end."""
        backward = np.zeros(self.size, dtype=bool)
        backward[-1] = True
        for layer in reversed(self.layers[:-1]):
            self.edges[layer] &= backward[self.after[layer]]
            backward[layer] = self.edges[layer].any(axis=1)
        forward = np.zeros(self.size, dtype=bool)
        forward[0] = True
        for layer in self.layers[:-1]:
            self.edges[layer] &= forward[layer][:, None]
            forward[self.after[layer][self.edges[layer]]] = True

    def narrow(self, kind: str, cost: FloatArray) -> None:
        """Keep the ways with the least sum (``sum``) or the least largest (``top``) of the costs of their edges."""
        if kind == "sum":
            self._least_sum(cost)
        else:
            best = float(self._to_go(cost, np.maximum)[0])
            self.edges &= cost <= best + _EPS * (1.0 + abs(best))
        self._prune()

    def _least_sum(self, cost: FloatArray) -> None:
        ahead = self._to_go(cost, np.add)
        best = float(ahead[0])
        behind = np.full(self.size, np.inf)
        behind[0] = 0.0
        for layer in self.layers[:-1]:
            reached = np.where(self.edges[layer], behind[layer][:, None] + cost[layer], np.inf)
            np.minimum.at(behind, self.after[layer], reached)
        total = behind[:, None] + cost + ahead[self.after]
        self.edges &= total <= best + _EPS * (1.0 + abs(best))

    def _to_go(self, cost: FloatArray, joined: np.ufunc) -> FloatArray:
        """Least cost from every set to the end."""
        ahead = np.full(self.size, np.inf)
        ahead[-1] = 0.0
        for layer in reversed(self.layers[:-1]):
            onward = np.where(self.edges[layer], joined(cost[layer], ahead[self.after[layer]]), np.inf)
            ahead[layer] = onward.min(axis=1)
        return ahead

    def fewest_visits(self, stations: Sequence[int]) -> tuple[int, ...]:
        """Return the way with the fewest changes of station, of several the first by the numbers of operations."""
        seen: dict[tuple[int, int], tuple[int, tuple[int, ...]]] = {}

        def best(node: int, station: int) -> tuple[int, tuple[int, ...]]:
            if node == self.size - 1:
                return 0, ()
            if (node, station) not in seen:
                ways = []
                for j in np.flatnonzero(self.edges[node]).tolist():
                    visits, rest = best(int(self.after[node, j]), stations[j])
                    ways.append((visits + (stations[j] != station), (j, *rest)))
                seen[node, station] = min(ways)
            return seen[node, station]

        return best(0, -1)[1]


def best_order(
    ways: Ways,
    criteria: Sequence[tuple[str, Callable[[], FloatArray]]],
    stations: Sequence[int],
    look: Callable[[Sequence[int]], bool],
) -> Order | None:
    """Find the order that is best by every criterion in turn, then by visits, then by numbers.

    Parameters
    ----------
    ways : Ways
        All ways that are allowed; left as they are.
    criteria : sequence of (str, callable)
        ``sum`` or ``top`` (the largest counts), and a function that returns the cost of every edge, (2^k, k), as far as
        it is known: never more than the truth, and the truth where `look` has run both its sets.
    stations : sequence of int
        Where each operation is done.
    look : callable
        Runs the states of some sets; False: the time is over.

    Returns
    -------
    Order or None
        None where no way is allowed.
    """
    if not ways.possible:
        return None
    looked: set[int] = set()
    while True:
        left = ways.copy()
        for kind, cost in criteria:
            left.narrow(kind, cost())
        order = left.fewest_visits(stations)
        sets = [sum(1 << j for j in order[:k]) for k in range(len(order) + 1)]
        new = [s for s in sets if s not in looked]
        if not new or not look(new):
            return Order(order, not new, len(looked))
        looked.update(new)
