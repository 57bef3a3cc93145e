"""Time series of a net's elements: SimBench's relative profiles, or absolute values from the caller."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.errors import InputError
from adnflex.grid.checks import shorten
from adnflex.grid.model import FloatArray

__all__ = ["COLUMNS", "Profiles", "Series", "read_series"]

# What may vary in time: the key in net.profiles and the ending of the profile's column.
COLUMNS: dict[tuple[str, str], tuple[str, str]] = {
    ("load", "p_mw"): ("load", "_pload"),
    ("load", "q_mvar"): ("load", "_qload"),
    ("sgen", "p_mw"): ("renewables", ""),
    ("sgen", "q_mvar"): ("renewables", "_q"),
    ("storage", "p_mw"): ("storage", ""),
    ("storage", "q_mvar"): ("storage", "_q"),
    ("ext_grid", "price_per_mwh"): ("ext_grid", "_price"),
    ("ext_grid", "sell_price_per_mwh"): ("ext_grid", "_sell_price"),
    ("ext_grid", "co2_kg_per_mwh"): ("ext_grid", "_co2"),
}
# Columns that may have no profile even where their element has one.
_OPTIONAL = {"q_mvar", "price_per_mwh", "sell_price_per_mwh", "co2_kg_per_mwh"}

# More periods than this in one optimisation are an oversight: a year of quarter-hours is 35,136.
_MOST_PERIODS = 2000

Profiles = Mapping[tuple[str, str], pd.DataFrame]


@dataclass(frozen=True)
class Series:
    """Values of every element that has any, over the chosen periods.

    Attributes
    ----------
    periods : tuple of int
        Rows of the time index.
    values : dict of (str, str) to (T, E) array
        By table and column; elements in the order of the net's table; before `scaling`.
    step_hours : float or None
        Step of the time index [h], where it says.
    """

    periods: tuple[int, ...]
    values: dict[tuple[str, str], FloatArray]
    step_hours: float | None

    def __len__(self) -> int:
        return len(self.periods)


def read_series(net: pandapowerNet, profiles: Profiles | None = None, periods: Iterable[int] | None = None) -> Series:
    """Read the values of all elements over time.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is only read.
    profiles : mapping, optional
        ``{(table, column): DataFrame}`` with absolute values, one column an element; instead of ``net.profiles``.
    periods : iterable of int, optional
        Rows to take; by default all.  Without any profile there is one period, the net as it is.

    Raises
    ------
    InputError
        With every fault found.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> series = read_series(pn.case33bw())
    >>> len(series), series.values["load", "p_mw"].shape
    (1, (1, 32))
    """
    faults: list[str] = []
    if profiles is None:
        found, length, step = _relative(net, faults)
    else:
        found, length, step = _absolute(net, profiles, faults)
    rows = _rows(length, periods, faults)
    if faults:
        raise InputError(faults)
    values = {}
    for (table, column), (of_element, matrix) in found.items():
        base = _static(net, table, column)
        full = np.tile(base, (len(rows), 1))
        if of_element:
            full[:, of_element] = matrix[rows]
        values[table, column] = full
    return Series(tuple(rows), values, step)


def _static(net: pandapowerNet, table: str, column: str) -> FloatArray:
    rows = net[table]
    if column not in rows.columns:
        return np.full(len(rows), np.nan)
    return np.array(pd.to_numeric(rows[column], errors="coerce"), dtype=float)


Found = dict[tuple[str, str], tuple[list[int], FloatArray]]


def _relative(net: pandapowerNet, faults: list[str]) -> tuple[Found, int, float | None]:
    """Values of ``net.profiles`` times those of the elements that name them."""
    shipped: Any = net.get("profiles")
    shipped = shipped if isinstance(shipped, dict) else {}
    frames = {k: v for k, v in shipped.items() if isinstance(v, pd.DataFrame) and len(v)}
    used: dict[str, int] = {}
    found: Found = {}
    for (table, column), (key, ending) in COLUMNS.items():
        rows = net[table]
        base = _static(net, table, column)
        picked: list[int] = []
        parts: list[FloatArray] = []
        missing: dict[str, list[int]] = {}
        names = rows["profile"] if "profile" in rows.columns and key in frames else [None] * len(rows)
        for place, (index, name) in enumerate(zip(rows.index, names, strict=True)):
            if not isinstance(name, str) or not name:
                continue
            title = f"{name}{ending}"
            if title not in frames[key].columns:
                if column not in _OPTIONAL:
                    missing.setdefault(title, []).append(int(index))
                continue
            picked.append(place)
            parts.append(base[place] * pd.to_numeric(frames[key][title], errors="coerce").to_numpy(dtype=float))
        faults += [
            f"{table} {shorten(who)}: profile column '{title}' is not in net.profiles['{key}']; add it or correct "
            f"{table}.profile."
            for title, who in missing.items()
        ]
        if picked:
            used[key] = len(frames[key])
            _require_numbers(parts, rows.index[picked], table, column, faults)
        found[table, column] = (picked, np.column_stack(parts) if parts else np.zeros((0, 0)))
    faults += _unknown_tariffs(net, frames)
    if len(set(used.values())) > 1:
        faults.append(f"net.profiles have different lengths: {used}; give all of them the same periods.")
    length = max(used.values(), default=1)
    steps = [_step(frames[key]) for key in used]
    return found, length, next((s for s in steps if s is not None), None)


def _unknown_tariffs(net: pandapowerNet, frames: dict[str, pd.DataFrame]) -> list[str]:
    """External grids that name a profile of which nothing is there."""
    if "profile" not in net.ext_grid.columns:
        return []
    known = frames["ext_grid"].columns if "ext_grid" in frames else []
    return [
        f"ext_grid {i}: no column of its profile '{name}' (such as '{name}_price') is in net.profiles['ext_grid']; "
        "add it or correct ext_grid.profile."
        for i, name in net.ext_grid["profile"].items()
        if isinstance(name, str) and name and not any(f"{name}{end}" in known for end in _TARIFF)
    ]


_TARIFF = ("_price", "_sell_price", "_co2")


def _absolute(net: pandapowerNet, profiles: Profiles, faults: list[str]) -> tuple[Found, int, float | None]:
    """Values that the caller gives, in MW, Mvar or money."""
    found: Found = {key: ([], np.zeros((0, 0))) for key in COLUMNS}
    lengths: dict[str, int] = {}
    step = None
    for key, frame in profiles.items():
        name = f"profiles[{key!r}]"
        if key not in COLUMNS:
            faults.append(f"{name}: is not one of {shorten(map(str, COLUMNS), 9)}; use one of these keys.")
            continue
        if not isinstance(frame, pd.DataFrame):
            faults.append(f"{name}: is a {type(frame).__name__}; give a DataFrame, one column an element index.")
            continue
        table = net[key[0]]
        unknown = [c for c in frame.columns if c not in table.index]
        if unknown:
            faults.append(f"{name}: columns {shorten(unknown)} are no index of net.{key[0]}; name columns by index.")
            continue
        places = [int(table.index.get_loc(c)) for c in frame.columns]
        matrix = frame.to_numpy(dtype=float)
        _require_numbers(list(matrix.T), frame.columns, *key, faults)
        found[key] = (places, matrix)
        lengths[str(key)] = len(frame)
        step = step or _step(frame)
    if len(set(lengths.values())) > 1:
        faults.append(f"profiles have different lengths: {lengths}; give all of them the same periods.")
    return found, max(lengths.values(), default=1), step


def _require_numbers(
    parts: list[FloatArray], elements: Iterable[Any], table: str, column: str, faults: list[str]
) -> None:
    for element, part in zip(elements, parts, strict=True):
        bad = np.flatnonzero(~np.isfinite(part))
        if len(bad):
            faults.append(
                f"{table} {element}: {column} is not a number in period {shorten(bad.tolist(), 3)}; fill the gap in "
                "its profile (or the element's own value)."
            )


def _rows(length: int, periods: Iterable[int] | None, faults: list[str]) -> list[int]:
    if periods is None:
        if length > _MOST_PERIODS:
            faults.append(
                f"the profiles have {length} periods, more than {_MOST_PERIODS}; choose some, e.g. periods=range(96)."
            )
            return [0]
        return list(range(length))
    rows = [int(t) for t in periods]
    outside = [t for t in rows if not 0 <= t < length]
    if outside:
        faults.append(f"periods {shorten(outside)} are outside the profiles, which have rows 0 to {length - 1}.")
        return [0]
    if not rows or len(set(rows)) < len(rows):
        faults.append("periods are empty or name a row twice; give each row once.")
        return [0]
    if any(b <= a for a, b in pairwise(rows)):
        faults.append("periods are not in increasing order; sort them.")
        return [0]
    return rows


def _step(frame: pd.DataFrame) -> float | None:
    """Step of a time index or of a column ``time`` [h]."""
    stamps: Any = frame.index if isinstance(frame.index, pd.DatetimeIndex) else None
    if stamps is None and "time" in frame.columns:
        stamps = pd.DatetimeIndex(pd.to_datetime(frame["time"].iloc[:2], dayfirst=True, errors="coerce"))
    if stamps is None or len(stamps) < 2:
        return None
    hours = (stamps[1] - stamps[0]).total_seconds() / 3600
    return hours if math.isfinite(hours) and hours > 0 else None
