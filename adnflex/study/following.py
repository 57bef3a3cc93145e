"""What follows its series: set-points that no device decides and series that a result has to remember."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import FloatArray
from adnflex.study.reader import Study

Key = tuple[str, str, int]


def _elements(net: pandapowerNet, study: Study) -> Iterator[tuple[Key, FloatArray, float, bool]]:
    """Every element with a series: its key, values (S, T), the net's own value (NaN: none), whether in service."""
    for (table, column), array in study.values.items():
        rows = net[table]
        given = pd.to_numeric(rows[column], errors="coerce") if column in rows.columns else [np.nan] * len(rows)
        for place, (i, own, alive) in enumerate(zip(rows.index, given, rows["in_service"], strict=True)):
            yield (table, column, int(i)), array[:, :, place], float(own), bool(alive)


def following(
    net: pandapowerNet, study: Study, decided: Collection[tuple[str, int]], profiled: bool = False
) -> dict[Key, FloatArray]:
    """Values (S, T) of what is in service, no decision, and differs from the net.

    Parameters
    ----------
    net : pandapowerNet
        The net.
    study : Study
        What was read from it.
    decided : collection of (table, index)
        Elements that are a decision.
    profiled : bool
        Whether an element that names a profile is listed too where it does not differ in these periods.
    """
    found = {}
    for key, part, own, alive in _elements(net, study):
        table, _, i = key
        if table == "ext_grid" or not alive or (table, i) in decided:
            continue
        named = profiled and "profile" in net[table].columns and isinstance(net[table].at[i, "profile"], str)
        if named or not np.all((part == own) | (np.isnan(part) & np.isnan(own))):
            found[key] = part
    return found


def input_table(net: pandapowerNet, study: Study, index: pd.Index, prices: bool = True) -> pd.DataFrame:
    """Tabulate the series that differ from the net or belong to a device, by (scenario, period).

    Without `prices` those of the sources are left out.
    """
    devices = {(d.place.table, d.place.index) for d in study.devices}
    columns = {
        key: part.reshape(-1)
        for key, part, own, _ in _elements(net, study)
        if not np.isnan(part).all()
        and (np.any(part != own) or (key[0], key[2]) in devices)
        and (prices or key[0] != "ext_grid")
    }
    frame = pd.DataFrame(columns, index=index)
    frame.columns = pd.MultiIndex.from_tuples(list(columns), names=["table", "column", "index"])
    return frame
