"""The time axis of a result: clock hours of its periods, their texts, their ticks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from adnflex.arrays import FloatArray

_DAY = 24.0
#: Distances between ticks that a reader can count in [h].
_TICKS = (0.25, 0.5, 1.0, 2.0, 3.0, 6.0, 12.0, 24.0, 48.0, 168.0)
_MOST_TICKS = 9


@dataclass(frozen=True)
class Clock:
    """When each period of a horizon begins and ends.

    Attributes
    ----------
    periods : tuple of int
        The periods, in order.
    start, step : float
        Clock hour at which the first period begins, and the length of a period [h].
    shifts : tuple of float
        Hours that the clock on the wall is ahead of one that runs through, by period: 1 after the beginning of summer
        time. Empty: it is not changed.

    Examples
    --------
    >>> clock = Clock((0, 1, 2, 3), 22.5, 0.5)
    >>> clock.text(1), clock.text(3)
    ('23:00–23:30', 'day 2, 00:00–00:30')
    >>> clock.spans([0, 1, 3])
    '22:30–23:30, day 2, 00:00–00:30'
    """

    periods: tuple[int, ...]
    start: float
    step: float
    shifts: tuple[float, ...] = ()

    @property
    def edges(self) -> FloatArray:
        """Clock hours at which the periods begin, and the one at which the last ends."""
        return np.asarray(self.start + self.step * np.arange(len(self.periods) + 1), dtype=np.float64)

    @property
    def middles(self) -> FloatArray:
        """Clock hours in the middle of the periods."""
        return self.edges[:-1] + self.step / 2

    @property
    def texts(self) -> list[str]:
        """Text of each period."""
        return [self.text(period) for period in self.periods]

    def text(self, period: object) -> str:
        """From when to when a period lasts; a period that is not of the horizon by its number."""
        try:
            position = self.periods.index(int(float(str(period))))
        except ValueError:
            return str(period)
        return self._between(position, position + 1)

    def begin(self, period: object) -> str:
        """When a period begins."""
        return self.text(period).partition("–")[0]

    def spans(self, periods: Iterable[int]) -> str:
        """Several periods in words, neighbours together; those that are not of the horizon are left out."""
        wanted = sorted(self.periods.index(p) for p in set(periods) if p in self.periods)
        breaks = [0, *(k + 1 for k, (a, b) in enumerate(pairwise(wanted)) if b > a + 1), len(wanted)]
        runs = [wanted[a:b] for a, b in pairwise(breaks) if b > a]
        return ", ".join(self._between(run[0], run[-1] + 1) for run in runs)

    def stairs(self, values: object) -> tuple[FloatArray, FloatArray]:
        """Points of a step line: each value from the beginning of its period, the last to the end of the horizon."""
        heights = np.asarray(values, dtype=np.float64)
        return self.edges, np.append(heights, heights[-1:])

    def axis(self) -> dict[str, Any]:
        """Ticks at whole hours, and the view from the first to the last hour."""
        ticks = self._ticks()
        return {
            "tickvals": ticks,
            "ticktext": [self._tick(t) for t in ticks],
            "range": [self.edges[0], self.edges[-1]],
            "title_text": "hour of the day",
        }

    def category_axis(self) -> dict[str, Any]:
        """Return the same for an axis whose categories are `texts`: its periods are one apart and begin at -1/2."""
        ticks = self._ticks()
        return {
            "type": "category",
            "tickvals": [(t - self.start) / self.step - 0.5 for t in ticks],
            "ticktext": [self._tick(t) for t in ticks],
            "range": [-0.5, len(self.periods) - 0.5],
            "title_text": "hour of the day",
        }

    def _ticks(self) -> list[float]:
        first, last = self.edges[0], self.edges[-1]
        every = next((t for t in _TICKS if (last - first) / t < _MOST_TICKS), _TICKS[-1])
        start = np.ceil(first / every - 1e-9) * every
        return [float(t) for t in np.arange(start, last + 1e-9, every)]

    def _tick(self, hour: float) -> str:
        """Hour of the day; at midnight of a horizon of several days, the day."""
        ends = hour >= self.edges[-1] - 1e-9
        if hour % _DAY < 1e-9 and self.edges[-1] > 2 * _DAY and not ends:
            return f"<b>day {int(hour // _DAY) + 1}</b>"
        # a quarter past seven is 7:15, and no 7.25
        return _hour(hour, closes=bool(ends)).lstrip("0") if hour % 1 > 1e-9 else _whole_hour(hour, bool(ends))

    def _between(self, first: int, last: int) -> str:
        begin, end = self.edges[first], self.edges[last]
        if self.shifts:
            begin, end = begin + self.shifts[first], end + self.shifts[last - 1]
        day = int((begin + 1e-9) // _DAY)
        return (f"day {day + 1}, " if day else "") + f"{_hour(begin)}–{_hour(end, closes=True)}"


@dataclass(frozen=True)
class _PickedClock(Clock):
    """Time axis of periods that do not follow each other, e.g. two typical hours: they are drawn side by side."""

    def text(self, period: object) -> str:
        return self._whole().text(period)

    def spans(self, periods: Iterable[int]) -> str:
        return self._whole().spans(p for p in periods if p in self.periods)

    def axis(self) -> dict[str, Any]:
        return {
            "tickvals": self.middles.tolist(),
            "ticktext": [self.begin(p) for p in self.periods],
            "range": [self.edges[0], self.edges[-1]],
            "title_text": "begin of the period",
        }

    def category_axis(self) -> dict[str, Any]:
        places = {"tickvals": list(range(len(self.periods))), "range": [-0.5, len(self.periods) - 0.5]}
        return self.axis() | places | {"type": "category"}

    def _whole(self) -> Clock:
        """Time axis of all periods from the first to the last."""
        return Clock(tuple(range(self.periods[0], max(self.periods) + 1)), self.start, self.step)


def clock_of(periods: Iterable[int], start: float, step: float, clock_hours: object = ()) -> Clock:
    """Return the time axis of a result.

    Parameters
    ----------
    periods : iterable of int
        Its periods.
    start, step : float
        Clock hour at which the first of them begins, and the length of a period [h].
    clock_hours : sequence of float
        Hour on the clock on the wall at which each begins, where it is known; they are then told by it.

    Examples
    --------
    >>> clock = clock_of((10, 14, 15), 10.0, 1.0)
    >>> clock.text(14), clock.spans([10, 14, 15]), clock.axis()["ticktext"]
    ('14:00–15:00', '10:00–11:00, 14:00–16:00', ['10:00', '14:00', '15:00'])
    """
    found = tuple(int(p) for p in periods)
    told = np.asarray(clock_hours, dtype=float)
    if len(told):
        through = Clock(found, float(start), float(step))
        ahead = (told - through.edges[:-1] + 12) % _DAY - 12
        return Clock(found, through.start, through.step, tuple(ahead.tolist()) if np.abs(ahead).max() > 1e-6 else ())
    follows = found == tuple(range(found[0], found[0] + len(found))) if found else True
    return (Clock if follows else _PickedClock)(found, float(start), float(step))


def _whole_hour(hour: float, closes: bool) -> str:
    return "24" if closes and hour % _DAY < 1e-9 else f"{hour % _DAY:g}"


def _hour(hour: float, closes: bool = False) -> str:
    """Clock hour as hh:mm; a day ends at 24:00."""
    minutes = round(hour * 60)
    within = minutes % (24 * 60)
    if closes and within == 0:
        within = 24 * 60
    return f"{within // 60:02d}:{within % 60:02d}"
