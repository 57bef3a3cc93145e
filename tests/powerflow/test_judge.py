"""Many states: arrays say what pandapower says, a wrong kernel is found, and no violation gets lost in the crowd."""

from __future__ import annotations

import sys
from dataclasses import fields, replace

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pandas as pd
import pytest

import adnflex
from adnflex.errors import InputError, SolverUnavailable
from adnflex.knobs import Limits
from adnflex.powerflow import compare, judge, limits_of, measure
from adnflex.powerflow.arrays import exact_kernel, solve_arrays
from adnflex.powerflow.judge import auditing_seconds, recorded
from adnflex.powerflow.limits import margins
from adnflex.powerflow.states import Measured, StateArrays, tabulated
from adnflex.powerflow.verdict import flaw, flaws
from adnflex.reporting.proof import judge_cards
from adnflex.results.base import Verdict

JUDGE = sys.modules["adnflex.powerflow.judge"]
ENGINES = JUDGE.ENGINES


@pytest.fixture
def small(monkeypatch):
    """The same with samples of four."""
    for name in ("auto", "power-grid-model"):
        monkeypatch.setitem(ENGINES, name, ENGINES[name]._replace(sample=4))
    monkeypatch.setitem(ENGINES, "auto", ENGINES["auto"]._replace(beyond=4))


def powers(net, count: int, seed: int, more=(), top: float = 1.2) -> pd.DataFrame:
    """Random powers of everything that has any, and what else is given as ``(column, values)``."""
    rng = np.random.default_rng(seed)
    places = [
        (table, column, int(i))
        for table in ("load", "sgen", "storage")
        for column in ("p_mw", "q_mvar")
        for i in net[table].index
    ]
    usual = np.array([net[t].at[i, c] for t, c, i in places])
    values = rng.uniform(0, top, (count, len(places))) * np.where(usual == 0, 0.01, usual)
    table = pd.DataFrame(values, columns=pd.MultiIndex.from_tuples(places), index=pd.RangeIndex(count, name="period"))
    for column, given in more:
        table[column] = given
    return table


def cigre():
    """Transformers with taps, batteries, scaled rows, a bank, a line that hangs open, a dark bus."""
    net = pn.create_cigre_network_mv(with_der="all")
    net.sgen["scaling"], net.load["scaling"] = 0.7, 0.9
    net.trafo["tap_pos"] = 1
    net.load.loc[0, "in_service"] = False
    pp.create_shunt(net, 7, q_mvar=-0.3, p_mw=0.01)
    pp.create_bus(net, 20.0)
    pp.create_line_from_parameters(net, 5, pp.create_bus(net, 20.0), 3.0, 0.3, 0.3, 200.0, 0.3)
    return net


def parallel():
    """Lines and transformers side by side, one of them the other way round; loading by power."""
    net = pn.panda_four_load_branch()
    line = net.line.loc[1]
    std = {c: line[c] for c in ("r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km", "max_i_ka")}
    pp.create_line_from_parameters(net, line.to_bus, line.from_bus, 2 * line.length_km, **std)
    net.line.loc[2, "parallel"] = 2
    net.trafo = pd.concat([net.trafo, net.trafo], ignore_index=True)
    pp.set_user_pf_options(net, trafo_loading="power")
    return net


def tapped(net):
    steps = np.repeat([-1, 0, 2], 5)
    return powers(
        net, 15, 4, [(("trafo", "tap_pos", 0), steps), (("ext_grid", "vm_pu", 0), np.repeat([1.0, 1.02, 1.01], 5))]
    )


def set_every_hour(net):
    """What dispatch moves: positions of both transformers, the source, steps of a bank, with everything else."""
    hours = np.arange(24)
    more = [(("trafo", "tap_pos", i), (hours * (i + 1)) % 5 - 2) for i in net.trafo.index]
    more += [(("ext_grid", "vm_pu", 0), 1 + 0.001 * (hours % 7)), (("shunt", "step", 0), hours % 3)]
    return powers(net, 24, 6, more)


def by_voltage():
    """Loads of mixed shares of constant impedance, several at a bus, generation beside them."""
    net = cigre()
    rng = np.random.default_rng(3)
    net.load["const_z_p_percent"], net.load["const_z_q_percent"] = (rng.uniform(0, 80, len(net.load)) for _ in "pq")
    pp.create_load(net, 5, 0.1, 0.02, const_z_p_percent=50.0)
    pp.create_sgen(net, 5, 0.05)
    return net


def two_feeders():
    """Two sources of their own voltages, no closed path between them."""
    net = pn.case33bw()
    pp.create_ext_grid(net, 24, vm_pu=1.02)
    net.line.loc[23, "in_service"] = False
    return net


def two_voltages(net):
    more = [(("ext_grid", "vm_pu", i), np.linspace(0.99, 1.03, 12) + 0.01 * i) for i in net.ext_grid.index]
    return powers(net, 12, 8, more)


def banked(net):
    return powers(net, 12, 5, [(("constant_q", "q_mvar", 0), np.linspace(-1, 0.5, 12))])


NETS = {
    "case33bw": (pn.case33bw, lambda net: powers(net, 12, 1)),
    "taps and a moving source": (cigre, tapped),
    "a bank of constant q": (cigre, banked),
    "everything set every hour": (cigre, set_every_hour),
    "loads by voltage": (by_voltage, lambda net: powers(net, 12, 9)),
    "two sources": (two_feeders, two_voltages),
    "side by side": (parallel, lambda net: powers(net, 12, 2)),
    "low voltage": (pn.create_kerber_landnetz_freileitung_1, lambda net: powers(net, 8, 3)),
}


def measured_arrays(net, table, switches, solver, **options) -> tuple[Measured, list[str]]:
    """Tables of the states that arrays could solve, and why they could not solve the others."""
    states, refused = solve_arrays(net, table, switches, solver, **options)
    solved = np.flatnonzero(states.converged)
    return tabulated(net, states.at(solved), table.index[solved]), refused


def assert_same(found: Measured, truth: Measured) -> None:
    for item in fields(Measured):
        a, b = getattr(found, item.name), getattr(truth, item.name)
        assert a.index.equals(b.index)
        if item.name in ("converged", "radial", "dark"):
            assert a.tolist() == b.tolist()
        else:
            np.testing.assert_allclose(a, b, rtol=1e-7, atol=1e-7, err_msg=item.name)


@pytest.mark.parametrize("name", NETS)
def test_arrays_say_what_pandapower_says(name):
    make, states = NETS[name]
    net = make()
    table = states(net)
    found, refused = measured_arrays(net, table, None, exact_kernel)
    assert refused == []
    assert_same(found, measure(net, table))


def test_positions_of_no_ratio_are_read_one_by_one():
    net = cigre()
    net.trafo["tap_step_degree"] = 1.0
    table = powers(net, 12, 4, [(("trafo", "tap_pos", 0), np.repeat([-1, 0, 2], 4))])
    found, refused = measured_arrays(net, table, None, exact_kernel)
    assert refused == []
    assert_same(found, measure(net, table))


def test_topologies_that_change_from_block_to_block_are_read_one_by_one():
    net = pn.case33bw()
    plans = [adnflex.plan_from(net, open_lines=lines).switches for lines in ([6, 8, 13, 31, 36], [32, 33, 34, 35, 36])]
    switches = pd.concat([plan.assign(first_period=6 * k) for k, plan in enumerate(plans)], ignore_index=True)
    table = powers(net, 12, 7)
    found, refused = measured_arrays(net, table, switches, exact_kernel)
    assert refused == []
    assert_same(found, measure(net, table, switches))


def meshed(net):
    net.line["in_service"] = True


def two_sources(net):
    pp.create_ext_grid(net, 0)


def three_windings(net):
    buses = [pp.create_bus(net, kv) for kv in (110.0, 10.0)]
    pp.create_transformer3w_from_parameters(
        net, buses[0], 5, buses[1], 110.0, 12.66, 10.0, 9.0, 9.0, 9.0, 10.0, 10.0, 10.0, 0.3, 0.3, 0.3, 1.0, 0.1
    )


@pytest.mark.parametrize(
    ("change", "word"), [(meshed, "radial"), (two_sources, "several sources"), (three_windings, "trafo3w")]
)
def test_what_arrays_do_not_hold_is_named_and_left_to_pandapower(change, word, small):
    net = pn.case33bw()
    change(net)
    table = powers(net, 5, 2)
    found = judge(net, table, limits_of(net, Limits((0.5, 1.5))))
    assert found.by_pandapower == 5
    assert found.difference is None
    assert word in " ".join(found.notes)
    assert found.says == "5 of 5 by pandapower"
    assert found.measured.converged.all()


def test_other_settings_in_every_state_are_left_to_pandapower():
    net = pn.case33bw()
    table = powers(net, 8, 2, [(("line", "length_km", 3), np.linspace(0.1, 0.2, 8))])
    found, refused = measured_arrays(net, table, None, exact_kernel, fewest=4)
    assert not len(found.labels)
    assert "change from state to state" in refused[0]


def test_a_state_without_a_solution_is_pandapowers_to_judge(small):
    net = pn.panda_four_load_branch()
    table = powers(net, 80, 1)
    table.iloc[77] *= 1e4
    found = judge(net, table, limits_of(net, Limits((0.5, 1.5))))
    assert found.measured.converged.index[~found.measured.converged].tolist() == [77]
    assert found.by_pandapower <= 9
    assert found.difference < 1e-7


def test_every_state_without_a_solution_is_named_and_none_counts_as_passed(small):
    net = pn.panda_four_load_branch()
    table = powers(net, 60, 1)
    lost = [7, 21, 22, 40, 59]
    table.iloc[lost] *= 1e4
    found = judge(net, table, limits_of(net, Limits((0.5, 1.5))))
    assert np.flatnonzero(~found.measured.converged).tolist() == lost
    sentence = flaw(found.measured)
    assert sentence.startswith("AC power flow does not converge in period 7, so")
    assert sentence.endswith("nor does it in period 21 or in period 22 or in period 40 or 1 more")
    assert [label for label, _ in flaws(found.measured)] == lost
    assert np.isnan(found.measured.vm_pu.loc[lost]).all(axis=None)
    assert found.found.limits["checked"].max() == 55 * (len(net.bus) - 1)


def test_a_first_state_without_a_solution_does_not_spoil_the_others(small):
    net = cigre()
    table = powers(net, 40, 1)
    table.iloc[0] *= 1e4
    found = judge(net, table, limits_of(net, Limits((0.5, 1.5))))
    assert found.measured.converged.tolist() == [False] + [True] * 39
    assert found.by_pandapower <= 9
    assert found.difference < 1e-7


def test_tables_that_do_not_fit_are_refused_before_anything_is_run(monkeypatch):
    net = pn.case33bw()
    one = StateArrays.bytes_of(net, 1)
    assert one == sum(a.itemsize * a.size for a in vars(StateArrays.empty(net, 8)).values()) // 8
    monkeypatch.setattr(JUDGE, "_MOST_BYTES", 10 * one)
    monkeypatch.setattr(JUDGE, "run_states", None)
    with pytest.raises(
        InputError, match=r"12 states of 33 buses: their tables take .* GiB.*; give at most 10 at a time"
    ):
        judge(net, powers(net, 12, 1), limits_of(net))


def test_comparing_in_parts_is_comparing_at_once(monkeypatch):
    net = cigre()
    measured = measure(net, powers(net, 9, 3))
    limits = limits_of(net, Limits((0.985, 1.02), max_loading_percent=40.0))
    whole = compare(measured, limits)
    assert len(whole.violations) > 5
    monkeypatch.setattr("adnflex.powerflow.limits._AT_ONCE", 2 * len(net.bus))
    parts = compare(measured, limits)
    for name in ("limits", "violations", "nearest"):
        pd.testing.assert_frame_equal(getattr(whole, name), getattr(parts, name))
    np.testing.assert_array_equal(whole.margin, parts.margin)
    np.testing.assert_array_equal(whole.margin, margins(measured, limits))
    # the nearest limit of a state is its worst violation, by the same numbers
    worst = whole.violations.assign(
        share=whole.violations["excess"] / np.where(whole.violations["unit"] == "%", 100, 1)
    )
    for period, rows in worst.groupby("period"):
        assert -whole.margin[period] == pytest.approx(rows["share"].max())
        assert whole.nearest.at[period, "limit_index"] == rows.loc[rows["share"].idxmax(), "index"]


def test_a_check_and_its_report_say_who_judged(small):
    net = pn.panda_four_load_branch()
    found = judge(net, few(net, 0, 50), limits_of(net, Limits((0.5, 1.5))))
    record = found.record
    assert (record["power_flows"], record["other_judge"]) == (50, "the exact kernel")
    assert record["by_pandapower"] == found.by_pandapower <= 8
    assert recorded([found, found])["power_flows"] == 100
    (card,) = judge_cards(Verdict(True, "all is met", **record))
    assert card.value == f"{found.by_pandapower} of 50"
    assert f"largest difference {found.difference:.1e}" in card.below
    alone = judge(net, few(net, 0, 4), limits_of(net, Limits((0.5, 1.5)))).record
    assert judge_cards(Verdict(True, "all is met", **alone))[0].below == "all states"
    assert judge_cards(Verdict(True, "all is met")) == judge_cards(None) == []


def test_the_time_of_many_states_is_that_of_the_sample(monkeypatch):
    clock = iter(np.arange(0, 100, 0.05))
    monkeypatch.setattr(JUDGE.time, "monotonic", lambda: float(next(clock)))
    net = pn.case33bw()
    few, many, year = (auditing_seconds(net, count, 0.1) for count in (8, 200, 35136))
    assert few == pytest.approx(0.4)
    assert many == pytest.approx(0.7, abs=0.1)
    assert 2 < year < 4


def test_an_audit_of_a_day_says_which_hours_pandapower_ran():
    net = pn.case33bw()
    hours = few(net, 0, 24)
    found = judge(net, hours, limits_of(net, Limits((0.9, 1.1))), engine="audit")
    everything = judge(net, hours, limits_of(net, Limits((0.9, 1.1))))
    ran = found.judges.index[found.judges == "pandapower"]
    assert 2 <= len(ran) == found.by_pandapower <= 4
    assert everything.found.margin.argmin() in ran
    assert set(found.judges) == {"pandapower", "the exact kernel"}
    assert (everything.judges == "pandapower").all()
    assert found.measured.losses_mw.to_numpy() == pytest.approx(everything.measured.losses_mw.to_numpy(), abs=1e-8)


def few(net, seed=0, count=5000):
    return powers(net, count, seed, top=0.5)


def test_the_only_violation_of_five_thousand_states_is_found_and_seen_by_pandapower(small):
    net = pn.panda_four_load_branch()
    table = few(net)
    table.iloc[4321] *= 6
    limits = limits_of(net, Limits((0.95, 1.05)))
    found = judge(net, table, limits)
    assert found.by_pandapower <= 8 < len(found.measured.labels)
    bad = found.found.violations
    assert set(bad["period"]) == {4321}
    assert found.says.startswith(f"{found.by_pandapower} of 5,000 by pandapower, 5,000 by the exact kernel, largest")
    alone = measure(net, table.loc[[4321]])
    np.testing.assert_allclose(found.measured.vm_pu.loc[4321], alone.vm_pu.loc[4321], rtol=0, atol=1e-9)
    assert found.found.limits.set_index("kind").at["voltage low", "checked"] == 5000 * (len(net.bus) - 1)


def changed(change):
    """The kernel with its states changed."""

    def solver(grid):
        solve = exact_kernel(grid)
        return lambda *drawn: change(grid, solve, *drawn)

    return solver


def off_by_a_thousandth(grid, solve, p, *more):
    return solve(1.001 * p, *more)


def blind_to_voltage(grid, solve, *drawn):
    flow = solve(*drawn)
    return replace(flow, v=np.maximum(flow.v, 0.99))


def without_losses(grid, solve, *drawn):
    flow = solve(*drawn)
    return replace(flow, loss=0 * flow.loss)


def mute(grid, solve, *drawn):
    flow = solve(*drawn)
    return replace(flow, v=np.where(np.arange(grid.n) == 3, np.nan, flow.v))


@pytest.mark.parametrize("wrong", [off_by_a_thousandth, blind_to_voltage, without_losses, mute])
def test_a_kernel_that_is_wrong_is_found_and_pandapower_runs_everything(wrong, small, monkeypatch):
    net = pn.panda_four_load_branch()
    table = few(net, 1, 20)
    table.iloc[5] *= 6
    monkeypatch.setitem(ENGINES, "auto", ENGINES["auto"]._replace(solver=changed(wrong)))
    limits = limits_of(net, Limits((0.95, 1.05)))
    found = judge(net, table, limits)
    assert found.by_pandapower == 20
    assert found.says.startswith("all 20 by pandapower: the exact kernel differs from it by")
    assert_same(found.measured, measure(net, table))
    assert set(found.found.violations["period"]) == {5}


def test_a_kernel_that_hides_one_violation_is_found_where_it_is_near_a_limit(small, monkeypatch):
    """A state beyond its limits is moved within them: it stays one of the nearest, and pandapower runs these."""
    net = pn.panda_four_load_branch()
    table = few(net, 2, 40)
    table.iloc[22] *= 6

    def kind(grid, solve, *drawn):
        flow = solve(*drawn)
        return replace(flow, v=np.where(flow.v < 0.9026, 0.9026, flow.v))

    monkeypatch.setitem(ENGINES, "auto", ENGINES["auto"]._replace(solver=changed(kind)))
    found = judge(net, table, limits_of(net, Limits((0.95, 1.05))))
    assert found.by_pandapower == 40
    assert set(found.found.violations["period"]) == {22}


def test_pandapower_runs_every_state_on_request(small):
    net = pn.panda_four_load_branch()
    found = judge(net, few(net, 3, 6), limits_of(net, Limits((0.9, 1.1))), engine="pandapower")
    assert (found.by_pandapower, found.difference, found.says, found.notes) == (6, None, "", ())


def test_the_second_judge_solves_every_state_and_agrees():
    pytest.importorskip("power_grid_model")
    solver = ENGINES["power-grid-model"].solver
    for make, states in NETS.values():
        net = make()
        table = states(net)
        found, refused = measured_arrays(net, table, None, solver)
        assert refused == []
        assert_same(found, measured_arrays(net, table, None, exact_kernel)[0])
    net = pn.case33bw()
    plan = adnflex.plan_from(net, open_lines=[6, 8, 13, 31, 36])
    check = adnflex.validate(plan, net, engine="power-grid-model")
    assert check.passed
    # one state is read for itself alone
    assert "1 of 1 by pandapower, 1 by power-grid-model, largest difference" in check.verdict


def test_a_second_judge_that_is_not_there_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "power_grid_model", None)
    net = pn.case33bw()
    with pytest.raises(SolverUnavailable, match=r"not installed; .* pip install adnflex\[power-grid-model\]"):
        judge(net, powers(net, 5, 1), limits_of(net, Limits((0.9, 1.1))), engine="power-grid-model")


def test_an_unknown_engine_is_refused_by_name():
    net = pn.case33bw()
    plan = adnflex.plan_from(net, open_lines=[6, 8, 13, 31, 36])
    with pytest.raises(InputError, match="engine is 'kernel'; give 'auto' or 'pandapower' or 'power-grid-model'"):
        adnflex.validate(plan, net, engine="kernel")
