"""Exact AC power flow of a radial state on a `Grid`, in a millisecond.

The same equations as DistFlow with the cone at equality; used to evaluate thousands of topologies.  The
proof of an answer never rests on it: that is `adnflex.powerflow`, which runs pandapower.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from adnflex.grid.model import BoolArray, ComplexArray, FloatArray, Grid
from adnflex.grid.ratings import Ratings
from adnflex.grid.topology import Adjacency, Forest

__all__ = ["Flow", "RadialFlow"]


@dataclass(frozen=True)
class Flow:
    """State of a radial grid [pu].

    Attributes
    ----------
    closed : (m,) array of bool
        State of every branch.
    forest : Forest
        The tree that it makes.
    v : (n,) array
        Squared voltage magnitude.
    p, q : (m,) array
        Power into the series impedance, at the from end behind the ratio; 0 where open.
    l : (m,) array
        Squared series current.
    current : (m,) complex array
        Series current in from-to direction.
    loss : float
        Active losses: series, charging and iron.
    """

    closed: BoolArray
    forest: Forest
    v: FloatArray
    p: FloatArray
    q: FloatArray
    l: FloatArray  # noqa: E741 (the symbol of the field)
    current: ComplexArray
    loss: float

    def currents_at(self, grid: Grid, terminals: Ratings) -> FloatArray:
        """Magnitudes of the currents at some terminals [pu]; at an open branch that of the charging that is left."""
        k, at_from = terminals.branch, terminals.at_from
        v = np.where(at_from, self.v[grid.f[k]] / grid.ratio[k] ** 2, self.v[grid.t[k]])
        p = self.p[k] - np.where(at_from, 0.0, grid.r[k] * self.l[k])
        q = self.q[k] - np.where(at_from, 0.0, grid.x[k] * self.l[k])
        squared = terminals.squared_current(p, q, self.l[k], v)
        charging = np.where(at_from, np.abs(grid.open_from[k]), np.abs(grid.open_to[k])) * np.sqrt(v)
        return np.asarray(np.where(self.closed[k], np.sqrt(np.maximum(squared, 0)), charging))

    def supplied(self, grid: Grid) -> ComplexArray:
        """Power ``P + jQ`` that has to come in at every node from outside the grid [pu]; 0 but at roots."""
        on = self.closed
        leaving = (self.p + 1j * self.q) * on
        arriving = leaving - (grid.r + 1j * grid.x) * self.l * on
        total = grid.p + 1j * grid.q + np.conj(grid.shunts(on)) * self.v
        np.add.at(total, grid.f, leaving)
        np.subtract.at(total, grid.t, arriving)
        return np.asarray(total)

    def loadings(self, grid: Grid) -> FloatArray:
        """Currents at all rated terminals relative to their limits."""
        current, limit = self.currents_at(grid, grid.ratings), grid.ratings.limit
        # a limit of 0 allows no current at all
        return np.asarray(np.where(current > 0, current / np.maximum(limit, 1e-12), 0.0))


class RadialFlow:
    """Power flow for many radial states of one grid.

    Parameters
    ----------
    grid : Grid
        The grid.
    tolerance : float
        Largest change of a voltage in the last step [pu].
    max_iterations : int
        Steps before a state counts as without solution.
    adjacency : Adjacency, optional
        Of a grid with the same branches, to be used again.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> grid = read_grid(pn.case33bw())
    >>> flow = RadialFlow(grid).solve(grid.closed)
    >>> round(flow.loss * grid.base_mva * 1e3, 3)
    202.677
    """

    def __init__(
        self,
        grid: Grid,
        tolerance: float = 1e-12,
        max_iterations: int = 200,
        adjacency: Adjacency | None = None,
    ) -> None:
        self.grid = grid
        self.tolerance = tolerance
        self.max_iterations = max_iterations
        self.adjacency = Adjacency(grid) if adjacency is None else adjacency

    def solve(self, closed: BoolArray) -> Flow | None:
        """Return the state, or None where it is not radial or power flow has no solution."""
        tree = self.adjacency.forest(closed)
        return None if tree is None else self._solve_tree(closed, tree)

    def _solve_tree(self, closed: BoolArray, tree: Forest) -> Flow | None:
        """Iterate ``V = V_root - Z (S/V)*`` with everything referred to the roots' side of all ratios."""
        g = self.grid
        scale = self._path_ratio(tree)
        load = np.flatnonzero(tree.parent >= 0)
        up = tree.branch[load]
        # Column k of the incidence is the branch above node k: +1 into k, -1 out of its parent.
        position = np.full(g.n, -1)
        position[load] = np.arange(len(load))
        above = position[tree.parent[load]]
        inner = above >= 0
        count = np.arange(len(load))
        incidence = sparse.csc_matrix(
            (
                np.concatenate([np.ones(len(load)), -np.ones(int(inner.sum()))]),
                (np.concatenate([count, above[inner]]), np.concatenate([count, count[inner]])),
            ),
            shape=(len(load), len(load)),
        )
        lu = splu(incidence) if len(load) else None
        source = self._root_of(tree)
        v0 = np.sqrt(g.root_v[source[load]])
        s = (g.p + 1j * g.q)[load]
        # withdrawal of a shunt g + jb is conj(y) |V|^2, its current y V
        y = g.shunts(closed)[load] / scale[load] ** 2
        away = tree.away[load]
        # a branch that points to the root has its ratio on the far side: refer it there
        z = (g.r + 1j * g.x)[up] * np.where(away, scale[load], scale[tree.parent[load]]) ** 2
        v = v0.astype(complex)
        converged = lu is None
        j = np.zeros(len(load), complex)
        if lu is not None:
            for _ in range(self.max_iterations):
                current = np.conj(s / v) + y * v
                j = _solve(lu, current, "N")
                new = v0 - _solve(lu, z * j, "T")
                change = float(np.max(np.abs(new - v)))
                v = new
                if change < self.tolerance:
                    converged = True
                    break
                if not np.isfinite(change) or np.min(np.abs(v)) < 0.2:
                    return None
        if not converged:
            return None
        return self._state(closed, tree, load, scale, v, j)

    def _path_ratio(self, tree: Forest) -> FloatArray:
        """Product of the ratios between the root and every node."""
        g = self.grid
        scale = np.ones(g.n)
        if np.all(g.ratio == 1.0):
            return scale
        for node in tree.order.tolist():
            k = tree.branch[node]
            if k >= 0:
                tau = g.ratio[k]
                scale[node] = scale[tree.parent[node]] * (tau if tree.away[node] else 1 / tau)
        return scale

    def _root_of(self, tree: Forest) -> np.ndarray:
        root = np.arange(self.grid.n)
        for node in tree.order.tolist():
            if tree.parent[node] >= 0:
                root[node] = root[tree.parent[node]]
        return root

    def _state(
        self, closed: BoolArray, tree: Forest, load: np.ndarray, scale: FloatArray, v: ComplexArray, j: ComplexArray
    ) -> Flow:
        g = self.grid
        volt = np.sqrt(np.nan_to_num(g.root_v)).astype(complex)
        volt[load] = v / scale[load]
        up, away = tree.branch[load], tree.away[load]
        current = np.zeros(g.m, complex)
        side = np.where(away, scale[load], scale[tree.parent[load]])
        current[up] = np.where(away, j, -j) * side
        # pandapower angles do not matter on a tree; only products V I* are used
        sending = np.where(closed, volt[g.f] / g.ratio, 0)
        power = sending * np.conj(current)
        l2 = np.abs(current) ** 2
        v2 = np.abs(volt) ** 2
        shunt_f = np.where(closed, g.y_from, g.open_from).real * v2[g.f] / g.ratio**2
        shunt_t = np.where(closed, g.y_to, g.open_to).real * v2[g.t]
        loss = float(np.sum(g.r * l2) + np.sum(shunt_f) + np.sum(shunt_t))
        return Flow(closed.copy(), tree, v2, power.real, power.imag, l2, current, loss)


def _solve(lu: object, rhs: ComplexArray, trans: str) -> ComplexArray:
    """Solve a real factorisation for a complex right-hand side."""
    both = lu.solve(np.column_stack([rhs.real, rhs.imag]), trans=trans)  # type: ignore[attr-defined]
    return np.asarray(both[:, 0] + 1j * both[:, 1])
