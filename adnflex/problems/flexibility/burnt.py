r"""What storages burn, in a program of the most useful width: it is left out of both ends.

At the upper end it is the largest of some multiples of the power, a convex function.  At the lower end leaving it out
would pay for burning, and the program would not be convex: there it may be anything up to the chord of that function,
as long as the energy that is left keeps its lower limit.  Over the horizon the sum is then right,

.. math:: \sum_t (p_t - b_t)\,\Delta t = e_T - e_0 \ge e_{min} - e_0 ,

and charging now to discharge later costs nothing, as is true of what is useful.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.devices.resource import Accumulator, Resource
from adnflex.problems.flexibility.model import BoxProblem
from adnflex.problems.flexibility.program_rows import OTHER, Layout, ProgramRows

# Share of what is burnt at the lower end that counts all the same, so that a storage rather gives energy than burns it.
_RATHER_GIVEN = 0.02


class Burnt(NamedTuple):
    """Columns that were declared.

    Attributes
    ----------
    low, high, cost : (n,) array
        Bounds and costs.
    """

    low: FloatArray
    high: FloatArray
    cost: FloatArray


def declare_burnt(problem: BoxProblem, rows: ProgramRows, layout: Layout, first: int) -> Burnt:
    """Declare what storages burn at both ends of a box of two copies, the lower one first.

    Parameters
    ----------
    problem : BoxProblem
        The problem.
    rows : ProgramRows
        Where its rows go.
    layout : Layout
        Where columns stand.
    first : int
        Place of the first column.
    """
    periods, worth = problem.periods, problem.weights * problem.hours
    nothing, free = np.zeros(periods), np.full(periods, np.inf)
    low, high, cost = [], [], []
    for offset, resource, level in problem.storing():
        columns = first + np.arange(3)[:, None] * periods + np.arange(periods)
        multiples = [resource.p + part / problem.hours for part in level.parts]
        _at_upper_end(rows, layout, offset, multiples, columns[0])
        _at_lower_end(problem, rows, layout, (offset, resource, level, multiples), columns[1:])
        low += [nothing, nothing, -level.limit]
        high += [free, free, free]
        cost += [worth, -(1 - _RATHER_GIVEN) * worth, nothing]
        first += 3 * periods
    return Burnt(*(np.concatenate(part) if part else np.zeros(0) for part in (low, high, cost)))


def _label(periods: int, side: int) -> np.ndarray:
    times = np.arange(periods)
    return np.column_stack([np.full(periods, OTHER), np.zeros_like(times), times, np.full(periods, side)])


def _over(layout: Layout, copy: int, offset: int, factors: FloatArray) -> list[tuple[FloatArray, np.ndarray]]:
    """Blocks of rows, one a period, over the columns of a device in a copy."""
    at = np.array([layout.at(copy, t) for t in range(len(factors))]) + offset
    return [(np.diag(factors[:, j]), at + j) for j in np.flatnonzero(np.any(factors != 0, axis=0))]


def _at_upper_end(
    rows: ProgramRows, layout: Layout, offset: int, multiples: list[FloatArray], burnt: np.ndarray
) -> None:
    periods = layout.periods
    for multiple in multiples:
        blocks = [(np.eye(periods), burnt), *_over(layout, 1, offset, -multiple)]
        rows.add(blocks, np.zeros(periods), np.full(periods, np.inf), _label(periods, 1))


def _at_lower_end(
    problem: BoxProblem,
    rows: ProgramRows,
    layout: Layout,
    storage: tuple[int, Resource, Accumulator, list[FloatArray]],
    columns: np.ndarray,
) -> None:
    offset, resource, level, multiples = storage
    periods, (burnt, energy), one = problem.periods, columns, np.eye(problem.periods)
    power = np.argmax(np.any(resource.p != 0, axis=0))
    least, most = (part[:, power] for part in (resource.low, resource.high))
    ends = [np.max([m[:, power] * reach for m in multiples], axis=0) for reach in (least, most)]
    slope = (ends[1] - ends[0]) / np.maximum(most - least, 1e-12)
    chord = np.zeros_like(resource.p)
    chord[:, power] = slope
    blocks = [(one, burnt), *_over(layout, 0, offset, -chord)]
    rows.add(blocks, np.full(periods, -np.inf), ends[0] - slope * least, _label(periods, 0))
    start = np.zeros(periods)
    start[0] = -level.keep * level.start
    blocks = [
        (one - level.keep * np.eye(periods, k=-1), energy),
        (problem.hours * one, burnt),
        *_over(layout, 0, offset, -problem.hours * resource.p),
    ]
    rows.add(blocks, start, start, _label(periods, 0))
