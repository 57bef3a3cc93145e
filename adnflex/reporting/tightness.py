"""How exact the model's answer is, branch by branch."""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.reporting import style
from adnflex.reporting.inputs import require
from adnflex.reporting.text import branch_label
from adnflex.results import Check, Plan

__all__ = ["EXACT_GAP", "gap_table", "tightness_figure"]

#: Relative gap below which only the solver's own accuracy is left.
EXACT_GAP = 1e-5
_FLOOR = 1e-12
_MOST_BARS = 200


def tightness_figure(plan: Plan, check: Check | None) -> go.Figure:
    """Cone gap [-] of every closed branch on a logarithmic scale, and the loss that it invents [W].

    The model lets the current of a branch be larger than its power flow asks for. Where it is not (gap near
    zero) the model's answer obeys the laws of physics exactly.

    Parameters
    ----------
    plan : Plan
        The plan.
    check : Check or None
        Its AC check; without one the gaps are those in the plan.

    Returns
    -------
    plotly.graph_objects.Figure
        Two panels: gaps of all branches, and the largest invented losses.

    Raises
    ------
    InputError
        If an argument is none of these.

    Examples
    --------
    >>> from adnflex.reporting._example import example
    >>> tightness_figure(*example()).data[0].y.tolist()
    [1.3e-08, 4e-09, 2.1e-09]
    """
    require(plan, check)
    table = gap_table(plan, check)
    fig = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    fig.update_layout(template=style.figure().layout.template, height=440, showlegend=False)
    gaps = table.sort_values("cone_gap", ascending=False, kind="stable")
    # A logarithm needs a floor; gaps below it (some solvers give −1e-15) stand on it and are told as is.
    height = gaps["cone_gap"].clip(lower=_FLOOR)
    fig.add_trace(_ranked(gaps, height, bars=False), row=1, col=1)
    losses = table.sort_values("cone_loss_mw", ascending=False, kind="stable").head(_MOST_BARS)
    fig.add_trace(_ranked(losses, losses["cone_loss_mw"] * 1e6, bars=True), row=2, col=1)
    _mark_exact(fig)
    ends = [EXACT_GAP, *height]
    view = [np.log10(min(ends)) - 0.6, np.log10(max(ends)) + 0.9]
    fig.update_xaxes(title_text="branches, largest first", row=2, col=1)
    fig.update_yaxes(title_text="cone gap [–]", type="log", range=view, row=1, col=1)
    fig.update_yaxes(exponentformat="power", tickfont_size=11)
    fig.update_yaxes(dtick=max(1, round((view[1] - view[0]) / 5)), row=1, col=1)
    fig.update_yaxes(title_text="invented loss [W]", rangemode="tozero", row=2, col=1)
    return fig


def gap_table(plan: Plan, check: Check | None) -> pd.DataFrame:
    """Branches whose cone gap is known, from the check where there is one."""
    source = plan.branches if check is None else check.relaxation
    table = source.reindex(columns=["element", "index", "cone_gap", "cone_loss_mw"])
    return table.astype({"cone_gap": float, "cone_loss_mw": float}).dropna(subset="cone_gap")


def _mark_exact(fig: go.Figure) -> None:
    """Draw the line below which the relaxation is exact for all purposes."""
    fig.add_hline(y=EXACT_GAP, row=1, col=1, line={"color": style.LIMIT, "dash": "dash", "width": 1.5})
    fig.add_annotation(
        text="exact below this line",
        x=1,
        xref="x domain",
        xanchor="right",
        y=np.log10(EXACT_GAP),
        yanchor="bottom",
        showarrow=False,
        font={"color": style.LIMIT, "size": 12},
        row=1,
        col=1,
    )


def _ranked(table: pd.DataFrame, values: pd.Series, bars: bool) -> go.Scatter | go.Bar:
    """Values by rank, as points or bars."""
    pairs = table[["element", "index"]].itertuples(index=False)
    numbers = np.column_stack([table["cone_gap"], table["cone_loss_mw"] * 1e6]).astype(np.float32)
    common = {
        "x": np.arange(1, len(table) + 1),
        "y": values.to_numpy(dtype=float),
        "marker": {"color": style.AFTER} if bars else {"color": style.AFTER, "size": 5},
        "hovertext": [escape(branch_label(*pair)) for pair in pairs],
        "customdata": numbers,
        "hovertemplate": "<b>%{hovertext}</b><br>cone gap %{customdata[0]:.1e}"
        "<br>invented loss %{customdata[1]:.2g} W<extra></extra>",
    }
    return go.Bar(common) if bars else go.Scatter(common, mode="markers")
