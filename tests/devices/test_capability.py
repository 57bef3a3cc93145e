"""Reactive capability curves: what pandapower interpolates is what the model allows and the audit asks for."""

from __future__ import annotations

import copy
import dataclasses
import functools

import numpy as np
import pandapower as pp
import pandas as pd
import pytest
from pandapower.control.util.auxiliary import create_q_capability_characteristics_object

import adnflex
from adnflex.errors import InputError
from tests.brute_force import RUNPP

LOADED = (1.0, 2.5)


def feeder(points, style: object = "straightLineYValues", available: float = 4.0, box: float | None = 3.0, **columns):
    """Source, line, a load that wants reactive power, a sun with a curve ``(p, q_min, q_max)``."""
    net = copy.deepcopy(made())
    net.sgen["p_mw"] = available
    if box is not None:
        net.sgen["min_q_mvar"], net.sgen["max_q_mvar"] = -box, box
    net["q_capability_curve_table"] = pd.DataFrame(
        [(0, *point) for point in points], columns=["id_q_capability_curve", "p_mw", "q_min_mvar", "q_max_mvar"]
    )
    net.sgen["id_q_capability_characteristic"], net.sgen["curve_style"] = 0, style
    net.sgen["reactive_capability_curve"] = True
    for name, value in columns.items():
        net.sgen[name] = value
    return net


@functools.cache
def made():
    """Make the net; that takes longer than copying it."""
    net = pp.create_empty_network(sn_mva=1.0)
    bus = [pp.create_bus(net, 20.0, min_vm_pu=0.85, max_vm_pu=1.15) for _ in range(2)]
    pp.create_line_from_parameters(net, *bus, 8.0, 0.3, 0.3, 0.0, 0.6, max_loading_percent=100.0)
    pp.create_ext_grid(net, bus[0])
    net.ext_grid["price_per_mwh"] = 90.0
    pp.create_load(net, bus[1], *LOADED)
    pp.create_sgen(net, bus[1], 4.0, 0.0, controllable=True, min_p_mw=0.0)
    return net


def concave(rng) -> list[tuple[float, float, float]]:
    """A random convex shape over 0 to 4 MW."""
    p = np.array([0.0, *np.sort(rng.uniform(0.5, 3.5, 2)), 4.0])
    top = np.cumsum([rng.uniform(0.1, 0.6), *(np.sort(rng.uniform(-0.4, 0.6, 3))[::-1] * np.diff(p))])
    low = np.cumsum([-rng.uniform(0.1, 0.6), *(np.sort(rng.uniform(-0.6, 0.4, 3)) * np.diff(p))])
    low = np.minimum(low, top)
    return list(zip(p.tolist(), low.tolist(), top.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(3))
def test_no_point_of_a_scan_inside_the_curve_is_better(seed):
    rng = np.random.default_rng(seed)
    points = concave(rng)
    net = feeder(points)
    try:
        plan = adnflex.dispatch(net, gap=1e-6)
    except InputError as error:
        # the lower limit was cut by the upper one
        assert "bends inwards" in str(error)  # noqa: PT017
        return
    p, q = (float(plan.generation[c, 0].iloc[0]) for c in ("p_mw", "q_mvar"))
    x, low, high = np.array(points).T
    assert np.interp(p, x, low) - 1e-5 <= q <= np.interp(p, x, high) + 1e-5
    assert adnflex.validate(plan, net).passed
    best = np.inf
    work = feeder(points)
    for active in np.linspace(0, 4, 9):
        for share in np.linspace(0, 1, 5):
            work.sgen["p_mw"] = active
            work.sgen["q_mvar"] = (1 - share) * np.interp(active, x, low) + share * np.interp(active, x, high)
            pp.runpp(work, **RUNPP)
            best = min(best, 90 * float(work.res_ext_grid.p_mw[0]))
    assert plan.bound <= best + 1e-4
    assert plan.objective <= best + 1e-3


def test_the_curve_is_that_of_pandapower():
    """Its own objects, evaluated at the plan's active power, give the limits that bind."""
    net = feeder([(0.0, -0.1, 0.1), (2.0, -0.4, 0.5), (4.0, -0.2, 0.3)])
    create_q_capability_characteristics_object(net)
    plan = adnflex.dispatch(net, gap=1e-6)
    p, q = (float(plan.generation[c, 0].iloc[0]) for c in ("p_mw", "q_mvar"))
    assert q == pytest.approx(float(net.q_capability_characteristic.q_max_characteristic[0](p)), abs=1e-4)
    # the objects alone say the same
    alone = feeder([])
    alone["q_capability_characteristic"] = net.q_capability_characteristic
    del alone["q_capability_curve_table"]
    assert adnflex.dispatch(alone, gap=1e-6).objective == pytest.approx(plan.objective, rel=1e-6)


def test_without_columns_the_curve_is_the_limit_and_with_them_both_are():
    flat = [(0.0, -0.5, 0.5), (4.0, -0.5, 0.5)]
    styles = ("straightLineYValues", "constantYValue", None)
    for style, (box, q) in zip(styles, ((None, 0.5), (0.2, 0.2), (3.0, 0.5)), strict=True):
        plan = adnflex.dispatch(feeder(flat, style, box=box))
        assert float(plan.generation["q_mvar", 0].iloc[0]) == pytest.approx(q, abs=1e-4)


def test_validation_finds_a_point_outside_the_curve():
    net = feeder([(0.0, -0.1, 0.1), (4.0, -0.1, 0.1)])
    plan = adnflex.dispatch(net)
    moved = plan.setpoints.copy()
    moved["sgen", "q_mvar", 0] += 0.01
    check = adnflex.validate(dataclasses.replace(plan, setpoints=moved), net)
    assert not check.passed
    assert "q above its capability curve" in set(check.violations["kind"])


def test_a_box_of_flexibility_stays_inside_the_curve():
    net = feeder([(0.0, 0.0, 0.0), (4.0, -0.4, 0.4)])
    flex = adnflex.flexibility(net, hours_per_period=1.0)
    assert adnflex.validate(flex, net, trajectories=8).passed
    region = adnflex.pq_region(net, directions=8)
    assert adnflex.validate(region, net).passed
    # 0.8 Mvar of the sun and what the line draws; its own columns would give 6 Mvar
    assert 0.8 < np.ptp(region.outer_polygon(0)[:, 1]) < 1.3


@pytest.mark.parametrize(
    ("net", "words"),
    [
        (feeder([(0, -1, 1), (2, -1, 0.2), (4, -1, 1)]), ["sgen 0", "capability curve 0", "inwards at 2 MW", "0.2"]),
        (feeder([(0, -1, 1), (2, 0.1, 1), (4, -1, 1)]), ["inwards at 2 MW", "q_min_mvar"]),
        (feeder([(0, -1, 1), (3, -1, 0.5)]), ["inwards at 3 MW", "q_max_mvar"]),
        (feeder([(0, -1, 1), (4, -1, 2)], "constantYValue"), ["constantYValue", "staircase"]),
        (feeder([(0, -1, 1), (4, -1, 1)], "spline"), ["curve_style", "'spline'"]),
        (feeder([(0, 2, 1), (4, -1, 1)]), ["q_min_mvar 2 above q_max_mvar 1"]),
        (feeder([(2, -1, 1), (0, -1, 1)]), ["rising order"]),
        (feeder([(0, -1, np.nan), (4, -1, 1)]), ["no number"]),
        (feeder([]), ["capability curve 0", "is not in net.q_capability_curve_table"]),
        (feeder([(0, -1, 1), (4, -1, 1)], id_q_capability_characteristic=7), ["capability curve 7", "is not in"]),
        (feeder([(0, -1, 1), (4, -1, 1)], id_q_capability_characteristic=np.nan), ["without id_q_capability"]),
        (feeder([(0, -1, 1), (4, -1, 1)], id_q_capability_characteristic=pd.NA), ["without id_q_capability"]),
        (feeder([(0, -1, 1), (4, -1, 1)], scaling=0.5), ["scaling 0.5"]),
        (feeder([(0, 2, 3), (4, 2, 3)], box=1.0), ["outside its capability curve", "2 to 3 Mvar"]),
    ],
)  # fmt: skip
def test_curves_that_are_not_modelled_are_refused_by_name(net, words):
    with pytest.raises(InputError) as caught:
        adnflex.dispatch(net)
    assert any(all(w in finding for w in ["sgen 0", *words]) for finding in caught.value.findings), caught.value


def test_a_curve_that_is_not_switched_on_is_noted():
    plan = adnflex.dispatch(feeder([(0, -0.1, 0.1), (4, -0.1, 0.1)], reactive_capability_curve=False))
    assert any("capability curve 0" in note and "ignored" in note for note in plan.notes)


def test_curves_of_sources_and_storages_are_refused():
    net = feeder([(0, -0.1, 0.1), (4, -0.1, 0.1)])
    pp.create_storage(net, 1, 0.0, 1.0, soc_percent=50.0, min_p_mw=-1.0, max_p_mw=1.0, controllable=True)
    net.storage["efficiency_percent"], net.storage["reactive_capability_curve"] = 95.0, True
    net.ext_grid = net.ext_grid.iloc[:0]
    pp.create_gen(net, 0, 0.0, slack=True, reactive_capability_curve=True)
    with pytest.raises(InputError) as caught:
        adnflex.dispatch(net)
    assert {f.split(":")[0] for f in caught.value.findings if "reactive_capability_curve" in f} == {
        "gen 0",
        "storage 0",
    }
