"""Voltages before and after the second stage, and what it changes in numbers."""

from __future__ import annotations

import pandas as pd
from plotly import graph_objects as go

from adnflex.reporting import page, recipes, style
from adnflex.reporting.canvas import DayFigure
from adnflex.reporting.page import Html
from adnflex.reporting.rolling.view import RollingView
from adnflex.reporting.text import fixed
from adnflex.reporting.views import NothingToDraw
from adnflex.results.rolling import RollingCheck


def voltage_band(view: RollingView) -> go.Figure:
    """Lowest and highest voltage of any bus by hour [pu], with the second stage and without, and the limits.

    Without a check the voltages are those of the expected hours, with the second stage only.
    """
    after, before = view.states()
    if after.empty and before.empty:
        raise NothingToDraw(
            "run: has no voltages, so there is nothing to draw; give it a second stage, or its AC check."
        )
    day = DayFigure(view.clock, [("voltage [pu]", "pu")], 380)
    states = (("without stage two", before, style.MUTED, "dash"), ("with stage two", after, style.AFTER, "solid"))
    for name, table, colour, dashes in states:
        if not table.empty:
            rows = table.reindex(view.day.actions.index).astype(float)
            day.band(0, rows.min(axis=1), rows.max(axis=1), name, colour, 0.12, width=2.4, dash=dashes)
            for values, word in ((rows.min(axis=1), "lowest"), (rows.max(axis=1), "highest")):
                day.tell(0, values, _told(view, rows, f"{name}, {word}", word))
    low, high = view.vm_limits((before if after.empty else after).columns)
    day.limits(0, [low.max()], "limit", "limit")
    day.limits(0, [high.min()], "limit", "limit")
    day.axis(0, tickformat=".3~f")
    return day.done()


def _told(view: RollingView, rows: pd.DataFrame, what: str, word: str) -> list[str]:
    """Text of the extreme voltage of each hour and its bus."""
    found = []
    for when, (_, row) in zip(view.clock.texts, rows.iterrows(), strict=True):
        known = row.dropna()
        bus = None if known.empty else known.idxmin() if word == "lowest" else known.idxmax()
        at = (
            "not known" if bus is None else f"{fixed(known[bus], 4, 'pu')} at {page.escape(view.labels.of('bus', bus))}"
        )
        found.append(f"<b>{when}</b><br>{what}: {at}")
    return found


def voltage(view: RollingView) -> go.Figure:
    """Voltage of every bus (rows) in every hour (columns) [pu], with the second stage."""
    return _heat(view, view.states()[0], "with")


def voltage_without(view: RollingView) -> go.Figure:
    """Voltage of every bus (rows) in every hour (columns) [pu], without the second stage."""
    return _heat(view, view.states()[1], "without")


def _heat(view: RollingView, table: pd.DataFrame, which: str) -> go.Figure:
    if table.empty:
        raise NothingToDraw(f"check: has no voltages {which} stage two, so there is nothing to draw; validate the run.")
    rows = table.reindex(view.day.actions.index)
    return recipes.voltages(view, rows, view.facts.topology, view.facts.coordinates, 150 + 13 * len(table.columns))


def voltage_words(view: RollingView) -> str:
    """Say whose voltages these are."""
    source = "By AC power flow in the hours as they came: load, sun and wind drawn afresh, seen by no stage."
    source = source if view.check is not None else "Of the expected hours, not validated."
    order = "along the feeders, the supply on top" if len(view.facts.topology) else "by index"
    return f"{source} Buses are {order}; a voltage outside its limits is dark, with a white cross."


def voltage_blocks(view: RollingView) -> list[Html]:
    """Voltages before and after stage two, and its reactive power."""
    blocks = [view.draw("voltage-band", "Lowest and highest voltage of any bus")]
    after = ("voltage", "With stage two")
    if view.check is None:
        blocks.append(view.draw(*after))
    else:
        before = view.draw("voltage-without", "Without stage two")
        blocks.append(page.side_by_side(before, view.draw(*after)) if view.second else before)
        blocks.append(_stage_table(view.check, view.second))
    if view.second:
        blocks.append(view.draw("reactive", "Reactive power of stage two"))
    if view.day.cone_gap.size:
        blocks.append(view.draw("gaps", "How far the cones of stage two are from exact"))
    return blocks


def gaps(view: RollingView) -> go.Figure:
    """Cone gap [-] of the loosest branches (rows) in every hour (columns), the largest of stage two's scenarios."""
    table = view.day.cone_gap
    if not table.size:
        raise NothingToDraw("run: cone_gap is empty, so there is nothing to draw; give it a second stage.")
    return recipes.cone_gaps(view.clock, view.labels, table.reindex(view.day.actions.index))


def _stage_table(check: RollingCheck, second: bool) -> Html:
    """Day in numbers, without and with stage two."""
    h = check.hours
    facts: list[tuple[str, str, int, float, float]] = [
        ("hours of buses outside their limits", "", 0, check.violating_bus_hours_without, check.violating_bus_hours),
        ("lowest voltage", "pu", 4, h["vm_min_without_pu"].min(), h["vm_min_pu"].min()),
        ("highest voltage", "pu", 4, h["vm_max_without_pu"].max(), h["vm_max_pu"].max()),
        ("mean distance from 1 pu", "pu", 4, h["deviation_without_pu"].mean(), h["deviation_pu"].mean()),
        ("losses of the day", "kWh", 0, 1e3 * h["loss_without_mw"].sum(), 1e3 * h["loss_mw"].sum()),
        ("energy from the grid", "MWh", 2, h["import_without_mw"].sum(), h["import_mw"].sum()),
    ]
    rows = []
    for name, unit, decimals, before, after in facts:
        sign = "+" if after - before > 0.5 * 10.0**-decimals else ""
        off = f"{sign}{fixed(after - before, decimals, unit)}"
        rows.append([name, fixed(before, decimals, unit), fixed(after, decimals, unit), off])
    columns = ["by AC power flow", "without stage two", "with stage two", "difference"]
    if not second:
        rows, columns = [r[:2] for r in rows], ["by AC power flow", "no stage two"]
    return page.table(columns, rows, columns[1:])
