"""The conic form of a Pyomo model: linear rows, bounds, integers and rotated cones as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyomo.environ as pyo
from scipy import sparse

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.garbage import without_garbage_search
from adnflex.solvers.cones import Derived
from adnflex.solvers.members import bounds_of, integer_of, set_values
from adnflex.solvers.reading import Reading


@dataclass(frozen=True)
class ConicForm:
    """``min c x + c0`` subject to ``row_low <= A x <= row_high``, bounds, integers and cones.

    Attributes
    ----------
    c, c0 : (n,) array, float
        Objective.
    a : (m, n) sparse matrix
        Linear rows.
    row_low, row_high : (m,) array
        Row limits.
    low, high : (n,) array
        Variable bounds.
    integer : (n,) array of bool
        Whether a variable is integer.
    cones : (k, 4) array of int
        Columns of p, q, l, w in ``p² + q² <= l w``.
    variables : list
        The Pyomo variables, in column order; what a cone needs beside them is a `Derived` one.
    rows : list
        The Pyomo constraint behind each row, None where it only links a column within a cone to others; empty where the
        rows are others than those of a model.
    model : pyomo ConcreteModel or None
        The model that it was compiled from.
    """

    c: FloatArray
    c0: float
    a: sparse.csr_matrix
    row_low: FloatArray
    row_high: FloatArray
    low: FloatArray
    high: FloatArray
    integer: BoolArray
    cones: IntArray
    variables: list[Any]
    rows: list[Any] = field(default_factory=list)
    model: Any = None

    def column_of(self, variable: Any) -> int:
        """Column of a Pyomo variable."""
        return self.columns()[id(variable)]

    def columns_of(self, variables: Any) -> IntArray:
        """Columns of several Pyomo variables."""
        columns = self.columns()
        return np.array([columns[id(v)] for v in variables], dtype=np.int64)

    def put(self, x: FloatArray, variable: Any, values: FloatArray) -> None:
        """Write values into the columns of an indexed variable; members that are no column are left out."""
        columns = self.columns()
        for index, member in variable.items():
            column = columns.get(id(member))
            if column is not None:
                x[column] = values[index]

    def get(self, x: FloatArray, variable: Any, size: int) -> FloatArray:
        """Read an indexed variable into an array by its index; 0 for members that are no column."""
        values = np.zeros(size)
        index, column = self.places_of(variable)
        values[index] = x[column]
        return values

    def places_of(self, variable: Any) -> tuple[IntArray, IntArray]:
        """Return indices, whole numbers, and columns of the members of a variable that are columns."""
        columns, members = self.columns(), list(variable.values())
        found = np.fromiter((columns.get(id(v), -1) for v in members), dtype=np.int64, count=len(members))
        there = found >= 0
        return np.array(list(variable.keys()), dtype=np.int64)[there], found[there]

    def columns(self) -> dict[int, int]:
        """Column of every variable, by its `id`."""
        cached: dict[int, int] | None = self.__dict__.get("_column_cache")
        if cached is None:
            cached = {id(v): k for k, v in enumerate(self.variables)}
            object.__setattr__(self, "_column_cache", cached)
        return cached

    def objective(self, x: FloatArray) -> float:
        """Objective at a point."""
        return float(self.c @ x + self.c0)

    def load(self, x: FloatArray) -> None:
        """Write a point into the Pyomo variables."""
        set_values(self.variables, x)

    def residual(self, x: FloatArray, with_cones: bool = True) -> float:
        """Largest violation of any row, bound or cone, relative to ``1 + |limit|``; cones to ``1 + l w``."""
        return self.violation(x, self.low, self.high, with_cones=with_cones)

    def violation(
        self,
        x: FloatArray,
        low: FloatArray,
        high: FloatArray,
        rows: tuple[FloatArray, FloatArray] | None = None,
        with_cones: bool = True,
    ) -> float:
        """Return the residual with other bounds of the variables and, where given, other limits of the rows."""
        row_low, row_high = (self.row_low, self.row_high) if rows is None else rows
        worst = [beyond(self.a @ x, row_low, row_high), beyond(x, low, high)]
        if with_cones and len(self.cones):
            p, q, l, w = (x[self.cones[:, k]] for k in range(4))  # noqa: E741
            worst.append(float(np.max((p**2 + q**2 - l * w) / (1 + np.abs(l * w)))))
            # l and w of a cone are not below zero, whatever their bounds
            worst.append(float(max(np.max(-l), np.max(-w))))
        return max(0.0, *worst)


def beyond(value: FloatArray, low: FloatArray, high: FloatArray) -> float:
    """Largest violation of limits, relative to ``1 + |limit|``; below 0 where all are kept.

    Examples
    --------
    >>> beyond(np.array([1.0, 4.0]), np.array([0.0, -np.inf]), np.array([3.0, 3.0]))
    0.25
    """
    worst = -np.inf
    for limit, sign in ((low, -1.0), (high, 1.0)):
        finite = np.isfinite(limit)
        if finite.any():
            worst = max(worst, float(np.max(sign * (value - limit)[finite] / (1 + np.abs(limit[finite])))))
    return worst


def linear_form(
    cost: FloatArray,
    a: sparse.csr_matrix,
    rows: tuple[FloatArray, FloatArray],
    bounds: tuple[FloatArray, FloatArray],
    integer: BoolArray | None = None,
) -> ConicForm:
    """Return the form of a linear program that is written as arrays.

    Parameters
    ----------
    cost : (n,) array
        Objective.
    a : (m, n) sparse matrix
        Rows.
    rows, bounds : (array, array)
        Lowest and highest value of every row and of every variable.
    integer : (n,) array of bool, optional
        Whether a variable is integer.
    """
    whole = np.zeros(len(cost), dtype=bool) if integer is None else integer
    none = np.zeros((0, 4), dtype=np.int64)
    return ConicForm(cost, 0.0, sparse.csr_matrix(a), *rows, *bounds, whole, none, [])


@without_garbage_search()
def compile_model(model: pyo.ConcreteModel) -> ConicForm:
    """Read a Pyomo model, whose constraints are linear or cones, into arrays.

    Parameters
    ----------
    model : pyomo ConcreteModel
        A minimisation; its cones are constraints ``p**2 + q**2 <= l * w`` (see `adnflex.solvers.cones`).

    Raises
    ------
    SolverError
        If a constraint is neither; it is named.

    Examples
    --------
    >>> import pyomo.environ as pyo
    >>> m = pyo.ConcreteModel()
    >>> m.x = pyo.Var(bounds=(0, 4), domain=pyo.Integers)
    >>> m.row = pyo.Constraint(expr=2 * m.x >= 3)
    >>> m.cost = pyo.Objective(expr=m.x + 1)
    >>> form = compile_model(m)
    >>> form.c, form.c0, form.integer
    (array([1.]), 1.0, array([ True]))
    """
    reading = Reading(model)
    cones = reading.cones()
    a, row_low, row_high = reading.matrix()
    variables, c = reading.variables, reading.cost()
    links, sides = _links(variables, reading.column)
    a = sparse.csr_matrix(sparse.vstack([a, links])) if len(sides) else a
    used = (c != 0) | (np.bincount(a.indices, minlength=len(c)) > 0)
    used[cones] = True
    column = np.cumsum(used) - 1
    variables = [v for v, there in zip(variables, used.tolist(), strict=True) if there]
    low, high = bounds_of(variables)
    return ConicForm(
        c=c[used],
        c0=reading.c0,
        a=a[:, used],
        row_low=np.concatenate([row_low, sides]),
        row_high=np.concatenate([row_high, sides]),
        low=low,
        high=high,
        # one that has a single value left is nothing to decide
        integer=integer_of(variables) & (low < high),
        cones=column[cones],
        variables=variables,
        rows=reading.rows + [None] * len(sides),
        model=model,
    )


def _links(variables: list[Any], columns: dict[int, int]) -> tuple[sparse.csr_matrix, FloatArray]:
    """Rows that let derived columns follow their variables, ``y - k x = constant``; new variables get columns."""
    derived = [v for v in variables if isinstance(v, Derived) and v.variables]
    entries = [(i, columns[id(y)], 1.0) for i, y in enumerate(derived)]
    entries += [
        (i, columns[id(v)], -k) for i, y in enumerate(derived) for v, k in zip(y.variables, y.coefficients, strict=True)
    ]
    rows, at, values = zip(*entries, strict=True) if entries else ((), (), ())
    matrix = sparse.csr_matrix((values, (rows, at)), shape=(len(derived), len(variables)), dtype=float)
    return matrix, np.array([y.constant for y in derived], dtype=float)
