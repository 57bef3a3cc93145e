"""What the directed chain hull knows of trees without choice: those that hang on the core, and the stubs of chains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from adnflex.formulations.bounds import Bounds
from adnflex.formulations.supporting_planes import Functional, HangingTrees, Plane, Tree
from adnflex.grid.core import Core
from adnflex.grid.model import BoolArray, FloatArray, Grid

__all__ = ["Drawn", "Planes", "Unproven", "find_planes"]

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
    off : (2, B) array
        Of the sum of ``1 - v`` over its measured nodes.
    plain : bool
        Whether all that it draws beyond `base` is losses: no constant impedance.
    per_loss : float
        The most that it draws of reactive power beyond `base` per unit of losses; inf where that is not known.
    lowest : (3,) array
        A node's lowest admissible squared voltage, and constant and slope of a plane above its squared voltage.
    """

    base: complex
    p: FloatArray
    q: FloatArray
    loss: FloatArray
    off: FloatArray
    plain: bool
    per_loss: float
    lowest: FloatArray


@dataclass(frozen=True)
class Planes:
    """The planes of a contracted grid.

    Attributes
    ----------
    hanging : dict of int to Drawn
        By node of the core.
    stubs : dict of (int, int, int) to Drawn
        By chain, its end (0 or 1) and position of the open branch; the open end that stays connected included.
    """

    hanging: dict[int, Drawn]
    stubs: dict[tuple[int, int, int], Drawn]


def find_planes(
    grid: Grid, bounds: Bounds, core: Core, openable: Sequence[Sequence[int]], near: FloatArray | None = None
) -> Planes:
    """Find the planes of all trees.

    Parameters
    ----------
    grid, bounds, core : Grid, Bounds, Core
        The grid, its bounds, its core.
    openable : sequence of sequence of int
        Positions of the branches of every chain that may be open.
    near : (n,) array, optional
        Squared voltages of a good state, near which planes shall be tight.

    Raises
    ------
    Unproven
        If a plane is no bound.
    """
    close = 0.25 * bounds.v_min + 0.75 * bounds.v_max if near is None else np.clip(near, bounds.v_min, bounds.v_max)
    counted = -np.array([bool(b) for b in grid.buses], dtype=float)
    nodes = list(core.hanging)
    trees = [Tree(core.hanging[v], (), v) for v in nodes]
    hanging = _drawn(grid, bounds, trees, close[None, [t.entry for t in trees]], counted)
    keys, stubs = _stubs(core, openable)
    entries = [t.entry for t in stubs]
    low, high = bounds.v_min[entries], bounds.v_max[entries]
    at = np.stack([*(low + part * (high - low) for part in _PARTS), close[entries]])
    return Planes(
        dict(zip(nodes, hanging, strict=True)),
        dict(zip(keys, _drawn(grid, bounds, stubs, at, counted), strict=True)),
    )


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


def _drawn(grid: Grid, bounds: Bounds, trees: list[Tree], at: FloatArray, counted: FloatArray) -> list[Drawn]:
    if not trees:
        return []
    forest = HangingTrees(grid, trees)
    forest.touch(at)
    base = forest.base
    p, q = forest.bound(Functional(p=1.0)), forest.bound(Functional(q=1.0))
    loss = forest.bound(Functional(current=grid.r, shunt=True))
    off = forest.bound(Functional(voltage=counted))
    for plane, what in ((p, "active power"), (q, "reactive power"), (loss, "losses")):
        _require(plane, trees, what)
    measured = np.zeros(len(trees))
    np.add.at(measured, forest.tree, -counted[forest.far])
    lowest = _lowest(forest, bounds)
    plain, per_loss = _only_losses(forest)
    found = []
    for t in range(len(trees)):
        beyond_p, beyond_q = _two(p, t), _two(q, t)
        beyond_p[0] -= base[t].real
        beyond_q[0] -= base[t].imag
        away = _two(off, t) if off.proven[:, t].all() else np.zeros((2, len(at)))
        away[0] += measured[t] if off.proven[:, t].all() else 0.0
        found.append(
            Drawn(
                complex(base[t]),
                beyond_p,
                beyond_q,
                _two(loss, t),
                away,
                bool(plain[t]),
                float(per_loss[t]),
                lowest[:, t],
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


def _require(plane: Plane, trees: list[Tree], what: str) -> None:
    if not plane.proven.all():
        tree = trees[int(np.argmin(plane.proven.all(axis=0)))]
        raise Unproven(f"the {what} of what hangs on node {tree.entry}")


def _lowest(forest: HangingTrees, bounds: Bounds) -> FloatArray:
    """Of the node of every tree that comes nearest to its lower limit: limit, and a plane above its voltage (3, T)."""
    found = np.zeros((3, forest.count))
    found[1] = 1.0
    if not len(forest.branch):
        return found
    slack = forest.v[-1] - bounds.v_min[forest.far]
    order = np.lexsort((slack, forest.tree))
    first = order[np.unique(forest.tree[order], return_index=True)[1]]
    pick = np.zeros(len(slack))
    pick[first] = -1.0
    plane = forest.bound(Functional(copies=pick))
    trees = forest.tree[first]
    good = plane.proven[-1, trees]
    trees, first = trees[good], first[good]
    found[:, trees] = bounds.v_min[forest.far[first]], -plane.constant[-1, trees], -plane.slope[-1, trees]
    return found
