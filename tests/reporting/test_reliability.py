"""Indices of reliability in the report of outages."""

from __future__ import annotations

import adnflex
from tests.verbs.test_switching_sequence import chain

from .reader import opened


def test_indices_stand_in_the_report_of_outages_before_and_planned(tmp_path):
    net = chain()
    net.load["name"] = ["Mill <1>", "b", "c", "d", "e"]
    net.load["customers"] = [10.0, 1.0, 1.0, 1.0, 1.0]
    plan = adnflex.plan_from(net, open_lines=[3], vm_limits=(0.9, 1.1))
    every = adnflex.contingencies(plan.apply(net), before=net, outages=["line"], vm_limits=(0.9, 1.1))
    reader, source = opened(adnflex.report(every, None, tmp_path / "r.html"))
    for words in (
        "How often and how long customers are without supply",
        "SAIDI",
        "5 of net.line say nothing of failures_per_km_year, repair_hours, switching_hours",
        "Load points, the longest without supply first",
        "load 0 “Mill <1>”",
    ):
        assert words in reader.text, words
    assert "Mill <1>" not in source
    assert "reliability-figure" in reader.ids
    # the order says who has to wait longest
    hours = every.indices.load_points["hours_per_year"]
    assert reader.text.index(f"load {hours.idxmax()} ") < reader.text.index(f"load {hours.idxmin()} ")
    assert every.indices.outages["saidi_hours"].sum() > 0
