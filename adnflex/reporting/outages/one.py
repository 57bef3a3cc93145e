"""The report of a restoration: what comes back, by which steps, what stays dark and why, what is proven."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd
from plotly import graph_objects as go

from adnflex.reporting import page, style
from adnflex.reporting.canvas.map import MapFigure
from adnflex.reporting.findings import NETWORK_TERMS, details, loading, sheet_head, violations
from adnflex.reporting.page import Banner, Card, Html
from adnflex.reporting.proof import banner
from adnflex.reporting.text import capital, cell, dash, fixed, many, number
from adnflex.reporting.views import NetFacts, Recipe, ReportKind, Sections, SteppedView, numbered, paired
from adnflex.results.restoration import Restoration, RestorationCheck
from adnflex.results.status import status_words
from adnflex.results.work_sheet import SIGNED, work_sheet

#: What is dark, in a few words, by `Restoration.buses`.
WHY = {
    "fault": "cannot be parted from the fault",
    "no tie": "no tie leads to it",
    "limits": "a limit would be broken",
    "operations": "would need more operations",
}
OUTAGE_TERMS = {
    "Outage": "An element is out of use; the switches around it are opened and stay so until it is repaired.",
    "Dark": "Without supply once the fault is parted by its own switches, before anything else is switched.",
    "Restored": "Supplied again before the repair, by switching alone.",
    "Waits for the repair": "Dark, and no operation that is allowed brings it back.",
    "Tripped at first": "What protection takes out of supply until the fault is parted: mostly more than what is dark.",
    "Operation": "One branch that is closed or opened. Parting the fault is none.",
    "Island": "A part that a unit of its own feeds, without the network; starting the unit is one operation.",
    "Transfer": "A load is handed from one feeder to another so that the first can take over something else.",
}
RESTORED, WAITS, ISLAND = style.PALETTE[2], style.OVER_LIMIT, style.PALETTE[3]


@dataclass(frozen=True, kw_only=True)
class RestorationView(SteppedView):
    """A restoration and its check."""

    result: Restoration
    check: RestorationCheck | None

    @property
    def answer(self) -> Restoration:
        """The restoration."""
        return self.result

    @property
    def proven(self) -> str:
        """What the status says of it."""
        return self.answer.proof


def views(
    results: Sequence[Restoration], checks: Sequence[RestorationCheck | None], _facts: NetFacts | None = None
) -> list[RestorationView]:
    """One view a restoration; one without a check among others says so."""
    known = paired(results, checks, "restorations", some=True)
    return [RestorationView(name=f"outage of {r.outage}", result=r, check=c) for r, c in known]


def network(view: RestorationView) -> go.Figure:
    """Draw the network after the restoration: what is out, what is supplied again, what stays dark."""
    found = view.answer
    drawing = MapFigure(found.topology, found.coordinates, "after", steps=numbered(found.steps))
    out = [part.rsplit(" ", 1) for part in found.outage.split(", ")]
    places = [(table, int(index), 9.0, f"<b>{table} {index}</b> is out") for table, index in out]
    drawing.highlight([place for place in places if place[0] != "bus"], "out of use", WAITS)
    for restored, name, colour in ((True, "supplied again", RESTORED), (False, "stays dark", WAITS)):
        rows = found.buses[found.buses["restored"].astype(bool) == restored]
        told = [
            (int(bus), 15.0, f"{view.labels.of('bus', bus)}: {fixed(row['load_mw'], 3, 'MW')}, "
             f"{'supplied again' if restored else WHY.get(row['why'], row['why'])}")
            for bus, row in rows.iterrows()
        ]  # fmt: skip
        drawing.ring(told, name, colour)
    units = [
        (int(row["bus"]), 21.0, f"{row['table']} {row['index']} holds an island") for _, row in found.islands.iterrows()
    ]
    drawing.ring(units, "holds an island", ISLAND)
    return drawing.done("supply").update_layout(showlegend=True)


def _verdict(view: RestorationView) -> Banner:
    missing = "The states on the way have not been validated; do not switch before they have."
    return banner(
        view.check, "Passed: these steps may be switched", "FAILED: do not switch these steps", missing,
        f"{capital(view.answer.proof)}.",
    )  # fmt: skip


def _cards(view: RestorationView, _first: RestorationView | None = None) -> list[Card]:
    """Return the key figures: dark, restored, left, operations, voltages, proof."""
    r = view.answer
    state = r.state.iloc[0] if len(r.state) else None
    top = float("nan") if state is None else float(state["loading_percent"])
    told = [f"{fixed(r.fault_mw, 3, 'MW')} with the fault"] if r.fault_mw > 0 else []
    return [
        Card("Dark after the fault is parted", fixed(r.dark_mw, 3, "MW"), many(len(r.buses), "bus")),
        Card("Restored", fixed(r.restored_mw, 3, "MW"), f"{many(r.operations, 'operation')}: {r.actions}"),
        Card("Waits for the repair", fixed(r.left_mw, 3, "MW"), "; ".join(told) or dash),
        Card("Tripped at first", fixed(r.tripped_mw, 3, "MW"), "by protection, until the fault is parted"),
        Card(
            "Voltages in the end",
            dash if state is None else f"{state['vm_min_pu']:.4f} to {state['vm_max_pu']:.4f} pu",
            dash if state is None else f"highest loading {loading(top, pd.Series([top]))}",
        ),
        Card("Proof", r.status, f"{r.flows:,} sets run; {_decided(r)}"),
    ]


def _decided(found: Restoration) -> str:
    return "no set restores more" if found.status == "optimal" else status_words(found.status)


def _sheet(view: RestorationView) -> list[Html]:
    """Make the work sheet of the restoration."""
    steps, settings = view.answer.steps, view.answer.settings
    found = [page.paragraph(f"Before the steps, set: {settings}. ☐")] if settings else []
    if steps.empty:
        return [*found, page.paragraph("There is nothing to operate.")]
    sheet = work_sheet(steps)
    columns = [c for c in sheet.columns if c != "by" or sheet["by"].astype(bool).any()]
    rows = [
        [str(k), *(_deed(row[c]) if c == "do" else str(row[c]) for c in columns), "☐"] for k, row in sheet.iterrows()
    ]
    told = [page.paragraph(f"{capital(words)}.") for words in view.answer.told_islands]
    return [*found, page.table(["step", *columns, "done"], rows), *told, page.paragraph(SIGNED, "paper")]


def _deed(word: str) -> Html:
    return page.badge("start", "close") if word == "start" else page.action(word == "close")


def _isolation(view: RestorationView) -> list[Html]:
    """Say what is opened first and stays open until the repair."""
    rows = view.answer.isolation
    switches = rows[rows["table"] == "switch"]
    told = [
        [
            cell(r["station"]),
            f"switch {r['index']}",
            page.action(False),
            cell(r["of"]),
            "hold open until the repair",
            "☐",
        ]
        for _, r in switches.iterrows()
    ]
    off = [f"{t} {i}" for t, i in rows.loc[rows["table"] != "switch", ["table", "index"]].itertuples(index=False)]
    found = [sheet_head(view.answer, view.check)]
    if told:
        found.append(page.table(["station", "switch", "do", "of", "", "done"], told))
    return [*found, *([page.paragraph(f"Out of service until the repair: {', '.join(off)}.")] if off else [])]


def _by_operations(view: RestorationView) -> list[Html]:
    """Tell the best of every number of operations."""
    r = view.answer
    weighted = bool((r.buses["priority"] != 1).any()) if len(r.buses) else False
    head = ["at most", "restored, by priority" if weighted else "restored", "by", "losses"]
    rows = [
        [many(int(k), "operation"), fixed(row["restored"], 3, "MW"), cell(row["actions"] or "nothing"),
         number(row["losses_kw"], "kW")]
        for k, row in r.by_operations.iterrows()
    ]  # fmt: skip
    return [page.table(head, rows, [head[1], head[3]])]


def _limiting(view: RestorationView) -> list[Html]:
    """Tell which limits more would break."""
    rows = [
        [row["kind"], view.labels.of(row["element"], row["index"]), number(row["value"], row["unit"], 5),
         number(row["limit"], row["unit"], 5), str(row["actions"])]
        for _, row in view.answer.limiting.head(20).iterrows()
    ]  # fmt: skip
    return [page.table(["limit", "where", "value", "limit at", "after"], rows, ["value", "limit at"])] if rows else []


def _left(view: RestorationView) -> list[Html]:
    """List what stays dark, by reason."""
    rows = view.answer.buses[~view.answer.buses["restored"].astype(bool)]
    told = [
        [WHY.get(str(why), str(why)), many(len(part), "bus"), fixed(float(part["load_mw"].sum()), 3, "MW"),
         cell(", ".join(str(bus) for bus in part.index[:30]) + (" …" if len(part) > 30 else ""))]
        for why, part in rows.groupby("why", sort=False)
    ]  # fmt: skip
    return [page.table(["why", "buses", "load", "which"], told, ["load"])] if told else []


def _title(shown: Sequence[RestorationView]) -> str:
    names = dict.fromkeys(view.answer.net_name or "an unnamed net" for view in shown)
    return f"Restoration in {', '.join(names)}"


def _subtitle(shown: Sequence[RestorationView]) -> str:
    return "; ".join(f"outage of {view.answer.outage}" for view in shown)


def _first(view: RestorationView) -> str:
    """Say what comes before the steps."""
    return f"Outage of {view.answer.outage}. First the fault is parted; then come the steps."


_SECTIONS: Sections = [
    violations(lambda view: " in some states, those before and on the way included"),
    Recipe(
        "sheet", "Work sheet", _first,
        (_isolation, _sheet), "Work sheet",
    ),
    Recipe("map", "Where", "What is out, what is supplied again, and what waits for the repair.", ("network",), "Map"),
    Recipe(
        "left", "What stays dark", "It waits for the repair.", (_left,), "Stays dark",
        lambda view: bool((~view.answer.buses["restored"].astype(bool)).any()),
    ),
    Recipe(
        "more", "What limits", "Limits that the set worth most among those worth more would break.", (_limiting,),
        "What limits", lambda view: bool(len(view.answer.limiting)),
    ),
    Recipe(
        "operations", "How many operations", lambda view: f"{capital(view.answer.proof)}.",
        (_by_operations,), "Operations",
    ),
    details(lambda view: {"outage": view.answer.outage}),
]  # fmt: skip

KIND: ReportKind[RestorationView] = ReportKind(
    results=(Restoration,),
    checks=(RestorationCheck,),
    views=views,
    title=_title,
    subtitle=_subtitle,
    verdict=_verdict,
    cards=_cards,
    terms={**NETWORK_TERMS, **OUTAGE_TERMS},
    sections=_SECTIONS,
    figures={"network": network},
    several="restorations",
)
