"""Switch states that enlarge the box at the coupling point: what is searched, run in AC and compared."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd

from adnflex.arrays import BoolArray
from adnflex.errors import AdnflexError, Infeasible, InputError, SolverError, TimeExpired
from adnflex.grid import switch_table
from adnflex.grid.layout import drawing_tables
from adnflex.grid.topology import Adjacency, closed_of, must_close
from adnflex.knobs import Effort
from adnflex.problems.clock import Deadline
from adnflex.problems.flexibility.explain import binding_limits
from adnflex.problems.flexibility.least_loss import least_loss_state
from adnflex.problems.flexibility.linear_boxes import Manner
from adnflex.problems.flexibility.model import BoxProblem
from adnflex.problems.flexibility.one_state import StateBox, solve_state
from adnflex.problems.flexibility.search import Found, TopologySearch
from adnflex.problems.flexibility.study import FlexibilityStudy
from adnflex.problems.flexibility.tables import relieved_table
from adnflex.problems.flexibility.topology_row import topology_row, without_reactive_power
from adnflex.problems.reconfiguration.meshed import meshed_start
from adnflex.results.certificate import relative_gap
from adnflex.results.flexibility import Flexibility

log = logging.getLogger(__name__)

Open = frozenset[int]

# Topologies whose boxes are run in exact power flow, best of the linear model first.
_CANDIDATES = 3

# Share of the time after which the proof ends at the latest, and of that left after the first AC run at the earliest.
_PROOF_SHARE, _PROOF_LEAST = 0.85, 0.3

# Share of the best box within which the runners-up may overtake it by AC.
_CLOSE = 0.01


@dataclass(frozen=True)
class ProblemOf:
    """Maps a radial state to its linear problem; sent to worker processes."""

    study: FlexibilityStudy
    adjacency: Adjacency

    def __call__(self, closed: BoolArray) -> BoxProblem:
        """Return the problem of a state."""
        return self.study.problem(self.study.network(closed, self.adjacency))


def others_of(
    study: FlexibilityStudy, adjacency: Adjacency, compare: Mapping[str, Iterable[int]] | None, clock: Deadline
) -> dict[str, Open]:
    """Topologies to compare with: the present one where it is radial, that of least losses, the caller's own."""
    grid = study.study.grid
    present = frozenset(np.flatnonzero(~grid.closed).tolist())
    required = must_close(grid)
    starts = [s for s in (present, meshed_start(grid, required)) if adjacency.forest(closed_of(grid, s)) is not None]
    found = {"present": present} if adjacency.forest(grid.closed) is not None else {}
    for title, devices in (("least losses", True), ("least losses of the loads alone", False)):
        end = clock.now + 0.05 * clock.seconds
        network_of = partial(study.network, adjacency=adjacency)
        least = least_loss_state(network_of, grid, required, starts, clock, end, devices)
        if least is not None:
            found[title] = least
    line_of = {
        b.decision.index: k
        for k, b in enumerate(grid.branches)
        if b.decision is not None and b.decision.element == "line"
    }
    faults = []
    for title, lines in (compare or {}).items():
        wanted = [int(i) for i in lines]
        unknown = [i for i in wanted if i not in line_of]
        state = frozenset(line_of[i] for i in wanted if i in line_of)
        if unknown:
            faults.append(f"compare {title!r}: line {unknown} cannot be switched; see switchable_lines.")
        elif adjacency.forest(closed_of(grid, state)) is None:
            faults.append(f"compare {title!r}: with the lines {wanted} open the network is not radial and supplied.")
        found[title] = state
    if faults:
        raise InputError(faults)
    return found


def search_topologies(
    study: FlexibilityStudy,
    adjacency: Adjacency,
    others: Mapping[str, Open],
    max_operations: int | None,
    effort: Effort,
    seconds: float,
    clock: Deadline,
    runs: Runs,
) -> Found:
    """Search the topologies of the linear model, from those compared with, and bound them all."""
    grid = study.study.grid
    required = must_close(grid)
    search = TopologySearch(grid, required, ProblemOf(study, adjacency), clock, max_operations, effort.gap, effort.seed)
    starts = [*others.values(), meshed_start(grid, required)]
    return search.run(starts, clock.now + seconds, effort.workers, effort.executor, runs.until)


class Runs:
    """Boxes by exact power flow, one a topology; all share the clock, so that one too late has none.

    Parameters
    ----------
    study, adjacency, clock, manner
        What is asked, the deadline, how boxes are computed.
    others : int
        Topologies that are compared.
    """

    def __init__(
        self, study: FlexibilityStudy, adjacency: Adjacency, clock: Deadline, manner: Manner, others: int
    ) -> None:
        self.study, self.adjacency, self.clock, self.manner = study, adjacency, clock, manner
        self.others = others
        self.known: dict[Open, StateBox | None] = {}
        self.failures: dict[Open, AdnflexError] = {}
        # topologies that were not run, as the time was over or a solver gave up
        self.missing: set[Open] = set()

    def until(self, state: Open) -> float:
        """Run the best topology first; return when the proof has to end so that the others have their time too."""
        before = self.clock.now
        self.box(state)
        one = self.clock.now - before
        reserve = one * (self.others + _CANDIDATES - 1)
        latest = _PROOF_SHARE * self.clock.seconds
        return max(min(latest, self.clock.seconds - reserve), self.clock.now + _PROOF_LEAST * self.clock.left)

    def box(self, state: Open) -> StateBox | None:
        """Return the box of a topology; None where there is none, or it was not found in time."""
        if state not in self.known:
            self.known[state] = self._solve(state)
        return self.known[state]

    def _solve(self, state: Open) -> StateBox | None:
        closed = closed_of(self.study.study.grid, state)
        try:
            return solve_state(self.study, closed, self._clock(), self.manner, self.adjacency)
        except Infeasible as error:
            self.failures[state] = error
        except SolverError as error:
            log.info("box of %s: %s", sorted(state), error)
            self.missing.add(state)
            self.failures[state] = error
        return None

    def _clock(self) -> Deadline:
        """Return the time left as a clock that tells nobody: a box of one topology is not the answer."""
        return self.clock.part(1.0)


def run_in_ac(
    study: FlexibilityStudy,
    adjacency: Adjacency,
    found: Found,
    boxes: Mapping[Open, StateBox | None],
    max_operations: int | None,
    clock: Deadline,
    runs: Runs,
) -> tuple[StateBox, Open]:
    """Run the best topologies in exact power flow; the largest box of them that holds wins, be it one compared with."""
    grid = study.study.grid
    present = frozenset(np.flatnonzero(~grid.closed).tolist())
    best: tuple[StateBox, Open] | None = None
    for state, box in boxes.items():
        allowed = max_operations is None or len(state ^ present) <= max_operations
        if box is not None and allowed and (best is None or box.answer.worth > best[0].answer.worth):
            best = box, state
    for rank, (state, value) in enumerate(zip(found.states, found.values, strict=True)):
        near = value >= found.values[0] - _CLOSE * abs(found.values[0])
        if best is not None and (rank >= _CANDIDATES or not near):
            break
        if state in boxes:
            continue
        solved = runs.box(state)
        if solved is None:
            continue
        if best is None or solved.answer.worth > best[0].answer.worth:
            best = solved, state
    if best is None:
        if clock.spent and (late := _present_box(study, adjacency)) is not None:
            return late, present
        known = [runs.failures[s] for s in found.states if s in runs.failures]
        raise known[0] if known else _nowhere(study, adjacency, clock, runs)
    return best


# Seconds after the time limit for the box of the present switch states, where there is no other.
_GRACE = 1.0


def _present_box(study: FlexibilityStudy, adjacency: Adjacency) -> StateBox | None:
    """Return the box of the present switch states, be it that in which nothing moves; None where there is none."""
    closed = study.study.grid.closed
    if adjacency.forest(closed) is None:
        return None
    try:
        return solve_state(study, closed, Deadline(_GRACE), adjacency=adjacency, rest=True)
    except (Infeasible, SolverError) as error:
        log.info("present switch states: %s", error)
        return None


def _nowhere(study: FlexibilityStudy, adjacency: Adjacency, clock: Deadline, runs: Runs) -> AdnflexError:
    """Say what stands in the way, in the present topology if it is radial."""
    grid = study.study.grid
    state = frozenset(np.flatnonzero(~grid.closed).tolist())
    if adjacency.forest(grid.closed) is None:
        state = meshed_start(grid, must_close(grid))
    runs.box(state)
    failure = runs.failures.get(state)
    if isinstance(failure, Infeasible):
        text = f"no radial switch state that was tried has a box; in one of them: {failure}"
        return Infeasible(text, failure.violations, False, switch_table(grid, closed_of(grid, state).tolist()))
    if clock.spent:
        return TimeExpired(
            f"no box was found in any switch state within {clock.seconds:g} s; nothing is proven. Give more time_limit."
        )
    return failure or SolverError("no switch state that was tried has a box, and none is refuted.")


def compared(
    study: FlexibilityStudy,
    adjacency: Adjacency,
    best: Flexibility,
    others: Mapping[str, tuple[Open, StateBox | None]],
    chosen: tuple[Open, StateBox],
    found: Found,
    clock: Deadline,
) -> Flexibility:
    """Put the other topologies beside the best one, and say which limits it relieves."""
    grid = study.study.grid
    state, solved = chosen
    boxes: dict[str, tuple[Open, StateBox | None]] = {**others, "flexibility": chosen}
    without_q = without_reactive_power(study)
    rows = {}
    for title, (where, box) in boxes.items():
        rows[title] = topology_row(study, without_q, adjacency, where, box, clock)
    comparison = pd.DataFrame.from_dict(rows, orient="index")
    comparison.index.name = "topology"
    first = comparison["total_mwh"].iloc[0]
    comparison.insert(3, "change_percent", 100 * (comparison["total_mwh"] / first - 1) if first > 0 else math.nan)
    bands = {
        (title, side): getattr(box.answer, side.removesuffix("_mw"))
        for title, (_, box) in boxes.items()
        if box is not None
        for side in ("lower_mw", "upper_mw")
    }
    frame = pd.DataFrame(dict(enumerate(bands.values())), index=best.box.index)
    frame.columns = pd.MultiIndex.from_tuples(list(bands), names=["topology", "end"])
    before = next((box for title, (_, box) in boxes.items() if title == "present" and box is not None), None)
    relieved = best.relieved
    if before is not None:
        held = [binding_limits(s.answer.problem, s.answer, clock.left) for s in (before, solved)]
        relieved = relieved_table(study, held[0], held[1], solved.answer)
    value = best.linear.worth
    bound = max(found.bound, value) if math.isfinite(found.bound) else math.inf
    # what the bound settles is the best topology of the linear model; by AC another one may be chosen
    most = max([value, *found.values[:1]])
    settled = bound - most <= float(best.options["gap"]) * abs(most) + 1e-9
    ended = "interrupted" if found.interrupted else "time_limit"
    progress = pd.DataFrame(
        [(r.seconds, r.incumbent, r.bound, r.event) for r in clock.rows], columns=best.progress.columns
    )
    switches = switch_table(grid, closed_of(grid, state).tolist())
    topology, coordinates = drawing_tables(study.coupling.net, switches)
    return replace(
        best,
        switches=switches,
        comparison=comparison,
        bands=frame,
        relieved=relieved,
        linear=replace(
            best.linear,
            bound=bound,
            gap=relative_gap(-value, -bound),
            bound_kind=found.kind,
            status="optimal" if settled else ended,
        ),
        status="complete" if settled else ended,
        progress=progress,
        seconds=clock.now,
        solver=f"HiGHS, branch exchange over {found.looked_at} boxes",
        topology=topology,
        coordinates=coordinates,
        notes=(*best.notes, *found.notes),
    )
