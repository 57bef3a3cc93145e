r"""What the network has to keep in a period of a copy: declared in Pyomo, compiled once, used for every state.

The limits are rows over a *state* of the network: voltages, flows, ratings, the import.  A model declares them in a
block of each copy and period.  A search needs them for thousands of switch states and operating points, so that it
takes the same rows as arrays, :math:`A s \le b`, and the state as affine in the columns of the devices,
:math:`s = s_0 + S x`:

.. math:: A S x \le b - A s_0

Switch states and operating points change :math:`S` and :math:`s_0` only.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyomo.environ as pyo
from scipy import sparse

from adnflex.arrays import FloatArray, IntArray
from adnflex.devices.resource import polygon
from adnflex.grid.model import Grid
from adnflex.solvers.conic import compile_model

# What the parts of a state are called in a block, and how many there are of each: of nodes, branches, or one.
_NODES, _BRANCHES = ("v", "v_kept"), ("flow_p", "flow_q", "rating")
_SINGLE = ("import_p", "import_q", "least_q", "most_q", "end")

# Labels of rows by the constraint that they come from (see `PeriodRows`); those of another name are of the last kind.
KINDS = {"v_low": 1, "v_high": 2, "loading": 3, "least_import_q": 6, "most_import_q": 6, "": 7}


def declare_limits(b: Any, grid: Grid, sides: int) -> None:
    """Declare the state of a network in a period, and its limits.

    Parameters
    ----------
    b : pyomo Block
        Gets variables ``v`` (squared) and ``v_kept`` (what it keeps from its limits) of every node [pu], ``flow_p``,
        ``flow_q`` and ``rating`` of every branch [MW, Mvar, MVA], ``import_p``, ``import_q``, its limits ``least_q``
        and ``most_q``, and ``end``: the end of the box that is asked for [MW, Mvar].
    grid : Grid
        The grid.
    sides : int
        Sides of the polygons within ratings.
    """
    nodes, branches = range(grid.n), range(grid.m)
    b.v = pyo.Var(nodes, doc="squared voltage of a node [pu]")
    b.v_kept = pyo.Var(nodes, doc="what a squared voltage keeps from its limits [pu]")
    b.flow_p = pyo.Var(branches, doc="active power through a branch [MW]")
    b.flow_q = pyo.Var(branches, doc="reactive power through a branch [Mvar]")
    b.rating = pyo.Var(branches, doc="largest apparent power of a branch [MVA]")
    b.import_p = pyo.Var(doc="active import [MW]")
    b.import_q = pyo.Var(doc="reactive import [Mvar]")
    b.least_q, b.most_q = pyo.Var(), pyo.Var()
    b.end = pyo.Var(doc="end of the box [MW]")
    free = np.isnan(grid.root_v)
    low = np.flatnonzero(free & (grid.v_min > 0)).tolist()
    high = np.flatnonzero(free & np.isfinite(grid.v_max)).tolist()
    b.v_low = pyo.Constraint(low, rule=lambda _, j: b.v[j] - b.v_kept[j] >= float(grid.v_min[j]))
    b.v_high = pyo.Constraint(high, rule=lambda _, j: b.v[j] + b.v_kept[j] <= float(grid.v_max[j]))
    normals, apart = polygon(1.0, sides)
    rated = np.unique(grid.ratings.branch[np.isfinite(grid.ratings.limit)]).tolist()
    b.loading = pyo.Constraint(
        range(sides),
        rated,
        rule=lambda _, i, k: (
            float(normals[i, 0]) * b.flow_p[k] + float(normals[i, 1]) * b.flow_q[k] - float(apart[i]) * b.rating[k] <= 0
        ),
        doc="a polygon within the rating of a branch",
    )
    b.least_import_q = pyo.Constraint(expr=b.least_q - b.import_q <= 0)
    b.most_import_q = pyo.Constraint(expr=b.import_q - b.most_q <= 0)
    b.coupling = pyo.Constraint(expr=b.import_p - b.end == 0, doc="the import is the end of the box that is asked for")


def state_of(b: Any) -> dict[str, list[Any]]:
    """Return the variables of a block by the name of the part."""
    indexed = {name: list(getattr(b, name).values()) for name in (*_NODES, *_BRANCHES)}
    return indexed | {name: [getattr(b, name)] for name in _SINGLE}


@dataclass(frozen=True)
class NetworkRows:
    """The limits as arrays over a state: parts one after the other as in `state`, nodes and branches in order.

    Attributes
    ----------
    a, high : (r, c) sparse matrix, (r,) array
        Limits ``a @ state <= high`` that hold whatever the box is.
    kind, where : (r,) array of int
        What they are (see `KINDS`), and the node or branch.
    coupled, coupled_low, coupled_high : (e, c) sparse matrix, (e,) arrays
        Rows that the end of the box takes part in; sparse also because a state has infinite ratings.
    at_end : (e, 1) array
        Their last column, that of the end.
    """

    a: sparse.csr_matrix
    high: FloatArray
    kind: IntArray
    where: IntArray
    coupled: sparse.csr_matrix
    coupled_low: FloatArray
    coupled_high: FloatArray
    at_end: FloatArray


def compile_limits(grid: Grid, sides: int) -> NetworkRows:
    """Compile what `declare_limits` declares.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> from adnflex.grid import read_grid
    >>> rows = compile_limits(read_grid(pn.case33bw()), 16)
    >>> np.bincount(rows.kind).tolist(), rows.coupled.shape[0]
    ([0, 32, 32, 592, 0, 0, 2], 1)
    """
    m = pyo.ConcreteModel()
    m.limits = pyo.Block()
    declare_limits(m.limits, grid, sides)
    m.nothing = pyo.Objective(expr=0.0)
    form = compile_model(m)
    if len(form.cones) or form.integer.any():
        raise ValueError("the limits of a box have to be linear, so that its programs are")
    place = {id(v): k for k, v in enumerate(v for part in state_of(m.limits).values() for v in part)}
    at = np.array([place[id(v)] for v in form.variables])
    a = form.a.tocoo()
    a = sparse.csr_matrix((a.data, (a.row, at[a.col])), shape=(form.a.shape[0], len(place)))
    bounds = sparse.csr_matrix((np.ones(len(at)), (np.arange(len(at)), at)), shape=(len(at), len(place)))
    every = sparse.csr_matrix(sparse.vstack([a, bounds]))
    low, high = np.concatenate([form.row_low, form.low]), np.concatenate([form.row_high, form.high])
    names = [(c.parent_component().local_name, c.index()) for c in form.rows] + [("", None)] * len(at)
    kind = np.array([KINDS.get(name, KINDS[""]) for name, _ in names], dtype=np.int64)
    where = np.array([_number(index) for _, index in names], dtype=np.int64)
    end = len(place) - 1
    coupled = (every[:, [end]].toarray().ravel() != 0) & (np.isfinite(low) | np.isfinite(high))
    parts = [(sign, np.flatnonzero(np.isfinite(limit) & ~coupled), limit) for sign, limit in ((1, high), (-1, low))]
    rows = np.concatenate([rows for _, rows, _ in parts])
    order = np.argsort(kind[rows], kind="stable")
    return NetworkRows(
        sparse.csr_matrix(sparse.vstack([sign * every[rows] for sign, rows, _ in parts]))[order],
        np.concatenate([sign * limit[rows] for sign, rows, limit in parts])[order],
        kind[rows][order],
        where[rows][order],
        every[coupled],
        low[coupled],
        high[coupled],
        every[coupled][:, [end]].toarray(),
    )


def _number(index: Any) -> int:
    """Node or branch that a row belongs to: the last part of its index."""
    last = index[-1] if isinstance(index, tuple) else index
    return int(last) if isinstance(last, int | np.integer) else 0
