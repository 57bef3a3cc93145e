"""DataFrames to JSON and back, with their index and column levels."""

from __future__ import annotations

from typing import Any

import pandas as pd

__all__ = ["frame_of", "json_of"]


def json_of(table: pd.DataFrame) -> dict[str, Any]:
    """Turn a table into what JSON can hold; NaN becomes null.

    Examples
    --------
    >>> json_of(pd.DataFrame({"a": [1.5]}, index=pd.Index([3], name="period")))["table"]
    [[1.5]]
    """
    values = table.astype(object).where(table.notna(), None)
    return {
        "table": [[_plain(v) for v in row] for row in values.to_numpy().tolist()],
        "index": _labels(table.index),
        "columns": _labels(table.columns),
        "dtypes": [str(t) for t in table.dtypes],
    }


def frame_of(content: dict[str, Any]) -> pd.DataFrame:
    """Build the table that `json_of` described.

    Examples
    --------
    >>> import pandas as pd
    >>> table = pd.DataFrame({("a", 1): [1.5, None]}, index=pd.Index([3, 4], name="period"))
    >>> bool(frame_of(json_of(table)).equals(table))
    True
    """
    table = pd.DataFrame(content["table"], index=_index(content["index"]), dtype=object)
    if not len(content["columns"]["labels"]):
        return pd.DataFrame(index=_index(content["index"]), columns=_index(content["columns"]))
    table = table.reindex(columns=range(len(content["columns"]["labels"])))
    columns = []
    for k, kind in enumerate(content["dtypes"]):
        column = table[k]
        columns.append(column if kind == "object" else column.astype(float if kind.startswith("float") else kind))
    result = pd.concat(columns, axis=1)
    result.columns = _index(content["columns"])
    return result


def _labels(index: pd.Index) -> dict[str, Any]:
    many = isinstance(index, pd.MultiIndex)
    return {
        "names": [None if n is None else str(n) for n in index.names],
        "labels": [[_plain(v) for v in key] if many else _plain(key) for key in index],
    }


def _index(content: dict[str, Any]) -> pd.Index:
    names, labels = content["names"], content["labels"]
    if len(names) > 1:
        return pd.MultiIndex.from_tuples([tuple(key) for key in labels], names=names)
    return pd.Index(labels, name=names[0])


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value
