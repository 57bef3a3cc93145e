"""Sections about what the plan does: maps, voltages, loadings and losses, before and after."""

from __future__ import annotations

import pandas as pd
from plotly import graph_objects as go

from adnflex.errors import InputError
from adnflex.reporting import page, style
from adnflex.reporting.bars import MOST, loading_figure, loss_figure
from adnflex.reporting.canvas.map import COLOURS, STATES, MapFigure, one_of
from adnflex.reporting.inputs import PLACEHOLDER_LOADING, has_ratings, require
from adnflex.reporting.page import Html, Section
from adnflex.reporting.profile import voltage_profile_figure
from adnflex.reporting.text import percent, power
from adnflex.results import Check, Plan

__all__ = ["loading_section", "loss_section", "network_section", "voltage_section"]


def network_figure(
    plan: Plan, check: Check | None, state: str = "after", colour: str = "voltage", titled: bool = True
) -> go.Figure:
    """Map of the network in one state, ``before`` or ``after``, by ``voltage`` [pu] or ``loading`` [%]."""
    require(plan, check)
    findings = one_of({"state": STATES, "colour": COLOURS}, state=state, colour=colour)
    if colour == "loading" and check is None:
        findings.append("colour: is 'loading', which only AC power flow gives; validate the plan first.")
    if findings:
        raise InputError(findings)
    voltages = plan.buses if check is None else check.buses
    loadings = plan.branches if check is None else check.branches
    voltages = voltages.rename(columns={"vm_pu": "vm_after_pu"})
    return MapFigure(plan.topology, plan.coordinates, state, voltages, loadings).done(colour, titled)


def network_section(plan: Plan, check: Check | None) -> Section:
    """Draw the maps before and after, side by side."""
    maps = []
    for state in ("before", "after"):
        # The page has one toggle, one key and headings for both maps.
        fig = network_figure(plan, check, state, titled=False)
        fig.update_layout(showlegend=False)
        maps.append(page.figure(fig, f"network-{state}", state.capitalize(), "network"))
    origin = set(plan.coordinates["origin"]) if "origin" in plan.coordinates else set()
    drawn = "The net has no map, so it is drawn as a tree of the plan. " if origin == {"tree"} else ""
    if "interpolated" in origin:
        count = int((plan.coordinates["origin"] == "interpolated").sum())
        drawn = f"{count} buses have no place on the net's map and are drawn between their neighbours. "
    intro = (
        f"{drawn}Solid branches are closed, dashed ones open. Point at a bus or at the middle of a branch "
        "for its numbers. Both maps move together and share their colours."
    )
    choice = page.toggle("network", ["voltage", "loading"], "Colour by") if has_ratings(check) else Html("")
    bar = Html(f'<div class="bar">{choice}{_key(plan)}</div>')
    return Section("network", "The network before and after", intro, [bar, page.side_by_side(*maps)], "Network")


def voltage_section(plan: Plan, check: Check | None) -> Section:
    """Voltage along the feeders."""
    intro = (
        "Each line follows a feeder away from its supply: grey as the net is now, blue with the plan. "
        "A steep line means much current or a weak conductor."
    )
    fig = voltage_profile_figure(plan, check)
    return Section("voltage", "Voltage along the feeders", intro, [page.figure(fig, "voltage-profile")], "Voltage")


def loading_section(plan: Plan, check: Check | None) -> Section:
    """Show the loading of the fullest branches."""
    title = "Loading of lines and transformers"
    if check is None:
        return Section(
            "loading",
            title,
            "Loadings come from AC power flow, which has not been run on this plan.",
            [],
            "Loading",
        )
    table = check.branches
    if not has_ratings(check):
        intro = (
            f"No branch is loaded above {percent(PLACEHOLDER_LOADING, 0)} of its rating: the net has no "
            "current ratings, or placeholders, so loading tells nothing here."
        )
        return Section("loading", title, intro, [], "Loading")
    intro = f"Current in percent of the rating, {_most(table)}; red where the limit is exceeded."
    return Section("loading", title, intro, [page.figure(loading_figure(plan, check), "loading-bars")], "Loading")


def loss_section(plan: Plan, check: Check | None) -> Section:
    """Where the losses are."""
    table = plan.branches if check is None else check.branches
    before = plan.losses_before_mw if check is None else check.losses_before_mw
    after = plan.losses_mw if check is None else check.losses_mw
    source = "the model, not validated" if check is None else "AC power flow"
    intro = f"{power(before)} before, {power(after)} with the plan ({source}). With the plan, {_most(table)}:"
    return Section(
        "losses",
        "Where the losses are",
        intro,
        [page.figure(loss_figure(plan, check), "loss-bars")],
        "Losses",
    )


def _most(table: pd.DataFrame, most: int = MOST) -> str:
    """Say how many branches are shown."""
    return f"the {most} largest of {len(table)} branches" if len(table) > most else f"all {len(table)} branches"


def _key(plan: Plan) -> Html:
    """Key of the maps' signs, drawn as on the maps."""
    transformer = bool(plan.topology["element"].isin(["trafo", "trafo3w"]).any())
    return page.map_key(style.INK, style.MUTED, style.CLOSED_BY_PLAN, style.OPENED_BY_PLAN, transformer)
