"""Boxes of many days and coupling points: one table, and the files of the boxes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from adnflex.errors import InputError
from adnflex.results.base import Result, load

#: Columns of the table, and what stands in them where there is no box.
BOX_COLUMNS: dict[str, Any] = {
    "day": 0,
    "pcc": "",
    "status": "",
    "passed": False,
    "periods": 0,
    "useful_mwh": math.nan,
    "total_mwh": math.nan,
    "outer_mwh": math.inf,
    "certificate": math.inf,
    "narrowest_mw": math.nan,
    "lowest_mw": math.nan,
    "highest_mw": math.nan,
    "cpu_s": math.nan,
    "file": "",
    "note": "",
}
_SHOWN = ["day", "pcc", "status", "passed", "useful_mwh", "total_mwh", "outer_mwh", "certificate", "cpu_s"]
_FORMATS = {"useful_mwh": "{:.4f}", "total_mwh": "{:.4f}", "outer_mwh": "{:.4f}", "certificate": "{:.2%}",
            "cpu_s": "{:.1f}"}  # fmt: skip
# Rows of a summary; the table has all.
_MOST_ROWS = 31


@dataclass(frozen=True, repr=False, eq=False)
class FlexibilitySweep(Result):
    """Boxes of many days and coupling points, each found and checked on its own.

    Attributes
    ----------
    net_name, fingerprint : str
        The net that they are of.
    table : pandas.DataFrame
        One row a day and coupling point: ``day`` (from 0, the first rows of the profiles), ``pcc``, ``status`` (of the
        box; else ``infeasible``, ``not found``, ``refused``, ``time_limit`` without a box, ``died``, ``failed`` or
        ``missing``), ``passed`` (the AC check), ``periods``, ``useful_mwh``, ``total_mwh``, ``outer_mwh`` and
        ``certificate`` as in `Flexibility`, ``narrowest_mw`` (least width of a period), ``lowest_mw`` and
        ``highest_mw`` (of the import), ``cpu_s`` (its check included), ``file`` (of the box, in the store), ``note``
        (why there is no box, or what its AC check says where that fails).
    store : str
        Folder of the files; empty where there is none.
    seconds : float
        Wall time of the call [s].
    interrupted : bool
        Whether boxes are missing because the user stopped it.
    options, notes, versions
        As in `adnflex.Plan`.
    """

    net_name: str
    fingerprint: str
    table: pd.DataFrame
    store: str
    seconds: float
    interrupted: bool = False

    _form = "adnflex-flexibility-sweep-1"

    @property
    def title(self) -> str:
        """Days and coupling points, counted."""
        days, points = self.table["day"].nunique(), self.table["pcc"].nunique()
        at = "" if points == 1 else f" × {points} coupling points"
        return f"{days} {'day' if days == 1 else 'days'}{at}"

    @property
    def boxes(self) -> pd.DataFrame:
        """Rows that have a box."""
        return self.table[self.table["total_mwh"].notna()]

    @property
    def headline(self) -> dict[str, str]:
        """Boxes found, boxes whose AC check passed, what those of one coupling point sum up to."""
        told = {"": "interrupted"} if self.interrupted else {}
        whole, boxes = len(self.table), self.boxes
        passed = f"{int(self.table['passed'].sum())} of {whole}"
        found = {**told, "boxes": f"{len(boxes)} of {whole}", "passed": passed}
        if self.table["pcc"].nunique() == 1:  # boxes of points that are connected do not add up
            found["useful"] = f"{boxes['useful_mwh'].sum():.4f} MWh"
        return found

    def result(self, day: int, pcc: str | None = None, kind: str = "box") -> Result:
        """Load the box of a day, or its AC check; its periods count from the beginning of the day.

        Parameters
        ----------
        day : int
            The day.
        pcc : str, optional
            The coupling point as in the table; may be left out where there is one.
        kind : {"box", "check"}
            Which of both.
        """
        if kind not in ("box", "check"):
            raise InputError(f"kind is {kind!r}; give 'box' or 'check'.")
        rows = self.table[self.table["day"] == day]
        rows = rows if pcc is None else rows[rows["pcc"] == pcc]
        if len(rows) != 1:
            raise InputError(f"day {day}, pcc {pcc}: {len(rows)} rows of the table are of it; name one.")
        file = str(rows["file"].iloc[0])
        if not file:
            why = str(rows["note"].iloc[0]) or "it was run without a store"
            raise InputError(f"day {day}: has no file ({why}); give adnflex.flexibility_sweep a store.")
        return load(Path(self.store) / (file if kind == "box" else file.replace("-plan.json", "-check.json")))

    def _lines(self) -> list[str]:
        shown = self.table[_SHOWN].astype(object)
        for column, told in _FORMATS.items():
            shown[column] = [told.format(v) if math.isfinite(v) else "" for v in self.table[column]]
        more = len(shown) - _MOST_ROWS
        odd = self.table[self.table["note"] != ""]
        return [
            repr(self)[1:-1],
            *shown.head(_MOST_ROWS).to_string(index=False).splitlines(),
            *([f"and {more} more, see the table"] if more > 0 else []),
            *(f"day {row.day}, {row.pcc}: {row.note}" for row in odd.itertuples(index=False)),
        ]
