"""Voltage along the feeders, before and after the plan."""

from __future__ import annotations

import math
from html import escape

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.reporting import style
from adnflex.reporting.forest import Forest, bus_forest, heavy_paths
from adnflex.reporting.geometry import single
from adnflex.reporting.inputs import bus_table, require, require_drawing, span
from adnflex.reporting.text import branch_label, bus_label, fixed
from adnflex.results import Check, Plan

__all__ = ["voltage_profile_figure"]

#: A limit farther from the voltages than this many times their own spread is told, not drawn.
_FAR = 0.75


def voltage_profile_figure(plan: Plan, check: Check | None) -> go.Figure:
    """Voltage [pu] of every bus against its distance from the supply, joined along the feeders.

    The distance is in km where the lines have lengths of their own, otherwise in branches. Each state has its
    own feeders, so a bus may move sideways as well.

    Parameters
    ----------
    plan : Plan
        The plan, with its drawing tables.
    check : Check or None
        Its AC check. Without one only the model's voltages after the plan are drawn.

    Returns
    -------
    plotly.graph_objects.Figure
        One trace a state, and the limits.

    Raises
    ------
    InputError
        If an argument is none of these, or the plan has no drawing tables.

    Examples
    --------
    >>> from adnflex.reporting._example import example
    >>> [trace.name for trace in voltage_profile_figure(*example()).data]
    ['before', 'after']
    """
    require(plan, check)
    require_drawing(plan)
    buses = bus_table(plan, check)
    fig = style.figure(420, hovermode="closest")
    by_length = _lengths_tell(plan.topology)
    reach = 0.0
    for state, tint, width in (("before", style.BEFORE, 1.5), ("after", style.AFTER, 2)):
        if buses[f"vm_{state}_pu"].notna().any():
            trace, farthest = _trace(plan, buses, state, by_length)
            trace.update(
                line={"color": tint, "width": width}, marker={"size": 4 if len(buses) < 300 else 2.5}
            )
            fig.add_trace(trace)
            reach = max(reach, farthest)
    _limits(fig, buses, reach)
    unit = "[km]" if by_length else "[branches]"
    fig.update_xaxes(title_text=f"distance from the supply {unit}", rangemode="tozero")
    fig.update_yaxes(title_text="voltage [pu]", tickformat=".3~f")
    return fig


def _lengths_tell(topology: pd.DataFrame) -> bool:
    """Whether the lines have lengths of their own: converted cases often say 1 km everywhere."""
    lengths = topology["length_km"].dropna()
    lengths = lengths[lengths > 0]
    return bool(len(lengths)) and not bool(len(lengths) > 1 and np.allclose(lengths, lengths.iloc[0]))


def _trace(plan: Plan, buses: pd.DataFrame, state: str, by_length: bool) -> tuple[go.Scatter, float]:
    """All feeders of one state as one trace with gaps, and the distance of the farthest bus."""
    forest, closed = bus_forest(plan.topology, plan.coordinates, state)
    lengths = closed["length_km"].fillna(0.0).to_numpy(dtype=float) if by_length else np.ones(len(closed))
    distance = forest.cumulated(lengths)
    voltage = buses[f"vm_{state}_pu"].to_numpy(dtype=float)
    texts = _texts(forest, closed, buses, distance, by_length)
    x, y, told = [], [], []
    for path in heavy_paths(forest):
        if not forest.supplied[path[-1]]:
            continue
        x += [*distance[path].tolist(), math.nan]
        y += [*voltage[path].tolist(), math.nan]
        told += [*(texts[node] for node in path), ""]
    reached = distance[forest.supplied]
    trace = go.Scatter(
        x=single(x),
        y=single(y),
        mode="lines+markers",
        name=state,
        hovertext=told,
        hovertemplate=f"%{{hovertext}}<extra>{state}</extra>",
    )
    return trace, float(reached.max()) if len(reached) else 0.0


def _texts(
    forest: Forest, closed: pd.DataFrame, buses: pd.DataFrame, distance: np.ndarray, by_length: bool
) -> list[str]:
    """Tell each bus's voltages, its distance and the branch by which its feeder begins."""
    feeder = _feeders(forest, closed)
    columns = ["name", "vm_before_pu", "vm_after_pu"]
    texts = []
    for node, (bus, name, before, after) in enumerate(buses[columns].itertuples()):
        far = fixed(distance[node], 2, "km") if by_length else f"{distance[node]:.0f} branches"
        text = (
            f"<b>{escape(bus_label(bus, name))}</b><br>{fixed(before, 4)} → {fixed(after, 4, 'pu')}<br>{far}"
        )
        texts.append(text + (f"<br>feeder from {escape(feeder[node])}" if feeder[node] else ""))
    return texts


def _feeders(forest: Forest, closed: pd.DataFrame) -> list[str]:
    """Name of each bus's feeder: the first line on its way from the supply."""
    labels = [branch_label(*row) for row in closed[["element", "index", "name"]].itertuples(index=False)]
    is_line = (closed["element"] == "line").to_numpy()
    feeder = [""] * len(forest.parent)
    for node in forest.order.tolist():
        above, via = int(forest.parent[node]), int(forest.via[node])
        if above >= 0:
            feeder[node] = feeder[above] or (labels[via] if is_line[via] else "")
    return feeder


def _limits(fig: go.Figure, buses: pd.DataFrame, reach: float) -> None:
    """Draw the limits that are near; say of the others where they lie."""
    low, high = span(buses["vm_before_pu"], buses["vm_after_pu"])
    if math.isnan(low):
        return
    spread = max(high - low, 0.005)
    bottom, top = low - 0.08 * spread, high + 0.08 * spread
    far = []
    for column, word in (("vm_min_pu", "lower limit"), ("vm_max_pu", "upper limit")):
        values = buses[column].dropna().unique()
        near = [float(v) for v in values if low - _FAR * spread <= v <= high + _FAR * spread]
        far += [f"{word} {v:g} pu" for v in sorted(set(values) - set(near))[:1]]
        for value in near:
            fig.add_hline(y=value, line={"color": style.LIMIT, "dash": "dash", "width": 1.5})
            fig.add_annotation(
                x=1, xref="paper", xanchor="right", y=value, yanchor="bottom", showarrow=False,
                text=f"{word} {value:g} pu",
                font={"color": style.LIMIT, "size": 12, "shadow": style.WHITE_EDGE},
            )  # fmt: skip
            bottom, top = min(bottom, value - 0.05 * spread), max(top, value + 0.1 * spread)
    if far:
        fig.add_annotation(
            x=1, xref="paper", xanchor="right", y=1, yref="paper", yanchor="top", showarrow=False,
            text="outside this view: " + ", ".join(far), font={"color": style.MUTED, "size": 12},
        )  # fmt: skip
    fig.update_yaxes(range=[bottom, top])
    fig.update_xaxes(range=[-0.01 * reach, 1.01 * reach] if reach else None)
