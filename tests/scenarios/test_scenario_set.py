"""The container: what goes in comes out, expected values survive, faults are named together."""

from __future__ import annotations

import dataclasses
import pickle

import numpy as np
import pandas as pd
import pytest

from adnflex.errors import InputError
from adnflex.scenarios import ScenarioSet, reduce_scenarios

SGEN, LOAD = ("sgen", "p_mw"), ("load", "p_mw")


def random_set(seed=0, scenarios=6, periods=4, keys=((SGEN, (3, 9)), (LOAD, (1,)))):
    rng = np.random.default_rng(seed)
    return ScenarioSet(
        rng.dirichlet(np.ones(scenarios)),
        {key: rng.normal(size=(scenarios, periods, len(names))) for key, names in keys},
        dict(keys),
    )


def test_tables_come_out_as_they_went_in():
    rng = np.random.default_rng(0)
    time = pd.date_range("2030-01-01", periods=3, freq="h")
    frames = [
        {
            SGEN: pd.DataFrame(rng.normal(size=(3, 2)), index=time, columns=[9, 3]),
            LOAD: pd.DataFrame(rng.normal(size=(3, 1)), index=time, columns=[0]),
        }
        for _ in range(4)
    ]
    scenarios = ScenarioSet.from_profiles(frames)
    assert (scenarios.count, scenarios.periods) == (4, 3)
    assert scenarios.probabilities.tolist() == [0.25] * 4
    for s, frame in enumerate(frames):
        for key, table in scenarios.scenario(s).items():
            pd.testing.assert_frame_equal(table, frame[key].reset_index(drop=True))
    weighted = ScenarioSet.from_profiles(frames, [0.7, 0.1, 0.1, 0.1]).mean()[SGEN]
    expected = sum(p * frame[SGEN] for p, frame in zip([0.7, 0.1, 0.1, 0.1], frames, strict=True))
    pd.testing.assert_frame_equal(weighted, expected.reset_index(drop=True))


def test_nothing_in_it_can_be_changed():
    source = np.ones((1, 2, 1))
    scenarios = ScenarioSet([1.0], {SGEN: source}, {SGEN: [4]})
    source[:] = 7.0
    scenarios.scenario(0)[SGEN].iloc[0, 0] = 8.0
    assert (scenarios.profiles[SGEN] == 1.0).all()
    with pytest.raises(ValueError, match="read-only"):
        scenarios.profiles[SGEN][0, 0, 0] = 2.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        scenarios.probabilities = np.ones(1)


def test_can_be_sent_to_another_process():
    scenarios = random_set()
    copy = pickle.loads(pickle.dumps(scenarios))
    assert (copy.profiles[SGEN] == scenarios.profiles[SGEN]).all()
    assert copy.elements == scenarios.elements


def test_a_scenario_that_does_not_exist():
    with pytest.raises(InputError, match="scenario 6 does not exist; give one from 0 to 5"):
        random_set().scenario(6)


class TestReduce:
    @pytest.mark.parametrize("method", ["forward", "backward"])
    def test_distance_over_all_series(self, method):
        scenarios = random_set(scenarios=12)
        fewer, reduction = scenarios.reduce(4, method)
        stacked = np.concatenate([scenarios.profiles[key].reshape(12, -1) for key in (SGEN, LOAD)], axis=1)
        expected = reduce_scenarios(stacked, scenarios.probabilities, keep=4, method=method)
        assert reduction.kept.tolist() == expected.kept.tolist()
        assert reduction.distance == expected.distance
        assert fewer.elements == scenarios.elements
        assert fewer.probabilities == pytest.approx(reduction.probabilities)
        for new, old in enumerate(reduction.kept):
            pd.testing.assert_frame_equal(fewer.scenario(new)[SGEN], scenarios.scenario(old)[SGEN])

    def test_all_kept_changes_nothing(self):
        scenarios = random_set()
        same, reduction = scenarios.reduce(6)
        assert reduction.distance == 0
        assert (same.profiles[LOAD] == scenarios.profiles[LOAD]).all()

    def test_weights_of_profiles(self):
        scenarios = random_set(scenarios=12)
        _, reduction = scenarios.reduce(3, scale={LOAD: 0.0})
        only = reduce_scenarios(scenarios.profiles[SGEN], scenarios.probabilities, keep=3)
        assert reduction.distance == pytest.approx(only.distance)
        assert reduction.distance < scenarios.reduce(3)[1].distance

    def test_prices_need_a_weight(self):
        price = ("ext_grid", "price_per_mwh")
        scenarios = random_set(keys=((SGEN, (3,)), (price, (0,))))
        with pytest.raises(InputError, match="price_per_mwh does not add up with MW"):
            scenarios.reduce(2)
        assert scenarios.reduce(2, scale={price: 0.01})[0].count == 2

    def test_faults_at_once(self):
        with pytest.raises(InputError) as caught:
            random_set().reduce(2, scale={("load", "q_mvar"): 1.0, SGEN: -1.0})
        assert len(caught.value.findings) == 2


class TestProduct:
    def test_every_pair_once(self):
        one, two = random_set(1, 2), random_set(2, 3, keys=((SGEN, (7,)), (("load", "q_mvar"), (1,))))
        both = one.product(two)
        assert both.count == 6
        assert both.elements == {SGEN: (3, 9, 7), LOAD: (1,), ("load", "q_mvar"): (1,)}
        for i in range(2):
            for j in range(3):
                tables = both.scenario(i * 3 + j)
                pd.testing.assert_frame_equal(tables[SGEN][[3, 9]], one.scenario(i)[SGEN])
                pd.testing.assert_frame_equal(tables[SGEN][[7]], two.scenario(j)[SGEN])
                assert both.probabilities[i * 3 + j] == pytest.approx(one.probabilities[i] * two.probabilities[j])

    def test_expected_values_stay(self):
        one, two = random_set(1, 4), random_set(2, 3, keys=((SGEN, (7,)),))
        mean = one.product(two).mean()
        pd.testing.assert_frame_equal(mean[LOAD], one.mean()[LOAD])
        pd.testing.assert_frame_equal(mean[SGEN][[7]], two.mean()[SGEN])

    def test_refuses_what_is_not_independent(self):
        with pytest.raises(InputError) as caught:
            random_set().product(random_set(periods=5, keys=((SGEN, (9,)),)))
        text = str(caught.value)
        assert "sgen 9: its p_mw varies in both sets" in text
        assert "4 and 5 periods" in text

    def test_probabilities_do_not_drift(self):
        # each sums to 1 only within the tolerance
        loose = [ScenarioSet([0.5, 0.5 + 9e-10], {SGEN: np.zeros((2, 1, 1))}, {SGEN: (k,)}) for k in range(4)]
        both = loose[0]
        for other in loose[1:]:
            both = both.product(other)
        assert both.probabilities.sum() == pytest.approx(1, abs=1e-14)


class TestFaults:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"probabilities": [0.5, 0.4]}, "sum to 0.9"),
            ({"probabilities": [[0.5, 0.5]]}, r"have shape \(1, 2\)"),
            ({"probabilities": [np.nan, 1.0]}, "scenario 0: its probability is nan"),
            ({"probabilities": [1.0]}, "2 scenarios, and there are 1 probabilities"),
            ({"profiles": {}, "elements": {}}, "no profile is given"),
            ({"profiles": {"sgen": np.zeros((2, 1, 1))}}, r"'sgen': give \(table, column\)"),
            ({"profiles": {SGEN: np.zeros((2, 3))}}, r"shape \(2, 3\)"),
            ({"profiles": {SGEN: np.zeros((2, 3, 2))}}, "2 columns, and 1 elements"),
            ({"profiles": {SGEN: np.array([[[1.0]], [[np.inf]]])}}, "sgen 5 in scenario 1, period 0 is inf"),
            ({"elements": {}}, "its elements are not given"),
            ({"elements": {SGEN: (5,), LOAD: (1,)}}, "but no profile"),
            ({"elements": {SGEN: ("five",)}}, "element 'five' is no index"),
            ({"profiles": {SGEN: np.zeros((2, 1, 2))}, "elements": {SGEN: (5, 5)}}, "sgen 5 is named more than once"),
        ],
    )
    def test_each(self, changes, message):
        good = {"probabilities": [0.5, 0.5], "profiles": {SGEN: np.zeros((2, 1, 1))}, "elements": {SGEN: (5,)}}
        ScenarioSet(**good)
        with pytest.raises(InputError, match=message):
            ScenarioSet(**{**good, **changes})

    def test_all_at_once(self):
        with pytest.raises(InputError) as caught:
            ScenarioSet(
                [0.5, 0.6],
                {SGEN: np.full((2, 3, 1), np.nan), LOAD: np.zeros((3, 4, 1))},
                {SGEN: (5,), LOAD: (1, 2)},
            )
        assert len(caught.value.findings) == 5

    def test_tables_that_differ(self):
        first = {SGEN: pd.DataFrame({3: [1.0, 2.0]})}
        with pytest.raises(InputError) as caught:
            ScenarioSet.from_profiles(
                [
                    first,
                    {LOAD: first[SGEN]},
                    {SGEN: pd.DataFrame({4: [1.0, 2.0]})},
                    {SGEN: pd.DataFrame({3: [1.0]})},
                    {SGEN: pd.DataFrame({3: ["a", "b"]})},
                ]
            )
        assert [finding.split()[1].rstrip(",") for finding in caught.value.findings] == ["1", "2", "3", "4"]
        with pytest.raises(InputError, match="no scenario is given"):
            ScenarioSet.from_profiles([])
