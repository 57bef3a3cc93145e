"""The report of a rolling schedule: what the day costs, what the policy gains, what stage two does, and the proof."""

from adnflex.reporting.rolling import costs, day, evidence, gains, summary, voltages
from adnflex.reporting.rolling.view import RollingView, views
from adnflex.reporting.views import ReportKind
from adnflex.results.rolling import Comparison, RollingCheck, RollingRun

__all__ = ["KIND"]

KIND: ReportKind[RollingView] = ReportKind(
    results=(RollingRun, Comparison),
    checks=(RollingCheck,),
    views=views,
    title=summary.title,
    subtitle=summary.subtitle,
    verdict=summary.verdict,
    cards=summary.key_cards,
    notes=summary.notes,
    made_by=summary.made_by,
    terms=evidence.TERMS,
    sections=[
        evidence.violations_section,
        costs.cost_section,
        gains.gains_section,
        gains.days_section,
        day.balance_section,
        day.storage_section,
        day.vehicle_section,
        day.exchange_section,
        voltages.voltage_section,
        evidence.limits_section,
        costs.published_section,
        evidence.details_section,
    ],
    figures={
        "balance": day.balance,
        "costs": costs.costs,
        "days": gains.days,
        "difference": gains.difference,
        "exchange": day.exchange,
        "policy-costs": costs.policy_costs,
        "reactive": day.reactive,
        "storage": day.storage,
        "totals": gains.totals,
        "vehicles": day.vehicles,
        "voltage": voltages.voltage,
        "voltage-band": voltages.voltage_band,
        "voltage-without": voltages.voltage_without,
    },
)
