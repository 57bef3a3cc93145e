"""The network before and after the switching, with the places whose limits hold the box back."""

from __future__ import annotations

from html import escape

import numpy as np
import pandas as pd
from plotly import graph_objects as go

from adnflex.errors import InputError
from adnflex.reporting.canvas.map import MapFigure
from adnflex.reporting.flexibility.holding import counted, limit_label, worth
from adnflex.reporting.flexibility.inputs import Limit, clock_of, limit_groups, require, spans
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
    drawn = MapFigure(flex.topology, flex.coordinates, state)
    groups = limit_groups(flex.binding if limits is None else limits)
    full = [g for g in groups if g.kind == "loading"]
    broad = [(str(g.element), int(str(g.index)), 4 + 4 * _weight(flex, g), _told(flex, g)) for g in full]
    drawn.highlight(broad, "loading limits", _LINES)
    for kind, (least, tint) in _BUSES.items():
        here = [g for g in groups if g.kind == kind and g.element == "bus"]
        drawn.ring(
            [(int(str(g.index)), least + 6 * _weight(flex, g), _told(flex, g)) for g in here], f"{kind} limits", tint
        )
    fig = drawn.done()
    fig.layout.margin.t = 36
    if not drawn.is_tree:
        fig.layout.height = _height(flex.coordinates)
    return fig


def _height(coordinates: pd.DataFrame) -> int:
    """Height of a map that is half a page wide, so that little air remains round it [px]."""
    across, up = (float(np.ptp(coordinates[c].to_numpy(dtype=float))) for c in ("x", "y"))
    return int(np.clip(150 + 560 * up / max(across, 1e-9), 330, 560))


def _weight(flex: Flexibility, group: Limit) -> float:
    """Share of the periods in which a limit holds the box back."""
    return min(len(group.periods) / max(len(flex.box), 1), 1.0)


def _told(flex: Flexibility, group: Limit) -> str:
    when = spans(clock_of(flex), group.periods)
    text = f"<b>{escape(limit_label(flex, group))}</b><br>limits in {counted(len(group.periods), 'period')}: {when}"
    gain = worth(group)
    return text + (f"<br>loosening it gives {gain}" if group.worth_mwh == group.worth_mwh else "")
