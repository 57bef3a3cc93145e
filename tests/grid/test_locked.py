"""Locked lines: they keep their state, and the open ones belong to the open points of every result."""

import copy

import numpy as np
import pandapower as pp
import pandapower.networks as pn
import pytest

import adnflex
from adnflex.grid import read_grid
from adnflex.grid.layout import drawing_tables
from adnflex.grid.switch_tables import decided, open_branches
from adnflex.knobs import Switching


def with_switches(open_at, out_of_service):
    """case33bw with a switch at both ends of every line; some open at a switch, some out of service."""
    net = pn.case33bw()
    net.line["in_service"] = True
    for line, at in net.line["to_bus"].items():
        pp.create_switch(net, int(net.line.at[line, "from_bus"]), line, et="l")
        pp.create_switch(net, int(at), line, et="l", closed=line not in open_at)
    net.line.loc[out_of_service, "in_service"] = False
    return net


@pytest.mark.parametrize(
    ("choice", "locked", "expected"),
    [
        # out of service is no part of the default choice; a line that hangs open is, unless it is locked
        (None, [], {32, 33}),
        (None, [34], {32, 33, 34}),
        ([6, 8, 13, 35, 36], [], {32, 33, 34}),
        ("all", [], set()),
        ("all", [33, 35, 1], {33, 35}),
    ],
)
def test_every_open_line_is_a_decision_or_locked(choice, locked, expected):
    net = with_switches(open_at={34, 35, 36}, out_of_service=[32, 33])
    grid = read_grid(net, switching=Switching(switchable_lines=choice, locked_lines=locked))
    assert {d.index for d in grid.locked} == expected
    free = {b.decision.index for b in grid.branches if b.decision is not None}
    assert not free & (expected | set(locked))
    decided_open = {b.decision.index for b, c in zip(grid.branches, grid.closed, strict=True) if b.decision and not c}
    assert decided_open | expected == {32, 33, 34, 35, 36}


def test_a_plan_lists_and_keeps_locked_lines(tmp_path):
    net = with_switches(open_at={34, 35, 36}, out_of_service=[32, 33])
    before = copy.deepcopy(net)
    plan = adnflex.reconfigure(net, locked_lines=[6, 36], workers=1)
    assert {32, 33, 36} <= set(plan.open_lines)
    assert 6 not in plan.open_lines
    assert len(plan.open_lines) == 5
    told = next(line for line in plan.summary().splitlines() if line.startswith("open:"))
    for line in (32, 33, 36):
        assert f"line {line} (locked)" in told
    assert plan.operations == len(set(plan.open_lines) ^ {32, 33, 34, 35, 36})
    new = plan.apply(net)
    assert new.line["in_service"].equals(before.line["in_service"])
    assert adnflex.validate(plan, net).passed
    plan.save(tmp_path / "plan.json")
    back = adnflex.Plan.load(tmp_path / "plan.json")
    assert back.open_lines == plan.open_lines
    assert open_branches(back.switches) == open_branches(plan.switches)
    # the report draws them as branches that nobody switches
    drawn = drawing_tables(net, plan.switches)[0].set_index(["element", "index"])
    for line in (32, 33, 36):
        assert not drawn.at[("line", line), "switchable"]
        assert not drawn.at[("line", line), "closed_after"]
    page = adnflex.report(plan, adnflex.validate(plan, net), tmp_path / "report.html", net=net)
    text = (tmp_path / "report.html").read_text() if page is None else page.read_text()
    assert "line 36 (locked)" in text
    assert f"All {len(decided(plan.switches)) - plan.operations} switchable branches" in text


def test_locked_in_a_dispatch_and_for_flexibility():
    from adnflex import networks

    net = networks.load("park33_flexibility")
    ties = np.flatnonzero(~net.line["in_service"].to_numpy())
    kept = [int(net.line.index[ties[0]]), int(net.line.index[3])]
    flex = adnflex.reconfigure_for_flexibility(
        net, periods=[10], locked_lines=kept, time_limit=10, search_time=1, workers=1
    )
    assert kept[0] in flex.open_lines
    assert kept[1] not in flex.open_lines
    assert f"line {kept[0]} (locked)" in flex.summary()
    assert adnflex.validate(flex, net, trajectories=2).passed
    plan = adnflex.dispatch(
        net,
        periods=[10],
        windows=None,
        locked_lines=kept,
        max_operations=2,
        loss_cost_per_mwh=10.0,
        time_limit=300,
        gap=0.02,
    )
    assert f"line {kept[0]} (locked)" in plan.summary()
    assert adnflex.validate(plan, net).passed
    with pytest.raises(adnflex.errors.InputError, match="locked elements mean nothing while windows is 'fixed'"):
        adnflex.dispatch(net, periods=[10], locked_lines=kept)
