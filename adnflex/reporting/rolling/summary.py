"""Verdict and key figures of a rolling schedule, in plain words: what the first screen says."""

from __future__ import annotations

import math

from adnflex.reporting.page import Card, Verdict, passed
from adnflex.reporting.rolling.inputs import (
    FLOOR,
    ITEM_WORDS,
    Study,
    base_of,
    clock_of,
    full_name,
    main_policy,
    quantity,
)
from adnflex.reporting.text import change, dash, energy, fixed, money, number
from adnflex.results.certificate import reservation
from adnflex.results.rolling import ITEMS, Comparison, RollingCheck, RollingRun

__all__ = ["cents", "key_cards", "notes_of", "paired", "signed", "spread", "verdict"]

#: Less than this is none [MWh, kWh].
_NOTHING = 5e-4


def cents(value: float, currency: str = "") -> str:
    r"""Sum of money with its cents: a day's total is a small difference of large items.

    Examples
    --------
    >>> cents(-3653.958, "CNY")
    '−3\u202f653.96\u202fCNY'
    """
    return money(value, currency, 1.0)


def signed(value: float, currency: str = "") -> str:
    r"""Difference with its sign.

    Examples
    --------
    >>> signed(1.5, "CNY"), signed(-0.004), signed(float("nan"))
    ('+1.50\u202fCNY', '0.00', '–')
    """
    text = cents(value, currency)
    return f"+{text}" if math.isfinite(value) and value >= 0.005 else text


def spread(mean: float, width: float, currency: str = "", sign: bool = False) -> str:
    r"""Mean with half of its 95 % confidence interval, where there is one.

    Examples
    --------
    >>> spread(-1.44, 1.24, "CNY", sign=True), spread(3.0, float("nan"), "CNY")
    ('−1.44 ± 1.24\u202fCNY', '3.00\u202fCNY')
    """
    write = signed if sign else cents
    return f"{write(mean)} ± {cents(width, currency)}" if math.isfinite(width) else write(mean, currency)


# Verdict ------------------------------------------------------------------------------------------------------


def verdict(study: Study) -> Verdict:
    """Banner of the report.

    Examples
    --------
    >>> from adnflex.reporting.rolling._example import example
    >>> from adnflex.reporting.rolling.inputs import collected
    >>> run, comparison, check = example()
    >>> verdict(collected(run, check)).headline
    'Passed in AC: this day may be carried out'
    >>> verdict(collected(comparison)).kind
    'open'
    """
    run, check = study.run, study.check
    if run is None:
        sentence = (
            "These days are simulations of active power. No AC power flow has been run on them; give the report a run "
            "and its check as well."
        )
        return Verdict("open", "A comparison of policies, without AC check", sentence, _gain_words(study))
    if check is None:
        sentence = "No AC power flow has been run on this day; do not carry it out before it has."
        return Verdict("open", "Not validated", sentence, _gain_words(study))
    sentence = check.verdict[:1].upper() + check.verdict[1:].rstrip(".") + "."
    if check.passed:
        return passed("Passed in AC: this day may be carried out", sentence, _stage_words(study), reservation(None))
    return Verdict("fail", "FAILED: do not carry out this day", sentence, _stage_words(study))


def _stage_words(study: Study) -> str:
    """Say what stage two does, and which days have been checked."""
    run, check = study.run, study.check
    assert run is not None
    assert check is not None
    words = []
    if len(run.reactive.columns):
        before, after = check.violating_bus_hours_without, check.violating_bus_hours
        low_before, low = (float(check.hours[c].min()) for c in ("vm_min_without_pu", "vm_min_pu"))
        words.append(
            f"Reactive power brings the hours of buses outside their limits from {before} to {after} and the lowest "
            f"voltage from {fixed(low_before, 3)} to {fixed(low, 3, 'pu')}."
            if before or after
            else f"No bus is outside its limits, with reactive power or without; it lifts the lowest voltage from "
            f"{fixed(low_before, 3)} to {fixed(low, 3, 'pu')}."
        )
    if study.comparison is not None:
        words.append(f"The AC check is of day {run.day}; the other days are simulations of active power.")
    return " ".join(words)


def _gain_words(study: Study) -> str:
    """Say what the policy gains."""
    comparison, policy = study.comparison, main_policy(study)
    if comparison is None or policy is None:
        return ""
    base = base_of(policy, [str(name) for name in comparison.days.columns])
    if base is None:
        return ""
    row = comparison.against(base).loc[policy]
    off = spread(row["difference"], row["ci95"], comparison.currency, sign=True)
    return f"{policy} less {base} on the same days: {off} a day."


# Key figures --------------------------------------------------------------------------------------------------


def key_cards(study: Study) -> list[Card]:
    """Return the key figures: cost, gain, floor, AC, voltages, losses, energy, vehicles, time.

    Examples
    --------
    >>> from adnflex.reporting.rolling._example import example
    >>> from adnflex.reporting.rolling.inputs import collected
    >>> run, comparison, check = example()
    >>> [card.label for card in key_cards(collected([run, comparison], check))][:4]
    ['Cost of day 0', 'Mean cost of a day', 'Against the base policy “pool”', 'Above the floor']
    """
    cards = []
    if study.run is not None:
        cards.append(_cost(study.run))
    if study.comparison is not None and len(study.comparison.days):
        cards += _gains(study, study.comparison)
    if study.run is not None:
        if study.check is not None and len(study.run.reactive.columns):
            cards += _voltages(study.check)
        cards += [_bought(study.run), *_vehicles(study.run), *_seconds(study.run)]
    return cards


def _cost(run: RollingRun) -> Card:
    known = run.costs["cost"]
    items = ", ".join(f"{ITEM_WORDS[item]} {cents(float(known[item]))}" for item in ITEMS if item in known.index)
    kept = f"; stored at the end, not in it: {cents(run.stored_value, run.currency)}" if run.stored_value else ""
    return Card(f"Cost of day {run.day}", cents(run.total, run.currency), f"{items}{kept}")


def _gains(study: Study, comparison: Comparison) -> list[Card]:
    """Mean cost, difference to the base policy, distance from the floor."""
    policy = main_policy(study)
    if policy is None:
        return []
    table, names, days = comparison.table, [str(name) for name in comparison.days.columns], len(comparison.days)
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
    part = f"{100 * (losses[1] / losses[0] - 1):+.1f} %".replace("-", "−") if losses[0] > 0 else dash
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


def _seconds(run: RollingRun) -> list[Card]:
    """Time of a decision, both stages together."""
    table = run.decision_seconds.reindex(columns=["active", "reactive"]).astype(float)
    if table.empty:
        return []
    whole = table.sum(axis=1)
    parts = f"active power {_ms(table['active'].mean())}, reactive power {_ms(table['reactive'].mean())} on average"
    if not table["reactive"].any():
        parts = "active power only"
    worst = clock_of(run).begin(whole.idxmax())
    return [Card("Time of a decision", _ms(whole.mean()), f"{parts}; at most {_ms(whole.max())}, at {worst}")]


def _ms(seconds: float) -> str:
    return number(1e3 * seconds, "ms", 2) if seconds < 1 else number(seconds, "s", 3)


def notes_of(study: Study) -> list[str]:
    """Return what the reader has to know before he compares numbers."""
    run, comparison, check = study.run, study.comparison, study.check
    notes = [*(run.notes if run else ()), *(comparison.notes if comparison else ()), *(check.notes if check else ())]
    if comparison is not None:
        finished = comparison.items.groupby(level="policy").size() if len(comparison.items) else []
        if comparison.interrupted:
            notes.append(
                f"the comparison was stopped early: {len(comparison.days)} days are finished by every policy, and only "
                "these are compared."
            )
        elif len(finished) and int(max(finished)) > len(comparison.days):
            notes.append(f"only the {len(comparison.days)} days that every policy finished are compared.")
        if 0 < len(comparison.days) < 10:
            notes.append(
                f"{len(comparison.days)} days are few: the confidence intervals take the differences as normally "
                "distributed."
            )
        if not len(comparison.days):
            notes.append("no day was finished by every policy, so nothing is compared.")
    policy = main_policy(study)
    if run is None and policy is not None:
        notes.append(f"the first screen is about {policy}, the cheapest on average that does not know the future.")
    if run is not None and comparison is not None:
        notes += _mismatch(study, run, comparison)
    if study.published:
        notes.append(
            "published figures stand beside ours in “Beside what is published”; their days and laws are not printed, "
            "so only order and size can resemble."
        )
    return notes


def _mismatch(study: Study, run: RollingRun, comparison: Comparison) -> list[str]:
    """Say where the day and the comparison do not belong together."""
    found = []
    if run.case_name != comparison.case_name:
        found.append(
            f"the day is of the case {run.case_name}, the comparison of {comparison.case_name}: they do not belong "
            "together."
        )
    if run.seed != comparison.seed:
        found.append(f"the day is of seed {run.seed}, the comparison of seed {comparison.seed}.")
    if len(comparison.days) and main_policy(study) is None:
        found.append(f"the comparison does not hold the policy of the day, {full_name(run.policy)}.")
    return found


def paired(comparison: Comparison, policy: str, reference: str | None) -> str:
    """Paired difference as a cell of a table; a dash where there is none."""
    if reference is None or reference == policy or reference not in comparison.days.columns:
        return dash
    row = comparison.against(reference).loc[policy]
    return spread(row["difference"], row["ci95"], sign=True)
