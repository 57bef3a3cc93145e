"""What to switch in which order, what to think of before, and what stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from adnflex.grid.switch_tables import decided, is_locked
from adnflex.reporting import page
from adnflex.reporting.page import Html
from adnflex.reporting.reconfiguration.view import SwitchingView
from adnflex.reporting.sequence.steps import operations, order_words
from adnflex.reporting.text import branch_label, cell
from adnflex.results import Check

_MOST_UNCHANGED = 1000
_MOST_NAMED = 40


def steps_and_rest(view: SwitchingView) -> list[Html]:
    """List what to operate, in order, what else is open, and what stays."""
    blocks = [_not_for_use(view.check), *operations(view)]
    rest = view.plan.switches[~view.plan.switches["operated"].astype(bool)]
    if len(rest):
        blocks += [_still_open(rest), _unchanged(view, decided(rest))]
    return blocks


def _rows(table: pd.DataFrame) -> Any:
    return table.rename(columns={"index": "place"}).itertuples(index=False)


def introduction(view: SwitchingView) -> str:
    """Say what the order is good for, no more than is known."""
    if not view.plan.switches["operated"].astype(bool).any():
        return "Nothing: the net already is in the state of the plan."
    return "" if view.sequence is None else order_words(view.sequence)


def _not_for_use(check: Check | None) -> Html:
    """Warn where the plan must not be carried out."""
    if check is not None and check.passed:
        return Html("")
    reason = "has not been validated" if check is None else "fails the AC check"
    text = f"The plan {reason}: it is listed for study, not to be carried out."
    return page.notice("Do not switch", [text], "bad")


def _still_open(rest: pd.DataFrame) -> Html:
    """Name what is open in the plan as it was before, and what of it is locked."""
    rows = rest[~rest["closed_after"].astype(bool)]
    if rows.empty:
        return Html("")
    labels = [branch_label(*row) for row in rows[["element", "index", "name"]].itertuples(index=False)]
    names = [f"{a}{' (locked)' if locked else ''}" for a, locked in zip(labels, is_locked(rows), strict=True)]
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return page.paragraph(f"Open as before: {', '.join(names[:_MOST_NAMED])}{more}.")


def _unchanged(view: SwitchingView, rest: pd.DataFrame) -> Html:
    """Switchable branches that stay as they are, the open ones first."""
    columns: dict[str, Callable[[Any], str]] = {
        "stays": lambda s: "closed" if s.closed_after else "open",
        "branch": lambda s: branch_label(s.element, s.place, s.name),
        "between": lambda s: view.labels.ends(s.from_bus, s.to_bus),
        "by": lambda s: cell(s.how),
    }
    some = f"; the first {_MOST_UNCHANGED} are listed" if len(rest) > _MOST_UNCHANGED else ""
    summary = f"All {len(rest)} switchable branches that stay as they are{some}"
    ordered = rest.sort_values("closed_after", kind="stable").head(_MOST_UNCHANGED)
    return page.details(summary, *page.listing(_rows(ordered), columns))
