"""One topology, or one a window, for many periods: against enumeration of all radial states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from pandapower import pandapowerNet

import adnflex
from adnflex.algorithms.spanning_trees import spanning_trees
from adnflex.errors import Infeasible
from adnflex.grid import read_grid
from adnflex.grid.flow import RadialFlow
from adnflex.grid.topology import Adjacency, closed_of, must_close
from adnflex.knobs import Effort, Limits, Switching
from adnflex.problems.clock import Deadline
from adnflex.problems.multi_period.evaluation import Evaluator
from adnflex.problems.multi_period.listed_states import all_states
from adnflex.problems.multi_period.points import Points, grouped
from adnflex.problems.multi_period.reading import read_periods
from adnflex.problems.multi_period.search import WindowSearch
from adnflex.problems.multi_period.solve import solve_periods
from tests.brute_force import enumerate_configurations
from tests.day33 import BUDGETS, HOURLY, PRICES, TRUTH, day33
from tests.nets import random_net

# The shapes of the day are rounded, which is a part in a million of its losses [kWh].
NEAR = 2e-3

Open = frozenset[int]
Profiles = dict[tuple[str, str], pd.DataFrame]


def study_of_day(low: float, windows: Any = None, **knobs: Any) -> tuple[Points, Switching]:
    from adnflex.knobs import Horizon

    net, profiles = day33()
    switching = Switching(windows=windows, **knobs)
    horizon = Horizon(profiles, hours_per_period=1.0)
    return read_periods(net, horizon, Limits((low, 1.1)), switching).points, switching


def search_of_day(low: float, windows: Any = None, **knobs: Any) -> WindowSearch:
    points, switching = study_of_day(low, windows, **knobs)
    required = must_close(points.grid)
    present = frozenset(np.flatnonzero(~points.grid.closed).tolist())
    tree = Evaluator(points, required).tree(present)
    assert tree is not None
    search = WindowSearch(points, grouped(points, tree, len(points)), required, switching)
    search.explore()
    return search


@pytest.mark.parametrize("low", [0.9, 0.95])
def test_the_best_topology_of_a_day_is_found(low: float) -> None:
    search = search_of_day(low)
    present, peak, one, opened = TRUTH[low]
    best = search.best()
    assert best is not None
    assert best.objective * 1e3 == pytest.approx(one, abs=NEAR)
    lines = [search.points.grid.branches[k].members[0].index for k in best.states[0]]
    assert sorted(lines) == opened
    search.find_peak(lambda: False)
    before, at_peak = (search.exact(s) for s in (search.present, search.peak))
    assert before is not None
    assert at_peak is not None
    assert before.loss_mw.sum() * 1e3 == pytest.approx(present, abs=NEAR)
    assert at_peak.loss_mw.sum() * 1e3 == pytest.approx(peak, abs=NEAR)


def test_sequences_over_a_day_are_those_of_enumeration() -> None:
    search = search_of_day(0.9, windows=1.0, start="free")
    every = search.best()
    assert every is not None
    assert every.objective * 1e3 == pytest.approx(HOURLY, abs=NEAR)
    for most, kwh in BUDGETS.items():
        found = search.best(most)
        assert found is not None
        assert found.operations <= most
        assert found.losses * 1e3 == pytest.approx(kwh, abs=NEAR), most
    for price, kwh in PRICES.items():
        search.switching = Switching(windows=1.0, start="free", switching_cost=price / 1e3)
        found = search.best()
        assert found is not None
        assert found.objective * 1e3 == pytest.approx(kwh, abs=NEAR), price


def test_the_day_is_proven() -> None:
    points, switching = study_of_day(0.94)
    answer = solve_periods(points, switching, Effort(gap=1e-3, workers=1), Deadline(300.0))
    assert answer.status == "optimal"
    assert answer.best is not None
    assert answer.best.objective * 1e3 == pytest.approx(TRUTH[0.94][2], abs=NEAR)
    assert answer.best.objective * (1 - 1.001e-3) <= answer.bound <= answer.best.objective


# -- small nets against enumeration ----------------------------------------------------------------------------


def random_hours(net: pandapowerNet, rng: np.random.Generator, count: int) -> Profiles:
    """Hours that differ wildly: each load by itself, sun in some of them, storages both ways."""
    found: Profiles = {}
    for table, column in (("load", "p_mw"), ("load", "q_mvar"), ("sgen", "p_mw"), ("storage", "p_mw")):
        rows = net[table]
        if not len(rows) or not rows[column].abs().sum():
            continue
        low, high = (-1.0, 1.0) if table == "storage" else (0.1, 1.05)
        share = rng.uniform(low, high, (count, len(rows)))
        if table == "sgen":
            share *= rng.integers(0, 2, (count, 1))
        found[table, column] = pd.DataFrame(share * rows[column].to_numpy(), columns=rows.index)
    return found


def enumerated(net: pandapowerNet, profiles: Profiles, count: int) -> tuple[NDArray[Any], list[Open], NDArray[Any]]:
    """Losses of every radial state in every hour, inf where it breaks a limit; its open lines and operations."""
    from copy import deepcopy

    columns, table = [], pd.DataFrame()
    for hour in range(count):
        now = deepcopy(net)
        for (name, column), frame in profiles.items():
            now[name][column] = frame.loc[hour].to_numpy()
        table = enumerate_configurations(now, check=False)
        columns.append(np.where(table["feasible"], table["losses_mw"], np.inf))
    return np.stack(columns, axis=1), list(table["open_lines"]), table["switched_branches"].to_numpy(dtype=int)


def cheapest(losses: NDArray[Any], opened: list[Open], first: NDArray[Any], price: float, most: int) -> float:
    """Least cost of a sequence with so many operations at most, by looking at every one of them hour by hour."""
    count = len(opened)
    apart = [[len(a ^ b) for b in opened] for a in opened]
    value = {(s, int(first[s])): losses[s, 0] + price * first[s] for s in range(count) if first[s] <= most}
    for hour in range(1, losses.shape[1]):
        after: dict[tuple[int, int], float] = {}
        for (before, used), cost in value.items():
            for s in range(count):
                now = used + apart[before][s]
                total = cost + price * apart[before][s] + losses[s, hour]
                if now <= most and total < after.get((s, now), np.inf):
                    after[s, now] = total
        value = after
    return min(value.values(), default=np.inf)


KINDS: list[dict[str, Any]] = [
    {"generation": True, "limits": "tight"},
    {"two_sources": True, "charging": True},
    {"storage": True, "transformers": True},
    {"charging": True, "generation": True, "limits": "tight"},
    {"zip_loads": True, "parallel_switches": True},
]


@pytest.mark.parametrize("seed", range(len(KINDS)))
def test_small_nets_agree_with_enumeration(seed: int) -> None:
    compared(500 + seed, KINDS[seed], one=True, sequence=True)


def compared(seed: int, kind: dict[str, Any], *, one: bool, sequence: bool, hours: tuple[int, int] = (3, 5)) -> None:
    """Compare one topology, and a sequence with a price or a budget, with all states and all sequences."""
    rng = np.random.default_rng(seed)
    net = random_net(rng, n_bus=(4, 7), n_loops=(1, 2), present="radial", **kind)
    count = int(rng.integers(*hours))
    profiles, weights = random_hours(net, rng, count), rng.integers(1, 5, count).astype(float)
    losses, opened, away = enumerated(net, profiles, count)
    weighted = losses * weights
    asked = {"profiles": profiles, "hours_per_period": 1.0, "period_weights": weights, "workers": 1, "gap": 1e-6}
    truth = float(weighted.sum(axis=1).min())
    if one:
        agree(net, truth, asked)
    if sequence:
        price = 0.01 * truth if np.isfinite(truth) else 0.0
        known = cheapest(weighted, opened, away, price, 4)
        agree(net, known, {**asked, "windows": 1.0, "switching_cost": price, "max_operations": 4})


def agree(net: pandapowerNet, truth: float, asked: dict[str, Any]) -> None:
    """The plan is the best one, its bound bounds it, and power flow agrees."""
    near = 1e-6 * min(truth, 1.0) + 1e-9
    if not np.isfinite(truth):
        with pytest.raises(Infeasible):
            adnflex.reconfigure(net, **asked)
        return
    plan = adnflex.reconfigure(net, **asked)
    assert isinstance(plan, adnflex.MultiPeriodPlan)
    assert plan.objective == pytest.approx(truth, abs=near)
    assert plan.bound <= truth + near
    check = adnflex.validate(plan, net)
    assert check.passed
    assert check.objective == pytest.approx(truth, abs=near)


def test_every_radial_state_of_a_group_loses_more_than_its_mean() -> None:
    """Jensen: what the means lose bounds what the hours lose, for hours that differ wildly."""
    rng = np.random.default_rng(7)
    net = random_net(rng, n_bus=(6, 6), n_loops=(2, 2), generation=True, present="radial", limits="none")
    grid = read_grid(net, need_limits=False)
    change = rng.uniform(-1.0, 1.5, (12, grid.n))
    points = Points(
        grid,
        grid.p * change,
        grid.q * change,
        np.broadcast_to(grid.y, (12, grid.n)).copy(),
        np.ones(12),
        np.zeros(12, dtype=np.int64),
    )
    required = must_close(grid)
    hours = Evaluator(points, required)
    merged = np.where(np.isnan(grid.root_v), np.arange(grid.n), int(grid.roots[0]))
    edges = list(zip(merged[grid.f].tolist(), merged[grid.t].tolist(), strict=True))
    states = [frozenset(out) for out in spanning_trees(grid.n, edges, np.flatnonzero(~grid.switchable).tolist())]
    assert states
    tree = hours.tree(states[0])
    assert tree is not None
    means = Evaluator(grouped(points, tree, 3).means, required)
    for state in states:
        exact, mean = hours(state), means(state)
        assert exact is not None
        assert mean is not None
        assert means.points.weight @ mean.loss_mw <= points.weight @ exact.loss_mw + 1e-9


def test_lossless_flows_differ_little_more_than_what_the_mean_misses() -> None:
    """The bracket of the page on many periods, in every radial state and hour: night, surplus, peak and charging."""
    rng = np.random.default_rng(1)
    net = random_net(rng, n_bus=(6, 6), n_loops=(2, 2), generation=True, charging=True, present="radial", limits="none")
    grid = read_grid(net, need_limits=False)
    change = np.vstack([rng.uniform(-1.0, 1.5, (12, grid.n)), np.ones(grid.n)])
    change[-1] = change[:-1].mean(axis=0)
    p, q = grid.p * change, grid.q * change
    drawn = (p - p[-1] + 1j * (q - q[-1]))[:-1]
    states = all_states(grid, must_close(grid), 200)
    assert states is not None
    for opened in states.tolist():
        forest = Adjacency(grid).forest(closed_of(grid, frozenset(opened)))
        assert forest is not None
        tree, node = RadialFlow(grid, forest), np.flatnonzero(forest.parent >= 0)
        found = tree.solve_many(p, q, np.tile(grid.y, (len(p), 1)))
        branch, away = forest.branch[node], forest.away[node]
        z, near = (grid.r + 1j * grid.x)[branch], found.v[:, forest.parent[node]]
        flow = found.p[:, branch] + 1j * found.q[:, branch]
        flow = np.where(away, flow, z * found.l[:, branch] - flow)
        a = flow[-1] / near[-1]
        missed = np.sqrt((z.real * np.abs(flow - a * near)[:-1] ** 2).sum(axis=1))
        lossless = np.sqrt((z.real * np.abs(tree.carried(drawn.T)[node].T) ** 2).sum(axis=1))
        ratio, reach = (np.abs(z) / z.real).max(), float(tree.along(tree.z.real[:, None]).max())
        mean = ratio * np.sqrt(reach * (z.real * np.abs(a) ** 2).sum())
        shunts = 2 * ratio * reach * np.abs(tree.charging + grid.y).sum()
        squares = ratio * np.sqrt(reach) * missed / found.v.min()
        assert (lossless <= (1 + 4 * mean + shunts + squares) * missed + 1e-12).all()
        assert (lossless <= np.sqrt(reach) * np.abs(drawn).sum(axis=1) + 1e-12).all()
