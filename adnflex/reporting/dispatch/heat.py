"""Heat maps: every bus or branch against every period, so that a violated limit is seen at once."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from plotly import graph_objects as go

from adnflex.errors import InputError
from adnflex.reporting import style
from adnflex.reporting.dispatch.clock import Clock
from adnflex.reporting.dispatch.exactness import TIGHT_GAP
from adnflex.reporting.dispatch.inputs import device_label, place, require, voltage_limits
from adnflex.reporting.forest import Floats, Forest, bus_forest, deepest_children
from adnflex.reporting.inputs import PLACEHOLDER_LOADING, has_drawing
from adnflex.results import DispatchCheck, DispatchPlan

__all__ = ["bus_order", "cone_gap_figure", "has_loadings", "loading_heat_figure", "voltage_heat_figure"]

_FRAME = 150
_MOST_LABELS = 33
#: Voltage this far beyond its limit is rounding [pu]; loading [%].
_FORGIVEN, _FORGIVEN_PERCENT = 1e-6, 1e-3
#: Where no limit is known, colours end here [pu].
_NO_LIMITS = (0.9, 1.1)
_MOST_BRANCHES = 25
_MOST_CROSSES = 2000
_GAP_FLOOR = 1e-8

#: Low blue, middle nearly white, high orange; beyond the limits a dark tone that occurs nowhere else.
_VOLTAGE = ["#2b6cb0", "#8db7dc", "#f4f4f2", "#f3b36b", "#d1700b"]
_TOO_LOW, _TOO_HIGH = "#1d0a52", "#7a0a1e"
_LOADING = ["#e9edf1", "#f0c05a", "#ea9329", "#d55e00"]
_OVERLOADED = "#3b0a45"
_GAP = ["#f4f4f2", "#dde3e8", "#f3b36b", "#d55e00", "#5f0f00"]


@dataclass(frozen=True)
class _Rows:
    """Rows of a heat map: what the colour shows, what is told, and which cells are marked."""

    labels: list[str]
    ticks: list[str]
    shade: Floats
    told: Floats
    marked: npt.NDArray[np.bool_]


def voltage_heat_figure(plan: DispatchPlan, check: DispatchCheck | None) -> go.Figure:
    """Voltage of every bus (rows, along the feeders) in every period (columns) [pu], by AC power flow.

    Colours measure where a voltage stands between the limits of its bus: blue towards the lower one, orange
    towards the upper one. A violation has a dark colour of its own and a cross. With several scenarios each cell
    shows the voltage that is nearest to its limit.

    Parameters
    ----------
    plan : DispatchPlan
        The plan.
    check : DispatchCheck or None
        Its AC check; without one the voltages are the model's.

    Returns
    -------
    plotly.graph_objects.Figure
        One heat map.

    Raises
    ------
    InputError
        If an argument is none of these, or there are no voltages.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> voltage_heat_figure(*example()).data[0].z.shape
    (8, 24)
    """
    require(plan, check)
    table = plan.vm_pu if check is None else check.vm_pu
    order = bus_order(plan, [int(b) for b in table.columns])
    if not order:
        raise InputError("plan: vm_pu is empty, so there is nothing to draw; solve the dispatch again.")
    low, high = voltage_limits(plan, check, pd.Index(order))
    ends = low.fillna(_NO_LIMITS[0]).to_numpy(), high.fillna(_NO_LIMITS[1]).to_numpy()
    middle, half = (ends[0] + ends[1]) / 2, np.maximum((ends[1] - ends[0]) / 2, 1e-9)
    vm = _critical(table[order], lambda values: np.abs(values - middle) / half)
    shade = (vm - middle) / half
    with np.errstate(invalid="ignore"):
        marked = (vm < low.to_numpy() - _FORGIVEN) | (vm > high.to_numpy() + _FORGIVEN)
    rows = _Rows([place(plan, "bus", b) for b in order], [str(b) for b in order], shade.T, vm.T, marked.T)
    reach = float(np.nanmax(np.abs(shade), initial=0.0))
    span = 1.25 if marked.any() else next(r for r in (0.25, 0.5, 0.75, 1.0) if r >= min(reach, 1.0) - 1e-12)
    scale = _with_ends(_VOLTAGE, span, _TOO_LOW, _TOO_HIGH)
    fig = _heat(plan, rows, (-span, span), scale, "%{customdata:.4f} pu", "violated")
    bar = style.colour_bar("voltage [pu]" if span >= 1 else f"voltage [pu]{_limits_words(low, high)}")
    ticks = [-1.0, 0.0, 1.0] if span >= 1 else [-span, 0.0, span]
    bar |= {"tickvals": ticks, "ticktext": _voltage_ticks(ticks, low, high, ends), "len": 0.7, "x": 0.94}
    fig.data[0].colorbar = bar
    fig.update_yaxes(title_text="bus")
    return fig


def loading_heat_figure(plan: DispatchPlan, check: DispatchCheck | None) -> go.Figure:
    """Draw the loading of the fullest branches (rows) in every period (columns) [%], by AC power flow.

    Colours measure the loading against the limit of the branch; an overload has a dark colour of its own and a
    cross. With several scenarios each cell shows the highest loading.

    Parameters
    ----------
    plan : DispatchPlan
        The plan.
    check : DispatchCheck or None
        Its AC check; without one the loadings are the model's.

    Returns
    -------
    plotly.graph_objects.Figure
        One heat map of at most twenty-five branches, the fullest on top.

    Raises
    ------
    InputError
        If an argument is none of these, or there are no loadings.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> loading_heat_figure(*example()).data[0].y[0]
    'line 0 “section 0”'
    """
    require(plan, check)
    if not has_loadings(plan, check):
        raise InputError("plan: there are no loadings to draw; the net has no ratings, or placeholders.")
    table = plan.loading_percent if check is None else check.loading_percent
    branches = _fullest(table)
    limit = np.full(len(branches), 100.0)
    if check is not None:
        known = check.loading_limit_percent.reindex(branches).to_numpy(dtype=float)
        limit = np.where(np.isfinite(known), known, limit)
    told = _critical(table[branches], lambda values: values)
    shade = told / limit * 100
    marked = shade > 100 + _FORGIVEN_PERCENT
    rows = _branch_rows(plan, branches, shade, told, marked)
    reach = float(np.nanmax(shade, initial=0.0))
    span = 125.0 if marked.any() else next(r for r in (25.0, 50.0, 75.0, 100.0) if r >= min(reach, 100.0) - 1e-9)
    scale = _with_ends(_LOADING, span / 100, "", _OVERLOADED)
    fig = _heat(plan, rows, (0.0, span), scale, "%{customdata:.1f} %", "over its limit")
    fig.data[0].colorbar = style.colour_bar("loading [% of the limit]") | {"nticks": 6}
    return fig


def cone_gap_figure(plan: DispatchPlan, check: DispatchCheck | None = None) -> go.Figure:
    """Cone gap [-] of the loosest branches (rows) in every period (columns) in the plain relaxation.

    Parameters
    ----------
    plan : DispatchPlan
        The plan.
    check : DispatchCheck or None
        Not needed; taken so that all figures are called alike.

    Returns
    -------
    plotly.graph_objects.Figure
        One heat map on a logarithmic scale of at most twenty-five branches, the loosest on top.

    Raises
    ------
    InputError
        If an argument is none of these, or there are no gaps.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> cone_gap_figure(*example()).data[0].y[0]
    'transformer 0 “T1”'
    """
    require(plan, check)
    if plan.cone_gap.empty or not plan.cone_gap.notna().to_numpy().any():
        raise InputError("plan: cone_gap is empty, so there is nothing to draw; solve the dispatch again.")
    branches = _fullest(plan.cone_gap)
    loose = plan.cone_gap[branches].max().to_numpy(dtype=float) > TIGHT_GAP
    branches = branches[loose] if loose.any() else branches
    told = _critical(plan.cone_gap[branches], lambda values: values)
    shade = np.log10(np.clip(told, _GAP_FLOOR, 1.0))
    rows = _branch_rows(plan, branches, shade, told, np.zeros(shade.shape, dtype=bool))
    bottom = math.log10(_GAP_FLOOR)
    # All that is exact is pale: colour begins where the gap begins to mean something.
    start = (math.log10(TIGHT_GAP) - bottom) / -bottom
    stops = [[0.0, _GAP[0]], *([start + (1 - start) * k / 3, c] for k, c in enumerate(_GAP[1:]))]
    fig = _heat(plan, rows, (bottom, 0.0), stops, "cone gap %{customdata:.1e}", "")
    ticks = list(range(int(bottom), 1, 2))
    bar = style.colour_bar("cone gap [–], pale is exact")
    fig.data[0].colorbar = bar | {"tickvals": ticks, "ticktext": [f"10<sup>{t}</sup>" if t else "1" for t in ticks]}
    return fig


def has_loadings(plan: DispatchPlan, check: DispatchCheck | None) -> bool:
    """Whether loadings mean something: converted cases often carry ratings of 99999 A."""
    table = plan.loading_percent if check is None else check.loading_percent
    if table.empty:
        return False
    highest = np.nanmax(table.to_numpy(dtype=float), initial=0.0)
    return bool(highest >= PLACEHOLDER_LOADING)


def bus_order(plan: DispatchPlan, buses: Sequence[int]) -> list[int]:
    """Buses along the feeders from the supply, each feeder's trunk before its laterals; without a map by index.

    Examples
    --------
    >>> from adnflex.reporting.dispatch._example import example
    >>> bus_order(example()[0], range(8))
    [0, 1, 2, 5, 6, 7, 3, 4]
    """
    if not has_drawing(plan):
        return sorted(buses)
    forest, _ = bus_forest(plan.topology, plan.coordinates, "after")
    names = plan.coordinates.index.to_numpy()
    found = [int(names[n]) for n in _trunk_first(forest)]
    wanted = set(buses)
    return [b for b in found if b in wanted] + sorted(wanted - set(found))


def _trunk_first(forest: Forest) -> list[int]:
    """Nodes depth first, towards the deepest child first, so that what hangs together stays together."""
    heavy = deepest_children(forest)
    children: list[list[int]] = [[] for _ in forest.parent]
    tops: list[int] = []
    for node in forest.order.tolist():
        above = int(forest.parent[node])
        (tops if above < 0 else children[above]).append(node)
    found, waiting = [], tops[::-1]
    while waiting:
        node = waiting.pop()
        found.append(node)
        # What is put last is taken first: the trunk, then the laterals in their own order.
        trunk = int(heavy[node])
        waiting += [child for child in children[node][::-1] if child != trunk]
        waiting += [trunk] if trunk >= 0 else []
    return found


# Pieces -------------------------------------------------------------------------------------------------------


def _critical(table: pd.DataFrame, badness: Any) -> Floats:
    """Values by period and column; of several scenarios, of each cell the worst."""
    values = np.asarray(table.to_numpy(dtype=float))
    if table.index.nlevels == 1:
        return values
    count = table.index.get_level_values("scenario").nunique()
    stacked = values.reshape(count, -1, values.shape[1])
    order = np.nan_to_num(np.asarray(badness(stacked), dtype=float), nan=-math.inf).argmax(axis=0)
    return np.asarray(np.take_along_axis(stacked, order[None], axis=0)[0])


def _fullest(table: pd.DataFrame) -> pd.MultiIndex:
    """Columns with the highest values, the highest first."""
    highest = table.max(axis=0).astype(float).dropna().sort_values(ascending=False, kind="stable")
    return highest.index[:_MOST_BRANCHES]


def _branch_rows(
    plan: DispatchPlan, branches: pd.MultiIndex, shade: Floats, told: Floats, marked: npt.NDArray[np.bool_]
) -> _Rows:
    labels = [_branch_label(plan, e, i) for e, i in branches]
    ticks = [f"{e} {i}" for e, i in branches]
    return _Rows(labels, ticks, shade.T, told.T, marked.T)


def _branch_label(plan: DispatchPlan, element: str, index: int) -> str:
    """Label a transformer by the net's own name where the plan has a map, else by its device's."""
    found = place(plan, element, index)
    return found if "“" in found else device_label(plan, element, index)


def _heat(
    plan: DispatchPlan, rows: _Rows, view: tuple[float, float], scale: list[Any], told: str, mark: str
) -> go.Figure:
    """Draw the cells, the crosses, and axes that can be read whatever the number of rows."""
    clock = Clock.of(plan)
    count = len(rows.labels)
    fig = style.figure(int(_FRAME + count * min(18.0, max(2.0, 640 / count), 900 / count)), hovermode="closest")
    labels = [escape(label) for label in rows.labels]
    fig.add_trace(
        go.Heatmap(
            x=clock.texts, y=labels, z=rows.shade.round(4), customdata=rows.told.astype(np.float32),
            zmin=view[0], zmax=view[1], colorscale=scale, xgap=0, ygap=0,
            hovertemplate=f"<b>%{{y}}</b><br>%{{x}}<br>{told}<extra></extra>", hoverongaps=False,
        )
    )  # fmt: skip
    if rows.marked.any():
        which = _worst(rows)
        fig.add_trace(
            go.Scatter(
                x=[clock.texts[t] for _, t in which], y=[labels[r] for r, _ in which], mode="markers", name=mark,
                showlegend=True, hoverinfo="skip",
                marker={"symbol": "x-thin", "size": 7 if count <= 60 else 4, "line": {"color": "white", "width": 1.4}},
            )
        )  # fmt: skip
        fig.update_layout(legend={"y": 1.01, "bgcolor": style.INK, "font": {"color": "white"}})
    every = math.ceil(count / _MOST_LABELS)
    axis = clock.category_axis()
    # As an annotation: plotly puts the title of an axis of categories over the cells where the page is narrow.
    fig.add_annotation(
        text=axis.pop("title_text"),
        x=0.5,
        xref="paper",
        y=0,
        yref="paper",
        yanchor="top",
        yshift=-24,
        showarrow=False,
        font={"size": 15},
    )
    fig.update_xaxes(**axis, showgrid=False)
    fig.update_yaxes(
        type="category", range=[count - 0.5, -0.5], tickvals=list(range(0, count, every)), showgrid=False,
        ticktext=rows.ticks[::every],
    )  # fmt: skip
    fig.update_layout(margin={"t": 74, "l": 64})
    return fig


def _worst(rows: _Rows) -> npt.NDArray[np.int64]:
    """Pick the marked cells, by row and column; of very many only the worst: browsers draw each cross on its own."""
    cells = np.argwhere(rows.marked)
    beyond = np.abs(rows.shade[rows.marked])
    return cells[np.sort(np.argsort(-beyond, kind="stable")[:_MOST_CROSSES])]


def _with_ends(inner: list[str], span: float, below: str, above: str) -> list[list[Any]]:
    """Colour stops over ±`span` (0 to `span` where there is no colour below); beyond ±1 the ends' own colours."""
    first = -span if below else 0.0
    last = min(span, 1.0)
    bottom = -last if below else 0.0
    places = np.linspace(bottom, last, len(inner))
    stops = [[float((p - first) / (span - first)), c] for p, c in zip(places, inner, strict=True)]
    if span > 1:
        stops = [*stops, [stops[-1][0], above], [1.0, above]]
        if below:
            stops = [[0.0, below], [stops[0][0], below], *stops]
    return stops


def _limits_words(low: pd.Series, high: pd.Series) -> str:
    """Limits that are so far away that the colours do not reach them."""
    told = [f"{s.iloc[0]:.4g}" if s.nunique() == 1 else "those of each bus" for s in (low, high) if s.notna().any()]
    return f", limits {' and '.join(dict.fromkeys(told))}" if told else ""


def _voltage_ticks(ticks: list[float], low: pd.Series, high: pd.Series, ends: tuple[Floats, Floats]) -> list[str]:
    """Ticks of the colours in pu where all buses share their limits, else in words."""
    common = len(set(ends[0].round(6))) == 1 and len(set(ends[1].round(6))) == 1
    words = {-1.0: "lower limit", 1.0: "upper limit"} if low.notna().any() else {}
    if not common:
        return [words.get(t, "middle" if t == 0 else f"{t:+.0%}") for t in ticks]
    middle, half = (ends[0][0] + ends[1][0]) / 2, (ends[1][0] - ends[0][0]) / 2
    return [f"{middle + t * half:.4g}" + (f"<br>{words[t]}" if t in words else "") for t in ticks]
