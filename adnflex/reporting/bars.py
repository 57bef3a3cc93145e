"""Branches in order of what they carry and of what they lose."""

from __future__ import annotations

import math
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.errors import InputError
from adnflex.reporting import style
from adnflex.reporting.inputs import require, require_check
from adnflex.reporting.text import branch_label, percent, power
from adnflex.results import Check, Plan

__all__ = ["MOST", "loading_figure", "loss_figure"]

#: How many branches are shown unless asked otherwise.
MOST = 20
_ROW = 19
_FRAME = 110
#: Loading beyond its limit that is rounding, not overload [%].
_FORGIVEN = 1e-3


def loading_figure(plan: Plan, check: Check, most: int = MOST) -> go.Figure:
    """Bars of the most loaded branches before and after the plan [% of the rating], the fullest on top.

    Parameters
    ----------
    plan : Plan
        The plan.
    check : Check
        Its AC check.
    most : int
        How many branches are shown.

    Returns
    -------
    plotly.graph_objects.Figure
        Bars before and after, and a mark at each limit.

    Raises
    ------
    InputError
        If an argument is none of these.

    Examples
    --------
    >>> from adnflex.reporting._example import example
    >>> loading_figure(*example()).data[1].x.tolist()
    [41.06, 25.32, nan, 18.79]
    """
    require(plan, check)
    columns = ["loading_before_percent", "loading_percent", "loading_limit_percent"]
    table = _columns(require_check(check, "loadings").branches, *columns)
    highest = table[columns[:2]].max(axis=1)
    rows = _top(_labelled(plan, table), highest, most)
    fig = _frame(len(rows) * 1.4)
    limit = rows["loading_limit_percent"].to_numpy(dtype=float)
    after = rows["loading_percent"].to_numpy(dtype=float)
    with np.errstate(invalid="ignore"):
        over = after > limit + _FORGIVEN
    fig.add_trace(_bars(rows, rows["loading_before_percent"], "before", style.BEFORE, "%{x:.1f} %"))
    fig.add_trace(_bars(rows, np.where(over, math.nan, after), "after", style.AFTER, "%{x:.1f} %"))
    if over.any():
        above = _bars(rows, np.where(over, after, math.nan), "after, over its limit", style.OVER_LIMIT, "%{x:.1f} %")
        fig.add_trace(above.update(offsetgroup="after"))
    if _limits_are_near(limit, highest):
        fig.add_trace(
            go.Scatter(
                x=limit, y=rows["place"], mode="markers", name="limit",
                hovertemplate="limit %{x:.0f} %<extra></extra>",
                marker={"symbol": "line-ns", "size": 12, "line": {"color": style.LIMIT, "width": 2.5}},
            )
        )  # fmt: skip
    fig.update_layout(barmode="group", bargap=0.25, bargroupgap=0.0)
    fig.update_xaxes(title_text="loading [%]", rangemode="tozero")
    return fig


def loss_figure(plan: Plan, check: Check | None, most: int = MOST) -> go.Figure:
    """Bars of the branches that lose most after the plan [kW], by AC power flow where there is a check.

    Parameters
    ----------
    plan : Plan
        The plan.
    check : Check or None
        Its AC check; without one the losses are the model's.
    most : int
        How many branches are shown.

    Returns
    -------
    plotly.graph_objects.Figure
        One bar a branch.

    Raises
    ------
    InputError
        If an argument is none of these.

    Examples
    --------
    >>> from adnflex.reporting._example import example
    >>> loss_figure(*example()).data[0].x.round(3).tolist()
    [12.943, 3.693, 3.386, 0.0]
    """
    require(plan, check)
    table = _columns(plan.branches if check is None else check.branches, "loss_mw")
    losses = table["loss_mw"]
    rows = _top(_labelled(plan, table), losses, most)
    total = float(losses.sum())
    fig = _frame(len(rows))
    kw = rows["loss_mw"].to_numpy(dtype=float) * 1e3
    trace = _bars(rows, kw, "after", style.AFTER, "%{customdata}")
    shares = np.cumsum(kw) / 1e3 / total if total > 0 else np.full(len(kw), math.nan)
    trace.customdata = [
        f"{power(value / 1e3)}<br>the {rank} largest together: {percent(100 * part)} of all losses"
        for rank, (value, part) in enumerate(zip(kw, shares, strict=True), start=1)
    ]
    fig.add_trace(trace)
    fig.update_layout(showlegend=False)
    fig.update_xaxes(title_text="losses after the plan [kW]", rangemode="tozero", exponentformat="none")
    return fig


def _columns(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Branches with these columns of numbers; NaN where the table does not have them."""
    return table.reindex(columns=["element", "index", *columns]).astype(dict.fromkeys(columns, float))


def _labelled(plan: Plan, table: pd.DataFrame) -> pd.DataFrame:
    """Table of branches with the short label of the axis and the long one of the hover."""
    known = plan.topology.reindex(columns=["element", "index", "name"]).itertuples(index=False)
    names = {(str(element), int(index)): name for element, index, name in known}
    pairs = list(table[["element", "index"]].itertuples(index=False, name=None))
    return table.assign(
        place=[branch_label(e, i) for e, i in pairs],
        label=[escape(branch_label(e, i, names.get((e, i), ""))) for e, i in pairs],
    )


def _top(table: pd.DataFrame, key: pd.Series, most: int) -> pd.DataFrame:
    """Rows with the largest values of `key`, the largest first; ties in the table's own order."""
    if most < 1:
        raise InputError(f"most: is {most}; give the number of branches to show, at least 1.")
    order = key.sort_values(ascending=False, kind="stable").dropna().index[:most]
    return table.loc[order]


def _frame(rows: float) -> go.Figure:
    """Figure of horizontal bars, tall enough for its rows, the first row on top."""
    fig = style.figure(int(_FRAME + _ROW * max(rows, 3)))
    fig.update_yaxes(autorange="reversed", type="category", ticks="", ticksuffix="  ", showgrid=False)
    return fig


def _bars(rows: pd.DataFrame, values: Any, name: str, tint: Any, shown: str) -> go.Bar:
    """Horizontal bars of one state."""
    return go.Bar(
        x=np.asarray(values, dtype=float),
        y=rows["place"],
        orientation="h",
        name=name,
        offsetgroup=name,
        marker={"color": tint},
        hovertext=rows["label"],
        hovertemplate=f"<b>%{{hovertext}}</b><br>{name}: {shown}<extra></extra>",
    )


def _limits_are_near(limit: np.ndarray[Any, Any], highest: pd.Series) -> bool:
    """Whether limits can be drawn without pressing the bars flat."""
    finite = limit[np.isfinite(limit)]
    return bool(len(finite)) and float(finite.min()) < 20 * max(float(highest.max()), 1e-9)
