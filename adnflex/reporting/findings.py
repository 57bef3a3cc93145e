"""Sections and tables that every report has: violations, limits, progress, model against AC, how it was computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from adnflex.reporting import page
from adnflex.reporting.page import Html
from adnflex.reporting.text import cell, dash, fixed, many, measured, number, percent
from adnflex.reporting.views import Recipe
from adnflex.results.base import Answer, Verdict
from adnflex.results.scope import PLACEHOLDER_LOADING
from adnflex.results.status import status_words

_FIRST, _MOST = 12, 200
#: What the models are that are compared with AC power flow.
MODEL_WORDS = (
    "“exact power flow” is what this report shows: the answer run through the exact equations of a radial network. "
    "“relaxation” is what the optimiser believed when it chose; where it is far off, the values shown come from "
    "another way, and the bound stays that of the relaxation."
)
#: Technical terms of every report; a report of another kind of result may add its own.
#: Words of reports that prove nothing by a relaxation.
NETWORK_TERMS = {
    "AC power flow": "The full physical calculation of voltages and currents, without any simplification.",
    "Radial": "Every bus is fed over exactly one path; there is no closed loop.",
    "Tie": "A line that is normally open and can take over supply from another feeder.",
    "pu (per unit)": "Voltage divided by the nominal voltage: 0.95 pu is 5 % below nominal.",
    "Loading": "Current of a line or transformer in percent of its rated current.",
    "Fingerprint": "A short code of all electrical data of the net; it changes when the net changes.",
}
TERMS = {
    **NETWORK_TERMS,
    "Bound": "A value that no admissible plan can go below; proven by the solver, not estimated.",
    "Gap": "Distance between the best plan found and the bound, in percent of the plan.",
    "Certificate": "Distance between the plan as it truly runs (AC) and the bound: no plan saves more.",
    "Relaxation": "The model allows a little more than physics, so that it can be solved with proof; "
    "afterwards it is checked whether the answer makes use of that.",
    "Cone gap": "How much more current the model puts in a branch than its power flow needs: 0 is exact.",
    "Invented loss": "Loss that the model books for current that would not flow in reality.",
}


def has_ratings(*loadings: pd.DataFrame | pd.Series) -> bool:
    """Whether loadings [%] mean something.

    Examples
    --------
    >>> has_ratings(pd.Series([0.3, 0.7])), has_ratings(pd.Series([0.3, 63.0])), has_ratings(pd.Series(dtype=float))
    (False, True, False)
    """
    found = [float(np.nanmax(table.to_numpy(dtype=float), initial=0.0)) for table in loadings]
    return max(found, default=0.0) >= PLACEHOLDER_LOADING


def loading(value: float, *loadings: pd.DataFrame | pd.Series) -> str:
    """Tell a loading [%]; a dash where the loadings of the same net show that it has no ratings.

    Examples
    --------
    >>> loading(0.4, pd.Series([0.4, 63.0])).split(), loading(0.0, pd.Series([0.0, 0.1]))
    (['0.4', '%'], '–')
    """
    return percent(value) if has_ratings(*loadings) else dash


def checks_bar(*findings: tuple[bool, str, str]) -> Html:
    """Badges of what holds or not: each is whether it does, the words if so, and if not."""
    return page.bar(
        *(page.badge(f"✓ {a}", "good") if holds else page.badge(f"✗ {b}", "bad") for holds, a, b in findings)
    )


def violations(where: Callable[[Any], str]) -> Recipe:
    """Section of violated limits, the worst first; a view says where and when they are violated."""

    def intro(view: Any) -> str:
        count = len(view.check.violations)
        are = f"{count} limits are" if count > 1 else "One limit is"
        return f"{are} violated in AC power flow{where(view)}; the worst comes first."

    def tables(view: Any) -> list[Html]:
        return violation_tables(view, view.check.violations)

    def violated(view: Any) -> bool:
        return view.check is not None and not view.check.violations.empty

    return Recipe("violations", "Violated limits", intro, (tables,), "Violations", violated)


def limits(subject: str, intro: Callable[[Any], str], *shows: Callable[[Any], Html], title: str = "Limits") -> Recipe:
    """Section of every kind of limit with its worst place and margin, behind what else it shows."""
    unknown = f"No limit has been checked: the {subject} is not validated."

    def only(item: Callable[[Any], Html]) -> Callable[[Any], list[Html]]:
        return lambda view: [] if view.check is None else [item(view)]

    told = tuple(only(item) for item in (*shows, lambda view: limit_table(view, view.check.limits)))
    return Recipe("limits", title, lambda view: unknown if view.check is None else intro(view), told, "Limits")


def progress(subject: str, end: Callable[[Any], str]) -> Recipe:
    """Section of bounds against time; `end` is what can be said of where they meet."""
    words = (
        f"The best {subject} known can only get better and the proven bound can only rise; the true optimum lies "
        "between them."
    )

    def intro(view: Any) -> str:
        return f"{words} {end(view)}"

    return Recipe("progress", "How the answer was found", intro, ("progress",), "Progress")


def details(facts: Callable[[Any], dict[str, str]], *more: Callable[[Any], list[Html]]) -> Recipe:
    """Section of everything needed to repeat the run: facts of the kind among those of all, further tables, options."""

    def tables(view: Any) -> list[Html]:
        answer = view.answer
        limits = getattr(answer, "asked_limits", None)
        all_facts = {
            "net": answer.net_name or dash,
            "fingerprint": answer.fingerprint or dash,
            **facts(view),
            "limits": "those in the net" if limits is None else limits.words,
            "solver": answer.solver,
            "status": view.proven or status_words(answer.status),
            "time": number(answer.seconds, "s", 3),
        }
        first, *rest = run_tables(all_facts, answer.options, answer.versions)
        return [first, *(block for make in more for block in make(view)), *rest]

    return Recipe("details", "How it was computed", "", (tables,), "Details")


def horizon(view: Any) -> str:
    """Say how many periods of which length there are, and from when to when."""
    clock = view.clock
    begin, end = clock.begin(clock.periods[0]), clock.text(clock.periods[-1]).rpartition("–")[2]
    return f"{many(len(clock.periods), 'period')} of {clock.step:g} h, from {begin} to {end}"


def limit_table(view: Any, limits: pd.DataFrame) -> Html:
    """Every kind of limit with its worst place and margin.

    Ratings that are placeholders get no numbers. The check decides what is violated, as it forgives rounding errors;
    where there is no margin nothing is said.
    """
    violations = view.check.violations
    columns = ["kind", "element"] if "element" in violations else ["kind"]
    known = set(violations.reindex(columns=columns).itertuples(index=False, name=None))
    rows = []
    for _, row in limits.iterrows():
        violated = tuple(row[c] for c in columns) in known
        if row["kind"] == "loading" and row["value"] < PLACEHOLDER_LOADING:  # a rating of nothing is met by nothing
            empty = [dash] * (len(_when(view)) + 3)
            rows.append(["loading", dash, "ratings are placeholders", *empty, fixed(row["checked"], 0)])
            continue
        met = page.badge("violated", "bad") if violated else page.badge("met", "good")
        rows.append(
            [str(row["kind"]), met if row["margin"] == row["margin"] else dash, *_place(view, row),
             *measured(str(row["unit"]), row["value"], row["limit"], row["margin"]), fixed(row["checked"], 0)]
        )  # fmt: skip
    head = ["limit", "", "worst place", *_when(view), "value", "allowed", "margin", "places checked"]
    return page.table(head, rows, head[-4:])


def _place(view: Any, row: pd.Series) -> list[str]:
    return [view.labels.of(row["element"], row["index"]), *([view.when(row)] if view.timed else [])]


def _when(view: Any) -> list[str]:
    return ["when"] if view.timed else []


def violation_tables(view: Any, table: pd.DataFrame) -> list[Html]:
    """Violations, the worst against its limit first; many of them on a click, the worst two hundred."""
    excess = (table["excess"].astype(float) / table["limit"].astype(float).abs().clip(lower=1e-9)).abs()
    worst = table.loc[excess.sort_values(ascending=False, kind="stable").index[:_MOST]]
    rows = [
        [str(row["kind"]), *_place(view, row), *measured(str(row["unit"]), row["value"], row["limit"], row["excess"])]
        for _, row in worst.iterrows()
    ]
    head = ["limit", "place", *_when(view), "value", "allowed", "beyond it"]
    listed = f"the worst {len(rows)} of {len(table)}" if len(table) > len(rows) else f"all {len(rows)}"
    return page.folded(head, rows, head[-3:], _FIRST, rest=f"The following violations ({listed} are listed)")


def deviation_table(view: Any, title: str = "Model against AC power flow") -> list[Html]:
    """Model against AC power flow; nothing where nothing is known."""
    deviations = pd.DataFrame() if view.check is None else view.check.deviations
    if deviations.empty:
        return []
    relative = not view.timed
    rows = []
    for _, row in deviations.iterrows():
        where, *when = _place(view, row)
        rows.append(
            [row["model"], row["quantity"], number(row["max_abs"], row["unit"], 2),
             "whole net" if row["element"] in {"net", ""} else where, *when,
             *([number(row["relative"] * 100, "%", 2)] if relative else [])]
        )  # fmt: skip
    head = ["model", "quantity", "largest difference", "at", *_when(view), *(["relative"] if relative else [])]
    table = page.table(head, rows, ["largest difference", "relative"])
    return [page.heading(title), page.paragraph(MODEL_WORDS), table]


def run_tables(facts: Mapping[str, str], options: Mapping[str, object], versions: Mapping[str, str]) -> list[Html]:
    """Tables of how a plan was computed: facts at once, options and versions on a click."""
    blocks = [page.table(["what", "value"], list(facts.items()))]
    told = {key: value for key, value in options.items() if key != "published"}
    if told:
        rows = [[str(key), cell(value)] for key, value in told.items()]
        blocks.append(page.details("Options of the call", page.table(["option", "value"], rows)))
    software = page.table(["software", "version"], list(versions.items()))
    return [*blocks, page.details("Versions of the software", software)]


def made_by(versions: Mapping[str, str], fingerprint: str) -> str:
    """Name what made the plan, and the net that it belongs to.

    Examples
    --------
    >>> made_by({"adnflex": "0.1.0"}, "3f9c")
    'Made by adnflex 0.1.0. Net fingerprint 3f9c.'
    """
    version = versions.get("adnflex", "")
    maker = f"adnflex {version}" if version[:1].isdigit() else "adnflex"
    return f"Made by {maker}.{f' Net fingerprint {fingerprint}.' if fingerprint else ''}"


def sheet_head(answer: Answer, check: Verdict | None) -> Html:
    """Say on a work sheet what net it is for, and what its check says."""
    state = "not validated: do not switch" if check is None else check.verdict
    if check is not None and not check.passed:
        state = f"FAILED, do not switch: {state}"
    words = f"{answer.net_name or 'unnamed net'}, net fingerprint {answer.fingerprint[:12]}. AC check: {state}."
    return page.paragraph(words, "small")
