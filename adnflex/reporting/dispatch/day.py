"""Figures through the day: power, positions, energy, vehicles, scenarios and studies."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.arrays import FloatArray
from adnflex.errors import InputError
from adnflex.reporting import recipes, style
from adnflex.reporting.canvas import DayFigure
from adnflex.reporting.canvas.day import line, nth
from adnflex.reporting.dispatch.view import DispatchView, quantity
from adnflex.reporting.recipes import Layer
from adnflex.reporting.text import fixed, percent
from adnflex.reporting.views import NothingToDraw

#: More devices than this are drawn by the number of their moves, the busiest first.
_MOST_DEVICES = 12
#: More fleets than this are drawn as their sum.
_MOST_FLEETS = 4
#: Reactive power below this is none [Mvar]; a block of vehicles [MW].
_IDLE, _NOTHING = 1e-6, 1e-9
_VOLTAGE = ("voltage [pu]", "pu")


def balance(view: DispatchView) -> go.Figure:
    """Power of each source (above zero) and each use (below zero) by period [MW], and the price below.

    What could have been fed in and was not is hatched on top of the stack; it is no part of the balance.
    """
    table = view.expected(view.plan.balance)

    def column(name: str) -> pd.Series:
        return table[name].astype(float) if name in table else pd.Series(0.0, index=table.index)

    grid, used = column("grid_mw"), column("used_mw")
    layers = [
        Layer("import", grid.clip(lower=0), "#0072B2"),
        Layer("generation used", used, "#009E73"),
        Layer("must-take", column("must_take_mw"), "#F0E442"),
        Layer("discharge", column("discharge_mw"), "#CC79A7"),
        Layer("curtailed", (column("available_mw") - used).clip(lower=0), "#009E73", "/"),
        Layer("load", -column("load_mw"), "#9aa5b1"),
        Layer("vehicles", -column("ev_mw"), "#E69F00"),
        Layer("charge", -column("charge_mw"), "#CC79A7", "\\"),
        Layer("losses", -column("losses_mw"), style.INK),
        Layer("export", grid.clip(upper=0), "#56B4E9"),
    ]
    price = table["price"].astype(float) if "price" in table else None
    return recipes.balance(view.clock, layers, price, view.plan.currency)


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


# Positions ----------------------------------------------------------------------------------------------------


def taps(view: DispatchView) -> go.Figure:
    """Tap position of each transformer and grid connection by period, with its limits and its moves."""
    return _positions(view, "taps", view.plan.taps, "position", "tap changer of ")


def capacitors(view: DispatchView) -> go.Figure:
    """Draw the steps of each capacitor bank or reactor in service by period, with its limits and its moves."""
    table = view.plan.capacitor_steps
    columns = pd.MultiIndex.from_tuples([("shunt", i) for i in table.columns], names=["table", "index"])
    return _positions(view, "capacitor_steps", table.set_axis(columns, axis=1), "steps", "")


def _positions(view: DispatchView, name: str, table: pd.DataFrame, unit: str, what: str) -> go.Figure:
    """One panel a device, at most twelve."""
    if not len(table.columns):
        raise NothingToDraw(f"plan: {name} is empty, so there is nothing to draw; the plan has no such device.")
    found = [(what + view.labels.of(*key), table[key].astype(float), _facts(view, *key)) for key in table.columns]
    if len(found) > _MOST_DEVICES:
        found = sorted(found, key=lambda d: -d[2]["moves"] if math.isfinite(d[2]["moves"]) else 0.0)[:_MOST_DEVICES]
    heads = [_head(label, values, facts) for label, values, facts in found]
    day = DayFigure(view.clock, [(unit, unit)] * len(found), 70 + 150 * len(found), heads=heads, showlegend=False)
    for row, (_, values, facts) in enumerate(found):
        for limit in (facts["low"], facts["high"]):
            day.limits(row, [limit], "limit")
        day.stairs(row, values, "", line(style.AFTER))
        if math.isfinite(facts["initial"]):
            day.start(row, facts["initial"], "before the horizon", style.AFTER)
        day.axis(row, **_ticks(values, facts))
    # The dot of the position before the horizon needs a little room.
    return day.done(air=0.012)


def _facts(view: DispatchView, table: str, index: int) -> pd.Series:
    """Return moves and limits of a device; NaN where the plan does not tell them."""
    rows = view.devices(table)
    return rows.loc[index] if index in rows.index else pd.Series(math.nan, index=rows.columns)


def _ticks(values: pd.Series, facts: pd.Series) -> dict[str, Any]:
    """Ticks at whole positions only, and both limits in view."""
    known = pd.concat([values, facts[["low", "high", "initial"]]]).dropna()
    low, high = float(known.min()), float(known.max())
    every = max(1, math.ceil((high - low) / 5))
    return {"range": [low - 0.3 * every, high + 0.3 * every], "dtick": every, "tick0": low, "zeroline": False}


def _head(label: str, values: pd.Series, facts: pd.Series) -> str:
    moves, most = facts["moves"], facts["max_moves"]
    if not math.isfinite(moves):
        moves = float((values.diff().fillna(0) != 0).sum())
    word = "move" if moves == 1 else "moves"
    allowed = f" of at most {fixed(most, 0)} moves" if math.isfinite(most) else f" {word}, no limit"
    return f"{label}: {fixed(moves, 0)}{allowed}"


def sources(view: DispatchView) -> go.Figure:
    """Voltage that each source is told to hold by period, with its limits, where it is a decision [pu]."""
    table = view.expected(view.plan.source_vm_pu)
    if not len(table.columns):
        raise NothingToDraw("plan: source_vm_pu is empty, so there is nothing to draw; no source's voltage is chosen.")
    shown = list(table.columns)[:_MOST_DEVICES]
    heads = [view.labels.of(*key) for key in shown]
    panels = [("held [pu]", "pu")] * len(shown)
    day = DayFigure(view.clock, panels, 70 + 150 * len(shown), heads=heads, showlegend=False)
    for row, key in enumerate(shown):
        facts = _facts(view, *key)
        for limit in (facts["low"], facts["high"]):
            day.limits(row, [limit], "limit")
        day.stairs(row, table[key].astype(float), "", line(style.AFTER))
        day.start(row, facts["initial"], "before the horizon", style.AFTER)
    return day.done(air=0.012)


# Reactive power and storage -----------------------------------------------------------------------------------


def reactive_table(view: DispatchView) -> pd.DataFrame:
    """Tabulate what the grid, each busy device and each end of a soft open point feed in by period [Mvar]."""
    plan = view.plan
    banks = view.expected(plan.bank_mvar)
    found: dict[str, pd.Series] = {view.labels.of("shunt", i): banks[i] for i in banks.columns}
    # A storage counts what it draws.
    for table, rows, sign in (("sgen", plan.generation, 1.0), ("storage", plan.storage, -1.0)):
        power = sign * quantity(view.expected(rows), "q_mvar")
        found |= {view.labels.of(table, i): power[i] for i in power.columns}
    for end in ("from", "to"):
        power = -quantity(view.expected(plan.converters), f"q_{end}_mvar")
        found |= {f"{view.labels.of('dcline', i)}, {end} end": power[i] for i in power.columns}
    busy = {k: v for k, v in found.items() if v.abs().max() > _IDLE}
    return pd.DataFrame({"import": view.expected(plan.balance)["grid_mvar"], **busy}, index=plan.periods)


def reactive(view: DispatchView) -> go.Figure:
    """Reactive power fed in by each device by period [Mvar]."""
    return recipes.reactive(view.clock, reactive_table(view))


def storage(view: DispatchView) -> go.Figure:
    """Energy [MWh] and power [MW] of each storage; charging is positive, as in pandapower."""
    table = view.expected(view.plan.storage)
    energy, power = quantity(table, "e_mwh"), quantity(table, "charge_mw") - quantity(table, "discharge_mw")
    names = [view.labels.of("storage", i) for i in energy.columns]
    return recipes.storage(view.clock, energy, power, view.devices("storage").reindex(energy.columns), names)


# Vehicles -----------------------------------------------------------------------------------------------------


def vehicles(view: DispatchView) -> go.Figure:
    """Power of each fleet left alone and as dispatched [MW], with the block that moved and what was reduced."""
    table = view.expected(view.plan.ev)
    parts = {k: quantity(table, k) for k in ("before_mw", "after_mw", "block_before_mw", "block_mw", "reduced_mw")}
    fleets = list(parts["before_mw"].columns)
    if not fleets:
        raise NothingToDraw("plan: ev is empty, so there is nothing to draw; the plan has no electric vehicles.")
    names = [view.labels.of("load", fleet) for fleet in fleets]
    if len(fleets) > _MOST_FLEETS:
        names = [f"all {len(fleets)} fleets"]
        parts = {k: t.sum(axis=1).to_frame(fleets[0]) for k, t in parts.items()}
    heads = names if len(names) > 1 else ()
    height = 100 + 250 * len(names)
    day = DayFigure(view.clock, [("power [MW]", "MW")] * len(names), height, heads=heads, barmode="overlay")
    for row, fleet in enumerate(fleets[: len(names)]):
        _fleet(day, row, {k: t[fleet] if fleet in t else pd.Series(0.0, index=table.index) for k, t in parts.items()})
        day.axis(row, rangemode="tozero", zeroline=False)
    return day.done()


def _fleet(day: DayFigure, row: int, parts: dict[str, pd.Series]) -> None:
    """Blocks as bars that stand on the rest of the curve, and both curves over them."""
    before, after = parts["before_mw"], parts["after_mw"]
    for values, base, name, colour, pattern in (
        (parts["block_before_mw"], before - parts["block_before_mw"], "block before", style.MUTED, "/"),
        (parts["block_mw"], after - parts["block_mw"], "block now", "#E69F00", ""),
        (parts["reduced_mw"], after, "reduced", style.LIMIT, "x"),
    ):
        there = values.where(values.abs() > _NOTHING)
        day.bars(row, there, name, colour, pattern, base=base.clip(lower=0).to_numpy(dtype=float))
    day.stairs(row, before, "left alone", line(style.MUTED, 2.2, "dash"))
    day.stairs(row, after, "dispatched", line(style.AFTER, 2.2))


# Scenarios and studies side by side --------------------------------------------------------------------------


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


def _envelope(view: DispatchView, scenario: int) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest voltage of any bus in each period of a scenario [pu]."""
    table = view.plan.of(view.vm_pu, scenario).astype(float)
    return table.min(axis=1).to_numpy(dtype=float), table.max(axis=1).to_numpy(dtype=float)


def day_envelope(view: DispatchView) -> tuple[FloatArray, FloatArray]:
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
