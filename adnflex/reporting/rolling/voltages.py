"""Voltages before and after the second stage, and the reactive power that makes the difference."""

from __future__ import annotations

import math
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandapower import pandapowerNet
from plotly import graph_objects as go

from adnflex.errors import InputError
from adnflex.reporting import style
from adnflex.reporting.layout import drawing_tables
from adnflex.reporting.recipes import bus_order
from adnflex.reporting.rolling.inputs import clock_of, require_check, require_run, voltage_limits
from adnflex.results.rolling import RollingCheck, RollingRun

__all__ = ["has_voltages", "reactive_figure", "voltage_figure", "voltage_heat_figure"]

Floats = npt.NDArray[np.float64]

#: Voltage this far beyond its limit is rounding [pu].
_FORGIVEN = 1e-6
#: Where no limit is known, colours end here [pu].
_NO_LIMITS = (0.9, 1.1)
_MOST_LABELS, _MOST = 34, 7
_NOTHING = 1e-6
#: Low blue, middle nearly white, high orange; beyond the limits a dark tone that occurs nowhere else.
_SCALE = ["#2b6cb0", "#8db7dc", "#f4f4f2", "#f3b36b", "#d1700b"]
_TOO_LOW, _TOO_HIGH = "#1d0a52", "#7a0a1e"
#: The colour bar goes this far beyond the limits, in half widths of the allowed band.
_BEYOND = 1.25


def has_voltages(run: RollingRun, check: RollingCheck | None = None) -> bool:
    """Whether there are voltages to draw."""
    return not all(table.empty for table in _states(run, check))


def voltage_figure(run: RollingRun, check: RollingCheck | None = None, net: pandapowerNet | None = None) -> go.Figure:
    """Lowest and highest voltage of any bus by hour [pu], with the second stage and without, and the limits.

    Parameters
    ----------
    run : RollingRun
        The day.
    check : RollingCheck, optional
        Its AC check; without one the voltages are those of the expected hours, with the second stage only.
    net : pandapowerNet, optional
        The net of the case, for the limits of all buses.

    Returns
    -------
    plotly.graph_objects.Figure
        One band a state.

    Raises
    ------
    InputError
        If the argument is no run, or there are no voltages.

    Examples
    --------
    >>> from adnflex.reporting.rolling._example import example
    >>> run, _, check = example()
    >>> [trace.name for trace in voltage_figure(run, check).data if trace.showlegend]
    ['without stage two', 'with stage two', 'limit']
    """
    require_run(run)
    after, before = _states(run, check)
    if after.empty and before.empty:
        raise InputError("run: has no voltages, so there is nothing to draw; give it a second stage, or its AC check.")
    clock = clock_of(run)
    fig = style.figure(380, showlegend=True)
    states = (
        ("without stage two", before, style.MUTED, "dash"),
        ("with stage two", after, style.AFTER, "solid"),
    )
    for name, table, tint, dash in states:
        if table.empty:
            continue
        rows = table.reindex(run.actions.index).astype(float)
        ends = (rows.min(axis=1), rows.max(axis=1))
        places = [_where(rows, low) for low in (True, False)]
        for k, values in enumerate(ends):
            x, y = clock.stairs(values)
            fig.add_trace(
                go.Scatter(
                    x=x, y=y, mode="lines", name=name, legendgroup=name, showlegend=k == 1,
                    line={"color": tint, "width": 2.4, "dash": dash, "shape": "hv"},
                    fill="tonexty" if k else None, fillcolor=style.pale(tint, 0.12),
                    customdata=[[t, p] for t, p in zip([*clock.texts, clock.texts[-1]],
                                                       [*places[k], places[k][-1]], strict=True)],
                    hovertemplate=(
                        f"%{{customdata[0]}}<br>{name}, {'highest' if k else 'lowest'}: %{{y:.4f}} pu at "
                        "%{customdata[1]}<extra></extra>"
                    ),
                )
            )  # fmt: skip
    low, high = voltage_limits(check, net, (before if after.empty else after).columns)
    told = True
    for limit in (low.max(), high.min()):
        if math.isfinite(limit):
            fig.add_trace(
                go.Scatter(
                    x=clock.edges[[0, -1]], y=[limit] * 2, mode="lines", name="limit", showlegend=told,
                    line={"color": style.LIMIT, "dash": "dot", "width": 2},
                    hovertemplate="limit %{y:.4g} pu<extra></extra>",
                )
            )  # fmt: skip
            told = False
    fig.update_xaxes(**clock.axis())
    fig.update_yaxes(title_text="voltage [pu]", tickformat=".3~f")
    return fig


def voltage_heat_figure(
    run: RollingRun, check: RollingCheck | None = None, net: pandapowerNet | None = None, *, without: bool = False
) -> go.Figure:
    """Voltage of every bus (rows) in every hour (columns) [pu]: colour measures it between the limits of its bus.

    Parameters
    ----------
    run : RollingRun
        The day.
    check : RollingCheck, optional
        Its AC check.
    net : pandapowerNet, optional
        The net of the case: buses then follow the feeders, otherwise their index.
    without : bool
        Draw the voltages without the second stage.

    Returns
    -------
    plotly.graph_objects.Figure
        One heat map; what is outside its limits is dark, with a white cross.

    Raises
    ------
    InputError
        If the argument is no run, or there are no such voltages.

    Examples
    --------
    >>> from adnflex.reporting.rolling._example import example
    >>> run, _, check = example()
    >>> voltage_heat_figure(run, check).data[0].z.shape
    (33, 24)
    """
    require_run(run)
    table = _states(run, check)[int(without)]
    if table.empty:
        which = "without" if without else "with"
        raise InputError(f"check: has no voltages {which} stage two, so there is nothing to draw; validate the run.")
    order = _order([int(b) for b in table.columns], net)
    clock = clock_of(run)
    low, high = voltage_limits(check, net, pd.Index(order))
    ends = low.fillna(_NO_LIMITS[0]).to_numpy(), high.fillna(_NO_LIMITS[1]).to_numpy()
    middle, half = (ends[0] + ends[1]) / 2, np.maximum((ends[1] - ends[0]) / 2, 1e-9)
    values = table[order].reindex(run.actions.index).to_numpy(dtype=float)
    with np.errstate(invalid="ignore"):
        marked = (values < low.to_numpy() - _FORGIVEN) | (values > high.to_numpy() + _FORGIVEN)
    shade = np.clip((values - middle) / half, -_BEYOND, _BEYOND)
    labels = [str(b) for b in order]
    fig = style.figure(int(130 + 13 * len(order)), showlegend=False)
    fig.add_trace(
        go.Heatmap(
            x=clock.middles, y=labels, z=shade.T, zmin=-_BEYOND, zmax=_BEYOND, colorscale=_colours(),
            customdata=np.dstack([np.broadcast_to(np.array(clock.texts, dtype=object), values.T.shape), values.T]),
            hovertemplate="bus %{y}, %{customdata[0]}<br>%{customdata[1]:.4f} pu<extra></extra>",
            colorbar=style.colour_bar("voltage [pu]")
            | {"tickvals": [-1.0, 0.0, 1.0], "ticktext": _ticks(ends), "len": 0.6, "x": 0.98},
        )
    )  # fmt: skip
    hours, rows = np.nonzero(marked)
    if len(rows):
        fig.add_trace(
            go.Scatter(
                x=clock.middles[hours], y=[labels[r] for r in rows], mode="markers", hoverinfo="skip",
                marker={"symbol": "x-thin", "size": 5, "line": {"color": "white", "width": 1.2}},
            )
        )  # fmt: skip
    fig.update_xaxes(**clock.axis(), showgrid=False)
    fig.update_yaxes(autorange="reversed", type="category", ticks="", showgrid=False, title_text="bus")
    every = max(1, math.ceil(len(labels) / _MOST_LABELS))
    fig.update_yaxes(tickvals=labels[::every], tickfont={"size": 10})
    return fig


def reactive_figure(run: RollingRun, net: pandapowerNet | None = None) -> go.Figure:
    """Reactive power that the second stage has each source feed in by hour [Mvar]; drawing is negative.

    Parameters
    ----------
    run : RollingRun
        The day.
    net : pandapowerNet, optional
        The net of the case, for the names of its sources.

    Returns
    -------
    plotly.graph_objects.Figure
        Stacked bars; more than seven sources are drawn by their largest values, the others as their sum.

    Raises
    ------
    InputError
        If the argument is no run, or it has no reactive power.

    Examples
    --------
    >>> from adnflex.reporting.rolling._example import example
    >>> [trace.name for trace in reactive_figure(example()[0]).data]
    ['source 6', 'source 7', 'source 8']
    """
    table = require_run(run).reactive
    if table.empty or not len(table.columns):
        raise InputError("run: reactive is empty, so there is nothing to draw; the run has no second stage.")
    table = table.astype(float).fillna(0.0)
    order = table.abs().max().sort_values(ascending=False, kind="stable").index
    shown = {_source(k, net): table[k] for k in table.columns if k in set(order[:_MOST])}
    if len(order) > _MOST:
        shown[f"{len(order) - _MOST} others"] = table[order[_MOST:]].sum(axis=1)
    clock = clock_of(run)
    fig = style.figure(340, barmode="relative", bargap=0, showlegend=True)
    for k, (label, values) in enumerate(shown.items()):
        fig.add_trace(
            go.Bar(
                x=clock.middles, y=values.to_numpy(dtype=float), name=escape(label), customdata=clock.texts,
                width=np.full(len(values), 0.86), marker={"color": style.PALETTE[k % len(style.PALETTE)]},
                hovertemplate=f"<b>{escape(label)}</b><br>%{{customdata}}: %{{y:.4g}} Mvar<extra></extra>",
            )
        )  # fmt: skip
    fig.update_xaxes(**clock.axis())
    fig.update_yaxes(title_text="fed in (+)<br>drawn (−) [Mvar]", zeroline=True, zerolinecolor=style.INK)
    return fig


# Pieces -------------------------------------------------------------------------------------------------------


def _states(run: RollingRun, check: RollingCheck | None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Voltages with the second stage and without; without one, or without a check, one of them is empty."""
    known = require_check(check)
    if known is None:
        return run.vm_pu, pd.DataFrame()
    return (known.vm_pu if len(run.reactive.columns) else pd.DataFrame()), known.vm_without_pu


def _where(rows: pd.DataFrame, lowest: bool) -> list[str]:
    """Bus with the lowest or highest voltage of each hour."""
    found = []
    for _, row in rows.iterrows():
        known = row.dropna()
        found.append(f"bus {known.idxmin() if lowest else known.idxmax()}" if len(known) else "no bus")
    return found


def _order(buses: list[int], net: pandapowerNet | None) -> list[int]:
    """Buses along the feeders; without a net by index."""
    if net is None:
        return sorted(buses)
    return bus_order(buses, *drawing_tables(net))


def _source(index: object, net: pandapowerNet | None) -> str:
    name = "" if net is None or index not in net.sgen.index else net.sgen.at[index, "name"]
    told = "" if name is None or name != name else str(name).strip()
    return f"source {index}" + (f" “{told}”" if told else "")


def _colours() -> list[list[Any]]:
    """Colours between the limits, and a dark one on each side beyond them."""
    edge = (1 - 1 / _BEYOND) / 2
    inner = [[edge + (1 - 2 * edge) * k / (len(_SCALE) - 1), c] for k, c in enumerate(_SCALE)]
    return [[0.0, _TOO_LOW], [edge, _TOO_LOW], *inner, [1 - edge, _TOO_HIGH], [1.0, _TOO_HIGH]]


def _ticks(ends: tuple[Floats, Floats]) -> list[str]:
    """Limits as numbers where all buses share them."""
    shared = [np.ptp(e) < 1e-9 for e in ends]
    low, high = (f"{e[0]:.4g}" if one else "limit" for e, one in zip(ends, shared, strict=True))
    middle = f"{(ends[0][0] + ends[1][0]) / 2:.4g}" if all(shared) else "middle"
    return [low, middle, high]
