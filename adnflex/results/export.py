"""Tables as a workbook or as CSV files, for who works on with them in another program."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from adnflex.errors import InputError, OutputError
from adnflex.files import write_bytes, write_text

# What a sheet of a workbook can hold.
_ROWS, _COLUMNS, _CELL = 1_048_576, 16_384, 32_767

# What XML, and so a workbook, cannot hold.
_ILLEGAL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


def write_excel(tables: Mapping[str, pd.DataFrame], path: str | Path) -> Path:
    """Write tables as sheets of one workbook, at one stroke; empty ones are left out.

    Text stays text, also where it begins with ``=``; what is no number (NaN) is an empty cell, infinity a word.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        By name.
    path : str or pathlib.Path
        The file.

    Raises
    ------
    InputError
        If openpyxl is missing or a table is too large for a sheet; all of them are named.
    OutputError
        If the file cannot be written.
    """
    try:
        from openpyxl import Workbook
        from openpyxl.cell import WriteOnlyCell
    except ImportError:
        raise InputError(
            "to_excel needs the package openpyxl, which is not installed; run pip install 'adnflex[excel]', or use "
            "to_csv."
        ) from None
    filled = {name: table for name, table in tables.items() if len(table)}
    if faults := [fault for name, table in filled.items() if (fault := _too_large(name, table))]:
        raise InputError(faults)
    book = Workbook(write_only=True)
    taken: set[str] = set()
    for name, table in filled.items():
        sheet = book.create_sheet(_sheet_name(name, taken))
        for row in _rows(table):
            sheet.append([_cell(WriteOnlyCell, sheet, value) for value in row])
    buffer = io.BytesIO()
    book.save(buffer)
    return write_bytes(path, buffer.getvalue())


def write_csv(tables: Mapping[str, pd.DataFrame], folder: str | Path) -> list[Path]:
    """Write tables as CSV files of a folder, each at one stroke; empty ones are left out.

    Parameters
    ----------
    tables : mapping of str to pandas.DataFrame
        By name, which becomes that of the file.
    folder : str or pathlib.Path
        The folder; made if it is not there.

    Returns
    -------
    list of pathlib.Path
        The files.

    Raises
    ------
    OutputError
        If the folder cannot be made or a file not be written.
    """
    place = Path(folder)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made ({error.strerror}); give another folder.") from error
    found = []
    for name, table in tables.items():
        if len(table):
            text = io.StringIO()
            csv.writer(text, lineterminator="\n").writerows(_rows(table))
            found.append(write_text(place / f"{name}.csv", text.getvalue()))
    return found


def _rows(table: pd.DataFrame) -> Iterator[list[Any]]:
    """Rows of a sheet: one of headings a column level, the index in front."""
    levels = table.index.nlevels
    names = [_plain(name) for name in table.index.names]
    for k in range(table.columns.nlevels):
        last = k == table.columns.nlevels - 1
        heading = [_plain(v) for v in table.columns.get_level_values(k)]
        yield [*(names if last else [None] * levels), *heading]
    keys = table.index if levels > 1 else [(key,) for key in table.index]
    values = table.astype(object).to_numpy()
    for key, row in zip(keys, values, strict=True):
        yield [*(_plain(v) for v in key), *(_plain(v) for v in row)]


def _plain(value: Any) -> Any:
    """Turn a value into what a cell holds: a number, a truth, text or nothing."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or value is pd.NaT or value is pd.NA:
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else str(value)
    if isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        # a sheet knows no larger whole numbers
        return value if abs(value) < 2**53 else str(value)
    if isinstance(value, list | tuple | set | frozenset | np.ndarray):
        return json.dumps([_plain(v) for v in value], ensure_ascii=False)
    return str(value)


def _too_large(name: str, table: pd.DataFrame) -> str:
    rows, columns = len(table) + table.columns.nlevels, len(table.columns) + table.index.nlevels
    if rows <= _ROWS and columns <= _COLUMNS:
        return ""
    return (
        f"table {name} has {rows:,} rows and {columns:,} columns with its headings, and a sheet holds {_ROWS:,} and "
        f"{_COLUMNS:,}; use to_csv."
    )


def _cell(kind: Any, sheet: Any, value: Any) -> Any:
    """Make a cell; text is text and no formula."""
    if not isinstance(value, str):
        return kind(sheet, value=value)
    cell = kind(sheet, value=_ILLEGAL.sub("\ufffd", value)[:_CELL])
    cell.data_type = "s"
    return cell


def _sheet_name(name: str, taken: set[str]) -> str:
    """Name a sheet: at most 31 characters, none that a workbook refuses, each once whatever its case."""
    plain = re.sub(r"[\[\]:*?/\\]", "_", name).strip("'") or "table"
    chosen, number = plain[:31], 2
    while chosen.lower() in taken:
        tail = f"~{number}"
        chosen, number = plain[: 31 - len(tail)] + tail, number + 1
    taken.add(chosen.lower())
    return chosen
