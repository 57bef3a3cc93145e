"""A dispatch with an objective of the caller's own: valued in power flow, bounded, refused where it makes no sense."""

from __future__ import annotations

import pandapower as pp
import pyomo.environ as pyo
import pytest

import adnflex
from adnflex.errors import Infeasible, InputError, SolverError
from adnflex.grid import read_grid

PERIODS = range(17, 19)
WEIGHTS = {17: 5.0, 32: 1.0}
SQUARED = 1.08**2


@pytest.fixture(scope="module")
def net():
    return adnflex.networks.load("ieee33_dispatch")


def near(net):
    """Weighted distance of squared voltages from one above their limit, and a little of the cost."""
    node = {bus: k for k, buses in enumerate(read_grid(net).buses) for bus in buses}

    def change(model):
        model.off = pyo.Var(list(model.at), list(WEIGHTS), bounds=(0, None))
        model.sides = pyo.ConstraintList()
        for s, t, bus in model.off:
            squared = model.at[s, t].v[node[bus]]
            model.sides.add(model.off[s, t, bus] >= squared - SQUARED)
            model.sides.add(model.off[s, t, bus] >= SQUARED - squared)
        total = sum(WEIGHTS[bus] * model.off[s, t, bus] for s, t, bus in model.off)
        model.objective.set_value(total + 1e-6 * model.objective.expr)

    return change


def distance(plan, net):
    """The same by pandapower."""
    total = 0.0
    for t in plan.periods:
        after = plan.apply(net, t)
        pp.runpp(after)
        total += sum(w * abs(after.res_bus.vm_pu[bus] ** 2 - SQUARED) for bus, w in WEIGHTS.items())
    return total


@pytest.mark.parametrize(
    "more", [{}, {"windows": None, "switchable_lines": [13, 32, 33, 34]}], ids=["fixed", "switched"]
)
def test_an_own_objective_is_what_power_flow_says_and_bounded(net, more):
    plain = adnflex.dispatch(net, periods=PERIODS, **more)
    plan = adnflex.dispatch(net, periods=PERIODS, change=near(net), **more)
    assert adnflex.validate(plan, net).passed
    assert plan.own_objective == pytest.approx(distance(plan, net) + 1e-6 * plan.objective, rel=1e-5)
    # the cones gain from losses that raise no cost here: the bound is far off, and it is one
    assert 0.5 < plan.own_bound <= plan.own_objective
    # the plan that costs least is admissible too: it costs less, and is worse in what was asked for
    assert plan.own_bound <= plan.own_objective < distance(plain, net) + 1e-6 * plain.objective
    assert plain.objective < plan.objective
    assert plan.bound == float("-inf")
    assert "nothing is proven of the cost" in plan.summary().lower()


def test_a_change_that_changes_nothing_gives_the_same_cost(net):
    plain = adnflex.dispatch(net, periods=PERIODS)
    plan = adnflex.dispatch(net, periods=PERIODS, change=lambda model: None)
    assert plan.own_objective == pytest.approx(plain.objective, rel=1e-3)
    assert plan.own_objective == pytest.approx(plan.objective, rel=1e-5)
    assert plan.own_bound == pytest.approx(plain.bound, rel=1e-3)


def test_a_constraint_of_ones_own_holds(net):
    def change(model):
        model.least = pyo.Constraint(list(model.at), rule=lambda m, s, t: m.at[s, t].p[0] >= 0.6)

    plan = adnflex.dispatch(net, periods=[12], change=change)
    assert plan.balance["grid_mw"].iloc[0] >= 0.6 * read_grid(net).base_mva - 1e-4
    assert plan.own_objective == pytest.approx(plan.objective, rel=1e-4)


def impossible(model):
    model.no = pyo.Constraint(expr=model.at[0, 0].v[5] >= 9)


def upwards(model):
    model.objective.sense = pyo.maximize


def twice(model):
    model.other = pyo.Objective(expr=model.at[0, 0].v[5])


def squared(model):
    model.objective.set_value(model.at[0, 0].v[5] ** 2)


@pytest.mark.parametrize(
    ("change", "more", "error", "words"),
    [
        (impossible, {}, Infeasible, r"has no point that holds in power flow \(proven\)"),
        (upwards, {}, InputError, "maximised"),
        (twice, {}, InputError, "2 active objectives"),
        (squared, {}, SolverError, "not linear"),
        (lambda model: 1 / 0, {}, InputError, "change: raised ZeroDivisionError: .*try it on adnflex.model"),
        (impossible, {"exact": True}, InputError, "exact and change"),
        (3, {}, InputError, "change"),
    ],
)
def test_what_makes_no_sense_is_refused(net, change, more, error, words):
    with pytest.raises(error, match=words):
        adnflex.dispatch(net, periods=[12], change=change, **more)


def test_a_front_of_costs_takes_no_other_objective(net):
    with pytest.raises(InputError, match="change"):
        adnflex.pareto(net, points=2, periods=[12], change=impossible)


def test_the_model_is_shown_as_changed(net):
    assert adnflex.model(net, "dispatch", periods=[12], change=impossible).find_component("no") is not None
