"""The report of a dispatch: what it costs, what every device does and when, and why it may be believed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from adnflex.reporting import page, parts
from adnflex.reporting.dispatch import sections, tables
from adnflex.reporting.dispatch.compare import comparison_figure
from adnflex.reporting.dispatch.inputs import Checks, Plans, Study, studies
from adnflex.reporting.dispatch.summary import key_cards, verdict
from adnflex.reporting.layout import drawing_tables
from adnflex.reporting.page import Html, Section

if TYPE_CHECKING:
    from pandapower import pandapowerNet

__all__ = ["dispatch_report"]

_Part = Callable[[Study], Section | None]

_PARTS: tuple[_Part, ...] = (
    sections.balance_section,
    sections.positions_section,
    tables.switching_section,
    sections.reactive_section,
    sections.storage_section,
    sections.vehicle_section,
    sections.voltage_section,
    sections.loading_section,
    sections.scenario_section,
    sections.exactness_section,
    tables.limits_section,
    sections.progress_section,
    sections.map_section,
    tables.details_section,
)


def dispatch_report(plans: Plans, checks: Checks, path: str | Path, net: pandapowerNet | None = None) -> Path:
    """Write the report of a dispatch, or of several studies side by side, as one HTML file.

    Parameters
    ----------
    plans : DispatchPlan or sequence of DispatchPlan
        The plans; the first of several is what the others are compared with.
    checks : DispatchCheck, None, or sequence of both
        Their AC checks. None reports a schedule that was not validated, and the first line says so.
    path : str or pathlib.Path
        File to write; an existing one is replaced.
    net : pandapowerNet, optional
        The net. Only needed for the map and the order of the buses where a plan carries no drawing tables.

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
    >>> from adnflex.reporting.dispatch._example import example
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     dispatch_report(*example(), path=f"{folder}/dispatch.html").name
    'dispatch.html'
    """
    found = studies(plans, checks)
    if net is not None:
        found = [_drawn(study, net) for study in found]
    return parts.write(_page(found), path)


def _drawn(study: Study, net: pandapowerNet) -> Study:
    """Give a plan without a map one of the net."""
    if len(study.plan.topology):
        return study
    topology, coordinates = drawing_tables(net)
    return replace(study, plan=replace(study.plan, topology=topology, coordinates=coordinates))


def _page(found: list[Study]) -> page.Page:
    """Put the report together: first what it costs and does, then why it may be believed."""
    several = len(found) > 1
    main = found[-1]
    joint: list[Section | None] = [tables.cost_section(found)]
    if several:
        joint.append(_comparison(found))
    made = [_joined(part, found) for part in _PARTS]
    made = [_joined(tables.violations_section, found), *joint, *made, tables.terms_section()]
    return page.Page(
        title=_title(found),
        subtitle=_subtitle(main),
        verdict=verdict(found),
        top=_top(found),
        sections=[s for s in made if s is not None],
        footer=parts.footer(main.plan.versions, main.plan.fingerprint),
        variants=[s.name for s in found] if several else (),
    )


def _title(found: list[Study]) -> str:
    # the command line names a study after its net, "net, study 1"
    told = [f", study {s.plan.options.get('study', '')}" for s in found]
    names = dict.fromkeys(
        s.plan.net_name.removesuffix(t if len(found) > 1 else "") or "an unnamed net"
        for s, t in zip(found, told, strict=True)
    )
    what = f"{len(found)} dispatch studies of" if len(found) > 1 else "Dispatch of"
    return f"{what} {', '.join(names)}"


def _subtitle(study: Study) -> str:
    """Say what the horizon is, in one line."""
    plan = study.plan
    buses = f"{len(plan.vm_pu.columns)} buses, " if len(plan.vm_pu.columns) else ""
    scenarios = f", {len(plan.scenarios)} scenarios" if len(plan.scenarios) > 1 else ""
    periods = "periods" if len(plan.periods) > 1 else "period"
    kinds = plan.devices["kind"].value_counts() if "kind" in plan.devices else {}
    devices = f"; dispatched: {', '.join(f'{k} ×{n}' if n > 1 else k for k, n in kinds.items())}" if len(kinds) else ""
    return f"{buses}{len(plan.periods)} {periods} of {plan.hours_per_period:g} h{scenarios}{devices}"


def _top(found: list[Study]) -> list[Html]:
    """Key figures and notes of each study."""
    first = found[0] if len(found) > 1 else None
    blocks = []
    for study in found:
        notes = [*study.plan.notes, *(study.check.notes if study.check is not None else ())]
        cards = page.cards(key_cards(study, None if study is first else first))
        told = [cards, page.notice("What you should know", parts.sentences(notes), "plain")]
        blocks += [page.variant(study.name, *told)] if first is not None else told
    return blocks


def _joined(part: _Part, found: Sequence[Study]) -> Section | None:
    """One section of all studies that have it; the reader chooses which of them is shown."""
    made = [(study, part(study)) for study in found]
    there = [(study, section) for study, section in made if section is not None]
    if not there:
        return None
    if len(found) == 1:
        return there[0][1]
    blocks = [
        page.variant(study.name, page.paragraph(_of(study, section.intro), "intro"), *section.blocks)
        for study, section in there
    ]
    return replace(there[0][1], intro="", blocks=blocks)


def _of(study: Study, intro: str) -> Html:
    """Introduction that begins with the study that is shown, so that a reader who jumped here knows."""
    return page.join(Html("<strong>"), study.name[:1].upper() + study.name[1:], Html("</strong>. "), intro)


def _comparison(found: list[Study]) -> Section:
    """Studies through the day."""
    fig = comparison_figure([s.plan for s in found], [s.check for s in found])
    intro = "What each study takes from the grid, and the lowest and highest voltage of any bus; dashed red are limits."
    return Section("comparison", "The studies by hour", intro, [page.figure(fig, "comparison-lines")], "By hour")
