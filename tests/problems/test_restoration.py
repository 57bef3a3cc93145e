"""Outages and what few operations bring back: proven sets, against brute force and known answers."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from functools import cache
from typing import Any

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pandas as pd
import pytest

import adnflex
from adnflex.cli.program import main
from adnflex.errors import AdnflexError, InputError
from adnflex.results.contingencies import told_comparison
from tests.nets import random_net
from tests.restoration_oracle import Oracle


def ring(ties: int = 1, sgen: float = 0.0) -> Any:
    """Two feeders of three buses from one busbar, joined by open ties at their ends; switches at both ends of lines."""
    net = pp.create_empty_network(name="ring")
    buses = pp.create_buses(net, 7, 20.0, name=[f"station {k}" for k in range(7)])
    pp.create_ext_grid(net, buses[0])
    for a, b in ((0, 1), (1, 2), (2, 3), (0, 4), (4, 5), (5, 6), *[(3, 6)] * ties):
        line = pp.create_line_from_parameters(net, buses[a], buses[b], 2.0, 0.3, 0.3, 10.0, 0.2)
        for bus in (a, b):
            closed = {a, b} != {3, 6} or bus == 3
            pp.create_switch(net, buses[bus], line, "l", closed=closed, type="LBS")
    for bus in buses[1:]:
        pp.create_load(net, bus, 1.0, 0.2)
    if sgen:
        pp.create_sgen(net, buses[3], sgen)
    net.line["max_loading_percent"] = 100.0
    net.bus["min_vm_pu"], net.bus["max_vm_pu"] = 0.9, 1.1
    return net


def random_case(seed: int) -> tuple[Any, tuple[float, float], list[tuple[str, int]]] | None:
    """A random net that is radial, voltage limits that may bind, and what can fail."""
    rng = np.random.default_rng(seed)

    def flag(share: float = 0.4) -> bool:
        return bool(rng.random() < share)

    style: Any = ["switches", "switches", "in_service", "mixed"][rng.integers(4)]
    transformers = flag(0.3)
    net = random_net(
        rng,
        n_bus=(6, 10),
        n_loops=(1, 4),
        generation=flag(),
        two_sources=flag(),
        parallel_switches=flag(),
        transformers=transformers,
        trafo_switches=transformers and style != "in_service" and flag(),
        charging=flag(),
        couplers=style != "in_service" and flag(0.3),
        odd_indices=flag(0.3),
        switch_style=style,
        present="radial",
        limits=["generous", "tight", "tight"][rng.integers(3)],  # type: ignore[arg-type]
    )
    net.load["scaling"] = float(rng.choice([1.0, 1.3, 1.8]))
    limits = [(0.9, 1.1), (0.94, 1.06), (0.955, 1.05), (0.965, 1.04)][rng.integers(4)]
    keys = [(t, int(i)) for t in ("line", "trafo", "ext_grid") for i in net[t].index[net[t].in_service.astype(bool)]]
    return net, limits, [keys[k] for k in rng.permutation(len(keys))]


def compared(net: Any, limits: tuple[float, float], key: tuple[str, int], most: int) -> str:
    """What is wrong with a restoration, against brute force; empty where nothing is."""
    try:
        found = adnflex.restore(net, key, max_operations=most, vm_limits=limits)
    except InputError as error:
        return "" if "not radial" in str(error) else str(error)
    want = Oracle(net, limits).best(*key, most)
    check = adnflex.validate(found, net)
    if found.dark_mw != pytest.approx(want.dark_mw, abs=1e-9):
        return f"dark {found.dark_mw}, not {want.dark_mw}"
    if want.mw is None or found.status == "infeasible":
        return "" if want.mw is None and found.status == "infeasible" else f"{found.status}, not {want.mw}"
    if not check.passed:
        return check.verdict
    told, right = (found.restored_mw, found.operations), (want.mw, want.operations)
    return "" if told == pytest.approx(right, abs=1e-8) else f"{told}, not {right}"


@pytest.mark.parametrize("seed", [31, 41, 47, 49])
def test_no_set_of_operations_restores_more(seed):
    """Shedding is needed in most of these, and in one a transfer after an outage that makes nobody dark."""
    net, limits, keys = random_case(seed)
    assert not compared(net, limits, keys[0], 3)


# SimBench 1-MV-rural--0-sw, nominal, 0.9 to 1.1 pu, 100 %: line: dark, restored [MW], operations, losses [kW].
RURAL = {
    0: (2.011, 1.661, "open line 10, close line 93", 120.120126),
    1: (1.931, 1.581, "open line 10, close line 93", 116.117871),
    2: (1.851, 1.501, "open line 10, close line 93", 112.505514),
    9: (0.202, 0.0, "", 220.142862),
    10: (0.35, 0.35, "close line 97", 198.237309),
    40: (0.32, 0.32, "close line 93", 207.363858),
}


def test_every_outage_of_a_real_network_is_that_of_an_independent_enumeration():
    simbench = pytest.importorskip("simbench")
    net = simbench.get_simbench_net("1-MV-rural--0-sw")
    limits: Any = {"vm_limits": (0.9, 1.1), "max_loading_percent": 100.0, "outages": ["line", "trafo"]}
    began = time.process_time()
    found = adnflex.contingencies(net, **limits)
    assert time.process_time() - began < 10.0
    rows = found.outages.set_index(["element", "index"])
    assert (rows["status"] == "optimal").all()
    lines = rows.loc["line"]
    assert int((lines["dark_mw"] > 0).sum()) == 93
    assert (lines["dark_mw"].sum(), lines["restored_mw"].sum()) == pytest.approx((128.846, 126.764), abs=1e-9)
    for line, (dark, back, actions, losses) in RURAL.items():
        row = lines.loc[line]
        assert (row["dark_mw"], row["restored_mw"], row["losses_kw"]) == pytest.approx((dark, back, losses), abs=1e-5)
        assert row["actions"] == actions
    no_tie = lines.index[(lines["unreachable_mw"] > 0) & (lines["restored_mw"] == 0)]
    assert sorted(no_tie) == [9, 23, 24, 25, 65, 66]
    for line, tie in ((10, 97), (30, 96), (60, 98)):
        assert (lines.loc[line, "actions"], lines.loc[line, "left_mw"]) == (f"close line {tie}", pytest.approx(0.0))
    assert rows.loc[("trafo", 0), "losses_kw"] == pytest.approx(218.197854, abs=1e-5)
    once = adnflex.contingencies(net, **limits, max_operations=1).outages
    assert once.loc[once["element"] == "line", "restored_mw"].sum() == pytest.approx(122.021, abs=1e-9)


def test_a_feeder_comes_back_by_its_tie():
    net = ring()
    found = adnflex.restore(net, ("line", 1))
    assert (found.actions, found.dark_mw, found.restored_mw, found.status) == ("close line 6", 2.0, 2.0, "optimal")
    assert found.buses["restored"].all()
    assert set(found.buses.index) == {2, 3}
    state = found.apply(net)
    pp.runpp(state)
    assert state.res_bus.vm_pu.min() == pytest.approx(float(found.state["vm_min_pu"].iloc[0]))
    assert not state.switch.closed[[2, 3]].any()
    assert adnflex.validate(found, net).passed


def test_what_no_switch_parts_from_the_fault_waits_for_the_repair():
    net = ring()
    # without its switch at bus 2, line 1 takes bus 2 with it
    net.switch = net.switch.drop(index=3)
    found = adnflex.restore(net, ("line", 1))
    assert (found.fault_mw, found.restored_mw, found.dark_mw) == (1.0, 1.0, 2.0)
    assert found.buses["why"].to_dict() == {2: "fault", 3: ""}
    assert set(found.steps.loc[1, "dark_buses"]) == {2}
    assert adnflex.validate(found, net).passed


def test_what_cannot_be_told():
    net = ring()
    for outage, says in {
        ("line", 99): "line 99 is not in net.line",
        ("load", 0): "'load' is no element that can be out",
        ("switch", 0): "switch 0 stands at line 0; give",
        ("ext_grid", 4): "ext_grid 4 is not in",
    }.items():
        with pytest.raises(InputError, match=says):
            adnflex.restore(net, outage)
    with pytest.raises(AdnflexError, match="outage is"):
        adnflex.restore(net, "line 3")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="2 faults"):
        adnflex.restore(net, [("line", 99), ("trafo", 3)])
    net.switch["closed"] = True
    with pytest.raises(InputError, match="not radial"):
        adnflex.restore(net, ("line", 0))


def test_a_published_style_feeder_without_switches_is_operated_by_service():
    net = pn.case33bw()
    found = adnflex.restore(net, ("line", 10), vm_limits=(0.85, 1.1))
    assert found.by_operations["restored"].round(6).tolist() == [0.0, 0.51, 0.51, 0.51]
    assert adnflex.validate(found, net).passed


def test_all_outages_beside_those_before():
    net = ring(sgen=0.5)
    plan = adnflex.plan_from(net, open_lines=[1])
    found = adnflex.contingencies(plan.apply(net), before=net)
    assert (found.status, len(found.outages), found.asked) == ("complete", 8, 8)
    rows = found.outages.set_index(["element", "index"])
    assert rows.loc[("ext_grid", 0), "left_mw"] == pytest.approx(6.0)
    for key in (("line", 0), ("line", 3), ("line", 6)):
        one = adnflex.restore(plan.apply(net), key)
        row = rows.loc[key]
        assert (one.dark_mw, one.restored_mw, one.status) == (row["dark_mw"], row["restored_mw"], row["status"])
        assert one.tripped_mw == row["tripped_mw"]
        assert row["restored"] == one.buses.index[one.buses["restored"]].tolist()
        assert row["vm_min_pu"] == pytest.approx(float(one.state["vm_min_pu"].iloc[0]), abs=1e-7)
        assert row["losses_kw"] == pytest.approx(float(one.state["losses_kw"].iloc[0]), abs=1e-5)
    # the open line hangs live at one end in either state
    assert set(found.compared.index) == set(rows.index)
    assert found.harder == []
    assert found.indices is not None
    assert found.indices.saifi > 0


def test_outages_in_an_executor_are_those_of_this_process():
    net = ring()
    here = adnflex.contingencies(net)
    with ThreadPoolExecutor(2) as threads:
        there = adnflex.contingencies(net, executor=threads)
    assert here.outages.equals(there.outages)


def test_an_interrupted_table_has_what_was_done():
    def stop(row: adnflex.Progress) -> None:
        if row.done == 3:
            raise KeyboardInterrupt

    found = adnflex.contingencies(ring(), progress=stop)
    assert (found.status, len(found.outages), found.asked) == ("interrupted", 3, 8)
    assert "5 of 8 outages were not looked at." in found.notes
    late = adnflex.contingencies(ring(), time_limit=1e-9)
    assert (late.status, len(late.outages)) == ("time_limit", 0)


def test_limits_that_nothing_meets_are_named():
    net = ring()
    found = adnflex.restore(net, ("line", 1), vm_limits=(0.9999, 1.0001))
    # the feeder as it stands breaks them already, and its own values count
    assert found.status == "optimal"
    assert found.notes[0].startswith("6 limits are broken before the outage already")
    assert found.limiting.iloc[0][["kind", "actions"]].tolist() == ["voltage low", "close line 6"]
    assert found.buses["why"].tolist() == ["limits", "limits"]


def without_support() -> Any:
    """A ring whose first feeder loses with bus 3 the generation that carries it: line 0 is too full then."""
    net = ring(sgen=3.0)
    net.line.loc[0, "max_i_ka"] = 0.045
    return net


def test_what_nothing_helps_is_infeasible_and_the_nearest_is_named():
    found = adnflex.restore(without_support(), ("bus", 3))
    assert (found.status, found.operations, found.restored_mw) == ("infeasible", 0, 0.0)
    assert "nearest: loading at line 0" in found.proof
    assert found.limiting.iloc[0][["kind", "element", "index"]].tolist() == ["loading", "line", 0]
    row = adnflex.contingencies(without_support(), outages=["bus"]).outages.set_index("index").loc[3]
    assert (row["status"], row["left_mw"]) == ("infeasible", 1.0)
    assert "loading at line 0" in row["limited_by"]


def test_a_transfer_helps_where_an_outage_breaks_a_limit_and_nobody_can_be_restored():
    net = without_support()
    tie = pp.create_line_from_parameters(net, 2, 6, 2.0, 0.3, 0.3, 10.0, 0.2, max_loading_percent=100.0)
    for bus in (2, 6):
        pp.create_switch(net, bus, tie, "l", closed=False)
    found = adnflex.restore(net, ("bus", 3))
    assert (found.status, found.restored_mw) == ("optimal", 0.0)
    assert found.actions == f"close line {tie}, open line 1"
    assert found.steps["loops"].tolist() == [1, 0]
    assert adnflex.validate(found, net).passed
    apart = adnflex.restore(net, ("bus", 3), parallel_sources=False)
    assert apart.actions == found.actions  # both feeders have one source


@cache
def _feeders() -> Any:
    net = pp.create_empty_network(name="feeders")
    buses = pp.create_buses(net, 9, 20.0)
    pp.create_ext_grid(net, buses[0])
    for a, b in ((0, 1), (1, 2), (2, 3), (0, 4), (4, 5), (0, 6), (6, 7), (7, 8), (3, 5), (5, 7), (2, 4), (8, 3)):
        pp.create_line_from_parameters(net, buses[a], buses[b], 2.0, 0.3, 0.3, 10.0, 0.1)
    net.line.loc[8:, "in_service"] = False
    net.line["max_loading_percent"], net.bus["min_vm_pu"], net.bus["max_vm_pu"] = 100.0, 0.9, 1.1
    for bus in buses[1:]:
        pp.create_load(net, bus, 1.0, 0.2)
    return net


def tight_feeders(seed: int) -> Any:
    """Three feeders with four ties, whose loads are handed on before one of them can take over another's."""
    rng, net = np.random.default_rng(seed), deepcopy(_feeders())
    net.line["max_i_ka"] = rng.uniform(0.06, 0.12, len(net.line))
    net.load["p_mw"] = rng.uniform(0.4, 1.2, len(net.load))
    return net


@pytest.mark.parametrize("seed", [36, 40])
def test_no_set_of_up_to_six_operations_restores_more(seed):
    net = tight_feeders(seed)
    assert not compared(net, (0.9, 1.1), ("line", 0), 6)
    assert adnflex.restore(net, ("line", 0), max_operations=6).operations > 3


def test_a_search_that_is_stopped_says_what_sets_that_nobody_looked_at_reach():
    net = pn.case33bw()
    limits: Any = {"vm_limits": (0.93, 1.1), "max_operations": 6}
    late = adnflex.restore(net, ("line", 3), time_limit=1e-9, **limits)
    assert late.status == "time_limit"
    assert late.bound_mw == pytest.approx(late.dark_mw)
    assert "at most 0 operations decided" in late.proof


def test_priorities_decide_who_comes_back():
    net = ring()
    net.line.loc[6, "max_i_ka"] = 0.045
    plain = adnflex.restore(net, ("line", 0))
    assert plain.buses.index[plain.buses["restored"]].tolist() == [3]
    assert plain.bound_mw == 1.0
    net.load["priority"] = [5.0, 1.0, 2.0, 1.0, 1.0, 1.0]
    weighted = adnflex.restore(net, ("line", 0))
    assert (weighted.restored_mw, weighted.bound_mw) == (1.0, 2.0)
    assert weighted.buses["priority"].tolist() == [5.0, 1.0, 2.0]
    net.load.loc[2, "priority"] = -1.0
    with pytest.raises(InputError, match="priority"):
        adnflex.restore(net, ("line", 0))


def test_generation_that_stays_off():
    net = ring(sgen=0.8)
    found = adnflex.restore(net, ("line", 0), generation_returns=False)
    assert not found.apply(net).sgen.in_service.any()
    assert found.restored_mw == 3.0
    assert adnflex.validate(found, net).passed
    with_it = adnflex.restore(net, ("line", 0))
    assert float(with_it.state["losses_kw"].iloc[0]) < float(found.state["losses_kw"].iloc[0])


def test_emergency_limits_count_after_an_outage():
    net = ring()
    net.line["max_loading_percent"] = 35.0
    tight = adnflex.restore(net, ("line", 0))
    net.line["max_loading_percent_emergency"] = 120.0
    wide = adnflex.restore(net, ("line", 0))
    assert tight.restored_mw < wide.restored_mw == 3.0
    assert wide.limiting.empty
    assert tight.limiting["kind"].iloc[0] == "loading"
    assert adnflex.validate(wide, net).passed
    with pytest.raises(InputError, match="give a factor of 1 or more"):
        adnflex.restore(net, ("line", 0), emergency_factor=0.1)
    net.line["max_loading_percent_emergency"] = float("nan")
    wide = adnflex.restore(net, ("line", 0), emergency_factor=4.0)
    assert wide.restored_mw == 3.0
    assert adnflex.validate(wide, net).passed
    every = adnflex.contingencies(net, outages=["line"], emergency_factor=4.0).outages.set_index("index")
    assert every.loc[0, "restored_mw"] == 3.0


def test_a_plan_says_what_it_makes_of_the_outages(tmp_path):
    net = ring()
    net.line.loc[6, "max_i_ka"] = 0.045
    plan = adnflex.plan_from(net, open_lines=[5])
    every = adnflex.contingencies(plan.apply(net), before=net)
    path = adnflex.report([plan, every], [adnflex.validate(plan, net), None], tmp_path / "a.html")
    text = path.read_text()
    assert "What an outage then means" in text
    assert told_comparison(every)[1:20] in text


def test_the_command_line_compares_a_plan_with_the_present(tmp_path, capsys):
    net = ring()
    pp.to_json(net, str(tmp_path / "net.json"))
    adnflex.plan_from(net, open_lines=[5]).save(tmp_path / "plan.json")
    words = ["contingencies", str(tmp_path / "net.json"), "--max-operations", "1"]
    assert main([*words, "--result", str(tmp_path / "a.json")]) == 0
    assert len(adnflex.load(tmp_path / "a.json").before) == 0
    assert main([*words, "--plan", str(tmp_path / "plan.json")]) == 0
    assert "this plan makes" in capsys.readouterr().out
    assert main(["restore", str(tmp_path / "net.json"), "--outage", "line 1", "--quiet"]) == 0
    assert main(["restore", str(tmp_path / "net.json"), "--outage", "line 99"]) == 2
    profiles = in_three_hours(net)
    profiles["load", "p_mw"].to_csv(tmp_path / "load.csv", index=False)
    of = ["--profiles", f"load.p_mw={tmp_path / 'load.csv'}"]
    assert main(["restore", str(tmp_path / "net.json"), "--outage", "line 1", *of, "--period", "2"]) == 0
    assert "line 1 in period 2" in capsys.readouterr().out
    plan = adnflex.reconfigure(net, profiles=profiles, periods=[0, 1], hours_per_period=1, workers=1)
    plan.save(tmp_path / "many.json")
    assert main([*words, "--plan", str(tmp_path / "many.json"), "--periods", "1"]) == 0
    assert "this plan makes" in capsys.readouterr().out


def test_whatever_stands_in_the_net_may_be_out_whether_in_service_or_not():
    net = ring(ties=2)
    net.bus.loc[6, "in_service"] = False  # and the lines to it lead nowhere
    net.line.loc[7, "in_service"] = False
    for key in [*(("line", int(i)) for i in net.line.index), *(("bus", int(i)) for i in net.bus.index)]:
        one = adnflex.restore(net, [key, ("line", 7)], max_operations=1)
        assert one.tripped_mw >= one.dark_mw - 1e-9, key
        assert adnflex.validate(one, net).passed, key
    assert adnflex.restore(net, ("line", 7)).tripped_mw == 0


def test_a_report_takes_the_check_of_any_one_of_its_results(tmp_path):
    net = ring(ties=1)
    plan = adnflex.plan_from(net, open_lines=[2])
    steps, one = adnflex.switching_sequence(plan, net), adnflex.restore(net, ("line", 0))
    every = adnflex.contingencies(net, outages=("line",))
    results = [plan, steps, one, every]
    for result in (plan, steps, one):
        check = adnflex.validate(result, net)
        page = adnflex.report(results, check, tmp_path / "all.html").read_text(encoding="utf-8")
        # of four kinds, only the plan's word is of a gap: plan_from has none
        assert "the gap asked for is reached" not in page
        # the plan is what the reader sees first, and what was checked is not told as if nothing were
        assert 'data-opens="v1"' in page
        assert "Not validated" in page.split("Passed: ")[1]
        others = [other for other in results if other is not result]
        with pytest.raises(InputError, match="no result is what it checks"):
            adnflex.report(others, check, tmp_path / "others.html")


def test_parallel_transformers_are_no_loop_that_switching_made():
    net = ring()
    high = pp.create_bus(net, 110.0, min_vm_pu=0.9, max_vm_pu=1.1)
    net.ext_grid["bus"] = high
    for _ in range(2):
        pp.create_transformer(net, high, 0, "25 MVA 110/20 kV", max_loading_percent=100.0)
    steps = adnflex.switching_sequence(adnflex.plan_from(net, open_lines=[2]), net)
    assert steps.steps["loops"].tolist() == [1, 0]
    assert adnflex.restore(net, ("line", 0)).steps["loops"].tolist() == [0]


def in_three_hours(net: Any) -> Any:
    """Half, all and three times the load."""
    return {("load", "p_mw"): pd.DataFrame(np.outer([0.5, 1.0, 3.0], net.load["p_mw"]), columns=net.load.index)}


def test_an_outage_in_a_period_is_that_of_the_net_as_it_stands_there(tmp_path):
    net = ring()
    profiles = in_three_hours(net)
    for period, back in ((0, 1.5), (1, 3.0), (2, 0.0)):
        found = adnflex.restore(net, ("line", 0), profiles=profiles, period=period)
        there = deepcopy(net)
        there.load["p_mw"] = profiles["load", "p_mw"].loc[period]
        alone = adnflex.restore(there, ("line", 0))
        assert (found.restored_mw, found.actions) == (alone.restored_mw, alone.actions) == (back, found.actions)
        assert adnflex.validate(found, net).passed
        assert found.apply(net).load["p_mw"].equals(found.before(net).load["p_mw"])
    assert found.headline["outage of"] == "line 0 in period 2"
    found.save(tmp_path / "found.json")
    assert adnflex.validate(adnflex.load(tmp_path / "found.json"), net).passed
    with pytest.raises(InputError, match="period is missing"):
        adnflex.restore(net, ("line", 0), profiles=profiles)
    with pytest.raises(InputError, match="periods 7 are outside"):
        adnflex.restore(net, ("line", 0), profiles=profiles, period=7)


def test_outages_in_several_periods_name_the_worst_one(tmp_path):
    net = ring()
    profiles = in_three_hours(net)
    found = adnflex.contingencies(net, profiles=profiles, periods=[1, 2], outages=["line"])
    each = [adnflex.contingencies(found_net, outages=["line"]) for found_net in hours_of(net, profiles, (1, 2))]
    left = pd.concat([one.outages.set_index("index")["left_mw"] for one in each], axis=1)
    rows = found.outages.set_index("index")
    assert rows["left_mw"].sort_index().tolist() == left.max(axis=1).sort_index().tolist()
    assert (rows["period"][left.max(axis=1) > 1e-6] == 2).all()
    assert found.by_period["left_mw"].tolist() == pytest.approx([one.outages["left_mw"].sum() for one in each])
    assert found.by_period.loc[2, "worst"] == "line 0"
    assert found.headline["worst period"].startswith("2 (")
    found.to_excel(tmp_path / "outages.xlsx")
    page = adnflex.report(found, None, tmp_path / "outages.html").read_text()
    assert "Worst period" in page


def hours_of(net: Any, profiles: Any, periods: Any) -> list[Any]:
    """The net in some periods."""
    found = [deepcopy(net) for _ in periods]
    for one, period in zip(found, periods, strict=True):
        one.load["p_mw"] = profiles["load", "p_mw"].loc[period]
    return found


def test_a_plan_of_many_periods_beside_the_present_state():
    net = ring()
    plan = adnflex.reconfigure(net, profiles=in_three_hours(net), periods=[0, 1], hours_per_period=1, workers=1)
    found = adnflex.contingencies(net, plan=plan, before=net, periods=[1], outages=["line"])
    planned = adnflex.contingencies(plan.apply(net, 1), before=plan_free(net, plan), outages=["line"])
    assert found.outages["left_mw"].tolist() == planned.outages["left_mw"].tolist()
    assert found.compared["more_mw"].tolist() == planned.compared["more_mw"].tolist()
    with pytest.raises(InputError, match="periods 2 are not in the plan"):
        adnflex.contingencies(net, plan=plan, periods=[2])
    with pytest.raises(InputError, match="the plan has its own"):
        adnflex.contingencies(net, plan=plan, profiles=in_three_hours(net))


def plan_free(net: Any, plan: Any) -> Any:
    """The net with the powers of period 1 of a plan, as it is switched now."""
    one = deepcopy(net)
    one.load["p_mw"] = plan.apply(net, 1).load["p_mw"]
    return one
