"""Figures over the hours of a day: panels below each other, on which series are drawn by what they mean."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

import numpy as np
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.reporting import style
from adnflex.reporting.clock import Clock

_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
#: With more periods than this, bars stand without gaps.
_MANY = 48
#: A bar smaller than this is none.
_NOTHING = 1e-9


def line(colour: str, width: float = 2.5, dash: str = "solid") -> dict[str, Any]:
    """Style of a line."""
    return {"color": colour, "width": width, "dash": dash}


def nth(k: int) -> dict[str, Any]:
    """Style of the k-th of several lines of one kind.

    Examples
    --------
    >>> nth(1)["dash"]
    'dash'
    """
    return line(style.PALETTE[k % len(style.PALETTE)], dash=_DASHES[k % len(_DASHES)])


class DayFigure:
    """Panels below each other with one time axis.

    A name stands in the key once, however many series bear it; an empty one does not. What is drawn while `choice` is
    set is shown when the reader chooses that word, at first the first one.

    Parameters
    ----------
    clock : Clock
        The time axis.
    panels : sequence of (str, str)
        Title of the vertical axis, and unit in which its values are told, of each panel.
    height : int
        Height of the figure [px].
    heads : sequence of str
        A heading above each panel.
    shares : sequence of float
        Part of the height that each panel gets.
    **layout
        Further settings of plotly's layout.

    Examples
    --------
    >>> day = DayFigure(Clock((0, 1), 0.0, 1.0), [("power [MW]", "MW")])
    >>> day.stairs(0, [1.0, 2.0], "load", line("#0072B2"))
    >>> day.done().data[0].y.tolist()
    [1.0, 2.0, 2.0]
    """

    def __init__(
        self,
        clock: Clock,
        panels: Sequence[tuple[str, str]],
        height: int = 460,
        heads: Sequence[str] = (),
        shares: Sequence[float] | None = None,
        **layout: Any,
    ) -> None:
        self.clock, self.units = clock, [unit for _, unit in panels]
        self._shown: set[tuple[str, str]] = set()
        self._choices: list[str] = []
        self.choice = ""
        gap = 46 / height if heads else 32 / height
        self.fig = make_subplots(
            rows=len(panels), cols=1, shared_xaxes=True, vertical_spacing=gap if len(panels) > 1 else 0.0,
            row_heights=shares, subplot_titles=[escape(h) for h in heads] or None,
        )  # fmt: skip
        key: dict[str, Any] = {"margin": {"t": 34 if layout.get("showlegend") is False else 60}} if heads else {}
        key |= {"legend": {"y": 1.0, "yref": "container", "yanchor": "top"}} if heads else {}
        plain = {
            "template": style.TEMPLATE,
            "height": height,
            "barmode": "relative",
            "bargap": 0,
            "hovermode": "closest",
        }
        self.fig.update_layout(plain | key | layout)
        self.fig.update_annotations(x=0, xanchor="left", font={"size": 13, "color": style.INK})
        for row, (title, _) in enumerate(panels):
            self.axis(row, title_text=title, zeroline=True, zerolinecolor=style.FAINT, exponentformat="none")

    def axis(self, row: int, **settings: Any) -> None:
        """Change the vertical axis of a panel."""
        self.fig.update_yaxes(**settings, row=row + 1, col=1)

    def stairs(
        self, row: int, values: Any, name: str, look: dict[str, Any], head: str = "", key: bool = True, **more: Any
    ) -> None:
        """One value a period, as a line; `head` is told instead of the name."""
        x, y = self.clock.stairs(values)
        told = [*self.clock.texts, self.clock.texts[-1]]
        self._add(row, go.Scatter(x=x, y=y, mode="lines", line={**look, "shape": "hv"}, **more), name, told, head, key)

    def threads(self, row: int, courses: Any, name: str, look: dict[str, Any]) -> None:
        """Draw many courses (one a row) as one series that tells nothing by itself: a cloud."""
        drawn = [self.clock.stairs(values) for values in courses]
        x = np.concatenate([np.append(x, np.nan) for x, _ in drawn])
        y = np.concatenate([np.append(y, np.nan) for _, y in drawn])
        trace = go.Scatter(x=x, y=y, mode="lines", line={**look, "shape": "hv"}, connectgaps=False, hoverinfo="skip")
        self._add(row, trace, name, None)

    def level(self, row: int, start: float, values: Any, name: str, look: dict[str, Any], **more: Any) -> None:
        """Draw what is held at the end of each period in straight lines, from what there was before."""
        told = ["before the horizon", *(f"after {text}" for text in self.clock.texts)]
        y = np.append(start, np.asarray(values, dtype=float))
        self._add(row, go.Scatter(x=self.clock.edges, y=y, mode="lines", line=look, **more), name, told)

    def bars(self, row: int, values: Any, name: str, colour: str, pattern: str = "", **more: Any) -> None:
        """One value a period, as a bar that stands on the others of its panel; a hatched one is pale.

        Below zero are uses: their size is told without the sign.
        """
        # what solvers leave of zero is no bar, and an axis of it would be one of 10⁻¹¹
        y = np.asarray(values, dtype=float)
        y = np.where(np.abs(y) < _NOTHING, 0.0, y)
        # Bars that stand on something of their own are parts of a curve and leave no gaps.
        width = self.clock.step * (0.86 if len(y) <= _MANY and "base" not in more else 1.0)
        told = [[text, abs(value)] for text, value in zip(self.clock.texts, y.round(6).tolist(), strict=True)]
        bar = go.Bar(x=self.clock.middles, y=y, width=np.full(len(y), width), marker=_ink(colour, pattern), **more)
        self._add(row, bar, name, told)

    def dots(self, row: int, values: Any, name: str, marker: dict[str, Any], where: Any = None, **more: Any) -> None:
        """Draw marks in the middle of periods: of all of them, or of those `where` it is true."""
        chosen = np.ones(len(self.clock.periods), dtype=bool) if where is None else np.asarray(where, dtype=bool)
        told = np.array(self.clock.texts, dtype=object)[chosen]
        y = np.asarray(values, dtype=float)[chosen]
        dots = go.Scatter(x=self.clock.middles[chosen], y=y, mode="markers", marker=marker, **more)
        self._add(row, dots, name, told)

    def start(self, row: int, value: float, told: str, colour: str) -> None:
        """Hollow mark of what there was before the horizon."""
        marker = {"size": 9, "color": "white", "line": {"color": colour, "width": 2}}
        x = [self.clock.edges[0]]
        self._add(row, go.Scatter(x=x, y=[value], mode="markers", cliponaxis=False, marker=marker), "", [told])

    def limits(self, row: int, values: Iterable[float], told: str, name: str = "") -> None:
        """Dashed line of a limit where all that it holds for share its value: more lines would tell nothing."""
        found = np.unique(np.round(np.asarray(list(values), dtype=float), 9))
        if len(found) == 1 and np.isfinite(found[0]):
            look = line(style.LIMIT, 1.5, "dash")
            ends = self.clock.edges[[0, -1]]
            self._add(row, go.Scatter(x=ends, y=[found[0]] * 2, mode="lines", line=look), name, [told] * 2)

    def band(
        self,
        row: int,
        low: Any,
        high: Any,
        name: str,
        colour: str,
        opacity: float,
        start: float | None = None,
        **edge: Any,
    ) -> None:
        """Fill the band between two values a period; with a `start`, between what is held at the end of each."""
        for values, fill in ((low, None), (high, "tonexty")):
            held = start is not None
            x, y = (
                (self.clock.edges, np.append(0.0 if start is None else start, np.asarray(values, float)))
                if held
                else self.clock.stairs(values)
            )
            trace = go.Scatter(
                x=x, y=y, mode="lines", fill=fill, fillcolor=style.pale(colour, opacity), hoverinfo="skip",
                line={"width": 1.8, "color": colour, **edge, "shape": "linear" if held else "hv"},
            )  # fmt: skip
            self._add(row, trace, name, None, key=fill is not None)

    def tell(self, row: int, height: Any, texts: Sequence[str]) -> None:
        """Points in the middle of each period that nobody sees and that tell these texts, which are HTML."""
        self._add(
            row,
            go.Scatter(x=self.clock.middles, y=np.asarray(height, dtype=float), mode="markers",
                       marker={"size": 12, "opacity": 0}, hovertext=list(texts), hoverinfo="text"),
            "", None,
        )  # fmt: skip

    def done(self, air: float = 0.0) -> go.Figure:
        """Return the figure; `air` is a share of the time axis that is left free before it."""
        axis = self.clock.axis()
        title = axis.pop("title_text")
        first, last = axis["range"]
        axis["range"] = [first - air * (last - first), last]
        self.fig.update_xaxes(**axis)
        self.fig.update_xaxes(title_text=title, row=len(self.units), col=1)
        return self.fig

    def _add(self, row: int, trace: Any, name: str, told: Any, head: str = "", key: bool = True) -> None:
        """Put a series into its panel: name, key, and what it tells."""
        word = escape(name)
        shown = bool(name) and key and (name, self.choice) not in self._shown
        trace.update(name=word or None, legendgroup=word or None, showlegend=shown)
        if shown:
            self._shown.add((name, self.choice))
        if self.choice:
            self._choices = [*dict.fromkeys([*self._choices, self.choice])]
            trace.update(meta={"colour": self.choice}, visible=self.choice == self._choices[0])
        if told is not None:
            text = f"<b>{escape(head) or word}</b><br>" if head or word else ""
            when, size = ("%{customdata}", "%{y:.5g}")
            if trace.type == "bar":
                when, size = "%{customdata[0]}", "%{customdata[1]:.5g}"
            tell = f"{text}{when}: {size} {self.units[row]}<extra></extra>"
            trace.update(customdata=told, hovertemplate=tell)
        self.fig.add_trace(trace, row=row + 1, col=1)


def _ink(colour: str, pattern: str) -> dict[str, Any]:
    """Return the filling of a bar; a hatched one is pale, so that it does not weigh like the others."""
    if not pattern:
        return {"color": colour, "line": {"width": 0}}
    hatch = {
        "shape": pattern,
        "fillmode": "replace",
        "fgcolor": colour,
        "bgcolor": "white",
        "size": 7,
        "solidity": 0.35,
    }
    return {"color": colour, "line": {"width": 0}, "pattern": hatch}
