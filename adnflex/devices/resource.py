"""What a device can offer at once: a convex set a period, and levels that add up over periods.

A box of trajectories (see `adnflex.problems.flexibility.model`) needs the devices as linear inequalities.  Each device
states them here: columns with bounds, rows within a period, and accumulators, which carry stored or delivered
energy from period to period.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from adnflex.devices.base import Place

__all__ = ["EFFORT", "Accumulator", "Resource", "polygon"]

FloatArray = NDArray[np.float64]

# Price of a Mvar in units of a MW of flexibility: reactive power is used where it gains something, and only there.
EFFORT = 1e-4


@dataclass(frozen=True)
class Accumulator:
    r"""A level that must not rise above a limit.

    .. math:: L_t = k L_{t-1} + \max_i a_{i,t}^T x_t, \qquad L_t \le \bar L_t

    Attributes
    ----------
    kind : str
        ``energy high``, ``energy low`` (of the negative level) ...
    start : float
        Level before the first period [MWh].
    keep : float
        Share of the level left after one period.
    parts : tuple of (T, k) array
        What a unit of every column adds; the largest of several sums counts [MWh].
    limit : (T,) array
        Largest level; inf where there is none [MWh].
    """

    kind: str
    start: float
    keep: float
    parts: tuple[FloatArray, ...]
    limit: FloatArray


@dataclass(frozen=True)
class Resource:
    """A device as inequalities in T periods and k columns a period.

    Attributes
    ----------
    place : Place
        The device.
    names : tuple of str
        Names of the columns.
    low, high : (T, k) array
        Bounds of the columns [MW, Mvar].
    p, q : (T, k) array
        Withdrawal per unit of each column [MW, Mvar].
    p0, q0 : (T,) array
        Withdrawal that is always there [MW, Mvar].
    idle : (T, k) array
        Columns if nothing is asked for.
    rows, limits : (R, k), (T, R) array
        Rows within a period: ``rows @ x_t <= limits[t]``.
    accumulators : tuple of Accumulator
        What couples the periods.
    written : dict
        ``{(table, column, index): ((T, k) array, (T,) array)}``: set-points as affine functions of the columns.
    effort : (k,) array
        Small price that keeps a column at zero where it gains nothing.
    withdrawal_per_unit : float
        Withdrawal of a MW (Mvar) written into the net's table: its scaling, negative for generators.
    """

    place: Place
    names: tuple[str, ...]
    low: FloatArray
    high: FloatArray
    p: FloatArray
    q: FloatArray
    p0: FloatArray
    q0: FloatArray
    idle: FloatArray
    rows: FloatArray
    limits: FloatArray
    accumulators: tuple[Accumulator, ...] = ()
    written: dict[tuple[str, str, int], tuple[FloatArray, FloatArray]] = field(default_factory=dict)
    effort: FloatArray = field(default_factory=lambda: np.zeros(0))
    withdrawal_per_unit: float = 1.0

    def power(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Withdrawal (T,), (T,) for columns (T, k) [MW, Mvar]."""
        return (self.p * x).sum(axis=1) + self.p0, (self.q * x).sum(axis=1) + self.q0

    def setpoints(self, x: FloatArray) -> dict[tuple[str, str, int], FloatArray]:
        """Values (T,) to be written into the net."""
        return {key: (part * x).sum(axis=1) + constant for key, (part, constant) in self.written.items()}


def polygon(size: float, sides: int) -> tuple[FloatArray, FloatArray]:
    """Inscribed regular polygon of a disc as rows ``a (p, q) <= b``, with a vertex at angle 0.

    Parameters
    ----------
    size : float
        Radius.
    sides : int
        Number of sides; its area falls short of the disc's by ``1 - sin(2 pi / n) n / (2 pi)``, its edges by
        ``1 - cos(pi / n)`` of the radius.

    Returns
    -------
    (sides, 2) array, (sides,) array
        Unit normals and right-hand sides.

    Examples
    --------
    >>> normals, rhs = polygon(1.0, 16)
    >>> bool(np.all(normals @ [1.0, 0.0] <= rhs + 1e-12)), round(1 - float(rhs[0]), 4)
    (True, 0.0192)
    """
    angle = math.pi / sides + 2 * math.pi / sides * np.arange(sides)
    return np.column_stack([np.cos(angle), np.sin(angle)]), np.full(sides, size * math.cos(math.pi / sides))
