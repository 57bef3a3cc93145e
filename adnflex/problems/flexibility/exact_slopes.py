"""How voltages move around AC states: what the lossless slopes of a linear model leave out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.problems.flexibility.states import Network, Sampled

# What is withdrawn more where a slope is measured [pu]: voltages bend by less than a thousandth of it.
_STEP = 1e-4


@dataclass(frozen=True)
class ExactSlopes:
    """Slopes of squared voltages at both ends of a box in every period.

    Attributes
    ----------
    v_p, v_q : (2, T, n, d) array
        Per active and per reactive power withdrawn at `Columns.nodes` [pu]; lower end first.
    """

    v_p: FloatArray
    v_q: FloatArray

    def constants(self, side: int, v: FloatArray, p: FloatArray, q: FloatArray) -> FloatArray:
        """Squared voltages (T, n) without what is withdrawn (T, d), so that the states (T, n) are met."""
        moved = np.einsum("tnd,td->tn", self.v_p[side], p) + np.einsum("tnd,td->tn", self.v_q[side], q)
        return np.asarray(v - moved)


def exact_slopes(network: Network, x: tuple[FloatArray, FloatArray], sampled: Sampled) -> ExactSlopes:
    """Measure slopes at both ends of a box by power flows beside them.

    Parameters
    ----------
    network : Network
        The network.
    x : two (T, k) arrays
        Columns of the devices at both ends.
    sampled : Sampled
        The states between them.
    """
    nodes, n, periods = network.columns.nodes, network.grid.n, len(x[0])
    every = np.repeat(np.arange(periods), len(nodes))
    found = []
    for unit in (1.0, 1.0j):
        step = _STEP * unit * np.eye(n)[nodes]
        for side, here in enumerate(x):
            drawn = (network.withdrawn(here)[:, None] + step).reshape(-1, n)
            beside = network.flow.solve_many(drawn.real, drawn.imag, network.points.y[0, every])
            moved = beside.v.reshape(periods, len(nodes), n) - sampled.flow.v[:, None, -side]
            found.append(moved.transpose(0, 2, 1) / _STEP)
    return ExactSlopes(np.stack(found[:2]), np.stack(found[2:]))
