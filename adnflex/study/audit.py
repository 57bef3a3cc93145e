"""What set-points say by themselves, without power flow: limits of devices they break, series they do not follow."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import FloatArray
from adnflex.devices import Device, Timeline
from adnflex.study.reader import Study

#: A violation in the columns `adnflex.powerflow.limits.VIOLATION_COLUMNS`.
Row = tuple[object, ...]

#: Values (S, T) that stand in a device's column.
Written = Callable[[Device, str], FloatArray]


def violation(kind: str, place: tuple[str, int], value: float, limit: float, unit: str) -> Row:
    """Return a row of violations.

    Examples
    --------
    >>> violation("energy high", ("storage", 0), 1.5, 1.0, "MWh")
    ('energy high', 'storage', 0, 1.5, 1.0, 0.5, 'MWh')
    """
    return (kind, *place, value, limit, abs(value - limit), unit)


def too_many(count: int, most: int | None, unit: str = "") -> list[Row]:
    """Return the row of switching operations beyond their budget; none where there is no budget or it is kept.

    Examples
    --------
    >>> too_many(4, 2), too_many(4, 4), too_many(4, None)
    ([('operations', 'net', -1, 4, 2, 2, '')], [], [])
    """
    return [] if most is None or count <= most else [violation("operations", ("net", -1), count, most, unit)]


def written_in(setpoints: pd.DataFrame, shape: tuple[int, int], net: pandapowerNet | None = None) -> Written:
    """Return what looks up the values (S, T) that a table of set-points writes for a device.

    Parameters
    ----------
    setpoints : pandas.DataFrame
        Columns ``(table, column, index)``, one row a scenario and period.
    shape : (int, int)
        Scenarios and periods.
    net : pandapowerNet, optional
        Whose own values stand where nothing is written; by default 0.
    """
    values = setpoints.to_numpy(dtype=float)
    place_of = {key: k for k, key in enumerate(setpoints.columns)}

    def value(device: Device, column: str) -> FloatArray:
        table, index = device.place.table, device.place.index
        bank = column.startswith("constant_q:")
        key = ("constant_q" if bank else table, column.removeprefix("constant_q:"), index)
        if key in place_of:
            return np.asarray(values[:, place_of[key]].reshape(shape))
        return np.full(shape, 0.0 if bank or net is None else float(net[table].at[index, column]))

    return value


def audited(devices: Iterable[Device], written: Written, horizon: Timeline) -> Iterator[tuple[int, int, Row]]:
    """Let every device audit what is written for it: scenario, period and row of each limit that is broken."""
    for device in devices:
        for f in device.audit(partial(written, device), horizon):
            yield f.scenario, f.period, violation(f.kind, (f.table, f.place), f.value, f.limit, f.unit)


def off_series(study: Study, net: pandapowerNet, setpoints: pd.DataFrame, word: str) -> Iterator[tuple[int, int, Row]]:
    """List elements that are no decision and yet do not follow their series: scenario, period and row.

    Parameters
    ----------
    study : Study
        What was read.
    net : pandapowerNet
        Its net.
    setpoints : pandas.DataFrame
        What is written, one row a scenario and period.
    word : str
        What the series is called.
    """
    given = setpoints.to_numpy(dtype=float)
    place_of = {key: k for k, key in enumerate(setpoints.columns)}
    controlled = study.controlled
    for (table, column), wanted in study.values.items():
        if table == "ext_grid":
            continue
        elements = net[table].index.astype(int).tolist()
        own = net[table][column].to_numpy(dtype=float)
        there = np.broadcast_to(own, wanted.shape).copy()
        at = np.array([place_of.get((table, column, i), -1) for i in elements], dtype=np.int64)
        there[:, :, at >= 0] = given[:, at[at >= 0]].reshape(*wanted.shape[:2], int((at >= 0).sum()))
        free = np.array([(table, i) in controlled for i in elements], dtype=bool)
        bound = net[table]["in_service"].to_numpy(dtype=bool) & ~free
        unit = "MW" if column == "p_mw" else "Mvar"
        for s, t, place in np.argwhere((np.abs(there - wanted) > 1e-9) & bound).tolist():
            numbers = float(there[s, t, place]), float(wanted[s, t, place])
            yield s, t, violation(f"{column} of its {word}", (table, elements[place]), *numbers, unit)
