"""Many states of one tree side by side: the iteration of `adnflex.grid.flow`, row by row of real numbers.

A row is a node, its columns are states.  Sums over a tree are then additions of whole rows, children to parents and
parents to children: that reads memory in order, where cumulated sums down the columns do not, and is a tenth of their
time.  A step allocates nothing, and its rows stay in the processor's cache.
"""

from __future__ import annotations

import numpy as np

from adnflex.arrays import BoolArray, ComplexArray, FloatArray, IntArray

# Largest error of a voltage that is left [pu], and steps before a state counts as without solution.
TOLERANCE, STEPS = 1e-11, 200

# A voltage below this is no operating point: the iteration has left the solution that a feeder runs at [pu].
_COLLAPSED = 0.2

# So many voltages are iterated at a time, which stay in the processor's cache with what belongs to them.
_CACHED = 2**15

# Before so many steps no state is near its solution: their changes are not looked at.
_BLIND = 2


def collapsed(lowest: FloatArray) -> BoolArray:
    """Whether a state with such a lowest voltage [pu] has left the solution that a feeder runs at."""
    return np.asarray(lowest < _COLLAPSED)


class RadialSweep:
    """States of one tree, solved side by side.

    Parameters
    ----------
    parent : (n,) array of int
        Place of the parent of every place, before it; -1 at roots.
    z : (n,) complex array
        Impedance of the branch above [pu]; 0 at roots.

    Examples
    --------
    A node behind 0.1 pu that draws 0.5, and 0.9:

    >>> sweep = RadialSweep(np.array([-1, 0]), np.array([0, 0.1 + 0j]))
    >>> drawn = np.array([[0.0, 0.0], [0.5, 0.9]])
    >>> v, current = sweep.solve(drawn, 0 * drawn, np.zeros((2, 1), complex), np.ones((2, 1)))
    >>> v[1, 0].round(4).tolist(), current[0, 0].round(4).tolist()
    ([0.9472, 0.9], [0.5279, 1.0])
    """

    def __init__(self, parent: IntArray, z: ComplexArray) -> None:
        self._parent = parent
        self._roots = np.flatnonzero(parent < 0)
        self._r, self._x = (-np.asarray(part)[:, None, None] for part in (z.real, z.imag))
        self._room: _Room | None = None

    @staticmethod
    def width(n: int) -> int:
        """How many states of a tree of n places are solved at a time."""
        return min(max(_CACHED // max(n, 1) // 64 * 64, 128), 1024)

    def solve(self, p: FloatArray, q: FloatArray, y: ComplexArray, start: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return voltages and the currents above the places (n, 2, B), real and imaginary; NaN without a solution.

        The second is valid until the next call.

        Parameters
        ----------
        p, q : (n, B) array
            Constant-power withdrawal [pu].
        y : (n, B) or (n, 1) complex array
            Constant-impedance withdrawal [pu].
        start : (n, B) or (n, 1) array
            Voltage of the root of every place [pu].
        """
        every = states = _States(p, q, y.real, y.imag, start)
        count = p.shape[1]
        count = p.shape[1]
        live, done, bad = np.arange(count), np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
        found = np.full((len(p), 2, count), np.nan)
        room = self._room_for(count)
        room.v[:, 0], room.v[:, 1] = start, 0.0
        last, step, wait = np.zeros(count), 0, _BLIND
        with np.errstate(all="ignore"):
            while step < STEPS and len(live):
                for _ in range(wait):
                    self._step(room, states)
                step += wait
                change = room.changes()
                # a change shrinks by this share from step to step, and all that follow sum up to its part of the last
                share = np.fmin((change / last) ** (1 / wait), 1.0)
                left = change * np.fmin(2 * share, 1.0)
                done |= left < TOLERANCE
                bad |= ~done & ~np.isfinite(change)
                if change.max() > 1e-3:
                    bad |= ~done & collapsed(room.lowest())
                over = done | bad
                last, wait = change, _steps_until(left[~over], share[~over])
                # a smaller room costs as much as some steps
                if over.all() or 4 * over.sum() > 3 * len(live):
                    found[..., live[done]] = room.v[..., done]
                    kept = np.flatnonzero(~over)
                    states, room = (states.some(kept), room.some(kept)) if len(kept) else (states, room)
                    live, last, done, bad = live[kept], last[kept], done[kept], bad[kept]
            found[..., live[done]] = room.v[..., done]
            room = self._room_for(count)
            room.v[:] = found
            self._gather(room, every)
        return found, room.drawn

    def _room_for(self, count: int) -> _Room:
        if self._room is None or self._room.count != count:
            self._room = _Room(self._parent, count)
        return self._room

    def _gather(self, room: _Room, states: _States) -> None:
        """Currents at the present voltages, summed towards the roots, into `drawn`."""
        room.currents(states)
        add = np.add
        for up, row in room.upwards:
            add(up, row, up)

    def _step(self, room: _Room, states: _States) -> None:
        """Replace the voltages by those that the currents at them leave."""
        self._gather(room, states)
        drops, other = room.drawn, room.other
        np.multiply(drops, self._x, out=other)
        np.multiply(drops, self._r, out=drops)
        drops[:, 0] -= other[:, 1]
        drops[:, 1] += other[:, 0]
        drops[self._roots, 0] = states.start[self._roots]
        drops[self._roots, 1] = 0.0
        add = np.add
        for up, row in room.downwards:
            add(row, up, row)
        room.swap()


def _steps_until(left: FloatArray, share: FloatArray) -> int:
    """Foresee the steps that every one of some states still needs, by the share that a step leaves; at least one."""
    if not len(left) or not share.max() < 0.5:
        return 1
    return max(int((np.log(TOLERANCE / left) / np.log(share)).max()), 1)


class _States:
    """Withdrawals of the states that are still iterated, in real numbers."""

    def __init__(self, p: FloatArray, q: FloatArray, g: FloatArray, b: FloatArray, start: FloatArray) -> None:
        self.p, self.q, self.g, self.b, self.start = p, q, g, b, start
        self.has_g, self.has_b = bool(g.any()), bool(b.any())

    def some(self, kept: IntArray) -> _States:
        return _States(*(a if a.shape[1] == 1 else a[:, kept] for a in (self.p, self.q, self.g, self.b, self.start)))


class _Room:
    """Arrays for so many states, used over and over."""

    def __init__(self, parent: IntArray, count: int) -> None:
        n = len(parent)
        self.parent, self.count = parent, count
        self.v, self.drawn, self.other = (np.empty((n, 2, count)) for _ in range(3))
        self.square, self.p, self.q = (np.empty((n, count)) for _ in range(3))
        self._pairs = [self._steps(a.reshape(n, 2 * count)) for a in (self.drawn, self.v)]

    def _steps(self, table: FloatArray) -> tuple[list[tuple[FloatArray, FloatArray]], ...]:
        rows = list(table)
        down = [(rows[up], rows[k]) for k, up in enumerate(self.parent.tolist()) if up >= 0]
        return down, down[::-1]

    @property
    def downwards(self) -> list[tuple[FloatArray, FloatArray]]:
        """Rows of `drawn`: parent and child, parents first."""
        return self._pairs[0][0]

    @property
    def upwards(self) -> list[tuple[FloatArray, FloatArray]]:
        """The same, children first."""
        return self._pairs[0][1]

    def swap(self) -> None:
        """Make what is in `drawn` the voltages, and those before the room for the next."""
        self.v, self.drawn = self.drawn, self.v
        self._pairs.reverse()

    def some(self, kept: IntArray) -> _Room:
        """Room for fewer states, with their voltages."""
        room = _Room(self.parent, len(kept))
        np.take(self.v, kept, axis=2, out=room.v)
        return room

    def currents(self, s: _States) -> None:
        """``conj((S + conj(y) |v|²) / v)`` into `drawn`."""
        e, f, square, one = self.v[:, 0], self.v[:, 1], self.square, self.other[:, 0]
        np.multiply(e, e, out=square)
        np.multiply(f, f, out=one)
        square += one
        p, q = s.p, s.q
        if s.has_g:
            p = np.multiply(square, s.g, out=self.p)
            p += s.p
        if s.has_b:
            q = np.multiply(square, s.b, out=self.q)
            np.subtract(s.q, q, out=q)
        real, imag = self.drawn[:, 0], self.drawn[:, 1]
        np.multiply(p, e, out=real)
        np.multiply(q, f, out=one)
        real += one
        real /= square
        np.multiply(p, f, out=imag)
        np.multiply(q, e, out=one)
        imag -= one
        imag /= square

    def changes(self) -> FloatArray:
        """Largest change of a voltage in every state since the last step, real or imaginary [pu]."""
        off = np.subtract(self.drawn, self.v, out=self.drawn)
        np.abs(off, out=off)
        return np.asarray(off.reshape(-1, self.count).max(axis=0))

    def lowest(self) -> FloatArray:
        """Lowest voltage of every state [pu]."""
        return np.asarray(np.sqrt((self.v**2).sum(axis=1).min(axis=0)))
