"""Sections about what the plan does: maps, voltages, loadings and losses, before and after."""

from __future__ import annotations

from html import escape

import pandas as pd

from adnflex.reporting import page, style
from adnflex.reporting.bars import MOST, loading_figure, loss_figure
from adnflex.reporting.inputs import PLACEHOLDER_LOADING, has_ratings
from adnflex.reporting.network import network_figure
from adnflex.reporting.page import Html, Section
from adnflex.reporting.profile import voltage_profile_figure
from adnflex.reporting.text import percent, power
from adnflex.results import Check, Plan

__all__ = ["loading_section", "loss_section", "network_section", "voltage_section"]


def network_section(plan: Plan, check: Check | None) -> Section:
    """Draw the maps before and after, side by side."""
    maps = []
    for state in ("before", "after"):
        fig = network_figure(plan, check, state)
        # The page has one toggle, one key and headings for both maps.
        fig.layout.updatemenus = fig.layout.annotations = ()
        fig.update_layout(showlegend=False, margin={"t": 46}, height=int(fig.layout.height) - 38)
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
    grey, close, opened = style.MUTED, style.CLOSED_BY_PLAN, style.OPENED_BY_PLAN
    dashed = f'<path d="M0 8H34" stroke="{grey}" stroke-width="1.5" stroke-dasharray="5 4"/>'
    square = f'<rect x="11" y="2" width="12" height="12" fill="#fff" stroke="{opened}" stroke-width="2"/>'
    signs = [
        (f'<rect x="11" y="2" width="12" height="12" fill="{style.INK}"/>', "supply"),
        (f'{dashed}<circle cx="17" cy="8" r="4" fill="#fff" stroke="{grey}" stroke-width="2"/>', "open"),
        (_halo(close) + f'<path d="M17 1l7 7-7 7-7-7z" fill="{close}"/>', "closed by the plan"),
        (_halo(opened) + square, "opened by the plan"),
    ]  # fmt: skip
    if plan.topology["element"].isin(["trafo", "trafo3w"]).any():
        cross = '<path d="M12 8h10M17 3v10" stroke="#1f2933"/>'
        circle = '<circle cx="17" cy="8" r="5.5" fill="#fff" stroke="#1f2933"/>'
        signs.append((circle + cross, "transformer"))
    items = "".join(
        f'<li><svg viewBox="0 0 34 16" aria-hidden="true">{sign}</svg>{escape(word)}</li>' for sign, word in signs
    )
    return Html(f'<ul class="key">{items}<li>filled: closed, hollow: open</li></ul>')


def _halo(colour: str) -> str:
    """Pale underlay of an operated branch."""
    return f'<path d="M0 8H34" stroke="{colour}" stroke-opacity="0.25" stroke-width="13"/>'
