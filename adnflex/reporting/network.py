"""The network before or after the plan: what is open, what is operated, how voltage and loading lie on it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
from plotly import graph_objects as go

from adnflex.errors import InputError
from adnflex.reporting import style
from adnflex.reporting.forest import Floats, Ints
from adnflex.reporting.geometry import joined, middles, polylines, single
from adnflex.reporting.hover import branch_texts, bus_texts
from adnflex.reporting.inputs import branch_table, bus_table, require, require_drawing, span
from adnflex.results import Check, Plan

__all__ = ["network_figure"]

_Rows = npt.NDArray[np.bool_]

_BINS = 12
#: With more operations than this their labels would cover the map.
_MOST_LABELS = 24
#: Up to this many buses each shows its index.
_MOST_BUS_LABELS = 60
_STATES = ("before", "after")
_COLOURS = ("voltage", "loading")
_CORNER = {"x": 0, "xref": "paper", "xanchor": "left", "y": 1, "yref": "paper", "yanchor": "bottom"}


def network_figure(plan: Plan, check: Check | None, state: str = "after", colour: str = "voltage") -> go.Figure:
    """Map of the network with its open branches and those that the plan operates.

    Closed branches are solid, open ones dashed with a hollow mark; what the plan opens or closes is underlaid
    and marked by a square or a diamond, in both states at the same place. A menu changes between colouring by
    voltage and by loading. Every bus and branch tells its numbers on hovering.

    Parameters
    ----------
    plan : Plan
        The plan, with its drawing tables.
    check : Check or None
        Its AC check. Without one there are the model's voltages of the state after only, and no loading.
    state : str
        ``before`` or ``after``.
    colour : str
        ``voltage`` [pu] or ``loading`` [%]: what is shown first.

    Returns
    -------
    plotly.graph_objects.Figure
        About forty traces at most, however large the net is.

    Raises
    ------
    InputError
        If an argument is none of these, or the plan has no drawing tables.

    Examples
    --------
    >>> from adnflex.reporting._example import example
    >>> plan, check = example()
    >>> network_figure(plan, check, state="before").layout.meta["state"]
    'before'
    """
    require(plan, check)
    _require_choice(check, state, colour)
    require_drawing(plan)
    return _Map(plan, check, state).draw(colour)


def _require_choice(check: Check | None, state: str, colour: str) -> None:
    """Refuse states and colours that do not exist, or not without a check."""
    findings = []
    if state not in _STATES:
        findings.append(f"state: is {state!r}; give one of {', '.join(_STATES)}.")
    if colour not in _COLOURS:
        findings.append(f"colour: is {colour!r}; give one of {', '.join(_COLOURS)}.")
    if colour == "loading" and check is None:
        findings.append("colour: is 'loading', which only AC power flow gives; validate the plan first.")
    if findings:
        raise InputError(findings)


class _Map:
    """The tables of one map and the traces made of them."""

    def __init__(self, plan: Plan, check: Check | None, state: str) -> None:
        self.state = state
        self.buses = bus_table(plan, check)
        self.branches = branch_table(plan, check)
        after = self.branches["closed_after"].to_numpy(dtype=bool)
        operated = self.branches["operated"].to_numpy(dtype=bool)
        self.closed = self.branches[f"closed_{state}"].to_numpy(dtype=bool)
        self.closes, self.opens = operated & after, operated & ~after
        self.is_tree = bool((self.buses["origin"] == "tree").all())
        self.lines = polylines(self.branches, self.buses, self.is_tree)
        self.middle = middles(self.lines)
        self.voltage = self.buses[f"vm_{state}_pu"].to_numpy(dtype=float)
        column = "loading_before_percent" if state == "before" else "loading_percent"
        self.loading = np.where(self.closed, self.branches[column].to_numpy(dtype=float), math.nan)

    def draw(self, colour: str) -> go.Figure:
        """Put the traces together, the underlay first, what the reader points at last."""
        fig = style.figure(self._height(), meta={"state": self.state}, hovermode="closest", dragmode="pan")
        fig.add_traces(self._halos())
        for mode in _COLOURS:
            for trace in self._coloured(mode):
                fig.add_trace(trace.update(meta={"colour": mode}, visible=mode == colour))
        fig.add_traces([*self._open(), *self._operated(), self._transformers(), self._roots(), *self._hover()])
        fig.update_traces(showlegend=False, selector=lambda trace: not trace.showlegend)
        fig.update_layout(
            margin={"l": 8, "r": 8, "t": 84, "b": 8},
            legend={"y": -0.02, "yanchor": "top"},
            updatemenus=[_menu(fig, colour)],
        )
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
        """Trees get room for each row, maps a fixed height [px]."""
        if not self.is_tree:
            return 520
        rows = float(self.buses["y"].max() - self.buses["y"].min()) + 1
        return int(min(900, max(320, 100 + (60 if rows <= 8 else 42) * rows)))

    def _scaled(self, small: float, medium: float, large: float) -> float:
        """Size of a sign [px]: smaller in larger nets."""
        count = len(self.buses)
        return small if count <= 60 else medium if count <= 400 else large

    # Branches and buses by colour -----------------------------------------------------------------------

    def _trace(self, rows: _Rows, **line: object) -> go.Scatter:
        """All these branches as one trace, with gaps between them."""
        x, y = joined([self.lines[i] for i in np.flatnonzero(rows)])
        return go.Scatter(x=x, y=y, mode="lines", line=line, hoverinfo="skip")

    def _coloured(self, mode: str) -> list[go.Scatter]:
        """Draw closed branches and buses by voltage or loading, one trace a colour, with the colour bar."""
        limits, scale = self._scale(mode)
        values = self._branch_voltage() if mode == "voltage" else self.loading
        width = self._scaled(3, 3, 2)
        traces = [self._trace(self.closed & np.isnan(values), color=style.MUTED, width=1.5)]
        bins = _bin(values, limits)
        for k, tint in enumerate(style.binned(scale, _BINS)):
            rows = self.closed & (bins == k)
            if rows.any():
                traces.append(self._trace(rows, color=tint, width=width))
        return [*traces, *self._bus_traces(mode, limits, scale)]

    def _branch_voltage(self) -> Floats:
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
        for trace, rows in ((closes, self.closes), (opens, self.opens)):
            if rows.sum() <= _MOST_LABELS:
                which = self.branches.loc[rows, ["element", "index"]].itertuples(index=False)
                trace.update(
                    mode="markers+text",
                    text=[f"<b>{element} {index}</b>" for element, index in which],
                    textposition="bottom center",
                    textfont={"size": 11, "color": trace.marker.line.color, "shadow": style.WHITE_EDGE},
                )
        return [closes, opens]

    def _signs(self, rows: _Rows, symbol: str, tint: str, name: str, hollow: bool, size: int = 12) -> go.Scatter:
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
        return [
            go.Scatter(
                x=single(places[:, 0]),
                y=single(places[:, 1]),
                mode="markers",
                marker={"size": 14, "opacity": 0},
                hovertext=texts,
                hoverinfo="text",
            )
            for places, texts in told
        ]


def _menu(fig: go.Figure, colour: str) -> dict[str, Any]:
    """Menu that changes the colouring: traces say in their meta which colouring they belong to."""
    modes = [trace.meta["colour"] if trace.meta else None for trace in fig.data]
    buttons = [
        {"label": f"by {mode}", "method": "update", "args": [{"visible": [m in (None, mode) for m in modes]}]}
        for mode in _COLOURS
    ]
    return {
        "buttons": buttons,
        "active": _COLOURS.index(colour),
        "x": 0.0,
        "xanchor": "left",
        "y": 1.0,
        "yanchor": "bottom",
    }


def _bin(values: Floats, limits: tuple[float, float]) -> Ints:
    """Return the number of the colour of each value; -1 where there is no value."""
    low, high = limits
    part = np.nan_to_num((values - low) / max(high - low, 1e-12))
    bins = np.clip(np.floor(part * _BINS), 0, _BINS - 1)
    return np.where(np.isnan(values), -1, bins).astype(np.int64)
