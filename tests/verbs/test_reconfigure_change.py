"""A reconfiguration with an objective of the caller's own: the best of all radial states, bounded, or refused."""

from __future__ import annotations

import contextlib
from itertools import combinations

import pandapower as pp
import pandapower.networks as pn
import pyomo.environ as pyo
import pytest

import adnflex
from adnflex.errors import Infeasible, InputError, NotRadial, SolverError
from adnflex.grid import read_grid

FEW = [6, 10, 32, 34, 35]
NO_POINT = r"has no point that holds in power flow \(proven\)"


@pytest.fixture(scope="module")
def net():
    return pn.case33bw()


def node_of(net):
    return {bus: k for k, buses in enumerate(read_grid(net).buses) for bus in buses}


def flat(net, buses=(17, 32), weight=10.0):
    """Losses, and how far the voltages of some buses are below 1 pu, squared voltages counted."""
    node = node_of(net)

    def change(model):
        model.low = pyo.Var(list(buses), bounds=(0, None))
        model.below = pyo.Constraint(list(buses), rule=lambda m, bus: m.low[bus] >= 1 - m.v[node[bus]])
        model.objective.set_value(model.objective.expr + weight * sum(model.low.values()))

    return change


def by_pandapower(net, plan, buses=(17, 32), weight=10.0):
    after = plan.apply(net)
    pp.runpp(after, numba=False)
    return after.res_line.pl_mw.sum() + weight * sum(1 - after.res_bus.vm_pu[b] ** 2 for b in buses)


@pytest.fixture(scope="module")
def every(net):
    """All radial states of the few lines, as plans; lines 33 and 36 stay open."""
    found = []
    for opened in combinations(FEW, 3):
        with contextlib.suppress(NotRadial):
            found.append(adnflex.plan_from(net, open_lines=[*opened, 33, 36]))
    return found


def test_it_is_the_best_of_all_states_and_bounded(net, every):
    plan = adnflex.reconfigure(net, change=flat(net), switchable_lines=FEW)
    assert plan.own_objective == pytest.approx(by_pandapower(net, plan), rel=1e-5)
    assert plan.own_bound <= plan.own_objective * (1 + 1e-6)
    assert plan.own_bound == pytest.approx(plan.own_objective, rel=2e-4)
    values = [by_pandapower(net, other) for other in every]
    assert len(values) > 5
    assert plan.own_objective == pytest.approx(min(values), rel=1e-4)
    # the topology of least losses is another one
    least = adnflex.reconfigure(net, switchable_lines=FEW)
    assert plan.losses_mw > least.losses_mw + 1e-4
    assert by_pandapower(net, least) > plan.own_objective
    check = adnflex.validate(plan, net)
    assert check.passed
    assert check.certificate is None
    assert plan.bound == float("-inf")
    assert "nothing is proven of the plan's own objective" in " ".join(plan.notes).lower()


def test_a_constraint_of_ones_own_rules_states_out(net, every):
    """The best state by losses is tried, breaks the constraint in power flow, and the next ones follow."""
    plain = adnflex.reconfigure(net, switchable_lines=FEW)
    node = node_of(net)[17]
    worst = plain.buses.vm_pu[17]

    def change(model):
        model.higher = pyo.Constraint(expr=model.v[node] >= (worst + 0.003) ** 2)

    plan = adnflex.reconfigure(net, change=change, switchable_lines=FEW)
    assert plan.buses.vm_pu[17] >= worst + 0.003 - 1e-6
    allowed = [p.losses_mw for p in every if p.buses.vm_pu[17] >= worst + 0.003]
    assert plan.own_objective == pytest.approx(min(allowed), rel=1e-4)
    assert plan.own_bound == pytest.approx(min(allowed), rel=2e-4)


def test_a_change_that_changes_nothing_gives_the_same_topology(net):
    plain = adnflex.reconfigure(net, switchable_lines=FEW)
    plan = adnflex.reconfigure(net, change=lambda model: None, switchable_lines=FEW)
    assert plan.open_lines == plain.open_lines
    assert plan.own_objective == pytest.approx(plan.objective, rel=1e-6)
    assert plan.own_bound == pytest.approx(plain.bound, rel=1e-3)


def impossible(model):
    model.no = pyo.Constraint(expr=model.v[5] >= 9)


def beyond_power_flow(model):
    """The cone can be wide of the flow: no power flow has such a current."""
    model.no = pyo.Constraint(expr=model.l[20] >= 0.9 * model.l[20].ub)


@pytest.mark.parametrize(
    ("change", "more", "error", "words"),
    [
        (impossible, {}, Infeasible, NO_POINT),
        (beyond_power_flow, {"switchable_lines": [6, 32, 34]}, Infeasible, NO_POINT),
        (lambda m: m.nothing, {}, InputError, "change: raised AttributeError.*nothing.*try it on adnflex.model"),
        (lambda m: m.objective.deactivate(), {}, InputError, "leaves 0 active objectives"),
        (lambda m: m.objective.set_value(m.v[5] ** 2), {}, SolverError, "not linear"),
        (impossible, {"solver": "clarabel"}, InputError, "solver='clarabel' and change"),
        (impossible, {"formulation": "directed"}, InputError, "formulation='directed' and change"),
        (impossible, {"formulation": "lindistflow"}, InputError, "formulation='lindistflow' and change"),
        (impossible, {"restorable": "as present"}, InputError, "change and restorable"),
        (impossible, {"situations": {"a": pn.case33bw()}}, InputError, "change: is for one operating point"),
        (3, {}, InputError, "change"),
    ],
)
def test_what_makes_no_sense_is_refused(net, change, more, error, words):
    with pytest.raises(error, match=words):
        adnflex.reconfigure(net, change=change, **{"switchable_lines": FEW, **more})


def test_the_model_is_shown_as_changed(net):
    assert adnflex.model(net, "reconfigure", change=impossible).find_component("no") is not None
