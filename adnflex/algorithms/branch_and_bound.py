"""Best-first branch and bound over relaxations that run side by side; it knows nodes and bounds only.

A node is whatever the caller makes of it.  The bound is proven at every moment: it is the smallest bound
of all nodes that are still open.
"""

from __future__ import annotations

import heapq
import itertools
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from adnflex.algorithms.workers import Workers

# Part of the time that is spent beside the search where workers do the relaxations.
_ASIDE = 0.2


class Relaxed(NamedTuple):
    """What a relaxation says of a node.

    Attributes
    ----------
    bound : float
        Proven lower bound; inf where nothing that matters is in it.
    point : object
        A point, None where there is none.
    closed : float
        Smallest bound of what was cut off at the cutoff on the way, inf where nothing was.
    solves : int
        Relaxations that it took.
    """

    bound: float
    point: Any
    closed: float = math.inf
    solves: int = 1


class Alternative(NamedTuple):
    """A way to split a node.

    Attributes
    ----------
    fraction : float
        Where the relaxation stands between the two children, in [0, 1].
    children : tuple
        The nodes.
    bounds : tuple of float
        What is known of them; empty where nothing is beyond the bound of the node.
    """

    fraction: float
    children: tuple[Any, ...]
    bounds: tuple[float, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """How a search ended.

    Attributes
    ----------
    status : str
        ``optimal`` (the gap is reached), ``infeasible``, ``unproven`` (no solution is known, but a leaf without a value
        may be one), ``time_limit`` or ``interrupted``.
    best : object
        The best solution, None if there is none.
    objective, bound : float
        Its value, inf if there is none; the proven bound.
    nodes : int
        Number of relaxations solved.
    """

    status: str
    best: Any
    objective: float
    bound: float
    nodes: int


class SearchTree(Protocol):
    """A problem as `branch_and_bound` sees it: its nodes, and what can be asked of them."""

    @property
    def root(self) -> Any:
        """The node where everything is undecided."""

    @property
    def relax(self) -> Callable[[Any], Relaxed]:
        """Maps what a worker is told of a node to its relaxation."""

    def brief(self, node: Any, cutoff: float) -> Any:
        """Return what a worker is told of a node, and of the bound from which it cannot improve."""

    def split(self, node: Any, point: Any) -> Sequence[Alternative]:
        """Return the alternatives of a node and its point (None if there is none); empty where nothing is left."""

    def leaf(self, node: Any) -> float:
        """Return the exact value of a node with nothing left to decide.

        inf where it is not admissible; -inf where that is not known, so that it counts with its bound.
        """

    def heuristic(self, point: Any, count: int) -> None:
        """Look at a point and the number of nodes so far; may improve the incumbent."""

    def incumbent(self) -> tuple[Any, float]:
        """Return the best solution and its value; None and inf if there is none."""


def branch_and_bound(
    tree: SearchTree,
    *,
    gap: float,
    seconds: float,
    workers: Workers | None = None,
    report: Callable[[float, float, str], None] = lambda incumbent, bound, event: None,
    stop: Callable[[], bool] = lambda: False,
    beside: Callable[[], bool] | None = None,
    known: tuple[float, float] = (-math.inf, math.inf),
) -> Outcome:
    """Minimise by branch and bound.

    Parameters
    ----------
    tree : SearchTree
        The problem.
    gap : float
        Relative gap at which to stop.
    seconds : float
        Time limit [s].
    workers : Workers, optional
        Who solves the relaxations, their job being `tree.relax`; by default this process alone. One that dies loses no
        node.
    report : callable
        Told incumbent, bound and event.
    stop : callable
        Asked between nodes; True ends the search with what is proven so far.
    beside : callable, optional
        A step of something that may improve the incumbent, done while the workers are busy, for a part of the time;
        where this process works alone, once a node.  False ends it.
    known : (float, float)
        Bound of the root, and the smallest bound of what was cut off before, inf where nothing was.

    Returns
    -------
    Outcome
        The best solution with the proven bound.

    Examples
    --------
    Minimise ``(x - 2.3)²`` over the integers 0…7 by halving the interval.

    >>> class Interval:
    ...     root, best, value = (0, 7), None, math.inf
    ...     def relax(self, node):
    ...         x = min(max(2.3, node[0]), node[1])
    ...         return Relaxed((x - 2.3) ** 2, x)
    ...     def brief(self, node, cutoff):
    ...         return node
    ...     def split(self, node, x):
    ...         low, high = node
    ...         mid = (low + high) // 2
    ...         return [] if low == high else [Alternative(0.5, ((low, mid), (mid + 1, high)))]
    ...     def leaf(self, node):
    ...         value = (node[0] - 2.3) ** 2
    ...         if value < self.value:
    ...             self.best, self.value = node[0], value
    ...         return value
    ...     def heuristic(self, x, count):
    ...         pass
    ...     def incumbent(self):
    ...         return self.best, self.value
    >>> found = branch_and_bound(Interval(), gap=0.0, seconds=9.0)
    >>> found.status, found.best
    ('optimal', 2)
    """
    return _Search(tree, (gap, *known), report, stop, workers, beside).run(seconds)


class _Search:
    def __init__(
        self,
        tree: SearchTree,
        start: tuple[float, float, float],
        report: Callable[[float, float, str], None],
        stop: Callable[[], bool],
        workers: Workers | None,
        beside: Callable[[], bool] | None,
    ) -> None:
        self.tree, self.beside = tree, beside
        # seconds of what goes on beside
        self.aside = 0.0
        self.workers = Workers(tree.relax) if workers is None else workers
        # closed_at: smallest bound of the nodes that were cut off
        self.gap, root, self.closed_at = start
        self.report, self.stop = report, stop
        self.count = itertools.count(1)
        # bound, tie-break, node
        self.open: list[tuple[float, int, Any]] = [(root, 0, tree.root)]
        # nodes at the workers, by ticket
        self.running: dict[int, tuple[float, Any]] = {}
        self.nodes = 0

    def bound(self) -> float:
        """Smallest bound of anything that is not settled, or of what was cut off by the gap."""
        waiting = self.open[0][0] if self.open else math.inf
        working = min((b for b, _ in self.running.values()), default=math.inf)
        return min(waiting, working, self.closed_at, self.tree.incumbent()[1])

    def cutoff(self) -> float:
        """Bound from which a node cannot improve by more than the gap."""
        value = self.tree.incumbent()[1]
        return value - self.gap * abs(value) if math.isfinite(value) else math.inf

    def run(self, seconds: float) -> Outcome:
        self.begin = time.monotonic()
        end = self.begin + seconds
        status = "optimal"
        try:
            while self.open or self.running:
                if time.monotonic() > end:
                    status = "time_limit"
                    break
                if self.stop():
                    status = "interrupted"
                    break
                self._start()
                self._collect(max(end - time.monotonic(), 0.0))
        except KeyboardInterrupt:
            status = "interrupted"
        except MemoryError:
            status = "interrupted"
            self.workers.notes.append(
                "the memory ran out and ended the search; the bound is what was proven by then. Fewer workers need "
                "less: workers=1."
            )
        best, value = self.tree.incumbent()
        if status == "optimal" and best is None:
            status = "infeasible" if self.bound() == math.inf else "unproven"
        return Outcome(status, best, value, self.bound(), self.nodes)

    def _start(self) -> None:
        """Send the most promising nodes to the workers."""
        while self.open and self.workers.room:
            bound, _, node = self.open[0]
            if bound >= self.cutoff():
                self.closed_at = min(self.closed_at, bound)
                heapq.heappop(self.open)
                continue
            # a node leaves one list only when it is on the other: an interrupt that lost one would falsify the bound
            self.running[self.workers.start(self.tree.brief(node, self.cutoff()))] = bound, node
            heapq.heappop(self.open)

    def _collect(self, timeout: float) -> None:
        if not self.running:
            return
        for ticket, relaxed in self.workers.finished(0.0 if self._stepped_aside() else min(timeout, 1.0)):
            before, node = self.running[ticket]
            # the node is settled only when it leaves the list below: until then its bound is in force
            self.nodes += relaxed.solves
            self.closed_at = min(self.closed_at, relaxed.closed)
            bound = max(before, relaxed.bound)
            self._expand(node, bound, relaxed.point)
            del self.running[ticket]

    def _stepped_aside(self) -> bool:
        """Do a step of what goes on beside; False where it has had its part of the time."""
        now = time.monotonic()
        if self.beside is None or (not self.workers.alone and self.aside > _ASIDE * (now - self.begin)):
            return False
        if not self.beside():
            self.beside = None
        self.aside += time.monotonic() - now
        return True

    def _expand(self, node: Any, bound: float, point: Any) -> None:
        if point is not None:
            self.tree.heuristic(point, self.nodes)
        if bound == math.inf:
            return
        if bound >= self.cutoff():
            self.closed_at = min(self.closed_at, bound)
            return
        alternatives = self.tree.split(node, point)
        if not alternatives:
            value = self.tree.leaf(node)
            self.closed_at = min(self.closed_at, max(value, bound))
            return
        # the least decided one: on feeders this needed fewer nodes than pseudo-costs (docs/decisions/solving.md)
        best = min(alternatives, key=lambda a: abs(a.fraction - 0.5))
        known = best.bounds or (bound,) * len(best.children)
        for child, below in zip(best.children, known, strict=True):
            heapq.heappush(self.open, (max(bound, below), next(self.count), child))
        self.report(self.tree.incumbent()[1], self.bound(), "node")
