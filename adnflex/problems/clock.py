"""One clock for a whole verb: seconds, the deadline, progress and the caller's ear."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import pandas as pd

# Half of what a verb may take beyond its limit: a share of it, or seconds.
_SHARE, _SECONDS = 0.05, 1.0
# Bounds alone are told after so long a silence [s].
_OFTEN = 0.2
# The smallest part that is handed on [s].
_LEAST = 1e-3


class Progress(NamedTuple):
    """What is known at a moment.

    Attributes
    ----------
    seconds : float
        Since the beginning [s].
    incumbent, bound : float
        In the objective's unit; inf or NaN where there is none.
    event : str
        What happened.
    done, wanted : int
        Parts of the work that are finished, of how many (hours, days of policies); 0 where parts are not counted.
    """

    seconds: float
    incumbent: float
    bound: float
    event: str
    done: int = 0
    wanted: int = 0

    @property
    def gap(self) -> float:
        """Relative gap; inf while there is no incumbent or no bound."""
        if not (math.isfinite(self.incumbent) and math.isfinite(self.bound)):
            return math.inf
        return abs(self.incumbent - self.bound) / max(abs(self.incumbent), 1e-12)


class Deadline:
    """The deadline of a verb; one object is passed down, so that all parts share one limit.

    Parameters
    ----------
    seconds : float
        Time limit [s].
    tell : callable, optional
        Told every `Progress`.
    time_of : callable
        Seconds of some steady clock; tests give one of their own.

    Examples
    --------
    >>> hands = iter([10.0, 13.0, 16.0])
    >>> clock = Deadline(5.0, time_of=lambda: next(hands))
    >>> clock.left, clock.spent
    (2.0, True)
    """

    def __init__(
        self,
        seconds: float,
        tell: Callable[[Progress], None] | None = None,
        time_of: Callable[[], float] = time.monotonic,
    ) -> None:
        self.time_of = time_of
        self.begin, self.seconds, self.tell = time_of(), seconds, tell
        self.rows: list[Progress] = []
        self._told = -math.inf

    @property
    def now(self) -> float:
        """Seconds so far."""
        return self.time_of() - self.begin

    @property
    def left(self) -> float:
        """Seconds left; 0 where the time is over."""
        return max(self.seconds - self.now, 0.0)

    @property
    def spent(self) -> bool:
        """Whether the time is over."""
        return self.now >= self.seconds

    @property
    def grace(self) -> float:
        """Seconds until half of what a verb may take beyond its limit is used.

        A verb holds its limit within 10 % of it, or 2 s. The first half is for what makes an answer worth more once the
        time is over (a bound, a certificate); the second is for tables and the last check.
        """
        return max(self.seconds + self.allowance - self.now, 0.0)

    @property
    def allowance(self) -> float:
        """Half of what a verb may take beyond its limit [s]."""
        return max(_SHARE * self.seconds, _SECONDS)

    @contextmanager
    def keeping(self, seconds: float) -> Iterator[None]:
        """Let the time be over earlier within the block, so that what comes after it has these seconds.

        Examples
        --------
        >>> clock = Deadline(5.0, time_of=lambda: 0.0)
        >>> with clock.keeping(2.0):
        ...     clock.left
        3.0
        >>> clock.left
        5.0
        """
        self.seconds -= seconds
        try:
            yield
        finally:
            self.seconds += seconds

    def end(self) -> None:
        """Let the time be over now: the caller's user wants what there is."""
        self.seconds = min(self.seconds, self.now)

    def share(self, parts: int) -> float:
        """Seconds of one of so many equal parts of the time that is left; never 0, so that it is a time limit.

        Examples
        --------
        >>> Deadline(6.0, time_of=lambda: 0.0).share(3)
        2.0
        """
        return max(self.left / parts, _LEAST)

    def part(self, share: float) -> Deadline:
        """Return a clock for a part of the time that is left; it tells nobody."""
        return Deadline(share * self.left, time_of=self.time_of)

    def report(self, value: float, bound: float, event: str) -> None:
        """Note the best value, the bound, and what happened."""
        row = Progress(self.now, value, bound, event)
        self._told = row.seconds
        self.rows.append(row)
        if self.tell is not None:
            self.tell(row)

    def report_bests(self, value: float, bound: float, event: str) -> None:
        """Note what is new: a better value, another event; of bounds alone never more than a few a second.

        What was proven once stays proven, whoever reports next.

        Examples
        --------
        >>> clock = Deadline(5.0, time_of=lambda: 0.0)
        >>> for value, bound in ((9.0, 5.0), (9.0, 6.0), (8.0, 4.0)):
        ...     clock.report_bests(value, bound, "node")
        >>> [(row.incumbent, row.bound) for row in clock.rows]
        [(9.0, 5.0), (8.0, 5.0)]
        """
        last = self.rows[-1] if self.rows else None
        bound = bound if last is None else max(bound, last.bound)
        changed = last is None or value < last.incumbent or event != last.event
        if changed or self.now - self._told >= _OFTEN:
            self.report(value, bound, event)


def progress_table(rows: Sequence[Progress]) -> pd.DataFrame:
    """Return what a result keeps of its progress.

    Examples
    --------
    >>> progress_table([Progress(0.1, 2.0, 1.0, "node")]).columns.tolist()
    ['seconds', 'incumbent', 'bound', 'event']
    """
    return pd.DataFrame([row[:4] for row in rows], columns=list(Progress._fields[:4]))
