"""Figures of every hour at once: voltages, loadings, exactness of the model, the network in its worst hour."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.reporting import recipes, style
from adnflex.reporting.canvas import DayFigure, HeatFigure
from adnflex.reporting.canvas.heat import against_limit
from adnflex.reporting.canvas.map import MapFigure
from adnflex.reporting.dispatch.view import DispatchView, worst_recovery
from adnflex.reporting.findings import has_ratings
from adnflex.reporting.recipes import TIGHT, critical
from adnflex.reporting.views import NothingToDraw
from adnflex.results.status import NO_RECOVERY

_FLOOR = 1e-10
#: The axis of invented loss shows at least a watt [kW].
_WATT = 1e-3
_SIGNS = {
    NO_RECOVERY: ("circle", style.AFTER), "priced loss": ("square", "#E69F00"),
    "LinDistFlow cap": ("diamond", "#CC79A7"), "sequential": ("triangle-up", "#D55E00"), "exact": ("star", "#009E73"),
    "exact power flow": ("cross", "#56B4E9"),
}  # fmt: skip


def voltage(view: DispatchView) -> go.Figure:
    """Voltage of every bus (rows, along the feeders) in every period (columns) [pu].

    Colours measure where a voltage stands between the limits of its bus. With several scenarios each cell shows the
    voltage that is nearest to its limit.
    """
    if not len(view.vm_pu.columns):
        raise NothingToDraw("plan: vm_pu is empty, so there is nothing to draw; solve the dispatch again.")
    return recipes.voltages(view, view.vm_pu, view.plan.topology, view.plan.coordinates)


def loading(view: DispatchView) -> go.Figure:
    """Draw the loading of the fullest branches (rows) in every period (columns) [%], against the own limit of each.

    With several scenarios each cell shows the highest loading.
    """
    table = view.loading_percent
    if not has_ratings(table):
        raise NothingToDraw("plan: there are no loadings to draw; the net has no ratings, or placeholders.")
    branches = recipes.fullest(table)
    limit = np.full(len(branches), 100.0)
    if view.check is not None:
        known = view.check.loading_limit_percent.reindex(branches).to_numpy(dtype=float)
        limit = np.where(np.isfinite(known), known, limit)
    values = critical(table[branches], lambda loadings: loadings).T
    heat = HeatFigure(view.clock, [view.labels.of(*b) for b in branches], [f"{e} {i}" for e, i in branches])
    heat.cells(values, against_limit(values, limit), "{:.1f} %", "over its limit")
    return heat.done()


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


def exactness(view: DispatchView) -> go.Figure:
    """Largest cone gap [-] and invented loss [kW] of the plain relaxation in each period, by method of recovery.

    With several scenarios each period shows its worst one.
    """
    if view.plan.recovery.empty:
        raise NothingToDraw("plan: recovery is empty, so there is nothing to draw; solve the dispatch again.")
    table = worst_recovery(view.plan.recovery)
    day = DayFigure(view.clock, [("cone gap [–]", ""), ("invented<br>loss [kW]", "kW")], 440, shares=[0.6, 0.4],
                    barmode="overlay")  # fmt: skip
    methods = [m for m in dict.fromkeys([*_SIGNS, *table["method"]]) if (table["method"] == m).any()]
    for k, method in enumerate(methods):
        symbol, colour = _SIGNS.get(method, ("x", style.PALETTE[-1 - k % 4]))
        of = (table["method"] == method).to_numpy()
        marker = {"symbol": symbol, "color": colour, "size": 9 if len(table) <= 48 else 6}
        day.dots(0, table["gap"].clip(lower=_FLOOR), method, marker, of)
        day.bars(1, table["invented_kw"].where(of), method, colour)
    gaps_shown = table["gap"].clip(lower=_FLOOR)
    view_of = [np.log10(min(gaps_shown.min(), TIGHT)) - 0.6, np.log10(max(gaps_shown.max(), TIGHT)) + 0.9]
    day.axis(0, type="log", range=view_of, dtick=max(1, round((view_of[1] - view_of[0]) / 5)), tickfont_size=11,
             exponentformat="power")  # fmt: skip
    # A watt always is in view, so that what is nothing looks like nothing.
    day.axis(1, range=[0, 1.1 * max(float(table["invented_kw"].max()), _WATT)], exponentformat="power")
    fig = day.done()
    recipes.mark_exact(fig, TIGHT)
    return fig


def gaps(view: DispatchView) -> go.Figure:
    """Cone gap [-] of the loosest branches (rows) in every period (columns) in the plain relaxation."""
    table = view.plan.cone_gap
    if table.empty or not table.notna().to_numpy().any():
        raise NothingToDraw("plan: cone_gap is empty, so there is nothing to draw; solve the dispatch again.")
    return recipes.cone_gaps(view.clock, view.labels, table)
