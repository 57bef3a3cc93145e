"""The network before and after the switching, with the places whose limits hold the box back."""

from __future__ import annotations

import math
from html import escape

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.errors import InputError
from adnflex.reporting.flexibility.holding import counted, limit_label, worth
from adnflex.reporting.flexibility.inputs import Limit, clock_of, limit_groups, require, spans
from adnflex.reporting.geometry import joined, middles, polylines
from adnflex.reporting.inputs import branch_table, bus_table, require_drawing
from adnflex.reporting.network import network_figure
from adnflex.results import Plan
from adnflex.results.flexibility import Flexibility, FlexibilityCheck

__all__ = ["map_figure"]

#: Size [px] and colour of the ring round a bus whose voltage limits the box.
#: Of both kinds one ring is wider, so that a bus that has both shows both.
_BUSES = {"voltage low": (16, "#6a3d9a"), "voltage high": (26, "#D55E00")}
_LINES = "#B3261E"


def map_figure(
    flex: Flexibility,
    check: FlexibilityCheck | None = None,
    state: str = "after",
    limits: pd.DataFrame | None = None,
) -> go.Figure:
    """Map of the network with the lines and buses that hold the box back.

    Branches that limit are red, the wider the more periods they do; buses that limit have a ring, the larger the
    more. Open branches and those that are switched have the signs of every map.

    Parameters
    ----------
    flex : Flexibility
        The box, with its drawing tables.
    check : FlexibilityCheck or None
        Not needed; taken so that all figures are called alike.
    state : str
        ``before`` or ``after``.
    limits : pandas.DataFrame, optional
        Limits to be marked, with the columns of `Flexibility.binding`, which is also what is taken by default.

    Returns
    -------
    plotly.graph_objects.Figure
        The map.

    Raises
    ------
    InputError
        If an argument is none of these, or there are no drawing tables.

    Examples
    --------
    >>> from adnflex.reporting.flexibility._example import example
    >>> flex, best, check = example()
    >>> map_figure(best, check, "before", flex.binding).layout.meta["state"]
    'before'
    """
    require(flex, check)
    if state not in {"before", "after"}:
        raise InputError(f"state: is {state!r}; give one of before, after.")
    require_drawing(flex)
    plan = _drawn(flex)
    fig = network_figure(plan, None, state)
    # There is nothing to colour by: AC power flow keeps only the extreme values of each state.
    fig.layout.updatemenus = ()
    fig.layout.annotations = ()
    fig.layout.margin.t = 36
    if not (flex.coordinates["origin"] == "tree").all():
        fig.layout.height = _height(flex.coordinates)
    groups = limit_groups(flex.binding if limits is None else limits)
    for trace in [*_branches(plan, flex, groups), *_buses(flex, groups)]:
        fig.add_trace(trace)
    return fig


def _height(coordinates: pd.DataFrame) -> int:
    """Height of a map that is half a page wide, so that little air remains round it [px]."""
    across, up = (float(np.ptp(coordinates[c].to_numpy(dtype=float))) for c in ("x", "y"))
    return int(np.clip(150 + 560 * up / max(across, 1e-9), 330, 560))


def _drawn(flex: Flexibility) -> Plan:
    """Return the plan of a reconfiguration that has the same map."""
    empty = pd.DataFrame()
    columns = ["element", "index", "loading_before_percent", "loading_percent", "loading_limit_percent", "loss_mw"]
    return Plan(
        net_name=flex.net_name, objective_name="", weights={}, objective=math.nan, bound=math.nan, unit="",
        gap=math.nan, status="", switches=empty, buses=pd.DataFrame({"vm_pu": []}, dtype=float),
        branches=pd.DataFrame(columns=columns), losses_mw=math.nan, losses_before_mw=math.nan, progress=empty,
        solver="", seconds=0.0, options={}, vm_limits=None, fingerprint="", topology=flex.topology,
        coordinates=flex.coordinates,
    )  # fmt: skip


def _branches(plan: Plan, flex: Flexibility, groups: list[Limit]) -> list[go.Scatter]:
    """Draw limiting branches over the others, each with what it tells in its middle."""
    buses, table = bus_table(plan, None), branch_table(plan, None)
    lines = polylines(table, buses, bool((buses["origin"] == "tree").all()))
    middle = middles(lines)
    found: list[go.Scatter] = []
    places: list[tuple[float, float, str]] = []
    for group in (g for g in groups if g.kind == "loading"):
        rows = np.flatnonzero(((table["element"] == group.element) & (table["index"] == group.index)).to_numpy())
        if not len(rows):
            continue
        x, y = joined([lines[k] for k in rows])
        line = {"color": _LINES, "width": 4 + 4 * _weight(flex, group)}
        found.append(
            go.Scatter(x=x, y=y, mode="lines", line=line, name="loading limits", legendgroup="loading",
                       showlegend=not found, hoverinfo="skip")
        )  # fmt: skip
        places += [(float(middle[k, 0]), float(middle[k, 1]), _told(flex, group)) for k in rows]
    return [*found, _pointers(places)] if places else []


def _buses(flex: Flexibility, groups: list[Limit]) -> list[go.Scatter]:
    """Rings round limiting buses."""
    found = []
    for kind, (least, tint) in _BUSES.items():
        here = [g for g in groups if g.kind == kind and g.element == "bus" and g.index in flex.coordinates.index]
        if not here:
            continue
        xy = flex.coordinates.loc[[g.index for g in here], ["x", "y"]].astype(float)
        found.append(
            go.Scatter(
                x=xy["x"].to_numpy(), y=xy["y"].to_numpy(), mode="markers", name=f"{kind} limits",
                marker={"symbol": "circle-open", "color": tint, "size": [least + 6 * _weight(flex, g) for g in here],
                        "line": {"width": 3.5, "color": tint}},
                hovertext=[_told(flex, g) for g in here], hoverinfo="text", showlegend=True,
            )
        )  # fmt: skip
    return found


def _pointers(places: list[tuple[float, float, str]]) -> go.Scatter:
    x, y, told = (list(column) for column in zip(*places, strict=True))
    return go.Scatter(
        x=x, y=y, mode="markers", marker={"size": 16, "opacity": 0}, hovertext=told, hoverinfo="text", showlegend=False
    )


def _weight(flex: Flexibility, group: Limit) -> float:
    """Share of the periods in which a limit holds the box back."""
    return min(len(group.periods) / max(len(flex.box), 1), 1.0)


def _told(flex: Flexibility, group: Limit) -> str:
    when = spans(clock_of(flex), group.periods)
    text = f"<b>{escape(limit_label(flex, group))}</b><br>limits in {counted(len(group.periods), 'period')}: {when}"
    gain = worth(group)
    return text + (f"<br>loosening it gives {gain}" if group.worth_mwh == group.worth_mwh else "")
