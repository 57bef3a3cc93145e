"""The report of a dispatch, or of several studies side by side: what it costs, what every device does, the proof."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd
from plotly import graph_objects as go

from adnflex.reporting import page, recipes
from adnflex.reporting.canvas.colouring import COLOURS
from adnflex.reporting.dispatch import costs, day, looseness, power, readings, states, switching, uncertainty, words
from adnflex.reporting.dispatch.view import DispatchView, views
from adnflex.reporting.findings import TERMS, checks_bar, details, has_ratings, horizon, limits, progress, violations
from adnflex.reporting.page import Html
from adnflex.reporting.text import dash, fixed, money, share
from adnflex.reporting.views import Recipe, ReportKind, Sections, drawn_from
from adnflex.results import DispatchCheck, DispatchPlan

__all__ = ["KIND"]

#: Voltages this near to their limit are at it [pu].
_ROUNDING = 1e-6

_TERMS = {
    "Period": "One step of the horizon, e.g. an hour; it is named by the clock time from which to which it lasts.",
    "Must-take": "Generation that cannot be controlled and has to be taken.",
    "Curtailed": "Generation that was available and was not used.",
    "Transferable block": "Part of the vehicles' load that may be moved to other hours as a whole.",
    "Recovered": "The plain relaxation was not exact in this period; the values shown come from the method named.",
    "Scenario": "One possible course of the day, with its probability; “expected” means weighed by these.",
    "VSS": "Value of the stochastic solution: what planning with all scenarios saves against planning with the mean.",
    "EVPI": "Expected value of perfect information: what knowing the scenario in advance would save at most.",
} | {k: v for k, v in TERMS.items() if k not in {"Radial", "Tie"}}


def _averaged(text: str) -> Callable[[DispatchView], str]:
    """Text, and whether values are expected ones."""
    return lambda view: text + view.averaged


def _violated(view: DispatchView) -> str:
    assert view.check is not None
    hours = view.clock.spans(int(p) for p in view.check.violations["period"].dropna())
    return f", in {hours}" if hours else ""


def _voltage_words(view: DispatchView) -> str:
    order = "along the feeders, the supply on top" if len(view.plan.topology) else "by index"
    source = "AC power flow" if view.check is not None else "the model, not validated"
    several = " Each cell shows the scenario that is nearest to a limit." if view.several else ""
    return (
        f"Voltage of every bus ({order}) by {source}: blue towards the lower limit, orange towards the upper one. "
        f"A violated limit is dark, with a white cross.{several}"
    )


def _loading_words(view: DispatchView) -> str:
    count, most = len(view.loading_percent.columns), recipes.MOST_BRANCHES
    which = f"the {most} fullest of {count} branches" if count > most else f"all {count} branches"
    return f"Loading of {which}, the fullest on top; an overload is dark, with a white cross."


def _converged(view: DispatchView) -> Html:
    assert view.check is not None
    periods = view.check.periods
    lost = periods.index[~periods["converged"].astype(bool)]
    which = f"all {len(periods)} cases" if len(periods) > 1 else "1 case"
    fails = f"AC power flow does not converge in {view.clock.spans(int(p) for _, p in lost)}"
    return checks_bar((not len(lost), f"AC power flow converges in {which}", fails))


def _map_words(view: DispatchView) -> str:
    period, scenario, margin = states.worst_period(view)
    of = f", scenario {scenario}" if view.several else ""
    room = f"{fixed(abs(margin), 4, 'pu')} {'inside' if margin > 0 else 'BEYOND'} it"
    room = "it is at it" if abs(margin) <= _ROUNDING else room
    near = f" ({room})" if math.isfinite(margin) else ""
    return (
        f"{view.clock.text(period)}{of}, when a voltage is nearest to its limit{near}. Point at a bus or at the "
        "middle of a branch for its numbers."
    )


def _map_choice(view: DispatchView) -> list[Html]:
    rated = has_ratings(view.loading_percent)
    choices = [c for c in COLOURS if c != "loading" or rated]
    return [page.bar(page.toggle(f"network{view.suffix}", choices, "Colour by"))]


def _facts(view: DispatchView) -> dict[str, str]:
    plan, what = view.plan, "emission" if view.least_carbon else "cost"
    return {
        "horizon": horizon(view),
        "scenarios": str(len(plan.scenarios)),
        f"{what} of the model, bound": f"{money(plan.objective, view.unit)}, {money(plan.bound, view.unit)}",
    }


def _devices(view: DispatchView) -> list[Html]:
    """List the devices that were dispatched."""
    if view.plan.devices.empty:
        return []

    def number(column: str) -> Callable[[Any], str]:
        return lambda row: dash if pd.isna(row[column]) else f"{row[column]:g}".replace("-", "−")

    heads = {"moves": "moves", "max_moves": "moves allowed", "initial": "before", "low": "lowest", "high": "highest"}
    columns: dict[str, Callable[[Any], str]] = {
        "kind": lambda row: str(row["kind"]),
        "device": lambda row: view.labels.of(row["table"], row["index"]),
        "bus": lambda row: view.labels.of("bus", row["bus"]),
        **{f">{head}": number(column) for column, head in heads.items()},
    }
    table = view.plan.devices.reindex(columns=["kind", "table", "index", "bus", *heads])
    rows = [row for _, row in table.iterrows()]
    return [page.details(f"The {len(rows)} devices that were dispatched", *page.listing(rows, columns))]


def _several(views: Sequence[DispatchView]) -> bool:
    return len(views) > 1


def _front(views: Sequence[DispatchView]) -> Html:
    return page.figure(costs.front(views), f"front-figure{views[0].suffix}")


def _comparison(views: Sequence[DispatchView]) -> Html:
    return page.figure(day.comparison(views), f"comparison-figure{views[0].suffix}")


def _reactive_words(view: DispatchView) -> str:
    """Say what the figure shows, and that nothing else moves where it is the import alone."""
    idle = (
        " No device that was dispatched moves any reactive power." if len(day.reactive_table(view).columns) < 2 else ""
    )
    return (
        "What comes from the grid, and what generators, reactive sources, capacitor banks, storages and soft open "
        f"points feed in; drawing is negative.{idle}{view.averaged}"
    )


def _of_studies(draw: Callable[[Sequence[DispatchView]], go.Figure], name: str) -> Callable[..., Html]:
    """Make a block of a figure of all studies."""
    return lambda views: page.figure(draw(views), f"studies-{name}-figure{views[0].suffix}")


_CURRENT_OF = {True: ", by AC power flow", False: ", by the model, not validated"}

_SECTIONS: Sections = [
    violations(_violated),
    Recipe("switching", "What to switch", switching.introduction, (switching.tables,), "Switching", switching.decided),
    Recipe("costs", "Cost and carbon", costs.source_words, (costs.cost_blocks,), "Costs", of_all=True),
    Recipe(
        "comparison", "The studies by hour",
        "What each study takes from the grid, and the lowest and highest voltage of any bus; dashed red are limits.",
        (_comparison,), "By hour", _several, of_all=True,
    ),
    Recipe(
        "front", "Cost against carbon",
        "What each study costs and emits; orange strokes are proven: nothing within the limits of that study costs "
        "less.",
        (_front,), "Cost and carbon", _several, of_all=True,
    ),
    Recipe(
        "voltages", "Voltages of the studies",
        "Between which voltages each bus moves over the day, and how far the buses are apart in each period. Which of "
        "these a published “peak-valley difference” is of is often not said; the table of costs has every reading.",
        (_of_studies(power.bus_voltages, "buses"), _of_studies(power.study_voltages, "spread")), "Voltages", _several,
        of_all=True,
    ),
    Recipe(
        "study-currents", "Currents of the studies", readings.currents_words,
        (_of_studies(power.study_currents, "currents"),), "Currents", _several, of_all=True,
    ),
    Recipe(
        "balance", "Dispatch by hour",
        _averaged("Above zero what supplies the net, below zero what uses it; both sides are equal in every period. "
                  "Hatched green is generation that was available and not used."),
        ("balance",), "Dispatch", lambda view: len(view.plan.balance),
    ),
    Recipe(
        "positions", "Tap positions and capacitor steps",
        "Dashed lines are the lowest and highest position; the open dot is the position before the horizon, and a "
        "change from it counts as a move.",
        (lambda view: view.drawn("taps", "capacitors"),), "Taps, steps",
    ),
    Recipe(
        "sources", "Voltages of sources",
        _averaged("What each source is told to hold, where that is a decision; dashed are its limits, the open dot is "
                  "the voltage before the horizon."),
        ("sources",),
    ),
    Recipe(
        "converters", "Soft open points",
        _averaged("What soft open points draw at their first bus and give at their second; the other way round where "
                  "it is negative. Their losses count as losses of the network."),
        ("converters",),
    ),
    Recipe(
        "reactive", "Reactive power",
        _reactive_words,
        ("reactive",), "Reactive",
    ),
    Recipe(
        "storage", "Storage",
        _averaged("Energy at the end of each period, dashed its limits; and power, charging positive."), ("storage",),
    ),
    Recipe(
        "vehicles", "Electric vehicles before and after",
        _averaged("Dashed grey is the load left alone, blue the load as dispatched. Grey hatching is where the "
                  "transferable block stood, orange where it stands now; crosses mark what was reduced."),
        ("vehicles",), "Vehicles",
    ),
    Recipe("voltage", "Voltage by bus and hour", _voltage_words, ("voltage",), "Voltage"),
    Recipe("loading", "Loading of lines and transformers", _loading_words, ("loading",), "Loading"),
    Recipe(
        "currents", "Currents of lines and transformers",
        lambda view: f"Current of every branch that carries any{_CURRENT_OF[view.check is not None]}; of a line at the "
        "end where it is larger, of a transformer on its upper side.",
        ("currents",), "Branch currents",
    ),
    Recipe(
        "loads", "Load by bus and hour",
        _averaged("What loads, vehicles included, draw at each bus at nominal voltage, along the feeders: active power "
                  "first, then reactive power."),
        ("loads", "reactive_loads"), "Loads",
    ),
    Recipe(
        "scenarios", "Scenarios",
        lambda view: f"{len(view.plan.scenarios)} scenarios share taps, steps, slots and modes; each line is one of "
        "them, the stronger the more probable.",
        ("fan", costs.scenario_values, costs.scenario_costs),
    ),
    *uncertainty.SECTIONS,
    Recipe(
        "exactness", "How exact is the model",
        "The optimiser works with a model that may let a branch carry more current than physics asks for (a "
        "relaxation). Where that happened, the values shown were recovered by the method named; the bound stays that "
        "of the relaxation. Independently of that, every number is compared with AC power flow.",
        (looseness.blocks,), "Exactness", looseness.known,
    ),
    limits(
        "schedule",
        lambda view: "Checked in AC power flow, period by period, with the schedule's set-points; margin is what is "
        "left.",
        _converged,
    ),
    progress("schedule", lambda view: f"Gap in the end: {share(max(view.plan.gap, 0.0))}."),
    Recipe(
        "network", "The network in its worst hour", _map_words, (_map_choice, ("network", "", "network")), "Network",
        lambda view: len(view.plan.topology),
    ),
    details(_facts, _devices),
]  # fmt: skip


def _progress(view: DispatchView) -> go.Figure:
    """Best plan and proven bound against time, in the unit of the objective, and the gap between them [%]."""
    return recipes.solver_progress(view.plan, "emission" if view.least_carbon else "cost", view.unit)


KIND: ReportKind[DispatchView] = ReportKind(
    results=(DispatchPlan,),
    checks=(DispatchCheck,),
    views=views,
    title=words.title,
    subtitle=words.subtitle,
    verdict=words.verdict,
    cards=words.key_cards,
    terms=_TERMS,
    sections=_SECTIONS,
    figures={
        "balance": day.balance,
        "capacitors": day.capacitors,
        "converters": day.converters,
        "currents": power.branch_currents,
        "costs": costs.costs,
        "exactness": states.exactness,
        "fan": day.fan,
        **uncertainty.FIGURES,
        "front": drawn_from(lambda views: [views] if isinstance(views, DispatchView) else views, costs.front),
        "gaps": states.gaps,
        "loading": states.loading,
        "loads": power.loads,
        "reactive_loads": power.reactive_loads,
        "network": states.network,
        "progress": _progress,
        "reactive": day.reactive,
        "sources": day.sources,
        "storage": day.storage,
        "taps": day.taps,
        "vehicles": day.vehicles,
        "voltage": states.voltage,
    },
    several="studies",
)
