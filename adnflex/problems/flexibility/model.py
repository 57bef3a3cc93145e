r"""The largest box of the linear model: trajectories at the coupling point that devices follow within the network.

.. math::

    \max_{lo, up} \sum_t w_t (up_t - lo_t) \Delta t
    \quad \text{such that every } p \in \prod_t [lo_t, up_t] \text{ can be followed}

A *copy* is a dispatch of the whole horizon for one vertex of the box.  Three linear programs share one assembly:

* *outer*: some vertices, each with a copy of its own.  Vertices left out make it larger: a bound from above.
* *separable*: one copy for ``lo``, one for ``up``, and energy limits on the worst mix of both.  What a period does
  then depends on its own value alone (no knowledge of later hours): a bound from below that a controller can keep.
* the master problem of column and constraint generation: the outer program with the vertices found so far.

Energy limits on the worst mix: a level ``L_t = k L_{t-1} + a x_t`` takes the larger of the parts of both copies,
``u_t >= a x^lo_t``, ``u_t >= a x^up_t``, ``L_t = k L_{t-1} + u_t``; as every mix of both dispatches lies between
them, no trajectory exceeds it.

References
----------
Zeng and Zhao, Operations Research Letters 41(5), 2013, doi:10.1016/j.orl.2013.05.003.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.devices.resource import Accumulator, Resource
from adnflex.formulations.radial import Operating, TreeMap
from adnflex.grid.model import Grid
from adnflex.problems.flexibility.columns import Columns
from adnflex.problems.flexibility.exact_slopes import ExactSlopes
from adnflex.problems.flexibility.network_limits import NetworkRows


@dataclass(frozen=True)
class PeriodRows:
    """Limits within one period for one side: ``a @ x <= rhs``; rows that can never bind are left out.

    Attributes
    ----------
    a : (r, k) array
        Over the columns of all resources.
    rhs : (r,) array
        Right-hand sides [MW, Mvar, MVA, pu squared].
    kind : (r,) array of int
        0 device, otherwise as in `adnflex.problems.flexibility.network_limits.KINDS`.
    where : (r,) array of int
        Resource, node or branch.
    number : (r,) array of int
        Position among all rows of the period; the same for every operating point of a topology.
    """

    a: FloatArray
    rhs: FloatArray
    kind: IntArray
    where: IntArray
    number: IntArray

    def only(self, chosen: BoolArray) -> PeriodRows:
        """Keep some rows."""
        return PeriodRows(self.a[chosen], self.rhs[chosen], self.kind[chosen], self.where[chosen], self.number[chosen])


# A row that nothing within the bounds exceeds by more is left out [MW, Mvar, MVA, pu squared].
_REACHED = 1e-12

DEVICE, VOLTAGE_LOW, VOLTAGE_HIGH, LOADING = range(4)


@dataclass(frozen=True)
class OverColumns:
    """Rows of a period over the columns of the devices: those of devices and network, and coupled ones.

    Attributes
    ----------
    a, most : (r, k), (r,) array
        Rows, and the most that their left-hand sides can be.
    coupled : (e, k) array
        See `NetworkRows`.
    """

    a: FloatArray
    most: FloatArray
    coupled: FloatArray


@dataclass(frozen=True)
class BoxProblem:
    """What a box is computed for.

    Attributes
    ----------
    grid : Grid
        The grid.
    tree : TreeMap
        Slopes of its radial state, for the nodes of the resources.
    resources : list of Resource
        The devices.
    columns : Columns
        Their columns.
    operating : two sequences of Operating
        Constants by side (0 lower end, 1 upper end) and period.
    hours : float
        Length of a period [h].
    weights : (T,) array
        Worth of a MWh in every period.
    base : (T,) array
        Import if nothing is asked for [MW].
    direction : str
        ``both``, ``up`` (the lower end is the base), ``down`` or ``symmetric``.
    required : (2, T) array
        Width below and above the base that there has to be [MW]; -inf: none.
    sides : int
        Sides of the polygons.
    network_rows : NetworkRows
        Limits of the network over its state, as compiled from their model.
    margin_v : (2, T, n) array
        What voltages keep from their limits, squared [pu].
    margin_s : (2, T, m) array
        Share of the rating that is kept free.
    near : two (2, T, k) arrays, optional
        Tighter bounds of the columns by side.
    limits : (2, 2) array
        Lowest and highest import, active then reactive [MW, Mvar].
    alike : bool
        Whether base and constant import are the same in every topology.
    active : dict of (int, int) to set of int
        Numbers of the network rows that mattered so far, by side and period; grows as programs are solved.
    matrices : dict of int to OverColumns
        Rows by period; they are the same around all operating points.
    """

    grid: Grid
    tree: TreeMap
    resources: list[Resource]
    columns: Columns
    operating: tuple[Sequence[Operating], Sequence[Operating]]
    hours: float
    weights: FloatArray
    base: FloatArray
    direction: str
    required: FloatArray
    sides: int
    network_rows: NetworkRows
    margin_v: FloatArray = field(default_factory=lambda: np.zeros((2, 1, 1)))
    margin_s: FloatArray = field(default_factory=lambda: np.zeros((2, 1, 1)))
    near: tuple[FloatArray, FloatArray] | None = None
    limits: FloatArray = field(default_factory=lambda: np.array([[-np.inf, np.inf]] * 2))
    active: dict[tuple[int, int], set[int]] = field(default_factory=dict)
    alike: bool = True
    matrices: dict[int, OverColumns] = field(default_factory=dict)
    useful: bool = False
    giving: BoolArray | None = None
    slopes: ExactSlopes | None = None

    @property
    def periods(self) -> int:
        """Number of periods T."""
        return len(self.weights)

    def with_operating(self, lower: Sequence[Operating], upper: Sequence[Operating]) -> BoxProblem:
        """Return the same problem around other states."""
        return replace(self, operating=(lower, upper))

    def split(self, x: FloatArray) -> list[FloatArray]:
        """Cut columns (..., k) into those of every resource."""
        return list(np.split(x, np.cumsum(self.columns.widths)[:-1], axis=-1))

    def bounds(self) -> tuple[FloatArray, FloatArray]:
        """Bounds (T, k) of all columns."""
        return self.columns.low, self.columns.high

    def storing(self) -> Iterator[tuple[int, Resource, Accumulator]]:
        """Yield what stores energy: its first column, itself, and the level that counts what it holds."""
        offsets = np.cumsum([0, *self.columns.widths]).tolist()
        for offset, resource in zip(offsets, self.resources, strict=False):
            for level in resource.accumulators:
                if level.kind == "energy low":
                    yield offset, resource, level

    def imports(self, t: int) -> FloatArray:
        """Import at the coupling point per unit of every column (k,) [MW]."""
        return np.asarray(self.tree.imports[self.columns.place] * self.columns.p[t])

    def state(self, side: int, t: int) -> FloatArray:
        """State of the network (see `NetworkRows`) if the devices' columns are 0."""
        grid, now, base = self.grid, self.operating[side][t], self.grid.base_mva
        kept = np.broadcast_to(margin_of(self.margin_v, side, t), grid.n)
        free = np.broadcast_to(margin_of(self.margin_s, side, t), grid.m)
        imports = [base * now.import_p, base * now.import_q, *self.limits[1], 0.0]
        return np.concatenate([now.v, kept, base * now.p, base * now.q, base * now.radius * (1 - free), imports])

    def over_columns(self, side: int, t: int) -> OverColumns:
        """Rows of a side in a period over the columns of the devices."""
        if self.slopes is not None:
            # of this round only, and of both sides: too much to be kept
            return self._over_columns(self.slopes.v_p[side, t], self.slopes.v_q[side, t], t)
        if t not in self.matrices:
            self.matrices[t] = self._over_columns(self.tree.v_p, self.tree.v_q, t)
        return self.matrices[t]

    def _over_columns(self, v_p: FloatArray, v_q: FloatArray, t: int) -> OverColumns:
        c, n, m, net = self.columns, self.grid.n, self.grid.m, self.network_rows
        slopes = np.zeros((net.a.shape[1], len(c.place)))
        slopes[:n] = (v_p[:, c.place] * c.p[t] + v_q[:, c.place] * c.q[t]) / self.grid.base_mva
        flow, imports = self.tree.flow[:, c.place], self.tree.imports[c.place]
        slopes[2 * n : 2 * n + m], slopes[2 * n + m : 2 * (n + m)] = flow * c.p[t], flow * c.q[t]
        slopes[2 * n + 3 * m], slopes[2 * n + 3 * m + 1] = imports * c.p[t], imports * c.q[t]
        a = np.vstack([c.rows, net.a @ slopes])
        return OverColumns(a, _most(a, c.low[t], c.high[t]), np.asarray(net.coupled @ slopes))

    def rows(self, side: int, t: int) -> PeriodRows:
        """Limits of one side in a period."""
        c, net, over = self.columns, self.network_rows, self.over_columns(side, t)
        rhs = np.concatenate([c.limits[t], net.high - net.a @ self.state(side, t)])
        kind, where = self.kinds
        chosen = np.flatnonzero(over.most > rhs + _REACHED)
        return PeriodRows(over.a[chosen], rhs[chosen], kind[chosen], where[chosen], chosen)

    @cached_property
    def kinds(self) -> tuple[IntArray, IntArray]:
        """Kind and place of all rows of a period (see `PeriodRows`), those of the devices first."""
        c, net = self.columns, self.network_rows
        return np.concatenate([np.full(len(c.rows), DEVICE), net.kind]), np.concatenate([c.owner, net.where])

    def device_rows(self, t: int) -> PeriodRows:
        """Limits of the devices alone in a period."""
        c = self.columns
        chosen = np.flatnonzero(_most(c.rows, c.low[t], c.high[t]) > c.limits[t] + _REACHED)
        return PeriodRows(c.rows[chosen], c.limits[t, chosen], np.full(len(chosen), DEVICE), c.owner[chosen], chosen)


def margin_of(margin: FloatArray, side: int, t: int) -> FloatArray:
    """Return the margin of a side and period from an array that may stand for all of them."""
    return np.asarray(margin[side % len(margin), t % margin.shape[1]])


def _most(a: FloatArray, low: FloatArray, high: FloatArray) -> FloatArray:
    """Return the largest left-hand side of rows that a point within bounds has."""
    return np.asarray(np.maximum(a, 0) @ high + np.minimum(a, 0) @ low)
