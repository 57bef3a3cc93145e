"""The directed chain hull: every radial state within the limits is a point of it, and its search finds the best one.

``ADNFLEX_SOAK=100`` runs a hundred times as many nets.
"""

from __future__ import annotations

import dataclasses
import heapq
import itertools
import math
import os

import numpy as np
import pytest
from scipy.optimize import linprog

from adnflex.grid.flow import flow_of
from adnflex.problems.reconfiguration.directed import build_directed
from adnflex.problems.reconfiguration.exchange import limit_violation
from adnflex.problems.reconfiguration.objective import Objective
from adnflex.problems.reconfiguration.probing import Probing
from adnflex.problems.reconfiguration.tree_values import TreeValues
from adnflex.solvers.clarabel import solve_relaxation
from tests.problems.test_bounds import hugged, random_grid, random_spec, states, with_negative_reactances

SOAK = float(os.environ.get("ADNFLEX_SOAK", "1"))
GOALS = (
    Objective(losses=1.0),
    Objective(losses=1.0, switching=0.1, voltage=0.5),
    Objective(voltage=1.0),
    Objective(switching=1.0),
)


def flows_by_state(grid):
    """Exact flows of all radial states, by their open branches."""
    found = {frozenset(np.flatnonzero(~closed).tolist()): flow_of(grid, closed) for closed in states(grid)}
    return {opened: flow for opened, flow in found.items() if flow is not None}


def within_limits(grid, flows):
    return {opened: flow for opened, flow in flows.items() if limit_violation(grid, flow) == 0}


def cases(count, first):
    """Random grids with a goal, as they are and with limits drawn tight around one state."""
    for seed in range(first, first + int(count * SOAK)):
        rng = np.random.default_rng(seed)
        grid = random_grid(random_spec(rng), rng)
        if seed % 9 == 0:
            grid = with_negative_reactances(grid, rng)
        flows = flows_by_state(grid)
        if flows:
            one = flows[sorted(flows, key=sorted)[int(rng.integers(len(flows)))]]
            yield seed, GOALS[seed % 4], grid, within_limits(grid, flows)
            tight = hugged(grid, one, currents=True)
            yield seed, GOALS[seed % 4], tight, {frozenset(np.flatnonzero(~one.closed).tolist()): one}


def check_points(seed, goal, grid, good):
    """Every state is a point of the whole model and worth no less; the relaxation is below all of them."""
    problem = build_directed(grid, goal, whole=True)
    for flow in good.values():
        point = problem.point_of(flow)
        assert problem.form.residual(point) < 1e-7, (seed, goal)
        assert problem.form.objective(point) <= goal.of_flow(grid, flow) + 1e-9, (seed, goal)
        assert (problem.closed_of(point) == flow.closed).all(), (seed, goal)
    best = min(goal.of_flow(grid, flow) for flow in good.values())
    assert solve_relaxation(problem.form).bound <= best + 1e-7 * (1 + abs(best)), (seed, goal)
    return len(good)


def test_every_state_within_the_limits_is_a_point_and_worth_no_less():
    assert sum(check_points(*case) for case in cases(6, 0) if case[-1]) > 20


def test_chains_between_two_junctions_are_parts_of_one_voltage():
    """Rows of which every state is a point, and without which the relaxation is weaker."""
    seed, goal, grid, good = next(cases(1, 56))
    assert check_points(seed, goal, grid, good)
    form = build_directed(grid, goal).form
    other = np.array([row is None or row.parent_component().name != "joined_once" for row in form.rows])
    assert (~other).sum() == 4
    sides = {"row_low": form.row_low[other], "row_high": form.row_high[other]}
    weaker = dataclasses.replace(form, a=form.a[other], rows=[], model=None, **sides)
    best = min(goal.of_flow(grid, flow) for flow in good.values())
    assert solve_relaxation(weaker).bound < (1 - 5e-4) * solve_relaxation(form).bound < best


def searchable(count, first):
    """Those with several states within the limits, and the model near one of them."""
    for seed, goal, grid, good in cases(count, first):
        if len(good) > 1:
            start = sorted(good, key=sorted)[seed % len(good)]
            cap = goal.of_flow(grid, good[start]) * 1.0001 + 1e-9
            problem = build_directed(grid, goal, near=good[start].v, cap=cap)
            if problem.modes:
                yield seed, goal, grid, good, start, problem


def probing_of(seed, goal, grid, problem):
    """Without enumeration of few states, with that of very few, and with that of all there are."""
    few = (0, 3, 400)[seed // 4 % 3]
    probing = Probing(problem, values=TreeValues(grid, goal) if few else None)
    if few:
        probing.few.most = few
    return probing


def searched(probing, problem, good, goal, start, gap, known=None):
    """Best value and bound by a plain best-first search over `Probing`, from the root or from what is known of it."""
    grid, value = problem.grid, goal.of_flow(problem.grid, good[start])
    root, below, closed = (probing.root, -math.inf, math.inf) if known is None else known[:3]
    waiting, number = [(below, 0, root)], 0
    while waiting:
        bound, _, node = heapq.heappop(waiting)
        cutoff = value - gap * abs(value)
        if bound >= cutoff:
            closed = min(closed, bound)
        elif probing.decided(node.allowed):
            modes = [problem.modes[i] for i in np.flatnonzero(node.allowed)]
            opened = frozenset(problem.core.chains[m.chain].branches[m.at] for m in modes if m.kind == 0)
            found = goal.of_flow(grid, good[opened]) if opened in good else math.inf
            value, closed = min(value, found), min(closed, max(found, bound))
        else:
            grown = probing.expand(node, cutoff)
            closed = min(closed, grown.closed)
            value = min([value, *(goal.of_flow(grid, good[state]) for state in grown.found)])
            for child in grown.children:
                number += 1
                heapq.heappush(waiting, (max(child.bound, bound), number, child))
    return value, min(closed, value)


def check_search(seed, goal, grid, good, start, problem, gap):
    """The search finds the best state to the gap, and its bound is below it."""
    value, bound = searched(probing_of(seed, goal, grid, problem), problem, good, goal, start, gap)
    best = min(goal.of_flow(grid, flow) for flow in good.values())
    assert bound <= best + 1e-7 * (1 + abs(best)), (seed, goal)
    assert value - gap * abs(value) <= best + 1e-9, (seed, goal)
    assert bound >= value - 2 * gap * abs(value) - 1e-9, (seed, goal)


@pytest.mark.parametrize("gap", [1e-4, 0.05])
def test_the_search_over_modes_finds_the_optimum_and_bounds_it(gap):
    tried = 0
    for case in searchable(6, 1000):
        check_search(*case, gap)
        tried += 1
    assert tried > 2


def check_expansion(seed, goal, grid, good, start, problem):
    """No state is below the bounds that an expansion tells, whatever the cutoff is."""
    probing, known = probing_of(seed, goal, grid, problem), goal.of_flow(grid, good[start])
    # a state that costs more than the known one may be cut off by its cap
    kept = [flow for flow in good.values() if goal.of_flow(grid, flow) <= known]
    for factor in (0.7, 0.9, 0.97, 0.999, 1.0001, 1.05):
        cutoff = factor * min(goal.of_flow(grid, flow) for flow in good.values())
        grown = probing.expand(probing.root, cutoff)
        for flow in kept:
            used = [problem.modes.index(m) for m in problem.modes_in(flow.closed, flow.forest)]
            holding = [c.bound for c in grown.children if c.allowed[used].all()]
            value = goal.of_flow(grid, flow)
            assert min([grown.closed, *holding]) <= value + 1e-7 * (1 + value), (seed, goal, factor)
        assert all(goal.of_flow(grid, good[state]) < cutoff + 1e-9 for state in grown.found), (seed, goal, factor)
    return len(kept)


def test_an_expansion_loses_no_state_below_the_bounds_that_it_tells():
    assert sum(check_expansion(*case) for case in searchable(6, 2000)) > 5


def choices(problem):
    """Every choice of one mode a chain in which each junction is fed once."""
    core = problem.core
    of_chain = [[m for m in problem.modes if m.chain == c] for c in range(len(core.chains))]
    for modes in itertools.product(*of_chain):
        fed = [core.chains[m.chain].nodes[-1 if m.kind == 1 else 0] for m in modes if m.kind]
        if sorted(fed) == sorted(core.junctions):
            yield modes


def reaches(problem, modes):
    """Whether the commodity of the whole model can flow where these modes are taken."""
    form, b = problem.form, problem.model
    reach = form.columns_of(b.reach.values())
    rows = [i for i, row in enumerate(form.rows) if row is not None and row.parent_component().name.startswith("reach")]
    x = np.zeros(len(form.c))
    x[[problem.shares[problem.modes.index(m)] for m in modes]] = 1.0
    a, known = form.a[rows][:, reach].toarray(), form.a[rows] @ x
    low, high = form.row_low[rows] - known, form.row_high[rows] - known
    up, down = np.isfinite(high), np.isfinite(low)
    sides = np.concatenate([high[up], -low[down]])
    bounds = np.column_stack([form.low[reach], form.high[reach]])
    return linprog(np.zeros(len(reach)), np.vstack([a[up], -a[down]]), sides, bounds=bounds).status == 0


def test_every_choice_of_modes_in_the_whole_model_is_a_radial_state():
    """Where nothing draws power, the balances allow rings of chains that feed each other; the commodity does not."""
    tried = rings = 0
    for seed in range(4000, 4000 + int(12 * SOAK)):
        rng = np.random.default_rng(seed)
        grid = random_grid(random_spec(rng), rng)
        problem = build_directed(grid.replace(p=0 * grid.p, q=0 * grid.q), GOALS[0], whole=True)
        if not problem.core.junctions or len(problem.modes) > 20:
            continue
        radial = {frozenset(np.flatnonzero(~closed).tolist()) for closed in states(grid)}
        for modes in choices(problem):
            opened = frozenset(problem.core.chains[m.chain].branches[m.at] for m in modes if m.kind == 0)
            found = reaches(problem, modes)
            assert found == (opened in radial), (seed, modes)
            rings += not found
            tried += 1
    assert tried > 50
    assert rings
