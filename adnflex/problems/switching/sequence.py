"""A sequence: the operations between two switch states in their best order, every state on the way in AC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from pandapower import pandapowerNet

from adnflex.algorithms.subset_order import Order, Ways, best_order
from adnflex.powerflow.limits import NetLimits
from adnflex.problems.clock import Deadline
from adnflex.problems.switching.operations import Operation, operations_of
from adnflex.problems.switching.states import FieldStates
from adnflex.problems.switching.subsets import Parallel, Subsets, subsets_of

# Operations of which every order is compared.
MOST_OPERATIONS = 16

# Counts as beyond every limit: a state without a solution.
_NO_SOLUTION = 1e6


@dataclass
class FieldSequence:
    """The operations in their order, and what is known of the sets that were looked at.

    Attributes
    ----------
    operations : tuple of Operation
        Numbered by their bits.
    subsets : Subsets
        What the graph says.
    states : FieldStates
        What AC says.
    order : Order or None
        None where sources would have to be joined that may not be, in whatever order.
    """

    operations: tuple[Operation, ...]
    subsets: Subsets
    states: FieldStates
    order: Order | None = None
    _excess: NDArray[np.float64] = field(init=False)
    _current: NDArray[np.float64] = field(init=False)

    def __post_init__(self) -> None:
        count = len(self.operations)
        self._excess = np.zeros((1 << count, count))
        self._current = np.zeros((1 << count, count))

    @property
    def sets(self) -> list[int]:
        """Sets on the way, from none to all of the operations."""
        order = () if self.order is None else self.order.operations
        return [sum(1 << j for j in order[:k]) for k in range(len(order) + 1)]

    def find(self, ways: Ways, clock: Deadline) -> None:
        """Find the best order."""
        minutes = np.array([o.minutes for o in self.operations])
        dark = self.subsets.dark_mw[:, None] * minutes[None, :]
        loops = self.subsets.loops[ways.after].astype(float)
        criteria = [
            ("sum", lambda: dark),
            ("top", lambda: self._excess),
            ("top", lambda: loops),
            ("top", lambda: self._current),
        ]
        ends = [0, (1 << len(self.operations)) - 1]
        self.states.run(ends)
        worst = max(0.0, *(-self.states.margin[s] for s in ends if np.isfinite(self.states.margin[s])), 0.0)

        def look(sets: Sequence[int]) -> bool:
            if clock.left <= 0:
                return False
            self.states.run(sets)
            for done in sets:
                self._learn(done, worst)
            return True

        self.order = best_order(ways, criteria, [o.station for o in self.operations], look)

    def _learn(self, done: int, worst: float) -> None:
        """Enter what AC says of a set into the costs of the operations that lead to it."""
        margin = self.states.margin[done]
        excess = max(0.0, -margin - worst) if np.isfinite(margin) else _NO_SOLUTION
        for j, operation in enumerate(self.operations):
            if not done >> j & 1:
                continue
            before = done & ~(1 << j)
            self._excess[before, j] = excess
            if operation.close and operation.rated_ka > 0:
                current = self.states.current_ka(done, j) / operation.rated_ka
                self._current[before, j] = current if np.isfinite(current) else _NO_SOLUTION


def field_sequence(
    net: pandapowerNet, wanted: pandapowerNet, limits: NetLimits, parallel: Parallel, clock: Deadline
) -> FieldSequence:
    """Order the operations between two states of a net.

    Parameters
    ----------
    net, wanted : pandapowerNet
        The net before and after; they are not changed.
    limits : NetLimits
        What the states on the way are held against.
    parallel : Parallel
        When sources may run in parallel.
    clock : Deadline
        When to end with the best order so far.
    """
    operations = operations_of(net, wanted)
    subsets = subsets_of(net, operations, parallel)
    found = FieldSequence(operations, subsets, FieldStates(net, operations, limits))
    found.find(Ways(len(operations), ~subsets.barred), clock)
    return found
