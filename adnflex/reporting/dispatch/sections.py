"""Sections made of figures: what happens through the day, and why it may be believed."""

from __future__ import annotations

import math

from plotly import graph_objects as go

from adnflex.reporting import page
from adnflex.reporting.dispatch.balance import balance_figure
from adnflex.reporting.dispatch.costs import money
from adnflex.reporting.dispatch.exactness import TIGHT_GAP, exactness_figure, worst_recovery
from adnflex.reporting.dispatch.fans import fan_figure
from adnflex.reporting.dispatch.heat import cone_gap_figure, has_loadings, loading_heat_figure, voltage_heat_figure
from adnflex.reporting.dispatch.inputs import Study
from adnflex.reporting.dispatch.looseness import belief_words, invented_words, loose_table
from adnflex.reporting.dispatch.positions import capacitor_figure, tap_figure
from adnflex.reporting.dispatch.reactive import reactive_figure, reactive_table
from adnflex.reporting.dispatch.snapshot import map_figure, worst_period
from adnflex.reporting.dispatch.storage import storage_figure
from adnflex.reporting.dispatch.summary import recovered_words
from adnflex.reporting.dispatch.tables import deviation_table
from adnflex.reporting.dispatch.vehicles import vehicle_figure
from adnflex.reporting.inputs import has_drawing
from adnflex.reporting.page import Html, Section
from adnflex.reporting.progress import progress_lines
from adnflex.reporting.text import fixed, number, percent, share

__all__ = [
    "balance_section", "exactness_section", "loading_section", "map_section", "positions_section",
    "progress_section", "reactive_section", "scenario_section", "storage_section", "vehicle_section", "voltage_section",
]  # fmt: skip


#: Voltages this near to their limit are at it [pu].
_ROUNDING = 1e-6


def _figure(study: Study, fig: go.Figure, word: str, title: str = "") -> Html:
    return page.figure(fig, study.anchor(word), title)


def _expected(study: Study) -> str:
    several = len(study.plan.scenarios) > 1
    return f" All values are expected ones over {len(study.plan.scenarios)} scenarios." if several else ""


def balance_section(study: Study) -> Section | None:
    """Dispatch by hour."""
    if study.plan.balance.empty:
        return None
    intro = (
        "Above zero what supplies the net, below zero what uses it; both sides are equal in every period. "
        f"Hatched green is generation that was available and not used.{_expected(study)}"
    )
    fig = balance_figure(study.plan, study.check)
    return Section("balance", "Dispatch by hour", intro, [_figure(study, fig, "balance-bars")], "Dispatch")


def positions_section(study: Study) -> Section | None:
    """Taps and steps."""
    plan = study.plan
    blocks = []
    if len(plan.taps.columns):
        blocks.append(_figure(study, tap_figure(plan), "tap-steps"))
    if len(plan.capacitor_steps.columns):
        blocks.append(_figure(study, capacitor_figure(plan), "capacitor-steps"))
    if not blocks:
        return None
    intro = (
        "Dashed lines are the lowest and highest position; the open dot is the position before the horizon, and "
        "a change from it counts as a move."
    )
    return Section("positions", "Tap positions and capacitor steps", intro, blocks, "Taps, steps")


def reactive_section(study: Study) -> Section | None:
    """Reactive power of the devices; nothing where there is none."""
    if not len(reactive_table(study.plan).columns):
        return None
    intro = f"What generators, reactive sources and storages feed in; drawing is negative.{_expected(study)}"
    fig = reactive_figure(study.plan, study.check)
    return Section("reactive", "Reactive power", intro, [_figure(study, fig, "reactive-bars")], "Reactive")


def storage_section(study: Study) -> Section | None:
    """Storage."""
    if study.plan.storage.empty or not len(study.plan.storage.columns):
        return None
    intro = f"Energy at the end of each period, and power: discharge supplies the net.{_expected(study)}"
    fig = storage_figure(study.plan, study.check)
    return Section("storage", "Storage", intro, [_figure(study, fig, "storage-lines")], "Storage")


def vehicle_section(study: Study) -> Section | None:
    """Electric vehicles."""
    plan = study.plan
    if plan.ev.empty or not len(plan.ev.columns):
        return None
    intro = (
        "Dashed grey is the load left alone, blue the load as dispatched. Grey hatching is where the transferable "
        f"block stood, orange where it stands now; crosses mark what was reduced.{_expected(study)}"
    )
    fig = vehicle_figure(plan, study.check)
    blocks = [_figure(study, fig, "vehicle-lines")]
    return Section("vehicles", "Electric vehicles before and after", intro, blocks, "Vehicles")


def voltage_section(study: Study) -> Section | None:
    """Voltage heat map."""
    plan, check = study.plan, study.check
    if plan.vm_pu.empty:
        return None
    order = "along the feeders, the supply on top" if has_drawing(plan) else "by index"
    source = "AC power flow" if check is not None else "the model, not validated"
    several = " Each cell shows the scenario that is nearest to a limit." if len(plan.scenarios) > 1 else ""
    intro = (
        f"Voltage of every bus ({order}) by {source}: blue towards the lower limit, orange towards the upper one. "
        f"A violated limit is dark, with a white cross.{several}"
    )
    fig = voltage_heat_figure(plan, check)
    return Section("voltage", "Voltage by bus and hour", intro, [_figure(study, fig, "voltage-heat")], "Voltage")


def loading_section(study: Study) -> Section | None:
    """Draw the loading heat map; nothing where there are no ratings."""
    if not has_loadings(study.plan, study.check):
        return None
    count = len((study.plan if study.check is None else study.check).loading_percent.columns)
    fig = loading_heat_figure(study.plan, study.check)
    shown = len(fig.data[0].y)
    which = f"the {shown} fullest of {count} branches" if count > shown else f"all {count} branches"
    intro = f"Loading of {which}, the fullest on top; an overload is dark, with a white cross."
    blocks = [_figure(study, fig, "loading-heat")]
    return Section("loading", "Loading of lines and transformers", intro, blocks, "Loading")


def scenario_section(study: Study) -> Section | None:
    """Scenario fans, and what the scenarios are worth; nothing where there is one."""
    plan = study.plan
    if len(plan.scenarios) < 2:
        return None
    intro = (
        f"{len(plan.scenarios)} scenarios share taps, steps, slots and modes; each line is one of them, the stronger "
        "the more probable."
    )
    blocks = [_figure(study, fan_figure(plan, study.check), "scenario-fans"), *_values(study)]
    total = plan.scenario_costs.sum(axis=1).astype(float)
    rows = [
        [str(s), percent(100 * float(p)), money(float(total.get(s, float("nan"))), plan.currency)]
        for s, p in plan.scenarios["probability"].items()
    ]
    columns = ["scenario", "probability", "cost of the model"]
    table = page.table(columns, rows, columns[1:])
    blocks.append(page.details(f"Cost of the {len(rows)} scenarios", table))
    return Section("scenarios", "Scenarios", intro, blocks, "Scenarios")


def _room(margin: float) -> str:
    """Say how near a voltage is to its limit; what is within rounding is at it."""
    if abs(margin) <= _ROUNDING:
        return "it is at it"
    return f"{fixed(abs(margin), 4, 'pu')} {'inside' if margin > 0 else 'BEYOND'} it"


def _values(study: Study) -> list[Html]:
    """Tell what planning with scenarios is worth, and what knowing the future would be."""
    plan = study.plan
    values = [
        ("planned with the mean, met by the scenarios", plan.expected_value_cost),
        ("planned with all scenarios", plan.objective),
        ("each scenario known in advance (wait and see)", plan.wait_and_see),
        ("value of the stochastic solution (VSS)", plan.value_of_stochastic_solution),
        ("expected value of perfect information (EVPI)", plan.value_of_perfect_information),
    ]
    known = [[label, money(v, plan.currency, plan.objective)] for label, v in values if v is not None]
    if len(known) < 2:
        return []
    return [Html("<h3>What the scenarios are worth</h3>"), page.table(["expected cost", "value"], known, ["value"])]


def exactness_section(study: Study) -> Section | None:
    """How far the model is from physics, hour by hour."""
    plan = study.plan
    blocks: list[Html] = []
    if len(plan.recovery):
        blocks += [page.paragraph(_words(study)), _figure(study, exactness_figure(plan), "exactness-bars")]
    loose = plan.cone_gap.max().max() if plan.cone_gap.size else 0.0
    if loose > TIGHT_GAP:
        title = "Where the plain relaxation is loose"
        blocks.append(_figure(study, cone_gap_figure(plan), "gap-heat", title))
    blocks += loose_table(study)
    blocks += deviation_table(study)
    if not blocks:
        return None
    intro = (
        "The optimiser works with a model that may let a branch carry more current than physics asks for (a "
        "relaxation). Where that happened, the values shown were recovered by the method named; the bound stays that "
        "of the relaxation. Independently of that, every number is compared with AC power flow."
    )
    return Section("exactness", "How exact is the model", intro, blocks, "Exactness")


def _words(study: Study) -> str:
    """Judge the relaxation, and name the hours that were recovered."""
    table = worst_recovery(study.plan)
    gap = float(table["gap"].max())
    hours = recovered_words(study)
    judgement = f"recovered: {hours}" if hours else _unrecovered(gap)
    first = f"Largest cone gap {number(gap, digits=2)}, {invented_words(study)}; {judgement}."
    return " ".join(filter(None, [first, belief_words(study)]))


def _unrecovered(gap: float) -> str:
    """Say why nothing had to be recovered."""
    if gap <= TIGHT_GAP:
        return "the relaxation is exact in every period, nothing had to be recovered"
    return "that is without weight, as hardly any current is concerned, so nothing had to be recovered"


def progress_section(study: Study) -> Section | None:
    """Bounds against time; nothing where the solver reported none."""
    if study.plan.progress.empty:
        return None
    intro = (
        "The best schedule known can only get better and the proven bound can only rise; the true optimum lies "
        f"between them. Gap in the end: {share(max(study.plan.gap, 0.0))}."
    )
    fig = progress_lines(study.plan.progress, "cost", study.plan.currency)
    return Section("progress", "How the answer was found", intro, [_figure(study, fig, "progress-lines")], "Progress")


def map_section(study: Study) -> Section | None:
    """Map of the network in its worst hour; nothing where the plan carries no map."""
    if not has_drawing(study.plan):
        return None
    period, scenario, margin = worst_period(study.plan, study.check)
    fig = map_figure(study.plan, study.check, period, scenario)
    of = f", scenario {scenario}" if len(study.plan.scenarios) > 1 else ""
    room = f" ({_room(margin)})" if math.isfinite(margin) else ""
    intro = (
        f"{study.clock.text(period)}{of}, when a voltage is nearest to its limit{room}. Point at a bus or at the "
        "middle of a branch for its numbers."
    )
    return Section("network", "The network in its worst hour", intro, [_figure(study, fig, "network-map")], "Network")
