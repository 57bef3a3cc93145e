"""The report of a reconfiguration: the plan, what AC power flow makes of it, how good it can be."""

from __future__ import annotations

from collections.abc import Callable

from adnflex.reporting import page, style
from adnflex.reporting.canvas.colouring import COLOURS
from adnflex.reporting.canvas.map import STATES
from adnflex.reporting.canvas.zoom import windows
from adnflex.reporting.findings import (
    TERMS,
    checks_bar,
    details,
    deviation_table,
    limits,
    progress,
    violations,
)
from adnflex.reporting.outages.section import RESTORABILITY
from adnflex.reporting.page import Html
from adnflex.reporting.reconfiguration import actions, figures, profile, words
from adnflex.reporting.reconfiguration.view import SwitchingView, views
from adnflex.reporting.text import dash, number, percent, power
from adnflex.reporting.views import Recipe, ReportKind, Sections
from adnflex.results import Check, Plan
from adnflex.results.scope import PLACEHOLDER_LOADING

__all__ = ["KIND"]

#: Invented loss below this share of the losses does not matter.
_WEIGHTLESS = 1e-4


def _map_words(view: SwitchingView) -> str:
    """Say how the maps are drawn."""
    origin = list(view.plan.coordinates["origin"]) if view.has_map else []
    drawn = "The net has no map, so it is drawn as a tree of the plan. " if set(origin) == {"tree"} else ""
    if count := origin.count("interpolated"):
        drawn = f"{count} buses have no place on the net's map and are drawn between their neighbours. "
    return (
        f"{drawn}Solid branches are closed, dashed ones open. Point at a bus or at the middle of a branch for its "
        "numbers. Both maps move together and share their colours. Numbers before a colon are the steps of the order; "
        "by supply each feeder has a colour."
    )


def _maps(view: SwitchingView) -> list[Html]:
    """Draw the maps before and after, side by side, with one choice of colours and one key."""
    maps, group = [], f"network{view.suffix}"
    for state in STATES:
        fig = figures.network(view, state, titled=False)
        fig.update_layout(showlegend=False)
        maps.append(page.figure(fig, f"network-{state}-figure{view.suffix}", state.capitalize(), group))
    choice = page.toggle(group, [c for c in COLOURS if c != "loading" or view.rated], "Colour by")
    transformer = bool(view.plan.topology["element"].isin(["trafo", "trafo3w"]).any())
    key = page.map_key(style.INK, style.MUTED, style.CLOSED_BY_PLAN, style.OPENED_BY_PLAN, transformer)
    return [page.bar(choice, key), page.side_by_side(*maps), *_changes(view)]


def _changes(view: SwitchingView) -> list[Html]:
    """Draw what changes in small: a map round the operations where the whole net is too large to see them."""
    found = []
    for k, window in enumerate(windows(view.plan.topology, view.plan.coordinates), start=1):
        fig = figures.network(view, titled=False, window=window).update_layout(showlegend=False)
        part, _ = window.within(view.plan.topology, view.plan.coordinates)
        rows = part[part["closed_before"] != part["closed_after"]]
        what = ", ".join(f"{e} {i}" for e, i in zip(rows["element"], rows["index"], strict=True))
        found.append(page.figure(fig, f"changes-{k}-figure{view.suffix}", f"What changes near {what}"))
    return [page.heading("What changes, nearer"), page.side_by_side(*found)] if found else []


def _loading_words(view: SwitchingView) -> str:
    if view.check is None:
        return "Loadings come from AC power flow, which has not been run on this plan."
    if not view.rated:
        return (
            f"No branch is loaded above {percent(PLACEHOLDER_LOADING, 0)} of its rating: the net has no current "
            "ratings, or placeholders, so loading tells nothing here."
        )
    return f"Current in percent of the rating, {_most(view)}; red where the limit is exceeded."


def _losses_words(view: SwitchingView) -> str:
    source = view.plan if view.check is None else view.check
    by = "the model, not validated" if view.check is None else "AC power flow"
    before, after = power(source.losses_before_mw), power(source.losses_mw)
    return f"{before} before, {after} with the plan ({by}). With the plan, {_most(view)}:"


def _most(view: SwitchingView) -> str:
    """Say how many branches are shown."""
    count = len(view.branches)
    return f"the {figures.MOST} largest of {count} branches" if count > figures.MOST else f"all {count} branches"


def _exactness_words(view: SwitchingView) -> Html:
    """Judge the relaxation by its largest gap and by the loss that it invents in all."""
    table = view.relaxation
    if table.empty:
        return Html("")
    worst = table.loc[table["cone_gap"].idxmax()]
    loss = float(table["cone_loss_mw"].sum())
    losses = (view.plan if view.check is None else view.check).losses_mw
    invented = "below 1 W" if abs(loss) < 1e-6 else power(loss, 2)
    if worst["cone_gap"] <= figures.EXACT_GAP:
        judgement = "the relaxation is exact here"
    elif abs(loss) <= _WEIGHTLESS * losses:
        judgement = "without weight, as hardly any current is concerned"
    else:
        judgement = "the relaxation is not exact, so compare with AC power flow below"
    return page.paragraph(
        f"Largest cone gap {number(float(worst['cone_gap']), digits=2)} at "
        f"{view.labels.of(worst['element'], worst['index'])}: {judgement}. "
        f"Invented loss in all: {invented} of {power(losses)}."
    )


def _when(condition: Callable[[SwitchingView], object], figure: str) -> Callable[[SwitchingView], list[Html]]:
    """Show a figure where a condition holds."""
    return lambda view: [view.draw(figure)] if condition(view) else []


def _structure(view: SwitchingView) -> Html:
    check = view.check
    assert check is not None
    return checks_bar(
        (check.converged, "AC power flow converges", "AC power flow does not converge"),
        (check.radial, "radial", "not radial"),
        (check.supplied, "every bus supplied", "not every bus supplied"),
    )


def _facts(view: SwitchingView) -> dict[str, str]:
    weights = ", ".join(f"{k} {v:g}" for k, v in view.plan.weights.items()) or dash
    return {"objective": view.plan.objective_name, "weights": weights}


_SECTIONS: Sections = [
    violations(lambda view: ""),
    Recipe("switching", "What to switch", actions.introduction, (actions.steps_and_rest,), "Switching"),
    Recipe("network", "The network before and after", _map_words, (_maps,), "Network"),
    Recipe(
        "voltage", "Voltage along the feeders",
        "Each line follows a feeder away from its supply: grey as the net is now, blue with the plan. A steep line "
        "means much current or a weak conductor.",
        ("voltage-profile",), "Voltage",
    ),
    Recipe(
        "loading", "Loading of lines and transformers", _loading_words, (_when(lambda v: v.rated, "loading"),),
        "Loading",
    ),
    Recipe("losses", "Where the losses are", _losses_words, ("losses",), "Losses"),
    limits(
        "plan",
        lambda view: "Checked in AC power flow with the plan's switch states; margin is what is left until the limit.",
        _structure,
    ),
    Recipe(
        "exactness", "How exact is the model",
        "The optimiser works with a model that may let a branch carry more current than physics asks for (a "
        "relaxation). The cone gap measures by how much: near zero, the model and physics are the same. Independently "
        "of that, every number is compared with AC power flow.",
        (_exactness_words, _when(lambda v: len(v.relaxation), "tightness"), deviation_table), "Exactness",
    ),
    RESTORABILITY,
    progress("plan", lambda view: "Where they meet, the plan is proven the best."),
    details(_facts),
]  # fmt: skip

KIND: ReportKind[SwitchingView] = ReportKind(
    results=(Plan,),
    checks=(Check,),
    views=views,
    title=words.title,
    subtitle=words.subtitle,
    verdict=words.verdict,
    cards=words.key_cards,
    terms=TERMS,
    sections=_SECTIONS,
    figures={
        "loading": figures.loading,
        "losses": figures.losses,
        "network": figures.network,
        "progress": figures.progress,
        "tightness": figures.tightness,
        "voltage-profile": profile.voltage_profile,
    },
)
