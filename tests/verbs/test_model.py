"""The model of a verb is whole: any solver finds the verb's answer in it, and the verb's numbers come from it."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pandapower.networks as pn
import pyomo.environ as pyo
import pytest

import adnflex
from adnflex import networks
from adnflex.errors import InputError
from adnflex.problems.dispatch import search as dispatch_search
from adnflex.problems.flexibility import network_limits
from adnflex.problems.reconfiguration import choice as reconfiguration_choice
from adnflex.problems.region import model as region_model
from adnflex.problems.rolling.days import draw_day
from adnflex.problems.rolling.mpc import Mpc
from adnflex.problems.rolling.planning import plan
from adnflex.problems.rolling.scheduler import observation_of
from adnflex.solvers.conic import compile_model
from tests.region_nets import feeder


def by_scip(model: pyo.ConcreteModel) -> float:
    """Optimum by plain Pyomo."""
    result = pyo.SolverFactory("scip_direct").solve(model)
    assert "optimal" in str(result.solver.termination_condition).lower()
    return float(pyo.value(model.objective))


def short_day(study: str = "2") -> Any:
    return networks.study(networks.load("ieee33_dispatch"), study)


# -- any solver finds the verb's answer -------------------------------------------------------------------------------


def test_scip_finds_the_losses_where_few_lines_may_be_switched() -> None:
    net, knobs = pn.case33bw(), {"switchable_lines": [6, 13, 27, 32, 33, 34, 35, 36]}
    plan = adnflex.reconfigure(net, **knobs, workers=1)
    assert by_scip(adnflex.model(net, "reconfigure", **knobs)) == pytest.approx(plan.objective, rel=1e-4)


@pytest.mark.parametrize("study", ["1", "2"])
def test_scip_finds_the_cost_of_a_dispatch(study: str) -> None:
    net = short_day(study)
    plan = adnflex.dispatch(net, periods=range(4), gap=1e-6)
    model = adnflex.model(net, "dispatch", periods=range(4), gap=1e-6)
    assert by_scip(model) == pytest.approx(plan.objective, rel=2e-5)


def test_lindistflow_of_a_dispatch_is_cheaper_than_the_cone() -> None:
    net = short_day()
    cost = {f: by_scip(adnflex.model(net, "dispatch", f, periods=range(2))) for f in ("distflow", "lindistflow")}
    assert cost["lindistflow"] < cost["distflow"] * (1 - 1e-4)


def test_exact_makes_the_cones_equations() -> None:
    model = adnflex.model(short_day(), "dispatch", periods=[0], exact=True)
    assert all(c.equality for c in model.at[0, 0].cone.values())


def test_scip_finds_both_boxes_and_the_worst_vertex() -> None:
    net, periods = networks.load("park33_flexibility"), [10, 14]
    flex = adnflex.flexibility(net, periods=periods)
    assert -by_scip(adnflex.model(net, "flexibility", periods=periods)) == pytest.approx(
        flex.linear.total_mwh, rel=1e-4
    )
    assert -by_scip(adnflex.model(net, "flexibility", periods=periods, program="bound")) == pytest.approx(
        flex.linear.bound, rel=1e-6
    )
    # the box of the master problem holds at every vertex here
    assert by_scip(adnflex.model(net, "flexibility", periods=periods, program="vertex")) == pytest.approx(0, abs=1e-5)


FEW = {"periods": [10], "switchable_lines": [8, 32, 33, 34]}


def test_scip_finds_the_switch_states_of_the_largest_box() -> None:
    net = networks.load("park33_flexibility")
    flex = adnflex.reconfigure_for_flexibility(net, **FEW, workers=1)
    assert flex.linear.status == "optimal"
    box = adnflex.model(net, "reconfigure_for_flexibility", **FEW)
    assert -by_scip(box) == pytest.approx(flex.linear.worth, rel=1e-4)
    # the same topology, or one whose box is as large
    opened = [int(k) for k in box.z if box.z[k].value < 0.5]
    assert len(opened) == 3
    few = adnflex.model(net, "reconfigure_for_flexibility", program="bound", max_operations=0, **FEW)
    assert -by_scip(few) == pytest.approx(adnflex.flexibility(net, periods=[10]).linear.bound, rel=1e-6)


def short_feeder(step: int | None = None) -> Any:
    """Two lines, an inverter, a storage, and a bank of two steps: free, or held at one of them."""
    net = feeder(tap=False, storage=True)
    net.line.loc[2:, "in_service"] = False
    far = net.line.to_bus[2:]
    for table in ("load", "sgen"):
        net[table].loc[net[table].bus.isin(far), "in_service"] = False
    net.bus.loc[far, "in_service"] = False
    net.sgen.loc[0, "bus"], net.sgen.loc[0, "in_service"] = net.shunt.bus[0], True
    if step is not None:
        net.shunt["controllable"], net.shunt["step"] = False, step
    return net


HOUR = {"hours_per_period": 1.0}


@pytest.fixture(scope="module")
def region() -> Any:
    return adnflex.pq_region(short_feeder(1), directions=4, **HOUR)


def test_scip_finds_how_far_a_region_reaches(region: Any) -> None:
    """Exact equations reach what the verb reached, up to its half-planes; their relaxation reaches no less."""
    net, same = short_feeder(1), 0
    for plane in region.halfplanes.iloc[:4].itertuples():
        knobs = {"normal": (plane.normal_p, plane.normal_q), **HOUR}
        exact = -by_scip(adnflex.model(net, "pq_region", exact=True, **knobs))
        assert plane.reached_mva - 1e-4 <= exact <= plane.support_mva + 1e-4
        assert -by_scip(adnflex.model(net, "pq_region", **knobs)) >= exact - 1e-5
        same += exact == pytest.approx(plane.reached_mva, abs=1e-4)
    # what the verb reaches is found by a local search
    assert same >= 3


def test_positions_of_a_region_are_binaries() -> None:
    knobs = {"normal": (0.0, -1.0), "exact": True, **HOUR}
    far = [-by_scip(adnflex.model(short_feeder(step), "pq_region", **knobs)) for step in (None, 0, 1, 2)]
    assert far[0] == pytest.approx(max(far[1:]), abs=1e-5)
    assert max(far[1:]) > min(far[1:]) + 5e-4


def test_scip_finds_the_plan_of_an_hour_of_a_rolling_schedule() -> None:
    case = adnflex.RollingCase.load("rolling33")
    asked: list[Any] = []

    class Watched(Mpc):
        def asked(self, state: Any, rng: np.random.Generator) -> Any:
            asked.append(super().asked(state, rng))
            return asked[-1]

    control, day = adnflex.RollingScheduler(case, Watched(case), seed=1), draw_day(case, 1, 0)
    for hour in (0, 1, 2):
        control.step(observation_of(day, hour))
    model = adnflex.model(case.net, "schedule_rolling", hour=2)
    assert by_scip(model) == pytest.approx(plan(*asked[2]).cost, rel=1e-7)


# -- the verb's numbers come from the model ---------------------------------------------------------------------------


def change(monkeypatch: pytest.MonkeyPatch, module: Any, name: str, edit: Callable[[Any], None]) -> None:
    """Let a builder hand out a model that is changed, and compiled again."""
    from dataclasses import replace

    build = getattr(module, name)

    def changed(*args: Any, **kwargs: Any) -> Any:
        built = build(*args, **kwargs)
        edit(built.model)
        return replace(built, form=compile_model(built.model))

    monkeypatch.setattr(module, name, changed)


def test_a_constraint_changes_the_set_points_of_a_dispatch(monkeypatch: pytest.MonkeyPatch) -> None:
    net = short_day()
    # at noon sun is left out until nothing is imported
    before = adnflex.dispatch(net, periods=[12])
    assert before.balance["grid_mw"].iloc[0] < 1e-6

    def more(model: pyo.ConcreteModel) -> None:
        # the base power of this net is 1 MVA
        model.least = pyo.Constraint(expr=model.at[0, 0].p[0] >= 0.5)

    change(monkeypatch, dispatch_search, "build_dispatch", more)
    after = adnflex.dispatch(net, periods=[12])
    assert after.balance["grid_mw"].iloc[0] == pytest.approx(0.5, abs=1e-5)
    assert after.objective > before.objective


def test_deleted_cones_change_the_bound_of_a_dispatch(monkeypatch: pytest.MonkeyPatch) -> None:
    net = short_day()
    before = adnflex.dispatch(net, periods=[0])
    change(monkeypatch, dispatch_search, "build_dispatch", lambda m: m.at[0, 0].cone.deactivate())
    after = adnflex.dispatch(net, periods=[0])
    assert after.bound < before.bound * (1 - 1e-3)


@pytest.mark.parametrize("formulation", ["directed", "distflow"])
def test_deleted_cones_change_the_bound_of_a_reconfiguration(monkeypatch: pytest.MonkeyPatch, formulation: str) -> None:
    def cut(model: pyo.ConcreteModel) -> None:
        model.del_component(model.cone)
        if formulation == "distflow":
            model.chain_cone.deactivate()

    build = "build_directed" if formulation == "directed" else "build_reconfiguration"
    change(monkeypatch, reconfiguration_choice, build, cut)
    plan = adnflex.reconfigure(pn.case33bw(), formulation=formulation, workers=1, time_limit=2, gap=0.9)
    assert plan.bound < 0.1
    assert plan.objective == pytest.approx(0.139551, abs=1e-6)


def test_a_constraint_changes_the_region(monkeypatch: pytest.MonkeyPatch, region: Any) -> None:
    before = region.outer["p_mw"]

    def less(model: pyo.ConcreteModel) -> None:
        model.most = pyo.Constraint(expr=model.device[0].p[0, 0] <= before.max() - 1.0)

    change(monkeypatch, region_model, "build_dispatch", less)
    after = adnflex.pq_region(short_feeder(1), directions=4, **HOUR).outer["p_mw"]
    assert after.max() == pytest.approx(before.max() - 1.0, abs=1e-3)
    assert after.min() == pytest.approx(before.min(), abs=1e-3)


def test_a_constraint_changes_the_box_and_the_choice_of_switch_states(monkeypatch: pytest.MonkeyPatch) -> None:
    """A period's import may not exceed a number: so says the model, and so do the boxes of all topologies."""
    net = networks.load("park33_flexibility")
    before = adnflex.flexibility(net, periods=[10])
    declare, most = network_limits.declare_limits, float(before.upper_mw.iloc[0]) - 1.0

    def less(b: Any, *rest: Any) -> None:
        declare(b, *rest)
        b.most = pyo.Constraint(expr=b.import_p <= most)

    monkeypatch.setattr(network_limits, "declare_limits", less)
    after = adnflex.flexibility(net, periods=[10])
    assert after.linear.total_mwh < before.linear.total_mwh - 0.5
    # the box of an answer is that of power flow, which the corrected model meets
    assert after.upper_mw.max() <= most + 1e-3
    assert -by_scip(adnflex.model(net, "flexibility", periods=[10])) == pytest.approx(after.linear.total_mwh, rel=1e-4)
    best = adnflex.reconfigure_for_flexibility(net, **FEW, workers=1)
    # a search takes the box of most use that passes, also of a round before model and power flow have met
    assert best.upper_mw.max() <= most + 0.05


# -- it can be read ---------------------------------------------------------------------------------------------------

EVERY = {
    "reconfigure": (pn.case33bw, {}),
    "dispatch": (short_day, {"periods": [0, 1]}),
    "flexibility": (lambda: networks.load("park33_flexibility"), {"periods": [10]}),
    "reconfigure_for_flexibility": (lambda: networks.load("park33_flexibility"), FEW),
    "pq_region": (feeder, {}),
    "restore": (pn.case33bw, {"outage": ("line", 6)}),
    "schedule_rolling": (lambda: networks.load("rolling33"), {"hour": 22}),
}


@pytest.mark.parametrize("verb", EVERY)
def test_a_model_says_what_it_is_and_can_be_written(verb: str, tmp_path: Any) -> None:
    make, knobs = EVERY[verb]
    model = adnflex.model(make(), verb, **knobs)
    assert "per unit" in model.doc
    assert "M" in model.doc
    text = io.StringIO()
    model.display(ostream=text)
    assert "objective" in text.getvalue()
    for name in ("model.lp", "model.nl"):
        model.write(str(tmp_path / name), io_options={"symbolic_solver_labels": True})
        assert (tmp_path / name).stat().st_size > 1000


def test_wrong_words_are_refused_by_name() -> None:
    net = pn.case33bw()
    with pytest.raises(InputError, match="reconfigure, dispatch, flexibility, reconfigure_for_flexibility, pq_region"):
        adnflex.model(net, "validate")
    with pytest.raises(InputError, match="periods 1 are outside the profiles"):
        adnflex.model(net, "reconfigure", periods=[1])
    with pytest.raises(InputError, match="the cone relaxation"):
        adnflex.model(feeder(), "pq_region", "lindistflow")
    with pytest.raises(InputError, match="give a direction"):
        adnflex.model(feeder(), "pq_region", normal=(0, 0))
    with pytest.raises(InputError, match="a model a period, and 24 are asked for"):
        adnflex.model(networks.load("park33_flexibility"), "pq_region")
    with pytest.raises(InputError, match="did you mean 'objective'"):
        adnflex.model(net, "reconfigure", objektive="losses")
    with pytest.raises(InputError, match="linear around a state"):
        adnflex.model(networks.load("park33_flexibility"), "flexibility", "distflow", periods=[10])
