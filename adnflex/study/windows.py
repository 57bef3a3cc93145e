"""Windows of a horizon: periods that share one set of switch states."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from adnflex.arrays import IntArray
from adnflex.errors import InputError
from adnflex.study.axis import TimeAxis

_HOURS = {"day": 24.0, "week": 168.0}
# Hours that two readings of a time may differ by.
_SAME = 1e-6


def window_of_periods(axis: TimeAxis, windows: Any) -> IntArray:
    """Return the number of the window of every period.

    Parameters
    ----------
    axis : TimeAxis
        The T periods.
    windows : str, float, sequence of int or None
        ``month``, ``week`` (from Monday on), ``day``: by the calendar of the profiles' times, or (not months) by
        counted hours from the first period's midnight on; a number: hours of a window, counted from the first period
        on; a sequence: the first period of each; None: one window.

    Returns
    -------
    (T,) array of int
        From 0 on, in order.

    Raises
    ------
    InputError
        If windows cannot be told, or do not fit the periods.

    Examples
    --------
    >>> axis = TimeAxis.counted(range(6), 6.0, 12.0)
    >>> window_of_periods(axis, "day").tolist(), window_of_periods(axis, 12.0).tolist()
    ([0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 2, 2])
    >>> window_of_periods(axis, [0, 4]).tolist()
    [0, 0, 0, 0, 1, 1]
    """
    if windows is None:
        return np.zeros(len(axis), dtype=np.int64)
    if isinstance(windows, str):
        labels = _calendar(axis, windows)
    elif isinstance(windows, Sequence):
        labels = _from_firsts(axis, [int(t) for t in windows])
    else:
        labels = _of_hours(axis, float(windows))
    changed = np.concatenate([[False], labels[1:] != labels[:-1]])
    return np.asarray(np.cumsum(changed), dtype=np.int64)


def _calendar(axis: TimeAxis, word: str) -> IntArray:
    """Label the periods by the day, week or month that they begin in."""
    times = _times(axis)
    if times is not None:
        days = (times - np.datetime64("1970-01-05")) / np.timedelta64(1, "D")  # a Monday
        if word == "month":
            return np.asarray(times.astype("datetime64[M]").astype(np.int64))
        return np.asarray(np.floor(days / (_HOURS[word] / 24)), dtype=np.int64)
    if word == "month":
        raise InputError(
            "windows is 'month', but the profiles have no times with a date; give them a column time, e.g. 2024-05-29 "
            "00:15, or the first period of each window."
        )
    rows = np.array(axis.rows, dtype=float)
    hours = axis.clock[0] + (rows - rows[0]) * axis.hours
    return np.asarray(np.floor(hours / _HOURS[word] + _SAME), dtype=np.int64)


def _times(axis: TimeAxis) -> NDArray[np.datetime64] | None:
    """Return what a clock on the wall shows as each period begins; None where it is not known."""
    if not axis.begins or axis.begins[0].endswith(" h"):
        return None
    texts = pd.Series([text[:16] for text in axis.begins])
    return np.asarray(pd.to_datetime(texts, format="ISO8601").to_numpy())


def _from_firsts(axis: TimeAxis, firsts: list[int]) -> IntArray:
    """Label the periods by the last of some first periods."""
    known = set(axis.rows)
    faults = [f"windows: period {t} is not in the horizon; give one of its periods." for t in firsts if t not in known]
    if any(b <= a for a, b in pairwise(firsts)):
        faults.append(f"windows: {firsts} overlap or are not in order; give the first period of each window, in order.")
    if not faults and firsts[0] != axis.rows[0]:
        faults.append(
            f"windows: the first begins with period {firsts[0]}, the horizon with {axis.rows[0]}; begin with that."
        )
    if faults:
        raise InputError(faults)
    return np.asarray(np.searchsorted(firsts, axis.rows, side="right"), dtype=np.int64)


def _of_hours(axis: TimeAxis, hours: float) -> IntArray:
    """Label the periods by blocks of a length."""
    if not (math.isfinite(hours) and hours >= axis.hours - _SAME):
        raise InputError(f"windows is {hours:g} h, and a period has {axis.hours:g} h; give at least one period.")
    if axis.breaks:
        raise InputError(
            f"windows is {hours:g} h, but periods leave rows out before row {axis.rows[axis.breaks[0]]}; give the "
            "first period of each window."
        )
    return np.asarray(np.arange(len(axis)) // max(1, round(hours / axis.hours)), dtype=np.int64)
