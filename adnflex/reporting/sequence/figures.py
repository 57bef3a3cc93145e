"""Figures of a sequence: what every state on the way is like."""

from __future__ import annotations

from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.reporting import style
from adnflex.reporting.canvas.map import MapFigure
from adnflex.reporting.findings import has_ratings
from adnflex.reporting.sequence.view import SequenceView
from adnflex.reporting.views import NothingToDraw


def network(view: SequenceView) -> go.Figure:
    """Draw the network after the last step, each operation with its number, each feeder in its colour."""
    found = view.sequence
    return MapFigure(found.topology, found.coordinates, "after", steps=view.step_numbers).done("supply")


def states(view: SequenceView) -> go.Figure:
    """Draw voltages [pu], loading [%] and load without supply [MW] after every step."""
    steps = view.sequence.steps
    if steps.empty:
        raise NothingToDraw("plan: nothing is switched, so there is nothing to draw.")
    panels = [("voltages [pu]", [("vm_min_pu", "lowest", style.AFTER), ("vm_max_pu", "highest", style.BOUND)])]
    if has_ratings(steps["loading_percent"]):
        panels.append(("highest loading [%]", [("loading_percent", "loading", style.INK)]))
    if (steps["dark_mw"] > 0).any():
        panels.append(("without supply [MW]", [("dark_mw", "without supply", style.OVER_LIMIT)]))
    fig = make_subplots(rows=len(panels), cols=1, shared_xaxes=True, vertical_spacing=0.08)
    fig.update_layout(template=style.TEMPLATE, height=140 + 170 * len(panels))
    done = [f"{row['action']} {row['element']} {row['index']}" for _, row in steps.iterrows()]
    for k, (title, lines) in enumerate(panels, start=1):
        for column, name, colour in lines:
            fig.add_scatter(
                x=steps.index, y=steps[column], name=name, mode="lines+markers", row=k, col=1, hovertext=done,
                line={"color": colour, "shape": "hv", "width": 2}, marker={"size": 8},
                hovertemplate=f"after step %{{x}} (%{{hovertext}}): %{{y:.5g}}<extra>{name}</extra>",
            )  # fmt: skip
        fig.update_yaxes(title_text=title, row=k, col=1)
    fig.update_xaxes(dtick=1)
    fig.update_xaxes(title_text="after step", row=len(panels), col=1)
    return fig
