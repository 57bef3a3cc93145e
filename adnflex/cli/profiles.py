"""Profiles in files: one CSV or JSON file a table and column, element indices as headings."""

from __future__ import annotations

import argparse
import csv
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from adnflex.arguments.kind import Kind, WrongValueError
from adnflex.errors import InputError
from adnflex.study import COLUMNS, Profiles
from adnflex.study.axis import step_faults
from adnflex.study.stamps import read_stamps

_KNOWN = [f"{table}.{column}" for table, column in COLUMNS]
# Faults of one file that are told.
_TOLD = 5

Word = tuple[tuple[str, str], Path]


def _word(text: str) -> Word:
    """Read ``TABLE.COLUMN=FILE``."""
    name, equals, path = text.partition("=")
    table, _, column = name.strip().partition(".")
    if not equals or not path:
        raise WrongValueError(f"a file too ('{text}' names none), e.g. load.p_mw=day.csv")
    if (table, column) not in COLUMNS:
        raise WrongValueError(f"what varies in time ('{name.strip()}' does not): {', '.join(_KNOWN)}")
    return (table, column), Path(path.strip())


# The files are read after the output paths were tried.
PROFILES = Kind("files such as load.p_mw=day.csv", list, _word, "TABLE.COLUMN=FILE", "+")


def profile_files(args: argparse.Namespace) -> dict[str, Path]:
    """Name the files of ``--profiles``, none of which may be written to."""
    return {f"--profiles {'.'.join(key)}": path for key, path in args.given.get("profiles", ())}


def read_given_profiles(args: argparse.Namespace) -> None:
    """Put what the files of ``--profiles`` hold in place of their names."""
    if words := args.given.pop("profiles", ()):
        args.given["profiles"] = read_profiles(words)


def read_profiles(words: Sequence[Word]) -> Profiles | None:
    """Read the files of ``--profiles``; None where there are none.

    Parameters
    ----------
    words : sequence of ((str, str), Path)
        Table and column, and the file with their values.

    Returns
    -------
    dict of (str, str) to pandas.DataFrame, or None
        What `adnflex.dispatch` takes as ``profiles``.

    Raises
    ------
    InputError
        With every fault of every file.
    """
    if not words:
        return None
    faults: list[str] = []
    found: dict[tuple[str, str], pd.DataFrame] = {}
    for key, path in words:
        name = f"--profiles {'.'.join(key)}={path}"
        if key in found:
            faults.append(f"{name}: there are two files for it; give one.")
            continue
        found[key] = pd.DataFrame()
        try:
            headings, columns = _csv(path) if path.suffix == ".csv" else _json(path)
            found[key] = _frame(headings, columns)
        except InputError as error:
            faults += [f"{name}: {finding}" for finding in error.findings]
    if faults:
        raise InputError(faults)
    return found


def _text(path: Path) -> str:
    if path.suffix not in (".csv", ".json"):
        raise InputError("only .csv and .json are read; give one of these.")
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(f"the file cannot be read ({why}); check the path.") from error


def _csv(path: Path) -> tuple[list[str], list[list[Any]]]:
    """Headings and columns; the separator is whichever the headings have."""
    text = _text(path)
    first = text.partition("\n")[0]
    separator = max(",;\t", key=first.count)
    rows = [row for row in csv.reader(text.splitlines(), delimiter=separator) if any(cell.strip() for cell in row)]
    if len(rows) < 2:
        raise InputError("there are no rows; give headings (element indices) and one row a period.")
    headings, body = [cell.strip() for cell in rows[0]], rows[1:]
    uneven = [k for k, row in enumerate(body, start=1) if len(row) != len(headings)]
    if uneven:
        raise InputError(
            f"row {uneven[0]} has {len(body[uneven[0] - 1])} values under {len(headings)} headings; give as many."
        )
    return headings, [list(column) for column in zip(*body, strict=True)]


def _json(path: Path) -> tuple[list[str], list[list[Any]]]:
    """Headings and columns of ``{"3": [0.1, 0.2], "7": [0.4, 0.5]}``."""
    text = _text(path)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise InputError(f"this is no JSON (line {error.lineno}: {error.msg}); correct it.") from error
    if not isinstance(content, dict) or not all(isinstance(part, list) for part in content.values()) or not content:
        raise InputError('this is no table; write {"3": [0.1, 0.2], "7": [0.4, 0.5]}, a list of values an element.')
    lengths = {str(name): len(part) for name, part in content.items()}
    if len(set(lengths.values())) > 1 or not all(lengths.values()):
        raise InputError(f"the lists have lengths {lengths}; give one value a period to each.")
    return [str(name).strip() for name in content], list(content.values())


def _frame(headings: list[str], columns: list[list[Any]]) -> pd.DataFrame:
    """Turn texts into a table of numbers under integers, with the time as index if there is one."""
    faults = []
    twice = sorted({h for h in headings if headings.count(h) > 1})
    if twice:
        faults.append(f"heading {', '.join(twice)} stands there twice; keep one.")
    odd = [h for h in headings if h != "time" and not h.isdecimal()]
    if odd:
        faults.append(
            f"heading '{odd[0]}' is no element index; name the columns by index, and a column of times 'time'."
        )
    if faults:
        raise InputError(faults)
    values: dict[int, list[float]] = {}
    for heading, column in zip(headings, columns, strict=True):
        if heading == "time":
            continue
        numbers = [_number(cell) for cell in column]
        faults += [
            f"column {heading}, row {k}: '{column[k - 1]}' is no number; write e.g. 0.25."
            for k, x in enumerate(numbers, start=1)
            if not math.isfinite(x)
        ]
        values[int(heading)] = numbers
    if faults:
        more = [f"... and {len(faults) - _TOLD} more of these."] if len(faults) > _TOLD else []
        raise InputError([*faults[:_TOLD], *more])
    frame = pd.DataFrame(values)
    if "time" in headings:
        frame.index = _times(columns[headings.index("time")])
    return frame


def _number(cell: Any) -> float:
    if isinstance(cell, bool):
        return math.nan
    try:
        return float(cell)
    except (TypeError, ValueError):
        return math.nan


def _times(column: list[Any]) -> pd.Index:
    """Return times as they stand in the file, known to be times of one step."""
    texts = pd.Index([str(cell).strip() for cell in column], dtype=object)
    try:
        stamps = read_stamps(texts, first=1)
    except ValueError as error:
        raise InputError(f"column time, {error}.") from error
    if stamps is None:
        raise InputError(f"column time, row 1: '{texts[0]}' is no time; write e.g. 2024-05-29 00:15.")
    _, faults, _ = step_faults("column time", stamps, range(len(texts)))
    if faults:
        raise InputError(faults)
    return texts
