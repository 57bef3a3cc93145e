"""The report of a switching sequence: a work sheet to print, every state on the way, how good the order is."""

from __future__ import annotations

from collections.abc import Sequence

from adnflex.reporting import page
from adnflex.reporting.findings import NETWORK_TERMS, details, loading, sheet_head, violations
from adnflex.reporting.page import Banner, Card, Html
from adnflex.reporting.proof import banner
from adnflex.reporting.sequence import figures, steps
from adnflex.reporting.sequence.view import SequenceView, views
from adnflex.reporting.text import dash, many, number
from adnflex.reporting.views import Recipe, ReportKind, Sections
from adnflex.results.sequence import SequenceCheck, SwitchingSequence
from adnflex.results.status import status_words
from adnflex.results.work_sheet import SIGNED

__all__ = ["KIND"]

_TERMS = {
    "Work sheet": "The steps in their order, with what to check at each; it prints on a page of its own.",
    "Make before break": "A switch is closed before the next one is opened, so that nobody is without supply.",
    "Loop": "A closed path: for a while the network is not radial.",
    "Step of voltage": "Largest change of a voltage when the switch is operated.",
}


def _verdict(view: SequenceView) -> Banner:
    missing = "The states on the way have not been validated; do not switch before they have."
    return banner(
        view.check, "Passed: this order may be switched", "FAILED: do not switch in this order", missing,
        steps.order_words(view.sequence),
    )  # fmt: skip


def _cards(view: SequenceView, _first: SequenceView | None = None) -> list[Card]:
    """Return the key figures: operations, supply meanwhile, loops, closing current, stations, order, time."""
    sequence = view.sequence
    table, orders = sequence.steps, sequence.orders
    closed = int((table["action"] == "close").sum())
    dark = float(orders["dark_mw_min"].sum())
    current = table["closing_current_a"].max()
    at = table.loc[table["closing_current_a"].idxmax()] if table["closing_current_a"].notna().any() else None
    return [
        Card("Operations", str(len(table)), f"{closed} to close, {len(table) - closed} to open"),
        Card("Without supply meanwhile", number(dark, "MW min") if dark else "nobody", "load times minutes"),
        Card("Loops at once", str(int(orders["loops"].max()) if len(orders) else 0), "at most"),
        Card(
            "Largest closing current",
            number(current, "A", 4) if at is not None else dash,
            dash if at is None else f"{_share(sequence, at['closing_percent'])}{at['element']} {at['index']}",
        ),
        Card("Order", *_order_of(sequence)),
        Card("Search time", number(sequence.seconds, "s", 3), many(int(orders["states"].sum()), "AC power flow")),
    ]


def _share(sequence: SwitchingSequence, closing_percent: float) -> str:
    """Say how full the switch or line is that a current closes on; nothing where the net has no ratings."""
    told = loading(closing_percent, sequence.steps["loading_percent"])
    return "" if told == dash else f"{told} of its rating, "


def _order_of(sequence: SwitchingSequence) -> tuple[str, str]:
    if sequence.status == "optimal":
        return "the best", "of all orders of these operations"
    return "not proven", "made of parts" if sequence.status == "unproven" else status_words(sequence.status)


def _sheet(view: SequenceView) -> list[Html]:
    """Make the work sheet: whose, the table with room to tick off, who signs."""
    sequence = view.sequence
    return [
        sheet_head(sequence, view.check),
        *steps.steps(sequence, paper=True),
        steps.cautions(sequence),
        page.paragraph(SIGNED, "paper"),
    ]


def _orders(view: SequenceView) -> list[Html]:
    head = ["from period", "operations", "order", "without supply", "loops at once", "largest closing current",
            "changes of station", "states run"]  # fmt: skip
    return [page.table(head, steps.facts(view.sequence), [head[1], *head[3:]])]


def _title(shown: Sequence[SequenceView]) -> str:
    names = dict.fromkeys(view.sequence.net_name or "an unnamed net" for view in shown)
    return f"Switching sequence for {', '.join(names)}"


def _subtitle(shown: Sequence[SequenceView]) -> str:
    sequence = shown[-1].sequence
    return f"{many(len(sequence.steps), 'operation')}; every state on the way in full AC power flow"


def _facts(view: SequenceView) -> dict[str, str]:
    return {"least, in this order": "load without supply, limits broken on the way, loops, closing current, stations"}


_SECTIONS: Sections = [
    violations(lambda view: " in some states (those before and after included)"),
    Recipe(
        "sheet", "Work sheet", lambda view: steps.order_words(view.sequence), (_sheet,), "Work sheet",
    ),
    Recipe(
        "network", "Where",
        "The network after the last step: each operation with its number, each feeder in its colour. Filled signs are "
        "closed, hollow ones open; diamonds are closed by the steps, squares opened.",
        ("network",), "Map", lambda view: len(view.sequence.topology) > 0 and len(view.sequence.steps) > 0,
    ),
    Recipe(
        "states", "The states on the way",
        "Every state after a step, run in full AC power flow, meshed where a loop is closed.", ("states",), "States",
    ),
    Recipe(
        "order", "How good the order is",
        "Compared one after the other, this and nothing else: load without supply, limits broken on the way beyond "
        "those broken before and after, loops at once, the largest current that a switch closes on, changes of "
        "station.",
        (_orders,), "Order",
    ),
    details(_facts),
]  # fmt: skip

KIND: ReportKind[SequenceView] = ReportKind(
    results=(SwitchingSequence,),
    checks=(SequenceCheck,),
    views=views,
    title=_title,
    subtitle=_subtitle,
    verdict=_verdict,
    cards=_cards,
    terms={**NETWORK_TERMS, **_TERMS},
    sections=_SECTIONS,
    figures={"network": figures.network, "states": figures.states},
    several="sequences",
)
