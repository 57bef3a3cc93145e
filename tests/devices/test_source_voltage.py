"""The voltage of a source as a decision: as cheap as pandapower's own optimum, written back, elsewhere noted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandapower as pp
import pandas as pd
import pytest
from pandapower.timeseries import OutputWriter, run_timeseries

import adnflex
from adnflex.devices import SourceVoltage
from adnflex.errors import InputError
from adnflex.knobs import Horizon, Limits
from adnflex.problems.flexibility.study import read_flexibility_study
from adnflex.problems.flexibility.wishes import Wishes
from adnflex.problems.region.reading import RegionJob
from adnflex.problems.rolling import RollingCase
from adnflex.study import read_study
from tests.problems.rolling.small import Steady
from tests.study.columns import PROFILE, plain

POSITIONS = ["tap_pos", "tap_min", "tap_max", "tap_neutral", "tap_step_percent"]


def feeders(seed, sources=2):
    """Feeders behind sources of their own, some with more infeed than load: either limit of voltage may bind."""
    rng = np.random.default_rng(seed)
    net = pp.create_empty_network(sn_mva=1.0)
    for k in range(sources):
        root = pp.create_bus(net, 20.0, min_vm_pu=0.93, max_vm_pu=float(rng.choice([1.04, 1.1])))
        index = pp.create_ext_grid(net, root, vm_pu=1.0, controllable=True, index=7 * k + 2)
        pp.create_poly_cost(net, index, "ext_grid", cp1_eur_per_mw=80.0)
        ends = [root]
        for _ in range(4):
            ends.append(pp.create_bus(net, 20.0, min_vm_pu=0.95, max_vm_pu=1.05))
            pp.create_line_from_parameters(
                net, int(rng.choice(ends[:-1])), ends[-1], float(rng.uniform(2, 5)), 0.4, 0.35, 250.0, 0.3,
                max_loading_percent=100.0,
            )  # fmt: skip
            pp.create_load(net, ends[-1], float(rng.uniform(0.2, 1.5)), float(rng.uniform(0, 0.4)))
        if rng.random() < 0.6:
            pp.create_sgen(net, ends[-1], float(rng.uniform(2, 6)), float(rng.uniform(0, 0.5)))
    return net


def two_hours(net):
    return {
        ("load", c): pd.DataFrame([net.load[c] * 0.3, net.load[c]]).reset_index(drop=True) for c in ("p_mw", "q_mvar")
    }


@pytest.mark.parametrize("seed", [3, 11])
def test_it_is_as_cheap_as_the_optimal_power_flow_of_pandapower(seed):
    net = feeders(seed)
    plan = adnflex.dispatch(net, gap=1e-6)
    check = adnflex.validate(plan, net)
    assert check.passed
    assert list(plan.source_vm_pu.columns) == [("ext_grid", 2), ("ext_grid", 9)]
    pp.runopp(net)
    assert plan.bound <= net.res_cost + 1e-3
    assert check.objective == pytest.approx(net.res_cost, abs=2e-3)
    # the voltage itself, wherever it matters
    assert plan.source_vm_pu.to_numpy()[0] == pytest.approx(net.res_bus.vm_pu[net.ext_grid.bus].to_numpy(), abs=2e-3)


def test_every_period_has_a_voltage_of_its_own_that_a_time_series_reproduces():
    net = feeders(3)
    plan = adnflex.dispatch(net, profiles=two_hours(net), hours_per_period=1.0)
    check = adnflex.validate(plan, net)
    assert check.passed
    low, high = plan.source_vm_pu["ext_grid", 2].min(), plan.source_vm_pu["ext_grid", 2].max()
    assert f"ext_grid 2 holds {low:.4f} to {high:.4f} pu" in plan.summary()
    assert np.ptp(plan.source_vm_pu.to_numpy(), axis=0).max() > 1e-3
    for t in plan.periods:
        assert plan.apply(net, t).ext_grid.vm_pu.tolist() == plan.source_vm_pu.loc[t].tolist()
    new = plan.to_timeseries(net)
    writer = OutputWriter(new, plan.periods, output_path=None, log_variables=[("res_bus", "vm_pu")])
    run_timeseries(new, time_steps=plan.periods, verbose=False)
    assert np.abs(writer.output["res_bus.vm_pu"].to_numpy() - check.vm_pu.to_numpy()).max() < 1e-9
    assert (net.ext_grid.vm_pu == 1.0).all()


@pytest.mark.parametrize(("vm", "kind"), [(1.2, "high"), (0.8, "low")])
def test_a_voltage_beyond_the_limits_of_its_bus_is_found(vm, kind):
    net = feeders(0)
    plan = adnflex.dispatch(net)
    moved = plan.setpoints.copy()
    moved["ext_grid", "vm_pu", 2] = vm
    found = adnflex.validate(replace(plan, setpoints=moved), net).violations
    assert ("ext_grid", 2) in set(
        found.loc[found["kind"] == f"voltage of a source {kind}", ["element", "index"]].itertuples(
            index=False, name=None
        )
    )


def test_it_is_a_decision_where_the_net_says_so():
    net = feeders(1, sources=1)
    net.ext_grid["controllable"] = False
    still = adnflex.dispatch(net)
    assert still.source_vm_pu.empty
    assert ("ext_grid", "vm_pu", 2) not in still.setpoints
    net.bus.loc[0, "max_vm_pu"] = np.nan
    net.ext_grid["controllable"] = True
    with pytest.raises(InputError, match="bus 0: max_vm_pu missing"):
        adnflex.dispatch(net)
    assert adnflex.dispatch(net, vm_limits=(0.95, 1.02)).source_vm_pu.to_numpy().max() <= 1.02


def test_a_slack_generator_has_limits_of_its_own():
    net = feeders(1, sources=1)
    net.ext_grid["in_service"] = False
    pp.create_gen(net, 0, p_mw=0.0, vm_pu=1.0, slack=True, controllable=True, min_vm_pu=0.99, max_vm_pu=1.01)
    pp.create_poly_cost(net, 0, "gen", cp1_eur_per_mw=80.0)
    plan = adnflex.dispatch(net)
    assert adnflex.validate(plan, net).passed
    assert 0.99 <= plan.source_vm_pu["gen", 0].iloc[0] <= 1.01
    net.gen["min_vm_pu"] = 1.2
    with pytest.raises(InputError, match=r"gen 0: its voltage is limited to at least 1.2 and at most 1.01 pu; widen"):
        adnflex.dispatch(net)


def test_who_does_not_choose_it_says_so():
    net = pp.pandapowerNet(plain(True))
    net["ext_grid"] = net.ext_grid.drop(columns=POSITIONS)
    net["dcline"] = net.dcline[:0]  # a region of powers knows none
    asked = Horizon(PROFILE, hours_per_period=1.0)
    chosen = [d for d in read_study(net, asked).devices if isinstance(d, SourceVoltage)]
    assert [(d.vm_min, d.vm_max, d.vm_pu) for d in chosen] == [pytest.approx((0.9, 1.1, 1.0))]
    others = {
        "flexibility": read_flexibility_study(net, Wishes(), asked).notes,
        "pq_region": RegionJob(net, asked, None, Limits()).read(0)[0].notes,
        "schedule_rolling": RollingCase.from_net(net, renewables=Steady(hours=4), hours=4, library_days=1).notes,
    }
    for verb, notes in others.items():
        assert any("ext_grid 0" in note and "stays at vm_pu 1 here" in note for note in notes), verb
