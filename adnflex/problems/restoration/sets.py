r"""Sets of so many operations, the most valuable first, none twice: branch and bound over what is operated.

What is closed and all that hangs by it is a tree (no loop is closed in any answer), so with closings :math:`C` alone,
what is supplied is a tree with some loops. An answer opens a branch on every loop; whatever else it opens sheds what
hangs below. No set is listed that another one with fewer operations equals: a closing without supply at one end, or an
opening between two dark parts, does nothing. What is supplied without any operation stays supplied.

A node of the search is a group (some closings) or a set that is to shed more. Its bound is what its closings supply
without the least that its further openings must shed; the node of the largest bound is taken next. So whatever has not
been listed is worth no more than the largest bound that is left, which is the bound of a search that is stopped.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.problems.restoration.supply import Supply

# Steps of the search between two looks at the clock.
_OFTEN = 256


class OperationSet(NamedTuple):
    """Some operations and what they supply.

    Attributes
    ----------
    closings, openings : tuple of int
        Branches.
    grains : int
        What they supply that is dark otherwise, in grains of the worth.
    lit : (b,) array of bool
        Blocks that are supplied.
    """

    closings: tuple[int, ...]
    openings: tuple[int, ...]
    grains: int
    lit: BoolArray


@dataclass(frozen=True)
class Group:
    """What is supplied with some closings, as a tree and the loops that it makes with its other branches.

    Attributes
    ----------
    closings : tuple of int
        Branches that are closed.
    barred : int
        The same as bits.
    lit : (b,) array of bool
        Blocks that are supplied.
    around : dict of int to list of (int, int)
        Branches and the blocks that they lead to, by block.
    cycles : list of int
        Branches of independent loops, as bits.
    """

    closings: tuple[int, ...]
    barred: int
    lit: BoolArray
    around: dict[int, list[tuple[int, int]]]
    cycles: list[int]


@dataclass(frozen=True)
class HungTree:
    """A tree of a group in preorder, for shedding; d blocks.

    Attributes
    ----------
    group : Group
        The group.
    opened : tuple of int
        Branches that are opened so that it is a tree.
    order, branch, size : (d,) array of int
        Blocks, every one directly before what hangs below it; the branch by which each is supplied (-1: the sources);
        how many are at and below each.
    worth : (d,) array
        What is at and below each.
    sheds : (s,) array of int
        Places that may be shed: nothing below has supply without any operation, or is reached by a closing.
    """

    group: Group
    opened: tuple[int, ...]
    order: IntArray
    branch: IntArray
    size: IntArray
    worth: FloatArray
    sheds: IntArray


class _Shed(NamedTuple):
    """A tree without what is shed at some places."""

    tree: HungTree
    places: tuple[int, ...]
    worth: float


@dataclass
class OperationSets:
    """Lists the sets of so many operations.

    Parameters
    ----------
    supply : Supply
        The blocks.
    count : int
        Operations, 1 or more.
    above : int
        Only sets that are worth more grains than this.
    grain : float
        Worth that is none.
    stop : callable
        Asked whether the time is over.

    Attributes
    ----------
    top : float
        Nothing that has not been listed is worth more.
    stopped : bool
        Whether the time was over before all were listed.
    """

    supply: Supply
    count: int
    above: int
    grain: float
    stop: Callable[[], bool]
    top: float = field(init=False)
    stopped: bool = False

    def __post_init__(self) -> None:
        self.top = self.supply.reached(self.count)
        self._heap: list[tuple[int, int, _Shed | tuple[int, ...]]] = []
        self._steps = 0
        dark = np.sort(self.supply.worth[self.supply.part > 0])
        # so many openings shed at least so much
        self._least = [0.0, *np.cumsum(dark).tolist()]

    def __iter__(self) -> Iterator[OperationSet]:
        """Yield the sets, the most valuable first."""
        self._list_groups()
        while self._heap and not self.stopped:
            bound, _, node = heapq.heappop(self._heap)
            self.top = -bound * self.grain
            yield from self._shedding(node) if isinstance(node, _Shed) else self._of_group(node)
            self._over()
        if not self.stopped:
            self.top = 0.0

    def _over(self) -> bool:
        """Look at the clock now and then."""
        self._steps += 1
        if self._steps % _OFTEN == 0 and self.stop():
            self.stopped = True
        return self.stopped

    def _push(self, worth: float, sheds: int, node: _Shed | tuple[int, ...]) -> None:
        """Put a node where its bound says, if it may have anything of use; so many openings are to shed something."""
        if sheds >= len(self._least):
            return
        if (grains := round((worth - self._least[sheds]) / self.grain)) > self.above:
            heapq.heappush(self._heap, (-grains, self._steps, node))
            self._steps += 1

    def _list_groups(self) -> None:
        """Push all sets of closings, each with supply at one end, that leave enough openings for their loops."""
        s = self.supply
        level: dict[tuple[int, ...], frozenset[int]] = {(): frozenset([0])}
        for closed in range(1, self.count + 1):
            grown: dict[tuple[int, ...], frozenset[int]] = {}
            for closings, parts in level.items():
                for k in s.open:
                    if k in closings or parts.isdisjoint(s.ends[k]):
                        continue
                    more = parts.union(s.ends[k])
                    # loops never become fewer by closing more
                    if closed - (len(more) - 1) <= self.count - closed:
                        grown[tuple(sorted((*closings, k)))] = more
                if self._over():
                    return
            for closings, parts in grown.items():
                sheds = self.count - closed - (closed - (len(parts) - 1))
                self._push(float(sum(s.of_part[p] for p in parts if p)), sheds, closings)
            level = grown

    def _of_group(self, closings: tuple[int, ...]) -> Iterator[OperationSet]:
        """Yield the sets of a group that shed nothing; push the trees that are to shed something."""
        group = grouped(self.supply, closings)
        sheds = self.count - len(closings) - len(group.cycles)
        worth = float(self.supply.worth[group.lit & (self.supply.part > 0)].sum())
        grains = round(worth / self.grain)
        for opened in _opened(group.cycles, group.barred):
            if self._over():
                return
            if sheds:
                tree = hung(self.supply, group, opened)
                self._push(worth, sheds, _Shed(tree, (), worth))
            else:
                yield OperationSet(closings, opened, grains, group.lit)

    def _shedding(self, node: _Shed) -> Iterator[OperationSet]:
        """Yield a set that sheds all that it is to shed, or push those that shed one place more."""
        tree, places, worth = node
        group = tree.group
        left = self.count - len(group.closings) - len(tree.opened) - len(places)
        if left:
            after = places[-1] + int(tree.size[places[-1]]) if places else 0
            for place in tree.sheds[tree.sheds >= after].tolist():
                less = worth - float(tree.worth[place])
                self._push(less, left - 1, _Shed(tree, (*places, place), less))
            return
        lit = group.lit.copy()
        for place in places:
            lit[tree.order[place : place + tree.size[place]]] = False
        ends = self.supply
        # an opening between two dark parts does nothing
        if all(lit[ends.a[k]] or lit[ends.b[k]] for k in tree.opened):
            openings = (*tree.opened, *tree.branch[list(places)].tolist())
            yield OperationSet(group.closings, openings, round(worth / self.grain), lit)


def nothing(supply: Supply) -> OperationSet:
    """Return the set without any operation."""
    return OperationSet((), (), 0, supply.part == 0)


def grouped(supply: Supply, closings: tuple[int, ...]) -> Group:
    """Find what some closings supply, and the loops of it."""
    around: dict[int, list[tuple[int, int]]] = {}
    for k in closings:
        a, b = int(supply.a[k]), int(supply.b[k])
        around.setdefault(a, []).append((k, b))
        around.setdefault(b, []).append((k, a))
    around = {block: [*supply.around[block], *more] for block, more in around.items()}
    lit = np.zeros(len(supply.worth), dtype=bool)
    path, cycles, stack = {0: 0}, dict[int, int](), [0]
    lit[0] = True
    while stack:
        block = stack.pop()
        here = path[block]
        for k, other in around.get(block, supply.around[block]):
            bit = 1 << k
            if not lit[other]:
                lit[other], path[other] = True, here | bit
                stack.append(other)
            elif not (here | path[other]) & bit:
                cycles[k] = here ^ path[other] | bit
    return Group(closings, sum(1 << k for k in closings), lit, around, list(cycles.values()))


def _opened(cycles: Sequence[int], barred: int) -> Iterator[tuple[int, ...]]:
    """Yield the openings that leave a tree, each once: one on every loop, none of what is barred.

    With a branch of one loop open, the other loops that it is on go round by the rest of that loop.
    """
    if not cycles:
        yield ()
        return
    pivot = min(cycles, key=lambda cycle: (cycle & ~barred).bit_count())
    rest = [cycle for cycle in cycles if cycle != pivot]
    free, passed = pivot & ~barred, 0
    while free:
        bit = free & -free
        free ^= bit
        turned = [cycle ^ pivot if cycle & bit else cycle for cycle in rest]
        for more in _opened(turned, barred | passed):
            yield (bit.bit_length() - 1, *more)
        passed |= bit


def hung(supply: Supply, group: Group, opened: tuple[int, ...]) -> HungTree:
    """Put the blocks of a group in the preorder of the tree that some openings leave."""
    order, branch, up, place = list[int](), list[int](), list[int](), dict[int, int]()
    stack = [(-1, 0, -1)]
    while stack:
        k, block, above = stack.pop()
        place[block] = len(order)
        order.append(block)
        branch.append(k)
        up.append(above)
        here = place[block]
        stack += [
            (e, other, here) for e, other in group.around.get(block, supply.around[block]) if e != k and e not in opened
        ]
    size, worth = np.ones(len(order), dtype=np.int64), supply.worth[order].astype(float)
    kept = (supply.part[order] == 0) | np.isin(branch, group.closings)
    for i in range(len(order) - 1, 0, -1):
        size[up[i]] += size[i]
        worth[up[i]] += worth[i]
        kept[up[i]] |= kept[i]
    return HungTree(
        group, opened, np.array(order), np.array(branch), size, worth, np.flatnonzero(~kept)
    )  # fmt: skip
