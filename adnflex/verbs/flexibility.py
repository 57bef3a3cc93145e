"""Flexibility: the box of active power that a network can promise at its coupling point."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from pandapower import pandapowerNet

from adnflex.arguments import public
from adnflex.devices import Device, Stores
from adnflex.devices.storage_period import free_at_end
from adnflex.errors import Infeasible, InputError, SolverError, TimeExpired
from adnflex.grid import read_grid, switch_table
from adnflex.grid.identity import fingerprint
from adnflex.grid.model import BoolArray, FloatArray
from adnflex.grid.topology import Adjacency
from adnflex.grid.write import write
from adnflex.problems.clock import Deadline, Progress
from adnflex.problems.dispatch.reasons import causes, unit_suspects
from adnflex.problems.flexibility.at_rest import at_rest
from adnflex.problems.flexibility.explain import Broken, least_violation, without_wishes
from adnflex.problems.flexibility.model import BoxProblem
from adnflex.problems.flexibility.positions import position_table, search_positions
from adnflex.problems.flexibility.solve import BoxAnswer, LinearBoxes, linear_boxes, prove_states, separable_box
from adnflex.problems.flexibility.states import Network
from adnflex.problems.flexibility.study import FlexibilityStudy, Wishes, read_flexibility_study
from adnflex.problems.flexibility.tables import flexibility_tables
from adnflex.results.flexibility import Flexibility
from adnflex.study import Profiles, study_facts
from adnflex.text import title as title_of

__all__ = ["Solved", "flexibility", "solve_state"]

# Shares between both ends at which every period is run in exact power flow.
_SHARES = np.linspace(0.0, 1.0, 11)


@dataclass(frozen=True)
class Solved:
    """A box of one radial state, linear and run in AC.

    Attributes
    ----------
    network : Network
        The exact model.
    problem : BoxProblem
        The linear model.
    boxes : LinearBoxes
        Its boxes.
    answer : BoxAnswer
        The box whose states hold.
    """

    network: Network
    problem: BoxProblem
    boxes: LinearBoxes
    answer: BoxAnswer


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
    period_weights: ArrayLike | None = None,
    direction: str = "both",
    required_mw: tuple[ArrayLike, ArrayLike] | None = None,
    base_mw: ArrayLike | None = None,
    reactive_power: bool = True,
    final_energy: str | float = "free",
    tie_break: str = "none",
    sides: int = 16,
    positions: str = "fixed",
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
        The coupling point: ``("ext_grid", 0)``, ``("trafo", 0)`` or ``("line", 0)``; by default the only source.
    profiles, periods, hours_per_period, start_hour, vm_limits, name
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
    final_energy : str or float
        Least energy of storages at the end: ``free`` (their lower limit), ``initial``, or percent of ``max_e_mwh``.
    tie_break : str
        ``none``, or ``even``: of equal boxes of the linear model the one whose narrowest period is widest.
    sides : int
        Sides of the polygons that stand for ratings (16 loses up to 1.9 % of a rating, 64 up to 0.12 %).
    positions : str
        ``fixed``: tap changers and capacitor banks stay as they are; ``search``: those that are ``controllable`` are
        moved step by step, for the whole horizon, while that enlarges the box of the linear model.
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
    >>> round(flex.linear.total_mwh, 3), round(flex.total_mwh, 2), flex.status
    (7.758, 7.88, 'complete')
    """
    clock = Deadline(time_limit, progress)
    if tie_break not in ("none", "even"):
        raise InputError(f"tie_break is {tie_break!r}; give 'none' or 'even'.")
    if positions not in ("fixed", "search"):
        raise InputError(f"positions is {positions!r}; give 'fixed' or 'search'.")
    wishes = Wishes(
        pcc, vm_limits, period_weights, direction, required_mw, base_mw, reactive_power, final_energy, sides
    )
    read = partial(
        read_flexibility_study,
        wishes=wishes,
        profiles=profiles,
        periods=None if periods is None else list(periods),
        hours_per_period=hours_per_period,
        start_hour=start_hour,
    )
    study = read(net)
    options = asked(wishes, tie_break, time_limit, seed, positions=positions)
    if positions == "fixed":
        solved = solve_state(study, study.study.grid.closed, clock, seed, tie_break == "even", rest=True)
        return flexibility_of(net, study, solved, clock, options, name)

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
    solved = solve_state(study, study.study.grid.closed, clock, seed, tie_break == "even", rest=True)
    found = flexibility_of(net, study, solved, clock, options, name)
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
        "period_weights": plain(wishes.weights),
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


def solve_state(
    study: FlexibilityStudy,
    closed: BoolArray,
    clock: Deadline,
    seed: int = 0,
    even: bool = False,
    adjacency: Adjacency | None = None,
    rest: bool = False,
) -> Solved:
    """Solve for the box of one radial state.

    Parameters
    ----------
    study : FlexibilityStudy
        What is asked.
    closed : (m,) array of bool
        The state.
    clock : Deadline
        Time limit and progress.
    seed : int
        Of the search for bad vertices.
    even : bool
        Whether ties are broken evenly.
    adjacency : Adjacency, optional
        Of the grid.
    rest : bool
        Whether the box in which nothing moves is an answer where the time was over before another one was found.

    Raises
    ------
    Infeasible
        If there is no box.
    SolverError
        If it was not settled; `TimeExpired` where the time was over.
    """
    network = study.network(closed, adjacency)
    base = study.base(network)
    _require_base(study, base)
    problem = study.problem(network)
    try:
        boxes = linear_boxes(problem, clock, seed, even)
    except TimeExpired:
        problem = replace(problem, base=base)
        if rest and (still := at_rest(problem, network, _SHARES)) is not None:
            return Solved(network, problem, _no_more_than_rest(still, clock), still)
        raise TimeExpired(
            f"no box was found within {clock.seconds:g} s; nothing is proven, neither a box nor that there is none. "
            "Give more time_limit."
        ) from None
    if boxes is None or boxes.separable.x_lower is None:
        raise _infeasible(study, problem, network, clock)
    # from here on the base is that of AC power flow
    problem = replace(problem, base=base)
    answer = prove_states(problem, network, boxes.separable, clock, _SHARES, even)
    if answer is None and clock.spent and rest:
        answer = at_rest(problem, network, _SHARES)
    if answer is None and clock.spent:
        raise TimeExpired(
            f"the linear model has a box, but none was run in exact power flow until its states hold within "
            f"{clock.seconds:g} s; nothing is proven. Give more time_limit."
        )
    if answer is None:
        raise Infeasible(
            "the linear model has a box, but none was found whose states hold in exact power flow; widen the voltage "
            "limits or ratings a little, or give more time_limit.",
            None,
            False,
        )
    return Solved(network, problem, boxes, answer)


def _no_more_than_rest(still: BoxAnswer, clock: Deadline) -> LinearBoxes:
    """Boxes of the linear model where the time was over before one was found: only the bound is known, if any is."""
    bound = min((row.bound for row in clock.rows if math.isfinite(row.bound)), default=math.inf)
    return LinearBoxes(still.ends, still.ends, max(bound, 0.0), 0, False, None)


def _require_base(study: FlexibilityStudy, base: FloatArray) -> None:
    if study.asks and np.isnan(base).any():
        period = study.periods[int(np.flatnonzero(np.isnan(base))[0])]
        raise InputError(
            f"base_mw: power flow has no solution in period {period} if nothing is asked of the devices; give base_mw, "
            "or direction='both'."
        )


def _infeasible(study: FlexibilityStudy, problem: BoxProblem, network: Network, clock: Deadline) -> Infeasible:
    """Say which limit is in the way, when, and by how much."""
    try:
        return _reason(study, problem, network, Deadline(max(clock.left, _EXPLAIN_SECONDS)))
    except SolverError as error:
        return Infeasible(
            f"no dispatch of the devices meets every limit in the linear model (without losses); which limit it is was "
            f"not found: {error}",
            None,
            True,
        )


# Time to look for the reason where the limit is reached [s].
_EXPLAIN_SECONDS = 1.0


def _reason(study: FlexibilityStudy, problem: BoxProblem, network: Network, clock: Deadline) -> Infeasible:
    broken = least_violation(problem, network, clock.left)
    if broken:
        first = _sentence(study, broken[0])
        more = f" and {len(broken) - 1} more limits" if len(broken) > 1 else ""
        return Infeasible(
            "no dispatch of the devices meets every limit in the linear model (without losses); the least violating "
            f"one breaks {first}{more}; relax that limit or add a measure there"
            f"{''.join(f'; {s}' for s in unit_suspects(study.coupling.net, study.study.grid, study.study.values))}.",
            None,
            True,
        )
    if np.isfinite(problem.limits).any():
        beyond = _import_beyond(study, problem, clock)
        if beyond:
            return Infeasible(beyond, None, True)
    if problem.direction != "both" or np.isfinite(problem.required).any():
        return Infeasible(_too_much(study, problem, study.base(network), clock), None, True)
    own = causes(study.coupling.net, study.study, _as_asked(study))
    return Infeasible(
        "no box exists: limits of the devices contradict each other"
        f"{own or ' (stored energy, energy kept, needs of vehicles); check their energies over the periods chosen'}.",
        None,
        True,
    )


def _as_asked(study: FlexibilityStudy) -> list[Device]:
    """Return the devices with storages that may end as the box lets them."""
    return [free_at_end(d) if isinstance(d, Stores) else d for d in study.study.devices]


def _sentence(study: FlexibilityStudy, broken: Broken) -> str:
    grid, period = study.study.grid, study.periods[broken.t]
    if broken.kind == "loading":
        branch = grid.branches[broken.where]
        return f"the rating of {branch} in period {period} by {100 * broken.excess:.3g} % of it"
    return f"{broken.kind} at {grid.bus_name(broken.where)} in period {period} by {broken.excess:.4g} pu"


def _import_beyond(study: FlexibilityStudy, problem: BoxProblem, clock: Deadline) -> str:
    """Say where the import cannot keep its limits; empty where it can."""
    boxes = linear_boxes(without_wishes(problem), clock)
    if boxes is None:
        return ""
    low, high = problem.limits[0]
    ends = boxes.foresighted
    short = np.maximum(np.maximum(low - ends.upper, ends.lower - high), 0.0)
    t = int(short.argmax())
    if short[t] <= 1e-9:
        if not np.isfinite(problem.limits[1]).any():
            return ""
        return (
            "no dispatch of the devices keeps the limits of the reactive import in the linear model (without losses); "
            f"widen min_q_mvar and max_q_mvar of {study.connection.place}."
        )
    return (
        f"no dispatch of the devices keeps the limits of the import in the linear model (without losses): in period "
        f"{study.periods[t]} it can lie between {ends.lower[t]:.5g} and {ends.upper[t]:.5g} MW, {short[t]:.4g} MW away "
        f"from the {low:g} to {high:g} MW of {study.connection.place}; widen min_p_mw or max_p_mw there."
    )


def _too_much(study: FlexibilityStudy, problem: BoxProblem, base: FloatArray, clock: Deadline) -> str:
    """Say how much of what is asked around the base schedule can be had."""
    free = replace(problem, direction="both", required=np.full((2, problem.periods), -math.inf))
    boxes = linear_boxes(free, clock)
    if boxes is None:
        return "no dispatch of the devices meets every limit."
    ends = boxes.foresighted
    down, up = problem.required
    short = np.concatenate(
        [
            np.maximum(ends.lower - (problem.base - np.maximum(down, 0)), 0),
            np.maximum(problem.base + np.maximum(up, 0) - ends.upper, 0),
        ]
    )
    worst = int(short.argmax())
    t = worst % problem.periods
    have = f"{ends.lower[t]:.5g} to {ends.upper[t]:.5g} MW"
    if short[worst] <= 1e-9:
        return (
            "the widths asked for around the base schedule cannot be held in all periods together, as stored energy "
            "does not suffice; ask for less in some periods (required_mw), or give period_weights instead."
        )
    return (
        f"in period {study.periods[t]} the import can be promised from {have} only, which is {short[worst]:.4g} MW "
        f"short of what is asked around the base of {base[t]:.5g} MW; ask for less (required_mw, "
        "direction) or give another base_mw."
    )


def flexibility_of(
    net: pandapowerNet,
    study: FlexibilityStudy,
    solved: Solved,
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
        "vm_limits": None
        if study.wishes.vm_limits is None
        else (float(study.wishes.vm_limits[0]), float(study.wishes.vm_limits[1])),
        "fingerprint": study.coupling.fingerprint,
        **tables,
        **more,
    }
    fields["seconds"] = clock.now
    return Flexibility(**fields)
