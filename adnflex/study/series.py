"""Time series of a net's elements: SimBench's relative profiles, or absolute values from the caller."""

from __future__ import annotations

import numbers
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import FloatArray
from adnflex.errors import InputError
from adnflex.grid.checks import shorten
from adnflex.study.axis import Numbered, agreed, labels_of, step_faults
from adnflex.study.controllers import controller_profiles
from adnflex.study.stamps import Stamps

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

# More periods than this in one optimisation of devices are an oversight: a year of quarter-hours is 35,136.
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
    stamps : Stamps or None
        Times of all rows, also of those that were not chosen; None where no series has any.
    notes : tuple of str
        What the reader has to know.
    """

    periods: tuple[int, ...]
    values: dict[tuple[str, str], FloatArray]
    stamps: Stamps | None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.periods)


def read_series(
    net: pandapowerNet,
    profiles: Profiles | None = None,
    periods: Iterable[int] | None = None,
    still: int = 1,
    most: int = _MOST_PERIODS,
) -> Series:
    """Read the values of all elements over time.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is only read.
    profiles : mapping, optional
        ``{(table, column): DataFrame}`` with absolute values, one column an element; instead of ``net.profiles`` and of
        the controllers with profiles that the net holds.
    periods : iterable of int, optional
        Rows to take; by default all.
    still : int
        Number of periods that a net without any profile stands for: the net as it is.
    most : int
        Most periods that are taken without being asked for by name.

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
    driven, notes = controller_profiles(net, COLUMNS, ignored=profiles is not None, faults=faults)
    if profiles is not None:
        raw = _absolute(net, profiles, "profiles", faults)
    else:
        raw = _relative(net, faults)
        raw.add(_absolute(net, driven, "controllers", faults), faults)
    lengths = set(raw.lengths.values())
    if len(lengths) > 1:
        faults.append(f"profiles have different lengths: {raw.lengths}; give all of them the same periods.")
    rows = _rows(max(lengths, default=still), periods, most, faults)
    stamps = agreed(raw.stamps, faults)
    found = raw.values
    if stamps is not None and not faults:
        name = next(name for name, s in raw.stamps.items() if isinstance(s, Stamps))
        stamps, odd, more = step_faults(name, stamps, rows)
        faults += odd
        notes += more
    if faults:
        raise InputError(faults)
    values = {}
    for (table, column), (of_element, matrix) in found.items():
        base = _static(net, table, column)
        full = np.tile(base, (len(rows), 1))
        if of_element:
            full[:, of_element] = matrix[rows]
        values[table, column] = full
    return Series(tuple(rows), values, stamps, tuple(notes))


def _static(net: pandapowerNet, table: str, column: str) -> FloatArray:
    rows = net[table]
    if column not in rows.columns:
        return np.full(len(rows), np.nan)
    return np.array(pd.to_numeric(rows[column], errors="coerce"), dtype=float)


@dataclass
class _Raw:
    """What was found, before rows are chosen.

    Attributes
    ----------
    values : dict of (str, str) to (list of int, (N, K) array)
        Places of the elements in their table that have a series, and the series.
    lengths : dict of str to int
        Rows, by the name of a series.
    stamps : dict of str to Stamps, Numbered or None
        Times or numbers of the rows, by the name of a series.
    """

    values: dict[tuple[str, str], tuple[list[int], FloatArray]]
    lengths: dict[str, int] = field(default_factory=dict)
    stamps: dict[str, Stamps | Numbered | None] = field(default_factory=dict)

    def add(self, other: _Raw, faults: list[str]) -> None:
        """Put another source beside; an element may have one series of a column."""
        for key, (places, matrix) in other.values.items():
            mine, values = self.values[key]
            twice = sorted(set(mine) & set(places))
            if twice:
                faults.append(
                    f"{key[0]}.{key[1]} has a profile in net.profiles and a controller in rows {shorten(twice)}; keep "
                    "one."
                )
            elif places:
                both = [values, matrix] if mine and len(values) == len(matrix) else [matrix]
                self.values[key] = ([*mine, *places] if mine else places, np.column_stack(both))
        self.lengths |= other.lengths
        self.stamps |= other.stamps


def _numbers_of(name: str, column: Any, values: pd.Series, faults: list[str]) -> FloatArray:
    """FloatArray of one column; text is refused with its row, a gap is left to be told with its element."""
    if values.dtype.kind in "iuf" or isinstance(values.dtype, pd.Int64Dtype | pd.Float64Dtype):
        return np.array(values.to_numpy(dtype=float, na_value=np.nan))
    odd = [k for k, v in enumerate(values) if not _is_number(v)]
    if odd:
        # what is no number at all comes before a number that is only written as text
        row = next((k for k in odd if not _reads_as_number(values.iloc[k])), odd[0])
        what = "is text; convert the column, e.g. with pd.to_numeric" if _reads_as_number(values.iloc[row]) else ""
        faults.append(
            f"{name}, column {column}, row {row}: {_shown(values.iloc[row])} {what or 'is no number; write e.g. 0.25'}."
        )
        return np.zeros(len(values))
    return np.array(values.to_numpy(dtype=float, na_value=np.nan))


def _matrix_of(name: str, frame: pd.DataFrame, faults: list[str]) -> FloatArray:
    """Return the numbers of all columns, at once where they are plain ones."""
    if all(dtype.kind in "iuf" for dtype in frame.dtypes.unique()):
        return np.array(frame.to_numpy(dtype=float))
    return np.column_stack([_numbers_of(name, c, frame[c], faults) for c in frame.columns])


def _shown(value: Any) -> str:
    """Write a cell as Python's own, not as numpy's."""
    return repr(value.item() if isinstance(value, np.generic) else value)


def _is_number(value: Any) -> bool:
    """Whether a cell is a number, or a gap that is told with its element."""
    if value is None or value is pd.NA:
        return True
    return isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_)


def _reads_as_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return isinstance(value, str)


def _relative(net: pandapowerNet, faults: list[str]) -> _Raw:
    """Values of ``net.profiles`` times those of the elements that name them."""
    shipped: Any = net.get("profiles")
    shipped = shipped if isinstance(shipped, dict) else {}
    frames = {k: v for k, v in shipped.items() if isinstance(v, pd.DataFrame) and len(v)}
    raw = _Raw({})
    for (table, column), (key, ending) in COLUMNS.items():
        rows = net[table]
        base = _static(net, table, column)
        picked: list[int] = []
        titles: list[str] = []
        missing: dict[str, list[int]] = {}
        name = f"net.profiles['{key}']"
        names = rows["profile"] if "profile" in rows.columns and key in frames else [None] * len(rows)
        for place, (index, profile) in enumerate(zip(rows.index, names, strict=True)):
            if not isinstance(profile, str) or not profile:
                continue
            title = f"{profile}{ending}"
            if title not in frames[key].columns:
                if column not in _OPTIONAL:
                    missing.setdefault(title, []).append(int(index))
                continue
            picked.append(place)
            titles.append(title)
        faults += [
            f"{table} {shorten(who)}: profile column '{title}' is not in {name}; add it or correct {table}.profile."
            for title, who in missing.items()
        ]
        matrix = np.zeros((0, 0))
        if picked:
            if name not in raw.lengths:
                raw.lengths[name] = len(frames[key])
                raw.stamps[name] = labels_of(name, frames[key], faults)
            once, column_of = np.unique(titles, return_inverse=True)
            matrix = _matrix_of(name, frames[key][once], faults)[:, column_of] * base[picked]
            _require_numbers(matrix, rows.index[picked], table, column, faults)
        raw.values[table, column] = (picked, matrix)
    faults += _unknown_tariffs(net, frames)
    return raw


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


def _absolute(net: pandapowerNet, profiles: Profiles, source: str, faults: list[str]) -> _Raw:
    """Values that the caller gives, in MW, Mvar or money."""
    raw = _Raw({key: ([], np.zeros((0, 0))) for key in COLUMNS})
    for key, frame in _mapping(profiles, faults).items():
        name = f"{source}[{key!r}]"
        if key not in COLUMNS:
            faults.append(f"{name}: is not one of {shorten(map(str, COLUMNS), 9)}; use one of these keys.")
            continue
        if not isinstance(frame, pd.DataFrame):
            faults.append(f"{name}: is a {type(frame).__name__}; give a DataFrame, one column an element index.")
            continue
        table = net[key[0]]
        elements = frame.columns.drop("time", errors="ignore")
        twice = elements[elements.duplicated()]
        if len(twice):
            faults.append(f"{name}: column {shorten(twice)} stands there twice; keep one.")
            continue
        here = elements.isin(table.index)
        truths = [isinstance(c, bool | np.bool_) for c in elements] if elements.dtype.kind in "Ob" else False
        unknown = elements[~here | truths].tolist()
        if unknown:
            faults.append(f"{name}: columns {shorten(unknown)} are no index of net.{key[0]}; name columns by index.")
            continue
        if not len(frame):
            faults.append(f"{name}: has no rows; give one row a period.")
            continue
        places = table.index.get_indexer(elements).tolist()
        matrix = _matrix_of(name, frame[elements], faults)
        _require_numbers(matrix, elements, *key, faults)
        raw.values[key] = (places, matrix)
        raw.lengths[name] = len(frame)
        raw.stamps[name] = labels_of(name, frame, faults)
    return raw


def _mapping(profiles: Any, faults: list[str]) -> Profiles:
    if isinstance(profiles, Mapping):
        return profiles
    faults.append(
        f"profiles is a {type(profiles).__name__}; give a dict such as {{('load', 'p_mw'): DataFrame}}, one column an "
        "element index."
    )
    return {}


def _require_numbers(matrix: FloatArray, elements: pd.Index, table: str, column: str, faults: list[str]) -> None:
    wrong = ~np.isfinite(matrix)
    for place in np.flatnonzero(wrong.any(axis=0)):
        faults.append(
            f"{table} {elements[place]}: {column} is not a number in period "
            f"{shorten(np.flatnonzero(wrong[:, place]).tolist(), 3)}; fill the gap in its profile (or the element's "
            "own value)."
        )


def _rows(length: int, periods: Iterable[int] | None, most: int, faults: list[str]) -> list[int]:
    if periods is None:
        if length > most:
            faults.append(f"the profiles have {length} periods, more than {most}; choose some, e.g. periods=range(96).")
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
