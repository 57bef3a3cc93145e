"""Sections about what to do: which limits stand against the plan, and what to switch in which order."""

from __future__ import annotations

import pandas as pd

from adnflex.grid.switch_tables import decided, is_locked
from adnflex.reporting import findings, page
from adnflex.reporting.page import Html, Section
from adnflex.reporting.reconfiguration.steps import switching_steps
from adnflex.reporting.reconfiguration.view import SwitchingView
from adnflex.reporting.text import branch_label, cell, dash
from adnflex.results import Check

__all__ = ["switching_section", "violations_section"]

_MOST_UNCHANGED = 1000
_MOST_NAMED = 40


def violations_section(view: SwitchingView) -> Section | None:
    """Violated limits, worst first; nothing where there are none."""
    if view.check is None or view.check.violations.empty:
        return None
    table = view.check.violations
    count = f"{len(table)} limits are" if len(table) > 1 else "One limit is"
    intro = f"{count} violated in AC power flow; the worst comes first."
    blocks = findings.violation_tables(table, view.labels)
    return Section("violations", "Violated limits", intro, blocks, "Violations")


def switching_section(view: SwitchingView) -> Section:
    """List what to operate, in order, what else is open, and what stays."""
    plan = view.plan
    steps = switching_steps(plan)
    rows = [
        [
            str(s.step),
            _action(s.close),
            branch_label(s.element, s.place, s.name),
            view.labels.ends(s.from_bus, s.to_bus),
            _device(s.how, s.close),
        ]
        for s in steps.rename(columns={"index": "place"}).itertuples(index=False)
    ]
    blocks = [_not_for_use(view.check)]
    if rows:
        blocks += [page.table(["step", "do", "branch", "between", "in pandapower"], rows), _cautions(steps)]
    rest = plan.switches[~plan.switches["operated"].astype(bool)]
    if len(rest):
        blocks += [_still_open(rest), _unchanged(view, decided(rest))]
    return Section("switching", "What to switch", _introduction(view, steps), blocks, "Switching")


def _introduction(view: SwitchingView, steps: pd.DataFrame) -> str:
    """Say what the order is good for, no more than is known."""
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
    ordered = rest.sort_values("closed_after", kind="stable").rename(columns={"index": "place"})
    rows = [
        [
            "closed" if s.closed_after else "open",
            branch_label(s.element, s.place, s.name),
            view.labels.ends(s.from_bus, s.to_bus),
            cell(s.how),
        ]
        for s in ordered.head(_MOST_UNCHANGED).itertuples(index=False)
    ]
    some = f"; the first {_MOST_UNCHANGED} are listed" if len(rest) > _MOST_UNCHANGED else ""
    summary = f"All {len(rest)} switchable branches that stay as they are{some}"
    return page.details(summary, page.table(["stays", "branch", "between", "by"], rows))


def _action(close: bool) -> Html:
    """Badge of an operation."""
    return page.badge("close", "close") if close else page.badge("open", "open")


def _device(how: object, close: bool) -> str:
    """Tell what is set in the net to carry the operation out."""
    text = cell(how)
    return f"in_service = {close}" if text == "in_service" else f"{text}: closed = {close}" if text != dash else dash
