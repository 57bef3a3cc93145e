"""What an exchange would change: the loops that open branches close, with estimates of losses."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.grid.model import Grid
from adnflex.problems.reconfiguration.feeder_flow import Feeder
from adnflex.problems.reconfiguration.feeders import Feeders

# An exchange is promising unless it is estimated to cost more than this share of what its feeders lose.
_MARGIN = 2e-3


class Loop(NamedTuple):
    """The exchanges that close one open branch.

    Attributes
    ----------
    branch : (k,) array of int
        Branches of its loop that may be opened instead.
    change : (k,) array
        Estimated change of the losses by each [pu].
    promising : (j,) array of int
        Places of those that may lower the losses, see `Loops`.
    violation : float
        Of the feeders at its ends, see `Feeder`.
    """

    branch: IntArray
    change: FloatArray
    promising: IntArray
    violation: float


class Loops:
    """Loops of the present base state of some feeders; one is looked at again when a feeder at its ends has changed.

    The estimate is the change of the losses if all load currents stayed as they are: shifting the loop current by the
    current of the opened branch changes them by ``R |I|² - 2 Re(I* Σ r I)``, and the shunts of the two branches come
    and go.  On feeders the exact change is 1 to 1.5 times as large, and an exchange that is estimated to cost more than
    a thousandth of what its feeders lose hardly ever saves anything: where roots differ or ratios lie in the loop, one
    in a hundred does.

    Parameters
    ----------
    grid : Grid
        The grid.
    feeders : Feeders
        Its feeders.
    required : (m,) array of bool
        Branches that stay closed.
    """

    def __init__(self, grid: Grid, feeders: Feeders, required: BoolArray) -> None:
        self.grid, self.feeders = grid, feeders
        self.able = grid.switchable & ~required
        # losses in the shunts of a branch that it has only while it is closed, at 1 pu
        at_from = (grid.y_from - grid.open_from).real / grid.ratio**2
        self.shunt = at_from + (grid.y_to - grid.open_to).real
        self._known: dict[int, tuple[Feeder | None, Feeder | None, Loop]] = {}

    def of(self, tie: int) -> Loop | None:
        """Return the loop of an open branch; None where it closes none that could be opened elsewhere."""
        from_end = self.feeders.hangs(int(self.grid.f[tie]))
        to_end = self.feeders.hangs(int(self.grid.t[tie]))
        first, second = from_end and from_end[0], to_end and to_end[0]
        known = self._known.get(tie)
        if known is None or known[0] is not first or known[1] is not second:
            known = first, second, self._made(tie, from_end, to_end)
            self._known[tie] = known
        return known[2] if len(known[2].branch) else None

    def _made(self, tie: int, from_end: tuple[Feeder, int] | None, to_end: tuple[Feeder, int] | None) -> Loop:
        down, up = _paths(from_end, to_end)
        parts = [(e[0], path, sign) for e, path, sign in ((to_end, up, -1.0), (from_end, down, 1.0)) if e is not None]
        if not parts:
            nothing = np.zeros(0, dtype=np.int64)
            return Loop(nothing, np.zeros(0), nothing, 0.0)
        branch = np.array([f.tree.branches[i] for f, path, _ in parts for i in path], dtype=np.int64)
        # along the loop, through the tie from its from to its to end
        sign = np.array([s if f.tree.away[i] else -s for f, path, s in parts for i in path])
        shifted = np.concatenate([f.current[path] for f, path, _ in parts]) * sign
        r = self.grid.r
        total = r[branch].sum() + r[tie]
        drop = (r[branch] * shifted).sum()
        # opening a branch moves the loop current by minus its own
        change = total * np.abs(shifted) ** 2 - 2 * (np.conj(shifted) * drop).real
        change += self.shunt[tie] - self.shunt[branch]
        able = self.able[branch]
        branch, change = branch[able], change[able]
        ends = {id(f): f for f, _, _ in parts}.values()
        promising = np.flatnonzero(change < _MARGIN * sum(f.loss for f in ends))
        return Loop(branch, change, promising, sum(f.violation for f in ends))


def _paths(from_end: tuple[Feeder, int] | None, to_end: tuple[Feeder, int] | None) -> tuple[list[int], list[int]]:
    """Places on the ways up from both ends, as far as they are not the same way."""
    if from_end is None or to_end is None or from_end[0] is not to_end[0]:
        return _upwards(from_end), _upwards(to_end)
    tree, a, b = from_end[0].tree, from_end[1], to_end[1]
    first: list[int] = []
    second: list[int] = []
    # in preorder the later place is never above the other
    while a != b:
        if a > b:
            first.append(a)
            a = tree.above[a]
        else:
            second.append(b)
            b = tree.above[b]
    return first, second


def _upwards(end: tuple[Feeder, int] | None) -> list[int]:
    if end is None:
        return []
    tree, place = end[0].tree, end[1]
    found = []
    while place >= 0:
        found.append(place)
        place = tree.above[place]
    return found
