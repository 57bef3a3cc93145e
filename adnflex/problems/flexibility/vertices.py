r"""The vertex of a box that is hardest to follow, for column and constraint generation.

.. math::

    \max_{a \in \{0,1\}^T} \min_x \sum_t |s_t|, \qquad p_t(x) + s_t = lo_t + a_t (up_t - lo_t)

The inner problem is linear, and its multiplier on the balance lies in [-1, 1] because a slack costs 1.  So the
products of a binary with a multiplier in the outer problem are linear with that bound, and no big number is guessed.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from adnflex.algorithms.column_constraint import WorstVertex
from adnflex.arrays import FloatArray
from adnflex.problems.clock import Deadline
from adnflex.problems.flexibility.model import BoxProblem
from adnflex.problems.flexibility.program import Program, build_program
from adnflex.solvers.conic import ConicForm
from adnflex.solvers.highs import LinearSolver


class Follower:
    """Dispatches of one horizon that follow a trajectory, in the linear model.

    Parameters
    ----------
    problem : BoxProblem
        The problem; both sides have to have the same constants.
    """

    def __init__(self, problem: BoxProblem) -> None:
        self.problem = problem
        periods = problem.periods
        program = build_program(problem, [np.zeros(periods)], effort=False)
        self._program = program
        self._form = _with_slacks(problem, program)
        self._solver = LinearSolver(self._form)
        self.size = self._form.a.shape[1] - 2 * periods

    def follow(self, trajectory: FloatArray, seconds: float = 60.0) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return the dispatch (T, k) that comes closest, what is missing (T,) [MW], and the multipliers (T,).

        What is missing is NaN where the solver gave no answer.
        """
        ends = self._program.layout.lower
        self._solver.set_bounds(ends, trajectory, trajectory)
        answer = self._solver.solve(seconds)
        if answer.x is None or answer.status != "optimal":
            # not solved: nothing is known of what is missing
            return np.zeros((0, 0)), np.full(len(trajectory), np.nan), np.zeros(len(trajectory))
        slack = answer.x[self.size :].reshape(2, -1)
        # the reduced cost of an end that is held fixed is what a MW more of it costs
        return (
            self._program.layout.dispatch(answer.x, 0),
            slack[0] - slack[1],
            self._solver.reduced_costs()[ends],
        )

    def climb(
        self, lower: FloatArray, upper: FloatArray, rng: np.random.Generator, clock: Deadline, starts: int = 4
    ) -> WorstVertex:
        """Look for a bad vertex: solve, take the sign of the multipliers as the next vertex, repeat."""
        periods = len(lower)
        best = WorstVertex(np.ones(periods), -1.0, False, np.inf)
        first = [np.arange(periods) % 2, np.repeat([0, 1], [periods // 2, periods - periods // 2])]
        for start in [*first, *rng.integers(0, 2, (max(starts - 2, 0), periods))]:
            vertex = start.astype(float)
            for _ in range(20):
                if clock.spent:
                    return best
                _, missing, price = self.follow(lower + vertex * (upper - lower), clock.left)
                shortage = float(np.abs(missing).sum())
                if np.isnan(shortage):
                    break
                if shortage > best.shortage:
                    best = WorstVertex(vertex.copy(), shortage, False, np.inf)
                new = np.where(np.abs(price) > 1e-7, (price > 0).astype(float), vertex)
                if np.array_equal(new, vertex):
                    break
                vertex = new
        return best

    def prove(self, lower: FloatArray, upper: FloatArray, seconds: float) -> WorstVertex:
        """Find the worst vertex by a mixed-integer program over the multipliers."""
        form, first = _dual(self._form, self._program.layout.lower, lower, upper)
        answer = LinearSolver(form).solve(seconds, gap=0.0)
        worst = -answer.bound if np.isfinite(answer.bound) else np.inf
        if answer.x is None:
            return WorstVertex(np.ones(len(lower)), 0.0, False, worst)
        vertex = np.round(answer.x[first : first + len(lower)])
        shortage = float(np.abs(self.follow(lower + vertex * (upper - lower), max(seconds, 1.0))[1]).sum())
        if np.isnan(shortage):
            return WorstVertex(vertex, 0.0, False, worst)
        return WorstVertex(vertex, shortage, answer.status == "optimal", max(worst, shortage))


def missing_at_ends(problem: BoxProblem, lower: FloatArray, upper: FloatArray, seconds: float = 60.0) -> FloatArray:
    """Return what no dispatch of either end of a box reaches, (2, T) [MW].

    Parameters
    ----------
    problem : BoxProblem
        The linear model; each side may have constants of its own.
    lower, upper : (T,) array
        The box [MW].
    seconds : float
        Time limit [s].
    """
    periods = problem.periods
    found = np.zeros((2, periods))
    for side, wanted in enumerate((lower, upper)):
        one_sided = problem.with_operating(problem.operating[side], problem.operating[side])
        found[side] = Follower(one_sided).follow(wanted, seconds)[1]
    return found


def _with_slacks(problem: BoxProblem, program: Program) -> ConicForm:
    """One copy whose ends are given, with two slacks a period on the balance at the coupling point."""
    form, periods = program.form, problem.periods
    size = form.a.shape[1]
    ends = np.concatenate([program.layout.lower, program.layout.upper])
    # rows that couple the copy to the lower end: the only ones with -1 in a column of it and one of the copy
    balance = np.flatnonzero((program.label[:, 0] == 5) & (form.row_low == form.row_high))[:periods]
    keep = np.ones(form.a.shape[0], dtype=bool)
    keep[[k for k in np.flatnonzero(program.label[:, 0] == 5) if k not in set(balance.tolist())]] = False
    slack = sparse.csr_matrix(
        (
            np.concatenate([np.ones(periods), -np.ones(periods)]),
            (np.concatenate([balance, balance]), np.arange(2 * periods)),
        ),
        shape=(form.a.shape[0], 2 * periods),
    )
    low = np.concatenate([form.low, np.zeros(2 * periods)])
    high = np.concatenate([form.high, np.full(2 * periods, np.inf)])
    low[ends] = high[ends] = 0.0
    return ConicForm(
        np.concatenate([np.zeros(size), np.ones(2 * periods)]),
        0.0,
        sparse.csr_matrix(sparse.hstack([form.a, slack]))[keep],
        form.row_low[keep],
        form.row_high[keep],
        low,
        high,
        np.zeros(size + 2 * periods, dtype=bool),
        form.cones,
        [],
    )


def _dual(form: ConicForm, ends: np.ndarray, lower: FloatArray, upper: FloatArray) -> tuple[ConicForm, int]:
    """Dual of ``min c x`` over rows and bounds, the ends being ``lower + a (upper - lower)`` with binary ``a``.

    Every finite row limit and bound has a multiplier of its own sign; the reduced costs of the ends are the
    multipliers of the balance.  Returns the program (a minimisation of the negative) and the column of the first
    binary.
    """
    periods = len(ends)
    others = np.setdiff1d(np.arange(len(form.c)), ends)
    parts, cost = [], []
    for limit, sign in ((form.row_low, 1.0), (form.row_high, -1.0)):
        rows = np.flatnonzero(np.isfinite(limit))
        parts.append(sign * form.a[rows][:, :].T)
        cost.append(sign * limit[rows])
    for limit, sign in ((form.low, 1.0), (form.high, -1.0)):
        columns = others[np.isfinite(limit[others])]
        parts.append(
            sparse.csc_matrix(
                (np.full(len(columns), sign), (columns, np.arange(len(columns)))), (len(form.c), len(columns))
            )
        )
        cost.append(sign * limit[columns])
    multipliers = sparse.csr_matrix(sparse.hstack(parts))
    count = multipliers.shape[1]
    # columns: multipliers, mu (of the ends), products a mu, binaries a
    binary = count + 2 * periods
    size = count + 3 * periods
    stationary = sparse.hstack([multipliers[others], sparse.csr_matrix((len(others), 3 * periods))])
    place = sparse.eye(periods)
    nothing = sparse.csr_matrix((periods, periods))
    # mu is what the objective rises by per unit of an end: c - A'y there
    at_ends = sparse.hstack([multipliers[ends], place, nothing, nothing])
    envelope = [
        sparse.hstack([sparse.csr_matrix((periods, count)), *blocks])
        for blocks in (
            (nothing, place, -place),
            (nothing, -place, -place),
            (-place, place, place),
            (place, -place, place),
        )
    ]
    width = upper - lower
    objective = np.concatenate([np.concatenate(cost), lower, width, np.zeros(periods)])
    return (
        ConicForm(
            -objective,
            0.0,
            sparse.csr_matrix(sparse.vstack([stationary, at_ends, *envelope])),
            np.concatenate([form.c[others], form.c[ends], np.full(4 * periods, -np.inf)]),
            np.concatenate([form.c[others], form.c[ends], np.zeros(2 * periods), np.ones(2 * periods)]),
            np.concatenate([np.zeros(count), -np.ones(2 * periods), np.zeros(periods)]),
            np.concatenate([np.full(count, np.inf), np.ones(2 * periods), np.ones(periods)]),
            np.arange(size) >= binary,
            form.cones,
            [],
        ),
        binary,
    )
