"""Finished days of a comparison on disk: a line of JSON each, with a mark of their study and a digest."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from adnflex.errors import InputError
from adnflex.files import append_line, read_bytes, write_text
from adnflex.problems.rolling.case import RollingCase


class PolicyDay(NamedTuple):
    """A policy on a day."""

    policy: str
    day: int


def study_mark(case: RollingCase, same: Mapping[str, Any], check: bool) -> str:
    """Digest of what stored days depend on.

    Parameters
    ----------
    case : RollingCase
        The case.
    same : mapping
        What all days are simulated with: ``simulations``, ``seed``, the stage ``reactive``, options of rollouts.
    check : bool
        Whether days are run in AC.
    """
    stage: Any = same.get("reactive")
    told = stage.describe() if hasattr(stage, "describe") else type(stage).__name__
    facts = [case.fingerprint, sorted((k, v) for k, v in same.items() if k != "reactive"), told, check]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def append_day(path: Path, mark: str, task: PolicyDay, row: dict[str, float]) -> None:
    """Add a finished day."""
    content = {"study": mark, "policy": task.policy, "day": task.day, **row}
    append_line(path, json.dumps({**content, "sha256": _digest(content)}))


def _digest(content: dict[str, Any]) -> str:
    """Find damage and edits of one line."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def read_days(path: Path, mark: str) -> dict[PolicyDay, dict[str, float]]:
    """Read stored days; a last line that was cut off by an interrupt is left out."""
    if not path.is_file():
        return {}
    found: dict[PolicyDay, dict[str, float]] = {}
    text = read_bytes(path, "store", "give another file").decode("utf-8", errors="replace")
    lines = text.splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            row = json.loads(line)
            if row.pop("sha256") != _digest(row):
                raise ValueError("its digest does not fit: something in it was changed")
            task = PolicyDay(row.pop("policy"), int(row.pop("day")))
            study = row.pop("study")
        except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
            if number == len(lines) and not text.endswith("\n"):
                write_text(path, "".join(kept + "\n" for kept in lines[:-1]))
                break
            raise InputError(
                f"store {path}: line {number} cannot be read ({error}); take it out, or give another file."
            ) from error
        if study != mark:
            raise InputError(
                f"store {path}: line {number} is of another study (case, seed, simulations or options); give another "
                "file, or the arguments that it was begun with."
            )
        found[task] = row
    if text and not text.endswith("\n") and len(found) == len(lines):  # only the end of the line was cut off
        write_text(path, text + "\n")
    return found
