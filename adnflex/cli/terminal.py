"""What the user sees: messages, the progress line, columns of words."""

from __future__ import annotations

import contextlib
import logging
import math
import shutil
import sys
import textwrap
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import TextIO

import adnflex
from adnflex.text import tamed

__all__ = ["DaysLine", "ProgressLine", "columns", "hush", "say", "tell"]


def say(message: str) -> None:
    """Tell the user something that is not a result."""
    with contextlib.suppress(OSError):  # of a terminal or a reader that has gone
        print(f"adnflex: {tamed(message)}", file=sys.stderr, flush=True)


def tell(text: str) -> None:
    """Print results."""
    print(tamed(text))


@contextlib.contextmanager
def hush() -> Iterator[None]:
    """Silence what other packages tell developers: deprecations, optional modules that are not installed."""
    chatty = logging.getLogger("pandapower")
    level = chatty.level
    chatty.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        chatty.setLevel(level)


def columns(words: Sequence[str]) -> str:
    """Lay words out over the lines of the terminal."""
    width = max(40, min(shutil.get_terminal_size().columns, 110))
    fill = textwrap.TextWrapper(width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False)
    return fill.fill("  ".join(words))


class ProgressLine:
    """Shows incumbent, bound, gap, seconds: a line that is rewritten on a terminal, else one now and then.

    Parameters
    ----------
    unit : str
        Unit of the objective; MW are shown as kW.
    stream : text stream
        Where to write.
    every : float
        Least time between two lines where the stream is no terminal [s].
    label : str
        What every line begins with.
    """

    def __init__(self, unit: str, stream: TextIO, every: float = 2.0, label: str = "") -> None:
        self.scale, self.unit = (1e3, "kW") if unit == "MW" else (1.0, "" if unit == "weighted" else unit)
        self.stream = stream
        self.rewrites = stream.isatty()
        self.every = every
        self.label = label
        self.told = -math.inf
        self.kept = ""

    def __call__(self, row: adnflex.Progress) -> None:
        """Show a row."""
        self.show(self.line(row))

    def show(self, text: str) -> None:
        """Show a line in place of the one before; nobody may be there any more to read it."""
        with contextlib.suppress(OSError):
            self._show(text)

    def _show(self, text: str) -> None:
        if self.rewrites:
            width = shutil.get_terminal_size().columns - 1
            self.stream.write(f"\r{text[:width]}\x1b[K")
            self.stream.flush()
            self.kept = text
        elif time.monotonic() - self.told >= self.every:
            self.told = time.monotonic()
            print(text, file=self.stream, flush=True)
            self.kept = ""
        else:
            self.kept = text

    def line(self, row: adnflex.Progress) -> str:
        """One row as text.

        Examples
        --------
        >>> import io
        >>> ProgressLine("MW", io.StringIO()).line(adnflex.Progress(12.34, 0.13955, 0.13871, "node"))
        '  12.3 s  best 139.55 kW  bound 138.71 kW  gap 0.602 %  node'
        """
        gap = f"gap {100 * row.gap:.3g} %" if math.isfinite(row.gap) else "gap unknown"
        best, bound = self.value(row.incumbent), self.value(row.bound)
        return f"{self.label}{row.seconds:6.1f} s  best {best}  bound {bound}  {gap}  {row.event}"

    def value(self, number: float) -> str:
        """Objective value with its unit."""
        return f"{number * self.scale:.6g} {self.unit}".rstrip() if math.isfinite(number) else "none yet"

    def close(self) -> None:
        """End the line, or print the last row if it was held back."""
        if self.kept:
            with contextlib.suppress(OSError):
                print("" if self.rewrites else self.kept, file=self.stream, flush=True)
            self.kept = ""


class DaysLine(ProgressLine):
    """Shows how many days are simulated and how long the rest may take.

    Examples
    --------
    >>> import io
    >>> line = DaysLine(io.StringIO())
    >>> line.days(30, 90, 12.0), line.days(90, 90, 36.0)
    ('  12.0 s  30 of 90 days of policies simulated, about 24 s left', '  36.0 s  90 of 90 days of policies simulated')
    """

    def __init__(self, stream: TextIO, every: float = 2.0) -> None:
        super().__init__("", stream, every)
        self.began = time.monotonic()
        self.first: int | None = None

    def count(self, done: int, wanted: int) -> None:
        """Show that so many days of policies are finished."""
        if self.first is None:  # the rest was there before, from an earlier run
            self.first = done - 1
        self.show(self.days(done, wanted, time.monotonic() - self.began))

    def days(self, done: int, wanted: int, seconds: float) -> str:
        """Return the line as text."""
        mine = done - (self.first or 0)
        left = f", about {seconds * (wanted - done) / mine:.0f} s left" if done < wanted and mine > 0 else ""
        return f"{seconds:6.1f} s  {done} of {wanted} days of policies simulated{left}"
