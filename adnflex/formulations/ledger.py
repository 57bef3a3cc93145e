"""What the chains of a directed chain hull add up to: losses, deviations, flows into junctions, copies of voltages."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyomo.environ as pyo

from adnflex.formulations.directed_planes import Drawn, Planes
from adnflex.grid.core import Core
from adnflex.grid.model import Grid


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
    lost, away : list
        Terms of the losses and of the deviations [pu].
    ends : dict of (int, int) to list
        Copies of the voltage at every end (0 or 1) of every chain.
    fed : dict of int to list
        Copies of the voltage of every junction in the chains that can feed it.
    p_in, q_in : dict of int to list
        Terms of the power into every junction [pu].
    """

    block: pyo.Block
    grid: Grid
    core: Core
    planes: Planes
    loss_cap: float
    off: bool
    lost: list[Any] = field(default_factory=list)
    away: list[Any] = field(default_factory=list)
    ends: dict[tuple[int, int], list[Any]] = field(default_factory=dict)
    fed: dict[int, list[Any]] = field(default_factory=dict)
    p_in: dict[int, list[Any]] = field(default_factory=dict)
    q_in: dict[int, list[Any]] = field(default_factory=dict)

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

    def deviate(self, v: Any, share: Any) -> None:
        """Count the distance of a squared voltage from 1, in units of its share."""
        b = self.block
        if not hasattr(b, "above"):
            b.above = pyo.VarList(bounds=(0, None))
            b.above_rows = pyo.ConstraintList(doc="distance of a voltage from 1")
        size = b.above.add()
        size.setub(max(abs(1 - 0.25), float(np.abs(self.bounds.v_max - 1).max())))
        b.above_rows.add(size >= v - share)
        b.above_rows.add(size >= share - v)
        self.away.append(size)

    def hang(self, tree: Drawn, rest: tuple[Any, Any], v: Any, share: Any) -> None:
        """Leave for a hanging tree at least what it draws; count its losses and deviations."""
        add = self.block.flow.add
        rest_p, rest_q = rest
        add(rest_p >= float(tree.p[0, -1]) * share + float(tree.p[1, -1]) * v)
        add(rest_q >= float(tree.q[0, -1]) * share + float(tree.q[1, -1]) * v)
        # what is drawn beyond the constant power is lost: no draught that costs nothing, which generation would seek
        self.lost.append(rest_p if tree.plain else float(tree.loss[0, -1]) * share + float(tree.loss[1, -1]) * v)
        if tree.plain and np.isfinite(tree.per_loss):
            add(rest_q <= tree.per_loss * rest_p)
        if self.off:
            self.away.append(float(tree.off[0, -1]) * share + float(tree.off[1, -1]) * v)
