"""Build ``rolling33.json``: the IEEE 33-bus feeder whose nodes charge vehicles from their own sun, wind and storage.

Run it from the root of the repository: ``python networks/make_rolling33.py``. What is published and what was chosen
is in ``PROVENANCE.md`` beside this file.

The table of loads counts its nodes from 1; its node ``k`` is the IEEE bus ``k + 1``, which has the index ``k`` in
pandapower.  The nodes of the study are given by IEEE bus.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import pandapower as pp
import pandapower.networks
import pandas as pd
from pandapower.auxiliary import pandapowerNet

BASE_MVA, ROOT_VM_PU = 1.0, 1.0
MIN_VM_PU, MAX_VM_PU = 0.95, 1.05
HOURS = 24

# Loads of nodes 1 to 32 of the paper's table; node 33 has none and is the substation.
LOAD_KW = """
   93.33  84     112     56      56     186.67 186.67  56      56      42      56
   56     112    56      56      56      84     84     84      84      84      84
   392    392    56      56      56     112    186.67 140     196      56
"""
LOAD_KVAR = """
   48     32      64     24      16      80     80     16      16      24      28
   28     64       8     16      16      32     32     32      32      32      40
   160    160     20     20      16      56    480     56      80      32
"""
LOAD_CURVE = """
  0.55 0.52 0.50 0.50 0.52 0.58 0.68 0.78 0.85 0.90 0.93 0.95
  0.95 0.93 0.90 0.88 0.88 0.92 1.00 1.00 0.98 0.90 0.78 0.65
"""


class Node(NamedTuple):
    """What stands at a node: IEEE bus, kind of parking, sun and wind [kW], number of storages."""

    bus: int
    kind: str
    sun_kw: float
    wind_kw: float
    storages: int


NODES = (
    Node(8, "work", 200, 0, 0),
    Node(13, "home", 200, 0, 1),
    Node(17, "home", 0, 0, 0),
    Node(21, "shop", 0, 100, 0),
    Node(24, "work", 200, 0, 1),
    Node(27, "shop", 0, 0, 0),
    Node(30, "home", 200, 0, 1),
    Node(32, "home", 0, 100, 0),
)
VEHICLES_PER_DAY = 37
# Normal laws, mean and standard deviation [h]; both are rounded to whole hours.
PARKING = {
    "work": {"arrival_h": [8.5, 1.0], "stay_h": [8.0, 1.0]},
    "home": {"arrival_h": [17.5, 1.5], "stay_h": [6.0, 1.0]},
    "shop": {"arrival_h": [13.0, 3.0], "stay_h": [5.0, 1.0]},
}
VEHICLE = {
    "battery_kwh": 66.0,
    "charger_kw": 6.6,
    "charger_efficiency": 0.9,
    "soc_on_arrival": [0.3, 0.7],
    "soc_needed": 0.8,
    "soc_most": 0.9,
}

STORAGE_MWH, STORAGE_MW, STORAGE_SHARES, STORAGE_INITIAL_SHARE = 1.2, 0.3, (0.1, 0.9), 0.5
STORAGE_EFFICIENCY_PERCENT = 95.0
EXCHANGE_LIMIT_MW = 0.3
SVC_BUSES, SVC_MVAR = (13, 24, 30), (-0.2, 1.0)

# money per MWh; the time-of-use tariff is no part of the paper
FLAT = [500.0] * HOURS
VALLEY, PEAK = (0, 1, 2, 3, 4, 5, 6, 23), (10, 11, 18, 19, 20, 21)
TIME_OF_USE = [300.0 if h in VALLEY else 800.0 if h in PEAK else 500.0 for h in range(HOURS)]
EV_PRICE, EV_SUBSIDY, RENEWABLE_COST = 500.0, 5.0, 350.0

RENEWABLES = {
    "sun_hours": [6.0, 19.0],
    "sun_exponent": 1.3,
    "sun_equivalent_hours": 5.8,
    "sun_common_share": 0.8,
    "sun_most": 1.3,
    "wind_mean": 0.268,
    "wind_sd": 0.15,
    "wind_rho": 0.9,
}
# Factor on the clear profile: mean, relative standard deviation, correlation from hour to hour.
WEATHER = {
    "sunny": {"mean": 1.0, "sd": 0.1, "rho": 0.8},
    "cloudy": {"mean": 0.75, "sd": 0.3, "rho": 0.8},
    "fluctuating": {"mean": 1.0, "sd": 0.6, "rho": 0.2},
}
REACTIVE = {
    "loss_weight_per_mw": 1.0,
    "deviation_weight_per_pu": 0.05,
    "load_sd": 0.05,
    "scenarios": 20,
}


def values(table: str) -> list[float]:
    """Read a typed table as numbers."""
    return [float(word) for word in table.split()]


def bus_of(number: int) -> int:
    """Bus index of an IEEE bus."""
    return number - 1


def build() -> pandapowerNet:
    """Build the net: the feeder, the devices of the nodes, and ``net.study`` with prices and laws."""
    net = pandapower.networks.case33bw()
    net.name, net.sn_mva = "rolling33", BASE_MVA
    net.poly_cost = net.poly_cost.iloc[:0]
    net.ext_grid["vm_pu"] = ROOT_VM_PU
    net.bus["min_vm_pu"], net.bus["max_vm_pu"] = MIN_VM_PU, MAX_VM_PU
    net.bus["name"] = [str(bus + 1) for bus in net.bus.index]
    net.load = net.load.iloc[:0]
    for node, (p_kw, q_kvar) in enumerate(zip(values(LOAD_KW), values(LOAD_KVAR), strict=True), start=1):
        pp.create_load(net, node, p_mw=p_kw / 1e3, q_mvar=q_kvar / 1e3, name=str(node + 1))
    devices(net, NODES, [VEHICLES_PER_DAY] * len(NODES))
    svcs(net, SVC_BUSES)
    net["study"] = facts(published())
    series(net)
    return net


def devices(net: pandapowerNet, nodes: tuple[Node, ...], vehicles: list[float]) -> None:
    """Put sun, wind, storage and vehicles at the nodes."""
    net.load["type"], net.load["controllable"] = "base", False
    fleets = {}
    for node, count in zip(nodes, vehicles, strict=True):
        bus = bus_of(node.bus)
        for kind, size_kw in (("PV", node.sun_kw), ("WP", node.wind_kw)):
            if size_kw:
                pp.create_sgen(net, bus, p_mw=size_kw / 1e3, q_mvar=0.0, name=f"{kind} {node.bus}", type=kind)
        for _ in range(node.storages):
            _storage(net, bus, f"storage {node.bus}")
        # The power is drawn at random by the study and written by it.
        load = pp.create_load(net, bus, 0.0, 0.0, name=f"vehicles {node.bus}", type="ev", controllable=True)
        fleets[load] = (node.kind, count)
    net.load["parking"], net.load["vehicles_per_day"] = None, float("nan")
    for load, (kind, count) in fleets.items():
        net.load.at[load, "parking"], net.load.at[load, "vehicles_per_day"] = kind, float(count)
    net.sgen["controllable"] = False
    net.sgen["cost_per_mwh"] = RENEWABLE_COST


def _storage(net: pandapowerNet, bus: int, name: str) -> None:
    """Create a battery; its state of charge counts from 0 to `max_e_mwh`, the highest energy allowed."""
    low, high = (share * STORAGE_MWH for share in STORAGE_SHARES)
    index = pp.create_storage(
        net,
        bus,
        p_mw=0.0,
        q_mvar=0.0,
        name=name,
        type="battery",
        controllable=True,
        min_p_mw=-STORAGE_MW,
        max_p_mw=STORAGE_MW,
        min_e_mwh=low,
        max_e_mwh=high,
        soc_percent=100.0 * STORAGE_INITIAL_SHARE * STORAGE_MWH / high,
    )
    for column in ("efficiency_charge_percent", "efficiency_discharge_percent"):
        net.storage.loc[index, column] = STORAGE_EFFICIENCY_PERCENT


def svcs(net: pandapowerNet, buses: tuple[int, ...]) -> None:
    """Put the reactive sources of the second stage into the net."""
    for number in buses:
        index = pp.create_sgen(net, bus_of(number), p_mw=0.0, q_mvar=0.0, name=f"SVC {number}", type="svc")
        settings = {"controllable": True, "min_p_mw": 0.0, "max_p_mw": 0.0}
        for column, value in {**settings, "min_q_mvar": SVC_MVAR[0], "max_q_mvar": SVC_MVAR[1]}.items():
            net.sgen.loc[index, column] = value
    net.sgen["controllable"] = net.sgen["controllable"].astype(bool)


def series(net: pandapowerNet) -> None:
    """Give base loads their curve and the source its tariffs, as profiles of the net."""
    net.load["profile"] = [None if kind == "ev" else "base" for kind in net.load["type"]]
    curve = values(LOAD_CURVE)
    net.ext_grid["price_per_mwh"], net.ext_grid["profile"] = 1.0, "flat"
    net["profiles"] = {
        "load": pd.DataFrame({"base_pload": curve, "base_qload": curve}),
        "ext_grid": pd.DataFrame({"flat_price": FLAT, "time of use_price": TIME_OF_USE}),
    }


def facts(printed: dict[str, Any]) -> dict[str, Any]:
    """Laws and settings, as `adnflex.RollingCase` reads them."""
    return {
        "currency": "CNY",
        "hours": HOURS,
        "ev_price_per_mwh": EV_PRICE,
        "ev_subsidy_per_vehicle": EV_SUBSIDY,
        "stored_value_per_mwh": 0.0,
        "exchange_limit_mw": EXCHANGE_LIMIT_MW,
        "weather": "sunny",
        "weathers": WEATHER,
        "renewables": RENEWABLES,
        "vehicle": VEHICLE,
        "parking": PARKING,
        "reactive": REACTIVE,
        "published": printed,
    }


def published() -> dict[str, Any]:
    """Costs of a day that the paper prints [CNY]; its laws are not public, so only order and size can be met."""
    items = ("total", "purchase", "ev_profit", "ev_subsidy", "solar", "wind")
    tables = {
        "several simulations": (88.06, 83.51, -3547.58, 1478.50, 1623.60, 450.03),
        "one simulation": (524.81, 266.49, -3293.81, 1478.50, 1623.60, 450.03),
        "no exchange": (1330.83, 2020.28, -4241.58, 1478.50, 1623.60, 450.03),
    }
    return {
        "source": "Xu et al., World Electric Vehicle Journal 16, 515, 2025, doi:10.3390/wevj16090515",
        "costs": {name: dict(zip(items, row, strict=True)) for name, row in tables.items()},
        "total_by_weather": {"sunny": 88.06, "cloudy": 234.76, "fluctuating": 350.81},
    }


if __name__ == "__main__":
    pp.to_json(build(), str(Path(__file__).with_name("rolling33.json")))
