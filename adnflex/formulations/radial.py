r"""LinDistFlow on a fixed tree: flows and voltages as affine maps of withdrawals.

On a radial network without losses, flows are sums over what hangs below and squared voltages fall along the path,

.. math::

    P_k = \sum_{j \text{ below } k} p_j, \qquad
    v_i = v_0 - 2 \sum_j \Big(\sum_{k \in path(i) \cap path(j)} r_k\Big) p_j + (\text{the same with } x, q),

so that neither has to be a variable.  Around an AC state the same slopes serve with that state's own constants:
the losses are then those of the state.

References
----------
Baran and Wu, IEEE Trans. Power Delivery 4(1), 1989, doi:10.1109/61.19266.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adnflex.grid.model import BoolArray, FloatArray, Grid, IntArray
from adnflex.grid.sweep import Flow
from adnflex.grid.topology import Adjacency, Forest

__all__ = ["Operating", "TreeMap"]


@dataclass(frozen=True)
class Operating:
    """Constants of the affine maps: the state if nothing at the chosen nodes is withdrawn.

    Attributes
    ----------
    v : (n,) array
        Squared voltages [pu].
    p, q : (m,) array
        Flows [pu].
    radius : (m,) array
        Largest apparent power of every branch [pu]; inf where there is no limit.
    import_p, import_q : float
        Import at the coupling point [pu].
    """

    v: FloatArray
    p: FloatArray
    q: FloatArray
    radius: FloatArray
    import_p: float
    import_q: float


class TreeMap:
    """Slopes of flows and voltages of one radial state.

    Parameters
    ----------
    grid : Grid
        The grid.
    closed : (m,) array of bool
        A radial state.
    nodes : (d,) array of int
        Nodes whose withdrawals vary.
    root : int
        The coupling point.
    adjacency : Adjacency, optional
        Of the grid, to be used again.

    Attributes
    ----------
    flow : (m, d) array
        Flow per unit of withdrawal, in from-to direction; 0 where the branch is not on the path.
    v_p, v_q : (n, d) array
        Squared voltage per unit of active and reactive withdrawal.
    imports : (d,) array
        1 where the node is fed from `root`.

    Raises
    ------
    ValueError
        If the state is no forest.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> grid = read_grid(pn.case33bw())
    >>> tree = TreeMap(grid, grid.closed, np.array([17]), 0)
    >>> float(tree.flow[:17].sum()), float(tree.flow[17:].sum())
    (17.0, 0.0)
    """

    def __init__(
        self, grid: Grid, closed: BoolArray, nodes: IntArray, root: int, adjacency: Adjacency | None = None
    ) -> None:
        forest = (Adjacency(grid) if adjacency is None else adjacency).forest(closed)
        if forest is None:
            raise ValueError("the state is not radial")
        self.grid, self.closed, self.nodes, self.root, self.forest = grid, closed, nodes, root, forest
        self._path, scale, self._source = _paths(grid, forest)
        # ratios refer impedances to the root's side
        side = np.where(forest.away, scale, scale[forest.parent])
        squared = np.ones(grid.m)
        below = np.flatnonzero(forest.branch >= 0)
        squared[forest.branch[below]] = side[below] ** 2
        self._scale2 = scale**2
        self._r, self._x = grid.r * squared, grid.x * squared
        mine = self._path[nodes]
        direction = np.zeros(grid.m)
        direction[forest.branch[below]] = np.where(forest.away[below], 1.0, -1.0)
        self._direction = direction
        self.flow = (mine * direction).T
        self.v_p = -2 * (self._path * self._r) @ mine.T / self._scale2[:, None]
        self.v_q = -2 * (self._path * self._x) @ mine.T / self._scale2[:, None]
        self.imports = (self._source[nodes] == root).astype(float)

    def lossless(self, p: FloatArray, q: FloatArray, shunts: np.ndarray) -> Operating:
        """Return the constants of LinDistFlow.

        Parameters
        ----------
        p, q : (n,) array
            Withdrawals that do not vary [pu].
        shunts : (n,) complex array
            Constant-impedance withdrawals ``g + jb`` [pu], taken at the voltage of the root.
        """
        v0 = self.grid.root_v[self._source]
        at_root = v0 / self._scale2
        p_all, q_all = p + shunts.real * at_root, q - shunts.imag * at_root
        flow_p, flow_q = self._path.T @ p_all, self._path.T @ q_all
        drop = 2 * self._path @ (self._r * flow_p + self._x * flow_q)
        mine = self._source == self.root
        radius = np.full(self.grid.m, np.inf)
        ratings = self.grid.ratings
        np.minimum.at(radius, ratings.branch, ratings.limit / np.abs(ratings.share))
        return Operating(
            (v0 - drop) / self._scale2,
            flow_p * self._direction,
            flow_q * self._direction,
            radius,
            float(p_all[mine].sum()),
            float(q_all[mine].sum()),
        )

    def around(self, flow: Flow, grid: Grid, p: FloatArray, q: FloatArray) -> Operating:
        """Return constants that reproduce an AC state.

        Parameters
        ----------
        flow : Flow
            The state.
        grid : Grid
            The grid with the withdrawals of that state.
        p, q : (d,) array
            What is withdrawn at the chosen nodes in it [pu].
        """
        apparent = np.hypot(flow.p, flow.q)
        ratings = grid.ratings
        current = flow.currents_at(grid, ratings)
        vm = np.sqrt(np.where(ratings.at_from, flow.v[grid.f[ratings.branch]], flow.v[grid.t[ratings.branch]]))
        # what the terminal carries beside the series flow scales with it; where there is hardly any flow it cannot
        loaded = current > 0.05 * ratings.limit
        share = np.where(
            loaded,
            ratings.limit / np.where(loaded, current, 1.0) * apparent[ratings.branch],
            ratings.limit * vm / np.abs(ratings.share),
        )
        radius = np.full(grid.m, np.inf)
        # through an open branch nothing flows that a withdrawal could change
        np.minimum.at(radius, ratings.branch, np.where(flow.closed[ratings.branch], share, np.inf))
        supplied = flow.supplied(grid)[self.root]
        return Operating(
            flow.v - self.v_p @ p - self.v_q @ q,
            flow.p - self.flow @ p,
            flow.q - self.flow @ q,
            radius,
            float(supplied.real) - float(self.imports @ p),
            float(supplied.imag) - float(self.imports @ q),
        )


def _paths(grid: Grid, forest: Forest) -> tuple[FloatArray, FloatArray, IntArray]:
    """Branches on the path of every node (n, m), product of the ratios along it (n,), its root (n,)."""
    path = np.zeros((grid.n, grid.m))
    scale = np.ones(grid.n)
    source = np.arange(grid.n)
    for node in forest.order.tolist():
        k, parent = forest.branch[node], forest.parent[node]
        if k >= 0:
            path[node] = path[parent]
            path[node, k] = 1.0
            scale[node] = scale[parent] * (grid.ratio[k] if forest.away[node] else 1 / grid.ratio[k])
            source[node] = source[parent]
    return path, scale, source
