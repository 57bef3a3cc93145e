"""The kinds of values that arguments have."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from numbers import Integral, Real
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from adnflex.arguments.kind import Kind, WrongValueError, indices_of, numbers_of, real, require


def number(
    says: str, low: float = -math.inf, high: float = math.inf, *, above: bool = False, infinite: bool = False
) -> Kind:
    """Return the kind of a number in a range; `above`: the lower end does not belong to it."""

    def read(value: Any) -> Any:
        got = real(value)
        require(not math.isnan(got) and (infinite or math.isfinite(got)))
        require((got > low if above else got >= low) and got <= high)
        return value if isinstance(value, int | float) else got

    return Kind(says, read, float, "X")


# More of anything than a computer counts in a day.
_MOST = 10**8


def whole(says: str, low: float = -math.inf, step: int = 1, high: float = _MOST) -> Kind:
    """Return the kind of a whole number from `low` to `high`, a multiple of `step`.

    Examples
    --------
    >>> whole("2 or more", 2).read(10**30)
    Traceback (most recent call last):
    ...
    adnflex.arguments.kind.WrongValueError: at most 100000000
    """

    def read(value: Any) -> int:
        require(isinstance(value, Integral) and not isinstance(value, bool | np.bool_))
        require(int(value) >= low and int(value) % step == 0)
        if value > high:
            raise WrongValueError(f"at most {high}")
        return int(value)

    return Kind(says, read, int, "N")


def truth() -> Kind:
    """Return the kind of True and False."""

    def read(value: Any) -> bool:
        require(isinstance(value, bool | np.bool_))
        return bool(value)

    return Kind("True or False", read, words=0)


def text(says: str = "text") -> Kind:
    """Return the kind of text that is not empty."""

    def read(value: Any) -> str:
        require(isinstance(value, str) and bool(value.strip()))
        return str(value)

    return Kind(says, read, str, "TEXT")


def word(*known: str, says: str = "") -> Kind:
    """Return the kind of some words."""

    def read(value: Any) -> str:
        require(isinstance(value, str) and value in known)
        return str(value)

    return Kind(says or " or ".join(repr(w) for w in known), read, str.strip, "|".join(known))


def path(says: str = "a path") -> Kind:
    """Return the kind of a path."""

    def read(value: Any) -> Any:
        require(isinstance(value, str | os.PathLike) and bool(str(value)))
        return value

    return Kind(says, read, Path, "FILE")


def indices(says: str, *, empty: bool = True) -> Kind:
    """Return the kind of several whole numbers, given as any iterable."""

    def read(value: Any) -> list[int]:
        require(isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping | pd.DataFrame))
        items = list(value)
        require(empty or bool(items))
        return [_whole_of(item) for item in items]

    return Kind(says, read, indices_of, "N,N-N")


def _whole_of(value: Any) -> int:
    got = real(value)
    require(math.isfinite(got) and got == math.floor(got))
    return int(got)


def numbers(says: str, *, finite: bool = False) -> Kind:
    """Return the kind of a number, or an array of numbers of any shape; with the net, more is judged."""

    def read(value: Any) -> Any:
        require(not isinstance(value, str | bytes | Mapping))
        given = value if isinstance(value, np.ndarray | pd.Series | pd.Index) else np.asarray(value)
        require(given.dtype.kind in "iuf" or (given.dtype == object and _all_real(given)))
        array = np.asarray(given, dtype=float)
        require(array.size > 0 and (not finite or bool(np.isfinite(array).all())))
        return value if isinstance(value, int | float) else array

    return Kind(says, read, numbers_of, "X,X")


def _all_real(values: Any) -> bool:
    return all(isinstance(v, Real) and not isinstance(v, bool | np.bool_) for v in np.asarray(values).ravel().tolist())


def pair(says: str, first: Kind, second: Kind) -> Kind:
    """Return the kind of two values."""

    def read(value: Any) -> tuple[Any, Any]:
        require(isinstance(value, tuple | list | np.ndarray) and len(value) == 2)
        return first.read(value[0]), second.read(value[1])

    return Kind(says, read, first.parse, first.form, 2)


def mapping(says: str, keys: Kind, values: Kind) -> Kind:
    """Return the kind of a mapping."""

    def read(value: Any) -> dict[Any, Any]:
        require(isinstance(value, Mapping))
        return {keys.read(k): values.read(v) for k, v in value.items()}

    def parse(word: str) -> dict[str, Any]:
        parts = re.split(r",(?=[^,=]+=)", word)
        require(all("=" in part for part in parts))
        assert values.parse is not None
        found = {k.strip(): values.parse(v) for k, _, v in (part.partition("=") for part in parts)}
        require(len(found) == len(parts))  # of a name that is said twice one value would be lost
        return found

    return Kind(says, read, parse if values.sayable else None, f"NAME={values.form}")


def of_class(*names: str) -> Kind:
    """Return the kind of objects of some classes of adnflex, by name: the classes stand above what checks them."""

    def read(value: Any) -> Any:
        require(any(base.__name__ in names for base in type(value).__mro__))
        return value

    return Kind(f"a {' or '.join(names)}", read)


def element_index() -> Kind:
    """Return the kind of an index of a table, which a command line says in digits."""

    def read(value: Any) -> int:
        return _whole_of(int(value) if isinstance(value, str) and value.isdecimal() else value)

    return Kind("an index", read, int, "INDEX")


def several(says: str, kind: Kind, *, empty: bool = False) -> Kind:
    """Return the kind of a list with one or more values of a kind; `empty`: or with none."""

    def read(value: Any) -> list[Any]:
        require(isinstance(value, list | tuple) and (empty or len(value) > 0))
        return [kind.read(v) for v in value]

    def parse(word: str) -> list[Any]:
        assert kind.parse is not None
        return [kind.parse(part.strip()) for part in word.split(",")]

    return Kind(says, read, parse if kind.sayable else None, f"{kind.form},{kind.form}")


def nothing() -> Kind:
    """Return the kind of None, where it means something beside a default."""

    def read(value: Any) -> None:
        require(value is None)

    def parse(word: str) -> None:
        require(word.strip() == "none")

    return Kind("None", read, parse, "none")


def instance(says: str, *types: Any) -> Kind:
    """Return the kind of objects of some classes."""

    def read(value: Any) -> Any:
        require(isinstance(value, types))
        return value

    return Kind(says, read)


def having(says: str, *methods: str) -> Kind:
    """Return the kind of objects with some methods; ``__call__`` for functions."""

    def read(value: Any) -> Any:
        # a class is no object, and a table has methods of these names
        require(
            not isinstance(value, type | pd.DataFrame | pd.Series)
            and all(callable(getattr(value, m, None)) for m in methods)
        )
        return value

    return Kind(says, read)


def either(says: str, *kinds: Kind) -> Kind:
    """Return the kind of what any of some kinds takes."""

    def first(ways: Iterable[Callable[[], Any]]) -> Any:
        for way in ways:
            try:
                return way()
            except (TypeError, ValueError, OverflowError):
                continue
        raise ValueError

    sayable = [kind for kind in kinds if kind.sayable]

    def read(value: Any) -> Any:
        return first(partial(kind.read, value) for kind in kinds)

    def parse(word: str) -> Any:
        return first(partial(kind.from_words, [word]) for kind in sayable)

    return Kind(says, read, parse if sayable else None, "|".join(kind.form for kind in sayable))


def anything() -> Kind:
    """Return the kind that takes everything; what reads it judges it."""
    return Kind("anything", lambda value: value)
