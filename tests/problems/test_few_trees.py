"""Few radial states of a node are run one and all: every state of its modes is among them, and none is lost."""

from __future__ import annotations

import math

import numpy as np
import pandapower.networks as pn
import pytest

from adnflex.algorithms.branch_and_bound import branch_and_bound
from adnflex.algorithms.branch_exchange import ExchangeSearch
from adnflex.grid import read_grid
from adnflex.grid.topology import must_close
from adnflex.problems.reconfiguration.directed import build_directed
from adnflex.problems.reconfiguration.directed_search import DirectedSearch
from adnflex.problems.reconfiguration.exchange import ExchangeProblem
from adnflex.problems.reconfiguration.few_trees import FewTrees
from adnflex.problems.reconfiguration.mode_trees import ModeTrees
from adnflex.problems.reconfiguration.objective import Objective
from adnflex.problems.reconfiguration.probing import Probing
from adnflex.problems.reconfiguration.radial_search import Incumbent
from adnflex.problems.reconfiguration.tree_values import TreeValues
from tests.problems.test_bounds import random_grid, random_spec, states
from tests.problems.test_directed import SOAK, searchable


def open_sets(rows):
    return [frozenset(row) for row in rows.tolist()]


def test_the_states_that_modes_leave_are_listed_once_and_all_of_them():
    listed = 0
    for seed in range(7000, 7000 + int(10 * SOAK)):
        rng = np.random.default_rng(seed)
        grid = random_grid(random_spec(rng), rng)
        problem = build_directed(grid, Objective(losses=1.0))
        trees, every = ModeTrees(problem), [frozenset(np.flatnonzero(~c).tolist()) for c in states(grid)]
        for share in (1.0, 0.8, 0.6):
            allowed = rng.random(len(problem.modes)) < share
            ways = [set() for _ in problem.core.chains]
            for mode, may in zip(problem.modes, allowed, strict=True):
                if may:
                    opened = problem.core.chains[mode.chain].branches[mode.at] if mode.kind == 0 else None
                    ways[mode.chain].add(opened)
            chains = [set(c.branches) for c in problem.core.chains]

            def left(state, chains=chains, ways=ways):
                return all((min(state & c) if state & c else None) in w for c, w in zip(chains, ways, strict=True))

            right = {state for state in every if left(state)}
            found = open_sets(trees.few(allowed, math.inf))
            assert len(set(found)) == len(found), seed
            assert set(found) == right, seed
            assert trees.few(allowed, len(right) - 0.5) is None or not right, seed
            listed += len(right)
    assert listed > 50


def test_the_values_of_many_states_are_those_of_each():
    for seed in range(7100, 7100 + int(12 * SOAK)):
        rng = np.random.default_rng(seed)
        grid = random_grid(random_spec(rng), rng)
        goal = Objective(losses=1.0, switching=0.1 * (seed % 2), voltage=0.5)
        every = [frozenset(np.flatnonzero(~c).tolist()) for c in states(grid)]
        if not every:
            continue
        most = None if seed % 3 else 2
        exchange = ExchangeProblem(grid, goal, must_close(grid), most)
        values = TreeValues(grid, goal, exchange.max_operations)(np.array([sorted(s) for s in every], dtype=np.int64))
        for state, value in zip(every, values, strict=True):
            score = exchange.evaluate(state)
            if score is None:
                assert np.isnan(value) or exchange.beyond(state), seed
            else:
                right = score.objective if score.violation == 0 else math.inf
                assert value == pytest.approx(right, rel=1e-9), seed


class Blind:
    """Finds no power flow of some states, or of none at all."""

    def __init__(self, values, unseen, refutes=False):
        self.values, self.unseen, self.refutes = values, unseen, refutes
        self.few = values.few

    def __call__(self, opened, cutoff):
        known = self.values(opened)
        if self.unseen is None:
            return np.full(len(known), np.nan)
        return np.array([np.nan if s in self.unseen else v for s, v in zip(open_sets(opened), known, strict=True)])

    def refuted(self, opened, cutoff):
        return self.refutes


def test_a_state_without_a_power_flow_that_was_found_holds_the_bound_back():
    """It counts with what its relaxation says: it is not taken for one that is shown to be no better."""
    tried = 0
    for seed, goal, grid, good, start, problem in searchable(12, 7200):
        best = min(good, key=lambda s: goal.of_flow(grid, good[s]))
        if best == start:
            continue
        value, cutoff = goal.of_flow(grid, good[best]), goal.of_flow(grid, good[start])
        probing = Probing(problem, values=Blind(TreeValues(grid, goal), {best}))
        grown = probing.expand(probing.root, cutoff)
        if not grown.children:
            assert grown.closed <= value + 1e-7 * (1 + value), seed
            assert best not in grown.found
            tried += 1
    assert tried > 2


def test_a_node_with_many_states_without_power_flow_is_split_like_any_other():
    grid = read_grid(pn.case33bw())
    problem = build_directed(grid, Objective(losses=1.0))
    values = Blind(TreeValues(grid, Objective(losses=1.0)), None)
    values.few = 10**6
    few = FewTrees(problem, values)
    allowed = np.ones(len(problem.modes), dtype=bool)
    for c in range(len(problem.core.chains)):
        opened = [i for i, m in enumerate(problem.modes) if m.chain == c and m.kind == 0]
        allowed[opened[1 if c else 2 :]] = False
    assert few.trees.few(allowed, math.inf).shape[0] > 4
    assert few(allowed, math.inf) is None
    few.values.refutes = True
    assert few(allowed, math.inf).least == math.inf


def test_without_an_answer_a_leaf_without_power_flow_leaves_all_unproven():
    """No state is known, and the relaxation accepts one whose power flow is not found: that is no proof of anything."""
    grid = read_grid(pn.case33bw())
    goal = Objective(losses=1.0)
    exchange = ExchangeProblem(grid, goal, must_close(grid))
    blind = ExchangeSearch(lambda state: None, exchange.moves)
    present = frozenset(np.flatnonzero(~grid.closed).tolist())
    locked = grid.replace(switchable=np.isin(np.arange(grid.m), [*present, 6]))
    found = branch_and_bound(DirectedSearch(build_directed(locked, goal), blind, Incumbent()), gap=0.0, seconds=60.0)
    assert (found.status, found.best) == ("unproven", None)
    assert found.bound < 0.203
