"""The report of a run that found nothing: whether that is proven, which limits are in the way, and where."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from plotly import graph_objects as go

from adnflex.errors import Infeasible
from adnflex.reporting import page, style
from adnflex.reporting.canvas.map import MapFigure
from adnflex.reporting.findings import NETWORK_TERMS, violation_tables
from adnflex.reporting.page import Banner, Card, Html
from adnflex.reporting.text import capital, many, measured
from adnflex.reporting.views import NetFacts, NothingToDraw, Recipe, ReportKind, Sections, View
from adnflex.results.versions import known_versions

_TERMS = {
    **NETWORK_TERMS,
    "Proven": "No state at all meets what was asked: giving more time changes nothing. Not proven: none was found.",
    "Least violating": "Of all that was tried, what breaks limits by least. It is no plan; do not switch or set it.",
}


@dataclass(frozen=True)
class NothingFound:
    """An error as a report shows it: an answer without values.

    Attributes
    ----------
    error : Infeasible
        What was raised.
    topology, coordinates : pandas.DataFrame
        Drawing tables of the least violating state, as in `adnflex.Plan`; empty: there is no map.
    versions : dict
        Versions of everything that it depends on.
    """

    error: Infeasible
    topology: pd.DataFrame = field(default_factory=pd.DataFrame)
    coordinates: pd.DataFrame = field(default_factory=pd.DataFrame)
    versions: Mapping[str, str] = field(default_factory=known_versions)

    @property
    def violations(self) -> pd.DataFrame:
        """Limits that the least violating state breaks, the worst against its limit first."""
        found = self.error.violations
        if not isinstance(found, pd.DataFrame) or found.empty:
            return pd.DataFrame()
        share = found["excess"].astype(float).abs() / found["limit"].astype(float).abs().clip(lower=1e-9)
        return found.loc[share.sort_values(ascending=False, kind="stable").index].reset_index(drop=True)


@dataclass(frozen=True, kw_only=True)
class NothingView(View):
    """What was not found."""

    found: NothingFound

    @property
    def answer(self) -> NothingFound:
        """What was not found."""
        return self.found

    @property
    def fingerprint(self) -> str:
        """Of no net: an error does not carry it."""
        return ""

    def notes(self) -> list[str]:
        """Say what the report does not have."""
        told = []
        if self.found.violations.empty:
            told.append("No state came out of this run that could be shown, so there is no table of broken limits.")
        if not len(self.found.topology):
            told.append("There is no map; give report() the net to have one drawn.")
        return told


class TimedNothingView(NothingView):
    """What was not found over several periods."""

    timed = True

    def when(self, row: Any) -> str:
        """Period, and scenario, of a violated limit."""
        scenario = int(row.get("scenario", 0))
        return f"period {row['period']}" + (f", scenario {scenario}" if scenario else "")


def views(
    results: Sequence[NothingFound], _checks: Sequence[None], _facts: NetFacts | None = None
) -> list[NothingView]:
    """One view an error."""
    kinds = [TimedNothingView if "period" in found.violations else NothingView for found in results]
    named = enumerate(zip(kinds, results, strict=True), start=1)
    return [make(name=f.error.net_name or f"run {k}", found=f) for k, (make, f) in named]


def network(view: NothingView) -> go.Figure:
    """Draw the least violating state, and where it breaks limits."""
    found = view.found
    table = found.violations
    if table.empty:
        raise NothingToDraw("plan: no violated limit is known, so there is nothing to draw.")
    drawing = MapFigure(found.topology, found.coordinates, "after")
    worst = table.drop_duplicates(["kind", "element", "index"])
    for kind, rows in worst.groupby("kind", sort=False):
        told = [(str(row["element"]), int(row["index"]), _told(view, row)) for _, row in rows.iterrows()]
        drawing.ring([(index, 15.0, text) for table, index, text in told if table == "bus"], kind, style.OVER_LIMIT)
        lines = [(table, index, 7.0, text) for table, index, text in told if table != "bus"]
        drawing.highlight(lines, kind, style.OVER_LIMIT)
    return drawing.done(titled=False).update_layout(showlegend=True)


def _told(view: NothingView, row: pd.Series) -> str:
    """One violated limit in a line (HTML)."""
    value, limit, excess = measured(str(row["unit"]), row["value"], row["limit"], row["excess"])
    when = f", {view.when(row)}" if view.timed else ""
    place = page.escape(view.labels.of(row["element"], row["index"]))
    return f"<b>{place}</b>{when}: {row['kind']}, {value} against {limit}, beyond it by {excess}"


def _proof(view: NothingView) -> str:
    return "proven" if view.found.error.proven else "not proven"


def _verdict(view: NothingView) -> Banner:
    error = view.found.error
    headline = "No state meets every limit and condition (proven)"
    if not error.proven:
        headline = "No state was found that meets every limit and condition (not proven)"
    return Banner("fail", headline, capital(str(error)), "There is no plan: nothing was switched or set.")


def _cards(view: NothingView, _first: NothingView | None = None) -> list[Card]:
    """Worst limit, how many, proof."""
    table = view.found.violations
    proof = Card("Proof", _proof(view), "that nothing meets every limit")
    if table.empty:
        return [proof]
    worst = table.iloc[0]
    value, limit, excess = measured(str(worst["unit"]), worst["value"], worst["limit"], worst["excess"])
    where = view.labels.of(worst["element"], worst["index"]) + (f", {view.when(worst)}" if view.timed else "")
    return [
        Card(f"Worst: {worst['kind']}", excess, f"beyond its limit, at {where}"),
        Card("Value", value, f"allowed is {limit}"),
        Card("Broken limits", str(len(table)), "in the least violating state found"),
        proof,
    ]


def _tables(view: NothingView) -> list[Html]:
    return violation_tables(view, view.found.violations)


def _broken(view: NothingView) -> bool:
    return not view.found.violations.empty


def _intro(view: NothingView) -> str:
    count = many(len(view.found.violations), "limit")
    return f"The least violating state that was found breaks {count}; the worst comes first."


_SECTIONS: Sections = [
    Recipe("violations", "What is in the way", _intro, (_tables,), "Violations", _broken),
    Recipe(
        "network", "Where", "The least violating state found, with the places where it breaks limits. It is no plan.",
        ("network",), "Map", lambda view: _broken(view) and len(view.found.topology) > 0,
    ),
]  # fmt: skip


KIND: ReportKind[NothingView] = ReportKind(
    results=(NothingFound,),
    checks=(),
    views=views,
    title=lambda views: "; ".join(dict.fromkeys(view.name for view in views)),
    subtitle=lambda _views: "No answer was found: what is in the way, and where",
    verdict=_verdict,
    cards=_cards,
    sections=_SECTIONS,
    figures={"network": network},
    terms=_TERMS,
    several="runs",
)
