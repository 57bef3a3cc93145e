"""Column and constraint generation for a box that has to hold at every vertex.

It knows callables and bounds, nothing of networks: a master problem over the vertices found so far, whose box is too
large or right, and a subproblem that looks for the vertex which a box serves worst.

References
----------
Zeng and Zhao, Operations Research Letters 41(5), 2013, doi:10.1016/j.orl.2013.05.003.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from adnflex.arrays import FloatArray

Vertex = FloatArray
BoxT = TypeVar("BoxT")


@dataclass(frozen=True)
class WorstVertex:
    """What a subproblem says of a box.

    Attributes
    ----------
    vertex : (T,) array of 0 and 1
        The worst vertex found.
    shortage : float
        What is missing at it.
    proven : bool
        Whether no vertex is worse than `bound`.
    bound : float
        No vertex misses more.
    """

    vertex: Vertex
    shortage: float
    proven: bool
    bound: float


@dataclass(frozen=True)
class Iteration:
    """A master problem and its subproblem.

    Attributes
    ----------
    vertices : int
        Vertices of the master problem.
    bound : float
        Size of its box.
    shortage : float
        What is missing at the worst vertex found.
    vertex : (T,) array of 0 and 1
        That vertex.
    proven : bool
        Whether no vertex is worse.
    """

    vertices: int
    bound: float
    shortage: float
    vertex: Vertex
    proven: bool


@dataclass
class Generated(Generic[BoxT]):
    """What column and constraint generation leaves.

    Attributes
    ----------
    box : object
        The last box of the master problem.
    bound : float
        Its size: no box that holds everywhere is larger.
    holds : bool
        Whether the box is proven to hold at every vertex.
    vertices : list of (T,) arrays
        The vertices of the master problem.
    iterations : int
        Number of master problems solved.
    history : list of Iteration
        All of them.
    """

    box: BoxT
    bound: float
    holds: bool
    vertices: list[Vertex]
    iterations: int
    history: list[Iteration] = field(default_factory=list)


def generate(
    master: Callable[[Sequence[Vertex]], tuple[BoxT, float]],
    climb: Callable[[BoxT], WorstVertex],
    prove: Callable[[BoxT], WorstVertex],
    start: Sequence[Vertex],
    tolerance: float,
    stop: Callable[[float], bool] = lambda bound: False,
) -> Generated[BoxT]:
    """Add vertices to the master problem until its box holds at all of them.

    Parameters
    ----------
    master : callable
        Maps vertices to the largest box that holds at them, and its size.
    climb : callable
        Looks for a bad vertex of a box, quickly; proves nothing.
    prove : callable
        Finds the worst vertex of a box, or a bound on it.
    start : sequence of (T,) arrays
        The first vertices.
    tolerance : float
        Shortage that counts as none.
    stop : callable
        Told the bound after every master problem; True ends the search.

    Examples
    --------
    A box of one period, at most 3 wide at the vertex 1:

    >>> def at_most_three(vertices):
    ...     width = 3.0 if any(v[0] == 1 for v in vertices) else 5.0
    ...     return width, width
    >>> def missing(width):
    ...     return WorstVertex(np.ones(1), max(width - 3.0, 0.0), True, max(width - 3.0, 0.0))
    >>> found = generate(at_most_three, missing, missing, [np.zeros(1)], 1e-6)
    >>> found.box, found.holds, found.iterations
    (3.0, True, 2)
    """
    vertices = [np.asarray(v, dtype=float) for v in start]
    history: list[Iteration] = []
    while True:
        box, bound = master(vertices)
        if stop(bound):
            return Generated(box, bound, False, vertices, len(history) + 1, history)
        verdict = climb(box)
        if verdict.shortage <= tolerance:
            verdict = prove(box)
        history.append(Iteration(len(vertices), bound, verdict.shortage, verdict.vertex, verdict.proven))
        known = any(np.array_equal(verdict.vertex, v) for v in vertices)
        if verdict.shortage <= tolerance or known:
            # a vertex of the master problem that misses something is rounding of the solver
            holds = verdict.proven and verdict.bound <= tolerance
            return Generated(box, bound, holds, vertices, len(history), history)
        vertices.append(verdict.vertex)
