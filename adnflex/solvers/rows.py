"""Pyomo constraints that are written as arrays: rows of a matrix, and cones as lists of variables.

They are constraints like all others: whoever looks at one sees its expression, may change, deactivate or delete it,
and every writer and solver of Pyomo reads it. That expression is made when somebody asks for it; `compile_model` takes
the arrays of what nobody has touched, so that a large network is neither written as expressions nor read from them.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, NamedTuple
from weakref import ref

import numpy as np
import pyomo.environ as pyo
from numpy.typing import ArrayLike
from pyomo.core.base.constraint import ConstraintData, IndexedConstraint

from adnflex.arrays import BoolArray, FloatArray, IntArray
from adnflex.solvers.members import limit


class Entries(NamedTuple):
    """Coefficients of one indexed variable: rows, places among its members, values."""

    variable: Any
    row: IntArray
    place: IntArray
    value: FloatArray


class Rows:
    """Linear rows in the making.

    Parameters
    ----------
    low, high : (m,) array
        Their limits; infinite: none.

    Examples
    --------
    >>> m = pyo.ConcreteModel()
    >>> m.x, m.y = pyo.Var(range(3)), pyo.Var(range(2))
    >>> rows = Rows([1.0, -np.inf], [1.0, 4.0])
    >>> rows.add(m.x, [0, 1], [2, 0], [1.0, -1.0])
    >>> rows.add(m.y, [1], [1], 5.0)
    >>> balance = declare_rows(m, "balance", rows)
    >>> print(m.balance[0].expr, "and", m.balance[1].expr)
    x[2]  ==  1.0 and - x[0] + 5.0*y[1]  <=  4.0
    """

    def __init__(self, low: ArrayLike, high: ArrayLike) -> None:
        self.low, self.high = (np.asarray(a, dtype=float) for a in (low, high))
        self.entries: list[Entries] = []

    def add(self, variable: Any, row: ArrayLike, place: ArrayLike, value: ArrayLike) -> None:
        """Add coefficients.

        Parameters
        ----------
        variable : pyomo IndexedVar
            The variable.
        row : (k,) array of int
            Rows.
        place : (k,) array of int
            Its members, by their place in its order.
        value : (k,) array or float
            Coefficients; those that are 0 are left out.
        """
        rows = np.asarray(row, dtype=np.int64)
        values = np.broadcast_to(np.asarray(value, dtype=float), rows.shape)
        there = values != 0
        if there.any():
            places = np.asarray(place, dtype=np.int64)[there]
            self.entries.append(Entries(variable, rows[there], places, values[there]))

    def only(self, chosen: IntArray) -> Rows:
        """Return some of the rows, in that order."""
        number = np.full(len(self.low), -1, dtype=np.int64)
        number[chosen] = np.arange(len(chosen))
        fewer = Rows(self.low[chosen], self.high[chosen])
        for e in self.entries:
            here = number[e.row] >= 0
            fewer.add(e.variable, number[e.row[here]], e.place[here], e.value[here])
        return fewer


class LazyData(ConstraintData):  # type: ignore[misc]
    """A constraint whose expression is made by its component when somebody asks for it."""

    __slots__ = ()

    def __init__(self, component: Any, index: Hashable) -> None:
        # what the base class does, without an expression
        self._component, self._active, self._index = component, True, index  # type: ignore[misc]

    def __getattr__(self, name: str) -> Any:
        if name != "_expr":
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        expression = self.parent_component().expression_of(self._index)
        # from now on it is a constraint as any other
        self.__class__ = ConstraintData
        self._expr = expression  # type: ignore[misc]
        return expression

    def set_value(self, expr: Any) -> None:
        """Replace the expression."""
        self.__class__ = ConstraintData
        self._expr = None
        self.set_value(expr)


class _Written(IndexedConstraint):  # type: ignore[misc]
    """An indexed constraint that is written as arrays."""

    names: list[Any]

    def fill(self, names: Sequence[Any]) -> None:
        """Make a member for every index."""
        me = ref(self)
        self.names = list(names)
        self._data = {name: LazyData(me, name) for name in self.names}
        self._place: dict[Any, int] = {}

    def untouched(self) -> BoolArray:
        """Whether each row is active and still as it was written."""
        data = self._data.get
        return np.array([d.__class__ is LazyData and d.active for d in map(data, self.names)], dtype=bool)

    def members(self, chosen: BoolArray) -> list[Any]:
        """Return the members of some rows, which are there."""
        return [self._data[name] for name, wanted in zip(self.names, chosen.tolist(), strict=True) if wanted]

    def touched(self) -> list[Any]:
        """Members that somebody has looked at, changed or added."""
        return [data for data in self.values() if data.__class__ is not LazyData]

    def place_of(self, index: Hashable) -> int:
        """Return the number of a row by its index."""
        if not self._place:
            self._place = {name: k for k, name in enumerate(self.names)}
        return self._place[index]


class RowConstraint(_Written):
    """Rows of a matrix; see `declare_rows`."""

    rows: Rows
    _by_row: _ByRow | None = None

    def expression_of(self, index: Hashable) -> Any:
        """Write a row as an expression."""
        return self._limited(index, [])

    def extend(self, index: Hashable, parts: Sequence[Any]) -> None:
        """Add expressions to a row."""
        self[index].set_value(self._limited(index, parts))

    def _limited(self, index: Hashable, parts: Sequence[Any]) -> Any:
        if self._by_row is None:
            self._by_row = _by_row(self.rows)
        at = self.place_of(index)
        low, high = float(self.rows.low[at]), float(self.rows.high[at])
        body = pyo.quicksum([*self._by_row.terms(at), *parts])
        if low == high:
            return body == high
        if np.isinf(low):
            return body <= high
        return body >= low if np.isinf(high) else pyo.inequality(low, body, high)


class _ByRow(NamedTuple):
    """The entries of rows, row by row, with the members of their variables."""

    row: IntArray
    which: IntArray
    place: IntArray
    value: FloatArray
    members: list[list[Any]]

    def terms(self, at: int) -> list[Any]:
        """Products that make a row."""
        here = slice(*np.searchsorted(self.row, [at, at + 1]))
        each = zip(self.which[here].tolist(), self.place[here].tolist(), self.value[here].tolist(), strict=True)
        return [k * self.members[i][j] for i, j, k in each]


def _by_row(rows: Rows) -> _ByRow:
    which = np.concatenate([np.full(len(e.row), i) for i, e in enumerate(rows.entries)])
    row, place, value = (np.concatenate([e[k] for e in rows.entries]) for k in (1, 2, 3))
    order = np.argsort(row, kind="stable")
    found = {id(e.variable): e.variable for e in rows.entries}
    listed = {name: list(variable.values()) for name, variable in found.items()}
    members = [listed[id(e.variable)] for e in rows.entries]
    return _ByRow(row[order], which[order], place[order], value[order], members)


class ConeConstraint(_Written):
    """Cones ``p² + q² <= l w``; see `declare_cones`."""

    sides: tuple[list[Any], ...]

    def expression_of(self, index: Hashable) -> Any:
        """Write a cone as an expression."""
        p, q, l, w = (side[self.place_of(index)] for side in self.sides)  # noqa: E741
        return p**2 + q**2 <= l * w


def declare_rows(block: Any, name: str, rows: Rows, index: Sequence[Any] | None = None, doc: str = "") -> RowConstraint:
    """Declare linear rows as an indexed constraint.

    Parameters
    ----------
    block : pyomo Block
        Gets the constraint.
    name : str
        Its name.
    rows : Rows
        Rows, each with a coefficient at least.
    index : sequence, optional
        What each row is known by; by default they are counted from 0.
    doc : str
        What they say.
    """
    made = RowConstraint(pyo.Any, doc=doc)
    made.rows = rows
    block.add_component(name, made)
    made.fill(range(len(rows.low)) if index is None else index)
    return made


def declare_cones(
    block: Any, name: str, sides: Sequence[Sequence[Any]], index: Sequence[Any], doc: str = ""
) -> ConeConstraint:
    """Declare cones ``p² + q² <= l w`` as an indexed constraint.

    Parameters
    ----------
    block : pyomo Block
        Gets the constraint.
    name : str
        Its name.
    sides : four sequences of pyomo variables
        p, q, l and w of every cone; l and w with lower bounds of 0 or more.
    index : sequence
        What each is known by.
    doc : str
        What they say.

    Examples
    --------
    >>> m = pyo.ConcreteModel()
    >>> m.p, m.l = pyo.Var(range(2)), pyo.Var(range(2), bounds=(0, 1))
    >>> cones = declare_cones(m, "cone", [[m.p[0]], [m.p[1]], [m.l[0]], [m.l[1]]], ["a"])
    >>> print(m.cone["a"].expr)
    p[0]**2 + p[1]**2  <=  l[0]*l[1]
    """
    made = ConeConstraint(pyo.Any, doc=doc)
    made.sides = tuple(map(list, sides))
    block.add_component(name, made)
    made.fill(index)
    return made


def declare_variables(block: Any, name: str, low: ArrayLike, high: ArrayLike, doc: str = "") -> Any:
    """Declare an indexed variable, counted from 0, with limits from arrays.

    Parameters
    ----------
    block : pyomo Block
        Gets the variable.
    name : str
        Its name.
    low, high : (n,) array
        Limits; infinite: none.
    doc : str
        What it is.

    Examples
    --------
    >>> m = pyo.ConcreteModel()
    >>> p = declare_variables(m, "p", [0.0, -np.inf], [2.0, 1.0])
    >>> m.p[0].bounds, m.p[1].bounds
    ((0.0, 2.0), (None, 1.0))
    """
    lows, highs = (np.asarray(a, dtype=float) for a in (low, high))
    made = pyo.Var(range(len(lows)), doc=doc)
    block.add_component(name, made)
    limit(list(made.values()), lows, highs)
    return made
