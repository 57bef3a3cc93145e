"""Where buses are drawn."""

from __future__ import annotations

import copy
import json
import random

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pandas as pd
import pytest

from adnflex.grid.drawn_forest import grow
from adnflex.grid.layout import drawing_tables
from adnflex.grid.tidy_tree import place


def random_tree(count: int, seed: int = 0) -> list[tuple[int, int]]:
    draw = random.Random(seed)
    return [(max(0, child - draw.randint(1, 12)), child) for child in range(1, count)]


def places(coordinates) -> np.ndarray:
    return coordinates[["x", "y"]].to_numpy()


@pytest.mark.parametrize("make", [pn.case33bw, pn.mv_oberrhein, pn.create_cigre_network_mv])
def test_no_two_buses_coincide_and_layout_is_deterministic(make):
    net = make()
    for origin in ("geo", "tree"):
        _, coordinates = drawing_tables(net)
        assert len(np.unique(places(coordinates).round(6), axis=0)) == len(net.bus)
        assert np.isfinite(places(coordinates)).all()
        assert coordinates.equals(drawing_tables(net)[1])
        assert set(coordinates["origin"]) == {origin}
        net.bus["geo"] = None


def test_degrees_become_kilometres_where_lines_agree_with_them():
    net = pn.mv_oberrhein()
    topology, coordinates = drawing_tables(net)
    lines = topology[topology["element"] == "line"]
    ends = [places(coordinates.loc[lines[c]]) for c in ("from_bus", "to_bus")]
    distance = np.hypot(*(ends[0] - ends[1]).T)
    assert np.median(lines["length_km"] / distance) == pytest.approx(1.0, abs=0.4)


def test_schematic_map_is_left_as_it_is():
    net = pn.create_cigre_network_mv()
    _, coordinates = drawing_tables(net)
    x, y = json.loads(net.bus.geo[3])["coordinates"]
    assert tuple(coordinates.loc[3, ["x", "y"]]) == (x, y)


def test_few_missing_places_are_filled_from_the_neighbours():
    net = pn.mv_oberrhein()
    gone = [b for b in net.bus.index if ((net.line.from_bus == b) | (net.line.to_bus == b)).sum() == 2][:3]
    net.bus.loc[gone, "geo"] = None
    _, coordinates = drawing_tables(net)
    assert (coordinates.loc[gone, "origin"] == "interpolated").all()
    inside = places(coordinates)
    assert np.isfinite(inside).all()
    assert len(np.unique(inside.round(6), axis=0)) == len(net.bus)


def test_map_with_most_buses_missing_becomes_a_tree():
    net = pn.mv_oberrhein()
    net.bus.loc[net.bus.index[::2], "geo"] = None
    assert set(drawing_tables(net)[1]["origin"]) == {"tree"}


def test_unreadable_places_count_as_missing():
    net = pn.case33bw()
    bad = dict(enumerate(["not json", '{"type": "Point"}', '{"coordinates": [1]}', 7, "[1, 2]"], start=4))
    net.bus["geo"] = pd.Series(net.bus["geo"].to_dict() | bad, dtype=object)
    assert (drawing_tables(net)[1].loc[list(bad), "origin"] == "interpolated").all()


def busbars(closed: bool, switchable: bool):
    """Two busbars with a coupler, a feeder on each, and an out-of-service bus."""
    net = pp.create_empty_network()
    buses = pp.create_buses(net, 5, 20.0)
    pp.create_ext_grid(net, buses[0])
    pp.create_switch(net, buses[0], buses[1], et="b", closed=closed, name="coupler")
    for a, b in ((0, 2), (1, 3)):
        pp.create_line_from_parameters(net, buses[a], buses[b], 1.0, 0.1, 0.1, 0, 1)
    net.bus.loc[buses[4], "in_service"] = False
    switches = None
    if switchable:
        switches = pd.DataFrame(
            [("switch", 0, closed, closed)], columns=["element", "index", "closed_before", "closed_after"]
        )
    return drawing_tables(net, switches)


def test_fused_buses_share_a_place_and_switchable_ones_do_not():
    _, fused = busbars(closed=True, switchable=False)
    assert tuple(fused.loc[0, ["x", "y"]]) == tuple(fused.loc[1, ["x", "y"]])
    topology, apart = busbars(closed=True, switchable=True)
    assert tuple(apart.loc[0, ["x", "y"]]) != tuple(apart.loc[1, ["x", "y"]])
    assert topology.set_index("element").loc["switch", "name"] == "coupler"
    assert 4 not in apart.index


def test_part_without_supply_gets_a_place_of_its_own():
    _, coordinates = busbars(closed=False, switchable=False)
    assert len(np.unique(places(coordinates), axis=0)) == 4


def test_states_come_from_the_net_and_from_the_plan(oberrhein):
    plan, _ = oberrhein
    table = plan.topology.set_index(["element", "index"])
    for row in plan.switches.itertuples():
        drawn = table.loc[(row.element, plan.switches.loc[row.Index, "index"])]
        assert bool(drawn.closed_before) == row.closed_before
        assert bool(drawn.closed_after) == row.closed_after
        assert bool(drawn.switchable)
    assert not table.loc["trafo", "switchable"].any()


def test_net_load_counts_generation_negative_and_scaling():
    net = pn.case4gs()
    before = drawing_tables(net)[1]["p_mw"]
    pp.create_sgen(net, 2, p_mw=3.0, scaling=0.5)
    after = drawing_tables(net)[1]["p_mw"]
    assert after[2] == pytest.approx(before[2] - 1.5)


def test_net_is_not_changed():
    net = pn.case33bw()
    before = copy.deepcopy(net)
    drawing_tables(net)
    assert pp.toolbox.nets_equal(net, before)


def test_tree_edges_never_cross():
    """Horizontal strokes of different edges never overlap, and no bus lies on a foreign vertical stroke."""
    forest = grow(400, random_tree(400), roots=[0])
    x, y = place(forest)
    assert len(set(zip(x, y, strict=True))) == 400
    horizontal = {(x[p], y[c]) for c, p in enumerate(forest.parent) if p >= 0}
    assert len(horizontal) == 399
    at = {(a, b): node for node, (a, b) in enumerate(zip(x, y, strict=True))}
    for child, above in enumerate(forest.parent):
        if above < 0:
            continue
        low, high = sorted((y[above], y[child]))
        for row in np.arange(low, high + 1):
            node = at.get((x[above], row))
            assert node is None or node == above


@pytest.mark.parametrize("edges", [[(i, i + 1) for i in range(9_999)], random_tree(10_000)])
def test_ten_thousand_buses_need_no_recursion(edges):
    x, y = place(grow(10_000, edges, roots=[0]))
    assert len(set(zip(x, y, strict=True))) == 10_000
