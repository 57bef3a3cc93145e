"""Voltages and currents in a few figures, against sums by hand; words that say which way they go."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from adnflex.errors import InputError
from adnflex.reporting import figure
from adnflex.reporting.dispatch import power
from adnflex.reporting.dispatch.readings import carrying, currents, currents_words, voltage_spread
from adnflex.reporting.dispatch.view import views


def seen(case):
    plan, check = case
    return views([plan], [check])[0]


def test_readings_of_one_scenario_are_those_of_the_table(day):
    v = day[1].vm_pu.to_numpy()
    found = voltage_spread(seen(day))
    assert found.whole == pytest.approx(100 * (v.max() - v.min()))
    assert found.period == pytest.approx(100 * np.ptp(v, axis=1).max())
    assert found.period_mean == pytest.approx(100 * np.ptp(v, axis=1).mean())
    assert found.bus == pytest.approx(100 * np.ptp(v, axis=0).max())
    assert found.bus_mean == pytest.approx(100 * np.ptp(v, axis=0).mean())


def test_readings_of_scenarios_are_weighed_and_keep_scenarios_apart(fan):
    plan, check = fan
    weights = plan.scenarios["probability"].to_numpy()
    tables = [plan.of(check.vm_pu, s).to_numpy() for s in plan.scenarios.index]
    found = voltage_spread(seen(fan))
    assert found.bus == pytest.approx(100 * max(np.ptp(t, axis=0).max() for t in tables))
    assert found.bus_mean == pytest.approx(100 * weights @ [np.ptp(t, axis=0).mean() for t in tables])
    assert found.period_mean == pytest.approx(100 * weights @ [np.ptp(t, axis=1).mean() for t in tables])


def test_currents_leave_out_what_never_carries_any(day):
    plan, check = day
    table = check.i_ka.copy()
    dead = table.columns[0]
    table[dead] = 0.0
    check = replace(check, i_ka=table)
    view = seen((plan, check))
    assert dead not in carrying(view).columns
    live = 1e3 * check.i_ka.drop(columns=[dead]).to_numpy()
    assert currents(view).largest == pytest.approx(live.max())
    assert currents(view).mean == pytest.approx(live.mean())


def test_words_say_which_way_each_goes(day):
    plan, check = day
    energy = plan.energy.copy()
    energy.loc["losses"] *= 2
    more = replace(plan, energy=energy)
    # one branch falls, all others rise
    table = check.i_ka * 1.5
    table[check.i_ka.max().idxmax()] = 0.1 * check.i_ka.max().max()
    both = views([plan, more], [check, replace(check, i_ka=table)])
    told = currents_words(both)
    assert told.startswith(f"From {both[0].name} to {both[1].name} the largest current ")
    assert "the losses rise (" in told
    assert "losses stay the same" in currents_words(views([plan, plan], [check, check]))


@pytest.mark.parametrize("draw", [power.study_currents, power.study_voltages, power.bus_voltages])
def test_figures_of_studies_have_a_line_of_each(draw, day, fan):
    both = [seen(day), seen(day)]
    names = {trace.name.partition(" (")[0].partition(",")[0] for trace in draw(both).data}
    assert names == {both[0].name}
    assert len(draw([seen(fan), seen(fan)]).data) >= 2


def test_currents_are_drawn_without_ratings(day):
    plan, check = day
    plain = replace(check, loading_percent=0.0 * check.loading_percent)
    with pytest.raises(InputError, match="no ratings"):
        figure("loading", plan, plain)
    fig = figure("currents", plan, plain)
    assert np.nanmax(fig.data[0].z) == pytest.approx(1e3 * check.i_ka.max().max(), rel=1e-4)


def test_reactive_power_is_drawn_where_no_device_moves(day):
    plan, check = day
    idle = {name: 0.0 * getattr(plan, name) for name in ("generation", "storage", "converters", "bank_mvar")}
    fig = figure("reactive", replace(plan, **idle), check)
    assert [t.name for t in fig.data if t.name] == ["import"]
