"""Why the box may be believed: what is wrong, what is switched, limits, how it was computed."""

from __future__ import annotations

import math

import pandas as pd

from adnflex.grid.switch_tables import open_branches
from adnflex.reporting import findings, page
from adnflex.reporting.flexibility.view import FlexibilityView, is_weighted
from adnflex.reporting.page import Html, Section
from adnflex.reporting.text import branch_label, cell, dash, fixed, number, percent
from adnflex.results.status import status_words

__all__ = ["TERMS", "details_section", "limits_section", "switching_section", "violations_section"]

_MOST_ROWS = 400
_OWN_TERMS = {
    "Box": "For every period a lower and an upper end of the import; every trajectory between them can be followed.",
    "Trajectory": "One value of the import for each period, e.g. what a market or the grid operator asks for.",
    "Coupling point": "Where the network is connected to the grid above; import into the network counts positive.",
    "Hour by hour": "What is done in a period depends on that period's value alone: nobody needs to know later ones.",
    "With foresight": "The whole trajectory is known before the first period; the linear model then gives no less.",
    "AC tightening": "Limits of the linear model are narrowed by what AC power flow shows until every state holds.",
    "Holds back": "A limit that is reached at an end of the box: looser, it would enlarge the box.",
    "Share": "How far a state is on the way from the dispatch of the lower end (0) to that of the upper end (1).",
    "Vertex": "A trajectory that in every period is at one of the two ends.",
    "Period": "One step of the horizon, e.g. an hour; it is named by the clock time from which to which it lasts.",
}
_CHANGED_TERMS = {
    "Bound": "A size that boxes of the linear model (without losses) cannot exceed; boxes in AC can.",
    "Gap": "Distance between the box of the linear model and its bound, in percent of that box.",
    "Certificate": "How far an answer can be from the best. There is none here: no bound on boxes in AC is computed.",
}
TERMS = _OWN_TERMS | {
    word: _CHANGED_TERMS.get(word, told)
    for word, told in findings.TERMS.items()
    if word not in {"Cone gap", "Invented loss", "Relaxation"}
}


def violations_section(view: FlexibilityView) -> Section | None:
    """Violated limits with trajectory, place and hour, worst first; nothing where there are none."""
    if view.check is None or view.check.violations.empty:
        return None
    table = view.check.violations
    count = f"{len(table)} limits are" if len(table) > 1 else "One limit is"
    intro = f"{count} violated in AC power flow on trajectories inside the box; the worst comes first."

    def when(row: pd.Series) -> str:
        of = cell(row.get("trajectory"))
        return view.when(row) + ("" if of == dash else f", {of}")

    blocks = findings.violation_tables(table, view.labels, when)
    return Section("violations", "Violated limits", intro, blocks, "Violations")


def switching_section(view: FlexibilityView) -> Section | None:
    """List what is switched; nothing where the topology was no decision."""
    table = view.flex.switches
    if not len(table) or "operated" not in table:
        return None
    opened = page.paragraph(f"Open: {', '.join(open_branches(table)) or 'none'}.")
    moved = table[table["operated"].astype(bool)]
    if moved.empty:
        text = "No topology with a larger box was found: nothing is switched."
        return Section("switching", "What to switch", text, [opened], "Switching")
    rows = [
        [page.badge("close", "close") if row["closed_after"] else page.badge("open", "open"),
         branch_label(row["element"], row["index"], row.get("name", "")),
         view.labels.ends(row["from_bus"], row["to_bus"]), cell(row.get("how", ""))]
        for _, row in moved.sort_values("closed_after").iterrows()
    ]  # fmt: skip
    intro = f"{len(moved)} operations before the first period; the topology stays until the last one."
    table = page.table(["do", "branch", "between", "in pandapower"], rows)
    return Section("switching", "What to switch", intro, [table, opened], "Switching")


def limits_section(view: FlexibilityView) -> Section:
    """Every kind of limit with its worst place, hour and margin over all trajectories."""
    check = view.check
    if check is None:
        return Section("limits", "Limits", "No limit has been checked: the box is not validated.", [])
    intro = (
        f"Worst case of {fixed(check.states, 0)} AC power flows on trajectories inside the box; margin is what is left."
    )
    table = findings.limit_table(check.limits, check.violations, view.labels, view.when)
    return Section("limits", "Limits over all trajectories", intro, [table], "Limits")


def details_section(view: FlexibilityView) -> Section:
    """Everything needed to repeat the run."""
    flex, clock = view.flex, view.clock
    limits = "those in the net" if flex.vm_limits is None else f"{flex.vm_limits[0]:g} to {flex.vm_limits[1]:g} pu"
    periods = clock.periods
    begin, end = clock.begin(periods[0]), clock.text(periods[-1]).rpartition("–")[2]
    facts = [
        ["net", flex.net_name or dash],
        ["coupling point", view.labels.of(*flex.pcc.rsplit(" ", 1)) if " " in flex.pcc else flex.pcc],
        ["fingerprint", flex.fingerprint or dash],
        ["horizon", f"{len(periods)} periods of {flex.hours_per_period:g} h, from {begin} to {end}"],
        ["size of the linear model, its bound", _worths(view, flex.linear.worth, flex.linear.bound)],
        ["size after AC tightening", number(flex.total_mwh, "MWh", 6)],
        ["what the linear model's bound is", flex.linear.bound_kind or dash],
        ["how the linear model ended", f"{flex.linear.status}: {status_words(flex.linear.status)}"],
        ["voltage limits", limits],
        ["solver", flex.solver],
        ["status", f"{flex.status}: {status_words(flex.status)}"],
        ["time", number(flex.seconds, "s", 3)],
        *([["seed of the random trajectories", str(view.check.seed)]] if view.check is not None else []),
    ]
    options = {k: v for k, v in flex.options.items() if k != "published"}
    blocks = findings.run_tables(facts, options, flex.versions)
    return Section(
        "details", "How it was computed", "", [*blocks[:1], *_storages(view), *_inputs(view), *blocks[1:]], "Details"
    )


def _worths(view: FlexibilityView, *values: float) -> str:
    """Sizes and bounds; weighted ones have no unit that is known here."""
    unit = "" if is_weighted(view.flex) else "MWh"
    return ", ".join(number(v, unit, 6) for v in values) + (" (weighted)" if not unit else "")


def _storages(view: FlexibilityView) -> list[Html]:
    """Storages as the model has them."""
    table = view.flex.storages
    if table.empty:
        return []
    rows = [
        [view.labels.of("storage", index), fixed(row.get("start_mwh"), 3, "MWh"),
         *(percent(100 * float(row.get(c, math.nan))) for c in ("charging", "discharging", "keep"))]
        for index, row in table.iterrows()
    ]  # fmt: skip
    columns = ["storage", "at the start", "charging efficiency", "discharging efficiency", "left after a period"]
    return [page.details(f"The {len(rows)} storages", page.table(columns, rows, columns[1:]))]


def _inputs(view: FlexibilityView) -> list[Html]:
    """Range of every series used."""
    table = view.flex.inputs
    if table.empty or not len(table.columns):
        return []
    rows = []
    for column in table.columns:
        key = column if isinstance(column, tuple) else (column,)
        values = pd.to_numeric(table[column], errors="coerce")
        name = view.labels.of(key[0], key[-1]) if len(key) == 3 else " ".join(map(str, key))
        what = str(key[1]) if len(key) == 3 else ""
        rows.append([name, what, *(number(float(f), digits=4) for f in (values.min(), values.mean(), values.max()))])
    columns = ["series", "column", "lowest", "mean", "highest"]
    return [page.details(f"The {len(rows)} input series", page.table(columns, rows[:_MOST_ROWS], columns[2:]))]
