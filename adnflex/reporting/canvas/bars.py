"""Bars that lie on their side, so that long names have room: in the order given, the first on top."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.reporting import style

_ROW, _FRAME = 38, 96


class BarFigure:
    """One row a name; panels below each other.

    Parameters
    ----------
    names : sequence of str
        The rows, from the top; as text, not as HTML.
    panels : sequence of (str, str)
        Title of the horizontal axis of each panel, and unit in which its values are told.
    row : float
        Height of a row [px].
    told : sequence of str
        Longer names for what is told (by default the names).
    ticks : sequence of str
        HTML that stands at the rows instead of the names.
    rows : sequence of sequence of str
        Rows of each panel where they are not the same in all.
    **layout
        Further settings of plotly's layout.

    Examples
    --------
    >>> bars = BarFigure(["line 3"], [("losses [kW]", "kW")])
    >>> bars.bars(0, [12.9], "after", "#0072B2")
    >>> bars.done().data[0].x.tolist()
    [12.9]
    """

    def __init__(
        self,
        names: Sequence[str],
        panels: Sequence[tuple[str, str]],
        row: float = _ROW,
        told: Sequence[str] = (),
        ticks: Sequence[str] = (),
        rows: Sequence[Sequence[str]] = (),
        **layout: Any,
    ) -> None:
        self.rows = [[escape(n) for n in of] for of in (rows or [names] * len(panels))]
        self.units = [unit for _, unit in panels]
        self.told = [escape(t) for t in told] or self.rows[0]
        counts = [max(len(of), 2) for of in self.rows]
        height = int(_FRAME * len(panels) + row * sum(counts))
        self.fig = make_subplots(
            rows=len(panels), cols=1, vertical_spacing=min(0.3, 100 / height), row_heights=[c + 0.6 for c in counts]
        )
        plain = {"template": style.TEMPLATE, "height": height, "hovermode": "closest", "bargap": 0.3}
        self.fig.update_layout(plain | {"showlegend": len(panels) > 1} | layout)
        for k, ((title, _), of) in enumerate(zip(panels, self.rows, strict=True)):
            self.axis(k, title_text=title, exponentformat="none")
            self.fig.update_yaxes(
                type="category", ticks="", ticksuffix="  ", showgrid=False, tickvals=of,
                ticktext=[f"{t}  " for t in (ticks or of)],
                categoryorder="array", categoryarray=of, range=[len(of) - 0.4, -0.6], row=k + 1, col=1,
            )  # fmt: skip

    def axis(self, panel: int, **settings: Any) -> None:
        """Change the horizontal axis of a panel."""
        self.fig.update_xaxes(**settings, row=panel + 1, col=1)

    def bars(
        self,
        panel: int,
        values: Any,
        name: str,
        colour: Any,
        told: Sequence[str] = (),
        pattern: str | list[str] = "",
        **more: Any,
    ) -> None:
        """One bar a row; `told` (HTML) is said of each instead of its value."""
        x = np.asarray(values, dtype=float)
        marker = {"color": colour, "pattern": {"shape": pattern}, "line": {"color": "white", "width": 0.5}}
        said = "%{customdata}" if len(told) else f"%{{x:,.4~g}} {self.units[panel]}"
        self._add(
            panel,
            go.Bar(
                x=x, y=self.rows[panel], orientation="h", name=escape(name), marker=marker, hovertext=self.told,
                customdata=list(told) or None, showlegend=bool(name),
                hovertemplate=f"<b>%{{hovertext}}</b><br>{escape(name)}{': ' if name else ''}{said}<extra></extra>",
                **more,
            ),
        )  # fmt: skip

    def marks(
        self,
        panel: int,
        values: Any,
        name: str,
        marker: dict[str, Any],
        told: Sequence[str],
        rows: Sequence[int] | None = None,
        widths: Any = None,
        key: bool = True,
    ) -> None:
        """Put a sign in each row, or in these; `told` is HTML, `widths` are half intervals round the values."""
        known = self.rows[panel]
        tint = marker["line"]["color"] if marker["line"]["color"] != "white" else marker["color"]
        bar = {"type": "data", "array": widths, "color": tint, "thickness": 2, "width": 6, "visible": True}
        self._add(
            panel,
            go.Scatter(
                x=np.asarray(values, dtype=float), y=[known[k] for k in (range(len(known)) if rows is None else rows)],
                mode="markers", name=escape(name), marker=marker, hovertext=list(told), hoverinfo="text",
                showlegend=key and bool(name), cliponaxis=False, error_x=None if widths is None else bar,
            ),
        )  # fmt: skip

    def box(self, panel: int, row: int, values: Any, colour: str, points: Sequence[str], head: str = "") -> None:
        """Draw the distribution of values in one row, and every one of them as a dot that is told by its word."""
        y = [self.rows[panel][row]] * len(values)
        self._add(
            panel,
            go.Box(
                x=np.asarray(values, dtype=float), y=y, orientation="h", name=self.rows[panel][row], boxpoints="all",
                jitter=0.5, pointpos=0.0, width=0.55, line={"color": colour, "width": 1.5}, showlegend=False,
                fillcolor=style.pale(colour, 0.12), marker={"color": style.pale(colour, 0.6), "size": 5},
                customdata=[escape(p) for p in points], hoveron="points",
                hovertemplate=f"<b>{self.told[row]}</b>{escape(head)}<br>%{{customdata}}: %{{x:,.2f}} "
                f"{self.units[panel]}<extra></extra>",
            ),
        )  # fmt: skip

    def links(self, panel: int, starts: Any, ends: Any, name: str, colour: str) -> None:
        """Draw a line from a start to an end in each row."""
        x = [v for a, b in zip(starts, ends, strict=True) for v in (float(a), float(b), None)]
        y = [v for name in self.rows[panel] for v in (name, name, None)]
        look = {"color": colour, "width": 5}
        self._add(panel, go.Scatter(x=x, y=y, mode="lines", line=look, name=name, showlegend=False, hoverinfo="skip"))

    def zero(self) -> None:
        """Draw the line from which differences count."""
        self.fig.add_vline(x=0, line={"color": style.INK, "width": 1.5})

    def limits(self, panel: int, values: Any, form: str = "limit {:.0f} %") -> None:
        """Draw a stroke at the limit of each row."""
        marker = {"symbol": "line-ns", "size": 12, "line": {"color": style.LIMIT, "width": 2.5}}
        self.marks(panel, values, "limit", marker, [form.format(v) for v in np.asarray(values, dtype=float)])

    def ends(self, panel: int, values: Any, texts: Sequence[str]) -> None:
        """Texts behind the ends of bars."""
        self._add(
            panel,
            go.Scatter(
                x=np.asarray(values, dtype=float), y=self.rows[panel], mode="text", text=[f"  {t}" for t in texts],
                textposition="middle right", hoverinfo="skip", showlegend=False, cliponaxis=False,
            ),
        )  # fmt: skip

    def done(self) -> go.Figure:
        """Return the figure."""
        return self.fig

    def _add(self, panel: int, trace: Any) -> None:
        self.fig.add_trace(trace, row=panel + 1, col=1)
