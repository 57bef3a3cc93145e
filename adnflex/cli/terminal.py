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
        self.first: int | None = None

    def __call__(self, row: adnflex.Progress) -> None:
        """Show a row."""
        with contextlib.suppress(OSError):  # nobody may be there any more to read it
            self._show(self.line(row))

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
        >>> ProgressLine("", io.StringIO()).line(adnflex.Progress(12.0, 0.0, 0.0, "hour 1 of 3 decided", 1, 3))
        '  12.0 s  hour 1 of 3 decided, about 24 s left'
        """
        if row.wanted:
            return self._counted(row)
        gap = f"gap {100 * row.gap:.3g} %" if math.isfinite(row.gap) else "gap unknown"
        best, bound = self.value(row.incumbent), self.value(row.bound)
        return f"{self.label}{row.seconds:6.1f} s  best {best}  bound {bound}  {gap}  {row.event}"

    def _counted(self, row: adnflex.Progress) -> str:
        """One row of work that is counted, and how long the rest may take."""
        if self.first is None:  # the parts before were there from an earlier run
            self.first = row.done - 1
        mine = row.done - self.first
        left = f", about {row.seconds * (row.wanted - row.done) / mine:.0f} s left" if row.done < row.wanted else ""
        return f"{self.label}{row.seconds:6.1f} s  {row.event}{left}"

    def value(self, number: float) -> str:
        """Objective value with its unit."""
        return f"{number * self.scale:.6g} {self.unit}".rstrip() if math.isfinite(number) else "none yet"

    def close(self) -> None:
        """End the line, or print the last row if it was held back."""
        if self.kept:
            with contextlib.suppress(OSError):
                print("" if self.rewrites else self.kept, file=self.stream, flush=True)
            self.kept = ""
