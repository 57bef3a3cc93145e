"""Voltages and loadings of every hour as heat maps, and the network in its worst hour."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.grid.drawn_forest import Floats
from adnflex.reporting.canvas import HeatFigure
from adnflex.reporting.canvas.heat import against_limit, between_limits
from adnflex.reporting.canvas.map import MapFigure
from adnflex.reporting.dispatch.view import DispatchView
from adnflex.reporting.findings import has_ratings
from adnflex.reporting.page import Html, Section, bar, toggle
from adnflex.reporting.recipes import bus_order
from adnflex.reporting.text import fixed
from adnflex.reporting.views import NothingToDraw

__all__ = [
    "critical", "fullest", "loading", "loading_section", "map_section", "network", "voltage", "voltage_section",
    "worst_period",
]  # fmt: skip

_MOST_BRANCHES = 25
#: Voltages this near to their limit are at it [pu].
_ROUNDING = 1e-6


def voltage(view: DispatchView) -> go.Figure:
    """Voltage of every bus (rows, along the feeders) in every period (columns) [pu].

    Colours measure where a voltage stands between the limits of its bus. With several scenarios each cell shows the
    voltage that is nearest to its limit.
    """
    table = view.vm_pu
    order = bus_order([int(b) for b in table.columns], view.plan.topology, view.plan.coordinates)
    if not order:
        raise NothingToDraw("plan: vm_pu is empty, so there is nothing to draw; solve the dispatch again.")
    low, high = view.vm_limits(pd.Index(order))
    middle = (low.fillna(0.9).to_numpy() + high.fillna(1.1).to_numpy()) / 2
    values = critical(table[order], lambda vm: np.abs(vm - middle)).T
    heat = HeatFigure(view.clock, [view.labels.of("bus", b) for b in order], [str(b) for b in order], "bus")
    heat.cells(values, between_limits(values, low, high), "{:.4f} pu", "violated")
    return heat.done()


def voltage_section(view: DispatchView) -> Section | None:
    """Voltage heat map."""
    order = "along the feeders, the supply on top" if len(view.plan.topology) else "by index"
    source = "AC power flow" if view.check is not None else "the model, not validated"
    several = " Each cell shows the scenario that is nearest to a limit." if view.several else ""
    intro = (
        f"Voltage of every bus ({order}) by {source}: blue towards the lower limit, orange towards the upper one. "
        f"A violated limit is dark, with a white cross.{several}"
    )
    return Section("voltage", "Voltage by bus and hour", intro, [view.draw("voltage")], "Voltage")


def loading(view: DispatchView) -> go.Figure:
    """Draw the loading of the fullest branches (rows) in every period (columns) [%], against the own limit of each.

    With several scenarios each cell shows the highest loading.
    """
    table = view.loading_percent
    if not has_ratings(table):
        raise NothingToDraw("plan: there are no loadings to draw; the net has no ratings, or placeholders.")
    branches = fullest(table)
    limit = np.full(len(branches), 100.0)
    if view.check is not None:
        known = view.check.loading_limit_percent.reindex(branches).to_numpy(dtype=float)
        limit = np.where(np.isfinite(known), known, limit)
    values = critical(table[branches], lambda loadings: loadings).T
    heat = HeatFigure(view.clock, [view.labels.of(*b) for b in branches], [f"{e} {i}" for e, i in branches])
    heat.cells(values, against_limit(values, limit), "{:.1f} %", "over its limit")
    return heat.done()


def loading_section(view: DispatchView) -> Section:
    """Draw the loading heat map; nothing where there are no ratings."""
    count = len(view.loading_percent.columns)
    which = f"the {_MOST_BRANCHES} fullest of {count} branches" if count > _MOST_BRANCHES else f"all {count} branches"
    intro = f"Loading of {which}, the fullest on top; an overload is dark, with a white cross."
    return Section("loading", "Loading of lines and transformers", intro, [view.draw("loading")], "Loading")


def critical(table: pd.DataFrame, badness: Any) -> Floats:
    """Values by period and column; of several scenarios, of each cell the worst."""
    values = np.asarray(table.to_numpy(dtype=float))
    if table.index.nlevels == 1:
        return values
    count = table.index.get_level_values("scenario").nunique()
    stacked = values.reshape(count, -1, values.shape[1])
    order = np.nan_to_num(np.asarray(badness(stacked), dtype=float), nan=-math.inf).argmax(axis=0)
    return np.asarray(np.take_along_axis(stacked, order[None], axis=0)[0])


def fullest(table: pd.DataFrame) -> pd.MultiIndex:
    """Columns with the highest values, the highest first, at most twenty-five."""
    highest = table.max(axis=0).astype(float).dropna().sort_values(ascending=False, kind="stable")
    return highest.index[:_MOST_BRANCHES]


# The network in its worst hour --------------------------------------------------------------------------------


def worst_period(view: DispatchView) -> tuple[int, int, float]:
    """Period and scenario in which a voltage is nearest to its limit, and how near [pu] (negative: beyond it).

    Where no limit is known, the period with the largest distance from 1 pu, and NaN.
    """
    table = view.vm_pu.astype(float)
    low, high = view.vm_limits(table.columns)
    room = np.fmin(table - low, high - table).min(axis=1)
    limited = bool(room.notna().any())
    if not limited:
        room = -(table - 1).abs().max(axis=1)
    key = room.idxmin()
    scenario, period = key if table.index.nlevels > 1 else (view.plan.scenarios.index[0], key)
    return int(period), int(scenario), float(room.min()) if limited else math.nan


def network(view: DispatchView, period: int | None = None, scenario: int | None = None) -> go.Figure:
    """Map of the network in one period; by default where a voltage is nearest to its limit."""
    plan = view.plan
    worst = worst_period(view)
    period, scenario = worst[0] if period is None else period, worst[1] if scenario is None else scenario
    vm = plan.of(view.vm_pu, scenario).loc[period].astype(float)
    low, high = view.vm_limits(vm.index)
    voltages = pd.DataFrame({"vm_after_pu": vm, "vm_min_pu": low, "vm_max_pu": high})
    loadings = None
    if len(view.loading_percent.columns):
        found = plan.of(view.loading_percent, scenario).loc[period].astype(float)
        keys = {"element": found.index.get_level_values(0), "index": found.index.get_level_values(1)}
        loadings = pd.DataFrame(keys).assign(loading_percent=found.to_numpy())
    return MapFigure(_topology(view, period), plan.coordinates, "after", voltages, loadings).done()


def _topology(view: DispatchView, period: int) -> pd.DataFrame:
    """Branches as they stand in a period; what is switched between blocks is no change within it."""
    plan = view.plan
    if not len(plan.topology):
        return plan.topology
    closed = plan.topology["closed_after"].astype(bool)
    if {"element", "index", "closed_after", "first_period"} <= set(plan.switches.columns):
        begun = plan.switches[plan.switches["first_period"] <= period].sort_values("first_period", kind="stable")
        now = begun.drop_duplicates(["element", "index"], keep="last").set_index(["element", "index"])["closed_after"]
        found = now.reindex(pd.MultiIndex.from_frame(plan.topology[["element", "index"]])).set_axis(closed.index)
        closed = found.where(found.notna(), closed).astype(bool)
    return plan.topology.assign(closed_before=closed, closed_after=closed)


def map_section(view: DispatchView) -> Section:
    """Map of the network in its worst hour; nothing where the plan carries no map."""
    period, scenario, margin = worst_period(view)
    of = f", scenario {scenario}" if view.several else ""
    room = f" ({_room(margin)})" if math.isfinite(margin) else ""
    intro = (
        f"{view.clock.text(period)}{of}, when a voltage is nearest to its limit{room}. Point at a bus or at the "
        "middle of a branch for its numbers."
    )
    blocks: list[Html] = []
    if has_ratings(view.loading_percent):
        blocks.append(bar(toggle(f"network{view.suffix}", ["voltage", "loading"], "Colour by")))
    return Section(
        "network", "The network in its worst hour", intro, [*blocks, view.draw("network", "", "network")], "Network"
    )


def _room(margin: float) -> str:
    """Say how near a voltage is to its limit; what is within rounding is at it."""
    if abs(margin) <= _ROUNDING:
        return "it is at it"
    return f"{fixed(abs(margin), 4, 'pu')} {'inside' if margin > 0 else 'BEYOND'} it"
