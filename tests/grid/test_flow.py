"""The one exact radial flow: against a dense oracle, single against many, sums against the matrix, slopes, refusals.

That it is pandapower's power flow is shown in `tests.grid.test_exactness`, on the same random nets.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import pandapower.networks as pn
import pytest

import adnflex.grid.flow as flow_module
from adnflex.errors import InputError
from adnflex.grid import cumulated, read_grid
from adnflex.grid.flow import RadialFlow, flow_of, flows_of
from adnflex.grid.summary import Summariser, summary_of
from adnflex.grid.sweep import RadialSweep
from adnflex.grid.topology import Adjacency
from adnflex.knobs import Limits, Switching
from tests.strategies import other_states, random_spec

WIDE = (0.5, 1.5)
SEEDS = range(25)


@cache
def solvable(seed):
    """A random net with everything the readers know, in a radial state that has a solution."""
    grid = read_grid(random_spec(seed).net(), limits=Limits(WIDE))
    states = other_states(grid, np.random.default_rng(seed), 5)
    return next((grid, s) for s in states if flow_of(grid, s) is not None)


def random_grid(seed):
    return *solvable(seed), np.random.default_rng(seed)


def oracle(grid, closed, p, q, y, root_v):
    """Voltages, currents and losses by dense equations of the closed branches, without a word about trees.

    Unknown are all voltages and all branch currents: Kirchhoff's laws, with loads as currents at the last voltages.
    """
    on = np.flatnonzero(closed)
    n, m, roots = grid.n, len(on), np.flatnonzero(~np.isnan(root_v))
    f, t, z, ratio = grid.f[on], grid.t[on], (grid.r + 1j * grid.x)[on], grid.ratio[on]
    shunts = grid.replace(y=y).shunts(closed)
    a = np.zeros((n + m, n + m), dtype=complex)
    # what comes in by branches covers the shunt; roots take what they need
    a[np.arange(n), np.arange(n)] = shunts
    np.add.at(a, (f, n + np.arange(m)), 1 / ratio)
    np.add.at(a, (t, n + np.arange(m)), -1)
    a[n + np.arange(m), f], a[n + np.arange(m), t], a[n + np.arange(m), n + np.arange(m)] = 1 / ratio, -1, -z
    a[roots], a[roots, roots] = 0, 1
    v = np.ones(n, dtype=complex)
    for _ in range(300):
        b = np.concatenate([-np.conj((p + 1j * q) / v), np.zeros(m)])
        b[roots] = np.sqrt(root_v[roots])
        x = np.linalg.solve(a, b)
        change, v = np.abs(x[:n] - v).max(), x[:n]
        if change < 1e-14:
            break
    current = np.zeros(grid.m, dtype=complex)
    current[on] = x[n:]
    supplied = p + 1j * q + np.conj(shunts) * np.abs(v) ** 2
    np.add.at(supplied, f, v[f] / ratio * np.conj(x[n:]))
    np.subtract.at(supplied, t, v[t] * np.conj(x[n:]))
    return np.abs(v) ** 2, current, supplied, float((supplied - p - 1j * q).real.sum() - np.abs(v) ** 2 @ y.real)


def batch(grid, rng, count=5):
    """Withdrawals, shunts and root voltages of some states."""
    factor = rng.uniform(0.2, 1.1, (count, grid.n))
    y = grid.y * rng.uniform(0.5, 1.5, (count, 1))
    return grid.p * factor, grid.q * factor, y, grid.root_v * rng.uniform(0.97, 1.03, (count, 1))


@pytest.mark.parametrize("seed", SEEDS)
def test_every_state_is_that_of_the_dense_equations(seed):
    grid, closed, rng = random_grid(seed)
    given = batch(grid, rng)
    states = RadialFlow(grid, Adjacency(grid).forest(closed)).solve_many(*given)
    for k, parts in enumerate(zip(*given, strict=True)):
        v, current, supplied, loss = oracle(grid, closed, *parts)
        # angles of several roots are their own, so currents are compared by size
        np.testing.assert_allclose(states.v[k], v, atol=1e-9)
        np.testing.assert_allclose(states.l[k], np.abs(current) ** 2, atol=1e-9)
        power = np.sqrt(v[grid.f]) / grid.ratio * np.abs(current)
        np.testing.assert_allclose(np.hypot(states.p[k], states.q[k]), power, atol=1e-9)
        np.testing.assert_allclose(states.supplied[k], supplied, atol=1e-9)
        assert states.loss[k] == pytest.approx(loss, abs=1e-9)


@pytest.mark.parametrize("seed", SEEDS)
def test_single_many_sums_and_matrix_are_one(seed, monkeypatch):
    grid, closed, rng = random_grid(seed)
    p, q, y, root_v = batch(grid, rng)
    tree = Adjacency(grid).forest(closed)
    many = RadialFlow(grid, tree).solve_many(p, q, y, root_v)
    grids = [grid.replace(p=p[k], q=q[k], y=y[k], root_v=root_v[k]) for k in range(len(p))]
    found = [("alone", [flow_of(one, closed) for one in grids]), ("grouped", flows_of(grids, [closed] * len(grids)))]
    # never the matrix, two states at a time
    monkeypatch.setattr(cumulated, "_SMALL", 0)
    monkeypatch.setattr(flow_module, "_MANY", 2)
    sums = RadialFlow(grid, tree).solve_many(p, q, y, root_v)
    found.append(("sums", [sums.one(k) for k in range(len(p))]))
    for way, states in found:
        for k, one in enumerate(states):
            for name in ("v", "p", "q", "l", "loss", "current", "supplied"):
                np.testing.assert_allclose(getattr(one, name), getattr(many, name)[k], atol=1e-9, err_msg=way)
            np.testing.assert_allclose(one.loadings(grid), many.loadings(grid)[k], atol=1e-9, rtol=1e-9, err_msg=way)


@pytest.mark.parametrize("seed", SEEDS)
def test_slopes_are_differences_where_hardly_anything_flows(seed):
    grid, closed, _ = random_grid(seed)
    nothing = {name: np.zeros(grid.n) for name in ("p", "q")} | {"y": np.zeros(grid.n, complex)}
    ends = {name: np.zeros(grid.m, complex) for name in ("y_from", "y_to", "open_from", "open_to")}
    empty = grid.replace(**nothing, **ends)
    flow = RadialFlow(empty, Adjacency(grid).forest(closed))
    step, nodes = 1e-5, np.flatnonzero(np.isnan(grid.root_v))
    change = step * np.eye(grid.n)[nodes]
    slopes, zero = flow.slopes(nodes), np.zeros_like(change)
    for reactive, fall in ((False, slopes.v_p), (True, slopes.v_q)):
        up, down = (flow.solve_many(*((zero, s) if reactive else (s, zero))) for s in (change, -change))
        scale = max(1.0, float(np.abs(fall).max(initial=0.0)) ** 2)
        np.testing.assert_allclose((up.v - down.v).T / (2 * step), fall, atol=1e-6 * scale)
        part = "q" if reactive else "p"
        through = (getattr(up, part) - getattr(down, part)).T / (2 * step)
        np.testing.assert_allclose(through, slopes.flow, atol=1e-6 * scale)
    # columns of all nodes at once are the same, and what shares no path is 0, not nearly
    every = flow.slopes()
    np.testing.assert_array_equal(every.v_p[:, nodes], slopes.v_p)
    apart = flow.forest.root[:, None] != flow.forest.root[nodes]
    assert not slopes.v_p[apart].any()
    assert not slopes.v_q[apart].any()
    drawn = np.random.default_rng(seed).uniform(-1, 1, grid.n) * 1e-3
    v, through = flow.lossless(drawn * (1 + 0.5j))
    np.testing.assert_allclose(v, flow.no_load_v + every.v_p @ drawn + every.v_q @ (0.5 * drawn), atol=1e-12)
    np.testing.assert_allclose(through, every.flow @ drawn * (1 + 0.5j), atol=1e-12)


def long_grid(n, rng):
    """case33bw's first branch many times over: a random tree of some thousand nodes, deep and wide."""
    seed = read_grid(pn.case33bw(), switching=Switching(switchable_lines=()))
    parent = np.array([int(rng.integers(max(0, k - 30), k)) for k in range(1, n)])
    flip = rng.random(n - 1) < 0.3
    child = np.arange(1, n)
    zero, none = np.zeros(n), np.zeros(n - 1, complex)
    ratio = np.where(rng.random(n - 1) < 0.02, rng.uniform(0.98, 1.02, n - 1), 1.0)
    return seed.replace(
        buses=tuple((k,) for k in range(n)), node_of={k: k for k in range(n)}, base_kv=np.ones(n), v_min=zero,
        v_max=zero + np.inf, p=rng.uniform(0, 2e-4, n), q=rng.uniform(0, 1e-4, n), has_injection=zero == 0,
        y=zero + 0j, z_share_p=zero, z_share_q=zero, root_v=np.where(np.arange(n), np.nan, 1.05**2),
        f=np.where(flip, child, parent), t=np.where(flip, parent, child), r=rng.uniform(0, 2e-3, n - 1),
        x=rng.uniform(0, 1e-3, n - 1), ratio=ratio, y_from=none + 1e-6j, y_to=none + 1e-6j, open_from=none,
        open_to=none, switchable=flip & False, closed=flip | True, branches=(),
    )  # fmt: skip


def test_thousands_of_nodes_as_by_sparse_equations():
    rng = np.random.default_rng(0)
    grid = long_grid(3000, rng)
    flow = RadialFlow(grid)
    factor = rng.uniform(0.5, 1.2, (3, 1))
    states = flow.solve_many(grid.p * factor, grid.q * factor)
    for k, f in enumerate(factor[:, 0]):
        # the equations of a branch hold from end to end, and power is lost nowhere else
        v, s, l = states.v[k], states.p[k] + 1j * states.q[k], states.l[k]  # noqa: E741
        z, seen = grid.r + 1j * grid.x, v[grid.f] / grid.ratio**2
        np.testing.assert_allclose(v[grid.t], seen - 2 * (np.conj(z) * s).real + np.abs(z) ** 2 * l, atol=1e-11)
        np.testing.assert_allclose(np.abs(s) ** 2, l * seen, atol=1e-12)
        balance = f * (grid.p + 1j * grid.q) + np.conj(grid.shunts(grid.closed)) * v - states.supplied[k]
        np.add.at(balance, grid.f, s)
        np.subtract.at(balance, grid.t, s - z * l)
        np.testing.assert_allclose(balance, 0, atol=1e-10)
    leaf = np.flatnonzero(flow.forest.below == 0)[-1]
    # nothing drawn, nothing flows: not nearly nothing
    here = np.arange(grid.n) == leaf
    idle = grid.replace(p=np.where(here, 0, grid.p), q=np.where(here, 0, grid.q))
    state = RadialFlow(idle.replace(y_from=grid.open_from, y_to=grid.open_to)).solve()
    assert state.l[flow.forest.branch[leaf]] == 0


def test_states_without_solution_leave_the_others_alone():
    grid = read_grid(pn.case33bw(), switching=Switching(switchable_lines=()))
    flow = RadialFlow(grid)
    size = np.array([1.0, 20.0, 0.0, 100.0, 1.1])[:, None]
    states = flow.solve_many(grid.p * size, grid.q * size)
    assert np.isfinite(states.loss).tolist() == [True, False, True, False, True]
    assert np.isnan(states.v[1, 1:]).all()
    assert states.one(3) is None
    np.testing.assert_allclose(states.v[4], flow.solve(1.1 * grid.p, 1.1 * grid.q).v, atol=1e-12)
    assert flow.solve(100 * grid.p, 100 * grid.q) is None
    nothing = flow.solve_many(grid.p[None][:0], grid.q[None][:0])
    assert nothing.v.shape == (0, grid.n)


@pytest.mark.parametrize("seed", SEEDS)
def test_many_states_in_blocks_are_those_of_few(seed, monkeypatch):
    """Rows and columns, whole blocks and a rest; some states near no solution, some beyond."""
    grid, closed, rng = random_grid(seed)
    p, q, y, root_v = batch(grid, rng, 40)
    hard = rng.choice(40, 6, replace=False)
    p[hard], q[hard] = (a[hard] * np.geomspace(2, 1e4, 6)[:, None] for a in (p, q))
    flow = RadialFlow(grid, Adjacency(grid).forest(closed))
    few = [flow.solve_many(*(a[k : k + 1] for a in (p, q, y, root_v))) for k in range(40)]
    assert sum(np.isfinite(one.loss[0]) for one in few) >= 34
    for width in (16, 40):
        monkeypatch.setattr(RadialSweep, "width", staticmethod(lambda n, width=width: width))
        many = flow.solve_many(p, q, y, root_v)
        for name in ("v", "p", "q", "l", "loss", "current", "supplied"):
            found, truth = getattr(many, name), np.concatenate([getattr(one, name) for one in few])
            np.testing.assert_allclose(found, truth, atol=1e-9, rtol=1e-8, err_msg=name)


@pytest.mark.parametrize("seed", SEEDS)
def test_hours_summed_up_are_the_extremes_of_their_states(seed, monkeypatch):
    """Losses, voltages, loadings (charging, parallels, open ends, taps), the worst limit, of some hours at a time."""
    grid, closed, rng = random_grid(seed)
    given = batch(grid, rng, 21)
    given[0][5] *= 1e6
    monkeypatch.setattr(RadialSweep, "width", staticmethod(lambda n: 16))
    tree = Adjacency(grid).forest(closed)
    found, states = Summariser(RadialFlow(grid, tree)).of(*given), RadialFlow(grid, tree).solve_many(*given)
    solved = np.isfinite(states.loss)
    assert not solved[5]
    np.testing.assert_allclose(found.loss, states.loss, atol=1e-9, rtol=1e-9)
    watched = np.array([bool(b) for b in grid.buses]) & np.isnan(grid.root_v)
    vm, loading = np.sqrt(states.v[:, watched]), states.loadings(grid).max(axis=1, initial=0.0)
    np.testing.assert_allclose(found.v_lowest[solved], vm[solved].min(axis=1), atol=1e-9)
    np.testing.assert_allclose(found.v_highest[solved], vm[solved].max(axis=1), atol=1e-9)
    np.testing.assert_allclose(found.loading[solved], loading[solved], atol=1e-8, rtol=1e-8)
    low, high = np.sqrt(grid.v_min[watched]), np.sqrt(grid.v_max[watched])
    beyond = np.maximum((low - vm).max(axis=1), (vm - high).max(axis=1))
    if len(grid.ratings.limit):
        beyond = np.maximum(beyond, loading - 1)
    np.testing.assert_allclose(found.beyond[solved], beyond[solved], atol=1e-8, rtol=1e-8)
    assert np.isnan([found.loss[5], found.v_lowest[5], found.v_highest[5], found.loading[5], found.beyond[5]]).all()


def test_a_year_summed_up_needs_a_topology():
    grid = read_grid(pn.case33bw())
    assert summary_of(grid, np.ones(grid.m, dtype=bool), grid.p[None], grid.q[None]) is None
    found = summary_of(grid, grid.closed, grid.p[None], grid.q[None])
    assert found.loss[0] * grid.base_mva == pytest.approx(0.202677, abs=1e-6)


def test_what_is_done_is_kept_where_steps_run_out(monkeypatch):
    grid = read_grid(pn.case33bw(), switching=Switching(switchable_lines=()))
    size = np.repeat([1.0, 3.4], [30, 2])[:, None]
    monkeypatch.setattr("adnflex.grid.sweep.STEPS", 14)
    states = RadialFlow(grid).solve_many(grid.p * size, grid.q * size)
    assert np.isfinite(states.loss).tolist() == [True] * 30 + [False] * 2


def test_many_topologies_and_ratios_are_told_apart():
    grid = read_grid(pn.case33bw())
    rng = np.random.default_rng(2)
    states = other_states(grid, rng, 4)
    ratio = grid.ratio * np.where(np.arange(grid.m) == 3, 1.02, 1.0)
    grids = [grid.replace(ratio=ratio) if k % 2 else grid for k in range(8)]
    closed = [states[k // 2] for k in range(8)]
    meshed = np.ones(grid.m, dtype=bool)
    found = flows_of([*grids, grid], [*closed, meshed])
    assert found[-1] is None
    for one, state, g in zip(found, closed, grids, strict=False):
        np.testing.assert_allclose(one.v, flow_of(g, state).v, atol=1e-12)
        np.testing.assert_array_equal(one.closed, state)


def test_a_loop_is_an_error():
    net = pn.case33bw()
    net.line["in_service"] = True
    with pytest.raises(InputError, match="not radial"):
        RadialFlow(read_grid(net, switching=Switching(switchable_lines=())))
