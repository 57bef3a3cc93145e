"""Net files of strangers: pandapower JSON, looked through before pandapower builds anything of it.

pandapower's own reader imports any module that a file names, takes functions out of it, and opens files whose paths
stand where a table should be. Here the raw text is walked first, also where JSON stands in strings of JSON. Only
pandapower's own objects and the data classes that it writes are let in, by exact module and class; nothing else is
imported, no other file is opened, and nothing is unpickled. What was walked is what pandapower gets.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from functools import cache
from pathlib import Path
from typing import Any

import pandapower as pp
import pandas as pd
from pandapower.auxiliary import pandapowerNet
from pandapower.io_utils import JSONSerializableClass

from adnflex.errors import InputError
from adnflex.files import read_bytes
from adnflex.text import shown

_AGAIN = "write it again with pandapower.to_json"
_WITHOUT = "take it out of the net and write it again with pandapower.to_json, or read it yourself if you trust it"
# Deeper than anything that pandapower writes.
_MAX_DEPTH = 60

_TABLE_KEYS = frozenset(
    ["orient", "dtype", "index_name", "column_name", "index_names", "column_names", "is_multiindex", "is_multicolumn"]
)
_ORIENTS = frozenset(["split", "columns", "index", "records"])
# Types of columns that pandas may be asked for: a width such as U100000000 would be that many bytes a cell.
_DTYPE = re.compile(
    r"(float|u?int|complex)\d{0,3}|(Float|U?Int)\d{1,2}|bool|boolean|object|str|string|category|geometry"
    r"|(datetime64|timedelta64)(\[\w{1,2}(, [\w/+:\-]{1,40})?\])?"
)
_NUMPY = frozenset(
    [
        "bool", "bool_", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "intc", "uintc",
        "longlong", "ulonglong", "float16", "float32", "float64", "float128", "longdouble", "complex64", "complex128",
        "str_",
    ]
)  # fmt: skip
_INDEXES = frozenset(
    ["Index", "RangeIndex", "Int64Index", "UInt64Index", "Float64Index", "DatetimeIndex", "TimedeltaIndex"]
)
_SHAPES = frozenset(["Point", "LineString", "LinearRing", "Polygon", "MultiPoint", "MultiLineString", "MultiPolygon"])

# Tables whose power pandapower 1 counted as load.
_SIGNED = ("sgen", "gen")


def read_net(path: str | Path) -> pandapowerNet:
    """Read a net that ``pandapower.to_json`` wrote.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.

    Returns
    -------
    pandapowerNet
        A new net.

    Raises
    ------
    InputError
        The file is no such net, is damaged, too large or nested too deeply, or names a module or class that is none
        of pandapower's own: with the place in the file.
    """
    data = read_bytes(path, "", "check it")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: the file cannot be read ({error}); check it.") from error
    content = _parsed(text, path)
    if not _is_net(content):
        raise InputError(f"{path}: this JSON holds no pandapower net; write one with pandapower.to_json(net, path).")
    try:
        _Walk().value(content, "net", 0)
    except _Refused as why:
        raise InputError(f"{path}: {why}.") from None
    except RecursionError:
        raise InputError(f"{path}: is nested too deeply; {_AGAIN}.") from None
    return _built(text if "_class" in content else json.dumps(_with_machines(content)), path)


def _is_net(content: Any) -> bool:
    """Whether it says that it is a net, or is tables as pandapower wrote them before version 1.6."""
    if not isinstance(content, dict):
        return False
    if "_class" in content:
        return bool(content["_class"] == "pandapowerNet")
    buses = content.get("bus")
    return isinstance(buses, dict) and (buses.get("_class") == "DataFrame" or isinstance(buses.get("vn_kv"), dict))


def _with_machines(content: dict[str, Any]) -> dict[str, Any]:
    """Add empty tables of generation: pandapower 1 wrote none, and pandapower turns the sign in both."""
    if "p_mw" in str(content.get("load", "")):
        return content
    empty = pp.create_empty_network()
    columns = {
        name: [*empty[name].columns.drop(["p_mw", "q_mvar"], errors="ignore"), "p_kw", "q_kvar"] for name in _SIGNED
    }
    return {**{name: {column: {} for column in columns[name]} for name in _SIGNED}, **content}


def _parsed(text: str, path: str | Path) -> Any:
    """JSON of the file, or a sentence about what is wrong with it."""
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}: this is no JSON (line {error.lineno}, column {error.colno}: {error.msg}); "
            "write the net again with pandapower.to_json."
        ) from error
    except RecursionError:
        raise InputError(f"{path}: is nested too deeply; {_AGAIN}.") from None
    except (_Refused, ValueError) as error:  # two equal keys; a whole number of thousands of digits
        raise InputError(f"{path}: {error}; {_AGAIN}.") from None


def _built(text: str, path: str | Path) -> pandapowerNet:
    """Let pandapower build the net; it lets through whatever its parts raise."""
    try:
        net = pp.from_json(io.StringIO(text))
    except MemoryError:
        raise
    except Exception as error:
        raise InputError(
            f"{path}: pandapower {pp.__version__} cannot read this net ({type(error).__name__}: {shown(error, 300)}); "
            "write it again with pandapower.to_json."
        ) from error
    if not isinstance(net, pandapowerNet):
        raise InputError(f"{path}: this JSON holds no pandapower net; write one with pandapower.to_json(net, path).")
    # where a part raises TypeError pandapower keeps the description in the place of the table
    left = [
        k for k, v in net.items() if isinstance(v, dict) and "is_multiindex" in v and not isinstance(v, pd.DataFrame)
    ]
    if left:
        raise InputError(f"{path}: pandapower cannot build the table {shown(left[0])}; {_AGAIN}.")
    return net


class _Refused(Exception):
    """One sentence without its end."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse an object with two equal keys: two readers may take different ones."""
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise _Refused(f"one object has the key '{shown(twice)}' twice")
    return found


@dataclass(frozen=True)
class _Kind:
    """What may stand in the object of a class: its keys beside module and class, and how its content is checked."""

    keys: frozenset[str] | None
    content: Callable[[_Walk, Any, str, int], None]


class _Walk:
    """Goes through raw JSON and raises `_Refused` at the first thing that is not let in."""

    def value(self, value: Any, place: str, depth: int) -> None:
        """Check one value and all below it."""
        if depth > _MAX_DEPTH:
            raise _Refused(f"{place}: is nested more than {_MAX_DEPTH} deep; {_AGAIN}")
        if isinstance(value, list):
            for k, part in enumerate(value):
                if isinstance(part, dict | list):
                    self.value(part, f"{place}[{k}]", depth + 1)
        elif isinstance(value, dict):
            if str(value.get("type", "")).startswith("__"):
                raise _Refused(f"{place}: '{shown(value['type'])}' is no type of GeoJSON; {_WITHOUT}")
            if "_module" in value and "_class" in value:
                self._object(value, place, depth)
            else:
                for key, part in value.items():
                    if isinstance(part, dict | list):
                        self.value(part, _below(place, key), depth + 1)

    def text(self, text: Any, place: str, depth: int) -> None:
        """Check JSON within a string; what holds no object that names a class need not be taken apart."""
        if not isinstance(text, str):
            raise _Refused(f"{place}: holds no text of JSON; {_AGAIN}")
        # a path in this place would be opened, whatever lies there
        if text.lstrip()[:1] not in ("{", "["):
            raise _Refused(f"{place}: holds '{shown(text, 60)}' in the place of JSON; {_AGAIN}")
        # a letter may be written as \u and four digits
        if "_module" not in text and "\\u" not in text and '"__' not in text:
            return
        try:
            content = json.loads(text, object_pairs_hook=_unique)
        except _Refused as why:
            raise _Refused(f"{place}: {why}; {_AGAIN}") from None
        except ValueError as error:
            raise _Refused(f"{place}: the JSON in it is damaged ({error}); {_AGAIN}") from None
        self.value(content, place, depth + 1)

    def _object(self, value: dict[str, Any], place: str, depth: int) -> None:
        module, name = value["_module"], value["_class"]
        if not isinstance(module, str) or not isinstance(name, str):
            raise _Refused(f"{place}: names no class; {_AGAIN}")
        kind = _kind(module, name)
        if kind is None:
            what = "a function" if name == "function" else f"'{shown(name)}'"
            raise _Refused(
                f"{place}: names {what} of the module '{shown(module)}'; only pandapower's own objects and tables are "
                f"read, and nothing is imported; {_WITHOUT}"
            )
        rest = {k: v for k, v in value.items() if k not in ("_module", "_class", "_object", "_state")}
        if kind.keys is not None and (odd := sorted(set(rest) - kind.keys)):
            raise _Refused(f"{place}: a {name} has no '{shown(odd[0])}'; {_AGAIN}")
        for key, part in rest.items():
            self.value(part, _below(place, key), depth + 1)
        self._arguments(rest, place)
        if "_object" in value:
            kind.content(self, value["_object"], place, depth)
        elif "_state" in value:  # of old versions; it stays what it is
            self.value(value["_state"], place, depth + 1)
        elif kind.keys is not None:
            raise _Refused(f"{place}: this {name} has no content; {_AGAIN}")

    def _arguments(self, rest: dict[str, Any], place: str) -> None:
        """Check what is passed on to pandas."""
        orient = rest.get("orient", "split")
        if not isinstance(orient, str) or orient not in _ORIENTS:
            raise _Refused(f"{place}: orient is '{shown(orient)}'; {_AGAIN}")
        kinds = rest.get("dtype", {})
        for kind in kinds.values() if isinstance(kinds, dict) else [kinds]:
            if not isinstance(kind, str) or not _DTYPE.fullmatch(kind):
                if isinstance(kind, str) and re.fullmatch(r"<U\d{1,4}", kind):  # an array of short text
                    continue
                raise _Refused(f"{place}: '{shown(kind)}' is no type of a column that is read; {_AGAIN}")


def _below(place: str, key: str) -> str:
    return place if key == "_object" else f"{place}.{shown(key, 40)}"


# --- what is let in -------------------------------------------------------------------------------


def _plain(walk: _Walk, value: Any, place: str, depth: int) -> None:
    """Check a number, a truth or a text."""
    if isinstance(value, dict | list):
        raise _Refused(f"{place}: holds a list or an object in the place of a number; {_AGAIN}")


def _many(walk: _Walk, value: Any, place: str, depth: int) -> None:
    """Check a list."""
    if not isinstance(value, list):
        raise _Refused(f"{place}: holds no list; {_AGAIN}")
    walk.value(value, place, depth + 1)


def _tree(walk: _Walk, value: Any, place: str, depth: int) -> None:
    """Check an object."""
    if not isinstance(value, dict):
        raise _Refused(f"{place}: holds no object; {_AGAIN}")
    walk.value(value, place, depth + 1)


def _table(walk: _Walk, value: Any, place: str, depth: int) -> None:
    """Check JSON in a string, of a table."""
    walk.text(value, place, depth)


def _either(walk: _Walk, value: Any, place: str, depth: int) -> None:
    """Check an object, or JSON in a string."""
    (_tree if isinstance(value, dict) else _table)(walk, value, place, depth)


def _kind(module: str, name: str) -> _Kind | None:
    """Return what is known about a class; None if it is not let in."""
    if (module, name) in _own():
        return _Kind(None, _either)
    if (module, name) in _own_enums():
        return _Kind(frozenset(), _plain)
    if module == "numpy" and name in _NUMPY:
        return _Kind(frozenset(["dtype"]), _plain)
    if module == "pandas" and name in _INDEXES:
        return _Kind(frozenset(["dtype", "name"]), _many)
    if module == "shapely" and name in _SHAPES:
        return _Kind(frozenset(), _tree)
    return _DATA.get((module, name))


_DATA = {
    ("pandapower.auxiliary", "pandapowerNet"): _Kind(frozenset(), _either),
    ("pandas.core.frame", "DataFrame"): _Kind(_TABLE_KEYS, _table),
    ("pandas", "DataFrame"): _Kind(_TABLE_KEYS, _table),
    ("pandas.core.series", "Series"): _Kind(_TABLE_KEYS | {"typ"}, _table),
    ("pandas", "Series"): _Kind(_TABLE_KEYS | {"typ"}, _table),
    ("geopandas.geodataframe", "GeoDataFrame"): _Kind(frozenset(["dtype", "crs", "columns"]), _table),
    ("numpy", "array"): _Kind(frozenset(["dtype"]), _many),
    ("builtins", "complex"): _Kind(frozenset(), _plain),
    ("builtins", "tuple"): _Kind(frozenset(), _many),
    ("builtins", "set"): _Kind(frozenset(), _many),
    ("builtins", "frozenset"): _Kind(frozenset(), _many),
    ("networkx", "MultiGraph"): _Kind(frozenset(), _tree),
}


@cache
def _own() -> frozenset[tuple[str, str]]:
    """Classes of pandapower that write themselves into a net: controllers, characteristics, sources of data."""
    return frozenset(_names(JSONSerializableClass))


@cache
def _own_enums() -> frozenset[tuple[str, str]]:
    return frozenset(_names(Enum))


def _names(kind: type[Any]) -> Iterator[tuple[str, str]]:
    """Classes below one, if they are pandapower's own."""
    below: type[Any]
    for below in kind.__subclasses__():
        if below.__module__.startswith("pandapower."):
            yield below.__module__, below.__name__
        yield from _names(below)
