"""The report of flexibility: what can be promised, what holds it back, and why it may be believed."""

from __future__ import annotations

import math

from adnflex.grid.switch_tables import open_branches
from adnflex.reporting import page
from adnflex.reporting.findings import TERMS, details, horizon, limits, violations
from adnflex.reporting.flexibility import box, compare, holding, inputs, plane, proof, regions, words
from adnflex.reporting.flexibility.view import FlexibilityView, is_weighted, limit_groups, views
from adnflex.reporting.page import Html
from adnflex.reporting.sequence.steps import operations, order_words
from adnflex.reporting.text import dash, fixed, number, share, signed
from adnflex.reporting.views import Recipe, ReportKind, Sections
from adnflex.results.flexibility import Flexibility
from adnflex.results.flexibility_check import FlexibilityCheck
from adnflex.results.region import Region, RegionCheck
from adnflex.results.status import status_words

__all__ = ["KIND"]

_OWN_TERMS = {
    "Box": "For every period a lower and an upper end of the import; every trajectory between them can be followed.",
    "Trajectory": "One value of the import for each period, e.g. what a market or the grid operator asks for.",
    "Coupling point": "Where the network is connected to the grid above; import into the network counts positive.",
    "Hour by hour": "What is done in a period depends on that period's value alone: nobody needs to know later ones.",
    "With foresight": "The whole trajectory is known before the first period; the linear model then gives no less.",
    "AC tightening": "Limits of the linear model are narrowed by what AC power flow shows until every state holds.",
    "Holds back": "A limit that is reached at an end of the box: looser, it would enlarge the box.",
    "Share": "How far a state is on the way from the dispatch of the lower end (0) to that of the upper end (1).",
    "Vertex": "A trajectory that in every period is at one of the two ends.",
    "Period": "One step of the horizon, e.g. an hour; it is named by the clock time from which to which it lasts.",
}
_CHANGED_TERMS = {
    "Bound": "A size that boxes of the linear model (without losses) cannot exceed; boxes in AC can.",
    "Gap": "Distance between the box of the linear model and its bound, in percent of that box.",
    "Certificate": "How much more useful any other box in AC power flow can be, at most, whatever policy follows it.",
    "Useful width": "Width of the import less what is lost in the network, in converters and in storages.",
}
_TERMS = _OWN_TERMS | {
    word: _CHANGED_TERMS.get(word, told)
    for word, told in TERMS.items()
    if word not in {"Cone gap", "Invented loss", "Relaxation"}
}


def _holding_words(view: FlexibilityView) -> str:
    if not limit_groups(view.flex.binding):
        return "No limit of the network is reached at the ends of the box; what the devices can do holds it back."
    return (
        "Limits that are reached at the ends of the box. Triangles up: more import is held back; down: less import. "
        "Loosening a limit (last column) in all these periods would enlarge the box by about so much; those worth most "
        "come first."
    )


def _binding(view: FlexibilityView) -> list[Html]:
    return [view.draw("binding")] if limit_groups(view.flex.binding) else []


def _relieved_words(view: FlexibilityView) -> str:
    gain = f" (by {signed(view.gain_percent)})" if math.isfinite(view.gain_percent) else ""
    return (
        f"Why the box changes{gain}: these limits held the present topology back and no longer do. Each is shown in "
        "the period in which the least room was gained; the orange stroke is the limit."
    )


def _decided(view: FlexibilityView) -> bool:
    """Whether the topology was a decision."""
    return len(view.flex.switches) > 0 and "operated" in view.flex.switches


def _switching_words(view: FlexibilityView) -> str:
    if not view.switched:
        return "No topology with a larger box was found: nothing is switched."
    words = "The topology stays from the first period to the last."
    return words if view.sequence is None else f"{words} {order_words(view.sequence)}"


def _switching(view: FlexibilityView) -> list[Html]:
    """List what is switched, and what is open."""
    opened = page.paragraph(f"Open: {', '.join(open_branches(view.flex.switches)) or 'none'}.")
    return [*operations(view), opened]


def _map_title(view: FlexibilityView) -> str:
    return "The network before and after" if view.switched else "Where it is held back"


def _published(view: FlexibilityView) -> list[Html]:
    """Show published figures where no topologies were compared; the section is their heading."""
    return compare.published_table(view)[1:] if view.flex.comparison.empty else []


def _storage_words(view: FlexibilityView) -> str:
    examples = " Thin lines are the examples." if view.check is not None else ""
    return (
        "Whatever trajectory inside the box is asked for, the stored energy stays in the blue band, and so within its "
        f"limits (dashed).{examples}"
    )


def _limits_words(view: FlexibilityView) -> str:
    assert view.check is not None
    states = fixed(view.check.states, 0)
    return f"Worst case of {states} AC power flows on trajectories inside the box; margin is what is left."


def _proof_words(view: FlexibilityView) -> str:
    linear = view.flex.linear
    gap = share(max(linear.gap, 0.0)) if math.isfinite(linear.gap) else dash
    return (
        f"The box of the linear model is computed with a bound of that model ({linear.bound_kind}), then corrected "
        f"until every state tried holds in AC power flow. The search: {status_words(view.flex.status)}; gap of the "
        f"linear model {gap}. None of this bounds boxes in AC; what does is {_outer_words(view)}."
    )


def _outer_words(view: FlexibilityView) -> str:
    outer = view.flex.outer
    if not math.isfinite(outer.mwh):
        return f"not known ({outer.kind})"
    return f"the {outer.kind}: useful width at most {number(outer.mwh, 'MWh', 6)}"


def _facts(view: FlexibilityView) -> dict[str, str]:
    flex, linear = view.flex, view.flex.linear
    # weighted sizes have no unit that is known here
    unit, weighted = ("", " (weighted)") if is_weighted(flex) else ("MWh", "")
    sizes = ", ".join(number(v, unit, 6) for v in (linear.worth, linear.bound))
    seed = {} if view.check is None else {"seed of the random trajectories": str(view.check.seed)}
    return {
        "coupling point": view.labels.of(*flex.pcc.rsplit(" ", 1)) if " " in flex.pcc else flex.pcc,
        "horizon": horizon(view),
        "size of the linear model, its bound": f"{sizes}{weighted}",
        "size after AC tightening": number(flex.total_mwh, "MWh", 6),
        "useful width, losses taken out": number(flex.useful_mwh, "MWh", 6),
        "largest useful width in AC": _outer_words(view),
        "what the linear model's bound is": linear.bound_kind or dash,
        "how the linear model ended": status_words(linear.status),
        **seed,
    }


_SECTIONS: Sections = [
    violations(lambda view: " on trajectories inside the box"),
    Recipe("box", "The box over time", box.box_words, ("box", box.box_table), "The box"),
    Recipe(
        "plane", "Both periods against each other",
        "A point is one import for each of the two periods; every point inside the blue rectangle can be followed.",
        ("plane", plane.plane_table), "Both periods", plane.of_two,
    ),
    Recipe("holding", "What holds it back", _holding_words, (_binding, holding.holding_tables)),
    Recipe(
        "relieved", "What no longer holds it back", _relieved_words, ("relieved", holding.relieved_tables),
        "What is relieved",
    ),
    Recipe("switching", "What to switch", _switching_words, (_switching,), "Switching", _decided),
    Recipe(
        "network", _map_title,
        "Red lines and ringed buses hold the box back, the stronger the more hours they do. Point at them for the "
        "hours.",
        (holding.maps,), "Map",
    ),
    Recipe(
        "comparison", "Gains, and what reactive power adds",
        "The same devices in each topology that was compared, with and without reactive power of inverters. Pale bars "
        "are the linear model without reactive power of the devices, blue is what holds in AC power flow; the orange "
        "stroke is the bound of the linear model, which boxes in AC may exceed.",
        ("comparison", compare.comparison_table, compare.published_table), "Gains",
    ),
    Recipe("published", "Beside published figures", "", (_published,), "Published", _published),
    Recipe(
        "following", "Examples of what is followed", box.following_words,
        (box.example_choice, ("following", "", "following"), box.example_table), "Examples",
        lambda view: view.check is not None and not view.check.examples.empty,
    ),
    Recipe("storage", "Stored energy that can be reached", _storage_words, ("storage",), "Storage"),
    Recipe(
        "regions", "Active and reactive power together",
        "Active and reactive power at the coupling point, each period on its own. Nothing can be beyond the orange "
        "line (proven); the corners of the blue polygon and the dots were verified in AC power flow, the inside is "
        "sampled. Dotted green: the box of active power, which holds over all periods at once.",
        (regions.region_blocks,), "P–Q regions",
    ),
    limits("box", _limits_words, title="Limits over all trajectories"),
    Recipe(
        "found", "How it was found", _proof_words,
        (("sizes", "From the linear model to the promise"), proof.foresight, proof.tables),
    ),
    Recipe(
        "states", "AC states from end to end",
        "Every state between the lower end (below) and the upper end (above) of each period, in full AC power flow: "
        "dark is low voltage or high loading. Point at a cell for the place.",
        (proof.choice, ("states", "", "states")),
        "AC states",
    ),
    details(_facts, inputs.storages, inputs.series),
]  # fmt: skip

KIND: ReportKind[FlexibilityView] = ReportKind(
    results=(Flexibility, Region),
    checks=(FlexibilityCheck, RegionCheck),
    views=views,
    title=words.title,
    subtitle=words.subtitle,
    verdict=words.verdict,
    cards=words.key_cards,
    terms=_TERMS,
    sections=_SECTIONS,
    figures={
        "binding": holding.binding,
        "bounds": proof.bounds,
        "box": box.box,
        "comparison": compare.comparison,
        "following": box.following,
        "network": holding.network,
        "plane": plane.plane,
        "region": regions.region,
        "region-areas": regions.region_areas,
        "region-grid": regions.region_grid,
        "relieved": holding.relieved,
        "rounds": proof.rounds,
        "sizes": proof.sizes,
        "states": proof.states,
        "storage": box.storage,
    },
    several="boxes",
)
