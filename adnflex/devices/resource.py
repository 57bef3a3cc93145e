"""What a device can offer at once: a convex set a period, and levels that add up over periods.

A box of trajectories (see `adnflex.problems.flexibility.model`) needs the devices as linear inequalities.  Each device
states them here: columns with bounds, rows within a period, and accumulators, which carry stored or delivered
energy from period to period.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from scipy.linalg import block_diag

from adnflex.arrays import FloatArray, IntArray
from adnflex.devices.base import Place, Withdrawal

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
    nodes : (k,) array of int, optional
        The grid's node of every column; by default that of the place.
    exact : callable, optional
        Withdrawals at values written into the net (by column), where the columns are an approximation only: of a
        converter, which loses power.
    linear : callable, optional
        Beside `exact`: the withdrawals that the columns make of the same values.
    opposite : tuple of (int, int)
        Columns that are the two ways of one power, which the exact withdrawals do not go through smoothly: the states
        between two dispatches are those of one way.
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
    nodes: IntArray | None = None
    exact: Callable[[Callable[[str], Any]], tuple[Withdrawal, ...]] | None = None
    linear: Callable[[Callable[[str], Any]], tuple[Withdrawal, ...]] | None = None
    opposite: tuple[tuple[int, int], ...] = ()

    @property
    def node_of(self) -> IntArray:
        """Node of every column (k,)."""
        return np.full(len(self.names), self.place.node, dtype=np.int64) if self.nodes is None else self.nodes

    def lost(self, x: FloatArray) -> list[tuple[int, FloatArray]]:
        """Active power (T,) at nodes that is withdrawn beside the columns (T, k) [MW]."""
        if self.exact is None or self.linear is None:
            return []
        values = {column: value for (_, column, _), value in self.setpoints(x).items()}
        ends = zip(self.exact(values.__getitem__), self.linear(values.__getitem__), strict=True)
        return [(exact.node, exact.p_mw - linear.p_mw) for exact, linear in ends]

    def held(self, setpoints: pd.DataFrame, lossless: bool = False) -> tuple[Withdrawal, ...]:
        """Withdrawals at set-points (T) by (table, column, index); `lossless`: those of the columns."""

        def value(column: str) -> FloatArray:
            return np.asarray(setpoints[self.place.table, column, self.place.index], dtype=float)

        converter = self.linear if lossless else self.exact
        if converter is not None:
            return converter(value)
        # a unit of what is written is so much withdrawal: the table's own sign and factor
        p, q = (value(column) * self.withdrawal_per_unit for column in ("p_mw", "q_mvar"))
        return (Withdrawal(self.place.node, p, q),)

    def power(self, x: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Withdrawal (T,), (T,) for columns (T, k) [MW, Mvar]."""
        return (self.p * x).sum(axis=1) + self.p0, (self.q * x).sum(axis=1) + self.q0

    def setpoints(self, x: FloatArray) -> dict[tuple[str, str, int], FloatArray]:
        """Values (T,) to be written into the net."""
        return {key: (part * x).sum(axis=1) + constant for key, (part, constant) in self.written.items()}


def linked(first: Resource, second: Resource) -> Resource:
    """Put two ends of one device side by side, of which one gives what the other takes; no accumulators."""
    p, nothing = np.hstack([first.p, second.p]), np.zeros(len(first.p))
    return Resource(
        first.place,
        (*first.names, *second.names),
        np.hstack([first.low, second.low]),
        np.hstack([first.high, second.high]),
        p,
        np.hstack([first.q, second.q]),
        first.p0 + second.p0,
        first.q0 + second.q0,
        np.hstack([first.idle, second.idle]),
        np.vstack([block_diag(first.rows, second.rows), p[0], -p[0]]),
        np.hstack([first.limits, second.limits, np.stack([nothing, nothing], axis=1)]),
        effort=np.concatenate([first.effort, second.effort]),
    )


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
