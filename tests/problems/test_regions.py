"""Cuts of regions: every radial state of random nets keeps them, whatever the multipliers were, and the search holds.

``ADNFLEX_SOAK=100`` runs a hundred times as many nets.
"""

from __future__ import annotations

import time

import numpy as np
import pandapower.networks as pn

import adnflex
from adnflex.knobs import Effort
from adnflex.problems.clock import Deadline
from adnflex.problems.reconfiguration import regional_cuts
from adnflex.problems.reconfiguration.probing import Probing
from adnflex.problems.reconfiguration.regional_cuts import strengthen
from adnflex.problems.reconfiguration.regions import Places, RegionalBounds, balls
from adnflex.solvers.regional import with_cuts
from tests.problems.test_directed import searchable, searched


def modes_of(problem, flow):
    """Modes of a state, as far as they are in the model."""
    used = problem.modes_in(flow.closed, flow.forest)
    return np.array([m in used for m in problem.modes])


def multipliers(answer, conic, rng):
    """Those of the relaxation, and some that have nothing to do with it but their signs."""
    yield answer.dual
    yield answer.dual * rng.uniform(0, 2, len(answer.dual))
    wild = rng.normal(0, float(np.abs(answer.dual).max()), len(answer.dual))
    wild[conic.equations :] = np.abs(wild[conic.equations :])
    yield wild


def check_cuts(seed, goal, grid, good, start, problem):
    """No state is cut off by what a region says, nor by what it says on top of other cuts."""
    rng, probing, junctions = np.random.default_rng(seed), Probing(problem), len(problem.core.junctions)
    value = goal.of_flow(grid, good[start])
    # a state that costs more than the known one may be cut off by its cap
    points = [problem.point_of(flow) for flow in good.values() if goal.of_flow(grid, flow) <= value]
    places, base, cuts, count = Places.of(problem), probing.conic, [], 0
    everything, known = np.ones(len(problem.modes), dtype=bool), modes_of(problem, good[start])
    for _ in range(2):
        conic = with_cuts(base, cuts)
        answer = conic.solve(everything)
        if answer.dual is None or not junctions:
            return count
        for dual in multipliers(answer, conic, rng):
            job = RegionalBounds(conic, probing.sets, places, dual, everything, known, time.time() + 60)
            for region in balls(problem.core, int(rng.integers(1, 5)), rng.random(junctions)):
                gained = job(region)
                if gained is not None:
                    columns, values, side = gained.cut
                    least = min(float(values @ (x[columns] / base.unit[columns])) for x in points)
                    assert least >= side - 1e-7 * (1 + np.abs(values).max()), (seed, goal, region)
                    cuts.append(gained.cut)
                    count += len(points)
    return count


def test_no_radial_state_is_cut_off_by_what_a_region_costs():
    assert sum(check_cuts(*case) for case in searchable(4, 3000)) > 20


def check_strengthened(seed, goal, grid, good, start, problem, gap=1e-4):
    """The search from a root with cuts finds the best state and bounds it."""
    probing, value = Probing(problem), goal.of_flow(grid, good[start])
    best = modes_of(problem, good[start]), value
    before = strengthen(problem, probing, best, Effort(gap=gap, workers=1), Deadline(60.0))
    value, bound = searched(probing, problem, good, goal, start, gap, known=before)
    least = min(goal.of_flow(grid, flow) for flow in good.values())
    assert bound <= least + 1e-7 * (1 + abs(least)), (seed, goal)
    assert value - gap * abs(value) <= least + 1e-9, (seed, goal)
    assert bound >= value - 2 * gap * abs(value) - 1e-9, (seed, goal)
    return len(probing.conic.sides)


def test_the_search_holds_with_cuts_of_regions(monkeypatch):
    monkeypatch.setattr(regional_cuts, "_MODES", 0)
    monkeypatch.setattr(regional_cuts, "_SIZES", (1, 2, 3))
    monkeypatch.setattr(regional_cuts, "_WIDE", 0.0)
    monkeypatch.setattr(regional_cuts, "_WORTH", 0.0)
    assert sum(check_strengthened(*case) for case in searchable(3, 4000)) > 2


def test_an_interrupt_at_the_root_keeps_its_bound():
    def stop(now):
        if now.event == "relaxation":
            raise KeyboardInterrupt

    plan = adnflex.reconfigure(pn.case33bw(), workers=1, progress=stop)
    assert plan.status == "interrupted"
    assert 0.9 * plan.objective < plan.bound < plan.objective
