"""Figures of a rolling schedule show the numbers of its tables."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from adnflex.errors import InputError
from adnflex.reporting import figure
from adnflex.reporting.rolling.day import prices_of
from adnflex.reporting.rolling.view import views
from adnflex.reporting.views import NetFacts
from adnflex.verbs.report import net_facts


def named(fig, name):
    """The traces of this name."""
    return [trace for trace in fig.data if trace.name == name]


def test_items_end_at_the_total(run):
    bars = figure("costs", run).data
    starts, ends = np.asarray(bars[0].base), np.asarray(bars[0].base) + np.asarray(bars[0].x)
    assert ends[-2] == pytest.approx(run.total)
    assert bars[0].x[-1] == pytest.approx(run.total)
    assert starts[:-1] == pytest.approx([0.0, *ends[:-2]])


def test_items_of_policies_add_up_to_their_totals(comparison):
    fig = figure("policy-costs", comparison)
    total = np.sum([trace.x for trace in fig.data[:-1]], axis=0)
    assert total == pytest.approx(fig.data[-1].x)
    assert fig.data[-1].x == pytest.approx(comparison.days.mean().to_numpy())


def test_supply_and_use_are_equal_in_every_hour(run):
    fig = figure("balance", run)
    bars = [trace for trace in fig.data if trace.type == "bar"]
    assert {"sun", "wind", "vehicles"} <= {bar.name for bar in bars}
    assert np.sum([bar.y for bar in bars], axis=0) == pytest.approx(np.zeros(24), abs=1e-6)  # bars are rounded
    assert named(fig, "price")[0].y[0] == pytest.approx(500.0)


def test_price_is_left_out_where_the_run_does_not_know_it(run):
    old = dataclasses.replace(run, inputs={}, generation=pd.DataFrame())
    assert prices_of(old) is None
    fig = figure("balance", old)
    assert not named(fig, "price")
    assert named(fig, "sun and wind")
    assert np.isnan(figure("storage", old).data[0].y[0])


def test_storage_begins_with_the_energy_of_the_case(run, case):
    fig = figure("storage", run)
    lines = [trace for trace in fig.data if trace.type == "scatter" and trace.name]
    assert [line.y[0] for line in lines] == pytest.approx(case.storages.start)
    assert lines[0].y[1:] == pytest.approx(run.storage["e_mwh"].iloc[:, 0].to_numpy())
    limits = sorted(trace.y[0] for trace in fig.data if not trace.name)
    assert limits == pytest.approx([0.12, 1.08])


def test_many_storages_are_added_up(run):
    table = pd.concat(
        {(quantity, k): run.storage[quantity].iloc[:, 0] for quantity in ("p_mw", "e_mwh") for k in range(8)}, axis=1
    )
    fig = figure("storage", dataclasses.replace(run, storage=table))
    assert fig.data[0].name == "all 8 storages"
    assert fig.data[0].y[-1] == pytest.approx(8 * table["e_mwh"].iloc[-1, 0])


def test_vehicles_charge_within_their_elastic_capacity(run):
    fig = figure("vehicles", run)
    low, high, power = (np.asarray(named(fig, name)[0].y) for name in ("must have", "can take", "charging"))
    assert (low <= power + 1e-9).all()
    assert (power <= high + 1e-9).all()
    assert power.max() > 0


def test_exchange_shows_what_nodes_receive_and_give(run, case):
    fig = figure("exchange", run, None, net_facts(case.net))
    off = 1e3 * (run.exchange["import_mw"] - run.exchange["export_mw"])
    assert fig.data[0].z == pytest.approx(off.to_numpy().T, abs=1e-4)
    assert fig.data[0].y[0] == "bus 7 “8”"
    assert len(named(fig, "purchase")[0].x) == int((run.exchange["buy_mw"] > 1e-6).sum().sum())


def test_voltages_stand_before_and_after_stage_two(run, check, case):
    fig = figure("voltage-band", run, check, net_facts(case.net))
    for name, table in (("without stage two", check.vm_without_pu), ("with stage two", check.vm_pu)):
        low, high = named(fig, name)
        assert min(low.y) == pytest.approx(table.min().min())
        assert max(high.y) == pytest.approx(table.max().max())
    assert sorted({trace.y[0] for trace in named(fig, "limit")}) == [0.95, 1.05]
    marked = [
        sum(len(trace.x) for trace in figure(name, run, check, net_facts(case.net)).data[1:])
        for name in ("voltage-without", "voltage")
    ]
    assert marked == [check.violating_bus_hours_without, check.violating_bus_hours]


def test_without_a_check_only_the_expected_voltages_are_drawn(run):
    fig = figure("voltage-band", run)
    assert {trace.name for trace in fig.data if trace.name} == {"with stage two"}
    with pytest.raises(InputError, match="has no voltages without stage two"):
        figure("voltage-without", run)


def test_reactive_power_is_that_of_the_sources(run, case):
    fig = figure("reactive", run, None, net_facts(case.net))
    assert [trace.name for trace in fig.data] == ["source 6 “SVC 13”", "source 7 “SVC 24”", "source 8 “SVC 30”"]
    assert fig.data[0].y == pytest.approx(run.reactive[6].to_numpy())


def test_differences_are_paired(comparison):
    fig = figure("difference", comparison, reference="pool")
    table = comparison.against("pool")
    for trace in fig.data:
        assert trace.x[0] == pytest.approx(table.at[trace.name, "difference"])
        assert trace.error_x.array[0] == pytest.approx(table.at[trace.name, "ci95"])
        sure = abs(table.at[trace.name, "difference"]) > table.at[trace.name, "ci95"]
        assert (trace.marker.color != "white") == sure
    days = figure("days", comparison, reference="floor")
    assert (np.concatenate([trace.x for trace in days.data]) >= -1e-6).all()
    assert len(figure("totals", comparison).data) == 3


def test_a_policy_far_off_does_not_press_the_others_flat(comparison):
    far = dataclasses.replace(comparison, days=comparison.days.assign(own=comparison.days["pool"] + 5000.0))
    fig = figure("difference", far, reference="pool")
    assert fig.layout.xaxis.range[1] < 100
    assert named(fig, "own")[0].marker.symbol == "triangle-right"
    assert "+5\u202f000.00" in fig.layout.yaxis.ticktext[-1]
    spread = figure("days", far, reference="pool")
    assert spread.layout.xaxis.range[1] < 100
    assert spread.layout.yaxis.ticktext[-1].strip().endswith("→</b>")


def test_a_single_day_has_no_interval(comparison):
    one = dataclasses.replace(comparison, days=comparison.days.iloc[:1])
    fig = figure("difference", one, reference="pool")
    assert all(trace.marker.color == "white" for trace in fig.data)
    assert "±" not in "".join(fig.layout.yaxis.ticktext)
    assert len(figure("policy-costs", one).data) == 6


@pytest.mark.parametrize("name", ["balance", "storage", "vehicles", "exchange", "reactive"])
def test_empty_tables_are_refused_with_a_reason(run, name):
    empty = dataclasses.replace(
        run, actions=run.actions.iloc[:0], reactive=run.reactive.iloc[:0], storage=run.storage.iloc[:0]
    )
    with pytest.raises(InputError, match="nothing to draw"):
        figure(name, empty)


def test_wrong_arguments_are_refused(run, comparison):
    with pytest.raises(InputError, match="run: there is none"):
        figure("costs", comparison)
    with pytest.raises(InputError, match="no common days"):
        figure("totals", run)
    with pytest.raises(InputError, match="check: is a str"):
        figure("voltage-band", run, "passed")
    with pytest.raises(InputError, match="'mpc' is not compared here"):
        figure("difference", comparison, reference="mpc")
    with pytest.raises(InputError, match="nothing to draw"):
        figure("totals", dataclasses.replace(comparison, days=comparison.days.iloc[:0]))


def test_the_first_screen_is_about_the_policy_of_the_run_or_the_cheapest_fair_one(run, comparison):
    for results in ([run, comparison], [comparison]):
        view = views(results, [None] * len(results), NetFacts())[0]
        assert (view.policy, view.base) == ("rollout", "pool")
