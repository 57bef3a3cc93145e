"""What a planner is told of a wrong net: element, index, number, what is allowed and the next step, word by word."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pandapower as pp
import pytest

import adnflex
from adnflex.errors import Infeasible, InputError, NotRadial, SolverUnavailable, UnsupportedElement
from adnflex.grid.checks import _REFUSED

Change = Callable[[pp.pandapowerNet], object]


def ring() -> pp.pandapowerNet:
    """Four buses in a ring, line 3 being the tie."""
    net = pp.create_empty_network()
    for _ in range(4):
        pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1)
    pp.create_ext_grid(net, 0)
    for f, t in [(0, 1), (1, 2), (2, 3), (3, 0)]:
        pp.create_line_from_parameters(net, f, t, 1.0, 0.3, 0.3, 0, 0.2, max_loading_percent=100)
    for bus in (1, 2, 3):
        pp.create_load(net, bus, 1.0, 0.2)
    net.line.loc[3, "in_service"] = False
    return net


def put(table: str, index: int | slice, column: str, value: object) -> Change:
    return lambda net: net[table].loc.__setitem__((index, column), value)


def all_of(*changes: Change) -> Change:
    return lambda net: [change(net) for change in changes]


def nothing(net: pp.pandapowerNet) -> None:
    pass


def second_source(net: pp.pandapowerNet) -> None:
    net.line.loc[3, "in_service"] = True
    pp.create_ext_grid(net, 2)


def isolated_load(net: pp.pandapowerNet) -> None:
    pp.create_load(net, pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1), 1.0)


def add_gen(net: pp.pandapowerNet) -> None:
    pp.create_gen(net, 2, 0.5)


NAME_IT = (
    "; name one of its elements in switchable_lines or switchable_switches (command line: --switchable-lines, "
    "--switchable-switches), or open it in the net."
)
SET_LIMITS = (
    "missing; set them in net.bus or pass vm_limits=(0.95, 1.05) for all buses (command line: --vm-limits 0.95 1.05)."
)
ORDER = "give a lower limit below the upper one"
LOADED = put("line", slice(None), "max_loading_percent", 3.0)

WRONG: dict[str, tuple[Change, dict, type, list[str]]] = {
    "nan impedance": (
        put("line", 1, "r_ohm_per_km", np.nan),
        {},
        InputError,
        ["line 1: r_ohm_per_km is nan; give 0 or more."],
    ),
    "negative length": (
        put("line", 2, "length_km", -1.0),
        {},
        InputError,
        ["line 2: length_km is -1; give a value above 0."],
    ),
    "no impedance": (
        all_of(put("line", 2, "r_ohm_per_km", 0.0), put("line", 2, "x_ohm_per_km", 0.0)),
        {},
        InputError,
        [
            "line 2: r_ohm_per_km and x_ohm_per_km are both 0; power flow has no answer, use a closed bus-bus switch "
            "instead."
        ],
    ),
    "infinite load": (put("load", 0, "p_mw", np.inf), {}, InputError, ["load 0: p_mw is inf; give a number."]),
    "unknown bus": (
        put("load", 1, "bus", 77),
        {},
        InputError,
        ["load 1: bus is 77, which is not in net.bus; give an existing bus."],
    ),
    "no limits": (
        lambda net: net.bus.drop(columns=["min_vm_pu", "max_vm_pu"], inplace=True),
        {},
        InputError,
        [f"bus 0, 1, 2, 3: min_vm_pu and max_vm_pu {SET_LIMITS}"],
    ),
    "one limit missing": (
        put("bus", 2, "max_vm_pu", np.nan),
        {},
        InputError,
        [f"bus 2: max_vm_pu {SET_LIMITS}"],
    ),
    "crossed limits": (
        put("bus", 1, "min_vm_pu", 1.2),
        {},
        InputError,
        [f"bus 1: min_vm_pu 1.2 is above max_vm_pu 1.1; {ORDER}."],
    ),
    "limits reversed": (
        nothing,
        {"vm_limits": (1.05, 0.95)},
        InputError,
        [f"vm_limits is (1.05, 0.95); {ORDER}, both above 0, e.g. (0.95, 1.05)."],
    ),
    "limits not a number": (
        nothing,
        {"vm_limits": (0.9, np.nan)},
        InputError,
        [f"vm_limits is (0.9, nan); {ORDER}, both above 0, e.g. (0.95, 1.05)."],
    ),
    "one limit given": (
        nothing,
        {"vm_limits": (1.05,)},
        InputError,
        ["vm_limits is (1.05,); give two numbers in pu, e.g. (0.95, 1.05)."],
    ),
    "no source": (
        put("ext_grid", 0, "in_service", False),
        {},
        InputError,
        ["the net has no external grid in service; add one with pandapower.create_ext_grid(net, bus, vm_pu=1.0)."],
    ),
    "sources joined": (
        second_source,
        {"switchable_lines": [2, 3]},
        NotRadial,
        [
            "external grids at bus 0 and bus 2 are joined by a path that nothing can open: line 1 - line 0" + NAME_IT,
        ],
    ),
    "loop stays": (
        put("line", 3, "in_service", True),
        {"switchable_lines": []},
        NotRadial,
        ["a closed path remains that nothing can open: line 3 - line 0 - line 1 - line 2" + NAME_IT],
    ),
    "isolated load": (
        isolated_load,
        {},
        InputError,
        [
            "bus 4 with load 3 cannot be supplied: no line or switch that may be closed leads to an external grid; "
            "widen switchable_lines, or take the element out of service."
        ],
    ),
    "source outside its limits": (
        put("ext_grid", 0, "vm_pu", 1.2),
        {},
        InputError,
        [
            "external grid at bus 0: its set-point 1.2 pu is outside the limits 0.9 to 1.1 pu of its own bus; change "
            "vm_pu or the limits."
        ],
    ),
    "constant current": (
        put("load", 1, "const_i_p_percent", 30.0),
        {},
        UnsupportedElement,
        [
            "load 1 is not supported: const_i_p_percent is 30; constant-current shares are not linear in squared "
            "voltage, split it into constant power and constant impedance (half of the share as constant impedance and "
            "const_i_p_percent = 0 has the same slope at rated voltage)."
        ],
    ),
    "unknown line": (
        nothing,
        {"switchable_lines": [1, 99]},
        InputError,
        ["switchable_lines: line 99 is not in net.line; give existing indices."],
    ),
    "unknown locked line, and one that is switchable too": (
        nothing,
        {"switchable_lines": [1, 2], "locked_lines": [2, 99]},
        InputError,
        [
            "locked_lines: line 99 is not in net.line; give existing indices.",
            "locked_lines: line 2 is named in switchable_lines as well; leave it out of one of them.",
        ],
    ),
    "word for locked lines": (
        nothing,
        {"locked_lines": "all"},
        InputError,
        ["locked_lines is 'all'; give line indices."],
    ),
    "unknown switch": (
        nothing,
        {"switchable_switches": [7]},
        InputError,
        ["switchable_switches: switch 7 is not in net.switch; give existing indices."],
    ),
    "unknown word": (
        nothing,
        {"switchable_lines": "lines"},
        InputError,
        ["switchable_lines is 'lines'; give line indices, 'all' or None (lines with a switch)."],
    ),
    "line switch": (
        lambda net: pp.create_switch(net, 1, 0, et="l"),
        {"switchable_switches": [0]},
        InputError,
        ["switchable_switches: switch 0 is a line switch; name its line 0 in switchable_lines instead."],
    ),
    "effort": (
        nothing,
        {"gap": -1, "time_limit": 0, "workers": 0},
        InputError,
        [
            "gap is -1; give a relative gap of 0 or more, e.g. 1e-4.",
            "time_limit is 0; give seconds above 0.",
            "workers is 0; give 1 or more, or None for one a core.",
        ],
    ),
    "effort not a number": (
        nothing,
        {"gap": np.nan, "time_limit": np.nan},
        InputError,
        ["gap is nan; give a relative gap of 0 or more, e.g. 1e-4.", "time_limit is nan; give seconds above 0."],
    ),
    "objective": (
        nothing,
        {"objective": "loss"},
        InputError,
        ["objective 'loss' is unknown; give 'losses', 'switching', 'voltage' or their weights."],
    ),
    "everything at once": (
        all_of(
            put("line", 1, "r_ohm_per_km", np.nan),
            put("line", 2, "length_km", -1.0),
            put("bus", 1, "min_vm_pu", 1.2),
            put("ext_grid", 0, "in_service", False),
            put("load", 2, "const_i_q_percent", 5.0),
            add_gen,
        ),
        {"switchable_lines": [99]},
        InputError,
        [
            "line 2: length_km is -1; give a value above 0.",
            "line 1: r_ohm_per_km is nan; give 0 or more.",
            "the net has no external grid in service; add one with pandapower.create_ext_grid(net, bus, vm_pu=1.0).",
            f"bus 1: min_vm_pu 1.2 is above max_vm_pu 1.1; {ORDER}.",
            "switchable_lines: line 99 is not in net.line; give existing indices.",
            f"gen 0 is not supported: {_REFUSED['gen'].replace('{i}', '0')}.",
            "load 2 is not supported: const_i_q_percent is 5; constant-current shares are not linear in squared "
            "voltage, split it into constant power and constant impedance (half of the share as constant impedance and "
            "const_i_q_percent = 0 has the same slope at rated voltage).",
        ],
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_the_message_says_what_is_wrong_and_what_to_do(name):
    change, arguments, kind, expected = WRONG[name]
    net = ring()
    change(net)
    with pytest.raises(InputError) as caught:
        adnflex.reconfigure(net, **{"workers": 1, **arguments})
    assert type(caught.value) is kind
    assert list(caught.value.findings) == expected
    text = str(caught.value)
    assert text == expected[0] if len(expected) == 1 else text.startswith(f"{len(expected)} faults:\n  - ")
    assert all(finding in text for finding in expected)


def test_an_empty_net_is_told_apart():
    with pytest.raises(InputError) as caught:
        adnflex.reconfigure(pp.create_empty_network(), workers=1)
    assert str(caught.value) == "the net has no buses; give a net with buses, lines and an external grid."


def three_windings(net: pp.pandapowerNet) -> None:
    buses = [pp.create_bus(net, kv, min_vm_pu=0.9, max_vm_pu=1.1) for kv in (110.0, 10.0)]
    pp.create_transformer3w(net, buses[0], 1, buses[1], "63/25/38 MVA 110/20/10 kV")


REFUSED: dict[str, Change] = {
    "gen": add_gen,
    "xward": lambda net: pp.create_xward(net, 1, 0.1, 0, 0, 0, 0.1, 0.1, 1.0),
    "trafo3w": three_windings,
    "impedance": lambda net: pp.create_impedance(net, 1, 3, 0.01, 0.01, 1.0),
    "dcline": lambda net: pp.create_dcline(net, 1, 3, 0.1, 1.0, 0.01, 1.0, 1.0),
    "svc": lambda net: pp.create_svc(net, 1, 1.0, -10.0, 1.0, 90.0),
    "ssc": lambda net: pp.create_ssc(net, 1, 0.1, 1.0),
    "tcsc": lambda net: pp.create_tcsc(net, 1, 3, 1.0, -10.0, 0.1, 90.0),
    "asymmetric_load": lambda net: pp.create_asymmetric_load(net, 1, p_a_mw=0.1),
    "asymmetric_sgen": lambda net: pp.create_asymmetric_sgen(net, 1, p_a_mw=0.1),
}


@pytest.mark.parametrize("table", REFUSED)
def test_elements_that_no_model_holds_are_refused(table):
    net = ring()
    REFUSED[table](net)
    with pytest.raises(UnsupportedElement) as caught:
        adnflex.reconfigure(net, workers=1)
    assert list(caught.value.findings) == [f"{table} 0 is not supported: {_REFUSED[table].replace('{i}', '0')}."]


def test_elements_out_of_service_are_not_refused():
    net = ring()
    for table in ("gen", "xward", "impedance", "svc", "asymmetric_load"):
        REFUSED[table](net)
        net[table]["in_service"] = False
    assert adnflex.reconfigure(net, workers=1).status == "optimal"


def test_a_voltage_limit_that_no_topology_meets_is_proven():
    net = ring()
    net.bus["min_vm_pu"] = 0.9999
    with pytest.raises(Infeasible) as caught:
        adnflex.reconfigure(net, workers=1)
    table = caught.value.violations
    assert caught.value.proven is True
    assert table.columns.tolist() == ["kind", "element", "index", "value", "limit", "excess", "unit"]
    worst = table.iloc[0]
    assert str(caught.value) == (
        f"no radial switch state meets every limit (proven); the least violating one found breaks {len(table)} limits, "
        f"worst voltage low at bus {worst['index']}: {worst['value']:.5g} against 0.9999 pu, beyond it by "
        f"{worst['excess']:.4g}; relax that limit or add a measure there."
    )
    assert (table["kind"] == "voltage low").all()
    assert table["excess"].is_monotonic_decreasing
    # what it names is true: the least violating of the four trees, by hand
    drops = []
    for tie in range(4):
        net.line["in_service"] = net.line.index != tie
        pp.runpp(net, numba=False)
        drops.append(0.9999 - net.res_bus.vm_pu.min())
    assert worst["excess"] == pytest.approx(min(drops), abs=1e-7)


def test_a_loading_limit_that_no_topology_meets_is_proven():
    net = ring()
    LOADED(net)
    with pytest.raises(Infeasible, match=re.escape("meets every limit (proven); the least violating")) as caught:
        adnflex.reconfigure(net, workers=1)
    assert caught.value.proven is True
    assert set(caught.value.violations["kind"]) == {"loading"}
    assert " worst loading at line " in str(caught.value)


def test_loads_that_no_line_can_carry():
    net = ring()
    net.load["p_mw"] = 1e4
    with pytest.raises(Infeasible) as caught:
        adnflex.reconfigure(net, workers=1)
    assert str(caught.value).startswith(
        "no radial switch state that was tried has a power flow solution: the loads, 3e+04 MW and 0.6 Mvar in all, "
        "may be more than the lines can carry; load "
    )
    assert "kW given as MW" in str(caught.value)
    assert caught.value.violations is None
    assert caught.value.proven is False


def test_an_unknown_solver_names_those_that_are_there():
    with pytest.raises(SolverUnavailable, match=r"^solver 'cplex' is not installed .*; use auto or one of: highs"):
        adnflex.reconfigure(ring(), solver="cplex", workers=1)
