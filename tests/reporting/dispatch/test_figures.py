"""Every figure of a dispatch shows what it says, and refuses what it cannot draw."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from plotly import graph_objects as go

from adnflex.errors import InputError
from adnflex.knobs import Limits
from adnflex.reporting import figure
from adnflex.reporting.dispatch import KIND
from adnflex.reporting.dispatch.costs import item_colours
from adnflex.reporting.dispatch.day import comparison, day_envelope
from adnflex.reporting.dispatch.states import worst_period
from adnflex.reporting.dispatch.view import views, worst_recovery
from adnflex.reporting.recipes import bus_order

# What needs the scenarios or fresh ones beside the plan.
WITH_SCENARIOS = {"reduction", "probabilities", "fleets", "fresh"}
FIGURES = sorted(set(KIND.figures) - {"fan", "front"} - WITH_SCENARIOS)


def named(fig: go.Figure, name: str):
    return next(trace for trace in fig.data if trace.name == name)


@pytest.mark.parametrize("name", FIGURES)
@pytest.mark.parametrize("case", ["day", "quarters", "fan"])
def test_each_figure_is_drawn_for_every_kind_of_horizon(name, case, request):
    fig = figure(name, *request.getfixturevalue(case))
    assert isinstance(fig, go.Figure)
    assert 150 < fig.layout.height <= 1100
    # Numbers in base64 may hold these letters by chance.
    assert not re.search(r"[\[,:]NaN", fig.to_json())
    assert len(fig.data) > 0


@pytest.mark.parametrize("name", sorted(KIND.figures))
def test_each_figure_refuses_what_is_no_plan_or_check(name, fan):
    plan, check = fan
    with pytest.raises(InputError, match=r"plan: is a dict; give .*adnflex\.DispatchPlan"):
        figure(name, {}, check)
    with pytest.raises(InputError, match=r"check: is a DispatchPlan; give .*adnflex\.DispatchCheck"):
        figure(name, plan, plan)


@pytest.mark.parametrize("name", [*FIGURES, "fan"])
def test_no_figure_needs_a_check(name, fan):
    assert len(figure(name, fan[0], None).data) > 0


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("capacitors", "capacitor_steps"),
        ("taps", "taps"),
        ("storage", "storage"),
        ("converters", "converters"),
        ("sources", "source_vm_pu"),
        ("vehicles", "ev"),
        ("exactness", "recovery"),
        ("gaps", "cone_gap"),
    ],
)
def test_empty_tables_are_named(name, field, day):
    with pytest.raises(InputError, match=f"{field} is empty"):
        figure(name, replace(day[0], **{field: pd.DataFrame()}), day[1])


def test_single_scenario_has_no_fan(day):
    with pytest.raises(InputError, match="single scenario"):
        figure("fan", *day)


def test_single_study_cannot_be_compared(day):
    with pytest.raises(InputError, match="at least two"):
        comparison(views([day[0]], [day[1]]))


# Dispatch by hour ---------------------------------------------------------------------------------------------


def test_supply_and_use_have_the_same_height(day):
    fig = figure("balance", *day)
    bars = {t.name: np.asarray(t.y) for t in fig.data if t.type == "bar"}
    curtailed = bars.pop("curtailed")
    assert np.allclose(sum(bars.values()), 0, atol=1e-9)
    assert (curtailed >= 0).all()
    assert curtailed.sum() == pytest.approx(day[0].energy.at["curtailed", "mwh"])
    for name in ("load", "vehicles", "charge", "losses", "export"):
        assert (bars[name] <= 0).all(), name
    for name in ("import", "generation used", "must-take", "discharge"):
        assert (bars[name] >= 0).all(), name
    assert named(fig, "export").customdata[10][1] == pytest.approx(-bars["export"][10], abs=1e-6)


def test_layers_without_power_are_left_out(day):
    plan = replace(day[0], balance=day[0].balance.assign(charge_mw=0.0, discharge_mw=0.0))
    names = {t.name for t in figure("balance", plan, None).data}
    assert names.isdisjoint({"charge", "discharge"})


def test_scenarios_are_weighed(fan):
    plan = fan[0]
    of = [plan.of(plan.balance, s)["used_mw"] for s in plan.scenarios.index]
    mean = sum(p * v for p, v in zip(plan.scenarios["probability"], of, strict=True))
    assert np.allclose(named(figure("balance", plan, None), "generation used").y, mean)


# Positions, storage, vehicles -----------------------------------------------------------------------------------


def test_moves_are_counted_against_the_limit(day):
    assert "4 of at most 6 moves" in figure("taps", *day).layout.annotations[0].text
    devices = day[0].devices.assign(max_moves=math.nan, moves=math.nan)
    text = figure("taps", replace(day[0], devices=devices)).layout.annotations[0].text
    # Without the count of the plan only changes within the horizon are known.
    assert "3 moves, no limit" in text


def test_limits_of_positions_are_in_view(day):
    fig = figure("taps", *day)
    low, high = fig.layout.yaxis.range
    assert low < -4 < 4 < high
    assert sorted({t.y[0] for t in fig.data if t.line.dash == "dash"}) == [-4.0, 4.0]


def test_many_devices_are_drawn_by_their_moves(day):
    plan = day[0]
    steps = pd.DataFrame(dict.fromkeys(range(20), plan.capacitor_steps[0]))
    facts = plan.devices[plan.devices["table"] == "shunt"]
    devices = pd.concat([facts.assign(index=i, moves=float(i), name="") for i in range(20)])
    fig = figure("capacitors", replace(plan, capacitor_steps=steps, devices=devices))
    assert len(fig.layout.annotations) == 12
    assert fig.layout.annotations[0].text.startswith("capacitor bank 19:")


def test_energy_begins_before_the_horizon_and_charging_is_positive(day):
    energy, power = figure("storage", *day).data[:2]
    assert energy.y[0] == pytest.approx(0.45)
    assert len(energy.y) == 25
    assert power.y[18] < 0 < power.y[12]


def test_many_storages_are_summed(day):
    plan = day[0]
    parts = {(q, i): plan.storage[q, 0] for q in plan.storage.columns.levels[0] for i in range(9)}
    fig = figure("storage", replace(plan, storage=pd.DataFrame(parts)))
    assert fig.data[0].name == "all 9 storages"
    assert fig.data[0].y[-1] == pytest.approx(9 * plan.storage["e_mwh", 0].iloc[-1])


def test_block_stands_on_the_rest_of_the_load(day):
    fig = figure("vehicles", *day)
    now, before = named(fig, "block now"), named(fig, "block before")
    assert np.nansum(now.y) == pytest.approx(np.nansum(before.y))
    there = np.isfinite(now.y)
    tops = np.asarray(now.base)[there] + np.asarray(now.y)[there]
    assert np.allclose(tops, np.asarray(named(fig, "dispatched").y)[:-1][there])
    hours = np.asarray(before.x)[np.isfinite(before.y)]
    assert hours.tolist() == [18.5, 19.5, 20.5]


def test_reactive_power_of_storages_is_turned_to_what_they_feed_in(day):
    plan = day[0]
    storage = plan.storage.copy()
    storage["q_mvar", 0] = 0.5
    fig = figure("reactive", replace(plan, storage=storage))
    assert set(named(fig, "storage 0 “battery”").y) == {-0.5}


# Heat maps ------------------------------------------------------------------------------------------------------


def test_violations_are_marked_and_nothing_else(day, failing):
    assert len(figure("voltage", *day).data) == 1
    fig = figure("voltage", *failing)
    plan, check = failing
    marked = set(zip(fig.data[1].x, fig.data[1].y, strict=True))
    assert len(marked) == len(check.violations)
    beyond = np.abs(np.asarray(fig.data[0].z)) > 1
    assert beyond.sum() == len(check.violations)
    assert plan.periods[0] == 0


def test_of_very_many_violations_the_worst_are_marked(quarters):
    plan, check = quarters
    limits = check.vm_max_pu * 0 + 1.001
    heat, marks = figure("voltage", plan, replace(check, vm_max_pu=limits)).data
    over = check.vm_pu.to_numpy() > 1.001
    assert len(marks.x) == 2000 < over.sum()
    buses = [int(str(label).split()[1]) for label in marks.y]
    times = [list(heat.x).index(x) for x in marks.x]
    shown = check.vm_pu.to_numpy()[times, buses]
    assert shown.min() >= np.sort(check.vm_pu.to_numpy()[over])[-2000] - 1e-12


def test_colours_are_centred_between_the_limits(day):
    fig = figure("voltage", *day)
    heat = fig.data[0]
    assert heat.zmin == -heat.zmax
    vm, z = np.asarray(heat.customdata), np.asarray(heat.z)
    assert np.allclose(1 + 0.05 * z, vm, atol=1e-4)
    assert heat.colorbar.ticktext[1] == "1"


def test_far_limits_are_told_in_words(day):
    check = replace(day[1], vm_min_pu=day[1].vm_min_pu * 0 + 0.8, vm_max_pu=day[1].vm_max_pu * 0 + 1.2)
    heat = figure("voltage", day[0], check).data[0]
    assert heat.zmax == 0.25
    assert heat.colorbar.title.text == "voltage [pu], limits 0.8 and 1.2"


def test_limits_that_differ_are_told_in_words(day):
    limits = day[1].vm_max_pu.copy()
    limits.iloc[0] = 1.1
    heat = figure("voltage", day[0], replace(day[1], vm_max_pu=limits)).data[0]
    assert "upper limit" in heat.colorbar.ticktext
    assert not any(text.startswith("1.05") for text in heat.colorbar.ticktext)


def test_without_limits_nothing_is_violated(day):
    fig = figure("voltage", replace(day[0], asked_limits=Limits()), None)
    assert len(fig.data) == 1


def test_voltage_of_the_worst_scenario_is_shown(fan):
    plan, check = fan
    heat = figure("voltage", plan, check).data[0]
    rows = {int(str(label).split()[1]): r for r, label in enumerate(heat.y)}
    shown = np.asarray(heat.customdata)[rows[4]]
    highest = np.max([plan.of(check.vm_pu, s)[4] for s in plan.scenarios.index], axis=0)
    assert shown[9] == pytest.approx(highest[9], abs=1e-6)


def test_buses_follow_the_feeders(quarters):
    plan = quarters[0]
    order = bus_order(list(plan.vm_pu.columns), plan.topology, plan.coordinates)
    assert sorted(order) == list(range(130))
    place = {bus: k for k, bus in enumerate(order)}
    above = dict(zip(plan.topology["to_bus"], plan.topology["from_bus"], strict=True))
    assert all(place[above[bus]] < place[bus] for bus in above)
    # What hangs below a bus stands directly behind it.
    for bus in order:
        below = [b for b in order if bus in _path(b, above)]
        assert [place[b] for b in below] == list(range(place[bus], place[bus] + len(below)))
    assert bus_order([3, 1, 2], pd.DataFrame(), plan.coordinates) == [1, 2, 3]


def _path(bus, above):
    while True:
        yield bus
        if bus not in above:
            return
        bus = above[bus]


def test_labels_of_rows_are_thinned(quarters):
    fig = figure("voltage", *quarters)
    assert len(fig.data[0].y) == 130
    assert len(fig.layout.yaxis.tickvals) <= 33
    assert fig.layout.yaxis.ticktext[1] == fig.data[0].y[fig.layout.yaxis.tickvals[1]].split()[1]


def test_overloads_are_measured_against_the_own_limit(day):
    plan, check = day
    limits = check.loading_limit_percent.copy()
    limits["line", 0] = 80.0
    fig = figure("loading", plan, replace(check, loading_limit_percent=limits))
    row = list(fig.data[0].y).index("line 0 “section 0”")
    over = check.loading_percent["line", 0] > 80
    assert over.any()
    assert len(fig.data[1].x) == over.sum()
    assert set(fig.data[1].y) == {fig.data[0].y[row]}
    assert np.allclose(np.asarray(fig.data[0].customdata)[row], check.loading_percent["line", 0], atol=1e-3)


def test_placeholder_ratings_are_not_drawn(day):
    plan, check = day
    with pytest.raises(InputError, match="placeholders"):
        figure("loading", plan, replace(check, loading_percent=check.loading_percent * 1e-3))


def test_only_loose_branches_are_in_the_map_of_gaps(day):
    plan = day[0]
    loose = (plan.cone_gap.max() > 1e-4).sum()
    assert 0 < loose < len(plan.cone_gap.columns)
    assert len(figure("gaps", plan).data[0].y) == loose


# Exactness, scenarios, costs ------------------------------------------------------------------------------------


def test_each_method_has_its_own_sign(day):
    fig = figure("exactness", *day)
    points = [t for t in fig.data if t.type == "scatter" and t.showlegend]
    assert len({t.marker.symbol for t in points}) == len(points) == 3
    assert sum(len(t.x) for t in points) == 24


def test_unknown_methods_are_drawn_as_well(day):
    plan = replace(day[0], recovery=day[0].recovery.assign(method="a new way"))
    assert "a new way" in {t.name for t in figure("exactness", plan).data}


def test_recovered_scenario_counts_for_its_period(fan):
    plan = fan[0]
    table = worst_recovery(plan.recovery)
    recovered = plan.recovery["method"] != "none needed"
    assert set(table.index[table["method"] != "none needed"]) == set(
        plan.recovery.index[recovered].get_level_values("period")
    )


def test_fan_has_each_scenario_and_the_limits(fan):
    fig = figure("fan", *fan)
    texts = " ".join(t.hovertemplate for t in fig.data)
    for s, p in fan[0].scenarios["probability"].items():
        assert f"scenario {s} ({100 * p:.1f}" in texts
    assert [t.y[0] for t in fig.data if t.name == "limit"] == [0.95, 1.05]


def test_costs_of_studies_are_stacked_to_their_totals(three):
    plans, checks = three
    fig = figure("costs", plans, checks)
    stacks = sum(np.asarray(t.x) for t in fig.data if t.type == "bar" and t.name)
    assert np.allclose(stacks, [c.objective for c in checks])
    texts = [t.text for t in fig.data if t.type == "scatter"]
    assert len(texts[0]) == 3
    assert "\u202f" in texts[0][0]


def test_known_items_keep_their_colours_and_none_look_alike():
    items = ["purchase", "losses", "carbon", "generation", "storage", "EV transfer", "EV reduction", "flexible load"]
    items += ["reactive sources", "capacitors", "capacitor moves", "tap moves", "switching", "something", "else"]
    found = item_colours(items)
    assert len(set(found.values())) == len(items)
    assert found["purchase"] == item_colours(["purchase"])["purchase"]


def test_envelope_of_a_study_covers_its_scenarios(fan):
    low, high = day_envelope(views([fan[0]], [fan[1]])[0])
    values = fan[1].vm_pu.groupby(level="period")
    assert np.allclose(low, values.min().min(axis=1))
    assert np.allclose(high, values.max().max(axis=1))


def test_map_shows_the_hour_nearest_to_a_limit(failing):
    plan, check = failing
    period, scenario, margin = worst_period(views([plan], [check])[0])
    worst = check.violations.loc[check.violations["excess"].idxmax()]
    assert (period, scenario) == (worst["period"], 0)
    assert margin == pytest.approx(-worst["excess"])
    texts = " ".join(t for trace in figure("network", plan, check).data if trace.hovertext for t in trace.hovertext)
    assert f"{worst['value']:.4f}" in texts
    assert "→" not in texts


@pytest.mark.parametrize(("period", "opened"), [(3, {2}), (12, {4}), (20, {4})])
def test_map_has_the_switch_states_of_its_block(day, period, opened):
    plan, check = day
    rows = [("line", i, t, i != line) for t, line in ((0, 2), (12, 4)) for i in (2, 4)]
    switches = pd.DataFrame(rows, columns=["element", "index", "first_period", "closed_after"])
    fig = figure("network", replace(plan, switches=switches), check, period=period)
    texts = [t for trace in fig.data if trace.hovertext for t in trace.hovertext]
    found = {i for i in range(6) if any(f"line {i} " in t and "<br>open" in t for t in texts)}
    assert found == opened


def test_names_from_the_net_are_escaped_in_hover_texts(day):
    plan, check = day
    evil = "<img src=x>"
    plan = replace(
        plan,
        devices=plan.devices.assign(name=evil),
        topology=plan.topology.assign(name=evil),
        coordinates=plan.coordinates.assign(name=evil),
    )
    for name in FIGURES:
        assert "<img" not in figure(name, plan, check).to_json().replace("\\u003c", "<")
