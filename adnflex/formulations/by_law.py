"""A formulation from its law: branch flow, the hull of the chains and direction cuts, alike in all."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pyomo.environ as pyo

from adnflex.formulations.attachments import Attachments
from adnflex.formulations.bounds import Bounds
from adnflex.formulations.branch_flow import declare_branch_flow
from adnflex.formulations.chain_hull import declare_chain_hull
from adnflex.formulations.direction_cuts import declare_direction_cuts
from adnflex.formulations.formulation import Formulation
from adnflex.formulations.law import Law
from adnflex.grid.model import Grid
from adnflex.grid.topology import Chain


def by_law(name: str, law_of: Callable[[Grid], Law], bounds_ac: bool) -> Formulation:
    """Return the formulation of a law, with the inequalities that hold for anything between no loss and all of it."""

    def declare(
        block: pyo.Block,
        grid: Grid,
        bounds: Bounds,
        free: Sequence[int],
        more: Attachments | None = None,
        states: pyo.Block | None = None,
    ) -> None:
        declare_branch_flow(block, grid, bounds, free, law_of(grid), more, states)

    def strengthen(
        block: pyo.Block,
        grid: Grid,
        bounds: Bounds,
        chains: Sequence[Chain],
        free: Sequence[int],
        states: pyo.Block | None = None,
    ) -> None:
        declare_chain_hull(block, grid, bounds, chains, free, states)
        declare_direction_cuts(block, grid, bounds, np.flatnonzero(bounds.in_loop).tolist(), law_of(grid), states)

    return Formulation(name, declare, strengthen, bounds_ac)
