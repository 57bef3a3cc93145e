"""A box of two periods in the plane of their imports, as studies of two periods draw it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.reporting import page, style
from adnflex.reporting.flexibility.view import FlexibilityView
from adnflex.reporting.page import Html
from adnflex.reporting.text import fixed, signed
from adnflex.reporting.views import NothingToDraw

#: Bands of the comparison beside the box, in the order of their colours.
_TINTS = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def of_two(view: FlexibilityView) -> bool:
    """Whether there are two periods, so that the box is a rectangle."""
    return len(view.flex.box) == 2


def pair(view: FlexibilityView) -> list[int]:
    """Return the places of the two periods that are drawn: the widest ones, in their order."""
    box = view.flex.box
    if len(box) < 2:
        raise NothingToDraw("plan: has one period; two are needed to draw one against the other.")
    return sorted((box["upper_mw"] - box["lower_mw"]).astype(float).to_numpy().argsort(kind="stable")[-2:].tolist())


def rectangles(view: FlexibilityView) -> dict[str, pd.DataFrame]:
    """Boxes of two periods by name, that of the answer last; boxes equal to the answer's are left out."""
    two = pair(view)
    own = view.flex.box[["lower_mw", "upper_mw"]].astype(float).iloc[two]
    before, found = view.band_before(), {}
    if before is not None:
        found["before"] = before.iloc[two]
    for title in (
        dict.fromkeys(view.flex.bands.columns.get_level_values(0)) if view.flex.bands.columns.nlevels > 1 else ()
    ):
        band = view.band(str(title))
        band = None if band is None else band.iloc[two]
        if band is not None and title != "present" and np.abs(band - own).to_numpy().max() > 1e-6:
            found[str(title)] = band
    return {**found, "promised" if view.passed else "this box": own}


def area(band: pd.DataFrame) -> float:
    """Area of a box of two periods [MW2]."""
    return float((band["upper_mw"] - band["lower_mw"]).prod())


def plane(view: FlexibilityView) -> go.Figure:
    """Draw the imports of two periods against each other [MW], the widest ones of many; areas in MW².

    Every point inside a rectangle can be followed.
    """
    fig = style.figure(520, hovermode="closest", margin={"t": 70})
    bands = rectangles(view)
    names = list(bands)
    for k, (name, band) in enumerate(bands.items()):
        own = name == names[-1]
        tint = style.AFTER if own else style.BEFORE if name == "before" else _TINTS[k % len(_TINTS)]
        (a, b), (c, d) = band.to_numpy()
        told = f"{name}, {fixed(area(band), 2, 'MW²')}"
        fig.add_trace(
            go.Scatter(
                x=[a, b, b, a, a], y=[c, c, d, d, c], mode="lines", name=told, hoverinfo="text", hovertext=told,
                line={"color": tint, "width": 3 if own else 2, "dash": "solid" if own else "dash"},
                fill="toself" if own else "none", fillcolor=style.pale(tint, 0.25),
            )
        )  # fmt: skip
    base = view.flex.box["base_mw"].to_numpy(dtype=float)[pair(view)]
    if np.isfinite(base).all():
        told = f"if nothing is asked for: {fixed(base[0], 3)} and {fixed(base[1], 3, 'MW')}"
        marker = {"color": style.INK, "size": 9, "symbol": "x"}
        point = {"x": base[:1], "y": base[1:], "mode": "markers", "marker": marker}
        fig.add_trace(go.Scatter(**point, name="if nothing is asked for", hoverinfo="text", hovertext=told))
    first, second = (view.clock.texts[k] for k in pair(view))
    fig.update_xaxes(title_text=f"import {first} [MW]", zeroline=True, zerolinecolor=style.FAINT, constrain="domain")
    fig.update_yaxes(title_text=f"import {second} [MW]", zeroline=True, zerolinecolor=style.FAINT, scaleanchor="x")
    return fig


def plane_table(view: FlexibilityView) -> Html:
    """Widths in both periods, their sum and product, beside those of the first box."""
    bands = rectangles(view)
    first = area(next(iter(bands.values())))
    rows: list[list[str]] = []
    for name, band in bands.items():
        width = (band["upper_mw"] - band["lower_mw"]).to_numpy()
        change = signed(100 * (area(band) / first - 1)) if first > 0 and len(rows) else ""
        rows.append([name, *(fixed(w, 3, "MW") for w in width), fixed(area(band), 3, "MW²"), change])
    heads = [
        "box",
        *(f"width {when}" for when in (view.clock.texts[k] for k in pair(view))),
        "area",
        "against the first",
    ]
    return page.table(heads, rows, heads[1:])
