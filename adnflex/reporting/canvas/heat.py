"""Heat maps: rows against periods, so that what is beyond its limit is seen at once."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.reporting import style
from adnflex.reporting.clock import Clock

_FRAME, _MOST_LABELS, _MOST_CROSSES = 150, 33, 2000
#: Voltage this far beyond its limit is rounding [pu]; loading [%].
_FORGIVEN, _FORGIVEN_PERCENT = 1e-6, 1e-3
#: Where no limit is known, colours end here [pu].
_NO_LIMITS = (0.9, 1.1)
#: Low blue, middle nearly white, high orange; beyond the limits a dark tone that occurs nowhere else.
_VOLTAGE = ["#2b6cb0", "#8db7dc", "#f4f4f2", "#f3b36b", "#d1700b"]
_TOO_LOW, _TOO_HIGH = "#1d0a52", "#7a0a1e"
_LOADING, _OVERLOADED = ["#e9edf1", "#f0c05a", "#ea9329", "#d55e00"], "#3b0a45"


@dataclass(frozen=True)
class Shade:
    """How cells are coloured: the value of each, range, colours, which are marked, and the settings of the key."""

    values: FloatArray
    view: tuple[float, float]
    scale: list[Any]
    marked: BoolArray
    bar: dict[str, Any]


class HeatFigure:
    """One row a place, one column a period.

    Parameters
    ----------
    clock : Clock
        The columns.
    labels, ticks : sequence of str
        What each row is called where it is told, and shortly on the axis (by default the same).
    title : str
        Title of the vertical axis.
    height : int, optional
        Height of the figure [px]; by default it follows the number of rows.

    Examples
    --------
    >>> import numpy as np
    >>> heat = HeatFigure(Clock((0, 1), 0.0, 1.0), ["bus 0"])
    >>> values = np.array([[0.96, 1.06]])
    >>> heat.cells(values, between_limits(values, pd.Series([0.95]), pd.Series([1.05])), "{:.4f} pu", "violated")
    >>> [trace.type for trace in heat.done().data]
    ['heatmap', 'scatter']
    """

    def __init__(
        self, clock: Clock, labels: Sequence[str], ticks: Sequence[str] = (), title: str = "", height: int = 0
    ) -> None:
        count = len(labels)
        self.clock, self.labels = clock, [escape(label) for label in labels]
        height = height or int(_FRAME + count * min(18.0, max(2.0, 640 / count), 900 / count))
        self.fig = style.figure(height, hovermode="closest", margin={"t": 74, "l": 64})
        every = math.ceil(count / _MOST_LABELS)
        self.fig.update_yaxes(
            type="category", range=[count - 0.5, -0.5], tickvals=list(range(0, count, every)), showgrid=False,
            ticktext=[escape(t) for t in (ticks or labels)][::every], title_text=title or None,
        )  # fmt: skip

    def cells(self, told: Any, shade: Shade, form: str, mark: str = "", choice: str = "") -> None:
        """Colour the cells, and put a white cross on those that are marked.

        Parameters
        ----------
        told : numpy.ndarray
            What is told of each cell: numbers, or texts.
        shade : Shade
            Its colours.
        form : str
            How it is told, e.g. ``{:.4f} pu``.
        mark : str
            Word in the key for what is marked.
        choice : str
            Cells that the reader chooses by this word; only the first are shown.
        """
        numbers = np.asarray(told).dtype != object
        text = form.replace("{", "%{customdata")
        if np.ndim(told) > 2:
            places = itertools.count()
            text = re.sub("customdata", lambda _: f"customdata[{next(places)}]", text)
        self.fig.add_trace(
            go.Heatmap(
                x=self.clock.texts, y=self.labels, z=shade.values.round(4),
                customdata=np.asarray(told, dtype=np.float32) if numbers else told, zmin=shade.view[0],
                zmax=shade.view[1], colorscale=shade.scale, colorbar=shade.bar, xgap=0, ygap=0, hoverongaps=False,
                hovertemplate=f"<b>%{{y}}</b><br>%{{x}}<br>{text}<extra></extra>", name=choice or None,
                meta={"colour": choice} if choice else None, visible=not (choice and self.fig.data),
            )
        )  # fmt: skip
        if shade.marked.any():
            self.crosses(shade, mark)

    def crosses(self, shade: Shade, name: str) -> None:
        """Mark cells; of very many only the worst: browsers draw each cross on its own."""
        which = np.argwhere(shade.marked)
        beyond = np.abs(shade.values[shade.marked])
        which = which[np.sort(np.argsort(-beyond, kind="stable")[:_MOST_CROSSES])]
        marker = {"symbol": "x-thin", "size": 7 if len(self.labels) <= 60 else 4,
                  "line": {"color": "white", "width": 1.4}}  # fmt: skip
        self.dots(which, name, marker)
        self.fig.update_layout(legend={"y": 1.01, "bgcolor": style.INK, "font": {"color": "white"}})

    def dots(self, which: IntArray, name: str, marker: dict[str, Any]) -> None:
        """Mark cells that are given by row and column."""
        x, y = [self.clock.texts[t] for _, t in which], [self.labels[r] for r, _ in which]
        self.fig.add_trace(
            go.Scatter(x=x, y=y, mode="markers", name=name, showlegend=True, hoverinfo="skip", marker=marker)
        )

    def done(self) -> go.Figure:
        """Return the figure."""
        axis = self.clock.category_axis()
        # As an annotation: plotly puts the title of an axis of categories over the cells where the page is narrow.
        self.fig.add_annotation(
            text=axis.pop("title_text"), x=0.5, xref="paper", y=0, yref="paper", yanchor="top", yshift=-24,
            showarrow=False, font={"size": 15},
        )  # fmt: skip
        self.fig.update_xaxes(**axis, showgrid=False)
        return self.fig


def between_limits(values: FloatArray, low: pd.Series, high: pd.Series) -> Shade:
    """Colour voltages [pu] by where they stand between the limits of their rows; what is beyond is marked.

    Parameters
    ----------
    values : numpy.ndarray
        One row a bus.
    low, high : pandas.Series
        Limits of each bus; NaN where none is known.
    """
    ends = low.fillna(_NO_LIMITS[0]).to_numpy(dtype=float), high.fillna(_NO_LIMITS[1]).to_numpy(dtype=float)
    middle, half = (ends[0] + ends[1]) / 2, np.maximum((ends[1] - ends[0]) / 2, 1e-9)
    shade = (values - middle[:, None]) / half[:, None]
    with np.errstate(invalid="ignore"):
        marked = (values < low.to_numpy()[:, None] - _FORGIVEN) | (values > high.to_numpy()[:, None] + _FORGIVEN)
    reach = float(np.nanmax(np.abs(shade), initial=0.0))
    span = 1.25 if marked.any() else next(r for r in (0.25, 0.5, 0.75, 1.0) if r >= min(reach, 1.0) - 1e-12)
    bar = style.colour_bar("voltage [pu]" if span >= 1 else f"voltage [pu]{_limits_words(low, high)}")
    ticks = [-1.0, 0.0, 1.0] if span >= 1 else [-span, 0.0, span]
    bar |= {"tickvals": ticks, "ticktext": _voltage_ticks(ticks, low, high, ends), "len": 0.7, "x": 0.94}
    return Shade(shade, (-span, span), _with_ends(_VOLTAGE, span, _TOO_LOW, _TOO_HIGH), marked, bar)


def against_limit(values: FloatArray, limit: FloatArray) -> Shade:
    """Colour loadings [%] against the limit of their rows; what is beyond is marked."""
    shade = values / limit[:, None] * 100
    with np.errstate(invalid="ignore"):
        marked = shade > 100 + _FORGIVEN_PERCENT
    reach = float(np.nanmax(shade, initial=0.0))
    span = 125.0 if marked.any() else next(r for r in (25.0, 50.0, 75.0, 100.0) if r >= min(reach, 100.0) - 1e-9)
    bar = style.colour_bar("loading [% of the limit]") | {"nticks": 6}
    return Shade(shade, (0.0, span), _with_ends(_LOADING, span / 100, "", _OVERLOADED), marked, bar)


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


def _voltage_ticks(
    ticks: list[float], low: pd.Series, high: pd.Series, ends: tuple[FloatArray, FloatArray]
) -> list[str]:
    """Ticks of the colours in pu where all buses share their limits, else in words."""
    common = len(set(ends[0].round(6))) == 1 and len(set(ends[1].round(6))) == 1
    words = {-1.0: "lower limit", 1.0: "upper limit"} if low.notna().any() else {}
    if not common:
        return [words.get(t, "middle" if t == 0 else f"{t:+.0%}") for t in ticks]
    middle, half = (ends[0][0] + ends[1][0]) / 2, (ends[1][0] - ends[0][0]) / 2
    return [f"{middle + t * half:.4g}" + (f"<br>{words[t]}" if t in words else "") for t in ticks]
