"""Figures of a plan for many periods: maps, losses, calendars, what is open when, what switching saves."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.arrays import FloatArray
from adnflex.reporting import page, recipes, style
from adnflex.reporting.canvas.calendar import Calendar
from adnflex.reporting.canvas.map import MapFigure
from adnflex.reporting.findings import has_ratings
from adnflex.reporting.multi_period.view import PeriodsView
from adnflex.reporting.views import NothingToDraw

# Columns of the table of periods, as they are told.
_TOLD = {
    "vm_min_pu": ("lowest voltage", "pu"),
    "vm_max_pu": ("highest voltage", "pu"),
    "loading_percent": ("highest loading", "%"),
}
_LIMITS = {"vm_min_pu": "voltage low", "vm_max_pu": "voltage high", "loading_percent": "loading"}


def network(view: PeriodsView, first: int | None = None) -> go.Figure:
    """Map of the network with the states from a period on, by default the first of the plan."""
    if not view.has_map:
        raise NothingToDraw("plan: it carries no map.")
    label = int(view.plan.topologies.index[0]) if first is None else first
    voltages = pd.DataFrame(index=view.plan.coordinates.index, columns=["vm_after_pu"], dtype=float)
    branches = pd.DataFrame(columns=["element", "index", "loading_percent", "loss_mw"])
    return MapFigure(view.topology(label), view.plan.coordinates, "after", voltages, branches).done("supply")


def duration(view: PeriodsView) -> go.Figure:
    """Losses of all periods, the largest first [kW]: present states, best ones of the peak hour, the plan."""
    table = view.plan.periods
    hours = float(table["weight"].sum()) * view.plan.hours_per_period
    fig = style.figure(360)
    same = table["loss_peak_mw"].equals(table["loss_before_mw"])
    for column, name, colour, dash in (
        ("loss_before_mw", "present states" + (", best of the peak hour too" if same else ""), style.BEFORE, "solid"),
        ("loss_peak_mw", "best of the peak hour", style.BOUND, "dot"),
        ("loss_mw", "plan", style.AFTER, "solid"),
    ):
        part = table[[column, "weight"]].dropna().sort_values(column, ascending=False, kind="stable")
        if part.empty or (same and column == "loss_peak_mw"):
            continue
        spent = np.cumsum(part["weight"].to_numpy(dtype=float)) * view.plan.hours_per_period
        # each value holds until its hours are over
        x, y = np.concatenate([[0.0], spent]), part[column].to_numpy(dtype=float)[[0, *range(len(part))]] * 1e3
        fig.add_scatter(x=x, y=y, mode="lines", name=name, line={"color": colour, "dash": dash, "shape": "vh"})
    fig.update_xaxes(title_text="hours with at least these losses [h]", range=[0, hours])
    fig.update_yaxes(title_text="losses [kW]", rangemode="tozero")
    return fig


def heat(view: PeriodsView, column: str = "vm_min_pu") -> go.Figure:
    """Lowest voltage [pu], highest voltage or highest loading [%] of every period, by day and hour of the day."""
    calendar, values = _calendar(view), _values(view, column)
    name, unit = _TOLD[column]
    scale = style.LOADING_SCALE if column == "loading_percent" else style.VOLTAGE_SCALE
    # low voltages are dark, so are high loadings: what is near its limit is what the eye finds
    if column == "vm_max_pu":
        scale = scale[::-1]
    bar = style.colour_bar(f"{name} [{unit}]{_limit_words(view, column)}") | {"len": 0.7}
    beyond = view.plan.periods["violation"].to_numpy(dtype=float)
    return calendar.heat(values, unit, beyond, colorscale=scale, colorbar=bar)


def voltage(view: PeriodsView) -> go.Figure:
    """Lowest and highest voltage of a few days, with the limits that are nearest [pu]."""
    calendar = _calendar(view)
    shown = {"highest": (_values(view, "vm_max_pu"), style.AFTER, "solid"),
             "lowest": (_values(view, "vm_min_pu"), style.PALETTE[3], "solid")}  # fmt: skip
    for column in ("vm_max_pu", "vm_min_pu"):
        limit = _limit(view, column)
        if limit is not None:
            name = "upper limit" if column == "vm_max_pu" else "lower limit"
            shown[name] = (np.full(len(calendar.begins), limit), style.LIMIT, "dot")
    return calendar.lines(shown, "voltage [pu]")


def loading(view: PeriodsView) -> go.Figure:
    """Highest loading [%], of a few days as a line, of more by day and hour of the day."""
    if not few_days(view):
        return heat(view, "loading_percent")
    values = _values(view, "loading_percent")
    return _calendar(view).lines({"highest loading": (values, style.AFTER, "solid")}, "highest loading [%]")


def few_days(view: PeriodsView) -> bool:
    """Whether lines show more than calendars."""
    return _calendar(view).few


def _calendar(view: PeriodsView) -> Calendar:
    if view.plan.situations:
        raise NothingToDraw("plan: its periods are named situations, which have no calendar.")
    return Calendar(view.plan.periods["begins"].astype(str).tolist(), view.plan.hours_per_period)


def _values(view: PeriodsView, column: str) -> FloatArray:
    table = view.plan.periods
    values = table[column].to_numpy(dtype=float) if column in table else np.full(len(table), np.nan)
    if not np.isfinite(values).any():
        raise NothingToDraw(f"plan: {column} is not known.")
    if column == "loading_percent" and not has_ratings(table[column]):
        raise NothingToDraw("plan: no branch is loaded above a few percent, so that its ratings are placeholders.")
    return values


def _limit(view: PeriodsView, column: str) -> float | None:
    """Return the limit of the kind where it is nearest; None where there is none."""
    critical = view.plan.critical_periods
    mine = critical[critical["kind"] == _LIMITS[column]]
    return float(mine["limit"].iloc[0]) if len(mine) else None


def _limit_words(view: PeriodsView, column: str) -> str:
    limit = _limit(view, column)
    return "" if limit is None or column == "loading_percent" else f", limit {limit:.4g}"


def open_branches(view: PeriodsView) -> go.Figure:
    """Which branches are open when: those that are not the same in all topologies."""
    states = view.states()
    changing = states[states.nunique(axis=1) > 1]
    if changing.empty:
        raise NothingToDraw("plan: it has one topology, so that nothing changes.")
    begins = [view.period(first) for first in states.columns]
    ends, title = _edges(view)
    names = [view.labels.of(element, int(index)) for element, index in changing.index]
    fig = style.figure(max(180, 110 + 26 * len(names)), hovermode="closest", margin={"l": 90})
    told = np.array(begins, dtype=object)[None, :].repeat(len(names), axis=0)
    fig.add_heatmap(
        x=ends, y=[page.escape(name) for name in names], zmin=0, zmax=1,
        z=(~changing.to_numpy(dtype=bool)).astype(float),
        colorscale=[[0, style.pale(style.CLOSED_BY_PLAN)], [1, style.OPENED_BY_PLAN]], showscale=False, ygap=3, xgap=1,
        customdata=told, hovertemplate="%{y}, from %{customdata}<extra></extra>",
    )  # fmt: skip
    for name, colour in (("open", style.OPENED_BY_PLAN), ("closed", style.pale(style.CLOSED_BY_PLAN))):
        marker = {"symbol": "square", "size": 11, "color": colour}
        fig.add_scatter(x=[None], y=[names[0]], mode="markers", name=name, marker=marker, showlegend=True)
    dated = {} if title else {"type": "date", "tickformat": "%-d %b\n%H:%M" if few_days(view) else "%-d %b\n%Y"}
    fig.update_xaxes(**dated, title_text=title or None, range=[ends[0], ends[-1]], showgrid=False)
    fig.update_yaxes(type="category", autorange="reversed", showgrid=False)
    return fig


def _edges(view: PeriodsView) -> tuple[Any, str]:
    """Return where topologies begin and the last ends; the title of that axis where there are no dates."""
    table, times = view.plan.topologies, None if view.plan.situations else _calendar(view).times
    if times is None:
        hours = np.concatenate([[0.0], np.cumsum(table["hours"].to_numpy(dtype=float))])
        return hours, "hours since the beginning [h]"
    places = view.plan.periods.index.get_indexer(table.index)
    return [*times[places], times[-1] + pd.Timedelta(hours=view.plan.hours_per_period)], ""


def value_of_switching(view: PeriodsView) -> go.Figure:
    """Draw what so many operations save, in the unit of the objective, and what is proven that none can exceed."""
    table = view.plan.value_of_switching
    if table.empty:
        raise NothingToDraw("plan: the value of switching is not known.")
    fig = style.figure(340, hovermode="x unified")
    at = table.index.to_numpy(dtype=float)
    saved = table["saving"].to_numpy(dtype=float)
    # losses cannot be below 0: a bound of that says nothing
    bound = table["bound"].to_numpy(dtype=float)
    most = np.where(np.isfinite(bound) & (bound > 0), table["saving_at_most"].to_numpy(dtype=float), np.nan)
    unit = view.plan.unit
    known = bool(np.isfinite(most).sum() > 1)
    if known:
        fig.add_scatter(x=at, y=most, mode="lines", name="saved at most (proven)", connectgaps=False,
                        line={"color": style.BOUND, "width": 1.5, "dash": "dot", "shape": "hv"},
                        hovertemplate=f"at most %{{y:.5g}} {unit}<extra></extra>")  # fmt: skip
    filled = {"fill": "tonexty", "fillcolor": style.pale(style.BOUND)} if known and np.isfinite(most).all() else {}
    fig.add_scatter(x=at, y=saved, mode="lines+markers", name="saved by the best plan found", **filled,
                    line={"color": style.AFTER, "width": 2, "shape": "hv"},
                    hovertemplate=f"found %{{y:.5g}} {unit}<extra></extra>")  # fmt: skip
    fig.update_xaxes(title_text="switching operations over the horizon, at most", rangemode="tozero")
    fig.update_yaxes(title_text=f"saved [{unit}]", rangemode="tozero")
    return fig


def progress(view: PeriodsView) -> go.Figure:
    """Best plan known and proven bound against time."""
    return recipes.solver_progress(view.plan, str(view.plan.options["objective"]), view.plan.unit)
