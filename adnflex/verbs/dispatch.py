"""Dispatch: set-points of every device over a day that cost least."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import pyomo.environ as pyo
from pandapower import pandapowerNet

from adnflex.arguments import public
from adnflex.arguments.kinds import word
from adnflex.errors import Infeasible, TimeExpired
from adnflex.formulations.formulation import bound_kind
from adnflex.garbage import without_garbage_search
from adnflex.grid import read_grid
from adnflex.grid.layout import drawing_tables
from adnflex.powerflow.judge import auditing_seconds
from adnflex.problems.clock import Deadline, Progress, progress_table
from adnflex.problems.dispatch.changed import solve_changed
from adnflex.problems.dispatch.loss_certificate import Goal
from adnflex.problems.dispatch.prices import price_notes
from adnflex.problems.dispatch.reasons import causes, violation_row
from adnflex.problems.dispatch.solve import DispatchAnswer, solve_dispatch
from adnflex.problems.dispatch.tables import by_period, plan_tables
from adnflex.problems.reconfiguration.describe import unit_hint
from adnflex.results import NOT_PASSED, DispatchPlan
from adnflex.results.certificate import relative_gap
from adnflex.scenarios import ScenarioSet
from adnflex.study import (
    Profiles,
    Study,
    input_table,
    study_facts,
    times_table,
)
from adnflex.text import title as title_of
from adnflex.verbs.dispatch_task import read_task
from adnflex.verbs.validate_dispatch import validate_dispatch


@public(reading=read_grid, also={"objective": word("cost", "carbon")})
def dispatch(
    net: pandapowerNet,
    *,
    profiles: Profiles | None = None,
    periods: Iterable[int] | None = None,
    scenarios: ScenarioSet | None = None,
    hours_per_period: float | None = None,
    start_hour: float | None = None,
    loss_cost_per_mwh: float | None = None,
    carbon_price_per_kg: float | None = None,
    carbon_budget_kg: float | None = None,
    objective: str = "cost",
    vm_limits: tuple[float, float] | None = None,
    max_loading_percent: float | None = None,
    limits: str | Mapping[tuple[str, str], Any] | None = None,
    switchable_lines: Iterable[int] | str | None = None,
    switchable_switches: Iterable[int] = (),
    locked_lines: Iterable[int] = (),
    switching_cost: float = 0.0,
    max_operations: int | None = None,
    start: str = "present",
    windows: str | float | Iterable[int] | Iterable[Iterable[int]] | None = "fixed",
    follow: DispatchPlan | None = None,
    change: Callable[[pyo.ConcreteModel], object] | None = None,
    exact: bool = False,
    formulation: str = "distflow",
    gap: float = 1e-3,
    gap_in: str | None = None,
    time_limit: float = 300.0,
    solver: str = "auto",
    progress: Callable[[Progress], None] | None = None,
    name: str | None = None,
) -> DispatchPlan:
    """Find the set-points of every device over a horizon that cost least, with a proven gap.

    Parameters
    ----------
    net : pandapowerNet
        The net, its devices in its own tables (see the page "Devices"); it is only read.
    profiles : mapping, optional
        ``{(table, column): DataFrame}`` with absolute values; by default ``net.profiles``.
    periods : iterable of int, optional
        Rows of the profiles; by default all.
    scenarios : ScenarioSet, optional
        What varies, and how likely; taps, steps, blocks and charge modes are then the same in every scenario.
    hours_per_period : float, optional
        Length of a period [h]; by default ``net.study`` or the profiles' own step.
    start_hour : float, optional
        Clock hour at which the first row of the profiles begins [h]; by default that of the profiles' times, else 0.
    loss_cost_per_mwh : float, optional
        Cost of network losses beside their purchase [money/MWh].
    carbon_price_per_kg : float, optional
        Cost of emissions [money/kg].
    carbon_budget_kg : float, optional
        Largest expected emission [kg].
    objective : str
        ``cost`` or ``carbon`` (emissions, at next to equal emissions the cheaper).
    vm_limits, max_loading_percent, limits
        As in `adnflex.reconfigure`.
    switchable_lines, switchable_switches, locked_lines
        As in `adnflex.reconfigure`, where switch states are decided (see `windows`).
    switching_cost : float
        Cost of one operation [money].
    max_operations : int, optional
        Largest number of operations over the horizon.
    start : str
        ``present``: operations are counted, and cost, from the present switch states on; ``free``: the first states of
        the horizon are left out of count and cost.
    windows : str, float or iterable, optional
        Whether switch states are decided, and which periods share them: ``fixed`` (default: the present states stay),
        None (one topology for the horizon), or where it may change, as in `adnflex.reconfigure`: ``month``, ``week``,
        ``day``, the hours of a window, the first period of each, or the periods of each.
    follow : DispatchPlan, optional
        A plan whose taps, steps, blocks, reductions, charge modes and switch states are kept; everything else is
        decided anew (new forecast, other scenarios).
    change : callable, optional
        Changes the Pyomo model before it is solved: an objective of your own, more variables and constraints (linear,
        or cones); see the page "The models as Pyomo models". The plan has `own_objective` (in AC) and `own_bound`; its
        `objective` is what it costs, of which nothing is proven then. No present state stands in where none is found.
    exact : bool
        Solve the exact branch flow equations by spatial branch and bound (small models) instead of the relaxation.
    formulation : str
        Of the branch flow: ``distflow`` (its cone bounds AC, the plan has a certificate) or ``lindistflow`` (linear in
        flows and voltages; its own optimum bounds nothing in AC, so the bound is that of the DistFlow relaxation
        without integers, see ``bound_kind`` of the plan). Either plan is valued by exact power flow. ``auto``: as in
        `adnflex.reconfigure`, with the cones of all periods and scenarios.
    gap : float
        Relative gap at which to stop.
    gap_in : str, optional
        What the gap is a share of: ``cost`` (of what is minimised), or ``losses`` (of the value of the losses in it,
        which is a few percent of a bill). By default ``losses`` where switches are decided, else ``cost``.
    time_limit : float
        Time limit [s]: what was found by then is returned, within 10 % of the limit or 2 s. It counts from reading the
        net to the AC check of the answer, for which the search leaves time. Reading the net, building the model once
        and checking what is returned are always done, however short the limit: some 0.08 s a period of 33 buses.
    solver : str
        ``auto`` (outer approximation with HiGHS and Clarabel), ``scip``, or another one as in `adnflex.reconfigure`.
    progress : callable, optional
        Told incumbent, bound and seconds.
    name : str, optional
        Name of the net in the report.

    Returns
    -------
    DispatchPlan
        Set-points, costs, bound and gap.

    Raises
    ------
    InputError
        If the net, its profiles or an argument is wrong; all faults at once.
    Infeasible
        If no set-points meet every limit (`proven`), or none were found that do; names where. Never where the present
        state meets every limit: it is the first answer of the search.
    TimeExpired
        If the time was over before anything was found or refuted.

    Examples
    --------
    >>> from adnflex import networks
    >>> plan = dispatch(networks.study(networks.load("ieee33_dispatch"), "2"))
    >>> round(plan.objective), plan.status, round(float(plan.energy.at["imported", "mwh"]), 2)
    (13760, 'optimal', 13.44)
    """
    arguments = dict(locals())
    clock = Deadline(time_limit, progress)
    gap_in = gap_in or ("cost" if windows == "fixed" else "losses")
    task = read_task(net, arguments)
    study, facts = task.study, task.facts
    with clock.keeping(_seconds_of_the_check(net, study, clock)):
        goal = Goal(gap, gap_in == "losses")
        if change is None:
            answer, own = solve_dispatch(task.problem, goal=goal, clock=clock, solver=solver, exact=exact), None
        else:
            answer, own = solve_changed(task.problem, change, gap, clock, solver)
    if answer.state is None or not answer.state.feasible:
        raise _not_found(net, study, answer, clock)
    kept = ("objective", "windows", "switching_cost", "max_operations", "start", "exact", "formulation", "gap")
    options = {
        **{k: facts[k] for k in ("loss_cost_per_mwh", "carbon_price_per_kg", "carbon_budget_kg")},
        **{k: arguments[k] for k in (*kept, "time_limit", "solver")},
        "gap_in": gap_in,
    }
    known = study_facts(net)
    options |= {to: known[key] for key, to in (("name", "study"), ("published", "published")) if key in known}
    plan = _plan(net, study, answer, facts, options, title_of(net, name), clock)
    if own is not None:
        notes = (*plan.notes, own.words("set-points", "cost"))
        plan = replace(plan, own_objective=own.value, own_bound=own.bound, notes=notes)
    return _judged(plan, net, study, clock)


def _seconds_of_the_check(net: pandapowerNet, study: Study, clock: Deadline) -> float:
    """Seconds that the search leaves to the check of its answer, beyond those that it may be late."""
    if not math.isfinite(clock.seconds):
        return 0.0
    states = study.horizon.scenarios * study.horizon.periods
    # half of the allowance goes to bound and certificate, the rest is for what no clock sees: tables, certificates
    return max(auditing_seconds(net, states, clock.allowance) - clock.allowance / 4, 0.0)


@without_garbage_search()
def _plan(
    net: pandapowerNet,
    study: Study,
    answer: DispatchAnswer,
    facts: dict[str, Any],
    options: dict[str, Any],
    title: str,
    clock: Deadline,
) -> DispatchPlan:
    state = answer.state
    assert state is not None
    tables = plan_tables(net, study, answer, state)
    topology, coordinates = drawing_tables(net, tables["switches"])
    return DispatchPlan(
        net_name=title,
        objective=state.objective,
        bound=answer.bound,
        gap=relative_gap(state.objective, answer.bound),
        status=answer.status,
        currency=str(facts["currency"]),
        hours_per_period=study.horizon.hours,
        start_hour=study.horizon.start_hour,
        times=times_table(study.axis),
        **tables,
        inputs=input_table(net, study, by_period(study)),
        progress=progress_table(answer.progress),
        solver=answer.solver,
        seconds=clock.now,
        options=options,
        asked_limits=study.limits,
        fingerprint=study.grid.fingerprint,
        notes=(*study.grid.notes, *study.notes, *price_notes(study.devices, answer.dispatch.costs), *_notes(answer)),
        topology=topology,
        coordinates=coordinates,
        bound_kind=bound_kind(answer.dispatch.formulation),
        loss_gap=_loss_gap(answer),
        loss_bound_mwh=None if answer.losses is None else _finite(answer.losses.least_mwh),
    )


def _loss_gap(answer: DispatchAnswer) -> float | None:
    """Share of the value of the losses that may be left to save; None where nothing is proven of it."""
    if answer.state is None or answer.losses is None or not answer.losses.value > 0:
        return None
    return _finite(max(answer.state.objective - answer.bound, 0.0) / answer.losses.value)


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _notes(answer: DispatchAnswer) -> list[str]:
    notes = []
    if answer.relaxed is None:
        notes.append(
            f"the search ended before the relaxation had an answer; the set-points are those of the {answer.method}."
        )
    elif not answer.dispatch.formulation.bounds_ac:
        moved = f"; they were moved until power flow keeps every limit ({answer.method})" if answer.method else ""
        notes.append(
            f"the set-points are those of {answer.dispatch.formulation.name}, which leaves out what losses do to flows "
            f"and voltages{moved}."
        )
    elif answer.method:
        invented = float(answer.invented_kw.sum())
        notes.append(
            f"the cone relaxation invents {invented:.4g} kW of loss in all; the set-points come from another way "
            f"({answer.method}), the bound stays that of the relaxation."
        )
    if answer.spared_moves:
        notes.append(
            f"{answer.spared_moves} moves of taps and steps of the first plan found are left out: without them the "
            "plan is within the gap too, so they decided nothing. Those that are left are not proven to be the fewest."
        )
    return notes


def _judged(plan: DispatchPlan, net: pandapowerNet, study: Study, clock: Deadline) -> DispatchPlan:
    """Let the devices' audit and AC power flow judge a plan before it leaves; one that fails says so."""
    check = validate_dispatch(plan, net, engine="audit", study=study)
    seconds = clock.now
    if check.passed:
        return replace(plan, seconds=seconds)
    note = f"these set-points are no answer, they fail their own AC check: {check.verdict}."
    return replace(plan, status=NOT_PASSED, notes=(*plan.notes, note), seconds=seconds)


def _not_found(net: pandapowerNet, study: Study, answer: DispatchAnswer, clock: Deadline) -> Infeasible | TimeExpired:
    if answer.state is None and answer.status == "time_limit" and not answer.excess:
        # a solver may end a little before its limit, and what comes after it takes longer
        ended = (
            f"{clock.seconds:g} s" if clock.left < 0.1 * clock.seconds else f"{clock.now:.2g} s of {clock.seconds:g} s"
        )
        return TimeExpired(
            f"no set-points that meet every limit were found within {ended}; it is not proven that there are none. "
            "Give more time_limit."
        )
    return _infeasible(net, study, answer)


def _infeasible(net: pandapowerNet, study: Study, answer: DispatchAnswer) -> Infeasible:
    """Say what stands in the way, and where."""
    rows = [violation_row(net, study, e) for e in answer.excess]
    least = causes(net, study) if answer.state is None else ""
    if answer.excess and answer.excess[0].kind == "power beyond the lines":
        least = f"; at no voltage can the lines carry {_carried(rows)}{least}"
    elif answer.excess:
        least = (
            f"; the least violating dispatch found breaks {len(rows)} limit{'s' if len(rows) > 1 else ''}, worst "
            f"{_where(rows[0])}; relax that limit or add a measure there{least}"
        )
    if answer.state is not None:
        text = "the relaxation has an answer, but none was found that holds in exact power flow (not proven)"
    elif answer.status == "infeasible":
        text = "no set-points meet every limit (proven)"
        least = least or (
            "; even with every limit of the network relaxed the devices find no set-points, so limits of theirs "
            "contradict each other over the horizon: set controllable to False one by one to see whose"
        )
    else:
        text = f"the search ended ({answer.status}) before it found set-points (not proven)"
    return Infeasible(f"{text}{least}.", pd.DataFrame(rows) if rows else None, answer.status == "infeasible")


def _where(row: Mapping[str, Any]) -> str:
    """Say where a limit is violated, and how far."""
    if row["kind"] == "no power flow":
        return f"period {row['period']}: power flow has no solution"
    place = f"{row['kind']} at {row['element']} {row['index']} in period {row['period']}"
    if row["kind"] == "carbon":
        place = "the carbon budget"
    hint = unit_hint(row["value"], row["limit"])
    return f"{place}: {row['value']:.5g} against {row['limit']:.5g} {row['unit']}{hint}"


def _carried(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say how much of the fixed power cannot be carried, where it is worst."""
    worst = rows[0]
    more = f" (and {len(rows) - 1} more places and periods)" if len(rows) > 1 else ""
    return (
        f"more than {worst['limit']:.4g} of the {worst['value']:.4g} MVA at {worst['element']} {worst['index']} in "
        f"period {worst['period']}{more}"
    )
