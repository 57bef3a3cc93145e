"""Costs of pandapower's tables: against its own optimal power flow, against hand values, and what is refused."""

from __future__ import annotations

import copy
import functools

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

import adnflex
from adnflex.devices.cost_curve import CostCurve
from adnflex.errors import InputError
from adnflex.grid import fingerprint


def feeder(length: float = 4.0, slack_gen: bool = False):
    """Source, line, a fixed load, a sun and a flexible load; no price yet."""
    net = copy.deepcopy(made(slack_gen))
    net.line["length_km"] = length
    return net


@functools.cache
def made(slack_gen: bool):
    """Make the net; that takes longer than copying it."""
    net = pp.create_empty_network(sn_mva=1.0)
    bus = [pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1) for _ in range(3)]
    for a, b in ((0, 1), (1, 2)):
        pp.create_line_from_parameters(net, bus[a], bus[b], 4.0, 0.3, 0.3, 0.0, 0.3, max_loading_percent=200.0)
    if slack_gen:
        pp.create_gen(net, bus[0], 0.0, vm_pu=1.0, slack=True)
    else:
        pp.create_ext_grid(net, bus[0])
    pp.create_load(net, bus[2], 3.0, 0.6, controllable=False)
    limits = {"controllable": True, "min_p_mw": 0.0, "min_q_mvar": 0.0, "max_q_mvar": 0.0}
    pp.create_sgen(net, bus[1], 2.0, 0.0, max_p_mw=2.0, **limits)
    pp.create_load(net, bus[1], 1.0, 0.0, max_p_mw=1.5, **limits)
    return net


def add_storage(net) -> None:
    pp.create_storage(net, 1, 0.0, 4.0, soc_percent=50.0, min_p_mw=-1.0, max_p_mw=1.0, min_e_mwh=0.0, controllable=True)
    net.storage["efficiency_percent"], net.storage["max_e_mwh"] = 90.0, 4.0


def convex(rng, low: float, high: float, price: float) -> list[list[float]]:
    """Segments over a range whose first goes through the origin of the axis."""
    inner = np.sort(rng.uniform(low, high, 2))
    ends, slopes = [low, *inner, high], np.sort(rng.uniform(0.3, 1.7, 3)) * price
    return [[a, b, float(c)] for a, b, c in zip(ends[:-1], ends[1:], slopes, strict=True)]


@pytest.mark.parametrize("seed", range(4))
def test_random_costs_agree_with_the_optimal_power_flow_of_pandapower(seed):
    rng = np.random.default_rng(seed)
    net = feeder(rng.uniform(2, 8))
    net.ext_grid["max_p_mw"], net.ext_grid["min_p_mw"] = 20.0, -20.0
    worth = -float(rng.uniform(40, 160))
    if seed % 2:
        pp.create_pwl_cost(net, 0, "ext_grid", convex(rng, -20.0, 20.0, 100.0))
        pp.create_pwl_cost(net, 0, "sgen", convex(rng, 0.0, 2.0, 90.0))
        pp.create_poly_cost(net, 1, "load", cp1_eur_per_mw=worth)
    else:
        pp.create_poly_cost(net, 0, "ext_grid", cp1_eur_per_mw=80.0, cp2_eur_per_mw2=float(rng.uniform(0, 9)))
        more = {"cp2_eur_per_mw2": float(rng.uniform(5, 40)), "cp0_eur": 7.0}
        pp.create_poly_cost(net, 0, "sgen", cp1_eur_per_mw=float(rng.uniform(20, 90)), **more)
        pp.create_poly_cost(net, 1, "load", cp1_eur_per_mw=worth)
    plan = adnflex.dispatch(net, gap=1e-6)
    check = adnflex.validate(plan, net)
    pp.runopp(net, delta=1e-10, suppress_warnings=True)
    assert plan.objective == pytest.approx(net.res_cost, rel=2e-4, abs=1e-2)
    assert plan.bound <= net.res_cost + 1e-4 * abs(net.res_cost)
    assert check.passed
    assert check.objective == pytest.approx(plan.objective, rel=1e-6)
    # what pandapower would pay for what we decided, from its own tables
    paid = {key: float(plan.setpoints[(*key[:1], "p_mw", key[1])].iloc[0]) for key in (("sgen", 0), ("load", 1))}
    paid["ext_grid", 0] = float(check.periods["grid_mw"].iloc[0])
    assert check.objective == pytest.approx(sum(by_table(net, *key, p) for key, p in paid.items()), rel=1e-6)


def by_table(net, table: str, index: int, p: float) -> float:
    """Cost of a power by the rows of the net, the long way round."""
    total = 0.0
    for row in net.poly_cost[(net.poly_cost.et == table) & (net.poly_cost.element == index)].itertuples():
        total += row.cp0_eur + row.cp1_eur_per_mw * p + row.cp2_eur_per_mw2 * p * p
    for row in net.pwl_cost[(net.pwl_cost.et == table) & (net.pwl_cost.element == index)].itertuples():
        at, cost = row.points[0][0], row.points[0][0] * row.points[0][2]
        lines = []
        for begin, end, slope in row.points:
            cost += slope * (begin - at)
            at = begin
            lines.append(cost + slope * (p - begin))
            cost, at = cost + slope * (end - begin), end
        total += max(lines)
    return total


@pytest.mark.parametrize("seed", range(4))
def test_a_curve_is_the_highest_of_its_lines(seed):
    rng = np.random.default_rng(seed)
    net = feeder()
    pp.create_pwl_cost(net, 0, "sgen", convex(rng, -3.0, 2.0, 50.0))
    from adnflex.devices.cost_tables import read_cost_tables

    cost = read_cost_tables(net, [])["sgen", 0]
    for p in rng.uniform(-5, 4, 20):
        assert float(cost.curve.rate(np.array(p))) == pytest.approx(by_table(net, "sgen", 0, float(p)))


def test_a_slack_generator_has_its_price():
    net = feeder(slack_gen=True)
    pp.create_poly_cost(net, 0, "gen", cp1_eur_per_mw=90.0)
    pp.create_poly_cost(net, 0, "sgen", cp1_eur_per_mw=30.0)
    pp.create_poly_cost(net, 1, "load", cp1_eur_per_mw=-10.0)
    plan = adnflex.dispatch(net)
    assert plan.generation["p_mw", 0].iloc[0] == pytest.approx(2.0, abs=1e-5)
    assert plan.objective == pytest.approx(90 * float(plan.balance["grid_mw"].iloc[0]) + 60, rel=1e-6)
    assert plan.balance["price"].iloc[0] == 90


def test_a_load_pays_what_the_table_says_and_is_served_where_that_is_more_than_energy_costs():
    for worth, served in ((-200.0, 1.5), (-20.0, 0.0)):
        net = feeder()
        net.ext_grid["price_per_mwh"] = 90.0
        net.sgen["controllable"] = False
        pp.create_poly_cost(net, 1, "load", cp1_eur_per_mw=worth)
        plan = adnflex.dispatch(net)
        assert float(plan.setpoints["load", "p_mw", 1].iloc[0]) == pytest.approx(served, abs=1e-5)
        assert plan.costs.at["flexible load", "cost"] == pytest.approx(worth * served, abs=1e-3)


@pytest.mark.parametrize(
    ("cost", "moves"),
    [
        ({"cp1_eur_per_mw": 0.0}, True),
        ({"cp1_eur_per_mw": 0.0, "cp2_eur_per_mw2": 1000.0}, False),
        ("wear", False),
    ],
)
def test_a_storage_counts_charging_positive_and_moves_energy_where_that_pays(cost, moves):
    net = feeder()
    add_storage(net)
    net.sgen["controllable"], net.load["controllable"] = False, False
    profile = {("ext_grid", "price_per_mwh"): pd.DataFrame({0: [20.0, 120.0]})}
    if cost == "wear":
        pp.create_pwl_cost(net, 0, "storage", [[-1.0, 0.0, -60.0], [0.0, 1.0, 60.0]])
    else:
        pp.create_poly_cost(net, 0, "storage", **cost)
    plan = adnflex.dispatch(net, profiles=profile, hours_per_period=1.0)
    charged = float(plan.storage["charge_mw", 0].iloc[0])
    assert charged == pytest.approx(1.0, abs=1e-3) if moves else charged < 0.06
    assert adnflex.validate(plan, net).passed


def test_energy_in_a_storage_has_a_price_with_its_sign():
    net = feeder()
    add_storage(net)
    net.storage["terminal_soc_percent"] = 70.0
    net.ext_grid["price_per_mwh"] = 0.0
    pp.create_poly_cost(net, 0, "storage", cp1_eur_per_mw=10.0)
    plan = adnflex.dispatch(net)
    assert plan.costs.at["storage", "cost"] == pytest.approx(10 * 0.2 * 4 / 0.9, rel=1e-4)
    assert "free" in " ".join(plan.notes)


def test_constants_count_by_the_hour():
    net = feeder()
    pp.create_poly_cost(net, 0, "ext_grid", cp1_eur_per_mw=90.0)
    plain = adnflex.dispatch(net, hours_per_period=0.5).objective
    net.poly_cost.loc[0, "cp0_eur"] = 100.0
    assert adnflex.dispatch(net, hours_per_period=0.5).objective == pytest.approx(plain + 50.0, rel=1e-6)


def poly(element: int, et: str, **terms):
    return lambda net: pp.create_poly_cost(net, element, et, **{"cp1_eur_per_mw": 5.0, **terms}, check=False)


def pwl(points, et: str = "sgen", kind: str = "p"):
    return lambda net: pp.create_pwl_cost(net, 0, et, points, power_type=kind, check=False)


def column(table: str, name: str, value: object):
    def write(net) -> None:
        net[table][name] = value

    return write


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ([poly(0, "sgen"), poly(0, "sgen")], ["sgen 0", "2 rows", "poly_cost 0", "poly_cost 1"]),
        ([poly(0, "sgen"), pwl([[0, 2, 3]])], ["sgen 0", "poly_cost 0", "pwl_cost 0"]),
        ([poly(0, "ext_grid"), pwl([[0, 2, 3]], "ext_grid")], ["ext_grid 0", "2 rows"]),
        ([pwl([[0, 1, 30], [1, 2, 20]])], ["pwl_cost 0", "sgen 0", "30", "20", "not convex"]),
        ([pwl([[0, 1, 20], [1.5, 2, 30]])], ["pwl_cost 0", "1.5", "gaps"]),
        ([pwl([[2, 1, 20]])], ["pwl_cost 0", "points"]),
        ([pwl("dear")], ["pwl_cost 0", "points", "dear"]),
        ([pwl([[0, np.nan, 20]])], ["pwl_cost 0", "points"]),
        ([pwl([[0, 1, 20]], kind="q")], ["pwl_cost 0", "power_type", "'q'"]),
        ([poly(0, "sgen", cp2_eur_per_mw2=-1.0)], ["poly_cost 0", "cp2_eur_per_mw2", "-1", "convex"]),
        ([poly(0, "sgen", cq1_eur_per_mvar=2.0)], ["poly_cost 0", "cq1_eur_per_mvar", "sgen 0"]),
        ([poly(0, "ext_grid", cq2_eur_per_mvar2=2.0)], ["poly_cost 0", "cq2_eur_per_mvar2", "ext_grid 0"]),
        ([poly(0, "sgen", cp1_eur_per_mw=np.nan)], ["poly_cost 0", "cp1_eur_per_mw", "nan"]),
        ([poly(0, "sgen"), column("sgen", "cost_per_mwh", 4.0)], ["sgen 0", "poly_cost 0", "cost_per_mwh"]),
        ([poly(1, "load"), column("load", "cost_per_mwh", 4.0)], ["load 1", "poly_cost 0", "cost_per_mwh"]),
        ([add_storage, poly(0, "storage"), column("storage", "cost_per_mwh", 0.0)], ["storage 0", "cost_per_mwh"]),
        ([poly(0, "ext_grid"), column("ext_grid", "price_per_mwh", 4.0)], ["ext_grid 0", "price_per_mwh"]),
        ([pwl([[0, 9, 1]], "ext_grid"), column("ext_grid", "sell_price_per_mwh", 0.0)], ["ext_grid 0", "sell_price"]),
        ([column("load", "type", "ev"), poly(1, "load")], ["load 1", "poly_cost 0", "electric vehicles"]),
    ],
)
def test_costs_that_are_not_modelled_are_refused_by_name(changes, words):
    net = feeder()
    for change in changes:
        change(net)
    if not any("ext_grid" in w for w in words):
        net.ext_grid["price_per_mwh"] = 100.0
    with pytest.raises(InputError) as caught:
        adnflex.dispatch(net)
    assert any(all(w in finding for w in words) for finding in caught.value.findings), caught.value


def test_a_table_beside_a_profile_of_prices_is_refused():
    net = feeder()
    pp.create_poly_cost(net, 0, "ext_grid", cp1_eur_per_mw=90.0)
    profile = {("ext_grid", "price_per_mwh"): pd.DataFrame({0: [20.0, 120.0]})}
    with pytest.raises(InputError, match=r"ext_grid 0.*poly_cost 0.*price_per_mwh"):
        adnflex.dispatch(net, profiles=profile, hours_per_period=1.0)


def test_costs_of_what_is_no_decision_are_noted():
    net = feeder()
    net.ext_grid["price_per_mwh"] = 100.0
    net.sgen["controllable"] = False
    pp.create_poly_cost(net, 0, "sgen", cp1_eur_per_mw=30.0)
    pp.create_poly_cost(net, 0, "load", cp1_eur_per_mw=-30.0)
    plan = adnflex.dispatch(net)
    assert sum("no decision" in note and "poly_cost" in note for note in plan.notes) == 2
    assert "generation" not in plan.costs.index


def test_a_box_and_a_region_say_that_they_read_no_prices():
    net = feeder()
    pp.create_poly_cost(net, 0, "ext_grid", cp1_eur_per_mw=30.0)
    for found in (adnflex.flexibility(net, hours_per_period=1.0), adnflex.pq_region(net)):
        assert any("poly_cost" in note and "not read" in note for note in found.notes)
    del net["poly_cost"]
    assert not any("poly_cost" in note for note in adnflex.flexibility(net, hours_per_period=1.0).notes)


def test_segments_that_end_early_are_extended_and_noted():
    net = feeder()
    net.ext_grid["price_per_mwh"] = 100.0
    net.load["controllable"] = False
    pp.create_pwl_cost(net, 0, "sgen", [[0.0, 1.0, 30.0]])
    plan = adnflex.dispatch(net)
    assert plan.costs.at["generation", "cost"] == pytest.approx(60.0, rel=1e-4)
    assert any("pwl_cost 0" in note and "0 to 1 MW" in note for note in plan.notes)


# --- no price -----------------------------------------------------------------------------------------------------


def test_a_dispatch_without_any_price_is_refused_with_the_way_out():
    for values in (None, np.nan, 0.0):
        net = feeder()
        if values is not None:
            net.ext_grid["price_per_mwh"] = values
        with pytest.raises(InputError, match=r"no price.*price_per_mwh.*loss_cost_per_mwh=1"):
            adnflex.dispatch(net)
    assert adnflex.dispatch(net, loss_cost_per_mwh=1).objective > 0
    zero = {("ext_grid", "price_per_mwh"): pd.DataFrame({0: [0.0, 0.0]})}
    with pytest.raises(InputError, match="no price"):
        adnflex.dispatch(net, profiles=zero, hours_per_period=1.0)


@pytest.mark.parametrize(
    "arguments", [{"objective": "carbon"}, {"carbon_price_per_kg": 0.1}, {"carbon_budget_kg": 5.0}]
)
def test_carbon_without_factors_is_refused(arguments):
    net = feeder()
    net.ext_grid["price_per_mwh"] = 100.0
    with pytest.raises(InputError, match=rf"{next(iter(arguments))}.*co2_kg_per_mwh"):
        adnflex.dispatch(net, **arguments)
    net.ext_grid["co2_kg_per_mwh"] = 300.0
    if arguments != {"carbon_budget_kg": 5.0}:
        assert adnflex.dispatch(net, **arguments).carbon_kg > 0


def ring(price: float | None = None):
    net = feeder()
    pp.create_line_from_parameters(net, 0, 2, 4.0, 0.3, 0.3, 0.0, 0.3, max_loading_percent=200.0)
    for line, (_, end) in enumerate(((0, 1), (1, 2), (0, 2))):
        pp.create_switch(net, end, line, "l", closed=line != 2)
    if price is not None:
        net.ext_grid["price_per_mwh"] = price
    return net


def test_switching_that_feels_no_losses_is_refused():
    net = ring()
    pp.create_poly_cost(net, 0, "sgen", cp1_eur_per_mw=30.0)
    with pytest.raises(InputError, match=r"does not feel the losses.*loss_cost_per_mwh"):
        adnflex.dispatch(net, windows=None)
    assert adnflex.dispatch(net, windows=None, loss_cost_per_mwh=1.0).switches["closed_after"].sum() == 2
    assert adnflex.dispatch(ring(100.0), windows=None).objective > 0


def test_a_source_without_a_price_beside_one_with_a_price_is_refused():
    net = feeder()
    net.ext_grid["price_per_mwh"] = 100.0
    pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1)
    pp.create_gen(net, 3, 0.0, slack=True)
    pp.create_load(net, 3, 1.0)
    with pytest.raises(InputError, match=r"gen 0: has no price while another"):
        adnflex.dispatch(net)
    pp.create_poly_cost(net, 0, "gen", cp1_eur_per_mw=0.0)
    assert adnflex.dispatch(net).objective > 0


def test_curves_have_their_arithmetic():
    curve = CostCurve(2.0, 1.0, (1.0, 3.0), (4.0, 5.0), 0.5)
    p = np.array([0.0, 2.0, 4.0])
    assert curve.rate(p).tolist() == [1.0, 1 + 4 + 4 + 2, 1 + 8 + 12 + 5 + 8]
    step = 1e-6
    for x in (0.5, 2.5, 5.0):
        slope = float(np.diff(curve.rate(np.array([x, x + step])))[0]) / step
        assert curve.price(x) == pytest.approx(slope, abs=1e-4)
    assert curve.beyond(6.0).rate(p).tolist() == pytest.approx((curve.rate(p) - 6 * p).tolist())


def test_an_inverter_may_stay_within_its_rating_where_the_equations_are_exact():
    net = feeder()
    net.ext_grid["price_per_mwh"] = 100.0
    net.load["controllable"] = False
    net.sgen["sn_mva"], net.sgen["min_q_mvar"], net.sgen["max_q_mvar"] = 2.2, -2.0, 2.0
    cone = adnflex.dispatch(net, gap=1e-5)
    exact = adnflex.dispatch(net, exact=True, solver="scip", gap=1e-5)
    assert exact.objective == pytest.approx(cone.objective, rel=1e-4)


@pytest.mark.parametrize("table", ["poly_cost", "pwl_cost"])
def test_a_plan_is_not_judged_under_other_prices(table):
    net = adnflex.networks.load("ieee33_dispatch")
    before = fingerprint(net)
    if table == "poly_cost":
        pp.create_poly_cost(net, 0, "ext_grid", cp1_eur_per_mw=5.0)
    else:
        pp.create_pwl_cost(net, 0, "ext_grid", [[0, 1, 3.0]])
    assert fingerprint(net) != before
