"""Wrong input to a dispatch is named: element, index, number, next step, and all faults at once."""

from __future__ import annotations

import copy

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pandas as pd
import pytest

import adnflex
from adnflex import networks
from adnflex.errors import InputError, NotRadial
from tests.dispatch_nets import require_unchanged


@pytest.fixture(scope="module")
def case():
    return networks.load("ieee33_dispatch")


def refused(net, *words: str, error=InputError, **arguments) -> InputError:
    """Dispatch has to refuse, and every word has to stand in one sentence of the message."""
    before = copy.deepcopy(net)
    with pytest.raises(error) as caught:
        adnflex.dispatch(net, **arguments)
    require_unchanged(before, net)
    findings = caught.value.findings
    assert any(all(w in f for w in words) for f in findings), findings
    return caught.value


@pytest.mark.parametrize(
    ("table", "column", "index", "value", "words"),
    [
        ("sgen", "min_p_mw", 2, np.nan, ["sgen 2", "min_p_mw", "missing"]),
        ("sgen", "min_p_mw", 2, 3.0, ["sgen 2", "min_p_mw 3 is above max_p_mw 1.5"]),
        ("sgen", "max_q_mvar", 4, np.nan, ["sgen 4", "max_q_mvar"]),
        ("sgen", "min_q_mvar", 4, 0.7, ["sgen 4", "0.7", "0.3"]),
        ("storage", "max_p_mw", 1, np.nan, ["storage 1", "max_p_mw", "missing"]),
        ("storage", "min_p_mw", 1, 0.1, ["storage 1", "min_p_mw is 0.1"]),
        ("storage", "max_e_mwh", 1, np.nan, ["storage 1", "max_e_mwh", "missing"]),
        ("storage", "soc_percent", 0, 120.0, ["storage 0", "soc_percent is 120"]),
        ("storage", "soc_percent", 0, 5.0, ["storage 0", "soc_percent 5", "0.1"]),
        ("storage", "efficiency_charge_percent", 0, 0.95, ["storage 0", "0.95", "fraction", "95"]),
        ("storage", "efficiency_charge_percent", 0, np.nan, ["storage 0", "efficiency_charge_percent", "missing"]),
        ("shunt", "step", 1, 7, ["shunt 1", "7", "5"]),
        ("ext_grid", "vm_pu", 0, 1.03, ["ext_grid 0", "1.03"]),
        ("ext_grid", "tap_pos", 0, 9, ["ext_grid 0", "9"]),
        ("ext_grid", "tap_step_percent", 0, np.nan, ["ext_grid 0", "tap_step_percent"]),
        ("ext_grid", "profile", 0, "nobody", ["ext_grid", "nobody"]),
        ("load", "profile", 3, "nobody", ["load", "3", "nobody_pload", "net.profiles"]),
        ("load", "transfer_block", 32, "late", ["load 32", "transfer_block", "late"]),
        ("load", "reduction", 32, np.nan, ["load 32", "reduction", "missing"]),
        ("load", "reduction", 32, 50.0, ["load 32", "reduction is 50"]),
        ("bus", "max_vm_pu", 7, 0.9, ["bus 7", "0.94", "0.9"]),
    ],
)  # fmt: skip
def test_one_fault(case, table, column, index, value, words):
    net = copy.deepcopy(case)
    if isinstance(value, float) and net[table][column].dtype.kind == "i":
        net[table][column] = net[table][column].astype(float)
    net[table].loc[index, column] = value
    refused(net, *words)


def test_all_faults_of_devices_at_once(case):
    net = copy.deepcopy(case)
    net.sgen.loc[2, "min_p_mw"] = np.nan
    net.storage.loc[0, "efficiency_charge_percent"] = 0.9
    net.storage.loc[1, "max_e_mwh"] = np.nan
    net.shunt.loc[1, "step"] = 9
    net.load.loc[32, "transfer_block"] = "late"
    error = refused(net, "sgen 2")
    for word in ("storage 0", "storage 1", "shunt 1", "load 32"):
        assert any(word in f for f in error.findings), word


def test_a_gap_in_a_profile_names_element_and_period(case):
    net = copy.deepcopy(case)
    net.profiles["renewables"].loc[[5, 6], "WP"] = np.nan
    refused(net, "sgen 2", "p_mw", "5")
    net = copy.deepcopy(case)
    net.profiles["ext_grid"].loc[4, "mains_price"] = np.nan
    refused(net, "ext_grid 0", "price_per_mwh", "4")


def test_profiles_of_different_length(case):
    net = copy.deepcopy(case)
    net.profiles["renewables"] = net.profiles["renewables"].iloc[:20]
    refused(net, "different lengths", "20", "24")


@pytest.mark.parametrize("periods", [[24], [-1], [3, 3], [], [5, 4]])
def test_periods_that_are_none(case, periods):
    refused(case, "periods", periods=periods)


def test_the_length_of_a_period_is_never_guessed(case):
    net = copy.deepcopy(case)
    del net.study["hours_per_period"]
    refused(net, "hours_per_period")
    for hours in (0.0, -1.0, np.nan):
        refused(case, "hours_per_period", hours_per_period=hours)


@pytest.mark.parametrize(
    "arguments",
    [
        {"gap": -1.0}, {"time_limit": 0.0}, {"objective": "co2"}, {"windows": "never"}, {"solver": "nobody"},
        {"loss_cost_per_mwh": -1.0}, {"carbon_price_per_kg": np.nan}, {"carbon_budget_kg": np.nan},
    ],
)  # fmt: skip
def test_wrong_arguments(case, arguments):
    from adnflex.errors import AdnflexError

    with pytest.raises(AdnflexError) as caught:
        adnflex.dispatch(case, **arguments)
    assert next(iter(arguments)) in str(caught.value)


def test_absolute_profiles_are_checked(case):
    good = pd.DataFrame({0: np.ones(24)})
    refused(case, "load", "p_kw", profiles={("load", "p_kw"): good})
    refused(case, "99", profiles={("load", "p_mw"): good.rename(columns={0: 99})})
    refused(case, "load 0", "3", profiles={("load", "p_mw"): good.mask(np.arange(24)[:, None] == 3)})
    refused(case, profiles={("load", "p_mw"): good, ("sgen", "p_mw"): good.iloc[:5]})


def test_a_device_at_a_bus_with_voltage_dependent_load(case):
    net = copy.deepcopy(case)
    at = net.load.index[net.load.bus == net.storage.bus[0]][0]
    net.load.loc[at, ["const_z_p_percent", "const_z_q_percent"]] = 30.0
    refused(net, "storage 0", "voltage-dependent")


def test_a_meshed_net_names_its_loop():
    net = pn.case33bw()
    net.line["in_service"] = True
    net.ext_grid["price_per_mwh"] = 1.0
    refused(net, "closed path", "line", "windows", error=NotRadial)


@pytest.mark.parametrize(
    "missing",
    [
        "tap_changer_type",
        "tap_step_percent",
        "tap_min",
        "tap_side",
    ],
)
def test_a_transformer_that_cannot_be_tapped(missing):
    net = pn.mv_oberrhein()
    net.trafo["controllable"] = True
    if net.trafo[missing].dtype.kind in "if":
        net.trafo[missing] = np.nan
    else:
        net.trafo[missing] = None
    first = net.trafo.index[0]
    refused(net, f"trafo {first}", missing, vm_limits=(0.9, 1.1))


def test_no_source():
    net = pn.case33bw()
    net.ext_grid["in_service"] = False
    refused(net, "ext_grid")


def test_all_day_is_all_day(case):
    """From 0:30 on, in hours: the last one ends at half past midnight."""
    from adnflex.devices.timeline import Timeline, parse_windows

    windows = parse_windows("0-24")
    assert Timeline(24, 1.0, 0.5, np.ones(1)).within(windows) == list(range(24))


def test_simbench_as_shipped_is_refused_with_the_reason():
    simbench = pytest.importorskip("simbench")
    net = simbench.get_simbench_net("1-MV-rural--2-sw")
    net.storage["controllable"] = True
    error = refused(net, "storage 0", "0.95", "fraction", periods=range(4))
    assert len(error.findings) >= len(net.storage)


def test_a_storage_that_can_do_nothing_is_refused():
    """What is left of SimBench's storages once the efficiency is given in percent."""
    from tests.devices.test_storage import feeder

    refused(feeder(soc_percent=0.0, max_p_mw=0.0), "storage 0", "max_p_mw")


def test_a_load_that_draws_nothing_known():
    net = pn.case33bw()
    net.ext_grid["price_per_mwh"] = 1.0
    net.load.loc[4, "p_mw"] = np.nan
    refused(net, "load 4", "p_mw")


def test_poly_cost_that_is_not_convex_is_refused():
    net = pn.case33bw()
    net.poly_cost = net.poly_cost.iloc[:0]
    pp.create_poly_cost(net, 0, "ext_grid", cp1_eur_per_mw=10, cp2_eur_per_mw2=-3)
    refused(net, "poly_cost", "cp2")
