"""What holds the box back: which limits bind and when, and which of them the switching relieved."""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.errors import InputError
from adnflex.reporting import places, style
from adnflex.reporting.flexibility.inputs import Limit, clock_of, limit_groups, place, require, spans
from adnflex.reporting.text import dash, fixed, number
from adnflex.results.flexibility import Flexibility, FlexibilityCheck

__all__ = [
    "MOST_LIMITS", "SIDES", "binding_figure", "counted", "limit_label", "limit_rows", "relieved_figure",
    "relieved_rows", "worth",
]  # fmt: skip

#: Limits that the pictures show; the tables have all.
MOST_LIMITS = 15
#: Symbol and colour of what holds back each end.
SIDES = {
    "upper": ("triangle-up", "#D55E00", "more import"),
    "lower": ("triangle-down", "#0072B2", "less import"),
}
_PANELS = {"pu": "voltage [pu]", "%": "loading [%]", "MWh": "stored energy [MWh]"}


def binding_figure(flex: Flexibility, check: FlexibilityCheck | None = None) -> go.Figure:
    """Limits (rows) that hold back the lower or the upper end, by period, and in how many periods they do.

    Parameters
    ----------
    flex : Flexibility
        The box.
    check : FlexibilityCheck or None
        Not needed; taken so that all figures are called alike.

    Returns
    -------
    plotly.graph_objects.Figure
        Two panels of at most fifteen limits, those on top whose loosening is worth most.

    Raises
    ------
    InputError
        If an argument is none of these, or no limit binds.

    Examples
    --------
    >>> from adnflex.reporting.flexibility._example import example
    >>> binding_figure(example()[0]).data[0].name
    'holds back more import'
    """
    require(flex, check)
    groups = limit_groups(flex.binding)[:MOST_LIMITS]
    if not groups:
        raise InputError("plan: binding is empty, so there is nothing to draw; no limit of the network binds.")
    clock = clock_of(flex)
    labels = [escape(limit_label(flex, g, short=True)) for g in groups]
    fig = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.03, column_widths=[0.76, 0.24])
    size = float(np.clip(340 / len(clock.periods), 5, 13))
    height = 130 + 34 * len(groups)
    fig.update_layout(
        template=style.figure().layout.template,
        height=height,
        barmode="stack",
        hovermode="closest",
        bargap=0.45,
        legend={"itemsizing": "constant"},
    )
    position = {p: k for k, p in enumerate(clock.periods)}
    for side, (symbol, tint, words) in SIDES.items():
        cells = [(position[p], k, g) for k, g in enumerate(groups) for p in getattr(g, side) if p in position]
        told = [_told(flex, g, side, clock.periods[t]) for t, _, g in cells]
        # A little apart, so that a limit that holds back both ends at once shows both.
        shift = -0.16 if side == "upper" else 0.16
        fig.add_trace(
            go.Scatter(
                x=[clock.middles[t] for t, _, _ in cells], y=[k + shift for _, k, _ in cells], mode="markers",
                marker={"symbol": symbol, "size": size, "color": tint, "line": {"width": 0}},
                name=f"holds back {words}", legendgroup=side, hovertext=told, hoverinfo="text",
            ),
            row=1, col=1,
        )  # fmt: skip
        counts = [len(getattr(g, side)) for g in groups]
        fig.add_trace(
            go.Bar(
                x=counts, y=list(range(len(groups))), orientation="h", legendgroup=side, showlegend=False,
                marker={"color": tint, "line": {"width": 0}}, hoverinfo="text", textposition="none",
                hovertext=[f"<b>{label}</b><br>holds back {words} in {counted(n, 'period')}"
                           for label, n in zip(labels, counts, strict=True)],
            ),
            row=1, col=2,
        )  # fmt: skip
    fig.update_xaxes(**clock.axis(), row=1, col=1)
    fig.update_xaxes(title_text="periods", rangemode="tozero", tickformat="d", nticks=4, row=1, col=2)
    rows = {"tickvals": list(range(len(groups))), "range": [len(groups) - 0.4, -0.6], "showgrid": True}
    fig.update_yaxes(**rows, zeroline=False)
    fig.update_yaxes(ticktext=labels, row=1, col=1)
    return fig


def relieved_figure(flex: Flexibility, check: FlexibilityCheck | None = None) -> go.Figure:
    """Limits that held the box back before: where they stood (at the limit), and where they stand now.

    Parameters
    ----------
    flex : Flexibility
        The box after the switching.
    check : FlexibilityCheck or None
        Not needed; taken so that all figures are called alike.

    Returns
    -------
    plotly.graph_objects.Figure
        One panel a unit; a line leads from the value before to the value now, for each limit in the period in which
        the least room was gained.

    Raises
    ------
    InputError
        If an argument is none of these, or nothing was relieved.

    Examples
    --------
    >>> from adnflex.reporting.flexibility._example import example
    >>> sorted({trace.name for trace in relieved_figure(example()[1]).data})
    ['before', 'limit', 'now']
    """
    require(flex, check)
    groups = limit_groups(flex.relieved)[:MOST_LIMITS]
    if not groups:
        raise InputError("plan: relieved is empty, so there is nothing to draw; no limit was relieved.")
    units = [u for u in _PANELS if any(g.unit == u for g in groups)]
    units += [u for u in dict.fromkeys(g.unit for g in groups) if u not in _PANELS]
    counts = [sum(g.unit == u for g in groups) for u in units]
    # Each panel has rows of the same height, and room for its axis.
    fig = make_subplots(
        rows=len(units), cols=1, row_heights=[c + 0.6 for c in counts], vertical_spacing=0.5 / (sum(counts) + 2)
        if len(units) > 1 else 0.0,
    )  # fmt: skip
    fig.update_layout(
        template=style.figure().layout.template, height=110 + 78 * len(units) + 34 * sum(counts), hovermode="closest"
    )
    for row, unit in enumerate(units, start=1):
        shown = [g for g in groups if g.unit == unit]
        _dumbbells(fig, flex, shown, row, first=row == 1)
        fig.update_xaxes(title_text=_PANELS.get(unit, f"[{unit}]"), row=row, col=1)
        labels = [escape(limit_label(flex, g, short=True)) for g in shown]
        fig.update_yaxes(
            tickvals=list(range(len(shown))), ticktext=labels, range=[len(shown) - 0.4, -0.6], row=row, col=1
        )
    return fig


def _dumbbells(fig: go.Figure, flex: Flexibility, shown: list[Limit], row: int, first: bool) -> None:
    """Value before, value now, the line between them, and the limit."""
    clock = clock_of(flex)
    worst = [_least_relieved(g) for g in shown]
    for k, line in enumerate(worst):
        fig.add_trace(
            go.Scatter(
                x=[line["value"], line["after"]], y=[k, k], mode="lines", line={"color": style.FAINT, "width": 5},
                showlegend=False, hoverinfo="skip", name="now",
            ),
            row=row, col=1,
        )  # fmt: skip
    told = []
    for group, line in zip(shown, worst, strict=True):
        before, after, limit = places.values(group.unit, line["value"], line["after"], line["limit"])
        told.append(
            f"<b>{escape(limit_label(flex, group))}</b><br>{clock.text(line['period'])}: {before} → {after}, limit "
            f"{limit}<br>held the box back in {counted(len(group.periods), 'period')}"
        )
    rows = list(range(len(shown)))
    for name, column, tint, symbol in (
        ("before", "value", style.BEFORE, "circle"), ("now", "after", style.AFTER, "circle"),
        ("limit", "limit", style.LIMIT, "line-ns"),
    ):  # fmt: skip
        marker = {"color": tint, "size": 13, "symbol": symbol}
        if symbol == "line-ns":
            marker |= {"size": 22, "line": {"color": tint, "width": 2.5}}
        fig.add_trace(
            go.Scatter(
                x=[float(line[column]) for line in worst], y=rows, mode="markers", marker=marker, name=name,
                legendgroup=name, showlegend=first, hovertext=told, hoverinfo="text",
            ),
            row=row, col=1,
        )  # fmt: skip


def _least_relieved(group: Limit) -> pd.Series:
    """Row of the period in which the least room was gained, so that nothing looks better than it is."""
    gained = (group.rows["after"].astype(float) - group.rows["limit"].astype(float)).abs()
    return group.rows.loc[gained.idxmin()] if gained.notna().any() else group.rows.iloc[0]


# Words and tables -----------------------------------------------------------------------------------------------


def limit_label(flex: Flexibility, limit: Limit, short: bool = False) -> str:
    """Kind and place of a limit; the short form has no names.

    Examples
    --------
    >>> from adnflex.reporting.flexibility._example import example
    >>> from adnflex.reporting.flexibility.inputs import limit_groups
    >>> flex = example()[0]
    >>> limit_label(flex, limit_groups(flex.binding)[0])
    'voltage low, bus 5 “Church”'
    """
    where = place(flex, limit.element, limit.index)
    return f"{limit.kind}, {where.partition(' “')[0] if short else where}"


def worth(limit: Limit) -> str:
    r"""Tell what loosening a limit a little gives.

    Examples
    --------
    >>> from adnflex.reporting.flexibility._example import example
    >>> from adnflex.reporting.flexibility.inputs import limit_groups
    >>> worth(limit_groups(example()[0].binding)[0])[-13:]
    'h per 0.01 pu'
    """
    if limit.worth_mwh != limit.worth_mwh:
        return dash
    gain = max(limit.worth_mwh, 0.0)
    return f"{number(gain, 'MWh', 3) if gain >= 1e-4 else fixed(0, 0, 'MWh')} per {limit.step_text}"


def limit_rows(flex: Flexibility, groups: list[Limit]) -> list[list[str]]:
    """Rows of the table of what holds back: limit, place, when for each end, allowed, worth."""
    clock = clock_of(flex)
    return [
        [g.kind, place(flex, g.element, g.index), spans(clock, g.upper) or dash, spans(clock, g.lower) or dash,
         _allowed(g), worth(g)]
        for g in groups
    ]  # fmt: skip


def _allowed(group: Limit) -> str:
    limits = group.rows["limit"].astype(float)
    if limits.nunique() == 1:
        return places.values(group.unit, float(limits.iloc[0]))[0]
    return " to ".join(places.values(group.unit, float(limits.min()), float(limits.max())))


def relieved_rows(flex: Flexibility, groups: list[Limit]) -> list[list[str]]:
    """Rows of the table of what was relieved: before and now in the period with the least room, and the room."""
    clock = clock_of(flex)
    rows = []
    for g in groups:
        line = _least_relieved(g)
        before, after, limit, room = places.values(
            g.unit, line["value"], line["after"], line["limit"], abs(float(line["after"]) - float(line["limit"]))
        )
        where = place(flex, g.element, g.index)
        ends = ", ".join(SIDES[s][2] for s in ("upper", "lower") if getattr(g, s))
        rows.append([g.kind, where, ends, spans(clock, g.periods) or dash, before, after, limit, room])
    return rows


def counted(count: int, word: str) -> str:
    """Count with its word in the singular or plural.

    Examples
    --------
    >>> counted(1, "period"), counted(3, "period")
    ('1 period', '3 periods')
    """
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _told(flex: Flexibility, group: Limit, side: str, period: int) -> str:
    """Tell one mark."""
    rows = group.rows[group.rows["side"].isin([side, "both"]) & (group.rows["period"] == period)]
    text = f"<b>{escape(limit_label(flex, group))}</b><br>{clock_of(flex).text(period)}: holds back {SIDES[side][2]}"
    if len(rows):
        value, limit = places.values(group.unit, rows["value"].iloc[0], rows["limit"].iloc[0])
        text += f"<br>{value}, limit {limit}"
    return text
