"""Banner, certificate and key figures of a reconfiguration, in plain words."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from adnflex.reporting.page import Banner, Card
from adnflex.reporting.proof import Claim, banner, certificate_card, certificate_words
from adnflex.reporting.reconfiguration.view import SwitchingView
from adnflex.reporting.text import change, dash, fixed, number, percent, power, relative, share
from adnflex.results import Check, Plan
from adnflex.results.status import GIVEN, status_words

_OBJECTIVES = {
    "losses": "losses",
    "switching": "number of switching operations",
    "voltage": "voltage deviation",
    "mix": "weighted objective",
}


def _claim(view: SwitchingView) -> Claim:
    plan = view.plan
    value = plan.objective if view.check is None else view.check.objective

    def told(value: float | None, digits: int = 5) -> str:
        # MW read better as kW
        return power(value, digits) if plan.unit == "MW" else number(value, plan.unit.replace("weighted", ""), digits)

    name = _OBJECTIVES.get(plan.objective_name, plan.objective_name)
    return Claim("plan", "switch state", name, value, plan.bound, told)


def verdict(view: SwitchingView) -> Banner:
    """Banner of a plan."""
    missing = "No AC power flow has been run on this plan; do not switch before it has."
    words = certificate_words(view.check, _claim(view))
    return banner(view.check, "Passed: this plan may be switched", "FAILED: do not switch this plan", missing, words)


# Key figures ------------------------------------------------------------------------------------------------


def key_cards(view: SwitchingView, _first: SwitchingView | None = None) -> list[Card]:
    """Return the key figures: losses, voltage, loading, operations, certificate, time."""
    plan, check, claim = view.plan, view.check, _claim(view)
    cards = [_losses(plan, check)]
    if plan.objective_name not in {"losses", "switching"}:
        cards.append(Card(claim.name.capitalize(), claim.told(claim.value), "the objective"))
    cards += [*_voltages(view), *_loading(view), _operations(plan), certificate_card(check, claim)]
    cards.append(Card("Solver time", number(plan.seconds, "s", 3), plan.solver))
    return cards


def _losses(plan: Plan, check: Check | None) -> Card:
    """Losses before and after, by AC power flow where there is one."""
    before = plan.losses_before_mw if check is None else check.losses_before_mw
    after = plan.losses_mw if check is None else check.losses_mw
    off = relative(after, before)
    source = "of the model, not validated" if check is None else "AC power flow"
    return Card("Losses", change(power(before), power(after)), source if off == dash else f"{off}, {source}")


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
    return f"{counts}objective: least {_claim(view).name}; {_ended(view)}"


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
