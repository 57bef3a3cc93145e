"""pandapower's cost tables: ``poly_cost`` and ``pwl_cost``, as a convex cost of every element or refused by name.

A cost belongs to the power as the element's own table counts it (as ``res_<table>.p_mw`` shows it): generation of
``ext_grid``, ``gen`` and ``sgen``, consumption of ``load`` and ``storage``, and of ``dcline`` at its
first end.  For linear costs that is what pandapower's ``runopp`` does.  It turns the sign of the quadratic term of a
consumer, and reads the segments of a consumer at its negative power; both contradict its documentation and are not
followed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

from adnflex.devices.base import Place
from adnflex.devices.cost_curve import NO_COST, CostCurve
from adnflex.devices.inputs import Inputs

# A sgen, load, storage or dcline has a cost only where it is a decision; a source always is.
_TABLES = ("ext_grid", "gen", "sgen", "load", "storage", "dcline")
_REACTIVE = ("cq0_eur", "cq1_eur_per_mvar", "cq2_eur_per_mvar2")
# Slopes that differ by less are one piece.
_SAME = 1e-9


@dataclass(frozen=True)
class TableCost:
    """What a row of a cost table says.

    Attributes
    ----------
    table, row : str, object
        The cost table and the row's index.
    curve : CostCurve
        The cost.
    low, high : float
        Powers that its segments cover [MW]; infinite for a polynomial.
    """

    table: str
    row: Any
    curve: CostCurve
    low: float = -math.inf
    high: float = math.inf

    def __str__(self) -> str:
        return f"{self.table} {self.row}"


def read_cost_tables(net: pandapowerNet, faults: list[str]) -> dict[tuple[str, int], TableCost]:
    """Read the cost of every element that has one.

    Parameters
    ----------
    net : pandapowerNet
        The net; only read.
    faults : list of str
        Gets a sentence for everything that cannot be modelled.

    Returns
    -------
    dict of (table, index) to TableCost
        By element.
    """
    found: dict[tuple[str, int], TableCost] = {}
    rows: dict[tuple[str, int], list[str]] = {}
    for table, read in (("poly_cost", _polynomial), ("pwl_cost", _pieces)):
        costs = net.get(table)
        if not isinstance(costs, pd.DataFrame) or not len(costs):
            continue
        for i, row in costs.iterrows():
            key = (str(row["et"]), int(row["element"]))
            if not _present(net, *key):
                continue
            who = f"{table} {i}"
            rows.setdefault(key, []).append(who)
            cost = read(table, i, row, faults)
            if cost is not None:
                found[key] = cost
    for (et, element), several in rows.items():
        if len(several) > 1:
            faults.append(
                f"{et} {element}: has {len(several)} rows of costs, {', '.join(several)}; which one counts is not "
                "said, so keep one of them."
            )
    return found


def _present(net: pandapowerNet, table: str, element: int) -> bool:
    """Whether an element is there and in service."""
    rows = net.get(table)
    return table in _TABLES and rows is not None and element in rows.index and bool(rows.at[element, "in_service"])


def _number(row: pd.Series, column: str, who: str, faults: list[str]) -> float:
    """Read a coefficient; a missing column is 0, a missing value a fault."""
    if column not in row.index:
        return 0.0
    value = pd.to_numeric(row[column], errors="coerce")
    if not np.isfinite(value):
        faults.append(f"{who}: {column} is {row[column]!r}; give a number, 0 where the term is not wanted.")
        return 0.0
    return float(value)


def _polynomial(table: str, index: Any, row: pd.Series, faults: list[str]) -> TableCost | None:
    who, before = f"{table} {index} of {row['et']} {row['element']}", len(faults)
    for column in _REACTIVE:
        if _number(row, column, who, faults):
            faults.append(
                f"{who}: {column} is {row[column]:g}; a price of reactive power by pandapower's tables is not "
                "modelled; set it to 0 (sgen and shunt have cost_per_mvarh)."
            )
    constant, linear, square = (_number(row, c, who, faults) for c in ("cp0_eur", "cp1_eur_per_mw", "cp2_eur_per_mw2"))
    if square < 0:
        faults.append(
            f"{who}: cp2_eur_per_mw2 is {square:g}; a cost that bends downwards is not convex and not modelled; give 0 "
            "or more."
        )
    if len(faults) > before:
        return None
    return TableCost(table, index, CostCurve(linear, constant, quadratic=square))


def _pieces(table: str, index: Any, row: pd.Series, faults: list[str]) -> TableCost | None:
    """Turn segments ``[from, to, slope]`` into a curve; the first piece goes through the origin, as in pandapower."""
    who, kind = f"{table} {index} of {row['et']} {row['element']}", row.get("power_type", "p")
    if kind != "p":
        faults.append(
            f"{who}: power_type is {kind!r}; a price of reactive power by pandapower's tables is not modelled; drop "
            "the row (sgen and shunt have cost_per_mvarh)."
        )
        return None
    points = _segments(row["points"])
    if points is None:
        faults.append(
            f"{who}: points is {row['points']!r}; give segments [[from_mw, to_mw, price], ...] with numbers and "
            "from_mw < to_mw."
        )
        return None
    for (_, end, slope), (begin, _, following) in pairwise(points):
        if begin != end:
            faults.append(
                f"{who}: a segment ends at {end:g} MW and the next begins at {begin:g} MW; give segments without gaps, "
                "in increasing order."
            )
            return None
        if following < slope - _SAME:
            faults.append(
                f"{who}: the price falls from {slope:g} to {following:g} at {end:g} MW; such a cost is not convex and "
                "not modelled; give prices that do not fall with the power."
            )
            return None
    bends = [
        (begin, following - slope)
        for (_, _, slope), (begin, _, following) in pairwise(points)
        if following > slope + _SAME
    ]
    curve = CostCurve(points[0][2], 0.0, tuple(b for b, _ in bends), tuple(r for _, r in bends))
    return TableCost(table, index, curve, points[0][0], points[-1][1])


def _segments(points: Any) -> list[tuple[float, float, float]] | None:
    try:
        array = np.asarray(points, dtype=float)
    except (TypeError, ValueError):
        return None
    if array.ndim != 2 or array.shape[1] != 3 or not len(array) or not np.isfinite(array).all():
        return None
    if np.any(array[:, 0] >= array[:, 1]):
        return None
    return [(float(a), float(b), float(c)) for a, b, c in array]


def cost_curve(inputs: Inputs, place: Place, own: Sequence[str], range_mw: tuple[float, float]) -> CostCurve:
    """Return the curve that the cost tables give an element.

    Parameters
    ----------
    inputs : Inputs
        Tables, series, faults and notes.
    place : Place
        The element.
    own : sequence of str
        Columns of its own table that say the same; where one is filled as well, that is a fault.
    range_mw : (float, float)
        What its power can be.
    """
    key = (place.table, place.index)
    if key not in inputs.curves:
        return NO_COST
    cost = inputs.curves[key]
    inputs.priced.add(key)
    row = inputs.net[place.table].loc[place.index]
    both = [c for c in own if c in row.index and row[c] is not None and row[c] == row[c]]
    both += [
        c
        for c in own
        if c not in both
        and (place.table, c) in inputs.values
        and not np.isnan(inputs.series(place.table, c, place.index)).all()
    ]
    inputs.require(
        not both,
        place,
        f"has a price in {cost} and in its own {', '.join(both)}; keep one: net.{cost.table}.drop(index={cost.row!r}, "
        "inplace=True), or the column empty (NaN).",
    )
    if range_mw[0] < cost.low - _SAME or range_mw[1] > cost.high + _SAME:
        inputs.notes.append(
            f"{cost} of {place}: its segments cover {cost.low:g} to {cost.high:g} MW; beyond them the outer prices "
            "hold, as in pandapower's runopp."
        )
    return cost.curve


def refuse_cost(inputs: Inputs, place: Place, instead: str) -> None:
    """Collect a fault where a cost table prices a device that has prices of its own kind only."""
    cost = inputs.curves.get((place.table, place.index))
    if cost is None:
        return
    inputs.priced.add((place.table, place.index))
    inputs.require(
        cost.curve.nothing,
        place,
        f"{cost} prices {place.kind}, which is not modelled; drop the row and {instead}.",
    )


def left_over_costs(inputs: Inputs) -> list[str]:
    """Return a note for every cost of an element that is no decision."""
    return [
        f"{cost}: {table} {index} is no decision (not controllable, or switched off), so its cost is the same whatever "
        "is decided and not part of the objective."
        for (table, index), cost in inputs.curves.items()
        if (table, index) not in inputs.priced and not cost.curve.nothing
    ]
