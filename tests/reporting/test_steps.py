"""The operations of every plan stand in its report in the order of its sequence; the work sheet is one table."""

from __future__ import annotations

import csv
from copy import deepcopy
from dataclasses import replace

import openpyxl
import pandapower as pp
import pandapower.networks as pn
import pandas as pd
import pytest

import adnflex
from adnflex.cli import main
from adnflex.reporting.views import Orders
from tests.verbs.test_switching_sequence import chain

from .reader import opened


@pytest.fixture(scope="module")
def small():
    """A net, a plan of four operations, its check, its sequence and the check of that."""
    net = pn.case33bw()
    net.bus["name"] = net.bus["name"].astype(object)
    net.bus.loc[[20, 7], "name"] = ["Mill <lane>", "=1+1"]
    plan = adnflex.plan_from(net, open_lines=[6, 10, 33, 35, 36], vm_limits=(0.9, 1.1))
    steps = adnflex.switching_sequence(plan, net)
    return net, plan, adnflex.validate(plan, net), steps, adnflex.validate(steps, net)


@pytest.fixture(autouse=True)
def all_the_time(monkeypatch):
    """Orders of these reports are compared with the best; other tests take the first that is found."""
    monkeypatch.setattr("adnflex.verbs.report._ORDER_SECONDS", 60.0)


def in_order(text: str, sheet: pd.DataFrame) -> bool:
    """Whether all rows of a work sheet stand in a page, one after the other."""
    at = 0
    plain = text.replace("\u00a0", " ")
    for branch, action in zip(sheet["branch"], sheet["do"], strict=True):
        at = plain.find(f"{action} {branch}", at)
        if at < 0:
            return False
    return True


def test_a_plan_has_its_order_from_the_net_or_from_a_given_sequence(small, tmp_path):
    net, plan, check, steps, _ = small
    for name, results, checks, more in (
        ("net", plan, check, net),
        ("given", [plan, steps], [check, None], None),
        ("one check", [plan, steps], check, None),
    ):
        reader, _ = opened(adnflex.report(results, checks, tmp_path / "r.html", more))
        assert in_order(reader.text, steps.work_sheet), name
        assert "not known: these are no steps" not in reader.text
        assert "No order of these operations is better" in reader.text


def test_without_a_net_no_order_is_claimed(small, tmp_path):
    _, plan, check, *_ = small
    reader, _ = opened(adnflex.report(plan, check, tmp_path / "r.html"))
    assert "In which order is not known: these are no steps" in reader.text
    assert "adnflex.switching_sequence(plan, net)" in reader.text


def test_a_sequence_of_other_operations_is_not_taken(small):
    net, plan, _, steps, _ = small
    other = adnflex.plan_from(net, open_lines=[6, 10, 32, 35, 36])
    assert Orders((steps,)).of(plan) is steps
    assert Orders((steps,)).of(other) is None
    assert not steps.is_of("another net", plan.switches)


def test_why_there_is_no_order_is_said(small, tmp_path):
    _, plan, check, *_ = small
    changed = pn.case33bw()
    changed.load["p_mw"] *= 1.1
    reader, _ = opened(adnflex.report(plan, check, tmp_path / "r.html", changed))
    assert "not known: these are no steps" in reader.text
    assert "fingerprint" in reader.text or "another net" in reader.text


def test_the_work_sheet_is_the_same_on_screen_on_paper_and_in_files(small, tmp_path):
    _, _, _, steps, check = small
    sheet = steps.work_sheet
    assert list(sheet.columns) == ["station", "switch", "do", "branch", "between", "by", "check", "afterwards"]
    assert sheet.to_string() in steps.summary()
    steps.to_csv(tmp_path)
    with open(tmp_path / "work_sheet.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[1:] == [[str(k), *row] for k, row in zip(sheet.index, sheet.to_numpy().tolist(), strict=True)]
    steps.to_excel(tmp_path / "s.xlsx")
    book = openpyxl.load_workbook(tmp_path / "s.xlsx")
    cells = [[cell or "" for cell in row[1:]] for row in book["work_sheet"].iter_rows(min_row=2, values_only=True)]
    assert cells == sheet.to_numpy().tolist()
    reader, source = opened(adnflex.report(steps, check, tmp_path / "r.html"))
    assert in_order(reader.text, sheet)
    assert "Mill <lane>" not in source
    assert "sheet" in reader.ids
    assert "Passed: this order may be switched" in reader.text


def test_a_sequence_that_is_not_validated_or_fails_says_so_on_the_sheet(small, tmp_path):
    _, _, _, steps, check = small
    reader, _ = opened(adnflex.report(steps, None, tmp_path / "r.html"))
    assert "AC check: not validated: do not switch" in reader.text
    failed = replace(check, passed=False, verdict="a state differs")
    reader, _ = opened(adnflex.report(steps, failed, tmp_path / "r.html"))
    assert "FAILED, do not switch: a state differs" in reader.text


def test_nothing_to_do(tmp_path):
    net = pn.case33bw()
    plan = adnflex.plan_from(net)
    steps = adnflex.switching_sequence(plan, net)
    reader, _ = opened(adnflex.report([plan, steps], None, tmp_path / "r.html", net))
    assert "Nothing: the net already is in the state" in reader.text


def test_each_row_of_a_frontier_has_its_order(tmp_path):
    net = pn.case33bw()
    frontier = adnflex.operations_frontier(net, [2, 4], workers=1, gap=0.3)
    reader, _ = opened(adnflex.report(frontier, None, tmp_path / "r.html", net))
    for plan in frontier.plans:
        assert in_order(reader.text, adnflex.switching_sequence(plan, net).work_sheet)
    assert "these are no steps" not in reader.text


def test_supplies_that_are_joined_and_buses_that_wait_are_named(tmp_path):
    net = chain()
    plan = adnflex.plan_from(net, open_lines=[3], vm_limits=(0.9, 1.1))
    for how, words in ((True, "Step 1 joins two supplies for a while"), (False, "Step 1 leaves buses without supply")):
        steps = adnflex.switching_sequence(plan, net, parallel_sources=how)
        reader, _ = opened(adnflex.report([plan, steps], None, tmp_path / "r.html"))
        assert words in reader.text


def test_each_topology_of_a_plan_of_periods_has_its_order(tmp_path):
    net = chain()
    net.line.loc[[2, 5], "in_service"] = True, False
    # the load moves from one end to the other, and the open line with it
    left, right = ({"load": mw} for mw in ([2.0, 2.0, 0.5, 0.1, 0.1], [0.1, 0.1, 0.5, 2.0, 2.0]))
    situations = {}
    for name, powers in (("morning", left), ("evening", right)):
        situations[name] = deepcopy(net)
        situations[name].load["p_mw"] = powers["load"]
    plan = adnflex.reconfigure(net, situations=situations, windows=1.0, workers=1, vm_limits=(0.9, 1.1), gap=1e-3)
    assert len(plan.topologies) == 2
    steps = adnflex.switching_sequence(plan, net)
    assert steps.steps["first_period"].nunique() == 2
    assert "from" in steps.work_sheet
    for first in plan.topologies.index:
        last = max(steps.steps.index[steps.steps["first_period"] == first])
        assert steps.apply(net, last).line.in_service.equals(plan.apply(net, int(first)).line.in_service)
        assert steps.apply(net, last).load.p_mw.equals(plan.apply(net, int(first)).load.p_mw)
    assert adnflex.validate(steps, net).passed
    reader, _ = opened(adnflex.report(plan, None, tmp_path / "r.html", net))
    assert in_order(reader.text, steps.work_sheet)
    assert "morning" in reader.text


def test_the_command_line_writes_work_sheet_report_and_workbook(tmp_path, capsys):
    net = chain()
    pp.to_json(net, str(tmp_path / "net.json"))
    adnflex.plan_from(net, open_lines=[3], vm_limits=(0.9, 1.1)).save(tmp_path / "plan.json")
    words = ["switching-sequence", "plan.json", "net.json", "--report", "r.html", "--excel", "s.xlsx"]
    files = [str(tmp_path / word) if "." in word else word for word in words]
    assert main([*files, "--no-parallel-sources"]) == 0
    told = capsys.readouterr().out
    assert "WITHOUT SUPPLY" in told
    reader, _ = opened(tmp_path / "r.html")
    assert "Step 1 leaves buses without supply until a later step" in reader.text
    assert "work_sheet" in openpyxl.load_workbook(tmp_path / "s.xlsx").sheetnames
