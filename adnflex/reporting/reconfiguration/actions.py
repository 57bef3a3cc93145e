"""What to switch in which order, what to think of before, and what stays."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from adnflex.grid.switch_tables import decided, is_locked
from adnflex.reporting import page
from adnflex.reporting.page import Html
from adnflex.reporting.reconfiguration.steps import switching_steps
from adnflex.reporting.reconfiguration.view import SwitchingView
from adnflex.reporting.text import branch_label, cell, dash
from adnflex.results import Check

_MOST_UNCHANGED = 1000
_MOST_NAMED = 40


def steps_and_rest(view: SwitchingView) -> list[Html]:
    """List what to operate, in order, what else is open, and what stays."""
    steps = switching_steps(view.plan)
    blocks = [_not_for_use(view.check)]
    if len(steps):
        columns: dict[str, Callable[[Any], str]] = {
            "step": lambda s: str(s.step),
            "do": lambda s: page.action(s.close),
            "branch": lambda s: branch_label(s.element, s.place, s.name),
            "between": lambda s: view.labels.ends(s.from_bus, s.to_bus),
            "in pandapower": lambda s: _device(s.how, s.close),
        }
        blocks += [*page.listing(_rows(steps), columns), _cautions(steps)]
    rest = view.plan.switches[~view.plan.switches["operated"].astype(bool)]
    if len(rest):
        blocks += [_still_open(rest), _unchanged(view, decided(rest))]
    return blocks


def _rows(table: pd.DataFrame) -> Any:
    return table.rename(columns={"index": "place"}).itertuples(index=False)


def introduction(view: SwitchingView) -> str:
    """Say what the order is good for, no more than is known."""
    steps = switching_steps(view.plan)
    if steps.empty:
        return "Nothing: the net already is in the state of the plan."
    order = "Each closing is followed by the opening that ends the loop it makes"
    kept = view.has_map and not steps["cuts_supply"].any()
    return f"{order}, so no bus loses supply on the way." if kept else f"{order}."


def _not_for_use(check: Check | None) -> Html:
    """Warn where the plan must not be carried out."""
    if check is not None and check.passed:
        return Html("")
    reason = "has not been validated" if check is None else "fails the AC check"
    text = f"The plan {reason}: the steps are listed for study, not to be carried out."
    return page.notice("Do not switch", [text], "bad")


def _cautions(steps: pd.DataFrame) -> Html:
    """Tell what to think of before some of the steps."""
    texts = []
    for column, one, many, rest in (
        (
            "joins_roots",
            "joins",
            "each join",
            "two supplies for a while: see that these may run in parallel.",
        ),
        ("cuts_supply", "cuts", "cut", "a part of the net off from supply."),
    ):
        found = [str(step) for step in steps.loc[steps[column], "step"]]
        if len(found) == 1:
            texts.append(f"Step {found[0]} {one} {rest}")
        elif found:
            texts.append(f"Steps {', '.join(found[:-1])} and {found[-1]} {many} {rest}")
    return page.notice("Before you switch", texts)


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


def _device(how: object, close: bool) -> str:
    """Tell what is set in the net to carry the operation out."""
    text = cell(how)
    return f"in_service = {close}" if text == "in_service" else f"{text}: closed = {close}" if text != dash else dash
