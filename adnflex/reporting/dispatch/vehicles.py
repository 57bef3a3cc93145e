"""Electric vehicles before and after: where the transferable block was and where it went, what was reduced."""

from __future__ import annotations

from html import escape

import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.errors import InputError
from adnflex.reporting import style
from adnflex.reporting.dispatch.clock import Clock
from adnflex.reporting.dispatch.inputs import device_label, expected, quantity, require
from adnflex.results import DispatchCheck, DispatchPlan

__all__ = ["vehicle_figure"]

#: More fleets than this are drawn as their sum.
MOST = 4
_NOTHING = 1e-9


def vehicle_figure(plan: DispatchPlan, check: DispatchCheck | None = None) -> go.Figure:
    """Power of each fleet left alone and as dispatched [MW], with the block that moved and what was reduced.

    More than four fleets are added up. With several scenarios all values are expected ones.

    Parameters
    ----------
    plan : DispatchPlan
        The plan.
    check : DispatchCheck or None
        Not needed; taken so that all figures are called alike.

    Returns
    -------
    plotly.graph_objects.Figure
        One panel a fleet.

    Raises
    ------
    InputError
        If an argument is none of these, or the plan has no vehicles.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> [trace.name for trace in vehicle_figure(*example()).data]
    ['block before', 'block now', 'reduced', 'left alone', 'dispatched']
    """
    require(plan, check)
    table = expected(plan, plan.ev)
    columns = {k: quantity(table, k) for k in ("before_mw", "after_mw", "block_before_mw", "block_mw", "reduced_mw")}
    fleets = list(columns["before_mw"].columns)
    if not fleets:
        raise InputError("plan: ev is empty, so there is nothing to draw; the plan has no electric vehicles.")
    if len(fleets) > MOST:
        fleets = [f"all {len(fleets)} fleets"]
        columns = {k: t.sum(axis=1).to_frame(fleets[0]) for k, t in columns.items()}
    labels = [f if isinstance(f, str) else device_label(plan, "load", int(f)) for f in fleets]
    clock = Clock.of(plan)
    height = 100 + 250 * len(fleets)
    fig = make_subplots(
        rows=len(fleets), cols=1, shared_xaxes=True, vertical_spacing=min(0.3, 50 / height),
        subplot_titles=[escape(label) for label in labels] if len(fleets) > 1 else None,
    )  # fmt: skip
    fig.update_layout(template=style.figure().layout.template, height=height, barmode="overlay", bargap=0)
    fig.update_annotations(x=0, xanchor="left", font={"size": 13, "color": style.INK})
    for row, fleet in enumerate(fleets, start=1):
        values = {k: t[fleet] if fleet in t else pd.Series(0.0, index=table.index) for k, t in columns.items()}
        for trace in _traces(clock, values):
            trace.update(showlegend=row == 1)
            fig.add_trace(trace, row=row, col=1)
    axis = clock.axis()
    title = axis.pop("title_text")
    fig.update_xaxes(**axis)
    fig.update_xaxes(title_text=title, row=len(fleets), col=1)
    fig.update_yaxes(title_text="power [MW]", rangemode="tozero")
    return fig


def _traces(clock: Clock, values: dict[str, pd.Series]) -> list[go.Bar | go.Scatter]:
    """Draw the blocks as bars, and both curves as stairs over them."""
    before, after = values["before_mw"], values["after_mw"]
    reduced = values["reduced_mw"]
    return [
        _bars(clock, values["block_before_mw"], before - values["block_before_mw"], "block before", style.MUTED, "/"),
        _bars(clock, values["block_mw"], after - values["block_mw"], "block now", "#E69F00", ""),
        _bars(clock, reduced, after, "reduced", style.LIMIT, "x"),
        _stairs(clock, before, "left alone", style.MUTED, "dash"),
        _stairs(clock, after, "dispatched", style.AFTER, "solid"),
    ]


def _bars(clock: Clock, values: pd.Series, base: pd.Series, name: str, tint: str, pattern: str) -> go.Bar:
    """Part of a curve as bars that stand on the rest of it; where there is none, nothing."""
    there = values.abs() > _NOTHING
    marker: dict[str, object] = {"color": tint if not pattern else "white", "line": {"width": 0}}
    if pattern:
        marker["pattern"] = {
            "shape": pattern, "fillmode": "replace", "fgcolor": tint, "bgcolor": "white", "size": 7, "solidity": 0.3,
        }  # fmt: skip
    return go.Bar(
        x=clock.middles, y=values.where(there).to_numpy(dtype=float), base=base.clip(lower=0).to_numpy(dtype=float),
        width=clock.step, name=name, marker=marker, customdata=clock.texts,
        hovertemplate=f"%{{customdata}}<br>{name} %{{y:.4g}} MW<extra></extra>",
    )  # fmt: skip


def _stairs(clock: Clock, values: pd.Series, name: str, tint: str, dash: str) -> go.Scatter:
    x, y = clock.stairs(values)
    return go.Scatter(
        x=x, y=y, mode="lines", name=name, line={"color": tint, "width": 2.2, "shape": "hv", "dash": dash},
        customdata=[*clock.texts, clock.texts[-1]],
        hovertemplate=f"%{{customdata}}<br>{name} %{{y:.4g}} MW<extra></extra>",
    )  # fmt: skip
