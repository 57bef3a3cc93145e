r"""Exact AC power flow of one radial state, for one or for many withdrawals, and its LinDistFlow slopes.

With everything referred to the roots' side of all ratios, the current of a branch is the sum of what is drawn below it,
and a voltage is that of the root less the drops along the path,

.. math:: V = V_0 - Z \Big(\frac{S^*}{V^*} + Y V\Big), \qquad Z_{ij} = \sum_{k \in path(i) \cap path(j)} z_k ,

iterated to a fixed point.  :math:`Z` is never formed.  In preorder all nodes below a branch stand side by side, so that
both sums are differences of cumulated sums: a state costs :math:`O(n)` a step, with ten nodes as with ten thousand, and
withdrawals are solved together as columns.  The slopes of LinDistFlow are columns of the same :math:`Z`.

These are the equations of DistFlow with the cone at equality.  The proof of an answer never rests on it: that is
`adnflex.powerflow`, which runs pandapower.

References
----------
Shirmohammadi et al., IEEE Trans. Power Systems 3(2), 1988, doi:10.1109/59.192932 (the iteration).  Baran and Wu, IEEE
Trans. Power Delivery 4(1), 1989, doi:10.1109/61.19266 (LinDistFlow).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from adnflex.errors import InputError
from adnflex.grid.model import BoolArray, ComplexArray, FloatArray, Grid, IntArray
from adnflex.grid.state import Flow, losses
from adnflex.grid.topology import Adjacency, Forest

__all__ = ["RadialFlow", "Slopes", "flow_of", "flows_of"]

# Largest change of a voltage in the last step, and steps before a state counts as without solution.
_TOLERANCE, _STEPS = 1e-12, 200

# Up to so many nodes, and numbers in the product, Z is a matrix: half the calls, and BLAS starts no threads yet.
_SMALL, _SHORT = 64, 2**15

# States are iterated so many numbers at a time, which stay in the processor's cache.
_CACHED = 2**13

# A voltage below this is no operating point: the iteration has left the solution that a feeder runs at [pu].
_COLLAPSED = 0.2


@dataclass(frozen=True)
class Slopes:
    """LinDistFlow: what a withdrawal at some nodes changes, d of them.

    Attributes
    ----------
    v_p, v_q : (n, d) array
        Squared voltages per active and per reactive power withdrawn.
    flow : (m, d) array
        Flows in from-to direction, active per active or reactive per reactive power.
    """

    v_p: FloatArray
    v_q: FloatArray
    flow: FloatArray


def flow_of(grid: Grid, closed: BoolArray, adjacency: Adjacency | None = None) -> Flow | None:
    """Return the state of a grid, or None where it is not radial or power flow has no solution.

    Parameters
    ----------
    grid : Grid
        The grid.
    closed : (m,) array of bool
        State of every branch.
    adjacency : Adjacency, optional
        Of a grid with the same branches, to be used again.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> grid = read_grid(pn.case33bw())
    >>> flow = flow_of(grid, grid.closed)
    >>> round(flow.loss * grid.base_mva * 1e3, 3)
    202.677
    """
    tree = (Adjacency(grid) if adjacency is None else adjacency).forest(closed)
    return None if tree is None else RadialFlow(grid, tree).solve()


def flows_of(grids: Sequence[Grid], closed: Sequence[BoolArray]) -> list[Flow | None]:
    """Return the states of grids with the same branches; those of one tree and the same ratios are solved together.

    Parameters
    ----------
    grids : sequence of Grid
        They may differ in withdrawals, shunts, ratios and voltages of the roots.
    closed : sequence of (m,) arrays of bool
        State of every branch, one for each grid.
    """
    adjacency = Adjacency(grids[0])
    found: list[Flow | None] = [None] * len(grids)
    groups: dict[tuple[bytes, bytes], list[int]] = {}
    for i, (grid, state) in enumerate(zip(grids, closed, strict=True)):
        groups.setdefault((state.tobytes(), grid.ratio.tobytes()), []).append(i)
    for members in groups.values():
        tree = adjacency.forest(closed[members[0]])
        if tree is not None:
            alike = [np.stack([getattr(grids[i], name) for i in members]) for name in ("p", "q", "y", "root_v")]
            flows = RadialFlow(grids[members[0]], tree).solve_many(*alike)
            for row, i in enumerate(members):
                found[i] = flows.one(row)
    return found


class RadialFlow:
    """Power flow of a grid in one radial state.

    Parameters
    ----------
    grid : Grid
        The grid, with its ratios and the voltages of its roots.
    forest : Forest, optional
        The state; by default the present one.

    Raises
    ------
    InputError
        If the present state is not radial.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> grid = read_grid(pn.case33bw())
    >>> flow = RadialFlow(grid).solve_many(np.stack([grid.p, 0 * grid.p]), np.stack([grid.q, 0 * grid.q]))
    >>> (flow.loss * grid.base_mva * 1e3).round(3).tolist(), np.sqrt(flow.v.min(axis=1)).round(4).tolist()
    ([202.677, 0.0], [0.9131, 1.0])
    """

    def __init__(self, grid: Grid, forest: Forest | None = None) -> None:
        tree = Adjacency(grid).forest(grid.closed) if forest is None else forest
        if tree is None:
            raise InputError("the net is not radial with its present switch states; open a switch in every loop.")
        self.grid, self.forest, self.closed = grid, tree, tree.closed(grid.m)
        self.scale = scale = _path_ratios(grid, tree)
        # positions in preorder: the first node behind a subtree, and a tour that enters and leaves every node
        order, here = tree.order, np.arange(grid.n)
        below = tree.below[order]
        self._order, self._end = order, here + below + 1
        self._ends = np.column_stack([here, self._end]).ravel()
        self._enter = 2 * here - tree.depth[order]
        self._leave = self._enter + 2 * below + 1
        # a branch that points to the root has its ratio on the far side: refer it there
        self._side = np.where(tree.away, scale, scale[tree.parent])
        self._sign = np.where(tree.away, 1.0, -1.0)
        self._below = np.flatnonzero(tree.parent >= 0)
        self._up = tree.branch[self._below]
        z = np.zeros(grid.n, dtype=complex)
        z[self._below] = (grid.r + 1j * grid.x)[self._up] * self._side[self._below] ** 2
        self.z = z
        self._back = np.empty(grid.n, dtype=np.int64)
        self._back[order] = here
        # in preorder
        self._start = np.sqrt(grid.root_v[tree.root[order]])[:, None].astype(complex)
        self._drops = z[order, None]

    # -- the two sums over a tree ------------------------------------------------------------------------

    def carried(self, drawn: np.ndarray) -> np.ndarray:
        """Sum what is drawn at and below every node, (n, ...) to (n, ...)."""
        return np.asarray(self._sums(drawn[self._order])[self._back])

    def _sums(self, drawn: np.ndarray) -> np.ndarray:
        """Sum subtrees in preorder, each by itself: where nothing is drawn it is exactly 0."""
        padded = np.concatenate([drawn, np.zeros_like(drawn[:1])])
        return np.asarray(np.add.reduceat(padded, self._ends, axis=0)[::2])

    def along(self, drops: np.ndarray) -> np.ndarray:
        """Sum the drops of the branches above the nodes along the paths from the root, (n, ...) to (n, ...)."""
        found, parent = drops.copy(), self.forest.parent
        for level in self._levels:
            found[level] += found[parent[level]]
        return found

    @cached_property
    def _levels(self) -> list[IntArray]:
        """Nodes below the roots by depth."""
        deeper = np.argsort(self.forest.depth, kind="stable")
        ends = np.cumsum(np.bincount(self.forest.depth)).tolist()
        return [deeper[a:b] for a, b in pairwise(ends)]

    def slopes(self, nodes: IntArray | None = None) -> Slopes:
        """Return what LinDistFlow makes of withdrawals at some nodes, by default at all of them.

        Parameters
        ----------
        nodes : (d,) array of int, optional
            The nodes.

        Examples
        --------
        >>> import pandapower.networks as pn
        >>> from adnflex.grid import read_grid
        >>> grid = read_grid(pn.case33bw())
        >>> slopes = RadialFlow(grid).slopes(np.array([17]))
        >>> bool(np.isclose(slopes.v_p[17, 0], -2 * grid.r[:17].sum())), float(slopes.flow.sum())
        (True, 17.0)
        """
        chosen = np.arange(self.grid.n) if nodes is None else nodes
        fall = -2 * self._impedances(chosen) / self.scale[:, None] ** 2
        flow = np.zeros((self.grid.m, len(chosen)))
        flow[self._up] = self._carries(chosen)[self._below] * self._sign[self._below, None]
        return Slopes(fall.real, fall.imag, flow)

    def lossless(self, drawn: ComplexArray) -> tuple[FloatArray, ComplexArray]:
        """Squared voltages (n,) and flows in from-to direction (m,) of LinDistFlow for withdrawals ``P + jQ`` (n,)."""
        carried = self.carried(drawn)
        flow = np.zeros(self.grid.m, dtype=complex)
        flow[self._up] = carried[self._below] * self._sign[self._below]
        fall = 2 * self.along(np.real(np.conj(self.z) * carried)) / self.scale**2
        return self.no_load_v - fall, flow

    @cached_property
    def no_load_v(self) -> FloatArray:
        """Squared voltages (n,) where nothing is drawn."""
        return np.asarray(self.grid.root_v[self.forest.root] / self.scale**2)

    @cached_property
    def charging(self) -> ComplexArray:
        """Shunts of all branches in this state by node (n,)."""
        return np.asarray(self.grid.shunts(self.closed) - self.grid.y)

    def _carries(self, nodes: IntArray) -> FloatArray:
        """Whether the branch above a node carries what some nodes draw (n, d)."""
        at, first, end = self._back[nodes], self._back[:, None], self._end[self._back][:, None]
        return ((first <= at) & (at < end)).astype(float)

    def _impedances(self, nodes: IntArray) -> ComplexArray:
        """Columns of ``Z`` (n, d); exactly 0 where the paths share nothing."""
        return np.asarray(self.along(self.z[:, None] * self._carries(nodes)))

    # -- exact states ------------------------------------------------------------------------------------

    def solve(self, p: FloatArray | None = None, q: FloatArray | None = None) -> Flow | None:
        """Return the state for withdrawals (n,) [pu], by default the grid's; None where there is no solution."""
        g = self.grid
        return self.solve_many((g.p if p is None else p)[None], (g.q if q is None else q)[None]).one(0)

    def solve_many(
        self, p: FloatArray, q: FloatArray, y: ComplexArray | None = None, root_v: FloatArray | None = None
    ) -> Flow:
        """Return many states, NaN where there is no solution.

        Parameters
        ----------
        p, q : (B, n) array
            Constant-power withdrawals [pu].
        y : (B, n) complex array, optional
            Constant-impedance withdrawals as in `Grid.y`; by default the grid's.
        root_v : (B, n) array, optional
            Squared voltages of the roots; by default the grid's.
        """
        order = self._order
        fixed = self.charging + (self.grid.y if y is None else y)
        shunt = (np.atleast_2d(fixed) / self.scale**2).T[order]
        start = self._start if root_v is None else np.sqrt(root_v[:, self.forest.root[order]]).T.astype(complex)
        s = (p + 1j * q).T[order]
        width = max(_CACHED // self.grid.n, 1)
        parts = [slice(a, a + width) for a in range(0, len(p), width)]
        v = [self._iterated(*(a if a.shape[1] == 1 else a[:, part] for a in (s, shunt, start))) for part in parts]
        return self._state(s, shunt, np.concatenate(v, axis=1) if v else s)

    @cached_property
    def _matrix(self) -> ComplexArray:
        """``Z`` in preorder (n, n)."""
        return np.asarray(self._impedances(self._order)[self._order])

    def _iterated(self, s: ComplexArray, shunt: ComplexArray, start: ComplexArray) -> ComplexArray:
        """Voltages in preorder and referred to the roots (n, B); NaN where there is no solution."""
        found = np.full(s.shape, np.nan, dtype=complex)
        live = np.arange(s.shape[1])
        v = start
        small = self.grid.n <= _SMALL and self.grid.n**2 * len(live) <= _SHORT
        with np.errstate(all="ignore"):
            for _ in range(_STEPS):
                current = np.conj(s / v) + shunt * v
                new = start - (self._matrix @ current if small else self._drop(current))
                change = np.abs(new - v).max(axis=0)
                good = change < _TOLERANCE
                over = good | ~np.isfinite(change)
                if change.max() > 1e-3:
                    over |= np.abs(new).min(axis=0) < _COLLAPSED
                v = new
                if over.any():
                    found[:, live[good]] = v[:, good]
                    left = np.flatnonzero(~over)
                    if not len(left):
                        break
                    if len(left) < len(live):
                        live, v, s = live[left], v[:, left], s[:, left]
                        shunt, start = (a if a.shape[1] == 1 else a[:, left] for a in (shunt, start))
        return found

    def _drop(self, current: ComplexArray) -> ComplexArray:
        """``Z current`` in preorder (n, B)."""
        n, count = current.shape
        total = np.zeros((n + 1, count), dtype=complex)
        np.cumsum(current, axis=0, out=total[1:])
        drop = self._drops * (total[self._end] - total[:-1])
        tour = np.empty((2 * n, count), dtype=complex)
        tour[self._enter], tour[self._leave] = drop, -drop
        return np.asarray(np.cumsum(tour, axis=0, out=tour)[self._enter])

    def _state(self, s: ComplexArray, shunt: ComplexArray, v: ComplexArray) -> Flow:
        g = self.grid
        with np.errstate(all="ignore"):
            through = self._sums(np.conj(s / v) + shunt * v)[self._back]
        volt = v[self._back] / self.scale[:, None]
        current = np.zeros((g.m, v.shape[1]), dtype=complex)
        current[self._up] = through[self._below] * (self._sign * self._side)[self._below, None]
        # angles of the roots do not matter on a tree; only products V I* are used
        power = volt[g.f] / g.ratio[:, None] * np.conj(current)
        supplied = np.zeros((g.n, v.shape[1]), dtype=complex)
        roots = g.roots
        supplied[roots] = volt[roots] * np.conj(through[roots])
        v2, l2 = np.abs(volt) ** 2, np.abs(current) ** 2
        loss = losses(g, self.closed, v2.T, l2.T)
        return Flow(self.closed, v2.T, power.real.T, power.imag.T, l2.T, loss, self.forest, current.T, supplied.T)


def _path_ratios(grid: Grid, tree: Forest) -> FloatArray:
    """Product of the ratios between the root and every node (n,)."""
    scale = np.ones(grid.n)
    if np.any(grid.ratio != 1.0):
        for node in tree.order.tolist():
            k, parent = int(tree.branch[node]), int(tree.parent[node])
            if k >= 0:
                scale[node] = scale[parent] * (grid.ratio[k] if tree.away[node] else 1 / grid.ratio[k])
    return scale
