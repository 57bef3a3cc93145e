"""Flexibility: the box of active power that a network can promise at its coupling point."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pandapower import pandapowerNet

from adnflex.arguments import public
from adnflex.errors import SolverError
from adnflex.grid import read_grid, switch_table
from adnflex.grid.identity import fingerprint
from adnflex.grid.write import write
from adnflex.knobs import Horizon, Limits
from adnflex.problems.clock import Deadline, Progress
from adnflex.problems.flexibility.linear_boxes import Manner, separable_box
from adnflex.problems.flexibility.one_state import StateBox, solve_state
from adnflex.problems.flexibility.outer import outer_flexibility
from adnflex.problems.flexibility.positions import position_table, search_positions
from adnflex.problems.flexibility.study import FlexibilityStudy, read_flexibility_study
from adnflex.problems.flexibility.tables import flexibility_tables
from adnflex.problems.flexibility.topology_row import present_row
from adnflex.problems.flexibility.wishes import Wishes
from adnflex.results.flexibility import Flexibility
from adnflex.study import Profiles, study_facts
from adnflex.text import title as title_of


@public(reading=read_grid)
def flexibility(
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
    period_weights: ArrayLike | None = None,
    direction: str = "both",
    required_mw: tuple[ArrayLike, ArrayLike] | None = None,
    base_mw: ArrayLike | None = None,
    reactive_power: bool = True,
    without_q: bool = False,
    final_energy: str | float = "free",
    tie_break: str = "even",
    method: str = "auto",
    memory: int = 1,
    sides: int = 16,
    positions: str = "fixed",
    gap: float | None = None,
    time_limit: float = 300.0,
    seed: int = 0,
    progress: Callable[[Progress], None] | None = None,
    name: str | None = None,
) -> Flexibility:
    """Find how much active power a network can promise at its coupling point, period by period.

    Every import between ``lower_mw`` and ``upper_mw``, in every order over the periods, can be followed by the devices
    within all limits of the network, hour by hour and without knowledge of later hours; every state on the way was run
    in exact AC power flow.

    Parameters
    ----------
    net : pandapowerNet
        The net, its devices in its own tables (see the page "Devices"); it is only read.
    pcc : (str, int), optional
        The coupling point: ``("ext_grid", 0)``, ``("trafo", 0)`` or ``("line", 0)``; by default the only source. Of
        several sources each has a box of its own, of what it feeds; one that is connected to the coupling point holds
        its exchange of the net as given.
    profiles, periods, hours_per_period, start_hour, vm_limits, max_loading_percent, limits, name
        As in `adnflex.dispatch`.
    period_weights : array_like, optional
        Worth of a MWh of width in every period (prices, for example); by default 1.
    direction : str
        ``both``, ``up`` (the lower end is the base schedule), ``down`` or ``symmetric`` around it.
    required_mw : (array_like, array_like), optional
        Widths below and above the base schedule that there have to be [MW].
    base_mw : array_like, optional
        The base schedule [MW]; by default the import if nothing is asked of any device.
    reactive_power : bool
        Whether inverters may use reactive power.
    without_q : bool
        Whether the box without reactive power of inverters is found as well, and run in AC: ``comparison`` has both.
    final_energy : str or float
        Least energy of storages at the end: ``free`` (their lower limit), ``initial``, or percent of ``max_e_mwh``.
    tie_break : str
        ``even``: of equal boxes of the linear model the one whose narrowest period is widest; ``none``: any of them.
    method : str
        ``auto``, or ``ccg``: column and constraint generation from one vertex on, also where two linear programs settle
        the box; its rounds are in ``iterations``.
    memory : int
        Periods of the trajectory, this one included, that a policy of the linear model may remember; its box is
        ``remembering``.
    sides : int
        Sides of the polygons that stand for ratings (16 loses up to 1.9 % of a rating, 64 up to 0.12 %).
    positions : str
        ``fixed``: tap changers and capacitor banks stay as they are; ``search``: those that are ``controllable`` are
        moved step by step, for the whole horizon, while that enlarges the box of the linear model.
    gap : float, optional
        The certificate at which the bound on useful width in AC is tight enough: it is tightened period by period until
        then, or while that helps, in half of the time that is left. By default it is that of one relaxation.
    time_limit : float
        Time limit [s]. Where it ends before the model has met AC power flow, the box is the part of the linear model's
        whose states hold, or that in which nothing moves; ``status`` says ``time_limit``.
    seed : int
        Seed of the search for bad vertices.
    progress : callable, optional
        Told the box so far, the bound of the linear model, and seconds.

    Returns
    -------
    Flexibility
        The box, its dispatch rule, what holds it back, and what is known of the linear model.

    Raises
    ------
    InputError
        If the net or an argument is wrong; all faults at once.
    Infeasible
        If no dispatch of the linear model meets every limit, or not what is required; names the limit, the period and
        by how much. What it says is of the linear model.
    SolverError
        If no box was found and none is refuted; `TimeExpired` where the time was over.

    Examples
    --------
    >>> from adnflex import networks
    >>> flex = flexibility(networks.load("park33_flexibility"), periods=[10, 14])
    >>> round(flex.linear.total_mwh, 3), round(flex.useful_mwh, 2), flex.status
    (7.758, 7.69, 'complete')
    """
    arguments = dict(locals())
    clock = Deadline(time_limit, progress)
    wishes = Wishes.gathered(arguments)
    horizon, within = Horizon.gathered(arguments), Limits.gathered(arguments)
    read = partial(read_flexibility_study, wishes=wishes, horizon=horizon, limits=within)
    study = read(net)
    manner = Manner(seed, tie_break == "even", method, memory)
    options = asked(
        wishes,
        tie_break,
        time_limit,
        seed,
        positions=positions,
        gap=gap,
        method=method,
        memory=memory,
        alone=True,
        without_q=without_q,
    )
    if positions == "fixed":
        solved = solve_state(study, study.study.grid.closed, clock, manner, rest=True)
        outer = outer_flexibility(
            study, solved.problem.base, clock, known=None if gap is None else (solved.answer, gap)
        )
        beside = {"comparison": present_row(study, solved, clock)} if without_q else {}
        return flexibility_of(net, study, solved, clock, options, name, outer=outer, **beside)

    def value_of(trial: pandapowerNet) -> float:
        if clock.spent:
            return -math.inf
        there = read(trial)
        try:
            box = separable_box(there.problem(there.network(there.study.grid.closed)), clock.left)
        except SolverError:
            return -math.inf  # not solved: not chosen, and nothing is said of it
        clock.report(-math.inf if box is None else box.worth, math.nan, "positions")
        return -math.inf if box is None else box.worth

    written, looked_at = search_positions(net, study.study.devices, value_of)
    moved = write(net, written)
    study = read(moved)
    solved = solve_state(study, study.study.grid.closed, clock, manner, rest=True)
    outer = outer_flexibility(study, solved.problem.base, clock, known=None if gap is None else (solved.answer, gap))
    outer = replace(outer, kind=f"{outer.kind}; taps and banks as they were chosen")
    beside = {"comparison": present_row(study, solved, clock)} if without_q else {}
    found = flexibility_of(net, study, solved, clock, options, name, outer=outer, **beside)
    ends = [_with_columns(table, written) for table in (found.setpoints_lower, found.setpoints_upper)]
    note = f"positions of taps and banks: {looked_at} combinations looked at, one step at a time; no bound over all."
    return replace(
        found,
        positions=position_table(net, written),
        setpoints_lower=ends[0],
        setpoints_upper=ends[1],
        fingerprint=fingerprint(net),
        notes=(*found.notes, note),
    )


def _with_columns(table: pd.DataFrame, written: Mapping[tuple[str, str, int], float]) -> pd.DataFrame:
    """Put constant set-points beside those of the devices."""
    more = pd.DataFrame({k: np.full(len(table), v) for k, v in enumerate(written.values())}, index=table.index)
    more.columns = pd.MultiIndex.from_tuples(list(written), names=table.columns.names)
    return pd.concat([table, more], axis=1)


def asked(wishes: Wishes, tie_break: str, time_limit: float, seed: int, **more: Any) -> dict[str, Any]:
    """Return the caller's arguments as they are kept in the result."""

    def plain(value: Any) -> Any:
        return None if value is None else np.asarray(value, dtype=float).tolist()

    return {
        "pcc": None if wishes.pcc is None else [str(wishes.pcc[0]), int(wishes.pcc[1])],
        "period_weights": plain(wishes.period_weights),
        "direction": wishes.direction,
        "required_mw": None if wishes.required_mw is None else [plain(w) for w in wishes.required_mw],
        "base_mw": plain(wishes.base_mw),
        "reactive_power": wishes.reactive_power,
        "final_energy": wishes.final_energy,
        "tie_break": tie_break,
        "sides": wishes.sides,
        "time_limit": time_limit,
        "seed": seed,
        **more,
    }


def flexibility_of(
    net: pandapowerNet,
    study: FlexibilityStudy,
    solved: StateBox,
    clock: Deadline,
    options: dict[str, Any],
    name: str | None,
    **more: Any,
) -> Flexibility:
    """Put a solved box into a result.

    Parameters
    ----------
    net : pandapowerNet
        The caller's net.
    study, solved, clock
        What was asked, what came out, the clock of the work.
    options : dict
        The caller's arguments.
    name : str or None
        Name of the net.
    **more
        Fields of `Flexibility` that differ from those of a fixed topology.
    """
    options = {**options, **{key: value for key, value in study_facts(net).items() if key == "published"}}
    tables = flexibility_tables(net, study, solved.network, solved.problem, solved.boxes, solved.answer, clock)
    fields: dict[str, Any] = {
        "net_name": title_of(net, name),
        "pcc": study.coupling.name,
        "hours_per_period": study.study.horizon.hours,
        "start_hour": (study.study.horizon.start_hour - study.periods[0] * study.study.horizon.hours) % 24,
        "switches": switch_table(study.study.grid, solved.network.closed.tolist()).iloc[:0],
        "solver": "HiGHS",
        "options": options,
        "asked_limits": study.study.limits,
        "fingerprint": study.coupling.fingerprint,
        **tables,
        **more,
    }
    fields["seconds"] = clock.now
    return Flexibility(**fields)
