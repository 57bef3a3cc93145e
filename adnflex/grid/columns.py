"""Values of a table's column as an array of one kind, and the rows where they are of another kind.

Tables come from CSV, Excel and SQL: 0 and 1 for truth, nullable types, numbers in columns of objects.  What says the
same is taken; text for a number or a truth is not, as ``bool("False")`` is True.
"""

from __future__ import annotations

from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from adnflex.arrays import BoolArray
from adnflex.grid.description import Column


class Values(NamedTuple):
    """A column read.

    Attributes
    ----------
    numbers : (n,) array of float or object
        The values, a truth as 0 or 1; NaN or None where missing or wrong. Words and text are objects.
    missing, wrong : (n,) array of bool
        Where there is no value, and where it is of another kind.
    """

    numbers: NDArray[Any]
    missing: BoolArray
    wrong: BoolArray


def values_of(series: pd.Series, column: Column) -> Values:
    """Read a column of a table.

    Examples
    --------
    >>> read = values_of(pd.Series([1, "no", None], dtype=object), Column("closed", "truth"))
    >>> read.numbers.tolist(), read.missing.tolist(), read.wrong.tolist()
    ([1.0, nan, nan], [False, False, True], [False, True, False])
    """
    if column.kind in ("word", "text"):
        return _texts(series, column)
    kind = series.dtype.kind if isinstance(series.dtype, np.dtype) else "O"
    if (kind == "b" and column.kind == "truth") or kind in "iuf":
        numbers = series.to_numpy(dtype=float)
        missing = np.isnan(numbers)
        wrong = np.zeros(len(numbers), dtype=np.bool_)
    else:
        numbers, missing, wrong = _objects(series, column.kind == "truth")
    if column.kind == "truth":
        wrong |= ~missing & ~wrong & (numbers != 0) & (numbers != 1)
    elif column.kind in ("whole", "reference"):
        finite = np.isfinite(numbers)
        wrong |= finite & (np.floor(numbers, where=finite, out=np.zeros_like(numbers)) != numbers)
    return Values(np.where(wrong, np.nan, numbers), missing, wrong)


def _objects(series: pd.Series, truth: bool) -> Values:
    """Read values one by one."""
    numbers = np.full(len(series), np.nan)
    missing, wrong = np.zeros((2, len(series)), dtype=np.bool_)
    for k, value in enumerate(series.astype(object).tolist()):
        if _absent(value):
            missing[k] = True
        elif isinstance(value, bool | np.bool_):
            numbers[k], wrong[k] = float(value), not truth
        elif isinstance(value, Real):
            numbers[k] = float(value)
            missing[k] = bool(np.isnan(numbers[k]))
        else:
            wrong[k] = True
    return Values(numbers, missing, wrong)


def _texts(series: pd.Series, column: Column) -> Values:
    objects = series.astype(object).to_numpy()
    # power flow takes an empty word for none
    missing = np.array([_absent(v) or v == "" for v in objects], dtype=np.bool_)
    known = set(column.words)
    good = [isinstance(v, str) and (v in known or not known) for v in objects]
    return Values(objects, missing, ~missing & ~np.array(good, dtype=np.bool_))


def _absent(value: object) -> bool:
    return value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and value != value)


def canonical(series: pd.Series, column: Column, read: Values) -> pd.Series | None:
    """Return the column in the type that everything below works with; None where it has it already.

    Parameters
    ----------
    series : pandas.Series
        The column, without anything wrong in it.
    column : Column
        Its description.
    read : Values
        Its values.
    """
    kind = series.dtype.kind if isinstance(series.dtype, np.dtype) else "O"
    if column.kind == "truth":
        return None if kind == "b" else pd.Series(np.nan_to_num(read.numbers) != 0, series.index)
    if column.kind in ("word", "text"):
        return None if series.dtype == object else series.astype(object)
    if column.kind == "reference" and kind not in "iu":
        return pd.Series(read.numbers.astype(np.int64), series.index)
    return pd.Series(read.numbers.astype(float), series.index) if kind == "O" else None


def index_of(index: pd.Index) -> tuple[pd.Index | None, str]:
    """Return a table's index as whole numbers, or what is wrong with it.

    Examples
    --------
    >>> index_of(pd.Index([0.0, 2.0]))[0].tolist(), index_of(pd.Index(["a", "b"]))[1]
    ([0, 2], "'a', which is no whole number")
    """
    if isinstance(index, pd.MultiIndex):
        return None, "of several levels"
    read = values_of(pd.Series(index), Column("index", "whole"))
    bad = np.flatnonzero(read.wrong | read.missing | (read.numbers < 0) | ~np.isfinite(read.numbers))
    if len(bad):
        value = index[int(bad[0])]
        negative = not read.wrong[bad[0]] and read.numbers[bad[0]] < 0
        return None, f"{value!r}, which is {'negative' if negative else 'no whole number'}"
    if index.dtype.kind in "iu" and isinstance(index.dtype, np.dtype):
        return index, ""
    return pd.Index(read.numbers.astype(np.int64), name=index.name), ""
