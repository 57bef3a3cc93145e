"""What the plan does: maps, loadings and losses, before and after."""

from __future__ import annotations

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.errors import InputError
from adnflex.grid.drawn_forest import Floats
from adnflex.reporting import page, style
from adnflex.reporting.canvas import BarFigure
from adnflex.reporting.canvas.map import COLOURS, STATES, MapFigure
from adnflex.reporting.findings import PLACEHOLDER_LOADING
from adnflex.reporting.page import Html, Section
from adnflex.reporting.reconfiguration.view import SwitchingView
from adnflex.reporting.text import branch_label, percent, power
from adnflex.reporting.views import NothingToDraw, one_of

__all__ = ["loading", "loading_section", "losses", "losses_section", "network", "network_section"]

#: How many branches are shown unless asked otherwise.
_MOST = 20
#: Loading beyond its limit that is rounding, not overload [%].
_FORGIVEN = 1e-3


def network(view: SwitchingView, state: str = "after", colour: str = "voltage", titled: bool = True) -> go.Figure:
    """Map of the network in one state, ``before`` or ``after``, by ``voltage`` [pu] or ``loading`` [%].

    Without a check there are the model's voltages of the state after only, and no loading.
    """
    findings = one_of({"state": STATES, "colour": COLOURS}, state=state, colour=colour)
    if colour == "loading" and view.check is None:
        findings.append("colour: is 'loading', which only AC power flow gives; validate the plan first.")
    if findings:
        raise InputError(findings)
    plan = view.plan
    return MapFigure(plan.topology, plan.coordinates, state, view.voltages, view.branches).done(colour, titled)


def network_section(view: SwitchingView) -> Section:
    """Draw the maps before and after, side by side; nothing where the plan carries no map."""
    maps, group = [], f"network{view.suffix}"
    for state in STATES:
        # The page has one toggle, one key and headings for both maps.
        fig = network(view, state, titled=False)
        fig.update_layout(showlegend=False)
        maps.append(page.figure(fig, f"network-{state}-figure{view.suffix}", state.capitalize(), group))
    origin = set(view.plan.coordinates["origin"]) if "origin" in view.plan.coordinates else set()
    drawn = "The net has no map, so it is drawn as a tree of the plan. " if origin == {"tree"} else ""
    if "interpolated" in origin:
        count = int((view.plan.coordinates["origin"] == "interpolated").sum())
        drawn = f"{count} buses have no place on the net's map and are drawn between their neighbours. "
    intro = (
        f"{drawn}Solid branches are closed, dashed ones open. Point at a bus or at the middle of a branch "
        "for its numbers. Both maps move together and share their colours."
    )
    choice = page.toggle(group, list(COLOURS), "Colour by") if view.rated else Html("")
    transformer = bool(view.plan.topology["element"].isin(["trafo", "trafo3w"]).any())
    key = page.map_key(style.INK, style.MUTED, style.CLOSED_BY_PLAN, style.OPENED_BY_PLAN, transformer)
    blocks = [page.bar(choice, key), page.side_by_side(*maps)]
    return Section("network", "The network before and after", intro, blocks, "Network")


def _ranked(
    view: SwitchingView, table: pd.DataFrame, key: pd.Series, most: int
) -> tuple[pd.DataFrame, list[str], list[str]]:
    """Rows with the largest values, the largest first; their short and their long labels."""
    if most < 1:
        raise InputError(f"most: is {most}; give the number of branches to show, at least 1.")
    rows = table.loc[key.sort_values(ascending=False, kind="stable").dropna().index[:most]]
    pairs = list(rows[["element", "index"]].itertuples(index=False, name=None))
    return rows, [branch_label(e, i) for e, i in pairs], [view.labels.of(e, i) for e, i in pairs]


def loading(view: SwitchingView, most: int = _MOST) -> go.Figure:
    """Bars of the most loaded branches before and after the plan [% of the rating], the fullest on top."""
    if view.check is None:
        raise NothingToDraw("check: is None, but loadings come from AC power flow; validate the plan first.")
    columns = ["loading_before_percent", "loading_percent", "loading_limit_percent"]
    table = _columns(view.check.branches, *columns)
    highest = table[columns[:2]].max(axis=1)
    rows, names, told = _ranked(view, table, highest, most)
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


def _percents(values: Floats) -> list[str]:
    return [percent(float(v)) for v in values]


def losses(view: SwitchingView, most: int = _MOST) -> go.Figure:
    """Bars of the branches that lose most after the plan [kW]; without a check the losses are the model's."""
    table = _columns(view.branches, "loss_mw")
    rows, names, told = _ranked(view, table, table["loss_mw"], most)
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


def loading_section(view: SwitchingView) -> Section:
    """Show the loading of the fullest branches."""
    title = "Loading of lines and transformers"
    if view.check is None:
        intro = "Loadings come from AC power flow, which has not been run on this plan."
        return Section("loading", title, intro, [], "Loading")
    if not view.rated:
        intro = (
            f"No branch is loaded above {percent(PLACEHOLDER_LOADING, 0)} of its rating: the net has no "
            "current ratings, or placeholders, so loading tells nothing here."
        )
        return Section("loading", title, intro, [], "Loading")
    intro = f"Current in percent of the rating, {_most(view.check.branches)}; red where the limit is exceeded."
    return Section("loading", title, intro, [view.draw("loading")], "Loading")


def losses_section(view: SwitchingView) -> Section:
    """Where the losses are."""
    source = view.plan if view.check is None else view.check
    by = "the model, not validated" if view.check is None else "AC power flow"
    before, after = power(source.losses_before_mw), power(source.losses_mw)
    intro = f"{before} before, {after} with the plan ({by}). With the plan, {_most(view.branches)}:"
    return Section("losses", "Where the losses are", intro, [view.draw("losses")], "Losses")


def _most(table: pd.DataFrame) -> str:
    """Say how many branches are shown."""
    return f"the {_MOST} largest of {len(table)} branches" if len(table) > _MOST else f"all {len(table)} branches"
