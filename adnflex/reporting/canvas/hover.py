"""What the map shows of every bus and branch, and tells when the reader points at it; names are escaped."""

from __future__ import annotations

import math
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from adnflex.reporting.text import branch_label, bus_label, change, fixed, percent, power

#: Buses drawn in one place that still are told one by one.
_MOST_TOGETHER = 6


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


def bus_texts(buses: pd.DataFrame) -> list[str]:
    """Tell each bus's voltages, limits and load; buses drawn in one place tell theirs together."""
    columns = ["name", "vn_kv", "p_mw", "vm_before_pu", "vm_after_pu", "vm_min_pu", "vm_max_pu", "fed_by"]
    places = list(zip(buses["x"], buses["y"], strict=True))
    together: dict[tuple[float, float], list[str]] = {}
    for place, row in zip(places, buses[columns].itertuples(), strict=True):
        together.setdefault(place, []).append(_bus_text(*row))
    return ["<br>".join(together[place][:_MOST_TOGETHER]) for place in places]


def _bus_text(bus: int, name: str, kv: float, load: float, *more: Any) -> str:
    """Tell one bus: voltages before and after, their limits, and over what it is fed."""
    before, after, low, high, fed = more
    text = f"<b>{escape(bus_label(bus, name))}</b>, {fixed(kv, 1, 'kV')}"
    text += f"<br>voltage {change(fixed(before, 4, 'pu'), fixed(after, 4, 'pu'))}"
    if not (math.isnan(low) and math.isnan(high)):
        text += f" (limits {fixed(low, 3)} to {fixed(high, 3)})"
    text += f"<br>net load {power(load)}" if load else ""
    return text + (f"<br>{escape(fed)}" if fed else "")


def branch_texts(buses: pd.DataFrame, branches: pd.DataFrame) -> list[str]:
    """Tell each branch's ends, state, loading, losses and length."""
    names = buses["name"].to_dict()
    columns = [
        "label", "from_bus", "to_bus", "closed_before", "closed_after", "length_km",
        "loading_before_percent", "loading_percent", "loss_mw",
    ]  # fmt: skip
    texts = []
    for label, a, b, before, after, km, was, now, loss in branches[columns].itertuples(index=False):
        ends = f"{bus_label(a, names[a])} – {bus_label(b, names[b])}"
        text = f"<b>{escape(label)}</b><br>{escape(ends)}<br>{_state(before, after)}"
        if not (math.isnan(was) and math.isnan(now)):
            text += f"<br>loading {change(percent(was), percent(now))}"
        if after and not math.isnan(loss):
            text += f"<br>losses after {power(loss)}"
        texts.append(text + (f"<br>{fixed(km, 2, 'km')}" if km > 0 else ""))
    return texts


def _state(before: bool, after: bool) -> str:
    """Tell the state of a branch in words."""
    if before == after:
        return "closed" if after else "open"
    return "open, <b>closed by the plan</b>" if after else "closed, <b>opened by the plan</b>"
