"""Times as people give them: with a zone, with UTC offsets, or as the clock on the wall shows them.

Steps are measured in absolute time, so that the end of summer time is an hour like any other; clock windows ("18-21")
are read on the wall.
"""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from adnflex.arrays import FloatArray

Times = NDArray[np.datetime64]

# "Z", "+02:00" or "+0200" at the end of a time of day.
_OFFSET = r"(?<=\d)\s*(?:Z|[+-]\d{2}:?\d{2})$"
# Where times without a zone jump by an hour, this zone's clock changes may explain it.
_CLOCK_CHANGES = "Europe/Berlin"
_HOUR = np.timedelta64(3600, "s")


@dataclass(frozen=True)
class Stamps:
    """Times of all rows.

    Attributes
    ----------
    absolute : (N,) array of datetime64
        In UTC where there is a zone or an offset, else as given.
    wall : (N,) array of datetime64 or None
        What a clock on the wall shows; None where only durations are known.
    zoned : bool
        Whether there is a zone or an offset.
    """

    absolute: Times
    wall: Times | None
    zoned: bool

    def __len__(self) -> int:
        return len(self.absolute)

    def text(self, row: int) -> str:
        """Time of a row, for people.

        Examples
        --------
        >>> read_stamps(["2024-10-27 02:00+02:00", "2024-10-27 02:00+01:00"]).text(1)
        '2024-10-27 02:00+01:00'
        """
        if self.wall is None:
            return f"{(self.absolute[row] - self.absolute[0]) / _HOUR:g} h"
        if not self.zoned:
            return _minutes(self.wall[row])
        ahead = round(float((self.wall[row] - self.absolute[row]) / np.timedelta64(60, "s")))
        return f"{_minutes(self.wall[row])}{'-' if ahead < 0 else '+'}{abs(ahead) // 60:02d}:{abs(ahead) % 60:02d}"

    def steps(self) -> FloatArray:
        """Hours from each row to the next, in absolute time."""
        return np.diff(self.absolute) / _HOUR

    def clock(self, row: int) -> float | None:
        """Hour on the wall at which a row begins, 0 to 24; None where it is not known."""
        if self.wall is None:
            return None
        return float((self.wall[row] - self.wall[row].astype("datetime64[D]")) / _HOUR)

    def with_clock_changes(self) -> Stamps | None:
        """Read times without a zone as those of central Europe, if that makes all steps the same; else None."""
        if self.zoned or self.wall is None:
            return None
        try:
            local = pd.DatetimeIndex(self.wall).tz_localize(_CLOCK_CHANGES, ambiguous="infer", nonexistent="raise")
        except Exception:  # a time that no clock shows, or that comes but once: pandas' own errors, or those of pytz
            return None
        absolute = local.tz_convert("UTC").tz_localize(None).to_numpy()
        steps = np.diff(absolute)
        one_step = len(steps) and steps[0] > np.timedelta64(0) and (steps == steps[0]).all()
        return Stamps(absolute, self.wall, False) if one_step else None


def _minutes(time: np.datetime64) -> str:
    text = str(np.datetime_as_string(time, unit="s")).replace("T", " ")
    return text.removesuffix(":00")


def read_stamps(values: Any, first: int = 0) -> Stamps | None:
    """Read times; None where the labels are no times at all (numbers, names).

    Parameters
    ----------
    values : pandas.Index, pandas.Series or sequence
        Times with a zone, with UTC offsets (also different ones, as over the end of summer time) or without; as text
        ISO 8601 or with the day first; durations.
    first : int
        Number of the first row in what is said of faults.

    Raises
    ------
    ValueError
        If some are times and others are not, or some have a zone and others none; says which row.

    Examples
    --------
    >>> stamps = read_stamps(["2024-10-27 02:00+02:00", "2024-10-27 02:00+01:00"])
    >>> stamps.steps().tolist(), stamps.clock(0), stamps.clock(1)
    ([1.0], 2.0, 2.0)
    >>> read_stamps([0, 1, 2]) is None
    True
    """
    index = values if isinstance(values, pd.Index) else pd.Index(values)
    if isinstance(index, pd.PeriodIndex):
        index = index.to_timestamp()
    if isinstance(index, pd.TimedeltaIndex):
        return Stamps(np.datetime64(0, "s") + index.to_numpy(), None, False)
    if isinstance(index, pd.DatetimeIndex):
        return _of_index(index, first)
    if not len(index) or not all(isinstance(v, str | datetime.date) or v is pd.NaT for v in index):
        return None
    return _of_texts(pd.Series([_text(v) for v in index], dtype=object), first)


def _text(value: Any) -> str:
    return value.strip() if isinstance(value, str) else value.isoformat()


def _of_index(index: pd.DatetimeIndex, first: int) -> Stamps:
    missing = np.flatnonzero(index.isna())
    if len(missing):
        raise ValueError(f"row {missing[0] + first} has no time")
    wall = index.tz_localize(None).to_numpy()
    if index.tz is None:
        return Stamps(wall, wall, False)
    return Stamps(index.tz_convert("UTC").tz_localize(None).to_numpy(), wall, True)


def _of_texts(texts: pd.Series, first: int) -> Stamps | None:
    if not texts.str.contains(r"[-./:]", regex=True).any():
        return None  # names or numbers
    offsets = texts.str.contains(_OFFSET, regex=True) & texts.str.contains(":", regex=False)
    bare = texts.where(~offsets, texts.str.replace(_OFFSET, "", regex=True))
    wall = _parsed(bare)
    if wall.isna().all():
        return None
    if wall.isna().any():
        row = int(np.flatnonzero(wall.isna())[0])
        raise ValueError(f"row {row + first}: '{texts[row]}' is no time; write e.g. 2024-05-29 00:15")
    if offsets.any() != offsets.all():
        one, other = int(np.flatnonzero(offsets)[0]), int(np.flatnonzero(~offsets)[0])
        raise ValueError(
            f"row {one + first} ('{texts[one]}') has a UTC offset and row {other + first} ('{texts[other]}') has "
            "none; give all or none"
        )
    if not offsets.any():
        return Stamps(wall.to_numpy(), wall.to_numpy(), False)
    ahead = pd.to_timedelta([_minutes_ahead(t) for t in texts], unit="min")
    return Stamps(wall.to_numpy() - ahead.to_numpy(), wall.to_numpy(), True)


def _parsed(texts: pd.Series) -> pd.Series:
    """Read as ISO 8601, else with the day first; NaT where neither holds for all."""
    found = pd.to_datetime(texts, format="ISO8601", errors="coerce")
    if found.isna().any():
        # the form of the first row usually is that of all, which is far quicker than to guess anew in each
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # pandas: no form, or the month first; both are judged here
            other = pd.to_datetime(texts, dayfirst=True, errors="coerce")
        if other.isna().any():
            other = pd.to_datetime(texts, dayfirst=True, format="mixed", errors="coerce")
        # a mixture of both is read by neither
        found = other if other.notna().sum() > found.notna().sum() else found
    return found


def _minutes_ahead(text: str) -> int:
    """Minutes by which an offset is ahead of UTC."""
    if text.endswith("Z"):
        return 0
    digits: Iterable[str] = [c for c in text[-6:] if c.isdigit()]
    number = "".join(digits)[-4:]
    minutes = int(number[:2]) * 60 + int(number[2:])
    return -minutes if "-" in text[-6:] else minutes
