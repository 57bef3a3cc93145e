"""The gate: every solver gives the same answer, wrong wishes are refused, answers are measured."""

from __future__ import annotations

import numpy as np
import pandapower.networks as pn
import pyomo.environ as pyo
import pytest
from pyomo.opt import SolverResults, TerminationCondition

import adnflex
from adnflex.errors import SolverUnavailable
from adnflex.grid import read_grid
from adnflex.knobs import Effort
from adnflex.problems.reconfiguration.model import build_reconfiguration
from adnflex.problems.reconfiguration.objective import Objective
from adnflex.solvers import capability
from adnflex.solvers.capability import SOLVERS, pick
from adnflex.solvers.cones import mark_relaxed
from adnflex.solvers.conic import compile_model
from adnflex.solvers.gate import solve_model, tangents
from adnflex.solvers.injection import injected
from tests.verbs.test_plan_from import ring


def toy(integer: bool = True) -> pyo.ConcreteModel:
    """Choose how many units of 3 feed a demand of 7; what is left over costs its square."""
    m = pyo.ConcreteModel()
    m.x = pyo.Var(bounds=(0, 5), domain=pyo.Integers if integer else pyo.Reals)
    m.p = pyo.Var(bounds=(-20, 20))
    m.q = pyo.Var(bounds=(1, 1))
    m.l = pyo.Var(bounds=(0, 400))
    m.w = pyo.Var(bounds=(1, 1))
    m.balance = pyo.Constraint(expr=3 * m.x + m.p == 7)
    m.cone = pyo.Constraint(expr=m.p**2 + m.q**2 <= m.l * m.w)
    mark_relaxed(m, m.cone)
    m.cost = pyo.Objective(expr=m.l + 0.1 * m.x)
    return m


def by_hand() -> tuple[int, float]:
    values = {x: (7 - 3 * x) ** 2 + 1 + 0.1 * x for x in range(6)}
    best = min(values, key=values.__getitem__)
    return best, values[best]


@pytest.mark.parametrize("solver", ["auto", "highs", "scip"])
def test_all_solvers_agree_with_the_hand(solver):
    model = toy()
    solved = solve_model(model, solver, gap=1e-6)
    x, value = by_hand()
    assert solved.status == "optimal"
    assert solved.objective == pytest.approx(value, rel=1e-5)
    assert solved.bound <= value + 1e-5
    assert round(pyo.value(model.x)) == x
    assert solved.residual < 1e-5


def test_continuous_cones_go_to_clarabel():
    solved = solve_model(toy(integer=False))
    assert solved.solver == "Clarabel"
    # derivative of (7 - 3x)² + 1 + 0.1 x is zero at x = 7/3 - 0.1/18
    x = 7 / 3 - 0.1 / 18
    assert solved.objective == pytest.approx((7 - 3 * x) ** 2 + 1 + 0.1 * x, rel=1e-6)


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_infeasible_is_said(solver):
    model = toy()
    model.impossible = pyo.Constraint(expr=model.l <= 0.5)
    assert solve_model(model, solver).status == "infeasible"


def test_exact_equations_need_a_solver_that_can():
    assert pick("auto", integers=False, cones=True, exact=True) == "scip"
    with pytest.raises(SolverUnavailable, match="cannot take the exact"):
        pick("highs", integers=False, cones=True, exact=True)


def test_exact_equations_forbid_invented_loss():
    model = toy()
    model.cost.deactivate()
    model.more = pyo.Objective(expr=-model.l)  # the relaxation would take l = 400
    solved = solve_model(model, "scip", exact=True, gap=1e-6)
    assert solved.objective == pytest.approx(-((7 - 3 * 5) ** 2 + 1), rel=1e-5)
    assert solve_model(model, "highs").objective == pytest.approx(-400, rel=1e-5)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("nosuch", "solver 'nosuch' is unknown; use auto or one of: highs, scip."),
        *(
            (
                name,
                f"solver '{name}' is known to Pyomo, not installed here or without a licence; use auto or one of: "
                "highs, scip.",
            )
            for name in ("glpk", "gurobi_direct", "knitro_direct")
        ),
        ("clarabel", "solver 'clarabel' cannot take integers; use auto or one of: highs, scip."),
        (
            "gurobi",
            "solver 'gurobi' is not installed or has no licence here (pip install gurobipy, and its licence); use auto "
            "or one of: highs, scip.",
        ),
    ],
)
def test_wrong_wishes_are_refused(wanted, message, monkeypatch):
    ready = {"highs", "scip", "clarabel"}
    monkeypatch.setattr(capability, "installed", ready.__contains__)
    with pytest.raises(SolverUnavailable) as caught:
        pick(wanted, integers=True, cones=True)
    assert str(caught.value) == message


def test_no_solver_that_fits(monkeypatch):
    monkeypatch.setattr(capability, "installed", lambda name: False)
    with pytest.raises(SolverUnavailable, match=r"^no installed solver can take integers, cones"):
        pick("auto", integers=True, cones=True)


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_an_answer_that_breaks_its_model_is_not_believed(solver):
    with injected("wrong point"):
        answer = solve_model(toy(), solver)
    assert answer.status == "failed"
    assert answer.x is None


def test_tangent_planes_touch_and_never_cut_the_cone():
    form = compile_model(toy(integer=False))
    rng = np.random.default_rng(3)
    p, q, l, w = form.cones[0]  # noqa: E741

    def on_cone(scale: float) -> np.ndarray:
        x = np.zeros(len(form.c))
        x[[p, q, w]] = rng.normal(size=3) * scale
        x[w] = abs(x[w]) + 0.1
        x[l] = (x[p] ** 2 + x[q] ** 2) / x[w]
        return x

    for _ in range(200):
        at, other = on_cone(2.0), on_cone(5.0)
        plane = tangents(form, at)
        assert abs((plane @ at)[0]) < 1e-9 * (1 + at[l] + at[w])
        assert (plane @ other)[0] < 1e-9 * (1 + other[l] + other[w])


@pytest.mark.parametrize("solver", ["highs", "scip"])
def test_a_feeder_by_other_solvers(solver):
    net = pn.case33bw()
    # one tie is enough for a test
    net.line = net.line.drop(index=[32, 33, 34, 35])
    grid = read_grid(net)
    solved = solve_model(build_reconfiguration(grid, Objective(losses=1.0)).model, solver, gap=1e-4, seconds=120)
    own = build_reconfiguration(grid, Objective(losses=1.0))
    from adnflex.problems.reconfiguration.solve import solve_reconfiguration

    answer = solve_reconfiguration(grid, own.objective, Effort(workers=1))
    assert solved.objective == pytest.approx(answer.flow.loss * grid.base_mva, rel=3e-4)


class Plugin:
    """A solver that only Pyomo knows, behind its older interface: says that all is optimal, whatever it is asked."""

    takes = True

    def __init__(self, **_):
        self.options = {}

    def available(self, exception_flag=True):
        return True

    def has_capability(self, feature):
        return self.takes or feature == "integer"

    def solve(self, model, **_):
        for v in model.component_data_objects(pyo.Var):
            v.set_value(0.0, skip_validation=True)
        result = SolverResults()
        result.solver.termination_condition = TerminationCondition.optimal
        result.problem.lower_bound = 1e9
        return result


@pytest.fixture
def plugin():
    pyo.SolverFactory.register("nobodys")(Plugin)
    yield Plugin
    pyo.SolverFactory.unregister("nobodys")


def test_a_solver_that_only_pyomo_knows_is_taken_by_its_name_and_measured(plugin, monkeypatch):
    assert pick("nobodys", integers=True, cones=True) == "nobodys"
    grid = read_grid(pn.case33bw())
    model = build_reconfiguration(grid, Objective(losses=1.0)).model
    solved = solve_model(model, "nobodys", seconds=20)
    assert (solved.status, solved.x) == ("failed", None)
    assert "nobodys" not in SOLVERS
    monkeypatch.setattr(plugin, "takes", False)
    with pytest.raises(SolverUnavailable, match="solver 'nobodys' cannot take cones"):
        pick("nobodys", integers=True, cones=True)
    with pytest.raises(SolverUnavailable, match="the exact"):
        pick("nobodys", integers=False, cones=False, exact=True)


def test_a_name_of_pyomo_gives_the_same_plan():
    net = ring()
    plans = [adnflex.reconfigure(net, solver=solver, workers=1) for solver in ("auto", "scip_direct")]
    assert plans[0].open_lines == plans[1].open_lines
    assert plans[1].objective == pytest.approx(plans[0].objective, rel=1e-6)
    assert "scip_direct" in plans[1].solver
    with pytest.raises(SolverUnavailable, match="pip install Mosek"):
        adnflex.reconfigure(net, solver="mosek")
