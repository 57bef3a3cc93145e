"""What the chains of a directed chain hull add up to: losses, deviations, flows into junctions, copies of voltages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import FloatArray
from adnflex.formulations.directed_planes import Drawn, Planes
from adnflex.grid.core import Core
from adnflex.grid.model import Grid
from adnflex.solvers.sums import Linear, RowList


@dataclass
class Ledger:
    """The model so far, and the sums that its chains contribute to.

    Attributes
    ----------
    block : pyomo Block
        The model; has ``open_at`` and ``feed``.
    grid, core, planes : Grid, Core, Planes
        What it is made from.
    loss_cap : float
        Losses of a known state [pu].
    off : bool
        Whether voltage deviations are asked for.
    rows : RowList
        Rows of branch flow.
    lost : list of Linear
        Terms of the losses [pu].
    away : list
        Expressions, terms of the deviations [pu].
    ends : dict of (int, int) to list
        Copies of the voltage at every end (0 or 1) of every chain.
    fed : dict of int to list
        Copies of the voltage of every junction in the chains that can feed it.
    joined : dict of (int, int) to list
        Copies of the voltage of a junction in the closed chains between it and another node, with the chain and the
        share.
    p_in, q_in : dict of int to list
        Terms of the power into every junction [pu].
    """

    block: pyo.Block
    grid: Grid
    core: Core
    planes: Planes
    loss_cap: float
    off: bool
    rows: RowList = field(default_factory=RowList)
    lost: list[Linear] = field(default_factory=list)
    away: list[Any] = field(default_factory=list)
    ends: dict[tuple[int, int], list[Linear]] = field(default_factory=dict)
    fed: dict[int, list[Linear]] = field(default_factory=dict)
    joined: dict[tuple[int, int], list[tuple[int, Linear, Linear]]] = field(default_factory=dict)
    p_in: dict[int, list[Linear]] = field(default_factory=dict)
    q_in: dict[int, list[Linear]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        grid = self.grid
        self.roots = set(grid.roots.tolist())
        #: narrowed by what hangs on the core
        self.bounds = self.planes.bounds
        #: what a node of the core draws with its tree, but for losses and shunts [pu]
        self.base = grid.p + 1j * grid.q
        for node, tree in self.planes.hanging.items():
            self.base[node] += tree.base
        for j in self.core.junctions:
            self.p_in[j], self.q_in[j] = [], []

    def deviate(self, v: Linear, share: Linear) -> None:
        """Count the distance of a squared voltage from 1, in units of its share."""
        b, more = self.block, (v - share).expression()
        if not hasattr(b, "above"):
            b.above = pyo.VarList(bounds=(0, None))
            b.above_rows = pyo.ConstraintList(doc="distance of a voltage from 1")
        size = b.above.add()
        size.setub(max(abs(1 - 0.25), float(np.abs(self.bounds.v_max - 1).max())))
        b.above_rows.add(size >= more)
        b.above_rows.add(size >= -more)
        self.away.append(size)

    def hang(self, tree: Drawn, rest: tuple[Linear, Linear], v: Linear, share: Linear) -> None:
        """Leave for a hanging tree at least what it draws; count its losses and deviations."""
        rest_p, rest_q = rest
        self.rows.at_least(rest_p - plane_at(tree.p, share, v))
        self.rows.at_least(rest_q - plane_at(tree.q, share, v))
        # what is drawn beyond the constant power is lost: no draught that costs nothing, which generation would seek
        self.lost.append(rest_p if tree.plain else plane_at(tree.loss, share, v))
        if tree.plain and np.isfinite(tree.per_loss):
            self.rows.at_most(rest_q - tree.per_loss * rest_p)
        if self.off:
            self.away.append(plane_at(tree.off, share, v).expression())


def plane_at(planes: FloatArray, share: Linear, v: Linear) -> Linear:
    """Return the last one of some planes at a squared voltage, times a share."""
    return float(planes[0, -1]) * share + float(planes[1, -1]) * v
