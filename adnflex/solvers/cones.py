r"""The cones of a Pyomo model: recognised from the bodies of its own constraints.

A cone is any active constraint ``p² + q² <= l w`` of a model, written in Pyomo's algebra; the constraint is the truth,
nothing is kept beside it but which cones relax an equation (the squared current of a branch) and which are as true
inside as on their surface (a rating, the cost of a square).  A side may also be a square, a number or linear, and
coefficients are allowed:

.. math:: a p^2 + b q^2 \le c\, l\, w, \qquad a p^2 + b q^2 \le c\, s^2, \qquad a p^2 + b q^2 \le c^T x + d
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pyomo.environ as pyo
from pyomo.common.numeric_types import native_numeric_types
from pyomo.core.expr import InequalityExpression, PowExpression, ProductExpression
from pyomo.core.expr.numeric_expr import SumExpression
from pyomo.repn import generate_standard_repn

from adnflex.errors import SolverError

# Name of the suffix that says which cones are relaxed equations.
_RELAXED = "relaxed"


class Derived:
    """A column that is no variable of the model but linear in some: a number, or a multiple, within a cone.

    Parameters
    ----------
    variables, coefficients, constant
        ``constant + coefficients @ variables``.
    """

    fixed = False
    # what stands in these slots of a variable
    _fixed, _domain = False, None

    def __init__(self, variables: list[Any], coefficients: list[float], constant: float) -> None:
        self.variables, self.coefficients, self.constant = variables, coefficients, constant
        self.lb = None if variables else constant
        self.ub = None if variables else constant

    @property
    def value(self) -> float | None:
        """Value at the point that the model holds; None without one."""
        values = [v.value for v in self.variables]
        if any(v is None for v in values):
            return None
        return self.constant + sum(k * float(v) for k, v in zip(self.coefficients, values, strict=True))

    def set_value(self, value: float, skip_validation: bool = True) -> None:
        """Do nothing: it follows from the variables."""

    def is_continuous(self) -> bool:
        """Whether it is no integer."""
        return True


class ReadCone(NamedTuple):
    """``p² + q² <= l w`` with ``l, w >= 0``; variables of the model or `Derived` ones."""

    p: Any
    q: Any
    l: Any  # noqa: E741 (the symbol of the field)
    w: Any


def mark_relaxed(block: pyo.Block, cones: pyo.Constraint) -> None:
    """Note in a suffix of the block that a constraint relaxes an equation, ``p² + q² == l w``.

    Examples
    --------
    >>> m = pyo.ConcreteModel()
    >>> m.p, m.l = pyo.Var(), pyo.Var()
    >>> m.cone = pyo.Constraint(expr=m.p**2 <= m.l)
    >>> mark_relaxed(m, m.cone)
    >>> with as_equations(m):
    ...     m.cone.equality
    True
    >>> m.cone.equality
    False
    """
    if block.component(_RELAXED) is None:
        block.add_component(_RELAXED, pyo.Suffix(direction=pyo.Suffix.LOCAL))
    block.component(_RELAXED).set_value(cones, True, expand=False)


@contextmanager
def as_equations(model: pyo.ConcreteModel) -> Iterator[None]:
    """Within the context the relaxed cones of a model are the equations that they relax: exact, not convex."""
    relaxed = _relaxed_of(model)
    kept = [data.expr for data in relaxed]
    try:
        make_equations(model)
        yield
    finally:
        for data, expression in zip(relaxed, kept, strict=True):
            data.set_value(expression)


def make_equations(model: pyo.ConcreteModel) -> None:
    """Let the relaxed cones of a model be the equations that they relax, for good."""
    for data in _relaxed_of(model):
        low, body, high = data.to_bounded_expression()
        data.set_value(body == (low if high is None else high))


def _relaxed_of(model: pyo.ConcreteModel) -> list[Any]:
    return [
        data
        for suffix in model.component_objects(pyo.Suffix, active=True)
        if suffix.local_name == _RELAXED
        for cones in suffix
        for data in cones.values()
        if data.active
    ]


def cone_at_a_glance(expression: Any, held: dict[float, Derived], data: Any) -> ReadCone | None:
    """Read a constraint that is written as the formulations write it; in full where it only begins like one."""
    if expression.__class__ is not InequalityExpression:
        return None
    left, right = expression.args
    squares = _two_squares(left)
    if squares is not None and right.__class__ is ProductExpression:
        l, w = right.args  # noqa: E741
        if _is_variable(l) and _is_variable(w):
            return above_zero(ReadCone(*squares, l, w), data)
    return cone_in_full(data, held) if _has_square(left) else None


def above_zero(cone: ReadCone, constraint: Any, index: Any = None) -> ReadCone:
    """See that neither factor can be negative: of ``l w >= 0`` only that half is convex."""
    for factor in (cone.l, cone.w):
        if not isinstance(factor, Derived) and (factor.lb is None or factor.lb < 0):
            name = constraint.name if index is None else constraint[index].name
            raise SolverError(
                f"constraint {name}: {factor.name} can be below zero, so that the constraint is no cone; give it a "
                "lower bound of 0."
            )
    return cone


def _is_variable(x: Any) -> bool:
    return x.__class__ not in native_numeric_types and bool(x.is_variable_type())


def _square_of(x: Any) -> Any:
    """Return the variable of ``variable ** 2``, else None."""
    if x.__class__ is not PowExpression:
        return None
    base, power = x.args
    return base if power.__class__ in (int, float) and power == 2 and _is_variable(base) else None


def _two_squares(x: Any) -> tuple[Any, Any] | None:
    if not isinstance(x, SumExpression) or x.nargs() != 2:
        return None
    p, q = (_square_of(part) for part in x.args)
    return None if p is None or q is None else (p, q)


def _has_square(x: Any) -> bool:
    """Tell whether a sum begins with a square, or is one."""
    first = x.arg(0) if isinstance(x, SumExpression) and x.nargs() else x
    return _square_of(first) is not None


def cone_in_full(data: Any, held: dict[float, Derived]) -> ReadCone | None:
    """Read one constraint whatever its form; None where it is linear, its other variables being fixed."""
    low, body, high = data.to_bounded_expression(evaluate_bounds=True)
    repn = generate_standard_repn(body, quadratic=True)
    why = ""
    if repn.nonlinear_expr is None and not repn.quadratic_vars:
        return None
    if repn.nonlinear_expr is not None:
        why = "has terms that are neither linear nor quadratic"
    elif (low is None) == (high is None):
        why = "limits its squares from both sides, which is not convex; solve with exact=True for equations"
    if why:
        raise SolverError(f"constraint {data.name} {why}; write it as p**2 + q**2 <= l * w.")
    sign, side = (1.0, high) if low is None else (-1.0, low)
    squares: list[tuple[Any, float]] = []
    product: list[tuple[Any, Any, float]] = []
    for (a, b), k in zip(repn.quadratic_vars, repn.quadratic_coefs, strict=True):
        if a is b and sign * k > 0:
            squares.append((a, math.sqrt(sign * k)))
        elif k:
            product.append((a, b, -sign * k))
    linear = [(v, -sign * k) for v, k in zip(repn.linear_vars, repn.linear_coefs, strict=True) if k]
    room = sign * (float(side) - repn.constant)
    right = _right_side(product, linear, room, held)
    if right is None or not 1 <= len(squares) <= 2:
        raise SolverError(
            f"constraint {data.name} has squares but is no cone: two squares may stand below a product, a square, or "
            "something linear, as in p**2 + q**2 <= l * w."
        )
    left = [_multiple(v, k, held) for v, k in squares]
    return above_zero(ReadCone(left[0], left[1] if len(left) == 2 else _number(0.0, held), *right), data)


def _right_side(
    product: list[tuple[Any, Any, float]], linear: list[tuple[Any, float]], room: float, held: dict[float, Derived]
) -> tuple[Any, Any] | None:
    """Two factors of the side that is larger; None where it has none."""
    if len(product) > 1 or (product and (linear or room)):
        return None
    if product:
        a, b, k = product[0]
        if k < 0:
            return None
        if a is b:
            side = _multiple(a, math.sqrt(k), held)
            return side, side
        return _multiple(a, k, held), b
    if linear:
        whole = Derived([v for v, _ in linear], [k for _, k in linear], room)
        alone = len(linear) == 1 and linear[0][1] == 1.0 and room == 0.0
        return (linear[0][0] if alone else whole), _number(1.0, held)
    if room < 0:
        return None
    side = _number(math.sqrt(room), held)
    return side, side


def _number(value: float, held: dict[float, Derived]) -> Derived:
    if value not in held:
        held[value] = Derived([], [], value)
    return held[value]


def _multiple(variable: Any, factor: float, held: dict[float, Derived]) -> Any:
    if factor == 1.0:
        return variable
    return Derived([variable], [factor], 0.0)
