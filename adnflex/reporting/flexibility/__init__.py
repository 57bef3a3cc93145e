"""The report of flexibility: what can be promised, what holds it back, and why it may be believed."""

from adnflex.reporting.flexibility import box, compare, evidence, holding, proof, regions, summary
from adnflex.reporting.flexibility.view import FlexibilityView, views
from adnflex.reporting.views import ReportKind
from adnflex.results.flexibility import Flexibility, FlexibilityCheck
from adnflex.results.region import Region, RegionCheck

__all__ = ["KIND"]

KIND: ReportKind[FlexibilityView] = ReportKind(
    results=(Flexibility, Region),
    checks=(FlexibilityCheck, RegionCheck),
    views=views,
    title=summary.title,
    subtitle=summary.subtitle,
    verdict=summary.verdict,
    cards=summary.key_cards,
    notes=summary.notes,
    made_by=lambda view: (view.flex.versions, view.flex.fingerprint),
    terms=evidence.TERMS,
    sections=[
        evidence.violations_section,
        box.box_section,
        holding.holding_section,
        holding.relieved_section,
        evidence.switching_section,
        holding.map_section,
        compare.comparison_section,
        box.following_section,
        box.storage_section,
        regions.region_section,
        evidence.limits_section,
        proof.proof_section,
        proof.states_section,
        evidence.details_section,
    ],
    figures={
        "binding": holding.binding,
        "bounds": proof.bounds,
        "box": box.box,
        "comparison": compare.comparison,
        "following": box.following,
        "network": holding.network,
        "region": regions.region,
        "region-areas": regions.region_areas,
        "region-grid": regions.region_grid,
        "relieved": holding.relieved,
        "rounds": proof.rounds,
        "sizes": proof.sizes,
        "states": proof.states,
        "storage": box.storage,
    },
)
