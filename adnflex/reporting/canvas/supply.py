"""Supply areas: which feeder of which source each bus hangs on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from adnflex.arrays import IntArray
from adnflex.grid.drawn_forest import DrawnForest, bus_forest
from adnflex.reporting.text import branch_label

# Buses on the way to where the feeders begin, and those without supply.
_TRUNK, _DARK = -1, -2


@dataclass(frozen=True)
class SupplyAreas:
    """Feeder of each bus.

    Attributes
    ----------
    of_bus : pandas.Series
        By bus the number of its feeder; -1 where the feeders begin and before, -2 without supply.
    names : list of str
        By feeder the branch over which it is fed.
    """

    of_bus: pd.Series
    names: list[str]

    def name(self, area: int) -> str:
        """Say over what an area is fed."""
        if area >= 0:
            return f"fed over {self.names[int(area)]}"
        return "without supply" if area == _DARK else ""


def supply_areas(topology: pd.DataFrame, coordinates: pd.DataFrame, state: str) -> SupplyAreas:
    """Find the feeders of a net in a state: they begin where the way from a source divides for the first time.

    Parameters
    ----------
    topology, coordinates : pandas.DataFrame
        Drawing tables, as in `adnflex.Plan`.
    state : str
        ``before`` or ``after``.

    Examples
    --------
    >>> ends = {"from_bus": [0, 1, 1], "to_bus": [1, 2, 3], "closed_after": True, "element": "line", "name": ""}
    >>> found = supply_areas(
    ...     pd.DataFrame(ends).assign(index=[5, 6, 7]), pd.DataFrame({"kind": ["root", "bus", "bus", "bus"]}), "after"
    ... )
    >>> found.of_bus.tolist(), found.names
    ([-1, -1, 0, 1], ['line 6', 'line 7'])
    """
    forest, closed = bus_forest(topology, coordinates, state)
    trunk = _trunk(forest)
    area = np.full(len(forest.parent), _TRUNK, dtype=np.int64)
    firsts: list[int] = []
    for node in forest.order.tolist():
        above = int(forest.parent[node])
        if not forest.supplied[node]:
            area[node] = _DARK
        elif above >= 0 and node not in trunk:
            if area[above] < 0:
                firsts.append(int(forest.via[node]))
            area[node] = area[above] if area[above] >= 0 else len(firsts) - 1
    table = closed[["element", "index", "name"]].iloc[firsts]
    names = [branch_label(str(e), int(i), n) for e, i, n in table.itertuples(index=False)]
    return SupplyAreas(pd.Series(area, index=coordinates.index), names)


def _trunk(forest: DrawnForest) -> set[int]:
    """Nodes from each source to where the way divides; of one that never does only the source."""
    children: IntArray = np.bincount(forest.parent[forest.parent >= 0], minlength=len(forest.parent))
    only = {
        int(above): node for node, above in enumerate(forest.parent.tolist()) if above >= 0 and children[above] == 1
    }
    found: set[int] = set()
    for top in set(forest.top.tolist()):
        way = [top]
        while way[-1] in only:
            way.append(only[way[-1]])
        found.update(way if children[way[-1]] else way[:1])
    return found
