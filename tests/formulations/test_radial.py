"""LinDistFlow as affine maps of a tree: by hand, and against differences of exact power flows."""

from __future__ import annotations

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pytest

from adnflex.formulations.radial import TreeMap
from adnflex.grid import read_grid
from adnflex.grid.flow import RadialFlow, flow_of
from adnflex.knobs import Switching
from tests.nets import random_net


def moved(grid, nodes, p, q):
    """The grid with more withdrawn at some nodes."""
    new_p, new_q = grid.p.copy(), grid.q.copy()
    np.add.at(new_p, nodes, p)
    np.add.at(new_q, nodes, q)
    return grid.replace(p=new_p, q=new_q)


def random_grid(seed: int):
    """Transformers with taps, lines that point to the source, charging, shunts."""
    rng = np.random.default_rng(seed)
    net = random_net(
        rng,
        n_bus=(5, 9),
        n_loops=(0, 1),
        transformers=True,
        charging=True,
        shunts=True,
        odd_indices=True,
        present="radial",
    )
    return read_grid(net, switching=Switching(switchable_lines=[])), rng


def test_by_hand() -> None:
    # 0 -> 1 -> 2 and 3 -> 1 (against the flow)
    net = pp.create_empty_network(sn_mva=1.0)
    for _ in range(4):
        pp.create_bus(net, 10.0, min_vm_pu=0.9, max_vm_pu=1.1)
    pp.create_ext_grid(net, 0, vm_pu=1.01)
    for a, b, r, x in ((0, 1, 1.0, 2.0), (1, 2, 3.0, 4.0), (3, 1, 5.0, 6.0)):
        pp.create_line_from_parameters(net, a, b, 1.0, r, x, 0.0, 0.1, max_loading_percent=100.0)
    for bus, p, q in ((1, 0.3, 0.1), (2, 0.2, 0.1), (3, -0.4, 0.05)):
        pp.create_load(net, bus, p, q)
    grid = read_grid(net, switching=Switching(switchable_lines=[]))
    s = grid.base_mva
    tree = TreeMap(RadialFlow(grid), np.array([2, 3]), 0)
    assert tree.flow.tolist() == [[1, 1], [1, 0], [0, -1]]
    assert tree.imports.tolist() == [1, 1]
    # ohms over 100 ohm of 1 MVA, common paths
    shared_r = np.array([[0, 0], [0.01, 0.01], [0.04, 0.01], [0.01, 0.06]])
    shared_x = np.array([[0, 0], [0.02, 0.02], [0.06, 0.02], [0.02, 0.08]])
    np.testing.assert_allclose(tree.v_p / s, -2 * shared_r, atol=1e-12)
    np.testing.assert_allclose(tree.v_q / s, -2 * shared_x, atol=1e-12)
    now = tree.lossless(grid.p + 1j * grid.q, grid.y)
    np.testing.assert_allclose(now.p * s, [0.1, 0.2, 0.4], atol=1e-12)
    np.testing.assert_allclose(now.q * s, [0.25, 0.1, -0.05], atol=1e-12)
    first = 1.01**2 - 2 * (0.01 * 0.1 + 0.02 * 0.25)
    third = first + 2 * (0.05 * -0.4 + 0.06 * 0.05) * -1
    expected = [1.01**2, first, first - 2 * (0.03 * 0.2 + 0.04 * 0.1), third]
    np.testing.assert_allclose(now.v, expected, atol=1e-12)
    assert (now.import_p * s, now.import_q * s) == pytest.approx((0.1, 0.25))
    np.testing.assert_allclose(now.radius * s, 0.1 * np.sqrt(3) * 10.0)


@pytest.mark.parametrize("seed", range(8))
def test_lossless_slopes_are_limits_of_power_flow_without_load(seed: int) -> None:
    # where hardly anything flows LinDistFlow is the derivative of the exact equations
    grid, _ = random_grid(seed)
    empty = grid.replace(
        p=np.zeros(grid.n), q=np.zeros(grid.n), y=np.zeros(grid.n, complex), y_from=np.zeros(grid.m, complex),
        y_to=np.zeros(grid.m, complex), open_from=np.zeros(grid.m, complex), open_to=np.zeros(grid.m, complex),
    )  # fmt: skip
    nodes = np.flatnonzero(np.isnan(grid.root_v))
    tree = TreeMap(RadialFlow(empty), nodes, int(grid.roots[0]))
    flow = flow_of(empty, grid.closed)
    h = 1e-5
    for column, node in enumerate(nodes):
        for reactive, slopes in ((False, tree.v_p), (True, tree.v_q)):
            step = (0.0, h) if reactive else (h, 0.0)
            up = flow_of(moved(empty, [node], *step), grid.closed)
            down = flow_of(moved(empty, [node], -step[0], -step[1]), grid.closed)
            np.testing.assert_allclose((up.v - down.v) / (2 * h), slopes[:, column], atol=1e-5)
            part = "q" if reactive else "p"
            change = (getattr(up, part) - getattr(down, part)) / (2 * h)
            np.testing.assert_allclose(change, tree.flow[:, column], atol=1e-5)
    np.testing.assert_allclose(tree.lossless(empty.p + 1j * empty.q, empty.y).v, flow.v, atol=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_around_a_state_it_is_that_state(seed: int) -> None:
    grid, rng = random_grid(seed)
    free = np.flatnonzero(np.isnan(grid.root_v))
    nodes = np.sort(rng.choice(free, min(3, len(free)), replace=False))
    p, q = rng.uniform(-0.02, 0.02, (2, len(nodes)))
    root = int(grid.roots[0])
    tree = TreeMap(RadialFlow(grid), nodes, root)
    loaded = moved(grid, nodes, p, q)
    flow = flow_of(loaded, grid.closed)
    (now,) = tree.around(RadialFlow(loaded).solve_many(loaded.p[None], loaded.q[None]), (p + 1j * q)[None])
    np.testing.assert_allclose(now.v + tree.v_p @ p + tree.v_q @ q, flow.v, atol=1e-12)
    np.testing.assert_allclose(now.p + tree.flow @ p, flow.p, atol=1e-12)
    np.testing.assert_allclose(now.q + tree.flow @ q, flow.q, atol=1e-12)
    supplied = flow.supplied[root]
    assert now.import_p + tree.imports @ p == pytest.approx(supplied.real, abs=1e-12)
    assert now.import_q + tree.imports @ q == pytest.approx(supplied.imag, abs=1e-12)
    # a limit is reached where the state reaches it: apparent power over its radius is the loading
    loads = np.zeros(grid.m)
    np.maximum.at(loads, loaded.ratings.branch, flow.loadings(loaded))
    heavy = np.isfinite(now.radius) & (loads > 0.06)
    np.testing.assert_allclose(np.hypot(flow.p, flow.q)[heavy] / now.radius[heavy], loads[heavy], rtol=1e-9)


def test_the_error_of_the_slopes_is_of_second_order() -> None:
    net = pn.case33bw()
    net.line = net.line[net.line["in_service"]]
    grid = read_grid(net, switching=Switching(switchable_lines=[]))
    nodes = np.array([grid.node_of[17], grid.node_of[32]])
    tree = TreeMap(RadialFlow(grid), nodes, int(grid.roots[0]))
    errors = []
    for size in (0.02, 0.04):
        moved_by = np.full(2, size)
        flow = flow_of(moved(grid, nodes, moved_by, 0 * moved_by), grid.closed)
        base = tree.lossless(grid.p + 1j * grid.q, grid.y)
        exact = flow_of(grid, grid.closed)
        change = base.v + tree.v_p @ moved_by - base.v
        errors.append(float(np.abs(flow.v - exact.v - change).max()))
    # the slopes of a loaded feeder differ by its losses, so the error grows in proportion, and stays small
    assert errors[0] < 0.15 * float(np.abs(tree.v_p @ np.full(2, 0.02)).max())
    assert errors[1] < 2.5 * errors[0]


def test_two_sources_share_the_nodes() -> None:
    net = pp.create_empty_network(sn_mva=1.0)
    for _ in range(4):
        pp.create_bus(net, 10.0, min_vm_pu=0.9, max_vm_pu=1.1)
    pp.create_ext_grid(net, 0, vm_pu=1.0)
    pp.create_ext_grid(net, 3, vm_pu=1.02)
    for a, b in ((0, 1), (2, 3)):
        pp.create_line_from_parameters(net, a, b, 1.0, 1.0, 1.0, 0.0, 0.1, max_loading_percent=100.0)
    for bus, p in ((0, 0.05), (1, 0.1), (2, 0.2), (3, 0.4)):
        pp.create_load(net, bus, p, 0.0)
    grid = read_grid(net, switching=Switching(switchable_lines=[]))
    node = grid.node_of
    tree = TreeMap(RadialFlow(grid), np.array([node[1], node[2]]), node[3])
    assert tree.imports.tolist() == [0, 1]
    now = tree.lossless(grid.p + 1j * grid.q, grid.y)
    # what stands at the source's own bus counts as import
    assert now.import_p * grid.base_mva == pytest.approx(0.6)
    assert now.v[node[2]] == pytest.approx(1.02**2 - 2 * 0.01 * 0.2)
