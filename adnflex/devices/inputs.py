"""The net's tables and series as devices read them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import FloatArray
from adnflex.devices.base import Place
from adnflex.devices.timeline import Timeline

if TYPE_CHECKING:
    from adnflex.devices.cost_tables import TableCost


@dataclass
class Inputs:
    """The net's tables and series as devices read them; faults are collected, not raised.

    Attributes
    ----------
    net : pandapowerNet
        The net; only read.
    horizon : Timeline
        The time axis.
    values : dict of (table, column) to (S, T, E) array
        Series of all elements, before `scaling`.
    node_of : dict of int to int
        Node of every supplied bus.
    dependent : set of int
        Nodes with voltage-dependent loads, where pandapower would scale a device's power as well.
    faults : list of str
        What is wrong.
    rows : tuple of int
        Row of the time index of every period; empty: counted from 0.
    prices : bool
        Whether prices count; a box or a region has none.
    source_voltages : bool
        Whether the voltage of a source may be a decision.
    curves : dict of (table, index) to TableCost
        What pandapower's cost tables say.
    priced : set of (table, index)
        Elements whose cost a device has taken.
    notes : list of str
        What the reader of a plan has to know.
    """

    net: pandapowerNet
    horizon: Timeline
    values: dict[tuple[str, str], FloatArray]
    node_of: dict[int, int]
    dependent: set[int]
    faults: list[str] = field(default_factory=list)
    rows: tuple[int, ...] = ()
    prices: bool = True
    source_voltages: bool = True
    curves: dict[tuple[str, int], TableCost] = field(default_factory=dict)
    priced: set[tuple[str, int]] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    def controllable(self, table: str, kind: str) -> Iterator[tuple[Place, pd.Series]]:
        """Every element of a table that is in service, supplied and controllable."""
        rows = self.net[table]
        if not len(rows) or "controllable" not in rows.columns:
            return
        chosen = rows["in_service"].astype(bool) & truth(rows["controllable"])
        for index, row in rows[chosen].iterrows():
            node = self.node_of.get(int(row["bus"]))
            if node is None:
                continue
            place = Place(kind, table, int(str(index)), name_of(row), int(row["bus"]), node)
            if node in self.dependent:
                self.faults.append(
                    f"{place}: stands at bus {place.bus} with a voltage-dependent load, whose share pandapower applies "
                    "to everything at the bus; move one of them to a bus of its own or make the load constant power."
                )
                continue
            yield place, row

    def series(self, table: str, column: str, index: int) -> FloatArray:
        """Values of one element (S, T), `scaling` included where the table has it."""
        rows = self.net[table]
        place = int(rows.index.get_loc(index))
        factor = (
            float(rows["scaling"].iloc[place]) if "scaling" in rows.columns and column.endswith(("mw", "mvar")) else 1.0
        )
        return np.asarray(self.values[table, column][:, :, place] * factor)

    def number(
        self,
        place: Place,
        row: pd.Series,
        column: str,
        default: float | None = None,
        low: float = -math.inf,
        high: float = math.inf,
        hint: str = "",
    ) -> float:
        """Read a number; a missing one is the default, or a fault where there is none."""
        raw = row.get(column)
        value = math.nan if raw is None else float(pd.to_numeric(raw, errors="coerce"))
        if math.isnan(value):
            if default is None:
                more = f" ({hint})" if hint else ""
                self.faults.append(
                    f"{place}: {column} is missing, and a dispatched element needs it{more}; set net.{place.table}."
                    f"{column}, or controllable to False."
                )
                return 0.0
            return default
        if not low <= value <= high:
            self.faults.append(f"{place}: {column} is {value:g}; allowed is {low:g} to {high:g}.")
        return value

    def require(self, good: bool, place: Place, sentence: str) -> None:
        """Collect a fault."""
        if not good:
            self.faults.append(f"{place}: {sentence}")


def truth(column: pd.Series) -> pd.Series:
    """Read a column of flags in which NaN and None mean False."""
    return column.map(lambda v: bool(v) if v is not None and v == v else False).astype(bool)


def name_of(row: pd.Series) -> str:
    """Name of an element; empty where it has none."""
    name = row.get("name")
    return "" if name is None or name != name else str(name)
