"""Verdict and key figures of a rolling schedule, in plain words: what the first screen says."""

from __future__ import annotations

from collections.abc import Sequence

from adnflex.reporting.dispatch.view import quantity
from adnflex.reporting.page import Banner, Card
from adnflex.reporting.proof import banner, judge_cards
from adnflex.reporting.rolling.view import ITEM_WORDS, RollingView, cents, gain, spread
from adnflex.reporting.text import change, energy, fixed, number, relative
from adnflex.results.certificate import reservation
from adnflex.results.common_days import Comparison
from adnflex.results.policies import FLOOR, base_of
from adnflex.results.rolling import ITEMS, RollingCheck, RollingRun

#: Less than this is none [MWh, kWh].
_NOTHING = 5e-4


# Verdict ------------------------------------------------------------------------------------------------------


def verdict(view: RollingView) -> Banner:
    """Banner of a day, or of a comparison."""
    if view.run is None:
        sentence = (
            "These days are simulations of active power. No AC power flow has been run on them; give the report a run "
            "and its check as well."
        )
        return Banner("open", "A comparison of policies, without AC check", sentence, _gain_words(view))
    missing = "No AC power flow has been run on this day; do not carry it out before it has."
    passed, failed = "Passed in AC: this day may be carried out", "FAILED: do not carry out this day"
    remark = _gain_words(view) if view.check is None else _stage_words(view, view.run, view.check)
    return banner(view.check, passed, failed, missing, remark, reservation(None))


def _stage_words(view: RollingView, run: RollingRun, check: RollingCheck) -> str:
    """Say what stage two does, and which days have been checked."""
    words = []
    if view.second:
        before, after = check.violating_bus_hours_without, check.violating_bus_hours
        low_before, low = (float(check.hours[c].min()) for c in ("vm_min_without_pu", "vm_min_pu"))
        words.append(
            f"Reactive power brings the hours of buses outside their limits from {before} to {after} and the lowest "
            f"voltage from {fixed(low_before, 3)} to {fixed(low, 3, 'pu')}."
            if before or after
            else f"No bus is outside its limits, with reactive power or without; it lifts the lowest voltage from "
            f"{fixed(low_before, 3)} to {fixed(low, 3, 'pu')}."
        )
    if view.comparison is not None:
        words.append(_days_words(view))
    return " ".join(words)


def _days_words(view: RollingView) -> str:
    """Say of which days the verdict is, and what is known of the others."""
    assert view.run is not None
    assert view.comparison is not None
    checks, policy = view.comparison.checks, view.policy
    if policy not in checks.index:
        return f"The AC check is of day {view.run.day}; the other days are simulations of active power."
    row = checks.loc[policy]
    return (
        f"This is of day {view.run.day}; of the {row['days']:.0f} days of {policy} that are compared "
        f"{row['passed']:.0f} pass their AC check, with {fixed(row['bus_hours'], 1)} bus-hours outside limits a day."
    )


def _gain_words(view: RollingView) -> str:
    """Say what the policy gains."""
    comparison, policy = view.comparison, view.policy
    if comparison is None or policy is None:
        return ""
    base = base_of(policy, view.policies)
    if base is None:
        return ""
    return f"{policy} less {base} on the same days: {gain(comparison, policy, base, comparison.currency)} a day."


# Key figures --------------------------------------------------------------------------------------------------


def key_cards(view: RollingView, _first: RollingView | None = None) -> list[Card]:
    """Return the key figures: cost, gain, floor, AC, voltages, losses, energy, vehicles, time."""
    cards = []
    if view.run is not None:
        cards.append(_cost(view.run))
    if view.comparison is not None and len(view.comparison.days):
        cards += _gains(view, view.comparison)
    if view.run is not None:
        if view.check is not None and len(view.run.reactive.columns):
            cards += _voltages(view.check)
        cards += [*judge_cards(view.check), _bought(view.run), *_vehicles(view.run), *_seconds(view, view.run)]
    return cards


def _cost(run: RollingRun) -> Card:
    known = run.costs["cost"]
    items = ", ".join(f"{ITEM_WORDS[item]} {cents(float(known[item]))}" for item in ITEMS if item in known.index)
    kept = f"; stored at the end, not in it: {cents(run.stored_value, run.currency)}" if run.stored_value else ""
    return Card(f"Cost of day {run.day}", cents(run.total, run.currency), f"{items}{kept}")


def _gains(view: RollingView, comparison: Comparison) -> list[Card]:
    """Mean cost, difference to the base policy, distance from the floor."""
    policy = view.policy
    if policy is None:
        return []
    table, names, days = comparison.table, view.policies, len(comparison.days)
    row, currency = table.loc[policy], comparison.currency
    what = f"{policy}, {days} common day{'s' if days > 1 else ''}"
    pm = ", ± half a 95 % confidence interval" if days > 1 else ""
    cards = [Card("Mean cost of a day", spread(row["mean"], row["ci95"], currency), f"{what}{pm}")]
    base = base_of(policy, names)
    if base is not None:
        cards.append(_pair(comparison, policy, base, f"Against the base policy “{base}”"))
    if FLOOR in names and policy != FLOOR:
        cards.append(_pair(comparison, policy, FLOOR, "Above the floor"))
    return cards


def _pair(comparison: Comparison, policy: str, reference: str, label: str) -> Card:
    """Paired difference to a reference."""
    row = comparison.against(reference).loc[policy]
    count = int(row["days"])
    value = spread(row["difference"], row["ci95"], comparison.currency, sign=True)
    if reference == FLOOR:
        return Card(
            label, value, "a day on the same days; the floor knows sun, wind and vehicles of the day in advance"
        )
    sure = abs(row["difference"]) > row["ci95"]  # false where the interval is not known
    told = "" if sure else "the interval holds zero, so the sign is not sure; " if count > 1 else ""
    return Card(label, value, f"a day on the same days; {told}not dearer on {int(row['not_worse'])} of {count}")


def _voltages(check: RollingCheck) -> list[Card]:
    """Say what stage two does."""
    hours = check.hours
    before, after = (f"{n:,}" for n in (check.violating_bus_hours_without, check.violating_bus_hours))
    low = change(fixed(hours["vm_min_without_pu"].min(), 4, "pu"), fixed(hours["vm_min_pu"].min(), 4, "pu"))
    off = change(fixed(hours["deviation_without_pu"].mean(), 4, "pu"), fixed(hours["deviation_pu"].mean(), 4, "pu"))
    losses = [float(1e3 * hours[c].sum(min_count=1)) for c in ("loss_without_mw", "loss_mw")]
    part = relative(losses[1], losses[0])
    return [
        Card(
            "Outside voltage limits, by stage two",
            f"{before} → {after} bus-hours",
            f"lowest voltage {low}; mean distance from 1 pu {off}",
        ),
        Card(
            "Losses, by stage two",
            change(fixed(losses[0], 0, "kWh"), fixed(losses[1], 0, "kWh")),
            f"{part} over {len(hours)} h; the cost of the day does not contain them",
        ),
    ]


def _bought(run: RollingRun) -> Card:
    bought, spilled, given = (float(quantity(run.exchange, q).sum().sum()) for q in ("buy_mw", "spill_mw", "export_mw"))
    told = energy(spilled) if spilled > _NOTHING else "nothing"
    return Card("Purchase", energy(bought), f"{told} spilled; {energy(given)} given from node to node")


def _vehicles(run: RollingRun) -> list[Card]:
    if run.vehicles.empty:
        return []
    short, given = float(run.vehicles["unmet_kwh"].sum()), float(run.vehicles["given_kwh"].sum())
    unserved = int((run.vehicles["unmet_kwh"] > 1e-6).sum())
    value = "all needs met" if unserved == 0 else f"{fixed(short, 1, 'kWh')} unmet"
    told = f"{len(run.vehicles)} vehicles, {fixed(given, 0, 'kWh')}"
    return [Card("Vehicles", value, told if unserved == 0 else f"{told}; {unserved} left with less than they need")]


def _seconds(view: RollingView, run: RollingRun) -> list[Card]:
    """Time of a decision, both stages together."""
    table = run.decision_seconds.reindex(columns=["active", "reactive"]).astype(float)
    if table.empty:
        return []
    whole = table.sum(axis=1)
    parts = f"active power {_ms(table['active'].mean())}, reactive power {_ms(table['reactive'].mean())} on average"
    if not table["reactive"].any():
        parts = "active power only"
    worst = view.clock.begin(whole.idxmax())
    return [Card("Time of a decision", _ms(whole.mean()), f"{parts}; at most {_ms(whole.max())}, at {worst}")]


def _ms(seconds: float) -> str:
    return number(1e3 * seconds, "ms", 2) if seconds < 1 else number(seconds, "s", 3)


# Words of the head --------------------------------------------------------------------------------------------


def title(views: Sequence[RollingView]) -> str:
    """Headline of the report."""
    return f"Rolling schedule of {views[0].any.case_name or 'an unnamed case'}"


def subtitle(views: Sequence[RollingView]) -> str:
    """Say what is shown, in one line."""
    view = views[0]
    run, comparison = view.run, view.comparison
    told = []
    if run is not None:
        nodes = len(run.actions["ev_mw"].columns) if len(run.actions.columns) else 0
        stage = ", reactive power as stage two" if len(run.reactive.columns) else ""
        told.append(f"Day {run.day} under {run.policy}: {len(run.actions)} hours, {nodes} nodes{stage}")
    if comparison is not None:
        told.append(f"{len(comparison.days.columns)} policies over {len(comparison.days)} common days")
    told += [f"{word} {view.any.options[word]}" for word in ("weather", "tariff") if view.any.options.get(word)]
    return "; ".join(told)
