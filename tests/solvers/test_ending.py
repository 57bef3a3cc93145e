"""What an ending means: nothing a solver says is believed that was not measured, and "not solved" refutes nothing."""

from __future__ import annotations

import contextlib
import itertools
import math

import numpy as np
import pyomo.environ as pyo
import pytest
from scipy import sparse

from adnflex.errors import SolverError
from adnflex.solvers.clarabel import solve_relaxation
from adnflex.solvers.conic import ConicForm, compile_model, linear_form
from adnflex.solvers.ending import STATUSES, Said, believe, listen
from adnflex.solvers.gate import solve_model
from adnflex.solvers.highs import LinearSolver
from adnflex.solvers.injection import FAULTS, injected
from adnflex.solvers.linear import minimise_linear
from adnflex.solvers.repeated import RepeatedConic

# Optimum of `model`, whatever the solver: x = 2, l = 4² + 3² over w = 1, and the integer.
OPTIMUM = 25.0 + 2.0


def model(integer: bool = True, cone: bool = True, demand: float = 4.0) -> pyo.ConcreteModel:
    """One branch and one decision; demand above 9.9 is infeasible."""
    m = pyo.ConcreteModel()
    m.p, m.q = pyo.Var(bounds=(-9.9, 9.9)), pyo.Var(bounds=(3, 3))
    m.l, m.w = pyo.Var(bounds=(0, 200)), pyo.Var(bounds=(0.5, 1))
    m.x = pyo.Var(bounds=(0, 4), domain=pyo.Integers if integer else pyo.Reals)
    m.least = pyo.Constraint(expr=m.p >= demand)
    m.row = pyo.Constraint(expr=2 * m.x >= (3 if integer else 4))
    if cone:
        m.cone = pyo.Constraint(expr=m.p**2 + m.q**2 <= m.l * m.w)
    else:
        m.square = pyo.Constraint(expr=m.l == 25)
    m.cost = pyo.Objective(expr=m.l + m.x)
    return m


CALLS = {
    "conic": lambda d: solve_relaxation(compile_model(model(False, True, d))),
    "linear": lambda d: LinearSolver(compile_model(model(False, False, d))).solve(9.0),
    "mixed-integer": lambda d: LinearSolver(compile_model(model(True, False, d))).solve(9.0),
    "outer approximation": lambda d: solve_model(model(True, True, d), "highs", gap=1e-6),
    "whole model": lambda d: solve_model(model(True, True, d), "scip", gap=1e-6),
}


@pytest.mark.parametrize("call", CALLS)
def test_without_faults_all_agree(call):
    answer = CALLS[call](4.0)
    assert answer.status == "optimal"
    assert answer.objective == pytest.approx(OPTIMUM, abs=1e-4)
    assert answer.bound == pytest.approx(OPTIMUM, abs=1e-3)


@pytest.mark.parametrize("call", CALLS)
def test_infeasible_is_said_where_it_is_so(call):
    answer = CALLS[call](11.0)
    assert (answer.status, answer.x, answer.bound) == ("infeasible", None, math.inf)


@pytest.mark.parametrize(("call", "fault", "share"), itertools.product(CALLS, FAULTS, [1.0, 0.5]))
def test_whatever_a_solver_does_the_answer_is_honest(call, fault, share):
    for seed in range(1 if share == 1.0 else 3):
        with injected(fault, share, seed) as done:
            answer = CALLS[call](4.0)
        assert done.calls.total() > 0
        assert answer.status in STATUSES
        assert answer.status not in ("infeasible", "unbounded")
        assert answer.bound <= OPTIMUM + 1e-6
        if answer.status == "optimal":
            assert answer.x is not None
        if answer.x is not None:
            assert answer.residual <= 1e-5
            assert answer.objective >= OPTIMUM - 1e-3
        if answer.status == "optimal" and fault != "wrong bound":
            assert answer.objective == pytest.approx(OPTIMUM, abs=1e-3)
        if answer.status == "failed":
            assert answer.words


@pytest.mark.parametrize("fault", FAULTS)
def test_a_repeated_solve_gives_the_optimum_or_an_error(fault):
    form = compile_model(model(False))
    problem = RepeatedConic(form)
    with injected(fault) as done:
        x = None
        with contextlib.suppress(SolverError):
            x = problem.solve(form.row_low, form.row_high, form.low, form.high)
    assert x is None or form.objective(x) == pytest.approx(OPTIMUM, abs=1e-3)
    assert done.faults.total() > 0
    again = problem.solve(form.row_low, form.row_high, form.low, form.high)
    assert form.objective(again) == pytest.approx(OPTIMUM, abs=1e-3)


def measured(said: Said, **others: object):
    """Believe what was said of ``min x`` over ``1 <= x``."""
    return believe(
        said,
        "it",
        value=lambda x: float(x[0]),
        residual=lambda x: max(1 - float(x[0]), 0.0),
        **others,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("said", "status", "bound", "has_point"),
    [
        (Said("optimal", "", np.array([1.0]), 1.0, 1.0), "optimal", 1.0, True),
        (Said("optimal", "", np.array([1.0]), 1.0, -math.inf), "optimal", -math.inf, True),
        (Said("optimal", "", np.array([1.0]), 1.0, math.nan), "failed", -math.inf, True),
        (Said("optimal", "", np.array([1.0]), 1.0, math.inf), "failed", -math.inf, True),
        (Said("optimal", "", np.array([1.0]), 1.0, 1.1), "failed", -math.inf, True),
        (Said("optimal", "", np.array([1.2]), 1.0, 1.0), "failed", -math.inf, True),
        (Said("optimal", "", np.array([1.0]), math.nan, 1.0), "failed", -math.inf, True),
        (Said("optimal", "", np.array([0.9]), 0.9, 0.9), "failed", -math.inf, False),
        (Said("optimal", "", np.array([math.nan]), 1.0, 1.0), "failed", -math.inf, False),
        (Said("optimal"), "failed", -math.inf, False),
        (Said("time_limit", "", np.array([3.0]), 3.0, 0.5), "time_limit", 0.5, True),
        (Said("time_limit", "", None, math.nan, 0.5), "time_limit", 0.5, False),
        (Said("interrupted", "", None, math.nan, math.nan), "interrupted", -math.inf, False),
        (Said("unbounded", "", None, math.nan, 0.5), "unbounded", -math.inf, False),
        (Said("infeasible or unbounded", "", None, math.nan, 0.5), "failed", -math.inf, False),
        (Said("who knows", "", None, math.nan, 0.5), "failed", -math.inf, False),
        (Said("infeasible"), "infeasible", math.inf, False),
    ],
)
def test_endings(said, status, bound, has_point):
    answer = measured(said)
    assert (answer.status, answer.bound, answer.x is not None) == (status, bound, has_point)
    assert bool(answer.words) == (status not in ("optimal", "infeasible"))


def test_infeasible_needs_a_certificate_where_one_can_be_asked_for():
    ray = np.ones(1)
    assert measured(Said("infeasible", ray=ray), proof=lambda y: 1.0).status == "infeasible"
    assert measured(Said("infeasible", ray=ray), proof=lambda y: -1.0).status == "failed"
    assert measured(Said("infeasible"), infeasible_is_proven=False).status == "failed"


@pytest.mark.parametrize(
    "error", [ValueError("x"), RuntimeError("y"), type("PanicException", (BaseException,), {})("z")]
)
def test_what_flies_out_of_a_solver_is_an_ending(error):
    def run() -> Said:
        raise error

    assert listen("linear", "it", run).ending == "failed"


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_what_is_not_of_the_solver_passes(error):
    def run() -> Said:
        raise error

    with pytest.raises(error):
        listen("linear", "it", run)


def random_program(rng: np.random.Generator) -> ConicForm:
    """A bounded feasible linear program."""
    n, k = 6, 5
    a = sparse.csr_matrix(np.where(rng.random((k, n)) < 0.6, rng.normal(size=(k, n)), 0.0))
    low, high = np.zeros(n), rng.uniform(1.0, 3.0, n)
    at = a @ rng.uniform(low, high)
    one_sided = rng.random(k) < 0.5
    rows = (at - rng.random(k), np.where(one_sided, np.inf, at + rng.random(k)))
    return linear_form(rng.normal(size=n), a, rows, (low, high))


@pytest.mark.parametrize("seed", range(10))
def test_bounds_of_linear_programs_hold_for_any_prices(seed):
    rng = np.random.default_rng(seed)
    form = random_program(rng)
    solver = LinearSolver(form)
    best = solver.solve(9.0)
    assert best.status == "optimal"
    assert best.bound == pytest.approx(best.objective, abs=1e-7)
    for _ in range(20):
        assert solver._safe_bound(rng.normal(size=form.a.shape[0]), 1.0) <= best.objective + 1e-9


@pytest.mark.parametrize("presolve", [True, False])
def test_an_infeasible_linear_program_has_its_certificate(presolve):
    nothing, much = np.zeros(2), np.full(2, 1.0)
    form = linear_form(np.ones(2), sparse.csr_matrix([[1.0, 1.0]]), (np.array([2.5]), np.array([9.0])), (nothing, much))
    assert LinearSolver(form, presolve=presolve).solve(9.0).status == "infeasible"


def test_an_unbounded_program_is_not_called_infeasible():
    free = np.full(1, -np.inf), np.full(1, np.inf)
    form = linear_form(np.ones(1), sparse.csr_matrix([[0.0]]), (np.zeros(1), np.zeros(1)), free)
    answer = minimise_linear(form)
    assert answer.status in ("unbounded", "failed")
    assert answer.bound == -math.inf
