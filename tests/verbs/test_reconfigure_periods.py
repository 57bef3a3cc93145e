"""Reconfigure over many periods as a caller sees it: what is read, refused, applied, saved, reported."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandapower as pp
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pandapower import pandapowerNet

import adnflex
from adnflex.arguments.table import ARGUMENTS
from adnflex.errors import Infeasible, InputError, TimeExpired
from adnflex.problems.multi_period.all_sequences import AllSequences
from adnflex.problems.multi_period.evaluation import Evaluator
from adnflex.problems.multi_period.run_bounds import RunBounds
from adnflex.reporting import figure
from adnflex.study.axis import TimeAxis
from adnflex.study.windows import spans_of_windows, window_of_periods

Profiles = dict[tuple[str, str], pd.DataFrame]


def ring() -> pandapowerNet:
    """Four buses in a ring, fed at one."""
    net = pp.create_empty_network()
    for _ in range(4):
        pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1)
    pp.create_ext_grid(net, 0, vm_pu=1.0)
    for k in range(4):
        line = pp.create_line_from_parameters(net, k, (k + 1) % 4, 5.0, 0.5, 0.4, 0.0, 0.4, max_loading_percent=100.0)
        pp.create_switch(net, k, int(line), "l", closed=k != 2)
    for bus in (1, 2, 3):
        pp.create_load(net, bus, 1.0, 0.2)
    return net


def hours(net: pandapowerNet) -> Profiles:
    """Two hours: the load is at one end of the ring, then at the other."""
    return {("load", "p_mw"): pd.DataFrame([[3.0, 1.5, 0.1], [0.1, 1.5, 3.0]], columns=net.load.index)}


KNOBS: dict[str, Any] = {"hours_per_period": 1.0, "workers": 1}


@pytest.fixture(scope="module")
def net() -> pandapowerNet:
    return ring()


@pytest.fixture(scope="module")
def plan(net: pandapowerNet) -> adnflex.MultiPeriodPlan:
    found = adnflex.reconfigure(net, profiles=hours(net), windows=1.0, start="free", **KNOBS)
    assert isinstance(found, adnflex.MultiPeriodPlan)
    return found


def test_every_hour_has_its_topology_and_passes(net: pandapowerNet, plan: adnflex.MultiPeriodPlan) -> None:
    assert len(plan.topologies) == 2
    assert plan.status == "optimal"
    check = adnflex.validate(plan, net)
    assert check.passed
    assert check.energy_mwh == pytest.approx(plan.energy_mwh, rel=1e-6)
    for period in plan.periods.index:
        after = plan.apply(net, int(period))
        pp.runpp(after)
        assert after.res_line["pl_mw"].sum() == pytest.approx(plan.periods.at[period, "loss_mw"], rel=1e-6)
        assert after.load["p_mw"].tolist() == hours(net)["load", "p_mw"].loc[period].tolist()


def test_it_is_saved_loaded_and_reported(net: pandapowerNet, plan: adnflex.MultiPeriodPlan, tmp_path: Path) -> None:
    plan.save(tmp_path / "plan.json")
    again = adnflex.load(tmp_path / "plan.json")
    assert repr(again) == repr(plan)
    check = adnflex.validate(plan, net)
    check.save(tmp_path / "check.json")
    assert repr(adnflex.load(tmp_path / "check.json")) == repr(check)
    text = adnflex.report(again, check, tmp_path / "report.html").read_text()
    assert "Value of switching" in text
    assert "Passed" in text


@pytest.mark.parametrize("most", [None, 0, 2, 4, 6])
def test_what_changes_are_worth_is_told_within_the_budget(net: pandapowerNet, most: int | None) -> None:
    days = {key: pd.concat([table] * 2, ignore_index=True) for key, table in hours(net).items()}
    knobs = {"profiles": days, "windows": 1.0, "max_operations": most, **KNOBS}
    found = adnflex.reconfigure(net, **knobs)
    single = adnflex.reconfigure(net, **{**knobs, "windows": None})
    words = next(n for n in found.notes if "proven" in n)
    assert (f"at most {most} operations" in words) == (most is not None)
    told = re.search(r"than ([\d.e-]+) MWh", words) or re.search(r"saves at most ([\d.e-]+) MWh", words)
    assert told is not None
    # no better than the bound allows, against the best topology that the budget allows
    assert float(told[1]) == pytest.approx(max(single.objective - found.bound, 0.0), rel=2e-3, abs=1e-6)


def test_situations_are_periods_with_names(net: pandapowerNet) -> None:
    situations = {}
    for row, name in enumerate(("left", "right")):
        situations[name] = ring()
        situations[name].load["p_mw"] = hours(net)["load", "p_mw"].loc[row].to_numpy()
    named = adnflex.reconfigure(net, situations=situations, period_weights=[3.0, 1.0], workers=1)
    same = adnflex.reconfigure(net, profiles=hours(net), period_weights=[3.0, 1.0], **KNOBS)
    assert isinstance(named, adnflex.MultiPeriodPlan)
    assert isinstance(same, adnflex.MultiPeriodPlan)
    assert named.objective == pytest.approx(same.objective)
    assert named.situations == ("left", "right")
    assert named.apply(net, "right").load["p_mw"].tolist() == [0.1, 1.5, 3.0]
    other = ring()
    other.line.loc[0, "length_km"] = 6.0
    with pytest.raises(InputError, match="differs from the net in more than"):
        adnflex.reconfigure(net, situations={"other": other}, workers=1)


def test_money_and_carbon_are_told_in_their_units(net: pandapowerNet, tmp_path: Path) -> None:
    price, factor = np.array([40.0, 400.0]), np.array([300.0, 20.0])
    knobs = {**KNOBS, "profiles": hours(net), "loss_cost_per_mwh": price, "co2_kg_per_mwh": factor}
    plans = {word: adnflex.reconfigure(net, objective=word, **knobs) for word in ("losses", "cost", "carbon")}
    names = {"losses": "energy_mwh", "cost": "cost", "carbon": "carbon_kg"}
    units = {"losses": "MWh", "cost": "EUR", "carbon": "kg"}
    for word, plan in plans.items():
        assert isinstance(plan, adnflex.MultiPeriodPlan)
        lost = plan.periods["loss_mw"].to_numpy()
        assert plan.unit == units[word]
        assert plan.energy_mwh == pytest.approx(lost.sum())
        assert plan.cost == pytest.approx(lost @ price)
        assert plan.carbon_kg == pytest.approx(lost @ factor)
        assert plan.objective == pytest.approx(getattr(plan, names[word]))
        assert f"bound {plan.bound:.6g} {plan.unit}" in plan.summary()
        assert f"{plan.saving_cost:.6g} EUR" in plan.summary()
        check = adnflex.validate(plan, net)
        assert check.objective == pytest.approx(plan.objective)
        assert check.certificate == pytest.approx(0.0, abs=1e-3)
        plan.save(tmp_path / f"{word}.json")
        assert repr(adnflex.load(tmp_path / f"{word}.json")) == repr(plan)
        assert f"saved [{plan.unit}]" in str(figure("value-of-switching", plan).layout)
    # what prices find, weights find too, in another unit
    same = adnflex.reconfigure(net, profiles=hours(net), period_weights=price, **KNOBS)
    assert isinstance(same, adnflex.MultiPeriodPlan)
    assert same.objective == pytest.approx(plans["cost"].objective)
    assert same.unit == "MWh"


def test_prices_of_the_net_are_those_of_its_losses(net: pandapowerNet) -> None:
    priced = ring()
    priced.ext_grid[["price_per_mwh", "co2_kg_per_mwh"]] = (80.0, 250.0)
    priced["study"] = {"currency": "CHF", "carbon_price_per_kg": 0.1}
    plan = adnflex.reconfigure(priced, objective="cost", profiles=hours(net), **KNOBS)
    assert isinstance(plan, adnflex.MultiPeriodPlan)
    assert (plan.unit, plan.objective) == ("CHF", pytest.approx(plan.energy_mwh * (80.0 + 0.1 * 250.0)))
    assert any("ext_grid.price_per_mwh" in note for note in plan.notes)


def test_the_model_of_means_is_whole(net: pandapowerNet) -> None:
    model = adnflex.model(net, "reconfigure", profiles=hours(net), hours_per_period=1.0)
    assert model.name == "many_periods_directed"
    assert len(model.at) == 2


@pytest.mark.parametrize(
    ("knobs", "words"),
    [
        ({"windows": 1.0}, "is for many periods"),
        ({"windows": [0, 0]}, "overlap or are not in order"),
        ({"windows": [1]}, "begins with period 1"),
        ({"windows": [5]}, "period 5 is not in the horizon"),
        ({"windows": [range(2), [1]]}, "0 and 1 overlap, both have period 1"),
        ({"windows": [[1], [0]]}, "0 has period 1, which comes after the beginning of 1"),
        ({"windows": [[1]]}, "period 0 in none"),
        ({"windows": [[0, 1], [2]]}, "period 2 of window 1 is not in the horizon"),
        ({"windows": 1.5}, "no whole number of periods"),
        ({"windows": "year"}, "'month', 'week', 'day'"),
        ({"windows": "month"}, "no times with a date"),
        ({"windows": "fixed"}, "there is nothing to decide; leave windows out"),
        ({"windows": 0.5}, "at least one period"),
        ({"period_weights": [1.0]}, "there are 2 periods"),
        ({"period_weights": [-1.0, 1.0]}, "numbers of 0 or more"),
        ({"objective": "voltage"}, "'losses' .MWh., 'cost' .money. or 'carbon' .kg. is minimised"),
        ({"objective": "cost"}, "what losses are worth is not known"),
        ({"objective": "carbon", "co2_kg_per_mwh": 0.0}, "it is 0 in every period"),
        ({"objective": "cost", "loss_cost_per_mwh": [10.0, -5.0]}, "in 1 of 2 periods, first in period 1 with -5 "),
        ({"loss_cost_per_mwh": [1.0, 2.0, 3.0]}, "loss_cost_per_mwh: are 3, and there are 2 periods"),
        ({"carbon_price_per_kg": 0.1}, "the emission of losses is not known"),
        ({"formulation": "lindistflow"}, "bounded by"),
        ({"limits": "hard"}, "give 'all', 'soft', 'EN50160'"),
        ({"limits": ("soft", "soft")}, "give 'all', 'soft', 'EN50160'"),
    ],
)
def test_bad_input_is_refused_by_name(net: pandapowerNet, knobs: dict[str, Any], words: str) -> None:
    series = {} if knobs == {"windows": 1.0} else {"profiles": hours(net), **KNOBS}
    with pytest.raises(InputError, match=words):
        adnflex.reconfigure(net, **{**series, **knobs})


@pytest.mark.parametrize("count", [2, 3, 4])
def test_an_interrupt_of_the_search_gives_what_was_found(
    net: pandapowerNet, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, calls = Evaluator.fresh, iter(range(1, 10**6))

    def interrupted(self: Evaluator, state: frozenset[int]) -> Any:
        if next(calls) == count:
            raise KeyboardInterrupt
        return run(self, state)

    monkeypatch.setattr(Evaluator, "fresh", interrupted)
    plan = adnflex.reconfigure(net, profiles=hours(net), **KNOBS)
    assert isinstance(plan, adnflex.MultiPeriodPlan)
    assert plan.status == "interrupted"
    assert plan.bound <= plan.objective <= plan.energy_before_mwh + 1e-12
    assert adnflex.validate(plan, net).passed


@pytest.mark.parametrize("knobs", [{}, {"windows": 1.0}, {"windows": 1.0, "runs": True}], ids=str)
def test_an_interrupt_at_any_report_gives_what_was_found(
    net: pandapowerNet, knobs: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    if knobs.get("runs"):
        monkeypatch.setattr(AllSequences, "of", lambda *_, **__: None)
    asked = {"profiles": hours(net), "windows": knobs.get("windows"), **KNOBS}
    adnflex.reconfigure(net, progress=lambda row: told.append(row.event), **asked)
    assert len(told) > 1
    # at the last report nothing is left to interrupt
    for at in range(len(told) - 1):
        heard: list[str] = []

        def hear(row: Any, at: int = at, heard: list[str] = heard) -> None:
            heard.append(row.event)
            if len(heard) == at + 1:
                raise KeyboardInterrupt

        plan = adnflex.reconfigure(net, progress=hear, **asked)
        assert isinstance(plan, adnflex.MultiPeriodPlan)
        assert plan.status == "interrupted"
        assert 0 <= plan.bound <= plan.objective
        assert adnflex.validate(plan, net).passed


def test_a_year_is_a_year(net: pandapowerNet) -> None:
    with pytest.raises(InputError, match=r"2 periods of 1 h, which is 0\.0833333 days"):
        adnflex.reconfigure(net, profiles=hours(net), year=True, **KNOBS)
    with pytest.raises(InputError, match="leave periods and situations out"):
        adnflex.reconfigure(net, profiles=hours(net), periods=[0], year=True, **KNOBS)
    two = hours(net)
    days = {key: pd.concat([frame] * 365 * 6, ignore_index=True) for key, frame in two.items()}
    short, year = (
        adnflex.reconfigure(net, profiles=p, **{**KNOBS, "hours_per_period": h, **more})
        for p, h, more in ((two, 4380.0, {}), (days, 2.0, {"year": True}))
    )
    assert isinstance(year, adnflex.MultiPeriodPlan)
    assert year.objective == pytest.approx(short.objective, rel=1e-6)
    assert year.gap <= 1e-4


def test_an_hour_that_nothing_can_meet_is_named(net: pandapowerNet) -> None:
    words = (
        r"keep every limit in every period \((not )?proven\); of all 4 radial states none does in 2 of 2 periods, "
        r"worst in period \d, .*exceeded by [0-9.]+ in all .*, most by .* at bus \d+: 0\.\d+ against 0\.999 pu"
    )
    with pytest.raises(Infeasible, match=words) as caught:
        adnflex.reconfigure(net, profiles=hours(net), vm_limits=(0.999, 1.001), **KNOBS)
    table = caught.value.violations
    assert isinstance(table, pd.DataFrame)
    assert (table["excess"] > 0).all()
    soft = adnflex.reconfigure(net, profiles=hours(net), vm_limits=(0.999, 1.001), limits="soft", **KNOBS)
    assert isinstance(soft, adnflex.MultiPeriodPlan)
    assert len(soft.infeasible_periods)
    assert np.isneginf(soft.bound)
    for words in ("soft,bus.min_vm_pu=0.999,bus.max_vm_pu=1.001", "soft,EN50160"):
        both = adnflex.reconfigure(net, profiles=hours(net), limits=ARGUMENTS["limits"].from_words([words]), **KNOBS)
        assert isinstance(both, adnflex.MultiPeriodPlan)
        assert both.asked_limits.soft
        assert len(both.infeasible_periods) == (0 if "EN" in words else len(soft.infeasible_periods))
    with pytest.raises(InputError, match="'soft' is for reconfigure over many periods"):
        adnflex.reconfigure(net, limits="soft")


def test_the_smallest_budget_that_works_is_named(net: pandapowerNet) -> None:
    heavy = {("load", "p_mw"): pd.DataFrame([[10.0, 3.0, 0.1]] * 2, columns=net.load.index)}
    for windows in (None, 1.0):
        with pytest.raises(Infeasible, match=r"at most 0 operations \(proven\); the smallest number that does is 2"):
            adnflex.reconfigure(net, profiles=heavy, windows=windows, max_operations=0, **KNOBS)
        found = adnflex.reconfigure(net, profiles=heavy, windows=windows, max_operations=2, **KNOBS)
        assert isinstance(found, adnflex.MultiPeriodPlan)
        assert found.operations == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda p: {("load", "p_mw"): p.where(p != 0.1)}, "load 2: p_mw is not a number in period 0"),
        (lambda p: {("load", "p_mw"): p.set_index(pd.Index([0, 2]))}, "rows are numbered 0 and then 2"),
        (lambda p: {("load", "p_mw"): p, ("load", "q_mvar"): p.set_index(pd.Index([5, 6]))}, "number their rows alike"),
        (lambda p: {("load", "p_mw"): p, ("load", "q_mvar"): p.iloc[:1]}, "different lengths"),
        (lambda p: {("load", "p_mw"): p.assign(**{"99": 1.0})}, "columns 99 are no index of net.load"),
    ],
)
def test_series_that_do_not_fit_are_refused_by_name(net: pandapowerNet, change: Any, words: str) -> None:
    with pytest.raises(InputError, match=words):
        adnflex.reconfigure(net, profiles=change(hours(net)["load", "p_mw"]), **KNOBS)


def test_memory_is_told_before_it_is_used(net: pandapowerNet) -> None:
    # a table that says that it is long
    long = pd.DataFrame(np.broadcast_to(np.zeros((1, 3)), (10**10, 3)), columns=net.load.index, copy=False)
    with pytest.raises(InputError, match="GiB of memory"):
        adnflex.reconfigure(net, profiles={("load", "p_mw"): long}, **KNOBS)


def test_windows_follow_the_calendar() -> None:
    begins = [str(t) for t in pd.date_range("2024-01-30", periods=6, freq="12h")]
    axis = TimeAxis(tuple(range(6)), 12.0, (0.0, 12.0) * 3, tuple(begins))
    assert window_of_periods(axis, "month").tolist() == [0, 0, 0, 0, 1, 1]
    assert window_of_periods(axis, "day").tolist() == [0, 0, 1, 1, 2, 2]
    assert window_of_periods(axis, None).tolist() == [0] * 6


@given(st.lists(st.integers(1, 5), min_size=1, max_size=6), st.integers(0, 30))
def test_windows_mean_the_same_however_they_are_said(lengths: list[int], first: int) -> None:
    axis = TimeAxis.counted(range(first, first + sum(lengths)), 0.5, 3.0)
    ends = [first, *(first + np.cumsum(lengths)).tolist()]
    spans = [range(a, b) for a, b in pairwise(ends)]
    window = window_of_periods(axis, spans)
    assert window.tolist() == window_of_periods(axis, ends[:-1]).tolist()
    assert [[axis.rows[k] for k in span] for span in spans_of_windows(window)] == [list(span) for span in spans]
    words = ",".join(f"{a}:{b}" for a, b in pairwise(ends))
    assert window.tolist() == window_of_periods(axis, ARGUMENTS["windows"].from_words([words])).tolist()


def test_without_a_choice_the_only_topology_is_proven(net: pandapowerNet) -> None:
    plan = adnflex.reconfigure(net, profiles=hours(net), locked_lines=[0, 1, 2, 3], **KNOBS)
    assert isinstance(plan, adnflex.MultiPeriodPlan)
    assert (plan.status, plan.operations) == ("optimal", 0)
    assert plan.bound == pytest.approx(plan.objective)
    assert plan.energy_mwh == pytest.approx(plan.energy_before_mwh)


def test_the_present_state_is_the_first_answer_whatever_the_time(net: pandapowerNet) -> None:
    for profiles in (hours(net), {k: pd.concat([v] * 40, ignore_index=True) for k, v in hours(net).items()}):
        plan = adnflex.reconfigure(net, profiles=profiles, time_limit=1e-9, **KNOBS)
        assert isinstance(plan, adnflex.MultiPeriodPlan)
        assert (plan.operations, plan.status) == (0, "time_limit")
        assert plan.bound <= plan.objective
        assert adnflex.validate(plan, net).passed


def test_no_state_that_was_run_is_no_proof_that_there_is_none(net: pandapowerNet) -> None:
    meshed = ring()
    meshed.switch["closed"] = True
    with pytest.raises(TimeExpired, match="before any switch states were run"):
        adnflex.reconfigure(meshed, profiles=hours(net), time_limit=1e-9, **KNOBS)


def test_what_was_not_bounded_is_not_said_to_be(net: pandapowerNet, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few states of many are run at every point before runs of windows are proven; without a bound nothing is told."""
    monkeypatch.setattr(AllSequences, "of", lambda *_, **__: None)
    monkeypatch.setattr(RunBounds, "improved", lambda *_: 0.0)
    plan = adnflex.reconfigure(net, profiles=hours(net), windows=1.0, **KNOBS)
    assert isinstance(plan, adnflex.MultiPeriodPlan)
    said = [note for note in plan.notes if "topolog" in note]
    assert said
    assert all("not bounded" in note and "proven" not in note for note in said)
    assert "bound: 0 proofs of" in plan.solver
    saved = plan.value_of_switching[["saving", "saving_mwh"]].to_numpy()
    assert ((saved == 0) | (abs(saved) > 1e-12)).all()
