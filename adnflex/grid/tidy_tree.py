"""A tidy, compact drawing of a forest: trunks run straight to the right, laterals above and below them.

Every subtree is a bundle of rows. The deepest child goes on in its parent's row; the others are pushed up or
down only as far as the outline of what is already drawn asks for. As in a single-line diagram, an edge leaves
its parent vertically and enters its child horizontally, and no two edges of a tree cross. The work is
proportional to the number of nodes and nothing recurses, so a feeder may be as deep as it likes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.grid.drawn_forest import DrawnForest, deepest_children


@dataclass
class _Outline:
    """Lowest and highest row in use at each depth of a subtree, the deepest first, its own node last.

    One more entry than there are levels keeps a gap behind each leaf.
    """

    low: list[int]
    high: list[int]


def place(forest: DrawnForest) -> tuple[FloatArray, FloatArray]:
    """Coordinates of the nodes: x counts the edges from the top, y is the row.

    Examples
    --------
    >>> from adnflex.grid.drawn_forest import grow
    >>> x, y = place(grow(4, [(0, 1), (1, 2), (1, 3)], roots=[0]))
    >>> x.tolist(), y.tolist()
    ([0.0, 1.0, 2.0, 2.0], [0.0, 0.0, 0.0, 1.0])
    """
    shift, outlines = _shifts(forest)
    count = len(forest.parent)
    x, y = np.zeros(count), np.zeros(count)
    next_row = 0.0
    for node in forest.order.tolist():
        above = int(forest.parent[node])
        if above >= 0:
            x[node], y[node] = x[above] + 1, y[above] + shift[node]
            continue
        # Trees stand one above the other, the first root on top.
        outline = outlines[node]
        y[node] = next_row - max(outline.high) if next_row else 0.0
        next_row = y[node] + min(outline.low) - 2
    return x, y


def _shifts(forest: DrawnForest) -> tuple[list[int], dict[int, _Outline]]:
    """Row of each node relative to its parent, and the outlines of the whole trees."""
    count = len(forest.parent)
    heavy = deepest_children(forest)
    light: list[list[int]] = [[] for _ in range(count)]
    for node in forest.order.tolist():
        above = int(forest.parent[node])
        if above >= 0 and heavy[above] != node:
            light[above].append(node)
    shift = [0] * count
    outlines: dict[int, _Outline] = {}
    for node in forest.order[::-1].tolist():
        trunk = int(heavy[node])
        outline = outlines.pop(trunk) if trunk >= 0 else _Outline([0], [0])
        low = high = 0
        # Short laterals first: they stay near the trunk and the long ones go round them.
        for child in sorted(light[node], key=lambda c: (len(outlines[c].low), c)):
            shift[child] = _push(outline, outlines.pop(child))
            low, high = min(low, shift[child]), max(high, shift[child])
        # The node's own entry spans the vertical strokes to its children, so nothing is drawn over them.
        outline.low.append(low)
        outline.high.append(high)
        outlines[node] = outline
    return shift, outlines


def _push(outline: _Outline, child: _Outline) -> int:
    """Put a child's outline above or below `outline`, whichever is nearer, and widen `outline` by it."""
    depth = len(child.low)
    low, high = outline.low[-depth:], outline.high[-depth:]
    up = max(1, max(h + 1 - c for h, c in zip(high, child.low, strict=True)))
    down = min(-1, min(c - 1 - h for c, h in zip(low, child.high, strict=True)))
    step = up if up <= -down else down
    outline.low[-depth:] = [min(a, b + step) for a, b in zip(low, child.low, strict=True)]
    outline.high[-depth:] = [max(a, b + step) for a, b in zip(high, child.high, strict=True)]
    return step
