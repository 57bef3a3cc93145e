"""Build ``ieee33_dispatch.json``: a day of the IEEE 33-bus feeder with every flexible device.

Run it from the root of the repository: ``python networks/make_ieee33_dispatch.py``. The feeder is
``pandapower.networks.case33bw``; everything else is here. What is published and what was chosen is in
``PROVENANCE.md`` beside this file, what the columns mean in ``docs/devices.md``.

Node ``k`` of the paper is the bus with the index ``k - 1``; its hour ``h`` is the clock time from ``h - 1`` to ``h``,
so that element ``h - 1`` of every curve belongs to it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pandapower as pp
import pandapower.networks
import pandas as pd
from pandapower.auxiliary import pandapowerNet

NOMINAL_KV = 12.66
BASE_MVA = 10.0
MIN_VM_PU, MAX_VM_PU = 0.94, 1.06

# Curves, one value an hour: shares of the rated values, CNY/kWh, and MW.
LOAD = """
  0.45 0.41 0.39 0.38 0.39 0.43 0.50 0.59 0.66 0.70 0.73 0.71
  0.69 0.66 0.65 0.66 0.69 0.73 0.78 0.80 0.78 0.70 0.60 0.51
"""
SUN = """
  0    0    0    0    0    0.02 0.10 0.24 0.42 0.60 0.74 0.83
  0.86 0.82 0.72 0.57 0.40 0.22 0.08 0.01 0    0    0    0
"""
WIND = """
  0.46 0.48 0.50 0.51 0.50 0.47 0.42 0.36 0.30 0.26 0.23 0.21
  0.20 0.20 0.22 0.25 0.28 0.32 0.36 0.40 0.42 0.44 0.45 0.46
"""
TARIFF_CNY_PER_KWH = """
  0.25 0.25 0.25 0.25 0.25 0.25 0.25 0.53 0.53 0.53 0.82 0.82
  0.82 0.82 0.82 0.53 0.53 0.53 0.82 0.82 0.82 0.53 0.53 0.53
"""
VEHICLES_MW = """
  0.0970 0.0722 0.0492 0.0295 0.0188 0.0121 0.0081 0.0065 0.0065 0.0071 0.0119 0.0250
  0.0438 0.0708 0.1121 0.1527 0.1962 0.2272 0.2393 0.2395 0.2278 0.2050 0.1712 0.1314
"""

PV_NODES, WIND_NODES = (9, 19), (17, 32)
RENEWABLE_MW = 1.5
CAPACITOR_NODES = (5, 15)
CAPACITOR_STEPS, CAPACITOR_STEP_MVAR = 5, 0.1
SVC_NODES = (5, 15, 32)
SVC_MVAR = (-0.1, 0.3)
STORAGE_NODES = (15, 32)
STORAGE_MWH, STORAGE_SHARES, STORAGE_INITIAL_SHARE = 1.0, (0.1, 0.9), 0.5
CHARGE_MW, DISCHARGE_MW = 0.3, 0.2
VEHICLE_NODE = 22

TAP_RANGE_PU, TAP_STEP_PU, TAP_INITIAL_PU = (0.94, 1.05), 0.01, 1.02
MOVES_PER_DAY = 5
CNY_PER_MOVE = 200.0
# 0.1 CNY/kWh and 0.1 CNY/kvarh: generation, storage, capacitor banks, SVC.
CNY_PER_MWH = CNY_PER_MVARH = 100.0

# The stressed studies: more load, little wind, and three times as many vehicles at once from 18 to 21 h.
STRESS_LOAD_FACTOR, STRESS_WIND_FACTOR = 1.5, 0.25
STRESS_VEHICLE_FACTOR, STRESS_VEHICLE_HOURS = 3.0, (19, 20, 21)
# Two variants of study 3 in which the devices work: moves and reactive power for nothing; stressed, with more load.
HEAVY_LOAD_FACTOR = 2.3


def values(table: str) -> list[float]:
    """Read a typed curve as 24 numbers."""
    return [float(word) for word in table.split()]


def bus_of(node: int) -> int:
    """Bus index of a node of the paper."""
    return node - 1


def build() -> pandapowerNet:
    """Build the net with its devices, profiles, prices and studies; as it stands it is study 3."""
    net = pandapower.networks.case33bw()
    net.name, net.sn_mva = "ieee33_dispatch", BASE_MVA
    # Prices are in net.ext_grid; case33bw's own belong to another study.
    net.poly_cost = net.poly_cost.iloc[:0]
    net.bus["min_vm_pu"], net.bus["max_vm_pu"] = MIN_VM_PU, MAX_VM_PU
    net.bus["name"] = [str(bus + 1) for bus in net.bus.index]
    _grid_connection(net)
    _loads(net)
    _renewables_and_svc(net)
    _capacitor_banks(net)
    _storages(net)
    net["profiles"] = _profiles()
    net["study"] = {
        "currency": "CNY",
        "hours_per_period": 1.0,
        "start_hour": 0.0,
        "loss_cost_per_mwh": 500.0,
        "carbon_price_per_kg": 0.048,
        "published": _published(),
    }
    net["studies"] = _studies(net)
    return net


def _published() -> dict[str, dict[str, object]]:
    """Figures that the paper prints, by study; its curves and tariff are not public, so only the order can be met."""
    source = (
        "Wan et al., Frontiers in Energy Research 2023, doi:10.3389/fenrg.2023.1259445, with other curves and tariff"
    )
    return {
        "1": {"voltage_spread_percent": 4.24, "source": source},
        "2": {"voltage_spread_percent": 2.34, "source": source},
        "3": {
            "cost_change_percent": -47.9,
            "carbon_change_percent": -75.2,
            "voltage_spread_percent": 1.79,
            "source": source,
        },
    }


def _grid_connection(net: pandapowerNet) -> None:
    """Mains with a tariff, a carbon factor, limits and a tap changer: the position is the voltage of bus 0."""

    def position(vm_pu: float) -> int:
        return round((vm_pu - 1.0) / TAP_STEP_PU)

    columns: dict[str, Any] = {
        "name": "mains",
        "vm_pu": TAP_INITIAL_PU,
        "controllable": True,
        "min_p_mw": 0.0,
        "max_p_mw": 10.0,
        "min_q_mvar": -10.0,
        "max_q_mvar": 10.0,
        "tap_pos": position(TAP_INITIAL_PU),
        "tap_min": position(TAP_RANGE_PU[0]),
        "tap_max": position(TAP_RANGE_PU[1]),
        "tap_neutral": 0,
        "tap_step_percent": 100.0 * TAP_STEP_PU,
        "max_moves_per_day": MOVES_PER_DAY,
        "cost_per_move": CNY_PER_MOVE,
        # The profile is in CNY/kWh.
        "price_per_mwh": 1000.0,
        "co2_kg_per_mwh": 581.0,
        "profile": "mains",
    }
    for column, value in columns.items():
        net.ext_grid[column] = value


def _loads(net: pandapowerNet) -> None:
    """Load of the feeder, with its profile, and the vehicles beside it as a load of their own."""
    net.load["name"] = [str(bus + 1) for bus in net.load.bus]
    net.load["profile"] = "feeder"
    net.load["controllable"] = False
    vehicles = pp.create_load(
        net,
        bus_of(VEHICLE_NODE),
        p_mw=max(values(VEHICLES_MW)),
        q_mvar=0.0,
        name=f"vehicles {VEHICLE_NODE}",
        type="ev",
        controllable=True,
        profile="ev",
    )
    columns: dict[str, Any] = {
        "transferable_share": 0.4,
        "transfer_block": "18-21",
        "transfer_window": "0-24",
        "transfer_cost_per_mwh": 300.0,
        "reducible_share": 0.4,
        "reduce_windows": "15-18, 21-22",
        "reduction": 0.5,
        "max_reductions": 6.0,
        "min_reduction_hours": 1.0,
        "max_reduction_hours": 4.0,
        "reduce_cost_per_mwh": 400.0,
    }
    for column, value in columns.items():
        net.load[column] = None if isinstance(value, str) else float("nan")
        net.load.at[vehicles, column] = value


def _renewables_and_svc(net: pandapowerNet) -> None:
    """Create the static generators: curtailable ones at unity power factor, and reactive sources."""
    for kind, nodes in (("PV", PV_NODES), ("WP", WIND_NODES)):
        for node in nodes:
            pp.create_sgen(
                net,
                bus_of(node),
                p_mw=RENEWABLE_MW,
                q_mvar=0.0,
                name=f"{kind} {node}",
                type=kind,
                controllable=True,
                min_p_mw=0.0,
                max_p_mw=RENEWABLE_MW,
                min_q_mvar=0.0,
                max_q_mvar=0.0,
                profile=kind,
                cost_per_mwh=CNY_PER_MWH,
                cost_per_mvarh=0.0,
            )
    for node in SVC_NODES:
        pp.create_sgen(
            net,
            bus_of(node),
            p_mw=0.0,
            q_mvar=0.0,
            name=f"SVC {node}",
            type="svc",
            controllable=True,
            min_p_mw=0.0,
            max_p_mw=0.0,
            min_q_mvar=SVC_MVAR[0],
            max_q_mvar=SVC_MVAR[1],
            cost_per_mwh=0.0,
            cost_per_mvarh=CNY_PER_MVARH,
        )
    net.sgen["profile"] = net.sgen.profile.astype(object).where(net.sgen.profile.notna(), None)


def _capacitor_banks(net: pandapowerNet) -> None:
    """Switched banks of constant reactive power, all steps off before the day."""
    for node in CAPACITOR_NODES:
        pp.create_shunt(
            net,
            bus_of(node),
            q_mvar=-CAPACITOR_STEP_MVAR,
            p_mw=0.0,
            vn_kv=NOMINAL_KV,
            step=0,
            max_step=CAPACITOR_STEPS,
            name=f"capacitor bank {node}",
        )
    columns: dict[str, Any] = {
        "controllable": True,
        "min_step": 0,
        "constant_q": True,
        "max_moves_per_day": MOVES_PER_DAY,
        "cost_per_mvarh": CNY_PER_MVARH,
    }
    for column, value in columns.items():
        net.shunt[column] = value


def _storages(net: pandapowerNet) -> None:
    """Batteries; the state of charge counts from 0 to `max_e_mwh`, the highest energy allowed."""
    lowest, highest = (share * STORAGE_MWH for share in STORAGE_SHARES)
    for node in STORAGE_NODES:
        pp.create_storage(
            net,
            bus_of(node),
            p_mw=0.0,
            q_mvar=0.0,
            name=f"storage {node}",
            type="battery",
            controllable=True,
            min_p_mw=-DISCHARGE_MW,
            max_p_mw=CHARGE_MW,
            min_q_mvar=0.0,
            max_q_mvar=0.0,
            min_e_mwh=lowest,
            max_e_mwh=highest,
            soc_percent=100.0 * STORAGE_INITIAL_SHARE * STORAGE_MWH / highest,
        )
    columns = {
        "efficiency_charge_percent": 90.0,
        "efficiency_discharge_percent": 90.0,
        "self_discharge_percent_per_hour": 0.0,
        "cost_per_mwh": CNY_PER_MWH,
    }
    for column, value in columns.items():
        net.storage[column] = value


def _profiles() -> dict[str, pd.DataFrame]:
    """Relative values, one row an hour, in SimBench's convention."""
    vehicles = pd.Series(values(VEHICLES_MW))
    stressed = vehicles.copy()
    stressed[[hour - 1 for hour in STRESS_VEHICLE_HOURS]] *= STRESS_VEHICLE_FACTOR
    load = pd.DataFrame({"feeder_pload": values(LOAD), "feeder_qload": values(LOAD)})
    for name, curve in (("ev", vehicles), ("ev_peak", stressed)):
        load[f"{name}_pload"] = curve / vehicles.max()
        load[f"{name}_qload"] = 0.0
    return {
        "load": load,
        "renewables": pd.DataFrame({"PV": values(SUN), "WP": values(WIND)}),
        "ext_grid": pd.DataFrame({"mains_price": values(TARIFF_CNY_PER_KWH)}),
    }


def _studies(net: pandapowerNet) -> pd.DataFrame:
    """Build the paper's three studies, plain and stressed; each says of every device whether it takes part."""
    vehicles = net.load.index[net.load.type == "ev"]
    sun, wind, svcs = (net.sgen.index[net.sgen.type == kind] for kind in ("PV", "WP", "svc"))
    rows: list[tuple[str, str, str, int, Any]] = []

    def write(study: str, table: str, column: str, indices: Iterable[int], value: object) -> None:
        rows.extend((study, table, column, int(index), value) for index in indices)

    for stressed in (False, True):
        for number, with_renewables, with_devices in (("1", False, False), ("2", True, False), ("3", True, True)):
            study = f"{number}-stressed" if stressed else number
            write(study, "ext_grid", "controllable", net.ext_grid.index, with_devices)
            write(study, "load", "controllable", vehicles, with_devices)
            write(study, "sgen", "in_service", [*sun, *wind], with_renewables)
            write(study, "sgen", "in_service", svcs, with_devices)
            write(study, "shunt", "in_service", net.shunt.index, with_devices)
            write(study, "storage", "in_service", net.storage.index, with_devices)
            if stressed:
                # All loads, and then the vehicles again: they have a curve of their own.
                write(study, "load", "scaling", [-1], STRESS_LOAD_FACTOR)
                write(study, "load", "scaling", vehicles, 1.0)
                write(study, "load", "profile", vehicles, "ev_peak")
                write(study, "sgen", "scaling", wind, STRESS_WIND_FACTOR)
    everything = [row[1:] for row in rows if row[0] == "3"]
    rows.extend(("3-free", *row) for row in everything)
    write("3-free", "ext_grid", "cost_per_move", net.ext_grid.index, 0.0)
    write("3-free", "sgen", "cost_per_mvarh", svcs, 0.0)
    write("3-free", "shunt", "cost_per_mvarh", net.shunt.index, 0.0)
    rows.extend(("3-heavy", *row[1:]) for row in list(rows) if row[0] == "3-stressed")
    write("3-heavy", "load", "scaling", net.load.index.difference(vehicles), HEAVY_LOAD_FACTOR)
    frame = pd.DataFrame(rows, columns=["study", "table", "column", "index", "value"])
    frame["value"] = frame["value"].astype(object)
    return frame


if __name__ == "__main__":
    pp.to_json(build(), str(Path(__file__).with_name("ieee33_dispatch.json")))
