"""Limits and budgets that a caller gives are kept by model and judge alike: against every configuration."""

from __future__ import annotations

import copy
import dataclasses
import itertools

import numpy as np
import pandapower.networks as pn
import pandas as pd
import pytest

import adnflex
from adnflex import formulations, networks
from adnflex.errors import Infeasible, InputError
from adnflex.formulations.directed_planes import Unproven
from adnflex.knobs import Limits
from adnflex.problems.reconfiguration import choice
from tests.brute_force import enumerate_configurations
from tests.problems.test_reconfiguration import Case, draw_case
from tests.verbs.test_plan_from import ring


def cases(seed: int):
    for k in itertools.count():
        case = draw_case(np.random.default_rng([4711, seed, k]), most=16)
        if case is not None and case.table.feasible.any():
            yield case


def reconfigured(case: Case, **arguments) -> adnflex.Plan | None:
    try:
        return adnflex.reconfigure(
            case.net, switchable_lines=case.lines, switchable_switches=case.switches, workers=1, **arguments
        )
    except Infeasible as error:
        proven = error.proven
    assert proven
    return None


@pytest.mark.parametrize("seed", range(2))
def test_the_best_plan_of_so_many_operations_is_that_of_enumeration(seed):
    case = next(cases(seed))
    rows = case.table[case.table.feasible]
    for most in sorted({0, 2, int(rows.switched_branches.min()), int(rows.switched_branches.max())}):
        within = rows[rows.switched_branches <= most]
        plan = reconfigured(case, max_operations=most)
        assert (plan is None) == within.empty, most
        if plan is None:
            continue
        assert plan.operations <= most
        assert plan.objective == pytest.approx(within.losses_mw.min(), rel=2e-4, abs=1e-9)
        assert plan.bound <= within.losses_mw.min() + 1e-9
        assert adnflex.validate(plan, case.net).passed
        if plan.operations:
            less = dataclasses.replace(plan, options={**plan.options, "max_operations": plan.operations - 1})
            check = adnflex.validate(less, case.net)
            assert not check.passed
            assert check.violations.iloc[0][["kind", "value", "limit"]].tolist() == [
                "operations",
                plan.operations,
                plan.operations - 1,
            ]


@pytest.mark.parametrize("seed", range(2))
def test_limits_of_the_caller_are_those_of_a_net_that_has_them(seed):
    case = next(c for c in cases(100 + seed) if c.net.line.max_i_ka.notna().all())
    rng = np.random.default_rng([17, seed])
    loading = case.table.max_loading_percent.dropna()
    most = float(np.quantile(loading, rng.random())) * 1.0001
    line = int(rng.choice(case.lines))
    asked = {"max_loading_percent": most, "limits": {("line", "max_loading_percent"): {line: 0.7 * most}}}
    told = copy.deepcopy(case.net)
    told.line["max_loading_percent"] = most
    told.trafo["max_loading_percent"] = most
    told.line.loc[line, "max_loading_percent"] = 0.7 * most
    table = enumerate_configurations(told, case.lines, bus_switches=case.switches, max_configurations=16, check=False)
    rows = table[table.feasible]
    plan = reconfigured(case, **asked)
    assert (plan is None) == rows.empty
    if plan is not None:
        assert plan.objective == pytest.approx(rows.losses_mw.min(), rel=2e-4, abs=1e-9)
        check = adnflex.validate(plan, case.net)
        assert check.passed
        assert "loading up to" in plan.asked_limits.words
        tight = Limits(max_loading_percent=0.9 * float(check.branches.loading_percent.max()))
        assert not adnflex.validate(dataclasses.replace(plan, asked_limits=tight), case.net).passed


def test_a_standard_stands_in_place_of_the_limits_of_medium_voltage():
    net = pn.case33bw()
    net.bus["max_vm_pu"], net.bus["min_vm_pu"] = 1.01, 0.99
    with pytest.raises(Infeasible):
        adnflex.reconfigure(net, workers=1, time_limit=5.0)
    plan = adnflex.reconfigure(net, limits="EN50160", workers=1)
    assert plan.open_lines == [6, 8, 13, 31, 36]
    assert adnflex.validate(plan, net).passed
    assert net.bus["max_vm_pu"].eq(1.01).all()
    net.bus["vn_kv"] = 110.0
    assert Limits(standard="EN50160").on(net).bus["max_vm_pu"].eq(1.01).all()


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        ("EN1", "limits is 'EN1'"),
        ({("load", "p_mw"): 1.0}, "line.max_loading_percent"),
        ({("line", "max_loading_percent"): {77: 80.0}}, "limits: line 77 is not in net.line"),
        ({("bus", "min_vm_pu"): "low"}, "limits is"),
    ],
)
def test_limits_that_are_none_are_named(limits, words):
    with pytest.raises(InputError, match=words):
        adnflex.reconfigure(ring(), limits=limits)


def test_a_saved_plan_keeps_its_limits(tmp_path):
    plan = adnflex.plan_from(ring(), limits={("line", "max_loading_percent"): {1: 1.0}}, max_loading_percent=90.0)
    plan.save(tmp_path / "plan.json")
    again = adnflex.load(tmp_path / "plan.json")
    assert again.asked_limits == plan.asked_limits
    check = adnflex.validate(again, ring())
    assert check.violations[["kind", "element", "index"]].to_numpy().tolist() == [["loading", "line", 1]]


def shares(values) -> dict[tuple[str, str], pd.DataFrame]:
    loads = ring().load.p_mw
    return {("load", "p_mw"): pd.DataFrame({i: loads[i] * np.array(values) for i in loads.index})}


def test_a_free_start_leaves_the_first_states_out_of_count_and_cost():
    net = ring()
    asked = {"profiles": shares([1.0, 0.6]), "hours_per_period": 12.0, "windows": None, "loss_cost_per_mwh": 100.0}
    net.ext_grid["price_per_mwh"] = 50.0
    present = adnflex.dispatch(net, **asked, max_operations=0, gap=1e-4)
    free = adnflex.dispatch(net, **asked, max_operations=0, switching_cost=1e4, start="free", gap=1e-4)
    best = adnflex.dispatch(net, **asked, gap=1e-4)
    assert not present.switches["operated"].any()
    assert free.objective == pytest.approx(best.objective, rel=1e-3)
    assert free.objective < present.objective
    check = adnflex.validate(free, net)
    assert check.passed
    assert check.objective == pytest.approx(free.objective, rel=1e-6)
    counted = dataclasses.replace(free, options={**free.options, "start": "present"})
    assert "operations" in set(adnflex.validate(counted, net).violations["kind"])


def test_a_start_means_nothing_where_nothing_is_switched():
    with pytest.raises(InputError, match="start"):
        adnflex.dispatch(ring(), start="free", hours_per_period=1.0)


def refuse(*args, **kwargs):
    raise Unproven("the weather")


def test_auto_says_which_formulation_and_why(monkeypatch):
    net = ring()
    first = adnflex.reconfigure(net, formulation="auto", workers=1)
    assert first.bound_kind == "optimum of directed"
    assert "formulation: directed, as every bound that it needs is proven for this net." in first.notes
    # where no plane is a bound, the cones of distflow prove, as long as they are few enough
    monkeypatch.setattr(choice, "build_directed", refuse)
    with pytest.raises(InputError, match=r"formulation='directed' does not apply to this net: .* the weather"):
        adnflex.reconfigure(net, formulation="directed", workers=1)
    other = adnflex.reconfigure(net, workers=1)
    assert other.bound_kind == "optimum of distflow"
    assert "formulation: distflow, as no bound of the directed hull is proven for the weather." in other.notes
    assert other.objective == pytest.approx(first.objective, rel=1e-4)
    monkeypatch.setattr(formulations, "_MOST_CONES", 4)
    second = adnflex.reconfigure(net, formulation="auto", workers=1)
    assert second.bound_kind == "relaxation of distflow without integers"
    assert any(n.startswith("formulation: lindistflow, as") and "are too many" in n for n in second.notes)
    assert second.bound <= first.objective + 1e-9
    asked = {"profiles": shares([1.0, 0.6]), "hours_per_period": 12.0, "loss_cost_per_mwh": 100.0}
    day = adnflex.dispatch(net, **asked, formulation="auto", windows=None, gap=1e-3)
    assert any(n.startswith("formulation: lindistflow, as") and "10 cones" in n for n in day.notes)
    assert adnflex.validate(day, net).passed
    fixed = adnflex.dispatch(net, **asked, formulation="auto")
    assert "formulation: distflow, as its cones bound AC." in fixed.notes


@pytest.mark.parametrize("less", [0, 1])
def test_every_check_counts_operations_against_their_budget(less: int) -> None:
    """A plan, a box and a day that switch twice pass with a budget of two, and fail with one of one."""
    feeder, day = networks.load("park33_flexibility"), networks.study(networks.load("ieee33_dispatch"), "1")
    lines = {"switchable_lines": [8, 32, 33, 34]}
    given = [
        (adnflex.plan_from(pn.case33bw(), open_lines=[6, 33, 34, 35, 36]), pn.case33bw()),
        (adnflex.reconfigure_for_flexibility(feeder, periods=[10], workers=1, **lines), feeder),
        (adnflex.dispatch(day, windows=None, periods=[18], max_operations=2, time_limit=30, **lines), day),
    ]
    for plan, net in given:
        assert int(plan.switches["operated"].sum()) == 2, plan
        asked = dataclasses.replace(plan, options={**plan.options, "max_operations": 2 - less})
        check = adnflex.validate(asked, net)
        assert check.passed == (less == 0), check.verdict
        assert ("operations" in set(check.violations["kind"])) == (less == 1)
