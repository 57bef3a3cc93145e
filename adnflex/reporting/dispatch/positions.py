"""Positions of tap changers and steps of capacitor banks through the day, with their limits and their moves."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.errors import InputError
from adnflex.reporting import style
from adnflex.reporting.dispatch.clock import Clock
from adnflex.reporting.dispatch.inputs import device_label, devices_of, require
from adnflex.reporting.text import fixed
from adnflex.results import DispatchCheck, DispatchPlan

__all__ = ["capacitor_figure", "tap_figure"]

_ROW, _FRAME = 150, 70
#: More devices than this are drawn by the number of their moves, the busiest first.
MOST = 12


@dataclass(frozen=True)
class _Device:
    """One device with positions."""

    label: str
    positions: pd.Series
    facts: pd.Series


def tap_figure(plan: DispatchPlan, check: DispatchCheck | None = None) -> go.Figure:
    """Tap position of each transformer and grid connection by period, with its limits and its moves.

    Parameters
    ----------
    plan : DispatchPlan
        The plan.
    check : DispatchCheck or None
        Not needed; taken so that all figures are called alike.

    Returns
    -------
    plotly.graph_objects.Figure
        One panel a device, at most twelve.

    Raises
    ------
    InputError
        If an argument is none of these, or the plan moves no tap.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> tap_figure(*example()).layout.annotations[0].text
    'tap changer of transformer 0 “T1”: 4 of at most 6 moves'
    """
    require(plan, check)
    devices = [
        _device(plan, str(table), int(index), plan.taps[(table, index)], "tap changer of ")
        for table, index in plan.taps.columns
    ]
    return _figure(plan, devices, "position", "taps")


def capacitor_figure(plan: DispatchPlan, check: DispatchCheck | None = None) -> go.Figure:
    """Draw the steps of each capacitor bank or reactor in service by period, with its limits and its moves.

    Parameters
    ----------
    plan : DispatchPlan
        The plan.
    check : DispatchCheck or None
        Not needed; taken so that all figures are called alike.

    Returns
    -------
    plotly.graph_objects.Figure
        One panel a device, at most twelve.

    Raises
    ------
    InputError
        If an argument is none of these, or the plan has no bank.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> capacitor_figure(*example()).layout.annotations[0].text
    'capacitor bank 0 “bank”: 2 of at most 4 moves'
    """
    require(plan, check)
    devices = [_device(plan, "shunt", int(i), plan.capacitor_steps[i]) for i in plan.capacitor_steps.columns]
    return _figure(plan, devices, "steps", "capacitor_steps")


def _device(plan: DispatchPlan, table: str, index: int, positions: pd.Series, what: str = "") -> _Device:
    """Gather what is known of a device; limits and moves that the plan does not tell are NaN."""
    rows = devices_of(plan, table)
    facts = rows.loc[index] if index in rows.index else pd.Series(dtype=object)
    numbers = {k: float(facts.get(k, math.nan)) for k in ("moves", "max_moves", "initial", "low", "high")}
    return _Device(what + device_label(plan, table, index), positions.astype(float), pd.Series(numbers))


def _figure(plan: DispatchPlan, devices: Sequence[_Device], unit: str, table: str) -> go.Figure:
    """One panel a device."""
    if not devices:
        raise InputError(f"plan: {table} is empty, so there is nothing to draw; the plan has no such device.")
    shown = sorted(devices, key=lambda d: -_known(d.facts["moves"]))[:MOST] if len(devices) > MOST else devices
    clock = Clock.of(plan)
    height = _FRAME + _ROW * len(shown)
    fig = make_subplots(
        rows=len(shown), cols=1, shared_xaxes=True, vertical_spacing=min(0.5, 46 / height),
        subplot_titles=[escape(_title(d)) for d in shown],
    )  # fmt: skip
    fig.update_layout(template=style.figure().layout.template, height=height, showlegend=False, margin={"t": 34})
    fig.update_annotations(x=0, xanchor="left", font={"size": 13, "color": style.INK})
    for row, device in enumerate(shown, start=1):
        for trace in _traces(clock, device, unit):
            fig.add_trace(trace, row=row, col=1)
        fig.update_yaxes(title_text=unit, row=row, col=1, **_ticks(device))
    axis = clock.axis()
    title = axis.pop("title_text")
    # The dot of the position before the horizon needs a little room.
    axis["range"] = [axis["range"][0] - 0.012 * (axis["range"][1] - axis["range"][0]), axis["range"][1]]
    fig.update_xaxes(**axis)
    fig.update_xaxes(title_text=title, row=len(shown), col=1)
    return fig


def _traces(clock: Clock, device: _Device, unit: str) -> list[go.Scatter]:
    """Draw the limits, the position before the horizon, and the stairs."""
    x, y = clock.stairs(device.positions)
    before = device.facts["initial"]
    traces = [
        go.Scatter(
            x=[x[0], x[-1]], y=[limit] * 2, mode="lines", line={"color": style.LIMIT, "dash": "dash", "width": 1.5},
            hovertemplate=f"limit {limit:g}<extra></extra>",
        )
        for limit in (device.facts["low"], device.facts["high"])
        if math.isfinite(limit)
    ]  # fmt: skip
    traces.append(
        go.Scatter(
            x=x, y=y, mode="lines", line={"color": style.AFTER, "shape": "hv", "width": 2.5},
            customdata=[*clock.texts, clock.texts[-1]],
            hovertemplate=f"%{{customdata}}<br>{unit} %{{y:g}}<extra></extra>",
        )
    )  # fmt: skip
    if math.isfinite(before):
        traces.append(
            go.Scatter(
                x=[x[0]], y=[before], mode="markers", cliponaxis=False,
                marker={"size": 9, "color": "white", "line": {"color": style.AFTER, "width": 2}},
                hovertemplate=f"before the horizon: {unit} %{{y:g}}<extra></extra>",
            )
        )  # fmt: skip
    return traces


def _ticks(device: _Device) -> dict[str, object]:
    """Ticks at whole positions only, and both limits in view."""
    facts = device.facts[["low", "high", "initial"]]
    values = pd.concat([device.positions, facts]).dropna()
    low, high = float(values.min()), float(values.max())
    every = max(1, math.ceil((high - low) / 5))
    return {"range": [low - 0.3 * every, high + 0.3 * every], "dtick": every, "tick0": low, "zeroline": False}


def _title(device: _Device) -> str:
    moves, most = device.facts["moves"], device.facts["max_moves"]
    if not math.isfinite(moves):
        moves = float((device.positions.diff().fillna(0) != 0).sum())
    word = "move" if moves == 1 else "moves"
    allowed = f" of at most {fixed(most, 0)} moves" if math.isfinite(most) else f" {word}, no limit"
    return f"{device.label}: {fixed(moves, 0)}{allowed}"


def _known(value: float) -> float:
    return value if math.isfinite(value) else 0.0
