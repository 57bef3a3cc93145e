"""Voltage along the feeders, before and after the plan."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.arrays import FloatArray
from adnflex.grid.drawn_forest import DrawnForest, bus_forest, heavy_paths
from adnflex.reporting import style
from adnflex.reporting.canvas.geometry import single
from adnflex.reporting.canvas.hover import span
from adnflex.reporting.reconfiguration.view import SwitchingView
from adnflex.reporting.text import branch_label, bus_label, fixed
from adnflex.reporting.views import NothingToDraw
from adnflex.results import Plan

#: A limit farther from the voltages than this many times their own spread is told, not drawn.
_FAR = 0.75

#: Of more buses only their names are told.
_MOST_TOLD = 2000


def voltage_profile(view: SwitchingView) -> go.Figure:
    """Voltage [pu] of every bus against its distance from the supply, joined along the feeders.

    The distance is in km where the lines have lengths of their own, otherwise in branches. Each state has its
    own feeders, so a bus may move sideways as well.
    """
    plan = view.plan
    if not view.has_map:
        raise NothingToDraw(
            "plan: topology and coordinates are empty, so there are no feeders to draw; fill them with "
            "adnflex.grid.layout.drawing_tables(net, plan.switches), or give report() the net."
        )
    columns = ["vm_before_pu", "vm_after_pu", "vm_min_pu", "vm_max_pu"]
    found = view.voltages.reindex(index=plan.coordinates.index, columns=columns).astype(float)
    buses = pd.concat([plan.coordinates, found], axis=1)
    fig = style.figure(420, hovermode="closest")
    by_length = _lengths_tell(plan.topology)
    feeders = {state: _feeders(plan, state, by_length) for state in ("before", "after")}
    for state, tint, width in (("before", style.BEFORE, 1.5), ("after", style.AFTER, 2)):
        if buses[f"vm_{state}_pu"].notna().any():
            trace = _trace(buses, state, feeders[state], by_length)
            size = 4 if len(buses) < 300 else 2.5
            fig.add_trace(trace.update(line={"color": tint, "width": width}, marker={"size": size}))
    _limits(fig, buses, feeders["after"].distance)
    reach = max(float(f.distance[f.forest.supplied].max(initial=0.0)) for f in feeders.values())
    unit = "[km]" if by_length else "[branches]"
    fig.update_xaxes(title_text=f"distance from the supply {unit}")
    fig.update_xaxes(range=[-0.01 * reach, 1.01 * reach] if reach else None)
    fig.update_yaxes(title_text="voltage [pu]", tickformat=".3~f")
    return fig


@dataclass(frozen=True)
class _Feeders:
    """Feeders of one state: distance of each bus from its supply, and the line by which its feeder begins."""

    forest: DrawnForest
    distance: FloatArray
    first: list[str]


def _feeders(plan: Plan, state: str, by_length: bool) -> _Feeders:
    """Follow the feeders away from their supply."""
    forest, closed = bus_forest(plan.topology, plan.coordinates, state)
    lengths = closed["length_km"].fillna(0.0).to_numpy(dtype=float) if by_length else np.ones(len(closed))
    labels = [branch_label(*row) for row in closed[["element", "index", "name"]].itertuples(index=False)]
    is_line = (closed["element"] == "line").to_numpy()
    first = [""] * len(forest.parent)
    for node in forest.order.tolist():
        above, via = int(forest.parent[node]), int(forest.via[node])
        if above >= 0:
            first[node] = first[above] or (labels[via] if is_line[via] else "")
    return _Feeders(forest, forest.cumulated(lengths), first)


def _lengths_tell(topology: pd.DataFrame) -> bool:
    """Whether the lines have lengths of their own: converted cases often say 1 km everywhere."""
    lengths = topology["length_km"].dropna()
    lengths = lengths[lengths > 0]
    return bool(len(lengths)) and not bool(len(lengths) > 1 and np.allclose(lengths, lengths.iloc[0]))


def _trace(buses: pd.DataFrame, state: str, feeders: _Feeders, by_length: bool) -> go.Scatter:
    """All feeders of one state as one trace with gaps; what no supply reaches is left out."""
    voltage = buses[f"vm_{state}_pu"].to_numpy(dtype=float)
    texts = _texts(buses, feeders, by_length)
    x, y, told = [], [], []
    for path in heavy_paths(feeders.forest):
        if feeders.forest.supplied[path[-1]]:
            x += [*feeders.distance[path].tolist(), math.nan]
            y += [*voltage[path].tolist(), math.nan]
            told += [*(texts[node] for node in path), ""]
    return go.Scatter(
        x=single(x),
        y=single(y),
        mode="lines+markers",
        name=state,
        hovertext=told,
        hovertemplate=f"%{{hovertext}}<extra>{state}</extra>",
    )


def _texts(buses: pd.DataFrame, feeders: _Feeders, by_length: bool) -> list[str]:
    """Tell each bus's voltages, its distance and the line by which its feeder begins; of many buses only the name."""
    columns = ["name", "vm_before_pu", "vm_after_pu"]
    texts = []
    if len(buses) > _MOST_TOLD:
        return [escape(bus_label(bus, name)) for bus, name in buses["name"].items()]
    for node, (bus, name, before, after) in enumerate(buses[columns].itertuples()):
        distance, first = feeders.distance[node], feeders.first[node]
        far = fixed(distance, 2, "km") if by_length else f"{distance:.0f} branches"
        text = f"<b>{escape(bus_label(bus, name))}</b><br>{fixed(before, 4)} → {fixed(after, 4, 'pu')}<br>{far}"
        texts.append(text + (f"<br>feeder from {escape(first)}" if first else ""))
    return texts


def _limits(fig: go.Figure, buses: pd.DataFrame, distance: FloatArray) -> None:
    """Draw the limits that are near; say of the others where they lie.

    The limit of most buses is a line, others are marks at their buses. Roots are left out: their voltage is
    given, and case files like to give them limits equal to it.
    """
    low, high = span(buses["vm_before_pu"], buses["vm_after_pu"])
    if math.isnan(low):
        return
    air = max(high - low, 0.005)
    view, far, marks = [low - 0.08 * air, high + 0.08 * air], [], []
    for column, word in (("vm_min_pu", "lower limit"), ("vm_max_pu", "upper limit")):
        values = buses[column].where(buses["kind"] != "root")
        near = values.between(low - _FAR * air, high + _FAR * air)
        if values.notna().any():
            usual = float(values.mode().iloc[0])
            others = near & (values != usual)
            marks.append((distance[others.to_numpy()], values[others].to_numpy(dtype=float)))
            if near[values == usual].any():
                _limit_line(fig, usual, f"{word} {usual:g} pu" + (" (most buses)" if others.any() else ""))
                view += [usual - 0.05 * air, usual + 0.1 * air]
            else:
                far.append(f"{word} {usual:g} pu")
    view += _limit_marks(fig, marks)
    if far:
        fig.add_annotation(
            x=1, xref="paper", xanchor="right", y=1, yref="paper", yanchor="top", showarrow=False,
            text="outside this view: " + ", ".join(far), font={"color": style.MUTED, "size": 12},
        )  # fmt: skip
    fig.update_yaxes(range=[min(view), max(view)])


def _limit_line(fig: go.Figure, value: float, text: str) -> None:
    """Draw the limit of most buses."""
    fig.add_hline(y=value, line={"color": style.LIMIT, "dash": "dash", "width": 1.5})
    fig.add_annotation(
        x=1, xref="paper", xanchor="right", y=value, yanchor="bottom", showarrow=False, text=text,
        font={"color": style.LIMIT, "size": 12, "shadow": style.WHITE_EDGE},
    )  # fmt: skip


def _limit_marks(fig: go.Figure, marks: list[tuple[FloatArray, FloatArray]]) -> list[float]:
    """Draw the limits of single buses where they differ, and return them."""
    x, y = (np.concatenate([part[k] for part in marks]) if marks else np.zeros(0) for k in (0, 1))
    if len(y):
        marker = {"symbol": "line-ew", "size": 9, "line": {"color": style.LIMIT, "width": 1.5}}
        name = "limits of single buses"
        fig.add_trace(go.Scatter(x=x, y=y, mode="markers", marker=marker, name=name, hoverinfo="y+name"))
    return y.tolist()
