"""A day hour by hour: where power comes from and goes, storages, vehicles, what the nodes exchange."""

from __future__ import annotations

from html import escape
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.errors import InputError
from adnflex.reporting import style
from adnflex.reporting.clock import Clock
from adnflex.reporting.rolling.inputs import Study, clock_of, quantity, require_run, values_of
from adnflex.results.rolling import RollingRun

__all__ = ["balance_figure", "exchange_figure", "prices_of", "storage_figure", "vehicle_figure"]

#: Power below this is rounding [MW].
_NOTHING = 1e-6
#: More storages than this are drawn as their sum.
_MOST = 6
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
#: Given blue, received orange, nothing nearly white.
_EXCHANGE = [[0.0, "#2b6cb0"], [0.35, "#8db7dc"], [0.5, "#f7f7f5"], [0.65, "#f3b36b"], [1.0, "#d1700b"]]


def balance_figure(run: RollingRun) -> go.Figure:
    """Power of all nodes together by hour [MW]: supply above zero, use below; and the price of purchase.

    What nodes give to each other is not in it: it is supply of one and use of another.

    Parameters
    ----------
    run : RollingRun
        The day.

    Returns
    -------
    plotly.graph_objects.Figure
        Stacked bars, and the price where it is known.

    Raises
    ------
    InputError
        If the argument is no run, or it has no hours.

    Examples
    --------
    >>> from adnflex.reporting.rolling._example import example
    >>> [trace.name for trace in balance_figure(example()[0]).data]
    ['sun', 'wind', 'discharge', 'purchase', 'vehicles', 'charge', 'price']
    """
    clock = clock_of(_with_hours(run))
    sun, wind, other = _generation(run)
    vehicles = quantity(run.actions, "ev_mw").sum(axis=1)
    bought, spilled = (quantity(run.exchange, name).sum(axis=1) for name in ("buy_mw", "spill_mw"))
    storage = quantity(run.actions, "storage_mw")
    layers = [
        ("sun", sun, "#F0B400", ""),
        ("wind", wind, "#56B4E9", ""),
        ("sun and wind", other, "#009E73", ""),
        ("discharge", -storage.clip(upper=0).sum(axis=1), "#CC79A7", ""),
        ("purchase", bought, "#0072B2", ""),
        ("vehicles", -vehicles, "#8c5a00", ""),
        ("charge", -storage.clip(lower=0).sum(axis=1), "#CC79A7", "\\"),
        ("spilled", -spilled, "#009E73", "/"),
    ]
    price = prices_of(run)
    panels = 1 if price is None else 2
    heights = [1.0] if price is None else [0.78, 0.22]
    fig = make_subplots(rows=panels, cols=1, shared_xaxes=True, vertical_spacing=0.06, row_heights=heights)
    fig.update_layout(template=style.figure().layout.template, height=420 + 120 * (panels - 1), barmode="relative")
    fig.update_layout(bargap=0, showlegend=True)
    for name, values, tint, pattern in layers:
        if values.abs().max() > _NOTHING:
            fig.add_trace(_bars(clock, values, name, tint, pattern), row=1, col=1)
    if price is not None:
        x, y = clock.stairs(price)
        fig.add_trace(
            go.Scatter(
                x=x, y=y, mode="lines", name="price", showlegend=False,
                line={"color": style.INK, "width": 2, "shape": "hv"},
                hovertemplate=f"price %{{y:,.2f}} {run.currency}/MWh<extra></extra>",
            ),
            row=2, col=1,
        )  # fmt: skip
        fig.update_yaxes(title_text=f"price<br>[{run.currency}/MWh]", rangemode="tozero", nticks=5, row=2, col=1)
    fig.update_yaxes(title_text="power [MW]", zeroline=True, zerolinecolor=style.INK, row=1, col=1)
    return _timed(fig, clock, panels)


def prices_of(run: RollingRun) -> pd.Series | None:
    """Price of purchase by hour [currency/MWh]; None where the run does not carry it.

    Examples
    --------
    >>> from adnflex.reporting.rolling._example import example
    >>> float(prices_of(example()[0])[3])
    500.0
    """
    values = run.inputs.get("buy_per_kwh")
    if values is None:
        return None
    found = 1e3 * pd.Series(np.asarray(values, dtype=float)).reindex(run.actions.index)
    return found if found.notna().all() else None


def storage_figure(run: RollingRun) -> go.Figure:
    """Energy [MWh] and power [MW] of each storage; charging is positive, as in the run's tables.

    Parameters
    ----------
    run : RollingRun
        The day.

    Returns
    -------
    plotly.graph_objects.Figure
        Two panels; more than six storages are added up.

    Raises
    ------
    InputError
        If the argument is no run, or it has no storage.

    Examples
    --------
    >>> from adnflex.reporting.rolling._example import example
    >>> storage_figure(example()[0]).data[0].name
    'storage 0'
    """
    clock = clock_of(_with_hours(run))
    energy, power = quantity(run.storage, "e_mwh"), quantity(run.storage, "p_mw")
    if not len(energy.columns):
        raise InputError("run: storage is empty, so there is nothing to draw; the case has no storage.")
    facts = _storage_facts(run, energy)
    if len(energy.columns) > _MOST:
        name = f"all {len(energy.columns)} storages"
        facts = facts.sum(skipna=False).to_frame(name).T
        energy, power = (t.sum(axis=1).to_frame(name) for t in (energy, power))
    fig = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    fig.update_layout(template=style.figure().layout.template, height=460, barmode="relative", bargap=0)
    told = ["at the beginning", *(f"after {text}" for text in clock.texts)]
    for k, column in enumerate(energy.columns):
        label = column if isinstance(column, str) else f"storage {column}"
        tint = style.PALETTE[k % len(style.PALETTE)]
        fig.add_trace(
            go.Scatter(
                x=clock.edges, y=[facts.at[column, "start"], *energy[column]], mode="lines", name=label,
                legendgroup=label, line={"color": tint, "width": 2.5, "dash": _DASHES[k % len(_DASHES)]},
                customdata=told, hovertemplate=f"<b>{label}</b><br>%{{customdata}}: %{{y:.4g}} MWh<extra></extra>",
            ),
            row=1, col=1,
        )  # fmt: skip
        bars = _bars(clock, power[column], label, tint, "").update(legendgroup=label, showlegend=False)
        fig.add_trace(bars, row=2, col=1)
    for column, word in (("low", "lowest"), ("high", "highest")):
        found = facts[column].round(9).unique()
        if len(found) == 1 and np.isfinite(found[0]):
            fig.add_trace(_level(clock, float(found[0]), word, "MWh"), row=1, col=1)
    fig.update_yaxes(title_text="energy [MWh]", rangemode="tozero", row=1, col=1)
    fig.update_yaxes(title_text="charge (+)<br>discharge (−) [MW]", zeroline=True, row=2, col=1)
    fig.update_yaxes(zerolinecolor=style.INK, row=2, col=1)
    return _timed(fig, clock, 2)


def _storage_facts(run: RollingRun, energy: pd.DataFrame) -> pd.DataFrame:
    """Energy at the beginning, lowest and highest energy of each storage [MWh]; NaN where the run does not tell."""
    given = run.inputs.get("storages", {})
    if not set(energy.columns) <= set(given.get("index", ())):
        return pd.DataFrame(np.nan, index=energy.columns, columns=["start", "low", "high"])
    facts = pd.DataFrame(given).set_index("index").reindex(energy.columns).astype(float)
    return facts.set_axis(["start", "low", "high"], axis=1)


def vehicle_figure(run: RollingRun) -> go.Figure:
    """Power of all vehicles between what they need at once and what they can take [MW], and how many are there.

    Parameters
    ----------
    run : RollingRun
        The day.

    Returns
    -------
    plotly.graph_objects.Figure
        Two panels: power within its elastic capacity, and the number of vehicles.

    Raises
    ------
    InputError
        If the argument is no run, or it has no vehicles.

    Examples
    --------
    >>> from adnflex.reporting.rolling._example import example
    >>> [trace.name for trace in vehicle_figure(example()[0]).data]
    ['must have', 'can take', 'charging', 'vehicles there']
    """
    clock = clock_of(_with_hours(run))
    if run.ev.empty or not len(quantity(run.ev, "p_mw").columns):
        raise InputError("run: ev is empty, so there is nothing to draw; the case has no vehicles.")
    must, most, power, there = (
        quantity(run.ev, name).sum(axis=1) for name in ("must_mw", "can_mw", "p_mw", "vehicles")
    )
    fig = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08, row_heights=[0.68, 0.32])
    fig.update_layout(template=style.figure().layout.template, height=460, showlegend=True, bargap=0)
    lines: tuple[tuple[str, pd.Series, dict[str, Any], str | None], ...] = (
        ("must have", must, {"color": style.LIMIT, "width": 1.5, "dash": "dot"}, None),
        ("can take", most, {"color": style.MUTED, "width": 1.5, "dash": "dash"}, "tonexty"),
        ("charging", power, {"color": style.AFTER, "width": 2.8}, None),
    )
    for name, values, line, fill in lines:
        x, y = clock.stairs(values)
        fig.add_trace(
            go.Scatter(
                x=x, y=y, mode="lines", name=name, line={**line, "shape": "hv"}, fill=fill,
                fillcolor=style.pale("#E69F00", 0.18), customdata=[*clock.texts, clock.texts[-1]],
                hovertemplate=f"%{{customdata}}<br>{name} %{{y:.4g}} MW<extra></extra>",
            ),
            row=1, col=1,
        )  # fmt: skip
    bars = _bars(clock, there, "vehicles there", style.BEFORE, "").update(showlegend=False)
    bars.hovertemplate = "%{customdata[0]}<br>%{y:.0f} vehicles<extra></extra>"
    fig.add_trace(bars, row=2, col=1)
    fig.update_yaxes(title_text="power [MW]", rangemode="tozero", row=1, col=1)
    fig.update_yaxes(title_text="vehicles", rangemode="tozero", row=2, col=1)
    return _timed(fig, clock, 2)


def exchange_figure(run: RollingRun, net: pandapowerNet | None = None) -> go.Figure:
    """Draw what each node receives from the others (orange) and gives to them (blue) by hour [kW].

    Dots are purchase, rings are power that was spilled; their area is its size.

    Parameters
    ----------
    run : RollingRun
        The day.
    net : pandapowerNet, optional
        The net of the case, for the names of its buses.

    Returns
    -------
    plotly.graph_objects.Figure
        A heat map of nodes and hours, and marks on it.

    Raises
    ------
    InputError
        If the argument is no run, or it has no nodes.

    Examples
    --------
    >>> from adnflex.reporting.rolling._example import example
    >>> fig = exchange_figure(example()[0])
    >>> len(fig.data[0].y), fig.data[1].name
    (8, 'purchase')
    """
    clock = clock_of(_with_hours(run))
    parts = {name: 1e3 * quantity(run.exchange, f"{name}_mw") for name in ("import", "export", "buy", "spill")}
    buses = list(parts["import"].columns)
    if not buses:
        raise InputError("run: exchange is empty, so there is nothing to draw.")
    study = Study(run, None, net=net)
    labels = [f"bus {study.bus(b)}" for b in buses]
    shade = values_of(parts["import"] - parts["export"]).T
    reach = float(np.nanmax(np.abs(shade), initial=0.0)) or 1.0
    told = np.stack([values_of(parts[name]).T for name in ("import", "export", "buy", "spill")], axis=-1)
    fig = style.figure(int(150 + 34 * len(buses)), showlegend=True)
    bar = style.colour_bar("given (−) and received (+) [kW]") | {"len": 0.55}
    fig.add_trace(
        go.Heatmap(
            x=clock.middles, y=labels, z=shade, zmin=-reach, zmax=reach, colorscale=_EXCHANGE, xgap=1, ygap=1,
            customdata=np.dstack([np.broadcast_to(np.array(clock.texts, dtype=object), shade.shape), told]),
            colorbar=bar, showlegend=False,
            hovertemplate=(
                "<b>%{y}</b>, %{customdata[0]}<br>received %{customdata[1]:.1f} kW<br>given %{customdata[2]:.1f} kW"
                "<br>purchased %{customdata[3]:.1f} kW<br>spilled %{customdata[4]:.1f} kW<extra></extra>"
            ),
        )
    )  # fmt: skip
    largest = max(float(parts["buy"].max().max()), float(parts["spill"].max().max()), 1e-9)
    for name, word, symbol in (("buy", "purchase", "circle"), ("spill", "spilled", "circle-open")):
        rows, columns = np.nonzero(values_of(parts[name]).T > 1e3 * _NOTHING)
        size = 4.0 + 14.0 * np.sqrt(values_of(parts[name]).T[rows, columns] / largest)
        if len(rows):
            fig.add_trace(
                go.Scatter(
                    x=clock.middles[columns], y=[labels[r] for r in rows], mode="markers", name=word, hoverinfo="skip",
                    marker={"symbol": symbol, "size": size, "color": style.INK, "opacity": 1, "line": {"width": 2}},
                )
            )  # fmt: skip
    fig.update_xaxes(**clock.axis(), showgrid=False)
    fig.update_yaxes(autorange="reversed", type="category", ticks="", ticksuffix="  ", showgrid=False)
    return fig


# Pieces -------------------------------------------------------------------------------------------------------


def _generation(run: RollingRun) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Sun, wind, and what is not known to be either [MW]."""
    nothing = pd.Series(0.0, index=run.actions.index)
    kinds = run.inputs.get("generators", {})
    if len(run.generation.columns) and len(kinds.get("sun", ())) == len(run.generation.columns):
        sun = np.asarray(kinds["sun"], dtype=bool)
        return run.generation.loc[:, sun].sum(axis=1), run.generation.loc[:, ~sun].sum(axis=1), nothing
    return nothing, nothing, quantity(run.actions, "generation_mw").sum(axis=1)


def _with_hours(run: object) -> RollingRun:
    found = require_run(run)
    if not len(found.actions):
        raise InputError("run: no hour has been decided, so there is nothing to draw.")
    return found


def _bars(clock: Clock, values: pd.Series, name: str, tint: str, pattern: str) -> go.Bar:
    """One layer; a hatched one is pale, so that it does not weigh like the others."""
    marker: dict[str, Any] = {"color": tint, "line": {"width": 0}}
    if pattern:
        marker["pattern"] = {
            "shape": pattern, "fillmode": "replace", "fgcolor": tint, "bgcolor": "white", "size": 7, "solidity": 0.35,
        }  # fmt: skip
    numbers = values.to_numpy(dtype=float)
    return go.Bar(
        x=clock.middles, y=numbers, width=np.full(len(numbers), 0.86 * clock.step), name=name, marker=marker,
        customdata=[[text, abs(value)] for text, value in zip(clock.texts, numbers, strict=True)],
        hovertemplate=f"%{{customdata[0]}}<br>{escape(name)} %{{customdata[1]:.4g}} MW<extra></extra>",
    )  # fmt: skip


def _level(clock: Clock, value: float, word: str, unit: str) -> go.Scatter:
    return go.Scatter(
        x=clock.edges[[0, -1]], y=[value] * 2, mode="lines", showlegend=False,
        line={"color": style.LIMIT, "dash": "dash", "width": 1.5},
        hovertemplate=f"{word} %{{y:.4g}} {unit}<extra></extra>",
    )  # fmt: skip


def _timed(fig: go.Figure, clock: Clock, panels: int) -> go.Figure:
    """Give all panels the axis of hours, and the last one its title."""
    axis = clock.axis()
    title = axis.pop("title_text")
    fig.update_xaxes(**axis)
    fig.update_xaxes(title_text=title, row=panels, col=1)
    return fig
