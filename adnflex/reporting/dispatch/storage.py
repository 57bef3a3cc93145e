"""What the storages hold, and when they are charged and discharged."""

from __future__ import annotations

import math
from html import escape

import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.errors import InputError
from adnflex.reporting import style
from adnflex.reporting.dispatch.clock import Clock
from adnflex.reporting.dispatch.inputs import device_label, devices_of, expected, quantity, require
from adnflex.results import DispatchCheck, DispatchPlan

__all__ = ["storage_figure"]

#: More storages than this are drawn as their sum.
MOST = 6
_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def storage_figure(plan: DispatchPlan, check: DispatchCheck | None = None) -> go.Figure:
    """Draw energy [MWh] and power [MW] of each storage; discharge is positive, as it supplies the net.

    More than six storages are added up. With several scenarios all values are expected ones.

    Parameters
    ----------
    plan : DispatchPlan
        The plan.
    check : DispatchCheck or None
        Not needed; taken so that all figures are called alike.

    Returns
    -------
    plotly.graph_objects.Figure
        Two panels: energy at the end of each period, and power.

    Raises
    ------
    InputError
        If an argument is none of these, or the plan has no storage.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> [trace.name for trace in storage_figure(*example()).data]
    ['storage 0 “battery”', 'storage 0 “battery”', None, None]
    """
    require(plan, check)
    table = expected(plan, plan.storage)
    energy, power = quantity(table, "e_mwh"), quantity(table, "discharge_mw") - quantity(table, "charge_mw")
    if not len(energy.columns):
        raise InputError("plan: storage is empty, so there is nothing to draw; the plan has no storage.")
    facts = devices_of(plan, "storage").reindex(energy.columns)[["initial", "low", "high"]].astype(float)
    if len(energy.columns) > MOST:
        name = f"all {len(energy.columns)} storages"
        facts = facts.sum(skipna=False).to_frame(name).T
        energy, power = (t.sum(axis=1).to_frame(name) for t in (energy, power))
    clock = Clock.of(plan)
    fig = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    fig.update_layout(template=style.figure().layout.template, height=460, barmode="relative", bargap=0)
    for k, column in enumerate(energy.columns):
        label = column if isinstance(column, str) else device_label(plan, "storage", int(column))
        tint = style.PALETTE[k % len(style.PALETTE)]
        line = {"color": tint, "width": 2.5, "dash": _DASHES[k % len(_DASHES)]}
        fig.add_trace(_energy(clock, energy[column], facts.at[column, "initial"], label, line), row=1, col=1)
        fig.add_trace(_power(clock, power[column], label, tint), row=2, col=1)
    _limits(fig, clock, facts)
    axis = clock.axis()
    title = axis.pop("title_text")
    fig.update_xaxes(**axis)
    fig.update_xaxes(title_text=title, row=2, col=1)
    fig.update_yaxes(title_text="energy [MWh]", rangemode="tozero", row=1, col=1)
    fig.update_yaxes(title_text="discharge (+)<br>charge (−) [MW]", zeroline=True, row=2, col=1)
    fig.update_yaxes(zerolinecolor=style.INK, row=2, col=1)
    return fig


def _energy(clock: Clock, values: pd.Series, initial: float, label: str, line: dict[str, object]) -> go.Scatter:
    """Energy is told at the end of each period and goes on in straight lines between."""
    told = ["before the horizon", *(f"after {text}" for text in clock.texts)]
    return go.Scatter(
        x=clock.edges, y=[initial, *values.astype(float)], mode="lines", name=escape(label), legendgroup=escape(label),
        line=line, customdata=told,
        hovertemplate=f"<b>{escape(label)}</b><br>%{{customdata}}: %{{y:.4g}} MWh<extra></extra>",
    )  # fmt: skip


def _limits(fig: go.Figure, clock: Clock, facts: pd.DataFrame) -> None:
    """Draw the lowest and highest energy where all storages share them: more lines would tell nothing."""
    for column, word in (("low", "lowest"), ("high", "highest")):
        found = facts[column].round(9).unique()
        if len(found) == 1 and math.isfinite(found[0]):
            fig.add_trace(
                go.Scatter(
                    x=clock.edges[[0, -1]], y=[found[0]] * 2, mode="lines", showlegend=False,
                    line={"color": style.LIMIT, "dash": "dash", "width": 1.5},
                    hovertemplate=f"{word} %{{y:.4g}} MWh<extra></extra>",
                ),
                row=1, col=1,
            )  # fmt: skip


def _power(clock: Clock, values: pd.Series, label: str, tint: str) -> go.Bar:
    return go.Bar(
        x=clock.middles, y=values.to_numpy(dtype=float), width=clock.step * (0.86 if len(values) <= 48 else 1.0),
        name=escape(label), legendgroup=escape(label), showlegend=False, marker={"color": tint, "line": {"width": 0}},
        customdata=clock.texts,
        hovertemplate=f"<b>{escape(label)}</b><br>%{{customdata}}: %{{y:.4g}} MW<extra></extra>",
    )  # fmt: skip
