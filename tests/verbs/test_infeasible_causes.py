"""Nets that are infeasible for one known reason: the sentence has to name it."""

from __future__ import annotations

import copy
import dataclasses
import functools

import numpy as np
import pandapower as pp
import pandas as pd
import pytest
from scipy.optimize import linprog

import adnflex
from adnflex.devices import Place, Storage, Timeline
from adnflex.devices.inverter import Inverter
from adnflex.devices.storage_period import free_at_end
from adnflex.errors import AdnflexError, Infeasible, InputError

HOURS = 4


def feeder(rng):
    """A ring of four buses open at one line, a sun and a storage; feasible with room to spare."""
    net = copy.deepcopy(made())
    net.line["length_km"] = rng.uniform(1.0, 3.0, 4)
    net.load["p_mw"] = rng.uniform(0.4, 1.2, 3)
    return net


@functools.cache
def made():
    """Make the net; that takes longer than copying it."""
    net = pp.create_empty_network(sn_mva=1.0)
    bus = [pp.create_bus(net, 20.0, min_vm_pu=0.94, max_vm_pu=1.06) for _ in range(4)]
    for a, b in ((0, 1), (1, 2), (2, 3), (0, 3)):
        pp.create_line_from_parameters(net, bus[a], bus[b], 2.0, 0.3, 0.3, 200.0, 0.25, max_loading_percent=100.0)
    pp.create_switch(net, bus[3], 3, "l", closed=False)
    pp.create_switch(net, bus[3], 2, "l", closed=True)
    pp.create_ext_grid(net, bus[0])
    net.ext_grid["price_per_mwh"] = 90.0
    for b in bus[1:]:
        pp.create_load(net, b, 1.0, 0.2, controllable=False)
    pp.create_sgen(net, bus[3], 1.0, 0.0, controllable=True, min_p_mw=0.0, min_q_mvar=-0.3, max_q_mvar=0.3)
    pp.create_storage(
        net, bus[2], 0.0, 4.0, soc_percent=40.0, min_p_mw=-0.5, max_p_mw=0.5, min_e_mwh=0.0, controllable=True
    )
    net.storage["max_e_mwh"], net.storage["efficiency_percent"] = 4.0, 90.0
    return net


def given(net, hour: int | None = None, factor: float = 1.0) -> dict[str, object]:
    """Flat profiles of the loads, one hour of load 0 scaled."""
    values = np.tile(net.load["p_mw"].to_numpy(float), (HOURS, 1))
    if hour is not None:
        values[hour, 0] *= factor
    table = pd.DataFrame(values, columns=net.load.index)
    return {"profiles": {("load", "p_mw"): table}, "hours_per_period": 1.0}


def kilowatts(net, rng):
    i = int(rng.integers(3))
    net.load.loc[i, ["p_mw", "q_mvar"]] *= 1000
    return {}, [f"load {i}", "MVA", "kW given as MW"]


def kilometres(net, rng):
    net.line["length_km"] *= 1000
    return {}, ["line", "length_km"]


def amperes(net, rng):
    net.line.loc[0, "max_i_ka"] /= 1000
    return {}, ["line 0", "units"]


def end_energy(net, rng):
    soc = float(rng.uniform(0, 10))
    net.storage["soc_percent"], net.storage["terminal_soc_percent"] = soc, 95.0
    short = 3.8 - soc / 100 * 4 - HOURS * 0.9 * 0.5
    return {}, ["storage 0", f"period {HOURS - 1}", f"{short:.4g} MWh short", "terminal_soc_percent"]


def too_full(net, rng):
    net.storage["soc_percent"], net.storage["terminal_soc_percent"], net.storage["min_p_mw"] = 90.0, 5.0, -0.1
    return {}, ["storage 0", "too much", "terminal_soc_percent"]


def leaking(net, rng):
    net.storage["max_p_mw"], net.storage["min_e_mwh"] = 0.01, 1.5
    net.storage["self_discharge_percent_per_hour"] = 2.5
    # 1.6, 1.569, 1.539, 1.509 MWh: the fourth hour would be the last; a little less at the start
    net.storage["soc_percent"] = 38.0
    return {}, ["storage 0", "in period 0", "min_e_mwh 1.5"]


def import_limit(net, rng):
    net.ext_grid["max_p_mw"] = 0.1 * float(rng.uniform(0.5, 1.0))
    return {}, ["import high", "bus 0"]


def one_hour(net, rng):
    hour = int(rng.integers(HOURS))
    return given(net, hour, 30.0), ["period " + str(hour), "loading at line"]


def voltage(net, rng):
    net.bus.loc[1, ["min_vm_pu", "max_vm_pu"]] = 1.02, 1.03
    return {}, ["voltage low at bus 1"]


def rating(net, rng):
    net.sgen["min_p_mw"], net.sgen["sn_mva"] = 0.9, 0.5
    return {}, ["sgen 0", "sn_mva 0.5", "0.9"]


def power_factor(net, rng):
    net.sgen["max_p_mw"], net.sgen["min_q_mvar"], net.sgen["min_cos_phi"] = 0.1, 0.2, 0.95
    return {}, ["sgen 0", "min_cos_phi 0.95"]


def vehicle_need(net, rng):
    net.load.loc[1, ["type", "controllable"]] = "ev", True
    row = {"load": 1, "vehicle": "red", "arrival": 1, "departure": 3, "need_kwh": 30.0, "max_kwh": 60.0}
    net["ev"] = pd.DataFrame([{**row, "p_max_mw": 0.011}])
    return {}, ["vehicle red", "need_kwh 30", "22 kWh"]


def kept_energy(net, rng):
    net.load["keep_energy"] = True
    net.load.loc[0, "controllable"] = True
    net.load["min_p_mw"], net.load["max_p_mw"] = 0.0, 0.01
    return {}, ["load 0", "keep_energy", "max_p_mw 0.01"]


CAUSES = [
    kilowatts, kilometres, amperes, end_energy, too_full, leaking, import_limit, one_hour, voltage, rating,
    power_factor, vehicle_need, kept_energy,
]  # fmt: skip


@pytest.mark.parametrize("cause", CAUSES)
def test_a_dispatch_names_the_one_cause(cause):
    rng = np.random.default_rng(CAUSES.index(cause))
    net = feeder(rng)
    more, words = cause(net, rng)
    with pytest.raises((Infeasible, InputError)) as caught:
        adnflex.dispatch(net, **{**given(net), **more})
    assert all(w in str(caught.value) for w in words), caught.value
    assert "time given" not in str(caught.value)


@pytest.mark.parametrize("cause", [kilowatts, kilometres, amperes, leaking, rating, vehicle_need, kept_energy])
def test_a_box_and_a_region_name_the_one_cause(cause):
    rng = np.random.default_rng(CAUSES.index(cause))
    net = feeder(rng)
    more, words = cause(net, rng)
    more, shown = {**given(net), **more}, [w for w in words if w != "units"]
    with pytest.raises(AdnflexError) as caught:
        adnflex.flexibility(net, **more)
    assert all(w in str(caught.value) for w in shown), caught.value
    if cause in (vehicle_need, kept_energy):
        return  # of a whole day; a region is of one hour
    with pytest.raises(Infeasible) as caught:
        adnflex.pq_region(net, periods=[0], **more)
    assert all(w in str(caught.value) for w in shown), caught.value


@pytest.mark.parametrize("cause", [kilowatts, kilometres, amperes])
def test_a_reconfiguration_names_the_one_cause(cause):
    rng = np.random.default_rng(1)
    net = feeder(rng)
    _, words = cause(net, rng)
    with pytest.raises(Infeasible) as caught:
        adnflex.reconfigure(net, workers=1)
    assert all(w in str(caught.value) for w in words), caught.value


def test_the_nets_are_feasible_without_a_cause():
    net = feeder(np.random.default_rng(0))
    assert adnflex.validate(adnflex.dispatch(net, **given(net)), net).passed


@pytest.mark.parametrize("seed", range(40))
def test_a_storage_is_refused_exactly_where_a_linear_programme_finds_no_way(seed):
    rng = np.random.default_rng(seed)
    periods, hours = int(rng.integers(1, 6)), float(rng.choice([0.25, 1.0]))
    inverter = Inverter(0.0, 0.0, np.zeros((1, periods)), np.nan, np.nan)
    top, floor = 4.0, float(rng.uniform(0, 1.5))
    start, end = (float(rng.uniform(floor, top)) for _ in range(2))
    place = Place("storage", "storage", 0, "", 1, 1)
    charge, discharge = (float(rng.uniform(0, 1.5)) for _ in range(2))
    eta = rng.uniform(0.7, 1.0, 2)
    keep = float(rng.choice([1.0, 0.8, 0.95]))
    storage = Storage(place, charge, discharge, floor, top, start, end, *eta, keep, inverter, 1.0, 0.0)
    horizon = Timeline(periods, hours, 0.0, np.ones(1))
    for one, ends in ((storage, (end, end)), (free_at_end(storage), (floor, top))):
        found = one.contradictions(horizon)
        assert bool(found) == (not reachable(storage, periods, hours, ends)), found
    said = [c.sentence for c in storage.contradictions(horizon) if "give terminal_soc_percent" in c.sentence]
    for sentence in said:
        # what is offered works when followed
        percent = float(sentence.split("give terminal_soc_percent ")[1].split(",")[0])
        assert not dataclasses.replace(storage, e_end=percent / 100 * top).contradictions(horizon)


def reachable(storage: Storage, periods: int, hours: float, ends: tuple[float, float]) -> bool:
    """Whether charging and discharging, not both, lead through all limits; the energies are a linear programme."""
    kept = storage.keep**hours
    size = 2 * periods
    gain = np.concatenate([np.full(periods, storage.charging), np.full(periods, -1 / storage.discharging)]) * hours
    rows = np.zeros((periods, size))
    base = np.zeros(periods)
    for t in range(periods):
        for k in range(t + 1):
            rows[t, k], rows[t, periods + k] = (gain[j] * kept ** (t - k) for j in (k, periods + k))
        base[t] = storage.e_start * kept ** (t + 1)
    low = np.full(periods, storage.e_min)
    high = np.full(periods, storage.e_max)
    low[-1], high[-1] = max(low[-1], ends[0]), min(high[-1], ends[1])
    bounds = [(0, storage.charge_mw)] * periods + [(0, storage.discharge_mw)] * periods
    slack = 1e-6 * storage.e_max
    found = linprog(np.zeros(size), np.vstack([rows, -rows]), np.concatenate([high - base, base - low]) + slack,
                    bounds=bounds)  # fmt: skip
    return bool(found.status == 0)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.7])
@pytest.mark.parametrize("table", ["line", "trafo"])
def test_an_overload_is_said_in_percent_of_pandapower(table, share):
    # nothing can move, so the overload is that of plain power flow
    net = feeder(np.random.default_rng(5))
    net.sgen["controllable"] = net.storage["controllable"] = False
    above = pp.create_bus(net, 110.0)
    pp.create_transformer_from_parameters(net, above, 0, 10.0, 110.0, 20.0, 0.5, 10.0, 5.0, 0.1)
    net.ext_grid["bus"], net.line["max_loading_percent"] = above, np.nan
    pp.runpp(net, numba=False)
    truth = float(net[f"res_{table}"].loading_percent[0])
    percent = net[table].loc[0, "max_loading_percent"] = share * truth
    for verb in (adnflex.dispatch, adnflex.pq_region):
        with pytest.raises(Infeasible) as caught:
            verb(net, hours_per_period=1.0)
        row = caught.value.violations.set_index("kind").loc["loading"]
        assert (row["element"], row["index"]) == (table, 0)
        assert percent or "kW" not in str(caught.value)
        if percent:
            assert (row["limit"], row["unit"]) == (percent, "%")
            assert row["value"] == pytest.approx(truth, rel=1e-4)
        else:
            assert (row["limit"], row["unit"]) == (0.0, "pu")
            assert row["value"] > 0


def test_branches_that_can_carry_everything_are_no_cause():
    net = feeder(np.random.default_rng(6))
    net.line["max_i_ka"] = 99999.0
    net.bus["min_vm_pu"] = 1.02
    with pytest.raises(Infeasible) as caught:
        adnflex.dispatch(net, **given(net))
    assert "voltage low" in str(caught.value)
    assert "line" not in str(caught.value)
