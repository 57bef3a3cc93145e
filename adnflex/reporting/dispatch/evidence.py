"""Why the schedule may be believed: what is switched, limits, progress, how it was computed."""

from __future__ import annotations

import pandas as pd
from plotly import graph_objects as go

from adnflex.grid.switch_tables import open_branches
from adnflex.reporting import findings, page, recipes, style
from adnflex.reporting.dispatch.view import DispatchView
from adnflex.reporting.page import Html, Section
from adnflex.reporting.text import branch_label, cell, dash, money, number, share
from adnflex.results.status import status_words

__all__ = [
    "TERMS", "details_section", "limits_section", "progress", "progress_section", "switching_section",
    "violations_section",
]  # fmt: skip

TERMS = {
    "Period": "One step of the horizon, e.g. an hour; it is named by the clock time from which to which it lasts.",
    "Must-take": "Generation that cannot be controlled and has to be taken.",
    "Curtailed": "Generation that was available and was not used.",
    "Transferable block": "Part of the vehicles' load that may be moved to other hours as a whole.",
    "Recovered": "The plain relaxation was not exact in this period; the values shown come from the method named.",
    "Scenario": "One possible course of the day, with its probability; “expected” means weighed by these.",
    "VSS": "Value of the stochastic solution: what planning with all scenarios saves against planning with the mean.",
    "EVPI": "Expected value of perfect information: what knowing the scenario in advance would save at most.",
} | {k: v for k, v in findings.TERMS.items() if k not in {"Radial", "Tie"}}


def violations_section(view: DispatchView) -> Section | None:
    """Violated limits with place and hour, worst first; nothing where there are none."""
    if view.check is None or view.check.violations.empty:
        return None
    table = view.check.violations
    count = f"{len(table)} limits are" if len(table) > 1 else "One limit is"
    hours = view.clock.spans(int(p) for p in table["period"].dropna())
    when = f", in {hours}" if hours else ""
    intro = f"{count} violated in AC power flow{when}; the worst comes first."
    blocks = findings.violation_tables(table, view.labels, view.when)
    return Section("violations", "Violated limits", intro, blocks, "Violations")


def switching_section(view: DispatchView) -> Section | None:
    """List what is switched and when; nothing where the topology stays."""
    states = view.plan.switches
    if not {"element", "index", "name", "closed_before", "closed_after", "first_period"} <= set(states.columns):
        return None
    ordered = states.sort_values("first_period", kind="stable")
    # Each block says how it stands against the net as given; what is done is what differs from the block before.
    earlier = ordered.groupby(["element", "index"], sort=False)["closed_after"].shift()
    was = earlier.where(earlier.notna(), ordered["closed_before"]).astype(bool)
    moved = ordered[was != ordered["closed_after"].astype(bool)]
    opened = _open_words(view, ordered)
    if moved.empty:
        text = "Nothing: the switch states stay as they are in the net."
        return Section("switching", "What to switch", text, [opened], "Switching")
    rows = [
        [view.clock.begin(row["first_period"]), _action(bool(row["closed_after"])),
         branch_label(row["element"], row["index"], row["name"]), cell(row.get("how", ""))]
        for _, row in moved.iterrows()
    ]  # fmt: skip
    intro = "Switch states that change at the beginning of a block of hours; all others stay as they are in the net."
    table = page.table(["from", "do", "branch", "in pandapower"], rows)
    return Section("switching", "What to switch", intro, [table, opened], "Switching")


def _open_words(view: DispatchView, ordered: pd.DataFrame) -> Html:
    """Name the open branches of every block of hours, and which of them are locked."""
    told = {first: ", ".join(open_branches(rows)) or "none" for first, rows in ordered.groupby("first_period")}
    if len(set(told.values())) == 1:
        return page.paragraph(f"Open: {next(iter(told.values()))}.")
    blocks = "; ".join(f"from {view.clock.begin(first)} {names}" for first, names in told.items())
    return page.paragraph(f"Open: {blocks}.")


def _action(close: bool) -> Html:
    return page.badge("close", "close") if close else page.badge("open", "open")


def limits_section(view: DispatchView) -> Section:
    """Every kind of limit with its worst place, hour and margin."""
    check = view.check
    if check is None:
        return Section("limits", "Limits", "No limit has been checked: the schedule is not validated.", [])
    lost = check.periods.index[~check.periods["converged"].astype(bool)]
    count = len(check.periods)
    converged = (
        not len(lost),
        f"AC power flow converges in {'all ' if count > 1 else ''}{count} case{'s' if count > 1 else ''}",
        f"AC power flow does not converge in {view.clock.spans(int(p) for _, p in lost)}",
    )
    intro = "Checked in AC power flow, period by period, with the schedule's set-points; margin is what is left."
    table = findings.limit_table(check.limits, check.violations, view.labels, view.when)
    return Section("limits", "Limits", intro, [findings.checks_bar(converged), table])


def progress(view: DispatchView) -> go.Figure:
    """Best schedule and bound against time [currency], and their gap [%]."""
    lines = {"bound": ("proven bound", style.BOUND), "incumbent": ("best plan", style.AFTER)}
    return recipes.convergence(view.plan.progress, "cost", view.plan.currency, lines)


def progress_section(view: DispatchView) -> Section:
    """Bounds against time; nothing where the solver reported none."""
    intro = (
        "The best schedule known can only get better and the proven bound can only rise; the true optimum lies "
        f"between them. Gap in the end: {share(max(view.plan.gap, 0.0))}."
    )
    return Section("progress", "How the answer was found", intro, [view.draw("progress")], "Progress")


def details_section(view: DispatchView) -> Section:
    """Everything needed to repeat the run."""
    plan, clock = view.plan, view.clock
    limits = "those in the net" if plan.vm_limits is None else f"{plan.vm_limits[0]:g} to {plan.vm_limits[1]:g} pu"
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
    first, *rest = findings.run_tables(facts, plan.options, plan.versions)
    return Section("details", "How it was computed", "", [first, *_devices(view), *rest], "Details")


def _devices(view: DispatchView) -> list[Html]:
    """List the devices that were dispatched."""
    if view.plan.devices.empty:
        return []
    columns = ["moves", "max_moves", "initial", "low", "high"]
    table = view.plan.devices.reindex(columns=["kind", "table", "index", "bus", *columns])
    rows = [
        [str(row["kind"]), view.labels.of(row["table"], row["index"]), view.labels.of("bus", row["bus"]),
         *(dash if pd.isna(row[c]) else f"{row[c]:g}".replace("-", "−") for c in columns)]
        for _, row in table.iterrows()
    ]  # fmt: skip
    head = ["kind", "device", "bus", "moves", "moves allowed", "before", "lowest", "highest"]
    return [page.details(f"The {len(rows)} devices that were dispatched", page.table(head, rows, head[3:]))]
