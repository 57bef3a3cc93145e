"""How a table is described: its columns, what kind they are, whether they have to be there, and their range."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Kind = Literal["truth", "number", "whole", "reference", "word", "text"]


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
        Its name.
    kind : str
        ``truth``, ``number``, ``whole`` (a number without fraction), ``reference`` (an index of another table),
        ``word`` (one of `words`) or ``text``.
    required : bool
        Whether the column has to be there where the table has rows.
    blank : bool
        Whether a value may be missing; a missing truth is False.
    low, high : float
        Range; the lower end belongs to it unless `above`.
    above : bool
        Whether the value has to be above `low`.
    infinite : bool
        Whether a value may be infinite, as "no limit".
    always : bool
        Whether value and range count also where the element is out of service.
    to : str
        Table that a reference points to; empty: the table that `by` says, row by row.
    by : str
        Column that says the table.
    words : tuple of str
        Words that are known.
    """

    name: str
    kind: Kind
    required: bool = True
    blank: bool = False
    low: float = -math.inf
    high: float = math.inf
    above: bool = False
    infinite: bool = False
    always: bool = False
    to: str = ""
    by: str = ""
    words: tuple[str, ...] = ()

    @property
    def allowed(self) -> str:
        """What is allowed, in words.

        Examples
        --------
        >>> Column("length_km", "number", low=0.0, above=True).allowed
        'a value above 0'
        """
        if self.kind == "truth":
            return "True or False"
        if self.kind == "word":
            return " or ".join(repr(w) for w in self.words)
        if self.kind == "reference":
            return f"an existing {self.to or 'element'}"
        if self.kind == "text":
            return "text"
        number = "a whole number" if self.kind == "whole" else "a number"
        if math.isinf(self.low):
            return number
        if math.isinf(self.high):
            return f"a value above {self.low:g}" if self.above else f"{self.low:g} or more"
        if self.above:
            return f"{number} above {self.low:g} and up to {self.high:g}"
        return f"{number} from {self.low:g} to {self.high:g}"

    def within(self, value: float) -> bool:
        """Whether a finite number lies in the range."""
        return (value > self.low if self.above else value >= self.low) and value <= self.high


@dataclass(frozen=True)
class Table:
    """A table of a net.

    Attributes
    ----------
    name : str
        Its name.
    columns : tuple of Column
        What is read.
    indexed : bool
        Whether elements are known by the table's index, so that it has to be of different whole numbers.
    """

    name: str
    columns: tuple[Column, ...]
    indexed: bool = True

    @property
    def label(self) -> str:
        """What its elements are called."""
        return self.name if self.indexed else f"net.{self.name} row"


# --- ways to say a column -------------------------------------------------------------------------


def truth(*names: str) -> tuple[Column, ...]:
    """Say truths that have to be there."""
    return tuple(Column(n, "truth") for n in names)


def flag(*names: str) -> tuple[Column, ...]:
    """Say truths that may be missing, which means False."""
    return tuple(Column(n, "truth", required=False, blank=True) for n in names)


def number(*names: str, always: bool = False) -> tuple[Column, ...]:
    """Say numbers that have to be there."""
    return tuple(Column(n, "number", always=always) for n in names)


def positive(*names: str, always: bool = False) -> tuple[Column, ...]:
    """Say numbers above 0."""
    return tuple(Column(n, "number", low=0.0, above=True, always=always) for n in names)


def not_negative(*names: str) -> tuple[Column, ...]:
    """Say numbers of 0 or more."""
    return tuple(Column(n, "number", low=0.0) for n in names)


def whole(*names: str, low: float = -math.inf) -> tuple[Column, ...]:
    """Say numbers without fraction."""
    return tuple(Column(n, "whole", low=low) for n in names)


def maybe(*names: str, low: float = -math.inf) -> tuple[Column, ...]:
    """Say numbers that may be missing."""
    return tuple(Column(n, "number", required=False, blank=True, low=low) for n in names)


def blank(*names: str) -> tuple[Column, ...]:
    """Say columns that power flow asks for, of which values may be missing."""
    return tuple(Column(n, "number", blank=True) for n in names)


def limit(*names: str) -> tuple[Column, ...]:
    """Say limits: missing or infinite means none."""
    return tuple(Column(n, "number", required=False, blank=True, infinite=True) for n in names)


def bus(*names: str) -> tuple[Column, ...]:
    """Say references to buses."""
    return tuple(Column(n, "reference", to="bus") for n in names)


def text(*names: str) -> tuple[Column, ...]:
    """Say texts that may be missing."""
    return tuple(Column(n, "text", required=False, blank=True) for n in names)


def word(name: str, words: tuple[str, ...], required: bool = False) -> Column:
    """Say one of some words."""
    return Column(name, "word", required=required, blank=not required, words=words)
