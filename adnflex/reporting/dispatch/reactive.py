"""Where the reactive power comes from, period by period."""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.errors import InputError
from adnflex.reporting import style
from adnflex.reporting.dispatch.clock import Clock
from adnflex.reporting.dispatch.inputs import device_label, expected, quantity, require
from adnflex.results import DispatchCheck, DispatchPlan

__all__ = ["reactive_figure", "reactive_table"]

#: More devices than this are drawn by their largest value, the rest as their sum.
MOST = 7
#: Reactive power below this is none [Mvar].
_NOTHING = 1e-6


def reactive_table(plan: DispatchPlan) -> pd.DataFrame:
    """Reactive power fed in by each generator, reactive source and storage, by period [Mvar]; idle ones are left out.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> reactive_table(example()[0]).columns.tolist()
    ['generator 0 “solar park”']
    """
    generation, storage = quantity(expected(plan, plan.generation), "q_mvar"), pd.DataFrame()
    if len(plan.storage.columns):
        # A storage counts what it draws.
        storage = -quantity(expected(plan, plan.storage), "q_mvar")
    found = {device_label(plan, "sgen", int(i)): generation[i] for i in generation.columns}
    found |= {device_label(plan, "storage", int(i)): storage[i] for i in storage.columns}
    return pd.DataFrame({k: v for k, v in found.items() if v.abs().max() > _NOTHING}, index=plan.periods)


def reactive_figure(plan: DispatchPlan, check: DispatchCheck | None = None) -> go.Figure:
    """Reactive power fed in by each device by period [Mvar]; drawing is negative.

    More than seven devices are drawn by their largest values, the others as their sum. With several scenarios all
    values are expected ones.

    Parameters
    ----------
    plan : DispatchPlan
        The plan.
    check : DispatchCheck or None
        Not needed; taken so that all figures are called alike.

    Returns
    -------
    plotly.graph_objects.Figure
        Stacked bars.

    Raises
    ------
    InputError
        If an argument is none of these, or no device has reactive power.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> [trace.name for trace in reactive_figure(*example()).data]
    ['generator 0 “solar park”']
    """
    require(plan, check)
    table = reactive_table(plan)
    if not len(table.columns):
        raise InputError("plan: no generator and no storage has reactive power, so there is nothing to draw.")
    order = table.abs().max().sort_values(ascending=False, kind="stable").index
    shown = {str(k): table[k] for k in table.columns if k in set(order[:MOST])}
    if len(order) > MOST:
        shown[f"{len(order) - MOST} others"] = table[order[MOST:]].sum(axis=1)
    clock = Clock.of(plan)
    fig = style.figure(360, barmode="relative", bargap=0, showlegend=True)
    for k, (label, values) in enumerate(shown.items()):
        fig.add_trace(
            go.Bar(
                x=clock.middles, y=values.to_numpy(dtype=float), name=escape(label), customdata=clock.texts,
                width=np.full(len(values), clock.step * (0.86 if len(values) <= 48 else 1.0)),
                marker={"color": style.PALETTE[k % len(style.PALETTE)], "line": {"width": 0}},
                hovertemplate=f"<b>{escape(label)}</b><br>%{{customdata}}: %{{y:.4g}} Mvar<extra></extra>",
            )
        )  # fmt: skip
    fig.update_xaxes(**clock.axis())
    fig.update_yaxes(title_text="fed in (+)<br>drawn (−) [Mvar]", zeroline=True, zerolinecolor=style.INK)
    return fig
