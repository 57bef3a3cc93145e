"""Tables that every report has: limits, violations, model against AC power flow, how it was computed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from adnflex.reporting import page
from adnflex.reporting.labels import Labels
from adnflex.reporting.page import Html
from adnflex.reporting.text import cell, dash, fixed, measured, number

__all__ = [
    "MODEL_WORDS", "PLACEHOLDER_LOADING", "TERMS", "checks_bar", "deviation_table", "has_ratings", "limit_table",
    "made_by", "run_tables", "violation_tables",
]  # fmt: skip

#: Ratings that give loadings below this everywhere are placeholders [%]: converted cases often carry 99999 A.
PLACEHOLDER_LOADING = 2.0
_FIRST, _MOST = 12, 200
#: What the models are that are compared with AC power flow.
MODEL_WORDS = (
    "“exact power flow” is what this report shows: the answer run through the exact equations of a radial network. "
    "“relaxation” is what the optimiser believed when it chose; where it is far off, the values shown come from "
    "another way, and the bound stays that of the relaxation."
)
#: Technical terms of every report; a report of another kind of result may add its own.
TERMS = {
    "AC power flow": "The full physical calculation of voltages and currents, without any simplification.",
    "Radial": "Every bus is fed over exactly one path; there is no closed loop.",
    "Tie": "A line that is normally open and can take over supply from another feeder.",
    "pu (per unit)": "Voltage divided by the nominal voltage: 0.95 pu is 5 % below nominal.",
    "Loading": "Current of a line or transformer in percent of its rated current.",
    "Bound": "A value that no admissible plan can go below; proven by the solver, not estimated.",
    "Gap": "Distance between the best plan found and the bound, in percent of the plan.",
    "Certificate": "Distance between the plan as it truly runs (AC) and the bound: no plan saves more.",
    "Relaxation": "The model allows a little more than physics, so that it can be solved with proof; "
    "afterwards it is checked whether the answer makes use of that.",
    "Cone gap": "How much more current the model puts in a branch than its power flow needs: 0 is exact.",
    "Invented loss": "Loss that the model books for current that would not flow in reality.",
    "Fingerprint": "A short code of all electrical data of the net; it changes when the net changes.",
}

When = Callable[[Any], str]


def has_ratings(*loadings: pd.DataFrame | pd.Series) -> bool:
    """Whether loadings [%] mean something.

    Examples
    --------
    >>> has_ratings(pd.Series([0.3, 0.7])), has_ratings(pd.Series([0.3, 63.0])), has_ratings(pd.Series(dtype=float))
    (False, True, False)
    """
    found = [float(np.nanmax(table.to_numpy(dtype=float), initial=0.0)) for table in loadings]
    return max(found, default=0.0) >= PLACEHOLDER_LOADING


def checks_bar(*findings: tuple[bool, str, str]) -> Html:
    """Badges of what holds or not: each is whether it does, the words if so, and if not."""
    return page.bar(
        *(page.badge(f"✓ {a}", "good") if holds else page.badge(f"✗ {b}", "bad") for holds, a, b in findings)
    )


def limit_table(limits: pd.DataFrame, violations: pd.DataFrame, labels: Labels, when: When | None = None) -> Html:
    """Every kind of limit with its worst place and margin, and whether it is met.

    The check decides what is violated, as it forgives rounding errors; where there is no margin nothing is said.

    Parameters
    ----------
    limits, violations : pandas.DataFrame
        Those of the check.
    labels : Labels
        Names of the places.
    when : callable, optional
        Says when, of a row; without it there is no such column.
    """
    columns = ["kind", "element"] if "element" in violations else ["kind"]
    known = set(violations.reindex(columns=columns).itertuples(index=False, name=None))
    rows = []
    for _, row in limits.iterrows():
        violated = tuple(row[c] for c in columns) in known
        met = page.badge("violated", "bad") if violated else page.badge("met", "good")
        rows.append(
            [str(row["kind"]), met if row["margin"] == row["margin"] else dash, labels.of(row["element"], row["index"]),
             *([when(row)] if when else []), *measured(str(row["unit"]), row["value"], row["limit"], row["margin"]),
             fixed(row["checked"], 0)]
        )  # fmt: skip
    head = ["limit", "", "worst place", *(["when"] if when else []), "value", "allowed", "margin", "places checked"]
    return page.table(head, rows, head[-4:])


def violation_tables(table: pd.DataFrame, labels: Labels, when: When | None = None) -> list[Html]:
    """Violations, the worst against its limit first; many of them on a click, the worst two hundred."""
    excess = (table["excess"].astype(float) / table["limit"].astype(float).abs().clip(lower=1e-9)).abs()
    worst = table.loc[excess.sort_values(ascending=False, kind="stable").index[:_MOST]]
    rows = [
        [str(row["kind"]), labels.of(row["element"], row["index"]), *([when(row)] if when else []),
         *measured(str(row["unit"]), row["value"], row["limit"], row["excess"])]
        for _, row in worst.iterrows()
    ]  # fmt: skip
    head = ["limit", "place", *(["when"] if when else []), "value", "allowed", "beyond it"]
    blocks = [page.table(head, rows[:_FIRST], head[-3:])]
    if len(rows) > _FIRST:
        listed = f"the worst {len(rows)} of {len(table)}" if len(table) > len(rows) else f"all {len(rows)}"
        rest = page.table(head, rows[_FIRST:], head[-3:])
        blocks.append(page.details(f"The following violations ({listed} are listed)", rest))
    return blocks


def deviation_table(deviations: pd.DataFrame, labels: Labels, title: str, when: When | None = None) -> list[Html]:
    """Model against AC power flow; nothing where nothing is known."""
    if deviations.empty:
        return []
    models, relative = "model" in deviations, "relative" in deviations and when is None
    rows = [
        [*([row["model"]] if models else []), row["quantity"], number(row["max_abs"], row["unit"], 2),
         "whole net" if row["element"] in {"net", ""} else labels.of(row["element"], row["index"]),
         *([when(row)] if when else []), *([number(row["relative"] * 100, "%", 2)] if relative else [])]
        for _, row in deviations.iterrows()
    ]  # fmt: skip
    head = [*(["model"] if models else []), "quantity", "largest difference", "at", *(["when"] if when else []),
            *(["relative"] if relative else [])]  # fmt: skip
    words = [page.paragraph(MODEL_WORDS)] if models else []
    return [page.heading(title), *words, page.table(head, rows, ["largest difference", "relative"])]


def run_tables(facts: list[list[str]], options: Mapping[str, object], versions: Mapping[str, str]) -> list[Html]:
    """Tables of how a plan was computed: facts at once, options and versions on a click."""
    blocks = [page.table(["what", "value"], facts)]
    told = {key: value for key, value in options.items() if key != "published"}
    if told:
        rows = [[str(key), cell(value)] for key, value in told.items()]
        blocks.append(page.details("Options of the call", page.table(["option", "value"], rows)))
    software = page.table(["software", "version"], [[name, version] for name, version in versions.items()])
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
    return f"Made by {maker}. Net fingerprint {fingerprint}."
