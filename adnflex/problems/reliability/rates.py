"""How often elements fail and how long that takes: columns of the net, and published values where it says nothing.

The defaults are the component data of the distribution part of the Roy Billinton Test System (R. N. Allan et al., "A
reliability test system for educational purposes: basic distribution system data and results", IEEE Transactions on
Power Systems 6(2), 1991, pp. 813-820); transformers to low voltage are replaced, not repaired.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from pandapower import pandapowerNet

# Columns of net.line, net.trafo, net.switch, net.ext_grid and net.gen.
HOURS = ("repair_hours", "switching_hours")
#: Tables of what feeds the net from outside.
SOURCES = ("ext_grid", "gen")


class Rate(NamedTuple):
    """What is assumed of an element: failures a year (a km for lines), hours of repair and of switching."""

    failures: float
    repair_h: float
    switching_h: float


_OVERHEAD, _CABLE, _SUBTRANSMISSION = Rate(0.065, 5, 1), Rate(0.04, 30, 3), Rate(0.046, 8, 2)
_DISTRIBUTION, _SUBSTATION, _BULK = Rate(0.015, 10, 1), Rate(0.015, 15, 1), Rate(0.01, 15, 1)
_BREAKERS = ((100.0, Rate(0.0058, 8, 1)), (30.0, Rate(0.002, 4, 1)), (0.0, Rate(0.006, 4, 1)))
# What feeds the net from outside fails as often as the net says, else never.
_SOURCE = Rate(0.0, 1, 1)


def default_rate(net: pandapowerNet, element: str, index: int) -> Rate:
    """Return what is assumed of an element of which the net says nothing.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is only read.
    element, index : str, int
        ``line``, ``trafo``, ``switch`` (between buses), ``ext_grid`` or ``gen``.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> net = pn.mv_oberrhein()
    >>> net.line.at[0, "type"], default_rate(net, "line", 0).repair_h
    ('cs', 30)
    """
    if element == "line":
        row = net.line.loc[index]
        if float(net.bus.at[row["from_bus"], "vn_kv"]) >= 30:
            return _SUBTRANSMISSION
        return _CABLE if row.get("type") == "cs" else _OVERHEAD
    if element == "trafo":
        high, low = (float(net.trafo.at[index, f"vn_{side}_kv"]) for side in ("hv", "lv"))
        return _BULK if high >= 100 else _SUBSTATION if low >= 1 else _DISTRIBUTION
    if element == "switch":
        kv = float(net.bus.at[net.switch.at[index, "bus"], "vn_kv"])
        return next(rate for least, rate in _BREAKERS if kv >= least)
    return _SOURCE


def rates(net: pandapowerNet, elements: Sequence[tuple[str, int]]) -> pd.DataFrame:
    """Return failures a year, hours of repair and of switching, and what of these is assumed.

    Parameters
    ----------
    net : pandapowerNet
        The net, whose columns ``failures_per_km_year`` (lines) or ``failures_per_year`` (others), ``repair_hours`` and
        ``switching_hours`` are read where they have a value; it is only read.
    elements : sequence of (str, int)
        The elements.

    Returns
    -------
    pandas.DataFrame
        One row an element: ``element``, ``index``, ``failures_per_year``, ``repair_hours``, ``switching_hours``,
        ``assumed`` (names of the columns that had no value, separated by commas).
    """
    found = []
    for element, index in elements:
        row, default = net[element].loc[index], default_rate(net, element, index)
        by_length = element == "line"
        names = ("failures_per_km_year" if by_length else "failures_per_year", *HOURS)
        said = [_said(row, name) for name in names]
        values = [d if np.isnan(s) else s for s, d in zip(said, default, strict=True)]
        if by_length:
            values[0] *= float(row["length_km"])
        assumed = [name for name, s in zip(names, said, strict=True) if np.isnan(s)]
        found.append((element, index, *values, ", ".join(assumed)))
    return pd.DataFrame(found, columns=["element", "index", "failures_per_year", *HOURS, "assumed"])


def _said(row: pd.Series, name: str) -> float:
    value = row.get(name)
    return float("nan") if value is None or pd.isna(value) else float(value)
