"""What is switched in a dispatch, and when."""

from __future__ import annotations

import pandas as pd

from adnflex.grid.switch_tables import open_branches
from adnflex.reporting import page
from adnflex.reporting.dispatch.view import DispatchView
from adnflex.reporting.page import Html
from adnflex.reporting.text import branch_label, cell


def decided(view: DispatchView) -> bool:
    """Whether the topology was a decision."""
    columns = {"element", "index", "name", "closed_before", "closed_after", "first_period"}
    return columns <= set(view.plan.switches.columns)


def _moved(view: DispatchView) -> pd.DataFrame:
    """Rows of what is done: each block says how it stands against the net; what differs from the block before."""
    ordered = view.plan.switches.sort_values("first_period", kind="stable")
    earlier = ordered.groupby(["element", "index"], sort=False)["closed_after"].shift()
    was = earlier.where(earlier.notna(), ordered["closed_before"]).astype(bool)
    return ordered[was != ordered["closed_after"].astype(bool)]


def introduction(view: DispatchView) -> str:
    """Say when something is switched."""
    if _moved(view).empty:
        return "Nothing: the switch states stay as they are in the net."
    return "Switch states that change at the beginning of a block of hours; all others stay as they are in the net."


def tables(view: DispatchView) -> list[Html]:
    """List what is switched and when, and what is open in every block of hours."""
    columns = {
        "from": lambda row: view.clock.begin(row["first_period"]),
        "do": lambda row: page.action(row["closed_after"]),
        "branch": lambda row: branch_label(row["element"], row["index"], row["name"]),
        "in pandapower": lambda row: cell(row.get("how", "")),
    }
    rows = [row for _, row in _moved(view).iterrows()]
    return [*(page.listing(rows, columns) if rows else []), _open(view)]


def _open(view: DispatchView) -> Html:
    """Name the open branches of every block of hours, and which of them are locked."""
    blocks_of = view.plan.switches.groupby("first_period")
    told = {first: ", ".join(open_branches(rows)) or "none" for first, rows in blocks_of}
    if len(set(told.values())) == 1:
        return page.paragraph(f"Open: {next(iter(told.values()))}.")
    blocks = "; ".join(f"from {view.clock.begin(first)} {names}" for first, names in told.items())
    return page.paragraph(f"Open: {blocks}.")
