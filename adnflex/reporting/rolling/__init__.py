"""The report of a rolling schedule: what the day costs, what the policy gains, what stage two does, and the proof."""

from adnflex.reporting.rolling import costs, day, evidence, gains, voltages, words
from adnflex.reporting.rolling.view import RollingView, views
from adnflex.reporting.views import Recipe, ReportKind, Sections
from adnflex.results.common_days import Comparison
from adnflex.results.rolling import RollingCheck, RollingRun

__all__ = ["KIND"]

_TERMS = {
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


def _wrong(view: RollingView) -> bool:
    return view.check is not None and view.run is not None and not view.check.passed


def _day_words(view: RollingView) -> str:
    run = view.day
    return (
        f"Day {run.day} of seed {run.seed} under {run.policy}. Above zero what supplies the nodes, below zero what "
        "uses it; both sides are equal in every hour. Other loads of the feeder are not part of it."
    )


def _voltage_title(view: RollingView) -> str:
    return "Voltages before and after stage two" if view.second else "Voltages"


def _limits_words(view: RollingView) -> str:
    if view.check is None:
        return "No limit has been checked: the day is not validated."
    return "The worst place of each kind of limit in AC power flow, over all hours as they came."


_SECTIONS: Sections = [
    Recipe(
        "violations", "What is wrong",
        "The day must not be carried out as it is. Figures below show it all the same.", (evidence.faults,), "", _wrong,
    ),
    Recipe(
        "costs", "What the day costs",
        "Purchase is what is left after exchange and storages. What vehicles pay is income and negative. Sun and wind "
        "are paid for what is available and the subsidy for each arrival: these three do not depend on the policy.",
        (costs.cost_blocks,), "Costs",
    ),
    Recipe(
        "gains", "What each policy gains",
        "All policies meet the same sun, wind and vehicles, so that differences show what totals, which vary from day "
        "to day, hide. Filled marks: the 95 % confidence interval does not hold zero.",
        (gains.gain_blocks,), "Gains",
    ),
    Recipe(
        "days", "From day to day",
        "Each dot is a day; the box holds the middle half of them, the line in it is the median.",
        (gains.day_blocks,), "Days", lambda view: len(view.days.days) > 1,
    ),
    Recipe(
        "checks", "Every policy in AC power flow",
        "All hours of all days as they came: load, sun and wind drawn afresh, seen by no stage. A day passes if every "
        "limit is met in every hour, every set-point keeps its device's limits, and costs follow from the set-points.",
        (evidence.checked_days,), "In AC", evidence.checked_days,
    ),
    Recipe("balance", "The day by hour", _day_words, ("balance",), "Dispatch"),
    Recipe(
        "storage", "Storage", "Energy at the end of each hour, dashed red its limits; and power, charging positive.",
        ("storage",),
    ),
    Recipe(
        "vehicles", "Vehicles",
        "The shaded band is the elastic capacity of all vehicles together: below it some would leave without what they "
        "need, above it chargers and batteries end.",
        ("vehicles", day.fleets),
    ),
    Recipe(
        "exchange", "Exchange between the nodes",
        "What each node receives from the other nodes (orange) and gives to them (blue). A dot is purchase, a ring is "
        "power spilled; the larger, the more.",
        ("exchange",), "Exchange",
    ),
    Recipe("voltage", _voltage_title, voltages.voltage_words, (voltages.voltage_blocks,), "Voltage"),
    Recipe("limits", "Limits", _limits_words, (evidence.limits,), "", lambda view: view.run),
    Recipe(
        "published", "Beside what is published",
        lambda view: f"All in {view.currency} a day. The days, the laws of what comes and the places of most devices "
        "are not printed, so that resemblance can be of order only: no number here is a target.",
        (costs.published,), "Published", costs.published,
    ),
    Recipe("details", "How it was computed", "", (evidence.details,), "Details"),
]  # fmt: skip

KIND: ReportKind[RollingView] = ReportKind(
    results=(RollingRun, Comparison),
    checks=(RollingCheck,),
    views=views,
    title=words.title,
    subtitle=words.subtitle,
    verdict=words.verdict,
    cards=words.key_cards,
    terms=_TERMS,
    sections=_SECTIONS,
    figures={
        "balance": day.balance,
        "costs": costs.costs,
        "days": gains.days,
        "difference": gains.difference,
        "exchange": day.exchange,
        "gaps": voltages.gaps,
        "policy-costs": costs.policy_costs,
        "reactive": day.reactive,
        "storage": day.storage,
        "totals": gains.totals,
        "vehicles": day.vehicles,
        "voltage": voltages.voltage,
        "voltage-band": voltages.voltage_band,
        "voltage-without": voltages.voltage_without,
    },
    several="days",
)
