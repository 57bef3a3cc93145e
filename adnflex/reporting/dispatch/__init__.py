"""The report of a dispatch, or of several studies side by side: what it costs, what every device does, the proof."""

from adnflex.reporting.dispatch import converters, costs, day, evidence, exactness, scenarios, states, summary
from adnflex.reporting.dispatch.view import DispatchView, views
from adnflex.reporting.views import ReportKind
from adnflex.results import DispatchCheck, DispatchPlan

__all__ = ["KIND"]

KIND: ReportKind[DispatchView] = ReportKind(
    results=(DispatchPlan,),
    checks=(DispatchCheck,),
    views=views,
    title=summary.title,
    subtitle=summary.subtitle,
    verdict=summary.verdict,
    cards=summary.key_cards,
    notes=summary.notes,
    made_by=lambda view: (view.plan.versions, view.plan.fingerprint),
    terms=evidence.TERMS,
    sections=[
        evidence.violations_section,
        costs.cost_section,
        scenarios.comparison_section,
        day.balance_section,
        day.positions_section,
        evidence.switching_section,
        converters.converters_section,
        day.reactive_section,
        day.storage_section,
        day.vehicle_section,
        states.voltage_section,
        states.loading_section,
        scenarios.scenario_section,
        exactness.exactness_section,
        evidence.limits_section,
        evidence.progress_section,
        states.map_section,
        evidence.details_section,
    ],
    figures={
        "balance": day.balance,
        "capacitors": day.capacitors,
        "converters": converters.converters,
        "costs": costs.costs,
        "exactness": exactness.exactness,
        "fan": scenarios.fan,
        "gaps": exactness.gaps,
        "loading": states.loading,
        "network": states.network,
        "progress": evidence.progress,
        "reactive": day.reactive,
        "storage": day.storage,
        "taps": day.taps,
        "vehicles": day.vehicles,
        "voltage": states.voltage,
    },
)
