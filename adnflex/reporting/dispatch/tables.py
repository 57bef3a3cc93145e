"""Sections made of tables: costs, limits, violations, deviations, and how the dispatch was computed."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pandas as pd

from adnflex.reporting import page, parts, places
from adnflex.reporting.dispatch.clock import Clock
from adnflex.reporting.dispatch.costs import cost_figure, energy, mass, money, relative
from adnflex.reporting.dispatch.inputs import Study, place
from adnflex.reporting.dispatch.summary import distance, spread_percent
from adnflex.reporting.evidence import MODEL_WORDS, TERMS
from adnflex.reporting.page import Html, Section
from adnflex.reporting.text import branch_label, dash, fixed, number, percent, share
from adnflex.results.status import status_words
from adnflex.results.switches import open_branches

__all__ = [
    "comparison_tables", "cost_section", "details_section", "deviation_table", "limits_section", "published_table",
    "switching_section", "terms_section", "violations_section",
]  # fmt: skip

_FIRST_VIOLATIONS, _MOST_VIOLATIONS = 12, 200
_OWN_TERMS = {
    "Period": "One step of the horizon, e.g. an hour; it is named by the clock time from which to which it lasts.",
    "Must-take": "Generation that cannot be controlled and has to be taken.",
    "Curtailed": "Generation that was available and was not used.",
    "Transferable block": "Part of the vehicles' load that may be moved to other hours as a whole.",
    "Recovered": "The plain relaxation was not exact in this period; the values shown come from the method named.",
    "Scenario": "One possible course of the day, with its probability; “expected” means weighed by these.",
    "VSS": "Value of the stochastic solution: what planning with all scenarios saves against planning with the mean.",
    "EVPI": "Expected value of perfect information: what knowing the scenario in advance would save at most.",
}
_NOT_HERE = {"Radial", "Tie"}
_WORDS = {
    "cost": "cost", "carbon_kg": "carbon [kg CO₂]", "imported_mwh": "imported [MWh]", "exported_mwh": "exported [MWh]",
    "curtailed_mwh": "curtailed [MWh]", "losses_mwh": "losses [MWh]",
    "cost_change_percent": "cost against the first study [%]",
    "carbon_change_percent": "carbon against the first study [%]",
    "voltage_spread_percent": "highest minus lowest voltage [% of nominal]",
}  # fmt: skip


def cost_section(found: list[Study]) -> Section:
    """Costs and emissions: the figure, and a table with every item and the total."""
    fig = cost_figure([s.plan for s in found], [s.check for s in found])
    blocks = [page.figure(fig, "cost-stack", "")]
    blocks += [_one_study(found[0])] if len(found) == 1 else comparison_tables(found)
    blocks += published_table(found)
    model = [s.name for s in found if s.costs_are_model]
    source = "by AC power flow" if not model else "of the model, not validated"
    if model and len(model) < len(found):
        source = f"by AC power flow, except {', '.join(model)} (of the model)"
    intro = f"Costs are {source}; income is negative."
    return Section("costs", "Cost and carbon", intro, blocks, "Costs")


def _one_study(study: Study) -> Html:
    """Items of one study, beside what the model has."""
    plan, costs = study.plan, study.costs
    total, unit = float(costs.sum()), plan.currency
    model = plan.costs["cost"].astype(float).reindex(costs.index)
    both = not study.costs_are_model
    rows = [
        [str(item), money(cost, unit, total), percent(100 * cost / total) if total > 0 else dash,
         *([money(model[item], unit, total)] if both else [])]
        for item, cost in costs.items()
    ]  # fmt: skip
    rows.append(
        [
            "total",
            money(total, unit, total),
            percent(100.0) if total > 0 else dash,
            *([money(plan.objective, unit)] if both else []),
        ]
    )
    columns = ["item", "cost", "share", *(["in the model"] if both else [])]
    carbon = [
        ["carbon of the import", mass(plan.carbon_kg)],
        *([str(k), energy(float(v))] for k, v in plan.energy["mwh"].items()),
    ]
    return page.side_by_side(
        page.table(columns, rows, columns[1:], total=True), page.table(["of the horizon", ""], carbon, [""])
    )


def comparison_tables(found: list[Study]) -> list[Html]:
    """Every cost item, the total, and the other key figures of several studies, with changes against the first."""
    unit = found[0].plan.currency
    items = list(dict.fromkeys(i for s in found for i in s.costs.index))
    scale = max(abs(s.cost) for s in found)
    rows = [[i, *(money(float(s.costs.get(i, 0.0)), unit, scale) for s in found)] for i in items]
    rows.append(["total", *(money(s.cost, unit, scale) for s in found)])
    names = [s.name for s in found]
    costs = page.table(["cost", *names], rows, names, total=True)
    first = found[0]
    facts = [
        ["cost against the first", *(relative(s.cost, first.cost) if s is not first else dash for s in found)],
        ["carbon", *(mass(s.plan.carbon_kg) for s in found)],
        ["carbon against the first",
         *(relative(s.plan.carbon_kg, first.plan.carbon_kg) if s is not first else dash for s in found)],
        *([what, *(energy(s.mwh(what)) for s in found)] for what in ("imported", "exported", "losses", "curtailed")),
        ["highest minus lowest voltage", *(fixed(spread_percent(s), 2, "%") for s in found)],
        ["AC check", *(_passed(s) for s in found)],
        ["certificate", *(_certificate(s) for s in found)],
        ["gap of the model", *(share(max(s.plan.gap, 0.0)) for s in found)],
        ["solver time", *(number(s.plan.seconds, "s", 3) for s in found)],
    ]  # fmt: skip
    return [costs, page.table(["", *names], facts, names)]


def _passed(study: Study) -> Html:
    if study.check is None:
        return page.badge("not validated", "open")
    return page.badge("passed", "good") if study.check.passed else page.badge("FAILED", "bad")


def _certificate(study: Study) -> str:
    check = study.check
    if check is None or not check.passed or check.certificate is None:
        return dash
    return distance(check.certificate, "≤")


def published_table(found: list[Study]) -> list[Html]:
    """Show our figures beside published ones, where ``options["published"]`` of a plan gives some."""
    rows = []
    sources = []
    for study in found:
        for key, value in _published(study).items():
            if key == "source":
                sources.append(str(value))
                continue
            ours = _ours(study, found[0], str(key))
            rows.append([study.name, _WORDS.get(str(key), str(key)), _figure(ours), _figure(value)])
    if not rows:
        return []
    table = page.table(["study", "quantity", "ours", "published"], rows, ["ours", "published"])
    note = [page.paragraph(f"Published: {'; '.join(dict.fromkeys(sources))}.", "small")] if sources else []
    return [Html("<h3>Beside published figures</h3>"), table, *note]


def _published(study: Study) -> Mapping[str, object]:
    """Find the published figures of a study: a mapping of quantities, or one of studies each with such a mapping."""
    found = study.plan.options.get("published")
    if not isinstance(found, Mapping):
        return {}
    if not any(isinstance(v, Mapping) for v in found.values()):
        return found
    told = str(study.plan.options.get("study", ""))
    of_study = found.get(told, found.get(study.name, {}))
    return of_study if isinstance(of_study, Mapping) else {}


def _ours(study: Study, first: Study, key: str) -> float:
    """Our value of a published quantity; NaN where we have none of that name."""
    if key.endswith("_change_percent"):
        both = (study.cost, first.cost) if key.startswith("cost") else (study.plan.carbon_kg, first.plan.carbon_kg)
        ours, theirs = both
        return 100 * (ours - theirs) / abs(theirs) if theirs else math.nan
    if key in {"cost", "carbon_kg"}:
        return study.cost if key == "cost" else study.plan.carbon_kg
    if key == "voltage_spread_percent":
        return spread_percent(study)
    return study.mwh(key.removesuffix("_mwh")) if key.endswith("_mwh") else math.nan


def _figure(value: object) -> str:
    return number(float(value), digits=4) if isinstance(value, int | float) else places.text(value)


def violations_section(study: Study) -> Section | None:
    """Violated limits with place and hour, worst first; nothing where there are none."""
    check = study.check
    if check is None or check.violations.empty:
        return None
    plan, table = study.plan, check.violations
    order = (table["excess"] / table["limit"].abs().clip(lower=1e-9)).abs().sort_values(ascending=False).index
    several = len(plan.scenarios) > 1
    clock = Clock.of(plan)
    rows = [
        [row.kind, place(plan, row.element, row.place), _when(clock, row.period, row.scenario if several else None),
         *places.values(row.unit, row.value, row.limit, row.excess)]
        for row in table.loc[order[:_MOST_VIOLATIONS]].rename(columns={"index": "place"}).itertuples(index=False)
    ]  # fmt: skip
    columns = ["limit", "place", "when", "value", "allowed", "beyond it"]
    blocks = [page.table(columns, rows[:_FIRST_VIOLATIONS], columns[3:])]
    if len(rows) > _FIRST_VIOLATIONS:
        rest = page.table(columns, rows[_FIRST_VIOLATIONS:], columns[3:])
        listed = f"the worst {len(rows)} of {len(table)}" if len(table) > len(rows) else f"all {len(rows)}"
        blocks.append(page.details(f"The following violations ({listed} are listed)", rest))
    count = f"{len(table)} limits are" if len(table) > 1 else "One limit is"
    hours = clock.spans({int(p) for p in table["period"].dropna() if p in plan.periods})
    when = f", in {hours}" if hours else ""
    intro = f"{count} violated in AC power flow{when}; the worst comes first."
    return Section("violations", "Violated limits", intro, blocks, "Violations")


def _when(clock: Clock, period: float, scenario: float | None = None) -> str:
    """Hour of a finding, and its scenario where there are several; a dash for the whole horizon."""
    if period is None or period != period:
        return "whole horizon"
    told = clock.text(period)
    return told if scenario is None or scenario != scenario else f"{told}, scenario {scenario:g}"


def switching_section(study: Study) -> Section | None:
    """List what is switched and when; nothing where the topology stays."""
    states = study.plan.switches
    if not {"element", "index", "name", "closed_before", "closed_after", "first_period"} <= set(states.columns):
        return None
    ordered = states.sort_values("first_period", kind="stable")
    # Each block says how it stands against the net as given; what is done is what differs from the block before.
    earlier = ordered.groupby(["element", "index"], sort=False)["closed_after"].shift()
    was = earlier.where(earlier.notna(), ordered["closed_before"]).astype(bool)
    moved = ordered[was != ordered["closed_after"].astype(bool)]
    opened = _open_words(study, ordered)
    if moved.empty:
        text = "Nothing: the switch states stay as they are in the net."
        return Section("switching", "What to switch", text, [opened], "Switching")
    rows = [
        [study.clock.begin(row.first_period), _action(bool(row.closed_after)),
         branch_label(row.element, row.place, row.name), places.text(getattr(row, "how", ""))]
        for row in moved.rename(columns={"index": "place"}).itertuples(index=False)
    ]  # fmt: skip
    intro = "Switch states that change at the beginning of a block of hours; all others stay as they are in the net."
    table = page.table(["from", "do", "branch", "in pandapower"], rows)
    return Section("switching", "What to switch", intro, [table, opened], "Switching")


def _open_words(study: Study, ordered: pd.DataFrame) -> Html:
    """Name the open branches of every block of hours, and which of them are locked."""
    told = {first: ", ".join(open_branches(rows)) or "none" for first, rows in ordered.groupby("first_period")}
    if len(set(told.values())) == 1:
        return page.paragraph(f"Open: {next(iter(told.values()))}.")
    blocks = "; ".join(f"from {study.clock.begin(first)} {names}" for first, names in told.items())
    return page.paragraph(f"Open: {blocks}.")


def _action(close: bool) -> Html:
    return page.badge("close", "close") if close else page.badge("open", "open")


def limits_section(study: Study) -> Section:
    """Every kind of limit with its worst place, hour and margin."""
    plan, check = study.plan, study.check
    if check is None:
        return Section("limits", "Limits", "No limit has been checked: the schedule is not validated.", [])
    clock = Clock.of(plan)
    several = len(plan.scenarios) > 1
    violated = set(check.violations["kind"]) if "kind" in check.violations else set()
    rows = [
        [row.kind, page.badge("violated", "bad") if row.kind in violated else page.badge("met", "good"),
         place(plan, row.element, row.place), _when(clock, row.period, row.scenario if several else None),
         *_values(row.unit, row.value, row.limit, row.margin), fixed(row.checked, 0)]
        for row in check.limits.rename(columns={"index": "place"}).itertuples(index=False)
    ]  # fmt: skip
    failed = check.periods.index[~check.periods["converged"].astype(bool)]
    cases = f"{len(check.periods)} case{'s' if len(check.periods) > 1 else ''}"
    good = f"✓ AC power flow converges in {'all ' if len(check.periods) > 1 else ''}{cases}"
    hours = clock.spans({int(p) for _, p in failed})
    bad = f"✗ AC power flow does not converge in {hours}"
    badge = page.badge(bad, "bad") if len(failed) else page.badge(good, "good")
    columns = ["limit", "", "worst place", "when", "value", "allowed", "margin", "checked"]
    intro = "Checked in AC power flow, period by period, with the schedule's set-points; margin is what is left."
    bar = Html(f'<div class="bar">{badge}</div>')
    return Section("limits", "Limits", intro, [bar, page.table(columns, rows, columns[4:])])


def _values(unit: str, *values: float) -> list[str]:
    """Values with their unit; powers below a watt are what solvers leave of zero."""
    noise = 1e-6 if unit in {"MW", "Mvar", "MWh"} else 0.0
    return places.values(unit, *(0.0 if abs(v) < noise else v for v in values))


def deviation_table(study: Study) -> list[Html]:
    """Model against AC power flow."""
    plan, check = study.plan, study.check
    if check is None or check.deviations.empty:
        return []
    clock, several = Clock.of(plan), len(plan.scenarios) > 1
    rows = [
        [row.model, row.quantity, number(row.max_abs, row.unit, 2),
         "whole net" if row.element == "net" else place(plan, row.element, row.place),
         _when(clock, row.period, row.scenario if several else None)]
        for row in check.deviations.rename(columns={"index": "place"}).itertuples(index=False)
    ]  # fmt: skip
    columns = ["model", "quantity", "largest difference", "at", "when"]
    table = page.table(columns, rows, columns[2:3])
    return [Html("<h3>Model against AC power flow</h3>"), page.paragraph(MODEL_WORDS), table]


def details_section(study: Study) -> Section:
    """Everything needed to repeat the run."""
    plan = study.plan
    limits = "those in the net" if plan.vm_limits is None else f"{plan.vm_limits[0]:g} to {plan.vm_limits[1]:g} pu"
    clock = Clock.of(plan)
    begin, end = clock.begin(plan.periods[0]), clock.text(plan.periods[-1]).rpartition("–")[2]
    facts = [
        ["net", plan.net_name or dash],
        ["fingerprint", plan.fingerprint or dash],
        ["horizon", f"{len(plan.periods)} periods of {plan.hours_per_period:g} h, from {begin} to {end}"],
        ["scenarios", str(len(plan.scenarios))],
        ["cost of the model, bound", f"{money(plan.objective, plan.currency)}, {money(plan.bound, plan.currency)}"],
        ["voltage limits", limits],
        ["solver", plan.solver],
        ["status", f"{plan.status}: {status_words(plan.status)}"],
        ["time", number(plan.seconds, "s", 3)],
    ]
    options = {k: v for k, v in plan.options.items() if k != "published"}
    blocks = parts.run_tables(facts, options, plan.versions)
    return Section("details", "How it was computed", "", [*blocks[:1], *_devices(study), *blocks[1:]], "Details")


def _devices(study: Study) -> list[Html]:
    """List the devices that were dispatched."""
    plan = study.plan
    if plan.devices.empty:
        return []
    columns = ["kind", "table", "index", "bus", "moves", "max_moves", "initial", "low", "high"]
    table = plan.devices.reindex(columns=columns)
    rows = [
        [str(row.kind), place(plan, row.table, row.number) if row.table != "trafo" else f"transformer {row.number}",
         place(plan, "bus", row.bus), *(_plain(v) for v in (row.moves, row.max_moves, row.initial, row.low, row.high))]
        for row in table.rename(columns={"index": "number"}).itertuples(index=False)
    ]  # fmt: skip
    head = ["kind", "device", "bus", "moves", "moves allowed", "before", "lowest", "highest"]
    return [page.details(f"The {len(rows)} devices that were dispatched", page.table(head, rows, head[3:]))]


def _plain(value: float) -> str:
    return dash if pd.isna(value) else f"{value:g}".replace("-", "−")


def terms_section() -> Section:
    """Technical terms, one line each."""
    common = {k: v for k, v in TERMS.items() if k not in _NOT_HERE}
    return parts.terms_section(_OWN_TERMS | common)
