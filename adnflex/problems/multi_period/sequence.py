"""Sequences of topologies: what they are, and how many operations lie between their states."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from adnflex.arrays import FloatArray, IntArray

Open = frozenset[int]


@dataclass(frozen=True)
class Sequence:
    """One topology a window.

    Attributes
    ----------
    states : tuple of frozenset of int
        Open branches in each window.
    objective, losses : float
        What is minimised, and that without the price of operations, in its unit.
    operations : int
        Branches that change, over the horizon.
    violation : float
        Sum of all violations at all points.
    """

    states: tuple[Open, ...]
    objective: float
    losses: float
    operations: int
    violation: float = 0.0


def windows_of(values: FloatArray, window: IntArray, count: int) -> FloatArray:
    """Sum values of points by window."""
    return np.asarray(np.bincount(window, values, count), dtype=float)


def distances(m: int, states: list[Open]) -> IntArray:
    """Count the branches in which two states differ."""
    opened = np.zeros((len(states), m))
    for k, state in enumerate(states):
        opened[k, list(state)] = 1.0
    both = opened @ opened.T
    size = opened.sum(axis=1)
    return np.asarray(np.rint(size[:, None] + size[None] - 2 * both), dtype=np.int64)


def from_present(states: list[Open], present: Open) -> IntArray:
    """Count the branches in which states differ from the present one."""
    return np.array([len(state ^ present) for state in states], dtype=np.int64)


def missed(costs: FloatArray, estimates: FloatArray) -> FloatArray:
    """Median of what estimates of valued states miss in every window; 0 where no state has both."""
    both = np.isfinite(costs) & np.isfinite(estimates)
    apart = np.where(both, costs, np.nan) - np.where(both, estimates, np.nan)
    seen = both.any(axis=0)
    found = np.zeros(costs.shape[1])
    if seen.any():
        found[seen] = np.nanmedian(apart[:, seen], axis=0)
    return found
