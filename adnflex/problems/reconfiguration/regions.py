"""Regions of a contracted grid: what each costs at least by itself, as cuts that lift the relaxation of the whole."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from adnflex.algorithms.branch_and_bound import branch_and_bound
from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.grid.core import Core
from adnflex.problems.reconfiguration.directed import DirectedReconfiguration
from adnflex.problems.reconfiguration.mode_sets import ModeSets
from adnflex.problems.reconfiguration.probing import Expander, Expansion, ModeNode, ModeTree
from adnflex.solvers.regional import Cut, part_of
from adnflex.solvers.shrinking import ShrinkingConic

# Variables of a chain that belong to all of its modes.
_STUBS = ("stub_p", "stub_q", "stub_loss", "stub_off", "stub_sag")

# Nodes of a region's search: what is left then is bounded by its relaxations.
_NODES = 20

# Part of what is not known of a region that is not worth a search.
_ENOUGH = 0.01


class Places(NamedTuple):
    """Where the columns of a model belong.

    Attributes
    ----------
    chain, junction : (n,) array of int
        Chain of every column, and junction by its number; -1 where it is none.
    ends : (c, 2) array of int
        Junctions at the ends of every chain by their numbers, -1 for roots.
    """

    chain: IntArray
    junction: IntArray
    ends: IntArray

    @classmethod
    def of(cls, problem: DirectedReconfiguration) -> Places:
        """Take those of a model."""
        columns, owner = problem.form.columns(), problem.owner
        number = {j: i for i, j in enumerate(problem.core.junctions)}
        chain, junction = np.full(len(owner), -1), np.full(len(owner), -1)
        of_mode = np.array([m.chain for m in problem.modes], dtype=np.int64)
        chain[owner >= 0] = of_mode[owner[owner >= 0]]
        for part in problem.flows:
            stubs = [s for name in _STUBS if (s := part.component(name)) is not None]
            for key, variable in (item for stub in stubs for item in stub.items()):
                if id(variable) in columns:
                    chain[columns[id(variable)]] = key[0]
            for j, variable in part.v.items():
                if id(variable) in columns:
                    junction[columns[id(variable)]] = number[j]
        ends = [[number.get(c.nodes[0], -1), number.get(c.nodes[-1], -1)] for c in problem.core.chains]
        return cls(chain, junction, np.array(ends, dtype=np.int64).reshape(-1, 2))

    def inside(self, junctions: Sequence[int]) -> BoolArray:
        """Columns of some junctions and of all chains that end at one of them."""
        # one more, which -1 means
        chosen = np.zeros(int(self.ends.max(initial=-1)) + 2, dtype=bool)
        chosen[list(junctions)] = True
        touched = np.asarray(chosen[self.ends[:, 0]] | chosen[self.ends[:, 1]])
        return np.asarray(((self.chain >= 0) & touched[self.chain]) | ((self.junction >= 0) & chosen[self.junction]))


class Gained(NamedTuple):
    """What a region says.

    Attributes
    ----------
    cut : Cut
        What holds.
    gain : float
        By how much it is more than the relaxation knew, in units of the objective.
    """

    cut: Cut
    gain: float


@dataclass
class RegionalBounds:
    """Bounds regions, one a call; a job that can be sent to workers.

    Attributes
    ----------
    conic : ShrinkingConic
        Relaxation of the whole.
    sets : ModeSets
        Its modes.
    places : Places
        Where its columns belong.
    dual : (m,) array
        Multipliers of its rows.
    allowed, known : (k,) array of bool
        Modes that are left, and those of a known state.
    until : float
        When to end (`time.time`).
    """

    conic: ShrinkingConic
    sets: ModeSets
    places: Places
    dual: FloatArray
    allowed: BoolArray
    known: BoolArray
    until: float

    def __call__(self, junctions: Sequence[int]) -> Gained | None:
        """Bound a region; None where it says nothing new."""
        part = part_of(self.conic, self.places.inside(junctions), self.dual)
        allowed, left = self.allowed[part.modes], max(self.until - time.time(), 0.01)
        first = part.conic.solve(allowed, left)
        top = part.conic.solve(self.known[part.modes], left).bound
        if not math.isfinite(first.bound) or not top > first.bound:
            return None
        expander = Expander(part.conic, self.sets.part(part.modes, junctions))
        expander.until = self.until
        tree = _RegionTree(expander, ModeNode(allowed, first.bound, first.shares, 0, first.carried), top)
        # the search ends where its incumbent, whose bound is one of the region as well, is nearly reached
        enough = _ENOUGH * (top - first.bound) / max(abs(top), 1e-12) if math.isfinite(top) else 0.0
        outcome = branch_and_bound(tree, gap=enough, seconds=left, stop=lambda: tree.nodes >= _NODES)
        gain = (outcome.bound - first.bound) * self.conic.scale
        return Gained(part.cut(outcome.bound), gain) if gain > 0 and math.isfinite(gain) else None


class _RegionTree(ModeTree):
    """Search over the modes of a region: its leaves are bounds of the relaxation, which is all that a cut can claim."""

    def __init__(self, relax: Expander, root: ModeNode, known: float) -> None:
        self.relax, self.root, self.value, self.nodes = relax, root, known, 0

    def incumbent(self) -> tuple[bool, float]:
        """Return the least bound of a decided node: it takes part in the bound of the region as all others do."""
        return True, self.value

    def leaf(self, node: ModeNode) -> float:
        """Take a decided node for what its relaxation says."""
        self.value = min(self.value, node.bound)
        return node.bound

    def heuristic(self, point: Expansion, count: int) -> None:
        """Count nodes."""
        self.nodes += 1


def balls(core: Core, size: int, weight: FloatArray) -> Iterable[tuple[int, ...]]:
    """Cover the junctions with connected regions, beginning where the weight is largest.

    Parameters
    ----------
    core : Core
        The core of the grid.
    size : int
        Junctions of a region.
    weight : (j,) array
        How undecided each junction is; what is not undecided at all begins no region.
    """
    number = {j: i for i, j in enumerate(core.junctions)}
    near: list[list[int]] = [[] for _ in number]
    for chain in core.chains:
        a, b = number.get(chain.nodes[0], -1), number.get(chain.nodes[-1], -1)
        if a >= 0 and b >= 0 and a != b:
            near[a].append(b)
            near[b].append(a)
    left = set(np.flatnonzero(weight > 0).tolist())
    while left:
        # of equal ones the first, so that the same grid gives the same regions
        start = max(left, key=lambda j: (weight[j], -j))
        ball = [start]
        while len(ball) < size and (ring := _ring(near, ball)):
            ball.append(max(ring, key=lambda j: (ring[j] + (0.3 if j in left else 0.0), -j)))
        yield tuple(ball)
        left -= set(ball)


def _ring(near: Sequence[Sequence[int]], ball: Sequence[int]) -> dict[int, float]:
    """Junctions next to a ball, by the part of their chains that lead into it."""
    found: dict[int, float] = {}
    for a in ball:
        for b in near[a]:
            if b not in ball:
                found[b] = found.get(b, 0.0) + 1 / len(near[b])
    return found
