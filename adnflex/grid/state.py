"""Electrical state of a grid as arrays, from power flow or from a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from adnflex.arrays import BoolArray, ComplexArray, FloatArray
from adnflex.grid.model import Grid
from adnflex.grid.ratings import Ratings
from adnflex.grid.topology import Forest


@dataclass(frozen=True)
class GridState:
    """State of a grid [pu]; of many states of one topology, all but `closed` have one axis more in front.

    Attributes
    ----------
    closed : (m,) array of bool
        State of every branch.
    v : (..., n) array
        Squared voltage magnitude.
    p, q : (..., m) array
        Power into the series impedance, at the from end behind the ratio; 0 where open.
    l : (..., m) array
        Squared series current.
    loss : float or (...) array
        Active losses: series, charging and iron.
    """

    closed: BoolArray
    v: FloatArray
    p: FloatArray
    q: FloatArray
    l: FloatArray  # noqa: E741 (the symbol of the field)
    loss: Any

    def currents_at(self, grid: Grid, terminals: Ratings) -> FloatArray:
        """Magnitudes of the currents at some terminals [pu]; at an open branch that of the charging that is left."""
        k, at_from = terminals.branch, terminals.at_from
        l = self.l[..., k]  # noqa: E741
        v = np.where(at_from, self.v[..., grid.f[k]] / grid.ratio[k] ** 2, self.v[..., grid.t[k]])
        p = self.p[..., k] - np.where(at_from, 0.0, grid.r[k] * l)
        q = self.q[..., k] - np.where(at_from, 0.0, grid.x[k] * l)
        squared = terminals.squared_current(p, q, l, v)
        charging = np.where(at_from, np.abs(grid.open_from[k]), np.abs(grid.open_to[k])) * np.sqrt(v)
        return np.asarray(np.where(self.closed[..., k], np.sqrt(np.maximum(squared, 0)), charging))

    def loadings(self, grid: Grid) -> FloatArray:
        """Currents at all rated terminals relative to their limits."""
        current, limit = self.currents_at(grid, grid.ratings), grid.ratings.limit
        # a limit of 0 allows no current at all
        return np.asarray(np.where(current > 0, current / np.maximum(limit, 1e-12), 0.0))

    def cone_gap(self, grid: Grid) -> FloatArray:
        """Relative slack of the cone, ``(l v - P² - Q²) / max(l v, 1e-6)``; 0 on open branches."""
        lv = self.l * self.v[..., grid.f] / grid.ratio**2
        gap = (lv - self.p**2 - self.q**2) / np.maximum(lv, 1e-6)
        return np.where(self.closed, np.maximum(gap, 0.0), 0.0)

    def invented_loss(self, grid: Grid) -> FloatArray:
        """Loss that the slack of the cone invents, ``r (l - (P² + Q²) / v)`` [pu]; 0 on open branches."""
        real = (self.p**2 + self.q**2) / (self.v[..., grid.f] / grid.ratio**2)
        return np.where(self.closed, grid.r * np.maximum(self.l - real, 0.0), 0.0)


@dataclass(frozen=True)
class Flow(GridState):
    """Exact state of a radial grid [pu].

    Attributes
    ----------
    forest : Forest
        The tree that the closed branches make.
    current : (..., m) complex array
        Series current in from-to direction.
    supplied : (..., n) complex array
        Power that has to come in from outside the grid; 0 but at roots.
    """

    forest: Forest
    current: ComplexArray
    supplied: ComplexArray

    def __getitem__(self, index: Any) -> Flow:
        """Return some of many states."""
        return self._each(lambda a: a[index], self.loss[index])

    def one(self, *index: int) -> Flow | None:
        """Return one of many states; None where it has no solution."""
        loss = float(self.loss[index])
        return self._each(lambda a: a[index], loss) if math.isfinite(loss) else None

    def reshaped(self, *shape: int) -> Flow:
        """Return the same states under several axes."""
        return self._each(lambda a: a.reshape(*shape, a.shape[-1]), self.loss.reshape(shape))

    def _each(self, change: Callable[[np.ndarray], np.ndarray], loss: Any) -> Flow:
        v, p, q, l = (change(a) for a in (self.v, self.p, self.q, self.l))  # noqa: E741
        return Flow(self.closed, v, p, q, l, loss, self.forest, change(self.current), change(self.supplied))


def losses(grid: Grid, closed: BoolArray, v: FloatArray, l: FloatArray) -> FloatArray:  # noqa: E741
    """Active losses of squared voltages (..., n) and squared series currents (..., m): series, charging, iron [pu]."""
    at_from = np.where(closed, grid.y_from, grid.open_from).real / grid.ratio**2
    at_to = np.where(closed, grid.y_to, grid.open_to).real
    if closed.ndim == 1:
        return np.asarray((l * closed) @ grid.r + v[..., grid.f] @ at_from + v[..., grid.t] @ at_to)
    shunts = v[..., grid.f] * at_from + v[..., grid.t] * at_to
    return np.asarray((l * closed) @ grid.r + shunts.sum(axis=-1))


def squared(z: ComplexArray) -> FloatArray:
    """Squared magnitude."""
    return np.asarray(z.real**2 + z.imag**2)


def stacked(flows: Sequence[Flow]) -> Flow:
    """Put many states of one topology below many others."""
    first = flows[0]
    names = ("v", "p", "q", "l", "loss", "current", "supplied")
    found = {name: np.concatenate([getattr(flow, name) for flow in flows]) for name in names}
    return Flow(closed=first.closed, forest=first.forest, **found)
