"""Solve a program of a box with the network rows that matter, found one after the other.

Of thousands of limits a few dozen bind.  A program starts with those that mattered before; what its answer breaks is
added, until nothing is broken.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from adnflex.arrays import FloatArray, IntArray
from adnflex.errors import SolverError, TimeExpired
from adnflex.problems.flexibility.model import DEVICE, BoxProblem, PeriodRows
from adnflex.problems.flexibility.program import Program, build_program
from adnflex.solvers.conic import ConicForm
from adnflex.solvers.ending import Ending
from adnflex.solvers.highs import LinearSolver

# A row is broken from here on [MW, pu squared]; the solver's own tolerance is finer.
_BROKEN = 1e-8

# More rows than this and the first solve is done by interior points.
_LARGE = 20_000


@dataclass(frozen=True)
class Solved:
    """An optimal point of a program.

    Attributes
    ----------
    x : (n,) array
        The point.
    bound : float
        Proven lower bound of the objective.
    program : Program
        The program with all rows that were used.
    row_prices : (r,) array
        Change of the objective per unit of every row's limit.
    reduced_costs : (n,) array
        The same of every column.
    basis : object
        The solver's basis, for a program that differs little.
    """

    x: FloatArray
    bound: float
    program: Program
    row_prices: FloatArray
    reduced_costs: FloatArray
    basis: Any


def solved(program: Program, seconds: float) -> Solved | None:
    """Solve a program as it stands; None where it is proven infeasible.

    Raises
    ------
    SolverError
        If it was not solved; `TimeExpired` where the time was over.
    """
    solver = LinearSolver(program.form)
    answer = _optimum(solver, program, seconds)
    return None if answer is None else _of(answer, program, solver)


def _of(answer: Ending, program: Program, solver: LinearSolver) -> Solved:
    assert answer.x is not None
    return Solved(answer.x, answer.bound, program, solver.row_prices(), solver.reduced_costs(), solver.basis())


def _optimum(solver: LinearSolver, program: Program, seconds: float, first: bool = True) -> Ending | None:
    """Return the optimum; None where it is proven that there is no point."""
    solver.use("ipm" if first and program.form.a.shape[0] > _LARGE else "choose")
    answer = solver.solve(seconds)
    if answer.status == "optimal":
        return answer
    if answer.status == "infeasible":
        return None
    if answer.status == "time_limit":
        raise TimeExpired("the time was over within a linear program of the box; give more time_limit.")
    raise SolverError(
        f"a linear program of the box was not solved ({answer.solver}: {answer.words}); nothing is proven by it."
    )


def solve_box(
    problem: BoxProblem,
    copies: Sequence[FloatArray],
    seconds: float,
    memory: int = 0,
    effort: bool = True,
    start: Solved | None = None,
    even: bool = False,
) -> Solved | None:
    """Solve a program of a box; None where it is proven infeasible.

    Raises as `solved` does.

    Parameters
    ----------
    problem, copies, memory, effort, even
        As in `adnflex.problems.flexibility.program.build_program`.
    seconds : float
        Time limit [s].
    start : Solved, optional
        Answer of a program with the same copies around other states, to begin with.
    """
    every: dict[tuple[int, int], PeriodRows] = {}

    def all_rows(side: int, t: int) -> PeriodRows:
        if (side, t) not in every:
            every[side, t] = problem.rows(side, t)
        return every[side, t]

    def used(side: int, t: int) -> PeriodRows:
        rows = all_rows(side, t)
        known = problem.active.setdefault((side, t), set())
        return rows.only((rows.kind == DEVICE) | np.isin(rows.number, list(known)))

    program = build_program(problem, copies, memory, effort, used, even)
    solver = LinearSolver(program.form)
    first, end = start is None, time.monotonic() + seconds
    if start is not None:
        solver.begin_with(start.basis, _kept(start.program, program))
    while True:
        answer = _optimum(solver, program, end - time.monotonic(), first)
        if answer is None:
            return None
        assert answer.x is not None
        more = [
            _broken(problem, all_rows, program, answer.x, c, v, t)
            for c, v in enumerate(copies)
            for t in range(problem.periods)
        ]
        parts = [m for m in more if m is not None]
        if not parts:
            return _of(answer, program, solver)
        program = _grown(program, parts)
        added = sum(len(part[1]) for part in parts)
        solver.add_rows(program.form.a[-added:], program.form.row_low[-added:], program.form.row_high[-added:])
        first = False


def _kept(old: Program, new: Program) -> IntArray:
    """Row of an old program for every row of a new one, -1 where it is new."""
    known = {(a, b): k for k, (a, b) in enumerate(old.key.tolist())}
    return np.array([known.get((a, b), -1) for a, b in new.key.tolist()], dtype=np.int64)


Part = tuple[sparse.csr_matrix, FloatArray, IntArray, IntArray]


def _broken(
    problem: BoxProblem,
    all_rows: Callable[[int, int], PeriodRows],
    program: Program,
    x: FloatArray,
    copy: int,
    vertex: FloatArray,
    t: int,
) -> Part | None:
    """Rows of a copy and period that a point breaks and the program does not have yet."""
    side = int(vertex[t] > 0.5)
    rows = all_rows(side, t)
    first = program.layout.at(copy, t)
    here = x[first : first + program.layout.width]
    bad = (rows.kind != DEVICE) & (rows.a @ here > rows.rhs + _BROKEN)
    if not bad.any():
        return None
    # a row that is there and broken by more than this is rounding of the solver: to add it again would not help
    place = copy * problem.periods + t
    bad &= ~np.isin(rows.number, program.key[program.key[:, 0] == place, 1])
    if not bad.any():
        return None
    problem.active[side, t].update(int(k) for k in rows.number[bad])
    chosen = rows.only(bad)
    i, j = np.nonzero(chosen.a)
    matrix = sparse.csr_matrix((chosen.a[i, j], (i, first + j)), shape=(len(chosen.rhs), len(x)))
    label = np.column_stack(
        [chosen.kind, chosen.where, np.full(len(chosen.rhs), t), np.full(len(chosen.rhs), side)]
    ).astype(np.int64)
    return matrix, chosen.rhs, label, np.column_stack([np.full(len(chosen.rhs), place), chosen.number])


def _grown(program: Program, parts: Sequence[Part]) -> Program:
    form: ConicForm = program.form
    matrices, rights, labels, keys = zip(*parts, strict=True)
    high = np.concatenate(rights)
    grown = replace(
        form,
        a=sparse.csr_matrix(sparse.vstack([form.a, *matrices])),
        row_low=np.concatenate([form.row_low, np.full(len(high), -np.inf)]),
        row_high=np.concatenate([form.row_high, high]),
    )
    return replace(program, form=grown, label=np.vstack([program.label, *labels]), key=np.vstack([program.key, *keys]))
