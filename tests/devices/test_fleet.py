"""Vehicles that come and go within a period."""

from __future__ import annotations

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

import adnflex
from adnflex.errors import InputError


def net_with_a_car(arrival: float, departure: float, need_kwh: float, **columns: object) -> pp.pandapowerNet:
    net = pp.create_empty_network(sn_mva=1.0)
    bus = pp.create_buses(net, 2, vn_kv=10.0, min_vm_pu=0.9, max_vm_pu=1.1)
    pp.create_ext_grid(net, bus[0])
    net.ext_grid["price_per_mwh"] = 50.0
    pp.create_line_from_parameters(net, bus[0], bus[1], 1.0, 0.2, 0.2, 0.0, 1.0)
    pp.create_load(net, bus[1], 0.0, type="ev", controllable=True)
    car = {"load": 0, "vehicle": "car", "arrival": arrival, "departure": departure, "need_kwh": need_kwh}
    net["ev"] = pd.DataFrame([car | {"max_kwh": need_kwh, "p_max_mw": 0.1} | columns])
    return net


@pytest.mark.parametrize(("arrival", "departure"), [(1, 3), (1.5, 3.25), (0.25, 0.75), (2.9, 4.0), (0, 5.5)])
def test_a_vehicle_charges_in_the_part_of_a_period_in_which_it_is_there(arrival, departure):
    share = np.clip(np.minimum(np.arange(1, 5), departure) - np.maximum(np.arange(4), arrival), 0, 1)
    # it needs all that its stay allows, so that every period is full
    net = net_with_a_car(arrival, departure, 100 * share.sum() * (1 - 1e-9))
    profiles = {("load", "p_mw"): pd.DataFrame({0: np.zeros(4)})}
    plan = adnflex.dispatch(net, profiles=profiles, hours_per_period=1.0)
    assert plan.setpoints["load", "p_mw", 0].to_numpy() == pytest.approx(0.1 * share, abs=1e-6)
    told = plan.balance
    assert told["ev_mw"].to_numpy() == pytest.approx(0.1 * share, abs=1e-6)
    assert told["grid_mw"].to_numpy() == pytest.approx((told["ev_mw"] + told["losses_mw"]).to_numpy(), abs=1e-6)
    assert adnflex.validate(plan, net).passed


def test_several_draws_of_one_fleet_are_refused():
    net = net_with_a_car(0, 4, 100.0, run=0)
    net["ev"] = pd.concat([net["ev"], net["ev"].assign(run=1, vehicle="other")], ignore_index=True)
    with pytest.raises(InputError, match="2 draws of the fleet; keep the rows of one"):
        adnflex.dispatch(net, profiles={("load", "p_mw"): pd.DataFrame({0: np.zeros(4)})}, hours_per_period=1.0)
