"""Reconfigure for flexibility: switch states that enlarge the box at the coupling point."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor
from dataclasses import replace
from typing import Any

from numpy.typing import ArrayLike
from pandapower import pandapowerNet

from adnflex.arguments import public
from adnflex.grid import read_grid
from adnflex.grid.topology import Adjacency
from adnflex.knobs import Effort, Horizon, Limits, Switching
from adnflex.problems.clock import Deadline, Progress
from adnflex.problems.dispatch.problem import Topology
from adnflex.problems.flexibility.linear_boxes import Manner
from adnflex.problems.flexibility.outer import outer_flexibility
from adnflex.problems.flexibility.study import read_flexibility_study
from adnflex.problems.flexibility.topology import Runs, compared, others_of, run_in_ac, search_topologies
from adnflex.problems.flexibility.wishes import Wishes
from adnflex.problems.reconfiguration.describe import require_reconfigurable
from adnflex.results.flexibility import Flexibility
from adnflex.study import Profiles
from adnflex.verbs.flexibility import asked, flexibility_of


@public(reading=read_grid)
def reconfigure_for_flexibility(
    net: pandapowerNet,
    *,
    pcc: tuple[str, int] | None = None,
    profiles: Profiles | None = None,
    periods: Iterable[int] | None = None,
    hours_per_period: float | None = None,
    start_hour: float | None = None,
    vm_limits: tuple[float, float] | None = None,
    max_loading_percent: float | None = None,
    limits: str | Mapping[tuple[str, str], Any] | None = None,
    switchable_lines: Iterable[int] | str | None = None,
    switchable_switches: Iterable[int] = (),
    locked_lines: Iterable[int] = (),
    max_operations: int | None = None,
    period_weights: ArrayLike | None = None,
    direction: str = "both",
    required_mw: tuple[ArrayLike, ArrayLike] | None = None,
    base_mw: ArrayLike | None = None,
    reactive_power: bool = True,
    final_energy: str | float = "free",
    tie_break: str = "even",
    sides: int = 16,
    compare: Mapping[str, Iterable[int]] | None = None,
    gap: float = 1e-4,
    time_limit: float = 300.0,
    search_time: float | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    name: str | None = None,
) -> Flexibility:
    """Search for the radial switch states whose box at the coupling point is largest.

    The search and its bound are of the linear model; the box of the answer was run in AC power flow.

    Parameters
    ----------
    net, pcc, profiles, periods, hours_per_period, start_hour, vm_limits, max_loading_percent, limits
        As in `adnflex.flexibility`.
    period_weights, direction, required_mw, base_mw, reactive_power, final_energy, tie_break, sides
        As in `adnflex.flexibility`.
    seed, progress, name
        As in `adnflex.flexibility`.
    switchable_lines, switchable_switches, locked_lines
        As in `adnflex.reconfigure`.
    max_operations : int, optional
        Largest number of branches whose state changes.
    compare : mapping, optional
        Topologies to be compared beside the present one and that of least losses: name and open lines.
    gap : float
        Relative gap of the linear model at which to stop.
    time_limit : float
        Time limit, the bound of the linear model included [s].
    search_time : float, optional
        Time for the local search [s]; by default a fifth of the time limit and 2 s, 40 s at most.
    executor : concurrent.futures.Executor, optional
        Bounds all topologies in the linear model; by default processes on this machine.
    workers : int, optional
        Number of those processes.

    Raises
    ------
    InputError
        If the net or an argument is wrong; all faults at once.
    Infeasible
        If no radial state has a box.
    SolverError
        If no box was found and none is refuted; `TimeExpired` where the time was over.
    """
    arguments = dict(locals())
    clock, effort = Deadline(time_limit, progress), Effort.gathered(arguments)
    wishes = Wishes.gathered(arguments)
    within, switching = Limits.gathered(arguments), Switching.gathered(arguments)
    study = read_flexibility_study(net, wishes, Horizon.gathered(arguments), within, switching)
    grid = study.study.grid
    require_reconfigurable(grid, switching.locked_lines)
    adjacency = Adjacency(grid)
    topology = Topology((range(study.study.horizon.periods),), budget=max_operations)
    others = others_of(study, adjacency, compare, clock)
    manner = Manner(seed, tie_break == "even")
    runs = Runs(study, adjacency, clock, manner, len(set(others.values())))
    seconds = min(0.2 * time_limit + 2.0, 0.4 * time_limit, 40.0) if search_time is None else search_time
    found = search_topologies(study, adjacency, others, max_operations, effort, seconds, clock, runs)
    boxes = {state: runs.box(state) for state in others.values()}
    solved, state = run_in_ac(study, adjacency, found, boxes, max_operations, clock, runs)
    outer = outer_flexibility(study, study.given_base, clock, topology)
    options = asked(wishes, tie_break, time_limit, seed, max_operations=max_operations, gap=gap)
    best = flexibility_of(net, study, solved, clock, options, name, outer=outer)
    beside = {title: (other, solved if other == state else boxes[other]) for title, other in others.items()}
    answer = compared(study, adjacency, best, beside, (state, solved), found, clock)
    missing = [title for title, other in others.items() if other in runs.missing and other != state]
    if missing:
        note = f"not computed within the time limit of {time_limit:g} s: the box of {', '.join(missing)}."
        answer = replace(answer, notes=(*answer.notes, note))
    return answer
