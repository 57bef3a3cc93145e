"""The one reader of all verbs: arguments and tables of a net to time axis, series, grid and devices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.arrays import FloatArray
from adnflex.devices import Device, Inputs, Timeline, controlled_trafos, read_devices
from adnflex.devices.cost_tables import left_over_costs, read_cost_tables
from adnflex.errors import InputError, NotRadial
from adnflex.garbage import without_garbage_search
from adnflex.grid import Grid, read_grid
from adnflex.grid.operating_points import OperatingPoints, operating_points
from adnflex.grid.switch_tables import decided
from adnflex.grid.topology import present_loops
from adnflex.knobs import Horizon, Limits, Switching
from adnflex.scenarios import ScenarioSet
from adnflex.study.axis import TimeAxis, time_axis
from adnflex.study.series import Series, read_series

# All rows, the limits of the net, its switches as they are.
_ALL, _OWN, _AS_IT_IS = Horizon(), Limits(), Switching(windows="fixed")


@dataclass(frozen=True)
class Study:
    """What a net says: devices, on what, when.

    Attributes
    ----------
    horizon : Timeline
        Scenarios and periods.
    axis : TimeAxis
        When the periods are.
    series : Series
        Values of all elements, of the deterministic case.
    values : dict of (table, column) to (S, T, E) array
        The same for every scenario.
    grid : Grid
        The grid.
    devices : list of Device
        The devices.
    points : OperatingPoints
        What follows its profile.
    notes : tuple of str
        What the reader of a plan has to know about devices and prices.
    limits : Limits
        What stands in place of the limits of the net.
    """

    horizon: Timeline
    axis: TimeAxis
    series: Series
    values: dict[tuple[str, str], FloatArray]
    grid: Grid
    devices: list[Device]
    points: OperatingPoints
    notes: tuple[str, ...] = ()
    limits: Limits = _OWN

    @property
    def controlled(self) -> set[tuple[str, int]]:
        """Elements whose power is a decision."""
        return {(d.place.table, d.place.index) for d in self.devices if d.place.table in _POWER}


_POWER = ("load", "sgen", "storage", "shunt")


@dataclass(frozen=True)
class OwnReading:
    """What one verb asks of the reader beyond the others.

    Attributes
    ----------
    still : int
        Number of periods that a net without profiles stands for.
    need_limits : bool
        Whether voltage limits have to be there; else they may be missing, and bound no bank.
    source_voltages : bool
        Whether the voltage of a source can be a decision; never without prices.
    more : callable
        Reads beside the devices what only this verb knows; what it finds wrong is raised with the rest.
    """

    still: int = 1
    need_limits: bool = True
    source_voltages: bool = True
    more: Callable[[Inputs, list[Device]], None] = lambda inputs, devices: None


_NOTHING = OwnReading()


@without_garbage_search()
def read_study(
    net: pandapowerNet,
    asked: Horizon = _ALL,
    limits: Limits = _OWN,
    switching: Switching = _AS_IT_IS,
    *,
    axis: TimeAxis | None = None,
    prices: bool = True,
    converters: bool = True,
    own: OwnReading = _NOTHING,
) -> Study:
    """Read a net; all faults at once.

    Where `switching` is fixed the net has to be radial and stays as it is. `axis` stands for the times of the
    series, if it is known; without `prices` pandapower's cost tables are not read, without `converters` every dcline is
    refused.
    """
    series = read_series(net, asked.profiles, asked.periods, own.still)
    if axis is None:
        axis = time_axis(series.periods, series.stamps, asked.hours_per_period, asked.start_hour)
    values, probabilities = _scenario_values(net, series, asked.scenarios)
    horizon = Timeline(len(axis), axis.hours, axis.clock[0], probabilities, axis.clock)
    inputs = device_inputs(net, horizon, values, axis.rows, prices)
    inputs.source_voltages = prices and own.source_voltages
    grid = read_grid(
        net,
        limits=limits,
        switching=switching.present if switching.fixed else switching,
        tap_trafos=controlled_trafos(inputs),
        converters=converters,
        need_limits=own.need_limits,
    )
    if switching.fixed:
        _require_radial(grid)
    inputs.node_of = grid.node_of
    inputs.dependent = {int(j) for j in np.flatnonzero((grid.z_share_p != 0) | (grid.z_share_q != 0))}
    highest = np.minimum(grid.v_max, 1.5**2) if own.need_limits else np.full(grid.n, 1.5**2)
    devices = read_devices(inputs, grid, highest)
    own.more(inputs, devices)
    # a table that several readers go through is told once
    faults = list(dict.fromkeys(inputs.faults))
    if faults:
        raise InputError(faults)
    controlled = {(d.place.table, d.place.index) for d in devices if d.place.table in _POWER}
    points = operating_points(net, grid, values, controlled)
    notes = (*series.notes, *inputs.notes, *left_over_costs(inputs))
    return Study(horizon, axis, series, values, grid, devices, points, notes, limits)


def device_inputs(
    net: pandapowerNet,
    horizon: Timeline,
    values: dict[tuple[str, str], FloatArray],
    rows: tuple[int, ...],
    prices: bool = True,
) -> Inputs:
    """Return what devices are read from, with the cost tables where prices count; nodes are still to be filled in."""
    inputs = Inputs(net, horizon, values, {}, set(), rows=rows, prices=prices)
    if prices:
        inputs.curves = read_cost_tables(net, inputs.faults)
    elif any(len(net.get(table, ())) for table in ("poly_cost", "pwl_cost")):
        inputs.notes.append("poly_cost and pwl_cost are not read: what is possible has no price.")
    return inputs


def carried_over_breaks(study: Study) -> list[str]:
    """Name devices that carry something over rows that were left out."""
    axis = study.axis
    if not axis.breaks:
        return []
    t = axis.breaks[0]
    return [
        f"{d.place}: {d.carries} runs on from row {axis.rows[t - 1]} to row {axis.rows[t]}, though the rows between "
        "are not in periods"
        for d in study.devices
        if d.carries
    ]


def _require_radial(grid: Grid) -> None:
    found = [
        f"a closed path: {' - '.join(str(grid.branches[k]) for k in loop)}; open one of its elements, or let the "
        "dispatch choose (windows=None)."
        for loop in present_loops(grid, np.ones(grid.m, dtype=bool))
    ]
    if found:
        raise NotRadial(found)


def _scenario_values(
    net: pandapowerNet, series: Series, scenarios: ScenarioSet | None
) -> tuple[dict[tuple[str, str], FloatArray], FloatArray]:
    if scenarios is None:
        return {key: array[None] for key, array in series.values.items()}, np.ones(1)
    faults = []
    count, rows = len(scenarios.probabilities), list(series.periods)
    values = {key: np.repeat(array[None], count, axis=0) for key, array in series.values.items()}
    for key, array in scenarios.profiles.items():
        if key not in values:
            faults.append(f"scenarios: {key} is no column that may vary; known are {', '.join(map(str, values))}.")
            continue
        table = net[key[0]]
        unknown = [e for e in scenarios.elements[key] if e not in table.index]
        if unknown:
            faults.append(f"scenarios {key}: {unknown} are no index of net.{key[0]}.")
            continue
        if array.shape[1] == len(rows):
            part = array
        elif array.shape[1] > max(rows):
            part = array[:, rows]
        else:
            faults.append(f"scenarios {key}: have {array.shape[1]} periods, the horizon {len(rows)}; give as many.")
            continue
        places = [int(table.index.get_loc(e)) for e in scenarios.elements[key]]
        values[key][:, :, places] = part
    if faults:
        raise InputError(faults)
    return values, np.asarray(scenarios.probabilities, dtype=float)


def read_again(
    net: pandapowerNet,
    inputs: pd.DataFrame,
    probabilities: FloatArray,
    axis: TimeAxis,
    *,
    limits: Limits,
    switches: pd.DataFrame,
    prices: bool = True,
) -> Study:
    """Read the devices once more, with the series that a plan was made for.

    Parameters
    ----------
    net : pandapowerNet
        The net.
    inputs : pandas.DataFrame
        What `input_table` made, by period or (scenario, period).
    probabilities : (S,) array
        Of the scenarios.
    axis : TimeAxis
        The T periods.
    limits : Limits
        As in `read_study`.
    switches : pandas.DataFrame
        Switch table of the plan, empty where switch states were fixed.
    prices : bool
        Whether prices count.
    """
    periods, count = len(axis), len(probabilities)
    profiles: dict[tuple[str, str], FloatArray] = {}
    elements: dict[tuple[str, str], tuple[int, ...]] = {}
    if len(inputs.columns):
        for (table, column), part in inputs.T.groupby(level=["table", "column"], sort=False):
            profiles[table, column] = part.to_numpy(dtype=float).T.reshape(count, periods, -1)
            elements[table, column] = tuple(int(i) for i in part.index.get_level_values("index"))
    static = {("load", "p_mw"): pd.DataFrame(index=range(periods))}
    fixed = not len(switches)
    switches = decided(switches)
    lines = [] if fixed else switches.loc[switches["element"] == "line", "index"]
    others = [] if fixed else _bus_switches(switches.loc[switches["element"] != "line"])
    return read_study(
        net,
        Horizon(static, scenarios=ScenarioSet(probabilities, profiles, elements) if profiles else None),
        limits,
        Switching(sorted({int(i) for i in lines}), others, windows="fixed" if fixed else None),
        prices=prices,
        axis=axis,
    )


def times_table(axis: TimeAxis) -> pd.DataFrame:
    """When each period begins, as `DispatchPlan.times`."""
    begins = axis.begins or ("",) * len(axis)
    return pd.DataFrame(
        {"begins": list(begins), "clock_hour": list(axis.clock)}, index=pd.Index(list(axis.rows), name="period")
    )


def _bus_switches(rows: pd.DataFrame) -> list[int]:
    found = set(rows.loc[rows["element"] == "switch", "index"].astype(int))
    for used in rows.loc[rows["element"] == "trafo", "switches"]:
        found.update(int(s) for s in used)
    return sorted(found)
