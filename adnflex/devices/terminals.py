"""Elements between two buses that are decisions: both ends read, and found fit for what pandapower makes of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
import pandas as pd

from adnflex.devices.base import Place
from adnflex.devices.inputs import Inputs, name_of, truth
from adnflex.grid.model import Grid


def controllable_links(inputs: Inputs, grid: Grid, table: str, kind: str) -> Iterator[tuple[Place, int, pd.Series]]:
    """Every element with ``from_bus`` and ``to_bus`` that is in service and controllable.

    pandapower's power flow has a voltage-controlled generator at each end, which is why an end has to stand at a
    supplied bus of its own; what does not is collected as a fault.

    Parameters
    ----------
    inputs : Inputs
        The net's tables; gets the faults.
    grid : Grid
        The grid.
    table, kind : str
        Of the places.

    Yields
    ------
    Place, int, pandas.Series
        The place (bus and node of the first end), the node of the second end, the row.
    """
    rows = inputs.net.get(table)
    if rows is None or not len(rows) or "controllable" not in rows.columns:
        return
    taken: set[int] = set()
    for index, row in rows[rows["in_service"].astype(bool) & truth(rows["controllable"])].iterrows():
        buses = int(row["from_bus"]), int(row["to_bus"])
        nodes = [inputs.node_of.get(b) for b in buses]
        place = Place(kind, table, int(str(index)), name_of(row), buses[0], nodes[0] or 0)
        inputs.require(nodes[0] != nodes[1], place, "both ends are one bus (closed couplers); take it out of service.")
        for end, bus, node in zip(("from", "to"), buses, nodes, strict=True):
            for fault in _faults_at(inputs, grid, node, taken):
                inputs.faults.append(f"{place}: its {end}_bus {bus} {fault}.")
        taken.update(n for n in nodes if n is not None)
        yield place, nodes[1] or 0, row


def _faults_at(inputs: Inputs, grid: Grid, node: int | None, taken: Collection[int]) -> Iterator[str]:
    if node is None:
        yield "is not supplied without it; close a switch, or take it out of service"
        return
    if not np.isnan(grid.root_v[node]):
        yield "is that of a source, which holds the voltage; connect it to a bus of its own by a line"
    if node in inputs.dependent:
        yield (
            "has a voltage-dependent load, whose share pandapower applies to everything at the bus; move one of them "
            "to a bus of its own or make the load constant power"
        )
    if node in taken:
        yield (
            "is that of another one, and pandapower would divide the reactive power between them; move one of them to "
            "a bus of its own"
        )
