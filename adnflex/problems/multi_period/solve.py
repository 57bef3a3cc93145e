"""Solve a reconfiguration of many periods: search on means, exact cost over all, guards, bound."""

from __future__ import annotations

import dataclasses
import math

import numpy as np

from adnflex.arrays import BoolArray, IntArray
from adnflex.grid.topology import must_close
from adnflex.knobs import Effort, Switching
from adnflex.problems.clock import Deadline, Progress
from adnflex.problems.multi_period.all_sequences import AllSequences
from adnflex.problems.multi_period.evaluation import Evaluator
from adnflex.problems.multi_period.points import Groups, Points, grouped
from adnflex.problems.multi_period.proof import OneProof
from adnflex.problems.multi_period.run_bounds import RunBounds
from adnflex.problems.multi_period.search import WindowSearch
from adnflex.problems.multi_period.sequence import Sequence
from adnflex.problems.reconfiguration.meshed import meshed_start, nearest_tree
from adnflex.problems.reconfiguration.radial_search import Incumbent

Open = frozenset[int]

# Up to so many points each stands for itself in the search; of more, so many means a window, and in all.
_ALL, _MEANS, _MEANS_IN_ALL = 48, 20, 400

# Rounds in which points that break limits are added to the means.
_GUARD_ROUNDS = 6

# Part of the time limit that the search may take before the proof begins.
_SEARCH_SHARE = 0.4
# Part of that for what is best in the hour of highest losses, which a plan is compared with.
_PEAK_SHARE = 0.2


@dataclasses.dataclass(frozen=True)
class SearchedPeriods:
    """What solving gave.

    Attributes
    ----------
    status : str
        ``optimal``, ``gap``, ``infeasible``, ``time_limit``, ``interrupted`` or ``unproven``.
    best : Sequence or None
        The topologies.
    least_violating : Open or None
        Where nothing keeps every limit: the topology that breaks them least.
    bound : float
        Proven lower bound of the objective.
    search : WindowSearch
        What was seen.
    progress : tuple of Progress
        How incumbent and bound went.
    solver : str
        What did it.
    notes : tuple of str
        What the reader has to know.
    runs : RunBounds or None
        What is proven of sequences, where there are several windows.
    """

    status: str
    best: Sequence | None
    least_violating: Open | None
    bound: float
    search: WindowSearch
    progress: tuple[Progress, ...]
    solver: str
    notes: tuple[str, ...] = ()
    runs: RunBounds | AllSequences | None = None


def solve_periods(
    points: Points,
    switching: Switching,
    effort: Effort,
    clock: Deadline,
    *,
    soft: bool = False,
    formulation: str = "auto",
) -> SearchedPeriods:
    """Find the best topology of every window, and prove how good they can be.

    Parameters
    ----------
    points : Points
        The operating points.
    switching : Switching
        Price and budget of operations, start.
    effort : Effort
        Gap, workers, seed.
    clock : Deadline
        Time limit, told of every step.
    soft : bool
        Whether limits may be broken where nothing keeps them all.
    formulation : str
        Of the proof: ``auto``, ``directed`` or ``distflow``.
    """
    pause = clock.part(_SEARCH_SHARE)
    search, best, guards, interrupted = _searched(points, switching, effort, pause, soft)
    search.formulation = formulation
    if not interrupted:
        try:
            return _proven_in_time(search, best, guards, effort, clock)
        except KeyboardInterrupt:
            # not while something was proven: that keeps what it has
            best = search.best(switching.max_operations)
    # losses are not below zero
    return _ended(search, clock, "interrupted", best, 0.0, "branch exchange")


def _proven_in_time(
    search: WindowSearch, best: Sequence | None, guards: IntArray, effort: Effort, clock: Deadline
) -> SearchedPeriods:
    """Prove how good the best can be, where its limits let something be proven."""
    clock.report_bests(math.inf if best is None else best.objective, 0.0, "branch exchange")
    if search.soft and best is not None and best.violation > 0:
        note = "limits: none keeps them all, so that the least sum of violations came first; there is no bound."
        return SearchedPeriods("unproven", best, None, -math.inf, search, tuple(clock.rows), "branch exchange", (note,))
    if search.points.windows > 1:
        return _bounded(search, best, guards, effort, clock)
    return _proven(search.points, search, best, guards, effort, clock)


def search_periods(points: Points, switching: Switching, effort: Effort, pause: Deadline) -> Sequence | None:
    """Return the best topologies that are found in a time, without a proof; those that break limits least, else."""
    _, best, _, _ = _searched(points, switching, effort, pause, soft=True)
    return best


def _searched(
    points: Points, switching: Switching, effort: Effort, pause: Deadline, soft: bool
) -> tuple[WindowSearch, Sequence | None, IntArray, bool]:
    """Search on means until those show every limit; also the points that guard them, and whether it was interrupted."""
    required = must_close(points.grid)
    groups = _groups(points, required, effort.seed)
    guards = np.array([], dtype=np.int64)
    search = WindowSearch(points, groups, required, switching, soft, lambda: pause.spent)
    short = pause.part(_PEAK_SHARE)
    starts = [nearest_tree(points.grid, required)]
    best: Sequence | None = None
    try:
        search.find_peak(lambda: short.spent)
        for _ in range(_GUARD_ROUNDS):
            search.explore([*starts, *(best.states if best is not None else ())])
            best = search.best(switching.max_operations)
            fresh = np.setdiff1d(search.broken(), guards)
            if soft or not len(fresh) or pause.spent:
                break
            guards = np.union1d(guards, fresh)
            search.guard(groups.guarded(points, guards))
    except KeyboardInterrupt:
        if not search.valued():
            raise
        search.stop = lambda: True
        search.pool.update({state: None for state, _ in search.valued()})
        return search, search.best(switching.max_operations), guards, True
    return search, best, guards, False


def _groups(points: Points, required: BoolArray, seed: int) -> Groups:
    """Means for the search."""
    few = min(_MEANS, max(2, _MEANS_IN_ALL // points.windows))
    count = len(points) if len(points) <= _ALL else few
    tree = Evaluator(points, required).tree(meshed_start(points.mean(), required))
    assert tree is not None  # opening loops one by one ends in a tree
    return grouped(points, tree, count, seed, alike=False)


def _proven(
    points: Points,
    search: WindowSearch,
    best: Sequence | None,
    guards: IntArray,
    effort: Effort,
    clock: Deadline,
) -> SearchedPeriods:
    """Prove how good one topology can be."""
    switching = search.switching
    free = switching.start == "free"
    price = 0.0 if free else switching.switching_cost
    most = None if free else switching.max_operations
    incumbent = Incumbent()
    proof = OneProof(points, search, guards, price, most)
    if best is not None:
        incumbent.offer(best.states[0], proof.score(best.states[0]))
    outcome, solver = proof.run(incumbent, effort, clock)
    found = None if incumbent.state is None else search.sequence([incumbent.state])
    bound = math.inf if outcome.status == "infeasible" else max(outcome.bound, 0.0)
    clock.report_bests(incumbent.value, bound, outcome.status)
    return _ended(search, clock, outcome.status, found, min(bound, incumbent.value), solver)


def _ended(
    search: WindowSearch,
    clock: Deadline,
    status: str,
    best: Sequence | None,
    bound: float,
    solver: str,
    runs: RunBounds | AllSequences | None = None,
) -> SearchedPeriods:
    """Put together what is known in the end; without a plan, what breaks limits least belongs to it."""
    least = None if best is not None else search.least_violating()
    return SearchedPeriods(status, best, least, bound, search, tuple(clock.rows), solver, runs=runs)


def _bounded(
    search: WindowSearch, best: Sequence | None, guards: IntArray, effort: Effort, clock: Deadline
) -> SearchedPeriods:
    """Bound how good topologies by window can be: over all radial states, or by proofs for runs of windows."""
    every = AllSequences.of(search, effort, clock)
    if every is not None:
        return _of_all(search, best, every, effort, clock)
    bounds = RunBounds(search, guards, effort, clock)
    value = math.inf if best is None else best.objective
    bound = bounds.improved(value, effort.gap)
    reached = value - bound <= effort.gap * abs(value)
    status = "optimal" if reached else "time_limit" if clock.spent else "gap" if best is not None else "unproven"
    if best is None and bound == math.inf:
        status = "infeasible"
    elif bounds.interrupted:
        status = "interrupted"
    clock.report_bests(value, bound, status)
    proofs = f"{bounds.proofs} proof{'' if bounds.proofs == 1 else 's'} of runs of windows"
    solver = f"branch exchange and dynamic programming; bound: {proofs}"
    return _ended(search, clock, status, best, min(bound, value), solver, bounds)


def _of_all(
    search: WindowSearch, best: Sequence | None, every: AllSequences, effort: Effort, clock: Deadline
) -> SearchedPeriods:
    """Find the best sequence of all radial states."""
    bound, found = every.solved(search.switching.max_operations, clock, effort.gap)
    if found is not None and (best is None or found.objective < best.objective):
        best = found
    every.tell()
    value = math.inf if best is None else best.objective
    if best is None:
        status = "infeasible" if bound == math.inf else "time_limit"
    else:
        status = "optimal" if value - bound <= effort.gap * abs(value) else "time_limit"
    clock.report_bests(value, min(bound, value), status)
    solver = f"dynamic programming over {every.what}"
    return _ended(search, clock, status, best, min(bound, value), solver, every)
