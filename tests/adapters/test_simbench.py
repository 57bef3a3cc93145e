"""A day of a SimBench net as a case for the dispatch: what is written, what stays, what is refused."""

from __future__ import annotations

import copy

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pandas as pd
import pytest
from pandapower.toolbox import nets_equal

from adnflex.adapters import simbench_case
from adnflex.errors import InputError

DAYS = 3


@pytest.fixture
def shipped():
    """A net as SimBench ships it: the same columns and oddities, three days of two profiles."""
    net = pn.create_cigre_network_mv(with_der=False)
    net.bus["min_vm_pu"], net.bus["max_vm_pu"] = 0.965, 1.055
    pp.create_sgen(net, 5, p_mw=2.0, q_mvar=0.1, sn_mva=2.0, profile="WP4")
    pp.create_sgen(net, 6, p_mw=0.5, sn_mva=0.5, profile="PV3")
    for bus, energy in ((5, 0.4119), (6, 0.1863)):
        pp.create_storage(
            net, bus, p_mw=-0.206, max_e_mwh=energy, sn_mva=0.206, soc_percent=0.0, min_e_mwh=0.0, min_p_mw=-0.206,
            max_p_mw=0.0, min_q_mvar=-0.206, max_q_mvar=0.206, profile="lv_rural1", efficiency_percent=0.95,
        )  # fmt: skip
    net.storage["self-discharge_percent_per_day"] = 0.13
    net.load["profile"] = "G0-A"
    row = np.arange(DAYS * 96.0)
    time = pd.date_range("2016-01-01", periods=DAYS * 96, freq="15min").strftime("%d.%m.%Y %H:%M")
    net["profiles"] = {
        "load": pd.DataFrame({"time": time, "G0-A_pload": row, "G0-A_qload": row / 2}),
        "powerplants": pd.DataFrame({"time": time}),
        "renewables": pd.DataFrame({"time": time, "WP4": row / 1000, "PV3": np.where(row % 96 < 20, -1e-5, 0.5)}),
        "storage": pd.DataFrame({"time": time, "lv_rural1": row / 500}),
    }
    return net


def findings(*args, **kwargs) -> list[str]:
    with pytest.raises(InputError) as caught:
        simbench_case(*args, **kwargs)
    return list(caught.value.findings)


def test_storages(shipped):
    storage = simbench_case(shipped, 0).storage
    assert storage.controllable.tolist() == [True, True]
    assert storage.controllable.dtype == bool
    assert storage[["min_p_mw", "max_p_mw", "p_mw"]].to_numpy().tolist() == [[-0.206, 0.206, 0.0]] * 2
    assert storage.soc_percent.tolist() == [50.0, 50.0]
    assert storage[["min_e_mwh", "max_e_mwh"]].equals(shipped.storage[["min_e_mwh", "max_e_mwh"]])
    assert storage.efficiency_percent.tolist() == [95.0, 95.0]
    assert storage.cost_per_mwh.tolist() == [5.0, 5.0]
    assert storage[["min_q_mvar", "max_q_mvar"]].to_numpy().tolist() == [[0.0, 0.0]] * 2
    kept = (1 - storage.self_discharge_percent_per_hour / 100) ** 24
    assert kept.tolist() == pytest.approx([1 - 0.0013] * 2, rel=1e-12)


def test_storages_by_argument(shipped):
    shipped.storage["efficiency_percent"] = [90.0, 1.0]
    storage = simbench_case(shipped, 0, soc_percent=20, storage_reactive_power=True).storage
    assert storage.efficiency_percent.tolist() == [90.0, 100.0]
    assert storage.soc_percent.tolist() == [20, 20]
    assert storage[["min_q_mvar", "max_q_mvar"]].to_numpy().tolist() == [[-0.206, 0.206]] * 2


def test_static_generators(shipped):
    sgen = simbench_case(shipped, 0).sgen
    assert sgen.controllable.tolist() == [True, True]
    assert sgen.min_p_mw.tolist() == [0, 0]
    assert sgen[["q_mvar", "min_q_mvar", "max_q_mvar"]].to_numpy().tolist() == [[0.1] * 3, [0.0] * 3]
    assert sgen[["p_mw", "sn_mva", "profile"]].equals(shipped.sgen[["p_mw", "sn_mva", "profile"]])


def test_rows_of_the_day(shipped):
    net = simbench_case(shipped, 2)
    assert {name: len(table) for name, table in net.profiles.items()} == dict.fromkeys(shipped.profiles, 96)
    assert all(table.index.equals(pd.RangeIndex(96)) for table in net.profiles.values())
    load = net.profiles["load"]
    assert load["G0-A_pload"].tolist() == list(range(192, 288))
    assert (load.time.iloc[0], load.time.iloc[-1]) == ("03.01.2016 00:00", "03.01.2016 23:45")
    assert net.profiles["renewables"].PV3.tolist() == [0.0] * 20 + [0.5] * 76
    hourly = simbench_case(shipped, 11, hours_per_period=1.0)
    assert hourly.profiles["load"]["G0-A_pload"].tolist() == list(range(264, 288))
    assert hourly.study["hours_per_period"] == 1.0


def test_prices(shipped):
    net = simbench_case(shipped, 0)
    assert net.ext_grid[["price_per_mwh", "sell_price_per_mwh", "co2_kg_per_mwh"]].to_numpy().tolist() == [
        [100.0, 60.0, 400.0]
    ]
    assert "ext_grid" not in net.profiles
    assert net.study == {"currency": "EUR", "hours_per_period": 0.25}
    factors = [0.5] * 48 + [1.5] * 48
    net = simbench_case(shipped, 0, price_per_mwh=80, sell_price_per_mwh=80, price_profile=factors)
    assert net.ext_grid.profile.tolist() == ["tariff"]
    assert net.profiles["ext_grid"].to_dict("list") == {"tariff_price": factors, "tariff_sell_price": factors}
    assert net.ext_grid[["price_per_mwh", "sell_price_per_mwh"]].to_numpy().tolist() == [[80, 80]]


def test_voltage_limits(shipped):
    assert simbench_case(shipped, 0).bus.equals(shipped.bus)
    shipped.bus.loc[[3, 7], "min_vm_pu"] = np.nan
    del shipped.bus["max_vm_pu"]
    assert findings(shipped, 0) == [
        "bus 3, 7: min_vm_pu is missing at 2 buses; write it into net.bus.",
        "bus 0, 1, 2, 3, 4, ...: max_vm_pu is missing at 15 buses; write it into net.bus.",
    ]


def test_the_callers_net_stays(shipped):
    before = copy.deepcopy(shipped)
    net = simbench_case(shipped, 1)
    net.line["in_service"] = False
    net.profiles["load"].iloc[:] = 0
    assert nets_equal(shipped, before)
    assert "dispatch" not in shipped
    for name, table in before.profiles.items():
        pd.testing.assert_frame_equal(shipped.profiles[name], table)


def test_a_case_survives_json(shipped):
    net = simbench_case(shipped, 1)
    again = pp.from_json_string(pp.to_json(net))
    assert nets_equal(net, again)
    for name, table in net.profiles.items():
        pd.testing.assert_frame_equal(again.profiles[name], table)
    assert again.study == net.study


def test_nets_without_devices(shipped):
    shipped.storage, shipped.sgen = shipped.storage.iloc[:0], shipped.sgen.iloc[:0]
    del shipped.profiles["renewables"], shipped.profiles["storage"]
    net = simbench_case(shipped, 0)
    assert (len(net.storage), len(net.sgen), sorted(net.profiles)) == (0, 0, ["load", "powerplants"])


def test_every_fault_is_named_at_once(shipped):
    shipped.storage["sn_mva"] = [np.nan, 0.2]
    shipped.storage["min_e_mwh"] = [0.0, 0.5]
    shipped.storage["efficiency_percent"] = [0.0, 0.95]
    assert findings(shipped, DAYS, soc_percent=120, sell_price_per_mwh=110, price_profile=[1.0] * 24) == [
        "soc_percent is 120; give 0 to 100.",
        "sell_price_per_mwh is 110 and price_per_mwh 100.0: buying and selling at once would earn money; sell at the "
        "price or below.",
        "day is 3; net.profiles holds 3 days of 96 rows, give 0 to 2, in a row.",
        "price_profile has 24 values; give one a period, 96.",
        "storage 0: sn_mva is nan; give the rating of its inverter above 0 MVA.",
        "storage 0: efficiency_percent is 0.0; give a percentage up to 100, or a fraction up to 1 as SimBench does.",
        "storage 1: min_e_mwh is 0.5 and max_e_mwh 0.1863; give 0 <= min_e_mwh <= max_e_mwh.",
    ]


def test_storages_out_of_service_are_not_looked_at(shipped):
    shipped.storage["sn_mva"] = [np.nan, 0.206]
    shipped.storage["in_service"] = [False, True]
    assert simbench_case(shipped, 0).storage.max_p_mw[1] == 0.206


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"days": -1}, "day is -1; net.profiles holds 3 days of 96 rows, give 0 to 2, in a row."),
        ({"days": range(1, 4)}, "days are 1 to 3; net.profiles holds 3 days of 96 rows, give 0 to 2, in a row."),
        ({"days": range(0, 3, 2)}, "days are 0 to 2; net.profiles holds 3 days of 96 rows, give 0 to 2, in a row."),
        ({"days": range(0)}, "days are 0 to -1; net.profiles holds 3 days of 96 rows, give 0 to 2, in a row."),
        ({"hours_per_period": 0}, "hours_per_period is 0; give a step that divides the 24 hours of a day."),
        ({"hours_per_period": 5.0}, "hours_per_period is 5.0; give a step that divides the 24 hours of a day."),
        (
            {"price_profile": [1.0] * 95 + [-1.0]},
            "price_profile has a value that is no number or below 0; give factors of 0 or more.",
        ),
    ],
)
def test_arguments(shipped, arguments, sentence):
    assert findings(shipped, **{"days": 0, **arguments}) == [sentence]


def test_days_in_a_row_are_those_days_one_after_the_other(shipped):
    several = simbench_case(shipped, range(1, 3), price_profile=[1.0] * 192)
    for name, table in several.profiles.items():
        if name != "ext_grid":
            one_by_one = [simbench_case(shipped, day).profiles[name] for day in (1, 2)]
            pd.testing.assert_frame_equal(table, pd.concat(one_by_one, ignore_index=True))
    assert len(several.profiles["ext_grid"]) == 192
    assert findings(shipped, range(2), price_profile=[1.0] * 96) == [
        "price_profile has 96 values; give one a period, 192."
    ]


def test_a_scenario_without_storages_has_its_days(shipped):
    """SimBench ships a table without a row for what the scenario does not have."""
    shipped.storage = shipped.storage.iloc[:0]
    shipped.profiles["storage"] = shipped.profiles["storage"].iloc[:0]
    assert len(simbench_case(shipped, 2).profiles["load"]) == 96


def test_missing_tables_and_columns(shipped):
    del shipped.storage["efficiency_percent"]
    del shipped["profiles"]
    assert findings(shipped) == [
        "net.profiles has no table 'load'; use a net of simbench.get_simbench_net, which has it.",
        "net.storage has no column efficiency_percent, which SimBench gives; add it.",
    ]


def test_what_simbench_ships():
    """The facts that the docstring and docs/simbench.md state of 1-MV-rural--2-sw."""
    simbench = pytest.importorskip("simbench")
    shipped = simbench.get_simbench_net("1-MV-rural--2-sw")
    storage = shipped.storage
    assert (len(storage), "controllable" in storage.columns) == (90, False)
    assert [set(storage[c]) for c in ("max_p_mw", "soc_percent", "efficiency_percent")] == [{0.0}, {0.0}, {0.95}]
    assert (storage.min_p_mw == -storage.sn_mva).all()
    assert set(storage["self-discharge_percent_per_day"]) == {0.13}
    assert shipped.trafo.tap_changer_type.isna().all()

    net = simbench_case(shipped)
    assert net.storage.max_p_mw.sum() == pytest.approx(13.76)
    assert (len(net.sgen), net.sgen.controllable.all()) == (102, True)
    load, renewables = net.profiles["load"], net.profiles["renewables"]
    assert load.time.iloc[0] == "29.05.2016 01:00"
    demand = sum(p * load[f"{name}_pload"] for p, name in zip(net.load.p_mw, net.load.profile, strict=True))
    feed_in = sum(p * renewables[name] for p, name in zip(net.sgen.p_mw, net.sgen.profile, strict=True))
    surplus = feed_in - demand
    assert (surplus.min(), surplus.max()) == pytest.approx((-4.39, 26.19), abs=5e-3)

    # All of it fed in and the storages idle: too high a voltage at noon.
    noon = int(surplus.argmax())
    net.load["p_mw"] *= [load[f"{name}_pload"][noon] for name in net.load.profile]
    net.load["q_mvar"] *= [load[f"{name}_qload"][noon] for name in net.load.profile]
    net.sgen["p_mw"] *= [renewables[name][noon] for name in net.sgen.profile]
    pp.runpp(net)
    assert net.res_bus.vm_pu.max() == pytest.approx(1.0729, abs=1e-4)
    assert (net.res_bus.vm_pu > net.bus.max_vm_pu).any()
