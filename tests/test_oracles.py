"""The oracles themselves: brute force over random nets, and what of pandapower's behaviour they rest on."""

from __future__ import annotations

from copy import deepcopy
from itertools import chain
from typing import Any

import networkx as nx
import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from pandapower.auxiliary import pandapowerNet

from tests.brute_force import (
    apply_configuration,
    best,
    default_switchable,
    enumerate_configurations,
    evaluate,
    is_closed,
    optima,
    radial_choices,
    read_topology,
)
from tests.nets import random_net
from tests.strategies import FLAGS, NetSpec, net_specs

#: One flag at a time, then all together, in each switch style.
KINDS: list[dict[str, Any]] = [
    {},
    *({flag: True} for flag in FLAGS if flag != "trafo_switches"),
    {"transformers": True, "trafo_switches": True},
    {"switch_style": "in_service"},
    {"switch_style": "mixed"},
    {"present": "meshed"},
    {"present": "unsupplied"},
    {"limits": "tight"},
    {"limits": "none"},
    dict.fromkeys(FLAGS, True),
    {**dict.fromkeys(FLAGS, True), "switch_style": "mixed", "limits": "tight"},
    {
        **dict.fromkeys(FLAGS, True),
        "switch_style": "in_service",
        "couplers": False,
        "trafo_switches": False,
        "limits": "tight",
    },
]


def _name(kind: dict[str, Any]) -> str:
    if sum(v is True for v in kind.values()) > 2:
        return "all-{}".format(kind.get("switch_style", "switches"))
    return "-".join(str(k if v is True else v) for k, v in kind.items()) or "plain"


def _same(a: pandapowerNet, b: pandapowerNet) -> bool:
    """Compare the element tables; pandapower's own nets_equal goes through a hundred empty ones."""
    tables = {t for net in (a, b) for t in net if isinstance(net[t], pd.DataFrame) and t[0] != "_" and len(net[t])}
    tables = {t for t in tables if not t.startswith("res_")}
    return (a.f_hz, a.sn_mva) == (b.f_hz, b.sn_mva) and all(a[t].equals(b[t]) for t in tables)


def _balance(net: pandapowerNet) -> float:
    """Power that goes into the branches, from the element results alone."""
    total = net.res_ext_grid.p_mw.sum() + net.res_sgen.p_mw.sum()
    return float(total - net.res_load.p_mw.sum() - net.res_storage.p_mw.sum() - net.res_shunt.p_mw.sum())


# ------------------------------------------------------------------------------------------ known answers


def test_case33bw() -> None:
    net = pn.case33bw()
    assert read_topology(net).count() == 50751, "as published"
    base = evaluate(net)
    assert base["losses_mw"] == pytest.approx(0.202677, abs=5e-7)
    assert base["min_vm_pu"] == pytest.approx(0.913090, abs=5e-6)
    assert base["losses_mw"] == pytest.approx(base["import_mw"] - net.load.p_mw.sum(), abs=1e-9)
    found = evaluate(apply_configuration(net, [6, 8, 13, 31, 36]))
    assert found["losses_mw"] == pytest.approx(0.139551, abs=5e-7)
    assert found["min_vm_pu"] == pytest.approx(0.937817, abs=5e-6)


@pytest.mark.parametrize(
    ("graph", "trees"),
    [
        (nx.MultiGraph([(0, 1), (0, 1), (0, 1)]), 3),
        (nx.complete_graph(4), 16),  # Cayley: n^(n-2)
        (nx.cycle_graph(7), 7),
        (nx.complete_bipartite_graph(2, 3), 12),  # m^(n-1) n^(m-1)
        (nx.MultiGraph([(0, 1), (1, 1), (1, 2), (2, 0)]), 3),  # a self-loop is in no tree
    ],
)
def test_textbook_numbers_of_spanning_trees(graph: nx.Graph, trees: int) -> None:
    edges = [(a, b) for a, b in graph.edges()]
    found = list(radial_choices(graph.nodes, [0], [], edges))
    assert len(found) == len(set(found)) == trees
    for opened in found:
        assert nx.is_tree(nx.MultiGraph(e for i, e in enumerate(edges) if i not in opened))


def test_two_roots_make_forests() -> None:
    # a path between the roots: each of its edges may be the open one, and one must be
    path = [(0, 1), (1, 2), (2, 3)]
    assert sorted(map(sorted, radial_choices(range(4), [0, 3], [], path))) == [[0], [1], [2]]
    assert sorted(map(sorted, radial_choices(range(4), [0, 3], path[:1], path[1:]))) == [[0], [1]]
    assert not list(radial_choices(range(4), [0, 3], path, []))
    assert not list(radial_choices(range(4), [0], [], path[:2])), "a node out of reach"


# ------------------------------------------------------------------------------------------- random nets


@pytest.mark.parametrize("kind", KINDS, ids=_name)
def test_every_kind_of_net_runs_in_every_configuration(kind: dict[str, Any]) -> None:
    everything = len(kind) > 2
    for seed in range(2 if everything else 1):
        net = NetSpec(seed, n_bus=(4, 5), n_loops=(2, 2) if everything else (1, 1), **kind).net()
        before = deepcopy(net)
        assert evaluate(deepcopy(net))["converged"], "as it stands, be it meshed or unsupplied"
        df = enumerate_configurations(net)
        assert _same(net, before), "the caller's net is not written to"
        assert len(df) == df.open_lines.nunique() > 0
        assert df.converged.all()
        assert df.min_vm_pu.min() > 0.88
        assert df.max_vm_pu.max() < 1.1
        assert df.feasible.all() if kind.get("limits") != "tight" else df.feasible.any()
        assert df.losses_mw.min() > 0
        row = best(df)
        assert row.open_lines in optima(df)
        assert row.losses_mw == df.losses_mw[df.feasible].min()

        state = apply_configuration(net, row.open_lines)
        # a phase shift and the start of the iteration cannot matter
        again = evaluate(state, init="flat", init_vm_pu=None, calculate_voltage_angles=False)
        assert again["losses_mw"] == pytest.approx(row.losses_mw, abs=1e-8)
        assert again["losses_mw"] == pytest.approx(_balance(state), abs=1e-7)
        assert again["import_mw"] == pytest.approx(state.res_ext_grid.p_mw.sum(), abs=1e-7)
        lines = {i for table, i in read_topology(net).keys if table == "line"}
        assert {i for i in lines if not is_closed(state, i)} == row.open_lines


@settings(max_examples=6, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(net_specs(max_bus=6, max_loops=2))
def test_enumeration_counts_what_kirchhoff_counts(spec: NetSpec) -> None:
    net = spec.net()
    topology = read_topology(net)
    choices = list(topology.choices())
    assert len(choices) == len(set(choices)) == topology.count() > 0
    # every line, by way of in_service where there is no switch: more freedom, and the default ones among them
    free = read_topology(net, net.line.index[~net.line.name.isin(["dead", "into a dead bus"])])
    assert free.count() >= topology.count()
    assert free.count() == sum(1 for _ in free.choices())


def test_seeds_reproduce() -> None:
    options: dict[str, Any] = {**dict.fromkeys(FLAGS, True), "limits": "tight"}
    one, two, other = (NetSpec(seed, **options).net() for seed in (7, 7, 8))
    assert _same(one, two)
    assert not _same(one, other)


def test_generator_delivers_what_the_options_say() -> None:
    # each rare trait turns up in some of the seeds; these are what the comparisons with adnflex are made for
    options: dict[str, Any] = {**dict.fromkeys(FLAGS, True), "n_bus": (5, 8)}
    many = [NetSpec(seed, **options).net() for seed in range(8)]
    lines = pd.concat([n.line for n in many])
    trafos = pd.concat([n.trafo for n in many])
    switches = pd.concat([n.switch for n in many])
    assert (lines.parallel > 1).any()
    assert (lines.df < 1).any()
    assert (lines.c_nf_per_km > 0).any()
    assert (lines.g_us_per_km > 0).any()
    ratio = lines.r_ohm_per_km / lines.x_ohm_per_km
    assert ratio.between(0.29, 3.01).all()
    assert ratio.max() > 2
    assert ratio.min() < 0.5
    assert set(trafos.tap_side) == {"hv", "lv"}
    assert (trafos.tap_pos != trafos.tap_neutral).any()
    assert (trafos.tap_step_percent < 0).any()
    assert (trafos.parallel > 1).any()
    assert (trafos.pfe_kw > 0).any()
    bb = switches[switches.et == "b"]
    assert {(bool(c), bool(z > 0)) for c, z in zip(bb.closed, bb.z_ohm, strict=True)} == {
        (c, z) for c in (True, False) for z in (True, False)
    }
    assert not switches[switches.et == "t"].closed.all()
    for net in many:
        assert net.ext_grid.vm_pu[net.ext_grid.in_service].nunique() == 2
        assert (net.shunt.vn_kv != net.bus.vn_kv[net.shunt.bus].to_numpy()).any() or len(net.shunt) < 4
        pairs = [frozenset(e) for e in zip(net.line.from_bus, net.line.to_bus, strict=True)]
        assert len(pairs) >= len(set(pairs))
        node_of = read_topology(net).node_of
        zip_nodes = {node_of[b] for b in net.load.bus[net.load.const_z_p_percent > 0]}
        assert zip_nodes
        assert not zip_nodes & {node_of[b] for b in chain(net.sgen.bus, net.storage.bus)}


def test_present_states_differ() -> None:
    def supplied_and_edges(present: str) -> tuple[set[bool], set[bool]]:
        loops, dark = set(), set()
        for seed in range(3):
            net = random_net(np.random.default_rng(seed), present=present)  # type: ignore[arg-type]
            graph = pp.topology.create_nxgraph(net, multi=True)
            loops.add(graph.number_of_edges() > len(graph) - nx.number_connected_components(graph))
            dark.add(bool(pp.topology.unsupplied_buses(net)))
        return loops, dark

    assert supplied_and_edges("radial") == ({False}, {False})
    assert supplied_and_edges("meshed") == ({True}, {False})
    assert supplied_and_edges("unsupplied")[1] == {True}


def test_incompatible_options_are_refused() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="no switch rows"):
        random_net(rng, couplers=True, switch_style="in_service")
    with pytest.raises(ValueError, match="needs transformers"):
        random_net(rng, trafo_switches=True)


# ---------------------------------------------------------------------------------------- the rules by hand


@pytest.fixture
def ring() -> pandapowerNet:
    """Four buses in a ring; line i from bus i to bus i+1, its cable long enough for the charging to show."""
    net = pp.create_empty_network()
    for _ in range(4):
        pp.create_bus(net, 20.0, min_vm_pu=0.9, max_vm_pu=1.1)
    pp.create_ext_grid(net, 0, vm_pu=1.01)
    for i in range(4):
        pp.create_line_from_parameters(net, i, (i + 1) % 4, 3.0 + i, 0.3, 0.2, 250.0, 0.3, max_loading_percent=100.0)
    for b in (1, 2, 3):
        pp.create_load(net, b, 1.0, 0.3)
    return net


def _states(net: pandapowerNet) -> list[bool]:
    return [bool(c) for c in net.switch.closed]


def test_opening_rule(ring: pandapowerNet) -> None:
    for bus, line, closed in [
        (0, 0, True), (1, 0, True),
        (1, 1, False), (2, 1, True),
        (2, 2, False), (3, 2, False),
        (3, 3, True),
    ]:  # fmt: skip
        pp.create_switch(ring, bus, line, et="l", closed=closed)
    assert default_switchable(ring) == [0, 1, 2, 3]
    df = enumerate_configurations(ring).set_index("open_lines")
    assert set(df.index) == {frozenset([i]) for i in range(4)}

    # line 0, both ends closed: its `to` end opens; 1 and 2 close entirely; 3 stays
    out = apply_configuration(ring, [0])
    assert _states(out) == [True, False, True, True, True, True, True]
    assert (df.switched_branches[frozenset([0])], df.operations[frozenset([0])]) == (3, 4)
    # line 1, one end open at present: kept as it is
    assert _states(apply_configuration(ring, [1])) == [True, True, False, True, True, True, True]
    # line 2, both ends open: nothing moves
    assert _states(apply_configuration(ring, [2])) == [True, True, True, True, False, False, True]
    # line 3 has one switch, at the `from` end
    assert _states(apply_configuration(ring, [3])) == [True, True, True, True, True, True, False]

    # what the rule decides shows in the power flow: only line 2 is dead at both ends
    assert df.import_mw.between(3.0, 3.1).all()
    one, two = evaluate(apply_configuration(ring, [1])), apply_configuration(ring, [1])
    two.switch.loc[2, "closed"], two.switch.loc[3, "closed"] = True, False
    assert evaluate(two)["losses_mw"] != pytest.approx(one["losses_mw"], abs=1e-7)


def test_lines_without_switches_open_by_in_service(ring: pandapowerNet) -> None:
    ring.line.loc[2, "in_service"] = False
    assert default_switchable(ring) == [0, 1, 2, 3]
    df = enumerate_configurations(ring).set_index("open_lines")
    assert df.operations.to_dict() == {frozenset([i]): n for i, n in [(0, 2), (1, 2), (2, 0), (3, 2)]}
    # one switch row anywhere, and lines without one are no longer the oracle's to move
    pp.create_switch(ring, 0, 0, et="l")
    assert default_switchable(ring) == [0]
    assert set(enumerate_configurations(ring).open_lines) == {frozenset()}
    # a line with a switch that is out of service closes by both
    ring.line.loc[0, "in_service"], ring.line.loc[2, "in_service"] = False, True
    ring.switch.loc[0, "closed"] = False
    ring.line.loc[3, "in_service"] = False
    out = apply_configuration(ring, [], [0])
    assert is_closed(out, 0)


def test_limits_and_measures(ring: pandapowerNet) -> None:
    ring.bus.loc[2, "min_vm_pu"] = 1.005
    ring.line.loc[1, "max_i_ka"] = 0.01
    df = enumerate_configurations(ring)
    state = apply_configuration(ring, [3])
    row = df[df.open_lines == frozenset([3])].iloc[0]
    pp.runpp(state, numba=False)
    vm = state.res_bus.vm_pu
    assert not row.feasible
    assert row.voltage_violation == pytest.approx(1.005 - vm[2], abs=1e-8)
    assert row.voltage_worst_bus == 2
    assert row.loading_violation == pytest.approx(state.res_line.loading_percent[1] - 100, abs=1e-5)
    assert row.loading_worst == ("line", 1)
    assert row.voltage_deviation == pytest.approx(np.mean(np.abs(vm**2 - 1)) / 2, abs=1e-9)
    assert row.min_vm_pu == pytest.approx(vm.min(), abs=1e-9)


def test_a_load_out_of_reach_leaves_no_configuration(ring: pandapowerNet) -> None:
    far = pp.create_bus(ring, 20.0)
    assert len(enumerate_configurations(ring)) == 4, "an empty bus out of reach matters to nobody"
    pp.create_load(ring, far, 0.1)
    assert enumerate_configurations(ring).empty
    assert read_topology(ring).hopeless == [far]


def test_fixed_parallel_branches_are_one(ring: pandapowerNet) -> None:
    lv = pp.create_bus(ring, 0.4)
    for _ in range(2):
        pp.create_transformer(ring, 2, lv, "0.4 MVA 20/0.4 kV")
    pp.create_load(ring, lv, 0.2)
    assert len(enumerate_configurations(ring)) == 4
    # but two switchable lines between the same buses are two, one of them open
    twin = pp.create_line_from_parameters(ring, 0, 1, 3.0, 0.3, 0.2, 0.0, 0.3)
    df = enumerate_configurations(ring)
    # a cycle of four with one side doubled: 4 + 3
    assert len(df) == 7
    assert not any({0, twin}.isdisjoint(o) for o in df.open_lines)
    # a fixed line beside a switchable one: the switchable one is open
    df = enumerate_configurations(ring, [0, 1, 2, 3])
    assert len(df) == 3
    assert all(0 in o for o in df.open_lines)


def test_free_couplers(ring: pandapowerNet) -> None:
    other = pp.create_bus(ring, 20.0)
    ring.line.loc[1, "from_bus"] = other
    sw = pp.create_switch(ring, 1, other, et="b", closed=True)
    df = enumerate_configurations(ring, [0, 1, 2, 3], bus_switches=[sw])
    assert len(df) == 5, "the coupler is one more edge of the ring"
    row = df[df.open_bus_switches == frozenset([sw])].iloc[0]
    assert row.open_lines == frozenset()
    assert row.operations == 1
    assert len(enumerate_configurations(ring, [0, 1, 2, 3])) == 4


# ------------------------------------------------------------------------ pandapower, as the oracles use it


def _two_buses(**line: float) -> pandapowerNet:
    net = pp.create_empty_network()
    pp.create_bus(net, 20.0)
    pp.create_bus(net, 20.0)
    pp.create_ext_grid(net, 0, vm_pu=1.02)
    pp.create_line_from_parameters(net, 0, 1, 10.0, 0.3, 0.3, line.get("c", 0.0), 0.4)
    return net


def test_pandapower_averages_zip_shares_over_a_bus() -> None:
    net = _two_buses()
    pp.create_load(net, 1, 3.0, 0.0, const_z_p_percent=100.0)
    pp.create_load(net, 1, 1.0, 0.0)
    pp.runpp(net, tolerance_mva=1e-10, numba=False)
    v = net.res_bus.vm_pu[1]
    drawn = net.res_line.p_to_mw[0]
    assert -drawn == pytest.approx(4.0 * (0.5 + 0.5 * v**2), abs=1e-8), "mean of 100 % and 0 %, not weighted"
    assert net.res_load.p_mw.sum() == pytest.approx(3.0 * v**2 + 1.0, abs=1e-8), "and the load table disagrees"


def test_pandapower_scales_generation_with_the_load_shares() -> None:
    net = _two_buses()
    pp.create_load(net, 1, 1.0, 0.0, const_z_p_percent=100.0)
    pp.create_sgen(net, 1, 3.0)
    pp.runpp(net, tolerance_mva=1e-10, numba=False)
    assert net.res_line.p_to_mw[0] == pytest.approx(2.0 * net.res_bus.vm_pu[1] ** 2, abs=1e-8)


def test_pandapower_forgets_the_shares_of_a_load_at_the_slack_bus() -> None:
    net = _two_buses()
    pp.create_load(net, 0, 1.0, 0.0, const_z_p_percent=100.0)
    pp.create_load(net, 1, 1.0, 0.0)
    found = evaluate(net)
    assert net.res_load.p_mw[0] == pytest.approx(1.02**2)
    assert net.res_ext_grid.p_mw[0] == pytest.approx(1.0 + net.res_line.p_from_mw[0], abs=1e-9)
    assert found["import_mw"] == pytest.approx(1.02**2 + net.res_line.p_from_mw[0], abs=1e-9)


def test_pandapower_keeps_the_charging_of_a_line_open_at_one_end() -> None:
    net = _two_buses(c=300.0)
    pp.create_switch(net, 1, 0, et="l", closed=False)
    pp.runpp(net, tolerance_mva=1e-10, numba=False)
    z = (0.3 + 0.3j) * 10.0 / 400.0
    y = 1j * 2 * np.pi * 50 * 300e-9 * 10.0 * 400.0
    expected = np.conj(y / 2 + 1 / (z + 2 / y)) * 1.02**2
    assert net.res_line.q_from_mvar[0] == pytest.approx(expected.imag, abs=1e-9)
    assert net.res_line.p_from_mw[0] == pytest.approx(expected.real, abs=1e-9)
