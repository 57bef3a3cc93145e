"""Is a net what its description says?  Checked once, before anything else reads it; all findings are collected.

`readable` gives every verb the net that it works with: the caller's own where its types are pandapower's, else a view
of it with truth as bool, numbers as numbers and tables that an older pandapower did not have.  The caller's net is
never changed.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from functools import cache
from numbers import Real
from typing import Any, NamedTuple

import numpy as np
import pandapower as pp
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import BoolArray
from adnflex.errors import Finding, InputError
from adnflex.grid.columns import Values, canonical, index_of, values_of
from adnflex.grid.description import Column, Table
from adnflex.grid.references import reference_faults, switches_beside
from adnflex.grid.schema import REFUSED_TABLES, SPARE_COLUMNS, TABLES

# Power flow keeps an array as long as the largest index of a bus.
_LARGEST_BUS = 10_000_000


class TableFaults(NamedTuple):
    """What is wrong with the tables of a net.

    Attributes
    ----------
    types : list of Finding
        Faults that leave a table unreadable: kinds, columns, indices.
    values : list of Finding
        Numbers out of range, and references to nothing.
    """

    types: list[Finding]
    values: list[Finding]


def readable(net: Any) -> pandapowerNet:
    """Return a net that everything may read; numbers out of range and dangling references are left to others to report.

    Parameters
    ----------
    net : pandapowerNet
        The caller's net; it is not changed.

    Returns
    -------
    pandapowerNet
        The same object where nothing had to be put right.

    Raises
    ------
    InputError
        If a table cannot be read at all; with every fault of the tables.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> net = pn.case33bw()
    >>> readable(net) is net
    True
    >>> net.line["in_service"] = net.line["in_service"].astype(int)
    >>> readable(net).line["in_service"].dtype, net.line["in_service"].dtype
    (dtype('bool'), dtype('int64'))
    """
    view, faults = checked(net)
    if faults.types:
        raise InputError([*faults.types, *faults.values])
    return view


def table_faults(net: Any) -> TableFaults:
    """List what is wrong with the tables of a net."""
    return checked(net)[1]


def checked(net: Any) -> tuple[pandapowerNet, TableFaults]:
    """Return a view of a net in the types of its description, and what is wrong with its tables."""
    if not isinstance(net, pandapowerNet):
        raise InputError(
            f"net is a {type(net).__name__}; give a pandapower net, or a name or path that the command line takes as "
            "NET."
        )
    faults = TableFaults(_scalars(net), [])
    parts: dict[str, Any] = {}
    rows: dict[str, dict[str, Values]] = {}
    for table in described():
        if table.name not in _empty() and table.name not in net:
            continue
        part, read = _table(net, table, faults)
        rows[table.name] = read
        if part is not None:
            parts[table.name] = part
    frames = {t.name: parts.get(t.name, net.get(t.name)) for t in described()}
    faults.values.extend(reference_faults(frames, rows, described()))
    if not faults.types and not faults.values and "element" in rows.get("switch", {}):
        faults.values.extend(switches_beside(frames))
    missing = {key: copy.deepcopy(value) for key, value in _empty().items() if key not in net and key not in parts}
    if not parts and not missing:
        return net, faults
    view = copy.copy(net)
    for key, value in {**missing, **parts}.items():
        view[key] = value
    return view, faults


@cache
def _empty() -> Mapping[str, Any]:
    """Everything that pandapower expects in a net, as in an empty one; but for what a net has to say itself."""
    net = pp.create_empty_network()
    return {key: net[key] for key in net if key not in ("f_hz", "sn_mva")}


@cache
def described() -> tuple[Table, ...]:
    """All tables that are checked: those that are read, and those that are refused where in service."""
    return (*TABLES, *(_refused(name, buses) for name, buses in REFUSED_TABLES.items()))


def _refused(name: str, buses: Sequence[str]) -> Table:
    """Describe a table as pandapower has it: references, truth, numbers that may be missing."""
    kinds = {"b": "truth", "f": "number"}
    columns = [Column(b, "reference", to="bus") for b in buses]
    for column, dtype in _empty()[name].dtypes.items():
        kind = kinds.get(dtype.kind)
        if kind == "truth":
            columns.append(Column(str(column), "truth", column not in SPARE_COLUMNS, column != "in_service"))
        elif kind == "number":
            columns.append(Column(str(column), "number", column not in SPARE_COLUMNS, True, infinite=True))
    return Table(name, tuple(columns))


def _scalars(net: pandapowerNet) -> list[Finding]:
    """Facts of the whole net that power flow needs."""
    found = []
    for name, usual in (("sn_mva", "1.0"), ("f_hz", "50.0")):
        value = net.get(name)
        if not (isinstance(value, Real) and not isinstance(value, bool) and 0 < float(value) < math.inf):
            found.append(Finding("net", name, (), (value,), next_step=f"give a value above 0, such as {usual}"))
    return found


# --- one table ------------------------------------------------------------------------------------


def _table(net: pandapowerNet, table: Table, faults: TableFaults) -> tuple[pd.DataFrame | None, dict[str, Values]]:
    """Check a table; return it in the right types where it is not, and its values by column."""
    name = table.name
    frame = net.get(name)
    if frame is None:
        return None, {}
    if not isinstance(frame, pd.DataFrame):
        text = f"is a {type(frame).__name__}"
        faults.types.append(Finding(f"net.{name}", "", (), (), text, "give a DataFrame, one row an element"))
        return None, {}
    if not len(frame):
        return _with_columns(frame, table), {}
    if not frame.columns.is_unique or isinstance(frame.columns, pd.MultiIndex):
        twice = list(dict.fromkeys(str(c) for c in frame.columns[frame.columns.duplicated()]))
        text = f"has more than one column {', '.join(twice)}" if twice else "has columns of several levels"
        faults.types.append(Finding(f"net.{name}", "", (), (), text, "give every column once"))
        return None, {}
    index = _index(frame, table, faults)
    changed: dict[str, pd.Series] = {}
    read: dict[str, Values] = {}
    on = _in_service(frame, name)
    there = [c for c in table.columns if c.name in frame.columns]
    if lacking := [c for c in table.columns if c.required and c.name not in frame.columns]:
        faults.types.append(_lacking(name, lacking))
    for column in there:
        given = frame[column.name]
        values = values_of(given, column)
        if not _fits(frame, table.label, column, values, on, faults):
            continue
        read[column.name] = values
        better = canonical(given, column, values)
        if better is not None:
            changed[column.name] = better
    if not changed and index is frame.index:
        return None, read
    part = frame.assign(**changed)
    part.index = frame.index if index is None else index
    return part, read


def _with_columns(frame: pd.DataFrame, table: Table) -> pd.DataFrame | None:
    """Return an empty table with pandapower's columns, where it lacks some that are needed."""
    usual = _empty().get(table.name)
    if usual is None or {c.name for c in table.columns if c.required} <= set(frame.columns):
        return None
    return usual.reindex(columns=[*usual.columns, *(c for c in frame.columns if c not in usual.columns)])


def _index(frame: pd.DataFrame, table: Table, faults: TableFaults) -> pd.Index | None:
    if not table.indexed:
        return frame.index
    name = f"net.{table.name}"
    index, wrong = index_of(frame.index)
    renumber = f"renumber the rows (net.{table.name}.reset_index(drop=True)) and what refers to them"
    if index is None:
        text = f"has the index {wrong}" if not wrong.startswith("of ") else f"has an index {wrong}"
        faults.types.append(Finding(name, "", (), (), text, f"give whole numbers of 0 or more; {renumber}"))
        return None
    if not index.is_unique:
        twice = index[index.duplicated()].unique().tolist()
        text = "more than once in the index"
        faults.types.append(Finding(table.name, "", twice, (), text, f"give every row an index of its own; {renumber}"))
        return None
    if table.name == "bus" and index.max() > _LARGEST_BUS:
        step = "renumber the buses with pandapower.toolbox.create_continuous_bus_index(net)"
        text = f"is an index above {_LARGEST_BUS}, for which power flow needs too much memory"
        faults.types.append(Finding("bus", "", (int(index.max()),), (), text, step))
        return None
    return index


def _in_service(frame: pd.DataFrame, name: str) -> BoolArray:
    """Rows that take part in power flow; a line out of service may still be a tie."""
    if name == "line" or "in_service" not in frame.columns:
        return np.ones(len(frame), dtype=np.bool_)
    read = values_of(frame["in_service"], Column("in_service", "truth"))
    return np.asarray(np.nan_to_num(read.numbers, nan=1.0) != 0)


def _lacking(name: str, columns: Sequence[Column]) -> Finding:
    several = len(columns) > 1
    names = ", ".join(c.name for c in columns)
    text = f"the column{'s' if several else ''} {names} {'are' if several else 'is'} missing"
    step = f"give {'them' if several else f'it ({columns[0].allowed})'}"
    step += "; pandapower.convert_format(net) adds what newer versions have"
    return Finding(f"net.{name}", names, (), (), text, step)


def _fits(
    frame: pd.DataFrame,
    name: str,
    column: Column,
    values: Values,
    on: BoolArray,
    faults: TableFaults,
) -> bool:
    """Collect what is wrong with a column; whether its kind is right."""
    if values.wrong.any():
        faults.types.append(_wrong_kind(frame, name, column, values))
        return False
    if column.kind in ("truth", "word", "reference") and not column.blank and values.missing.any():
        faults.types.append(_of_rows(frame, name, column, values.missing, f"give {column.allowed}"))
        return False
    if column.kind in ("number", "whole"):
        _ranges(frame, name, column, values, on, faults)
    return True


def _wrong_kind(frame: pd.DataFrame, name: str, column: Column, values: Values) -> Finding:
    bad = frame[column.name].to_numpy(dtype=object)[values.wrong]
    text = "which is text" if any(isinstance(v, str) for v in bad) and column.kind not in ("word", "text") else ""
    return _of_rows(frame, name, column, values.wrong, f"give {column.allowed}", text)


def _of_rows(frame: pd.DataFrame, name: str, column: Column, where: BoolArray, step: str, text: str = "") -> Finding:
    at = np.flatnonzero(where)
    shown = frame[column.name].iloc[at].tolist()
    return Finding(name, column.name, frame.index[at].tolist(), shown, text, step)


def _ranges(frame: pd.DataFrame, name: str, column: Column, values: Values, on: BoolArray, faults: TableFaults) -> None:
    numbers = values.numbers
    count = np.ones(len(numbers), dtype=np.bool_) if column.always else on
    bad = values.missing.copy() if not column.blank else np.zeros(len(numbers), dtype=np.bool_)
    if not column.infinite:
        bad |= np.isinf(numbers)
    with np.errstate(invalid="ignore"):
        low = numbers <= column.low if column.above else numbers < column.low
        outside = ~values.missing & (low | (numbers > column.high)) & ~(column.infinite & np.isinf(numbers))
    bad = (bad | outside) & count
    # a sentence for each value: one row's number is not another's
    for value in dict.fromkeys("missing" if np.isnan(v) else v for v in numbers[bad].tolist()):
        here = bad & (np.isnan(numbers) if value == "missing" else numbers == value)
        faults.values.append(_of_rows(frame, name, column, here, f"give {column.allowed}"))
