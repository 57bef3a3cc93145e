r"""Exact AC power flow of many radial states near one, solved together.

Each state closes the same branches beside a radial state (ties, :math:`C`) and opens as many of its branches
(:math:`O`), which differ.  The sums over the tree stay those of the one state; what is exchanged is compensated.  With
the notation of `adnflex.grid.flow`, the currents :math:`x` of the ties and the voltages :math:`u` across what is opened
follow from the currents :math:`J` that the nodes draw:

.. math::

    i = T J + L x, \quad i_O = 0; \qquad
    L^T (z i + u) + z_C x = L^T V_0, \quad u = 0 \ \text{but for} \ O

with :math:`T` the sum over what lies below a branch and :math:`L = T E` what a tie draws at one end and gives back at
the other.  Both are systems of as many unknowns as there are ties.  The fixed point is that of the state itself.

References
----------
Shirmohammadi et al., IEEE Trans. Power Systems 3(2), 1988, doi:10.1109/59.192932 (compensation of loops).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from adnflex.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from adnflex.grid.flow import RadialFlow
from adnflex.grid.model import Grid
from adnflex.grid.state import GridState, losses
from adnflex.grid.sweep import STEPS, collapsed
from adnflex.grid.topology import Forest

# Largest change of a voltage in the last step [pu].
_TOLERANCE = 1e-12

# Numbers in an array of voltages that are iterated at a time.
_CACHED = 2**15


@dataclass(frozen=True)
class _Exchange:
    """What closing some ties brings: (n, j) loops `carries`, (j,) impedances `z`, (j, B) rows that are `opened`.

    `solve` is the inverse of the (B, j, j) part of the loops that is opened; `across` what the roots leave over the
    ties (j,).
    """

    carries: FloatArray
    z: ComplexArray
    opened: IntArray
    solve: FloatArray
    across: FloatArray
    shunt: ComplexArray


class NearFlows:
    """Power flow of radial states that some exchanges of branches make of one.

    Parameters
    ----------
    grid : Grid
        The grid.
    forest : Forest
        The one state.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> from adnflex.grid.topology import forest
    >>> grid = read_grid(pn.case33bw())
    >>> near = NearFlows(grid, forest(grid, grid.closed))
    >>> (near.solve([32], np.array([[6], [5]])).loss * grid.base_mva * 1e3).round(3).tolist()
    [158.391, 163.285]
    """

    def __init__(self, grid: Grid, forest: Forest) -> None:
        self.grid, self.flow = grid, RadialFlow(grid, forest)
        # the node below each branch of the tree
        self.node = np.full(grid.m, -1)
        fed = np.flatnonzero(forest.branch >= 0)
        self.node[forest.branch[fed]] = fed
        self.start = np.sqrt(grid.root_v[forest.root]).astype(complex)
        # tree currents in from-to direction, at the impedance
        side = np.where(forest.away, self.flow.scale, self.flow.scale[forest.parent])
        self.turn = np.where(forest.away, side, -side)

    def solve(self, ties: Sequence[int], opened: IntArray) -> GridState:
        """Return the states in which the ties are closed; NaN where there is no solution.

        Parameters
        ----------
        ties : sequence of int
            Branches beside the tree, j of them.
        opened : (B, j) array of int
            Branches of the tree that are opened instead, so that each state is radial.
        """
        width = max(_CACHED // self.grid.n, 1)
        at = range(0, max(len(opened), 1), width)
        parts = [self._state(list(ties), opened[a : a + width]) for a in at]
        if len(parts) == 1:
            return parts[0]
        joined = (np.concatenate([getattr(s, name) for s in parts]) for name in ("closed", "v", "p", "q", "l", "loss"))
        return GridState(*joined)

    def _exchange(self, ties: list[int], opened: IntArray) -> _Exchange:
        g, scale = self.grid, self.flow.scale
        drawn = np.zeros((g.n, len(ties)))
        drawn[g.f[ties], range(len(ties))] = 1 / (g.ratio[ties] * scale[g.f[ties]])
        drawn[g.t[ties], range(len(ties))] -= 1 / scale[g.t[ties]]
        carries = self.flow.carried(drawn) if ties else drawn
        rows = self.node[opened].T
        across = np.asarray(self.start.real @ drawn)
        shunt = np.repeat((g.y + self.flow.charging)[:, None], len(opened), axis=1)
        at_from, at_to = (g.y_from - g.open_from) / g.ratio**2, g.y_to - g.open_to
        for tie in ties:
            shunt[g.f[tie]] += at_from[tie]
            shunt[g.t[tie]] += at_to[tie]
        every = np.arange(len(opened))
        for gone in opened.T:
            shunt[g.f[gone], every] -= at_from[gone]
            shunt[g.t[gone], every] -= at_to[gone]
        inverse = np.linalg.inv(carries[rows.T])
        return _Exchange(carries, (g.r + 1j * g.x)[ties], rows, inverse, across, shunt / scale[:, None] ** 2)

    def _state(self, ties: list[int], opened: IntArray) -> GridState:
        """Iterate to the fixed point, and put the states together."""
        g, count = self.grid, len(opened)
        x = self._exchange(ties, opened)
        s = (g.p + 1j * g.q)[:, None]
        v = np.repeat(self.start[:, None], count, axis=1)
        live = np.arange(count)
        found = np.full((g.n, count), np.nan, dtype=complex)
        part = x
        with np.errstate(all="ignore"):
            for _ in range(STEPS):
                new = self._voltages(part, np.conj(s / v) + part.shunt * v)
                change = np.abs(new - v).max(axis=0)
                done = change < _TOLERANCE
                over = done | ~np.isfinite(change) | ((change > 1e-3) & collapsed(np.abs(new).min(axis=0)))
                v = new
                if over.any():
                    found[:, live[done]] = v[:, done]
                    left = ~over
                    if not left.any():
                        break
                    live, v, part = live[left], v[:, left], _some(part, left)
            return self._tabulated(ties, opened, x, found)

    def _currents(self, x: _Exchange, drawn: ComplexArray) -> tuple[ComplexArray, ComplexArray]:
        """Currents of the tree's branches by the node below them (n, B), and of the ties (j, B)."""
        through = self.flow.carried(drawn)
        every = np.arange(drawn.shape[1])
        tied = -np.einsum("bij,jb->ib", x.solve, through[x.opened, every])
        # so few columns are no work for BLAS, which would start threads
        for column, share in zip(x.carries.T, tied, strict=True):
            through += column[:, None] * share
        return through, tied

    def _voltages(self, x: _Exchange, drawn: ComplexArray) -> ComplexArray:
        """Voltages referred to the roots (n, B) for the currents that are drawn."""
        through, tied = self._currents(x, drawn)
        drops = self.flow.z[:, None] * through
        along = np.einsum("nj,nb->jb", x.carries, drops)
        over = x.across[:, None] - along - x.z[:, None] * tied
        np.add.at(drops, (x.opened, np.arange(drawn.shape[1])), np.einsum("bji,jb->ib", x.solve, over))
        return np.asarray(self.start[:, None] - self.flow.along(drops))

    def _tabulated(self, ties: list[int], opened: IntArray, x: _Exchange, v: ComplexArray) -> GridState:
        g, tree = self.grid, self.flow.forest
        s = (g.p + 1j * g.q)[:, None]
        through, tied = self._currents(x, np.conj(s / v) + x.shunt * v)
        current = np.zeros((g.m, v.shape[1]), dtype=complex)
        fed = np.flatnonzero(tree.branch >= 0)
        current[tree.branch[fed]] = through[fed] * self.turn[fed, None]
        current[ties] = tied
        closed = np.repeat(self.flow.closed[None], v.shape[1], axis=0)
        closed[:, ties] = True
        np.put_along_axis(closed, opened, False, axis=1)
        current[~closed.T] = 0.0
        volt = v / self.flow.scale[:, None]
        power = volt[g.f] / g.ratio[:, None] * np.conj(current)
        v2, l2 = (np.abs(volt) ** 2).T, (np.abs(current) ** 2).T
        return GridState(closed, v2, power.real.T, power.imag.T, l2, losses(g, closed, v2, l2))


def _some(x: _Exchange, left: BoolArray) -> _Exchange:
    """Those of the states that are left."""
    return _Exchange(x.carries, x.z, x.opened[:, left], x.solve[left], x.across, x.shunt[:, left])
