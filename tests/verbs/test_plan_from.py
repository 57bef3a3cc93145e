"""Switch states that somebody else chose: their values, their faults, and how far above the bound they are."""

from __future__ import annotations

import copy
import itertools
import math
import re

import networkx as nx
import pandapower as pp
import pandapower.networks as pn
import pytest

import adnflex
from adnflex.errors import InputError, NotRadial
from tests.dispatch_nets import require_unchanged


@pytest.fixture(scope="module")
def net():
    return pn.case33bw()


def ring() -> pp.pandapowerNet:
    """Four buses in a ring with a chord; every line with a switch, one bus-bus switch beside line 3."""
    net = pp.create_empty_network()
    b = [pp.create_bus(net, 12.66, min_vm_pu=0.9, max_vm_pu=1.1) for _ in range(5)]
    pp.create_ext_grid(net, b[0])
    for k, (i, j) in enumerate([(0, 1), (1, 2), (2, 3), (3, 0), (1, 3)]):
        line = pp.create_line_from_parameters(net, b[i], b[j], 1.0 + k / 10, 0.3, 0.3, 0, 0.4, max_loading_percent=100)
        pp.create_switch(net, b[j], line, "l", closed=k in (0, 1, 2))
    pp.create_switch(net, b[3], b[4], "b", closed=True)
    for bus, p in ((1, 0.3), (2, 0.5), (3, 0.4), (4, 0.2)):
        pp.create_load(net, b[bus], p, p / 2)
    return net


def test_every_state_of_a_ring_is_a_plan_or_refused_for_what_it_is():
    """All 32 states: radial ones are valued as pandapower does, the others name loop or bus."""
    net = ring()
    before = copy.deepcopy(net)
    plans = 0
    for closed in itertools.product([False, True], repeat=5):
        opened = [k for k in range(5) if not closed[k]]
        lines = zip(net.line["from_bus"], net.line["to_bus"], strict=True)
        graph = nx.MultiGraph(edge for edge, on in zip(lines, closed, strict=True) if on)
        graph.add_nodes_from(range(4))
        if nx.number_connected_components(graph) == 1 and graph.number_of_edges() == 3:
            plan = adnflex.plan_from(net, open_lines=opened)
            check = adnflex.validate(plan, net)
            assert check.passed
            assert plan.open_lines == opened
            assert plan.objective == pytest.approx(check.losses_mw, rel=1e-6)
            assert (plan.status, plan.bound, plan.gap) == ("given", -math.inf, math.inf)
            assert check.certificate is None
            # the applied net is another way to say the same
            again = adnflex.plan_from(net, plan.apply(net))
            assert again.open_lines == opened
            plans += 1
            continue
        with pytest.raises(NotRadial) as caught:
            adnflex.plan_from(net, open_lines=opened)
        text = str(caught.value)
        assert ("a closed path remains" in text) == bool(nx.cycle_basis(nx.Graph(graph)) or graph.number_of_edges() > 3)
        assert ("without supply" in text) == (nx.number_connected_components(graph) > 1)
    assert plans == 8
    require_unchanged(before, net)


def test_the_bound_says_how_far_it_is(net):
    plan = adnflex.plan_from(net)
    check = adnflex.validate(plan, net, bound=True, time_limit=300)
    best = adnflex.reconfigure(net, workers=1)
    assert check.passed
    assert check.certificate_absolute == pytest.approx(plan.objective - best.bound, abs=1e-7)
    # the bound is proven to the default gap: 0.01 % of 139.551 kW
    said = re.search(r"([\d.]+) kW above the proven bound ([\d.]+) kW$", check.verdict)
    assert [float(x) for x in said.groups()] == pytest.approx([63.126, 139.551], abs=0.02)
    assert "no radial switch states of this choice" in check.notes[-1]


def test_a_state_that_fails_has_no_certificate_whatever_the_bound(net):
    plan = adnflex.plan_from(net, vm_limits=(0.93, 1.1))
    check = adnflex.validate(plan, net, bound=True, time_limit=300)
    assert not check.passed
    assert check.certificate is None
    assert "above the proven bound" not in check.verdict


def test_the_head_of_a_report_agrees_with_its_check(net, tmp_path):
    plan = adnflex.plan_from(net, open_lines=[6, 8, 13, 30, 36])
    for bound, words in ((True, "chosen by somebody else, see the certificate"), (False, "nothing is proven of how")):
        check = adnflex.validate(plan, net, bound=bound)
        head = adnflex.report(plan, check, tmp_path / "r.html").read_text(encoding="utf-8").split("</header>")[0]
        assert words in head
        assert "no bound known" not in head


def test_no_bound_for_a_dispatch():
    house = pp.create_empty_network()
    b = [pp.create_bus(house, 0.4, min_vm_pu=0.9, max_vm_pu=1.1) for _ in range(2)]
    pp.create_ext_grid(house, b[0], min_p_mw=-1.0, max_p_mw=1.0)
    house.ext_grid["price_per_mwh"] = 100.0
    pp.create_line_from_parameters(house, *b, 0.05, 0.3, 0.08, 0, 0.2, max_loading_percent=100.0)
    pp.create_load(house, b[1], 0.002)
    with pytest.raises(InputError, match="bound is for the switch states of one hour"):
        adnflex.validate(adnflex.dispatch(house), house, bound=True)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"open_lines": [7, 9, 14, 32, 37]}, "line 37 is not in net.line, whose indices are 0 to 36.*count from 1"),
        ({"open_lines": [99]}, "line 99 is not in net.line, whose indices are 0 to 36; give pandapower indices.$"),
        ({"open_lines": [6, 8, 13, 31, 36], "locked_lines": [6]}, "line 6 is closed and may not be switched"),
        ({"open_lines": [6, 8, 13, 31, 36], "switchable_lines": [8, 13, 31, 36]}, "line 6 is closed and may not"),
        ({"open_switches": [3]}, "switch 3 is not in net.switch"),
        ({"open_lines": "6,8"}, "open_lines is '6,8'; give line indices"),
        ({"open_lines": [6.5]}, "open_lines is .*; give line indices"),
        ({"other_net": 3}, "other_net is 3; give"),
        ({"other_net": pn.case33bw(), "open_lines": [6]}, "other_net is given beside lists"),
    ],
)
def test_faults_are_named(net, options, words):
    with pytest.raises(InputError, match=words):
        adnflex.plan_from(net, **options)


def test_switches_that_contradict_are_named():
    net = ring()
    coupler = int(net.switch.index[-1])
    with pytest.raises(InputError, match=f"switch {coupler}: is named as open and as closed"):
        adnflex.plan_from(net, open_switches=[coupler], closed_switches=[coupler])
    with pytest.raises(NotRadial, match="bus 4 would be without supply"):
        adnflex.plan_from(net, open_switches=[coupler])


def test_another_net_that_differs_in_more_is_refused(net):
    other = copy.deepcopy(net)
    other.load.loc[3, "p_mw"] += 0.01
    with pytest.raises(InputError, match="differs from net in more than switch states"):
        adnflex.plan_from(net, other)
    fewer = copy.deepcopy(net)
    fewer.line.drop(index=36, inplace=True)
    with pytest.raises(InputError, match="its line table has other rows"):
        adnflex.plan_from(net, fewer)
    locked = copy.deepcopy(net)
    locked.line["in_service"] = ~locked.line.index.isin([6, 8, 13, 31, 36])
    with pytest.raises(InputError, match="line 6 is switched there and may not be"):
        adnflex.plan_from(net, locked, locked_lines=[6])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--open", "6,8,13,31,36", "case33bw"], 0, "above the proven bound 139.5"),
        (["--open", "6,8,13,31,36", "--no-bound", "--vm-limits", "0.95", "1.1", "case33bw"], 1, "voltage low"),
        (["--open", "7,9,14,32,37", "case33bw"], 2, "count from 1"),
        (["--open", "6,8", "case33bw"], 2, "a closed path remains"),
        (["case33bw"], 2, "PLAN is missing"),
        (["plan.json", "case33bw", "--open", "6"], 2, "--open-lines: describes switch states of your own"),
        (["--open", "six", "case33bw"], 2, "--open-lines: 'six' is not allowed"),
    ],
)
def test_the_command_line_takes_a_planners_lines(words, code, said, capsys):
    from adnflex.cli import main

    assert main(["validate", *words]) == code
    shown = capsys.readouterr()
    assert said in shown.out + shown.err


@pytest.mark.parametrize("argument", ["open_switches", "closed_switches"])
def test_switches_that_are_none_or_stand_at_a_line_are_refused_under_the_callers_word(argument):
    net = pp.create_empty_network()
    a, b, c = pp.create_buses(net, 3, 20.0, min_vm_pu=0.9, max_vm_pu=1.1)
    pp.create_ext_grid(net, a)
    pp.create_line_from_parameters(net, a, b, 1.0, 0.3, 0.1, 200.0, 0.3)
    pp.create_switch(net, b, 0, "l")
    pp.create_switch(net, b, c, "b")
    pp.create_load(net, c, 0.1)
    assert adnflex.plan_from(net, closed_switches=[1]).status == "given"
    for switch, word in ((0, "line 0"), (7, "net.switch")):
        with pytest.raises(InputError, match=rf"^{argument}: switch {switch} .*{word}"):
            adnflex.plan_from(net, **{argument: [switch]})
