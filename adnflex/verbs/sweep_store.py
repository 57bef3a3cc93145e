"""Finished cells of a sweep on disk: a plan, its check, and last the cell itself, which says that both are whole."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.errors import InputError, OutputError
from adnflex.grid.identity import fingerprint
from adnflex.results.sweep import SweptCell
from adnflex.verbs.sweep_cells import CellAnswer, SweepTask


class SweepStore:
    """A folder of finished cells.

    Parameters
    ----------
    folder : str, pathlib.Path or None
        It is made if need be; None: nothing is kept.
    options : mapping
        Arguments for all cells.
    """

    def __init__(self, folder: str | Path | None, options: Mapping[str, Any]) -> None:
        self.folder = None if folder is None else Path(folder)
        self._options = _told(options)
        if self.folder is not None:
            try:
                self.folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise OutputError(f"store {folder}: cannot be made ({error.strerror}); give another folder.") from error

    def rows(self, cells: Iterable[SweepTask]) -> dict[SweepTask, dict[str, Any]]:
        """Rows of the cells that are there; one of another study is refused by name."""
        if self.folder is None:
            return {}
        found: dict[SweepTask, dict[str, Any]] = {}
        faults: list[str] = []
        for cell in cells:
            path = self.folder / f"{_stem(cell)}-cell.json"
            if not path.exists():
                continue
            try:
                kept = SweptCell.load(path)
            except InputError as error:
                faults += error.findings
                continue
            if kept.mark != self._mark(cell):
                faults.append(
                    f"store {path}: net {cell.net}, variant {cell.variant or 'as it is'} was run with other arguments "
                    "or another net; give another store, or delete this file to run the cell anew."
                )
            found[cell] = kept.row
        if faults:
            raise InputError(faults)
        return found

    def keep(self, cell: SweepTask, answer: CellAnswer) -> None:
        """Write a finished cell; its row gets the name of the plan's file."""
        if self.folder is None or not answer.final:
            return
        stem = _stem(cell)
        if answer.plan is not None and answer.check is not None:
            answer.plan.save(self.folder / f"{stem}-plan.json")
            answer.check.save(self.folder / f"{stem}-check.json")
            answer.row["file"] = f"{stem}-plan.json"
        SweptCell(self._mark(cell), answer.row).save(self.folder / f"{stem}-cell.json")

    def _mark(self, cell: SweepTask) -> str:
        """Digest of what the answer of a cell depends on."""
        facts = [_told(cell.source), _told(cell.changes), self._options]
        return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:16]


def _stem(cell: SweepTask) -> str:
    """Beginning of the names of its files: its names, and what tells it from another of the same letters."""
    words = [re.sub(r"[^\w.=+-]+", "_", name).strip("_.")[:60] for name in (cell.net, cell.variant)]
    digest = hashlib.sha256(json.dumps([cell.net, cell.variant]).encode()).hexdigest()[:6]
    return "-".join(word for word in (*words, digest) if word)


def _told(value: Any) -> Any:
    """Say a value so that two of the same meaning are said alike, whatever holds them."""
    if isinstance(value, pandapowerNet):
        shipped = value.get("profiles")
        return [fingerprint(value), _told(shipped if isinstance(shipped, dict) else {})]
    if isinstance(value, pd.DataFrame | pd.Series):
        return hashlib.sha256(pd.util.hash_pandas_object(value).to_numpy().tobytes()).hexdigest()[:16]
    if isinstance(value, np.ndarray):
        return [list(value.shape), _told(pd.Series(value.ravel()))]
    if isinstance(value, Mapping):
        return sorted([[str(key), _told(part)] for key, part in value.items()], key=lambda pair: str(pair[0]))
    if isinstance(value, str):
        there = os.path.isfile(value)
        return [value, hashlib.sha256(Path(value).read_bytes()).hexdigest()[:16]] if there else value
    if isinstance(value, Iterable):
        return [_told(part) for part in value]
    return value.item() if isinstance(value, np.generic) else value
