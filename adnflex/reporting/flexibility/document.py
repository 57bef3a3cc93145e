"""The report of flexibility: what can be promised, what holds it back, and why it may be believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from adnflex.reporting import page, parts
from adnflex.reporting.flexibility import sections
from adnflex.reporting.flexibility.inputs import Study, collected
from adnflex.reporting.flexibility.summary import key_cards, verdict
from adnflex.reporting.inputs import has_drawing
from adnflex.reporting.layout import drawing_tables
from adnflex.reporting.page import Html, Section
from adnflex.reporting.text import fixed
from adnflex.results.flexibility import Flexibility, FlexibilityCheck
from adnflex.results.region import Region, RegionCheck
from adnflex.results.status import status_words

if TYPE_CHECKING:
    from pandapower import pandapowerNet

__all__ = ["flexibility_report"]

_PARTS: tuple[Callable[[Study], Section | None], ...] = (
    sections.violations_section,
    sections.box_section,
    sections.holding_section,
    sections.relieved_section,
    sections.switching_section,
    sections.map_section,
    sections.comparison_section,
    sections.following_section,
    sections.storage_section,
    sections.region_section,
    sections.limits_section,
    sections.proof_section,
    sections.states_section,
    sections.details_section,
)


def flexibility_report(
    plans: Flexibility | Sequence[Flexibility | Region],
    checks: FlexibilityCheck | Sequence[FlexibilityCheck | RegionCheck | None] | None,
    path: str | Path,
    net: pandapowerNet | None = None,
) -> Path:
    """Write the report of the flexibility at the point of common coupling as one HTML file.

    Parameters
    ----------
    plans : Flexibility, or sequence of Flexibility and Region
        The box, or the boxes before and after; regions of active and reactive power may stand among them.
    checks : FlexibilityCheck, None, or sequence of both
        AC check of the last box, or of each box. None reports what was not validated, and the first line says so.
    path : str or pathlib.Path
        File to write; an existing one is replaced.
    net : pandapowerNet, optional
        The net before any switching. Only needed for the maps of a box that carries no drawing tables.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    InputError
        If `plans` or `checks` are something else, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from adnflex.reporting.flexibility._example import example
    >>> flex, best, check = example()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     flexibility_report([flex, best], check, f"{folder}/flexibility.html").name
    'flexibility.html'
    """
    study = collected(plans, checks)
    if net is not None and not has_drawing(study.flex):
        topology, coordinates = drawing_tables(net, study.flex.switches if len(study.flex.switches) else None)
        study = replace(study, flex=replace(study.flex, topology=topology, coordinates=coordinates))
    return parts.write(_page(study), path)


def _page(study: Study) -> page.Page:
    """Put the report together: first what can be promised, then why it may be believed."""
    flex = study.flex
    made = [part(study) for part in _PARTS]
    return page.Page(
        title=f"Flexibility of {flex.net_name or 'an unnamed net'}",
        subtitle=_subtitle(study),
        verdict=verdict(study),
        top=_top(study),
        sections=[s for s in [*made, sections.terms_section()] if s is not None],
        footer=parts.footer(flex.versions, flex.fingerprint),
    )


def _subtitle(study: Study) -> str:
    """Say where, for how long, and how the search ended, in one line."""
    flex = study.flex
    low, high = fixed(flex.lower_mw.min(), 2), fixed(flex.upper_mw.max(), 2, "MW")
    return (
        f"At {flex.pcc}: {len(flex.box)} periods of {flex.hours_per_period:g} h, import between {low} and {high}; "
        f"{status_words(flex.status)}"
    )


def _top(study: Study) -> list[Html]:
    """Key figures and notes."""
    flex, check = study.flex, study.check
    notes = [*flex.notes, *(check.notes if check is not None else ()), *(n for r in study.regions for n in r.notes)]
    if study.before_check is not None and not study.before_check.passed:
        notes.append("The box before did not pass its own AC check, so the comparison with it does not stand.")
    blocks = [page.cards(key_cards(study)), page.notice("What you should know", parts.sentences(notes), "plain")]
    if not has_drawing(flex):
        blocks.append(page.paragraph("The box carries no map; give report() the net to have one drawn.", "small"))
    return blocks
