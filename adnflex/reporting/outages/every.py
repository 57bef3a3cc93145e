"""The report of all outages: ranked, on a map, present beside planned, with the indices of reliability."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.errors import InputError
from adnflex.reporting import page, style
from adnflex.reporting.canvas import BarFigure
from adnflex.reporting.canvas.map import MapFigure
from adnflex.reporting.findings import NETWORK_TERMS, details, loading
from adnflex.reporting.outages.one import OUTAGE_TERMS, WAITS
from adnflex.reporting.outages.reliability import RELIABILITY, RELIABILITY_TERMS, reliability
from adnflex.reporting.outages.tables import compared
from adnflex.reporting.page import Banner, Card, Html
from adnflex.reporting.text import branch_label, capital, cell, change, dash, fixed, many, number
from adnflex.reporting.views import NetFacts, NothingToDraw, Recipe, ReportKind, Sections, View
from adnflex.results.contingencies import Contingencies, told_comparison
from adnflex.results.status import status_words

# Loads [MW] that are none; outages that a figure shows, and a table before it is folded.
_NOTHING, _MOST = 1e-6, 25


@dataclass(frozen=True, kw_only=True)
class ContingenciesView(View):
    """All outages of a net."""

    result: Contingencies

    @property
    def answer(self) -> Contingencies:
        """The result."""
        return self.result

    @cached_property
    def left(self) -> pd.DataFrame:
        """Outages after which something stays dark, the worst first."""
        table = self.answer.outages
        return table[table["left_mw"] > _NOTHING]


def views(
    results: Sequence[Contingencies], checks: Sequence[None] = (), _facts: NetFacts | None = None
) -> list[ContingenciesView]:
    """One view a result."""
    if any(check is not None for check in checks):
        raise InputError("check: outages have none of their own; validate the restoration of one.")
    names = [f"outages {k}" for k in range(1, len(results) + 1)] if len(results) > 1 else ["outages"]
    return [ContingenciesView(name=name, result=found) for name, found in zip(names, results, strict=True)]


def network(view: ContingenciesView) -> go.Figure:
    """Draw where an outage leaves something dark, and which buses stay dark after how many outages."""
    found = view.answer
    drawing = MapFigure(found.topology, found.coordinates, "after")
    rows = view.left[view.left["element"].isin(["line", "trafo", "switch"])]
    worst = max(float(rows["left_mw"].max()) if len(rows) else 0.0, 1e-9)
    drawing.highlight(
        [
            (str(r.element), int(r.index_), 4.0 + 7.0 * float(np.sqrt(r.left_mw / worst)),
             f"<b>outage of {r.element} {r.index_}</b><br>{r.left_mw:.3f} of {r.dark_mw:.3f} MW stay dark")
            for r in rows.rename(columns={"index": "index_"}).itertuples(index=False)
        ],
        "its outage leaves load dark", WAITS,
    )  # fmt: skip
    counts: dict[int, int] = {}
    for buses in rows["left"]:
        for bus in buses:
            counts[int(bus)] = counts.get(int(bus), 0) + 1
    drawing.ring(
        [
            (bus, 9.0 + 3.0 * min(times, 5), f"{view.labels.of('bus', bus)} stays dark after {many(times, 'outage')}")
            for bus, times in counts.items()
        ],
        "stays dark until the repair", style.BOUND,
    )  # fmt: skip
    return drawing.done(titled=False).update_layout(showlegend=True)


def ranking(view: ContingenciesView) -> go.Figure:
    """Bars of the outages that leave most dark: with the fault, without a tie, and by limits or operations [MW]."""
    rows = view.left.head(_MOST)
    if rows.empty:
        raise NothingToDraw("plan: no outage leaves anything dark.")
    names = [branch_label(e, i, n) for e, i, n in zip(rows["element"], rows["index"], rows["name"], strict=True)]
    fig = BarFigure(names, [("stays dark [MW]", "MW")], 24, barmode="stack", showlegend=True)
    rest = (rows["left_mw"] - rows["fault_mw"] - rows["unreachable_mw"]).clip(lower=0.0)
    parts = (
        (rows["fault_mw"], "cannot be parted from the fault", style.MUTED),
        (rows["unreachable_mw"], "no tie leads to it", style.BOUND),
        (rest, "limits or operations", WAITS),
    )
    for values, name, colour in parts:
        if (values > _NOTHING).any():
            fig.bars(0, values.to_numpy(dtype=float), name, colour, [fixed(float(v), 3, "MW") for v in values])
    fig.axis(0, rangemode="tozero")
    return fig.done()


def _verdict(view: ContingenciesView) -> Banner:
    """Banner: whether all were looked at and decided, and what a plan makes of them."""
    found = view.answer
    done, asked = len(found.outages), found.asked
    remark = f"{capital(told_comparison(found))}." if len(found.before) else ""
    if found.status != "complete":
        words = f"{done} of {many(asked, 'outage')} were looked at: {status_words(found.status)}."
        return Banner("open", "Not all outages were looked at", words, remark)
    back = int((found.outages["left_mw"] <= _NOTHING).sum())
    words = (
        f"After {back} of {many(done, 'outage')} everything is supplied again; of "
        f"{fixed(_sum(view, 'dark_mw'), 3, 'MW')} in all {fixed(_sum(view, 'restored_mw'), 3, 'MW')} come back."
    )
    if found.unproven:
        return Banner("caution", "Not every outage is decided", f"{words} {found.unproven} are not proven.", remark)
    if found.harder:
        return Banner("caution", f"This plan makes {len(found.harder)} outages harder to restore", words, remark)
    return Banner("pass", f"Every one of {many(done, 'outage')} is decided", words, remark)


def _sum(view: ContingenciesView, column: str) -> float:
    return float(view.answer.outages[column].sum())


def _cards(view: ContingenciesView, _first: ContingenciesView | None = None) -> list[Card]:
    """Return the key figures: outages, restored, left, indices."""
    found = view.answer
    old = found.before
    cards = [
        Card("Outages", str(len(found.outages)), f"{len(view.left)} leave something dark"),
        Card(
            "Stays dark, all outages",
            change(
                fixed(float(old["left_mw"].sum()), 3, "MW") if len(old) else dash, fixed(_sum(view, "left_mw"), 3, "MW")
            ),
            f"of {fixed(_sum(view, 'dark_mw'), 3, 'MW')} that were dark",
        ),
    ]
    if len(found.by_period):
        worst = found.by_period.loc[found.by_period["left_mw"].idxmax()]
        alone = f"{worst['worst']} alone leaves {fixed(float(worst['worst_left_mw']), 3, 'MW')}"
        cards.append(Card("Worst period", f"{worst.name} of {len(found.by_period)}", alone))
    if len(old):
        cards.append(Card("Harder than before", str(len(found.harder)), "outages after which more stays dark"))
    for name, column, unit in (("SAIFI", "saifi", ""), ("SAIDI", "saidi_hours", "h"), ("ENS", "ens_mwh", "MWh a year")):
        if found.indices is not None:
            was = number(getattr(found.indices_before, column), unit) if found.indices_before is not None else dash
            words = {"SAIFI": "interruptions a customer and year", "SAIDI": "without supply a customer and year"}
            now = number(getattr(found.indices, column), unit)
            cards.append(Card(name, change(was, now), words.get(name, "energy not supplied")))
    return [*cards, Card("Search time", number(found.seconds, "s", 3), f"{int(_sum(view, 'flows')):,} power flows")]


_HEAD = ["outage", "dark", "restored", "stays dark", "by", "voltages [pu]", "loading", "what limits", "proof"]


def _table(view: ContingenciesView) -> list[Html]:
    """List every outage that makes anything dark."""
    table = view.answer.outages
    rows = table[(table["dark_mw"] > _NOTHING) | (table["status"] != "optimal")]
    rest = len(table) - len(rows)
    head, many_periods = list(_HEAD), "period" in table
    if many_periods:
        head[1:1] = ["worst in period"]
    told = [
        [branch_label(r["element"], r["index"], r["name"]), *([str(r["period"])] if many_periods else []),
         fixed(r["dark_mw"], 3), fixed(r["restored_mw"], 3), fixed(r["left_mw"], 3),
         cell(r["actions"] or "nothing"), _span(r["vm_min_pu"], r["vm_max_pu"]),
         loading(r["loading_percent"], table["loading_percent"]), cell(r["limited_by"]), str(r["status"])]
        for _, r in rows.iterrows()
    ]  # fmt: skip
    words = f"{many(rest, 'outage')} more {'leaves' if rest == 1 else 'leave'} nobody without supply." if rest else ""
    return [page.table(head, told, [*_HEAD[1:4], _HEAD[6]]), *([page.paragraph(words)] if words else [])]


def _span(low: float, high: float) -> str:
    return f"{low:.3f} – {high:.3f}" if np.isfinite(low) else dash


def _compared(view: ContingenciesView) -> list[Html]:
    return compared(view, view.answer)


def _title(shown: Sequence[ContingenciesView]) -> str:
    names = dict.fromkeys(view.answer.net_name or "an unnamed net" for view in shown)
    return f"Outages of {', '.join(names)}"


def _subtitle(shown: Sequence[ContingenciesView]) -> str:
    found = shown[-1].answer
    most = found.options.get("max_operations", "")
    told = "any number of operations" if most is None else f"at most {many(most, 'operation')}"
    return f"{many(len(found.outages), 'outage')}, {told} after each, decided in exact power flow"


_SECTIONS: Sections = [
    Recipe(
        "compared", "Harder and easier than before", lambda view: f"{capital(told_comparison(view.answer))}.",
        (_compared,), "Before and planned", lambda view: bool(len(view.answer.before)),
    ),
    Recipe(
        "map", "Where", "Branches whose outage leaves load dark, the broader the more; rings are buses that then wait "
        "for the repair, the larger the more often.", ("network",), "Map",
    ),
    Recipe(
        "outages", "Every outage",
        "Ranked by the load that stays dark [MW]. Where the proof says optimal, no set of so many operations within "
        "the limits restores more.",
        (lambda view: view.drawn("ranking") if len(view.left) else [], _table), "Outages",
    ),
    RELIABILITY,
    details(lambda view: {"outages": ", ".join(view.answer.options.get("outages", []))}),
]  # fmt: skip

KIND: ReportKind[ContingenciesView] = ReportKind(
    results=(Contingencies,),
    checks=(),
    views=views,
    title=_title,
    subtitle=_subtitle,
    verdict=_verdict,
    cards=_cards,
    terms={**NETWORK_TERMS, **OUTAGE_TERMS, **RELIABILITY_TERMS},
    sections=_SECTIONS,
    figures={"network": network, "ranking": ranking, "reliability": reliability},
    several="tables of outages",
)
