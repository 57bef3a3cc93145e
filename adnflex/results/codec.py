"""Results on disk: one JSON form for every frozen dataclass, read back by the annotations of its fields.

A file is ``{"format": ..., "sha256": ..., "content": ...}``. The digest is that of the content: it finds accidental
damage and edits by hand. It is no signature: whoever writes a new one can write anything, so that the content is
checked like any other input when it is read.
"""

from __future__ import annotations

import dataclasses
import re
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar, Union, get_args, get_origin, get_type_hints

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from adnflex.errors import InputError
from adnflex.results.columns import faults_of
from adnflex.results.files import read_envelope, write_envelope
from adnflex.results.tables import FrameFault, frame_of, json_of, plain, restored
from adnflex.text import shown

T = TypeVar("T")


class Saved:
    """What can be saved and loaded; a dataclass below it says its `_form`, the mark of its files.

    It may also say its `_rows`: of which tables which rows are read by name, so that a file without them is refused.
    """

    _form = ""
    #: What a file is in a word, and what writes it (by default ``save`` of the class), for errors.
    _kind, _writer = "plan", ""
    _rows: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def save(self, path: str | Path) -> None:
        """Write as JSON, at one stroke.

        Raises
        ------
        OutputError
            If the file cannot be written; an older one is as it was.
        """
        write_envelope(path, self._form, _content(self))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        InputError
            If the file is of another kind or of a newer version, is damaged, was edited, or holds what no result
            holds; with the field.
        """
        writer = cls._writer or f"{cls.__name__}.save"
        content = read_envelope(path, cls._form, writer, cls._kind)
        found: Self = _built(cls, content, f"{cls._kind} file {path}", f"give a file written by {writer}")
        return found


def _content(value: Any) -> Any:
    """Turn a result into what JSON can hold."""
    if isinstance(value, pd.DataFrame):
        return json_of(value)
    if isinstance(value, pd.Series):
        return json_of(value.to_frame("value"))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _content(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _content(part) for key, part in value.items()}
    if isinstance(value, tuple):
        return [_content(part) for part in value]
    return plain(value)


def _built(cls: type[T], content: Any, name: str, hint: str) -> T:
    """Make a result of its content; what does not fit becomes one error that names the field."""
    try:
        result = _dataclass(cls, content, "")
    except _Odd as odd:
        raise InputError(f"{name}: {odd}; {hint}.") from None
    except RecursionError:
        raise InputError(f"{name}: has odd contents (nested too deeply); {hint}.") from None
    if faults := faults_of(result):
        raise InputError([f"{name}: has odd contents ({fault}); {hint}." for fault in faults])
    return result


class _Odd(Exception):
    """What does not fit."""


def _dataclass(cls: type[T], content: Any, place: str) -> T:
    if not isinstance(content, dict):
        raise _Odd(f"has odd contents ({place or 'the content'} is no object)")
    wanted = {f.name for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
    if odd := sorted(wanted ^ set(content)):
        where = f" in {place}" if place else ""
        raise _Odd(f"lacks or has too much of {shown(', '.join(odd), 300)}{where}")
    hints = get_type_hints(cls)
    dot = f"{place}." if place else ""
    return cls(**{key: _made(hints[key], part, f"{dot}{key}") for key, part in content.items()})


def _made(wanted: Any, value: Any, place: str) -> Any:
    """Bring a value back to what an annotation asks for."""
    origin, arguments = get_origin(wanted), get_args(wanted)
    if origin in (Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        return _made(next(a for a in arguments if a is not type(None)), value, place)
    if wanted in (pd.DataFrame, pd.Series):
        return _table(wanted, value, place)
    if isinstance(wanted, type) and dataclasses.is_dataclass(wanted):
        return _dataclass(wanted, value, place)
    if origin is tuple:
        parts = _require(isinstance(value, list), value, "a list", place)
        if arguments[1:] == (...,):
            return tuple(_made(arguments[0], part, f"{place}[{k}]") for k, part in enumerate(parts))
        _require(len(parts) == len(arguments), value, f"{len(arguments)} values", place)
        return tuple(_made(a, part, f"{place}[{k}]") for k, (a, part) in enumerate(zip(arguments, parts, strict=True)))
    if origin in (dict, Mapping):
        found = _require(isinstance(value, dict), value, "an object", place)
        named = {_key(arguments[0], key, place): (key, part) for key, part in found.items()}
        return {name: _made(arguments[1], part, f"{place}.{shown(key, 40)}") for name, (key, part) in named.items()}
    if origin is np.ndarray:
        return _array(get_args(arguments[1])[0], value, place)
    if wanted is Any:
        return restored(value)
    return _scalar(wanted, value, place)


def _key(wanted: Any, key: str, place: str) -> Any:
    """Bring a key of an object, which is text in JSON, back to a whole number where that is asked for."""
    if wanted is not int:
        return key
    return int(_require(bool(re.fullmatch(r"-?\d{1,18}", key)), key, "a whole number", f"a key of {place}"))


def _array(kind: Any, value: Any, place: str) -> NDArray[Any]:
    """Build an array of numbers of a kind out of nested lists."""
    try:
        found = np.array(_require(isinstance(value, list), restored(value), "a list", place))
    except ValueError:
        raise _Odd(f"has odd contents ({place} has rows of different lengths)") from None
    fits = found.size == 0 or found.dtype.kind in ("i" if issubclass(kind, np.integer) else "if")
    _require(fits, value, "an array of numbers", place)
    return found.astype(kind)


def _scalar(wanted: Any, value: Any, place: str) -> Any:
    check = _SCALARS.get(wanted)
    if check is None:
        raise TypeError(f"{place}: the annotation {wanted} cannot be saved; teach it to the codec.")
    value = restored(value)
    return wanted(_require(check(value), value, _WORDS[wanted], place))


_SCALARS: dict[type, Callable[[Any], bool]] = {
    bool: lambda v: isinstance(v, bool),
    int: lambda v: isinstance(v, int) and not isinstance(v, bool),
    # a whole number beyond all floats is none
    float: lambda v: isinstance(v, float) or (isinstance(v, int) and not isinstance(v, bool) and abs(v) < 2**1000),
    str: lambda v: isinstance(v, str),
}
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text"}


def _require(right: bool, value: Any, what: str, place: str) -> Any:
    if not right:
        raise _Odd(f"has odd contents ({place} is {shown(value, 40)}, not {what})")
    return value


def _table(wanted: Any, value: Any, place: str) -> Any:
    try:
        table = frame_of(value)
    except FrameFault as fault:
        raise _Odd(f"has odd contents (table {place}: {fault})") from None
    if wanted is pd.DataFrame:
        return table
    _require(list(table.columns) == ["value"], list(table.columns), "a column 'value'", place)
    return table["value"].rename(None)
