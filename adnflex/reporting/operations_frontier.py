"""The report of a frontier of operations: what each number of operations saves, how sure that is, what to switch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.reporting import page, style
from adnflex.reporting.findings import TERMS, details
from adnflex.reporting.page import Banner, Card, Html
from adnflex.reporting.proof import banner
from adnflex.reporting.reconfiguration.actions import introduction, steps_and_rest
from adnflex.reporting.reconfiguration.view import SwitchingView
from adnflex.reporting.text import branch_label, dash, fixed, many, number, percent
from adnflex.reporting.views import NetFacts, NothingToDraw, Recipe, ReportKind, Sections, View, paired
from adnflex.results import FrontierCheck, OperationsFrontier
from adnflex.results.status import status_words


@dataclass(frozen=True, kw_only=True)
class FrontierView(View):
    """A frontier and its check."""

    frontier: OperationsFrontier
    check: FrontierCheck | None

    @property
    def answer(self) -> OperationsFrontier:
        """The frontier."""
        return self.frontier

    @property
    def rows(self) -> pd.DataFrame:
        """Rows with a plan."""
        table = self.frontier.table
        return table[table["objective"].notna()]

    @property
    def known(self) -> bool:
        """Whether what is saved can be told."""
        return not math.isnan(self.frontier.base)

    def told(self, value: float, digits: int = 5) -> str:
        """Write a value of the objective."""
        return number(value, self.frontier.unit.replace("weighted", ""), digits)

    def parts(self) -> list[SwitchingView]:
        """Return the plans of the rows as their own report sees them."""
        checks = [None] * len(self.frontier.plans) if self.check is None else list(self.check.checks)
        pairs = zip(self.frontier.plans, checks, strict=True)
        return [SwitchingView(plan=plan, check=check, orders=self.orders) for plan, check in pairs]


def views(
    plans: Sequence[OperationsFrontier], checks: Sequence[FrontierCheck | None], _facts: NetFacts | None = None
) -> list[FrontierView]:
    """One view a frontier."""
    known = enumerate(paired(plans, checks, "frontiers"), start=1)
    return [FrontierView(name=p.net_name or f"frontier {k}", frontier=p, check=c) for k, (p, c) in known]


def gains(view: FrontierView) -> go.Figure:
    """Draw what is saved by the number of operations, and how much it can be at most: plan and proven bound.

    Where it is not known what the net loses now, the objective itself is drawn.
    """
    rows = view.rows
    if rows.empty:
        raise NothingToDraw("plan: no row has a plan, so there is nothing to draw.")
    at, best, bound = (rows[c].to_numpy(dtype=float) for c in ("operations", "objective", "bound"))
    base, unit = view.frontier.base, view.frontier.unit
    found, most = (base - best, base - bound) if view.known else (best, bound)
    what = "saved" if view.known else view.frontier.objective_name
    fig = style.figure(420, hovermode="closest")
    line = {"color": style.BOUND, "width": 1, "dash": "dot"}
    edge = "saved at most (proven)" if view.known else "least possible (proven)"
    fig.add_trace(go.Scatter(x=at, y=most, mode="lines", line=line, name=edge,
                             hovertemplate=f"{edge}: %{{y:.6g}} {unit}<extra></extra>"))  # fmt: skip
    named = [f"close {row.close or dash}<br>open {row.open or dash}" for row in rows.itertuples(index=False)]
    proven = rows["proven"].to_numpy(dtype=bool)
    marker = {"color": np.where(proven, style.AFTER, "white"), "size": 10, "line": {"color": style.AFTER, "width": 2}}
    fig.add_trace(go.Scatter(x=at, y=found, mode="lines+markers", name=f"{what} by the plan", marker=marker,
                             cliponaxis=False,
                             line={"color": style.AFTER, "width": 2}, fill="tonexty", fillcolor=style.pale(style.BOUND),
                             hovertext=[page.escape(n.replace("<br>", "; ")) for n in named],
                             hovertemplate=f"%{{x}} operations: %{{y:.6g}} {unit}<br>%{{hovertext}}<extra></extra>",
                             ))  # fmt: skip
    fig.update_xaxes(title_text="switching operations", tickvals=at)
    fig.update_yaxes(title_text=f"{what} [{unit}]", rangemode="tozero" if view.known else "normal")
    return fig


# Columns that are there where reliability was asked for.
_RELIABILITY = {"saifi": "SAIFI [1/a]", "saidi_hours": "SAIDI [h/a]", "ens_mwh": "energy not supplied [MWh/a]"}


def _table(view: FrontierView) -> list[Html]:
    """List the rows: what is saved, what is switched, how sure it is."""
    unit = view.frontier.unit
    head = ["operations", f"{view.frontier.objective_name} [{unit}]", "saved", "saved [%]", "gain on the row before",
            "close", "open", "bound", "proof", "lowest voltage", "highest loading"]  # fmt: skip
    known = [name for name in _RELIABILITY if name in view.frontier.table]
    head += [_RELIABILITY[name] for name in known]
    rows = []
    for row in view.frontier.table.itertuples(index=False):
        proof = page.badge("proven", "good") if row.proven else page.badge(status_words(row.status), "bad")
        if row.objective != row.objective:
            rows.append([str(row.operations), *[dash] * 6, dash, status_words(row.status), *[dash] * (len(head) - 9)])
            continue
        place = view.labels.of("bus", row.vm_min_bus) if row.vm_min_bus >= 0 else dash
        rows.append(
            [str(row.operations), number(row.objective, "", 6), view.told(row.saved), fixed(row.saved_percent, 2),
             view.told(row.gain), _listed(row.close), _listed(row.open), number(row.bound, "", 6), proof,
             f"{fixed(row.vm_min_pu, 4, 'pu')} at {place}",
             f"{percent(row.loading_percent)} at {_branch(view, row.loading_at)}",
             *(number(getattr(row, name), "", 4) for name in known)]
        )  # fmt: skip
    return [page.table(head, rows, [head[0], *head[1:5], head[7], *head[11:]])]


def _listed(branches: str) -> str:
    """Branches of a cell, each kept in one line."""
    return ", ".join(name.replace(" ", "\u00a0") for name in branches.split(", ")) or dash


def _branch(view: FrontierView, at: str) -> str:
    element, _, index = at.partition(" ")
    return branch_label(element, int(index)) if index else dash


def _in_order(part: SwitchingView) -> list[Html]:
    """List what to operate for a row, and how good the order is."""
    words = [page.paragraph(introduction(part))] if part.sequence is not None else []
    return [*words, *steps_and_rest(part)]


def _steps(view: FrontierView) -> list[Html]:
    """List what to switch, in order, for each row."""
    return [
        page.details(f"At most {row.operations} operations: {len(steps)} to do", *_in_order(part))
        for row, part in zip(view.rows.itertuples(index=False), view.parts(), strict=True)
        if len(steps := part.plan.switches[part.plan.switches["operated"].astype(bool)])
    ]


def verdict(view: FrontierView) -> Banner:
    """Banner of a frontier."""
    missing = "No AC power flow has been run on these plans; do not switch before it has."
    sure = int(view.frontier.table["proven"].sum())
    remark = f"{sure} of {many(len(view.frontier.table), 'row')} proven"
    more = "; more operations gain no more than the gap asked for (proven)." if view.frontier.whole else "."
    return banner(
        view.check, "Passed: each of these plans may be switched", "FAILED: see the rows", missing, remark + more
    )


def cards(view: FrontierView, _first: FrontierView | None = None) -> list[Card]:
    """Return the key figures: now, what the first pair and what all operations save, proof, time."""
    rows, frontier = view.rows, view.frontier
    found = [Card("Now", view.told(frontier.base) if view.known else dash, frontier.objective_name)]
    first = rows[rows["used"] > 0].head(1)
    picked = [*first.itertuples(index=False), *rows.tail(1).itertuples(index=False)]
    for row in dict.fromkeys(picked):
        below = f"{fixed(row.saved_percent, 2)} % saved" if view.known else status_words(row.status)
        found.append(Card(f"{row.operations} operations", view.told(row.objective), below))
    found.append(
        Card("Rows proven", f"{int(frontier.table['proven'].sum())} of {len(frontier.table)}", "to the gap asked for")
    )
    return [*found, Card("Time", number(frontier.seconds, "s", 3), "the whole call")]


def title(shown: Sequence[FrontierView]) -> str:
    """Headline of the report."""
    names = dict.fromkeys(view.frontier.net_name or "an unnamed net" for view in shown)
    return f"What switching operations save in {', '.join(names)}"


def subtitle(shown: Sequence[FrontierView]) -> str:
    """Say what was asked for, in one line."""
    frontier = shown[-1].frontier
    buses = f"{len(frontier.coordinates)} buses; " if len(frontier.coordinates) else ""
    goal = f"objective: least {frontier.objective_name} for every number of operations"
    return f"{buses}{goal}; {status_words(frontier.status)}"


def _facts(view: FrontierView) -> dict[str, Any]:
    weights = ", ".join(f"{k} {v:g}" for k, v in view.frontier.weights.items()) or dash
    return {"objective": view.frontier.objective_name, "weights": weights}


_SECTIONS: Sections = [
    Recipe(
        "frontier", "What each number of operations saves",
        "Closing or opening one branch is one operation, counted from the present state. The band reaches from the "
        "plan to what is proven to be the most; where there is none, the plan is the best possible. Hollow points are "
        "not proven to the gap asked for.",
        ("gains", _table), "Frontier",
    ),
    Recipe(
        "switching", "What to switch",
        "The operations of each row, each from the present state.",
        (_steps,), "Switching",
    ),
    details(_facts),
]  # fmt: skip

KIND: ReportKind[FrontierView] = ReportKind(
    results=(OperationsFrontier,),
    checks=(FrontierCheck,),
    views=views,
    title=title,
    subtitle=subtitle,
    verdict=verdict,
    cards=cards,
    terms=TERMS,
    sections=_SECTIONS,
    figures={"gains": gains},
    several="frontiers",
)
