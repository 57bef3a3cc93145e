"""Where the power comes from and where it goes, period by period."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.reporting import style
from adnflex.reporting.dispatch.clock import Clock
from adnflex.reporting.dispatch.inputs import expected, require
from adnflex.results import DispatchCheck, DispatchPlan

__all__ = ["balance_figure"]

#: Power below this is rounding and gives no entry in the key [MW].
_NOTHING = 1e-6


@dataclass(frozen=True)
class _Layer:
    """One layer of the stack: supply is positive, use is negative."""

    name: str
    values: pd.Series
    tint: str
    pattern: str = ""


def balance_figure(plan: DispatchPlan, check: DispatchCheck | None = None) -> go.Figure:
    """Power of each source (above zero) and each use (below zero) by period [MW], and the price below.

    What could have been fed in and was not is hatched on top of the stack; it is no part of the balance. With
    several scenarios all values are expected ones.

    Parameters
    ----------
    plan : DispatchPlan
        The plan.
    check : DispatchCheck or None
        Not needed; taken so that all figures are called alike.

    Returns
    -------
    plotly.graph_objects.Figure
        Two panels: the stack, and the price.

    Raises
    ------
    InputError
        If an argument is none of these.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> [trace.name for trace in balance_figure(*example()).data]
    ['import', 'generation used', 'must-take', 'discharge', 'curtailed', 'load', 'vehicles', 'charge', 'losses', 'export', 'price']
    """  # noqa: E501
    require(plan, check)
    clock = Clock.of(plan)
    table = expected(plan, plan.balance)
    price = table["price"].astype(float) if "price" in table else pd.Series(dtype=float)
    fig = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.06, row_heights=[0.78, 0.22])
    fig.update_layout(template=style.figure().layout.template, height=560, barmode="relative", bargap=0)
    for layer in _layers(table):
        if layer.values.abs().max() > _NOTHING:
            fig.add_trace(_bars(clock, layer), row=1, col=1)
    if price.notna().any():
        x, y = clock.stairs(price)
        fig.add_trace(
            go.Scatter(
                x=x, y=y, mode="lines", name="price", showlegend=False,
                line={"color": style.INK, "width": 2, "shape": "hv"},
                hovertemplate=f"price %{{y:,.2f}} {plan.currency}/MWh<extra></extra>",
            ),
            row=2, col=1,
        )  # fmt: skip
    # Two panels rather than two scales on one: the eye would read meaning into where they cross.
    fig.update_yaxes(title_text=f"price<br>[{plan.currency}/MWh]", rangemode="tozero", nticks=6, row=2, col=1)
    fig.update_yaxes(title_text="power [MW]", zeroline=True, zerolinecolor=style.INK, row=1, col=1)
    axis = clock.axis()
    title = axis.pop("title_text")
    fig.update_xaxes(**axis)
    fig.update_xaxes(title_text=title, row=2, col=1)
    return fig


def _layers(table: pd.DataFrame) -> list[_Layer]:
    """Supplies from zero upwards, uses from zero downwards."""

    def column(name: str) -> pd.Series:
        return table[name].astype(float) if name in table else pd.Series(0.0, index=table.index)

    grid, used = column("grid_mw"), column("used_mw")
    return [
        _Layer("import", grid.clip(lower=0), "#0072B2"),
        _Layer("generation used", used, "#009E73"),
        _Layer("must-take", column("must_take_mw"), "#F0E442"),
        _Layer("discharge", column("discharge_mw"), "#CC79A7"),
        _Layer("curtailed", (column("available_mw") - used).clip(lower=0), "#009E73", "/"),
        _Layer("load", -column("load_mw"), "#9aa5b1"),
        _Layer("vehicles", -column("ev_mw"), "#E69F00"),
        _Layer("charge", -column("charge_mw"), "#CC79A7", "\\"),
        _Layer("losses", -column("losses_mw"), style.INK),
        _Layer("export", grid.clip(upper=0), "#56B4E9"),
    ]


def _bars(clock: Clock, layer: _Layer) -> go.Bar:
    """One layer as bars; a hatched one is pale, so that it does not weigh like the others."""
    marker: dict[str, object] = {"color": layer.tint, "line": {"width": 0}}
    if layer.pattern:
        marker["pattern"] = {
            "shape": layer.pattern, "fillmode": "replace", "fgcolor": layer.tint, "bgcolor": "white",
            "size": 7, "solidity": 0.35,
        }  # fmt: skip
    width = clock.step * (0.86 if len(clock.periods) <= 48 else 1.0)
    return go.Bar(
        x=clock.middles,
        y=layer.values.to_numpy(dtype=float),
        width=np.full(len(clock.periods), width),
        name=layer.name,
        marker=marker,
        customdata=[[text, value] for text, value in zip(clock.texts, layer.values.abs().round(6), strict=True)],
        hovertemplate=f"%{{customdata[0]}}<br>{layer.name} %{{customdata[1]:.4g}} MW<extra></extra>",
    )
