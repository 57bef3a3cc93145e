"""The drawing of the feeder: what is open, what is operated, how voltage, loading or supply lie on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.arrays import BoolArray, FloatArray
from adnflex.reporting import style
from adnflex.reporting.canvas.colouring import Colouring, colour_ranges, colourings
from adnflex.reporting.canvas.geometry import joined, middles, polylines, single
from adnflex.reporting.canvas.hover import branch_texts, bus_texts, drawn_branches, drawn_buses
from adnflex.reporting.canvas.label_places import label_places
from adnflex.reporting.canvas.marks import CORNER, branch_marks, menu, name_texts, pointers, supply_marks
from adnflex.reporting.canvas.supply import supply_areas
from adnflex.reporting.canvas.zoom import Window
from adnflex.reporting.views import NothingToDraw

#: Width of a panel on a usual screen [px].
_PANEL = 560
#: Height of the map of a window [px].
_ZOOMED = 340
#: With more operations than this their labels would cover the map.
_MOST_LABELS = 24
#: With more branches than this labels do not look out for them.
_MOST_OBSTACLES = 400
#: Up to this many buses each shows its name; above so many buses have no mark of their own.
_MOST_BUS_LABELS, _MOST_BUS_MARKS = 60, 2000
STATES = ("before", "after")


class MapFigure:
    """The network in one state: open branches, what the plan operates, how voltage, loading or supply lie on it.

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
    steps : mapping of (str, int) to str, optional
        By branch, what stands before its name where it is operated: the numbers of the steps.
    window : Window, optional
        The part that is drawn; by default all.

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
        steps: Mapping[tuple[str, int], str] | None = None,
        window: Window | None = None,
    ) -> None:
        if not len(topology) or not len(coordinates):
            raise NothingToDraw(
                "plan: topology and coordinates are empty, so there is no map to draw; fill them with "
                "adnflex.grid.layout.drawing_tables(net, plan.switches), or give report() the net."
            )
        self.state, self.steps, self.window = state, steps or {}, window
        areas = supply_areas(topology, coordinates, state)
        self.buses, self.branches = drawn_buses(coordinates, voltages), drawn_branches(topology, loadings)
        # a part has the colours of the whole
        ranges = colour_ranges(self.buses, self.branches)
        if window is not None:
            self.branches, self.buses = window.within(self.branches, self.buses)
        after = self.branches["closed_after"].to_numpy(dtype=bool)
        operated = self.branches["closed_before"].to_numpy(dtype=bool) != after
        self.closed = self.branches[f"closed_{state}"].to_numpy(dtype=bool)
        self.closes, self.opens = operated & after, operated & ~after
        self.is_tree = bool((self.buses["origin"] == "tree").all())
        self.lines = polylines(self.branches, self.buses, self.is_tree)
        self.middle = middles(self.lines)
        self.buses["supply"] = areas.of_bus.reindex(self.buses.index)
        self.buses["fed_by"] = [areas.name(k) for k in self.buses["supply"]]
        self.colourings = colourings(self.buses, self.branches, state, self.closed, ranges)
        self._over: list[go.Scatter] = []
        self._labelled: list[tuple[FloatArray, str, str]] = []

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
            self._over.append(pointers(self.middle[[k for k, _ in told]], [text for _, text in told]))

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
            ``voltage``, ``loading`` or ``supply``: what is shown first; supply where no voltage is known, unless
            something is drawn over the net.
        titled : bool
            Whether the figure stands alone: it then names its state, has a key, and a menu of the colours.
        """
        if colour == "voltage" and not self.colourings["voltage"].known and not self._over:
            colour = "supply"
        meta = {"state": self.state, "spoken": self._spoken()}
        fig = style.figure(self._height(), meta=meta, hovermode="closest", dragmode="pan")
        fig.add_traces(self._halos())
        for mode, colouring in self.colourings.items():
            for trace in self._coloured(colouring):
                fig.add_trace(trace.update(meta={"colour": mode}, visible=mode == colour))
        fig.add_traces([*self._open(), *self._operated(), self._transformers(), self._roots(), self._names()])
        fig.add_traces([*self._hover(), *self._over])
        fig.update_traces(showlegend=False, selector=lambda trace: not trace.showlegend)
        fig.update_layout(
            margin={"l": 8, "r": 8, "t": 84 if titled else 46, "b": 8}, legend={"y": -0.02, "yanchor": "top"}
        )
        if self.window is not None:  # the whole has the bar
            fig.update_traces(marker_showscale=False).update_layout(margin_t=8)
        if titled:
            fig.update_layout(updatemenus=[menu(fig, colour)])
            # Not a title: plotly moves those out of sight where there is a menu.
            fig.add_annotation(text=f"<b>{self.state}</b>", showarrow=False, **CORNER, yshift=44, font_size=15)
        self._frame(fig)
        return fig

    def _spoken(self) -> str:
        """Say what is drawn in a sentence."""
        told = [f"{len(self.buses)} buses", f"{int(self.closed.sum())} branches closed"]
        told += [f"{int((~self.closed).sum())} open"]
        keys = [f"{e} {i}" for e, i in zip(self.branches["element"], self.branches["index"], strict=True)]
        for rows, word in ((self.closes, "closed by the plan"), (self.opens, "opened by the plan")):
            names = [keys[k] for k in np.flatnonzero(rows)]
            if names:
                more = f" and {len(names) - _MOST_LABELS} more" if len(names) > _MOST_LABELS else ""
                told.append(f"{word}: {', '.join(names[:_MOST_LABELS])}{more}")
        vm = self.buses[f"vm_{self.state}_pu"].dropna()
        told += [f"voltages from {vm.min():.4f} to {vm.max():.4f} pu"] if len(vm) else []
        return f"Map of the network {self.state} the plan: {'; '.join(told)}."

    # Sizes ------------------------------------------------------------------------------------------------

    def _ranges(self) -> list[tuple[float, float]]:
        """Say what is in view of x and of y: a little air round the net, or the window."""
        found = []
        for k, letter in enumerate("xy"):
            low, high = float(self.buses[letter].min()), float(self.buses[letter].max())
            air = max(0.05 * (high - low), 0.7 if self.is_tree else 1e-6)
            found.append((low - air, high + air) if self.window is None else self.window.ranges[k])
        return found

    def _frame(self, fig: go.Figure) -> None:
        """Set the view; a map has true proportions."""
        for axis, view in zip((fig.update_xaxes, fig.update_yaxes), self._ranges(), strict=True):
            axis(visible=False, range=list(view))
        if not self.is_tree:
            fig.update_yaxes(scaleanchor="x", scaleratio=1)

    def _height(self) -> int:
        """Trees get room for each row, maps the height that fills their width [px]."""
        if self.window is not None:
            return _ZOOMED
        if not self.is_tree:
            wide, high = (b - a for a, b in self._ranges())
            return int(min(700, max(320, 80 + _PANEL * high / max(wide, 1e-9))))
        rows = float(self.buses["y"].max() - self.buses["y"].min()) + 1
        return int(min(900, max(320, 100 + (60 if rows <= 8 else 42) * rows)))

    def _pixels(self) -> FloatArray:
        """Pixels that a unit of x and of y takes in a panel of usual width."""
        spans = [max(high - low, 1e-9) for low, high in self._ranges()]
        each = np.array([_PANEL / spans[0], (self._height() - 54) / spans[1]])
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

    def _coloured(self, colouring: Colouring) -> list[go.Scatter]:
        """Draw closed branches and buses in their colours, one trace a colour, with the colour bar."""
        bins = colouring.bins(colouring.of_branch)
        traces = [self._trace(self.closed & (bins < 0), color=style.MUTED, width=1.5)]
        for k, tint in enumerate(colouring.tints):
            rows = self.closed & (bins == k)
            if rows.any():
                traces.append(self._trace(rows, color=tint, width=self._scaled(3, 3, 2)))
        return [*traces, *self._bus_traces(colouring)]

    def _bus_traces(self, colouring: Colouring) -> list[go.Scatter]:
        """Draw the buses in their colours or plain, and the colour bar with them or, of branches, on its own."""
        few = len(self.buses) <= _MOST_BUS_LABELS
        many = len(self.buses) > _MOST_BUS_MARKS
        by_bus = bool(colouring.of_bus.size) and colouring.known and not many
        marker: dict[str, Any] = {
            "size": self._scaled(10, 5.5, 4),
            "line": {"color": style.INK if by_bus else style.MUTED, "width": 0.8 if few else 0.3},
            "color": style.FAINT,
        }
        if by_bus:
            marker |= {"color": single(colouring.of_bus), **colouring.look}
        buses = go.Scatter(
            x=[None] if many else single(self.buses["x"]), y=[None] if many else single(self.buses["y"]),
            mode="markers", marker=marker, hoverinfo="skip",
        )  # fmt: skip
        if not colouring.known or by_bus:
            return [buses]
        bar = {**colouring.look, "color": [colouring.limits[0]]}
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
            branch_marks(self.middle[rest], "circle", style.MUTED, "open", hollow=True, size=8),
        ]

    def _operated(self) -> list[go.Scatter]:
        """Signs of what the plan closes (diamond) and opens (square), filled where closed in this state."""
        after = self.state == "after"
        closed, opened = self.middle[self.closes], self.middle[self.opens]
        closes = branch_marks(closed, "diamond", style.CLOSED_BY_PLAN, "closed by the plan", not after)
        opens = branch_marks(opened, "square", style.OPENED_BY_PLAN, "opened by the plan", after)
        rows = [*np.flatnonzero(self.closes), *np.flatnonzero(self.opens)]
        if not len(rows) or (len(rows) > _MOST_LABELS and not self.steps):
            return [closes, opens]
        texts, first = [self._operated_label(k, len(rows)) for k in rows], int(self.closes.sum())
        places = label_places(self.middle[rows] * self._pixels(), texts, self._along() * self._pixels())
        for trace, part in ((closes, slice(first)), (opens, slice(first, None))):
            trace.update(
                mode="markers+text",
                text=[f"<b>{text}</b>" for text in texts[part]],
                textposition=places[part],
                textfont={"size": 11, "color": trace.marker.line.color, "shadow": style.WHITE_EDGE},
            )
        self._labelled = [(self.middle[k], text, place) for k, text, place in zip(rows, texts, places, strict=True)]
        return [closes, opens]

    def _operated_label(self, row: int, count: int) -> str:
        """Say step and name of an operated branch; of many only the step."""
        key = str(self.branches["element"].iloc[row]), int(self.branches["index"].iloc[row])
        step = self.steps.get(key, "")
        if count > _MOST_LABELS:
            return step
        return f"{step}: {key[0]} {key[1]}" if step else f"{key[0]} {key[1]}"

    def _along(self) -> FloatArray:
        """Points on the branches, which labels had better not cover; none where there are too many."""
        if len(self.branches) > _MOST_OBSTACLES:
            return np.zeros((0, 2))
        parts = np.linspace(0.1, 0.9, 5)
        ends = [(np.array([x[0], y[0]]), np.array([x[-1], y[-1]])) for x, y in self.lines]
        return np.array([a + t * (b - a) for a, b in ends for t in parts]).reshape(-1, 2)

    def _transformers(self) -> go.Scatter:
        """Round sign with a cross in the middle of transformers."""
        rows = self.branches["element"].isin(["trafo", "trafo3w"]).to_numpy() & self.closed
        trace = branch_marks(self.middle[rows], "circle-cross", style.INK, "transformer", hollow=True, size=11)
        return trace.update(marker_line_width=1.2)

    def _roots(self) -> go.Scatter:
        """Where supply comes from."""
        return supply_marks(self.buses[self.buses["kind"] == "root"], self._scaled(14, 11, 11))

    def _names(self) -> go.Scatter:
        """Names of the buses, each where it covers least; of many buses none."""
        if len(self.buses) > _MOST_BUS_LABELS:
            return go.Scatter(x=[None], y=[None], mode="text", hoverinfo="skip")
        around = np.vstack([self._along(), self.middle])
        return name_texts(self.buses, self._pixels(), around, self._labelled)

    def _hover(self) -> list[go.Scatter]:
        """Invisible points on buses and in the middle of branches that tell their numbers."""
        xy = self.buses[["x", "y"]].to_numpy(dtype=float)
        told = ((self.middle, branch_texts(self.buses, self.branches)), (xy, bus_texts(self.buses)))
        return [pointers(places, texts) for places, texts in told]
