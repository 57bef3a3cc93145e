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
    windows : str, float, sequence or None
        ``month``, ``week`` (from Monday on), ``day``: by the calendar of the profiles' times, or (not months) by
        counted hours from the first period's midnight on; a number: hours of a window, counted from the first period
        on; a sequence of int: the first period of each; a sequence of sequences of int: the periods of each; None: one
        window.

    Returns
    -------
    (T,) array of int
        From 0 on, in order.

    Raises
    ------
    InputError
        If windows cannot be told, do not fit the periods, overlap or leave periods out.

    Examples
    --------
    >>> axis = TimeAxis.counted(range(6), 6.0, 12.0)
    >>> window_of_periods(axis, "day").tolist(), window_of_periods(axis, 12.0).tolist()
    ([0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 2, 2])
    >>> window_of_periods(axis, [0, 4]).tolist(), window_of_periods(axis, [range(4), range(4, 6)]).tolist()
    ([0, 0, 0, 0, 1, 1], [0, 0, 0, 0, 1, 1])
    """
    if windows is None:
        return np.zeros(len(axis), dtype=np.int64)
    if windows == "fixed":
        raise InputError(
            "windows is 'fixed': the present states stay, and there is nothing to decide; leave windows out for one "
            "topology."
        )
    if isinstance(windows, str):
        labels = _calendar(axis, windows)
    elif not isinstance(windows, Sequence):
        labels = _of_hours(axis, float(windows))
    elif isinstance(windows[0], Sequence):
        labels = _from_members(axis, [[int(t) for t in rows] for rows in windows])
    else:
        labels = _from_firsts(axis, [int(t) for t in windows])
    changed = np.concatenate([[False], labels[1:] != labels[:-1]])
    return np.asarray(np.cumsum(changed), dtype=np.int64)


def spans_of_windows(window: IntArray) -> tuple[range, ...]:
    """Return the positions of the periods of each window.

    Examples
    --------
    >>> import numpy as np
    >>> spans_of_windows(np.array([0, 0, 1, 2, 2]))
    (range(0, 2), range(2, 3), range(3, 5))
    """
    firsts = np.flatnonzero(np.diff(window, prepend=-1)).tolist()
    return tuple(range(a, b) for a, b in pairwise([*firsts, len(window)]))


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


def _from_members(axis: TimeAxis, windows: list[list[int]]) -> IntArray:
    """Label the periods by the windows that list them; each has to be in one, and those of one side by side."""
    place = {t: k for k, t in enumerate(axis.rows)}
    holder: dict[int, int] = {}
    faults = []
    for w, rows in enumerate(windows):
        if unknown := [t for t in rows if t not in place]:
            faults.append(f"windows: period {unknown[0]} of window {w} is not in the horizon; give one of its periods.")
        if shared := [t for t in rows if holder.get(t, w) != w]:
            faults.append(
                f"windows: {holder[shared[0]]} and {w} overlap, both have {_listed(shared)}; give each period to one."
            )
        holder |= dict.fromkeys(rows, w)
    if left := [t for t in axis.rows if t not in holder]:
        faults.append(f"windows: {_listed(left)} in none; give each period of the horizon to one.")
    if faults:
        raise InputError(faults)
    labels = np.array([holder[t] for t in axis.rows], dtype=np.int64)
    if (back := np.flatnonzero(np.diff(labels) < 0)).size:
        t = axis.rows[int(back[0]) + 1]
        raise InputError(
            f"windows: {labels[back[0] + 1]} has period {t}, which comes after the beginning of {labels[back[0]]}; "
            "give windows in order, each of periods that follow one another."
        )
    return labels


def _listed(periods: list[int]) -> str:
    """Name a few periods."""
    few = ", ".join(str(t) for t in periods[:3])
    more = f" and {len(periods) - 3} more" if len(periods) > 3 else ""
    return f"period{'s' if len(periods) > 1 else ''} {few}{more}"


def _of_hours(axis: TimeAxis, hours: float) -> IntArray:
    """Label the periods by blocks of a length."""
    if not (math.isfinite(hours) and hours >= axis.hours - _SAME):
        raise InputError(f"windows is {hours:g} h, and a period has {axis.hours:g} h; give at least one period.")
    if axis.breaks:
        raise InputError(
            f"windows is {hours:g} h, but periods leave rows out before row {axis.rows[axis.breaks[0]]}; give the "
            "first period of each window."
        )
    count = round(hours / axis.hours)
    if abs(count * axis.hours - hours) > _SAME:
        raise InputError(
            f"windows is {hours:g} h, no whole number of periods of {axis.hours:g} h; give "
            f"{count * axis.hours:g}, or the first period of each window."
        )
    return np.asarray(np.arange(len(axis)) // count, dtype=np.int64)
