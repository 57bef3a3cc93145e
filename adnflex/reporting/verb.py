"""The public verb `adnflex.report`: one name for the report of every kind of result, and of any mix of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from plotly import graph_objects as go

from adnflex.arguments import public
from adnflex.arguments.kinds import anything
from adnflex.errors import InputError
from adnflex.files import write_text
from adnflex.reporting import dispatch, flexibility, reconfiguration, rolling
from adnflex.reporting.document import Shown, document
from adnflex.reporting.layout import drawing_tables
from adnflex.reporting.page import render
from adnflex.reporting.views import NetFacts, ReportKind

if TYPE_CHECKING:
    from pandapower import pandapowerNet

__all__ = ["KINDS", "figure", "report"]

#: Every kind of report; what a result is shown by follows from its class.
KINDS: list[ReportKind[Any]] = [reconfiguration.KIND, dispatch.KIND, flexibility.KIND, rolling.KIND]


@public(also={"plan": anything(), "check": anything()})
def report(plan: Any, check: Any, path: str | Path, net: pandapowerNet | None = None) -> Path:
    """Write the report of results as one HTML file that opens anywhere, without a network connection.

    Parameters
    ----------
    plan : Plan, DispatchPlan, Flexibility, Region, RollingRun, Comparison, or sequence of any of them
        What is reported: of a reconfiguration, of a dispatch, or several dispatch studies that are compared with the
        first; the flexibility at the point of common coupling, alone or after that of the present topology, with its
        regions of active and reactive power where there are any; the day of a rolling schedule, policies over common
        days, or one of each; and any mix of these, of which the reader chooses one at a time.
    check : Check, DispatchCheck, FlexibilityCheck, RegionCheck, RollingCheck, sequence, or None
        Its AC check, or their checks in the same order; of flexibility before and after, the check of the latter
        is enough; a comparison of policies has none. None reports what was not validated, and the first line says so.
    path : str or pathlib.Path
        File to write; an existing one is replaced.
    net : pandapowerNet, optional
        The net before the plan. Only needed for the maps of a plan that carries no drawing tables, and of a rolling
        schedule for names and for what is published of its case.

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
    >>> import adnflex, pandapower.networks
    >>> plan = adnflex.reconfigure(pandapower.networks.simple_mv_open_ring_net(), vm_limits=(0.9, 1.1))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report(plan, None, f"{folder}/report.html").name
    'report.html'
    """
    results = [_drawn(result, net) for result in _listed(plan)]
    return write_text(path, render(document(_shown(results, check, _facts(results, net)))))


def figure(name: str, plan: Any, check: Any = None, net: pandapowerNet | None = None, **choices: Any) -> go.Figure:
    """Return one figure of a report.

    Parameters
    ----------
    name : str
        Its name, a key of `figures` of the kind of report.
    plan, check, net
        As in `adnflex.report`.
    **choices
        What the figure lets be chosen, e.g. ``period=12`` of the map of a dispatch.

    Raises
    ------
    InputError
        If there is no such figure, it has nothing to show, or `plan` or `check` is something else.
    """
    results = [_drawn(result, net) for result in _listed(plan)]
    shown = _shown(results, check, _facts(results, net))
    known = shown[0].kind.figures
    if len(shown) > 1 or name not in known:
        raise InputError(f"figure: there is no {name!r} of this; give one of {', '.join(sorted(known))}.")
    views = shown[0].views
    return known[name](views if len(views) > 1 else views[0], **choices)


def _shown(results: Sequence[Any], checks: Any, facts: NetFacts) -> list[Shown]:
    """Sort results and checks by the kinds of report that show them."""
    if not results:
        raise InputError("plan: the list is empty; give at least one result, e.g. an adnflex.DispatchPlan.")
    given = _paired(results, checks)
    found = []
    for kind in KINDS:
        mine = [k for k, result in enumerate(results) if isinstance(result, kind.results)]
        if mine:
            own = [given[k] for k in mine] if given is not None else _of_kind(kind, checks)
            views = kind.views([results[k] for k in mine], own, facts)
            found.append(Shown(kind, [replace(view, figures=kind.figures) for view in views]))
    return found


def _paired(results: Sequence[Any], checks: Any) -> list[Any] | None:
    """One check (or None) a result; None where they are fewer and go to their results by kind. Refuses others."""
    findings = []
    for result in results:
        if not isinstance(result, _classes("results")):
            findings.append(f"plan: is a {type(result).__name__}; give {_named('results')}, e.g. from its load().")
    known = _listed(checks)
    for check in known:
        if check is not None and not isinstance(check, _classes("checks")):
            findings.append(f"check: is a {type(check).__name__}; give {_named('checks')} of the plan, or None.")
    if findings:
        raise InputError(list(dict.fromkeys(findings)))
    if checks is None:
        return [None] * len(results)
    fits = len(known) == len(results) and all(
        check is None or any(isinstance(result, k.results) and isinstance(check, k.checks) for k in KINDS)
        for result, check in zip(results, known, strict=True)
    )
    return known if fits else None


def _of_kind(kind: ReportKind[Any], checks: Any) -> list[Any]:
    only = len(KINDS) == 1
    return [check for check in _listed(checks) if isinstance(check, kind.checks) or (only and check is None)]


def _classes(which: str) -> tuple[type, ...]:
    return tuple(c for kind in KINDS for c in getattr(kind, which))


def _named(which: str) -> str:
    names = [f"adnflex.{c.__name__}" for c in _classes(which)]
    return f"an {names[0]}" if len(names) == 1 else f"one of {', '.join(names)}"


def _listed(value: Any) -> list[Any]:
    """List of what was given; text is one thing."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return list(value)
    return [value]


def _facts(results: Sequence[Any], net: pandapowerNet | None) -> NetFacts:
    """Return what the net tells of results that do not carry it themselves."""
    if net is None or all(hasattr(result, "topology") for result in results):
        return NetFacts()
    topology, coordinates = drawing_tables(net)
    tables = ("sgen", "gen", "load", "storage", "shunt", "dcline", "ext_grid")
    named = [table for table in tables if "name" in net[table]]
    names = [net[table][["name"]].rename_axis("index").reset_index().assign(table=table) for table in named]
    limits = net.bus[[column for column in ("min_vm_pu", "max_vm_pu") if column in net.bus]]
    told = net.get("study")
    told = told if isinstance(told, Mapping) else {}
    return NetFacts(topology, coordinates, pd.concat(names, ignore_index=True), limits, told)


def _drawn(result: Any, net: pandapowerNet | None) -> Any:
    """Give a result without a map one of the net."""
    if net is None or not hasattr(result, "topology") or len(result.topology):
        return result
    switches = result.switches if len(result.switches) else None
    topology, coordinates = drawing_tables(net, switches)
    return replace(result, topology=topology, coordinates=coordinates)
