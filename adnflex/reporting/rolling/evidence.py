"""Why the day may be believed: what is wrong, limits, how it was computed."""

from __future__ import annotations

import pandas as pd

from adnflex.reporting import findings, page
from adnflex.reporting.findings import PLACEHOLDER_LOADING
from adnflex.reporting.page import Section
from adnflex.reporting.rolling.view import ITEM_WORDS, RollingView, cents
from adnflex.reporting.text import dash, number
from adnflex.results.policies import full_name

__all__ = ["TERMS", "details_section", "limits_section", "violations_section"]

TERMS = {
    "Policy": "A rule that decides each hour from what is known at its beginning.",
    "Base policy": "A rule without any look ahead: own (each node its own storage) or pool (all storages for all).",
    "Rollout": "Tries candidate actions and simulates the rest of the day with the base policy in random futures.",
    "Feeder": "Before a policy's name: its actions are moved to the nearest ones that the feeder carries.",
    "Floor": "Perfect foresight of the day: no policy can cost less.",
    "Paired difference": "Difference on the same day, so that what all policies have in common cancels.",
    "95 % confidence interval": "Covers the mean of many such days with 95 % probability (Student); ± is half of it.",
    "Elastic capacity": "What vehicles can draw in an hour: from what they must have by now to what chargers give.",
    "Stage two": "Reactive power of the hour, decided after the active power, over scenarios of load, sun and wind.",
    "Bus-hour": "One bus during one hour; a bus outside its limits for three hours counts three.",
    "Spilled": "Sun and wind that nobody could take.",
}
#: Costs that differ by less are the same [currency].
_CENT = 0.005


def _off(costs: pd.DataFrame) -> bool:
    return bool("difference" in costs and (costs["difference"].abs() > _CENT).any())


def violations_section(view: RollingView) -> Section | None:
    """List what is wrong, the worst first."""
    check, run = view.check, view.run
    if check is None or run is None or check.passed:
        return None
    blocks = []
    for table, title in ((check.faults, "Set-points that are wrong"), (check.violations, "Limits violated in AC")):
        if not table.empty:
            tables = findings.violation_tables(table, view.labels, view.when)
            blocks += [page.heading(f"{title}: {len(table)}"), *tables]
    if _off(check.costs):
        rows = [
            [ITEM_WORDS.get(str(i), str(i)), *(cents(float(r[c]), run.currency) for c in ("cost", "recomputed")),
             cents(float(r["difference"]), run.currency, sign=True)]
            for i, r in check.costs.iterrows()
        ]  # fmt: skip
        columns = ["item", "of the run", "of its set-points", "difference"]
        blocks += [page.heading("Costs that do not add up"), page.table(columns, rows, columns[1:], total=True)]
    if not check.converged:
        lost = check.hours.index[check.hours[["loss_mw", "loss_without_mw"]].isna().any(axis=1)]
        told = view.clock.spans(int(hour) for hour in lost)
        blocks.append(page.notice("AC power flow does not converge", [told], "bad"))
    intro = "The day must not be carried out as it is. Figures below show it all the same."
    return Section("violations", "What is wrong", intro, blocks, "What is wrong")


def limits_section(view: RollingView) -> Section | None:
    """Every kind of limit with its worst place, and the model against AC."""
    check = view.check
    if view.run is None:
        return None
    if check is None:
        return Section("limits", "Limits", "No limit has been checked: the day is not validated.", [])
    bar = findings.checks_bar(
        (check.converged, "AC power flow converges in every hour", "AC power flow does not converge in every hour"),
        (not len(check.faults), "every set-point keeps the limits of its device",
         f"{len(check.faults)} set-points are wrong"),
        (not _off(check.costs), "costs follow from the set-points", "costs are off"),
    )  # fmt: skip
    # ratings that are placeholders are limits of nothing
    placeholder = (check.limits["kind"] == "loading") & (check.limits["value"].astype(float) < PLACEHOLDER_LOADING)
    limits = findings.limit_table(check.limits[~placeholder], check.violations, view.labels, view.when)
    title = "Stage two against AC power flow, in the expected hour"
    deviations = findings.deviation_table(check.deviations, view.labels, title, view.when)
    intro = "The worst place of each kind of limit in AC power flow, over all hours as they came."
    return Section("limits", "Limits", intro, [bar, limits, *deviations])


def details_section(view: RollingView) -> Section:
    """Everything needed to repeat the run."""
    run, comparison = view.run, view.comparison
    facts = [["case", view.any.case_name or dash], ["seed", str(view.any.seed)]]
    if run is not None:
        facts += [["day", str(run.day)], ["policy", full_name(run.policy)], ["hours", str(len(run.actions))]]
        facts += [["fingerprint of the net", str(run.inputs.get("fingerprint") or dash)]]
    if comparison is not None:
        facts += [["policies compared", ", ".join(view.policies) or dash]]
        facts += [["common days", str(len(comparison.days)) + (" (interrupted)" if comparison.interrupted else "")]]
    if view.check is not None and view.check.options:
        facts += [["hours as they came", ", ".join(f"{k} {v}" for k, v in view.check.options.items())]]
    blocks = findings.run_tables(facts, view.any.options, view.any.versions)
    if run is not None and len(run.decision_seconds):
        seconds = run.decision_seconds.reindex(columns=["active", "reactive"]).astype(float)
        rows = [[view.clock.text(h), *(number(1e3 * float(v), "ms", 3) for v in row)] for h, row in
                zip(seconds.index, seconds.to_numpy(), strict=True)]  # fmt: skip
        table = page.table(["hour", "active power", "reactive power"], rows, ["active power", "reactive power"])
        blocks.insert(1, page.details("Time of each decision", table))
    return Section("details", "How it was computed", "", blocks, "Details")
