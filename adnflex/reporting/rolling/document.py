"""The report of a rolling schedule: what the day costs, what the policy gains, what stage two does, and the proof."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from adnflex.reporting import page, parts
from adnflex.reporting.page import Html, Section
from adnflex.reporting.rolling import sections
from adnflex.reporting.rolling.inputs import Study, collected
from adnflex.reporting.rolling.summary import key_cards, notes_of, verdict
from adnflex.results.rolling import Comparison, RollingCheck, RollingRun

if TYPE_CHECKING:
    from pandapower import pandapowerNet

__all__ = ["rolling_report"]

_PARTS: tuple[Callable[[Study], Section | None], ...] = (
    sections.violations_section,
    sections.costs_section,
    sections.gains_section,
    sections.days_section,
    sections.balance_section,
    sections.storage_section,
    sections.vehicle_section,
    sections.exchange_section,
    sections.voltage_section,
    sections.limits_section,
    sections.published_section,
    sections.details_section,
    sections.terms_section,
)


def rolling_report(
    what: RollingRun | Comparison | Sequence[RollingRun | Comparison],
    check: RollingCheck | Sequence[RollingCheck | None] | None,
    path: str | Path,
    net: pandapowerNet | None = None,
) -> Path:
    """Write the report of a rolling schedule as one HTML file.

    Parameters
    ----------
    what : RollingRun, Comparison, or sequence of both
        A day, policies over common days, or one of each.
    check : RollingCheck, None, or sequence of both
        AC check of the day. None reports a day that was not validated, and the first line says so.
    path : str or pathlib.Path
        File to write; an existing one is replaced.
    net : pandapowerNet, optional
        The net of the case: for names, for the order of the buses, and for what is published.

    Returns
    -------
    pathlib.Path
        The file written.

    Raises
    ------
    InputError
        If `what` or `check` are something else, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from adnflex.reporting.rolling._example import example
    >>> run, comparison, check = example()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rolling_report([run, comparison], check, f"{folder}/rolling.html").name
    'rolling.html'
    """
    return parts.write(_page(collected(what, check, net)), path)


def _page(study: Study) -> page.Page:
    """Put the report together: first what it costs and gains, then why it may be believed."""
    made = [part(study) for part in _PARTS]
    fingerprint = str(study.run.inputs.get("fingerprint") or "not known") if study.run is not None else "not known"
    return page.Page(
        title=f"Rolling schedule of {study.any.case_name or 'an unnamed case'}",
        subtitle=_subtitle(study),
        verdict=verdict(study),
        top=_top(study),
        sections=[s for s in made if s is not None],
        footer=parts.footer(study.any.versions, fingerprint),
    )


def _subtitle(study: Study) -> str:
    """Say what is shown, in one line."""
    run, comparison = study.run, study.comparison
    told = []
    if run is not None:
        nodes = len(run.actions["ev_mw"].columns) if len(run.actions.columns) else 0
        stage = ", reactive power as stage two" if len(run.reactive.columns) else ""
        told.append(f"Day {run.day} under {run.policy}: {len(run.actions)} hours, {nodes} nodes{stage}")
    if comparison is not None:
        told.append(f"{len(comparison.days.columns)} policies over {len(comparison.days)} common days")
    told += [f"{word} {study.any.options[word]}" for word in ("weather", "tariff") if study.any.options.get(word)]
    return "; ".join(told)


def _top(study: Study) -> list[Html]:
    """Key figures and notes."""
    return [
        page.cards(key_cards(study)),
        page.notice("What you should know", parts.sentences(notes_of(study)), "plain"),
    ]
