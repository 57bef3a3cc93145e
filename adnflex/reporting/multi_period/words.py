"""Banner and key figures of a plan for many periods, in plain words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial

from adnflex.reporting.multi_period.scope import counted
from adnflex.reporting.multi_period.view import PeriodsView
from adnflex.reporting.page import Banner, Card
from adnflex.reporting.proof import Claim, banner, certificate_card, certificate_words
from adnflex.reporting.text import change, energy, number, relative, share
from adnflex.results import MultiPeriodPlan
from adnflex.results.status import status_words


def minimised(plan: MultiPeriodPlan) -> str:
    """Name what is least."""
    return {"cost": "cost of losses", "carbon": "carbon of losses"}.get(str(plan.options["objective"]), "losses")


def _worth_cards(plan: MultiPeriodPlan) -> list[Card]:
    """Return what lower losses save beside energy, where that is known."""
    saved = (("Money saved", plan.saving_cost, plan.currency), ("CO2 saved", plan.saving_carbon_kg, "kg"))
    return [Card(name, number(value, unit, 5), "by lower losses") for name, value, unit in saved if value is not None]


def _claim(view: PeriodsView) -> Claim:
    plan = view.plan
    value = plan.objective if view.check is None else view.check.objective
    return Claim("plan", "set of switch states", minimised(plan), value, plan.bound, partial(_told, unit=plan.unit))


def _told(value: float, digits: int = 5, unit: str = "MWh") -> str:
    return number(value, unit, digits)


def verdict(view: PeriodsView) -> Banner:
    """Banner of a plan."""
    missing = "No AC power flow has been run on this plan; do not switch before it has."
    words = certificate_words(view.check, _claim(view))
    return banner(view.check, "Passed: this plan may be switched", "FAILED: do not switch this plan", missing, words)


def key_cards(view: PeriodsView, _first: PeriodsView | None = None) -> list[Card]:
    """Return the key figures: energy lost, saved, topologies, operations, violated periods, certificate, time."""
    plan = view.plan
    cards = [
        Card(
            "Energy lost",
            change(energy(plan.energy_before_mwh), energy(plan.energy_mwh)),
            relative(plan.energy_mwh, plan.energy_before_mwh),
        ),
        Card("Saved", energy(plan.saving_mwh), "against the present switch states"),
        *_worth_cards(plan),
        Card("Topologies", str(len(plan.topologies)), f"for {counted(len(plan.periods))}"),
        Card("Switching operations", str(plan.operations), "over the horizon"),
    ]
    before = int((plan.periods["violation_before"].fillna(math.inf) > 0).sum())
    after = int((plan.periods["violation"] > 0).sum())
    cards.append(Card("Periods that break a limit", change(str(before), str(after)), "with exact power flow"))
    cards.append(certificate_card(view.check, _claim(view)))
    cards.append(Card("Solver time", number(plan.seconds, "s", 3), plan.solver))
    return cards


def title(views: Sequence[PeriodsView]) -> str:
    """Headline of the report."""
    names = dict.fromkeys(view.plan.net_name or "an unnamed net" for view in views)
    what = "Switching plan" if len(views) == 1 else f"{len(views)} switching plans"
    return f"{what} for many periods: {', '.join(names)}"


def subtitle(views: Sequence[PeriodsView]) -> str:
    """Say what was asked for and what is proven of the answer, in one line."""
    plan = views[-1].plan
    gap = f", gap {share(plan.gap)}" if math.isfinite(plan.bound) else ", no bound known"
    length = f"{counted(len(plan.periods))} of {plan.hours_per_period:g} h"
    return f"{length}; objective: least {minimised(plan)}; {status_words(plan.status)}{gap}"
