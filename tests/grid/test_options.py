"""Every option of pandapower's power flow: honoured by model and check alike, harmless, or refused by name.

Nothing here lists pandapower's options by hand: they are read from its signature, its documentation and its code, so
that a new one makes the test fail until somebody decides what it means.
"""

from __future__ import annotations

import copy
import functools
import inspect
import re

import numpy as np
import pandapower as pp
import pandapower.auxiliary as auxiliary
import pytest

import adnflex
from adnflex.errors import UnsupportedElement
from adnflex.grid import fingerprint, read_grid
from adnflex.grid.ac import losses_mw, run_ac
from adnflex.grid.flow import flow_of
from adnflex.grid.options import HARMLESS, PowerFlowOptions, power_flow_options
from adnflex.grid.sound import readable


def known_to_pandapower() -> set[str]:
    """Parameters of `runpp`, its documented keyword arguments, and what its options are read from."""
    signature = set(inspect.signature(pp.runpp).parameters) - {"net", "kwargs"}
    documented = re.findall(r"^        (\w+)(?: \(.*?\))?:", (pp.runpp.__doc__ or "").split("Keyword Args:")[1], re.M)
    standard = re.findall(r"'(\w+)'", inspect.getsource(pp.set_user_pf_options).split("]")[0].split("[")[1])
    read = re.findall(r'kwargs\.get\("(\w+)"', inspect.getsource(auxiliary._init_runpp_options))
    inner = set(inspect.signature(auxiliary._add_ppc_options).parameters) - {"net"}
    return signature | set(documented) | set(standard) | set(read) | inner


OPTIONS = sorted(known_to_pandapower())

# A value of every option that differs from its default.
OTHER = {
    "algorithm": ["iwamoto_nr", "bfsw"],
    "calculate_voltage_angles": [False, "auto"],
    "init": ["dc", "results"],
    "init_vm_pu": [1.01],
    "init_va_degree": ["dc"],
    "init_results": [False],
    "max_iteration": [50],
    "tolerance_mva": [1e-7],
    "trafo_model": ["pi"],
    "trafo_loading": ["power"],
    "enforce_p_lims": [True],
    "enforce_q_lims": [True],
    "check_connectivity": [False],
    "voltage_depend_loads": [False],
    "consider_line_temperature": [True],
    "run_control": [True],
    "distributed_slack": [True],
    "tdpf": [True],
    "tdpf_delay_s": [60.0],
    "tdpf_update_r_theta": [False],
    "lightsim2grid": [False],
    "numba": [False],
    "switch_rx_ratio": [0.5],
    "delta_q": [1e-3],
    "delta": [1e-3],
    "trafo3w_losses": ["star"],
    "v_debug": [True],
    "recycle": [None, {"bus_pq": True, "trafo": False, "gen": False}],
    "neglect_open_switch_branches": [True],
    "only_v_results": [True],
    "use_umfpack": [False],
    "permc_spec": ["COLAMD"],
    "copy_constraints_to_ppc": [True],
    "mode": ["pf", "sc"],
    "ac": [True, False],
    "p_lim_default": [1e6],
    "q_lim_default": [1e6],
}

# Only these change nothing that plain power flow says but cannot run there beside others, or end the run early.
NO_PLAIN_RUN = {"recycle", "only_v_results", "check_connectivity", "v_debug"}


def feeder() -> pp.pandapowerNet:
    return copy.deepcopy(_feeder())


@functools.cache
def _feeder() -> pp.pandapowerNet:
    """A net in which every option that may change a number changes one."""
    net = pp.create_empty_network()
    buses = [pp.create_bus(net, kv, min_vm_pu=0.8, max_vm_pu=1.2) for kv in (110.0, 20.0, 20.0, 20.0, 20.0, 20.0)]
    pp.create_ext_grid(net, buses[0], vm_pu=1.03)
    pp.create_transformer_from_parameters(
        net, buses[0], buses[1], 25.0, 110.0, 20.0, 0.41, 12.0, 30.0, 2.0, shift_degree=150.0
    )
    ends = [(1, 2), (2, 3), (3, 4), (4, 1)]
    for i, (f, t) in enumerate(ends):
        line = pp.create_line_from_parameters(
            net,
            f,
            t,
            6.0,
            0.3 + 0.02 * i,
            0.12,
            400.0,
            0.3,
            max_loading_percent=100.0,
            alpha=0.00403,
            temperature_degree_celsius=40.0 + 20.0 * i,
        )
        pp.create_switch(net, t, line, "l", closed=i != 2)
    pp.create_switch(net, buses[4], buses[5], "b", closed=True, z_ohm=0.5)
    for bus in (2, 3, 5):
        pp.create_load(net, bus, 2.5, 0.6, const_z_p_percent=60.0, const_z_q_percent=60.0)
    pp.create_sgen(net, 3, 1.0, 0.3, min_p_mw=0.0, max_p_mw=0.6, min_q_mvar=-0.1, max_q_mvar=0.1)
    pp.runpp(net, numba=False)
    return net


def with_option(name: str, value: object) -> pp.pandapowerNet:
    net = feeder()
    net.user_pf_options = {name: value}
    return net


def plain_losses(net: pp.pandapowerNet) -> float:
    """What a caller gets who runs the net as it is."""
    work = copy.deepcopy(net)
    # pandapower puts the word "auto" of a net in place of what it resolves it to: the shift then needs a start by DC
    more = {"init": "dc"} if work.user_pf_options.get("calculate_voltage_angles") == "auto" else {}
    pp.runpp(work, numba=False, **more)
    return losses_mw(work)


def model_losses(net: pp.pandapowerNet) -> float:
    """Losses of the present state by the grid that every verb reads."""
    grid = read_grid(net)
    flow = flow_of(grid, grid.closed)
    assert flow is not None
    return flow.loss * grid.base_mva


def test_every_option_of_pandapower_has_been_thought_of():
    assert set(OPTIONS) == set(OTHER), "decide what the option means, then add a value of it here"


@pytest.mark.parametrize(("name", "value"), [(name, value) for name in OTHER for value in OTHER[name]])
def test_an_option_is_honoured_harmless_or_refused(name, value):
    net = with_option(name, value)
    try:
        power_flow_options(net)
    except UnsupportedElement as error:
        refused = str(error)
    else:
        refused = ""
    if refused:
        with pytest.raises(UnsupportedElement, match=name):
            model_losses(net)
        assert f"{name} is {value!r}" in refused
        with pytest.raises(UnsupportedElement, match=name):
            run_ac(net)
        return
    if name in HARMLESS:
        # to model and check it is the net without it, and so it is to power flow
        assert power_flow_options(net) == PowerFlowOptions()
        assert fingerprint(_feeder()) == fingerprint(net)
        if name not in NO_PLAIN_RUN:
            assert plain_losses(net) == pytest.approx(losses_mw(_feeder()), rel=1e-6)
        return
    model, judged = model_losses(net), copy.deepcopy(net)
    assert run_ac(judged)
    assert judged.user_pf_options == net.user_pf_options
    assert model == pytest.approx(losses_mw(judged), rel=1e-7)
    if name not in NO_PLAIN_RUN:
        assert model == pytest.approx(plain_losses(net), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("trafo_model", "pi"),
        ("voltage_depend_loads", False),
        ("consider_line_temperature", True),
        ("switch_rx_ratio", 0.5),
        ("neglect_open_switch_branches", True),
    ],
)
def test_an_honoured_option_changes_the_answer_here(name, value):
    """Else the walk above would prove nothing about it."""
    other = with_option(name, value)
    before, after = model_losses(feeder()), model_losses(other)
    assert abs(after - before) > 1e-5 * before
    assert fingerprint(other) != fingerprint(feeder())


def test_several_options_at_once_in_a_reconfiguration_and_a_dispatch():
    net = feeder()
    pp.set_user_pf_options(net, consider_line_temperature=True, voltage_depend_loads=False, trafo_model="pi")
    topology = adnflex.reconfigure(net, workers=1)
    check = adnflex.validate(topology, net)
    assert check.passed
    assert topology.losses_mw == pytest.approx(check.losses_mw, rel=1e-7)
    assert plain_losses(topology.apply(net)) == pytest.approx(check.losses_mw, rel=1e-7)
    net.sgen[["controllable", "min_p_mw"]] = True, 0.0
    net.ext_grid["price_per_mwh"] = 60.0
    plan = adnflex.dispatch(net)
    check = adnflex.validate(plan, net)
    assert check.passed
    assert float(plan.balance["losses_mw"].iloc[0]) == pytest.approx(
        float(check.periods["losses_mw"].iloc[0]), rel=1e-5
    )
    work = plan.apply(net, 0)
    pp.runpp(work, numba=False)
    assert losses_mw(work) == pytest.approx(float(check.periods["losses_mw"].iloc[0]), rel=1e-6)


@pytest.mark.parametrize(
    ("options", "change", "words"),
    [
        ({"trafo_model": "T"}, None, "trafo_model is 'T': it must be one of 't', 'pi'"),
        ({"consider_line_temprature": True}, None, "unknown here; did you mean consider_line_temperature?"),
        ({"tdpf": True}, None, "tdpf is True"),
        ({"mode": "sc"}, None, "mode is 'sc'"),
        ({"ac": False}, None, "ac is False"),
        ({"switch_rx_ratio": "two"}, None, "switch_rx_ratio is 'two': it must be a number"),
        ({"algorithm": "gs"}, None, "algorithm 'gs' leaves the constant-impedance shares"),
        ({"trafo_loading": "power"}, ("trafo", "max_loading_percent", 80.0), "trafo_loading is 'power' and trafo 0"),
        ({"consider_line_temperature": True}, ("line", "temperature_degree_celsius", np.nan), "missing for line 0, 1"),
        ({"enforce_p_lims": True}, None, "would move sgen 0 to their limits"),
        ({"enforce_q_lims": True}, None, "would move sgen 0 to their limits"),
    ],
)
def test_what_cannot_be_honoured_is_refused_and_the_way_out_works(options, change, words):
    net = feeder()
    net.user_pf_options = dict(options)
    if change is not None:
        table, column, value = change
        net[table][column] = value
    with pytest.raises(UnsupportedElement, match=re.escape(words)) as caught:
        model_losses(net)
    text = str(caught.value)
    found = re.search(r"(?:pandapower\.set_user_pf_options\(net, \w+=[^)]*\)|net\.user_pf_options\.pop\('\w+'\))", text)
    assert found, text
    eval(found.group(), {"pandapower": pp, "net": net})
    model_losses(net)
    assert run_ac(net)


def test_two_sources_do_not_share_the_imbalance():
    net = feeder()
    pp.create_ext_grid(net, pp.create_bus(net, 110.0, min_vm_pu=0.8, max_vm_pu=1.2))
    net.user_pf_options = {"distributed_slack": True}
    with pytest.raises(UnsupportedElement, match="the 2 sources would share the imbalance"):
        power_flow_options(net)
    net.user_pf_options = {"distributed_slack": False}
    assert power_flow_options(net) == PowerFlowOptions()


def test_a_net_is_the_same_net_in_the_types_that_it_is_read_in():
    """Else a plan would not fit the net that it was made for: objects, 0 and 1, nullable types."""
    net = feeder()
    net.line["in_service"] = net.line["in_service"].astype(int)
    net.sgen["controllable"] = np.array([np.nan], dtype=object)
    net.load["max_p_mw"] = np.array([np.nan] * 3, dtype=object)
    net.switch["closed"] = net.switch["closed"].astype("boolean")
    read = readable(net)
    assert read is not net
    assert read_grid(net).fingerprint == fingerprint(net) == fingerprint(read)
    plan = adnflex.reconfigure(net, workers=1)
    assert adnflex.validate(plan, net).passed


def test_options_from_a_spreadsheet_are_numbers():
    net = with_option("consider_line_temperature", np.int64(1))
    assert power_flow_options(net).consider_line_temperature is True
    work = copy.deepcopy(net)
    assert run_ac(work)
    assert plain_losses(net) == pytest.approx(losses_mw(work), rel=1e-7)
