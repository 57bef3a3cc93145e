"""Plan files: JSON with a format mark and exactly the fields of a plan."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from adnflex.errors import InputError

__all__ = ["read_plan"]

T = TypeVar("T")


def read_plan(path: str | Path, form: str, fields: set[str], build: Callable[[dict[str, Any]], T], writer: str) -> T:
    """Read a plan file and build what it holds.

    Parameters
    ----------
    path : str or pathlib.Path
        The file.
    form : str
        The format mark that it has to carry.
    fields : set of str
        Names that it has to hold, no more and no fewer.
    build : callable
        Makes the plan of its content.
    writer : str
        What writes such files, for the reader of an error.

    Raises
    ------
    InputError
        If the file is not such a plan.
    """
    hint = f"give a file written by {writer}"
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"plan file {path}: cannot be read ({error}); {hint}.") from error
    if not isinstance(content, dict) or content.pop("format", None) != form:
        raise InputError(f"plan file {path}: is not a plan of format {form}; {hint}.")
    if set(content) != fields:
        odd = ", ".join(sorted(fields ^ set(content)))
        raise InputError(f"plan file {path}: lacks or has too much of {odd}; {hint}.")
    try:
        return build(content)
    except (TypeError, ValueError, KeyError, IndexError) as error:
        raise InputError(f"plan file {path}: has odd contents ({error}); {hint}.") from error
