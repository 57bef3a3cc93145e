"""Many power flows at once, against the sweep and pandapower."""

from __future__ import annotations

import copy

import numpy as np
import pandapower.networks as pn
import pytest

from adnflex import networks
from adnflex.errors import InputError
from adnflex.grid import read_grid
from adnflex.grid.sweep import RadialFlow
from adnflex.grid.sweep_many import ManyFlows
from adnflex.powerflow.run import run_ac


def test_each_is_the_single_sweep():
    grid = read_grid(networks.load("ieee33_dispatch"), switchable_lines=())
    factor = np.random.default_rng(0).uniform(-0.5, 1.5, (7, grid.n))
    vm, loss = ManyFlows(grid).solve(grid.p * factor, grid.q * factor)
    for k, f in enumerate(factor):
        one = RadialFlow(grid.replace(p=grid.p * f, q=grid.q * f)).solve(np.ones(grid.m, dtype=bool))
        assert vm[k] ** 2 == pytest.approx(one.v, abs=1e-9)
        assert loss[k] == pytest.approx(one.loss, abs=1e-9)


def test_transformers_shunts_and_charging_as_in_pandapower():
    net = pn.create_cigre_network_mv()
    net.switch.loc[
        net.switch["closed"] & net.switch["type"].eq("LBS") & net.switch["element"].isin([6, 13]), "closed"
    ] = False
    grid = read_grid(net, switchable_lines=(), need_limits=False)
    if not grid.closed.all():
        pytest.skip("the net has open branches")
    ran = copy.deepcopy(net)
    assert run_ac(ran)
    vm, _ = ManyFlows(grid).solve(grid.p[None], grid.q[None])
    for bus, node in grid.node_of.items():
        assert vm[0, node] == pytest.approx(ran.res_bus.at[bus, "vm_pu"], abs=1e-7)


def test_no_solution_is_nan():
    grid = read_grid(pn.case33bw(), switchable_lines=())
    vm, loss = ManyFlows(grid).solve(np.stack([grid.p, 20 * grid.p]), np.stack([grid.q, 20 * grid.q]))
    assert np.isfinite(vm[0]).all()
    assert np.isnan(vm[1]).all()
    assert np.isnan(loss[1])


def test_sensitivities_are_differences():
    grid = read_grid(pn.case33bw(), switchable_lines=())
    flows = ManyFlows(grid)
    r, x, carry = flows.sensitivities()
    small = 1e-5
    for node in (5, 17, 32):
        p, q = np.zeros((2, grid.n)), np.zeros((2, grid.n))
        p[0, node], q[1, node] = small, small
        vm, _ = flows.solve(p, q, tolerance=1e-13)
        assert (1 - vm[0] ** 2) / small == pytest.approx(r[:, node], abs=1e-3)
        assert (1 - vm[1] ** 2) / small == pytest.approx(x[:, node], abs=1e-3)
    assert carry @ grid.p == pytest.approx([grid.p[list(_below(grid, k))].sum() for k in range(grid.m)], abs=1e-12)


def _below(grid, k):
    found, more = set(), [int(grid.t[k])]
    while more:
        node = more.pop()
        found.add(node)
        more += [int(grid.t[j]) for j in np.flatnonzero(grid.f == node)]
    return found


def test_a_loop_is_an_error():
    net = pn.case33bw()
    net.line["in_service"] = True
    with pytest.raises(InputError, match="not radial"):
        ManyFlows(read_grid(net, switchable_lines=()))
