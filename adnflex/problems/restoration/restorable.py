"""The best radial state after which no outage is harder to restore than in the present one.

What an outage leaves without supply is no sum over branches, so the condition stands in no model. States are tried in
the order of their value instead: all of them where they are few, which proves the answer; else those that exchanges of
branches lead to from the best state without the condition, and from the present one, which always meets the condition.
A bound of the problem without the condition is one of the problem with it.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import FloatArray
from adnflex.grid import switch_table
from adnflex.grid.write import write
from adnflex.knobs import Limits, Switching
from adnflex.problems.clock import Deadline
from adnflex.problems.reconfiguration.exchange import ExchangeProblem
from adnflex.problems.reconfiguration.near_states import NearStates, loops_beside
from adnflex.problems.restoration.outage import Key
from adnflex.problems.restoration.rows import outages_of
from adnflex.problems.restoration.study import RestorationStudy
from adnflex.problems.restoration.tables import power

Open = frozenset[int]

# Loads [MW] that are no difference.
_SAME = 1e-6

# Operations that a restoration may have.
OPERATIONS = 3


@dataclass(frozen=True)
class Harder:
    """An outage that a state makes harder to restore, and by how much [MW]."""

    outage: Key
    more_mw: float

    def __str__(self) -> str:
        return f"{self.outage[0]} {self.outage[1]} ({self.more_mw:.3f} MW more stay dark)"


class Restorability:
    """Compares what outages leave dark in states of a net with what they leave dark in the present one.

    Parameters
    ----------
    net : pandapowerNet
        The net in its present state, which is radial.
    limits, switching : Limits, Switching
        See `RestorationStudy`.
    tables : sequence of str
        Whose elements are out.

    Attributes
    ----------
    compared : int
        States that were compared.
    """

    def __init__(self, net: pandapowerNet, limits: Limits, switching: Switching, tables: Sequence[str]) -> None:
        self.net, self.limits, self.switching, self.tables = net, limits, switching, tables
        self._present = RestorationStudy(net, limits, switching)
        self._left: dict[Key, float] = {}
        self._order = outages_of(net, tables)
        self.compared = 0

    def harder(self, switches: pd.DataFrame, stop: Callable[[], bool]) -> Harder | None:
        """Return the first outage found that switch states make harder to restore; None where there is none.

        Parameters
        ----------
        switches : pandas.DataFrame
            As `Plan.switches`.
        stop : callable
            Asked whether the time is over.

        Raises
        ------
        TimeoutError
            If it is, before all outages were compared.
        """
        planned = write(self.net, switches=switches)
        study = RestorationStudy(planned, self.limits, self.switching)
        live = set(outages_of(planned, self.tables))
        self.compared += 1
        for place, key in enumerate(self._order):
            if key not in live:
                continue
            if stop():
                raise TimeoutError
            more = _left(study, key) - self._left_at_present(key)
            if more > _SAME:
                # what rules one state out is looked at first in the next
                self._order.insert(0, self._order.pop(place))
                return Harder(key, more)
        return None

    def _left_at_present(self, key: Key) -> float:
        if key not in self._left:
            self._left[key] = _left(self._present, key)
        return self._left[key]


def _left(study: RestorationStudy, key: Key) -> float:
    """Load that stays dark after an outage [MW]."""
    found = study.restore(study.outage([key]), OPERATIONS, lambda: False)
    return power(study, found.dark) - power(study, found.back)


@dataclass
class RestorableSearch:
    """The search for the best state.

    Parameters
    ----------
    exchange : ExchangeProblem
        What states are worth.
    compare : Restorability
        Whether they meet the condition.
    clock : Deadline
        Time limit, told of every better state.
    bound : float
        Proven of the problem without the condition.

    Attributes
    ----------
    state : frozenset of int or None
        Open branches of the best state.
    value : float
        What it is worth.
    proven : bool
        Whether no state that meets limits and condition is worth less.
    ended : str
        ``time_limit``, ``interrupted`` or ``unproven``: no state that was reached is better.
    ruled_out : dict of frozenset of int to Harder
        States that were ruled out, and by what.
    """

    exchange: ExchangeProblem
    compare: Restorability
    clock: Deadline
    bound: float
    state: Open | None = None
    value: float = math.inf
    proven: bool = False
    ended: str = "unproven"
    ruled_out: dict[Open, Harder] = field(default_factory=dict)

    def run(self, first: Open) -> None:
        """Search from the best state without the condition on."""
        try:
            if self._meets(first):
                self._take(first)
                return
            present = self.exchange.present
            if self._worth(present) < math.inf:
                self._take(present)
            ranked = NearStates(self.exchange).ranked(self.value, lambda: self.clock.spent)
            if ranked is None:
                self._descend()
                self._by_value(first)
            else:
                self._listed(*ranked)
        except TimeoutError:
            self.ended = "time_limit"
        except KeyboardInterrupt:
            if self.state is None:
                raise
            self.ended = "interrupted"

    def _take(self, state: Open) -> None:
        self.state, self.value = state, self._worth(state)
        self.clock.report_bests(self.value, self.bound, "restorable state")

    def _worth(self, state: Open) -> float:
        """Value of a state; inf where it breaks a limit."""
        score = self.exchange.evaluate(state)
        return math.inf if score is None or score.violation > 0 else score.objective

    def _meets(self, state: Open) -> bool:
        """Whether a state makes no outage harder."""
        if state == self.exchange.present:
            return True
        if state not in self.ruled_out:
            table = switch_table(self.exchange.grid, self.exchange.closed(state).tolist())
            found = self.compare.harder(table, lambda: self.clock.spent)
            if found is None:
                return True
            self.ruled_out[state] = found
        return False

    def _listed(self, states: Sequence[Open], values: FloatArray, whole: bool) -> None:
        """Try all states, the best first."""
        for state, value in zip(states, values.tolist(), strict=True):
            if value >= self.value:
                break
            if self._meets(state):
                self._take(state)
                break
        self.proven = whole

    def _descend(self) -> None:
        """Improve the present state by exchanges that keep the condition, as long as one does."""
        while self.state is not None:
            better = sorted((w, s) for s, w in self._beside(self.state))
            found = next((state for _, state in better if self._meets(state)), None)
            if found is None:
                return
            self._take(found)

    def _by_value(self, first: Open) -> None:
        """Try the states that exchanges lead to, the best first, until one meets the condition or none is better."""
        heap, known = [(self._worth(first), 0, first)], {first}
        while heap and heap[0][0] < self.value:
            _, _, state = heapq.heappop(heap)
            if self._meets(state):
                self._take(state)
                return
            for other, worth in self._beside(state):
                if other not in known:
                    known.add(other)
                    heapq.heappush(heap, (worth, len(known), other))

    def _beside(self, state: Open) -> list[tuple[Open, float]]:
        """List the states one exchange away that are worth less than the best so far."""
        if self.clock.spent:
            raise TimeoutError
        e = self.exchange
        forest = e.adjacency.forest(e.closed(state))
        assert forest is not None  # a state that is worth something is radial
        loops = loops_beside(e.grid, forest, state, e.required)
        others = [(state - {tie}) | {k} for tie, loop in loops.items() for k in loop]
        found = [(other, self._worth(other)) for other in others]
        least = self.value - 1e-9 * max(1.0, abs(self.value)) if self.value < math.inf else self.value
        return [(other, worth) for other, worth in found if worth < least]
