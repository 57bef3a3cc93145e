"""Parts of the P-Q region: geometry, half-planes, the fan of set-points."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adnflex.algorithms.polygons import area, contains, cut, hull, intersection, union_area
from adnflex.devices import GridConnection
from adnflex.problems.clock import Deadline
from adnflex.problems.region.answer import Fineness
from adnflex.problems.region.corners import Support, farthest, tighter_support
from adnflex.problems.region.fan import Fan
from adnflex.problems.region.inner import inner_polygon
from adnflex.problems.region.model import at_positions, build_region, positions_to_choose, solve_support
from adnflex.problems.region.solve import PeriodRegion
from adnflex.study import read_study
from tests.region_nets import feeder, random_injections, sampled

# --- geometry -------------------------------------------------------------------------------------


def star(rng: np.random.Generator, count: int) -> np.ndarray:
    """A simple polygon, not convex."""
    angle = np.sort(rng.uniform(0, 2 * np.pi, count))
    return rng.uniform(-1, 1, 2) + rng.uniform(0.3, 1.5, count)[:, None] * np.column_stack(
        [np.cos(angle), np.sin(angle)]
    )


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**16), count=st.integers(1, 4))
def test_union_area_against_counting(seed, count):
    rng = np.random.default_rng(seed)
    polygons = [star(rng, int(rng.integers(3, 12))) for _ in range(count)]
    points = rng.uniform(-3, 3, (40_000, 2))
    inside = np.any([contains(p, points) for p in polygons], axis=0)
    assert union_area(polygons) == pytest.approx(36 * inside.mean(), abs=5 * 36 * 0.5 / math.sqrt(len(points)))


def test_union_of_overlapping_and_equal_polygons():
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
    assert union_area([square, square]) == pytest.approx(1.0)
    assert union_area([square, square + np.array([0.5, 0.0])]) == pytest.approx(1.5)
    assert union_area([]) == 0
    assert union_area([square, square[:2]]) == 1.0
    # far from the origin the digits stay
    assert union_area([square + 1e4, square + 1e4 + 0.5]) == pytest.approx(1.75, abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**16))
def test_intersection_of_tangents_holds_the_hull(seed):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(30, 2))
    angle = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    normals = np.column_stack([np.cos(angle), np.sin(angle)])
    outer = intersection(normals, (points @ normals.T).max(axis=0), 100.0)
    assert contains(outer, points, 1e-9).all()
    assert area(points[hull(points)]) <= area(outer) + 1e-9
    assert not contains(outer, [[50.0, 50.0]])[0]


def test_cut_to_nothing():
    square = np.array([[0, 0], [1, 0], [1, 1], [0, 1.0]])
    assert len(cut(square, (1.0, 0.0), -1.0)) == 0
    assert len(hull(np.array([[1.0, 2.0]]))) == 1


# --- half-planes and corners ----------------------------------------------------------------------


def opened(net):
    study = read_study(net)
    devices = [d.unpriced() for d in study.devices]
    return study, devices, next(d for d in devices if isinstance(d, GridConnection))


def test_half_planes_hold_every_sample_before_and_after_tightening():
    net = feeder(tap=False, bank=False)
    study, devices, pcc = opened(net)
    support = Support(build_region(study.points, study.horizon, devices, pcc))
    places = sampled(net, random_injections(net, 300, np.random.default_rng(1)))
    improved = 0
    for angle in np.linspace(0, 2 * np.pi, 6, endpoint=False):
        normal = np.array([math.cos(angle), math.sin(angle)])
        corner = support.corner(normal, Deadline(60.0))
        better = tighter_support(support.model, corner, Deadline(10.0))
        assert (places @ normal).max() <= better + 1e-7
        assert corner.value <= better + 1e-7 <= corner.support + 2e-7
        assert corner.reached.feasible
        improved += better < corner.support - 1e-4
    assert improved


def test_support_over_relaxed_positions_is_no_smaller():
    study, devices, pcc = opened(feeder())
    normal = np.array([0.0, -1.0])
    free = solve_support(build_region(study.points, study.horizon, devices, pcc), normal)
    choices = positions_to_choose(devices)
    assert [steps[0] for steps in choices] == [2, 1]
    for chosen in ((0, 0), (2, 1), (4, 2)):
        fixed = build_region(study.points, study.horizon, at_positions(devices, chosen), pcc)
        assert free.bound <= solve_support(fixed, normal).objective + 1e-7


def test_positions_that_may_not_move():
    net = feeder()
    net.trafo["max_moves_per_day"] = 0
    net.shunt["max_moves_per_day"] = 1
    _, devices, _ = opened(net)
    assert positions_to_choose(devices) == [[2], [1, 0, 2]]


def test_bisection_ends_on_a_limit():
    net = feeder(tap=False, bank=False)
    study, devices, pcc = opened(net)
    support = Support(build_region(study.points, study.horizon, devices, pcc))
    inside = support.corner(np.array([1.0, 0.0]), Deadline(60.0)).reached
    target = support.corner(np.array([-1.0, -1.0]) / math.sqrt(2), Deadline(60.0)).relaxed
    beyond = inside.setting.towards(target, 1.6)
    found = farthest(support.flow, inside, beyond)
    assert found.feasible
    assert abs(found.margin) < 1e-6


def ended_after(looks, net):
    """Answer of a region whose clock is over after so many looks at it."""
    study, devices, pcc = opened(net)
    clock = Deadline(float(looks), time_of=itertools.count().__next__)
    return PeriodRegion(study.points, study.horizon, devices, pcc, Fineness(directions=8), clock).solve()


@pytest.mark.parametrize("positions", [False, True])
def test_outer_side_holds_every_sample_wherever_the_time_ends(positions):
    net = feeder(tap=positions, bank=positions)
    places = sampled(net, random_injections(net, 60, np.random.default_rng(1)))
    areas = []
    for looks in (1, 12, 40, 120):
        answer = ended_after(looks, net)
        assert answer.status == "time_limit"
        assert len(answer.normals) >= 4
        assert np.isfinite(answer.supports).all()
        assert (places @ answer.normals.T <= answer.supports + 1e-7).all()
        assert (answer.reached <= answer.supports + 1e-7).all()
        states = [s.outcome for c in answer.cells for s in c.inner.samples]
        assert states
        assert all(s.feasible for s in states)
        areas.append(answer.outer_area)
    assert areas[-1] < 0.5 * areas[0]


def test_polygon_of_a_few_states_is_there_before_that_of_all():
    study, devices, pcc = opened(feeder(tap=False, bank=False))
    support = Support(build_region(study.points, study.horizon, devices, pcc))
    angles = np.linspace(0, 2 * np.pi, 8, endpoint=False)
    corners = [support.corner(np.array([math.cos(a), math.sin(a)]), Deadline(60.0)) for a in angles]
    states = [c.reached for c in corners]

    def inner(looks):
        left = itertools.count(looks, -1)
        polygon = inner_polygon(support.flow, states, 8, 8, np.random.default_rng(0), lambda: next(left) <= 0).polygon
        return next(left), area(polygon)

    many = 10_000
    left, whole = inner(many)
    assert whole > 0
    needed = many - left
    # states are run many between two looks at the clock, and a run is long: it is ended after every so many looks
    areas = [inner(looks)[1] for looks in range(0, needed, needed // 8)]
    assert areas[0] == 0
    assert areas == sorted(areas)
    assert any(0 < some < whole for some in areas)


def test_imports_asked_together_are_those_asked_alone():
    study, devices, pcc = opened(feeder(tap=False, bank=False))
    support = Support(build_region(study.points, study.horizon, devices, pcc))
    angles = np.linspace(0, 2 * np.pi, 6, endpoint=False)
    states = [support.corner(np.array([math.cos(a), math.sin(a)]), Deadline(60.0)).reached for a in angles]
    middle = support.flow.run(states[0].setting.combined([s.setting for s in states], np.full(6, 1 / 6)))
    fan = Fan(support.flow, middle, states, 0.1)
    low, size = fan.places().min(axis=0), np.ptp(fan.places(), axis=0)
    targets = low + size * np.random.default_rng(0).uniform(-0.1, 1.1, (40, 2))
    alone, together = [fan.reach(z, 1.0) for z in targets], fan.reach_all(targets, 1.0)
    assert [o is None for o in alone] == [o is None for o in together]
    reached = [(a, b, z) for a, b, z in zip(alone, together, targets, strict=True) if a is not None]
    assert 5 < len(reached) < 40
    for a, b, z in reached:
        np.testing.assert_allclose(a.place, b.place, atol=1e-8)
        np.testing.assert_allclose(b.place, z, atol=1e-8)
        assert a.margin == pytest.approx(b.margin, abs=1e-8)
    before = support.flow.flows
    support.flow.run_many([s.setting for s in states])
    assert support.flow.flows == before + 6
    assert support.flow.run_many([]) == []
