"""The report of a plan for many periods: its topologies, what they save and when, where limits are near."""

from __future__ import annotations

from functools import partial

from adnflex.reporting import page
from adnflex.reporting.findings import TERMS, checks_bar, details, limits, progress, violations
from adnflex.reporting.multi_period import figures, words
from adnflex.reporting.multi_period.view import PeriodsView, views
from adnflex.reporting.page import Html
from adnflex.reporting.sequence.steps import operations, order_words
from adnflex.reporting.text import number
from adnflex.reporting.views import Recipe, ReportKind, Sections
from adnflex.results import MultiPeriodCheck, MultiPeriodPlan

#: Maps that are drawn; of more topologies the table names the open branches.
_MOST_MAPS = 4


def _topologies(view: PeriodsView) -> list[Html]:
    """Table of the topologies."""
    rows = [
        [
            view.period(first),
            str(int(row["periods"])),
            str(int(row["operations"])),
            number(float(row["energy_mwh"]), "MWh", 5),
            str(row["open"]),
        ]
        for first, row in view.plan.topologies.iterrows()
    ]
    heads = ["from", "periods", "operations", "losses", "open branches"]
    return [page.table(heads, rows, ["periods", "operations", "losses"])]


def _order(view: PeriodsView) -> list[Html]:
    """List what is operated at each change of topology, in order."""
    if view.sequence is None:
        return operations(view, view.period)
    return [page.paragraph(order_words(view.sequence)), *operations(view, view.period)]


def _maps(view: PeriodsView) -> list[Html]:
    """Map of each topology, where they are few."""
    if not view.has_map or len(view.plan.topologies) > _MOST_MAPS:
        return []
    found = []
    for first in view.plan.topologies.index:
        fig = figures.network(view, int(first))
        fig.update_layout(showlegend=False)
        found.append(page.figure(fig, f"network-{first}-figure{view.suffix}", f"From {view.period(first)}"))
    return [page.side_by_side(*found)]


def _critical(view: PeriodsView) -> list[Html]:
    """Table of the periods where limits are nearest."""
    rows = [
        [
            view.period(period),
            str(row["kind"]),
            view.labels.of(row["element"], int(row["index"])),
            number(float(row["value"]), str(row["unit"]), 5),
            number(float(row["limit"]), str(row["unit"]), 5),
        ]
        for period, row in view.plan.critical_periods.iterrows()
    ]
    return [page.table(["when", "limit of", "where", "value", "limit"], rows, ["value", "limit"])] if rows else []


def _structure(view: PeriodsView) -> Html:
    check = view.check
    assert check is not None
    return checks_bar((bool(check.periods["converged"].all()), "every period converges", "a period does not converge"))


def _facts(view: PeriodsView) -> dict[str, str]:
    return {
        "objective": str(view.plan.options["objective"]),
        "windows": str(view.plan.options.get("windows") or "one topology"),
    }


def _looked_at(view: PeriodsView) -> str:
    plan = view.plan
    return (
        f"Every one of the {len(plan.periods):,} periods was evaluated by exact power flow for the plan, the present "
        f"states and the best states of the peak hour. {plan.solver[:1].upper()}{plan.solver[1:]}."
    )


_SECTIONS: Sections = [
    violations(lambda view: ""),
    Recipe("topologies", "What to switch, and when", _looked_at, (_topologies, _order, _maps), "Topologies"),
    Recipe(
        "duration", "Losses over all hours",
        "The losses of every period, the largest first: where the plan's curve lies below the others it saves.",
        ("duration",), "Losses",
    ),
    Recipe(
        "value", "Value of switching",
        "What the best plan found saves with so many operations at most; where something is proven, no plan can save "
        "more than the grey line.",
        ("value-of-switching",), "Value of switching", lambda view: len(view.plan.value_of_switching) > 1,
    ),
    Recipe(
        "calendar", "Voltage and loading by day and hour", "With the plan's switch states.",
        (lambda view: view.drawn("lowest-voltage", "highest-voltage", "loading"),), "Calendar",
    ),
    Recipe(
        "critical", "Where limits are near", "The periods in which each kind of limit is nearest, or broken most.",
        (_critical,), "Critical periods", lambda view: len(view.plan.critical_periods),
    ),
    limits("plan", lambda view: "Checked in AC power flow in every period, as the verdict says.", _structure),
    progress("plan", lambda view: "Where they meet, the plan is proven the best."),
    details(_facts),
]  # fmt: skip

KIND: ReportKind[PeriodsView] = ReportKind(
    results=(MultiPeriodPlan,),
    checks=(MultiPeriodCheck,),
    views=views,
    title=words.title,
    subtitle=words.subtitle,
    verdict=words.verdict,
    cards=words.key_cards,
    terms=TERMS,
    sections=_SECTIONS,
    figures={
        "duration": figures.duration,
        "highest-voltage": partial(figures.heat, column="vm_max_pu"),
        "loading": partial(figures.heat, column="loading_percent"),
        "lowest-voltage": partial(figures.heat, column="vm_min_pu"),
        "network": figures.network,
        "progress": figures.progress,
        "value-of-switching": figures.value_of_switching,
    },
)
