"""Dispatch: set-points of every device over a day that cost least."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import pandas as pd
from pandapower import pandapowerNet

from adnflex.errors import Infeasible, InputError
from adnflex.grid.profiles import Profiles
from adnflex.problems.describe import require_reconfigurable
from adnflex.problems.dispatch import Costs
from adnflex.problems.dispatch_state import Excess
from adnflex.problems.solve_dispatch import DispatchAnswer, solve_dispatch
from adnflex.problems.solve_reconfiguration import Progress
from adnflex.reporting.layout import drawing_tables
from adnflex.results import DispatchPlan
from adnflex.scenarios import ScenarioSet
from adnflex.workflows.dispatch_study import Study, input_table, read_study, settings, spans_of
from adnflex.workflows.dispatch_tables import by_period, plan_tables
from adnflex.workflows.reconfigure import check_effort, relative_gap

__all__ = ["dispatch"]


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
    switching: str | float = "fixed",
    switchable_lines: Iterable[int] | str | None = None,
    switchable_switches: Iterable[int] = (),
    switching_cost: float = 0.0,
    max_operations: int | None = None,
    exact: bool = False,
    value_of_information: bool = False,
    gap: float = 1e-3,
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
        Length of a period [h]; by default ``net.dispatch`` or the profiles' own step.
    start_hour : float, optional
        Clock hour at which the horizon begins [h].
    loss_cost_per_mwh : float, optional
        Cost of network losses beside their purchase [money/MWh].
    carbon_price_per_kg : float, optional
        Cost of emissions [money/kg].
    carbon_budget_kg : float, optional
        Largest expected emission [kg].
    objective : str
        ``cost`` or ``carbon`` (emissions, at next to equal emissions the cheaper).
    vm_limits : (float, float), optional
        Voltage limits of all buses [pu]; by default the net's own.
    switching : str or float
        ``fixed``, ``day`` (one set of switch states) or hours of a block with the same states.
    switchable_lines, switchable_switches
        As in `adnflex.reconfigure`, where switching is not fixed.
    switching_cost : float
        Cost of one operation [money].
    max_operations : int, optional
        Largest number of operations over the horizon.
    exact : bool
        Solve the exact branch flow equations by spatial branch and bound (small models) instead of the relaxation.
    value_of_information : bool
        With scenarios: also the value of the stochastic solution and the expected value of perfect information.
    gap, time_limit : float
        Relative gap and time limit [s].
    solver : str
        ``auto`` (outer approximation with HiGHS and Clarabel), ``scip``, ``gurobi`` ...
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
        If no set-points meet every limit; names where.

    Examples
    --------
    >>> from adnflex import networks
    >>> plan = dispatch(networks.study(networks.load("ieee33_dispatch"), "2"))
    >>> round(plan.objective), plan.status, round(plan.energy.at["imported", "mwh"], 2)
    (13760, 'optimal', 13.44)
    """
    started = time.monotonic()
    check_effort(gap, time_limit)
    if objective not in ("cost", "carbon"):
        raise InputError(f"objective is {objective!r}; give 'cost' or 'carbon'.")
    switchable_switches = list(switchable_switches)
    given = {
        "hours_per_period": hours_per_period,
        "start_hour": start_hour,
        "loss_cost_per_mwh": loss_cost_per_mwh,
        "carbon_price_per_kg": carbon_price_per_kg,
        "carbon_budget_kg": carbon_budget_kg,
    }
    facts = settings(net, given)
    study = read_study(
        net,
        profiles=profiles,
        periods=periods,
        scenarios=scenarios,
        hours_per_period=facts["hours_per_period"],
        start_hour=float(facts["start_hour"]),
        vm_limits=vm_limits,
        topology=switching != "fixed",
        switchable_lines=switchable_lines,
        switchable_switches=switchable_switches,
    )
    topology = spans_of(study.horizon, switching, switching_cost, max_operations)
    if topology.spans:
        require_reconfigurable(study.grid)
    costs = Costs(
        float(facts["loss_cost_per_mwh"]), float(facts["carbon_price_per_kg"]), facts["carbon_budget_kg"], objective
    )
    answer = solve_dispatch(
        study.points,
        study.horizon,
        study.devices,
        costs,
        topology,
        gap=gap,
        seconds=time_limit,
        solver=solver,
        exact=exact,
        progress=progress,
    )
    if answer.state is None or not answer.state.feasible:
        raise _infeasible(study, answer)
    options = {
        **{k: facts[k] for k in ("loss_cost_per_mwh", "carbon_price_per_kg", "carbon_budget_kg")},
        "objective": objective,
        "vm_limits": vm_limits,
        "switching": switching,
        "switching_cost": switching_cost,
        "max_operations": max_operations,
        "exact": exact,
        "gap": gap,
        "time_limit": time_limit,
        "solver": solver,
    }
    shipped = net.get("dispatch")
    if isinstance(shipped, dict) and "published" in shipped:
        options["published"] = shipped["published"]
    title = name or (net.get("name") or "") or "net"
    return _plan(net, study, answer, facts, options, vm_limits, title, started)


def _plan(
    net: pandapowerNet,
    study: Study,
    answer: DispatchAnswer,
    facts: dict[str, Any],
    options: dict[str, Any],
    vm_limits: tuple[float, float] | None,
    title: str,
    started: float,
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
        **tables,
        inputs=input_table(net, study, by_period(study)),
        progress=pd.DataFrame(answer.progress, columns=["seconds", "incumbent", "bound", "event"]),
        solver=answer.solver,
        seconds=time.monotonic() - started,
        options=options,
        vm_limits=None if vm_limits is None else (float(vm_limits[0]), float(vm_limits[1])),
        fingerprint=study.grid.fingerprint,
        notes=(*study.grid.notes, *_notes(answer)),
        topology=topology,
        coordinates=coordinates,
    )


def _notes(answer: DispatchAnswer) -> list[str]:
    notes = []
    if answer.method:
        invented = float(answer.invented_kw.sum())
        notes.append(
            f"the cone relaxation invents {invented:.4g} kW of loss in all; the set-points come from recovery "
            f"({answer.method}) and hold in exact power flow, the bound is that of the plain relaxation."
        )
    return notes


def _infeasible(study: Study, answer: DispatchAnswer) -> Infeasible:
    if answer.state is None:
        if answer.status == "infeasible":
            return Infeasible("no set-points meet every limit, not even in the relaxation (proven).", None, True)
        return Infeasible(f"no set-points were found in the time given ({answer.status}, not proven).", None, False)
    worst = max(answer.state.excess, key=lambda e: e.share)
    return Infeasible(
        "the relaxation has an answer, but none was found that holds in exact power flow (not proven that there is "
        f"none); the nearest one breaks {len(answer.state.excess)} limits, worst {_where(study, worst)}.",
        None,
        False,
    )


def _where(study: Study, e: Excess) -> str:
    grid = study.grid
    period = study.series.periods[e.t]
    if e.kind == "no power flow":
        return f"period {period}: power flow has no solution"
    if e.kind == "carbon":
        return f"carbon budget: {e.value:.6g} against {e.limit:.6g} kg"
    place = str(grid.branches[e.where]) if e.kind == "loading" else grid.bus_name(e.where)
    return f"{e.kind} at {place} in period {period}: {e.value:.5g} against {e.limit:.5g}"
