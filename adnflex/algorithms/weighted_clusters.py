"""Groups of points that lie near their weighted means (k-means)."""

from __future__ import annotations

import numpy as np

from adnflex.arrays import FloatArray, IntArray

# Rounds of reassignment; most end earlier, as nothing moves any more.
_ROUNDS = 50


def weighted_clusters(points: FloatArray, weights: FloatArray, count: int, seed: int = 0) -> IntArray:
    """Group points so that the weighted squared distances to the means of their groups are small.

    The first centres are drawn one by one, far points more often (k-means++); then points and means are adapted to each
    other (Lloyd) until nothing moves.

    Parameters
    ----------
    points : (N, d) array
        The points.
    weights : (N,) array
        Their weights, 0 or more.
    count : int
        Largest number of groups.
    seed : int
        Of the first centres.

    Returns
    -------
    (N,) array of int
        Group of each point; groups count from 0, and none is empty.

    References
    ----------
    Lloyd, IEEE Trans. Information Theory 28(2), 1982, doi:10.1109/TIT.1982.1056489.  Arthur and Vassilvitskii, SODA
    2007 (the first centres).

    Examples
    --------
    >>> points = np.array([[0.0], [0.1], [5.0], [5.1], [5.2]])
    >>> weighted_clusters(points, np.ones(5), 2).tolist()
    [0, 0, 1, 1, 1]
    """
    centres = _first_centres(points, weights, count, np.random.default_rng(seed))
    labels = np.full(len(points), -1)
    for _ in range(_ROUNDS):
        near = _distances(points, centres).argmin(axis=1)
        if np.array_equal(near, labels):
            break
        labels = near
        mass = np.bincount(labels, weights, len(centres))
        sums = np.stack([np.bincount(labels, weights * column, len(centres)) for column in points.T], axis=1)
        filled = mass > 0
        centres[filled] = sums[filled] / mass[filled, None]
    # in the order in which the groups appear
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    return np.asarray(np.argsort(np.argsort(first))[inverse], dtype=np.int64)


def _first_centres(points: FloatArray, weights: FloatArray, count: int, rng: np.random.Generator) -> FloatArray:
    """Draw centres among the points, each with a chance that grows with its distance to those drawn before."""
    chosen = [int(np.argmax(weights * (points**2).sum(axis=1)))]
    nearest = _distances(points, points[chosen])[:, 0]
    while len(chosen) < count:
        chance = weights * nearest
        total = float(chance.sum())
        if total <= 0:
            break
        chosen.append(int(rng.choice(len(points), p=chance / total)))
        nearest = np.minimum(nearest, _distances(points, points[chosen[-1:]])[:, 0])
    return np.array(points[chosen], dtype=float)


def _distances(points: FloatArray, centres: FloatArray) -> FloatArray:
    """Squared distances (N, centres)."""
    return np.stack([((points - centre) ** 2).sum(axis=1) for centre in centres], axis=1)
