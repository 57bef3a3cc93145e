"""Scenarios side by side, and studies side by side: what they draw, and between which voltages they run."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from plotly import graph_objects as go

from adnflex.errors import InputError
from adnflex.grid.drawn_forest import Floats
from adnflex.reporting import page, style
from adnflex.reporting.canvas import DayFigure
from adnflex.reporting.canvas.day import line, nth
from adnflex.reporting.dispatch.view import DispatchView
from adnflex.reporting.page import Html, Section
from adnflex.reporting.text import money, percent
from adnflex.reporting.views import NothingToDraw, joint

__all__ = ["comparison", "comparison_section", "day_envelope", "fan", "scenario_section"]

_VOLTAGE = ("voltage [pu]", "pu")


def fan(view: DispatchView) -> go.Figure:
    """Voltage envelope [pu], import [MW] and generation used [MW] of every scenario, and the expected ones.

    The more probable a scenario, the stronger its line.
    """
    if not view.several:
        raise NothingToDraw("plan: has a single scenario, so there is no fan to draw.")
    plan, share = view.plan, view.weights
    heads = ["lowest and highest voltage of any bus", "import", "generation used"]
    day = DayFigure(view.clock, [_VOLTAGE, ("import [MW]", "MW"), ("used [MW]", "MW")], 720, heads, [0.4, 0.3, 0.3])
    for number, probability in share.items():
        look = line(style.pale(style.AFTER, 0.2 + 0.5 * probability / float(share.max())), 1.3)
        told = f"scenario {number} ({percent(100 * probability)})"
        table = plan.of(plan.balance, number)
        for row, values in enumerate(((*_envelope(view, number),), (table["grid_mw"],), (table["used_mw"],))):
            for one in values:
                day.stairs(row, one, "each scenario", look, told)
    low, high = view.vm_limits(view.vm_pu.columns)
    day.limits(0, [low.max()], "lower limit", "limit")
    day.limits(0, [high.min()], "upper limit", "limit")
    mean = view.expected(plan.balance)
    for row, column in ((1, "grid_mw"), (2, "used_mw")):
        day.stairs(row, mean[column], "expected", line(style.INK))
    day.axis(0, tickformat=".3~f")
    day.axis(2, rangemode="tozero")
    return day.done()


def _envelope(view: DispatchView, scenario: int) -> tuple[Floats, Floats]:
    """Lowest and highest voltage of any bus in each period of a scenario [pu]."""
    table = view.plan.of(view.vm_pu, scenario).astype(float)
    return table.min(axis=1).to_numpy(dtype=float), table.max(axis=1).to_numpy(dtype=float)


def scenario_section(view: DispatchView) -> Section:
    """Scenario fans, and what the scenarios are worth; nothing where there is one."""
    plan = view.plan
    intro = (
        f"{len(plan.scenarios)} scenarios share taps, steps, slots and modes; each line is one of them, the stronger "
        "the more probable."
    )
    total = plan.scenario_costs.sum(axis=1).astype(float)
    rows = [
        [str(s), percent(100 * float(p)), money(float(total.get(s, float("nan"))), plan.currency)]
        for s, p in plan.scenarios["probability"].items()
    ]
    columns = ["scenario", "probability", "cost of the model"]
    costs = page.details(f"Cost of the {len(rows)} scenarios", page.table(columns, rows, columns[1:]))
    return Section("scenarios", "Scenarios", intro, [view.draw("fan"), *_values(view), costs], "Scenarios")


def _values(view: DispatchView) -> list[Html]:
    """Tell what planning with scenarios is worth, and what knowing the future would be."""
    plan = view.plan
    values = [
        ("planned with the mean, met by the scenarios", plan.expected_value_cost),
        ("planned with all scenarios", plan.objective),
        ("each scenario known in advance (wait and see)", plan.wait_and_see),
        ("value of the stochastic solution (VSS)", plan.value_of_stochastic_solution),
        ("expected value of perfect information (EVPI)", plan.value_of_perfect_information),
    ]
    known = [[label, money(v, plan.currency, plan.objective)] for label, v in values if v is not None]
    if len(known) < 2:
        return []
    return [page.heading("What the scenarios are worth"), page.table(["expected cost", "value"], known, ["value"])]


# Studies side by side -----------------------------------------------------------------------------------------


def day_envelope(view: DispatchView) -> tuple[Floats, Floats]:
    """Lowest and highest voltage of any bus and scenario in each period [pu]."""
    found = [_envelope(view, s) for s in view.plan.scenarios.index]
    return np.nanmin([low for low, _ in found], axis=0), np.nanmax([high for _, high in found], axis=0)


def comparison(views: Sequence[DispatchView]) -> go.Figure:
    """Power from the grid [MW] and the lowest and highest voltage [pu] of several studies by period."""
    if len(views) < 2:
        raise InputError("plans: there is one study; give at least two to compare.")
    first = views[0]
    heads = ["power from the grid", "lowest and highest voltage of any bus"]
    day = DayFigure(first.clock, [("import [MW]", "MW"), _VOLTAGE], 560, heads)
    for k, view in enumerate(views):
        # The first, against which the others are held, is grey.
        look = {**nth(max(k - 1, 0)), "width": 2.2, **({"color": style.MUTED} if k == 0 else {})}
        day.clock = view.clock
        day.stairs(0, view.expected(view.plan.balance)["grid_mw"], view.name, look)
        for values in day_envelope(view):
            day.stairs(1, values, view.name, look)
    day.clock = first.clock
    low, high = first.vm_limits(first.vm_pu.columns)
    for limit in (low.max(), high.min()):
        day.limits(1, [limit], "limit")
    day.axis(0, zerolinecolor=style.INK)
    day.axis(1, tickformat=".3~f")
    return day.done()


@joint
def comparison_section(views: Sequence[DispatchView]) -> Section | None:
    """Studies through the day; nothing where there is one."""
    if len(views) < 2:
        return None
    intro = "What each study takes from the grid, and the lowest and highest voltage of any bus; dashed red are limits."
    block = page.figure(comparison(views), f"comparison-figure{views[0].suffix}")
    return Section("comparison", "The studies by hour", intro, [block], "By hour")
