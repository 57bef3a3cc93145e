"""Wrong input to a box is named: element, number, limit, next step, and all faults at once where they are found."""

from __future__ import annotations

import dataclasses
import math
from copy import deepcopy

import numpy as np
import pandapower as pp
import pandas as pd
import pytest

import adnflex
from adnflex.errors import AdnflexError, Infeasible, InputError, NotRadial, UnsupportedElement
from tests.dispatch_nets import require_unchanged
from tests.flexibility_nets import Battery, Feeder, Garage, Line, Sun, Vehicle

LOAD = np.array([[0.0, 0.3, 0.3]] * 3)
FEEDER = Feeder(
    (Line(0, 1, 0.02, 0.02, 2.0), Line(1, 2, 0.02, 0.02, 2.0)),
    LOAD,
    0.3 * LOAD,
    (Sun(2, (0.2, 0.4, 0.3), 0.5, 0.3),),
    (Battery(1, 0.3, 0.3, 0.1, 1.0, 0.5, 0.9, 0.9),),
    garages=(Garage(2, (Vehicle(0, 2, 0.1, 0.3, 0.2), Vehicle(1, 3, 0.1, 0.2, 0.2))),),
)
STORE, CARS = 0, 2


@pytest.fixture(scope="module")
def built():
    return FEEDER.net()


@pytest.fixture
def net(built):
    return deepcopy(built)


def refused(net, *words: str, error=InputError, verb=adnflex.flexibility, **arguments) -> AdnflexError:
    """It has to refuse, every word has to stand in one sentence of the message, and the net stays as it is."""
    before = deepcopy(net)
    with pytest.raises(error) as caught:
        verb(net, **{**FEEDER.arguments, **arguments})
    require_unchanged(before, net)
    findings = getattr(caught.value, "findings", (str(caught.value),))
    assert any(all(w in f for w in words) for f in findings), findings
    return caught.value


def test_it_works_as_it_stands(net) -> None:
    assert adnflex.flexibility(net, **FEEDER.arguments).total_mwh > 0


# -- devices -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("table", "column", "index", "value", "words"),
    [
        ("storage", "soc_percent", 0, 5.0, ["storage 0", "soc_percent 5", "0.05", "min_e_mwh 0.1"]),
        ("storage", "soc_percent", 0, 130.0, ["storage 0", "130", "100"]),
        ("storage", "max_p_mw", 0, np.nan, ["storage 0", "max_p_mw", "missing", "controllable"]),
        ("storage", "efficiency_charge_percent", 0, 0.9, ["storage 0", "0.9", "fraction", "90"]),
        ("storage", "min_e_mwh", 0, 2.0, ["storage 0", "min_e_mwh is 2", "1"]),
        ("sgen", "min_p_mw", 0, 0.35, ["sgen 0", "min_p_mw is 0.35", "0.2", "period 0"]),
        ("sgen", "max_q_mvar", 0, np.nan, ["sgen 0", "max_q_mvar"]),
        ("bus", "min_vm_pu", 1, 1.2, ["bus 1", "1.2"]),
    ],
)  # fmt: skip
def test_a_device_that_is_wrong(net, table, column, index, value, words) -> None:
    net[table].loc[index, column] = value
    refused(net, *words)


def test_all_faults_at_once(net) -> None:
    net.storage.loc[0, "soc_percent"] = 5.0
    net.sgen.loc[0, "min_p_mw"] = np.nan
    net.ev.loc[0, "need_kwh"] = np.nan
    error = refused(net, "storage 0")
    for word in ("sgen 0", "vehicle car 0"):
        assert any(word in f for f in error.findings), word


def test_no_device_at_all(net) -> None:
    for table in ("sgen", "storage", "load"):
        net[table]["controllable"] = False
    refused(net, "no device", "controllable", "sgens")


def test_energy_that_cannot_be_kept(net) -> None:
    net.storage.loc[0, "self_discharge_percent_per_hour"] = 90.0
    net.storage.loc[0, "max_p_mw"] = 0.01
    net.storage.loc[0, ["soc_percent", "min_e_mwh"]] = 50.0, 0.4
    refused(net, "energ", "devices", error=Infeasible)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"departure": 0}, ["load 2", "car 0", "arrival 0", "departure 0"]),
        ({"arrival": -1}, ["load 2", "car 0", "arrival -1"]),
        ({"need_kwh": 900.0, "max_kwh": 900.0}, ["load 2", "car 0", "need_kwh 900", "200 kW", "2 periods", "400"]),
        ({"need_kwh": np.nan}, ["load 2", "car 0", "number is missing"]),
        ({"p_max_mw": np.nan}, ["load 2", "car 0", "number is missing"]),
        ({"arrival": np.nan}, ["load 2", "car 0", "number is missing"]),
        ({"max_kwh": 50.0}, ["load 2", "car 0", "need_kwh 100", "max_kwh 50"]),
        ({"need_kwh": -1.0}, ["load 2", "car 0", "need_kwh -1"]),
        ({"departure": 1.2, "need_kwh": 250.0, "max_kwh": 250.0}, ["need_kwh 250", "1.2 periods", "240 kWh"]),
        ({"p_max_mw": -0.1}, ["load 2", "car 0", "p_max_mw -0.1"]),
        ({"load": 77}, ["net.ev", "77", "net.load"]),
    ],
)  # fmt: skip
def test_a_vehicle_that_is_wrong(net, change, words) -> None:
    net.ev = net.ev.astype({c: float for c in change if c != "load"})
    for column, value in change.items():
        net.ev.loc[0, column] = value
    refused(net, *words)


def test_a_table_of_vehicles_without_a_column(net) -> None:
    net["ev"] = net.ev.drop(columns=["max_kwh", "arrival"])
    refused(net, "net.ev", "arrival", "max_kwh", "missing")


def test_a_fleet_that_is_described_twice(net) -> None:
    net.load["transferable_share"] = 0.0
    net.load.loc[CARS, "transferable_share"] = 0.3
    refused(net, "load 2", "net.ev", "one description")


def test_a_stay_that_the_periods_do_not_cover(net) -> None:
    refused(net, "load 2", "car 1", "need_kwh 100", "cannot be met", periods=[0])


# -- the coupling point --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pcc", "words"),
    [
        (("line", 9), ["line", "9", "0, 1"]),
        (("trafo", 0), ["trafo", "0"]),
        (("bus", 0), ["bus", "ext_grid"]),
        ("ext_grid", ["ext_grid"]),
        (("ext_grid", 4), ["ext_grid", "4"]),
        (("line", "a"), ["line", "a"]),
        (("ext_grid", None), ["None"]),
    ],
)  # fmt: skip
def test_a_coupling_point_that_is_none(net, pcc, words) -> None:
    refused(net, "pcc", *words, pcc=pcc)


def test_a_coupling_point_in_a_closed_path(net) -> None:
    pp.create_line_from_parameters(net, 0, 2, 1.0, 1.0, 1.0, 0.0, 0.2, max_loading_percent=100.0)
    refused(net, "line 1", "closed path", "alone", pcc=("line", 1))
    refused(net, "closed path", "line 2", "open one", error=NotRadial)


def test_a_coupling_point_fed_from_both_sides(net) -> None:
    pp.create_ext_grid(net, 2)
    refused(net, "line 1", "both", "source", pcc=("line", 1))
    refused(net, "2 sources", "ext_grid 0", "ext_grid 1", "name one")


def test_a_coupling_point_out_of_service(net) -> None:
    net.line.loc[1, "in_service"] = False
    refused(net, "line 1", "out of service", pcc=("line", 1))
    net.line.loc[1, "in_service"] = True
    net.ext_grid["in_service"] = False
    refused(net, "ext_grid 0", "out of service", pcc=("ext_grid", 0))


# -- arguments -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"period_weights": [1, 2]}, ["period_weights", "(2,)", "3 periods"]),
        ({"period_weights": [1, np.nan, 1]}, ["period_weights"]),
        ({"period_weights": [1, -1, 1]}, ["period_weights", "0 or more"]),
        ({"period_weights": [1, np.inf, 1]}, ["period_weights", "inf", "finite"]),
        ({"period_weights": "abc"}, ["period_weights", "abc"]),
        ({"base_mw": [0.1, 0.2]}, ["base_mw", "(2,)", "3 periods"]),
        ({"base_mw": [0.1, np.nan, 0.2]}, ["base_mw", "nan", "period 1"]),
        ({"base_mw": [0.1, 0.2, np.inf]}, ["base_mw", "inf", "period 2"]),
        ({"base_mw": "x"}, ["base_mw", "x"]),
        ({"required_mw": 0.5}, ["required_mw", "0.5", "below", "above"]),
        ({"required_mw": (0.5,)}, ["required_mw", "below", "above"]),
        ({"required_mw": ([1, 2], 0)}, ["required_mw", "(2,)", "3 periods"]),
        ({"required_mw": (0.1, [0, np.nan, 0])}, ["required_mw", "nan", "period 1"]),
        ({"direction": "sideways"}, ["direction", "sideways", "symmetric"]),
        ({"final_energy": "full"}, ["final_energy", "full", "percent"]),
        ({"final_energy": 101}, ["final_energy", "101", "100"]),
        ({"final_energy": True}, ["final_energy", "True"]),
        ({"sides": 10}, ["sides", "10", "multiple of 4"]),
        ({"sides": 4}, ["sides", "4", "8"]),
        ({"tie_break": "odd"}, ["tie_break", "odd", "even"]),
        ({"time_limit": 0.0}, ["time_limit", "0"]),
        ({"time_limit": math.nan}, ["time_limit", "nan"]),
        ({"hours_per_period": -1.0}, ["hours_per_period", "-1"]),
        ({"periods": [7]}, ["period", "7", "0 to 2"]),
        ({"vm_limits": (1.1, 0.9)}, ["vm_limits", "1.1", "0.9"]),
    ],
    ids=lambda v: next(iter(v)) if isinstance(v, dict) else "",
)  # fmt: skip
def test_an_argument_that_is_wrong(net, arguments, words) -> None:
    refused(net, *words, **arguments)


def test_wrong_wishes_come_together(net) -> None:
    error = refused(net, "direction", direction="x", sides=3, final_energy=-1, required_mw=1.0)
    assert len(error.findings) == 4


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"switching_cost": 1.0}, ["switching_cost"]),
        ({"solver": "scip"}, ["solver"]),
        ({"colour": "red"}, ["colour"]),
        ({"max_operations": -1}, ["max_operations", "-1", "0 or more"]),
        ({"compare": {"mine": [55]}}, ["mine", "55"]),
        ({"compare": {"mine": [0, 1]}}, ["mine", "not radial"]),
        ({"gap": -0.1}, ["gap", "-0.1"]),
    ],
    ids=lambda v: next(iter(v)) if isinstance(v, dict) else "",
)  # fmt: skip
def test_an_argument_of_reconfigure_that_is_wrong(net, arguments, words) -> None:
    pp.create_line_from_parameters(net, 0, 2, 1.0, 1.0, 1.0, 0.0, 0.2, max_loading_percent=100.0, in_service=False)
    merged = {"time_limit": 5.0, "workers": 1, **arguments}
    refused(net, *words, verb=adnflex.reconfigure_for_flexibility, **merged)


def test_the_arguments_of_a_box_are_none_of_a_reconfiguration(net) -> None:
    with pytest.raises(InputError, match="unknown argument 'sides' of reconfigure"):
        adnflex.reconfigure(net, sides=16)  # type: ignore[call-arg]


# -- what cannot be had --------------------------------------------------------------------------------------------


def test_a_voltage_limit_that_is_impossible(net) -> None:
    error = refused(net, "voltage", "bus", "period", "pu", "by 0.0", error=Infeasible, vm_limits=(0.9999, 1.05))
    assert not error.proven  # the linear model alone says so, and it is no relaxation of AC
    # the amount is true: with so much more room there is a dispatch of the linear model
    assert "relax" in str(error)
    worst = error.violations.iloc[0]
    assert worst[["kind", "element", "unit"]].tolist() == ["voltage low", "bus", "pu"]
    assert worst["limit"] == pytest.approx(0.9999)
    assert worst["value"] == pytest.approx(worst["limit"] - worst["excess"])
    assert f"by {worst['excess']:.4g} pu" in str(error)


def test_a_rating_that_is_impossible(net, tmp_path) -> None:
    net.line.loc[0, "max_i_ka"] *= 0.01
    error = refused(net, "rating", "line 0", "period", "%", error=Infeasible)
    assert not error.proven  # the linear model alone says so, and it is no relaxation of AC
    worst = error.violations.iloc[0]
    assert worst[["kind", "element", "index", "unit"]].tolist() == ["loading", "line", 0, "%"]
    assert worst["value"] == pytest.approx(worst["limit"] + worst["excess"])
    # its report has the place, and with the net the map
    page = adnflex.report(error, None, tmp_path / "nothing.html", net).read_text(encoding="utf-8")
    assert "What is in the way" in page
    assert 'id="network-figure"' in page


def test_what_only_the_linear_model_refutes_is_not_called_proven() -> None:
    net = pp.create_empty_network()
    a, b = (pp.create_bus(net, 0.4, min_vm_pu=0.9, max_vm_pu=1.1) for _ in range(2))
    pp.create_ext_grid(net, a)
    net.ext_grid["price_per_mwh"] = 1.0
    pp.create_line_from_parameters(net, a, b, 0.3, 0.3, 0.08, 0.0, 1.0, max_loading_percent=100.0)
    pp.create_sgen(net, b, 0.14, controllable=False)
    pp.create_load(net, a, 0.01, controllable=True, min_p_mw=0.0, max_p_mw=0.02)
    pp.runpp(net, numba=False)
    lossless = math.sqrt(1 + 2 * 0.14 * 0.3 * 0.3 / 0.4**2)
    limits = 0.9, (lossless + float(net.res_bus.vm_pu[b])) / 2
    plan = adnflex.dispatch(net, vm_limits=limits, hours_per_period=1.0)
    assert adnflex.validate(plan, net).passed
    words, one = ("linear model", "voltage high"), {"profiles": None, "hours_per_period": 1.0}
    error = refused(net, *words, error=Infeasible, vm_limits=limits, **one)
    assert not error.proven


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"required_mw": (0.0, [0, 5, 0])}, ["period 1", "MW", "short", "required_mw"]),
        ({"required_mw": (3.0, 0.0)}, ["MW", "short", "required_mw"]),
        ({"base_mw": [9.0, 0.4, 0.4], "direction": "up"}, ["period 0", "9 MW", "base_mw"]),
        ({"base_mw": -9.0, "direction": "symmetric"}, ["-9 MW", "base_mw"]),
    ],
    ids=["above", "below", "base too high", "base too low"],
)
def test_more_than_there_is(net, arguments, words) -> None:
    error = refused(net, *words, error=Infeasible, **arguments)
    assert not error.proven  # the linear model alone says so, and it is no relaxation of AC


def test_an_energy_at_the_end_that_cannot_be_reached(net) -> None:
    net.storage.loc[0, "soc_percent"] = 11.0
    net.storage.loc[0, "max_p_mw"] = 0.05
    refused(net, "energ", error=Infeasible, final_energy=90.0)


def test_named_by_the_row_of_the_time_index(net) -> None:
    net.ev.drop(net.ev.index, inplace=True)
    refused(net, "period 2", error=Infeasible, periods=[1, 2], required_mw=(0.0, [0, 5]))


# -- elements that are not supported -------------------------------------------------------------------------------


def _gen(net) -> None:
    pp.create_gen(net, 2, 0.1, vm_pu=1.0)


def _three_windings(net) -> None:
    others = [pp.create_bus(net, kv, min_vm_pu=0.9, max_vm_pu=1.1) for kv in (1.0, 0.4)]
    pp.create_transformer3w_from_parameters(
        net, 2, *others, 10.0, 1.0, 0.4, 1.0, 1.0, 1.0, 5.0, 5.0, 5.0, 0.5, 0.5, 0.5, 1.0, 0.1
    )


def _impedance(net) -> None:
    pp.create_impedance(net, 1, 2, 0.01, 0.01, 1.0)


@pytest.mark.parametrize(
    ("add", "words"),
    [(_gen, ["gen 0"]), (_three_windings, ["trafo3w 0"]), (_impedance, ["impedance 0"])],
    ids=["gen", "trafo3w", "impedance"],
)
def test_an_element_without_a_model(net, add, words) -> None:
    add(net)
    refused(net, *words, error=UnsupportedElement)


def test_an_element_without_a_model_upstream_of_the_coupling_point_is_none_of_its_business() -> None:
    net = FEEDER.net()
    source = pp.create_bus(net, 10.0, min_vm_pu=0.9, max_vm_pu=1.1)
    net.ext_grid.loc[0, "bus"] = source
    pp.create_line_from_parameters(net, source, 0, 1.0, 0.1, 0.1, 0.0, 0.5, max_loading_percent=100.0)
    pp.create_gen(net, source, 0.1, vm_pu=1.0)
    refused(net, "gen 0", error=UnsupportedElement)
    flex = adnflex.flexibility(net, **FEEDER.arguments, pcc=("line", 0))
    plain = adnflex.flexibility(FEEDER.net(), **FEEDER.arguments)
    assert flex.separable.total_mwh == pytest.approx(plain.separable.total_mwh, rel=1e-2)


def test_a_device_at_a_bus_with_a_voltage_dependent_load(net) -> None:
    net.load["const_z_p_percent"] = 0.0
    net.load.loc[0, "const_z_p_percent"] = 50.0
    refused(net, "storage 0", "bus 1", "voltage-dependent")


def test_profiles_that_are_wrong(net) -> None:
    frames = deepcopy(FEEDER.arguments["profiles"])
    frames["sgen", "p_mw"].loc[1, 0] = np.nan
    refused(net, "sgen 0", "1", profiles=frames)
    frames = deepcopy(FEEDER.arguments["profiles"])
    frames["sgen", "p_mw"] = frames["sgen", "p_mw"].iloc[:2]
    refused(net, "length", profiles=frames)


def test_without_a_source_of_hours(net) -> None:
    arguments = {k: v for k, v in FEEDER.arguments.items() if k != "hours_per_period"}
    with pytest.raises(InputError, match="hours_per_period"):
        adnflex.flexibility(net, **arguments)


def test_the_feeder_itself_is_fine_without_vehicles() -> None:
    feeder = dataclasses.replace(FEEDER, garages=())
    net = feeder.net()
    net["ev"] = pd.DataFrame()
    assert adnflex.flexibility(net, **feeder.arguments).total_mwh > 0


def test_vehicles_that_take_no_part_are_named(net) -> None:
    net.load.loc[CARS, "controllable"] = False
    flex = adnflex.flexibility(net, **FEEDER.arguments)
    assert any("load 2" in note and "net.ev" in note for note in flex.notes)


@pytest.mark.parametrize(("column", "value"), [("max_p_mw", 0.01), ("min_p_mw", 9.0)])
def test_an_import_that_cannot_keep_its_limits(net, column, value) -> None:
    net.ext_grid[column] = value
    refused(net, "limits of the import", "period", "MW", "ext_grid 0", "min_p_mw", error=Infeasible)
