r"""The programs of a box as Pyomo models, to be read, exported, changed, and solved by anything.

The verb solves the same programs as arrays (`adnflex.problems.flexibility.program`), because it solves thousands of
them and needs few of their rows.  What the network has to keep is compiled from the same declaration
(`adnflex.problems.flexibility.network_limits`); devices and energy are held to the same coefficients by tests.  Here
the voltages and flows of the network are variables of their own:

.. math::

    v_j = v^0_j + \sum_d (v^p_{jd} p_d + v^q_{jd} q_d), \qquad P_k = P^0_k + \sum_d f_{kd} p_d
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import FloatArray
from adnflex.problems.flexibility import network_limits
from adnflex.problems.flexibility.end_bounds import end_bounds
from adnflex.problems.flexibility.model import BoxProblem, margin_of
from adnflex.problems.flexibility.program import column_bounds
from adnflex.solvers.conic import ConicForm, compile_model

# Declares the network of a copy in a block, for a side and a period, over what is withdrawn: p and q by place.
DeclareNetwork = Callable[[Any, int, int, tuple[list[Any], list[Any]]], None]

_DOC = """A box of imports at the coupling point, from lower[t] to upper[t] in every period t.

Powers in MW, Mvar and MVA, consumer sign; energies in MWh; squared voltages v in per unit. x[c, t, name] is what a
column of a device does in copy c: a copy is a dispatch of the whole horizon for one vertex of the box. level[...]
carries energy from period to period. Minimised: the negative weighted size of the box [MWh], and small prices of idle
columns.
"""


def declare_box(
    problem: BoxProblem,
    copies: Sequence[FloatArray],
    separable: bool = False,
    effort: bool = True,
    network: DeclareNetwork | None = None,
    before: Callable[[pyo.ConcreteModel], None] | None = None,
) -> pyo.ConcreteModel:
    """Declare the program that `adnflex.problems.flexibility.program.build_program` assembles.

    Parameters
    ----------
    problem, copies, separable, effort
        As there.
    network : callable, optional
        Declares the network of a copy; by default that of the radial state of the problem.
    before : callable, optional
        Declares what all copies share.
    """
    m = pyo.ConcreteModel(name="flexibility", doc=_DOC)
    if before is not None:
        before(m)
    c, periods = problem.columns, range(problem.periods)
    names = [f"{r.place} {name}" for r in problem.resources for name in r.names]
    sides = np.array([np.asarray(v) > 0.5 for v in copies], dtype=int)
    shape = (len(copies), problem.periods, len(names))
    low, high = (np.array(column_bounds(problem, copies, which)).reshape(shape) for which in (0, 1))
    at = {name: k for k, name in enumerate(names)}
    m.x = pyo.Var(
        range(len(copies)),
        periods,
        names,
        bounds=lambda _, i, t, name: (low[i, t, at[name]], high[i, t, at[name]]),
        doc="columns of the devices [MW, Mvar, MWh]",
    )
    ends = end_bounds(problem)
    m.lower = pyo.Var(periods, bounds=lambda _, t: (ends[0][0, t], ends[1][0, t]), doc="lower end of the box [MW]")
    m.upper = pyo.Var(periods, bounds=lambda _, t: (ends[0][1, t], ends[1][1, t]), doc="upper end of the box [MW]")
    m.width = pyo.Constraint(periods, rule=lambda _, t: m.upper[t] >= m.lower[t])
    if problem.direction == "symmetric":
        m.symmetric = pyo.Constraint(periods, rule=lambda _, t: m.upper[t] + m.lower[t] == 2 * problem.base[t])
    _declare_devices(m, problem, names)
    m.copy = pyo.Block(range(len(copies)), periods)
    for i, t in m.copy:
        x = [m.x[i, t, name] for name in names]
        p, q = (_withdrawn(problem, getattr(c, part)[t], x) for part in ("p", "q"))
        side = int(sides[i, t])
        block = _declare_copy(m, problem, i, side, t)
        if network is None:
            _declare_network(block, problem, side, t, (p, q))
        else:
            network(block, side, t, (p, q))
    _declare_levels(m, problem, len(copies), separable)
    worth = problem.weights * problem.hours
    total = pyo.quicksum(float(worth[t]) * (m.lower[t] - m.upper[t]) for t in periods)
    if effort:
        price = c.effort * problem.hours * max(float(problem.weights.max()), 1e-12)
        total += pyo.quicksum(float(price[at[name]]) * m.x[i, t, name] for i, t, name in m.x if price[at[name]])
    m.objective = pyo.Objective(expr=total)
    return m


def _withdrawn(problem: BoxProblem, per_unit: FloatArray, x: Sequence[Any]) -> list[Any]:
    """Power that the devices of every place withdraw [MW]."""
    places: list[list[Any]] = [[] for _ in problem.columns.nodes]
    for place, k, column in zip(problem.columns.place, per_unit, x, strict=True):
        if k:
            places[place].append(float(k) * column)
    return [pyo.quicksum(parts) for parts in places]


def _sum(factors: FloatArray, parts: Sequence[Any]) -> Any:
    return pyo.quicksum(float(k) * part for k, part in zip(factors, parts, strict=True) if k)


def _declare_devices(m: pyo.ConcreteModel, problem: BoxProblem, names: Sequence[str]) -> None:
    """Limits of the devices within a period."""
    c = problem.columns

    def rule(_: Any, i: int, t: int, r: int) -> Any:
        if not np.any(c.rows[r]):
            return pyo.Constraint.Skip if c.limits[t, r] >= 0 else pyo.Constraint.Infeasible
        return _sum(c.rows[r], [m.x[i, t, name] for name in names]) <= float(c.limits[t, r])

    copies = range(1 + max(i for i, _, _ in m.x))
    m.device = pyo.Constraint(
        copies, range(problem.periods), range(len(c.rows)), rule=rule, doc="limits of a device within a period"
    )


def _declare_network(b: Any, problem: BoxProblem, side: int, t: int, withdrawn: tuple[list[Any], list[Any]]) -> None:
    """Voltages and flows of a copy in a period follow what is withdrawn."""
    tree, base, (p, q) = problem.tree, problem.grid.base_mva, withdrawn
    n, m, state = problem.grid.n, problem.grid.m, problem.state(side, t)
    v, _, flow_p, flow_q, rating = np.split(state, np.cumsum([n, n, m, m, m]))[:5]
    b.voltage = pyo.Constraint(
        range(n), rule=lambda _, j: b.v[j] == float(v[j]) + (_sum(tree.v_p[j], p) + _sum(tree.v_q[j], q)) / base
    )
    b.through_p = pyo.Constraint(range(m), rule=lambda _, k: b.flow_p[k] == float(flow_p[k]) + _sum(tree.flow[k], p))
    b.through_q = pyo.Constraint(range(m), rule=lambda _, k: b.flow_q[k] == float(flow_q[k]) + _sum(tree.flow[k], q))
    for k in np.flatnonzero(np.isfinite(rating)).tolist():
        b.rating[k].fix(float(rating[k]))
    for k in np.flatnonzero(~np.isfinite(rating)).tolist():
        # through an open branch nothing flows
        b.loading[:, k].deactivate()
    now = problem.operating[side][t]
    b.imported_p = pyo.Constraint(expr=b.import_p == now.import_p * base + _sum(tree.imports, p))
    b.imported_q = pyo.Constraint(expr=b.import_q == now.import_q * base + _sum(tree.imports, q))


def _declare_copy(m: pyo.ConcreteModel, problem: BoxProblem, i: int, side: int, t: int) -> Any:
    """Limits of a copy in a period, and what is given of its state."""
    b = m.copy[i, t]
    network_limits.declare_limits(b, problem.grid, problem.sides)
    kept = np.broadcast_to(margin_of(problem.margin_v, side, t), problem.grid.n)
    for j in b.v_kept:
        b.v_kept[j].fix(float(kept[j]))
    limits = zip((b.least_q, b.most_q), problem.limits[1], (b.least_import_q, b.most_import_q), strict=True)
    for variable, limit, row in limits:
        if np.isfinite(limit):
            variable.fix(float(limit))
        else:
            row.deactivate()
    end = (m.upper if side else m.lower)[t]
    b.asked = pyo.Constraint(expr=b.end == end, doc="the end of the box that the vertex of the copy names")
    return b


def _declare_levels(m: pyo.ConcreteModel, problem: BoxProblem, copies: int, separable: bool) -> None:
    """Levels of energy: one a copy, or one for the worst mix of all."""
    groups = [list(range(copies))] if separable else [[i] for i in range(copies)]
    levels = {
        (f"{r.place}", f"{level.kind} {number}", g): (r, level)
        for r in problem.resources
        for number, level in enumerate(r.accumulators)
        for g in range(len(groups))
    }
    periods = range(problem.periods)
    keys = [(*key, t) for key in levels for t in periods]
    m.level = pyo.Var(
        keys,
        bounds=lambda _, *key: (None, float(top) if np.isfinite(top := levels[key[:3]][1].limit[key[3]]) else None),
        doc="level that adds up over the periods [MWh]",
    )
    m.energy = pyo.ConstraintList(doc="a level takes what the device adds; the largest of several sums counts")
    for key, (r, level) in levels.items():
        names = [f"{r.place} {name}" for name in r.names]
        for i in groups[key[2]]:
            for part in level.parts:
                for t in periods:
                    before = m.level[(*key, t - 1)] if t else level.start
                    added = _sum(part[t], [m.x[i, t, name] for name in names])
                    m.energy.add(m.level[(*key, t)] >= level.keep * before + added)


def declare_follower(problem: BoxProblem, trajectory: FloatArray) -> pyo.ConcreteModel:
    """Declare the dispatch that comes nearest to a trajectory of imports: least sum of what is missing.

    Parameters
    ----------
    problem : BoxProblem
        The problem; both sides have to have the same constants.
    trajectory : (T,) array
        The imports [MW].
    """
    periods = range(problem.periods)
    m = declare_box(problem, [np.zeros(problem.periods)], effort=False)
    m.name = "flexibility_nearest"
    for name in ("width", "symmetric"):
        if m.component(name) is not None:
            m.del_component(name)
    m.del_component(m.upper)
    m.missing = pyo.Var(periods, domain=pyo.NonNegativeReals, doc="import that is missing [MW]")
    m.too_much = pyo.Var(periods, domain=pyo.NonNegativeReals, doc="import that is too much [MW]")
    for t in periods:
        m.lower[t].setlb(float(trajectory[t]))
        m.lower[t].setub(float(trajectory[t]))
        m.copy[0, t].asked.set_value(m.copy[0, t].end + m.missing[t] - m.too_much[t] == m.lower[t])
    m.objective.set_value(pyo.quicksum([*m.missing.values(), *m.too_much.values()]))
    return m


_VERTEX_DOC = """The vertex of a box that is hardest to follow: vertex[t] is 1 where the upper end is asked for.

Maximised: what the nearest dispatch misses there [MW], by the dual of its linear program. price[t] is what a MW more of
the import costs, between -1 and 1; product[t] is price[t] * vertex[t]; the other variables are the multipliers of the
rows and bounds of the nearest dispatch, by name.
"""


def declare_worst_vertex(problem: BoxProblem, lower: FloatArray, upper: FloatArray) -> pyo.ConcreteModel:
    """Declare the subproblem of column and constraint generation.

    Parameters
    ----------
    problem : BoxProblem
        The problem; both sides have to have the same constants.
    lower, upper : (T,) array
        The box [MW].
    """
    follower = declare_follower(problem, lower)
    form = compile_model(follower)
    periods = range(problem.periods)
    ends = form.columns_of(follower.lower[t] for t in periods)
    m = pyo.ConcreteModel(name="flexibility_vertex", doc=_VERTEX_DOC)
    m.vertex = pyo.Var(periods, domain=pyo.Binary)
    m.price = pyo.Var(periods, bounds=(-1, 1))
    m.product = pyo.Var(periods, bounds=(-1, 1))
    m.up = pyo.Constraint(periods, rule=lambda _, t: m.product[t] <= m.vertex[t])
    m.down = pyo.Constraint(periods, rule=lambda _, t: m.product[t] >= -m.vertex[t])
    m.up_to_price = pyo.Constraint(periods, rule=lambda _, t: m.product[t] <= m.price[t] + 1 - m.vertex[t])
    m.down_to_price = pyo.Constraint(periods, rule=lambda _, t: m.product[t] >= m.price[t] - 1 + m.vertex[t])
    gains = _multipliers(m, form, set(ends.tolist()))
    reduced = form.a.T.tocsr()
    column = {int(k): t for t, k in enumerate(ends)}

    def stationary(_: Any, j: int) -> Any:
        rows = reduced.indices[reduced.indptr[j] : reduced.indptr[j + 1]].tolist()
        values = reduced.data[reduced.indptr[j] : reduced.indptr[j + 1]].tolist()
        own = pyo.quicksum(k * (m.row_low[r] - m.row_high[r]) for r, k in zip(rows, values, strict=True))
        rest = m.price[column[j]] if j in column else m.bound_low[j] - m.bound_high[j]
        return own + rest == float(form.c[j])

    m.stationary = pyo.Constraint(range(len(form.c)), rule=stationary)
    asked = pyo.quicksum(float(lower[t]) * m.price[t] + float(upper[t] - lower[t]) * m.product[t] for t in periods)
    m.objective = pyo.Objective(expr=asked + gains, sense=pyo.maximize)
    return m


def _multipliers(m: pyo.ConcreteModel, form: ConicForm, ends: set[int]) -> Any:
    """Declare a multiplier for every finite limit of rows and bounds; returns what they are worth."""
    gains = []
    columns = [j for j in range(len(form.c)) if j not in ends]
    for name, numbers, limits, sign in (
        ("row_low", range(form.a.shape[0]), form.row_low, 1.0),
        ("row_high", range(form.a.shape[0]), form.row_high, -1.0),
        ("bound_low", columns, form.low, 1.0),
        ("bound_high", columns, form.high, -1.0),
    ):
        finite = {k: bool(np.isfinite(limits[k])) for k in numbers}
        var = pyo.Var(list(numbers), bounds=lambda _, k, finite=finite: (0, None if finite[k] else 0))
        m.add_component(name, var)
        gains += [sign * float(limits[k]) * var[k] for k in numbers if finite[k]]
    return pyo.quicksum(gains)
