"""Parts of a map: small windows round what is operated, as a large net hides it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from adnflex.arrays import FloatArray, IntArray

# Operations nearer to each other than this part of the net share a window, which takes at most this part of it.
_TOGETHER, _MOST_OF_NET = 0.12, 0.5
# A window shows at least so many usual branches across, and at most so many buses by name.
_ACROSS = 8.0
#: More windows are left out.
MOST_WINDOWS = 6
#: Nets up to this size are readable as a whole.
_SMALL = 60


@dataclass(frozen=True)
class Window:
    """A part of a map.

    Attributes
    ----------
    ranges : tuple of (float, float)
        What is in view of x, and of y.
    """

    ranges: tuple[tuple[float, float], tuple[float, float]]

    def within(self, topology: pd.DataFrame, coordinates: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return the rows of drawing tables that are in view, and the buses at which branches leave it."""
        (left, right), (low, high) = self.ranges
        inside = coordinates["x"].between(left, right) & coordinates["y"].between(low, high)
        seen = coordinates.index[inside]
        kept = topology[topology["from_bus"].isin(seen) | topology["to_bus"].isin(seen)].reset_index(drop=True)
        ends = pd.Index(kept["from_bus"]).union(pd.Index(kept["to_bus"])).union(seen)
        return kept, coordinates[coordinates.index.isin(ends)]


def windows(topology: pd.DataFrame, coordinates: pd.DataFrame) -> list[Window]:
    """Find windows round what a plan operates, those with most operations first; none where the whole is readable.

    Parameters
    ----------
    topology, coordinates : pandas.DataFrame
        Drawing tables, as in `adnflex.Plan`.
    """
    operated = topology[topology["closed_before"] != topology["closed_after"]]
    if len(coordinates) <= _SMALL or operated.empty:
        return []
    xy = coordinates[["x", "y"]].astype(float)
    a, b = (xy.reindex(topology[c]).to_numpy() for c in ("from_bus", "to_bus"))
    lengths = np.hypot(*(a - b).T)
    usual = float(np.median(lengths[lengths > 0])) if (lengths > 0).any() else 1.0
    extent = float(np.ptp(xy.to_numpy(), axis=0).max())
    middle = ((a + b) / 2)[operated.index.to_numpy()]
    group = _groups(middle, _TOGETHER * extent)
    order = sorted(range(int(group.max()) + 1), key=lambda g: -int((group == g).sum()))
    found = [_window(middle[group == g], _ACROSS * usual) for g in order]
    whole = extent * _MOST_OF_NET
    return [w for w in found if max(high - low for low, high in w.ranges) <= whole][:MOST_WINDOWS]


def _groups(places: FloatArray, near: float) -> IntArray:
    """Group of each place: those nearer than `near` to another one of a group belong to it."""
    group = np.arange(len(places))
    for k, place in enumerate(places):
        for other in group[:k][np.hypot(*(places[:k] - place).T) < near]:
            group[group == other] = group[k]
    return np.unique(group, return_inverse=True)[1].ravel()


def _window(places: FloatArray, least: float) -> Window:
    """Square round places with room about them, at least so wide."""
    centre = (places.min(axis=0) + places.max(axis=0)) / 2
    half = max(0.7 * float(np.ptp(places, axis=0).max()) + 0.25 * least, least / 2)
    (x, y) = (float(c) for c in centre)
    return Window(((x - half, x + half), (y - half, y + half)))
