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

from adnflex.arrays import ComplexArray, FloatArray, IntArray
from adnflex.grid.flow import RadialFlow
from adnflex.grid.state import Flow


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
    """Affine maps of one radial state.

    Parameters
    ----------
    tree : RadialFlow
        The state.
    nodes : (d,) array of int
        Nodes whose withdrawals vary.
    root : int
        The coupling point.

    Attributes
    ----------
    flow : (m, d) array
        Flow per unit of withdrawal, in from-to direction; 0 where the branch is not on the path.
    v_p, v_q : (n, d) array
        Squared voltage per unit of active and reactive withdrawal.
    imports : (d,) array
        1 where the node is fed from `root`.
    radius : (m,) array
        Largest apparent power of every branch by its ratings [pu]; inf where it has none.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> tree = TreeMap(RadialFlow(read_grid(pn.case33bw())), np.array([17]), 0)
    >>> float(tree.flow[:17].sum()), float(tree.flow[17:].sum())
    (17.0, 0.0)
    """

    def __init__(self, tree: RadialFlow, nodes: IntArray, root: int) -> None:
        self.tree, self.grid, self.closed, self.nodes, self.root = tree, tree.grid, tree.closed, nodes, root
        slopes = tree.slopes(nodes)
        self.flow, self.v_p, self.v_q = slopes.flow, slopes.v_p, slopes.v_q
        self._fed = tree.forest.root == root
        self.imports = self._fed[nodes].astype(float)
        ratings = self.grid.ratings
        self.radius = np.full(self.grid.m, np.inf)
        np.minimum.at(self.radius, ratings.branch, ratings.limit / np.abs(ratings.share))

    def lossless(self, drawn: ComplexArray, y: ComplexArray) -> Operating:
        """Return the constants of LinDistFlow.

        Parameters
        ----------
        drawn : (n,) complex array
            Withdrawals ``P + jQ`` that do not vary [pu].
        y : (n,) complex array
            Constant-impedance withdrawals ``g + jb`` without charging [pu], taken at the voltage of the root.
        """
        whole = drawn + np.conj(y + self.tree.charging) * self.tree.no_load_v
        v, flow = self.tree.lossless(whole)
        total = whole[self._fed].sum()
        return Operating(v, flow.real, flow.imag, self.radius, float(total.real), float(total.imag))

    def around(self, state: Flow, drawn: ComplexArray) -> list[Operating]:
        """Return constants that reproduce AC states.

        Parameters
        ----------
        state : Flow
            States, K of them.
        drawn : (K, d) complex array
            What is withdrawn at the chosen nodes in them [pu].
        """
        p, q = drawn.real, drawn.imag
        g, ratings = self.grid, self.grid.ratings
        apparent = np.hypot(state.p, state.q)[:, ratings.branch]
        current = state.currents_at(g, ratings)
        vm = np.sqrt(np.where(ratings.at_from, state.v[:, g.f[ratings.branch]], state.v[:, g.t[ratings.branch]]))
        # what the terminal carries beside the series flow scales with it; where there is hardly any flow it cannot
        loaded = current > 0.05 * ratings.limit
        share = np.where(
            loaded,
            ratings.limit / np.where(loaded, current, 1.0) * apparent,
            ratings.limit * vm / np.abs(ratings.share),
        )
        radius = np.full((len(p), g.m), np.inf)
        # through an open branch nothing flows that a withdrawal could change
        np.minimum.at(radius.T, ratings.branch, np.where(state.closed[ratings.branch], share, np.inf).T)
        supplied = state.supplied[:, self.root] - drawn @ self.imports
        v = state.v - p @ self.v_p.T - q @ self.v_q.T
        rows = zip(v, state.p - p @ self.flow.T, state.q - q @ self.flow.T, radius, supplied, strict=True)
        return [Operating(v, p, q, most, float(s.real), float(s.imag)) for v, p, q, most, s in rows]
