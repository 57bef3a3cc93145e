"""Solve for a box in one topology: linear programs, column and constraint generation, exact states."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from scipy import sparse

from adnflex.algorithms.column_constraint import Generated, generate
from adnflex.errors import SolverError
from adnflex.grid.model import FloatArray
from adnflex.problems.clock import Deadline
from adnflex.problems.flexibility.model import BoxProblem
from adnflex.problems.flexibility.program import build_program
from adnflex.problems.flexibility.rows import Solved, solve_box
from adnflex.problems.flexibility.shrunk import shrunk
from adnflex.problems.flexibility.states import Network, Sampled, sample
from adnflex.problems.flexibility.vertices import Follower
from adnflex.solvers.highs import LinearSolver

__all__ = ["BoxAnswer", "Ends", "LinearBoxes", "around_base", "linear_boxes", "prove_states", "separable_box"]

log = logging.getLogger(__name__)

# Trajectories that are missed by less are followed [MW], below what any meter shows.
_FOLLOWED = 1e-6

# Boxes that differ by less are the same, relative.
_SAME = 1e-5

# Rounds of the AC correction: free ones, which meet AC fast where the dispatches settle, then ones in which the
# dispatches may move less and less.
_FREE_ROUNDS, _ROUNDS = 7, 18

# A round that gains less is the last, relative.
_SETTLED = 1e-5

# The model has met AC where both ends differ by less [MW].
_MET = 1e-5

# Squared voltages and relative currents above their limits by less than this pass [pu, -]: half of what a check allows.
_VOLTAGE_TOLERANCE, _CURRENT_TOLERANCE = 1e-6, 5e-6


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
    iterations : int
        Master problems of column and constraint generation.
    settled : bool
        Whether the box with foresight is proven to hold and largest.
    outer : Solved or None
        Answer of the outer program.
    """

    separable: Ends
    foresighted: Ends
    bound: float
    iterations: int
    settled: bool
    outer: Solved | None = None


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
    found = solve_box(problem, _vertices(problem), seconds, separable=True, start=start)
    if found is None:
        return None
    x = _evened(problem, found, seconds) if even else found.x
    lay = found.program.layout
    lower, upper = x[lay.lower], x[lay.upper]
    return Ends(lower, upper, worth(problem, lower, upper), lay.dispatch(x, 0), lay.dispatch(x, 1), found)


def _evened(problem: BoxProblem, found: Solved, seconds: float) -> FloatArray:
    """Keep the objective and make the narrowest period as wide as possible."""
    form, lay, x = build_program(problem, _vertices(problem), separable=True).form, found.program.layout, found.x
    size = form.a.shape[1]
    periods = problem.periods
    here = np.arange(periods)
    kept = sparse.csr_matrix(np.append(form.c, 0.0)[None])
    widths = sparse.csr_matrix(
        (
            np.concatenate([np.ones(periods), -np.ones(periods), -np.ones(periods)]),
            (np.tile(here, 3), np.concatenate([lay.upper, lay.lower, np.full(periods, size)])),
        ),
        shape=(periods, size + 1),
    )
    matrix = sparse.vstack([sparse.hstack([form.a, sparse.csr_matrix((form.a.shape[0], 1))]), kept, widths])
    value = form.objective(x)
    even = replace(
        form,
        c=np.concatenate([1e-3 * form.c, [-1.0]]),
        a=sparse.csr_matrix(matrix),
        row_low=np.concatenate([form.row_low, [-np.inf], np.zeros(periods)]),
        row_high=np.concatenate([form.row_high, [value + 1e-7 * abs(value)], np.full(periods, np.inf)]),
        low=np.append(form.low, -np.inf),
        high=np.append(form.high, np.inf),
        integer=np.append(form.integer, False),
    )
    answer = LinearSolver(even).solve(seconds)
    # not solved: the largest box stays as it is
    return x if answer.x is None else answer.x[:size]


def outer_box(
    problem: BoxProblem, vertices: Sequence[FloatArray], seconds: float, start: Solved | None = None
) -> Ends | None:
    """Return the largest box that holds at some vertices: a bound from above; None where there is none."""
    found = solve_box(problem, vertices, seconds, effort=False, start=start)
    if found is None:
        return None
    lay = found.program.layout
    lower, upper = found.x[lay.lower], found.x[lay.upper]
    return Ends(lower, upper, worth(problem, lower, upper), solved=found)


def linear_boxes(problem: BoxProblem, clock: Deadline, seed: int = 0, even: bool = False) -> LinearBoxes | None:
    """Return both boxes of the linear model with the bound; None where no dispatch holds at all.

    Two linear programs come first; where they meet, the separable box is the largest of all and no subproblem is
    needed.  Where they do not, column and constraint generation settles the box with foresight.
    """
    try:
        # the bound may take half the time, the box is what is asked for
        outer = outer_box(problem, _vertices(problem), clock.left / 2)
    except SolverError as error:
        log.info("outer box: %s", error)
        return _without_bound(problem, clock, even)
    if outer is None:
        return None
    clock.report(math.nan, outer.bound, "outer box")
    inner = separable_box(problem, clock.left, even)
    if inner is None:
        # one dispatch holds at each end, but no mix of both keeps the energy limits
        inner = Ends(outer.lower * math.nan, outer.upper * math.nan, -math.inf)
    clock.report(inner.worth, outer.bound, "separable box")
    if outer.bound - inner.worth <= _SAME * max(abs(outer.worth), 1e-9):
        return LinearBoxes(inner, inner, max(outer.bound, inner.worth), 0, True, outer.solved)
    try:
        found = _foresighted(problem, clock, seed, inner.worth)
    except SolverError:
        # out of time in a linear program: what is proven stays proven
        return LinearBoxes(inner, inner, outer.bound, 0, False, outer.solved)
    box = found.box
    if not found.holds and inner.worth > -math.inf:
        box = _between(problem, inner, found.box, clock)
    return LinearBoxes(inner, box, found.bound, found.iterations, found.holds, outer.solved)


def _without_bound(problem: BoxProblem, clock: Deadline, even: bool) -> LinearBoxes | None:
    """Return the box that can be followed hour by hour where the outer program was not solved: without a bound."""
    inner = separable_box(problem, clock.left, even)
    if inner is None:
        # proven of the separable box only, which is smaller than others
        raise SolverError("no box followed hour by hour exists, and whether another one does was not settled.")
    return LinearBoxes(inner, inner, math.inf, 0, False, None)


def _foresighted(problem: BoxProblem, clock: Deadline, seed: int, proven: float) -> Generated[Ends]:
    follower = Follower(problem)
    rng = np.random.default_rng(seed)

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
        _vertices(problem),
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


@dataclass
class BoxAnswer:
    """A box whose states were run in exact power flow.

    Attributes
    ----------
    ends : Ends
        The dispatches.
    sampled : Sampled
        The states between them.
    problem : BoxProblem
        The linear model around these states.
    rounds : list of tuple
        Of every round: size by AC [MWh], voltage excess [pu, squared], overload, difference to the model [MW].
    holds : bool
        Whether every state keeps every limit.
    """

    ends: Ends
    sampled: Sampled
    problem: BoxProblem
    rounds: list[tuple[float, float, float, float]] = field(default_factory=list)
    holds: bool = False

    @property
    def lower(self) -> FloatArray:
        """Lower end by AC [MW]."""
        return np.asarray(self.sampled.imports[:, 0].real)

    @property
    def upper(self) -> FloatArray:
        """Upper end by AC [MW]."""
        return np.asarray(self.sampled.imports[:, -1].real)


def prove_states(
    problem: BoxProblem, network: Network, first: Ends, clock: Deadline, shares: FloatArray, even: bool = False
) -> BoxAnswer | None:
    """Correct the linear model by the exact states of a box until every state between its ends keeps all limits.

    Every round runs both ends in exact power flow, takes their losses, voltages and currents as the constants of
    the linear model, and solves again.  Later rounds let the dispatches move less and less, and what is still
    broken between the ends is kept free as a margin.

    Parameters
    ----------
    problem : BoxProblem
        The linear model.
    network : Network
        The exact one.
    first : Ends
        The box to begin with.
    clock : Deadline
        Time limit.
    shares : (K,) array
        Shares between the ends (0 and 1 included) that have to hold.
    even : bool
        As in `separable_box`.

    Returns
    -------
    BoxAnswer or None
        None where no round has power flow solutions, the corrected model is infeasible, or the time was over before
        a box or a part of one held.
    """
    problem, ends = _one_way(problem, first)
    best: BoxAnswer | None = None
    rounds: list[tuple[float, float, float, float]] = []
    margin_v = np.zeros((2, problem.periods, problem.grid.n))
    margin_s = np.zeros((2, problem.periods, problem.grid.m))
    damped = 0
    try:
        for k in range(_ROUNDS):
            answer = _run(problem, network, ends, shares)
            off = _difference(answer)
            voltage, loading = answer.sampled.worst
            rounds.append((_size(answer), max(voltage, 0.0), max(loading, 0.0), off))
            answer.holds = _holds(problem, answer)
            value = worth(problem, answer.lower, answer.upper) if answer.holds else -math.inf
            clock.report(value if best is None else max(value, _worth_of(problem, best)), math.nan, f"AC round {k + 1}")
            if answer.holds and (best is None or value > _worth_of(problem, best)):
                settled = best is not None and value < _worth_of(problem, best) + _SETTLED * abs(value)
                best = answer
                if settled:
                    break
            if answer.holds and off < _MET:
                # model and AC agree: further rounds would repeat this one
                break
            if clock.spent:
                break
            if not answer.sampled.solved:
                return best
            damped = max(k + 1 - _FREE_ROUNDS, 0)
            if damped:
                _keep_free(answer, margin_v, margin_s)
            problem = replace(
                _corrected(problem, answer),
                margin_v=margin_v.copy(),
                margin_s=margin_s.copy(),
                near=_near(problem, ends, 0.5 ** (damped + 1)) if damped else None,
            )
            try:
                new = separable_box(problem, clock.left, even, ends.solved)
            except SolverError as error:
                if best is None and not clock.spent:
                    raise
                log.info("AC round %d: %s", k + 1, error)
                break
            if new is None:
                return best
            ends = _within(problem, new)
    except KeyboardInterrupt:
        if best is None:
            raise
        clock.end()  # the best box so far holds; nothing more is asked for
    if best is None and clock.spent:
        best = _shrunk(problem, network, answer, shares)
        if best is not None:
            rounds.append((_size(best), 0.0, 0.0, _difference(best)))
            clock.report(_worth_of(problem, best), math.nan, "part of the box that holds")
    if best is not None:
        best.rounds = rounds
        best.problem = replace(_corrected(best.problem, best), near=None)
    return best


def _one_way(problem: BoxProblem, ends: Ends) -> tuple[BoxProblem, Ends]:
    """Leave every converter one way in a period (see `Columns.one_way`)."""
    if not len(problem.columns.opposite) or ends.x_lower is None or ends.x_upper is None:
        return problem, ends
    new = replace(problem, columns=problem.columns.one_way(ends.x_lower, ends.x_upper), matrices={})
    return new, _within(new, ends)


def _within(problem: BoxProblem, ends: Ends) -> Ends:
    """Keep converters that stand one way from turning by the solver's rounding."""
    if not len(problem.columns.opposite) or ends.x_lower is None or ends.x_upper is None:
        return ends
    lower, upper = (np.clip(x, *problem.bounds()) for x in (ends.x_lower, ends.x_upper))
    return replace(ends, x_lower=lower, x_upper=upper)


def _holds(problem: BoxProblem, answer: BoxAnswer) -> bool:
    """Whether every state keeps every limit, and the box is as asked for."""
    voltage, loading = answer.sampled.worst
    return voltage <= _VOLTAGE_TOLERANCE and loading <= _CURRENT_TOLERANCE and _asked(problem, answer)


def _size(answer: BoxAnswer) -> float:
    return float((answer.upper - answer.lower).sum() * answer.problem.hours)


def _shrunk(problem: BoxProblem, network: Network, answer: BoxAnswer, shares: FloatArray) -> BoxAnswer | None:
    """Return the part of a box whose states hold, run again; None where there is none."""
    x_lower, x_upper = answer.ends.x_lower, answer.ends.x_upper
    if x_lower is None or x_upper is None:
        return None
    part = shrunk(x_lower, x_upper, answer.sampled, _VOLTAGE_TOLERANCE, _CURRENT_TOLERANCE)
    if part is None:
        return None
    imports = [np.array([problem.imports(t) @ x[t] for t in range(problem.periods)]) for x in part]
    fixed = [
        np.array([now.import_p for now in (problem.operating[side][t] for t in range(problem.periods))])
        for side in range(2)
    ]
    lower, upper = (i + f * problem.grid.base_mva for i, f in zip(imports, fixed, strict=True))
    found = _run(problem, network, Ends(lower, upper, worth(problem, lower, upper), *part), shares)
    found.holds = _holds(problem, found)
    return found if found.holds and around_base(problem, found) else None


def _worth_of(problem: BoxProblem, answer: BoxAnswer) -> float:
    return worth(problem, answer.lower, answer.upper)


def _run(problem: BoxProblem, network: Network, ends: Ends, shares: FloatArray) -> BoxAnswer:
    if ends.x_lower is None or ends.x_upper is None:
        raise ValueError("a box without dispatches cannot be run")
    return BoxAnswer(ends, sample(network, ends.x_lower, ends.x_upper, shares), problem)


def _difference(answer: BoxAnswer) -> float:
    """Largest difference of an end between the model and AC [MW]."""
    off = np.concatenate([answer.lower - answer.ends.lower, answer.upper - answer.ends.upper])
    return float(np.abs(off).max()) if np.isfinite(off).all() else math.inf


def _asked(problem: BoxProblem, answer: BoxAnswer) -> bool:
    """Whether the AC box keeps what is asked of it: widths around the base, the base itself."""
    tolerance = 1e-6
    down, up = problem.required
    good = bool(np.all(problem.base - answer.lower >= down - tolerance))
    good = good and bool(np.all(answer.upper - problem.base >= up - tolerance))
    if problem.direction in ("up", "symmetric"):
        good = good and bool(np.all(answer.lower <= problem.base + tolerance))
    if problem.direction in ("down", "symmetric"):
        good = good and bool(np.all(answer.upper >= problem.base - tolerance))
    return good and bool(np.all(answer.upper >= answer.lower - tolerance))


def around_base(problem: BoxProblem, answer: BoxAnswer, tolerance: float = 1e-6) -> bool:
    """Whether the base lies in a box that is to lie around it in some way; a box of the linear model sees to that."""
    if problem.direction == "both":
        return True
    inside = np.all(answer.lower <= problem.base + tolerance) and np.all(answer.upper >= problem.base - tolerance)
    return bool(inside)


def _corrected(problem: BoxProblem, answer: BoxAnswer) -> BoxProblem:
    """Return the linear model around the ends of an answer."""
    x_lower, x_upper, sampled = answer.ends.x_lower, answer.ends.x_upper, answer.sampled
    if x_lower is None or x_upper is None or not sampled.solved:
        raise ValueError("a state without solution cannot correct the model")
    drawn = (problem.columns.drawn(x) / problem.grid.base_mva for x in (x_lower, x_upper))
    lower, upper = (problem.tree.around(sampled.flow[:, k], s) for k, s in zip((0, -1), drawn, strict=True))
    return problem.with_operating(lower, upper)


def _keep_free(answer: BoxAnswer, margin_v: FloatArray, margin_s: FloatArray) -> None:
    """Add what is broken, at the ends or between them, to the margins of both ends."""
    excess = answer.sampled.excess
    broken = (np.maximum(excess.low, excess.high), margin_v), (excess.load, margin_s)
    for found, margin in broken:
        beyond = 1.05 * np.nan_to_num(np.maximum(found, 0.0))
        # each end answers for itself and for what lies between
        margin[0] += beyond[:, :-1].sum(axis=1)
        margin[1] += beyond[:, 1:].sum(axis=1)


def _near(problem: BoxProblem, ends: Ends, share: float) -> tuple[FloatArray, FloatArray]:
    """Bounds (2, T, k) that let the columns of both ends move by a share of their range."""
    low, high = problem.bounds()
    reach = share * (high - low)
    x = np.stack([np.asarray(ends.x_lower), np.asarray(ends.x_upper)])
    return np.maximum(x - reach, low), np.minimum(x + reach, high)
