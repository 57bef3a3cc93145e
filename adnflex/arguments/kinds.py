"""Kinds of values: each reads what a caller gave, or says what would be right."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

__all__ = [
    "Kind",
    "WrongValueError",
    "anything",
    "either",
    "having",
    "indices",
    "instance",
    "limits",
    "mapping",
    "nothing",
    "number",
    "numbers",
    "of_class",
    "pair",
    "path",
    "several",
    "shown",
    "text",
    "truth",
    "whole",
    "word",
]


class WrongValueError(ValueError):
    """Right in kind, wrong in value; the text says what would be right."""


@dataclass(frozen=True)
class Kind:
    """A kind of value.

    Attributes
    ----------
    says : str
        What is right, to stand after "give".
    read : callable
        Returns the value in its usual type; raises ValueError or TypeError where it is of another kind.
    """

    says: str
    read: Callable[[Any], Any]


def shown(value: object) -> str:
    """Show a value in a sentence.

    Examples
    --------
    >>> shown("a"), shown([1, 2]), shown(pd.DataFrame({"a": [1]}))
    ("'a'", '[1, 2]', 'a DataFrame')
    """
    if isinstance(value, pd.DataFrame | pd.Series | np.ndarray) and value.size != 1:
        return f"a {type(value).__name__}"
    try:
        words = repr(value)
    except Exception:  # a caller's class may raise anything
        return f"a {type(value).__name__}"
    if words.startswith("<") or "\n" in words:
        return f"a {type(value).__name__}"
    return words if len(words) <= 60 else f"{words[:57]}..."


def _require(good: bool) -> None:
    if not good:
        raise ValueError


def _real(value: Any) -> float:
    """Return a number that is no truth and no text."""
    _require(isinstance(value, Real) and not isinstance(value, bool | np.bool_))
    return float(value)


def number(
    says: str, low: float = -math.inf, high: float = math.inf, *, above: bool = False, infinite: bool = False
) -> Kind:
    """Return the kind of a number in a range; `above`: the lower end does not belong to it."""

    def read(value: Any) -> Any:
        got = _real(value)
        _require(not math.isnan(got) and (infinite or math.isfinite(got)))
        _require((got > low if above else got >= low) and got <= high)
        return value if isinstance(value, int | float) else got

    return Kind(says, read)


def whole(says: str, low: float = -math.inf, step: int = 1) -> Kind:
    """Return the kind of a whole number from `low` on, a multiple of `step`."""

    def read(value: Any) -> int:
        _require(isinstance(value, Integral) and not isinstance(value, bool | np.bool_))
        _require(int(value) >= low and int(value) % step == 0)
        return int(value)

    return Kind(says, read)


def truth() -> Kind:
    """Return the kind of True and False."""

    def read(value: Any) -> bool:
        _require(isinstance(value, bool | np.bool_))
        return bool(value)

    return Kind("True or False", read)


def text(says: str = "text") -> Kind:
    """Return the kind of text that is not empty."""

    def read(value: Any) -> str:
        _require(isinstance(value, str) and bool(value.strip()))
        return str(value)

    return Kind(says, read)


def word(*known: str, says: str = "") -> Kind:
    """Return the kind of some words."""

    def read(value: Any) -> str:
        _require(isinstance(value, str) and value in known)
        return str(value)

    return Kind(says or " or ".join(repr(w) for w in known), read)


def path(says: str = "a path") -> Kind:
    """Return the kind of a path."""

    def read(value: Any) -> Any:
        _require(isinstance(value, str | os.PathLike) and bool(str(value)))
        return value

    return Kind(says, read)


def indices(says: str, *, empty: bool = True) -> Kind:
    """Return the kind of several whole numbers, given as any iterable."""

    def read(value: Any) -> list[int]:
        _require(isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | pd.DataFrame))
        items = list(value)
        _require(empty or bool(items))
        return [_whole_of(item) for item in items]

    return Kind(says, read)


def _whole_of(value: Any) -> int:
    got = _real(value)
    _require(math.isfinite(got) and got == math.floor(got))
    return int(got)


def numbers(says: str, *, finite: bool = False) -> Kind:
    """Return the kind of a number, or an array of numbers of any shape; with the net, more is judged."""

    def read(value: Any) -> Any:
        _require(not isinstance(value, str | bytes | Mapping))
        given = value if isinstance(value, np.ndarray | pd.Series | pd.Index) else np.asarray(value)
        _require(given.dtype.kind in "iuf" or (given.dtype == object and _all_real(given)))
        array = np.asarray(given, dtype=float)
        _require(array.size > 0 and (not finite or bool(np.isfinite(array).all())))
        return value if isinstance(value, int | float) else array

    return Kind(says, read)


def _all_real(values: Any) -> bool:
    return all(isinstance(v, Real) and not isinstance(v, bool | np.bool_) for v in np.asarray(values).ravel().tolist())


def pair(says: str, first: Kind, second: Kind) -> Kind:
    """Return the kind of two values."""

    def read(value: Any) -> tuple[Any, Any]:
        _require(isinstance(value, tuple | list | np.ndarray) and len(value) == 2)
        return first.read(value[0]), second.read(value[1])

    return Kind(says, read)


def mapping(says: str, keys: Kind, values: Kind) -> Kind:
    """Return the kind of a mapping."""

    def read(value: Any) -> dict[Any, Any]:
        _require(isinstance(value, Mapping))
        return {keys.read(k): values.read(v) for k, v in value.items()}

    return Kind(says, read)


def of_class(*names: str) -> Kind:
    """Return the kind of objects of some classes of adnflex, by name: the classes stand above what checks them."""

    def read(value: Any) -> Any:
        _require(any(base.__name__ in names for base in type(value).__mro__))
        return value

    return Kind(f"a {' or '.join(names)}", read)


def limits() -> Kind:
    """Return the kind of a lower and an upper voltage limit."""

    def read(value: Any) -> tuple[float, float]:
        _require(isinstance(value, tuple | list | np.ndarray) and len(value) == 2)
        low, high = (_real(v) for v in value)
        if low >= 10.0:
            raise WrongValueError(f"pu, not percent or volts, e.g. ({low / 100:g}, {high / 100:g})")
        if not 0 < low < high < math.inf:
            raise WrongValueError("a lower limit below the upper one, both above 0, e.g. (0.95, 1.05)")
        return float(low), float(high)

    return Kind("two numbers in pu, e.g. (0.95, 1.05)", read)


def several(says: str, kind: Kind) -> Kind:
    """Return the kind of a list with one or more values of a kind."""

    def read(value: Any) -> list[Any]:
        _require(isinstance(value, list | tuple) and len(value) > 0)
        return [kind.read(v) for v in value]

    return Kind(says, read)


def nothing() -> Kind:
    """Return the kind of None, where it means something beside a default."""

    def read(value: Any) -> None:
        _require(value is None)

    return Kind("None", read)


def instance(says: str, *types: Any) -> Kind:
    """Return the kind of objects of some classes."""

    def read(value: Any) -> Any:
        _require(isinstance(value, types))
        return value

    return Kind(says, read)


def having(says: str, *methods: str) -> Kind:
    """Return the kind of objects with some methods; ``__call__`` for functions."""

    def read(value: Any) -> Any:
        # a class is no object, and a table has methods of these names
        _require(
            not isinstance(value, type | pd.DataFrame | pd.Series)
            and all(callable(getattr(value, m, None)) for m in methods)
        )
        return value

    return Kind(says, read)


def either(says: str, *kinds: Kind) -> Kind:
    """Return the kind of what any of some kinds takes."""

    def read(value: Any) -> Any:
        for kind in kinds:
            try:
                return kind.read(value)
            except (TypeError, ValueError, OverflowError):
                continue
        raise ValueError

    return Kind(says, read)


def anything() -> Kind:
    """Return the kind that takes everything; what reads it judges it."""
    return Kind("anything", lambda value: value)
