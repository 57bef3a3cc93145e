"""What follows its series: set-points that no device decides and series that a result has to remember."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import FloatArray
from adnflex.study.reader import Study

Key = tuple[str, str, int]


class _Column(NamedTuple):
    """A column of a table that has a series: places of its elements, values (S, T, E), what the net itself says."""

    table: str
    column: str
    elements: list[int]
    values: FloatArray
    own: FloatArray
    alive: np.ndarray

    def keys(self, chosen: np.ndarray) -> Iterator[tuple[Key, FloatArray]]:
        """Key and values (S, T) of the elements that are chosen."""
        for place in np.flatnonzero(chosen).tolist():
            yield (self.table, self.column, self.elements[place]), self.values[:, :, place]

    def among(self, places: Collection[tuple[str, int]]) -> np.ndarray:
        """Whether each element is one of some (table, index)."""
        here = {i for table, i in places if table == self.table}
        return np.array([i in here for i in self.elements], dtype=bool)


Values = Mapping[tuple[str, str], FloatArray]


def _columns(net: pandapowerNet, series: Values) -> Iterator[_Column]:
    """Everything that has a series; the net's own value is NaN where it has none."""
    for (table, column), values in series.items():
        rows = net[table]
        own = np.full(len(rows), np.nan)
        if column in rows.columns:
            own = pd.to_numeric(rows[column], errors="coerce").to_numpy(dtype=float)
        alive = rows["in_service"].to_numpy(dtype=bool)
        yield _Column(table, column, rows.index.astype(int).tolist(), values, own, alive)


def following(
    net: pandapowerNet, values: Values, decided: Collection[tuple[str, int]], profiled: bool = False
) -> dict[Key, FloatArray]:
    """Values (S, T) of what is in service, no decision, and differs from the net.

    Parameters
    ----------
    net : pandapowerNet
        The net.
    values : mapping
        ``{(table, column): (S, T, E) array}``, as `Study.values`.
    decided : collection of (table, index)
        Elements that are a decision.
    profiled : bool
        Whether an element that names a profile is listed too where it does not differ in these periods.
    """
    found: dict[Key, FloatArray] = {}
    for part in _columns(net, values):
        if part.table == "ext_grid":
            continue
        same = (part.values == part.own) | (np.isnan(part.values) & np.isnan(part.own))
        listed = ~same.all(axis=(0, 1))
        if profiled and "profile" in net[part.table].columns:
            listed |= np.array([isinstance(name, str) for name in net[part.table]["profile"]], dtype=bool)
        found |= part.keys(listed & part.alive & ~part.among(decided))
    return found


def input_table(net: pandapowerNet, study: Study, index: pd.Index, prices: bool = True) -> pd.DataFrame:
    """Tabulate the series that differ from the net or belong to a device, by (scenario, period).

    Without `prices` those of the sources are left out.
    """
    devices = {(d.place.table, d.place.index) for d in study.devices}
    keys: list[Key] = []
    values: list[FloatArray] = []
    for part in _columns(net, study.values):
        there = ~np.isnan(part.values).all(axis=(0, 1)) & (prices or part.table != "ext_grid")
        varies = (part.values != part.own).any(axis=(0, 1)) | part.among(devices)
        chosen = there & varies
        keys += [key for key, _ in part.keys(chosen)]
        values.append(part.values[:, :, chosen].reshape(len(index), int(chosen.sum())))
    columns = pd.MultiIndex.from_tuples(keys, names=["table", "column", "index"])
    return pd.DataFrame(np.hstack(values) if values else None, index=index, columns=columns)


def setpoints_of(net: pandapowerNet, values: Values, rows: Sequence[int]) -> pd.DataFrame:
    """Return what differs from the net by period, of one scenario.

    Parameters
    ----------
    net : pandapowerNet
        The net.
    values : mapping
        ``{(table, column): (1, T, E) array}``.
    rows : sequence of int
        The T periods.

    Returns
    -------
    pandas.DataFrame
        Index ``period``, columns ``(table, column, index)``.
    """
    found = {key: part[0] for key, part in following(net, values, ()).items()}
    table = pd.DataFrame(dict(enumerate(found.values())), index=pd.Index(rows, name="period"))
    names = ["table", "column", "index"]
    table.columns = (
        pd.MultiIndex.from_tuples(list(found), names=names)
        if found
        else pd.MultiIndex.from_arrays([[]] * 3, names=names)
    )
    return table
