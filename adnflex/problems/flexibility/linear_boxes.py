"""The largest boxes of the linear model in one topology: linear programs, column and constraint generation."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from adnflex.algorithms.column_constraint import Generated, Iteration, generate
from adnflex.arrays import FloatArray
from adnflex.errors import SolverError
from adnflex.problems.clock import Deadline
from adnflex.problems.flexibility.model import BoxProblem
from adnflex.problems.flexibility.rows import Solved, solve_box
from adnflex.problems.flexibility.vertices import Follower

log = logging.getLogger(__name__)

# Trajectories that are missed by less are followed [MW], below what any meter shows.
_FOLLOWED = 1e-6


# Boxes that differ by less are the same, relative.
_SAME = 1e-5


@dataclass(frozen=True)
class Manner:
    """How the boxes of the linear model are computed.

    Attributes
    ----------
    seed : int
        Of the search for bad vertices.
    even : bool
        Of all largest boxes, the one whose narrowest period is widest.
    method : str
        ``auto``: column and constraint generation where two programs do not settle the box; ``ccg``: always, from one
        vertex.
    memory : int
        Periods of the trajectory that a policy remembers, this one included; 1 is the separable box.
    """

    seed: int = 0
    even: bool = True
    method: str = "auto"
    memory: int = 1


#: As a verb computes them if nothing else is asked.
PLAIN = Manner()


@dataclass(frozen=True)
class Ends:
    """A box of the linear model, with the dispatches of both ends where it has them.

    Attributes
    ----------
    lower, upper : (T,) array
        The box [MW].
    worth : float
        Weighted size.
    x_lower, x_upper : (T, k) array or None
        Columns of all devices.
    solved : Solved or None
        The program's answer.
    """

    lower: FloatArray
    upper: FloatArray
    worth: float
    x_lower: FloatArray | None = None
    x_upper: FloatArray | None = None
    solved: Solved | None = None

    @property
    def bound(self) -> float:
        """No point of its program is worth more, by the solver's dual point."""
        return self.worth if self.solved is None else max(-self.solved.bound, self.worth)


@dataclass(frozen=True)
class LinearBoxes:
    """The boxes of the linear model.

    Attributes
    ----------
    separable, foresighted : Ends
        The box followed hour by hour, the box with foresight.
    bound : float
        No box is worth more.
    foresighted_bound : float
        The same.
    iterations : tuple of Iteration
        Of column and constraint generation.
    settled : bool
        Whether the box with foresight is proven to hold and largest.
    outer : Solved or None
        Answer of the outer program.
    remembering : Ends or None
        The box of a policy that remembers some periods; None where that is the separable one.
    """

    separable: Ends
    foresighted: Ends
    bound: float
    iterations: tuple[Iteration, ...]
    settled: bool
    outer: Solved | None = None
    remembering: Ends | None = None


def _vertices(problem: BoxProblem) -> list[FloatArray]:
    return [np.zeros(problem.periods), np.ones(problem.periods)]


def worth(problem: BoxProblem, lower: FloatArray, upper: FloatArray) -> float:
    """Weighted size of a box."""
    return float(problem.weights @ (upper - lower) * problem.hours)


def separable_box(problem: BoxProblem, seconds: float, even: bool = False, start: Solved | None = None) -> Ends | None:
    """Return the largest box that mixing two dispatches hour by hour follows; None where there is none.

    A policy that looks back, but not ahead, may promise a little more (docs: theory).

    Parameters
    ----------
    problem : BoxProblem
        The problem.
    seconds : float
        Time limit [s].
    even : bool
        Of all largest boxes, the one whose narrowest period is widest.
    start : Solved, optional
        Answer around other states, to begin with.
    """
    found = solve_box(problem, _vertices(problem), seconds, memory=1, start=start, even=even)
    if found is None:
        return None
    x = found.x
    lay = found.program.layout
    lower, upper = x[lay.lower], x[lay.upper]
    return Ends(lower, upper, worth(problem, lower, upper), lay.dispatch(x, 0), lay.dispatch(x, 1), found)


def remembering_box(problem: BoxProblem, seconds: float, memory: int, even: bool = False) -> Ends | None:
    """Return the largest box of a policy that remembers the last periods of the trajectory; None where there is none.

    A copy is a dispatch for the last ends of a trajectory; between them a dispatch is the mix whose weights are
    products of the shares.  Then the energy is the mean over independent ends, so that limits along all sequences of
    ends hold for every trajectory.  With as many periods as the horizon has, no policy without foresight has a larger
    box.

    Parameters
    ----------
    problem, seconds, even
        As in `separable_box`.
    memory : int
        Periods remembered, this one included.
    """
    memory = min(memory, problem.periods)
    if memory == 1:
        return separable_box(problem, seconds, even)
    copies = [np.full(problem.periods, float(c & 1)) for c in range(2**memory)]
    return _ends(problem, solve_box(problem, copies, seconds, memory=memory, even=even))


def outer_box(
    problem: BoxProblem, vertices: Sequence[FloatArray], seconds: float, start: Solved | None = None
) -> Ends | None:
    """Return the largest box that holds at some vertices: a bound from above; None where there is none."""
    return _ends(problem, solve_box(problem, vertices, seconds, effort=False, start=start))


def _ends(problem: BoxProblem, found: Solved | None) -> Ends | None:
    """Read the ends of the box that a program found."""
    if found is None:
        return None
    lay = found.program.layout
    lower, upper = found.x[lay.lower], found.x[lay.upper]
    return Ends(lower, upper, worth(problem, lower, upper), solved=found)


def linear_boxes(problem: BoxProblem, clock: Deadline, manner: Manner = PLAIN) -> LinearBoxes | None:
    """Return the boxes of the linear model with the bound; None where no dispatch holds at all.

    Two linear programs come first; where they meet, the separable box is the largest of all and no subproblem is
    needed.  Where they do not, column and constraint generation settles the box with foresight.
    """
    try:
        # the bound may take half the time, the box is what is asked for
        outer = outer_box(problem, _vertices(problem), clock.left / 2)
    except SolverError as error:
        log.info("outer box: %s", error)
        return _without_bound(problem, clock, manner.even)
    if outer is None:
        return None
    clock.report(math.nan, outer.bound, "outer box")
    inner = separable_box(problem, clock.left, manner.even)
    if inner is None:
        # one dispatch holds at each end, but no mix of both keeps the energy limits
        inner = Ends(outer.lower * math.nan, outer.upper * math.nan, -math.inf)
    clock.report(inner.worth, outer.bound, "separable box")
    met = outer.bound - inner.worth <= _SAME * max(abs(outer.worth), 1e-9)
    if met and manner.method == "auto":
        return LinearBoxes(inner, inner, max(outer.bound, inner.worth), (), True, outer.solved)
    return replace(
        _with_foresight(problem, clock, manner, inner, outer),
        remembering=None if met else _remembering(problem, clock, manner),
    )


def _remembering(problem: BoxProblem, clock: Deadline, manner: Manner) -> Ends | None:
    if manner.memory == 1:
        return None
    try:
        return remembering_box(problem, clock.left, manner.memory, manner.even)
    except SolverError as error:
        log.info("box of a policy that remembers: %s", error)
        return None


def _with_foresight(problem: BoxProblem, clock: Deadline, manner: Manner, inner: Ends, outer: Ends) -> LinearBoxes:
    """Settle the box with foresight vertex by vertex."""
    try:
        found = _foresighted(problem, clock, manner, inner.worth)
    except SolverError:
        # out of time in a linear program: what is proven stays proven
        return LinearBoxes(inner, inner, outer.bound, (), False, outer.solved)
    box = found.box
    if not found.holds and inner.worth > -math.inf:
        box = _between(problem, inner, found.box, clock)
    bound = max(min(found.bound, outer.bound), inner.worth)
    return LinearBoxes(inner, box, bound, tuple(found.history), found.holds, outer.solved)


def _without_bound(problem: BoxProblem, clock: Deadline, even: bool) -> LinearBoxes | None:
    """Return the box that can be followed hour by hour where the outer program was not solved: without a bound."""
    inner = separable_box(problem, clock.left, even)
    if inner is None:
        # proven of the separable box only, which is smaller than others
        raise SolverError("no box followed hour by hour exists, and whether another one does was not settled.")
    return LinearBoxes(inner, inner, math.inf, (), False, None)


def _foresighted(problem: BoxProblem, clock: Deadline, manner: Manner, proven: float) -> Generated[Ends]:
    follower = Follower(problem)
    rng = np.random.default_rng(manner.seed)

    def master(vertices: Sequence[FloatArray]) -> tuple[Ends, float]:
        box = outer_box(problem, vertices, clock.left)
        if box is None:
            raise SolverError("the master problem of the box became infeasible; please report this net.")
        clock.report(proven, box.bound, f"{len(vertices)} vertices")
        return box, box.bound

    return generate(
        master,
        lambda box: follower.climb(box.lower, box.upper, rng, clock),
        lambda box: follower.prove(box.lower, box.upper, clock.left),
        _vertices(problem) if manner.method == "auto" else [(np.arange(problem.periods) % 2).astype(float)],
        _FOLLOWED,
        lambda bound: clock.spent,
    )


def _between(problem: BoxProblem, inner: Ends, outer: Ends, clock: Deadline) -> Ends:
    """Return the largest proven box between one that holds and one that does not; mixes of boxes that hold do."""
    follower = Follower(problem)
    best, low, high = inner, 0.0, 1.0
    for _ in range(6):
        if clock.spent:
            break
        share = (low + high) / 2
        lower = inner.lower + share * (outer.lower - inner.lower)
        upper = inner.upper + share * (outer.upper - inner.upper)
        verdict = follower.prove(lower, upper, clock.left)
        if verdict.proven and verdict.bound <= _FOLLOWED:
            best, low = Ends(lower, upper, worth(problem, lower, upper)), share
        else:
            high = share
    return best
