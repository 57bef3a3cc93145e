"""Verdict, certificate and key figures of a reconfiguration, in plain words."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from adnflex.reporting.page import Banner, Card, passed
from adnflex.reporting.reconfiguration.view import SwitchingView
from adnflex.reporting.text import change, dash, fixed, number, percent, power, rounded_up, share
from adnflex.results import Check, Plan
from adnflex.results.certificate import reservation
from adnflex.results.status import GIVEN, status_words

__all__ = ["certificate_words", "key_cards", "notes", "objective_words", "subtitle", "title", "verdict"]

_OBJECTIVES = {
    "losses": "losses",
    "switching": "number of switching operations",
    "voltage": "voltage deviation",
    "mix": "weighted objective",
}
#: Differences of this size are rounding, not findings.
_EXACT = 1e-9
#: Below this, `share` only says "less than".
_TINY = 1e-6
#: A plan better than its bound by more than this shows that the bound is not one.
_DISAGREE = 1e-4


def objective_words(plan: Plan) -> str:
    """Objective in plain words."""
    return _OBJECTIVES.get(plan.objective_name, plan.objective_name)


def objective_value(plan: Plan, value: float | None, digits: int = 5) -> str:
    """Objective or a difference of objectives with its unit; MW read better as kW."""
    if plan.unit == "MW":
        return power(value, digits)
    return number(value, {"weighted": ""}.get(plan.unit, plan.unit), digits)


def _at_most(plan: Plan, value: float | None) -> str:
    """Difference of objectives that is an upper limit, and so is rounded up."""
    return objective_value(plan, None if value is None else rounded_up(value), 2)


def verdict(views: Sequence[SwitchingView]) -> Banner:
    """Banner of the report: that of the plan, or the worst of several."""
    found = [_verdict(view.plan, view.check) for view in views]
    if len(found) == 1:
        return found[0]
    worst = min(found, key=lambda v: ("fail", "open", "caution", "pass").index(v.kind))
    told = " ".join(f"{view.name}: {v.headline}. {v.sentence}" for view, v in zip(views, found, strict=True))
    return Banner(worst.kind, worst.headline, told, " ".join(v.remark for v in found))


def _verdict(plan: Plan, check: Check | None) -> Banner:
    """Banner of one plan."""
    words = certificate_words(plan, check)
    if check is None:
        return Banner(
            "open",
            "Not validated",
            "No AC power flow has been run on this plan; do not switch before it has.",
            words,
        )
    sentence = check.verdict[:1].upper() + check.verdict[1:].rstrip(".") + "."
    if check.passed:
        doubt = reservation(check.certificate, check.certificate_absolute)
        return passed("Passed: this plan may be switched", sentence, words, doubt)
    return Banner("fail", "FAILED: do not switch this plan", sentence, words)


def certificate_words(plan: Plan, check: Check | None) -> str:
    """Say how far the plan can be from the best possible, or why that is not known."""
    if check is None:
        return "No certificate: it compares the plan as it truly runs with the bound, so it needs the AC check."
    if not check.passed:
        return "No certificate: it exists only for a plan that passes the AC check."
    if check.certificate is None or not math.isfinite(check.certificate):
        if not math.isfinite(plan.bound):
            return "No certificate: the solver proved no lower bound, so nothing is known about better plans."
        return _absolute(plan, check) or "No certificate: the check gives none."
    what, value = objective_words(plan), objective_value(plan, check.objective)
    if check.certificate < -_DISAGREE:
        return (
            f"No certificate: AC power flow finds {share(-check.certificate)} less {what} than the bound "
            "allows, so the bound does not hold for the true network (see “How exact is the model”)."
        )
    if check.certificate <= _EXACT:
        return f"Certificate: this is the best possible. No admissible state gets below {value} ({what})."
    room = _at_most(plan, check.certificate_absolute)
    tiny = check.certificate < _TINY
    distance = f"{'' if tiny else 'at most '}{share(rounded_up(check.certificate))}"
    return (
        f"Certificate: {distance} from the best possible {what}. "
        f"No admissible switch state can save more than {room} of these {value}."
    )


def _absolute(plan: Plan, check: Check) -> str:
    """Certificate by the difference alone, where the objective is nearly zero."""
    if check.certificate_absolute is None or not math.isfinite(check.certificate_absolute):
        return ""
    room = _at_most(plan, check.certificate_absolute)
    return f"Certificate: no admissible switch state is better by more than {room} ({objective_words(plan)})."


# Key figures ------------------------------------------------------------------------------------------------


def key_cards(view: SwitchingView, _first: SwitchingView | None = None) -> list[Card]:
    """Return the key figures: losses, voltage, loading, operations, certificate, time."""
    plan, check = view.plan, view.check
    cards = [_losses(plan, check)]
    if plan.objective_name not in {"losses", "switching"}:
        value = plan.objective if check is None else check.objective
        cards.append(Card(objective_words(plan).capitalize(), objective_value(plan, value), "the objective"))
    cards += [*_voltages(view), *_loading(view), _operations(plan), _certificate(plan, check)]
    cards.append(Card("Solver time", number(plan.seconds, "s", 3), plan.solver))
    return cards


def _losses(plan: Plan, check: Check | None) -> Card:
    """Losses before and after, by AC power flow where there is one."""
    before = plan.losses_before_mw if check is None else check.losses_before_mw
    after = plan.losses_mw if check is None else check.losses_mw
    relative = (after - before) / before * 100 if before else math.nan
    below = [] if math.isnan(relative) else [f"{'+' if relative > 0 else ''}{percent(relative)}"]
    below.append("of the model, not validated" if check is None else "AC power flow")
    return Card("Losses", change(power(before), power(after)), ", ".join(below))


def _voltages(view: SwitchingView) -> list[Card]:
    """Lowest voltage, and the highest where it is nearer to its limit than the lowest."""
    plan, check = view.plan, view.check
    if check is None:
        known = plan.buses.reindex(columns=["vm_pu"])
        return [Card("Lowest voltage", *_extreme(view, known["vm_pu"], None, low=True))]
    table = check.buses.reindex(columns=["vm_before_pu", "vm_pu", "vm_min_pu", "vm_max_pu"]).astype(float)
    cards = [Card("Lowest voltage", *_extreme(view, table["vm_pu"], table["vm_before_pu"], low=True))]
    roots = plan.coordinates.index[plan.coordinates["kind"] == "root"] if view.has_map else []
    free = table.drop(index=roots, errors="ignore")
    above = (free["vm_max_pu"] - free["vm_pu"]).min()
    below = (free["vm_pu"] - free["vm_min_pu"]).min()
    if above < below:
        cards.append(Card("Highest voltage", *_extreme(view, table["vm_pu"], table["vm_before_pu"], low=False)))
    return cards


def _extreme(view: SwitchingView, after: pd.Series, before: pd.Series | None, low: bool) -> tuple[str, str]:
    """Lowest or highest voltage, before and after, and the buses that have it."""
    value, place = _pick(view, after, low)
    if before is None or before.notna().sum() == 0:
        return fixed(value, 4, "pu"), f"{place}, of the model" if before is None else place
    value_before, place_before = _pick(view, before, low)
    places = place if place == place_before else f"{place_before} → {place}"
    return change(fixed(value_before, 4, "pu"), fixed(value, 4, "pu")), places


def _pick(view: SwitchingView, values: pd.Series, low: bool) -> tuple[float, str]:
    """Extreme value and the bus that has it."""
    known = values.astype(float).dropna()
    if known.empty:
        return math.nan, dash
    bus = known.idxmin() if low else known.idxmax()
    return float(known[bus]), view.labels.of("bus", bus)


def _loading(view: SwitchingView) -> list[Card]:
    """Highest loading before and after."""
    check = view.check
    if check is None or not view.rated:
        return []
    table = check.branches
    if table["loading_percent"].notna().sum() == 0:
        return []
    after = table.loc[table["loading_percent"].astype(float).idxmax()]
    value = percent(float(after["loading_percent"]))
    before = percent(float(table["loading_before_percent"].astype(float).max()))
    return [Card("Highest loading", change(before, value), view.labels.of(after["element"], after["index"]))]


def _operations(plan: Plan) -> Card:
    """How many branches change their state."""
    moved = plan.switches[plan.switches["operated"].astype(bool)]
    closed = int(moved["closed_after"].astype(bool).sum())
    below = f"{closed} to close, {len(moved) - closed} to open" if len(moved) else "the net stays as it is"
    return Card("Switching operations", str(len(moved)), below)


def _certificate(plan: Plan, check: Check | None) -> Card:
    """Distance from the best possible."""
    label = "From the best possible"
    if check is None or not check.passed:
        return Card(label, dash, "no certificate without a passed check")
    if check.certificate is None:
        most = check.certificate_absolute
        known = most is not None and math.isfinite(most)
        return Card(label, _at_most(plan, most), "at most" if known else "no bound was proven")
    if check.certificate < -_DISAGREE:
        return Card(label, dash, "bound and AC power flow disagree")
    if check.certificate <= _EXACT:
        return Card(label, fixed(0, 0, "%"), "proven best, within rounding")
    room = _at_most(plan, check.certificate_absolute)
    sign = "" if check.certificate < _TINY else "≤ "
    return Card(label, f"{sign}{share(rounded_up(check.certificate))}", f"at most {room}, proven")


# Words of the head --------------------------------------------------------------------------------------------


def title(views: Sequence[SwitchingView]) -> str:
    """Headline of the report."""
    names = dict.fromkeys(view.plan.net_name or "an unnamed net" for view in views)
    what = "Switching plan" if len(views) == 1 else f"{len(views)} switching plans"
    return f"{what} for {', '.join(names)}"


def subtitle(views: Sequence[SwitchingView]) -> str:
    """Say what was asked for and what is proven of the answer, in one line."""
    view = views[-1]
    plan = view.plan
    counts = f"{len(plan.coordinates)} buses, {len(plan.topology)} branches; " if view.has_map else ""
    return f"{counts}objective: least {objective_words(plan)}; {_ended(view)}"


def _ended(view: SwitchingView) -> str:
    """Say how the search ended, and what is known of the distance from the best."""
    plan = view.plan
    if plan.status == GIVEN:
        # there was no search; a bound is the check's, where one was asked for
        bounded = view.check is not None and view.check.certificate is not None
        return "chosen by somebody else, see the certificate" if bounded else status_words(GIVEN)
    more = "" if plan.status == "optimal" else ": a better plan may exist, see the certificate"
    gap = f", gap {share(plan.gap)}" if math.isfinite(plan.gap) else ", no bound known"
    return f"{status_words(plan.status)}{more}{gap}"


def notes(view: SwitchingView) -> list[str]:
    """Return what the reader has to know."""
    told = [*view.plan.notes, *(view.check.notes if view.check is not None else ())]
    return told if view.has_map else [*told, "The plan carries no map; give report() the net to have one drawn."]
