r"""Discrete positions over time, exactly: one binary a position, moves counted by total variation.

.. math::

    \sum_k u_{t,k} = 1, \quad u_{t,k} - u_{t-1,k} \le m_{t,k}, \quad \sum_k m_{t,k} = \text{move}_t \le 1

At binary `u` the sum of the positive changes is 1 where the position changes and 0 where it stays, whatever the
size of the change; in the relaxation it is the largest lower bound that any set of positions gives.

A product of a position and a squared voltage is split exactly: ``v = Σ y_k`` with ``v_min u_k <= y_k <= v_max u_k``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyomo.environ as pyo


def declare_positions(
    block: pyo.Block,
    periods: int,
    count: int,
    initial: int,
    count_moves: bool,
    limits: Iterable[tuple[range, float]] = (),
) -> None:
    """Declare the position of every period.

    Parameters
    ----------
    block : pyomo Block
        Gets ``u`` (binary; period, position) and, where moves count, ``move`` (period).
    periods, count : int
        Number of periods and positions.
    initial : int
        Position before the first period.
    count_moves : bool
        Whether moves cost or are limited.
    limits : iterable of (range, float)
        Periods, and the largest number of moves in them.
    """
    b = block
    span, steps = range(periods), range(count)
    b.u = pyo.Var(span, steps, domain=pyo.Binary)
    b.one = pyo.Constraint(span, rule=lambda _, t: sum(b.u[t, k] for k in steps) == 1)
    if not count_moves:
        return
    b.up = pyo.Var(span, steps, bounds=(0, 1))
    b.move = pyo.Var(span, bounds=(0, 1))
    b.change = pyo.Constraint(
        span,
        steps,
        rule=lambda _, t, k: b.u[t, k] - (b.u[t - 1, k] if t else float(k == initial)) <= b.up[t, k],
    )
    b.moved = pyo.Constraint(span, rule=lambda _, t: sum(b.up[t, k] for k in steps) == b.move[t])
    b.budget = pyo.ConstraintList()
    for some, most in limits:
        b.budget.add(sum(b.move[t] for t in some) <= most)


def declare_split(
    block: pyo.Block, key: Any, v: Any, low: float, high: float, u: Sequence[Any], weights: Sequence[float]
) -> Any:
    """Return ``v · Σ weight_k u_k`` as a linear expression.

    Parameters
    ----------
    block : pyomo Block
        Gets the parts ``y`` and their rows.
    key : hashable
        What tells several splits of one block apart.
    v : variable
        The squared voltage, between `low` and `high`.
    u : sequence of variable
        Exactly one of them is 1.
    weights : sequence of float
        Weight of each position.
    """
    if low == high:
        return pyo.quicksum(w * low * x for w, x in zip(weights, u, strict=True))
    if not hasattr(block, "y"):
        block.y = pyo.VarList(domain=pyo.NonNegativeReals)
        block.split = pyo.ConstraintList()
    parts = []
    for x in u:
        y = block.y.add()
        y.setub(high)
        block.split.add(y <= high * x)
        block.split.add(y >= low * x)
        parts.append(y)
    block.split.add(pyo.quicksum(parts) == v)
    return pyo.quicksum(w * y for w, y in zip(weights, parts, strict=True))


def picked(block: pyo.Block, periods: int, count: int) -> list[int]:
    """Positions of a solved block, by period."""
    return [max(range(count), key=lambda k: pyo.value(block.u[t, k])) for t in range(periods)]


def pin(variable: Any, value: float) -> None:
    """Leave a variable only one value; unlike a fixed one it stays a column of the model."""
    variable.setlb(value)
    variable.setub(value)


def positions_of(block: pyo.Block, periods: int, count: int) -> dict[str, float]:
    """Positions of a solved block by name, ``position:t``."""
    return {f"position:{t}": float(k) for t, k in enumerate(picked(block, periods, count))}


def pin_positions(block: pyo.Block, count: int, decisions: Mapping[str, float]) -> None:
    """Fix the positions that are named."""
    for name, value in decisions.items():
        t = int(name.removeprefix("position:"))
        for k in range(count):
            pin(block.u[t, k], float(k == round(value)))


def stay_at(block: pyo.Block, position: int) -> None:
    """Give the variables of declared positions the values of one position that never changes."""
    for t, k in block.u:
        block.u[t, k].set_value(int(k == position), skip_validation=True)
    for name in ("up", "move"):
        if hasattr(block, name):
            for variable in getattr(block, name).values():
                variable.set_value(0.0, skip_validation=True)
