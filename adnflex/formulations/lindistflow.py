r"""Linear branch flow (LinDistFlow): DistFlow without the losses in balances and voltage law.

.. math::

    \sum_{in} P - \sum_{out} P = p_j + g_j v_j, \quad
    w_t = w_f - 2 (r P + x Q), \quad
    P^2 + Q^2 \le l \, w_f

The cone stays: it bounds currents and prices losses, though these do not act back on flows and voltages.
Voltages come out too high, by the drop that the losses cause; on feeders without generation a plan that
violates a lower limit here violates it in AC as well.

References
----------
Baran and Wu, IEEE Trans. Power Delivery 4(1), 1989, doi:10.1109/61.19266; Gan, Li, Topcu and Low, IEEE Trans.
Automatic Control 60(1), 2015, doi:10.1109/TAC.2014.2332712.
"""

from __future__ import annotations

import numpy as np

from adnflex.formulations.by_law import by_law
from adnflex.formulations.law import Law
from adnflex.grid.model import Grid


def _law(grid: Grid) -> Law:
    """Currents act on nothing."""
    return Law(*np.zeros((3, grid.m)))


LINDISTFLOW = by_law("lindistflow", _law, bounds_ac=False)
