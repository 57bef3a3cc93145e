"""Studies side by side through the day: what they buy, and between which voltages they run."""

from __future__ import annotations

import numpy as np
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.errors import InputError
from adnflex.reporting import style
from adnflex.reporting.dispatch.clock import Clock
from adnflex.reporting.dispatch.fans import envelope
from adnflex.reporting.dispatch.inputs import Checks, Plans, Study, expected, studies, voltage_limits
from adnflex.reporting.forest import Floats

__all__ = ["comparison_figure", "day_envelope"]

_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def day_envelope(study: Study) -> tuple[Floats, Floats]:
    """Lowest and highest voltage of any bus and scenario in each period [pu]."""
    found = [envelope(study.plan, study.check, s) for s in study.plan.scenarios.index]
    return np.nanmin([low for low, _ in found], axis=0), np.nanmax([high for _, high in found], axis=0)


def comparison_figure(plans: Plans, checks: Checks = None) -> go.Figure:
    """Power from the grid [MW] and the lowest and highest voltage [pu] of several studies by period.

    Parameters
    ----------
    plans : sequence of DispatchPlan
        The plans.
    checks : sequence of DispatchCheck or None
        Their checks.

    Returns
    -------
    plotly.graph_objects.Figure
        Two panels: import, and voltages.

    Raises
    ------
    InputError
        If an argument is none of these, or there is only one study.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> one, other = example(), example(load_mw=2.5)
    >>> len(comparison_figure([one[0], other[0]], [one[1], other[1]]).data)
    8
    """
    found = studies(plans, checks)
    if len(found) < 2:
        raise InputError("plans: there is one study; give at least two to compare.")
    fig = make_subplots(
        rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.1,
        subplot_titles=["power from the grid", "lowest and highest voltage of any bus"],
    )  # fmt: skip
    fig.update_layout(template=style.figure().layout.template, height=560, margin={"t": 60}, legend={"y": 1.06})
    fig.update_annotations(x=0, xanchor="left", font={"size": 13, "color": style.INK})
    for k, study in enumerate(found):
        line = {"color": _tint(k), "dash": _DASHES[k % len(_DASHES)], "width": 2.2, "shape": "hv"}
        clock = Clock.of(study.plan)
        grid = expected(study.plan, study.plan.balance)["grid_mw"].to_numpy(dtype=float)
        fig.add_trace(_line(clock, grid, study.name, line, "MW", True), row=1, col=1)
        for values in day_envelope(study):
            fig.add_trace(_line(clock, values, study.name, line, "pu", False), row=2, col=1)
    first = found[0]
    clock = Clock.of(first.plan)
    table = first.plan.vm_pu if first.check is None else first.check.vm_pu
    low, high = voltage_limits(first.plan, first.check, table.columns)
    for limit in (low.max(), high.min()):
        if np.isfinite(limit):
            fig.add_trace(
                go.Scatter(
                    x=clock.edges[[0, -1]], y=[limit] * 2, mode="lines", showlegend=False,
                    line={"color": style.LIMIT, "dash": "dash", "width": 1.2},
                    hovertemplate="limit %{y:.4g} pu<extra></extra>",
                ),
                row=2, col=1,
            )  # fmt: skip
    axis = clock.axis()
    title = axis.pop("title_text")
    fig.update_xaxes(**axis)
    fig.update_xaxes(title_text=title, row=2, col=1)
    fig.update_yaxes(title_text="import [MW]", zeroline=True, zerolinecolor=style.INK, row=1, col=1)
    fig.update_yaxes(title_text="voltage [pu]", tickformat=".3~f", row=2, col=1)
    return fig


def _tint(k: int) -> str:
    """Colour of a study: the first, against which the others are held, is grey."""
    return style.MUTED if k == 0 else style.PALETTE[(k - 1) % len(style.PALETTE)]


def _line(clock: Clock, values: Floats, name: str, line: dict[str, object], unit: str, key: bool) -> go.Scatter:
    x, y = clock.stairs(values)
    return go.Scatter(
        x=x, y=y, mode="lines", name=name, legendgroup=name, showlegend=key, line=line,
        customdata=[*clock.texts, clock.texts[-1]],
        hovertemplate=f"%{{customdata}}<br>{name}: %{{y:.5g}} {unit}<extra></extra>",
    )  # fmt: skip
