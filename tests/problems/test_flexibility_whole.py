"""The arrays of a box against its Pyomo model: the same optimum, whatever is asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial import cKDTree

from adnflex import networks
from adnflex.knobs import Horizon
from adnflex.problems.flexibility.program import build_program
from adnflex.problems.flexibility.rows import solve_box
from adnflex.problems.flexibility.study import read_flexibility_study
from adnflex.problems.flexibility.vertices import Follower
from adnflex.problems.flexibility.whole import declare_box, declare_follower, declare_worst_vertex
from adnflex.problems.flexibility.wishes import Wishes
from adnflex.solvers.conic import compile_model
from adnflex.solvers.gate import solve_model
from tests.region_nets import feeder


@pytest.fixture(scope="module")
def problems():
    net = networks.load("park33_flexibility")
    found = {}
    for direction in ("both", "up", "down", "symmetric"):
        study = read_flexibility_study(
            net, Wishes(direction=direction, final_energy="initial"), Horizon(periods=[10, 14])
        )
        found[direction] = study.problem(study.network(study.study.grid.closed))
    return found


@pytest.mark.parametrize("separable", [False, True])
@pytest.mark.parametrize("direction", ["both", "up", "down", "symmetric"])
def test_the_same_box_on_random_sides(problems, direction: str, separable: bool) -> None:
    rng = np.random.default_rng(5)
    ends = [np.zeros(2), np.ones(2)]
    for _ in range(2):
        problem = problems[direction]
        problem = replace(
            problem,
            weights=rng.uniform(0.1, 2.0, 2),
            margin_v=rng.uniform(0, 5e-3, (2, 2, problem.grid.n)),
            margin_s=rng.uniform(0, 0.3, (2, 2, problem.grid.m)),
            active={},
        )
        arrays = solve_box(problem, ends, 60, separable)
        whole = solve_model(declare_box(problem, ends, separable))
        if arrays is None:
            assert whole.status == "infeasible"
            continue
        assert whole.status == "optimal"
        assert whole.objective == pytest.approx(arrays.bound, abs=1e-6)


def test_the_same_nearest_dispatch_and_the_same_worst_vertex(problems) -> None:
    problem = problems["both"]
    follower, rng = Follower(problem), np.random.default_rng(1)
    box = solve_box(problem, [np.zeros(2), np.ones(2)], 60)
    lower, upper = (box.x[columns] for columns in (box.program.layout.lower, box.program.layout.upper))
    for _ in range(3):
        low, high = lower - rng.uniform(-1, 1, 2), upper + rng.uniform(-1, 1, 2)
        missing = np.abs(follower.follow(high)[1]).sum()
        assert solve_model(declare_follower(problem, high)).objective == pytest.approx(missing, abs=1e-6)
        verdict = follower.prove(low, high, 60)
        assert verdict.proven
        # a maximisation, which the gate has with a minus
        found = solve_model(declare_worst_vertex(problem, low, high), gap=1e-7)
        assert -found.objective == pytest.approx(verdict.shortage, abs=1e-5)


def substituted(model):
    """Rows of a whole model over columns of devices, levels and box: those of the state follow from its equations."""
    form = compile_model(model)
    kept = {
        id(v)
        for part in ("x", "level", "lower", "upper")
        if model.component(part)
        for v in getattr(model, part).values()
    }
    own = np.array([id(v) in kept for v in form.variables])
    a = form.a.toarray()
    given = (form.row_low == form.row_high) & (a[:, ~own] != 0).any(axis=1)
    # of the equations of a state one, the coupling, is a limit of the box
    given &= np.array([c is None or c.parent_component().local_name != "coupling" for c in form.rows])
    back = np.linalg.solve(a[np.ix_(given, ~own)], np.column_stack([a[np.ix_(given, own)], -form.row_low[given]]))
    rest = ~given
    rows = a[np.ix_(rest, own)] - a[np.ix_(rest, ~own)] @ back[:, :-1]
    fixed = a[np.ix_(rest, ~own)] @ -back[:, -1]
    variables = [v for v, mine in zip(form.variables, own, strict=True) if mine]
    bounds = form.low[own], form.high[own]
    return variables, rows, form.row_low[rest] - fixed, form.row_high[rest] - fixed, bounds


def upper_rows(a, low, high):
    """Rows as ``a @ x <= high`` alone."""
    parts = [(sign * a[np.isfinite(end)], sign * end[np.isfinite(end)]) for sign, end in ((1, high), (-1, low))]
    return np.vstack([np.column_stack([rows, ends]) for rows, ends in parts])


@pytest.mark.parametrize("separable", [False, True])
@pytest.mark.parametrize("case", ["park", "feeder"])
def test_every_coefficient_is_that_of_the_model(case: str, separable: bool) -> None:
    rng = np.random.default_rng(7 if separable else 3)
    net = networks.load("park33_flexibility") if case == "park" else feeder(tap=False, bank=False, storage=True)
    net.line["length_km"] *= rng.uniform(0.5, 2.0, len(net.line))
    net.load["p_mw"] *= rng.uniform(0.2, 1.5, len(net.load))
    more = {"periods": [3, 15]} if case == "park" else {"hours_per_period": 0.5}
    study = read_flexibility_study(net, Wishes(direction="symmetric", sides=8), Horizon(**more))
    network = study.network(study.study.grid.closed)
    ends = [np.zeros(study.study.horizon.periods), np.ones(study.study.horizon.periods)]
    problem = study.problem(network)
    shape = (2, problem.periods)
    problem = replace(
        problem,
        margin_v=rng.uniform(0, 5e-3, (*shape, problem.grid.n)),
        margin_s=rng.uniform(0, 0.3, (*shape, problem.grid.m)),
    )
    lower, upper = (network.solve(network.withdrawn(end)) for end in (problem.columns.low, problem.columns.high))
    drawn = (problem.columns.drawn(end) / problem.grid.base_mva for end in (problem.columns.low, problem.columns.high))
    problem = problem.with_operating(*(problem.tree.around(f, d) for f, d in zip((lower, upper), drawn, strict=True)))
    variables, a, low, high, bounds = substituted(declare_box(problem, ends, separable))
    program = build_program(problem, ends, separable)
    lay, k = program.layout, program.layout.width
    # columns of the program, found by the names that the model gives them
    names = [f"{r.place} {name}" for r in problem.resources for name in r.names]
    column, level = {}, {}
    for variable in variables:
        part, index = variable.parent_component().local_name, variable.index()
        if part == "x":
            column[id(variable)] = lay.at(index[0], index[1]) + names.index(index[2])
        elif part in ("lower", "upper"):
            column[id(variable)] = int(getattr(lay, part)[index])
        else:
            level[index] = id(variable)
    first = int(lay.upper[-1]) + 1
    groups = range(1 if separable else 2)
    levels = [
        (r, f"{acc.kind} {i}", g) for r in problem.resources for i, acc in enumerate(r.accumulators) for g in groups
    ]
    order = [(f"{r.place}", kind, g, t) for r, kind, g in levels for t in range(problem.periods)]
    column |= {level[key]: first + place for place, key in enumerate(order) if key in level}
    at = np.array([column[id(v)] for v in variables])
    assert len(set(at.tolist())) == len(at)
    assert np.array_equal(bounds[0], program.form.low[at])
    assert np.array_equal(bounds[1], program.form.high[at])
    mine = upper_rows(program.form.a.toarray()[:, at], program.form.row_low, program.form.row_high)
    model = upper_rows(a, low, high)
    assert cKDTree(model).query(mine, p=np.inf)[0].max() < 1e-9, "a row of the arrays is none of the model"
    # what the arrays leave out cannot bind
    left = model[cKDTree(mine).query(model, p=np.inf)[0] > 1e-9]
    with np.errstate(invalid="ignore"):
        most = np.nansum(np.maximum(left[:, :-1], 0) * bounds[1] + np.minimum(left[:, :-1], 0) * bounds[0], axis=1)
    assert (most <= left[:, -1] + 1e-9).all()
    assert k == len(names)
