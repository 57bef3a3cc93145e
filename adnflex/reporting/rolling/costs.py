"""What a day costs, item by item, for one day and for policies over common days."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.reporting import style
from adnflex.reporting.rolling.inputs import ITEM_WORDS, require_comparison, require_run
from adnflex.reporting.text import money
from adnflex.results.rolling import ITEMS, Comparison, RollingRun

__all__ = ["ITEM_TINTS", "cost_figure", "policy_cost_figure"]

ITEM_TINTS = {
    "purchase": "#0072B2",
    "storage": "#D55E00",
    "ev_profit": "#E69F00",
    "ev_subsidy": "#CC79A7",
    "solar": "#009E73",
    "wind": "#56B4E9",
    "total": style.INK,
}
_ROW = 38


def cost_figure(run: RollingRun) -> go.Figure:
    """Draw how the items of a day add up to its total [currency]: each bar begins where the one above it ends.

    Parameters
    ----------
    run : RollingRun
        The day.

    Returns
    -------
    plotly.graph_objects.Figure
        One bar an item, and the total.

    Raises
    ------
    InputError
        If the argument is no run.

    Examples
    --------
    >>> from adnflex.reporting.rolling._example import example
    >>> [bar.name for bar in cost_figure(example()[0]).data]
    ['sun available', 'wind available', 'subsidy for arrivals', 'purchase', 'paid by vehicles', 'total']
    """
    require_run(run)
    values = run.costs["cost"].astype(float)
    values = values[(values != 0) | (values.index != "storage")]  # most storages cost nothing
    # What does not depend on the policy first, then what does; the income brings the sum back to the total.
    order = [i for i in ("solar", "wind", "ev_subsidy", "purchase", "storage", "ev_profit") if i in values.index]
    order += [str(item) for item in values.index if item not in {*order, "total"}]
    fig = style.figure(int(110 + _ROW * (len(order) + 1)), showlegend=False, bargap=0.3)
    at, ends = 0.0, [0.0]
    for item in [*order, "total"]:
        total = item == "total"
        value = run.total if total else float(values[item])
        word = ITEM_WORDS.get(item, item)
        start = 0.0 if total else at
        # Behind a long income the text would stand on the names of the items.
        inside = not total and value < 0 and abs(value) > 0.4 * abs(at)
        told = f" {money(value, '', 1.0)} "
        fig.add_trace(
            go.Bar(
                x=[value], base=[start], y=[f"<b>{word}</b>" if total else word], orientation="h", name=word, width=0.7,
                marker={"color": ITEM_TINTS.get(item, style.MUTED)},
                text=[told], textposition="inside" if inside else "outside", cliponaxis=False,
                insidetextanchor="middle", textangle=0,
                hovertemplate=f"{word}: {money(value, run.currency, 1.0)}<extra></extra>",
            )
        )  # fmt: skip
        at = at if total else at + value
        ends += [start, start + value]
    low, high = min(ends), max(ends)
    # Texts are as wide on a narrow page as on a wide one.
    room = 0.3 * max(high - low, 1.0)
    fig.update_xaxes(title_text=f"cost of the day [{run.currency}]", exponentformat="none")
    fig.update_xaxes(range=[low - room, high + room], zeroline=True, zerolinecolor=style.INK)
    fig.update_yaxes(autorange="reversed", type="category", ticks="", ticksuffix="  ", showgrid=False)
    return fig


def policy_cost_figure(comparison: Comparison) -> go.Figure:
    """Mean cost of a day by item and policy [currency]: costs to the right of zero, income to the left.

    Parameters
    ----------
    comparison : Comparison
        Policies over common days.

    Returns
    -------
    plotly.graph_objects.Figure
        A stacked bar a policy, and a mark at its total.

    Raises
    ------
    InputError
        If the argument is no comparison, or no day is common to all policies.

    Examples
    --------
    >>> from adnflex.reporting.rolling._example import example
    >>> fig = policy_cost_figure(example()[1])
    >>> fig.data[-1].name, list(fig.data[0].y)
    ('total ± 95 %', ['pool', 'rollout', 'floor'])
    """
    table = require_comparison(comparison).table
    names = [str(name) for name in table.index]
    fig = style.figure(int(150 + _ROW * max(len(names), 2)), barmode="relative", bargap=0.35)
    for item in ("purchase", "storage", "solar", "wind", "ev_subsidy", "ev_profit"):
        if item == "storage" and not table[item].any():
            continue
        fig.add_trace(
            go.Bar(
                x=table[item].to_numpy(dtype=float), y=names, orientation="h", name=ITEM_WORDS[item],
                marker={"color": ITEM_TINTS[item], "line": {"color": "white", "width": 0.5}},
                hovertemplate=f"%{{y}}, {ITEM_WORDS[item]}: %{{x:,.2f}} {comparison.currency} a day<extra></extra>",
            )
        )  # fmt: skip
    # The total as `Comparison.days` has it: less the value of what is stored at the end.
    width = np.nan_to_num(table["ci95"].to_numpy(dtype=float))
    fig.add_trace(
        go.Scatter(
            x=table["mean"].to_numpy(dtype=float), y=names, mode="markers", name="total ± 95 %",
            marker={"symbol": "diamond", "size": 11, "color": style.INK, "line": {"color": "white", "width": 1.5}},
            error_x=_whisker(width),
            customdata=width,
            hovertemplate=f"%{{y}}: %{{x:,.2f}} ± %{{customdata:,.2f}} {comparison.currency} a day<extra></extra>",
        )
    )  # fmt: skip
    fig.update_xaxes(title_text=f"mean cost of a day [{comparison.currency}]", exponentformat="none")
    fig.update_xaxes(zeroline=True, zerolinecolor=style.INK)
    fig.update_yaxes(autorange="reversed", type="category", ticks="", ticksuffix="  ", showgrid=False)
    return fig


def _whisker(width: np.ndarray[Any, np.dtype[np.float64]]) -> dict[str, Any]:
    return {"type": "data", "array": width, "color": style.INK, "thickness": 1.5, "width": 5, "visible": True}


def items_of(comparison: Comparison) -> pd.DataFrame:
    """Mean of each item over the common days (rows) by policy (columns) [currency]."""
    table = comparison.table
    return table[list(ITEMS)].T.rename_axis("item")
