"""The report of a plan for many periods: its topologies, what they save and when, where limits are near."""

from __future__ import annotations

from functools import partial

from adnflex.reporting import page
from adnflex.reporting.findings import TERMS, checks_bar, details, has_ratings, limits, progress, violations
from adnflex.reporting.multi_period import figures, words
from adnflex.reporting.multi_period.scope import compared, looked_at
from adnflex.reporting.multi_period.view import PeriodsView, views
from adnflex.reporting.page import Html
from adnflex.reporting.sequence.steps import operations, order_words
from adnflex.reporting.text import fixed, number
from adnflex.reporting.views import Recipe, ReportKind, Sections
from adnflex.results import MultiPeriodCheck, MultiPeriodPlan

#: Maps that are drawn; of more topologies the table names the open branches.
_MOST_MAPS = 4


def _topologies(view: PeriodsView) -> list[Html]:
    """Table of the topologies."""
    rows = [
        [
            view.period(first),
            fixed(row["periods"], 0),
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
    """Map of each set of states, those that hold longest; one that comes again is drawn once."""
    if not view.has_map:
        return []
    table = view.plan.topologies
    longest = table.groupby("open", sort=False)["hours"].sum().sort_values(ascending=False, kind="stable")
    found = []
    for opened in [name for name in table["open"].unique() if name in longest.index[:_MOST_MAPS]]:
        firsts = table.index[table["open"] == opened]
        fig = figures.network(view, int(firsts[0]))
        fig.update_layout(showlegend=False)
        title = f"From {'; '.join(view.period(first) for first in firsts[:3])}{' …' if len(firsts) > 3 else ''}"
        found.append(page.figure(fig, f"network-{firsts[0]}-figure{view.suffix}", f"{title} ({longest[opened]:g} h)"))
    blocks = [page.side_by_side(*found)]
    if rest := len(longest) - len(found):
        blocks.append(page.paragraph(f"{rest} other sets of states hold for fewer hours; the table names them."))
    return blocks


def _by_time(view: PeriodsView) -> list[Html]:
    """Draw which branch is open when, where that changes."""
    return view.drawn("open-branches") if len(view.plan.topologies) > 1 else []


def _calendar(view: PeriodsView) -> list[Html]:
    """Draw a few days as lines, more as calendars."""
    few = not view.plan.situations and figures.few_days(view)
    return view.drawn(*(["voltage", "loading"] if few else ["lowest-voltage", "highest-voltage", "loading"]))


def _critical(view: PeriodsView) -> list[Html]:
    """Table of the periods where limits are nearest; those of placeholders are none."""
    critical = view.plan.critical_periods
    if not has_ratings(view.plan.periods["loading_percent"]):
        critical = critical[critical["kind"] != "loading"]
    rows = [
        [
            view.period(period),
            str(row["kind"]),
            view.labels.of(row["element"], int(row["index"])),
            number(float(row["value"]), str(row["unit"]), 5),
            number(float(row["limit"]), str(row["unit"]), 5),
        ]
        for period, row in critical.iterrows()
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


_SECTIONS: Sections = [
    violations(lambda view: ""),
    Recipe(
        "topologies", "What to switch, and when",
        "Each row holds from its period on; operations are counted from the states before.",
        (_topologies, _by_time, _order, _maps), "Topologies",
    ),
    Recipe(
        "duration", "Losses over all hours",
        "The losses of every period, the largest first: where the plan's curve lies below the others it saves. States "
        "that are best in the period of highest losses are what a study of one hour would choose.",
        (compared, "duration"), "Losses",
    ),
    Recipe(
        "value", "Value of switching",
        "What the best plan found saves with so many operations at most; the band reaches up to what is proven that no "
        "plan can exceed, as far as something is.",
        ("value-of-switching",), "Value of switching", lambda view: len(view.plan.value_of_switching) > 1,
    ),
    Recipe(
        "calendar", "Voltage and loading by day and hour",
        "With the plan's switch states, over all buses and branches; crosses are periods that break a limit.",
        (_calendar,), "Calendar",
    ),
    Recipe(
        "critical", "Where limits are near", "The periods in which each kind of limit is nearest, or broken most.",
        (_critical,), "Critical periods", lambda view: len(view.plan.critical_periods),
    ),
    limits("plan", lambda view: "Checked in AC power flow in every period, as the verdict says.", _structure),
    Recipe(
        "scope", "What was looked at, and what was not", "", (looked_at,), "Scope",
    ),
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
        "open-branches": figures.open_branches,
        "voltage": figures.voltage,
        "highest-voltage": partial(figures.heat, column="vm_max_pu"),
        "loading": figures.loading,
        "lowest-voltage": partial(figures.heat, column="vm_min_pu"),
        "network": figures.network,
        "progress": figures.progress,
        "value-of-switching": figures.value_of_switching,
    },
)
