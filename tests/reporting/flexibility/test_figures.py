"""Every figure of flexibility shows what it says, and refuses what it cannot draw."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from plotly import graph_objects as go

from adnflex.errors import InputError
from adnflex.reporting import figure
from adnflex.reporting.flexibility import KIND
from adnflex.reporting.flexibility.box import device_powers as powers_of
from adnflex.reporting.flexibility.box import example_names
from adnflex.reporting.flexibility.proof import HEATS
from adnflex.reporting.flexibility.view import box_clock, limit_groups, views

from .example_region import example_region

MOST_LIMITS, MOST_PANELS = 15, 12
REGIONS = ["region", "region-areas", "region-grid"]
FIGURES = sorted(set(KIND.figures) - set(REGIONS))


def collected(plans, check=None):
    many = list(plans) if isinstance(plans, list) else [plans]
    return views(many, [check])[0]


def device_powers(flex, setpoints):
    return powers_of(collected(flex), setpoints)


@pytest.fixture(scope="module")
def regions():
    return {1: example_region(1), 2: example_region(2), 96: example_region(96, 0.25)}


def named(fig: go.Figure, name: str):
    return next(trace for trace in fig.data if trace.name == name)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("case", ["day", "quarters", "two"])
def test_each_figure_is_drawn_for_every_kind_of_horizon(name, case, request):
    _, best, check = request.getfixturevalue(case)
    fig = figure(name, best, check)
    assert isinstance(fig, go.Figure)
    assert 150 < fig.layout.height <= 1100
    # Numbers in base64 may hold these letters by chance.
    assert not re.search(r"[\[,:]NaN", fig.to_json())
    assert len(fig.data) > 0


@pytest.mark.parametrize("name", FIGURES)
def test_each_figure_refuses_what_is_no_box_or_check(name, day):
    _, best, check = day
    with pytest.raises(InputError, match=r"plan: is a dict; give .*adnflex\.Flexibility"):
        figure(name, {}, check)
    with pytest.raises(InputError, match=r"check: is a Flexibility; give .*adnflex\.FlexibilityCheck"):
        figure(name, best, best)


@pytest.mark.parametrize("name", [f for f in FIGURES if f != "following"])
def test_no_figure_but_the_examples_needs_a_check(name, day):
    assert len(figure(name, day[1], None).data) > 0


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("binding", "binding"),
        ("bounds", "progress"),
        ("comparison", "comparison"),
        ("relieved", "relieved"),
        ("rounds", "rounds"),
        ("states", "ac"),
        ("storage", "energy"),
    ],
)
def test_empty_tables_are_named(name, field, day):
    with pytest.raises(InputError, match=f"{field} is empty"):
        figure(name, replace(day[1], **{field: pd.DataFrame()}), None)


def test_what_has_no_map_or_example_is_refused(day):
    with pytest.raises(InputError, match="no map to draw"):
        figure("network", replace(day[1], topology=pd.DataFrame(), coordinates=pd.DataFrame()))
    with pytest.raises(InputError, match="give one of before, after"):
        figure("network", day[1], state="now")
    with pytest.raises(InputError, match="examples is empty"):
        figure("following", day[1], None)


# The box ------------------------------------------------------------------------------------------------------


def test_bands_are_the_boxes_before_and_after(day):
    flex, best, check = day
    fig = figure("box", [flex, best], check)
    for name, box in (("before", flex), ("promised", best)):
        low, high = [t for t in fig.data if t.legendgroup == name and t.type == "scatter"]
        assert np.allclose(np.asarray(low.y)[:-1], box.lower_mw)
        assert np.allclose(np.asarray(high.y)[:-1], box.upper_mw)
        assert (low.line.shape, high.fill) == ("hv", "tonexty")
        bars = next(t for t in fig.data if t.legendgroup == name and t.type == "bar")
        assert np.sum(bars.y) * box.hours_per_period == pytest.approx(box.total_mwh)
    least = [t for t in fig.data if t.name == "least losses"]
    assert {t.visible for t in least} == {"legendonly"}


def test_hover_of_the_box_tells_everything_with_units(day):
    flex, best, check = day
    texts = next(t for t in figure("box", [flex, best], check).data if t.hoverinfo == "text").hovertext
    noon = texts[12].replace("\u202f", " ")
    assert "12:00–13:00" in noon
    assert f"to {best.upper_mw[12]:.3f} MW" in noon
    assert "wider by" in noon
    assert "if nothing is asked for" in noon


def test_box_that_did_not_pass_is_not_called_promised(failing):
    names = {t.name for t in figure("box", failing[1], failing[2]).data}
    assert "promised" not in names
    assert "this box" in names


def test_band_before_comes_from_the_comparison_where_only_one_box_is_given(day):
    flex, best, check = day
    one, both = collected(best, check), collected([flex, best], check)
    assert one.before_mwh == pytest.approx(both.before_mwh)
    assert one.gain_percent == pytest.approx(both.gain_percent)
    assert math.isnan(collected(flex).gain_percent)


def test_typical_hours_that_do_not_follow_each_other_keep_their_names(two):
    _, best, _ = two
    box = best.box.set_axis(pd.Index([10, 14], name="period"))
    apart = replace(best, box=box, start_hour=0.0)
    clock = box_clock(apart)
    assert clock.texts == ["10:00–11:00", "14:00–15:00"]
    assert len(clock.edges) == 3
    assert list(figure("box", apart).layout.xaxis.ticktext) == ["10:00", "14:00"]
    assert box_clock(replace(best, box=best.box.set_axis([5, 6]), start_hour=1.0)).text(6) == "07:00–08:00"


# Limits -------------------------------------------------------------------------------------------------------


def test_marks_stand_where_limits_bind(day):
    flex = day[0]
    fig = figure("binding", flex)
    counts = flex.binding["side"].value_counts()
    for side, words in (("upper", "holds back more import"), ("lower", "holds back less import")):
        assert len(named(fig, words).x) == counts[side]
    bars = [t for t in fig.data if t.type == "bar"]
    assert sum(np.sum(t.x) for t in bars) == len(flex.binding)


def test_limits_are_ordered_by_their_worth(day):
    groups = limit_groups(day[0].binding)
    worth = [g.worth_mwh for g in groups]
    assert worth == sorted(worth, reverse=True)
    low = next(g for g in groups if g.kind == "voltage low")
    rows = day[0].binding.query("kind == 'voltage low'")
    assert low.worth_mwh == pytest.approx(0.01 * rows["worth_mwh"].sum())
    assert low.upper == tuple(rows["period"])


def many(flex, count: int):
    """The same box with so many limits that bind."""
    row = flex.binding.iloc[0].to_dict()
    rows = [row | {"element": "bus", "index": k, "kind": "voltage low", "unit": "pu"} for k in range(count)]
    return replace(flex, binding=pd.DataFrame(rows))


def test_of_very_many_limits_the_first_are_drawn(day):
    fig = figure("binding", many(day[1], 60))
    assert len(fig.layout.yaxis.ticktext) == MOST_LIMITS
    assert fig.layout.height < 800


def test_limits_without_place_or_worth_are_kept(day):
    table = day[1].binding.iloc[:1].assign(element="net", index=math.nan, worth_mwh=math.nan)
    groups = limit_groups(table)
    assert len(groups) == 1
    assert len(figure("binding", replace(day[1], binding=table)).data) > 0


def test_relieved_limits_show_the_period_with_the_least_room(day):
    best = day[1]
    fig = figure("relieved", best)
    low = best.relieved.query("kind == 'voltage low'")
    now = [x for t in fig.data if t.name == "now" and t.mode == "markers" for x in t.x]
    assert pytest.approx(low["after"].min()) in now


def test_maps_mark_what_limits(day):
    flex, best, _ = day
    before, after = figure("network", [flex, best], state="before"), figure("network", best)
    assert {"voltage low limits", "voltage high limits"} <= {t.name for t in before.data}
    assert "loading limits" in {t.name for t in after.data}
    ring = named(before, "voltage low limits")
    assert (ring.x[0], ring.y[0]) == tuple(best.coordinates.loc[5, ["x", "y"]])
    periods = flex.binding.query("kind == 'voltage low' and index == 5")["period"]
    words = f"{len(periods)} periods: {periods.min():02d}:00–{periods.max() + 1}:00"
    assert words in ring.hovertext[0]


# Comparison, proof --------------------------------------------------------------------------------------------


def test_comparison_has_the_numbers_of_the_table(day):
    best = day[1]
    fig = figure("comparison", best)
    assert list(named(fig, "run in AC, with reactive power").x) == pytest.approx(list(best.comparison["total_mwh"]))
    only = replace(best, comparison=best.comparison[["total_mwh"]])
    assert len(figure("comparison", only).data) == 1


def test_bound_falls_and_box_rises_towards_it(day):
    fig = figure("bounds", day[1])
    assert (np.diff(named(fig, "bound of the linear model").y) <= 0).all()
    assert (np.asarray(named(fig, "gap").y) > 0).all()


def test_progress_that_tells_one_thing_at_a_time_is_filled(day):
    rows = [(0.5, math.nan, 45.0, "bound"), (0.9, 44.0, math.nan, "box"), (1.5, 45.5, math.nan, "AC")]
    table = pd.DataFrame(rows, columns=["seconds", "box_mwh", "linear_bound_mwh", "event"])
    fig = figure("bounds", replace(day[1], progress=table))
    assert list(named(fig, "bound of the linear model").y) == [45.0, 45.0, 45.0]
    assert len(fig.data) == 3
    above = table.assign(box_mwh=46.0)
    assert len(figure("bounds", replace(day[1], progress=above)).data) == 2


def test_weighted_bounds_are_not_called_megawatt_hours(day):
    weighted = replace(day[1], linear=replace(day[1].linear, worth=4321.0, bound=4400.0))
    assert "bound" not in " ".join(figure("sizes", weighted).layout.yaxis.ticktext)
    assert "bound" in " ".join(figure("sizes", day[1]).layout.yaxis.ticktext)


def test_states_tell_the_place(day):
    best = day[1]
    fig = figure("states", best)
    assert [t.meta["colour"] for t in fig.data] == list(HEATS)
    assert [bool(t.visible) for t in fig.data] == [True, False, False]
    row = best.ac.loc[(18, 1.0)]
    assert named(fig, "lowest voltage").z[-1][18] == pytest.approx(row["vm_min_pu"], abs=1e-4)
    assert f"bus {row['vm_min_bus']} " in named(fig, "lowest voltage").customdata[-1][18]


# Storages, examples -------------------------------------------------------------------------------------------


def test_reach_of_the_storages_contains_the_examples(day):
    _, best, check = day
    fig = figure("storage", best, check)
    low, high = [t for t in fig.data if t.name == "any trajectory"][:2]
    lines = [t for t in fig.data if t.name == "examples" and t.xaxis == low.xaxis]
    assert len(lines) == check.trajectories + check.vertices
    for line in lines:
        assert (np.asarray(line.y) >= np.asarray(low.y) - 1e-9).all()
        assert (np.asarray(line.y) <= np.asarray(high.y) + 1e-9).all()


def test_of_very_many_storages_the_sum_is_drawn(day):
    best = day[1]
    energy = pd.concat(dict.fromkeys(range(12), best.energy[0]), axis=1, names=["storage", "name"])
    starts = pd.concat([best.storages.iloc[:1]] * 12, ignore_index=True)
    fig = figure("storage", replace(best, energy=energy, storages=starts))
    assert fig.layout.annotations[0].text == "all 12 storages"
    high = [t for t in fig.data if t.name == "any trajectory"][1]
    assert high.y[-1] == pytest.approx(12 * best.energy.iloc[-1][(0, "high_mwh")])
    assert high.y[0] == pytest.approx(12 * best.storages.at[0, "start_mwh"])


def test_examples_are_chosen_by_their_names(day):
    _, best, check = day
    fig = figure("following", best, check)
    chosen = {t.meta["colour"] for t in fig.data if t.meta}
    assert chosen == set(example_names(check))
    first = [t for t in fig.data if t.meta and t.meta["colour"] == "example 1"]
    assert all(t.visible for t in first)
    assert not any(t.visible for t in fig.data if t.meta and t.meta["colour"] == "example 2")


def test_powers_of_the_devices_make_the_difference_of_the_imports(day):
    _, best, _ = day
    powers = [device_powers(best, s).sum(axis=1) for s in (best.setpoints_lower, best.setpoints_upper)]
    loss = best.ac["losses_mw"].unstack("share")
    assert np.allclose(powers[1] - powers[0] + loss[1.0] - loss[0.0], best.upper_mw - best.lower_mw, atol=1e-9)


def test_very_many_devices_are_drawn_by_kind(day):
    best = day[1]
    ends = [
        pd.DataFrame({("sgen", "p_mw", k): table["sgen", "p_mw", 0] for k in range(20)})
        for table in (best.setpoints_lower, best.setpoints_upper)
    ]
    powers = device_powers(replace(best, setpoints_lower=ends[0], setpoints_upper=ends[1]), ends[0])
    assert list(powers) == ["generators"]
    assert np.allclose(powers["generators"], -20 * best.setpoints_lower["sgen", "p_mw", 0])


def test_what_only_follows_its_profile_is_not_drawn(day):
    best = day[1]
    low, high = (t.assign(**{"x": 1.0}) for t in (best.setpoints_lower, best.setpoints_upper))
    columns = pd.MultiIndex.from_tuples([*best.setpoints_lower.columns, ("load", "p_mw", 1)])
    low, high = low.set_axis(columns, axis=1), high.set_axis(columns, axis=1)
    assert "load 1" not in device_powers(replace(best, setpoints_lower=low, setpoints_upper=high), low)


def test_limits_of_both_ends_are_marked_at_both(day):
    table = day[1].binding.iloc[:1].assign(side="both", kind="energy low", element="storage", unit="MWh")
    group = limit_groups(table)[0]
    assert group.lower == group.upper == (table["period"].iloc[0],)


# Regions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", REGIONS)
@pytest.mark.parametrize(("periods", "case"), [(1, "day"), (2, "two"), (96, "quarters")])
def test_regions_are_drawn_for_every_count_of_periods(name, periods, case, regions, request):
    fig = figure(name, [request.getfixturevalue(case)[1], regions[periods]])
    assert not re.search(r"[\[,:]NaN", fig.to_json())
    assert fig.layout.height < 1100


@pytest.mark.parametrize("name", REGIONS)
def test_no_region_is_no_figure(name, day):
    with pytest.raises(InputError, match="have no periods"):
        figure(name, day[1])


def test_slider_shows_one_period_at_a_time(region, day):
    fig = figure("region", [day[1], region])
    steps = fig.layout.sliders[0].steps
    assert [s.label for s in steps][:2] == ["00:00", "01:00"]
    shown = np.array([s.args[0]["visible"] for s in steps])
    assert (shown.sum(axis=0) == 1).all()
    assert len({tuple(s) for s in shown.tolist()}) == 24


def test_polygons_are_closed_and_the_box_is_in_the_picture(region, day):
    fig = figure("region", [day[1], region])
    outer = named(fig, "nothing can be beyond")
    assert (outer.x[0], outer.y[0]) == (outer.x[-1], outer.y[-1])
    assert np.allclose(np.asarray(outer.x)[:-1], region.outer_polygon(0)[:, 0], atol=1e-5)
    strip = named(fig, "box")
    assert (strip.x[0], strip.x[-1]) == (day[1].lower_mw[0], day[1].upper_mw[0])
    assert len(figure("region-grid", [day[1], region]).layout.annotations) == MOST_PANELS
