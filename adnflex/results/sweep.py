"""A sweep of reconfigurations over nets and variants: one table, and the files of its cells."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from adnflex.errors import InputError
from adnflex.results.base import Result, load
from adnflex.results.codec import Saved

#: Columns of the table of a sweep, and what stands in them where a cell has no plan.
SWEEP_COLUMNS: dict[str, Any] = {
    "net": "",
    "variant": "",
    "status": "",
    "passed": False,
    "periods": 0,
    "losses_before": math.nan,
    "losses_after": math.nan,
    "losses_unit": "",
    "objective": math.nan,
    "bound": -math.inf,
    "unit": "",
    "gap": math.inf,
    "topologies": 0,
    "operations": 0,
    "violated_before": 0,
    "violated_after": 0,
    "cpu_s": math.nan,
    "file": "",
    "note": "",
}
# What a summary shows of them.
_SHOWN = ["net", "variant", "status", "losses_before", "losses_after", "losses_unit", "bound", "gap", "violated_before",
          "violated_after", "cpu_s"]  # fmt: skip
_FORMATS = {
    "losses_before": "{:.6g}",
    "losses_after": "{:.6g}",
    "bound": "{:.6g}",
    "gap": "{:.3%}",
    "cpu_s": "{:.1f}",
}


@dataclass(frozen=True)
class SweptCell(Saved):
    """A finished cell on disk.

    Attributes
    ----------
    mark : str
        Digest of what its answer depends on.
    row : dict
        Its row of `Sweep.table`.
    """

    mark: str
    row: dict[str, Any]

    _form = "adnflex-sweep-cell-1"
    _kind, _writer = "cell", "adnflex.sweep"


@dataclass(frozen=True, repr=False, eq=False)
class Sweep(Result):
    """Reconfigurations over nets and variants.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a cell, net by net: ``net``, ``variant``, ``status`` (of the plan; else ``infeasible``, ``refused``,
        ``time_limit`` without a plan, ``died``, ``failed`` or ``missing``), ``passed`` (the AC check), ``periods``,
        ``losses_before`` and ``losses_after`` in ``losses_unit`` (MWh of many periods, else MW), ``objective`` and
        ``bound`` in ``unit``, ``gap``, ``topologies``, ``operations``, ``violated_before`` and ``violated_after``
        (periods that break a limit), ``cpu_s`` (CPU seconds of the cell, its check included), ``file`` (of the plan,
        in the store), ``note`` (why there is no plan, or what its AC check says where that fails).
    store : str
        Folder of the files; empty where there is none.
    seconds : float
        Wall time of the call [s].
    interrupted : bool
        Whether cells are missing because the user stopped the sweep.
    options, notes, versions
        As in `adnflex.Plan`.
    """

    table: pd.DataFrame
    store: str
    seconds: float
    interrupted: bool = False

    _form = "adnflex-sweep-1"

    @property
    def title(self) -> str:
        """Nets and variants, counted."""
        nets, variants = self.table["net"].nunique(), self.table["variant"].nunique()
        return f"{nets} {'net' if nets == 1 else 'nets'} × {variants} {'variant' if variants == 1 else 'variants'}"

    @property
    def headline(self) -> dict[str, str]:
        """Cells with a plan, cells whose AC check passed."""
        told = {"": "interrupted"} if self.interrupted else {}
        planned = int(self.table["objective"].notna().sum())
        whole = len(self.table)
        return {**told, "plans": f"{planned} of {whole}", "passed": f"{int(self.table['passed'].sum())} of {whole}"}

    def by_variant(self, column: str) -> pd.DataFrame:
        """Return a column of the table with a row a net and a column a variant.

        Parameters
        ----------
        column : str
            A column of `table`, or ``saved_percent``.
        """
        table = self.table.assign(saved_percent=self.saved_percent)
        if column not in table:
            raise InputError(f"column {column!r} is not in the table; give one of {', '.join(table.columns)}.")
        wide = table.pivot(index="net", columns="variant", values=column)
        return wide.loc[table["net"].unique(), table["variant"].unique()]

    @property
    def saved_percent(self) -> pd.Series:
        """Losses saved against the present switch states, by row of the table [%]."""
        before = self.table["losses_before"].where(self.table["losses_before"] > 0)
        return 100 * (1 - self.table["losses_after"] / before)

    def result(self, net: str, variant: str, kind: str = "plan") -> Result:
        """Load the plan of a cell, or its AC check.

        Parameters
        ----------
        net, variant : str
            Names of the cell.
        kind : {"plan", "check"}
            Which of both.
        """
        if kind not in ("plan", "check"):
            raise InputError(f"kind is {kind!r}; give 'plan' or 'check'.")
        rows = self.table[(self.table["net"] == net) & (self.table["variant"] == variant)]
        if not len(rows):
            raise InputError(f"no cell is of net {net!r} and variant {variant!r}; look at the table.")
        file = str(rows["file"].iloc[0])
        if not file:
            why = str(rows["note"].iloc[0]) or "the sweep was run without a store"
            raise InputError(f"cell {net}, {variant}: has no file ({why}); give adnflex.sweep a store.")
        return load(Path(self.store) / (file if kind == "plan" else file.replace("-plan.json", "-check.json")))

    def _lines(self) -> list[str]:
        shown = self.table[_SHOWN].astype(object)
        for column, told in _FORMATS.items():
            shown[column] = [told.format(v) if math.isfinite(v) else "" for v in self.table[column]]
        odd = self.table[self.table["note"] != ""]
        return [
            repr(self)[1:-1],
            *shown.to_string(index=False).splitlines(),
            *(f"{row.net}{row.variant and ', '}{row.variant}: {row.note}" for row in odd.itertuples(index=False)),
        ]
