"""The drawing of the feeder: what is open, what is operated, how voltage and loading lie on it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.arrays import BoolArray, FloatArray
from adnflex.reporting import style
from adnflex.reporting.canvas.geometry import binned, joined, middles, polylines, single
from adnflex.reporting.canvas.hover import branch_texts, bus_texts, drawn_branches, drawn_buses, span
from adnflex.reporting.canvas.label_places import label_places
from adnflex.reporting.views import NothingToDraw

_BINS = 12
#: Width of a panel on a usual screen [px].
_PANEL = 560
#: With more operations than this their labels would cover the map.
_MOST_LABELS = 24
#: Up to this many buses each shows its index.
_MOST_BUS_LABELS = 60
STATES = ("before", "after")
COLOURS = ("voltage", "loading")
_CORNER = {"x": 0, "xref": "paper", "xanchor": "left", "y": 1, "yref": "paper", "yanchor": "bottom"}


class MapFigure:
    """The network in one state: open branches, what the plan operates, and how voltage or loading lie on it.

    Closed branches are solid, open ones dashed with a hollow mark; what the plan opens or closes is underlaid and
    marked by a square or a diamond, in both states at the same place. Every bus and branch tells its numbers on
    hovering. There are about forty traces at most, however large the net is.

    Parameters
    ----------
    topology, coordinates : pandas.DataFrame
        Drawing tables, as in `adnflex.Plan`.
    state : str
        ``before`` or ``after``.
    voltages : pandas.DataFrame, optional
        By bus: ``vm_before_pu``, ``vm_after_pu``, ``vm_min_pu``, ``vm_max_pu`` [pu]; what is not there is not known.
    loadings : pandas.DataFrame, optional
        ``element``, ``index``, ``loading_before_percent``, ``loading_percent`` [%], ``loss_mw`` [MW].

    Examples
    --------
    >>> topology = pd.DataFrame(
    ...     {"element": ["line"], "index": [0], "name": [""], "from_bus": [0], "to_bus": [1], "closed_before": [True],
    ...      "closed_after": [True], "switchable": [False], "length_km": [1.0]}
    ... )
    >>> coordinates = pd.DataFrame(
    ...     {"x": [0.0, 1.0], "y": [0.0, 0.0], "name": "", "vn_kv": 20.0, "kind": ["root", "bus"], "p_mw": [0.0, 1.0],
    ...      "origin": "geo"}
    ... )
    >>> MapFigure(topology, coordinates).done().layout.meta["state"]
    'after'
    """

    def __init__(
        self,
        topology: pd.DataFrame,
        coordinates: pd.DataFrame,
        state: str = "after",
        voltages: pd.DataFrame | None = None,
        loadings: pd.DataFrame | None = None,
    ) -> None:
        if not len(topology) or not len(coordinates):
            raise NothingToDraw(
                "plan: topology and coordinates are empty, so there is no map to draw; fill them with "
                "adnflex.grid.layout.drawing_tables(net, plan.switches), or give report() the net."
            )
        self.state = state
        self.buses, self.branches = drawn_buses(coordinates, voltages), drawn_branches(topology, loadings)
        after = self.branches["closed_after"].to_numpy(dtype=bool)
        operated = self.branches["closed_before"].to_numpy(dtype=bool) != after
        self.closed = self.branches[f"closed_{state}"].to_numpy(dtype=bool)
        self.closes, self.opens = operated & after, operated & ~after
        self.is_tree = bool((self.buses["origin"] == "tree").all())
        self.lines = polylines(self.branches, self.buses, self.is_tree)
        self.middle = middles(self.lines)
        self.voltage = self.buses[f"vm_{state}_pu"].to_numpy(dtype=float)
        column = "loading_before_percent" if state == "before" else "loading_percent"
        self.loading = np.where(self.closed, self.branches[column].to_numpy(dtype=float), math.nan)
        self._over: list[go.Scatter] = []

    def highlight(self, places: Sequence[tuple[str, int, float, str]], name: str, colour: str) -> None:
        """Draw branches broadly over the others; each is table, index, width [px] and what it tells (HTML)."""
        keys = list(zip(self.branches["element"], self.branches["index"], strict=True))
        told: list[tuple[int, str]] = []
        for element, index, width, text in places:
            rows = [k for k, key in enumerate(keys) if key == (element, index)]
            if rows:
                x, y = joined([self.lines[k] for k in rows])
                self._over.append(
                    go.Scatter(x=x, y=y, mode="lines", line={"color": colour, "width": width}, name=name,
                               legendgroup=name, showlegend=not told, hoverinfo="skip")
                )  # fmt: skip
                told += [(k, text) for k in rows]
        if told:
            self._over.append(_pointers(self.middle[[k for k, _ in told]], [text for _, text in told], 16))

    def ring(self, places: Sequence[tuple[int, float, str]], name: str, colour: str) -> None:
        """Draw rings round buses; each is index, size [px] and what it tells (HTML)."""
        known = [place for place in places if place[0] in self.buses.index]
        if not known:
            return
        xy = self.buses.loc[[bus for bus, _, _ in known], ["x", "y"]].astype(float)
        self._over.append(
            go.Scatter(
                x=xy["x"].to_numpy(), y=xy["y"].to_numpy(), mode="markers", name=name, showlegend=True,
                marker={"symbol": "circle-open", "color": colour, "size": [size for _, size, _ in known],
                        "line": {"width": 3.5, "color": colour}},
                hovertext=[text for _, _, text in known], hoverinfo="text",
            )
        )  # fmt: skip

    def done(self, colour: str = "voltage", titled: bool = False) -> go.Figure:
        """Put the traces together, the underlay first, what the reader points at last.

        Parameters
        ----------
        colour : str
            ``voltage`` or ``loading``: what is shown first.
        titled : bool
            Whether the figure stands alone: it then names its state, has a key, and a menu of the colours.
        """
        fig = style.figure(self._height(), meta={"state": self.state}, hovermode="closest", dragmode="pan")
        fig.add_traces(self._halos())
        for mode in COLOURS:
            for trace in self._coloured(mode):
                fig.add_trace(trace.update(meta={"colour": mode}, visible=mode == colour))
        fig.add_traces([*self._open(), *self._operated(), self._transformers(), self._roots(), *self._hover()])
        fig.add_traces(self._over)
        fig.update_traces(showlegend=False, selector=lambda trace: not trace.showlegend)
        fig.update_layout(
            margin={"l": 8, "r": 8, "t": 84 if titled else 46, "b": 8}, legend={"y": -0.02, "yanchor": "top"}
        )
        if titled:
            fig.update_layout(updatemenus=[_menu(fig, colour)])
            # Not a title: plotly moves those out of sight where there is a menu.
            fig.add_annotation(text=f"<b>{self.state}</b>", showarrow=False, **_CORNER, yshift=44, font_size=15)
        self._frame(fig)
        return fig

    # Sizes ------------------------------------------------------------------------------------------------

    def _frame(self, fig: go.Figure) -> None:
        """Set the view: a little air round the net, and true proportions on a map."""
        for axis, letter in ((fig.update_xaxes, "x"), (fig.update_yaxes, "y")):
            low, high = float(self.buses[letter].min()), float(self.buses[letter].max())
            air = max(0.05 * (high - low), 0.7 if self.is_tree else 1e-6)
            axis(visible=False, range=[low - air, high + air])
        if not self.is_tree:
            fig.update_yaxes(scaleanchor="x", scaleratio=1)

    def _height(self) -> int:
        """Trees get room for each row, maps the height that fills their width [px]."""
        if not self.is_tree:
            wide, high = (float(self.buses[letter].max() - self.buses[letter].min()) for letter in "xy")
            return int(min(700, max(320, 80 + _PANEL * high / max(wide, 1e-9))))
        rows = float(self.buses["y"].max() - self.buses["y"].min()) + 1
        return int(min(900, max(320, 100 + (60 if rows <= 8 else 42) * rows)))

    def _pixels(self) -> FloatArray:
        """Pixels that a unit of x and of y takes in a panel of usual width."""
        spans = [max(float(self.buses[letter].max() - self.buses[letter].min()), 1e-9) for letter in "xy"]
        each = np.array([_PANEL / spans[0], (self._height() - 80) / spans[1]])
        return each if self.is_tree else np.full(2, each.min())

    def _scaled(self, small: float, medium: float, large: float) -> float:
        """Size of a sign [px]: smaller in larger nets."""
        count = len(self.buses)
        return small if count <= 60 else medium if count <= 400 else large

    # Branches and buses by colour -----------------------------------------------------------------------

    def _trace(self, rows: BoolArray, **line: object) -> go.Scatter:
        """All these branches as one trace, with gaps between them."""
        x, y = joined([self.lines[i] for i in np.flatnonzero(rows)])
        return go.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip")

    def _coloured(self, mode: str) -> list[go.Scatter]:
        """Draw closed branches and buses by voltage or loading, one trace a colour, with the colour bar."""
        limits, scale = self._scale(mode)
        values = self._branch_voltage() if mode == "voltage" else self.loading
        width = self._scaled(3, 3, 2)
        traces = [self._trace(self.closed & np.isnan(values), color=style.MUTED, width=1.5)]
        bins = binned(values, limits, _BINS)
        for k, tint in enumerate(style.binned(scale, _BINS)):
            rows = self.closed & (bins == k)
            if rows.any():
                traces.append(self._trace(rows, color=tint, width=width))
        return [*traces, *self._bus_traces(mode, limits, scale)]

    def _branch_voltage(self) -> FloatArray:
        """Mean voltage of the two ends of each branch [pu]."""
        ends = (self.buses.index.get_indexer(self.branches[c]) for c in ("from_bus", "to_bus"))
        return np.asarray(sum(self.voltage[e] for e in ends)) / 2

    def _scale(self, mode: str) -> tuple[tuple[float, float], list[str]]:
        """Range and colours, shared by both states so that they can be compared."""
        if mode == "voltage":
            low, high = span(self.buses["vm_before_pu"], self.buses["vm_after_pu"])
            return (low, max(high, low + 1e-4)), style.VOLTAGE_SCALE
        _, high = span(self.branches["loading_before_percent"], self.branches["loading_percent"])
        return (0.0, max(high, 1e-3)), style.LOADING_SCALE

    def _bus_traces(self, mode: str, limits: tuple[float, float], scale: list[str]) -> list[go.Scatter]:
        """Draw the buses, by voltage or plain, and the colour bar with them or, by loading, on its own."""
        few = len(self.buses) <= _MOST_BUS_LABELS
        by_voltage = mode == "voltage"
        coloured = {
            "cmin": limits[0],
            "cmax": limits[1],
            "colorscale": style.binned(scale, _BINS),
            "colorbar": style.colour_bar("voltage [pu]" if by_voltage else "loading [%]"),
            "showscale": True,
        }
        known = bool(np.isfinite(self.voltage if by_voltage else self.loading).any())
        marker: dict[str, Any] = {
            "size": self._scaled(10, 5.5, 4 if len(self.buses) <= 1500 else 3),
            "line": {"color": style.INK if by_voltage else style.MUTED, "width": 0.8 if few else 0.3},
            "color": style.FAINT,
        }
        if known and by_voltage:
            marker |= {"color": single(self.voltage), **coloured}
        buses = go.Scatter(
            x=single(self.buses["x"]),
            y=single(self.buses["y"]),
            mode="markers+text" if few else "markers",
            text=[str(b) for b in self.buses.index] if few else None,
            textposition="top center" if self.is_tree else "top right",
            textfont={"size": 10, "color": style.MUTED, "shadow": style.WHITE_EDGE},
            marker=marker,
            hoverinfo="skip",
        )
        if not known or by_voltage:
            return [buses]
        bar = {"color": [limits[0]], **coloured}
        return [buses, go.Scatter(x=[None], y=[None], mode="markers", marker=bar, hoverinfo="skip")]

    # Signs ------------------------------------------------------------------------------------------------

    def _halos(self) -> list[go.Scatter]:
        """Broad pale underlay of what the plan operates."""
        tints = ((self.closes, style.CLOSED_BY_PLAN), (self.opens, style.OPENED_BY_PLAN))
        return [self._trace(rows, color=style.pale(tint), width=14) for rows, tint in tints]

    def _open(self) -> list[go.Scatter]:
        """Open branches, dashed; those that the plan does not touch get a hollow round mark."""
        rest = ~self.closed & ~self.closes & ~self.opens
        return [
            self._trace(~self.closed, color=style.MUTED, width=1.5, dash="5px,4px"),
            self._signs(rest, "circle", style.MUTED, "open", hollow=True, size=8),
        ]

    def _operated(self) -> list[go.Scatter]:
        """Signs of what the plan closes (diamond) and opens (square), filled where closed in this state."""
        after = self.state == "after"
        closes = self._signs(self.closes, "diamond", style.CLOSED_BY_PLAN, "closed by the plan", not after)
        opens = self._signs(self.opens, "square", style.OPENED_BY_PLAN, "opened by the plan", after)
        signs = np.vstack([self.middle[self.closes], self.middle[self.opens]]) * self._pixels()
        keys = [f"{e} {i}" for e, i in zip(self.branches["element"], self.branches["index"], strict=True)]
        texts = [keys[k] for rows in (self.closes, self.opens) for k in np.flatnonzero(rows)]
        if len(texts) <= _MOST_LABELS:
            places, first = label_places(signs, texts), int(self.closes.sum())
            for trace, part in ((closes, slice(first)), (opens, slice(first, None))):
                trace.update(
                    mode="markers+text",
                    text=[f"<b>{text}</b>" for text in texts[part]],
                    textposition=places[part],
                    textfont={"size": 11, "color": trace.marker.line.color, "shadow": style.WHITE_EDGE},
                )
        return [closes, opens]

    def _signs(self, rows: BoolArray, symbol: str, tint: str, name: str, hollow: bool, size: int = 12) -> go.Scatter:
        """Put signs in the middle of branches; a hollow one is white inside, so that it reads on a line."""
        return go.Scatter(
            x=self.middle[rows, 0],
            y=self.middle[rows, 1],
            mode="markers",
            marker={
                "symbol": symbol,
                "size": size,
                "color": "white" if hollow else tint,
                "line": {"color": tint, "width": 2 if size > 8 else 1.5},
            },
            hoverinfo="skip",
            name=name,
            showlegend=bool(rows.any()),
        )

    def _transformers(self) -> go.Scatter:
        """Round sign with a cross in the middle of transformers."""
        rows = self.branches["element"].isin(["trafo", "trafo3w"]).to_numpy() & self.closed
        trace = self._signs(rows, "circle-cross", style.INK, "transformer", hollow=True, size=11)
        return trace.update(marker_line_width=1.2)

    def _roots(self) -> go.Scatter:
        """Where supply comes from."""
        roots = self.buses[self.buses["kind"] == "root"]
        return go.Scatter(
            x=roots["x"],
            y=roots["y"],
            mode="markers",
            marker={
                "symbol": "square",
                "size": self._scaled(14, 11, 11),
                "color": style.INK,
                "line": {"color": "white", "width": 1.5},
            },
            hoverinfo="skip",
            name="supply",
            showlegend=len(roots) > 0,
        )

    def _hover(self) -> list[go.Scatter]:
        """Invisible points on buses and in the middle of branches that tell their numbers."""
        xy = self.buses[["x", "y"]].to_numpy(dtype=float)
        told = ((self.middle, branch_texts(self.buses, self.branches)), (xy, bus_texts(self.buses)))
        return [_pointers(places, texts, 14) for places, texts in told]


def _pointers(places: FloatArray, texts: list[str], size: int) -> go.Scatter:
    """Points that nobody sees and that tell texts."""
    x, y = single(places[:, 0]), single(places[:, 1])
    marker = {"size": size, "opacity": 0}
    return go.Scatter(x=x, y=y, mode="markers", marker=marker, hovertext=texts, hoverinfo="text", showlegend=False)


def _menu(fig: go.Figure, colour: str) -> dict[str, Any]:
    """Menu that changes the colouring: traces say in their meta which colouring they belong to."""
    modes = [trace.meta["colour"] if trace.meta else None for trace in fig.data]
    buttons = [
        {"label": f"by {mode}", "method": "update", "args": [{"visible": [m in (None, mode) for m in modes]}]}
        for mode in COLOURS
    ]
    return {
        "buttons": buttons,
        "active": COLOURS.index(colour),
        "x": 0.0,
        "xanchor": "left",
        "y": 1.0,
        "yanchor": "bottom",
    }
