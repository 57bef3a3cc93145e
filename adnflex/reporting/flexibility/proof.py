"""How the box was found: the linear model and its bound, what holding in AC costs, the AC states."""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.errors import InputError
from adnflex.reporting import style
from adnflex.reporting.flexibility.inputs import clock_of, is_weighted, place, require
from adnflex.reporting.text import number
from adnflex.results.flexibility import Flexibility, FlexibilityCheck

__all__ = ["HEATS", "bounds_figure", "rounds_figure", "sizes_figure", "states_figure"]

#: What the states are coloured by: the words of the choice, column, columns of the place, colours, unit, decimals.
HEATS = {
    "lowest voltage": ("vm_min_pu", ("bus", "vm_min_bus"), style.VOLTAGE_SCALE, "pu", 4),
    "highest voltage": ("vm_max_pu", ("bus", "vm_max_bus"), style.VOLTAGE_SCALE, "pu", 4),
    "loading": ("loading_percent", ("loading_element", "loading_index"), style.LOADING_SCALE, "%", 1),
}
_ROUNDS = (
    ("total_mwh", "box [MWh]", "MWh"), ("voltage_excess_pu", "voltage beyond its limit [pu]", "pu"),
    ("loading_excess_percent", "loading beyond its limit [%]", "%"),
    ("import_error_kw", "import, model against AC [kW]", "kW"),
)  # fmt: skip


def bounds_figure(flex: Flexibility, check: FlexibilityCheck | None = None) -> go.Figure:
    """Box and bound of the linear model [MWh] as they converged, and their gap [%] where there is one.

    Parameters
    ----------
    flex : Flexibility
        The box.
    check : FlexibilityCheck or None
        Not needed; taken so that all figures are called alike.

    Returns
    -------
    plotly.graph_objects.Figure
        Two panels, sizes and gap; one where no gap was left.

    Raises
    ------
    InputError
        If an argument is none of these, or no progress was recorded.

    Examples
    --------
    >>> from adnflex.reporting.flexibility._example import example
    >>> [trace.name for trace in bounds_figure(example()[1]).data]
    ['bound of the linear model', 'box so far', 'gap']
    """
    require(flex, check)
    columns = ["seconds", "box_mwh", "linear_bound_mwh"]
    table = flex.progress.reindex(columns=[*columns, "event"])
    if table.empty:
        raise InputError("plan: progress is empty, so there is nothing to draw.")
    table[columns] = table[columns].astype(float).replace([np.inf, -np.inf], np.nan)
    table = table.sort_values("seconds", kind="stable")
    # What is known stays known; a row tells only what is new.
    table[columns[1:]] = table[columns[1:]].ffill()
    events = [escape(str(e)) for e in table["event"]]
    gap = ((table["linear_bound_mwh"] - table["box_mwh"]) / table["box_mwh"].abs() * 100).where(table["box_mwh"] != 0)
    known = gap.where(gap > 0)
    two = bool(known.notna().any())
    heights = [0.65, 0.35] if two else [1.0]
    fig = make_subplots(rows=len(heights), cols=1, shared_xaxes=True, vertical_spacing=0.08, row_heights=heights)
    fig.update_layout(template=style.figure().layout.template, height=440 if two else 300, hovermode="closest")
    for column, name, tint in (
        ("linear_bound_mwh", "bound of the linear model", style.BOUND), ("box_mwh", "box so far", style.AFTER)
    ):  # fmt: skip
        fig.add_trace(
            go.Scatter(
                x=table["seconds"].to_numpy(), y=table[column].to_numpy(), mode="lines+markers", name=name,
                line={"color": tint, "shape": "hv", "width": 2}, hovertext=events,
                hovertemplate="%{y:.6g} MWh after %{x:.2f} s<br>%{hovertext}<extra></extra>",
            ),
            row=1, col=1,
        )  # fmt: skip
    fig.update_xaxes(rangemode="tozero")
    fig.update_xaxes(title_text="time [s]", row=len(heights), col=1)
    fig.update_yaxes(title_text="size of the box [MWh]", row=1, col=1)
    if not two:
        return fig
    fig.add_trace(
        go.Scatter(
            x=table["seconds"].to_numpy(), y=known.to_numpy(), mode="lines+markers", name="gap", showlegend=False,
            line={"color": style.MUTED, "shape": "hv", "width": 2},
            hovertemplate="gap %{y:.3g} % after %{x:.2f} s<extra></extra>",
        ),
        row=2, col=1,
    )  # fmt: skip
    fig.update_yaxes(title_text="gap [%]", rangemode="tozero", row=2, col=1)
    if known.max() > 30 * known.min():
        low, high = np.floor(np.log10(known.min())), np.ceil(np.log10(known.max()))
        fig.update_yaxes(type="log", dtick=1, range=[low - 0.1, high + 0.1], exponentformat="none", row=2, col=1)
    return fig


def sizes_figure(flex: Flexibility, check: FlexibilityCheck | None = None) -> go.Figure:
    """Box that was run in AC power flow, boxes of the linear model and its bound [MWh].

    Parameters
    ----------
    flex : Flexibility
        The box.
    check : FlexibilityCheck or None
        Not needed; taken so that all figures are called alike.

    Returns
    -------
    plotly.graph_objects.Figure
        Marks on an axis that begins near them, so that the differences are seen; bounds of weighted boxes are no MWh
        and are left out.

    Raises
    ------
    InputError
        If an argument is none of these.

    Examples
    --------
    >>> from adnflex.reporting.flexibility._example import example
    >>> list(sizes_figure(example()[1]).data[0].y)[:2]
    ['run in AC', 'linear, hour by hour']
    """
    require(flex, check)
    rows = [
        ("run in AC", flex.total_mwh, style.AFTER, "what AC power flow leaves"),
        ("linear, hour by hour", flex.separable.total_mwh, "#56B4E9", "followed without knowledge of later hours"),
        ("linear, with foresight", flex.foresighted.total_mwh, style.FAINT,
         "if the whole trajectory were known at first"),
    ]  # fmt: skip
    if not is_weighted(flex):
        told = f"bounds boxes of the linear model, not boxes in AC: {flex.linear.bound_kind}"
        rows.append(("bound of the linear model", flex.linear.bound, style.BOUND, told))
    rows = [row for row in rows if np.isfinite(row[1])]
    values = np.array([row[1] for row in rows])
    spread = max(float(values.max() - values.min()), 1e-3 * float(values.max()))
    start = max(0.0, float(values.min()) - 0.4 * spread)
    fig = style.figure(90 + 38 * len(rows), hovermode="closest", margin={"t": 16, "r": 76})
    # Dots, not bars: the axis does not begin at zero.
    fig.add_trace(
        go.Scatter(
            x=values, y=[row[0] for row in rows], mode="markers+text", showlegend=False, cliponaxis=False,
            marker={"color": [row[2] for row in rows], "size": 15,
                    "symbol": ["line-ns" if "bound" in row[0] else "circle" for row in rows],
                    "line": {"color": [row[2] for row in rows], "width": 3}},
            text=[f"  {number(v, 'MWh', 4)}" for v in values], textposition="middle right", hoverinfo="text",
            hovertext=[f"<b>{n}</b>: {number(v, 'MWh', 6)}<br>{escape(w)}" for n, v, _, w in rows],
        )
    )  # fmt: skip
    fig.update_xaxes(range=[start, float(values.max()) + 0.35 * spread], title_text="size of the box [MWh]", nticks=6)
    fig.update_yaxes(autorange="reversed", ticks="")
    return fig


def rounds_figure(flex: Flexibility, check: FlexibilityCheck | None = None) -> go.Figure:
    """Draw the rounds of AC tightening: the box [MWh], and what was beyond limits or off in each.

    Parameters
    ----------
    flex : Flexibility
        The box.
    check : FlexibilityCheck or None
        Not needed; taken so that all figures are called alike.

    Returns
    -------
    plotly.graph_objects.Figure
        A panel for each quantity that is known, two beside each other.

    Raises
    ------
    InputError
        If an argument is none of these, or no round was recorded.

    Examples
    --------
    >>> from adnflex.reporting.flexibility._example import example
    >>> len(rounds_figure(example()[1]).data)
    4
    """
    require(flex, check)
    table = flex.rounds
    shown = [r for r in _ROUNDS if r[0] in table and table[r[0]].notna().any()]
    if table.empty or not shown:
        raise InputError("plan: rounds is empty, so there is nothing to draw; no round of AC tightening was run.")
    lines = (len(shown) + 1) // 2
    fig = make_subplots(
        rows=lines, cols=min(2, len(shown)), subplot_titles=[r[1] for r in shown], vertical_spacing=0.22,
        horizontal_spacing=0.12,
    )  # fmt: skip
    fig.update_layout(template=style.figure().layout.template, height=60 + 190 * lines, hovermode="closest")
    fig.update_annotations(font={"size": 12.5, "color": style.INK})
    numbers = list(range(1, len(table) + 1))
    for k, (column, _, unit) in enumerate(shown):
        values = table[column].astype(float)
        where = {"row": k // 2 + 1, "col": k % 2 + 1}
        fig.add_trace(
            go.Scatter(
                x=numbers, y=values.to_numpy(), mode="lines+markers", showlegend=False, name=column,
                line={"color": style.AFTER if k == 0 else style.LIMIT, "width": 2}, marker={"size": 8},
                hovertext=[f"round {n}: {number(v, unit)}" for n, v in zip(numbers, values, strict=True)],
                hoverinfo="text",
            ),
            **where,
        )  # fmt: skip
        if column != "total_mwh":
            fig.update_yaxes(rangemode="tozero", **where)
        fig.update_yaxes(exponentformat="none", nticks=5, **where)
    step = max(1, len(numbers) // 8)
    fig.update_xaxes(tickmode="linear", tick0=1, dtick=step, range=[0.7, len(numbers) + 0.3])
    for k in range(len(shown)):
        if k >= len(shown) - 2:
            fig.update_xaxes(title_text="round", row=k // 2 + 1, col=k % 2 + 1)
    return fig


def states_figure(flex: Flexibility, check: FlexibilityCheck | None = None) -> go.Figure:
    """Lowest and highest voltage [pu] and highest loading [%] of every AC state, by period and share.

    Parameters
    ----------
    flex : Flexibility
        The box.
    check : FlexibilityCheck or None
        Not needed; taken so that all figures are called alike.

    Returns
    -------
    plotly.graph_objects.Figure
        Heat maps in one place; `HEATS` names what can be chosen, the first is shown.

    Raises
    ------
    InputError
        If an argument is none of these, or no AC state was recorded.

    Examples
    --------
    >>> from adnflex.reporting.flexibility._example import example
    >>> states_figure(example()[1]).data[0].z.shape
    (6, 24)
    """
    require(flex, check)
    if flex.ac.empty:
        raise InputError("plan: ac is empty, so there is nothing to draw; no AC power flow was run.")
    clock = clock_of(flex)
    fig = style.figure(360, hovermode="closest", margin={"t": 78})
    for name, (column, (element, index), scale, unit, decimals) in HEATS.items():
        if column not in flex.ac:
            continue
        values = flex.ac[column].astype(float).unstack("share").reindex(flex.box.index)
        told = _places(flex, element, index).reindex(index=values.index, columns=values.columns)
        bar = style.colour_bar(f"{name} [{unit}]")
        fig.add_trace(
            go.Heatmap(
                x=clock.texts, y=[_share(s) for s in values.columns], z=values.to_numpy().T,
                customdata=told.to_numpy().T, colorscale=_scale(scale), colorbar=bar, xgap=0, ygap=0,
                hovertemplate=f"%{{x}}, %{{y}}<br>{name} %{{z:.{decimals}f}} {unit} at %{{customdata}}<extra></extra>",
                meta={"colour": name}, visible=not fig.data, hoverongaps=False, name=name,
            )
        )  # fmt: skip
    fig.update_xaxes(**clock.category_axis(), showgrid=False)
    fig.update_yaxes(type="category", showgrid=False, title_text="share of the way up")
    return fig


def _share(share: float) -> str:
    """Name of a share of the way from the lower to the upper end."""
    return {0.0: "lower end", 1.0: "upper end"}.get(round(float(share), 9), f"{100 * float(share):.0f} %")


def _scale(colours: list[str]) -> list[list[object]]:
    return [[k / (len(colours) - 1), c] for k, c in enumerate(colours)]


def _places(flex: Flexibility, element: str, index: str) -> pd.DataFrame:
    """Label of the place of each state's extreme value, by period and share."""
    if index not in flex.ac:
        return pd.DataFrame()
    elements = flex.ac[element] if element in flex.ac else pd.Series(element, index=flex.ac.index)
    known = {key: escape(place(flex, *key)) for key in set(zip(elements, flex.ac[index], strict=True))}
    labels = [known[key] for key in zip(elements, flex.ac[index], strict=True)]
    return pd.Series(labels, index=flex.ac.index).unstack("share")
