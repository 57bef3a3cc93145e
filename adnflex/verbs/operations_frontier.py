"""Operations frontier: the least losses for every number of switching operations, each proven."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from typing import Any

import pandas as pd
from pandapower import pandapowerNet

from adnflex.arguments import public
from adnflex.errors import InputError
from adnflex.grid import Grid, read_grid
from adnflex.grid.flow import flow_of
from adnflex.grid.write import one_state
from adnflex.knobs import Effort, Limits, Switching
from adnflex.powerflow import measure
from adnflex.problems.clock import Deadline, Progress
from adnflex.problems.reconfiguration.answer import SearchedTopology
from adnflex.problems.reconfiguration.frontier import Frontier, solve_frontier
from adnflex.problems.reconfiguration.objective import Objective
from adnflex.problems.reconfiguration.solve import fewest_operations
from adnflex.results import OperationsFrontier, Plan
from adnflex.results.status import NOT_REACHED
from adnflex.text import title as title_of
from adnflex.verbs.frontier_reliability import with_reliability
from adnflex.verbs.no_plan import infeasible
from adnflex.verbs.plan_of_topology import plan_of
from adnflex.verbs.reconfigure import read_reconfiguration


@public(reading=read_grid)
def operations_frontier(
    net: pandapowerNet,
    operations: Iterable[int] | None = None,
    objective: str | Mapping[str, float] = "losses",
    *,
    vm_limits: tuple[float, float] | None = None,
    max_loading_percent: float | None = None,
    limits: str | Mapping[tuple[str, str], Any] | None = None,
    switchable_lines: Iterable[int] | str | None = None,
    switchable_switches: Iterable[int] = (),
    locked_lines: Iterable[int] = (),
    reliability: bool = False,
    gap: float = 1e-4,
    time_limit: float = 300.0,
    solver: str = "auto",
    progress: Callable[[Progress], None] | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    seed: int = 0,
    name: str | None = None,
) -> OperationsFrontier:
    """Find, for every number of switching operations, the best radial state that it reaches, with a proven gap.

    One branch that is opened or closed is one operation, counted from the present state.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is only read.
    operations : iterable of int, optional
        Budgets, such as ``[0, 2, 4]``; by default every number that a radial state can have, from the fewest (0 where
        the net is radial and supplies every bus) until more gain no more than `gap`.
    objective : str or mapping
        As in `adnflex.reconfigure`, without ``switching`` alone: ``losses`` (default), ``voltage`` or weights.
    vm_limits, max_loading_percent, limits, switchable_lines, switchable_switches, locked_lines
        As in `adnflex.reconfigure`.
    reliability : bool
        Whether to tell of each row how often and how long customers are without supply (see `adnflex.contingencies`,
        with lines and transformers out, three operations, the same limits and switches): columns of the table. They
        are told, not searched for.
    gap : float
        Relative gap between plan and bound at which to stop, of each row.
    time_limit : float
        Time limit of the whole call [s]. What is not proven by then is said; rows that were not reached have the best
        state that other rows found for them, if any.
    solver, executor, workers, seed
        As in `adnflex.reconfigure`.
    progress : callable, optional
        Told incumbent, bound and seconds of the row at work, and how many rows are done.
    name : str, optional
        Name of the net in the report; by default ``net.name``.

    Returns
    -------
    OperationsFrontier
        The table, and a plan for each row.

    Raises
    ------
    InputError
        If the net or an argument is wrong; all faults at once.
    Infeasible
        If no row has a state that meets every limit; names the smallest violation found.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> frontier = operations_frontier(pn.case33bw(), [0, 2, 4], workers=1)
    >>> frontier.table[["operations", "objective", "saved_percent", "close", "open"]].round(3).to_numpy().tolist()[:2]
    [[0, 202.677, 0.0, '', ''], [2, 153.493, 24.267, 'line 34', 'line 7']]
    >>> bool(frontier.table["proven"].all()), frontier.plan(3).open_lines
    (True, [7, 32, 33, 35, 36])
    """
    arguments = dict(locals())
    effort, clock = Effort.gathered(arguments), Deadline(time_limit, progress)
    asked, switching = Limits.gathered(arguments), Switching.gathered(arguments)
    wanted = None if operations is None else sorted(set(operations))
    if wanted is not None and (not wanted or wanted[0] < 0):
        raise InputError(f"operations is {wanted}; give numbers of 0 or more, such as [0, 2, 4].")
    grid, goal = read_reconfiguration(net, objective, asked, switching)
    if not (goal.losses or goal.voltage):
        raise InputError("objective is 'switching' alone, which a budget of operations says already; give 'losses'.")
    found = solve_frontier(grid, goal, effort, clock, wanted)
    answers = [(budget, found.answers.get(budget)) for budget in found.budgets]
    solved = [(budget, answer) for budget, answer in answers if answer is not None and answer.flow is not None]
    if not solved:
        budget, answer = next((b, a) for b, a in reversed(answers) if a is not None)
        most = None if wanted is None else budget
        raise infeasible(net, grid, answer, asked, most, fewest_operations(grid, answer, effort, clock, most))
    kept = ("reliability", "gap", "time_limit", "solver", "seed")
    options = {"objective": goal.weights, **switching.choice, **{key: arguments[key] for key in kept}}
    titled = title_of(net, name)
    plans = {}
    for budget, answer in solved:
        seconds = answer.progress[-1].seconds if answer.progress else 0.0
        own = {**options, "max_operations": budget, "formulation": "auto"}
        plans[budget] = plan_of(net, grid, goal, answer, asked, own, titled, seconds)
    first = next(iter(plans.values()))
    scale, unit = (1e3, "kW") if first.unit == "MW" else (1.0, first.unit)
    base, notes = _base(net, grid, goal)
    table = _table(net, answers, plans, base * scale, scale)
    if reliability:
        table, more = with_reliability(net, table, plans, arguments, clock)
        notes += more
    return OperationsFrontier(
        net_name=titled,
        fingerprint=grid.fingerprint,
        seconds=clock.now,
        asked_limits=asked,
        solver=first.solver,
        topology=first.topology,
        coordinates=first.coordinates,
        options={**options, "operations": wanted},
        notes=(*_common(plans.values()), *notes, *_ending(found, answers, wanted is None)),
        objective_name=first.objective_name,
        weights=goal.weights,
        unit=unit,
        base=base * scale,
        table=table,
        plans=tuple(plans.values()),
        status=found.ended or _unfinished(answers) or "complete",
        whole=found.whole,
    )


def _base(net: pandapowerNet, grid: Grid, goal: Objective) -> tuple[float, list[str]]:
    """Objective of the net as it stands, and what is to be said of it."""
    flow = flow_of(grid, grid.closed)
    if flow is not None:
        return goal.of_flow(grid, flow), []
    now = measure(net, one_state())
    dark = sorted(set(now.dark.iloc[0]) & set(grid.node_of))
    if dark:
        note = f"now {len(dark)} buses have no supply, so that what is saved cannot be said: bus {dark[0]} and others."
        return math.nan, [note]
    if goal.name != "losses" or not bool(now.converged.iloc[0]):
        return math.nan, ["the net as it stands is not radial, so that its objective is not known."]
    return float(now.losses_mw.iloc[0]), ["the net as it stands is meshed: what is saved is against its meshed losses."]


def _common(plans: Iterable[Plan]) -> list[str]:
    """Return the notes that all plans have."""
    every = [plan.notes for plan in plans]
    return [note for note in every[0] if all(note in notes for notes in every)]


def _unfinished(answers: list[tuple[int, SearchedTopology | None]]) -> str:
    """Name what ended a row before it was proven; empty where none was."""
    ends = [a.status for _, a in answers if a is not None and a.status not in ("optimal", "infeasible", "gap")]
    return ends[0] if ends else ""


def _ending(found: Frontier, answers: list[tuple[int, SearchedTopology | None]], every: bool) -> list[str]:
    """Say which rows are not proven, and which have nothing; `every`: all rows were asked for that gain anything."""
    notes = [] if found.whole or not every else ["whether more operations gain anything was not proven."]
    loose = [b for b, a in answers if a is not None and a.status not in ("optimal", "infeasible")]
    if loose:
        notes.append(f"not proven within the gap asked for: {_listed(loose)} operations.")
    if empty := [b for b, a in answers if a is not None and a.status == "infeasible"]:
        notes.append(f"no radial state that meets every limit has at most {max(empty)} operations (proven).")
    if missing := [b for b, a in answers if a is None]:
        notes.append(f"not reached ({found.ended.replace('_', ' ')}): {_listed(missing)} operations.")
    return notes


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))


def _table(
    net: pandapowerNet,
    answers: list[tuple[int, SearchedTopology | None]],
    plans: Mapping[int, Plan],
    base: float,
    scale: float,
) -> pd.DataFrame:
    """One row a budget; states are run in AC power flow for their voltages and loadings."""
    rows = []
    before = base
    for budget, answer in answers:
        plan = plans.get(budget)
        if plan is None:
            status = NOT_REACHED if answer is None else answer.status
            bound = math.nan if answer is None or not math.isfinite(answer.bound) else answer.bound * scale
            rows.append({"operations": budget, "bound": bound, "proven": status == "infeasible", "status": status})
            continue
        value = plan.objective * scale
        rows.append(
            {
                "operations": budget,
                "used": plan.operations,
                "objective": value,
                "saved": base - value,
                "saved_percent": 100 * (base - value) / base if base else math.nan,
                "gain": before - value,
                **_moved(plan.switches),
                "bound": plan.bound * scale,
                "gap": plan.gap,
                "proven": plan.status == "optimal",
                "status": plan.status,
                **_extremes(net, plan.switches),
            }
        )
        before = value
    table = pd.DataFrame(rows).reindex(columns=_COLUMNS)
    table = table.fillna({**dict.fromkeys(_PLACES, -1), "close": "", "open": "", "loading_at": ""})
    return table.astype({**dict.fromkeys(_PLACES, int), **dict.fromkeys(_NUMBERS, float), "proven": bool})


_PLACES = ["used", "vm_min_bus", "vm_max_bus"]
_NUMBERS = ["objective", "saved", "saved_percent", "gain", "bound", "gap", "vm_min_pu", "vm_max_pu", "loading_percent"]
_COLUMNS = [
    "operations", "used", "objective", "saved", "saved_percent", "gain", "close", "open", "bound", "gap", "proven",
    "status", "vm_min_pu", "vm_min_bus", "vm_max_pu", "vm_max_bus", "loading_percent", "loading_at",
]  # fmt: skip


def _moved(switches: pd.DataFrame) -> dict[str, str]:
    """Branches that are closed and opened, by index and name."""
    moved = switches[switches["operated"].astype(bool)]
    shut = moved["closed_after"].astype(bool)
    return {"close": _named(moved[shut]), "open": _named(moved[~shut])}


def _named(rows: pd.DataFrame) -> str:
    names = zip(rows["element"], rows["index"], rows["name"], strict=True)
    return ", ".join(f"{element} {index}{f' ({name})' if name else ''}" for element, index, name in names)


def _extremes(net: pandapowerNet, switches: pd.DataFrame) -> dict[str, Any]:
    """Lowest and highest voltage and highest loading in AC power flow, with their places."""
    row = measure(net, one_state(), switches).extremes().iloc[0]
    at = f"{row['loading_element']} {row['loading_index']}" if row["loading_element"] else ""
    kept = ("vm_min_pu", "vm_min_bus", "vm_max_pu", "vm_max_bus", "loading_percent")
    return {**{key: row[key] for key in kept}, "loading_at": at}
