"""The time axis of a dispatch: scenarios, periods, hours."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from adnflex.arrays import FloatArray


@dataclass(frozen=True)
class Timeline:
    """Scenarios and periods.

    Attributes
    ----------
    periods : int
        Number of periods T.
    hours : float
        Length of a period [h].
    start_hour : float
        Clock hour at which the first begins [h].
    probabilities : (S,) array
        Probability of every scenario.
    clocks : tuple of float
        Clock hour at which each period begins, where the clock changes between them or periods do not follow one
        another; by default counted on from `start_hour`.
    """

    periods: int
    hours: float
    start_hour: float
    probabilities: FloatArray
    clocks: tuple[float, ...] = ()

    @property
    def scenarios(self) -> int:
        """Number of scenarios."""
        return len(self.probabilities)

    @property
    def points(self) -> list[tuple[int, int]]:
        """All pairs (scenario, period)."""
        return [(s, t) for s in range(self.scenarios) for t in range(self.periods)]

    def days(self) -> Iterator[range]:
        """Periods of every 24 h of the horizon, from its start; the last may be shorter.

        Examples
        --------
        >>> import numpy as np
        >>> [len(d) for d in Timeline(30, 1.0, 0.0, np.ones(1)).days()]
        [24, 6]
        """
        length = max(1, round(24 / self.hours))
        for first in range(0, self.periods, length):
            yield range(first, min(first + length, self.periods))

    def within(self, windows: list[tuple[float, float]]) -> list[int]:
        """Return the periods that lie wholly in clock windows (every day of the horizon).

        Examples
        --------
        >>> import numpy as np
        >>> Timeline(24, 1.0, 0.0, np.ones(1)).within([(18, 21)])
        [18, 19, 20]
        """
        joined = _joined(windows)
        return [t for t in range(self.periods) if any(self._inside(t, a, b) for a, b in joined)]

    def clock(self, t: int) -> float:
        """Clock hour at which a period begins, 0 to 24."""
        return self.clocks[t] if self.clocks else (self.start_hour + t * self.hours) % 24

    def _inside(self, t: int, begin: float, end: float) -> bool:
        first = self.clock(t)
        span = (end - begin) % 24 or 24.0
        if span >= 24:
            return True
        return (first - begin) % 24 + self.hours <= span + 1e-9


def _joined(windows: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """Put windows together of which one begins where another ends, over midnight too."""
    rest = [(a % 24, (b - a) % 24 or 24.0) for a, b in windows]
    merged = True
    while merged:
        merged = False
        for i, (a, span) in enumerate(rest):
            for j, (b, more) in enumerate(rest):
                if i != j and abs((a + span - b + 12) % 24 - 12) < 1e-9 and span + more <= 24 + 1e-9:
                    rest = [w for k, w in enumerate(rest) if k not in (i, j)] + [(a, span + more)]
                    merged = True
                    break
            if merged:
                break
    return [(a, a + span) for a, span in rest]


def parse_windows(text: object) -> list[tuple[float, float]] | None:
    """Read clock windows such as ``"15-18, 21-22"``; None where the text is none.

    Examples
    --------
    >>> parse_windows("15-18, 21:30-22")
    [(15.0, 18.0), (21.5, 22.0)]
    >>> parse_windows("late") is None
    True
    """
    if not isinstance(text, str):
        return None
    windows = []
    for part in text.split(","):
        ends = [_hour(end) for end in part.strip().split("-")]
        if len(ends) != 2 or any(math.isnan(e) or not 0 <= e <= 24 for e in ends) or ends[0] == ends[1]:
            return None
        windows.append((ends[0], ends[1]))
    return windows


def _hour(text: str) -> float:
    hours, _, minutes = text.strip().partition(":")
    try:
        return float(hours) + (float(minutes) / 60 if minutes else 0.0)
    except ValueError:
        return math.nan
