"""The exact states of a box: every period from its lower to its upper dispatch, by radial power flow."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from adnflex.devices.resource import Resource
from adnflex.formulations.radial import Operating, TreeMap
from adnflex.grid.model import BoolArray, FloatArray, Grid
from adnflex.grid.operating_points import OperatingPoints
from adnflex.grid.sweep import Flow, RadialFlow
from adnflex.grid.topology import Adjacency
from adnflex.problems.flexibility.model import Columns

__all__ = ["Excess", "Network", "Sampled", "sample"]


@dataclass(frozen=True)
class Network:
    """A grid in one radial state with its devices, period by period.

    Attributes
    ----------
    grid : Grid
        The grid, with its limits.
    points : OperatingPoints
        What follows its profile.
    resources : list of Resource
        The devices.
    closed : (m,) array of bool
        The state.
    root : int
        The coupling point.
    adjacency : Adjacency
        Of the grid.
    columns : Columns
        The devices' columns.
    still : dict of int to Grid
        Grids of the periods without the devices' columns, filled as they are needed; the same for every state.
    """

    grid: Grid
    points: OperatingPoints
    resources: list[Resource]
    closed: BoolArray
    root: int
    adjacency: Adjacency
    columns: Columns
    still: dict[int, Grid] = field(default_factory=dict)

    def tree(self) -> TreeMap:
        """Slopes for the nodes of the devices."""
        return TreeMap(self.grid, self.closed, self.columns.nodes, self.root, self.adjacency)

    def grid_at(self, t: int, x: list[FloatArray] | None = None) -> Grid:
        """Grid of a period with everything withdrawn that the devices' columns (k,) say; None: constants only."""
        p, q = self.points.p[0, t].copy(), self.points.q[0, t].copy()
        for i, r in enumerate(self.resources):
            own = np.zeros(len(r.names)) if x is None else x[i]
            p[r.place.node] += (r.p[t] @ own + r.p0[t]) / self.grid.base_mva
            q[r.place.node] += (r.q[t] @ own + r.q0[t]) / self.grid.base_mva
        return self.grid.replace(p=p, q=q, y=self.points.y[0, t].copy())

    def lossless(self, tree: TreeMap, t: int) -> Operating:
        """Return the constants of LinDistFlow in a period."""
        if t not in self.still:
            self.still[t] = self.grid_at(t)
        grid = self.still[t]
        return tree.lossless(grid.p, grid.q, grid.shunts(self.closed))

    def written(self, t: int, setpoints: pd.Series) -> Grid:
        """Grid of a period with the devices at set-points by (table, column, index)."""
        p, q = self.points.p[0, t].copy(), self.points.q[0, t].copy()
        for r in self.resources:
            # a unit of what is written is so much withdrawal: the table's own sign and factor
            for column, total in (("p_mw", p), ("q_mvar", q)):
                value = float(setpoints[r.place.table, column, r.place.index])
                total[r.place.node] += value * r.withdrawal_per_unit / self.grid.base_mva
        return self.grid.replace(p=p, q=q, y=self.points.y[0, t].copy())

    def flow_of(self, grid: Grid) -> Flow | None:
        """Solve the exact power flow of a grid in this state."""
        return RadialFlow(grid, adjacency=self.adjacency).solve(self.closed)

    def solve(self, t: int, x: list[FloatArray]) -> tuple[Grid, Flow | None]:
        """Solve the exact power flow of a period."""
        grid = self.grid_at(t, x)
        return grid, self.flow_of(grid)

    def import_mw(self, grid: Grid, flow: Flow) -> complex:
        """Return what comes in at the coupling point [MW + j Mvar]."""
        return complex(flow.supplied(grid)[self.root] * self.grid.base_mva)


@dataclass(frozen=True)
class Excess:
    """By how much a state breaks limits; negative or zero where it does not.

    Attributes
    ----------
    low, high : (n,) array
        Squared voltages [pu].
    load : (m,) array
        Worst terminal current of every branch over its limit [-].
    """

    low: FloatArray
    high: FloatArray
    load: FloatArray

    @property
    def voltage(self) -> float:
        """Worst voltage, squared [pu]."""
        return max(float(self.low.max(initial=-1.0)), float(self.high.max(initial=-1.0)))

    @property
    def loading(self) -> float:
        """Worst relative overload."""
        return float(self.load.max(initial=-1.0))


def excess_of(grid: Grid, flow: Flow) -> Excess:
    """Compare a state with every limit; the set-point of a root is not judged."""
    free = np.isnan(grid.root_v)
    load = np.full(grid.m, -1.0)
    if len(grid.ratings.limit):
        np.maximum.at(load, grid.ratings.branch, flow.loadings(grid) - 1.0)
    return Excess(
        np.where(free, grid.v_min - flow.v, -1.0),
        np.where(free & np.isfinite(grid.v_max), flow.v - grid.v_max, -1.0),
        load,
    )


@dataclass(frozen=True)
class Sampled:
    """The states of a box by period and share (0 lower end, 1 upper end).

    Attributes
    ----------
    shares : (K,) array
        The shares.
    imports : (T, K) complex array
        Import at the coupling point [MW + j Mvar]; NaN where power flow has no solution.
    grids, flows, excess : list of lists
        The state of every period and share.
    """

    shares: FloatArray
    imports: np.ndarray
    grids: list[list[Grid]]
    flows: list[list[Flow | None]]
    excess: list[list[Excess | None]]

    @property
    def solved(self) -> bool:
        """Whether every power flow has a solution."""
        return bool(np.isfinite(self.imports).all())

    @property
    def worst(self) -> tuple[float, float]:
        """Worst voltage [pu, squared] and overload over all states; inf where one has no solution."""
        every = [e for row in self.excess for e in row]
        if any(e is None for e in every):
            return np.inf, np.inf
        return max(e.voltage for e in every if e), max(e.loading for e in every if e)


def sample(network: Network, lower: list[FloatArray], upper: list[FloatArray], shares: FloatArray) -> Sampled:
    """Run the states between two dispatches.

    Parameters
    ----------
    network : Network
        The network.
    lower, upper : list of (T, k) arrays
        Columns of every device at both ends.
    shares : (K,) array
        Shares between them.
    """
    periods = network.points.p.shape[1]
    imports = np.full((periods, len(shares)), np.nan, dtype=complex)
    grids: list[list[Grid]] = []
    flows: list[list[Flow | None]] = []
    excess: list[list[Excess | None]] = []
    for t in range(periods):
        grids.append([])
        flows.append([])
        excess.append([])
        for k, a in enumerate(shares.tolist()):
            x = [low[t] + a * (high[t] - low[t]) for low, high in zip(lower, upper, strict=True)]
            grid, flow = network.solve(t, x)
            grids[t].append(grid)
            flows[t].append(flow)
            excess[t].append(None if flow is None else excess_of(grid, flow))
            if flow is not None:
                imports[t, k] = network.import_mw(grid, flow)
    return Sampled(shares, imports, grids, flows, excess)
