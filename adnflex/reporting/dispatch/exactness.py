"""How exact the model's answer is in each period, and by which method it was recovered where it was not."""

from __future__ import annotations

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.errors import InputError
from adnflex.reporting import style
from adnflex.reporting.dispatch.clock import Clock
from adnflex.reporting.dispatch.inputs import NO_RECOVERY, require
from adnflex.results import DispatchCheck, DispatchPlan

__all__ = ["TIGHT_GAP", "exactness_figure", "worst_recovery"]

#: Relative gap up to which a period counts as exact in `DispatchPlan.recovery`.
TIGHT_GAP = 1e-4
_FLOOR, _WATT = 1e-10, 1e-3
_SIGNS = {
    NO_RECOVERY: ("circle", style.AFTER), "priced loss": ("square", "#E69F00"),
    "LinDistFlow cap": ("diamond", "#CC79A7"), "sequential": ("triangle-up", "#D55E00"), "exact": ("star", "#009E73"),
    "exact power flow": ("cross", "#56B4E9"),
}  # fmt: skip


def exactness_figure(plan: DispatchPlan, check: DispatchCheck | None = None) -> go.Figure:
    """Largest cone gap [-] and invented loss [kW] of the plain relaxation in each period, by method of recovery.

    With several scenarios each period shows its worst one.

    Parameters
    ----------
    plan : DispatchPlan
        The plan.
    check : DispatchCheck or None
        Not needed; taken so that all figures are called alike.

    Returns
    -------
    plotly.graph_objects.Figure
        Two panels: gap on a logarithmic scale, and invented loss.

    Raises
    ------
    InputError
        If an argument is none of these, or the plan tells no gaps.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> [trace.name for trace in exactness_figure(*example()).data if trace.showlegend]
    ['none needed', 'priced loss', 'sequential']
    """
    require(plan, check)
    if plan.recovery.empty:
        raise InputError("plan: recovery is empty, so there is nothing to draw; solve the dispatch again.")
    table = worst_recovery(plan)
    clock = Clock.of(plan)
    fig = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.09, row_heights=[0.6, 0.4])
    fig.update_layout(template=style.figure().layout.template, height=440, bargap=0, barmode="overlay")
    methods = list(dict.fromkeys([*_SIGNS, *table["method"]]))
    for k, method in enumerate(m for m in methods if (table["method"] == m).any()):
        symbol, tint = _SIGNS.get(method, ("x", style.PALETTE[-1 - k % 4]))
        of = (table["method"] == method).to_numpy()
        common = {
            "x": clock.middles[of], "name": method, "legendgroup": method,
            "customdata": np.array(clock.texts, dtype=object)[of], "hovertext": [f"{g:.1e}" for g in table["gap"][of]],
        }  # fmt: skip
        fig.add_trace(
            go.Scatter(
                common, y=table["gap"][of].clip(lower=_FLOOR).to_numpy(dtype=float), mode="markers", showlegend=True,
                marker={"symbol": symbol, "color": tint, "size": 9 if len(table) <= 48 else 6},
                hovertemplate=f"%{{customdata}}<br>cone gap %{{hovertext}}<br>{method}<extra></extra>",
            ),
            row=1, col=1,
        )  # fmt: skip
        fig.add_trace(
            go.Bar(
                common, y=table["invented_kw"][of].to_numpy(dtype=float), width=clock.step * 0.86, showlegend=False,
                marker={"color": tint, "line": {"width": 0}},
                hovertemplate=f"%{{customdata}}<br>invented loss %{{y:.3g}} kW<br>{method}<extra></extra>",
            ),
            row=2, col=1,
        )  # fmt: skip
    _finish(fig, clock, table)
    return fig


def worst_recovery(plan: DispatchPlan) -> pd.DataFrame:
    """Gap, invented loss and method of each period; of several scenarios, of the one with the largest gap.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> len(worst_recovery(example(scenarios=2)[0]))
    24
    """
    table = plan.recovery.astype({"gap": float, "invented_kw": float})
    if table.index.nlevels == 1:
        return table
    # A scenario that had to be recovered says more than one whose gap alone is larger.
    rank = table.assign(recovered=table["method"] != NO_RECOVERY).reset_index("scenario", drop=True)
    rank = rank.sort_values(["recovered", "gap"], kind="stable")
    return rank[~rank.index.duplicated(keep="last")].sort_index()[["gap", "invented_kw", "method"]]


def _finish(fig: go.Figure, clock: Clock, table: pd.DataFrame) -> None:
    """Draw the line of exactness, and name the axes."""
    gaps = table["gap"].clip(lower=_FLOOR)
    view = [np.log10(min(gaps.min(), TIGHT_GAP)) - 0.6, np.log10(max(gaps.max(), TIGHT_GAP)) + 0.9]
    fig.add_hline(y=TIGHT_GAP, row=1, col=1, line={"color": style.LIMIT, "dash": "dash", "width": 1.5})
    fig.add_annotation(
        text="exact below this line", x=1, xref="x domain", xanchor="right", y=np.log10(TIGHT_GAP), yanchor="bottom",
        showarrow=False, font={"color": style.LIMIT, "size": 12}, row=1, col=1,
    )  # fmt: skip
    dtick = max(1, round((view[1] - view[0]) / 5))
    power = {"type": "log", "range": view, "dtick": dtick, "exponentformat": "power", "tickfont_size": 11}
    fig.update_yaxes(title_text="cone gap [–]", row=1, col=1, **power)
    # A watt always is in view, so that what is nothing looks like nothing.
    top = 1.1 * max(float(table["invented_kw"].max()), _WATT)
    fig.update_yaxes(title_text="invented<br>loss [kW]", range=[0, top], exponentformat="power", row=2, col=1)
    axis = clock.axis()
    title = axis.pop("title_text")
    fig.update_xaxes(**axis)
    fig.update_xaxes(title_text=title, row=2, col=1)
