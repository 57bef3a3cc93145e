"""Reactive sources, flexible load and vehicles against what can be worked out by hand or by a search."""

from __future__ import annotations

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

import adnflex
from adnflex.errors import InputError
from tests.brute_force import RUNPP
from tests.devices.test_storage import feeder as with_storage
from tests.devices.test_storage import prices


def feeder(length: float = 8.0, load: float = 3.0, reactive: float = 2.0):
    """Source, a long line, a load."""
    net = pp.create_empty_network(sn_mva=1.0)
    bus = [pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1) for _ in range(2)]
    pp.create_ext_grid(net, bus[0])
    net.ext_grid["price_per_mwh"] = 100.0
    pp.create_line_from_parameters(net, *bus, length, 0.5, 0.4, 0, 0.4, max_loading_percent=1000.0)
    pp.create_load(net, bus[1], load, reactive)
    return net


def lossless(load: float = 2.0):
    net = with_storage(load)
    net.storage = net.storage.iloc[:0]
    return net


@pytest.mark.parametrize("price", [0.0, 0.5, 4.0])
def test_reactive_power_is_bought_until_it_costs_more_than_it_saves(price):
    net = feeder()
    pp.create_sgen(net, 1, 0.0, controllable=True, min_p_mw=0.0, max_p_mw=0.0, min_q_mvar=-1.0, max_q_mvar=2.5)
    net.sgen["cost_per_mvarh"] = price
    plan = adnflex.dispatch(net, gap=1e-7)
    work, costs = feeder(), {}
    pp.create_sgen(work, 1, 0.0)
    for q in np.linspace(-1, 2.5, 71):
        work.sgen["q_mvar"] = q
        pp.runpp(work, **RUNPP)
        costs[q] = 100 * float(work.res_ext_grid.p_mw[0]) + price * abs(q)
    best = min(costs, key=costs.get)
    assert plan.bound <= costs[best] + 1e-6
    assert plan.objective <= costs[best] + 1e-5
    assert plan.generation["q_mvar", 0].iloc[0] == pytest.approx(best, abs=0.05)
    assert plan.costs["cost"].get("reactive sources", 0.0) == pytest.approx(
        price * abs(plan.generation["q_mvar", 0].iloc[0]), abs=1e-4
    )
    assert adnflex.validate(plan, net).passed


def test_a_power_factor_holds():
    net = feeder(load=3.0, reactive=2.0)
    pp.create_sgen(net, 1, 1.0, controllable=True, min_p_mw=0.0, min_q_mvar=-2.0, max_q_mvar=2.0)
    net.sgen["min_cos_phi"] = 0.9
    plan = adnflex.dispatch(net, gap=1e-6)
    p, q = (float(plan.generation[k, 0].iloc[0]) for k in ("p_mw", "q_mvar"))
    assert p == pytest.approx(1.0, abs=1e-5)
    assert q == pytest.approx(np.tan(np.arccos(0.9)), abs=1e-4)
    assert adnflex.validate(plan, net).passed


def test_generation_dearer_than_the_grid_stands_still():
    net = lossless()
    pp.create_sgen(net, 1, 1.0, controllable=True, min_p_mw=0.25, cost_per_mwh=60.0)
    net.sgen["cost_per_mwh"] = 60.0
    plan = adnflex.dispatch(net, profiles=prices([50.0, 70.0]), hours_per_period=1.0)
    np.testing.assert_allclose(plan.generation["p_mw", 0], [0.25, 1.0], atol=1e-4)
    assert plan.costs.at["generation", "cost"] == pytest.approx(60 * 1.25, rel=1e-4)


def test_a_load_that_may_be_shifted_fills_the_cheapest_hours():
    net = lossless()
    net.load.loc[0, ["q_mvar"]] = 0.4
    net.load["controllable"], net.load["keep_energy"] = True, True
    net.load["min_p_mw"], net.load["max_p_mw"] = 1.0, 3.5
    plan = adnflex.dispatch(net, profiles=prices([40.0, 10.0, 90.0, 20.0]), hours_per_period=0.5)
    p = plan.setpoints["load", "p_mw", 0].to_numpy(dtype=float)
    # 8 in all: 3.5 and 2.5 in the two cheap ones, 1 in the others
    np.testing.assert_allclose(p, [1.0, 3.5, 1.0, 2.5], atol=1e-3)
    np.testing.assert_allclose(plan.setpoints["load", "q_mvar", 0], 0.2 * p, atol=1e-6)
    assert adnflex.validate(plan, net).passed


@pytest.mark.parametrize(("cost", "served"), [(30.0, [1.5, 2.0, 1.5]), (60.0, [2.0, 2.0, 1.5])])
def test_a_load_is_reduced_where_that_is_cheaper_than_buying(cost, served):
    net = lossless()
    net.load["controllable"], net.load["cost_per_mwh"] = True, cost
    net.load["min_p_mw"], net.load["max_p_mw"] = 1.5, 2.0
    plan = adnflex.dispatch(net, profiles=prices([40.0, 10.0, 90.0]), hours_per_period=1.0)
    np.testing.assert_allclose(plan.setpoints["load", "p_mw", 0], served, atol=1e-3)
    cut = 6 - sum(served)
    assert plan.costs.at["flexible load", "cost"] == pytest.approx(cost * cut, rel=1e-3)


def vehicles(start: float, periods: int = 24, **columns):
    net = lossless(1.0)
    pp.create_load(net, 1, 1.0, type="ev", controllable=True)
    data = {"transferable_share": 0.5, "transfer_block": "18-20", "transfer_window": "0-24",
            "transfer_cost_per_mwh": 1.0} | columns  # fmt: skip
    for column, value in data.items():
        net.load[column] = pd.Series([None, value], index=net.load.index)
    return net, {"hours_per_period": 1.0, "start_hour": start}


def test_a_block_cut_by_the_end_of_the_day_is_refused():
    net, arguments = vehicles(19.0)
    with pytest.raises(InputError, match=r"load 1: transfer_block 18-20 is cut in two"):
        adnflex.dispatch(net, profiles=prices(np.full(24, 50.0)), **arguments)


@pytest.mark.parametrize("start", [0.0, 12.0])
def test_a_block_goes_to_the_cheapest_slot_of_the_clock(start):
    net, arguments = vehicles(start)
    clock = (start + np.arange(24)) % 24
    buy = np.where((clock == 3) | (clock == 4), 5.0, 50.0)
    plan = adnflex.dispatch(net, profiles=prices(buy), **arguments)
    after = plan.setpoints["load", "p_mw", 1].to_numpy(dtype=float)
    assert after.sum() == pytest.approx(24, abs=1e-6)
    assert adnflex.validate(plan, net).passed
    np.testing.assert_allclose(after[(clock == 3) | (clock == 4)], 1.5, atol=1e-6)
    np.testing.assert_allclose(after[(clock == 18) | (clock == 19)], 0.5, atol=1e-6)
    assert plan.costs.at["EV transfer", "cost"] == pytest.approx(1.0, rel=1e-6)


def test_interruptions_keep_their_length_and_number():
    """Dear are the hours 8, 10 and 11 to 13; two interruptions of two hours or three."""
    net, arguments = vehicles(
        0.0, transferable_share=0.0, reducible_share=0.5, reduce_windows="8-14", reduction=0.4, max_reductions=1.0,
        min_reduction_hours=2.0, max_reduction_hours=3.0, reduce_cost_per_mwh=20.0,
    )  # fmt: skip
    buy = np.full(24, 10.0)
    buy[[8, 10, 11, 12, 13]] = [200.0, 60.0, 70.0, 80.0, 30.0]
    plan = adnflex.dispatch(net, profiles=prices(buy), **arguments)
    cut = 1 - plan.setpoints["load", "p_mw", 1].to_numpy(dtype=float)
    # three hours from 8 save 200 + 10 + 60, three from 10 only 60 + 70 + 80
    np.testing.assert_allclose(np.flatnonzero(cut > 1e-6), [8, 9, 10])
    np.testing.assert_allclose(cut[8:11], 0.2, atol=1e-6)
    assert plan.costs.at["EV reduction", "cost"] == pytest.approx(20 * 0.6, rel=1e-6)
    assert adnflex.validate(plan, net).passed


def test_a_slice_of_the_day_is_read_at_its_own_hours():
    """Chosen periods keep the clock hours of their rows."""
    net, _ = vehicles(0.0)
    buy = np.full(24, 50.0)
    buy[16] = buy[17] = 5.0
    plan = adnflex.dispatch(net, profiles=prices(buy), periods=range(12, 24), hours_per_period=1.0)
    after = plan.setpoints["load", "p_mw", 1].to_numpy(dtype=float)
    np.testing.assert_allclose(after[[4, 5]], 1.5, atol=1e-6)
    np.testing.assert_allclose(after[[6, 7]], 0.5, atol=1e-6)
