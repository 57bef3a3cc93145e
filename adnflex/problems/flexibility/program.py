"""The linear programs of a box as arrays: copies of the period's rows, the box, energy from period to period."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import sparse

from adnflex.arrays import FloatArray, IntArray
from adnflex.devices.resource import Accumulator
from adnflex.problems.flexibility.burnt import declare_burnt
from adnflex.problems.flexibility.end_bounds import end_bounds
from adnflex.problems.flexibility.model import BoxProblem, PeriodRows
from adnflex.problems.flexibility.program_rows import ENERGY, OTHER, Layout, ProgramRows
from adnflex.solvers.conic import ConicForm


@dataclass(frozen=True)
class Program:
    """A linear program, its layout, and what its rows are.

    Attributes
    ----------
    form : ConicForm
        The program; a minimisation.
    layout : Layout
        Where its columns stand.
    label : (r, 4) array of int
        Of every row: kind (see `PeriodRows`; 4 energy, 5 the box), place (resource, node,
        branch), period, side.
    key : (r, 2) array of int
        What a row is in every program of the same copies: place of copy and period, number within the period; rows
        outside the periods are counted with the place -1.
    """

    form: ConicForm
    layout: Layout
    label: IntArray
    key: IntArray


# Worth of a MW of the narrowest period, in MW of all of them: it settles ties, and costs a few millionths of a box.
_A_TIE = 1e-4


def build_program(
    problem: BoxProblem,
    copies: Sequence[FloatArray],
    memory: int = 0,
    effort: bool = True,
    rows_of: Callable[[int, int], PeriodRows] | None = None,
    even: bool = False,
) -> Program:
    """Assemble a program.

    Parameters
    ----------
    problem : BoxProblem
        The problem.
    copies : sequence of (T,) arrays of 0 and 1
        Vertices of the box that have a copy.
    memory : int
        0: every copy is a dispatch of the whole horizon. 1: energy limits on the worst mix of all copies. From 2 on:
        the copies are those of `windows`, and energy limits hold along every sequence of them.
    effort : bool
        Whether the small prices that avoid idle reactive power are part of the objective (not in a bound).
    rows_of : callable, optional
        Rows of a side and period to be used; by default all.
    even : bool
        Whether a wider narrowest period is worth a little: of equal boxes it is the one that is chosen.
    """
    given = problem.rows if rows_of is None else rows_of
    periods, width = problem.periods, len(problem.columns.place)
    layout = Layout(len(copies), periods, width)
    rows = ProgramRows()
    cache: dict[tuple[int, int], PeriodRows] = {}
    for c, vertex in enumerate(copies):
        for t in range(periods):
            side = int(vertex[t] > 0.5)
            if (side, t) not in cache:
                cache[side, t] = given(side, t)
            here = cache[side, t]
            label = np.column_stack([here.kind, here.where, np.full(len(here.rhs), t), np.full(len(here.rhs), side)])
            columns = layout.at(c, t) + np.arange(width)
            low = np.full(len(here.rhs), -np.inf)
            rows.add([(here.a, columns)], low, here.rhs, label, (c * periods + t, here.number))
            _couple(problem, rows, layout, columns, t, side)
    more_low, more_high = _box(problem, rows, layout)
    level_low, level_high = _levels(problem, rows, layout, memory)
    worth = problem.weights * problem.hours
    burnt = int(layout.upper[-1]) + 1 + len(level_low)
    if problem.useful:
        more = declare_burnt(problem, rows, layout, burnt)
        level_low, level_high = np.append(level_low, more.low), np.append(level_high, more.high)
    if even:
        level_low, level_high = _narrowest(rows, layout, level_low, level_high)
    cost = np.zeros(2 * periods + len(level_low) + len(copies) * periods * width)
    cost[layout.lower], cost[layout.upper] = worth, -worth
    if problem.useful:
        cost[burnt : burnt + len(more.cost)] = more.cost
    if even:
        cost[-1] = -_A_TIE * float(worth.max())
    if effort:
        price = problem.columns.effort * problem.hours
        for c in range(len(copies)):
            for t in range(periods):
                first = layout.at(c, t)
                cost[first : first + width] = price * max(float(problem.weights.max()), 1e-12)
    size = len(cost)
    matrix = sparse.csr_matrix(
        (np.concatenate(rows.value), (np.concatenate(rows.i), np.concatenate(rows.j))), shape=(rows.count, size)
    )
    form = ConicForm(
        cost,
        0.0,
        matrix,
        np.concatenate(rows.low),
        np.concatenate(rows.high),
        np.concatenate([*column_bounds(problem, copies, 0), more_low, level_low]),
        np.concatenate([*column_bounds(problem, copies, 1), more_high, level_high]),
        np.zeros(size, dtype=bool),
        np.zeros((0, 4), dtype=np.int64),
        [],
    )
    return Program(form, layout, np.vstack(rows.label), np.vstack(rows.key))


def _narrowest(rows: ProgramRows, layout: Layout, low: FloatArray, high: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Let the last column, behind those of the levels, be no wider than any period; its bounds follow theirs."""
    periods = layout.periods
    last = np.array([int(layout.upper[-1]) + 1 + len(low)])
    label = np.column_stack([np.full(periods, OTHER), np.zeros((periods, 3), dtype=np.int64)])
    label[:, 2] = np.arange(periods)
    one = np.eye(periods)
    blocks = [(one, layout.upper), (-one, layout.lower), (-np.ones((periods, 1)), last)]
    rows.add(blocks, np.zeros(periods), np.full(periods, np.inf), label)
    return np.append(low, 0.0), np.append(high, np.inf)


def column_bounds(problem: BoxProblem, copies: Sequence[FloatArray], which: int) -> list[FloatArray]:
    """Lower (0) or upper (1) bounds of the columns of all copies."""
    every = np.stack([problem.bounds()[which]] * 2) if problem.near is None else problem.near[which]
    if which == 1 and problem.giving is not None:
        every = np.where(problem.giving, np.minimum(every, 0.0), every)
    periods = np.arange(problem.periods)
    return [every[(vertex > 0.5).astype(int), periods].reshape(-1) for vertex in copies]


def _couple(problem: BoxProblem, rows: ProgramRows, layout: Layout, columns: IntArray, t: int, side: int) -> None:
    """Let the import of a copy be the end of the box that its vertex names."""
    end = (layout.upper if side else layout.lower)[t : t + 1]
    net, fixed = problem.network_rows, problem.network_rows.coupled @ problem.state(side, t)
    label = np.tile([OTHER, 0, t, side], (len(fixed), 1))
    blocks = [(problem.over_columns(side, t).coupled, columns), (net.at_end, end)]
    rows.add(blocks, net.coupled_low - fixed, net.coupled_high - fixed, label)


def _box(problem: BoxProblem, rows: ProgramRows, layout: Layout) -> tuple[FloatArray, FloatArray]:
    """Bounds of the ends (lower, then upper), and what is asked of them."""
    periods, base = problem.periods, problem.base
    low, high = end_bounds(problem)
    label = np.column_stack([np.full(periods, OTHER), np.zeros(periods), np.arange(periods), np.zeros(periods)])
    one = np.eye(periods)
    nothing = np.zeros(periods)
    rows.add([(one, layout.upper), (-one, layout.lower)], nothing, np.full(periods, np.inf), label.astype(np.int64))
    if problem.direction == "symmetric":
        rows.add([(one, layout.upper), (one, layout.lower)], 2 * base, 2 * base, label.astype(np.int64))
    return low.reshape(-1), high.reshape(-1)


def windows(memory: int) -> list[IntArray]:
    """Return the copies that precede each copy, where a copy is the last ends of a trajectory, the newest in bit 0.

    Examples
    --------
    >>> [before.tolist() for before in windows(2)]
    [[0, 2], [0, 2], [1, 3], [1, 3]]
    """
    return [np.array([(c >> 1) | (bit << (memory - 1)) for bit in (0, 1)]) for c in range(2**memory)]


def _levels(problem: BoxProblem, rows: ProgramRows, layout: Layout, memory: int) -> tuple[FloatArray, FloatArray]:
    """Energy limits: columns of levels, behind those of the box; one level a copy, or one for the worst mix."""
    first = int(layout.upper[-1]) + 1
    groups = [list(range(layout.copies))] if memory == 1 else [[c] for c in range(layout.copies)]
    before = windows(memory) if memory > 1 else [np.array([c]) for c in range(layout.copies)]
    low: list[FloatArray] = []
    high: list[FloatArray] = []
    offset = 0
    for i, r in enumerate(problem.resources):
        columns = offset + np.arange(len(r.names))
        for level in r.accumulators:
            here = first + problem.periods * np.arange(len(groups))
            for k, group in enumerate(groups):
                earlier = here[before[k]] if memory > 1 else here[[k]]
                _level(problem, rows, layout, group, (i, level, columns), (int(here[k]), earlier))
                low.append(np.full(problem.periods, -np.inf))
                high.append(level.limit)
            first += problem.periods * len(groups)
        offset += len(r.names)
    return (np.concatenate(low), np.concatenate(high)) if low else (np.zeros(0), np.zeros(0))


def _level(
    problem: BoxProblem,
    rows: ProgramRows,
    layout: Layout,
    group: list[int],
    what: tuple[int, Accumulator, IntArray],
    where: tuple[int, IntArray],
) -> None:
    """``L_t - k L_{t-1} - a x_t >= 0`` for every part and copy of a group (the start moves to the other side).

    `where` is the first column of the level, and those of the levels that it may follow.
    """
    resource, level, columns = what
    periods = problem.periods
    here, times = where[0], np.arange(periods)
    start = np.zeros(periods)
    start[0] = level.keep * level.start
    label = np.column_stack(
        [np.full(periods, ENERGY), np.full(periods, resource), np.arange(periods), np.full(periods, group[0])]
    ).astype(np.int64)
    for c in group:
        parts = level.parts if problem.giving is None else _known(problem, resource, level, c, columns)
        for part, earlier in itertools.product(parts, where[1].tolist()):
            blocks = [(np.eye(periods), here + times), (-level.keep * np.eye(periods, k=-1), earlier + times)]
            for j in np.flatnonzero(np.any(part != 0, axis=0)):
                at = np.array([layout.at(c, t) for t in range(periods)]) + columns[j]
                blocks.append((np.diag(-part[:, j]), at))
            rows.add(blocks, start, np.full(periods, np.inf), label)


def _known(
    problem: BoxProblem, resource: int, level: Accumulator, side: int, columns: IntArray
) -> tuple[FloatArray, ...]:
    """Parts of a level of which a storage that gives energy takes what it really takes; a copy is a side."""
    giving = problem.giving
    low = next((other for other in problem.resources[resource].accumulators if other.kind == "energy low"), None)
    if giving is None or low is None or level.kind != "energy high":
        return level.parts
    taken = -np.min(low.parts, axis=0)
    return tuple(np.where(giving[side][:, columns], taken, part) for part in level.parts)
