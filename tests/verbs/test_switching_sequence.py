"""The order of operations against all orders, and every step against pandapower."""

from __future__ import annotations

import dataclasses
from itertools import pairwise

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pandas as pd
import pytest
from pandapower.shortcircuit import calc_sc

import adnflex
from adnflex.errors import InputError
from tests.brute_force import enumerate_configurations
from tests.nets import random_net
from tests.sequence_oracle import Orders


def two_states(seed: int, most: int):
    """A random net, and a radial state of it that takes up to so many operations; None where there is none."""
    rng = np.random.default_rng(seed)
    net = random_net(
        rng,
        n_bus=(6, 10),
        n_loops=(2, 4),
        generation=seed % 3 == 0,
        two_sources=seed % 2 == 0,
        charging=True,
        limits="tight" if seed % 4 else "generous",
        present="radial",
    )
    net.line["max_i_ka"] = net.line["max_i_ka"].fillna(0.3)
    states = enumerate_configurations(net, check=False)
    chosen = states[(states["operations"] <= most) & (states["operations"] >= 2) & states["converged"]]
    if not len(chosen):
        return None
    row = chosen.sort_values("operations").iloc[-int(rng.integers(1, min(3, len(chosen)) + 1))]
    return net, adnflex.plan_from(net, open_lines=sorted(row["open_lines"]))


def require_best(net, plan):
    """Compare the order of a plan with all orders; return the sequence."""
    wanted = plan.apply(net)
    orders = Orders(net, wanted)
    sequence = adnflex.switching_sequence(plan, net, max_angle_degree=180.0, max_vm_difference_pu=1.0)
    assert sequence.status == "optimal"
    numbers = {(orders.lines[j], orders.closing[j]): j for j in range(len(orders.switches))}
    mine = tuple(numbers[row.index_, row.action == "close"] for row in rows_of(sequence))
    assert orders.value(mine) == orders.best()
    return sequence


def rows_of(sequence):
    return sequence.steps.rename(columns={"index": "index_"}).itertuples(index=False)


@pytest.mark.parametrize("seed", range(4))
def test_no_order_is_better(seed):
    if (found := two_states(seed, 4)) is not None:
        require_best(*found)


def test_every_step_is_what_pandapower_says():
    net, plan = two_states(3, 6)
    sequence = adnflex.switching_sequence(plan, net)
    for step, row in sequence.steps.iterrows():
        state = sequence.apply(net, step)
        pp.runpp(state, voltage_depend_loads=True, tolerance_mva=1e-10)
        assert row["vm_min_pu"] == pytest.approx(state.res_bus.vm_pu.min(), abs=1e-8)
        assert row["vm_max_pu"] == pytest.approx(state.res_bus.vm_pu.max(), abs=1e-8)
        if row["action"] == "close":
            assert row["closing_current_a"] == pytest.approx(1e3 * state.res_line.i_ka[row["index"]], rel=1e-6)
    last = sequence.apply(net, sequence.operations)
    assert (last.switch.closed == plan.apply(net).switch.closed).all()


@pytest.fixture(scope="module")
def oberrhein():
    net = pn.mv_oberrhein()
    now = {int(i) for i in net.switch.element[~net.switch.closed.astype(bool)]}
    wanted = (now - {8, 31, 66, 88, 188}) | {10, 30, 48, 101, 189}
    plan = adnflex.plan_from(net, open_lines=sorted(wanted), vm_limits=(0.95, 1.05))
    return net, plan, adnflex.switching_sequence(plan, net)


def test_a_real_feeder(oberrhein):
    _, _, sequence = oberrhein
    order = sequence.orders.iloc[0]
    assert (order["operations"], order["loops"], order["dark_mw_min"], order["status"]) == (10, 1, 0, "optimal")
    assert order["margin"] >= min(order["margin_before"], order["margin_after"]) - 1e-9
    first = sequence.steps.iloc[0]
    # the currents of the first closings were computed outside: 8: 41.4, 31: 43.9, 66: 11.3, 88: 26.5, 188: 66.5 A
    known = {8: 41.4, 31: 43.9, 66: 11.3, 88: 26.5, 188: 66.5}
    assert first["closing_current_a"] == pytest.approx(known[first["index"]], abs=0.06)


def parted(net):
    """A chain of buses with a source at each end, open in the middle; the plan opens it one bus further."""
    plan = adnflex.plan_from(net, open_lines=[3], vm_limits=(0.9, 1.1))
    return lambda **how: adnflex.switching_sequence(plan, net, **how)


def chain():
    net = pp.create_empty_network()
    buses = [pp.create_bus(net, 20.0) for _ in range(7)]
    for end in (0, 6):
        pp.create_ext_grid(net, buses[end])
    for a, b in pairwise(buses):
        pp.create_line_from_parameters(net, a, b, 1.0, 0.2, 0.2, 0.0, 0.4)
    for bus in buses[1:6]:
        pp.create_load(net, bus, 0.5, 0.1)
    net.line.loc[2, "in_service"] = False
    return net


def test_sources_that_may_not_be_joined():
    net = chain()
    together = parted(net)()
    assert together.steps["action"].tolist() == ["close", "open"]
    assert together.steps["joins_sources"].tolist() == [True, False]
    apart = parted(net)(parallel_sources=False)
    assert apart.steps["action"].tolist() == ["open", "close"]
    # bus 3 is without supply while the second switch is operated, one minute
    assert apart.steps["dark_buses"].tolist() == [[3], []]
    assert apart.orders["dark_mw_min"].iloc[0] == pytest.approx(0.5)
    net.ext_grid.loc[1, "va_degree"] = 5.0
    assert parted(net)().orders["dark_mw_min"].iloc[0] == 0
    assert parted(net)(max_angle_degree=4.0).orders["dark_mw_min"].iloc[0] == pytest.approx(0.5)
    net.ext_grid.loc[1, ["va_degree", "vm_pu"]] = 0.0, 1.05
    assert parted(net)(max_vm_difference_pu=0.04).steps["action"].tolist() == ["open", "close"]


def test_a_phase_shift_on_the_way_counts():
    net = chain()
    high = pp.create_bus(net, 110.0)
    pp.create_transformer_from_parameters(net, high, 6, 10.0, 110.0, 20.0, 0.5, 10.0, 5.0, 0.1, shift_degree=150.0)
    net.ext_grid.loc[1, "bus"] = high
    assert parted(net)().steps["action"].tolist() == ["open", "close"]
    net.ext_grid.loc[1, "va_degree"] = 150.0
    assert parted(net)().steps["action"].tolist() == ["close", "open"]


def test_more_operations_than_can_be_compared_at_once_are_ordered_in_parts():
    net = pn.case33bw()
    plan = adnflex.plan_from(net, open_lines=[5, 8, 13, 31, 36])
    whole = adnflex.switching_sequence(plan, net)
    from adnflex.problems.switching.operations import operations_of
    from adnflex.problems.switching.pairs import in_parts

    parts = list(in_parts(net, operations_of(net, plan.apply(net)), 4))
    assert [len(operations_of(before, after)) for before, after in parts] == [4, 4]
    assert whole.status == "optimal"
    assert (parts[-1][1].line.in_service == plan.apply(net).line.in_service).all()


def test_a_plan_that_changes_nothing():
    net = pn.case33bw()
    sequence = adnflex.switching_sequence(adnflex.plan_from(net), net)
    assert sequence.operations == 0
    assert "nobody without supply" in sequence.summary()


def test_saved_and_read_again(oberrhein, tmp_path):
    net, _, sequence = oberrhein
    sequence.save(tmp_path / "steps.json")
    again = adnflex.load(tmp_path / "steps.json")
    assert again.steps["index"].tolist() == sequence.steps["index"].tolist()
    assert again.apply(net, 3).switch.closed.equals(sequence.apply(net, 3).switch.closed)


def test_a_check_runs_every_state_again(oberrhein):
    net, _, sequence = oberrhein
    check = adnflex.validate(sequence, net)
    assert check.passed
    assert len(check.states) == 11
    assert check.states["off_pu"].max() < 1e-8
    wrong = dataclasses.replace(sequence, steps=sequence.steps.assign(vm_min_pu=0.97))
    assert not adnflex.validate(wrong, net).passed


def test_a_check_tells_what_is_broken_on_the_way_only():
    net = chain()
    sequence = parted(net)(parallel_sources=False, vm_limits=(0.9, 1.1), max_loading_percent=4.0)
    check = adnflex.validate(sequence, net)
    assert check.violations["on_the_way"].dtype == bool


def test_each_topology_of_a_day_has_its_order_and_set_points():
    net = adnflex.networks.load("ieee33_dispatch")
    plan = adnflex.dispatch(net, periods=[12, 13], windows=1, max_operations=6, gap=0.5, time_limit=60)
    sequence = adnflex.switching_sequence(plan, net)
    last = sequence.apply(net, sequence.operations)
    assert (last.line.in_service == plan.apply(net, 13).line.in_service).all()
    assert sequence.orders.index.tolist() == sorted(set(sequence.steps["first_period"]) | set(sequence.orders.index))
    assert adnflex.validate(sequence, net).states["off_pu"].max() < 1e-7


@pytest.mark.parametrize("column", ["minutes", "in_ka", "remote"])
@pytest.mark.parametrize("value", ["x", -1.0, float("inf")])
def test_what_the_net_says_of_its_switches_is_checked_like_everything_else(column, value):
    net = pn.mv_oberrhein()
    net.switch[column] = pd.Series([None] * len(net.switch), net.switch.index, dtype=object)
    net.switch.loc[3, column] = value
    with pytest.raises(InputError, match=f"switch 3: {column} is"):
        adnflex.plan_from(net, vm_limits=(0.9, 1.1))


def test_what_has_no_order_or_no_such_place_is_refused_by_name(oberrhein):
    net, plan, sequence = oberrhein
    with pytest.raises(InputError, match="plan is a SwitchingSequence; give a Plan"):
        adnflex.switching_sequence(sequence, net)
    with pytest.raises(InputError, match="limits: bus 9999 is not in"):
        adnflex.switching_sequence(plan, net, limits={("bus", "min_vm_pu"): {9999: 0.9}})
    with pytest.raises(InputError, match="engine is 'power-grid-model'"):
        adnflex.validate(sequence, net, engine="power-grid-model")
    for step in ("a", 1.5, -1):
        with pytest.raises(InputError, match="step is"):
            sequence.apply(net, step)
    with pytest.raises(InputError, match="step is 11; give 0 to 10"):
        sequence.apply(net, 11)


def test_short_circuit_currents_on_the_way_are_those_of_pandapower():
    net = chain()
    plan = adnflex.plan_from(net, open_lines=[3], vm_limits=(0.9, 1.1))
    told = adnflex.switching_sequence(plan, net, short_circuit=True)
    assert told.steps["ikss_bus"].tolist() == [-1, -1]
    assert "ext_grid 0: s_sc_max_mva and rx_max; ext_grid 1: s_sc_max_mva and rx_max" in told.notes[0]
    net.ext_grid["s_sc_max_mva"], net.ext_grid["rx_max"] = [500.0, 300.0], 0.1
    plan = adnflex.plan_from(net, open_lines=[3], vm_limits=(0.9, 1.1))
    steps = adnflex.switching_sequence(plan, net, short_circuit=True)
    assert not steps.notes
    currents = []
    for step in range(3):
        state = steps.apply(net, step)
        calc_sc(state, case="max")
        currents.append(state.res_bus_sc["ikss_ka"])
    # both sources feed a fault while they are joined, from one end only before and after
    for row, now in zip(steps.steps.itertuples(index=False), currents[1:], strict=True):
        rise = 100 * (now / np.fmax(currents[0], currents[-1]) - 1)
        assert row.ikss_bus == rise.idxmax()
        assert row.ikss_rise_percent == pytest.approx(rise.max(), abs=1e-6)
        assert row.ikss_ka == pytest.approx(now[rise.idxmax()], rel=1e-9)
    assert steps.steps["ikss_rise_percent"].iloc[0] > 10
    assert "short circuit" in steps.work_sheet["afterwards"].iloc[0]
    pp.create_sgen(net, 2, 0.1, 0.0)
    net.sgen["current_source"] = True
    plan = adnflex.plan_from(net, open_lines=[3], vm_limits=(0.9, 1.1))
    assert "calc_sc: sn_mva needs" in adnflex.switching_sequence(plan, net, short_circuit=True).notes[0]
