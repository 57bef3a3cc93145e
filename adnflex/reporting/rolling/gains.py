"""What a policy gains: paired differences on common days, and how they are spread over the days."""

from __future__ import annotations

import math
from html import escape

import numpy as np
import numpy.typing as npt
import pandas as pd
from plotly import graph_objects as go

from adnflex.reporting import style
from adnflex.reporting.rolling.inputs import FLOOR, require_comparison
from adnflex.results.rolling import Comparison

__all__ = ["days_figure", "difference_figure", "total_figure"]

Floats = npt.NDArray[np.float64]

_ROW = 40
#: A row this many times as far from zero as the next one is left to its number.
_FAR = 15.0


def difference_figure(comparison: Comparison, reference: str | None = None) -> go.Figure:
    """Draw the paired difference of each policy to a reference on the same days [currency a day], with its 95 % CI.

    Parameters
    ----------
    comparison : Comparison
        Policies over common days.
    reference : str, optional
        A policy; by default the first.

    Returns
    -------
    plotly.graph_objects.Figure
        A mark and an interval a policy; to the left of zero is cheaper than the reference.

    Raises
    ------
    InputError
        If there are less than two policies, or no such reference.

    Examples
    --------
    >>> from adnflex.reporting.rolling._example import example
    >>> fig = difference_figure(example()[1], "pool")
    >>> [trace.name for trace in fig.data]
    ['rollout', 'floor']
    """
    table = require_comparison(comparison, least=2).against(reference)
    reference = str(comparison.days.columns[0]) if reference is None else reference
    table = table.drop(index=reference)
    names = [str(name) for name in table.index]
    off, width = (table[c].to_numpy(dtype=float) for c in ("difference", "ci95"))
    fig = style.figure(int(100 + 1.15 * _ROW * max(len(names), 2)), showlegend=False)
    error = np.nan_to_num(width)
    # A sure difference is filled, one whose interval holds zero (or is not known) is hollow.
    sure = np.isfinite(width) & (np.abs(off) > error)
    near, far = _near(off, off - error, off + error, _least(names, off))
    for k, name in enumerate(names):
        tint = style.MUTED if not sure[k] else style.AFTER if off[k] < 0 else style.LIMIT
        text = f"{off[k]:+,.2f}" + (f" ± {width[k]:,.2f}" if math.isfinite(width[k]) else "")
        days = f"not dearer on {table['not_worse'].iloc[k]} of {table['days'].iloc[k]} days"
        beyond = name in {names[j] for j in far}
        fig.add_trace(
            go.Scatter(
                x=[min(max(float(off[k]), near[0]), near[1])], y=[name], mode="markers", name=name,
                marker={
                    "color": tint if sure[k] else "white", "size": 12, "line": {"color": tint, "width": 2.5},
                    "symbol": ("triangle-right" if off[k] > 0 else "triangle-left") if beyond else "circle",
                },
                error_x=None if beyond else {"type": "data", "array": [error[k]], "color": tint, "thickness": 2.5,
                                            "width": 7},
                cliponaxis=False,
                hovertemplate=(
                    f"<b>{escape(name)}</b> less {escape(reference)}<br>{text.replace('-', '−')} {comparison.currency} "
                    f"a day<br>{days}<extra></extra>"
                ),
            )
        )  # fmt: skip
    fig.add_vline(x=0, line={"color": style.INK, "width": 1.5})
    fig.update_xaxes(title_text=f"less {reference} [{comparison.currency} a day]", exponentformat="none", range=near)
    told = [
        f"{escape(name)}<br><b>{o:+,.2f}{f' ± {w:,.2f}' if math.isfinite(w) else ''}</b>".replace("-", "−")
        for name, o, w in zip(names, off, width, strict=True)
    ]
    _named(fig, names, told)
    return fig


def _near(off: Floats, low: Floats, high: Floats, least: float = 0.0) -> tuple[list[float], list[int]]:
    """View that shows what is near to zero, and which rows are so far off that they would press the rest flat.

    Rows up to `least` from zero are shown in any case.

    Examples
    --------
    >>> _near(np.array([1.0, -5.0, 700.0]), np.array([-1.0, -9.0, 600.0]), np.array([2.0, 1.0, 900.0]))
    ([-10.375, 3.375], [2])
    """
    size = np.abs(off)
    order = np.argsort(size, kind="stable")
    kept = len(order)
    for place in range(1, len(order)):
        before = max(float(size[order[place - 1]]), least)
        if before > 0 and size[order[place]] > _FAR * before:
            kept = place
            break
    shown = order[:kept]
    left, right = min(0.0, float(low[shown].min(initial=0.0))), max(0.0, float(high[shown].max(initial=0.0)))
    room = 0.125 * max(right - left, 1e-6)
    return [left - room, right + room], sorted(int(k) for k in order[kept:])


def _least(names: list[str], off: Floats) -> float:
    """Distance of the floor from the reference: the scale that a gain is seen on."""
    return float(abs(off[names.index(FLOOR)])) if FLOOR in names else 0.0


def _named(fig: go.Figure, names: list[str], told: list[str]) -> None:
    """Rows from top to bottom, with their texts."""
    fig.update_yaxes(
        type="category", ticks="", ticksuffix="  ", tickvals=names, ticktext=told, categoryorder="array",
        categoryarray=names, range=[len(names) - 0.4, -0.6],
    )  # fmt: skip


def total_figure(comparison: Comparison) -> go.Figure:
    """Draw the distribution of the total over the days [currency]: a box a policy, and every day as a dot.

    Parameters
    ----------
    comparison : Comparison
        Policies over common days.

    Returns
    -------
    plotly.graph_objects.Figure
        One box a policy.

    Raises
    ------
    InputError
        If the argument is no comparison, or no day is common to all policies.

    Examples
    --------
    >>> from adnflex.reporting.rolling._example import example
    >>> [trace.name for trace in total_figure(example()[1]).data]
    ['pool', 'rollout', 'floor']
    """
    days = require_comparison(comparison).days.astype(float)
    return _boxes(days, f"total of a day [{comparison.currency}]", comparison.currency, "")


def days_figure(comparison: Comparison, reference: str | None = None) -> go.Figure:
    """Draw how the paired differences to a reference are spread over the days [currency].

    Parameters
    ----------
    comparison : Comparison
        Policies over common days.
    reference : str, optional
        A policy; by default the first.

    Returns
    -------
    plotly.graph_objects.Figure
        One box a policy, and every day as a dot.

    Raises
    ------
    InputError
        If there are less than two policies, or no such reference.

    Examples
    --------
    >>> from adnflex.reporting.rolling._example import example
    >>> bool((days_figure(example()[1], "floor").data[0].x >= -1e-6).all())
    True
    """
    require_comparison(comparison, least=2).against(reference)  # says what is wrong with a reference
    reference = str(comparison.days.columns[0]) if reference is None else reference
    days = comparison.days.astype(float)
    off = days.drop(columns=reference).sub(days[reference], axis=0)
    fig = _boxes(
        off, f"less {reference}, day by day [{comparison.currency}]", comparison.currency, f" less {reference}"
    )
    fig.add_vline(x=0, line={"color": style.INK, "width": 1.5})
    return fig


def _boxes(days: pd.DataFrame, title: str, currency: str, against: str) -> go.Figure:
    """Boxes that lie on their side, so that long names of policies have room."""
    names = [str(name) for name in days.columns]
    fig = style.figure(int(120 + 1.3 * _ROW * max(len(names), 2)), showlegend=False)
    for name in names:
        tint = style.MUTED if name == FLOOR else style.AFTER
        values = days[name].to_numpy(dtype=float)
        shared = {"orientation": "h", "name": name, "y": [name] * len(values), "x": values}
        fig.add_trace(
            go.Box(
                **shared, boxpoints="all", jitter=0.5, pointpos=0.0, width=0.55, line={"color": tint, "width": 1.5},
                fillcolor=style.pale(tint, 0.12), marker={"color": style.pale(tint, 0.6), "size": 5},
                customdata=[f"day {day}" for day in days.index], hoveron="points",
                hovertemplate=(
                    f"<b>{escape(name)}</b>{escape(against)}<br>%{{customdata}}: %{{x:,.2f}} {currency}<extra></extra>"
                ),
            )
        )  # fmt: skip
    fig.update_xaxes(title_text=title, exponentformat="none")
    told = [escape(name) for name in names]
    if against and len(days):
        values = days.to_numpy(dtype=float)
        off = values.mean(axis=0)
        near, far = _near(off, values.min(axis=0), values.max(axis=0), _least(names, off))
        fig.update_xaxes(range=near)
        for k in far:
            ends = f"{values[:, k].min():+,.0f} to {values[:, k].max():+,.0f}".replace("-", "−")
            side = "→" if values[:, k].mean() > 0 else "←"
            told[k] += f"<br><b>{ends} {side}</b>"
    _named(fig, names, told)
    return fig
