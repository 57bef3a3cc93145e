"""The report of drawn scenarios: before and after the reduction with probabilities, runs of the vehicles with band."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from plotly import graph_objects as go

from adnflex.errors import InputError
from adnflex.reporting import page, style
from adnflex.reporting.canvas import BarFigure, DayFigure
from adnflex.reporting.canvas.day import line
from adnflex.reporting.clock import Clock, clock_of
from adnflex.reporting.findings import run_tables
from adnflex.reporting.page import Banner, Card, Html
from adnflex.reporting.text import energy, fixed, many, number, percent, power
from adnflex.reporting.views import NetFacts, NothingToDraw, Recipe, ReportKind, Sections, View, drawn_from
from adnflex.results.dispatch import DispatchPlan
from adnflex.results.drawn_scenarios import DrawnScenarios

#: Of more scenarios or runs than this a figure shows evenly spaced ones as lines; the band is of all.
_MOST_LINES = 150
#: Shares of the scenarios that lie below the edges of the bands.
_OUTER, _INNER = (5.0, 95.0), (25.0, 75.0)
_TINTS = {"PV": "#E69F00", "WP": "#0072B2"}
_PANEL = 250

SCENARIO_TERMS = {
    "Scenario": "One possible course of the day, with its probability; “expected” means weighed by these.",
    "Kantorovich distance": "What it costs at least to turn the probabilities of all scenarios into those of the kept "
    "ones, where moving one costs the distance of its course; 0 where nothing is lost.",
    "Monte Carlo run": "A day of all vehicles, drawn from how they drive, arrive and charge.",
}


@dataclass(frozen=True, kw_only=True)
class ScenariosView(View):
    """Scenarios as their report sees them."""

    found: DrawnScenarios

    @property
    def answer(self) -> DrawnScenarios:
        """The scenarios."""
        return self.found

    @cached_property
    def clock(self) -> Clock:
        """Time axis of the scenarios."""
        return clock_of_scenarios(self.found)


def clock_of_scenarios(found: DrawnScenarios) -> Clock:
    """Return the time axis of scenarios."""
    hours = found.times["clock_hour"] if len(found.times) else ()
    return clock_of(found.periods, found.start_hour, found.hours_per_period, hours)


def views(
    results: Sequence[DrawnScenarios], checks: Sequence[None] = (), _facts: NetFacts | None = None
) -> list[ScenariosView]:
    """One view a set of scenarios."""
    if any(check is not None for check in checks):
        raise InputError("check: scenarios have none; leave it out.")
    return [ScenariosView(name=f"scenarios {k}", found=found) for k, found in enumerate(results, start=1)]


def scenarios_of(days: Sequence[DrawnScenarios], plan: DispatchPlan) -> DrawnScenarios | None:
    """Return those that a plan was made for, if they are among the results: the same number and probabilities."""
    wanted = plan.scenarios["probability"].to_numpy(dtype=float)
    return next((d for d in days if _are(d.kept["probability"].to_numpy(dtype=float), wanted)), None)


def _are(probabilities: np.ndarray, wanted: np.ndarray) -> bool:
    return len(wanted) > 1 and len(probabilities) == len(wanted) and bool(np.allclose(probabilities, wanted, atol=1e-9))


# Figures ------------------------------------------------------------------------------------------------------


def _groups(found: DrawnScenarios) -> dict[str, list[Any]]:
    """Columns that vary and are added up in a panel: the generators of a type."""
    kinds: dict[str, list[Any]] = {}
    for index, kind in found.sources["type"].items():
        kinds.setdefault(str(kind) or "generators", []).append(("sgen", "p_mw", int(index)))
    return kinds


def _courses(found: DrawnScenarios, columns: Sequence[Any]) -> np.ndarray:
    """Sum of columns, one row a drawn scenario [MW]."""
    values = found.drawn[list(columns)].to_numpy(dtype=float).sum(axis=1)
    return np.asarray(values.reshape(-1, len(found.forecast)))


def reduction(found: DrawnScenarios) -> go.Figure:
    """Power that the generators of each type could give [MW]: all drawn scenarios, and the kept ones below.

    The stronger the line of a kept scenario, the more probable it is.
    """
    groups = _groups(found)
    if not groups:
        raise NothingToDraw("plan: no generator varies, so there is nothing to draw.")
    count, share = len(found.nearest), found.kept["probability"].astype(float)
    heads = [
        text for kind in groups
        for text in (f"{kind}: {count} drawn", f"{kind}: {len(share)} kept, with their probabilities")
    ]  # fmt: skip
    day = DayFigure(clock_of_scenarios(found), [("power [MW]", "MW")] * len(heads), _PANEL * len(heads), heads)
    for k, (kind, columns) in enumerate(groups.items()):
        values, tint = _courses(found, columns), _TINTS.get(kind, style.PALETTE[(k + 2) % len(style.PALETTE)])
        _cloud(day, 2 * k, values, tint, "scenario drawn")
        for place, row in found.kept.iterrows():
            look = line(style.pale(tint, 0.25 + 0.75 * row["probability"] / float(share.max())), 1.6)
            told = f"scenario {place}, probability {percent(100 * row['probability'])}"
            day.stairs(2 * k + 1, values[int(row["drawn"])], "", look, told)
        ahead = found.forecast[columns].sum(axis=1).to_numpy(dtype=float)
        for panel in (2 * k, 2 * k + 1):
            day.stairs(panel, ahead, "forecast", line(style.INK, 2.0, "dash"))
        kept = share.to_numpy() @ values[found.kept["drawn"].to_numpy(dtype=int)]
        day.stairs(2 * k + 1, kept, "mean of the kept", line(style.INK, 2.0))
        for panel in (2 * k, 2 * k + 1):
            day.axis(panel, range=[0.0, 1.05 * float(values.max())])
    return day.done()


def _cloud(day: DayFigure, panel: int, values: np.ndarray, tint: str, name: str) -> None:
    """Draw many courses as thin lines, and the bands that most of them lie in."""
    step = max(1, -(-len(values) // _MOST_LINES))
    day.threads(panel, values[::step], name, line(style.pale(tint, 0.4), 0.9))
    for (low, high), opacity, words in ((_OUTER, 0.18, "90 % of them"), (_INNER, 0.3, "50 % of them")):
        edges = np.percentile(values, (low, high), axis=0)
        day.band(panel, edges[0], edges[1], words, style.MUTED, opacity, width=0.0)


def probabilities(found: DrawnScenarios) -> go.Figure:
    """Probability of each kept scenario [%], and energy that each type could give in it [MWh]."""
    groups, kept = _groups(found), found.kept
    names = [f"scenario {s}" for s in kept.index]
    panels = [("probability [%]", "%"), *([("energy [MWh]", "MWh")] if groups else [])]
    fig = BarFigure(names, panels, 24, barmode="relative")
    fig.bars(0, 100 * kept["probability"].to_numpy(dtype=float), "", style.AFTER)
    for k, (kind, columns) in enumerate(groups.items()):
        courses = _courses(found, columns)[kept["drawn"].to_numpy(dtype=int)]
        tint = _TINTS.get(kind, style.PALETTE[(k + 2) % len(style.PALETTE)])
        fig.bars(1, courses.sum(axis=1) * found.hours_per_period, kind, tint)
    for panel in range(len(panels)):
        fig.axis(panel, rangemode="tozero")
    return fig.done()


def fleets(found: DrawnScenarios) -> go.Figure:
    """Load of the vehicles in every Monte Carlo run [MW], its mean, and the band of the runs."""
    if not len(found.fleets):
        raise NothingToDraw("plan: no vehicles were drawn, so there is nothing to draw.")
    loads = list(found.fleets.columns)
    heads = [_fleet_head(found, load) for load in loads]
    height = 120 + _PANEL * len(loads)
    day = DayFigure(clock_of_scenarios(found), [("load [MW]", "MW")] * len(loads), height, heads)
    for panel, load in enumerate(loads):
        values = found.fleets[load].to_numpy(dtype=float).reshape(-1, len(found.forecast))
        _cloud(day, panel, values, "#E69F00", "run")
        day.stairs(panel, values.mean(axis=0), "mean of the runs", line(style.INK, 2.4))
        day.axis(panel, rangemode="tozero", zeroline=False)
    return day.done()


def _fleet_head(found: DrawnScenarios, load: Any) -> str:
    runs = found.fleets.index.get_level_values("run").nunique()
    return f"load {load}: {many(int(found.vehicles.at[load, 'vehicles']), 'vehicle')}, {many(runs, 'run')}"


# Tables and words ---------------------------------------------------------------------------------------------


def table(found: DrawnScenarios) -> list[Html]:
    """List the kept scenarios: probability, which of the drawn it is, for how many it stands, energy by type."""
    groups = _groups(found)
    stands = found.nearest["kept"].value_counts()
    energies = {k: _courses(found, c).sum(axis=1) * found.hours_per_period for k, c in groups.items()}
    rows = [
        [str(s), percent(100 * row["probability"], 2), str(int(row["drawn"])), str(int(stands.get(s, 0))),
         *(energy(float(energies[kind][int(row["drawn"])])) for kind in groups)]
        for s, row in found.kept.iterrows()
    ]  # fmt: skip
    heads = ["scenario", "probability", "drawn as", "stands for", *groups]
    return [page.details(f"The {many(len(rows), 'kept scenario')}", page.table(heads, rows, heads[1:]))]


def words(found: DrawnScenarios) -> str:
    """Say what was drawn, and how near the kept ones are."""
    gain = "" if found.distance_of_one <= 0 else f", a single one would be {power(found.distance_of_one)} away"
    return (
        f"{many(len(found.nearest), 'scenario')} drawn around the forecast, {len(found.kept)} kept; their Kantorovich "
        f"distance is {power(found.distance)}{gain}."
    )


def fleet_words(found: DrawnScenarios) -> str:
    """Say what the figure of the vehicles shows, and what a plan takes of it."""
    taken = "run by run" if found.options.get("fleet") == "runs" else "the mean of the runs"
    return f"The load of the vehicles if each charges as it arrives; the scenarios take {taken}."


def _sources(view: ScenariosView) -> list[Html]:
    rows = [
        [f"sgen {i}" + (f" “{row['name']}”" if row["name"] else ""), str(row["type"]), power(row["rated_mw"]),
         f"{number(row['sigma_percent'], '%', 3)} of the {'forecast' if row['proportional'] else 'rating'}"]
        for i, row in view.found.sources.iterrows()
    ]  # fmt: skip
    heads = ["generator", "type", "rating", "standard deviation of the noise"]
    return [page.table(heads, rows, heads[2:])] if rows else []


def _details(view: ScenariosView) -> list[Html]:
    return list(run_tables({"periods": str(len(view.found.forecast))}, view.found.options, view.found.versions))


def _verdict(view: ScenariosView) -> Banner:
    return Banner("open", "Scenarios", words(view.found), "They are input of a plan; nothing is decided here.")


def _cards(view: ScenariosView, _first: ScenariosView | None = None) -> list[Card]:
    found = view.found
    left = 100 * found.distance / found.distance_of_one if found.distance_of_one > 0 else 0.0
    cards = [
        Card("Scenarios", f"{len(found.kept)} of {len(found.nearest)}", "kept of those drawn"),
        Card("Distance", power(found.distance), f"{fixed(left, 0, '%')} of that of a single scenario"),
    ]
    if len(found.vehicles):
        told = f"{energy(float(found.vehicles['mwh'].sum()))} in the mean of the runs"
        cards.append(Card("Vehicles", str(int(found.vehicles["vehicles"].sum())), told))
    return cards


_SECTIONS: Sections = [
    Recipe(
        "reduction", "Before and after the reduction",
        "Above all drawn scenarios with the bands that 90 % and 50 % of them lie in, below the kept ones, the stronger "
        "the more probable.",
        (lambda view: view.drawn("reduction"), "probabilities", lambda view: table(view.found), _sources), "Scenarios",
    ),
    Recipe("fleets", "Vehicles, run by run", lambda view: fleet_words(view.found), ("fleets",), "Vehicles"),
    Recipe("details", "How it was drawn", "", (_details,), "Details"),
]  # fmt: skip


def _title(shown: Sequence[ScenariosView]) -> str:
    return f"Scenarios of {', '.join(dict.fromkeys(view.found.title for view in shown))}"


def _subtitle(shown: Sequence[ScenariosView]) -> str:
    return words(shown[-1].found)


KIND: ReportKind[ScenariosView] = ReportKind(
    results=(DrawnScenarios,),
    checks=(),
    views=views,
    title=_title,
    subtitle=_subtitle,
    verdict=_verdict,
    cards=_cards,
    terms=SCENARIO_TERMS,
    sections=_SECTIONS,
    figures={
        name: drawn_from(lambda view: view.found, draw)
        for name, draw in {"reduction": reduction, "probabilities": probabilities, "fleets": fleets}.items()
    },
    several="scenario sets",
)
