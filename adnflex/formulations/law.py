"""The law of a branch flow formulation: what currents do to balances and voltages, all that tells them apart."""

from __future__ import annotations

from dataclasses import dataclass

from adnflex.arrays import FloatArray


@dataclass(frozen=True)
class Law:
    """What the squared current of each branch does, per unit of it.

    Attributes
    ----------
    p, q : (m,) array
        Active and reactive power that is lost on the way, in the balances.
    v : (m,) array
        Squared voltage at the to end that comes on top of ``w_f - 2 (r P + x Q)``.
    """

    p: FloatArray
    q: FloatArray
    v: FloatArray
