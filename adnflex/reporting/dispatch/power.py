"""Figures of currents and loads: currents by branch and hour also without ratings, loads by bus and hour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.arrays import FloatArray
from adnflex.reporting import page, style
from adnflex.reporting.canvas import DayFigure, HeatFigure
from adnflex.reporting.canvas.day import nth
from adnflex.reporting.canvas.heat import Shade
from adnflex.reporting.dispatch.readings import carrying, voltage_spread
from adnflex.reporting.dispatch.view import DispatchView
from adnflex.reporting.recipes import bus_order, critical
from adnflex.reporting.views import NothingToDraw

#: Branches and buses of a heat map: those with the largest values.
_MOST_ROWS = 60
_KILO = 1e3


def branch_currents(view: DispatchView) -> go.Figure:
    """Draw the current of every branch (rows) in every period (columns) [A]; of several scenarios the largest."""
    table = carrying(view)
    if not len(table.columns):
        raise NothingToDraw("plan: there are no currents to draw; make the plan again.")
    values = critical(table, lambda current: current).T
    chosen = _largest(values)
    names = [view.labels.of(*table.columns[k]) for k in chosen]
    ticks = [f"{e} {i}" for e, i in (table.columns[k] for k in chosen)]
    return _map(view, values[chosen], names, ticks, "current [A]", "{:.4g} A")


def loads(view: DispatchView) -> go.Figure:
    """Active power that loads draw at each bus (rows) in every period (columns) [kW], expected."""
    return _loads(view, view.plan.load_mw, "load [kW]", "{:.4g} kW")


def reactive_loads(view: DispatchView) -> go.Figure:
    """Reactive power that loads draw at each bus (rows) in every period (columns) [kvar], expected."""
    return _loads(view, view.plan.load_mvar, "reactive load [kvar]", "{:.4g} kvar")


def _loads(view: DispatchView, table: pd.DataFrame, title: str, form: str) -> go.Figure:
    if not len(table.columns):
        raise NothingToDraw("plan: there are no loads, so there is nothing to draw.")
    known = view.expected(table)
    order = bus_order([int(b) for b in known.columns], view.plan.topology, view.plan.coordinates)
    values = _KILO * known[order].to_numpy(dtype=float).T
    chosen = _largest(values)
    names = [view.labels.of("bus", order[k]) for k in chosen]
    return _map(view, values[chosen], names, [str(order[k]) for k in chosen], title, form)


def _largest(values: FloatArray) -> list[int]:
    """Rows with the largest values, in their order."""
    size = np.nanmax(np.abs(values), axis=1)
    return sorted(np.argsort(-size, kind="stable")[:_MOST_ROWS].tolist())


def _map(
    view: DispatchView, values: FloatArray, names: Sequence[str], ticks: Sequence[str], title: str, form: str
) -> go.Figure:
    heat = HeatFigure(view.clock, names, ticks)
    low, top = min(0.0, float(np.nanmin(values))), float(np.nanmax(values))
    stops = [[k / (len(style.LOADING_SCALE) - 1), c] for k, c in enumerate(style.LOADING_SCALE)]
    marked = np.zeros(values.shape, dtype=bool)
    heat.cells(values, Shade(values, (low, top or 1.0), stops, marked, style.colour_bar(title)), form)
    return heat.done()


# Studies side by side -----------------------------------------------------------------------------------------


def study_currents(views: Sequence[DispatchView]) -> go.Figure:
    """Largest and mean current of each branch over the periods [A], of several studies."""
    tables = [carrying(view) for view in views]
    branches = list(dict.fromkeys(c for table in tables for c in table.columns))
    if not branches:
        raise NothingToDraw("plan: there are no currents to draw; make the plans again.")
    names = [page.escape(views[0].labels.of(*b)) for b in branches]
    ticks = [page.escape(f"{e} {i}") for e, i in branches]
    fig = style.figure(420, hovermode="closest")
    for k, (view, table) in enumerate(zip(views, tables, strict=True)):
        colour = style.MUTED if k == 0 else style.PALETTE[(k - 1) % len(style.PALETTE)]
        known = table.reindex(columns=branches)
        for what, values, dash in (
            ("largest", known.max(axis=0), "solid"),
            ("mean", view.expected(known).mean(axis=0), "dot"),
        ):
            fig.add_scatter(
                x=ticks, y=values.to_numpy(dtype=float), name=page.escape(f"{view.name}, {what}"), mode="lines",
                line={"color": colour, "dash": dash, "width": 2}, customdata=names,
                hovertemplate="%{customdata}: %{y:.4g} A<extra>%{fullData.name}</extra>",
            )  # fmt: skip
    fig.update_xaxes(title_text="branch", type="category", nticks=20)
    fig.update_yaxes(title_text="current [A]", rangemode="tozero")
    return fig


def study_voltages(views: Sequence[DispatchView]) -> go.Figure:
    """Peak-valley difference of the voltage over the buses by period, and of each bus over the periods [%]."""
    first = views[0]
    heads = ["highest less lowest voltage of the buses, by period"]
    day = DayFigure(first.clock, [("difference [%]", "%")], 320, heads)
    for k, view in enumerate(views):
        look = {**nth(max(k - 1, 0)), **({"color": style.MUTED} if k == 0 else {}), "width": 2.2}
        table = view.vm_pu.astype(float)
        apart = 100 * (table.max(axis=1) - table.min(axis=1)).to_frame("apart")
        day.clock = view.clock
        day.stairs(0, view.expected(apart)["apart"], f"{view.name} (largest {voltage_spread(view).period:.2f} %)", look)
    day.clock = first.clock
    day.axis(0, rangemode="tozero")
    return day.done()


def bus_voltages(views: Sequence[DispatchView]) -> go.Figure:
    """Lowest, mean and highest voltage of each bus over the periods [pu], of several studies."""
    first = views[0]
    order = bus_order([int(b) for b in first.vm_pu.columns], first.plan.topology, first.plan.coordinates)
    ticks = [str(b) for b in order]
    names = [page.escape(first.labels.of("bus", b)) for b in order]
    fig = style.figure(420, hovermode="closest")
    for k, view in enumerate(views):
        colour = style.MUTED if k == 0 else style.PALETTE[(k - 1) % len(style.PALETTE)]
        table = view.vm_pu.astype(float).reindex(columns=order)
        for what, values, fill in (("lowest", table.min(), None), ("highest", table.max(), "tonexty")):
            fig.add_scatter(
                x=ticks, y=values.to_numpy(dtype=float), name=page.escape(view.name), mode="lines", fill=fill,
                fillcolor=style.pale(colour, 0.15), line={"color": colour, "width": 1.6}, showlegend=fill is not None,
                legendgroup=page.escape(view.name), customdata=names,
                hovertemplate=f"%{{customdata}}, {what}: %{{y:.4f}} pu<extra>%{{fullData.name}}</extra>",
            )  # fmt: skip
    fig.update_xaxes(title_text="bus, along the feeders", type="category", nticks=20)
    fig.update_yaxes(title_text="voltage over the day [pu]", tickformat=".3~f")
    return fig
