"""Trajectories that were followed: what was asked for, what AC power flow gives, and what every device does."""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.errors import InputError
from adnflex.reporting import style
from adnflex.reporting.clock import Clock
from adnflex.reporting.flexibility.bands import add_band
from adnflex.reporting.flexibility.inputs import clock_of, place, require
from adnflex.reporting.text import fixed
from adnflex.results.flexibility import Flexibility, FlexibilityCheck

__all__ = ["MOST_EXAMPLES", "device_powers", "example_names", "following_figure", "moving", "setpoint_rows"]

#: Examples that can be chosen.
MOST_EXAMPLES = 6
#: More devices than this are drawn by their kind.
_MOST_DEVICES = 8
#: Set-points that differ by less than this do not move [MW].
_STILL = 1e-7
_KINDS = {"sgen": "generators", "gen": "generators", "storage": "storages", "load": "loads"}
#: Tables whose power counts as feeding in.
_FEEDING = {"sgen", "gen"}


def example_names(check: FlexibilityCheck) -> dict[str, object]:
    """Words by which the examples are chosen, and the key of each in the check's tables.

    Examples
    --------
    >>> from adnflex.reporting.flexibility._example import example
    >>> list(example_names(example()[2]))[:2]
    ['example 1', 'example 2']
    """
    if check.examples.columns.nlevels < 2:
        return {}
    keys = list(dict.fromkeys(check.examples.columns.get_level_values(0)))[:MOST_EXAMPLES]
    return {(k if isinstance(k, str) else f"example {n}"): k for n, k in enumerate(keys, start=1)}


def moving(flex: Flexibility, setpoints: pd.DataFrame) -> pd.DataFrame:
    """Set-points that differ between both ends of the box: what only follows its profile is no flexibility.

    Examples
    --------
    >>> from adnflex.reporting.flexibility._example import example
    >>> flex = example()[1]
    >>> fixed = flex.setpoints_lower.assign(more=1.0).set_axis([*flex.setpoints_lower, ("load", "p_mw", 9)], axis=1)
    >>> ("load", "p_mw", 9) in moving(flex, fixed)
    False
    """
    low, high = flex.setpoints_lower, flex.setpoints_upper
    apart = {
        c for c in low.columns if c in high and (low[c].astype(float) - high[c].astype(float)).abs().max() > _STILL
    }
    # Of a device that moves all columns are shown.
    devices = {(table, index) for table, _, index in apart}
    return setpoints.loc[:, [(c[0], c[2]) in devices for c in setpoints.columns]]


def device_powers(flex: Flexibility, setpoints: pd.DataFrame) -> pd.DataFrame:
    """Active power that each device that moves draws [MW], generation negative; very many devices by their kind.

    Examples
    --------
    >>> from adnflex.reporting.flexibility._example import example
    >>> flex = example()[1]
    >>> list(device_powers(flex, flex.setpoints_upper))[:3]
    ['generator 0', 'generator 1', 'storage 0']
    """
    found: dict[tuple[str, object], pd.Series] = {}
    setpoints = moving(flex, setpoints)
    for column in setpoints.columns:
        table, name, index = column
        if name != "p_mw":
            continue
        sign = -1.0 if table in _FEEDING else 1.0
        scaling = 1.0
        if table == "storage" and index in flex.storages.index and "scaling" in flex.storages:
            scaling = float(flex.storages.at[index, "scaling"])
        found[str(table), index] = sign * scaling * setpoints[column].astype(float)
    if len(found) > _MOST_DEVICES:
        kinds: dict[str, pd.Series] = {}
        for (table, _), power in found.items():
            kind = _KINDS.get(table, table)
            kinds[kind] = kinds[kind] + power if kind in kinds else power
        return pd.DataFrame(kinds)
    return pd.DataFrame({place(flex, *key): power for key, power in found.items()})


def following_figure(flex: Flexibility, check: FlexibilityCheck | None) -> go.Figure:
    """Import asked for and import in AC [MW], power of every device [MW], and energy of every storage [MWh].

    Parameters
    ----------
    flex : Flexibility
        The box.
    check : FlexibilityCheck
        Its check, which has the examples.

    Returns
    -------
    plotly.graph_objects.Figure
        Three panels (two without storages); the traces of each example carry its name in their meta, and the first
        is shown.

    Raises
    ------
    InputError
        If an argument is none of these, or there is no example.

    Examples
    --------
    >>> from adnflex.reporting.flexibility._example import example
    >>> flex, best, check = example()
    >>> following_figure(best, check).layout.height > 500
    True
    """
    require(flex, check)
    names = {} if check is None else example_names(check)
    if check is None or not names:
        raise InputError("check: examples is empty, so there is nothing to draw; validate the box first.")
    clock = clock_of(flex)
    stored = len(flex.storages) > 0
    heights = [0.4, 0.34, 0.26] if stored else [0.55, 0.45]
    fig = make_subplots(rows=len(heights), cols=1, shared_xaxes=True, vertical_spacing=0.06, row_heights=heights)
    fig.update_layout(
        template=style.figure().layout.template, height=760 if stored else 560, barmode="relative", bargap=0,
        hovermode="closest", legend={"y": 1.01, "font": {"size": 12}},
    )  # fmt: skip
    add_band(fig, clock, flex.box.astype(float), "box", style.AFTER, 0.16)
    for name, key in names.items():
        first = len(fig.data)
        setpoints = _setpoints(flex, check, key)
        fig.add_traces(_imports(clock, check.examples[key], flex), rows=[1, 1], cols=[1, 1])
        if setpoints is not None:
            bars = _bars(clock, device_powers(flex, setpoints))
            fig.add_traces(bars, rows=[2] * len(bars), cols=[1] * len(bars))
            lines = _stored(clock, flex, setpoints) if stored else []
            if lines:
                fig.add_traces(lines, rows=[3] * len(lines), cols=[1] * len(lines))
        for trace in fig.data[first:]:
            trace.update(meta={"colour": name}, visible=name == next(iter(names)))
    axis = clock.axis()
    title = axis.pop("title_text")
    fig.update_xaxes(**axis)
    fig.update_xaxes(title_text=title, row=len(heights), col=1)
    fig.update_yaxes(title_text="import [MW]", row=1, col=1)
    fig.update_yaxes(title_text="drawn (+)<br>fed in (−) [MW]", zeroline=True, zerolinecolor=style.INK, row=2, col=1)
    if stored:
        fig.update_yaxes(title_text="stored [MWh]", rangemode="tozero", row=3, col=1)
    return fig


def _setpoints(flex: Flexibility, check: FlexibilityCheck, key: object) -> pd.DataFrame | None:
    """Dispatch of one example; None where the check does not keep it."""
    table = check.example_setpoints
    if table.empty or key not in table.index.get_level_values(0):
        return None
    return table.xs(key, level=0).reindex(flex.box.index)


def _imports(clock: Clock, table: pd.DataFrame, flex: Flexibility) -> list[go.Scatter]:
    """Draw what was asked for as a line, what AC power flow gives as dots on it."""
    wanted, got = (table[c].reindex(flex.box.index).to_numpy(dtype=float) for c in ("wanted_mw", "import_mw"))
    x, y = clock.stairs(wanted)
    told = [
        f"<b>{t}</b><br>asked for {fixed(a, 4, 'MW')}<br>AC {fixed(b, 4, 'MW')}, off by {fixed(1e3 * (b - a), 2, 'kW')}"
        for t, a, b in zip(clock.texts, wanted, got, strict=True)
    ]
    return [
        go.Scatter(x=x, y=y, mode="lines", line={"color": style.INK, "width": 2, "shape": "hv"}, name="asked for",
                   legendgroup="asked for", hoverinfo="skip", showlegend=True),
        go.Scatter(x=clock.middles, y=got, mode="markers", name="in AC", legendgroup="in AC", showlegend=True,
                   marker={"color": style.LIMIT, "size": 7 if len(got) <= 48 else 4}, hovertext=told,
                   hoverinfo="text"),
    ]  # fmt: skip


def _bars(clock: Clock, powers: pd.DataFrame) -> list[go.Bar]:
    """Stacked power of the devices."""
    return [
        go.Bar(
            x=clock.middles, y=powers[name].to_numpy(dtype=float), name=escape(str(name)), showlegend=True,
            width=clock.step * (0.86 if len(powers) <= 48 else 1.0), customdata=clock.texts,
            legendgroup=escape(str(name)),
            marker={"color": style.PALETTE[k % len(style.PALETTE)], "line": {"width": 0}},
            hovertemplate=f"<b>{escape(str(name))}</b><br>%{{customdata}}: %{{y:.4g}} MW<extra></extra>",
        )
        for k, name in enumerate(powers.columns)
    ]  # fmt: skip


def _stored(clock: Clock, flex: Flexibility, setpoints: pd.DataFrame) -> list[go.Scatter]:
    """Energy of each storage, in the colour of its bars; of very many, their sum."""
    energy = flex.stored_energy(setpoints)
    names = list(device_powers(flex, setpoints))
    starts = flex.storages["start_mwh"].astype(float)
    lines = {place(flex, "storage", s): (starts[s], energy[s]) for s in energy.columns}
    if len(lines) and not set(lines) <= set(names):
        lines = {_KINDS["storage"]: (starts.sum(), energy.sum(axis=1))}
    told = ["before the horizon", *(f"after {t}" for t in clock.texts)]
    return [
        go.Scatter(
            x=clock.edges, y=np.append(start, values.to_numpy(dtype=float)), mode="lines", name=escape(name),
            legendgroup=escape(name), showlegend=False, customdata=told,
            line={"color": style.PALETTE[names.index(name) % len(style.PALETTE)], "width": 2.2},
            hovertemplate=f"<b>{escape(name)}</b><br>%{{customdata}}: %{{y:.4g}} MWh<extra></extra>",
        )
        for name, (start, values) in lines.items()
    ]  # fmt: skip


def setpoint_rows(flex: Flexibility, setpoints: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    """Head and rows of a table of set-points by period."""
    units = {"p_mw": "MW", "q_mvar": "Mvar"}
    clock = clock_of(flex)
    head = [
        f"{place(flex, table, index)}, {column.split('_')[0]} [{units.get(column, column)}]"
        for table, column, index in setpoints.columns
    ]
    rows = [[clock.text(t), *(fixed(v, 3) for v in row)] for t, row in zip(setpoints.index, setpoints.to_numpy(float),
                                                                           strict=True)]  # fmt: skip
    return ["when", *head], rows
