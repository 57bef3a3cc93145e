"""The conic form of a Pyomo model: linear rows, bounds, integers and rotated cones as arrays."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.common.errors import InvalidConstraintError
from pyomo.repn.plugins.standard_form import LinearStandardFormCompiler
from scipy import sparse

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.solvers.cones import Derived, ReadCone, read_cones

# Pyomo pauses the garbage collector while it compiles and refuses to do so in two threads at once (PauseGC). A child
# that is forked by one thread must not inherit the lock of another.
_one_at_a_time = threading.Lock()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_one_at_a_time.acquire,
        after_in_parent=_one_at_a_time.release,
        after_in_child=_one_at_a_time.release,
    )


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
        for k in variable:
            column = columns.get(id(variable[k]))
            if column is not None:
                x[column] = values[k]

    def get(self, x: FloatArray, variable: Any, size: int) -> FloatArray:
        """Read an indexed variable into an array by its index; 0 for members that are no column."""
        columns, values = self.columns(), np.zeros(size)
        for k in variable:
            column = columns.get(id(variable[k]))
            if column is not None:
                values[k] = x[column]
        return values

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
        for variable, value in zip(self.variables, x.tolist(), strict=True):
            variable.set_value(value, skip_validation=True)

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
    with _one_at_a_time:
        try:
            compiled, cones = _read(model, deep=False)
        except InvalidConstraintError:  # squares that do not show at a glance
            compiled, cones = _read(model, deep=True)
    variables = list(compiled.columns)
    columns = {id(v): k for k, v in enumerate(variables)}
    inside = [v for cone in cones for v in cone]
    behind = [x for y in inside if isinstance(y, Derived) for x in y.variables]
    for v in [*inside, *behind]:
        if id(v) not in columns:
            columns[id(v)] = len(variables)
            variables.append(v)
    a = sparse.csr_matrix(compiled.A)
    a.resize(a.shape[0], len(variables))
    c = np.zeros(len(variables))
    c[: compiled.c.shape[1]] = compiled.c.toarray().ravel()
    kinds = np.array([r.bound_type for r in compiled.rows])
    rhs = np.asarray(compiled.rhs, dtype=float)
    low = [-np.inf if v.lb is None else float(v.lb) for v in variables]
    high = [np.inf if v.ub is None else float(v.ub) for v in variables]
    for k, v in enumerate(variables):
        if v.fixed:
            low[k] = high[k] = float(v.value)
    links, sides = _links(variables, columns)
    return ConicForm(
        c=c,
        c0=float(compiled.c_offset[0]),
        a=sparse.csr_matrix(sparse.vstack([a, links])) if len(sides) else a,
        row_low=np.concatenate([np.where(kinds <= 0, rhs, -np.inf), sides]),
        row_high=np.concatenate([np.where(kinds >= 0, rhs, np.inf), sides]),
        low=np.array(low),
        high=np.array(high),
        # one that has a single value left is nothing to decide
        integer=np.array([not v.is_continuous() for v in variables], dtype=bool) & (np.array(low) < np.array(high)),
        cones=np.array([[columns[id(v)] for v in cone] for cone in cones], dtype=np.int64).reshape(-1, 4),
        variables=variables,
        rows=[r.constraint for r in compiled.rows] + [None] * len(sides),
    )


def _read(model: pyo.ConcreteModel, deep: bool) -> tuple[Any, list[ReadCone]]:
    """Return the linear part of a model and its cones; the model is left as it was."""
    found, cones = read_cones(model, deep)
    for data in found:
        data.deactivate()
    try:
        compiled = LinearStandardFormCompiler().write(model, mixed_form=True, set_sense=pyo.minimize)
    finally:
        for data in found:
            data.activate()
    return compiled, _apart(cones)


def _apart(cones: list[ReadCone]) -> list[ReadCone]:
    """Give every cone columns of its own on its left side: the unit of such a column follows from its cone."""
    taken = {id(v) for cone in cones for v in (cone.l, cone.w)}
    free: list[ReadCone] = []
    for cone in cones:
        own = [Derived([v], [1.0], 0.0) if id(v) in taken and _moves(v) else v for v in (cone.p, cone.q)]
        taken.update((id(cone.p), id(cone.q)))
        free.append(cone._replace(p=own[0], q=own[1]))
    return free


def _moves(v: Any) -> bool:
    """Whether a column is no number."""
    return not isinstance(v, Derived) or bool(v.variables)


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
