"""A figure is one function and one line in a table, a section one line."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plotly import graph_objects as go

import adnflex
from adnflex.errors import InputError
from adnflex.reporting import figure
from adnflex.reporting.canvas import DayFigure
from adnflex.reporting.canvas.day import line
from adnflex.reporting.clock import Clock
from adnflex.reporting.dispatch import KIND
from adnflex.reporting.views import Recipe

from .dispatch.example import example
from .reader import opened


def losses(view) -> go.Figure:
    day = DayFigure(view.clock, [("losses [MW]", "MW")], 240)
    day.stairs(0, view.expected(view.plan.balance)["losses_mw"], "losses", line("#1f2933"))
    return day.done()


def test_a_figure_is_one_function_and_one_line_and_a_section_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setitem(KIND.figures, "hourly-losses", losses)
    before = len(KIND.sections)
    KIND.sections.append(Recipe("losses", "Losses by hour", "What the lines heat up.", ("hourly-losses",)))
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


def test_any_mix_of_results_is_one_report(case33, tmp_path):
    """A plan, a dispatch and a box side by side: each its own sections, the banner that of the worst."""
    from .flexibility.example import example as boxes

    day, (flex, best, check) = example(), boxes()
    best = replace(best, outer=replace(best.outer, worth=2 * best.outer.worth))
    failing = example(vm_limits=(0.98, 1.02))
    results, checks = [case33[0], day[0], flex, best], [case33[1], day[1], None, check]
    reader, source = opened(adnflex.report(results, checks, tmp_path / "mix.html"))
    assert len(reader.ids) == len(set(reader.ids))
    assert {a[1:] for a in reader.addresses} <= set(reader.ids)
    assert source.count("data-show=") == 3
    for words in ("What to switch", "Dispatch by hour", "The box over time", "Passed: this plan may be switched"):
        assert words in reader.text, words
    assert '<div class="verdict caution"' in source
    _, source = opened(adnflex.report([*results, failing[0]], [*checks, failing[1]], tmp_path / "mix.html"))
    assert '<div class="verdict fail"' in source


def test_what_solvers_leave_of_zero_is_no_bar_and_all_else_is_as_it_is():
    day = DayFigure(Clock((0, 1, 2), 19.0, 0.5), [("power [MW]", "MW")])
    day.bars(0, [1.6e-11, 0.1234567891, float("nan")], "storage", "#1f2933")
    fig = day.done()
    assert fig.data[0].y[:2].tolist() == [0.0, 0.1234567891]
    assert list(fig.layout.xaxis.ticktext) == ["19", "19:15", "19:30", "19:45", "20", "20:15", "20:30"]
