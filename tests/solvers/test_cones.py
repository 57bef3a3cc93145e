"""The constraints of a Pyomo model are its cones: whatever changes one changes the arrays and the answer."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest

from adnflex.errors import SolverError
from adnflex.solvers.cones import as_equations, mark_relaxed
from adnflex.solvers.conic import compile_model
from adnflex.solvers.gate import solve_model


def model() -> pyo.ConcreteModel:
    """Least l with p = 3, q = 4, w <= 1: 25."""
    m = pyo.ConcreteModel()
    m.p, m.q = pyo.Var(bounds=(-9, 9)), pyo.Var(bounds=(-9, 9))
    m.l, m.w = pyo.Var(bounds=(0, 400)), pyo.Var(bounds=(0, 1))
    m.branch = pyo.Block()
    m.branch.cone = pyo.Constraint(expr=m.p**2 + m.q**2 <= m.l * m.w)
    m.at_p, m.at_q = pyo.Constraint(expr=m.p == 3), pyo.Constraint(expr=m.q == 4)
    m.cost = pyo.Objective(expr=m.l)
    return m


# what is written in the place of the cone, and the least l that it leaves
WRITTEN = {
    "as formulations write it": (lambda m: m.p**2 + m.q**2 <= m.l * m.w, 25.0),
    "the other way round": (lambda m: m.l * m.w >= m.q**2 + m.p**2, 25.0),
    "on one side": (lambda m: m.p**2 + m.q**2 - m.l * m.w <= 0, 25.0),
    "a factor on the right": (lambda m: m.p**2 + m.q**2 <= 0.5 * m.l * m.w, 50.0),
    "factors on the left": (lambda m: 4 * m.p**2 + 0.25 * m.q**2 <= m.l * m.w, 40.0),
    "products as squares": (lambda m: m.p * m.p + m.q * m.q <= m.l * m.w, 25.0),
    "hidden deep": (lambda m: 2 * (m.l - 1) - 2 * (m.p**2 + m.q**2) >= 0, 26.0),
    "one square": (lambda m: m.q**2 <= m.l * m.w, 16.0),
    "one square below a line": (lambda m: m.q**2 <= m.l, 16.0),
    "below a line with a number": (lambda m: m.p**2 + m.q**2 <= 0.5 * m.l + 10 * m.w, 30.0),
    "below a square": (lambda m: m.p**2 + m.q**2 <= 0.25 * m.l**2, 10.0),
    "below a number": (lambda m: m.p**2 + m.q**2 <= 25.0 + 1e-6, 0.0),
}


@pytest.mark.parametrize("solver", ["auto", "scip"])
@pytest.mark.parametrize("how", WRITTEN)
def test_every_way_to_write_a_cone_is_read(how: str, solver: str) -> None:
    m = model()
    expression, least = WRITTEN[how]
    m.branch.cone.set_value(expression(m))
    solved = solve_model(m, solver, gap=1e-7)
    assert solved.status == "optimal"
    assert solved.objective == pytest.approx(least, rel=2e-5, abs=1e-5)
    assert solved.residual < 1e-6


def test_a_cone_that_is_inactive_or_gone_is_no_cone() -> None:
    m = model()
    m.branch.cone.deactivate()
    assert not len(compile_model(m).cones)
    m.branch.cone.activate()
    assert len(compile_model(m).cones) == 1
    m.branch.deactivate()
    assert not len(compile_model(m).cones)
    m.branch.activate()
    m.branch.del_component(m.branch.cone)
    form = compile_model(m)
    assert not len(form.cones)
    assert solve_model(m).objective == pytest.approx(0.0, abs=1e-8)


def test_compiling_leaves_the_model_as_it_was() -> None:
    m = model()
    m.more = pyo.Constraint([0, 1], rule=lambda m, k: m.p**2 <= m.l)
    m.more[1].deactivate()
    before = {c.name: (c.active, str(c.expr)) for c in m.component_data_objects(pyo.Constraint)}
    form = compile_model(m)
    assert len(form.cones) == 2
    assert {c.name: (c.active, str(c.expr)) for c in m.component_data_objects(pyo.Constraint)} == before


def test_cones_that_share_a_variable_hold_together() -> None:
    """The units of columns come from a cone; with two cones of other sizes on one variable both have to hold."""
    m = model()
    m.at_p.deactivate()
    m.rating = pyo.Constraint(expr=m.p**2 + m.q**2 <= 17.0)
    m.far = pyo.Constraint(expr=m.q**2 + m.w**2 <= 1e4 * m.l)
    m.cost.set_value(m.l - 100 * m.p)
    solved = solve_model(m)
    assert solved.x is not None
    assert pyo.value(m.p) == pytest.approx(1.0, abs=1e-5)
    assert pyo.value(m.l) == pytest.approx(17.0, abs=1e-4)


NO_CONES = {
    "equation": lambda m: m.p**2 + m.q**2 == m.l * m.w,
    "reverse": lambda m: m.p**2 + m.q**2 >= m.l * m.w,
    "three squares": lambda m: m.p**2 + m.q**2 + m.w**2 <= m.l,
    "product on the left": lambda m: m.p * m.q <= m.l,
    "cube": lambda m: m.p**3 <= m.l,
    "factors that may be negative": lambda m: m.w**2 <= m.p * m.q,
    "empty": lambda m: m.p**2 + m.q**2 <= -1.0,
}


@pytest.mark.parametrize("how", NO_CONES)
def test_what_is_no_cone_is_refused_by_name(how: str) -> None:
    m = model()
    m.branch.cone.set_value(NO_CONES[how](m))
    with pytest.raises(SolverError, match=r"branch\.cone"):
        compile_model(m)
    assert m.branch.cone.active


def test_only_marked_cones_become_equations() -> None:
    m = model()
    m.rating = pyo.Constraint(expr=m.p**2 + m.q**2 <= 30.0)
    mark_relaxed(m.branch, m.branch.cone)
    before = str(m.branch.cone.expr)
    with as_equations(m):
        assert m.branch.cone.equality
        assert not m.rating.equality
    assert str(m.branch.cone.expr) == before
    m.branch.cone.deactivate()
    with as_equations(m):
        assert not m.branch.cone.active
    m.cost.set_value(-m.l)
    m.branch.cone.activate()
    assert solve_model(m, "scip", exact=True).objective == pytest.approx(-400.0)
    m.w.setlb(0.5)
    assert solve_model(m, "scip", exact=True).objective == pytest.approx(-50.0, rel=1e-5)
    assert np.isclose(pyo.value(m.w), 0.5)
