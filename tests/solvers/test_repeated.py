"""A conic problem solved again and again."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest

from adnflex.errors import SolverError
from adnflex.solvers.clarabel import solve_relaxation
from adnflex.solvers.conic import compile_model
from adnflex.solvers.repeated import RepeatedConic


@pytest.fixture
def form():
    m = pyo.ConcreteModel()
    m.p, m.q = pyo.Var(bounds=(-9, 9)), pyo.Var(bounds=(-9, 9))
    m.l, m.w = pyo.Var(bounds=(0, 99)), pyo.Var(bounds=(0.5, 1.2))
    m.cone = pyo.Constraint(expr=m.p**2 + m.q**2 <= m.l * m.w)
    m.sum = pyo.Constraint(expr=m.p + m.q == 3)
    m.apart = pyo.Constraint(expr=m.p - m.q <= 1)
    m.cost = pyo.Objective(expr=m.l + 0.1 * m.p)
    return compile_model(m)


def test_sides_and_bounds_change(form):
    problem = RepeatedConic(form)
    for scale, top in ((1.0, 1.2), (2.0, 1.0), (0.5, 0.7), (1.0, 1.2)):
        high = form.high.copy()
        high[next(k for k, v in enumerate(form.variables) if v.name == "w")] = top
        x = problem.solve(form.row_low * scale, form.row_high * scale, form.low, high)
        fresh = solve_relaxation(
            type(form)(**{**vars_of(form), "row_low": form.row_low * scale, "row_high": form.row_high * scale}),
            form.low,
            high,
        )
        assert form.objective(x) == pytest.approx(fresh.objective, rel=1e-6)


def vars_of(form):
    return {name: getattr(form, name) for name in type(form).__dataclass_fields__}


def test_bounds_that_only_give_a_size_are_left_out(form):
    free = np.array([v.name in ("p", "q", "l") for v in form.variables])
    problem = RepeatedConic(form, free)
    x = problem.solve(form.row_low * 20, form.row_high * 20, form.low, form.high)
    flows = np.array([v.name in ("p", "q") for v in form.variables])
    assert x[flows].sum() == pytest.approx(60.0, rel=1e-6)


def test_no_answer_is_an_error(form):
    problem = RepeatedConic(form)
    with pytest.raises(SolverError, match="check that powers and limits"):
        problem.solve(form.row_low * 100, form.row_high * 100, form.low, form.high)


def test_rows_know_their_constraints(form):
    assert [row.local_name for row in form.rows] == ["sum", "apart"]
