"""Read the operating points of a reconfiguration: series or named situations, weights, windows."""

from __future__ import annotations

import copy
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import FloatArray
from adnflex.errors import InputError
from adnflex.grid import Grid, fingerprint, read_grid
from adnflex.grid.operating_points import operating_points
from adnflex.knobs import Horizon, Limits, Switching
from adnflex.problems.multi_period.points import Points
from adnflex.problems.multi_period.worth import LossPrices, Worth, read_worth
from adnflex.problems.reconfiguration.describe import require_reconfigurable
from adnflex.study import COLUMNS, Profiles, TimeAxis, read_series, setpoints_of, settled, time_axis
from adnflex.study.windows import window_of_periods

# Leap year of quarter-hours.
_MOST_PERIODS = 35_136

# Days of a year.
_DAYS = (365, 366)

# Numbers that a period takes: by element of the tables with series, and by node.
_BY_ELEMENT, _BY_NODE = 4, 9
# Part of all memory that they may take.
_SHARE = 0.7

# What a situation may differ in.
_POWERS = tuple(key for key in COLUMNS if key[0] != "ext_grid")


@dataclass(frozen=True)
class PeriodStudy:
    """What is read.

    Attributes
    ----------
    grid : Grid
        The grid.
    axis : TimeAxis
        When the periods are.
    points : Points
        Their operating points; a weight is hours times how often a period counts times what a MWh lost is worth.
    worth : Worth
        What that is.
    period_weights : (T,) array
        How often each counts.
    setpoints : pandas.DataFrame
        What differs from the net, by period; columns ``(table, column, index)``.
    names : tuple of str
        Of the situations; empty where there are profiles.
    notes : tuple of str
        What the reader has to know.
    """

    grid: Grid
    axis: TimeAxis
    points: Points
    worth: Worth
    period_weights: FloatArray
    setpoints: pd.DataFrame
    names: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def hours(self) -> FloatArray:
        """Hours that each period stands for (T,)."""
        return np.asarray(self.period_weights * self.axis.hours)


def read_periods(
    net: pandapowerNet, asked: Horizon, limits: Limits, switching: Switching, prices: LossPrices | None = None
) -> PeriodStudy:
    """Read a net, its operating points, and by default no prices; raises `InputError` with what is wrong."""
    names: tuple[str, ...] = ()
    if asked.situations is not None:
        if asked.profiles is not None or asked.periods is not None:
            raise InputError("situations: stand in place of profiles and periods; give one or the other.")
        names = tuple(asked.situations)
        asked = replace(
            asked, profiles=_profiles_of(net, asked.situations), hours_per_period=asked.hours_per_period or 1.0
        )
    _require_memory(net, asked)
    asked = settled(net, asked)
    series = read_series(net, asked.profiles, asked.periods, most=_MOST_PERIODS)
    axis = time_axis(series.periods, series.stamps, asked.hours_per_period, asked.start_hour)
    if asked.year:
        _require_year(asked, axis)
    window = window_of_periods(axis, switching.windows)
    weights = _weights(asked.period_weights, len(axis))
    grid = read_grid(net, limits=limits, switching=switching)
    require_reconfigurable(grid)
    values = {key: array[None] for key, array in series.values.items()}
    drawn = operating_points(net, grid, values, ())
    setpoints = setpoints_of(net, values, axis.rows)
    worth, told = read_worth(net, prices or LossPrices(), series.values, len(axis))
    weight = weights * axis.hours * worth.of_objective
    if not weight.any():
        raise InputError(
            "period_weights: are 0 wherever losses are worth anything, so that nothing counts; give others."
        )
    points = Points(grid, drawn.p[0], drawn.q[0], drawn.y[0], weight, window)
    return PeriodStudy(grid, axis, points, worth, weights, setpoints, names, (*series.notes, *grid.notes, *told))


def _require_year(asked: Horizon, axis: TimeAxis) -> None:
    """Refuse what is no whole year."""
    if asked.periods is not None or asked.situations is not None:
        raise InputError("year: takes all rows of the profiles; leave periods and situations out.")
    hours = len(axis) * axis.hours
    if not any(abs(hours - days * 24) < 1e-6 for days in _DAYS):
        raise InputError(
            f"year: the profiles have {len(axis):,} periods of {axis.hours:g} h, which is {hours / 24:,.6g} days; a "
            "year has 365 or 366. Give profiles of a whole year, or leave year out."
        )


def _weights(given: Any, count: int) -> FloatArray:
    """Check the weights of the periods."""
    weights = np.ones(count) if given is None else np.asarray(given, dtype=float)
    weights = np.full(count, float(weights)) if weights.ndim == 0 else weights.ravel()
    if len(weights) != count:
        raise InputError(f"period_weights: are {len(weights)}, and there are {count} periods; give one for each.")
    bad = np.flatnonzero(~np.isfinite(weights) | (weights < 0))
    if len(bad):
        raise InputError(f"period_weights: that of period {bad[0]} is {weights[bad[0]]:g}; give numbers of 0 or more.")
    if not weights.any():
        raise InputError("period_weights: all are 0, so that nothing counts; give at least one above 0.")
    return weights


def _profiles_of(net: pandapowerNet, situations: Mapping[str, pandapowerNet]) -> Profiles:
    """Put nets that differ in powers only beside each other as profiles; all faults at once."""
    if not situations:
        raise InputError("situations: there are none; give at least one, {name: net}.")
    own, faults = fingerprint(net), []
    for name, other in situations.items():
        same = all(len(net[t]) == len(other[t]) and (net[t].index == other[t].index).all() for t, _ in _POWERS)
        if not same:
            faults.append(f"situations: {name} has other loads, generators or storages than the net; give the same.")
            continue
        trial = copy.copy(other)
        for table in {t for t, _ in _POWERS}:
            trial[table] = other[table].assign(**{c: net[table][c] for t, c in _POWERS if t == table})
        if fingerprint(trial) != own:
            faults.append(
                f"situations: {name} differs from the net in more than p_mw and q_mvar of loads, generators and "
                "storages; make its other tables those of the net."
            )
    if faults:
        raise InputError(faults)
    return {
        (table, column): pd.DataFrame(
            np.stack([s[table][column].to_numpy(dtype=float) for s in situations.values()]), columns=net[table].index
        )
        for table, column in _POWERS
        if len(net[table])
    }


def _require_memory(net: pandapowerNet, asked: Horizon) -> None:
    """Refuse, before anything is read, what does not fit into the memory that is free."""
    if asked.periods is not None:
        count = len(tuple(asked.periods))
    elif asked.profiles is not None and isinstance(asked.profiles, Mapping):
        count = max((len(frame) for frame in asked.profiles.values() if hasattr(frame, "__len__")), default=1)
    else:
        shipped = net.get("profiles")
        count = max((len(f) for f in shipped.values()), default=1) if isinstance(shipped, dict) else 1
    elements = sum(len(net[table]) for table in ("load", "sgen", "storage"))
    needed = 8 * count * (_BY_ELEMENT * elements + _BY_NODE * len(net.bus))
    there = _memory()
    if needed > _SHARE * there:
        raise InputError(
            f"{count:,} periods of {len(net.bus):,} buses and {elements:,} elements take about "
            f"{needed / 2**30:.1f} GiB, and this computer has {there / 2**30:.1f} GiB of memory; give fewer periods, "
            "e.g. one hour in four with period_weights."
        )


def _memory() -> float:
    """Bytes of memory of this computer; infinite where the system does not say."""
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, ValueError, OSError):
        return float("inf")
