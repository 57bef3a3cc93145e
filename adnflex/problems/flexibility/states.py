"""The exact states of a box: every period from its lower to its upper dispatch, by radial power flow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from adnflex.arrays import BoolArray, ComplexArray, FloatArray
from adnflex.errors import InputError
from adnflex.formulations.radial import Operating, TreeMap
from adnflex.grid.flow import RadialFlow
from adnflex.grid.model import Grid
from adnflex.grid.operating_points import OperatingPoints
from adnflex.grid.state import Flow
from adnflex.grid.topology import Adjacency
from adnflex.problems.flexibility.columns import Columns


@dataclass(frozen=True)
class Network:
    """A grid in one radial state with its devices, period by period.

    Attributes
    ----------
    grid : Grid
        The grid, with its limits.
    points : OperatingPoints
        What follows its profile.
    closed : (m,) array of bool
        The state.
    root : int
        The coupling point.
    adjacency : Adjacency
        Of the grid.
    columns : Columns
        The devices' columns.
    still : (T, n) complex array
        Withdrawal without the devices' columns [pu]; the same for every state.
    """

    grid: Grid
    points: OperatingPoints
    closed: BoolArray
    root: int
    adjacency: Adjacency
    columns: Columns
    still: ComplexArray

    @cached_property
    def flow(self) -> RadialFlow:
        """Power flow of the state."""
        tree = self.adjacency.forest(self.closed)
        if tree is None:
            raise InputError("the state is not radial; open a switch in every loop.")
        return RadialFlow(self.grid, tree)

    @cached_property
    def tree(self) -> TreeMap:
        """Slopes for the nodes of the devices."""
        return TreeMap(self.flow, self.columns.nodes, self.root)

    def withdrawn(self, x: FloatArray) -> ComplexArray:
        """Withdrawals (T, n) with the devices' columns (T, k), losses of converters included [pu]."""
        total = self.still.copy()
        total[:, self.columns.nodes] += (self.columns.drawn(x) + self.columns.lost(x)) / self.grid.base_mva
        return total

    def lossless(self, t: int) -> Operating:
        """Return the constants of LinDistFlow in a period."""
        return self.tree.lossless(self.still[t], self.points.y[0, t])

    def solve(self, drawn: ComplexArray, periods: slice | list[int] = slice(None)) -> Flow:
        """Solve the exact power flow of withdrawals (T, n) [pu], in all or in some periods."""
        drawn = drawn[periods]
        return self.flow.solve_many(drawn.real, drawn.imag, self.points.y[0, periods])

    def import_mw(self, flow: Flow) -> ComplexArray:
        """Return what comes in at the coupling point [MW + j Mvar]."""
        return np.asarray(flow.supplied[..., self.root] * self.grid.base_mva)


@dataclass(frozen=True)
class Excess:
    """By how much states break limits; negative or zero where they do not, NaN where there is no state.

    Attributes
    ----------
    low, high : (..., n) array
        Squared voltages [pu].
    load : (..., m) array
        Worst terminal current of every branch over its limit [-].
    """

    low: FloatArray
    high: FloatArray
    load: FloatArray

    @property
    def voltage(self) -> FloatArray:
        """Worst voltage, squared (...) [pu]."""
        return np.asarray(np.maximum(self.low, self.high).max(axis=-1, initial=-1.0))

    @property
    def loading(self) -> FloatArray:
        """Worst relative overload (...)."""
        return np.asarray(self.load.max(axis=-1, initial=-1.0))


def excess_of(grid: Grid, flow: Flow) -> Excess:
    """Compare states with every limit; the set-point of a root is not judged."""
    free = np.isnan(grid.root_v)
    load = np.full(flow.p.shape, -1.0)
    rated, first = np.unique(grid.ratings.branch, return_index=True)
    if len(rated):
        load[..., rated] = np.maximum.reduceat(flow.loadings(grid), first, axis=-1) - 1.0
    unsolved = ~np.isfinite(flow.v)
    return Excess(
        np.where(free | unsolved, grid.v_min - flow.v, -1.0),
        np.where((free & np.isfinite(grid.v_max)) | unsolved, flow.v - grid.v_max, -1.0),
        load,
    )


@dataclass(frozen=True)
class Sampled:
    """The states of a box by period and share (0 lower end, 1 upper end).

    Attributes
    ----------
    shares : (K,) array
        The shares.
    flow : Flow
        The states (T, K); NaN where power flow has no solution.
    imports : (T, K) complex array
        Import at the coupling point [MW + j Mvar].
    excess : Excess
        Of every period and share.
    converted : (T, K) array
        Losses of converters [MW].
    """

    shares: FloatArray
    flow: Flow
    imports: ComplexArray
    excess: Excess
    converted: FloatArray

    @property
    def solved(self) -> bool:
        """Whether every power flow has a solution."""
        return bool(np.isfinite(self.imports).all())

    @property
    def worst(self) -> tuple[float, float]:
        """Worst voltage [pu, squared] and overload over all states; inf where one has no solution."""
        if not self.solved:
            return np.inf, np.inf
        return float(self.excess.voltage.max()), float(self.excess.loading.max())


def sample(network: Network, lower: FloatArray, upper: FloatArray, shares: FloatArray) -> Sampled:
    """Run the states between two dispatches.

    Parameters
    ----------
    network : Network
        The network.
    lower, upper : (T, k) array
        Columns of all devices at both ends; a converter stands one way in both, so that its losses are linear between
        them (see `Columns.one_way`).
    shares : (K,) array
        Shares between them.
    """
    low, high = network.withdrawn(lower)[:, None], network.withdrawn(upper)[:, None]
    drawn = (low + shares[:, None] * (high - low)).reshape(-1, network.grid.n)
    every = np.repeat(np.arange(len(lower)), len(shares))
    found = network.flow.solve_many(drawn.real, drawn.imag, network.points.y[0, every])
    flow = found.reshaped(len(lower), len(shares))
    lost = [network.columns.lost(x).sum(axis=1)[:, None] for x in (lower, upper)]
    converted = lost[0] + shares * (lost[1] - lost[0])
    return Sampled(shares, flow, network.import_mw(flow), excess_of(network.grid, flow), converted)
