"""LinDistFlow against the closed form on a tree, and below DistFlow in losses."""

from __future__ import annotations

import numpy as np
import pandapower.networks as pn
import pyomo.environ as pyo
import pytest

from adnflex.formulations.bounds import compute_bounds
from adnflex.formulations.branch_flow import declare_voltages
from adnflex.formulations.distflow import DISTFLOW
from adnflex.formulations.lindistflow import LINDISTFLOW
from adnflex.grid import read_grid
from adnflex.grid.flow import flow_of
from adnflex.knobs import Switching
from adnflex.solvers.gate import solve_model


@pytest.fixture(scope="module")
def grid():
    net = pn.case33bw()
    net.line = net.line[net.line["in_service"]]
    return read_grid(net, switching=Switching(switchable_lines=[]))


def _solved(grid, formulation):
    model = pyo.ConcreteModel()
    bounds = compute_bounds(grid)
    declare_voltages(model, grid, bounds)
    formulation.declare(model, grid, bounds, [])
    model.objective = pyo.Objective(expr=model.loss)
    solve_model(model)
    return model


def _subtree_loads(grid, tree):
    below = (grid.p + 1j * grid.q).astype(complex)
    for node in tree.order[::-1]:
        if tree.parent[node] >= 0:
            below[tree.parent[node]] += below[node]
    return below


def test_voltages_are_those_of_the_closed_form(grid):
    model = _solved(grid, LINDISTFLOW)
    tree = flow_of(grid, grid.closed).forest
    below = _subtree_loads(grid, tree)
    v = np.ones(grid.n)
    for node in tree.order:
        k = tree.branch[node]
        if k >= 0:
            v[node] = v[tree.parent[node]] - 2 * (grid.r[k] * below[node].real + grid.x[k] * below[node].imag)
    found = np.array([pyo.value(model.v[j]) for j in range(1, grid.n)])
    np.testing.assert_allclose(found, v[1:], atol=1e-7)


def test_losses_stay_below_and_voltages_above_distflow(grid):
    linear, full = _solved(grid, LINDISTFLOW), _solved(grid, DISTFLOW)
    assert pyo.value(linear.loss) < pyo.value(full.loss)
    for j in range(1, grid.n):
        assert pyo.value(linear.v[j]) > pyo.value(full.v[j])
    assert pyo.value(full.loss) * grid.base_mva == pytest.approx(0.202677, abs=1e-6)
