"""The reading half of a dispatch: arguments and tables to horizon, grid and devices."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.devices import Device, Horizon, Inputs, controlled_trafos, read_devices
from adnflex.devices.cost_tables import left_over_costs, read_cost_tables
from adnflex.errors import InputError, NotRadial
from adnflex.grid import Grid, read_grid
from adnflex.grid.model import FloatArray
from adnflex.grid.operating_points import OperatingPoints, operating_points
from adnflex.grid.topology import present_loops
from adnflex.problems.dispatch.model import Pins, Topology
from adnflex.results import DispatchPlan
from adnflex.results.switches import decided
from adnflex.scenarios import ScenarioSet
from adnflex.study import Profiles, Series, TimeAxis, read_series, time_axis

__all__ = [
    "Study",
    "carried_over_breaks",
    "input_table",
    "pins_of",
    "read_again",
    "read_study",
    "settings",
    "spans_of",
    "times_table",
]

# Keyword arguments that a net may carry in net.dispatch, with their defaults.
_DEFAULTS: dict[str, Any] = {
    "currency": "EUR",
    "hours_per_period": None,
    "start_hour": None,
    "loss_cost_per_mwh": 0.0,
    "carbon_price_per_kg": 0.0,
    "carbon_budget_kg": None,
}


@dataclass(frozen=True)
class Study:
    """What is dispatched, on what, when.

    Attributes
    ----------
    horizon : Horizon
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
    """

    horizon: Horizon
    axis: TimeAxis
    series: Series
    values: dict[tuple[str, str], FloatArray]
    grid: Grid
    devices: list[Device]
    points: OperatingPoints
    notes: tuple[str, ...] = ()

    @property
    def controlled(self) -> set[tuple[str, int]]:
        """Elements whose power is a decision."""
        return {(d.place.table, d.place.index) for d in self.devices if d.place.table in _POWER}


_POWER = ("load", "sgen", "storage", "shunt")


def settings(net: pandapowerNet, given: dict[str, Any]) -> dict[str, Any]:
    """Arguments of the caller, else of ``net.dispatch``, else defaults."""
    shipped = net.get("dispatch")
    shipped = shipped if isinstance(shipped, dict) else {}
    unknown = sorted(set(shipped) - set(_DEFAULTS) - {"published", "notes"})
    if unknown:
        raise InputError(f"net.dispatch: {', '.join(unknown)} unknown; known are {', '.join(_DEFAULTS)}.")
    found = {**_DEFAULTS, **{k: v for k, v in shipped.items() if k in _DEFAULTS}}
    found.update({k: v for k, v in given.items() if v is not None})
    faults = []
    for name, low in (("loss_cost_per_mwh", 0.0), ("carbon_price_per_kg", 0.0), ("start_hour", 0.0)):
        if found[name] is None and name == "start_hour":
            continue  # that of the times of the profiles
        if not (isinstance(found[name], int | float) and math.isfinite(found[name]) and found[name] >= low):
            faults.append(f"{name} is {found[name]!r}; give a number of {low:g} or more.")
    budget = found["carbon_budget_kg"]
    if budget is not None and not math.isfinite(float(budget)):
        faults.append(f"carbon_budget_kg is {budget!r}; give kilograms, or None for no budget.")
    if faults:
        raise InputError(faults)
    return found


def read_study(
    net: pandapowerNet,
    *,
    profiles: Profiles | None = None,
    periods: Iterable[int] | None = None,
    scenarios: ScenarioSet | None = None,
    hours_per_period: float | None = None,
    start_hour: float | None = None,
    vm_limits: tuple[float, float] | None = None,
    topology: bool = False,
    switchable_lines: Iterable[int] | str | None = None,
    switchable_switches: Iterable[int] = (),
    locked_lines: Iterable[int] = (),
    axis: TimeAxis | None = None,
    prices: bool = True,
    converters: bool = True,
) -> Study:
    """Read a net for a dispatch; all faults at once.

    `axis` stands for the times of the series, if it is known; without `prices` pandapower's cost tables are not read,
    without `converters` every dcline is refused.
    """
    series = read_series(net, profiles, periods)
    if axis is None:
        axis = time_axis(series.periods, series.stamps, hours_per_period, start_hour)
    values, probabilities = _scenario_values(net, series, scenarios)
    horizon = Horizon(len(axis), axis.hours, axis.clock[0], probabilities, axis.clock)
    inputs = Inputs(net, horizon, values, {}, set(), rows=axis.rows, prices=prices)
    if prices:
        inputs.curves = read_cost_tables(net, inputs.faults)
    elif any(len(net.get(table, ())) for table in ("poly_cost", "pwl_cost")):
        inputs.notes.append("poly_cost and pwl_cost are not read: what is possible has no price.")
    grid = read_grid(
        net,
        vm_limits=vm_limits,
        switchable_lines=switchable_lines if topology else [],
        switchable_switches=switchable_switches if topology else (),
        locked_lines=locked_lines if topology else (),
        tap_trafos=controlled_trafos(inputs),
        converters=converters,
    )
    if not topology:
        _require_radial(grid)
    inputs.node_of = grid.node_of
    inputs.dependent = {int(j) for j in np.flatnonzero((grid.z_share_p != 0) | (grid.z_share_q != 0))}
    devices = read_devices(inputs, grid, np.minimum(grid.v_max, 1.5**2))
    # a table that several readers go through is told once
    faults = list(dict.fromkeys(inputs.faults))
    if faults:
        raise InputError(faults)
    controlled = {(d.place.table, d.place.index) for d in devices if d.place.table in _POWER}
    points = operating_points(net, grid, values, controlled)
    notes = (*series.notes, *inputs.notes, *left_over_costs(inputs))
    return Study(horizon, axis, series, values, grid, devices, points, notes)


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
        "dispatch choose (switching='day')."
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
    vm_limits: tuple[float, float] | None,
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
    vm_limits : (float, float) or None
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
    topology = bool(len(switches))
    switches = decided(switches)
    lines = switches.loc[switches["element"] == "line", "index"] if topology else []
    others = switches.loc[switches["element"] != "line"] if topology else None
    return read_study(
        net,
        profiles=static,
        scenarios=ScenarioSet(probabilities, profiles, elements) if profiles else None,
        vm_limits=vm_limits,
        topology=topology,
        switchable_lines=sorted({int(i) for i in lines}),
        switchable_switches=[] if others is None else _bus_switches(others),
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


def spans_of(axis: TimeAxis, switching: str | float, cost: float, budget: int | None) -> Topology:
    """Turn ``switching`` into the periods that share switch states."""
    if switching == "fixed":
        return Topology()
    if switching == "day":
        return Topology((range(len(axis)),), cost, budget)
    if isinstance(switching, str) or not (math.isfinite(switching) and switching >= axis.hours):
        raise InputError(
            f"switching is {switching!r}; give 'fixed', 'day', or the hours of a block of the same states (at least "
            f"one period, {axis.hours:g} h)."
        )
    if axis.breaks:
        raise InputError(
            f"switching is {switching:g} h, but periods leave rows out before row {axis.rows[axis.breaks[0]]}; choose "
            "rows without gaps, or switching='day' for one set of states."
        )
    length = max(1, round(switching / axis.hours))
    spans = [range(a, min(a + length, len(axis))) for a in range(0, len(axis), length)]
    return Topology(tuple(spans), cost, budget)


def pins_of(plan: DispatchPlan, study: Study, topology: Topology) -> Pins:
    """Turn a plan's decisions into pins for another dispatch of the same horizon.

    Raises
    ------
    InputError
        If the horizons differ.
    """
    if len(plan.periods) != study.horizon.periods or plan.hours_per_period != study.horizon.hours:
        raise InputError(
            f"follow: the plan has {len(plan.periods)} periods of {plan.hours_per_period:g} h, the dispatch "
            f"{study.horizon.periods} of {study.horizon.hours:g} h; give the same horizon."
        )
    devices: dict[tuple[str, int], dict[str, float]] = {}
    for row in plan.decisions.rename(columns={"index": "element"}).itertuples(index=False):
        devices.setdefault((str(row.table), int(row.element)), {})[str(row.name)] = float(row.value)
    closed = []
    for span in topology.spans:
        states = study.grid.closed.copy()
        firsts = plan.switches["first_period"]
        rows = plan.switches[firsts == max(f for f in firsts if f <= study.series.periods[span.start])]
        after = {(e, int(i)): bool(c) for e, i, c in rows[["element", "index", "closed_after"]].itertuples(index=False)}
        for k, branch in enumerate(study.grid.branches):
            if branch.decision is not None:
                states[k] = after.get((branch.decision.element, branch.decision.index), states[k])
        closed.append(states)
    return Pins(devices, tuple(closed))


def input_table(net: pandapowerNet, study: Study, index: pd.Index) -> pd.DataFrame:
    """Tabulate the series that differ from the net or belong to a device, by (scenario, period)."""
    columns: dict[tuple[str, str, int], FloatArray] = {}
    devices = {(d.place.table, d.place.index) for d in study.devices}
    for (table, column), array in study.values.items():
        rows = net[table]
        for place, element in enumerate(rows.index):
            part = array[:, :, place]
            if np.isnan(part).all():
                continue
            given = rows[column].iloc[place] if column in rows.columns else np.nan
            if np.any(part != given) or (table, int(element)) in devices:
                columns[table, column, int(element)] = part.reshape(-1)
    frame = pd.DataFrame(columns, index=index)
    frame.columns = pd.MultiIndex.from_tuples(list(columns), names=["table", "column", "index"])
    return frame
