"""Policies over common days; what an interrupt leaves."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

from adnflex import compare_policies, schedule_rolling, validate
from adnflex.errors import InputError
from adnflex.problems.rolling import Action, RollingCase
from adnflex.results.common_days import Comparison
from tests.problems.rolling.small import Steady, with_site


class Half:
    """A policy of the user's own: vehicles at half their elastic capacity, storages at rest."""

    name = "half"

    def __init__(self, case):
        self.case = case

    def decide(self, state, rng):
        from adnflex.problems.rolling.policies import by_node
        from adnflex.problems.rolling.vehicles import can, must

        middle = (must(state.vehicles, state.hour) + can(state.vehicles, state.hour)) / 2
        return Action(by_node(middle, state.vehicles, len(self.case.buses)), np.zeros(len(self.case.storages)))


def test_same_days_for_every_policy_and_every_way_to_run(case):
    options = {"days": 2, "seed": 4, "simulations": 3, "check": False}
    policies = ["own", "pool", Half(case)]
    here = compare_policies(case, policies, workers=1, **options)
    assert list(here.days.columns) == ["own", "pool", "half"]
    for item in ("ev_subsidy", "solar", "wind"):
        assert here.items[item].unstack("policy").nunique(axis=1).eq(1).all()
    single = schedule_rolling(case, "pool", day=1, seed=4, simulations=3)
    assert here.days.at[1, "pool"] == single.total
    forked = compare_policies(case, policies, workers=2, **options)
    with ThreadPoolExecutor(1) as executor:
        threads = compare_policies(case, policies, executor=executor, **options)
    pd.testing.assert_frame_equal(forked.days, here.days)
    pd.testing.assert_frame_equal(threads.days, here.days)


def test_summary_and_paired_differences(case, tmp_path):
    compared = compare_policies(case, ["own", "pool"], check=False, days=3, workers=1)
    off = compared.days["pool"] - compared.days["own"]
    row = compared.against("own").loc["pool"]
    assert row["difference"] == pytest.approx(off.mean())
    assert row["ci95"] == pytest.approx(4.302652729911275 * off.std() / 3**0.5)
    assert f"{off.mean():+.2f}" in compared.summary()
    compared.save(tmp_path / "c.json")
    again = Comparison.load(tmp_path / "c.json")
    assert again.summary() == compared.summary()
    pd.testing.assert_frame_equal(again.items, compared.items)
    with pytest.raises(InputError, match="is not compared here"):
        compared.against("floor")


def test_every_policy_is_checked_on_every_day_as_by_itself(tmp_path):
    case = RollingCase.from_net(with_site(), renewables=Steady())
    store = tmp_path / "days.jsonl"
    options = {"days": 1, "workers": 1, "store": store, "scenarios": 2}
    compared = compare_policies(case, ["own"], **options)
    for (policy, day), row in compared.items.iterrows():
        check = validate(schedule_rolling(case, policy, day=day, scenarios=2), case.net)
        assert bool(row["passed"]) == check.passed
        assert row["bus_hours"] == check.violating_bus_hours
        assert row["bus_hours_without"] == check.violating_bus_hours_without > row["bus_hours"]
        assert row["vm_min_pu"] == check.hours["vm_min_pu"].min()
    checks = compared.checks
    assert checks.index.tolist() == ["own"]
    assert (checks["days"] == 1).all()
    assert f"AC power flow, own: {checks.at['own', 'passed']} of 1 days pass" in compared.summary()
    assert len(store.read_text().splitlines()) == 1
    with pytest.raises(InputError, match="of another study"):
        compare_policies(case, ["own"], **{**options, "scenarios": 4})
    plain = compare_policies(case, ["own"], days=1, check=False, workers=1)
    assert plain.checks.empty
    assert "no day was checked" in plain.summary()


@pytest.mark.parametrize("workers", [1, 2])
def test_an_interrupt_loses_no_finished_day(case, tmp_path, workers):
    store = tmp_path / "days.jsonl"

    def stop(row):
        if row.done == 3:
            raise KeyboardInterrupt

    options = {"days": 3, "workers": workers, "store": store}
    cut = compare_policies(case, ["own", "pool"], check=False, progress=stop, **options)
    assert cut.interrupted
    finished = len(cut.items)
    assert finished >= 3
    assert len(store.read_text().splitlines()) == finished
    seen = []
    # a line that was being written when the power went
    store.write_text(store.read_text() + '{"study": "')
    rest = compare_policies(case, ["own", "pool"], check=False, progress=lambda row: seen.append(row.done), **options)
    assert seen == list(range(finished + 1, 7))
    assert not rest.interrupted
    whole = compare_policies(case, ["own", "pool"], check=False, days=3, workers=1)
    pd.testing.assert_frame_equal(rest.days, whole.days)


def test_stored_days_of_another_study_are_refused(case, tmp_path):
    store = tmp_path / "days.jsonl"
    compare_policies(case, ["pool"], check=False, days=1, workers=1, store=store)
    with pytest.raises(InputError, match="of another study"):
        compare_policies(case, ["pool"], check=False, days=1, seed=9, workers=1, store=store)
    lines = store.read_text()
    store.write_text("broken\n" + lines)
    with pytest.raises(InputError, match="line 1 cannot be read"):
        compare_policies(case, ["pool"], check=False, days=1, workers=1, store=store)


def test_an_error_in_a_day_is_raised(case):
    class Broken:
        name = "broken"

        def decide(self, state, rng):
            raise InputError("this policy is broken; mend it.")

    with pytest.raises(InputError, match="mend it"):
        compare_policies(case, ["pool", Broken()], check=False, days=1, workers=1)


def test_all_faults_of_the_arguments_at_once(case):
    with pytest.raises(InputError) as error:
        compare_policies(case, ["pool", "pool", "rollut"], check=False, days=0)
    assert len(error.value.findings) == 3
