"""The report of boxes of many days: how much each day can promise, how sure that is, which days have none."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.errors import InputError
from adnflex.reporting import page, style
from adnflex.reporting.findings import TERMS, run_tables
from adnflex.reporting.page import Banner, Card, Html
from adnflex.reporting.text import dash, energy, fixed, number, power, share
from adnflex.reporting.views import NetFacts, NothingToDraw, Recipe, ReportKind, Sections, View
from adnflex.results.flexibility_sweep import FlexibilitySweep

# Days that are all named below a figure.
_FEW_DAYS = 14


@dataclass(frozen=True, kw_only=True)
class FlexibilitySweepView(View):
    """Boxes of many days; each carries its own check."""

    found: FlexibilitySweep

    @property
    def answer(self) -> FlexibilitySweep:
        """The boxes."""
        return self.found


def views(
    results: Sequence[FlexibilitySweep], _checks: Sequence[None] = (), _facts: NetFacts | None = None
) -> list[FlexibilitySweepView]:
    """One view a sweep."""
    if any(check is not None for check in _checks):
        raise InputError("check: boxes of many days have none of their own, the table says what each check said.")
    return [FlexibilitySweepView(name=f"boxes {k}", found=found) for k, found in enumerate(results, start=1)]


def _points(view: FlexibilitySweepView) -> list[tuple[str, pd.DataFrame, str]]:
    """Coupling point, its boxes by day with gaps where there is none, colour."""
    if view.found.boxes.empty:
        raise NothingToDraw("plan: no day has a box.")
    parts = [(str(pcc), rows.sort_values("day")) for pcc, rows in view.found.table.groupby("pcc", sort=False)]
    return [(pcc, rows, style.PALETTE[k % len(style.PALETTE)]) for k, (pcc, rows) in enumerate(parts)]


def useful(view: FlexibilitySweepView) -> go.Figure:
    """Draw the useful width by day, and above it what no box in AC exceeds [MWh]."""
    fig = style.figure(380, barmode="group")
    points = _points(view)
    for pcc, rows, colour in points:
        label = page.escape(pcc) if len(points) > 1 else "useful width"
        fig.add_bar(
            x=rows["day"], y=rows["useful_mwh"], name=label, legendgroup=pcc, marker={"color": colour},
            hovertemplate="day %{x}: %{y:.4g} MWh<extra>" + page.escape(pcc) + "</extra>",
        )  # fmt: skip
        outer = rows["outer_mwh"].where(np.isfinite(rows["outer_mwh"]))
        if outer.notna().any() and len(points) == 1:
            fig.add_scatter(
                x=rows["day"], y=outer, name="no box above", mode="markers",
                marker={"symbol": "line-ew-open", "size": 12, "color": style.BOUND, "line": {"width": 2}},
                hovertemplate="day %{x}: none above %{y:.4g} MWh<extra></extra>",
            )  # fmt: skip
    return _by_day(view, fig, "useful width [MWh]")


def imports(view: FlexibilitySweepView) -> go.Figure:
    """Lowest and highest import that each day promises in some period [MW]."""
    fig = style.figure(320, barmode="group")
    points = _points(view)
    for pcc, rows, colour in points:
        fig.add_bar(
            x=rows["day"], base=rows["lowest_mw"], y=rows["highest_mw"] - rows["lowest_mw"],
            name=page.escape(pcc), marker={"color": style.pale(colour, 0.6)},
            customdata=rows[["lowest_mw", "highest_mw"]].to_numpy(),
            hovertemplate="day %{x}: %{customdata[0]:.4g} to %{customdata[1]:.4g} MW<extra></extra>",
            showlegend=len(points) > 1,
        )  # fmt: skip
    return _by_day(view, fig, "import [MW]")


def _by_day(view: FlexibilitySweepView, fig: go.Figure, title: str) -> go.Figure:
    days = view.found.table["day"]
    few = days.max() - days.min() < _FEW_DAYS  # no marks between whole days
    fig.update_xaxes(title_text="day", tickformat="d", dtick=1 if few else None)
    fig.update_yaxes(title_text=title)
    return fig


def _figures(view: FlexibilitySweepView) -> list[Html]:
    if view.found.boxes.empty:
        return []
    return [view.draw("useful", "Useful width"), view.draw("imports", "Lowest to highest import promised")]


_HEAD = ["day", "coupling point", "AC check", "useful", "none above", "certificate", "as metered", "narrowest period",
         "import", "CPU"]  # fmt: skip


def _table(view: FlexibilitySweepView) -> list[Html]:
    """List every day and coupling point."""
    rows = []
    for row in view.found.table.itertuples(index=False):
        name = [str(row.day), str(row.pcc)]
        if np.isnan(row.total_mwh):
            rows.append(
                [*name, page.badge(row.status.replace("_", " "), "bad"), *[dash] * 6, number(row.cpu_s, "s", 3)]
            )
            continue
        badge = page.badge("passed", "good") if row.passed else page.badge("failed", "bad")
        outer = energy(row.outer_mwh) if np.isfinite(row.outer_mwh) else dash
        rows.append(
            [*name, badge, energy(row.useful_mwh), outer, share(row.certificate), energy(row.total_mwh),
             power(row.narrowest_mw), f"{fixed(row.lowest_mw, 3)} to {fixed(row.highest_mw, 3, 'MW')}",
             number(row.cpu_s, "s", 3)]
        )  # fmt: skip
    return [page.table(_HEAD, rows, _HEAD[3:])]


def _odd(view: FlexibilitySweepView) -> list[Html]:
    """List the days that have no box, or whose box failed, with the reason."""
    table = view.found.table[view.found.table["note"] != ""]
    rows = [[f"day {r.day}, {r.pcc}: {r.status.replace('_', ' ')}", str(r.note)] for r in table.itertuples(index=False)]
    return [page.table(["box", "why"], rows)] if rows else []


def verdict(view: FlexibilitySweepView) -> Banner:
    """Banner of the boxes."""
    table = view.found.table
    passed, missing = int(table["passed"].sum()), int((table["status"] == "missing").sum())
    remark = f"{missing} were not done: it was interrupted." if missing else ""
    if passed == len(table):
        told = "Trajectories drawn inside every box were followed in AC power flow; each day stands for itself."
        return Banner("pass", "Passed: every box", told, remark)
    told = f"{passed} of {len(table)} have a box that passed its AC check"
    return Banner("open" if missing else "caution", told, "The others are listed with the reason.", remark)


def cards(view: FlexibilitySweepView, _first: FlexibilitySweepView | None = None) -> list[Card]:
    """Return the key figures: boxes, most and least useful day, largest certificate, time."""
    table, boxes = view.found.table, view.found.boxes
    found = [Card("Passed the AC check", f"{int(table['passed'].sum())} of {len(table)}", view.found.title)]
    if len(boxes):
        width, several = boxes["useful_mwh"], boxes["pcc"].nunique() > 1
        for label, k in (("Most useful day", width.idxmax()), ("Least useful day", width.idxmin())):
            at = f" at {boxes.at[k, 'pcc']}" if several else ""
            found.append(Card(label, energy(float(width[k])), f"day {boxes.at[k, 'day']}{at}"))
        known = boxes["certificate"][np.isfinite(boxes["certificate"])]
        if len(known):
            of = f"of {len(known)} of {len(boxes)} boxes; useful width to the bound in AC"
            found.append(Card("Largest certificate", share(float(known.max())), of))
    cpu = float(table["cpu_s"].sum())
    return [*found, Card("CPU time", fixed(cpu, 0, "s"), f"all; {fixed(view.found.seconds, 0, 's')} for the call")]


def title(shown: Sequence[FlexibilitySweepView]) -> str:
    """Headline of the report."""
    return f"Flexibility of {shown[0].found.net_name or 'an unnamed net'}, {shown[0].found.title}"


def subtitle(shown: Sequence[FlexibilitySweepView]) -> str:
    """Say where, in one line."""
    return f"At {', '.join(dict.fromkeys(shown[0].found.table['pcc']))}; days count from 0"


def _details(view: FlexibilitySweepView) -> list[Html]:
    facts: dict[str, Any] = {"store": view.found.store or dash, "time": number(view.found.seconds, "s", 3)}
    return list(run_tables(facts, view.found.options, view.found.versions))


_SECTIONS: Sections = [
    Recipe(
        "boxes", "Every day",
        "Useful width is that of the import less losses; no box that AC power flow can follow is above the bound. Each "
        "day begins with the energy that the storages of the net have, and promises nothing of the next one.",
        (_figures, _table), "Days",
    ),
    Recipe("odd", "Days without a box that passed", "Nothing of them counts above.", (_odd,), "Without a box",
           lambda view: bool((view.found.table["note"] != "").any())),
    Recipe("details", "How it was computed", "", (_details,), "Details"),
]  # fmt: skip


KIND: ReportKind[FlexibilitySweepView] = ReportKind(
    results=(FlexibilitySweep,),
    checks=(),
    views=views,
    title=title,
    subtitle=subtitle,
    verdict=verdict,
    cards=cards,
    terms=TERMS,
    sections=_SECTIONS,
    figures={"useful": useful, "imports": imports},
    several="boxes of many days",
)
