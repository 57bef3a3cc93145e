"""Reduction against all subsets, and its distance against the transport problem solved as a linear programme."""

from __future__ import annotations

import time
from itertools import combinations, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog
from scipy.spatial.distance import cdist

from adnflex.errors import InputError
from adnflex.scenarios import reduce_scenarios

METHODS = ("forward", "backward")


@st.composite
def measures(draw, max_size=7):
    """Points and probabilities; whole coordinates make ties and equal scenarios likely."""
    count = draw(st.integers(2, max_size))
    coordinate = st.integers(-3, 3) if draw(st.booleans()) else st.floats(-5, 5)
    points = draw(st.lists(st.tuples(coordinate, coordinate), min_size=count, max_size=count))
    weights = draw(st.lists(st.integers(0, 5), min_size=count, max_size=count).filter(any))
    return np.array(points, dtype=float), np.array(weights) / sum(weights)


def distance_of(points, probabilities, kept):
    return probabilities @ cdist(points, points[list(kept)]).min(axis=1)


def best(points, probabilities, keep):
    return min(distance_of(points, probabilities, kept) for kept in combinations(range(len(points)), keep))


def transport(points, probabilities, kept, new):
    """Kantorovich distance of the two measures by its definition."""
    cost = cdist(points, points[kept])
    rows, columns = cost.shape
    leave = np.kron(np.eye(rows), np.ones(columns))
    arrive = np.kron(np.ones(rows), np.eye(columns))
    answer = linprog(cost.ravel(), A_eq=np.vstack([leave, arrive]), b_eq=np.concatenate([probabilities, new]))
    assert answer.status == 0, answer.message
    return answer.fun


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=80, deadline=None)
@given(measure=measures(), data=st.data())
def test_distance_is_the_transport_distance_and_no_subset_is_below_the_best(method, measure, data):
    points, probabilities = measure
    keep = data.draw(st.integers(1, len(points)))
    reduction = reduce_scenarios(points, probabilities, keep=keep, method=method)
    assert len(set(reduction.kept.tolist())) == keep
    assert (np.diff(reduction.kept) > 0).all()
    assert reduction.distance == pytest.approx(distance_of(points, probabilities, reduction.kept), abs=1e-12)
    assert reduction.distance == pytest.approx(
        transport(points, probabilities, reduction.kept, reduction.probabilities), abs=1e-7
    )
    assert reduction.distance >= best(points, probabilities, keep) - 1e-12


@settings(max_examples=80, deadline=None)
@given(measure=measures())
def test_forward_is_best_for_one_kept_and_backward_for_one_dropped(measure):
    points, probabilities = measure
    one = reduce_scenarios(points, probabilities, keep=1, method="forward")
    assert one.distance == pytest.approx(best(points, probabilities, 1), abs=1e-9)
    most = len(points) - 1
    dropped = reduce_scenarios(points, probabilities, keep=most, method="backward")
    assert dropped.distance == pytest.approx(best(points, probabilities, most), abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=60, deadline=None)
@given(measure=measures(max_size=12))
def test_sets_are_nested_and_the_distance_falls_to_zero(method, measure):
    points, probabilities = measure
    steps = [reduce_scenarios(points, probabilities, keep=keep, method=method) for keep in range(1, len(points) + 1)]
    for fewer, more in pairwise(steps):
        assert set(fewer.kept) < set(more.kept)
        assert more.distance <= fewer.distance + 1e-12
    assert steps[-1].distance == 0
    assert steps[-1].probabilities == pytest.approx(probabilities)


@pytest.mark.parametrize("method", METHODS)
@settings(max_examples=60, deadline=None)
@given(measure=measures(max_size=12), data=st.data())
def test_probabilities_are_those_of_the_redistribution(method, measure, data):
    points, probabilities = measure
    keep = data.draw(st.integers(1, len(points)))
    reduction = reduce_scenarios(points, probabilities, keep=keep, method=method)
    assert reduction.probabilities.sum() == pytest.approx(1, abs=1e-12)
    assert (reduction.nearest[reduction.kept] == reduction.kept).all()
    for k, p in zip(reduction.kept, reduction.probabilities, strict=True):
        assert p == pytest.approx(probabilities[reduction.nearest == k].sum())
    nearest = cdist(points, points[reduction.kept]).min(axis=1)
    assert np.linalg.norm(points - points[reduction.nearest], axis=1) == pytest.approx(nearest, abs=1e-12)


@pytest.mark.parametrize(
    ("method", "step"),
    [
        ("forward", lambda points, p, now: [[*now, k] for k in range(len(points)) if k not in now]),
        ("backward", lambda points, p, now: [[j for j in now if j != k] for k in now]),
    ],
)
@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_every_step_is_the_best_of_its_kind(method, step, seed):
    """The published algorithms in their plainest form: at every step try all, keep the best."""
    rng = np.random.default_rng(seed)
    points, p = rng.normal(size=(9, 3)), rng.dirichlet(np.ones(9))
    now = [] if method == "forward" else list(range(9))
    while len(now) != 4:
        now = min(step(points, p, now), key=lambda kept: distance_of(points, p, kept))
    assert reduce_scenarios(points, p, keep=4, method=method).kept.tolist() == sorted(now)


@pytest.mark.parametrize("method", METHODS)
def test_ties_go_to_the_lowest_index(method):
    square = [[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]
    kept = {"forward": [0, 1], "backward": [2, 3]}[method]
    assert reduce_scenarios(square, keep=2, method=method).kept.tolist() == kept


@pytest.mark.parametrize("method", METHODS)
def test_equal_scenarios_keep_their_own_probability(method):
    reduction = reduce_scenarios(np.zeros((4, 2)), [0.1, 0.2, 0.3, 0.4], keep=4, method=method)
    assert reduction.probabilities.tolist() == [0.1, 0.2, 0.3, 0.4]
    assert reduce_scenarios(np.zeros((4, 2)), keep=2, method=method).distance == 0


def test_scale_decides_what_is_far():
    values = [[0.0, 0.0], [0.0, 30.0], [1.0, 0.0], [1.0, 30.0]]
    assert reduce_scenarios(values, keep=2).kept.tolist() == [0, 1]
    assert reduce_scenarios(values, keep=2, scale=[100.0, 1.0]).kept.tolist() == [0, 2]
    assert reduce_scenarios(values, keep=2, scale=2.0).distance == 2 * reduce_scenarios(values, keep=2).distance


def test_axes_after_the_first_are_one_vector():
    values = np.random.default_rng(0).normal(size=(20, 6, 2))
    flat = reduce_scenarios(values.reshape(20, 12), keep=4)
    assert reduce_scenarios(values, keep=4).kept.tolist() == flat.kept.tolist()
    weighted = reduce_scenarios(values, keep=4, scale=[1.0, 0.0])
    assert weighted.kept.tolist() == reduce_scenarios(values[:, :, 0], keep=4).kept.tolist()


@pytest.mark.parametrize("method", METHODS)
def test_a_thousand_days_in_seconds(method):
    values = np.random.default_rng(0).normal(size=(1000, 96))
    begin = time.perf_counter()
    reduction = reduce_scenarios(values, keep=100, method=method)
    # takes 0.1 to 0.2 s on two cores
    assert time.perf_counter() - begin < 10
    assert reduction.distance < reduce_scenarios(values, keep=50, method=method).distance


class TestFaults:
    def test_all_at_once(self):
        with pytest.raises(InputError) as caught:
            reduce_scenarios([[0.0], [np.nan], [np.inf]], keep=0, method="sideways")
        text = str(caught.value)
        assert len(caught.value.findings) == 4
        for part in ("keep is 0", "'sideways'; give one of forward, backward", "scenario 1", "scenario 2"):
            assert part in text

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            ({"values": [1.0, 2.0]}, "values have shape"),
            ({"keep": 4}, "keep is 4, and there are 3 scenarios"),
            ({"probabilities": [0.5, 0.5]}, "3 scenarios and 2 probabilities"),
            ({"probabilities": [0.5, 0.5, 0.5]}, "sum to 1.5"),
            ({"probabilities": [-0.5, 0.5, 1.0]}, "scenario 0: its probability is -0.5"),
            ({"scale": [1.0, 2.0]}, "does not broadcast"),
            ({"scale": np.ones((3, 1))}, "does not broadcast"),
            ({"scale": -1.0}, "below 0"),
        ],
    )
    def test_each(self, arguments, message):
        with pytest.raises(InputError, match=message):
            reduce_scenarios(**{"values": [[1.0], [2.0], [3.0]], "keep": 2, **arguments})
