"""What the directed chain hull knows of trees without choice: those that hang on the core, and the stubs of chains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from adnflex.arrays import BoolArray, FloatArray
from adnflex.formulations.bounds import Bounds
from adnflex.formulations.hanging_trees import HangingTrees, Tree
from adnflex.formulations.supporting_planes import Functional, Plane, supporting_plane
from adnflex.formulations.tree_limits import largest_misses, within_limits
from adnflex.grid.core import Core
from adnflex.grid.model import Grid

# Where tangents are taken between the lowest and the highest voltage of an entry.
_PARTS = (0.5, 0.8, 0.95)


class Unproven(Exception):
    """A plane is no bound for this grid, so that the hull does not apply; its message says where."""


class Drawn(NamedTuple):
    """What a tree draws by the voltage where it hangs, each ``constant + slope v`` from below (B planes).

    Attributes
    ----------
    base : complex
        Constant power of its nodes [pu].
    p, q : (2, B) array
        Constant and slope of active and reactive power beyond `base` [pu].
    loss : (2, B) array
        Of the losses [pu].
    off, sag : (2, B) array
        Of the sum of ``|1 - v|`` over its measured nodes, and of ``1 - v`` over those that count in `Planes.sagging`.
    plain : bool
        Whether all that it draws beyond `base` is losses: no constant impedance.
    per_loss : float
        The most that it draws of reactive power beyond `base` per unit of losses; inf where that is not known.
    span : (2,) array
        Squared voltages at the entry between which all its limits can hold; empty where the first is the larger.
    """

    base: complex
    p: FloatArray
    q: FloatArray
    loss: FloatArray
    off: FloatArray
    sag: FloatArray
    plain: bool
    per_loss: float
    span: FloatArray


@dataclass(frozen=True)
class Planes:
    """The planes of a contracted grid.

    Attributes
    ----------
    hanging : dict of int to Drawn
        By node of the core.
    stubs : dict of (int, int, int) to Drawn
        By chain, its end (0 or 1) and position of the open branch; the open end that stays connected included.
    able : list of list of int
        Positions of the branches of every chain that may be open without a limit violated in a stub.
    bounds : Bounds
        Bounds of the grid, voltages of the core narrowed to what all that hangs on them allows.
    l_max : (m,) array
        Largest squared current of every branch [pu].
    sagging : (n,) array
        1 for the buses that are expected below 1 pu, else 0.
    possible : bool
        Whether any voltage is left at every node of the core.
    """

    hanging: dict[int, Drawn]
    stubs: dict[tuple[int, int, int], Drawn]
    able: list[list[int]]
    bounds: Bounds
    l_max: FloatArray
    sagging: FloatArray
    possible: bool


def find_planes(
    grid: Grid,
    bounds: Bounds,
    core: Core,
    openable: Sequence[Sequence[int]],
    loss_cap: float = np.inf,
    near: FloatArray | None = None,
) -> Planes:
    """Find the planes of all trees, and the voltages that their limits allow.

    Parameters
    ----------
    grid, bounds, core : Grid, Bounds, Core
        The grid, its bounds, its core.
    openable : sequence of sequence of int
        Positions of the branches of every chain that may be open.
    loss_cap : float
        Losses of a known state [pu]: states that lose more may be cut off.
    near : (n,) array, optional
        Squared voltages of a good state, near which planes shall be tight.

    Raises
    ------
    Unproven
        If a plane is no bound.
    """
    with np.errstate(divide="ignore"):
        l_max = np.minimum(bounds.i_max**2, np.where(grid.r > 0, loss_cap / grid.r, np.inf))
    nodes = list(core.hanging)
    trees = [Tree(core.hanging[v], (), v) for v in nodes]
    hanging = dict(zip(nodes, _Forest(grid, bounds, l_max, near).drawn(trees, ()), strict=True))
    bounds, possible = _narrowed(bounds, hanging)
    keys, stubs = _stubs(core, openable)
    drawn = dict(zip(keys, _Forest(grid, bounds, l_max, near).drawn(stubs, _PARTS), strict=True))
    able = [
        [i for i in positions if all(drawn[c, end, i].span[0] <= drawn[c, end, i].span[1] for end in (0, 1))]
        for c, positions in enumerate(openable)
    ]
    return Planes(hanging, drawn, able, bounds, l_max, _sagging(grid, near), possible)


def _sagging(grid: Grid, near: FloatArray | None) -> FloatArray:
    buses = np.array([bool(b) for b in grid.buses], dtype=float)
    return buses if near is None else buses * (near <= 1)


def _narrowed(bounds: Bounds, hanging: dict[int, Drawn]) -> tuple[Bounds, bool]:
    """Narrow the voltages of the core to what hangs on it; False where none is left."""
    v_min, v_max = bounds.v_min.copy(), bounds.v_max.copy()
    possible = True
    for node, tree in hanging.items():
        low, high = max(v_min[node], tree.span[0]), min(v_max[node], tree.span[1])
        if low > high:
            possible = False
        elif v_min[node] < v_max[node]:
            v_min[node], v_max[node] = low, high
    return replace(bounds, v_min=v_min, v_max=v_max), possible


def _stubs(core: Core, openable: Sequence[Sequence[int]]) -> tuple[list[tuple[int, int, int]], list[Tree]]:
    """Trees that are left at both ends of every chain for every branch that may be open."""
    keys, trees = [], []
    for c, chain in enumerate(core.chains):
        for end in (0, 1):
            steps = chain.steps(end == 0)
            for i in openable[c]:
                length = i if end == 0 else len(steps) - 1 - i
                whole = []
                for step in steps[:length]:
                    whole.append(step)
                    whole.extend(core.hanging.get(step.far, ()))
                keys.append((c, end, i))
                trees.append(Tree(tuple(whole), ((steps[length].branch, steps[length].near),), steps[0].near))
    return keys, trees


class _Forest:
    """Finds what trees draw."""

    def __init__(self, grid: Grid, bounds: Bounds, l_max: FloatArray, near: FloatArray | None) -> None:
        self.grid, self.bounds, self.l_max = grid, bounds, l_max
        self.near = 0.25 * bounds.v_min + 0.75 * bounds.v_max if near is None else near
        self.counted, self.sagging = _sagging(grid, None), _sagging(grid, near)

    def drawn(self, trees: list[Tree], parts: Sequence[float]) -> list[Drawn]:
        """Find planes at parts of the range of every entry's voltage, and near the good state."""
        if not trees:
            return []
        forest = HangingTrees(self.grid, trees)
        entries = forest.entries
        span = self.bounds.v_min[entries], self.bounds.v_max[entries]
        # first what limits leave, from tangents all over the range, then planes where they are needed
        misses = self._touch(forest, span, (0.5, *parts))
        narrow = within_limits(forest, self.bounds, misses, span)
        empty = narrow[0] > narrow[1]
        inside = tuple(np.where(empty, a, np.clip(b, *span)) for a, b in zip(span, narrow, strict=True))
        misses = self._touch(forest, inside, parts)
        narrow = within_limits(forest, self.bounds, misses, narrow)
        return self._planes(forest, trees, misses, np.stack(narrow))

    def _touch(self, forest: HangingTrees, span: tuple[FloatArray, ...], parts: Sequence[float]) -> FloatArray:
        low, high = span
        forest.touch(
            np.stack([*(low + part * (high - low) for part in parts), np.clip(self.near[forest.entries], low, high)])
        )
        return largest_misses(forest, self.bounds, self.l_max)

    def _planes(self, forest: HangingTrees, trees: list[Tree], misses: FloatArray, span: FloatArray) -> list[Drawn]:
        base = forest.base
        # a voltage above 1 is off the other way
        sign = np.where(forest.v > 1, -1.0, 1.0) * self.counted[forest.far]
        measured = np.zeros((len(sign), forest.count))
        np.add.at(measured.T, forest.tree, sign.T)
        counted = np.zeros(forest.count)
        np.add.at(counted, forest.tree, self.sagging[forest.far])
        asked = {
            "active power": Functional(p=1.0),
            "reactive power": Functional(q=1.0),
            "losses": Functional(current=self.grid.r, shunt=True),
            "voltages": Functional(copies=-sign),
            "sag": Functional(copies=-self.sagging[forest.far]),
        }
        p, q, loss, off, sag = (_proven(supporting_plane(forest, f, misses), trees, what) for what, f in asked.items())
        plain, per_loss = _only_losses(forest)
        found = []
        for t in range(len(trees)):
            beyond_p, beyond_q, away, below = _two(p, t), _two(q, t), _two(off, t), _two(sag, t)
            beyond_p[0] -= base[t].real
            beyond_q[0] -= base[t].imag
            away[0] += measured[:, t]
            below[0] += counted[t]
            found.append(
                Drawn(
                    complex(base[t]),
                    beyond_p,
                    beyond_q,
                    _two(loss, t),
                    away,
                    below,
                    bool(plain[t]),
                    float(per_loss[t]),
                    span[:, t],
                )
            )
        return found


def _only_losses(forest: HangingTrees) -> tuple[BoolArray, FloatArray]:
    """Whether active power beyond the constant is all losses; the most reactive power per unit of them."""
    g, t = forest.grid, forest.tree
    plain = np.ones(forest.count, dtype=bool)
    np.logical_and.at(plain, t, g.y[forest.far].real == 0)
    per_loss = np.zeros(forest.count)
    with np.errstate(divide="ignore", invalid="ignore"):
        np.maximum.at(per_loss, t, np.where(forest.z2 > 0, np.where(forest.x > 0, forest.x / forest.r, 0.0), 0.0))
    # what is inductive draws reactive power without a current through the tree
    inductive = forest.entry.imag < 0
    np.logical_or.at(inductive, t, forest.y.imag < 0)
    return plain, np.where(inductive, np.inf, per_loss)


def _two(plane: Plane, tree: int) -> FloatArray:
    return np.stack([plane.constant[:, tree], plane.slope[:, tree]])


def _proven(plane: Plane, trees: list[Tree], what: str) -> Plane:
    if not plane.proven.all():
        tree = trees[int(np.argmin(plane.proven.all(axis=0)))]
        raise Unproven(f"the {what} of what hangs on node {tree.entry}")
    return plane
