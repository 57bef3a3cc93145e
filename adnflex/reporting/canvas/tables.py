"""What the drawing of the feeder shows of every bus and branch, from a plan's drawing tables."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from adnflex.reporting.text import branch_label

__all__ = ["drawn_branches", "drawn_buses", "span"]


def drawn_buses(coordinates: pd.DataFrame, voltages: pd.DataFrame | None) -> pd.DataFrame:
    """Buses with their voltages and limits; NaN where they are not known."""
    columns = ["vm_before_pu", "vm_after_pu", "vm_min_pu", "vm_max_pu"]
    found = pd.DataFrame() if voltages is None else voltages
    return pd.concat([coordinates, found.reindex(index=coordinates.index, columns=columns).astype(float)], axis=1)


def drawn_branches(topology: pd.DataFrame, loadings: pd.DataFrame | None) -> pd.DataFrame:
    """Branches with their label, loading and loss; NaN where they are not known."""
    columns = ["loading_before_percent", "loading_percent", "loss_mw"]
    found = pd.DataFrame({"element": [], "index": []}, dtype=object) if loadings is None else loadings
    found = found.reindex(columns=["element", "index", *columns]).drop_duplicates(["element", "index"])
    table = topology.astype({"element": object}).merge(
        found.astype({"element": object, "index": "int64"}), how="left", on=["element", "index"]
    )
    table[columns] = table[columns].astype(float)
    table["label"] = [branch_label(*row) for row in table[["element", "index", "name"]].itertuples(index=False)]
    return table


def span(*series: pd.Series) -> tuple[float, float]:
    """Smallest and largest finite value; (NaN, NaN) where there is none.

    Examples
    --------
    >>> span(pd.Series([1.0, float("nan")]), pd.Series([3.0]))
    (1.0, 3.0)
    """
    values = np.concatenate([s.to_numpy(dtype=float) for s in series])
    values = values[np.isfinite(values)]
    return (float(values.min()), float(values.max())) if len(values) else (math.nan, math.nan)
