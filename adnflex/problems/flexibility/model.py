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

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import block_diag

from adnflex.devices.resource import Accumulator, Resource, polygon
from adnflex.formulations.radial import Operating, TreeMap
from adnflex.grid.model import ComplexArray, FloatArray, Grid
from adnflex.solvers.conic import ConicForm

__all__ = [
    "BoxProblem",
    "Columns",
    "Layout",
    "PeriodRows",
    "Program",
    "build_program",
    "column_bounds",
    "end_bounds",
    "margin_of",
]


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
        0 device, 1 voltage low, 2 voltage high, 3 loading.
    where : (r,) array of int
        Resource, node or branch.
    number : (r,) array of int
        Position among all rows of the period; the same for every operating point of a topology.
    """

    a: FloatArray
    rhs: FloatArray
    kind: NDArray[np.int64]
    where: NDArray[np.int64]
    number: NDArray[np.int64]

    def only(self, chosen: NDArray[np.bool_]) -> PeriodRows:
        """Keep some rows."""
        return PeriodRows(self.a[chosen], self.rhs[chosen], self.kind[chosen], self.where[chosen], self.number[chosen])


# A power that says which way a converter stands [MW].
_A_LITTLE = 1e-9

DEVICE, VOLTAGE_LOW, VOLTAGE_HIGH, LOADING = range(4)


@dataclass(frozen=True)
class Columns:
    """The columns of all resources side by side, k of them a period; the same for every topology.

    Attributes
    ----------
    nodes : (d,) array of int
        Nodes of the resources.
    place : (k,) array of int
        Position among `nodes` of every column.
    p, q : (T, k) array
        Withdrawal per unit [MW, Mvar].
    low, high : (T, k) array
        Bounds.
    rows, limits, owner : (R, k), (T, R), (R,) array
        Rows within a period, ``rows @ x_t <= limits[t]``, and whose they are.
    effort : (k,) array
        Small prices.
    idle : (T, k) array
        Columns if nothing is asked for.
    widths : tuple of int
        Columns of every resource.
    opposite : (o, 2) array of int
        Columns that are the two ways of one power (see `Resource.opposite`).
    converters : tuple of (int, Resource)
        Those that withdraw other than their columns say, and where these begin.
    """

    nodes: NDArray[np.int64]
    place: NDArray[np.int64]
    p: FloatArray
    q: FloatArray
    low: FloatArray
    high: FloatArray
    rows: FloatArray
    limits: FloatArray
    owner: NDArray[np.int64]
    effort: FloatArray
    idle: FloatArray
    widths: tuple[int, ...]
    opposite: NDArray[np.int64]
    converters: tuple[tuple[int, Resource], ...]

    @classmethod
    def of(cls, resources: Sequence[Resource]) -> Columns:
        """Put resources side by side."""
        nodes, place = np.unique(np.concatenate([r.node_of for r in resources]), return_inverse=True)
        widths = tuple(len(r.names) for r in resources)
        owned = list(zip(np.cumsum([0, *widths[:-1]]).tolist(), resources, strict=True))
        return cls(
            nodes,
            place,
            np.hstack([r.p for r in resources]),
            np.hstack([r.q for r in resources]),
            np.hstack([r.low for r in resources]),
            np.hstack([r.high for r in resources]),
            block_diag(*(r.rows for r in resources)),
            np.hstack([r.limits for r in resources]),
            np.repeat(np.arange(len(resources)), [len(r.rows) for r in resources]),
            np.concatenate([r.effort for r in resources]),
            np.hstack([r.idle for r in resources]),
            widths,
            np.array([(a + b, a + c) for a, r in owned for b, c in r.opposite], dtype=np.int64).reshape(-1, 2),
            tuple((a, r) for a, r in owned if r.exact is not None),
        )

    def drawn(self, x: FloatArray) -> ComplexArray:
        """Withdrawals (T, d) at `nodes` for columns (T, k), constants left out [MW + j Mvar]."""
        found = np.zeros((len(self.nodes), len(x)), dtype=complex)
        np.add.at(found, self.place, ((self.p + 1j * self.q) * x).T)
        return found.T

    def lost(self, x: FloatArray) -> FloatArray:
        """Losses of converters (T, d) at `nodes` for columns (T, k), which these leave out [MW]."""
        found = np.zeros((len(x), len(self.nodes)))
        for begin, r in self.converters:
            for node, p in r.lost(x[:, begin : begin + len(r.names)]):
                found[:, np.searchsorted(self.nodes, node)] += p
        return found

    def one_way(self, lower: FloatArray, upper: FloatArray) -> Columns:
        """Leave every power one way in a period, that of both dispatches (T, k) on balance, and never nothing.

        So the states between two such dispatches go smoothly from one to the other: none of them turns a converter.
        """
        low, high = self.low.copy(), self.high.copy()
        for a, b in self.opposite.tolist():
            both = lower + upper
            forth = both[:, a] >= both[:, b]
            high[forth, b] = high[~forth, a] = 0.0
            low[forth, a], low[~forth, b] = (np.minimum(_A_LITTLE, high[side]) for side in ((forth, a), (~forth, b)))
        return replace(self, low=low, high=high)


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
    margin_v: FloatArray = field(default_factory=lambda: np.zeros((2, 1, 1)))
    margin_s: FloatArray = field(default_factory=lambda: np.zeros((2, 1, 1)))
    near: tuple[FloatArray, FloatArray] | None = None
    limits: FloatArray = field(default_factory=lambda: np.array([[-np.inf, np.inf]] * 2))
    active: dict[tuple[int, int], set[int]] = field(default_factory=dict)
    alike: bool = True

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

    def imports(self, t: int) -> FloatArray:
        """Import at the coupling point per unit of every column (k,) [MW]."""
        return np.asarray(self.tree.imports[self.columns.place] * self.columns.p[t])

    def rows(self, side: int, t: int) -> PeriodRows:
        """Limits of one side in a period."""
        net, net_rhs, net_kind, net_where = _network_rows(self, side, t)
        c = self.columns
        return _pruned(
            np.vstack([c.rows, net]),
            np.concatenate([c.limits[t], net_rhs]),
            np.concatenate([np.full(len(c.rows), DEVICE), net_kind]),
            np.concatenate([c.owner, net_where]),
            c.low[t],
            c.high[t],
        )

    def device_rows(self, t: int) -> PeriodRows:
        """Limits of the devices alone in a period."""
        c = self.columns
        return _pruned(c.rows, c.limits[t], np.full(len(c.rows), DEVICE), c.owner, c.low[t], c.high[t])


def _network_rows(
    problem: BoxProblem, side: int, t: int
) -> tuple[FloatArray, FloatArray, NDArray[np.int64], NDArray[np.int64]]:
    grid, tree, now = problem.grid, problem.tree, problem.operating[side][t]
    base = grid.base_mva
    c = problem.columns
    free = np.isnan(grid.root_v)
    v = (tree.v_p[:, c.place] * c.p[t] + tree.v_q[:, c.place] * c.q[t]) / base
    keep_v = margin_of(problem.margin_v, side, t)
    low = np.flatnonzero(free & (grid.v_min > 0))
    high = np.flatnonzero(free & np.isfinite(grid.v_max))
    limited = np.flatnonzero(np.isfinite(now.radius) & tree.closed)
    normals, rhs = polygon(1.0, problem.sides)
    flow = tree.flow[limited][:, c.place]
    flow_p, flow_q = flow * c.p[t], flow * c.q[t]
    radius = (
        now.radius[limited] * base * (1 - margin_of(problem.margin_s, side, t)[limited % problem.margin_s.shape[2]])
    )
    ring = normals[:, 0, None, None] * flow_p + normals[:, 1, None, None] * flow_q
    fixed = (normals[:, 0, None] * now.p[limited] + normals[:, 1, None] * now.q[limited]) * base
    a = np.vstack([-v[low], v[high], ring.reshape(-1, v.shape[1])])
    right = np.concatenate(
        [
            (now.v - grid.v_min - keep_v)[low],
            (grid.v_max - now.v - keep_v)[high],
            (rhs[:, None] * radius - fixed).reshape(-1),
        ]
    )
    kind = np.repeat([VOLTAGE_LOW, VOLTAGE_HIGH, LOADING], [len(low), len(high), len(limited) * problem.sides])
    return a, right, kind.astype(np.int64), np.concatenate([low, high, np.tile(limited, problem.sides)])


def margin_of(margin: FloatArray, side: int, t: int) -> FloatArray:
    """Return the margin of a side and period from an array that may stand for all of them."""
    return np.asarray(margin[side % len(margin), t % margin.shape[1]])


def _pruned(
    a: FloatArray,
    rhs: FloatArray,
    kind: NDArray[np.int64],
    where: NDArray[np.int64],
    low: FloatArray,
    high: FloatArray,
) -> PeriodRows:
    """Drop rows that no point within the bounds reaches."""
    most = np.maximum(a, 0) @ high + np.minimum(a, 0) @ low
    return PeriodRows(a, rhs, kind, where, np.arange(len(rhs))).only(most > rhs + 1e-12)


@dataclass(frozen=True)
class Layout:
    """Where the columns of a program stand.

    Attributes
    ----------
    copies, periods, width : int
        Copies, periods, columns of all resources.
    lower, upper : (T,) array of int
        Columns of the box.
    """

    copies: int
    periods: int
    width: int

    @property
    def lower(self) -> NDArray[np.int64]:
        """Columns of the lower end."""
        return self.copies * self.periods * self.width + np.arange(self.periods)

    @property
    def upper(self) -> NDArray[np.int64]:
        """Columns of the upper end."""
        return self.lower + self.periods

    def at(self, copy: int, t: int) -> int:
        """First column of a copy in a period."""
        return (copy * self.periods + t) * self.width

    def dispatch(self, x: FloatArray, copy: int) -> FloatArray:
        """Columns (T, width) of a copy."""
        first = self.at(copy, 0)
        return np.asarray(x[first : first + self.periods * self.width]).reshape(self.periods, self.width)


@dataclass(frozen=True)
class Program:
    """A linear program, its layout, and what its rows are.

    Attributes
    ----------
    form : ConicForm
        The program; a minimisation.
    layout : Layout
        Where its columns stand.
    label : (r, 4) array of int
        Of every row: kind (see `PeriodRows`; 4 energy, 5 the box, 6 reactive import), place (resource, node,
        branch), period, side.
    key : (r, 2) array of int
        What a row is in every program of the same copies: place of copy and period, number within the period; rows
        outside the periods are counted with the place -1.
    """

    form: ConicForm
    layout: Layout
    label: NDArray[np.int64]
    key: NDArray[np.int64]


ENERGY, OTHER, IMPORT = 4, 5, 6


class _Rows:
    """Rows of a sparse matrix, collected block by block."""

    def __init__(self) -> None:
        self.i: list[NDArray[np.int64]] = []
        self.j: list[NDArray[np.int64]] = []
        self.value: list[FloatArray] = []
        self.low: list[FloatArray] = []
        self.high: list[FloatArray] = []
        self.label: list[NDArray[np.int64]] = []
        self.key: list[NDArray[np.int64]] = []
        self.others = 0
        self.count = 0

    def add(
        self,
        blocks: Sequence[tuple[FloatArray, NDArray[np.int64]]],
        low: FloatArray,
        high: FloatArray,
        label: NDArray[np.int64],
        key: tuple[int, NDArray[np.int64]] | None = None,
    ) -> None:
        """Add rows; every block is a dense (r, c) array and the columns (c,) that it stands in."""
        for a, columns in blocks:
            i, j = np.nonzero(a)
            self.i.append(i + self.count)
            self.j.append(columns[j])
            self.value.append(a[i, j])
        self.low.append(low)
        self.high.append(high)
        self.label.append(label)
        if key is None:
            key = -1, np.arange(self.others, self.others + len(high))
            self.others += len(high)
        self.key.append(np.column_stack([np.full(len(high), key[0]), key[1]]))
        self.count += len(high)


def build_program(
    problem: BoxProblem,
    copies: Sequence[FloatArray],
    separable: bool = False,
    effort: bool = True,
    rows_of: Callable[[int, int], PeriodRows] | None = None,
) -> Program:
    """Assemble a program.

    Parameters
    ----------
    problem : BoxProblem
        The problem.
    copies : sequence of (T,) arrays of 0 and 1
        Vertices of the box that have a copy.
    separable : bool
        Energy limits on the worst mix of all copies instead of one after another.
    effort : bool
        Whether the small prices that avoid idle reactive power are part of the objective (not in a bound).
    rows_of : callable, optional
        Rows of a side and period to be used; by default all.
    """
    given = problem.rows if rows_of is None else rows_of
    periods, width = problem.periods, len(problem.columns.place)
    layout = Layout(len(copies), periods, width)
    rows = _Rows()
    cache: dict[tuple[int, int], PeriodRows] = {}
    for c, vertex in enumerate(copies):
        for t in range(periods):
            side = int(vertex[t] > 0.5)
            if (side, t) not in cache:
                cache[side, t] = given(side, t)
            here = cache[side, t]
            label = np.column_stack([here.kind, here.where, np.full(len(here.rhs), t), np.full(len(here.rhs), side)])
            columns = layout.at(c, t) + np.arange(width)
            low = np.full(len(here.rhs), -np.inf)
            rows.add([(here.a, columns)], low, here.rhs, label, (c * periods + t, here.number))
            _couple(problem, rows, layout, columns, t, side)
    more_low, more_high = _box(problem, rows, layout)
    level_low, level_high = _levels(problem, rows, layout, separable)
    cost = np.zeros(2 * periods + len(level_low) + len(copies) * periods * width)
    worth = problem.weights * problem.hours
    cost[layout.lower], cost[layout.upper] = worth, -worth
    if effort:
        price = problem.columns.effort * problem.hours
        for c in range(len(copies)):
            for t in range(periods):
                first = layout.at(c, t)
                cost[first : first + width] = price * max(float(problem.weights.max()), 1e-12)
    size = len(cost)
    matrix = sparse.csr_matrix(
        (np.concatenate(rows.value), (np.concatenate(rows.i), np.concatenate(rows.j))), shape=(rows.count, size)
    )
    form = ConicForm(
        cost,
        0.0,
        matrix,
        np.concatenate(rows.low),
        np.concatenate(rows.high),
        np.concatenate([*column_bounds(problem, copies, 0), more_low, level_low]),
        np.concatenate([*column_bounds(problem, copies, 1), more_high, level_high]),
        np.zeros(size, dtype=bool),
        np.zeros((0, 4), dtype=np.int64),
        [],
    )
    return Program(form, layout, np.vstack(rows.label), np.vstack(rows.key))


def column_bounds(problem: BoxProblem, copies: Sequence[FloatArray], which: int) -> list[FloatArray]:
    """Lower (0) or upper (1) bounds of the columns of all copies."""
    if problem.near is None:
        return [problem.bounds()[which].reshape(-1)] * len(copies)
    periods = np.arange(problem.periods)
    return [problem.near[which][(vertex > 0.5).astype(int), periods].reshape(-1) for vertex in copies]


def _couple(problem: BoxProblem, rows: _Rows, layout: Layout, columns: NDArray[np.int64], t: int, side: int) -> None:
    """Let the import of a copy be the end of the box that its vertex names."""
    end = (layout.upper if side else layout.lower)[t : t + 1]
    fixed = -problem.operating[side][t].import_p * problem.grid.base_mva
    row = problem.imports(t)[None]
    value = np.array([fixed])
    rows.add([(row, columns), (np.array([[-1.0]]), end)], value, value, np.array([[OTHER, 0, t, side]]))
    least, most = problem.limits[1] - problem.operating[side][t].import_q * problem.grid.base_mva
    if np.isfinite([least, most]).any():
        reactive = (problem.tree.imports[problem.columns.place] * problem.columns.q[t])[None]
        ends = np.array([least]), np.array([most])
        rows.add([(reactive, columns)], *ends, np.array([[IMPORT, 0, t, side]]))


def _box(problem: BoxProblem, rows: _Rows, layout: Layout) -> tuple[FloatArray, FloatArray]:
    """Bounds of the ends (lower, then upper), and what is asked of them."""
    periods, base = problem.periods, problem.base
    low, high = end_bounds(problem)
    label = np.column_stack([np.full(periods, OTHER), np.zeros(periods), np.arange(periods), np.zeros(periods)])
    one = np.eye(periods)
    nothing = np.zeros(periods)
    rows.add([(one, layout.upper), (-one, layout.lower)], nothing, np.full(periods, np.inf), label.astype(np.int64))
    if problem.direction == "symmetric":
        rows.add([(one, layout.upper), (one, layout.lower)], 2 * base, 2 * base, label.astype(np.int64))
    return low.reshape(-1), high.reshape(-1)


def end_bounds(problem: BoxProblem) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest values (2, T) of the ends of a box, lower end first [MW]."""
    ends = _reach(problem)
    # one end may lie beyond what a single dispatch reaches only by rounding
    least, most = problem.limits[0]
    low, high = np.tile(np.maximum(ends[0] - 1e-6, least), (2, 1)), np.tile(np.minimum(ends[1] + 1e-6, most), (2, 1))
    base, (down, up) = problem.base, problem.required
    high[0] = np.minimum(high[0], np.where(np.isfinite(down), base - down, np.inf))
    low[1] = np.maximum(low[1], np.where(np.isfinite(up), base + up, -np.inf))
    if problem.direction == "up":
        low[0] = high[0] = base
    elif problem.direction == "down":
        low[1] = high[1] = base
    return low, high


def _reach(problem: BoxProblem) -> tuple[FloatArray, FloatArray]:
    """Import if every device gave and took what it can, without any network [MW]."""
    low, high = problem.bounds()
    found = np.zeros((2, problem.periods))
    for t in range(problem.periods):
        weight = problem.imports(t)
        fixed = sorted(problem.operating[s][t].import_p * problem.grid.base_mva for s in range(2))
        found[0, t] = fixed[0] + np.maximum(weight, 0) @ low[t] + np.minimum(weight, 0) @ high[t]
        found[1, t] = fixed[1] + np.maximum(weight, 0) @ high[t] + np.minimum(weight, 0) @ low[t]
    return found[0], found[1]


def _levels(problem: BoxProblem, rows: _Rows, layout: Layout, separable: bool) -> tuple[FloatArray, FloatArray]:
    """Energy limits: columns of levels, behind those of the box; one level a copy, or one for the worst mix."""
    first = int(layout.upper[-1]) + 1
    groups = [list(range(layout.copies))] if separable else [[c] for c in range(layout.copies)]
    low: list[FloatArray] = []
    high: list[FloatArray] = []
    offset = 0
    for i, r in enumerate(problem.resources):
        columns = offset + np.arange(len(r.names))
        for level in r.accumulators:
            for group in groups:
                _level(problem, rows, layout, group, (i, level, columns), first)
                low.append(np.full(problem.periods, -np.inf))
                high.append(level.limit)
                first += problem.periods
        offset += len(r.names)
    return (np.concatenate(low), np.concatenate(high)) if low else (np.zeros(0), np.zeros(0))


def _level(
    problem: BoxProblem,
    rows: _Rows,
    layout: Layout,
    group: list[int],
    what: tuple[int, Accumulator, NDArray[np.int64]],
    first: int,
) -> None:
    """``L_t - k L_{t-1} - a x_t >= 0`` for every part and copy of a group (the start moves to the other side)."""
    resource, level, columns = what
    periods = problem.periods
    chain = np.eye(periods) - level.keep * np.eye(periods, k=-1)
    start = np.zeros(periods)
    start[0] = level.keep * level.start
    label = np.column_stack(
        [np.full(periods, ENERGY), np.full(periods, resource), np.arange(periods), np.full(periods, group[0])]
    ).astype(np.int64)
    for c in group:
        for part in level.parts:
            blocks = [(chain, first + np.arange(periods))]
            for j in np.flatnonzero(np.any(part != 0, axis=0)):
                at = np.array([layout.at(c, t) for t in range(periods)]) + columns[j]
                blocks.append((np.diag(-part[:, j]), at))
            rows.add(blocks, start, np.full(periods, np.inf), label)
