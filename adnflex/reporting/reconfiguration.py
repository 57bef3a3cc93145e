"""The report of a reconfiguration: the plan, what AC power flow makes of it, how good it can be."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from adnflex.reporting import page, parts
from adnflex.reporting.actions import switching_section, violations_section
from adnflex.reporting.effects import loading_section, loss_section, network_section, voltage_section
from adnflex.reporting.evidence import (
    details_section,
    exactness_section,
    limits_section,
    progress_section,
    terms_section,
)
from adnflex.reporting.inputs import has_drawing, require
from adnflex.reporting.layout import drawing_tables
from adnflex.reporting.summary import key_cards, objective_words, verdict
from adnflex.reporting.text import share
from adnflex.results import Check, Plan
from adnflex.results.status import status_words

if TYPE_CHECKING:
    from pandapower import pandapowerNet

__all__ = ["reconfiguration_report"]


def reconfiguration_report(plan: Plan, check: Check | None, path: str | Path, net: pandapowerNet | None = None) -> Path:
    """Write the report of a reconfiguration as one HTML file that opens anywhere, without a network connection.

    Parameters
    ----------
    plan : Plan
        The plan.
    check : Check or None
        Its AC check. None reports a plan that was not validated, and the first line says so.
    path : str or pathlib.Path
        File to write; an existing one is replaced.
    net : pandapowerNet, optional
        The net before the plan. Only needed for the maps of a plan that carries no drawing tables.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    InputError
        If `plan` or `check` is something else, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from adnflex.reporting._example import example
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     reconfiguration_report(*example(), path=f"{folder}/report.html").name
    'report.html'
    """
    require(plan, check)
    if net is not None:
        topology, coordinates = drawing_tables(net, plan.switches)
        plan = replace(plan, topology=topology, coordinates=coordinates)
    return parts.write(_page(plan, check), path)


def _page(plan: Plan, check: Check | None) -> page.Page:
    """Put the report together: first what to do, then why it may be believed."""
    notes = [*plan.notes, *(check.notes if check is not None else ())]
    sections = [violations_section(plan, check), switching_section(plan, check)]
    if has_drawing(plan):
        sections += [network_section(plan, check), voltage_section(plan, check)]
    sections += [
        loading_section(plan, check),
        loss_section(plan, check),
        limits_section(plan, check),
        exactness_section(plan, check),
        progress_section(plan),
        details_section(plan),
        terms_section(),
    ]
    top = [page.cards(key_cards(plan, check)), page.notice("What you should know", parts.sentences(notes), "plain")]
    if not has_drawing(plan):
        top.append(page.paragraph("The plan carries no map; give report() the net to have one drawn.", "small"))
    return page.Page(
        title=f"Switching plan for {plan.net_name or 'an unnamed net'}",
        subtitle=_subtitle(plan),
        verdict=verdict(plan, check),
        top=top,
        sections=[s for s in sections if s is not None],
        footer=parts.footer(plan.versions, plan.fingerprint),
    )


def _subtitle(plan: Plan) -> str:
    """Say what was asked for and what is proven of the answer, in one line."""
    more = "" if plan.status == "optimal" else ": a better plan may exist, see the certificate"
    ended = f"{status_words(plan.status)}{more}"
    counts = f"{len(plan.coordinates)} buses, {len(plan.topology)} branches; " if has_drawing(plan) else ""
    gap = f", gap {share(plan.gap)}" if math.isfinite(plan.gap) else ", no bound known"
    return f"{counts}objective: least {objective_words(plan)}; {ended}{gap}"
