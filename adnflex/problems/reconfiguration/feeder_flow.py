"""Power flow of feeders: what each of some trees that hang on roots loses and violates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adnflex.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from adnflex.grid.cumulated import CumulatedSums
from adnflex.grid.model import Grid
from adnflex.grid.topology import Forest


@dataclass(frozen=True, slots=True)
class FeederTree:
    """A feeder without its flow, in preorder.

    Attributes
    ----------
    branches : tuple of int
        Branch above every node; the first one, at a root, names the feeder.
    nodes : list of int
        The nodes.
    above : list of int
        Place of the node above, -1 for the first.
    away : list of bool
        Whether a branch points (from, to) away from the root.
    depth : list of int
        Branches to the root, less one.
    """

    branches: tuple[int, ...]
    nodes: list[int]
    above: list[int]
    away: list[bool]
    depth: list[int]


@dataclass(frozen=True, slots=True)
class Feeder:
    """A solved feeder.

    Attributes
    ----------
    tree : FeederTree
        Its nodes and branches.
    solved : bool
        Whether its power flow has a solution; without one the rest says nothing.
    current : (k,) complex array
        Series currents of its branches in from-to direction [pu].
    loss : float
        Active losses: series, charging and iron [pu].
    violation : float
        Sum of its voltages beyond limits [pu] and relative overloads [-].
    worst_pu, worst_loading : float
        The largest of each; negative where all limits are met.
    off : float
        Sum of ``|v - 1|`` over its nodes that count, `v` the squared voltage.
    """

    tree: FeederTree
    solved: bool
    current: ComplexArray
    loss: float = math.nan
    violation: float = math.inf
    worst_pu: float = math.inf
    worst_loading: float = math.inf
    off: float = math.nan


class FeederFlow:
    """Solves feeders of a grid.

    Parameters
    ----------
    grid : Grid
        The grid.
    counted : (n,) array of bool
        Nodes whose voltage counts in `Feeder.off`.
    """

    def __init__(self, grid: Grid, counted: BoolArray) -> None:
        self.grid, self.counted = grid, counted
        self.s, self.z = grid.p + 1j * grid.q, grid.r + 1j * grid.x
        self.has_ratios = bool(np.any(grid.ratio != 1.0))
        # shunts while every branch is open, and what a branch adds at its ends by being closed
        self.open_y = grid.shunts(np.zeros(grid.m, dtype=bool))
        self.more_from = (grid.y_from - grid.open_from) / grid.ratio**2
        self.more_to = grid.y_to - grid.open_to
        self.vm_root = np.sqrt(np.nan_to_num(grid.root_v))
        self.low, self.high = np.sqrt(grid.v_min), np.sqrt(grid.v_max)
        # terminals stand in the order of their branches
        rated = grid.ratings.branch
        self.first = np.searchsorted(rated, np.arange(grid.m + 1))

    @property
    def roots(self) -> Feeder:
        """The roots themselves, as a feeder without branches: their charging, violations and deviations."""
        g, nodes = self.grid, self.grid.roots
        v, nothing = self.vm_root[nodes], np.zeros(0, dtype=complex)
        charging = (self.open_y - g.y).real[nodes]
        under, over = self.low[nodes] - v, v - self.high[nodes]
        return Feeder(
            FeederTree((), nodes.tolist(), [], [], []),
            True,
            nothing,
            loss=float(charging @ v**2),
            violation=float(np.maximum(under, 0).sum() + np.maximum(over, 0).sum()),
            worst_pu=float(max(under.max(), over.max())),
            worst_loading=-1.0,
            off=float(np.abs(v**2 - 1)[self.counted[nodes]].sum()),
        )

    def solve(self, trees: Sequence[FeederTree]) -> list[Feeder]:
        """Solve trees side by side; one without a solution does not hinder the others."""
        if not trees:
            return []
        places = _Places(self, trees)
        volt, through = places.solved()
        if np.isfinite(volt).all():
            return places.feeders(volt, through)
        if len(trees) == 1:
            return [Feeder(trees[0], False, through)]
        return [self.solve([tree])[0] for tree in trees]


class _Places:
    """The nodes of some trees, one tree behind the other, in preorder."""

    def __init__(self, flow: FeederFlow, trees: Sequence[FeederTree]) -> None:
        self.flow, self.trees, g = flow, trees, flow.grid
        self.node = np.array([v for t in trees for v in t.nodes])
        self.branch = np.array([k for t in trees for k in t.branches])
        self.away = np.array([a for t in trees for a in t.away])
        lengths = [len(t.nodes) for t in trees]
        self.start = np.cumsum([0, *lengths[:-1]])
        self.root = np.array([g.f[t.branches[0]] if t.away[0] else g.t[t.branches[0]] for t in trees])
        self.vm_root = np.repeat(flow.vm_root[self.root], lengths)
        # place of the node above; the first node of a tree has none and points to itself
        self.above = np.array([u for t in trees for u in t.above]) + np.repeat(self.start, lengths)
        self.above[self.start] = self.start
        ones = np.ones(len(self.node))
        self.scale, above = self._ratios() if flow.has_ratios else (ones, ones)
        # a branch that points to the root has its ratio on the far side: refer it there
        self.side = np.where(self.away, self.scale, above)
        self.charging = (flow.open_y - g.y)[self.node] + self._closed_charging()

    def _ratios(self) -> tuple[FloatArray, FloatArray]:
        """Product of the ratios between the root and every node, and the node above it."""
        ratio = self.flow.grid.ratio[self.branch].tolist()
        scale: list[float] = []
        above: list[float] = []
        for tree, start in zip(self.trees, self.start.tolist(), strict=True):
            for i, (up, away) in enumerate(zip(tree.above, tree.away, strict=True), start=start):
                above.append(scale[start + up] if up >= 0 else 1.0)
                scale.append(above[-1] * (ratio[i] if away else 1 / ratio[i]))
        return np.array(scale), np.array(above)

    def _closed_charging(self) -> ComplexArray:
        """Return what the branches add to the shunts of the nodes; at roots it counts where they hang."""
        flow, k = self.flow, self.branch
        near = np.where(self.away, flow.more_from[k], flow.more_to[k])
        total = np.where(self.away, flow.more_to[k], flow.more_from[k])
        self.at_root = near[self.start].real * flow.vm_root[self.root] ** 2
        near[self.start] = 0
        np.add.at(total, self.above, near)
        return np.asarray(total)

    def solved(self) -> tuple[ComplexArray, ComplexArray]:
        """Voltages, and currents above the nodes, referred to the roots; NaN where there is no solution."""
        g, node = self.flow.grid, self.node
        here = np.arange(len(node))
        below, depth = self._below()
        tree = Forest(here, below, here, here, self.away, depth)
        sums = CumulatedSums(tree, self.flow.z[self.branch] * self.side**2)
        shunt = ((self.charging + g.y[node]) / self.scale**2)[:, None]
        v, current = sums.solve(g.p[node, None], g.q[node, None], shunt, self.vm_root[:, None])
        return v[:, 0], current[:, 0]

    def _below(self) -> tuple[IntArray, IntArray]:
        """Count the nodes below every node, and the branches to its root less one."""
        below: list[int] = []
        for tree in self.trees:
            found = [0] * len(tree.nodes)
            for i in range(len(found) - 1, 0, -1):
                found[tree.above[i]] += found[i] + 1
            below += found
        return np.array(below), np.array([d for t in self.trees for d in t.depth])

    def feeders(self, volt: ComplexArray, through: ComplexArray) -> list[Feeder]:
        """Measure every tree."""
        flow, node, k = self.flow, self.node, self.branch
        current = through * np.where(self.away, self.side, -self.side)
        squared, v = np.abs(current) ** 2, (np.abs(volt) / self.scale) ** 2
        vm = np.sqrt(v)
        beyond = np.maximum(flow.low[node] - vm, vm - flow.high[node])
        over, worst = self._loadings(current, volt / self.scale)
        off = np.abs(v - 1) * flow.counted[node]
        loss = flow.grid.r[k] * squared + self.charging.real * v
        sums = [np.add.reduceat(a, self.start) for a in (loss, np.maximum(beyond, 0) + over, off)]
        most = [np.maximum.reduceat(a, self.start) for a in (beyond, worst)]
        parts = np.split(current, self.start[1:])
        rows = zip(self.trees, parts, sums[0] + self.at_root, sums[1], *most, sums[2], strict=True)
        return [Feeder(t, True, c, float(a), float(b), float(w), float(o), float(d)) for t, c, a, b, w, o, d in rows]

    def _loadings(self, current: ComplexArray, volt: ComplexArray) -> tuple[FloatArray, FloatArray]:
        """Sum of the relative overloads of every branch, and the worst of them; -1 where it has no limit."""
        flow, rated = self.flow, self.flow.grid.ratings
        number = flow.first[self.branch + 1] - flow.first[self.branch]
        over, worst = np.zeros(len(number)), np.full(len(number), -1.0)
        if not number.any():
            return over, worst
        owner = np.repeat(np.arange(len(number)), number)
        row = np.repeat(flow.first[self.branch] - np.cumsum(number) + number, number) + np.arange(len(owner))
        # voltages at both ends, the from end behind its ratio
        upper = volt[self.above]
        upper[self.start] = self.flow.vm_root[self.root]
        ratio = flow.grid.ratio[self.branch]
        at_from, at_to = np.where(self.away, upper, volt) / ratio, np.where(self.away, volt, upper)
        from_end = rated.at_from[row]
        series = np.where(from_end, current[owner], -current[owner]) * rated.share[row]
        drawn = np.abs(series + rated.y[row] * np.where(from_end, at_from[owner], at_to[owner]))
        # a limit of 0 allows no current at all
        beyond = np.where(drawn > 0, drawn / np.maximum(rated.limit[row], 1e-12), 0.0) - 1
        np.add.at(over, owner, np.maximum(beyond, 0))
        np.maximum.at(worst, owner, beyond)
        return over, worst
