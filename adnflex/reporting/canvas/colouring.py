"""What colours lie on a map: by voltage, by loading, by supply, and in which ranges."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.reporting import style
from adnflex.reporting.canvas.geometry import binned
from adnflex.reporting.canvas.hover import span

COLOURS = ("voltage", "loading", "supply")
_BINS = 12
#: Neighbouring feeders differ; yellow is too pale for lines.
_FEEDERS = style.PALETTE[:7]


@dataclass(frozen=True)
class Colouring:
    """Values that colours stand for.

    Attributes
    ----------
    of_branch, of_bus : numpy.ndarray
        Value of each; NaN is not known. Buses of an empty array are plain.
    limits : tuple of float
        Range of the colours.
    tints : list of str
        The colours, each for the same part of the range.
    title : str
        What the colour bar says; without one there is none.
    """

    of_branch: FloatArray
    of_bus: FloatArray
    limits: tuple[float, float]
    tints: list[str]
    title: str = ""
    known: bool = field(init=False)

    def __post_init__(self) -> None:
        """Note whether there is a value at all."""
        object.__setattr__(self, "known", bool(np.isfinite(self.of_bus).any() or np.isfinite(self.of_branch).any()))

    @property
    def look(self) -> dict[str, Any]:
        """Plotly's words for the colours of markers, the same in both states."""
        scale: list[Any] = self.tints
        bar = {"colorbar": style.colour_bar(self.title), "showscale": True} if self.title else {"showscale": False}
        return {"cmin": self.limits[0], "cmax": self.limits[1], "colorscale": scale, **bar}

    def bins(self, values: FloatArray) -> IntArray:
        """Return the number of the colour of each value; -1 where there is none."""
        return binned(values, self.limits, len(self.tints))


def colour_ranges(buses: pd.DataFrame, branches: pd.DataFrame) -> dict[str, tuple[float, float]]:
    """Ranges of voltages [pu] and loadings [%] over both states, so that they can be compared."""
    low, high = span(buses["vm_before_pu"], buses["vm_after_pu"])
    _, most = span(branches["loading_before_percent"], branches["loading_percent"])
    return {"voltage": (low, max(high, low + 1e-4)), "loading": (0.0, max(most, 1e-3))}


def colourings(
    buses: pd.DataFrame,
    branches: pd.DataFrame,
    state: str,
    closed: BoolArray,
    ranges: Mapping[str, tuple[float, float]],
) -> dict[str, Colouring]:
    """Colours of the drawn buses and branches in one state, by `colour_ranges`."""
    vm = buses[f"vm_{state}_pu"].to_numpy(dtype=float)
    a, b = (buses.index.get_indexer(branches[c]) for c in ("from_bus", "to_bus"))
    column = "loading_before_percent" if state == "before" else "loading_percent"
    loading = np.where(closed, branches[column].to_numpy(dtype=float), math.nan)
    area = buses["supply"].to_numpy(dtype=float)
    shade = np.where(area >= 0, area % len(_FEEDERS), math.nan)
    fed = np.where(np.isnan(shade[a]), shade[b], shade[a])  # the first branch of a feeder is its own
    return {
        "voltage": Colouring(
            (vm[a] + vm[b]) / 2, vm, ranges["voltage"], style.binned(style.VOLTAGE_SCALE, _BINS),
            "voltage [pu]",
        ),
        "loading": Colouring(
            loading, np.zeros(0), ranges["loading"], style.binned(style.LOADING_SCALE, _BINS), "loading [%]"
        ),
        "supply": Colouring(np.where(closed, fed, math.nan), shade, (0.0, float(len(_FEEDERS))), _FEEDERS),
    }  # fmt: skip
