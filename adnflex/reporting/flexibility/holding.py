"""What holds the box back: which limits bind and when, which of them the switching relieved, and where they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.errors import InputError
from adnflex.reporting import page, style
from adnflex.reporting.canvas import BarFigure
from adnflex.reporting.canvas.map import STATES, MapFigure
from adnflex.reporting.flexibility.view import SIDES, BoxLimit, FlexibilityView, limit_groups
from adnflex.reporting.page import Html
from adnflex.reporting.text import dash, many, measured
from adnflex.reporting.views import NothingToDraw, one_of

#: Limits that the pictures show; the tables have all.
_MOST_LIMITS = 15
_FIRST_ROWS, _MOST_ROWS = 8, 400
_PANELS = {"pu": "voltage [pu]", "%": "loading [%]", "MWh": "stored energy [MWh]"}
#: Size [px] and colour of the ring round a bus whose voltage limits the box.
#: Of both kinds one ring is wider, so that a bus that has both shows both.
_RINGS = {"voltage low": (16, "#6a3d9a"), "voltage high": (26, "#D55E00")}
_FULL = "#B3261E"


def binding(view: FlexibilityView) -> go.Figure:
    """Limits (rows) that hold back the lower or the upper end, by period, and in how many periods they do.

    At most fifteen limits, those on top whose loosening is worth most.
    """
    groups, clock = limit_groups(view.flex.binding)[:_MOST_LIMITS], view.clock
    if not groups:
        raise NothingToDraw("plan: binding is empty, so there is nothing to draw; no limit of the network binds.")
    labels = [escape(view.label(g, short=True)) for g in groups]
    fig = make_subplots(rows=1, cols=2, shared_yaxes=True, horizontal_spacing=0.06, column_widths=[0.76, 0.24])
    fig.update_layout(template=style.TEMPLATE, height=130 + 34 * len(groups), barmode="stack", hovermode="closest",
                      bargap=0.45, legend={"itemsizing": "constant"})  # fmt: skip
    size = float(np.clip(340 / len(clock.periods), 5, 13))
    position = {p: k for k, p in enumerate(clock.periods)}
    for side, (symbol, tint, words) in SIDES.items():
        cells = [(position[p], k, g) for k, g in enumerate(groups) for p in getattr(g, side) if p in position]
        # A little apart, so that a limit that holds back both ends at once shows both.
        shift = -0.16 if side == "upper" else 0.16
        fig.add_trace(
            go.Scatter(
                x=[clock.middles[t] for t, _, _ in cells], y=[k + shift for _, k, _ in cells], mode="markers",
                marker={"symbol": symbol, "size": size, "color": tint, "line": {"width": 0}}, hoverinfo="text",
                name=f"holds back {words}", legendgroup=side,
                hovertext=[_told(view, g, side, clock.periods[t]) for t, _, g in cells],
            ),
            row=1, col=1,
        )  # fmt: skip
        counts = [len(getattr(g, side)) for g in groups]
        fig.add_trace(
            go.Bar(
                x=counts, y=list(range(len(groups))), orientation="h", legendgroup=side, showlegend=False,
                marker={"color": tint, "line": {"width": 0}}, hoverinfo="text", textposition="none",
                hovertext=[f"<b>{label}</b><br>holds back {words} in {many(n, 'period')}"
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


def _told(view: FlexibilityView, group: BoxLimit, side: str, period: int) -> str:
    """Tell one mark."""
    rows = group.rows[group.rows["side"].isin([side, "both"]) & (group.rows["period"] == period)]
    text = f"<b>{escape(view.label(group))}</b><br>{view.clock.text(period)}: holds back {SIDES[side][2]}"
    if len(rows):
        value, limit = measured(group.unit, rows["value"].iloc[0], rows["limit"].iloc[0])
        text += f"<br>{value}, limit {limit}"
    return text


def holding_tables(view: FlexibilityView) -> list[Html]:
    """List the limits that hold the box back, those first that are worth most; nothing where none does."""
    groups = limit_groups(view.flex.binding)
    columns: dict[str, Callable[[BoxLimit], str]] = {
        "limit": lambda g: g.kind,
        "place": lambda g: view.labels.of(g.element, g.index),
        "more import held back": lambda g: view.clock.spans(g.upper) or dash,
        "less import held back": lambda g: view.clock.spans(g.lower) or dash,
        ">allowed": _allowed,
        ">worth": lambda g: g.worth,
    }
    words = f"The picture shows the first {_MOST_LIMITS} of {len(groups)} limits."
    told = [page.paragraph(words, "small")] if len(groups) > _MOST_LIMITS else []
    return [*told, *_listed(groups, columns)] if groups else []


def _listed(groups: list[BoxLimit], columns: Mapping[str, Callable[[BoxLimit], str]]) -> list[Html]:
    of = f" (of {len(groups)})" if len(groups) > _MOST_ROWS else ""
    return page.listing(groups, columns, first=_FIRST_ROWS, most=_MOST_ROWS, rest=f"{{count}} more limits{of}")


def _allowed(group: BoxLimit) -> str:
    limits = group.rows["limit"].astype(float)
    return " to ".join(dict.fromkeys(measured(group.unit, float(limits.min()), float(limits.max()))))


# What was relieved --------------------------------------------------------------------------------------------


def relieved(view: FlexibilityView) -> go.Figure:
    """Limits that held the box back before: where they stood (at the limit), and where they stand now.

    One panel a unit; a line leads from the value before to the value now, for each limit in the period in which the
    least room was gained.
    """
    groups = limit_groups(view.flex.relieved)[:_MOST_LIMITS]
    if not groups:
        raise NothingToDraw("plan: relieved is empty, so there is nothing to draw; no limit was relieved.")
    units = [u for u in _PANELS if any(g.unit == u for g in groups)]
    units += [u for u in dict.fromkeys(g.unit for g in groups) if u not in _PANELS]
    panels = [(_PANELS.get(u, f"[{u}]"), u) for u in units]
    names = [[view.label(g, short=True) for g in groups if g.unit == u] for u in units]
    fig = BarFigure(names[0], panels, 34, rows=names, showlegend=True)
    for panel, unit in enumerate(units):
        shown = [g for g in groups if g.unit == unit]
        worst = pd.DataFrame([_least_relieved(g) for g in shown])
        told = [_relieved_told(view, g, row) for g, (_, row) in zip(shown, worst.iterrows(), strict=True)]
        fig.links(panel, worst["value"], worst["after"], "now", style.FAINT)
        for name, column, tint, symbol in (
            ("before", "value", style.BEFORE, "circle"), ("now", "after", style.AFTER, "circle"),
            ("limit", "limit", style.LIMIT, "line-ns"),
        ):  # fmt: skip
            marker = {"color": tint, "size": 13, "symbol": symbol, "line": {"color": tint, "width": 0}}
            if symbol == "line-ns":
                marker |= {"size": 22, "line": {"color": tint, "width": 2.5}}
            fig.marks(panel, worst[column], name, marker, told, key=panel == 0)
    return fig.done()


def _relieved_told(view: FlexibilityView, group: BoxLimit, row: pd.Series) -> str:
    before, after, limit = measured(group.unit, row["value"], row["after"], row["limit"])
    return (
        f"<b>{escape(view.label(group))}</b><br>{view.clock.text(row['period'])}: {before} → {after}, limit "
        f"{limit}<br>held the box back in {many(len(group.periods), 'period')}"
    )


def _least_relieved(group: BoxLimit) -> pd.Series:
    """Row of the period in which the least room was gained, so that nothing looks better than it is."""
    gained = (group.rows["after"].astype(float) - group.rows["limit"].astype(float)).abs()
    return group.rows.loc[gained.idxmin()] if gained.notna().any() else group.rows.iloc[0]


def relieved_tables(view: FlexibilityView) -> list[Html]:
    """List what held the present topology back and no longer does."""
    groups = limit_groups(view.flex.relieved)

    def number(tell: Callable[[pd.Series], float]) -> Callable[[BoxLimit], str]:
        return lambda g: measured(g.unit, tell(_least_relieved(g)))[0]

    columns: dict[str, Callable[[BoxLimit], str]] = {
        "limit": lambda g: g.kind,
        "place": lambda g: view.labels.of(g.element, g.index),
        "held back": lambda g: ", ".join(g.ends),
        "when": lambda g: view.clock.spans(g.periods) or dash,
        ">before": number(lambda row: row["value"]),
        ">now": number(lambda row: row["after"]),
        ">allowed": number(lambda row: row["limit"]),
        ">room now": number(lambda row: abs(float(row["after"]) - float(row["limit"]))),
    }
    return _listed(groups, columns)


# Where it is held back ----------------------------------------------------------------------------------------


def network(view: FlexibilityView, state: str = "after") -> go.Figure:
    """Map of the network ``before`` or ``after``, with the lines and buses that hold the box back.

    Branches that limit are red, the wider the more periods they do; buses that limit have a ring, the larger the more.
    """
    findings = one_of({"state": STATES}, state=state)
    if findings:
        raise InputError(findings)
    flex = view.flex
    drawn = MapFigure(flex.topology, flex.coordinates, state, steps=view.step_numbers)
    groups = limit_groups(flex.binding if state == "after" else view.limits_before)
    placed = [(g, min(len(g.periods) / max(len(flex.box), 1), 1.0)) for g in groups if g.index == g.index]
    full = [
        (str(g.element), int(str(g.index)), 4 + 4 * weight, _where(view, g))
        for g, weight in placed
        if g.kind == "loading"
    ]
    drawn.highlight(full, "loading limits", _FULL)
    for kind, (least, tint) in _RINGS.items():
        here = [(g, weight) for g, weight in placed if g.kind == kind and g.element == "bus"]
        rings = [(int(str(g.index)), least + 6 * weight, _where(view, g)) for g, weight in here]
        drawn.ring(rings, f"{kind} limits", tint)
    fig = drawn.done()
    fig.layout.margin.t = 36
    if not drawn.is_tree:
        # Half a page wide, so that little air remains round it.
        across, up = (float(np.ptp(flex.coordinates[c].to_numpy(dtype=float))) for c in ("x", "y"))
        fig.layout.height = int(np.clip(150 + 560 * up / max(across, 1e-9), 330, 560))
    return fig


def _where(view: FlexibilityView, group: BoxLimit) -> str:
    count, when = many(len(group.periods), "period"), view.clock.spans(group.periods)
    text = f"<b>{escape(view.label(group))}</b><br>limits in {count}: {when}"
    return text + (f"<br>loosening it gives {group.worth}" if group.worth != dash else "")


def maps(view: FlexibilityView) -> list[Html]:
    """Draw the map, or those before and after where something is switched, with what limits."""
    if not view.switched:
        return [view.draw("network")]
    drawn = {state: network(view, state) for state in STATES}
    _same_key(*drawn.values())
    group = f"network{view.suffix}"
    blocks = [page.figure(fig, f"network-{s}-figure{view.suffix}", s.capitalize(), group) for s, fig in drawn.items()]
    return [page.side_by_side(*blocks)]


def _same_key(*maps: go.Figure) -> None:
    """Give maps the same entries in their keys, as else their keys and so the maps themselves differ in size."""
    entries = {trace.name: trace for fig in maps for trace in fig.data if trace.showlegend}
    for fig in maps:
        known = {trace.name for trace in fig.data if trace.showlegend}
        for name in [n for n in entries if n not in known]:
            fig.add_trace(go.Scatter(entries[name]).update(x=[None], y=[None], hovertext=None))
