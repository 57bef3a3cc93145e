"""What a plan makes of the outages: a section of the plan's own report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adnflex.reporting import page
from adnflex.reporting.outages.tables import compared
from adnflex.reporting.page import Html
from adnflex.reporting.text import capital
from adnflex.reporting.views import Recipe, View
from adnflex.results.contingencies import Contingencies, told_comparison


def outages_of(view: View) -> Contingencies | None:
    """Return the outages of a plan's state beside those of the net before, if they are among the results."""
    return next((found for found in view.outages if _is_of(found, view.answer)), None)


def _is_of(found: Contingencies, plan: Any) -> bool:
    """Whether outages are those of a plan: the same net before, the same states after."""
    if found.before_fingerprint != plan.fingerprint or not len(plan.topology) or not len(found.topology):
        return False
    states = [
        dict(zip(zip(t["element"], t["index"], strict=True), t["closed_after"].astype(bool), strict=True))
        for t in (plan.topology, found.topology)
    ]
    return states[0] == states[1]


def _words(view: View) -> str:
    found = outages_of(view)
    return "" if found is None else f"{capital(told_comparison(found))}."


def _table(view: View) -> Sequence[Html]:
    found = outages_of(view)
    if found is None:
        return []
    note = page.notice("Not all outages were looked at", [found.status]) if found.status != "complete" else Html("")
    return [note, *compared(view, found)]


RESTORABILITY = Recipe(
    "restorability", "What an outage then means", _words, (_table,), "Outages",
    lambda view: outages_of(view) is not None,
)  # fmt: skip
