"""References between tables: every bus, line, transformer or element that a row names has to exist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from adnflex.arrays import BoolArray, IntArray
from adnflex.errors import Finding
from adnflex.grid.columns import Values, index_of
from adnflex.grid.description import Column, Table
from adnflex.grid.schema import SWITCH_ELEMENTS

# Rows that say something of another element, and may be deleted instead.
_REMARKS = ("switch", "poly_cost", "pwl_cost")


def reference_faults(
    frames: Mapping[str, Any], rows: Mapping[str, Mapping[str, Values]], tables: Sequence[Table]
) -> list[Finding]:
    """Find references to elements that are not there.

    Parameters
    ----------
    frames : mapping of str to DataFrame
        The net's tables.
    rows : mapping
        Values of the described columns, by table and column; only those whose kind is right.
    tables : sequence of Table
        The description.
    """
    found: list[Finding] = []
    for table in tables:
        read = rows.get(table.name, {})
        for column in table.columns:
            if column.kind == "reference" and column.name in read:
                for to, here in _targets(table.name, column, read):
                    numbers = read[column.name].numbers
                    for value, at in _dangling(frames.get(to), numbers, here):
                        index = frames[table.name].index[at].tolist()
                        found.append(_finding(table, column, index, value, to))
    return found


def _targets(name: str, column: Column, read: Mapping[str, Values]) -> Iterator[tuple[str, BoolArray]]:
    """Tables that a column points to, and the rows in which it does."""
    if not column.by:
        yield column.to, np.ones(len(read[column.name].numbers), dtype=np.bool_)
    elif column.by in read:
        which = read[column.by].numbers
        for word in dict.fromkeys(which.tolist()):
            yield SWITCH_ELEMENTS[word] if name == "switch" else str(word), which == word


def _dangling(target: Any, numbers: NDArray[Any], here: BoolArray) -> Iterator[tuple[float, IntArray]]:
    """Values that are no index of a table, and where they stand."""
    known, _ = index_of(target.index if isinstance(target, pd.DataFrame) else pd.Index([]))
    if known is None:
        return  # the table's own index is wrong, which is said already
    bad = here & ~pd.Index(numbers).isin(known)
    for value in dict.fromkeys(numbers[bad].tolist()):
        yield value, np.flatnonzero(bad & (numbers == value))


def _finding(table: Table, column: Column, index: list[Any], value: float, to: str) -> Finding:
    step = f"give an existing {to}"
    if table.name in _REMARKS:
        step += f", or delete the {table.name.replace('_', ' ')}"
    shown = int(value) if np.isfinite(value) else value
    return Finding(table.label, column.name, index, (shown,), f"which is not in net.{to}", step)


def switches_beside(frames: Mapping[str, Any]) -> list[Finding]:
    """Find switches that stand at no end of their line or transformer: power flow would take another end."""
    switches = frames["switch"]
    found = []
    for et, table, ends in (("l", "line", ("from_bus", "to_bus")), ("t", "trafo", ("hv_bus", "lv_bus"))):
        mine = switches[switches["et"] == et]
        if not len(mine):
            continue
        buses = frames[table].loc[mine["element"], list(ends)].to_numpy()
        bus = mine["bus"].to_numpy()
        for k in np.flatnonzero((buses != bus[:, None]).all(axis=1)).tolist():
            text = f"which is no end of {table} {mine['element'].iloc[k]} (bus {buses[k, 0]} and {buses[k, 1]})"
            found.append(Finding("switch", "bus", (mine.index[k],), (int(bus[k]),), text, "give one of its ends"))
    return found
