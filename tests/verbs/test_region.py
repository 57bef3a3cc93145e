"""The P-Q region against dispatches sampled in pandapower, its errors, its file."""

from __future__ import annotations

import itertools
from copy import deepcopy
from functools import cache

import numpy as np
import pandapower as pp
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adnflex.algorithms.polygons import area
from adnflex.errors import Infeasible, InputError, TimeExpired
from adnflex.knobs import Limits
from adnflex.results.region import Region
from adnflex.verbs.region import pq_region
from adnflex.verbs.validate_region import validate_region
from tests.dispatch_nets import require_unchanged
from tests.region_nets import cigre, feeder, power_flow, random_injections, sampled
from tests.travelling import Travelling


@cache
def cigre_region() -> Region:
    return pq_region(cigre(), directions=12)


@cache
def small_region() -> Region:
    return pq_region(small_net(), directions=4)


def small_net() -> pp.pandapowerNet:
    return feeder(tap=False, bank=False)


@cache
def discrete_region() -> Region:
    return pq_region(discrete_net(), directions=4)


def discrete_net() -> pp.pandapowerNet:
    """Two taps by two steps, which are all run below."""
    net = feeder()
    net.trafo["tap_min"], net.trafo["tap_max"] = -1, 0
    net.shunt["max_step"] = 1
    return net


# --- CIGRE MV with its generation -----------------------------------------------------------------


def test_every_feasible_dispatch_lies_in_the_outer_region():
    net = cigre()
    places = sampled(net, random_injections(net, 600, np.random.default_rng(3)))
    assert len(places) > 300
    assert cigre_region().in_outer(0, *places.T).all()


def test_inner_region_fills_most_of_the_outer_one():
    region = cigre_region()
    row = region.areas.loc[0]
    assert row["inner"] <= row["outer"]
    assert row["ratio"] > 0.96
    assert row["outer"] == pytest.approx(area(region.outer_polygon(0)))
    assert row["inner"] == pytest.approx(area(region.inner_polygons(0)[0]))


def test_random_inner_points_are_reached_in_power_flow():
    # the fan is not used: set-points are searched anew, by a small nonlinear programme on pandapower itself
    net, region = cigre(), cigre_region()
    polygon = region.inner_polygons(0)[0]
    rng = np.random.default_rng(0)
    for k in rng.integers(len(polygon), size=3).tolist():
        target = 0.02 * polygon.mean(axis=0) + 0.98 * (0.5 * polygon[k] + 0.5 * polygon[k - 1])
        assert reached(net, region, target)


def reached(net: pp.pandapowerNet, region: Region, target: np.ndarray) -> bool:
    """Whether a mixture of stored set-points imports just this within all limits."""
    corners = region.points[region.points["role"].isin(["corner", "middle"])]
    values = region.setpoints.loc[corners.index].to_numpy()
    places = corners[["p_mw", "q_mvar"]].to_numpy()
    near = np.argsort(np.hypot(*(places - target).T))[:2].tolist()
    near.append(int(np.flatnonzero(corners["role"] == "middle")[0]))
    work, aim = deepcopy(net), target.copy()
    for _ in range(12):
        weights = np.linalg.solve(np.vstack([places[near].T, np.ones(3)]), [*aim, 1.0])
        assert weights.min() > -1e-9
        for (table, column, i), value in zip(region.setpoints.columns, weights @ values[near], strict=True):
            work[table].loc[i, column] = value
        result = power_flow(work, slack=1e-6)
        assert result is not None
        aim = aim + target - result[:2]
        if np.abs(target - result[:2]).max() < 1e-7:
            return result[2]
    return False


def test_validation_runs_every_point_again():
    region = cigre_region()
    check = validate_region(region, cigre())
    assert check.passed, check.verdict
    assert check.points["off_mva"].max() < 1e-6
    assert set(check.points["role"]) == {"corner", "middle", "edge", "interior"}


def test_validation_finds_what_was_tampered_with():
    region = small_region()
    setpoints = region.setpoints.copy()
    setpoints.iloc[0, setpoints.columns.get_loc(("sgen", "q_mvar", 0))] += 9.0
    check = validate_region(replaced(region, setpoints=setpoints), small_net())
    assert not check.passed
    assert {"rating"} <= set(check.violations["kind"])
    inner = region.inner.copy()
    inner["p_mw"] = inner["p_mw"] * 1.01
    assert "no verified point" in validate_region(replaced(region, inner=inner), small_net()).verdict
    planes = region.halfplanes.copy()
    planes["support_mva"] -= 0.05
    assert "outside the outer" in validate_region(replaced(region, halfplanes=planes), small_net()).verdict


def replaced(region: Region, **changes: pd.DataFrame) -> Region:
    from dataclasses import replace

    return replace(region, **changes)


def test_points_carry_their_nearest_limit():
    region = cigre_region()
    points = region.points
    assert points["limit_kind"].isin(["voltage low", "voltage high", "loading"]).all()
    assert (points["vm_max_pu"] <= 1.05 + 1e-6).all()
    assert (points["loading_percent"] <= 100.001).all()


def test_a_point_can_be_applied():
    net, region = small_net(), small_region()
    before = deepcopy(net)
    new = region.apply(net, 0, 3)
    p, q, good = power_flow(new, slack=1e-6)
    assert good
    assert [p, q] == pytest.approx(region.points.loc[(0, 3), ["p_mw", "q_mvar"]].tolist(), abs=1e-6)
    require_unchanged(before, net)
    with pytest.raises(InputError, match="point 9999"):
        region.apply(net, 0, 9999)


def test_file(tmp_path):
    region = small_region()
    region.save(tmp_path / "region.json")
    again = Region.load(tmp_path / "region.json")
    for name in ("areas", "halfplanes", "outer", "inner", "points", "setpoints", "positions", "inputs"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(region, name), obj=name)
    assert again.summary() == region.summary()
    assert (again.options, again.asked_limits, again.fingerprint) == (region.options, Limits(), region.fingerprint)
    (tmp_path / "other.json").write_text("{}")
    with pytest.raises(InputError, match="adnflex-region-1"):
        Region.load(tmp_path / "other.json")


def test_the_net_is_only_read():
    net = storage_net()
    before = deepcopy(net)
    pq_region(net, directions=4, hours_per_period=1.0)
    require_unchanged(before, net)


# --- taps and banks -------------------------------------------------------------------------------


def test_all_positions_by_enumeration():
    net, region = discrete_net(), discrete_region()
    assert region.areas.at[0, "combinations"] == region.areas.at[0, "solved"] == 4
    settings_ = [
        {("trafo", "tap_pos", 0): tap, ("shunt", "step", 0): step} for tap, step in itertools.product((-1, 0), (0, 1))
    ]
    places = sampled(net, random_injections(net, 41, np.random.default_rng(5)), settings_)
    assert len(places) > 60
    assert region.in_outer(0, *places.T).all()
    assert region.in_inner(0, *places.T).mean() > 0.8
    for k in range(0, len(region.points), 19):
        p, q, good = power_flow(region.apply(net, 0, k), slack=1e-6)
        assert good
        assert [p, q] == pytest.approx(region.points.loc[(0, k), ["p_mw", "q_mvar"]].tolist(), abs=1e-6)


def test_polygons_belong_to_their_positions():
    region = discrete_region()
    assert set(region.positions.columns) == {("trafo", 0), ("shunt", 0)}
    assert len(region.positions.drop_duplicates()) == len(region.positions)
    for (t, k), row in region.points.iterrows():
        at = region.positions.loc[(t, row["combination"])]
        written = region.setpoints.loc[(t, k)]
        assert written["trafo", "tap_pos", 0] == at["trafo", 0]
        assert written["shunt", "step", 0] == at["shunt", 0]


def test_union_is_no_larger_than_its_parts():
    region = discrete_region()
    areas = [area(p) for p in region.inner_polygons(0).values()]
    assert max(areas) <= region.areas.at[0, "inner"] <= min(sum(areas), region.areas.at[0, "outer"])


def test_many_positions_are_bounded_by_integers(monkeypatch):
    import adnflex.problems.region.solve as module

    monkeypatch.setattr(module.Fineness, "__init__", with_less(module.Fineness))
    region = pq_region(discrete_net(), directions=4)
    assert region.areas.at[0, "solved"] < region.areas.at[0, "combinations"]
    assert any("mixed-integer" in note for note in region.notes)
    places = sampled(
        discrete_net(),
        random_injections(discrete_net(), 60, np.random.default_rng(5)),
        [{("trafo", "tap_pos", 0): tap} for tap in (-1, 0)],
    )
    assert region.in_outer(0, *places.T).all()
    # the enumerated half-planes are at least as tight
    wide, tight = region.halfplanes["support_mva"].iloc[:4], discrete_region().halfplanes["support_mva"].iloc[:4]
    assert (wide.to_numpy() >= tight.to_numpy() - 1e-4).all()


def with_less(effort):
    original = effort.__init__

    def made(self, *args, **options):
        original(self, *args, **{**options, "enumerate_up_to": 1, "cells": 2})

    return made


# --- storages, flexible load, vehicles, periods ---------------------------------------------------


def storage_net() -> pp.pandapowerNet:
    """Only a storage and a flexible load move, so the ends of the import are known by hand."""
    net = feeder(tap=False, bank=False, storage=True)
    net.sgen["controllable"] = False
    return net


def test_a_storage_offers_what_its_energy_allows_for_one_period():
    net = storage_net()
    region = pq_region(net, directions=4, hours_per_period=1.0)
    # 0.8 MWh in it and 0.4 needed: 0.36 MW for an hour after losses; room for 1 MW of charging
    ends = []
    for storage, load in ((1.0, 2.0), (-0.36, 0.5)):
        work = deepcopy(net)
        work.storage["p_mw"] = storage
        work.load.loc[0, ["p_mw", "q_mvar"]] = load, load * 0.6 / 2.0
        p, _, good = power_flow(work)
        assert good
        ends.append(p)
    normal = region.halfplanes.loc[0].set_index(["normal_p", "normal_q"]).round(9)
    reached = {round(n): v for (n, _), v in normal["reached_mva"].items() if abs(n) > 0.99}
    assert reached[1] == pytest.approx(ends[0], abs=2e-4)
    assert -reached[-1] == pytest.approx(ends[1], abs=2e-4)
    assert validate_region(region, net).passed
    short = pq_region(net, directions=4, hours_per_period=0.25)
    assert short.halfplanes["reached_mva"].to_numpy()[2] > region.halfplanes["reached_mva"].to_numpy()[2] + 0.5


def test_length_of_a_period_is_needed_by_storages_only():
    with pytest.raises(InputError, match="hours_per_period"):
        pq_region(storage_net())


def test_vehicles_charge_as_they_are():
    net = storage_net()
    net.storage["controllable"] = False
    plain = pq_region(net, directions=4)
    net.load["type"] = ["wye", "ev", "wye", "wye"]
    net.load["controllable"] = [True, True, False, False]
    net.load["transferable_share"], net.load["transfer_block"], net.load["transfer_window"] = 0.5, "0-1", "0-4"
    region = pq_region(net, directions=4)
    pd.testing.assert_frame_equal(region.halfplanes, plain.halfplanes, rtol=1e-9)


def profiled() -> tuple[pp.pandapowerNet, dict[tuple[str, str], pd.DataFrame]]:
    net = feeder(tap=False, bank=False)
    wind = pd.DataFrame({0: [5.0, 1.0, 0.0]})
    return net, {("sgen", "p_mw"): wind, ("load", "p_mw"): pd.DataFrame({0: [2.0, 1.0, 3.0]})}


def test_periods_are_regions_of_their_own():
    net, profiles = profiled()
    told = []
    with Travelling() as executor:
        region = pq_region(
            net, periods=[0, 2], profiles=profiles, directions=4, executor=executor, progress=told.append
        )
    assert region.periods == [0, 2]
    # side by side they end in any order
    assert {row.event: row.bound for row in told} == {f"period {t}: done": region.areas.at[t, "outer"] for t in (0, 2)}
    assert -region.outer_polygon(0)[:, 0].min() > -region.outer_polygon(2)[:, 0].min() + 4
    check = validate_region(region, net)
    assert check.passed, check.verdict


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"periods": [10]}, "outside the profiles, which have rows 0 to 2"),
        ({"periods": [0, 0]}, "name a row twice"),
        ({"periods": "noon"}, "periods is 'noon'"),
        ({"periods": 1.5}, "periods is 1.5"),
        ({"directions": 2}, "directions is 2"),
        ({"time_limit": 0.0}, "time_limit is 0.0"),
        ({"pcc": ("trafo", 7)}, "pcc: net.trafo has no index 7"),
        ({"pcc": ("load", 0)}, "pcc is \\('load', 0\\); give \\('ext_grid', 0\\)"),
    ],
)
def test_bad_arguments(arguments, words):
    net, profiles = profiled()
    with pytest.raises(InputError, match=words):
        pq_region(net, profiles=profiles, **arguments)


def test_an_empty_region_names_the_limit_and_by_how_much():
    net = feeder(tap=False, bank=False)
    net.load["p_mw"] *= 2.5
    net.sgen["p_mw"] = net.sgen["max_p_mw"] = 0.1
    with pytest.raises(Infeasible, match=r"period 0: the region is empty.*(loading|voltage).*missed by") as error:
        pq_region(net, directions=4)
    assert error.value.proven
    assert error.value.violations["excess"].gt(0).all()


def test_a_region_without_area_keeps_its_points():
    net = feeder(tap=False, bank=False)
    net.sgen["controllable"] = False
    region = pq_region(net, directions=4)
    assert region.areas.at[0, "inner"] == 0
    assert not region.inner_polygons(0)
    assert len(region.points) > 0
    assert validate_region(region, net).passed


def test_no_time_leaves_the_present_state_and_a_valid_outer_side():
    net = discrete_net()
    region = pq_region(net, directions=4, time_limit=1e-9)
    assert region.areas.at[0, "status"] == "time_limit"
    assert len(region.points) == 1
    assert validate_region(region, net).passed
    assert region.in_outer(0, *sampled(net, random_injections(net, 20, np.random.default_rng(2))).T).all()
    # none is known where the present state breaks a limit: no word about what there is
    net.load["p_mw"] *= 2.5
    with pytest.raises(TimeExpired, match="not proven"):
        pq_region(net, directions=4, time_limit=1e-9)


def test_two_sources_need_a_name():
    net = feeder(tap=False, bank=False)
    other = pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1)
    far = pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1)
    pp.create_ext_grid(net, other)
    pp.create_line(net, other, far, 1.0, "NAYY 4x50 SE", max_loading_percent=100.0)
    with pytest.raises(InputError, match="2 sources"):
        pq_region(net)
    region = pq_region(net, pcc=("ext_grid", 1), directions=4)
    assert region.pcc == "ext_grid 1"
    assert abs(region.outer_polygon(0)).max() < 0.1


# --- random feeders -------------------------------------------------------------------------------


@settings(max_examples=2, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(seed=st.integers(0, 2**16))
def test_random_feeders(seed):
    rng = np.random.default_rng(seed)
    net = feeder(tap=False, bank=False)
    net.load["p_mw"] *= rng.uniform(0.3, 1.3, len(net.load))
    net.line["length_km"] *= rng.uniform(0.3, 2.0, len(net.line))
    net.sgen["max_p_mw"] = net.sgen["p_mw"] = net.sgen["p_mw"] * rng.uniform(0.2, 1.0, 2)
    net.bus["max_vm_pu"] = rng.uniform(1.03, 1.07)
    places = sampled(net, random_injections(net, 120, rng))
    if not len(places):
        return
    region = pq_region(net, directions=4)
    assert region.in_outer(0, *places.T).all()
    check = validate_region(region, net)
    assert check.passed, check.verdict
