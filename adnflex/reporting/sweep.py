"""The report of a sweep: what each cell saves, which limits it clears, how sure that is, what was not done."""

from __future__ import annotations

import math
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
from adnflex.reporting.text import cell, change, dash, energy, fixed, many, number, percent, power, share
from adnflex.reporting.views import NetFacts, NothingToDraw, Recipe, ReportKind, Sections, View
from adnflex.results.status import status_words
from adnflex.results.sweep import Sweep

# Names of variants that a figure tells apart by colour; of more the table says all.
_MOST_COLOURS = len(style.PALETTE)


@dataclass(frozen=True, kw_only=True)
class SweepView(View):
    """A sweep; its cells carry their own checks."""

    sweep: Sweep

    @property
    def answer(self) -> Sweep:
        """The sweep."""
        return self.sweep

    @property
    def fingerprint(self) -> str:
        """Of no single net."""
        return ""

    @property
    def planned(self) -> pd.DataFrame:
        """Cells with a plan."""
        return self.sweep.table[self.sweep.table["objective"].notna()]


def views(results: Sequence[Sweep], _checks: Sequence[None] = (), _facts: NetFacts | None = None) -> list[SweepView]:
    """One view a sweep."""
    if any(check is not None for check in _checks):
        raise InputError("check: a sweep has none of its own, its table says what the checks of its cells said.")
    return [SweepView(name=f"sweep {k}", sweep=found) for k, found in enumerate(results, start=1)]


def saved(view: SweepView) -> go.Figure:
    """Losses saved against the present switch states, by net and variant [%]."""
    table = view.sweep.table.assign(percent=view.sweep.saved_percent)
    return _bars(table, "percent", "losses saved [%]")


def violated(view: SweepView) -> go.Figure:
    """Periods that break a limit with the present switch states, and with the plan, by net and variant."""
    table = view.planned
    if not (table[["violated_before", "violated_after"]] > 0).any(axis=None):
        raise NothingToDraw("plan: no period of the sweep breaks a limit.")
    fig = _bars(table, "violated_before", "periods that break a limit", pale=True)
    for trace in _bars(table, "violated_after", "").data:
        fig.add_trace(trace.update(showlegend=False, marker={"color": style.OVER_LIMIT}, width=0.1))
    return fig


def _bars(table: pd.DataFrame, column: str, title: str, pale: bool = False) -> go.Figure:
    """Bars of a column, nets beside each other and variants in colour."""
    known = table[np.isfinite(table[column].astype(float))]
    if known.empty:
        raise NothingToDraw(f"plan: no cell of the sweep has {column}.")
    fig = style.figure(380, barmode="group")
    nets = list(dict.fromkeys(table["net"]))
    for k, (variant, rows) in enumerate(known.groupby("variant", sort=False)):
        colour = style.PALETTE[k % _MOST_COLOURS]
        told = rows["status"].map(status_words) + rows["passed"].map({True: "", False: "; AC check failed"})
        fig.add_bar(
            x=rows["net"], y=rows[column], customdata=told.map(page.escape),
            name=page.escape(str(variant) or "as it is"),
            marker={"color": style.pale(colour, 0.4) if pale else colour},
            hovertemplate="%{x}: %{y:.4g}<br>%{customdata}<extra>%{fullData.name}</extra>",
        )  # fmt: skip
    fig.update_xaxes(type="category", categoryorder="array", categoryarray=nets)
    fig.update_yaxes(title_text=title, rangemode="tozero")
    fig.update_layout(showlegend=known["variant"].nunique() > 1)
    return fig


_HEAD = ["net", "variant", "AC check", "losses", "saved", "bound", "gap", "operations", "violated periods", "CPU"]


def _told(value: float, unit: str) -> str:
    return power(value) if unit == "MW" else energy(value) if unit == "MWh" else number(value, unit, 5)


def _table(view: SweepView) -> list[Html]:
    """List every cell."""
    rows = []
    for row, gain in zip(view.sweep.table.itertuples(index=False), view.sweep.saved_percent, strict=True):
        name = [str(row.net), cell(row.variant)]
        if math.isnan(row.objective):
            badge = page.badge(row.status.replace("_", " "), "bad")
            rows.append([*name, badge, *[dash] * 6, number(row.cpu_s, "s", 3)])
            continue
        badge = page.badge("passed", "good") if row.passed else page.badge("failed", "bad")
        losses = change(*(_told(value, row.losses_unit) for value in (row.losses_before, row.losses_after)))
        broken = change(str(row.violated_before), str(row.violated_after))
        rows.append(
            [*name, badge, losses, percent(gain), _told(row.bound, row.unit), share(row.gap), str(row.operations),
             f"{broken} of {row.periods}", number(row.cpu_s, "s", 3)]
        )  # fmt: skip
    return [page.table(_HEAD, rows, _HEAD[3:])]


def _odd(view: SweepView) -> list[Html]:
    """List the cells that have no plan, or whose plan failed, with the reason."""
    table = view.sweep.table[view.sweep.table["note"] != ""]
    rows = [
        [f"{r.net}{r.variant and ', '}{r.variant}: {r.status.replace('_', ' ')}", str(r.note)]
        for r in table.itertuples(index=False)
    ]
    return [page.table(["cell", "why"], rows)] if rows else []


def verdict(view: SweepView) -> Banner:
    """Banner of a sweep."""
    table, whole = view.sweep.table, many(len(view.sweep.table), "cell")
    passed = int(table["passed"].sum())
    missing = int((table["status"] == "missing").sum())
    remark = f"{missing} of {whole} were not done: the sweep was interrupted." if missing else ""
    if passed == len(table):
        return Banner("pass", f"Passed: all {whole}", "Every plan keeps every limit in AC power flow.", remark)
    told = f"{passed} of {whole} have a plan that passed its AC check"
    return Banner("open" if missing else "caution", told, "The others are listed with the reason.", remark)


def cards(view: SweepView, _first: SweepView | None = None) -> list[Card]:
    """Return the key figures: cells, plans, largest saving, largest gap, time."""
    table, planned = view.sweep.table, view.planned
    found = [Card("Cells", str(len(table)), f"{view.sweep.title}")]
    found.append(Card("Passed the AC check", f"{int(table['passed'].sum())} of {len(table)}", "each of its own"))
    gains = view.sweep.saved_percent
    if gains.notna().any():
        best = table.loc[gains.idxmax()]
        found.append(Card("Saves most", percent(float(gains.max())), f"{best['net']}, {best['variant'] or 'as it is'}"))
    if len(planned):
        found.append(Card("Largest gap", share(float(planned["gap"].max())), "to the proven bound"))
    cpu = float(table["cpu_s"].sum())
    return [
        *found,
        Card("CPU time", fixed(cpu, 0, "s"), f"all cells; {fixed(view.sweep.seconds, 0, 's')} for the call"),
    ]


def title(shown: Sequence[SweepView]) -> str:
    """Headline of the report."""
    return f"Sweep of {', '.join(view.sweep.title for view in shown)}"


def subtitle(shown: Sequence[SweepView]) -> str:
    """Say what was swept, in one line."""
    names = dict.fromkeys(str(net) for view in shown for net in view.sweep.table["net"])
    return f"Nets: {', '.join(names)}"


def _details(view: SweepView) -> list[Html]:
    facts: dict[str, Any] = {"store": view.sweep.store or dash, "time": number(view.sweep.seconds, "s", 3)}
    return list(run_tables(facts, view.sweep.options, view.sweep.versions))


_SECTIONS: Sections = [
    Recipe(
        "cells", "Every cell",
        "One row a net and variant: losses with the present switch states and with the plan, each of them run in AC "
        "power flow, the proven bound, and how many periods break a limit before and after.",
        (_table, "saved", lambda view: view.drawn("violated") if _any_violated(view) else []), "Cells",
    ),
    Recipe("odd", "Cells without a plan that passed", "Nothing of them counts above.", (_odd,), "Without a plan",
           lambda view: bool((view.sweep.table["note"] != "").any())),
    Recipe("details", "How it was computed", "", (_details,), "Details"),
]  # fmt: skip


def _any_violated(view: SweepView) -> bool:
    return bool((view.planned[["violated_before", "violated_after"]] > 0).any(axis=None))


KIND: ReportKind[SweepView] = ReportKind(
    results=(Sweep,),
    checks=(),
    views=views,
    title=title,
    subtitle=subtitle,
    verdict=verdict,
    cards=cards,
    terms=TERMS,
    sections=_SECTIONS,
    figures={"saved": saved, "violated": violated},
    several="sweeps",
)
