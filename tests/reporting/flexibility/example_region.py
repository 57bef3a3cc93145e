"""Regions of active and reactive power that fit the example of the box, made of ellipses instead of power flows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from adnflex.arrays import FloatArray
from adnflex.results.region import Region

from .example import example

__all__ = ["example_region"]

_CORNERS, _DIRECTIONS = 12, 16


def example_region(periods: int = 24, hours: float = 1.0) -> Region:
    """Return a region for each period of the example.

    Parameters
    ----------
    periods : int
        How many periods there are.
    hours : float
        Length of a period [h].

    Examples
    --------
    >>> region = example_region(periods=3)
    >>> region.periods, bool((region.areas["ratio"] < 1).all())
    ([0, 1, 2], True)
    """
    best = example(periods, hours)[1]
    tables: dict[str, list[pd.DataFrame]] = {"outer": [], "inner": [], "points": [], "halfplanes": []}
    areas = []
    for t in range(periods):
        low, high = (float(best.box.at[t, c]) for c in ("lower_mw", "upper_mw"))
        centre = np.array([(low + high) / 2, 0.35 * best.ac["import_mvar"].mean() + 0.1])
        half = np.array([0.56 * (high - low) + 0.02, 0.5 + 0.1 * (high - low)])
        angles = 2 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
        normals = np.column_stack([np.cos(angles), np.sin(angles)])
        reached = normals @ centre + np.hypot(normals[:, 0] * half[0], normals[:, 1] * half[1])
        support = reached + 0.02
        outer = _meet(normals, support)
        inner = centre + half * _circle(_CORNERS)
        tables["outer"].append(_rows(outer, t, "vertex"))
        corners = _rows(inner, t, "vertex").assign(point=range(_CORNERS), combination=0)
        tables["inner"].append(corners.set_index("combination", append=True))
        tables["points"].append(_points(np.vstack([inner, centre]), t))
        planes = {"normal_p": normals[:, 0], "normal_q": normals[:, 1], "support_mva": support, "reached_mva": reached}
        index = pd.MultiIndex.from_product([[t], range(_DIRECTIONS)], names=["period", "direction"])
        tables["halfplanes"].append(pd.DataFrame(planes, index=index))
        areas.append((_area(outer), _area(inner), _area(inner) / _area(outer), 1, 1, 80, 13, 20, 0.4, "complete"))
    columns = ["outer", "inner", "ratio", "combinations", "solved", "power_flows", "power_flows_pandapower", "sampled",
               "seconds", "status"]  # fmt: skip
    joint: dict[str, Any] = {name: pd.concat(parts) for name, parts in tables.items()}
    joint["inner"] = joint["inner"].reorder_levels(["period", "combination", "vertex"])
    return Region(
        net_name="two feeders", pcc="ext_grid 0", hours_per_period=hours,
        areas=pd.DataFrame(areas, columns=columns, index=pd.RangeIndex(periods, name="period")), **joint,
        setpoints=pd.DataFrame(), positions=pd.DataFrame(), inputs=pd.DataFrame(), options={},
        fingerprint="two-feeders", seconds=0.4 * periods, versions={"adnflex": "0.1.0"},
    )  # fmt: skip


def _circle(corners: int) -> FloatArray:
    angles = 2 * np.pi * np.arange(corners) / corners
    return np.column_stack([np.cos(angles), np.sin(angles)])


def _meet(normals: FloatArray, support: FloatArray) -> FloatArray:
    """Corners where neighbouring half-planes meet."""
    following = np.roll(np.arange(len(normals)), -1)
    pairs = zip(np.stack([normals, normals[following]], axis=1), np.column_stack([support, support[following]]),
                strict=True)  # fmt: skip
    return np.array([np.linalg.solve(a, b) for a, b in pairs])


def _rows(vertices: FloatArray, period: int, name: str) -> pd.DataFrame:
    index = pd.MultiIndex.from_product([[period], range(len(vertices))], names=["period", name])
    return pd.DataFrame({"p_mw": vertices[:, 0], "q_mvar": vertices[:, 1]}, index=index)


def _points(places: FloatArray, period: int) -> pd.DataFrame:
    limits = {
        "combination": 0, "role": ["corner"] * (len(places) - 1) + ["middle"], "vm_min_pu": 0.97, "vm_min_bus": 5,
        "vm_max_pu": 1.03, "vm_max_bus": 4, "loading_percent": 100.0, "loading_element": "line", "loading_index": 4,
        "limit_kind": "loading", "limit_element": "line", "limit_index": 4, "limit_value": 100.0, "limit": 100.0,
        "limit_unit": "%",
    }  # fmt: skip
    return _rows(places, period, "point").assign(**limits)


def _area(vertices: FloatArray) -> float:
    x, y = vertices.T
    return float(abs(x @ np.roll(y, -1) - y @ np.roll(x, -1)) / 2)
