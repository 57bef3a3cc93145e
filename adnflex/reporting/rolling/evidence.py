"""Why the day may be believed: what is wrong with it, which limits hold, how it was computed."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from adnflex.reporting import findings, page
from adnflex.reporting.page import Html
from adnflex.reporting.rolling.view import ITEM_WORDS, RollingView, cents
from adnflex.reporting.text import dash, fixed, number
from adnflex.results.policies import full_name

#: Costs that differ by less are the same [currency].
_CENT = 0.005


def _off(costs: pd.DataFrame) -> bool:
    return bool("difference" in costs and (costs["difference"].abs() > _CENT).any())


def faults(view: RollingView) -> list[Html]:
    """List what is wrong, the worst first."""
    check = view.check
    assert check is not None
    blocks = []
    for table, title in ((check.faults, "Set-points that are wrong"), (check.violations, "Limits violated in AC")):
        if not table.empty:
            blocks += [page.heading(f"{title}: {len(table)}"), *findings.violation_tables(view, table)]
    if _off(check.costs):
        columns: dict[str, Callable[[pd.Series], str]] = {
            "item": lambda row: ITEM_WORDS.get(str(row.name), str(row.name)),
            ">of the run": lambda row: cents(float(row["cost"]), view.currency),
            ">of its set-points": lambda row: cents(float(row["recomputed"]), view.currency),
            ">difference": lambda row: cents(float(row["difference"]), view.currency, sign=True),
        }
        rows = [row for _, row in check.costs.iterrows()]
        blocks += [page.heading("Costs that do not add up"), *page.listing(rows, columns, total=True)]
    if not check.converged:
        lost = check.hours.index[check.hours[["loss_mw", "loss_without_mw"]].isna().any(axis=1)]
        told = view.clock.spans(int(hour) for hour in lost)
        blocks.append(page.notice("AC power flow does not converge", [told], "bad"))
    return blocks


def limits(view: RollingView) -> list[Html]:
    """Show what holds in every hour, every kind of limit, and the model against AC."""
    check = view.check
    if check is None:
        return []
    bar = findings.checks_bar(
        (check.converged, "AC power flow converges in every hour", "AC power flow does not converge in every hour"),
        (not len(check.faults), "every set-point keeps the limits of its device",
         f"{len(check.faults)} set-points are wrong"),
        (not _off(check.costs), "costs follow from the set-points", "costs are off"),
    )  # fmt: skip
    deviations = findings.deviation_table(view, "Stage two against AC power flow, in the expected hour")
    return [bar, findings.limit_table(view, check.limits), *deviations]


def checked_days(view: RollingView) -> list[Html]:
    """Show what AC power flow says of every policy's days; nothing where none was checked."""
    if view.comparison is None or view.comparison.checks.empty:
        return []
    columns: dict[str, Callable[[pd.Series], str]] = {
        "policy": lambda row: str(row.name),
        ">days that pass": lambda row: f"{row['passed']:.0f} of {row['days']:.0f}",
        ">bus-hours outside limits": lambda row: fixed(row["bus_hours"], 1),
        ">without stage two": lambda row: fixed(row["bus_hours_without"], 1),
        ">lowest voltage": lambda row: fixed(row["vm_min_pu"], 4, "pu"),
        ">highest voltage": lambda row: fixed(row["vm_max_pu"], 4, "pu"),
        ">losses of a day": lambda row: fixed(row["losses_mwh"], 2, "MWh"),
    }
    return page.listing([row for _, row in view.comparison.checks.iterrows()], columns)


def details(view: RollingView) -> list[Html]:
    """Everything needed to repeat the run."""
    run, comparison = view.run, view.comparison
    facts = {"case": view.any.case_name or dash, "seed": str(view.any.seed)}
    if run is not None:
        facts |= {"day": str(run.day), "policy": full_name(run.policy), "hours": str(len(run.actions))}
        facts |= {"fingerprint of the net": str(run.inputs.get("fingerprint") or dash)}
    if comparison is not None:
        cut_short = " (interrupted)" if comparison.interrupted else ""
        facts |= {"policies compared": ", ".join(view.policies) or dash}
        facts |= {"common days": f"{len(comparison.days)}{cut_short}"}
    if view.check is not None and view.check.options:
        facts["hours as they came"] = ", ".join(f"{k} {v}" for k, v in view.check.options.items())
    first, *rest = findings.run_tables(facts, view.any.options, view.any.versions)
    if run is None or not len(run.decision_seconds):
        return [first, *rest]
    seconds = run.decision_seconds.reindex(columns=["active", "reactive"]).astype(float)
    rows = [[view.clock.text(h), *(number(1e3 * float(v), "ms", 3) for v in row)] for h, row in
            zip(seconds.index, seconds.to_numpy(), strict=True)]  # fmt: skip
    table = page.table(["hour", "active power", "reactive power"], rows, ["active power", "reactive power"])
    return [first, page.details("Time of each decision", table), *rest]
