"""Best-first branch and bound over relaxations that run side by side; it knows callables and bounds only.

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
from typing import Any, NamedTuple

from adnflex.algorithms.workers import Workers


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
        ``optimal`` (the gap is reached), ``infeasible``, ``time_limit`` or ``interrupted``.
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


def branch_and_bound(
    root: Any,
    relax: Callable[[Any], Relaxed],
    split: Callable[[Any, Any], Sequence[Alternative]],
    leaf: Callable[[Any], float],
    heuristic: Callable[[Any, int], None],
    incumbent: Callable[[], tuple[Any, float]],
    *,
    gap: float,
    seconds: float,
    workers: Workers | None = None,
    report: Callable[[float, float, str], None] = lambda incumbent, bound, event: None,
    stop: Callable[[], bool] = lambda: False,
    brief: Callable[[Any, float], Any] = lambda node, cutoff: node,
) -> Outcome:
    """Minimise by branch and bound.

    Parameters
    ----------
    root : object
        The first node.
    relax : callable
        Maps a node to its relaxation.
    split : callable
        Maps a node and the point of its relaxation (None if there is none) to its alternatives; empty where
        nothing is left to decide.
    leaf : callable
        The exact value of a node with nothing left to decide (inf: not admissible).
    heuristic : callable
        Shown every point and the number of nodes so far; may improve the incumbent.
    incumbent : callable
        The best solution and its value (None and inf if there is none).
    gap : float
        Relative gap at which to stop.
    seconds : float
        Time limit [s].
    workers : Workers, optional
        Who solves the relaxations, their job being `relax`; by default this process alone. One that dies loses no
        node.
    report : callable
        Told incumbent, bound and event.
    stop : callable
        Asked between nodes; True ends the search with what is proven so far.
    brief : callable
        Maps a node and the bound from which it cannot improve to the task of `relax`; by default the node itself.

    Returns
    -------
    Outcome
        The best solution with the proven bound.

    Examples
    --------
    Minimise ``(x - 2.3)²`` over the integers 0…7 by halving the interval.

    >>> best = [None, math.inf]
    >>> def value(node):
    ...     x = node[0]
    ...     if (x - 2.3) ** 2 < best[1]:
    ...         best[:] = [x, (x - 2.3) ** 2]
    ...     return (x - 2.3) ** 2
    >>> def relax(node):
    ...     x = min(max(2.3, node[0]), node[1])
    ...     return Relaxed((x - 2.3) ** 2, x)
    >>> def split(node, x):
    ...     low, high = node
    ...     mid = (low + high) // 2
    ...     return [] if low == high else [Alternative(0.5, ((low, mid), (mid + 1, high)))]
    >>> found = branch_and_bound((0, 7), relax, split, value, lambda x, n: None, lambda: tuple(best), gap=0, seconds=9)
    >>> found.status, found.best
    ('optimal', 2)
    """
    return _Search(root, relax, split, leaf, heuristic, incumbent, gap, report, stop, workers, brief).run(seconds)


class _Search:
    def __init__(
        self,
        root: Any,
        relax: Callable[[Any], Relaxed],
        split: Callable[[Any, Any], Sequence[Alternative]],
        leaf: Callable[[Any], float],
        heuristic: Callable[[Any, int], None],
        incumbent: Callable[[], tuple[Any, float]],
        gap: float,
        report: Callable[[float, float, str], None],
        stop: Callable[[], bool],
        workers: Workers | None,
        brief: Callable[[Any, float], Any],
    ) -> None:
        self.brief = brief
        self.workers = Workers(relax) if workers is None else workers
        self.split, self.leaf = split, leaf
        self.heuristic, self.incumbent = heuristic, incumbent
        self.gap, self.report, self.stop = gap, report, stop
        self.count = itertools.count(1)
        # bound, tie-break, node
        self.open: list[tuple[float, int, Any]] = [(-math.inf, 0, root)]
        # nodes at the workers, by ticket
        self.running: dict[int, tuple[float, Any]] = {}
        self.nodes = 0
        self.closed_at = math.inf  # smallest bound of the nodes that were cut off

    def bound(self) -> float:
        """Smallest bound of anything that is not settled, or of what was cut off by the gap."""
        waiting = self.open[0][0] if self.open else math.inf
        working = min((b for b, _ in self.running.values()), default=math.inf)
        return min(waiting, working, self.closed_at, self.incumbent()[1])

    def cutoff(self) -> float:
        """Bound from which a node cannot improve by more than the gap."""
        value = self.incumbent()[1]
        return value - self.gap * abs(value) if math.isfinite(value) else math.inf

    def run(self, seconds: float) -> Outcome:
        end = time.monotonic() + seconds
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
        best, value = self.incumbent()
        if status == "optimal" and best is None:
            status = "infeasible"
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
            self.running[self.workers.start(self.brief(node, self.cutoff()))] = bound, node
            heapq.heappop(self.open)

    def _collect(self, timeout: float) -> None:
        for ticket, relaxed in self.workers.finished(min(timeout, 1.0)) if self.running else ():
            before, node = self.running[ticket]
            # the node is settled only when it leaves the list below: until then its bound is in force
            self.nodes += relaxed.solves
            self.closed_at = min(self.closed_at, relaxed.closed)
            bound = max(before, relaxed.bound)
            self._expand(node, bound, relaxed.point)
            del self.running[ticket]

    def _expand(self, node: Any, bound: float, point: Any) -> None:
        if bound == math.inf:
            return
        if point is not None:
            self.heuristic(point, self.nodes)
        if bound >= self.cutoff():
            self.closed_at = min(self.closed_at, bound)
            return
        alternatives = self.split(node, point)
        if not alternatives:
            value = self.leaf(node)
            self.closed_at = min(self.closed_at, max(value, bound))
            return
        # the least decided one: on feeders this needed fewer nodes than pseudo-costs (docs/decisions/solving.md)
        best = min(alternatives, key=lambda a: abs(a.fraction - 0.5))
        known = best.bounds or (bound,) * len(best.children)
        for child, below in zip(best.children, known, strict=True):
            heapq.heappush(self.open, (max(bound, below), next(self.count), child))
        self.report(self.incumbent()[1], self.bound(), "node")
