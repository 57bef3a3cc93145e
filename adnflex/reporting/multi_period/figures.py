"""Figures of a plan for many periods: maps, loss duration, voltages and loadings by hour, value of switching."""

from __future__ import annotations

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.reporting import recipes, style
from adnflex.reporting.canvas.map import MapFigure
from adnflex.reporting.multi_period.view import PeriodsView
from adnflex.reporting.views import NothingToDraw

_HOURS_A_DAY = 24.0


def network(view: PeriodsView, first: int | None = None) -> go.Figure:
    """Map of the network with the states from a period on, by default the first of the plan."""
    if not view.has_map:
        raise NothingToDraw("plan: it carries no map.")
    label = int(view.plan.topologies.index[0]) if first is None else first
    voltages = pd.DataFrame(index=view.plan.coordinates.index, columns=["vm_after_pu"], dtype=float)
    branches = pd.DataFrame(columns=["element", "index", "loading_percent", "loss_mw"])
    return MapFigure(view.topology(label), view.plan.coordinates, "after", voltages, branches).done("voltage", False)


def duration(view: PeriodsView) -> go.Figure:
    """Losses of all periods, the largest first [kW]: present states, best ones of the peak hour, the plan."""
    table = view.plan.periods
    hours = float(table["weight"].sum()) * view.plan.hours_per_period
    fig = style.figure(360)
    for column, name, colour, dash in (
        ("loss_before_mw", "present states", style.BEFORE, "solid"),
        ("loss_peak_mw", "best of the peak hour", style.MUTED, "dot"),
        ("loss_mw", "plan", style.AFTER, "solid"),
    ):
        part = table[[column, "weight"]].dropna().sort_values(column, ascending=False, kind="stable")
        if part.empty:
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
    table, step = view.plan.periods, view.plan.hours_per_period
    values = table[column].to_numpy(dtype=float) if column in table else np.full(len(table), np.nan)
    if not np.isfinite(values).any():
        raise NothingToDraw(f"plan: {column} is not known.")
    a_day = max(1, round(_HOURS_A_DAY / step))
    days = -(-len(values) // a_day)
    grid = np.full(days * a_day, np.nan)
    grid[: len(values)] = values
    fig = style.figure(300)
    told = {"vm_min_pu": "lowest voltage [pu]", "vm_max_pu": "highest voltage [pu]"}
    title = told.get(column, "highest loading [%]")
    fig.add_heatmap(
        z=grid.reshape(days, a_day).T, y=np.arange(a_day) * step, x=np.arange(days), colorbar={"title": title}
    )
    fig.update_xaxes(title_text="day", tickformat="d", dtick=max(1, days // 10))
    fig.update_yaxes(title_text="hour [h]")
    return fig


def value_of_switching(view: PeriodsView) -> go.Figure:
    """Draw what so many operations save, in the unit of the objective, and what is proven that none can exceed."""
    table = view.plan.value_of_switching
    if table.empty:
        raise NothingToDraw("plan: the value of switching is not known.")
    fig = style.figure(320)
    saved = table["saving"].astype(float)
    fig.add_scatter(x=table.index, y=saved, mode="lines+markers", name="found", line={"color": style.AFTER})
    most = table["saving_at_most"].astype(float)
    most = most[np.isfinite(most)]
    if len(most):
        fig.add_scatter(x=most.index, y=most, mode="lines", name="no more than (proven)", line={"color": style.MUTED})
    fig.update_xaxes(title_text="switching operations over the horizon, at most")
    fig.update_yaxes(title_text=f"saved [{view.plan.unit}]")
    return fig


def progress(view: PeriodsView) -> go.Figure:
    """Best plan known and proven bound against time."""
    return recipes.solver_progress(view.plan, str(view.plan.options["objective"]), view.plan.unit)
