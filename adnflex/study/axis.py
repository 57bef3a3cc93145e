"""The time axis of a study: which rows, how long, at which clock hour, and whether they follow one another."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from adnflex.errors import InputError
from adnflex.study.stamps import Stamps, read_stamps

# Hours that two readings of a time may differ by.
_SAME = 1e-6


@dataclass(frozen=True)
class TimeAxis:
    """T periods.

    Attributes
    ----------
    rows : tuple of int
        Row of the series of each period.
    hours : float
        Length of a period [h].
    clock : tuple of float
        Clock hour at which each begins [h].
    begins : tuple of str
        The same as given, with date and offset; empty where the series have no times.
    breaks : tuple of int
        Periods t >= 1 that do not begin where t - 1 ends.
    """

    rows: tuple[int, ...]
    hours: float
    clock: tuple[float, ...]
    begins: tuple[str, ...] = ()
    breaks: tuple[int, ...] = field(default=())

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def counted(cls, rows: Sequence[int], hours: float, start: float) -> TimeAxis:
        """Periods that follow one another from a clock hour on, whatever rows they were.

        Examples
        --------
        >>> TimeAxis.counted([4, 5], 0.5, 23.5).clock
        (23.5, 0.0)
        """
        return cls(tuple(int(t) for t in rows), hours, tuple((start + k * hours) % 24 for k in range(len(rows))))


class Numbered(NamedTuple):
    """Rows that are numbered, not dated: the first number and the step."""

    first: float
    step: float


def labels_of(name: str, frame: pd.DataFrame, faults: list[str]) -> Stamps | Numbered | None:
    """Read the times of a series: its column ``time``, else its index; numbers have to be in order.

    Parameters
    ----------
    name : str
        What has the series.
    frame : pandas.DataFrame
        The series.
    faults : list of str
        What is wrong is added here.
    """
    labels: Any = frame["time"] if "time" in frame.columns else frame.index
    try:
        stamps = read_stamps(labels)
    except ValueError as error:
        faults.append(f"{name}: times: {error}.")
        return None
    if stamps is not None:
        return stamps
    if "time" in frame.columns:
        faults.append(f"{name}: column time holds '{labels.iloc[0]}', which is no time; write e.g. 2024-05-29 00:15.")
        return None
    if not pd.api.types.is_numeric_dtype(frame.index) or not len(frame):
        return None
    numbers = frame.index.to_numpy(dtype=float)
    steps = np.diff(numbers)
    whole = pd.api.types.is_integer_dtype(frame.index) or not len(steps) or not steps[0] > 0
    step = 1.0 if whole else float(steps[0])
    jumps = np.flatnonzero(~(np.abs(steps - step) <= _SAME))
    if len(jumps):
        a, b = frame.index[jumps[0]], frame.index[jumps[0] + 1]
        faults.append(
            f"{name}: rows are numbered {a} and then {b}; give every row, or number them anew "
            "(reset_index(drop=True)) if they follow one another."
        )
    return Numbered(float(numbers[0]), step)


def agreed(stamps: Mapping[str, Stamps | Numbered | None], faults: list[str]) -> Stamps | None:
    """Find the times that all series share; series without times go with any of the same length.

    Parameters
    ----------
    stamps : mapping of str to Stamps, Numbered or None
        Times or numbers by the name of a series.
    faults : list of str
        Where two disagree is added here.

    Returns
    -------
    Stamps or None
        The common times; None where no series has any.
    """
    numbered = [(name, s) for name, s in stamps.items() if isinstance(s, Numbered)]
    for name, rows in numbered[1:]:
        if not np.allclose(rows, numbered[0][1], rtol=0, atol=_SAME):
            a, b = (f"{s.first:g}, {s.first + s.step:g} ..." for s in (numbered[0][1], rows))
            faults.append(
                f"{numbered[0][0]} and {name} do not number their rows alike, {a} and {b}; give both the same rows, or "
                "number them anew (reset_index(drop=True))."
            )
    known = [(name, s) for name, s in stamps.items() if isinstance(s, Stamps)]
    if not known:
        return None
    first, common = known[0]
    for name, other in known[1:]:
        if len(other) != len(common):
            continue  # told where the lengths are compared
        if other.zoned != common.zoned:
            with_, without = (name, first) if other.zoned else (first, name)
            faults.append(
                f"{with_} has times with a zone or a UTC offset, {without} without; give both with, or both without."
            )
            continue
        apart = np.flatnonzero(other.absolute != common.absolute)
        if len(apart):
            row = int(apart[0])
            faults.append(
                f"{first} and {name} are not of the same times: row {row} is {common.text(row)} in the one and "
                f"{other.text(row)} in the other; give all series the same times (same date, zone and step)."
            )
    return common


def step_faults(name: str, stamps: Stamps, rows: Sequence[int]) -> tuple[Stamps, list[str], list[str]]:
    """Require one step between all rows from the first chosen one to the last.

    Parameters
    ----------
    name : str
        What has the times.
    stamps : Stamps
        The times.
    rows : sequence of int
        The chosen rows.

    Returns
    -------
    stamps : Stamps
        The times; read with the clock changes of central Europe where only these explain a jump.
    faults, notes : list of str
        What is wrong; what the reader has to know.
    """
    span = slice(rows[0], rows[-1] + 1)
    fault = _irregular(name, stamps, span)
    if not fault:
        return stamps, [], []
    part = Stamps(stamps.absolute[span], None if stamps.wall is None else stamps.wall[span], stamps.zoned)
    read = part.with_clock_changes()
    if read is None:
        return stamps, [fault], []
    absolute = stamps.absolute.copy()
    absolute[span] = read.absolute
    jump = int(np.flatnonzero(np.abs(part.steps() - read.steps()) > _SAME)[0])
    note = (
        f"{name}: the times jump from {part.text(jump)} to {part.text(jump + 1)}; read as the clock change of central "
        "Europe, so that every period has the same length."
    )
    return Stamps(absolute, stamps.wall, stamps.zoned), [], [note]


def _irregular(name: str, stamps: Stamps, span: slice) -> str:
    """Say where the step changes; empty where it does not."""
    steps = stamps.steps()[span.start : span.stop - 1]
    if not len(steps):
        return ""
    values, counts = np.unique(np.round(steps, 9), return_counts=True)
    usual = float(values[np.argmax(counts)])
    backward = np.flatnonzero(steps <= 0)
    odd = backward if len(backward) else np.flatnonzero(np.abs(steps - usual) > _SAME)
    if not len(odd):
        return ""
    row = span.start + int(odd[0])
    places = f"from {stamps.text(row)} (row {row}) to {stamps.text(row + 1)}"
    way_out = "give one row a period, in order"
    if stamps.wall is not None and not stamps.zoned:
        way_out += "; where the clock changes give times with a UTC offset, e.g. 2024-10-27 02:00+01:00"
    if steps[odd[0]] <= 0:
        what = "stands still" if steps[odd[0]] == 0 else "runs backwards"
        return f"{name}: time {what} {places}; {way_out}."
    return f"{name}: steps differ, {usual:g} h in most rows and {steps[odd[0]]:g} h {places}; {way_out}."


def time_axis(
    rows: Sequence[int],
    stamps: Stamps | None,
    hours_per_period: float | None,
    start_hour: float | None,
) -> TimeAxis:
    """Bring rows, times and what the caller or the net says together.

    Parameters
    ----------
    rows : sequence of int
        Chosen rows, increasing.
    stamps : Stamps or None
        Times of all rows, of one step between the first chosen row and the last.
    hours_per_period : float, optional
        Length of a period [h]; by default the step of the times.
    start_hour : float, optional
        Clock hour at which row 0 begins [h]; by default that of the times, else 0.

    Raises
    ------
    InputError
        If the length of a period is not known or two statements contradict each other.

    Examples
    --------
    >>> axis = time_axis([0, 1, 4], None, 0.5, 6.0)
    >>> axis.clock, axis.breaks
    ((6.0, 6.5, 8.0), (2,))
    """
    faults: list[str] = []
    if hours_per_period is not None and not (math.isfinite(hours_per_period) and hours_per_period > 0):
        raise InputError(f"hours_per_period is {hours_per_period}; give hours above 0.")
    step = _step(stamps, rows)
    if hours_per_period is None and step is None:
        if len(rows) > 1:
            raise InputError(
                "hours_per_period is not given and the profiles have no time column; say how long a period is, e.g. "
                "1.0 or 0.25."
            )
        hours = 1.0
    else:
        hours = float(hours_per_period if hours_per_period is not None else step)  # type: ignore[arg-type]
    if step is not None and len(rows) > 1:
        apart = {b - a for a, b in pairwise(rows)}
        spacing = apart.pop() * step if len(apart) == 1 else step
        if min(abs(hours - step), abs(hours - spacing)) > _SAME:
            chosen = "" if abs(spacing - step) < _SAME else f" ({spacing:g} h between the chosen rows)"
            faults.append(
                f"hours_per_period is {hours:g}, but the times of the profiles are {step:g} h apart{chosen}; give "
                f"hours_per_period={step:g}, or correct the times."
            )
    faults += _clock_faults(stamps, start_hour)
    if faults:
        raise InputError(faults)
    if stamps is None or stamps.wall is None:
        clock = tuple(((start_hour or 0.0) + t * (step or hours)) % 24 for t in rows)
    else:
        clock = tuple(float(stamps.clock(t) or 0.0) for t in rows)
    begins = () if stamps is None else tuple(stamps.text(t) for t in rows)
    distance = [(b - a) * (step or hours) for a, b in pairwise(rows)]
    breaks = tuple(t for t, d in enumerate(distance, start=1) if abs(d - hours) > _SAME)
    return TimeAxis(tuple(rows), hours, clock, begins, breaks)


def _step(stamps: Stamps | None, rows: Sequence[int]) -> float | None:
    """Hours from a chosen row to the next one of the series."""
    if stamps is None or len(stamps) < 2:
        return None
    return float(stamps.steps()[min(rows[0], len(stamps) - 2)])


def _clock_faults(stamps: Stamps | None, start_hour: float | None) -> list[str]:
    """Refuse a `start_hour` that is not the one of row 0."""
    shown = None if stamps is None else stamps.clock(0)
    if stamps is None or shown is None or start_hour is None:
        return []
    if abs((start_hour - shown + 12) % 24 - 12) < _SAME:
        return []
    return [
        f"start_hour is {start_hour:g}, but the first row of the profiles is {stamps.text(0)}; leave start_hour out "
        "(also of net.study), or correct the times."
    ]
