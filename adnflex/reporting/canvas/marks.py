"""Marks and texts of a map: signs on branches, sources, names of buses, what tells its numbers, the menu."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from plotly import graph_objects as go

from adnflex.arrays import FloatArray
from adnflex.reporting import style
from adnflex.reporting.canvas.colouring import COLOURS
from adnflex.reporting.canvas.geometry import single
from adnflex.reporting.canvas.label_places import bus_names, label_places

#: Where the words of a figure that stands alone are.
CORNER = {"x": 0, "xref": "paper", "xanchor": "left", "y": 1, "yref": "paper", "yanchor": "bottom"}


def branch_marks(places: FloatArray, symbol: str, tint: str, name: str, hollow: bool, size: int = 12) -> go.Scatter:
    """Put signs in the middle of branches; a hollow one is white inside, so that it reads on a line."""
    return go.Scatter(
        x=places[:, 0],
        y=places[:, 1],
        mode="markers",
        marker={
            "symbol": symbol,
            "size": size,
            "color": "white" if hollow else tint,
            "line": {"color": tint, "width": 2 if size > 8 else 1.5},
        },
        hoverinfo="skip",
        name=name,
        showlegend=len(places) > 0,
    )


def supply_marks(roots: pd.DataFrame, size: float) -> go.Scatter:
    """Mark where supply comes from."""
    return go.Scatter(
        x=roots["x"],
        y=roots["y"],
        mode="markers",
        marker={"symbol": "square", "size": size, "color": style.INK, "line": {"color": "white", "width": 1.5}},
        hoverinfo="skip",
        name="supply",
        showlegend=len(roots) > 0,
    )


def name_texts(
    buses: pd.DataFrame, scale: FloatArray, around: FloatArray, taken: Sequence[tuple[FloatArray, str, str]]
) -> go.Scatter:
    """Write the names of buses, each where it covers least; one without room is left to pointing.

    Parameters
    ----------
    buses : pandas.DataFrame
        ``x``, ``y``, ``name`` by bus.
    scale : (2,) array
        Pixels that a unit of x and of y takes.
    around : (n, 2) array
        Points that had better not be covered.
    taken : sequence of (array, str, str)
        Labels that are there already: place, text and plotly's word for where it stands.
    """
    xy, texts = buses[["x", "y"]].to_numpy(dtype=float), bus_names(buses)
    there = [(place * scale, text, where) for place, text, where in taken]
    places = label_places(xy * scale, texts, around * scale, there, small=True)
    return go.Scatter(
        x=single(xy[:, 0]),
        y=single(xy[:, 1]),
        # the marks that nobody sees keep the texts off those of the buses
        mode="markers+text",
        marker={"size": 10, "opacity": 0},
        text=[text if place else "" for text, place in zip(texts, places, strict=True)],
        textposition=[place or "top center" for place in places],
        textfont={"size": 10, "color": style.MUTED, "shadow": style.WHITE_EDGE},
        hoverinfo="skip",
        meta={"labels": True},
    )


def pointers(places: FloatArray, texts: list[str]) -> go.Scatter:
    """Points that nobody sees and that tell texts: they have no mark, which would cost as much as one that is seen."""
    x, y = single(places[:, 0]), single(places[:, 1])
    return go.Scatter(x=x, y=y, mode="none", hovertext=texts, hoverinfo="text", showlegend=False)


def menu(fig: go.Figure, colour: str) -> dict[str, Any]:
    """Menu that changes the colouring: traces say in their meta which colouring they belong to."""
    modes = [(trace.meta or {}).get("colour") for trace in fig.data]
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
