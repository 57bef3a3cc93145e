"""Of plans within the gap one with few moves: what moves back and forth for nothing is no decision.

Stays of a position are given up one after the other: the device stays where it was before, where it goes afterwards, or
at one position for the whole horizon.  What is tried is judged like any other answer, by exact power flow and the
devices' own audit, and has to stay below a ceiling of the objective: first with all other set-points as they are, then
with those that a conic programme finds for the new positions.  It is a local search of a bounded number of tries, so
that the same plan comes out whatever else the machine does; the moves that are left are not proven to be the fewest.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from adnflex.arrays import FloatArray, IntArray
from adnflex.problems.dispatch.loss_certificate import Goal
from adnflex.problems.dispatch.model import Dispatch
from adnflex.problems.dispatch.search import Search
from adnflex.problems.dispatch.state import DispatchState, evaluate
from adnflex.solvers.clarabel import solve_relaxation

log = logging.getLogger(__name__)

# Power flows and conic programmes of one state that may be tried, at least some of each.
_FLOWS, _PROGRAMMES = 4000, 150
_LEAST_FLOWS, _LEAST_PROGRAMMES = 20, 4
# Seconds for the last conic programme where the time is over.
_SECONDS = 0.5


class _Try(NamedTuple):
    """Positions (T,) of a device that would spare moves."""

    device: int
    positions: IntArray
    spared: int


def moves_of(state: DispatchState) -> int:
    """Count the changes of position of all devices."""
    return sum(int(s.moves.sum()) for s in state.schedules if s.moves is not None)


def within_gap(
    search: Search, models: Sequence[Dispatch], state: DispatchState | None, goal: Goal
) -> tuple[DispatchState | None, int]:
    """Of plans within the gap take one with few moves, and say how many it spares.

    Where the gap was not reached, of those that are no dearer.

    Parameters
    ----------
    search : Search
        What was asked.
    models : sequence of Dispatch
        What the state may have been found with; the last is the first model of the search.
    state : DispatchState or None
        The best that was found.
    goal : Goal
        When the search ends.
    """
    # a recovery may have found it with a model of more charge modes
    found_with = next((m for m in models if state is not None and len(m.form.c) == len(state.x)), None)
    if state is None or found_with is None:
        return state, 0
    ceiling = max(search.bound + goal.room(models[-1], state), state.objective)
    fewer = fewer_moves(search, found_with, state, ceiling)
    return (state, 0) if fewer is None else (fewer, moves_of(state) - moves_of(fewer))


def fewer_moves(search: Search, dispatch: Dispatch, state: DispatchState, ceiling: float) -> DispatchState | None:
    """Look for a state with fewer moves whose objective is not above a ceiling; None where there is none.

    Parameters
    ----------
    search : Search
        What is asked; its clock bounds this too.
    dispatch : Dispatch
        The model that `state` was found with.
    state : DispatchState
        A state that holds.
    ceiling : float
        Largest objective.
    """
    clock, moves = search.clock, moves_of(state)
    if not moves or search.problem.pins is not None or len(state.x) != len(dispatch.form.c):
        return None
    clock.report(state.objective, search.bound, "fewer moves")
    points = len(dispatch.horizon.points)
    flows = _Way(lambda x: x, max(_LEAST_FLOWS, _FLOWS // points))
    programmes = _Way(lambda x: _cheapest(dispatch, x, clock.left), max(_LEAST_PROGRAMMES, _PROGRAMMES // points))

    def held(x: FloatArray | None) -> DispatchState | None:
        found = None if x is None else evaluate(dispatch, x)
        return found if found is not None and found.feasible and found.objective <= ceiling else None

    best = state
    while not clock.spent and (found := _step(dispatch, best, (flows, programmes), held, search)) is not None:
        best = found
    if best is state:
        return None
    cheapest = held(_cheapest(dispatch, best.x, max(clock.left, _SECONDS)))
    if cheapest is not None and cheapest.objective <= best.objective:
        best = cheapest
    log.info("%d instead of %d moves", moves_of(best), moves)
    return best


@dataclass
class _Way:
    """A way to find set-points for new positions, and how often it may still be gone."""

    find: Callable[[FloatArray], FloatArray | None]
    left: int


def _step(
    dispatch: Dispatch,
    best: DispatchState,
    ways: tuple[_Way, ...],
    held: Callable[[FloatArray | None], DispatchState | None],
    search: Search,
) -> DispatchState | None:
    """Return the first state with fewer moves that holds, what is quick to try before what takes a programme."""
    tries = sorted(_tries(dispatch, best), key=lambda t: -t.spared)
    for way in ways:
        for one in tries:
            if way.left <= 0 or search.clock.spent:
                break
            way.left -= 1
            found = held(way.find(_with_positions(dispatch, best.x, one)))
            if found is not None and moves_of(found) < moves_of(best):
                return found
    return None


def _tries(dispatch: Dispatch, state: DispatchState) -> Iterator[_Try]:
    """Positions with fewer moves: a stay is given up for the one before or after it, or all for one position."""
    periods = dispatch.horizon.periods
    for i, decided in enumerate(state.decisions):
        block = dispatch.model.device[i]
        if not hasattr(block, "u"):
            continue
        now = np.array([round(decided[f"position:{t}"]) for t in range(periods)])
        initial = round(dispatch.devices[i].at_rest(1)["position:0"])
        before = _moves(now, initial)
        edges = [0, *(np.flatnonzero(np.diff(now)) + 1).tolist(), periods]
        wanted: list[IntArray] = [np.full(periods, k) for k in sorted({initial, *now.tolist()})]
        for a, b in pairwise(edges):
            for other in {int(now[a - 1]) if a else initial, int(now[b]) if b < periods else initial}:
                wanted.append(np.where((np.arange(periods) >= a) & (np.arange(periods) < b), other, now))
        for positions in wanted:
            if (spared := before - _moves(positions, initial)) > 0:
                yield _Try(i, positions, spared)


def _moves(positions: IntArray, initial: int) -> int:
    return int(np.count_nonzero(np.diff(positions, prepend=initial)))


def _with_positions(dispatch: Dispatch, x: FloatArray, wanted: _Try) -> FloatArray:
    """Put positions of a device into a point."""
    block, x = dispatch.model.device[wanted.device], x.copy()
    chosen = {(t, k): float(wanted.positions[t] == k) for t, k in block.u}
    dispatch.form.put(x, block.u, chosen)  # type: ignore[arg-type]
    return x


def _cheapest(dispatch: Dispatch, x: FloatArray, seconds: float) -> FloatArray | None:
    """Keep the integers of a point and find the cheapest set-points with them."""
    form = dispatch.form
    low, high = form.low.copy(), form.high.copy()
    low[form.integer] = high[form.integer] = np.round(x[form.integer])
    return solve_relaxation(form, low, high, seconds).x
