"""How the answer was found: the best plan known and the proven bound against time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.reporting import style
from adnflex.reporting.inputs import require
from adnflex.results import Check, Plan

__all__ = ["progress_figure", "progress_lines"]

#: The axis of values shows at least this part of them.
_LEAST_VIEW = 2e-3


def progress_figure(plan: Plan, check: Check | None = None) -> go.Figure:
    """Incumbent and bound in the plan's unit (MW as kW), and the gap between them [%], against seconds.

    Parameters
    ----------
    plan : Plan
        The plan.
    check : Check or None
        Not needed; taken so that all figures are called alike.

    Returns
    -------
    plotly.graph_objects.Figure
        Two panels: values and gap.

    Raises
    ------
    InputError
        If an argument is none of these.

    Examples
    --------
    >>> from adnflex.reporting._example import example
    >>> [trace.name for trace in progress_figure(*example()).data]
    ['proven bound', 'best plan', 'gap']
    """
    require(plan, check)
    scale, unit = (1e3, "kW") if plan.unit == "MW" else (1.0, plan.unit)
    what = plan.objective_name if plan.objective_name == "losses" else "objective"
    return progress_lines(plan.progress, what, unit, scale)


def progress_lines(progress: pd.DataFrame, what: str, unit: str, scale: float = 1.0) -> go.Figure:
    """Draw incumbent, bound and gap of a table of progress; `scale` turns its values into `unit`."""
    table = _finite(progress)
    fig = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08, row_heights=[0.6, 0.4])
    fig.update_layout(template=style.figure().layout.template, height=460)
    events = table["event"].astype(str).tolist()
    for column, name, tint in (
        ("bound", "proven bound", style.BOUND),
        ("incumbent", "best plan", style.AFTER),
    ):
        fig.add_trace(
            go.Scatter(
                x=table["seconds"].to_numpy(), y=table[column].to_numpy() * scale,
                mode="lines+markers", name=name,
                line={"color": tint, "shape": "hv", "width": 2}, hovertext=events,
                hovertemplate="%{y:.6g} " + unit + " after %{x:.2f} s<br>%{hovertext}",
            ),
            row=1, col=1,
        )  # fmt: skip
    gap = ((table["incumbent"] - table["bound"]) / table["incumbent"].abs() * 100).where(table["incumbent"] != 0)
    fig.add_trace(
        go.Scatter(
            x=table["seconds"].to_numpy(), y=gap.where(gap > 0).to_numpy(), mode="lines+markers", name="gap",
            line={"color": style.MUTED, "shape": "hv", "width": 2}, showlegend=False,
            hovertemplate="%{y:.3g} % after %{x:.2f} s",
        ),
        row=2, col=1,
    )  # fmt: skip
    fig.update_xaxes(rangemode="tozero")
    fig.update_xaxes(title_text="time [s]", row=2, col=1)
    title = f"{what} [{unit}]" if unit else what
    view = _view(table[["incumbent", "bound"]].to_numpy() * scale)
    fig.update_yaxes(title_text=title, range=view, exponentformat="none", row=1, col=1)
    fig.update_yaxes(title_text="gap [%]", type="log", dtick=1, row=2, col=1)
    known = gap[gap > 0]
    if len(known):
        # Whole powers of ten: with less in view there would be no tick at all.
        low, high = np.floor(np.log10(known.min())), np.ceil(np.log10(known.max()))
        plain = "none" if low >= -4 else "power"
        fig.update_yaxes(
            range=[low - 0.1, max(high, low + 1) + 0.1], dtick=max(1, (high - low) // 4), exponentformat=plain,
            row=2, col=1,
        )  # fmt: skip
    return fig


def _view(values: np.ndarray[Any, Any]) -> list[float] | None:
    """Range of values that hardly differ: else the axis would show their last digits; None where they do."""
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    low, high = float(known.min()), float(known.max())
    least = _LEAST_VIEW * max(abs(low), abs(high))
    return [(low + high - least) / 2, (low + high + least) / 2] if 0 <= high - low < least else None


def _finite(progress: pd.DataFrame) -> pd.DataFrame:
    """Progress in order of time; infinite bounds and incumbents are not yet known."""
    table = progress.reindex(columns=["seconds", "incumbent", "bound", "event"])
    numbers = ["seconds", "incumbent", "bound"]
    table[numbers] = table[numbers].astype(float).replace([np.inf, -np.inf], np.nan)
    return table.sort_values("seconds", kind="stable")
