"""Every figure shows what it says, and refuses what it cannot draw."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from plotly import graph_objects as go

from adnflex.errors import InputError
from adnflex.reporting import figure
from adnflex.reporting.reconfiguration import KIND
from docs import figures

from .studies import bare

FIGURES = sorted(KIND.figures)


def test_the_page_of_figures_is_made_of_the_functions_that_draw_them():
    written = figures.PAGE.read_text(encoding="utf-8")
    assert written == figures.page(), "python docs/figures.py"
    assert "|  |  |" not in written


def named(fig: go.Figure, name: str):
    return next(trace for trace in fig.data if trace.name == name)


@pytest.mark.parametrize("name", FIGURES)
def test_each_figure_is_a_plotly_figure(name, case33):
    fig = figure(name, *case33)
    assert isinstance(fig, go.Figure)
    assert fig.layout.height > 150
    assert "NaN" not in fig.to_json()
    assert len(fig.data) > 0


@pytest.mark.parametrize("name", FIGURES)
def test_each_figure_refuses_what_is_no_plan_or_check(name, case33):
    plan, check = case33
    with pytest.raises(InputError, match=r"plan: is a dict; give .*adnflex\.Plan"):
        figure(name, {}, check)
    with pytest.raises(InputError, match=r"check: is a Plan; give .*adnflex\.Check"):
        figure(name, plan, plan)


@pytest.mark.parametrize("name", ["network", "voltage-profile", "losses", "tightness"])
def test_figures_that_the_model_can_fill_need_no_check(name, case33):
    assert isinstance(figure(name, case33[0], None), go.Figure)


def test_loadings_need_a_check(case33):
    with pytest.raises(InputError, match="validate the plan first"):
        figure("loading", case33[0], None)
    with pytest.raises(InputError, match="validate the plan first"):
        figure("network", case33[0], None, colour="loading")


@pytest.mark.parametrize("name", ["network", "voltage-profile"])
def test_maps_need_drawing_tables(name, case33):
    with pytest.raises(InputError, match="drawing_tables"):
        figure(name, bare(case33[0]), case33[1])


def test_unknown_state_and_colour_are_told_together(case33):
    with pytest.raises(InputError) as error:
        figure("network", *case33, state="now", colour="price")
    assert len(error.value.findings) == 2


@pytest.mark.parametrize("case", ["case33_tree", "oberrhein"])
@pytest.mark.parametrize("state", ["before", "after"])
def test_operated_branches_are_marked_and_open_ones_dashed(case, state, request):
    plan, check = request.getfixturevalue(case)
    fig = figure("network", plan, check, state=state)
    closes, opens = named(fig, "closed by the plan"), named(fig, "opened by the plan")
    assert len(closes.x) == len(opens.x) == plan.operations / 2
    hollow = closes if state == "before" else opens
    assert hollow.marker.color == "white"
    dashed = [t for t in fig.data if t.line.dash]
    assert len(dashed) == 1
    open_now = (~plan.topology[f"closed_{state}"]).sum()
    assert np.isnan(dashed[0].x).sum() == open_now


def test_both_states_share_scale_and_places(case33):
    before, after = (figure("network", *case33, state=s) for s in ("before", "after"))
    for one, other in zip(bars_of(before), bars_of(after), strict=True):
        assert (one.cmin, one.cmax) == (other.cmin, other.cmax)
    assert np.array_equal(before.data[-1].x, after.data[-1].x)


def bars_of(fig):
    return [t.marker for t in fig.data if t.marker.showscale]


def test_colouring_shows_one_mode_at_a_time(oberrhein):
    for colour in ("voltage", "loading"):
        fig = figure("network", *oberrhein, colour=colour)
        for trace in fig.data:
            if trace.meta:
                assert trace.visible == (trace.meta["colour"] == colour)
        assert fig.layout.updatemenus[0].active == ("voltage", "loading").index(colour)


def test_number_of_traces_does_not_grow_with_the_net(case33, oberrhein):
    assert len(figure("network", *oberrhein).data) < 60
    assert len(figure("network", *case33).data) < 60


def test_names_are_escaped_in_hover_texts(case33):
    plan, check = case33
    coordinates, topology = plan.coordinates.copy(), plan.topology.copy()
    coordinates["name"] = "<img src=x>"
    topology["name"] = "</script><b>"
    plan = replace(plan, coordinates=coordinates, topology=topology)
    for name in FIGURES:
        for trace in figure(name, plan, check).data:
            text = "" if trace.hovertext is None else "".join(trace.hovertext)
            assert "<img" not in text
            assert "</script" not in text


def test_profile_runs_along_the_feeders(oberrhein):
    plan, check = oberrhein
    fig = figure("voltage-profile", plan, check)
    assert fig.layout.xaxis.title.text.endswith("[km]")
    for state, column in (("before", "vm_before_pu"), ("after", "vm_pu")):
        trace = named(fig, state)
        values = np.asarray(trace.y)[~np.isnan(trace.y)]
        assert values.min() == pytest.approx(check.buses[column].min(), abs=1e-6)
        assert min(np.asarray(trace.x)[~np.isnan(trace.x)]) == 0
        assert "feeder from line" in trace.hovertext[5]


def test_equal_lengths_are_counted_in_branches(case33):
    fig = figure("voltage-profile", *case33)
    assert fig.layout.xaxis.title.text.endswith("[branches]")
    assert max(x for x in named(fig, "before").x if not math.isnan(x)) == 17


def test_near_limits_are_drawn_and_far_ones_told(case33):
    texts = [a.text for a in figure("voltage-profile", *case33).layout.annotations]
    assert "lower limit 0.9 pu" in texts
    assert "outside this view: upper limit 1.1 pu" in texts


def test_limits_of_roots_are_left_out_and_odd_ones_are_marks(case33):
    plan, check = case33
    buses = check.buses.copy()
    buses.loc[0, ["vm_min_pu", "vm_max_pu"]] = 1.0
    buses.loc[17, "vm_min_pu"] = 0.92
    fig = figure("voltage-profile", plan, replace(check, buses=buses))
    texts = [a.text for a in fig.layout.annotations]
    assert "lower limit 0.9 pu (most buses)" in texts
    assert "outside this view: upper limit 1.1 pu" in texts
    assert named(fig, "limits of single buses").y.tolist() == [0.92]


def test_loading_shows_the_fullest_first_and_marks_what_is_over(oberrhein):
    plan, check = oberrhein
    branches = check.branches.assign(loading_limit_percent=50.0)
    fig = figure("loading", plan, replace(check, branches=branches), most=5)
    over = named(fig, "after, over its limit")
    assert over.x[0] == branches["loading_percent"].max()
    assert np.isnan(named(fig, "after").x[0])
    assert len(over.x) == 5
    assert set(named(fig, "limit").x) == {50.0}
    with pytest.raises(InputError, match="most: is 0"):
        figure("loading", plan, check, most=0)


def test_losses_are_in_kw_and_sorted(case33):
    bars = figure("losses", *case33).data[0]
    assert bars.x[0] == pytest.approx(case33[1].branches["loss_mw"].max() * 1e3)
    assert all(a >= b for a, b in zip(bars.x, bars.x[1:], strict=False))


def test_gaps_at_or_below_zero_stand_on_the_floor(case33):
    plan, check = case33
    relaxation = check.relaxation.copy()
    relaxation.iloc[0, relaxation.columns.get_loc("cone_gap")] = -1e-15
    gaps = figure("tightness", plan, replace(check, relaxation=relaxation)).data[0]
    assert min(gaps.y) == 1e-12


def test_progress_is_in_kw_and_drops_what_is_infinite(case33):
    plan, _ = case33
    progress = pd.DataFrame(
        {"seconds": [2.0, 1.0], "incumbent": [0.2, math.inf], "bound": [0.1, -math.inf], "event": "x"}
    )
    fig = figure("progress", replace(plan, progress=progress))
    assert named(fig, "best plan").y.tolist()[1] == 200.0
    assert math.isnan(named(fig, "best plan").y[0])
    assert named(fig, "gap").y[1] == 50.0
    assert "[operations]" in figure("progress", replace(plan, unit="operations")).layout.yaxis.title.text
