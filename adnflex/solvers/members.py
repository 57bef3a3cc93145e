"""Very many variables of Pyomo at once: what its properties give and set, by the slots behind them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyomo.environ as pyo
from pyomo.core.staleflag import StaleFlagManager

from adnflex.arrays import BoolArray, FloatArray

# Its bounds are none, and most variables have it.
_REALS = pyo.Reals


def bounds_of(variables: Sequence[Any]) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest values of variables, infinite where there are none; those of fixed ones are their value.

    Examples
    --------
    >>> m = pyo.ConcreteModel()
    >>> m.x, m.y = pyo.Var(bounds=(None, 2)), pyo.Var(domain=pyo.Binary)
    >>> low, high = bounds_of([m.x, m.y])
    >>> low.tolist(), high.tolist()
    ([-inf, 0.0], [2.0, 1.0])
    """
    pairs = [
        (v._lb, v._ub)
        if v._domain is _REALS and v._lb.__class__ in _PLAIN and v._ub.__class__ in _PLAIN
        else (v.lb, v.ub)
        for v in variables
    ]
    low, high = np.array(pairs, dtype=float).reshape(-1, 2).T
    low, high = np.where(np.isnan(low), -np.inf, low), np.where(np.isnan(high), np.inf, high)
    for k in np.flatnonzero(fixed_of(variables)).tolist():
        low[k] = high[k] = float(variables[k].value)
    return low, high


# A bound may be an expression too, and a number of any other kind.
_PLAIN = {float, type(None)}


def fixed_of(variables: Sequence[Any]) -> BoolArray:
    """Whether each variable is fixed."""
    return np.fromiter((v._fixed for v in variables), dtype=bool, count=len(variables))


def integer_of(variables: Sequence[Any]) -> BoolArray:
    """Whether each variable may have whole values only."""
    return np.array([v._domain is not _REALS and not v.is_continuous() for v in variables], dtype=bool)


def set_values(variables: Sequence[Any], values: FloatArray) -> None:
    """Give variables values, as ``set_value(value, skip_validation=True)`` does."""
    now = StaleFlagManager.get_flag(0)
    for variable, value in zip(variables, values.tolist(), strict=True):
        variable._value, variable._stale = value, now


def limit(variables: Sequence[Any], low: FloatArray, high: FloatArray) -> None:
    """Give variables bounds; infinite: none."""
    for variable, least, most in zip(variables, _or_none(low), _or_none(high), strict=True):
        variable._lb, variable._ub = least, most


def _or_none(limits: FloatArray) -> list[float | None]:
    found: list[float | None] = limits.tolist()
    for k in np.flatnonzero(np.isinf(limits)).tolist():
        found[k] = None
    return found
