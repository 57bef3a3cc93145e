"""Verdict, certificate and key figures of a dispatch, in plain words."""

from __future__ import annotations

import math

import pandas as pd

from adnflex.reporting.dispatch.clock import Clock
from adnflex.reporting.dispatch.costs import energy, mass, money, relative
from adnflex.reporting.dispatch.exactness import worst_recovery
from adnflex.reporting.dispatch.heat import has_loadings
from adnflex.reporting.dispatch.inputs import NO_RECOVERY, Study, place
from adnflex.reporting.page import Card, Verdict, passed
from adnflex.reporting.text import dash, fixed, number, percent, rounded_up, share
from adnflex.results.status import status_words

__all__ = ["certificate_words", "distance", "key_cards", "recovered_words", "spread_percent", "verdict"]

#: Differences of this size are rounding, not findings.
_EXACT = 1e-9
#: Below this, `share` only says "less than".
_TINY = 1e-6
#: A dispatch cheaper than its bound by more than this shows that the bound is not one.
_DISAGREE = 1e-4


def verdict(found: list[Study]) -> Verdict:
    """Banner of the report.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> from adnflex.reporting.dispatch.inputs import studies
    >>> verdict(studies(*example())).headline
    'Passed: this schedule may be carried out'
    """
    return _verdict_of_one(found[0]) if len(found) == 1 else _verdict_of_many(found)


def _verdict_of_one(study: Study) -> Verdict:
    check, words = study.check, certificate_words(study)
    if check is None:
        sentence = "No AC power flow has been run on this schedule; do not carry it out before it has."
        return Verdict("open", "Not validated", sentence, words)
    sentence = check.verdict[:1].upper() + check.verdict[1:].rstrip(".") + "."
    if check.passed:
        return passed("Passed: this schedule may be carried out", sentence, words, _doubt(study))
    return Verdict("fail", "FAILED: do not carry out this schedule", sentence, words)


def _verdict_of_many(found: list[Study]) -> Verdict:
    """Worst verdict of all, and the certificate of each."""
    failed = [s for s in found if s.check is not None and not s.check.passed]
    unknown = [s for s in found if s.check is None]
    remark = _certificates([s for s in found if s.check is not None and s.check.passed])
    if failed:
        told = " ".join(f"{s.name}: {s.check.verdict}" for s in failed if s.check is not None)
        return Verdict("fail", f"FAILED: {_names(failed)}", told, remark)
    if unknown:
        sentence = "No AC power flow has been run on it; do not carry it out before it has."
        return Verdict("open", f"Not validated: {_names(unknown)}", sentence, remark)
    sentence = "In every study AC power flow converged and every limit of net and devices is met."
    doubts = [f"{s.name}: {doubt}" for s in found if (doubt := _doubt(s))]
    return passed(f"Passed: all {len(found)} studies", sentence, remark, "; ".join(doubts))


def _doubt(study: Study) -> str:
    """Why a schedule that passed is not green; empty where it is."""
    check = study.check
    return "" if check is None else check.doubt


def _certificates(found: list[Study]) -> str:
    """Certificates of several studies in one sentence, and what is to be said of those that have none."""
    plain = [s for s in found if _certificate_of(s) >= -_DISAGREE]
    rest = [f"{s.name}: {certificate_words(s)}" for s in found if s not in plain]
    told = [f"{s.name} {distance(_certificate_of(s))}" for s in plain]
    words = [f"Certificate, as distance from the best possible cost: {', '.join(told)}."] if told else []
    return " ".join([*words, *rest])


def _certificate_of(study: Study) -> float:
    """Certificate, NaN where there is none."""
    found = None if study.check is None else study.check.certificate
    return math.nan if found is None else float(found)


def _names(found: list[Study]) -> str:
    return ", ".join(s.name for s in found)


def certificate_words(study: Study) -> str:
    """Say how far the schedule can be from the best possible, in money and in losses, or why that is not known.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> from adnflex.reporting.dispatch.inputs import studies
    >>> certificate_words(studies(example()[0])[0])[:15]
    'No certificate:'
    """
    plan, check = study.plan, study.check
    if check is None:
        return "No certificate: it compares the cost as it truly is with the bound, so it needs the AC check."
    if not check.passed:
        return "No certificate: it exists only for a schedule that passes the AC check."
    absolute = check.certificate_absolute
    if check.certificate is None or not math.isfinite(check.certificate):
        if not math.isfinite(plan.bound):
            return "No certificate: the solver proved no lower bound, so nothing is known about better schedules."
        if absolute is None or not math.isfinite(absolute):
            return "No certificate: the check gives none."
        return f"Certificate: no admissible schedule is cheaper by more than {_room(study)}."
    if check.certificate < -_DISAGREE:
        return (
            f"No certificate: AC power flow finds a cost {share(-check.certificate)} below what the bound allows, so "
            "the bound does not hold for the true network (see “How exact is the model”)."
        )
    if check.certificate <= _EXACT:
        return f"Certificate: this is the best possible; no admissible schedule costs less than {_cost(study)}."
    # Of an income nothing is saved.
    of = f"save more than {_room(study)} of these" if study.cost > 0 else f"be better by more than {_room(study)} than"
    return (
        f"Certificate: {distance(check.certificate)} from the best possible cost. "
        f"No admissible schedule can {of} {_cost(study)}.{_losses_words(study)}"
    )


def _losses_words(study: Study) -> str:
    """Say what the certificate means for the losses, where switches are decided."""
    left = None if study.check is None else study.check.certificate_losses
    if left is None:
        return ""
    return f" Measured by the losses that is {distance(left, '≤')} of what they are worth."


def _cost(study: Study) -> str:
    return money(study.cost, study.plan.currency)


def _room(study: Study) -> str:
    """Difference of costs that is an upper limit, and so is rounded up."""
    value = study.check.certificate_absolute if study.check is not None else None
    return number(None if value is None else rounded_up(value), study.plan.currency, 2)


def distance(certificate: float, sign: str = "at most") -> str:
    r"""Distance from the best possible, rounded up, with the word or sign that it is an upper limit.

    Examples
    --------
    >>> distance(5.03e-4), distance(2e-9), distance(-1e-12, "≤")
    ('at most 0.051\u202f%', 'less than 0.0001\u202f%', '≤ 0\u202f%')
    """
    value = rounded_up(max(certificate, 0.0))
    return share(value) if 0 < value < _TINY else f"{sign} {share(value)}"


def recovered_words(study: Study) -> str:
    """Say which hours the plain relaxation did not get right, and what gave their values; empty where none.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> from adnflex.reporting.dispatch.inputs import studies
    >>> recovered_words(studies(*example())[0])
    '11:00–12:00 (priced loss); 12:00–14:00 (sequential)'
    """
    table = worst_recovery(study.plan)
    clock = Clock.of(study.plan)
    table = table[table["method"] != NO_RECOVERY]
    methods = dict.fromkeys(table["method"])
    return "; ".join(f"{clock.spans(table.index[table['method'] == m])} ({m})" for m in methods)


def spread_percent(study: Study) -> float:
    """Highest minus lowest voltage of any bus, period and scenario [% of nominal]."""
    table = study.plan.vm_pu if study.check is None else study.check.vm_pu
    values = table.to_numpy(dtype=float)
    return float(100 * (pd.DataFrame(values).max().max() - pd.DataFrame(values).min().min()))


# Key figures ------------------------------------------------------------------------------------------------


def key_cards(study: Study, first: Study | None = None) -> list[Card]:
    """Return the key figures: cost, carbon, energy, certificate, exactness, voltage, moves, time.

    Parameters
    ----------
    study : Study
        What the figures are of.
    first : Study or None
        What they are compared with.
    """
    plan = study.plan
    source = "of the model, not validated" if study.costs_are_model else "by AC power flow"
    carbon = f"of the import{_against(plan.carbon_kg, first, 'carbon')}"
    many = f"expected over {len(plan.scenarios)} scenarios, " if len(plan.scenarios) > 1 else ""
    days = len(plan.periods) * plan.hours_per_period
    cards = [
        Card(f"Cost of {days:g} h", _cost(study), f"{many}{source}{_against(study.cost, first, 'cost')}"),
        Card("Carbon", mass(plan.carbon_kg), carbon),
        Card("Imported", energy(study.mwh("imported")), f"{energy(study.mwh('exported'))} exported"),
        *_curtailed(study),
        _certificate(study),
        Card("Gap of the model", share(max(plan.gap, 0.0)), _status(study)),
        *_in_losses(study),
        _tightness(study),
        *_voltages(study),
        *_loading(study),
        *_moves(study),
        Card("Solver time", number(plan.seconds, "s", 3), plan.solver),
    ]
    return cards


def _against(value: float, first: Study | None, what: str) -> str:
    if first is None:
        return ""
    reference = first.cost if what == "cost" else first.plan.carbon_kg
    return f"; {relative(value, reference)} against {first.name}"


def _curtailed(study: Study) -> list[Card]:
    """Tell what was there and not used; nothing where none can be controlled."""
    available, curtailed = study.mwh("available"), study.mwh("curtailed")
    if not available > 0:
        return []
    part = percent(100 * curtailed / available)
    return [Card("Curtailed", energy(max(curtailed, 0.0)), f"{part} of {energy(available)} available")]


def _certificate(study: Study) -> Card:
    label, check = "From the best possible", study.check
    if check is None or not check.passed:
        return Card(label, dash, "no certificate without a passed check")
    if check.certificate is None or not math.isfinite(check.certificate):
        known = check.certificate_absolute is not None and math.isfinite(check.certificate_absolute)
        return Card(label, _room(study) if known else dash, "at most" if known else "no bound was proven")
    if check.certificate < -_DISAGREE:
        return Card(label, dash, "bound and AC power flow disagree")
    if check.certificate <= _EXACT:
        return Card(label, fixed(0, 0, "%"), "proven best, within rounding")
    return Card(label, distance(check.certificate, "≤"), f"at most {_room(study)}, proven")


def _in_losses(study: Study) -> list[Card]:
    """Gap and certificate as a share of what the losses are worth; nothing where no switches are decided."""
    plan, check = study.plan, study.check
    if not len(plan.switches):
        return []
    if plan.loss_gap is None:
        return [Card("Gap in losses", dash, "not proven, or losses are worth nothing here")]
    left = None if check is None else check.certificate_losses
    true = "no certificate without a passed check" if left is None else f"{distance(left, '≤')} by AC power flow"
    return [Card("Gap in losses", share(max(plan.loss_gap, 0.0)), f"of what they are worth; {true}")]


def _status(study: Study) -> str:
    return status_words(study.plan.status)


def _tightness(study: Study) -> Card:
    """Whether the relaxation was exact, or which hours were recovered."""
    table = worst_recovery(study.plan)
    count = int((table["method"] != NO_RECOVERY).sum())
    if not count:
        return Card("Relaxation", "exact", f"in all {len(table)} periods; nothing had to be recovered")
    return Card("Relaxation", f"{count} of {len(table)} recovered", recovered_words(study))


def _voltages(study: Study) -> list[Card]:
    """Lowest and highest voltage with their place and hour."""
    plan, check = study.plan, study.check
    table = plan.vm_pu if check is None else check.vm_pu
    source = ", of the model" if check is None else ""
    stacked = table.stack(list(range(table.columns.nlevels))).astype(float).dropna() if len(table.columns) else table
    if stacked.empty:
        return []
    cards = []
    for label, key in (("Lowest voltage", stacked.idxmin()), ("Highest voltage", stacked.idxmax())):
        *when, bus = key
        at = Clock.of(plan).text(when[-1]) + (f", scenario {when[0]}" if len(when) > 1 else "")
        cards.append(Card(label, fixed(float(stacked[key]), 4, "pu"), f"{place(plan, 'bus', bus)}, {at}{source}"))
    return cards


def _loading(study: Study) -> list[Card]:
    plan, check = study.plan, study.check
    if check is None or not has_loadings(plan, check) or not check.periods["loading_percent"].notna().any():
        return []
    row = check.periods.loc[check.periods["loading_percent"].astype(float).idxmax()]
    where = place(plan, row["loading_element"], row["loading_index"])
    below = f"{where}, {study.clock.text(row.name[1])}"
    return [Card("Highest loading", percent(float(row["loading_percent"])), below)]


def _moves(study: Study) -> list[Card]:
    """How often taps and steps are moved."""
    table = study.plan.devices.reindex(columns=["kind", "moves"])
    table = table[table["moves"].notna()]
    if table.empty:
        return []
    counts = table.groupby("kind", sort=False)["moves"].sum()
    return [Card("Moves", fixed(counts.sum(), 0), ", ".join(f"{k} {n:.0f}" for k, n in counts.items()))]
