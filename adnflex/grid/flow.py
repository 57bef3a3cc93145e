r"""Exact AC power flow of one radial state, for one or for many withdrawals, and its LinDistFlow slopes.

With everything referred to the roots' side of all ratios, the current of a branch is the sum of what is drawn below it,
and a voltage is that of the root less the drops along the path,

.. math:: V = V_0 - Z \Big(\frac{S^*}{V^*} + Y V\Big), \qquad Z_{ij} = \sum_{k \in path(i) \cap path(j)} z_k ,

iterated to a fixed point.  :math:`Z` is never formed: a state costs :math:`O(n)` a step, with ten nodes as with ten
thousand.  Withdrawals are solved together as columns, few of them by cumulated sums (`adnflex.grid.cumulated`), many by
sums of rows (`adnflex.grid.sweep`).  The slopes of LinDistFlow are columns of the same :math:`Z`.

These are the equations of DistFlow with the cone at equality.  The proof of an answer never rests on it: that is
`adnflex.powerflow`, which runs pandapower.

References
----------
Shirmohammadi et al., IEEE Trans. Power Systems 3(2), 1988, doi:10.1109/59.192932 (the iteration).  Baran and Wu, IEEE
Trans. Power Delivery 4(1), 1989, doi:10.1109/61.19266 (LinDistFlow).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from adnflex.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from adnflex.errors import InputError
from adnflex.grid.cumulated import CumulatedSums
from adnflex.grid.model import Grid
from adnflex.grid.state import Flow, losses, squared, stacked
from adnflex.grid.sweep import RadialSweep
from adnflex.grid.topology import Adjacency, Forest

# From so many states on rows are summed instead of columns.
_MANY = 16


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
        order, here = tree.order, np.arange(grid.n)
        self._order, self._back = order, np.empty(grid.n, dtype=np.int64)
        self._back[order] = here
        # a branch that points to the root has its ratio on the far side: refer it there
        self._side = np.where(tree.away, scale, scale[tree.parent])
        self._sign = np.where(tree.away, 1.0, -1.0)
        self._below = np.flatnonzero(tree.parent >= 0)
        self._up = tree.branch[self._below]
        z = np.zeros(grid.n, dtype=complex)
        z[self._below] = (grid.r + 1j * grid.x)[self._up] * self._side[self._below] ** 2
        self.z = z
        self._few = CumulatedSums(tree, z)

    # -- the two sums over a tree ------------------------------------------------------------------------

    def carried(self, drawn: np.ndarray) -> np.ndarray:
        """Sum what is drawn at and below every node, (n, ...) to (n, ...)."""
        return np.asarray(self._few.below(drawn[self._order])[self._back])

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
        at, first = self._back[nodes], self._back[:, None]
        return ((first <= at) & (at <= first + self.forest.below[:, None])).astype(float)

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
        blocks = [flow for _, flow in self.blocks(p, q, y, root_v)]
        return blocks[0] if len(blocks) == 1 else stacked(blocks)

    def blocks(
        self, p: FloatArray, q: FloatArray, y: ComplexArray | None = None, root_v: FloatArray | None = None
    ) -> Iterator[tuple[slice, Flow]]:
        """Solve many states some at a time, as many as fit the processor's cache; see `solve_many`.

        Yields
        ------
        slice, Flow
            Which states, and their solution; its arrays are columns side by side, fast by node and by branch.
        """
        many = len(p) >= _MANY
        width = RadialSweep.width(self.grid.n) if many else _MANY
        # no state at all is one empty block
        for part in [slice(k, k + width) for k in range(0, len(p), width)] or [slice(0, 0)]:
            fixed, root = None if y is None else y[part], None if root_v is None else root_v[part]
            given = self.placed(p[part], q[part], fixed, root)
            if many:
                yield part, self._state(*(a[:, 0] + 1j * a[:, 1] for a in self.sweep.solve(*given)))
            else:
                yield part, self._state(*self._few.solve(*given))

    def placed(
        self, p: FloatArray, q: FloatArray, y: ComplexArray | None = None, root_v: FloatArray | None = None
    ) -> tuple[FloatArray, FloatArray, ComplexArray, FloatArray]:
        """Put what is drawn in preorder, referred to the roots' side: P, Q, admittance, root voltage (n, B or 1)."""
        order = self._order
        fixed = self.charging + (self.grid.y if y is None else y)
        root = self.grid.root_v[None] if root_v is None else root_v
        shunt = (np.atleast_2d(fixed) / self.scale**2).T
        start = np.sqrt(root[:, self.forest.root[order]]).T
        return np.take(p.T, order, axis=0), np.take(q.T, order, axis=0), np.take(shunt, order, axis=0), start

    @property
    def places(self) -> IntArray:
        """Place of every node in preorder (n,)."""
        return self._back

    @property
    def carrying(self) -> FloatArray:
        """What a branch carries from-to, by what the node below it draws with all below, referred to the roots (n,)."""
        return np.asarray(self._sign * self._side)

    @cached_property
    def sweep(self) -> RadialSweep:
        """The iteration for many states, in preorder."""
        above = self.forest.parent[self._order]
        return RadialSweep(np.where(above >= 0, self._back[above], -1), self.z[self._order])

    def _state(self, v: ComplexArray, through: ComplexArray) -> Flow:
        """Return states from voltages and from currents above the nodes, both in preorder (n, B)."""
        g = self.grid
        volt, through = v[self._back] / self.scale[:, None], through[self._back]
        current = np.zeros((g.m, v.shape[1]), dtype=complex)
        current[self._up] = through[self._below] * (self._sign * self._side)[self._below, None]
        # angles of the roots do not matter on a tree; only products V I* are used
        power = volt[g.f] / g.ratio[:, None] * np.conj(current)
        supplied = np.zeros((g.n, v.shape[1]), dtype=complex)
        roots = g.roots
        supplied[roots] = volt[roots] * np.conj(through[roots])
        v2, l2 = squared(volt), squared(current)
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
