"""Declare reactive power over scenarios: sites, soft limits and what they cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyomo.environ as pyo

from adnflex.arrays import FloatArray, IntArray
from adnflex.devices import Device, Frame
from adnflex.devices.footprint import add_reach, voltage_ranges
from adnflex.formulations.bounds import Bounds, Ranges
from adnflex.grid.model import Grid
from adnflex.grid.ratings import Ratings

# A bus may leave its limits, but not the range in which the model means anything [pu, squared].
_WIDE = (0.5**2, 1.5**2)


@dataclass(frozen=True)
class Weights:
    """Weights of the objective.

    Attributes
    ----------
    loss : float
        Of losses [1/MW].
    deviation : float
        Of ``|v - 1|`` of the squared voltage of each bus [1/pu].
    limit : float
        Of each bus's squared voltage outside its limits, and of the squared current of each rated branch beyond its
        limit, relative to it [1/pu, 1].
    move : float
        Of the change of each site from hour to hour [1/Mvar].
    """

    loss: float = 1.0
    deviation: float = 0.05
    limit: float = 10.0
    move: float = 0.0


@dataclass(frozen=True, eq=False)
class Sites:
    """Where reactive power is decided, arrays of length k.

    Attributes
    ----------
    index, node : (k,) int array
        Index in ``net.sgen``, and node of the grid.
    low, high : (k,) array
        Limits of the injection [Mvar].
    """

    index: IntArray
    node: IntArray
    low: FloatArray
    high: FloatArray

    def __len__(self) -> int:
        return len(self.index)


def deviation(v: FloatArray, grid: Grid, weights: Weights) -> FloatArray:
    """Sum of ``φ(v)`` over the buses, for squared voltages (..., n)."""
    count = np.array([float(len(buses)) for buses in grid.buses])
    count[grid.roots] = 0.0
    outside = np.maximum(np.maximum(grid.v_min - v, v - grid.v_max), 0.0)
    return np.asarray((weights.deviation * np.abs(v - 1.0) + weights.limit * outside) @ count)


def unrated(grid: Grid) -> Grid:
    """Return the grid with limits so wide that they only keep the model sensible."""
    roots = ~np.isnan(grid.root_v)
    r = grid.ratings
    nothing = Ratings(r.branch[:0], r.member[:0], r.at_from[:0], r.share[:0], r.y[:0], r.limit[:0])
    return grid.replace(
        v_min=np.where(roots, grid.v_min, _WIDE[0]), v_max=np.where(roots, grid.v_max, _WIDE[1]), ratings=nothing
    )


def ranges_of(
    grid: Grid,
    sites: Sites,
    p: tuple[FloatArray, FloatArray],
    q: tuple[FloatArray, FloatArray],
    devices: Sequence[Device],
) -> Ranges:
    """Intervals of everything that varies from hour to hour."""
    active, reactive = np.stack(p), np.stack(q)
    np.add.at(reactive[0], sites.node, -np.maximum(sites.high, 0.0) / grid.base_mva)
    np.add.at(reactive[1], sites.node, -np.minimum(sites.low, 0.0) / grid.base_mva)
    g, b = np.stack([grid.y.real] * 2), np.stack([grid.y.imag] * 2)
    add_reach(devices, active, reactive, grid.base_mva)
    return Ranges(active, reactive, g, b, *voltage_ranges(devices, grid.root_v, grid.ratio))


def declare_sites(model: pyo.ConcreteModel, sites: Sites, frame: Frame, weights: Weights) -> list[Any]:
    """Injections of the sites: one for all scenarios in the first hour, one for each later."""
    base, h = frame.base_mva, frame.horizon
    limits = [(float(low) / base, float(high) / base) for low, high in zip(sites.low, sites.high, strict=True)]
    count = range(len(sites))
    model.q = pyo.Var(count, bounds=lambda _, i: limits[i])
    later = [(s, t, i) for s, t in h.points if t for i in count]
    model.q_later = pyo.Var(later, bounds=lambda _, s, t, i: limits[i])
    for s, t in h.points:
        for i in count:
            frame.at[s, t].withdraw(int(sites.node[i]), 0.0, -(model.q_later[s, t, i] if t else model.q[i]))
    if not weights.move:
        return []
    model.move = pyo.Var(count, bounds=(0, None))
    model.move_up = pyo.Constraint(count, rule=lambda m, i: m.q[i] - m.move[i] <= 0.0)
    model.move_down = pyo.Constraint(count, rule=lambda m, i: -m.q[i] - m.move[i] <= 0.0)
    model.move_later = pyo.Var(later, bounds=(0, None))
    model.moves = pyo.ConstraintList()
    for s, t, i in later:
        change = model.q_later[s, t, i] - (model.q_later[s, t - 1, i] if t > 1 else model.q[i])
        model.moves.add(change <= model.move_later[s, t, i])
        model.moves.add(-change <= model.move_later[s, t, i])
    each = weights.move * base
    likely = h.probabilities
    later_moves = [each * float(likely[s]) * x for (s, _, _), x in model.move_later.items()]
    return [each * model.move[i] for i in count] + later_moves


def declare_cost(block: pyo.Block, grid: Grid, bounds: Bounds, weights: Weights) -> Any:
    """Cost of one scenario and hour."""
    buses = [j for j in range(grid.n) if grid.buses[j] and np.isnan(grid.root_v[j])]
    block.phi = pyo.Var(buses)
    block.pieces = pyo.ConstraintList()
    for j in buses:
        for slope, offset in _pieces(float(grid.v_min[j]), float(grid.v_max[j]), weights):
            block.pieces.add(block.phi[j] - slope * block.v[j] >= offset)
    cost = weights.loss * grid.base_mva * block.loss
    cost = cost + pyo.quicksum(float(len(grid.buses[j])) * block.phi[j] for j in buses)
    limit = grid.ratings.series_limit(grid.m, np.sqrt(bounds.v_max[grid.f]), np.sqrt(bounds.v_max[grid.t]))
    rated = [k for k in range(grid.m) if limit[k] < bounds.i_max[k]]
    block.over = pyo.Var(rated, bounds=(0, None))
    block.rated = pyo.Constraint(
        rated, rule=lambda b, k: b.l[k] - float(limit[k] ** 2) * b.over[k] <= float(limit[k] ** 2)
    )
    return cost + weights.limit * pyo.quicksum(block.over.values())


def _pieces(low: float, high: float, weights: Weights) -> list[tuple[float, float]]:
    """Affine pieces (slope, offset) whose maximum is ``φ``.

    Examples
    --------
    >>> _pieces(0.9, 1.1, Weights(deviation=0.5, limit=10.0))
    [(-10.5, 9.5), (-0.5, 0.5), (0.5, -0.5), (10.5, -11.5)]
    """

    def phi(v: float) -> float:
        return weights.deviation * abs(v - 1.0) + weights.limit * max(0.0, low - v, v - high)

    # a limit that is missing is 0 or infinity
    kinks = sorted({1.0, *(limit for limit in (low, high) if 0.0 < limit < 10.0)})
    ends = [kinks[0] - 0.5, *kinks, kinks[-1] + 0.5]
    pieces = []
    for a, b in pairwise(ends):
        slope = (phi(b) - phi(a)) / (b - a)
        pieces.append((round(slope, 12), round(phi(a) - slope * a, 12)))
    return pieces
