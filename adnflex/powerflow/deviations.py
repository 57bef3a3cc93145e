"""Where a model and AC power flow differ most."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd

#: Model, quantity, unit; what AC says and what the model says: a table (state × element), or a series (state) of the
#: whole net.
Pair = tuple[str, str, str, pd.DataFrame | pd.Series, pd.DataFrame | pd.Series]


def deviation_table(pairs: Iterable[Pair], times: tuple[str, ...]) -> pd.DataFrame:
    """Tabulate the largest difference of every pair and its place; a pair that shares no value has no row.

    Parameters
    ----------
    pairs : iterable of `Pair`
        What to compare; elements are buses, or (table, index).
    times : tuple of str
        Names of the levels of a state's index that the table shall have; a level that is not there counts as 0.

    Returns
    -------
    pandas.DataFrame
        Columns ``model``, ``quantity``, ``max_abs``, ``unit``, `times`, ``element``, ``index``, and ``relative``: to
        the largest value of AC.

    Examples
    --------
    >>> real, said = pd.DataFrame([[1.0, 0.98]], index=[7]), pd.DataFrame([[1.0, 0.97]], index=[7])
    >>> pair = ("relaxation", "voltage", "pu", real, said)
    >>> found = deviation_table([pair], ("hour",))
    >>> print(found[["quantity", "max_abs", "hour", "element", "index"]].to_string(index=False))
    quantity  max_abs  hour element  index
     voltage     0.01     7     bus      1
    """
    rows: list[tuple[object, ...]] = []
    for model, quantity, unit, real, said in pairs:
        if isinstance(said, pd.DataFrame) and said.empty:
            continue
        # what only one of them has is not compared
        same = said.reindex(columns=real.columns) if isinstance(real, pd.DataFrame) else said
        off, depth = (real - same).abs(), real.index.nlevels
        values = off.to_numpy(dtype=float, na_value=np.nan).reshape(len(off), -1)
        if np.isnan(values).all():
            continue
        row, column = np.unravel_index(int(np.nanargmax(values)), values.shape)
        of = _levels(off.columns[column]) if isinstance(off, pd.DataFrame) else ()
        label = (*_levels(off.index[row]), *of)
        when = [0] * (len(times) - depth) + list(label[:depth])[: len(times)]
        place = ("bus", *label[depth:-1], int(label[-1]))[-2:] if len(label) > depth else ("net", "")
        top, largest = float(real.abs().to_numpy(float, na_value=0.0).max()), float(values[row, column])
        rows.append((model, quantity, largest, unit, *when, *place, largest / top if top > 1e-12 else 0.0))
    columns = ["model", "quantity", "max_abs", "unit", *times, "element", "index", "relative"]
    return pd.DataFrame(rows, columns=columns)


def _levels(label: Any) -> tuple[Any, ...]:
    return label if isinstance(label, tuple) else (label,)
