"""All sets of so many operations that supply more, or that change what is supplied how; none twice.

What is closed and all that hangs by it is a tree (no loop is closed in any answer), so with closings :math:`C` alone,
what is supplied is a tree with some loops. An answer opens a branch on every loop; whatever else it opens sheds what
hangs below. No set is listed that another one with fewer operations equals: a closing without supply at one end, or an
opening below another one, does nothing. What is supplied without any operation stays supplied.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.problems.restoration.supply import Supply

# Up to so many operations all sets are listed.
MOST_OPERATIONS = 3


@dataclass(frozen=True)
class Sets:
    """Sets of operations with the same closings, s of them.

    Attributes
    ----------
    closings : tuple of int
        Branches that are closed.
    openings : (s, o) array of int
        Branches that are opened.
    worth : (s,) array
        What they supply that is dark otherwise.
    hanging : Hanging
        What the closings supply.
    looped : bool
        Whether an opening takes away a loop that the closings make; else what hangs below it is shed.
    """

    closings: tuple[int, ...]
    openings: IntArray
    worth: FloatArray
    hanging: Hanging
    looped: bool

    def lit(self, row: int) -> BoolArray:
        """Blocks that a set supplies."""
        found = self.hanging.lit.copy()
        if not self.looped:
            for branch in self.openings[row].tolist():
                found[self.hanging.below(branch)] = False
        return found


@dataclass(frozen=True)
class Hanging:
    """What some closings supply of the dark, as a tree in preorder; d blocks.

    Attributes
    ----------
    lit : (b,) array of bool
        Blocks that are supplied.
    order : (d,) array of int
        Dark blocks, every one directly before what hangs below it.
    branch : (d,) array of int
        Branch by which each is supplied.
    size : (d,) array of int
        Blocks at and below each.
    worth : (d,) array
        Worth at and below each.
    sheds : (d,) array of bool
        Whether opening its branch leaves every closing with supply.
    parent, depth : dict of int to int
        By dark block: the block that supplies it, and how far from a root it is.
    """

    lit: BoolArray
    order: IntArray
    branch: IntArray
    size: IntArray
    worth: FloatArray
    sheds: BoolArray
    parent: dict[int, int]
    depth: dict[int, int]

    def below(self, branch: int) -> IntArray:
        """Blocks that hang below a branch."""
        at = int(np.flatnonzero(self.branch == branch)[0])
        return np.asarray(self.order[at : at + int(self.size[at])])


class OperationSets:
    """Lists the sets of operations by their number.

    Parameters
    ----------
    supply : Supply
        The blocks.
    """

    def __init__(self, supply: Supply) -> None:
        self.supply = supply
        self._levels: list[dict[tuple[int, ...], frozenset[int]]] = [{(): frozenset([0])}]

    def of(self, count: int, above: float) -> Iterator[Sets]:
        """Yield all sets of so many operations that are worth more than something."""
        for closed in range(1, count + 1):
            opened = count - closed
            for closings, parts in self._closings(closed).items():
                loops = closed - (len(parts) - 1)
                worth = float(sum(self.supply.of_part[p] for p in parts if p))
                if loops > opened or worth <= above:
                    continue
                found = self._with(closings, opened, loops, worth, above)
                if found is not None and len(found.worth):
                    yield found

    def _closings(self, count: int) -> dict[tuple[int, ...], frozenset[int]]:
        """List sets of so many closings, each with supply at one end, and the parts that hang together by them."""
        while len(self._levels) <= count:
            grown: dict[tuple[int, ...], frozenset[int]] = {}
            for closings, parts in self._levels[-1].items():
                for k in self.supply.open:
                    ends = self.supply.ends[k]
                    if k not in closings and not parts.isdisjoint(ends):
                        grown[tuple(sorted((*closings, k)))] = parts | set(ends)
            self._levels.append(grown)
        return self._levels[count]

    def _with(self, closings: tuple[int, ...], opened: int, loops: int, worth: float, above: float) -> Sets | None:
        """Return the sets with some closings and so many openings."""
        if loops:
            # with more openings than loops something supplied would have to be shed, or there is no loop left to open
            return self._exchanged(closings, worth) if loops == opened == 1 else None
        hanging = self._hanging(closings)
        if not opened:
            return Sets(closings, np.empty((1, 0), dtype=np.int64), np.array([worth]), hanging, False)
        places = np.flatnonzero(hanging.sheds & (hanging.worth < worth - above))
        if opened == 1:
            return Sets(closings, hanging.branch[places, None], worth - hanging.worth[places], hanging, False)
        first, second = np.triu_indices(len(places), 1)
        first, second = places[first], places[second]
        left = worth - hanging.worth[first] - hanging.worth[second]
        good = (first + hanging.size[first] <= second) & (left > above)
        pairs = np.column_stack([hanging.branch[first], hanging.branch[second]])[good]
        return Sets(closings, pairs, left[good], hanging, False)

    def _exchanged(self, closings: tuple[int, ...], worth: float) -> Sets:
        """Return closings that make one loop with every opening on it."""
        s = self.supply
        extra = self._extra(closings)
        hanging = self._hanging(tuple(k for k in closings if k != extra))
        parent, branch, depth = s.lit_tree
        above = {int(b): int(k) for b, k in zip(hanging.order, hanging.branch, strict=True)}
        a, b = int(s.a[extra]), int(s.b[extra])
        loop = []
        while a != b:
            deep_a, deep_b = hanging.depth.get(a, int(depth[a])), hanging.depth.get(b, int(depth[b]))
            low = a if deep_a >= deep_b else b
            loop.append(above[low] if low in above else int(branch[low]))
            up = hanging.parent[low] if low in above else int(parent[low])
            a, b = (up, b) if low == a else (a, up)
        openings = np.array([k for k in loop if k not in closings], dtype=np.int64)[:, None]
        return Sets(closings, openings, np.full(len(openings), worth), hanging, True)

    def _extra(self, closings: tuple[int, ...]) -> int:
        """Return a closing that makes a loop with the others."""
        label: dict[int, int] = {}

        def find(part: int) -> int:
            while part in label:
                part = label[part]
            return part

        for k in closings:
            a, b = (find(part) for part in self.supply.ends[k])
            if a == b:
                return k
            label[a] = b
        raise AssertionError("no loop")

    def _hanging(self, closings: tuple[int, ...]) -> Hanging:
        """Hang what is dark on the closings."""
        s = self.supply
        _, _, depth_lit = s.lit_tree
        lit = s.part == 0
        more: dict[int, list[tuple[int, int]]] = {}
        for k in closings:
            a, b = int(s.a[k]), int(s.b[k])
            more.setdefault(a, []).append((k, b))
            more.setdefault(b, []).append((k, a))
        depth = {block: int(depth_lit[block]) for block in more if lit[block]}
        stack = [(k, other, block) for block in depth for k, other in more[block] if not lit[other]]
        order, branch, parent = list[int](), list[int](), dict[int, int]()
        while stack:
            k, block, above = stack.pop()
            order.append(block)
            branch.append(k)
            parent[block], depth[block] = above, depth[above] + 1
            stack += [(e, other, block) for e, other in (*s.around[block], *more.get(block, [])) if e != k]
        place = {block: i for i, block in enumerate(order)}
        size, worth = np.ones(len(order), dtype=np.int64), s.worth[order].astype(float)
        by_closing = np.isin(branch, closings)
        below = np.zeros(len(order), dtype=np.int64)
        for i in range(len(order) - 1, -1, -1):
            up = place.get(parent[order[i]])
            if up is not None:
                size[up] += size[i]
                worth[up] += worth[i]
                below[up] += below[i] + by_closing[i]
        lit[order] = True
        return Hanging(
            lit, np.array(order, dtype=np.int64), np.array(branch, dtype=np.int64), size, worth,
            ~by_closing & (below == 0), parent, depth,
        )  # fmt: skip
