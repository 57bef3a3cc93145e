"""One radial state over many hours: losses, extreme voltages and the highest loading of each, and no tables.

What a search over topologies asks of a year: the sweep of `adnflex.grid.sweep`, and of every block of hours only what
is asked is kept, so that memory does not grow with nodes times hours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from adnflex.arrays import BoolArray, ComplexArray, FloatArray, IntArray
from adnflex.grid.flow import RadialFlow
from adnflex.grid.model import Grid
from adnflex.grid.sweep import RadialSweep
from adnflex.grid.topology import Adjacency


@dataclass(frozen=True)
class FlowSummary:
    """What many states of one topology are; NaN where there is no solution.

    Attributes
    ----------
    loss : (T,) array
        Active losses [pu].
    v_lowest, v_highest : (T,) array
        Lowest and highest voltage magnitude of the nodes with a bus, without the roots [pu].
    loading : (T,) array
        Highest current at a rated terminal relative to its limit.
    beyond : (T,) array
        How far the worst limit is exceeded: a voltage in pu, a loading relative to its limit; at most 0 where all are
        met.
    """

    loss: FloatArray
    v_lowest: FloatArray
    v_highest: FloatArray
    loading: FloatArray
    beyond: FloatArray


class Summariser:
    """States of one topology, summed up as they are solved.

    Parameters
    ----------
    flow : RadialFlow
        The grid in its radial state.
    """

    def __init__(self, flow: RadialFlow) -> None:
        self._flow, grid, order = flow, flow.grid, flow.forest.order
        # conductances that lose power, and impedances, both referred to the roots
        self._g = (flow.charging.real / flow.scale**2)[order]
        self._r = flow.z.real[order]
        named = np.array([bool(buses) for buses in grid.buses], dtype=bool) & np.isnan(grid.root_v)
        self._watched = np.flatnonzero(named[order])
        nodes = order[self._watched]
        self._scale = 1 / flow.scale[nodes][:, None]
        self._low, self._high = (np.sqrt(limit[nodes])[:, None] for limit in (grid.v_min, grid.v_max))
        self._terminals = _terminals(flow)

    def of(
        self, p: FloatArray, q: FloatArray, y: ComplexArray | None = None, root_v: FloatArray | None = None
    ) -> FlowSummary:
        """Solve and sum up.

        Parameters
        ----------
        p, q, y, root_v
            See `adnflex.grid.flow.RadialFlow.solve_many`.

        Examples
        --------
        >>> import pandapower.networks as pn
        >>> from adnflex.grid import read_grid
        >>> grid = read_grid(pn.case33bw())
        >>> hours = np.linspace(0.2, 1.0, 24)[:, None]
        >>> found = Summariser(RadialFlow(grid)).of(hours * grid.p, hours * grid.q)
        >>> float((found.loss[-1] * grid.base_mva * 1e3).round(3)), float(found.v_lowest[-1].round(4))
        (202.677, 0.9131)
        """
        count, flow = len(p), self._flow
        found = FlowSummary(*(np.full(count, np.nan) for _ in range(5)))
        width = RadialSweep.width(flow.grid.n)
        for k in range(0, count, width):
            part = slice(k, k + width)
            fixed, root = None if y is None else y[part], None if root_v is None else root_v[part]
            v, current = flow.sweep.solve(*flow.placed(p[part], q[part], fixed, root))
            self._sum(found, part, v, current)
        return found

    def _sum(self, found: FlowSummary, part: slice, v: FloatArray, current: FloatArray) -> None:
        squared = v[:, 0] ** 2 + v[:, 1] ** 2
        found.loss[part] = self._r @ (current[:, 0] ** 2 + current[:, 1] ** 2)
        if self._g.any():
            found.loss[part] += self._g @ squared
        vm = np.sqrt(squared[self._watched]) * self._scale
        found.v_lowest[part], found.v_highest[part] = vm.min(axis=0, initial=np.inf), vm.max(axis=0, initial=0.0)
        beyond = np.maximum(
            (self._low - vm).max(axis=0, initial=-np.inf), (vm - self._high).max(axis=0, initial=-np.inf)
        )
        loading = np.zeros(v.shape[2])
        for terminals in self._terminals:
            np.maximum(loading, terminals.highest(v, current), out=loading)
        found.loading[part] = np.where(np.isnan(found.loss[part]), np.nan, loading)
        found.beyond[part] = np.maximum(beyond, loading - 1) if self._terminals else beyond


class _Terminals(NamedTuple):
    """Rated terminals: their current relative to the limit is ``|a I + b V|`` of a branch current and a voltage."""

    at_branch: IntArray
    at_node: IntArray
    a: ComplexArray
    b: ComplexArray

    def highest(self, v: FloatArray, current: FloatArray) -> FloatArray:
        """Highest of each state (B,)."""
        i = np.take(current, self.at_branch, axis=0)
        if not self.b.any():
            size = np.abs(self.a)[:, None] ** 2
            return np.asarray(np.sqrt((size * (i[:, 0] ** 2 + i[:, 1] ** 2)).max(axis=0, initial=0.0)))
        u = np.take(v, self.at_node, axis=0)
        real, imag = (np.zeros(i[:, 0].shape) for _ in range(2))
        for factor, values in ((self.a, i), (self.b, u)):
            if factor.real.any():
                real += factor.real[:, None] * values[:, 0]
                imag += factor.real[:, None] * values[:, 1]
            if factor.imag.any():
                real -= factor.imag[:, None] * values[:, 1]
                imag += factor.imag[:, None] * values[:, 0]
        return np.asarray(np.sqrt((real**2 + imag**2).max(axis=0, initial=0.0)))


def _terminals(flow: RadialFlow) -> list[_Terminals]:
    """Rated terminals of a state with and without a shunt of their own."""
    grid, rated = flow.grid, flow.grid.ratings
    if not len(rated.limit):
        return []
    place, lower = flow.places, np.zeros(grid.m, dtype=np.int64)
    below = np.flatnonzero(flow.forest.parent >= 0)
    lower[flow.forest.branch[below]] = below
    k, closed, at_from = rated.branch, flow.closed[rated.branch], rated.at_from
    node, under = np.where(at_from, grid.f[k], grid.t[k]), lower[k]
    limit = np.maximum(rated.limit, 1e-12)
    # a branch that points to the root carries against its direction; an open one has the charging that is left
    a = np.asarray(np.where(closed, rated.share * flow.carrying[under], 0.0) / limit, dtype=np.complex128)
    left = np.where(at_from, grid.open_from[k], grid.open_to[k])
    behind = np.where(at_from, grid.ratio[k], 1.0)
    shunt = np.where(closed, np.where(at_from, rated.y, -rated.y), left)
    b = np.asarray(shunt / behind / flow.scale[node] / limit, dtype=np.complex128)
    plain = b == 0
    groups = [np.flatnonzero(plain), np.flatnonzero(~plain)]
    return [_Terminals(place[under[g]], place[node[g]], a[g], b[g]) for g in groups if len(g)]


def summary_of(
    grid: Grid,
    closed: BoolArray,
    p: FloatArray,
    q: FloatArray,
    y: ComplexArray | None = None,
    root_v: FloatArray | None = None,
    *,
    adjacency: Adjacency | None = None,
) -> FlowSummary | None:
    """Sum up many hours of one topology; None where it is not radial.

    Parameters
    ----------
    grid : Grid
        The grid.
    closed : (m,) array of bool
        State of every branch.
    p, q, y, root_v
        See `adnflex.grid.flow.RadialFlow.solve_many`.
    adjacency : Adjacency, optional
        Of a grid with the same branches, to be used again.
    """
    tree = (Adjacency(grid) if adjacency is None else adjacency).forest(closed)
    return None if tree is None else Summariser(RadialFlow(grid, tree)).of(p, q, y, root_v)
