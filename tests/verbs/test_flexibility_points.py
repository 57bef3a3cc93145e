"""Several coupling points: each box is of what it feeds, the other sources' exchange is held, in pandapower itself."""

from __future__ import annotations

import copy

import numpy as np
import pandapower as pp
import pytest
from pandapower.toolbox import drop_buses

import adnflex
from adnflex.errors import InputError
from tests.brute_force import RUNPP
from tests.dispatch_nets import require_unchanged

POINTS = [("ext_grid", 0), ("ext_grid", 1)]


def parks(tied: bool = False, roots: int = 2) -> pp.pandapowerNet:
    """A feeder of four buses from each root, with sun and a storage; the ends of the first two may be tied."""
    net = pp.create_empty_network(name="parks")
    for k in range(4 * roots):
        pp.create_bus(net, 20.0, min_vm_pu=0.95, max_vm_pu=1.05)
        if k % 4 == 0:
            pp.create_ext_grid(net, k, vm_pu=1.0 + 0.005 * (k // 4))
            continue
        pp.create_line_from_parameters(net, k - 1, k, 5.0, 0.3, 0.3, 10.0, 0.15, max_loading_percent=100.0)
        pp.create_load(net, k, 0.2 + 0.05 * k, 0.1)
        if k % 4 > 1:
            limits = {"min_p_mw": 0.0, "max_p_mw": 1.0, "min_q_mvar": -0.4, "max_q_mvar": 0.4}
            pp.create_sgen(net, k, 1.0, sn_mva=1.2, controllable=True, **limits)
            limits = {"min_p_mw": -0.5, "max_p_mw": 0.5, "min_e_mwh": 0.0}
            pp.create_storage(net, k, 0.0, 2.0, soc_percent=50.0, controllable=True, **limits)
    net.storage["efficiency_percent"] = 95.0
    pp.create_line_from_parameters(net, 3, 7, 5.0, 0.3, 0.3, 10.0, 0.15, max_loading_percent=100.0)
    net.line.loc[net.line.index[-1], "in_service"] = tied
    return net


def written(net: pp.pandapowerNet, *schedules: adnflex.Disaggregation) -> pp.pandapowerNet:
    """Set-points of all schedules in one net, run by pandapower."""
    there = copy.deepcopy(net)
    for schedule in schedules:
        for (table, column, index), value in schedule.setpoints.iloc[0].items():
            there[table].loc[index, column] = value
    pp.runpp(there, **RUNPP)
    return there


def within_limits(net: pp.pandapowerNet) -> bool:
    vm = net.res_bus["vm_pu"].dropna()
    return bool(vm.between(0.95 - 1e-6, 1.05 + 1e-6).all() and (net.res_line["loading_percent"] < 100 + 1e-4).all())


@pytest.mark.parametrize("roots", [2, 3])
def test_separate_trees_keep_all_their_promises_at_once(roots):
    net = parks(roots=roots)
    before = copy.deepcopy(net)
    points = [("ext_grid", k) for k in range(roots)]
    boxes = [adnflex.flexibility(net, pcc=point) for point in points]
    require_unchanged(net, before)
    devices = [{(t, i) for t, _, i in box.setpoints_lower.columns} for box in boxes]
    assert all(not a & b for k, a in enumerate(devices) for b in devices[k + 1 :])
    rng = np.random.default_rng(0)
    for shares in ([0.0] * roots, [1.0] * roots, *rng.random((3, roots))):
        wanted = [(b.lower_mw + s * (b.upper_mw - b.lower_mw)).to_numpy() for b, s in zip(boxes, shares, strict=True)]
        there = written(net, *(box.disaggregate(value) for box, value in zip(boxes, wanted, strict=True)))
        assert there.res_ext_grid["p_mw"].to_numpy() == pytest.approx(np.concatenate(wanted), abs=1e-4)
        assert within_limits(there)


def test_a_tree_is_what_it_would_be_without_the_others():
    net = parks()
    box = adnflex.flexibility(net, pcc=POINTS[1])
    single = copy.deepcopy(net)
    drop_buses(single, range(4))
    by_hand = adnflex.flexibility(single)
    for name in ("total_mwh", "useful_mwh", "outer_mwh"):
        assert getattr(box, name) == pytest.approx(getattr(by_hand, name), abs=1e-6)
    assert np.isfinite(box.certificate)
    assert any("ext_grid 0 feeds is not connected" in note for note in box.notes)
    assert adnflex.validate(box, net, trajectories=5).passed


@pytest.mark.parametrize("point", POINTS)
def test_a_source_that_is_connected_holds_what_it_exchanges(point):
    net = parks(tied=True)
    box = adnflex.flexibility(net, pcc=point)
    assert adnflex.validate(box, net, trajectories=5).passed
    assert np.isfinite(box.certificate)
    other = 1 - point[1]
    pp.runpp(net, **RUNPP)
    assert box.box["base_mw"].iloc[0] == pytest.approx(net.res_ext_grid.at[point[1], "p_mw"], abs=1e-6)
    p, q = net.res_ext_grid.loc[other]
    held = copy.deepcopy(net)
    held.ext_grid.loc[other, "in_service"] = False
    pp.create_sgen(held, int(net.ext_grid.at[other, "bus"]), p, q)
    for share in (0.0, 0.3, 1.0):
        wanted = (box.lower_mw + share * (box.upper_mw - box.lower_mw)).to_numpy()
        there = written(held, box.disaggregate(wanted))
        assert there.res_ext_grid.at[point[1], "p_mw"] == pytest.approx(wanted[0], abs=1e-3)
        assert within_limits(there)
    assert any(f"ext_grid {other} is connected" in note and f"{p:.6g} MW" in note for note in box.notes)


def test_a_link_between_trees_is_told():
    net = parks()
    limits = {"controllable": True, "max_p_mw": 0.3, "min_p_mw": -0.3}
    pp.create_dcline(net, 3, 7, p_mw=0.1, loss_percent=1.0, loss_mw=0.0, vm_from_pu=1.0, vm_to_pu=1.0, **limits)
    net.dcline[["min_q_from_mvar", "max_q_from_mvar", "min_q_to_mvar", "max_q_to_mvar"]] = 0.0
    box = adnflex.flexibility(net, pcc=POINTS[0])
    assert any("dcline 0: couples" in note for note in box.notes)
    assert not np.isfinite(box.certificate)
    assert "other sources" in box.outer.kind
    assert "a larger box may exist" in box.summary()


def test_where_the_exchange_is_not_known_it_is_refused():
    net = parks(tied=True)
    net.load["p_mw"] *= 1000.0
    with pytest.raises(InputError, match="what other sources exchange is not known"):
        adnflex.flexibility(net, pcc=POINTS[0])


def test_every_point_in_one_table():
    found = adnflex.flexibility_sweep(parks(), hours_per_period=24.0, pcc="every", workers=1, trajectories=2)
    assert found.table["pcc"].tolist() == ["ext_grid 0", "ext_grid 1"]
    assert found.table["passed"].all()
    assert "useful" not in found.headline
    assert sum("is left out" in note for note in found.notes) == 2


def test_a_region_holds_the_exchange_as_well():
    net = parks(tied=True)
    region = adnflex.pq_region(net, pcc=POINTS[0], hours_per_period=1.0, directions=4, time_limit=10)
    assert adnflex.validate(region, net).passed
    assert {i for t, _, i in region.setpoints.columns if t == "storage"} == {0, 1, 2, 3}
    assert any("ext_grid 1 is connected" in note for note in region.notes)
