"""Few operations: how many every admissible state needs, and the states that need hardly more.

Every radial state has the same number of closed branches, so the number of operations away from the present state is
known up to multiples of two; if the present state itself is refuted by exact power flow, it cannot be zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from adnflex.algorithms.branch_exchange import ExchangeSearch
from adnflex.problems.reconfiguration.exchange import ExchangeProblem
from adnflex.problems.reconfiguration.meshed import nearest_tree
from adnflex.problems.reconfiguration.objective import Objective
from adnflex.problems.reconfiguration.radial_search import Incumbent

Open = frozenset[int]

# States after one exchange from which a second one is tried: those of least violation.
_BEAM = 40

# Share of a count that a safe bound may miss by rounding.
_ROUNDING = 1e-6


@dataclass(frozen=True)
class OperationCount:
    """Numbers of operations that an admissible state can have: `least`, ``least + 2`` and so on.

    Parameters
    ----------
    least : int
        No admissible state has fewer.

    Examples
    --------
    >>> count = OperationCount(2)
    >>> count.lift(Objective(switching=1.0), 0.3), count.lift(Objective(switching=1.0), 2.1)
    (2.0, 4.0)
    >>> count.lift(Objective(losses=1.0, switching=0.01), 0.1)
    0.1
    """

    least: int

    def lift(self, objective: Objective, bound: float) -> float:
        """Raise a lower bound of an objective to the next value that an admissible state can have."""
        floor = objective.switching * self.least
        if math.isinf(bound):
            return bound if bound > 0 else floor
        if objective.losses or objective.voltage:
            return max(bound, floor)
        beyond = math.ceil(bound / objective.switching - _ROUNDING) - self.least
        return objective.switching * (self.least + 2 * max(0, math.ceil(beyond / 2)))


def operation_count(exchange: ExchangeProblem, present: Open) -> OperationCount:
    """Count the operations that any admissible state needs, as far as the present state tells.

    Parameters
    ----------
    exchange : ExchangeProblem
        Evaluates states.
    present : frozenset of int
        Open branches of the present state.
    """
    g = exchange.grid
    # a forest that supplies every node has one branch for each node but the roots
    apart = abs(g.m - len(present) - (g.n - len(g.roots)))
    if apart:
        return OperationCount(apart)
    # as many openings as closings, so one of each at least where the present state will not do
    return OperationCount(2 if exchange.refuted(present) else 0)


def try_few_operations(
    exchange: ExchangeProblem,
    search: ExchangeSearch,
    best: Incumbent,
    count: OperationCount,
    report: Callable[[float, float, str], None],
) -> OperationCount:
    """Try all states one exchange away from the present one, then promising ones two exchanges away.

    Parameters
    ----------
    exchange, search : ExchangeProblem, ExchangeSearch
        The problem, and what has been seen of it.
    best : Incumbent
        The best state so far; improved.
    count : OperationCount
        What is known of the number of operations.
    report : callable
        Told incumbent, bound and event.

    Returns
    -------
    OperationCount
        What is known now: where every single exchange is refuted, four operations are needed.
    """
    objective = exchange.objective
    present = frozenset(np.flatnonzero(~exchange.grid.closed).tolist())
    start = present if exchange.radial(present) else nearest_tree(exchange.grid, exchange.required)
    first = search.score(start)
    best.offer(start, first)
    if not objective.switching or _settled(objective, best, count):
        return count

    def tell(known: OperationCount) -> None:
        report(best.value, known.lift(objective, 0.0), "few operations")

    singles, refuted = [], True
    for state in _neighbours(exchange, start):
        if search.stop():
            tell(count)
            return count
        score = search.score(state)
        refuted = refuted and exchange.refuted(state)
        best.offer(state, score)
        if _settled(objective, best, count):
            tell(count)
            return count
        if score is not None:
            singles.append((score, sorted(state)))
    if start == present and count.least == 2 and refuted:
        count = OperationCount(4)
    if first is None or first.violation > 0:
        _pairs(exchange, search, best, count, [frozenset(s) for _, s in sorted(singles)[:_BEAM]])
    tell(count)
    return count


def _pairs(
    exchange: ExchangeProblem, search: ExchangeSearch, best: Incumbent, count: OperationCount, firsts: list[Open]
) -> None:
    """Try the exchanges of states that are one exchange away."""
    for state in firsts:
        for second in _neighbours(exchange, state):
            if search.stop() or _settled(exchange.objective, best, count):
                return
            best.offer(second, search.score(second))


def _neighbours(exchange: ExchangeProblem, state: Open) -> Iterator[Open]:
    """States one exchange away, the promising ones first."""
    for move in sorted(exchange.moves(state)):
        yield (state - {move.close}) | {move.open}


def _settled(objective: Objective, best: Incumbent, count: OperationCount) -> bool:
    """Whether nothing better than the incumbent is left."""
    return best.value <= count.lift(objective, 0.0) * (1 + 1e-12)
