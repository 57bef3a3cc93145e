"""The report of a reconfiguration: the plan, what AC power flow makes of it, how good it can be."""

from adnflex.reporting.findings import TERMS
from adnflex.reporting.reconfiguration import actions, effects, evidence, profile, summary
from adnflex.reporting.reconfiguration.view import SwitchingView, views
from adnflex.reporting.views import ReportKind
from adnflex.results import Check, Plan

__all__ = ["KIND"]

KIND: ReportKind[SwitchingView] = ReportKind(
    results=(Plan,),
    checks=(Check,),
    views=views,
    title=summary.title,
    subtitle=summary.subtitle,
    verdict=summary.verdict,
    cards=summary.key_cards,
    notes=summary.notes,
    made_by=lambda view: (view.plan.versions, view.plan.fingerprint),
    terms=TERMS,
    sections=[
        actions.violations_section,
        actions.switching_section,
        effects.network_section,
        profile.voltage_section,
        effects.loading_section,
        effects.losses_section,
        evidence.limits_section,
        evidence.exactness_section,
        evidence.progress_section,
        evidence.details_section,
    ],
    figures={
        "loading": effects.loading,
        "losses": effects.losses,
        "network": effects.network,
        "progress": evidence.progress,
        "tightness": evidence.tightness,
        "voltage-profile": profile.voltage_profile,
    },
)
