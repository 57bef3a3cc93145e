"""Linear sums of Pyomo variables without Pyomo's expressions, and rows that are made of them one by one.

A model that repeats a few sums ten thousand times is written in a tenth of the time; what comes of it are the
constraints of `adnflex.solvers.rows`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from pyomo.core.expr.numeric_expr import LinearExpression

from adnflex.solvers.rows import RowConstraint, Rows, declare_rows


class IndexedTerms:
    """An indexed variable, whose members are sums of one term.

    Parameters
    ----------
    variable : pyomo IndexedVar
        The variable.
    """

    __slots__ = ("place", "variable")

    def __init__(self, variable: Any) -> None:
        self.variable = variable
        self.place = {key: i for i, key in enumerate(variable)}

    def __getitem__(self, key: Any) -> Linear:
        return Linear([(self, self.place[key], 1.0)])


class Linear:
    """A sum of multiples of variables, and a constant.

    Parameters
    ----------
    terms : list of (IndexedTerms, int, float)
        Variable, place of its member, coefficient; a member may come several times.
    constant : float
        The constant.

    Examples
    --------
    >>> import pyomo.environ as pyo
    >>> m = pyo.ConcreteModel()
    >>> m.x = pyo.Var("ab")
    >>> x = IndexedTerms(m.x)
    >>> print((2 * x["a"] - x["b"] + 3).expression())
    3.0 + 2.0*x[a] - x[b]
    """

    __slots__ = ("constant", "terms")

    def __init__(self, terms: list[tuple[IndexedTerms, int, float]], constant: float = 0.0) -> None:
        self.terms, self.constant = terms, constant

    def __add__(self, other: Linear | float) -> Linear:
        if isinstance(other, Linear):
            return Linear(self.terms + other.terms, self.constant + other.constant)
        return Linear(self.terms, self.constant + other)

    __radd__ = __add__

    def __mul__(self, factor: float) -> Linear:
        if factor == 0:
            return Linear([])
        return Linear([(v, i, factor * k) for v, i, k in self.terms], factor * self.constant)

    __rmul__ = __mul__

    def __neg__(self) -> Linear:
        return self * -1.0

    def __sub__(self, other: Linear | float) -> Linear:
        return self + -1.0 * other

    def __rsub__(self, other: float) -> Linear:
        return self * -1.0 + other

    def expression(self) -> Any:
        """Return it as an expression of Pyomo."""
        return total([self])


def summed(parts: Iterable[Linear]) -> Linear:
    """Add up many sums."""
    terms: list[tuple[IndexedTerms, int, float]] = []
    constant = 0.0
    for part in parts:
        terms += part.terms
        constant += part.constant
    return Linear(terms, constant)


def total(parts: Iterable[Linear]) -> Any:
    """Return an expression of Pyomo for the sum of many."""
    whole = summed(parts)
    members: dict[int, list[Any]] = {}
    for variable, _, _ in whole.terms:
        if id(variable) not in members:
            members[id(variable)] = list(variable.variable.values())
    return LinearExpression(
        constant=whole.constant,
        linear_coefs=[k for _, _, k in whole.terms],
        linear_vars=[members[id(v)][i] for v, i, _ in whole.terms],
    )


class RowList:
    """Rows, one after the other.

    Examples
    --------
    >>> import pyomo.environ as pyo
    >>> m = pyo.ConcreteModel()
    >>> m.x = pyo.Var("ab")
    >>> x, rows = IndexedTerms(m.x), RowList()
    >>> rows.equal(x["a"] + x["b"], 1.0)
    >>> rows.at_most(2 * x["a"] - x["b"], 0.0)
    >>> _ = rows.declare(m, "rows", doc="an example")
    >>> print(m.rows[0].expr, "and", m.rows[1].expr)
    x[a] + x[b]  ==  1.0 and 2.0*x[a] - x[b]  <=  0.0
    """

    def __init__(self) -> None:
        self.low: list[float] = []
        self.high: list[float] = []
        self._parts: dict[int, tuple[IndexedTerms, list[int], list[int], list[float]]] = {}

    def equal(self, sum_: Linear, side: float = 0.0) -> None:
        """Let a sum be as large as a number."""
        self._add(sum_, side, side)

    def at_most(self, sum_: Linear, side: float = 0.0) -> None:
        """Let a sum be no larger than a number."""
        self._add(sum_, -np.inf, side)

    def at_least(self, sum_: Linear, side: float = 0.0) -> None:
        """Let a sum be no smaller than a number."""
        self._add(sum_, side, np.inf)

    def _add(self, sum_: Linear, low: float, high: float) -> None:
        low, high = low - sum_.constant, high - sum_.constant
        if low <= 0 <= high and not any(k for _, _, k in sum_.terms):
            # it says nothing
            return
        number = len(self.low)
        for variable, place, factor in sum_.terms:
            part = self._parts.get(id(variable))
            if part is None:
                part = self._parts[id(variable)] = variable, [], [], []
            part[1].append(number)
            part[2].append(place)
            part[3].append(factor)
        self.low.append(low)
        self.high.append(high)

    def declare(self, block: Any, name: str, doc: str = "") -> RowConstraint:
        """Declare them as a constraint."""
        rows = Rows(self.low, self.high)
        for variable, row, place, factor in self._parts.values():
            rows.add(variable.variable, row, place, np.array(factor))
        return declare_rows(block, name, rows, doc=doc)
