"""What power flow does in silence is said: shares at fused buses, ignored taps, very short branches, unequal shifts."""

from __future__ import annotations

import copy
import itertools
import re

import numpy as np
import pandapower as pp
import pandapower.toolbox as toolbox
import pandas as pd
import pytest

import adnflex
from adnflex.errors import InputError, UnsupportedElement
from adnflex.grid import read_grid
from adnflex.grid.ac import branch_losses, losses_mw, run_ac
from adnflex.grid.flow import flow_of
from adnflex.grid.options import PowerFlowOptions
from adnflex.grid.ppc import matrices
from adnflex.grid.tap_effect import feels_tap, tap_notes
from adnflex.knobs import Limits, Switching
from adnflex.powerflow.verdict import not_converged

WIDE = (0.8, 1.2)


def ring(buses: int = 4) -> pp.pandapowerNet:
    """A 20 kV ring with its last line open."""
    net = pp.create_empty_network()
    for _ in range(buses):
        pp.create_bus(net, 20.0)
    pp.create_ext_grid(net, 0, vm_pu=1.02)
    for k in range(buses):
        line = pp.create_line_from_parameters(net, k, (k + 1) % buses, 5.0, 0.35, 0.12, 250.0, 0.3)
        pp.create_switch(net, k, line, "l", closed=k != buses - 2)
    return net


def solved_losses(net: pp.pandapowerNet, **options: object) -> tuple[float, float]:
    """Losses of the net as it stands by the grid and by the check [MW]."""
    grid = read_grid(net, limits=Limits(WIDE), switching=Switching(**options))
    flow = flow_of(grid, grid.closed)
    assert flow is not None
    work = copy.deepcopy(net)
    assert run_ac(work)
    return flow.loss * grid.base_mva, losses_mw(work)


# ------------------------------------------------------------------------------- voltage-dependent loads

SHARES = [(100.0, 0.0), (0.0, 100.0), (30.0, 70.0), (50.0, 50.0)]


def with_loads(places: tuple[int, int], shares: tuple[float, float], couplers: int) -> pp.pandapowerNet:
    """Two loads at two of the buses that couplers make one node, in a ring."""
    net = ring()
    node = [2] + [pp.create_bus(net, 20.0) for _ in range(couplers)]
    for a, b in itertools.pairwise(node):
        pp.create_switch(net, a, b, "b", closed=True)
    for place, share, p in zip(places, shares, (2.6, 2.0), strict=True):
        z = {"const_z_p_percent": share, "const_z_q_percent": share}
        pp.create_load(net, node[min(place, couplers)], p, 0.5, **z)
    pp.create_load(net, 1, 1.0, 0.2)
    return net


def as_shunts(net: pp.pandapowerNet) -> pp.pandapowerNet:
    """Follow the advice of the note: constant impedance written as shunts."""
    new = copy.deepcopy(net)
    for i, load in new.load.iterrows():
        share = load["const_z_p_percent"] / 100
        if share:
            pp.create_shunt(new, int(load["bus"]), q_mvar=load["q_mvar"] * share, p_mw=load["p_mw"] * share)
            new.load.loc[i, ["p_mw", "q_mvar"]] *= 1 - share
    new.load[["const_z_p_percent", "const_z_q_percent"]] = 0.0
    return new


@pytest.mark.parametrize(("couplers", "shares"), [(0, SHARES[0]), *((2, shares) for shares in SHARES)])
def test_the_note_bounds_what_mixed_shares_at_a_node_can_do(couplers, shares):
    net = with_loads((0, 2), shares, couplers)
    grid = read_grid(net, limits=Limits(WIDE))
    notes = [n for n in grid.notes if "constant-impedance share" in n]
    exact = as_shunts(net)
    (mine, judged), (meant, _) = solved_losses(net), solved_losses(exact)
    assert mine == pytest.approx(judged, rel=1e-7)
    off = abs(mine - meant)
    if shares[0] == shares[1]:
        assert not notes
        assert off < 1e-9
        return
    (note,) = notes
    node = "/".join(str(b) for b in [2, *range(4, 4 + couplers)])
    assert note.startswith(f"bus {node}: ")
    assert all(f"load {i} ({share:g} %" in note for i, share in enumerate(shares))
    size = float(re.search(r"up to (\S+) MW", note).group(1))
    # the withdrawal as power flow has it against what the loads say, at the voltage that results
    work = copy.deepcopy(net)
    assert run_ac(work)
    v2 = float(work.res_bus.vm_pu[2]) ** 2
    said = sum(p * (1 - z / 100 + z / 100 * v2) for p, z in zip((2.6, 2.0), shares, strict=True))
    # (res_load has every load by its own share, whatever the flow was solved with)
    taken = -float(work.res_line.p_to_mw[1])
    assert 1e-4 < abs(taken - said) <= size + 1e-9
    assert not [n for n in read_grid(exact, limits=Limits(WIDE)).notes if "constant-impedance" in n]


def test_generation_at_the_node_of_a_dependent_load_is_named_too():
    net = with_loads((0, 0), (40.0, 40.0), 1)
    pp.create_sgen(net, 4, 1.0)
    (note,) = [n for n in read_grid(net, limits=Limits(WIDE)).notes if "constant-impedance" in n]
    assert "sgen 0 (0 %, 0 %)" in note
    net.user_pf_options = {"voltage_depend_loads": False}
    assert not [n for n in read_grid(net, limits=Limits(WIDE)).notes if "constant-impedance" in n]


def test_a_coupler_is_no_decision_where_a_dependent_load_stands_behind_another_coupler():
    """What counts is the node at its end, not the bus."""
    net = with_loads((1, 1), (100.0, 0.0), 1)
    far = pp.create_bus(net, 20.0)
    decided = pp.create_switch(net, 2, far, "b", closed=True)
    with pytest.raises(UnsupportedElement, match=f"switch {decided} cannot be a decision: .* stand at bus 4"):
        read_grid(net, limits=Limits(WIDE), switching=Switching(switchable_switches=[decided]))
    net.switch.loc[decided - 1, "closed"] = False  # the dependent load is no longer at that node
    net.load["in_service"] = net.load["bus"] != 4
    read_grid(net, limits=Limits(WIDE), switching=Switching(switchable_switches=[decided]))


# ------------------------------------------------------------------------------- taps


def tapped(**columns: object) -> pp.pandapowerNet:
    net = pp.create_empty_network()
    for kv in (110.0, 20.0, 20.0):
        pp.create_bus(net, kv)
    pp.create_ext_grid(net, 0)
    pp.create_transformer_from_parameters(
        net, 0, 1, 25.0, 110.0, 20.0, 0.41, 12.0, 14.0, 0.07, tap_side="hv", tap_neutral=0, tap_min=-9, tap_max=9,
        tap_step_percent=1.5, tap_pos=-4, tap_changer_type="Ratio",
    )  # fmt: skip
    pp.create_line_from_parameters(net, 1, 2, 4.0, 0.3, 0.12, 250.0, 0.3)
    pp.create_load(net, 2, 5.0, 1.0)
    for column, value in columns.items():
        net.trafo[column] = value
    return net


def with_table(missing: bool = False) -> pp.pandapowerNet:
    steps = [-5, -3] if missing else [-5, -4, -3]
    net = tapped(tap_dependency_table=True, id_characteristic_table=0, tap_changer_type="Tabular")
    net["trafo_characteristic_table"] = pd.DataFrame(
        {
            "id_characteristic": 0,
            "step": steps,
            "voltage_ratio": [1 + 0.015 * s for s in steps],
            "angle_deg": 0.0,
            "vk_percent": [12.0 + 0.1 * s for s in steps],
            "vkr_percent": 0.41,
        }
    )
    return net


SECOND = {"tap2_side": "hv", "tap2_neutral": 0.0, "tap2_step_percent": 1.0, "tap2_pos": 2.0, "tap_pos": 0}

TAPS = {
    "as it should be": tapped(),
    "no type": tapped(tap_changer_type=None),
    "no neutral": tapped(tap_neutral=np.nan),
    "no step": tapped(tap_step_percent=np.nan),
    "step of nothing": tapped(tap_step_percent=0.0),
    "no side": tapped(tap_side=None),
    "symmetrical": tapped(tap_changer_type="Symmetrical", tap_step_degree=60.0),
    "ideal": tapped(tap_changer_type="Ideal", tap_step_percent=np.nan, tap_step_degree=2.0),
    "table": with_table(),
    "table without the step": with_table(missing=True),
    "tabular without a table": tapped(tap_changer_type="Tabular"),
    "at neutral without a type": tapped(tap_changer_type=None, tap_pos=0),
    "position missing": tapped(tap_pos=np.nan),
    "second": tapped(**SECOND, tap2_changer_type="Ratio"),
    "second without a type": tapped(**SECOND, tap2_changer_type=None),
    "second without a neutral": tapped(**{**SECOND, "tap2_neutral": np.nan}, tap2_changer_type="Ratio"),
}


def voltages(net: pp.pandapowerNet) -> np.ndarray:
    work = copy.deepcopy(net)
    pp.runpp(work, numba=False, calculate_voltage_angles=True)
    return np.concatenate([work.res_bus.vm_pu, work.res_bus.va_degree])


@pytest.mark.parametrize("name", TAPS)
def test_whether_a_tap_is_felt_is_what_one_step_in_power_flow_says(name):
    net = TAPS[name]
    changer = "tap2" if name.startswith("second") else "tap"
    here = voltages(net)
    moved = []
    for step in (1, -1):
        other = copy.deepcopy(net)
        other.trafo[f"{changer}_pos"] += step
        moved.append(float(np.abs(voltages(other) - here).max()))
    study = copy.deepcopy(net)
    matrices(study, PowerFlowOptions())
    felt = feels_tap(study, 0, changer)
    assert felt == (max(moved) > 1e-9)
    position, neutral = net.trafo[f"{changer}_pos"][0], net.trafo[f"{changer}_neutral"][0]
    notes = tap_notes(study)
    assert bool(notes) == ((not felt and position != neutral) or name == "table without the step"), notes
    assert all(n.startswith("trafo 0: ") and "pandapower power flow" in n for n in notes)
    grid = read_grid(net, limits=Limits(WIDE))
    assert set(notes) <= set(grid.notes)
    # and whatever power flow makes of the tap, the plan makes the same
    flow = flow_of(grid, grid.closed)
    mine = [np.sqrt(flow.v[grid.node_of[bus]]) for bus in net.bus.index]
    assert np.allclose(mine, here[: len(mine)], atol=1e-8, rtol=0)


def test_two_transformers_that_share_a_table_at_different_positions():
    net = with_table()
    other = pp.create_bus(net, 20.0)
    row = net.trafo.loc[0].copy()
    row["lv_bus"], row["tap_pos"] = other, -3
    net.trafo.loc[1] = row
    net.trafo = net.trafo.astype({"in_service": bool, "tap_dependency_table": bool, "hv_bus": int, "lv_bus": int})
    pp.create_load(net, other, 4.0)
    study = copy.deepcopy(net)
    matrices(study, PowerFlowOptions())
    (note,) = tap_notes(study)
    assert note.startswith("trafo 0: it shares id_characteristic_table 0 with a transformer at another tap_pos")
    mine, judged = solved_losses(net)
    assert mine == pytest.approx(judged, rel=1e-6)


# ------------------------------------------------------------------------------- short branches


@pytest.mark.parametrize(
    ("kv", "km", "sn_mva"), [(110.0, 1e-7, 1.0), (110.0, 1e-4, 100.0), (20.0, 1e-7, 100.0), (0.4, 1e-8, 1.0)]
)
def test_a_very_short_branch_does_not_spoil_the_check(kv, km, sn_mva):
    net = pp.create_empty_network(sn_mva=sn_mva)
    for level in (kv, kv, 20.0, 20.0, 20.0):
        pp.create_bus(net, level)
    pp.create_ext_grid(net, 0)
    link = pp.create_line_from_parameters(net, 0, 1, km, 0.1, 0.2, 0.0, 1.0, max_loading_percent=100.0)
    pp.create_transformer_from_parameters(net, 1, 2, 25.0, kv, 20.0, 0.41, 12.0, 14.0, 0.07, shift_degree=150.0)
    pp.create_line_from_parameters(net, 2, 3, 3.0, 0.3, 0.12, 250.0, 0.3)
    pp.create_line_from_parameters(net, 3, 4, 3.0, 0.3, 0.12, 250.0, 0.3)
    for bus in (3, 4):
        pp.create_load(net, bus, 3.0 if kv > 1 else 0.05, 1.0 if kv > 1 else 0.02)
    grid = read_grid(net, limits=Limits(WIDE))
    flow = flow_of(grid, grid.closed)
    assert run_ac(net)
    mine = pd.Series({b: np.sqrt(flow.v[j]) for b, j in grid.node_of.items()})
    assert float((mine - net.res_bus.vm_pu).abs().max()) < 1e-9
    assert losses_mw(net) == pytest.approx(flow.loss * grid.base_mva, rel=1e-6)
    own = 3 * 0.1 * km * float(net.res_line.i_ka[link]) ** 2
    assert float(branch_losses(net, "line")[link]) == pytest.approx(own, rel=1e-3, abs=1e-9)


def test_what_has_no_solution_still_has_none():
    net = ring()
    pp.create_load(net, 2, 500.0)
    assert not run_ac(net)
    text = not_converged("in period 3")
    assert "does not converge in period 3" in text
    assert text.endswith("neither confirmed nor refuted")


# ------------------------------------------------------------------------------- shifts of phase


@pytest.mark.parametrize(
    ("shift", "way"), [(0.0, "same"), (30.0, "turned"), (150.0, "same"), (150.0, "turned"), (-210.0, "same")]
)
def test_parallel_transformers_need_the_same_shift(shift, way):
    net = pp.create_empty_network()
    a, b = (pp.create_bus(net, 20.0) for _ in range(2))
    pp.create_ext_grid(net, a)
    for ends, own in (((a, b), 150.0), ((a, b) if way == "same" else (b, a), shift if way == "same" else -shift)):
        pp.create_transformer_from_parameters(net, *ends, 40.0, 20.0, 20.0, 0.5, 12.0, 10.0, 0.05, shift_degree=own)
    pp.create_load(net, b, 20.0, 4.0)
    # -210 degrees is the same angle, but no start by DC power flow knows that
    if shift != 150.0:
        with pytest.raises(UnsupportedElement, match="trafo 0, trafo 1 are in parallel with different shifts of phase"):
            read_grid(net, limits=Limits(WIDE))
        pp.set_user_pf_options(net, calculate_voltage_angles=False)
    mine, judged = solved_losses(net)
    assert mine == pytest.approx(judged, rel=1e-7)


# ------------------------------------------------------------------------------- negative reactance


@pytest.mark.parametrize("x", [-0.3])
def test_a_negative_reactance_is_held_exactly(x):
    net = ring()
    net.line.loc[[1, 2], "x_ohm_per_km"] = x
    for bus in (1, 2, 3):
        pp.create_load(net, bus, 2.0, 0.5)
    plan = adnflex.reconfigure(net, vm_limits=WIDE, workers=1)
    check = adnflex.validate(plan, net)
    assert check.passed
    assert plan.losses_mw == pytest.approx(check.losses_mw, rel=1e-7)
    found = []
    for k in net.line.index:
        work = copy.deepcopy(net)
        work.switch["closed"] = work.switch["element"] != k
        pp.runpp(work, numba=False)
        found.append(float(work.res_line.pl_mw.sum()))
    assert plan.losses_mw == pytest.approx(min(found), rel=1e-6)
    assert plan.bound <= min(found) * (1 + 1e-7)


def test_transformers_of_negative_reactance():
    net = tapped(vk_percent=-4.0)
    mine, judged = solved_losses(net)
    assert mine == pytest.approx(judged, rel=1e-7)
    assert read_grid(net, limits=Limits(WIDE)).x.min() < 0
    net.trafo["vkr_percent"] = 5.0
    with pytest.raises(InputError, match=r"trafo 0: vkr_percent is 5, more than vk_percent -4"):
        read_grid(net, limits=Limits(WIDE))
    net.trafo["vk_percent"] = 0.0
    with pytest.raises(InputError, match=r"trafo 0: vk_percent is 0; give a number other than 0"):
        read_grid(net, limits=Limits(WIDE))


# ------------------------------------------------------------------------------- advice


REFUSED = {
    "gen": lambda net: pp.create_gen(net, 2, 0.5),
    "xward": lambda net: pp.create_xward(net, 2, 0.2, 0.1, 0.1, 0.05, 0.5, 1.0, 1.0),
    "impedance": lambda net: pp.create_impedance(net, 1, 3, 0.01, 0.02, 10.0),
    "dcline": lambda net: pp.create_dcline(net, 1, 3, 0.1, 1.0, 0.01, 1.0, 1.0),
    "svc": lambda net: pp.create_svc(net, 1, 1.0, -10.0, 1.0, 90.0),
    "ssc": lambda net: pp.create_ssc(net, 1, 0.1, 1.0),
    "tcsc": lambda net: pp.create_tcsc(net, 1, 3, 1.0, -10.0, 0.1, 90.0),
    "asymmetric_load": lambda net: pp.create_asymmetric_load(net, 1, p_a_mw=0.1),
    "asymmetric_sgen": lambda net: pp.create_asymmetric_sgen(net, 1, p_a_mw=0.1),
}


@pytest.mark.parametrize("table", REFUSED)
def test_a_remedy_that_is_named_as_a_command_works_when_followed(table):
    net = ring()
    for bus in (1, 2, 3):
        pp.create_load(net, bus, 1.0, 0.2)
    REFUSED[table](net)
    with pytest.raises(UnsupportedElement) as caught:
        read_grid(net, limits=Limits(WIDE))
    text = str(caught.value)
    commands = re.findall(r"`(.+?)`", text)
    assert commands, f"{table}: the way out is no command that can be copied: {text}"
    for command in commands:
        exec(command, {"pandapower": pp, "net": net, "toolbox": toolbox})
    lines = net.line.index[net.line["r_ohm_per_km"] == 0.35]
    grid = read_grid(net, limits=Limits(WIDE), switching=Switching(switchable_lines=lines))
    assert grid.n >= 4
    assert run_ac(copy.deepcopy(net))


def test_a_constant_current_share_may_be_split_as_the_refusal_says():
    net = ring()
    pp.create_load(net, 2, 2.0, 0.5, const_i_p_percent=40.0)
    with pytest.raises(UnsupportedElement, match="half of the share as constant impedance and const_i_p_percent = 0"):
        read_grid(net, limits=Limits(WIDE))
    work = copy.deepcopy(net)
    pp.runpp(work, numba=False)
    net.load[["const_i_p_percent", "const_z_p_percent"]] = 0.0, 20.0
    mine, judged = solved_losses(net)
    assert mine == pytest.approx(judged, rel=1e-7)
    # near rated voltage it is nearly the same load
    assert judged == pytest.approx(float(work.res_line.pl_mw.sum()), rel=2e-2)


def test_a_line_without_impedance_may_be_a_switch_as_the_refusal_says():
    net = ring()
    pp.create_load(net, 2, 2.0, 0.5)
    bare = pp.create_line_from_parameters(net, 2, pp.create_bus(net, 20.0), 1.0, 0.0, 0.0, 0.0, 0.3)
    with pytest.raises(InputError, match=f"line {bare}: .* use a closed bus-bus switch instead"):
        read_grid(net, limits=Limits(WIDE))
    pp.create_switch(net, *net.line.loc[bare, ["from_bus", "to_bus"]], et="b")
    net.line = net.line.drop(index=bare)
    mine, judged = solved_losses(net)
    assert mine == pytest.approx(judged, rel=1e-7)
