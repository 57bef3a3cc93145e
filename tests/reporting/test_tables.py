"""A figure and a section of a report are one function and one line in a table each."""

from __future__ import annotations

import pytest
from plotly import graph_objects as go

import adnflex
from adnflex.errors import InputError
from adnflex.reporting import figure
from adnflex.reporting.canvas import DayFigure
from adnflex.reporting.canvas.day import line
from adnflex.reporting.dispatch import KIND
from adnflex.reporting.page import Section

from .dispatch.example import example
from .reader import opened


def losses(view) -> go.Figure:
    day = DayFigure(view.clock, [("losses [MW]", "MW")], 240)
    day.stairs(0, view.expected(view.plan.balance)["losses_mw"], "losses", line("#1f2933"))
    return day.done()


def losses_section(view) -> Section:
    return Section("losses", "Losses by hour", "What the lines heat up.", [view.draw("hourly-losses")])


def test_a_figure_and_a_section_are_one_function_and_one_line_each(tmp_path, monkeypatch):
    monkeypatch.setitem(KIND.figures, "hourly-losses", losses)
    before = len(KIND.sections)
    KIND.sections.append(losses_section)
    try:
        plan, check = example()
        assert figure("hourly-losses", plan, check).data[0].y[3] == pytest.approx(plan.balance["losses_mw"].iloc[3])
        reader, _ = opened(adnflex.report(plan, check, tmp_path / "one.html"))
        assert "Losses by hour What the lines heat up." in reader.text
        assert "hourly-losses-figure" in reader.ids
        # several studies have it as well, and the reader chooses which is shown
        other = example(load_mw=2.5)
        reader, _ = opened(adnflex.report([plan, other[0]], [check, other[1]], tmp_path / "two.html"))
        assert {"hourly-losses-figure-1", "hourly-losses-figure-2"} <= set(reader.ids)
    finally:
        del KIND.sections[before:]


def test_a_figure_that_does_not_exist_is_refused_with_those_that_do():
    with pytest.raises(InputError, match=r"no 'balances' of this; give one of balance, capacitors"):
        figure("balances", example()[0])
