"""Exact AC power flow of one radial state for many withdrawals at once.

The equations of `adnflex.grid.sweep`, with the sweeps written as one dense matrix: scenarios of a feeder take less than
a millisecond together, where a candidate has to be judged in all of them.
"""

from __future__ import annotations

import numpy as np

from adnflex.errors import InputError
from adnflex.grid.model import FloatArray, Grid
from adnflex.grid.topology import forest

__all__ = ["ManyFlows"]


class ManyFlows:
    """Power flow of a radial grid, all of whose branches are closed.

    Parameters
    ----------
    grid : Grid
        The grid; only its constant withdrawals are replaced.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> grid = read_grid(pn.case33bw(), switchable_lines=())
    >>> vm, loss = ManyFlows(grid).solve(np.stack([grid.p, 0 * grid.p]), np.stack([grid.q, 0 * grid.q]))
    >>> (loss * grid.base_mva * 1e3).round(3).tolist(), vm.min(axis=1).round(4).tolist()
    ([202.677, 0.0], [0.9131, 1.0])
    """

    def __init__(self, grid: Grid) -> None:
        closed = np.ones(grid.m, dtype=bool)
        tree = forest(grid, closed)
        if tree is None:
            raise InputError("the net is not radial with its present switch states; open a switch in every loop.")
        self.grid = grid
        scale, source = np.ones(grid.n), np.arange(grid.n)
        for node in tree.order.tolist():
            k, parent = int(tree.branch[node]), int(tree.parent[node])
            if k >= 0:
                scale[node] = scale[parent] * (grid.ratio[k] if tree.away[node] else 1 / grid.ratio[k])
                source[node] = source[parent]
        load = np.flatnonzero(tree.parent >= 0)
        up, away = tree.branch[load], tree.away[load]
        place = np.full(grid.n, -1)
        place[load] = np.arange(len(load))
        above = place[tree.parent[load]]
        incidence = np.eye(len(load))
        inner = np.flatnonzero(above >= 0)
        incidence[above[inner], inner] = -1.0
        # current of each branch for the currents drawn at the nodes
        self._carry = np.linalg.inv(incidence)
        side = np.where(away, scale[load], scale[tree.parent[load]])
        self._impedance = self._carry.T @ (((grid.r + 1j * grid.x)[up] * side**2)[:, None] * self._carry)
        self._load, self._scale, self._side = load, scale[load], side
        self._start = np.sqrt(grid.root_v[source[load]]).astype(complex)
        self._shunt = grid.shunts(closed)[load] / self._scale**2
        self._r, self._up = grid.r[up], up
        root = np.sqrt(np.nan_to_num(grid.root_v))
        self._root = root

    def solve(self, p: FloatArray, q: FloatArray, tolerance: float = 1e-10) -> tuple[FloatArray, FloatArray]:
        """Voltages (B, n) [pu] and losses (B,) [pu] for withdrawals (B, n) [pu]; NaN where there is no solution."""
        load, g = self._load, self.grid
        s = (p + 1j * q)[:, load]
        v = np.broadcast_to(self._start, s.shape)
        current = np.zeros_like(s)
        change = np.zeros(len(s))
        with np.errstate(all="ignore"):
            for _ in range(200):
                current = np.conj(s / v) + self._shunt * v
                new = self._start - current @ self._impedance.T
                change = np.abs(new - v).max(axis=1, initial=0.0)
                v = new
                if not (change > tolerance).any():
                    break
            flows = current @ self._carry.T
            vm = np.broadcast_to(self._root, p.shape).copy()
            vm[:, load] = np.abs(v) / self._scale
            loss = (np.abs(flows * self._side) ** 2) @ self._r
            loss = loss + vm[:, g.f] ** 2 @ (g.y_from.real / g.ratio**2) + vm[:, g.t] ** 2 @ g.y_to.real
        lost = ~(change <= tolerance)
        vm[lost], loss[lost] = np.nan, np.nan
        return vm, np.asarray(loss)

    def sensitivities(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return what LinDistFlow makes of a withdrawal at each node.

        Returns
        -------
        (n, n), (n, n), (m, n) array
            Fall of the squared voltage of each node (row) per active and per reactive power withdrawn at each node
            (column), and active power through each branch, seen from the root.

        Examples
        --------
        >>> import pandapower.networks as pn
        >>> from adnflex.grid import read_grid
        >>> grid = read_grid(pn.case33bw(), switchable_lines=())
        >>> r, x, flow = ManyFlows(grid).sensitivities()
        >>> bool(np.allclose(r[17, 17], 2 * grid.r[:17].sum())), float(flow[0].sum())
        (True, 32.0)
        """
        g, load = self.grid, self._load
        r, x = np.zeros((g.n, g.n)), np.zeros((g.n, g.n))
        at = np.ix_(load, load)
        r[at] = 2.0 * self._impedance.real / self._scale[:, None] ** 2
        x[at] = 2.0 * self._impedance.imag / self._scale[:, None] ** 2
        flow = np.zeros((g.m, g.n))
        flow[np.ix_(self._up, load)] = self._carry
        return r, x, flow
