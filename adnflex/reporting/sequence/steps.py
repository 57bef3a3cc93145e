"""The operations of a plan in their order, as every report lists them; without an order, as the plan names them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from adnflex.grid.switch_tables import moved
from adnflex.reporting import page
from adnflex.reporting.findings import loading
from adnflex.reporting.page import Html
from adnflex.reporting.text import branch_label, many, number
from adnflex.reporting.views import View
from adnflex.results.sequence import SwitchingSequence

# Letters of a cell that is not wrapped.
_SHORT = 18


def operations(view: View, when: Callable[[Any], str] = str) -> list[Html]:
    """List what is operated: in its order where that is known, else by name with the reason.

    Parameters
    ----------
    view : View
        Of a plan with `switches`.
    when : callable
        Names a period.
    """
    sequence = view.sequence
    if sequence is not None:
        return [*steps(sequence, when), cautions(sequence)]
    rows = moved(view.answer.switches)
    if rows.empty:
        return []
    columns: dict[str, Callable[[Any], str]] = {
        "do": lambda row: page.action(row["closed_after"]),
        "branch": lambda row: branch_label(row["element"], row["index"], row.get("name", "")),
        "in pandapower": lambda row: str(row.get("how", "")),
    }
    if rows["first_period"].nunique() > 1:
        columns = {"from": lambda row: when(row["first_period"]), **columns}
    why = view.orders.faults or (
        "Give report() the net, or what adnflex.switching_sequence(plan, net) returns, and the steps stand here in "
        "their order, each state in AC power flow.",
    )
    return [
        page.notice("In which order is not known: these are no steps", why),
        *page.listing([row for _, row in rows.iterrows()], columns),
    ]


def steps(sequence: SwitchingSequence, when: Callable[[Any], str] = str, paper: bool = False) -> list[Html]:
    """Table of the work sheet; on paper with a column to tick off."""
    sheet = sequence.work_sheet
    if sheet.empty:
        return []
    columns = [c for c in sheet.columns if c != "by" or sheet["by"].astype(bool).any()]

    def told(column: str, value: Any) -> str:
        return page.action(value == "close") if column == "do" else when(value) if column == "from" else str(value)

    # short cells stay in one line
    sheet = sheet.assign(**{c: sheet[c].map(_kept) for c in ("station", "switch", "branch")})
    rows = [[str(k), *(told(c, row[c]) for c in columns), *(["☐"] if paper else [])] for k, row in sheet.iterrows()]
    return [page.table(["step", *columns, *(["done"] if paper else [])], rows)]


def _kept(text: str) -> str:
    return text.replace(" ", "\u00a0") if len(text) <= _SHORT else text


def order_words(sequence: SwitchingSequence) -> str:
    """Say how good the order is, and what happens on the way."""
    if sequence.steps.empty:
        return "Nothing: the net already is in the state that is wanted."
    orders = sequence.orders
    dark = float(orders["dark_mw_min"].sum())
    supply = f"{number(dark, 'MW min')} are without supply meanwhile" if dark else "nobody is without supply meanwhile"
    loops = int(orders["loops"].max())
    proven = (
        "No order of these operations is better"
        if sequence.status == "optimal"
        else "A better order may exist: the search ended before all were compared"
    )
    return (
        f"{many(len(sequence.steps), 'operation')}, each state on the way in AC power flow: {supply}, at most "
        f"{many(loops, 'loop')} at once. {proven}."
    )


def cautions(sequence: SwitchingSequence) -> Html:
    """Tell what to think of before some of the steps."""
    table = sequence.steps
    ends = sequence.orders[["margin_before", "margin_after"]].min(axis=1)
    least = table["first_period"].map(ends.groupby(level=0).min()).clip(upper=0.0)
    told = (
        (table["joins_sources"], "joins two supplies for a while: see that they may run in parallel."),
        (table["dark_buses"].map(len) > 0, "leaves buses without supply until a later step."),
        (~table["breaks_load"].astype(bool), "operates a disconnector, which must not make or break load."),
        (~table["converged"].astype(bool), "leads to a state without a power flow solution."),
        (table["margin"] < least - 1e-9, "breaks a limit that is kept before and after."),
    )
    found = [f"{_named(table.index[rows.to_numpy(dtype=bool)])} {words}" for rows, words in told if rows.any()]
    return page.notice("Before you switch", found)


def _named(index: pd.Index) -> str:
    names = [str(step) for step in index]
    return f"Step {names[0]}" if len(names) == 1 else f"Each of steps {', '.join(names[:-1])} and {names[-1]}"


def facts(sequence: SwitchingSequence) -> list[list[str]]:
    """Rows of what is known of each topology's order."""
    return [
        [
            str(first),
            str(row["operations"]),
            str(row["status"]),
            number(row["dark_mw_min"], "MW min"),
            str(row["loops"]),
            loading(row["closing_percent"], sequence.steps["loading_percent"]),
            str(row["visits"]),
            str(row["states"]),
        ]
        for first, row in sequence.orders.iterrows()
    ]
