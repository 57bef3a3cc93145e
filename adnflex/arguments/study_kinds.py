"""The kinds of values of electrical studies: limits, elements, windows of a horizon."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from adnflex.arguments.kind import Kind, WrongValueError, indices_of, real, require
from adnflex.arguments.kinds import either, indices, mapping, nothing, number, pair, text, whole, word
from adnflex.knobs import LIMIT_NAMES, STANDARDS


def windows() -> Kind:
    """Return the kind of windows: parts of a calendar, hours of each, the first period of each, or the periods of each.

    ``None`` is one topology for all periods, ``fixed`` the present one: for verbs that may leave switches alone.

    Examples
    --------
    >>> kind = windows()
    >>> [kind.from_words([word]) for word in ("day", "12", "0,2,4", "0:2,2-4")]
    ['day', 12.0, [0, 2, 4], [[0, 1], [2, 3, 4]]]
    >>> kind.from_words(["none"]), kind.from_words(["fixed"])
    (None, 'fixed')
    """
    rows = indices("", empty=False)

    def members(value: Any) -> list[list[int]]:
        require(isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | pd.DataFrame))
        items = [rows.read(item) for item in value]
        require(bool(items))
        return items

    def ranges(word: str) -> list[list[int]]:
        require("-" in word or ":" in word)
        parts = word.split(",")
        require(all("-" in part or ":" in part for part in parts))
        return [indices_of(part) for part in parts]

    def firsts(word: str) -> list[int]:
        require("-" not in word and ":" not in word)
        return indices_of(word)

    return either(
        "None (one topology), 'month', 'week', 'day', the hours of a window, the first period of each, the periods of "
        "each, e.g. [range(0, 12), range(12, 24)], or 'fixed' (the present states)",
        nothing(),
        word("month", "week", "day", "fixed"),
        number("", 0.0, above=True),
        Kind("", rows.read, firsts, "N,N"),
        Kind("", members, ranges, "A:B,B:C"),
    )


def element(says: str) -> Kind:
    """Return the kind of an element of a net: its table and index, on a command line ``trafo:0``."""
    one = pair(says, text(), whole(""))

    def parse(word: str) -> tuple[str, int]:
        table, _, index = word.partition(":")
        return table.strip(), int(index)

    return Kind(says, one.read, parse, "TABLE:INDEX")


def limits() -> Kind:
    """Return the kind of a lower and an upper voltage limit."""

    def read(value: Any) -> tuple[float, float]:
        require(isinstance(value, tuple | list | np.ndarray) and len(value) == 2)
        low, high = (real(v) for v in value)
        if low >= 10.0:
            raise WrongValueError(f"pu, not percent or volts, e.g. ({low / 100:g}, {high / 100:g})")
        if not 0 < low < high < math.inf:
            raise WrongValueError("a lower limit below the upper one, both above 0, e.g. (0.95, 1.05)")
        return float(low), float(high)

    return Kind("two numbers in pu, e.g. (0.95, 1.05)", read, float, "PU", 2)


def elements(says: str) -> Kind:
    """Return the kind of one element of a net or a list of them, on a command line ``line 12`` or ``line 12,line 13``.

    Examples
    --------
    >>> elements("").from_words(["line 12,trafo:0"]), elements("").read(("line", 12))
    ([('line', 12), ('trafo', 0)], [('line', 12)])
    """
    one = pair(says, text(), whole(""))

    def read(value: Any) -> list[tuple[str, int]]:
        require(isinstance(value, list | tuple) and len(value) > 0)
        given = [value] if isinstance(value[0], str) else value
        return [one.read(item) for item in given]

    def parse(word: str) -> list[tuple[str, int]]:
        parts = [re.split(r"[:\s]+", part.strip()) for part in word.split(",")]
        require(all(len(part) == 2 for part in parts))
        return [(table, int(index)) for table, index in parts]

    return Kind(says, read, parse, "TABLE INDEX")


def element_limits() -> Kind:
    """Return the kind of limits of single elements or whole tables: a standard, or values by table and column.

    Examples
    --------
    >>> kind = element_limits()
    >>> kind.from_words(["bus.min_vm_pu=0.95,line.max_loading_percent:7=80"])
    (('bus', 'min_vm_pu', None, 0.95), ('line', 'max_loading_percent', 7, 80.0))
    >>> kind.read({("line", "max_loading_percent"): {7: 80.0}})
    (('line', 'max_loading_percent', 7, 80.0),)
    """
    names = [f"{table}.{column}" for table, column in LIMIT_NAMES]

    def rows(key: Any, value: Any) -> Iterator[tuple[str, str, int | None, float]]:
        table, column = key.split(".") if isinstance(key, str) else key
        column, colon, one = str(column).partition(":")
        if (table, column) not in LIMIT_NAMES:
            raise WrongValueError(f"values of {', '.join(names)}")
        given = {one: value} if colon else value if isinstance(value, Mapping | pd.Series) else {None: value}
        for index, limit in given.items():
            got = real(limit)
            require(0 <= got < math.inf)
            yield table, column, None if index is None else int(index), got

    def read(value: Any) -> Any:
        if isinstance(value, str):
            require(value in (*STANDARDS, "all", "soft"))
            return value
        if isinstance(value, tuple | list) and len(value) == 2 and isinstance(value[0], str):
            require(value[0] in ("all", "soft") and (not isinstance(value[1], str) or value[1] in STANDARDS))
            return ("soft", read(value[1])) if value[0] == "soft" else read(value[1])
        if isinstance(value, tuple):  # as it is kept in a result
            value = {(t, c if i is None else f"{c}:{i}"): v for t, c, i, v in value}
        require(isinstance(value, Mapping) and len(value) > 0)
        return tuple(row for key, part in value.items() for row in rows(key, part))

    one = mapping("", text(), number(""))

    def parse(word: str) -> Any:
        assert one.parse is not None
        strict, comma, rest = word.partition(",")
        if strict in ("all", "soft") and comma:
            return strict, parse(rest)
        return word if word in (*STANDARDS, "all", "soft") else one.parse(word)

    names_of = ", ".join(map(repr, ["all", "soft", *STANDARDS]))
    says = f"{names_of}, values such as {{('line', 'max_loading_percent'): {{7: 80.0}}}}, or ('soft', values)"
    return Kind(says, read, parse, "|".join(["all", "soft", *STANDARDS, "TABLE.COLUMN[:INDEX]=X"]))
