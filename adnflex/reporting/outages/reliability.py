"""How often and how long customers are without supply: the indices, which outages make them, who suffers most."""

from __future__ import annotations

from typing import Any

import numpy as np
from plotly import graph_objects as go

from adnflex.reporting import page, style
from adnflex.reporting.canvas import BarFigure
from adnflex.reporting.page import Html
from adnflex.reporting.text import bus_label, dash, fixed, number, sentences
from adnflex.reporting.views import NothingToDraw, Recipe
from adnflex.results.reliability import ReliabilityIndices

# Outages in the figure; load points before the table is folded, and at most.
_MOST, _FIRST, _ALL = 15, 10, 200
_INDICES = (
    ("SAIFI", "saifi", "", "interruptions a customer and year"),
    ("SAIDI", "saidi_hours", "h", "without supply a customer and year"),
    ("CAIDI", "caidi_hours", "h", "an interruption"),
    ("ASUI", "asui", "", "share of the time without supply"),
    ("ENS", "ens_mwh", "MWh", "energy not supplied a year"),
    ("AENS", "aens_kwh", "kWh", "the same a customer"),
)
RELIABILITY_TERMS = {
    "SAIFI, SAIDI, CAIDI": "System average interruption frequency, duration a year, and duration an interruption.",
    "ENS": "Energy that is not supplied in a year, at average power.",
}


def _indices(view: Any) -> ReliabilityIndices:
    found = view.answer.indices
    assert isinstance(found, ReliabilityIndices)
    return found


def reliability(view: Any) -> go.Figure:
    """Draw the outages that add most: hours without supply a customer [h], energy not supplied [MWh], a year."""
    if view.answer.indices is None:
        raise NothingToDraw("plan: there are no indices of reliability.")
    table = _indices(view).outages
    rows = table.sort_values("saidi_hours", ascending=False, kind="stable").head(_MOST)
    rows = rows[rows["saidi_hours"] > 0]
    if rows.empty:
        raise NothingToDraw("plan: no outage interrupts a customer.")
    names = [view.labels.of(e, i) for e, i in zip(rows["element"], rows["index"], strict=True)]
    fig = BarFigure(
        names, [("adds to SAIDI [h a year]", "h"), ("adds to ENS [MWh a year]", "MWh")], 22, showlegend=False
    )
    panels = (("saidi_hours", "h", style.AFTER), ("ens_mwh", "MWh", style.BOUND))
    for panel, (column, unit, colour) in enumerate(panels):
        values = rows[column].to_numpy(dtype=float)
        told = [
            f"{number(v, unit, 3)}: {number(r.failures_per_year, '', 3)} failures a year, repair "
            f"{number(r.repair_hours, 'h', 3)}, switching {number(r.switching_hours, 'h', 3)}"
            for v, r in zip(values, rows.itertuples(index=False), strict=True)
        ]
        fig.bars(panel, values, "", colour, told)
        fig.axis(panel, rangemode="tozero")
    return fig.done()


def _table(view: Any) -> list[Html]:
    """List the indices, before and planned where both are known."""
    now, was = _indices(view), getattr(view.answer, "indices_before", None)
    rows = [
        [name, *([number(getattr(was, key), unit, 5)] if was else []), number(getattr(now, key), unit, 5), words]
        for name, key, unit, words in _INDICES
    ]
    heads = ["index", *(["before"] if was else []), "now" if was is None else "planned", "meaning"]
    return [page.table(heads, rows, heads[1:-1])]


def _points(view: Any) -> list[Html]:
    """List the load points that are longest without supply."""
    table = _indices(view).load_points.sort_values("hours_per_year", ascending=False, kind="stable")
    rows = [
        [
            f"load {index}" + (f" “{row['name']}”" if row["name"] else ""),
            bus_label(int(row["bus"])),
            fixed(row["customers"], 0),
            number(row["average_mw"], "MW", 3),
            fixed(row["interruptions_per_year"], 3),
            fixed(row["hours_per_year"], 3),
            fixed(row["hours_per_interruption"], 2) if np.isfinite(row["hours_per_interruption"]) else dash,
            number(row["ens_mwh"], "MWh", 3),
        ]
        for index, row in table.head(_ALL).iterrows()
    ]
    heads = ["load point", "at", "customers", "average", "interruptions a year", "hours a year",
             "hours an interruption", "not supplied a year"]  # fmt: skip
    rest = "{count} more load points" + (f" of {len(table)}" if len(table) > _ALL else "")
    return [page.heading("Load points, the longest without supply first"),
            *page.folded(heads, rows, heads[2:], _FIRST, _ALL, rest)]  # fmt: skip


def _notes(view: Any) -> list[Html]:
    """Tell what was assumed."""
    return [page.notice("What was assumed", sentences(_indices(view).notes), "plain")]


def _named(view: Any) -> bool:
    return view.answer.indices is not None


#: Section of a result with `indices`.
RELIABILITY = Recipe(
    "reliability", "How often and how long customers are without supply",
    "A failure trips the next breakers and fuses; who is reached again waits for the switching, all others for the "
    "repair. The outages that add most come first.",
    (_table, _notes, lambda view: view.drawn("reliability"), _points), "Reliability", _named,
)  # fmt: skip
