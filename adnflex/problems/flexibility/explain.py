"""What holds a box back, and what stands in the way where there is none."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from adnflex.arrays import FloatArray
from adnflex.errors import SolverError
from adnflex.problems.flexibility.model import LOADING, VOLTAGE_HIGH, VOLTAGE_LOW, BoxProblem
from adnflex.problems.flexibility.program import Program, build_program
from adnflex.problems.flexibility.proven_box import BoxAnswer
from adnflex.problems.flexibility.rows import solve_box, solved
from adnflex.problems.flexibility.states import Network

# A limit that is worth less than this per unit does not hold the box back [MWh per pu, per 100 %, per MWh].
_WORTHLESS = 1e-5

_NAMES = {VOLTAGE_LOW: "voltage low", VOLTAGE_HIGH: "voltage high", LOADING: "loading"}


@dataclass(frozen=True)
class Binding:
    """A limit of the network or of a storage that matters.

    Attributes
    ----------
    kind : str
        ``voltage low``, ``voltage high``, ``loading`` or what an accumulator is called.
    where : int
        Node, branch, or position of the resource.
    t, side : int
        Period, and 0 for the lower end, 1 for the upper one.
    value, limit : float
        In pu, share of the rating, or MWh.
    worth : float
        What the box gains per unit of the limit [MWh, weighted, per pu, per rating, per MWh].
    """

    kind: str
    where: int
    t: int
    side: int
    value: float
    limit: float
    worth: float


def binding_limits(problem: BoxProblem, answer: BoxAnswer, seconds: float) -> list[Binding]:
    """Prices of the limits in the linear model around the states of an answer, the dearest first."""
    ends = [np.zeros(problem.periods), np.ones(problem.periods)]
    try:
        found = solve_box(problem, ends, seconds, memory=1, effort=False, start=answer.ends.solved)
    except SolverError:
        return []
    if found is None:
        return []
    program, x, price = found.program, found.x, -found.row_prices
    total: dict[tuple[int, int, int, int], float] = {}
    for row in np.flatnonzero(price > 1e-9):
        kind, where, t, side = (int(v) for v in program.label[row])
        if kind in _NAMES:
            # facets of a polygon add up: all of them move with the rating
            scale = program.form.row_high[row] if kind == LOADING else 1.0
            key = (kind, where, t, side)
            total[key] = total.get(key, 0.0) + float(price[row]) * _unit(problem, kind, where, t, side, scale)
    limits = [_network(problem, answer, key, worth) for key, worth in total.items() if worth > _WORTHLESS]
    limits += _energies(problem, program, x, -found.reduced_costs)
    return sorted(limits, key=lambda b: -b.worth)


def _unit(problem: BoxProblem, kind: int, where: int, t: int, side: int, scale: float) -> float:
    """Change of a right-hand side per pu of voltage or per rating."""
    if kind == LOADING:
        return float(problem.operating[side][t].radius[where] * problem.grid.base_mva) if scale else 0.0
    limit = problem.grid.v_min[where] if kind == VOLTAGE_LOW else problem.grid.v_max[where]
    return 2 * float(np.sqrt(limit))


def _network(problem: BoxProblem, answer: BoxAnswer, key: tuple[int, int, int, int], worth: float) -> Binding:
    kind, where, t, side = key
    value, limit = measured(answer, problem, kind, where, t, side)
    return Binding(_NAMES[kind], where, t, side, value, limit, worth)


def measured(answer: BoxAnswer, problem: BoxProblem, kind: int, where: int, t: int, side: int) -> tuple[float, float]:
    """Value and limit of a network quantity at an end of the box, by AC [pu, share of the rating]."""
    sampled, grid = answer.sampled, problem.grid
    if kind == LOADING:
        return 1.0 + float(sampled.excess.load[t, -side, where]), 1.0
    limit = grid.v_min[where] if kind == VOLTAGE_LOW else grid.v_max[where]
    return float(np.sqrt(sampled.flow.v[t, -side, where])), float(np.sqrt(limit))


def _energies(problem: BoxProblem, program: Program, x: FloatArray, price: FloatArray) -> list[Binding]:
    """Levels at their limits."""
    found = []
    column = int(program.layout.upper[-1]) + 1
    for i, r in enumerate(problem.resources):
        for level in r.accumulators:
            for t in range(problem.periods):
                if price[column + t] > _WORTHLESS and np.isfinite(level.limit[t]):
                    sign = -1.0 if level.kind == "energy low" else 1.0
                    worth = float(price[column + t])
                    found.append(
                        Binding(level.kind, i, t, 1, sign * float(x[column + t]), sign * float(level.limit[t]), worth)
                    )
            column += problem.periods
    return found


def without_wishes(problem: BoxProblem) -> BoxProblem:
    """Return a problem that asks for nothing around the base and does not limit the import."""
    free = np.full((2, problem.periods), -np.inf)
    return replace(problem, direction="both", required=free, limits=np.array([[-np.inf, np.inf]] * 2))


@dataclass(frozen=True)
class Broken:
    """A limit of the network that no dispatch keeps in the linear model.

    Attributes
    ----------
    kind : str
        As `Binding.kind`.
    where, t : int
        Node or branch, period.
    excess : float
        By how much, in pu or as a share of the rating.
    """

    kind: str
    where: int
    t: int
    excess: float


def least_violation(problem: BoxProblem, network: Network, seconds: float) -> list[Broken]:
    """Return the limits that the least violating dispatch of one copy breaks, worst first; empty where none is."""
    free = without_wishes(problem)
    program = build_program(free, [np.zeros(problem.periods)], effort=False)
    form, label = program.form, program.label
    soft = np.flatnonzero(np.isin(label[:, 0], list(_NAMES)))
    # a hundredth of a pu counts as much as a tenth of a rating
    scale = np.array(
        [
            10.0 / max(float(network.grid.base_mva * problem.operating[0][t].radius[where]), 1e-9)
            if kind == LOADING
            else 50.0
            for kind, where, t, _ in label[soft]
        ]
    )
    size = form.a.shape[1]
    slack = sparse.csr_matrix((-np.ones(len(soft)), (soft, np.arange(len(soft)))), shape=(form.a.shape[0], len(soft)))
    elastic = replace(
        form,
        c=np.concatenate([np.zeros(size), scale]),
        a=sparse.csr_matrix(sparse.hstack([form.a, slack])),
        low=np.concatenate([form.low, np.zeros(len(soft))]),
        high=np.concatenate([form.high, np.full(len(soft), np.inf)]),
        integer=np.zeros(size + len(soft), dtype=bool),
    )
    found = solved(replace(program, form=elastic), seconds)
    if found is None:
        return []
    worst: dict[tuple[int, int, int], float] = {}
    for k in np.flatnonzero(found.x[size:] > 1e-7):
        kind, where, t, _ = (int(v) for v in label[soft[k]])
        amount = float(found.x[size + k])
        if kind == LOADING:
            amount /= float(network.grid.base_mva * problem.operating[0][t].radius[where])
        else:
            limit = network.grid.v_min[where] if kind == VOLTAGE_LOW else network.grid.v_max[where]
            amount /= 2 * float(np.sqrt(limit))
        worst[kind, where, t] = max(worst.get((kind, where, t), 0.0), amount)
    broken = [Broken(_NAMES[kind], where, t, amount) for (kind, where, t), amount in worst.items()]
    return sorted(broken, key=lambda b: -b.excess * (1.0 if b.kind == "loading" else 10.0))
