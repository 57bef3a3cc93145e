"""A plan's periods as a pandapower time series: controllers and profiles for `pandapower.timeseries.run_timeseries`."""

from __future__ import annotations

import numpy as np
import pandas as pd
from pandapower import pandapowerNet
from pandapower.control import ConstControl
from pandapower.timeseries import DFData

from adnflex.errors import InputError
from adnflex.grid.write import PushBack

# What holds switch states, by table and column.
_STATES = [("switch", "closed"), ("line", "in_service"), ("trafo", "in_service")]


def with_time_series(
    net: pandapowerNet, setpoints: pd.DataFrame, switches: pd.DataFrame | None = None
) -> pandapowerNet:
    """Return a copy of a net, in the state of the first period, with one `ConstControl` a table and column.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is not changed.
    setpoints : pandas.DataFrame
        Index: period; columns ``(table, column, index)``.
    switches : pandas.DataFrame, optional
        As in `Plan.switches`; where the topology changes, the states of switches and branches are profiles as well.

    Controllers of the net's own are out of service: they would move what was decided.
    """
    if not len(setpoints):
        raise InputError("there are no periods; give a plan with at least one.")
    push = PushBack(net, setpoints, switches)
    steps = [int(t) for t in setpoints.index]
    whole = [(table, column, [int(i) for i in net[table].index]) for table, column in _STATES if len(net[table])]
    found: dict[tuple[str, str, tuple[int, ...]], list[np.ndarray]] = {}
    for t in steps:
        new = push.at(t)
        for table, column, rows in [*push.places, *whole]:
            values = new[table].loc[rows, column].to_numpy(copy=True)
            found.setdefault((table, column, tuple(rows)), []).append(values)
    new = push.at(steps[0])
    if len(new.controller):
        new.controller["in_service"] = False
    for (table, column, given), parts in found.items():
        values, index = np.array(parts), np.array(given)
        state = (table, column) in _STATES
        moved = (values != values[0]).any(axis=0) if state else np.ones(len(index), dtype=bool)
        if moved.any():
            # pandapower multiplies by the factor: a truth stays one only by a truth
            _add(new, table, column, pd.DataFrame(values[:, moved], steps, index[moved]), True if state else 1.0)
    return new


def _add(net: pandapowerNet, table: str, column: str, profiles: pd.DataFrame, factor: float) -> None:
    """Add a controller that writes profiles, columns: rows of the table."""
    rows = [int(i) for i in profiles.columns]
    names = [f"{table}.{column}.{i}" for i in rows]
    source = DFData(profiles.set_axis(names, axis=1))
    ConstControl(
        net, table, column, element_index=rows, profile_name=names, data_source=source, scale_factor=factor
    )  # fmt: skip
