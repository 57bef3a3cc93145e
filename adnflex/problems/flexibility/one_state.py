"""The box of one radial state: the linear model, the states in exact power flow, and what is in the way of one."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from adnflex.arrays import BoolArray, FloatArray
from adnflex.devices import Device, Stores
from adnflex.devices.storage_period import free_at_end
from adnflex.errors import Infeasible, InputError, SolverError, TimeExpired
from adnflex.grid.topology import Adjacency
from adnflex.problems.clock import Deadline
from adnflex.problems.dispatch.reasons import causes, unit_suspects
from adnflex.problems.flexibility.at_rest import at_rest
from adnflex.problems.flexibility.explain import Broken, least_violation, without_wishes
from adnflex.problems.flexibility.linear_boxes import PLAIN, LinearBoxes, Manner, linear_boxes
from adnflex.problems.flexibility.model import BoxProblem
from adnflex.problems.flexibility.proven_box import BoxAnswer, prove_states
from adnflex.problems.flexibility.states import Network
from adnflex.problems.flexibility.study import FlexibilityStudy

log = logging.getLogger(__name__)

# Shares between both ends at which every period is run in exact power flow.
_SHARES = np.linspace(0.0, 1.0, 11)


@dataclass(frozen=True)
class StateBox:
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


def solve_state(
    study: FlexibilityStudy,
    closed: BoolArray,
    clock: Deadline,
    manner: Manner = PLAIN,
    adjacency: Adjacency | None = None,
    rest: bool = False,
) -> StateBox:
    """Solve for the box of one radial state.

    Parameters
    ----------
    study : FlexibilityStudy
        What is asked.
    closed : (m,) array of bool
        The state.
    clock : Deadline
        Time limit and progress.
    manner : Manner
        How the boxes of the linear model are computed.
    adjacency : Adjacency, optional
        Of the grid.
    rest : bool
        Whether a box found in the grace after the time limit, or else that in which nothing moves, is an answer.

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
        return _solved(study, network, problem, base, clock, manner)
    except TimeExpired:
        if rest and (late := _after_time(study, network, problem, base, clock, manner)) is not None:
            return late
        raise


def _after_time(
    study: FlexibilityStudy, network: Network, problem: BoxProblem, base: FloatArray, clock: Deadline, manner: Manner
) -> StateBox | None:
    """Return the box that the grace after the time limit gives, else that in which nothing moves; None without one."""
    try:
        return _solved(study, network, problem, base, Deadline(clock.grace, time_of=clock.time_of), manner)
    except (Infeasible, SolverError) as error:
        log.info("after the time limit: %s", error)
    still = at_rest(replace(problem, base=base), network, _SHARES)
    if still is None:
        return None
    return StateBox(network, problem, _no_more_than_rest(still, clock), still)


def _solved(
    study: FlexibilityStudy,
    network: Network,
    problem: BoxProblem,
    base: FloatArray,
    clock: Deadline,
    manner: Manner,
) -> StateBox:
    """Solve the linear model, and correct it by exact states until they hold."""
    try:
        boxes = linear_boxes(problem, clock, manner)
    except TimeExpired:
        raise TimeExpired(
            f"no box was found within {clock.seconds:g} s; nothing is proven, neither a box nor that there is none. "
            "Give more time_limit."
        ) from None
    if boxes is None or boxes.separable.x_lower is None:
        raise _infeasible(study, problem, network, clock)
    # from here on the base is that of AC power flow
    problem = replace(problem, base=base)
    answer = prove_states(problem, network, boxes.separable, clock, _SHARES, manner.even)
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
    return StateBox(network, problem, boxes, answer)


def _no_more_than_rest(still: BoxAnswer, clock: Deadline) -> LinearBoxes:
    """Boxes of the linear model where the time was over before one was found: only the bound is known, if any is."""
    bound = min((row.bound for row in clock.rows if math.isfinite(row.bound)), default=math.inf)
    return LinearBoxes(still.ends, still.ends, max(bound, 0.0), (), False, None)


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
            False,  # the linear model is no relaxation of AC: what it refutes may hold there
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
            _violations(study, broken),
            False,  # the linear model is no relaxation of AC: what it refutes may hold there
        )
    if np.isfinite(problem.limits).any():
        beyond = _import_beyond(study, problem, clock)
        if beyond:
            return Infeasible(beyond, None, False)
    if problem.direction != "both" or np.isfinite(problem.required).any():
        return Infeasible(_too_much(study, problem, study.base(network), clock), None, False)
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


def _violations(study: FlexibilityStudy, broken: list[Broken]) -> pd.DataFrame:
    """Table of what the least violating dispatch of the linear model breaks, worst first."""
    grid, rows = study.study.grid, []
    for b in broken:
        if b.kind == "loading":
            member = grid.branches[b.where].members[0]
            table = study.coupling.net[member.element]
            most = float(table.at[member.index, "max_loading_percent"]) if "max_loading_percent" in table else 100.0
            place, limit, excess, unit = (member.element, member.index), most, most * b.excess, "%"
        else:
            squared = grid.v_min[b.where] if b.kind == "voltage low" else grid.v_max[b.where]
            place, limit, excess, unit = ("bus", grid.buses[b.where][0]), math.sqrt(float(squared)), b.excess, "pu"
        value = limit - excess if b.kind == "voltage low" else limit + excess
        rows.append((study.periods[b.t], b.kind, *place, value, limit, excess, unit))
    return pd.DataFrame(rows, columns=["period", "kind", "element", "index", "value", "limit", "excess", "unit"])


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
