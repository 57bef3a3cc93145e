"""DataFrames to JSON and back, with their index and column levels."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pandas as pd

from adnflex.text import shown

# Types of columns that a saved table may have; anything else, as text of a billion characters, is refused.
_DTYPE = re.compile(
    r"float(16|32|64)|u?int(8|16|32|64)|U?Int(8|16|32|64)|Float(32|64)|bool|boolean|object|str|string"
    r"|datetime64\[(s|ms|us|ns)(, [\w/+:\-]{1,40})?\]|timedelta64\[(s|ms|us|ns)\]"
)
_PARTS = {"table", "index", "columns", "dtypes"}
# What stands for numbers that JSON does not have.
_NO_JSON = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}


class FrameFault(ValueError):
    """Why no table can be made; a few words without an end."""


def json_of(table: pd.DataFrame) -> dict[str, Any]:
    """Turn a table into what JSON can hold; NaN becomes null.

    Examples
    --------
    >>> json_of(pd.DataFrame({"a": [1.5]}, index=pd.Index([3], name="period")))["table"]
    [[1.5]]
    """
    values = table.astype(object).where(table.notna(), None)
    return {
        "table": [[plain(v) for v in row] for row in values.to_numpy().tolist()],
        "index": _labels(table.index),
        "columns": _labels(table.columns),
        "dtypes": [str(t) for t in table.dtypes],
    }


def frame_of(content: Any) -> pd.DataFrame:
    """Build the table that `json_of` described.

    Raises
    ------
    FrameFault
        It describes none.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({("a", 1): [1.5, None]}, index=pd.Index([3, 4], name="period"))
    >>> bool(frame_of(json_of(table)).equals(table))
    True
    """
    if not isinstance(content, dict) or set(content) != _PARTS:
        raise FrameFault(f"has to have the parts {', '.join(sorted(_PARTS))}")
    index, columns = _index(content["index"], "index"), _index(content["columns"], "columns")
    rows, kinds = content["table"], content["dtypes"]
    if not isinstance(rows, list) or not isinstance(kinds, list) or len(kinds) != len(columns):
        raise FrameFault("says not one type a column")
    if len(rows) != len(index) or any(not isinstance(row, list) or len(row) != len(columns) for row in rows):
        raise FrameFault(f"is not {len(index)} rows of {len(columns)} values")
    if not len(columns):
        return pd.DataFrame(index=index, columns=columns)
    made = [_column([row[k] for row in rows], kind, columns[k], index) for k, kind in enumerate(kinds)]
    result = pd.concat(made, axis=1)
    result.columns = columns
    return result


def _column(values: list[Any], kind: Any, label: Any, index: pd.Index) -> pd.Series:
    if not isinstance(kind, str) or not _DTYPE.fullmatch(kind):
        raise FrameFault(f"column {shown(label, 60)} is of the type {shown(kind, 40)}, which no table has")
    if re.match(r"float|u?int|bool$", kind) and (odd := [v for v in values if not _fits(kind, v)]):
        raise FrameFault(f"column {shown(label, 60)} holds {shown(odd[0], 40)} among values of the type {kind}")
    column = pd.Series([restored(v) for v in values], index=index, dtype=object)
    try:
        return column if kind == "object" else column.astype(float if kind.startswith("float") else kind)
    except (TypeError, ValueError, OverflowError) as error:
        raise FrameFault(f"column {shown(label, 60)} is not of the type {kind} ({shown(error, 80)})") from None


def _fits(kind: str, value: Any) -> bool:
    """Whether JSON of a cell fits the type of its column."""
    if kind.startswith("float"):
        value = restored(value)
        return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and _in_range(value))
    return isinstance(value, bool) if kind == "bool" else isinstance(value, int) and not isinstance(value, bool)


def _in_range(value: float) -> bool:
    return isinstance(value, float) or abs(value) < 2**1000


def _labels(index: pd.Index) -> dict[str, Any]:
    many = isinstance(index, pd.MultiIndex)
    return {
        "names": [None if n is None else str(n) for n in index.names],
        "labels": [[plain(v) for v in key] if many else plain(key) for key in index],
    }


def _index(content: Any, what: str) -> pd.Index:
    if not isinstance(content, dict) or set(content) != {"names", "labels"}:
        raise FrameFault(f"its {what} has no names and labels")
    names, labels = content["names"], restored(content["labels"])
    if not isinstance(names, list) or not names or not all(n is None or isinstance(n, str) for n in names):
        raise FrameFault(f"the names of its {what} are no text")
    if not isinstance(labels, list):
        raise FrameFault(f"the labels of its {what} are no list")
    keys = labels if len(names) > 1 else [[label] for label in labels]
    for key in keys:
        if not isinstance(key, list) or len(key) != len(names) or any(isinstance(v, dict | list) for v in key):
            raise FrameFault(f"its {what} has the label {shown(key, 60)}, which does not fit")
    try:
        if len(names) > 1:
            return pd.MultiIndex.from_tuples([tuple(key) for key in labels], names=names)
        return pd.Index(labels, name=names[0])
    except (TypeError, ValueError, OverflowError) as error:
        raise FrameFault(f"its {what} cannot be made ({shown(error, 80)})") from None


def plain(value: Any) -> Any:
    """Turn a value into what JSON can hold; `restored` brings numbers back that JSON does not have.

    Examples
    --------
    >>> plain(np.float64(1.5)), plain((1, math.inf)), restored(plain(-math.inf))
    (1.5, [1, {'float': 'inf'}], -inf)
    """
    if isinstance(value, np.ndarray):
        return [plain(v) for v in value.tolist()]
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": str(float(value))}
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(part) for part in value]
    return str(value)


def restored(value: Any) -> Any:
    """Bring back what `plain` made of a value; tuples stay lists."""
    if isinstance(value, dict):
        if set(value) == {"float"} and value["float"] in ("nan", "inf", "-inf"):
            return _NO_JSON[value["float"]]
        return {key: restored(part) for key, part in value.items()}
    return [restored(part) for part in value] if isinstance(value, list) else value
