"""Reconfigure: the radial switch states that minimise an objective."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any, Literal, overload

import pyomo.environ as pyo
from pandapower import pandapowerNet

from adnflex.arguments import public
from adnflex.errors import InputError
from adnflex.grid import Grid, read_grid
from adnflex.knobs import Effort, Horizon, Limits, Switching
from adnflex.problems.clock import Deadline, Progress
from adnflex.problems.reconfiguration.changed import solve_changed_reconfiguration
from adnflex.problems.reconfiguration.describe import require_reconfigurable
from adnflex.problems.reconfiguration.objective import Objective, parse_objective
from adnflex.problems.reconfiguration.solve import fewest_operations, solve_reconfiguration
from adnflex.results import MultiPeriodPlan, Plan
from adnflex.study import Profiles
from adnflex.text import title as title_of
from adnflex.verbs.no_plan import infeasible
from adnflex.verbs.plan_of_topology import plan_of
from adnflex.verbs.reconfigure_periods import reconfigure_periods
from adnflex.verbs.reconfigure_restorable import as_restorable

log = logging.getLogger(__name__)


@overload
def reconfigure(
    net: pandapowerNet,
    objective: str | Mapping[str, float] = "losses",
    *,
    vm_limits: tuple[float, float] | None = None,
    max_loading_percent: float | None = None,
    limits: str | Mapping[tuple[str, str], Any] | tuple[str, Any] | None = None,
    switchable_lines: Iterable[int] | str | None = None,
    switchable_switches: Iterable[int] = (),
    locked_lines: Iterable[int] = (),
    max_operations: int | None = None,
    switching_cost: float = 0.0,
    start: str = "present",
    restorable: str | None = None,
    change: Callable[[pyo.ConcreteModel], object] | None = None,
    profiles: None = None,
    periods: None = None,
    year: Literal[False] = False,
    hours_per_period: float | None = None,
    start_hour: float | None = None,
    period_weights: Any = None,
    loss_cost_per_mwh: Any = None,
    co2_kg_per_mwh: Any = None,
    carbon_price_per_kg: float | None = None,
    situations: None = None,
    windows: str | float | Iterable[int] | Iterable[Iterable[int]] | None = None,
    gap: float = 1e-4,
    time_limit: float = 300.0,
    solver: str = "auto",
    formulation: str = "auto",
    progress: Callable[[Progress], None] | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    seed: int = 0,
    name: str | None = None,
) -> Plan: ...
@overload
def reconfigure(
    net: pandapowerNet,
    objective: str | Mapping[str, float] = "losses",
    *,
    vm_limits: tuple[float, float] | None = None,
    max_loading_percent: float | None = None,
    limits: str | Mapping[tuple[str, str], Any] | tuple[str, Any] | None = None,
    switchable_lines: Iterable[int] | str | None = None,
    switchable_switches: Iterable[int] = (),
    locked_lines: Iterable[int] = (),
    max_operations: int | None = None,
    switching_cost: float = 0.0,
    start: str = "present",
    restorable: str | None = None,
    change: Callable[[pyo.ConcreteModel], object] | None = None,
    profiles: Profiles | None = None,
    periods: Iterable[int] | None = None,
    year: bool = False,
    hours_per_period: float | None = None,
    start_hour: float | None = None,
    period_weights: Any = None,
    loss_cost_per_mwh: Any = None,
    co2_kg_per_mwh: Any = None,
    carbon_price_per_kg: float | None = None,
    situations: Mapping[str, pandapowerNet] | None = None,
    windows: str | float | Iterable[int] | Iterable[Iterable[int]] | None = None,
    gap: float = 1e-4,
    time_limit: float = 300.0,
    solver: str = "auto",
    formulation: str = "auto",
    progress: Callable[[Progress], None] | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    seed: int = 0,
    name: str | None = None,
) -> Plan | MultiPeriodPlan: ...
@public(reading=read_grid)
def reconfigure(
    net: pandapowerNet,
    objective: str | Mapping[str, float] = "losses",
    *,
    vm_limits: tuple[float, float] | None = None,
    max_loading_percent: float | None = None,
    limits: str | Mapping[tuple[str, str], Any] | tuple[str, Any] | None = None,
    switchable_lines: Iterable[int] | str | None = None,
    switchable_switches: Iterable[int] = (),
    locked_lines: Iterable[int] = (),
    max_operations: int | None = None,
    switching_cost: float = 0.0,
    start: str = "present",
    restorable: str | None = None,
    change: Callable[[pyo.ConcreteModel], object] | None = None,
    profiles: Profiles | None = None,
    periods: Iterable[int] | None = None,
    year: bool = False,
    hours_per_period: float | None = None,
    start_hour: float | None = None,
    period_weights: Any = None,
    loss_cost_per_mwh: Any = None,
    co2_kg_per_mwh: Any = None,
    carbon_price_per_kg: float | None = None,
    situations: Mapping[str, pandapowerNet] | None = None,
    windows: str | float | Iterable[int] | Iterable[Iterable[int]] | None = None,
    gap: float = 1e-4,
    time_limit: float = 300.0,
    solver: str = "auto",
    formulation: str = "auto",
    progress: Callable[[Progress], None] | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    seed: int = 0,
    name: str | None = None,
) -> Plan | MultiPeriodPlan:
    """Find the radial switch states of a net that minimise an objective, with a proven gap.

    With `profiles`, `periods` or `situations` they are those of many operating points together: one topology, or one a
    window, that loses the least energy and keeps every limit in every period.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is only read.
    objective : str or mapping
        ``losses`` (default), ``switching`` (fewest operations that remove all violations), ``voltage`` (least mean
        deviation from 1 pu) or weights such as ``{"losses": 1.0, "voltage": 0.1}`` (per MW, operation, pu). Of many
        periods ``losses`` [MWh], ``cost`` [money] or ``carbon`` [kg] of the energy lost.
    vm_limits : (float, float), optional
        Voltage limits of all buses [pu]; by default ``bus.min_vm_pu`` and ``bus.max_vm_pu``.
    max_loading_percent : float, optional
        Loading limit of all lines and transformers [% of their rated current]; by default the column of that name,
        where it has a value.
    limits : str, mapping or pair, optional
        Limits of single elements or of whole tables, which count before the other two: ``{("bus", "min_vm_pu"): 0.95}``
        or ``{("line", "max_loading_percent"): {7: 80.0}}``; or ``"EN50160"``: 0.9 to 1.1 pu at buses up to 36 kV. Of
        many periods also ``"soft"``, alone or beside one of these, ``("soft", "EN50160")``: where nothing keeps all
        limits in all periods, break them as little as possible (least sum of all violations), then reach the
        objective; by default (``"all"``) that is an error.
    switchable_lines : iterable of int or ``"all"``, optional
        Lines that may be switched; by default those in service that carry a line switch and, in nets without
        switch rows, all of them (the out-of-service ones are ties).
    switchable_switches : iterable of int, optional
        Bus-bus and transformer switches that may be operated as well.
    locked_lines : iterable of int, optional
        Lines that keep their present state.
    max_operations : int, optional
        Largest number of branches whose state changes, from the present state: one that is closed and one that is
        opened are two operations. Of many periods over the whole horizon.
    switching_cost : float
        Cost of one operation, in the unit of the objective (MW for ``losses``, of many periods MWh, money or kg).
    start : str
        ``present`` (operations are counted from the present state) or ``free``: the state is left out of count and
        cost, so that `max_operations` and `switching_cost` bind nothing; a note says so. Of
        many periods the first topology is left out, all later changes count.
    restorable : str, optional
        ``as present``: no outage of a line, transformer, coupler or source may leave more load dark than in the present
        state, each after a restoration of up to three operations (see `adnflex.contingencies`). Of one operating point.
        The bound is that of the problem without this condition, unless all states were tried; a note says so.
    change : callable, optional
        Changes the Pyomo model of one operating point before it is solved: an objective of your own, more variables and
        constraints (linear, or cones); see the page "The models as Pyomo models". Topologies are then compared by that
        objective in exact power flow. The plan has `own_objective` and `own_bound`; of its `objective` nothing is
        proven. ``auto`` is the formulation ``distflow`` here, and solved by HiGHS.
    profiles : mapping, optional
        ``{(table, column): DataFrame}`` with absolute values, one row a period; by default, with `periods`,
        ``net.profiles``.
    periods : iterable of int, optional
        Rows of the profiles; by default all.
    year : bool
        Take all rows of the profiles, by default of ``net.profiles``, and make sure that they are a whole year.
    hours_per_period : float, optional
        Length of a period [h]; by default ``net.study`` or the profiles' own step.
    start_hour : float, optional
        Clock hour at which the first row of the profiles begins [h]; by default that of the profiles' times, else 0.
    period_weights : float or array, optional
        How often each period counts, e.g. days of the year that a typical one stands for; by default once. Limits hold
        in every period, also where the weight is 0.
    loss_cost_per_mwh, co2_kg_per_mwh : float or array, optional
        Price [money/MWh] and emission [kg/MWh] of energy lost, of many periods: one number, or one for each. By default
        the price of ``net.study``, else those of the external grids where all have the same.
    carbon_price_per_kg : float, optional
        Price of an emission [money/kg], which the cost includes; by default that of ``net.study``.
    situations : mapping, optional
        ``{name: net}``, named operating points in place of profiles: nets that differ from `net` in the powers of
        loads, generators and storages only.
    windows : str, float or iterable, optional
        Where the topology may change: ``month``, ``week``, ``day``, the hours of a window, the first period of each
        (``[0, 8, 16]``), or the periods of each (``[range(0, 8), range(8, 24)]``); by default nowhere.
    gap : float
        Relative gap between plan and bound at which to stop.
    time_limit : float
        Time limit [s], from reading the net on; what is proven by then is returned, within 10 % of the limit or 2 s.
        Reading the net and running its present state are always done.
    solver : str
        ``auto``, ``clarabel`` (branch and bound over conic relaxations), ``highs`` (outer approximation) or
        ``scip``; ``gurobi``, ``cplex``, ``xpress``, ``mosek`` where they are installed, and any other solver that Pyomo
        finds and that takes convex quadratic constraints.
    formulation : str
        What proves: ``directed`` (the directed chain hull, whose bound is the closest), ``distflow`` (its cone bounds
        AC as well, by a longer search) or ``lindistflow`` (linear in flows and voltages; its own optimum bounds nothing
        in AC, so the bound is that of the DistFlow relaxation without integers, see ``bound_kind`` of the plan). Every
        plan is valued by exact power flow. ``auto``: ``directed`` wherever all that it rests on is proven for this net,
        else ``distflow``, unless its model has more than 30 000 cones; a note of the plan says which and why.
    progress : callable, optional
        Told incumbent, bound and seconds.
    executor : concurrent.futures.Executor, optional
        Runs relaxations side by side: threads, processes of any start method, a cluster's. By default forked worker
        processes; where there can be none, as inside a daemonic process or on Windows, this process alone.
    workers : int, optional
        How many; by default one a core, 8 at most.
    seed : int
        Seed of the local search.
    name : str, optional
        Name of the net in the report; by default ``net.name``.

    Returns
    -------
    Plan or MultiPeriodPlan
        Switch states, model values, bound and gap.

    Raises
    ------
    InputError
        If the net or an argument is wrong; all faults at once.
    Infeasible
        If no radial state meets every limit; names the smallest violation found.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> plan = reconfigure(pn.case33bw(), workers=1)
    >>> plan.open_lines, round(plan.objective * 1e3, 3), plan.status
    ([6, 8, 13, 31, 36], 139.551, 'optimal')
    """
    arguments = dict(locals())
    effort, clock = Effort.gathered(arguments), Deadline(time_limit, progress)
    _require_changeable(arguments)
    if Horizon.gathered(arguments).many:
        return reconfigure_periods(net, arguments, clock)
    _require_one(arguments)
    asked, switching = Limits.gathered(arguments), Switching.gathered(arguments)
    grid, goal = read_reconfiguration(net, objective, asked, switching)
    most = switching.of_one_state.max_operations
    # states that the condition rules out have to be replaced in the same time
    part = clock if restorable is None else clock.part(_SHARE)
    own = None
    if change is not None:
        answer, own = solve_changed_reconfiguration(
            grid, goal, change, effort, clock, formulation=formulation, max_operations=most
        )
    else:
        answer = solve_reconfiguration(grid, goal, effort, clock=part, formulation=formulation, max_operations=most)
    if answer.flow is None:
        raise infeasible(net, grid, answer, asked, most, fewest_operations(grid, answer, effort, clock, most))
    if restorable is not None:
        answer = as_restorable(net, grid, goal, answer, effort, clock, asked, switching)
    options = {
        "objective": goal.weights,
        **switching.choice,
        **{key: arguments[key] for key in _KEPT},
    }
    if start == "free" and (max_operations is not None or switching_cost):
        note = "start='free': the state counts no operation, so max_operations and switching_cost bind nothing."
        answer = replace(answer, notes=(note, *answer.notes))
    if own is not None:
        answer = replace(answer, notes=(*answer.notes, own.words("switch states", "plan's own objective")))
    plan = plan_of(net, grid, goal, answer, asked, options, title_of(net, name), clock.now)
    return plan if own is None else replace(plan, own_objective=own.value, own_bound=own.bound)


# Part of the time that the search without the condition `restorable` may take.
_SHARE = 0.5

# Arguments that a plan keeps beside the choice of switches.
_KEPT = ("max_operations", "start", "restorable", "gap", "time_limit", "solver", "formulation", "seed")


# Arguments that only mean something of many periods.
_OF_MANY = (
    *("hours_per_period", "start_hour", "period_weights", "windows"),
    *("loss_cost_per_mwh", "co2_kg_per_mwh", "carbon_price_per_kg"),
)


def _require_one(arguments: Mapping[str, Any]) -> None:
    """Refuse what only means something of many periods."""
    given = [n for n in _OF_MANY if arguments[n] is not None]
    if given:
        raise InputError(
            [f"{n}: is for many periods; give profiles, periods (of net.profiles) or situations too." for n in given]
        )


def _require_changeable(arguments: Mapping[str, Any]) -> None:
    """Refuse what knows the model as it is only."""
    if arguments["change"] is None:
        return
    findings = []
    if Horizon.gathered(arguments).many:
        findings.append(
            "change: is for one operating point; for many periods give it to adnflex.dispatch, with windows."
        )
    if arguments["restorable"] is not None:
        findings.append("change and restorable: states that outages rule out stand in no model; leave one of them out.")
    if findings:
        raise InputError(findings)


def read_reconfiguration(
    net: pandapowerNet, objective: str | Mapping[str, float], limits: Limits, switching: Switching
) -> tuple[Grid, Objective]:
    """Read what is reconfigured, and what for; raises `InputError` with all faults."""
    goal = parse_objective(objective, switching.of_one_state.switching_cost)
    if goal.switching and switching.start == "free":
        raise InputError("start='free': the state costs no operation, but the objective prices them; leave one out.")
    grid = read_grid(net, limits=limits, switching=switching)
    require_reconfigurable(grid, switching.locked_lines)
    return grid, goal
