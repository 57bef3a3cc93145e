"""The frontier of operations against all configurations: every row, its bound, and what becomes of it afterwards."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pandapower.networks as pn
import pytest

import adnflex
from adnflex.errors import Infeasible, InputError
from adnflex.grid import read_grid
from adnflex.grid.flow import flow_of
from adnflex.problems.clock import Deadline
from adnflex.problems.reconfiguration import near_states
from adnflex.problems.reconfiguration.frontier import Budgets
from tests.problems.test_reconfiguration import draw_case
from tests.verbs.test_switching_sequence import chain


def cases(seed: int, count: int):
    drawn = (draw_case(np.random.default_rng([633, seed, k]), most=20) for k in itertools.count())
    return itertools.islice((case for case in drawn if case is not None), count)


@pytest.mark.parametrize("few", [True, False])
def test_every_row_is_the_best_of_enumeration(few, monkeypatch):
    """With states that are run one by one, and without them."""
    if not few:
        monkeypatch.setattr(near_states, "_FEW", 0)
    kinds = set()
    for case in cases(int(few), 2 if few else 1):
        asked = {"switchable_lines": case.lines, "switchable_switches": case.switches, "workers": 1, "gap": 1e-6}
        radial = case.table[case.table.switched_branches.notna()]
        rows = case.table[case.table.feasible]
        if rows.empty:
            with pytest.raises(Infeasible) as error:
                adnflex.operations_frontier(case.net, **asked)
            assert error.value.proven
            kinds.add("none")
            continue
        frontier = adnflex.operations_frontier(case.net, **asked)
        table = frontier.table
        assert frontier.whole
        assert table["operations"].iloc[0] == radial.switched_branches.min()
        assert table["proven"].all()
        for row in table.itertuples(index=False):
            within = rows[rows.switched_branches <= row.operations]
            if within.empty:
                assert row.status == "infeasible"
                kinds.add("infeasible")
                continue
            best = float(within.losses_mw.min()) * 1e3
            assert row.objective == pytest.approx(best, rel=1e-5, abs=1e-7)
            assert row.bound <= best * (1 + 1e-6) + 1e-7
            assert row.used <= row.operations
            kinds.add("plan")
        assert table["objective"].iloc[-1] == pytest.approx(float(rows.losses_mw.min()) * 1e3, rel=1e-5, abs=1e-7)
        check = adnflex.validate(frontier, case.net)
        assert check.passed, check.verdict
        for plan in frontier.plans:
            assert plan.operations <= plan.options["max_operations"]
    assert "plan" in kinds


TRUTH = {0: 202.677, 2: 153.493, 4: 144.537, 6: 142.165, 8: 139.551}


def test_a_feeder_to_the_watt_and_what_becomes_of_it(tmp_path):
    net = pn.case33bw()
    told = []
    frontier = adnflex.operations_frontier(net, workers=1, progress=told.append, name="the feeder")
    assert dict(zip(frontier.table["operations"], frontier.table["objective"].round(3), strict=True)) == TRUTH
    assert frontier.table["saved_percent"].round(2).iloc[1] == 24.27
    assert frontier.table["gain"].sum() == pytest.approx(frontier.base - 139.551, abs=1e-3)
    assert (frontier.table["proven"].all(), frontier.whole, frontier.status) == (True, True, "complete")
    assert frontier.plan(5).open_lines == [6, 10, 33, 35, 36]
    assert {row.wanted for row in told} == {6}
    check = adnflex.validate(frontier, net)
    assert check.passed
    assert check.certificate < 1e-4
    frontier.save(tmp_path / "frontier.json")
    check.save(tmp_path / "check.json")
    again, judged = adnflex.load(tmp_path / "frontier.json"), adnflex.load(tmp_path / "check.json")
    assert again.table.equals(frontier.table)
    assert [p.open_lines for p in again.plans] == [p.open_lines for p in frontier.plans]
    assert judged.table.equals(check.table)
    page = adnflex.report(again, judged, tmp_path / "report.html").read_text(encoding="utf-8")
    for words in ("What each number of operations saves", "5 of 5 rows proven", "At most 8 operations: 8 to do"):
        assert words in page
    assert "2 operations 153.493 kW, 8 operations 139.551 kW" in repr(frontier)
    assert "5 of 5 proven" in frontier._repr_html_()
    assert "more operations gain no more than the gap" in frontier.summary()
    assert {path.name for path in frontier.to_csv(tmp_path / "tables")} >= {"table.csv", "figures.csv"}


def test_limits_take_rows_away_and_move_others():
    frontier = adnflex.operations_frontier(pn.case33bw(), [0, 2, 3], vm_limits=(0.93, 1.05), workers=1)
    assert frontier.table["status"].tolist() == ["infeasible", "optimal", "optimal"]
    assert frontier.table["objective"].iloc[1:].round(3).tolist() == [156.529, 156.529]
    assert not frontier.whole
    assert "at most 0 operations (proven)" in frontier.summary()
    with pytest.raises(InputError, match="no row with so few has a plan, the rows are 0, 2, 3"):
        frontier.plan(1)


def test_a_net_that_is_not_radial_begins_with_what_it_needs():
    net = pn.case33bw()
    net.line.loc[32, "in_service"] = True
    meshed = adnflex.operations_frontier(net, [0, 1], workers=1)
    assert meshed.table["status"].tolist() == ["infeasible", "optimal"]
    assert "meshed" in " ".join(meshed.notes)
    net = pn.case33bw()
    net.line.loc[5, "in_service"] = False
    dark = adnflex.operations_frontier(net, [1], workers=1)
    assert math.isnan(dark.base)
    assert dark.table["saved"].isna().all()
    assert "have no supply" in " ".join(dark.notes)
    assert "-" in dark.summary()
    grid = read_grid(net)
    assert (Budgets.of(grid).least, flow_of(grid, grid.closed)) == (1, None)


def test_time_that_is_over_is_said(monkeypatch):
    monkeypatch.setattr(near_states, "_FEW", 0)
    hands = itertools.count()
    monkeypatch.setattr(Deadline, "spent", property(lambda self: next(hands) > 3))
    frontier = adnflex.operations_frontier(pn.case33bw(), [0, 2, 4], workers=1, time_limit=20.0)
    assert frontier.status == "time_limit"
    assert not frontier.table["proven"].all()
    for row in frontier.table[frontier.table["objective"].notna()].itertuples(index=False):
        assert row.objective >= TRUTH[row.operations] - 1e-3
        assert row.bound <= TRUTH[row.operations] + 1e-3


def test_no_time_at_all_gives_the_present_state_and_says_so():
    frontier = adnflex.operations_frontier(pn.case33bw(), workers=1, time_limit=1e-3)
    assert (frontier.status, frontier.whole) == ("time_limit", False)
    assert "whether more operations gain anything was not proven" in frontier.summary()
    assert frontier.plan(0).operations == 0


def test_an_interrupt_keeps_the_rows_so_far():
    def stop(row):
        if row.done == 2:
            raise KeyboardInterrupt

    frontier = adnflex.operations_frontier(pn.case33bw(), [0, 2, 4, 6], workers=1, progress=stop)
    assert frontier.status == "interrupted"
    assert frontier.table["objective"].notna().any()
    for row in frontier.table[frontier.table["objective"].notna()].itertuples(index=False):
        assert row.bound <= TRUTH[row.operations] + 1e-3


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"operations": []}, "operations is"),
        ({"operations": [-2, 0]}, "give numbers of 0 or more"),
        ({"operations": "2"}, "operations is '2'"),
        ({"objective": "switching"}, "which a budget of operations says already"),
        ({"max_operations": 2}, "unknown argument 'max_operations'"),
    ],
)
def test_what_is_no_frontier_is_refused(asked, words):
    with pytest.raises(InputError, match=words):
        adnflex.operations_frontier(pn.case33bw(), **asked)


def test_reliability_stands_beside_the_losses_of_each_row():
    net = chain()
    net.load.loc[4, "p_mw"] = 0.1
    frontier = adnflex.operations_frontier(net, [2], workers=1, vm_limits=(0.9, 1.1), reliability=True)
    plan, row = frontier.plan(2), frontier.table.iloc[0]
    alone = adnflex.contingencies(plan.apply(net), outages=["line", "trafo"], vm_limits=(0.9, 1.1))
    told = (alone.indices.saifi, alone.indices.saidi_hours, alone.indices.ens_mwh, alone.outages["left_mw"].sum())
    assert (row["saifi"], row["saidi_hours"], row["ens_mwh"], row["left_mw"]) == pytest.approx(told, rel=1e-12)
    assert row["saifi"] > 0
    assert any("5 of net.line say nothing of failures_per_km_year" in note for note in frontier.notes)
