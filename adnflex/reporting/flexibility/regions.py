"""Regions of active and reactive power, hour by hour: proven from outside, verified from inside."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.arrays import FloatArray
from adnflex.reporting import page, style
from adnflex.reporting.clock import Clock
from adnflex.reporting.flexibility.view import FlexibilityView
from adnflex.reporting.page import Html
from adnflex.reporting.text import cell, fixed, measured, percent
from adnflex.reporting.views import NothingToDraw
from adnflex.results.flexibility import Flexibility
from adnflex.results.region import Region

#: Periods that the small pictures show; the slider has all.
_MOST_PANELS = 12
_COLUMNS = 4
_OUTER, _INNER = "#E69F00", style.AFTER
#: Vertices are told to this many MW.
_DECIMALS = 4


def regions_of(view: FlexibilityView) -> list[tuple[int, Region]]:
    """Every period with the region that has it, in order; of two regions with one period the last counts."""
    found = {period: region for region in view.regions for period in region.periods}
    if not found:
        raise NothingToDraw("regions: have no periods, so there is nothing to draw.")
    return sorted(found.items(), key=lambda item: item[0])


def region_grid(view: FlexibilityView) -> go.Figure:
    """Small pictures of the regions through the day, active [MW] against reactive power [Mvar], on common axes."""
    known, clock, flex = regions_of(view), view.clock, view.flex
    picked = sorted({round(k) for k in np.linspace(0, len(known) - 1, min(_MOST_PANELS, len(known)))})
    shown = [known[k] for k in picked]
    columns = min(_COLUMNS, len(shown))
    rows = -(-len(shown) // columns)
    fig = make_subplots(
        rows=rows, cols=columns, shared_xaxes="all", shared_yaxes="all", horizontal_spacing=0.015,
        vertical_spacing=0.26 / max(rows, 2), subplot_titles=[clock.text(p) for p, _ in shown],
    )  # fmt: skip
    fig.update_layout(template=style.TEMPLATE, height=110 + 205 * rows, hovermode="closest",
                      margin={"t": 62}, legend={"y": 1 + 34 / (50 + 205 * rows)})  # fmt: skip
    fig.update_annotations(font={"size": 12, "color": style.INK})
    for k, (period, region) in enumerate(shown):
        traces = _traces(region, period, flex, clock, key=k == 0)
        fig.add_traces(traces, rows=[k // columns + 1] * len(traces), cols=[k % columns + 1] * len(traces))
    for row in range(1, rows + 1):
        fig.update_yaxes(title_text="[Mvar]", row=row, col=1)
    for column in range(1, columns + 1):
        last = rows if (rows - 1) * columns + column <= len(shown) else rows - 1
        fig.update_xaxes(title_text="[MW]", showticklabels=True, row=last, col=column)
    fig.update_xaxes(nticks=4)
    fig.update_yaxes(nticks=5)
    return fig


def region(view: FlexibilityView) -> go.Figure:
    """Region of one period, active [MW] against reactive power [Mvar], with a slider through all periods."""
    known, clock, flex = regions_of(view), view.clock, view.flex
    fig = style.figure(600, hovermode="closest", margin={"t": 64, "b": 120})
    found = [(k, t) for k, (p, region) in enumerate(known) for t in _traces(region, p, flex, clock, key=True)]
    owner = [k for k, _ in found]
    # All at once: one by one, hundreds of traces take seconds.
    fig.add_traces([trace.update(visible=k == 0) for k, trace in found])
    steps = [
        {"label": clock.begin(p), "method": "update", "args": [{"visible": [o == k for o in owner]}]}
        for k, (p, _) in enumerate(known)
    ]
    if len(known) > 1:
        fig.update_layout(
            sliders=[{"steps": steps, "active": 0, "currentvalue": {"prefix": "from ", "font": {"size": 14}},
                      "pad": {"t": 58, "b": 4}, "font": {"size": 10, "color": style.MUTED}, "ticklen": 4}]
        )  # fmt: skip
    # One view for all, so that the slider shows what changes.
    for axis, column, title in (
        (fig.update_xaxes, 0, "import of active power [MW]"), (fig.update_yaxes, 1, "import of reactive power [Mvar]")
    ):  # fmt: skip
        axis(range=_view(known, column), title_text=title, zeroline=True, zerolinecolor=style.FAINT)
    return fig


def region_areas(view: FlexibilityView) -> go.Figure:
    """Areas [MW·Mvar] of the outer and the inner polygons by period."""
    known, clock = regions_of(view), view.clock
    fig = style.figure(260, barmode="overlay", hovermode="closest", bargap=0.2)
    areas = pd.DataFrame({p: region.areas.loc[p] for p, region in known}).T
    texts = [clock.text(p) for p, _ in known]
    ratio = [f", {fixed(100 * float(r), 1, '%')} of it verified" if r == r else "" for r in areas["ratio"]]
    for name, column, tint in (
        ("proven from outside", "outer", style.pale(_OUTER, 0.55)), ("verified from inside", "inner", _INNER)
    ):  # fmt: skip
        values = areas[column].astype(float)
        fig.add_trace(
            go.Bar(
                x=texts, y=values.to_numpy(), name=name, marker={"color": tint, "line": {"width": 0}}, hoverinfo="text",
                hovertext=[f"<b>{t}</b><br>{name} {fixed(v, 3, 'MW·Mvar')}{r}"
                           for t, v, r in zip(texts, values, ratio, strict=True)], textposition="none",
            )
        )  # fmt: skip
    same = list(clock.periods) == [p for p, _ in known]
    fig.update_xaxes(**(clock.category_axis() if same else {"type": "category", "nticks": 8}))
    fig.update_yaxes(title_text="area [MW·Mvar]", rangemode="tozero")
    return fig


def _view(known: list[tuple[int, Region]], column: int) -> list[float]:
    """Range of one coordinate over all periods, with a little air."""
    values = [_outline(region, period)[:, column] for period, region in known]
    found = np.concatenate([v for v in values if len(v)] or [np.zeros(1)])
    low, high = float(found.min()), float(found.max())
    air = max(0.06 * (high - low), 1e-3)
    return [low - air, high + air]


def _outline(region: Region, period: int) -> FloatArray:
    """Vertices of all that is drawn of a period."""
    inner = region.inner_polygons(period).values()
    return np.vstack([region.outer_polygon(period), *inner])


def _traces(region: Region, period: int, flex: Flexibility, clock: Clock, key: bool) -> list[go.Scatter]:
    """Outer polygon, inner polygons, verified points, and the box of active power of one period."""
    when = clock.text(period)
    area = region.areas.loc[period]
    found = [
        _polygon(region.outer_polygon(period), _OUTER, 0.07, "nothing can be beyond", key, "dash",
                 f"<b>{when}</b><br>proven: no import beyond this line; area {fixed(area['outer'], 3, 'MW·Mvar')}")
    ]  # fmt: skip
    for k, (combination, vertices) in enumerate(sorted(region.inner_polygons(period).items())):
        told = f"<b>{when}</b><br>between verified points; {_positions(region, period, combination)}"
        found.append(_polygon(vertices, _INNER, 0.22, "verified inside", key and k == 0, "solid", told))
    found.append(_points(region, period, when, key))
    if period in flex.box.index:
        found.append(_strip(flex, period, _outline(region, period), when, key))
    return found


def _polygon(
    vertices: FloatArray, tint: str, opacity: float, name: str, key: bool, dash: str, told: str
) -> go.Scatter:  # fmt: skip
    closed = np.vstack([vertices, vertices[:1]]) if len(vertices) else vertices
    return go.Scatter(
        x=closed[:, 0].round(_DECIMALS + 2), y=closed[:, 1].round(_DECIMALS + 2), mode="lines", fill="toself",
        fillcolor=style.pale(tint, opacity), line={"color": tint, "width": 1.8, "dash": dash}, name=name,
        legendgroup=name, showlegend=key, text=told, hoverinfo="text", hoveron="points+fills",
    )  # fmt: skip


def _positions(region: Region, period: int, combination: int) -> str:
    """Discrete positions of an inner polygon in words."""
    if region.positions.empty or (period, combination) not in region.positions.index:
        return f"combination {combination}"
    row = region.positions.loc[(period, combination)]
    words = [f"{table} {index} at {value:g}" for (table, index), value in row.items() if value == value]
    return ", ".join(words) or "no discrete positions"


def _points(region: Region, period: int, when: str, key: bool) -> go.Scatter:
    """States that AC power flow verified, each with the limit that is nearest."""
    table = region.points
    rows = table[table.index.get_level_values("period") == period] if len(table) else table
    told = []
    for row in rows.itertuples():
        text = f"<b>{when}</b><br>{fixed(row.p_mw, 3, 'MW')}, {fixed(row.q_mvar, 3, 'Mvar')}: verified in AC"
        kind = cell(getattr(row, "limit_kind", None))
        if len(kind) > 1:
            value, limit = measured(str(row.limit_unit), float(row.limit_value), float(row.limit))
            where = f"{row.limit_element} {row.limit_index}"
            text += f"<br>nearest limit: {escape(kind)} at {escape(where)}, {value} of {limit}"
        told.append(text)
    return go.Scatter(
        x=rows["p_mw"].astype(float).to_numpy() if len(rows) else [], name="verified in AC", showlegend=key,
        y=rows["q_mvar"].astype(float).to_numpy() if len(rows) else [], mode="markers", legendgroup="points",
        marker={"color": style.INK, "size": 5}, hovertext=told, hoverinfo="text",
    )  # fmt: skip


def _strip(flex: Flexibility, period: int, outline: FloatArray, when: str, key: bool) -> go.Scatter:
    """Draw the imports that the box promises, over the whole height of the region."""
    low, high = (float(flex.box.at[period, c]) for c in ("lower_mw", "upper_mw"))
    bottom, top = (float(f(outline[:, 1])) for f in (np.min, np.max)) if len(outline) else (0.0, 0.0)
    return go.Scatter(
        x=[low, low, None, high, high], y=[bottom, top, None, bottom, top], mode="lines", name="box",
        line={"color": style.CLOSED_BY_PLAN, "width": 2, "dash": "dot"}, legendgroup="box", showlegend=key,
        hovertext=f"<b>{when}</b><br>box {fixed(low, 3)} to {fixed(high, 3, 'MW')}", hoverinfo="text",
    )  # fmt: skip


def region_blocks(view: FlexibilityView) -> list[Html]:
    """Verdicts, figures and numbers of the regions."""
    blocks = _verdicts(view)
    if len(regions_of(view)) > 1:
        blocks += [view.draw("region-grid", "Through the day"), view.draw("region", "Any period: move the slider")]
        blocks.append(view.draw("region-areas", "Areas"))
    else:
        blocks.append(view.draw("region"))
    return [*blocks, page.details("The regions as numbers", *_numbers(view))]


def _verdicts(view: FlexibilityView) -> list[Html]:
    badges = [
        page.join(page.badge("passed" if c.passed else "FAILED", "good" if c.passed else "bad"), f" {c.verdict}")
        for c in view.region_checks
    ]
    return [page.bar(*(page.join(Html("<span>"), b, Html("</span>")) for b in badges))] if badges else []


def _numbers(view: FlexibilityView) -> list[Html]:
    def points(of: tuple[int, Region]) -> str:
        table = of[1].points
        return str(int((table.index.get_level_values("period") == of[0]).sum()) if len(table) else 0)

    def area(column: str) -> Callable[[tuple[int, Region]], str]:
        return lambda of: fixed(of[1].areas.at[of[0], column], 3, "MW·Mvar")

    columns: dict[str, Callable[[tuple[int, Region]], str]] = {
        "when": lambda of: view.clock.text(of[0]),
        ">proven from outside": area("outer"),
        ">verified from inside": area("inner"),
        ">part": lambda of: percent(100 * float(of[1].areas.at[of[0], "ratio"])),
        ">points": points,
        "status": lambda of: cell(of[1].areas.at[of[0], "status"]).replace("_", " "),
    }
    return page.listing(regions_of(view), columns)
