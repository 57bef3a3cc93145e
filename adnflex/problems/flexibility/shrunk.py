"""The part of a box whose states hold: what is left of it where the time does not last to correct the model."""

from __future__ import annotations

import numpy as np

from adnflex.arrays import FloatArray
from adnflex.problems.flexibility.states import Sampled


def shrunk(
    lower: FloatArray, upper: FloatArray, sampled: Sampled, voltage: float, current: float
) -> tuple[FloatArray, FloatArray] | None:
    """Return the dispatches between which every sampled state keeps its limits, the widest part of every period.

    Both lie between the dispatches of the box, period by period, so that the devices can follow every mix of them too.

    Parameters
    ----------
    lower, upper : (T, k) array
        Columns at both ends.
    sampled : Sampled
        The states between them.
    voltage, current : float
        What a squared voltage and a relative current may be beyond its limit [pu, -].

    Returns
    -------
    tuple of (T, k) array or None
        None where in some period no sampled state keeps its limits.
    """
    shares = np.zeros((2, len(lower)))
    holds = (sampled.excess.voltage <= voltage) & (sampled.excess.loading <= current)
    for t, good in enumerate(holds.tolist()):
        first, last = _longest(good)
        if last < first:
            return None
        shares[:, t] = sampled.shares[[first, last]]
    low, high = (lower + share[:, None] * (upper - lower) for share in shares)
    return low, high


def _longest(good: list[bool]) -> tuple[int, int]:
    """First and last place of the longest run of True; last before first where there is none."""
    best, begin = (0, -1), 0
    for k, fine in enumerate(good):
        if not fine:
            begin = k + 1
        elif k - begin > best[1] - best[0]:
            best = begin, k
    return best
