"""Figures of a plan: maps, loadings and losses, how exact the model is, how the answer was found."""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.arrays import FloatArray
from adnflex.errors import InputError
from adnflex.reporting import recipes, style
from adnflex.reporting.canvas import BarFigure
from adnflex.reporting.canvas.colouring import COLOURS
from adnflex.reporting.canvas.map import STATES, MapFigure
from adnflex.reporting.canvas.zoom import Window
from adnflex.reporting.reconfiguration.view import SwitchingView
from adnflex.reporting.text import branch_label, percent, power
from adnflex.reporting.views import NothingToDraw, one_of

#: How many branches are shown unless asked otherwise.
MOST = 20
#: Relative gap below which only the solver's own accuracy is left.
EXACT_GAP = 1e-5
#: Loading beyond its limit that is rounding, not overload [%].
_FORGIVEN = 1e-3
_FLOOR, _MOST_BARS, _MOST_POINTS = 1e-12, 200, 2000


def network(
    view: SwitchingView,
    state: str = "after",
    colour: str = "voltage",
    titled: bool = True,
    window: Window | None = None,
) -> go.Figure:
    """Map of the network in one state, ``before`` or ``after``, by ``voltage`` [pu], ``loading`` [%] or ``supply``.

    By supply each feeder has its colour. A window of `adnflex.reporting.canvas.zoom` shows a part. Without a check
    there are the model's voltages of the state after only, and no loading.
    """
    findings = one_of({"state": STATES, "colour": COLOURS}, state=state, colour=colour)
    if colour == "loading" and view.check is None:
        findings.append("colour: is 'loading', which only AC power flow gives; validate the plan first.")
    if findings:
        raise InputError(findings)
    plan = view.plan
    drawing = MapFigure(plan.topology, plan.coordinates, state, view.voltages, view.branches, view.step_numbers, window)
    return drawing.done(colour, titled)


def _largest(
    view: SwitchingView, table: pd.DataFrame, key: pd.Series, most: int
) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Rows with the largest values, the largest first; their short and their long labels."""
    if most < 1:
        raise InputError(f"most: is {most}; give the number of branches to show, at least 1.")
    rows = table.loc[key.sort_values(ascending=False, kind="stable").dropna().index[:most]]
    pairs = list(rows[["element", "index"]].itertuples(index=False, name=None))
    return rows, [branch_label(e, i) for e, i in pairs], [view.labels.of(e, i) for e, i in pairs]


def loading(view: SwitchingView, most: int = MOST) -> go.Figure:
    """Bars of the most loaded branches before and after the plan [% of the rating], the fullest on top."""
    if view.check is None:
        raise NothingToDraw("check: is None, but loadings come from AC power flow; validate the plan first.")
    columns = ["loading_before_percent", "loading_percent", "loading_limit_percent"]
    table = _columns(view.check.branches, *columns)
    highest = table[columns[:2]].max(axis=1)
    rows, names, told = _largest(view, table, highest, most)
    before, after, limit = (rows[c].to_numpy(dtype=float) for c in columns)
    with np.errstate(invalid="ignore"):
        over = after > limit + _FORGIVEN
    fig = BarFigure(names, [("loading [%]", "%")], 27, told, barmode="group", bargap=0.25, showlegend=True)
    fig.bars(0, before, "before", style.BEFORE, _percents(before), offsetgroup="before")
    fig.bars(0, np.where(over, np.nan, after), "after", style.AFTER, _percents(after), offsetgroup="after")
    if over.any():
        above = np.where(over, after, np.nan)
        fig.bars(0, above, "after, over its limit", style.OVER_LIMIT, _percents(after), offsetgroup="after")
    near = limit[np.isfinite(limit)]
    # Limits that are far away would press the bars flat.
    if len(near) and float(near.min()) < 20 * max(float(highest.max()), 1e-9):
        fig.limits(0, limit)
    fig.axis(0, rangemode="tozero")
    return fig.done()


def _percents(values: FloatArray) -> list[str]:
    return [percent(float(v)) for v in values]


def losses(view: SwitchingView, most: int = MOST) -> go.Figure:
    """Bars of the branches that lose most after the plan [kW]; without a check the losses are the model's."""
    table = _columns(view.branches, "loss_mw")
    rows, names, told = _largest(view, table, table["loss_mw"], most)
    kw = rows["loss_mw"].to_numpy(dtype=float) * 1e3
    total = float(table["loss_mw"].sum()) * 1e3
    shares = np.cumsum(kw) / total if total > 0 else np.full(len(kw), np.nan)
    said = [
        f"{power(value / 1e3)}<br>the {rank} largest together: {percent(100 * part)} of all losses"
        for rank, (value, part) in enumerate(zip(kw, shares, strict=True), start=1)
    ]
    fig = BarFigure(names, [("losses after the plan [kW]", "kW")], 19, told)
    fig.bars(0, kw, "", style.AFTER, said)
    fig.axis(0, rangemode="tozero")
    return fig.done()


def _columns(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """Branches with these columns of numbers; NaN where the table does not have them."""
    return table.reindex(columns=["element", "index", *columns]).astype(dict.fromkeys(columns, float))


def tightness(view: SwitchingView) -> go.Figure:
    """Cone gap [-] of every closed branch on a logarithmic scale, and the loss that it invents [W].

    The model lets the current of a branch be larger than its power flow asks for. Where it is not (gap near
    zero) the model's answer obeys the laws of physics exactly.
    """
    table = view.relaxation
    if table.empty:
        raise NothingToDraw("plan: no cone gap is known, so there is nothing to draw.")
    fig = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.08)
    fig.update_layout(template=style.TEMPLATE, height=440, showlegend=False)
    gaps = table.sort_values("cone_gap", ascending=False, kind="stable")
    # A logarithm needs a floor; gaps below it (some solvers give −1e-15) stand on it and are told as is.
    height = gaps["cone_gap"].clip(lower=_FLOOR)
    shown = min(len(gaps), _MOST_POINTS)
    fig.add_trace(_ranked(gaps.head(shown), height.head(shown), bars=False), row=1, col=1)
    losses = table.sort_values("cone_loss_mw", ascending=False, kind="stable").head(_MOST_BARS)
    fig.add_trace(_ranked(losses, losses["cone_loss_mw"] * 1e6, bars=True), row=2, col=1)
    recipes.mark_exact(fig, EXACT_GAP)
    ends = [EXACT_GAP, *height]
    of = f" (the first {shown:,} of {len(gaps):,})" if shown < len(gaps) else ""
    reach = [np.log10(min(ends)) - 0.6, np.log10(max(ends)) + 0.9]
    fig.update_xaxes(title_text=f"branches, largest first{of}", row=2, col=1)
    fig.update_yaxes(title_text="cone gap [–]", type="log", range=reach, row=1, col=1)
    fig.update_yaxes(exponentformat="power", tickfont_size=11)
    fig.update_yaxes(dtick=max(1, round((reach[1] - reach[0]) / 5)), row=1, col=1)
    fig.update_yaxes(title_text="invented loss [W]", rangemode="tozero", row=2, col=1)
    return fig


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


def progress(view: SwitchingView) -> go.Figure:
    """Incumbent and bound in the plan's unit (MW as kW), and the gap between them [%], against seconds."""
    plan = view.plan
    scale, unit = (1e3, "kW") if plan.unit == "MW" else (1.0, plan.unit)
    what = plan.objective_name if plan.objective_name == "losses" else "objective"
    return recipes.solver_progress(plan, what, unit, scale)
