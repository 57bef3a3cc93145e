"""Polygons in the plane: cut by half-planes, hull, area, membership, and the area of a union.

A polygon is an (n, 2) array of vertices in order, without the first one repeated.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike

from adnflex.arrays import BoolArray, FloatArray, IntArray


def area(polygon: FloatArray) -> float:
    """Area of a simple polygon.

    Examples
    --------
    >>> area(np.array([[0, 0], [2, 0], [2, 1], [0, 1.0]]))
    2.0
    """
    if len(polygon) < 3:
        return 0.0
    # the origin moves to a vertex, or a small polygon far away loses its digits
    x, y = (polygon - polygon[0]).T
    return abs(float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))) / 2


def cut(polygon: FloatArray, normal: ArrayLike, support: float) -> FloatArray:
    """Keep what lies at ``normal · x <= support`` of a convex polygon.

    Examples
    --------
    >>> area(cut(np.array([[0, 0], [2, 0], [2, 1], [0, 1.0]]), (1.0, 0.0), 0.5))
    0.5
    """
    height = polygon @ np.asarray(normal, dtype=float) - support
    kept = []
    for k in range(len(polygon)):
        j = (k + 1) % len(polygon)
        if height[k] <= 0:
            kept.append(polygon[k])
        if (height[k] < 0 < height[j]) or (height[j] < 0 < height[k]):
            share = height[k] / (height[k] - height[j])
            kept.append(polygon[k] + share * (polygon[j] - polygon[k]))
    return np.array(kept, dtype=float).reshape(-1, 2)


def intersection(normals: FloatArray, supports: FloatArray, reach: float) -> FloatArray:
    """Vertices of ``normals x <= supports`` within a square of half-width `reach` around the origin.

    Examples
    --------
    >>> intersection(np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]]), np.array([1.0, 0, 1, 0]), 9.0).tolist()
    [[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.0, 0.0]]
    """
    polygon = reach * np.array([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]])
    for normal, support in zip(normals, supports, strict=True):
        if np.isfinite(support) and len(polygon):
            polygon = cut(polygon, normal, float(support))
    return polygon


def hull(points: FloatArray) -> IntArray:
    """Return the rows that are vertices of the convex hull, counter-clockwise.

    Examples
    --------
    >>> hull(np.array([[0, 0], [2, 0], [1, 0.1], [1, 1.0]])).tolist()
    [0, 1, 3]
    """
    order = np.lexsort((points[:, 1], points[:, 0])).tolist()

    def half(rows: list[int]) -> list[int]:
        chain: list[int] = []
        for k in rows:
            while len(chain) > 1 and _turn(points[chain[-2]], points[chain[-1]], points[k]) <= 0:
                chain.pop()
            chain.append(k)
        return chain[:-1]

    return np.array([*half(order), *half(order[::-1])] or order[:1], dtype=np.int64)


def _turn(a: FloatArray, b: FloatArray, c: FloatArray) -> float:
    return float((b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]))


def contains(polygon: FloatArray, points: ArrayLike, tolerance: float = 0.0) -> BoolArray:
    """Whether points lie in a simple polygon, or within `tolerance` of its boundary.

    Examples
    --------
    >>> square = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
    >>> contains(square, [[0.5, 0.5], [1.5, 0.5], [1.0 + 1e-9, 0.5]], 1e-6).tolist()
    [True, False, True]
    """
    x = np.asarray(points, dtype=float).reshape(-1, 1, 2)
    if not len(polygon):
        return np.zeros(len(x), dtype=np.bool_)
    a, b = polygon[None], np.roll(polygon, -1, axis=0)[None]
    crosses = (a[..., 1] > x[..., 1]) != (b[..., 1] > x[..., 1])
    rise = np.where(crosses, b[..., 1] - a[..., 1], 1.0)
    at = a[..., 0] + (x[..., 1] - a[..., 1]) / rise * (b[..., 0] - a[..., 0])
    inside = (crosses & (x[..., 0] < at)).sum(axis=1) % 2 == 1
    return np.asarray(inside | (_distance(x, a, b) <= tolerance))


def _distance(x: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    """Distance of points to the nearest of some segments."""
    along = b - a
    length = np.maximum((along**2).sum(axis=-1), 1e-300)
    share = np.clip(((x - a) * along).sum(axis=-1) / length, 0.0, 1.0)
    off = x - a - share[..., None] * along
    return np.asarray(np.sqrt((off**2).sum(axis=-1)).min(axis=1))


def union_area(polygons: Sequence[FloatArray]) -> float:
    """Area of the union of simple polygons, exact up to rounding.

    The plane is cut into horizontal slabs at every vertex and at every crossing of two edges.  Within a slab no edges
    cross, so the width of the union is linear in the height and that in the middle gives its area.

    Examples
    --------
    >>> square = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
    >>> union_area([square, square + 0.5, square + 5.0])
    2.75
    """
    parts = [p for p in polygons if area(p) > 0]
    if len(parts) < 2:
        return sum(area(p) for p in parts)
    a = np.concatenate(parts)
    b = np.concatenate([np.roll(p, -1, axis=0) for p in parts])
    owner = np.concatenate([np.full(len(p), k) for k, p in enumerate(parts)])
    heights = np.unique(np.concatenate([a[:, 1], _crossings(a, b)]))
    total = 0.0
    for low, high in pairwise(heights.tolist()):
        total += (high - low) * _width(a, b, owner, (low + high) / 2)
    return float(total)


def _crossings(a: FloatArray, b: FloatArray) -> FloatArray:
    """Heights at which edges cross each other."""
    along = b - a
    cross = along[:, None, 0] * along[None, :, 1] - along[:, None, 1] * along[None, :, 0]
    off = a[None, :] - a[:, None]
    parallel = np.abs(cross) < 1e-300
    scale = np.where(parallel, 1.0, cross)
    s = (off[..., 0] * along[None, :, 1] - off[..., 1] * along[None, :, 0]) / scale
    t = (off[..., 0] * along[:, None, 1] - off[..., 1] * along[:, None, 0]) / scale
    hit = ~parallel & (s >= 0) & (s <= 1) & (t >= 0) & (t <= 1)
    return np.asarray((a[:, None, 1] + s * along[:, None, 1])[hit])


def _width(a: FloatArray, b: FloatArray, owner: IntArray, height: float) -> float:
    """Length of the union of all polygons on a horizontal line that meets no vertex."""
    crosses = (a[:, 1] > height) != (b[:, 1] > height)
    start, end, of = a[crosses], b[crosses], owner[crosses]
    x = start[:, 0] + (height - start[:, 1]) / (end[:, 1] - start[:, 1]) * (end[:, 0] - start[:, 0])
    spans = []
    for k in np.unique(of):
        ends = np.sort(x[of == k])
        spans += list(zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True))
    width, reached = 0.0, -np.inf
    for left, right in sorted(spans):
        width += max(right - max(left, reached), 0.0)
        reached = max(reached, right)
    return width
