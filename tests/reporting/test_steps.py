"""The order of the operations."""

from __future__ import annotations

import networkx as nx
import pytest

from adnflex.reporting import switching_steps

from .studies import bare


def graph_of(plan, state):
    rows = plan.topology[plan.topology[state]]
    graph = nx.MultiGraph()
    graph.add_nodes_from(plan.coordinates.index)
    graph.add_edges_from(
        (r.from_bus, r.to_bus, (r.element, r.place)) for r in rows.rename(columns={"index": "place"}).itertuples()
    )
    return graph


@pytest.mark.parametrize("case", ["case33", "oberrhein"])
def test_nobody_loses_supply_and_never_more_than_one_loop(case, request):
    plan, _ = request.getfixturevalue(case)
    steps = switching_steps(plan).rename(columns={"index": "place"})
    graph = graph_of(plan, "closed_before")
    # All supplies hang on one source, as the grid above them does.
    graph.add_edges_from(("source", r, "root") for r in plan.coordinates.index[plan.coordinates["kind"] == "root"])
    edges = graph.number_of_edges()
    for row in steps.itertuples():
        key = (row.element, row.place)
        if row.close:
            graph.add_edge(row.from_bus, row.to_bus, key)
        else:
            graph.remove_edge(row.from_bus, row.to_bus, key)
        assert nx.is_connected(graph)
        assert graph.number_of_edges() - edges in (0, 1)
    assert set(graph_of(plan, "closed_after").edges(keys=True)) <= set(graph.edges(keys=True))
    assert not steps["cuts_supply"].any()
    assert steps["step"].tolist() == list(range(1, plan.operations + 1))


def test_closing_comes_first_and_supplies_joined_are_named(oberrhein):
    steps = switching_steps(oberrhein[0])
    assert steps["close"].tolist() == [True, False] * (len(steps) // 2)
    assert steps["joins_roots"].any()
    assert not steps.loc[~steps["close"], "joins_roots"].any()


def test_opening_that_parts_the_net_is_told(case33):
    from dataclasses import replace

    plan, _ = case33
    switches, topology = plan.switches.copy(), plan.topology.copy()
    for table in (switches, topology):
        table["closed_after"] = table["closed_before"]
        table.loc[table["index"] == 20, "closed_after"] = False
    switches["operated"] = switches["index"] == 20
    steps = switching_steps(replace(plan, switches=switches, topology=topology))
    assert steps["cuts_supply"].tolist() == [True]


def test_plan_without_map_still_has_an_order(case33):
    steps = switching_steps(bare(case33[0]))
    assert len(steps) == 8
    assert steps["close"].iloc[0]
    assert not steps["cuts_supply"].any()


def test_nothing_to_do_gives_no_steps(case33):
    from dataclasses import replace

    plan, _ = case33
    switches = plan.switches.assign(closed_after=plan.switches["closed_before"], operated=False)
    assert switching_steps(replace(plan, switches=switches)).empty
