r"""Exact AC power flow of many radial states of different topologies, solved together.

Both sums of `adnflex.grid.flow` over a tree are those of `adnflex.grid.trees`: a step is a few calls for all states,
whatever their trees are.

References
----------
Shirmohammadi et al., IEEE Trans. Power Systems 3(2), 1988, doi:10.1109/59.192932 (the iteration).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from adnflex.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from adnflex.grid.model import Grid
from adnflex.grid.state import GridState, losses, squared
from adnflex.grid.sweep import STEPS, collapsed
from adnflex.grid.trees import Trees, TreeSums, Walk

# Largest change of a voltage in the last step [pu].
_TOLERANCE = 1e-12

# Numbers in an array of voltages that are iterated at a time, as fits the processor's cache.
_CACHED = 2**15


class TreeFlows:
    """Power flow of the radial states of a grid.

    Parameters
    ----------
    grid : Grid
        The grid.
    tolerance : float
        Change of a voltage at which to stop [pu].
    steps : int
        Steps after which a state counts as without solution.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> grid = read_grid(pn.case33bw())
    >>> closed = np.stack([grid.closed] * 2)
    >>> closed[1, [32, 6]] = True, False
    >>> (TreeFlows(grid).solve(closed).loss * grid.base_mva * 1e3).round(3).tolist()
    [202.677, 158.391]
    """

    def __init__(self, grid: Grid, tolerance: float = _TOLERANCE, steps: int = STEPS) -> None:
        self.grid, self.grown = grid, Walk(grid)
        self._end = tolerance, steps
        rows, columns = np.concatenate([grid.f, grid.t]), np.tile(np.arange(grid.m), 2)
        more = np.concatenate([(grid.y_from - grid.open_from) / grid.ratio**2, grid.y_to - grid.open_to])
        # what branches add to the shunts of their nodes by being closed; most lines of a feeder add nothing
        self.more = sparse.csr_matrix((more, (rows, columns)), shape=(grid.n, grid.m)) if more.any() else None
        self.open_y = grid.shunts(np.zeros(grid.m, dtype=bool))

    def solve(self, closed: BoolArray, *, partly: bool = False) -> GridState:
        """Return the states; NaN where one is not radial or has no solution.

        Parameters
        ----------
        closed : (B, m) array of bool
            States of all branches.
        partly : bool
            Whether nodes may be without supply: they draw nothing, and their voltage is 0. Their branches are open.
        """
        parts = [self._state(closed[at : at + self.width], partly) for at in range(0, max(len(closed), 1), self.width)]
        if len(parts) == 1:
            return parts[0]
        joined = (np.concatenate([getattr(s, name) for s in parts]) for name in ("closed", "v", "p", "q", "l", "loss"))
        return GridState(*joined)

    @property
    def width(self) -> int:
        """How many states are solved at a time."""
        return max(_CACHED // self.grid.n, 1)

    def _state(self, closed: BoolArray, partly: bool) -> GridState:
        g = self.grid
        return self.at(self.grown(closed, partly), g.p, g.q, g.y).state

    def at(self, trees: Trees, p: FloatArray, q: FloatArray, y: ComplexArray) -> TreesAt:
        """Return the states of some trees where other powers are drawn; NaN where one has no solution.

        Parameters
        ----------
        trees : Trees
            The trees, `grown` from states of the branches.
        p, q : (n,) array
            Constant-power withdrawals [pu].
        y : (n,) complex array
            Constant-impedance withdrawals, as `Grid.y` [pu].
        """
        g, closed = self.grid, trees.closed
        power = (p + 1j * q)[:, None]
        charging = np.repeat((self.open_y - g.y)[:, None], len(closed), axis=1)
        if self.more is not None:
            charging += self.more @ closed.T.astype(float)
        shunt = charging + y[:, None]
        if not trees.lit.all():
            power, shunt = power * trees.lit, shunt * trees.lit
        with np.errstate(all="ignore"):
            volt = _iterated(trees, np.conj(power), shunt, *self._end)
            volt[:, ~trees.radial] = np.nan
        return TreesAt(g, trees, power, volt, shunt / trees.scale**2, charging.real / trees.scale**2)


@dataclass(frozen=True)
class TreesAt:
    """States of some trees where some powers are drawn, by node and state (n, B), referred to the roots.

    Attributes
    ----------
    grid : Grid
        The grid.
    trees : Trees
        The trees.
    power : (n, B or 1) complex array
        Constant-power withdrawals [pu].
    volt : complex array
        Voltages; NaN where there is no solution.
    shunt, charging : array
        Admittances at the nodes, and their part whose losses count (real).
    """

    grid: Grid
    trees: Trees
    power: ComplexArray
    volt: ComplexArray
    shunt: ComplexArray
    charging: FloatArray

    @cached_property
    def drawn(self) -> ComplexArray:
        """Currents that the nodes draw."""
        with np.errstate(all="ignore"):
            return np.asarray(np.conj(self.power / self.volt) + self.shunt * self.volt)

    @property
    def loss(self) -> FloatArray:
        """Active losses (B,) [pu] where all nodes are supplied, from what the sources give and the nodes draw."""
        with np.errstate(all="ignore"):
            along = ((self.trees.start - self.volt) * np.conj(self.drawn)).real
            return np.asarray((along + self.charging * squared(self.volt)).sum(axis=0))

    @property
    def vm(self) -> FloatArray:
        """Voltages by node and state [pu]."""
        return np.asarray(np.abs(self.volt) / self.trees.scale)

    @property
    def state(self) -> GridState:
        """The states by bus and branch; what has no supply has no voltage."""
        g, trees, through = self.grid, self.trees, self.drawn.copy()
        current = np.zeros((g.m, len(trees.closed)), dtype=complex)
        with np.errstate(all="ignore"):
            # sums branch by branch: where nothing is drawn, nothing flows
            for nodes, above, columns in reversed(trees.levels):
                current[trees.branch[nodes, columns], columns] = trees.turn[nodes, columns] * through[nodes, columns]
                np.add.at(through, (above, columns), through[nodes, columns])
            own = self.volt / trees.scale * trees.lit
            power = own[g.f] / g.ratio[:, None] * np.conj(current)
            v2, l2 = squared(own).T, squared(current).T
            loss = losses(g, trees.closed, v2, l2)
            return GridState(trees.closed, v2, power.real.T, power.imag.T, l2, loss)


class _Columns(TreeSums):
    """The trees that are still iterated."""

    def __init__(self, trees: Trees, s: ComplexArray, shunt: ComplexArray, live: IntArray) -> None:
        super().__init__(trees, live)
        self.z, self.start = self.placed(trees.z), self.placed(trees.start)
        self.s = self.placed(s) if s.shape[1] > 1 else s[self.back, 0]
        y = self.placed(shunt / trees.scale**2)
        self.shunt = y if y.any() else None

    def step(self, v: ComplexArray) -> ComplexArray:
        """Return the voltages that the currents at some voltages leave."""
        current = self.s / np.conj(v)
        if self.shunt is not None:
            current += self.shunt * v
        return np.asarray(self.start - self.along(self.z * self.below(current)))


def _iterated(trees: Trees, s: ComplexArray, shunt: ComplexArray, tolerance: float, steps: int) -> ComplexArray:
    """Voltages referred to the roots (n, B); NaN where there is no solution. `s` is ``P - jQ`` (n, B or 1)."""
    found = np.full(trees.place.shape, np.nan, dtype=complex)
    live = np.flatnonzero(trees.radial)
    if not len(live):
        return found
    columns = _Columns(trees, s, shunt, live)
    v = columns.start.astype(complex)
    over = np.zeros(len(live), dtype=bool)
    for _ in range(steps):
        new = columns.step(v)
        change = np.abs(new - v).max(axis=0)
        good = ~over & (change < tolerance)
        bad = ~np.isfinite(change) | ((change > 1e-3) & collapsed(np.abs(new).min(axis=0)))
        found[columns.back[:, good], live[good]] = new[:, good]
        over, v = over | good | bad, new
        if over.all():
            break
        # what is left is put together again only where that is worth it
        if 2 * over.sum() > len(over):
            v = v[:, ~over]
            live = live[~over]
            columns, over = _Columns(trees, s, shunt, live), np.zeros(len(live), dtype=bool)
    return found
