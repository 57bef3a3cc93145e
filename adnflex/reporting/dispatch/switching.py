"""What is switched in a dispatch, and when."""

from __future__ import annotations

from adnflex.grid.switch_tables import moved, open_branches
from adnflex.reporting import page
from adnflex.reporting.dispatch.view import DispatchView
from adnflex.reporting.page import Html
from adnflex.reporting.sequence.steps import operations, order_words


def decided(view: DispatchView) -> bool:
    """Whether the topology was a decision."""
    columns = {"element", "index", "name", "closed_before", "closed_after", "first_period"}
    return columns <= set(view.plan.switches.columns)


def introduction(view: DispatchView) -> str:
    """Say when something is switched, and in which order."""
    if moved(view.plan.switches).empty:
        return "Nothing: the switch states stay as they are in the net."
    words = "Switch states that change at the beginning of a block of hours; all others stay as they are in the net."
    return words if view.sequence is None else f"{words} {order_words(view.sequence)}"


def tables(view: DispatchView) -> list[Html]:
    """List what is switched and when, and what is open in every block of hours."""
    return [*operations(view, view.clock.begin), _open(view)]


def _open(view: DispatchView) -> Html:
    """Name the open branches of every block of hours, and which of them are locked."""
    blocks_of = view.plan.switches.groupby("first_period")
    told = {first: ", ".join(open_branches(rows)) or "none" for first, rows in blocks_of}
    if len(set(told.values())) == 1:
        return page.paragraph(f"Open: {next(iter(told.values()))}.")
    blocks = "; ".join(f"from {view.clock.begin(first)} {names}" for first, names in told.items())
    return page.paragraph(f"Open: {blocks}.")
