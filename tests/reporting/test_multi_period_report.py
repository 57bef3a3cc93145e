"""The report of a plan for many periods: every number in it is one of the plan's, whatever the horizon looks like."""

from __future__ import annotations

import copy

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

import adnflex
from adnflex.reporting import figure
from adnflex.reporting.canvas.calendar import Calendar
from adnflex.reporting.kinds import sorted_by_kind
from adnflex.reporting.multi_period.scope import compared, looked_at
from adnflex.reporting.views import NetFacts, NothingToDraw
from tests.region_nets import feeder
from tests.reporting.reader import Reader


@pytest.fixture(scope="module")
def day():
    """Two windows of a ring with prices, whose best states differ, and one period that breaks a limit before."""
    net = feeder(tap=False, bank=False)
    net.line["max_loading_percent"] = 100.0
    loads = len(net.load)
    low, high = np.linspace(0.2, 2.0, loads), np.linspace(2.0, 0.2, loads)
    share = np.array([low, low, high, high])
    stamps = pd.date_range("2024-05-29 12:00", periods=4, freq="6h").strftime("%Y-%m-%d %H:%M")
    profiles = {
        ("load", "p_mw"): pd.DataFrame(share * net.load["p_mw"].to_numpy(), columns=net.load.index).assign(time=stamps)
    }
    options = {"loss_cost_per_mwh": [10.0, 20.0, 30.0, 40.0], "co2_kg_per_mwh": 300.0}
    plan = adnflex.reconfigure(net, profiles=profiles, windows="day", workers=1, vm_limits=(0.8, 1.2), **options)
    return net, plan, adnflex.validate(plan, net)


def text_of(blocks) -> str:
    reader = Reader()
    reader.feed("".join(blocks))
    return " ".join(reader.words).replace("\u202f", " ")


def view_of(plan, check=None):
    (shown,) = sorted_by_kind([plan], check, NetFacts())
    (view,) = shown.views
    return view


def test_what_is_compared_is_what_the_periods_say(day):
    _, plan, check = day
    words = text_of(compared(view_of(plan, check)))
    table = plan.periods
    for column in ("loss_before_mw", "loss_peak_mw", "loss_mw"):
        assert f"{(table[column] * 6).sum():.2f} MWh" in words
        assert f"{(table[column] * table['loss_cost_per_mwh'] * 6).sum():.2f}" in words
    assert (table["loss_cost_per_mwh"] * table["loss_mw"] * 6).sum() == pytest.approx(plan.cost)


def test_what_was_looked_at_names_missing_limits_and_who_judged(day):
    net, plan, check = day
    words = text_of(looked_at(view_of(plan, check)))
    assert "4 periods by pandapower" in words
    assert "voltage low, voltage high, loading" in words
    assert "none is set" not in words
    assert "short circuit" in words
    bare = copy.deepcopy(net)
    for table in ("line", "trafo"):
        bare[table] = bare[table].drop(columns="max_loading_percent", errors="ignore")
    other = adnflex.reconfigure(bare, situations={"a": bare}, workers=1, vm_limits=(0.8, 1.2))
    words = text_of(looked_at(view_of(other)))
    assert "none has been run" in words
    assert "none is set for loading" in words


def test_branches_that_change_are_drawn_from_when_they_do(day):
    _, plan, _ = day
    if len(plan.topologies) == 1:
        with pytest.raises(NothingToDraw):
            figure("open-branches", plan)
        return
    drawn = figure("open-branches", plan)
    heat = drawn.data[0]
    states = plan.switches.pivot(index=["element", "index"], columns="first_period", values="closed_after")
    changing = states[states.nunique(axis=1) > 1]
    assert (np.array(heat.z) == ~changing.to_numpy(dtype=bool)).all()
    assert [str(t)[:16] for t in heat.x] == ["2024-05-29T12:00", "2024-05-30T00:00", "2024-05-30T12:00"]


def test_the_band_ends_where_something_is_proven(day):
    _, plan, _ = day
    drawn = {trace.name: trace for trace in figure("value-of-switching", plan).data}
    found = drawn["saved by the best plan found"]
    assert list(found.y) == pytest.approx(plan.value_of_switching["saving"].tolist())
    proven = drawn.get("saved at most (proven)")
    if proven is not None:
        at_most = plan.value_of_switching["saving_at_most"].to_numpy()
        there = np.isfinite(np.array(proven.y, dtype=float))
        assert np.array(proven.y, dtype=float)[there] == pytest.approx(at_most[there])


@pytest.mark.parametrize("step", [0.25, 1.0, 3.0])
@pytest.mark.parametrize("dated", [True, False])
def test_every_period_has_its_own_cell(step, dated):
    count = int(40 * 24 / step)
    begins = pd.date_range("2024-02-27", periods=count, freq=pd.Timedelta(hours=step)).strftime("%Y-%m-%d %H:%M")
    calendar = Calendar(list(begins) if dated else [""] * count, step)
    values = np.arange(count, dtype=float)
    grid = calendar.grid(values)
    assert grid.shape == (round(24 / step), 40)
    assert (grid.T.ravel() == values).all()
    assert not calendar.few
    if dated:
        assert calendar.days[2] == "2024-02-29"
        assert calendar.texts[0] == "2024-02-27 00:00"
    beyond = np.zeros(count)
    beyond[[3, 50]] = 1.0
    marks = calendar.heat(values, "pu", beyond).data[1]
    assert len(marks.x) == 2
    lines = Calendar(list(begins[:8]) if dated else [""] * 8, step).lines({"a": (values[:8], "#000000", "solid")}, "x")
    assert list(lines.data[0].y) == [*values[:8], values[7]]


def test_periods_left_out_are_empty_cells():
    calendar = Calendar(["2024-01-01 06:00", "2024-01-03 12:00"], 6.0)
    grid = calendar.grid(np.array([1.0, 2.0]))
    assert grid.shape == (4, 3)
    assert np.isnan(grid).sum() == 10
    assert (grid[1, 0], grid[2, 2]) == (1.0, 2.0)


def test_situations_have_no_calendar_and_a_report_all_the_same(tmp_path):
    net = feeder(tap=False, bank=False)
    light = copy.deepcopy(net)
    light.load["p_mw"] *= 0.5
    plan = adnflex.reconfigure(net, situations={"<peak>": net, "light": light}, workers=1)
    for name in ("lowest-voltage", "voltage", "loading"):
        with pytest.raises(NothingToDraw):
            figure(name, plan)
    adnflex.report(plan, adnflex.validate(plan, net), tmp_path / "r.html")
    words = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "What was looked at, and what was not" in words
    assert "<peak>" not in words


def test_placeholder_ratings_are_not_drawn():
    net = pp.networks.case33bw()
    plan = adnflex.reconfigure(net, situations={"a": net}, max_operations=0, workers=1)
    assert plan.periods["loading_percent"].max() < 1.0
    with pytest.raises(NothingToDraw):
        figure("loading", plan)
