"""Every kind of report, figures by their names, and which results and checks go together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from plotly import graph_objects as go

from adnflex.errors import InputError
from adnflex.reporting import (
    dispatch,
    flexibility,
    flexibility_sweep,
    multi_period,
    nothing_found,
    operations_frontier,
    reconfiguration,
    rolling,
    scenarios,
    sequence,
    sweep,
)
from adnflex.reporting.document import Shown
from adnflex.reporting.nothing_found import NothingFound
from adnflex.reporting.outages import every, one
from adnflex.reporting.views import NetFacts, ReportKind
from adnflex.results.contingencies import Contingencies
from adnflex.results.dispatch import DispatchPlan
from adnflex.results.drawn_scenarios import DrawnScenarios
from adnflex.results.pareto import Pareto
from adnflex.results.sequence import SwitchingSequence

#: Every kind of report; what a result is shown by follows from its class.
KINDS: list[ReportKind[Any]] = [
    reconfiguration.KIND,
    multi_period.KIND,
    operations_frontier.KIND,
    dispatch.KIND,
    flexibility.KIND,
    flexibility_sweep.KIND,
    rolling.KIND,
    sweep.KIND,
    sequence.KIND,
    one.KIND,
    every.KIND,
    scenarios.KIND,
    nothing_found.KIND,
]


def figure(name: str, plan: Any, check: Any = None, facts: NetFacts | None = None, **choices: Any) -> go.Figure:
    """Return one figure of a report.

    Parameters
    ----------
    name : str
        Its name, a key of `figures` of the kind of report.
    plan, check
        As in `adnflex.report`.
    facts : NetFacts, optional
        What the net tells of a result that does not carry it itself; `adnflex.verbs.report.net_facts` makes it.
    **choices
        What the figure lets be chosen, e.g. ``period=12`` of the map of a dispatch.

    Raises
    ------
    InputError
        If there is no such figure, it has nothing to show, or `plan` or `check` is something else.
    """
    shown = sorted_by_kind(listed(plan), check, facts or NetFacts())
    known = shown[0].kind.figures
    if len(shown) > 1 or name not in known:
        raise InputError(f"figure: there is no {name!r} of this; give one of {', '.join(sorted(known))}.")
    views = shown[0].views
    return known[name](views if len(views) > 1 else views[0], **choices)


def sorted_by_kind(results: Sequence[Any], checks: Any, facts: NetFacts) -> list[Shown]:
    """Sort results and checks by the kinds of report that show them."""
    if not results:
        raise InputError("plan: the list is empty; give at least one result, e.g. an adnflex.DispatchPlan.")
    results = [each for result in results for each in (result.plans if isinstance(result, Pareto) else [result])]
    given = _paired(results, checks)
    mine = tuple(result for result in results if isinstance(result, SwitchingSequence))
    orders = replace(facts.orders, known=(*mine, *facts.orders.known))
    outages = tuple(result for result in results if isinstance(result, Contingencies))
    days = tuple(result for result in results if isinstance(result, DrawnScenarios))
    # scenarios that a plan was made for stand in the report of that plan
    planned = [d for d in days for r in results if isinstance(r, DispatchPlan) and scenarios.scenarios_of([d], r)]
    found = []
    for kind in KINDS:
        which = [k for k, r in enumerate(results) if isinstance(r, kind.results) and not any(r is d for d in planned)]
        if which:
            own = [given[k] for k in which] if given is not None else _of_kind(kind, checks, len(which))
            views = kind.views([results[k] for k in which], own, facts)
            known = {"figures": kind.figures, "orders": orders, "outages": outages, "scenario_sets": days}
            found.append(Shown(kind, [replace(view, **known) for view in views]))
    return found


def _paired(results: Sequence[Any], checks: Any) -> list[Any] | None:
    """One check (or None) a result; None where they are fewer and go to their results by kind. Refuses others."""
    findings = []
    for result in results:
        if not isinstance(result, _classes("results")):
            findings.append(f"plan: is a {type(result).__name__}; give {_named('results')}, e.g. from its load().")
    known = listed(checks)
    for check in known:
        if check is not None and not isinstance(check, _classes("checks")):
            findings.append(f"check: is a {type(check).__name__}; give {_named('checks')} of the plan, or None.")
    here = tuple(c for kind in KINDS if any(isinstance(each, kind.results) for each in results) for c in kind.checks)
    for check in known:
        if not findings and check is not None and not isinstance(check, here):
            findings.append(f"check: is a {type(check).__name__}, but no result is what it checks; give that too.")
    if findings:
        raise InputError(list(dict.fromkeys(findings)))
    if checks is None:
        return [None] * len(results)
    fits = len(known) == len(results) and all(
        check is None or any(isinstance(result, k.results) and isinstance(check, k.checks) for k in KINDS)
        for result, check in zip(results, known, strict=True)
    )
    return known if fits else None


def _of_kind(kind: ReportKind[Any], checks: Any, results: int) -> list[Any]:
    """Return the checks of a kind; where there is none of it, its results were not validated."""
    return [check for check in listed(checks) if isinstance(check, kind.checks)] or [None] * results


def _classes(which: str) -> tuple[type, ...]:
    return tuple(c for kind in KINDS for c in getattr(kind, which))


def _named(which: str) -> str:
    # nothing found is the error that said so
    names = [f"adnflex.{'errors.Infeasible' if c is NothingFound else c.__name__}" for c in _classes(which)]
    return f"an {names[0]}" if len(names) == 1 else f"one of {', '.join(names)}"


def listed(value: Any) -> list[Any]:
    """List of what was given; text is one thing."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return list(value)
    return [value]
