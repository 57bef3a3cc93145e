"""Lines on the map: elbows for the branches of a tree, arcs for those across it, straight lines elsewhere."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd

from adnflex.arrays import FloatArray, IntArray

Singles = npt.NDArray[np.float32]
#: x and y of the points of one branch.
Line = tuple[list[float], list[float]]
_Point = tuple[float, float]

_ARC = np.linspace(0.0, 1.0, 13)
#: How far an arc across a tree leaves its chord, in rows or columns, and how much farther each twin goes.
_BEND, _TWIN_BEND = 0.35, 0.3
#: Height of the arc of a parallel branch on a map, over a chord of 1.
_PARALLEL_BEND = 0.15


def polylines(branches: pd.DataFrame, buses: pd.DataFrame, is_tree: bool) -> list[Line]:
    """Points of each branch.

    In a tree drawing, a branch of the tree leaves its upper bus vertically and enters the lower one
    horizontally; any other one is an arc, so that it never hides behind a feeder. On a map branches are
    straight, and parallel ones bend apart.

    Parameters
    ----------
    branches, buses : pandas.DataFrame
        `Plan.topology` and `Plan.coordinates`.
    is_tree : bool
        Whether the coordinates are those of a tree.
    """
    place = {bus: (x, y) for bus, x, y in buses[["x", "y"]].itertuples()}
    seen: dict[tuple[_Point, _Point], int] = {}
    lines = []
    for a, b, closed in branches[["from_bus", "to_bus", "closed_after"]].itertuples(index=False):
        start, end = sorted([place[a], place[b]])
        twins = seen[start, end] = seen.get((start, end), -1) + 1
        if is_tree:
            lines.append(_on_tree(start, end, bool(closed) and not twins, twins))
        else:
            lines.append(_on_map(start, end, twins))
    return lines


def _on_tree(start: _Point, end: _Point, of_tree: bool, twins: int) -> Line:
    """Elbow of a branch of the tree, arc of any other; a switch between fused buses has no length."""
    (x0, y0), (x1, y1) = start, end
    if start == end:
        return [x0, x0], [y0, y0]
    if of_tree and abs(x1 - x0 - 1) < 1e-9:
        return [x0, x0, x1], [y0, y1, y1]
    # Rows and columns are no lengths: bend by a part of a row or column, whatever the chord.
    bend = 2 * (_BEND + _TWIN_BEND * twins)
    along_row = abs(y1 - y0) < 0.5
    return _arc(start, end, (0.0, bend) if along_row else (bend, 0.0))


def _on_map(start: _Point, end: _Point, twins: int) -> Line:
    """Straight line; parallel branches are arcs on alternating sides of it."""
    (x0, y0), (x1, y1) = start, end
    if not twins:
        return [x0, x1], [y0, y1]
    bend = 2 * _PARALLEL_BEND * ((twins + 1) // 2) * (1 if twins % 2 else -1)
    return _arc(start, end, (-bend * (y1 - y0), bend * (x1 - x0)))


def _arc(start: _Point, end: _Point, push: _Point) -> Line:
    """Quadratic curve whose control point is the middle of the chord, pushed aside."""
    t = _ARC
    x, y = (
        (1 - t) ** 2 * a + 2 * t * (1 - t) * ((a + b) / 2 + p) + t**2 * b
        for a, b, p in zip(start, end, push, strict=True)
    )
    return x.round(6).tolist(), y.round(6).tolist()


def middles(lines: list[Line]) -> FloatArray:
    """Where each branch carries its mark: half-way, on an elbow half-way along the horizontal stroke."""
    found = [_middle(*line) for line in lines]
    return np.asarray(found, dtype=np.float64).reshape(len(lines), 2)


def _middle(x: list[float], y: list[float]) -> _Point:
    """Mark of one branch."""
    if len(x) == len(_ARC):
        return x[len(x) // 2], y[len(y) // 2]
    return (x[-1] + x[-2]) / 2, (y[-1] + y[-2]) / 2


def single(values: object) -> Singles:
    """Numbers in single precision: finer than any screen, and half the size of the file."""
    return np.asarray(values, dtype=np.float32)


def joined(lines: list[Line]) -> tuple[Singles, Singles]:
    """Several lines as one, with NaN between them: one trace draws thousands of branches.

    Examples
    --------
    >>> joined([([0, 1], [0, 0]), ([2, 3], [1, 1])])[0].tolist()
    [0.0, 1.0, nan, 2.0, 3.0, nan]
    """
    x = [c for line in lines for c in (*line[0], math.nan)]
    y = [c for line in lines for c in (*line[1], math.nan)]
    return single(x), single(y)


def binned(values: FloatArray, limits: tuple[float, float], count: int) -> IntArray:
    """Return the number of the colour of each value; -1 where there is no value."""
    low, high = limits
    part = np.nan_to_num((values - low) / max(high - low, 1e-12))
    bins = np.clip(np.floor(part * count), 0, count - 1)
    return np.where(np.isnan(values), -1, bins).astype(np.int64)
