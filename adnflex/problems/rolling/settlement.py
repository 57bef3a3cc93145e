r"""Who gives to whom, who buys and what is spilled: the settlement of an hour between the nodes.

With the residual :math:`r_i` of a node (own generation less vehicles less storage charge), surplus
:math:`s = r^+` and deficit :math:`\delta = r^-`, and a limit :math:`\bar X` of what a node may exchange:

.. math::

    s^x = \min(s, \bar X), \quad \delta^x = \min(\delta, \bar X), \quad
    \tau = \min\Bigl(\sum_i s^x_i, \sum_i \delta^x_i\Bigr)

and each takes part in the traded :math:`\tau` in proportion, ``import = δˣ τ / Σ δˣ`` and ``export = sˣ τ / Σ sˣ``.
What a deficit still lacks is bought, what a surplus still has is spilled.

References
----------
Xu et al., doi:10.3390/wevj16090515, section 2.2: exchange of energy between nodes, then purchase. The rule by which
nodes share is not printed; proportional sharing is an assumption.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from adnflex.arrays import FloatArray


class Settlement(NamedTuple):
    """Power of each node [MW], in the shape of the residual: received, given, bought, spilled."""

    imports: FloatArray
    exports: FloatArray
    buys: FloatArray
    spills: FloatArray


def settle(residual: FloatArray, limit: FloatArray) -> Settlement:
    """Settle an hour.

    Parameters
    ----------
    residual : ndarray, shape (n,) or (n, ...)
        Own generation less vehicles less storage charge [MW].
    limit : ndarray, shape (n,)
        Largest import and export of each node [MW]; 0: none.

    Examples
    --------
    >>> result = settle(np.array([30.0, 10.0, -60.0, -20.0]), np.array([20.0] * 4))
    >>> [part.round(3).tolist() for part in result]
    [[0.0, 0.0, 15.0, 15.0], [20.0, 10.0, 0.0, 0.0], [0.0, 0.0, 45.0, 5.0], [10.0, 0.0, 0.0, 0.0]]
    """
    surplus, deficit = np.maximum(residual, 0.0), np.maximum(-residual, 0.0)
    cap = limit.reshape(-1, *(1 for _ in residual.shape[1:]))
    offered, wanted = np.minimum(surplus, cap), np.minimum(deficit, cap)
    supply, demand = offered.sum(axis=0), wanted.sum(axis=0)
    traded = np.minimum(supply, demand)
    imports = wanted * np.divide(traded, demand, out=np.zeros_like(traded), where=demand > 0)
    exports = offered * np.divide(traded, supply, out=np.zeros_like(traded), where=supply > 0)
    return Settlement(imports, exports, deficit - imports, surplus - exports)


def bought(residual: FloatArray, limit: FloatArray) -> FloatArray:
    """Sum over the nodes of what `settle` buys, without the rest; the inner loop of a simulation.

    Parameters
    ----------
    residual : ndarray, shape (n, B)
        As in `settle`.
    limit : ndarray, shape (n, 1)
        As in `settle`.

    Returns
    -------
    ndarray, shape (B,)
        Purchase of all nodes [MW].
    """
    within = np.clip(residual, -limit, limit)
    supply = np.maximum(within, 0.0).sum(axis=0)
    demand = supply - within.sum(axis=0)
    total: FloatArray = np.maximum(-residual, 0.0).sum(axis=0) - np.minimum(supply, demand)
    return total
