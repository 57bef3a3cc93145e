"""Verdict, certificate and key figures of a dispatch, in plain words."""

from __future__ import annotations

import math
from collections.abc import Sequence

from adnflex.reporting.dispatch.exactness import recovered_words, worst_recovery
from adnflex.reporting.dispatch.view import NO_RECOVERY, DispatchView
from adnflex.reporting.findings import has_ratings
from adnflex.reporting.page import Banner, Card, passed
from adnflex.reporting.text import (
    dash,
    distance,
    energy,
    fixed,
    many,
    mass,
    money,
    number,
    percent,
    relative,
    rounded_up,
    share,
)
from adnflex.results.status import status_words

__all__ = ["certificate_words", "key_cards", "notes", "subtitle", "title", "verdict"]

#: Differences of this size are rounding, not findings.
_EXACT = 1e-9
#: A dispatch cheaper than its bound by more than this shows that the bound is not one.
_DISAGREE = 1e-4


def verdict(found: Sequence[DispatchView]) -> Banner:
    """Banner of the report."""
    return _verdict_of_one(found[0]) if len(found) == 1 else _verdict_of_many(found)


def _verdict_of_one(view: DispatchView) -> Banner:
    check, words = view.check, certificate_words(view)
    if check is None:
        sentence = "No AC power flow has been run on this schedule; do not carry it out before it has."
        return Banner("open", "Not validated", sentence, words)
    sentence = check.verdict[:1].upper() + check.verdict[1:].rstrip(".") + "."
    if check.passed:
        return passed("Passed: this schedule may be carried out", sentence, words, _doubt(view))
    return Banner("fail", "FAILED: do not carry out this schedule", sentence, words)


def _verdict_of_many(found: Sequence[DispatchView]) -> Banner:
    """Worst verdict of all, and the certificate of each."""
    failed = [s for s in found if s.check is not None and not s.check.passed]
    unknown = [s for s in found if s.check is None]
    remark = _certificates([s for s in found if s.check is not None and s.check.passed])
    if failed:
        told = " ".join(f"{s.name}: {s.check.verdict}" for s in failed if s.check is not None)
        return Banner("fail", f"FAILED: {_names(failed)}", told, remark)
    if unknown:
        sentence = "No AC power flow has been run on it; do not carry it out before it has."
        return Banner("open", f"Not validated: {_names(unknown)}", sentence, remark)
    sentence = "In every study AC power flow converged and every limit of net and devices is met."
    doubts = [f"{s.name}: {doubt}" for s in found if (doubt := _doubt(s))]
    return passed(f"Passed: all {len(found)} studies", sentence, remark, "; ".join(doubts))


def _doubt(view: DispatchView) -> str:
    """Why a schedule that passed is not green; empty where it is."""
    check = view.check
    return "" if check is None else check.doubt


def _certificates(found: Sequence[DispatchView]) -> str:
    """Certificates of several studies in one sentence, and what is to be said of those that have none."""
    plain = [s for s in found if s.certificate >= -_DISAGREE]
    rest = [f"{s.name}: {certificate_words(s)}" for s in found if s not in plain]
    told = [f"{s.name} {distance(s.certificate)}" for s in plain]
    words = [f"Certificate, as distance from the best possible cost: {', '.join(told)}."] if told else []
    return " ".join([*words, *rest])


def _names(found: Sequence[DispatchView]) -> str:
    return ", ".join(s.name for s in found)


def certificate_words(view: DispatchView) -> str:
    """Say how far the schedule can be from the best possible, in money and in losses, or why that is not known."""
    plan, check = view.plan, view.check
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
        return f"Certificate: no admissible schedule is cheaper by more than {_room(view)}."
    if check.certificate < -_DISAGREE:
        return (
            f"No certificate: AC power flow finds a cost {share(-check.certificate)} below what the bound allows, so "
            "the bound does not hold for the true network (see “How exact is the model”)."
        )
    if check.certificate <= _EXACT:
        return f"Certificate: this is the best possible; no admissible schedule costs less than {_cost(view)}."
    # Of an income nothing is saved.
    of = f"save more than {_room(view)} of these" if view.cost > 0 else f"be better by more than {_room(view)} than"
    return (
        f"Certificate: {distance(check.certificate)} from the best possible cost. "
        f"No admissible schedule can {of} {_cost(view)}.{_losses_words(view)}"
    )


def _losses_words(view: DispatchView) -> str:
    """Say what the certificate means for the losses, where switches are decided."""
    left = None if view.check is None else view.check.certificate_losses
    if left is None:
        return ""
    return f" Measured by the losses that is {distance(left, '≤')} of what they are worth."


def _cost(view: DispatchView) -> str:
    return money(view.cost, view.plan.currency)


def _room(view: DispatchView) -> str:
    """Difference of costs that is an upper limit, and so is rounded up."""
    value = view.check.certificate_absolute if view.check is not None else None
    return number(None if value is None else rounded_up(value), view.plan.currency, 2)


# Key figures ------------------------------------------------------------------------------------------------


def key_cards(view: DispatchView, first: DispatchView | None = None) -> list[Card]:
    """Return the key figures: cost, carbon, energy, certificate, exactness, voltage, moves, time.

    Parameters
    ----------
    view : DispatchView
        What the figures are of.
    first : DispatchView or None
        What they are compared with.
    """
    plan = view.plan
    source = "of the model, not validated" if view.costs_are_model else "by AC power flow"
    carbon = f"of the import{_against(plan.carbon_kg, first, 'carbon')}"
    many = f"expected over {len(plan.scenarios)} scenarios, " if len(plan.scenarios) > 1 else ""
    days = len(plan.periods) * plan.hours_per_period
    cards = [
        Card(f"Cost of {days:g} h", _cost(view), f"{many}{source}{_against(view.cost, first, 'cost')}"),
        Card("Carbon", mass(plan.carbon_kg), carbon),
        Card("Imported", energy(view.mwh("imported")), f"{energy(view.mwh('exported'))} exported"),
        *_curtailed(view),
        _certificate(view),
        Card("Gap of the model", share(max(plan.gap, 0.0)), status_words(plan.status)),
        *_in_losses(view),
        _tightness(view),
        *_voltages(view),
        *_loading(view),
        *_moves(view),
        Card("Solver time", number(plan.seconds, "s", 3), plan.solver),
    ]
    return cards


def _against(value: float, first: DispatchView | None, what: str) -> str:
    if first is None:
        return ""
    reference = first.cost if what == "cost" else first.plan.carbon_kg
    return f"; {relative(value, reference)} against {first.name}"


def _curtailed(view: DispatchView) -> list[Card]:
    """Tell what was there and not used; nothing where none can be controlled."""
    available, curtailed = view.mwh("available"), view.mwh("curtailed")
    if not available > 0:
        return []
    part = percent(100 * curtailed / available)
    return [Card("Curtailed", energy(max(curtailed, 0.0)), f"{part} of {energy(available)} available")]


def _certificate(view: DispatchView) -> Card:
    label, check = "From the best possible", view.check
    if check is None or not check.passed:
        return Card(label, dash, "no certificate without a passed check")
    if check.certificate is None or not math.isfinite(check.certificate):
        known = check.certificate_absolute is not None and math.isfinite(check.certificate_absolute)
        return Card(label, _room(view) if known else dash, "at most" if known else "no bound was proven")
    if check.certificate < -_DISAGREE:
        return Card(label, dash, "bound and AC power flow disagree")
    if check.certificate <= _EXACT:
        return Card(label, fixed(0, 0, "%"), "proven best, within rounding")
    return Card(label, distance(check.certificate, "≤"), f"at most {_room(view)}, proven")


def _in_losses(view: DispatchView) -> list[Card]:
    """Gap and certificate as a share of what the losses are worth; nothing where no switches are decided."""
    plan, check = view.plan, view.check
    if not len(plan.switches):
        return []
    if plan.loss_gap is None:
        return [Card("Gap in losses", dash, "not proven, or losses are worth nothing here")]
    left = None if check is None else check.certificate_losses
    true = "no certificate without a passed check" if left is None else f"{distance(left, '≤')} by AC power flow"
    return [Card("Gap in losses", share(max(plan.loss_gap, 0.0)), f"of what they are worth; {true}")]


def _tightness(view: DispatchView) -> Card:
    """Whether the relaxation was exact, or which hours were recovered."""
    table = worst_recovery(view.plan.recovery)
    count = int((table["method"] != NO_RECOVERY).sum())
    if not count:
        return Card("Relaxation", "exact", f"in all {len(table)} periods; nothing had to be recovered")
    return Card("Relaxation", f"{count} of {len(table)} recovered", recovered_words(view))


def _voltages(view: DispatchView) -> list[Card]:
    """Lowest and highest voltage with their place and hour."""
    table = view.vm_pu
    source = ", of the model" if view.check is None else ""
    stacked = table.stack().astype(float).dropna() if len(table.columns) else table
    if stacked.empty:
        return []
    cards = []
    for label, key in (("Lowest voltage", stacked.idxmin()), ("Highest voltage", stacked.idxmax())):
        *when, bus = key
        at = view.text_of(tuple(when) if len(when) > 1 else when[0])
        cards.append(Card(label, fixed(float(stacked[key]), 4, "pu"), f"{view.labels.of('bus', bus)}, {at}{source}"))
    return cards


def _loading(view: DispatchView) -> list[Card]:
    check = view.check
    if check is None or not has_ratings(check.loading_percent) or not check.periods["loading_percent"].notna().any():
        return []
    row = check.periods.loc[check.periods["loading_percent"].astype(float).idxmax()]
    where = view.labels.of(row["loading_element"], row["loading_index"])
    return [Card("Highest loading", percent(float(row["loading_percent"])), f"{where}, {view.clock.text(row.name[1])}")]


def _moves(view: DispatchView) -> list[Card]:
    """How often taps and steps are moved."""
    table = view.plan.devices.reindex(columns=["kind", "moves"])
    table = table[table["moves"].notna()]
    if table.empty:
        return []
    counts = table.groupby("kind", sort=False)["moves"].sum()
    return [Card("Moves", fixed(counts.sum(), 0), ", ".join(f"{k} {n:.0f}" for k, n in counts.items()))]


# Words of the head --------------------------------------------------------------------------------------------


def title(views: Sequence[DispatchView]) -> str:
    """Headline of the report."""
    # the command line names a study after its net, "net, study 1"
    told = [f", study {v.plan.options.get('study', '')}" if len(views) > 1 else "" for v in views]
    names = [v.plan.net_name.removesuffix(t) or "an unnamed net" for v, t in zip(views, told, strict=True)]
    what = f"{len(views)} dispatch studies of" if len(views) > 1 else "Dispatch of"
    return f"{what} {', '.join(dict.fromkeys(names))}"


def subtitle(views: Sequence[DispatchView]) -> str:
    """Say what the horizon is, in one line."""
    plan = views[-1].plan
    buses = f"{len(plan.vm_pu.columns)} buses, " if len(plan.vm_pu.columns) else ""
    scenarios = f", {len(plan.scenarios)} scenarios" if len(plan.scenarios) > 1 else ""
    kinds = plan.devices["kind"].value_counts() if "kind" in plan.devices else {}
    devices = f"; dispatched: {', '.join(f'{k} ×{n}' if n > 1 else k for k, n in kinds.items())}" if len(kinds) else ""
    return f"{buses}{many(len(plan.periods), 'period')} of {plan.hours_per_period:g} h{scenarios}{devices}"


def notes(view: DispatchView) -> list[str]:
    """Return the notes of the plan and of its check."""
    return [*view.plan.notes, *(view.check.notes if view.check is not None else ())]
