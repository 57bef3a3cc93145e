"""Prove a box in exact power flow: the linear model is corrected by its states until all of them hold."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.errors import SolverError
from adnflex.problems.clock import Deadline
from adnflex.problems.flexibility.exact_slopes import exact_slopes
from adnflex.problems.flexibility.linear_boxes import Ends, separable_box, worth
from adnflex.problems.flexibility.model import BoxProblem
from adnflex.problems.flexibility.shrunk import shrunk
from adnflex.problems.flexibility.states import Network, Sampled, sample
from adnflex.problems.flexibility.useful import giving, useful_width

log = logging.getLogger(__name__)


# Rounds of the AC correction: free ones, which meet AC fast where the dispatches settle, then ones in which the
# dispatches may move less and less.
_FREE_ROUNDS, _ROUNDS = 7, 18

# A round that gains less is the last, relative.
_SETTLED = 1e-5

# The model has met AC where both ends differ by less [MW].
_MET = 1e-5

#: Squared voltages and relative currents beyond their limits by less pass [pu, -]: half of what a check allows.
VOLTAGE_TOLERANCE, CURRENT_TOLERANCE = 1e-6, 5e-6

#: The import may lie beyond its limits by this much [MW, Mvar].
IMPORT_TOLERANCE = 1e-6


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

    @cached_property
    def useful(self) -> FloatArray:
        """Useful width (T,): what is burnt is none [MW]."""
        if self.ends.x_lower is None or self.ends.x_upper is None:
            raise ValueError("a box without dispatches makes nothing")
        return useful_width(self.problem, (self.ends.x_lower, self.ends.x_upper), self.sampled)

    @property
    def worth(self) -> float:
        """Useful width, weighted [MWh]."""
        return float(self.problem.weights @ self.useful * self.problem.hours)


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
            value = answer.worth if answer.holds else -math.inf
            clock.report(value if best is None else max(value, best.worth), math.nan, f"AC round {k + 1}")
            if answer.holds and (best is None or value > best.worth):
                settled = best is not None and value < best.worth + _SETTLED * abs(value)
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
                _corrected(problem, network, answer),
                margin_v=margin_v.copy(),
                margin_s=margin_s.copy(),
                near=_near(problem, ends, 0.5 ** (damped + 1)) if damped else None,
            )
            try:
                # the first answer is of a box as metered, which is another program
                new = separable_box(problem, clock.left, even, ends.solved if k else None)
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
            clock.report(best.worth, math.nan, "part of the box that holds")
    if best is not None:
        best.rounds = rounds
        best.problem = replace(_corrected(best.problem, network, best), near=None)
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
    kept = voltage <= VOLTAGE_TOLERANCE and loading <= CURRENT_TOLERANCE and _import_kept(problem, answer)
    return kept and _asked(problem, answer)


def _import_kept(problem: BoxProblem, answer: BoxAnswer) -> bool:
    """Whether every state imports what may be imported: the linear model knows that without losses only."""
    return all(
        bool(np.all((part >= low - IMPORT_TOLERANCE) & (part <= high + IMPORT_TOLERANCE)))
        for part, (low, high) in zip(
            (answer.sampled.imports.real, answer.sampled.imports.imag), problem.limits.tolist(), strict=True
        )
    )


def _size(answer: BoxAnswer) -> float:
    return float((answer.upper - answer.lower).sum() * answer.problem.hours)


def _shrunk(problem: BoxProblem, network: Network, answer: BoxAnswer, shares: FloatArray) -> BoxAnswer | None:
    """Return the part of a box whose states hold, run again; None where there is none."""
    x_lower, x_upper = answer.ends.x_lower, answer.ends.x_upper
    if x_lower is None or x_upper is None:
        return None
    part = shrunk(x_lower, x_upper, answer.sampled, VOLTAGE_TOLERANCE, CURRENT_TOLERANCE)
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


def _corrected(problem: BoxProblem, network: Network, answer: BoxAnswer) -> BoxProblem:
    """Return the linear model around the ends of an answer, of the most useful width."""
    x_lower, x_upper, sampled = answer.ends.x_lower, answer.ends.x_upper, answer.sampled
    if x_lower is None or x_upper is None or not sampled.solved:
        raise ValueError("a state without solution cannot correct the model")
    slopes = exact_slopes(network, (x_lower, x_upper), sampled)
    ends = []
    for side, (k, x) in enumerate(((0, x_lower), (-1, x_upper))):
        drawn = problem.columns.drawn(x) / problem.grid.base_mva
        around = problem.tree.around(sampled.flow[:, k], drawn)
        v = slopes.constants(side, sampled.flow.v[:, k], drawn.real, drawn.imag)
        ends.append([replace(now, v=own) for now, own in zip(around, v, strict=True)])
    given = giving(problem, (x_lower, x_upper))
    return replace(problem, operating=(ends[0], ends[1]), slopes=slopes, useful=True, giving=given)


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
