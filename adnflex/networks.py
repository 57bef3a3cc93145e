"""The networks that come with adnflex.

They are pandapower JSON files. What is published in them and what was chosen is in ``PROVENANCE.md`` beside
them.
"""

from __future__ import annotations

import copy
import difflib
from functools import cache
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd
from pandapower.auxiliary import pandapowerNet

from adnflex.errors import InputError
from adnflex.grid.schema import FACTS

__all__ = ["load", "names", "study"]

# What net.studies has to have (docs/devices.md).
_STUDY_COLUMNS = ("study", "table", "column", "index", "value")


def load(name: str) -> pandapowerNet:
    """Load a network by its name.

    Parameters
    ----------
    name : str
        One of `names()`.

    Returns
    -------
    pandapowerNet
        A new net at every call.

    Raises
    ------
    InputError
        No network has this name.

    Examples
    --------
    >>> net = load("baran_wu_69")
    >>> len(net.bus), len(net.line), int((~net.line.in_service).sum())
    (69, 73, 5)
    """
    known = names()
    if name not in known:
        close = difflib.get_close_matches(name, known, n=3)
        meant = f" Did you mean {' or '.join(close)}?" if close else ""
        raise InputError(f"no network is named '{name}'.{meant} The networks are: {', '.join(known)}.")
    path = _folder() / f"{name}.json"
    return copy.deepcopy(_read(path, path.stat().st_mtime_ns))


@cache
def _read(path: Path, changed: int) -> pandapowerNet:
    """Read a file of a network once in a process: pandapower takes half a second for it, and a copy 15 ms."""
    return pp.from_json(str(path))


def names() -> list[str]:
    """Names of all networks, in alphabetical order.

    Returns
    -------
    list of str
        What `load` takes.

    Examples
    --------
    >>> "baran_wu_69" in names()
    True
    """
    return sorted(path.stem for path in _folder().glob("*.json"))


def study(net: pandapowerNet, name: str) -> pandapowerNet:
    """Write one of the net's studies into a copy of it.

    The rows of ``net.studies`` with this name are written in their order, so that a row may correct one before it.
    An index of -1 means all rows of the table; a row without a column writes the entry of ``net.study`` that its
    table names.

    Parameters
    ----------
    net : pandapowerNet
        A net with a table ``net.studies``. It is not changed.
    name : str
        One of the names in its column ``study``.

    Returns
    -------
    pandapowerNet
        A copy with the rows written in.

    Raises
    ------
    InputError
        The net has no such study, or a row names what the net does not have; one sentence a fault.

    Examples
    --------
    >>> net = load("ieee33_dispatch")
    >>> net.studies.study.unique().tolist()
    ['1', '2', '3', '1-stressed', '2-stressed', '3-stressed', '3-free', '3-heavy']
    >>> without_devices = study(net, "1")
    >>> int(net.sgen.in_service.sum()), int(without_devices.sgen.in_service.sum())
    (7, 0)
    """
    studies = _studies(net)
    rows = studies[studies["study"].astype(str) == str(name)]
    if rows.empty:
        known = list(dict.fromkeys(studies["study"].astype(str)))
        close = difflib.get_close_matches(str(name), known, n=3)
        meant = f" Did you mean {' or '.join(close)}?" if close else ""
        raise InputError(f"net.studies has no study '{name}'.{meant} The studies are: {', '.join(known)}.")
    result = copy.deepcopy(net)
    result["study"] = {**result.get("study", {}), "name": str(name)}
    findings = []
    for position, row in zip(rows.index, rows[list(_STUDY_COLUMNS)].itertuples(index=False, name=None), strict=True):
        try:
            _write(result, *row[1:])
        except InputError as error:
            findings.append(f"net.studies row {position} (study {name}): {error}")
    if findings:
        raise InputError(findings)
    return result


def _studies(net: pandapowerNet) -> pd.DataFrame:
    """Return the table of studies, with the columns it needs."""
    studies = net.get("studies")
    needed = f"a DataFrame with the columns {', '.join(_STUDY_COLUMNS)}"
    if studies is None:
        raise InputError(f"this net has no studies; net.studies has to be {needed}.")
    if not isinstance(studies, pd.DataFrame):
        raise InputError(f"net.studies is a {type(studies).__name__}; it has to be {needed}.")
    missing = [column for column in _STUDY_COLUMNS if column not in studies.columns]
    if missing:
        raise InputError(f"net.studies has no column {', '.join(missing)}; it has to be {needed}.")
    return studies


def _write(net: pandapowerNet, table: str, column: str, index: int, value: Any) -> None:
    """Write one value, or say why it cannot be written."""
    if pd.isna(column) or column == "":
        if table not in FACTS:
            raise InputError(f"net.study has no entry '{table}'; it may have {', '.join(FACTS)}.")
        net["study"] = {**net.get("study", {}), table: value}
        return
    frame = net.get(table)
    if not isinstance(frame, pd.DataFrame) or str(table).startswith(("res_", "_")):
        raise InputError(f"the net has no table '{table}'; give one of pandapower's element tables.")
    if column not in frame.columns:
        close = difflib.get_close_matches(str(column), map(str, frame.columns), n=3)
        meant = f"did you mean {' or '.join(close)}?" if close else "correct it, or add the column to the net."
        raise InputError(f"net.{table} has no column '{column}'; {meant}")
    if index != -1 and index not in frame.index:
        raise InputError(f"net.{table} has no index {index}; give one of its indices, or -1 for all rows.")
    old = frame[column]
    if not _suits(old, value):
        raise InputError(f"net.{table}.{column} holds {old.dtype}, and the value is {value!r}; give one of that kind.")
    new = old.copy()
    if pd.api.types.is_integer_dtype(old) and value != int(value):
        new = new.astype(float)
    new.loc[old.index if index == -1 else [index]] = value
    frame[column] = new


def _suits(column: pd.Series[Any], value: Any) -> bool:
    """Whether a value may stand in a column: a truth in a column of truths, a number in one of numbers."""
    if pd.api.types.is_bool_dtype(column):
        return isinstance(value, bool | np.bool_)
    if pd.api.types.is_numeric_dtype(column):
        return isinstance(value, Real) and not isinstance(value, bool | np.bool_)
    return True


def _folder() -> Path:
    """Folder with the data: inside an installed package, or beside the package in a checkout."""
    # The build backend maps networks/ into the wheel; an editable install leaves it where it is.
    package = Path(__file__).resolve().parent
    installed = package / "_networks"
    return installed if installed.is_dir() else package.parent / "networks"
