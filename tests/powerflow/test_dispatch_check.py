"""The check of a dispatch believes nothing that the plan says: tampered plans fail, at the right place and hour."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pandapower as pp
import pandas as pd
import pytest
from pandapower.timeseries import OutputWriter, run_timeseries

import adnflex
from adnflex import networks
from adnflex.errors import InputError
from adnflex.knobs import Limits
from adnflex.results import DispatchPlan
from tests.dispatch_nets import require_unchanged


@pytest.fixture(scope="module")
def net():
    return networks.study(networks.load("ieee33_dispatch"), "3")


@pytest.fixture(scope="module")
def plan(net):
    before = copy.deepcopy(net)
    plan = adnflex.dispatch(net)
    require_unchanged(before, net)
    return plan


def tampered(plan: DispatchPlan, **changes: float | dict[int, float]) -> DispatchPlan:
    """Other set-points: ``storage__p_mw__0={3: 0.1}``, or one value for all hours."""
    setpoints = plan.setpoints.copy(deep=True)
    for name, value in changes.items():
        table, column, index = name.split("__")
        key = (table, column, int(index))
        assert key in setpoints.columns
        for t in setpoints.index:
            if not isinstance(value, dict):
                setpoints.loc[t, key] = value
            elif t in value:
                setpoints.loc[t, key] = value[t]
    return dataclasses.replace(plan, setpoints=setpoints)


def broken(plan: DispatchPlan, net, **changes) -> pd.DataFrame:
    """Violations of a tampered plan; it must not have passed."""
    check = adnflex.validate(tampered(plan, **changes), net)
    assert not check.passed
    assert check.certificate is None
    assert check.certificate_absolute is None
    return check.violations


def test_the_plan_itself_passes_and_the_net_is_left_alone(plan, net):
    before = copy.deepcopy(net)
    check = adnflex.validate(plan, net)
    require_unchanged(before, net)
    assert check.passed, check.verdict
    assert 0 <= check.certificate <= 1e-3
    assert check.objective == pytest.approx(plan.objective, rel=1e-6)
    assert check.costs["cost"].sum() == pytest.approx(check.objective, rel=1e-9)
    assert check.violations.empty
    assert len(check.periods) == 24


def test_a_fraction_of_a_step_is_no_set_point(plan, net):
    half = tampered(plan, ext_grid__tap_pos__0={7: 2.5}, ext_grid__vm_pu__0={7: 1.025})
    with pytest.raises(InputError, match=r"^ext_grid 0: tap_pos is to be 2.5 in state 0, 7; give a whole number"):
        adnflex.validate(half, net)


def test_the_plan_is_equal_to_what_was_saved(plan, net, tmp_path):
    plan.save(tmp_path / "plan.json")
    again = DispatchPlan.load(tmp_path / "plan.json")
    for item in dataclasses.fields(DispatchPlan):
        a, b = getattr(plan, item.name), getattr(again, item.name)
        if isinstance(a, pd.DataFrame):
            if len(a):
                pd.testing.assert_frame_equal(a, b, check_exact=True, obj=item.name)
            else:  # an empty table has no types to remember
                assert list(a.columns) == list(b.columns)
                assert not len(b)
        else:
            assert a == b, item.name
    assert adnflex.validate(again, net).passed


@pytest.mark.parametrize(
    ("changes", "kind", "element", "index", "period"),
    [
        # 0.1 MW more in one hour is 0.09 MWh too much at the end
        ({"storage__p_mw__0": {3: 0.1}}, "energy at the end", "storage", 0, 23),
        ({"storage__p_mw__0": {3: 0.31}}, "charge", "storage", 0, 3),
        ({"storage__p_mw__1": {2: -0.25}}, "discharge", "storage", 1, 2),
        ({"ext_grid__tap_pos__0": {7: 7.0}, "ext_grid__vm_pu__0": {7: 1.07}}, "position", "ext_grid", 0, 7),
        ({"shunt__step__1": {5: 6.0}, "constant_q__q_mvar__1": {5: -0.6}}, "position", "shunt", 1, 5),
        ({"sgen__p_mw__2": {3: 0.9}}, "p high", "sgen", 2, 3),
        ({"sgen__q_mvar__4": {3: 0.4}}, "q high", "sgen", 4, 3),
        ({"sgen__q_mvar__4": {3: -0.11}}, "q low", "sgen", 4, 3),
        ({"load__p_mw__32": {10: 0.0}}, "EV load", "load", 32, 10),
        ({"ext_grid__tap_pos__0": {t: t % 2 for t in range(24)},
          "ext_grid__vm_pu__0": {t: 1 + t % 2 / 100 for t in range(24)}}, "moves", "ext_grid", 0, 23),
    ],
)  # fmt: skip
def test_a_device_beyond_its_limits_fails_at_its_place_and_hour(plan, net, changes, kind, element, index, period):
    rows = broken(plan, net, **changes)
    found = rows[(rows["kind"] == kind) & (rows["element"] == element) & (rows["index"] == index)]
    assert period in set(found["period"]), rows


def test_a_voltage_pushed_beyond_its_limit_is_found_by_power_flow(plan, net):
    tight = dataclasses.replace(plan, asked_limits=Limits((0.9895, 1.06)))
    check = adnflex.validate(tight, net)
    assert not check.passed
    truth = adnflex.validate(plan, net).vm_pu
    t, bus = truth.stack().idxmin()
    first = check.violations.iloc[check.violations["excess"].to_numpy().argmax()]
    assert (first["kind"], first["index"], first["period"]) == ("voltage low", bus, t)


def test_power_flow_that_does_not_converge_fails(plan, net):
    check = adnflex.validate(tampered(plan, load__p_mw__5={19: 500.0}), net)
    assert not check.passed
    assert "19" in check.verdict
    assert check.certificate is None


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [("ext_grid", "tap_max", 1), ("storage", "max_e_mwh", 0.7), ("line", "length_km", 2.0), ("sgen", "bus", 3)],
)
def test_another_net_is_refused(plan, net, table, column, value):
    other = copy.deepcopy(net)
    other[table].loc[other[table].index[0], column] = value
    with pytest.raises(InputError, match="not the one that the plan was made for"):
        adnflex.validate(plan, other)


# ---------------------------------------------- lies that cost nothing


@pytest.mark.parametrize(("name", "value"), [("load__p_mw__5", {19: 0.0}), ("load__q_mvar__29", {19: 0.0})])
def test_a_rigid_load_that_is_not_served_fails(plan, net, name, value):
    assert not adnflex.validate(tampered(plan, **{name: value}), net).passed


def test_a_root_voltage_between_two_positions_fails(plan, net):
    assert not adnflex.validate(tampered(plan, ext_grid__vm_pu__0=1.0237), net).passed


def test_a_bank_whose_reactive_power_is_not_that_of_its_step_fails(plan, net):
    assert not adnflex.validate(tampered(plan, shunt__step__0=2.0), net).passed


def test_costs_are_not_believed(plan, net):
    """Compensation and wear follow from the set-points, so that a plan cannot give itself a better certificate."""
    lying = plan.scenario_costs.copy()
    lying["storage"] = 0.0
    truth, said = adnflex.validate(plan, net), adnflex.validate(dataclasses.replace(plan, scenario_costs=lying), net)
    assert said.objective == pytest.approx(truth.objective, rel=1e-6)


def test_a_small_export_where_none_is_allowed_fails():
    """A house of 2 kW that must not feed in, and feeds in 0.9 kW."""
    net = pp.create_empty_network()
    bus = [pp.create_bus(net, 0.4, min_vm_pu=0.9, max_vm_pu=1.1) for _ in range(2)]
    pp.create_ext_grid(net, bus[0], min_p_mw=0.0, max_p_mw=1.0, min_q_mvar=-1.0, max_q_mvar=1.0)
    net.ext_grid["price_per_mwh"] = 100.0
    pp.create_line_from_parameters(net, *bus, 0.05, 0.3, 0.08, 0, 0.2, max_loading_percent=100.0)
    pp.create_load(net, bus[1], 0.002)
    pp.create_sgen(net, bus[1], 0.005, controllable=True, min_p_mw=0.0)
    plan = adnflex.dispatch(net)
    assert adnflex.validate(plan, net).passed
    assert not adnflex.validate(tampered(plan, sgen__p_mw__0=0.0029), net).passed


# --------------------------------------------- pandapower's time series


def test_run_timeseries_gives_the_same_voltages(plan, net):
    """The set-points as `ConstControl` writes them, hour by hour."""
    before = copy.deepcopy(net)
    day = plan.to_timeseries(net)
    require_unchanged(before, net)
    out = OutputWriter(day, time_steps=plan.periods, log_variables=[("res_bus", "vm_pu")])
    run_timeseries(day, plan.periods, verbose=False, numba=False, tolerance_mva=1e-10)
    found = out.output["res_bus.vm_pu"].to_numpy()
    check = adnflex.validate(plan, net)
    np.testing.assert_allclose(check.vm_pu.to_numpy(), found, atol=1e-9)
    np.testing.assert_allclose(plan.vm_pu[check.vm_pu.columns].to_numpy(), found, atol=1e-6)
