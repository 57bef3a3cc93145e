"""Soft open points of a dispatch: what they carry from one bus to another."""

from __future__ import annotations

import plotly.graph_objects as go

from adnflex.reporting import style
from adnflex.reporting.canvas import DayFigure
from adnflex.reporting.dispatch.view import DispatchView, quantity
from adnflex.reporting.page import Section
from adnflex.reporting.views import NothingToDraw

__all__ = ["converters", "converters_section"]


def converters(view: DispatchView) -> go.Figure:
    """Active power that each soft open point draws at its first bus, and what it loses, by period [MW]."""
    table = view.expected(view.plan.converters)
    power, lost = quantity(table, "p_from_mw"), quantity(table, "loss_mw")
    if not len(power.columns):
        raise NothingToDraw("plan: converters is empty, so there is nothing to draw; there is no soft open point.")
    day = DayFigure(view.clock, [("drawn (+), given (−)<br>at the first bus [MW]", "MW"), ("lost [MW]", "MW")], 420)
    for k, i in enumerate(power.columns):
        name, colour = view.labels.of("dcline", i), style.PALETTE[k % len(style.PALETTE)]
        day.bars(0, power[i], name, colour)
        day.bars(1, lost[i], f"lost in {name}", colour)
    day.axis(0, zerolinecolor=style.INK)
    return day.done()


def converters_section(view: DispatchView) -> Section | None:
    """Power that soft open points carry."""
    if not len(view.plan.converters.columns):
        return None
    intro = (
        "What soft open points draw at their first bus and give at their second; the other way round where it is "
        f"negative. Their losses count as losses of the network.{view.averaged}"
    )
    return Section("converters", "Soft open points", intro, [view.draw("converters")], "Soft open points")
