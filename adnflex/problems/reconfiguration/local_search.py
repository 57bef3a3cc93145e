"""Local search for a topology: from the present state and the meshed flow, then restarts, also beside the proof."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from adnflex.algorithms.branch_exchange import ExchangeSearch, Perturbed, Score, branch_exchange
from adnflex.problems.reconfiguration.exchange import ExchangeProblem
from adnflex.problems.reconfiguration.meshed import meshed_start, nearest_tree
from adnflex.problems.reconfiguration.radial_search import Incumbent

Open = frozenset[int]

# Restarts before the proof begins: so many, and one for every loop.
_RESTARTS = 5


class LocalSearch:
    """The local search of a reconfiguration; it can be told to go on at any time.

    Parameters
    ----------
    exchange : ExchangeProblem
        Evaluates topologies.
    search : ExchangeSearch
        What has been seen; its `stop` ends the search.
    best : Incumbent
        The best topology, shared with the proof: each improves the other.
    seed : int
        Seed of the kicks; the same one gives the same states.
    """

    def __init__(self, exchange: ExchangeProblem, search: ExchangeSearch, best: Incumbent, seed: int) -> None:
        self.exchange, self.search, self.best, self.seed = exchange, search, best, seed
        search.tell = best.offer
        search.kick = exchange.kick
        self._perturbed: Perturbed | None = None
        self._report: Callable[[float, float, str], None] = lambda value, bound, event: None

    def run(self, report: Callable[[float, float, str], None]) -> None:
        """Search from all starts, then from perturbed states for a while; `report` is told value, bound and event."""
        self._report = report
        # whatever takes long below, the present state is known by then
        report(self.best.value, -np.inf, "present state")
        found = [r for start in self._starts() if (r := self._improved(start, report)) is not None]
        if not found:
            return
        top = min(found, key=lambda r: r[1])
        self._perturbed = Perturbed(self.search, top, np.random.default_rng(self.seed))
        for _ in range(_RESTARTS + len(top[0])):
            if self.search.stop() or not self.restart():
                break
        report(self.best.value, -np.inf, "perturbed search")

    def restart(self) -> bool:
        """Perturb the best state once and improve again; False where there is nothing new to be met."""
        if self._perturbed is None or self._perturbed.exhausted:
            return False
        known, value = self.best.state, self.best.value
        if known is not None and known != self._perturbed.best[0]:
            score = Score(0.0, value)
            if score.better(self._perturbed.best[1]):
                self._perturbed.best = known, score
        if self._perturbed.restart() and self.best.value < value:
            self._report(self.best.value, -np.inf, "perturbed search")
        return True

    def _starts(self) -> list[Open]:
        """States to begin with, the most promising first: whatever takes long is not the first."""
        exchange = self.exchange
        meshed = meshed_start(exchange.grid, exchange.required, self.search.stop)
        starts = [] if exchange.beyond(meshed) else [meshed]
        if self.best.state is not None:
            starts.append(self.best.state)
        present = exchange.present
        starts.append(present if exchange.radial(present) else nearest_tree(exchange.grid, exchange.required))
        return list(dict.fromkeys(starts))

    def _improved(self, start: Open, report: Callable[[float, float, str], None]) -> tuple[Open, Score] | None:
        found = branch_exchange(self.search, start)
        report(self.best.value, -np.inf, "branch exchange")
        return found
