"""Figures that several kinds of report share, each a recipe on a canvas."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.arrays import FloatArray
from adnflex.grid.drawn_forest import bus_forest, trunk_first
from adnflex.reporting import style
from adnflex.reporting.canvas import DayFigure, HeatFigure
from adnflex.reporting.canvas.day import line, nth
from adnflex.reporting.canvas.heat import Shade, between_limits
from adnflex.reporting.clock import Clock
from adnflex.reporting.labels import Labels
from adnflex.reporting.views import NothingToDraw

#: Power below this is rounding and gives no entry in the key [MW].
_NOTHING = 1e-6
#: More storages than this are drawn as their sum; more sources by their largest values.
_MOST_STORAGES, _MOST_SOURCES = 6, 7
#: The axis of values that converge shows at least this part of them.
_LEAST_VIEW = 2e-3

MOST_BRANCHES = 25
#: Relative gap up to which a cone counts as exact.
TIGHT = 1e-4
_GAP_FLOOR = 1e-8
_GAPS = ["#f4f4f2", "#dde3e8", "#f3b36b", "#d55e00", "#5f0f00"]


class Layer(NamedTuple):
    """One layer of a stack: supply is positive, use is negative."""

    name: str
    values: pd.Series
    colour: str
    pattern: str = ""


def balance(clock: Clock, layers: Sequence[Layer], price: pd.Series | None, currency: str) -> go.Figure:
    """Power of each source (above zero) and each use (below) by period [MW], and the price below where it is known."""
    known = price is not None and bool(price.notna().any())
    panels = [("power [MW]", "MW"), *([(f"price<br>[{currency}/MWh]", f"{currency}/MWh")] if known else [])]
    day = DayFigure(clock, panels, 560 if known else 440, shares=[0.78, 0.22] if known else None)
    for layer in layers:
        if layer.values.abs().max() > _NOTHING:
            day.bars(0, layer.values, layer.name, layer.colour, layer.pattern)
    day.axis(0, zerolinecolor=style.INK)
    if known:
        # Two panels rather than two scales on one: the eye would read meaning into where they cross.
        day.stairs(1, price, "price", line(style.INK, 2.0), key=False)
        day.axis(1, rangemode="tozero", nticks=6)
    return day.done()


def storage(
    clock: Clock, energy: pd.DataFrame, power: pd.DataFrame, facts: pd.DataFrame, names: Sequence[str]
) -> go.Figure:
    """Energy at the end of each period [MWh] and power [MW] of each storage; charging is positive.

    Parameters
    ----------
    clock : Clock
        The time axis.
    energy, power : pandas.DataFrame
        One column a storage.
    facts : pandas.DataFrame
        By storage: ``initial``, ``low``, ``high`` [MWh]; NaN where not known.
    names : sequence of str
        What they are called; more than six are added up.
    """
    if not len(energy.columns):
        raise NothingToDraw("plan: storage is empty, so there is nothing to draw; there is no storage.")
    if len(energy.columns) > _MOST_STORAGES:
        names = [f"all {len(energy.columns)} storages"]
        facts = facts.sum(skipna=False).to_frame(energy.columns[0]).T
        energy, power = (t.sum(axis=1).to_frame(energy.columns[0]) for t in (energy, power))
    day = DayFigure(clock, [("energy [MWh]", "MWh"), ("charge (+)<br>discharge (−) [MW]", "MW")])
    for k, (column, name) in enumerate(zip(energy.columns, names, strict=True)):
        day.level(0, float(facts.at[column, "initial"]), energy[column], name, nth(k))
        day.bars(1, power[column], name, nth(k)["color"])
    day.limits(0, facts["low"], "lowest")
    day.limits(0, facts["high"], "highest")
    day.axis(0, rangemode="tozero", zeroline=False)
    day.axis(1, zerolinecolor=style.INK)
    return day.done()


def reactive(clock: Clock, table: pd.DataFrame) -> go.Figure:
    """Reactive power that each source (column) feeds in by period [Mvar]; drawing is negative."""
    if not len(table.columns):
        raise NothingToDraw("plan: no generator and no storage has reactive power, so there is nothing to draw.")
    day = DayFigure(clock, [("fed in (+)<br>drawn (−) [Mvar]", "Mvar")], 360)
    for k, (name, values) in enumerate(by_size(table, _MOST_SOURCES).items()):
        day.bars(0, values, name, style.PALETTE[k % len(style.PALETTE)])
    day.axis(0, zerolinecolor=style.INK)
    return day.done()


def by_size(table: pd.DataFrame, most: int) -> dict[str, pd.Series]:
    """Columns of a table; of more than `most` those with the largest values, and the others as their sum.

    Examples
    --------
    >>> list(by_size(pd.DataFrame({"a": [1.0], "b": [3.0], "c": [-2.0]}), 2))
    ['b', 'c', '1 others']
    """
    order = table.abs().max().sort_values(ascending=False, kind="stable").index
    found = {str(name): table[name] for name in table.columns if name in set(order[:most])}
    if len(order) > most:
        found[f"{len(order) - most} others"] = table[order[most:]].sum(axis=1)
    return found


def bus_order(buses: Sequence[int], topology: pd.DataFrame, coordinates: pd.DataFrame) -> list[int]:
    """Buses along the feeders from the supply, each feeder's trunk before its laterals; without a map by index."""
    if not len(topology) or not len(coordinates):
        return sorted(buses)
    forest, _ = bus_forest(topology, coordinates, "after")
    found = [int(b) for b in coordinates.index.to_numpy()[trunk_first(forest)]]
    wanted = set(buses)
    return [b for b in found if b in wanted] + sorted(wanted - set(found))


def voltages(
    view: Any, table: pd.DataFrame, topology: pd.DataFrame, coordinates: pd.DataFrame, height: int = 0
) -> go.Figure:
    """Voltage of every bus (rows, along the feeders) in every period (columns) [pu], by the limits of each.

    Parameters
    ----------
    view : View
        Knows `clock`, `labels` and `vm_limits`.
    table : pandas.DataFrame
        By period, or by scenario and period: then each cell shows the voltage that is nearest to its limit.
    topology, coordinates : pandas.DataFrame
        Drawing tables, which give the order.
    height : int
        Height of the figure [px]; by default it follows the number of buses.
    """
    order = bus_order([int(b) for b in table.columns], topology, coordinates)
    low, high = view.vm_limits(pd.Index(order))
    middle = (low.fillna(0.9).to_numpy() + high.fillna(1.1).to_numpy()) / 2
    values = critical(table[order], lambda vm: np.abs(vm - middle)).T
    heat = HeatFigure(view.clock, [view.labels.of("bus", b) for b in order], [str(b) for b in order], "bus", height)
    heat.cells(values, between_limits(values, low, high), "{:.4f} pu", "violated")
    return heat.done()


def critical(table: pd.DataFrame, badness: Any) -> FloatArray:
    """Values by period and column; of several scenarios, of each cell the worst."""
    values = np.asarray(table.to_numpy(dtype=float))
    if table.index.nlevels == 1:
        return values
    count = table.index.get_level_values("scenario").nunique()
    stacked = values.reshape(count, -1, values.shape[1])
    order = np.nan_to_num(np.asarray(badness(stacked), dtype=float), nan=-math.inf).argmax(axis=0)
    return np.asarray(np.take_along_axis(stacked, order[None], axis=0)[0])


def fullest(table: pd.DataFrame) -> pd.Index:
    """Columns with the highest values, the highest first, at most twenty-five."""
    highest = table.max(axis=0).astype(float).dropna().sort_values(ascending=False, kind="stable")
    return highest.index[:MOST_BRANCHES]


def cone_gaps(clock: Clock, labels: Labels, table: pd.DataFrame) -> go.Figure:
    """Cone gap [-] of the loosest branches (rows, columns ``(element, index)`` of the table) in every period."""
    branches = fullest(table)
    loose = table[branches].max().to_numpy(dtype=float) > TIGHT
    branches = branches[loose] if loose.any() else branches
    told = critical(table[branches], lambda values: values).T
    bottom = math.log10(_GAP_FLOOR)
    # All that is exact is pale: colour begins where the gap begins to mean something.
    start = (math.log10(TIGHT) - bottom) / -bottom
    stops = [[0.0, _GAPS[0]], *([start + (1 - start) * k / 3, c] for k, c in enumerate(_GAPS[1:]))]
    ticks = list(range(int(bottom), 1, 2))
    bar = style.colour_bar("cone gap [–], pale is exact")
    bar |= {"tickvals": ticks, "ticktext": [f"10<sup>{t}</sup>" if t else "1" for t in ticks]}
    shade = np.log10(np.clip(told, _GAP_FLOOR, 1.0))
    heat = HeatFigure(clock, [labels.of(*b) for b in branches], [f"{e} {i}" for e, i in branches])
    heat.cells(told, Shade(shade, (bottom, 0.0), stops, np.zeros(shade.shape, dtype=bool), bar), "cone gap {:.1e}")
    return heat.done()


def solver_progress(plan: Any, title: str, unit: str, scale: float = 1.0) -> go.Figure:
    """Best plan and proven bound against time, and their gap [%]."""
    lines = {"bound": ("proven bound", style.BOUND), "incumbent": ("best plan", style.AFTER)}
    return convergence(plan.progress, title, unit, lines, scale)


def convergence(
    progress: pd.DataFrame,
    title: str,
    unit: str,
    lines: Mapping[str, tuple[str, str]],
    scale: float = 1.0,
    above: bool = False,
) -> go.Figure:
    """Values as they converged, and the gap between the first two [%], against seconds.

    Parameters
    ----------
    progress : pandas.DataFrame
        ``seconds``, ``event``, and a column for each line; infinite values are not yet known.
    title, unit : str
        What the values are, and their unit.
    lines : mapping of str to (str, str)
        By column, the bound first: name and colour.
    scale : float
        What turns the values into `unit`.
    above : bool
        Whether the bound is an upper one.
    """
    if progress.empty:
        raise NothingToDraw("plan: progress is empty, so there is nothing to draw.")
    bound, best = lines
    table = progress.reindex(columns=["seconds", bound, best, "event"])
    numbers = ["seconds", bound, best]
    table[numbers] = table[numbers].astype(float).replace([np.inf, -np.inf], np.nan)
    table = table.sort_values("seconds", kind="stable")
    # What is known stays known; a row may tell only what is new.
    table[[bound, best]] = table[[bound, best]].ffill()
    gap = ((table[best] - table[bound]) * (-1 if above else 1) / table[best].abs() * 100).where(table[best] != 0)
    gap = gap.where(gap > 0)
    two = bool(gap.notna().any())
    fig = make_subplots(
        rows=2 if two else 1, cols=1, shared_xaxes=True, vertical_spacing=0.08, row_heights=[0.6, 0.4] if two else None
    )
    fig.update_layout(template=style.TEMPLATE, height=460 if two else 320, hovermode="closest")
    series = [(1, table[c] * scale, name, colour, unit) for c, (name, colour) in lines.items()]
    for row, values, name, colour, of in [*series, *([(2, gap, "gap", style.MUTED, "%")] if two else [])]:
        fig.add_trace(
            go.Scatter(
                x=table["seconds"].to_numpy(), y=values.to_numpy(), mode="lines+markers", name=name,
                showlegend=row == 1,
                line={"color": colour, "shape": "hv", "width": 2}, hovertext=table["event"].astype(str).tolist(),
                hovertemplate=f"{name} %{{y:.6g}} {of} after %{{x:.2f}} s<br>%{{hovertext}}<extra></extra>",
            ),
            row=row, col=1,
        )  # fmt: skip
    fig.update_xaxes(rangemode="tozero")
    fig.update_xaxes(title_text="time [s]", row=2 if two else 1, col=1)
    view = _view(table[[bound, best]].to_numpy(dtype=float) * scale)
    fig.update_yaxes(title_text=f"{title} [{unit}]" if unit else title, range=view, exponentformat="none", row=1, col=1)
    if two:
        fig.update_yaxes(title_text="gap [%]", type="log", row=2, col=1, **_decades(gap.dropna()))
    return fig


def mark_exact(fig: go.Figure, gap: float) -> None:
    """Draw, in the first panel, the line below which a relaxation is exact for all purposes."""
    look = {"color": style.LIMIT, "dash": "dash", "width": 1.5}
    fig.add_hline(y=gap, row=1, col=1, line=look)
    fig.add_annotation(
        text="exact below this line", x=1, xref="x domain", xanchor="right", y=np.log10(gap), yanchor="bottom",
        showarrow=False, font={"color": style.LIMIT, "size": 12}, row=1, col=1,
    )  # fmt: skip


def _decades(values: pd.Series) -> dict[str, Any]:
    """Logarithmic axis of whole powers of ten: with less in view there would be no tick at all."""
    low, high = np.floor(np.log10(values.min())), np.ceil(np.log10(values.max()))
    plain = "none" if low >= -4 else "power"
    every = max(1, (high - low) // 4)
    return {"range": [low - 0.1, max(high, low + 1) + 0.1], "dtick": every, "exponentformat": plain}


def _view(values: Any) -> list[float] | None:
    """Range of values that hardly differ: else the axis would show their last digits; None where they do."""
    known = values[np.isfinite(values)]
    if not len(known):
        return None
    low, high = float(known.min()), float(known.max())
    least = _LEAST_VIEW * max(abs(low), abs(high))
    return [(low + high - least) / 2, (low + high + least) / 2] if 0 <= high - low < least else None
