"""Scenarios side by side: voltage, import and generation of each, and what is expected."""

from __future__ import annotations

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.errors import InputError
from adnflex.reporting import style
from adnflex.reporting.dispatch.clock import Clock
from adnflex.reporting.dispatch.inputs import expected, require, voltage_limits, weights
from adnflex.reporting.forest import Floats
from adnflex.reporting.text import percent
from adnflex.results import DispatchCheck, DispatchPlan

__all__ = ["envelope", "fan_figure"]


def envelope(plan: DispatchPlan, check: DispatchCheck | None, scenario: int) -> tuple[Floats, Floats]:
    """Lowest and highest voltage of any bus in each period of a scenario [pu], by AC power flow where known.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> low, high = envelope(*example(), scenario=0)
    >>> low.shape, bool((low <= high).all())
    ((24,), True)
    """
    table = plan.of(plan.vm_pu if check is None else check.vm_pu, scenario).astype(float)
    return table.min(axis=1).to_numpy(dtype=float), table.max(axis=1).to_numpy(dtype=float)


def fan_figure(plan: DispatchPlan, check: DispatchCheck | None) -> go.Figure:
    """Voltage envelope [pu], import [MW] and generation used [MW] of every scenario, and the expected ones.

    The more probable a scenario, the stronger its line.

    Parameters
    ----------
    plan : DispatchPlan
        The plan.
    check : DispatchCheck or None
        Its AC check; without one the voltages are the model's.

    Returns
    -------
    plotly.graph_objects.Figure
        Three panels.

    Raises
    ------
    InputError
        If an argument is none of these, or the plan has a single scenario.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> len(fan_figure(*example(scenarios=3)).data)
    16
    """
    require(plan, check)
    share = weights(plan)
    if len(share) < 2:
        raise InputError("plan: has a single scenario, so there is no fan to draw.")
    clock = Clock.of(plan)
    fig = make_subplots(
        rows=3, cols=1, shared_xaxes=True, vertical_spacing=0.07, row_heights=[0.4, 0.3, 0.3],
        subplot_titles=["lowest and highest voltage of any bus", "import", "generation used"],
    )  # fmt: skip
    fig.update_layout(template=style.figure().layout.template, height=720, margin={"t": 60}, legend={"y": 1.05})
    fig.update_annotations(x=0, xanchor="left", font={"size": 13, "color": style.INK})
    most = float(share.max())
    for number, probability in share.items():
        line = {"color": style.pale(style.AFTER, 0.2 + 0.5 * probability / most), "width": 1.3, "shape": "hv"}
        text = f"scenario {number} ({percent(100 * probability)})"
        first = bool(number == share.index[0])
        low, high = envelope(plan, check, number)
        balance = plan.of(plan.balance, number)
        found = ((1, low, "pu"), (1, high, "pu"), (2, balance["grid_mw"], "MW"), (3, balance["used_mw"], "MW"))
        for k, (row, values, unit) in enumerate(found):
            fig.add_trace(_line(clock, values, "each scenario", line, text, unit, first and k == 0), row=row, col=1)
    _limits(fig, plan, check, clock)
    mean = expected(plan, plan.balance)
    strong = {"color": style.INK, "width": 2.5, "shape": "hv"}
    for row, column in ((2, "grid_mw"), (3, "used_mw")):
        fig.add_trace(_line(clock, mean[column], "expected", strong, "expected", "MW", row == 2), row=row, col=1)
    axis = clock.axis()
    title = axis.pop("title_text")
    fig.update_xaxes(**axis)
    fig.update_xaxes(title_text=title, row=3, col=1)
    fig.update_yaxes(title_text="voltage [pu]", tickformat=".3~f", row=1, col=1)
    fig.update_yaxes(title_text="import [MW]", row=2, col=1)
    fig.update_yaxes(title_text="used [MW]", rangemode="tozero", row=3, col=1)
    return fig


def _line(
    clock: Clock, values: pd.Series | Floats, name: str, line: dict[str, object], text: str, unit: str, key: bool
) -> go.Scatter:
    x, y = clock.stairs(np.asarray(values, dtype=float))
    return go.Scatter(
        x=x, y=y, mode="lines", line=line, name=name, showlegend=key,
        customdata=[*clock.texts, clock.texts[-1]],
        hovertemplate=f"{text}<br>%{{customdata}}: %{{y:.5g}} {unit}<extra></extra>",
    )  # fmt: skip


def _limits(fig: go.Figure, plan: DispatchPlan, check: DispatchCheck | None, clock: Clock) -> None:
    """Draw the tightest voltage limits that any bus has."""
    table = plan.vm_pu if check is None else check.vm_pu
    low, high = voltage_limits(plan, check, table.columns)
    for limit, word in ((low.max(), "lower"), (high.min(), "upper")):
        if np.isfinite(limit):
            fig.add_trace(
                go.Scatter(
                    x=clock.edges[[0, -1]], y=[limit] * 2, mode="lines", name="limit", showlegend=word == "lower",
                    line={"color": style.LIMIT, "dash": "dash", "width": 1.5},
                    hovertemplate=f"{word} limit %{{y:.4g}} pu<extra></extra>",
                ),
                row=1, col=1,
            )  # fmt: skip
