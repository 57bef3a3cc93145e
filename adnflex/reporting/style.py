"""Colours, type and the common look of all figures: safe for colour-blind readers, and printable.

The eight named colours are those of Okabe and Ito (2008). Meaning never hangs on colour alone: states also
differ by dash, by shape and by filled or hollow markers.
"""

from __future__ import annotations

from plotly import graph_objects as go

INK = "#1f2933"
MUTED = "#5f6b7a"
FAINT = "#c3cad3"
_GRID = "#e6eaef"

BEFORE = "#9aa5b1"
AFTER = "#0072B2"
LIMIT = "#D55E00"
OVER_LIMIT = "#B3261E"
#: Shadow that keeps a label readable over lines.
WHITE_EDGE = ", ".join(["0 0 2px white"] * 6)
BOUND = "#E69F00"
CLOSED_BY_PLAN = "#007a5a"
OPENED_BY_PLAN = "#D55E00"

#: For kinds without an order: Okabe and Ito's colours, the palest last.
PALETTE = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#5f6b7a", "#F0E442"]

#: Low voltage dark, high voltage light: viridis without its brightest end, which white paper swallows.
VOLTAGE_SCALE = ["#440154", "#46327e", "#365c8d", "#277f8e", "#1fa187", "#4ac16d", "#a0da39"]
#: Idle grey, loaded dark: lightness falls all the way, so it also reads in print and without red and green.
LOADING_SCALE = ["#c9d1da", "#f0c05a", "#ea9329", "#d55e00", "#a02c00", "#5f0f00"]

_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
_AXIS = {
    "gridcolor": _GRID,
    "linecolor": FAINT,
    "zeroline": False,
    "ticks": "outside",
    "tickcolor": FAINT,
    "automargin": True,
    "title": {"standoff": 8},
}
TEMPLATE = go.layout.Template(
    layout={
        "font": {"family": _FONT, "size": 13, "color": INK},
        "paper_bgcolor": "white",
        "plot_bgcolor": "white",
        "xaxis": _AXIS,
        "yaxis": _AXIS,
        "hoverlabel": {"bgcolor": "white", "bordercolor": FAINT, "font": {"color": INK}, "align": "left"},
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.01, "xanchor": "left", "x": 0},
        # As in the texts: a point for decimals, a narrow space for thousands.
        "separators": ".\u202f",
        "margin": {"l": 56, "r": 16, "t": 40, "b": 48},
    }
)


def figure(height: int = 380, **layout: object) -> go.Figure:
    """Empty figure with the house style.

    Examples
    --------
    >>> figure(200).layout.height
    200
    """
    return go.Figure(layout={"template": TEMPLATE, "height": height, **layout})


def colour_bar(title: str) -> dict[str, object]:
    """Thin horizontal colour bar above a map.

    Examples
    --------
    >>> colour_bar("voltage [pu]")["orientation"]
    'h'
    """
    return {
        "orientation": "h",
        "x": 1.0,
        "xanchor": "right",
        "y": 1.0,
        "yanchor": "bottom",
        "len": 0.5,
        "thickness": 9,
        "title": {"text": title, "side": "top", "font": {"size": 12}},
        "tickfont": {"size": 11},
        "nticks": 5,
        "outlinewidth": 0,
    }


def pale(colour: str, opacity: float = 0.22) -> str:
    """Transparent form of a colour.

    Examples
    --------
    >>> pale("#007a5a")
    'rgba(0, 122, 90, 0.22)'
    """
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red}, {green}, {blue}, {opacity})"


def binned(scale: list[str], bins: int) -> list[str]:
    """Pick `bins` colours evenly from a scale.

    Examples
    --------
    >>> binned(["#000000", "#ffffff"], 3)
    ['rgb(0, 0, 0)', 'rgb(128, 128, 128)', 'rgb(255, 255, 255)']
    """
    stops = [[int(c[i : i + 2], 16) for i in (1, 3, 5)] for c in scale]
    found = []
    for k in range(bins):
        position = k / max(bins - 1, 1) * (len(stops) - 1)
        left = min(int(position), len(stops) - 2)
        part = position - left
        mixed = (round(a + (b - a) * part + 1e-9) for a, b in zip(stops[left], stops[left + 1], strict=True))
        found.append("rgb({}, {}, {})".format(*mixed))
    return found
