"""Column and constraint generation against all vertices, and where its parts are late, wrong or cut short."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from adnflex.algorithms.column_constraint import WorstVertex, generate

PERIODS = 4
VERTICES = [np.array(v, dtype=float) for v in itertools.product((0, 1), repeat=PERIODS)]


def knapsack(seed: int):
    """Widths w of PERIODS intervals; vertex a needs ``b a w <= c`` for every row: a toy with known answers."""
    rng = np.random.default_rng(seed)
    b, c = rng.uniform(-1, 1, (5, PERIODS)), rng.uniform(0.2, 1.0, 5)

    def master(vertices):
        rows = np.vstack([b * v for v in vertices])
        found = linprog(-np.ones(PERIODS), rows, np.tile(c, len(vertices)), bounds=(0, 2))
        return found.x, -float(found.fun)

    def missing(w, vertex):
        return float(np.maximum(b @ (vertex * w) - c, 0).sum())

    def worst(w):
        vertex = max(VERTICES, key=lambda v: missing(w, v))
        return WorstVertex(vertex, missing(w, vertex), True, missing(w, vertex))

    return master, missing, worst


def nothing(_: object) -> WorstVertex:
    """A climb that never finds anything."""
    return WorstVertex(np.ones(PERIODS), 0.0, False, np.inf)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**16))
def test_it_finds_what_all_vertices_give(seed: int) -> None:
    master, missing, worst = knapsack(seed)
    best = master(VERTICES)[1]
    found = generate(master, nothing, worst, [np.zeros(PERIODS)], 1e-7)
    assert found.holds
    assert found.bound == pytest.approx(best, abs=1e-6)
    assert max(missing(found.box, v) for v in VERTICES) <= 1e-6
    assert found.iterations == len(found.history)
    # the bound never rises, and no vertex is added twice
    bounds = [step.bound for step in found.history]
    assert all(a >= b - 1e-9 for a, b in itertools.pairwise(bounds))
    assert len({tuple(v) for v in found.vertices}) == len(found.vertices)


def test_the_proof_is_asked_only_where_the_climb_finds_nothing() -> None:
    master, _, worst = knapsack(3)
    asked = []

    def climb(box):
        return worst(box)

    def prove(box):
        asked.append(box)
        return worst(box)

    assert generate(master, climb, prove, [np.zeros(PERIODS)], 1e-7).holds
    assert len(asked) == 1


def test_without_a_proof_nothing_holds() -> None:
    master, _, worst = knapsack(3)

    def unproven(box):
        verdict = worst(box)
        return WorstVertex(verdict.vertex, verdict.shortage, False, np.inf)

    found = generate(master, unproven, unproven, [np.zeros(PERIODS)], 1e-7)
    assert not found.holds
    assert found.bound == pytest.approx(master(VERTICES)[1], abs=1e-6)


def test_a_proof_with_a_bound_above_the_tolerance_is_none() -> None:
    master, _, worst = knapsack(3)

    def loose(box):
        verdict = worst(box)
        return WorstVertex(verdict.vertex, verdict.shortage, True, verdict.shortage + 1e-3)

    assert not generate(master, worst, loose, [np.zeros(PERIODS)], 1e-7).holds


def test_a_vertex_that_is_known_already_ends_it() -> None:
    # a solver that keeps missing a hair at a vertex of its own would go round for ever
    master, _, _ = knapsack(5)
    start = [np.ones(PERIODS)]

    def rounding(_: object) -> WorstVertex:
        return WorstVertex(np.ones(PERIODS), 1e-5, True, 1e-5)

    found = generate(master, rounding, rounding, start, 1e-7)
    assert not found.holds
    assert found.iterations == 1
    assert len(found.vertices) == 1


def test_it_stops_when_told_and_keeps_the_bound() -> None:
    master, _, worst = knapsack(3)
    told: list[float] = []

    def stop(bound: float) -> bool:
        told.append(bound)
        return len(told) == 2

    found = generate(master, nothing, worst, [np.zeros(PERIODS)], 1e-7, stop)
    assert not found.holds
    assert found.iterations == 2
    assert found.bound == told[-1] >= master(VERTICES)[1] - 1e-9


def test_the_start_is_not_changed() -> None:
    master, _, worst = knapsack(3)
    start = [np.zeros(PERIODS)]
    generate(master, nothing, worst, start, 1e-7)
    assert len(start) == 1
