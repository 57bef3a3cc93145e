"""A flow that only a connected choice of modes can carry: no ring of chains that feed each other beside the root.

Where every chain that feeds draws power by itself, the balances forbid such a ring; else each junction takes one unit
of a commodity that comes from a root.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyomo.environ as pyo

from adnflex.formulations.modes import Mode
from adnflex.grid.core import Core
from adnflex.grid.model import Grid


def declare_connection(block: pyo.Block, grid: Grid, core: Core, modes: Sequence[Mode]) -> None:
    """Declare the commodity where it is needed.

    Parameters
    ----------
    block : pyomo Block
        Has binaries ``feed``; gets ``reach`` by (chain, sense).
    grid, core : Grid, Core
        The grid and its core.
    modes : sequence of Mode
        See `modes_of`.
    """
    closed = [m for m in modes if m.kind]
    if not closed or not _rings_possible(grid, core, closed):
        return
    most = len(core.junctions)
    block.reach = pyo.Var(
        [(m.chain, m.kind) for m in closed],
        bounds=(0, most),
        doc="number of junctions that are fed through a chain",
    )
    block.reach_in_use = pyo.Constraint(
        list(block.reach), rule=lambda b, c, d: b.reach[c, d] <= most * b.feed[c, d], doc="none where it does not feed"
    )
    taken: dict[int, list[object]] = {j: [] for j in core.junctions}
    for m in closed:
        ends = core.chains[m.chain].nodes[0], core.chains[m.chain].nodes[-1]
        near, far = ends if m.kind == 1 else ends[::-1]
        taken[far].append(block.reach[m.chain, m.kind])
        if near in taken:
            taken[near].append(-block.reach[m.chain, m.kind])
    block.reached = pyo.Constraint(
        core.junctions, rule=lambda _, j: pyo.quicksum(taken[j]) == 1, doc="a junction takes one unit"
    )


def _rings_possible(grid: Grid, core: Core, closed: Sequence[Mode]) -> bool:
    """Whether some ring of chains might need no power from outside."""
    yields = (grid.p < 0).any() or (grid.y.real < 0).any() or (grid.r < 0).any()
    if yields or (np.concatenate([grid.y_from.real, grid.y_to.real, grid.open_from.real, grid.open_to.real]) < 0).any():
        return True
    drawn = grid.p.copy()
    for node, tree in core.hanging.items():
        drawn[node] += grid.p[[step.far for step in tree]].sum()
    for m in closed:
        nodes = core.chains[m.chain].nodes
        if not drawn[list(nodes[1:] if m.kind == 1 else nodes[:-1])].sum() > 0:
            return True
    return False
