r"""Branch flow with the second-order cone (DistFlow), for branches that may be switched.

With squared voltages `v`, squared series currents `l`, series flows `P, Q` at the from end and states `z`:

.. math::

    \sum_{in} (P - r l) - \sum_{out} P &= p_j + g_j v_j \\
    \sum_{in} (Q - x l) - \sum_{out} Q &= q_j - b_j v_j \\
    w_t &= w_f - 2 (r P + x Q) + (r^2 + x^2) l \\
    P^2 + Q^2 &\le l \, w_f

where ``w = z v`` at both ends by its four McCormick rows, which is exact for binary `z`.  So the voltage law
holds on closed branches and vanishes on open ones without any guessed constant, the cone has its
perspective form, and the charging of a branch comes and goes with its state.

References
----------
Baran and Wu, IEEE Trans. Power Delivery 4(1), 1989, doi:10.1109/61.19266; Farivar and Low, IEEE Trans. Power
Systems 28(3), 2013, doi:10.1109/TPWRS.2013.2255317.
"""

from __future__ import annotations

from adnflex.formulations.by_law import by_law
from adnflex.formulations.law import Law
from adnflex.grid.model import Grid


def _law(grid: Grid) -> Law:
    return Law(grid.r, grid.x, grid.r**2 + grid.x**2)


DISTFLOW = by_law("distflow", _law, bounds_ac=True)
