"""Prices of a rolling schedule, and its sun and wind as arrays."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from adnflex.arrays import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Generators:
    """Sun and wind as arrays of length G: index in ``net.sgen``, node, whether it is sun, rating [MW], cost.

    Attributes
    ----------
    index, node : (G,) int array
        Index in ``net.sgen`` and position of the node.
    sun : (G,) bool array
        Sun (type ``PV``), else wind (``WP``).
    rated_mw : (G,) array
        Rating [MW].
    cost : (G,) array
        Of available energy [money/MWh].
    """

    index: IntArray
    node: IntArray
    sun: BoolArray
    rated_mw: FloatArray
    cost: FloatArray


@dataclass(frozen=True, eq=False)
class Prices:
    """Prices of a day [money/MWh].

    Attributes
    ----------
    buy : (H,) array
        Of purchase.
    ev : (H,) array
        That vehicles pay for what they draw.
    subsidy : float
        Per arriving vehicle [money].
    stored : float
        Value of energy stored at the end of the day, above the least.
    """

    buy: FloatArray
    ev: FloatArray
    subsidy: float
    stored: float


def prices_of(facts: dict[str, Any], given: dict[str, Any], hours: int, findings: list[str]) -> Prices:
    """Read what the caller or the study says of prices; what it does not say of purchase is nothing."""

    def setting(name: str) -> Any:
        return facts.get(name, 0.0) if given[name] is None else given[name]

    def hourly(name: str, value: Any) -> FloatArray:
        array = np.asarray(value, dtype=float)
        if array.ndim > 1 or (array.ndim == 1 and len(array) != hours) or not np.isfinite(array).all():
            findings.append(f"{name} has shape {array.shape}; give a number, or one for each of the {hours} hours.")
            return np.zeros(hours)
        return np.broadcast_to(array, (hours,))

    worth, paid = float(setting("stored_value_per_mwh")), float(setting("ev_subsidy_per_vehicle"))
    for name, value in (("stored_value_per_mwh", worth), ("ev_subsidy_per_vehicle", paid)):
        if not math.isfinite(value):
            findings.append(f"{name} is {value}; give a finite number.")
    own = given["buy_price_per_mwh"]
    bought = hourly("buy_price_per_mwh", 0.0 if own is None else own)
    findings += negative_price(bought)
    return Prices(bought, hourly("ev_price_per_mwh", setting("ev_price_per_mwh")), paid, worth)


def negative_price(bought: FloatArray) -> list[str]:
    """Name the first hour with a negative price of purchase."""
    if not (bought < 0).any():
        return []
    hour = int(np.argmax(bought < 0))
    return [
        f"buy_price_per_mwh is {bought[hour]:g} in hour {hour}; a schedule that can spill would buy without limit at a "
        "negative price, give 0 or more."
    ]
