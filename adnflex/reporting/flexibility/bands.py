"""The box over time: between which imports the network may be asked to move, before and after."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.reporting import style
from adnflex.reporting.clock import Clock
from adnflex.reporting.flexibility.inputs import collected
from adnflex.reporting.forest import Floats
from adnflex.reporting.text import fixed
from adnflex.results.flexibility import Flexibility, FlexibilityCheck

__all__ = ["add_band", "box_figure"]

Boxes = Flexibility | Sequence[Flexibility]

#: Bands of the comparison beside the two that are drawn filled; the reader switches them on in the key.
_OTHERS = {"least losses": ("#009E73", "dash")}


def box_figure(flex: Boxes, check: FlexibilityCheck | None = None) -> go.Figure:
    """Box of imports [MW] over time, before and after, the base schedule, and the widths [MW].

    Parameters
    ----------
    flex : Flexibility or sequence of Flexibility
        The box, or the one before and the one after.
    check : FlexibilityCheck or None
        Not needed; taken so that all figures are called alike.

    Returns
    -------
    plotly.graph_objects.Figure
        Two panels: the bands, and how wide they are. The band of least losses, where it is known, is in the key.

    Raises
    ------
    InputError
        If an argument is none of these.

    Examples
    --------
    >>> from adnflex.reporting.flexibility._example import example
    >>> flex, best, check = example()
    >>> [trace.name for trace in box_figure([flex, best], check).data if trace.showlegend is not False]
    ['before', 'promised', 'least losses', 'if nothing is asked for']
    """
    study = collected(flex, check)
    clock, box, before = study.clock, study.flex.box.astype(float), study.band_before()
    fig = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.07, row_heights=[0.68, 0.32])
    fig.update_layout(
        template=style.figure().layout.template, height=560, hovermode="x", bargap=0.2 if len(box) <= 48 else 0.0
    )
    if before is not None:
        add_band(fig, clock, before, "before", style.BEFORE, 0.35)
    name = "promised" if study.passed else "this box"
    add_band(fig, clock, box, name, style.AFTER, 0.25)
    for topology, (tint, dash) in _OTHERS.items():
        other = study.band(topology)
        if other is not None:
            _outline(fig, clock, other, topology, tint, dash)
    if "base_mw" in box:
        x, y = clock.stairs(box["base_mw"])
        line = {"color": style.INK, "width": 2, "dash": "dot"}
        fig.add_trace(
            go.Scatter(x=x, y=y, mode="lines", line=line | {"shape": "hv"}, name="if nothing is asked for",
                       hoverinfo="skip"),
            row=1, col=1,
        )  # fmt: skip
    told = _told(clock, box, before, name)
    middle = (box["lower_mw"] + box["upper_mw"]) / 2
    fig.add_trace(_pointer(clock, middle.to_numpy(), told), row=1, col=1)
    _widths(fig, clock, box, before, told, name)
    axis = clock.axis()
    title = axis.pop("title_text")
    fig.update_xaxes(**axis)
    fig.update_xaxes(title_text=title, row=2, col=1)
    fig.update_yaxes(title_text="import [MW]", zeroline=True, zerolinecolor=style.INK, row=1, col=1)
    fig.update_yaxes(title_text="width [MW]", rangemode="tozero", row=2, col=1)
    return fig


def add_band(
    fig: go.Figure, clock: Clock, band: pd.DataFrame, name: str, tint: str, opacity: float, row: int = 1
) -> None:
    """Add a filled band between the lower and the upper end."""
    x, low = clock.stairs(band["lower_mw"])
    _, high = clock.stairs(band["upper_mw"])
    line = {"color": tint, "width": 1.8, "shape": "hv"}
    both = {"x": x, "mode": "lines", "line": line, "legendgroup": name, "hoverinfo": "skip"}
    fig.add_trace(go.Scatter(y=low, showlegend=False, **both), row=row, col=1)
    fig.add_trace(go.Scatter(y=high, name=name, fill="tonexty", fillcolor=style.pale(tint, opacity), showlegend=True,
                             **both), row=row, col=1)  # fmt: skip


def _outline(fig: go.Figure, clock: Clock, band: pd.DataFrame, name: str, tint: str, dash: str) -> None:
    """Both ends of a band as lines that a click in the key shows."""
    for k, column in enumerate(("lower_mw", "upper_mw")):
        x, y = clock.stairs(band[column])
        line = {"color": tint, "width": 1.8, "dash": dash, "shape": "hv"}
        fig.add_trace(
            go.Scatter(x=x, y=y, mode="lines", line=line, name=name, legendgroup=name, showlegend=k == 0,
                       visible="legendonly", hoverinfo="skip"),
            row=1, col=1,
        )  # fmt: skip


def _widths(
    fig: go.Figure, clock: Clock, box: pd.DataFrame, before: pd.DataFrame | None, told: list[str], word: str
) -> None:
    """Bars side by side; one of them tells both."""
    pairs = [(word, box, style.AFTER)]
    if before is not None:
        pairs.insert(0, ("before", before, style.BEFORE))
    for name, band, tint in pairs:
        last = name == word
        fig.add_trace(
            go.Bar(
                x=clock.middles, y=_width(band), name=name, legendgroup=name, showlegend=False,
                marker={"color": tint, "line": {"width": 0}}, hoverinfo="text" if last else "skip",
                hovertext=told if last else None, textposition="none",
            ),
            row=2, col=1,
        )  # fmt: skip


def _width(band: pd.DataFrame) -> Floats:
    return np.asarray((band["upper_mw"] - band["lower_mw"]).to_numpy(dtype=float))


def _pointer(clock: Clock, height: Floats, told: list[str]) -> go.Scatter:
    """Points in the middle of each period that nobody sees and that tell everything about it."""
    return go.Scatter(
        x=clock.middles, y=height, mode="markers", marker={"size": 12, "opacity": 0}, hovertext=told,
        hoverinfo="text", showlegend=False,
    )  # fmt: skip


def _told(clock: Clock, box: pd.DataFrame, before: pd.DataFrame | None, word: str) -> list[str]:
    """Tell each period: both ends, the width, and those before."""
    texts = []
    for k, when in enumerate(clock.texts):
        row = box.iloc[k]
        text = f"<b>{when}</b><br>{word} {_ends(row)}"
        if before is not None:
            change = _width(box)[k] - _width(before)[k]
            text += f"<br>before {_ends(before.iloc[k])}"
            text += f"<br>{'wider' if change >= 0 else 'narrower'} by {fixed(abs(change), 3, 'MW')}"
        if "base_mw" in box:
            text += f"<br>if nothing is asked for {fixed(row['base_mw'], 3, 'MW')}"
        texts.append(text)
    return texts


def _ends(row: pd.Series) -> str:
    width = float(row["upper_mw"] - row["lower_mw"])
    return f"{fixed(row['lower_mw'], 3)} to {fixed(row['upper_mw'], 3, 'MW')} (width {fixed(width, 3, 'MW')})"
