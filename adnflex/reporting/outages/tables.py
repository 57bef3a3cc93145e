"""Tables on outages that several reports show."""

from __future__ import annotations

from typing import Any

from adnflex.reporting import page
from adnflex.reporting.page import Html
from adnflex.reporting.text import cell, fixed
from adnflex.results.contingencies import Contingencies


def compared(view: Any, found: Contingencies) -> list[Html]:
    """List the outages that a plan makes harder or easier."""
    table = found.compared
    rows = table[table["harder"] | table["easier"]].sort_values("more_mw", ascending=False)
    told = [
        [view.labels.of(element, index), fixed(r["left_mw_before"], 3, "MW"), fixed(r["left_mw"], 3, "MW"),
         page.badge("harder", "bad") if r["harder"] else page.badge("easier", "good"),
         cell(r["actions_before"] or "nothing"), cell(r["actions"] or "nothing")]
        for (element, index), r in rows.iterrows()
    ]  # fmt: skip
    head = ["outage", "stays dark, before", "planned", "", "restored before by", "planned by"]
    return [page.table(head, told, head[1:3])] if told else [page.paragraph("No outage is harder or easier.")]
