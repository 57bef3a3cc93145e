"""The arrays of a box against its Pyomo model: the same optimum, whatever is asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adnflex import networks
from adnflex.knobs import Horizon
from adnflex.problems.flexibility.rows import solve_box
from adnflex.problems.flexibility.study import Wishes, read_flexibility_study
from adnflex.problems.flexibility.vertices import Follower
from adnflex.problems.flexibility.whole import declare_box, declare_follower, declare_worst_vertex
from adnflex.solvers.gate import solve_model


@pytest.fixture(scope="module")
def problems():
    net = networks.load("park33_flexibility")
    found = {}
    for direction in ("both", "up", "down", "symmetric"):
        study = read_flexibility_study(
            net, Wishes(direction=direction, final_energy="initial"), Horizon(periods=[10, 14])
        )
        found[direction] = study.problem(study.network(study.study.grid.closed))
    return found


@pytest.mark.parametrize("separable", [False, True])
@pytest.mark.parametrize("direction", ["both", "up", "down", "symmetric"])
def test_the_same_box_on_random_sides(problems, direction: str, separable: bool) -> None:
    rng = np.random.default_rng(5)
    ends = [np.zeros(2), np.ones(2)]
    for _ in range(2):
        problem = problems[direction]
        problem = replace(
            problem,
            weights=rng.uniform(0.1, 2.0, 2),
            margin_v=rng.uniform(0, 5e-3, (2, 2, problem.grid.n)),
            margin_s=rng.uniform(0, 0.3, (2, 2, problem.grid.m)),
            active={},
        )
        arrays = solve_box(problem, ends, 60, separable)
        whole = solve_model(declare_box(problem, ends, separable))
        if arrays is None:
            assert whole.status == "infeasible"
            continue
        assert whole.status == "optimal"
        assert whole.objective == pytest.approx(arrays.bound, abs=1e-6)


def test_the_same_nearest_dispatch_and_the_same_worst_vertex(problems) -> None:
    problem = problems["both"]
    follower, rng = Follower(problem), np.random.default_rng(1)
    box = solve_box(problem, [np.zeros(2), np.ones(2)], 60)
    lower, upper = (box.x[columns] for columns in (box.program.layout.lower, box.program.layout.upper))
    for _ in range(3):
        low, high = lower - rng.uniform(-1, 1, 2), upper + rng.uniform(-1, 1, 2)
        missing = np.abs(follower.follow(high)[1]).sum()
        assert solve_model(declare_follower(problem, high)).objective == pytest.approx(missing, abs=1e-6)
        verdict = follower.prove(low, high, 60)
        assert verdict.proven
        # a maximisation, which the gate has with a minus
        found = solve_model(declare_worst_vertex(problem, low, high), gap=1e-7)
        assert -found.objective == pytest.approx(verdict.shortage, abs=1e-5)
