"""Reactive power over scenarios, against a fine grid over the injections and against pandapower."""

from __future__ import annotations

import itertools

import numpy as np
import pandapower as pp
import pytest

from adnflex.devices import CapacitorBank, Place
from adnflex.devices.moves import MoveRules
from adnflex.grid import read_grid
from adnflex.grid.flow import RadialFlow
from adnflex.knobs import Switching
from adnflex.problems.dispatch.reactive import build_reactive
from adnflex.problems.dispatch.reactive_model import Sites, Weights, _pieces, deviation


def feeder(limits=(0.95, 1.05)):
    """Four buses in a row, a long feeder with much reactive load."""
    net = pp.create_empty_network()
    buses = [pp.create_bus(net, 12.66, min_vm_pu=limits[0], max_vm_pu=limits[1]) for _ in range(4)]
    pp.create_ext_grid(net, buses[0])
    for a, b in itertools.pairwise(buses):
        pp.create_line_from_parameters(net, a, b, 1.0, 1.5, 1.2, 0.0, 1.0)
    for bus, p, q in zip(buses[1:], (0.6, 0.5, 0.9), (0.5, 0.3, 0.7), strict=True):
        pp.create_load(net, bus, p, q)
    return net


@pytest.fixture
def grid():
    return read_grid(feeder(), switching=Switching(switchable_lines=()))


def sites(nodes=(2, 3)):
    k = len(nodes)
    return Sites(np.arange(k), np.array(nodes), np.full(k, -0.2), np.full(k, 1.0))


def scenarios(grid, count=3, sd=0.2, seed=0):
    factor = 1.0 + sd * np.random.default_rng(seed).standard_normal((count, 1, grid.n))
    return grid.p * factor, grid.q * factor


def built(grid, where, count=3, **options):
    return build_reactive(
        grid, where, probabilities=np.full(count, 1 / count), p=(0 * grid.p, grid.p), q=(0 * grid.q, grid.q), **options
    )


def exact(grid, where, weights, p, q, injected, flows=None):
    """Objective by power flow, written down once more."""
    q = q[:, 0] - np.bincount(where.node, injected, grid.n) / grid.base_mva
    states = (flows or RadialFlow(grid)).solve_many(p[:, 0], q)
    return weights.loss * states.loss.mean() * grid.base_mva + deviation(states.v, grid, weights).mean()


def by_grid(grid, where, weights, p, q, step):
    axis = np.arange(where.low[0], where.high[0] + 1e-9, step)
    flows = RadialFlow(grid)
    points = list(itertools.product(axis, repeat=len(where)))
    values = [exact(grid, where, weights, p, q, np.array(point), flows) for point in points]
    best = int(np.argmin(values))
    return values[best], np.array(points[best])


@pytest.mark.parametrize(
    "weights", [Weights(), Weights(deviation=0.0), Weights(deviation=1.0, limit=0.0), Weights(loss=0.1, limit=50.0)]
)
def test_against_a_fine_grid(grid, weights):
    p, q = scenarios(grid)
    where = sites()
    answer = built(grid, where, weights=weights).solve(p, q, where.low, where.high)
    value, point = by_grid(grid, where, weights, p, q, 0.02)
    mine = exact(grid, where, weights, p, q, answer.q_mvar)
    assert answer.objective == pytest.approx(mine, rel=1e-5)
    assert mine <= value + 1e-7
    # no finer than the grid can tell
    assert mine >= value - 0.02 * value
    assert np.abs(answer.q_mvar - point).max() < 0.15
    assert answer.invented_kw < 0.01


def test_voltages_are_those_of_pandapower(grid):
    where = sites()
    answer = built(grid, where, count=1).solve(grid.p[None, None], grid.q[None, None], where.low, where.high)
    net = feeder()
    for node, q in zip(where.node, answer.q_mvar, strict=True):
        pp.create_sgen(net, int(node), 0.0, float(q))
    pp.runpp(net)
    assert np.sqrt(answer.v[0, 0]) == pytest.approx(net.res_bus.vm_pu.to_numpy(), abs=1e-6)
    assert answer.loss_mw == pytest.approx(net.res_line.pl_mw.sum(), rel=1e-4)


def test_hours_after_each_other_are_as_if_built_anew(grid):
    where = sites()
    problem = built(grid, where)
    for seed in range(4):
        p, q = scenarios(grid, seed=seed)
        low, high = where.low + 0.05 * seed, where.high - 0.1 * seed
        again = problem.solve(p, q, low, high)
        anew = built(grid, where).solve(p, q, low, high)
        assert again.q_mvar == pytest.approx(anew.q_mvar, abs=1e-3)
        assert again.objective == pytest.approx(anew.objective, rel=1e-6)
        assert (again.q_mvar >= low - 1e-6).all()
        assert (again.q_mvar <= high + 1e-6).all()


def test_limits_out_of_reach_are_soft():
    grid = read_grid(feeder((0.999, 1.001)), switching=Switching(switchable_lines=()))
    where = sites()
    answer = built(grid, where, count=1).solve(grid.p[None, None], grid.q[None, None], where.low, where.high)
    assert answer.v.min() < 0.999**2
    assert answer.q_mvar.max() == pytest.approx(1.0, abs=1e-4)


def test_a_cost_of_moves(grid):
    where = sites()
    p, q = scenarios(grid)
    before = np.array([0.1, 0.2])
    free = built(grid, where).solve(p, q, where.low, where.high).q_mvar
    stays = built(grid, where, weights=Weights(move=10.0)).solve(p, q, where.low, where.high, before).q_mvar
    some = built(grid, where, weights=Weights(move=0.02)).solve(p, q, where.low, where.high, before).q_mvar
    assert stays == pytest.approx(before, abs=1e-4)
    assert np.abs(some - before).sum() < np.abs(free - before).sum()


def test_later_hours_change_nothing_without_a_link(grid):
    where = sites()
    p, q = scenarios(grid)
    later = np.concatenate([p, 0.01 * p], axis=1), np.concatenate([q, 0.01 * q], axis=1)
    one = built(grid, where).solve(p, q, where.low, where.high).q_mvar
    two = built(grid, where, periods=2).solve(*later, where.low, where.high).q_mvar
    assert two == pytest.approx(one, abs=2e-3)
    weights, before = Weights(move=0.08), np.zeros(2)
    alone = built(grid, where, weights=weights).solve(p, q, where.low, where.high, before).q_mvar
    linked = built(grid, where, periods=2, weights=weights).solve(*later, where.low, where.high, before).q_mvar
    # what is raised now has to be lowered again
    assert linked.sum() < alone.sum() - 0.01


def test_steps_of_a_bank(grid):
    where = sites((2,))
    place = Place("capacitor bank", "shunt", 0, "", 3, 3)
    bank = CapacitorBank(place, np.arange(4.0), 0.0, -0.25, False, 1.5**2, 0, MoveRules(np.nan, 0.0), 0.0)
    p, q = scenarios(grid, count=2, sd=0.1)
    problem = build_reactive(
        grid,
        where,
        probabilities=np.full(2, 0.5),
        p=(0.5 * grid.p, 1.5 * grid.p),
        q=(0.5 * grid.q, 1.5 * grid.q),
        devices=[bank],
    )
    answer = problem.solve(p, q, where.low, where.high)
    values = []
    for steps in bank.steps:
        y = grid.y.copy()
        y[3] += 1j * 0.25 * steps / grid.base_mva
        values.append(by_grid(grid.replace(y=y), where, Weights(), p, q, 0.02)[0])
    step = int(bank.decisions(problem.model.device[0], problem.frame)["position:0"])
    assert step == int(np.argmin(values))
    assert answer.objective == pytest.approx(min(values), rel=2e-2)


@pytest.mark.parametrize("limits", [(0.9, 1.1), (0.0, np.inf), (1.01, 1.1), (0.8, 0.95)])
def test_pieces_are_the_function(limits):
    weights = Weights(deviation=0.05, limit=10.0)
    for v in np.linspace(0.5, 1.6, 200):
        outside = max(0.0, limits[0] - v, v - limits[1])
        assert max(a * v + b for a, b in _pieces(*limits, weights)) == pytest.approx(
            0.05 * abs(v - 1) + 10.0 * outside, abs=1e-9
        )


def test_ratings_are_soft():
    net = feeder((0.5, 1.5))
    net.line["max_i_ka"], net.line["max_loading_percent"] = 0.09, 100.0
    grid = read_grid(net, switching=Switching(switchable_lines=()))
    where = sites()
    answer = built(grid, where, count=1, weights=Weights(loss=0.0, deviation=0.0)).solve(
        grid.p[None, None], grid.q[None, None], where.low, where.high
    )
    # 2 MW at 12.66 kV are more than 90 mA whatever the reactive power; the best is none through the first line
    assert answer.q_mvar.sum() == pytest.approx(1.5, abs=0.15)
