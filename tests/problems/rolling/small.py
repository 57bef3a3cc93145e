"""Small nets and vehicles that tests share."""

from __future__ import annotations

import numpy as np
import pandapower as pp
import pandas as pd

from adnflex.problems.rolling.vehicles import Vehicles

P = 6.6


def vehicles(*rows, node=0):
    """Vehicles from (arrival, departure, need, limit)."""
    arrival, departure, need, limit = (np.array(column) for column in zip(*rows, strict=True))
    n = len(rows)
    same = np.full(n, node)
    return Vehicles(
        same, same + 7, np.arange(n), arrival, departure, need.astype(float), limit.astype(float), np.full(n, P)
    )


def net(hours=6):
    """Three buses: sun and storage at bus 1, vehicles at bus 2."""
    net = pp.create_empty_network()
    buses = [pp.create_bus(net, 12.66) for _ in range(3)]
    pp.create_ext_grid(net, buses[0])
    for a, b in ((0, 1), (1, 2)):
        pp.create_line_from_parameters(net, buses[a], buses[b], 1.0, 0.1, 0.1, 0.0, 1.0)
    pp.create_sgen(net, buses[1], 0.05, type="PV")
    pp.create_storage(
        net, buses[1], 0.0, max_e_mwh=0.1, min_e_mwh=0.01, soc_percent=50.0, min_p_mw=-0.02, max_p_mw=0.03
    )
    net.storage["controllable"], net.storage["efficiency_percent"] = True, 100.0
    pp.create_load(net, buses[2], 0.0, type="ev")
    net["ev"] = ev((0, 0, 3, 13.2, 19.8), (1, 2, 5, 6.6, 6.6))
    net.load["controllable"] = True
    set_price(net, [100.0] * hours)
    net["study"] = {
        "hours": hours,
        "ev_price_per_mwh": 120.0,
        "ev_subsidy_per_vehicle": 1.0,
        "exchange_limit_mw": 0.1,
    }
    return net


def with_site(low=0.9997):
    """Return `net` with a site at the bus of the vehicles, and a load there that pulls the voltage down."""
    found = net()
    found.bus["min_vm_pu"], found.bus["max_vm_pu"] = low, 1.1
    site = pp.create_sgen(found, 2, 0.0, type="svc", min_p_mw=0.0, min_q_mvar=-0.1, max_q_mvar=0.3, controllable=True)
    pp.create_load(found, 2, 0.4, 0.3)
    found.sgen.loc[found.sgen.index != site, "controllable"] = False
    return found


def set_price(net, prices):
    """Write a tariff ``flat`` with a price for each hour."""
    net.ext_grid["price_per_mwh"], net.ext_grid["profile"] = 1.0, "flat"
    net["profiles"] = {"ext_grid": pd.DataFrame({"flat_price": prices})}


def ev(*rows, load=0):
    """Return ``net.ev`` from (vehicle, arrival, departure, need, max)."""
    table = pd.DataFrame(rows, columns=["vehicle", "arrival", "departure", "need_kwh", "max_kwh"])
    return table.assign(load=load, p_max_mw=P / 1e3)


class Steady:
    """A generator of the user's own: what is now stays, give or take."""

    def __init__(self, hours=6, count=1):
        self.hours, self.count = hours, count

    def sample(self, state, hour, n, rng):
        last = np.full(self.count, 0.02) if state is None else np.asarray(state)[-1]
        shape = (n, self.hours - hour - 1, self.count)
        return last * rng.uniform(0.8, 1.2, shape)
