"""Stored energy that the trajectories of a box can reach, within the limits of each storage."""

from __future__ import annotations

import numpy as np
import pandas as pd
from plotly import graph_objects as go
from plotly.subplots import make_subplots

from adnflex.errors import InputError
from adnflex.reporting import style
from adnflex.reporting.flexibility.inputs import clock_of, place, require
from adnflex.reporting.forest import Floats
from adnflex.reporting.text import fixed
from adnflex.results.flexibility import Flexibility, FlexibilityCheck

__all__ = ["energy_reach", "has_storages", "storage_figure"]

#: More storages than this are drawn as one, with their sums.
_MOST = 8
_COLUMNS = ("low_mwh", "high_mwh", "min_mwh", "max_mwh")


def has_storages(flex: Flexibility) -> bool:
    """Whether the box has stored energy to show."""
    return flex.energy.columns.nlevels == 2 and len(flex.energy.columns) > 0


def energy_reach(flex: Flexibility) -> dict[str, pd.DataFrame]:
    """Reach and limits of each storage [MWh] by its label; of very many, their sum.

    Examples
    --------
    >>> from adnflex.reporting.flexibility._example import example
    >>> {name: table.shape for name, table in energy_reach(example()[1]).items()}
    {'storage 0': (24, 4), 'storage 1': (24, 4)}
    """
    if not has_storages(flex):
        return {}
    storages = list(dict.fromkeys(flex.energy.columns.get_level_values(0)))
    tables = {s: flex.energy[s].reindex(columns=list(_COLUMNS)).astype(float) for s in storages}
    if len(tables) > _MOST:
        joint = sum(tables.values(), start=0.0 * next(iter(tables.values())))
        return {f"all {len(tables)} storages": joint}
    return {place(flex, "storage", s): table for s, table in tables.items()}


def storage_figure(flex: Flexibility, check: FlexibilityCheck | None = None) -> go.Figure:
    """Draw the stored energy [MWh] that any trajectory inside the box can reach, and the limits of each storage.

    Parameters
    ----------
    flex : Flexibility
        The box.
    check : FlexibilityCheck or None
        With one, the energy of its example trajectories is drawn inside.

    Returns
    -------
    plotly.graph_objects.Figure
        One panel a storage.

    Raises
    ------
    InputError
        If an argument is none of these, or there are no storages.

    Examples
    --------
    >>> from adnflex.reporting.flexibility._example import example
    >>> flex, best, check = example()
    >>> [t.name for t in storage_figure(best, check).data if t.showlegend]
    ['any trajectory', 'limits', 'examples']
    """
    require(flex, check)
    reach = energy_reach(flex)
    if not reach:
        raise InputError("plan: energy is empty, so there is nothing to draw; there are no storages.")
    clock = clock_of(flex)
    lines = _examples(flex, check, list(reach))
    count = len(reach)
    fig = make_subplots(
        rows=count, cols=1, shared_xaxes=True, vertical_spacing=0.24 / (count + 1), subplot_titles=list(reach)
    )
    fig.update_layout(template=style.figure().layout.template, height=110 + 190 * count, hovermode="x",
                      margin={"t": 70}, legend={"y": 1 + 26 / (190 * count)})  # fmt: skip
    fig.update_annotations(x=0, xanchor="left", font={"size": 13, "color": style.INK})
    for row, (name, table) in enumerate(reach.items(), start=1):
        start = _start(flex, name)
        _add(fig, row, clock.edges, table, start, [clock.text(t) for t in table.index])
        for values in lines.get(name, []):
            fig.add_trace(
                go.Scatter(
                    x=clock.edges, y=np.append(start, values), mode="lines", line={"color": style.INK, "width": 1},
                    opacity=0.45, name="examples", legendgroup="examples", hoverinfo="skip",
                    showlegend=not any(t.name == "examples" for t in fig.data),
                ),
                row=row, col=1,
            )  # fmt: skip
        fig.update_yaxes(title_text="[MWh]", rangemode="tozero", row=row, col=1)
    axis = clock.axis()
    title = axis.pop("title_text")
    fig.update_xaxes(**axis)
    fig.update_xaxes(title_text=title, row=count, col=1)
    return fig


def _add(fig: go.Figure, row: int, x: Floats, table: pd.DataFrame, start: float, texts: list[str]) -> None:
    """Reach as a filled band from the start on, and the limits as dashed lines."""
    low, high = (np.append(start, table[c].to_numpy()) for c in ("low_mwh", "high_mwh"))
    line = {"color": style.AFTER, "width": 1.8}
    first = row == 1
    both = {"x": x, "mode": "lines", "line": line, "name": "any trajectory", "legendgroup": "reach"}
    told = [f"before the horizon: {fixed(start, 3, 'MWh')}"] + [
        f"after {t}: {fixed(a, 3)} to {fixed(b, 3, 'MWh')}<br>limits {fixed(c, 3)} to {fixed(d, 3, 'MWh')}"
        for t, (a, b, c, d) in zip(texts, table[list(_COLUMNS)].to_numpy(), strict=True)
    ]
    fig.add_trace(go.Scatter(y=low, showlegend=False, hoverinfo="skip", **both), row=row, col=1)
    fig.add_trace(
        go.Scatter(y=high, fill="tonexty", fillcolor=style.pale(style.AFTER), showlegend=first, hovertext=told,
                   hoverinfo="text", **both),
        row=row, col=1,
    )  # fmt: skip
    for k, column in enumerate(("min_mwh", "max_mwh")):
        values = table[column].to_numpy()
        fig.add_trace(
            go.Scatter(
                x=x, y=np.append(values[:1], values), mode="lines", name="limits", legendgroup="limits",
                showlegend=first and k == 0, line={"color": style.LIMIT, "dash": "dash", "width": 1.5},
                hoverinfo="skip",
            ),
            row=row, col=1,
        )  # fmt: skip


def _start(flex: Flexibility, name: str) -> float:
    """Energy before the horizon of one storage, or of all."""
    starts = flex.storages["start_mwh"].astype(float)
    for storage, value in starts.items():
        if place(flex, "storage", storage) == name:
            return float(value)
    return float(starts.sum())


def _examples(flex: Flexibility, check: FlexibilityCheck | None, names: list[str]) -> dict[str, list[Floats]]:
    """Return the stored energy of the check's examples by label."""
    if check is None or check.example_setpoints.empty:
        return {}
    found: dict[str, list[Floats]] = {name: [] for name in names}
    for trajectory in dict.fromkeys(check.example_setpoints.index.get_level_values(0)):
        energy = flex.stored_energy(check.example_setpoints.loc[trajectory])
        if len(names) == 1 and len(energy.columns) > 1:
            found[names[0]].append(energy.sum(axis=1).to_numpy())
            continue
        for storage in energy.columns:
            name = place(flex, "storage", storage)
            if name in found:
                found[name].append(energy[storage].to_numpy())
    return found
