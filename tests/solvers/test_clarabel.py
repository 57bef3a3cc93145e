"""A bound of the interior point method is a bound: however inexact the dual point, and never from a wrong status."""

from __future__ import annotations

import numpy as np
import pyomo.environ as pyo
import pytest

from adnflex.solvers.clarabel import _run, box_bound, column_units, solve_relaxation, standard_form
from adnflex.solvers.conic import ConicForm, compile_model

OPTIMUM = 25.0


def feeder(cap: float = 40.0, demand: float = 3.0) -> ConicForm:
    """Least current for given powers: ``l w >= demand² + 4²`` with ``w <= 1``."""
    m = pyo.ConcreteModel()
    m.p, m.q = pyo.Var(bounds=(-10, 10)), pyo.Var(bounds=(-10, 10))
    m.l, m.w = pyo.Var(bounds=(0, cap)), pyo.Var(bounds=(0, 1))
    m.cone = pyo.Constraint(expr=m.p**2 + m.q**2 <= m.l * m.w)
    m.need_p = pyo.Constraint(expr=m.p >= demand)
    m.need_q = pyo.Constraint(expr=m.q == 4)
    m.cost = pyo.Objective(expr=m.l)
    return compile_model(m)


def dual_problem(form: ConicForm):
    unit = column_units(form)
    low, high = form.low / unit, form.high / unit
    a, b, cones = standard_form(form, low, high, unit)
    cost = form.c * unit
    answer = _run(cost, a, b, cones, True, 10.0)
    return cost, a, b, np.array(answer.z), low, high


def test_the_optimum_and_its_bound():
    answer = solve_relaxation(feeder())
    assert answer.status == "optimal"
    assert answer.objective == pytest.approx(OPTIMUM, abs=1e-5)
    assert OPTIMUM - 1e-4 < answer.bound <= OPTIMUM + 1e-9


@pytest.mark.parametrize("size", [1e-9, 1e-6, 1e-3, 0.1, 1.0, 10.0])
def test_a_perturbed_dual_point_still_gives_a_bound(size):
    """Any point of the dual cone will do; what it lacks is paid for by the box."""
    form = feeder()
    cost, a, b, z, low, high = dual_problem(form)
    assert box_bound(cost, a, b, z, low, high) == pytest.approx(OPTIMUM, abs=1e-4)
    rng = np.random.default_rng(1)
    # zero cone: one equation, free; nonnegative: one row and eight bounds; then one second order cone
    for _ in range(200):
        moved = z + size * rng.normal(size=len(z))
        moved[1:-4] = np.maximum(moved[1:-4], 0)
        moved[-4] = max(moved[-4], float(np.linalg.norm(moved[-3:])))
        assert box_bound(cost, a, b, moved, low, high) <= OPTIMUM + 1e-9


def test_the_zero_dual_point_gives_the_box():
    cost, a, b, z, low, high = dual_problem(feeder())
    assert box_bound(cost, a, b, np.zeros_like(z), low, high) == pytest.approx(0.0)


def test_a_column_without_bound_cannot_be_paid_for():
    cost, a, b, z, low, high = dual_problem(feeder())
    k = int(np.argmax(cost))
    low = low.copy()
    low[k] = -np.inf
    assert box_bound(cost, a, b, np.zeros_like(z), low, high) == -np.inf


@pytest.mark.parametrize(("cap", "demand"), [(24.0, 3.0), (1.0, 3.0), (15.9, 0.0), (40.0, 11.0)])
def test_an_infeasible_cone_problem_is_found_out(cap, demand):
    answer = solve_relaxation(feeder(cap, demand))
    assert answer.status == "infeasible"


@pytest.mark.parametrize("cap", [25.001, 25.1, 40.0, 1e6])
def test_a_feasible_one_is_not_called_infeasible(cap):
    answer = solve_relaxation(feeder(cap))
    assert answer.status == "optimal"
    assert answer.bound <= OPTIMUM + 1e-9
    assert answer.bound == pytest.approx(OPTIMUM, abs=1e-2)


def test_a_point_of_a_cone_with_no_inside_is_not_called_infeasible():
    """The cap is the optimum itself: one feasible point only."""
    answer = solve_relaxation(feeder(25.0))
    assert answer.status != "infeasible"
    assert answer.bound <= OPTIMUM + 1e-9


@pytest.mark.parametrize("seed", range(20))
def test_random_feasible_problems_keep_their_bound(seed):
    """A point is drawn first and limits put around it, so that its cost is no less than the optimum."""
    rng = np.random.default_rng(seed)
    m = pyo.ConcreteModel()
    names = range(5)
    p, q, w = rng.normal(size=5), rng.normal(size=5), rng.uniform(0.8, 1.2, 5)
    l = (p**2 + q**2) / w * rng.uniform(1.0, 1.3, 5)  # noqa: E741
    scale = 10.0 ** rng.integers(-4, 2, 5)
    p, q, l = p * scale, q * scale, l * scale**2  # noqa: E741
    m.p, m.q, m.l, m.w = (pyo.Var(names) for _ in range(4))
    for variable, at in ((m.p, p), (m.q, q), (m.l, l), (m.w, w)):
        for k in names:
            # some tight, so that the point is on the limit
            room = abs(at[k]) * rng.choice([0.0, 0.1, 1.0])
            variable[k].setlb(at[k] - room)
            variable[k].setub(at[k] + abs(at[k]) * rng.choice([0.0, 0.1, 1.0]))
    for k in names:
        m.add_component(f"cone_{k}", pyo.Constraint(expr=m.p[k] ** 2 + m.q[k] ** 2 <= m.l[k] * m.w[k]))
    weight = rng.uniform(0.1, 1.0, 5)
    m.row = pyo.Constraint(expr=sum(m.p[k] for k in names) >= float(p.sum()))
    m.cost = pyo.Objective(expr=sum(weight[k] * m.l[k] + 0.01 * m.w[k] for k in names))
    answer = solve_relaxation(compile_model(m))
    cost = float(weight @ l + 0.01 * w.sum())
    assert answer.status != "infeasible"
    assert answer.bound <= cost * (1 + 1e-9) + 1e-12
