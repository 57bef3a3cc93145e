"""Short-circuit currents on the way, by pandapower's own `calc_sc` (IEC 60909), where the net has the data."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
import pandas as pd
from pandapower import pandapowerNet
from pandapower.shortcircuit import calc_sc

from adnflex.powerflow.structure import source_rows
from adnflex.problems.switching.sequence import FieldSequence

#: Of a step: initial current at the bus where it rises most [kA], the bus, by how much [%].
COLUMNS = ("ikss_ka", "ikss_bus", "ikss_rise_percent")
_NEEDED = {"ext_grid": ("s_sc_max_mva", "rx_max"), "gen": ("vn_kv", "xdss_pu", "rdss_ohm", "cos_phi")}
_NAMED = 3


def missing(net: pandapowerNet) -> list[str]:
    """Name what the sources of a net lack for short-circuit currents.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is only read.

    Examples
    --------
    >>> import pandapower.networks as pn
    >>> missing(pn.case33bw())
    ['ext_grid 0: s_sc_max_mva and rx_max']
    """
    found = []
    for table, index in source_rows(net):
        row = net[table].loc[index]
        lacks = [name for name in _NEEDED[table] if pd.isna(row.get(name))]
        if lacks:
            found.append(f"{table} {index}: {' and '.join(lacks)}")
    return found


def initial_currents(net: pandapowerNet) -> pd.Series:
    """Return the largest initial three-phase short-circuit current of every bus [kA]; NaN where there is no supply.

    Parameters
    ----------
    net : pandapowerNet
        The net; it is not changed.

    Raises
    ------
    ValueError
        If pandapower cannot compute it; says why.
    """
    copy = deepcopy(net)
    try:
        with np.errstate(divide="ignore", invalid="ignore"):
            calc_sc(copy, fault="3ph", case="max")
    except (KeyError, UserWarning, NotImplementedError) as error:
        raise ValueError(str(error)) from error
    found = copy.res_bus_sc["ikss_ka"].astype(float)
    return found.where(np.isfinite(found) & (found > 0))


def rises(states: Sequence[pd.Series]) -> list[dict[str, Any]]:
    """Tell of every state but the first where the current is largest against the larger of both ends.

    Parameters
    ----------
    states : sequence of pandas.Series
        Initial currents by bus [kA], before, on the way, after.

    Examples
    --------
    >>> rises([pd.Series([1.0, 2.0]), pd.Series([1.5, 2.2]), pd.Series([1.0, 2.0])])[0]
    {'ikss_ka': 1.5, 'ikss_bus': 0, 'ikss_rise_percent': 50.0}
    """
    least = np.fmax(states[0], states[-1])
    found = []
    for state in states[1:]:
        rise = (100 * (state / least - 1)).dropna()
        if rise.empty:
            found.append(dict(zip(COLUMNS, (float("nan"), -1, float("nan")), strict=True)))
            continue
        bus = rise.idxmax()
        found.append(dict(zip(COLUMNS, (float(state[bus]), int(bus), float(rise[bus])), strict=True)))
    return found


def short_circuits(found: FieldSequence) -> tuple[list[dict[str, Any]], str]:
    """Tell of every step what short-circuit currents rise to, or why they are not known.

    Parameters
    ----------
    found : FieldSequence
        The operations in their order.

    Returns
    -------
    list of dict, str
        Values of `COLUMNS` by step, and the reason where there are none.
    """
    unknown = dict(zip(COLUMNS, (float("nan"), -1, float("nan")), strict=True))
    lacking = missing(found.states.net)
    if not lacking:
        try:
            return rises([initial_currents(state) for state in found.states.nets(found.sets)]), ""
        except ValueError as error:
            lacking = [f"calc_sc: {' '.join(str(error).split())}"]
    more = f" and {len(lacking) - _NAMED} more" if len(lacking) > _NAMED else ""
    reason = f"short-circuit currents are not told, as the net lacks data: {'; '.join(lacking[:_NAMED])}{more}."
    return [unknown] * (len(found.sets) - 1), reason
