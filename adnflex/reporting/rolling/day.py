"""A day hour by hour: where power comes from and goes, storages, vehicles, what the nodes exchange, reactive power."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.reporting import page, recipes, style
from adnflex.reporting.canvas import DayFigure, HeatFigure
from adnflex.reporting.canvas.day import line
from adnflex.reporting.canvas.heat import Shade
from adnflex.reporting.dispatch.view import quantity
from adnflex.reporting.page import Html
from adnflex.reporting.recipes import Layer
from adnflex.reporting.rolling.view import RollingView
from adnflex.reporting.text import fixed, number
from adnflex.reporting.views import NothingToDraw
from adnflex.results.rolling import RollingRun

#: Power below this is rounding [MW].
_NOTHING = 1e-6
#: Given blue, received orange, nothing nearly white.
_EXCHANGE = [[0.0, "#2b6cb0"], [0.35, "#8db7dc"], [0.5, "#f7f7f5"], [0.65, "#f3b36b"], [1.0, "#d1700b"]]


def balance(view: RollingView) -> go.Figure:
    """Power of all nodes together by hour [MW]: supply above zero, use below; and the price of purchase.

    What nodes give to each other is not in it: it is supply of one and use of another.
    """
    run = view.day
    sun, wind, other = _generation(run)
    stored = quantity(run.actions, "storage_mw")
    layers = [
        Layer("sun", sun, "#F0B400"),
        Layer("wind", wind, "#56B4E9"),
        Layer("sun and wind", other, "#009E73"),
        Layer("discharge", -stored.clip(upper=0).sum(axis=1), "#CC79A7"),
        Layer("purchase", quantity(run.exchange, "buy_mw").sum(axis=1), "#0072B2"),
        Layer("vehicles", -quantity(run.actions, "ev_mw").sum(axis=1), "#8c5a00"),
        Layer("charge", -stored.clip(lower=0).sum(axis=1), "#CC79A7", "\\"),
        Layer("spilled", -quantity(run.exchange, "spill_mw").sum(axis=1), "#009E73", "/"),
    ]
    return recipes.balance(view.clock, layers, prices_of(run), run.currency)


def _generation(run: RollingRun) -> tuple[pd.Series, pd.Series, pd.Series]:
    """Sun, wind, and what is not known to be either [MW]."""
    nothing = pd.Series(0.0, index=run.actions.index)
    kinds = run.inputs.get("generators", {})
    if len(run.generation.columns) and len(kinds.get("sun", ())) == len(run.generation.columns):
        sun = np.asarray(kinds["sun"], dtype=bool)
        return run.generation.loc[:, sun].sum(axis=1), run.generation.loc[:, ~sun].sum(axis=1), nothing
    return nothing, nothing, quantity(run.actions, "generation_mw").sum(axis=1)


def prices_of(run: RollingRun) -> pd.Series | None:
    """Price of purchase by hour [currency/MWh]; None where the run does not carry it."""
    values = run.inputs.get("buy_per_mwh")
    if values is None:
        return None
    found = pd.Series(np.asarray(values, dtype=float)).reindex(run.actions.index)
    return found if found.notna().all() else None


# Storages and vehicles ----------------------------------------------------------------------------------------


def storage(view: RollingView) -> go.Figure:
    """Energy [MWh] and power [MW] of each storage; charging is positive, as in the run's tables."""
    run = view.day
    energy, power = quantity(run.storage, "e_mwh"), quantity(run.storage, "p_mw")
    names = [view.labels.of("storage", s) for s in energy.columns]
    return recipes.storage(view.clock, energy, power, _storage_facts(run, energy.columns), names)


def _storage_facts(run: RollingRun, storages: pd.Index) -> pd.DataFrame:
    """Energy at the beginning, lowest and highest energy of each storage [MWh]; NaN where the run does not tell."""
    given = pd.DataFrame(run.inputs.get("storages", {"index": []})).set_index("index").reindex(storages)
    words = {"start_mwh": "initial", "min_e_mwh": "low", "max_e_mwh": "high"}
    return given.reindex(columns=list(words)).rename(columns=words).astype(float)


def vehicles(view: RollingView) -> go.Figure:
    """Power of all vehicles between what they need at once and what they can take [MW], and how many are there."""
    run = view.day
    if run.ev.empty or not len(quantity(run.ev, "p_mw").columns):
        raise NothingToDraw("run: ev is empty, so there is nothing to draw; the case has no vehicles.")
    must, most, power, there = (
        quantity(run.ev, name).sum(axis=1) for name in ("must_mw", "can_mw", "p_mw", "vehicles")
    )
    day = DayFigure(view.clock, [("power [MW]", "MW"), ("vehicles", "vehicles")], shares=[0.68, 0.32])
    day.stairs(0, must, "must have", line(style.LIMIT, 1.5, "dot"))
    fill = style.pale("#E69F00", 0.18)
    day.stairs(0, most, "can take", line(style.MUTED, 1.5, "dash"), fill="tonexty", fillcolor=fill)
    day.stairs(0, power, "charging", line(style.AFTER, 2.8))
    day.bars(1, there, "", style.BEFORE)
    for row in (0, 1):
        day.axis(row, rangemode="tozero", zeroline=False)
    return day.done()


def fleets(view: RollingView) -> list[Html]:
    """Fleets of the day's vehicles, on a click."""
    run = view.day
    if run.vehicles.empty:
        return []

    def kwh(column: str) -> Callable[[Any], str]:
        return lambda fleet: fixed(float(fleet[1][column].sum()), 0, "kWh")

    columns: dict[str, Callable[[Any], str]] = {
        "fleet": lambda fleet: f"load {fleet[0]}",
        ">vehicles": lambda fleet: str(len(fleet[1])),
        ">needed": kwh("need_kwh"),
        ">given": kwh("given_kwh"),
        ">taken at most": kwh("max_kwh"),
        ">unmet": lambda fleet: number(float(fleet[1]["unmet_kwh"].sum().round(6)), "kWh", 3),
    }
    listed = page.listing(list(run.vehicles.groupby("load")), columns)
    return [page.details(f"Fleets of the {len(run.vehicles)} vehicles", *listed)]


# Exchange and reactive power ----------------------------------------------------------------------------------


def exchange(view: RollingView) -> go.Figure:
    """Draw what each node receives from the others (orange) and gives to them (blue) by hour [kW].

    Dots are purchase, rings are power that was spilled; their area is its size.
    """
    parts = {name: 1e3 * quantity(view.day.exchange, f"{name}_mw") for name in ("import", "export", "buy", "spill")}
    buses = list(parts["import"].columns)
    if not buses:
        raise NothingToDraw("run: exchange is empty, so there is nothing to draw.")
    got, given, bought, spilled = (np.asarray(part.to_numpy(dtype=float).T) for part in parts.values())
    shade = got - given
    reach = float(np.nanmax(np.abs(shade), initial=0.0)) or 1.0
    bar = style.colour_bar("given (−) and received (+) [kW]") | {"len": 0.55}
    labels = [view.labels.of("bus", b) for b in buses]
    heat = HeatFigure(view.clock, labels, height=150 + 34 * len(buses))
    nothing = np.zeros(shade.shape, dtype=bool)
    told = "received {:.1f} kW<br>given {:.1f} kW<br>purchased {:.1f} kW<br>spilled {:.1f} kW"
    heat.cells(
        np.stack([got, given, bought, spilled], axis=-1), Shade(shade, (-reach, reach), _EXCHANGE, nothing, bar), told
    )
    largest = max(float(bought.max()), float(spilled.max()), 1e-9)
    for power, word, symbol in ((bought, "purchase", "circle"), (spilled, "spilled", "circle-open")):
        which = np.argwhere(power > 1e3 * _NOTHING)
        if len(which):
            size = 4.0 + 14.0 * np.sqrt(power[which[:, 0], which[:, 1]] / largest)
            heat.dots(
                which, word, {"symbol": symbol, "size": size, "color": style.INK, "opacity": 1, "line": {"width": 2}}
            )
    return heat.done()


def reactive(view: RollingView) -> go.Figure:
    """Reactive power that the second stage has each source feed in by hour [Mvar]; drawing is negative."""
    table = view.day.reactive
    if table.empty or not len(table.columns):
        raise NothingToDraw("run: reactive is empty, so there is nothing to draw; the run has no second stage.")
    names = [view.labels.of("sgen", s).replace("generator", "source", 1) for s in table.columns]
    return recipes.reactive(view.clock, table.astype(float).fillna(0.0).set_axis(names, axis=1))
