r"""Fewer scenarios: keep those whose probability measure is nearest to that of all.

Of scenarios :math:`x_i` with probabilities :math:`p_i`, keep a set :math:`K`. The best probabilities on :math:`K`
give each dropped scenario's to the nearest kept one, and the Kantorovich distance of the two measures is then

.. math::

    D(K) = \sum_i p_i \min_{j \in K} c_{ij}, \qquad c_{ij} = \lVert w \circ (x_i - x_j) \rVert_2 .

The best :math:`K` of a given size is a hard problem (k-medians). Forward selection adds, backward reduction drops, the
scenario that is best for the moment: neither is optimal in general, the first is for one scenario kept and the second
for one dropped.

References
----------
Dupacova, Groewe-Kuska and Roemisch, "Scenario reduction in stochastic programming", Math. Programming A 95, 2003,
doi:10.1007/s10107-002-0331-0 (the distance and its redistribution).  Heitsch and Roemisch, "Scenario reduction
algorithms in stochastic programming", Comput. Optim. Appl. 24, 2003, doi:10.1023/A:1021805924152 (fast forward
selection, simultaneous backward reduction).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import pdist, squareform

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.errors import InputError
from adnflex.scenarios._checks import at_least_one, probability_findings

Method = Literal["forward", "backward"]

# Sums of the same costs in another order differ by rounding; such ties go to the lowest index.
_TIE = 1e-12


@dataclass(frozen=True, eq=False)
class Reduction:
    """Which scenarios are kept, and what that costs.

    Attributes
    ----------
    kept : ndarray of int, shape (keep,)
        Kept scenarios, ascending; read-only, as the others.
    probabilities : ndarray, shape (keep,)
        Their new probabilities.
    nearest : ndarray of int, shape (S,)
        For every scenario the kept one that has taken its probability; a kept one has its own.
    distance : float
        Kantorovich distance between the old and the new measure [unit of the scaled values].
    """

    kept: IntArray
    probabilities: FloatArray
    nearest: IntArray
    distance: float


def reduce_scenarios(
    values: ArrayLike,
    probabilities: ArrayLike | None = None,
    *,
    keep: int = 10,
    method: Method = "forward",
    scale: ArrayLike | None = None,
) -> Reduction:
    """Keep a few scenarios, with the probabilities that bring them nearest to all.

    Parameters
    ----------
    values : array_like, shape (S, ...)
        One scenario a row; what follows the first axis is taken as one vector.
    probabilities : array_like or None, shape (S,)
        Probabilities; None takes 1/S each.
    keep : int
        Number of scenarios kept, at most S.
    method : {"forward", "backward"}
        Fast forward selection (better, and faster where few are kept), or simultaneous backward reduction (its
        sets are nested: a smaller one is part of a larger one, and so are those of forward selection).
    scale : array_like or None, shape broadcast to ``values.shape[1:]``
        Weights by which values are multiplied before the distance, so that different units add up.

    Returns
    -------
    Reduction
        Kept scenarios, probabilities, redistribution and distance. Ties go to the scenario of the lowest index.

    Raises
    ------
    InputError
        For values that are not finite, probabilities that do not sum to 1, or `keep` out of range.

    Notes
    -----
    Holds a matrix of S² distances: 8 MB for 1000 scenarios.

    Examples
    --------
    >>> reduction = reduce_scenarios([[0.0], [0.2], [5.0], [5.1], [5.3]], keep=2)
    >>> reduction.kept, reduction.probabilities.round(3), reduction.nearest
    (array([0, 2]), array([0.4, 0.6]), array([0, 0, 2, 2, 2]))
    >>> round(reduction.distance, 6)
    0.12
    """
    points = np.asarray(values, dtype=float)
    findings = _findings(points, keep, method)
    if findings:
        raise InputError(findings)
    count = len(points)
    weights = np.full(count, 1 / count) if probabilities is None else np.asarray(probabilities, dtype=float)
    findings = probability_findings(weights, count) + _scale_findings(points, scale)
    if findings:
        raise InputError(findings)
    if scale is not None:
        points = points * np.asarray(scale, dtype=float)
    cost: FloatArray = squareform(pdist(points.reshape(count, -1)))
    kept = (_forward if method == "forward" else _backward)(cost, weights, keep)
    return _redistribute(cost, weights, kept)


def _findings(points: FloatArray, keep: int, method: str) -> list[str]:
    findings = at_least_one(keep=keep)
    if method not in get_args(Method):
        findings.append(f"method is {method!r}; give one of {', '.join(get_args(Method))}.")
    if points.ndim < 2 or points.size == 0:
        return [*findings, f"values have shape {points.shape}; give (scenarios, values), one scenario a row."]
    if not findings and keep > len(points):
        findings.append(f"keep is {keep}, and there are {len(points)} scenarios; keep at most that many.")
    broken = np.flatnonzero(~np.isfinite(points.reshape(len(points), -1)).all(axis=1))
    findings += [f"scenario {s} has values that are not finite; fill or drop them." for s in broken]
    return findings


def _scale_findings(points: FloatArray, scale: ArrayLike | None) -> list[str]:
    if scale is None:
        return []
    weights = np.asarray(scale, dtype=float)
    try:
        fits = np.broadcast_shapes(weights.shape, points.shape[1:]) == points.shape[1:]
    except ValueError:
        fits = False
    if not fits:
        return [f"scale has shape {weights.shape}, which does not broadcast to one scenario's {points.shape[1:]}."]
    if not (np.isfinite(weights) & (weights >= 0)).all():
        return ["scale has values that are not finite or below 0; give weights of 0 or more."]
    return []


def _lowest(values: FloatArray, tolerance: float) -> int:
    return int(np.argmax(values <= values.min() + tolerance))


def _forward(cost: FloatArray, weights: FloatArray, keep: int) -> IntArray:
    """Add the scenario that lowers the distance most, until there are enough."""
    tolerance = _TIE * float(cost.max())
    nearest = np.full(len(cost), np.inf)
    chosen: list[int] = []
    for _ in range(keep):
        distance: FloatArray = weights @ np.minimum(nearest[:, None], cost)
        distance[chosen] = np.inf
        chosen.append(_lowest(distance, tolerance))
        nearest = np.minimum(nearest, cost[:, chosen[-1]])
    return np.array(sorted(chosen))


def _backward(cost: FloatArray, weights: FloatArray, keep: int) -> IntArray:
    """Drop the scenario that raises the distance least, until there are few enough.

    Dropping one sends those that it was nearest to (itself among them) to their second nearest; so two
    neighbours of each scenario are all that has to be known, and only those that lose one look for another.
    """
    tolerance = _TIE * float(cost.max())
    count = len(cost)
    every = np.arange(count)
    neighbours = np.argsort(cost, axis=1, kind="stable")
    alive = np.ones(count, dtype=bool)
    first, second = _two_nearest(neighbours, alive)
    for _ in range(count - keep):
        gain = weights * (cost[every, second] - cost[every, first])
        increase = np.bincount(first, weights=gain, minlength=count).astype(float)
        increase[~alive] = np.inf
        dropped = _lowest(increase, tolerance)
        alive[dropped] = False
        lost = np.flatnonzero((first == dropped) | (second == dropped))
        first[lost], second[lost] = _two_nearest(neighbours[lost], alive)
    return np.flatnonzero(alive)


def _two_nearest(neighbours: IntArray, alive: BoolArray) -> tuple[IntArray, IntArray]:
    """Nearest and second nearest of those alive; the second means nothing where only one is left."""
    rows = np.arange(len(neighbours))
    there = alive[neighbours]
    first = there.argmax(axis=1)
    there[rows, first] = False
    return neighbours[rows, first], neighbours[rows, there.argmax(axis=1)]


def _redistribute(cost: FloatArray, weights: FloatArray, kept: IntArray) -> Reduction:
    """Give the probability of every dropped scenario to the nearest kept one."""
    count = len(cost)
    nearest = kept[cost[:, kept].argmin(axis=1)]
    # of several equal scenarios kept, each keeps its own
    nearest[kept] = kept
    probabilities = np.bincount(nearest, weights=weights, minlength=count).astype(float)[kept]
    distance = float(weights @ cost[np.arange(count), nearest])
    for array in (kept, probabilities, nearest):
        array.setflags(write=False)
    return Reduction(kept, probabilities, nearest, distance)
